"""A long queue: what it costs in memory, and that one who asks for all of it holds up nobody."""
import json
import select
import signal
import socket

import pytest

from replykit import measurable, memory
from rpckit import WebSocket, request

JOBS, WARM = 20000, 5000


def bytes_of(d):
    return memory(d, "VmRSS") * 1024


def fill(d, first, n, paused="true"):
    for at in range(first, n, 5000):
        batch = [request("aria2.addUri", ["https://cdn.example.org/pub/releases/2026/11/project-%07d/archive-%07d-x86_64.tar.zst" % (i, i)],
                         {"pause": paused, "out": "f%d" % i, "split": "4", "user-agent": "some browser/1.0", "max-tries": "3"}, id=i)
                 for i in range(at, min(n, at + 5000))]
        assert all("result" in r for r in json.loads(d.post(json.dumps(batch).encode())))


@pytest.fixture
def full(make_hauld):
    d = make_hauld("--rpc-max-request-size=8M")
    fill(d, 0, WARM)  # what requests and commits of this size need for themselves is there then
    before = bytes_of(d)
    fill(d, WARM, JOBS)
    d.grown = (bytes_of(d) - before) / (JOBS - WARM)
    return d


def whole_answer(s):
    s.settimeout(60)
    got = b""
    while b"\r\n\r\n" not in got:
        got += s.recv(1 << 16)
    head, _, body = got.partition(b"\r\n\r\n")
    want = int(next(f for f in head.split(b"\r\n") if f.lower().startswith(b"content-length:")).split(b":")[1])
    while len(body) < want:
        body += s.recv(1 << 20)
    return json.loads(body)["result"]


def post(s, method, *params):
    body = json.dumps(request(method, *params)).encode()
    s.sendall(b"POST /jsonrpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def outs(d, n):
    return [f["files"][0]["path"].rsplit("/", 1)[1] for f in d.rpc("aria2.tellWaiting", 0, n, ["files"])]


def test_memory_order_and_restart(full):
    """A waiting download costs at most 1.5 KB, also when it was loaded; all are there after a restart, in their order, and an end
    with many of them is orderly."""
    d = full
    measured = measurable()
    if measured:
        assert d.grown < 1500, d.grown
    assert d.rpc("aria2.changePosition", d.rpc("aria2.tellWaiting", -1, 1, ["gid"])[0]["gid"], 0, "POS_SET") == 0
    want = ["f%d" % (JOBS - 1)] + ["f%d" % i for i in range(JOBS - 1)]
    assert outs(d, JOBS) == want
    for sig in (signal.SIGTERM, signal.SIGKILL):
        d.kill(sig)
        d.start()
        assert int(d.rpc("aria2.getGlobalStat")["numWaiting"]) == JOBS
        if measured:
            assert bytes_of(d) < 1500 * JOBS + (24 << 20), bytes_of(d)
        assert outs(d, JOBS) == want
        o = d.rpc("aria2.getOption", d.rpc("aria2.tellWaiting", 7, 1, ["gid"])[0]["gid"])
        assert (o["split"], o["user-agent"], o["out"], o["max-tries"]) == ("4", "some browser/1.0", "f6", "3")


def overtakes(d, ask_all, read_all):
    """Does a small call that was sent after one for the whole list get its answer first? The list is right in any case."""
    other = socket.create_connection(("127.0.0.1", d.port))
    post(other, "aria2.getVersion")
    whole_answer(other)
    s = ask_all()
    post(other, "aria2.getVersion")
    first = select.select([s, other], [], [], 60)[0] == [other]
    assert "version" in whole_answer(other)
    assert [int(e["files"][0]["path"].rsplit("/f", 1)[1]) for e in read_all()] == list(range(JOBS))
    other.close()
    return first


def test_a_call_for_all_holds_up_nobody(full):
    """It is written piece by piece, others have their turn between. On a busy machine the small call may come too late to tell."""
    s = socket.create_connection(("127.0.0.1", full.port))

    def ask_all():
        post(s, "aria2.tellWaiting", 0, JOBS, ["files"])
        return s
    assert any(overtakes(full, ask_all, lambda: whole_answer(s)) for _ in range(10))
    w = WebSocket.to(full)

    def ask_all_there():
        w.send(request("aria2.tellWaiting", 0, JOBS, ["files"]))
        return w.s
    assert any(overtakes(full, ask_all_there, lambda: w.recv()["result"]) for _ in range(10))
    w.close()


def test_who_leaves_before_the_list_is_whole(full):
    """What was being written for him is given up; calls that came behind on a WebSocket are answered in order."""
    for _ in range(20):
        s = socket.create_connection(("127.0.0.1", full.port))
        post(s, "aria2.tellWaiting", 0, JOBS)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        s.close()
    w = WebSocket.to(full)
    for i in range(3):
        w.send(request("aria2.tellWaiting", 0, JOBS, ["gid"], id="all%d" % i))
        w.send(request("aria2.getVersion", id="small%d" % i))
    assert [w.recv()["id"] for _ in range(6)] == ["all0", "small0", "all1", "small1", "all2", "small2"]
    w.close()
    assert full.rpc("aria2.getVersion")


def test_a_uri_once_for_each_connection(hauld):
    """However many connections: the URIs of tellStatus and tellWaiting are those of getUris."""
    gid = hauld.add("http://127.0.0.1:9/a", pause="true", split=16, max_connection_per_server=16)
    want = hauld.rpc("aria2.getUris", gid)
    assert [u["uri"] for u in want] == ["http://127.0.0.1:9/a"] * 16
    assert hauld.status(gid)["files"][0]["uris"] == want
    assert hauld.rpc("aria2.tellWaiting", 0, 10)[0]["files"][0]["uris"] == want
