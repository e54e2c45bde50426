/* SPDX-License-Identifier: MIT
 * HTTP/1.1 fetches: one request and its answer on one connection, new or from the pool.
 *
 * States: DIAL -> HEAD -> BODY (the owner gets the body) or DRAIN (nobody does) -> TAIL -> done. TAIL lasts until the
 * end of the loop turn in which the body ended: the connection is read once more, so that bytes behind the body are
 * seen before it is used again.
 *
 * Lifetime: `gone` is set by cancel and before done; from then on the owner is not called. The memory goes when the
 * last of our functions on the stack returns (leave).
 */
#include "proto/http1.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/log.h"
#include "net/cpool.h"
#include "net/net.h"
#include "net/stream.h"
#include "proto/http1_int.h"
#include "proto/http_req.h"
#include "proto/http_state.h"
#include "proto/tunnel.h"

#define DRAIN_MAX 65536 /* bytes of a body that nobody wants, read to keep the connection ... */
#define DRAIN_MS  2000	/* ... for at most this long */

#define FAR_MS	50 /* round trips from which on it pays to dial before the first answer is there */

#define LATE_MS	  500	/* a deadline noticed so much too late means that the process was stopped: what came meanwhile ... */
#define GRACE_MS  500	/* ... is read in this time, before it counts */

static void connect_fresh(struct http1 *f);

static void free_fetch(struct http1 *f)
{
	char *buf = http_body_reclaim(&f->body);

	if (buf != NULL)
		http_state_give_buf(net_http(f->net), buf);
	uri_free(&f->uri);
	proxy_free(&f->proxy);
	free(f->user_agent);
	buf_wipe(&f->request);
	buf_wipe(&f->auth_request);
	free(f->key);
	http_parser_free(&f->parser);
	http_body_free(&f->body);
	OBJ_FREE(f);
}

static struct http1 *enter(void *arg)
{
	struct http1 *f = arg;

	OBJ_CHECK(f, HTTP1);
	f->holds++;
	return f;
}

static void leave(struct http1 *f)
{
	if (--f->holds == 0 && f->gone)
		free_fetch(f);
}

static void drop_spares(struct http1 *f)
{
	if (f->has_spares)
		cpool_drop_spares(f->net, f->key);
	f->has_spares = false;
}

/* Nothing will call us any more. */
static void shut(struct http1 *f)
{
	f->gone = true;
	drop_spares(f);
	timer_stop(&f->timer);
	defer_cancel(f->loop, &f->turn);
	tunnel_cancel(f->tunnel);
	f->tunnel = NULL;
	stream_close(f->s);
	f->s = NULL;
}

/* The end of the fetch; the caller is between enter and leave, and returns. */
static void finish(struct http1 *f, int err, const struct fail *why)
{
	const struct fail none = {0};

	if (err != 0)
		log_debug(HTTP, "%s: %s", f->uri.host, why->text);
	shut(f);
	f->ops->done(f->owner, err, err != 0 ? why : &none);
}

static void finish_with(struct http1 *f, int err, const char *text)
{
	struct fail why;

	fail_set(&why, err, "%s", text);
	finish(f, err, &why);
}

static void on_timer(void *arg);

static void start_timer(struct http1 *f, uint64_t ms)
{
	f->since = loop_now(f->loop);
	timer_start(f->loop, &f->timer, ms, 0, on_timer, f);
}

/* One timer for head and body: bytes only note the time, and an early expiry waits for the rest. */
static void on_timer(void *arg)
{
	struct http1 *f = enter(arg);
	uint64_t now = loop_now(f->loop);

	if (f->state == FETCH_DRAIN) {
		finish(f, 0, NULL);
	} else {
		if (f->state == FETCH_BODY && f->paused)
			f->since = now;
		else if (now - f->since >= f->timeout_ms + LATE_MS)
			f->since = now + GRACE_MS - f->timeout_ms;
		if (now - f->since >= f->timeout_ms)
			finish_with(f, ERR_TIMEOUT, err_text(ERR_TIMEOUT));
		else
			timer_start(f->loop, &f->timer, f->timeout_ms - (now - f->since), 0, on_timer, f);
	}
	leave(f);
}

/* ---- body ---- */

