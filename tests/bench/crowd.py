"""Many downloads of one server at a time: what they cost, whether each gets its part, and what the server's own limit does to them."""
import os
import shutil
import time

from kit import Rpc
from tools import Paced, folder_in

MB = 10 ** 6
MIB = 1 << 20


def spread(d, n):
    """What the slowest and the quickest one has, in parts of the mean; None: some have ended."""
    got = [int(s["completedLength"]) for s in d.call("aria2.tellActive", ["completedLength"])]
    mean = sum(got) / max(len(got), 1)
    return (min(got) / mean, max(got) / mean) if mean and len(got) == n else None


def one(b, base, name, size, n, expected, conns=None):
    """n downloads at once of one file -> (seconds, CPU s, peak MiB, failed, spread of the goodput halfway); expected: seconds that
    it is to take over one connection each; conns: that each is told."""
    where = folder_in(b.tmp)
    d = Rpc("hauld", b.tools.hauld, where, conns, [*b.tools.hauld_extra(where), "--max-concurrent-downloads=%d" % n, "--max-download-result=10000"])
    cpu, t = d.cpu(), time.monotonic()
    d.add_many([(base + "/" + name, {"out": "f%d" % i}) for i in range(n)])
    time.sleep(expected / 2)
    part = spread(d, n)
    while int(d.call("aria2.getGlobalStat")["numStopped"]) < n:
        time.sleep(0.05)
    wall, cpu = time.monotonic() - t, d.cpu() - cpu
    failed = sum(s["status"] != "complete" or int(s["completedLength"]) != size for s in d.call("aria2.tellStopped", 0, n, ["status", "completedLength"]))
    peak = d.rss() / MIB
    d.stop()
    shutil.rmtree(where)
    return wall, cpu, peak, failed, part


def row(what, n, size, ideal, sample, refused="-"):
    wall, cpu, peak, failed, part = sample
    return [what, n, "%.1f" % ideal if ideal else "-", "%.1f" % wall, "%.2f" % cpu, "%.2f" % (cpu * 1e3 / (n * size / MB)), "%d" % peak,
            "%.2f-%.2f" % part if part else "-", refused, failed]


def crowd(b):
    """Rates so that all connections together bring about 50 MB/s, or 100 with 2,000; then a server that takes four, and nginx."""
    size, rows, counts = 3 * MIB, [], (2, 50, 500, 2000) if b.full else (2, 50)
    b.origin.need("crowd", size)
    for n in counts:
        conns = max(n, 16)
        rate = 50 * MB // max(n, 50) * (2 if n == 2000 else 1)
        ideal = n * size / (rate * conns)
        for what, told in (("found out", None), ("-x 1", 1)):
            with Paced(b.origin.root, rate) as origin:
                sample = one(b, origin.base, "crowd", size, n, size / rate, told)
            rows.append(row(what, n, size, size / rate if told else ideal, sample))
    for n in counts:
        rate = 25 * MB
        ideal = n * size / (rate * 4)
        with Paced(b.origin.root, rate, rate, 1, 4) as origin:
            sample = one(b, origin.base, "crowd", size, n, 0)
            rows.append(row("4 taken", n, size, ideal, sample, origin.refused()))
    for n in counts:
        rows.append(row("nginx", n, size, 0, one(b, b.origin.http, "crowd", size, n, 0)))
    b.report.table("Downloads of 3 MiB from one server, all at once", ["", "downloads", "ideal s", "s", "CPU s", "CPU ms/MB", "peak MiB",
                   "slowest-quickest", "refused", "failed"], rows)
