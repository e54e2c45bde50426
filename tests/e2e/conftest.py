"""Fixtures: real daemons, a real nginx, the scripted hostile origin; each test has folders and ports of its own."""
import collections
import contextlib
import fcntl
import importlib.util
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import pytest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# What the tests start must hear these wherever the tests run: background jobs and nohup have them ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
for sig in (signal.SIGQUIT, signal.SIGHUP):
    signal.signal(sig, signal.SIG_DFL)
sys.path.insert(0, os.path.join(TESTS, "matrix"))
sys.path.insert(1, os.path.join(TESTS, "origin"))
pytest_plugins = ["plugin"]
BUILD = os.path.abspath(os.environ.get("HAUL_BUILD") or os.path.join(os.path.dirname(TESTS), "build"))

_spec = importlib.util.spec_from_file_location("hostile", os.path.join(TESTS, "origin", "hostile.py"))
hostile_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hostile_module)


HANDED_OUT = collections.deque(maxlen=100)  # ports that others may be about to listen on


def first_of_clients():
    """The lowest port that the kernel gives to a socket that asks for none."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        return int(f.read().split()[0])


def free_port(count=1):
    """A port P such that P .. P+count-1 are free on 127.0.0.1 just now, and no client's: those stay taken for a minute."""
    for _ in range(200):
        port = random.randrange(10000, max(first_of_clients() - count, 20000))
        if any(port + i in HANDED_OUT for i in range(count)):
            continue
        socks = []
        try:
            for i in range(count):
                t = socket.socket()
                socks.append(t)
                t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: what has just been closed is free
                t.bind(("127.0.0.1", port + i))
            HANDED_OUT.extend(range(port, port + count))
            return port
        except (OSError, OverflowError):
            continue
        finally:
            for t in socks:
                t.close()
    raise RuntimeError("no free ports")


def wait_for(what, timeout=30, step=0.02):
    """Polls until what() is true; for things that offer no event (another process's state)."""
    end = time.monotonic() + timeout
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %s s in vain" % timeout)
        time.sleep(step)


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(error["message"])
        self.code = error["code"]
        self.message = error["message"]


class Hauld:
    """A daemon of the test's own; state and downloads survive kill() and start()."""

    def __init__(self, folder, *options, env=None):
        self.folder = str(folder)
        self.dir = os.path.join(self.folder, "dl")
        self.state = os.path.join(self.folder, "state")
        os.makedirs(self.dir, exist_ok=True)
        self.port = free_port()
        self.url = "http://127.0.0.1:%d/jsonrpc" % self.port
        self.context = None  # of TLS, for an https url
        self.fields = {}     # of requests
        self.options = list(options)
        self.env = dict(os.environ, HOME=self.folder, **(env or {}))
        self.log = os.path.join(self.folder, "hauld.log")
        self.p = None

    def argv(self):
        return [os.path.join(BUILD, "hauld"), "--no-conf", "--rpc-listen-port=%d" % self.port, "--state-dir=" + self.state,
                "--dir=" + self.dir, "--console-log-level=info", "--reserve-space=0"] + self.options

    def start(self):
        self.out = open(self.log, "ab")
        self.p = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out, env=self.env)
        wait_for(self.answers, 60)
        return self

    def answers(self):
        if self.p.poll() is not None:
            raise AssertionError("hauld ended with %s: %s" % (self.p.returncode, open(self.log).read()[-2000:]))
        try:
            return self.rpc("aria2.getVersion")
        except OSError:
            return None

    def post(self, data, timeout=60):
        req = urllib.request.Request(self.url, data=data, headers=self.fields)
        try:
            with urllib.request.urlopen(req, timeout=timeout, context=self.context) as f:
                return f.read()
        except urllib.error.HTTPError as e:
            return e.read()

    def rpc(self, method, *params):
        reply = json.loads(self.post(json.dumps({"jsonrpc": "2.0", "id": "t", "method": method, "params": list(params)}).encode()))
        if "error" in reply:
            raise RpcError(reply["error"])
        return reply["result"]

    def add(self, uris, **options):
        if isinstance(uris, str):
            uris = [uris]
        return self.rpc("aria2.addUri", uris, {k.replace("_", "-"): str(v) for k, v in options.items()})

    def status(self, gid, *keys):
        return self.rpc("aria2.tellStatus", gid, *([list(keys)] if keys else []))

    def wait(self, gid, states=("complete", "error", "removed"), timeout=120):
        if isinstance(states, str):
            states = (states,)

        def ended():
            s = self.status(gid)
            return s if s["status"] in states else None
        return wait_for(ended, timeout)

    def complete(self, gid, timeout=120):
        s = self.wait(gid, timeout=timeout)
        assert s["status"] == "complete", (s["status"], s.get("errorCode"), s.get("errorMessage"), self.tail())
        return s["files"][0]["path"]

    def received(self, gid, n, timeout=60):
        return wait_for(lambda: int(self.status(gid, "completedLength")["completedLength"]) >= n, timeout)

    def tail(self):
        return open(self.log, errors="replace").read()[-3000:]

    def kill(self, sig=signal.SIGKILL):
        self.p.send_signal(sig)
        self.p.wait(30)
        self.out.close()
        return self.p.returncode

    def stop(self):
        if self.p and self.p.poll() is None:
            self.p.terminate()
            try:
                self.p.wait(20)
            except subprocess.TimeoutExpired:
                self.p.kill()
                self.p.wait()
                raise AssertionError("hauld did not end on SIGTERM: " + self.tail())
        if self.p:
            text = open(self.log, errors="replace").read()
            assert "AddressSanitizer" not in text and "runtime error:" not in text, text[-4000:]