/* Not more than what is left, or the end would be waited for in vain. */
static void set_low(struct http1 *f, size_t n)
{
	int64_t left = http_body_left(&f->body);

	if (n <= 1 || left == INT64_MAX || !http_body_direct(&f->body))
		n = 0;
	else if ((int64_t)n > left)
		n = (size_t)left;
	if (n == f->low || f->s == NULL)
		return;
	f->low = n;
	stream_low_water(f->s, n > 0 ? n : 1);
}

/* The body is whole and the owner (if any) has it. */
static void end_body(struct http1 *f)
{
	struct fail why;
	int r = http_body_end(&f->body, &why);

	set_low(f, 1);
	if (r < 0) {
		finish(f, r, &why);
		return;
	}
	if (f->body.junk)
		cpool_noisy(f->net, f->key);
	if (!f->keep || f->body.junk) {
		finish(f, 0, NULL);
		return;
	}
	f->state = FETCH_TAIL;
	timer_stop(&f->timer);
	stream_resume(f->s);
	defer(f->loop, &f->turn);
}

static void check_end(struct http1 *f)
{
	if (http_body_ready(&f->body))
		return;
	if (f->body.ended)
		end_body(f);
	else if (f->lost)
		finish(f, f->why.code, &f->why);
}

/* One span of the owner's is filled from the buffer. */
static void hand_out(struct http1 *f)
{
	struct span room = {NULL, 0};
	struct fail why;
	size_t n;
	int r;

	f->ops->space(f->owner, &room);
	if (f->gone)
		return;
	n = room.len;
	if (n == 0) {
		f->paused = true;
		return;
	}
	r = http_body_take(&f->body, room.base, &n, &why);
	if (n > 0)
		f->ops->data(f->owner, n);
	if (r < 0 && !f->gone)
		finish(f, r, &why);
}

/* Everything that is in the buffer goes to the owner, until he pauses. */
static void pump(struct http1 *f)
{
	if (f->pumping) /* called from inside the owner's callback: the loop below goes on */
		return;
	f->pumping = true;
	while (!f->gone && !f->paused && http_body_ready(&f->body))
		hand_out(f);
	f->pumping = false;
	if (!f->gone)
		check_end(f);
}

static void drain(struct http1 *f)
{
	http_body_skip(&f->body);
	if (f->body.ended)
		end_body(f);
	else if (f->body.got > DRAIN_MAX)
		finish(f, 0, NULL);
}

/* A body that nobody wants: read it when that is cheaper than another connection. */
static void begin_drain(struct http1 *f)
{
	bool worth = f->keep && (f->body.framing == FRAMING_CHUNKED || http_body_left(&f->body) <= DRAIN_MAX);

	http_body_skip(&f->body);
	if (f->body.ended) {
		end_body(f);
	} else if (worth) {
		f->state = FETCH_DRAIN;
		start_timer(f, DRAIN_MS);
	} else {
		finish(f, 0, NULL);
	}
}

/* ---- head ---- */

static bool is_for_owner(const struct http_answer *a)
{
	return a->h.status == 200 || a->h.status == 206;
}

static void keep_cookies(const struct http1 *f)
{
	struct http_state *shared = net_http(f->net);

	for (unsigned i = 0; shared != NULL && i < f->parser.n_fields; i++) {
		if (http_field_is(&f->parser, i, "Set-Cookie"))
			cookie_jar_receive(shared->jar, &f->uri, http_field_value(&f->parser, i), (int64_t)time(NULL));
	}
}

/* The proxy itself answered, not the origin. */
static bool is_from_proxy(const struct http1 *f, const struct http_answer *a)
{
	return f->proxy.kind == PROXY_FORWARD && a->h.status == 407;
}

/* A 401 to a request without credentials, which wait for being asked for: the request is repeated with them. */
static bool answer_challenge(struct http1 *f, const struct http_answer *a)
{
	if (!a->asks_basic || f->auth_request.len == 0)
		return false;
	buf_wipe(&f->request);
	f->request = f->auth_request;
	buf_init(&f->auth_request, HTTP_REQ_MAX);
	connect_fresh(f);
	return true;
}

/* The head is read, the owner hears of it, and the bytes that came with it go where they belong. */
static void take_answer(struct http1 *f, const struct http_answer *a, size_t used)
{
	bool give = is_for_owner(a);

	/* Some servers send a body to HEAD all the same, which would be read as the next answer. */
	f->keep = a->keep_alive && f->keep_alive && !f->asked.head_only;
	f->since = loop_now(f->loop);
	f->ops->head(f->owner, &a->h);
	if (f->gone)
		return;
	if (!give)
		drop_spares(f);
	f->lost = http_body_begin(&f->body, a, used, give, &f->why) < 0;
	if (give) {
		f->state = FETCH_BODY;
		pump(f);
	} else if (f->lost) {
		finish(f, 0, NULL); /* a broken body that nobody asked for only costs the connection */
	} else {
		begin_drain(f);
	}
}

