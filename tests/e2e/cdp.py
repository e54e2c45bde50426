"""A headless Chromium for tests, spoken to over its debugging port: open a page, click and type in it, see what it shows and sends."""
import base64
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

from browserkit import find_browser
from rpckit import WebSocket

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-default-apps", "--no-proxy-server", "--disable-dev-shm-usage",
         "--window-size=1280,900", "--remote-debugging-port=0"]

# Waits inside the page until a condition is true, so that a wait is one exchange; "" when it stayed false.
UNTIL = """new Promise((done) => { const end = Date.now() + %d; const look = () => { let v = null;
  try { v = (%s); } catch (e) { if (Date.now() > end) return done('' + e); }
  if (v) return done(v instanceof Node ? true : v); if (Date.now() > end) return done(''); setTimeout(look, 30); }; look(); })"""


class Browser:
    """One browser with one page and a profile of its own, which goes with it."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="haul-chromium-")
        self.p = subprocess.Popen([find_browser(), *FLAGS, "--user-data-dir=" + self.profile, "about:blank"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
        for line in self.p.stderr:
            m = re.search(r"ws://127\.0\.0\.1:(\d+)(/\S+)", line)
            if m:
                break
        else:
            raise AssertionError("chromium ended with %s" % self.p.wait())
        self.ws = WebSocket(socket.create_connection(("127.0.0.1", int(m.group(1)))), path=m.group(2), timeout=60)
        assert self.ws.status == 101
        self.session, self.ids = None, 0
        self.frames = []  # what the page exchanged: ("sent" or "received", text)
        self.faults = []  # uncaught exceptions and console errors
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def _event(self, m):
        p = m.get("params", {})
        if m["method"] in ("Network.webSocketFrameSent", "Network.webSocketFrameReceived"):
            self.frames.append(("sent" if m["method"].endswith("Sent") else "received", p["response"]["payloadData"]))
        elif m["method"] == "Network.requestWillBeSent" and p.get("type") in ("XHR", "Fetch"):
            self.frames.append(("sent", p["request"].get("postData") or p["request"]["url"]))
        elif m["method"] == "Runtime.exceptionThrown":
            d = p["exceptionDetails"]
            self.faults.append(d.get("exception", {}).get("description") or d["text"])
        elif m["method"] == "Log.entryAdded" and p["entry"]["level"] == "error":
            self.faults.append("%s %s" % (p["entry"]["text"], p["entry"].get("url", "")))
        elif m["method"] == "Runtime.consoleAPICalled" and p["type"] == "error":
            self.faults.append(" ".join(str(a.get("value") or a.get("description")) for a in p["args"]))

    def call(self, method, **params):
        """One command; events that come before its answer are noted."""
        self.ids += 1
        m = {"id": self.ids, "method": method, "params": params}
        if self.session:
            m["sessionId"] = self.session
        self.ws.send(m)
        while True:
            answer = self.ws.recv()
            if "method" in answer:
                self._event(answer)
            elif answer["id"] == self.ids:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def eval(self, js):
        """The value of an expression in the page; a promise is waited for."""
        r = self.call("Runtime.evaluate", expression=js, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in r, (js, r["exceptionDetails"].get("exception", {}).get("description"))
        return r["result"].get("value")

    def until(self, js, timeout=20):
        """Waits until an expression is true in the page -> its value; with what the page shows when it does not happen."""
        v = self.eval(UNTIL % (timeout * 1000, js))
        if not v or (isinstance(v, str) and v.startswith(("TypeError", "SyntaxError", "ReferenceError"))):
            raise AssertionError("waited %s s in vain for %s %s\n%s" % (timeout, js, v, self.eval("document.body.innerText")))
        return v

    def open(self, url):
        self.call("Page.navigate", url=url)

    def at(self, js):
        """Scrolls the element that an expression gives into view -> its middle, once nothing lies over it."""
        return self.until("""(() => { const e = %s; if (!e) return null; e.scrollIntoViewIfNeeded(true); const r = e.getBoundingClientRect();
          const x = r.x + r.width / 2, y = r.y + r.height / 2;
          return e.contains(document.elementFromPoint(x, y)) ? [x, y] : null; })()""" % js)

    def mouse(self, kind, x, y, button="left", buttons=0):
        self.call("Input.dispatchMouseEvent", type="mouse" + kind, x=x, y=y, button=button, buttons=buttons,
                  clickCount=0 if kind == "Moved" else 1)

    def click(self, js):
        """A click of the left button on the middle of the element that an expression gives."""
        x, y = self.at(js)
        self.mouse("Moved", x, y, "none")
        self.mouse("Pressed", x, y, buttons=1)
        self.mouse("Released", x, y)

    def drag(self, from_js, to_js, dy=0):
        """Takes one element to the middle of another, dy pixels below it."""
        x, y = self.at(from_js)
        x2, y2 = self.at(to_js)
        self.mouse("Moved", x, y, "none")
        self.mouse("Pressed", x, y, buttons=1)
        for i in range(1, 11):
            self.mouse("Moved", x + (x2 - x) * i / 10, y + (y2 + dy - y) * i / 10, buttons=1)
        self.mouse("Released", x2, y2 + dy)

    def type(self, text):
        """Text into the element that has the focus."""
        self.call("Input.insertText", text=text)

    def fill(self, js, text):
        """Replaces what is in a field by text, as select-all and typing would."""
        self.click(js)
        self.eval("(%s).select()" % js)
        if text:
            self.type(text)
        else:
            for kind in ("keyDown", "keyUp"):
                self.call("Input.dispatchKeyEvent", type=kind, key="Delete", code="Delete", windowsVirtualKeyCode=46)

    def shot(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
        except (OSError, AssertionError):
            pass
        try:
            self.p.wait(10)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
        self.p.stderr.close()
        self.ws.close()
        for _ in range(50):  # its helper processes may still write for a moment
            shutil.rmtree(self.profile, ignore_errors=True)
            if not os.path.exists(self.profile):
                return
            time.sleep(0.1)
