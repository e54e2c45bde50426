"""D: disk, crash, restart. What test_crash.py and test_wrong_input.py decide already stands there."""
import contextlib
import errno
import fcntl
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

import pytest

MIB = 1 << 20
SLOW = dict(split=4, max_connection_per_server=4, min_split_size="1M")


@pytest.fixture
def tmpfs(tmp_path):
    """tmpfs(name, size) -> the folder of a file system of its own that holds so many bytes."""
    made = []

    def make(name, size, *options):
        where = str(tmp_path / name)
        os.makedirs(where)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(["size=%d" % size, *options]), "tmpfs", where], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip("no file system can be mounted here: " + done.stderr)
        made.append(where)
        return where
    yield make
    for where in made:
        subprocess.run(["umount", "-l", where], check=True)


def fill(path, size):
    """A file that takes size bytes of its file system."""
    with open(path, "wb") as f:
        os.posix_fallocate(f.fileno(), 0, size)
    return path


def fill_up(path, leave=0):
    """The same with all that is left but `leave` bytes, while others write, too."""
    with open(path, "wb") as f:
        size = 0
        while True:
            v = os.statvfs(path)
            more = v.f_bavail * v.f_frsize - leave
            if more <= 0:
                return path
            try:
                os.posix_fallocate(f.fileno(), size, more)
                size += more
            except OSError as e:
                if e.errno != errno.ENOSPC:
                    raise


def room_wait(d, gid, tools):
    """-> why gid waits, once it waits for room."""
    def reason():
        s = d.status(gid, "status", "haul.wait")
        assert s["status"] in ("active", "waiting"), d.status(gid)
        return s["status"] == "waiting" and s.get("haul.wait")
    return tools.wait_for(reason, 60)


def body_sent(hostile, path):
    return sum(r["body"] for r in hostile.log() if path in r["line"])


# ---- D07: a full disk ----

@pytest.mark.matrix("D07")
def test_a_file_larger_than_the_disk_fails_at_once(hauld, hostile, tmpfs):
    where = tmpfs("small", 16 * MIB)
    s = hauld.wait(hauld.add(hostile.base + "/f/32M/a", dir=where), timeout=20)
    assert (s["status"], s["errorCode"]) == ("error", "9"), s
    assert "32MiB" in s["errorMessage"] and "16MiB" in s["errorMessage"] and where in s["errorMessage"], s
    assert os.listdir(where) == []


@pytest.mark.matrix("D07")
@pytest.mark.parametrize("allocation", ["falloc", "none"])
def test_a_full_disk_holds_up_its_own_jobs_only(make_hauld, hostile, tmpfs, tools, allocation):
    """They give their slots back, say why they wait, and go on by themselves when there is room."""
    where = tmpfs("full", 48 * MIB)
    ballast = fill(where + "/ballast", 40 * MIB)
    d = make_hauld("--max-concurrent-downloads=1", "--file-allocation=" + allocation, "--no-file-allocation-limit=0")
    first = d.add(hostile.base + "/f/16M/first", dir=where, out="first", **SLOW)
    reason = room_wait(d, first, tools)
    assert "needs 16MiB" in reason and "8.0MiB free" in reason and where in reason, reason
    shown = tools.haul("show", first, url=d.url).stdout
    assert re.findall("^Waits +(.*)", shown, re.M) == [reason], shown
    assert os.listdir(where) == ["ballast"]
    d.complete(d.add(hostile.base + "/f/1M/other"))  # the only slot is free for another disk
    d.complete(d.add(hostile.base + "/f/1M/fits", dir=where, out="fits"))  # and for what fits
    os.unlink(ballast)
    assert tools.sha256_of(d.complete(first)) == hostile.sha256("16M", "first")
    assert "haul.wait" not in d.status(first)


@pytest.mark.matrix("D07")
@pytest.mark.parametrize("allocation", ["falloc", "none"])
def test_several_do_not_start_into_the_same_room(make_hauld, hostile, tmpfs, tools, allocation):
    where = tmpfs("full", 48 * MIB)
    ballast = fill(where + "/ballast", 44 * MIB)
    d = make_hauld("--max-concurrent-downloads=5", "--file-allocation=" + allocation, "--no-file-allocation-limit=0")
    gids = [d.add(hostile.base + "/f/20M/s%d?rate=8M" % i, dir=where, out="s%d" % i) for i in range(3)]
    for gid in gids:
        room_wait(d, gid, tools)
    os.unlink(ballast)  # room for two
    tools.wait_for(lambda: sum(d.status(g, "status")["status"] == "complete" for g in gids) == 2, 90)
    last = next(g for g in gids if d.status(g, "status")["status"] != "complete")
    assert room_wait(d, last, tools)
    assert len([r for r in hostile.log() if "/f/20M/" in r["line"]]) <= 8
    done = [d.status(g)["files"][0]["path"] for g in gids if g != last]
    for path in done:
        os.unlink(path)
    d.complete(last)


