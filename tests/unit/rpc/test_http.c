/* SPDX-License-Identifier: MIT
 * Tests of the HTTP side: statuses, fields, limits, order, durability, slow peers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <zlib.h>

#include "unit/rpc/fake_stream.c"

#define HOST "Host: 127.0.0.1:6800\r\n"

static char *post(const char *fields, const char *body)
{
	return xasprintf(
		"POST /jsonrpc HTTP/1.1\r\n" HOST "%sContent-Length: %zu\r\n\r\n%s", fields, strlen(body), body);
}

static void send_post(struct stream *s, const char *fields, const char *body)
{
	char *text = post(fields, body);

	feed(s, text);
	free(text);
}

static void call(struct stream *s, const char *id, const char *method, const char *params)
{
	char *body = xasprintf("{\"id\":\"%s\",\"method\":\"%s\",\"params\":%s}", id, method, params);

	send_post(s, "", body);
	free(body);
}

static void set(struct fixture *x, enum opt id, const char *val)
{
	assert_int_equal(opts_set(x->opts, id, val, NULL), 0);
}

static void plain_answer(void **state)
{
	struct fixture *x = *state;
	const char *date, *expires;

	call(&x->s, "1", "aria2.tellActive", "[]");
	assert_true(sent(&x->s, "HTTP/1.1 200 OK\r\nDate: "));
	assert_true(sent(&x->s, "\r\nContent-Length: 38\r\nExpires: "));
	assert_true(sent(&x->s, "\r\nCache-Control: no-cache\r\nContent-Type: application/json-rpc\r\n"));
	assert_true(sent(&x->s, "\r\n\r\n{\"id\":\"1\",\"jsonrpc\":\"2.0\",\"result\":[]}"));
	assert_false(sent(&x->s, "Connection:"));
	assert_false(sent(&x->s, "Access-Control"));
	date = strstr(x->s.sent.data, "Date: ") + 6;
	expires = strstr(x->s.sent.data, "Expires: ") + 9;
	assert_memory_equal(date, expires, 29);
	assert_false(x->s.closed);
}

static void any_cuts(void **state)
{
	struct fixture *x = *state;

	x->s.step = 1;
	call(&x->s, "1", "aria2.tellActive", "[]");
	feed(&x->s, "\r\nPOST /jsonrpc HTTP/1.1\r\nhost:localhost\r\ncontent-LENGTH: 2\r\n\r\n[]");
	assert_int_equal(count(&x->s, "HTTP/1.1 200 OK"), 2);
}

static void errors_close(void **state)
{
	struct fixture *x = *state;

	call(&x->s, "1", "aria2.no", "[]");
	assert_true(sent(&x->s, "HTTP/1.1 400 Bad Request"));
	assert_true(sent(&x->s, "\r\nConnection: close\r\n"));
	assert_true(x->s.soon);
}

static void batch_errors_do_not_close(void **state)
{
	struct fixture *x = *state;

	send_post(&x->s, "", "[{\"id\":1,\"method\":\"x\"}]");
	send_post(&x->s, "Connection: close\r\n", "[]");
	assert_int_equal(count(&x->s, "HTTP/1.1 200"), 2);
	assert_int_equal(count(&x->s, "Connection: close"), 1);
	assert_true(x->s.soon);
}

static void other_paths_and_methods(void **state)
{
	struct fixture *x = *state;

	feed(&x->s, "GET / HTTP/1.1\r\n" HOST "\r\n"
		    "PUT /jsonrpc HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"
		    "HEAD /jsonrpc HTTP/1.1\r\n" HOST "\r\n"
		    "POST /JSONRPC HTTP/1.1\r\n" HOST "\r\n"
		    "DELETE /jsonrpc/ HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n");
	assert_int_equal(count(&x->s, "HTTP/1.1 404 Not Found"), 5);
	assert_int_equal(count(&x->s, "Content-Length: 0\r\n"), 5);
	assert_false(x->s.closed);
	feed(&x->s, "POST /jsonrpc?tm=1 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n[]");
	assert_true(sent(&x->s, "HTTP/1.1 200 OK"));
}

static void http_1_0(void **state)
{
	struct fixture *x = *state;

	feed(&x->s, "POST /jsonrpc HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n[]");
	assert_true(sent(&x->s, "Connection: keep-alive"));
	assert_false(x->s.closed);
	feed(&x->s, "POST /jsonrpc HTTP/1.0\r\nContent-Length: 2\r\n\r\n[]");
	assert_int_equal(count(&x->s, "HTTP/1.1 200"), 2);
	assert_true(x->s.soon);
}

static void upgrade_to_something_else_is_passed_over(void **state)
{
	struct fixture *x = *state;

	send_post(&x->s, "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n", "[]");
	send_post(&x->s, "", "[]");
	assert_int_equal(count(&x->s, "HTTP/1.1 200"), 2);
}

/* Requests that came together are answered one by one; one that waits for the disk holds up those behind it. */
static void pipelining_keeps_order(void **state)
{
	struct fixture *x = *state;
	char *all = NULL;

	x->e.hold = true;
	for (int i = 0; i < 3; i++) {
		char *body =
			xasprintf("{\"id\":\"%d\",\"method\":\"aria2.%s\"}", i, i == 1 ? "pauseAll" : "tellActive");
		char *one = post("", body), *more = xasprintf("%s%s", all != NULL ? all : "", one);

		free(all);
		free(body);
		free(one);
		all = more;
	}
	feed(&x->s, all);
	free(all);
	assert_int_equal(count(&x->s, "HTTP/1.1 200"), 1);
	assert_int_equal(x->e.waiters, 1);
	fake_commit(&x->e, 0, NULL);
	assert_int_equal(count(&x->s, "HTTP/1.1 200"), 3);
	assert_true(strstr(x->s.sent.data, "\"id\":\"1\"") < strstr(x->s.sent.data, "\"id\":\"2\""));
}

