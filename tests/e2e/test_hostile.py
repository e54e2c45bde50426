"""The hostile origin: lawful oddities come out right, lies never become a complete wrong file (tests/matrix/matrix.md)."""
import os

import pytest

FAST = dict(retry_wait=0, timeout=4, max_tries=3, min_split_size="1M", max_retry_wait=1)


def fetch(d, hostile, path, conns, timeout=90, **opts):
    return d.wait(d.add(hostile.base + path, split=conns, max_connection_per_server=conns, **dict(FAST, **opts)), timeout=timeout)


def files(d):
    return sorted(f for f in os.listdir(d.dir) if not f.endswith(".part"))


RIGHT = [  # path (4 MiB of seed "a" unless said)
    ("H01", "/f/4M/a"), ("H01", "/chunked/4M/a"), ("H01", "/close/4M/a"), ("H01", "/norange/4M/a"), ("H01", "/head-405/4M/a"),
    ("H01", "/drip/64K/a"), ("H02", "/cut/4M/a"), ("H02", "/rst/4M/a"), ("H04", "/len-more/4M/a"), ("H04", "/keepalive-junk/4M/a"),
    ("H13", "/head-lies/4M/a"), ("H15", "/range-200/4M/a"), ("H17", "/range-short/4M/a"), ("H17", "/range-bad/4M/a?kind=star"),
    ("H18", "/range-long/4M/a"), ("H20", "/range-unasked/4M/a"),
    ("V08", "/ifrange-drop/4M/a"),
]


@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("case,path", RIGHT, ids=[c + p.split("/")[1] + p[-6:] for c, p in RIGHT])
def test_right(hauld, hostile, tools, case, path, conns):
    s = fetch(hauld, hostile, path, conns)
    assert s["status"] == "complete", (s["errorCode"], s["errorMessage"], hauld.tail())
    size = path.split("/")[2]
    assert tools.sha256_of(s["files"][0]["path"]) == hostile.sha256(size, "a")


def test_empty_file(hauld, hostile):
    s = fetch(hauld, hostile, "/empty/0/a", 4)
    assert s["status"] == "complete" and os.path.getsize(s["files"][0]["path"]) == 0


REFUSED = [  # case, path, error codes that are right
    ("H03", "/cut-norange/4M/a", "1 6 8"), ("H05", "/len-bad/1M/a?kind=neg", "22"), ("H05", "/len-bad/1M/a?kind=hex", "22"),
    ("H05", "/len-bad/1M/a?kind=list", "22"), ("H05", "/len-bad/1M/a?kind=2pow64", "22"), ("H06", "/len-bad/1M/a?kind=plus", "22"),
    ("H08", "/len-bad/1M/a?kind=i64max", "9"), ("H09", "/huge/1M/a?say=100T", "9"), ("H11", "/len-twice/1M/a", "22"),
    ("H16", "/range-nohdr/4M/a", "8 22 0"), ("H21", "/chunk-bad/1M/a?kind=huge", "22"), ("H21", "/chunk-bad/1M/a?kind=trunc", "1 6"),
    ("H21", "/chunk-bad/1M/a?kind=garbage", "22"), ("H22", "/chunk-bad/1M/a?kind=ext", "22"), ("H23", "/header-huge/1M/a", "22"),
    ("H23", "/header-many/1M/a", "22"), ("H24", "/status-1xx/1M/a", "22"), ("H25", "/header-odd/1M/a?kind=nul", "22"),
    ("H25", "/header-odd/1M/a?kind=space", "22"), ("H27", "/status/1M/a", "22"), ("H27", "/garbage/1M/a", "22 1"), ("H27", "/http09/1M/a", "22"),
    ("H28", "/te-odd/1M/a", "22"), ("V04", "/flip-len/4M/a?after=2", "8 0"),
]


@pytest.mark.parametrize("case,path,codes", REFUSED, ids=[c + p.split("/")[1] + p[-6:] for c, p, _ in REFUSED])
def test_refused(hauld, hostile, tools, case, path, codes):
    s = fetch(hauld, hostile, path, 4)
    assert s["errorCode"] in codes.split(), (s["errorCode"], s.get("errorMessage"), hauld.tail())
    if s["status"] == "complete":
        assert tools.sha256_of(s["files"][0]["path"]) == hostile.sha256(path.split("/")[2], "a")
    else:
        assert s["errorMessage"]
        assert files(hauld) == []


FLIPS = ["/flip", "/flip-noifrange", "/flip-lm", "/flip-weak", "/etag-unstable"]


@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("path", FLIPS)
def test_two_versions_are_never_mixed(hauld, hostile, tools, path, conns):
    """V01-V03, V07: the file changes while it is being read."""
    s = fetch(hauld, hostile, path + "/8M/a?after=2&cut=3M&id=%d" % conns, conns)
    if s["status"] == "complete":
        assert tools.sha256_of(s["files"][0]["path"]) in (hostile.sha256("8M", "a"), hostile.sha256("8M", "b"))
    else:
        assert s["errorCode"] == "8" and "changed" in s["errorMessage"], s
        assert files(hauld) == []


def test_changed_while_down(make_hauld, hostile, tools):
    """V06: the file is another one after a restart."""
    d = make_hauld()
    gid = d.add(hostile.base + "/flip/8M/a?after=1000&rate=2M&id=v6", split=1)
    d.received(gid, 3 << 20)
    d.kill()
    hostile.get("/_flip?id=v6")
    d.start()
    s = d.wait(gid)
    if s["status"] == "complete":
        assert tools.sha256_of(s["files"][0]["path"]) == hostile.sha256("8M", "b")
    else:
        assert s["errorCode"] == "8" and "changed" in s["errorMessage"]


def test_slow_bytes_are_seen_and_survive_a_kill(make_hauld, hostile, tools):
    """Far less than a block comes in seconds: it is shown, written, and not fetched again."""
    d = make_hauld()
    gid = d.add(hostile.base + "/slow/400K/a?rate=40000&id=trickle", split=1)
    seen = set()

    def grows():
        seen.add(int(d.status(gid, "completedLength")["completedLength"]))
        return len(seen) >= 3
    tools.wait_for(grows, timeout=20)
    d.kill()
    d.start()
    s = d.wait(gid, timeout=60)
    assert s["status"] == "complete" and tools.sha256_of(s["files"][0]["path"]) == hostile.sha256("400K", "a")
    ranges = [r["headers"] for r in hostile.log() if r["line"].split()[1].startswith("/slow/")]
    assert len(ranges) == 2 and "range" in str(ranges[1]).lower(), ranges
