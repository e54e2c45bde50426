"""Two network namespaces with a cable between them, which can be cut: a daemon in one, servers in the other. Needs root."""
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile

import conftest
import pytest
from rpckit import UnixConnection

NET = "10.99.7."
HERE, THERE = NET + "1", NET + "2"  # the daemon, and the first of the servers' addresses


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True)


class Hauld(conftest.Hauld):
    """A daemon in a namespace, asked over a Unix socket."""

    def __init__(self, folder, ns, *options, env=None):
        self.socket = os.path.join(tempfile.mkdtemp(prefix="haul-"), "rpc")  # a path of a socket must be short
        super().__init__(folder, "--rpc-socket=" + self.socket, *options, env=env)
        self.ns = ns

    def argv(self):
        return ["ip", "netns", "exec", self.ns] + super().argv()

    def post(self, data, timeout=60):
        c = UnixConnection(self.socket, timeout)
        try:
            c.request("POST", "/jsonrpc", data, {"Content-Type": "application/json"})
            return c.getresponse().read()
        finally:
            c.close()


class World:
    """Namespaces `a` (daemon) and `b` (servers), joined by veth-a and veth-b."""

    def __init__(self):
        self.a, self.b = ["haul-%d-%s" % (os.getpid(), x) for x in "ab"]
        self.started = []

    def make(self, addresses):
        for ns in (self.a, self.b):
            self.ip("netns", "add", ns)
            self.ip("-n", ns, "link", "set", "lo", "up")
        self.ip("link", "add", "veth-a", "netns", self.a, "type", "veth", "peer", "name", "veth-b", "netns", self.b)
        self.ip("-n", self.a, "addr", "add", HERE + "/24", "dev", "veth-a")
        for i in range(addresses):
            self.ip("-n", self.b, "addr", "add", "%s%d/24" % (NET, i + 2), "dev", "veth-b")
        for ns, dev in ((self.a, "veth-a"), (self.b, "veth-b")):
            self.ip("-n", ns, "link", "set", dev, "up")

    def ip(self, *argv):
        done = run("ip", *argv)
        if done.returncode != 0:
            raise OSError("ip %s: %s" % (" ".join(argv), done.stderr))

    def cut(self):
        """What the servers send is dropped: nobody is heard any more, and nothing says why."""
        self.ip("-n", self.b, "rule", "add", "prio", "1", "blackhole")

    def mend(self):
        self.ip("-n", self.b, "rule", "del", "prio", "1")

    def unplug(self):
        """The cable is out, and the address with it, as where it came by DHCP: the kernel knows no way."""
        self.ip("-n", self.a, "link", "set", "veth-a", "down")

    def plug(self):
        self.ip("-n", self.a, "link", "set", "veth-a", "up")

    def serve(self, *argv):
        """A program beside the servers; its first line of output is awaited."""
        p = subprocess.Popen(["ip", "netns", "exec", self.b, *argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.started.append(p)
        p.stdout.readline()
        return p

    def names(self):
        """A name server at THERE (dnsd.py), which the daemon's namespace asks: ip-netns(8) puts the file in the place of /etc/resolv.conf."""
        os.makedirs("/etc/netns/" + self.a, exist_ok=True)
        with open("/etc/netns/%s/resolv.conf" % self.a, "w") as f:
            f.write("nameserver %s\n" % THERE)
        self.serve(sys.executable, os.path.join(conftest.TESTS, "e2e", "dnsd.py"), THERE)

    def origin(self, port):
        self.serve(sys.executable, os.path.join(conftest.TESTS, "origin", "hostile.py"), "serve", "--port", str(port), "--bind", "0.0.0.0")

    def get(self, url):
        done = subprocess.run(["ip", "netns", "exec", self.b, sys.executable, "-c",
                               "import sys, urllib.request as u; sys.stdout.buffer.write(u.urlopen(sys.argv[1], timeout=30).read())", url],
                              capture_output=True, check=True)
        return done.stdout

    def close(self):
        for p in self.started:
            p.kill()
            p.wait()
            p.stdout.close()
        for ns in (self.a, self.b):
            run("ip", "netns", "del", ns)
        shutil.rmtree("/etc/netns/" + self.a, ignore_errors=True)


@contextlib.contextmanager
def world(addresses=1):
    if os.getuid() != 0:
        pytest.skip("network namespaces need root")
    if run("unshare", "-n", "true").returncode != 0:
        pytest.skip("no network namespaces here")
    w = World()
    try:
        w.make(addresses)
        yield w
    finally:
        w.close()
