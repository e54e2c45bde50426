/* SPDX-License-Identifier: MIT
 * HTTP/1.1 fetches over real loopback sockets against a scripted server in the same loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/opt.h"
#include "base/str.h"
#include "ev/loop.h"
#include "ev/timer.h"
#include "net/net.h"
#include "net/stream.h"
#include "proto/http1.h"

#include "pool_rest.h"

#define LIMIT 64 /* requests and connections of one test */

/* ---- server ---- */

enum after { KEEP, CLOSE, RESET };

/* What the server does about the n-th request: send data in pieces of `step` bytes, one a loop turn (0: at once; at
 * least every_ms apart), then `after`. */
struct script {
	const char *data;
	size_t n;
	size_t step;
	enum after after;
	unsigned every_ms;
};
#define ANSWER(text) .data = (text), .n = sizeof(text) - 1

struct peer {
	struct stream *s;
	struct buf in;
	char room[4096];
	const struct script *now; /* being sent */
	size_t sent;
	uv_idle_t turn; /* runs once a loop turn while pieces are left */
	struct timer timer;
	unsigned number;
};

static struct loop loop;
static struct net *net;
static struct opts *opts;
static struct listener *listener;
static char base_uri[64];

static struct {
	const struct script *scripts;
	unsigned n_scripts, n_requests, n_peers, n_ended;
	unsigned stop_at_ended; /* leave the loop when that many connections have ended */
	char *requests[LIMIT];
	unsigned peer_of[LIMIT];
	struct peer *peers[LIMIT];
} server;

static void end_peer(struct peer *p)
{
	if (p->s == NULL)
		return;
	stream_close(p->s);
	p->s = NULL;
	timer_stop(&p->timer);
	uv_idle_stop(&p->turn);
	buf_free(&p->in);
	if (++server.n_ended == server.stop_at_ended)
		loop_stop(&loop);
}

