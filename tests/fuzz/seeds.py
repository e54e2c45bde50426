#!/usr/bin/env python3
"""Writes the first inputs of every fuzz target to tests/fuzz/corpus/. Kept findings (finding-*) lie there too and stay.

    seeds.py --dict FOLDER    the words that targets are to try, out of the product's tables, as FOLDER/NAME.dict
"""
import base64
import gzip
import json
import os
import re
import sqlite3
import struct
import sys
import tempfile
import zlib

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def column(path, pattern):
    with open(os.path.join(TOP, path)) as f:
        return re.findall(pattern, f.read())


def write_dicts(folder):
    options = column("daemon/base/opt_table.h", r'\.name = "([^"]+)"')
    answer = ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 206 P\r\n", "HTTP/1.1 302 F\r\n", "HTTP/1.1 100 C\r\n\r\n", "\r\n\r\n", "\r\n0\r\n\r\n", "bytes ", "chunked", "gzip", "deflate", "close", "keep-alive",
              "Basic realm=", "none", "W/", "sha-256=:"] + ["\r\n%s: " % f for f in (
                  "Content-Length", "Content-Range", "Transfer-Encoding", "Content-Encoding", "Connection", "ETag", "Last-Modified", "Location", "Accept-Ranges", "Retry-After", "Set-Cookie", "Content-Type",
                  "Content-Disposition", "Repr-Digest", "Content-Digest", "Digest", "Content-MD5", "WWW-Authenticate", "Proxy-Authenticate")]
    words = {
        "http1": answer, "lane": answer,
        "rpc": column("rpc/method_table.h", r'METHOD\("([^"]+)"') + column("rpc/key_table.h", r'KEY\("([^"]+)"') + options + [
            "token:s", "methodName", '"params":[', '"id":', "POS_SET", "POS_CUR", "POS_END", "0000000000001001", "Host: localhost\r\n", "Origin: http://", "Sec-Fetch-Site: cross-site\r\n", "Expect: 100-continue\r\n",
            "Authorization: Basic ", "Accept-Encoding: gzip\r\n", "Content-Length: ", "Transfer-Encoding: chunked\r\n", "GET /jsonrpc?", "POST /rpc HTTP/1.1\r\n", "jsoncallback=", "<methodCall>", "<value>", "<struct>", "<member>",
            "<name>", "<array><data>", "<base64>", "<boolean>"],
        "text": [o + "=" for o in options] + ["machine ", "login ", "password ", "default", "macdef ", "; Domain=", "; Path=", "; Secure", "; HttpOnly", "; Max-Age=", "; Expires=", "__Host-", "__Secure-", "\tTRUE\t/\tFALSE\t",
                                              "#HttpOnly_", "SQLite format 3", "true", "false", "[1-9]", "{a,b}", "sha-256=", "md5=", "${HOME}"],
        "uri": ["http://", "https://", "//", "/../", "/./", "%2e", "@", ":80", "[::1]", "127.0.0.1", "0x7f", "xn--", "?", "#"],
        "name": ["attachment; ", "filename=", "filename*=UTF-8''", "iso-8859-1'en'", "%2F", "\\\"", ".part", ".aria2", "/"],
        "field": ["bytes ", "/*", "*/", "-", "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Feb", "29", ";r=0", ";t=", ", ", "9223372036854775807"],
    }
    for name, list_ in words.items():
        with open(os.path.join(folder, name + ".dict"), "w") as f:
            f.writelines('"%s"\n' % "".join(c if c.isalnum() or c in " -_./:;=*?#@[]{}<>%$'," else "\\x%02x" % ord(c) for c in w) for w in list_)


