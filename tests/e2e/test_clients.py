"""Clients that were written for aria2 and know nothing of hauld: npm's aria2 and maria2 (Python's xmlrpc.client: test_rpc.py)."""
import os
import shutil
import subprocess

import pytest

from rpckit import SECRET, SecretHauld

PACKAGES = ["aria2@4.1.2", "maria2@0.3.4", "ws@8"]


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.skip("no node here")
    folder = str(tmp_path_factory.mktemp("npm"))
    p = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder, *PACKAGES], cwd=folder,
                       capture_output=True, text=True, timeout=120)
    if p.returncode != 0:
        pytest.skip("npm install: " + p.stderr[-300:])
    return folder


def test_npm_clients(packages, hostile, tmp_path):
    d = SecretHauld(tmp_path / "d").start()
    try:
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients.mjs")
        p = subprocess.run(["node", script, str(d.port), SECRET, hostile.base], cwd=packages, capture_output=True, text=True, timeout=120)
        assert p.returncode == 0 and p.stdout.strip() == "ok", p.stdout + p.stderr + d.tail()
        names = sorted(f for f in os.listdir(d.dir))
        assert names == ["a-http", "a-http2", "a-ws", "a-ws2", "m-http", "m-ws"]
        assert all(os.path.getsize(os.path.join(d.dir, n)) == 16384 for n in names)
    finally:
        d.stop()
