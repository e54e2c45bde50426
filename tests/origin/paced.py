#!/usr/bin/python3
"""An HTTP origin that gives each connection the same, even rate (no bursts): paced.py FOLDER RATE [PORT]; prints its port.

Single byte ranges, keep-alive; sendfile in slices of 10 ms, each at its own time, so that n connections carry n times the rate.
"""
import os
import re
import socket
import sys
import threading
import time

SLICE = 0.01


def answer(conn, folder, rate, head):
    m = re.match(rb"GET /(\S*) HTTP/1.1", head)
    path = os.path.join(folder, os.path.basename(m.group(1).decode())) if m else ""
    if not m or not os.path.isfile(path):
        conn.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        return
    size = os.path.getsize(path)
    start, end, status = 0, size, b"200 OK"
    extra = b""
    r = re.search(rb"\r\n[Rr]ange: bytes=(\d+)-(\d*)", head)
    if r:
        start = int(r.group(1))
        end = min(size, int(r.group(2)) + 1) if r.group(2) else size
        status = b"206 Partial Content"
        extra = b"Content-Range: bytes %d-%d/%d\r\n" % (start, end - 1, size)
    conn.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nAccept-Ranges: bytes\r\nETag: \"%x\"\r\n%s\r\n" % (status, end - start, size, extra))
    due = time.monotonic()
    with open(path, "rb") as f:
        while start < end:
            n = min(int(rate * SLICE), end - start)
            sent = os.sendfile(conn.fileno(), f.fileno(), start, n)
            start += sent
            due += sent / rate
            time.sleep(max(0, due - time.monotonic()))


def serve(conn, folder, rate):
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buf = b""
    try:
        while True:
            while b"\r\n\r\n" not in buf:
                d = conn.recv(65536)
                if not d:
                    return
                buf += d
            head, buf = buf.split(b"\r\n\r\n", 1)
            answer(conn, folder, rate, b"" + head)
    except OSError:
        pass
    finally:
        conn.close()


def main():
    folder, rate = sys.argv[1], float(sys.argv[2])
    s = socket.create_server(("127.0.0.1", int(sys.argv[3]) if len(sys.argv) > 3 else 0), backlog=1024)
    print(s.getsockname()[1], flush=True)
    while True:
        conn, _ = s.accept()
        threading.Thread(target=serve, args=(conn, folder, rate), daemon=True).start()


if __name__ == "__main__":
    main()