if sys.argv[1:2] == ["--dict"]:
    write_dicts(sys.argv[2])
    sys.exit()

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def put(target, items, first=0):
    folder = os.path.join(HERE, target)
    os.makedirs(folder, exist_ok=True)
    for i, data in enumerate(items, first):
        with open(os.path.join(folder, "seed-%02d" % i), "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())


def answer(head, body=b"", options=0, cut=7):
    return bytes([options, cut]) + head.replace("\n", "\r\n").encode() + b"\r\n" + body


RANGE, HEAD, GZIP, RESET, PAUSES, CREDENTIALS, CANCELS, PROXY = 1, 2, 4, 8, 16, 32, 64, 128
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
packed = gzip.compress(b"hello world " * 400, mtime=0)
deflated = zlib.compress(b"abc" * 100)
raw = zlib.compressobj(9, zlib.DEFLATED, -15)
raw_deflated = raw.compress(b"abc" * 100) + raw.flush()
put("http1", [
    answer("HTTP/1.1 200 OK\nContent-Length: 10\nETag: \"x\"\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\n", b"0123456789"),
    answer("HTTP/1.1 200 OK\nContent-Length: 3000\n", b"x" * 3000, PAUSES),
    answer("HTTP/1.1 206 Partial Content\nContent-Range: bytes 10-99/200\nContent-Length: 90\n", b"y" * 90, RANGE),
    answer("HTTP/1.1 206 Partial Content\nContent-Range: bytes 10-99/*\nTransfer-Encoding: chunked\n", b"5a;ext=1\r\n" + b"y" * 90 + b"\r\n0\r\nTrailer: x\r\n\r\n", RANGE | PAUSES),
    answer("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n", b"3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"),
    answer("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Encoding: gzip\n", b"%x\r\n" % len(packed) + packed + b"\r\n0\r\n\r\n", GZIP | PAUSES),
    answer("HTTP/1.1 200 OK\nContent-Length: %d\nContent-Encoding: gzip\n" % len(packed), packed, GZIP), answer("HTTP/1.1 200 OK\nContent-Encoding: gzip\n", packed + packed + b"junk", GZIP), answer("HTTP/1.1 200 OK\nContent-Encoding: gzip\n", packed + packed[:9], GZIP),
    answer("HTTP/1.1 200 OK\nContent-Length: %d\nContent-Encoding: deflate\n" % len(deflated), deflated, GZIP),
    answer("HTTP/1.1 200 OK\nContent-Encoding: deflate\n", raw_deflated, GZIP),
    answer("HTTP/1.1 200 OK\nContent-Length: 10\nContent-Length: 10\n", b"0123456789junk"),
    answer("HTTP/1.1 200 OK\nContent-Length: 10\nTransfer-Encoding: chunked\n", b"0\r\n\r\n"),
    answer("HTTP/1.0 200 OK\nConnection: keep-alive\n", b"to the end"),
    answer("HTTP/1.0 200 OK\n", b"cut", RESET),
    answer("HTTP/1.1 200 OK\nContent-Length: 5\n", b"", HEAD),
    answer("HTTP/1.1 204 No Content\nContent-Length: 5\n"),
    answer("HTTP/1.1 304 Not Modified\nETag: W/\"w\"\n"),
    answer("HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nLink: </x>\n\nHTTP/1.1 200 OK\nContent-Length: 2\n", b"ok"),
    answer("HTTP/1.1 302 Found\nLocation: //other/x?y#z\nContent-Length: 4\n", b"gone"),
    answer("HTTP/1.1 416 Range Not Satisfiable\nContent-Range: bytes */1234\nContent-Length: 0\n", b"", RANGE),
    answer("HTTP/1.1 503 Slow\nRetry-After: 120\nTransfer-Encoding: chunked\n", b"1\r\nx\r\n0\r\n\r\n"),
    answer("HTTP/1.1 401 No\nWWW-Authenticate: Digest realm=\"a\", Basic realm=\"b\"\nContent-Length: 0\n", b"", CREDENTIALS),
    answer("HTTP/1.1 200 OK\nContent-Disposition: attachment; filename*=UTF-8''%e2%82%ac.bin; filename=e.bin\nContent-Type: Text/Plain; charset=x\n"
           "Repr-Digest: sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:\nDigest: SHA-256=AAAA\nContent-MD5: AAAAAAAAAAAAAAAAAAAAAA==\nContent-Length: 1\n", b"1", CANCELS),
    answer("HTTP/1.1 200 OK\nAccept-Ranges: none\nX: a\n b\nContent-Length: 1\n", b"1"),
    answer("HTTP/1.1 200 OK\nSet-Cookie: a=b; Path=/; Domain=host.test; Max-Age=60; Secure; HttpOnly\nSet-Cookie: c=d; expires=Sun, 06 Nov 2044 08:49:37 GMT\nContent-Length: 1\n", b"1"),
    answer("HTTP/1.1 407 No\nProxy-Authenticate: Basic realm=x\nContent-Length: 0\n", b"", PROXY, 4),
    *[bytes([PROXY | how, way]) + b"".join(bytes([len(x) % 256]) + x for x in turns) for how, way, turns in (
        # CONNECT; then SOCKS without and with a login: greeting, login, where to, and the origin's answer
        (0, 5, [b"HTTP/1.1 200 OK\r\n\r\n", OK]), (0, 5, [b"HTTP/1.1 100 C\r\n\r\nHTTP/1.0 200 OK\r\nX: y\r\n\r\n", OK]), (0, 5, [b"HTTP/1.1 407 No\r\n\r\n"]), (0, 1, [b"HTTP/1.1 502 No\r\n\r\n"]),
        (0, 1, [b"HTTP/1.1 403 No\r\n\r\n"]), (0, 1, [b"HTTP/1.1 200 OK\r\n\r\njunk"]), (0, 1, [b"nonsense"]), (RESET, 1, []),
        (0, 6, [b"\5\0", b"\5\0\0\1\x7f\0\0\1\0\x50", OK]), (0, 6, [b"\5\0", b"\5\0\0\4" + b"\0" * 18, OK]), (0, 6, [b"\5\0", b"\5\0\0\3\4host\0\x50", OK]), (0, 6, [b"\5\2"]),
        (0, 7, [b"\5\2", b"\1\0", b"\5\0\0\3\4host\0\x50", OK]), (0, 7, [b"\5\2", b"\1\1"]), (0, 7, [b"\5\0", b"\5\0\0\1\x7f\0\0\1\0\x50", OK]), (0, 2, [b"\5\xff"]),
        (0, 2, [b"\5\0", b"\5\5\0\1" + b"\0" * 6]), (0, 2, [b"\5\0", b"\5\0\0\7"]), (0, 2, [b"\4\0"]), (RESET, 2, [b"\5\0"]), (PAUSES, 2, [b"\5\0junk"]))],
    b"\x00\x01HTTP/1.1 200 OK\nContent-Length: 1\n\n1", b"\x00\x01\x00\xff\xfe", b"\x00\x01", b"\x00\x01HTTP/2 200\r\n\r\n", b"\x00\x01ICY 200 OK\r\n\r\nmusic",
])
NEW, STRONG, DATED, NO_END, LATE_FILE, HAD_RANGES, BROKEN, CHECKSUM = 1, 2, 4, 8, 16, 32, 64, 128
DATE = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\n"


def lane(options, start, length, behind, head, body=b""):
    """start: byte of the input; from 128 on it means the last 120 bytes of a block and what follows."""
    return bytes([options, 7, start, length, behind]) + head.replace("\n", "\r\n").encode() + b"\r\n" + body


def part(options, start, length, behind, first, last, total, body=None, more="ETag: \"e\"\n"):
    n = last + 1 - first
    return lane(options, start, length, behind, "HTTP/1.1 206 P\nContent-Range: bytes %d-%d/%s\nContent-Length: %d\n%s" % (first, last, total, n, more),
                bytes(i % 251 for i in range(n)) if body is None else body)


block = 262144 - 120
put("lane", [
    part(STRONG, 10, 90, 100, 10, 99, 200), part(STRONG, 10, 90, 100, 10, 199, 200), part(STRONG, 10, 90, 100, 10, 49, 200), part(STRONG, 10, 90, 100, 9, 99, 200),
    part(STRONG, 10, 90, 0, 10, 99, 101), part(STRONG, 10, 90, 0, 10, 99, "*"), part(0, 10, 90, 0, 10, 99, "*", more=""), part(STRONG, 10, 90, 100, 10, 99, 200, more="ETag: \"f\"\n"),
    part(STRONG | DATED, 10, 90, 100, 10, 99, 200, more=DATE), part(DATED, 10, 90, 100, 10, 99, 200, more=""), part(DATED | CHECKSUM, 10, 90, 100, 10, 99, 200, more=""),
    part(STRONG, 128, 250, 9, block, block + 249, block + 259), part(STRONG, 200, 255, 255, block + 72, block + 72 + 509, block + 72 + 510), part(HAD_RANGES | STRONG, 0, 50, 10, 0, 49, 60),
    part(STRONG, 10, 90, 100, 10, 99, 200, b"x" * 40), part(STRONG | BROKEN, 10, 90, 100, 10, 99, 200, b"x" * 90), part(STRONG, 10, 90, 100, 10, 99, 200, b"x" * 90 + b"HTTP/1.1 200 OK"),
    part(STRONG, 10, 90, 100, 10, 99, 200, b"--b\r\n", "Content-Type: multipart/byteranges; boundary=b\nETag: \"e\"\n"),
    lane(STRONG, 10, 90, 100, "HTTP/1.1 206 P\nETag: \"e\"\nContent-Length: 90\n", b"x" * 90),
    lane(STRONG, 10, 90, 0, "HTTP/1.1 206 P\nETag: \"e\"\nContent-Range: bytes 10-99/100\nTransfer-Encoding: chunked\n", b"5a\r\n" + b"x" * 90 + b"\r\n0\r\n\r\n"),
    lane(STRONG, 10, 90, 0, "HTTP/1.1 206 P\nETag: \"e\"\nContent-Range: bytes 10-99/100\nTransfer-Encoding: chunked\n", b"5b\r\n" + b"x" * 91 + b"\r\n0\r\n\r\n"),
    lane(STRONG, 10, 90, 0, "HTTP/1.1 200 OK\nETag: \"e\"\nContent-Length: 100\n", b"x" * 100), lane(0, 0, 90, 10, "HTTP/1.1 200 OK\nContent-Length: 100\n", b"x" * 100),
    lane(0, 0, 100, 0, "HTTP/1.1 200 OK\nContent-Length: 99\n", b"x" * 99), lane(0, 5, 90, 0, "HTTP/1.1 416 No\nContent-Range: bytes */95\nContent-Length: 0\n"),
    lane(HAD_RANGES, 5, 90, 0, "HTTP/1.1 416 No\nContent-Length: 0\n"), lane(0, 5, 90, 0, "HTTP/1.1 302 F\nLocation: /x\nContent-Length: 4\n", b"gone"),
    lane(0, 5, 90, 0, "HTTP/1.1 302 F\nContent-Length: 0\n"), lane(0, 5, 90, 0, "HTTP/1.1 503 B\nRetry-After: 7\nContent-Length: 0\n"), lane(0, 5, 90, 0, "HTTP/1.1 404 N\nContent-Length: 0\n"),
    lane(NEW, 0, 0, 0, "HTTP/1.1 200 OK\nContent-Length: 300\nETag: W/\"w\"\n" + DATE, b"y" * 300), lane(NEW | LATE_FILE, 0, 0, 0, "HTTP/1.1 200 OK\nContent-Length: 300\n", b"y" * 301),
    lane(NEW | LATE_FILE, 0, 0, 0, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n", b"3\r\nabc\r\n0\r\n\r\n"), lane(NEW, 0, 0, 0, "HTTP/1.0 200 OK\n", b"to the end"),
    lane(NEW | BROKEN, 0, 0, 0, "HTTP/1.0 200 OK\n", b"to the reset"), lane(NEW, 0, 0, 0, "HTTP/1.1 206 P\nContent-Range: bytes 0-9/20\nContent-Length: 10\n", b"0123456789"),
    lane(NEW, 0, 0, 0, "HTTP/1.1 206 P\nContent-Range: bytes 1-9/20\nContent-Length: 9\n", b"123456789"), lane(NEW, 0, 0, 0, "HTTP/1.1 200 OK\nContent-Length: 9223372036854775807\n", b"much"),
    lane(NEW, 0, 0, 0, "HTTP/1.1 200 OK\nContent-Length: 0\n"), lane(NO_END, 0, 0, 0, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n", b"3\r\nabc\r\n0\r\n\r\n"),
    lane(NO_END, 9, 0, 0, "HTTP/1.1 206 P\nContent-Range: bytes 9-11/12\nContent-Length: 3\n", b"abc"), lane(STRONG, 10, 0, 0, "HTTP/1.1 206 P\nContent-Range: bytes 10-10/11\nContent-Length: 1\n", b"a"),
])
put("field", ["a;r=0;t=30", "a;r=0;t=30, b;r=12;t=900", "a;r=0;t=3,b;t=5;r=0", "a ; r=0 ; t=99999999", '"x;,y";r=0;t=1', "a;r=0;r=1;t=5", "a;t=5", "a;r=00;t=007", ",,a;r=0;t=1", "a;r=0;t=1.5"], first=50)
put("field", ["bytes 0-99/200", "bytes 0-99/*", "bytes */200", "bytes */*", "BYTES 5-4/9", "bytes 0-9223372036854775807/*", "bytes 0-9223372036854775806/9223372036854775807",
              "bytes 18446744073709551616-1/2", "bytes=0-1/2", "bytes 0 - 1/2", "120", "0", "99999999999999999999999", "-1", "+5", " 5 ", "5, 5", "0x10", "",
              "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Tue, 29 Feb 2000 23:59:60 GMT",
              "Fri, 31 Dec 9999 23:59:59 GMT", "Tue, 14 Nov 2023 22:13:21 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"])
put("name", ["attachment; filename=\"a b.txt\"", "attachment; filename*=UTF-8''%E2%82%AC%20rates.txt", "attachment; filename=x; filename*=iso-8859-1'en'%A3.txt",
             "inline; FILENAME=\"../../etc/passwd\"", "attachment; filename=\"a\\\"b\\\\c\"", "form-data; name=x; filename=", "attachment; filename=..",
             "attachment; filename=" + "x" * 300 + ".tar.gz", b"attachment; filename=\"\xe9t\xe9.txt\"", "attachment; filename=\"=?UTF-8?B?4oKs?=\"",
             "http://h/a/b%2Fc%00%0ad?x#y", "http://h/%2e%2e", "http://h/", "a.part", "x.aria2", ". - .hidden", "\u202egnp.exe", "\u3000 name \u3000", "-rf", b"\xff\xfe\xfd",
             "e\u0301" * 130 + ".jpeg", "." * 300, "a." + "b" * 400, "C:\\dir\\file.txt", "filename*0=a; filename*1=b"])
put("uri", ["http://user:pa%40ss@Host.Test:8080/a/../b/./c?q=1&r=[x]#frag\n../x\n//other/y\n?z\n#f\n/abs/%2e%2e/p\nhttp://h/\n", "https://[2001:DB8::1]:443/\nx y",
            "http://127.0.0.1/\n..", "http://0x7f.1/", "http://2130706433/", "http://b\u00fccher.example/stra\u00dfe", "http://h:0/", "http://h:65536/", "http://h:/",
            "http://h", "http://h?q", "http://h#f", "ftp://u@h/x;type=a", "file:///etc/passwd", "http:///x", "http://a@b@c/", "http://h/%zz%", "http://xn--a/", "HTTP://H./",
            "magnet:?xt=urn:btih:0", "http://h/ \"<>\\^`{|}", "http://h/a//b/../../..//c\n./../g\n;x=1/../y\n", "http://[::ffff:1.2.3.4%25eth0]/", "http://" + "a." * 120 + "b/"])


def post(body, fields="", options=0, path="/jsonrpc"):
    b = body if isinstance(body, bytes) else body.encode()
    return bytes([options, 9]) + ("POST %s HTTP/1.1\r\nHost: 127.0.0.1:6800\r\n%sContent-Length: %d\r\n\r\n" % (path, fields, len(b))).encode() + b


def call(method, params="[]", **kw):
    return post('{"jsonrpc":"2.0","id":"q","method":"%s","params":%s}' % (method, params), **kw)


def get(query, options=0):
    return bytes([options, 9]) + ("GET /jsonrpc?%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % query).encode()


def xml_value(v):
    if isinstance(v, dict):
        return "<value><struct>%s</struct></value>" % "".join("<member><name>%s</name>%s</member>" % (k, xml_value(x)) for k, x in v.items())
    if isinstance(v, list):
        return "<value><array><data>%s</data></array></value>" % "".join(map(xml_value, v))
    return "<value><%s>%s</%s></value>" % (("int", v, "int") if isinstance(v, int) else ("string", v, "string"))


def xml_params(params):
    return "<params>%s</params>" % "".join("<param>%s</param>" % xml_value(v) for v in params)


def xml(method, params):
    return post("<?xml version='1.0'?><methodCall><methodName>%s</methodName>%s</methodCall>" % (method, params), path="/rpc")


ADD = '[["http://h/x","http://m/x"],{"out":"o","split":"3","header":["A: b","C: d"]},0]'
METHODS = [("aria2.addUri", ADD), ("aria2.tellActive", '[["gid","status"]]'), ("aria2.tellWaiting", "[0,10]"), ("aria2.tellStopped", "[-1,1000]"),
           ("aria2.tellStatus", '["0000000000001001"]'), ("aria2.getFiles", '["0000000000001001"]'), ("aria2.getUris", '["0000000000001001"]'),
           ("aria2.getServers", '["0000000000001001"]'), ("aria2.getOption", '["0000000000001001"]'), ("aria2.changeOption", '["0000000000001001",{"max-download-limit":"1K"}]'),
           ("aria2.changeGlobalOption", '[{"max-concurrent-downloads":"2"}]'), ("aria2.getGlobalOption", "[]"), ("aria2.getGlobalStat", "[]"),
           ("aria2.changePosition", '["0000000000001001",1,"POS_CUR"]'), ("aria2.changeUri", '["0000000000001001",1,["http://h/x"],["http://n/x"],0]'),
           ("aria2.pause", '["0000000000001001"]'), ("aria2.unpause", '["0000000000001001"]'), ("aria2.remove", '["0000000000001001"]'), ("aria2.pauseAll", "[]"),
           ("aria2.purgeDownloadResult", "[]"), ("aria2.removeDownloadResult", '["0000000000001001"]'), ("aria2.saveSession", "[]"), ("aria2.getVersion", "[]"),
           ("aria2.forcePause", '["0000000000001001"]'), ("aria2.unpauseAll", "[]"), ("aria2.forcePauseAll", "[]"), ("aria2.forceRemove", '["0000000000001001"]'), ("aria2.getPeers", '["0000000000001001"]'),
           ("haul.retry", '["0000000000001001"]'), ("system.listNotifications", "[]"), ("aria2.forceShutdown", "[]"), ("aria2.tellStatus", '["00000000000010ff"]'),
           ("aria2.tellStatus", '["0000000000001001",["haul.addedAt","haul.endedAt","haul.owner","haul.unproven","haul.wait","bitfield","verifiedLength","nothing"]]'),
           ("aria2.tellStatus", '[5]'), ("aria2.tellWaiting", '["0",10]'), ("aria2.addUri", '[["http://h/x"],{"dir":"/etc","input-file":"x","out":"../x","no-such":"1","split":4}]'),
           ("aria2.changeGlobalOption", '[{"rpc-secret":"x","log":"/x","dir":"relative","max-overall-download-limit":"5K"}]'), ("aria2.getSessionInfo", "[]"), ("aria2.shutdown", "[]"), ("system.listMethods", "[]"), ("aria2.addTorrent", '["AAAA"]'), ("aria2.addMetalink", '["AAAA"]')]
chain = post('{"id":0,"method":"aria2.addUri","params":%s}' % ADD)
put("rpc", [chain + call(m, p)[2:] for m, p in METHODS] + [
    post("[" + ",".join('{"id":%d,"method":"%s","params":%s}' % (i, m, p) for i, (m, p) in enumerate(METHODS[:39])) + "]"),
    post('{"id":1,"method":"system.multicall","params":[[%s]]}' % ",".join('{"methodName":"%s","params":%s}' % mp for mp in METHODS[:20])),
    *[call(m, p, options=o) for o in (32, 33, 64, 128, 196) for m, p in (METHODS[0], METHODS[4])], call("aria2.addUri", '["token:s",["http://h/x"]]', options=33), post("[" + ",".join(['{"method":"system.listMethods"}'] * 900) + "]", options=64),
    call("aria2.tellActive", '["token:s"]', options=1), call("aria2.tellActive", '["token:no"]', options=5), call("aria2.saveSession", options=6),
    call("aria2.getGlobalOption", fields="Accept-Encoding: gzip\r\n"), post("{", fields="Expect: 100-continue\r\n"),
    b"\x00\x01GET /jsonrpc?method=aria2.tellActive&id=1&params=W10%3D HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\x00\x01GET /jsonrpc?method=aria2.tellActive&jsoncallback=cb HTTP/1.0\r\n\r\n",
    b"\x00\x01OPTIONS /jsonrpc HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x\r\n\r\n",
    b"\x00\x01POST /jsonrpc HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a.b\r\n\r\n",
    b"\x08\x01POST /jsonrpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{", b"\x00\x01HEAD / HTTP/1.1\r\nHost: [::1]:6800\r\nConnection: close\r\n\r\n",
    post('{"id":"\\u0000\\ud83d\\ude00","method":"\\uffff"}'), post(b'{"id":"\xff","method":1}'), post("[[[[[[[[[]]]]]]]]]"), post('{"id":1e999,"method":"x"}'),
    *[post('{"id":{"b":1.5,"a":[true,null]},"method":"aria2.tell\x01\tActive","params":[\n]}', fields=f) for f in (
        "Origin: http://evil.example\r\n", "Origin: http://127.0.0.1:6800\r\n", "Origin: null\r\n", "Origin: file://\r\n", "Sec-Fetch-Site: cross-site\r\n", "Origin: http://localhost:99\r\nSec-Fetch-Site: same-origin\r\n",
        "Authorization: Basic OnM=\r\n", "haul-as-user: 1\r\n", "X: %s\r\n" % ("y" * 17000), "Host: again\r\n", "Content-Length: 3\r\n", "Expect: 200\r\n")],
    post("[]", fields="Transfer-Encoding: chunked\r\n"), b"\x00\x01POST /jsonrpc HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"\x00\x01POST /jsonrpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
    b"\x00\x01PUT /jsonrpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", b"\x00\x01POST /other HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", b"\x00\x01GET /" + b"x" * 17000,
    *[call(m, p, fields="Accept-Encoding: gzip\r\n") for m, p in METHODS[:3]],
    *[get("method=%s&id=1&params=%s&jsoncallback=cb.x" % (m, base64.b64encode(p.encode()).decode().replace("=", "%3D").replace("+", "%2B")), 16) for m, p in METHODS[:8]],
    get("params=" + base64.b64encode(b'[{"id":1,"method":"aria2.tellActive"},{"id":2,"method":"x"}]').decode().replace("=", "%3D"), 16), get("jsoncallback=a(b&method=x", 16),
    post('{"id":0,"method":"aria2.addUri","params":[["http://h/x"],{"out":"\\uffff\\ufffe\\u0085&]]>"}]}') + xml("aria2.getOption", xml_params(["0000000000001001"]))[2:],
    *[xml(m, xml_params(json.loads(p))) for m, p in METHODS], xml("system.multicall", xml_params([[{"methodName": m, "params": json.loads(p)} for m, p in METHODS[:12]]])),
    xml("aria2.addUri", "<params><param><value><array><data><value>http://h/&#xFFFD;&lt;&#13;</value></data></array></value></param></params>"),
    xml("aria2.tellStatus", "<params><param><value><string>\uffff\u0085\u2028\ufdd0</string></value></param></params>"), xml("\uffffx", ""), xml("a", "<params><param><value><i4>-5</i4></value></param>"
        "<param><value><base64>aGk=</base64></value></param><param><value><double>1.5</double></value></param><param><value><boolean>1</boolean></value></param></params>"),
    post("<?xml version='1.0' encoding='iso-8859-1'?><methodCall><methodName>\xe9</methodName></methodCall>".encode("latin-1"), path="/rpc"),
    post("<!DOCTYPE x [<!ENTITY a 'b'>]><methodCall><methodName>&a;</methodName></methodCall>", path="/rpc"),
    b"\x00\x01GET /jsonrpc HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n\x81\x80\0\0\0\0",
])


def frame(first, payload, mask=b"\0\0\0\0"):
    p = payload if isinstance(payload, bytes) else payload.encode()
    size = bytes([0x80 | len(p)]) if len(p) < 126 else b"\xfe" + struct.pack(">H", len(p)) if len(p) < 65536 else b"\xff" + struct.pack(">Q", len(p))
    return bytes([first]) + size + mask + bytes(c ^ mask[i % 4] for i, c in enumerate(p))


LIST = '{"id":"1","method":"system.listMethods"}'
put("ws", [b"\x05\x00" + x for x in (
    frame(0x81, LIST), frame(0x81, LIST, b"abcd"), frame(0x01, LIST[:9]) + frame(0x89, "ping") + frame(0x00, LIST[9:20]) + frame(0x80, LIST[20:]),
    frame(0x82, LIST), frame(0x88, b"\x03\xe8bye"), frame(0x88, b""), frame(0x88, b"\x03"), frame(0x8a, "x"), frame(0x89, "x" * 125), frame(0x89, "x" * 126),
    frame(0x81, "x" * 5000), frame(0x81, "[" + ",".join([LIST] * 20) + "]"), b"\x81\x05hello", b"\xf1\x80\0\0\0\0", b"\x83\x80\0\0\0\0", frame(0x80, "no start"),
    b"\x81\xff\x7f" + b"\xff" * 7 + b"\0\0\0\0", b"\x81\xff\x80" + b"\0" * 11, frame(0x81, b"\xff\xfe"), frame(0x01, "a") + frame(0x81, "b"),
    b"".join(frame(0x81, LIST) for _ in range(30)), frame(0x81, '{"id":1,"method":"aria2.addUri","params":%s}' % ADD) + frame(0x81, '{"id":2,"method":"aria2.tellWaiting","params":[0,9]}'),
    frame(0x81, "x" * 4096 * 9), frame(0x81, "{" * 3000), frame(0x81, ""), b"\x81\xfe\0\x05\0\0\0\0hello")] + [
    # the same 2^N times; 16: the client reads nothing; 32: a token is asked for
    bytes([5, how]) + x for how, x in ((15, frame(0x01, "x" * 500)), (15, frame(0x00, "x" * 500)), (15, frame(0x89, "p" * 100)), (31, frame(0x89, "p")), (10, frame(0x81, LIST)), (26, frame(0x81, LIST)),
                                       (42, frame(0x81, LIST)), (58, frame(0x81, '{"id":1,"method":"aria2.tellActive"}')), (12, frame(0x8a, "x" * 125)), (15, frame(0x81, "")), (31, frame(0x81, "")),
                                       (11, frame(0x81, "[" + ",".join(["[" * 20 + "]" * 20] * 90) + "]")), (15, b"\x81\xff" + struct.pack(">Q", 1 << 40) + b"\0\0\0\0"), (14, b"x" * 100))])

put("text", ["c# comment\nmax-concurrent-downloads=3\ndir=/tmp\nheader=A: b\nheader=C: d\nunknown=1\nsplit = 4\n", "crpc-listen-port=99999\n", "cno-equal-sign\n", "c\xef\xbb\xbfdir=x\r\n",
             "cmax-overall-download-limit=1G\nlowest-speed-limit=1.5M\n", "call-proxy=http://u:p@h:1\ncheck-certificate=no\n", b"c\xff\xfe=\x00\n",
             "i\x00http://a/x\thttp://b/x\n out=x\n  header=A: b\n header=C: d\n# c\nhttp://c/y\n", "i\x01http://h/{a,b}[1-3]/[01-10:3].bin\n out=z\n", "i\x03http://h/{a,b}\thttp://g/[a-c]\n",
             "i\x00 out=no-uri\n", "i\x00http://a\n split=0\n", "i\x00http://a\n gid=0123456789abcdef\n dir=/x\n checksum=sha-1=00\n", b"i\x00" + gzip.compress(b"http://a/x\n out=y\n", mtime=0),
             b"i\x00" + gzip.compress(b"http://a/x\n out=y\n", mtime=0)[:-4],
             "hsha-256=" + "0aF" * 21 + "1", "hmd5=d41d8cd98f00b204e9800998ecf8427e", "hsha-1=zz", "h=", "hadler32=00000001", "hsha-512=" + "ab" * 64,
             "phttp://h/{a, b ,,c}/[1-3]", "p[00001-99999]", "p[10-1]", "p[a-zz][A-ZZ]", "p{", "p[1-", "phttp://[::1]/x", "p[1-65535:0]", "p{a}{b}{c}{d}[1-9][1-9][1-9][1-9][1-9][1-9]",
             "vsplit=16\nheader=A: b\nheader=C: d\nall-proxy=h:8080\nmax-download-limit=5M\nout=a/b\ngid=0123456789abcdef\nchecksum=md5=d41d8cd98f00b204e9800998ecf8427e\n"
             "min-tls-version=TLSv1.3\nlisten-port=1-3,6\nindex-out=1=x\nresolve=h:80:127.0.0.1\nselect-file=1-2\nseed-ratio=1.0\nrpc-secret=s\ndir=${HOME}/x\nbt-prioritize-piece=head=1M,tail\n",
             "vsplit=0\nsplit=-1\nsplit= 4\nsplit=4294967297\npiece-length=1.5T\nmin-split-size=99999999999G\nout=../x\nheader=no colon\ndry-run=maybe\nfile-allocation=nope\n"])

put("text", ["nmachine host.test login u password p\ndefault login x password y\n", "nmachine host.test\n login \"q u\" password 'a'\nmacdef init\n cd /\n\nmachine b login\n",
             "nmachine HOST.TEST password p # c\n", "k# Netscape HTTP Cookie File\n.host.test\tTRUE\t/\tFALSE\t2000000000\tn\tv\n#HttpOnly_b.test\tFALSE\t/x\tTRUE\t0\ta\tb\n",
             "k.com\tTRUE\t/\tFALSE\t2000000000\tn\tv\nx\ty\n\n127.0.0.1\tFALSE\t/\tFALSE\t99999999999999999999\tn\t\n", "kSQLite format 3\0"], first=40)

put("text", ["j" + x for x in (
    '{"id":"1",}', '[1,]', '{"a":"line\none\ttab\x01"} trailing', '"\\x\\u0041\\\n"', '[007,-00,0,-1,0.0,1e05,10,00.5]', "[" * 51 + "]" * 51, '{"a":[true,null,{"b":"\\"}"}]}',
    '"' + "\x02" * 40 + '"', '"\x00"', '"\\', "-", "--05", ",,}", "")], first=50)



def database(statements):
    """The bytes of a SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "db")
        db = sqlite3.connect(path)
        db.executescript("PRAGMA page_size=512;" + statements)
        db.close()
        with open(path, "rb") as f:
            return f.read()


FIREFOX = """CREATE TABLE moz_cookies (id INTEGER PRIMARY KEY, originAttributes TEXT, name TEXT, value TEXT, host TEXT, path TEXT, expiry INTEGER, lastAccessed INTEGER, isSecure INTEGER, isHttpOnly INTEGER);
    INSERT INTO moz_cookies VALUES (1, '', 'n', 'v', '.example.com', '/', 2000000000, 1, 1, 1), (2, '', 'm', 'w', 'h.test', '/x', 2000000000000, 2, 0, 0), (3, 'x', 'o', 'p', 'h', '/', 0, 3, 0, 0), (4, '', NULL, X'00', 5, '', 'x', 4, 0, 0);"""
CHROMIUM = """CREATE TABLE cookies (host_key TEXT, path TEXT, is_secure INTEGER, is_httponly INTEGER, expires_utc INTEGER, name TEXT, value TEXT, encrypted_value BLOB, last_access_utc INTEGER);
    INSERT INTO cookies VALUES ('.example.com', '/', 1, 1, 13350000000000000, 'n', 'v', '', 1), ('h.test', '/', 0, 0, 0, 'm', '', X'763130ff', 2), ('h', '/', 0, 0, -5, 'o', 'p', '', 3);"""
put("text", [b"k" + database(FIREFOX), b"k" + database(CHROMIUM), b"k" + database(CHROMIUM.replace("is_", "")), b"k" + database("CREATE TABLE x (y)"),
             "vresolve=h:80:127.0.0.1\nssh-host-key-md=sha-1=" + "0a" * 20 + "\ndht-entry-point=h:6881\nno-proxy=a,.b\nrpc-allowed-host=x,y\nallowed-dirs=/a:/b\nindex-out=1=x\nstate-dir=/x\n",
             "vssh-host-key-md=md5=zz\ndht-entry-point=h\nrpc-allowed-host=,\nallowed-dirs=a\nstate-dir=../x\nselect-file=3-1,x\nbt-prioritize-piece=mid\n"], first=90)

SITE = "shttps://a.b.example.com/x/y\nhttps://c.b.example.com/x/z\n"
put("text", [
    "a--split=4\nhttp://h/x\n-x2\n-s\n3\n--out\nname\n", "a--max-conn=3\n", "a--no-such\n", "a--rpc-secret=geheim\n--http-passwd\nx\n--\n-x\n", "a-Z\n-c\n-j5\n", "a--dry-run\nhttp://x\n", "a-\n--\n---\n", "a--header=A: b\n--header=C: d\n--conf-path=\n",
    SITE + "a=b; Domain=example.com; Path=/x; Secure; HttpOnly; Max-Age=60\nc=d; domain=.b.example.com; expires=Sun, 06 Nov 2044 08:49:37 GMT\n", SITE + "__Host-a=b; Secure; Path=/\n__Secure-a=b\n__Host-x=y; Domain=b.example.com; Secure; Path=/\n",
    SITE + "a=b; Domain=com\nc=d; Domain=co.uk\nx; Domain=example.com; Domain=\n=v\nn=\n", "shttp://127.0.0.1/\nhttp://127.0.0.1/a\na=b; Domain=0.0.1\nc=d; Path=a\ne=f; Path=/a/\n", "shttp://h/a\nhttp://h/ab\n" + "".join("n%d=v; Path=/\n" % i for i in range(60)),
    "shttp://[::1]/\nhttp://[::1]/\na=b; max-age=-1\na=b; expires=1 jan 70 0:0:0\nc=d; expires=Wed, 09-Jun-2099 10:18:14 GMT\n", "shttp://co.uk/\nhttp://co.uk/\na=b; Domain=co.uk\n"], first=70)

put("job", [b"\x01\x00\x00out=x\x01split=4\x01\n0-100,200-300\n/tmp/x\n\"e\"\ndate\nhttp://a/x\nhttp://b/x\n", b"\x01\x03\x09\n\n\n\n\n", b"\x00\x00\x00\n", b"\x01\x06\x00\n",
            b"\x01\xff\x00header=A: b\x01header=C: d\x01unknown=1\x01\n0-9223372036854775807\n\n\n\nx", b"\x01\x00\x00split=0\x01\n5-4\n", b"\x01\x00\x00\n0-1,1-2\n", b"\x01\x00\x00\n3-4,1-2\n",
            b"\x01\x00\x00\n0-18446744073709551616\n", b"\x01\x00\x00\n-5-6\n", b"\x01\x00\x00\n1-2,\n", b"\x01\x02\x00pause=true\x01out=a b\x01header=\x01\n0-5\n/x\n\n\n\n\n\n"])

slot = lambda a, b: struct.pack("<qq", a, b)
put("journal", [b"\x01" + slot(0, 100), b"\x01" + slot(0, 100) + slot(100, 200) + slot(5000, 999999999999), b"\x01" + slot(-5, 10), b"\x01" + slot(10, 5), b"\x01" + slot(0, 0) + slot(7, 9),
                b"\x01" + slot(2 ** 63 - 1, -2 ** 63), b"\x01\x01", b"\x00", b"\x00hauljrnl" + b"\0" * 300, b"\x00hauljrnl\x01\0\0\0" + b"\xff" * 400, b"\x01" + b"".join(slot(i * 10, i * 10 + 5) for i in range(300)),
                b"\x01" + slot(400, 550) + slot(650, 1000001)])
put("journal", [b"\x03" + slot(0, 100) + slot(100, 200) + slot(5000, 999999999999), b"\x03" + slot(-5, 10) + slot(10, 5) + slot(0, 0) + slot(7, 9),
                b"\x03" + slot(2 ** 63 - 1, -2 ** 63) + slot(0, 2 ** 63 - 1), b"\x03" + b"".join(slot(i * 10, i * 10 + 5) for i in range(200)),
                b"\x07" + slot(2 ** 62, 2 ** 62 + 77) + slot(-1, 5), b"\x03" + slot(400, 550) + slot(650, 1000001) + b"\x01"], first=20)



def control(total, piece, bits, started=(), version=1, flags=0, hash_len=0):
    """A control file of aria2; started: (index, length, bits)."""
    end = "<" if version == 0 else ">"
    return struct.pack(">HI", version, flags) + struct.pack(end + "I", hash_len) + b"h" * hash_len + struct.pack(end + "IQQI", piece, total, 0, len(bits)) + bits + \
        struct.pack(end + "I", len(started)) + b"".join(struct.pack(end + "III", i, n, len(b)) + b for i, n, b in started)


MIB = 1 << 20
fits = lambda version, piece, total, rest: bytes([1 | version << 1]) + struct.pack(">IQ", piece, total) + rest
put("aria2", [b"\x00" + x for x in (
    bytes.fromhex("0001000000000000000000100000" "00000000002dc6c00000000000000000" "00000001800000000100000001001000" "0000000008ffffffe000000000"),
    control(3000000, MIB, b"\x80", [(1, MIB, b"\xff\xff\xff\xe0\0\0\0\0")], version=0), control(10 * MIB, MIB, b"\xff\xc0"), control(10 * MIB, MIB, b"\xaa\x80"),
    control(3000000, MIB, b"\x20", [(1, MIB, b"\x80" * 8), (0, MIB, b"\x01" * 8)]), control(100000, 32768, b"\x80", [(3, 100000 - 3 * 32768, b"\x80")]),
    control(100000, 32768, b"\x80", [(1, 32768, b"\x80"), (1, 32768, b"\x40")]), control(MIB, MIB, b"\0", flags=1), control(MIB, MIB, b"\0", hash_len=20), control(MIB, MIB, b"\0", version=2),
    control(2 ** 63 - 1, 2 ** 32 - 1, b"\x80"), control(2 ** 64 - 1, MIB, b"\x80"), control(0, MIB, b""), control(MIB, 0, b"\x80"), control(MIB, MIB, b"\x80") + b"x", b"", b"\0", b"my diary",
    control(9 * MIB, MIB, b"\xff\xff"), control(70000, 16384, b"\x50"))] + [
    fits(1, 32768, 100000, b"\x80" + struct.pack(">I", 1) + struct.pack(">III", 2, 32768, 1) + b"\xc0"), fits(0, 32768, 100000, b"\x90" + struct.pack("<I", 0)),
    fits(1, 1, 20000, b"\xa5" * 2500 + b"\0\0\0\0"), fits(1, MIB, MIB * 5, b"\x28\xff\xff\xff\xff")])

page = 4096
patches = lambda *p: b"\x00" + b"".join(struct.pack(">HB", a, v) for a, v in p)
put("sqlite", [b"\x00", patches((0, 0)), patches((16, 0), (18, 9)), patches((100, 0)), patches((page, 0)), patches((page + 3, 255), (page + 4, 255)), patches((1, 1), (2, 2), (9000, 255)),
               patches((1, 83), (2, 81), (0, 255)), patches((60, 9), (63, 9)), patches((68, 1)), patches(*[(2 * page + i, 170) for i in range(0, 60)]), patches(*[(3 * page + i, 0) for i in range(0, 60)]),
               b"\x01", b"\x01SQLite format 3\0", b"\x01not a database", b"\x01" + b"\0" * 8192, patches((28, 0), (29, 0), (31, 2)), patches((44, 9), (47, 9)), patches((5000, 0), (6000, 7), (7000, 9))])
