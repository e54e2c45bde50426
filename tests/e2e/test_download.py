"""Whole downloads from a real web server: bytes, connections, resume."""
import json
import os
import signal
import subprocess
import time

import pytest
from paced import Paced

GIB = 1 << 30


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("conns", [1, 4, 16])
def test_gibibyte_is_right(make_hauld, nginx, tools, scheme, conns):
    want = nginx.put("gib.bin", GIB)
    d = make_hauld("--ca-certificate=" + nginx.ca, "--file-allocation=none")
    base = nginx.base if scheme == "http" else nginx.https
    gid = d.add(base + "/gib.bin", split=conns, max_connection_per_server=conns, min_split_size="1M")
    path = d.complete(gid)
    assert tools.sha256_of(path) == want
    assert os.listdir(d.dir) == ["gib.bin"]
    os.unlink(path)


def test_sixteen_connections_are_fifteen_times_as_fast(hauld, nginx, tools):
    """Each connection gets 4 MB/s, evenly: one fetches 32 MB, sixteen fetch 512 MiB in hardly more time."""
    nginx.put("one.bin", 32 << 20)
    want = nginx.put("many.bin", 512 << 20)
    with Paced(nginx.root, 4000000) as origin:
        base = origin.base
        t = time.monotonic()
        hauld.complete(hauld.add(base + "/one.bin", split=1))
        one = (32 << 20) / (time.monotonic() - t)
        t = time.monotonic()
        path = hauld.complete(hauld.add(base + "/many.bin", split=16, max_connection_per_server=16, min_split_size="1M"))
        many = (512 << 20) / (time.monotonic() - t)
    assert tools.sha256_of(path) == want
    assert many / one >= 15, (one, many)


SIZES = {"checkpoint": 77, "encoder.json": 1042301, "hparams.json": 90, "model.ckpt.data-00000-of-00001": 497759232,
         "model.ckpt.index": 5215, "model.ckpt.meta": 471155, "vocab.bpe": 456318}


