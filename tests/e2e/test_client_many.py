"""haul get with many downloads: each outcome is learned once, whatever becomes of notifications, results and connections."""
import collections
import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest

from test_client import client, served  # noqa: F401

N = 300  # more than a part of the list, and more than are asked for at once


class Relay:
    """Passes connections on to a daemon; cut() breaks them off. without_ws: no upgrade gets through. lose: the bytes of a WebSocket
    at which they are lost, once; lose_answer: then its next answer is."""

    def __init__(self, port, without_ws=False, lose=None, lose_answer=False):
        self.target, self.without_ws, self.open = port, without_ws, set()
        self.lose, self.lose_answer, self.sent = lose, lose_answer, 0
        self.upgrades = self.refused = self.lost = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d/jsonrpc" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                a, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(a,), daemon=True).start()

    def serve(self, a):
        first = a.recv(65536)
        self.upgrades += b"Upgrade: websocket" in first
        if self.without_ws and b"Upgrade: websocket" in first:
            a.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            a.close()
            return
        try:
            b = socket.create_connection(("127.0.0.1", self.target))
        except OSError:  # it is about to start again
            self.refused += 1
            a.close()
            return
        self.open |= {a, b}
        b.sendall(first)
        threading.Thread(target=self.copy, args=(b, a, True), daemon=True).start()
        self.copy(a, b, False)

    def loses(self, data, is_answer):
        self.sent += 0 if is_answer else len(data)
        if self.lost or self.lose is None or self.sent < self.lose or is_answer != self.lose_answer:
            return False
        self.lost += 1
        return True

    def copy(self, a, b, is_answer):
        try:
            while data := a.recv(65536):
                if self.loses(data, is_answer):
                    break
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        for s in list(self.open):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
        self.cut()


@pytest.fixture
def relay():
    made = []

    def make(*args, **kw):
        made.append(Relay(*args, **kw))
        return made[-1]
    yield make
    for r in made:
        r.close()


def listing(client, hostile, rate="", failing=()):
    """-> names of what must come."""
    with open(client.path("list.txt"), "w") as f:
        for i in range(N):
            what = "/fail/1K/n%03d?times=9&code=404" if i in failing else "/f/20K/n%03d" + rate
            f.write("%s%s\n  out=n%03d\n" % (hostile.base, what % i, i))
    return ["n%03d" % i for i in range(N) if i not in failing]


def fetched(client):
    return sorted(n for n in os.listdir(client.cwd) if re.fullmatch(r"n\d+", n))


def outcomes(text):
    """Of --json: how often each outcome was told; each download is added first and ends once."""
    events = [json.loads(line) for line in text.splitlines()]
    added, ended = [e["gid"] for e in events if e["event"] == "added"], collections.Counter()
    for i, e in enumerate(events):
        if e["event"] in ("complete", "error", "removed"):
            ended[e["gid"]] += 1
            assert any(x["gid"] == e["gid"] for x in events[:i] if x["event"] == "added")
    assert len(set(added)) == len(added) == N and ended == collections.Counter(added)
    return dict(collections.Counter(e["event"] for e in events if e["event"] in ("complete", "error", "removed")))


@pytest.fixture
def quick(make_hauld, client):  # noqa: F811
    d = make_hauld("--max-concurrent-downloads=16")
    client.url = d.url
    return d


@pytest.mark.parametrize("how", ["-q", "--json", "--no-conf"])
def test_failures_among_many(quick, client, hostile, how):  # noqa: F811
    want = listing(client, hostile, failing=(7, 260))
    r = client.run("get", how, "-i", "list.txt")
    assert r.returncode == 3 and fetched(client) == want
    if how == "-q":
        assert r.stdout == r.stderr == ""
    elif how == "--json":
        assert outcomes(r.stdout) == {"complete": N - 2, "error": 2}
        ends = [json.loads(line) for line in r.stdout.splitlines() if '"complete"' in line]
        assert sorted(e["path"] for e in ends) == [client.path(n) for n in want] and {e["done"] for e in ends} == {20480}
    else:
        assert sorted(re.findall(r"Download complete: (\S+)", r.stdout)) == [client.path(n) for n in want]
        assert [len(re.findall("n%03d.*code 3" % i, r.stderr)) for i in (7, 260)] == [1, 1]