static void commit_failure_is_told(void **state)
{
	struct fixture *x = *state;

	x->e.hold = true;
	call(&x->s, "1", "aria2.addUri", "[[\"http://h/\"]]");
	assert_null(x->s.sent.data);
	fake_commit(&x->e, ERR_COMMIT, "disk full");
	assert_true(sent(&x->s, "HTTP/1.1 400"));
	assert_true(sent(&x->s, "\"code\":1,\"message\":\"The change could not be made durable: disk full\""));
}

static void peer_leaves_before_the_commit(void **state)
{
	struct fixture *x = *state;

	x->e.hold = true;
	call(&x->s, "1", "aria2.pauseAll", "[]");
	x->s.ops->end(x->s.owner, ERR_RESET, NULL);
	assert_true(x->s.closed);
	fake_commit(&x->e, 0, NULL);
	assert_null(x->s.sent.data);
}

static void half_closed_peer_gets_its_answer(void **state)
{
	struct fixture *x = *state;

	x->e.hold = true;
	call(&x->s, "1", "aria2.pauseAll", "[]");
	x->s.ops->end(x->s.owner, 0, NULL);
	assert_false(x->s.closed);
	fake_commit(&x->e, 0, NULL);
	assert_true(sent(&x->s, "\"result\":\"OK\""));
	assert_true(x->s.soon);
}

static void close_lets_answers_out(void **state)
{
	struct fixture *x = *state;
	struct stream idle;

	stream_init(&idle);
	conn_accept(x->rpc, &idle);
	x->e.hold = true;
	call(&x->s, "1", "aria2.pauseAll", "[]");
	rpc_close(x->rpc);
	assert_true(idle.closed);
	assert_false(x->s.closed);
	fake_commit(&x->e, 0, NULL);
	assert_true(sent(&x->s, "\"result\":\"OK\""));
	assert_true(x->s.soon);
	stream_done(&idle);
}

static void session_file_is_waited_for(void **state)
{
	struct fixture *x = *state;

	call(&x->s, "1", "aria2.saveSession", "[]");
	assert_true(sent(&x->s, "Filename is not given."));
	stream_done(&x->s);
	stream_init(&x->s);
	conn_accept(x->rpc, &x->s);
	assert_int_equal(opts_set(x->e.global, OPT_SAVE_SESSION, "f", NULL), 0);
	send_post(
		&x->s, "", "[{\"id\":1,\"method\":\"aria2.saveSession\"},{\"id\":2,\"method\":\"aria2.saveSession\"}]");
	assert_null(x->s.sent.data);
	x->e.save_cb(x->e.save_arg, 0, NULL);
	assert_int_equal(count(&x->s, "\"result\":\"OK\""), 2);
}

