"""Credentials and cookies belong to an origin and are shown nowhere (tests/matrix/matrix.md C03, C04, C07, C09, C13)."""
import base64
import http.server
import json
import os
import re
import sqlite3
import stat
import threading

import pytest

from test_client import client, served  # noqa: F401

FAST_TEXT = {"retry-wait": "0", "timeout": "4", "max-tries": "2", "max-retry-wait": "1", "split": "1"}
FAST = dict(retry_wait=0, timeout=4, max_tries=2, max_retry_wait=1, split=1)
SECRETS = ("s3cret", "am9lOnMzY3JldA")  # a password, and in base64 with its name joe


def run(d, uri, **opts):
    return d.wait(d.add(uri, **dict(FAST, **opts)), timeout=60)


def others(hostile):
    """What the other origins were asked."""
    return [r for r in hostile.log() if r["port"] != hostile.port]


def no_secret(*texts):
    for t in texts:
        assert not any(s in str(t) for s in SECRETS), t


class Site:
    """A small origin whose answers a test scripts: path -> (status, headers, body); it keeps the heads of requests."""

    def __init__(self):
        site = self
        self.pages, self.asked = {}, []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                site.asked.append((self.path, dict(self.headers)))
                status, headers, body = site.pages.get(self.path, (200, [], b"body"))
                self.send_response(status)
                for k, v in headers:
                    self.send_header(k, v)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def cookies(self):
        return [h.get("Cookie") for _, h in self.asked]


@pytest.fixture
def site():
    s = Site()
    yield s
    s.server.shutdown()
    s.server.server_close()


@pytest.mark.matrix("C03")
@pytest.mark.parametrize("challenge", ["false", "true"])
@pytest.mark.parametrize("path", ["/redir-cross", "/auth-cross"])
def test_other_origin_learns_nothing(hauld, hostile, path, challenge):
    """C03"""
    run(hauld, hostile.base + path + "/1M/a", http_user="joe", http_passwd="s3cret", http_auth_challenge=challenge,
        header="X-Key: s3cret\nCookie: id=s3cret\nAuthorization: Bearer s3cret" if path == "/redir-cross" else "X-Key: s3cret")
    assert others(hostile)
    no_secret(others(hostile), open(hauld.log).read())
    assert not any("authorization" in str(r).lower() or "cookie" in str(r).lower() for r in others(hostile))
    assert "s3cret" in str(hostile.log()) or "am9lOnMzY3JldA" in str(hostile.log())


@pytest.mark.matrix("C03")
def test_userinfo_stays_with_its_origin(hauld, hostile):
    """C03: the same for userinfo of the URI."""
    s = run(hauld, hostile.base.replace("//", "//user:pass@") + "/auth-cross/1M/a")
    assert s["errorCode"] == "24"  # the other origin wants a login too, and gets none
    assert others(hostile) and not any("authorization" in str(r).lower() for r in others(hostile))


@pytest.mark.matrix("C03")
def test_userinfo_within_its_origin(hauld, site):
    """A redirect that stays there keeps it, as do options and headers."""
    site.pages["/r"] = (302, [("Location", "/there")], b"")
    assert run(hauld, site.base.replace("//", "//joe:s3cret@") + "/r")["status"] == "complete"
    assert [h.get("Authorization") for _, h in site.asked] == ["Basic am9lOnMzY3JldA=="] * 2


@pytest.mark.matrix("C04")
def test_https_to_http(make_hauld, hostile):
    """C04"""
    d = make_hauld("--ca-certificate=" + hostile.ca)
    run(d, hostile.https + "/redir-down/1M/a", http_user="joe", http_passwd="s3cret", header="X-Key: s3cret")
    plain = [r for r in hostile.log() if r["port"] == hostile.port and "redir" not in str(r.get("target", ""))]
    no_secret(plain, open(d.log).read())
    assert not any("authorization" in str(r).lower() for r in plain)
    assert open(d.log).read().count("leads from https to plain http") == 1


@pytest.mark.matrix("C07")
def test_userinfo_in_a_redirect(make_hauld, hostile, tools):
    """C07: credentials that a server puts into a redirect are neither used nor shown."""
    d = make_hauld("--console-log-level=debug")
    gid = d.add(hostile.base + "/redir-auth/1M/a", **FAST)
    s = d.wait(gid)
    assert s["status"] == "complete" and tools.sha256_of(s["files"][0]["path"]) == hostile.sha256("1M", "a")
    for text in (hostile.log(), s, d.rpc("aria2.getFiles", gid), d.rpc("aria2.tellStopped", 0, 10), open(d.log).read()):
        assert "hunter2" not in str(text) and "ZXZpbDpodW50ZXIy" not in str(text)


