#!/bin/sh
# All lints; each prints its findings and adds to the count. Ends with "N passed, N failed". BUILD: a build of this tree, whose
# objects are looked at, too.
cd "$(dirname "$0")/../.." || exit 2
p=0
f=0
check() { # NAME COMMAND...
	name=$1
	shift
	if out=$("$@" 2>&1); then
		p=$((p + 1))
	else
		f=$((f + 1))
		echo "lint: $name"
		echo "$out" | head -40
	fi
}
check "layers" /usr/bin/python3 tests/lint/layers.py
check "sizes" /usr/bin/python3 tests/lint/sizes.py
check "banned words and calls" /usr/bin/python3 tests/lint/banned.py
[ -z "$BUILD" ] || check "symbols" /usr/bin/python3 tests/lint/symbols.py "$BUILD"
check "cases of the matrix" /usr/bin/python3 tests/matrix/table.py --check
# cppcheck must see the list macros to understand the loops over them.
queue=$(echo '#include <sys/queue.h>' | ${CC:-cc} -M -E - | grep -o '[^ ]*/sys/queue\.h')
check "cppcheck" cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr --suppressions-list=tests/lint/cppcheck.txt \
	--enable=warning,portability -j2 --include="$queue" -I. -Idaemon daemon rpc client
echo "$p passed, $f failed"
[ $f = 0 ]
