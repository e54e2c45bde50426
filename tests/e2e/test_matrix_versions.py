"""Two versions of one file (V01-V09, V11 of matrix/matrix.md): never a mix; refused with the reason, begun anew, or marked."""
import os
import re
import signal
from urllib.parse import urlsplit

import pytest

from replykit import PACE, WAYS, explained, fetch, names, options, parts, target, unproven

SIZE = "4M"
A, B = "a", "b"

# path; what may come out: "a", "b" (all of that version), error codes; "?": it may be a mix that nothing can show, and says so
FLIPS = [
    ("V01", "/flip/4M/a?after={n}", "a b 8"), ("V02", "/flip-noifrange/4M/a?after={n}", "a b 8"), ("V02", "/flip-lm/4M/a?after={n}", "a b 8"),
    ("V03", "/flip-weak/4M/a?after={n}", "a b 8"), ("V04", "/flip-len/4M/a?after={n}", "a 8"), ("V05", "/flip-blind/4M/a?after={n}", "?"),
    ("V05", "/flip-second/4M/a?after={n}", "?"), ("V07", "/etag-unstable/4M/a?n={n}", "a 8"), ("V08", "/ifrange-drop/4M/a?n={n}", "a"),
]


def cases():
    """Each path with one connection that breaks (cut) and four, the second version from the second or third answer on."""
    for case, path, wanted in FLIPS:
        for conns in (1, 4):
            for way in WAYS:
                for n in (1, 2):
                    name = "%s-%s-%d-%s-%d" % (case, path.split("/")[1], conns, way, n)
                    yield pytest.param(path.format(n=n), wanted, conns, way, id=name, marks=pytest.mark.matrix(case))


def outcome(tools, hostile, s, size=SIZE):
    """"a" or "b": all of it is of that version; "?": a mix; else the error code."""
    if s["status"] != "complete":
        return s["errorCode"]
    got = tools.sha256_of(s["files"][0]["path"])
    return next((v for v in (A, B) if got == hostile.sha256(size, v)), "?")


@pytest.mark.parametrize("path,wanted,conns,way", cases())
def test_versions_are_never_mixed(hauld, hostile, tools, path, wanted, conns, way):
    url = hostile.base + target(path) + ("&cut=1500K" if conns == 1 and "flip" in path else "")
    s = fetch(hauld, url, conns, way)
    got = outcome(tools, hostile, s)
    if wanted == "?":
        assert s["status"] == "complete" and unproven(hauld, s["gid"]), s
        return
    assert got in wanted.split(), (got, s.get("errorMessage"), hauld.tail())
    if s["status"] == "complete":
        assert not unproven(hauld, s["gid"]) and len(names(hauld)) == 1 and parts(hauld) == []
    else:
        assert names(hauld) == [] and "changed" in explained(hauld, s, url)


def sums(hostile, seed):
    return {"checksum": "sha-256=" + hostile.sha256(SIZE, seed)}


@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("path,codes", [pytest.param(p, e, marks=pytest.mark.matrix(c), id=c + p.split("/")[1]) for c, p, e in [
    ("V05", "/flip-blind/4M/a?after=1", "32"), ("V11", "/flip-noifrange/4M/a?after=1", "32 8"), ("V11", "/flip/4M/a?after=1", "32 8"),
    ("V11", "/flip-lm/4M/a?after=1", "32 8"), ("V11", "/flip-weak/4M/a?after=1", "32 8")]])
def test_a_checksum_decides(hauld, hostile, tools, path, codes, conns):
    """32 where only the checksum could tell; it need not come to that where the versions are told apart before."""
    url = hostile.base + target(path) + "&cut=1500K"  # else the first answer may bring all of the first version
    s = fetch(hauld, url, conns, **sums(hostile, A))
    assert s["status"] == "error" and s["errorCode"] in codes.split() and names(hauld) == [], s
    text = explained(hauld, s, url)
    assert s["files"][0]["path"] + ".part" in text
    assert s["errorCode"] != "32" or "nothing of " in text and "checksum is wrong" in text


