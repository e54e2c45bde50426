"""How many connections a download has when nobody says how many, and when somebody does."""
import time

import pytest

from paced import Paced
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


# Downloads that find out their number share what one of them would have alone: 16.
RATE = 2000000  # bytes a second for each connection
SIZES = {"a": 32 * MIB, "b": 32 * MIB, "long": 96 * MIB}
SPARE = 4 * MIB  # what connections that are closed early, and last parts that are raced, may cost together


def long_content(size, part=1000003):
    return (content(part) * (size // part + 1))[:size]


@pytest.fixture
def paced(tmp_path, tools):
    folder = tmp_path / "origin"
    folder.mkdir()
    for name, n in SIZES.items():
        (folder / name).write_bytes(long_content(n))
    with open(folder / "endless", "wb") as f:
        f.truncate(1 << 30)
    with Paced(str(folder), RATE) as p:
        yield p


def conns(d, gids):
    return [int(d.status(gid, "connections")["connections"]) for gid in gids]


def test_two_end_together(hauld, paced):
    gids = [hauld.add(paced.base + "/" + name) for name in "ab"]
    status = [{}, {}]
    while all(s.get("status", "active") == "active" for s in status):
        status = [hauld.status(gid, "status", "completedLength") for gid in gids]
        time.sleep(0.02)
    assert min(int(s["completedLength"]) for s in status) > 0.7 * SIZES["a"]
    for gid in gids:
        assert right(hauld.complete(gid), long_content(SIZES["a"]))
    assert paced.sent() <= 2 * SIZES["a"] + SPARE


def test_each_newcomer_gets_its_share(hauld, paced, tools):
    first = hauld.add(paced.base + "/endless")
    tools.wait_for(lambda: conns(hauld, [first]) == [16])
    second = hauld.add(paced.base + "/long")
    tools.wait_for(lambda: conns(hauld, [first, second]) == [8, 8])
    assert "Shares       the connections to its server with 1 other download\n" in tools.haul("show", second, url=hauld.url).stdout
    assert "haul.sharing" not in hauld.status(first)
    hauld.rpc("aria2.remove", first)
    tools.wait_for(lambda: conns(hauld, [second]) == [16])
    assert "haul.sharing" not in hauld.status(second, "status", "haul.sharing")
    assert right(hauld.complete(second), long_content(SIZES["long"]))


def test_a_number_that_is_given_stays(hauld, paced, tools):
    given = hauld.add(paced.base + "/endless", split=12, max_connection_per_server=12, min_split_size="1M")
    tools.wait_for(lambda: conns(hauld, [given]) == [12])
    found = hauld.add(paced.base + "/b")
    tools.wait_for(lambda: conns(hauld, [found]) == [4])
    assert conns(hauld, [given]) == [12]
    hauld.rpc("aria2.remove", given)
    assert right(hauld.complete(found), long_content(SIZES["b"]))


# A server that takes only so many connections from one client.
TAKES = 4


@pytest.fixture
def full(tmp_path, tools):
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "small").write_bytes(long_content(64 << 10))
    with open(folder / "endless", "wb") as f:
        f.truncate(1 << 33)  # a part of it would take a quarter of an hour
    with Paced(str(folder), RATE, RATE, 1, TAKES) as p:
        yield p


def test_a_newcomer_at_a_full_server(hauld, full, tools):
    """It has a connection at once, though the parts of the first one take long, and its share soon."""
    first = hauld.add(full.base + "/endless", file_allocation="none", out="a")
    tools.wait_for(lambda: conns(hauld, [first]) == [TAKES])
    second = hauld.add(full.base + "/endless", file_allocation="none", out="b", max_tries=3)
    hauld.received(second, 1, timeout=10)
    tools.wait_for(lambda: conns(hauld, [first, second]) == [2, 2])
    given = hauld.add(full.base + "/small", out="c", max_tries=3, max_connection_per_server=1)
    hauld.complete(given, timeout=10)


def test_a_newcomer_beside_a_number(hauld, full, tools):
    first = hauld.add(full.base + "/endless", file_allocation="none", out="a", max_connection_per_server=16)
    tools.wait_for(lambda: conns(hauld, [first]) == [TAKES])
    second = hauld.add(full.base + "/endless", file_allocation="none", out="b", max_connection_per_server=16, max_tries=3)
    hauld.received(second, 1, timeout=10)
    assert conns(hauld, [first])[0] >= 1


def test_a_crowd_at_a_full_server(make_hauld, full, tools):
    """All at once at a server that takes four: each has its turn, and the server is not asked in vain again and again."""
    n = 200
    hauld = make_hauld("--max-concurrent-downloads=%d" % n)
    gids = [hauld.add(full.base + "/small", out="f%d" % i, max_tries=3) for i in range(n)]
    for gid in gids:
        hauld.complete(gid)
    assert full.refused() < 2 * n
