"""Several URIs of one file: used at once by goodput; slow, dead and lying ones are dropped; versions of mirrors are never mixed."""
import contextlib
import http.server
import os
import re
import threading
import time

import pytest

MIB = 1 << 20
OPTS = dict(split=4, max_connection_per_server=2, min_split_size="1M", retry_wait=0, max_tries=3, max_retry_wait=2)


class Mirror(http.server.ThreadingHTTPServer):
    """A file with a behaviour of its own, which a test may change at any time. Addresses on 127/8 make hosts of them."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, data, host, etag='"e"', modified=None, rate=0):
        super().__init__((host, 0), Answer)
        self.data, self.etag, self.modified, self.rate = data, etag, modified, rate
        self.mute = False      # takes requests, and does not answer
        self.broken = 0        # answers with this status
        self.dies_after = None  # bytes of all bodies, then every connection ends at once
        self.sent = 0
        self.requests = []     # (start, end) of each, end None
        self.lock = threading.Lock()
        self.beside = None     # (content, ETag) of another path of this origin
        self.uri = "http://%s:%d/f.bin" % self.server_address
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request, client_address):
        pass


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    STEP = 16384

    def log_message(self, *args):
        pass

    def do_GET(self):
        m = self.server
        data, etag = m.beside if self.path == "/beside.bin" else (m.data, m.etag)
        size = len(data)
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = (int(asked[1]), int(asked[2]) + 1 if asked[2] else size) if asked else (0, size)
        with m.lock:
            m.requests.append((start, end))
        while m.mute:
            time.sleep(0.05)
        if m.broken or (m.dies_after is not None and m.sent >= m.dies_after):
            self.close_connection = True
            if m.broken:
                self.send_error(m.broken)
            return
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, end - 1, size))
        for name, value in (("Content-Length", str(end - start)), ("Accept-Ranges", "bytes"), ("ETag", etag), ("Last-Modified", m.modified)):
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.body(data, start, end)

    def body(self, data, start, end):
        m = self.server
        began, done = time.monotonic(), 0
        while start < end:
            n = min(self.STEP if not m.rate or m.rate > self.STEP else max(m.rate // 10, 1), end - start)
            if m.dies_after is not None and m.sent >= m.dies_after:
                self.close_connection = True
                return
            self.wfile.write(data[start:start + n])
            start += n
            done += n
            with m.lock:
                m.sent += n
            if m.rate:
                time.sleep(max(0, began + done / m.rate - time.monotonic()))


@pytest.fixture
def mirror():
    made = []

    def make(data, **kw):
        made.append(Mirror(data, "127.0.0.%d" % (10 + len(made)), **kw))
        return made[-1]
    yield make
    for m in made:
        m.mute = False
        m.shutdown()
        m.server_close()


def content(size, seed=1):
    import random
    return random.Random(seed).randbytes(size)


def right(path, data):
    with open(path, "rb") as f:
        return f.read() == data


@contextlib.contextmanager
def timed():
    t = [time.monotonic()]
    yield t
    t.append(time.monotonic() - t[0])


@pytest.mark.parametrize("conns", [1, 4])
def test_two_fast_mirrors_are_both_used(hauld, mirror, conns):
    data = content(24 * MIB)
    a, b = mirror(data, rate=4 * MIB), mirror(data, rate=4 * MIB)
    path = hauld.complete(hauld.add([a.uri, b.uri], **dict(OPTS, max_connection_per_server=conns, split=2 * conns)))
    assert right(path, data)
    assert a.sent > len(data) // 4 and b.sent > len(data) // 4
    assert a.sent + b.sent < len(data) + 4 * MIB


def test_nginx_and_the_hostile_origin_as_mirrors(hauld, hostile, nginx, tools):
    """Real servers: a slow and a fast place of one file, and one of another file of the same size, added later."""
    want = nginx.put("mirror.bin", 8 * MIB)
    liar = hostile.base + "/f/8M/a"
    gid = hauld.add([nginx.base + "/crawl/mirror.bin", nginx.base.replace("127.0.0.1", "localhost") + "/mirror.bin"], **OPTS)
    hauld.received(gid, 1)
    hauld.rpc("aria2.changeUri", gid, 1, [], [liar])
    assert tools.sha256_of(hauld.complete(gid)) == want
    assert nginx.sent("/mirror.bin") >= 8 * MIB


@pytest.mark.parametrize("dated", [True, False])
def test_mirrors_with_etags_of_their_own(hauld, mirror, dated):
    """As different servers make them of the same file: both are used if the date says that they have the same."""
    data = content(8 * MIB)
    when = "Mon, 13 Nov 2023 22:13:20 GMT" if dated else None
    a, b = mirror(data, rate=2 * MIB, etag='"a"', modified=when), mirror(data, rate=2 * MIB, etag='"b"', modified=when)
    gid = hauld.add([a.uri, b.uri], **OPTS)
    assert right(hauld.complete(gid), data)
    assert a.sent > MIB and (b.sent > MIB if dated else "another ETag" in open(hauld.log).read())
    assert hauld.status(gid, "haul.unproven").get("haul.unproven", "false") == "false"


@pytest.mark.parametrize("first,resumed", [(True, False), pytest.param(False, True, marks=pytest.mark.long),
                                           pytest.param(True, True, marks=pytest.mark.long), pytest.param(False, False, marks=pytest.mark.long)])
def test_a_crawling_mirror_beside_a_fast_one(make_hauld, mirror, first, resumed):
    """10 kB/s would take half an hour: it is relieved of what it has."""
    data = content(16 * MIB)
    d = make_hauld()
    alone = mirror(data, rate=2 * MIB)
    with timed() as t0:
        assert right(d.complete(d.add(alone.uri, out="alone", **OPTS)), data)
    fast, slow = mirror(data, rate=2 * MIB), mirror(data, rate=10000)
    with timed() as t1:
        gid = d.add([slow.uri, fast.uri] if first else [fast.uri, slow.uri], out="both", **OPTS)
        if resumed:
            d.received(gid, MIB)
            d.kill()
            d.start()
        assert right(d.complete(gid), data)
    assert t1[1] < 5 * t0[1] + 30
    assert slow.sent < MIB


def test_a_dead_mirror_is_given_up(hauld, mirror, tools):
    data = content(8 * MIB)
    good = mirror(data, rate=MIB)
    with_port = "http://127.0.0.99:%d/f.bin" % tools.free_port()
    gone = mirror(data)
    gone.broken = 404
    gid = hauld.add([gone.uri, with_port, good.uri], **OPTS)
    hauld.received(gid, MIB)
    reasons = {u["uri"]: u.get("haul.givenUp") for u in hauld.rpc("aria2.getUris", gid)}
    assert reasons[gone.uri] == "Resource not found" and not reasons[good.uri]
    shown = tools.haul("show", gid, url=hauld.url).stdout
    assert "given up: Resource not found" in shown
    assert right(hauld.complete(gid), data)


def test_the_first_mirror_says_nothing(make_hauld, mirror):
    d = make_hauld("--stall-timeout=2")
    data = content(4 * MIB)
    mute, good = mirror(data), mirror(data)
    mute.mute = True
    with timed() as t:
        assert right(d.complete(d.add([mute.uri, good.uri], timeout=60, **OPTS)), data)
    assert t[1] < 30  # and not timeout
    assert good.requests


LIES = [  # what the second says of itself, what is said of it
    (dict(), 1, " bytes instead of "),
    (dict(etag='"other"'), 0, "another ETag"),  # at the same origin
    (dict(modified="Tue, 14 Nov 2023 22:13:20 GMT"), 0, "another Last-Modified"),
]


@pytest.mark.matrix("V10")
@pytest.mark.parametrize("lie,longer,why", LIES, ids=["size", "etag", "date"])
@pytest.mark.parametrize("resumed", [False, True])
def test_a_lying_mirror_is_dropped_for_good(make_hauld, mirror, lie, longer, why, resumed):
    d = make_hauld()
    data = content(8 * MIB)
    same = dict(modified="Mon, 13 Nov 2023 22:13:20 GMT")
    good = mirror(data, rate=MIB, **same)
    liar = mirror(content(8 * MIB + longer, 2), **dict(same, **lie))
    bad = liar.uri
    if "etag" in lie:
        liar, bad = good, good.uri.replace("f.bin", "beside.bin")
        good.beside = (content(8 * MIB, 2), lie["etag"])
    gid = d.add([good.uri, bad], **dict(OPTS, max_connection_per_server=4))
    d.received(gid, MIB)
    if resumed:
        d.kill()
        d.start()
        d.received(gid, 2 * MIB)
    reasons = {u["uri"]: u.get("haul.givenUp", "") for u in d.rpc("aria2.getUris", gid)}
    assert why in reasons[bad] and reasons[bad].startswith("This mirror has another version of the file: "), reasons
    seen = len(liar.requests)
    assert right(d.complete(gid), data)
    assert liar is good or len(liar.requests) == seen <= 4


@pytest.mark.matrix("V10")
@pytest.mark.parametrize("resumed", [False, True])
def test_mirrors_that_can_not_be_told_apart(make_hauld, mirror, resumed):
    """Of the same size, without validators: with a checksum error 32, without one the file is said to be unproven."""
    d = make_hauld()
    good, bad = content(8 * MIB), content(8 * MIB, 2)
    import hashlib
    for checked in (False, True):
        a, b = mirror(good, etag=None, rate=2 * MIB), mirror(bad, etag=None, rate=2 * MIB)
        opts = dict(OPTS, checksum="sha-256=" + hashlib.sha256(good).hexdigest()) if checked else OPTS
        gid = d.add([a.uri, b.uri], out="f%d" % checked, **opts)
        d.received(gid, MIB)
        if resumed:
            d.kill()
            d.start()
        s = d.wait(gid)
        assert b.sent > 0
        if checked:
            assert (s["status"], s["errorCode"]) == ("error", "32"), s
            assert not os.path.exists(os.path.join(d.dir, "f1"))
        else:
            assert s["status"] == "complete"
            assert d.status(gid, "haul.unproven")["haul.unproven"] == "true"


def test_a_mirror_dies_in_the_middle(hauld, mirror):
    data = content(16 * MIB)
    a, b = mirror(data, rate=2 * MIB), mirror(data, rate=2 * MIB)
    a.dies_after = 3 * MIB
    gid = hauld.add([a.uri, b.uri], **OPTS)
    assert right(hauld.complete(gid), data)
    assert a.sent + b.sent < len(data) + 4 * MIB


@pytest.mark.long
def test_a_mirror_comes_back(hauld, mirror, tools):
    """Its tries are used up at once; ten seconds later it is asked again, and used."""
    data = content(48 * MIB)
    a, b = mirror(data, rate=MIB), mirror(data, rate=8 * MIB)
    b.broken = 500
    gid = hauld.add([a.uri, b.uri], stream_piece_selector="inorder", **dict(OPTS, max_tries=2))
    tools.wait_for(lambda: [u for u in hauld.rpc("aria2.getUris", gid) if u["uri"] == b.uri and "haul.givenUp" in u])
    b.broken = 0
    assert right(hauld.complete(gid), data)
    assert b.sent > 4 * MIB


@pytest.mark.parametrize("conns", [1, 4])
def test_killed_in_the_middle(make_hauld, mirror, conns):
    """At most 1 MiB for each connection is fetched again (R3)."""
    d = make_hauld()
    data = content(16 * MIB)
    a, b = mirror(data, rate=2 * MIB), mirror(data, rate=MIB)
    gid = d.add([a.uri, b.uri], **dict(OPTS, max_connection_per_server=conns, split=2 * conns))
    for n in (3, 7):
        d.received(gid, n * MIB)
        d.kill()
        d.start()
    assert right(d.complete(gid), data)
    assert a.sent + b.sent < len(data) + 2 * 2 * conns * MIB + 2 * conns * MIB


def test_uris_in_order(hauld, mirror):
    data = content(8 * MIB)
    a, b = mirror(data, rate=MIB), mirror(data)
    gid = hauld.add([a.uri, b.uri], uri_selector="inorder", **dict(OPTS, max_connection_per_server=4))
    assert right(hauld.complete(gid), data)
    assert b.requests == []
