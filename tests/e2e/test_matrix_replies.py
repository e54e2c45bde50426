"""HTTP replies (H01-H31, H38 of matrix/matrix.md): lawful oddities come out right, lies never become a complete wrong file."""
import gzip
import hashlib
import os
import re
import subprocess

import pytest

from conftest import hostile_module, wait_for
from replykit import Origin, explained, fetch, measurable, memory, names, options, parts, target, unproven, wait_all

HEAD_MAX = 64 << 10
ANY = ("fresh", "killed", "paused")
ONCE = ("fresh",)  # too short to be interrupted, or over with the head

# path; what may come out: "right" (the content of SIZE, SEED under its name) or error codes; how it is run
CASES = [
    ("H01", "/f/4M/a", "right", ANY), ("H01", "/chunked/4M/a", "right", ANY), ("H01", "/close/4M/a", "right", ANY),
    ("H01", "/norange/4M/a", "right", ANY), ("H01", "/head-405/4M/a", "right", ANY), ("H01", "/drip/64K/a", "right", ONCE),
    ("H01", "/empty/0/a", "right", ONCE),
    ("H02", "/cut/4M/a?every=256K", "right", ANY), ("H02", "/rst/4M/a", "right", ANY),
    ("H03", "/cut-norange/4M/a", "1 6", ANY),
    ("H04", "/len-more/4M/a", "right", ANY), ("H04", "/keepalive-junk/4M/a", "right", ANY),
    ("H05", "/len-bad/1M/a?kind=neg", "22", ONCE), ("H05", "/len-bad/1M/a?kind=hex", "22", ONCE),
    ("H05", "/len-bad/1M/a?kind=list", "22", ONCE), ("H05", "/len-bad/1M/a?kind=space", "22", ONCE),
    ("H05", "/len-bad/1M/a?kind=2pow64", "22", ONCE), ("H05", "/len-bad/1M/a?kind=float", "22", ONCE),
    ("H06", "/len-bad/1M/a?kind=plus", "22", ONCE), ("H07", "/len-bad/1M/a?kind=empty", "22", ONCE),
    ("H08", "/len-bad/1M/a?kind=i64max", "9", ONCE), ("H08", "/huge/1M/a", "9", ONCE),
    ("H09", "/huge/1M/a?say=100T", "9", ONCE), ("H09", "/huge/1M/a?say=1P", "9", ONCE),
    ("H10", "/huge/1M/a?say=1T", "9", ONCE),
    ("H11", "/len-twice/1M/a", "22", ONCE), ("H12", "/len-and-chunked/4M/a", "right 22", ANY), ("H13", "/head-lies/4M/a", "right", ANY),
    ("H15", "/range-200/4M/a", "right", ANY),
    ("H16", "/range-shift/4M/a", "right 8 22", ANY), ("H16", "/range-nohdr/4M/a", "right 8 22", ANY),
    ("H16", "/range-bad/4M/a?kind=nototal", "right 8 22", ANY), ("H16", "/range-bad/4M/a?kind=words", "right 8 22", ANY),
    ("H16", "/range-bad/4M/a?kind=overflow", "right 8 22", ANY), ("H16", "/range-bad/4M/a?kind=backwards", "right 8 22", ANY),
    ("H16", "/range-bad/4M/a?kind=unit", "right 8 22", ANY), ("H16", "/range-bad/4M/a?kind=neg", "right 8 22", ANY),
    ("H16", "/range-multi/4M/a", "right 8 22", ANY), ("H16", "/range-total/4M/a", "right 8 22", ANY),
    ("H16", "/range-gzip/4M/a", "right 8 22", ANY),
    ("H17", "/range-short/4M/a", "right", ANY), ("H17", "/range-bad/4M/a?kind=star", "right", ANY),
    ("H18", "/range-long/4M/a", "right", ANY), ("H20", "/range-416/4M/a", "right", ANY), ("H20", "/range-unasked/4M/a", "right", ANY),
    ("H21", "/chunk-bad/1M/a?kind=huge", "22", ONCE), ("H21", "/chunk-bad/1M/a?kind=overflow", "22", ONCE),
    ("H21", "/chunk-bad/1M/a?kind=neg", "22", ONCE), ("H21", "/chunk-bad/1M/a?kind=trunc", "1 6", ONCE),
    ("H21", "/chunk-bad/1M/a?kind=garbage", "22", ONCE), ("H21", "/chunk-bad/1M/a?kind=nocrlf", "22", ONCE),
    ("H21", "/chunk-bad/1M/a?kind=plus", "22", ONCE),
    ("H22", "/chunk-bad/1M/a?kind=ext", "22", ONCE), ("H22", "/chunk-bad/1M/a?kind=trailer", "22", ONCE),
    ("H23", "/header-huge/1M/a", "22", ONCE), ("H23", "/header-many/1M/a", "22", ONCE), ("H24", "/status-1xx/1M/a", "22", ONCE),
    ("H25", "/header-odd/1M/a?kind=nul", "22", ONCE), ("H25", "/header-odd/1M/a?kind=cr", "22", ONCE),
    ("H25", "/header-odd/1M/a?kind=nocolon", "22", ONCE), ("H25", "/header-odd/1M/a?kind=space", "22", ONCE),
    ("H26", "/header-odd/4M/a?kind=lf", "right 22", ANY), ("H26", "/header-odd/4M/a?kind=fold", "right 22", ANY),
    ("H26", "/header-odd/4M/a?kind=ctl", "right 22", ANY), ("H26", "/header-odd/4M/a?kind=utf8", "right 22", ANY),
    ("H27", "/status/1M/a", "22", ONCE), ("H27", "/status/1M/a?line=HTTP/2.0+200+OK", "22", ONCE),
    ("H27", "/status/1M/a?line=HTTP/1.1+20+X", "22", ONCE), ("H27", "/status/1M/a?line=ICY+200+OK", "22", ONCE),
    ("H27", "/garbage/1M/a", "22", ONCE), ("H27", "/http09/1M/a", "22", ONCE),
    ("H28", "/te-odd/1M/a", "22", ONCE), ("H28", "/te-odd/1M/a?te=gzip,+chunked", "22", ONCE),
    ("H28", "/te-odd/1M/a?te=chunked,+chunked", "22", ONCE), ("H29", "/gzip/4M/a", "right", ANY),
    ("H38", "/digest-bad/4M/a", "32", ANY),
]


