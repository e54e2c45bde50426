"""The hostile origin: lawful oddities come out right, lies never become a complete wrong file (tests/matrix/matrix.md)."""
import os

import pytest

FAST = dict(retry_wait=0, timeout=4, max_tries=3, min_split_size="1M", max_retry_wait=1)


def fetch(d, hostile, path, conns, timeout=90, **opts):
    return d.wait(d.add(hostile.base + path, split=conns, max_connection_per_server=conns, **dict(FAST, **opts)), timeout=timeout)


def files(d):
    return sorted(f for f in os.listdir(d.dir) if not f.endswith(".part"))


RIGHT = [  # path (4 MiB of seed "a" unless said)
    ("H32", "/fail/4M/a?code=503&times=2"), ("H32", "/fail/4M/a?code=502&times=2&id=b"),
    ("H33", "/fail/4M/a?code=429&after=1&times=1"), ("H34", "/fail/4M/a?code=500&times=1"), ("H36", "/limit/4M/a?conns=2"),
    ("C01", "/redir-chain/4M/a?n=10"),
]


@pytest.mark.parametrize("conns", [1, 4])
@pytest.mark.parametrize("case,path", RIGHT, ids=[c + p.split("/")[1] + p[-6:] for c, p in RIGHT])
def test_right(hauld, hostile, tools, case, path, conns):
    s = fetch(hauld, hostile, path, conns)
    assert s["status"] == "complete", (s["errorCode"], s["errorMessage"], hauld.tail())
    size = path.split("/")[2]
    assert tools.sha256_of(s["files"][0]["path"]) == hostile.sha256(size, "a")


REFUSED = [  # case, path, error codes that are right
    ("H35", "/fail/1M/a?times=9&code=404", "3"), ("H35", "/fail/1M/a?times=9&code=401", "24"),
    ("H35", "/fail/1M/a?times=9&code=403", "22"), ("H35", "/fail/1M/a?times=9&code=503", "29"),
    ("T02", "/no-answer/1M/a", "2"), ("T03", "/slow-header/1M/a", "2"), ("T05", "/fin/1M/a", "6 1"), ("C01", "/redir-loop/1M/a", "23"),
    ("C02", "/redir-to/1M/a?to=file:///etc/passwd", "22"), ("C08", "/redir-none/1M/a", "22"), ("C08", "/redir-long/1M/a", "22"),
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


def test_credentials_stay_with_their_origin(hauld, hostile):
    """C03: nothing secret goes to another origin."""
    s = fetch(hauld, hostile, "/redir-cross/1M/a", 1, http_user="joe", http_passwd="s3cret", header="X-Key: s3cret")
    assert s["status"] == "complete"
    other = [r for r in hostile.log() if r["port"] != hostile.port]
    assert other and "s3cret" not in str(other) and "authorization" not in str(other).lower()
    assert "s3cret" not in open(hauld.log).read()


def test_tls_is_checked(make_hauld, hostile, tools):
    """S01, S02: valid only when the CA, the name and the dates are right."""
    d = make_hauld("--ca-certificate=" + hostile.ca)
    s = d.wait(d.add(hostile.https + "/f/1M/a", **FAST))
    assert s["status"] == "complete" and tools.sha256_of(s["files"][0]["path"]) == hostile.sha256("1M", "a")
    for port in (3, 4, 5, 6):
        s = d.wait(d.add("https://localhost:%d/f/1M/b" % (hostile.port + port), **FAST))
        assert (s["status"], s["errorCode"]) == ("error", "1") and "TLS" in s["errorMessage"], s
    s = d.wait(d.add(hostile.https + "/tls-trunc/1M/c", **FAST))
    assert s["status"] == "error"


NAMES = ["dotdot", "abs", "back", "nul", "newline", "escape", "rawescape", "extslash", "long", "dot", "dots", "empty", "dash", "hidden",
         "control", "bidi", "badutf8", "overlong", "space", "shell", "twice", "quote", "device"]


def test_names_from_servers_are_harmless(hauld, hostile):
    """N01-N06: one part, in dir, nothing hidden or misleading."""
    for kind in NAMES:
        s = fetch(hauld, hostile, "/cd/1K/a/file.bin?kind=" + kind, 1)
        if s["errorCode"] == "22" and kind in ("nul", "rawescape"):
            continue  # a control character in a header: the answer is refused (H25)
        assert s["status"] == "complete", (kind, s)
        path = s["files"][0]["path"]
        name = os.path.basename(path)
        assert os.path.dirname(path) == hauld.dir and os.path.isfile(path), (kind, path)
        assert not name.startswith((".", "-", " ")) and len(name.encode()) <= 255, (kind, name)
        assert not any(ord(c) < 32 or ord(c) == 127 or c in "\u202e\u202d\u2066\u2067" for c in name), (kind, name)
    assert sorted(os.listdir(hauld.folder)) == sorted(["dl", "state", "hauld.log"])


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
