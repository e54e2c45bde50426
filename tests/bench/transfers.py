"""Work that moves bytes: one big file, connections with a limit, uneven ones, many small files, slow streams, kill -9."""
import os
import shutil
import statistics
import subprocess
import time

from kit import GIB, Rpc, sha256
from tools import Failed, Paced, Work, folder_in

MB = 10 ** 6
BIG = ("MB/s", "%.0f", 1e-6, 1e-9, "CPU s/GB")
SMALL = ("files/s", "%.0f", 1, 1e-3, "CPU ms/file")


def rounds(b, title, names, n, root, work, sums):
    """Interleaved, each first now and then; -> {tool: [Sample]}. Another tool that fails or brings a wrong byte is left out."""
    got = {t: [] for t in names}
    for i in range(n):
        for tool in names[i % len(names):] + names[:i % len(names)]:
            if tool not in got:
                continue
            where = folder_in(root)
            try:
                got[tool].append(one(b, tool, where, work, sums))
            except Failed as e:
                if "haul" in tool:
                    raise SystemExit("%s: %s" % (title, e))
                print("  %s: left out: %s" % (title, e))
                del got[tool]
            shutil.rmtree(where)
    return got


def one(b, tool, where, work, sums):
    sample = b.tools.run(tool, where, work)
    wrong = [f[1] for f in work.files if sha256(os.path.join(where, name_by(tool, f))) != sums[f[1]]]
    if wrong:
        raise Failed("%s: wrong bytes in %s" % (tool, wrong[:3]))
    return sample


def name_by(tool, f):
    """Some can't be told a name."""
    return f[0].rsplit("/", 1)[1] if tool in ("axel", "lftp", "wget2", "haul --private") else f[1]


def median(got, tool, what):
    return statistics.median(getattr(s, what) for s in got[tool])


def peers(got, value):
    return [(t, value(t)) for t in got if t not in ("hauld", "floor")]


# ---- one big file ----

# scheme, connections, to the disk: CPU s/GB that we aim for
BIG_GOALS = {("http", 1, False): 0.58, ("http", 16, False): 0.65, ("http", 1, True): 0.50, ("http", 16, True): 0.55,
             ("https", 4, False): 1.15, ("https", 16, True): 1.25}


def big(b, scheme, conns, disk):
    title = "1 GiB, %s, %d connection%s, to %s" % (scheme, conns, "s" if conns > 1 else "", "disk" if disk else "memory (tmpfs)")
    names = ["floor", "aria2c", "axel"] if conns > 1 else ["floor", "aria2c", "curl", "wget2"]
    if conns > 16:
        names.remove("aria2c")  # 16 is its most
    if b.full:
        names += ["lftp"] + [n for n in ("wget2", "axel") if n not in names]
    base = b.origin.http if scheme == "http" else b.origin.https
    b.origin.need("big", GIB)
    got = rounds(b, title, b.tools.there(names), b.n_rounds, b.disk if disk else b.tmp, Work([(base + "/big", "big", GIB)], conns), b.origin.sums)
    b.report.samples(title, got, GIB, BIG)
    if (scheme, conns, disk) in BIG_GOALS:
        cpu = lambda t: median(got, t, "cpu") * 1e9 / GIB
        b.report.goal(title, BIG_GOALS[scheme, conns, disk], cpu("hauld"), unit=" CPU s/GB", peers=peers(got, cpu))


# ---- many files ----

def files(b, scheme, count, size, goal=None):
    title = "%s files of %d KiB, %s, 16 at a time, to memory (tmpfs)" % ("{:,}".format(count), size >> 10, scheme)
    base = b.origin.http if scheme == "http" else b.origin.https
    names = ["s%d/%05d" % (size, i) for i in range(count)]
    for n in names:
        b.origin.need(n, size)
    work = Work([("%s/%s" % (base, n), os.path.basename(n), size) for n in names])
    sums = {os.path.basename(n): b.origin.sums[n] for n in names}
    got = rounds(b, title, b.tools.there(["aria2c", "curl", "wget2"]), b.n_rounds, b.tmp, work, sums)
    b.report.samples(title, got, count, SMALL)
    if goal:
        rate = lambda t: count / median(got, t, "wall")
        b.report.goal(title, goal, rate("hauld"), least=True, unit=" files/s", peers=peers(got, rate))


# ---- a server that gives each connection so much ----

