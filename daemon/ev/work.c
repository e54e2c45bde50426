/* SPDX-License-Identifier: MIT
 * Which item runs next: a queue for each file system that has any, and in it a list for each class. All of it is the loop's; the
 * threads know one item each.
 */
#include "ev/work.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/str.h"
#include "ev/loop.h"
#include "ev/pool.h"
#include "ev/timer.h"

#define CLASSES 2

TAILQ_HEAD(work_list, work);

struct work_queue {
	uint64_t dev;
	unsigned items; /* not yet completed */
	unsigned running[CLASSES];
	struct work_list waiting[CLASSES];
	size_t load[LOADS]; /* see work.h */
	TAILQ_ENTRY(work_queue) link;
};

struct work {
	OBJ(WORK);
	struct pool_job job;
	struct works *all;
	struct work_queue *queue;
	enum work_class cls;
	work_fn fn;
	work_done done;
	void *arg;
	uint64_t nth;		  /* in the order of submission */
	bool waiting;		  /* in the queue's list */
	struct deferred canceled; /* completion of an item that never ran */
	TAILQ_ENTRY(work) link;
};

struct works {
	struct loop *loop;
	struct pool *pool;
	TAILQ_HEAD(work_queues, work_queue) queues;
	unsigned waiting;
	uint64_t submitted;
	struct deferred stay; /* does nothing: the loop must not wait */
	struct timer again;   /* a thread was refused: may be there is one then */
};

/* ---- queues ---- */

static struct work_queue *find_queue(const struct works *s, uint64_t dev)
{
	struct work_queue *q;

	TAILQ_FOREACH(q, &s->queues, link)
	{
		if (q->dev == dev)
			return q;
	}
	return NULL;
}

static struct work_queue *need_queue(struct works *s, uint64_t dev)
{
	struct work_queue *q = find_queue(s, dev);

	if (q != NULL)
		return q;
	q = xcalloc(1, sizeof(*q));
	q->dev = dev;
	for (int c = 0; c < CLASSES; c++)
		TAILQ_INIT(&q->waiting[c]);
	TAILQ_INSERT_TAIL(&s->queues, q, link);
	return q;
}

static void drop_unused(struct works *s, struct work_queue *q)
{
	if (q->items > 0 || q->load[LOAD_FILLING] > 0 || q->load[LOAD_QUEUED] > 0)
		return;
	TAILQ_REMOVE(&s->queues, q, link);
	free(q);
}

/* ---- whose turn it is ---- */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned running(const struct work_queue *q)
{
	return q->running[WORK_DISK] + q->running[WORK_HASH];
}

static unsigned hash_share(const struct works *s)
{
	unsigned n = least(WORK_AT_ONCE, pool_size(s->pool) / 2) / 4;

	return n > 0 ? n : 1;
}

static bool may_run(const struct works *s, const struct work_queue *q, enum work_class cls)
{
	if (running(q) >= least(WORK_AT_ONCE, pool_left(s->pool)))
		return false;
	return cls != WORK_HASH || q->running[WORK_HASH] < hash_share(s);
}

static void on_thread(void *owner)
{
	struct work *w = owner;

	w->fn(w->arg);
}

static bool run(struct work *w)
{
	if (!pool_run(w->all->pool, &w->job))
		return false;
	w->queue->running[w->cls]++;
	return true;
}

static void wait_for_turn(struct work *w)
{
	w->waiting = true;
	w->all->waiting++;
	TAILQ_INSERT_TAIL(&w->queue->waiting[w->cls], w, link);
}

static void wait_no_more(struct work *w)
{
	w->waiting = false;
	w->all->waiting--;
	TAILQ_REMOVE(&w->queue->waiting[w->cls], w, link);
}

/* The first one that may run; NULL: none. */
static struct work *next_of(const struct works *s, const struct work_queue *q)
{
	struct work *w, *best = NULL;

	for (int c = 0; c < CLASSES; c++) {
		w = TAILQ_FIRST(&q->waiting[c]);
		if (w != NULL && (best == NULL || w->nth < best->nth) && may_run(s, q, w->cls))
			best = w;
	}
	return best;
}

/* Of all that may run the one whose file system has fewest threads, and of these the one that came first. */
static struct work *next_of_all(const struct works *s)
{
	const struct work_queue *q;
	struct work *w, *best = NULL;

