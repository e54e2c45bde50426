"""haul get in the place of aria2c: the same words on the command line, the same files, exit codes and lines to look for.

Where aria2c is installed each comparison is run with it too, so that what is expected is what it does."""
import csv
import gzip
import hashlib
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import urllib.request

import pytest

from test_client import Client, client, receive, served  # noqa: F401 (fixtures)
from test_proxy import proxy  # noqa: F401 (fixture)

HERE = os.path.dirname(os.path.abspath(__file__))
ARIA2 = shutil.which("aria2c")
MIB = 1 << 20


# ---- every option ----

def options():
    """-> the rows of aria2's options that have to do with HTTP and FTP."""
    with open(os.path.join(os.path.dirname(HERE), "unit/base/aria2_options.tsv")) as f:
        rows = csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [r for r in rows if r["area"] not in ("bt", "metalink")]


OPTIONS = {r["name"]: r for r in options()}
GOOD = {"all-proxy": "http://127.0.0.1:9", "all-proxy-passwd": "p", "all-proxy-user": "u", "async-dns-server": "127.0.0.1",
        "certificate": "{pem}", "private-key": "{pem}", "ca-certificate": "{pem}", "checksum": "sha-256={sum}", "conf-path": "my.conf",
        "dir": "sub", "dry-run": "true", "daemon": "false", "enable-async-dns6": "true", "file-allocation": "none", "ftp-passwd": "p",
        "ftp-user": "u", "gid": "0123456789abcdef", "header": "X-A: b", "http-passwd": "p", "http-user": "u", "input-file": "list.txt",
        "interface": "127.0.0.1", "load-cookies": "cookies.txt", "log": "log.txt", "multiple-interface": "127.0.0.1,lo", "netrc-path": "netrc",
        "no-proxy": "127.0.0.1", "on-download-complete": "/bin/true", "on-download-error": "/bin/true", "on-download-pause": "/bin/true",
        "on-download-start": "/bin/true", "on-download-stop": "/bin/true", "optimize-concurrent-downloads": "5:25", "out": "other",
        "referer": "*", "rpc-certificate": "{pem}", "rpc-private-key": "{pem}", "rpc-passwd": "p", "rpc-user": "u", "rpc-secret": "s",
        "save-cookies": "saved.txt", "save-session": "session.txt", "server-stat-if": "stats.txt", "server-stat-of": "stats.txt",
        "ssh-host-key-md": "sha-1=" + "0" * 40, "stop-with-process": "1", "stop": "100", "user-agent": "T/1", "version": "", "help": "#all",
        "rpc-listen-port": "7000", "max-connection-per-server": "16", "http-proxy": "http://127.0.0.1:9", "https-proxy": "127.0.0.1:9",
        "ftp-proxy": "127.0.0.1:9"}
GOOD.update({n + s: v for n in ("http-proxy", "https-proxy", "ftp-proxy") for s, v in (("-user", "u"), ("-passwd", "p"))})
# The file that comes of it, where it is not the usual one.
FILE = {"dir": "sub/a", "out": "other", "dry-run": None, "version": None, "help": None, "pause": "a"}


def good(row):
    value = GOOD.get(row["name"])
    if value is None:
        value = {"bool": "false", "enum": row["default"], "int": row["default"], "size": row["default"], "string": row["default"]}[row["type"]]
    assert value or row["name"] in ("version",), row
    return value


def bad(row):
    """-> values that aria2 refuses."""
    number = row["type"] in ("int", "size")
    values = {"bool": ["maybe", "TRUE"], "enum": ["nonsense"], "int": ["x", "1x"], "size": ["x", "1Q"], "string": [], "path": [], "list": []}[row["type"]][:]
    if number and row["min"]:
        values.append(str(int(row["min"]) - 1))
    if number and row["max_or_values"] and row["name"] != "max-connection-per-server":  # more than 16 is on purpose
        values.append(str(int(row["max_or_values"]) + 1))
    if row["name"] == "enable-async-dns6":  # deprecated: aria2 no longer looks at it
        return []
    own = {"checksum": ["md5=1", "x"], "all-proxy": ["http://"], "optimize-concurrent-downloads": ["x:y"],
           "ssh-host-key-md": ["x"], "rpc-secret": [""]}
    return values + own.get(row["name"], [])


@pytest.fixture(scope="session")
def pem(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("pem") / "both.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", path, "-out", path + "c", "-days", "3", "-subj", "/CN=x"],
                   check=True, capture_output=True)
    with open(path, "a") as f:
        f.write(open(path + "c").read())
    return path


def fill(client, hostile):
    """Files that options name."""
    for name, text in {"list.txt": hostile.base + "/f/1K/a\n", "cookies.txt": "", "my.conf": "split=3\n", "netrc": "", "stats.txt": ""}.items():
        with open(client.path(name), "w") as f:
            f.write(text)
        os.chmod(client.path(name), 0o600)


@pytest.mark.parametrize("name", OPTIONS)
def test_each_option_is_taken(client, hostile, tools, pem, name):
    row = OPTIONS[name]
    fill(client, hostile)
    value = good(row).replace("{pem}", pem).replace("{sum}", hostile.sha256("1K", "a"))
    flag = "--" + name if row["type"] == "bool" and value == "true" else "--%s=%s" % (name, value) if name != "version" else "--version"
    args = ["get", "--private", "--no-proxy=127.0.0.1", flag] + ([] if name == "input-file" else [hostile.base + "/f/1K/a"])
    r = client.run(*args)
    assert r.returncode == 0, (args, r)
    path = FILE.get(name, "a")
    if path is None:
        assert not os.path.exists(client.path("a"))
    else:
        assert tools.sha256_of(client.path(path)) == hostile.sha256("1K", "a")
    assert client.gone()


@pytest.mark.parametrize("name", [n for n in OPTIONS if bad(OPTIONS[n])])
def test_a_bad_value_is_28(client, hostile, name):
    for value in bad(OPTIONS[name]):
        args = ["--%s=%s" % (name, value), hostile.base + "/f/1K/a"]
        r = client.run("get", "--private", *args)
        assert r.returncode == 28 and r.stderr.startswith("haul: --%s: " % name) and r.stderr.count("\n") == 1, (args, r)
        if ARIA2:
            r = subprocess.run([ARIA2, "--no-conf", *args], cwd=client.cwd, capture_output=True, timeout=20)
            assert r.returncode == 28, (args, r)
    assert hostile.log() == [] and os.listdir(client.cwd) == []


@pytest.mark.parametrize("name", [n for n in OPTIONS if OPTIONS[n]["short"] and n not in ("version", "help", "input-file", "daemon")])
def test_each_short_option_is_taken(client, hostile, name):
    """With its value in the same word, and in the next one unless it is a boolean."""
    row, url = OPTIONS[name], hostile.base + "/f/1K/a"
    value = good(row)
    forms = [["-%s%s" % (row["short"], value)], ["-" + row["short"]] if row["type"] == "bool" else ["-" + row["short"], value]]
    for form in forms:
        r = client.run("get", "--private", *form, url)
        assert r.returncode == 0, (form, r)
        shutil.rmtree(client.cwd)
        os.mkdir(client.cwd)


# ---- the same as aria2c ----

