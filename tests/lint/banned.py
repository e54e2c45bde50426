#!/usr/bin/python3
"""Calls and words that have no place in the code."""
import glob
import re
import sys

RULES = [  # pattern, where (regular expression of paths), reason
    (r"\buv_default_loop\b", r".", "every function takes its loop"),
    (r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca|system|popen|tmpnam|mktemp)\s*\(", r".", "unbounded or unsafe"),
    (r"(?<![_\w])exit\s*\(", r"^(?!daemon/main\.c|client/).*", "only main.c ends the process"),
    (r"\babort\s*\(", r"^(?!daemon/base/(obj\.h|mem\.c)).*", "runtime errors belong to one job, client or call"),
    (r"\b(malloc|calloc|realloc|strdup|strndup)\s*\(", r"^(?!daemon/base/mem\.c).*", "xmalloc and friends (base/mem.h)"),
    (r"\b(TODO|FIXME|XXX|HACK)\b", r".", "do it, or file it"),
    (r"[ \t]+$", r".", "blank at the end of a line"),
]


def main():
    bad = []
    for pat in ("daemon/*.c", "daemon/*/*.[ch]", "rpc/*.[ch]", "client/*.[ch]"):
        for path in sorted(glob.glob(pat)):
            text = open(path, encoding="utf-8").read()
            if not text.startswith("/* SPDX-License-Identifier: MIT"):
                bad.append(f"{path}:1: no SPDX line")
            for n, line in enumerate(text.split("\n"), 1):
                code = re.sub(r'"(\\.|[^"\\])*"', '""', line)
                for rule, where, why in RULES:
                    if re.search(where, path) and re.search(rule, code) and not code.lstrip().startswith("*"):
                        bad.append(f"{path}:{n}: {re.search(rule, code).group(0).strip()!r}: {why}")
    print("\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
