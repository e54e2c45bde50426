/* SPDX-License-Identifier: MIT
 * Fetches through scripted proxies on real loopback sockets: what each side says byte by byte, in one piece and cut small,
 * and proxies that misbehave. One proxy plays the origin behind its tunnel too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/opt.h"
#include "base/str.h"
#include "ev/loop.h"
#include "ev/timer.h"
#include "net/net.h"
#include "net/stream.h"
#include "proto/http1.h"

#include "pool_rest.h"

#define CONNS 8
#define STEPS 8

/* One message of the client, whole, and the answer. ask NULL: the end. */
struct step {
	const char *ask;
	size_t n_ask;
	const char *answer;
	size_t n_answer;
	bool close;
};
#define SAY(a, b)  {a, sizeof(a) - 1, b, sizeof(b) - 1, false}
#define LAST(a, b) {a, sizeof(a) - 1, b, sizeof(b) - 1, true}

static struct loop loop;
static struct net *net;
static struct opts *opts;
static struct listener *listener;

static struct conn {
	struct stream *s;
	const struct step *step;
	char in[4096];
	size_t have;
} conns[CONNS];
static unsigned n_conns;
static const struct step *scripts[CONNS];

static struct {
	void *fetch;
	char body[64];
	size_t n;
	int status, err;
	unsigned dones;
	bool cancel_in_tunnel;
	struct fail why;
} got;

/* ---- proxy ---- */

static void close_conn(struct conn *c)
{
	stream_close(c->s);
	c->s = NULL;
}

static void conn_space(void *owner, struct span *ret)
{
	struct conn *c = owner;

	*ret = (struct span){c->in + c->have, sizeof(c->in) - c->have};
}

static void conn_data(void *owner, size_t n)
{
	struct conn *c = owner;
	const struct step *now = c->step;

	c->have += n;
	if (got.cancel_in_tunnel && got.fetch != NULL) {
		http1_proto.cancel(got.fetch);
		got.fetch = NULL;
		loop_stop(&loop);
		return;
	}
	assert_non_null(now->ask);
	if (c->have < now->n_ask)
		return;
	if (c->have != now->n_ask || memcmp(c->in, now->ask, c->have) != 0)
		fail_msg("the client said %.*s", (int)c->have, c->in);
	c->have = 0;
	c->step++;
	stream_write(c->s, now->answer, now->n_answer);
	if (!now->close)
		return;
	stream_close_soon(c->s);
	c->s = NULL;
}

static void conn_end(void *owner, int err, const struct fail *f)
{
	(void)err;
	(void)f;
	close_conn(owner);
}

static const struct stream_ops conn_ops = {.space = conn_space, .data = conn_data, .end = conn_end};

static void on_accept(void *owner, struct stream *s)
{
	struct conn *c = &conns[n_conns];

	(void)owner;
	assert_non_null(scripts[n_conns]);
	c->step = scripts[n_conns++];
	c->s = s;
	stream_set_owner(s, &conn_ops, c);
}

/* ---- client ---- */

static void on_head(void *owner, const struct fetch_head *h)
{
	(void)owner;
	got.status = h->status;
}

static void on_space(void *owner, struct span *ret)
{
	(void)owner;
	*ret = (struct span){got.body + got.n, sizeof(got.body) - got.n};
}

static void on_data(void *owner, size_t n)
{
	(void)owner;
	got.n += n;
}

static void on_done(void *owner, int err, const struct fail *f)
{
	(void)owner;
	got.err = err;
	got.why = *f;
	got.dones++;
	got.fetch = NULL;
	loop_stop(&loop);
}

static const struct fetch_ops ops = {.head = on_head, .space = on_space, .data = on_data, .done = on_done};

static int setup(void **state)
{
	struct listen_req lr = {.address = "127.0.0.1", .fd = -1, .max_conns = CONNS};
	struct fail f;

	(void)state;
	memset(&got, 0, sizeof(got));
	memset(conns, 0, sizeof(conns));
	memset(scripts, 0, sizeof(scripts));
	n_conns = 0;
	opts = opts_new(NULL);
	assert_int_equal(opts_set(opts, OPT_USER_AGENT, "t", &f), 0);
	assert_int_equal(opts_set(opts, OPT_RESOLVE, "two.example:80:127.0.0.1", &f), 0);
	assert_int_equal(loop_init(&loop, 1 << 20), 0);
	assert_int_equal(net_new(&loop, opts, &net, &f), 0);
	assert_int_equal(listener_open(net, &lr, on_accept, NULL, &listener, &f), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < n_conns; i++)
		close_conn(&conns[i]);
	listener_close(listener);
	net_free(net);
	assert_int_equal(loop_close(&loop), 0);
	opts_unref(opts);
	return 0;
}

