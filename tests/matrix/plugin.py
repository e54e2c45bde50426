"""Which test speaks for which case of matrix.md, as a pytest plugin (loaded by e2e/conftest.py).

A test names its cases: @pytest.mark.matrix("H01", "R4"), or marks=pytest.mark.matrix(...) of a parameter. @pytest.mark.long means:
only with HAUL_LONG=1 (`make test-long`). With HAUL_MATRIX=FILE one line of JSON is appended to FILE for each such test:
{"ids": [...], "test": "...", "outcome": "passed|failed|skipped", "seconds": ...}; table.py makes docs/robustness.md of them.
"""
import json
import os

import pytest

LONG = bool(os.environ.get("HAUL_LONG"))


def pytest_configure(config):
    config.addinivalue_line("markers", "matrix(*ids): the cases of tests/matrix/matrix.md that this test decides")
    config.addinivalue_line("markers", "long: takes minutes; only with HAUL_LONG=1 (make test-long)")


def pytest_collection_modifyitems(items):
    if LONG:
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="long: make test-long"))


def ids_of(item):
    return sorted({i for m in item.iter_markers("matrix") for i in m.args})


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test counts once: by its call, or by what kept it from being called."""
    report = (yield).get_result()
    path = os.environ.get("HAUL_MATRIX")
    ids = ids_of(item)
    if not path or not ids or (report.when != "call" and report.outcome == "passed"):
        return
    line = {"ids": ids, "test": item.nodeid.split("::", 1)[1], "outcome": report.outcome, "seconds": round(report.duration, 2)}
    with open(path, "a") as f:
        f.write(json.dumps(line) + "\n")
