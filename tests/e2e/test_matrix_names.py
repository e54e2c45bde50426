"""N: names and paths. Nothing outside of the allowed folders, whatever servers, callers or others on the machine do."""
import contextlib
import ctypes
import os
import signal
import stat
import subprocess
import sys

import pytest

from conftest import RpcError, wait_for
from rpckit import SECRET, SecretHauld

FAST = dict(retry_wait=0, timeout=10, max_tries=3, min_split_size="1M")


@pytest.fixture
def guarded(tmp_path):
    """A daemon with a secret: its callers may name dir and what is below it, and nothing else."""
    d = SecretHauld(tmp_path / "d").start()
    yield d
    d.stop()


def tree(folder):
    """-> {path below folder: (type, content)}"""
    out = {}
    for at, dirs, files in os.walk(folder):
        for name in dirs + files:
            p = os.path.join(at, name)
            mode = os.lstat(p).st_mode
            out[os.path.relpath(p, folder)] = (stat.S_IFMT(mode), open(p, "rb").read() if stat.S_ISREG(mode) else None)
    return out


def fetch(d, url, timeout=60, **opts):
    return d.wait(d.add(url, **dict(FAST, **opts)), timeout=timeout)


# ---- names from servers ----

N = 250  # of 255 bytes the letters, without ".part"


@pytest.mark.parametrize("kind,want", [
    *[pytest.param(k, w, marks=pytest.mark.matrix("N01"), id=k) for k, w in [
        ("dotdot", "file.bin"), ("abs", "file.bin"), ("extslash", "file.bin"), ("overlong", "file.bin"), ("dot", "file.bin"),
        ("dots", "file.bin"), ("nul", None), ("newline", "file.bin"), ("escape", "file.bin"), ("rawescape", "?[31mred?[0m.bin"), ("long", "n" * N),
        ("empty", "file.bin"), ("twice", "one.bin"), ("quote", "file.bin"), ("badutf8", "file.bin")]],
    pytest.param("back", "evil", marks=pytest.mark.matrix("N02"), id="back"),
    pytest.param("hidden", "bashrc", marks=pytest.mark.matrix("N03"), id="hidden"),
    pytest.param("dash", "rf", marks=pytest.mark.matrix("N04"), id="dash"),
    pytest.param("control", "other.bin.aria2_", marks=pytest.mark.matrix("N05"), id="control"),
    *[pytest.param(k, w, marks=pytest.mark.matrix("N06"), id=k) for k, w in [
        ("bidi", "invoice_fdp.exe"), ("space", "index.html"), ("shell", "$(touch hostile-pwned);`id`.bin"), ("device", "CON")]],
    pytest.param("latin1", "\xe4.bin", marks=pytest.mark.matrix("N06"), id="latin1"),
    pytest.param("utf8", "\xe4.bin", marks=pytest.mark.matrix("N06"), id="utf8")])
def test_disposition(hauld, hostile, tools, kind, want):
    """want None: a control character in a header field makes the answer no HTTP (H25)."""
    ran = os.path.join(hauld.folder, "hook-ran")
    s = fetch(hauld, hostile.base + "/cd/64K/a/file.bin?kind=" + kind)
    if want is None:
        assert (s["status"], s["errorCode"]) == ("error", "22"), s
        assert tree(hauld.dir) == {}
    else:
        assert s["status"] == "complete", s
        assert os.listdir(hauld.dir) == [want], os.listdir(hauld.dir)
        assert s["files"][0]["path"] == os.path.join(hauld.dir, want)
        assert tools.sha256_of(os.path.join(hauld.dir, want)) == hostile.sha256("64K", "a")
    assert not os.path.exists(ran) and not os.path.exists("hostile-pwned")
    assert sorted(os.listdir(hauld.folder)) == ["dl", "hauld.log", "state"]
    log = open(hauld.log, "rb").read()
    assert b"\x1b" not in log and b"\xe2\x80\xae" not in log and b"\x07" not in log


@pytest.mark.matrix("N03")
@pytest.mark.parametrize("name,want", [(".bashrc", "bashrc"), ("-rf", "rf"), ("x.part", "x.part_"), ("x.aria2", "x.aria2_")])
def test_name_after_redirect(hauld, hostile, name, want):
    s = fetch(hauld, hostile.base + "/redir-name/16K/a/first.bin?name=" + name)
    assert s["status"] == "complete" and os.listdir(hauld.dir)[0] in (want, "first.bin"), os.listdir(hauld.dir)