@pytest.mark.matrix("D07")
@pytest.mark.parametrize("conns", [1, 4])
def test_full_in_the_middle_resumes_with_what_is_there(make_hauld, hostile, tmpfs, tools, conns):
    where = tmpfs("full", 64 * MIB)
    d = make_hauld("--file-allocation=none")
    path = "/f/32M/mid%d" % conns
    gid = d.add(hostile.base + path + "?rate=6M", dir=where, out="f", split=conns, max_connection_per_server=conns, min_split_size="1M")
    d.received(gid, 6 * MIB)
    ballast = fill_up(where + "/ballast", leave=3 * MIB)
    reason = room_wait(d, gid, tools)
    assert "no room" in reason
    assert int(d.status(gid)["completedLength"]) >= 6 * MIB
    os.unlink(ballast)
    assert tools.sha256_of(d.complete(gid)) == hostile.sha256("32M", "mid%d" % conns)
    assert body_sent(hostile, path) <= 33 * MIB + conns * MIB


@pytest.mark.matrix("D07")
def test_room_that_was_allocated_is_given_back(make_hauld, hostile, tmpfs, tools):
    """A job that has to wait does not sit on what it has not written: others may take it."""
    where = tmpfs("full", 64 * MIB)
    d = make_hauld("--file-allocation=none")
    gid = d.add(hostile.base + "/f/40M/back?rate=4M", dir=where, out="f", **SLOW)
    d.received(gid, 4 * MIB)
    ballast = fill_up(where + "/ballast")
    room_wait(d, gid, tools)
    s = os.stat(where + "/f.part")
    done = int(d.status(gid)["completedLength"])
    assert s.st_blocks * 512 <= done + 64 * 1024
    d.kill()  # the waiting is not forgotten, and what is there counts
    d.start()
    assert "no room" in room_wait(d, gid, tools)
    assert int(d.status(gid)["completedLength"]) == done
    os.unlink(ballast)
    assert tools.sha256_of(d.complete(gid)) == hostile.sha256("40M", "back")


@pytest.mark.matrix("D07")
def test_one_who_waits_can_be_paused_removed_changed(make_hauld, hostile, tmpfs, tools):
    where = tmpfs("full", 48 * MIB)
    fill(where + "/ballast", 44 * MIB)
    d = make_hauld()
    a, b, c, e = (d.add(hostile.base + "/f/8M/%s" % n, dir=where, out=n) for n in "abce")
    for gid in (a, b, c, e):
        room_wait(d, gid, tools)
    d.rpc("aria2.pause", a)
    assert d.status(a, "status", "haul.wait") == {"status": "paused"}
    d.rpc("aria2.unpause", a)
    room_wait(d, a, tools)
    d.rpc("aria2.remove", b)
    d.rpc("aria2.changeOption", c, {"dir": d.dir})
    d.complete(c)
    d.rpc("aria2.changeOption", e, {"disk-full": "error"})
    s = d.wait(e)
    assert (s["status"], s["errorCode"]) == ("error", "9") and "space" in s["errorMessage"], s
    assert room_wait(d, a, tools)


@pytest.mark.matrix("D07")
def test_scripts_may_have_an_error_instead(make_hauld, hostile, tmpfs, tools):
    where = tmpfs("full", 48 * MIB)
    fill(where + "/ballast", 44 * MIB)
    r = tools.haul("get", "--disk-full=error", "--dir=" + where, hostile.base + "/f/8M/a", timeout=60)
    assert r.returncode == 9 and "Not enough disk space" in r.stdout + r.stderr, r
    assert os.listdir(where) == ["ballast"]


@pytest.mark.matrix("D07")
def test_a_file_of_unknown_size_fails_on_a_full_disk(make_hauld, hostile, tmpfs):
    where = tmpfs("full", 8 * MIB)
    d = make_hauld()
    s = d.wait(d.add(hostile.base + "/chunked/16M/a", dir=where, out="f"))
    assert (s["status"], s["errorCode"]) == ("error", "9"), s


# ---- D02, D03: ends ----

@pytest.mark.matrix("D02")
@pytest.mark.parametrize("conns", [1, 4])
def test_killed_in_a_single_download(make_hauld, hostile, tools, conns):
    rnd = random.Random(conns)
    d = make_hauld(in_memory=True)
    path = "/f/24M/k%d" % conns
    gid = d.add(hostile.base + path + "?rate=3M", out="k", split=conns, max_connection_per_server=conns, min_split_size="1M")
    kills = 4
    for _ in range(kills):
        time.sleep(rnd.uniform(0.3, 1.2))
        d.kill()
        d.start()
    assert tools.sha256_of(d.complete(gid)) == hostile.sha256("24M", "k%d" % conns)
    assert body_sent(hostile, path) <= 24 * MIB + kills * conns * MIB


