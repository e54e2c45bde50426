"""How each downloader is run for a piece of work, and what it took."""
import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from kit import PeakMemory, Rpc

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "origin"))
from paced import Paced  # noqa: E402,F401

# wall seconds, CPU seconds (user and system) of the client, peak bytes of its memory
Sample = collections.namedtuple("Sample", "wall cpu peak")
HERE = os.path.dirname(os.path.abspath(__file__))


class Failed(Exception):
    """The downloader ended with an error."""


class Work:
    """Files to fetch: (url, name below the folder, size). conns: connections for each; at_once: files at a time."""

    def __init__(self, files, conns=1, at_once=16, min_split="1M"):
        self.files, self.conns, self.at_once, self.min_split = files, conns, at_once, min_split

    def urls(self):
        return [f[0] for f in self.files]


def by_command(argv, where, env=None):
    t = time.monotonic()
    p = subprocess.Popen(argv, cwd=where, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    watch = PeakMemory(p.pid)
    _, status, ru = os.wait4(p.pid, 0)
    wall = time.monotonic() - t
    watch.join()
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode != 0:
        raise Failed("%s: exit %d" % (" ".join(argv)[:300], p.returncode))
    return Sample(wall, ru.ru_utime + ru.ru_stime, watch.peak)


class Tools:
    """Runs hauld with haul, and what else is installed. `prefix` is put in front of each command (a network namespace)."""

    def __init__(self, tmp, build, ca):
        self.tmp, self.ca, self.prefix = tmp, ca, []
        self.hauld = os.path.abspath(os.path.join(build, "hauld"))
        self.haul = os.path.abspath(os.path.join(build, "haul"))
        self.floor = self.compile("floor.c", "-lssl", "-lcrypto")

    def compile(self, source, *libs):
        program = os.path.join(self.tmp, source.rsplit(".", 1)[0])
        subprocess.run(["cc", "-O2", "-std=gnu11", "-D_GNU_SOURCE", "-o", program, os.path.join(HERE, source), *libs], check=True)
        return program

    def there(self, names):
        """hauld, and those of the names that this machine has."""
        return ["hauld"] + [n for n in names if n == "floor" or shutil.which(n.split()[0])]

    def hauld_extra(self, where):
        return ["--state-dir=" + os.path.join(where, "state"), "--ca-certificate=" + self.ca]

    def by_hauld(self, where, work):
        """A daemon that is up, as on a shared server, and `haul get`: the time of the command, the CPU of both."""
        d = Rpc("hauld", self.hauld, where, work.conns, [*self.hauld_extra(where), "--max-concurrent-downloads=%d" % work.at_once,
                "--min-split-size=" + work.min_split])
        cpu = d.cpu()
        s = by_command([self.haul, "get", "--url=http://127.0.0.1:%d/jsonrpc" % d.port, "--dir=" + where, "-q", "-i", self.list(work)], where)
        s = Sample(s.wall, s.cpu + d.cpu() - cpu, d.rss() + s.peak)
        d.stop()
        shutil.rmtree(os.path.join(where, "state"))
        return s

    def by_private(self, where, work):
        """`haul get` with a daemon of its own: for where no other is, as on the far side of a link."""
        what = [work.files[0][0]] if len(work.files) == 1 else ["-j%d" % work.at_once, "-i", self.list(work)]
        return by_command([*self.prefix, self.haul, "get", "--private", "-q", "--dir=" + where, "-x%d" % work.conns, "-s%d" % work.conns,
                           "-k", work.min_split, "--ca-certificate=" + self.ca, "--file-allocation=none", *what], where, dict(os.environ, HOME=where))

    def list(self, work):
        """The path of a list in aria2's form."""
        path = os.path.join(self.tmp, "list.txt")
        with open(path, "w") as f:
            f.write("".join("%s\n  out=%s\n" % (u, name) for u, name, _ in work.files))
        return path

    def curl_list(self, work):
        path = os.path.join(self.tmp, "list.curl")
        with open(path, "w") as f:
            f.write("".join('url = "%s"\noutput = "%s"\n' % (u, name) for u, name, _ in work.files))
        return path

    def plain_list(self, work):
        path = os.path.join(self.tmp, "list.plain")
        with open(path, "w") as f:
            f.write("\n".join(work.urls()) + "\n")
        return path

    def floor_argv(self, url, name, size, conns):
        scheme, port, path = re.match(r"(https?)://[^:]+:(\d+)(/.*)", url).groups()
        return [self.floor, scheme, port, path, str(size), str(conns), name]

    def argv(self, tool, work):
        url, name, size = work.files[0]
        n, many = str(work.conns), len(work.files) > 1
        at_once = str(work.at_once)
        curl = ["curl", "-s", "-f", "--cacert", self.ca, *(["-Z", "--parallel-max", at_once] if many else [])]
        return {
            "aria2c": lambda: ["aria2c", "--no-conf", "-q", "-x", n, "-s", n, "-k", work.min_split, "-j", at_once, "--file-allocation=none",
                               "--ca-certificate=" + self.ca, "-i", self.list(work)],
            "curl": lambda: [*curl, "--http1.1", "-K", self.curl_list(work)],
            "curl --http2": lambda: [*curl, "--http2", "-K", self.curl_list(work)],
            "floor": lambda: self.floor_argv(url, name, size, work.conns),
            "lftp": lambda: ["lftp", "-c", "set ssl:ca-file %s; pget -n %s %s" % (self.ca, n, url)],
            "axel": lambda: ["axel", "-q", "-k", "-n", n, url],
            "wget2": lambda: ["wget2", "-q", "--no-config", "--ca-certificate=" + self.ca, "--no-http2", "--max-threads=" + (at_once if many else n),
                              *(["--chunk-size=%d" % (size // work.conns)] if not many and work.conns > 1 else []), "-i", self.plain_list(work)],
        }[tool]()

    def run(self, tool, where, work):
        if tool == "hauld":
            return self.by_hauld(where, work)
        if tool == "haul --private":
            return self.by_private(where, work)
        return by_command([*self.prefix, *self.argv(tool, work)], where)


def folder_in(root):
    return tempfile.mkdtemp(dir=root)
