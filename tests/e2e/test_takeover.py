"""Downloads that a real aria2c began: their control files are taken over, finished bytes are not fetched again, and neither a
crash nor a control file that does not fit costs or mixes anything."""
import os
import shutil
import signal
import struct
import subprocess
import time

import pytest

MIB = 1 << 20
SIZE = 8 * MIB
SLACK = MIB  # of the probe, and of what was under way at a kill

pytestmark = pytest.mark.skipif(not shutil.which("aria2c"), reason="aria2c is not installed")


def finished(path):
    """(bytes that a control file says are finished, its total)."""
    data = open(path, "rb").read()
    hash_len, = struct.unpack_from(">I", data, 6)
    piece, total, _up, n = struct.unpack_from(">IQQI", data, 10 + hash_len)
    at = 34 + hash_len
    have = lambda bits, i: bits[i // 8] >> (7 - i % 8) & 1
    length = lambda i: min(piece, total - i * piece)
    bits = data[at:at + n]
    done = sum(length(i) for i in range(-(-total // piece)) if have(bits, i))
    started, = struct.unpack_from(">I", data, at + n)
    at += n + 4
    for _ in range(started):
        i, size, n = struct.unpack_from(">III", data, at)
        blocks = data[at + 12:at + 12 + n]
        done += sum(min(16384, size - b * 16384) for b in range(-(-size // 16384)) if have(blocks, b))
        at += 12 + n
    return done, total


class Begun:
    """NAME and NAME.aria2 in a folder, left by an aria2c that was stopped in the middle."""

    def __init__(self, folder, name):
        self.path = os.path.join(folder, name)
        self.control = self.path + ".aria2"

    def done(self):
        return finished(self.control)[0]

    def content(self):
        return open(self.path, "rb").read(), open(self.control, "rb").read()


class Aria2:
    def __init__(self, folder, url, name, *options):
        self.begun = Begun(folder, name)
        self.p = subprocess.Popen(["aria2c", "--no-conf", "--quiet", "--dir=" + folder, "--out=" + name, "--auto-save-interval=1",
                                   "--min-split-size=1M", *options, url], stdin=subprocess.DEVNULL)

    def has(self, least):
        assert self.p.poll() is None, "aria2c ended with %s" % self.p.returncode
        try:
            return self.begun.done() >= least
        except (OSError, struct.error):
            return False

    def stop(self, sig=signal.SIGTERM):
        self.p.send_signal(sig)
        self.p.wait()


@pytest.fixture
def begin(tools):
    """begin(folder, url, name, options...) -> Begun: an aria2c that was stopped when it had `least` bytes."""
    made = []

    def start(folder, url, name, *options):
        os.makedirs(folder, exist_ok=True)
        a = Aria2(str(folder), url, name, *options)
        made.append(a)
        return a

    def run(folder, url, name, *options, least=2 * MIB, sig=signal.SIGTERM):
        a = start(folder, url, name, *options)
        tools.wait_for(lambda: a.has(least))
        a.stop(sig)
        done, total = finished(a.begun.control)
        assert least <= done < total
        return a.begun
    run.start = start
    yield run
    for a in made:
        if a.p.poll() is None:
            a.p.kill()
            a.p.wait()


def sent(hostile, since=0):
    return sum(r["body"] for r in hostile.log()) - since


def clean(d, *names):
    """Nothing is left but these."""
    assert sorted(os.listdir(d.dir)) == sorted(names)


def unproven(d, gid):
    return d.status(gid, "haul.unproven").get("haul.unproven") == "true"


FOUR = ("-x4", "-s4")
four = {"split": 4, "max_connection_per_server": 4, "min_split_size": "1M"}


@pytest.mark.parametrize("alloc", ["none", "prealloc", "trunc", "falloc"])
@pytest.mark.parametrize("conns", [1, 4])
def test_finished_bytes_are_not_fetched_again(hauld, hostile, tools, begin, alloc, conns):
    url = hostile.base + "/f/%d/a/n.bin?rate=%d" % (SIZE, 3 * MIB // conns)
    b = begin(hauld.dir, url, "n.bin", "-x%d" % conns, "-s%d" % conns, "--file-allocation=" + alloc)
    done, before = b.done(), sent(hostile)
    gid = hauld.add(url, **(four if conns == 4 else {}))
    path = hauld.complete(gid)
    assert path == b.path and tools.sha256_of(path) == hostile.sha256(SIZE, "a")
    assert sent(hostile, before) <= SIZE - done + SLACK
    clean(hauld, "n.bin")
    assert unproven(hauld, gid)  # a control file does not say which version it is of


def test_from_nginx_with_many_started_pieces(hauld, nginx, tools, begin):
    size = 48 * MIB
    want = nginx.put("begun.bin", size, seed=31)
    url = nginx.base + "/crawl/begun.bin"
    b = begin(hauld.dir, url, "begun.bin", "-x16", "-s16", "--file-allocation=falloc", least=5 * MIB)
    done, before = b.done(), nginx.sent("begun.bin")
    path = hauld.complete(hauld.add(nginx.base + "/begun.bin", **four))
    assert path == b.path and tools.sha256_of(path) == want
    assert nginx.sent("begun.bin") - before <= size - done + 8 * MIB  # what nginx put into the probe's connection before it ended
    clean(hauld, "begun.bin")


def test_after_kill_9_of_aria2(hauld, hostile, tools, begin):
    """Its control file is older than the file; both are believed for what the control file says."""
    url = hostile.base + "/f/%d/a/n.bin?rate=700K" % SIZE
    b = begin(hauld.dir, url, "n.bin", *FOUR, "--file-allocation=none", sig=signal.SIGKILL)
    done, before = b.done(), sent(hostile)
    assert tools.sha256_of(hauld.complete(hauld.add(url, **four))) == hostile.sha256(SIZE, "a")
    assert sent(hostile, before) <= SIZE - done + SLACK
    clean(hauld, "n.bin")


def test_by_haul_get_in_that_folder(hostile, tools, begin, tmp_path):
    url = hostile.base + "/f/%d/a/n.bin?rate=700K" % SIZE
    b = begin(tmp_path / "work", url, "n.bin", *FOUR)
    done, before = b.done(), sent(hostile)
    os.mkdir(tmp_path / "home")
    r = tools.haul("get", "--private", "-x4", "-s4", "-k1M", url, cwd=tmp_path / "work", env={"HOME": str(tmp_path / "home")})
    assert r.returncode == 0, r.stderr
    assert tools.sha256_of(b.path) == hostile.sha256(SIZE, "a")
    assert sent(hostile, before) <= SIZE - done + SLACK
    assert os.listdir(tmp_path / "work") == ["n.bin"]


def test_two_at_once_by_another_name(hauld, hostile, tools, begin):
    """The candidate NAME.1 that aria2 began is gone on with, as aria2 does."""
    url = hostile.base + "/f/%d/a/n.bin?rate=2M" % SIZE
    with open(os.path.join(hauld.dir, "n.bin"), "w") as f:
        f.write("mine")
    b = begin(hauld.dir, url, "n.1.bin")
    done, before = b.done(), sent(hostile)
    gids = [hauld.add(url), hauld.add(url)]
    paths = {os.path.basename(hauld.complete(g)) for g in gids}
    assert paths == {"n.1.bin", "n.2.bin"}
    for p in paths:
        assert tools.sha256_of(os.path.join(hauld.dir, p)) == hostile.sha256(SIZE, "a")
    assert sent(hostile, before) <= 2 * SIZE - done + SLACK
    assert open(os.path.join(hauld.dir, "n.bin")).read() == "mine"
    clean(hauld, "n.bin", "n.1.bin", "n.2.bin")


# ---- checksums ----

def test_a_right_checksum_proves_it(hauld, hostile, tools, begin):
    url = hostile.base + "/f/%d/a/n.bin?rate=2M" % SIZE
    begin(hauld.dir, url, "n.bin")
    gid = hauld.add(url, checksum="sha-256=" + hostile.sha256(SIZE, "a"), **four)
    hauld.complete(gid)
    assert not unproven(hauld, gid)
    clean(hauld, "n.bin")


def test_a_wrong_checksum_shows_another_version(hauld, hostile, tools, begin):
    """aria2 had begun another file of the same size: only the checksum can tell. The second try fetches all of it."""
    begin(hauld.dir, hostile.base + "/f/%d/b/n.bin?rate=3M" % SIZE, "n.bin")
    url, right = hostile.base + "/f/%d/a/n.bin" % SIZE, hostile.sha256(SIZE, "a")
    gid = hauld.add(url, checksum="sha-256=" + right, **four)
    s = hauld.wait(gid)
    assert (s["status"], s["errorCode"]) == ("error", "32")
    assert not os.path.exists(os.path.join(hauld.dir, "n.bin"))
    hauld.rpc("haul.retry", gid)
    assert tools.sha256_of(hauld.complete(gid)) == right
    clean(hauld, "n.bin")


# ---- what does not fit ----

def fails(d, code, url, **options):
    """-> the message."""
    s = d.wait(d.add(url, **options))
    assert (s["status"], s["errorCode"]) == ("error", str(code)), (s, d.tail())
    return s["errorMessage"]


def test_another_size(hauld, hostile, tools, begin):
    b = begin(hauld.dir, hostile.base + "/f/%d/a/n.bin?rate=3M" % SIZE, "n.bin")
    before = b.content()
    other = hostile.base + "/f/%d/a/n.bin" % (SIZE + 1)
    text = fails(hauld, 1, other)
    assert "%d bytes" % SIZE in text and str(SIZE + 1) in text and b.control in text
    fails(hauld, 1, other, allow_overwrite="true")
    fails(hauld, 1, other, **{"continue": "true"})
    assert b.content() == before
    clean(hauld, "n.bin", "n.bin.aria2")
    path = hauld.complete(hauld.add(other, out="other.bin"))
    assert tools.sha256_of(path) == hostile.sha256(SIZE + 1, "a")


@pytest.mark.parametrize("how", ["cut", "empty", "longer", "other"])
def test_a_damaged_control_file(hauld, hostile, tools, begin, how):
    url = hostile.base + "/f/%d/a/n.bin?rate=3M" % SIZE
    b = begin(hauld.dir, url, "n.bin")
    text = open(b.control, "rb").read()
    with open(b.control, "wb") as f:
        f.write({"cut": text[:-1], "empty": b"", "longer": text + b"x", "other": b"my diary"}[how])
    before = b.content()
    url = url.split("?")[0]
    assert b.control + " is damaged" in fails(hauld, 1, url)
    fails(hauld, 1, url, **{"continue": "true"})
    assert b.content() == before
    path = hauld.complete(hauld.add(url, remove_control_file="true"))
    assert path.endswith("/n.1.bin") and tools.sha256_of(path) == hostile.sha256(SIZE, "a")
    clean(hauld, "n.bin", "n.1.bin", *(["n.bin.aria2"] if how == "other" else []))


@pytest.mark.parametrize("alloc", ["none", "falloc"])
def test_a_file_shorter_than_claimed(hauld, hostile, tools, begin, alloc):
    url = hostile.base + "/f/%d/a/n.bin?rate=3M" % SIZE
    b = begin(hauld.dir, url, "n.bin", "--file-allocation=" + alloc)
    os.truncate(b.path, MIB + 100)
    before = sent(hostile)
    assert tools.sha256_of(hauld.complete(hauld.add(url, **four))) == hostile.sha256(SIZE, "a")
    assert SIZE - MIB - 100 <= sent(hostile, before) <= SIZE - MIB + SLACK
    clean(hauld, "n.bin")


def test_claims_about_holes(hauld, hostile, tools, begin):
    """As a power cut leaves it: the control file has been written, the data has not."""
    url = hostile.base + "/f/%d/a/n.bin?rate=3M" % SIZE
    b = begin(hauld.dir, url, "n.bin", "--file-allocation=none")
    os.truncate(b.path, 0)
    os.truncate(b.path, SIZE)
    assert tools.sha256_of(hauld.complete(hauld.add(url, **four))) == hostile.sha256(SIZE, "a")
    clean(hauld, "n.bin")


def test_a_torrents_control_file(hauld, hostile, tools, begin):
    url = hostile.base + "/f/%d/a/n.bin?rate=3M" % SIZE
    b = begin(hauld.dir, url, "n.bin")
    text = bytearray(open(b.control, "rb").read())
    text[5] |= 1
    open(b.control, "wb").write(text)
    before, url = b.content(), url.split("?")[0]
    path = hauld.complete(hauld.add(url))
    assert path.endswith("/n.1.bin") and tools.sha256_of(path) == hostile.sha256(SIZE, "a")
    assert "n.bin exists" in fails(hauld, 13, url, auto_file_renaming="false")
    assert b.content() == before


def test_no_file(hauld, hostile, tools, begin):
    """Begins at 0; the control file goes at once, as with aria2."""
    url = hostile.base + "/f/%d/a/n.bin?rate=2M" % SIZE
    b = begin(hauld.dir, url, "n.bin")
    os.unlink(b.path)
    before = sent(hostile)
    gid = hauld.add(url)
    hauld.received(gid, 1)
    assert not os.path.exists(b.control)
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256(SIZE, "a")
    assert sent(hostile, before) >= SIZE and not unproven(hauld, gid)
    clean(hauld, "n.bin")


def test_remove_control_file(hauld, hostile, tools, begin):
    url = hostile.base + "/f/%d/a/n.bin?rate=3M" % SIZE
    b = begin(hauld.dir, url, "n.bin", "--file-allocation=none")
    content, url = b.content(), url.split("?")[0]
    path = hauld.complete(hauld.add(url, remove_control_file="true"))
    assert path.endswith("/n.1.bin")
    clean(hauld, "n.bin", "n.1.bin")
    assert open(b.path, "rb").read() == content[0]
    open(b.control, "wb").write(content[1])
    before = sent(hostile)
    path = hauld.complete(hauld.add(url, remove_control_file="true", allow_overwrite="true"))
    assert path == b.path and tools.sha256_of(path) == hostile.sha256(SIZE, "a")
    assert sent(hostile, before) >= SIZE
    clean(hauld, "n.bin", "n.1.bin")


# ---- others ----

def test_an_aria2_that_still_runs(hauld, hostile, tools, begin):
    url = hostile.base + "/f/%d/a/n.bin?rate=1M" % SIZE
    a = begin.start(hauld.dir, url, "n.bin")
    tools.wait_for(lambda: a.has(MIB))
    gid = hauld.add(url)
    s = hauld.wait(gid)
    assert (s["status"], s["errorCode"]) == ("error", "11") and "another program" in s["errorMessage"], s
    a.stop()
    done, before = a.begun.done(), sent(hostile)
    hauld.rpc("haul.retry", gid)
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256(SIZE, "a")
    assert sent(hostile, before) <= SIZE - done + SLACK
    clean(hauld, "n.bin")


def test_a_download_of_ours_is_not_disturbed(hauld, hostile, tools, begin):
    """aria2 does not see a paused download's part, and begins the same name; what comes then takes another one."""
    url = hostile.base + "/f/%d/a/n.bin?rate=3M" % SIZE
    ours = hauld.add(url)
    hauld.received(ours, MIB)
    hauld.rpc("aria2.pause", ours)
    hauld.wait(ours, "paused")
    part = open(os.path.join(hauld.dir, "n.bin.part"), "rb").read()
    b = begin(hauld.dir, url, "n.bin")
    before = b.content()
    path = hauld.complete(hauld.add(url.split("?")[0]))
    assert path.endswith("/n.1.bin") and tools.sha256_of(path) == hostile.sha256(SIZE, "a")
    assert b.content() == before
    assert open(os.path.join(hauld.dir, "n.bin.part"), "rb").read() == part


def test_a_server_without_ranges_leaves_it_to_aria2(hauld, hostile, tools, begin):
    """Nothing could be fetched: all is as it was found, and another server may go on."""
    b = begin(hauld.dir, hostile.base + "/f/%d/a/n.bin?rate=3M" % SIZE, "n.bin", "--file-allocation=trunc")
    before = b.content()
    gid = hauld.add(hostile.base + "/norange/%d/a/n.bin" % SIZE)
    s = hauld.wait(gid)
    assert (s["status"], s["errorCode"]) == ("error", "8"), s
    assert b.content() == before
    clean(hauld, "n.bin", "n.bin.aria2")
    hauld.rpc("haul.retry", gid)
    hauld.wait(gid)
    assert b.content() == before
    done, start = b.done(), sent(hostile)
    path = hauld.complete(hauld.add(hostile.base + "/f/%d/a/n.bin?rate=3M" % SIZE))
    assert path == b.path and tools.sha256_of(path) == hostile.sha256(SIZE, "a")
    assert sent(hostile, start) <= SIZE - done + SLACK
    clean(hauld, "n.bin")


def test_back_to_aria2(hauld, hostile, tools, begin):
    """The control file stays until the end, so that the user may think better of it."""
    url = hostile.base + "/f/%d/a/n.bin?rate=3M" % SIZE
    b = begin(hauld.dir, url, "n.bin")
    control, done = b.content()[1], b.done()
    gid = hauld.add(url)
    hauld.received(gid, done + MIB)
    hauld.rpc("aria2.pause", gid)
    hauld.wait(gid, "paused")
    hauld.rpc("aria2.remove", gid)
    clean(hauld, "n.bin.part", "n.bin.aria2")
    assert open(b.control, "rb").read() == control
    os.rename(b.path + ".part", b.path)
    before = sent(hostile)
    assert begin.start(hauld.dir, url, "n.bin").p.wait() == 0
    assert tools.sha256_of(b.path) == hostile.sha256(SIZE, "a")
    assert sent(hostile, before) <= SIZE - done + SLACK
    clean(hauld, "n.bin")


# ---- crashes ----

@pytest.mark.parametrize("n", range(6))
def test_killed_while_it_takes_over(hauld, hostile, tools, begin, n):
    """At fixed moments, from the add on."""
    url = hostile.base + "/f/%d/a/n.bin?rate=700K" % SIZE
    b = begin(hauld.dir, url, "n.bin", *FOUR, "--file-allocation=falloc")
    done, before = b.done(), sent(hostile)
    gid = hauld.add(url, **four)
    time.sleep((0, 0.01, 0.02, 0.05, 0.3, 0.7)[n])
    hauld.kill()
    hauld.start()
    path = hauld.complete(gid)
    assert path == b.path and tools.sha256_of(path) == hostile.sha256(SIZE, "a")
    assert sent(hostile, before) <= SIZE - done + 2 * SLACK
    assert unproven(hauld, gid)
    clean(hauld, "n.bin")


# Kills the process at one call: DIE_AT=before|after, DIE_CALL=rename|unlink, DIE_NAME: the (new) name's end.
DIE = r"""
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void die(const char *at, const char *call, const char *name)
{
	const char *want = getenv("DIE_NAME");
	size_t n = strlen(name), m = strlen(want);

	if (strcmp(getenv("DIE_AT"), at) == 0 && strcmp(getenv("DIE_CALL"), call) == 0 && n >= m && strcmp(name + n - m, want) == 0)
		kill(getpid(), SIGKILL);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	die("before", "rename", to);
	int r = (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
	die("after", "rename", to);
	return r;
}

int unlinkat(int fd, const char *name, int flags)
{
	die("before", "unlink", name);
	int r = (int)syscall(SYS_unlinkat, fd, name, flags);
	die("after", "unlink", name);
	return r;
}
"""


@pytest.fixture(scope="session")
def die(preload):
    return preload(DIE)


def dying(tools, folder, die, at, call, name):
    """A daemon, not started, that is killed at that call."""
    return tools.Hauld(folder, env=dict(die, DIE_AT=at, DIE_CALL=call, DIE_NAME=name))


def wait_for_death(tools, d):
    tools.wait_for(lambda: d.p.poll() is not None)
    assert d.p.returncode == -signal.SIGKILL, d.tail()
    d.out.close()
    d.env.pop("LD_PRELOAD")


@pytest.mark.parametrize("at,call,name", [
    ("before", "rename", "n.bin.part"),  # only the database knows
    ("after", "rename", "n.bin.part"),   # no journal yet
    ("before", "rename", "n.bin"),       # whole, but not called so
    ("after", "rename", "n.bin"),
    ("before", "unlink", "n.bin.aria2"),
    ("after", "unlink", "n.bin.aria2"),
])
def test_killed_at_each_step(hostile, tools, begin, die, tmp_path, at, call, name):
    url = hostile.base + "/f/%d/a/n.bin?rate=700K" % SIZE
    d = dying(tools, tmp_path / "d", die, at, call, name)
    b = begin(d.dir, url, "n.bin", *FOUR, "--file-allocation=falloc")
    done, before, data = b.done(), sent(hostile), b.content()[0]
    d.start()
    try:
        gid = d.add(url, **four)
        wait_for_death(tools, d)
        if name == "n.bin.part":  # neither lost nor changed, under one name or the other
            assert open(b.path + (".part" if at == "after" else ""), "rb").read() == data and os.path.exists(b.control)
        d.start()
        path = d.complete(gid)
        assert path == b.path and tools.sha256_of(path) == hostile.sha256(SIZE, "a")
        assert sent(hostile, before) <= SIZE - done + 2 * SLACK
        assert unproven(d, gid)
        clean(d, "n.bin")
    finally:
        d.stop()


@pytest.mark.parametrize("at,name", [("before", "n.bin.part"), ("after", "n.bin.part"), ("after", "n.bin")])
def test_power_cut_at_each_step(hostile, tools, begin, die, ext4, at, name):
    """aria2 itself syncs nothing: what it had finished is safe from when it is taken over."""
    url = hostile.base + "/f/%d/a/n.bin?rate=700K" % SIZE
    fs = ext4("before")
    d = dying(tools, fs.where, die, at, "rename", name)
    d.log = fs.where + ".log"
    done = begin(d.dir, url, "n.bin", *FOUR, "--file-allocation=falloc").done()
    before = sent(hostile)
    d.start()
    gid = d.add(url, **four)
    wait_for_death(tools, d)
    fs.cut()
    with tools.after_power_cut(ext4, fs, d) as d2:
        path = d2.complete(gid)
        assert tools.sha256_of(path) == hostile.sha256(SIZE, "a")
        assert sent(hostile, before) <= (SIZE - done) * (2 if name == "n.bin" else 1) + 2 * SLACK
        clean(d2, "n.bin")


def test_what_aria2_says_now_counts(hostile, tools, begin, die, tmp_path):
    """hauld died just before the rename, with the claim in its database; then aria2 began that file anew."""
    url = hostile.base + "/f/%d/a/n.bin?rate=700K" % SIZE
    d = dying(tools, tmp_path / "d", die, "before", "rename", "n.bin.part")
    b = begin(d.dir, url, "n.bin", *FOUR, "--file-allocation=falloc")
    d.start()
    try:
        gid = d.add(url, **four)
        wait_for_death(tools, d)
        with open(b.path, "r+b") as f:
            f.write(b"x" * SIZE)
        with open(b.control, "wb") as f:
            f.write(struct.pack(">HIIIQQI", 1, 0, 0, MIB, SIZE, 0, 1) + b"\0" + struct.pack(">I", 0))
        d.start()
        assert tools.sha256_of(d.complete(gid)) == hostile.sha256(SIZE, "a")
        assert not unproven(d, gid)  # all of it is from one answer after the other of one version
        clean(d, "n.bin")
    finally:
        d.stop()


@pytest.mark.parametrize("at", ["before", "after"])
def test_continue_killed_at_the_rename(hostile, tools, die, tmp_path, at):
    """The file of any other program, with continue=true: it is claimed in the same way."""
    url = hostile.base + "/f/%d/a/n.bin?rate=3M" % SIZE
    d = dying(tools, tmp_path / "d", die, at, "rename", "n.bin.part")
    with open(os.path.join(d.dir, "n.bin"), "wb") as f:
        f.write(hostile.get("/f/%d/a" % SIZE)[:3 * MIB])
    before = sent(hostile)
    d.start()
    try:
        gid = d.add(url, **{"continue": "true"})
        wait_for_death(tools, d)
        d.start()
        path = d.complete(gid)
        assert path == os.path.join(d.dir, "n.bin") and tools.sha256_of(path) == hostile.sha256(SIZE, "a")
        assert sent(hostile, before) <= SIZE - 3 * MIB + 2 * SLACK
        assert unproven(d, gid)
        clean(d, "n.bin")
    finally:
        d.stop()