@pytest.mark.matrix("N07")
@pytest.mark.parametrize("last,want", [
    ("a/..%2f..%2fevil", "%2F..%2Fevil"), ("%2e%2e", "index.html"), ("a%00b", "a%00b"), ("%1b%5b2J", "%1B[2J"), ("..%5c..%5cx", "_.._x"),
    ("x" * 300 + ".tar.gz", "x" * (N - 3) + ".gz"), ("%E2%82%AC" * 100 + ".bin", "\u20ac" * 82 + ".bin"), ("%ff%fe.bin", "%ff%fe.bin"),
    ("%E2%80%AEgpj.exe", "_gpj.exe"), ("queue.db.part", "queue.db.part_")],
    ids=["slash", "dotdot", "nul", "escape", "backslash", "long", "euro", "badutf8", "bidi", "part"])
def test_name_in_url(hauld, hostile, tools, last, want):
    s = fetch(hauld, hostile.base + "/name/16K/a/" + last)
    assert s["status"] == "complete", s
    assert os.listdir(hauld.dir) == [want] and len(want.encode()) <= 255
    assert tools.sha256_of(os.path.join(hauld.dir, want)) == hostile.sha256("16K", "a")
    assert sorted(os.listdir(hauld.folder)) == ["dl", "hauld.log", "state"]


# ---- names from callers ----

@pytest.mark.matrix("N08")
def test_paths_of_callers(guarded, hostile):
    d = guarded
    os.mkdir(os.path.join(d.folder, "outside"))
    before = tree(d.folder).keys()
    bad = [{"out": o} for o in ("../x", "a/../../x", "/x", "nul\0x", "line\nfeed", "\x1b[2Jx", "a//../../x", "..", "a/", "\x7f", "\xc2\x85".encode()
                                .decode("latin1") + "\r")]
    bad += [{"dir": p} for p in (os.path.join(d.folder, "outside"), "/", "/etc", d.dir + "/../outside", d.dir + "/..", d.dir + "x", "//" + d.dir,
                                 d.dir + "/a/../../outside")]
    for opts in bad:
        with pytest.raises(RpcError) as e:
            d.rpc("aria2.addUri", [hostile.base + "/f/16K/a"], opts)
        # aria2's code for a parameter; a NUL is no JSON that any parser here takes
        assert (e.value.code == 1 and list(opts)[0] in e.value.message) or (e.value.code == -32700 and "\0" in opts.get("out", "")), (opts, e.value)
    gid = d.add(hostile.base + "/f/16K/a", pause="true")
    for opts in bad:
        with pytest.raises(RpcError):
            d.rpc("aria2.changeOption", gid, opts)
    d.rpc("aria2.remove", gid)
    assert set(tree(d.folder).keys()) == set(before)


# ---- what lies there already ----

def plant(folder, what):
    """Something that is no file of ours, at folder/x; -> what must stay as it is."""
    target = os.path.join(folder, "target")
    path = os.path.join(folder, "x")
    with open(target, "w") as f:
        f.write("precious\n")
    if what == "link":
        os.symlink("target", path)
    elif what == "dangling":
        os.symlink("nothing", path)
    elif what == "abslink":
        os.symlink(target, path)
    elif what == "dirlink":
        os.mkdir(os.path.join(folder, "real"))
        os.symlink("real", path)
    elif what == "hardlink":
        os.link(target, path)
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "device":
        try:
            os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("a device needs root")
    elif what == "dir":
        os.mkdir(path)
    if what != "device":
        return tree(folder)
    return {"target": (stat.S_IFREG, b"precious\n"), "x": (stat.S_IFCHR, None)}


@pytest.mark.matrix("N09")
@pytest.mark.parametrize("what", ["link", "dangling", "abslink", "dirlink", "hardlink", "fifo", "device", "dir"])
def test_odd_thing_in_the_way(guarded, hostile, tools, what):
    """It stays as it is, and the download fails, or lies beside it. allow-overwrite may replace a hard link: the other name's
    content stays."""
    d = guarded
    for at in ("x", "x.part", "x.aria2"):
        for how in ({}, {"allow_overwrite": "true"}, {"continue": "true"}):
            folder = os.path.join(d.dir, at + "-" + "".join(how))
            os.mkdir(folder)
            odd_thing(d, hostile, tools, folder, what, at, dict(how, out="x", dir=folder))


