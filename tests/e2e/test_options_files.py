"""Options about files that are there already, and about what a start asks for: through hauld and haul, against nginx and the
hostile origin."""
import hashlib
import os
import re
import time

import pytest

from conftest import haul, wait_for

MIB = 1 << 20
OLD, NEW = 1500000000, 1800000000  # the hostile origin's files are of 1700000000
FAST = dict(max_tries=2, max_retry_wait=0)


def put(d, name, data, mtime=NEW):
    path = os.path.join(d.dir, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    os.utime(path, (mtime, mtime))
    return path


def state(folder):
    """Everything in a folder: {name: (content hash, mtime)}."""
    out = {}
    for base, _dirs, names in os.walk(folder):
        for n in names:
            p = os.path.join(base, n)
            out[os.path.relpath(p, folder)] = (hashlib.sha256(open(p, "rb").read()).hexdigest(), os.stat(p).st_mtime_ns)
    return out


def asked(hostile):
    """-> [(method, path, If-Modified-Since or None, Range or None)] of every request so far."""
    out = []
    for r in hostile.log():
        method, path = r["line"].split()[:2]
        head = {k.lower(): v for k, v in r["headers"]}
        if not path.startswith("/_"):
            out.append((method, path, head.get("if-modified-since"), head.get("range")))
    return out


def ended(d, uris, **opts):
    return d.wait(d.add(uris, **dict(FAST, **opts)))


def content(hostile, size, seed):
    return hostile.get("/f/%s/%s" % (size, seed))


# ---- conditional-get ----

def test_not_modified_is_complete_at_once(hauld, hostile):
    path = put(hauld, "a", b"mine")
    before = state(hauld.dir)
    s = ended(hauld, hostile.base + "/f/1M/a", conditional_get="true", split=4, min_split_size="1M", max_connection_per_server=4)
    assert (s["status"], s["errorCode"], s["totalLength"], s["completedLength"]) == ("complete", "0", "4", "4"), s
    assert s["files"][0]["path"] == path
    assert state(hauld.dir) == before
    assert [r[2] for r in asked(hostile)] == ["Fri, 15 Jan 2027 08:00:00 GMT"]
    assert hauld.status(s["gid"], "haul.unproven")["haul.unproven"] == "true"


def test_modified_is_fetched_by_the_usual_rules(hauld, hostile, tools):
    put(hauld, "a", b"mine", OLD)
    uri, right = hostile.base + "/f/1M/a", hostile.sha256("1M", "a")
    s = ended(hauld, uri, conditional_get="true", auto_file_renaming="false")
    assert (s["status"], s["errorCode"]) == ("error", "13")
    path = hauld.complete(hauld.add(uri, conditional_get="true"))
    assert os.path.basename(path) == "a.1" and tools.sha256_of(path) == right
    path = hauld.complete(hauld.add(uri, conditional_get="true", allow_overwrite="true"))
    assert os.path.basename(path) == "a" and tools.sha256_of(path) == right
    assert all(r[2] for r in asked(hostile))


def test_only_the_first_fetch_is_conditional(hauld, hostile, tools):
    put(hauld, "a", b"mine", OLD)
    path = hauld.complete(hauld.add(hostile.base + "/f/8M/a?rate=8M", conditional_get="true", allow_overwrite="true", split=4,
                                    min_split_size="1M", max_connection_per_server=4))
    assert tools.sha256_of(path) == hostile.sha256("8M", "a")
    log = asked(hostile)
    assert len(log) >= 4 and log[0][2] and not any(r[2] for r in log[1:])


def test_the_condition_knows_out_dir_redirects_and_mirrors(hauld, hostile):
    deep = os.path.join(hauld.dir, "x", "y")
    kept = put(hauld, "x/y/s/o.bin", b"mine")
    s = ended(hauld, hostile.base + "/f/1M/a", conditional_get="true", dir=deep, out="s/o.bin")
    assert (s["status"], s["files"][0]["path"]) == ("complete", kept)
    final = put(hauld, "n.bin", b"final")  # the name comes from where a redirect leads
    s = ended(hauld, hostile.base + "/redir-name/1M/a?name=n.bin", conditional_get="true")
    assert (s["status"], s["files"][0]["path"], s["totalLength"]) == ("complete", final, "5")
    second = put(hauld, "second", b"second one")
    s = ended(hauld, [hostile.base + "/fail/1M/first?code=404&times=9", hostile.base + "/f/1M/second"], conditional_get="true")
    assert (s["status"], s["files"][0]["path"], s["totalLength"]) == ("complete", second, "10")
    assert [bool(r[2]) for r in asked(hostile)] == [True, False, True, False, True]


@pytest.mark.parametrize("beside", ["a.part", "a.aria2", None])
def test_no_condition_without_a_finished_file(hauld, hostile, tools, beside):
    if beside:
        put(hauld, "a", b"half of it")
        put(hauld, beside, b"")
    opts = {} if beside != "a.aria2" else {"allow_overwrite": "true", "remove_control_file": "true"}  # an empty one would be an error
    path = hauld.complete(hauld.add(hostile.base + "/f/1M/a", conditional_get="true", **opts))
    assert tools.sha256_of(path) == hostile.sha256("1M", "a")
    assert not any(r[2] for r in asked(hostile))


def test_an_unfinished_download_goes_on_without_condition(hauld, hostile, tools):
    gid = hauld.add(hostile.base + "/f/8M/a?rate=4M", conditional_get="true", split=1)
    hauld.received(gid, 2 * MIB)
    hauld.rpc("aria2.pause", gid)
    hauld.wait(gid, "paused")
    hauld.rpc("aria2.unpause", gid)
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256("8M", "a")
    assert not any(r[2] for r in asked(hostile))


def test_not_modified_is_verified_when_a_checksum_is_given(hauld, hostile, tools):
    right = hostile.sha256("1M", "a")
    path = put(hauld, "a", content(hostile, "1M", "b"))
    before = state(hauld.dir)
    s = ended(hauld, hostile.base + "/f/1M/a", conditional_get="true", checksum="sha-256=" + right)
    assert (s["status"], s["errorCode"]) == ("error", "32") and "left alone" in s["errorMessage"]
    assert state(hauld.dir) == before
    s = ended(hauld, hostile.base + "/f/1M/a", conditional_get="true", checksum="sha-256=" + hostile.sha256("1M", "b"))
    assert s["status"] == "complete" and state(hauld.dir) == before
    assert hauld.status(s["gid"], "haul.unproven")["haul.unproven"] == "false"
    s = ended(hauld, hostile.base + "/f/1M/a", conditional_get="true", checksum="sha-256=" + right, check_integrity="true")
    assert s["status"] == "complete" and s["files"][0]["path"] == path
    assert tools.sha256_of(path) == right and os.listdir(hauld.dir) == ["a"]


def test_a_304_that_nobody_asked_for_fails(hauld, hostile):
    put(hauld, "a", b"mine")
    s = ended(hauld, hostile.base + "/fail/1M/a?code=304&times=9")
    assert (s["status"], s["errorCode"]) == ("error", "22")


def test_nginx_and_remote_time(hauld, nginx):
    nginx.put("cond.bin", MIB)
    opts = dict(conditional_get="true", remote_time="true", allow_overwrite="true")
    path = hauld.complete(hauld.add(nginx.base + "/cond.bin", **opts))
    before = os.stat(path)
    s = ended(hauld, nginx.base + "/cond.bin", **opts)
    assert (s["status"], s["totalLength"]) == ("complete", str(MIB))
    assert os.stat(path).st_ino == before.st_ino
    assert [r[0] for r in nginx.requests() if r[3] == "/cond.bin"] == [200, 304]


# ---- check-integrity, hash-check-only ----

CHECKED = [  # local seed and length, more options, name it ends as, bytes of body that had to be sent again
    ("a", None, {}, "f", False), ("a", None, {"allow_overwrite": "true"}, "f", False), ("a", None, {"continue": "true"}, "f", False),
    ("b", None, {}, "f", True), ("b", None, {"continue": "true"}, "f", True), ("b", None, {"auto_file_renaming": "false"}, "f", True),
    ("b", 2 * MIB - 1, {}, "f.1", True), ("a", MIB, {"continue": "true"}, "f", True), ("b", MIB, {"allow_overwrite": "true"}, "f", True),
]


@pytest.mark.parametrize("seed,length,opts,name,fetched", CHECKED)
def test_check_integrity(hauld, hostile, tools, seed, length, opts, name, fetched):
    put(hauld, "f", content(hostile, "2M", seed)[:length], OLD)
    hostile.get("/_reset")
    path = hauld.complete(hauld.add(hostile.base + "/f/2M/a/f", check_integrity="true",
                                    checksum="sha-256=" + hostile.sha256("2M", "a"), **opts))
    assert os.path.basename(path) == name and tools.sha256_of(path) == hostile.sha256("2M", "a")
    assert (os.stat(os.path.join(hauld.dir, "f")).st_mtime == OLD) == (not fetched or name != "f")
    assert not os.path.exists(path + ".part")


def test_check_integrity_without_a_checksum_changes_nothing(hauld, hostile, tools):
    put(hauld, "f", content(hostile, "1M", "b"), OLD)
    path = hauld.complete(hauld.add(hostile.base + "/f/1M/a/f", check_integrity="true"))
    assert os.path.basename(path) == "f.1" and tools.sha256_of(path) == hostile.sha256("1M", "a")
    assert tools.sha256_of(os.path.join(hauld.dir, "f")) == hostile.sha256("1M", "b")


def test_a_wrong_file_stays_until_the_right_one_is_there(make_hauld, hostile, tools):
    """Also over a kill: what was found out is remembered with the part."""
    d = make_hauld()
    old = put(d, "f", content(hostile, "8M", "b"), OLD)
    gid = d.add(hostile.base + "/f/8M/a/f?rate=4M", check_integrity="true", split=1, checksum="sha-256=" + hostile.sha256("8M", "a"))
    d.received(gid, 2 * MIB)
    assert tools.sha256_of(old) == hostile.sha256("8M", "b")
    d.kill()
    assert tools.sha256_of(old) == hostile.sha256("8M", "b")
    d.start()
    assert d.complete(gid) == old
    assert tools.sha256_of(old) == hostile.sha256("8M", "a") and os.listdir(d.dir) == ["f"]
    s = ended(d, hostile.base + "/f/8M/c/f", check_integrity="true", checksum="sha-256=" + "0" * 64)
    assert s["errorCode"] == "32" and tools.sha256_of(old) == hostile.sha256("8M", "a")


@pytest.mark.parametrize("purged", [False, True])
def test_a_part_that_is_to_replace_a_file_is_taken_over_only_with_leave(hauld, hostile, tools, purged):
    put(hauld, "f", content(hostile, "8M", "b"), OLD)
    uri, right = hostile.base + "/f/8M/a/f?rate=4M", "sha-256=" + hostile.sha256("8M", "a")
    gid = hauld.add(uri, check_integrity="true", split=1, checksum=right)
    hauld.received(gid, 2 * MIB)
    hauld.rpc("aria2.remove", gid)
    hauld.wait(gid, "removed")
    if purged:
        hauld.rpc("aria2.purgeDownloadResult")
    path = hauld.complete(hauld.add(uri))
    assert os.path.basename(path) == "f.1" and tools.sha256_of(os.path.join(hauld.dir, "f")) == hostile.sha256("8M", "b")
    sent = hostile.sent()
    path = hauld.complete(hauld.add(uri, check_integrity="true", checksum=right))
    assert os.path.basename(path) == "f" and tools.sha256_of(path) == right[8:]
    assert hostile.sent() - sent < 7 * MIB and sorted(os.listdir(hauld.dir)) == ["f", "f.1"]


@pytest.mark.parametrize("path", ["/f/1M/a/f", "/head-405/1M/a/f"])
def test_hash_check_only(hauld, hostile, path):
    def check(**opts):
        before = state(hauld.dir)
        s = ended(hauld, hostile.base + path, hash_check_only="true", **opts)
        assert state(hauld.dir) == before
        return s["status"], s["errorCode"]
    right = "sha-256=" + hostile.sha256("1M", "a")
    assert check(checksum=right) == ("error", "1")  # no file
    put(hauld, "f", content(hostile, "1M", "b"), OLD)
    hostile.get("/_reset")
    assert check(checksum=right, check_integrity="true") == ("error", "32")
    assert check(checksum=right, allow_overwrite="true", **{"continue": "true"}) == ("error", "32")
    assert check(check_integrity="true") == ("error", "1")  # no checksum
    put(hauld, "f", content(hostile, "1M", "a")[:-1], OLD)
    assert check(checksum=right, check_integrity="true") == ("error", "32")
    hostile.get("/_reset")
    put(hauld, "f", content(hostile, "1M", "a"), OLD)
    hostile.get("/_reset")
    assert check(checksum=right, check_integrity="true") == ("complete", "0")
    assert asked(hostile)[0][0] == "HEAD"


def test_hash_check_only_does_not_go_on_with_a_part(hauld, hostile, tools):
    gid = hauld.add(hostile.base + "/f/8M/a?rate=4M", split=1)
    hauld.received(gid, 2 * MIB)
    hauld.rpc("aria2.pause", gid)
    hauld.wait(gid, "paused")
    n = len(asked(hostile))
    hauld.rpc("aria2.changeOption", gid, {"hash-check-only": "true"})
    hauld.rpc("aria2.unpause", gid)
    s = hauld.wait(gid)
    assert (s["status"], s["errorCode"]) == ("error", "1") and "not finished" in s["errorMessage"]
    assert len(asked(hostile)) == n and os.listdir(hauld.dir) == ["a.part"]
    hauld.rpc("haul.retry", gid, {"split": "1"})
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256("8M", "a")


def test_the_check_is_shown_and_those_that_wait_for_it(hauld, nginx):
    want = nginx.put("check.bin", 256 * MIB)
    source = os.path.join(nginx.root, "check.bin")
    gids = []
    for i in range(12):
        os.link(source, os.path.join(hauld.dir, "c%d.bin" % i))
        gids.append(hauld.add(nginx.base + "/check.bin", out="c%d.bin" % i, check_integrity="true", checksum="sha-256=" + want))
    hauld.rpc("aria2.changeGlobalOption", {"max-concurrent-downloads": "12"})
    seen, end = {}, time.monotonic() + 60
    while time.monotonic() < end and not {"verifiedLength", "verifyIntegrityPending"} <= set(seen):
        for j in hauld.rpc("aria2.tellActive", ["gid"]):  # both come without being named
            assert len(set(j) & {"verifiedLength", "verifyIntegrityPending"}) <= 1
            seen.update(j)
    assert seen["verifyIntegrityPending"] == "true" and 0 <= int(seen["verifiedLength"]) <= 256 * MIB
    for gid in gids:
        hauld.complete(gid)
        assert not {"verifiedLength", "verifyIntegrityPending"} & set(hauld.status(gid))


# ---- dry-run, use-head ----

DRY = [  # path, options, file there before, status, code, size, name, methods
    ("/f/1M/a/f", {}, None, "complete", "0", MIB, "f", ["HEAD"]),
    ("/f/1M/a/f", {}, b"old", "complete", "0", MIB, "f.1", ["HEAD"]),
    ("/f/1M/a/f", {"auto_file_renaming": "false"}, b"old", "error", "13", None, None, ["HEAD"]),
    ("/f/1M/a/f", {"allow_overwrite": "true"}, b"old", "complete", "0", MIB, "f", ["HEAD"]),
    ("/f/1M/a/f", {"continue": "true"}, b"old", "complete", "0", MIB, "f", ["HEAD"]),
    ("/f/1M/a/f", {"dir": "not/there", "out": "s/o"}, None, "complete", "0", MIB, "s/o", ["HEAD"]),
    ("/f/1M/a/f", {"conditional_get": "true"}, b"old", "complete", "0", 3, "f", ["HEAD"]),
    ("/head-405/1M/a/f", {}, None, "complete", "0", MIB, "f", ["HEAD", "GET"]),
    ("/close/1M/a/f", {}, None, "complete", "0", 0, "f", ["HEAD"]),
    ("/redir-chain/1M/a/f?n=2", {}, None, "complete", "0", MIB, "f", ["HEAD"] * 3),
    ("/cd/1M/a/f?kind=utf8", {}, None, "complete", "0", MIB, "\u00e4.bin", ["HEAD"]),
    ("/fail/1M/a/f?code=404&times=9", {}, None, "error", "3", None, None, ["HEAD"]),
    ("/fail/1M/a/f?code=503&times=9", {}, None, "error", "29", None, None, ["HEAD"] * 2),
    ("/fail/1M/a/f?code=403&times=9", {}, None, "error", "22", None, None, ["HEAD", "GET"]),
]


@pytest.mark.parametrize("path,opts,there,status,code,size,name,methods", DRY, ids=[r[0].split("/")[1] + str(i) for i, r in enumerate(DRY)])
def test_dry_run(hauld, hostile, path, opts, there, status, code, size, name, methods):
    if there:
        put(hauld, "f", there)
    folder = os.path.join(hauld.dir, opts["dir"]) if "dir" in opts else hauld.dir
    before = state(hauld.dir)
    s = ended(hauld, hostile.base + path, dry_run="true", **dict(opts, dir=folder))
    assert (s["status"], s["errorCode"]) == (status, code), s
    if status == "complete":
        assert (s["totalLength"], s["completedLength"]) == (str(size), str(size))
        assert s["files"][0]["path"] == folder + "/" + name
    assert state(hauld.dir) == before and os.listdir(hauld.dir) == (["f"] if there else [])
    assert [r[0] for r in asked(hostile)] == methods


def test_dry_run_asks_the_next_mirror(hauld, hostile):
    s = ended(hauld, [hostile.base + "/fail/1M/a?code=404&times=9", hostile.base + "/f/2M/b"], dry_run="true")
    assert (s["status"], s["totalLength"], os.path.basename(s["files"][0]["path"])) == ("complete", str(2 * MIB), "b")
    assert os.listdir(hauld.dir) == []


def test_dry_run_does_not_take_a_coded_size_for_the_files(hauld, hostile):
    s = ended(hauld, hostile.base + "/gzip-file/1M/a", dry_run="true", http_accept_gzip="true")
    assert (s["status"], s["totalLength"]) == ("complete", "0")


HEADS = [("/f/4M/a", "HEAD"), ("/head-405/4M/a", "HEAD GET"), ("/head-lies/4M/a", "HEAD"), ("/close/4M/a", "HEAD GET"),
         ("/chunked/4M/a", "HEAD GET"), ("/redir-chain/4M/a?n=2", "HEAD HEAD HEAD"), ("/norange/4M/a", "HEAD"), ("/cut/4M/a", "HEAD")]


@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("path,first", HEADS, ids=[h[0].split("/")[1] for h in HEADS])
def test_use_head(hauld, hostile, tools, path, first, conns):
    gid = hauld.add(hostile.base + path, use_head="true", split=conns, max_connection_per_server=conns, min_split_size="1M", **FAST)
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256("4M", "a")
    methods = [r[0] for r in asked(hostile)]
    first = first.split()
    assert methods[:len(first)] == first and methods.count("HEAD") == first.count("HEAD") and "GET" in methods


def test_use_head_saves_the_get_of_a_file_that_is_there(hauld, hostile):
    put(hauld, "a", content(hostile, "1M", "a"))
    hostile.get("/_reset")
    s = ended(hauld, hostile.base + "/f/1M/a", use_head="true", **{"continue": "true"})
    assert s["status"] == "complete" and [r[0] for r in asked(hostile)] == ["HEAD"]


# ---- names, resuming, order of the parts ----

@pytest.mark.parametrize("kind,option,name", [("latin1", "false", "\u00e4.bin"), ("latin1", "true", "x"),
                                              ("utf8", "false", "\u00e4.bin"), ("utf8", "true", "\u00e4.bin")])
def test_content_disposition_default_utf8(hauld, hostile, kind, option, name):
    path = hauld.complete(hauld.add(hostile.base + "/cd/1K/a/x?kind=" + kind, content_disposition_default_utf8=option))
    assert os.path.basename(path) == name


@pytest.mark.parametrize("tries,others", [(1, 0), (2, 1), (0, 1)])
def test_max_resume_failure_tries(hauld, hostile, tools, tries, others):
    """The first source goes away in the middle; the others have another version."""
    gid = hauld.add(hostile.base + "/f/8M/a?rate=4M", split=1, out="f")
    hauld.received(gid, 2 * MIB)
    hauld.rpc("aria2.pause", gid)
    hauld.wait(gid, "paused")
    hauld.rpc("aria2.changeUri", gid, 1, [hostile.base + "/f/8M/a?rate=4M"], [hostile.base + "/f/8M/b", hostile.base + "/f/8M/b?2"])
    hauld.rpc("aria2.changeOption", gid, {"always-resume": "false", "max-resume-failure-tries": str(tries)})
    hauld.rpc("aria2.unpause", gid)
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256("8M", "b")
    assert sum(r[1].endswith("?2") for r in asked(hostile)) == others


def test_inorder_has_the_beginning_first(hauld, hostile, tools):
    gid = hauld.add(hostile.base + "/f/16M/a?rate=4M", stream_piece_selector="inorder", split=4, max_connection_per_server=4,
                    min_split_size="1M")
    hauld.received(gid, 6 * MIB)
    bits = bin(int("1" + hauld.status(gid, "bitfield")["bitfield"], 16))[3:]
    assert "1" not in bits[len(bits) * 3 // 4:], bits
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256("16M", "a")
    starts = [int(re.match(r"bytes=(\d+)-", r[3]).group(1)) for r in asked(hostile) if r[3]]
    assert len(starts) >= 14  # those of one moment may reach the server in any order
    assert all(start > max(starts[:i + 1]) - 4 * MIB for i, start in enumerate(starts)), starts


@pytest.mark.parametrize("selector", ["geom", "random", "default"])
def test_other_orders_come_out_right(hauld, hostile, tools, selector):
    path = hauld.complete(hauld.add(hostile.base + "/f/16M/a", stream_piece_selector=selector, split=4, max_connection_per_server=4,
                                    min_split_size="1M"))
    assert tools.sha256_of(path) == hostile.sha256("16M", "a")
    assert len(asked(hostile)) <= 14


# ---- the process, the session ----

def soft_limit(d):
    return int(re.search(r"^Max open files\s+(\d+)", open("/proc/%d/limits" % d.p.pid).read(), re.M).group(1))


def test_rlimit_nofile(tmp_path, tools):
    class Low(tools.Hauld):
        def argv(self):
            return ["sh", "-c", 'ulimit -Sn 200; ulimit -Hn 1000; exec "$0" "$@"'] + super().argv()
    for i, (option, want) in enumerate([(None, 1000), (100, 200), (600, 600), (5000, 1000)]):
        d = Low(tmp_path / str(i), *(["--rlimit-nofile=%d" % option] if option else []))
        d.start()
        try:
            assert soft_limit(d) == want
            assert ("more than the hard limit" in d.tail()) == (option == 5000)
        finally:
            d.stop()


def session(d):
    d.rpc("aria2.saveSession")
    return re.findall(r"^ gid=0*([1-9a-f][0-9a-f]*)$", open(d.session).read(), re.M)


def sessions(make_hauld, tmp_path, *options):
    path = str(tmp_path / "session.txt")
    d = make_hauld("--save-session=" + path, *options)
    d.session = path
    return d


def end_all_kinds(d, hostile):
    """Downloads 1 to 8, each ended in its own way."""
    ok, gone, bad = hostile.base + "/f/1K/a", hostile.base + "/fail/1K/a?code=404&times=99", hostile.base + "/fail/1K/a?code=403&times=99"
    slow = hostile.base + "/f/1M/a?rate=1K"
    for gid, uri, opts in [(1, ok, {}), (2, ok, {"force_save": "true"}), (3, gone, {}), (4, gone, {"save_not_found": "false"}),
                           (5, gone, {"save_not_found": "false", "max_file_not_found": 1}), (6, bad, {"save_not_found": "false"}),
                           (7, slow, {}), (8, slow, {"force_save": "true"})]:
        text = d.add(uri, gid="%016x" % gid, out=str(gid), **dict(FAST, **opts))
        if gid >= 7:
            d.wait(text, "active")
            d.rpc("aria2.forceRemove", text)
        idle(d)


def idle(d):
    def nothing_left():
        stat = d.rpc("aria2.getGlobalStat")
        return stat["numActive"] == stat["numWaiting"] == "0"
    wait_for(nothing_left)


def test_what_the_session_file_shows(make_hauld, tmp_path, hostile):
    d = sessions(make_hauld, tmp_path)
    end_all_kinds(d, hostile)
    d.add(hostile.base + "/f/1K/a", gid="%016x" % 9, pause="true")
    assert session(d) == ["2", "3", "6", "8", "9"]
    assert [j["gid"][-1] for j in d.rpc("aria2.tellStopped", 0, 99, ["gid"])] == list("12345678")


@pytest.mark.parametrize("keep,want", [("true", ["3", "6", "8"]), ("false", [])])
def test_keep_unfinished_download_result(make_hauld, tmp_path, hostile, tools, keep, want):
    d = sessions(make_hauld, tmp_path, "--max-download-result=0", "--keep-unfinished-download-result=" + keep)
    end_all_kinds(d, hostile)
    assert session(d) == want
    assert d.rpc("aria2.tellStopped", 0, 99) == []
    for gid in range(1, 9):
        with pytest.raises(tools.RpcError, match="is not found"):
            d.status("%016x" % gid)
    d.kill()
    d.start()
    assert session(d) == want
    if want:
        d.add(hostile.base + "/f/1K/a", gid="%016x" % 3, out="again")  # as when the file is read back
        idle(d)
        assert session(d) == ["6", "8"]


# ---- haul get ----

def test_through_haul_get(hostile, tmp_path, tools):
    work = tmp_path / "work"
    work.mkdir()
    env = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "s"), "XDG_RUNTIME_DIR": str(tmp_path), "HAUL_URL": ""}
    right = "sha-256=" + hostile.sha256("1M", "a")

    def get(*args):
        r = haul("get", "--private", "--max-tries=2", "--max-retry-wait=0", *args, cwd=str(work), env=env)
        return r.returncode, r.stdout + r.stderr
    uri = hostile.base + "/f/1M/a"
    assert get("--dry-run", uri)[0] == 0 and os.listdir(work) == []
    assert get("--dry-run", hostile.base + "/fail/1M/a?code=404&times=9")[0] == 3 and os.listdir(work) == []
    assert get("--hash-check-only", "-V", "--checksum=" + right, uri)[0] == 1 and os.listdir(work) == []
    (work / "a").write_bytes(content(hostile, "1M", "b"))
    os.utime(work / "a", (NEW, NEW))
    before = state(work)
    assert get("--conditional-get", uri)[0] == 0 and state(work) == before
    assert get("--hash-check-only", "-V", "--checksum=" + right, uri)[0] == 32 and state(work) == before
    assert get("--conditional-get", "--checksum=" + right, uri)[0] == 32 and state(work) == before
    code, text = get("-V", "--checksum=" + right, uri)
    assert code == 0 and tools.sha256_of(work / "a") == right[8:] and os.listdir(work) == ["a"], text
    before = state(work)
    assert get("-V", "--allow-overwrite", "--checksum=" + right, uri)[0] == 0 and state(work) == before
    assert get("--hash-check-only", "-V", "--checksum=" + right, uri)[0] == 0 and state(work) == before
    assert get("--use-head", "--stream-piece-selector=inorder", "--out=b", uri)[0] == 0
    assert tools.sha256_of(work / "b") == right[8:]
    assert sorted(os.listdir(work)) == ["a", "b"]
