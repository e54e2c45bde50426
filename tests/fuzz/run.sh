#!/bin/sh
# Builds every fuzz target with clang, libFuzzer, ASan and UBSan into build-fuzz/, and runs each for FUZZ_SECONDS (60) from
# its kept inputs. New inputs go to build-fuzz/corpus/, findings to build-fuzz/findings/. Names as arguments: only those.
# Ends with "N passed, N failed"; not zero when there was a finding.
cd "$(dirname "$0")/../.." || exit 2
B=${FUZZ_BUILD:-build-fuzz}
CC=$(command -v clang || command -v clang-14) || { echo "fuzz: no clang; install it"; exit 1; }
SAN='-fsanitize=address,undefined -fno-sanitize-recover=undefined'
${MAKE:-make} --no-print-directory -j"$(nproc)" BUILD=$B CC="$CC" WARN= OPT='-O1 -g -fno-omit-frame-pointer' HARDEN=-fPIE \
	SAN="$SAN -fsanitize=fuzzer-no-link" $B/libhauld.a $B/fuzz.flags || exit 1
[ $# -gt 0 ] || set -- $(ls tests/fuzz/fuzz_*.c | sed 's|.*/fuzz_||; s|\.c$||')
p=0
f=0
mkdir -p $B/fuzz $B/findings $B/dict
tests/fuzz/seeds.py --dict $B/dict || exit 1
for t in "$@"; do
	"$CC" @$B/fuzz.flags $SAN -fsanitize=fuzzer -o $B/fuzz/"$t" tests/fuzz/fuzz_"$t".c $B/libhauld.a $(cat $B/fuzz.libs) || exit 1
	mkdir -p $B/corpus/"$t"
	dict=
	[ ! -f "$B/dict/$t.dict" ] || dict=-dict=$B/dict/$t.dict
	if ASAN_OPTIONS=detect_stack_use_after_return=0:quarantine_size_mb=16 $B/fuzz/"$t" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=20 -rss_limit_mb=2048 \
		-max_len=20000 -print_final_stats=1 $dict -artifact_prefix=$B/findings/"$t"- $B/corpus/"$t" tests/fuzz/corpus/"$t" >$B/fuzz/"$t".log 2>&1; then
		p=$((p + 1))
		echo "fuzz $t: $(sed -n 's/^stat::number_of_executed_units: *//p' $B/fuzz/"$t".log) runs," \
			"$(grep -o 'cov: [0-9]*' $B/fuzz/"$t".log | tail -1)"
	else
		f=$((f + 1))
		echo "fuzz $t: a finding, in $B/findings/"
		grep -E 'does not hold|ERROR|runtime error|SUMMARY|Test unit written' $B/fuzz/"$t".log | head -8
	fi
done
echo "$p passed, $f failed"
[ $f = 0 ]