class Run:
    """What came of one run."""

    def __init__(self, argv, cwd, env, hostile, files, stdin):
        self.folder = cwd
        os.mkdir(cwd)
        for name, text in files.items():
            text, mtime = text if isinstance(text, tuple) else (text, None)
            with open(os.path.join(cwd, name), "wb") as f:
                f.write(text if isinstance(text, bytes) else text.encode())
            if mtime:
                os.utime(os.path.join(cwd, name), (mtime, mtime))
        hostile.get("/_reset")
        p = subprocess.run(argv, cwd=cwd, env=env, input=stdin if isinstance(stdin, bytes) else stdin.encode(), capture_output=True, timeout=60)
        self.code, self.out, self.err = p.returncode, p.stdout.decode(), p.stderr.decode()
        self.files = {}
        for at, _, names in os.walk(cwd):
            for n in names:
                rel = os.path.relpath(os.path.join(at, n), cwd)
                if rel not in files and not rel.endswith((".aria2", ".part")):
                    self.files[rel] = hashlib.sha256(open(os.path.join(at, n), "rb").read()).hexdigest()
        self.asked = [r["line"].split()[1] for r in hostile.log()]


@pytest.fixture
def pair(client, hostile, tmp_path):
    """run(argv): yields the Run of haul, then that of aria2c if it is there."""
    def run(argv, files={}, stdin=""):
        fix = lambda t: t.replace("{u}", hostile.base) if isinstance(t, str) else t
        argv, files, stdin = [fix(a) for a in argv], {n: fix(t) for n, t in files.items()}, fix(stdin)
        for start in [[client.exe, "get"]] + ([[ARIA2]] if ARIA2 else []):
            folder = str(tmp_path / ("run%d" % len(os.listdir(tmp_path))))
            yield Run([*start, "--no-conf", *argv], folder, client.env(), hostile, files, stdin)
    return run


