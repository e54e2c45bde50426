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
#define QUIET_MS  20 /* nothing came behind an answer for so long: nothing will */
#define SPARE_MS  1000
#define PEERS_MAX 64 /* how that many behave is remembered, the latest used first */

/* What is known of those who answer under one key. The bytes that a broken server sends behind an answer may come only
 * when the next request is under way already, and would be taken for the answer to that. So the first connection to be
 * used again must have been quiet for a while. Nothing that is known sooner will do: that an answer had its length, and that
 * nothing was behind it in the buffer, says nothing of bytes under way; and that the next answer is of the range that was asked
 * for would be a proof for ranges, when it is there, but an answer sent twice looks like the next whole file. */
struct peer {
	char *key;
	enum { PEER_NEW, PEER_QUIET, PEER_NOISY } is;
	bool spares_in_vain; /* some were dialled that nobody took */
	TAILQ_ENTRY(peer) link;
};

struct idle {
	struct cpool *pool;
	char *key;
	struct stream *s;
	struct timer timer;
	bool spare;
	char byte; /* where an unexpected byte would go */
	TAILQ_ENTRY(idle) link;
};

struct cpool {
	struct net *net;
	unsigned n;
	TAILQ_HEAD(idle_list, idle) idle;
	unsigned n_peers;
	TAILQ_HEAD(peer_list, peer) peers;
};

/* ---- peers ---- */

static void forget_peer(struct cpool *p, struct peer *peer)
{
	TAILQ_REMOVE(&p->peers, peer, link);
	p->n_peers--;
	free(peer->key);
	free(peer);
}

static struct peer *find_peer(const struct cpool *p, const char *key)
{
	struct peer *peer;

	TAILQ_FOREACH(peer, &p->peers, link)
	{
		if (strcmp(peer->key, key) == 0)
			return peer;
	}
	return NULL;
}

static struct peer *get_peer(struct cpool *p, const char *key)
{
	struct peer *peer = find_peer(p, key);

	if (peer != NULL) {
		TAILQ_REMOVE(&p->peers, peer, link);
	} else {
		if (p->n_peers >= PEERS_MAX)
			forget_peer(p, TAILQ_LAST(&p->peers, peer_list));
		peer = xcalloc(1, sizeof(*peer));
		peer->key = xstrdup(key);
		p->n_peers++;
	}
	TAILQ_INSERT_HEAD(&p->peers, peer, link);
	return peer;
}

/* ---- idle connections ---- */

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
	struct idle *i = arg;

	if (i->spare)
		get_peer(i->pool, i->key)->spares_in_vain = true;
	stream_close(remove_idle(i));
}

static void on_open(void *owner, int err, const struct fail *f)
{
	(void)f;
	if (err != 0)
		drop(owner); /* whoever dials next hears of it himself */
}

static void on_space(void *owner, struct span *ret)
{
	struct idle *i = owner;

	*ret = (struct span){&i->byte, 1};
}

static void on_data(void *owner, size_t n)
{
	struct idle *i = owner;
	char *key = xstrdup(i->key);

	(void)n;
	cpool_noisy(i->pool->net, key);
	free(key);
}

static void on_end(void *owner, int err, const struct fail *f)
{
	(void)err;
	(void)f;
	drop(owner);
}

static void wait_idle(struct idle *i)
{
	timer_start(i->pool->net->loop, &i->timer, IDLE_MS, 0, drop, i);
	timer_unref(&i->timer);
}

static void on_quiet(void *arg)
{
	struct idle *i = arg;

	get_peer(i->pool, i->key)->is = PEER_QUIET;
	wait_idle(i);
}

static const struct stream_ops idle_ops = {.open = on_open, .space = on_space, .data = on_data, .end = on_end};

struct cpool *cpool_new(struct net *n)
{
	struct cpool *p = xcalloc(1, sizeof(*p));

	p->net = n;
	TAILQ_INIT(&p->idle);
	TAILQ_INIT(&p->peers);
	return p;
}

void cpool_free(struct cpool *p)
{
	while (!TAILQ_EMPTY(&p->idle))
		drop(TAILQ_FIRST(&p->idle));
	while (!TAILQ_EMPTY(&p->peers))
		forget_peer(p, TAILQ_FIRST(&p->peers));
	free(p);
}