@pytest.mark.matrix("D03")
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("conns", [1, 4])
def test_told_to_end(make_hauld, hostile, tools, sig, conns):
    """What was received is kept to the last byte of each connection's buffers, and jobs keep their place."""
    d = make_hauld()
    path = "/f/16M/e%d" % conns
    gid = d.add(hostile.base + path + "?rate=4M", out="e", split=conns, max_connection_per_server=conns, min_split_size="1M")
    silent = d.add(hostile.base + "/stall/1M/x?at=0", out="x")
    d.received(gid, 3 * MIB)
    began = time.monotonic()
    assert d.kill(sig) == 0  # asked to end, and nothing is lost: no failure for a service manager
    assert time.monotonic() - began < 6  # a second on an idle machine
    sent = body_sent(hostile, path)
    d.start()
    assert d.status(silent)["status"] in ("active", "waiting")
    assert tools.sha256_of(d.complete(gid)) == hostile.sha256("16M", "e%d" % conns)
    assert sent >= 3 * MIB and body_sent(hostile, path) <= 16 * MIB + conns * MIB


@pytest.mark.matrix("D03")
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_haul_get_told_to_end(hostile, tools, tmp_path, sig):
    env = dict(os.environ, HOME=str(tmp_path))
    argv = [os.path.join(tools.build, "haul"), "get", "--private", "-o", "g", "--dir=%s" % tmp_path, hostile.base + "/f/8M/g?rate=4M"]
    p = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    tools.wait_for(lambda: body_sent(hostile, "/f/8M/g") >= 2 * MIB)
    p.send_signal(sig)
    p.communicate(timeout=20)
    assert p.returncode == 7
    subprocess.run(argv, env=env, check=True, timeout=60, capture_output=True)
    assert tools.sha256_of(str(tmp_path / "g")) == hostile.sha256("8M", "g")
    assert body_sent(hostile, "/f/8M/g") <= 9 * MIB


# ---- D05: damaged state ----

STATE_FILES = ["queue.db", "queue.db-wal", "queue.commits", "journal"]


def state_path(d, name, gid):
    return os.path.join(d.state, "progress", gid) if name == "journal" else os.path.join(d.state, name)


def damage(path, rnd):
    """Cut, zeros, anything, or one bit turned over; -> what was done."""
    with open(path, "r+b") as f:
        size = f.seek(0, 2)
        if size == 0:
            return "empty"
        at, kind = rnd.randrange(size), rnd.choice(["cut", "bit", "zeros", "random"])
        f.seek(at)
        n = min(size - at, rnd.randrange(1, 2000))
        if kind == "cut":
            f.truncate(at)
        elif kind == "bit":
            byte = f.read(1)[0] ^ 1 << rnd.randrange(8)
            f.seek(at)
            f.write(bytes([byte]))
        else:
            f.write(bytes(n) if kind == "zeros" else rnd.randbytes(n))
    return "%s at %d of %d" % (kind, at, size)


def start_refused(d):
    """True: hauld refuses the state with a line that says so; else it runs."""
    out = open(d.log, "ab")
    d.p = subprocess.Popen(d.argv(), stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=d.env)
    d.out = out
    while d.p.poll() is None:
        try:
            d.rpc("aria2.getVersion")
            return False
        except OSError:
            time.sleep(0.02)
    out.close()
    assert d.p.returncode in (43, 44), d.tail()
    assert "queue file" in d.tail() or "hauld" in d.tail()
    return True


def one_damage(make_hauld, hostile, tools, n):
    rnd = random.Random(50000 + n)
    d = make_hauld(name="d%d" % n)
    size, seed = 2 * MIB, "dam%d" % (n % 4)
    gid = d.add("%s/f/2M/%s?rate=2M&n=%d" % (hostile.base, seed, n), out="f", split=2, min_split_size="1M", max_connection_per_server=2)
    other = d.add("http://127.0.0.1:9/other", pause="true", out="other")
    d.received(gid, 300000)
    d.kill()
    name = STATE_FILES[n % len(STATE_FILES)]
    what = name + ": " + damage(state_path(d, name, gid), rnd)
    if start_refused(d):
        return what
    known = {j["gid"]: j for j in d.rpc("aria2.tellActive") + d.rpc("aria2.tellWaiting", 0, 99) + d.rpc("aria2.tellStopped", 0, 99)}
    said = "damaged" in d.tail() or "lost its last" in d.tail()
    assert said or (gid in known and other in known), (what, d.tail())
    if gid in known:
        s = d.wait(gid)
        assert s["status"] == "complete" or said, (what, s, d.tail())
    path = os.path.join(d.dir, "f")
    if os.path.exists(path):
        assert os.path.getsize(path) == size and tools.sha256_of(path) == hostile.sha256("2M", seed), what
    d.kill()
    return what


@pytest.mark.matrix("D05")
def test_damaged_state_makes_no_wrong_file(make_hauld, hostile, tools):
    """A few with the real program; tests/unit/store/test_sqlite_damage.c and disk/test_journal.c take hundreds, and 10,000."""
    for n in range(8):
        one_damage(make_hauld, hostile, tools, n)


