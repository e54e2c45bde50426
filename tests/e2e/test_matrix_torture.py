"""Matrix O, and D10: a call that fails, few descriptors, little memory, signals, an odd environment; R4 and R5 beside bad servers."""
import fcntl
import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "torture"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench"))
import driver  # noqa: E402
import neighbours  # noqa: E402

LONG = bool(os.environ.get("HAUL_LONG"))
ASAN = subprocess.run("nm -D %s/hauld 2>/dev/null | grep -q __asan" % driver.conftest.BUILD, shell=True).returncode == 0
MIB = 1 << 20


@pytest.fixture(scope="module")
def torture(tmp_path_factory, hostile_server):
    return driver.Bench(tmp_path_factory.mktemp("torture"), hostile_server)


def torment(torture, scenario, fault, sample):
    """Each place where the scenario makes such calls fails once; a sample of them in the short run."""
    tried, bad = torture.campaign(scenario, fault, limit=400 if LONG else sample)
    assert not bad, "%d of %d:\n%s" % (len(bad), tried, "\n".join(bad[:5]))


@pytest.mark.matrix("O01")
@pytest.mark.parametrize("scenario", driver.SCENARIOS)
def test_one_allocation_fails(torture, scenario):
    torment(torture, scenario, "alloc", 8)


# Where such calls are made at all; the other pairs run in the long test.
SAMPLES = [(f, s) for f, names in {
    "map": ["start-queue", "four"],
    "open": ["start-queue", "four", "cookies", "session"],
    "socket": ["start-empty", "four"],
    "accept": ["add", "websocket"],
    "poll": ["start-empty", "add", "end"],
    "dns": ["named"],
    "thread": ["start-queue"],
    "send": ["faulty", "websocket"],
    "receive": ["add", "four"],
    "splice": ["four"],
}.items() for s in names]
DISK_SAMPLES = [(f, s) for f, names in {
    "write": ["four", "checksum", "session"],
    "queue": ["start-crashed", "add", "moves", "end"],
    "read": ["resume", "start-queue", "checksum"],
    "sync": ["add", "resume", "end"],
    "space": ["four", "resume"],
    "name": ["start-empty", "add", "cookies", "session"],
}.items() for s in names]


@pytest.mark.matrix("O02")
@pytest.mark.parametrize("fault,scenario", SAMPLES)
def test_one_call_of_the_system_fails(torture, fault, scenario):
    torment(torture, scenario, fault, 4)


@pytest.mark.matrix("D10")
@pytest.mark.parametrize("fault,scenario", DISK_SAMPLES)
def test_one_call_for_a_file_fails(torture, fault, scenario):
    torment(torture, scenario, fault, 4)


@pytest.mark.long
@pytest.mark.matrix("O02", "D10")
@pytest.mark.parametrize("fault", [f for f in driver.FAULTS if f != "alloc"])
@pytest.mark.parametrize("scenario", driver.SCENARIOS)
def test_every_call_fails(torture, scenario, fault):
    torment(torture, scenario, fault, 0)


# ---- O01: no memory for longer than one call ----

def memory(pid):
    """-> (address space, resident, most resident) in bytes."""
    text = open("/proc/%d/status" % pid).read()
    return tuple(int(re.search(r"%s:\s+(\d+) kB" % k, text).group(1)) << 10 for k in ("VmSize", "VmRSS", "VmHWM"))


@pytest.mark.matrix("O01")
@pytest.mark.skipif(ASAN, reason="ASan needs address space without end")
def test_no_memory_for_a_while(make_hauld, hostile, tools):
    """The address space ends: downloads under way go on, new ones are refused in words; then there is memory again."""
    d = make_hauld("--max-concurrent-downloads=3")
    running = [d.add("%s/slow/1M/m%d?rate=1M" % (hostile.base, i), split=1) for i in range(3)]
    for g in running:
        d.received(g, 1)
    acked, refused = [], []
    unlimited = resource.prlimit(d.p.pid, resource.RLIMIT_AS)
    resource.prlimit(d.p.pid, resource.RLIMIT_AS, (memory(d.p.pid)[0], unlimited[1]))
    uri = hostile.base + "/f/4K/k?" + "x" * 8000
    for i in range(2000):
        try:
            acked.append(d.add(uri, pause="true"))
        except tools.RpcError as e:
            refused.append(e)
            break
    assert refused, "2000 long jobs fit into no memory"
    assert "emory" in refused[0].message, refused[0].message
    resource.prlimit(d.p.pid, resource.RLIMIT_AS, unlimited)
    acked.append(d.add(hostile.base + "/f/64K/again"))
    assert tools.sha256_of(d.complete(acked[-1])) == hostile.sha256("64K", "again")
    for i, g in enumerate(running):
        assert tools.sha256_of(d.complete(g)) == hostile.sha256("1M", "m%d" % i)
    d.kill()
    d.start()
    for g in acked + running:
        assert d.status(g, "status")
    assert "memory is short" in d.tail() or "memory is short" in open(d.log).read()


