"""S: TLS. Whom hauld believes, what it says when it does not, and connections that are no TLS or stop."""
import os
import shutil
import socket
import subprocess
import threading
import time

import pytest

from conftest import RpcError, free_port

FAST = dict(retry_wait=0, timeout=4, connect_timeout=3, max_tries=2, max_retry_wait=1, min_split_size="1M")


def fetch(d, url, timeout=60, **opts):
    return d.wait(d.add(url, **dict(FAST, **opts)), timeout=timeout)


def right(hostile, tools, s, size="1M", seed="a"):
    assert s["status"] == "complete", s
    assert tools.sha256_of(s["files"][0]["path"]) == hostile.sha256(size, seed)


@pytest.fixture
def trusting(make_hauld, hostile):
    return make_hauld("--ca-certificate=" + hostile.ca)


@pytest.mark.matrix("S01")
@pytest.mark.parametrize("conns", [1, 4])
def test_right_certificate(trusting, hostile, tools, conns):
    right(hostile, tools, fetch(trusting, hostile.https + "/f/4M/a", split=conns, max_connection_per_server=conns), "4M")


@pytest.mark.parametrize("port,words", [
    pytest.param(3, "has expired", marks=pytest.mark.matrix("S01")), pytest.param(4, "another host name", marks=pytest.mark.matrix("S01")),
    pytest.param(5, "self-signed", marks=pytest.mark.matrix("S01")), pytest.param(6, "too old", marks=pytest.mark.matrix("S02"))],
    ids=["expired", "name", "self", "old"])
@pytest.mark.parametrize("conns", [1, 4])
def test_wrong_certificate(trusting, hostile, port, words, conns):
    """The reason is named, in the status and in the log."""
    s = fetch(trusting, "https://localhost:%d/f/1M/a" % (hostile.port + port), split=conns, max_connection_per_server=conns)
    assert (s["status"], s["errorCode"]) == ("error", "1") and "TLS" in s["errorMessage"] and words in s["errorMessage"], s
    assert words in open(trusting.log).read() and os.listdir(trusting.dir) == []
    assert not any(r["port"] == hostile.port + port for r in hostile.log())


@pytest.mark.matrix("S01")
def test_unknown_issuer(make_hauld, hostile):
    s = fetch(make_hauld(), hostile.https + "/f/1M/a")
    assert (s["status"], s["errorCode"]) == ("error", "1") and "not trusted here" in s["errorMessage"] and "ca-certificate" in s["errorMessage"], s


