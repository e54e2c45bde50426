"""Ways out: HTTP proxies (whole URI and CONNECT), SOCKS5, no-proxy, proxies that misbehave (tests/matrix/matrix.md C11, C12)."""
import importlib.util
import os
import time

import pytest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_spec = importlib.util.spec_from_file_location("proxy", os.path.join(TESTS, "origin", "proxy.py"))
proxy_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(proxy_module)

FAST = dict(retry_wait=0, timeout=4, connect_timeout=4, max_tries=2, max_retry_wait=1, split=1)
SECRETS = ("joe", "s3cret", "am9lOnMzY3JldA")  # name, password, and both in base64


@pytest.fixture
def proxy():
    p = proxy_module.Proxy()
    yield p
    p.stop()


@pytest.fixture
def login_proxy():
    p = proxy_module.Proxy(login=("puser", "ppass"))
    yield p
    p.stop()


def at(proxy, login="", scheme="http"):
    return "%s://%s127.0.0.1:%d" % (scheme, login, proxy.port)


def run(d, uri, **opts):
    return d.wait(d.add(uri, **dict(FAST, **opts)), timeout=60)


def right(d, hostile, tools, s, size="1M", seed="a"):
    assert s["status"] == "complete", (s["errorCode"], s["errorMessage"], d.tail())
    assert tools.sha256_of(s["files"][0]["path"]) == hostile.sha256(size, seed)


def test_plain_http_sends_the_whole_uri(hauld, hostile, tools, proxy):
    proxy.names["o.example"] = ("127.0.0.1", hostile.port)
    s = run(hauld, "http://o.example/f/1M/a?x=1", http_proxy=at(proxy))  # a name that only the proxy knows
    right(hauld, hostile, tools, s)
    assert [e["target"] for e in proxy.log] == ["http://o.example/f/1M/a?x=1"]
    assert proxy.log[0]["kind"] == "forward"


def test_proxy_for_http_by_tunnel(hauld, hostile, tools, proxy):
    s = run(hauld, hostile.base + "/f/1M/a", all_proxy=at(proxy), proxy_method="tunnel", split=4, min_split_size="1M")
    right(hauld, hostile, tools, s)
    assert {e["kind"] for e in proxy.log} == {"connect"} and proxy.log[0]["target"] == "127.0.0.1:%d" % hostile.port


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
@pytest.mark.parametrize("tls", [False, True])
def test_every_way_with_a_login(make_hauld, hostile, tools, login_proxy, scheme, tls):
    d = make_hauld("--ca-certificate=" + hostile.ca)
    base = hostile.https if tls else hostile.base
    s = run(d, base + "/f/8M/a", all_proxy=at(login_proxy, "puser:ppass@", scheme), split=3, max_connection_per_server=3, min_split_size="1M")
    right(d, hostile, tools, s, "8M")
    kinds = {e["kind"] for e in login_proxy.log}
    assert kinds == {"socks" if scheme != "http" else "connect" if tls else "forward"}
    if scheme != "http":
        name = "name" if scheme == "socks5h" and tls else "address"  # tls: localhost, plain: 127.0.0.1
        assert {e["head"] for e in login_proxy.log} == {name}
    assert "ppass" not in open(d.log).read() and "cHVzZXI6cHBhc3M" not in open(d.log).read()
    assert not [r for r in hostile.log() if "proxy" in str(r).lower() or "cHVzZXI6cHBhc3M" in str(r)]


def test_login_options_go_before_the_uri(hauld, hostile, tools, login_proxy):
    s = run(hauld, hostile.base + "/f/1M/a", all_proxy=at(login_proxy, "no:no@"), all_proxy_user="puser", all_proxy_passwd="ppass")
    right(hauld, hostile, tools, s)


def test_asking_for_a_login(make_hauld, hostile, login_proxy):
    d = make_hauld("--ca-certificate=" + hostile.ca)
    for uri, scheme in ((hostile.base, "http"), (hostile.https, "http"), (hostile.base, "socks5")):
        s = run(d, uri + "/f/1M/a", all_proxy=at(login_proxy, "puser:s3cret@", scheme))
        assert (s["status"], s["errorCode"]) == ("error", "24"), s
        assert "proxy" in s["errorMessage"] and "s3cret" not in str(s)
    assert "s3cret" not in open(d.log).read()


@pytest.mark.matrix("C11")
def test_origin_credentials_are_not_for_the_proxy(make_hauld, hostile, tools, proxy):
    """C11: what is inside of a tunnel stays there."""
    d = make_hauld("--ca-certificate=" + hostile.ca)
    s = run(d, hostile.https + "/f/1M/a", all_proxy=at(proxy), http_user="joe", http_passwd="s3cret", header="X-Key: s3cret")
    right(d, hostile, tools, s)
    s = run(d, hostile.https.replace("//", "//joe:s3cret@") + "/f/1M/b", all_proxy=at(proxy))
    right(d, hostile, tools, s, seed="b")
    assert len(proxy.log) >= 1 and not any(x in str(proxy.log) for x in SECRETS)
    assert any("am9lOnMzY3JldA" in str(r) for r in hostile.log())


