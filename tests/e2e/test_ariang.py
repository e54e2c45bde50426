"""AriaNg as its user sees it, in headless Chromium. AriaNg is not ours and not here: ARIANG=FOLDER names one with its index.html."""
import base64
import functools
import http.server
import json
import os
import re
import threading

import pytest

import cdp
from browserkit import find_browser
from conftest import Hauld, wait_for
from rpckit import SECRET, SecretHauld

ARIANG = os.environ.get("ARIANG", "")
pytestmark = [pytest.mark.skipif(not os.path.isfile(os.path.join(ARIANG, "index.html")), reason="ARIANG names no folder with AriaNg's index.html"),
              pytest.mark.skipif(not find_browser(), reason="no chromium here")]

TRANSPORTS = [("ws", "POST", True), ("ws", "POST", False), ("http", "POST", True), ("http", "GET", True), ("http", "GET", False)]
ROWS = "[...document.querySelectorAll('.task-table-body > .row')]"
UNITS = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def find(selector, text=None):
    """Javascript for the first element that a selector finds, or the first shown one with that text."""
    if text is None:
        return "document.querySelector(%s)" % json.dumps(selector)
    return "[...document.querySelectorAll(%s)].find((e) => e.offsetParent && e.innerText.trim() === %s)" % (json.dumps(selector), json.dumps(text))


def row(name):
    return ROWS + ".find((r) => (r.querySelector('.task-name') || {}).innerText === %s)" % json.dumps(name)


def bytes_of(text):
    """293.70 KB, 200K -> bytes."""
    n, unit = re.fullmatch(r"([\d.,]+)\s*([KMG]?B?)(?:/s)?", text).groups()
    return float(n.replace(",", "")) * UNITS.get(unit, 1)


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site():
    """The URL of AriaNg; the folder above is served too, since an unbuilt tree has its node_modules there."""
    folder = os.path.dirname(os.path.abspath(ARIANG))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietFiles, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "http://127.0.0.1:%d/%s/index.html" % (server.server_port, os.path.basename(os.path.abspath(ARIANG)))
    server.shutdown()
    server.server_close()


class AriaNg(cdp.Browser):
    """The page, set up for a daemon as its settings would be."""

    def __init__(self, site, d, proto="ws", method="POST", secret=""):
        super().__init__()
        options = {"language": "en", "rpcHost": "127.0.0.1", "rpcPort": str(d.port), "rpcInterface": "jsonrpc", "protocol": proto,
                   "httpMethod": method, "secret": base64.b64encode(secret.encode()).decode(), "webSocketReconnectInterval": 1000}
        self.call("Page.addScriptToEvaluateOnNewDocument", source="localStorage.setItem('AriaNg.Options', %s)" % json.dumps(json.dumps(options)))
        self.open(site)

    def page(self, path):
        self.eval("location.hash = '#!%s'" % path)
        self.until("location.hash.startsWith('#!%s')" % path)

    def names(self):
        return self.eval(ROWS + ".map((r) => r.querySelector('.task-name').innerText)")

    def shows(self, *names):
        """Waits until the list has these rows, in this order."""
        self.until("JSON.stringify(%s.map((r) => r.querySelector('.task-name').innerText)) === %s" %
                   (ROWS, json.dumps(json.dumps(names, separators=(",", ":"), ensure_ascii=False))))

    def asked_again(self, method):
        """Waits until the page has asked the daemon twice more, so that it shows what the first answer said."""
        count = lambda: sum(method in text for kind, text in self.frames if kind == "sent")
        before = count()
        wait_for(lambda: self.eval("true") and count() >= before + 2)

    def cell(self, name, selector):
        return self.until("(%s).querySelector(%s).innerText" % (row(name), json.dumps(selector)))

    def add(self, urls, later=False, **options):
        """By the New page; options are typed on its Options tab."""
        self.page("/new")
        self.until(find("textarea[name=urls]"))
        self.fill(find("textarea[name=urls]"), urls)
        if options:
            self.click(find("a", "Options"))
            self.click(find("label[for=optionFilterHttp]"))
        for name, value in options.items():
            name = name.replace("_", "-")
            self.fill(self.field(name), value)
            self.until("%s.value === %s" % (self.field(name), json.dumps(value)))
        if later:
            self.click(find(".nav-toolbar .btn-group:last-child .dropdown-toggle"))
            self.click(find("a", "Download Later"))
        else:
            self.click(find("button", "Download Now"))
        self.until("location.hash === '#!%s'" % ("/waiting" if later else "/downloading"))

    def select(self, *names):
        for name in names:
            self.click("(%s).querySelector('.task-name')" % row(name))

    def tool(self, icon):
        self.click(find(".main-header .fa-%s" % icon) + ".parentNode")

    def settled(self):
        """Going to another page fades dialogs out, for half a second, also one that is opened meanwhile."""
        self.until("!(%s && %s.style.opacity > 0)" % ((find(".sweet-alert"),) * 2))

    def confirm(self):
        """The dialog's yes -> its text; it moves in and out."""
        self.until(find(".sweet-alert.visible"))
        text = self.eval(find(".sweet-alert") + ".innerText")
        self.click(find(".sweet-alert button.confirm"))
        self.until("!" + find(".sweet-alert.visible"))
        return text

    def delete(self, item, *names):
        self.settled()
        self.select(*names)
        self.tool("trash-o")
        self.click(find(".main-header .dropdown-menu a", item))
        self.confirm()

    def field(self, option):
        return find('[data-option-key="%s"] input, [data-option-key="%s"] textarea, [data-option-key="%s"] select' % (option, option, option))

    def change(self, option, value, outcome="success"):
        """Types into a field of a settings table and waits for its colour."""
        self.fill(self.field(option), value)
        self.until(find('[data-option-key="%s"] .has-%s' % (option, outcome)))