static void session_file_outlives_its_asker(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(opts_set(x->e.global, OPT_SAVE_SESSION, "f", NULL), 0);
	call(&x->s, "1", "aria2.saveSession", "[]");
	x->s.ops->end(x->s.owner, ERR_RESET, NULL);
	x->e.save_cb(x->e.save_arg, ERR_IO, NULL);
	assert_null(x->s.sent.data);
}

static void limits(void **state)
{
	struct fixture *x = *state;
	char *long_field = malloc(20000);

	set(x, OPT_RPC_MAX_REQUEST_SIZE, "10");
	memset(long_field, 'a', 19999);
	long_field[19999] = '\0';
	feed(&x->s, "POST /jsonrpc HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n[        ]");
	assert_true(sent(&x->s, "HTTP/1.1 200"));
	feed(&x->s, "POST /jsonrpc HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\n");
	assert_int_equal(count(&x->s, "HTTP/1.1"), 1);
	assert_true(x->s.closed && !x->s.soon);
	stream_done(&x->s);
	stream_init(&x->s);
	conn_accept(x->rpc, &x->s);
	feed(&x->s, "POST /jsonrpc HTTP/1.1\r\n" HOST "X: ");
	feed(&x->s, long_field);
	assert_true(sent(&x->s, "HTTP/1.1 431"));
	assert_true(x->s.soon);
	free(long_field);
}

/* The field of a given length, so that the head has n bytes as they are counted: the request line's target, and names and
 * values of fields. */
static char *head_of(size_t n)
{
	static const char rest[] = "/jsonrpcHost127.0.0.1:6800Content-Length2X";
	size_t fill = n - (sizeof(rest) - 1);
	char *field = malloc(fill + 1), *head;

	memset(field, 'a', fill);
	field[fill] = '\0';
	head = xasprintf("POST /jsonrpc HTTP/1.1\r\n" HOST "Content-Length: 2\r\nX: %s\r\n\r\n[]", field);
	free(field);
	return head;
}

static void head_is_bounded(void **state)
{
	struct fixture *x = *state;
	char *most = head_of(HTTP_HEAD_MAX), *more = head_of(HTTP_HEAD_MAX + 1);

	feed(&x->s, most);
	feed(&x->s, most);
	assert_int_equal(count(&x->s, "HTTP/1.1 200"), 2); /* each request has its own */
	feed(&x->s, more);
	assert_int_equal(count(&x->s, "HTTP/1.1 431"), 1);
	assert_true(x->s.soon);
	free(most);
	free(more);
}

/* Many bodies at once, each within its own limit, may not fill the memory. */
static void all_bodies_are_bounded(void **state)
{
	struct fixture *x = *state;
	enum { PEERS = 3 };
	struct stream s[PEERS];
	size_t n = BODY_SUM_MAX / 2 + BODY_FREE;
	char *body = malloc(n);

	memset(body, ' ', n);
	set(x, OPT_RPC_MAX_REQUEST_SIZE, "1024M");
	for (int i = 0; i < PEERS; i++) {
		stream_init(&s[i]);
		conn_accept(x->rpc, &s[i]);
		feed(&s[i], "POST /jsonrpc HTTP/1.1\r\n" HOST "Content-Length: 999999999\r\n\r\n");
		feed_n(&s[i], body, n);
	}
	assert_false(s[0].closed || s[1].closed);
	assert_true(s[2].closed && !s[2].soon);
	send_post(&x->s, "", "[]"); /* small ones need no room */
	assert_true(sent(&x->s, "HTTP/1.1 200"));
	conn_close(s[0].owner); /* makes room */
	stream_done(&s[2]);
	stream_init(&s[2]);
	conn_accept(x->rpc, &s[2]);
	feed(&s[2], "POST /jsonrpc HTTP/1.1\r\n" HOST "Content-Length: 999999999\r\n\r\n");
	feed_n(&s[2], body, n);
	assert_false(s[2].closed);
	conn_close(s[1].owner);
	conn_close(s[2].owner);
	assert_int_equal(x->rpc->body_sum, 0);
	for (int i = 0; i < PEERS; i++)
		stream_done(&s[i]);
	free(body);
}