static void end_script(struct peer *p)
{
	const struct linger hard = {.l_onoff = 1, .l_linger = 0};
	enum after after = p->now->after;

	p->now = NULL;
	if (after == RESET)
		setsockopt(stream_fd(p->s), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	if (after != KEEP)
		end_peer(p);
}

static void on_idle(uv_idle_t *h);

/* One piece; what comes `after` has a turn of its own when there are pieces. */
static void send_step(void *arg)
{
	struct peer *p = arg;
	size_t left = p->now->n - p->sent, n = p->now->step != 0 && p->now->step < left ? p->now->step : left;

	uv_idle_stop(&p->turn);
	stream_write(p->s, p->now->data + p->sent, n);
	p->sent += n;
	if (left == 0 || (p->sent == p->now->n && p->now->step == 0))
		end_script(p);
	else if (p->now->every_ms > 0)
		timer_start(&loop, &p->timer, p->now->every_ms, 0, send_step, p);
	else
		uv_idle_start(&p->turn, on_idle);
}

static void on_idle(uv_idle_t *h)
{
	send_step(h->data);
}

static void peer_request(struct peer *p, size_t len)
{
	unsigned i = server.n_requests++, which = i;

	if (p->in.data[5] >= '0' && p->in.data[5] <= '9') /* "GET /3": the path names the script */
		which = (unsigned)(p->in.data[5] - '0');
	assert_true(which < server.n_scripts);
	server.requests[i] = xstrndup(p->in.data, len);
	server.peer_of[i] = p->number;
	buf_drop(&p->in, len);
	timer_stop(&p->timer); /* the last answer's end may be noticed later than its last byte is read */
	uv_idle_stop(&p->turn);
	p->now = &server.scripts[which];
	p->sent = 0;
	send_step(p);
}

static void peer_space(void *owner, struct span *ret)
{
	struct peer *p = owner;

	*ret = (struct span){p->room, sizeof(p->room)};
}

static void peer_data(void *owner, size_t n)
{
	struct peer *p = owner;
	char *end;

	assert_int_equal(buf_add(&p->in, p->room, n), 0);
	end = strstr(p->in.data, "\r\n\r\n");
	if (end != NULL)
		peer_request(p, (size_t)(end + 4 - p->in.data));
}

static void peer_end(void *owner, int err, const struct fail *f)
{
	(void)err;
	(void)f;
	end_peer(owner);
}

static const struct stream_ops peer_ops = {.space = peer_space, .data = peer_data, .end = peer_end};

static void on_accept(void *owner, struct stream *s)
{
	struct peer *p = xcalloc(1, sizeof(*p));

	(void)owner;
	assert_true(server.n_peers < LIMIT);
	p->s = s;
	p->number = server.n_peers;
	uv_idle_init(&loop.uv, &p->turn);
	p->turn.data = p;
	buf_init(&p->in, 1 << 20);
	server.peers[server.n_peers++] = p;
	stream_set_owner(s, &peer_ops, p);
}

static void serve_n(const struct script *scripts, unsigned n)
{
	server.scripts = scripts;
	server.n_scripts = n;
}
#define SERVE(...)                                                                                                     \
	static const struct script scripts_[] = {__VA_ARGS__};                                                         \
	serve_n(scripts_, sizeof(scripts_) / sizeof(scripts_[0]))

/* ---- client ---- */

enum when { NEVER, IN_HEAD, IN_SPACE, IN_DATA };

struct client {
	void *fetch;
	size_t room;	      /* bytes of a span; 0: 4096 */
	unsigned pause_every; /* every n-th span is a pause that a timer ends; 0: none */
	unsigned pause_ms;
	unsigned stop_pausing; /* after that many pauses; 0: never */
	size_t low;	       /* low water asked for with each span; 0: not */
	enum when cancel;
	/* what happened */
	char mem[4096];
	struct buf body;
	unsigned spaces, pauses, heads, dones;
	bool given, paused, in_pipe;
	struct fetch_head head; /* its strings are not kept */
	char location[64], name[64], peer[64];
	int err;
	struct fail why;
	struct timer timer;
	void (*then)(struct client *c); /* at done */
};

static unsigned running;
static bool with_pipes; /* clients take bytes into a pipe by turns */
static int pipe_fd[2];
static unsigned piped;

static void ended(void)
{
	if (--running == 0)
		loop_stop(&loop);
}

static void cancel(struct client *c)
{
	http1_proto.cancel(c->fetch);
	c->fetch = NULL;
	ended();
}

static void on_head(void *owner, const struct fetch_head *h)
{
	struct client *c = owner;

	c->heads++;
	c->head = *h;
	snprintf(c->location, sizeof(c->location), "%s", h->location != NULL ? h->location : "");
	snprintf(c->name, sizeof(c->name), "%s", h->name != NULL ? h->name : "");
	snprintf(c->peer, sizeof(c->peer), "%s", http1_proto.peer(c->fetch));
	assert_int_equal(c->dones, 0);
	if (c->cancel == IN_HEAD)
		cancel(c);
}

static void end_pause(void *arg)
{
	struct client *c = arg;

	c->paused = false;
	http1_proto.resume(c->fetch);
	http1_proto.resume(c->fetch);
}

static void on_space(void *owner, struct span *ret)
{
	struct client *c = owner;

	assert_int_equal(c->heads, 1);
	assert_int_equal(c->dones, 0);
	assert_false(c->paused);
	c->spaces++;
	c->in_pipe = false;
	c->given = true;
	*ret = (struct span){c->mem, c->room != 0 ? c->room : sizeof(c->mem)};
	if (c->cancel == IN_SPACE) {
		cancel(c);
	} else if (c->pause_every != 0 && c->spaces % c->pause_every == 0 &&
		   (c->stop_pausing == 0 || c->pauses < c->stop_pausing)) {
		ret->len = 0;
		c->given = false;
		c->paused = true;
		c->pauses++;
		timer_start(&loop, &c->timer, c->pause_ms, 0, end_pause, c);
	}
}

static int on_pipe(void *owner, size_t *ret_len)
{
	struct client *c = owner;

	assert_int_equal(c->heads, 1);
	assert_int_equal(c->dones, 0);
	assert_false(c->paused);
	if (!with_pipes || (c->spaces + 1) % 3 == 0 || (c->pause_every != 0 && (c->spaces + 1) % c->pause_every == 0))
		return -1;
	c->spaces++;
	c->in_pipe = c->given = true;
	*ret_len = c->room != 0 ? c->room : sizeof(c->mem);
	if (c->cancel == IN_SPACE)
		cancel(c);
	return pipe_fd[1];
}

static void on_data(void *owner, size_t n)
{
	struct client *c = owner;

	if (c->in_pipe) {
		assert_int_equal(read(pipe_fd[0], c->mem, sizeof(c->mem)), n);
		piped++;
	}
	assert_true(c->given && n > 0 && n <= (c->room != 0 ? c->room : sizeof(c->mem)));
	c->given = false;
	assert_int_equal(buf_add(&c->body, c->mem, n), 0);
	if (c->low > 0)
		http1_proto.low_water(c->fetch, c->low);
	if (c->cancel == IN_DATA)
		cancel(c);
	else
		http1_proto.resume(c->fetch); /* not paused: no effect */
}

static void on_done(void *owner, int err, const struct fail *f)
{
	struct client *c = owner;

	c->dones++;
	c->err = err;
	c->why = *f;
	c->fetch = NULL;
	assert_int_equal(f->code, err);
	if (c->then != NULL)
		c->then(c);
	ended();
}

static const struct fetch_ops ops = {.head = on_head, .space = on_space, .pipe = on_pipe, .data = on_data, .done = on_done};

static struct fetch_req request(const char *path, char uri[128])
{
	snprintf(uri, 128, "%s%s", base_uri, path);
	return (struct fetch_req){.uri = uri, .want = {0, -1}, .if_modified_since = -1, .opts = opts};
}

static void start_req(struct client *c, const struct fetch_req *req)
{
	struct fail f;

	buf_init(&c->body, 1 << 24);
	running++;
	assert_int_equal(http1_proto.start(net, req, &ops, c, &c->fetch, &f), 0);
	assert_int_equal(c->heads + c->dones, 0);
}

static void start(struct client *c, const char *path)
{
	char uri[128];
	struct fetch_req req = request(path, uri);

	start_req(c, &req);
}

/* What the first answer left behind is seen before the next fetch. */
static void fetch(struct client *c, const char *path)
{
	start(c, path);
	loop_run(&loop);
	if (server.n_requests == 1)
		pool_rest(&loop);
}

static void check_body(struct client *c, const char *text)
{
	assert_int_equal(c->dones, 1);
	if (c->err != 0)
		fail_msg("%s: %s", err_name(c->err), c->why.text);
	assert_int_equal(c->body.len, strlen(text));
	if (c->body.len > 0)
		assert_memory_equal(c->body.data, text, c->body.len);
	buf_free(&c->body);
}

static void check_err(struct client *c, int err)
{
	assert_int_equal(c->dones, 1);
	if (c->err != err)
		fail_msg("expected %s, got %s: %s", err_name(err), err_name(c->err), c->why.text);
	buf_free(&c->body);
}

static int setup(void **state)
{
	struct listen_req lr = {.address = "127.0.0.1", .fd = -1, .max_conns = LIMIT};
	struct fail f;

	(void)state;
	memset(&server, 0, sizeof(server));
	running = 0;
	assert_int_equal(pipe2(pipe_fd, O_NONBLOCK | O_CLOEXEC), 0);
	opts = opts_new(NULL);
	assert_int_equal(opts_set(opts, OPT_TIMEOUT, "5", &f), 0);
	assert_int_equal(loop_init(&loop, 4 << 20), 0);
	assert_int_equal(net_new(&loop, opts, &net, &f), 0);
	assert_int_equal(listener_open(net, &lr, on_accept, NULL, &listener, &f), 0);
	snprintf(base_uri, sizeof(base_uri), "http://127.0.0.1:%u", listener_port(listener));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < server.n_peers; i++) {
		end_peer(server.peers[i]);
		uv_close((uv_handle_t *)&server.peers[i]->turn, NULL);
	}
	for (unsigned i = 0; i < server.n_requests; i++)
		free(server.requests[i]);
	listener_close(listener);
	net_free(net);
	assert_int_equal(loop_close(&loop), 0);
	for (unsigned i = 0; i < server.n_peers; i++)
		free(server.peers[i]);
	opts_unref(opts);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	return 0;
}

