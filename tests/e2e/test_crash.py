"""kill -9 and power cuts at random moments: nothing acknowledged is lost, no file is wrong, little is fetched twice.

Moments come from fixed seeds; HAUL_LONG=1 takes many more of them.
"""
import http.client
import json
import os
import random
import threading
import time

import pytest
from paced import Paced

LONG = bool(os.environ.get("HAUL_LONG"))
KILLS, MOMENTS, CUTS = (200, 50, 20) if LONG else (8, 8, 2)
MIB = 1 << 20

# The names of a folder reach the disk at once where NAME.part gets its name (WHEN=linkat), or NAME does (WHEN=renameat2): what was
# changed before and nobody synced does not. Then nothing more happens on that thread.
NAMED = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void stay(const char *call, int dir, const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);
	if (strcmp(getenv("WHEN"), call) != 0 || n < m || strcmp(name + n - m, end) != 0)
		return;
	fsync(openat(dir, ".", O_RDONLY));
	close(open(getenv("MARKER"), O_CREAT | O_WRONLY, 0600));
	for (;;)
		pause();
}
int linkat(int a, const char *p, int b, const char *q, int f)
{
	int (*real)(int, const char *, int, const char *, int) = dlsym(RTLD_NEXT, "linkat"), r = real(a, p, b, q, f);
	if (r == 0)
		stay("linkat", b, q, ".part");
	return r;
}
int renameat2(int a, const char *p, int b, const char *q, unsigned f)
{
	int (*real)(int, const char *, int, const char *, unsigned) = dlsym(RTLD_NEXT, "renameat2"), r = real(a, p, b, q, f);
	if (r == 0)
		stay("renameat2", b, q, "named.bin");
	return r;
}
"""


def add_until(d, hostile, rnd, moment, n):
    """Adds up to 20 jobs until the moment has come; -> those that were acknowledged, {out: (gid, size, seed)}."""
    acked = {}
    for i in range(20):
        size, seed, out = rnd.randrange(1, 8 << 20), "s%s-%d" % (n, i), "job%d" % i
        gid = d.add("%s/f/%d/%s?rate=2M" % (hostile.base, size, seed), out=out, split=4, min_split_size="1M",
                    max_connection_per_server=4)
        acked[out] = (gid, size, seed)
        if time.monotonic() > moment:
            break
    return acked


def everything(d):
    keys = ["gid", "status", "errorMessage", "files"]
    return d.rpc("aria2.tellActive", keys) + d.rpc("aria2.tellWaiting", 0, 100000, keys) + d.rpc("aria2.tellStopped", 0, 100000, keys)


def is_known(d, gid):
    reply = json.loads(d.post(json.dumps({"jsonrpc": "2.0", "id": "t", "method": "aria2.tellStatus", "params": [gid]}).encode()))
    return "result" in reply


def missing(d, gids):
    """Those of gids that the daemon does not know."""
    known = {j["gid"] for j in everything(d)}
    return [g for g in gids if g not in known and not is_known(d, g)]  # it may have moved between the lists meanwhile


def sent_for(hostile, size, seed):
    return sum(r["body"] for r in hostile.log() if "/f/%d/%s?" % (size, seed) in r["line"])


def is_pipe(fd):
    try:
        return os.readlink(fd).startswith("pipe:")
    except FileNotFoundError:  # closed since it was listed
        return False


def pipes(d):
    return sum(is_pipe("/proc/%d/fd/%s" % (d.p.pid, n)) for n in os.listdir("/proc/%d/fd" % d.p.pid))


@pytest.mark.matrix("D01")
@pytest.mark.parametrize("n", range(KILLS // 4))
def test_killed_while_bytes_are_in_pipes(make_hauld, hostile, tools, n):
    """Quick connections are received by way of pipes, whose bytes nobody has claimed."""
    rnd = random.Random(2000 + n)
    d = make_hauld()
    before = pipes(d)
    gid = d.add("%s/f/24M/pipe%d?rate=8M" % (hostile.base, n), split=3, min_split_size="1M", max_connection_per_server=3)
    d.received(gid, rnd.randrange(4 * MIB, 20 * MIB))
    assert pipes(d) > before
    d.kill()
    d.start()
    assert tools.sha256_of(d.complete(gid)) == hostile.sha256("24M", "pipe%d" % n)
    twice = sum(r["body"] for r in hostile.log() if "/pipe%d?" % n in r["line"]) - 24 * MIB
    assert twice <= 3 * 3 * MIB  # with what the sockets held, on both sides


@pytest.mark.matrix("D01")
@pytest.mark.parametrize("n", range(KILLS))
def test_killed_while_jobs_are_added(make_hauld, hostile, tools, n):
    rnd = random.Random(1000 + n)
    d = make_hauld()
    moment = time.monotonic() + rnd.uniform(0.05, 4)
    acked = add_until(d, hostile, rnd, moment, n)
    time.sleep(max(0, moment - time.monotonic()))
    d.kill()
    d.start()
    gone = missing(d, [gid for gid, _size, _seed in acked.values()])
    right = lambda out: os.path.exists(os.path.join(d.dir, out)) and \
        tools.sha256_of(os.path.join(d.dir, out)) == hostile.sha256(acked[out][1], acked[out][2])
    lost = [out for out in acked if acked[out][0] in gone and not right(out)]
    assert lost == []
    tools.wait_for(lambda: all(j["status"] not in ("active", "waiting") for j in everything(d)), 120, 0.2)
    assert [out for out in acked if not right(out)] == [], everything(d)
    assert sorted(os.listdir(d.dir)) == sorted(acked)
    twice = {out: sent_for(hostile, size, seed) - size for out, (_gid, size, seed) in acked.items()}
    assert all(b <= 4 * MIB for b in twice.values()), twice
    for out in acked:
        os.unlink(os.path.join(d.dir, out))


@pytest.mark.matrix("D01")
@pytest.mark.parametrize("n", range(40 if LONG else 6))
def test_killed_while_small_files_come_and_go(make_hauld, hostile, tools, n):
    """A file may have its name before the queue file knows it, and a part may lie there before its journal does."""
    rnd = random.Random(4000 + n)
    d = make_hauld("--max-concurrent-downloads=16")
    acked = {}
    for i in range(16):
        size, seed, out = rnd.randrange(1, 60000), "t%d-%d" % (n, i), "small%d" % i
        acked[out] = (d.add("%s/f/%d/%s" % (hostile.base, size, seed), out=out), size, seed)
    time.sleep(rnd.uniform(0, 0.05))
    d.kill()
    d.start()
    tools.wait_for(lambda: all(j["status"] not in ("active", "waiting") for j in everything(d)), 120, 0.2)
    assert sorted(os.listdir(d.dir)) == sorted(acked)
    assert [o for o in acked if tools.sha256_of(os.path.join(d.dir, o)) != hostile.sha256(acked[o][1], acked[o][2])] == []


def progress_read(d, gid, tools):
    """-> completedLength, once the part and its journal were opened: for some milliseconds after a start it can be 0."""
    s = tools.wait_for(lambda: next((s for s in [d.status(gid)] if s["completedLength"] != "0" or s["connections"] != "0"), None))
    return int(s["completedLength"])


@pytest.mark.matrix("D01", "D02")
@pytest.mark.parametrize("n", range(3 if LONG else 1))
def test_killed_again_and_again_with_16_connections(make_hauld, nginx, tools, n):
    """The origin sends evenly: what a burst leaves in the sockets is not what a kill costs."""
    with Paced(nginx.root, 4 * MIB) as origin:
        killed_again_and_again(make_hauld(in_memory=True), nginx, tools, n, origin)


def killed_again_and_again(d, nginx, tools, n, origin):
    rnd = random.Random(2000 + n)
    size, name = 384 << 20, "again%d.bin" % n
    want = nginx.put(name, size, seed=n)
    gid = d.add(origin.base + "/" + name, split=16, max_connection_per_server=16, min_split_size="1M")
    done = 0
    kills = 0
    for _ in range(MOMENTS):
        time.sleep(rnd.uniform(0.02, 0.8))
        if d.status(gid, "status")["status"] == "complete":
            break
        before = int(d.status(gid, "completedLength")["completedLength"])
        d.kill()
        kills += 1
        d.start()
        after = progress_read(d, gid, tools)
        assert after >= done, "went back from %d to %d" % (done, after)
        done = min(before, after)
    path = d.complete(gid)
    assert kills >= 3
    assert tools.sha256_of(path) == want
    assert origin.sent() <= size + kills * 16 * MIB
    os.unlink(path)


def add_paused_until_it_ends(d, acked, refused):
    """Each add is acknowledged only when it is durable; `refused` is what hauld says when its disk is gone."""
    try:
        while True:
            acked.append(d.add("http://127.0.0.1:9/%d" % len(acked), pause="true"))
            time.sleep(0.01)
    except (OSError, ValueError, http.client.HTTPException, refused):
        pass


@pytest.mark.matrix("D04")
@pytest.mark.parametrize("n", range(CUTS))
def test_power_cut(ext4, nginx, tools, n):
    rnd = random.Random(3000 + n)
    size, name = 128 << 20, "cut%d.bin" % n
    want = nginx.put(name, size, seed=100 + n)
    fs = ext4("before")
    d = tools.Hauld(fs.where)
    d.log = fs.where + ".log"
    d.start()
    gid = d.add(nginx.base + "/slow/" + name, split=8, max_connection_per_server=8, min_split_size="1M")
    small = d.add(nginx.base + "/one-small", pause="true")
    acked = []
    adder = threading.Thread(target=add_paused_until_it_ends, args=(d, acked, tools.RpcError))
    adder.start()
    time.sleep(rnd.uniform(0.5, 4.5))
    # What is acknowledged from here on does not count: with the file system shut down, ext4 may let an fdatasync that had
    # begun before return without an error.
    before = list(acked)
    fs.cut()
    d.kill()
    adder.join()
    assert len(before) > 10
    try:
        with tools.after_power_cut(ext4, fs, d) as d2:
            assert missing(d2, before + [gid, small]) == []
            path = d2.complete(gid)
            assert tools.sha256_of(path) == want
            assert sorted(os.listdir(d2.dir)) == [name]
    finally:
        os.unlink(os.path.join(nginx.root, name))
        os.unlink(os.path.join(nginx.root, name + ".sha256"))


@pytest.mark.matrix("D04")
@pytest.mark.parametrize("when", ["linkat", "renameat2"])
def test_power_cut_behind_a_name(ext4, hostile, tools, preload, tmp_path, when):
    """The folder is on the disk before the queue knows of the file in it: its job takes it for its own all the same."""
    fs, marker = ext4("before"), str(tmp_path / "marker")
    d = tools.Hauld(fs.where, env=dict(preload(NAMED), WHEN=when, MARKER=marker))
    d.log = fs.where + ".log"
    d.start()
    gid = d.add(hostile.base + "/f/1M/" + when, out="named.bin")
    tools.wait_for(lambda: os.path.exists(marker))
    fs.cut()
    d.kill()
    with tools.after_power_cut(ext4, fs, d) as d2:
        assert os.path.basename(d2.complete(gid)) == "named.bin", d2.tail()
        assert os.listdir(d2.dir) == ["named.bin"]
        assert tools.sha256_of(os.path.join(d2.dir, "named.bin")) == hostile.sha256("1M", when)
