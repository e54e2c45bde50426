#!/bin/sh
# `make valgrind`: the unit tests and some downloads under valgrind's memcheck: no invalid access, nothing undefined used, nothing
# lost. Arguments: unit test programs; BUILD says which hauld. Ends with one line "N passed, N failed".
B=$(realpath "${BUILD:-build}")
cd "$(dirname "$0")/.." || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
vg="valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=none --fair-sched=yes
	--suppressions=$PWD/tests/valgrind.supp --num-callers=25"
passed=0
failed=0
for t in "$@"; do
	d=$work/$(basename "$t")
	mkdir -p "$d"
	TMPDIR=$d HAUL_VALGRIND=1 timeout 1800 $vg "$t" >"$work/log" 2>&1
	rc=$?
	# A test that failed leaves its memory behind; what memcheck slows down so much that its own clock runs out is no error here.
	if [ $rc = 99 ] || [ $rc -ge 128 ] || { [ $rc = 0 ] && grep -q 'definitely lost' "$work/log"; }; then
		failed=$((failed + 1))
		echo "---- $t"
		grep -E '^==' "$work/log" | head -60
	else
		passed=$((passed + 1))
		[ $rc = 0 ] || echo "$t: too slow here (exit $rc), no error of memory"
	fi
	rm -rf "$d"
done
# The daemon itself: a program of its name that starts it under valgrind, for the tests that run it.
mkdir -p "$work/bin"
ln -s "$B/haul" "$work/bin/haul"
printf '#!/bin/sh\nexec %s --log-file=%s/vg.%%p %s/hauld "$@"\n' "$(echo $vg)" "$work" "$B" >"$work/bin/hauld"
chmod +x "$work/bin/hauld"
if HAUL_BUILD=$work/bin /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/e2e/test_valgrind.py >"$work/log" 2>&1 &&
	! cat "$work"/vg.* | grep -q '^=='; then # leaks stand there too
	passed=$((passed + 1))
else
	failed=$((failed + 1))
	echo "---- downloads"
	tail -40 "$work/log"
	cat "$work"/vg.* | tail -80
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
