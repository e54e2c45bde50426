"""For the tests in a real browser: a headless Chromium, told what to do over a pipe (DevTools protocol), and a server of pages."""
import functools
import http.server
import itertools
import json
import os
import re
import select
import shutil
import ssl
import subprocess
import threading
import time
import urllib.parse

PAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "browser")
NAMES = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-default-apps", "--mute-audio", "--remote-debugging-pipe")


def find_browser():
    return os.environ.get("HAUL_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)


class PageError(Exception):
    """What went wrong in the page, with what stood on it."""


class Browser:
    """One process; it ends with the pipe, even when the test is killed."""

    def __init__(self, folder, *flags):
        self.ids = itertools.count(1)
        self.buf = b""
        to_child, self.out = os.pipe()
        self.inp, from_child = os.pipe()
        # The browser reads commands from descriptor 3 and writes to 4. bash: numbers of two digits are too much for dash.
        command = ["/bin/bash", "-c", 'exec "$@" 3<&%d 4>&%d' % (to_child, from_child), "bash"]
        argv = [find_browser(), *FLAGS, "--user-data-dir=" + os.path.join(folder, "profile"), *flags, "about:blank"]
        self.log = open(os.path.join(folder, "browser.log"), "wb")
        self.p = subprocess.Popen(command + argv, pass_fds=(to_child, from_child), stdin=subprocess.DEVNULL, stdout=self.log,
                                  stderr=self.log, env=dict(os.environ, HOME=folder))
        os.close(to_child)
        os.close(from_child)
        self.version = int(re.search(r"/(\d+)", self.call("Browser.getVersion")["product"]).group(1))

    def _message(self, end):
        while b"\0" not in self.buf:
            if not select.select([self.inp], [], [], max(0, end - time.monotonic()))[0]:
                raise PageError("the browser does not answer")
            part = os.read(self.inp, 1 << 16)
            if not part:
                raise PageError("the browser ended")
            self.buf += part
        text, self.buf = self.buf.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, session=None, timeout=60, **params):
        """The result of a command; events that come meanwhile are passed over."""
        id = next(self.ids)
        message = {"id": id, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + timeout
        while True:
            m = self._message(end)
            if m.get("id") == id:
                if "error" in m:
                    raise PageError("%s: %s" % (method, m["error"]["message"]))
                return m["result"]

    def open(self, url, permissions=()):
        return Tab(self, url, permissions)

    def stop(self):
        os.close(self.out)
        try:
            self.p.wait(10)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
        os.close(self.inp)
        self.log.close()


class Tab:
    """A page with storage, cache and connections of its own."""

    def __init__(self, browser, url, permissions):
        self.b = browser
        self.context = browser.call("Target.createBrowserContext")["browserContextId"]
        browser.call("Browser.grantPermissions", permissions=permissions, browserContextId=self.context)
        target = browser.call("Target.createTarget", url="about:blank", browserContextId=self.context)["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.go(url)

    def go(self, url):
        """Returns when the page's scripts have run."""
        self.b.call("Page.navigate", self.session, url=url)
        self.eval("document.readyState !== 'loading' || "
                  "new Promise((done) => addEventListener('DOMContentLoaded', () => done(true)))")

    def eval(self, script, timeout=60):
        """The value of an expression, of a promise what it comes to; JSON."""
        r = self.b.call("Runtime.evaluate", self.session, timeout, expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in r:
            d = r["exceptionDetails"]
            raise PageError(d.get("exception", {}).get("description") or d["text"])
        return r["result"].get("value")

    def call(self, function, *args):
        return self.eval("%s(%s)" % (function, ", ".join(map(json.dumps, args))))

    def until(self, condition, timeout=30):
        """Waits until an expression is true; looks at each change of the page. -> its value"""
        return self.eval("""new Promise((done, fail) => {
            const look = () => { const v = %s; if (v) { watch.disconnect(); clearTimeout(clock); done(v); } };
            const watch = new MutationObserver(look);
            const clock = setTimeout(() => fail(new Error("not so: " + %s + "\\n" + document.body.innerText)), %d);
            watch.observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
            look(); })""" % (condition, json.dumps(condition), timeout * 1000), timeout + 10)

    def close(self):
        self.b.call("Target.disposeBrowserContext", browserContextId=self.context)


class Pages(http.server.ThreadingHTTPServer):
    """Serves the folder with the pages; /go?URL sends on to there, with method and body."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if self.path.startswith("/go?"):
                self.send_response(307)
                self.send_header("Location", urllib.parse.unquote(self.path[4:]))
                self.send_header("Access-Control-Allow-Origin", "*")
                self.end_headers()
            else:
                super().do_GET()

        do_POST = do_GET

        def log_message(self, *args):
            pass

    def __init__(self, certificates=None):
        """certificates: a folder with srv.pem and srv.key, for https."""
        super().__init__(("127.0.0.1", 0), functools.partial(self.Handler, directory=PAGES))
        if certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates + "/srv.pem", certificates + "/srv.key")
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *args):
        self.shutdown()
        super().__exit__(*args)
