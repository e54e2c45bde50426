#!/bin/sh
# Every kept input once through its fuzz target, built by the compiler of the product: replay.sh BUILD. A target has passed
# when all of its inputs went through. Ends with "N passed, N failed".
cd "$(dirname "$0")/../.." || exit 2
B=${1:-build}
p=0
f=0
for src in tests/fuzz/fuzz_*.c; do
	t=${src##*/fuzz_}
	t=${t%.c}
	${MAKE:-make} --no-print-directory BUILD="$B" "$B/tests/fuzz/$t" >/dev/null || { f=$((f + 1)); continue; }
	n=$(ls tests/fuzz/corpus/"$t" | wc -l)
	began=$(date +%s)
	if [ "$n" -gt 0 ] && out=$("$B/tests/fuzz/$t" tests/fuzz/corpus/"$t"/* 2>&1); then
		p=$((p + 1))
		tests/matrix/note.sh "$src" passed $(($(date +%s) - began))
	else
		f=$((f + 1))
		tests/matrix/note.sh "$src" failed $(($(date +%s) - began))
		echo "replay $t ($n inputs):"
		echo "$out" | tail -20
		for i in tests/fuzz/corpus/"$t"/*; do
			"$B/tests/fuzz/$t" "$i" >/dev/null 2>&1 || echo "  $i"
		done
	fi
done
echo "$p passed, $f failed"
[ $f = 0 ]
