#!/bin/sh
# `make run`: hauld in the foreground with its state under ./run/; with URL set, also downloads that and follows it to the end.
# Used by the Makefile; BUILD and URL come from there. The exit code is the download's.
set -e
B=${BUILD:-build}
D=$PWD/run/downloads
export HAUL_URL=http://127.0.0.1:6800/jsonrpc
unset HAUL_SECRET_FILE
mkdir -p run/downloads
set -- --no-conf --state-dir="$PWD/run/state" --dir="$D"
if [ -z "$URL" ]; then
	echo "files go to run/downloads; try in another shell:  $B/haul add URL   or   $B/haul watch"
	exec "$B/hauld" "$@"
fi
# Somebody else's daemon may answer there: ours is the one with our folder.
ours() {
	"$B/haul" stat 2>/dev/null | grep -qxF "Folder       $D"
}
if ! ours; then
	# A session of its own: Ctrl-C stops haul, which then tells hauld.
	setsid "$B/hauld" "$@" --console-log-level=warn --stop-with-process=$$ </dev/null &
	pid=$!
	trap 'kill $pid 2>/dev/null; wait $pid 2>/dev/null || true' EXIT
	trap : INT TERM
	until ours; do
		kill -0 $pid 2>/dev/null || { trap - EXIT; wait $pid; exit $?; }
		sleep 0.1
	done
fi
rc=0
"$B/haul" get --dir="$D" "$URL" || rc=$?
exit $rc
