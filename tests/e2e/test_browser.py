"""Pages in a real browser: what AriaNg and its like do, over every transport, and what pages of strangers can't do."""
import base64
import json
import os
import re
import ssl
import subprocess
import urllib.parse

import pytest

from browserkit import PAGES, Browser, PageError, Pages, find_browser
from conftest import TESTS, Hauld, make_certificate, wait_for
from rpckit import SECRET, SecretHauld

pytestmark = pytest.mark.skipif(not find_browser(), reason="no Chromium here")

OPEN = "--rpc-allow-origin-all=true"
NOWHERE = "http://127.0.0.1:1/"
TRANSPORTS = {"post": ("http", "POST"), "get": ("http", "GET"), "websocket": ("ws", "POST")}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A folder with a certificate that the browser takes, though nobody signed for its CA."""
    folder = str(tmp_path_factory.mktemp("browser-tls"))
    make_certificate(folder)
    return folder


@pytest.fixture(scope="session")
def pages():
    with Pages() as p:
        yield p


@pytest.fixture(scope="session")
def secure_pages(certificate):
    with Pages(certificate) as p:
        yield p


@pytest.fixture(scope="session")
def far_pages(certificate):
    """A server that the browser takes to be on the internet."""
    with Pages(certificate) as p:
        yield p


@pytest.fixture(scope="session")
def browser(tmp_path_factory, certificate, far_pages):
    key = subprocess.run("openssl x509 -in srv.pem -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary"
                         " | openssl base64", shell=True, cwd=certificate, check=True, capture_output=True, text=True).stdout.strip()
    b = Browser(str(tmp_path_factory.mktemp("browser")), "--ignore-certificate-errors-spki-list=" + key,
                "--host-resolver-rules=MAP rebound.example 127.0.0.1",
                "--ip-address-space-overrides=127.0.0.1:%d=public" % far_pages.port)
    yield b
    b.stop()


@pytest.fixture
def show(browser, pages):
    """show(daemon, transport, ...) opens the page of a user, stranger(...) that of a stranger."""
    tabs = []

    def address(page, base, **settings):
        return (base or "http://127.0.0.1:%d" % pages.port) + "/" + page + "#" + urllib.parse.quote(json.dumps(settings))

    def show(d, transport="post", secret="", base=None, tls=False, permissions=(), **more):
        scheme, method = TRANSPORTS[transport]
        url = "%s%s://localhost:%d/jsonrpc" % (scheme, "s" if tls else "", d.port)
        tabs.append(browser.open(address("page.html", base, url=url, method=method, secret=secret, **more), permissions))
        return tabs[-1]

    def stranger(d, host="127.0.0.1"):
        at = "://%s:%d/jsonrpc" % (host, d.port)
        go = "http://127.0.0.1:%d/go?" % pages.port
        tabs.append(browser.open(address("stranger.html", None, http="http" + at, ws="ws" + at, go=go)))
        return tabs[-1]
    show.stranger = stranger
    yield show
    for t in tabs:
        t.close()


ROWS = "[...document.querySelectorAll('#%s tr')].map((r) => [...r.cells].map((c) => c.textContent))"


def rows(tab, name):
    """-> [[gid, name, status, completed, total, speed, error code]...] of a list."""
    return tab.eval(ROWS % name)


def until_row(tab, name, gid, condition="true"):
    """Waits until a list has a download for which the condition holds; -> its row."""
    return tab.until("%s.find(([gid, name, status, done, total, speed, code]) => gid === '%s' && (%s))"
                     % (ROWS % name, gid, condition))


def until_names(tab, name, names):
    tab.until("%s.map((row) => row[1]).join(' ') === '%s'" % (ROWS % name, names))


def text(tab, id):
    return tab.eval("document.getElementById('%s').textContent" % id)


def until_text(tab, id, wanted=None):
    """Waits until this, or any text, stands in an element; -> it."""
    there = "document.getElementById('%s').textContent" % id
    tab.until(there if wanted is None else "%s === '%s'" % (there, wanted))
    return text(tab, id)


def growth(tab, gid, seconds=2.0):
    """Bytes a second that a download is seen to get."""
    return tab.eval("""new Promise((done) => {
        const seen = () => [performance.now(), %s.find((row) => row[0] === '%s')[3]];
        const [t, n] = seen();
        setTimeout(() => {
            const [t2, n2] = seen();
            done((n2 - n) * 1000 / (t2 - t));
        }, %d); })""" % (ROWS % "downloading", gid, seconds * 1000))


# ---- what a user does ----

@pytest.fixture(params=[pytest.param(s, id="secret" if s else "no-secret") for s in (SECRET, "")])
def door(request, make_hauld, tmp_path):
    """An open daemon, and its secret or ""."""
    if not request.param:
        yield make_hauld(OPEN), ""
        return
    d = SecretHauld(tmp_path / "s", OPEN).start()
    yield d, SECRET
    d.stop()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_session(door, show, hostile, transport):
    d, secret = door
    tab = show(d, transport, secret)
    until_text(tab, "counts", "0/0/0")
    assert text(tab, "state") == "Connected" and text(tab, "version") == d.rpc("aria2.getVersion")["version"]

    options = {"max-download-limit": "0", "header": ["X-Here: 1", "X-Too: 2"]}
    gid = tab.call("ui.add", hostile.base + "/f/64M/a/film?rate=2M", options)
    row = until_row(tab, "downloading", gid, "done > 0 && speed > 0")
    assert row[1:3] == ["film", "active"] and row[4] == str(64 << 20)
    until_row(tab, "downloading", gid, "done > %s" % row[3])
    tab.until("document.getElementById('speed').textContent > 0")
    assert {"X-Here", "X-Too"} <= {h[0] for r in hostile.log() for h in r["headers"]}
    detail = tab.call("ui.detail", gid)
    assert detail["status"] == "active" and detail["dir"] == d.dir and detail["files"][0]["uris"][0]["uri"].endswith("rate=2M")
    assert "bittorrent" not in detail and "numSeeders" not in detail and "verifiedLength" not in detail

    assert tab.call("ui.pause", gid) == [gid]
    until_row(tab, "waiting", gid, "status === 'paused'")
    assert rows(tab, "downloading") == []
    others = [tab.call("ui.add", NOWHERE + n, {"pause": "true"}) for n in "abc"]
    until_names(tab, "waiting", "film a b c")
    assert tab.call("ui.drop", others[2], 1) == 1
    until_names(tab, "waiting", "film c a b")
    first = tab.call("ui.drop", others[1], 0)
    assert first == (None if transport == "websocket" else 0)  # the page does not hear a 0; the daemon has heard it
    until_names(tab, "waiting", "b film c a")
    assert tab.call("ui.start", gid) == [gid]
    until_row(tab, "downloading", gid, "speed > 0")

    tab.call("ui.remove", others[0])
    until_names(tab, "waiting", "b c")
    tab.call("ui.remove", gid)
    assert until_row(tab, "stopped", gid)[2::4] == ["removed", "31"]
    small = tab.call("ui.add", hostile.base + "/f/16K/a/small")
    assert until_row(tab, "stopped", small)[2:5] == ["complete", "16384", "16384"]
    tab.call("ui.remove", small)
    until_names(tab, "stopped", "film")
    assert tab.call("ui.clear") == "OK"
    until_text(tab, "counts", "0/2/0")
    assert text(tab, "error") == ""


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_retry(make_hauld, show, hostile, transport):
    d = make_hauld(OPEN, "--max-tries=1")
    tab = show(d, transport)
    url = hostile.base + "/fail/16K/a/wanted?times=1&code=404&id=" + transport
    gid = tab.call("ui.add", url, {"out": "kept", "header": ["X-Kept: 1"]})
    assert until_row(tab, "stopped", gid)[1:7:5] == ["kept", "3"]
    again = tab.call("ui.retry", gid)
    assert until_row(tab, "stopped", again)[1:3] == ["kept", "complete"]
    assert os.path.getsize(os.path.join(d.dir, "kept")) == 16384
    sent = [dict(r["headers"]) for r in hostile.log()]
    assert [h.get("X-Kept") for h in sent if "X-Kept" in h] == ["1"] * len(sent)


def test_limits_are_kept(make_hauld, show, hostile):
    tab = show(make_hauld(OPEN, "--max-connection-per-server=1"), "websocket")
    gid = tab.call("ui.add", hostile.base + "/f/1G/a?rate=8M")
    until_row(tab, "downloading", gid, "done > 2 ** 20")
    assert growth(tab, gid) > 1 << 20
    assert tab.call("ui.limit", gid, "200K") == "OK"
    growth(tab, gid, 1)  # what had come already
    assert 100 << 10 < growth(tab, gid) < 400 << 10
    assert tab.call("ui.set", "max-overall-download-limit", "1M") == "OK"
    assert tab.call("ui.limit", gid, "0") == "OK"
    assert 600 << 10 < growth(tab, gid, 3) < 1500 << 10
    settings = tab.call("ui.settings")
    assert settings["max-overall-download-limit"] == "1048576"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_settings(make_hauld, show, transport):
    tab = show(make_hauld(OPEN), transport)
    new = {"max-concurrent-downloads": "7", "split": "3", "min-split-size": "4194304", "user-agent": "a page/1",
           "check-integrity": "true", "referer": "http://here/", "seed-ratio": "2.0", "stream-piece-selector": "geom"}
    for name, value in new.items():
        assert tab.call("ui.set", name, value) == "OK"
    assert tab.call("ui.set", "header", ["A: 1", "B: 2"]) == "OK"
    assert tab.call("ui.set", "no-such-option", "1") == "OK"
    got = tab.call("ui.settings")
    assert {k: got[k] for k in new} == new
    assert got["header"].strip().split("\n") == ["A: 1", "B: 2"]
    assert tab.call("ui.set", "referer", "") == "OK" and tab.call("ui.settings")["referer"] == ""
    with pytest.raises(PageError, match="max-concurrent-downloads"):
        tab.call("ui.set", "max-concurrent-downloads", "many")
    assert "max-concurrent-downloads" in text(tab, "error")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_other_habits(door, show, transport):
    """webui-aria2 asks for everything in a multicall; the npm package aria2 numbers its calls from 0."""
    d, secret = door
    tab = show(d, transport, secret)
    token = ["token:" + secret] if secret else []
    gid = tab.call("ui.add", NOWHERE + "x", {"pause": "true"})
    entry = lambda method, *params: {"methodName": method, **({"params": token + list(params)} if token or params else {})}
    (stat,), (waiting,), refused = tab.call("ui.webui", entry("aria2.getGlobalStat"), entry("aria2.tellWaiting", 0, 1000),
                                            entry("aria2.tellStatus", "zz"))["data"]
    assert stat["numWaiting"] == "1" and waiting[0]["gid"] == gid and refused == {"code": 1, "message": "Invalid GID zz"}
    wrong = tab.call("ui.webui", {"methodName": "aria2.getVersion", "params": ["token:wrong"]})["data"] if secret else None
    assert wrong == ([{"code": 1, "message": "Unauthorized"}] if secret else None)
    batch = tab.call("ui.batch", ["aria2.getVersion"], ["aria2.tellStatus", gid, ["gid"]], ["aria2.nothing"])["data"]
    assert [b["id"] for b in batch] == [0, 1, 2] and batch[1]["result"] == {"gid": gid} and batch[2]["error"]["code"] == 1
    odd = {**tab.call("ui.settings"), "out": "", "header": "", "bt-max-open-files": 100, "check-certificate": True, "seed-time": 0,
           "enable-async-dns6": "true", "no-such-option": "x"}
    assert tab.call("act", "aria2.changeOption", gid, odd) == "OK"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_wrong_secret(tmp_path, show, transport):
    d = SecretHauld(tmp_path / "d", OPEN).start()
    try:
        for secret in ("wrong", ""):
            tab = show(d, transport, secret)
            until_text(tab, "error", "Unauthorized")
            with pytest.raises(PageError, match="Unauthorized"):
                tab.call("ui.add", NOWHERE + "x")
            assert text(tab, "counts") == "" and text(tab, "version") == ""
        assert d.rpc("aria2.getGlobalStat")["numWaiting"] == "0"
    finally:
        d.stop()


def test_notifications(tmp_path, show, hostile):
    d = SecretHauld(tmp_path / "d", OPEN, "--max-tries=1").start()
    try:
        stranger, user = show(d, "websocket", "wrong"), show(d, "websocket", SECRET)
        until_text(stranger, "error", "Unauthorized")
        until_text(user, "counts")
        good = user.call("ui.add", hostile.base + "/f/16K/a")
        user.until("document.getElementById('heard').innerText.includes('DownloadComplete')")
        bad = user.call("ui.add", hostile.base + "/fail/1M/a?times=9&code=404")
        user.until("document.getElementById('heard').innerText.includes('DownloadError')")
        heard = user.eval("[...document.querySelectorAll('#heard li')].map((e) => e.textContent)")
        assert heard == ["DownloadStart " + good, "DownloadComplete %s complete" % good,
                         "DownloadStart " + bad, "DownloadError %s error" % bad]
        assert text(stranger, "heard") == ""
    finally:
        d.stop()


def test_comes_back_after_a_crash(make_hauld, show):
    d = make_hauld(OPEN)
    sock, plain = show(d, "websocket"), show(d)
    gid = sock.call("ui.add", NOWHERE + "x", {"pause": "true"})
    for tab in (sock, plain):
        until_row(tab, "waiting", gid)
    d.kill()
    until_text(sock, "state", "Waiting to reconnect")
    until_text(plain, "state", "Disconnected")
    d.start()
    for tab in (sock, plain):
        until_text(tab, "state", "Connected")
        assert tab.call("ui.start", gid) == [gid]
        assert tab.call("ui.pause", gid) == [gid]


# ---- where a page comes from ----

def lines_of_the_book():
    """The configuration lines of docs/operating.md, about web pages -> [for all, for TLS]"""
    book = open(os.path.join(os.path.dirname(TESTS), "docs", "operating.md")).read()
    chapter = re.search(r"^## AriaNg and other web pages\n(.*?)^## ", book, re.M | re.S).group(1)
    blocks = re.findall(r"(?:^    [a-z-]+=.*\n)+", chapter, re.M)
    assert len(blocks) == 2
    return [re.sub("^    ", "", b, flags=re.M) for b in blocks]


class ByTheBook(SecretHauld):
    """Configured by those lines alone; with a folder of certificates by those for TLS, too."""

    def __init__(self, folder, certificates=None):
        super().__init__(folder)
        plain, tls = lines_of_the_book()
        if certificates:
            self.url = "https://localhost:%d/jsonrpc" % self.port
            self.context = ssl.create_default_context(cafile=os.path.join(certificates, "ca.pem"))
            plain += tls.replace("/etc/haul/cert", certificates + "/srv").replace("/etc/haul/key.pem", certificates + "/srv.key")
        self.options = ["--conf-path=" + os.path.join(self.folder, "hauld.conf")]
        with open(self.options[0].split("=")[1], "w") as f:
            f.write(plain.replace("SOME-LONG-TEXT", SECRET))

    def argv(self):
        return [a for a in super().argv() if a != "--no-conf"]


@pytest.fixture
def by_the_book(tmp_path):
    made = []

    def make(*args):
        made.append(ByTheBook(tmp_path / ("book%d" % len(made)), *args))
        return made[-1].start()
    yield make
    for d in made:
        d.stop()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_page_from_a_server_or_a_file(by_the_book, make_hauld, show, transport):
    d, closed = by_the_book(), make_hauld()
    for base in (None, "file://" + PAGES):
        tab = show(d, transport, SECRET, base=base)
        assert until_text(tab, "version") == tab.call("ui.version")["version"]
        gid = tab.call("ui.add", NOWHERE + "x", {"pause": "true", "out": str(base)[:4]})
        until_row(tab, "waiting", gid, "status === 'paused'")
        tab = show(closed, transport, base=base)
        until_text(tab, "error", "Cannot connect")
        assert text(tab, "version") == ""


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_page_over_https(by_the_book, show, certificate, secure_pages, transport):
    d = by_the_book(certificate)
    tab = show(d, transport, SECRET, base="https://localhost:%d" % secure_pages.port, tls=True)
    gid = tab.call("ui.add", NOWHERE + "x", {"pause": "true"})
    until_row(tab, "waiting", gid, "status === 'paused'")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_page_of_the_internet(by_the_book, browser, show, certificate, far_pages, transport):
    """The user has to allow it to reach this machine."""
    if browser.version < 147:
        pytest.skip("a browser that does not ask")
    d = by_the_book(certificate)
    base = "https://localhost:%d" % far_pages.port
    tab = show(d, transport, SECRET, base=base, tls=True)
    until_text(tab, "error", "Cannot connect")
    tab = show(d, transport, SECRET, base=base, tls=True, permissions=["loopbackNetwork"])
    gid = tab.call("ui.add", NOWHERE + "x", {"pause": "true"})
    until_row(tab, "waiting", gid, "status === 'paused'")


@pytest.mark.parametrize("transport", ["post", "get"])
def test_fields_of_the_user(tmp_path, show, transport):
    """AriaNg can add header fields to its requests; with rpc-user that is how it logs in."""
    d = Hauld(tmp_path / "d", OPEN, "--rpc-user=joe", "--rpc-passwd=pw")
    d.fields = {"Authorization": "Basic " + base64.b64encode(b"joe:pw").decode()}
    d.start()
    try:
        tab = show(d, transport, headers={**d.fields, "X-Other": "1"})
        gid = tab.call("ui.add", NOWHERE + "x", {"pause": "true"})
        until_row(tab, "waiting", gid)
        tab = show(d, transport)
        until_text(tab, "error", "Cannot connect")
    finally:
        d.stop()


# ---- strangers ----

def stranger_tried(tab):
    """-> {attempt: what it read}"""
    tab.until("document.getElementById('state').textContent.startsWith('tried')")
    return dict(line.split(": ", 1) if ": " in line else (line.rstrip(":"), "") for line in
                tab.eval("[...document.querySelectorAll('#read li')].map((e) => e.textContent.trim())"))


def added(d):
    """The attempts that were no good."""
    all = d.rpc("aria2.tellActive") + d.rpc("aria2.tellWaiting", 0, 1000) + d.rpc("aria2.tellStopped", 0, 1000)
    return {task["files"][0]["uris"][0]["uri"].rsplit("/", 1)[1] for task in all}


def test_strangers_try_in_earnest(make_hauld, show):
    """Each attempt would add its download at a daemon that lets everybody in; else the next tests would prove nothing."""
    d = make_hauld(OPEN, "--rpc-allow-jsonp=true")
    tried = stranger_tried(show.stranger(d))
    wait_for(lambda: added(d) == set(tried))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]", "rebound.example"])
def test_strangers_are_refused(make_hauld, show, host):
    """No secret, and the browser is a program of the daemon's own user: all depends on what a browser tells of a page."""
    d = make_hauld()
    tried = stranger_tried(show.stranger(d, host))
    assert len(tried) > 15 and set(tried.values()) == {""}
    assert added(d) == set()


def test_strangers_lack_the_secret(tmp_path, show):
    d = SecretHauld(tmp_path / "d", OPEN).start()
    try:
        tried = stranger_tried(show.stranger(d))
        assert "Unauthorized" in tried["post-json"] and '"result"' not in "".join(tried.values())
        assert added(d) == set()
    finally:
        d.stop()