A, B, C = "{u}/f/1K/a", "{u}/f/1K/b", "{u}/f/1K/c"
GONE = "{u}/fail/1M/g?times=99&code=404"
SAME = {
    # name: (arguments, input files, standard input), exit code, {file: (size, seed)}
    "mirrors": (([A, A], {}, ""), 0, {"a": "a"}),
    "options-behind": (([A, "-o", "x", "-d", "d"], {}, ""), 0, {"d/x": "a"}),
    "out-folder": ((["--out=p/q", A], {}, ""), 0, {"p/q": "a"}),
    "value-in-next-word": ((["--out", "x", "--split", "3", A], {}, ""), 0, {"x": "a"}),
    "double-dash": ((["-ox", "--", A], {}, ""), 0, {"x": "a"}),
    "double-dash-then-option": ((["--", "-s3"], {}, ""), 1, {}),
    "abbreviation": ((["--max-conn=3", "--ou=x", A], {}, ""), 0, {"x": "a"}),
    "ambiguous": ((["--max-c=3", A], {}, ""), 28, {}),
    "unknown": ((["--frobnicate", A], {}, ""), 28, {}),
    "missing-value": (([A, "--split"], {}, ""), 28, {}),
    "bare-needs-value": ((["--show-console-readout", A], {}, ""), 28, {}),
    "boolean-bare": ((["--continue", "--allow-overwrite", A], {}, ""), 0, {"a": "a"}),
    "boolean-takes-no-next-word": ((["--continue", "false", A], {}, ""), 1, {}),
    "short-boolean": ((["-c", "-Z", "-q", A, B], {}, ""), 0, {"a": "a", "b": "b"}),
    "short-boolean-false": ((["-cfalse", "-Ztrue", A, B], {}, ""), 0, {"a": "a", "b": "b"}),
    "short-glued": ((["-s2x3", A], {}, ""), 28, {}),
    "usual-line": ((["-x16", "-s16", "-k1M", "-c", "-j3", "-m3", "-t10", "-UX/1", "-R", "-n", "-a", "none", A], {}, ""), 0, {"a": "a"}),
    "as-yt-dlp-does": ((["-c", "--console-log-level=warn", "--summary-interval=0", "--download-result=hide", "--http-accept-gzip=true",
                         "--file-allocation=none", "-x16", "-j16", "-s16", "--min-split-size", "1M", "--check-certificate=false", "--dir", "d", "--out",
                         "x", "--auto-file-renaming=false", "--header", "Accept: */*", "--", A], {}, ""), 0, {"d/x": "a"}),
    "as-apt-fast-does": ((["-c", "-j", "5", "-x", "5", "-s", "5", "-i", "l", "--min-split-size=1M", "--stream-piece-selector=default",
                           "--connect-timeout=600", "--timeout=600", "-m0"], {"l": A + "\t" + A + "\n out=p_1.deb\n" + B + "\n out=q_2.deb\n"}, ""), 0,
                         {"p_1.deb": "a", "q_2.deb": "b"}),
    "as-hfd-does": ((["--console-log-level=error", "--file-allocation=none", "-x", "4", "-j", "5", "-s", "4", "-k", "1M", "-c", "-i", "l",
                      "--save-session=l"], {"l": A + "\n  dir=./m/sub\n  out=w.bin\n  gid=0123456789abcdef\n"}, ""), 0, {"m/sub/w.bin": "a"}),
    "no-arguments": (([], {}, ""), 1, {}),
    "only-options": ((["-x4"], {}, ""), 1, {}),
    "not-a-uri": ((["foo.txt"], {}, ""), 1, {}),
    "one-not-a-uri": ((["-Z", "foo", A], {}, ""), 1, {}),
    "not-found": (([GONE], {}, ""), 3, {}),
    "one-of-two-fails": ((["-Z", "-j1", A, GONE], {}, ""), 3, {"a": "a"}),
    "last-failure-counts": ((["-Z", "-m1", "-t1", "{u}/no-answer/1M/s", GONE], {}, ""), 2, None),
    "last-failure-counts-2": ((["-Z", "-m1", "-t1", GONE, "{u}/no-answer/1M/s"], {}, ""), 2, None),
    "checksum-wrong": ((["--checksum=md5=" + "0" * 32, "-o", "gone", A], {}, ""), 32, None),
    "sequential": ((["-Z", A, B, C], {}, ""), 0, {"a": "a", "b": "b", "c": "c"}),
    "sequential-drops-out": ((["-Z", "-o", "x", A, B], {}, ""), 0, {"a": "a", "b": "b"}),
    "pattern": ((["-P", "-Z", "-j1", "{u}/f/1K/{a, b,}/n[01-02]", "{u}/f/1K/c"], {}, ""), 0,
                {"n01": "a", "n02": "a", "n01.1": "b", "n02.1": "b", "c": "c"}),
    "pattern-mirrors": ((["-P", "-o", "x", "{u}/f/1K/a/n[1-3]"], {}, ""), 0, {"x": "a"}),
    "pattern-step-letters": ((["-P", "-Z", "{u}/f/1K/[a-e:2]"], {}, ""), 0, {"a": "a", "c": "c", "e": "e"}),
    "pattern-without-end": ((["-P", "{u}/f/1K/[1-"], {}, ""), 1, {}),
    "pattern-without-p": ((["{u}/f/1K/a/%5B1-2%5D"], {}, ""), 0, {"[1-2]": "a"}),
    "list": ((["-i", "l"], {"l": A + "\n" + B + "\n\tout=x\n  dir=d\n"}, ""), 0, {"a": "a", "d/x": "b"}),
    "list-stdin": ((["-i", "-"], {}, A + "\n" + B + "\n out=x"), 0, {"a": "a", "x": "b"}),
    "list-gzip": ((["-i", "l"], {"l": "gzip"}, ""), 0, {"a": "a", "b": "b"}),
    "list-mirrors": ((["-i", "l"], {"l": GONE + "\t" + A + "\n out=x\n"}, ""), 0, {"x": "a"}),
    "list-sequential": ((["-Z", "-i", "l"], {"l": A + "\t" + B + "\n"}, ""), 0, {"a": "a", "b": "b"}),
    "list-comments": ((["-il"], {"l": "# c\n\n" + A + "\n # c\n#c\n\n out=x\n   \n" + B}, ""), 0, {"x": "a", "b": "b"}),
    "list-unknown-option": ((["-il"], {"l": A + "\n frobnicate=1\n out=x\n"}, ""), 0, {"x": "a"}),
    "list-last-wins": ((["-il"], {"l": A + "\n out=x\n out=y\n"}, ""), 0, {"y": "a"}),
    "list-bad-value": ((["-il"], {"l": A + "\n" + B + "\n split=0\n"}, ""), 28, {}),
    "list-name-alone": ((["-il"], {"l": A + "\n continue\n" + B + "\n split\n"}, ""), 28, {}),
    "list-boolean-alone": ((["-il"], {"l": A + "\n continue\n"}, ""), 0, {"a": "a"}),
    "list-missing": ((["-i", "nowhere"], {}, ""), 1, {}),
    "list-empty": ((["-i", "l"], {"l": ""}, ""), 0, {}),
    "list-only-comments": ((["-i", "l"], {"l": "# nothing\n\n"}, ""), 0, {}),
    "list-out-of-command-line": ((["-o", "x", "-i", "l"], {"l": A + "\n" + B + "\n"}, ""), 0, {"a": "a", "b": "b"}),
    "list-inherits-dir": ((["-d", "d", "-i", "l"], {"l": A + "\n" + B + "\n dir=e\n"}, ""), 0, {"d/a": "a", "e/b": "b"}),
    "list-checksum": ((["--checksum=md5=" + "0" * 32, "--auto-file-renaming=false", "-i", "l"], {"l": A + "\n"}, ""), 32, None),
    "list-deferred": ((["--deferred-input", "-j1", "-i", "l"], {"l": A + "\n" + B + "\n out=x\n" + C}, ""), 0, {"a": "a", "x": "b", "c": "c"}),
    "list-pause-without-rpc": ((["-i", "l"], {"l": A + "\n pause=true\n"}, ""), 0, {"a": "a"}),
    "pause-without-rpc": ((["--pause=true", A], {}, ""), 0, {"a": "a"}),
    "dry-run": ((["--dry-run", A], {}, ""), 0, {}),
    "dry-run-not-found": ((["--dry-run", GONE], {}, ""), 3, {}),
    "same-gid-twice": ((["-Z", "--gid=0123456789abcdef", A, B], {}, ""), 1, None),
    "exists-renamed": (([A], {"a": "mine"}, ""), 0, {"a.1": "a"}),
    "exists-refused": ((["--auto-file-renaming=false", A], {"a": "mine"}, ""), 13, {}),
    "missing-conf": ((["--no-conf=false", "--conf-path=nowhere", A], {}, ""), 1, {}),
    "conf-bad-value": ((["--no-conf=false", "--conf-path=c", A], {"c": "split=0\n"}, ""), 28, {}),
    "conf-name-alone": ((["--no-conf=false", "--conf-path=c", A], {"c": "split\n"}, ""), 28, {}),
    "conf": ((["--no-conf=false", "--conf-path=c", A], {"c": "# c\n dir = d \n=x\nfrobnicate=1\ncontinue\n"}, ""), 0, {"d/a": "a"}),
    "log-nowhere": ((["-l", "/nonexistent/x", A], {}, ""), 1, {}),
    "stop": ((["--stop=1", "{u}/f/8M/a?rate=1M"], {}, ""), 7, None),
    "stop-with-process": ((["--stop-with-process=999999999", "{u}/f/8M/a?rate=1M"], {}, ""), 7, None),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_comes_of_it(pair, hostile, name):
    (argv, files, stdin), code, want = SAME[name]
    if files.get("l") == "gzip":
        files = {"l": gzip.compress((A + "\n" + B + "\n").replace("{u}", hostile.base).encode())}
    for run in pair(argv, files, stdin):
        assert run.code == code, (name, run.code, run.out, run.err)
        if want is not None:
            assert run.files == {f: hostile.sha256("1K", seed) for f, seed in want.items()}, (name, run.files, run.out)
        if code == 28:
            assert run.asked == [], "nothing may be fetched before the mistake is found"


@pytest.mark.parametrize("mtime,fetched", [(1800000000, False), (1600000000, True)])
def test_only_what_is_newer(pair, hostile, mtime, fetched):
    """The origin's files are of 1700000000."""
    for run in pair(["--conditional-get", "--allow-overwrite", A], {"a": ("mine", mtime)}):
        with open(os.path.join(run.folder, "a"), "rb") as f:
            data = f.read()
        assert run.code == 0 and (hashlib.sha256(data).hexdigest() == hostile.sha256("1K", "a") if fetched else data == b"mine")
        assert table(run.out)[0][0][1] == "OK  "


def test_an_entry_that_can_not_be_used_is_not_forgotten(client, hostile):
    """The others are fetched; unlike aria2c, whose exit code says nothing of it."""
    with open(client.path("l"), "w") as f:
        f.write("%s/f/1K/a\nfoo\n out=x\nftp://127.0.0.1:9/y\n%s/f/1K/b\n" % (hostile.base, hostile.base))
    r = client.run("get", "--private", "-i", "l")
    assert r.returncode == 1 and "haul: foo: " in r.stderr and "ftp" in r.stderr
    assert sorted(os.listdir(client.cwd)) == ["a", "b", "l"]


def test_unknown_options_of_a_list_are_told(client, hostile):
    with open(client.path("l"), "w") as f:
        f.write(hostile.base + "/f/1K/a\n frobnicate=s3cret\n")
    r = client.run("get", "--private", "-i", "l")
    assert r.returncode == 0 and "l:2: unknown option: frobnicate\n" in r.stderr and "s3cret" not in r.stderr
    assert client.run("get", "--private", "--console-log-level=error", "-i", "l").stderr == ""


def test_the_order_is_the_lists(pair):
    """One at a time, in the order of the file; of a line's mirrors the first."""
    seeds = "qwertzuiop"
    for run in pair(["-j1", "-i", "l"], {"l": "".join("{u}/f/1K/%s\n" % s for s in seeds)}):
        assert run.code == 0 and run.asked == ["/f/1K/" + s for s in seeds]


class Counter(http.server.BaseHTTPRequestHandler):
    """Holds each answer back until as many are asked for as are awaited, or for a moment; notes the most at a time."""

    def do_GET(self):
        s = self.server
        with s.changed:
            s.now += 1
            s.most = max(s.most, s.now)
            s.changed.notify_all()
            s.changed.wait_for(lambda: s.most > s.awaited, 0.3)
        with s.changed:
            s.now -= 1
        self.send_response(200)
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"x")

    def log_message(self, *args):
        pass


@pytest.mark.parametrize("flags,most", [(["-j1"], 1), (["-j3"], 3), ([], 5)])
def test_so_many_at_a_time(pair, flags, most):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Counter)
    server.changed, server.awaited = threading.Condition(), most
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        server.now = server.most = 0
        for run in pair(["-Z", *flags, *["http://127.0.0.1:%d/%d" % (server.server_port, i) for i in range(7)]]):
            assert run.code == 0 and len(run.files) == 7 and server.most == most
            server.now = server.most = 0
    finally:
        server.shutdown()
        server.server_close()


def test_long_lists(client, hostile, tools):
    """Thousands of entries: all at once, and as deferred input, which gives the daemon a few at a time."""
    with open(client.path("l"), "w") as f:
        for i in range(2000):
            f.write("%s/f/10/s%d\n out=%d\n dir=%s\n" % (hostile.base, i, i, client.path("d")))
    client.ok("get", "--private", "-q", "-j16", "-i", "l")
    assert len(os.listdir(client.path("d"))) == 2000
    shutil.rmtree(client.path("d"))
    r = client.run("get", "--private", "--deferred-input", "--console-log-level=warn", "--download-result=hide", "-j16", "-i", "l")
    assert (r.returncode, r.stderr) == (0, ""), r
    assert len(os.listdir(client.path("d"))) == 2000
    assert tools.sha256_of(client.path("d", "1999")) == hostile.sha256(10, "s1999")


