/* SPDX-License-Identifier: MIT
 * Speed: a token bucket that limits, and a meter that measures. Both take `now` (ms, monotonic), so tests need no clock.
 * Loop thread.
 */
#ifndef HAUL_CORE_RATE_H
#define HAUL_CORE_RATE_H

#include <stddef.h>
#include <stdint.h>

/* Token bucket; limit 0 means none. It holds at most 200 ms worth of bytes (at least 16 KiB), so changes act within a second
 * and the flow stays smooth. */
struct rate {
	uint64_t limit;  /* bytes/s */
	int64_t tokens;  /* thousandths of a byte; below zero: a debt */
	uint64_t last;   /* ms of the last refill */
};

void rate_init(struct rate *r, uint64_t limit, uint64_t now);
void rate_set(struct rate *r, uint64_t limit, uint64_t now);
/* Bytes that may be taken now: 0..INT64_MAX. */
int64_t rate_avail(struct rate *r, uint64_t now);
void rate_take(struct rate *r, size_t n); /* may go below zero */
/* ms from the last rate_avail until something worth a wake-up (20 ms of flow) is available; 0: now. */
uint64_t rate_wait(const struct rate *r);

/* Sliding mean over the last 10 s in 1 s steps, as aria2 shows it. */
struct meter {
	uint64_t slot[10];
	uint64_t start;  /* ms of the first add; 0: none yet */
	uint64_t cur;    /* second of the newest slot */
	uint64_t total;  /* all bytes ever */
};

void meter_add(struct meter *m, size_t n, uint64_t now);
uint64_t meter_speed(const struct meter *m, uint64_t now); /* bytes/s */

#endif
