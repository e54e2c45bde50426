"""P17, P18: the same call gets the same answer whatever way it comes; odd calls get an error each, and harm nothing.
The attacks (P01-P16, P22) are in test_rpcabuse.py, who may call (P19, P20) in test_rpc.py."""
import base64
import http.client
import json
import socket
import urllib.parse
import urllib.request
import xmlrpc.client

import pytest

from rpckit import WebSocket, request

NOWHERE = "http://127.0.0.1:1/"


# ---- ways for one call; each -> (True, result) or (False, code, message) ----

def outcome(reply):
    return (False, reply["error"]["code"], reply["error"]["message"]) if "error" in reply else (True, reply["result"])


def by_post(d, method, *params):
    return outcome(json.loads(d.post(json.dumps(request(method, *params)).encode())))


def by_batch(d, method, *params):
    replies = json.loads(d.post(json.dumps([request("aria2.getVersion", id="0"), request(method, *params, id="1")]).encode()))
    return outcome(replies[1])


def by_multicall(d, method, *params):
    calls = [{"methodName": "aria2.getVersion", "params": []}, {"methodName": method, "params": list(params)}]
    got = d.rpc("system.multicall", calls)[1]
    return (True, got[0]) if isinstance(got, list) else (False, got["code"], got["message"])


def by_get(d, method, *params):
    query = urllib.parse.urlencode({"method": method, "id": "1", "params": base64.b64encode(json.dumps(params).encode()).decode()})
    try:
        with urllib.request.urlopen(d.url + "?" + query, timeout=30) as f:
            return outcome(json.loads(f.read()))
    except urllib.error.HTTPError as e:
        return outcome(json.loads(e.read()))


def by_websocket(d, method, *params):
    w = WebSocket.to(d)
    w.send(request(method, *params))
    while True:
        m = w.recv()
        if "id" in m:
            w.close()
            return outcome(m)


def by_xmlrpc(d, method, *params):
    server = xmlrpc.client.ServerProxy(d.url.replace("/jsonrpc", "/rpc"))
    try:
        return True, getattr(server, method)(*params)
    except xmlrpc.client.Fault as e:
        return False, e.faultCode, e.faultString


WAYS = [by_post, by_batch, by_multicall, by_get, by_websocket, by_xmlrpc]
REFUSED = [  # options of one job that no caller may set, or not so
    {"on-download-complete": "/bin/true"}, {"out": "../x"}, {"out": "a\nb"}, {"split": "0"}, {"split": "many"}, {"gid": "zz"},
    {"checksum": "md5=1"}, {"max-download-limit": "-1"}, {"all-proxy": "nonsense://"}, {"file-allocation": "some"},
]


@pytest.mark.matrix("P17")
@pytest.mark.parametrize("options", REFUSED, ids=lambda o: "=".join(*o.items()).replace("\n", " ").replace("\r", " "))
def test_the_same_refusal_by_each_way(hauld, options):
    got = [way(hauld, "aria2.addUri", [NOWHERE], dict(options, pause="true")) for way in WAYS]
    assert not got[0][0] and got == [got[0]] * len(WAYS), got
    assert hauld.rpc("aria2.getGlobalStat")["numWaiting"] == "0"


@pytest.mark.matrix("P17")
def test_the_same_job_by_each_way(hauld):
    options = {"pause": "true", "out": "a b.bin", "split": "3", "header": ["X-A: 1", "X-B: 2"], "max-download-limit": "1M"}
    gids = [way(hauld, "aria2.addUri", [NOWHERE], options)[1] for way in WAYS]
    got = [hauld.rpc("aria2.getOption", g) for g in gids]
    for o, g in zip(got, gids):
        assert o.pop("gid", g) == g
    assert got == [got[0]] * len(WAYS) and got[0]["split"] == "3" and got[0]["max-download-limit"] == "1048576"


