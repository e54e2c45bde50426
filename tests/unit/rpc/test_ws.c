/* SPDX-License-Identifier: MIT
 * Tests of WebSockets: handshake, messages, limits, order, notifications.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "unit/rpc/fake_stream.c"

#define HOST "Host: 127.0.0.1:6800\r\n"
#define KEY  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UP   "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define V13  "Sec-WebSocket-Version: 13\r\n"

#define TEXT   1
#define BINARY 2
#define CLOSE  8
#define PING   9
#define PONG   10
#define FIN    0x80

/* A client's frame, masked with zeros, so that the payload stays as it is. */
static void frame(struct stream *s, int first, const char *text, size_t n)
{
	unsigned char head[14];
	size_t len = 2;

	head[0] = (unsigned char)first;
	if (n < 126) {
		head[1] = (unsigned char)(0x80 | n);
	} else {
		assert_true(n < 65536);
		head[1] = 0x80 | 126;
		head[2] = (unsigned char)(n >> 8);
		head[3] = (unsigned char)n;
		len = 4;
	}
	memset(head + len, 0, 4);
	buf_add(&s->in, head, len + 4);
	buf_add(&s->in, text, n);
	deliver(s);
}

static void text(struct stream *s, const char *t)
{
	frame(s, FIN | TEXT, t, strlen(t));
}

/* Takes the first frame off what was sent, as "OPCODE payload"; "" when there is none. Valid until the next call. */
static const char *next(struct stream *s)
{
	static char got[70000];
	unsigned char *p = (unsigned char *)s->sent.data;
	size_t n, head = 2;

	if (s->sent.len < 2)
		return "";
	n = p[1];
	assert_true((p[0] & FIN) != 0 && (p[1] & 0x80) == 0); /* whole, unmasked */
	if (n == 126) {
		n = (size_t)p[2] << 8 | p[3];
		head = 4;
	}
	assert_true(n < 126 || head == 4);
	assert_true(s->sent.len >= head + n);
	snprintf(got, sizeof(got), "%d %.*s", p[0] & 15, (int)n, (char *)p + head);
	buf_drop(&s->sent, head + n);
	return got;
}

