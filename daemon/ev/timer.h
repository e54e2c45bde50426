/* SPDX-License-Identifier: MIT
 * One-shot and repeating timers whose memory is not the owner's problem: the libuv handle is separate and freed in its close
 * callback, so the owner may be freed right after timer_stop. Zeroed is a stopped timer. Loop thread.
 */
#ifndef HAUL_EV_TIMER_H
#define HAUL_EV_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

typedef void (*timer_cb)(void *arg);

struct timer {
	struct timer_handle *h; /* private */
};

/* Call cb(arg) in `ms`, then every `repeat` ms (0: once). Starting a running timer starts it anew. cb may stop or restart it. */
void timer_start(struct loop *l, struct timer *t, uint64_t ms, uint64_t repeat, timer_cb cb, void *arg);
void timer_stop(struct timer *t); /* idempotent; cb is not called any more */
void timer_unref(struct timer *t); /* after timer_start: this run of it does not keep loop_run going */
bool timer_running(const struct timer *t);

#endif
