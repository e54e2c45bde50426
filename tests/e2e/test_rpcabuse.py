"""The attacks of tests/origin/rpcabuse.py, each on a daemon of its own with a secret."""
import os
import re
import subprocess
import sys

import pytest

from conftest import TESTS
from rpckit import SECRET, SecretHauld

TOOL = os.path.join(TESTS, "origin", "rpcabuse.py")
CASES = re.findall(r'^(?:@case|ws_case)\("([a-zA-Z0-9-]+)"', open(TOOL).read(), re.M)


def test_all_cases_are_here():
    listed = subprocess.run([sys.executable, TOOL, "--list"], capture_output=True, text=True, check=True).stdout
    assert [line.split()[0] for line in listed.splitlines()] == CASES
    assert len(CASES) == 34


@pytest.mark.parametrize("case", CASES)
def test_abuse(hostile, tmp_path, case):
    d = SecretHauld(tmp_path / "d").start()
    try:
        p = subprocess.run([sys.executable, TOOL, "--port", str(d.port), "--token", SECRET, "--pid", str(d.p.pid), "--origin",
                            hostile.base, "--dir", d.dir, case], capture_output=True, text=True, timeout=120)
        assert p.returncode == 0 and re.match("PASS " + case, p.stdout), p.stdout + p.stderr
    finally:
        d.stop()
