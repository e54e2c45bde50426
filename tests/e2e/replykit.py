"""For the tests of replies and versions (groups H and V of matrix/matrix.md): the same case fresh and resumed, with one connection and
four, and what every end must be like."""
import itertools
import os
import re
import select
import socket
import threading

from conftest import BUILD, RpcError, wait_for

FAST = dict(retry_wait=0, timeout=4, max_tries=3, min_split_size="1M", max_retry_wait=1)
PACE = "2M"  # of a download that is to be interrupted
BEGUN = 600 << 10  # bytes it has then at least
WAYS = ("fresh", "killed", "paused")
_ids = itertools.count()


def target(path):
    """The path with a counter of its own at the origin."""
    return "%s%sid=%d" % (path, "&" if "?" in path else "?", next(_ids))


def options(conns, **more):
    return dict(FAST, split=conns, max_connection_per_server=conns, **more)


def begun(d, gid, n=BEGUN):
    s = d.status(gid, "status", "completedLength")
    return s["status"] not in ("active", "waiting") or int(s["completedLength"]) >= n


def interrupt(d, gid, how):
    """Kills the daemon, or pauses the job, once it has a part; then it goes on without the limit. A case that ends before is at
    its end."""
    wait_for(lambda: begun(d, gid), 60)
    if how == "killed":
        d.kill()
        d.start()
    elif d.status(gid, "status")["status"] == "active":
        d.rpc("aria2.pause", gid)
        d.wait(gid, ("paused", "complete", "error"))
    try:
        d.rpc("aria2.changeOption", gid, {"max-download-limit": "0"})
    except RpcError:
        assert d.status(gid, "status")["status"] in ("complete", "error")
    if d.status(gid, "status")["status"] == "paused":
        d.rpc("aria2.unpause", gid)


def fetch(d, url, conns, way="fresh", timeout=120, **more):
    """-> tellStatus at the end."""
    opts = options(conns, **more)
    if way != "fresh":
        opts["max_download_limit"] = PACE
    gid = d.add(url, **opts)
    if way != "fresh":
        interrupt(d, gid, way)
    return d.wait(gid, timeout=timeout)


def names(d):
    """Files that a user would take for finished ones."""
    return sorted(os.path.relpath(os.path.join(where, f), d.dir) for where, _, files in os.walk(d.dir) for f in files
                  if not f.endswith(".part"))


def parts(d):
    return sorted(f for f in os.listdir(d.dir) if f.endswith(".part"))


def unproven(d, gid):
    return d.status(gid, "haul.unproven")["haul.unproven"] == "true"


def explained(d, s, url):
    """R8: code, cause in one line, URL without secrets, what is kept; the same in the log. -> the message."""
    text = s["errorMessage"]
    assert s["status"] == "error" and s["errorCode"] != "0", s
    assert re.match(r"[^\x00-\x1f\x7f]+$", text), text
    assert url.split("?")[0] in text and "id=" not in text, text
    kept = re.search(r"; (?:kept: ([1-9]\d*) bytes(?: of \d+)? in|nothing of) (.*\.part)(?: counts)?\)$", text)
    if kept:
        assert int(kept.group(1) or 0) == int(s["completedLength"]) and os.path.exists(kept.group(2)), (text, s)
    else:
        assert text.endswith("; nothing is kept)") and s["files"][0]["path"] + ".part" not in [os.path.join(d.dir, p) for p in parts(d)], text
    assert text in open(d.log, encoding="utf-8").read(), text
    return text


def memory(d, key="VmRSS"):
    """KiB of the daemon."""
    for line in open("/proc/%d/status" % d.p.pid):
        if line.startswith(key + ":"):
            return int(line.split()[1])
    raise KeyError(key)


def measurable():
    """A sanitizer's memory tells nothing of hauld's."""
    with open(os.path.join(BUILD, "hauld"), "rb") as f:
        return b"__asan_init" not in f.read()


def wait_all(d, gids):
    return [d.wait(g) for g in gids]


class Origin:
    """An origin of one's own: answer(connection) for each connection, after its request was read. sent: bytes for each."""

    def __init__(self, answer):
        self.answer, self.sent, self.requests = answer, [], []
        self.s = socket.create_server(("127.0.0.1", 0))
        self.base = "http://127.0.0.1:%d" % self.s.getsockname()[1]
        self.threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self):
        self.threads[0].start()
        return self

    def __exit__(self, *why):
        self.s.shutdown(socket.SHUT_RDWR)
        self.s.close()
        for t in self.threads:
            t.join(30)
            assert not t.is_alive()

    def _accept(self):
        while True:
            try:
                c = self.s.accept()[0]
            except OSError:
                return
            t = threading.Thread(target=self._serve, args=(c,), daemon=True)
            self.threads.append(t)
            t.start()

    def _serve(self, c):
        c.settimeout(30)
        c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with c:
            line = Answer(c)
            line.request = line.read_request()
            self.requests.append(line.request)
            try:
                self.answer(line)
            except OSError:
                pass  # the client had enough
            self.sent.append(line.n)


class Answer:
    """What an Origin does on one connection."""

    def __init__(self, sock):
        self.s, self.n = sock, 0

    def read_request(self):
        head = b""
        while b"\r\n\r\n" not in head:
            part = self.s.recv(65536)
            if not part:
                break
            head += part
        return head.decode()

    def send(self, data):
        self.s.sendall(data)
        self.n += len(data)

    def flood(self, first, more, most=8 << 20):
        """Until the client goes away, each piece after the one before has arrived and been read."""
        self.send(first)
        while self.n < most:
            self.send(more)
            if select.select([self.s], [], [], 0.01)[0] and not self.s.recv(1):
                return

    def wait_for_end(self):
        """Until the client hangs up."""
        while self.s.recv(65536):
            pass
