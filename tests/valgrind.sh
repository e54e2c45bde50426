#!/bin/sh
# `make valgrind`: the unit tests and some downloads under valgrind's memcheck: no invalid access, nothing undefined used, nothing
# lost. Arguments: unit test programs; BUILD says which hauld. Ends with one line "N passed, N failed".
B=$(realpath "${BUILD:-build}")
cd "$(dirname "$0")/.." || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
vg="valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --fair-sched=yes
	--suppressions=$PWD/tests/valgrind.supp --num-callers=25"
passed=0
failed=0
for t in "$@"; do
	d=$work/$(basename "$t")
	mkdir -p "$d"
	# A child that is made to die loses what it held; what counts is the test's own process.
	if TMPDIR=$d HAUL_VALGRIND=1 timeout 900 $vg "$t" >"$work/log" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "---- $t"
		grep -E '^==|FAILED|\.c:' "$work/log" | tail -60
	fi
	rm -rf "$d"
done
# The daemon itself: a program of its name that starts it under valgrind, for the tests that run it.
mkdir -p "$work/bin"
ln -s "$B/haul" "$work/bin/haul"
printf '#!/bin/sh\nexec %s --log-file=%s/vg.%%p %s/hauld "$@"\n' "$(echo $vg)" "$work" "$B" >"$work/bin/hauld"
chmod +x "$work/bin/hauld"
if HAUL_BUILD=$work/bin /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/e2e/test_valgrind.py >"$work/log" 2>&1 &&
	! cat "$work"/vg.* | grep -q '^=='; then
	passed=$((passed + 1))
else
	failed=$((failed + 1))
	echo "---- downloads"
	tail -40 "$work/log"
	cat "$work"/vg.* | tail -80
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