@pytest.mark.matrix("V11")
@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("again", ["retry", "retry after a restart", "add"])
@pytest.mark.parametrize("path", ["/flip", "/flip-noifrange", "/flip-lm", "/flip-weak", "/flip-blind", "/flip-len"])
def test_a_wrong_checksum_is_repaired(hauld, hostile, tools, path, again, conns):
    """The server had another version than the checksum is of; now it has the right one. No byte of the wrong one counts."""
    url = hostile.base + target(path + "/4M/a?after=1000")
    right = hostile.sha256((4 << 20) + 1 if path == "/flip-len" else SIZE, B)
    s = fetch(hauld, url, conns, checksum="sha-256=" + right)
    assert s["errorCode"] == "32" and names(hauld) == [] and parts(hauld) == ["a.part"], s
    assert "a.part" in explained(hauld, s, url)
    gid = s["gid"]
    if again == "retry after a restart":
        hauld.kill()
        hauld.start()
        assert hauld.wait(gid)["errorCode"] == "32"  # it may have died before the end was durable
    hostile.get("/_flip?id=" + url.rpartition("=")[2])
    if again == "add":
        gid = hauld.add(url, **options(conns, checksum="sha-256=" + right))
    else:
        hauld.rpc("haul.retry", gid)
    assert tools.sha256_of(hauld.complete(gid)) == right
    assert names(hauld) == ["a"] and parts(hauld) == [] and not unproven(hauld, gid)


CHANGED = [  # path, what a part of version a becomes when version b is on the server
    ("/flip", "8"), ("/flip-noifrange", "8"), ("/flip-lm", "8"), ("/flip-weak", "8"), ("/flip-len", "8"), ("/flip-blind", "?"),
]


@pytest.mark.matrix("V06")
@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("by", ["same", "new", "other"])
@pytest.mark.parametrize("path,wanted", CHANGED)
def test_changed_while_nobody_looked(hauld, hostile, tools, path, wanted, by, conns):
    """Gone on with by the same process after a pause, by a new one after kill -9, or by a new job: refused with the reason and the
    old part kept, or another name; always-resume=false begins anew, once every source has told of another version."""
    url = hostile.base + target(path + "/4M/a?after=1000&rate=3M")
    gid = hauld.add(url, **options(conns))
    hauld.received(gid, 1 << 20)
    if by == "new":
        hauld.kill()
    else:
        hauld.rpc("aria2.pause", gid)
        hauld.wait(gid, "paused")
    hostile.get("/_flip?id=" + url.rpartition("=")[2])
    if by == "new":
        hauld.start()
    elif by == "same":
        hauld.rpc("aria2.unpause", gid)
    else:
        hauld.rpc("aria2.remove", gid)
        other = hauld.add(url, **options(conns))
        size = (4 << 20) + (path == "/flip-len")
        assert tools.sha256_of(hauld.complete(other)) == hostile.sha256(size, B)
        assert names(hauld) == ["a.1"] and parts(hauld) == ["a.part"]  # V09: never gone on with
        return
    s = hauld.wait(gid)
    if wanted == "?":
        assert s["status"] == "complete" and unproven(hauld, gid)
        return
    assert s["errorCode"] == wanted and names(hauld) == [] and parts(hauld) == ["a.part"], s
    assert int(s["completedLength"]) >= 1 << 20 and "changed" in explained(hauld, s, url)
    hauld.rpc("haul.retry", gid, {"always-resume": "false"})
    size = (4 << 20) + (path == "/flip-len")
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256(size, B)
    assert names(hauld) == ["a"] and parts(hauld) == []


