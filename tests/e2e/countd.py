"""countd.py ADDRESS PORT LOG: a server that lets the first request to a path wait until so many connections are there.

GET /HOLD/SIZE/NAME: SIZE bytes, with ranges; HOLD connections in all are awaited since the server's beginning, 0: none. /HOLD/SIZE/last...
closes after its answer. LOG gets a line for each connection ("open N"), its end ("end N"), and each answer ("answer PATH N", N: how many
connections there have been so far).
"""
import re
import socket
import sys
import threading

LOCK = threading.Condition()
PATTERN = bytes((i >> 8 & 255) ^ (i & 255) for i in range(65536)) * 2
opened = 0


def note(log, *words):
    with open(log, "a") as f:
        f.write(" ".join(map(str, words)) + "\n")


def body(start, end):
    """64 KiB at most of what is between the two offsets."""
    return PATTERN[start % 65536:][:min(65536, end - start)]


def answer(c, log, head):
    path = head.split(" ")[1]
    hold, size = map(int, path.split("/")[1:3])
    m = re.search(r"(?i)^range: bytes=(\d+)-(\d*)", head, re.M)
    start, end = (int(m[1]), int(m[2] or size - 1) + 1) if m else (0, size)
    with LOCK:
        LOCK.wait_for(lambda: opened >= hold)
        note(log, "answer", path, opened)
    last = "/last" in path
    text = "HTTP/1.1 %s\r\nContent-Length: %d\r\nETag: \"e\"\r\nAccept-Ranges: bytes\r\n" % ("206 Partial Content" if m else "200 OK", end - start)
    if m:
        text += "Content-Range: bytes %d-%d/%d\r\n" % (start, end - 1, size)
    c.sendall((text + ("Connection: close\r\n" if last else "") + "\r\n").encode())
    while start < end:
        part = body(start, end)
        c.sendall(part)
        start += len(part)
    return not last


def serve(c, log, n):
    got = b""
    try:
        while True:
            while b"\r\n\r\n" not in got:
                more = c.recv(4096)
                if not more:
                    return
                got += more
            head, _, got = got.partition(b"\r\n\r\n")
            if not answer(c, log, head.decode()):
                return
    except OSError:
        pass
    finally:
        c.close()
        note(log, "end", n)


def main():
    global opened
    address, port, log = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    s = socket.create_server((address, port), backlog=64)
    print("ready", flush=True)
    while True:
        c, _ = s.accept()
        with LOCK:
            opened += 1
            note(log, "open", opened)
            LOCK.notify_all()
        threading.Thread(target=serve, args=(c, log, opened), daemon=True).start()


if __name__ == "__main__":
    main()