static void set(enum opt id, const char *value)
{
	assert_int_equal(opts_set(opts, id, value, NULL), 0);
}

/* prefix: "http://user:pass@" and the like */
static void use(const char *prefix)
{
	char text[80];

	snprintf(text, sizeof(text), "%s127.0.0.1:%u", prefix, listener_port(listener));
	set(OPT_ALL_PROXY, text);
}

static void run(const char *uri)
{
	const struct fetch_req req = {.uri = uri, .want = {0, -1}, .if_modified_since = -1, .opts = opts};

	memset(&got, 0, sizeof(got));
	assert_int_equal(http1_proto.start(net, &req, &ops, NULL, &got.fetch, NULL), 0);
	loop_run(&loop);
	assert_int_equal(got.dones, 1);
	pool_rest(&loop);
}

static void check_ok(void)
{
	if (got.err != 0)
		fail_msg("%s", got.why.text);
	assert_int_equal(got.status, 200);
	assert_int_equal(got.n, 2);
	assert_memory_equal(got.body, "ok", 2);
}

static void check_err(int err, const char *text)
{
	if (got.err != err || strstr(got.why.text, text) == NULL)
		fail_msg("%s: %s", err_name(got.err), got.why.text);
	assert_null(strstr(got.why.text, "s3cret"));
}

#define OK    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define TAIL  "Want-Digest: SHA-512;q=1, SHA-256;q=1, SHA;q=0.1\r\n\r\n"
#define GET   "GET /x?q HTTP/1.1\r\nUser-Agent: t\r\nAccept: */*\r\nHost: o.example\r\n" TAIL
#define GET2  "GET / HTTP/1.1\r\nUser-Agent: t\r\nAccept: */*\r\nHost: two.example\r\n" TAIL
#define LOGIN "Proxy-Authorization: Basic dTpzM2NyZXQ=\r\n"
#define CONNECT "CONNECT o.example:80 HTTP/1.1\r\nUser-Agent: t\r\nHost: o.example:80\r\n" LOGIN "\r\n"

/* ---- tests ---- */

static void test_forward(void **state)
{
	static const struct step s[] = {
		SAY("GET http://o.example/x?q HTTP/1.1\r\nUser-Agent: t\r\nAccept: */*\r\nHost: o.example\r\n" LOGIN TAIL, OK),
		SAY("GET http://o.example/x?q HTTP/1.1\r\nUser-Agent: t\r\nAccept: */*\r\nHost: o.example\r\n" LOGIN TAIL,
			"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"),
		{0}};

	(void)state;
	use("u:s3cret@");
	scripts[0] = s;
	run("http://o.example/x?q");
	check_ok();
	run("http://o.example/x?q"); /* on the same connection */
	check_err(ERR_AUTH, "The proxy asks for a login");
	assert_int_equal(n_conns, 1);
}

static void test_connect(void **state)
{
	static const struct step s[] = {SAY(CONNECT, "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 Fine\r\nContent-Length: 3\r\n\r\n"),
		SAY(GET, OK), SAY(GET, OK), {0}};
	static const struct step other[] = {
		SAY("CONNECT o.example:80 HTTP/1.1\r\nUser-Agent: t\r\nHost: o.example:80\r\n"
		    "Proxy-Authorization: Basic dTpvdGhlcg==\r\n\r\n", "HTTP/1.0 204 Fine\r\n\r\n"),
		SAY(GET, OK), {0}};

	(void)state;
	use("u:s3cret@");
	set(OPT_PROXY_METHOD, "tunnel");
	scripts[0] = s;
	scripts[1] = other;
	for (unsigned i = 0; i < 2; i++) {
		run("http://o.example/x?q");
		check_ok();
		assert_int_equal(n_conns, 1);
	}
	set(OPT_ALL_PROXY_PASSWD, "other"); /* the way is part of what makes connections alike */
	run("http://o.example/x?q");
	check_ok();
	assert_int_equal(n_conns, 2);
}