@pytest.mark.matrix("C07")
def test_given_userinfo_is_not_logged(make_hauld, hostile):
    """The owner sees the URI as he gave it; the log has no password, nor a signed query."""
    d = make_hauld("--console-log-level=debug", "--log=" + "-")
    uri = hostile.base.replace("//", "//joe:s3cret@") + "/f/1M/a?sig=s3cret"
    gid = d.add(uri, **FAST)
    assert d.wait(gid)["status"] == "complete"
    assert {u["uri"] for u in d.status(gid)["files"][0]["uris"]} == {uri}
    bad = hostile.base.replace("//", "//joe:s3cret@") + "/fail/1M/b?times=9&code=403&sig=s3cret"
    s = run(d, bad)
    assert s["status"] == "error"
    no_secret(open(d.log).read(), s["errorMessage"])


def test_passwords_are_not_in_the_process_list(make_hauld, hostile):
    d = make_hauld("--http-user=joe", "--http-passwd=s3cret", "--all-proxy=http://joe:s3cret@127.0.0.1:1")
    no_secret(open("/proc/%d/cmdline" % d.p.pid, "rb").read())


# ---- .netrc ----

def netrc(d_folder, text, mode=0o600):
    path = os.path.join(str(d_folder), "netrc")
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


@pytest.mark.matrix("C13")
def test_netrc(make_hauld, hostile, tools, tmp_path):
    """C13: exactly the host, nobody else."""
    path = netrc(tmp_path, "machine 127.0.0.1 login user password pass\nmachine other login joe password s3cret\ndefault login joe password s3cret\n")
    d = make_hauld("--netrc-path=" + path)
    s = run(d, hostile.base + "/auth/1M/a")
    assert s["status"] == "complete"
    s = run(d, hostile.base.replace("127.0.0.1", "localhost") + "/auth/1M/b")
    assert s["errorCode"] == "24"
    s = run(d, hostile.base + "/auth/1M/c", no_netrc="true")
    assert s["errorCode"] == "24"
    s = run(d, hostile.base + "/auth/1M/d", http_auth_challenge="true")
    assert s["status"] == "complete"
    no_secret(hostile.log(), open(d.log).read())


@pytest.mark.matrix("C13", "C03")
def test_netrc_stays_at_the_port(make_hauld, hostile, site, tmp_path):
    """A redirect to another server of the same host gets no login, not even over https."""
    path = netrc(tmp_path, "machine localhost login joe password s3cret\n")
    d = make_hauld("--netrc-path=" + path, "--ca-certificate=" + hostile.ca)
    site.pages["/go"] = (302, [("Location", hostile.https + "/f/1M/a")], b"")
    assert run(d, site.base.replace("127.0.0.1", "localhost") + "/go")["status"] == "complete"
    assert "am9lOnMzY3JldA" in site.asked[0][1]["Authorization"]
    assert hostile.log()
    no_secret(hostile.log())


@pytest.mark.matrix("C13")
def test_netrc_of_the_home_folder(make_hauld, hostile, tmp_path):
    (tmp_path / "d").mkdir()
    netrc_path = os.path.join(str(tmp_path / "d"), ".netrc")
    os.rename(netrc(tmp_path, "machine 127.0.0.1 login user password pass\n"), netrc_path)
    assert run(make_hauld(), hostile.base + "/auth/1M/a")["status"] == "complete"


@pytest.mark.matrix("C13")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_netrc_that_others_can_touch(make_hauld, hostile, tmp_path, mode):
    d = make_hauld("--netrc-path=" + netrc(tmp_path, "machine 127.0.0.1 login user password pass\n", mode))
    assert run(d, hostile.base + "/auth/1M/a")["errorCode"] == "24"
    assert open(d.log).read().count("chmod 600") == 1


def test_netrc_read_again(make_hauld, hostile, tools, tmp_path):
    import signal
    path = netrc(tmp_path, "")
    d = make_hauld("--netrc-path=" + path)
    assert run(d, hostile.base + "/auth/1M/a")["errorCode"] == "24"
    netrc(tmp_path, "machine 127.0.0.1 login user password pass\n")
    d.p.send_signal(signal.SIGHUP)
    tools.wait_for(lambda: run(d, hostile.base + "/auth/1M/a")["status"] == "complete")