# ---- O02, O03: descriptors ----

def cpu(pid):
    f = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
    return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def closed_by_peer(s):
    """Whether the connection ends by itself within the bound."""
    s.settimeout(20)
    try:
        return s.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


@pytest.mark.matrix("O02", "R4")
def test_accept_does_not_spin_without_descriptors(hauld, tools):
    """Each caller above the limit is let go at once, at no cost worth mentioning, and later calls are answered."""
    pid = hauld.p.pid
    old = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (descriptors(pid) + 8, old[1]))
    socks = [socket.create_connection(("127.0.0.1", hauld.port)) for _ in range(40)]
    try:
        assert closed_by_peer(socks[-1])
        before = cpu(pid)
        time.sleep(1)  # what is measured is what it does when nothing happens
        assert cpu(pid) - before < 0.3
    finally:
        for s in socks:
            s.close()
    tools.wait_for(hauld.answers, 30)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, old)
    assert open(hauld.log).read().count("accepting connections") < 10


@pytest.mark.matrix("O02", "R4")
def test_lookup_that_never_returns(torture, hostile, tools):
    """It holds up neither other downloads nor the end."""
    r = driver.Run(os.path.join(torture.folder, "hang"), torture.library, torture.origin, driver.SCENARIOS["named"])
    try:
        assert r.start(False)
        r.d.ctl.arm("dns", driver.HANG)
        stuck = r.add("f", base=hostile.base.replace("127.0.0.1", "localhost"))
        tools.wait_for(lambda: r.d.ctl.c.failed, 30)
        other = r.add("f")
        assert tools.sha256_of(r.d.complete(other)) == hostile.sha256("64K", "s")
        r.end()
        r.d.ctl.disarm()
        r.again()
        assert r.d.p.returncode == 0 and stuck in r.acked
    finally:
        if not r.d.gone():
            r.d.kill()


def limited(n):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))


def spawn(d, **kw):
    """Starts the daemon as Hauld.start does, with the child made ready by preexec_fn and the like."""
    d.out = open(d.log, "ab")
    kw = dict({"stdin": subprocess.DEVNULL, "stdout": d.out, "stderr": d.out, "env": d.env}, **kw)
    d.p = subprocess.Popen(d.argv(), **kw)
    return d


@pytest.fixture
def daemon(tmp_path, tools):
    """A daemon that was not started yet."""
    made = []

    def make(*options, name="d"):
        d = tools.Hauld(tmp_path / name, *options)
        made.append(d)
        return d
    yield make
    for d in made:
        d.stop()


@pytest.mark.matrix("O03")
def test_few_descriptors(daemon, hostile, tools):
    """64 descriptors for 100 jobs that may each have 16 connections: slower, told, and all right in the end."""
    d = spawn(daemon("--max-concurrent-downloads=100", "--retry-wait=1", "--max-tries=0", "--rpc-max-request-size=2M"), preexec_fn=limited(64))
    tools.wait_for(d.answers, 30)

    def patient(what):
        def ask():
            try:
                return what()
            except OSError:  # no descriptor for us just now
                return None
        return tools.wait_for(ask, 120)
    gids = [patient(lambda: d.add("%s/f/64K/d%d" % (hostile.base, i % 7), split=16, min_split_size="1M", max_connection_per_server=16, out="f%d" % i))
            for i in range(100)]
    tools.wait_for(lambda: patient(lambda: d.rpc("aria2.getGlobalStat"))["numStopped"] == "100", 240, 0.2)
    bad = [s for s in (patient(lambda g=g: d.status(g)) for g in gids) if s["status"] != "complete"]
    assert not bad, [(s["errorCode"], s["errorMessage"]) for s in bad][:5]
    for i in range(100):
        assert tools.sha256_of(os.path.join(d.dir, "f%d" % i)) == hostile.sha256("64K", "d%d" % (i % 7))
    assert descriptors(d.p.pid) <= 64
    assert re.search(r"WARN .*(descriptors|open files|Too many)", open(d.log).read())


