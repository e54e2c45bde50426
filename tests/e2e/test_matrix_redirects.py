"""C: redirects, and where they may lead. Credentials are in test_credentials.py, proxies in test_proxy.py."""
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.parse

import pytest

from conftest import RpcError
from rpckit import SecretHauld

HERE = os.path.dirname(os.path.abspath(__file__))
FAST = dict(retry_wait=0, timeout=5, connect_timeout=5, max_tries=2, max_retry_wait=1, min_split_size="1M")


def fetch(d, url, timeout=60, **opts):
    return d.wait(d.add(url, **dict(FAST, **opts)), timeout=timeout)


def files(d):
    return sorted(f for f in os.listdir(d.dir) if not f.endswith(".part"))


# ---- chains, schemes, odd Locations ----

@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("path,want", [
    pytest.param("/redir-loop/1M/a", "23", marks=pytest.mark.matrix("C01"), id="loop"),
    pytest.param("/redir-endless/1M/a", "23", marks=pytest.mark.matrix("C01"), id="endless"),
    pytest.param("/redir-chain/4M/a?n=10", None, marks=pytest.mark.matrix("C01"), id="chain"),
    *[pytest.param("/redir-to/1M/a?to=" + t, "22", marks=pytest.mark.matrix("C02"), id=t.split(":")[0]) for t in (
        "file:///etc/passwd", "data:,x", "gopher://127.0.0.1:1/x", "javascript:alert(1)", "ftp://127.0.0.1/x", "FILE:/etc/passwd", "unix:/x")],
    pytest.param("/redir-long/1M/a", "22", marks=pytest.mark.matrix("C08"), id="long"),
    pytest.param("/redir-none/1M/a", "22", marks=pytest.mark.matrix("C08"), id="none"),
    pytest.param("/redir-none/1M/a?empty=1", "22", marks=pytest.mark.matrix("C08"), id="empty")])
def test_redirect(hauld, hostile, tools, path, want, conns):
    s = fetch(hauld, hostile.base + path, split=conns, max_connection_per_server=conns)
    if want is None:
        assert s["status"] == "complete", s
        assert tools.sha256_of(s["files"][0]["path"]) == hostile.sha256("4M", "a")
        return
    assert (s["status"], s["errorCode"]) == ("error", want) and s["errorMessage"], s
    assert files(hauld) == []
    if want == "23":
        assert len(hostile.log()) <= 25 * conns


# ---- control characters ----

@pytest.mark.matrix("C06")
@pytest.mark.parametrize("conns", [1, 4])
def test_line_ends_in_a_location(hauld, hostile, conns):
    fetch(hauld, hostile.base + "/redir-crlf/64K/a", split=conns, max_connection_per_server=conns)
    log = hostile.log()
    assert log and "x-injected" not in json.dumps([r["headers"] for r in log]).lower(), log
    assert not any("\r" in r["line"] or "\n" in r["line"].strip() for r in log)


@pytest.mark.matrix("C06")
@pytest.mark.parametrize("option,value", [
    ("out", "a\r\nb"), ("out", "a\nb"), ("header", "X-A: b\r\nX-Injected: 1"), ("header", "X-A\r\n: b"),
    ("user-agent", "a\r\nX-Injected: 1"), ("user-agent", "a\nX-Injected: 1"), ("referer", "http://a/\r\nX-Injected: 1"),
    ("referer", "\nX-Injected: 1"), ("http-user", "joe\r\nX-Injected: 1"), ("http-passwd", "a\nb"), ("http-user", "a:b\r")])
