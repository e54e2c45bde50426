/* SPDX-License-Identifier: MIT
 * struct loop: one libuv loop with what every module needs beside it: the clock, work deferred to the end of a turn, the pool of
 * blocks, threads for files, mount points. One thread (the one that calls loop_run) owns it and every struct that hangs on it.
 * Several loops may live in one process (tests do so); uv_default_loop is never used.
 */
#ifndef HAUL_EV_LOOP_H
#define HAUL_EV_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

struct block_pool;

/* Something that runs once at the end of the current loop turn, however often it was asked for. Embedded in its owner, who
 * sets cb and arg once and calls defer_cancel before it dies. */
struct deferred {
	void (*cb)(void *arg);
	void *arg;
	bool armed; /* private */
	TAILQ_ENTRY(deferred) link;
};

struct loop {
	uv_loop_t uv;
	struct block_pool *blocks;
	uint64_t (*clock_ms)(void *); /* test seam; NULL: the loop's own monotonic clock */
	void *clock_arg;
	uint64_t turn; /* counts the turns: for those who bound what they do in one */
	unsigned speedup; /* test seam: clock and timers run so many times as fast; 0: as the world does */
	/* private */
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle; /* active while something is deferred: the loop neither blocks nor ends then */
	TAILQ_HEAD(deferred_list, deferred) deferred;
	struct works *works;
	struct mounts *mounts;
};

/* mem_budget: bytes that received data may take before it is on disk (see block.h). 0, ERR_NOMEM or ERR_THREADS. */
int loop_init(struct loop *l, size_t mem_budget);
void loop_run(struct loop *l);  /* until loop_stop or nothing is left to do */
void loop_stop(struct loop *l); /* from the loop thread */
/* Runs what is still closing to its end, then closes: 0, or UV_EBUSY when somebody leaked a handle or request. */
int loop_close(struct loop *l);

/* Milliseconds, monotonic, constant within a turn. Wall-clock time is time(NULL), for dates only. */
uint64_t loop_now(const struct loop *l);

void defer(struct loop *l, struct deferred *d); /* idempotent */
void defer_cancel(struct loop *l, struct deferred *d);

#endif