static void on_answer(struct http1 *f, const struct http_answer *a, size_t used)
{
	if (is_from_proxy(f, a)) {
		finish_with(f, ERR_AUTH, "The proxy asks for a login");
		return;
	}
	keep_cookies(f);
	if (!answer_challenge(f, a))
		take_answer(f, a, used);
}

/* The beginning of an alert or handshake record of TLS (RFC 8446 5.1). */
static bool is_tls(const struct span *in)
{
	return in->len >= 2 && (in->base[0] == 0x15 || in->base[0] == 0x16) && in->base[1] == 0x03;
}

static void on_head_bytes(struct http1 *f, size_t n)
{
	struct span in = http_body_head(&f->body, n);
	struct http_answer a = {0};
	struct fail why;
	size_t used;
	int r = http_parse_head(&f->parser, in.base, in.len, &used, &why);

	if (r < 0 && !f->answered && is_tls(&in))
		r = fail_set(&why, ERR_TLS, "The server speaks TLS on this port: use https://");
	f->answered = true;
	if (r == 1)
		r = http_head_read(&f->parser, &f->asked, &a, &why) < 0 ? why.code : 1;
	a.h.zone = f->proxy.kind == PROXY_NONE ? stream_zone(f->s) : zone_of_name(f->uri.host);
	a.h.rtt_ms = stream_rtt(f->s);
	if (r < 0)
		finish(f, r, &why);
	else if (r == 1)
		on_answer(f, &a, used);
	http_answer_free(&a);
}

/* ---- stream ---- */

static void send_request(struct http1 *f)
{
	f->state = FETCH_HEAD;
	start_timer(f, f->timeout_ms);
	stream_write(f->s, f->request.data, f->request.len);
}

/* A proxy that can't be reached is named, so that nobody looks for the fault at the origin. */
static void fail_dial(struct http1 *f, int err, const struct fail *why)
{
	struct fail named;

	if (f->proxy.kind != PROXY_FORWARD) {
		finish(f, err, why);
		return;
	}
	fail_set(&named, err, "The proxy %s: %s", f->proxy.host, why->text);
	finish(f, err, &named);
}


static bool is_https(const struct http1 *f)
{
	return strcmp(f->uri.scheme, "https") == 0;
}

/* Plain http goes to the proxy itself when that forwards; everything else is dialled at the origin, or is one already. */
static struct dial_req dial_req(const struct http1 *f)
{
	bool forward = f->proxy.kind == PROXY_FORWARD;

	return (struct dial_req){
		.host = forward ? f->proxy.host : f->uri.host,
		.port = forward ? f->proxy.port : f->uri.port,
		.tls = is_https(f),
		.alpn = "http/1.1",
		.connect_timeout_ms = f->connect_timeout_ms,
		.check_certificate = f->check_certificate,
		.from = forward ? ZONE_LOCAL : f->from, /* the proxy was named by the user */
	};
}

/* Where a round trip takes long, those that will be wanted when the answer is there are dialled now. */
static void dial_beside(struct http1 *f)
{
	const struct dial_req to = dial_req(f);

	if (f->beside == 0 || f->has_spares || stream_rtt(f->s) < FAR_MS)
		return;
	f->has_spares = true;
	cpool_dial(f->net, f->key, &to, f->beside);
}

static void on_open(void *owner, int err, const struct fail *why)
{
	struct http1 *f = enter(owner);

	if (err != 0) {
		fail_dial(f, err, why);
	} else {
		send_request(f);
		dial_beside(f);
	}
	leave(f);
}

static void body_space(struct http1 *f, struct span *ret)
{
	int64_t left = http_body_left(&f->body);

	f->direct = false;
	if (f->paused || http_body_ready(&f->body))
		return;
	if (!http_body_direct(&f->body)) {
		http_body_space(&f->body, ret);
		return;
	}
	f->ops->space(f->owner, ret);
	if (f->gone) {
		ret->len = 0;
		return;
	}
	f->direct = true;
	f->paused = ret->len == 0;
	if (left < (int64_t)ret->len)
		ret->len = (size_t)left;
}

