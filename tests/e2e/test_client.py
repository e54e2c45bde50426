"""haul, the client: every command, `haul get` in all its ways, private daemons, what is shown where."""
import http.server
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from replykit import Origin
from screen import Terminal

MIB = 1 << 20
COMMANDS = ["get", "add", "ls", "show", "watch", "pause", "resume", "rm", "mv", "set", "limit", "stat", "purge", "shutdown", "help"]


class Client:
    """haul with a home and a working folder of its own."""

    def __init__(self, folder, tools):
        self.home, self.cwd = str(folder / "home"), str(folder / "work")
        self.tools = tools
        self.exe = os.path.join(tools.build, "haul")
        self.url = None
        self.started = []
        os.mkdir(self.home)
        os.mkdir(self.cwd)

    def env(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("HAUL_", "XDG_", "NO_COLOR"))}
        env.update(HOME=self.home, **more)
        if self.url and "HAUL_URL" not in env:
            env["HAUL_URL"] = self.url
        return env

    def run(self, *args, stdin=None, **env):
        return subprocess.run([self.exe, *args], cwd=self.cwd, env=self.env(**env), input=stdin, capture_output=True, text=True,
                              timeout=60)

    def ok(self, *args, **kw):
        r = self.run(*args, **kw)
        assert r.returncode == 0 and not r.stderr, (r.returncode, r.stdout, r.stderr)
        return r.stdout

    def fails(self, code, *args, **kw):
        """-> the one line on stderr."""
        r = self.run(*args, **kw)
        assert r.returncode == code, (r.returncode, r.stdout, r.stderr)
        assert r.stderr.startswith("haul: ") and r.stderr.count("\n") == 1, r.stderr
        return r.stderr

    def start(self, *args, **env):
        p = subprocess.Popen([self.exe, *args], cwd=self.cwd, env=self.env(**env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        self.started.append(p)
        return p

    def terminal(self, *args, cols=80, rows=24, **env):
        t = Terminal([self.exe, *args], cols, rows, self.cwd, self.env(**env))
        self.started.append(t)
        return t

    def shell(self, script, **kw):
        t = Terminal(["bash", "--norc", "-c", script], 80, 24, self.cwd, self.env(HAUL=self.exe), **kw)
        self.started.append(t)
        return t

    def stop(self):
        for p in self.started:
            if isinstance(p, Terminal):
                p.close()
            elif p.poll() is None:
                p.kill()
                p.communicate()

    def path(self, *name):
        return os.path.join(self.cwd, *name)

    def states(self):
        """Folders of private daemons."""
        folder = os.path.join(self.home, ".local/state/haul/get")
        return os.listdir(folder) if os.path.isdir(folder) else []

    def daemons(self):
        """Processes of private daemons: they have our home in their arguments."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                line = open("/proc/%s/cmdline" % pid, "rb").read()
            except OSError:
                continue
            if self.home.encode() in line and line.startswith(b"hauld"):
                found.append(int(pid))
        return found

    def gone(self):
        return not self.daemons()


@pytest.fixture
def client(tmp_path, tools):
    c = Client(tmp_path, tools)
    yield c
    c.stop()
    left = c.daemons()
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, "private daemons were left behind"


@pytest.fixture
def served(client, hauld):
    """A client whose daemon is `hauld`."""
    client.url = hauld.url
    return client


def add_paused(hauld, n):
    return [hauld.add("http://127.0.0.1:9/f%d" % i, pause="true") for i in range(n)]


@pytest.fixture
def locked(tools, tmp_path):
    """A daemon with the secret "open sesame"."""
    class Locked(tools.Hauld):
        def answers(self):
            try:
                return super().answers()
            except Exception as e:
                assert "Unauthorized" in str(e)
                return True
    d = Locked(tmp_path / "locked", "--rpc-secret=open sesame").start()
    yield d
    d.stop()


# ---- the queue ----

def test_add_prints_gids(served, hauld, hostile):
    out = served.ok("add", "-Z", hostile.base + "/f/1K/a", hostile.base + "/f/1K/b", "--dir=sub", "--pause=true")
    gids = [j["gid"] for j in hauld.rpc("aria2.tellWaiting", 0, 10)]
    assert out.split() == gids and len(gids) == 2
    assert {hauld.rpc("aria2.getOption", g)["dir"] for g in gids} == {served.path("sub")}
    event = json.loads(served.ok("add", "--json", hostile.base + "/f/1K/c"))
    assert event == {"event": "added", "gid": event["gid"], "uri": hostile.base + "/f/1K/c"}
    secret = served.ok("add", "--json", "--pause=true", hostile.base.replace("://", "://me:s3cret@") + "/f/1K/d")
    assert json.loads(secret)["uri"] == hostile.base + "/f/1K/d"
    assert hauld.complete(event["gid"]) == os.path.join(hauld.dir, "c")


def test_a_dry_run_says_that_nothing_came(served, hostile, hauld):
    uri = hostile.base + "/f/1M/a"
    end = json.loads(served.ok("get", "--dry-run", "--json", uri).splitlines()[-1])
    assert (end["event"], end["done"], end["total"], end["speed"]) == ("complete", 0, MIB, 0), end
    t = served.terminal("get", "--dry-run", uri)
    assert t.wait() == 0
    t.until_text("a  1.0MiB, not fetched (dry-run)")
    assert os.listdir(hauld.dir) == [] and hostile.sent() == 0


def test_a_gid_that_is_of_another_download(served, hauld, hostile):
    """While it has not ended it is not taken for what was asked for; the same URL, however it is written, goes on."""
    gid, old, new = "00000000000000a1", hostile.base + "/f/1K/a b", hostile.base + "/f/1K/c"
    assert served.ok("add", "--pause=true", "--gid=" + gid, old) == gid + "\n"
    for command in (["add"], ["get"], ["add", old]):
        line = served.fails(1, command[0], "--gid=" + gid, *command[1:], new)
        assert gid in line and new in line and "another URI" in line, line
    assert hauld.status(gid)["status"] == "paused"
    assert served.ok("add", "--pause=true", "--gid=" + gid, old) == gid + "\n"
    hauld.rpc("aria2.remove", gid)
    served.ok("add", "--gid=" + gid, new)  # it has ended
    assert hauld.complete(gid).endswith("/c")


def test_add_says_what_a_running_daemon_will_not_take(served, hauld):
    r = served.run("add", "--pause=true", "-j", "3", "http://127.0.0.1:9/f")
    assert r.returncode == 0 and r.stderr.count("\n") == 1 and "max-concurrent-downloads" in r.stderr and "haul set --global" in r.stderr


def test_ls(served, hauld, hostile):
    gids = add_paused(hauld, 2)
    done = hauld.add(hostile.base + "/f/1K/a/done.bin")
    hauld.complete(done)
    lines = served.ok("ls").splitlines()
    assert lines[0].split() == ["GID", "STATE", "DONE", "SIZE", "SPEED", "ETA", "NAME"] and len(lines) == 4
    rows = {line.split()[-1]: line.split() for line in lines[1:]}
    assert rows["done.bin"][1:4] == ["complete", "100%", "1.0KiB"] and rows["f0"][1] == "paused"
    assert done.startswith(rows["done.bin"][0])
    assert [json.loads(x)["gid"] for x in served.ok("ls", "--json", "paused").splitlines()] == gids
    assert served.ok("ls", "active") == ""
    assert "'nonsense'" in served.fails(28, "ls", "nonsense")


def test_show(served, hauld, hostile):
    gid = hauld.add(hostile.base + "/f/8M/a/x.bin?rate=1M", split=2, max_connection_per_server=2, min_split_size="1M",
                    http_passwd="s3cret")
    hauld.received(gid, 1)
    out = served.ok("show", gid[:8])
    for part in (gid, "x.bin", "active", "of 8.0MiB", hostile.base + "/f/8M/a/x.bin", "split=2", "http-passwd=(secret)"):
        assert part in out, part
    assert re.search(r"Connections +\d to %s, " % re.escape(hostile.base), out)
    data = json.loads(served.ok("show", "--json", gid))
    assert (data["gid"], data["options"]["split"], data["totalLength"]) == (gid, "2", str(8 * MIB))
    assert "s3cret" not in out + json.dumps(data)
    bad = hauld.add(hostile.base + "/fail/1M/a?times=9&code=404")
    hauld.wait(bad)
    out = served.ok("show", bad)
    assert "code 3" in out and "What to do" in out
    assert "0000000000000000" in served.fails(1, "show", "0000000000000000")


def test_show_says_why_it_waits(served, hauld, hostile):
    gid = hauld.add(hostile.base + "/fail/1M/a?times=9&code=503", retry_wait=30, max_tries=0)
    why = served.tools.wait_for(lambda: hauld.status(gid, "haul.wait").get("haul.wait"))
    assert re.search(r"^Waits +waiting \d+ s for 127\.0\.0\.1: .*503", served.ok("show", gid), re.M), why
    assert json.loads(served.ok("show", "--json", gid))["haul.wait"].startswith("waiting ")
    hauld.rpc("aria2.changeGlobalOption", {"max-concurrent-downloads": "1"})
    behind = hauld.add(hostile.base + "/f/1K/b")
    assert re.search(r"^Waits +for its turn \(max-concurrent-downloads is 1\)$", served.ok("show", behind), re.M)
    assert served.ok("show", gid).count("Waits ") == served.ok("show", behind).count("Waits ") == 1
    paused = hauld.add(hostile.base + "/f/1K/c", pause="true")
    assert "Waits" not in served.ok("show", paused)


def test_stat(served, hauld):
    add_paused(hauld, 3)
    out = served.ok("stat")
    assert hauld.url in out and "3 waiting" in out and hauld.dir in out
    assert json.loads(served.ok("stat", "--json"))["stat"]["numWaiting"] == "3"


def test_pause_resume_rm(served, hauld, hostile):
    gids = [hauld.add(hostile.base + "/f/8M/%s?rate=500K" % s) for s in "ab"]
    for g in gids:
        hauld.received(g, 1)
    assert served.ok("pause", gids[0][:7]) == ""
    assert hauld.status(gids[0])["status"] == "paused"
    assert hauld.status(gids[1])["status"] == "active"
    served.ok("pause", "--all", "--force")
    assert hauld.status(gids[1])["status"] == "paused"
    served.ok("resume", gids[1])
    hauld.wait(gids[1], "active")
    served.ok("resume", "--all")
    hauld.wait(gids[0], "active")
    served.ok("rm", gids[0], gids[1])
    assert [hauld.status(g)["status"] for g in gids] == ["removed", "removed"]
    served.ok("rm", gids[0])
    assert [j["gid"] for j in hauld.rpc("aria2.tellStopped", 0, 10)] == [gids[1]]
    assert served.ok("purge") == ""
    assert hauld.rpc("aria2.tellStopped", 0, 10) == []


def test_one_wrong_gid_does_not_spare_the_others(served, hauld):
    gids = add_paused(hauld, 2)
    assert "ffffffff" in served.fails(1, "resume", "ffffffffffffffff", gids[0])
    assert hauld.status(gids[0])["status"] != "paused"


@pytest.mark.parametrize("gid,place,order", [(3, "first", "3012"), (0, "last", "1230"), (0, "2", "1023"), (3, "-1", "0132"),
                                             (1, "+2", "0231"), (2, "-2", "2013")])
def test_mv(served, hauld, gid, place, order):
    gids = add_paused(hauld, 4)
    assert served.ok("mv", gids[gid], place) == "%d\n" % (order.index(str(gid)) + 1)
    assert [j["gid"] for j in hauld.rpc("aria2.tellWaiting", 0, 9)] == [gids[int(i)] for i in order]


def test_set_and_limit(served, hauld):
    a, b = add_paused(hauld, 2)
    served.ok("set", a, b, "split=7", "header=X-A: 1")
    assert [hauld.rpc("aria2.getOption", g)["split"] for g in (a, b)] == ["7", "7"]
    served.ok("set", "--global", "max-concurrent-downloads=9")
    assert hauld.rpc("aria2.getGlobalOption")["max-concurrent-downloads"] == "9"
    served.ok("limit", "2M")
    served.ok("limit", a, "300K")
    assert hauld.rpc("aria2.getGlobalOption")["max-overall-download-limit"] == str(2 * MIB)
    assert hauld.rpc("aria2.getOption", a)["max-download-limit"] == str(300 << 10)
    served.ok("limit", "none")
    assert hauld.rpc("aria2.getGlobalOption")["max-overall-download-limit"] == "0"


@pytest.mark.parametrize("args,part", [
    (["set", "{}", "splt=7"], "splt"), (["set", "{}", "split=0"], "split"), (["set", "split=7"], "--global"), (["set", "{}"], "NAME=VALUE"),
    (["set", "--global", "out=x"], "give its GID"),
    (["set", "{}", "max-concurrent-downloads=3"], "give --global"), (["set", "{}", "rpc-secret=x"], "hauld starts"),
    (["limit", "fast"], "fast"), (["limit"], "speed"), (["mv", "{}", "up"], "up"), (["mv", "{}"], "usage"),
    (["pause"], "--all"), (["resume", "--all", "{}"], "--all"), (["rm"], "which"), (["show"], "which"), (["stat", "x"], "'x'"),
    (["purge", "x"], "'x'"), (["ls", "--frob"], "--frob"), (["frobnicate"], "frobnicate"), (["help", "frob"], "'frob'"),
    (["get", "--split=0", "http://a/"], "split"), (["get", "-x"], "--max-connection-per-server"), (["ls", "--json=5"], "--json"),
    (["get", "--checksum=sha-256=12", "http://a/"], "checksum"), ([], "haul help"), (["http://a/"], "haul get"),
    (["--url=ftp://x", "ls"], "http://"), (["get", "--allowed-dirs=/x", "http://a/"], "hauld"), (["get", "--help=#nope"], "#all")])
def test_wrong_usage(served, hauld, args, part):
    gid = add_paused(hauld, 1)[0]
    assert part in served.fails(28, *[a.replace("{}", gid) for a in args])
    assert len(hauld.rpc("aria2.tellWaiting", 0, 9)) == 1


@pytest.mark.parametrize("args,part", [(["add"], "URL"), (["get", "notes.txt"], "notes.txt"), (["get", "magnet:?xt=1"], "magnet"),
                                       (["get", "-P", "http://a/[1-"], "]"), (["get", "/etc/passwd"], "-i")])
def test_nothing_usable_is_code_1(served, args, part):
    """As with aria2c."""
    assert part in served.fails(1, *args)


@pytest.mark.parametrize("flags", [[], ["--force"]])
def test_shutdown(served, hauld, hostile, flags):
    """When it is back port and state directory are free, also where a slow server holds up the end."""
    gid = hauld.add(hostile.base + "/f/8M/b?rate=100K")
    hauld.received(gid, 1)
    for _ in range(2):
        old = hauld.p
        assert served.ok("shutdown", *flags) == ""
        hauld.out.close()
        hauld.start()
        assert old.wait(20) == 0
    assert hauld.status(gid, "status")["status"] == "active"


NO_PATIENCE = r"""
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>
/* The wait for the end is of up to 15 s. */
int poll(struct pollfd *p, nfds_t n, int ms)
{
    return syscall(SYS_poll, p, n, ms > 10000 && ms <= 15000 ? 10 : ms);
}
int __poll_chk(struct pollfd *p, nfds_t n, int ms, size_t size)
{
    return poll(p, n, ms);
}
"""


def test_shutdown_of_a_daemon_that_goes_on(fake, client, tools, preload):
    fake(lambda method: {"result": "OK"})
    done = tools.haul("shutdown", url=client.url, env=preload(NO_PATIENCE))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "haul: the daemon was told to end, but has not ended within 15 s\n"


def test_help(client):
    every = client.ok("help")
    assert every == client.ok("--help")
    man = client.ok("--print=man")
    for name in COMMANDS:
        assert re.search(r"^  %s +\S" % name, every, re.M), name
        assert client.ok("help", name) == client.ok(name, "--help")
        assert "\n.B %s " % name in man
    assert "--min-split-size" in client.ok("help", "get")
    assert re.match(r"haul \d+\.\d+\.\d+\n$", client.ok("--version"))
    assert client.ok("get", "-v") == client.ok("--version")
    for text in [every] + [client.ok("help", name) for name in COMMANDS]:
        assert max(map(len, text.splitlines())) <= 80


def test_add_goes_on_with_what_it_knows(served, hauld, hostile, tools):
    """A failed download is tried again under its GID, an unfinished one is not added twice, a complete one is fetched again."""
    args = ["add", hostile.base + "/fail/64K/a?times=1&code=404&id=added"]
    gid = served.ok(*args).strip()
    assert hauld.wait(gid)["errorCode"] == "3"
    assert served.ok(*args).strip() == gid
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256("64K", "a")
    assert [j["gid"] for j in hauld.rpc("aria2.tellStopped", 0, 9)] == [gid]
    assert served.ok(*args).strip() != gid
    slow = ["add", "--split=1", hostile.base + "/f/8M/b?rate=1M"]
    gid = served.ok(*slow).strip()
    assert served.ok(*slow).strip() == gid and hauld.rpc("aria2.getGlobalStat")["numActive"] in "12"
    hauld.rpc("aria2.forcePause", gid)
    hauld.wait(gid, "paused")
    assert served.ok(*slow, "--pause=true").strip() == gid and hauld.status(gid)["status"] == "paused"
    assert served.ok(*slow).strip() == gid
    hauld.wait(gid, "active")


# ---- get: one running daemon ----

def test_the_line_that_people_know(served, hostile, tools):
    r = served.run("get", "-x", "16", "-s", "16", "-k", "1M", "--continue=true", "--dir", "D", "--out", "F.bin", hostile.base + "/f/16M/a?rate=4M")
    assert r.returncode == 0, r.stderr
    assert os.listdir(served.path("D")) == ["F.bin"]
    assert tools.sha256_of(served.path("D", "F.bin")) == hostile.sha256("16M", "a")
    assert len([x for x in hostile.log() if x["status"] == 206]) >= 8
    assert "[NOTICE] Download complete: D/F.bin\n" in r.stdout and re.search(r"^[0-9a-f]{6}\|OK  \| +\S+/s\|D/F\.bin$", r.stdout, re.M)


def test_continue_takes_over_another_programs_part(served, hostile, tools):
    right = hostile.get("/f/4M/a")
    with open(served.path("part.bin"), "wb") as f:
        f.write(right[:3 * MIB])
    hostile.get("/_reset")
    served.ok("get", "-c", "-o", "part.bin", hostile.base + "/f/4M/a?rate=2M")
    assert tools.sha256_of(served.path("part.bin")) == hostile.sha256("4M", "a")
    assert hostile.sent() <= 2 * MIB


@pytest.mark.parametrize("path,args,code,part", [
    ("/fail/1M/a/n.bin?times=9&code=404", [], 3, "n.bin"), ("/fail/1M/a?times=9&code=401", [], 24, "--http-user"),
    ("/f/1M/a", ["--checksum=sha-256=" + "0" * 64], 32, "--checksum"), ("/redir-loop/1M/a", [], 23, "redirect")])
def test_exit_code_is_the_downloads(served, hostile, path, args, code, part):
    line = served.fails(code, "get", *args, hostile.base + path)
    assert part in line and "(code %d)" % code in line
    assert [n for n in os.listdir(served.cwd) if not n.endswith(".part")] == []


def test_exit_code_of_several(served, hostile):
    r = served.run("get", "-Z", hostile.base + "/fail/1M/a?times=9&code=404", hostile.base + "/f/1M/b")
    assert r.returncode == 3 and os.path.exists(served.path("b"))
    assert r.stderr.count("\n") == 1


def test_names_are_resolved_or_told(served):
    assert "nowhere.invalid" in served.fails(19, "get", "-m1", "http://nowhere.invalid/f")


def test_interrupt_pauses_what_was_given(served, hauld, hostile, tools):
    p = served.start("get", hostile.base + "/f/2M/a?rate=1M", "-s1")
    gid = tools.wait_for(lambda: hauld.rpc("aria2.tellActive"))[0]["gid"]
    hauld.received(gid, 1)
    p.send_signal(signal.SIGINT)
    out, _ = p.communicate(timeout=20)
    assert p.returncode == 7 and "haul resume " + gid[:8] in out
    hauld.wait(gid, "paused")
    served.ok("resume", gid[:8])
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256("2M", "a")


def test_the_same_command_continues_in_a_running_daemon(served, hauld, hostile, tools):
    args = ["get", "-s1", hostile.base + "/f/4M/a/same.bin?rate=4M"]
    p = served.start(*args)
    tools.wait_for(lambda: hostile.sent() >= MIB)
    p.send_signal(signal.SIGINT)
    assert p.wait(20) == 7
    served.ok(*args)
    assert os.listdir(served.cwd) == ["same.bin"] and tools.sha256_of(served.path("same.bin")) == hostile.sha256("4M", "a")
    assert hostile.sent() <= 5 * MIB
    served.ok(*args)
    assert sorted(os.listdir(served.cwd)) == ["same.1.bin", "same.bin"]
    assert len(hauld.rpc("aria2.tellStopped", 0, 9)) == 2


def test_what_failed_is_tried_again(served, hauld, hostile):
    args = ["get", hostile.base + "/fail/1M/a?times=1&code=404&id=again"]
    served.fails(3, *args)
    served.ok(*args)
    assert [j["status"] for j in hauld.rpc("aria2.tellStopped", 0, 9)] == ["complete"]


def test_what_failed_goes_on_where_it_was(served, hauld, tools):
    """A server falls silent after three quarters, and does not answer again until the second command."""
    content = random.Random(1).randbytes(4 * MIB)
    healthy = threading.Event()

    def answer(c):
        fields = c.request.split("\r\n")
        start = next((int(f.split("=")[1].split("-")[0]) for f in fields if f.lower().startswith("range:")), 0)
        end = len(content) if healthy.is_set() else 3 * MIB
        if start < end:
            c.send(b"HTTP/1.1 206 Partial Content\r\nConnection: close\r\nETag: \"1\"\r\nContent-Length: %d\r\nContent-Range: bytes %d-%d/%d\r\n\r\n"
                   % (len(content) - start, start, len(content) - 1, len(content)))
            c.send(content[start:end])
        c.wait_for_end()
    with Origin(answer) as origin:
        args = ["get", "-s1", "--max-tries=1", "--timeout=1", "--stall-timeout=1", origin.base + "/part.bin"]
        served.fails(2, *args)
        assert os.listdir(served.cwd) == ["part.bin.part"]
        healthy.set()
        served.ok(*args)
        assert os.listdir(served.cwd) == ["part.bin"] and open(served.path("part.bin"), "rb").read() == content
        assert sum(origin.sent) <= 5 * MIB


def test_after_a_wrong_checksum_the_name_is_the_same(served, hauld, hostile, tools):
    url = hostile.base + "/f/1M/a/sum.bin"
    served.fails(32, "get", "--checksum=sha-256=" + "0" * 64, url)
    served.fails(32, "get", "--checksum=sha-256=" + "0" * 64, url)
    assert hostile.sent() == 2 * MIB
    served.ok("get", "--checksum=sha-256=" + hostile.sha256("1M", "a"), url)
    assert os.listdir(served.cwd) == ["sum.bin"] and tools.sha256_of(served.path("sum.bin")) == hostile.sha256("1M", "a")


def test_what_was_removed_comes_back(served, hauld, hostile, tools):
    args = ["get", "-s1", hostile.base + "/f/4M/a/back.bin?rate=4M"]
    p = served.start(*args)
    gid = tools.wait_for(lambda: hauld.rpc("aria2.tellActive"))[0]["gid"]
    hauld.received(gid, MIB)
    served.ok("rm", gid)
    p.wait(20)
    served.ok(*args)
    assert os.listdir(served.cwd) == ["back.bin"] and tools.sha256_of(served.path("back.bin")) == hostile.sha256("4M", "a")
    assert hostile.sent() <= 5 * MIB
    assert [j["gid"] for j in hauld.rpc("aria2.tellStopped", 0, 9)] == [gid]


@pytest.mark.parametrize("how,state", [("-q", "active"), ("--json", "active"), ("--json", "paused")])
def test_what_somebody_removed_is_no_success(served, hauld, hostile, tools, how, state):
    """While it runs and while it waits, and however the command learns of it: nobody shall go on as if there were a file."""
    p = served.start("get", how, "-s1", hostile.base + "/f/4M/a?rate=1M")
    gid = tools.wait_for(lambda: hauld.rpc("aria2.tellActive"))[0]["gid"]
    if state == "paused":
        served.ok("pause", gid)
    served.ok("rm", gid)
    if state == "active":  # there is a result then
        served.ok("purge")
    out, _ = p.communicate(timeout=30)
    assert p.returncode == 31, out
    last = json.loads(out.splitlines()[-1]) if how == "--json" else {"event": "removed", "code": 31}
    assert (last["event"], last["code"]) == ("removed", 31)


def test_what_the_daemon_does_not_know_any_more(client, fake):
    """Its end is not known: that is no success, and nobody says that it was removed."""
    fake(lambda m, *_: {"result": "0123456789abcdef" if m == "aria2.addUri" else []} if m != "aria2.tellStatus" else
         {"error": {"code": 1, "message": "GID 0123456789abcdef is not found"}})
    line = client.fails(1, "get", "http://h/file")
    assert "file: the daemon has forgotten it, and how it ended is not known (code 1)" in line


def test_removed_from_a_private_daemon(client, hostile, tools):
    """As with aria2c, which counts it as ended well."""
    p = client.start("get", "--private", "-s1", hostile.base + "/f/8M/a?rate=1M")
    tools.wait_for(lambda: hostile.sent() > 0)
    url = "unix:../home/.local/state/haul/get/%s/rpc.sock" % client.states()[0]
    gid = json.loads(client.ok("--url", url, "ls", "--json"))["gid"]
    client.ok("--url", url, "rm", gid)
    out, _ = p.communicate(timeout=30)
    assert p.returncode == 0 and "RM  |" in out, out


def test_a_retry_without_the_bad_option(served, hostile):
    url = hostile.base + "/f/1M/a/sum.bin"
    served.fails(32, "get", "--checksum=sha-256=" + "0" * 64, url)
    served.ok("get", url)
    assert os.listdir(served.cwd) == ["sum.bin"]


def test_a_file_that_can_not_be_continued_stays_each_time(served, hostile):
    """It went back to its name, which a second try must not take for somebody else's."""
    with open(served.path("mine"), "wb") as f:
        f.write(b"k" * 400000)
    for _ in range(2):
        served.fails(8, "get", "-c", "-o", "mine", hostile.base + "/norange/1M/a")
        assert os.listdir(served.cwd) == ["mine"] and os.path.getsize(served.path("mine")) == 400000


def test_real_aria2_tries_again_too(client, hostile, tools):
    """It has no haul.retry."""
    if not shutil.which("aria2c"):
        pytest.skip("no aria2c here")
    port = tools.free_port()
    client.url = "http://127.0.0.1:%d/jsonrpc" % port
    p = subprocess.Popen(["aria2c", "--no-conf", "--enable-rpc", "--rpc-listen-port=%d" % port, "-q"], cwd=client.cwd)
    try:
        tools.wait_for(lambda: client.run("stat").returncode == 0)
        args = ["get", "--dir=" + client.cwd, hostile.base + "/fail/1M/a?times=1&code=404&id=real"]
        client.fails(3, *args)
        client.ok(*args)
        assert tools.sha256_of(client.path("a")) == hostile.sha256("1M", "a")
    finally:
        p.kill()
        p.wait()


def test_nohup_means_it(served, hauld, hostile, tools):
    p = subprocess.Popen([served.exe, "get", "-q", hostile.base + "/f/1M/a?rate=1M"], cwd=served.cwd, env=served.env(),
                         preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    gid = tools.wait_for(lambda: hauld.rpc("aria2.tellActive"))[0]["gid"]
    hauld.received(gid, 1)
    p.send_signal(signal.SIGHUP)
    assert p.wait(20) == 0
    assert hauld.status(gid)["status"] == "complete"


def test_the_daemon_may_die_and_come_back(served, hauld, hostile, tools):
    p = served.start("get", hostile.base + "/f/4M/a?rate=3M", "-s1")
    gid = tools.wait_for(lambda: hauld.rpc("aria2.tellActive"))[0]["gid"]
    hauld.received(gid, MIB)
    hauld.kill()
    hauld.start()
    out, _ = p.communicate(timeout=30)
    assert p.returncode == 0, out
    assert tools.sha256_of(served.path("a")) == hostile.sha256("4M", "a")


def listing(hostile):
    """An input file, and what must come of it."""
    text = "# comment\n%s/f/1K/a\n  out=one.bin\n  dir=in\n  checksum=sha-256=%s\n\n%s/f/2K/b\t%s/f/2K/b\n header=X-Mine: yes\n" % (
        hostile.base, hostile.sha256("1K", "a"), hostile.base, hostile.base)
    return text, {"in/one.bin": ("1K", "a"), "b": ("2K", "b")}


@pytest.mark.parametrize("how", ["file", "stdin"])
def test_input_file(served, hostile, tools, how):
    text, files = listing(hostile)
    with open(served.path("list.txt"), "w") as f:
        f.write(text)
    served.ok("get", "-i", "list.txt" if how == "file" else "-", stdin=text)
    os.unlink(served.path("list.txt"))
    for name, (size, seed) in files.items():
        assert tools.sha256_of(served.path(name)) == hostile.sha256(size, seed), name
    assert sorted(os.listdir(served.cwd)) == ["b", "in"]
    log = hostile.log()
    assert {("X-Mine", "yes") in map(tuple, r["headers"]) for r in log if "/2K/" in r["line"]} == {True}
    assert {("X-Mine", "yes") in map(tuple, r["headers"]) for r in log if "/1K/" in r["line"]} == {False}


@pytest.mark.parametrize("text,code,part", [("http://a/\n  split=0\n", 28, "list.txt:2"), (None, 1, "list.txt")])
def test_wrong_input_file(served, hauld, text, code, part):
    if text is not None:
        with open(served.path("list.txt"), "w") as f:
            f.write(text)
    r = served.run("get", "-i", "list.txt")
    assert r.returncode == code and part in r.stderr and r.stderr.count("\n") == 1, r
    assert hauld.rpc("aria2.tellStopped", 0, 9) == []


def test_words_can_stand_for_many(served, hostile, tools):
    served.ok("get", "-Z", "-P", hostile.base + "/f/1K/{a,b}/n[1-2].bin", hostile.base + "/f/1K/c")
    names = sorted(os.listdir(served.cwd))
    assert names == ["c", "n1.1.bin", "n1.bin", "n2.1.bin", "n2.bin"], names
    sums = sorted(tools.sha256_of(served.path(n)) for n in names)
    assert sums == sorted(hostile.sha256("1K", s) for s in "aabbc")


def test_mirrors_share_the_work(served, hostile, tools):
    other = "http://127.0.0.1:%d" % (hostile.port + 1)
    served.ok("get", "-s4", "-x2", "-k1M", hostile.base + "/f/8M/a?rate=4M", other + "/f/8M/a?rate=4M")
    assert tools.sha256_of(served.path("a")) == hostile.sha256("8M", "a")
    assert {r["port"] for r in hostile.log()} == {hostile.port, hostile.port + 1}


def test_headers_reach_the_wire(served, hostile):
    served.ok("get", "--header=X-One: 1", "--header", "X-Two: 2", "--user-agent=Tester/1", "--referer=http://from/", "-q", hostile.base + "/f/1K/a")
    sent = {k.lower(): v for k, v in hostile.log()[-1]["headers"]}
    assert (sent["x-one"], sent["x-two"], sent["user-agent"], sent["referer"]) == ("1", "2", "Tester/1", "http://from/")


# ---- get: what it shows ----

def test_json(served, hostile):
    r = served.run("get", "--json", "-Z", hostile.base + "/f/4M/a?rate=3M", hostile.base + "/fail/1M/a?times=9&code=404", "-s1")
    assert r.returncode == 3 and r.stderr == ""
    events = [json.loads(line) for line in r.stdout.splitlines()]
    gids = [e["gid"] for e in events if e["event"] == "added"]
    assert len(gids) == 2
    moves = [e for e in events if e["event"] == "progress" and e["gid"] == gids[0]]
    assert moves and all(e["total"] == 4 * MIB and 0 <= e["done"] <= 4 * MIB for e in moves)
    last = [next(e for e in reversed(events) if e["gid"] == g) for g in gids]
    assert (last[0]["event"], last[0]["path"], last[0]["done"]) == ("complete", served.path("a"), 4 * MIB)
    assert (last[1]["event"], last[1]["code"]) == ("error", 3) and last[1]["error"]
    assert events[-1] == last[0]


@pytest.mark.parametrize("cols", [24, 45, 80, 132])
def test_bars(served, hostile, cols):
    long = "a-name-that-is-far-too-long-for-any-column-of-the-screen-日本語-and-still-goes-on.bin"
    t = served.terminal("get", "-Z", "-s1", hostile.base + "/f/1200K/a/" + long + "?rate=1M", hostile.base + "/f/600K/b/short.bin?rate=1M",
                        hostile.base + "/chunked/64K/c/chunked.bin", cols=cols)
    t.until(lambda s: re.search(r"[1-9]\d?%", s.text()))
    assert not t.echo()
    t.type("typed in the middle")
    assert t.wait() == 0
    assert t.echo()
    assert t.screen.wrapped == (cols < 120)  # only by the lines about what is complete, which are never cut
    lines = t.screen.text().replace("\n", "")
    for name in (long, "short.bin", "chunked.bin"):
        assert re.search(re.escape(name) + r"  \S+iB in \S+s \(\S+/s\)", lines), (name, lines)
    assert "%" not in lines and "done" not in lines and "typed" not in t.raw
    assert t.screen.cursor


def bar_rows(screen):
    return [x for x in screen.text().split("\n") if "%" in x]


def test_bars_keep_their_columns(served, hostile):
    t = served.terminal("get", "-Z", "-s1", hostile.base + "/f/6M/a/first.bin?rate=4M", hostile.base + "/f/900K/b/second.bin?rate=600K")
    seen = []

    def both(s):
        seen.append([x.rstrip() for x in s.text().split("\n") if "/s " in x])
        return "6.0MiB in" in s.text()
    t.until(both)
    rows = [r for rows in seen for r in rows]
    odd = [r for r in rows if len(r) != 79 or not re.search(r"(\d+c|done.*) {2,}(\d+s|-)$", r)]
    assert rows and not odd
    assert t.wait() == 0


def test_a_window_made_narrower(served, hostile):
    t = served.terminal("get", "-s1", hostile.base + "/f/3M/a/resized.bin?rate=2M", cols=120)
    t.until_text("resized.bin")
    mark = len(t.raw)
    t.resize(50, 24)
    t.until(lambda s: "resized.bin" in t.raw[mark:])
    assert t.wait() == 0
    assert "━" not in t.screen.text().split("\n")[-1]


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_a_stopped_bar_leaves_the_terminal_as_it_was(served, hauld, hostile, sig):
    t = served.terminal("get", "-s1", hostile.base + "/f/8M/a/bar.bin?rate=1M")
    t.until(lambda s: re.search(r"bar\.bin +[1-9]\d?%", s.text()))
    assert not t.echo()
    os.kill(t.pid, sig)
    assert t.wait() == 7
    assert t.echo() and "%" not in t.screen.text() and "haul resume" in t.screen.text()


def test_ctrl_z_and_back(served, hostile, tools):
    t = served.shell('set -m; "$HAUL" get -s1 "%s"; echo STOPPED $?; read go; fg >/dev/null; echo ENDED $?' % (hostile.base + "/f/3M/a/z.bin?rate=1M"))
    t.until(lambda s: re.search(r"z\.bin +[1-9]\d?%", s.text()))
    t.type("\x1a")
    t.until_text("STOPPED 148")
    assert t.echo() and "%" not in t.screen.text()
    t.type("go\n")
    t.until(lambda s: re.search(r"z\.bin +[1-9]\d?%", s.text()))
    assert not t.echo()
    t.until_text("ENDED 0")
    t.wait()
    assert t.echo() and tools.sha256_of(served.path("z.bin")) == hostile.sha256("3M", "a")


def test_nothing_is_drawn_from_the_background(served, hostile):
    t = served.shell('set -m; "$HAUL" get -s1 "%s" & echo PROMPT; wait; echo ENDED $?' % (hostile.base + "/f/1M/a/bg.bin?rate=1M"))
    t.until_text("ENDED 0")
    t.wait()
    assert "━" not in t.raw and "%" not in t.raw and "bg.bin  1.0MiB in " in t.raw


WAITS = "waiting [0-9]+ s for 127.0.0.1: The response status is not successful. status=429"


def test_get_says_why_it_waits(served, hostile, tools):
    """Once for each reason, in each of its ways to talk."""
    uri = hostile.base + "/fail/1K/a?code=429&times=1&after=3&id="
    out = served.run("get", uri + "pipe", "--summary-interval=0").stdout
    assert len(re.findall(r"\[NOTICE\] Download GID#[0-9a-f]{16} is " + WAITS, out)) == out.count("waiting ") == 1, out
    events = [json.loads(x) for x in served.run("get", "--json", uri + "json").stdout.splitlines()]
    waits = [e for e in events if e["event"] == "waiting"]
    assert len(waits) == 1 and re.fullmatch(WAITS, waits[0]["reason"]) and waits[0]["gid"] == events[0]["gid"]
    t = served.terminal("get", uri + "bars")
    t.wait()
    assert len(re.findall("haul: .*: " + WAITS, t.raw)) == 1, t.raw
    assert "waiting" not in served.run("get", "-q", uri + "quiet").stdout


@pytest.mark.parametrize("how", ["unpause", "retry", "pause"])
def test_a_user_breaks_a_wait(served, hauld, hostile, tools, how):
    """The server asked for an hour."""
    gid = hauld.add(hostile.base + "/fail/1K/a?code=503&times=1&after=3600&id=" + how)
    tools.wait_for(lambda: re.match("waiting [0-9]+ min for", hauld.status(gid, "haul.wait").get("haul.wait", "")))
    if how == "retry":
        assert hauld.rpc("haul.retry", gid) == gid
    else:
        if how == "pause":
            served.ok("pause", gid)
        assert hauld.rpc("aria2.unpause", gid) == gid
    hauld.complete(gid, timeout=30)


EVIL = "%1b%5b2J%0aevil%07%e2%80%ae"


def test_names_are_printed_harmless(served, hauld, hostile):
    """A name may hold anything: it never reaches the terminal raw (the screen would raise)."""
    gid = hauld.add(hostile.base + "/f/1K/a/" + EVIL, pause="true")
    for args in (["ls"], ["show", gid], ["get", hostile.base + "/fail/1K/a/" + EVIL + "?times=9&code=404"], ["get", hostile.base + "/f/1K/a/" + EVIL],
                 ["get", hostile.base + "/f/400K/b/" + EVIL + "?rate=1M"]):
        t = served.terminal(*args, cols=200)
        t.wait()
        assert "evil" in t.screen.text() and "\u202e" not in t.raw, args
        r = served.run(*args)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", r.stdout + r.stderr), args


# ---- private daemons ----

def test_private_daemon_comes_and_goes(client, hostile, tools):
    with socket.socket() as s:
        if s.connect_ex(("127.0.0.1", 6800)) == 0:
            pytest.skip("somebody answers on port 6800")
    out = client.ok("get", "-s2", "-x2", "-k1M", hostile.base + "/f/4M/a/p.bin")
    assert "Download complete: %s\n" % client.path("p.bin") in out
    assert tools.sha256_of(client.path("p.bin")) == hostile.sha256("4M", "a")
    assert os.listdir(client.cwd) == ["p.bin"]
    assert client.gone() and client.states() == []


@pytest.mark.parametrize("path,code", [("/fail/1M/a?times=9&code=404", 3), ("/fail/1M/a?times=9&code=401", 24)])
def test_private_failure_leaves_nothing(client, hostile, path, code):
    client.fails(code, "get", "--private", hostile.base + path)
    assert client.gone() and client.states() == [] and os.listdir(client.cwd) == []


def test_private_daemon_that_can_not_start(client, tmp_path, hostile):
    alone = str(tmp_path / "bin")
    os.mkdir(alone)
    client.exe = alone + "/haul"
    os.link(os.path.join(client.tools.build, "haul"), client.exe) if os.stat(alone).st_dev == os.stat(client.tools.build).st_dev else \
        subprocess.run(["cp", os.path.join(client.tools.build, "haul"), client.exe], check=True)
    line = client.fails(1, "get", "--private", hostile.base + "/f/1K/a", PATH="/nonexistent")
    assert "hauld" in line and "install" in line
    assert client.states() == []


def receive(client, hostile, tools, args, n):
    """Starts haul and waits until n bytes have left the origin."""
    p = client.start(*args)
    tools.wait_for(lambda: p.poll() is not None or hostile.sent() >= n)
    assert p.poll() is None, p.communicate()
    return p


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_same_command_continues(client, hostile, tools, sig):
    args = ["get", "--private", "-x4", "-s4", "-k1M", "-o", "c.bin", hostile.base + "/f/24M/a?rate=6M"]
    p = receive(client, hostile, tools, args, 10 * MIB)
    assert client.daemons()
    p.send_signal(sig)
    out, _ = p.communicate(timeout=20)
    if sig != signal.SIGKILL:
        assert p.returncode == 7 and "the same command again continues" in out
        assert client.gone()
    else:
        tools.wait_for(client.gone, 10)
    assert os.listdir(client.cwd) == ["c.bin.part"] and len(client.states()) == 1
    client.ok(*args)
    assert tools.sha256_of(client.path("c.bin")) == hostile.sha256("24M", "a")
    assert os.listdir(client.cwd) == ["c.bin"] and client.states() == []
    assert hostile.sent() <= (24 + 4) * MIB


def test_killed_and_repeated_at_once(client, hostile, tools):
    """The second command waits for the first one's daemon to end."""
    args = ["get", "--private", "-s1", hostile.base + "/f/4M/a?rate=2M"]
    p = receive(client, hostile, tools, args, MIB)
    p.kill()
    client.ok(*args)
    p.communicate()
    assert tools.sha256_of(client.path("a")) == hostile.sha256("4M", "a")


def test_the_same_command_twice_at_a_time(client, hostile, tools):
    args = ["get", "--private", "-s1", hostile.base + "/f/2M/a?rate=2M"]
    p = receive(client, hostile, tools, args, 1)
    assert "running already" in client.fails(1, *args)
    out, _ = p.communicate(timeout=20)
    assert p.returncode == 0, out


def test_daemon_options_count_for_a_private_one(client, hostile):
    client.ok("get", "--private", "-Z", "-j1", *[hostile.base + "/f/64K/%s" % s for s in "abc"])
    log = hostile.log()
    assert len(log) == 3 and sorted(os.listdir(client.cwd)) == ["a", "b", "c"]


# ---- finding the daemon ----

def test_urls(client, make_hauld):
    one, two = make_hauld(name="one"), make_hauld(name="two")
    client.url = one.url
    assert one.dir in client.ok("stat")
    assert two.dir in client.ok("--url", two.url, "stat")
    assert two.dir in client.ok("stat", "--url=" + two.url)
    assert two.dir in client.ok("stat", "--url=" + two.url.replace("/jsonrpc", ""))


def test_secrets(client, locked, tmp_path):
    client.url = locked.url
    right, wrong, empty = (str(tmp_path / n) for n in ("right", "wrong", "empty"))
    for path, text in ((right, "open sesame\nnot this\n"), (wrong, "guess\n"), (empty, "")):
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o600)
    for args, env in ((["ls"], {}), (["get", "http://127.0.0.1:9/"], {"HAUL_SECRET_FILE": wrong})):
        assert "--secret-file" in client.fails(1, *args, **env)
    assert "0 active" in client.ok("stat", HAUL_SECRET_FILE=right)
    assert client.ok("ls", "--secret-file", right, HAUL_SECRET_FILE=wrong) == ""
    client.ok("add", "--rpc-secret=open sesame", "--pause=true", "http://127.0.0.1:9/")
    assert "empty" in client.fails(1, "ls", "--secret-file", empty)
    assert "can't be read" in client.fails(1, "ls", "--secret-file", empty + "x")
    os.chmod(right, 0o644)
    r = client.run("ls", HAUL_SECRET_FILE=right)
    assert r.returncode == 0 and "chmod 600" in r.stderr and "sesame" not in r.stderr


@pytest.mark.parametrize("args", [["ls"], ["get", "http://127.0.0.1:9/f"], ["watch"], ["shutdown"]])
def test_nobody_answers(client, tools, args):
    client.url = "http://127.0.0.1:%d/jsonrpc" % tools.free_port()
    if args == ["watch"]:
        t = client.terminal(*args)
        assert t.wait() == 1
        text = t.screen.text()
    else:
        text = client.fails(1, *args)
    assert client.url in text and "refused" in text and "hauld" in text


def test_somebody_else_answers(client, nginx):
    client.url = nginx.base + "/jsonrpc"
    assert "not a download daemon (HTTP 40" in client.fails(1, "ls")


@pytest.fixture
def error_page():
    """error_page(STATUS, BODY) -> the URL of a server that answers everything so."""
    servers = []

    def use(status, body):
        class Page(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return "http://127.0.0.1:%d/jsonrpc" % server.server_port
    yield use
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("status,body,part", [(401, b'"unauthorized"', "a user and a password"), (404, b"404", "(HTTP 404)"),
                                              (404, b"null", "(HTTP 404)"), (502, b"<html>", "(HTTP 502)"), (503, b"", "(HTTP 503)")])
def test_an_error_page_is_told_by_its_status(client, error_page, status, body, part):
    """Also one that is a JSON value."""
    client.url = error_page(status, body)
    assert part in client.fails(1, "ls")


class Fake(http.server.BaseHTTPRequestHandler):
    """A daemon whose answers come from server.reply(method, parameters...); server.turn counts requests."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        calls = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.turn += 1
        body = json.dumps([dict(self.server.reply(c["method"], *c["params"]), id=c["id"], jsonrpc="2.0") for c in calls]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def fake(client):
    """Makes client talk to a daemon with the given answers."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fake)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def use(reply):
        server.reply, server.turn = reply, 0
        client.url = "http://127.0.0.1:%d/jsonrpc" % server.server_port
        return server
    yield use
    server.shutdown()
    server.server_close()


BAD = "x\x1b[2J\n\u202ey\x07"
BAD_JOB = {"gid": "\x1b[2J\x1b[1;1Hxxxxxx", "status": BAD, "totalLength": BAD, "errorMessage": BAD, "dir": BAD,
           "files": [{"path": BAD, "uris": [{"uri": BAD}]}]}
BAD_RESULTS = {"aria2.tellActive": [BAD_JOB], "aria2.tellWaiting": [], "aria2.tellStopped": [], "aria2.addUri": BAD,
               "aria2.getVersion": {"version": BAD}, "aria2.getGlobalStat": {"numActive": BAD}, "aria2.getGlobalOption": {"dir": BAD},
               "aria2.getOption": {BAD: BAD}, "aria2.getServers": [{"servers": [{"currentUri": BAD, "downloadSpeed": BAD}]}]}


@pytest.mark.parametrize("errors", [False, True])
def test_a_lying_daemon_does_not_reach_the_terminal(client, fake, errors):
    fake(lambda m, *_: {"error": {"code": 1, "message": BAD}} if errors else {"result": BAD_RESULTS.get(m, BAD_JOB)})
    for args in (["ls"], ["show", "aa"], ["stat"], ["add", "http://a/b"], ["pause", "aa"], ["rm", "aa"], ["mv", "aa", "1"], ["purge"]):
        r = client.run(*args)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", r.stdout + r.stderr), (args, r)
        assert r.returncode == (1 if errors else 0) or args[0] == "mv", (args, r)


@pytest.mark.parametrize("args", [["pause", "0123456789abcdef"], ["rm", "0123456789abcdef"], ["pause", "--all"]])
def test_commands_come_back_when_it_is_done(client, fake, args):
    """The daemon agrees at once and stops a little later: `haul pause` waits for that."""
    asked, active = [], {"gid": "0123456789abcdef", "status": "active"}

    def reply(method, *_):
        asked.append(method)
        looks = sum(m.startswith("aria2.tell") for m in asked)
        if method == "aria2.tellActive":
            return {"result": [active] if looks < 4 else []}
        return {"result": dict(active, status="active" if looks < 4 else "paused") if method == "aria2.tellStatus" else "OK"}
    fake(reply)
    client.ok(*args)
    assert sum(m.startswith("aria2.tell") for m in asked) == 4


def test_ctrl_c_comes_back_when_all_is_paused(client, fake, tools):
    """The same command at once would find a download that is still active, and wait for one that nobody lets go on."""
    asked, looks, active = [], [], {"status": "active"}

    def reply(method, *params):
        asked.append(method)
        if method == "aria2.addUri":
            active["gid"] = params[1]["gid"]
        if "aria2.pause" in asked and method.startswith("aria2.tell"):
            looks.append(method)
        if method == "aria2.tellActive":
            return {"result": [active] if len(looks) < 5 else []}
        return {"result": dict(active, status="active" if len(looks) < 5 else "paused") if method == "aria2.tellStatus" else active["gid"]}
    fake(reply)
    p = client.start("get", "http://h/f")
    tools.wait_for(lambda: "aria2.tellActive" in asked)
    p.send_signal(signal.SIGINT)
    out, _ = p.communicate(timeout=20)
    assert p.returncode == 7 and len(looks) == 5, (out, looks)


@pytest.mark.parametrize("jobs", [6, 2600])
def test_a_list_that_moves_while_it_is_read(client, fake, jobs):
    """From one call to the next two downloads start and two that ran end; each is listed, and once."""
    gids = ["%06x0000000000" % (i + 1) for i in range(jobs)]

    def reply(method, *params):
        ended = min(2 * server.turn, jobs)
        lists = {"aria2.tellActive": gids[ended:ended + 2], "aria2.tellWaiting": gids[ended + 2:], "aria2.tellStopped": gids[:ended]}
        if method != "aria2.tellActive":
            lists[method] = lists[method][params[0]:params[0] + params[1]]
        return {"result": [{"gid": g, "status": method} for g in lists[method]]}
    server = fake(reply)
    assert sorted(json.loads(line)["gid"] for line in client.ok("ls", "--json").splitlines()) == gids
    assert {len(line.split()[0]) for line in client.ok("ls").splitlines()[1:]} == {6}


# ---- watch ----

@pytest.mark.parametrize("cols,rows", [(80, 24), (50, 10)])
def test_watch(served, hauld, hostile, cols, rows):
    running = hauld.add(hostile.base + "/f/8M/a/running-with-a-name-that-needs-room.bin?rate=2M", split=1)
    gids = add_paused(hauld, 12)
    t = served.terminal("watch", cols=cols, rows=rows)
    t.until(lambda s: re.search(r"%s +active +[1-9]\d?%%" % running[:8], s.text()))
    s = t.screen
    assert s.alternate is not None and not s.cursor and not t.echo()
    assert not s.wrapped and len(s.lines) <= rows
    assert re.match(r"1 active, 12 waiting, 0 ended   [0-9.]+.iB/s( |$)", s.lines[0]), s.lines[0]
    assert "q quits" in s.lines[rows - 1] and gids[0][:8] in s.text()
    if rows == 10:
        assert "of 13" in s.lines[rows - 1] and gids[11][:8] not in s.text()
        t.type("\x1b[6~\x1b[6~\x1b[6~")
        t.until_text(gids[11][:8])
        t.resize(cols, rows + 10)
        t.until_text(running[:8])
    hauld.rpc("aria2.pause", running)
    t.until(lambda s: re.search(r"%s +paused" % running[:8], s.text()))
    t.type("q")
    assert t.wait() == 0
    assert s.alternate is None and s.cursor and t.echo() and s.text() == ""


@pytest.mark.parametrize("how", ["\x03", signal.SIGTERM, signal.SIGHUP])
def test_watch_ends_clean(served, hauld, how):
    t = served.terminal("watch")
    t.until_text("No downloads.")
    if isinstance(how, str):
        t.type(how)
    else:
        os.kill(t.pid, how)
    assert t.wait() == 0
    assert t.screen.alternate is None and t.screen.cursor and t.echo()


def test_watch_outlives_the_daemon(served, hauld):
    add_paused(hauld, 1)
    t = served.terminal("watch", cols=100)
    t.until_text("paused")
    hauld.kill()
    t.until_text("trying again")
    assert "paused" in t.screen.text()
    hauld.start()
    t.until(lambda s: "trying again" not in s.text() and "paused" in s.text())
    t.type("q")
    assert t.wait() == 0


def test_watch_wants_a_terminal_and_the_secret(client, locked):
    client.url = locked.url
    assert "terminal" in client.fails(1, "watch")
    t = client.terminal("watch", cols=150)
    assert t.wait() == 1
    assert "--secret-file" in t.screen.text() and t.screen.alternate is None
