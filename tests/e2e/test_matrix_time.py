"""Slow, silent, gone: T of tests/matrix/matrix.md."""
import contextlib
import glob
import json
import signal
import socket
import time

import conftest
import netns
import pytest

FAST = dict(retry_wait=0, timeout=4, max_tries=3, min_split_size="1M", max_retry_wait=1)


# ---- T05-T11: servers and networks that are not there, and clocks ----


@pytest.mark.matrix("T05")
@pytest.mark.parametrize("conns", [1, 4])
def test_closed_without_a_byte(hauld, hostile, conns):
    s = hauld.wait(hauld.add(hostile.base + "/fin/1M/a", split=conns, max_connection_per_server=conns, **FAST))
    assert (s["status"], s["errorCode"]) == ("error", "1") and "closed the connection" in s["errorMessage"], s
    assert len(hostile.log()) == 3


@pytest.mark.matrix("T08")
@pytest.mark.parametrize("conns", [1, 4])
def test_no_listener(hauld, tools, conns):
    s = hauld.wait(hauld.add("http://127.0.0.1:%d/f" % tools.free_port(), split=conns, max_connection_per_server=conns, **FAST))
    assert (s["status"], s["errorCode"]) == ("error", "1") and "refused" in s["errorMessage"], s


@pytest.mark.matrix("T08")
def test_a_listener_that_does_not_accept(hauld, hostile, tools):
    """Its queue is full, so that the kernel answers nobody; a dead server beside a living one is no dead network."""
    with socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            c = stack.enter_context(socket.socket())
            c.setblocking(False)
            c.connect_ex(full.getsockname())
        began = time.monotonic()
        gid = hauld.add("http://127.0.0.1:%d/f" % full.getsockname()[1], **dict(FAST, connect_timeout=2, max_tries=2))
        hauld.complete(hauld.add(hostile.base + "/f/1M/a"))
        s = hauld.wait(gid)
        assert (s["status"], s["errorCode"]) == ("error", "2"), s
        assert time.monotonic() - began >= 4  # two tries


@pytest.fixture
def clock(tmp_path):
    """(environment, set(text)) for a program whose real-time clock can be set; the monotonic one, and the times that the kernel
    gives files, are left alone."""
    libs = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    if not libs:
        pytest.skip("libfaketime is not installed")
    name = str(tmp_path / "clock")

    def set(text):
        with open(name, "w") as f:
            f.write(text + "\n")
    set("+0")
    return dict(LD_PRELOAD=libs[0], FAKETIME_TIMESTAMP_FILE=name, FAKETIME_NO_CACHE="1", DONT_FAKE_MONOTONIC="1",
                FAKETIME_DONT_FAKE_MONOTONIC="1", NO_FAKE_STAT="1", ASAN_OPTIONS="verify_asan_link_order=0"), set


