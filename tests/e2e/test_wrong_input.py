"""Wrong input anywhere: one clear line with the cause, a distinct exit code or RPC error, and nothing is lost."""
import os
import socket
import subprocess

import pytest


def run(tools, *args, **env):
    return subprocess.run([os.path.join(tools.build, "hauld"), "--no-conf", *args], capture_output=True, text=True, timeout=20,
                          env=dict(os.environ, **env))


@pytest.mark.parametrize("arg,part", [("--split=0", "split"), ("--no-such-option", "no-such-option"), ("--file-allocation=foo", "file-allocation"),
                                      ("--max-download-limit=1Q", "max-download-limit"), ("--rpc-listen-port=99999", "rpc-listen-port")])
def test_bad_option(tools, tmp_path, arg, part):
    r = run(tools, "--state-dir=%s/s" % tmp_path, arg)
    assert r.returncode == 28 and part in r.stderr and len(r.stderr.strip().split("\n")) == 1, r.stderr


def test_bad_configuration_file(tools, tmp_path):
    conf = tmp_path / "c.conf"
    conf.write_text("split=5\nmin-split-size=banana\n")
    r = subprocess.run([os.path.join(tools.build, "hauld"), "--conf-path=%s" % conf, "--state-dir=%s/s" % tmp_path], capture_output=True, text=True, timeout=20)
    assert r.returncode == 28 and "c.conf:2" in r.stderr and "min-split-size" in r.stderr, r.stderr
    r = subprocess.run([os.path.join(tools.build, "hauld"), "--conf-path=%s/none" % tmp_path, "--state-dir=%s/s" % tmp_path], capture_output=True, text=True, timeout=20)
    assert r.returncode == 1 and "none" in r.stderr, r.stderr


def test_port_taken(tools, tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        r = run(tools, "--state-dir=%s/s" % tmp_path, "--rpc-listen-port=%d" % port)
    assert r.returncode == 40 and str(port) in r.stderr, r.stderr


def test_state_directory_unusable(tools, tmp_path):
    (tmp_path / "file").write_text("x")
    r = run(tools, "--state-dir=%s/file" % tmp_path, "--rpc-listen-port=%d" % tools.free_port())
    assert r.returncode == 41 and "file" in r.stderr, r.stderr


@pytest.mark.matrix("D11")
def test_two_daemons_on_one_state(hauld, tools):
    r = run(tools, "--state-dir=" + hauld.state, "--rpc-listen-port=%d" % tools.free_port())
    assert r.returncode == 42 and "nother hauld" in r.stderr, r.stderr


@pytest.mark.matrix("D11")
def test_newer_state_is_refused(hauld, tools):
    import sqlite3
    hauld.kill()
    db = sqlite3.connect(os.path.join(hauld.state, "queue.db"))
    db.execute("PRAGMA user_version = 9999")
    db.commit()
    db.close()
    r = run(tools, "--state-dir=" + hauld.state, "--rpc-listen-port=%d" % tools.free_port())
    assert r.returncode == 44 and "newer" in r.stderr, r.stderr


@pytest.mark.matrix("D05")
def test_damaged_state_is_set_aside_not_dropped(hauld, tools):
    for i in range(50):
        hauld.rpc("aria2.addUri", ["http://127.0.0.1:9/f%d" % i], {"pause": "true"})
    assert hauld.kill(15) == 0
    path = os.path.join(hauld.state, "queue.db")
    with open(path, "r+b") as f:
        f.write(b"\0" * 512)
    hauld.start()
    assert any("damaged" in n for n in os.listdir(hauld.state))
    assert "damaged" in open(hauld.log).read()


@pytest.mark.parametrize("body,code", [(b"{", -32700), (b"", -32700), (b"[1", -32700), (b"{}", -32600), (b'"x"', -32600),
                                       (b'{"id":1,"method":"aria2.addUri","params":{}}', -32602), (b'{"id":1,"method":"aria2.addUri","params":[]}', 1),
                                       (b'{"id":1,"method":"aria2.addUri","params":[["nonsense"]]}', 1), (b"\xff\xfe\x00", -32700)])
def test_broken_requests(hauld, body, code):
    import json
    reply = json.loads(hauld.post(body))
    assert reply["error"]["code"] == code, reply
    assert hauld.rpc("aria2.getVersion")


@pytest.mark.matrix("D07")
def test_full_disk(make_hauld, hostile, tools, tmp_path):
    """D07: no room is said at once, with the cause; the daemon goes on."""
    d = make_hauld("--reserve-space=999T")
    s = d.wait(d.add(hostile.base + "/f/1M/a"))
    assert (s["status"], s["errorCode"]) == ("error", "9") and "space" in s["errorMessage"]
    assert os.listdir(d.dir) == []


def test_client_without_daemon(tools):
    r = tools.haul("ls", url="http://127.0.0.1:%d/jsonrpc" % tools.free_port())
    assert r.returncode == 1 and len(r.stderr.strip().split("\n")) == 1 and "hauld" in r.stderr, r.stderr
    r = tools.haul("frobnicate")
    assert r.returncode == 28 and len(r.stderr.strip().split("\n")) == 1, r.stderr
