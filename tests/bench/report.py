"""Tables of the benchmarks: on the terminal, and in docs/benchmarks.md with the goals that they are held against."""
import datetime
import os
import platform
import statistics
import subprocess

INTRO = """# Benchmarks

Written by `make bench`; do not edit. Each file was compared by sha256. The CPU of hauld includes that of `haul get`, and hauld syncs what
it has downloaded to the disk before it calls it complete, which the others do not. `floor` is tests/bench/floor.c, which only receives and
writes. Compare inside a table only: the machine is shared, and loopback is not a network.
"""


class Report:
    def __init__(self):
        self.tables, self.goals = [], []

    def table(self, title, head, rows, note=""):
        self.tables.append((title, head, rows, note))
        width = [max(len(str(r[i])) for r in [head] + rows) for i in range(len(head))]
        print("\n" + title)
        for r in [head] + rows:
            print("  " + "  ".join(str(c).rjust(w) if i else str(c).ljust(w) for i, (c, w) in enumerate(zip(r, width))), flush=True)
        if note:
            print("  " + note, flush=True)

    def goal(self, what, bound, ours, least=False, unit="", peers=()):
        """One line of the comparison with what we aim for. bound: the most, or with `least` the least; peers: (name, figure)."""
        met = ours >= bound if least else ours <= bound
        best = (max if least else min)(peers, key=lambda p: p[1]) if peers else None
        self.goals.append([what, "%s %s%s" % (">=" if least else "<=", figure(bound), unit), figure(ours), "yes" if met else "no",
                           "%s %s" % (best[0], figure(best[1])) if best else "-",
                           "%.2f" % (ours / best[1]) if best and best[1] else "-"])

    def samples(self, title, got, total, per):
        """got: {tool: [Sample]}; per: (head of the rate, its format, its factor, factor of the CPU's unit, head of the CPU)."""
        base = statistics.median(x.wall for x in got["hauld"])
        rows = []
        for tool, v in got.items():
            s, c = statistics.median(x.wall for x in v), statistics.median(x.cpu for x in v)
            rows.append([tool, "%.3f" % s, "%.3f-%.3f" % (min(x.wall for x in v), max(x.wall for x in v)), per[1] % (total / s * per[2]),
                         "%.2f" % (s / base), "%.2f" % (c / (total * per[3])), "%d" % (max(x.peak for x in v) >> 20)])
        self.table(title, ["", "median s", "min-max s", per[0], "time / hauld's", per[4], "peak MiB"], rows)

    def write(self, path, full, took, load, programs):
        lines = [INTRO, *self.head(full, took, load, programs)]
        if self.goals:
            lines += ["", "## Goals", ""] + md(["work", "goal", "hauld", "met", "best other", "hauld / best other"], self.goals)
        for title, head, rows, note in self.tables:
            lines += ["", "## " + title, ""] + md(head, rows) + (["", note] if note else [])
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")

    @staticmethod
    def head(full, took, load, programs):
        with open("/proc/cpuinfo") as f:
            cpu = next((l.split(":", 1)[1].strip() for l in f if l.startswith("model name")), platform.machine())
        mem = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
        yield "- date: %s, took %d s; load average before and after: %.2f, %.2f" % (now, took, load, os.getloadavg()[0])
        yield "- command: make bench" + (" BENCH=full" if full else "")
        yield "- machine: %s, %d cores, %d GiB, Linux %s" % (cpu, os.cpu_count(), mem, platform.release())
        yield from ("- " + v for v in map(version, programs) if v)


def figure(x):
    return "%d" % x if x >= 100 else "%.2f" % x


def md(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" + "--:|" * (len(head) - 1)]
    return lines + ["| " + " | ".join(str(c) for c in r) + " |" for r in rows]


def version(program):
    ask = {"nginx": "-v", "openssl": "version"}.get(program, "--version")
    try:
        out = subprocess.run([program, ask], capture_output=True, text=True)
    except OSError:
        return None
    return " ".join((out.stdout + out.stderr).strip().split("\n")[0].split()[:4])


def quantiles(times):
    """p50, p99 and the worst, in ms."""
    v = sorted(times)
    return v[len(v) // 2] * 1e3, v[int(len(v) * 0.99)] * 1e3, v[-1] * 1e3


def shown(q):
    return ["%.2f" % x for x in q]
