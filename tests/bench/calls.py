"""Work of the RPC and the queue: calls while a download runs, a queue that grows, its start and its stop."""
import os
import random
import shutil
import socket
import tempfile
import time

from kit import GIB, Rpc
from report import quantiles, shown

LIST_KEYS = ["gid", "totalLength", "completedLength", "uploadSpeed", "downloadSpeed", "connections", "numSeeders", "seeder", "status", "errorCode",
             "verifiedLength", "verifyIntegrityPending", "files", "bittorrent", "infoHash"]  # what AriaNg's lists ask for


def daemon(b, tool, where, session=None, more=()):
    if tool == "hauld":
        return Rpc(tool, b.tools.hauld, where, 16, [*b.tools.hauld_extra(where), *more])
    extra = [*more] + (["--save-session=" + session] if session else [])
    extra += ["--input-file=" + session] if session and os.path.exists(session) else []
    return Rpc(tool, shutil.which("aria2c"), where, 16, extra)


# ---- calls while bytes come ----

def latency(b):
    b.origin.need("big", GIB)
    rows, all_ = [], {}
    for tool in b.tools.there(["aria2c"]):
        times = []
        for _ in range(3):
            where = tempfile.mkdtemp(dir=b.tmp)
            d = daemon(b, tool, where)
            gid = d.call("aria2.addUri", [b.origin.http + "/big"])
            while True:
                t = time.monotonic()
                status = d.call("aria2.tellStatus", gid, ["status"])["status"]
                times.append(time.monotonic() - t)
                if status != "active" and len(times) > 3:
                    break
                time.sleep(0.001)
            if status != "complete":
                raise SystemExit("the download ended as " + status)
            d.stop()
            shutil.rmtree(where)
        all_[tool] = quantiles(times)
        rows.append([tool, len(times), *shown(all_[tool])])
    b.report.table("tellStatus during a download of 1 GiB over 16 connections", ["", "calls", "p50 ms", "p99 ms", "max ms"], rows)
    for i, (word, bound) in enumerate((("p50", 0.5), ("p99", 5), ("worst", 20))):
        b.report.goal("tellStatus during 16 connections at full speed, %s ms" % word, bound, all_["hauld"][i],
                      peers=[(t, q[i]) for t, q in all_.items() if t != "hauld"])


# ---- a queue that grows ----

def fill(d, have, n):
    """-> adds a second."""
    t = time.monotonic()
    d.add_many([("http://127.0.0.1:9/%d" % i, {"pause": "true"}) for i in range(have, n)])
    return (n - have) / (time.monotonic() - t) if n > have else 0


def memory_now(pid):
    with open("/proc/%d/status" % pid) as f:
        return next(int(l.split()[1]) << 10 for l in f if l.startswith("VmRSS"))


def queue(b):
    """addUri with 0, 10,000, 100,000 and with --full a million paused jobs there; then start and stop with them."""
    latency, starts, got = [], [], {}
    for tool in b.tools.there(["aria2c"]):
        sizes = [0, 10000, 100000] + ([1000000] if b.full and tool == "hauld" else [])
        for n in sizes:
            got[tool, n] = one_queue(b, tool, n, latency, starts)
    for tool, n in got:
        if tool == "hauld":
            queue_goals(b, n, got["hauld", n], got.get(("aria2c", n)))
    b.report.table("addUri, one call after the other, with paused jobs in the queue (hauld answers when the job is on the disk; aria2 keeps it in memory)",
                   ["", "jobs", "p50 ms", "p99 ms", "max ms", "adds/s in batches of 1,000"], latency)
    b.report.table("Start with these jobs until the first answer, and stop (hauld: its own queue; aria2c: a saved session)",
                   ["", "jobs", "start ms", "stop ms", "MiB", "bytes a job"], starts)


