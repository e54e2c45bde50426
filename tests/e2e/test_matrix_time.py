"""Slow, silent, gone: T of tests/matrix/matrix.md."""
import contextlib
import json
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
