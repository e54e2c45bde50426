"""Servers that are far: what is begun before the first answer is there. The link is tests/netlab's, 60 ms of round trip; needs root."""
import os
import subprocess
import sys
import tempfile

import conftest
import netns
import pytest
from countd import body

NETLAB = os.path.join(conftest.TESTS, "netlab", "netlab.sh")
HOST, PORT = "10.99.8.2", 8080
MIB = 1 << 20


@pytest.fixture(scope="module")
def lab():
    """up(delay) -> the environment of a link; each is there until the last test is over."""
    if os.getuid() != 0 or not os.path.exists("/dev/net/tun"):
        pytest.skip("a link needs root and /dev/net/tun")
    made = {}

    def up(delay):
        if delay not in made:
            name = "far-%d-%s" % (os.getpid(), delay)
            env = dict(os.environ, NETLAB_A=name + "-a", NETLAB_B=name + "-b", NETLAB_NET=HOST[:-2], NETLAB_RUN=tempfile.mkdtemp(prefix="netlab-"))
            made[delay] = env
            done = subprocess.run([NETLAB, "up", "--delay", delay], env=env, capture_output=True, text=True)
            if done.returncode != 0:
                pytest.skip("no link here: " + done.stderr)
        return made[delay]
    yield up
    for env in made.values():
        subprocess.run([NETLAB, "down"], env=env, capture_output=True)


@pytest.fixture
def far(lab, tmp_path):
    """far(delay) -> a daemon at one end of the link, and the log of a server at the other one"""
    started = []

    def start(delay):
        env, log = lab(delay), tmp_path / "served"
        server = subprocess.Popen(["ip", "netns", "exec", env["NETLAB_B"], sys.executable, os.path.join(conftest.TESTS, "e2e", "countd.py"), HOST,
                                   str(PORT), str(log)], stdout=subprocess.PIPE, text=True)
        started.append(server)
        assert server.stdout.readline() == "ready\n"
        d = netns.Hauld(tmp_path / "d", env["NETLAB_A"]).start()
        started.append(d.p)
        return d, lambda word: [line.split() for line in log.read_text().splitlines() if line.startswith(word + " ")]
    yield start
    for p in started:
        p.kill()
        p.wait()


def url(hold, size, name):
    return "http://%s:%d/%d/%d/%s" % (HOST, PORT, hold, size, name)


def fetch(d, hold, size, name, **options):
    path = d.complete(d.add(url(hold, size, name), **options))
    with open(path, "rb") as f:
        got = f.read()
    assert got == b"".join(body(i, size) for i in range(0, size, 65536))


ASKED = dict(max_connection_per_server=4, split=4, min_split_size="1M")


def test_those_that_were_asked_for_are_dialled_at_once(far):
    """The server does not answer before all of them are there; none is dialled that has nothing to fetch."""
    d, seen = far("30ms")
    fetch(d, 4, 8 * MIB, "f", **ASKED)
    assert len(seen("open")) == 4
    assert len(seen("answer")) >= 4


@pytest.mark.parametrize("delay,options", [("30ms", {}), ("30ms", dict(max_connection_per_server=1)), ("0ms", ASKED)])
def test_nobody_asked_or_it_is_near(far, delay, options):
    d, seen = far(delay)
    fetch(d, 0, 8 * MIB, "f", **options)
    assert seen("answer")[0][2] == "1"


def test_what_is_of_no_use_is_closed_and_not_dialled_again(far, tools):
    d, seen = far("30ms")
    fetch(d, 4, 1000, "last-1", **ASKED)
    tools.wait_for(lambda: len(seen("end")) == 4)
    fetch(d, 0, 1000, "last-2", **ASKED)
    fetch(d, 0, 8 * MIB, "last-3", **ASKED)
    opened = {line[1]: int(line[2]) for line in reversed(seen("answer"))}
    assert (opened["/0/1000/last-2"], opened["/0/8388608/last-3"]) == (5, 6)
