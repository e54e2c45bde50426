"""Each row of tests/contract/deviations.md: the better behaviour. What is the same as in aria2 is in tests/contract/run.sh."""
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from conftest import BUILD, TESTS, free_port

CONTRACT = os.path.join(TESTS, "contract")
TABLE = open(os.path.join(CONTRACT, "deviations.md")).read()


def test_every_deviation_is_tested_here():
    text = open(__file__).read()
    cases = re.findall(r"^\| `([a-z0-9-]+)` \|", TABLE, re.M)
    assert cases and len(cases) <= 25
    for case in cases:
        if case != "case":
            assert case in text, case
            assert os.path.exists(os.path.join(CONTRACT, "transcripts", case + ".json")), case


def fetch(url, data=None, **headers):
    """-> (status, content type, body)"""
    req = urllib.request.Request(url, data=data, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(req, timeout=30) as f:
            return f.status, f.headers["Content-Type"], f.read()
    except urllib.error.HTTPError as e:
        return e.code, e.headers["Content-Type"], e.read()


def test_more_than_sixteen_connections(hauld, nginx, tools):
    """adduri-value-connections-17"""
    want = nginx.put("wide.bin", 24 << 20)
    gid = hauld.add(nginx.base + "/crawl/wide.bin", split=20, max_connection_per_server=20, min_split_size="1M")
    tools.wait_for(lambda: int(hauld.status(gid, "connections")["connections"]) > 16)
    assert tools.sha256_of(hauld.complete(gid)) == want


def test_jsonp_is_off(hauld):
    """get-jsonp, get-jsonp-error, get-batch-jsonp"""
    status, kind, body = fetch(hauld.url + "?method=aria2.getVersion&id=x&jsoncallback=cb")
    assert status == 400 and kind == "application/json-rpc" and not body.startswith(b"cb")
    assert "rpc-allow-jsonp" in json.loads(body)["error"]["message"]


def test_jsonp_answers_as_aria2_where_it_is_allowed(tools):
    """get-jsonp, get-jsonp-error, get-batch-jsonp"""
    port = free_port(8)
    p = subprocess.run([sys.executable, os.path.join(CONTRACT, "transcripts", "replay.py"), "--only", "jsonp", "--port", str(port),
                        "--origin-port", str(port + 7), "--launch",
                        tools.build + "/hauld --rpc-allow-jsonp=true --state-dir={work}/state {args}"], capture_output=True, text=True, timeout=120)
    assert p.returncode == 0 and "3 passed, 0 failed" in p.stdout, p.stdout + p.stderr


@pytest.mark.parametrize("name", ["alert(1)//", "a;b", "a%20b", "%3Cscript%3E", "a" * 65])
def test_jsonp_takes_plain_callback_names_only(make_hauld, name):
    d = make_hauld("--rpc-allow-jsonp=true")
    status, kind, body = fetch(d.url + "?method=aria2.getVersion&id=x&jsoncallback=" + name)
    assert status == 400 and kind == "application/json-rpc" and json.loads(body)["error"]["code"] == -32600
    status, kind, body = fetch(d.url + "?method=aria2.getVersion&id=x&jsoncallback=a.b_$1")
    assert status == 200 and kind == "text/javascript" and body.startswith(b"a.b_$1({") and body.endswith(b"})")


def test_pages_of_other_origins_run_nothing(hauld):
    """cors-off-post"""
    call = json.dumps({"id": 1, "method": "aria2.addUri", "params": [["http://127.0.0.1:1/x"], {"pause": "true"}]}).encode()
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}):
        assert fetch(hauld.url, call, Content_Type="text/plain", **headers)[0] == 403
    assert hauld.rpc("aria2.tellWaiting", 0, 10) == []
    own = "http://127.0.0.1:%d" % hauld.port
    assert fetch(hauld.url, call, Content_Type="text/plain", Origin=own)[0] == 200
    assert len(hauld.rpc("aria2.tellWaiting", 0, 10)) == 1


OPTIONS = json.loads(subprocess.run([BUILD + "/hauld", "--print=json"], capture_output=True, check=True).stdout)
# every option that the table says is never set over RPC
NEVER = sorted(o["name"] for o in OPTIONS if "norpc" in o["flags"])


