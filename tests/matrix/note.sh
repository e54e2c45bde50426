#!/bin/sh
# The result of a program that decides cases of matrix.md, as a line for table.py: note.sh SOURCE passed|failed SECONDS. The IDs
# are those in the comment at the head of its source ("F01: ..."). Nothing without HAUL_MATRIX=FILE.
[ -n "$HAUL_MATRIX" ] || exit 0
ids=$(sed '/\*\//q' "$1" | grep -oE '\b[A-Z][0-9]{2}:' | sed 's/\(.*\):/"\1"/' | sort -u | paste -sd,)
[ -z "$ids" ] || echo "{\"ids\": [$ids], \"test\": \"$1\", \"outcome\": \"$2\", \"seconds\": $3}" >>"$HAUL_MATRIX"
