#!/usr/bin/env python3
"""Measures hauld and other downloaders against nginx and paced servers on loopback, in interleaved rounds.

    bench.py --build DIR [--out FILE.md] [--full] [--only WORD]

Time is that of the command: of `haul get` with a hauld that is up, of the other tools' own. CPU is user + system of all processes
of the client. Python's standard library only.
"""
import argparse
import os
import shutil
import sys
import tempfile
import time

import calls
import crowd
import far
import transfers
from kit import Origin
from report import Report
from tools import Tools

PROGRAMS = ["nginx", "aria2c", "curl", "axel", "wget2", "lftp", "openssl"]


class Bench:
    """What the cases share. tmp is in memory, disk on TMPDIR's file system."""

    def __init__(self, a):
        self.full, self.n_rounds = a.full, a.rounds or (7 if a.full else 2)
        self.few_rounds = a.rounds or (5 if a.full else 1)  # of what is told by servers and links that keep time
        self.tmp = tempfile.mkdtemp(prefix="haul-bench-", dir="/dev/shm")
        self.disk = tempfile.mkdtemp(prefix="haul-bench-", dir=os.environ.get("TMPDIR", "/tmp"))
        self.origin = Origin(self.tmp)
        self.tools = Tools(self.tmp, a.build, self.origin.ca)
        self.report = Report()

    def cases(self):
        """(name, whether the quick form has it, what to do)"""
        for disk in (False, True):
            for conns in (1, 4, 16, 64):
                yield "plain", conns in (1, 16), lambda c=conns, k=disk: transfers.big(self, "http", c, k)
        for disk, conns, quick in ((False, 1, False), (False, 4, True), (False, 16, False), (False, 64, False), (True, 16, True)):
            yield "tls", quick, lambda c=conns, k=disk: transfers.big(self, "https", c, k)
        yield "small", True, lambda: transfers.files(self, "http", 10000, 16384, 22000)
        yield "small", True, lambda: transfers.files(self, "https", 10000, 16384, 14000)
        yield "small", False, lambda: transfers.files(self, "http", 2000, 262144)
        for case in (transfers.limited, transfers.uneven, transfers.slow, crowd.crowd, far.link, far.far_files, transfers.kill, calls.latency, calls.queue,
                     calls.kept, calls.operations, calls.many_active):
            yield case.__name__, case is not far.far_files, lambda f=case: f(self)

    def run(self, only):
        for name, quick, case in self.cases():
            if name == only or (not only and (quick or self.full)):
                t = time.monotonic()
                case()
                print("(%s: %.0f s)" % (name, time.monotonic() - t), flush=True)

    def clean_up(self):
        self.origin.stop()
        shutil.rmtree(self.tmp, ignore_errors=True)
        shutil.rmtree(self.disk, ignore_errors=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", required=True)
    p.add_argument("--out")
    p.add_argument("--full", action="store_true")
    p.add_argument("--only", default="", help="plain, tls, small, limited, uneven, slow, crowd, link, far_files, kill, latency, queue, kept, operations or many_active; "
                   "the file is not written then")
    p.add_argument("--rounds", type=int, default=0, help="of each piece of work (2 or 1; 7 or 5 with --full)")
    a = p.parse_args()
    load, t = os.getloadavg()[0], time.monotonic()
    bench = Bench(a)
    try:
        bench.run(a.only)
    finally:
        bench.clean_up()
    for goal in bench.report.goals:
        print("  ".join(goal))
    if a.out and not a.only:
        bench.report.write(a.out, a.full, time.monotonic() - t, load, [bench.tools.hauld] + PROGRAMS)
        print("\nwritten to " + a.out)


if __name__ == "__main__":
    sys.exit(main())
