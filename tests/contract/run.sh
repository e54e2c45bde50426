#!/bin/sh
# Replays the recorded aria2 exchanges against hauld. Usage: run.sh BUILD [more replay.py options]
# Cases that hauld answers otherwise on purpose are in deviations.md (a table; the first column is the case).
here=$(cd "$(dirname "$0")" && pwd)
b=$(cd "${1:-build}" && pwd)
[ $# -gt 0 ] && shift
skip=$(mktemp) || exit 2
trap 'rm -f "$skip"' EXIT
sed -n 's/^| `\([a-z0-9-]*\)` |.*/\1/p' "$here/deviations.md" >"$skip"
/usr/bin/python3 "$here/transcripts/replay.py" --launch "$b/hauld --state-dir={work}/state {args}" --port 26840 \
	--skip-area bt,metalink --skip "@$skip" "$@"