static void set(enum opt id, const char *value)
{
	assert_int_equal(opts_set(opts, id, value, NULL), 0);
}

/* ---- tests ---- */

static void test_plain(void **state)
{
	struct client c = {0};

	(void)state;
	SERVE({ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"e\"\r\nContent-Disposition: attachment; "
		      "filename=n\r\n\r\nhello")});
	fetch(&c, "/x?y#z");
	check_body(&c, "hello");
	assert_int_equal(c.head.status, 200);
	assert_int_equal(c.head.body_len, 5);
	assert_int_equal(c.head.total, 5);
	assert_string_equal(c.name, "n");
	assert_string_equal(c.peer, base_uri + strlen("http://"));
	assert_int_equal(strncmp(server.requests[0], "GET /x?y HTTP/1.1\r\n", 19), 0);
}

static void test_start_refused(void **state)
{
	struct fetch_req req = {.uri = "no uri", .want = {0, -1}, .if_modified_since = -1, .opts = opts};
	struct fail f;
	void *h;

	(void)state;
	assert_int_equal(http1_proto.start(net, &req, &ops, NULL, &h, &f), ERR_BAD_URI);
	assert_ptr_equal(proto_find("http"), &http1_proto);
	assert_ptr_equal(proto_find("https"), &http1_proto);
	assert_null(proto_find("gopher"));
	assert_null(proto_find("httpx"));
}