@pytest.mark.parametrize("how", ["-q", "--json"])
def test_results_that_are_forgotten_at_once(make_hauld, client, hostile, how):  # noqa: F811
    """The daemon keeps two results: what a notification said of the others holds."""
    client.url = make_hauld("--max-concurrent-downloads=16", "--max-download-result=2").url
    want = listing(client, hostile, failing=(100,))
    r = client.run("get", how, "-i", "list.txt")
    assert r.returncode in (1, 3) and fetched(client) == want
    assert how == "-q" or outcomes(r.stdout) == {"complete": N - 1, "error": 1}


@pytest.mark.parametrize("what", ["connection", "daemon", "websocket"])
@pytest.mark.parametrize("how", ["-q", "--json"])
def test_notifications_that_do_not_come(quick, client, hostile, relay, tools, what, how):  # noqa: F811
    """Connections are cut or the daemon is killed while it downloads; or there is no WebSocket from the beginning."""
    listing(client, hostile, rate="?rate=400K", failing=(290,))
    r = relay(quick.port, without_ws=what == "websocket")
    client.url = r.url
    p = client.start("get", how, "-i", "list.txt")
    stat = lambda: {k: int(v) for k, v in quick.rpc("aria2.getGlobalStat").items()}
    if what != "websocket":
        tools.wait_for(lambda: sum(map(stat().get, ("numStopped", "numActive", "numWaiting"))) == N and stat()["numStopped"] > 50)
    if what == "daemon":
        quick.kill()
        since = time.monotonic()
        tools.wait_for(lambda: r.refused >= 12)
        assert time.monotonic() - since > 1  # it has seconds to come back
        quick.start()
    r.cut()
    out, _ = p.communicate(timeout=60)
    assert p.returncode == 3, out
    assert len(fetched(client)) == N - 1 and r.upgrades > (what != "websocket")
    assert how == "-q" or outcomes(out) == {"complete": N - 1, "error": 1}


@pytest.mark.parametrize("answer", [False, True])
@pytest.mark.parametrize("how", ["-q", "--json"])
def test_a_part_that_is_lost_is_given_again(quick, client, hostile, relay, how, answer):  # noqa: F811
    """The connection breaks off while the list is given: in the middle of a request, or before its answer."""
    want = listing(client, hostile, failing=(290,))
    r = relay(quick.port, lose=20000, lose_answer=answer)
    client.url = r.url
    got = client.run("get", how, "-i", "list.txt")
    assert got.returncode == 3 and r.lost == 1 and fetched(client) == want, got
    assert sorted(os.listdir(client.cwd)) == sorted(want + ["list.txt"])  # none twice
    assert how == "-q" or outcomes(got.stdout) == {"complete": N - 1, "error": 1}


def test_what_fails_is_called_by_its_uri(quick, client, hostile):  # noqa: F811
    with open(client.path("list.txt"), "w") as f:
        f.write("".join("%s/%s\n" % (hostile.base, p) for p in ("f/1K/a", "fail/1K/b?times=9&code=404", "fail/1K/c?times=9&code=404")))
    r = client.run("get", "--no-conf", "-j1", "-i", "list.txt")
    assert r.returncode == 3 and [re.search(r"\b%s: .*code 3" % n, r.stderr) is not None for n in "bc"] == [True, True], r.stderr


def test_a_list_that_is_cut_off(quick, client, hostile):  # noqa: F811
    """Read as it is needed: what can be read is fetched, and what is wrong behind it is told."""
    text = "".join("%s/f/1K/n%03d\n  out=n%03d\n" % (hostile.base, i, i) for i in range(40)).encode()
    with open(client.path("list.gz"), "wb") as f:
        f.write(gzip.compress(text, 0)[:-400])
    r = client.run("get", "-q", "--deferred-input=true", "-i", "list.gz")
    assert r.returncode != 0 and "list.gz" in r.stderr, r
    assert 20 < len(fetched(client)) < 40