def test_deferred_input_goes_on_behind_a_mistake(client, hostile):
    with open(client.path("l"), "w") as f:
        f.write("{0}/f/1K/a\n{0}/f/1K/b\n split=0\n{0}/f/1K/c\n".format(hostile.base))
    r = client.run("get", "--private", "--deferred-input", "-i", "l")
    assert r.returncode == 28 and r.stderr == "haul: l:3: split: must be between 1 and 2147483647\n", r
    assert sorted(os.listdir(client.cwd)) == ["a", "c", "l"]


def test_deferred_input_continues(client, hostile, tools):
    with open(client.path("l"), "w") as f:
        f.write("{0}/f/64K/a\n{0}/f/4M/b?rate=2M\n{0}/f/64K/c\n".format(hostile.base))
    args = ["get", "--private", "--deferred-input", "-j1", "-s1", "-i", "l"]
    p = receive(client, hostile, tools, args, 2 * MIB)
    p.send_signal(signal.SIGINT)
    assert p.wait(20) == 7 and sorted(os.listdir(client.cwd)) == ["a", "b.part", "l"]
    client.ok(*args)
    assert sorted(os.listdir(client.cwd)) == ["a", "b", "c", "l"] and client.states() == []
    assert tools.sha256_of(client.path("b")) == hostile.sha256("4M", "b") and hostile.sent() < 6 * MIB


# ---- what it prints ----

def table(out):
    """-> the rows of the table of results as lists of columns, and the legend."""
    m = re.search(r"^Download Results:\ngid   \|stat\|avg speed  \|(?:  %\|)?path/URI\n======\+====\+===========\+[=+]+\n(.*?)\n\nStatus Legend:\n(.*?)\n",
                  out, re.M | re.S)
    assert m, out
    return [line.split("|") for line in m.group(1).split("\n")], m.group(2)


LINES = {  # what to look for, in haul's output and aria2c's
    "complete": ["-d", "d", A],
    "several": ["-Z", "-d", "d", A, B, GONE],
    "failed": [GONE],
    "checksum": ["--auto-file-renaming=false", "--checksum=md5=" + "0" * 32, "-d", "d", "-o", "x", A],
}
FOUND = {
    "complete": [r"^\d\d/\d\d \d\d:\d\d:\d\d \[NOTICE\] Downloading 1 item\(s\)$", r"^\d\d/\d\d \d\d:\d\d:\d\d \[NOTICE\] Download complete: d/a$",
                 r"^[0-9a-f]{6}\|OK  \| *(\S+i?B/s|n/a)\|d/a$", r"^\(OK\):download completed\.$"],
    "several": [r"Downloading 3 item\(s\)$", r"Download complete: d/a$", r"Download complete: d/b$", r"\[ERROR\].*Download aborted\. URI=http\S+/g\?QUERY$",
                r"errorCode=3 ", r"\[NOTICE\] Download GID#[0-9a-f]{16} not complete: $", r"^[0-9a-f]{6}\|ERR \| *\S+\|http://127.0.0.1:\d+/fail/1M/g\?QUERY$",
                r"^\(OK\):download completed\.\(ERR\):error occurred\.$", r"will resume download if the transfer is restarted\.$"],
    "failed": [r"^[0-9a-f]{6}\|ERR \|", r"^\(ERR\):error occurred\.$"],
    "checksum": [r"\[ERROR\] Checksum error detected\. file=d/x$", r"Download GID#[0-9a-f]{16} not complete: d/x$"],
}


@pytest.mark.parametrize("name", LINES)
def test_lines_that_scripts_look_for(pair, name):
    for run, query in zip(pair(["--enable-color=false", *LINES[name]]), (r"\.\.\.", "times=99&code=404")):  # haul shows none
        for pattern in FOUND[name]:
            assert re.search(pattern.replace("QUERY", query), run.out, re.M), (pattern, run.out)


def test_a_right_checksum_is_told(pair, hostile):
    for run in pair(["--enable-color=false", "--checksum=sha-256=" + hostile.sha256("1K", "a"), "-d", "d", A]):
        assert re.search(r"\[NOTICE\] Verification finished successfully\. file=d/a$", run.out, re.M) and run.code == 0


@pytest.mark.parametrize("form", ["default", "full", "hide"])
def test_download_result(pair, form):
    for run in pair(["--enable-color=false", "-j1", "--download-result=" + form, "-Z", "-d", "d", A, GONE]):
        if form == "hide":
            assert "Download Results" not in run.out and "Status Legend" not in run.out and "Download complete: d/a" in run.out
            continue
        rows, legend = table(run.out)
        assert [(r[1], r[-1][:4]) for r in rows] == [("OK  ", "d/a"), ("ERR ", "http")] and {len(r[2]) for r in rows} == {11}
        assert legend == "(OK):download completed.(ERR):error occurred."
        assert [r[3] for r in rows] == (["100", "  -"] if form == "full" else [r[-1] for r in rows])


def test_results_are_bounded(client, hostile):
    out = client.ok("get", "--private", "-Z", "-j1", "--max-download-result=2", *[hostile.base + "/f/1K/%d" % i for i in range(5)])
    assert [r[-1] for r in table(out)[0]] == [client.path("3"), client.path("4")]


READOUT = r"\[#[0-9a-f]{6} [\d.]+[KM]iB/1\.1MiB\(\d+%\) CN:1 DL:[\d.]+[KM]iB( ETA:\ds)?\]"
BYTES = r"\[#[0-9a-f]{6} \d+B/1228800B\(\d+%\) CN:1 DL:\d+B( ETA:\ds)?\]"
SLOW = "{u}/f/1200K/a?rate=700K"


@pytest.mark.parametrize("flags,shape", [([], READOUT), (["--human-readable=false"], BYTES), (["--console-log-level=error"], READOUT)])
def test_readout(pair, flags, shape):
    """A line a second where there is no terminal."""
    for run in pair(["--enable-color=false", "--summary-interval=0", *flags, SLOW]):
        lines = [x for x in run.out.splitlines() if x.startswith("[#")]
        assert 1 <= len(lines) <= 3 and all(re.fullmatch(shape, x) for x in lines), run.out
        assert "Summary" not in run.out and "\x1b" not in run.out and "\r" not in run.out
        assert ("NOTICE" in run.out) == ("--console-log-level=error" not in flags)


def test_readout_of_several(pair):
    for run in pair(["--enable-color=false", "--summary-interval=0", "-Z", "-j6", *["{u}/f/1200K/%d?rate=700K" % i for i in range(6)]]):
        lines = [x for x in run.out.splitlines() if x.startswith("[DL:")]
        assert any(re.fullmatch(r"\[DL:[\d.]+MiB\](\[#[0-9a-f]{6} [\d.]+[KM]iB/1\.1MiB\(\d+%\)\]){5}\(\+1\)", x) for x in lines), run.out


def test_readout_off(pair):
    for run in pair(["--show-console-readout=false", SLOW]):
        assert "[#" not in run.out and "Download complete" in run.out


def test_summary(pair):
    for run in pair(["--enable-color=false", "--show-console-readout=false", "--summary-interval=1", "-d", "d", SLOW]):
        blocks = re.findall(r"^ \*\*\* Download Progress Summary as of \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} \*\*\* \n={79}\n(\[#.*\])\nFILE: d/a\n-{79}\n", run.out, re.M)
        assert 1 <= len(blocks) <= 3 and all(re.fullmatch(READOUT, b) for b in blocks), run.out


