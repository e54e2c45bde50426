#!/bin/sh
# What the kept inputs reach: for each source file under test the lines reached, then its functions that no input enters. Built
# by clang into build-fuzz-cov/. Names as arguments: only these targets.
cd "$(dirname "$0")/../.." || exit 2
B=${COVERAGE_BUILD:-build-fuzz-cov}
CC=$(command -v clang || command -v clang-14) || { echo "coverage: no clang; install it"; exit 1; }
tool() { command -v "$1" || ls /usr/lib/llvm*/bin/"$1" 2>/dev/null | tail -1; }
under_test() { # TARGET: the files that it is for
	case $1 in
	http1) echo daemon/proto/http1.c daemon/proto/http_parse.c daemon/proto/http_head.c daemon/proto/http_body.c daemon/proto/http_coding.c \
		daemon/proto/http_digest.c daemon/proto/http_auth.c daemon/proto/tunnel.c ;;
	lane) echo daemon/core/lane.c daemon/core/lane_head.c daemon/core/segment.c ;;
	field) echo daemon/base/http_date.c daemon/proto/http_head.c ;;
	name) echo daemon/proto/http_name.c daemon/base/name.c ;;
	uri) echo daemon/base/uri.c daemon/base/uri_place.c ;;
	rpc) echo rpc/conn.c rpc/http.c rpc/serve.c rpc/jsonrpc.c rpc/lenient.c rpc/dispatch.c rpc/param.c rpc/reply.c rpc/xmlrpc.c \
		rpc/xmlrpc_encode.c rpc/gzip.c rpc/auth.c rpc/optmap.c rpc/m_add.c rpc/m_ctl.c rpc/m_opt.c rpc/m_sys.c rpc/m_tell.c ;;
	ws) echo rpc/ws.c ;;
	text) echo daemon/base/conf_file.c daemon/base/conf_args.c daemon/base/input.c daemon/base/puri.c daemon/base/opt_value.c \
		daemon/proto/netrc.c daemon/proto/cookie.c daemon/proto/cookie_parse.c daemon/proto/cookie_file.c rpc/lenient.c ;;
	sqlite) echo daemon/store/sqlite_db.c daemon/store/sqlite_rescue.c daemon/store/store_sqlite.c ;;
	job) echo daemon/core/job.c daemon/base/ranges.c ;;
	aria2) echo daemon/disk/aria2_control.c ;;
	journal) echo daemon/disk/journal.c ;;
	esac
}
flags='-fprofile-instr-generate -fcoverage-mapping'
[ $# -gt 0 ] || set -- $(ls tests/fuzz/fuzz_*.c | sed 's|.*/fuzz_||; s|\.c$||')
for t in "$@"; do
	${MAKE:-make} --no-print-directory -j"$(nproc)" BUILD="$B" CC="$CC" WARN= OPT='-O0 -g' SAN="$flags" "$B/tests/fuzz/$t" >/dev/null || exit 1
	LLVM_PROFILE_FILE=$B/$t.profraw "$B/tests/fuzz/$t" tests/fuzz/corpus/"$t"/* >/dev/null 2>&1 || { echo "coverage $t: an input fails"; exit 1; }
	"$(tool llvm-profdata)" merge -o "$B/$t.profdata" "$B/$t.profraw" || exit 1
	echo "== $t"
	"$(tool llvm-cov)" report --show-functions -instr-profile "$B/$t.profdata" "$B/tests/fuzz/$t" $(under_test "$t") |
		awk '/^File/ { gsub(/[\x27:]/, "", $2); sub(/.*\/(daemon|rpc)\//, "", $2); file = $2 }
			NF == 10 && $4 != "Cover" && $1 != "TOTAL" && $7 == "0.00%" { sub(/.*:/, "", $1); none = none " " $1 }
			$1 == "TOTAL" { printf "%-28s lines %s\n", file, $7; if (none) print "    not entered:" none; none = "" }'
done
