#!/bin/sh
# `make bench`: hauld beside other downloaders on this machine, over loopback; a table here and in docs/benchmarks.md. BUILD
# says which hauld; BENCH=full takes more rounds and cases (the quick form takes under 5 minutes). See bench.py.
cd "$(dirname "$0")/../.." || exit 2
exec /usr/bin/python3 tests/bench/bench.py --build "${BUILD:-build}" --out docs/benchmarks.md ${BENCH:+--$BENCH} "$@"