@pytest.mark.matrix("T09")
@pytest.mark.parametrize("conns", [1, 4])
def test_the_clock_is_set(make_hauld, hostile, tools, clock, conns):
    """A day on, a day back, ten years on, while a download runs and another one waits for a server: nothing happens."""
    env, set_clock = clock
    d = make_hauld("--timeout=10", env=env)
    path = "/f/6M/a?rate=%d&id=clock%d" % ((1 << 20) // conns, conns)
    runs = d.add(hostile.base + path, split=conns, max_connection_per_server=conns, min_split_size="1M")
    waits = d.add("http://127.0.0.1:%d/fail/1K/a?code=503&times=1&after=5&id=%d" % (hostile.port + 1, conns))
    for i, offset in enumerate(("+1d", "-1d", "+10y", "+0")):
        d.received(runs, (i + 1) << 20)
        set_clock(offset)
    assert tools.sha256_of(d.complete(runs)) == hostile.sha256("6M", "a")
    d.complete(waits)
    log = hostile.log()
    # A connection that falls behind the others may be replaced; a clock that ended them would end all, three times.
    assert len([r for r in log if r["line"].split()[1] == path]) <= 2 * conns + 1 and hostile.sent() <= (6 << 20) + (conns << 20), log
    refused, served = [r["t"] for r in log if r["line"].split()[1].startswith("/fail/")]
    assert 4.9 <= served - refused < 30


@pytest.mark.matrix("T10")
@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.long)])
def test_stopped_and_continued(hauld, hostile, tools, seconds, conns):
    """As long as its timeout, and longer: it goes on or tries again."""
    opts = dict(split=conns, max_connection_per_server=conns, min_split_size="1M", timeout=2, retry_wait=0)
    gids = [hauld.add(hostile.base + "/f/4M/%s?rate=%d" % (seed, (1 << 20) // conns), **opts) for seed in "abc"]
    paused = hauld.add(hostile.base + "/f/1K/d", pause="true")
    for g in gids:
        hauld.received(g, 1)
    hauld.p.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    hauld.p.send_signal(signal.SIGCONT)
    for g, seed in zip(gids, "abc"):
        assert tools.sha256_of(hauld.complete(g)) == hostile.sha256("4M", seed)
    assert hauld.status(paused)["status"] == "paused"
    assert hostile.sent() <= (3 * 4 << 20) + (3 * conns << 20)


@pytest.fixture
def cable(tmp_path):
    """cable(addresses, *options) -> (world, daemon in it)."""
    with contextlib.ExitStack() as stack:
        def make(addresses, *options, **kw):
            w = stack.enter_context(netns.world(addresses))
            d = netns.Hauld(tmp_path / "d", w.a, *options, **kw)
            stack.callback(d.stop)
            return w, d
        yield make


PORT = 8080
SERVERS, JOBS = 20, 100


def at_origins(w):
    """Requests for files, each (time, address it was sent to)."""
    log = json.loads(w.get("http://127.0.0.1:%d/_log" % PORT))
    return [(r["t"], dict((k.lower(), v) for k, v in r["headers"])["host"].split(":")[0]) for r in log
            if r["line"].split()[1].startswith("/f/")]


@pytest.mark.matrix("T11")
@pytest.mark.parametrize("seconds", [20, pytest.param(300, marks=pytest.mark.long)])
def test_the_network_is_gone_for_a_while(cable, tools, seconds):
    """100 downloads from 20 servers, of which not one may fail, though each may try only twice."""
    w, d = cable(SERVERS, "--max-concurrent-downloads=%d" % JOBS)
    w.origin(PORT)
    d.start()
    urls = ["http://%s%d:%d/f/%dK/s%d?rate=32K" % (netns.NET, 2 + i % SERVERS, PORT, 192, i) for i in range(JOBS)]
    gids = [d.add(u, out="f%d" % i, split=2, min_split_size="1M", max_tries=2, timeout=4, connect_timeout=4) for i, u in enumerate(urls)]
    tools.wait_for(lambda: len(at_origins(w)) == JOBS, 60)
    w.cut()
    began = time.monotonic()
    tools.wait_for(lambda: any("no answer from the network since" in s.get("haul.wait", "")
                               for s in d.rpc("aria2.tellActive", ["haul.wait"])), 60)
    time.sleep(max(0, seconds - (time.monotonic() - began)))  # the time that the cable is out is what is tested
    quiet = len(at_origins(w))
    w.mend()
    back = time.time()
    ends = [d.wait(g, timeout=180) for g in gids]
    assert [e["errorMessage"] for e in ends if e["status"] != "complete"] == []
    for i, e in enumerate(ends):
        content = conftest.hostile_module.Content(192 << 10, "s%d" % i)
        assert tools.sha256_of(e["files"][0]["path"]) == content.sha256()
    told = open(d.log).read()
    assert told.count("WARN core: no answer from the network since ") == told.count("the network answers again") == 1, told
    first = {}
    for t, host in at_origins(w)[quiet:]:
        first.setdefault(host, t)
    print("servers asked again", sorted(round(t - back, 2) for t in first.values()))
    assert max(first.values()) - min(first.values()) > 0.5


@pytest.mark.matrix("T11")
def test_started_without_a_network(cable, tools):
    """A cable that is out when the daemon starts: what was begun earlier, and what is new, waits."""
    w, d = cable(1, "--connect-timeout=4", "--timeout=4", "--max-tries=2")
    w.origin(PORT)
    d.start()
    gids = [d.add("http://%s:%d/f/256K/a?rate=64K" % (netns.THERE, PORT))]
    d.received(gids[0], 1)
    w.unplug()
    d.kill()
    d.start()
    gids.append(d.add("http://%s:%d/f/64K/b" % (netns.THERE, PORT)))
    for g in gids:
        tools.wait_for(lambda: "no answer from the network so far" in d.status(g, "haul.wait").get("haul.wait", ""))
    time.sleep(4)  # more than two tries fit in
    w.plug()
    for g in gids:
        d.complete(g, timeout=60)


@pytest.mark.matrix("T11")
def test_a_dead_server_beside_a_living_one(cable, tools):
    """It fails as ever, though it has answered before; and so does a first download from a dead host."""
    w, d = cable(2, "--connect-timeout=2", "--timeout=2", "--max-tries=2", "--retry-wait=0", "--max-retry-wait=1")
    w.origin(PORT)
    d.start()
    dead = d.add("http://10.99.7.99:%d/f/1K/a" % PORT)
    s = d.wait(dead, timeout=60)
    assert s["status"] == "error" and s["errorCode"] in ("2", "6"), s
    lives = d.add("http://%s:%d/f/64M/a?rate=64K" % (netns.THERE, PORT))
    dies = d.add("http://%s3:%d/f/1M/b?rate=32K" % (netns.NET, PORT))
    for g in (lives, dies):
        d.received(g, 1)
    w.ip("-n", w.b, "rule", "add", "prio", "1", "from", netns.NET + "3", "blackhole")
    s = d.wait(dies, timeout=60)
    assert (s["status"], s["errorCode"]) == ("error", "2"), s
    assert d.status(lives)["status"] == "active"


@pytest.fixture
def names(cable):
    """names(*options) -> (world with a name server and a web server, daemon)."""
    def make(*options):
        w, d = cable(4, *options)
        w.names()
        w.origin(PORT)
        return w, d.start()
    return make


def url(name, path):
    return "http://%s.test:%d%s" % (name, PORT, path)


@pytest.mark.matrix("T06", "T07")
def test_names_that_are_not_there(names):
    _, d = names("--max-tries=2", "--retry-wait=0", "--max-retry-wait=1", "--connect-timeout=4")
    for name, text in (("none", "not known"), ("fail", "Temporary failure"), ("drop", "no name server answered in time")):
        began = time.monotonic()
        s = d.wait(d.add(url(name, "/f/1K/a")))
        assert (s["status"], s["errorCode"]) == ("error", "19") and text in s["errorMessage"], s
        assert time.monotonic() - began < 40
        assert d.tail().count("lane 0: http://%s.test" % name) >= 2, d.tail()  # tried again


@pytest.mark.matrix("T06")
def test_a_name_that_comes_back(names, tools):
    """The first answer is that there is none."""
    w, d = names("--max-tries=10", "--retry-wait=1", "--max-retry-wait=2")
    gid = d.add(url("good", "/f/1K/a"))
    assert d.complete(gid)
    w.started[0].kill()
    w.started[0].wait()
    gid = d.add(url("other", "/f/1K/b"))
    tools.wait_for(lambda: "name resolution" in d.status(gid, "haul.wait").get("haul.wait", "").lower() or
                   "no answer from the network" in d.status(gid, "haul.wait").get("haul.wait", ""))
    w.names()
    d.complete(gid)


@pytest.mark.matrix("T07")
@pytest.mark.parametrize("conns", [1, 4])
def test_odd_name_servers(names, tools, conns):
    w, d = names("--max-tries=3", "--connect-timeout=10")
    for name in ("late", "many", "hop"):
        gid = d.add(url(name, "/cut/4M/%s?every=512K" % name), split=conns, max_connection_per_server=conns, min_split_size="1M")
        content = conftest.hostile_module.Content(4 << 20, name)
        assert tools.sha256_of(d.complete(gid)) == content.sha256()


@pytest.mark.matrix("T07")
def test_dead_names_hold_up_nobody(names, tools):
    """40 names at once that get no answer: a download that runs, one that begins, and the RPC go on."""
    w, d = names("--max-tries=1", "--connect-timeout=6", "--max-concurrent-downloads=100")
    runs = d.add(url("good", "/f/3M/a?rate=1M"))
    d.received(runs, 1)
    dead = [d.add(url("drop%d" % i, "/f/1K/a")) for i in range(40)]
    began = time.monotonic()
    late = 0
    fresh = d.add(url("fresh", "/f/1K/b"))
    while d.status(runs, "status")["status"] == "active":
        t = time.monotonic()
        d.rpc("aria2.getGlobalStat")
        late = max(late, time.monotonic() - t)
        assert time.monotonic() - began < 30
    assert d.status(runs)["status"] == "complete" and late < 1, late
    d.complete(fresh)
    print("a new name beside dead ones: %.1f s, RPC at most %.3f s" % (time.monotonic() - began, late))
    for g in dead:
        s = d.wait(g, timeout=60)
        assert (s["status"], s["errorCode"]) == ("error", "19"), s


# ---- T01-T04: servers that are slow or silent ----


def ends(d, hostile, path, conns, **opts):
    return d.wait(d.add(hostile.base + path, split=conns, max_connection_per_server=conns, **dict(FAST, **opts)))


@pytest.mark.matrix("T01")
@pytest.mark.parametrize("conns", [4, pytest.param(1, marks=pytest.mark.long)])
def test_slower_than_the_limit(hauld, hostile, conns):
    """Too slow for ten seconds, on each connection."""
    s = ends(hauld, hostile, "/slow/4M/a?rate=1000", conns, lowest_speed_limit="2K")
    assert (s["status"], s["errorCode"]) == ("error", "5") and "slow" in s["errorMessage"].lower(), s
    assert int(s["completedLength"]) > 0


@pytest.mark.matrix("T02")
@pytest.mark.parametrize("conns", [1, 4])
def test_no_answer(hauld, hostile, conns):
    s = ends(hauld, hostile, "/no-answer/1M/a", conns, timeout=1)
    assert (s["status"], s["errorCode"]) == ("error", "2") and s["errorMessage"], s
    assert len(hostile.log()) == FAST["max_tries"]


@pytest.mark.matrix("T02")
@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("resumed", [False, True])
def test_each_answer_stops_in_the_middle(make_hauld, hostile, tools, conns, resumed):
    """Tries that brought something do not count: all of it comes, a piece for each."""
    d = make_hauld()
    gid = d.add(hostile.base + "/stall/2M/a?at=512K", split=conns, max_connection_per_server=conns, **dict(FAST, timeout=1))
    if resumed:
        d.received(gid, 512 << 10)
        d.kill()
        d.start()
    assert tools.sha256_of(d.complete(gid)) == hostile.sha256("2M", "a")
    assert hostile.sent() <= (2 << 20) + conns * (1 << 20)


@pytest.mark.matrix("T03")
@pytest.mark.parametrize("conns", [1, 4])
def test_a_header_byte_by_byte(hauld, hostile, conns):
    s = ends(hauld, hostile, "/slow-header/1M/a", conns, timeout=2)
    assert (s["status"], s["errorCode"]) == ("error", "2"), s


@pytest.mark.matrix("T04")
@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("resumed", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_stuck_tail_is_fetched_by_another_connection(make_hauld, hostile, tools, conns, resumed):
    """The connection that came to the last bytes crawls at 10 B/s: two hours for them."""
    d = make_hauld()
    gid = d.add(hostile.base + "/stall-tail/4M/a?id=t04-%d%d" % (conns, resumed), split=conns, max_connection_per_server=conns, **FAST)
    if resumed:
        d.received(gid, 3 << 20)
        d.kill()
        d.start()
    began = time.monotonic()
    assert tools.sha256_of(d.complete(gid)) == hostile.sha256("4M", "a")
    assert time.monotonic() - began < 30
    assert hostile.sent() <= (4 << 20) + conns * (1 << 20) * (2 if resumed else 1)


def test_slow_bytes_are_seen_and_survive_a_kill(make_hauld, hostile, tools):
    """Far less than a block comes in seconds: it is shown, written, and not fetched again."""
    d = make_hauld()
    gid = d.add(hostile.base + "/slow/400K/a?rate=40000&id=trickle", split=1)
    seen = set()

    def grows():
        seen.add(int(d.status(gid, "completedLength")["completedLength"]))
        return len(seen) >= 3
    tools.wait_for(grows, timeout=20)
    d.kill()
    d.start()
    s = d.wait(gid, timeout=60)
    assert s["status"] == "complete" and tools.sha256_of(s["files"][0]["path"]) == hostile.sha256("400K", "a")
    ranges = [r["headers"] for r in hostile.log() if r["line"].split()[1].startswith("/slow/")]
    assert len(ranges) == 2 and "range" in str(ranges[1]).lower(), ranges