@pytest.fixture
def ariang(site, tmp_path):
    """Makes (daemon, page) and ends them; the page must not have stumbled."""
    made = []

    def make(*options, proto="ws", method="POST", secret=True, show=None):
        cls = SecretHauld if secret else Hauld
        d = cls(tmp_path / "d", "--rpc-allow-origin-all=true", *options).start()
        page = AriaNg(site, d, proto, method, SECRET if secret and show is None else show or "")
        made.append((d, page))
        return d, page
    yield make
    for d, page in made:
        page.close()
        d.stop()
        assert [f for f in page.faults if "TypeError" in f or "ReferenceError" in f] == []


@pytest.mark.parametrize("proto,method,secret", TRANSPORTS)
def test_adding_and_watching(ariang, nginx, proto, method, secret):
    for name, size in (("first.bin", 6 << 20), ("second.bin", 7 << 20), ("third.bin", 64 << 10)):
        nginx.put(name, size)
    d, page = ariang("--max-concurrent-downloads=2", proto=proto, method=method, secret=secret)
    page.until(find(".sidebar .label-success", "Connected"))
    page.add(nginx.base + "/crawl/first.bin")
    page.shows("first.bin")
    percent = lambda name: float(page.cell(name, ".progress span").rstrip("%"))
    page.until("parseFloat((%s).querySelector('.progress span').innerText) > 0" % row("first.bin"))
    before = percent("first.bin")
    page.until("parseFloat((%s).querySelector('.progress span').innerText) > %s" % (row("first.bin"), before))
    speed = bytes_of(page.cell("first.bin", ".hidden-xs .task-download-speed"))
    assert 0.5 * (256 << 10) < speed < 2 * (256 << 10)
    h, m, s = map(int, page.cell("first.bin", ".task-last-time").split(":"))
    left = (6 << 20) * (1 - percent("first.bin") / 100)
    assert abs(h * 3600 + m * 60 + s - left / speed) < 8
    page.add("%s/crawl/second.bin\n%s/crawl/third.bin\n" % (nginx.base, nginx.base))
    page.shows("first.bin", "second.bin")
    page.page("/waiting")
    page.shows("third.bin")
    assert page.cell("third.bin", ".hidden-xs .task-download-speed") == "Waiting"
    page.add(nginx.base + "/crawl/third.bin", later=True, out="named.bin", max_download_limit="100K", header="X-A: 1\nX-B: 2", split="3")
    page.shows("third.bin", "named.bin")
    gid = d.rpc("aria2.tellWaiting", -1, 1, ["gid"])[0]["gid"]
    options = d.rpc("aria2.getOption", gid)
    assert [options[k] for k in ("out", "max-download-limit", "header", "split")] == ["named.bin", "102400", "X-A: 1\nX-B: 2\n", "3"]


