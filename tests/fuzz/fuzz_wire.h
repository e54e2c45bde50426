/* SPDX-License-Identifier: MIT
 * For targets that fetch: the loop, the net and the streams that a protocol calls, in memory. Every connection that is
 * dialled sends the same bytes, in one piece or in random cuts. Included by one .c file, as it defines those functions.
 */
#ifndef HAUL_FUZZ_WIRE_H
#define HAUL_FUZZ_WIRE_H

#include "fuzz.h"

#include "base/str.h"
#include "ev/loop.h"
#include "ev/timer.h"
#include "net/cpool.h"
#include "net/net.h"
#include "net/resolve.h"
#include "net/sock.h"
#include "net/stream.h"
#include "proto/http_state.h"

#define DEFERRED_MAX 4

struct stream {
	const struct stream_ops *ops;
	void *owner;
	size_t at;   /* bytes that were read */
	size_t gate; /* turns: so far the bytes go that the peer has sent */
	bool open, paused, ended;
};

/* What one run of a fetch meets. */
struct wire {
	const uint8_t *p;
	size_t n;
	uint32_t random; /* of the cuts; 0: none */
	bool reset;	 /* its end is not orderly */
	bool turns;	 /* the peer speaks when spoken to: each time a byte that says how many follow; 0: all the rest */
	unsigned dials, dials_max;
	struct http_state *shared;
	struct stream *s; /* NULL: closed */
	struct deferred *deferred[DEFERRED_MAX];
	struct timer *timer; /* that is due at once; others never end */
	void (*timer_cb)(void *arg);
	void *timer_arg;
};

static struct loop the_loop;
static struct wire *wire; /* of the run under way */

struct loop *net_loop(struct net *n)
{
	(void)n;
	return &the_loop;
}

uint64_t loop_now(const struct loop *l)
{
	(void)l;
	return 1000;
}

void defer(struct loop *l, struct deferred *d)
{
	size_t i = 0;

	(void)l;
	if (d->armed)
		return;
	while (i < DEFERRED_MAX && wire->deferred[i] != NULL)
		i++;
	CHECK(i < DEFERRED_MAX);
	wire->deferred[i] = d;
	d->armed = true;
}

void defer_cancel(struct loop *l, struct deferred *d)
{
	(void)l;
	d->armed = false;
	for (size_t i = 0; i < DEFERRED_MAX; i++)
		if (wire->deferred[i] == d)
			wire->deferred[i] = NULL;
}

void timer_start(struct loop *l, struct timer *t, uint64_t delay, uint64_t every, void (*cb)(void *arg), void *arg)
{
	(void)l, (void)every;
	timer_stop(t);
	if (delay > 0)
		return;
	CHECK(wire->timer == NULL);
	wire->timer = t;
	wire->timer_cb = cb;
	wire->timer_arg = arg;
}

void timer_stop(struct timer *t)
{
	if (wire->timer == t)
		wire->timer = NULL;
}

void timer_unref(struct timer *t)
{
	(void)t;
}

bool timer_running(const struct timer *t)
{
	(void)t;
	return false;
}

struct stream *stream_dial(struct net *n, const struct dial_req *req, const struct stream_ops *ops, void *owner)
{
	struct stream *s = xcalloc(1, sizeof(*s));

	(void)n, (void)req;
	CHECK(wire->s == NULL);
	CHECK(++wire->dials <= wire->dials_max);
	s->ops = ops;
	s->owner = owner;
	wire->s = s;
	return s;
}

void stream_write(struct stream *s, const void *p, size_t n)
{
	(void)p;
	CHECK(s == wire->s && n > 0);
	if (!wire->turns || s->at < s->gate || s->at == wire->n)
		return;
	n = wire->p[s->at++];
	s->gate = n > 0 && n < wire->n - s->at ? s->at + n : wire->n;
}

void stream_resume(struct stream *s)
{
	CHECK(s == wire->s);
	s->paused = false;
}

void stream_low_water(struct stream *s, size_t n)
{
	(void)n;
	CHECK(s == wire->s);
}

void stream_set_owner(struct stream *s, const struct stream_ops *ops, void *owner)
{
	s->ops = ops;
	s->owner = owner;
}

void stream_close(struct stream *s)
{
	if (s == NULL)
		return;
	CHECK(s == wire->s);
	wire->s = NULL;
	free(s);
}

bool stream_is_open(const struct stream *s)
{
	return s->open;
}

