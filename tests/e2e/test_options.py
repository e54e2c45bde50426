"""Options that docs/aria2.md says are met, where no other test tries them with the real program."""
import os
import socket
import subprocess
import sys

import pytest

from test_proxy import login_proxy  # noqa: F401 (a fixture)

NOWHERE = "http://127.0.0.1:1/"


def session(d, path, tools):
    """The GIDs in the session file after a save."""
    assert d.rpc("aria2.saveSession") == "OK"
    return [line[5:] for line in open(path).read().split("\n") if line.startswith(" gid=")]


def test_remote_time(hauld, hostile):
    assert os.stat(hauld.complete(hauld.add(hostile.base + "/f/16K/a", remote_time="true"))).st_mtime == 1700000000
    assert os.stat(hauld.complete(hauld.add(hostile.base + "/f/16K/b"))).st_mtime > 1700000000


def test_what_the_session_keeps(make_hauld, hostile, tools, tmp_path):
    """force-save, save-not-found, save-session"""
    path = str(tmp_path / "session")
    d = make_hauld("--save-session=" + path)
    kept, gone = {}, {}
    for force in ("true", "false"):
        done = d.add(hostile.base + "/f/16K/" + force, force_save=force)
        d.complete(done)
        removed = d.add(hostile.base + "/f/8M/a?rate=1M", force_save=force, out="r" + force)
        d.received(removed, 1)
        d.rpc("aria2.remove", removed)
        d.wait(removed, "removed")
        (kept if force == "true" else gone).update({done: "complete", removed: "removed"})
    for save in ("true", "false"):
        lost = d.add(hostile.base + "/fail/1M/a?times=9&code=404", save_not_found=save)
        d.wait(lost, "error")
        (kept if save == "true" else gone)[lost] = "not found " + save
    failed = d.add("gopher://127.0.0.1/x", save_not_found="false")
    d.wait(failed, "error")
    waits = d.add(NOWHERE, pause="true")
    kept.update({failed: "failed otherwise", waits: "paused"})
    assert sorted(session(d, path, tools)) == sorted(kept), (kept, gone)
    d.rpc("aria2.changeOption", waits, {"force-save": "true"})
    assert waits in session(d, path, tools)


def test_the_session_is_saved_now_and_then(make_hauld, tools, tmp_path):
    """save-session-interval"""
    path = tmp_path / "session"
    d = make_hauld("--save-session=%s" % path, "--save-session-interval=1")
    gid = d.add(NOWHERE, pause="true")
    tools.wait_for(lambda: path.exists() and gid in path.read_text(), 10)


@pytest.mark.parametrize("how", ["none", "trunc", "falloc", "prealloc"])
def test_file_allocation(hauld, hostile, tools, how):
    """Also no-file-allocation-limit: smaller files are left alone."""
    size = 8 << 20
    for limit, reserved in (("5M", True), ("9M", False)):
        gid = hauld.add(hostile.base + "/f/8M/a?rate=1M", file_allocation=how, no_file_allocation_limit=limit, out=limit)
        hauld.received(gid, 1)
        st = os.stat(os.path.join(hauld.dir, limit + ".part"))
        assert (st.st_size == size) == (reserved and how != "none"), (limit, st)
        assert (st.st_blocks * 512 >= size) == (reserved and how in ("falloc", "prealloc")), (limit, st)
        hauld.rpc("aria2.forceRemove", gid)
        hauld.wait(gid, "removed")


def test_the_old_file_stays_until_the_new_one_is_whole(hauld, hostile, tools):
    """allow-overwrite"""
    path = os.path.join(hauld.dir, "x")
    with open(path, "w") as f:
        f.write("old")
    gid = hauld.add(hostile.base + "/f/4M/a?rate=2M", out="x", allow_overwrite="true")
    hauld.received(gid, 1 << 20)
    assert open(path).read() == "old"
    assert hauld.complete(gid) == path and tools.sha256_of(path) == hostile.sha256("4M", "a")


def test_slots_follow_the_rule(make_hauld, hostile, tools):
    """optimize-concurrent-downloads: A + B * log10(Mbit/s), at most max-concurrent-downloads"""
    d = make_hauld("--optimize-concurrent-downloads=2:0", "--max-concurrent-downloads=3")
    for name in "abcde":
        d.add(hostile.base + "/f/64M/%s?rate=1M" % name)
    tools.wait_for(lambda: d.rpc("aria2.getGlobalStat")["numActive"] == "2")
    assert d.rpc("aria2.changeGlobalOption", {"optimize-concurrent-downloads": "9:0"}) == "OK"
    tools.wait_for(lambda: d.rpc("aria2.getGlobalStat")["numActive"] == "3")


def test_it_ends_with_a_process(make_hauld):
    """stop-with-process"""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        d = make_hauld("--stop-with-process=%d" % other.pid)
        assert d.p.poll() is None
        other.communicate(b"\n")
        assert d.p.wait(10) == 0


def test_it_ends_after_a_time(make_hauld):
    """stop"""
    assert make_hauld("--stop=1").p.wait(10) == 0


def test_no_ipv6(make_hauld):
    """disable-ipv6 closes the RPC's listener, too"""
    def open_on_six(d):
        with socket.socket(socket.AF_INET6) as s:
            return s.connect_ex(("::1", d.port)) == 0
    if not open_on_six(make_hauld(name="six")):
        pytest.skip("no IPv6 here")
    assert not open_on_six(make_hauld("--disable-ipv6=true", name="four"))


@pytest.mark.parametrize("kind", ["http", "https", "all"])
def test_proxy_logins_as_options(make_hauld, hostile, tools, login_proxy, kind):  # noqa: F811
    """KIND-proxy-user and KIND-proxy-passwd go before what is in the proxy's URI."""
    d = make_hauld("--ca-certificate=" + hostile.ca)
    base = hostile.https if kind == "https" else hostile.base
    at = "http://wrong:wrong@127.0.0.1:%d" % login_proxy.port
    s = d.wait(d.add(base + "/f/16K/a", **{kind + "-proxy": at, kind + "-proxy-user": "puser", kind + "-proxy-passwd": "ppass"}))
    assert s["status"] == "complete", (s["errorMessage"], d.tail())
    s = d.wait(d.add(base + "/f/16K/b", max_tries=1, **{kind + "-proxy": at}))
    assert s["status"] == "error"


def test_no_digest_is_asked_for(hauld, hostile):
    """no-want-digest-header"""
    for name, opts in (("yes", {}), ("no", {"no-want-digest-header": "true"})):
        hauld.complete(hauld.add(hostile.base + "/f/16K/" + name, **opts))
        heads = [h for r in hostile.log() if r["line"].split()[1].endswith(name) for h in r["headers"]]
        assert heads and ("want-digest" in str(heads).lower()) == (name == "yes")


def test_an_interface_that_is_not_there(make_hauld, hostile, tools):
    """Among others it is told of, and those are used; alone it ends the start."""
    d = make_hauld("--interface=lo,nope0,127.0.0.1")
    assert d.tail().count("no interface or local address nope0") == 1
    for name in "abc":
        d.complete(d.add(hostile.base + "/f/16K/" + name))
    p = subprocess.run([tools.build + "/hauld", "--no-conf", "--interface=nope0", "--state-dir=" + d.dir + "/s", "--dir=" + d.dir], capture_output=True,
                       text=True, timeout=30)
    assert p.returncode == 1 and "nope0" in p.stderr, (p.returncode, p.stderr)