def test_what_cannot_be_read_again_is_kept(make_hauld, hostile, tools, tmp_path):
    """A .netrc and a log file of which SIGHUP can make nothing leave those that work; a .netrc that is gone is gone."""
    import signal
    path = netrc(tmp_path, "machine 127.0.0.1 login user password pass\n")
    (tmp_path / "logs").mkdir()
    d = make_hauld("--netrc-path=" + path, "--log=%s" % (tmp_path / "logs" / "log"))
    os.chmod(path, 0o644)
    os.rename(tmp_path / "logs", tmp_path / "moved")
    d.p.send_signal(signal.SIGHUP)
    log = tmp_path / "moved" / "log"
    tools.wait_for(lambda: "chmod 600 it; what it said before is kept" in log.read_text())
    assert re.search(r"WARN .*log file .* can't be opened: .*; the old one is kept", log.read_text())
    assert run(d, hostile.base + "/auth/1M/a")["status"] == "complete"
    os.unlink(path)
    d.p.send_signal(signal.SIGHUP)
    tools.wait_for(lambda: log.read_text().count("the old one is kept") == 2)
    assert run(d, hostile.base + "/auth/1M/b")["errorCode"] == "24"


# ---- cookies ----

def test_cookies_come_back(hauld, site):
    """Set on the way of a redirect, sent where they belong, and a later job has them too."""
    site.pages["/login"] = (302, [("Set-Cookie", "sid=1; Path=/; HttpOnly"), ("Set-Cookie", "deep=2; Path=/deep"),
                                  ("Set-Cookie", "tls=3; Secure"), ("Set-Cookie", "gone=4; Max-Age=0"), ("Location", "/deep/file")], b"")
    assert run(hauld, site.base + "/login")["status"] == "complete"
    assert run(hauld, site.base + "/other")["status"] == "complete"
    assert run(hauld, site.base + "/own", header="Cookie: mine=1")["status"] == "complete"
    assert site.cookies() == [None, "deep=2; sid=1", "sid=1", "mine=1"]


@pytest.mark.matrix("C09")
def test_cookies_stay_with_their_host(hauld, site, hostile):
    """C09: foreign and public-suffix cookies are dropped, the rest is bounded."""
    run(hauld, hostile.base + "/cookies/1M/a?n=10000", timeout=20)
    for r in hostile.log():
        assert len(str(r.get("headers", r))) < 40000
        assert not any(x in str(r) for x in ("a=1", "b=2", "__Host-c", "d=4"))
    s = run(hauld, site.base.replace("127.0.0.1", "localhost") + "/x")
    assert s["status"] == "complete" and site.cookies() == [None]
    assert "xxxxxxxxxx" not in open(hauld.log).read()


def test_cookie_files(make_hauld, site, tmp_path):
    jar, out = str(tmp_path / "jar.txt"), str(tmp_path / "out.txt")
    with open(jar, "w") as f:
        f.write("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tses\ts3cret\n#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t4000000000\tlong\t2\n"
                "127.0.0.1\tFALSE\t/\tFALSE\t5\told\t3\n.com\tTRUE\t/\tFALSE\t0\tpublic\t4\nother.example\tFALSE\t/\tFALSE\t0\tother\t5\n")
    d = make_hauld("--load-cookies=" + jar, "--save-cookies=" + out, "--console-log-level=debug")
    site.pages["/x"] = (200, [("Set-Cookie", "new=6; Max-Age=1000")], b"body")
    assert run(d, site.base + "/x")["status"] == "complete"
    assert site.cookies() == ["ses=s3cret; long=2"]
    d.stop()
    assert stat.S_IMODE(os.stat(out).st_mode) == 0o600
    text = open(out).read()
    assert all(x in text for x in ("ses\ts3cret", "#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t4000000000\tlong\t2", "\tnew\t6", "\tother\t5"))
    assert "public" not in text and "old" not in text
    no_secret(open(d.log).read())
    d = make_hauld("--load-cookies=" + out, name="again")
    assert run(d, site.base + "/y")["status"] == "complete"
    assert site.cookies()[-1] == "ses=s3cret; long=2; new=6" or sorted(site.cookies()[-1].split("; ")) == ["long=2", "new=6", "ses=s3cret"]