static void test_connect_cut(void **state)
{
	static const struct step s[] = {SAY(CONNECT, "HTTP/1.1 200 Fine\r\nX: y\r\n\r\n"), SAY(GET, OK), {0}};

	(void)state;
	use("u:s3cret@");
	set(OPT_PROXY_METHOD, "tunnel");
	net_set_chop(net, 1);
	scripts[0] = s;
	run("http://o.example/x?q");
	check_ok();
}

static char *flood(const char *front, size_t n)
{
	size_t k = strlen(front);
	char *s = xmalloc(k + n + 1);

	memcpy(s, front, k);
	memset(s + k, 'a', n);
	s[k + n] = '\0';
	return s;
}

static void test_connect_refused(void **state)
{
	static const struct {
		const char *answer;
		int err;
		const char *text;
	} rows[] = {
		{"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n\r\n", ERR_AUTH, "The proxy asks for a login"},
		{"HTTP/1.1 403 No\r\n\r\n", ERR_STATUS, "The proxy answered CONNECT with 403"},
		{"HTTP/1.1 302 No\r\nLocation: http://evil/\r\n\r\n", ERR_STATUS, "CONNECT with 302"},
		{"HTTP/1.1 502 No\r\n\r\n", ERR_STATUS_5XX, "CONNECT with 502"},
		{"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\nevil", ERR_PROTO, "behind its answer"},
		{"HTTP/1.1 200 OK\r\n\r\n\n", ERR_PROTO, "behind its answer"},
		{"SSH-2.0 hello\r\n", ERR_PROTO, "The proxy 127.0.0.1"},
		{"HTTP/1.1 101 Up\r\n\r\n", ERR_PROTO, "The proxy 127.0.0.1"},
		{"HTTP/1.1 200 O", ERR_EOF, "The proxy 127.0.0.1"},
		{"", ERR_EOF, "The proxy 127.0.0.1"},
	};
	const size_t n = sizeof(CONNECT) - 1;
	struct step s[2] = {{.ask = CONNECT, .n_ask = n, .close = true}, {0}};
	char *big = flood("HTTP/1.1 200 OK\r\nA: ", 200000);

	(void)state;
	use("u:s3cret@");
	set(OPT_PROXY_METHOD, "tunnel");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		s[0].answer = rows[i].answer;
		s[0].n_answer = strlen(rows[i].answer);
		n_conns = 0;
		scripts[0] = s;
		run("http://o.example/x?q");
		check_err(rows[i].err, rows[i].text);
	}
	s[0].answer = big;
	s[0].n_answer = strlen(big);
	n_conns = 0;
	run("http://o.example/x?q");
	check_err(ERR_LIMIT, "The proxy 127.0.0.1");
	free(big);
}

#define S_GET(host) "\5\1\0\3" host "\0\120"
#define S_OK	    "\5\0\0\1\0\0\0\0\0\0"

static void test_socks5h(void **state)
{
	static const struct step plain[] = {SAY("\5\1\0", "\5\0"), SAY(S_GET("\11o.example"), S_OK), SAY(GET, OK), {0}};
	static const struct step login[] = {SAY("\5\2\0\2", "\5\2"), SAY("\1\1u\6s3cret", "\1\0"),
		SAY(S_GET("\11o.example"), "\5\0\0\3\4host\0\0"), SAY(GET, OK), {0}};

	(void)state;
	for (size_t chop = 0; chop < 2; chop++) {
		net_set_chop(net, chop);
		n_conns = 0;
		scripts[0] = plain;
		scripts[1] = login;
		use("socks5h://");
		run("http://o.example/x?q");
		check_ok();
		use("socks5h://u:s3cret@");
		run("http://o.example/x?q");
		check_ok();
		assert_int_equal(n_conns, 2);
		close_conn(&conns[0]);
		close_conn(&conns[1]);
	}
}

/* The name is looked up here (by the option resolve). */
static void test_socks5(void **state)
{
	static const struct step s[] = {
		SAY("\5\1\0", "\5\0"), SAY("\5\1\0\1\177\0\0\1\0\120", S_OK), SAY(GET2, OK), {0}};

	(void)state;
	use("socks5://");
	scripts[0] = s;
	run("http://two.example/");
	check_ok();
}

