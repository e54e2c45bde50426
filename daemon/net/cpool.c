/* SPDX-License-Identifier: MIT
 * Idle connections, the youngest first. The pool owns the streams while they are in it and reads on them, so that an
 * end is seen when it comes.
 */
#include "net/cpool.h"

#include <string.h>

#include "base/str.h"
#include "ev/loop.h"
#include "ev/timer.h"
#include "net/net_internal.h"
#include "net/stream_internal.h"

#define CPOOL_MAX 64
#define IDLE_MS	  15000

struct idle {
	struct cpool *pool;
	char *key;
	struct stream *s;
	struct timer timer;
	char byte; /* where an unexpected byte would go */
	TAILQ_ENTRY(idle) link;
};

struct cpool {
	struct net *net;
	unsigned n;
	TAILQ_HEAD(idle_list, idle) idle;
};

/* Takes the stream out; its owner is the caller then. */
static struct stream *remove_idle(struct idle *i)
{
	struct stream *s = i->s;

	TAILQ_REMOVE(&i->pool->idle, i, link);
	i->pool->n--;
	timer_stop(&i->timer);
	stream_set_owner(s, NULL, NULL);
	free(i->key);
	free(i);
	return s;
}

static void drop(void *arg)
{
	stream_close(remove_idle(arg));
}

static void on_space(void *owner, struct span *ret)
{
	struct idle *i = owner;

	*ret = (struct span){&i->byte, 1};
}

static void on_data(void *owner, size_t n)
{
	(void)n;
	drop(owner);
}

static void on_end(void *owner, int err, const struct fail *f)
{
	(void)err;
	(void)f;
	drop(owner);
}

static const struct stream_ops idle_ops = {.space = on_space, .data = on_data, .end = on_end};

struct cpool *cpool_new(struct net *n)
{
	struct cpool *p = xcalloc(1, sizeof(*p));

	p->net = n;
	TAILQ_INIT(&p->idle);
	return p;
}

void cpool_free(struct cpool *p)
{
	while (!TAILQ_EMPTY(&p->idle))
		drop(TAILQ_FIRST(&p->idle));
	free(p);
}

void cpool_put(struct net *n, const char *key, struct stream *s)
{
	struct cpool *p = n->cpool;
	struct idle *i;

	if (!stream_is_quiet(s)) {
		stream_close(s);
		return;
	}
	if (p->n >= CPOOL_MAX)
		drop(TAILQ_LAST(&p->idle, idle_list));
	i = xcalloc(1, sizeof(*i));
	i->pool = p;
	i->key = xstrdup(key);
	i->s = s;
	p->n++;
	TAILQ_INSERT_HEAD(&p->idle, i, link);
	timer_start(n->loop, &i->timer, IDLE_MS, 0, drop, i);
	timer_unref(&i->timer);
	stream_set_owner(s, &idle_ops, i);
}

/* What came in since the last turn: an end always means dead, a byte does on a plain connection (on TLS it may be a
 * ticket). */
static bool is_alive(const struct stream *s)
{
	char c;
	ssize_t r = recv(stream_fd(s), &c, 1, MSG_PEEK | MSG_DONTWAIT);

	if (r < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK;
	return r > 0 && s->tls != NULL;
}

struct stream *cpool_take(struct net *n, const char *key)
{
	struct idle *i, *next;
	struct stream *s;

	for (i = TAILQ_FIRST(&n->cpool->idle); i != NULL; i = next) {
		next = TAILQ_NEXT(i, link);
		if (strcmp(i->key, key) != 0)
			continue;
		s = remove_idle(i);
		if (stream_is_quiet(s) && is_alive(s))
			return s;
		stream_close(s);
	}
	return NULL;
}
