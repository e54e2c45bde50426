#!/bin/sh
# Everything that `make test` runs, in the order of what to look at first when it fails: lint, unit tests, what work
# costs, the recorded RPC contract, end to end. Ends with one line "N passed, N failed".
B=${BUILD:-build}
cd "$(dirname "$0")/.." || exit 2
out=$(mktemp -d) || exit 2
trap 'rm -rf "$out"' EXIT
passed=0
failed=0
add() { # PASSED FAILED
	passed=$((passed + $1))
	failed=$((failed + $2))
}
step() { # NAME COMMAND...: counts the last "N passed[, N failed]" that it prints
	name=$1
	shift
	echo "== $name"
	"$@" 2>&1 | tee "$out/log"
	p=$(grep -oE '[0-9]+ passed' "$out/log" | tail -1 | cut -d' ' -f1)
	f=$(grep -oE '[0-9]+ (failed|error)' "$out/log" | tail -1 | cut -d' ' -f1)
	[ -n "$p$f" ] || { echo "$name: did not run"; f=1; }
	add "${p:-0}" "${f:-0}"
}
step "lint" env BUILD="$B" tests/lint/lint.sh
step "unit tests" ${MAKE:-make} --no-print-directory BUILD="$B" -j2 unit
step "fuzz corpus" env MAKE="${MAKE:-make}" tests/fuzz/replay.sh "$B"
[ -n "$ASAN_OPTIONS" ] || step "costs" /usr/bin/python3 tests/bench/check.py --build "$B"
step "RPC contract" tests/contract/run.sh "$B"
step "end to end" env HAUL_BUILD="$PWD/$B" /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/e2e
echo
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