ODD = [  # method, params
    ("aria2.tellStatus", []), ("aria2.tellStatus", [7]), ("aria2.tellStatus", [None]), ("aria2.tellStatus", ["0123456789abcdef"]),
    ("aria2.tellStatus", ["x" * 100000]), ("aria2.tellStatus", [[]]), ("aria2.tellWaiting", []), ("aria2.tellWaiting", ["0", "1"]),
    ("aria2.tellWaiting", [0, -1]), ("aria2.tellWaiting", [0, 10, "gid"]), ("aria2.addUri", []), ("aria2.addUri", [NOWHERE]),
    ("aria2.addUri", [[]]), ("aria2.addUri", [[7]]), ("aria2.addUri", [[NOWHERE], []]),
    ("aria2.addUri", [[NOWHERE], {}, "0"]), ("aria2.addUri", [[NOWHERE], {}, -1]), ("aria2.changePosition", ["x", 0, "POS_SET"]),
    ("aria2.changePosition", ["0123456789abcdef", 1 << 62, "POS_SET"]), ("aria2.changePosition", ["0123456789abcdef", 0, "POS_UP"]),
    ("aria2.changeUri", ["0123456789abcdef", 0, [], []]), ("aria2.changeGlobalOption", ["x"]), ("aria2.noSuchMethod", []), ("", []),
    ("system.multicall", [7]), ("aria2.getOption", [{}]), ("aria2.remove", [False]), ("haul.retry", []),
]


@pytest.mark.matrix("P18")
def test_odd_calls_are_errors_and_harm_nothing(hauld):
    keep = hauld.add(NOWHERE + "keep", pause="true")
    for method, params in ODD:
        got = by_post(hauld, method, *params)
        assert not got[0] and got[1] in (1, -32600, -32601, -32602) and got[2], (method, params, got)
    body = json.dumps([request("aria2.getVersion", id="same")] * 3 + [{"jsonrpc": "2.0", "method": "aria2.getVersion"}, 7, {}, []])
    replies = json.loads(hauld.post(body.encode()))
    assert [r["id"] for r in replies[:3]] == ["same"] * 3 and all("result" in r for r in replies[:3])
    assert all("error" in r for r in replies[4:]), replies
    assert hauld.rpc("aria2.tellWaiting", 0, 10, ["gid"]) == [{"gid": keep}]


@pytest.mark.matrix("P18")
def test_a_million_calls_in_one_body(make_hauld):
    """More than may be under way: refused or answered, in bounded memory, and the next call is."""
    d = make_hauld("--rpc-max-request-size=64M")
    c = http.client.HTTPConnection("127.0.0.1", d.port, timeout=120)
    c.request("POST", "/jsonrpc", b"[" + b",".join([b"{}"] * 1000000) + b"]")
    c.getresponse().read()
    assert d.rpc("aria2.getVersion")["version"]
    with open("/proc/%d/status" % d.p.pid) as f:
        peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) >> 10
    assert peak < 512, peak


@pytest.mark.matrix("P18")
def test_many_who_do_not_read_large_answers(hauld, tools):
    """What waits for them is bounded by a sum: beyond it large answers are refused, while small ones are given."""
    for n in range(40):
        hauld.add(["%s%d-%d-%s" % (NOWHERE, n, i, "x" * 4000) for i in range(100)], pause="true")
    ask = json.dumps(request("aria2.tellWaiting", 0, 100)).encode()
    first, clients = [], []
    try:
        for _ in range(30):
            clients.append(socket.create_connection(("127.0.0.1", hauld.port), timeout=60))
            clients[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            clients[-1].sendall(b"POST /jsonrpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(ask), ask))
            first.append(clients[-1].recv(12))
        with open("/proc/%d/status" % hauld.p.pid) as f:
            peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) >> 10
        assert first.count(b"HTTP/1.1 200") >= 4 and first[-1] == b"HTTP/1.1 400", first
        assert peak < 320, peak
        assert "Too many large answers" in by_post(hauld, "aria2.tellWaiting", 0, 100)[2]
        assert hauld.rpc("aria2.getGlobalStat")["numWaiting"] == "40"
    finally:
        for c in clients:
            c.close()
    tools.wait_for(lambda: by_post(hauld, "aria2.tellWaiting", 0, 100)[0])
