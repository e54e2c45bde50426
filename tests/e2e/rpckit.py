"""For the tests of the RPC: a daemon with a secret, a small WebSocket client, HTTP over any socket."""
import base64
import http.client
import json
import os
import socket
import struct

from conftest import Hauld, RpcError

SECRET = "k33p-0ut"


class SecretHauld(Hauld):
    """A daemon with a secret; rpc() shows it."""

    def __init__(self, folder, *options, **kw):
        super().__init__(folder, "--rpc-secret=" + SECRET, *options, **kw)

    def rpc(self, method, *params):
        return super().rpc(method, *((() if method.startswith("system.") else ("token:" + SECRET,)) + params))


def request(method, *params, id="1"):
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": list(params)}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(conn, body, path="/jsonrpc", **headers):
    """POST on an http.client connection -> (status, headers, body bytes)."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    conn.request("POST", path, data, {k.replace("_", "-"): v for k, v in headers.items()})
    r = conn.getresponse()
    return r.status, r.headers, r.read()


class WebSocket:
    """Text messages as JSON values."""

    def __init__(self, sock, host="127.0.0.1", timeout=30, path="/jsonrpc", **headers):
        self.s = sock
        self.s.settimeout(timeout)
        extra = "".join("%s: %s\r\n" % (k.replace("_", "-"), v) for k, v in headers.items())
        self.s.sendall(("GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: %s\r\n%s\r\n" % (path, host, base64.b64encode(os.urandom(16)).decode(), extra)).encode())
        self.buf = b""
        while b"\r\n\r\n" not in self.buf:
            self._more()
        head, self.buf = self.buf.split(b"\r\n\r\n", 1)
        self.status = int(head.split()[1])
        self.fields = {k.lower(): v for k, v in (line.split(": ", 1) for line in head.decode().split("\r\n")[1:])}

    @classmethod
    def to(cls, d, **kw):
        return cls(socket.create_connection(("127.0.0.1", d.port)), **kw)

    def _more(self):
        part = self.s.recv(65536)
        if not part:
            raise ConnectionError("closed")
        self.buf += part

    def _take(self, n):
        while len(self.buf) < n:
            self._more()
        part, self.buf = self.buf[:n], self.buf[n:]
        return part

    def send_frame(self, op, data, fin=True):
        head = bytes([(0x80 if fin else 0) | op])
        n = len(data)
        head += bytes([0x80 | n]) if n < 126 else b"\xfe" + struct.pack(">H", n) if n < 65536 else b"\xff" + struct.pack(">Q", n)
        mask = os.urandom(4)
        self.s.sendall(head + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(data)))

    def send(self, value):
        self.send_frame(1, value if isinstance(value, bytes) else json.dumps(value).encode())

    def frame(self):
        """-> (opcode, payload)"""
        a, b = self._take(2)
        n = b & 0x7f
        if n == 126:
            n = struct.unpack(">H", self._take(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", self._take(8))[0]
        return a & 15, self._take(n)

    def recv(self):
        op, data = self.frame()
        assert op == 1, (op, data)
        return json.loads(data)

    def call(self, method, *params, id="c"):
        """The result; -> (result, notifications that came before it)."""
        self.send(request(method, *params, id=id))
        events = []
        while True:
            m = self.recv()
            if "method" in m:
                events.append(m)
            else:
                assert m["id"] == id, m
                if "error" in m:
                    raise RpcError(m["error"])
                return m["result"], events

    def close(self):
        self.s.close()
