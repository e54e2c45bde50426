#!/usr/bin/env python3
"""`make bench-check`: what a unit of work costs in instructions (callgrind), against bounds that are committed.

    check.py --build DIR [--write]     --write: the bounds of bounds.tsv become what was measured, and a margin

Each cost is the difference between two runs that do little and much of one thing, divided by how much more the second did, so
what starting and ending cost is not in it; bytes are those of 50,000 waiting downloads more. Instructions don't depend on how busy the machine is, only on how threads take turns:
little for most, more for plain bodies, which cost next to nothing besides. Ends with "N passed, N failed".
"""
import argparse
import os
import re
import shutil
import signal
import sys
import tempfile

from kit import Origin, Rpc, sha256

HERE = os.path.dirname(os.path.abspath(__file__))
BOUNDS = os.path.join(HERE, "bounds.tsv")
MALLOCS = {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign"}
MARGIN = {"instructions per MiB, plain": 2}  # others: 1.1
BLOCKS = "allocations per block of 256 KiB, plain"  # one for each write of many blocks; the bound stays
MIB = 1 << 20
BLOCK = 256 * 1024  # ev/block.h


def memory(pid):
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:")) << 10


def profile_of(folder):
    """-> (instructions, calls of allocating functions) over all threads, from callgrind's out file."""
    total, mallocs = 0, 0
    for name in os.listdir(folder):
        if not name.startswith("cg."):
            continue
        names, callee = {}, ""
        for line in open(os.path.join(folder, name)):
            m = re.match(r"(cfn|fn)=\((\d+)\)(?: (.*))?", line)
            if m:
                if m.group(3):
                    names[m.group(2)] = m.group(3).strip()
                if m.group(1) == "cfn":
                    callee = re.sub(r"'\d+$", "", names[m.group(2)])
            elif line.startswith("calls=") and callee in MALLOCS:
                mallocs += int(line[6:].split()[0])
            elif line.startswith("totals: "):
                total += int(line.split()[1])
    return total, mallocs


class Check:
    def __init__(self, build):
        self.tmp = tempfile.mkdtemp(prefix="haul-check-", dir="/dev/shm")
        self.hauld = os.path.abspath(os.path.join(build, "hauld"))
        self.origin = Origin(self.tmp)

    def run(self, work, conns=4):
        """work(daemon) under callgrind; -> (instructions, allocations)."""
        where = tempfile.mkdtemp(dir=self.tmp)
        out = os.path.join(where, "cg.%p")
        d = Rpc("hauld", self.hauld, os.path.join(where, "dl"), conns, ["--state-dir=" + os.path.join(where, "state"), "--ca-certificate=" + self.origin.ca],
                under=["valgrind", "-q", "--tool=callgrind", "--callgrind-out-file=" + out])
        work(d)
        d.stop(signal.SIGTERM)
        got = profile_of(where)
        shutil.rmtree(where)
        return got

    def unit(self, work, little, much, per=1):
        """-> instructions and allocations of one unit; per: units that count as one."""
        a, b = self.run(lambda d: work(d, little)), self.run(lambda d: work(d, much))
        return [(y - x) / (much - little) * per for x, y in zip(a, b)]

    def download(self, base):
        def work(d, mib):
            name = "f%d" % mib
            if name not in self.origin.sums:
                self.origin.put(name, mib * MIB)
            ws = d.listen()
            d.call("aria2.addUri", [base + "/" + name])
            d.wait_complete(ws, 1)
            ws.close()
            if sha256(os.path.join(d.folder, name)) != self.origin.sums[name]:
                raise SystemExit("wrong bytes")
        return work

    @staticmethod
    def add(d, n):
        for i in range(n):
            d.call("aria2.addUri", ["http://127.0.0.1:9/%d" % i], {"pause": "true"})

    @staticmethod
    def list_waiting(d, n):
        d.add_many([("http://127.0.0.1:9/%d" % i, {"pause": "true"}) for i in range(500)])
        for _ in range(n):
            d.call("aria2.tellWaiting", 0, 500)

    @staticmethod
    def typical(first, n):
        """Downloads as browsers and scripts add them: a URL of 100 bytes, some options that all have, a name of its own."""
        return [("https://cdn.example.org/pub/releases/2026/11/project-%07d/archive-%07d-x86_64.tar.zst?sig=a" % (i, i),
                 {"pause": "true", "out": "f%d" % i, "split": "4", "user-agent": "some browser/1.0", "max-tries": "3"})
                for i in range(first, first + n)]

    def queue_bytes(self):
        """Memory of one waiting download, as it was added and as it was loaded; the file it has on the disk."""
        where = tempfile.mkdtemp(dir=self.tmp)
        args = ("hauld", self.hauld, os.path.join(where, "dl"), 4, ["--state-dir=" + os.path.join(where, "state")])
        little, much = 5000, 55000
        d = Rpc(*args)
        empty = memory(d.p.pid)
        d.add_many(self.typical(0, little))
        before = memory(d.p.pid)
        d.add_many(self.typical(little, much - little))
        added = (memory(d.p.pid) - before) / (much - little)
        d.stop()
        d = Rpc(*args)
        loaded = (memory(d.p.pid) - empty) / much
        d.stop()
        size = os.path.getsize(os.path.join(where, "state", "queue.db")) / much
        shutil.rmtree(where)
        return added, loaded, size

    def start_row(self):
        """Instructions of a start (and end) for each waiting download."""
        cost = {}
        for n in (1000, 9000):
            where = tempfile.mkdtemp(dir=self.tmp)
            args = ["hauld", self.hauld, os.path.join(where, "dl"), 4, ["--state-dir=" + os.path.join(where, "state")]]
            d = Rpc(*args)
            d.add_many(self.typical(0, n))
            d.stop()
            d = Rpc(*args, under=["valgrind", "-q", "--tool=callgrind", "--callgrind-out-file=" + os.path.join(where, "cg.%p")])
            d.stop()
            cost[n] = profile_of(where)[0]
            shutil.rmtree(where)
        return (cost[9000] - cost[1000]) / 8000

    def small(self, d, n):
        for i in range(n):
            if "s/%d" % i not in self.origin.sums:
                self.origin.put("s/%d" % i, 16384)
        ws = d.listen()
        d.add_many([(self.origin.http + "/s/%d" % i, {}) for i in range(n)])
        d.wait_complete(ws, n)
        ws.close()

    def measure(self):
        """-> {name: cost}"""
        added, loaded, size = self.queue_bytes()
        plain = self.unit(self.download(self.origin.http), 64, 320)
        tls = self.unit(self.download(self.origin.https), 16, 80)
        return {
            "instructions per MiB, plain": plain[0],
            "instructions per MiB, TLS": tls[0],
            BLOCKS: plain[1] * BLOCK / MIB,
            "instructions per addUri": self.unit(self.add, 100, 600)[0],
            "instructions per entry of tellWaiting": self.unit(self.list_waiting, 1, 9)[0] / 500,
            "instructions per file of 16 KiB": self.unit(self.small, 100, 500)[0],
            "instructions per waiting job at the start": self.start_row(),
            "bytes of memory per waiting job, added": added,
            "bytes of memory per waiting job, loaded": loaded,
            "bytes on the disk per waiting job": size,
        }

    def clean_up(self):
        self.origin.stop()
        shutil.rmtree(self.tmp, ignore_errors=True)


def read_bounds():
    return {n: float(v) for n, v in (line.rstrip("\n").split("\t") for line in open(BOUNDS))}


def compare(costs):
    bounds, failed = read_bounds(), 0
    for name, cost in costs.items():
        over = cost > bounds.get(name, -1)
        failed += over
        print("  %-42s %12.1f   bound %12.1f%s" % (name, cost, bounds.get(name, -1), "   OVER" if over else ""))
    print("%d passed, %d failed" % (len(costs) - failed, failed))
    return failed


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", required=True)
    p.add_argument("--write", action="store_true")
    a = p.parse_args()
    check = Check(a.build)
    try:
        costs = check.measure()
    finally:
        check.clean_up()
    if a.write:
        bounds = {n: v * MARGIN.get(n, 1.1) for n, v in costs.items()}
        bounds[BLOCKS] = 0.5
        with open(BOUNDS, "w") as f:
            f.write("".join("%s\t%.1f\n" % b for b in bounds.items()))
    return 1 if compare(costs) else 0


if __name__ == "__main__":
    sys.exit(main())
