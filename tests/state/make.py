#!/usr/bin/python3
"""Writes tests/state/queue-vN.sql: the queue file of today's hauld (HAUL_BUILD) with a job in each state, as SQL text. Run once
before the tables change (daemon/store/schema.h), and keep what it wrote: test_matrix_disk.py opens each with later ones.

    HAUL_BUILD=build /usr/bin/python3 tests/state/make.py
"""
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("HAUL_BUILD") or os.path.join(HERE, "..", "..", "build")
HOME = "/tmp/haul-state-fixture"  # stays in the file: paths are part of each row's checksum
PORT, ORIGIN = 28911, 28912


def rpc(method, *params):
    body = json.dumps({"jsonrpc": "2.0", "id": "m", "method": method, "params": list(params)}).encode()
    return json.loads(urllib.request.urlopen("http://127.0.0.1:%d/jsonrpc" % PORT, body).read())["result"]


def until(what):
    end = time.monotonic() + 60
    while not what():
        if time.monotonic() > end:
            sys.exit("waited in vain")
        time.sleep(0.05)


def answers():
    try:
        return rpc("aria2.getVersion")
    except (OSError, KeyError):
        return False


def state(gid):
    return rpc("aria2.tellStatus", gid)


def make_jobs():
    base = "http://127.0.0.1:%d" % ORIGIN
    add = lambda path, gid, **o: rpc("aria2.addUri", [base + path], dict(o, gid=gid))
    add("/f/1M/a", "00000000000000a1", out="complete.bin")
    add("/fail/1M/a?times=99&code=404", "00000000000000a2", out="error.bin", **{"max-tries": "1"})
    add("/f/8M/a?rate=4M", "00000000000000a3", out="half.bin")
    add("/f/8M/b?rate=4M", "00000000000000a4", out="left.bin")
    add("/f/1M/c", "00000000000000a5", out="fresh.bin", pause="true", split="7", header="X-A: ü\n", **{"checksum": "sha-1=" + "0" * 40})
    add("/f/1M/d", "00000000000000a6", pause="true")
    until(lambda: all(state("00000000000000" + g)["status"] in ("complete", "error") for g in ("a1", "a2")))
    until(lambda: all(int(state("00000000000000" + g)["completedLength"]) > 1 << 20 for g in ("a3", "a4")))
    rpc("aria2.pause", "00000000000000a3")
    rpc("aria2.remove", "00000000000000a4")
    until(lambda: state("00000000000000a3")["status"] == "paused" and state("00000000000000a4")["status"] == "removed")


def dump(path):
    db = sqlite3.connect(path)
    version = db.execute("PRAGMA user_version").fetchone()[0]
    lines = ["PRAGMA application_id=%d;" % db.execute("PRAGMA application_id").fetchone()[0], "PRAGMA user_version=%d;" % version]
    lines += list(db.iterdump())
    with open(os.path.join(HERE, "queue-v%d.sql" % version), "w") as f:
        f.write("\n".join(lines) + "\n")
    print(f.name)


def main():
    shutil.rmtree(HOME, ignore_errors=True)
    os.makedirs(HOME)
    origin = subprocess.Popen([sys.executable, os.path.join(HERE, "..", "origin", "hostile.py"), "serve", "--port", str(ORIGIN)])
    hauld = subprocess.Popen([os.path.join(BUILD, "hauld"), "--no-conf", "--rpc-listen-port=%d" % PORT, "--state-dir=%s/state" % HOME,
                              "--dir=%s/dl" % HOME, "--quiet"])
    try:
        until(answers)
        make_jobs()
    finally:
        hauld.terminate()
        hauld.wait()
        origin.terminate()
        origin.wait()
    dump(HOME + "/state/queue.db")
    shutil.rmtree(HOME)


if __name__ == "__main__":
    main()
