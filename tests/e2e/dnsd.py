"""A name server for tests: dnsd.py ADDRESS. Answers A and nothing else, over UDP and TCP, by the first label of the name:

    drop...   no answer at all             late...   after 3 s
    many...   1000 addresses of which only the first one is any good (over UDP cut short, with TC)
    hop...    another address each time    other     ADDRESS
    none...   NXDOMAIN                     fail...   SERVFAIL
"""
import itertools
import socket
import struct
import sys
import threading
import time

HOPS = itertools.count()
NXDOMAIN, SERVFAIL = 3, 2


def addresses(label, own):
    base = own.rsplit(".", 1)[0]
    if label.startswith("many"):
        return [own] + ["192.0.2.%d" % (i % 250 + 1) for i in range(999)]
    if label.startswith("hop"):
        return ["%s.%d" % (base, 2 + next(HOPS) % 4)]
    return [own]


def reply(query, own, tcp):
    """The answer to a query with one question; None: none."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
        at += 1 + query[at]
    question = query[12:at + 5]
    kind = struct.unpack(">H", query[at + 1:at + 3])[0]
    if labels[0].startswith("drop"):
        return None
    if labels[0].startswith("late"):
        time.sleep(3)
    code = NXDOMAIN if labels[0].startswith("none") else SERVFAIL if labels[0].startswith("fail") else 0
    found = addresses(labels[0], own) if kind == 1 and code == 0 else []
    cut = not tcp and len(found) > 20
    found = [] if cut else found
    head = query[:2] + struct.pack(">HHHHH", 0x8180 | (0x0200 if cut else 0) | code, 1, len(found), 0, 0)
    return head + question + b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(a) for a in found)


def udp(own):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((own, 53))

    def answer(query, peer):
        data = reply(query, own, False)
        if data:
            s.sendto(data, peer)
    print("ready", flush=True)
    while True:
        threading.Thread(target=answer, args=s.recvfrom(4096), daemon=True).start()


def tcp(own):
    s = socket.create_server((own, 53))

    def serve(c):
        while True:
            size = c.recv(2, socket.MSG_WAITALL)
            if len(size) < 2:
                return c.close()
            data = reply(c.recv(struct.unpack(">H", size)[0], socket.MSG_WAITALL), own, True)
            if data:
                c.sendall(struct.pack(">H", len(data)) + data)
    while True:
        threading.Thread(target=serve, args=s.accept()[:1], daemon=True).start()


if __name__ == "__main__":
    threading.Thread(target=tcp, args=sys.argv[1:2], daemon=True).start()
    udp(sys.argv[1])