MEMORY, MEMORY_LEAST = "/dev/shm", 1 << 30


def memory_folder():
    """None where there is no such file system, or little room."""
    if not os.path.ismount(MEMORY) or shutil.disk_usage(MEMORY).free < MEMORY_LEAST:
        return None
    return tempfile.mkdtemp(prefix="hauld-test-", dir=MEMORY)


@pytest.fixture
def make_hauld(tmp_path):
    made = []

    def make(*options, name="d", in_memory=False, **kw):
        """in_memory: downloads go to a file system in memory, for what a disk that is busy just then would make another thing:
        what a kill costs is what came while a write of others' held up ours."""
        d = Hauld(tmp_path / name, *options, **kw)
        d.dir = in_memory and memory_folder() or d.dir
        made.append(d)
        return d.start()
    yield make
    for d in made:
        d.stop()
        shutil.rmtree(d.dir, ignore_errors=True)  # gigabytes, and pytest keeps folders


@pytest.fixture
def hauld(make_hauld):
    return make_hauld()


class Hostile:
    """The scripted origin: http on port, other origin on port+1, https on port+2 (CA in ca)."""

    def __init__(self, folder):
        self.port = free_port(7)
        self.tls = os.path.join(folder, "tls")
        self.ca = os.path.join(self.tls, "ca.pem")
        self.p = subprocess.Popen([sys.executable, os.path.join(TESTS, "origin", "hostile.py"), "serve", "--port", str(self.port),
                                   "--tls", self.tls], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.p.stdout.readline()
        self.base = "http://127.0.0.1:%d" % self.port
        self.https = "https://localhost:%d" % (self.port + 2)

    def get(self, path):
        with urllib.request.urlopen(self.base + path, timeout=30) as f:
            return f.read()

    def log(self):
        return json.loads(self.get("/_log"))

    def sent(self):
        return sum(r["body"] for r in self.log())

    def sha256(self, size, seed):
        return hostile_module.Content(hostile_module.parse_size(str(size)), seed).sha256()

    def stop(self):
        self.p.terminate()
        self.p.wait()


@pytest.fixture(scope="session")
def hostile_server(tmp_path_factory):
    h = Hostile(str(tmp_path_factory.mktemp("hostile")))
    yield h
    h.stop()


@pytest.fixture
def hostile(hostile_server):
    hostile_server.get("/_reset")
    return hostile_server


NGINX = """
daemon off; {user} worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 2048; }}
http {{
  log_format brief '$status $body_bytes_sent $http_range $request_uri'; access_log {folder}/access.log brief;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4;
  scgi_temp_path {folder}/t5; default_type application/octet-stream; sendfile on; keepalive_requests 100000;
  server {{ listen 127.0.0.1:{port} backlog=2048; root {root};
    location /slow/ {{ alias {root}/; limit_rate 4m; }}
    location /crawl/ {{ alias {root}/; limit_rate 256k; }}
    location /moderate/ {{ alias {root}/; limit_rate 20m; }} }}
  server {{ listen 127.0.0.1:{tls} ssl; root {root}; ssl_certificate {cert}; ssl_certificate_key {key}; }}
}}
"""


def make_certificate(folder):
    """A CA and a certificate for localhost and 127.0.0.1."""
    run = lambda *a: subprocess.run(["openssl", *a], cwd=folder, check=True, capture_output=True)
    with open(os.path.join(folder, "ext"), "w") as f:
        f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=test CA")
    run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "srv.key", "-out", "srv.csr", "-subj", "/CN=localhost")
    run("x509", "-req", "-in", "srv.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "srv.pem", "-days", "30",
        "-extfile", "ext")


