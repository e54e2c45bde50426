#!/usr/bin/env python3
"""docs/robustness.md out of matrix.md and the lines that plugin.py wrote while the tests ran.

    table.py RESULTS >docs/robustness.md     the document
    table.py --check [TESTS...]              every case has a test in TESTS (files of e2e/), or a row in docs/known-gaps.md
"""
import datetime
import glob
import json
import os
import platform
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
GAPS = os.path.join(TOP, "docs", "known-gaps.md")
NO_GAP = r"H(0[1-9]|1\d|2[0-5])|V0[1-8]|N(0\d|1[0-3])|D(0\d|1[0-2])"  # cases that may not be missing
GROUPS = "HVTNCSPDOFLY"
MUST = "HVTNCSD"  # groups of which each case needs a test


def cells(line):
    return [c.strip() for c in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def cases():
    """-> [(group title, [(id, provoke, required, aria2)])] in the order of matrix.md."""
    out = []
    for line in open(os.path.join(HERE, "matrix.md")):
        if line.startswith("## "):
            out.append((line[3:].strip(), []))
        elif re.match(r"\| [A-Z]\d\d \|", line):
            c = cells(line)
            if len(c) not in (3, 4):
                sys.exit("matrix: %s has %d columns; a | within one is written \\|" % (c[0], len(c)))
            out[-1][1].append((c[0], c[1], c[2], c[3] if len(c) > 3 else ""))
    return [g for g in out if g[1]]


def gaps():
    """-> {id: reason}: the rows of the first table of docs/known-gaps.md; the second one is of cases that are right."""
    first = open(GAPS).read().split("\n## ")[0].splitlines()
    rows = (cells(line) for line in first if re.match(r"\| [A-Z]\d\d \|", line))
    return {c[0]: c[1] for c in rows}


def results(path):
    """-> {id: [line]}"""
    out = {}
    for line in open(path):
        r = json.loads(line)
        for i in r["ids"]:
            out.setdefault(i, []).append(r)
    return out


def verdict(case, ran, gap):
    if case in gap:
        return "gap: " + gap[case], ""
    n = {o: sum(r["outcome"] == o for r in ran) for o in ("passed", "failed", "skipped")}
    if not ran or not (n["passed"] or n["failed"]):
        return "not tried", ""
    words = "**%d of %d failed**" % (n["failed"], len(ran)) if n["failed"] else "right, %d test%s" % (n["passed"], "s"[:n["passed"] != 1])
    if n["skipped"]:
        words += ", %d skipped here" % n["skipped"]
    return words, "%.1f" % max(r["seconds"] for r in ran if r["outcome"] != "skipped")


def document(path):
    ran, gap = results(path), gaps()
    commit = subprocess.run(["git", "-C", TOP, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    print("# Robustness: what is provoked, what must come out, what does\n")
    print("Each row is a case of [tests/matrix/matrix.md](../tests/matrix/matrix.md), decided by tests with the real programs; `make test-long`")
    print("runs all of them and writes this page. \"Seconds\" is the longest test of the row. aria2's column is aria2 1.36.0 (Debian 12),")
    print("measured once by hand; **bold** is a failure of it. What is not right yet stands in [known-gaps.md](known-gaps.md).\n")
    print(open(os.path.join(HERE, "head.md")).read())
    print("%s, commit %s, Linux %s, %s CPUs.\n" % (datetime.date.today(), commit, re.match(r"[\d.]+", platform.release()).group(), os.cpu_count()))
    for title, rows in cases():
        if title[0] not in GROUPS:
            continue
        print("## %s\n\n| ID | provoke | required | hauld | seconds | aria2 1.36 |\n|---|---|---|---|---|---|" % title)
        for case, provoke, required, aria2 in rows:
            print("| %s | %s | %s | %s | %s | %s |" % ((case, provoke, required) + verdict(case, ran.get(case, []), gap) + (aria2,)))
        print()


def marked(files):
    """The IDs that tests name, found in their text: collecting them would need the programs."""
    found = set()
    for f in files:
        found |= set(re.findall(r"\"([A-Z]\d\d)\"", open(f).read()))
    return found


def check(files):
    have, gap = marked(files), gaps()
    bad = 0
    for title, rows in cases():
        for case, *_ in rows:
            if title[0] in MUST and case not in have and case not in gap:
                bad += 1
                print("matrix: %s has neither a test nor a row in docs/known-gaps.md" % case)
            if case in gap and re.fullmatch(NO_GAP, case):
                bad += 1
                print("matrix: %s may not be a gap" % case)
    return bad


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        sys.exit(1 if check(sys.argv[2:] or glob.glob(os.path.join(TOP, "tests", "e2e", "test_*.py"))) else 0)
    document(sys.argv[1])