static struct idle *idle_new(struct cpool *p, const char *key, struct stream *s)
{
	struct idle *i = xcalloc(1, sizeof(*i));

	i->pool = p;
	i->key = xstrdup(key);
	i->s = s;
	p->n++;
	return i;
}

void cpool_put(struct net *n, const char *key, struct stream *s)
{
	struct cpool *p = n->cpool;
	struct peer *peer = get_peer(p, key);
	struct idle *i;

	if (peer->is == PEER_NOISY || !stream_is_quiet(s)) {
		stream_close(s);
		return;
	}
	if (p->n >= CPOOL_MAX)
		drop(TAILQ_LAST(&p->idle, idle_list));
	i = idle_new(p, key, s);
	TAILQ_INSERT_HEAD(&p->idle, i, link);
	if (peer->is == PEER_NEW) {
		timer_start(n->loop, &i->timer, QUIET_MS, 0, on_quiet, i);
		timer_unref(&i->timer);
	} else {
		wait_idle(i);
	}
	stream_set_owner(s, &idle_ops, i);
}

unsigned cpool_soon(const struct net *n, const char *key)
{
	const struct peer *peer = find_peer(n->cpool, key);
	const struct idle *i;

	if (peer == NULL || peer->is != PEER_NEW)
		return 0;
	TAILQ_FOREACH(i, &n->cpool->idle, link)
	{
		if (!i->spare && strcmp(i->key, key) == 0 && stream_rtt(i->s) > QUIET_MS)
			return QUIET_MS + 1;
	}
	return 0;
}

static void dial_spare(struct net *n, const char *key, const struct dial_req *to)
{
	struct idle *i = idle_new(n->cpool, key, NULL);

	i->spare = true;
	i->s = stream_dial(n, to, &idle_ops, i);
	TAILQ_INSERT_TAIL(&n->cpool->idle, i, link);
	timer_start(n->loop, &i->timer, SPARE_MS, 0, drop, i);
	timer_unref(&i->timer);
}

void cpool_dial(struct net *n, const char *key, const struct dial_req *to, unsigned count)
{
	const struct peer *peer = get_peer(n->cpool, key);

	if (peer->is == PEER_NOISY || peer->spares_in_vain)
		return;
	for (; count > 0 && n->cpool->n < CPOOL_MAX; count--)
		dial_spare(n, key, to);
}

void cpool_drop_spares(struct net *n, const char *key)
{
	struct idle *i, *next;

	for (i = TAILQ_FIRST(&n->cpool->idle); i != NULL; i = next) {
		next = TAILQ_NEXT(i, link);
		if (i->spare && strcmp(i->key, key) == 0)
			drop(i);
	}
}

void cpool_noisy(struct net *n, const char *key)
{
	struct idle *i, *next;

	get_peer(n->cpool, key)->is = PEER_NOISY;
	for (i = TAILQ_FIRST(&n->cpool->idle); i != NULL; i = next) {
		next = TAILQ_NEXT(i, link);
		if (strcmp(i->key, key) == 0)
			drop(i);
	}
}

/* What came in since the last turn: an end always means dead, a byte (*ret_noisy) does on a plain connection; on TLS it may be
 * a ticket. */
static bool is_alive(const struct stream *s, bool *ret_noisy)
{
	char c;
	ssize_t r = recv(stream_fd(s), &c, 1, MSG_PEEK | MSG_DONTWAIT);

	*ret_noisy = r > 0 && s->tls == NULL;
	if (r < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK;
	return r > 0 && s->tls != NULL;
}

struct stream *cpool_take(struct net *n, const char *key)
{
	const struct peer *peer = find_peer(n->cpool, key);
	struct idle *i, *next;
	struct stream *s;
	bool noisy, spare;

	if (peer == NULL || peer->is == PEER_NOISY)
		return NULL;
	for (i = TAILQ_FIRST(&n->cpool->idle); i != NULL; i = next) {
		next = TAILQ_NEXT(i, link);
		spare = i->spare;
		if (strcmp(i->key, key) != 0 || (!spare && peer->is != PEER_QUIET))
			continue;
		s = remove_idle(i);
		noisy = false;
		if ((spare && !stream_is_open(s)) || (stream_is_quiet(s) && is_alive(s, &noisy)))
			return s;
		stream_close(s);
		if (noisy) {
			cpool_noisy(n, key);
			return NULL;
		}
	}
	return NULL;
}