class Nginx:
    def __init__(self, folder):
        self.folder = folder
        self.root = os.path.join(folder, "www")
        os.makedirs(self.root)
        make_certificate(folder)
        self.ca = os.path.join(folder, "ca.pem")
        port, tls = free_port(), free_port()
        self.base = "http://127.0.0.1:%d" % port
        self.https = "https://localhost:%d" % tls
        conf = os.path.join(folder, "nginx.conf")
        with open(conf, "w") as f:
            f.write(NGINX.format(user="user root;" if os.getuid() == 0 else "", folder=folder, root=self.root, port=port, tls=tls, cert=os.path.join(folder, "srv.pem"),
                                 key=os.path.join(folder, "srv.key")))
        exe = shutil.which("nginx") or "/usr/sbin/nginx"
        self.p = subprocess.Popen([exe, "-c", conf, "-e", os.path.join(folder, "error.log")])
        wait_for(lambda: self._up(port))

    def _up(self, port):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            assert self.p.poll() is None, open(os.path.join(self.folder, "error.log")).read()
            return False

    def put(self, name, size, seed=1):
        """A file of pseudo-random bytes; -> its sha256."""
        import hashlib
        import random
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        sum_path = path + ".sha256"
        if not os.path.exists(path):
            h = hashlib.sha256()
            r = random.Random(seed)
            tile = r.randbytes(1 << 20)
            with open(path, "wb") as f:
                left, i = size, 0
                while left > 0:
                    part = (i.to_bytes(8, "big") + tile[8:])[:left]
                    f.write(part)
                    h.update(part)
                    left -= len(part)
                    i += 1
            with open(sum_path, "w") as f:
                f.write(h.hexdigest())
        return open(sum_path).read()

    def requests(self):
        """-> (status, bytes, range, uri) of every request so far."""
        out = []
        for line in open(os.path.join(self.folder, "access.log")):
            m = re.match(r"(\d+) (\d+) (\S+(?: \S+)?) (/\S*)$", line.strip())
            if m:
                out.append((int(m.group(1)), int(m.group(2)), m.group(3), m.group(4)))
        return out

    def sent(self, part):
        return sum(r[1] for r in self.requests() if part in r[3])

    def stop(self):
        self.p.terminate()
        self.p.wait()
        shutil.rmtree(self.root)


@pytest.fixture(scope="session")
def nginx(tmp_path_factory):
    n = Nginx(str(tmp_path_factory.mktemp("nginx")))
    yield n
    n.stop()