def odd_thing(d, hostile, tools, folder, what, at, opts):
    before = plant(folder, what)
    if at != "x":
        os.rename(os.path.join(folder, "x"), os.path.join(folder, at))
        before[at] = before.pop("x")
    own = os.path.join(folder, "x")
    s = fetch(d, hostile.base + "/f/64K/a", **dict(opts, auto_file_renaming="false"))
    after = tree(folder)
    if s["status"] == "error":
        assert s["errorCode"] in ("11", "13", "15", "16", "17"), (at, opts, s)
        assert after == before, (at, opts, after, before)
    else:
        assert tools.sha256_of(own) == hostile.sha256("64K", "a"), (at, opts)
        assert stat.S_ISREG(os.lstat(own).st_mode) and os.stat(own).st_nlink == 1, (at, opts)
        assert at == "x.aria2" or what == "hardlink", (at, opts, s)
    assert after["target"] == before["target"] and "nothing" not in after, (at, opts)
    s = fetch(d, hostile.base + "/f/64K/a", **dict(opts, auto_file_renaming="true"))
    assert s["status"] == "complete" or s["errorCode"] in ("15", "16") or at == "x.aria2", (at, opts, s)
    assert tree(folder)["target"] == before["target"], (at, opts)


@pytest.mark.matrix("N09")
@pytest.mark.parametrize("opts", [{"dir": "{dl}/in"}, {"dir": "{dl}/in/deeper"}, {"out": "in/x"}, {"out": "in/deeper/x"}, {"dir": "{dl}/up/x"}], ids=str)
def test_linked_folder(guarded, hostile, opts):
    """A link below the allowed folder leads nowhere else: error 16, and the way out is told."""
    d = guarded
    outside = os.path.join(d.folder, "outside")
    os.mkdir(outside)
    os.symlink(outside, os.path.join(d.dir, "in"))
    os.symlink("..", os.path.join(d.dir, "up"))
    s = fetch(d, hostile.base + "/f/16K/a", **{k: v.format(dl=d.dir) for k, v in opts.items()})
    assert (s["status"], s["errorCode"]) == ("error", "16") and "symbolic link" in s["errorMessage"], s
    assert os.listdir(outside) == [] and sorted(os.listdir(d.folder)) == ["dl", "hauld.log", "outside", "state"]


@pytest.mark.matrix("N09")
def test_owners_links_are_his_wish(tmp_path, hostile):
    """A link on the way to dir, one within it, one that is an allowed folder itself."""
    for n in ("real", "elsewhere"):
        os.mkdir(tmp_path / n)
    os.symlink(tmp_path / "real", tmp_path / "way")
    d = SecretHauld(tmp_path / "d", "--allowed-dirs=%s/dl/out" % (tmp_path / "d"), "--allowed-dirs=%s/deep" % (tmp_path / "way"))
    os.mkdir(os.path.join(d.dir, "sub"))
    os.symlink("sub", os.path.join(d.dir, "within"))
    os.symlink(tmp_path / "elsewhere", os.path.join(d.dir, "out"))
    d.start()
    try:
        for where, real in [(d.dir + "/within", d.dir + "/sub"), (d.dir + "/out/a/b", "%s/elsewhere/a/b" % tmp_path),
                            ("%s/way/deep/c" % tmp_path, "%s/real/deep/c" % tmp_path)]:
            s = fetch(d, hostile.base + "/f/16K/a", dir=where, out="x")
            assert s["status"] == "complete" and s["files"][0]["path"] == where + "/x", s
            assert os.path.getsize(real + "/x") == 16384
    finally:
        d.stop()


@pytest.mark.matrix("N09")
def test_own_users_word(hauld, hostile, tmp_path):
    """Programs of the user that hauld runs as may name any folder, so a link that they name is followed; what they don't name is not."""
    os.mkdir(tmp_path / "films")
    os.symlink(tmp_path / "films", os.path.join(hauld.dir, "films"))
    s = fetch(hauld, hostile.base + "/f/16K/a", dir=hauld.dir + "/films/new", out="x")
    assert s["status"] == "complete" and os.path.getsize(tmp_path / "films" / "new" / "x") == 16384, s
    s = fetch(hauld, hostile.base + "/f/16K/a", out="films/x")
    assert (s["status"], s["errorCode"]) == ("error", "16") and os.listdir(tmp_path / "films") == ["new"], s


SWAP = """
import ctypes, os, sys
libc, a, b, at = ctypes.CDLL(None, use_errno=True), sys.argv[1].encode(), sys.argv[2].encode(), -100
n, most = 0, int(sys.argv[3])
while n < most:
    if libc.renameat2(at, a, at, b, 2) != 0:  # RENAME_EXCHANGE
        sys.exit("renameat2: %d" % ctypes.get_errno())
    n += 1
print(n)
"""


