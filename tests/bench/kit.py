"""What the benchmarks share: an nginx with files of known sums, a daemon that speaks aria2's RPC, memory of processes."""
import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

GIB = 1 << 30
HZ = os.sysconf("SC_CLK_TCK")
NGINX = """
daemon off; {user} worker_processes auto; pid {dir}/{host}.pid; error_log {dir}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; default_type application/octet-stream; sendfile on; keepalive_requests 1000000; tcp_nopush on;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  server {{ listen {host}:{port} backlog=4096; root {root}; }}
  server {{ listen {host}:{tls} ssl{h2}; root {root}; ssl_certificate {dir}/srv.pem; ssl_certificate_key {dir}/srv.key; }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, p):
    for _ in range(1000):
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if p.poll() is not None:
                raise SystemExit("a server ended: %s" % p.args)
            time.sleep(0.02)
    raise SystemExit("no answer: %s" % p.args)


class Origin:
    """nginx with files of random bytes; put() and need() make them, sums has their sha256."""

    def __init__(self, folder):
        self.root = os.path.join(folder, "www")
        os.makedirs(self.root)
        self.folder = folder
        run = lambda *a: subprocess.run(["openssl", *a], cwd=folder, check=True, capture_output=True)
        run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "srv.key", "-out", "srv.pem", "-days", "30", "-subj",
            "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:10.78.0.2")
        self.ca = os.path.join(folder, "srv.pem")
        port, tls = free_port(), free_port()
        self.http, self.https = "http://127.0.0.1:%d" % port, "https://localhost:%d" % tls
        self.p = self.serve("127.0.0.1", port, tls, [])
        wait_port(port, self.p)
        self.sums = {}

    def serve(self, host, port, tls, prefix, h2=False):
        conf = os.path.join(self.folder, "nginx-%s.conf" % host)
        with open(conf, "w") as f:
            f.write(NGINX.format(user="user root;" if os.getuid() == 0 else "", dir=self.folder, root=self.root, host=host, port=port, tls=tls,
                                 h2=" http2" if h2 else ""))
        return subprocess.Popen([*prefix, shutil.which("nginx") or "/usr/sbin/nginx", "-c", conf, "-e", self.folder + "/error.log"])

    def another(self, host, prefix):
        """The same files at http://HOST:8080 and https://HOST:8443, there by HTTP/2 also, served by a process that the command `prefix`
        starts (in a network namespace)."""
        return self.serve(host, 8080, 8443, prefix, True)

    def need(self, name, size):
        if name not in self.sums:
            self.put(name, size)

    def put(self, name, size):
        os.makedirs(os.path.dirname(os.path.join(self.root, name)), exist_ok=True)
        h = hashlib.sha256()
        block = os.urandom(min(size, 1 << 20) - 8)
        with open(os.path.join(self.root, name), "wb") as f:
            for i in range(max(1, size >> 20)):
                part = i.to_bytes(8, "big") + block
                f.write(part)
                h.update(part)
        self.sums[name] = h.hexdigest()

    def stop(self):
        self.p.terminate()
        self.p.wait()


def sha256(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            h.update(block)
    return h.hexdigest()


class Rpc:
    """An aria2-compatible daemon: hauld or aria2c; `under` is a command that runs it (valgrind). conns None: nothing is said of their
    number."""

    def __init__(self, name, exe, folder, conns=16, extra=(), under=()):
        self.name, self.folder = name, folder
        self.port = free_port()
        os.makedirs(folder, exist_ok=True)
        argv = [*under, exe, "--no-conf", "--enable-rpc", "--rpc-listen-port=%d" % self.port, "--dir=" + folder, "--quiet",
                "--max-concurrent-downloads=16", "--rpc-max-request-size=64M", "--file-allocation=none"]
        if conns is not None:
            argv += ["--max-connection-per-server=%d" % conns, "--split=%d" % conns, "--min-split-size=1M"]
        argv += extra
        if name == "hauld":
            argv.append("--reserve-space=0")
        t = time.monotonic()
        self.p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.conn = None
        while True:
            try:
                self.call("aria2.getVersion")
                break
            except OSError:
                if self.p.poll() is not None or time.monotonic() - t > 300:
                    raise SystemExit("%s does not answer" % name)
                time.sleep(0.002)
        self.start_time = time.monotonic() - t

    def post(self, body):
        for again in (False, True):
            try:
                if self.conn is None:
                    self.conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
                    self.conn.connect()
                    self.conn.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.conn.request("POST", "/jsonrpc", body)
                return json.loads(self.conn.getresponse().read())
            except (OSError, http.client.HTTPException):
                self.conn = None
                if again or self.p.poll() is not None:
                    raise OSError("no answer")

    @staticmethod
    def request(method, params):
        return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})

    @staticmethod
    def result(method, reply):
        if "error" in reply:
            raise SystemExit("%s: %s" % (method, reply["error"]))
        return reply["result"]

    def call(self, method, *params):
        return self.result(method, self.post(self.request(method, params)))

    def timed(self, method, *params):
        """Seconds from the request to the last byte of the answer, without the time to make and to parse JSON."""
        body = self.request(method, params).encode()
        head = b"POST /jsonrpc HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %d\r\n\r\n" % (self.port, len(body))
        s = self.conn.sock
        t = time.monotonic()
        s.sendall(head + body)
        got = b""
        while b"\r\n\r\n" not in got:
            got += s.recv(1 << 20)
        head, _, rest = got.partition(b"\r\n\r\n")
        left = int(re.search(rb"(?i)content-length: *(\d+)", head).group(1)) - len(rest)
        parts = [rest]
        while left > 0:
            parts.append(s.recv(1 << 20))
            left -= len(parts[-1])
        t = time.monotonic() - t
        self.result(method, json.loads(b"".join(parts)))
        return t

    def add_many(self, entries):
        """entries: (uri, options), added as batches of 1,000."""
        for i in range(0, len(entries), 1000):
            batch = [{"jsonrpc": "2.0", "id": 1, "method": "aria2.addUri", "params": [[u], o]} for u, o in entries[i:i + 1000]]
            for r in self.post(json.dumps(batch)):
                if "error" in r:
                    raise SystemExit(str(r["error"]))

    def listen(self):
        """A WebSocket on which notifications come."""
        s = socket.create_connection(("127.0.0.1", self.port))
        s.sendall(("GET /jsonrpc HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: %s\r\n\r\n" % (self.port, base64.b64encode(os.urandom(16)).decode())).encode())
        got = b""
        while b"\r\n\r\n" not in got:
            got += s.recv(4096)
        return s

    @staticmethod
    def wait_complete(ws, n):
        ws.settimeout(300)
        got = b""
        while n > 0:
            got += ws.recv(65536)
            if b"onDownloadError" in got:
                raise SystemExit("a download failed")
            done = got.count(b"onDownloadComplete")
            n -= done
            got = got[-18:] if done == 0 else got[got.rfind(b"onDownloadComplete") + 18:]

    def cpu(self):
        with open("/proc/%d/stat" % self.p.pid) as f:
            v = f.read().rsplit(")", 1)[1].split()
        return (int(v[11]) + int(v[12])) / HZ

    def rss(self):
        return peak_memory(self.p.pid)

    def stop(self, sig=signal.SIGTERM):
        if self.conn:
            self.conn.close()
        self.p.send_signal(sig)
        self.p.wait()


def peak_memory(pid):
    with open("/proc/%d/status" % pid) as f:
        return next((int(l.split()[1]) for l in f if l.startswith("VmHWM")), 0) << 10


class PeakMemory(threading.Thread):
    """Asks until the process has ended: ru_maxrss of a child counts what its parent had before exec."""

    def __init__(self, pid):
        super().__init__()
        self.pid, self.peak = pid, 0
        self.start()

    def run(self):
        while True:
            try:
                now = peak_memory(self.pid)
            except OSError:
                return
            if now == 0:
                return
            self.peak = now
            time.sleep(0.005)
