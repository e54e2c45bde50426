#!/usr/bin/env python3
"""Measures hauld and other downloaders against nginx on loopback, in interleaved rounds; every file is compared by sha256.

    bench.py --build DIR [--out FILE.md] [--full] [--only WORD]

Time is from the order to the end of the download: of the process for command line tools (their start is part of it), from
addUri to the notification for hauld. CPU is user + system of the client process. "floor" is floor.c, which only receives and
writes. Python's standard library only.
"""
import argparse
import datetime
import os
import platform
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from kit import GIB, Origin, PeakMemory, Rpc, sha256

LIST_KEYS = ["gid", "totalLength", "completedLength", "uploadSpeed", "downloadSpeed", "connections", "numSeeders", "seeder", "status", "errorCode",
             "verifiedLength", "verifyIntegrityPending", "files", "bittorrent", "infoHash"]  # what AriaNg's lists ask for


class Bench:
    def __init__(self, a):
        self.a = a
        self.tmp = tempfile.mkdtemp(prefix="haul-bench-", dir="/dev/shm")
        self.disk = tempfile.mkdtemp(prefix="haul-bench-", dir=os.environ.get("TMPDIR", "/tmp"))
        self.hauld = os.path.abspath(os.path.join(a.build, "hauld"))
        self.tables = []
        self.floor = os.path.join(self.tmp, "floor")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "floor.c")
        subprocess.run(["cc", "-O2", "-std=gnu11", "-D_GNU_SOURCE", "-o", self.floor, source, "-lssl", "-lcrypto"], check=True)
        self.origin = Origin(self.tmp)
        self.origin.put("big", GIB)
        for i in range(1000):
            self.origin.put("s/%04d" % i, 16384)

    # ---- one download by one tool: -> (seconds, cpu seconds, peak bytes) ----

    def hauld_extra(self, where):
        return ["--state-dir=" + os.path.join(where, "state"), "--ca-certificate=" + self.origin.ca]

    def by_hauld(self, where, urls, conns):
        d = Rpc("hauld", self.hauld, where, conns, self.hauld_extra(where))
        ws = d.listen()
        cpu, t = d.cpu(), time.monotonic()
        if len(urls) == 1:
            d.call("aria2.addUri", urls)
        else:
            d.add_many([(u, {}) for u in urls])
        d.wait_complete(ws, len(urls))
        ret = time.monotonic() - t, d.cpu() - cpu, d.rss()
        ws.close()
        d.stop()
        shutil.rmtree(os.path.join(where, "state"))
        return ret

    def by_command(self, argv, where):
        t = time.monotonic()
        p = subprocess.Popen(argv, cwd=where, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        watch = PeakMemory(p.pid)
        _, status, ru = os.wait4(p.pid, 0)
        wall = time.monotonic() - t
        watch.join()
        p.returncode = os.waitstatus_to_exitcode(status)
        if p.returncode != 0:
            raise SystemExit("%s: exit %d" % (" ".join(argv), p.returncode))
        return wall, ru.ru_utime + ru.ru_stime, watch.peak

    def download(self, tool, where, urls, conns):
        if tool == "hauld":
            return self.by_hauld(where, urls, conns)
        ca = self.origin.ca
        lst = os.path.join(self.tmp, "list.txt")
        with open(lst, "w") as f:
            f.write("\n".join(urls) + "\n")
        with open(lst + ".curl", "w") as f:
            f.write("".join('url = "%s"\nremote-name\n' % u for u in urls))
        n = str(conns)
        argv = {
            "aria2c": ["aria2c", "--no-conf", "-q", "-x", n, "-s", n, "-k", "1M", "-j", "16", "--file-allocation=none", "--ca-certificate=" + ca, "-i", lst],
            "curl": ["curl", "-s", "-f", "--cacert", ca, *(["-Z", "--parallel-max", "16"] if len(urls) > 1 else []), "-K", lst + ".curl"],
            "floor": [self.floor, *re.match(r"(https?)://[^:]+:(\d+)(/.*)", urls[0]).groups(), str(GIB), n, os.path.basename(urls[0])],
            "lftp": ["lftp", "-c", "set ssl:ca-file %s; pget -n %s %s" % (ca, n, urls[0])],
            "axel": ["axel", "-q", "-k", "-n", n, urls[0]],
            "wget2": ["wget2", "-q", "--no-config", "--ca-certificate=" + ca, "--no-http2", "--max-threads=" + ("16" if len(urls) > 1 else n),
                      *(["--chunk-size=%d" % (GIB // conns)] if len(urls) == 1 and conns > 1 else []), "-i", lst],
        }[tool]
        return self.by_command(argv, where)

    def tools(self, names):
        return ["hauld"] + [n for n in names if n == "floor" or shutil.which(n)]

    def rounds(self, title, tools, rounds, where_root, urls, names, conns):
        """Interleaved rounds; -> {tool: [(s, cpu, rss)]}"""
        got = {t: [] for t in tools}
        for i in range(rounds):
            for tool in tools[i % len(tools):] + tools[:i % len(tools)]:  # each comes first now and then
                where = tempfile.mkdtemp(dir=where_root)
                got[tool].append(self.download(tool, where, urls, conns))
                wrong = [n for n in names if sha256(os.path.join(where, os.path.basename(n))) != self.origin.sums[n]]
                if wrong:
                    raise SystemExit("%s, %s: wrong bytes in %s" % (title, tool, wrong[:3]))
                shutil.rmtree(where)
        return got

    def report_rounds(self, title, got, total, per):
        rows = []
        base = statistics.median(x[0] for x in got["hauld"])
        for tool, v in got.items():
            s, c = statistics.median(x[0] for x in v), statistics.median(x[1] for x in v)
            rows.append([tool, "%.3f" % s, "%.3f-%.3f" % (min(x[0] for x in v), max(x[0] for x in v)), per[1] % (total / s * per[2]),
                         "%.2f" % (s / base), "%.2f" % (c / (total * per[3])), "%d" % (max(x[2] for x in v) >> 20)])
        self.table(title, ["", "median s", "min-max s", per[0], "time / hauld's", per[4], "peak MiB"], rows)

    def table(self, title, head, rows):
        self.tables.append((title, head, rows))
        width = [max(len(str(r[i])) for r in [head] + rows) for i in range(len(head))]
        print("\n" + title)
        for r in [head] + rows:
            print("  " + "  ".join(str(c).rjust(w) if i else str(c).ljust(w) for i, (c, w) in enumerate(zip(r, width))), flush=True)

    # ---- cases ----

    def big(self, scheme, conns, disk):
        title = "1 GiB, %s, %d connection%s, to %s" % (scheme, conns, "s" if conns > 1 else "", "disk" if disk else "memory (tmpfs)")
        names = ["floor", "aria2c", "axel"] if conns > 1 else ["floor", "aria2c", "curl", "axel"]
        if conns > 16:
            names.remove("aria2c")  # 16 is its most
        if self.a.full or conns == 1:
            names += ["wget2", "lftp"]
        base = self.origin.http if scheme == "http" else self.origin.https
        got = self.rounds(title, self.tools(names), 7 if self.a.full else 3, self.disk if disk else self.tmp, [base + "/big"], ["big"], conns)
        self.report_rounds(title, got, GIB, ("MB/s", "%.0f", 1e-6, 1e-9, "CPU s/GB"))

    def small(self):
        title = "1,000 files of 16 KiB, 16 at a time, to memory (tmpfs)"
        names = ["s/%04d" % i for i in range(1000)]
        urls = [self.origin.http + "/" + n for n in names]
        got = self.rounds(title, self.tools(["aria2c", "curl", "wget2"]), 7 if self.a.full else 3, self.tmp, urls, names, 1)
        self.report_rounds(title, got, 1000, ("files/s", "%.0f", 1, 1e-3, "CPU ms/file"))

    @staticmethod
    def quantiles(v):
        v = sorted(v)
        return "%.2f" % (v[len(v) // 2] * 1e3), "%.2f" % (v[int(len(v) * 0.99)] * 1e3), "%.2f" % (v[-1] * 1e3)

    def daemon(self, tool, where, session=None, more=()):
        if tool == "hauld":
            return Rpc(tool, self.hauld, where, 16, [*self.hauld_extra(where), *more])
        extra = [*more] + (["--save-session=" + session] if session else [])
        extra += ["--input-file=" + session] if session and os.path.exists(session) else []
        return Rpc(tool, shutil.which("aria2c"), where, 16, extra)

    def queue(self):
        """addUri with 0, 10,000 and 100,000 paused jobs there; then start with them. State is on the disk."""
        latency, start = [], []
        for tool in self.tools(["aria2c"]):
            where = tempfile.mkdtemp(dir=self.disk)
            session = os.path.join(where, "session") if tool == "aria2c" else None
            d = self.daemon(tool, where, session)
            have = 0
            for n in (0, 10000, 100000):
                t = time.monotonic()
                d.add_many([("http://127.0.0.1:9/%d" % i, {"pause": "true"}) for i in range(have, n)])
                fill = time.monotonic() - t
                times = []
                for i in range(300 if self.a.full else 50):
                    t = time.monotonic()
                    d.call("aria2.addUri", ["http://127.0.0.1:9/x%d" % i], {"pause": "true"})
                    times.append(time.monotonic() - t)
                latency.append([tool, "{:,}".format(n), *self.quantiles(times), "%.0f" % ((n - have) / fill) if n > have else "-", "%d" % (d.rss() >> 20)])
                have = n
            if session:
                d.call("aria2.saveSession")
            d.stop()
            d = self.daemon(tool, where, session)
            stat = d.call("aria2.getGlobalStat")
            start.append([tool, "%.0f" % (d.start_time * 1e3), stat["numWaiting"], "%d" % (d.rss() >> 20)])
            d.stop()
            shutil.rmtree(where)
        self.table("addUri, one call after the other, with paused jobs in the queue (hauld answers when the job is on the disk; aria2 keeps it in memory)",
                   ["", "jobs", "p50 ms", "p99 ms", "max ms", "adds/s in batches of 1,000", "peak MiB"], latency)
        self.table("Start with more than 100,000 paused jobs, until the first answer (hauld: its own queue; aria2c: a saved session)", ["", "ms", "jobs", "peak MiB"], start)

    def operations(self):
        """Each call of clients with 100,000 waiting jobs, one after the other on one connection."""
        n = 100000
        with socket.socket() as silent:  # takes connections and never answers: the first job stays active, the rest waits
            silent.bind(("127.0.0.1", 0))
            silent.listen(8)
            url = "http://127.0.0.1:%d/" % silent.getsockname()[1]
            rows = [self.operations_of(tool, n, url) for tool in self.tools(["aria2c"])]
        rows = [[name] + [c for r in rows for c in r[name]] for name in rows[0]]
        heads = [h for tool in self.tools(["aria2c"]) for h in (tool + " p50 ms", "p99 ms", "max ms")]
        self.table("Calls with 100,000 waiting jobs (hauld's changes are on the disk when it answers)", ["call"] + heads, rows)

    def operations_of(self, tool, n, url):
        where = tempfile.mkdtemp(dir=self.disk)
        d = self.daemon(tool, where, None, ["--max-concurrent-downloads=1"])
        d.add_many([(url + str(i), {}) for i in range(n + 1)])
        rnd = random.Random(1)
        gids = [x["gid"] for x in d.call("aria2.tellWaiting", 0, n, ["gid"])]
        rnd.shuffle(gids)
        calls = [("getGlobalStat", lambda i: []), ("tellStatus", lambda i: [gids[i]]), ("tellActive", lambda i: [LIST_KEYS]),
                 ("tellWaiting (50,000, 100)", lambda i: [n // 2, 100]), ("tellWaiting (50,000, 100), AriaNg's keys", lambda i: [n // 2, 100, LIST_KEYS]),
                 ("tellWaiting (-1, 100)", lambda i: [-1, 100]), ("addUri at the end", lambda i: [[url + "e%d" % i]]),
                 ("addUri in front", lambda i: [[url + "f%d" % i], {}, 0]), ("addUri in the middle", lambda i: [[url + "m%d" % i], {}, n // 2]),
                 ("changePosition POS_SET", lambda i: [gids[i], rnd.randrange(n), "POS_SET"]),
                 ("changePosition POS_CUR", lambda i: [gids[i], rnd.randrange(-1000, 1000), "POS_CUR"]), ("changeOption", lambda i: [gids[i], {"max-download-limit": "1M"}]),
                 ("pause", lambda i: [gids[i]]), ("unpause", lambda i: [gids[i]]), ("remove", lambda i: [gids[i]])]
        rows = {}
        for name, params in calls:
            rows[name] = self.quantiles([d.timed("aria2." + name.split()[0], *params(i)) for i in range(200)])
        d.stop()
        shutil.rmtree(where)
        return rows

    def latency(self):
        rows = []
        for tool in self.tools(["aria2c"]):
            times = []
            for _ in range(3):
                where = tempfile.mkdtemp(dir=self.tmp)
                d = self.daemon(tool, where)
                ws = d.listen()
                gid = d.call("aria2.addUri", [self.origin.http + "/big"])
                while True:
                    t = time.monotonic()
                    status = d.call("aria2.tellStatus", gid, ["status"])["status"]
                    times.append(time.monotonic() - t)
                    if status != "active" and len(times) > 3:
                        break
                    time.sleep(0.001)
                self.wait_status(status)
                ws.close()
                d.stop()
                shutil.rmtree(where)
            rows.append([tool, len(times), *self.quantiles(times)])
        self.table("tellStatus during a download of 1 GiB over 16 connections", ["", "calls", "p50 ms", "p99 ms", "max ms"], rows)

    @staticmethod
    def wait_status(status):
        if status != "complete":
            raise SystemExit("the download ended as " + status)

    def run(self):
        cases = [("plain", lambda c=c, k=k: self.big("http", c, k)) for k in (False, True) for c in (1, 4, 16, 64)
                 if self.a.full or (c < 64 and (not k or c == 4))]
        cases += [("tls", lambda c=c: self.big("https", c, False)) for c in ((1, 4, 16, 64) if self.a.full else (4,))]
        cases += [("small", self.small), ("latency", self.latency), ("queue", self.queue), ("operations", self.operations)]
        for name, case in cases:
            if self.a.only in name:
                case()

    def clean_up(self):
        self.origin.stop()
        shutil.rmtree(self.tmp, ignore_errors=True)
        shutil.rmtree(self.disk, ignore_errors=True)


def version(argv):
    try:
        out = subprocess.run(argv, capture_output=True, text=True)
        return (out.stdout + out.stderr).strip().split("\n")[0]
    except OSError:
        return None


def write_md(bench, path, took, load):
    with open("/proc/cpuinfo") as f:
        cpu = next((l.split(":", 1)[1].strip() for l in f if l.startswith("model name")), platform.machine())
    mem = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30
    lines = ["# Benchmarks", "", "Written by `make bench`; do not edit. Every file was compared by sha256. hauld syncs what it has downloaded to the disk before it "
             "calls it complete, the others do not. Compare inside a table only: the machine is shared and loopback is not a network.", "",
             "- date: %s, took %d s%s, load average before and after: %.2f, %.2f; command: %s" % (datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), took,
                                                           "" if not bench.a.full else " (BENCH=full)", load, os.getloadavg()[0], "make bench" + (" BENCH=full" if bench.a.full else "")),
             "- machine: %s, %d cores, %d GiB, Linux %s" % (cpu, os.cpu_count(), mem, platform.release())]
    for argv in ([bench.hauld, "--version"], ["nginx", "-v"], ["aria2c", "--version"], ["curl", "--version"], ["axel", "--version"], ["wget2", "--version"], ["lftp", "--version"]):
        v = version(argv)
        if v:
            lines.append("- " + v)
    for title, head, rows in bench.tables:
        lines += ["", "## " + title, "", "| " + " | ".join(head) + " |", "|" + "---|" + "--:|" * (len(head) - 1)]
        lines += ["| " + " | ".join(str(c) for c in r) + " |" for r in rows]
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", required=True)
    p.add_argument("--out")
    p.add_argument("--full", action="store_true")
    p.add_argument("--only", default="", help="plain, tls, small, latency, queue or operations; the file is not written then")
    a = p.parse_args()
    load, t = os.getloadavg()[0], time.monotonic()
    bench = Bench(a)
    try:
        bench.run()
    finally:
        bench.clean_up()
    if a.out and not a.only:
        write_md(bench, a.out, time.monotonic() - t, load)
        print("\nwritten to " + a.out)


if __name__ == "__main__":
    sys.exit(main())
