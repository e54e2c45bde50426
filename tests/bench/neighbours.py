#!/usr/bin/python3
"""What the worst servers cost their neighbours (R4, R5 of tests/matrix/matrix.md): neighbours.py --build DIR [--rounds N]

One good, paced download runs for as long as a round lasts, alone and beside downloads of hostile paths that never give up, in
turns. Told: its speed with and without them, how long tellStatus takes meanwhile, and the daemon's peak memory against its bound.
"""
import argparse
import http.client
import json
import os
import re
import statistics
import sys
import tempfile
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.join(TESTS, "origin"))
from paced import Paced  # noqa: E402

MIB = 1 << 20
# path, and https for some: a TLS record for each byte costs most
BAD = ["slow-header/1M/x", "header-huge/1M/x", "gzip-bomb/1M/x?mb=3000", "drip/64M/x", "https:drip/64M/x", "chunk-bad/1M/x?kind=ext", "status-1xx/1M/x",
       "huge/1M/x", "stall/64M/x", "cut/64M/x?every=64K", "rst/64M/x?every=64K", "https:cut/64M/x?every=64K", "garbage/1M/x", "fin/1M/x"]
STUBBORN = {"max-tries": "0", "retry-wait": "1", "timeout": "5", "split": "4", "max-connection-per-server": "4", "min-split-size": "1M",
            "http-accept-gzip": "true", "allow-overwrite": "true", "always-resume": "false"}
BASE, PER_CONNECTION, PER_JOB = 32 * MIB, 256 << 10, 4 << 10


class Caller:
    """JSON-RPC on one kept connection, each call timed."""

    def __init__(self, port):
        self.c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.took = []

    def __call__(self, method, *params):
        t = time.monotonic()
        self.c.request("POST", "/jsonrpc", json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}))
        reply = json.loads(self.c.getresponse().read())
        self.took.append(time.monotonic() - t)
        if "error" in reply:
            raise RuntimeError(reply["error"]["message"])
        return reply["result"]


class Neighbours:
    """The bad downloads beside a daemon on `port`; what ends is added again."""

    def __init__(self, port, http_base, https_base):
        self.call = Caller(port)
        self.urls = [(https_base if p.startswith("https:") else http_base) + "/" + p.split(":")[-1] for p in BAD]
        self.gids, self.added = {}, 0

    def tend(self):
        for i, url in enumerate(self.urls):
            gid = self.gids.get(i)
            if gid and self.call("aria2.tellStatus", gid, ["status"])["status"] in ("active", "waiting"):
                continue
            self.gids[i] = self.call("aria2.addUri", [url], dict(STUBBORN, out="bad%d" % i))
            self.added += 1

    def leave(self):
        for gid in self.gids.values():
            try:
                self.call("aria2.forceRemove", gid)
            except RuntimeError:
                pass  # it has ended
        self.gids = {}
        self.call("aria2.purgeDownloadResult")


def peak(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", open("/proc/%d/status" % pid).read()).group(1)) << 10


def cpu(pid):
    """Seconds of CPU so far."""
    f = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
    return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")


def bound(connections, jobs):
    return BASE + PER_CONNECTION * connections + PER_JOB * jobs


def measure(call, gid, seconds, each=0.02, tend=None):
    """-> (bytes a second of gid, [seconds that tellStatus took], most connections seen)"""
    done = lambda: int(call("aria2.tellStatus", gid, ["completedLength"])["completedLength"])
    conns, lap = 0, 0
    begin, first = time.monotonic(), done()
    call.took.clear()
    while time.monotonic() - begin < seconds:
        call("aria2.tellStatus", gid)
        lap += 1
        if lap % 25 == 0:
            if tend:
                tend()
            conns = max(conns, sum(int(s["connections"]) for s in call("aria2.tellActive", ["connections"])))
        time.sleep(each)
    took = list(call.took)
    return (done() - first) / (time.monotonic() - begin), took, conns


def quantile(v, q):
    v = sorted(v)
    return v[min(len(v) - 1, int(q * len(v)))]


class Servers:
    """A good, paced origin and the hostile one."""

    def __init__(self, folder, size, rate):
        sys.path[:0] = [os.path.join(TESTS, "e2e"), os.path.join(TESTS, "matrix")]
        import conftest
        self.root = os.path.join(folder, "www")
        os.makedirs(self.root)
        with open(os.path.join(self.root, "good"), "wb") as f:
            f.truncate(size)
        self.paced = Paced(self.root, rate)
        self.good = self.paced.base + "/good"
        self.hostile = conftest.Hostile(folder)
        self.conftest = conftest

    def stop(self):
        self.paced.stop()
        self.hostile.stop()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", default=os.path.join(os.path.dirname(TESTS), "build"))
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--seconds", type=float, default=6)
    ap.add_argument("--rate", type=int, default=40 * MIB, help="bytes a second that the good server sends")
    a = ap.parse_args()
    os.environ["HAUL_BUILD"] = os.path.abspath(a.build)
    with tempfile.TemporaryDirectory(prefix="neighbours-") as folder:
        s = Servers(folder, int(a.rate * (a.seconds + 2) * (2 * a.rounds + 3)), a.rate)
        d = s.conftest.Hauld(os.path.join(folder, "d"), "--max-concurrent-downloads=50", "--file-allocation=none", "--ca-certificate=" + s.hostile.ca,
                             "--console-log-level=error")
        try:
            d.start()
            call = Caller(d.port)
            gid = call("aria2.addUri", [s.good], {"split": "1"})
            bad = Neighbours(d.port, s.hostile.base, s.hostile.https)
            ratios, alone, beside, most = [], [], [], 0
            work = [0.0, 0.0]
            measure(call, gid, 2)
            for i in range(a.rounds):
                c0 = cpu(d.p.pid)
                v0, t0, _ = measure(call, gid, a.seconds)
                c1 = cpu(d.p.pid)
                bad.tend()
                v1, t1, n = measure(call, gid, a.seconds, tend=bad.tend)
                work[0] += c1 - c0
                work[1] += cpu(d.p.pid) - c1
                bad.leave()
                time.sleep(0.5)
                ratios.append(v1 / v0)
                alone += t0
                beside += t1
                most = max(most, n)
                print("round %d: %.1f MiB/s alone, %.1f beside: %.3f; %d connections" % (i + 1, v0 / MIB, v1 / MIB, v1 / v0, n), flush=True)
            jobs = len(BAD) + 1
            print("CPU of the daemon: %.0f %% alone, %.0f %% beside" % tuple(100 * w / a.rounds / a.seconds for w in work))
            for name, t in (("alone", alone), ("beside", beside)):
                print("tellStatus %s: p50 %.2f ms, p99 %.2f ms, worst %.1f ms" % (name, quantile(t, .5) * 1e3, quantile(t, .99) * 1e3, max(t) * 1e3))
            print("speed kept: %.1f %% (median of %d)" % (100 * statistics.median(ratios), a.rounds))
            print("peak memory: %.1f MiB of %.1f" % (peak(d.p.pid) / MIB, bound(max(most, 4 * jobs), jobs) / MIB))
            print("bad downloads added: %d" % bad.added)
        finally:
            if d.p and d.p.poll() is None:
                d.kill()
            s.stop()


if __name__ == "__main__":
    main()
