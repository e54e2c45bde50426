/* SPDX-License-Identifier: MIT
 * Tunnels: dial the proxy, say what is wanted, check the answer. Each step waits for one message of the proxy; a byte
 * behind a message, which no proxy has reason to send, ends the tunnel.
 */
#include "proto/tunnel.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "ev/timer.h"
#include "net/net.h"
#include "net/resolve.h"
#include "net/stream.h"
#include "proto/http_parse.h"

#define IN_SIZE	    4096
#define REQUEST_MAX 8192
#define ADDRS_MAX   4 /* of the target's addresses that a SOCKS proxy is asked for, one after the other */

/* RFC 1928, RFC 1929 */
#define SOCKS_VERSION	 5
#define SOCKS_NO_LOGIN	 0
#define SOCKS_LOGIN	 2
#define SOCKS_REFUSED	 0xff
#define SOCKS_CONNECT	 1
#define SOCKS_IPV4	 1
#define SOCKS_NAME	 3
#define SOCKS_IPV6	 4
#define SOCKS_LOGIN_VERSION 1

struct tunnel {
	OBJ(TUNNEL);
	struct net *net;
	const struct proxy *proxy;
	const struct uri *target;
	char *user_agent;
	tunnel_cb cb;
	void *arg;
	struct stream *s; /* NULL while the target's name is looked up */
	struct resolve *resolve;
	struct timer timer;
	enum zone from;
	struct addrs addrs; /* of the target, PROXY_SOCKS5 only */
	unsigned next_addr;
	void (*step)(struct tunnel *t); /* what to do about in[0..have); may free t */
	struct http_parser parser;
	char in[IN_SIZE];
	size_t have;
};

static void free_tunnel(struct tunnel *t)
{
	timer_stop(&t->timer);
	resolve_cancel(t->resolve);
	stream_close(t->s);
	http_parser_free(&t->parser);
	free(t->user_agent);
	OBJ_FREE(t);
}

/* t is gone afterwards: every caller returns at once, up to libuv. */
static void finish(struct tunnel *t, int err, const struct fail *f)
{
	const struct fail none = {0};
	tunnel_cb cb = t->cb;
	void *arg = t->arg;
	struct stream *s = NULL;

	if (err == 0) {
		s = t->s;
		t->s = NULL;
		stream_set_owner(s, NULL, NULL);
	}
	free_tunnel(t);
	cb(arg, err, err != 0 ? f : &none, s);
}

static void fail_with(struct tunnel *t, int err, const char *text)
{
	struct fail f;

	fail_set(&f, err, "%s", text);
	finish(t, err, &f);
}

/* Whatever the cause, it is not the origin that failed. */
static void fail_through(struct tunnel *t, const struct fail *why)
{
	struct fail f;

	fail_set(&f, why->code, "The proxy %s: %s", t->proxy->host, why->text);
	finish(t, f.code, &f);
}

/* ---- HTTP ---- */

static void judge_status(struct tunnel *t, bool junk)
{
	int status = t->parser.status;
	struct fail f;

	if (status / 100 == 2) {
		if (junk)
			fail_with(t, ERR_PROTO, "The proxy sent bytes behind its answer to CONNECT");
		else
			finish(t, 0, NULL);
	} else if (status == 407) {
		fail_with(t, ERR_AUTH, "The proxy asks for a login");
	} else {
		fail_set(&f, status / 100 == 5 ? ERR_STATUS_5XX : ERR_STATUS, "The proxy answered CONNECT with %d",
			status);
		finish(t, f.code, &f);
	}
}

static void step_http(struct tunnel *t)
{
	struct fail f;
	size_t used;
	int r = http_parse_head(&t->parser, t->in, t->have, &used, &f);

	if (r < 0)
		fail_through(t, &f);
	else if (r == 1)
		judge_status(t, used < t->have);
	else
		t->have = 0;
}

static int send_connect(struct tunnel *t)
{
	const struct uri *u = t->target;
	const char *open = u->ipv6 ? "[" : "", *close = u->ipv6 ? "]" : "";
	struct buf b;
	int err;

	buf_init(&b, REQUEST_MAX + (t->proxy->authorization != NULL ? strlen(t->proxy->authorization) : 0));
	buf_addf(&b, "CONNECT %s%s%s:%u HTTP/1.1\r\n", open, u->host, close, u->port);
	if (t->user_agent != NULL && *t->user_agent != '\0' && !str_has_ctl(t->user_agent, strlen(t->user_agent)))
		buf_addf(&b, "User-Agent: %s\r\n", t->user_agent);
	buf_addf(&b, "Host: %s%s%s:%u\r\n", open, u->host, close, u->port);
	if (t->proxy->authorization != NULL)
		buf_addf(&b, "Proxy-Authorization: %s\r\n", t->proxy->authorization);
	buf_adds(&b, "\r\n");
	err = b.err;
	if (err == 0)
		stream_write(t->s, b.data, b.len);
	if (b.data != NULL)
		explicit_bzero(b.data, b.len);
	buf_free(&b);
	t->step = step_http;
	return err;
}