def test_quiet_says_nothing(pair):
    for run in pair(["-q", "-Z", A, GONE]):
        assert (run.code, run.out, run.err) == (3, "", "")


def test_quiet_still_tells_of_a_wrong_start(client):
    assert "split" in client.fails(28, "get", "-q", "--split=0", "http://h/")
    assert "list" in client.fails(1, "get", "-q", "-i", "list")


def test_stderr(pair):
    for run in pair(["--stderr", "--enable-color=false", "-Z", "-d", "d", A, GONE]):
        assert run.out == "" and "Download complete: d/a\n" in run.err and len(table(run.err)[0]) == 2


def test_a_failure_is_told_where_failures_are_told(client, hostile):
    """On standard error as one line; not twice where both go to one place."""
    url = hostile.base + "/fail/1M/g?times=99&code=404"
    assert re.fullmatch(r"haul: g: Resource not found.* \(code 3\).*\n", client.fails(3, "get", "--private", url))
    p = client.start("get", "--private", url)
    assert p.communicate()[0].count("Resource not found") == 1


def test_interrupted(client, hostile, tools):
    p = receive(client, hostile, tools, ["get", "--private", "-s1", "-d", "d", hostile.base + "/f/8M/a?rate=2M"], 3 * MIB)
    p.send_signal(signal.SIGINT)
    out = p.communicate(timeout=20)[0]
    rows, legend = table(out)
    assert p.returncode == 7 and [(r[1], r[-1]) for r in rows] == [("INPR", "d/a")] and legend == "(INPR):download in-progress."
    assert re.search(r"Download GID#[0-9a-f]{16} not complete: d/a\n", out) and "will resume download" in out


def test_names_reach_a_pipe_as_they_are(client, hostile):
    name = "%e6%97%a5%20%c3%a4.bin"
    r = client.run("get", "--private", hostile.base + "/f/1K/a/" + name, LC_ALL="C")
    assert "Download complete: %s\n" % client.path("日 ä.bin") in r.stdout


def test_no_password_is_shown(client, hostile):
    url = hostile.base.replace("http://", "http://joe:s3cret@") + "/fail/1M/g?times=99&code=404"
    r = client.run("get", "--private", url)
    assert r.returncode == 3 and "s3cret" not in r.stdout + r.stderr and hostile.base + "/fail/1M/g" in r.stdout


# ---- on a terminal ----

def test_bars_are_the_view_of_a_terminal(client, hostile):
    t = client.terminal("get", "--private", "-s1", hostile.base + "/f/2M/a?rate=1M")
    t.until_text("━")
    assert t.wait() == 0
    assert "NOTICE" not in t.raw and "Results" not in t.raw and re.fullmatch(r"a  2\.0MiB in \S+ \(\S+/s\)", t.screen.text())


def test_bars_with_what_was_asked_for(client, hostile):
    t = client.terminal("get", "--private", "-s1", "--summary-interval=1", "--download-result=full", "--human-readable=false",
                        "--enable-color=false", "-d", "d", hostile.base + "/f/2M/a?rate=1M", cols=130)
    t.until_text("FILE: ")
    t.until(lambda s: re.search(r"\d+B/2097152B +\d+B/s", s.text()))
    assert t.wait() == 0
    rows, _ = table(t.raw.replace("\r\n", "\n"))
    assert rows[0][1:2] + rows[0][3:] == ["OK  ", "100", "d/a"]
    assert "\x1b[3" not in t.raw and "Download Progress Summary" in t.raw and "NOTICE" not in t.raw
    assert "2097152B in" in t.screen.text()


@pytest.mark.parametrize("flag", ["--show-console-readout=true", "--truncate-console-readout=true"])
def test_the_readout_on_a_terminal(client, hostile, flag):
    """Rewritten in place, cut at the width, with colours."""
    t = client.terminal("get", "--private", "-s1", "--console-log-level=error", "--download-result=hide", flag, hostile.base + "/f/2M/a?rate=1M", cols=30)
    t.until(lambda s: "[#" in s.text())
    assert "━" not in t.screen.text() and t.wait() == 0
    assert not t.screen.wrapped and t.screen.text() == ""


def test_the_readout_uncut(client, hostile):
    t = client.terminal("get", "--private", "-s1", "--truncate-console-readout=false", "--download-result=hide", hostile.base + "/f/2M/a?rate=1M", cols=120)
    t.until(lambda s: "[#" in s.text())
    assert "\x1b[36m(" in t.raw and t.wait() == 0
    assert "[\x1b[1;32mNOTICE\x1b[0m] Download complete: " in t.raw


def test_no_color(client, hostile):
    for env, flags in (({"NO_COLOR": "1"}, []), ({}, ["--enable-color=false"])):
        t = client.terminal("get", "--private", "--show-console-readout=true", "--allow-overwrite", *flags, hostile.base + "/f/1K/a", **env)
        assert t.wait() == 0 and "Download complete" in t.raw and "\x1b[1" not in t.raw and "\x1b[3" not in t.raw


def test_no_readout_on_a_terminal(client, hostile):
    t = client.terminal("get", "--private", "--show-console-readout=false", "-d", "d", hostile.base + "/f/2M/a?rate=1M")
    assert t.wait() == 0 and "[#" not in t.raw and "━" not in t.raw and "Download complete: d/a" in t.screen.text()


def test_hide_on_a_terminal(client, hostile):
    t = client.terminal("get", "--private", "--download-result=hide", hostile.base + "/f/1K/a")
    assert t.wait() == 0 and t.screen.text() == ""


def test_the_configuration_file_counts(client, hostile):
    """For the console too; not what is a lasting daemon's: its session, its being in the background, its list."""
    os.mkdir(os.path.join(client.home, ".aria2"))
    session = os.path.join(client.home, "session")
    with open(session, "w") as f:
        f.write(hostile.base + "/f/1K/not-this\n")
    with open(os.path.join(client.home, ".aria2/aria2.conf"), "w") as f:
        f.write("summary-interval=0\nshow-console-readout=false\ndownload-result=hide\nconsole-log-level=warn\ndaemon=true\nenable-rpc=true\n"
                "input-file=%s\nsave-session=%s\nheader=X-Conf: 1\ndir=%s\n" % (session, session, client.path("d")))
    assert client.ok("get", "--private", hostile.base + "/f/1K/a") == ""
    assert os.listdir(client.path("d")) == ["a"] and open(session).read() == hostile.base + "/f/1K/not-this\n"
    assert ["X-Conf", "1"] in hostile.log()[0]["headers"] and len(hostile.log()) == 1


# ---- hooks ----

EVENTS = ["start", "complete", "error", "stop", "pause"]


@pytest.fixture
def hooks(tmp_path, tools):
    """Programs that note how they were called."""
    class Hooks:
        folder = tmp_path / "hooks"
        log = folder / "log"

        def flags(self, *events):
            return ["--on-download-%s=%s" % (e, self.folder / e) for e in events]

        def calls(self, n):
            """Waits for n calls -> [event, arguments...] of each."""
            tools.wait_for(lambda: self.log.exists() and len(self.log.read_text().splitlines()) >= n)
            return [line.split("|") for line in self.log.read_text().splitlines()]

        def none_but(self, n):
            assert len(self.calls(n)) == n
    h = Hooks()
    h.folder.mkdir()
    for e in EVENTS:
        (h.folder / e).write_text('#!/bin/sh\necho "%s|$#|$1|$2|$3" >>%s\necho said by %s\n' % (e, h.log, e))
        (h.folder / e).chmod(0o755)
    return h


