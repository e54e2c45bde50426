"""One daemon through much of what it can do; `make valgrind` runs it under memcheck (any build may run it)."""
import rpckit


def test_one_of_each(make_hauld, hostile, tools, tmp_path):
    d = make_hauld("--ca-certificate=" + hostile.ca, "--retry-wait=0", "--save-session=%s/session" % tmp_path, "--save-cookies=%s/cookies" % tmp_path,
                   "--max-concurrent-downloads=3")
    ws = rpckit.WebSocket.to(d)
    good = {d.add("%s/f/4M/a" % hostile.base, split=4, min_split_size="1M", max_connection_per_server=4): ("4M", "a"),
            d.add("%s/f/256K/b" % hostile.https): ("256K", "b"),
            d.add("%s/gzip/128K/c" % hostile.base, http_accept_gzip="true"): ("128K", "c"),
            d.add("%s/chunked/128K/d" % hostile.base, checksum="sha-256=" + hostile.sha256("128K", "d")): ("128K", "d"),
            d.add("%s/cut/256K/e?every=64K" % hostile.base): ("256K", "e"),
            d.add("%s/cookies/64K/f" % hostile.base.replace("127.0.0.1", "localhost")): ("64K", "f"),
            d.add("%s/redir-chain/64K/g?n=3" % hostile.base): ("64K", "g")}
    bad = [d.add("%s/%s" % (hostile.base, p)) for p in ("status/64K/h", "garbage/64K/i", "header-huge/64K/j", "gzip-broken/64K/k")]
    paused = d.add("%s/f/64K/l" % hostile.base, pause="true")
    for gid, (size, seed) in good.items():
        assert tools.sha256_of(d.complete(gid, 300)) == hostile.sha256(size, seed)
    for gid in bad:
        d.wait(gid, timeout=300)
    slow = d.add("%s/slow/8M/m?rate=1M" % hostile.base)
    d.received(slow, 1)
    d.rpc("aria2.changeOption", paused, {"max-download-limit": "1M"})
    d.rpc("aria2.changePosition", paused, 0, "POS_SET")
    d.rpc("system.multicall", [{"methodName": "aria2.tellStatus", "params": [g]} for g in good])
    assert ws.call("aria2.tellStopped", 0, 100)[0]
    d.rpc("aria2.pause", slow)
    d.wait(slow, "paused")
    d.rpc("aria2.unpause", slow)
    d.rpc("aria2.saveSession")
    d.rpc("aria2.purgeDownloadResult")
    ws.close()
    d.stop()
    d.start()
    d.rpc("aria2.forceRemove", slow)
    d.rpc("aria2.unpause", paused)
    assert tools.sha256_of(d.complete(paused, 300)) == hostile.sha256("64K", "l")
