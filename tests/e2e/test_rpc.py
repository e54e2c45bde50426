"""The RPC of a real daemon over every transport: order, limits, durability, who may call."""
import base64
import gzip
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
import xmlrpc.client

import pytest

from conftest import Hauld, free_port
from rpckit import SECRET, SecretHauld, UnixConnection, WebSocket, ask, request

NOWHERE = "http://127.0.0.1:1/"


@pytest.fixture
def paused(make_hauld):
    """A daemon with five paused downloads a to e."""
    d = make_hauld()
    d.gids = [d.add(NOWHERE + n, pause="true", out=n) for n in "abcde"]
    return d


def order(d):
    return [w["files"][0]["path"][-1] for w in d.rpc("aria2.tellWaiting", 0, 100, ["files"])]


# ---- WebSocket ----

def test_notifications_in_order(hauld, hostile):
    w = WebSocket.to(hauld)
    other = WebSocket.to(hauld)
    assert w.status == 101
    gid, before = w.call("aria2.addUri", [hostile.base + "/f/4M/a?rate=1M"])
    assert before == []
    event = lambda name: {"jsonrpc": "2.0", "method": "aria2.onDownload" + name, "params": [{"gid": gid}]}
    assert w.recv() == event("Start")
    assert w.call("aria2.pause", gid) == (gid, [])
    assert w.recv() == event("Pause")
    assert w.call("aria2.unpause", gid) == (gid, [])
    assert w.recv() == event("Start")
    assert w.call("aria2.changeOption", gid, {"max-download-limit": "0"}) == ("OK", [])
    assert w.call("aria2.remove", gid) == (gid, [])
    assert w.recv() == event("Stop")
    assert w.call("aria2.tellStatus", gid, ["status"]) == ({"status": "removed"}, [])
    seen = [other.recv()["method"][16:] for _ in range(4)]
    assert seen == ["Start", "Pause", "Start", "Stop"]
    w.close()
    other.close()


def test_end_notifications_find_the_result(hauld, hostile):
    w = WebSocket.to(hauld)
    for path, name, status in (("/f/16K/a", "Complete", "complete"), ("/fail/1M/a?times=9&code=404", "Error", "error")):
        gid = hauld.add(hostile.base + path)
        assert [w.recv()["method"] for _ in range(2)] == ["aria2.onDownloadStart", "aria2.onDownload" + name]
        assert hauld.rpc("aria2.tellStopped", -1, 1, ["gid", "status"]) == [{"gid": gid, "status": status}]
    w.close()


def test_no_notification_before_the_token(tmp_path, hostile):
    d = SecretHauld(tmp_path / "d").start()
    try:
        stranger, friend = WebSocket.to(d), WebSocket.to(d)
        stranger.send(request("aria2.getVersion", "token:wrong"))
        assert stranger.recv()["error"] == {"code": 1, "message": "Unauthorized"}
        friend.call("aria2.getVersion", "token:" + SECRET)
        gid = d.add(hostile.base + "/f/16K/a")
        assert [friend.recv()["method"] for _ in range(2)] == ["aria2.onDownloadStart", "aria2.onDownloadComplete"]
        assert d.status(gid, "status") == {"status": "complete"}
        stranger.send(request("system.listMethods", id="after"))
        assert stranger.recv()["id"] == "after"  # and nothing before it
    finally:
        d.stop()


def test_websocket_frames(hauld):
    w = WebSocket.to(hauld)
    text = json.dumps(request("aria2.getVersion")).encode()
    w.send_frame(1, text[:10], fin=False)
    w.send_frame(9, b"hello")
    w.send_frame(0, text[10:20], fin=False)
    w.send_frame(0, text[20:])
    assert w.frame() == (10, b"hello")
    assert w.recv() == {"id": None, "jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request."}}  # aria2 does so at pings
    assert "version" in w.recv()["result"]
    w.send(b"{broken")
    assert w.recv()["error"]["code"] == -32700
    w.send([request("aria2.getVersion", id=1), 5, request("no.such", id=2)])
    assert [(a["id"], "error" in a) for a in w.recv()] == [(1, False), (2, True)]
    for i in range(200):
        w.send(request("aria2.getGlobalStat", id=i))
    assert [w.recv()["id"] for _ in range(200)] == list(range(200))
    w.send_frame(8, b"\x03\xe8bye")
    assert w.frame() == (8, b"\x03\xe8bye")
    w.close()