@pytest.mark.matrix("S01")
@pytest.mark.parametrize("how", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_authorities_of_the_environment(make_hauld, hostile, tools, tmp_path, how):
    where = hostile.ca
    if how == "SSL_CERT_DIR":
        where = str(tmp_path / "ca")
        os.mkdir(where)
        shutil.copy(hostile.ca, where)
        subprocess.run(["openssl", "rehash", where], check=True, capture_output=True)
    right(hostile, tools, fetch(make_hauld(env={how: where}), hostile.https + "/f/1M/a"))


@pytest.mark.matrix("S02")
def test_old_versions_can_be_allowed(make_hauld, hostile, tools):
    """The administrator's choice, for a server that has nothing better."""
    d = make_hauld("--ca-certificate=" + hostile.ca, "--min-tls-version=TLSv1.1")
    s = fetch(d, "https://localhost:%d/f/1M/a" % (hostile.port + 6))
    assert s["status"] == "complete" or "TLS" in s["errorMessage"], s  # this OpenSSL may have none any more


@pytest.mark.matrix("S03")
@pytest.mark.parametrize("conns", [1, 4])
def test_cut_without_a_goodbye(trusting, hostile, conns):
    s = fetch(trusting, hostile.https + "/tls-trunc/1M/a", split=conns, max_connection_per_server=conns)
    assert s["status"] == "error" and s["errorCode"] in ("1", "6"), s
    assert [f for f in os.listdir(trusting.dir) if not f.endswith(".part")] == []


@pytest.mark.matrix("S04")
def test_unchecked_only_by_the_configuration(make_hauld, hostile, tools):
    url = "https://localhost:%d/f/1M/a" % (hostile.port + 5)
    d = make_hauld()
    for opts in ({"check_certificate": "false"}, {"check-certificate": "false"}):
        try:
            s = fetch(d, url, **opts)
        except RpcError:
            continue
        assert (s["status"], s["errorCode"]) == ("error", "1") and "self-signed" in s["errorMessage"], s
        assert d.status(s["gid"], "haul.unchecked")["haul.unchecked"] == "false"
    for method, *args in (("aria2.changeGlobalOption",), ("aria2.changeOption", d.add(url, pause="true"))):
        try:
            d.rpc(method, *args, {"check-certificate": "false"})
        except RpcError:
            pass
    assert d.rpc("aria2.getGlobalOption")["check-certificate"] == "true"
    assert fetch(d, url)["status"] == "error" and "anybody on the way" not in open(d.log).read()
    d = make_hauld("--check-certificate=false", name="lax")
    s = fetch(d, url)
    right(hostile, tools, s)
    assert d.status(s["gid"], "haul.unchecked")["haul.unchecked"] == "true"
    assert d.rpc("aria2.getGlobalOption")["check-certificate"] == "false"
    assert "anybody on the way" in open(d.log).read()


class Server:
    """Accepts, and does with each connection what it is told."""

    def __init__(self, act):
        self.s = socket.create_server(("127.0.0.1", 0))
        self.port = self.s.getsockname()[1]
        self.held = []
        self.act = act
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                c, _ = self.s.accept()
            except OSError:
                return
            self.held.append(c)
            threading.Thread(target=self.act, args=(c,), daemon=True).start()

    def stop(self):
        self.s.close()
        for c in self.held:
            c.close()


def silent(c):
    c.recv(1)


def hello_then_silent(c):
    c.recv(4096)
    c.sendall(b"\x16\x03\x03\x40\x00\x02")  # a record of 16 KiB that never comes


def drip(c):
    c.recv(4096)
    try:
        for b in b"\x16\x03\x03\x40\x00\x02" + bytes(1000):
            c.sendall(bytes([b]))
            time.sleep(0.3)
    except OSError:
        pass


def http(c):
    c.recv(4096)
    c.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def hangs_up(c):
    c.recv(4096)
    c.close()


def alert(c):
    c.recv(4096)
    c.sendall(b"\x15\x03\x03\x00\x02\x02\x28")
    c.close()


@pytest.mark.matrix("S05")
@pytest.mark.parametrize("act,codes,words", [
    (silent, "2", ""), (hello_then_silent, "2", ""), (drip, "2", ""), (http, "1", "does not speak TLS on this port"), (hangs_up, "1", "closed during the TLS handshake"),
    (alert, "1", "refused the handshake")], ids=["silent", "stops", "drip", "http", "closed", "alert"])
def test_handshake_that_fails(hauld, act, codes, words):
    """Within connect-timeout (each try)."""
    server = Server(act)
    before = time.monotonic()
    try:
        s = fetch(hauld, "https://127.0.0.1:%d/f" % server.port, connect_timeout=1, timeout=30, max_tries=1)
    finally:
        server.stop()
    assert (s["status"], s["errorCode"]) == ("error", codes) and words in s["errorMessage"], s
    assert s["errorMessage"].count("127.0.0.1") == 1, s
    assert time.monotonic() - before < 15
    assert os.listdir(hauld.dir) == []


@pytest.mark.matrix("S05")
def test_https_to_a_plain_port(hauld, hostile, nginx):
    """A server that waits for the rest of what it takes for a request is a timeout."""
    s = fetch(hauld, hostile.base.replace("http:", "https:") + "/f/1M/a", max_tries=1, connect_timeout=1)
    assert s["status"] == "error" and s["errorCode"] in ("1", "2"), s
    s = fetch(hauld, nginx.base.replace("http:", "https:") + "/f", max_tries=1)
    assert (s["status"], s["errorCode"]) == ("error", "1") and "does not speak TLS" in s["errorMessage"], s


@pytest.mark.matrix("S05")
def test_http_to_a_tls_port(hauld, hostile, nginx):
    s = fetch(hauld, "http://127.0.0.1:%d/f/1M/a" % (hostile.port + 2), max_tries=1)
    assert (s["status"], s["errorCode"]) == ("error", "1") and s["errorMessage"], s
    server = Server(alert)
    s = fetch(hauld, "http://127.0.0.1:%d/f" % server.port, max_tries=1)
    server.stop()
    assert (s["status"], s["errorCode"]) == ("error", "1") and "use https://" in s["errorMessage"], s
    s = fetch(hauld, nginx.https.replace("https:", "http:") + "/x")  # nginx says so itself, with status 400
    assert s["status"] == "error" and s["errorCode"] == "22", s


class Relay:
    """Passes TCP on to a port; what the server sends on the first connection goes through change(offset, bytes), None: hang up."""

    def __init__(self, port, change):
        self.to = port
        self.change = change
        self.server = Server(self.act)
        self.port = self.server.port

    def act(self, c):
        first = len(self.server.held) == 1
        with socket.create_connection(("127.0.0.1", self.to)) as up:
            threading.Thread(target=self.pump, args=(c, up), daemon=True).start()
            self.pump(up, c, self.change if first else None)

    def pump(self, come, go, change=None):
        at = 0
        try:
            while True:
                data = come.recv(65536)
                if change:
                    at, data = at + len(data), change(at, data)
                if not data:
                    break
                go.sendall(data)
            go.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def stop(self):
        self.server.stop()
        return len(self.server.held)


def flip(at):
    return lambda off, data: data[:at - off] + bytes([data[at - off] ^ 0x55]) + data[at - off + 1:] if off <= at < off + len(data) else data


def alert_first(code):
    return lambda off, data: b"\x15\x03\x03\x00\x02\x02" + bytes([code]) if off == 0 else None


@pytest.mark.parametrize("change", [flip(700000), flip(1500), flip(130)] + [alert_first(n) for n in (20, 22, 50, 51, 80)],
                         ids=["body", "handshake", "hello", "20", "22", "50", "51", "80"])
def test_damage_on_the_way_is_tried_again(trusting, hostile, tools, change):
    """It says nothing of the server: the next connection does."""
    relay = Relay(hostile.port + 2, change)
    s = fetch(trusting, "https://localhost:%d/f/4M/a" % relay.port, split=1, max_connection_per_server=1)
    right(hostile, tools, s, "4M")
    assert relay.stop() >= 2


def test_damage_without_end_ends(trusting, hostile):
    """After max-tries, and what it was is said."""
    server = Server(lambda c: (c.recv(4096), c.sendall(alert_first(80)(0, b""))))
    s = fetch(trusting, "https://localhost:%d/f/1M/a" % server.port, max_tries=2)
    server.stop()
    assert (s["status"], s["errorCode"]) == ("error", "1") and "internal error" in s["errorMessage"], s
    assert len(server.held) == 2


@pytest.mark.parametrize("port", [3, 4, 5])
def test_a_certificate_is_not_tried_again(trusting, hostile, port):
    relay = Relay(hostile.port + port, None)
    assert fetch(trusting, "https://localhost:%d/f/1M/a" % relay.port, max_tries=5)["status"] == "error"
    assert relay.stop() == 1


# ---- client certificates ----

@pytest.fixture
def asking(tmp_path):
    """nginx that wants a client certificate: -> (port, folder with ca.pem, mine.pem, mine.key, other.pem, other.key)."""
    d = str(tmp_path / "mtls")
    os.makedirs(d + "/www")
    run = lambda *a: subprocess.run(["openssl", *a], cwd=d, check=True, capture_output=True)
    for ca in ("ca", "ca2"):
        run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", ca + ".key", "-out", ca + ".pem", "-days", "30", "-subj", "/CN=" + ca)
    with open(d + "/ext", "w") as f:
        f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name, ca in (("srv", "ca"), ("mine", "ca"), ("other", "ca2")):
        run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=" + name)
        run("x509", "-req", "-in", name + ".csr", "-CA", ca + ".pem", "-CAkey", ca + ".key", "-CAcreateserial", "-out", name + ".pem", "-days",
            "30", "-extfile", "ext")
    with open(d + "/www/f", "w") as f:
        f.write("body")
    port = free_port()
    with open(d + "/nginx.conf", "w") as f:
        f.write("""daemon off; %s pid %s/pid; error_log %s/error.log; events {} http { access_log %s/access.log;
server { listen 127.0.0.1:%d ssl; root %s/www; ssl_certificate %s/srv.pem; ssl_certificate_key %s/srv.key; ssl_client_certificate %s/ca.pem;
ssl_verify_client on; } }""" % ("user root;" if os.getuid() == 0 else "", d, d, d, port, d, d, d, d))
    p = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-c", d + "/nginx.conf", "-e", d + "/error.log"])
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield port, d
    p.terminate()
    p.wait()


@pytest.mark.matrix("C12", "S01")
def test_client_certificates(make_hauld, asking):
    """Each daemon shows its own, so connections with different ones are never shared; a missing or foreign one is told."""
    port, d = asking
    url = "https://localhost:%d/f" % port
    mine = make_hauld("--ca-certificate=%s/ca.pem" % d, "--certificate=%s/mine.pem" % d, "--private-key=%s/mine.key" % d, name="mine")
    assert fetch(mine, url)["status"] == "complete"
    for opts in ({"certificate": d + "/other.pem", "private-key": d + "/other.key"}, {"ca-certificate": d + "/ca2.pem"}):  # not a caller's
        try:
            assert fetch(mine, url, **opts)["status"] == "complete"
        except RpcError:
            pass
        assert "other.pem" not in str(mine.rpc("aria2.getGlobalOption"))
    for name, more in (("none", []), ("other", ["--certificate=%s/other.pem" % d, "--private-key=%s/other.key" % d])):
        s = fetch(make_hauld("--ca-certificate=%s/ca.pem" % d, *more, name=name), url)
        assert s["status"] == "error" and s["errorCode"] in ("1", "22") and "4" not in s["status"], s
