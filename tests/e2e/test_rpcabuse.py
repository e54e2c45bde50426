"""The attacks of tests/origin/rpcabuse.py, each on a daemon of its own with a secret."""
import os
import re
import subprocess
import sys

import pytest

from conftest import TESTS
from replykit import measurable
from rpckit import SECRET, SecretHauld

TOOL = os.path.join(TESTS, "origin", "rpcabuse.py")
CASES = re.findall(r'^(?:@case|ws_case)\("([a-zA-Z0-9-]+)"', open(TOOL).read(), re.M)


IDS = {  # which cases of tests/matrix/matrix.md an attack decides
    "P01": "deep-array deep-object many-keys body-100M", "P02": "bad-length smuggle", "P03": "bad-utf8", "P04": "header-1M header-endless",
    "P05": "csrf rebind no-host preflight ws-origin", "P06": "jsonp", "P07": "brute", "P08": "brute-batch", "P10": "idle-flood",
    "P11": "slow-reader ping-flood", "P12": "ws-unmasked ws-rsv ws-opcode ws-length ws-length-neg ws-control ws-utf8", "P13": "ws-fragments",
    "P14": "ws-events", "P15": "hook", "P16": "globals", "P22": "secret-visible", "N08": "paths", "N09": "symlink",
}


def marked(case):
    ids = [i for i, cases in IDS.items() if case in cases.split()]
    return pytest.param(case, marks=pytest.mark.matrix(*ids))


def test_all_cases_are_here():
    listed = subprocess.run([sys.executable, TOOL, "--list"], capture_output=True, text=True, check=True).stdout
    assert [line.split()[0] for line in listed.splitlines()] == CASES
    assert len(CASES) == 34
    assert sorted(c for cases in IDS.values() for c in cases.split()) == sorted(CASES)


@pytest.mark.parametrize("case", [marked(c) for c in CASES])
def test_abuse(hostile, tmp_path, case):
    d = SecretHauld(tmp_path / "d").start()
    try:
        p = subprocess.run([sys.executable, TOOL, "--port", str(d.port), "--token", SECRET, "--pid", str(d.p.pid), "--origin",
                            hostile.base, "--dir", d.dir, *([] if measurable() else ["--no-memory"]), case], capture_output=True, text=True, timeout=120)
        assert p.returncode == 0 and re.match("PASS " + case, p.stdout), p.stdout + p.stderr
    finally:
        d.stop()