/* ---- SOCKS ---- */

/* RFC 1928 section 6 */
static const struct {
	int err;
	const char *text;
} socks_replies[] = {
	{ERR_CONNECT, "The SOCKS proxy had a general failure"},
	{ERR_STATUS, "The SOCKS proxy does not allow this connection"},
	{ERR_CONNECT, "The SOCKS proxy finds the network unreachable"},
	{ERR_CONNECT, "The SOCKS proxy finds the host unreachable"},
	{ERR_CONNECT, "The SOCKS proxy found the connection refused"},
	{ERR_CONNECT, "The SOCKS proxy had no answer in time"},
	{ERR_PROTO, "The SOCKS proxy does not know CONNECT"},
	{ERR_CONNECT, "The SOCKS proxy can't connect to addresses of this kind"},
};

static void dial_proxy(struct tunnel *t);

/* An address that the proxy could not reach; the next one needs a connection of its own (RFC 1928 section 6). */
static void judge_reply(struct tunnel *t, unsigned code)
{
	size_t i = code - 1;

	if (i >= sizeof(socks_replies) / sizeof(socks_replies[0])) {
		fail_with(t, ERR_PROTO, "The SOCKS proxy refused with an unknown reason");
	} else if (socks_replies[i].err == ERR_CONNECT && t->next_addr + 1 < t->addrs.n &&
		   t->next_addr + 1 < ADDRS_MAX) {
		t->next_addr++;
		stream_close(t->s);
		dial_proxy(t);
	} else {
		fail_with(t, socks_replies[i].err, socks_replies[i].text);
	}
}

/* The message of n bytes is there: true. Too few bytes: wait; more: nobody asked for them, and t is gone. */
static bool is_whole(struct tunnel *t, size_t n)
{
	size_t have = t->have;

	if (have > n)
		fail_with(t, ERR_PROTO, "The SOCKS proxy sent more than it was asked for");
	return have == n;
}

static void step_reply(struct tunnel *t)
{
	const unsigned char *in = (unsigned char *)t->in;
	size_t addr;

	if (in[0] != SOCKS_VERSION) {
		fail_with(t, ERR_PROTO, "The proxy's answer is not SOCKS5");
		return;
	}
	if (t->have >= 2 && in[1] != 0) {
		judge_reply(t, in[1]);
		return;
	}
	if (t->have < 5)
		return;
	addr = in[3] == SOCKS_IPV4 ? 4 : in[3] == SOCKS_IPV6 ? 16 : in[3] == SOCKS_NAME ? 1u + in[4] : 0;
	if (addr == 0)
		fail_with(t, ERR_PROTO, "The proxy's answer is not SOCKS5");
	else if (is_whole(t, 4 + addr + 2))
		finish(t, 0, NULL);
}

/* The target as an address, when it is one or was looked up; else its name. */
static void add_target(const struct tunnel *t, struct buf *b)
{
	const struct sockaddr_storage *ss = &t->addrs.a[t->next_addr];
	const struct sockaddr_in6 *in6 = (const void *)ss;
	const struct sockaddr_in *in = (const void *)ss;
	size_t n = strlen(t->target->host);

	if (t->addrs.n == 0) {
		buf_add(b, (const char[]){SOCKS_NAME, (char)n}, 2);
		buf_add(b, t->target->host, n);
	} else if (ss->ss_family == AF_INET6) {
		buf_add(b, (const char[]){SOCKS_IPV6}, 1);
		buf_add(b, &in6->sin6_addr, sizeof(in6->sin6_addr));
	} else {
		buf_add(b, (const char[]){SOCKS_IPV4}, 1);
		buf_add(b, &in->sin_addr, sizeof(in->sin_addr));
	}
}

static void send_target(struct tunnel *t)
{
	uint16_t port = htons(t->target->port);
	struct buf b;

	buf_init(&b, 512);
	buf_add(&b, (const char[]){SOCKS_VERSION, SOCKS_CONNECT, 0}, 3);
	add_target(t, &b);
	buf_add(&b, &port, sizeof(port));
	stream_write(t->s, b.data, b.len);
	buf_free(&b);
	t->have = 0;
	t->step = step_reply;
}

static void step_login(struct tunnel *t)
{
	if (!is_whole(t, 2))
		return;
	if (t->in[1] != 0)
		fail_with(t, ERR_AUTH, "The SOCKS proxy refused the login");
	else
		send_target(t);
}