static void on_space(void *owner, struct span *ret)
{
	struct http1 *f = enter(owner);

	*ret = (struct span){NULL, 0};
	if (f->state == FETCH_BODY)
		body_space(f, ret);
	else if (f->state == FETCH_TAIL)
		*ret = (struct span){&f->junk, f->keep ? 1 : 0};
	else if (f->state != FETCH_DIAL)
		http_body_space(&f->body, ret);
	leave(f);
}

static int on_pipe(void *owner, size_t *ret_len)
{
	struct http1 *f = enter(owner);
	int64_t left = http_body_left(&f->body);
	int fd = -1;

	if (f->state == FETCH_BODY && !f->paused && f->ops->pipe != NULL && http_body_direct(&f->body))
		fd = f->ops->pipe(f->owner, ret_len);
	if (f->gone)
		fd = -1;
	f->direct = fd >= 0;
	if (fd >= 0 && left < (int64_t)*ret_len)
		*ret_len = (size_t)left;
	leave(f);
	return fd;
}

static void on_body_bytes(struct http1 *f, size_t n)
{
	f->since = loop_now(f->loop);
	if (f->direct) {
		http_body_count(&f->body, n);
		if ((int64_t)f->low > http_body_left(&f->body))
			set_low(f, f->low);
		f->ops->data(f->owner, n);
		if (!f->gone)
			check_end(f);
		return;
	}
	f->lost = http_body_feed(&f->body, n, &f->why) < 0;
	pump(f);
}

static void on_drain_bytes(struct http1 *f, size_t n)
{
	struct fail why;

	if (http_body_feed(&f->body, n, &why) < 0)
		finish(f, 0, NULL); /* nobody asked for this body: that it is broken only costs the connection */
	else
		drain(f);
}

static void on_tail_bytes(struct http1 *f)
{
	f->keep = false;
	cpool_noisy(f->net, f->key);
}

static void on_data(void *owner, size_t n)
{
	struct http1 *f = enter(owner);

	if (f->state == FETCH_HEAD)
		on_head_bytes(f, n);
	else if (f->state == FETCH_BODY)
		on_body_bytes(f, n);
	else if (f->state == FETCH_DRAIN)
		on_drain_bytes(f, n);
	else
		on_tail_bytes(f);
	leave(f);
}

/* A kept connection may be closed by the server at any time; when it dies before it answered, the request is sent again
 * on a new one (RFC 9112 9.3.1: GET and HEAD are idempotent). That one is not `reused`, so it happens once. */
static void end_in_head(struct http1 *f, int err, const struct fail *why)
{
	if (f->reused && !f->answered)
		connect_fresh(f);
	else if (err != 0 && err != ERR_EOF)
		finish(f, err, why);
	else
		finish_with(f, ERR_EOF,
			f->answered ? "The server closed the connection within the head of its answer"
				    : "The server closed the connection before it answered");
}

static void end_in_body(struct http1 *f, int err, const struct fail *why)
{
	if (!f->lost && http_body_eof(&f->body, err == 0, &f->why) < 0) {
		f->lost = true;
		if (err != 0 && err != ERR_EOF)
			f->why = *why;
	}
	check_end(f);
}

static void on_end(void *owner, int err, const struct fail *why)
{
	struct http1 *f = enter(owner);

	f->keep = false;
	if (f->state == FETCH_DIAL)
		finish_with(f, ERR_CONNECT, err_text(ERR_CONNECT));
	else if (f->state == FETCH_HEAD)
		end_in_head(f, err, why);
	else if (f->state == FETCH_BODY)
		end_in_body(f, err, why);
	else
		finish(f, 0, NULL);
	leave(f);
}

static const struct stream_ops stream_ops = {.open = on_open, .space = on_space, .pipe = on_pipe, .data = on_data, .end = on_end};

static void on_tunnel(void *arg, int err, const struct fail *why, struct stream *s)
{
	struct http1 *f = enter(arg);
	const struct dial_req to = dial_req(f);

	f->tunnel = NULL;
	if (err != 0) {
		finish(f, err, why);
	} else {
		f->s = s;
		stream_set_owner(s, &stream_ops, f);
		if (is_https(f))
			stream_start_tls(s, &to);
		else
			send_request(f);
	}
	leave(f);
}