def test_detail_of_a_task(ariang, nginx, tools):
    nginx.put("detail.bin", 48 << 20)
    d, page = ariang("--piece-length=1M")
    gid = d.add(nginx.base + "/slow/detail.bin", split=3, max_connection_per_server=3, min_split_size="1M")
    page.shows("detail.bin")
    page.click("(%s).querySelector('.task-files a')" % row("detail.bin"))
    overview = page.until("/Remaining/.test(%s.innerText) && %s.innerText" % ((find("#overview-items"),) * 2)).split("\n")
    shown = dict(zip(overview[::2], overview[1::2]))
    assert (shown["Task Name"], shown["Task Status"], shown["Connections"], shown["Download Dir"]) == ("detail.bin", "Downloading", "3", d.dir)
    assert shown["Download Url"] == nginx.base + "/slow/detail.bin"
    page.click(find("a", "Pieces"))
    page.until("document.querySelectorAll('.piece-map .piece').length === 48 && document.querySelectorAll('.piece-completed').length > 3")
    page.click(find("a", "Files"))
    page.until("/detail.bin/.test(%s.innerText)" % find(".tab-pane.active .task-table"))
    page.click(find(".nav-tabs .fa-gear") + ".parentNode")
    page.until("%s && %s.value === '3'" % (page.field("split"), page.field("split")))
    page.change("max-download-limit", "200K")
    assert d.rpc("aria2.getOption", gid)["max-download-limit"] == "204800"
    speed = lambda: int(d.status(gid, "downloadSpeed")["downloadSpeed"])
    tools.wait_for(lambda: speed() < 230 << 10, 30)
    assert speed() > 150 << 10
    page.change("checksum", "sha-256=" + "0" * 64)
    page.change("checksum", "sha-256=zz", "warning")
    page.tool("pause")
    d.wait(gid, "paused")


def test_pausing_starting_and_dragging(ariang, nginx):
    for name in ("a", "b", "c", "e"):
        nginx.put(name + ".bin", 6 << 20)
    d, page = ariang("--max-concurrent-downloads=1")
    page.add("\n".join("%s/crawl/%s.bin" % (nginx.base, n) for n in "abce"))
    page.shows("a.bin")
    page.page("/waiting")
    page.shows("b.bin", "c.bin", "e.bin")
    page.drag(row("b.bin"), row("c.bin"), 10)
    page.asked_again("aria2.tellWaiting")
    page.shows("c.bin", "b.bin", "e.bin")
    page.drag(row("e.bin"), row("c.bin"), -10)  # over WebSocket AriaNg takes the result 0 for none, and asks no more until it is left
    page.shows("e.bin", "c.bin", "b.bin")
    order = lambda: [j["files"][0]["uris"][0]["uri"][-5:] for j in d.rpc("aria2.tellWaiting", 0, 9, ["files"])]
    wait_for(lambda: order() == ["e.bin", "c.bin", "b.bin"])
    page.page("/downloading")
    page.shows("a.bin")
    assert sum("aria2.changePosition" in text for kind, text in page.frames if kind == "sent") == 2
    page.select("a.bin")
    page.tool("pause")  # goes on to the waiting ones; the next one starts
    page.shows("a.bin", "c.bin", "b.bin")
    page.until("(%s).querySelector('.hidden-xs .task-download-speed').innerText === 'Paused'" % row("a.bin"))
    page.select("a.bin")
    page.tool("play")
    page.shows("e.bin")
    assert order()[0] == "a.bin" and d.rpc("aria2.tellWaiting", 0, 1, ["status"]) == [{"status": "waiting"}]