@pytest.fixture(scope="session")
def preload(tmp_path_factory):
    """preload(SOURCE) -> the environment of a daemon with a library built of that C in front of the others."""
    def build(source):
        folder = tmp_path_factory.mktemp("preload")
        (folder / "it.c").write_text(source)
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", "it.so", "it.c"], cwd=folder, check=True)
        return {"LD_PRELOAD": str(folder / "it.so"), "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
    return build


def sha256_of(path):
    import hashlib
    h = hashlib.sha256()
    with open(path, "rb") as f:
        for b in iter(lambda: f.read(1 << 20), b""):
            h.update(b)
    return h.hexdigest()


def haul(*args, url=None, cwd=None, env=None, timeout=300, stdin=None):
    e = dict(os.environ, **(env or {}))
    if url:
        e["HAUL_URL"] = url
    return subprocess.run([os.path.join(BUILD, "haul"), *args], cwd=cwd, env=e, timeout=timeout, input=stdin, capture_output=True, text=True)


# include/uapi/linux/ext4.h: EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH
EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2


class Ext4Image:
    """An ext4 file system in an image file. cut() stops it as if the power went: what was not on the device is gone."""

    def __init__(self, image, where):
        self.image, self.where = str(image), str(where)
        os.makedirs(self.where, exist_ok=True)

    def make(self, mib):
        with open(self.image, "wb") as f:
            f.truncate(mib << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True, capture_output=True)
        return self.mount()

    def mount(self):
        loop = subprocess.run(["losetup", "--direct-io=on", "--show", "-f", self.image], capture_output=True, text=True)
        if loop.returncode != 0:
            raise OSError(loop.stderr)
        self.loop = loop.stdout.strip()
        done = subprocess.run(["mount", "-t", "ext4", self.loop, self.where], capture_output=True, text=True)
        if done.returncode != 0:
            subprocess.run(["losetup", "-d", self.loop], capture_output=True)
            raise OSError(done.stderr)
        return self

    def cut(self):
        fd = os.open(self.where, os.O_RDONLY)
        fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(fd)

    def unmount(self):
        subprocess.run(["umount", self.where], check=True, capture_output=True)
        subprocess.run(["losetup", "-d", self.loop], check=True, capture_output=True)
        os.unlink(self.image)


@pytest.fixture
def ext4(tmp_path):
    """ext4(name, copy_of=None) -> a mounted Ext4Image."""
    if os.getuid() != 0:
        pytest.skip("mounting a file system needs root")
    made = []

    def make(name, copy_of=None):
        fs = Ext4Image(tmp_path / (name + ".img"), tmp_path / name)
        try:
            if copy_of:
                shutil.copyfile(copy_of.image, fs.image)
                fs.mount()
            else:
                fs.make(256)
        except (OSError, subprocess.CalledProcessError) as e:
            if copy_of:
                raise
            pytest.skip("no ext4 image can be mounted here: %s" % e)
        made.append(fs)
        return fs
    yield make
    for fs in made:
        fs.unmount()


@contextlib.contextmanager
def after_power_cut(ext4, fs, d):
    """The daemon d of the file system fs, which was cut, started again on what is on the device. fs stays mounted: the new one
    must not be taken for it by device or mount number."""
    fs2 = ext4("after", copy_of=fs)
    d2 = Hauld(fs2.where)
    d2.log = fs2.where + ".log"
    # hauld keeps absolute paths: they must lead to the new file system
    subprocess.run(["mount", "--bind", fs2.where, fs.where], check=True)
    try:
        d2.folder, d2.dir, d2.state = d.folder, d.dir, d.state
        yield d2.start()
    finally:
        d2.stop()
        subprocess.run(["umount", fs.where], check=True)


@pytest.fixture
def tools():
    """What tests call: haul(...), sha256_of(path), wait_for(f), free_port(), after_power_cut(...)."""
    class T:
        pass
    t = T()
    t.after_power_cut = after_power_cut
    t.haul, t.sha256_of, t.wait_for, t.free_port, t.build, t.tests, t.Hauld, t.RpcError = haul, sha256_of, wait_for, free_port, BUILD, TESTS, Hauld, RpcError
    return t