def test_hooks_of_get(pair, hooks):
    """Start, then complete or error; stop only where these are not set; nothing else."""
    for run in pair([*hooks.flags(*EVENTS), "-Z", "-j1", "-d", "d", A, GONE]):
        calls = hooks.calls(4)
        assert [c[0] for c in sorted(calls, key=lambda c: (c[2] != calls[0][2], c[0] != "start"))] == ["start", "complete", "start", "error"], calls
        assert all(c[1] == "3" and c[3] == "1" and re.fullmatch("[0-9a-f]{16}", c[2]) for c in calls)
        assert {c[0]: os.path.basename(c[4]) for c in calls if c[0] != "start"} == {"complete": "a", "error": ""}
        assert "said by complete" in run.out and "said by start" in run.out
        hooks.log.unlink()
    for run in pair([*hooks.flags("stop"), "-Z", "-d", "d", A, GONE]):
        assert [c[0] for c in hooks.calls(2)] == ["stop", "stop"]
        hooks.log.unlink()


def test_the_last_hook_is_run(client, hostile, hooks):
    """However quickly the command ends behind it."""
    for i in range(10):
        client.ok("get", "--private", "--stderr=false", *hooks.flags("complete"), hostile.base + "/f/1K/%d" % i)
    assert [os.path.basename(c[4]) for c in hooks.calls(10)] == [str(i) for i in range(10)]


def test_what_hooks_say_is_no_json(client, hostile, hooks):
    r = client.run("get", "--private", "--json", *hooks.flags("complete"), hostile.base + "/f/1K/a")
    assert r.returncode == 0 and all(json.loads(line) for line in r.stdout.splitlines())
    hooks.calls(1)


def test_hooks_of_a_daemon(make_hauld, hostile, hooks, tools):
    d = make_hauld(*hooks.flags(*EVENTS))
    done = d.add(hostile.base + "/f/1K/a/done%20it.bin")
    path = d.complete(done)
    assert sorted(c[:4] for c in hooks.calls(2)) == [["complete", "3", done, "1"], ["start", "3", done, "1"]]
    assert [c[4] for c in hooks.calls(2) if c[0] == "complete"] == [path]
    failed = d.add(hostile.base + "/fail/1M/g?times=99&code=404")
    d.wait(failed)
    assert ["error", "3", failed, "1", ""] in hooks.calls(4)
    running = d.add(hostile.base + "/f/8M/b?rate=1M")
    d.received(running, 1)
    d.rpc("aria2.pause", running)
    d.wait(running, "paused")
    assert hooks.calls(6)[5][:3] == ["pause", "3", running]
    d.rpc("aria2.unpause", running)
    d.received(running, 1)
    d.wait(running, "active")
    assert hooks.calls(7)[6][:3] == ["start", "3", running]
    d.rpc("aria2.remove", running)
    d.wait(running, "removed")
    assert hooks.calls(8)[7][:3] == ["stop", "3", running]
    waiting = d.add(hostile.base + "/f/1K/c", pause="true")
    d.rpc("aria2.unpause", waiting) and d.complete(waiting)
    hooks.calls(10)
    # Nothing for what did not run.
    d.rpc("aria2.changeGlobalOption", {"max-concurrent-downloads": "1"})
    first = d.add(hostile.base + "/f/8M/d?rate=1M")
    d.received(first, 1)
    behind = [d.add(hostile.base + "/f/1K/e"), d.add(hostile.base + "/f/1K/f")]
    d.rpc("aria2.pause", behind[0])
    d.rpc("aria2.remove", behind[1])
    d.wait(behind[0], "paused")
    d.rpc("aria2.remove", behind[0])
    assert [c[2] for c in hooks.calls(11)][10:] == [first]
    d.rpc("aria2.remove", first)
    assert [c[0] for c in hooks.calls(12)][11:] == ["stop"]
    tools.wait_for(lambda: zombies(d.p.pid) == [])
    assert "said by complete" in d.tail()


def zombies(parent):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = open("/proc/%s/stat" % pid).read().rpartition(")")[2].split()
        except OSError:
            continue
        if stat[0] == "Z" and int(stat[1]) == parent:
            found.append(int(pid))
    return found


def test_hooks_are_not_for_callers(hauld, tools, hooks):
    for e in EVENTS:
        name = "on-download-" + e
        with pytest.raises(tools.RpcError):
            hauld.rpc("aria2.changeGlobalOption", {name: str(hooks.folder / e)})
        with pytest.raises(tools.RpcError):
            hauld.rpc("aria2.addUri", ["http://127.0.0.1:9/f"], {name: str(hooks.folder / e)})
        gid = hauld.add("http://127.0.0.1:9/f", pause="true")
        with pytest.raises(tools.RpcError):
            hauld.rpc("aria2.changeOption", gid, {name: str(hooks.folder / e)})
        assert hauld.rpc("aria2.getGlobalOption").get(name) is None


def test_a_hook_from_the_path_and_one_that_is_not_there(client, hostile, hooks, tools):
    client.ok("get", "--private", "--on-download-complete=complete", "-d", "d", hostile.base + "/f/1K/a",
              PATH="%s:%s" % (hooks.folder, os.environ["PATH"]))
    hooks.calls(1)
    out = client.ok("get", "--private", "--on-download-complete=/nowhere/x", "-l", "-", hostile.base + "/f/1K/b")
    assert re.search(r'the hook for "complete" of GID#[0-9a-f]{16}, /nowhere/x, can\'t be started', out)


def test_many_hooks(client, hostile, hooks):
    """Not all at once; the command ends when the last one has been started, and none is left out."""
    complete = hooks.folder / "complete"
    complete.write_text('#!/bin/sh\necho "b|$3" >>%s\nsleep 0.5\necho "e|$3" >>%s\n' % (hooks.log, hooks.log))
    urls = [hostile.base + "/f/1K/%d" % i for i in range(80)]
    client.ok("get", "--private", "-q", "-Z", "-j40", "-d", "d", *hooks.flags("complete"), *urls)
    calls = hooks.calls(160)
    assert sorted(int(os.path.basename(c[1])) for c in calls if c[0] == "b") == list(range(80))
    running = most = 0
    for c in calls:
        running += 1 if c[0] == "b" else -1
        most = max(most, running)
    assert 1 < most <= 32


def test_hooks_that_wait_when_hauld_ends(make_hauld, hostile, hooks, tools):
    """They get the time that is left; told again it ends, and the log says which ones were not run."""
    complete = hooks.folder / "complete"
    go = hooks.folder / "go"
    complete.write_text('#!/bin/sh\necho "$1" >>%s\nwhile [ -e %s ] && [ ! -e %s ]; do sleep 0.1; done\n' % (hooks.log, complete, go))
    d = make_hauld(*hooks.flags("complete"))
    gids = [d.add(hostile.base + "/f/1K/%d" % i) for i in range(40)]
    for gid in gids:
        d.complete(gid)
    hooks.calls(32)
    d.p.terminate()
    tools.wait_for(lambda: "8 hooks wait to be started" in d.tail())
    assert d.p.poll() is None
    d.p.terminate()
    assert d.p.wait(20) == 0
    go.touch()
    lost = re.findall(r'the hook for "complete" of GID#([0-9a-f]{16}), \S+, is not run: hauld ends', d.tail())
    started = [c[0] for c in hooks.calls(32)]
    assert len(lost) == 8 and sorted(lost + started) == sorted(gids)


# ---- cookies, passwords, proxies ----

