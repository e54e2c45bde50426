#!/bin/sh
# `make run`: hauld in the foreground with its state under ./run/; with URL set, also downloads that and follows it to the end.
# Used by the Makefile; BUILD and URL come from there.
set -e
B=${BUILD:-build}
mkdir -p run/downloads
set -- --no-conf --state-dir="$PWD/run/state" --dir="$PWD/run/downloads"
if [ -z "$URL" ]; then
	echo "files go to run/downloads; try in another shell:  $B/haul add URL   or   $B/haul watch"
	exec "$B/hauld" "$@"
fi
"$B/hauld" "$@" --console-log-level=warn &
pid=$!
trap 'kill $pid 2>/dev/null; wait $pid 2>/dev/null || true' EXIT INT TERM
until "$B/haul" stat >/dev/null 2>&1; do
	kill -0 $pid 2>/dev/null || { wait $pid; exit $?; }
	sleep 0.1
done
rc=0
"$B/haul" get --dir="$PWD/run/downloads" "$URL" || rc=$?
exit $rc