/* One byte a turn, one byte of room, and pauses: the same bytes in all ways of framing. */
static void check_all_cuts(const struct script *base, const char *want)
{
	static const size_t steps[] = {0, 1, 3}, rooms[] = {0, 1, 7};
	static const unsigned pauses[] = {0, 2, 3};
	static struct script s[27];
	unsigned n = 0;

	for (size_t i = 0; i < 27; i++) {
		s[i] = *base;
		s[i].step = steps[i / 9];
	}
	serve_n(s, 27);
	for (size_t i = 0; i < 27; i++) {
		struct client c = {.room = rooms[i / 3 % 3], .pause_every = pauses[i % 3]};

		fetch(&c, "/");
		if (c.pause_every != 0 && c.room != 0)
			assert_true(c.pauses > 0);
		check_body(&c, want);
		n++;
	}
	assert_int_equal(server.n_requests, n);
}

static void test_cuts_length(void **state)
{
	const struct script s = {ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789abcdefghij")};

	(void)state;
	check_all_cuts(&s, "0123456789abcdefghij");
	assert_int_equal(server.n_peers, 1);
}

static void test_cuts_chunked(void **state)
{
	const struct script s = {
		ANSWER("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "5;x=y\r\n01234\r\n1\r\n5\r\nA\r\n6789abcdef\r\n4\r\nghij\r\n0\r\nT: x\r\n\r\n")};

	(void)state;
	check_all_cuts(&s, "0123456789abcdefghij");
	assert_int_equal(server.n_peers, 1);
}

static void test_cuts_close(void **state)
{
	const struct script s = {ANSWER("HTTP/1.1 200 OK\r\n\r\n0123456789abcdefghij"), .after = CLOSE};

	(void)state;
	check_all_cuts(&s, "0123456789abcdefghij");
	assert_int_equal(server.n_peers, 27);
}

static size_t gzip(const char *plain, size_t n, char *out, size_t size)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (z_const Bytef *)plain;
	z.avail_in = (uInt)n;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)size;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static size_t gzip_answer(char *out, size_t size, size_t drop)
{
	static const char plain[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbb";
	char coded[200];
	size_t n = gzip(plain, sizeof(plain) - 1, coded, sizeof(coded)) - drop;
	int head = snprintf(out, size, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", n);

	memcpy(out + head, coded, n);
	return (size_t)head + n;
}

static void test_cuts_gzip(void **state)
{
	char text[400];
	const struct script s = {.data = text, .n = gzip_answer(text, sizeof(text), 0)};

	(void)state;
	set(OPT_HTTP_ACCEPT_GZIP, "true");
	check_all_cuts(&s, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbb");
	assert_int_equal(server.n_peers, 1);
}

static void test_gzip_cut(void **state)
{
	char text[400];
	const struct script s = {.data = text, .n = gzip_answer(text, sizeof(text), 3)};
	struct client c = {0};

	(void)state;
	set(OPT_HTTP_ACCEPT_GZIP, "true");
	serve_n(&s, 1);
	fetch(&c, "/");
	check_err(&c, ERR_CODING);
	assert_true(c.head.coded);
	assert_int_equal(c.head.body_len, -1);
}

/* Not asked for: the coded bytes are the file. */
static void test_gzip_unasked(void **state)
{
	struct client c = {0};

	(void)state;
	SERVE({ANSWER("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8bx")});
	fetch(&c, "/");
	check_body(&c, "\x1f\x8bx");
	assert_false(c.head.coded);
}

static void test_large(void **state)
{
	static const char head[] = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes "
				   "10-3000009/4000000\r\nContent-Length: 3000000\r\n\r\n";
	size_t n = sizeof(head) - 1 + 3000000;
	char *text = xmalloc(n + 1);
	const struct script s = {.data = text, .n = n};
	struct client c = {.pause_every = 100};
	char uri[128];
	struct fetch_req req;

	(void)state;
	memcpy(text, head, sizeof(head));
	for (size_t i = sizeof(head) - 1; i < n; i++)
		text[i] = (char)('a' + i % 23);
	text[n] = '\0';
	serve_n(&s, 1);
	req = request("/", uri);
	req.want = (struct range){10, 3000010};
	start_req(&c, &req);
	loop_run(&loop);
	assert_int_equal(c.head.range.start, 10);
	assert_int_equal(c.head.range.end, 3000010);
	assert_int_equal(c.head.total, 4000000);
	assert_non_null(strstr(server.requests[0], "\r\nRange: bytes=10-3000009\r\n"));
	assert_true(c.pauses > 5);
	check_body(&c, text + sizeof(head) - 1);
	free(text);
}

/* A body of 60,000 bytes behind `head`, in pieces of 500 at intervals of a millisecond; malloc'd. */
static struct script in_pieces(const char *head)
{
	struct script s = {.n = strlen(head) + 60000, .step = 500, .every_ms = 1};
	char *text = xmalloc(s.n + 1);

	memset(text, 'x', s.n);
	memcpy(text, head, strlen(head));
	text[s.n] = '\0';
	s.data = text;
	return s;
}

/* Bytes that come slowly are read many at a time, and the end never waits: not that of the body, nor that of the connection; nor
 * does the next answer on it. */
static void test_low_water(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n";
	static const char longer[] = "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n";
	static const size_t low[] = {1, 16384, 1 << 30};
	struct script all[] = {in_pieces(head), in_pieces(head), in_pieces(head), {ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")},
		{ANSWER("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n1\r\ny\r\n0\r\n\r\n"), .step = 1}, in_pieces(longer)};
	unsigned spaces[3];

	(void)state;
	all[5].after = CLOSE;
	serve_n(all, 6);
	for (unsigned i = 0; i < 3; i++) {
		struct client c = {.low = low[i]};

		fetch(&c, "/");
		check_body(&c, all[i].data + sizeof(head) - 1);
		spaces[i] = c.spaces;
	}
	assert_true(spaces[1] < spaces[0]);
	for (unsigned i = 3; i < 6; i++) {
		struct client c = {.low = 100000};

		fetch(&c, "/");
		if (i < 5)
			check_body(&c, i == 3 ? "a" : "xy");
		else
			check_err(&c, ERR_EOF);
	}
	assert_int_equal(server.n_peers, 1);
	for (unsigned i = 0; i < 6; i++)
		if (all[i].step == 500)
			free((char *)all[i].data);
}

static void test_reuse(void **state)
{
	(void)state;
	SERVE({ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")},
		{ANSWER("HTTP/1.1 304 Not\r\nContent-Length: 9\r\n\r\n")},
		{ANSWER("HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\nnope")},
		{ANSWER("HTTP/1.1 302 Found\r\nLocation: /n\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
			.step = 1},
		{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")},
		{ANSWER("HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb")});
	static const int status[] = {200, 304, 404, 302, 200, 200};
	static const char *const body[] = {"a", "", "", "", "", "b"};

	for (int i = 0; i < 6; i++) {
		struct client c = {0};

		fetch(&c, "/");
		assert_int_equal(c.head.status, status[i]);
		assert_string_equal(c.location, status[i] == 302 ? "/n" : "");
		check_body(&c, body[i]);
	}
	assert_int_equal(server.n_peers, 1);
}

static struct client second;

static void start_second(struct client *c)
{
	(void)c;
	start(&second, "/second");
}

/* The next fetch, started from inside done(), already finds the connection. */
static void test_reuse_in_done(void **state)
{
	struct client first = {0}, c = {.then = start_second};

	(void)state;
	SERVE({ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")},
		{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")},
		{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb")});
	memset(&second, 0, sizeof(second));
	fetch(&first, "/");
	fetch(&c, "/");
	check_body(&c, "a");
	check_body(&second, "b");
	assert_int_equal(server.n_peers, 1);
}

static void test_not_reused(void **state)
{
	(void)state;
	SERVE({ANSWER("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na")},
		{ANSWER("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na")},
		{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naJUNK")},
		{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: "
			"4\r\n\r\nEVIL")},
		{ANSWER("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nJUNK")},
		{ANSWER("HTTP/1.1 304 Not\r\n\r\nJUNK")},
		{ANSWER("HTTP/1.1 404 No\r\nContent-Length: 1000000\r\n\r\nx")}, {ANSWER("HTTP/1.1 500 No\r\n\r\nx")},
		{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"), .after = CLOSE},
		{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")});

	for (unsigned i = 0; i < 10; i++) {
		struct client c = {0};

		fetch(&c, "/");
		check_body(&c, c.head.status == 200 ? "a" : "");
		assert_int_equal(server.peer_of[i], i);
	}
}

/* Junk behind a body that is received straight into the owner's memory: it is read before the connection is used again.
 */
static void test_junk_behind_direct(void **state)
{
	struct client c = {.room = 4000, .then = start_second};
	char *text = xmalloc(100000);
	int head = snprintf(text, 100, "HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n");
	struct script s[] = {{.data = text}, {ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")}};

	(void)state;
	memset(text + head, 'x', 90000);
	strcpy(text + head + 90000, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL");
	s[0].n = strlen(text);
	serve_n(s, 2);
	memset(&second, 0, sizeof(second));
	fetch(&c, "/");
	text[head + 90000] = '\0';
	check_body(&c, text + head);
	check_body(&second, "good");
	assert_int_equal(server.n_peers, 2);
	free(text);
}

static void test_keep_alive_off(void **state)
{
	(void)state;
	SERVE({ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")},
		{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")});
	set(OPT_ENABLE_HTTP_KEEP_ALIVE, "false");
	for (int i = 0; i < 2; i++) {
		struct client c = {0};

		fetch(&c, "/");
		check_body(&c, "a");
		assert_non_null(strstr(server.requests[i], "\r\nConnection: close\r\n"));
	}
	assert_int_equal(server.n_peers, 2);
}

/* A kept connection that ends at the next request: asked again on a new one, and only once. */
static void test_stale(void **state)
{
	struct client a = {0}, b = {0}, c = {0};

	(void)state;
	SERVE({ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")}, {.after = CLOSE},
		{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb")}, {.after = RESET}, {.after = CLOSE});
	fetch(&a, "/a");
	check_body(&a, "a");
	fetch(&b, "/b");
	check_body(&b, "b");
	assert_int_equal(b.heads, 1);
	assert_int_equal(server.n_peers, 2);
	assert_string_equal(server.requests[1], server.requests[2]);
	fetch(&c, "/c");
	check_err(&c, ERR_EOF);
	assert_int_equal(c.heads, 0);
	assert_int_equal(server.n_requests, 5);
	assert_int_equal(server.n_peers, 3);
}

static void test_cut_short(void **state)
{
	static const struct {
		struct script s;
		int err;
		const char *text;
	} rows[] = {
		{{.after = CLOSE}, ERR_EOF, "before it answered"},
		{{.after = RESET}, ERR_RESET, ""},
		{{ANSWER("HTTP/1.1 200 OK\r\nConte"), .after = CLOSE}, ERR_EOF, "within the head"},
		{{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"), .after = CLOSE}, ERR_EOF,
			"after 3 of 5 bytes"},
		{{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"), .step = 1, .after = RESET}, ERR_RESET, ""},
		{{ANSWER("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"), .after = CLOSE}, ERR_EOF,
			"chunked"},
		{{ANSWER("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"), .after = CLOSE},
			ERR_EOF, "chunked"},
		{{ANSWER("HTTP/1.1 200 OK\r\n\r\nhel"), .after = RESET}, ERR_RESET, ""},
		{{ANSWER("HTTP/1.1 200 OK\r\n\r\nhel"), .step = 1, .after = RESET}, ERR_RESET, ""},
		{{ANSWER("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}, ERR_PROTO, "chunk"},
		{{ANSWER("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n")}, ERR_PROTO,
			"chunk"},
		{{ANSWER("<html>")}, ERR_PROTO, "HTTP"},
		{{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")}, ERR_PROTO, ""},
		{{ANSWER("HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n")}, ERR_PROTO, "coding"},
	};
	static struct script s[sizeof(rows) / sizeof(rows[0])];
	unsigned n = sizeof(rows) / sizeof(rows[0]);

	(void)state;
	for (unsigned i = 0; i < n; i++)
		s[i] = rows[i].s;
	serve_n(s, n);
	for (unsigned i = 0; i < n; i++) {
		struct client c = {0};

		fetch(&c, "/");
		check_err(&c, rows[i].err);
		if (strstr(c.why.text, rows[i].text) == NULL)
			fail_msg("%u: %s", i, c.why.text);
	}
}

/* What came before a broken chunk is handed out, also to an owner who pauses meanwhile, and the reason stays the chunk. */
static void test_bytes_before_a_broken_chunk(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\nzz\r\n";

	(void)state;
	SERVE({ANSWER(text)}, {ANSWER(text), .step = 1}, {ANSWER(text), .after = CLOSE});
	for (unsigned i = 0; i < 3; i++) {
		struct client c = {.pause_every = i == 2, .pause_ms = 50, .stop_pausing = 1};

		fetch(&c, "/");
		assert_int_equal(c.err, ERR_PROTO);
		assert_non_null(strstr(c.why.text, "chunk"));
		assert_int_equal(c.body.len, 6);
		assert_memory_equal(c.body.data, "hello!", 6);
		buf_free(&c.body);
	}
}

static char *repeat(const char *front, const char *unit, size_t units, size_t *ret_n)
{
	struct buf b;

	buf_init(&b, 1 << 24);
	buf_adds(&b, front);
	for (size_t i = 0; i < units; i++)
		buf_adds(&b, unit);
	*ret_n = b.len;
	return buf_take(&b);
}

static void check_flood(const char *front, const char *unit, size_t units, int err)
{
	struct script s = {0};
	char *text = repeat(front, unit, units, &s.n);
	struct client c = {0};

	s.data = text;
	server.n_requests = 0;
	free(server.requests[0]);
	serve_n(&s, 1);
	fetch(&c, "/");
	check_err(&c, err);
	end_peer(server.peers[server.n_peers - 1]);
	free(text);
}

static void test_floods(void **state)
{
	(void)state;
	check_flood("", "HTTP/1.1 103 Early Hints\r\n\r\n", 1000, ERR_PROTO);
	check_flood("HTTP/1.1 200 OK\r\nA: ", "aaaaaaaaaaaaaaaa", 10000, ERR_LIMIT);
	check_flood("HTTP/1.1 200 OK\r\n", "A: b\r\n", 20000, ERR_LIMIT);
	check_flood("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=", "aaaaaaaaaaaaaaaa", 10000, ERR_LIMIT);
	check_flood(
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X-T: aaaaaaaaaa\r\n", 10000, ERR_LIMIT);
}

static void check_cancel(enum when when, const struct script *s)
{
	struct client c = {.cancel = when};

	server.n_requests = 0;
	free(server.requests[0]);
	serve_n(s, 1);
	server.stop_at_ended = server.n_ended + 1;
	fetch(&c, "/");
	assert_null(c.fetch);
	assert_int_equal(c.dones, 0);
	if (server.n_ended < server.stop_at_ended) /* the connection goes: a cancelled fetch keeps none */
		loop_run(&loop);
	assert_int_equal(server.n_ended, server.stop_at_ended);
	server.stop_at_ended = 0;
	buf_free(&c.body);
}

static void test_cancel_everywhere(void **state)
{
	static const struct script s[] = {
		{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")},
		{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), .step = 1},
		{ANSWER("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n")},
		{ANSWER("HTTP/1.1 200 OK\r\n\r\nhello"), .step = 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(s) / sizeof(s[0]); i++) {
		check_cancel(IN_HEAD, &s[i]);
		check_cancel(IN_SPACE, &s[i]);
		check_cancel(IN_DATA, &s[i]);
	}
}

static void cancel_first(void *arg)
{
	cancel(arg);
}

static void test_cancel_outside(void **state)
{
	struct client c = {0}, d = {0};

	(void)state;
	SERVE({ANSWER("")}, {ANSWER("")});
	start(&d, "/"); /* will wait for the head */
	start(&c, "/"); /* dialling */
	cancel(&c);
	timer_start(&loop, &d.timer, 30, 0, cancel_first, &d);
	loop_run(&loop);
	assert_int_equal(c.heads + c.dones + d.heads + d.dones, 0);
	assert_null(d.fetch);
}

static void test_refused_connection(void **state)
{
	struct client c = {0};

	(void)state;
	listener_close(listener);
	listener = NULL;
	fetch(&c, "/");
	assert_int_equal(c.dones, 1);
	assert_int_equal(err_exit_code(c.err), err_exit_code(ERR_CONNECT));
	assert_int_not_equal(c.err, 0);
}

/* Its connection is not used again: a server may send a body all the same, now or later. */
static void test_head_request(void **state)
{
	struct client c = {0}, d = {0};
	char uri[128];
	struct fetch_req req;

	(void)state;
	SERVE({ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")},
		{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")});
	req = request("/", uri);
	req.head_only = true;
	start_req(&c, &req);
	loop_run(&loop);
	check_body(&c, "");
	assert_int_equal(c.head.total, 38);
	assert_int_equal(strncmp(server.requests[0], "HEAD / ", 7), 0);
	fetch(&d, "/");
	check_body(&d, "x");
	assert_int_equal(server.n_peers, 2);
}

static void test_auth_challenge(void **state)
{
	struct client c = {0}, d = {0};

	(void)state;
	SERVE({ANSWER("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n")},
		{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")},
		{ANSWER("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n")},
		{ANSWER("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n")});
	set(OPT_HTTP_USER, "user");
	set(OPT_HTTP_PASSWD, "pass");
	set(OPT_HTTP_AUTH_CHALLENGE, "true");
	fetch(&c, "/");
	check_body(&c, "a");
	assert_int_equal(c.heads, 1);
	assert_int_equal(c.head.status, 200);
	assert_null(strstr(server.requests[0], "Authorization"));
	assert_non_null(strstr(server.requests[1], "\r\nAuthorization: Basic dXNlcjpwYXNz\r\n"));
	fetch(&d, "/");
	check_body(&d, "");
	assert_int_equal(d.head.status, 401);
	assert_int_equal(server.n_requests, 4);
}

/* Credentials and header lines stay with the origin that the user named, and no connection is shared between users. */
static void test_credentials(void **state)
{
	struct client c = {0}, d = {0}, e = {0};
	char uri[128], with_user[160];
	struct fetch_req req;

	(void)state;
	SERVE({ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")},
		{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")},
		{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")});
	set(OPT_HTTP_USER, "user");
	set(OPT_HTTP_PASSWD, "pass");
	set(OPT_HEADER, "X-Secret: s");
	req = request("/", uri);
	req.cred_uri = "http://other.example/";
	start_req(&c, &req);
	loop_run(&loop);
	check_body(&c, "a");
	assert_null(strstr(server.requests[0], "Authorization"));
	assert_null(strstr(server.requests[0], "X-Secret"));
	req.cred_uri = uri;
	start_req(&d, &req);
	loop_run(&loop);
	check_body(&d, "a");
	assert_non_null(strstr(server.requests[1], "Authorization: Basic dXNlcjpwYXNz\r\n"));
	assert_non_null(strstr(server.requests[1], "X-Secret: s\r\n"));
	snprintf(with_user, sizeof(with_user), "http://me:too@%s/", base_uri + strlen("http://"));
	req.uri = with_user;
	start_req(&e, &req);
	loop_run(&loop);
	check_body(&e, "a");
	assert_non_null(strstr(server.requests[2], "Authorization: Basic bWU6dG9v\r\n"));
	assert_null(strstr(server.requests[2], "too@"));
	assert_int_equal(server.n_peers, 3);
}

static void test_timeouts(void **state)
{
	struct client none = {0}, slow = {0}, stall = {0}, drain = {0};

	(void)state;
	SERVE({ANSWER("")},
		{ANSWER("HTTP/1.1 200 OK\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\r\n"), .step = 1,
			.every_ms = 50},
		{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel")},
		{ANSWER("HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\nhel")});
	set(OPT_TIMEOUT, "1");
	start(&none, "/0");
	start(&slow, "/1");
	start(&stall, "/2");
	start(&drain, "/3");
	loop_run(&loop);
	check_err(&none, ERR_TIMEOUT);
	assert_string_equal(none.why.text, "Timeout.");
	check_err(&slow, ERR_TIMEOUT); /* each byte comes in time, the head as a whole does not */
	assert_int_equal(slow.heads, 0);
	assert_int_equal(stall.body.len, 3);
	check_err(&stall, ERR_TIMEOUT);
	check_body(&drain, "");
	assert_int_equal(drain.head.status, 404);
}

#define EIGHTY "0123456789abcdefghij0123456789abcdefghij0123456789abcdefghij0123456789abcdefghij"

/* A pause of the owner is not the server's fault; and a body that trickles is not idle. */
static void test_no_timeout(void **state)
{
	struct client paused = {.room = 1, .pause_every = 2, .pause_ms = 1300, .stop_pausing = 1}, trickle = {0};

	(void)state;
	SERVE({ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")},
		{ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 80\r\n\r\n" EIGHTY), .step = 20, .every_ms = 250});
	set(OPT_TIMEOUT, "1");
	start(&paused, "/0");
	start(&trickle, "/1");
	loop_run(&loop);
	assert_int_equal(paused.pauses, 1);
	check_body(&paused, "hello");
	check_body(&trickle, EIGHTY);
}

static void test_many_at_once(void **state)
{
	static struct script s[20];
	static struct client c[20];

	(void)state;
	memset(c, 0, sizeof(c));
	for (size_t i = 0; i < 20; i++)
		s[i] = (struct script){ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), .step = 1 + i % 5};
	serve_n(s, 20);
	for (size_t i = 0; i < 20; i++) {
		c[i].room = 1 + i % 3;
		c[i].pause_every = (unsigned)i % 4;
		if (c[i].pause_every == 1)
			c[i].stop_pausing = 3;
		start(&c[i], "/");
	}
	loop_run(&loop);
	for (size_t i = 0; i < 20; i++)
		check_body(&c[i], "hello");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int was_piped(void **state)
{
	(void)state;
	return piped > 300 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_plain),
		T(test_start_refused),
		T(test_cuts_length),
		T(test_cuts_chunked),
		T(test_cuts_close),
		T(test_cuts_gzip),
		T(test_gzip_cut),
		T(test_gzip_unasked),
		T(test_large),
		T(test_low_water),
		T(test_reuse),
		T(test_reuse_in_done),
		T(test_not_reused),
		T(test_junk_behind_direct),
		T(test_keep_alive_off),
		T(test_stale),
		T(test_cut_short),
		T(test_bytes_before_a_broken_chunk),
		T(test_floods),
		T(test_cancel_everywhere),
		T(test_cancel_outside),
		T(test_refused_connection),
		T(test_head_request),
		T(test_auth_challenge),
		T(test_credentials),
		T(test_timeouts),
		T(test_no_timeout),
		T(test_many_at_once),
	};
	const struct CMUnitTest again[] = {
		T(test_plain),
		T(test_cuts_length),
		T(test_cuts_chunked),
		T(test_cuts_close),
		T(test_cuts_gzip),
		T(test_large),
		T(test_reuse),
		T(test_junk_behind_direct),
		T(test_cancel_everywhere),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	with_pipes = true;
	return failed + cmocka_run_group_tests_name("with pipes", again, NULL, was_piped);
}