def test_removing_and_clearing(ariang, nginx):
    for name, size in (("active.bin", 6 << 20), ("wait.bin", 6 << 20), ("done.bin", 1000)):
        nginx.put(name, size)
    d, page = ariang("--max-concurrent-downloads=1")
    page.add(nginx.base + "/done.bin")
    page.page("/stopped")
    page.shows("done.bin")
    page.add("%s/crawl/active.bin\n%s/crawl/wait.bin" % (nginx.base, nginx.base))
    page.add(nginx.base + "/crawl/wait.bin", later=True, out="paused.bin")
    page.shows("wait.bin", "paused.bin")
    page.delete("Remove Task", "wait.bin", "paused.bin")  # gone, without a result
    page.until("location.hash === '#!/stopped'")
    page.shows("done.bin")
    page.page("/downloading")
    page.shows("active.bin")
    page.delete("Remove Task", "active.bin")
    page.shows("active.bin", "done.bin")
    assert [(j["status"], j["errorCode"]) for j in d.rpc("aria2.tellStopped", -1, 9, ["status", "errorCode"])] == [("removed", "31"), ("complete", "0")]
    page.delete("Remove Task", "done.bin")
    page.shows("active.bin")
    page.delete("Clear Stopped Tasks")
    page.until(ROWS + ".length === 0")
    stat = d.rpc("aria2.getGlobalStat")
    assert (stat["numActive"], stat["numWaiting"], stat["numStopped"]) == ("0", "0", "0")


def retry(page, name):
    page.settled()
    page.click("[...(%s).querySelectorAll('a')].find((a) => a.innerText === 'Retry')" % row(name))
    page.confirm()
    page.until("location.hash === '#!/downloading'")


def test_failures_and_retry(ariang, nginx, tools):
    sum_ = nginx.put("bad.bin", 50000)
    d, page = ariang()
    page.add(nginx.base + "/late%d.bin" % d.port)
    page.page("/stopped")
    late = "late%d.bin" % d.port
    page.shows(late)
    assert page.until("(%s).querySelector('.icon-error').title" % row(late))
    page.click("(%s).querySelector('.task-files a')" % row(late))
    page.until("/Error Occurred \\(3\\)/.test(%s.innerText)" % find("#overview-items"))
    message = d.rpc("aria2.tellStopped", 0, 1, ["errorMessage"])[0]["errorMessage"]
    page.until("[...document.querySelectorAll('#overview-items [ng-tooltip]')].some((e) => e.getAttribute('ng-tooltip') === %s)" % json.dumps(message))
    want = nginx.put(late, 300000)
    page.page("/stopped")
    page.shows(late)
    retry(page, late)
    page.page("/stopped")
    page.shows(late, late)
    assert tools.sha256_of(os.path.join(d.dir, late)) == want
    page.add(nginx.base + "/bad.bin", checksum="sha-256=" + "0" * 64)
    page.page("/stopped")
    page.shows("bad.bin", late, late)
    retry(page, "bad.bin")  # with the same wrong checksum
    page.page("/stopped")
    page.shows("bad.bin", "bad.bin", late, late)
    assert d.rpc("aria2.tellStopped", -1, 1, ["errorCode"]) == [{"errorCode": "32"}]
    assert d.complete(d.add(nginx.base + "/bad.bin", checksum="sha-256=" + sum_)) == os.path.join(d.dir, "bad.bin")


SETTINGS = {  # page: (option, typed, then in getGlobalOption)
    "basic": ("max-concurrent-downloads", "3", "3"), "http-ftp-sftp": ("min-split-size", "2M", "2097152"),
    "http": ("header", "X-A: 1\nX-B: 2", "X-A: 1\nX-B: 2\n"), "ftp-sftp": ("ftp-user", "me", "me"), "bt": ("bt-max-peers", "7", "7"),
    "metalink": ("metalink-language", "en", "en"), "rpc": None, "advanced": ("max-overall-download-limit", "1M", "1048576")}