@pytest.mark.matrix("H14", "V06")
@pytest.mark.parametrize("kind,by,conns", [
    (kind, "cut", conns) for kind in ("length", "chunked", "close", "gzip", "redirect", "short") for conns in (1, 4)
] + [(kind, *way) for kind in ("chunked", "redirect", "short") for way in (("same", 4), ("new", 1), ("stopped", 4))])
def test_a_page_is_not_the_file(hauld, hostile, tools, kind, by, conns):
    """A login page in place of the file, in the middle, after a pause, kill -9 or SIGTERM: refused, and the part is gone on with when
    the server is well again. So is an answer of the right version that does not tell how long it is, and ends at once."""
    url = hostile.base + target("/portal/4M/a?kind=%s&%s" % (kind, "cut=700K&after=%d" % conns if by == "cut" else "rate=2M"))
    gid = hauld.add(url, **options(conns))
    if by != "cut":
        hauld.received(gid, 1 << 20)
    if by == "same":
        hauld.rpc("aria2.pause", gid)
        hauld.wait(gid, "paused")
    elif by != "cut":
        hauld.kill(signal.SIGTERM if by == "stopped" else signal.SIGKILL)
    flip = "/_flip?id=" + url.rpartition("=")[2]
    if by != "cut":
        hostile.get(flip)
    if by == "same":
        hauld.rpc("aria2.unpause", gid)
    elif by != "cut":
        hauld.start()
    s = hauld.wait(gid)
    assert s["errorCode"] == "8" and names(hauld) == [] and parts(hauld) == ["a.part"], s
    assert int(s["completedLength"]) >= (700 << 10 if by == "cut" else 900 << 10), s
    assert re.search("changed|no longer tells", explained(hauld, s, url)), s
    hostile.get(flip + "&back=1")
    hauld.rpc("haul.retry", gid)
    if by == "cut":
        assert hauld.wait(gid)["errorCode"] == "8" and parts(hauld) == ["a.part"]
    else:
        assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256(SIZE, A) and names(hauld) == ["a"]


@pytest.mark.matrix("H14")
def test_a_page_before_the_first_byte(hauld, hostile):
    """The version is known, and not a byte of it came."""
    url = hostile.base + target("/portal/4M/a?cut=0&after=1")
    s = fetch(hauld, url, 1)
    assert s["errorCode"] == "8" and names(hauld) == [] and "no longer tells" in explained(hauld, s, url), s


def without_ranges(d, hostile, conns, query, rate="2M"):
    """A part of 1 MiB or more, whose server has become bad at ranges. -> gid, url, bytes that were there."""
    url = hostile.base + target("/range-lost/4M/a?rate=%s&%s" % (rate, query))
    gid = d.add(url, **options(conns))
    d.received(gid, 1 << 20)
    d.rpc("aria2.pause", gid)
    had = int(d.wait(gid, "paused")["completedLength"])
    hostile.get("/_flip?id=" + url.rpartition("=")[2])
    return gid, url, had


def asked(hostile, url):
    """What came for it, in order: range and If-Range or None."""
    found = []
    for q in hostile.log():
        if q["line"].split()[1] == urlsplit(url).path + "?" + urlsplit(url).query:
            fields = {k.lower(): v for k, v in q["headers"]}
            found.append({"range": fields.get("range"), "if-range": fields.get("if-range")})
    return found


@pytest.mark.matrix("H15", "H20")
@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("status", [200, 416])
def test_one_refused_range_costs_nothing(hauld, hostile, tools, status, conns):
    """After a restart of the daemon, which does not know any more that this server has ranges."""
    gid, url, had = without_ranges(hauld, hostile, conns, "status=%d&times=1" % status)
    hauld.kill()
    hauld.start()
    before = len(asked(hostile, url))
    hauld.rpc("aria2.unpause", gid)
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256(SIZE, A) and not unproven(hauld, gid)
    assert len(asked(hostile, url)) >= before + 2 and all(q["range"] for q in asked(hostile, url)[before:])


@pytest.mark.matrix("H15", "H20", "V06")
@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("status", [200, 416])
def test_a_server_without_ranges_any_more(hauld, hostile, tools, status, conns):
    """All of the file is received once more, and fills what is missing, wherever that is: the part is not touched before."""
    gid, url, _ = without_ranges(hauld, hostile, conns, "status=%d" % status)
    before = len(asked(hostile, url))
    hauld.rpc("aria2.unpause", gid)
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256(SIZE, A) and not unproven(hauld, gid)
    assert names(hauld) == ["a"] and parts(hauld) == []
    assert [q["range"] for q in asked(hostile, url)[before:]].count(None) == 1