@pytest.mark.long
@pytest.mark.matrix("D05")
def test_damaged_state_makes_no_wrong_file_at_length(make_hauld, hostile, tools):
    for n in range(8, 408):
        one_damage(make_hauld, hostile, tools, n)


def run_unit(tools, name, **env):
    exe = os.path.join(tools.build, "tests", "unit", name)
    if not os.path.exists(exe):
        pytest.skip(name + " is not built: make unit")
    r = subprocess.run([exe], capture_output=True, text=True, timeout=3000, env=dict(os.environ, **env))
    assert r.returncode == 0, (r.stdout + r.stderr)[-3000:]


@pytest.mark.long
@pytest.mark.matrix("D05")
def test_ten_thousand_kinds_of_damage(tools):
    run_unit(tools, "store/test_sqlite_damage", HAUL_LONG="1")
    run_unit(tools, "disk/test_journal")


@pytest.mark.matrix("D05", "D11")
def test_damage_in_the_middle_of_the_wal_is_noticed(hauld, tools):
    gids = [hauld.add("http://127.0.0.1:9/f%d" % i, pause="true") for i in range(30)]
    hauld.kill()
    wal = os.path.join(hauld.state, "queue.db-wal")
    with open(wal, "r+b") as f:
        f.seek(os.path.getsize(wal) // 2)
        f.write(b"\x5a" * 64)
    hauld.start()
    known = {j["gid"] for j in hauld.rpc("aria2.tellWaiting", 0, 99)}
    assert 0 < len(known) < 30 and known < set(gids)
    assert re.search(r"lost its last \d+ changes", hauld.tail()) and "is kept as" in hauld.tail()
    kept = [n for n in os.listdir(hauld.state) if n.startswith("queue.db.damaged-")]
    assert len(kept) == 2 and any(n.endswith("-wal") for n in kept)


# ---- D06, D12: files ----

@pytest.mark.matrix("D06")
@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_part_that_lacks_bytes(make_hauld, hostile, tools, conns, how):
    d = make_hauld()
    gid = d.add(hostile.base + "/f/8M/%s%d?rate=4M" % (how, conns), out="p", split=conns, max_connection_per_server=conns, min_split_size="1M")
    d.received(gid, 3 * MIB)
    d.kill()
    part = os.path.join(d.dir, "p.part")
    os.truncate(part, MIB) if how == "cut" else os.unlink(part)
    d.start()
    assert tools.sha256_of(d.complete(gid)) == hostile.sha256("8M", "%s%d" % (how, conns))
    assert os.listdir(d.dir) == ["p"]


@pytest.mark.matrix("D12")
@pytest.mark.parametrize("conns", [1, 4])
def test_a_wrong_checksum(hauld, hostile, tools, conns):
    path = "/f/4M/sum%d" % conns
    gid = hauld.add(hostile.base + path, out="c", checksum="sha-256=" + "0" * 64, split=conns, max_connection_per_server=conns, min_split_size="1M")
    s = hauld.wait(gid)
    assert (s["status"], s["errorCode"]) == ("error", "32"), s
    assert os.listdir(hauld.dir) == ["c.part"]
    first = body_sent(hostile, path)
    hauld.rpc("haul.retry", gid)
    tools.wait_for(lambda: body_sent(hostile, path) >= first + 4 * MIB)  # none of its bytes count
    s = hauld.wait(gid)
    assert (s["status"], s["errorCode"]) == ("error", "32"), s


# ---- D08: the disk of the state ----

@pytest.mark.matrix("D08")
def test_full_disk_for_the_state_only(make_hauld, hostile, tmpfs, tools):
    state = tmpfs("state", 8 * MIB)
    d = make_hauld("--state-dir=" + state)
    running = d.add(hostile.base + "/f/16M/run?rate=4M", out="run")
    kept = d.add("http://127.0.0.1:9/kept", pause="true")
    d.received(running, MIB)
    ballast = fill_up(state + "/ballast")
    refused = 0
    for i in range(200):  # until its WAL has no room left
        try:
            d.rpc("aria2.addUri", ["http://127.0.0.1:9/%d" % i], {"pause": "true", "header": "X: " + "y" * 4000})
        except tools.RpcError as e:
            refused += 1
            assert "full" in e.message or "durable" in e.message, e.message
            if refused == 3:
                break
    assert refused == 3
    assert len(d.rpc("aria2.tellWaiting", 0, 999)) == i - 1  # none of those that were refused
    assert tools.sha256_of(d.complete(running)) == hostile.sha256("16M", "run")
    os.unlink(ballast)
    later = tools.wait_for(lambda: try_add(d, tools, "http://127.0.0.1:9/later"))
    d.kill()
    d.start()
    assert {kept, later} <= {j["gid"] for j in d.rpc("aria2.tellWaiting", 0, 999)}


def try_add(d, tools, uri):
    try:
        return d.add(uri, pause="true")
    except tools.RpcError:
        return None


@pytest.mark.matrix("D08")
def test_state_that_can_be_written_no_more(ext4, hostile, tools):
    """The file system of the state fails: nothing more is acknowledged, downloads elsewhere go on, and what was is there."""
    fs = ext4("state")
    d = tools.Hauld(fs.where + ".d", "--state-dir=" + fs.where)
    d.start()
    try:
        kept = d.add("http://127.0.0.1:9/kept", pause="true")
        running = d.add(hostile.base + "/f/8M/ro?rate=4M", out="run")
        d.received(running, MIB)
        fs.cut()
        with pytest.raises(tools.RpcError):
            d.add("http://127.0.0.1:9/not", pause="true")
        assert tools.sha256_of(d.complete(running)) == hostile.sha256("8M", "ro")
        assert d.status(kept)["status"] == "paused"
    finally:
        d.kill()


# ---- D09: folders ----

@pytest.mark.matrix("D09")
@pytest.mark.parametrize("conns", [1, 4])
def test_folders_that_cannot_be(make_hauld, hostile, tmpfs, tools, conns):
    d = make_hauld()
    where = tmpfs("ro", MIB)
    subprocess.run(["mount", "-o", "remount,ro", where], check=True)
    with open(os.path.join(d.folder, "file"), "w") as f:
        f.write("x")
    cases = [(where, "16"), (where + "/new", "18"), (d.folder + "/file", "18"), (d.folder + "/file/below", "18"),
             (d.folder + "/" + "n" * 300, "18"), ("/proc/none/such", "18")]
    for folder, code in cases:
        s = d.wait(d.add(hostile.base + "/f/64K/a", dir=folder, out="f", split=conns))
        assert (s["status"], s["errorCode"]) == ("error", code), (folder, s)
        assert "cause" in s["errorMessage"] and len(s["errorMessage"].split("\n")) == 1
    with pytest.raises(tools.RpcError):  # no name that long is taken at all
        d.add(hostile.base + "/f/64K/a", out="n" * 300)
    d.complete(d.add(hostile.base + "/f/64K/a", out="deep/er/f"))
    assert open(os.path.join(d.folder, "file")).read() == "x"


# ---- D10: what the disk says ----

@pytest.mark.matrix("D10")
@pytest.mark.parametrize("program", ["disk/test_file", "disk/test_wstream", "disk/test_journal", "disk/test_takeover"])
def test_each_call_fails_in_turn(tools, program):
    """EIO, ENOSPC, EINTR and short writes at the n-th call of each kind, for each n."""
    run_unit(tools, program)


@pytest.mark.matrix("D10")
@pytest.mark.parametrize("conns", [1, 4])
def test_a_disk_that_fails(ext4, make_hauld, hostile, tools, conns):
    """Each write and sync fails from one moment on: that download fails with 17, no other does."""
    fs = ext4("dying")
    d = make_hauld()
    gid = d.add(hostile.base + "/f/32M/eio?rate=4M", dir=fs.where, out="f", split=conns, max_connection_per_server=conns, min_split_size="1M")
    other = d.add(hostile.base + "/f/4M/well?rate=1M", out="well")
    d.received(gid, 2 * MIB)
    fs.cut()
    s = d.wait(gid)
    assert (s["status"], s["errorCode"]) == ("error", "17"), s
    assert not os.path.exists(fs.where + "/f")
    assert tools.sha256_of(d.complete(other)) == hostile.sha256("4M", "well")


# ---- D11: the database ----

@pytest.mark.matrix("D11")
@pytest.mark.parametrize("how", ["removed", "empty"])
def test_an_old_queue_is_never_begun_empty(hauld, how):
    hauld.add("http://127.0.0.1:9/f", pause="true")
    hauld.kill(signal.SIGTERM)
    path = os.path.join(hauld.state, "queue.db")
    kept = open(path, "rb").read()
    os.unlink(path)
    if how == "empty":
        open(path, "w").close()
    assert start_refused(hauld)
    assert "is gone" in hauld.tail() and hauld.p.returncode == 43
    with open(path, "wb") as f:
        f.write(kept)
    hauld.start()
    assert len(hauld.rpc("aria2.tellWaiting", 0, 9)) == 1


@pytest.mark.matrix("D11")
def test_an_older_copy_of_the_queue_is_said_to_be_one(hauld):
    path = os.path.join(hauld.state, "queue.db")
    hauld.add("http://127.0.0.1:9/a", pause="true")
    hauld.kill(signal.SIGTERM)
    older = open(path, "rb").read()
    hauld.start()
    hauld.add("http://127.0.0.1:9/b", pause="true")
    hauld.kill(signal.SIGTERM)
    with open(path, "wb") as f:
        f.write(older)
    hauld.start()
    assert len(hauld.rpc("aria2.tellWaiting", 0, 9)) == 1
    assert "lost its last 1 changes" in hauld.tail()


@pytest.mark.long
@pytest.mark.matrix("D11")
def test_killed_in_each_write_of_the_queue(tools):
    """store/test_sqlite kills a writer at many moments; what was acknowledged is there."""
    run_unit(tools, "store/test_sqlite")


# ---- D13, D14 ----

def resident(d):
    return int(re.search(r"VmRSS:\s+(\d+)", open("/proc/%d/status" % d.p.pid).read()).group(1)) * 1024


def add_many(d, n, at_a_time=1000):
    for first in range(0, n, at_a_time):
        calls = [{"methodName": "aria2.addUri", "params": [["http://127.0.0.1:9/some/folder/file-%d.bin" % i], {"pause": "true"}]}
                 for i in range(first, first + at_a_time)]
        assert all("faultCode" not in r for r in d.rpc("system.multicall", calls))


@pytest.mark.matrix("D13")
def test_restart_with_20000_jobs(make_hauld):
    d = make_hauld("--console-log-level=warn")
    d.kill(signal.SIGTERM)
    d.start()
    empty = resident(d)
    add_many(d, 20000)
    d.kill()
    began = time.monotonic()
    d.start()
    took = time.monotonic() - began
    assert d.rpc("aria2.getGlobalStat")["numWaiting"] == "20000"
    per_job = (resident(d) - empty) / 20000
    print("restart with 20,000 jobs: %.2f s, %d bytes a job" % (took, per_job))
    assert took < 5 and per_job <= 4096


@pytest.mark.matrix("D14")
def test_file_modes(make_hauld, hostile, tmp_path):
    old = os.umask(0o022)
    try:
        sock, log, session = str(tmp_path / "s.sock"), str(tmp_path / "hauld.txt"), str(tmp_path / "session")
        d = make_hauld("--log=" + log, "--rpc-socket=" + sock, "--save-session=" + session)
        gid = d.add(hostile.base + "/f/8M/a?rate=2M", out="f", http_passwd="geheim")
        d.received(gid, 1)  # its journal is there
        d.rpc("aria2.saveSession")
        modes = {}
        for folder, dirs, names in os.walk(d.state):
            modes[folder] = os.stat(folder).st_mode & 0o777
            modes.update((os.path.join(folder, n), os.stat(os.path.join(folder, n)).st_mode & 0o777) for n in names)
        modes.update((p, os.stat(p).st_mode & 0o777) for p in (sock, log, session))
        assert len(modes) > 6
        wrong = {p: oct(m) for p, m in modes.items() if m & 0o077}
        assert wrong == {}
    finally:
        os.umask(old)


# ---- D15: a slow disk ----

SLOW_C = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void nap(const char *call, int fd, const char *name)
{
	char link[64], path[PATH_MAX + 1] = "";
	const char *want = getenv("SLOW_CALL");
	ssize_t n = -1;

	if (want == NULL || strcmp(want, call) != 0)
		return;
	if (fd >= 0) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, path, PATH_MAX);
		path[n < 0 ? 0 : n] = '\0';
	}
	if (strstr(path, "/slow") == NULL && (name == NULL || strstr(name, "/slow") == NULL))
		return;
	nanosleep(&(struct timespec){.tv_sec = atoi(getenv("SLOW_SECONDS"))}, NULL);
}
#define REAL(f) ((__typeof__(&f))dlsym(RTLD_NEXT, #f))
int fdatasync(int fd) { nap("sync", fd, NULL); return REAL(fdatasync)(fd); }
int fsync(int fd) { nap("sync", fd, NULL); return REAL(fsync)(fd); }
int renameat2(int a, const char *b, int c, const char *d, unsigned f) { nap("rename", a, b); return REAL(renameat2)(a, b, c, d, f); }
int unlinkat(int a, const char *b, int f) { nap("unlink", a, b); return REAL(unlinkat)(a, b, f); }
int unlink(const char *b) { nap("unlink", -1, b); return REAL(unlink)(b); }
int access(const char *b, int m) { nap("open", -1, b); return REAL(access)(b, m); }
int openat(int a, const char *b, int f, ...)
{
	va_list l;
	va_start(l, f);
	mode_t m = f & (O_CREAT | O_TMPFILE) ? va_arg(l, mode_t) : 0;
	va_end(l);
	nap("open", a, b);
	return REAL(openat)(a, b, f, m);
}
"""


@pytest.fixture(scope="session")
def slow_disk(preload):
    return preload(SLOW_C)


@pytest.mark.matrix("D15")
@pytest.mark.parametrize("call", ["sync", "open", "rename", "unlink"])
def test_a_disk_that_takes_seconds(tools, tmp_path, hostile, slow_disk, call):
    """One file system takes 10 s for a call: downloads elsewhere and the RPC don't feel it."""
    d = tools.Hauld(tmp_path / "d", "--file-allocation=none", env=dict(slow_disk, SLOW_CALL=call, SLOW_SECONDS="10"))
    slow_dir = str(tmp_path / "slow")
    os.makedirs(slow_dir)
    for i in range(3):
        open(os.path.join(slow_dir, "f%d.part" % i), "w").close()  # it is removed before another is made
    d.start()
    try:
        slow = [d.add(hostile.base + "/f/512K/s%d" % i, dir=slow_dir, out="f%d" % i, allow_overwrite="true") for i in range(3)]
        tools.wait_for(lambda: all(d.status(g, "status")["status"] == "active" for g in slow))
        began, worst = time.monotonic(), 0
        for i in range(4):
            gid = d.add(hostile.base + "/f/2M/q%d" % i, out="q%d" % i)
            while d.status(gid, "status")["status"] != "complete":
                t = time.monotonic()
                d.rpc("aria2.getGlobalStat")
                worst = max(worst, time.monotonic() - t)
                assert time.monotonic() - began < 9, (d.status(gid), d.tail())
        assert worst < 2
        assert all(d.status(g, "status")["status"] == "active" for g in slow)  # they did meet the slow call
    finally:
        d.kill()