def test_gpt2_survives_a_kill(make_hauld, nginx, tools, tmp_path):
    folder = "gpt-2/models/124M/"
    want = {n: nginx.put("moderate/" + folder + n, size, seed=7) for n, size in SIZES.items()}
    # limit_rate needs the files under the aliased root as well
    for n in SIZES:
        os.makedirs(os.path.join(nginx.root, folder), exist_ok=True)
        if not os.path.exists(os.path.join(nginx.root, folder, n)):
            os.link(os.path.join(nginx.root, "moderate", folder, n), os.path.join(nginx.root, folder, n))
    d = make_hauld()
    listing = tmp_path / "gpt2.txt"
    listing.write_text("".join("%s/moderate/%s%s\n  out=models/124M/%s\n" % (nginx.base, folder, n, n) for n in SIZES))
    p = subprocess.Popen([os.path.join(tools.build, "haul"), "get", "-i", str(listing), "-x", "4", "-s", "4", "-k", "1M", "-j", "7", "--dir", d.dir],
                         env=dict(os.environ, HAUL_URL=d.url), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    before = nginx.sent("/moderate/" + folder)
    tools.wait_for(lambda: int(d.rpc("aria2.getGlobalStat")["numActive"]) > 0)
    big = tools.wait_for(lambda: next((j["gid"] for j in d.rpc("aria2.tellActive") if int(j["totalLength"]) == 497759232), None))
    d.received(big, 200 << 20)
    d.kill()
    out, _ = p.communicate(timeout=60)
    assert p.returncode != 0, out
    d.start()
    d.complete(big)
    tools.wait_for(lambda: not d.rpc("aria2.tellActive") and not d.rpc("aria2.tellWaiting", 0, 10))
    for n, sha in want.items():
        assert tools.sha256_of(os.path.join(d.dir, "models/124M", n)) == sha, n
    sent = nginx.sent("/moderate/" + folder) - before
    assert sent <= 1.02 * sum(SIZES.values()), sent


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_resume_fetches_little_again(make_hauld, nginx, tools, how):
    """The origin sends evenly: what a burst leaves in the sockets is not what a kill costs."""
    size = 96 << 20
    want = nginx.put("resume.bin", size)
    d = make_hauld(in_memory=True)
    with Paced(nginx.root, 4 << 20) as origin:
        gid = d.add(origin.base + "/resume.bin", split=4, max_connection_per_server=4, min_split_size="1M")
        d.received(gid, 40 << 20)
        d.kill(how)
        assert os.path.exists(os.path.join(d.dir, "resume.bin.part"))
        d.start()
        path = d.complete(gid)
        assert tools.sha256_of(path) == want
        assert origin.sent() <= size + 4 * (1 << 20)


def removed_while_paused(d, gid):
    d.rpc("aria2.remove", gid)


def removed_while_active(d, gid):
    d.rpc("aria2.unpause", gid)
    d.wait(gid, "active")
    d.rpc("aria2.forceRemove", gid)
    d.wait(gid, "removed")
    d.rpc("aria2.removeDownloadResult", gid)


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("way", [removed_while_paused, removed_while_active])
def test_what_was_removed_and_added_again_goes_on(make_hauld, nginx, tools, way, killed):
    """As aria2 does by its control file: the name is the same and what is there is not fetched again."""
    size = 48 << 20
    want = nginx.put("again.bin", size)
    d = make_hauld()
    url, before = nginx.base + "/slow/again.bin", nginx.sent("/slow/again.bin")
    options = {"split": "4", "max-connection-per-server": "4", "min-split-size": "1M"}
    gid = d.rpc("aria2.addUri", [url], options)
    d.received(gid, 32 << 20)
    d.rpc("aria2.pause", gid)
    d.wait(gid, "paused")
    way(d, gid)
    if killed:
        d.kill()
        d.start()
    with pytest.raises(tools.RpcError, match="is not found"):
        d.status(gid)
    path = d.complete(d.rpc("aria2.addUri", [url], options))
    assert os.path.basename(path) == "again.bin" and os.listdir(d.dir) == ["again.bin"]
    assert tools.sha256_of(path) == want
    # Twice four connections were closed with what nginx had put into their sockets; beginning anew costs 32 MiB.
    assert nginx.sent("/slow/again.bin") - before <= size + (16 << 20)


def begun_and_removed(d, nginx, name, size):
    """A part that nobody but a newcomer for this name knows."""
    url, options = nginx.base + "/slow/" + name, {"split": "1"}
    gid = d.rpc("aria2.addUri", [url], options)
    d.received(gid, size // 4)
    d.rpc("aria2.pause", gid)
    d.wait(gid, "paused")
    d.rpc("aria2.remove", gid)
    return url


@pytest.mark.parametrize("options,result", [({}, "late.1.bin"), ({"auto-file-renaming": "false"}, "13"), ({"continue": "true"}, "late.bin"),
                                            ({"allow-overwrite": "true"}, "late.bin")])
def test_a_file_that_came_after_the_part_counts(make_hauld, nginx, tools, options, result):
    """The part of a removed job does not make a NAME that has appeared since be passed over until all is fetched."""
    size = 24 << 20
    want = nginx.put("late.bin", size)
    d = make_hauld()
    url = begun_and_removed(d, nginx, "late.bin", size)
    whole = "continue" in options
    with open(os.path.join(d.dir, "late.bin"), "wb") as f, open(os.path.join(nginx.root, "late.bin"), "rb") as g:
        f.write(g.read() if whole else b"mine")
    s = d.wait(d.rpc("aria2.addUri", [url], options))
    if result == "13":
        assert (s["status"], s["errorCode"]) == ("error", "13")
    else:
        assert s["status"] == "complete" and os.path.basename(s["files"][0]["path"]) == result, s
        assert tools.sha256_of(s["files"][0]["path"]) == want
    if "overwrite" not in str(options) and not whole:
        assert open(os.path.join(d.dir, "late.bin"), "rb").read() == b"mine"


def test_a_retry_leaves_an_adopted_part_alone(make_hauld, nginx, tools):
    size = 32 << 20
    want = nginx.put("mine.bin", size)
    d = make_hauld()
    url, options = nginx.base + "/slow/mine.bin", {"split": "1"}
    first = d.rpc("aria2.addUri", [url], options)
    d.received(first, 4 << 20)
    d.rpc("aria2.forceRemove", first)
    d.wait(first, "removed")
    second = d.rpc("aria2.addUri", [url], options)
    d.received(second, 8 << 20)
    d.rpc("aria2.pause", second)
    d.wait(second, "paused")
    d.rpc("haul.retry", first)
    d.rpc("aria2.unpause", second)
    assert os.path.basename(d.complete(second)) == "mine.bin"
    assert os.path.basename(d.complete(first)) == "mine.1.bin"
    assert tools.sha256_of(os.path.join(d.dir, "mine.bin")) == tools.sha256_of(os.path.join(d.dir, "mine.1.bin")) == want


def test_thousand_adds_survive_a_kill(hauld):
    gids = []
    for i in range(1000):
        gids.append(hauld.rpc("aria2.addUri", ["http://127.0.0.1:9/f%d" % i], {"pause": "true"}))
    hauld.kill()
    hauld.start()
    assert [j["gid"] for j in hauld.rpc("aria2.tellWaiting", 0, 2000, ["gid"])] == gids


def test_curl_line_of_the_tutorial(hauld, nginx, tools):
    want = nginx.put("small.bin", 5000)
    body = '{"jsonrpc":"2.0","method":"aria2.addUri","id":"1","params":[["%s/small.bin"]]}' % nginx.base
    out = subprocess.run(["curl", "-s", hauld.url, "-d", body], capture_output=True, text=True, check=True).stdout
    gid = json.loads(out)["result"]
    assert tools.sha256_of(hauld.complete(gid)) == want


def test_a_checksum_is_verified(hauld, nginx, tools):
    want = nginx.put("sum.bin", 3 << 20)
    path = hauld.complete(hauld.add(nginx.base + "/sum.bin", checksum="sha-256=" + want))
    assert tools.sha256_of(path) == want
    s = hauld.wait(hauld.add(nginx.base + "/sum.bin", checksum="sha-256=" + "0" * 64, out="bad.bin"))
    assert (s["status"], s["errorCode"]) == ("error", "32")
    assert not os.path.exists(os.path.join(hauld.dir, "bad.bin"))


def test_two_jobs_for_one_path_get_two_files(hauld, nginx, tools):
    want = nginx.put("twice.bin", 8 << 20)
    a = hauld.add(nginx.base + "/slow/twice.bin")
    b = hauld.add(nginx.base + "/slow/twice.bin")
    paths = {hauld.complete(a), hauld.complete(b)}
    assert {os.path.basename(p) for p in paths} == {"twice.bin", "twice.1.bin"}
    assert all(tools.sha256_of(p) == want for p in paths)


def test_limits_act_within_a_second(hauld, nginx):
    nginx.put("limit.bin", 64 << 20)
    gid = hauld.add(nginx.base + "/limit.bin", max_download_limit="1M")
    hauld.received(gid, 512 << 10)
    t, before = time.monotonic(), int(hauld.status(gid)["completedLength"])
    hauld.received(gid, before + (3 << 20))
    speed = (int(hauld.status(gid)["completedLength"]) - before) / (time.monotonic() - t)
    assert 0.7 * (1 << 20) < speed < 1.5 * (1 << 20), speed
    hauld.rpc("aria2.changeOption", gid, {"max-download-limit": "0"})
    hauld.complete(gid, timeout=10)


def test_other_calls_are_answered_during_a_download(hauld, nginx):
    nginx.put("gib.bin", GIB)
    gid = hauld.add(nginx.base + "/gib.bin", split=16, max_connection_per_server=16, min_split_size="1M")
    worst = 0
    while hauld.status(gid)["status"] == "active":
        t = time.monotonic()
        hauld.rpc("aria2.getGlobalStat")
        worst = max(worst, time.monotonic() - t)
    os.unlink(hauld.complete(gid))
    assert worst < 2  # stalls of whole seconds; figures are in the benchmark


def half(d, hostile, seed, **opts):
    """A download of 8 MiB stopped in the middle; -> gid."""
    gid = d.add(hostile.base + "/f/8M/%s?rate=4M" % seed, split=2, max_connection_per_server=2, min_split_size="1M", **opts)
    d.received(gid, 2 << 20)
    d.rpc("aria2.pause", gid)
    d.wait(gid, "paused")
    return gid


def test_overwriting_never_mixes_with_a_paused_download(hauld, hostile, tools):
    """A paused download whose part another one replaced begins anew, under a name of its own."""
    a = half(hauld, hostile, "a", out="z.bin")
    b = half(hauld, hostile, "b", out="z.bin", allow_overwrite="true")
    hauld.rpc("aria2.unpause", a)
    path = hauld.complete(a)
    assert tools.sha256_of(path) == hostile.sha256("8M", "a")
    hauld.rpc("aria2.unpause", b)
    path = hauld.complete(b)
    assert tools.sha256_of(path) == hostile.sha256("8M", "b")


def moved_away(d, gid):
    d.rpc("aria2.changeOption", gid, {"dir": os.path.join(d.dir, "away")})


def moved_back(d, gid):
    d.rpc("aria2.changeOption", gid, {"dir": d.dir})
    d.rpc("aria2.unpause", gid)


def unpaused_and_removed(d, gid):
    d.rpc("aria2.unpause", gid)
    d.wait(gid, "active")
    d.rpc("aria2.forceRemove", gid)
    d.wait(gid, "removed")


def retried(d, gid):
    d.rpc("haul.retry", gid)


@pytest.mark.parametrize("leave,come_back", [(moved_away, moved_back), (unpaused_and_removed, retried)])
def test_a_part_left_behind_is_not_taken_back_from_who_adopted_it(hauld, hostile, tools, leave, come_back):
    """A download leaves the file that it had begun, another one goes on with it and is paused, and the first one comes back."""
    options = {"out": "back.bin", "file_allocation": "trunc", "no_file_allocation_limit": "1M"}
    first = half(hauld, hostile, "back", **options)
    leave(hauld, first)
    second = hauld.add(hostile.base + "/f/8M/back?rate=4M", split=2, max_connection_per_server=2, min_split_size="1M", **options)
    hauld.received(second, 6 << 20)
    hauld.rpc("aria2.pause", second)
    hauld.wait(second, "paused")
    assert os.listdir(hauld.dir) == ["back.bin.part"]
    come_back(hauld, first)
    hauld.received(first, 1 << 20)
    hauld.rpc("aria2.pause", first)
    hauld.wait(first, "paused")
    for gid, name in ((second, "back.bin"), (first, "back.1.bin")):
        hauld.rpc("aria2.unpause", gid)
        path = hauld.complete(gid)
        assert tools.sha256_of(path) == hostile.sha256("8M", "back")
        assert os.path.basename(path) == name


@pytest.mark.matrix("D06")
def test_a_part_that_was_cut_is_fetched_again(hauld, hostile, tools):
    """D06: the stored progress is only believed for what is there."""
    gid = half(hauld, hostile, "a", out="cut.bin")
    os.truncate(os.path.join(hauld.dir, "cut.bin.part"), 0)
    hauld.rpc("aria2.unpause", gid)
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256("8M", "a")


@pytest.mark.matrix("D06")
def test_a_part_that_was_replaced_is_not_taken(hauld, hostile, tools):
    gid = half(hauld, hostile, "a", out="r.bin")
    part = os.path.join(hauld.dir, "r.bin.part")
    os.unlink(part)
    with open(part, "wb") as f:
        f.write(b"x" * (8 << 20))
    hauld.rpc("aria2.unpause", gid)
    assert tools.sha256_of(hauld.complete(gid)) == hostile.sha256("8M", "a")
    assert open(part, "rb").read(10) == b"x" * 10


def test_continue_of_a_whole_file_checks_the_checksum(hauld, hostile, tools):
    path = os.path.join(hauld.dir, "c.bin")
    with open(path, "wb") as f:
        f.write(b"\0" * (1 << 20))
    right = hostile.sha256("1M", "a")
    s = hauld.wait(hauld.add(hostile.base + "/f/1M/a", out="c.bin", checksum="sha-256=" + right, **{"continue": "true"}))
    assert (s["status"], s["errorCode"]) == ("error", "32"), s
    assert open(path, "rb").read() == b"\0" * (1 << 20)
    first = hauld.complete(hauld.add(hostile.base + "/f/1M/a", out="d.bin"))
    s = hauld.wait(hauld.add(hostile.base + "/f/1M/a", out="d.bin", checksum="sha-256=" + right, **{"continue": "true"}))
    assert s["status"] == "complete" and s["files"][0]["path"] == first