def one_queue(b, tool, n, latency, starts):
    where = tempfile.mkdtemp(dir=b.disk)
    session = os.path.join(where, "session") if tool == "aria2c" else None
    d = daemon(b, tool, where, session)
    empty = memory_now(d.p.pid)
    rate = fill(d, 0, n)
    times = []
    for i in range(300 if b.full else 50):
        t = time.monotonic()
        d.call("aria2.addUri", ["http://127.0.0.1:9/x%d" % i], {"pause": "true"})
        times.append(time.monotonic() - t)
    q = quantiles(times)
    latency.append([tool, "{:,}".format(n), *shown(q), "%.0f" % rate if n else "-"])
    if session:
        d.call("aria2.saveSession")
    d.stop()
    d = daemon(b, tool, where, session)
    if int(d.call("aria2.getGlobalStat")["numWaiting"]) != n + len(times):
        raise SystemExit("%s lost jobs" % tool)
    mem = memory_now(d.p.pid)
    start = d.start_time
    t = time.monotonic()
    d.stop()
    stop = time.monotonic() - t
    starts.append([tool, "{:,}".format(n), "%.0f" % (start * 1e3), "%.0f" % (stop * 1e3), "%d" % (mem >> 20), "%d" % ((mem - empty) // n) if n else "-"])
    shutil.rmtree(where)
    return q[0], start, stop, (mem - empty) // n if n else 0


def queue_goals(b, n, ours, theirs):
    """Both: (p50 of addUri in ms, start and stop in s, bytes a job); theirs None: not measured at that size."""
    goals = [("addUri p50, ms", 0.5, "aria2c, not durable"), ("start, s", 1 if n <= 100000 else 8, "aria2c"), ("stop, s", 0.5, "aria2c"),
             ("bytes of memory a job", 1536, "aria2c")]
    for i, (what, goal, name) in enumerate(goals if n >= 100000 else goals[:1]):
        b.report.goal("{:,} paused jobs: {}".format(n, what), goal, ours[i], peers=[(name, theirs[i])] if theirs else [])


def kept(b):
    """What is left of 1,000 acknowledged adds after kill -9."""
    rows = []
    for tool in b.tools.there(["aria2c"]):
        where = tempfile.mkdtemp(dir=b.disk)
        session = os.path.join(where, "session") if tool == "aria2c" else None
        d = daemon(b, tool, where, session, ["--save-session-interval=1"] if session else [])
        fill(d, 0, 1000)
        d.p.kill()
        d.p.wait()
        d = daemon(b, tool, where, session)
        left = int(d.call("aria2.getGlobalStat")["numWaiting"])
        d.stop()
        shutil.rmtree(where)
        rows.append([tool, left])
        if tool == "hauld":
            b.report.goal("kill -9 after 1,000 acknowledged adds, jobs left", 1000, left, least=True)
    b.report.table("kill -9 right after 1,000 acknowledged adds (aria2c saves its session each second)", ["", "jobs left"], rows)


# ---- each call, with 100,000 jobs ----

def operations(b):
    """Each call of clients with 100,000 waiting jobs, one after the other on one connection."""
    n, all_ = 100000, {}
    with socket.socket() as silent:  # takes connections and never answers: the first job stays active, the rest waits
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        url = "http://127.0.0.1:%d/" % silent.getsockname()[1]
        for tool in b.tools.there(["aria2c"]):
            all_[tool] = operations_of(b, tool, n, url)
    rows = [[name] + [c for q in all_.values() for c in shown(q[name])] for name in all_["hauld"]]
    heads = [h for tool in all_ for h in (tool + " p50 ms", "p99 ms", "max ms")]
    b.report.table("Calls with 100,000 waiting jobs (hauld's changes are on the disk when it answers)", ["call"] + heads, rows)
    call = "tellWaiting (0, 1000)"
    b.report.goal("100,000 jobs: tellWaiting(0, 1000) p50, ms", 4, all_["hauld"][call][0], peers=[(t, q[call][0]) for t, q in all_.items() if t != "hauld"])


def operations_of(b, tool, n, url):
    where = tempfile.mkdtemp(dir=b.disk)
    d = daemon(b, tool, where, None, ["--max-concurrent-downloads=1"])
    d.add_many([(url + str(i), {}) for i in range(n + 1)])
    rnd = random.Random(1)
    gids = [x["gid"] for x in d.call("aria2.tellWaiting", 0, n, ["gid"])]
    rnd.shuffle(gids)
    calls = [("getGlobalStat", lambda i: []), ("tellStatus", lambda i: [gids[i]]), ("tellActive", lambda i: [LIST_KEYS]),
             ("tellWaiting (0, 1000)", lambda i: [0, 1000]),
             ("tellWaiting (50,000, 100)", lambda i: [n // 2, 100]), ("tellWaiting (50,000, 100), AriaNg's keys", lambda i: [n // 2, 100, LIST_KEYS]),
             ("tellWaiting (-1, 100)", lambda i: [-1, 100]), ("addUri at the end", lambda i: [[url + "e%d" % i]]),
             ("addUri in front", lambda i: [[url + "f%d" % i], {}, 0]), ("addUri in the middle", lambda i: [[url + "m%d" % i], {}, n // 2]),
             ("changePosition POS_SET", lambda i: [gids[i], rnd.randrange(n), "POS_SET"]),
             ("changePosition POS_CUR", lambda i: [gids[i], rnd.randrange(-1000, 1000), "POS_CUR"]),
             ("changeOption", lambda i: [gids[i], {"max-download-limit": "1M"}]),
             ("pause", lambda i: [gids[i]]), ("unpause", lambda i: [gids[i]]), ("remove", lambda i: [gids[i]])]
    rows = {}
    for name, params in calls:
        rows[name] = quantiles([d.timed("aria2." + name.split()[0], *params(i)) for i in range(200)])
    d.stop()
    shutil.rmtree(where)
    return rows


def many_active(b):
    """tellActive with 1,000 downloads that a silent server keeps active."""
    rows, p50 = [], {}
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(2048)
        url = "http://127.0.0.1:%d/" % silent.getsockname()[1]
        for tool in b.tools.there(["aria2c"]):
            where = tempfile.mkdtemp(dir=b.tmp)
            d = daemon(b, tool, where, None, ["--max-concurrent-downloads=1000"])
            d.add_many([(url + str(i), {"split": "1"}) for i in range(1000)])
            while len(d.call("aria2.tellActive", ["gid"])) < 1000:
                time.sleep(0.05)
            q = quantiles([d.timed("aria2.tellActive") for _ in range(100)])
            p50[tool] = q[0]
            rows.append([tool, *shown(q)])
            d.stop()
            shutil.rmtree(where)
    b.report.table("tellActive with 1,000 active downloads, all keys", ["", "p50 ms", "p99 ms", "max ms"], rows)
    b.report.goal("tellActive with 1,000 active, p50 ms", 8, p50["hauld"], peers=[(t, v) for t, v in p50.items() if t != "hauld"])