@pytest.mark.matrix("H15", "H20", "H03")
@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("status", [200, 416])
def test_a_server_without_ranges_breaks_off(hauld, hostile, tools, status, conns):
    """Before it comes to what is missing, time after time: the part is kept, and what was thrown away is no progress."""
    gid, url, had = without_ranges(hauld, hostile, conns, "status=%d&cut=1000" % status)
    hauld.rpc("aria2.unpause", gid)
    s = hauld.wait(gid)
    assert s["errorCode"] in ("1", "6") and int(s["completedLength"]) >= had and parts(hauld) == ["a.part"], s
    explained(hauld, s, url)
    hostile.get("/_flip?id=%s&back=1" % url.rpartition("=")[2])
    hauld.rpc("haul.retry", gid)
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256(SIZE, A) and not unproven(hauld, gid)


@pytest.mark.matrix("V04", "H20")
@pytest.mark.parametrize("conns", [1, 4])
def test_a_416_of_another_size(hauld, hostile, conns):
    gid, url, had = without_ranges(hauld, hostile, conns, "status=416&total=5")
    hauld.rpc("aria2.unpause", gid)
    s = hauld.wait(gid)
    assert s["errorCode"] == "8" and int(s["completedLength"]) == had and parts(hauld) == ["a.part"], s
    assert "5 bytes instead of 4194304" in explained(hauld, s, url)


@pytest.mark.matrix("V05", "H15")
@pytest.mark.parametrize("total", ["4M", "5M"])
def test_begun_anew_it_is_the_same_file(hauld, hostile, tools, total):
    """No ranges, and nothing to tell two versions by but the size: a single answer is better than two, but has that size."""
    gid, url, _ = without_ranges(hauld, hostile, 1, "blind=1&total=" + total)
    hauld.rpc("aria2.unpause", gid)
    s = hauld.wait(gid)
    if total == "4M":
        assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256(SIZE, A) and not unproven(hauld, gid)
    else:
        assert s["errorCode"] == "8" and names(hauld) == [] and "changed" in explained(hauld, s, url)


@pytest.mark.matrix("V07")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("like", ["", "&like=tag", "&like=date"])
def test_an_etag_of_each_server(hauld, hostile, tools, like, conns, way):
    """Of those behind one name: the one whose ETag is known is asked for. ETags and dates that mean the same are the same."""
    url = hostile.base + target("/etag-node/4M/a?nodes=3" + like + ("&cut=1500K" if conns == 1 else ""))
    s = fetch(hauld, url, conns, way)
    assert s["status"] == "complete" and tools.sha256_of(s["files"][0]["path"]) == hostile.sha256(SIZE, A), s
    assert like == "&like=date" or not unproven(hauld, s["gid"])  # there an ETag may be missing that was seen before


@pytest.mark.parametrize("way", WAYS)
def test_the_time_of_the_server_after_a_restart(hauld, hostile, way):
    """remote-time: its date is of the part, too."""
    s = fetch(hauld, hostile.base + target("/f/4M/a"), 1, way, remote_time="true")
    assert os.stat(s["files"][0]["path"]).st_mtime == 1700000000


@pytest.mark.matrix("V05")
def test_a_weak_date_is_no_condition(hauld, hostile):
    """RFC 9110 13.1.5: If-Range with a date takes a strong one."""
    url = hostile.base + target("/flip-second/4M/a?after=1000&cut=1500K")
    assert fetch(hauld, url, 1)["status"] == "complete"
    assert [q["if-range"] for q in asked(hostile, url)] == [None] * 3


