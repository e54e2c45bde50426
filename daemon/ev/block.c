/* SPDX-License-Identifier: MIT
 * The pool of blocks. Memory is mapped when first needed and kept on a free list; blocks that stayed unused for a whole
 * tick go back to the system, down to a small reserve, so that an idle daemon is small.
 */
#include "ev/block.h"

#include <sys/mman.h>

#include "base/obj.h"
#include "base/str.h"
#include "ev/loop.h"
#include "ev/timer.h"

#define BLOCKS_MIN   4
#define RESERVE	     4 /* free blocks that stay mapped */
#define TRIM_TICK_MS 2000

struct block_pool {
	OBJ(BLOCK);
	struct loop *loop;
	size_t total;	 /* the budget, in blocks */
	size_t used;	 /* with holders */
	size_t n_free;	 /* mapped, on the free list */
	size_t low_free; /* lowest n_free since the last tick: so many were not needed */
	bool starved;	 /* the system gave no memory; asked again at the next tick */
	STAILQ_HEAD(free_list, block) free;
	TAILQ_HEAD(waiter_list, block_waiter) waiters;
	struct deferred wake;
	struct timer trim;
};

static struct block *map_block(void)
{
	struct block *b;
	void *mem = mmap(NULL, BLOCK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	b = xcalloc(1, sizeof(*b));
	b->mem = mem;
	return b;
}

static struct block *pop_free(struct block_pool *p)
{
	struct block *b = STAILQ_FIRST(&p->free);

	if (b == NULL)
		return NULL;
	STAILQ_REMOVE_HEAD(&p->free, link);
	p->n_free--;
	if (p->n_free < p->low_free)
		p->low_free = p->n_free;
	return b;
}

static void unmap_free(struct block_pool *p, size_t n)
{
	struct block *b;

	while (n-- > 0 && (b = pop_free(p)) != NULL) {
		munmap(b->mem, BLOCK_SIZE);
		free(b);
	}
}

static void on_tick(void *arg)
{
	struct block_pool *p = arg;
	size_t spare;

	OBJ_CHECK(p, BLOCK);
	spare = p->n_free > RESERVE ? p->n_free - RESERVE : 0;
	unmap_free(p, spare < p->low_free ? spare : p->low_free);
	p->low_free = p->n_free;
	p->starved = false;
	if (p->n_free <= RESERVE)
		timer_stop(&p->trim);
	if (!TAILQ_EMPTY(&p->waiters))
		defer(p->loop, &p->wake);
}

static void start_ticking(struct block_pool *p)
{
	if (timer_running(&p->trim))
		return;
	p->low_free = p->n_free;
	timer_start(p->loop, &p->trim, TRIM_TICK_MS, TRIM_TICK_MS, on_tick, p);
	timer_unref(&p->trim);
}

/* One waiter per free block. A woken waiter that queues again stands at the end, and n bounds the round. */
static void on_wake(void *arg)
{
	struct block_pool *p = arg;
	struct block_waiter *w;
	size_t n;

	OBJ_CHECK(p, BLOCK);
	n = p->total - p->used;
	while (n-- > 0 && p->used < p->total && (w = TAILQ_FIRST(&p->waiters)) != NULL) {
		TAILQ_REMOVE(&p->waiters, w, link);
		w->waiting = false;
		w->cb(w->arg);
	}
}

struct block_pool *block_pool_new(struct loop *l, size_t budget)
{
	struct block_pool *p = xcalloc(1, sizeof(*p));
	size_t n = budget / BLOCK_SIZE;

	OBJ_INIT(p, BLOCK);
	p->loop = l;
	p->total = n < BLOCKS_MIN ? BLOCKS_MIN : n;
	STAILQ_INIT(&p->free);
	TAILQ_INIT(&p->waiters);
	p->wake.cb = on_wake;
	p->wake.arg = p;
	return p;
}

void block_pool_free(struct block_pool *p)
{
	OBJ_CHECK(p, BLOCK);
	timer_stop(&p->trim);
	defer_cancel(p->loop, &p->wake);
	unmap_free(p, p->n_free);
	OBJ_FREE(p);
}

struct block *block_get(struct block_pool *p)
{
	struct block *b;

	OBJ_CHECK(p, BLOCK);
	if (p->used >= p->total)
		return NULL;
	b = pop_free(p);
	if (b == NULL)
		b = map_block();
	if (b == NULL) {
		p->starved = true;
		start_ticking(p);
		return NULL;
	}
	b->len = 0;
	b->off = 0;
	p->used++;
	return b;
}

void block_put(struct block_pool *p, struct block *b)
{
	OBJ_CHECK(p, BLOCK);
	STAILQ_INSERT_HEAD(&p->free, b, link);
	p->n_free++;
	p->used--;
	if (p->n_free > RESERVE)
		start_ticking(p);
	if (!TAILQ_EMPTY(&p->waiters))
		defer(p->loop, &p->wake);
}

void block_wait(struct block_pool *p, struct block_waiter *w)
{
	OBJ_CHECK(p, BLOCK);
	if (w->waiting)
		return;
	w->waiting = true;
	TAILQ_INSERT_TAIL(&p->waiters, w, link);
	if (p->used < p->total && !p->starved)
		defer(p->loop, &p->wake);
}

void block_wait_cancel(struct block_pool *p, struct block_waiter *w)
{
	OBJ_CHECK(p, BLOCK);
	if (!w->waiting)
		return;
	w->waiting = false;
	TAILQ_REMOVE(&p->waiters, w, link);
}

bool block_pressure(const struct block_pool *p)
{
	return p->total - p->used < p->total / 4;
}

void block_stats(const struct block_pool *p, size_t *ret_used, size_t *ret_total)
{
	if (ret_used != NULL)
		*ret_used = p->used;
	if (ret_total != NULL)
		*ret_total = p->total;
}
