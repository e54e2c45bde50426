"""Small files get their name with their last byte: many at a time, names that are taken, answers that break off, kills at each
step, power cuts."""
import json
import os
import random

import pytest

# Kills the process at the n-th linkat (a file gets its name), before or behind it, or at the first fsync behind it (mostly of its
# folder).
KILLER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static atomic_int links;
static int at(const char *what) { const char *s = getenv("KILL_WHEN"); return s && strcmp(s, what) == 0; }
static int wanted(void) { const char *s = getenv("KILL_LINK"); return s ? atoi(s) : 1 << 30; }
int linkat(int a, const char *p, int b, const char *q, int f)
{
	int (*real)(int, const char *, int, const char *, int) = dlsym(RTLD_NEXT, "linkat"), r;
	int n = atomic_fetch_add(&links, 1) + 1;
	if (n == wanted() && at("before"))
		kill(getpid(), SIGKILL);
	r = real(a, p, b, q, f);
	if (n == wanted() && at("behind"))
		kill(getpid(), SIGKILL);
	return r;
}
int fsync(int fd)
{
	int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
	if (atomic_load(&links) >= wanted() && at("folder"))
		kill(getpid(), SIGKILL);
	return real(fd);
}
"""


def batch(d, adds):
    """adds: [(uri, options)], in one request; -> their GIDs."""
    calls = [{"jsonrpc": "2.0", "id": i, "method": "aria2.addUri", "params": [[uri], options]} for i, (uri, options) in enumerate(adds)]
    replies = json.loads(d.post(json.dumps(calls).encode()))
    return [r["result"] for r in sorted(replies, key=lambda r: r["id"])]


def idle(d):
    stat = d.rpc("aria2.getGlobalStat")
    return stat["numActive"] == stat["numWaiting"] == "0"


def content_of(path):
    with open(path, "rb") as f:
        return f.read()


def check_files(d, hostile, tools, want):
    """want: {name: (size, seed)}: these are there, right, and nothing else."""
    assert sorted(os.listdir(d.dir)) == sorted(want), d.tail()
    assert [n for n, (size, seed) in want.items() if tools.sha256_of(os.path.join(d.dir, n)) != hostile.sha256(size, seed)] == []


def small_files(hostile, n, tag, rnd):
    """-> what to add, and what is to be there: around the size of a block, too."""
    sizes = [rnd.choice([1, 100, 16384, 65536, 262143, 262144, 262145]) for _ in range(n)]
    want = {"%s-%d" % (tag, i): (size, "%s%d" % (tag, i)) for i, size in enumerate(sizes)}
    adds = [("%s/f/%d/%s" % (hostile.base, size, seed), {"out": name, "remote-time": "true"}) for name, (size, seed) in want.items()]
    return adds, want


def test_many_small_files(make_hauld, hostile, tools):
    d = make_hauld("--max-concurrent-downloads=16")
    adds, want = small_files(hostile, 150, "m", random.Random(1))
    batch(d, adds)
    tools.wait_for(lambda: idle(d), 60)
    check_files(d, hostile, tools, want)
    assert {os.stat(os.path.join(d.dir, n)).st_mtime for n in want} == {1700000000}


def test_one_name_for_all(make_hauld, hostile, tools):
    """Each gets a name of its own, whichever comes first; what lay there stays."""
    d = make_hauld("--max-concurrent-downloads=16")
    with open(os.path.join(d.dir, "same"), "w") as f:
        f.write("mine")
    gids = batch(d, [("%s/f/%d/one%d" % (hostile.base, 1000 + i, i), {"out": "same"}) for i in range(20)])
    paths = [d.complete(gid) for gid in gids]
    assert sorted(os.path.basename(p) for p in paths) == sorted("same.%d" % i for i in range(1, 21))
    assert [i for i, p in enumerate(paths) if tools.sha256_of(p) != hostile.sha256(1000 + i, "one%d" % i)] == []
    assert content_of(os.path.join(d.dir, "same")) == b"mine"
    assert len(os.listdir(d.dir)) == 21


def test_a_body_that_breaks_off_goes_on(hauld, hostile, tools):
    path = hauld.complete(hauld.add(hostile.base + "/cut/100K/brk?every=40K", retry_wait=0))
    assert tools.sha256_of(path) == hostile.sha256("100K", "brk")
    assert sum(r["body"] for r in hostile.log() if "/brk" in r["line"]) == 100 << 10  # not a byte twice


def test_a_slow_one_gets_a_part_and_survives_a_kill(hauld, hostile, tools):
    gid = hauld.add(hostile.base + "/slow/100K/slo?rate=20000", out="slow")
    tools.wait_for(lambda: os.path.exists(os.path.join(hauld.dir, "slow.part")))
    hauld.received(gid, 40000)
    hauld.kill()
    hauld.start()
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256("100K", "slo")
    assert os.listdir(hauld.dir) == ["slow"]
    asked = [r for r in hostile.log() if "/slo?" in r["line"]]
    assert len(asked) == 2 and sum("Range" in dict(r["headers"]) for r in asked) == 1


def test_paused_within_its_body(hauld, hostile, tools):
    gid = hauld.add(hostile.base + "/slow/100K/pau?rate=50000", out="paused")
    tools.wait_for(lambda: hauld.status(gid, "totalLength")["totalLength"] != "0")
    hauld.rpc("aria2.forcePause", gid)
    hauld.wait(gid, "paused")
    hauld.rpc("aria2.unpause", gid)
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256("100K", "pau")
    assert os.listdir(hauld.dir) == ["paused"]


@pytest.mark.parametrize("when", ["before", "behind", "folder"])
@pytest.mark.parametrize("link", [1, 5])
def test_killed_at_each_step(make_hauld, hostile, tools, preload, link, when):
    env = dict(preload(KILLER), KILL_LINK=str(link), KILL_WHEN=when)
    d = make_hauld("--max-concurrent-downloads=16", env=env)
    adds, want = small_files(hostile, 16, "k%d%s" % (link, when), random.Random(link))
    batch(d, adds)
    d.p.wait(30)
    for name in env:
        d.env.pop(name, None)
    d.start()
    tools.wait_for(lambda: idle(d), 60)
    check_files(d, hostile, tools, want)


def test_power_cut(ext4, hostile, tools):
    """Those that were told to be complete are there; the others are fetched again, under their own names."""
    fs = ext4("before")
    d = tools.Hauld(fs.where, "--max-concurrent-downloads=8")
    d.log = fs.where + ".log"
    d.start()
    adds, want = small_files(hostile, 200, "p", random.Random(2))
    gids = batch(d, adds)
    tools.wait_for(lambda: int(d.rpc("aria2.getGlobalStat")["numStopped"]) >= 30)
    done = {s["gid"] for s in d.rpc("aria2.tellStopped", 0, 1000, ["gid", "status"]) if s["status"] == "complete"}
    mark = d.add(hostile.base + "/f/1/mark", pause="true")  # acknowledged: what was shown before is durable
    fs.cut()
    d.kill()
    assert len(done) >= 30
    with tools.after_power_cut(ext4, fs, d) as d2:
        d2.rpc("aria2.remove", mark)
        tools.wait_for(lambda: idle(d2), 60)
        assert {d2.status(gid)["status"] for gid in gids} == {"complete"}
        check_files(d2, hostile, tools, want)
        asked = [r["line"] for r in hostile.log()]
        names = {gid: want["p-%d" % i] for i, gid in enumerate(gids)}
        assert [g for g in done if sum("/f/%d/%s " % names[g] in line for line in asked) != 1] == []  # none a second time


def test_a_gid_that_is_used_again(make_hauld, hostile, tools):
    """What the ledger says of an earlier job with the same GID is nothing to the next one."""
    d = make_hauld()
    gid = "00000000000000aa"
    first = d.complete(d.add(hostile.base + "/f/1000/one", gid=gid, out="same"))
    d.rpc("aria2.removeDownloadResult", gid)
    d.add(hostile.base + "/f/1000/two", gid=gid, out="same", pause="true")
    d.kill()
    d.start()
    d.rpc("aria2.unpause", gid)
    second = d.complete(gid)
    assert tools.sha256_of(second) == hostile.sha256(1000, "two") and second != first
    assert tools.sha256_of(first) == hostile.sha256(1000, "one")


def test_what_was_placed_without_a_checksum_proves_none(make_hauld, hostile, tools, preload):
    """Killed when it had its name; then a checksum is asked for, and a wrong one at that: the file is not told to be right."""
    env = dict(preload(KILLER), KILL_LINK="2", KILL_WHEN="behind")
    d = make_hauld("--max-concurrent-downloads=2", env=env)
    slow = d.add(hostile.base + "/slow/1M/slo?rate=20000", out="slow")
    tools.wait_for(lambda: os.path.exists(os.path.join(d.dir, "slow.part")))
    gid = d.add(hostile.base + "/f/1000/one", out="one")
    d.p.wait(30)
    for name in env:
        d.env.pop(name, None)
    d.options = ["--max-concurrent-downloads=1"]
    d.start()
    assert d.status(gid)["status"] == "waiting" and os.path.exists(os.path.join(d.dir, "one"))
    d.rpc("aria2.changeOption", gid, {"checksum": "sha-256=" + 64 * "0"})
    d.rpc("aria2.forceRemove", slow)
    s = d.wait(gid)
    assert (s["status"], s["errorCode"]) == ("error", "32")
