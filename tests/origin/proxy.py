"""A small proxy for tests: HTTP (absolute form and CONNECT) and SOCKS5 on one port, with or without a login, and with modes in
which it misbehaves. It notes everything that it was told, so that a test can look for what it should not have learnt.

    p = Proxy(login=("user", "pass"))      starts it on a free port of 127.0.0.1
    p.port, p.log                          log: dicts with kind (forward, connect, socks), target, head
    p.mode = "junk"                        of the next connections: see MODES
    p.names = {"o.example": ("127.0.0.1", 8080)}   what names stand for, as the proxy sees it
    p.stop()
"""
import base64
import select
import socket
import struct
import threading

MODES = ("", "407", "403", "junk", "endless", "silent", "cut", "garbage")


class Proxy:
    def __init__(self, login=None, names=None):
        self.login, self.names, self.mode, self.log = login, names or {}, "", []
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(64)
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.sock.close()

    def _accept(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(c,), daemon=True).start()

    def _serve(self, c):
        try:
            c.settimeout(60)
            first = c.recv(1, socket.MSG_PEEK)
            if first == b"\x05":
                self._socks(c)
            elif first:
                self._http(c)
        except (OSError, ValueError, IndexError):
            pass
        finally:
            c.close()

    def _dial(self, host, port):
        return socket.create_connection(self.names.get(host, (host, port)), 10)

    def _misbehave(self, c, ok):
        """-> True: done with it."""
        if self.mode in ("407", "403"):
            c.sendall(b"HTTP/1.1 %s No\r\nContent-Length: 0\r\n\r\n" % self.mode.encode())
        elif self.mode == "junk":
            c.sendall(ok + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            c.recv(1)
        elif self.mode == "endless":
            c.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                c.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")
        elif self.mode == "silent":
            c.recv(1)
        elif self.mode == "garbage":
            c.sendall(b"\x16\x03\x01\x00 what?\r\n\r\n")
        return bool(self.mode)

    # ---- HTTP ----

    def _head(self, c):
        data = b""
        while b"\r\n\r\n" not in data:
            more = c.recv(1)
            if not more or len(data) > 65536:
                return None
            data += more
        return data

    def _allowed(self, head):
        want = self.login and base64.b64encode(":".join(self.login).encode()).decode()
        return not want or any(l.lower().startswith("proxy-authorization:") and l.split(None, 1)[1] == "Basic " + want
                               for l in head.decode("latin-1").split("\r\n"))

    def _http(self, c):
        while True:
            head = self._head(c)
            if not head:
                return
            method, target, _ = head.split(b"\r\n")[0].decode("latin-1").split(" ")
            self.log.append({"kind": "connect" if method == "CONNECT" else "forward", "target": target, "head": head.decode("latin-1")})
            if self._misbehave(c, b"HTTP/1.1 200 OK\r\n\r\n"):
                return
            if not self._allowed(head):
                c.sendall(b'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="p"\r\nContent-Length: 0\r\n\r\n')
                continue
            if method == "CONNECT":
                host, port = target.rsplit(":", 1)
                return self._tunnel(c, host.strip("[]"), int(port), b"HTTP/1.1 200 Connected\r\n\r\n", b"HTTP/1.1 502 No\r\n\r\n")
            return self._forward(c, target, head)

    def _forward(self, c, target, head):
        """One request; the connection ends with it."""
        hostport, _, path = target.split("//", 1)[1].partition("/")
        host, _, port = hostport.partition(":")
        lines = [l for l in head.decode("latin-1").split("\r\n")[1:] if not l.lower().startswith(("proxy-", "connection:"))]
        first = "%s /%s HTTP/1.1" % (head.split(b" ")[0].decode(), path)
        s = self._dial(host, int(port or 80))
        s.sendall("\r\n".join([first, "Connection: close"] + lines).encode("latin-1"))
        self._pump(c, s)

    # ---- SOCKS5 ----

    def _exactly(self, c, n):
        data = b""
        while len(data) < n:
            more = c.recv(n - len(data))
            if not more:
                raise OSError
            data += more
        return data

    def _socks(self, c):
        methods = self._exactly(c, self._exactly(c, 2)[1])
        if self.mode == "silent":
            c.recv(1)
            return
        want = 2 if self.login else 0
        c.sendall(bytes([5, want if want in methods else 255]))
        if want not in methods:
            return
        if self.login:
            user = self._exactly(c, self._exactly(c, 2)[1])
            passwd = self._exactly(c, self._exactly(c, 1)[0])
            ok = (user.decode(), passwd.decode()) == self.login
            c.sendall(b"\1\0" if ok else b"\1\1")
            if not ok:
                return
        kind = self._exactly(c, 4)[3]
        if kind == 3:
            host = self._exactly(c, self._exactly(c, 1)[0]).decode()
        else:
            host = socket.inet_ntop(*((socket.AF_INET, self._exactly(c, 4)) if kind == 1 else (socket.AF_INET6, self._exactly(c, 16))))
        port = struct.unpack(">H", self._exactly(c, 2))[0]
        self.log.append({"kind": "socks", "target": "%s:%d" % (host, port), "head": "name" if kind == 3 else "address"})
        ok = b"\5\0\0\1\0\0\0\0\0\0"
        if self.mode == "junk":
            c.sendall(ok + b"evil")
            c.recv(1)
            return
        self._tunnel(c, host, port, ok, b"\5\5\0\1\0\0\0\0\0\0")

    # ---- bytes ----

    def _tunnel(self, c, host, port, ok, no):
        try:
            s = self._dial(host, port)
        except OSError:
            c.sendall(no)
            return
        c.sendall(ok)
        self._pump(c, s)

    def _pump(self, a, b):
        seen = 0
        try:
            while True:
                for s in select.select([a, b], [], [], 60)[0]:
                    data = s.recv(65536)
                    if not data:
                        return
                    (b if s is a else a).sendall(data)
                    seen += len(data)
        finally:
            b.close()
