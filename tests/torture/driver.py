"""What a daemon does when one call fails: scenarios, the table of faults, and what must hold afterwards.

    driver.py run [SCENARIO] [FAULT]    each place of each kind of call fails once (minutes to hours)
    driver.py one SCENARIO FAULT SITE   one of them again, with what failed and the log

A scenario is made ready without faults, the library (interpose.c) is armed, and the scenario acts. Places are told apart by
their callers: a first, unharmed run collects them, and each then fails at its first call.
"""
import concurrent.futures
import ctypes
import errno
import hashlib
import itertools
import json
import mmap
import os
import random
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(TESTS, "e2e"))
sys.path.insert(0, os.path.join(TESTS, "matrix"))
import conftest  # noqa: E402

SHORT = -1
HANG = -2
KINDS = ["alloc", "map", "write", "sync", "space", "name", "open", "socket", "accept", "poll", "dns", "thread", "read", "splice"]
E = errno
# name: kind of call, errors, part of the path ("": all). libuv's own pipes and eventfds are no files: see docs/operating.md.
FAULTS = {
    "alloc": ("alloc", [E.ENOMEM], ""),
    "map": ("map", [E.ENOMEM], ""),
    "write": ("write", [E.EIO, E.ENOSPC, E.EINTR, SHORT], "/"),
    "queue": ("write", [E.EIO, E.ENOSPC, E.EINTR, SHORT], "queue.db"),
    "send": ("write", [E.EINTR, E.ENOBUFS, E.ECONNRESET, SHORT], "socket:"),
    "read": ("read", [E.EIO, E.EINTR, SHORT], "/"),
    "receive": ("read", [E.EINTR, E.ENOMEM, E.ECONNRESET, SHORT], "socket:"),
    "splice": ("splice", [E.EINVAL, E.EPERM, E.EIO, E.ENOSPC, E.EINTR, E.ECONNRESET, SHORT], ""),
    "sync": ("sync", [E.EIO, E.ENOSPC], ""),
    "space": ("space", [E.ENOSPC, E.EIO, E.EINTR, E.EOPNOTSUPP], ""),
    "name": ("name", [E.EIO, E.ENOSPC, E.EACCES], ""),
    "open": ("open", [E.EMFILE, E.ENOMEM, E.EIO], ""),
    "socket": ("socket", [E.EMFILE, E.ENOBUFS, E.EADDRNOTAVAIL], ""),
    "accept": ("accept", [E.EMFILE, E.ENFILE, E.ENOMEM, E.EINTR, E.ECONNABORTED], ""),
    "poll": ("poll", [E.ENOMEM], ""),
    "dns": ("dns", [E.ENOMEM, E.EMFILE], ""),
    "thread": ("thread", [E.EAGAIN], ""),
}
TRACE_MAX = 1 << 18


ASAN_OWN = re.compile(r"AsanThread")  # the checker's own calls


def excused(ctl):
    """Crashes that are not hauld's to prevent (docs/operating.md, "When memory runs out"): libuv aborts when epoll_ctl fails, and
    glibc's name service does not bear a failed malloc in its first call, which is therefore made at the start. What was
    acknowledged must survive them all the same."""
    callers = ctl.callers()
    if ASAN_OWN.search("\n".join(callers)):
        return True
    if ctl.c.what == b"epoll_ctl":
        return callers[0].startswith("libuv.so")
    return any("set_owner" in c for c in callers)


class Layout(ctypes.Structure):
    """struct ctl of interpose.c."""
    _fields_ = [("magic", ctypes.c_uint32), ("armed", ctypes.c_uint32), ("left", ctypes.c_uint64), ("site", ctypes.c_uint64),
                ("err", ctypes.c_int32), ("times", ctypes.c_uint32), ("path", ctypes.c_char * 128), ("trace", ctypes.c_uint32),
                ("n_trace", ctypes.c_uint32), ("count", ctypes.c_uint64), ("failed", ctypes.c_uint64), ("what", ctypes.c_char * 32),
                ("frames", ctypes.c_uint64 * 24), ("traced", ctypes.c_uint64 * TRACE_MAX), ("modules", (ctypes.c_char * 128) * 64)]