/* On a connection of its own, from the beginning. */
static void connect_fresh(struct http1 *f)
{
	const struct dial_req dial = dial_req(f);
	const struct tunnel_req through = {.proxy = &f->proxy, .target = &f->uri, .user_agent = f->user_agent,
		.timeout_ms = f->connect_timeout_ms, .from = f->from};

	timer_stop(&f->timer);
	stream_close(f->s);
	f->s = NULL;
	http_body_reset(&f->body);
	http_parser_free(&f->parser);
	http_parser_init(&f->parser);
	f->state = FETCH_DIAL;
	f->reused = f->answered = false;
	if (proxy_tunnels(&f->proxy))
		f->tunnel = tunnel_start(f->net, &through, on_tunnel, f);
	else
		f->s = stream_dial(f->net, &dial, &stream_ops, f);
}

static void connect_now(void *arg)
{
	struct http1 *f = arg;

	f->s = f->keep_alive ? cpool_take(f->net, f->key) : NULL;
	if (f->s == NULL) {
		connect_fresh(f);
		return;
	}
	stream_set_owner(f->s, &stream_ops, f);
	if (!stream_is_open(f->s)) /* a spare that is being dialled: on_open comes */
		return;
	f->reused = true;
	send_request(f);
	stream_resume(f->s);
}

static void connect_any(struct http1 *f)
{
	unsigned soon = f->keep_alive ? cpool_soon(f->net, f->key) : 0;

	if (soon > 0)
		timer_start(f->loop, &f->timer, soon, 0, connect_now, f);
	else
		connect_now(f);
}

static void on_turn(void *arg)
{
	struct http1 *f = enter(arg);

	if (f->state == FETCH_TAIL) {
		if (f->keep) {
			cpool_put(f->net, f->key, f->s);
			f->s = NULL;
		}
		finish(f, 0, NULL);
	} else if (f->state == FETCH_BODY && !f->paused) {
		pump(f);
		if (!f->gone && f->state == FETCH_BODY)
			stream_resume(f->s);
	}
	leave(f);
}

/* ---- start ---- */

static struct http1 *new_fetch(struct net *n, const struct fetch_ops *ops, void *owner)
{
	struct http1 *f = xcalloc(1, sizeof(*f));
	char *buf = http_state_take_buf(net_http(n));

	OBJ_INIT(f, HTTP1);
	f->net = n;
	f->loop = net_loop(n);
	f->ops = ops;
	f->owner = owner;
	f->turn = (struct deferred){.cb = on_turn, .arg = f};
	buf_init(&f->request, HTTP_REQ_MAX);
	buf_init(&f->auth_request, HTTP_REQ_MAX);
	http_parser_init(&f->parser);
	http_body_init(&f->body, &f->parser);
	if (buf != NULL)
		http_body_lend(&f->body, buf);
	return f;
}

static int http1_start(struct net *n, const struct fetch_req *req, const struct fetch_ops *ops, void *owner, void **ret,
	struct fail *why)
{
	struct http1 *f = new_fetch(n, ops, owner);
	int r = http1_ask(f, req, why);

	if (r < 0) {
		free_fetch(f);
		return r;
	}
	connect_any(f);
	*ret = f;
	return 0;
}

static void http1_resume(void *fetch)
{
	struct http1 *f = fetch;

	OBJ_CHECK(f, HTTP1);
	if (f->gone || !f->paused)
		return;
	f->paused = false;
	f->since = loop_now(f->loop);
	defer(f->loop, &f->turn);
}

static void http1_low_water(void *fetch, size_t n)
{
	struct http1 *f = fetch;

	OBJ_CHECK(f, HTTP1);
	if (!f->gone && f->state == FETCH_BODY)
		set_low(f, n);
}

static void http1_cancel(void *fetch)
{
	struct http1 *f = enter(fetch);

	if (!f->gone)
		shut(f);
	leave(f);
}

static const char *http1_peer(void *fetch)
{
	struct http1 *f = fetch;

	OBJ_CHECK(f, HTTP1);
	return f->s != NULL ? stream_peer(f->s) : "";
}

static const char *const schemes[] = {"http", "https", NULL};

const struct proto http1_proto = {
	.name = "http1",
	.schemes = schemes,
	.start = http1_start,
	.resume = http1_resume,
	.cancel = http1_cancel,
	.low_water = http1_low_water,
	.peer = http1_peer,
};