def swap_while_starting(d, hostile, swaps, jobs):
    """Jobs start in dl/way/N and as way/N/x while dl/way is swapped for a link to a folder outside."""
    outside, way, link = os.path.join(d.folder, "outside"), os.path.join(d.dir, "way"), os.path.join(d.dir, "link")
    for p in (outside, way):
        os.mkdir(p)
    os.symlink(outside, link)
    ended = {"complete": 0, "error": 0}
    swapper = subprocess.Popen([sys.executable, "-c", SWAP, way, link, str(10 ** 9 if swaps is None else swaps)], stdout=subprocess.PIPE)
    try:
        i = 0
        while i < jobs or (swaps is not None and swapper.poll() is None):
            gids = []
            for _ in range(20):
                i += 1
                opts = [{"dir": "%s/%d/y" % (way, i)}, {"out": "way/%d/x" % i}, {"dir": way, "out": "z%d" % i}, {"dir": way + "/n", "out": "m/%d" % i}][i % 4]
                gids.append(d.add(hostile.base + "/f/4K/a", **dict(FAST, **opts)))
            for g in gids:
                s = d.wait(g)
                ended[s["status"]] += 1
                assert s["status"] == "complete" or s["errorCode"] in ("15", "16", "18"), s
            assert os.listdir(outside) == []
    finally:
        if swapper.poll() is None:
            swapper.send_signal(signal.SIGTERM)
        swapper.wait()
    assert os.listdir(outside) == [] and sorted(os.listdir(d.folder)) == ["dl", "hauld.log", "outside", "state"]
    return ended


@pytest.fixture
def many(tmp_path):
    d = SecretHauld(tmp_path / "d", "--max-concurrent-downloads=20", "--log-level=notice", "--console-log-level=warn", "--split=1").start()
    yield d
    d.stop()


def needs_exchange(folder):
    a, b = str(folder / "a"), str(folder / "b")
    for p in (a, b):
        os.mkdir(p)
    if ctypes.CDLL(None).renameat2(-100, a.encode(), -100, b.encode(), 2) != 0:
        pytest.skip("this file system can't exchange names")


@pytest.mark.matrix("N10")
def test_folder_swapped_for_a_link(many, hostile, tmp_path):
    needs_exchange(tmp_path)
    ended = swap_while_starting(many, hostile, None, 120)
    assert ended["error"] + ended["complete"] >= 120


@pytest.mark.long
@pytest.mark.matrix("N10")
def test_folder_swapped_10000_times(many, hostile, tmp_path):
    """Each swap waits for nothing: 10 000 take a moment, so they are spread over as many jobs."""
    needs_exchange(tmp_path)
    ended = swap_while_starting(many, hostile, None, 10000)
    assert ended["complete"] > 100, ended


@pytest.mark.matrix("N11")
@pytest.mark.parametrize("conns", [1, 4])
def test_existing_file_stays(hauld, hostile, tools, conns):
    for n in ("a.bin", "a.1.bin", "b"):
        with open(os.path.join(hauld.dir, n), "w") as f:
            f.write("mine " + n)
    for out, want in (("a.bin", "a.2.bin"), ("b", "b.1")):
        s = fetch(hauld, hostile.base + "/f/4M/a", out=out, split=conns, max_connection_per_server=conns)
        assert s["status"] == "complete" and s["files"][0]["path"] == os.path.join(hauld.dir, want), s
        assert tools.sha256_of(os.path.join(hauld.dir, want)) == hostile.sha256("4M", "a")
    for n in ("a.bin", "a.1.bin", "b"):
        assert open(os.path.join(hauld.dir, n)).read() == "mine " + n
    s = fetch(hauld, hostile.base + "/f/4M/a", out="b", auto_file_renaming="false")
    assert s["errorCode"] == "13" and open(os.path.join(hauld.dir, "b")).read() == "mine b"


@pytest.mark.matrix("N11")
@pytest.mark.parametrize("name", ["n" * 250, "n" * 246 + ".bin", "\u20ac" * 82 + ".tgz"], ids=["plain", "extension", "utf8"])
def test_the_next_name_of_a_long_one(hauld, hostile, name):
    """It is cut to have room for the number, in front of the extension."""
    open(os.path.join(hauld.dir, name), "w").close()
    s = fetch(hauld, hostile.base + "/f/1M/a", out=name)
    assert s["status"] == "complete", s
    got = os.path.basename(s["files"][0]["path"])
    stem, ext = os.path.splitext(name)
    assert got.endswith(".1" + ext) and len(got.encode()) <= 250 and stem.startswith(got[:-len(".1" + ext)])
    assert os.path.getsize(os.path.join(hauld.dir, name)) == 0