FIFREEZE, FITHAW = 0xC0045877, 0xC0045878  # include/uapi/linux/fs.h
AT_ONCE = 16  # threads that one file system may have (daemon/ev/work.h)


@contextlib.contextmanager
def frozen(where):
    """Whoever changes anything in the file system does not come back meanwhile."""
    fd = os.open(where, os.O_RDONLY)
    fcntl.ioctl(fd, FIFREEZE, 0)
    try:
        yield
    finally:
        fcntl.ioctl(fd, FITHAW, 0)
        os.close(fd)


def hanging(d):
    """-> how many threads of the daemon wait within the kernel for a disk: for one that hangs, or for a moment."""
    n = 0
    for task in os.listdir("/proc/%d/task" % d.p.pid):
        with open("/proc/%d/task/%s/stat" % (d.p.pid, task)) as f:
            n += f.read().rpartition(")")[2].split()[0] == "D"
    return n


@pytest.fixture
def with_hung_disk(ext4, tmp_path, tools):
    """-> (a daemon that runs many downloads at a time, the folder of a disk that freezes)"""
    disk = ext4("hung")
    d = tools.Hauld(tmp_path / "d", "--max-concurrent-downloads=200", "--split=1", "--file-allocation=none", "--memory-limit=8M").start()
    yield d, disk.where
    d.kill()


