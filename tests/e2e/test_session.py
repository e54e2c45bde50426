"""Input files and session files of hauld: what an entry may do to the others, what is written and read back."""
import pytest

from conftest import Hauld

U = "http://127.0.0.1:1/"


@pytest.fixture
def listed(make_hauld, tmp_path):
    """A daemon that starts with this input file."""
    def make(text, *options, name="d"):
        path = tmp_path / (name + ".list")
        path.write_text(text)
        return make_hauld("--input-file=%s" % path, *options, name=name)
    return make


def queue(d):
    return [(x["files"][0]["uris"][0]["uri"].rsplit("/", 1)[1], x["status"]) for x in d.rpc("aria2.tellWaiting", 0, 100)]


def test_pause_holds_for_the_whole_file(listed, tools):
    d = listed(U + "a\n" + U + "b\n pause=false\n retry-wait=600\n" + U + "c\n gid=aaaaaaaaaaaaaaaa\n", "--pause=true")
    tools.wait_for(lambda: d.rpc("aria2.tellActive", ["status"]) == [{"status": "active"}])  # when its add is on the disk
    assert queue(d) == [("a", "paused"), ("c", "paused")]
    # calls never inherit it
    assert d.status(d.add(U + "d", retry_wait=600))["status"] != "paused"


def test_pause_of_the_configuration_holds_too(tmp_path):
    (tmp_path / "list").write_text(U + "a\n")
    (tmp_path / "conf").write_text("pause=true\ninput-file=%s\n" % (tmp_path / "list"))
    d = Hauld(tmp_path / "d", "--conf-path=%s" % (tmp_path / "conf"))
    argv = [x for x in d.argv() if x != "--no-conf"]
    d.argv = lambda: argv
    try:
        assert queue(d.start()) == [("a", "paused")]
    finally:
        d.stop()


def test_a_spoilt_entry_stays_out_alone(listed):
    d = listed(U + "a\n gid=1\n" + U + "b\n gid=bbbbbbbbbbbbbbbb\n pause=true\n" + U + "c\n gid=0000000000000000\n pause=true\n"
               + U + "d\n out=/abs\n pause=true\n" + U + "e\n header=none\n pause=true\n" + U + "f\n pause=true\nnouri\n")
    assert queue(d) == [("b", "paused"), ("f", "paused")]
    assert d.rpc("aria2.tellActive") == [] and d.rpc("aria2.tellStopped", 0, 9) == []
    for line in (":2: gid: ", ":7: gid: ", ":10: out: ", ":13: header: "):
        assert line in d.tail(), line


def test_a_session_has_nothing_twice(make_hauld, listed, tmp_path):
    path = tmp_path / "session"
    d = make_hauld("--save-session=%s" % path)
    gid = d.rpc("aria2.addUri", [U + "a", U + "b", U + "a"], {"pause": "true"})
    other = d.rpc("aria2.addUri", [U + "c"], {"pause": "true", "header": ["A: b"]})
    d.rpc("aria2.changeOption", other, {"header": ""})
    d.rpc("aria2.saveSession")
    lines = path.read_text().split("\n")
    assert lines[0] == U + "a\t" + U + "b\t" and "header" not in path.read_text()
    again = listed(path.read_text(), name="again")
    assert [x["gid"] for x in again.rpc("aria2.tellWaiting", 0, 9, ["gid"])] == [gid, other]
    assert [x["uri"] for x in again.rpc("aria2.getUris", gid)] == [U + "a", U + "b"]