def test_cookies_of_a_browser(make_hauld, site, tmp_path):
    path = str(tmp_path / "cookies.sqlite")
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE moz_cookies (name, value, host, path, expiry, lastAccessed, isSecure, isHttpOnly, originAttributes)")
    db.execute("INSERT INTO moz_cookies VALUES ('a', '1', '127.0.0.1', '/', 4000000000, 1, 0, 0, '')")
    db.commit()
    db.execute("BEGIN EXCLUSIVE")  # the browser is running
    d = make_hauld("--load-cookies=" + path)
    assert run(d, site.base + "/x")["status"] == "complete"
    assert site.cookies() == ["a=1"]
    db.close()


def test_cookie_files_that_are_none(make_hauld, site, tmp_path):
    """A warning; the daemon starts."""
    for i, path in enumerate((str(tmp_path / "nothing"), "/dev/zero", str(tmp_path))):
        d = make_hauld("--load-cookies=" + path, "--save-cookies=/nowhere/x", name="d%d" % i)
        assert run(d, site.base + "/x")["status"] == "complete"
        d.stop()
        log = open(d.log).read()
        assert "no cookies were loaded" in log and "not saved" in log


# ---- request fields ----

def test_request_options(hauld, site):
    assert run(hauld, site.base + "/x?q=1", referer="*", http_no_cache="true", enable_http_keep_alive="false", user_agent="me")["status"] == "complete"
    head = site.asked[0][1]
    assert head["Referer"] == site.base + "/x?q=1" and head["User-Agent"] == "me"
    assert (head["Pragma"], head["Cache-Control"], head["Connection"]) == ("no-cache", "no-cache", "close")
    assert run(hauld, site.base + "/y", referer="http://from.example/")["status"] == "complete"
    assert site.asked[1][1]["Referer"] == "http://from.example/" and "Connection" not in site.asked[1][1]


# ---- R7: where secrets must not be ----

@pytest.mark.matrix("R7", "C07")
def test_secrets_are_nowhere(tmp_path, hostile):
    """Passwords, cookies, tokens and the signed part of a query: not in the log at its most talkative, not in what haul shows, not in
    what a caller is told who is not asked for it, not in the process list, and in files that only their owner can read."""
    import subprocess
    from conftest import BUILD, haul
    from rpckit import SECRET, SecretHauld
    words = ("pw-of-uri", "pw-of-option", "key-of-header", "value-of-cookie", "signed-part", "pw-of-netrc", "pw-of-proxy", SECRET)
    base64s = tuple(base64.b64encode(("joe:" + w).encode()).decode().rstrip("=") for w in words)

    def clean(what, text):
        text = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
        assert not [w for w in words + base64s if w in text], (what, text[-3000:])
    folder = tmp_path / "d"
    folder.mkdir()
    rc = netrc(folder, "machine localhost login joe password pw-of-netrc\n")
    secret_file = tmp_path / "secret"
    secret_file.write_text(SECRET + "\n")
    log = folder / "full.log"
    d = SecretHauld(folder, "--netrc-path=" + rc, "--log=%s" % log, "--log-level=debug", "--console-log-level=debug", "--all-proxy-user=joe",
                    "--all-proxy-passwd=pw-of-proxy", "--save-session=%s/session" % folder)
    d.start()
    try:
        where = hostile.base.replace("//", "//joe:pw-of-uri@")
        opts = {"http-user": "joe", "http-passwd": "pw-of-option", "header": ["Authorization: Bearer key-of-header", "Cookie: sid=value-of-cookie"]}
        gids = [d.rpc("aria2.addUri", [where + p], dict(FAST_TEXT, **o)) for p, o in [
            ("/f/64K/a?X-Amz-Signature=signed-part&token=signed-part", {}), ("/auth/64K/b", opts), ("/fail/64K/c?times=9&code=404&sig=signed-part", opts),
            ("/redir-auth/64K/d", {}), ("/garbage/64K/e?Signature=signed-part", opts)]]
        gids.append(d.rpc("aria2.addUri", ["http://localhost:%d/auth/64K/n" % hostile.port], dict(FAST_TEXT, **{"no-netrc": "false"})))
        gids.append(d.rpc("aria2.addUri", ["http://127.0.0.1:1/x?token=signed-part"], dict(FAST_TEXT, **{"max-tries": "1"})))
        gids.append(d.rpc("aria2.addUri", [where + "/f/64K/p"], dict(FAST_TEXT, pause="true", **opts)))
        for g in gids[:-1]:
            d.wait(g)
        for g in gids:
            s = d.status(g, "status", "errorMessage", "files", "haul.wait")
            clean("errorMessage", s.get("errorMessage", ""))
            clean("path", s["files"][0]["path"])
        env = {"HOME": str(tmp_path), "HAUL_URL": d.url, "HAUL_SECRET_FILE": str(secret_file)}
        for args in (["ls"], ["ls", "--all"], *[["show", g] for g in gids]):
            p = haul(*args, env=env)
            clean("haul " + args[0], p.stdout + p.stderr)
        for name in ("cmdline", "environ", "comm", "status"):
            clean("/proc " + name, open("/proc/%d/%s" % (d.p.pid, name), "rb").read())
        p = subprocess.run([os.path.join(BUILD, "haul"), "version"], env=dict(os.environ, **env), capture_output=True)
        clean("haul version", p.stdout + p.stderr)
        # who is not let in learns nothing
        for call in ("aria2.tellStopped", "aria2.tellStatus", "aria2.getGlobalOption"):
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": call, "params": ["token:wrong", gids[0]]}).encode()
            assert b"Unauthorized" in d.post(body), call
        assert "rpc-secret" not in d.rpc("aria2.getGlobalOption")
        clean("options of all", {k: v for k, v in d.rpc("aria2.getGlobalOption").items() if k != "all-proxy-passwd"})
        d.rpc("aria2.saveSession")
    finally:
        d.stop()
    clean("log", open(log, "rb").read())
    clean("console", open(d.log, "rb").read())
    for at, _, names in os.walk(folder):
        for n in names:
            mode = os.stat(os.path.join(at, n)).st_mode
            inside = open(os.path.join(at, n), "rb").read()
            if any(w.encode() in inside for w in words):
                assert mode & 0o077 == 0, (n, oct(mode))
    assert os.stat(d.state).st_mode & 0o077 == 0 and os.stat(log).st_mode & 0o077 == 0


