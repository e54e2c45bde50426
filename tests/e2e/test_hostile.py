"""The hostile origin: lawful oddities come out right, lies never become a complete wrong file (tests/matrix/matrix.md)."""
import os

import pytest

FAST = dict(retry_wait=0, timeout=4, max_tries=3, min_split_size="1M", max_retry_wait=1)


def fetch(d, hostile, path, conns, timeout=90, **opts):
    return d.wait(d.add(hostile.base + path, split=conns, max_connection_per_server=conns, **dict(FAST, **opts)), timeout=timeout)


def files(d):
    return sorted(f for f in os.listdir(d.dir) if not f.endswith(".part"))


REFUSED = [  # case, path, error codes that are right
    ("T02", "/no-answer/1M/a", "2"), ("T03", "/slow-header/1M/a", "2"),
]


@pytest.mark.parametrize("case,path,codes", REFUSED, ids=[c + p.split("/")[1] + p[-6:] for c, p, _ in REFUSED])
def test_refused(hauld, hostile, tools, case, path, codes):
    s = fetch(hauld, hostile, path, 4)
    assert s["errorCode"] in codes.split(), (s["errorCode"], s.get("errorMessage"), hauld.tail())
    if s["status"] == "complete":
        assert tools.sha256_of(s["files"][0]["path"]) == hostile.sha256(path.split("/")[2], "a")
    else:
        assert s["errorMessage"]
        assert files(hauld) == []


def test_slow_bytes_are_seen_and_survive_a_kill(make_hauld, hostile, tools):
    """Far less than a block comes in seconds: it is shown, written, and not fetched again."""
    d = make_hauld()
    gid = d.add(hostile.base + "/slow/400K/a?rate=40000&id=trickle", split=1)
    seen = set()

    def grows():
        seen.add(int(d.status(gid, "completedLength")["completedLength"]))
        return len(seen) >= 3
    tools.wait_for(grows, timeout=20)
    d.kill()
    d.start()
    s = d.wait(gid, timeout=60)
    assert s["status"] == "complete" and tools.sha256_of(s["files"][0]["path"]) == hostile.sha256("400K", "a")
    ranges = [r["headers"] for r in hostile.log() if r["line"].split()[1].startswith("/slow/")]
    assert len(ranges) == 2 and "range" in str(ranges[1]).lower(), ranges


def test_a_stuck_tail_is_fetched_by_another_connection(hauld, hostile, tools):
    """T04: the connection that came to the last bytes crawls at 10 B/s."""
    s = fetch(hauld, hostile, "/stall-tail/4M/a?id=t04", 1, timeout=40)
    assert s["status"] == "complete", s
    assert tools.sha256_of(s["files"][0]["path"]) == hostile.sha256("4M", "a")