def test_extensions_are_not_agreed_to(hauld):
    """permessage-deflate is offered by every browser; nor is a subprotocol chosen."""
    w = WebSocket.to(hauld, Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits", Sec_WebSocket_Protocol="chat")
    assert w.status == 101 and set(w.fields) == {"upgrade", "connection", "sec-websocket-accept"}
    assert "version" in w.call("aria2.getVersion")[0]
    w.s.sendall(b"\xc1\x80\0\0\0\0")  # a compressed message all the same
    assert w.frame() == (8, b"\x03\xea")


NO_CONTEXT = """
int wslay_event_context_server_init(void *ctx, const void *callbacks, void *arg)
{
	static int calls;

	return calls++ == 0 ? -500 : ((int (*)(void *, const void *, void *))dlsym(RTLD_NEXT, "wslay_event_context_server_init"))(ctx, callbacks, arg);
}
"""


def test_no_memory_for_a_websocket(make_hauld, preload):
    """One client is refused; the daemon and the next client live."""
    d = make_hauld(env=preload("#define _GNU_SOURCE\n#include <dlfcn.h>\n" + NO_CONTEXT))
    assert WebSocket.to(d).status == 503
    w = WebSocket.to(d)
    w.send(request("aria2.getVersion"))
    assert "version" in w.recv()["result"]


def test_websocket_leaves_with_the_daemon(hauld):
    w = WebSocket.to(hauld)
    assert w.call("aria2.shutdown") == ("OK", [])
    op, data = w.frame()
    assert op == 8 and data[:2] == b"\x03\xe9"  # going away
    assert hauld.p.wait(20) == 0


# ---- options sent back as they were shown ----

def test_the_same_dir_and_out_keep_the_progress(make_hauld, hostile, tools):
    """A client's form sends all of a download's options, dir and out among them: that is no move to another place."""
    d = make_hauld()
    gid = d.add(hostile.base + "/f/8M/a?rate=2M")
    d.received(gid, 1 << 20)
    assert d.rpc("aria2.changeOption", gid, d.rpc("aria2.getOption", gid)) == "OK"  # also while it runs
    d.rpc("aria2.pause", gid)
    before = d.wait(gid, "paused")
    assert int(before["completedLength"]) >= 1 << 20
    for same in (d.rpc("aria2.getOption", gid), {"dir": d.dir}, {"out": ""}, {"dir": d.dir, "out": ""}):
        assert d.rpc("aria2.changeOption", gid, same) == "OK"
        now = d.status(gid)
        assert (now["completedLength"], now["files"][0]["path"]) == (before["completedLength"], d.dir + "/a"), same
    d.rpc("aria2.changeOption", gid, {"max-download-limit": "0", "out": "b"})
    assert d.status(gid, "completedLength")["completedLength"] == "0"  # another file
    d.rpc("aria2.unpause", gid)
    assert tools.sha256_of(d.complete(gid)) == hostile.sha256("8M", "a") and sorted(os.listdir(d.dir)) == ["a.part", "b"]


# ---- HTTP ----

def test_batch_and_multicall(paused):
    c = http.client.HTTPConnection("127.0.0.1", paused.port)
    status, _h, body = ask(c, [request("aria2.tellStatus", g, ["gid"], id=i) for i, g in enumerate(paused.gids)] +
                           [request("aria2.tellStatus", "zz", id="bad")])
    answers = json.loads(body)
    assert status == 200 and [a["id"] for a in answers] == [0, 1, 2, 3, 4, "bad"]
    assert [a["result"]["gid"] for a in answers[:5]] == paused.gids and answers[5]["error"]["message"] == "Invalid GID zz"
    calls = [{"methodName": "aria2.changePosition", "params": [paused.gids[0], 5, "POS_SET"]},
             {"methodName": "aria2.tellWaiting", "params": [0, 9, ["gid"]]}, {"methodName": "system.multicall", "params": [[]]}, 7]
    status, _h, body = ask(c, request("system.multicall", calls))
    moved, told, again, number = json.loads(body)["result"]
    assert moved == [4] and [t["gid"] for t in told[0]] == paused.gids[1:] + paused.gids[:1]
    assert again == {"code": 1, "message": "Recursive system.multicall forbidden."}
    assert number == {"code": 1, "message": "system.multicall expected struct."}
    c.close()


def test_pipelining(hauld):
    """Requests sent at once are answered one after the other, also behind one that waits for the disk."""
    body = lambda i: json.dumps(request("aria2.addUri", [NOWHERE], {"pause": "true"}, id=i) if i % 3 == 0 else
                                request("aria2.getVersion", id=i)).encode()
    s = socket.create_connection(("127.0.0.1", hauld.port))
    s.settimeout(30)
    s.sendall(b"".join(b"POST /jsonrpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body(i)), body(i)) for i in range(60)))
    s.shutdown(socket.SHUT_WR)
    data = b""
    while True:
        part = s.recv(65536)
        if not part:
            break
        data += part
    ids = [json.loads(x.split(b"\r\n\r\n", 1)[1])["id"] for x in data.split(b"HTTP/1.1 200 OK\r\n")[1:]]
    assert ids == list(range(60))
    assert len(hauld.rpc("aria2.tellWaiting", 0, 100)) == 20


def test_gzip(paused):
    c = http.client.HTTPConnection("127.0.0.1", paused.port)
    _s, plain_headers, plain = ask(c, request("aria2.tellWaiting", 0, 10))
    assert plain_headers["Content-Encoding"] is None
    _s, headers, packed = ask(c, request("aria2.tellWaiting", 0, 10), Accept_Encoding="deflate, GZip")
    assert headers["Content-Encoding"] == "gzip" and len(packed) < len(plain)
    assert gzip.decompress(packed) == plain
    c.close()


@pytest.mark.matrix("P20")
def test_unix_socket(tmp_path):
    path = str(tmp_path / "rpc.sock")
    d = SecretHauld(tmp_path / "d", "--rpc-socket=" + path).start()
    try:
        assert os.stat(path).st_mode & 0o777 == 0o600
        c = UnixConnection(path)
        status, _h, body = ask(c, request("aria2.getVersion", "token:" + SECRET), Host="any.name")
        assert status == 200 and "version" in json.loads(body)["result"]
        assert ask(c, request("aria2.getVersion"))[0] == 400  # the token is needed here, too
        outside = tmp_path / "outside"
        status, _h, body = ask(UnixConnection(path), request("aria2.addUri", "token:" + SECRET, [NOWHERE],
                                                             {"dir": str(outside), "pause": "true"}))
        assert status == 200  # the user's own program
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        w = WebSocket(s)
        assert "version" in w.call("aria2.getVersion", "token:" + SECRET)[0]
        status, headers, body = ask(UnixConnection(path), b"<methodCall><methodName>system.listMethods</methodName></methodCall>", "/rpc")
        assert status == 200 and headers["Content-Type"] == "text/xml"
        c.close()
    finally:
        d.stop()
    assert not os.path.exists(path)


def test_tls(make_hauld, nginx, tools):
    """rpc-secure: POST, WebSocket, and a client that does not know the certificate's authority."""
    context = ssl.create_default_context(cafile=nginx.ca)
    d = Hauld(os.path.join(nginx.folder, "secure"), "--rpc-secure=true", "--rpc-certificate=" + os.path.join(nginx.folder, "srv.pem"),
              "--rpc-private-key=" + os.path.join(nginx.folder, "srv.key"))
    d.url, d.context = "https://127.0.0.1:%d/jsonrpc" % d.port, context
    d.start()
    try:
        gid = d.add(NOWHERE, pause="true")
        s = context.wrap_socket(socket.create_connection(("127.0.0.1", d.port)), server_hostname="localhost")
        w = WebSocket(s)
        assert w.call("aria2.tellStatus", gid, ["gid"])[0] == {"gid": gid}
        with pytest.raises(ssl.SSLError):
            ssl.create_default_context().wrap_socket(socket.create_connection(("127.0.0.1", d.port)), server_hostname="localhost")
        s = socket.create_connection(("127.0.0.1", d.port))
        s.settimeout(15)
        s.sendall(b"POST /jsonrpc HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert not s.recv(100).startswith(b"HTTP")
        assert d.rpc("aria2.getVersion")
        outcome = tools.haul("ls", url="https://localhost:%d/jsonrpc" % d.port)
        assert outcome.returncode != 0 and "certificate" in outcome.stderr
    finally:
        d.stop()


def silent_get(d, host):
    """A GET that says nothing of a page, as an <img> is fetched where a browser sends no Sec-Fetch-Site; -> status."""
    c = http.client.HTTPConnection("127.0.0.1", d.port)
    params = base64.b64encode(json.dumps([[NOWHERE], {"pause": "true"}]).encode()).decode()
    c.request("GET", "/jsonrpc?method=aria2.addUri&id=1&params=" + urllib.parse.quote(params), headers={"Host": host})
    return c.getresponse().status


def test_image_in_a_page_is_no_call(hauld, tmp_path):
    elsewhere = ["0.0.0.0:%d" % hauld.port, "[::ffff:7f00:1]:%d" % hauld.port, socket.gethostname()]
    assert [silent_get(hauld, host) for host in elsewhere] == [403] * 3
    assert hauld.rpc("aria2.getGlobalStat")["numWaiting"] == "0"
    assert [silent_get(hauld, host) for host in ("localhost", "127.0.0.1", "[::1]")] == [200] * 3
    d = SecretHauld(tmp_path / "s").start()
    try:
        assert silent_get(d, "0.0.0.0") == 400  # Unauthorized: the page does not have the secret
    finally:
        d.stop()


def test_pages_without_a_secret_are_warned_of(make_hauld):
    warned = lambda name, *options: "set rpc-secret" in make_hauld(*options, name=name).tail()
    assert not warned("closed")
    assert warned("pages", "--rpc-allow-origin-all=true") and warned("jsonp", "--rpc-allow-jsonp=true")


@pytest.mark.matrix("P18")
def test_broken_json_gets_an_error_each_time(hauld):
    c = http.client.HTTPConnection("127.0.0.1", hauld.port)
    good = json.dumps(request("aria2.getVersion")).encode()
    for n in range(len(good)):
        status, _h, body = ask(c, good[:n])
        assert status == 500 and json.loads(body)["error"] == {"code": -32700, "message": "Parse error."}
        c.close()
    for n in range(len(good)):
        for byte in (b"\x00", b"\xff", b"{", b'"', b"\\"):
            status, _h, body = ask(c, good[:n] + byte + good[n + 1:])
            assert status in (200, 400, 500), (n, byte, status)
            json.loads(body.decode())
            c.close()
    assert hauld.rpc("aria2.getVersion")


def test_calls_sent_ahead_on_a_websocket(hauld):
    """As pages do with many downloads: one call for each, all at once. Answers in order, and what they say survives a kill."""
    w = WebSocket.to(hauld)
    for i in range(300):
        w.send(request("aria2.addUri", ["http://127.0.0.1:9/f%d" % i], {"pause": "true"}, id="a%d" % i))
        w.send(request("aria2.getGlobalStat", id="s%d" % i))
    answers = [w.recv() for _ in range(600)]
    assert [m["id"] for m in answers] == [k % i for i in range(300) for k in ("a%d", "s%d")]
    assert [m["result"]["numWaiting"] for m in answers[1::2]] == [str(i + 1) for i in range(300)]
    gids = [m["result"] for m in answers[::2]]
    hauld.kill()
    hauld.start()
    assert [j["gid"] for j in hauld.rpc("aria2.tellWaiting", 0, 1000, ["gid"])] == gids


# ---- limits ----

def test_request_size_limit(make_hauld):
    d = make_hauld("--rpc-max-request-size=1K")
    call = lambda n: json.dumps(request("aria2.getVersion", id="x" * n)).encode()
    size = len(call(0))
    c = http.client.HTTPConnection("127.0.0.1", d.port)
    assert ask(c, call(1024 - size))[0] == 200
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(c, call(1025 - size))
    w = WebSocket.to(d)
    w.send(call(1025 - size))
    assert w.recv()["error"]["code"] == -32700
    w.send(call(1024 - size))
    assert "result" in w.recv()


def head_of(d, n):
    """A request whose head has n bytes as they are counted: target, names and values of the fields."""
    fields = [("Host", "127.0.0.1:%d" % d.port), ("Content-Length", "2"), ("X", "")]
    fill = n - len("/jsonrpc") - sum(len(k) + len(v) for k, v in fields)
    fields[-1] = ("X", "a" * fill)
    return ("POST /jsonrpc HTTP/1.1\r\n" + "".join("%s: %s\r\n" % f for f in fields) + "\r\n[]").encode()


def raw(d, data, timeout=20):
    """What comes back for these bytes, up to the end of the connection or of the first answer's head."""
    with socket.create_connection(("127.0.0.1", d.port)) as s:
        s.settimeout(timeout)
        got = b""
        try:
            s.sendall(data)
            while b"\r\n\r\n" not in got:
                part = s.recv(65536)
                if not part:
                    break
                got += part
        except ConnectionError:
            pass
        return got


def test_head_limit(hauld):
    """16 KiB of request line and fields; a head without end is not read on."""
    assert raw(hauld, head_of(hauld, 16384)).startswith(b"HTTP/1.1 200")
    assert raw(hauld, head_of(hauld, 16385)).startswith(b"HTTP/1.1 431")
    assert raw(hauld, b"GET /" + b"a" * 20000).startswith(b"HTTP/1.1 431")
    assert raw(hauld, b"POST /jsonrpc HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(5000))).startswith(b"HTTP/1.1 431")


def test_chunked_bodies_are_bounded(make_hauld):
    d = make_hauld("--rpc-max-request-size=1K")
    chunks = lambda n: b"POST /jsonrpc HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + \
        b"".join(b"10\r\n%s\r\n" % (b"[" + b" " * 14 + b"]" if i == 0 else b" " * 16) for i in range(n)) + b"0\r\n\r\n"
    assert raw(d, chunks(64)).startswith(b"HTTP/1.1 200")
    assert raw(d, chunks(65)) == b""


def test_all_bodies_together_are_bounded(hauld, tools):
    """64 MiB of bodies may be under way; whoever brings more loses the connection, small calls get through."""
    body = b"POST /jsonrpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2097152\r\n\r\n" + b" " * (2 << 20)
    socks = [socket.create_connection(("127.0.0.1", hauld.port)) for _ in range(100)]

    def send(s):
        s.settimeout(30)
        try:
            s.sendall(body[:-1])  # lacks its last byte
        except ConnectionError:
            pass
    threads = [threading.Thread(target=send, args=(s,)) for s in socks]
    for t in threads:
        t.start()
    for t in threads:
        t.join()

    def alive(s):
        s.setblocking(False)
        try:
            return s.recv(1) != b""
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
    tools.wait_for(lambda: sum(map(alive, socks)) <= 33, 20)
    assert hauld.rpc("aria2.getVersion") and sum(map(alive, socks)) >= 30
    peak = int(next(line for line in open("/proc/%d/status" % hauld.p.pid) if line.startswith("VmHWM")).split()[1])
    assert peak < 160 * 1024, peak
    for s in socks:
        s.close()


def test_depth_limits(hauld):
    """JSON: 50 levels, as aria2. XML: 255 elements in each other."""
    c = http.client.HTTPConnection("127.0.0.1", hauld.port)
    for deep in ("[%s]" % ("[" * 48 + "]" * 48), "[%s]" % ('{"a":' * 48 + "1" + "}" * 48)):  # and the request and its params
        whole = b'{"id":"1","method":"system.listMethods","params":%s}' % deep.encode()
        assert ask(c, whole)[0] == 200
        c.close()
        status, _h, body = ask(c, whole.replace(b"[", b"[[", 1).replace(b"]}", b"]]}"))
        assert status == 500 and json.loads(body)["error"]["code"] == -32700
        c.close()
    nested = lambda n: b"<methodCall><methodName>system.listMethods</methodName><params><param><value>" + \
        b"<array><data><value>" * n + b"</value></data></array>" * n + b"</value></param></params></methodCall>"
    assert ask(c, nested(83), "/rpc")[0] == 200  # 4 + 3 * 83 = 253
    c.close()
    for n in (84, 85, 20000):
        status, _h, body = ask(c, nested(n), "/rpc")
        assert (status, body) == (400, b""), n
        c.close()
    assert hauld.rpc("aria2.getVersion")


def test_calls_at_once_are_bounded(hauld):
    one = {"id": 1, "method": "system.listNotifications"}
    c = http.client.HTTPConnection("127.0.0.1", hauld.port)
    for n, status in ((20000, 200), (20001, 400)):
        got, _h, body = ask(c, json.dumps([one] * n).encode())
        assert got == status and (got == 200 or json.loads(body)["error"]["code"] == -32600)
        c.close()
    calls = [{"methodName": "system.listNotifications", "params": []}]
    assert len(hauld.rpc("system.multicall", calls * 20000)) == 20000
    with pytest.raises(Exception, match="at most 20000"):
        hauld.rpc("system.multicall", calls * 20001)


def test_an_answer_is_bounded(hauld):
    """64 MiB: an error in its place says what to do, and the memory is given back."""
    calls = [{"methodName": "aria2.getGlobalOption", "params": []}]
    assert len(hauld.rpc("system.multicall", calls * 5000)) == 5000
    with pytest.raises(Exception, match="fewer"):
        hauld.rpc("system.multicall", calls * 20000)
    assert hauld.rpc("aria2.getVersion")
    peak = int(next(line for line in open("/proc/%d/status" % hauld.p.pid) if line.startswith("VmHWM")).split()[1])
    assert peak < 300 * 1024, peak


def test_xml_bounds(make_hauld):
    """Entities are not expanded, and the size limit counts for /rpc, too."""
    d = make_hauld("--rpc-max-request-size=64K")
    call = b"<methodCall><methodName>%s</methodName></methodCall>"
    laughs = b"<!ENTITY a0 'ha'>" + b"".join(b"<!ENTITY a%d '%s'>" % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 10))
    outside = b"<!ENTITY x SYSTEM 'file:///etc/passwd'>"
    c = http.client.HTTPConnection("127.0.0.1", d.port)
    for doctype, name in ((laughs, b"&a9;"), (outside, b"&x;"), (b"", b"system.listMethods")):
        start = time.monotonic()
        assert ask(c, b"<!DOCTYPE methodCall [%s]>" % doctype + call % name, "/rpc")[::2] == (400, b"")
        assert time.monotonic() - start < 1
        c.close()
    padded = lambda n: (call % b"system.listMethods").ljust(n)
    assert ask(c, padded(65536), "/rpc")[0] == 200
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(c, padded(65537), "/rpc")
    c.close()


def test_connections_beyond_the_limit_push_out_the_idlest(hauld):
    socks = [socket.create_connection(("127.0.0.1", hauld.port)) for _ in range(300)]
    assert hauld.rpc("aria2.getVersion")
    socks[0].settimeout(10)
    assert socks[0].recv(1) == b""
    s = socks[-1]
    s.settimeout(10)
    s.sendall(b"OPTIONS /jsonrpc HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert s.recv(100).startswith(b"HTTP/1.1 200")
    for s in socks:
        s.close()


def test_answers_that_nobody_reads_are_not_piled_up(hauld):
    """Asked for: 100 answers of 1 MB. The daemon stops reading the questions and goes on serving others."""
    w = WebSocket.to(hauld)
    w.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    calls = [{"methodName": "aria2.getGlobalOption", "params": []}] * 200
    w.s.settimeout(5)
    try:
        for _ in range(100):
            w.send(request("system.multicall", calls))
    except OSError:
        pass
    assert hauld.rpc("aria2.getVersion")
    rss = int(next(line for line in open("/proc/%d/status" % hauld.p.pid) if line.startswith("VmRSS")).split()[1])
    assert rss < 100 * 1024


def test_who_lets_notifications_pile_up_is_dropped(make_hauld, tools):
    """4 MiB of them beyond what the system's buffers take."""
    d = make_hauld("--max-download-result=10")
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", d.port))
    deaf, reader = WebSocket(s), WebSocket.to(d)
    heard = []

    def listen():
        try:
            while True:
                heard.append(reader.recv()["method"])
        except (OSError, AssertionError):
            pass
    t = threading.Thread(target=listen)
    t.start()
    body = json.dumps([request("aria2.addUri", ["gopher://127.0.0.1/x"])] * 5000).encode()
    for _ in range(6):
        d.post(body)
    tools.wait_for(lambda: d.post(body) and "does not read its notifications" in open(d.log).read(), 60, 1)
    rss = int(next(line for line in open("/proc/%d/status" % d.p.pid) if line.startswith("VmRSS")).split()[1])
    assert rss < 256 * 1024  # also with AddressSanitizer
    gid = d.add("gopher://127.0.0.1/x")
    d.wait(gid, "error")
    reader.send_frame(8, b"\x03\xe8")
    t.join()
    assert heard.count("aria2.onDownloadError") >= 5000  # the other one was not
    deaf.close()


# ---- durability ----

def test_acknowledged_changes_survive_kill_9(paused):
    """pause, remove, changePosition, changeOption: what was answered is there after kill -9."""
    d = paused
    a, b, c, _d, e = d.gids
    d.rpc("aria2.changePosition", a, 0, "POS_END")
    d.rpc("aria2.remove", b)
    d.rpc("aria2.changeOption", c, {"max-download-limit": "1K", "out": "z"})
    d.kill()
    d.start()
    assert order(d) == ["z", "d", "e", "a"]
    assert d.rpc("aria2.getOption", c)["max-download-limit"] == "1024"
    with pytest.raises(Exception, match="is not found"):
        d.status(b)
    d.rpc("aria2.unpause", e)
    d.wait(e, "error")
    d.kill()
    d.start()
    assert d.status(e, "status")["status"] == "error"
    assert order(d) == ["z", "d", "a"]
    d.rpc("aria2.removeDownloadResult", e)
    d.kill()
    d.start()
    assert d.rpc("aria2.tellStopped", 0, 10) == []


def test_an_acknowledged_pause_survives_kill_9(make_hauld, hostile):
    d = make_hauld()
    gid = d.add(hostile.base + "/f/8M/a?rate=1M")
    d.received(gid, 1 << 20)
    d.rpc("aria2.pause", gid)
    d.kill()
    d.start()
    assert d.wait(gid, ("paused", "active"), 5)["status"] == "paused"


def test_kill_9_in_a_stream_of_changes(paused, tools):
    """At any moment: what was answered is there, in the order that the last answer left."""
    d = paused
    for turn in range(5):
        known = order(d)
        done = threading.Event()

        def stir():
            i = turn
            try:
                while True:
                    i = (i * 7 + 3) % 5
                    d.rpc("aria2.changePosition", d.gids[i], (i + 2) % 5, "POS_SET")
                    name = "abcde"[i]
                    known.remove(name)
                    known.insert((i + 2) % 5, name)
            except (OSError, http.client.HTTPException, ValueError):
                done.set()
        t = threading.Thread(target=stir)
        t.start()
        time.sleep(0.2)
        d.p.send_signal(signal.SIGKILL)
        d.p.wait()
        t.join()
        d.start()
        now = order(d)
        assert sorted(now) == list("abcde")
        # the change that was under way may have happened without its answer; nothing else
        if now != known:
            moved = [n for n in "abcde" if [x for x in now if x != n] == [x for x in known if x != n]]
            assert moved, (known, now)


def test_an_add_that_can_not_be_kept_is_refused(tmp_path, tools):
    """The state's file can't grow: the answer is an error, the download is gone, also after a restart; and room helps."""
    limit = 600 * 1024

    class Limited(Hauld):
        def start(self):
            self.out = open(self.log, "ab")
            cap = lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
            self.p = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                      env=self.env, preexec_fn=cap if self.capped else None)
            tools.wait_for(self.answers, 60)
            return self
    d = Limited(tmp_path / "d", "--log=" + str(tmp_path / "log"))
    d.capped = True
    d.start()
    try:
        kept, refused = [], 0
        big = "X-Filler: " + "f" * 20000
        for i in range(200):
            try:
                kept.append(d.add(NOWHERE + str(i), pause="true", header=big))
            except tools.RpcError as e:
                refused += 1
                assert e.code == 1 and "could not be made durable" in e.message, e.message
                if refused == 3:
                    break
        assert refused and kept
        assert [w["gid"] for w in d.rpc("aria2.tellWaiting", 0, 1000, ["gid"])] == kept
        d.kill()
        d.capped = False
        d.start()
        assert [w["gid"] for w in d.rpc("aria2.tellWaiting", 0, 1000, ["gid"])] == kept
        kept.append(d.add(NOWHERE, pause="true"))
        d.kill()
        d.start()
        assert [w["gid"] for w in d.rpc("aria2.tellWaiting", 0, 1000, ["gid"])] == kept
    finally:
        d.stop()


# ---- who may call ----

@pytest.mark.parametrize("host,may", [
    ("127.0.0.1", True), ("127.0.0.1:%d", True), ("localhost:%d", True), ("LOCALHOST", True), ("a.localhost:%d", True), ("[::1]:%d", True),
    ("192.0.2.7:%d", True), (socket.gethostname() + ":%d", True), ("evil.example:%d", False), ("127.0.0.1.evil.example", False),
    ("localhost.evil.example:%d", False), ("xlocalhost", False), ("evil.example@127.0.0.1", False), ("[::1].evil.example", False), ("", False)])
def test_foreign_host_names_are_refused(hauld, host, may):
    """A page whose name was made to point here (DNS rebinding) has that name in Host: for every kind of request."""
    host = host % hauld.port if "%d" in host else host
    body = json.dumps(request("aria2.getVersion")).encode()
    with_host = lambda first, rest="", data=b"": raw(hauld, ("%s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (first, host, rest)).encode() + data)
    status = b"200" if may else b"403"
    loopback = re.match(r"127\.|\[::1\]|(.*\.)?localhost(:\d+)?$", host, re.I)
    assert with_host("POST /jsonrpc", "Content-Length: %d\r\n" % len(body), body)[9:12] == status
    # elsewhere a page's image looks the same, and there is no secret
    assert with_host("GET /jsonrpc?method=aria2.getVersion&id=1")[9:12] == (status if loopback else b"403")
    assert with_host("OPTIONS /jsonrpc")[9:12] == status
    assert with_host("GET /jsonrpc", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n")[9:12] == (b"101" if may else b"403")


def test_names_of_a_network_or_a_proxy(tmp_path):
    """With a secret, names that no page on the internet has; others when they are listed. A refusal says what to set."""
    d = SecretHauld(tmp_path / "d", "--rpc-allowed-host=dl.example.org,x.example.org").start()

    def ask_as(host, **headers):
        c = http.client.HTTPConnection("127.0.0.1", d.port)
        status, head, body = ask(c, request("aria2.getVersion", "token:" + SECRET), Host=host, **headers)
        return status, head["Content-Type"], json.loads(body)
    try:
        for host in ("aria2", "nas:6800", "nas.lan", "nas.local", "dl.example.org", "X.EXAMPLE.ORG:443"):
            assert ask_as(host)[0] == 200, host
        assert ask_as("dl.example.org", Origin="http://dl.example.org")[0] == 200
        assert "does not know the Host" not in d.tail() and "rpc-allowed-host" not in d.tail()
        for host in ("example.org", "evil.example", "a.dl.example.org"):
            status, kind, reply = ask_as(host)
            assert (status, kind, reply["id"]) == (403, "application/json-rpc", None), host
            assert host in reply["error"]["message"] and "rpc-allowed-host" in reply["error"]["message"]
        assert d.tail().count("rpc-allowed-host") == 1  # said once in the log
        status, kind, reply = ask_as("127.0.0.1", Origin="http://evil.example")
        assert status == 403 and "rpc-allow-origin-all" in reply["error"]["message"]
        with socket.create_connection(("127.0.0.1", d.port)) as s:
            assert WebSocket(s, host="nas:6800").status == 101
    finally:
        d.stop()
    # where pages of any origin may ask, a page's own name opens nothing more
    d = SecretHauld(tmp_path / "open", "--rpc-allow-origin-all=true").start()
    try:
        assert ask_as("any.example.org")[0] == 200
    finally:
        d.stop()


def test_preflights(make_hauld):
    """What a browser asks before a page of another origin may call, Chrome's question about private networks among it."""
    asked = {"Origin": "https://ui.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type",
             "Access-Control-Request-Private-Network": "true"}

    def preflight(d, fields):
        c = http.client.HTTPConnection("127.0.0.1", d.port)
        c.request("OPTIONS", "/jsonrpc", headers=fields)
        r = c.getresponse()
        assert (r.status, r.read()) == (200, b"")
        return {k[15:]: v for k, v in r.headers.items() if k.startswith("Access-Control-")}
    assert preflight(make_hauld(name="off"), asked) == {}
    d = make_hauld("--rpc-allow-origin-all=true", name="on")
    every = {"Allow-Origin": "*", "Allow-Methods": "POST, GET, OPTIONS", "Max-Age": "1728000", "Allow-Headers": "content-type",
             "Allow-Private-Network": "true"}
    assert preflight(d, asked) == every
    without = dict(asked)
    del without["Access-Control-Request-Private-Network"]
    del every["Allow-Private-Network"]
    assert preflight(d, without) == every
    for field in ("Origin", "Access-Control-Request-Method"):
        assert preflight(d, {k: v for k, v in asked.items() if k != field}) == {"Allow-Origin": "*"}

@pytest.mark.matrix("P19")
def test_other_users_need_a_secret(hauld, tmp_path):
    """With no secret a peer on the loopback must be the daemon's own user."""
    if os.geteuid() != 0:
        pytest.skip("only root can be two users")
    run = lambda uid, url: subprocess.run(
        [shutil.which("curl"), "-s", "-g", "--noproxy", "*", "--max-time", "20", "-w", " %{http_code}", url, "-d", json.dumps(request("aria2.getVersion"))],
        preexec_fn=lambda: (os.setgid(uid), os.setuid(uid)), cwd="/", capture_output=True, text=True)
    for host in ("127.0.0.1", "[::1]"):
        url = "http://%s:%d/jsonrpc" % (host, hauld.port)
        mine, other = run(0, url), run(65534, url)
        if mine.returncode == 7:
            continue  # no IPv6
        assert mine.stdout.endswith(" 200"), mine.stdout
        assert other.stdout.endswith(" 403") and "Set rpc-secret" in other.stdout, other.stdout
    d = SecretHauld(tmp_path / "s").start()
    try:
        body = json.dumps(request("aria2.getVersion", "token:" + SECRET))
        p = subprocess.run([shutil.which("curl"), "-s", "--noproxy", "*", "--max-time", "20", d.url, "-d", body], cwd="/",
                           preexec_fn=lambda: (os.setgid(65534), os.setuid(65534)), capture_output=True, text=True)
        assert '"version"' in p.stdout
    finally:
        d.stop()


@pytest.mark.parametrize("option", ["--rpc-listen-all=true", "--rpc-listen-address=0.0.0.0", "--rpc-listen-address=::"])
def test_other_machines_need_a_secret(tmp_path, tools, option):
    argv = [tools.build + "/hauld", "--no-conf", "--rpc-listen-port=%d" % free_port(), "--state-dir=" + str(tmp_path / "s"),
            "--dir=" + str(tmp_path), option]
    p = subprocess.run(argv, capture_output=True, text=True, timeout=30)
    assert p.returncode == 28 and "set rpc-secret" in p.stderr, (p.returncode, p.stderr)


@pytest.mark.matrix("P16")
def test_folders(tmp_path, tools):
    """A token gives the folders of dir and allowed-dirs; haul acts for the user and may name any."""
    extra, outside = tmp_path / "extra", tmp_path / "outside"
    d = SecretHauld(tmp_path / "d", "--allowed-dirs=" + str(extra)).start()
    try:
        for path in (d.dir, d.dir + "/sub", str(extra), str(extra / "a" / "b")):
            gid = d.add(NOWHERE, pause="true", dir=path)
            assert d.rpc("aria2.changeOption", gid, {"dir": path}) == "OK"
            assert d.rpc("aria2.changeGlobalOption", {"dir": path}) == "OK"
        for path in (str(outside), "/", d.dir + "/../..", str(extra) + "x", "relative", ""):
            for call in (lambda: d.add(NOWHERE, pause="true", dir=path), lambda: d.rpc("aria2.changeOption", gid, {"dir": path}),
                         lambda: d.rpc("aria2.changeGlobalOption", {"dir": path})):
                with pytest.raises(tools.RpcError, match="^We encountered a problem while processing the option '--dir'.*allowed-dirs"):
                    call()
        count = len(d.rpc("aria2.tellWaiting", 0, 100))
        outside.mkdir()
        secret = tmp_path / "secret"
        secret.write_text(SECRET + "\n")
        secret.chmod(0o600)
        p = tools.haul("add", "--pause", NOWHERE + "x", "--dir", str(outside), url=d.url, env={"HAUL_SECRET_FILE": str(secret)})
        waiting = d.rpc("aria2.tellWaiting", 0, 100, ["dir"])
        assert p.returncode == 0, p.stderr
        assert len(waiting) == count + 1 and waiting[-1]["dir"] == str(outside)
    finally:
        d.stop()


# ---- XML-RPC ----

def test_xmlrpc(tmp_path, hostile):
    d = SecretHauld(tmp_path / "d").start()
    try:
        t = "token:" + SECRET
        with xmlrpc.client.ServerProxy("http://127.0.0.1:%d/rpc" % d.port) as s:
            gid = s.aria2.addUri(t, [hostile.base + "/f/16K/a"], {"out": "x & <y>.bin"}, 0)
            d.complete(gid)
            st = s.aria2.tellStatus(t, gid)
            assert st["status"] == "complete" and st["completedLength"] == "16384"
            assert st["files"][0]["path"] == d.dir + "/x & <y>.bin" and st["files"][0]["uris"][0]["status"] in ("used", "waiting")
            assert s.aria2.changeGlobalOption(t, {"max-concurrent-downloads": "7"}) == "OK"
            paused = s.aria2.addUri(t, [NOWHERE], {"pause": "true", "header": ["A: 1", "B: 2"]})
            assert s.aria2.getOption(t, paused)["header"] == "A: 1\nB: 2\n"
            assert s.aria2.changePosition(t, paused, 0, "POS_SET") == 0
            assert len(s.system.listMethods()) >= 36
            m = xmlrpc.client.MultiCall(s)
            m.aria2.tellStatus(t, gid, ["gid"])
            m.aria2.tellStatus(t, "0000", ["gid"])
            got = m()
            assert got[0] == {"gid": gid}
            with pytest.raises(xmlrpc.client.Fault) as e:
                got[1]
            assert (e.value.faultCode, e.value.faultString) == (1, "GID 0000 is not found")
            for call, text in ((lambda: s.aria2.tellStatus(t, "zz"), "Invalid GID zz"), (lambda: s.aria2.tellStatus(t), "The parameter at 0 is required but missing."),
                               (lambda: s.aria2.nothing(t), "No such method: aria2.nothing"), (lambda: s.aria2.pause("token:x", gid), "Unauthorized"),
                               (lambda: s.aria2.addUri(t, [NOWHERE], {"split": "0"}), "We encountered a problem while processing the option '--split'.")):
                with pytest.raises(xmlrpc.client.Fault) as e:
                    call()
                assert (e.value.faultCode, e.value.faultString) == (1, text)
        c = http.client.HTTPConnection("127.0.0.1", d.port)
        bomb = b'<!DOCTYPE x [<!ENTITY a "%s">]><methodCall><methodName>&a;</methodName></methodCall>' % (b"a" * 1000)
        for body in (b"", b"{}", b"<methodCall>", bomb):
            status, _h, data = ask(c, body, "/rpc")
            assert (status, data) == (400, b"")
        assert ask(c, b"<methodCall><methodName>system.listMethods</methodName></methodCall>", "/rpc", Origin="http://evil.example")[0] == 403
    finally:
        d.stop()
