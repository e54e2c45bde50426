"""How many connections a download has when nobody says how many, and when somebody does."""
import time

import pytest

from test_matrix_sources import MIB, content, mirror, right  # noqa: F401 (a fixture)


def finish(d, gid, timeout=120):
    """-> (path, the most connections seen)"""
    most, end = 0, time.monotonic() + timeout
    while time.monotonic() < end:
        s = d.status(gid, "status", "connections")
        most = max(most, int(s["connections"]))
        if s["status"] not in ("active", "waiting"):
            break
        time.sleep(0.05)
    return d.complete(gid), most


def test_as_many_as_bring_more(hauld, mirror):  # noqa: F811
    """24 s over one connection; RPC shows what aria2 has, which is not what is done."""
    data = content(24 * MIB)
    m = mirror(data, rate=MIB)
    gid = hauld.add(m.uri)
    assert hauld.rpc("aria2.getOption", gid)["max-connection-per-server"] == "1"
    began = time.monotonic()
    path, most = finish(hauld, gid)
    assert right(path, data)
    assert 4 <= most <= 16
    assert time.monotonic() - began < 16


def test_one_where_one_gets_all(hauld, nginx, tools):
    want = nginx.put("whole.bin", 32 * MIB)
    gid = hauld.add(nginx.base + "/whole.bin")
    path, most = finish(hauld, gid)
    assert tools.sha256_of(path) == want
    assert most == 1


@pytest.mark.parametrize("option", [dict(max_connection_per_server=1), dict(split=1)])
def test_one_where_the_user_says_so(hauld, mirror, option):  # noqa: F811
    data = content(3 * MIB)
    m = mirror(data, rate=MIB)
    path, most = finish(hauld, hauld.add(m.uri, **option))
    assert right(path, data)
    assert (most, len(m.requests)) == (1, 1)