def test_what_may_not_be_set_is_refused(hauld, tools, tmp_path):
    """changeglobal-not-changeable, changeglobal-log, changeglobal-save-cookies, changeglobal-save-session, changeglobal-server-stat-of"""
    assert {"rpc-secret", "rpc-listen-all", "rpc-allow-origin-all", "on-download-complete", "log", "save-session", "save-cookies",
            "server-stat-of", "server-stat-if", "conf-path", "input-file", "state-dir", "netrc-path", "load-cookies", "certificate",
            "private-key", "ca-certificate", "torrent-file", "metalink-file", "dht-file-path", "allowed-dirs"} < set(NEVER)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    gid = hauld.add("http://127.0.0.1:1/x", pause="true")
    before = hauld.rpc("aria2.getGlobalOption")
    own = hauld.rpc("aria2.getOption", gid)
    add = ["http://127.0.0.1:1/x"]

    def refused(name, method, *params):
        with pytest.raises(tools.RpcError) as e:
            hauld.rpc(method, *params)
        # aria2's words, and the cause: pages show it beside the field
        assert (e.value.code, e.value.message) == (1, "We encountered a problem while processing the option '--%s'."
                                                   " It can't be set over RPC, only when hauld is started." % name)

    for name in NEVER:
        set_it = {name: str(victim)}
        refused(name, "aria2.changeGlobalOption", set_it)
        if name.startswith("on-"):
            refused(name, "aria2.changeOption", gid, set_it)
            refused(name, "haul.retry", gid, set_it)
            refused(name, "aria2.addUri", add, set_it)
            continue
        # for one download no such option exists in aria2 either: nothing to be misled about
        assert hauld.rpc("aria2.changeOption", gid, set_it) == "OK"
        other = hauld.rpc("aria2.addUri", add, dict(set_it, pause="true"))
        assert hauld.rpc("aria2.getOption", gid) == hauld.rpc("aria2.getOption", other) == own
        hauld.rpc("aria2.remove", other)
    refused("allowed-dirs", "aria2.changeGlobalOption", {"allowed-dirs": [str(victim)]})
    assert len(hauld.rpc("aria2.tellWaiting", 0, 10)) == 1 and hauld.rpc("aria2.getGlobalOption") == before
    # others that are set at the start only are passed over, as in aria2, and so is what is no string
    assert hauld.rpc("aria2.changeGlobalOption", {"rpc-listen-port": "abc", "nonsense": "1", "disk-cache": "x"}) == "OK"
    assert hauld.rpc("aria2.changeGlobalOption", {"rpc-secure": True, "rpc-listen-all": True, "log": 5, "rpc-secret": None}) == "OK"
    assert hauld.rpc("aria2.getGlobalOption") == before
    hauld.stop()
    assert victim.read_text() == "precious"


SAMPLES = {"dht-entry-point": "h:1", "optimize-concurrent-downloads": "2:3", "ssh-host-key-md": "md5=" + "0" * 32,
           "bt-prioritize-piece": "head=1M,tail", "seed-ratio": "1.5", "seed-time": "9.5"}


def sample(o, folder):
    """A value that is not the default."""
    if o["name"] in SAMPLES:
        return SAMPLES[o["name"]]
    if o["name"] == "dir":
        return folder + "/sub"
    if "values" in o:
        return [v for v in o["values"].split("|") if v != o.get("default")][-1]
    if o["type"] == "true/false":
        return "false" if o.get("default") == "true" else "true"
    if "max" in o:
        return str(o["min"] if str(o["min"]) != o.get("default") else o["min"] + 1)
    return {"proxy": "http://u:p@h:1/", "list": "A: 1\n"}.get(o["type"], "some text")


def test_what_a_settings_page_writes_comes_back(hauld):
    """Each option that aria2 changes for the daemon, but for those that are refused: OK, and the new value is shown. Texts may be
    emptied."""
    may = [o for o in OPTIONS if "global" in o["flags"] and "norpc" not in o["flags"]]
    assert len(may) > 110
    for o in may:
        value = sample(o, hauld.dir)
        assert hauld.rpc("aria2.changeGlobalOption", {o["name"]: value.split("\n")[:-1] if o["name"] == "header" else value}) == "OK"
        assert hauld.rpc("aria2.getGlobalOption")[o["name"]] == value
    for o in may:
        if o["type"] in ("text", "proxy", "list") and o["name"] not in SAMPLES:
            assert hauld.rpc("aria2.changeGlobalOption", {o["name"]: ""}) == "OK"
            assert hauld.rpc("aria2.getGlobalOption")[o["name"]] == ""


def test_options_as_they_were_shown_may_be_sent_back(make_hauld, tmp_path):
    """Some clients send all that getGlobalOption gave them."""
    d = make_hauld("--save-session=%s" % (tmp_path / "s"), "--log=%s" % (tmp_path / "log"))
    shown = d.rpc("aria2.getGlobalOption")
    assert shown["save-session"] == str(tmp_path / "s")
    assert d.rpc("aria2.changeGlobalOption", shown) == "OK"
    assert d.rpc("aria2.changeGlobalOption", {"input-file": "", "rpc-user": "", "rpc-passwd": "", "rpc-secret": ""}) == "OK"
    assert d.rpc("aria2.getGlobalOption") == shown


def test_absolute_out_is_refused(hauld, tools):
    """name-absolute-out"""
    with pytest.raises(tools.RpcError) as e:
        hauld.add("http://127.0.0.1:1/x", out="/abs.bin", pause="true")
    assert e.value.message == "We encountered a problem while processing the option '--out'."
    assert "must not begin with" in hauld.tail()


