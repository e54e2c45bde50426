/* SPDX-License-Identifier: MIT
 * The pool of blocks. Memory is mapped when first needed and kept on a free list; blocks that stayed unused for a whole
 * tick go back to the system, down to a small reserve, so that an idle daemon is small.
 */
#include "ev/block.h"

#include <errno.h>
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
#define OTHERS	     8 /* one part in so many of the budget is not for the file system that holds all the rest */
#define PIPES_MAX    32				   /* two descriptors each, */
#define PIPE_FILES   32				   /* and one for so many that may be open */
#define PIPE_BLOCKS  (BLOCK_PIPE / BLOCK_SIZE) /* of the budget */

struct free_blocks {
	struct block_list list;
	size_t n;
	size_t low; /* lowest n since the last tick: so many were not needed */
};

struct block_pool {
	OBJ(BLOCK);
	struct loop *loop;
	size_t total;	 /* the budget, in blocks */
	size_t used;	 /* with holders */
	bool starved;	 /* the system gave no memory; asked again at the next tick */
	struct free_blocks free;       /* mapped */
	struct free_blocks free_pipes; /* open and empty */
	unsigned n_pipes;	       /* open */
	unsigned most_pipes;	       /* PIPES_MAX, or as many as the system gave last */
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

static struct block *pop_free(struct free_blocks *f)
{
	struct block *b = STAILQ_FIRST(&f->list);

	if (b == NULL)
		return NULL;
	STAILQ_REMOVE_HEAD(&f->list, link);
	f->n--;
	if (f->n < f->low)
		f->low = f->n;
	return b;
}

static void push_free(struct free_blocks *f, struct block *b)
{
	STAILQ_INSERT_HEAD(&f->list, b, link);
	f->n++;
}

/* ---- pipes ---- */

static void close_pipe(struct block_pool *p, struct block *b)
{
	close(b->pipe[0]);
	close(b->pipe[1]);
	free(b);
	p->n_pipes--;
}

static void close_free_pipes(struct block_pool *p, size_t n)
{
	struct block *b;

	while (n-- > 0 && (b = pop_free(&p->free_pipes)) != NULL)
		close_pipe(p, b);
}

static void put_pipe(struct block_pool *p, struct block *b)
{
	if (b->taken != b->len) {
		close_pipe(p, b);
		return;
	}
	push_free(&p->free_pipes, b);
}

/* ---- trimming ---- */

static void unmap_free(struct block_pool *p, size_t n)
{
	struct block *b;

	while (n-- > 0 && (b = pop_free(&p->free)) != NULL) {
		munmap(b->mem, BLOCK_SIZE);
		free(b);
	}
}

static void on_tick(void *arg)
{
	struct block_pool *p = arg;
	size_t spare;

	OBJ_CHECK(p, BLOCK);
	spare = p->free.n > RESERVE ? p->free.n - RESERVE : 0;
	unmap_free(p, spare < p->free.low ? spare : p->free.low);
	p->free.low = p->free.n;
	close_free_pipes(p, p->free_pipes.low);
	p->free_pipes.low = p->free_pipes.n;
	p->most_pipes = PIPES_MAX;
	p->starved = false;
	if (p->free.n <= RESERVE && p->free_pipes.n == 0)
		timer_stop(&p->trim);
	if (!TAILQ_EMPTY(&p->waiters))
		defer(p->loop, &p->wake);
}

static void start_ticking(struct block_pool *p)
{
	if (timer_running(&p->trim))
		return;
	p->free.low = p->free.n;
	p->free_pipes.low = p->free_pipes.n;
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

/* One that hangs leaves something to all others. */
static bool has_its_most(const struct block_pool *p, uint64_t dev)
{
	size_t held = work_load(p->loop, dev, LOAD_FILLING) + work_load(p->loop, dev, LOAD_QUEUED);

	return held / BLOCK_SIZE >= p->total - p->total / OTHERS;
}

static struct block_waiter *next_waiter(const struct block_pool *p)
{
	struct block_waiter *w;

	TAILQ_FOREACH(w, &p->waiters, link)
	{
		if (!has_its_most(p, w->dev))
			return w;
	}
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
	while (n-- > 0 && p->used < p->total && (w = next_waiter(p)) != NULL) {
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
	STAILQ_INIT(&p->free.list);
	STAILQ_INIT(&p->free_pipes.list);
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
	unmap_free(p, p->free.n);
	close_free_pipes(p, p->free_pipes.n);
	OBJ_FREE(p);
}

struct block *block_get(struct block_pool *p)
{
	struct block *b;

	OBJ_CHECK(p, BLOCK);
	if (p->used >= p->total)
		return NULL;
	b = pop_free(&p->free);
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

struct block *block_get_for(struct block_pool *p, uint64_t dev)
{
	return has_its_most(p, dev) ? NULL : block_get(p);
}

struct block *block_get_pipe(struct block_pool *p)
{
	struct block *b;

	OBJ_CHECK(p, BLOCK);
	if (p->total - p->used < PIPE_BLOCKS + p->total / 4) /* block_pressure: the rest is for those who have none */
		return NULL;
	b = pop_free(&p->free_pipes);
	if (b == NULL)
		b = open_pipe(p);
	if (b == NULL)
		return NULL;
	b->len = b->taken = 0;
	b->off = 0;
	p->used += PIPE_BLOCKS;
	return b;
}

static size_t memory_of(const struct block *b)
{
	return b->mem != NULL ? BLOCK_SIZE : BLOCK_PIPE;
}

static void count_no_more(struct block_pool *p, struct block *b)
{
	if (b->counted)
		work_load_sub(p->loop, b->dev, b->load, memory_of(b));
	b->counted = false;
}

/* First the new, so that the record of a file system which is used all the time is kept. */
void block_count(struct block_pool *p, struct block *b, uint64_t dev, enum work_load load)
{
	OBJ_CHECK(p, BLOCK);
	work_load_add(p->loop, dev, load, memory_of(b));
	count_no_more(p, b);
	b->counted = true;
	b->dev = dev;
	b->load = load;
}

void block_put(struct block_pool *p, struct block *b)
{
	OBJ_CHECK(p, BLOCK);
	count_no_more(p, b);
	if (b->mem == NULL) {
		p->used -= PIPE_BLOCKS;
		put_pipe(p, b);
	} else {
		p->used--;
		push_free(&p->free, b);
	}
	if (p->free.n > RESERVE || p->free_pipes.n > 0)
		start_ticking(p);
	if (!TAILQ_EMPTY(&p->waiters))
		defer(p->loop, &p->wake);
}

void block_wait(struct block_pool *p, struct block_waiter *w, uint64_t dev)
{
	OBJ_CHECK(p, BLOCK);
	if (w->waiting)
		return;
	w->waiting = true;
	w->dev = dev;
	TAILQ_INSERT_TAIL(&p->waiters, w, link);
	if (p->used < p->total && !p->starved && !has_its_most(p, dev))
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

bool block_splice_refused(int cause)
{
	return cause == EINVAL || cause == ENOSYS || cause == EOPNOTSUPP || cause == EPERM || cause == EACCES || cause == ENOMEM;
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