def test_line_ends_in_an_option(hauld, hostile, option, value):
    """Refused, or it does no harm (logins go out in base64). A bare LF in `header` parts two of them, as in aria2."""
    url = hostile.base + "/f/16K/a"
    try:
        gid = hauld.rpc("aria2.addUri", [url], {option: value})
    except RpcError as e:
        assert e.code == 1 and option in e.message
    else:
        assert option in ("http-user", "http-passwd"), "taken: %r" % value
        hauld.wait(gid)
    gid = hauld.add(url, pause="true")
    try:
        hauld.rpc("aria2.changeOption", gid, {option: value})
    except RpcError as e:
        assert e.code == 1
    hauld.rpc("aria2.unpause", gid)
    hauld.wait(gid)
    for r in hostile.log():
        assert "injected" not in json.dumps(r["headers"]).lower(), r


@pytest.mark.matrix("C06")
def test_line_ends_in_a_uri(hauld, hostile):
    for text in ("\r\nX-Injected: 1", "%0d%0aX-Injected:%201", "a HTTP/1.1\r\nX-Injected: 1\r\n\r\n"):
        try:
            hauld.wait(hauld.add(hostile.base + "/f/16K/a/" + text, **FAST))
        except RpcError:
            pass
    for r in hostile.log():
        assert "injected" not in json.dumps(r["headers"]).lower(), r


@pytest.mark.matrix("C10")
@pytest.mark.parametrize("conns", [1, 4])
def test_mirrors_of_a_link_field(hauld, hostile, tools, conns):
    s = fetch(hauld, hostile.base + "/link-mirror/4M/a", split=conns, max_connection_per_server=conns)
    assert s["status"] == "complete" and tools.sha256_of(s["files"][0]["path"]) == hostile.sha256("4M", "a")
    assert all(r["port"] == hostile.port for r in hostile.log())
    assert all(u["uri"].startswith(hostile.base) for u in s["files"][0]["uris"])


# ---- connections are shared by equals only ----

@pytest.mark.matrix("C12")
def test_who_shares_a_connection(make_hauld, hostile):
    """Each login has connections of its own; the same one again uses the kept one."""
    d = make_hauld()
    peers = {}
    for user in ("a", "b", None, "a", "b", None):
        opts = {"http_user": user, "http_passwd": "x"} if user else {}
        assert fetch(d, hostile.base + "/f/16K/a", **opts)["status"] == "complete"
        peers.setdefault(user, []).append(hostile.log()[-1]["peer"])
    kept = [set(v) for v in peers.values()]
    assert len(set.union(*kept)) == 3 and all(len(k) == 1 for k in kept), peers


@pytest.mark.matrix("C12")
def test_own_headers_are_credentials(make_hauld, hostile):
    """A token or a cookie that the user gives is a login, too, and so may be any field of his own; how he asks is none."""
    d = make_hauld()
    lines = ["Authorization: Bearer a", "Authorization: Bearer b", "Cookie: id=a", "X-Api-Key: a", None]
    peers = {}
    for line in lines + ["Accept-Language: en\nReferer: http://a/"] + lines:
        opts = {"header": line} if line else {}
        assert fetch(d, hostile.base + "/f/16K/a", **opts)["status"] == "complete"
        peers.setdefault(None if line and "Accept" in line else line, set()).add(hostile.log()[-1]["peer"])
    assert len(set.union(*peers.values())) == len(lines) and all(len(k) == 1 for k in peers.values()), peers


# ---- addresses ----