@pytest.mark.matrix("C11")
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("mode,codes", [("407", "24"), ("403", "22"), ("endless", "22"), ("junk", "22"), ("silent", "2"), ("cut", "1"), ("garbage", "22")])
def test_misbehaving(make_hauld, hostile, proxy, mode, codes, tls):
    """C11: bounded, with the right reason, and never a file."""
    d = make_hauld("--ca-certificate=" + hostile.ca)
    proxy.mode = mode
    before = time.monotonic()
    s = run(d, (hostile.https if tls else hostile.base) + "/f/1M/a", all_proxy=at(proxy), proxy_method="tunnel", timeout=1, connect_timeout=1)
    assert (s["status"], s["errorCode"]) == ("error", codes), (s["errorCode"], s["errorMessage"])
    assert "proxy" in s["errorMessage"].lower()
    assert time.monotonic() - before < 20
    assert not [f for f in os.listdir(d.dir) if not f.endswith(".part")]


@pytest.mark.matrix("C11")
def test_socks_junk(hauld, hostile, proxy):
    proxy.mode = "junk"
    s = run(hauld, hostile.base + "/f/1M/a", all_proxy=at(proxy, "", "socks5"))
    assert (s["status"], s["errorCode"]) == ("error", "22"), s


def test_proxy_cannot_reach(hauld, hostile, tools, proxy):
    dead = tools.free_port()
    for scheme in ("http", "socks5"):
        s = run(hauld, "http://127.0.0.1:%d/x" % dead, all_proxy=at(proxy, "", scheme), proxy_method="tunnel")
        assert s["status"] == "error" and "proxy" in s["errorMessage"].lower(), s


def test_no_proxy(hauld, hostile, tools, proxy):
    for exempt, used in (("127.0.0.1", 0), ("10.0.0.1,127.0.0.0/8", 0), ("*", 0), ("127.0.0.0/32,.example", 1)):
        proxy.log.clear()
        s = run(hauld, hostile.base + "/f/1M/a", all_proxy=at(proxy), no_proxy=exempt, allow_overwrite="true")
        right(hauld, hostile, tools, s)
        assert len(proxy.log) == used, exempt


def test_environment_and_clearing(make_hauld, hostile, tools, proxy):
    d = make_hauld(env={"http_proxy": at(proxy)})
    right(d, hostile, tools, run(d, hostile.base + "/f/1M/a"))
    assert len(proxy.log) == 1
    right(d, hostile, tools, run(d, hostile.base + "/f/1M/b", http_proxy=""), seed="b")
    assert len(proxy.log) == 1


@pytest.mark.matrix("C12")
def test_connections_are_not_shared_over_ways(hauld, hostile, tools, proxy, login_proxy):
    """C12: a kept connection of one way is not used for another."""
    uri = hostile.base + "/f/64K/"
    tunnel = dict(proxy_method="tunnel")
    right(hauld, hostile, tools, run(hauld, uri + "a"), "64K", "a")
    right(hauld, hostile, tools, run(hauld, uri + "b", all_proxy=at(proxy), **tunnel), "64K", "b")
    right(hauld, hostile, tools, run(hauld, uri + "c", all_proxy=at(login_proxy, "puser:ppass@"), **tunnel), "64K", "c")
    s = run(hauld, uri + "d", all_proxy=at(login_proxy, "puser:other@"), **tunnel)
    assert s["errorCode"] == "24"
    right(hauld, hostile, tools, run(hauld, uri + "e", all_proxy=at(proxy), **tunnel), "64K", "e")
    assert len(proxy.log) == 1 and len(login_proxy.log) == 2  # the way of "b" was still open for "e"


def test_interface(make_hauld, hostile, tools):
    """Connections come from the address that was named; with one that is not there nothing starts."""
    d = make_hauld("--interface=127.0.0.3")
    s = run(d, hostile.base + "/f/1M/a")
    right(d, hostile, tools, s)
    with pytest.raises(AssertionError, match="hauld ended with 1: hauld: there is no interface or local address nosuchif0"):
        make_hauld("--interface=nosuchif0", name="e")


def test_multiple_interfaces(make_hauld, tools):
    """One after the other; what has no address of the family is passed over."""
    import socket
    seen = []
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(16)
        d = make_hauld("--multiple-interface=127.0.0.5,::1,127.0.0.6")
        for _ in range(4):
            gid = d.add("http://127.0.0.1:%d/x" % s.getsockname()[1], **dict(FAST, max_tries=1))
            c, peer = s.accept()
            seen.append(peer[0])
            c.close()
            d.wait(gid)
    assert set(seen) == {"127.0.0.5", "127.0.0.6"}