def runs(cases):
    """One test for each case, number of connections and way; its matrix ID as a mark."""
    for case, path, wanted, ways in cases:
        for conns in (1, 4):
            for way in ways:
                name = "%s-%s-%d-%s" % (case, path.replace("/", " ").split()[0] + path.partition("=")[2][:9], conns, way)
                yield pytest.param(path, wanted, conns, way, id=name, marks=pytest.mark.matrix(case))


def is_right(tools, hostile, s, path):
    size, seed = path.split("?")[0].split("/")[2:4]
    return tools.sha256_of(s["files"][0]["path"]) == hostile.sha256(size, seed)


@pytest.mark.parametrize("path,wanted,conns,way", runs(CASES))
def test_reply(hauld, hostile, tools, path, wanted, conns, way):
    url = hostile.base + target(path)
    s = fetch(hauld, url, conns, way)
    if s["status"] == "complete":
        assert "right" in wanted and is_right(tools, hostile, s, path), s
        assert len(names(hauld)) == 1 and parts(hauld) == []
        assert unproven(hauld, s["gid"]) == path.startswith("/close") or "range-" in path, s  # nothing tells the end of /close
        return
    assert s["errorCode"] in wanted.split(), (s["errorCode"], s["errorMessage"], hauld.tail())
    assert names(hauld) == []
    explained(hauld, s, url)
    again = hauld.wait(hauld.add(url, **options(conns)))  # the second try of a user finds no broken remains
    if again["status"] == "complete":
        assert "right" in wanted and is_right(tools, hostile, again, path)
    else:
        assert again["errorCode"] in wanted.split() and names(hauld) == [], again