@pytest.mark.matrix("N12")
@pytest.mark.parametrize("daemons", [1, 2])
@pytest.mark.parametrize("conns", [1, 4])
def test_one_path_twice(make_hauld, hostile, tools, daemons, conns):
    """The second one fails, or gets a name of its own; never two writers in one file."""
    d = make_hauld()
    other = d if daemons == 1 else make_hauld("--dir=" + d.dir, name="other")
    more = dict(FAST, out="x", split=conns, max_connection_per_server=conns)
    first = d.add(hostile.base + "/f/6M/a?rate=2M", **more)
    d.received(first, 1 << 20)
    s = fetch(other, hostile.base + "/f/4M/b", **dict(more, auto_file_renaming="false"))
    assert (s["status"], s["errorCode"]) in (("error", "11"), ("error", "13")), s
    s = fetch(other, hostile.base + "/f/4M/b", **dict(more, allow_overwrite="true"))
    assert (s["status"], s["errorCode"]) in (("error", "11"), ("error", "13")), s
    s = fetch(other, hostile.base + "/f/4M/b", **more)
    assert s["status"] == "complete" and os.path.basename(s["files"][0]["path"]) == "x.1"
    path = d.complete(first)
    assert tools.sha256_of(path) == hostile.sha256("6M", "a") and tools.sha256_of(s["files"][0]["path"]) == hostile.sha256("4M", "b")


def meddle(part, how):
    size = os.path.getsize(part)
    if how == "removed":
        os.unlink(part)
    elif how == "moved":
        os.rename(part, part + "-elsewhere")
    elif how == "replaced":
        os.unlink(part)
        with open(part, "wb") as f:
            f.truncate(size)
    elif how == "cut":
        os.truncate(part, size // 3)
    elif how == "emptied":
        os.truncate(part, 0)
    elif how == "regrown":
        os.truncate(part, 64 << 10)
        os.truncate(part, size)
    elif how == "written":
        with open(part, "r+b") as f:
            f.seek(64 << 10)
            f.write(b"somebody else's bytes" * 100)
    elif how == "grown":
        os.truncate(part, size + 100)


@pytest.mark.matrix("N13")
@pytest.mark.parametrize("conns,alloc", [(1, "falloc"), (4, "none")])
@pytest.mark.parametrize("how", ["removed", "moved", "replaced", "cut", "emptied", "regrown", "written", "grown"])
def test_somebody_meddles(hauld, hostile, tools, how, conns, alloc):
    """Error 17, never complete; the same again is right, and believes none of what is left."""
    d = hauld
    opts = dict(FAST, out="x", split=conns, max_connection_per_server=conns, file_allocation=alloc)
    gid = d.add(hostile.base + "/f/8M/a", max_download_limit="2M", **opts)
    d.received(gid, 2 << 20)
    meddle(os.path.join(d.dir, "x.part"), how)
    with contextlib.suppress(RpcError):  # it may have been found out already
        d.rpc("aria2.changeOption", gid, {"max-download-limit": "0"})
    s = d.wait(gid)
    assert (s["status"], s["errorCode"]) == ("error", "17") and "program" in s["errorMessage"], s
    assert not os.path.exists(os.path.join(d.dir, "x"))
    if how in ("cut", "regrown", "written"):  # the same job again
        d.rpc("haul.retry", gid)
        path = d.complete(gid)
    else:
        path = d.complete(d.add(hostile.base + "/f/8M/a", **opts))
    assert tools.sha256_of(path) == hostile.sha256("8M", "a")


@pytest.mark.matrix("N13")
@pytest.mark.parametrize("how", ["removed", "replaced", "cut", "emptied", "regrown"])
@pytest.mark.parametrize("conns", [1, 4])
def test_somebody_meddles_while_paused(hauld, hostile, tools, how, conns):
    """Found at the latest at the end: error 17, or what is not there any more is fetched again."""
    d = hauld
    opts = dict(FAST, out="x", split=conns, max_connection_per_server=conns)
    gid = d.add(hostile.base + "/f/8M/a", max_download_limit="2M", **opts)
    d.received(gid, 2 << 20)
    d.rpc("aria2.pause", gid)
    d.wait(gid, "paused")
    meddle(os.path.join(d.dir, "x.part"), how)
    d.rpc("aria2.changeOption", gid, {"max-download-limit": "0"})
    d.rpc("aria2.unpause", gid)
    s = d.wait(gid)
    if s["status"] == "error":
        assert s["errorCode"] == "17", s
        d.rpc("haul.retry", gid)
        s = d.wait(gid)
    assert s["status"] == "complete", s
    assert tools.sha256_of(s["files"][0]["path"]) == hostile.sha256("8M", "a")