static void open_ws(struct fixture *x)
{
	feed(&x->s, "GET /jsonrpc HTTP/1.1\r\n" HOST UP KEY V13 "Sec-WebSocket-Protocol: x\r\n"
		    "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
	assert_string_equal(x->s.sent.data,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
	buf_reset(&x->s.sent);
}

static void set(struct fixture *x, enum opt id, const char *val)
{
	assert_int_equal(opts_set(x->opts, id, val, NULL), 0);
}

#define ACTIVE(id)    "{\"id\":\"" id "\",\"method\":\"aria2.tellActive\"}"
#define ACTIVE_OK(id) "1 {\"id\":\"" id "\",\"jsonrpc\":\"2.0\",\"result\":[]}"
#define INVALID	      "1 {\"id\":null,\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"Invalid Request.\"}}"
#define PARSE_ERROR   "1 {\"id\":null,\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,\"message\":\"Parse error.\"}}"

static void refused_handshakes(void **state)
{
	struct fixture *x = *state;

	feed(&x->s, "GET /jsonrpc HTTP/1.1\r\n" HOST UP V13 "\r\n");
	assert_int_equal(count(&x->s, "HTTP/1.1 400"), 1);
	feed(&x->s, "GET /jsonrpc HTTP/1.1\r\n" HOST UP KEY "Sec-WebSocket-Version: 8\r\n\r\n");
	assert_int_equal(count(&x->s, "HTTP/1.1 426"), 1);
	assert_true(sent(&x->s, "Sec-WebSocket-Version: 13\r\n"));
	feed(&x->s, "GET / HTTP/1.1\r\n" HOST UP KEY V13 "\r\n");
	feed(&x->s, "GET /jsonrpc?x=1 HTTP/1.1\r\n" HOST UP KEY V13 "\r\n");
	assert_int_equal(count(&x->s, "HTTP/1.1 404"), 2);
	assert_false(x->s.closed);
	feed(&x->s, "GET /jsonrpc HTTP/1.1\r\n" HOST UP KEY V13 "Origin: http://evil.example\r\n\r\n");
	assert_int_equal(count(&x->s, "HTTP/1.1 403"), 1);
	assert_true(x->s.soon);
}

static void messages(void **state)
{
	struct fixture *x = *state;

	open_ws(x);
	text(&x->s, ACTIVE("1"));
	assert_string_equal(next(&x->s), ACTIVE_OK("1"));
	frame(&x->s, FIN | BINARY, ACTIVE("2"), strlen(ACTIVE("2")));
	assert_string_equal(next(&x->s), ACTIVE_OK("2"));
	text(&x->s, "");
	assert_string_equal(next(&x->s), PARSE_ERROR);
	text(&x->s, "{\"id\":");
	assert_string_equal(next(&x->s), PARSE_ERROR);
	text(&x->s, "[]");
	assert_string_equal(next(&x->s), "1 []");
	assert_false(x->s.closed);
}

static void frames_with_the_handshake(void **state)
{
	struct fixture *x = *state;

	buf_adds(&x->s.in, "GET /jsonrpc HTTP/1.1\r\n" HOST UP KEY V13 "\r\n");
	text(&x->s, ACTIVE("1"));
	buf_drop(&x->s.sent, (size_t)(strstr(x->s.sent.data, "\r\n\r\n") + 4 - x->s.sent.data));
	assert_string_equal(next(&x->s), ACTIVE_OK("1"));
}

static void fragments_with_a_ping_between(void **state)
{
	struct fixture *x = *state;

	open_ws(x);
	x->s.step = 1;
	frame(&x->s, TEXT, "{\"id\":\"1\",", 10);
	frame(&x->s, FIN | PING, "hi", 2);
	frame(&x->s, 0, "", 0);
	frame(&x->s, FIN, "\"method\":\"aria2.tellActive\"}", 28);
	assert_string_equal(next(&x->s), "10 hi");
	assert_string_equal(next(&x->s), INVALID);
	assert_string_equal(next(&x->s), ACTIVE_OK("1"));
	frame(&x->s, FIN | PONG, "x", 1);
	assert_string_equal(next(&x->s), INVALID);
	assert_string_equal(next(&x->s), "");
}

static void closing(void **state)
{
	struct fixture *x = *state;

	open_ws(x);
	frame(&x->s, FIN | CLOSE, "\x03\xe8", 2);
	assert_string_equal(next(&x->s), "8 \x03\xe8");
	assert_true(x->s.soon);
}

static void expect_close(struct fixture *x, int first, const char *payload, size_t n, const char *code)
{
	if (x->s.closed) {
		stream_done(&x->s);
		stream_init(&x->s);
		conn_accept(x->rpc, &x->s);
	}
	open_ws(x);
	frame(&x->s, first, payload, n);
	assert_string_equal(next(&x->s), code);
	assert_true(x->s.closed);
}

static void protocol_errors(void **state)
{
	struct fixture *x = *state;
	char big[126] = {0};

	expect_close(x, FIN | 0, "{}", 2, "8 \x03\xea");
	expect_close(x, FIN | 3, "", 0, "8 \x03\xea");
	expect_close(x, FIN | 0x40 | TEXT, "{}", 2, "8 \x03\xea");
	expect_close(x, FIN | TEXT, "\"\xff\"", 3, "8 \x03\xef");
	expect_close(x, FIN | PING, big, sizeof(big), "");
	stream_done(&x->s);
	stream_init(&x->s);
	conn_accept(x->rpc, &x->s);
	open_ws(x);
	feed_n(&x->s, "\x81\x02{}", 4); /* no mask */
	assert_string_equal(next(&x->s), "8 \x03\xea");
	assert_true(x->s.closed);
}

static void overlong_messages(void **state)
{
	struct fixture *x = *state;
	char piece[1000];

	set(x, OPT_RPC_MAX_REQUEST_SIZE, "100");
	memset(piece, ' ', sizeof(piece));
	open_ws(x);
	frame(&x->s, FIN | TEXT, piece, 101);
	assert_string_equal(next(&x->s), PARSE_ERROR);
	text(&x->s, ACTIVE("1"));
	assert_string_equal(next(&x->s), ACTIVE_OK("1"));
	for (int i = 0; i < 20 && !x->s.closed; i++)
		frame(&x->s, i == 0 ? TEXT : 0, piece, 100);
	assert_string_equal(next(&x->s), "8 \x03\xf1"); /* 1009 */
	assert_true(x->s.closed);
}

#define PAUSE(id)    "{\"id\":\"" id "\",\"method\":\"aria2.pauseAll\"}"
#define PAUSE_OK(id) "1 {\"id\":\"" id "\",\"jsonrpc\":\"2.0\",\"result\":\"OK\"}"

/* Calls sent one behind the other don't wait for each other's commit; their answers keep the order. */
static void calls_share_a_commit(void **state)
{
	struct fixture *x = *state;

	open_ws(x);
	x->e.hold = true;
	text(&x->s, PAUSE("1"));
	text(&x->s, ACTIVE("2"));
	text(&x->s, PAUSE("3"));
	assert_int_equal(x->e.changes, 2);
	assert_int_equal(x->e.waiters, 2);
	assert_string_equal(next(&x->s), "");
	x->e.waiter[1](x->e.waiter_arg[1], 0, NULL); /* the last one is ready first */
	x->e.waiters = 1;
	assert_string_equal(next(&x->s), "");
	fake_commit(&x->e, 0, NULL);
	assert_string_equal(next(&x->s), PAUSE_OK("1"));
	assert_string_equal(next(&x->s), ACTIVE_OK("2"));
	assert_string_equal(next(&x->s), PAUSE_OK("3"));
	assert_string_equal(next(&x->s), "");
}

static void calls_under_way_are_bounded(void **state)
{
	struct fixture *x = *state;
	size_t answers = 0;

	open_ws(x);
	x->e.hold = true;
	for (int i = 0; i < 400; i++)
		text(&x->s, PAUSE("1"));
	assert_int_equal(x->e.waiters, 256);
	while (x->e.waiters > 0) {
		fake_commit(&x->e, 0, NULL);
		while (strcmp(next(&x->s), PAUSE_OK("1")) == 0)
			answers++;
	}
	assert_int_equal(answers, 400);
}

static void wrong_token(struct fixture *x)
{
	text(&x->s, "{\"id\":\"no\",\"method\":\"aria2.tellActive\",\"params\":[\"token:x\"]}");
}

static void right_token(struct fixture *x)
{
	text(&x->s, "{\"id\":\"yes\",\"method\":\"aria2.tellActive\",\"params\":[\"token:s\"]}");
}

static void unauthorized_is_overtaken(void **state)
{
	struct fixture *x = *state;

	set(x, OPT_RPC_SECRET, "s");
	open_ws(x);
	wrong_token(x);
	right_token(x);
	assert_string_equal(next(&x->s), ACTIVE_OK("yes"));
	assert_string_equal(next(&x->s), "");
	while (x->s.sent.len == 0)
		uv_run(&x->loop.uv, UV_RUN_ONCE);
	assert_string_equal(next(&x->s),
		"1 {\"id\":\"no\",\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":\"Unauthorized\"}}");
}

/* So many at a time and no more: then nothing is read until the first ones are answered. */
static void guesses_are_bounded(void **state)
{
	struct fixture *x = *state;

	set(x, OPT_RPC_SECRET, "s");
	open_ws(x);
	for (int i = 0; i < 100; i++)
		wrong_token(x);
	right_token(x);
	assert_string_equal(next(&x->s), "");
	while (x->s.sent.len == 0)
		uv_run(&x->loop.uv, UV_RUN_ONCE);
	assert_non_null(strstr(next(&x->s), "Unauthorized"));
}

static void event(struct fixture *x, enum event_type t)
{
	struct event ev = {.type = t, .gid = 0xabc};

	x->e.sub->cb(x->e.sub->arg, &ev);
	uv_run(&x->loop.uv, UV_RUN_NOWAIT); /* it leaves at the end of the turn */
}

static void notifications(void **state)
{
	static const char *const names[EV_COUNT] = {[EV_START] = "Start",
		[EV_PAUSE] = "Pause",
		[EV_STOP] = "Stop",
		[EV_COMPLETE] = "Complete",
		[EV_ERROR] = "Error"};
	struct fixture *x = *state;

	open_ws(x);
	for (enum event_type t = 0; t < EV_COUNT; t++) {
		char *want = xasprintf("1 {\"jsonrpc\":\"2.0\",\"method\":\"aria2.onDownload%s\",\"params\":[{\"gid\":"
				       "\"0000000000000abc\"}]}",
			names[t]);

		event(x, t);
		assert_string_equal(next(&x->s), want);
		free(want);
	}
}

static void no_notification_before_the_token(void **state)
{
	struct fixture *x = *state;

	set(x, OPT_RPC_SECRET, "s");
	open_ws(x);
	event(x, EV_START);
	assert_string_equal(next(&x->s), "");
	wrong_token(x);
	event(x, EV_START);
	assert_string_equal(next(&x->s), "");
	right_token(x);
	assert_string_equal(next(&x->s), ACTIVE_OK("yes"));
	event(x, EV_START);
	assert_non_null(strstr(next(&x->s), "onDownloadStart"));
}

static void a_deaf_client_is_dropped(void **state)
{
	struct fixture *x = *state;

	open_ws(x);
	x->s.stuck = true;
	for (int i = 0; i < 100000 && !x->s.closed; i++)
		event(x, EV_START);
	assert_true(x->s.closed);
}

/* The time that it has for reading begins with what it does not read, not anew with each notification. */
static void notifications_give_a_deaf_client_no_time(void **state)
{
	struct fixture *x = *state;
	uint64_t start, last;

	x->rpc->patience = 300;
	open_ws(x);
	x->s.stuck = true;
	while (x->s.unsent < 256 * 1024) /* so much waits in the kernel and in the stream */
		event(x, EV_START);
	start = last = loop_now(&x->loop);
	while (!x->s.closed && last - start < 2000) {
		while (loop_now(&x->loop) == last)
			uv_run(&x->loop.uv, UV_RUN_NOWAIT);
		last = loop_now(&x->loop);
		if (!x->s.closed)
			event(x, EV_START);
	}
	assert_true(x->s.closed);
}

static void pings_do_not_pile_up(void **state)
{
	struct fixture *x = *state;

	open_ws(x);
	x->s.stuck = true;
	for (int i = 0; i < 100000 && !x->s.paused; i++)
		frame(&x->s, FIN | PING, "x", 1);
	assert_true(x->s.paused);
	assert_true(x->s.sent.len <= CONN_OUT_HIGH);
	buf_reset(&x->s.sent);
	unstick(&x->s);
	assert_true(x->s.sent.len > 0);
}

static void the_end_waits_for_the_answer(void **state)
{
	struct fixture *x = *state;

	open_ws(x);
	x->e.hold = true;
	text(&x->s, "{\"id\":\"1\",\"method\":\"aria2.pauseAll\"}");
	rpc_close(x->rpc);
	assert_false(x->s.closed);
	fake_commit(&x->e, 0, NULL);
	assert_non_null(strstr(next(&x->s), "\"OK\""));
	assert_string_equal(next(&x->s), "8 \x03\xe9"); /* 1001 */
	assert_true(x->s.soon);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(refused_handshakes),
		T(messages),
		T(frames_with_the_handshake),
		T(fragments_with_a_ping_between),
		T(closing),
		T(protocol_errors),
		T(overlong_messages),
		T(calls_share_a_commit), T(calls_under_way_are_bounded),
		T(unauthorized_is_overtaken),
		T(guesses_are_bounded),
		T(notifications),
		T(no_notification_before_the_token),
		T(a_deaf_client_is_dropped),
		T(notifications_give_a_deaf_client_no_time),
		T(pings_do_not_pile_up),
		T(the_end_waits_for_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