@pytest.mark.parametrize("path", ["", "/", "/?sig=s3cret", "/dir/?token=s3cret"])
def test_a_uri_without_a_last_part(served, hauld, site, path):  # noqa: F811
    """It names nothing: what stands in for a name shows neither password nor query. JSON, for programs, has the query."""
    asked = path if path[:1] == "/" else "/" + path
    site.pages[asked] = (404, [], b"")
    plain = site.base + path
    url = plain.replace("//", "//joe:s3cret@")
    host = site.base[len("http://"):]
    for flags in ([], ["-q"], ["--private"], ["--download-result=full", "--show-console-readout=true"]):
        r = served.run("get", *flags, url)
        assert r.returncode == 3 and (host in r.stderr or flags == ["-q"]), r
        no_secret(r.stdout, r.stderr)
    t = served.terminal("get", url, cols=200)
    assert t.wait() == 3 and "haul: %s: " % host in t.screen.text()
    no_secret(t.raw)
    events = [json.loads(line) for line in served.run("get", "--json", url).stdout.splitlines()]
    assert [e["uri"] for e in events if e["event"] == "added"] == [plain]
    no_secret([e for e in events if e["event"] != "added"])
    gid = hauld.add(url, pause="true")
    for args in (["ls"], ["show", gid]):
        out = served.ok(*args)
        assert host in out
        no_secret(out)
        out = served.ok(*args, "--json")
        assert plain in out and "joe" not in out
    t = served.terminal("watch", cols=200)
    t.until_text(host)
    no_secret(t.raw)
    assert len({h["Authorization"] for _, h in site.asked}) == 1  # it was sent, all the same


@pytest.mark.parametrize("args", [["get", "{}"], ["add", "{}"], ["{}"], ["get", "-P", "{}[1-2]"]])
def test_a_uri_that_is_refused(served, args):  # noqa: F811
    for bad in ("http://joe:s3cret@127.0.0.1:99999/x?sig=s3cret", "joe:s3cret@example.org/?s3cret", "magnet:?xt=s3cret"):
        r = served.run(*[a.replace("{}", bad) for a in args])
        assert r.returncode in (1, 28) and r.stderr.count("\n") == 1
        no_secret(r.stderr)
