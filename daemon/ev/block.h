/* SPDX-License-Identifier: MIT
 * Blocks: the page-aligned memory into which bodies are received and from which they are written to disk. One pool with one
 * budget for the whole daemon: when it is empty, reading stops (back-pressure), nothing else grows. Loop thread.
 *
 * Life of a block: block_get -> filled by a reader (len grows) -> handed to disk/wstream -> written -> block_put by the
 * writer. One owner at a time.
 *
 * The bytes of a block may lie in a pipe instead (block_get_pipe): then they go from the socket to the file within the kernel,
 * by splice(2), and nobody here sees them. Such a block draws on the same budget.
 */
#ifndef HAUL_EV_BLOCK_H
#define HAUL_EV_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "ev/work.h"

#define BLOCK_SIZE (256 * 1024)
#define BLOCK_PIPE (1024 * 1024) /* the same of a block in a pipe: what a user without rights may give a pipe */

struct loop;
struct block_pool;

struct block {
	char *mem;	/* BLOCK_SIZE bytes, page-aligned; NULL: the bytes are in `pipe` */
	int pipe[2];	/* to read from, to write to; both don't block */
	uint32_t len;	/* bytes filled from the front */
	uint32_t taken; /* bytes that the writer has taken out of the pipe */
	int64_t off;	/* where the first byte belongs in the file */
	bool counted;	/* private, as the next two: see block_count */
	enum work_load load;
	uint64_t dev;
	STAILQ_ENTRY(block) link;
};

STAILQ_HEAD(block_list, block);

/* Somebody who found the pool empty. cb runs (at the end of a turn) when a block is free; it must call block_get again, and
 * may fail again. In FIFO order, one waiter per freed block; those whose file system may have no more are passed over. */
struct block_waiter {
	void (*cb)(void *arg);
	void *arg;
	bool waiting; /* private, as the next */
	uint64_t dev;
	TAILQ_ENTRY(block_waiter) link;
};

struct block_pool *block_pool_new(struct loop *l, size_t budget); /* at least 4 blocks */
void block_pool_free(struct block_pool *p);                        /* all blocks must be back */

struct block *block_get(struct block_pool *p); /* len 0; NULL: the budget is used up */
/* The same for bytes that go to dev, for which block_count is to count it next. NULL also: blocks counted for dev are all but an
 * eighth of the budget. */
struct block *block_get_for(struct block_pool *p, uint64_t dev);
/* One whose bytes go through an empty pipe, which takes up to BLOCK_PIPE of them, or less: what is in it counts by the pieces
 * in which it came. NULL: less than a quarter of the budget would be left, or the system gives no such pipe: block_get. */
struct block *block_get_pipe(struct block_pool *p);
/* After this errno of splice bytes go on through memory: the file, the socket, the kernel or a filter of system calls does not do
 * it. Whatever else is wrong shows in reading or writing. Any thread. */
bool block_splice_refused(int cause);
void block_put(struct block_pool *p, struct block *b); /* bytes still in its pipe are lost */
void block_wait(struct block_pool *p, struct block_waiter *w, uint64_t dev); /* of block_get_for; idempotent */
void block_wait_cancel(struct block_pool *p, struct block_waiter *w);

/* The budget that it takes counts as this load of the file system that its bytes are for (ev/work.h), until it is put, or counted
 * anew. */
void block_count(struct block_pool *p, struct block *b, uint64_t dev, enum work_load load);

/* Fewer than a quarter of the blocks are free: holders should write out partly filled blocks now instead of keeping them. */
bool block_pressure(const struct block_pool *p);
void block_stats(const struct block_pool *p, size_t *ret_used, size_t *ret_total); /* in blocks; NULL: not wanted */

#endif