@pytest.mark.matrix("V09")
@pytest.mark.parametrize("how", ["failed", "removed", "purged", "purged and restarted"])
@pytest.mark.parametrize("where", ["the same", "another signature", "another query", "another path", "another host"])
def test_a_part_of_another_resource(hauld, hostile, tools, where, how):
    """The same name, size, ETag and date, as of servers that make ETags of those: only a part from the same place is gone on with."""
    first = "/twin/4M/a/one?of=a&rate=2M&X-Amz-Date=1&X-Amz-Signature=1" + ("&cut=1500K" if how == "failed" else "")
    gid = hauld.add(hostile.base + first, out="same", **options(1, max_tries=1))
    if how == "failed":
        hauld.received(gid, 1 << 20)
        hostile.get("/_flip?id=twin")
        hauld.wait(gid, "error")
        hostile.get("/_flip?id=twin&back=1")
    else:
        hauld.received(gid, 1 << 20)
        hauld.rpc("aria2.remove", gid)
        hauld.wait(gid, "removed")
    if how.startswith("purged"):
        hauld.rpc("aria2.purgeDownloadResult")
    if how.endswith("restarted"):
        hauld.stop()
        hauld.start()
    same = where in ("the same", "another signature")
    url = {"the same": first, "another signature": first.replace("=1", "=2").replace("cut=2", "cut=1"), "another query": first.replace("of=a", "of=b"),
           "another path": first.replace("one?of=a", "two?of=b"), "another host": first.replace("of=a", "of=b")}[where]
    base = hostile.base if where != "another host" else "http://127.0.0.1:%d" % (hostile.port + 1)
    other = hauld.add(base + url, out="same", **options(1))
    assert tools.sha256_of(hauld.complete(other)) == hostile.sha256(SIZE, A if same else B) and not unproven(hauld, other)
    assert names(hauld) == ["same" if same else "same.1"] and parts(hauld) == ([] if same else ["same.part"])


@pytest.mark.matrix("V09")
@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("rename", ["true", "false"])
@pytest.mark.parametrize("whose", ["nobody's", "a failed job's", "a paused job's", "a removed job's"])
def test_a_part_of_another_file(hauld, hostile, tools, whose, rename, conns):
    """The next free name, or error 13; the part is not touched."""
    if whose == "nobody's":
        with open(os.path.join(hauld.dir, "same.part"), "wb") as f:
            f.write(b"mine" * 1000)
    else:
        begin_another(hauld, hostile, whose)
    before = tools.sha256_of(os.path.join(hauld.dir, "same.part"))
    url = hostile.base + "/f/4M/b/same"
    s = fetch(hauld, url, conns, auto_file_renaming=rename)
    if rename == "true":
        assert tools.sha256_of(hauld.complete(s["gid"])) == hostile.sha256(SIZE, B) and names(hauld) == ["same.1"]
    else:
        assert s["errorCode"] == "13" and names(hauld) == [], s
        assert "another download" not in explained(hauld, s, url)
    assert parts(hauld) == ["same.part"] and tools.sha256_of(os.path.join(hauld.dir, "same.part")) == before


def begin_another(d, hostile, whose):
    """same.part, of other bytes."""
    broken = whose == "a failed job's"
    gid = d.add(hostile.base + ("/cut-norange/4M/a/same" if broken else "/f/4M/a/same?rate=2M"), **options(1, max_tries=1))
    if broken:
        assert d.wait(gid)["status"] == "error"
        return
    d.received(gid, 1 << 20)
    d.rpc("aria2.pause", gid)
    d.wait(gid, "paused")
    if whose == "a removed job's":
        d.rpc("aria2.remove", gid)


@pytest.mark.matrix("V05", "H19")
@pytest.mark.parametrize("conns", [1, 4])
def test_unproven_is_remembered(hauld, hostile, tools, conns):
    """Of a part that can't be proven, while it waits and after restarts; of the complete file; and not of one with a checksum."""
    url = hostile.base + target("/flip-blind/4M/a?after=1000&rate=3M&cut=1200K")
    plain = hauld.add(url, **options(conns))
    summed = hauld.add(url, out="s", **options(conns, **sums(hostile, A)))
    hauld.received(plain, 2 << 20)
    hauld.kill()
    hauld.start()
    hauld.complete(plain)
    hauld.complete(summed)
    for _ in range(2):
        assert unproven(hauld, plain) and not unproven(hauld, summed)
        assert shown(tools, hauld, plain).count("nothing proves") == 1 and "nothing proves" not in shown(tools, hauld, summed)
        hauld.kill()
        hauld.start()


def shown(tools, d, gid):
    done = tools.haul("show", gid, url=d.url)
    assert done.returncode == 0, done.stderr
    return done.stdout