static void run_until_closed(struct fixture *x, const struct stream *s)
{
	while (!s->closed)
		uv_run(&x->loop.uv, UV_RUN_ONCE);
}

/* A connection of its own, with a server that waits 60 ms only. */
static void impatient(struct fixture *x, struct stream *s)
{
	x->rpc->patience = 60;
	stream_init(s);
	conn_accept(x->rpc, s);
}

static void a_request_has_its_time(void **state)
{
	struct fixture *x = *state;
	struct stream s;
	uint64_t start;

	/* nothing comes */
	impatient(x, &s);
	run_until_closed(x, &s);
	stream_done(&s);
	/* it drips: the time counts from the first byte of the request, not from the last */
	impatient(x, &s);
	start = loop_now(&x->loop);
	feed(&s, "POST /jsonrpc HTTP/1.1\r\n" HOST "X: ");
	for (uint64_t now = start; !s.closed; uv_run(&x->loop.uv, UV_RUN_NOWAIT)) {
		if (loop_now(&x->loop) == now)
			continue;
		now = loop_now(&x->loop);
		feed(&s, "a");
	}
	assert_in_range(loop_now(&x->loop) - start, 59, 1000);
	assert_null(s.sent.data);
	stream_done(&s);
	/* a body that does not end */
	impatient(x, &s);
	feed(&s, "POST /jsonrpc HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n[");
	run_until_closed(x, &s);
	assert_null(s.sent.data);
	stream_done(&s);
	/* the wait for the next request */
	impatient(x, &s);
	feed(&s, "POST /jsonrpc HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n[]");
	assert_int_equal(count(&s, "HTTP/1.1 200"), 1);
	run_until_closed(x, &s);
	stream_done(&s);
}

