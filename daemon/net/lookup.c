/* SPDX-License-Identifier: MIT
 * Threads for getaddrinfo. What they and the loop thread share is struct lookup_shared: the list of what is done, and whether
 * anybody still wants it. Its last user frees it, so that nobody waits for a thread at the end of the process.
 */
#include "net/lookup.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/str.h"
#include "base/thread.h"
#include "ev/loop.h"

#define STACK_SIZE (512 * 1024) /* glibc's modules put whole answers on the stack */

TAILQ_HEAD(lookup_list, lookup);

struct lookup_shared {
	uv_async_t async;
	uv_mutex_t lock; /* of what follows */
	unsigned refs;	 /* threads, and lookups until its handle is closed */
	bool closed;
	struct lookup_list done;
};

struct lookups {
	struct lookup_shared *shared;
	struct lookup_list waiting; /* the newest first */
	unsigned running;
};

struct lookup {
	struct lookups *all;	      /* loop thread only, as are the next three */
	lookup_cb cb;		      /* NULL: dropped */
	void *arg;
	bool waits;		      /* in all->waiting */
	struct lookup_shared *shared; /* a reference while it runs */
	char *host;
	int family, status;
	struct addrinfo *ai;
	TAILQ_ENTRY(lookup) link;
};

static void lookup_free(struct lookup *lk)
{
	if (lk->ai != NULL)
		freeaddrinfo(lk->ai);
	free(lk->host);
	free(lk);
}

/* With the lock held, which is released. */
static void unref(struct lookup_shared *sh)
{
	bool last = --sh->refs == 0;

	uv_mutex_unlock(&sh->lock);
	if (!last)
		return;
	uv_mutex_destroy(&sh->lock);
	free(sh);
}

/* Any thread. */
static void deliver(struct lookup *lk)
{
	struct lookup_shared *sh = lk->shared;

	uv_mutex_lock(&sh->lock);
	if (sh->closed) {
		lookup_free(lk);
	} else {
		TAILQ_INSERT_TAIL(&sh->done, lk, link);
		uv_async_send(&sh->async);
	}
	unref(sh);
}

/* AI_ADDRCONFIG is left out: glibc then refuses names of the loopback network on hosts without another one, and an
 * address that can't be reached fails at once in dial anyway. */
static void *on_thread(void *arg)
{
	struct lookup *lk = arg;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = lk->family};

	lk->status = getaddrinfo(lk->host, NULL, &hints, &lk->ai);
	if (lk->status != 0)
		lk->ai = NULL;
	deliver(lk);
	return NULL;
}

static void run(struct lookups *s, struct lookup *lk)
{
	lk->waits = false;
	lk->shared = s->shared;
	uv_mutex_lock(&s->shared->lock);
	s->shared->refs++;
	uv_mutex_unlock(&s->shared->lock);
	if (s->running++ == 0)
		uv_ref((uv_handle_t *)&s->shared->async);
	if (thread_start(NULL, STACK_SIZE, on_thread, lk) != 0) {
		lk->status = EAI_AGAIN;
		deliver(lk);
	}
}

static void run_waiting(struct lookups *s)
{
	struct lookup *lk;

	while (s->running < LOOKUPS_MAX && (lk = TAILQ_FIRST(&s->waiting)) != NULL) {
		TAILQ_REMOVE(&s->waiting, lk, link);
		run(s, lk);
	}
	if (s->running == 0)
		uv_unref((uv_handle_t *)&s->shared->async);
}

static void on_done(uv_async_t *async)
{
	struct lookups *s = async->data;
	struct lookup_list done = TAILQ_HEAD_INITIALIZER(done);
	struct lookup *lk;

	uv_mutex_lock(&s->shared->lock);
	TAILQ_CONCAT(&done, &s->shared->done, link);
	uv_mutex_unlock(&s->shared->lock);
	while ((lk = TAILQ_FIRST(&done)) != NULL) {
		TAILQ_REMOVE(&done, lk, link);
		s->running--;
		if (lk->cb != NULL)
			lk->cb(lk->arg, lk->status, lk->ai);
		lookup_free(lk);
	}
	run_waiting(s);
}

struct lookups *lookups_new(struct loop *l)
{
	struct lookups *s = xcalloc(1, sizeof(*s));
	struct lookup_shared *sh = xcalloc(1, sizeof(*sh));

	s->shared = sh;
	TAILQ_INIT(&s->waiting);
	TAILQ_INIT(&sh->done);
	sh->refs = 1;
	uv_mutex_init(&sh->lock);
	uv_async_init(&l->uv, &sh->async, on_done);
	sh->async.data = s;
	uv_unref((uv_handle_t *)&sh->async);
	return s;
}

static void on_closed(uv_handle_t *h)
{
	struct lookup_shared *sh = (struct lookup_shared *)h; /* its first member */

	uv_mutex_lock(&sh->lock);
	unref(sh);
}

void lookups_free(struct lookups *s)
{
	struct lookup_shared *sh = s->shared;
	struct lookup *lk;

	uv_mutex_lock(&sh->lock);
	sh->closed = true;
	TAILQ_CONCAT(&s->waiting, &sh->done, link);
	uv_mutex_unlock(&sh->lock);
	while ((lk = TAILQ_FIRST(&s->waiting)) != NULL) {
		TAILQ_REMOVE(&s->waiting, lk, link);
		lookup_free(lk);
	}
	uv_close((uv_handle_t *)&sh->async, on_closed);
	free(s);
}

struct lookup *lookup_start(struct lookups *s, const char *host, int family, lookup_cb cb, void *arg)
{
	struct lookup *lk = xcalloc(1, sizeof(*lk));

	lk->all = s;
	lk->cb = cb;
	lk->arg = arg;
	lk->host = xstrdup(host);
	lk->family = family;
	lk->waits = true;
	TAILQ_INSERT_HEAD(&s->waiting, lk, link);
	run_waiting(s);
	return lk;
}

bool lookup_waits(const struct lookup *lk)
{
	return lk->waits;
}

void lookup_drop(struct lookup *lk)
{
	lk->cb = NULL;
	if (!lk->waits)
		return;
	TAILQ_REMOVE(&lk->all->waiting, lk, link);
	lookup_free(lk);
}