class Site:
    """On all addresses: /to?u=URL leads there, anything else is a file. asked: (address that was asked, path)."""

    def __init__(self):
        site = self
        self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                at = self.request.getsockname()[0]
                site.asked.append((at[7:] if at.startswith("::ffff:") else at, self.path))
                where = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("u")
                self.send_response(302 if where else 200)
                if where:
                    self.send_header("Location", where[0])
                self.send_header("Content-Length", "0" if where else "4")
                self.end_headers()
                if not where:
                    self.wfile.write(b"body")

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            address_family = __import__("socket").AF_INET6

        self.server = Server(("::", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, host, to=None):
        return "http://%s:%d/%s" % (host, self.port, "f" if to is None else "to?u=" + urllib.parse.quote(to, safe=""))


NEAR = ["127.0.0.1", "127.1", "2130706433", "0177.0.0.1", "0x7f000001", "localhost", "localhost.", "LOCALHOST", "[::1]", "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]", "0.0.0.0", "0", "[::]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "near.example"]
PRIVATE = ["10.9.8.7", "192.168.5.5", "172.16.3.3", "100.64.1.1", "168364039", "[fd00::7]", "[::ffff:10.9.8.7]", "[64:ff9b::a09:807]", "private.example"]
LINK = ["169.254.169.254", "2852039166", "[::ffff:169.254.169.254]", "[fe80::7]", "link.example"]
PUBLIC = ["203.0.113.1", "203.0.113.2", "[2001:db8::1]", "public.example"]
RESOLVE = {"near.example": ["127.0.0.1"], "private.example": ["10.9.8.7"], "link.example": ["169.254.169.254"], "public.example": ["203.0.113.2"],
           "both.example": ["127.0.0.1", "10.9.8.7", "203.0.113.2"]}


def inside(folder, conns):
    """In a network namespace whose loopback has all these addresses."""
    site = Site()
    resolve = ["--resolve=%s:%d:%s" % (h, site.port, a) for h, v in RESOLVE.items() for a in v]
    common = dict(split=conns, max_connection_per_server=conns, allow_overwrite="true", out="f", max_tries=1)

    def start(name, *options):
        return SecretHauld(os.path.join(folder, name), *resolve, *options).start()

    def got(d, url):
        site.asked.clear()
        return fetch(d, url, **common), [a for a, p in site.asked if p == "/f"]

    def refused(d, url, why):
        try:
            s, asked = got(d, url)
        except RpcError:  # odd numbers are no hosts of a URI here
            return
        why = "(?i)(%s|URI that is not supported)" % why
        assert (s["status"], s["errorCode"]) == ("error", "22") and re.search(why, s["errorMessage"]), (url, s["errorCode"], s["errorMessage"])
        assert asked == [], (url, asked)

    def taken(d, url, at=None):
        s, asked = got(d, url)
        assert s["status"] == "complete" and asked and (at is None or set(asked) == {at}), (url, s["errorMessage"], asked)

    d = start("plain", "--rpc-listen-all=true")
    u = site.url
    for host in NEAR + PRIVATE + LINK:  # from outside nothing leads in
        refused(d, u("203.0.113.1", u(host)), "redirect|link-local")
    for host in NEAR:
        refused(d, u("10.9.8.7", u(host)), "redirect")
    for host in PRIVATE[:4] + PUBLIC:
        taken(d, u("10.9.8.7", u(host)))
    for host in ["127.0.0.1", "localhost", "[::1]"] + PRIVATE[:3] + PUBLIC:
        taken(d, u("127.0.0.1", u(host)))
    taken(d, u("203.0.113.1", u("both.example")), "203.0.113.2")  # of a name with both only the outer ones
    refused(d, u("127.0.0.1", u("203.0.113.1", u("127.0.0.1"))), "redirect")  # each hop
    refused(d, u("203.0.113.1", u("203.0.113.2", u("public.example", u("near.example")))), "redirect")
    taken(d, u("127.0.0.1", u("10.9.8.7", u("203.0.113.1"))), "203.0.113.1")
    for host in NEAR[:1] + PRIVATE[:1] + PUBLIC:  # the user's own word
        taken(d, u(host))
    for host in LINK:
        refused(d, u(host), "link-local")
        refused(d, u("127.0.0.1", u(host)), "link-local")
    for host in NEAR[:15] + ["10.9.8.7", "203.0.113.1", "[fd00::7]"]:  # its own RPC is never asked
        rpc = "http://%s:%d/jsonrpc?method=aria2.getVersion" % (host, d.port)
        refused(d, rpc, "hauld itself")
        refused(d, u("127.0.0.1", rpc), "hauld itself")
    d.stop()

    d = start("rules", "--allow-address=10.9.8.0/24,169.254.169.254", "--allow-address=fd00::/8", "--deny-address=203.0.113.2,10.0.0.0/8")
    for host in ("10.9.8.7", "[fd00::7]", "169.254.169.254"):
        taken(d, u("203.0.113.1", u(host)))
    refused(d, u("10.1.1.1"), "deny-address")
    refused(d, u("203.0.113.2"), "deny-address")
    refused(d, u("public.example"), "deny-address")
    refused(d, u("203.0.113.1", u("192.168.5.5")), "redirect")
    refused(d, "http://127.0.0.1:%d/jsonrpc?method=aria2.getVersion" % d.port, "hauld itself")
    for name in ("allow-address", "deny-address"):  # the administrator's
        for call in (lambda: d.add(u("10.1.1.1"), **{name: "0.0.0.0/0"}), lambda: d.rpc("aria2.changeGlobalOption", {name: "0.0.0.0/0"})):
            try:
                call()
            except RpcError:
                pass
    refused(d, u("10.1.1.1"), "deny-address")
    d.stop()
    # names that a proxy looks up: what can be told from the text
    proxy = load_proxy().Proxy()
    d = start("proxied", "--http-proxy=http://127.0.0.1:%d" % proxy.port)
    for host in NEAR[:8]:
        refused(d, u("203.0.113.1", u(host)), "redirect")
    refused(d, u("203.0.113.1", u("169.254.169.254")), "link-local")
    refused(d, "http://localhost:%d/jsonrpc" % d.port, "hauld itself")
    taken(d, u("203.0.113.1", u("203.0.113.2")), "203.0.113.2")
    d.stop()
    proxy.stop()
    print("all right")


def load_proxy():
    import importlib.util
    spec = importlib.util.spec_from_file_location("proxy", os.path.join(os.path.dirname(HERE), "origin", "proxy.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SETUP = """
set -e
ip link set lo up
for a in 203.0.113.1/32 203.0.113.2/32 10.9.8.7/32 10.1.1.1/32 192.168.5.5/32 172.16.3.3/32 100.64.1.1/32 169.254.169.254/32 fd00::7/128 2001:db8::1/128; do
    ip addr add $a dev lo
done
exec "$@"
"""


@pytest.mark.matrix("C05")
@pytest.mark.parametrize("conns", [1, 4])
def test_inward(tmp_path, conns):
    if os.getuid() != 0 or not shutil.which("ip") or subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode != 0:
        pytest.skip("a network namespace with addresses of its own needs root, unshare and ip")
    code = "import sys; sys.path.insert(0, %r); import test_matrix_redirects as t; t.inside(%r, %d)" % (HERE, str(tmp_path), conns)
    p = subprocess.run(["unshare", "-n", "sh", "-c", SETUP, "sh", sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert p.returncode == 0 and "all right" in p.stdout, p.stdout + p.stderr


@pytest.mark.matrix("C05")
def test_own_rpc_port(make_hauld, hostile):
    """Also without a namespace: as the first URI, after a redirect, and for a proxy."""
    d = make_hauld()
    for url in ("http://127.0.0.1:%d/jsonrpc?method=aria2.getVersion" % d.port, "http://localhost:%d/" % d.port, "http://[::1]:%d/" % d.port,
                hostile.base + "/redir-to/1M/a?to=http://127.0.0.1:%d/jsonrpc" % d.port, "http://2130706433:%d/" % d.port):
        try:
            s = fetch(d, url)
        except RpcError:  # an odd number is no host of a URI here
            assert "2130706433" in url
            continue
        assert (s["status"], s["errorCode"]) == ("error", "22") and "hauld itself" in s["errorMessage"], (url, s)
    s = fetch(d, hostile.base + "/f/16K/a", http_proxy="http://127.0.0.1:%d" % d.port)
    assert s["status"] == "error" and "hauld itself" in s["errorMessage"], s
    assert files(d) == []