unsigned stream_rtt(const struct stream *s)
{
	(void)s;
	return 0;
}

const char *stream_peer(const struct stream *s)
{
	(void)s;
	return "";
}

void cpool_put(struct net *n, const char *key, struct stream *s)
{
	(void)n, (void)key;
	CHECK(!s->ended && s->at <= wire->n);
	stream_close(s);
}

void sock_addr_text(const struct sockaddr *sa, char ret[SOCK_NAME_MAX])
{
	(void)sa;
	ret[0] = '\0';
}

void cpool_noisy(struct net *n, const char *key)
{
	(void)n, (void)key;
}

enum zone stream_zone(const struct stream *s)
{
	(void)s;
	return ZONE_PUBLIC;
}

struct stream *cpool_take(struct net *n, const char *key)
{
	(void)n, (void)key;
	return NULL;
}

/* Nothing is dialled beside a fetch: a run has the one connection that it asked for. */
unsigned cpool_soon(const struct net *n, const char *key)
{
	(void)n, (void)key;
	return 0;
}

void cpool_dial(struct net *n, const char *key, const struct dial_req *to, unsigned count)
{
	(void)n, (void)key, (void)to, (void)count;
}

void cpool_drop_spares(struct net *n, const char *key)
{
	(void)n, (void)key;
}

/* TLS that changes nothing. */
void stream_start_tls(struct stream *s, const struct dial_req *to)
{
	(void)to;
	CHECK(s == wire->s && s->open);
	s->open = false;
}

struct http_state *net_http(const struct net *n)
{
	(void)n;
	return wire->shared;
}

struct resolver *net_resolver(struct net *n)
{
	(void)n;
	return NULL;
}

struct resolve *resolve_start(struct resolver *r, const char *host, uint16_t port, resolve_cb cb, void *arg)
{
	(void)r, (void)host, (void)port, (void)cb, (void)arg;
	CHECK(false); /* the proxies used here look names up themselves */
	return NULL;
}

void resolve_cancel(struct resolve *q)
{
	CHECK(q == NULL);
}

/* ---- driving ---- */

static size_t wire_cut(struct wire *w, size_t n)
{
	size_t cut;

	if (w->random == 0)
		return n;
	cut = 1 + fuzz_random(&w->random) % (fuzz_random(&w->random) % 8 == 0 ? 600 : 20);
	return n < cut ? n : cut;
}

/* Some bytes of the wire, or its end; false: the stream does not read now. */
static bool wire_read(struct wire *w)
{
	struct stream *s = w->s;
	size_t limit = w->turns ? s->gate : w->n;
	struct span to = {NULL, 0};
	size_t n;

	if (s->ended || s->paused)
		return false;
	if (s->at >= limit) {
		struct fail f;
		int err = w->reset ? fail_set(&f, ERR_RESET, "reset") : 0;

		s->ended = true;
		s->ops->end(s->owner, err, &f);
		return true;
	}
	s->ops->space(s->owner, &to);
	if (w->s != s)
		return true;
	if (to.len == 0) {
		s->paused = true;
		return true;
	}
	n = wire_cut(w, to.len < limit - s->at ? to.len : limit - s->at);
	memcpy(to.base, w->p + s->at, n);
	s->at += n;
	s->ops->data(s->owner, n);
	return true;
}

static bool wire_deferred(struct wire *w)
{
	for (size_t i = 0; i < DEFERRED_MAX; i++) {
		struct deferred *d = w->deferred[i];

		if (d == NULL)
			continue;
		w->deferred[i] = NULL;
		d->armed = false;
		d->cb(d->arg);
		return true;
	}
	return false;
}

static bool wire_timer(struct wire *w)
{
	if (w->timer == NULL)
		return false;
	w->timer = NULL;
	w->timer_cb(w->timer_arg);
	return true;
}

/* What is due next happens; false: nothing is. */
static bool wire_step(struct wire *w)
{
	bool moved = wire_timer(w);

	if (w->s != NULL && !w->s->open && !w->s->ended) {
		w->s->open = moved = true;
		w->s->ops->open(w->s->owner, 0, NULL);
	} else if (w->s != NULL) {
		moved = wire_read(w);
	}
	return wire_deferred(w) || moved;
}

static void wire_done(struct wire *w)
{
	CHECK(w->s == NULL);
	for (size_t i = 0; i < DEFERRED_MAX; i++)
		CHECK(w->deferred[i] == NULL);
}

#endif
