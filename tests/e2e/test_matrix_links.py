"""Statuses that pass, servers with limits, links that expire (H32-H37 of tests/matrix/matrix.md). Limits and back-off across jobs:
test_politeness.py."""
import pytest

OPTS = dict(retry_wait=0, timeout=4, max_tries=3, min_split_size="1M", max_retry_wait=1)


def fetch(d, hostile, path, conns, timeout=90, **opts):
    return d.wait(d.add(hostile.base + path, split=conns, max_connection_per_server=conns, **dict(OPTS, **opts)), timeout=timeout)


def requests(hostile, path):
    return [r for r in hostile.log() if r["line"].split()[1].startswith(path)]


def right(d, hostile, tools, path, conns, **opts):
    s = fetch(d, hostile, path, conns, **opts)
    assert s["status"] == "complete", (s["errorCode"], s["errorMessage"], d.tail())
    _, _, size, seed = path.split("?")[0].split("/")
    assert tools.sha256_of(s["files"][0]["path"]) == hostile.sha256(size, seed)


@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("path,opts", [
    pytest.param("/fail/4M/a?code=503&times=2", {}, marks=pytest.mark.matrix("H32")),
    pytest.param("/fail/4M/a?code=502&times=2", {}, marks=pytest.mark.matrix("H32")),
    pytest.param("/fail/4M/a?code=504&times=2", {}, marks=pytest.mark.matrix("H32")),
    pytest.param("/fail/4M/a?code=503&times=1&w=1", dict(retry_wait=1), marks=pytest.mark.matrix("H32")),
    pytest.param("/fail/4M/a?code=500&times=1", {}, marks=pytest.mark.matrix("H34")),
    pytest.param("/limit/4M/a?conns=2", dict(max_tries=5), marks=pytest.mark.matrix("H36")),
    pytest.param("/limit/4M/a?conns=2&code=0", dict(max_tries=5), marks=pytest.mark.matrix("H36")),
])
def test_what_passes(hauld, hostile, tools, path, opts, conns):
    right(hauld, hostile, tools, path, conns, **opts)


# The server says how long, in each of the ways that servers have.
@pytest.mark.matrix("H33")
@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("path", [
    "/fail/4M/a?code=429&times=1&after=2", "/fail/4M/a?code=503&times=1&after=2", "/quota/4M/a?after=2",
    "/quota/4M/a?after=2&code=503&kind=pair", "/quota/4M/a?after=2&code=403&kind=x", "/quota/4M/a?after=3&code=403&kind=epoch",
])
def test_waits_as_told(hauld, hostile, tools, path, conns):
    right(hauld, hostile, tools, path, conns, max_tries=2)
    first, second = requests(hostile, path)[:2]
    assert second["t"] - first["t"] >= 1.9, (first, second)


@pytest.mark.matrix("H33")
def test_a_right_answer_that_was_the_last_for_now(hauld, hostile, tools):
    path = "/quota/4M/a?after=3&code=200"
    right(hauld, hostile, tools, path, 1)
    gid = hauld.add(hostile.base + "/f/1M/b", **OPTS)
    tools.wait_for(lambda: "takes no more requests" in hauld.status(gid, "haul.wait").get("haul.wait", ""))
    hauld.complete(gid)
    assert requests(hostile, "/f/")[0]["t"] - requests(hostile, path)[0]["t"] >= 2.9


@pytest.mark.matrix("H35")
@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("code,error", [(404, "3"), (410, "22"), (401, "24"), (403, "22"), (503, "29")])
def test_what_does_not_pass(hauld, hostile, code, error, conns):
    s = fetch(hauld, hostile, "/fail/1M/a?times=9&code=%d" % code, conns)
    assert (s["status"], s["errorCode"]) == ("error", error) and s["errorMessage"], s
    assert len(requests(hostile, "/fail/")) == (3 if code == 503 else 1)


@pytest.mark.matrix("H37")
@pytest.mark.parametrize("conns", [1, 4])
def test_a_link_that_expires(hauld, hostile, tools, conns):
    """Far more links are needed than tries are allowed; of the bytes, few are sent twice."""
    right(hauld, hostile, tools, "/signed/12M/a?for=1&rate=1M&cut=256K", conns)
    assert sum(r["status"] == 403 for r in hostile.log()) >= 1
    assert hostile.sent() <= (12 + conns) << 20


@pytest.mark.matrix("H37")
@pytest.mark.parametrize("conns", [1, 4])
def test_the_user_gives_a_new_link(hauld, hostile, tools, conns):
    """changeUri while it runs: it goes on with the bytes it has, at the new place."""
    old, new = hostile.base + "/f/8M/a?rate=300K", "http://127.0.0.1:%d/f/8M/a?id=new" % (hostile.port + 1)
    gid = hauld.add(old, split=conns, max_connection_per_server=conns, **OPTS)
    hauld.received(gid, 512 << 10)
    assert hauld.rpc("aria2.changeUri", gid, 1, [old], [new]) == [1, 1]
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256("8M", "a")
    assert hostile.sent() <= (8 + conns) << 20
    assert all(r["status"] in (200, 206) for r in hostile.log())


@pytest.mark.matrix("H37")
def test_a_new_link_to_another_file(hauld, hostile):
    """The new place has another version: not one byte of it is taken."""
    old, new = hostile.base + "/f/8M/a?rate=300K", hostile.base + "/f/8M/b"
    gid = hauld.add(old, split=1, **OPTS)
    hauld.received(gid, 512 << 10)
    hauld.rpc("aria2.changeUri", gid, 1, [old], [new])
    s = hauld.wait(gid)
    assert (s["status"], s["errorCode"]) == ("error", "8") and "changed" in s["errorMessage"], s