/* RFC 1929. Lengths were checked by proxy_choose. */
static void send_login(struct tunnel *t)
{
	const char *user = t->proxy->user, *passwd = t->proxy->passwd != NULL ? t->proxy->passwd : "";
	size_t n = strlen(user), k = strlen(passwd);
	struct buf b;

	buf_init(&b, 1024);
	buf_add(&b, (const char[]){SOCKS_LOGIN_VERSION, (char)n}, 2);
	buf_add(&b, user, n);
	buf_add(&b, (const char[]){(char)k}, 1);
	buf_add(&b, passwd, k);
	stream_write(t->s, b.data, b.len);
	explicit_bzero(b.data, b.len);
	buf_free(&b);
	t->have = 0;
	t->step = step_login;
}

static void step_method(struct tunnel *t)
{
	const unsigned char *in = (unsigned char *)t->in;

	if (in[0] != SOCKS_VERSION)
		fail_with(t, ERR_PROTO, "The proxy's answer is not SOCKS5");
	else if (!is_whole(t, 2))
		return;
	else if (in[1] == SOCKS_NO_LOGIN)
		send_target(t);
	else if (in[1] == SOCKS_LOGIN && t->proxy->user != NULL)
		send_login(t);
	else if (in[1] == SOCKS_REFUSED)
		fail_with(t, ERR_AUTH, "The SOCKS proxy asks for a login");
	else
		fail_with(t, ERR_PROTO, "The SOCKS proxy wants a login of another kind");
}

static void send_methods(struct tunnel *t)
{
	const char with[] = {SOCKS_VERSION, 2, SOCKS_NO_LOGIN, SOCKS_LOGIN}, without[] = {SOCKS_VERSION, 1, 0};

	if (t->proxy->user != NULL)
		stream_write(t->s, with, sizeof(with));
	else
		stream_write(t->s, without, sizeof(without));
	t->step = step_method;
}

/* ---- stream ---- */

static void on_open(void *owner, int err, const struct fail *f)
{
	struct tunnel *t = owner;

	OBJ_CHECK(t, TUNNEL);
	if (err != 0)
		fail_through(t, f);
	else if (t->proxy->kind != PROXY_CONNECT)
		send_methods(t);
	else if (send_connect(t) < 0)
		fail_with(t, ERR_LIMIT, "The request to the proxy would be too large");
}

static void on_space(void *owner, struct span *ret)
{
	struct tunnel *t = owner;

	*ret = (struct span){t->in + t->have, sizeof(t->in) - t->have};
}

static void on_data(void *owner, size_t n)
{
	struct tunnel *t = owner;

	OBJ_CHECK(t, TUNNEL);
	t->have += n;
	t->step(t);
}

static void on_end(void *owner, int err, const struct fail *f)
{
	struct fail why = *f;

	if (err == 0)
		fail_set(&why, ERR_EOF, "it closed the connection before the way to the server was open");
	fail_through(owner, &why);
}

static const struct stream_ops stream_ops = {.open = on_open, .space = on_space, .data = on_data, .end = on_end};

static void dial_proxy(struct tunnel *t)
{
	const struct dial_req dial = {.host = t->proxy->host, .port = t->proxy->port};

	t->have = 0;
	t->s = stream_dial(t->net, &dial, &stream_ops, t);
}

/* ---- life ---- */

static void on_timer(void *arg)
{
	struct fail f;

	fail_set(&f, ERR_TIMEOUT, NULL);
	fail_through(arg, &f);
}

static void on_resolved(void *arg, int err, const struct fail *f, const struct addrs *a)
{
	struct tunnel *t = arg;
	struct fail why = *f;

	OBJ_CHECK(t, TUNNEL);
	t->resolve = NULL;
	if (err == 0) {
		t->addrs = *a;
		err = zone_filter(t->net, t->target->host, &t->addrs, t->from, &why);
	}
	if (err != 0)
		finish(t, err, &why);
	else
		dial_proxy(t);
}

struct tunnel *tunnel_start(struct net *n, const struct tunnel_req *req, tunnel_cb cb, void *arg)
{
	struct tunnel *t = xcalloc(1, sizeof(*t));
	struct in_addr v4;
	bool literal = req->target->ipv6 || inet_pton(AF_INET, req->target->host, &v4) == 1;

	OBJ_INIT(t, TUNNEL);
	t->net = n;
	t->proxy = req->proxy;
	t->target = req->target;
	t->from = req->from;
	t->user_agent = xstrdup(req->user_agent);
	t->cb = cb;
	t->arg = arg;
	http_parser_init(&t->parser);
	if (req->timeout_ms > 0)
		timer_start(net_loop(n), &t->timer, req->timeout_ms, 0, on_timer, t);
	log_debug(HTTP, "%s through the proxy %s", req->target->host, req->proxy->host);
	if (req->proxy->kind == PROXY_SOCKS5 || (req->proxy->kind == PROXY_SOCKS5H && literal))
		t->resolve = resolve_start(net_resolver(n), req->target->host, req->target->port, on_resolved, t);
	else
		dial_proxy(t);
	return t;
}

void tunnel_cancel(struct tunnel *t)
{
	if (t == NULL)
		return;
	OBJ_CHECK(t, TUNNEL);
	free_tunnel(t);
}
