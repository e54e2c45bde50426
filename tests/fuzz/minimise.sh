#!/bin/sh
# New inputs of tests/fuzz/run.sh that reach code which the kept ones do not, into corpus/NAME, each as short as it was found
# and at most 4 KiB. Names as arguments: only those.
cd "$(dirname "$0")/../.." || exit 2
B=${FUZZ_BUILD:-build-fuzz}
[ $# -gt 0 ] || set -- $(ls tests/fuzz/fuzz_*.c | sed 's|.*/fuzz_||; s|\.c$||')
for t in "$@"; do
	[ -x "$B/fuzz/$t" ] && [ -d "$B/corpus/$t" ] || { echo "minimise $t: first tests/fuzz/run.sh $t"; exit 1; }
	before=$(ls tests/fuzz/corpus/"$t" | wc -l)
	"$B/fuzz/$t" -merge=1 -use_counters=0 -max_len=4096 tests/fuzz/corpus/"$t" "$B/corpus/$t" >"$B/fuzz/$t.merge.log" 2>&1 ||
		{ echo "minimise $t: see $B/fuzz/$t.merge.log"; exit 1; }
	echo "minimise $t: $before inputs, now $(ls tests/fuzz/corpus/"$t" | wc -l), $(du -sk --apparent-size tests/fuzz/corpus/"$t" | cut -f1) KiB"
done