def test_cookies(client, hostile):
    host = "127.0.0.1"
    with open(client.path("c"), "w") as f:
        f.write("# Netscape HTTP Cookie File\n%s\tFALSE\t/\tFALSE\t0\tid\t42\n%s\tFALSE\t/other\tFALSE\t0\tno\t1\n" % (host, host))
    client.ok("get", "--private", "--load-cookies=c", "--save-cookies=saved", hostile.base + "/f/1K/a")
    assert dict(map(tuple, hostile.log()[0]["headers"]))["Cookie"] == "id=42"
    saved = open(client.path("saved")).read()
    assert re.search(r"^127\.0\.0\.1\tFALSE\t/\tFALSE\t0\tid\t42$", saved, re.M)
    r = client.run("get", "--private", "--load-cookies=nowhere", "-q", hostile.base + "/f/1K/b")
    assert r.returncode == 0, "as in aria2 the download goes on"


def basic(hostile):
    return [dict(map(tuple, r["headers"])).get("Authorization") for r in hostile.log()]


def test_netrc(client, hostile):
    for path, flags in ((os.path.join(client.home, ".netrc"), []), (client.path("n"), ["--netrc-path=n"])):
        with open(path, "w") as f:
            f.write("machine 127.0.0.1 login joe password s3cret\n")
        os.chmod(path, 0o600)
        hostile.get("/_reset")
        client.ok("get", "--private", "--allow-overwrite", *flags, hostile.base + "/f/1K/a")
        client.ok("get", "--private", "--allow-overwrite", "-n", *flags, hostile.base + "/f/1K/a")
        assert basic(hostile) == ["Basic am9lOnMzY3JldA==", None]
        os.unlink(path)


@pytest.mark.parametrize("how", ["flag", "env", "capitals", "running"])
def test_proxy(client, hauld, hostile, proxy, how):  # noqa: F811
    """By an option and by the environment, also when a running daemon has another environment."""
    proxy.names["o.example"] = ("127.0.0.1", hostile.port)
    at, url = "http://127.0.0.1:%d" % proxy.port, "http://o.example/f/1K/a"
    flags, env = {"flag": (["--http-proxy=" + at], {}), "env": ([], {"http_proxy": at}), "capitals": ([], {"ALL_PROXY": at}),
                  "running": ([], {"all_proxy": at})}[how]
    args = ["get", "--private"] if how != "running" else ["get", "--url=" + hauld.url]
    client.ok(*args, *flags, url, **env)
    assert [e["target"] for e in proxy.log] == [url] and os.path.exists(client.path("a"))


def test_strangers_can_not_set_the_proxy(client, hostile, proxy):  # noqa: F811
    """A CGI server turns the field "Proxy" of a request into HTTP_PROXY."""
    client.ok("get", "--private", hostile.base + "/f/1K/a", HTTP_PROXY="http://127.0.0.1:%d" % proxy.port)
    assert proxy.log == []


# ---- which daemon ----

def test_a_command_that_needs_a_daemon_of_its_own_gets_one(client, hostile, hooks):
    """The running one is that of the configuration file, whose secret haul finds."""
    port = client.tools.free_port()
    os.makedirs(os.path.join(client.home, ".config/haul"))
    with open(os.path.join(client.home, ".config/haul/hauld.conf"), "w") as f:
        f.write("rpc-listen-port=%d\nrpc-secret=from the file\nstate-dir=%s\nreserve-space=0\n" % (port, os.path.join(client.home, "state")))
    d = subprocess.Popen([os.path.join(client.tools.build, "hauld"), "-q"], env=client.env(), cwd=client.home)
    try:
        client.tools.wait_for(lambda: client.run("ls").returncode == 0)
        client.ok("get", hostile.base + "/f/1K/a")
        assert len(client.ok("ls", "--json").splitlines()) == 1
        for flags in (["-j2"], ["--load-cookies=c"], hooks.flags("complete"), ["--no-conf"]):
            client.ok("get", *flags, hostile.base + "/f/1K/b")
        assert len(client.ok("ls", "--json").splitlines()) == 1
        r = client.run("get", "--url=http://127.0.0.1:%d" % port, "-j2", "--rpc-secret=from the file", hostile.base + "/f/1K/c")
        assert r.returncode == 0 and "max-concurrent-downloads belongs to the running daemon" in r.stderr
        assert len(client.ok("ls", "--json").splitlines()) == 2
    finally:
        d.terminate()
        d.wait(20)


LISTENER = """
import http.server
class H(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        print(self.rfile.read(int(self.headers["Content-Length"])), flush=True)
        self.send_error(404)
    def log_message(self, *a): pass
s = http.server.HTTPServer(("127.0.0.1", 0), H)
print(s.server_port, flush=True)
s.serve_forever()
"""


@pytest.mark.skipif(os.getuid() != 0, reason="needs another user")
@pytest.mark.parametrize("user", [65534, 0])
def test_a_found_secret_is_shown_to_oneself_only(client, user):
    """Anybody may listen on the port that the configuration file names."""
    p = subprocess.Popen(["python3", "-I", "-c", LISTENER], user=user, cwd="/", stdout=subprocess.PIPE, text=True)
    try:
        os.mkdir(os.path.join(client.home, ".aria2"))
        with open(os.path.join(client.home, ".aria2/aria2.conf"), "w") as f:
            f.write("rpc-secret=s3cret\nrpc-listen-port=%d\n" % int(p.stdout.readline()))
        for args in (["ls"], ["get", "http://127.0.0.1:9/f"]):
            assert client.run(*args).returncode == 1
            assert ("s3cret" in p.stdout.readline()) == (user == 0)
    finally:
        p.kill()
        p.communicate()


def test_rpc_options_are_taken_with_a_word(client, hostile):
    r = client.run("get", "--private", "--enable-rpc", "--rpc-listen-port=7000", "--rpc-listen-all=false", hostile.base + "/f/1K/a")
    assert r.returncode == 0 and r.stderr.splitlines() == ["haul: warning: --enable-rpc has no effect here: hauld serves the RPC",
                                                          "haul: warning: --rpc-listen-port has no effect here: hauld serves the RPC"]


@pytest.mark.parametrize("flags", [["-T", "x.torrent"], ["-M", "x.meta4"], ["-S"]])
def test_torrents_are_refused_not_forgotten(client, hostile, flags):
    assert "not supported" in client.fails(1, "get", "--private", *flags, hostile.base + "/f/1K/a")
    assert os.listdir(client.cwd) == []


def test_in_the_background(client, hostile, tools):
    r = client.run("get", "-D", "--private", "-d", "d", hostile.base + "/f/1M/a?rate=1M")
    assert (r.returncode, r.stdout, r.stderr) == (0, "", "")
    assert not os.path.exists(client.path("d", "a"))
    tools.wait_for(lambda: os.path.exists(client.path("d", "a")))
    assert tools.sha256_of(client.path("d", "a")) == hostile.sha256("1M", "a")
    tools.wait_for(client.gone)
    tools.wait_for(lambda: client.states() == [])


def test_save_session_of_what_is_left(pair, hostile):
    for run in pair(["-q", "--save-session=s", "-Z", A, GONE]):
        assert run.code == 3 and sorted(run.files) == ["a", "s"]
        with open(os.path.join(run.folder, "s")) as f:
            assert re.match(r"%s/fail/1M/g\?times=99&code=404\t\n gid=[0-9a-f]{16}\n" % re.escape(hostile.base), f.read())
        for again in pair(["-q", "-i", os.path.join(run.folder, "s")]):
            assert again.code == 3 and len(again.asked) > 0 and again.files == {}


# ---- hauld as people start it ----

