"""D: disk, crash, restart. What test_crash.py and test_wrong_input.py decide already stands there."""
import os
import subprocess

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


def free_bytes(where):
    v = os.statvfs(where)
    return v.f_bavail * v.f_frsize


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
    ballast = fill(where + "/ballast", free_bytes(where) - 3 * MIB)
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
    ballast = fill(where + "/ballast", free_bytes(where))
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