@pytest.mark.matrix("D15")
def test_forty_downloads_on_a_disk_that_hangs(with_hung_disk, hostile, tools):
    """Ten of them hang writing and would fill the memory, the others opening: large and small files elsewhere come all the same.
    What waits for a thread there can be removed at once; the rest goes on when the disk does."""
    d, hung = with_hung_disk
    begun = [d.add(hostile.base + "/f/4M/b%d?rate=2M" % i, dir=hung, out="b%d" % i) for i in range(10)]
    for gid in begun:
        d.received(gid, 1)
    with frozen(hung):
        tools.wait_for(lambda: hanging(d) >= 10)
        late = [d.add(hostile.base + "/f/1M/l%d" % i, dir=hung, out="l%d" % i) for i in range(30)]
        tools.wait_for(lambda: hanging(d) == AT_ONCE)
        large = d.add(hostile.base + "/f/16M/q?rate=16M", out="q")
        small = [d.add(hostile.base + "/f/16K/s%d" % i, out="s%d" % i) for i in range(5)]
        for gid in [large, *small]:
            d.complete(gid, 30)
        tools.wait_for(lambda: hanging(d) == AT_ONCE)
        for gid in late:
            d.rpc("aria2.forceRemove", gid)
        tools.wait_for(lambda: sum(d.status(g, "status")["status"] == "removed" for g in late) >= len(late) - AT_ONCE)
        assert all(d.status(g, "status")["status"] == "active" for g in begun)
    assert tools.sha256_of(os.path.join(d.dir, "q")) == hostile.sha256("16M", "q")
    for gid in late:
        assert d.wait(gid)["status"] == "removed"
    for i, gid in enumerate(begun):
        d.complete(gid)
        assert tools.sha256_of(os.path.join(hung, "b%d" % i)) == hostile.sha256("4M", "b%d" % i)
    assert sorted(os.listdir(hung)) == sorted(["lost+found"] + ["b%d" % i for i in range(10)])