/* While the answer waits for the disk nobody is late; a WebSocket may be silent as long as it likes. */
static void waiting_for_us_is_no_fault(void **state)
{
	struct fixture *x = *state;
	struct stream slow, ws;
	uint64_t start;

	impatient(x, &slow);
	impatient(x, &ws);
	x->e.hold = true;
	call(&slow, "1", "aria2.pauseAll", "[]");
	feed(&ws, "GET /jsonrpc HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
	assert_true(sent(&ws, "101 Switching"));
	start = loop_now(&x->loop);
	while (loop_now(&x->loop) - start < 150)
		uv_run(&x->loop.uv, UV_RUN_NOWAIT);
	assert_false(slow.closed || ws.closed);
	fake_commit(&x->e, 0, NULL);
	assert_true(sent(&slow, "\"OK\""));
	conn_close(ws.owner);
	run_until_closed(x, &slow);
	stream_done(&slow);
	stream_done(&ws);
}

/* Who takes some of the answer within the time gets the time anew. */
static void a_reader_has_its_time(void **state)
{
	struct fixture *x = *state;
	struct stream s;
	uint64_t start;

	impatient(x, &s);
	s.stuck = true;
	for (int i = 0; i < 60; i++)
		call(&s, "1", "aria2.getGlobalOption", "[]");
	start = loop_now(&x->loop);
	for (int i = 0; i < 3; i++) {
		uint64_t from = loop_now(&x->loop);

		while (loop_now(&x->loop) - from < 40)
			uv_run(&x->loop.uv, UV_RUN_NOWAIT);
		assert_false(s.closed);
		unstick(&s);
		s.stuck = true;
		for (int k = 0; k < 60; k++)
			call(&s, "1", "aria2.getGlobalOption", "[]");
	}
	assert_true(loop_now(&x->loop) - start > 60);
	run_until_closed(x, &s);
	stream_done(&s);
}

static void expect_refusal(struct fixture *x, const char *request, const char *status)
{
	stream_done(&x->s);
	stream_init(&x->s);
	conn_accept(x->rpc, &x->s);
	feed(&x->s, request);
	if (*status == '\0')
		assert_null(x->s.sent.data);
	else if (!sent(&x->s, status) || count(&x->s, "HTTP/1.1 ") != 1)
		fail_msg("%s: want %s, got %s", request, status, x->s.sent.data != NULL ? x->s.sent.data : "nothing");
	assert_true(x->s.closed);
}

static void broken_requests(void **state)
{
	struct fixture *x = *state;

	expect_refusal(x, "POST /jsonrpc HTTP/1.1\r\n" HOST "Content-Length: zz\r\n\r\n", "");
	expect_refusal(x, "POST /jsonrpc HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", "");
	expect_refusal(x, "POST /jsonrpc HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551618\r\n\r\n", "");
	expect_refusal(x,
		"POST /jsonrpc HTTP/1.1\r\n" HOST
		"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
		"HTTP/1.1 400");
	expect_refusal(x, "POST /jsonrpc HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]", "HTTP/1.1 400");
	expect_refusal(x, "POST /jsonrpc HTTP/1.1\r\n" HOST HOST "Content-Length: 2\r\n\r\n[]", "HTTP/1.1 400");
	expect_refusal(
		x, "POST /jsonrpc HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 2\r\n\r\n[]", "HTTP/1.1 403");
	expect_refusal(x,
		"POST /jsonrpc HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\nContent-Length: 2\r\n\r\n[]",
		"HTTP/1.1 403");
	expect_refusal(x,
		"GET /jsonrpc?id=1&method=aria2.pauseAll HTTP/1.1\r\n" HOST "Sec-Fetch-Site: cross-site\r\n\r\n",
		"HTTP/1.1 403");
	expect_refusal(x, "\x16\x03\x01\x02\x00\x01", "HTTP/1.1 400");
	/* What is refused in the middle of a field has no such field. */
	expect_refusal(x, "POST /jsonrpc HTTP/1.1\r\nAccept-Encoding:\x1dgzip\r\n", "HTTP/1.1 400");
	expect_refusal(x, "POST /jsonrpc HTTP/1.1\r\n" HOST "Accept-Encoding: gz\x1d", "HTTP/1.1 400");
	expect_refusal(
		x, "POST /jsonrpc HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n{\"id\":1}", "HTTP/1.1 500");
	assert_int_equal(x->e.changes, 0);
}

/* Another connection of somebody with that uid; the text is sent on it. */
static void as_peer(struct fixture *x, int64_t uid, bool is_unix, const char *text)
{
	stream_done(&x->s);
	stream_init(&x->s);
	the_peer_uid = uid;
	x->s.is_unix = is_unix;
	conn_accept(x->rpc, &x->s);
	feed(&x->s, text);
}

#define VERSION(fields) \
	"POST /jsonrpc HTTP/1.1\r\n" HOST fields "Content-Length: 40\r\n\r\n{\"id\":1,\"method\":\"aria2.getSessionInfo\"}"
#define UPGRADE \
	"GET /jsonrpc HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: a\r\n" \
	"Sec-WebSocket-Version: 13\r\n\r\n"

static void strangers_need_a_secret(void **state)
{
	static const int64_t strange[] = {-1, 4242};
	struct fixture *x = *state;

	if (geteuid() == 4242)
		skip();
	for (size_t i = 0; i < 2; i++) {
		as_peer(x, strange[i], false, VERSION(""));
		assert_true(sent(&x->s, "HTTP/1.1 403"));
		assert_true(sent(&x->s, "\"code\":1,\"message\":\"Unauthorized: hauld has no rpc-secret"));
		assert_true(x->s.soon);
		as_peer(x, strange[i], false, UPGRADE);
		assert_true(sent(&x->s, "HTTP/1.1 403"));
		as_peer(x, strange[i], false, "POST /rpc HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
		assert_true(sent(&x->s, "HTTP/1.1 403"));
	}
	as_peer(x, geteuid(), false, VERSION(""));
	assert_true(sent(&x->s, "HTTP/1.1 200"));
	as_peer(x, 0, false, VERSION(""));
	assert_true(sent(&x->s, "HTTP/1.1 200"));
	as_peer(x, 4242, true, VERSION("")); /* a Unix socket has its mode */
	assert_true(sent(&x->s, "HTTP/1.1 200"));
	set(x, OPT_RPC_SECRET, "s");
	as_peer(x, 4242, false, UPGRADE);
	assert_true(sent(&x->s, "HTTP/1.1 101"));
}

static bool may_name_any_folder(struct fixture *x, int64_t uid, bool is_unix, const char *fields)
{
	const char *body = "{\"id\":1,\"method\":\"aria2.addUri\",\"params\":[\"token:s\",[\"http://h/\"],{\"dir\":\"/elsewhere\"}]}";
	char *text = xasprintf("POST /jsonrpc HTTP/1.1\r\n" HOST "%sContent-Length: %zu\r\n\r\n%s", fields, strlen(body), body);
	bool yes;

	as_peer(x, uid, is_unix, text);
	free(text);
	yes = sent(&x->s, "\"result\"");
	if (!yes)
		assert_true(sent(&x->s, "HTTP/1.1 400") && sent(&x->s, "problem while processing the option '--dir'"));
	return yes;
}

#define AS_USER "Haul-As-User: 1\r\n"
static void folders_are_free_for_the_user(void **state)
{
	struct fixture *x = *state;
	uint32_t own = geteuid();

	set(x, OPT_DIR, "/dl");
	assert_true(may_name_any_folder(x, own, false, ""));
	assert_true(may_name_any_folder(x, 0, false, ""));
	assert_false(may_name_any_folder(x, own, false, "Origin: http://127.0.0.1:6800\r\n"));
	assert_false(may_name_any_folder(x, own, false, "Sec-Fetch-Site: same-origin\r\n" AS_USER));
	assert_false(may_name_any_folder(x, 4242, true, ""));
	set(x, OPT_RPC_SECRET, "s");
	assert_false(may_name_any_folder(x, own, false, ""));
	assert_true(may_name_any_folder(x, own, false, AS_USER));
	assert_false(may_name_any_folder(x, 4242, false, AS_USER));
	assert_false(may_name_any_folder(x, -1, false, AS_USER));
	assert_true(may_name_any_folder(x, own, true, ""));
	set(x, OPT_ALLOWED_DIRS, "/elsewhere");
	assert_true(may_name_any_folder(x, -1, false, ""));
}

static void xml_rpc(void **state)
{
	struct fixture *x = *state;
	const char *body = "<methodCall><methodName>aria2.getSessionInfo</methodName></methodCall>";
	char *text = xasprintf("POST /rpc HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n%s", strlen(body), body);

	feed(&x->s, text);
	assert_true(sent(&x->s, "HTTP/1.1 200") && sent(&x->s, "Content-Type: text/xml\r\n"));
	assert_true(sent(&x->s, "<methodResponse><params><param><value><struct><member><name>sessionId</name>"));
	feed(&x->s, "POST /rpc HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}");
	assert_true(sent(&x->s, "HTTP/1.1 400 Bad Request\r\n"));
	feed(&x->s, "GET /rpc HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(count(&x->s, "HTTP/1.1 404"), 1);
	assert_false(x->s.closed);
	free(text);
}

static int open_with(struct fixture *x, enum opt id, const char *val, const char *secret)
{
	struct rpc_conf conf = {.inherited_fd = -1, .engine = &x->e, .opts = opts_new(NULL)};
	struct fail f = {0};
	struct rpc *r = NULL;
	int err;

	opts_set(conf.opts, id, val, NULL);
	if (secret != NULL)
		opts_set(conf.opts, OPT_RPC_SECRET, secret, NULL);
	err = rpc_new(&conf, &r, &f);
	if (err != 0)
		assert_non_null(strstr(f.text, "set rpc-secret"));
	rpc_free(r);
	opts_unref(conf.opts);
	return err;
}

static void other_machines_need_a_secret(void **state)
{
	static const char *const far[] = {"0.0.0.0", "192.168.1.2", "::", "fe80::1", "::ffff:127.0.0.1"};
	static const char *const near[] = {"127.0.0.1", "127.1.2.3", "::1"};
	struct fixture *x = *state;

	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		assert_int_equal(open_with(x, OPT_RPC_LISTEN_ADDRESS, far[i], NULL), ERR_USAGE);
		assert_int_equal(open_with(x, OPT_RPC_LISTEN_ADDRESS, far[i], "s"), 0);
	}
	for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++)
		assert_int_equal(open_with(x, OPT_RPC_LISTEN_ADDRESS, near[i], NULL), 0);
	assert_int_equal(open_with(x, OPT_RPC_LISTEN_ALL, "true", NULL), ERR_USAGE);
	assert_int_equal(open_with(x, OPT_RPC_LISTEN_ALL, "true", "s"), 0);
	assert_int_equal(open_with(x, OPT_RPC_LISTEN_ALL, "false", NULL), 0);
}

static void chunked_bodies(void **state)
{
	struct fixture *x = *state;

	feed(&x->s, "POST /jsonrpc HTTP/1.1\r\n" HOST
		    "Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\nX: y\r\n\r\n");
	assert_true(sent(&x->s, "\r\n\r\n[]"));
	set(x, OPT_RPC_MAX_REQUEST_SIZE, "3");
	feed(&x->s, "POST /jsonrpc HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n4\r\n[  ]\r\n0\r\n\r\n");
	assert_int_equal(count(&x->s, "HTTP/1.1"), 1);
	assert_true(x->s.closed);
}

static void expect_continue(void **state)
{
	struct fixture *x = *state;

	feed(&x->s, "POST /jsonrpc HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	assert_string_equal(x->s.sent.data, "HTTP/1.1 100 Continue\r\n\r\n");
	feed(&x->s, "[]");
	assert_true(sent(&x->s, "HTTP/1.1 200 OK"));
}

static void basic_authentication(void **state)
{
	struct fixture *x = *state;

	set(x, OPT_RPC_USER, "joe");
	set(x, OPT_RPC_PASSWD, "pw");
	feed(&x->s, "OPTIONS /x HTTP/1.1\r\n" HOST "\r\n");
	assert_true(sent(&x->s, "HTTP/1.1 200 OK"));
	send_post(&x->s, "Authorization: Basic am9lOnB3\r\n", "[]");
	assert_int_equal(count(&x->s, "HTTP/1.1 200 OK"), 2);
	send_post(&x->s, "Authorization: Basic am9lOng=\r\n", "[]");
	assert_true(sent(&x->s, "HTTP/1.1 401 Unauthorized"));
	assert_true(sent(&x->s, "WWW-Authenticate: Basic realm=\"aria2\"\r\n"));
	assert_true(x->s.soon);
}

static void preflights(void **state)
{
	struct fixture *x = *state;
	static const char ask[] =
		"OPTIONS /zzz HTTP/1.1\r\n" HOST "Origin: http://ui.example\r\n"
		"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type, x-a\r\n\r\n";

	feed(&x->s, ask);
	assert_true(sent(&x->s, "HTTP/1.1 200 OK"));
	assert_false(sent(&x->s, "Access-Control"));
	set(x, OPT_RPC_ALLOW_ORIGIN_ALL, "true");
	feed(&x->s, ask);
	assert_true(sent(&x->s, "Access-Control-Allow-Origin: *\r\n"));
	assert_true(sent(&x->s, "Access-Control-Allow-Methods: POST, GET, OPTIONS\r\n"));
	assert_true(sent(&x->s, "Access-Control-Allow-Headers: content-type, x-a\r\n"));
	assert_true(sent(&x->s, "Access-Control-Max-Age: 1728000\r\n"));
	assert_false(sent(&x->s, "Private-Network"));
	feed(&x->s, "OPTIONS /jsonrpc HTTP/1.1\r\n" HOST "Origin: http://ui.example\r\nAccess-Control-Request-Method: POST\r\n"
		"Access-Control-Request-Private-Network: true\r\n\r\n");
	assert_true(sent(&x->s, "Access-Control-Allow-Private-Network: true\r\n"));
	send_post(&x->s, "Origin: http://ui.example\r\n", "{}");
	assert_int_equal(count(&x->s, "Access-Control-Allow-Origin: *\r\n"), 3); /* errors, too */
}

static void packed_answers(void **state)
{
	struct fixture *x = *state;
	unsigned char out[100];
	z_stream z = {0};
	const char *body;

	send_post(&x->s, "Accept-Encoding: gzip;q=1.0\r\n", "[]");
	assert_false(sent(&x->s, "Content-Encoding"));
	send_post(&x->s, "Accept-Encoding: deflate, GZip\r\n", "[]");
	assert_true(sent(&x->s, "Content-Encoding: gzip\r\n"));
	body = strstr(strstr(x->s.sent.data, "Content-Encoding"), "\r\n\r\n") + 4;
	assert_int_equal(inflateInit2(&z, 31), Z_OK);
	z.next_in = (unsigned char *)(uintptr_t)body;
	z.avail_in = (unsigned)(x->s.sent.data + x->s.sent.len - body);
	z.next_out = out;
	z.avail_out = sizeof(out);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, 2);
	assert_memory_equal(out, "[]", 2);
	inflateEnd(&z);
}

static void unauthorized_is_late_and_alone(void **state)
{
	struct fixture *x = *state;
	struct stream other;
	uint64_t start = loop_now(&x->loop);

	set(x, OPT_RPC_SECRET, "s");
	stream_init(&other);
	conn_accept(x->rpc, &other);
	call(&x->s, "1", "aria2.tellActive", "[\"token:x\"]");
	call(&other, "1", "aria2.tellActive", "[\"token:s\"]");
	assert_true(sent(&other, "\"result\":[]"));
	assert_null(x->s.sent.data);
	conn_close(other.owner);
	while (x->s.sent.len == 0)
		uv_run(&x->loop.uv, UV_RUN_ONCE);
	assert_true(loop_now(&x->loop) - start >= ANSWER_DELAY_MS - 1);
	assert_true(sent(&x->s, "HTTP/1.1 400"));
	assert_true(sent(&x->s, "Unauthorized"));
	assert_true(x->s.soon);
	stream_done(&other);
}

/* A client that asks much and reads nothing: answers do not pile up, and all come once it reads. */
static void slow_reader(void **state)
{
	struct fixture *x = *state;
	enum { CALLS = 400 };

	x->s.stuck = true;
	for (int i = 0; i < CALLS; i++)
		call(&x->s, "1", "aria2.getGlobalOption", "[]");
	assert_true(x->s.sent.len < CONN_OUT_HIGH);
	assert_true(x->s.in.len > 0);
	unstick(&x->s);
	for (int i = 0; i < CALLS && x->s.in.len > 0; i++)
		unstick(&x->s);
	assert_int_equal(count(&x->s, "HTTP/1.1 200"), CALLS);
}

static void a_newcomer_takes_the_place_of_the_idlest(void **state)
{
	struct fixture *x = *state;
	struct stream *many = calloc(CONN_MAX, sizeof(*many));

	for (int i = 0; i < CONN_MAX; i++)
		stream_init(&many[i]);
	for (int i = 0; i < CONN_MAX - 1; i++)
		conn_accept(x->rpc, &many[i]);
	call(&x->s, "1", "aria2.tellActive", "[]"); /* was the first one, is the newest now */
	conn_accept(x->rpc, &many[CONN_MAX - 1]);
	assert_true(many[0].closed);
	assert_false(many[1].closed);
	assert_false(x->s.closed);
	assert_int_equal(x->rpc->n_conns, CONN_MAX);
	rpc_close(x->rpc);
	for (int i = 0; i < CONN_MAX; i++)
		stream_done(&many[i]);
	free(many);
}

static void shutdown_comes_after_its_answer(void **state)
{
	struct fixture *x = *state;

	call(&x->s, "1", "aria2.shutdown", "[]");
	call(&x->s, "2", "aria2.forceShutdown", "[]");
	assert_int_equal(count(&x->s, "\"result\":\"OK\""), 2);
	assert_int_equal(x->e.shutdowns, 0);
	while (x->e.shutdowns == 0)
		uv_run(&x->loop.uv, UV_RUN_ONCE);
	assert_int_equal(x->e.shutdowns, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(plain_answer),
		T(any_cuts),
		T(errors_close),
		T(batch_errors_do_not_close),
		T(other_paths_and_methods),
		T(http_1_0),
		T(upgrade_to_something_else_is_passed_over),
		T(pipelining_keeps_order),
		T(commit_failure_is_told),
		T(peer_leaves_before_the_commit),
		T(half_closed_peer_gets_its_answer),
		T(close_lets_answers_out),
		T(session_file_is_waited_for),
		T(session_file_outlives_its_asker),
		T(limits),
		T(head_is_bounded),
		T(all_bodies_are_bounded),
		T(a_request_has_its_time),
		T(waiting_for_us_is_no_fault),
		T(a_reader_has_its_time),
		T(broken_requests),
		T(strangers_need_a_secret),
		T(folders_are_free_for_the_user),
		T(xml_rpc),
		T(other_machines_need_a_secret),
		T(chunked_bodies),
		T(basic_authentication),
		T(expect_continue),
		T(preflights),
		T(packed_answers),
		T(unauthorized_is_late_and_alone),
		T(slow_reader),
		T(a_newcomer_takes_the_place_of_the_idlest),
		T(shutdown_comes_after_its_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