def limited(b):
    rate, seconds = 4 * MB, 4
    counts = (8, 16, 32, 64, 128, 256) if b.full else (16, 64)
    rows = []
    for n in counts:
        names = b.tools.there(["axel"] + (["aria2c"] if n <= 16 else []))
        size = min(n * rate * seconds, 2 * GIB) >> 20 << 20
        b.origin.need("limited%d" % n, size)
        with Paced(b.origin.root, rate) as origin:
            work = Work([("%s/limited%d" % (origin.base, n), "limited%d" % n, size)], n)
            got = rounds(b, "limited", names, b.few_rounds, b.tmp, work, b.origin.sums)
        os.unlink(os.path.join(b.origin.root, "limited%d" % n))
        gain = lambda t: size / median(got, t, "wall") / rate
        for t in got:
            rows.append([t, n, "%.1f" % gain(t), "%.2f" % (gain(t) / n), "%.2f" % (median(got, t, "cpu") / size * 1e9)])
        b.report.goal("%d connections of 4 MB/s, speed-up" % n, 0.98 * n, gain("hauld"), least=True, peers=peers(got, gain))
    b.report.table("A server that gives each connection 4 MB/s", ["", "connections", "speed-up", "of the ideal", "CPU s/GB"], rows)


def uneven(b):
    size, rows = 256 << 20, []
    b.origin.need("uneven", size)
    for n in (8, 16) if b.full else (8,):
        ideal = size / (n - n // 8) / (8 * MB)
        names, got = b.tools.there(["aria2c"]), {}
        for i in range(b.few_rounds):
            for tool in names:
                with Paced(b.origin.root, 8 * MB, 50000, 8) as origin:  # each tool meets the slow one at the same place
                    work = Work([(origin.base + "/uneven", "uneven", size)], n)
                    got.setdefault(tool, []).extend(rounds(b, "uneven", [tool], 1, b.tmp, work, b.origin.sums)[tool])
        rows += [[t, n, "%.2f" % median(got, t, "wall"), "%.2f" % (median(got, t, "wall") / ideal)] for t in names]
        b.report.goal("256 MiB, 1 of 8 connections stuck, %d connections, s" % n, 1.1 * ideal, median(got, "hauld", "wall"),
                      peers=peers(got, lambda t: median(got, t, "wall")))
    b.report.table("256 MiB, each connection 8 MB/s but one of 8, which gives 50 KB/s", ["", "connections", "s", "time / ideal"], rows)


# ---- slow streams ----

def slow(b):
    rate, size, rows = 100000, 2000000 if b.full else 500000, []
    counts = (1, 10, 100, 1000) if b.full else (1, 100)
    for i in range(max(counts)):
        b.origin.need("slow%04d" % i, size)
    for n in counts:
        with Paced(b.origin.root, rate) as origin:
            work = Work([("%s/slow%04d" % (origin.base, i), "slow%04d" % i, size) for i in range(n)], 1, n)
            got = rounds(b, "slow", b.tools.there(["aria2c"]), 1, b.tmp, work, b.origin.sums)
        per = lambda t: median(got, t, "cpu") * 1e3 / (n * size / MB)
        rows += [[t, n, "%.2f" % median(got, t, "wall"), "%.2f" % per(t), "%d" % (median(got, t, "peak") >> 20)] for t in got]
        if n == 1000:
            b.report.goal("1,000 streams of 100 KB/s, CPU ms/MB", 1.5, per("hauld"), peers=peers(got, per))
    b.report.table("Streams of 100 KB/s, %d KB each (haul and the start of each download included)" % (size // 1000), ["", "streams", "s", "CPU ms/MB", "peak MiB"], rows)


# ---- kill -9 ----

def kill(b):
    """Bytes fetched again after a kill -9 in the middle of a download over 4 connections of 8 MB/s."""
    size, rows, again = 128 << 20, [], {}
    b.origin.need("kill", size)
    for tool in b.tools.there(["aria2c"]):
        with Paced(b.origin.root, 8 * MB) as origin:
            again[tool] = refetched(b, tool, origin, size)
        rows.append([tool, "%.2f" % (again[tool] / MB)])
    b.report.table("128 MiB, kill -9 after half of it, started again the same way", ["", "MB fetched again"], rows)
    b.report.goal("kill -9 in a download over 4 connections, MB again", 4 * 1.048576, again["hauld"] / MB, peers=[("aria2c", again.get("aria2c", 0) / MB)])


def refetched(b, tool, origin, size):
    where = folder_in(b.disk)
    daemon = tool == "hauld"
    url = origin.base + "/kill"

    def start():
        if daemon:
            return Rpc("hauld", b.tools.hauld, where, 4, b.tools.hauld_extra(where))
        return subprocess.Popen(b.tools.argv(tool, Work([(url, "kill", size)], 4)), cwd=where)
    p = start()
    if daemon:
        gid = p.call("aria2.addUri", [url])
    while origin.sent() < size // 2:
        time.sleep(0.01)
    (p.p if daemon else p).kill()
    (p.p if daemon else p).wait()
    p = start()
    if daemon:
        while p.call("aria2.tellStatus", gid, ["status"])["status"] != "complete":
            time.sleep(0.05)
        p.stop()
    else:
        p.wait()
    sent = origin.sent()
    shutil.rmtree(where)
    return sent - size