def test_what_is_known_among_what_is_new(quick, client, hostile):  # noqa: F811
    """Each GID is tried first: what the daemon knows goes on, is retried or is fetched once more, all in their order."""
    url = lambda i: hostile.base + "/f/1K/k%d" % i
    quick.complete(client.ok("add", "--dir=" + client.cwd, url(0)).strip())
    paused = client.ok("add", "--pause=true", "--dir=" + client.cwd, "--gid=00000000000000b1", url(1)).strip()
    with open(client.path("list.txt"), "w") as f:
        f.write(url(0) + "\n")
        for i, gid in ((1, "b1"), (2, "b2"), (3, "b1"), (2, "b2")):
            f.write("%s\n  gid=00000000000000%s\n" % (url(i), gid))
    r = client.run("add", "--dir=" + client.cwd, "-i", "list.txt")
    gids, lines = r.stdout.split(), r.stderr.splitlines()
    assert r.returncode == 1 and len(lines) == 2 and "/k3: " in lines[0] and "/k2: " in lines[1], r.stderr
    assert len(gids) == 3 and gids[1] == paused and gids[2] == "00000000000000b2"
    for gid in gids:
        quick.complete(gid)
    assert sorted(n for n in os.listdir(client.cwd) if n[0] == "k") == ["k0", "k0.1", "k1", "k2"]


def test_a_list_that_was_edited(quick, client, hostile):  # noqa: F811
    """Lines come, go and move between two runs: each download is found again, also the second of two that are the same."""
    line = lambda n: "%s/f/%s/%s?rate=20M\n" % (hostile.base, "64K" if n[0] == "k" else "4M", n)

    def write(*order):
        with open(client.path("list.txt"), "w") as f:
            f.write("".join(map(line, order)))
    write("k0", "m1", "m2", "k3", "k3")
    before = client.ok("add", "--pause=true", "--dir=" + client.cwd, "-i", "list.txt").split()
    assert len(set(before)) == 5
    quick.rpc("aria2.changeOption", before[1], {"max-download-limit": "2M"})
    quick.rpc("aria2.unpause", before[1])  # it has a part
    quick.received(before[1], 1)
    client.ok("pause", before[1])
    write("m2", "k4", "m1", "k3", "k3")
    client.ok("get", "-q", "--max-download-limit=0", "-i", "list.txt")
    assert quick.complete(before[1]) == client.path("m1")
    assert sorted(n for n in os.listdir(client.cwd) if n[0] in "km") == ["k3", "k3.1", "k4", "m1", "m2"]
    assert [quick.status(g)["status"] for g in before] == ["paused"] + ["complete"] * 4
    assert len(quick.rpc("aria2.tellStopped", 0, 99)) == 5 and len(quick.rpc("aria2.tellWaiting", 0, 99)) == 1


def test_many_over_real_aria2(client, hostile, tools):  # noqa: F811
    """It has no keys of ours, and its notifications are not the last word."""
    if not shutil.which("aria2c"):
        pytest.skip("no aria2c here")
    port = tools.free_port()
    client.url = "http://127.0.0.1:%d/jsonrpc" % port
    want = listing(client, hostile, failing=(150,))
    p = subprocess.Popen(["aria2c", "--no-conf", "--enable-rpc", "--rpc-listen-port=%d" % port, "-q", "-j16"], cwd=client.cwd)
    try:
        tools.wait_for(lambda: client.run("stat").returncode == 0)
        for how in ("-q", "--json"):
            r = client.run("get", how, "--dir=" + client.cwd, "--allow-overwrite=true", "-i", "list.txt")
            assert r.returncode == 3, r
            assert fetched(client) == want
            assert how == "-q" or outcomes(r.stdout) == {"complete": N - 1, "error": 1}
    finally:
        p.kill()
        p.wait()
