/* SPDX-License-Identifier: MIT
 * Threads that run one job each at a time. The loop hands a job to a certain thread and hears of its end by a list; it shares no
 * lock with them, so a thread that loses its core in the middle of anything holds nobody up. Which job comes next is decided by
 * the loop alone (work.c): there is no queue here.
 *
 * Threads are started when all that there are have a job, and the one that ended its job last gets the next: there are so many as
 * were ever busy at a time. Each is WORK_NICE nicer than the loop. Loop thread, all of it.
 */
#ifndef HAUL_EV_POOL_H
#define HAUL_EV_POOL_H

#include <stdbool.h>

#define POOL_REFUSED_MS 5000 /* so long after a refusal no further thread is asked for */

struct loop;
struct pool;
struct pool_thread;

/* Embedded in its owner, which must live until `ended`. */
struct pool_job {
	void (*run)(void *owner); /* on a thread of the pool */
	void *owner;
	struct pool_thread *by; /* private, as the next one */
	struct pool_job *next;
};

/* Jobs end by `ended`, on the loop thread, in the order in which they ended. 0, or ERR_THREADS when the system gives no thread,
 * ERR_NOMEM when the loop can't be woken. */
int pool_new(struct loop *l, unsigned most, void (*ended)(void *owner), struct pool **ret);
/* Jobs that would be taken now: what it may have less what is busy. */
unsigned pool_left(struct pool *p);
unsigned pool_busy(const struct pool *p); /* jobs that have not ended, as far as the loop knows */
/* So many threads it may have; fewer than asked for while the system gives no more. */
unsigned pool_size(struct pool *p);
/* False: no thread is to be had just now. When a job ends there is one; or ask again after POOL_REFUSED_MS. */
bool pool_run(struct pool *p, struct pool_job *j);

/* The loop is about to wait: false when it must not, since jobs have ended meanwhile. */
bool pool_may_wait(struct pool *p);
/* The loop has waited: calls `ended`. */
void pool_collect(struct pool *p);
/* Jobs under way keep the loop alive, also when all handles were just told not to. */
void pool_keep_alive(struct pool *p);
/* Ends the threads. False: one has a job still; threads and pool are left as they are. Freed when the loop has run once more. */
bool pool_end(struct pool *p);

#endif
