/* SPDX-License-Identifier: MIT
 * Work on libuv's thread pool. A work item holds copies, descriptors and blocks, never a struct of the loop thread that may
 * change meanwhile. Every item completes exactly once, on the loop thread.
 */
#ifndef HAUL_EV_WORK_H
#define HAUL_EV_WORK_H

/* The pool's threads are so much nicer than the loop: when there are fewer processors than threads that want one, whoever asks
 * something by RPC does not wait for a write of megabytes to end, and bodies come no slower (docs/performance.md). */
#define WORK_NICE 3

struct loop;
struct work;

/* WORK_HASH items run at most (pool size / 4, at least 1) at a time, so that hashing never holds up disk writes. */
enum work_class { WORK_DISK, WORK_HASH };

typedef void (*work_fn)(void *arg);               /* on a pool thread */
typedef void (*work_done)(void *arg, int status); /* on the loop thread; 0, or ERR_CANCELED when fn never ran */

/* Starts the pool, at the process's start: `threads` (1..64) unless UV_THREADPOOL_SIZE says otherwise, or as many as the system
 * gives, with a warning. 0, or ERR_THREADS when it gives none. */
int work_pool_start(struct loop *l, unsigned threads);

/* The handle is valid until done is called; most callers ignore it. */
struct work *work_submit(struct loop *l, enum work_class cls, work_fn fn, work_done done, void *arg);
/* Ask not to run it any more; done still comes (ERR_CANCELED if fn had not begun). */
void work_cancel(struct work *w);

#endif
