/* SPDX-License-Identifier: MIT
 * The pool of blocks. Memory is mapped when first needed and kept on a free list; blocks that stayed unused for a whole
 * tick go back to the system, down to a small reserve, so that an idle daemon is small.
 */
#include "ev/block.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fds.h"
#include "base/obj.h"
#include "base/str.h"
#include "ev/loop.h"
#include "ev/timer.h"

#define BLOCKS_MIN   4
#define RESERVE	     4 /* free blocks that stay mapped */
#define TRIM_TICK_MS 2000
#define PIPES_MAX    32				   /* two descriptors each, */
#define PIPE_FILES   32				   /* and one for so many that may be open */
#define PIPE_BLOCKS  (BLOCK_PIPE / BLOCK_SIZE) /* of the budget */

struct block_pool {
	OBJ(BLOCK);
	struct loop *loop;
	size_t total;	 /* the budget, in blocks */
	size_t used;	 /* with holders */
	size_t n_free;	 /* mapped, on the free list */
	size_t low_free; /* lowest n_free since the last tick: so many were not needed */
	bool starved;	 /* the system gave no memory; asked again at the next tick */
	STAILQ_HEAD(free_list, block) free;
	unsigned n_pipes;   /* open */
	unsigned most_pipes; /* PIPES_MAX, or as many as the system gave last */
	unsigned n_free_pipes, low_free_pipes; /* as n_free and low_free */
	struct free_list free_pipes;
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

/* ---- pipes ---- */

static void close_pipe(struct block_pool *p, struct block *b)
{
	close(b->pipe[0]);
	close(b->pipe[1]);
	free(b);
	p->n_pipes--;
}

static struct block *pop_free_pipe(struct block_pool *p)
{
	struct block *b = STAILQ_FIRST(&p->free_pipes);

	if (b == NULL)
		return NULL;
	STAILQ_REMOVE_HEAD(&p->free_pipes, link);
	p->n_free_pipes--;
	if (p->n_free_pipes < p->low_free_pipes)
		p->low_free_pipes = p->n_free_pipes;
	return b;
}

static void close_free_pipes(struct block_pool *p, unsigned n)
{
	struct block *b;

	while (n-- > 0 && (b = pop_free_pipe(p)) != NULL)
		close_pipe(p, b);
}

static void put_pipe(struct block_pool *p, struct block *b)
{
	if (b->taken != b->len) {
		close_pipe(p, b);
		return;
	}
	STAILQ_INSERT_HEAD(&p->free_pipes, b, link);
	p->n_free_pipes++;
}

/* ---- trimming ---- */

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
	close_free_pipes(p, p->low_free_pipes);
	p->low_free_pipes = p->n_free_pipes;
	p->most_pipes = PIPES_MAX;
	p->starved = false;
	if (p->n_free <= RESERVE && p->n_free_pipes == 0)
		timer_stop(&p->trim);
	if (!TAILQ_EMPTY(&p->waiters))
		defer(p->loop, &p->wake);
}

static void start_ticking(struct block_pool *p)
{
	if (timer_running(&p->trim))
		return;
	p->low_free = p->n_free;
	p->low_free_pipes = p->n_free_pipes;
	timer_start(p->loop, &p->trim, TRIM_TICK_MS, TRIM_TICK_MS, on_tick, p);
	timer_unref(&p->trim);
}

/* The system bounds what pipes of one user may hold: where it gives less than asked for, a pipe is of no use. */
static bool is_large(int fd)
{
	return fcntl(fd, F_SETPIPE_SZ, BLOCK_PIPE) >= BLOCK_PIPE;
}

/* NULL: refused, and so it is until the next tick. */
static struct block *open_pipe(struct block_pool *p)
{
	struct block *b;
	int fd[2];

	if (p->n_pipes >= p->most_pipes || p->n_pipes >= fds_max() / PIPE_FILES)
		return NULL;
	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) == 0) {
		b = xcalloc(1, sizeof(*b));
		b->pipe[0] = fd[0];
		b->pipe[1] = fd[1];
		p->n_pipes++;
		if (is_large(fd[0]))
			return b;
		close_pipe(p, b);
	}
	p->most_pipes = p->n_pipes;
	start_ticking(p);
	return NULL;
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
	p->most_pipes = PIPES_MAX;
	STAILQ_INIT(&p->free);
	STAILQ_INIT(&p->free_pipes);
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
	close_free_pipes(p, p->n_free_pipes);
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

struct block *block_get_pipe(struct block_pool *p)
{
	struct block *b;

	OBJ_CHECK(p, BLOCK);
	if (p->total - p->used < PIPE_BLOCKS + p->total / 4) /* block_pressure: the rest is for those who have none */
		return NULL;
	b = pop_free_pipe(p);
	if (b == NULL)
		b = open_pipe(p);
	if (b == NULL)
		return NULL;
	b->len = b->taken = 0;
	b->off = 0;
	p->used += PIPE_BLOCKS;
	return b;
}

static void put_memory(struct block_pool *p, struct block *b)
{
	STAILQ_INSERT_HEAD(&p->free, b, link);
	p->n_free++;
}

void block_put(struct block_pool *p, struct block *b)
{
	OBJ_CHECK(p, BLOCK);
	if (b->mem == NULL) {
		p->used -= PIPE_BLOCKS;
		put_pipe(p, b);
	} else {
		p->used--;
		put_memory(p, b);
	}
	if (p->n_free > RESERVE || p->n_free_pipes > 0)
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