@pytest.mark.matrix("O03", "R5")
def test_many_connections_in_little_memory(make_hauld, hostile, tools):
    """100 jobs of 16 connections and 16 MiB for what is received: never 64 MiB in all."""
    d = make_hauld("--max-concurrent-downloads=100", "--memory-limit=16M", "--max-connection-per-server=16", "--split=16",
                   "--min-split-size=1M", "--max-tries=0")
    gids = [d.add("%s/f/2M/l%d" % (hostile.base, i % 5), out="f%d" % i) for i in range(100)]
    for i, g in enumerate(gids):
        assert tools.sha256_of(d.complete(g, 300)) == hostile.sha256("2M", "l%d" % (i % 5))
    if not ASAN:
        assert memory(d.p.pid)[2] < 64 * MIB, memory(d.p.pid)


# ---- O04: signals ----

@pytest.mark.matrix("O04")
def test_signals_that_do_not_end_it(make_hauld, tools, hostile, tmp_path):
    log = tmp_path / "log"
    d = make_hauld("--log=%s" % log)
    gid = d.add("%s/slow/512K/sig?rate=1M" % hostile.base)
    d.received(gid, 1)
    for sig in (signal.SIGUSR1, signal.SIGPIPE, signal.SIGCHLD, signal.SIGWINCH):
        d.p.send_signal(sig)
    os.rename(log, str(log) + ".1")
    d.p.send_signal(signal.SIGHUP)
    tools.wait_for(lambda: log.exists(), 30)
    assert d.answers()
    assert tools.sha256_of(d.complete(gid)) == hostile.sha256("512K", "sig")


@pytest.mark.matrix("O04")
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_told_twice_to_end(make_hauld, hostile, sig):
    """The second one does not wait for a server that is silent; nothing is lost."""
    d = make_hauld("--timeout=600")
    gid = d.add(hostile.base + "/no-answer/1M/t")
    d.wait(gid, "active")
    d.p.send_signal(sig)
    d.p.send_signal(sig)
    assert d.p.wait(30) == 0
    d.start()
    assert d.status(gid)["status"] in ("active", "waiting")


@pytest.mark.matrix("O04", "R2")
@pytest.mark.parametrize("seed", range(3 if not LONG else 30))
def test_told_to_end_while_it_starts(daemon, tools, hostile, seed):
    """At any moment of the start: it ends, by the signal or in order, and the queue is as it was."""
    d = daemon("--max-concurrent-downloads=1").start()
    gids = {d.add("%s/f/4K/%d" % (hostile.base, i), pause="true") for i in range(50)}
    d.kill()
    r = random.Random(seed)
    for _ in range(6):
        spawn(d)
        time.sleep(r.random() * 0.05)  # the moment is the thing that is tried
        d.p.send_signal(signal.SIGTERM)
        assert d.p.wait(30) in (0, -signal.SIGTERM)
        d.out.close()
    d.start()
    assert {s["gid"] for s in d.rpc("aria2.tellWaiting", 0, 100)} == gids


# ---- O05: where it is started ----

@pytest.mark.matrix("O05")
def test_without_home(daemon, tools, tmp_path):
    """The user's folder is looked up; with HOME empty, and no state-dir, it says what to set."""
    d = daemon()
    d.env = {"PATH": os.environ["PATH"]}
    spawn(d, cwd=str(tmp_path))
    tools.wait_for(d.answers, 30)


@pytest.mark.matrix("O05")
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_standard_descriptors(daemon, tools, hostile, closed, tmp_path):
    """What is meant for standard error must not end up in a file that got its number."""
    d = daemon("--console-log-level=debug")
    spawn(d, preexec_fn=lambda: [os.close(fd) for fd in closed])
    tools.wait_for(d.answers, 30)
    gids = [d.add("%s/f/64K/c%d" % (hostile.base, i)) for i in range(3)]
    for i, g in enumerate(gids):
        assert tools.sha256_of(d.complete(g)) == hostile.sha256("64K", "c%d" % i)
    for fd in range(3):
        where = os.readlink("/proc/%d/fd/%d" % (d.p.pid, fd))
        assert where == "/dev/null" or where == d.log, (fd, where)
    d.kill()
    d.start()
    assert all(d.status(g)["status"] == "complete" for g in gids)


