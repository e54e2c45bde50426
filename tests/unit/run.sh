#!/bin/sh
# Runs unit test programs (cmocka), each with a TMPDIR of its own; prints failing output and one summary line.
p=0
f=0
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
for t in "$@"; do
	d=$work/$(basename "$t")
	mkdir -p "$d"
	began=$(date +%s)
	if TMPDIR=$d timeout 300 "$t" >"$work/log" 2>&1; then rc=0; else rc=$?; fi
	src=tests/unit/${t##*tests/unit/}.c
	[ ! -f "$src" ] || tests/matrix/note.sh "$src" "$([ $rc = 0 ] && echo passed || echo failed)" $(($(date +%s) - began))
	n=$(grep -c '^\[       OK' "$work/log")
	m=$(grep -c '^\[  FAILED  \] [a-z]' "$work/log")
	if [ $rc != 0 ]; then
		echo "---- $t (exit $rc)"
		tail -60 "$work/log"
		[ "$m" -gt 0 ] || m=1
	fi
	[ "$n" -gt 0 ] || [ "$m" -gt 0 ] || { echo "$t: no test ran"; m=1; }
	p=$((p + n))
	f=$((f + m))
	rm -rf "$d"
done
echo "$p passed, $f failed"
[ $f = 0 ]