CODED = [  # path; http-accept-gzip; what may come out: "right", "sent" (the bytes as they were sent), or error codes
    ("H29", "/gzip/4M/a", "true", "right"), ("H29", "/gzip-file/4M/a", "false", "sent"), ("H29", "/gzip-file/4M/a", "true", "right"),
    ("H30", "/gzip-broken/4M/a", "true", "22 1"), ("H30", "/gzip-broken/4M/a", "false", "sent"),
    ("H31", "/gzip-bomb/1M/a?mb=3000", "true", "22"), ("H31", "/gzip-bomb/1M/a?mb=3000", "false", "22"),
    ("H31", "/gzip-bomb/1M/a?mb=3000&layers=2", "true", "22"), ("H31", "/gzip-bomb/1M/a?mb=3000&layers=2", "false", "22"),
]


def sent_by(hostile, path):
    """The body as the origin sends it."""
    content = hostile_module.Content(4 << 20, "a")
    data = gzip.compress(content.read(0, 4 << 20), 1, mtime=0)
    return data if "gzip-file" in path else data[:len(data) // 2] + bytes(len(data) // 2)


@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("path,ask,wanted", [pytest.param(*c[1:], marks=pytest.mark.matrix(c[0])) for c in CODED])
def test_content_coding(hauld, hostile, tools, path, ask, wanted, conns):
    """Decoded or stored as sent, never half of each; a bomb ends at 1000:1, with memory flat, and nothing of it is left."""
    before = memory(hauld, "VmHWM")
    url = hostile.base + target(path)
    s = fetch(hauld, url, conns, http_accept_gzip=ask)
    if wanted == "right":
        assert s["status"] == "complete" and is_right(tools, hostile, s, path), s
    elif wanted == "sent":
        assert s["status"] == "complete" and open(s["files"][0]["path"], "rb").read() == sent_by(hostile, path), s
    else:
        assert s["errorCode"] in wanted.split() and names(hauld) == [] and parts(hauld) == [], s
        explained(hauld, s, url)
    if "bomb" in path and measurable():
        assert memory(hauld, "VmHWM") - before < FLOOR


@pytest.mark.matrix("H31")
@pytest.mark.parametrize("conns", [1, 4])
def test_a_bomb_on_a_small_disk(make_hauld, hostile, small_disk, conns):
    d = make_hauld("--allowed-dirs=" + small_disk)
    before = memory(d, "VmHWM")
    url = hostile.base + target("/gzip-bomb/1M/a?mb=3000")
    s = fetch(d, url, conns, http_accept_gzip="true", dir=small_disk)
    assert s["errorCode"] == "9" and os.listdir(small_disk) == [], (s, os.listdir(small_disk))
    assert "nothing is kept" in s["errorMessage"]
    if measurable():
        assert memory(d, "VmHWM") - before < FLOOR


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 16 MiB."""
    where = str(tmp_path / "small")
    os.mkdir(where)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", where], capture_output=True).returncode != 0:
        pytest.skip("no tmpfs can be mounted here")
    yield where
    subprocess.run(["umount", where], check=True)


FLOOR = 24 << 10  # KiB that a download may take: blocks of 256 KiB, up to a quarter of memory-limit (64M), and what comes with it
HUGE = [("H08", "/len-bad/1M/a?kind=i64max"), ("H08", "/huge/1M/a"), ("H09", "/huge/1M/a?say=100T"), ("H09", "/huge/1M/a?say=1P"),
        ("H10", "/huge/1M/a?say={more}")]


@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("path", [pytest.param(p, marks=pytest.mark.matrix(c), id=c + p[-6:]) for c, p in HUGE])
def test_a_size_that_can_not_fit(make_hauld, hostile, path, conns):
    """With the default allocation: no memory, no disk; nothing is even allocated for a moment."""
    d = make_hauld()
    fs = os.statvfs(d.dir)
    more = fs.f_blocks * fs.f_frsize + (1 << 30)  # than the whole file system
    warm_up(d, hostile, conns)
    free, before = os.statvfs(d.dir).f_bavail * fs.f_frsize, memory(d, "VmHWM")
    url = hostile.base + target(path.format(more=more))
    s = fetch(d, url, conns)
    assert s["errorCode"] == "9" and "space" in s["errorMessage"], s
    explained(d, s, url)
    assert names(d) == ["warm"] and parts(d) == []
    assert os.statvfs(d.dir).f_bavail * fs.f_frsize > free - (1 << 30)  # others write there too
    if measurable():
        assert memory(d, "VmHWM") - before < 1024


def warm_up(d, hostile, conns):
    """What a first download takes of memory is no matter of the second."""
    d.complete(d.add(hostile.base + "/f/4M/w", out="warm", **options(conns)))


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n" + b"x" * 16 + b"\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
FLOODS = [  # case, what comes first, what comes again and again, bytes of it that may be read
    ("H22", CHUNKED + b"10;x=", b"a" * 1024, HEAD_MAX), ("H22", CHUNKED + b"0\r\n", b"X-T: aaaaaaaaaa\r\n" * 64, HEAD_MAX),
    ("H22", CHUNKED, b"1;x=" + b"y" * 1000 + b"\r\nz\r\n", HEAD_MAX),  # extensions in many small chunks
    ("H23", b"HTTP/1.1 200 OK\r\nX-Long: ", b"a" * 1024, HEAD_MAX),
    ("H23", b"HTTP/1.1 200 OK\r\n", b"X-Many: aaaaaaaaaaaaaaaaaaaaaaa\r\n", HEAD_MAX),
    ("H23", b"HTTP/1.1 200 O", b"K" * 1024, HEAD_MAX), ("H24", b"", HINTS, 33 * len(HINTS)),
]


@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("first,more,most", [pytest.param(*f[1:], id="%s-%d" % (f[0], i), marks=pytest.mark.matrix(f[0]))
                                             for i, f in enumerate(FLOODS)])
def test_a_flood_is_read_to_its_bound_only(hauld, first, more, most, conns):
    """The origin sends the next piece when the last one was read, so it knows to a piece when hauld had enough."""
    with Origin(lambda c: c.flood(first, more)) as o:
        s = fetch(hauld, o.base + "/flood", conns)
        assert s["errorCode"] == "22" and names(hauld) == [] and parts(hauld) == [], s
        assert len(o.sent) == 1 and o.sent[0] <= len(first) + most + 4 * len(more), (o.sent, most)


@pytest.mark.matrix("H24")
@pytest.mark.parametrize("n,wanted", [(0, "complete"), (32, "complete"), (33, "error")])
def test_so_many_interim_answers(hauld, n, wanted):
    with Origin(lambda c: c.send(HINTS * n + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")) as o:
        assert hauld.wait(hauld.add(o.base + "/f"))["status"] == wanted


@pytest.mark.matrix("H04")
@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("path", ["/keepalive-junk", "/len-more"])
def test_junk_behind_an_answer_is_nobodys(hauld, hostile, tools, path, conns):
    """Twelve jobs that could use each other's connections, small and large, and as many at a good path between them."""
    sizes = [1, 4096, 65536, 300000, 2 << 20, 4 << 20]
    jobs = {}
    for i, size in enumerate(sizes * 2):
        for kind in (path, "/f"):
            seed = "s%d%s" % (i, kind[1])
            jobs[hauld.add("%s%s/%d/%s" % (hostile.base, kind, size, seed), out=seed, **options(conns))] = (size, seed)
    for gid, (size, seed) in jobs.items():
        assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256(size, seed), (size, seed)


@pytest.mark.matrix("H14")
@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("way", ["fresh", "killed"])
def test_a_login_page_in_the_middle(hauld, hostile, tools, conns, way):
    """Error, what came before is kept; when the portal has gone the same URL goes on with it."""
    url = hostile.base + target("/html/4M/a")
    s = fetch(hauld, url, conns, way)
    assert s["errorCode"] in ("8", "22", "1") and names(hauld) == [], s
    assert "in " + s["files"][0]["path"] + ".part" in explained(hauld, s, url)
    have = int(s["completedLength"])
    assert have > 0
    hostile.get("/_reset")
    hostile.get("/_flip?" + url.rpartition("?")[2])
    s = fetch(hauld, url, conns)
    assert tools.sha256_of(hauld.complete(s["gid"])) == hostile.sha256("4M", "a") and names(hauld) == ["a"], s
    asked = [dict((k.lower(), v) for k, v in r["headers"]).get("range") for r in hostile.log()]
    assert None in asked[:1] and all(asked[1:]), asked  # its first request found out that the part fits, the others went on


@pytest.mark.parametrize("way", ["fresh", "killed", "paused"])
@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.matrix("H19")
def test_ranges_that_are_of_other_bytes(hauld, hostile, tools, way, checksum):
    """Only a checksum can tell; without one the file is marked, for nothing proves that its parts belong together."""
    more = {"checksum": "sha-256=" + hostile.sha256("4M", "a")} if checksum else {}
    url = hostile.base + target("/range-lie/4M/a")
    s = fetch(hauld, url, 4, way, **more)
    if not checksum:
        assert s["status"] == "complete" and unproven(hauld, s["gid"]), s
        return
    assert s["errorCode"] == "32" and names(hauld) == [], s
    assert ".part" in explained(hauld, s, url)


@pytest.mark.matrix("H17", "H18", "V08")
@pytest.mark.parametrize("path", ["/range-short/4M/a", "/range-bad/4M/a?kind=star", "/range-long/4M/a", "/ifrange-drop/4M/a"])
def test_lawful_ranges_are_used(hauld, hostile, tools, path):
    """On more than one connection: the file is not fetched from its beginning again and again."""
    s = fetch(hauld, hostile.base + target(path), 4)
    assert tools.sha256_of(hauld.complete(s["gid"])) == hostile.sha256("4M", "a") and not unproven(hauld, s["gid"])
    got = [r for r in hostile.log() if r["status"] == 206]
    assert len({dict(r["headers"])["Range"] for r in got}) >= 2, got


@pytest.mark.matrix("H26", "R9")
@pytest.mark.parametrize("kind", ["lf", "fold", "ctl", "utf8", "nul", "cr", "nocolon", "space"])
def test_odd_headers_in_the_log(make_hauld, hostile, kind):
    """At the most talkative level: UTF-8, and no control character but the line's end."""
    d = make_hauld("--console-log-level=debug", "--log=" + os.devnull, "--log-level=debug")
    for path in ("/header-odd/64K/a?kind=" + kind, "/garbage/64K/a", "/redir-crlf/64K/a"):
        d.wait(d.add(hostile.base + path, **options(1)))
    text = open(d.log, "rb").read().decode("utf-8")  # strict
    assert "download" in text and not re.search(r"[^\n\x20-\x7e\x80-\U0010ffff]|[\x7f-\x9f]", text)


@pytest.mark.matrix("R4")
def test_bad_replies_do_not_hurt_other_jobs(hauld, hostile, tools):
    """All of them at once, beside a good one."""
    good = hauld.add(hostile.base + "/f/8M/good", **options(4))
    bad = [hauld.add(hostile.base + target(c[1]), **options(4)) for c in CASES if "right" not in c[2]]
    assert tools.sha256_of(hauld.complete(good)) == hostile.sha256("8M", "good")
    assert all(s["status"] == "error" for s in wait_all(hauld, bad))
