"""What docs/ says of the RPC: every method and key is there, and the examples give what they show."""
import json
import os
import re
import subprocess

from conftest import TESTS

TREE = os.path.dirname(TESTS)


def read(path):
    return open(os.path.join(TREE, path)).read()


def names(table, macro):
    return re.findall(r'^%s\("([^"]+)"' % macro, read(table), re.M)


def test_every_method_and_key_is_described():
    rpc, aria2 = read("docs/rpc.md"), read("docs/aria2.md")
    methods, keys = names("rpc/method_table.h", "METHOD"), names("rpc/key_table.h", "KEY")
    assert len(methods) > 36 and len(keys) > 20
    rows = " ".join(line.split("|")[1] for line in rpc.split("\n") if line.startswith("| "))
    for name in methods + keys:
        assert re.search(r"(?<![\w.])%s(?![\w.])" % re.escape(name), rows), name
    for name in re.findall(r"\bhaul\.[a-zA-Z]+", rpc + aria2):
        assert name in methods + keys or name in ("haul.part", "haul.givenUp"), name
    for name in methods + keys:
        assert not name.startswith("haul.") or "`%s`" % name in aria2, name


def test_every_state_is_in_the_architecture():
    """Of a transfer and of a lane (the X lists), in the list of their kind."""
    header, text = read("daemon/core/xfer_int.h"), read("docs/architecture.md")
    for kind, macro, least in (("Transfer", "XSTATES", 8), ("Lane", "LANE_STATES", 5)):
        rows = re.search(r"#define %s\(X\)((?:.*\\\n)*.*)" % macro, header).group(1)
        states = re.findall(r"^\s*X\((\w+),", rows, re.M)
        assert len(states) >= least
        line = re.search(r"^- %s\b[^:]*: ([A-Z, ]+)" % kind, text, re.M).group(1)
        assert set(re.findall("[A-Z]+", line)) == set(states), kind


def examples(text):
    """-> (request body, what is shown as its answer) of each curl command."""
    for m in re.finditer(r"^    \$ curl http://localhost:6800/jsonrpc \\?\s*-d '([^']*)'\n((?:    [^\n]+\n)+)", text, re.M):
        yield m.group(1), json.loads(m.group(2))


def shape(v):
    """Types and names, without what differs each time."""
    if isinstance(v, dict):
        return {k: shape(x) for k, x in v.items()}
    if isinstance(v, list):
        return [shape(x) for x in v]
    return type(v).__name__


def ids(v):
    return [x["id"] for x in v] if isinstance(v, list) else v["id"]


def test_examples_give_what_they_show(hauld, hostile):
    gid = hauld.add(hostile.base + "/f/64M/a?rate=1M")
    hauld.received(gid, 1)
    found = [e for path in ("docs/rpc.md", "README.md") for e in examples(read(path))]
    assert len(found) >= 5
    for body, shown in found:
        p = subprocess.run(["curl", "-s", "--noproxy", "*", hauld.url, "-d", body.replace("http://localhost/", hostile.base + "/f/1K/")], capture_output=True, check=True)
        answer = json.loads(p.stdout)
        assert shape(answer) == shape(shown) and ids(answer) == ids(shown), (body, answer)