	TAILQ_FOREACH(q, &s->queues, link)
	{
		w = next_of(s, q);
		if (w != NULL && (best == NULL || running(q) < running(best->queue) ||
					 (running(q) == running(best->queue) && w->nth < best->nth)))
			best = w;
	}
	return best;
}

static void run_waiting(struct works *s);

static void on_again(void *arg)
{
	run_waiting(arg);
}

/* All threads may hang, so that the end of an item is nothing to wait for. */
static void try_again(struct works *s)
{
	timer_start(s->loop, &s->again, POOL_REFUSED_MS + 1, 0, on_again, s);
	timer_unref(&s->again);
}

static void run_waiting(struct works *s)
{
	struct work *w;

	while (s->waiting > 0 && (w = next_of_all(s)) != NULL) {
		if (!run(w)) {
			try_again(s);
			return;
		}
		wait_no_more(w);
	}
}

/* ---- the end of an item ---- */

static void complete(struct work *w, int status)
{
	struct works *s = w->all;
	struct work_queue *q = w->queue;
	work_done done = w->done;
	void *arg = w->arg;

	OBJ_FREE(w);
	done(arg, status);
	q->items--;
	drop_unused(s, q);
}

static void on_ended(void *owner)
{
	struct work *w = owner;

	OBJ_CHECK(w, WORK);
	w->queue->running[w->cls]--;
	run_waiting(w->all);
	complete(w, 0);
}

static void on_canceled(void *arg)
{
	OBJ_CHECK((struct work *)arg, WORK);
	complete(arg, ERR_CANCELED);
}

/* ---- public ---- */

struct work *work_submit(struct loop *l, uint64_t dev, enum work_class cls, work_fn fn, work_done done, void *arg)
{
	struct works *s = l->works;
	struct work *w = xcalloc(1, sizeof(*w));

	OBJ_INIT(w, WORK);
	w->job.run = on_thread;
	w->job.owner = w;
	w->all = s;
	w->queue = need_queue(s, dev);
	w->queue->items++;
	w->cls = cls;
	w->fn = fn;
	w->done = done;
	w->arg = arg;
	w->nth = ++s->submitted;
	w->canceled.cb = on_canceled;
	w->canceled.arg = w;
	wait_for_turn(w);
	run_waiting(s);
	return w;
}

void work_cancel(struct work *w)
{
	OBJ_CHECK(w, WORK);
	if (!w->waiting)
		return;
	wait_no_more(w);
	defer(w->all->loop, &w->canceled);
}

void work_load_add(struct loop *l, uint64_t dev, enum work_load load, size_t n)
{
	need_queue(l->works, dev)->load[load] += n;
}

void work_load_sub(struct loop *l, uint64_t dev, enum work_load load, size_t n)
{
	struct work_queue *q = need_queue(l->works, dev);

	q->load[load] -= n;
	drop_unused(l->works, q);
}

size_t work_load(const struct loop *l, uint64_t dev, enum work_load load)
{
	const struct work_queue *q = find_queue(l->works, dev);

	return q != NULL ? q->load[load] : 0;
}

bool work_pending(const struct loop *l)
{
	return pool_busy(l->works->pool) > 0;
}

/* ---- the loop ---- */

static void nothing(void *arg)
{
	(void)arg;
}

void works_before_wait(struct works *s)
{
	if (!pool_may_wait(s->pool))
		defer(s->loop, &s->stay);
}

void works_after_wait(struct works *s)
{
	pool_collect(s->pool);
}

void works_keep_alive(struct works *s)
{
	pool_keep_alive(s->pool);
}

int works_new(struct loop *l)
{
	struct works *s = xcalloc(1, sizeof(*s));
	int err = pool_new(l, WORK_THREADS, on_ended, &s->pool);

	if (err != 0) {
		free(s);
		return err;
	}
	s->loop = l;
	s->stay.cb = nothing;
	TAILQ_INIT(&s->queues);
	l->works = s;
	return 0;
}

bool works_end(struct works *s)
{
	struct work_queue *q;

	timer_stop(&s->again);
	if (!pool_end(s->pool))
		return false;
	defer_cancel(s->loop, &s->stay);
	while ((q = TAILQ_FIRST(&s->queues)) != NULL) { /* noted loads whose owners were left behind */
		TAILQ_REMOVE(&s->queues, q, link);
		free(q);
	}
	free(s);
	return true;
}