class Ctl:
    """The file through which the library is ruled."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as f:
            f.truncate(ctypes.sizeof(Layout))
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 0)
        self.c = Layout.from_buffer(self.map)
        self.c.magic = 0x74726f75

    def arm(self, fault, err=0, site=0, left=0, times=1, trace=False):
        kind, _, path = FAULTS[fault]
        c = self.c
        c.armed = 0
        c.count = c.failed = c.n_trace = 0
        c.left, c.site, c.err, c.times, c.path, c.trace = left, site, err, times, path.encode(), trace
        c.armed = 1 + KINDS.index(kind)

    def disarm(self):
        self.c.armed = 0

    def sites(self):
        """The places that were traced, in the order of their first call."""
        return list(dict.fromkeys(self.c.traced[:min(self.c.n_trace, TRACE_MAX)]))

    def callers(self):
        """Of the call that failed last, the nearest first."""
        out = []
        for f in self.c.frames:
            if f and b"interpose.so" not in bytes(self.c.modules[max(0, (f >> 40) - 1)].value):
                name = bytes(self.c.modules[(f >> 40) - 1].value).decode() if f >> 40 else "?"
                out.append("%s+0x%x%s" % (os.path.basename(name), f & (1 << 40) - 1, function_of(name, f & (1 << 40) - 1)))
        return out

    def where(self):
        return "\n  ".join([self.c.what.decode() + " failed, called by:"] + self.callers())


def function_of(module, offset):
    path = os.path.join(conftest.BUILD, "hauld") if module == "hauld" else module
    try:
        text = subprocess.run(["addr2line", "-fe", path, hex(offset - 1)], capture_output=True, text=True).stdout.split("\n")
        return " " + " ".join(t for t in text[:2] if not t.startswith("??"))
    except OSError:
        return ""


def build_library(folder):
    """-> the path of the preloaded library, made with the compiler that builds hauld."""
    so = os.path.join(folder, "interpose.so")
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared",
                    "-o", so, os.path.join(HERE, "interpose.c"), "-ldl"], check=True)
    return so


class Broken(AssertionError):
    pass


class Crash(Broken):
    pass


class Tortured(conftest.Hauld):
    """A daemon with the library in it."""

    def __init__(self, folder, library, *options):
        os.makedirs(folder, exist_ok=True)
        self.ctl = Ctl(os.path.join(str(folder), "ctl"))
        asan = "verify_asan_link_order=0:quarantine_size_mb=4:allocator_may_return_null=1:" + os.environ.get("ASAN_OPTIONS", "")
        super().__init__(folder, *options, env={"LD_PRELOAD": library, "HAUL_TORTURE": self.ctl.path, "ASAN_OPTIONS": asan})

    def bare(self):
        """The same daemon from now on without the library."""
        self.env.pop("LD_PRELOAD", None)

    def spawn(self):
        self.out = open(self.log, "ab")
        self.p = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out, env=self.env, cwd=self.folder)

    def gone(self):
        return self.p.poll() is not None


class Run:
    """One scenario with one fault: what was acknowledged, and whether it is still so."""

    BOUND = 40  # seconds for what takes well under one: only a hang gets there

    def __init__(self, folder, library, origin, scenario):
        self.scenario, self.origin = scenario, origin
        self.d = Tortured(folder, library, *[o.format(ca=origin.ca) for o in scenario.options])
        self.excused = False
        self.acked = {}  # gid: (size, seed) or None when it may end as it likes
        self.n = 0

    # -- what scenarios use

    def call(self, method, *params):
        """The result, or None: the fault may refuse a call or cut its connection."""
        try:
            return self.d.rpc(method, *params)
        except (conftest.RpcError, OSError, ValueError):
            return None
        except Exception as e:  # http.client has errors of its own for cut answers
            if type(e).__module__ != "http.client":
                raise
            return None

    def url(self, kind, size, seed, base=None):
        self.n += 1
        return "%s/%s/%s/%s/%d.bin" % (base or self.origin.base, kind, size, seed, self.n)

    def add(self, path, size="64K", seed="s", base=None, **options):
        kind, _, query = path.partition("?")
        url = self.url(kind, size, seed, base) + ("?" + query if query else "")
        gid = self.call("aria2.addUri", [url], {k.replace("_", "-"): str(v) for k, v in options.items()})
        if gid:
            self.acked[gid] = (size, seed)
        return gid

    def until(self, what, why):
        end = time.monotonic() + self.BOUND
        while True:
            value = what()
            if value:
                return value
            if self.d.gone():
                self.ended_badly()
            if time.monotonic() > end:
                raise Broken("hang: " + why)
            time.sleep(0.01)

    def status(self, gid):
        return self.call("aria2.tellStatus", gid)

    def ended(self, gid):
        s = self.status(gid)
        if s and s["status"] == "paused":  # a pause may take effect after the call that was to undo it
            self.call("aria2.unpause", gid)
        return s if s and s["status"] in ("complete", "error", "removed") else None

    def wait(self, *gids):
        for gid in gids:
            if gid:
                self.until(lambda: self.ended(gid), "the download %s does not end: %s" % (gid, self.status(gid)))

    # -- what must hold

    def ended_badly(self):
        rc = self.d.p.returncode
        if rc < 0:
            raise Crash("ended by signal %d" % -rc)
        raise Crash("ended with %d while it served" % rc)

    def check_log(self):
        text = open(self.d.log, errors="replace").read()
        for bad in () if self.excused else ("Sanitizer", "runtime error:", "not a live", "Assertion"):
            if bad in text:
                raise Broken(text[text.index(bad) - 200:][:6000])

    def check_file(self, gid, s):
        want = self.acked.get(gid)
        if s["status"] != "complete" or not want:
            return
        path = s["files"][0]["path"]
        h = hashlib.sha256(open(path, "rb").read()).hexdigest()
        if h != self.origin.sha256(*want):
            raise Broken("complete and wrong: %s" % path)

    def settle(self):
        """After the fault: it answers, and what was acknowledged comes to an end."""
        self.d.ctl.disarm()
        self.until(lambda: self.call("aria2.getVersion"), "no answer after the fault")
        self.call("aria2.unpauseAll")
        for gid in list(self.acked):
            s = self.until(lambda: self.ended(gid), "the download %s does not end: %s" % (gid, self.status(gid)))
            self.check_file(gid, s)

    def end(self, armed=False):
        self.d.p.send_signal(signal.SIGTERM)
        try:
            self.d.p.wait(self.BOUND)
        except subprocess.TimeoutExpired:
            raise Broken("hang: SIGTERM does not end it")
        if self.d.p.returncode < 0:
            self.ended_badly()
        self.check_log()
        if self.d.p.returncode != 0 and not armed:
            raise Broken("an orderly end with exit code %d" % self.d.p.returncode)

    def again(self):
        """Without the library: nothing that was acknowledged is lost, and it ends well."""
        self.d.bare()
        self.d.spawn()
        self.until(lambda: self.call("aria2.getVersion"), "no start after the fault")
        self.call("aria2.unpauseAll")
        for gid in self.acked:
            s = self.until(lambda: self.status(gid) or {"status": "lost"}, "no status")
            if s["status"] == "lost":
                raise Broken("lost: %s was acknowledged" % gid)
            s = self.until(lambda: self.ended(gid), "the download %s does not end" % gid)
            self.check_file(gid, s)
        self.end()

    def start(self, armed):
        """-> whether it serves. A start that fails says why and ends with a code."""
        self.d.spawn()

        def up():
            return self.d.gone() or self.call("aria2.getVersion")
        end = time.monotonic() + self.BOUND
        while not up():
            if time.monotonic() > end:
                raise Broken("hang: the start")
            time.sleep(0.005)
        if not self.d.gone():
            return True
        if self.d.p.returncode < 0:
            self.ended_badly()
        if not armed or self.d.p.returncode == 0:
            raise Broken("the start ended with %d" % self.d.p.returncode)
        self.excused = excused(self.d.ctl)
        if not self.excused and "hauld: " not in open(self.d.log, errors="replace").read():
            raise Broken("a start failed without a word")
        return False

    def faulty_part(self, arm):
        sc = self.scenario
        if not self.start(sc.at_start):
            return
        if not sc.queue:
            sc.prepare(self)
        if not sc.at_start:
            arm()
        sc.act(self)
        if not sc.at_end:
            self.settle()
        self.end(sc.at_end)

    def go(self, arm):
        """The whole of it; arm() is called where the scenario begins."""
        sc = self.scenario
        try:
            if sc.queue:
                self.start(False)
                sc.prepare(self)
                self.d.kill() if sc.crash else self.end()
            if sc.at_start:
                arm()
            try:
                self.faulty_part(arm)
            except Crash:
                if not excused(self.d.ctl):
                    raise
                self.excused = True
            self.d.ctl.disarm()
            self.again()
        finally:
            if self.d.p and not self.d.gone():
                self.d.p.kill()
                self.d.p.wait()
            self.d.out.close()


class Scenario:
    """queue: prepare() runs in an earlier process, which is killed (crash) or ended; at_start: armed before the start;
    at_end: still armed while it ends."""

    def __init__(self, prepare=lambda r: None, act=lambda r: None, options=(), queue=False, crash=False, at_start=False, at_end=False):
        self.prepare, self.act, self.queue, self.crash = prepare, act, queue, crash
        self.at_start, self.at_end = at_start, at_end
        self.options = ["--retry-wait=0", "--max-tries=5", "--connect-timeout=2", "--timeout=3", "--file-allocation=falloc"] + list(options)


def three_paused(r):
    for i in range(3):
        r.add("f", seed="q%d" % i, pause="true")


def add_three(r):
    r.wait(*[r.add("f", seed="s%d" % i) for i in range(3)])


def plain(r):
    r.wait(r.add("f", "1M", split=4, max_connection_per_server=4, min_split_size="1M", piece_length="1M"))


def four(r):
    r.wait(r.add("f", "4M", split=4, max_connection_per_server=4, min_split_size="1M"))


def tls(r):
    r.wait(r.add("f", "256K", base=r.origin.https))


def named(r):
    """By name: the resolver and its threads."""
    r.wait(r.add("f", "64K", base=r.origin.base.replace("127.0.0.1", "localhost")))


def half(r):
    r.gid = r.add("slow?rate=2M", "512K")
    r.until(lambda: int((r.status(r.gid) or {}).get("completedLength", 0)) > 0, "nothing comes")


def unknown_gzip(r):
    r.wait(r.add("chunked", "128K"), r.add("gzip", "128K", http_accept_gzip="true"), r.add("close", "64K"))


def checksum(r):
    good = "sha-256=" + r.origin.sha256("256K", "c")
    r.wait(r.add("f", "256K", "c", checksum=good))
    bad = r.add("f", "64K", "d", checksum="sha-256=" + "0" * 64)
    r.wait(bad)
    s = bad and r.status(bad)
    if s and s["status"] == "complete":
        raise Broken("complete against its checksum")


def faulty(r):
    """Servers that fail: tries again, redirects, a cut, wrong status."""
    r.wait(r.add("cut?every=32K", "128K"), r.add("redir-chain?n=3", "64K"), r.add("fail?code=503&times=1", "64K"), r.add("status", "64K"))


def cookies(r):
    r.wait(r.add("cookies", "64K"), r.add("cookies", "64K"))


def queue_calls(r):
    gids = list(r.acked)
    for gid in gids:
        r.call("aria2.changeOption", gid, {"max-download-limit": "2M", "header": ["X-A: 1", "X-B: 2"]})
        r.call("aria2.changePosition", gid, 0, "POS_SET")
        r.call("aria2.changeUri", gid, 1, [], [r.url("f", "64K", "z")])
        for m in ("aria2.getOption", "aria2.getUris", "aria2.getFiles", "aria2.getServers", "aria2.tellStatus"):
            r.call(m, gid)
    r.call("aria2.tellWaiting", 0, 100)
    r.call("aria2.tellActive")
    r.call("aria2.tellStopped", 0, 100)
    r.call("aria2.getGlobalStat")
    r.call("aria2.getGlobalOption")
    r.call("aria2.changeGlobalOption", {"max-concurrent-downloads": "2"})
    r.call("system.multicall", [{"methodName": "aria2.tellStatus", "params": [g]} for g in gids])
    r.call("system.listMethods")


def moves(r):
    a, b = (list(r.acked) + [None, None])[:2]
    for m in ("aria2.unpause", "aria2.pause", "aria2.forcePause", "aria2.unpause"):
        r.call(m, a)
    gid = r.add("slow?rate=1M", "256K")
    r.call("aria2.pause", gid)
    r.call("aria2.unpause", gid)
    r.acked[b] = None
    r.call("aria2.forceRemove", b)
    r.acked.pop(b, None)  # it may be gone, as asked
    r.call("aria2.removeDownloadResult", b)


def purge(r):
    gid = r.add("f", "64K")
    r.wait(gid)
    r.acked.pop(gid, None)
    r.call("aria2.purgeDownloadResult")


def session(r):
    r.call("aria2.saveSession")
    r.call("aria2.saveSession")


def websocket(r):
    """Calls and events over a WebSocket; a gid counts as acknowledged when its answer was read."""
    import rpckit
    ws = None
    try:
        ws = rpckit.WebSocket.to(r.d, timeout=4)
        if ws.status != 101:
            return
        for i in range(2):
            ws.send(rpckit.request("aria2.addUri", [r.url("f", "64K", "w")], id="w%d" % i))
        left = 4  # two answers, two files that are complete
        while left:
            m = ws.recv()
            if m.get("id") in ("w0", "w1") and "result" in m:
                r.acked[m["result"]] = ("64K", "w")
            left -= "id" in m or m["method"] in ("aria2.onDownloadComplete", "aria2.onDownloadError")
    except (OSError, ValueError, IndexError):
        pass  # the fault may cut it; what was answered counts
    finally:
        if ws:
            ws.close()


SCENARIOS = {
    "start-empty": Scenario(at_start=True),
    "start-queue": Scenario(prepare=three_paused, queue=True, at_start=True),
    "start-crashed": Scenario(prepare=half, queue=True, crash=True, at_start=True),
    "add": Scenario(act=add_three),
    "four": Scenario(act=four),
    "named": Scenario(act=named),
    "tls": Scenario(act=tls, options=["--ca-certificate={ca}"]),
    "resume": Scenario(prepare=half, queue=True, crash=True, act=lambda r: r.wait(r.gid)),
    "unknown-gzip": Scenario(act=unknown_gzip),
    "websocket": Scenario(act=websocket),
    "queue": Scenario(prepare=three_paused, act=queue_calls),
    "moves": Scenario(prepare=three_paused, act=moves),
    "checksum": Scenario(act=checksum),
    "faulty": Scenario(act=faulty),
    "cookies": Scenario(act=cookies, options=["--save-cookies=cookies"]),
    "purge": Scenario(act=purge),
    "session": Scenario(prepare=three_paused, act=session, options=["--save-session=session"]),
    "end": Scenario(prepare=half, at_end=True, options=["--save-session=session"]),
}


class Bench:
    """Runs scenarios in folders of their own below `folder`."""

    AT_ONCE = 6

    def __init__(self, folder, origin):
        self.folder, self.origin = str(folder), origin
        self.library = build_library(self.folder)
        self.n = itertools.count(1)

    def run(self, name, arm):
        r = Run(os.path.join(self.folder, "%s-%d" % (name, next(self.n))), self.library, self.origin, SCENARIOS[name])
        try:
            r.go(lambda: arm(r.d.ctl))
        except Exception as e:
            e.run = r
            raise
        finally:
            r.d.ctl.disarm()
        return r

    def sites(self, name, fault):
        """Where the scenario makes such calls."""
        r = self.run(name, lambda ctl: ctl.arm(fault, times=0, trace=True))
        sites = r.d.ctl.sites()
        self.clean(r)
        return sites

    def clean(self, r):
        import shutil
        shutil.rmtree(r.d.folder, ignore_errors=True)

    def one(self, name, fault, err, site):
        """-> None, or what went wrong. A site that is not met again (threads differ from run to run) counts as met."""
        try:
            r = self.run(name, lambda ctl: ctl.arm(fault, err, site))
        except Broken as e:
            r = e.run
            return "%s, %s, %s, site %x: %s\n%s\n%s" % (name, fault, err_name(err), site, e, r.d.ctl.where(), r.d.tail())
        self.clean(r)
        return None

    def campaign(self, name, fault, limit=None, seed=1, say=lambda s: None):
        """Each place fails once, with each error in turn; `limit` of them, drawn by the seed. -> (tried, [what went wrong])."""
        errs = FAULTS[fault][1]
        todo = [(e, s) for s in self.sites(name, fault) for e in errs]
        if limit is not None and len(todo) > limit:
            todo = random.Random(seed).sample(todo, limit)
        bad = []
        with concurrent.futures.ThreadPoolExecutor(self.AT_ONCE) as pool:  # most of a run is waiting
            for b in pool.map(lambda t: self.one(name, fault, *t), todo):
                if b:
                    bad.append(b)
                    say(b)
        return len(todo), bad


def err_name(err):
    return "short" if err == SHORT else errno.errorcode[err]


def main(argv):
    import tempfile
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        origin = conftest.Hostile(folder)
        try:
            bench = Bench(folder, origin)
            if argv[0] == "one":
                errs = FAULTS[argv[2]][1]
                for e in errs:
                    print(err_name(e), bench.one(argv[1], argv[2], e, int(argv[3], 16)))
                return 0
            names = [argv[1]] if len(argv) > 1 and argv[1] != "all" else SCENARIOS
            faults = [argv[2]] if len(argv) > 2 and argv[2] != "all" else FAULTS
            limit = int(argv[3]) if len(argv) > 3 else None
            wrong = 0
            for name in names:
                for fault in faults:
                    t = time.monotonic()
                    tried, bad = bench.campaign(name, fault, limit, say=lambda b: print(b, flush=True))
                    wrong += len(bad)
                    print("== %s, %s: %d tried, %d wrong, %.0f s" % (name, fault, tried, len(bad), time.monotonic() - t), flush=True)
            return 1 if wrong else 0
        finally:
            origin.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