def same(shown, value):
    """What a field shows of an option: sizes with a unit, choices as Angular names them."""
    shown = re.sub(r"^string:", "", shown)
    return shown == value.strip() or bool(re.fullmatch(r"\d+[KMG]", shown)) and str(int(bytes_of(shown))) == value


def test_every_settings_page(ariang):
    d, page = ariang()
    have = d.rpc("aria2.getGlobalOption")
    for name, change in SETTINGS.items():
        page.page("/settings/aria2/" + name)
        first = {"basic": "dir", "http-ftp-sftp": "timeout", "http": "user-agent", "ftp-sftp": "ftp-type", "bt": "seed-ratio",
                 "metalink": "follow-metalink", "rpc": "rpc-listen-port", "advanced": "disk-cache"}[name]
        page.until("%s && %s.value" % (page.field(first), page.field(first)))
        shown = page.eval("[...document.querySelectorAll('[data-option-key]')].map((e) => [e.dataset.optionKey, e.querySelector('input,select,textarea').value])")
        assert len(shown) >= 5 and [(k, v, have.get(k)) for k, v in shown if v and not same(v, have.get(k, ""))] == []
        assert [k for k, v in shown if not v and have.get(k)] == []
        if change:
            page.change(change[0], change[1])
            assert d.rpc("aria2.getGlobalOption")[change[0]] == change[2]
        assert not page.eval("!!" + find(".has-warning, .has-error"))
    page.page("/settings/aria2/basic")
    page.until("%s && %s.value" % (page.field("dir"), page.field("dir")))
    page.change("log", os.path.join(d.folder, "x.log"), "warning")
    page.until("/can't be set over RPC/.test((%s || {}).innerText)" % find("[data-option-key=log] .tooltip-inner"))


def test_global_rate_limit(ariang, nginx, tools):
    nginx.put("rate.bin", 24 << 20)
    d, page = ariang()
    page.add(nginx.base + "/slow/rate.bin")
    page.shows("rate.bin")
    page.click(find(".main-footer .dropdown-toggle"))
    page.click(find("a", "Global Rate Limit"))
    page.until("%s && %s.value" % (page.field("max-overall-download-limit"), page.field("max-overall-download-limit")))
    page.change("max-overall-download-limit", "100K")
    tools.wait_for(lambda: int(d.rpc("aria2.getGlobalStat")["downloadSpeed"]) < 115 << 10, 30)
    assert d.rpc("aria2.getGlobalOption")["max-overall-download-limit"] == "102400"


def test_status_page(ariang, tmp_path, tools):
    session = tmp_path / "session"
    d, page = ariang("--save-session=%s" % session)
    d.add("http://127.0.0.1:9/kept", pause="true")
    page.page("/status")
    page.until(find("button", "Save Session"))
    page.settled()
    version = d.rpc("aria2.getVersion")
    text = page.eval(find(".content-body") + ".innerText").split("\n")
    assert version["version"] in text and set(version["enabledFeatures"]) <= {t.strip() for t in text}
    page.click(find("button", "Save Session"))
    assert "Session has been saved successfully." in page.confirm()
    assert "http://127.0.0.1:9/kept" in session.read_text()
    page.click(find("button", "Shutdown Aria2"))
    page.until(find(".sweet-alert.visible"))
    page.click(find(".sweet-alert button.confirm"))
    page.until("/shutdown successfully/.test(%s.innerText)" % find(".sweet-alert"))
    assert d.p.wait(20) == 0
    page.until("!" + find(".sidebar .label-success"))
    d.start()
    page.until(find(".sidebar .label-success", "Connected"))
    page.page("/waiting")
    page.shows("kept")


@pytest.mark.parametrize("proto,method", [("ws", "POST"), ("http", "POST"), ("http", "GET")])
@pytest.mark.parametrize("show", ["wrong", ""])
def test_wrong_secret(ariang, proto, method, show):
    d, page = ariang(proto=proto, method=method, show=show)
    page.until(find(".sweet-alert.visible"))
    assert page.eval(find(".sweet-alert") + ".innerText").strip().startswith("Error")
    assert d.rpc("aria2.getGlobalStat")["numWaiting"] == "0"
