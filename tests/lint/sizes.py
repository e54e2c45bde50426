#!/usr/bin/python3
"""Files up to 800 lines, functions up to 60, lines up to 130 columns (a tab counts 8), as the settings for editors say;
tables (*_table.h) may be longer."""
import glob
import re
import sys

FILE_MAX, FUNC_MAX, LINE_MAX = 800, 60, 130


def functions(lines):
    """-> (name, first line, length) of every function: a line at column 0 with '(' followed by '{' at column 0."""
    start = None
    for i, line in enumerate(lines):
        if line.startswith("{") and i and not lines[i - 1].startswith((" ", "}")) or line.startswith("{"):
            start = i
        elif line.startswith("}") and start is not None:
            if line.rstrip() == "}":
                head = next((l for l in reversed(lines[max(0, start - 4):start]) if "(" in l), "")
                m = re.search(r"(\w+)\s*\(", head)
                yield (m.group(1) if m else "?"), start + 1, i - start + 1
            start = None


def editors():
    """-> what the settings for editors say of LINE_MAX otherwise."""
    for path, key in ((".clang-format", r"ColumnLimit: *(\d+)"), (".editorconfig", r"max_line_length *= *(\d+)")):
        said = re.findall(key, open(path, encoding="utf-8").read())
        if said != [str(LINE_MAX)]:
            yield f"{path}: lines of {said} columns, {LINE_MAX} here"


def main():
    bad = list(editors())
    paths = [p for pat in ("daemon/*.c", "daemon/*/*.[ch]", "rpc/*.[ch]", "client/*.[ch]") for p in sorted(glob.glob(pat))]
    for path in paths:
        lines = open(path, encoding="utf-8").read().split("\n")
        if path.endswith("_table.h"):
            continue
        if len(lines) - 1 > FILE_MAX:
            bad.append(f"{path}: {len(lines) - 1} lines, at most {FILE_MAX}")
        for n, line in enumerate(lines, 1):
            if len(line.expandtabs(8)) > LINE_MAX:
                bad.append(f"{path}:{n}: longer than {LINE_MAX} columns")
        for name, first, length in functions(lines):
            if length > FUNC_MAX:
                bad.append(f"{path}:{first}: {name} has {length} lines, at most {FUNC_MAX}")
    print("\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
