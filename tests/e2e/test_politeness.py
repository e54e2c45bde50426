"""One origin, one politeness: what a server says to one job holds for all, and users see why a job waits."""
import os

import pytest

OPTS = dict(split=4, max_connection_per_server=4, min_split_size="1M", retry_wait=0, max_tries=5)


def requests(hostile, path):
    return [r for r in hostile.log() if r["line"].split()[1].startswith(path)]


def test_a_429_is_for_everybody(hauld, hostile, tools):
    first = hauld.add(hostile.base + "/fail/1M/a?code=429&times=1&after=3&id=polite", **OPTS)
    tools.wait_for(lambda: requests(hostile, "/fail/"))
    tools.wait_for(lambda: "haul.wait" in hauld.status(first, "haul.wait"))
    second = hauld.add(hostile.base + "/f/1M/b", **OPTS)
    tools.wait_for(lambda: "haul.wait" in hauld.status(second, "haul.wait"))
    why = hauld.status(second, "haul.wait")["haul.wait"]
    assert why.startswith("waiting ") and "s for 127.0.0.1: " in why and "429" in why
    hauld.complete(first)
    hauld.complete(second)
    refused = requests(hostile, "/fail/")[0]["t"]
    assert requests(hostile, "/f/")[0]["t"] >= refused + 3


def test_another_origin_is_not_concerned(hauld, hostile, tools):
    slow = hauld.add(hostile.base + "/fail/1M/a?code=429&times=1&after=20&id=other", **OPTS)
    tools.wait_for(lambda: "haul.wait" in hauld.status(slow, "haul.wait"))
    hauld.complete(hauld.add("http://127.0.0.1:%d/f/1M/b" % (hostile.port + 1), **OPTS), timeout=10)
    assert hauld.status(slow)["status"] == "active"


def test_the_number_of_connections_is_found_out_for_all_jobs(hauld, hostile, tools):
    """Three jobs of four connections each, the server takes three: few are turned away, all come right."""
    gids = [hauld.add(hostile.base + "/limit/6M/a?conns=3&rate=4M", out="f%d" % i, **OPTS) for i in range(3)]
    for gid in gids:
        assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256("6M", "a")
    assert sum(r["status"] == 503 for r in requests(hostile, "/limit/")) <= 12


def test_a_server_that_says_0_is_asked_ever_later(hauld, hostile):
    """It says so as long as it is busy."""
    path = "/fail/1M/a?code=429&times=99&after=0&id=zero"
    s = hauld.wait(hauld.add(hostile.base + path, **dict(OPTS, max_tries=3)))
    assert (s["status"], s["errorCode"]) == ("error", "22")
    t = [r["t"] for r in requests(hostile, "/fail/")]
    assert len(t) == 3
    assert t[1] - t[0] >= 0.5 and t[2] - t[1] >= 1


def test_retry_wait_is_the_least_whatever_the_server_says(hauld, hostile):
    hauld.complete(hauld.add(hostile.base + "/fail/1M/a?code=503&times=1&after=0&id=least", **dict(OPTS, retry_wait=2)))
    t = [r["t"] for r in requests(hostile, "/fail/")]
    assert t[1] - t[0] >= 2


@pytest.mark.parametrize("clock", [-3600, 3600])
def test_a_date_is_read_by_the_clock_of_who_sent_it(hauld, hostile, clock):
    hauld.complete(hauld.add(hostile.base + "/fail/1M/a?code=503&times=1&after=3&clock=%d&id=clock" % clock, **OPTS), timeout=30)
    t = [r["t"] for r in requests(hostile, "/fail/")]
    assert t[1] - t[0] >= 3


@pytest.mark.parametrize("how", ["max=1", "cut=1"])
def test_crumbs_are_asked_for_ever_less_often(hauld, hostile, tools, how):
    """A byte for each request is progress, and no failure, but no reason for a storm of requests."""
    gid = hauld.add(hostile.base + "/range-crumb/1M/a?" + how, **OPTS)
    tools.wait_for(lambda: len(requests(hostile, "/range-crumb/")) >= 8)
    wait = tools.wait_for(lambda: hauld.status(gid, "haul.wait").get("haul.wait"), 5)
    assert "only 1 bytes for a request" in wait
    t = [r["t"] for r in requests(hostile, "/range-crumb/")]
    assert len(t) <= 12 and t[7] - t[0] >= 1.5
    assert hauld.status(gid)["status"] == "active" and int(hauld.status(gid)["completedLength"]) > 0
    assert os.path.getsize(hauld.log) < 40000


@pytest.mark.parametrize("most,files", [("1M", "24M"), ("128K", "4M"), ("16K", "512K")])
def test_small_answers_are_taken(hauld, hostile, tools, most, files):
    """A server may cap what it sends for one request."""
    path = hauld.complete(hauld.add(hostile.base + "/range-crumb/%s/a?max=%s" % (files, most), **OPTS), timeout=30)
    assert tools.sha256_of(path) == hostile.sha256(files, "a")