static void test_socks_refused(void **state)
{
	static const struct {
		struct step s[3];
		int err;
		const char *text;
	} rows[] = {
		{{LAST("\5\2\0\2", "\5\377")}, ERR_AUTH, "asks for a login"},
		{{LAST("\5\2\0\2", "\5\1")}, ERR_PROTO, "another kind"},
		{{LAST("\5\2\0\2", "HTTP/1.1 400 Bad\r\n\r\n")}, ERR_PROTO, "not SOCKS5"},
		{{LAST("\5\2\0\2", "\4\0")}, ERR_PROTO, "not SOCKS5"},
		{{LAST("\5\2\0\2", "\5\0\0")}, ERR_PROTO, "more than"},
		{{LAST("\5\2\0\2", "\5")}, ERR_EOF, "The proxy 127.0.0.1"},
		{{SAY("\5\2\0\2", "\5\2"), LAST("\1\1u\6s3cret", "\1\1")}, ERR_AUTH, "refused the login"},
		{{SAY("\5\2\0\2", "\5\0"), LAST(S_GET("\11o.example"), "\5\5\0\1\0\0\0\0\0\0")}, ERR_CONNECT, "refused"},
		{{SAY("\5\2\0\2", "\5\0"), LAST(S_GET("\11o.example"), "\5\2")}, ERR_STATUS, "not allow"},
		{{SAY("\5\2\0\2", "\5\0"), LAST(S_GET("\11o.example"), "\5\231\0\1\0\0\0\0\0\0")}, ERR_PROTO, "unknown"},
		{{SAY("\5\2\0\2", "\5\0"), LAST(S_GET("\11o.example"), "\5\0\0\7\0\0\0\0\0\0")}, ERR_PROTO, "not SOCKS5"},
		{{SAY("\5\2\0\2", "\5\0"), LAST(S_GET("\11o.example"), S_OK "evil")}, ERR_PROTO, "more than"},
		{{SAY("\5\2\0\2", "\5\0"), LAST(S_GET("\11o.example"), "\5\0\0\1\0")}, ERR_EOF, "The proxy"},
	};

	(void)state;
	use("socks5h://u:s3cret@");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		n_conns = 0;
		scripts[0] = rows[i].s;
		run("http://o.example/x?q");
		check_err(rows[i].err, rows[i].text);
	}
}

static void test_silent(void **state)
{
	static const struct step s[] = {SAY("\5\1\0", ""), {0}}, c[] = {SAY(CONNECT, "HTTP/1.1 200 OK\r\nA: b\r\n"), {0}};

	(void)state;
	set(OPT_CONNECT_TIMEOUT, "1");
	set(OPT_PROXY_METHOD, "tunnel");
	use("socks5h://");
	scripts[0] = s;
	run("http://o.example/x?q");
	check_err(ERR_TIMEOUT, "The proxy 127.0.0.1");
	use("u:s3cret@");
	scripts[1] = c;
	run("http://o.example/x?q");
	check_err(ERR_TIMEOUT, "The proxy 127.0.0.1");
}

static void test_no_proxy_there(void **state)
{
	(void)state;
	use("");
	listener_close(listener);
	listener = NULL;
	uv_run(&loop.uv, UV_RUN_NOWAIT); /* its socket is closed now */
	run("http://o.example/");
	check_err(ERR_CONNECT, "The proxy 127.0.0.1");
	run("https://o.example/");
	check_err(ERR_CONNECT, "The proxy 127.0.0.1");
}

static void test_cancel(void **state)
{
	static const struct step s[] = {SAY("\5\1\0", "\5\0"), {0}};
	const struct fetch_req req = {.uri = "http://o.example/", .want = {0, -1}, .if_modified_since = -1, .opts = opts};

	(void)state;
	use("socks5h://");
	assert_int_equal(http1_proto.start(net, &req, &ops, NULL, &got.fetch, NULL), 0);
	assert_string_equal(http1_proto.peer(got.fetch), "");
	http1_proto.cancel(got.fetch); /* before anything */
	scripts[0] = scripts[1] = s;
	got.cancel_in_tunnel = true;
	assert_int_equal(http1_proto.start(net, &req, &ops, NULL, &got.fetch, NULL), 0);
	loop_run(&loop);
	assert_null(got.fetch);
	assert_int_equal(got.dones, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_forward),
		T(test_connect),
		T(test_connect_cut),
		T(test_connect_refused),
		T(test_socks5h),
		T(test_socks5),
		T(test_socks_refused),
		T(test_silent),
		T(test_no_proxy_there),
		T(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
