"""Slow connections, which are read many bytes at a time: the end, less speed and silence are seen in time all the same."""
import http.server
import random
import re
import threading
import time

import pytest

FAST, SLOW = 150000, 1000  # bytes a second


class Dribble(http.server.ThreadingHTTPServer):
    """A file of which each connection gets FAST bytes a second, and from `turn` bytes on `then` of them; 0: none."""

    daemon_threads = True

    def __init__(self, size, turn=None, then=0):
        super().__init__(("127.0.0.1", 0), Answer)
        self.data, self.turn, self.then = random.Random(1).randbytes(size), turn, then
        self.requests = []  # (when, first byte)
        self.turned_at = self.last_at = None
        self.over = threading.Event()
        self.uri = "http://127.0.0.1:%d/f.bin" % self.server_port
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request, client_address):
        pass


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        s = self.server
        m = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = (int(m[1]), int(m[2]) + 1 if m[2] else len(s.data)) if m else (0, len(s.data))
        first = not s.requests
        s.requests.append((time.monotonic(), start))
        self.send_response(206 if m else 200)
        if m:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, end - 1, len(s.data)))
        self.send_header("Content-Length", str(end - start))
        self.send_header("ETag", '"e"')
        self.end_headers()
        while start < end:
            turned = first and s.turn is not None and start >= s.turn
            if turned and s.turned_at is None:
                s.turned_at = time.monotonic()
            if turned and not s.then:
                s.over.wait()
                return
            n = min((s.then if turned else FAST) // 10, end - start)
            self.wfile.write(s.data[start:start + n])
            start += n
            s.last_at = time.monotonic()
            if s.over.wait(0.1):
                return


@pytest.fixture
def dribble():
    made = []

    def make(*args, **kw):
        made.append(Dribble(*args, **kw))
        return made[-1]
    yield make
    for s in made:
        s.over.set()
        s.shutdown()
        s.server_close()


def right(path, data):
    with open(path, "rb") as f:
        return f.read() == data


def test_the_end_does_not_wait(hauld, dribble, tools):
    s = dribble(300123)
    assert right(hauld.complete(hauld.add(s.uri, split=1)), s.data)
    assert time.monotonic() - s.last_at < 10  # the connection is kept, and nothing more comes
    assert len(s.requests) == 1


def test_less_speed_is_progress(hauld, dribble, tools):
    """What comes at a thousandth of the speed is shown as it comes, and is no silence."""
    s = dribble(8 << 20, turn=250000, then=SLOW)
    gid = hauld.add(s.uri, split=1, stall_timeout=3, timeout=60)
    tools.wait_for(lambda: s.turned_at)
    got = lambda: int(hauld.status(gid, "completedLength")["completedLength"])
    tools.wait_for(lambda: got() >= 250000)
    for _ in range(2):
        before = got()
        tools.wait_for(lambda: got() > before, timeout=6)
    assert len(s.requests) == 1


def test_silence_is_seen_in_time(hauld, dribble, tools):
    s = dribble(400000, turn=250000)
    gid = hauld.add(s.uri, split=1, timeout=3, retry_wait=0)
    assert right(hauld.complete(gid), s.data)
    assert len(s.requests) == 2
    when, start = s.requests[1]
    assert start >= 250000  # what had come was taken
    assert when - s.turned_at < 15