@pytest.mark.matrix("O05", "R4")
def test_nobody_reads_what_it_says(daemon, tools, hostile):
    """Standard output and error are a pipe that is full: lines are lost, the daemon goes on."""
    r, w = os.pipe()
    fcntl.fcntl(w, fcntl.F_SETFL, os.O_NONBLOCK)
    try:
        while True:
            os.write(w, b"x" * 4096)
    except BlockingIOError:
        pass
    fcntl.fcntl(w, fcntl.F_SETFL, 0)
    d = daemon("--console-log-level=debug", "--on-download-complete=/bin/echo")
    try:
        spawn(d, stdout=w, stderr=w)
        tools.wait_for(d.answers, 30)
        gid = d.add(hostile.base + "/f/64K/pipe")
        assert tools.sha256_of(d.complete(gid)) == hostile.sha256("64K", "pipe")
        d.p.terminate()
        assert d.p.wait(30) == 0
    finally:
        os.close(r)
        os.close(w)


@pytest.mark.matrix("O05")
@pytest.mark.parametrize("env", [{"LANG": "C", "LC_ALL": "C"}, {"LC_ALL": "no_SUCH.locale"}, {"TZ": ":/no/such/zone"}, {"TZ": "XYZ-99:99:99"},
                                 {"TZ": "A" * 5000}, {"TMPDIR": "/no/such/folder"}, {"PATH": ""}], ids=lambda e: "-".join(e)[:20])
def test_odd_environment(daemon, tools, hostile, env):
    d = daemon()
    d.env = dict(d.env, **env)
    spawn(d)
    tools.wait_for(d.answers, 30)
    gid = d.add(hostile.base + "/f/64K/%C3%BCml%C3%A4ut.bin")
    assert tools.sha256_of(d.complete(gid)) == hostile.sha256("64K", "%C3%BCml%C3%A4ut.bin")


# ---- R4, R5: the worst servers beside a good one ----

RATE = 4 * MIB


@pytest.fixture
def good(tmp_path):
    """A server that sends one file at RATE; -> (url, sha256)."""
    (tmp_path / "www").mkdir()
    data = bytes(range(256)) * (4 * RATE // 256)
    (tmp_path / "www" / "good").write_bytes(data)
    p = subprocess.Popen([sys.executable, os.path.join(driver.TESTS, "origin", "paced.py"), str(tmp_path / "www"), str(RATE)],
                         stdout=subprocess.PIPE, text=True)
    yield "http://127.0.0.1:%d/good" % int(p.stdout.readline()), driver.hashlib.sha256(data).hexdigest()
    p.terminate()
    p.wait()


@pytest.mark.matrix("R4", "R5")
def test_bad_servers_and_a_good_one(make_hauld, hostile, tools, good):
    """Downloads of hostile paths that never give up: the good one keeps most of its speed, RPC answers, memory is bounded. The exact
    figures are bench/neighbours.py's to measure; here they may be ten times as bad."""
    url, digest = good
    d = make_hauld("--max-concurrent-downloads=50", "--ca-certificate=" + hostile.ca, "--console-log-level=error")
    call = neighbours.Caller(d.port)
    bad = neighbours.Neighbours(d.port, hostile.base, hostile.https)
    bad.tend()
    tools.wait_for(lambda: int(call("aria2.getGlobalStat")["numActive"]) >= 5, 30)
    gid = call("aria2.addUri", [url], {"split": "1"})
    speed, took, conns = neighbours.measure(call, gid, 2.5, tend=bad.tend)
    assert tools.sha256_of(d.complete(gid)) == digest
    bad.leave()
    assert bad.added >= len(neighbours.BAD)
    assert speed > RATE / 2, speed
    assert neighbours.quantile(took, 0.99) < 1, sorted(took)[-5:]
    if not ASAN:
        assert neighbours.peak(d.p.pid) < neighbours.bound(4 * (len(neighbours.BAD) + 1), len(neighbours.BAD) + 1), neighbours.peak(d.p.pid)