@pytest.mark.matrix("D15")
def test_many_connections_to_a_disk_that_hangs(ext4, make_hauld, hostile, tools):
    """What is being received for it counts like what is queued: 128 connections don't take the memory from other disks."""
    hung = ext4("hung").where
    d = make_hauld("--max-concurrent-downloads=20", "--file-allocation=none", "--memory-limit=16M")
    begun = [d.add(hostile.base + "/f/24M/c%d?rate=512K" % i, dir=hung, out="c%d" % i, split=16, max_connection_per_server=16,
                   min_split_size="1M") for i in range(8)]
    for gid in begun:
        d.received(gid, 1)
        tools.wait_for(lambda: d.status(gid, "connections")["connections"] == "16")
    with frozen(hung):
        tools.wait_for(lambda: hanging(d) > 0)
        other = d.add(hostile.base + "/f/16M/o?rate=8M", out="o")
        d.complete(other, 30)
        assert all(d.status(g, "status")["status"] == "active" for g in begun)
    assert tools.sha256_of(os.path.join(d.dir, "o")) == hostile.sha256("16M", "o")
    for gid in begun[1:]:
        d.rpc("aria2.forceRemove", gid)
    assert tools.sha256_of(d.complete(begun[0])) == hostile.sha256("24M", "c0")