CONF = """#
# aria2 as it was set up years ago
#
## files ##
dir={home}/dl
disk-cache=64M
file-allocation=none
no-file-allocation-limit=64M
continue=true
always-resume=false
max-resume-failure-tries=0
remote-time=true

## session ##
input-file={home}/aria2.session
save-session={home}/aria2.session
save-session-interval=1
auto-save-interval=20
force-save=false

## connections ##
max-file-not-found=10
max-tries=0
retry-wait=10
connect-timeout=10
timeout=10
max-concurrent-downloads=5
max-connection-per-server=16
split=64
min-split-size=4M
piece-length=1M
allow-piece-length-change=true
disable-ipv6=true
http-accept-gzip=true
reuse-uri=false
no-netrc=true
content-disposition-default-utf8=true
#min-tls-version=TLSv1.2

## BitTorrent ##
listen-port=51413
dht-listen-port=51413
enable-dht=true
enable-dht6=false
dht-file-path={home}/dht.dat
dht-entry-point=dht.example.org:6881
bt-enable-lpd=true
enable-peer-exchange=true
bt-max-peers=128
bt-request-peer-speed-limit=10M
max-overall-upload-limit=2M
seed-ratio=1.0
seed-time=0
bt-prioritize-piece=head=32M,tail=32M
follow-torrent=true
bt-save-metadata=true
bt-force-encryption=true
user-agent=Transmission/3.00
peer-agent=Transmission/3.00
peer-id-prefix=-TR3000-
bt-tracker=udp://t.example.org:1337/announce,http://t.example.org/announce

## hooks ##
on-download-stop={hook}
#on-download-error=

## RPC ##
enable-rpc=true
rpc-allow-origin-all=true
rpc-listen-all=true
rpc-listen-port={port}
rpc-secret=years ago
rpc-max-request-size=10M
event-poll=select

log={home}/aria2.log
log-level=warn
console-log-level=notice
quiet=false
summary-interval=0
show-console-readout=false
an-option-of-next-year=1
"""


def call(port, method, *params):
    data = json.dumps({"jsonrpc": "2.0", "id": "1", "method": method, "params": ["token:years ago", *params]}).encode()
    with urllib.request.urlopen("http://127.0.0.1:%d/jsonrpc" % port, data, timeout=10) as f:
        return json.loads(f.read())["result"]


def test_hauld_with_an_old_aria2_conf(client, hostile, hooks, tools):
    """hauld --enable-rpc -D --conf-path=aria2.conf: in the background, what the session file has is fetched, RPC serves, hooks run."""
    port, home = tools.free_port(), client.home
    with open(os.path.join(home, "aria2.conf"), "w") as f:
        f.write(CONF.format(home=home, hook=hooks.folder / "stop", port=port))
    with open(os.path.join(home, "aria2.session"), "w") as f:
        f.write("%s/f/1M/s\t%s/f/1M/s\n gid=0123456789abcdef\n dir=%s/other\n" % (hostile.base, hostile.base, home))
    argv = [os.path.join(tools.build, "hauld"), "--enable-rpc", "-D", "--conf-path=aria2.conf"]
    r = subprocess.run(argv, cwd=home, env=client.env(), capture_output=True, text=True, timeout=30)
    assert r.returncode == 0 and r.stdout == ""
    state = os.path.join(home, ".local/state/haul")
    pid = int(open(os.path.join(state, "lock")).read())
    try:
        assert os.getsid(pid) != os.getsid(0) and os.readlink("/proc/%d/fd/0" % pid) == "/dev/null"
        assert call(port, "aria2.getGlobalOption")["user-agent"] == "Transmission/3.00"
        tools.wait_for(lambda: call(port, "aria2.tellStatus", "0123456789abcdef")["status"] == "complete")
        gid = call(port, "aria2.addUri", [hostile.base + "/f/8M/a"])
        tools.wait_for(lambda: call(port, "aria2.tellStatus", gid)["status"] == "complete")
        assert tools.sha256_of(os.path.join(home, "other/s")) == hostile.sha256("1M", "s")
        assert tools.sha256_of(os.path.join(home, "dl/a")) == hostile.sha256("8M", "a")
        assert sorted(c[4] for c in hooks.calls(2)) == [home + "/dl/a", home + "/other/s"]
        left = call(port, "aria2.addUri", [hostile.base + "/f/8M/b?rate=100K"])
        tools.wait_for(lambda: left in open(os.path.join(home, "aria2.session")).read(), 10)
        # Started again it has the session file and its own queue, and no download twice.
        os.kill(pid, signal.SIGTERM)
        tools.wait_for(lambda: not os.path.exists("/proc/%d" % pid))
        subprocess.run(argv, cwd=home, env=client.env(), check=True, timeout=30)
        pid = int(open(os.path.join(state, "lock")).read())
        jobs = call(port, "aria2.tellActive") + call(port, "aria2.tellWaiting", 0, 9)
        assert [j["gid"] for j in jobs] == [left]
        assert call(port, "aria2.shutdown") == "OK"
        tools.wait_for(lambda: not os.path.exists("/proc/%d" % pid))
    finally:
        if os.path.exists("/proc/%d" % pid):
            os.kill(pid, signal.SIGKILL)
    log = open(os.path.join(home, "aria2.log")).read()
    assert "ERROR" not in log


def start(client, *args):
    return subprocess.Popen([os.path.join(client.tools.build, "hauld"), "--no-conf", "--state-dir=" + os.path.join(client.home, "state"),
                             "--reserve-space=0", *args], cwd=client.cwd, env=client.env(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_hauld_with_uris(client, hostile, tools):
    """Mirrors of one file as in aria2c; with RPC it stays, without it ends with aria2c's exit codes."""
    off = ["--enable-rpc=false", "-q"]
    assert start(client, *off, hostile.base + "/f/1M/a", hostile.base + "/f/1M/a", "-o", "x").wait(30) == 0
    assert start(client, *off, "-Z", "-d", "d", hostile.base + "/f/1K/a", hostile.base + "/f/1K/b").wait(30) == 0
    assert start(client, *off, hostile.base + "/fail/1M/g?times=99&code=404").wait(30) == 3
    assert start(client, *off, "foo.txt").wait(30) == 1 and start(client, *off, "--split=0").wait(30) == 28
    assert start(client, *off, "--stop=1", hostile.base + "/f/3M/c?rate=1M").wait(30) == 7
    assert sorted(os.listdir(client.cwd)) == ["c.part", "d", "x"] and sorted(os.listdir(client.path("d"))) == ["a", "b"]
    assert tools.sha256_of(client.path("x")) == hostile.sha256("1M", "a")
    assert start(client, *off).wait(30) == 0  # the queue goes on
    assert tools.sha256_of(client.path("c")) == hostile.sha256("3M", "c")
    port = tools.free_port()
    p = start(client, "--rpc-listen-port=%d" % port, hostile.base + "/f/1K/y")
    try:
        client.url = "http://127.0.0.1:%d" % port
        tools.wait_for(lambda: os.path.exists(client.path("y")))
        client.ok("shutdown")
        assert p.wait(20) == 0
    finally:
        p.kill()
        p.communicate()


def test_hauld_stops_by_the_clock_and_with_a_process(client, tools):
    assert start(client, "--rpc-listen-port=%d" % tools.free_port(), "--stop=1").wait(20) == 0
    other = subprocess.Popen(["sleep", "60"])
    p = start(client, "--rpc-listen-port=%d" % tools.free_port(), "--stop-with-process=%d" % other.pid)
    try:
        assert "listening" in p.stdout.readline() and p.poll() is None
        other.kill()
        other.wait()
        assert p.wait(20) == 0
    finally:
        p.kill()
        p.communicate()