def test_a_file_in_the_way_is_named(hauld, hostile):
    """file-exists-no-rename"""
    for there, words in (("x.bin", ("Delete the file", "allow-overwrite", "continue")), ("y.bin.part", ("y.bin.part", "unfinished"))):
        with open(os.path.join(hauld.dir, there), "w") as f:
            f.write("mine")
        name = there.replace(".part", "")
        s = hauld.wait(hauld.add(hostile.base + "/f/1K/a", out=name, auto_file_renaming="false"))
        assert (s["status"], s["errorCode"]) == ("error", "13")
        assert s["errorMessage"].startswith("File %s exists" % os.path.join(hauld.dir, name)), s["errorMessage"]
        assert all(w in s["errorMessage"] for w in words) and "aria2" not in s["errorMessage"], s["errorMessage"]
        assert open(os.path.join(hauld.dir, there)).read() == "mine"


def test_magnet_links_are_refused_by_name(hauld, tools):
    for uri, words in (("magnet:?xt=urn:btih:" + "a" * 40, "No URI to download. BitTorrent is not supported."), ("nonsense", "No URI to download.")):
        with pytest.raises(tools.RpcError) as e:
            hauld.add(uri)
        assert (e.value.code, e.value.message) == (1, words)
    assert hauld.rpc("aria2.tellWaiting", 0, 10) == []


def test_refused_resume_keeps_the_file(hauld, hostile):
    """file-continue-no-range"""
    path = os.path.join(hauld.dir, "kept.bin")
    with open(path, "wb") as f:
        f.write(b"k" * 400000)
    s = hauld.wait(hauld.add(hostile.base + "/norange/1M/a", out="kept.bin", **{"continue": "true"}))
    assert s["status"] == "error" and s["errorCode"] == "8" and "resume" in s["errorMessage"]
    assert s["completedLength"] == "400000"
    assert open(path, "rb").read() == b"k" * 400000 and not os.path.exists(path + ".part")


def test_wrong_checksums_are_named(hauld, hostile):
    """transfer-checksum-bad, transfer-digest-header-bad"""
    s = hauld.wait(hauld.add(hostile.base + "/f/16K/a", out="sum.bin", checksum="sha-256=" + "0" * 64))
    assert s["status"] == "error" and s["errorCode"] == "32" and "checksum is wrong" in s["errorMessage"]
    assert not os.path.exists(os.path.join(hauld.dir, "sum.bin"))
    # the Digest field: recorded from the origin of the transcripts
    sys.path.insert(0, os.path.join(CONTRACT, "transcripts"))
    import origin
    port = free_port()
    server = origin.start("127.0.0.1", port)
    try:
        s = hauld.wait(hauld.add("http://127.0.0.1:%d/baddigest/1000/x" % port))
        assert s["status"] == "error" and s["errorCode"] == "32" and "checksum is wrong" in s["errorMessage"]
        assert not os.path.exists(os.path.join(hauld.dir, "x"))
    finally:
        server.shutdown()
        server.server_close()


def test_too_slow_is_said_and_kept(hauld, hostile):
    """transfer-too-slow"""
    s = hauld.wait(hauld.add(hostile.base + "/f/1M/a?rate=4K", lowest_speed_limit="100K", max_tries=1))
    assert s["status"] == "error" and s["errorCode"] == "5"
    assert s["errorMessage"].lower().startswith("too slow")
    assert int(s["completedLength"]) > 0


def test_unknown_scheme_is_named(hauld):
    """transfer-scheme-unknown"""
    s = hauld.wait(hauld.add("gopher://127.0.0.1/x"))
    assert (s["status"], s["errorCode"]) == ("error", "1") and "gopher" in s["errorMessage"]


# ---- what no recorded exchange covers ----

def test_text_behind_a_size_is_refused(hauld, tools):
    for value in ("1Kxyz", "1K/s", "1 2"):
        with pytest.raises(tools.RpcError) as e:
            hauld.add("http://127.0.0.1:1/x", pause="true", max_download_limit=value)
        assert e.value.message == "We encountered a problem while processing the option '--max-download-limit'."
    gid = hauld.add("http://127.0.0.1:1/x", pause="true", max_download_limit=" 1 K ", split="3 ", seed_ratio="")
    o = hauld.rpc("aria2.getOption", gid)
    assert (o["max-download-limit"], o["split"], o["seed-ratio"]) == ("1024", "3", "")


def test_lines_pasted_into_json(hauld):
    """By a shell; as in aria2."""
    reply = json.loads(hauld.post(b'{"id":"1","method":"aria2.addUri","params":[["http://127.0.0.1:1/x"],{"pause":"true","header":"A: 1\nB: 2"}]}'))
    assert hauld.rpc("aria2.getOption", reply["result"])["header"] == "A: 1\nB: 2\n"
    assert json.loads(hauld.post(b'{"id":"a\tb\\x",\n"method":"system.listNotifications",}'))["id"] == "a\tbx"


def test_of_a_member_given_twice_the_last_counts(hauld):
    reply = json.loads(hauld.post(b'{"id":"1","id":"2","method":"aria2.x","method":"aria2.tellActive"}'))
    assert reply == {"id": "2", "jsonrpc": "2.0", "result": []}