@pytest.mark.matrix("D15")
def test_many_small_files_on_a_disk_that_hangs(with_hung_disk, hostile, tools):
    """They are placed many at a time, then, as that hangs, one by one, until they have all threads that they may have."""
    d, hung = with_hung_disk
    with frozen(hung):
        slow = [d.add(hostile.base + "/f/16K/h%d" % i, dir=hung, out="h%d" % i) for i in range(20)]
        tools.wait_for(lambda: hanging(d) > 0)
        slow += [d.add(hostile.base + "/f/16K/h%d" % i, dir=hung, out="h%d" % i) for i in range(20, 60)]
        tools.wait_for(lambda: hanging(d) == AT_ONCE)
        for i in range(10):
            d.complete(d.add(hostile.base + "/f/16K/s%d" % i, out="s%d" % i), 30)
        d.complete(d.add(hostile.base + "/f/4M/q", out="q"), 30)
        tools.wait_for(lambda: hanging(d) == AT_ONCE)
        assert all(d.status(g, "status")["status"] == "active" for g in slow)
    for i, gid in enumerate(slow):
        d.complete(gid)
        assert tools.sha256_of(os.path.join(hung, "h%d" % i)) == hostile.sha256("16K", "h%d" % i)


@pytest.mark.matrix("D15")
def test_an_end_while_a_disk_hangs(tools, tmp_path, hostile, slow_disk):
    """40 downloads hang opening their files, in a file system of its own: others come, and the end waits for none of it."""
    slow_dir = tempfile.mkdtemp(prefix="haul-", dir="/dev/shm")
    os.makedirs(slow_dir + "/slow")
    d = tools.Hauld(tmp_path / "d", "--max-concurrent-downloads=100", "--split=1", "--file-allocation=none",
                    env=dict(slow_disk, SLOW_CALL="open", SLOW_SECONDS="60"))
    if os.stat(slow_dir).st_dev == os.stat(d.dir).st_dev:
        pytest.skip("/dev/shm is no file system of its own")
    d.start()
    try:
        slow = [d.add(hostile.base + "/f/1M/s%d" % i, dir=slow_dir + "/slow", out="s%d" % i) for i in range(40)]
        tools.wait_for(lambda: all(d.status(g, "status")["status"] == "active" for g in slow))
        d.complete(d.add(hostile.base + "/f/2M/q", out="q"), 30)
        d.p.send_signal(signal.SIGTERM)
        assert d.p.wait(30) == 0
        assert "ending anyway" in d.tail()
    finally:
        d.kill()
        shutil.rmtree(slow_dir)


# ---- D16: older state ----

FIXTURES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "state")


@pytest.mark.matrix("D16")
@pytest.mark.parametrize("name", sorted(n for n in os.listdir(FIXTURES) if n.endswith(".sql")))
def test_state_of_older_releases(hauld, name):
    hauld.kill(signal.SIGTERM)
    for n in os.listdir(hauld.state):
        if n.startswith("queue."):
            os.unlink(os.path.join(hauld.state, n))
    path = os.path.join(hauld.state, "queue.db")
    db = sqlite3.connect(path)
    db.executescript(open(os.path.join(FIXTURES, name), encoding="utf-8").read())
    version = db.execute("PRAGMA user_version").fetchone()[0]
    db.close()
    hauld.start()
    now = sqlite3.connect("file:%s?mode=ro" % path, uri=True).execute("PRAGMA user_version").fetchone()[0]
    states = {g: hauld.status("00000000000000" + g)["status"] for g in ("a1", "a2", "a3", "a4", "a5", "a6")}
    assert states == {"a1": "complete", "a2": "error", "a3": "paused", "a4": "removed", "a5": "paused", "a6": "paused"}
    assert [j["gid"][-2:] for j in hauld.rpc("aria2.tellWaiting", 0, 9)] == ["a3", "a5", "a6"]
    assert int(hauld.status("00000000000000a3")["completedLength"]) > MIB
    o = hauld.rpc("aria2.getOption", "00000000000000a5")
    assert o["split"] == "7" and "X-A: ü" in o["header"] and o["checksum"].startswith("sha-1=")
    assert hauld.status("00000000000000a2")["errorCode"] == "3"
    assert os.path.exists("%s.v%d" % (path, version)) == (version < now)
    assert not [n for n in os.listdir(hauld.state) if "damaged" in n]
