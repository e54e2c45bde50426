/* SPDX-License-Identifier: MIT
 * Tests of daemon addresses and of HTTP answers in every framing, against a canned server on a Unix socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"

/* Of a request's memory nothing may be given back that still holds a secret. */
static void free_checked(struct buf *b)
{
	assert_true(!b->data || !memmem(b->data, b->len, "s3cret", 6));
	buf_free(b);
}

#include "client/conn.c"
#define buf_free free_checked
#include "client/http.c"
#undef buf_free
#include "client/term.c"

struct server {
	char dir[32];
	struct endpoint ep;
	pid_t pid;
};

/* A child that takes one connection, reads a request, and answers with these bytes, cut into pieces of at most step
 * bytes. */
static void serve(int sock, const char *answer, size_t n, size_t step)
{
	char in[4096];
	int c = accept(sock, NULL, NULL);
	if (c < 0 || recv(c, in, sizeof(in), 0) <= 0)
		_exit(1);
	for (size_t at = 0; at < n; at += step) {
		size_t k = n - at < step ? n - at : step;
		if (send(c, answer + at, k, MSG_NOSIGNAL) < 0)
			break;
	}
	close(c);
	_exit(0);
}

static void server_start(struct server *s, const char *answer, size_t step)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct fail f;
	snprintf(s->dir, sizeof(s->dir), "/tmp/haul-http-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/s", s->dir);
	int sock = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(sock, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(sock, 4), 0);
	s->pid = fork();
	if (s->pid == 0)
		serve(sock, answer, strlen(answer), step);
	close(sock);
	char *url = xasprintf("unix:%s", un.sun_path);
	assert_int_equal(endpoint_parse(url, &s->ep, &f), 0);
	free(url);
}

static void server_stop(struct server *s)
{
	waitpid(s->pid, NULL, 0);
	unlink(s->ep.path);
	rmdir(s->dir);
	endpoint_free(&s->ep);
}

/* POST and read: 0 with the body compared, or the error. */
static int ask(const char *answer, size_t step, const char *want, struct http_answer *a)
{
	struct server s;
	struct conn *c;
	struct fail f = {0};
	server_start(&s, answer, step);
	assert_int_equal(conn_open(&s.ep, -1, &c, &f), 0);
	assert_true(conn_is_same_user(c));
	s.ep.basic = xstrdup("s3cret");
	int rc = http_post(c, &s.ep, "[\"token:s3cret\"]", 16, a, &f);
	if (rc == 0 && want)
		assert_string_equal(a->body.len ? a->body.data : "", want);
	if (rc < 0)
		assert_true(strlen(f.text) > 0);
	buf_free(&a->body);
	conn_hang_up(c);
	server_stop(&s);
	return rc;
}

static void bodies_in_every_framing(void **state)
{
	static const struct {
		const char *answer, *body;
		int status;
		bool keep;
	} t[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", 200, true},
		{"HTTP/1.1 400 Bad\r\ncontent-length:5 \r\nConnection: close\r\n\r\nhello", "hello", 400, false},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nA: b\r\n\r\n",
			"hello", 200, true},
		{"HTTP/1.0 200 OK\r\n\r\nhello", "hello", 200, false},
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 200, true},
		{"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "", 401, true},
	};
	struct http_answer a;
	(void)state;
	for (size_t step = 1; step < 2000; step *= 7) {
		for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
			assert_int_equal(ask(t[i].answer, step, t[i].body, &a), 0);
			assert_int_equal(a.status, t[i].status);
			assert_int_equal(a.keep, t[i].keep);
			assert_true(a.any);
		}
	}
}

static void broken_answers_are_refused(void **state)
{
	static const struct {
		const char *answer;
		int err;
		bool any;
	} t[] = {
		{"", ERR_EOF, false},
		{"SSH-2.0-x\r\n\r\n", ERR_PROTO, true},
		{"HTTP/1.1 200 OK\r\nContent-Len", ERR_EOF, true},
		{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", ERR_EOF, true},
		{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", ERR_LIMIT, true},
		{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n", ERR_LIMIT, true},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", ERR_PROTO, true},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n", ERR_PROTO, true},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", ERR_EOF, true},
	};
	struct http_answer a;
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(ask(t[i].answer, 4096, NULL, &a), t[i].err);
		assert_int_equal(a.any, t[i].any);
		assert_false(a.keep);
	}
}

static void addresses_of_daemons(void **state)
{
	static const struct {
		const char *url;
		enum endpoint_kind kind;
		unsigned port;
		const char *target, *show;
	} t[] = {
		{"http://127.0.0.1", EP_TCP, 6800, "/jsonrpc", "http://127.0.0.1:6800/jsonrpc"},
		{"http://h:80/", EP_TCP, 80, "/jsonrpc", "http://h/jsonrpc"},
		{"http://h:9000/x/y?z", EP_TCP, 9000, "/x/y?z", "http://h:9000/x/y?..."},
		{"https://h/rpc", EP_TLS, 443, "/rpc", "https://h/rpc"},
		{"http://u:geheim@h:1/", EP_TCP, 1, "/jsonrpc", "http://h:1/jsonrpc"},
		{"unix:/run/x.sock", EP_UNIX, 0, "/jsonrpc", "unix:/run/x.sock"},
		{"unix:///run/x.sock", EP_UNIX, 0, "/jsonrpc", "unix:/run/x.sock"},
	};
	struct endpoint ep;
	struct fail f;
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(endpoint_parse(t[i].url, &ep, &f), 0);
		assert_int_equal(ep.kind, t[i].kind);
		assert_int_equal(ep.port, t[i].port);
		assert_string_equal(ep.target, t[i].target);
		assert_string_equal(ep.show, t[i].show);
		endpoint_free(&ep);
	}
	assert_int_equal(endpoint_parse("http://u:p@h/", &ep, &f), 0);
	assert_string_equal(ep.basic, "dTpw");
	endpoint_free(&ep);
}

static void unusable_addresses(void **state)
{
	static const char *const bad[] = {"", "foo", "ftp://h/", "ws://h/", "unix:", "http://"};
	struct endpoint ep;
	struct fail f;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(endpoint_parse(bad[i], &ep, &f), ERR_USAGE);
}

static void nobody_there(void **state)
{
	struct endpoint ep;
	struct conn *c;
	struct fail f;
	(void)state;
	assert_int_equal(endpoint_parse("unix:/nonexistent/socket", &ep, &f), 0);
	assert_int_equal(conn_open(&ep, -1, &c, &f), ERR_CONNECT);
	assert_string_equal(f.text, "no such socket");
	endpoint_free(&ep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_in_every_framing),
		cmocka_unit_test(broken_answers_are_refused),
		cmocka_unit_test(addresses_of_daemons),
		cmocka_unit_test(unusable_addresses),
		cmocka_unit_test(nobody_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
