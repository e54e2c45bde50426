/* SPDX-License-Identifier: MIT
 * Token bucket and speed meter. Tokens are counted in thousandths of a byte, so that a refill of limit * ms has no
 * remainder to lose, however often and at however low a limit it is done.
 */
#include "core/rate.h"

#include <string.h>

#define RATE_MILLI     1000
#define RATE_LIMIT_MAX ((uint64_t)1 << 50) /* bytes/s; above it every product below would need more than 64 bits */
#define RATE_DEPTH_MS  200
#define RATE_DEPTH_MIN 16384 /* bytes */
#define RATE_CHUNK_MS  20    /* a waiting reader is woken for this much, not for every byte */
#define METER_SLOTS    10
#define METER_MIN_MS   200 /* a shorter time would make a speed out of the first read's burst */

static int64_t depth_of(uint64_t limit)
{
	uint64_t depth = limit * RATE_DEPTH_MS / RATE_MILLI;

	return (int64_t)(depth > RATE_DEPTH_MIN ? depth : RATE_DEPTH_MIN) * RATE_MILLI;
}

static void refill(struct rate *r, uint64_t now)
{
	int64_t depth = depth_of(r->limit), add;

	if (now <= r->last)
		return;
	if (__builtin_mul_overflow(r->limit, now - r->last, &add) || __builtin_add_overflow(r->tokens, add, &r->tokens))
		r->tokens = depth;
	if (r->tokens > depth)
		r->tokens = depth;
	r->last = now;
}

/* Forget the seconds that passed since the newest slot. */
static void meter_advance(struct meter *m, uint64_t sec)
{
	uint64_t s;

	if (sec <= m->cur)
		return;
	if (sec - m->cur >= METER_SLOTS)
		memset(m->slot, 0, sizeof(m->slot));
	else
		for (s = m->cur + 1; s <= sec; s++)
			m->slot[s % METER_SLOTS] = 0;
	m->cur = sec;
}

void rate_init(struct rate *r, uint64_t limit, uint64_t now)
{
	r->limit = limit < RATE_LIMIT_MAX ? limit : RATE_LIMIT_MAX;
	r->tokens = (int64_t)r->limit * RATE_DEPTH_MS;
	r->last = now;
}

void rate_set(struct rate *r, uint64_t limit, uint64_t now)
{
	int64_t debt_max;

	if (r->limit == 0 || limit == 0) {
		rate_init(r, limit, now);
		return;
	}
	refill(r, now);
	r->limit = limit < RATE_LIMIT_MAX ? limit : RATE_LIMIT_MAX;
	/* A debt made under a high limit would stand still for minutes under a low one. */
	debt_max = (int64_t)r->limit * RATE_DEPTH_MS;
	if (r->tokens < -debt_max)
		r->tokens = -debt_max;
	if (r->tokens > depth_of(r->limit))
		r->tokens = depth_of(r->limit);
}

int64_t rate_avail(struct rate *r, uint64_t now)
{
	if (r->limit == 0)
		return INT64_MAX;
	refill(r, now);
	return r->tokens > 0 ? r->tokens / RATE_MILLI : 0;
}

void rate_take(struct rate *r, size_t n)
{
	int64_t milli;

	if (r->limit == 0)
		return;
	if (__builtin_mul_overflow(n, RATE_MILLI, &milli) || __builtin_sub_overflow(r->tokens, milli, &r->tokens))
		r->tokens = INT64_MIN;
}

uint64_t rate_wait(const struct rate *r)
{
	uint64_t chunk, want;

	if (r->limit == 0 || r->tokens >= RATE_MILLI)
		return 0;
	chunk = r->limit * RATE_CHUNK_MS;
	if (chunk < RATE_MILLI)
		chunk = RATE_MILLI;
	/* In unsigned arithmetic, so that the deepest debt does not overflow. */
	want = chunk - (uint64_t)r->tokens;
	return want / r->limit + (want % r->limit != 0);
}

void meter_add(struct meter *m, size_t n, uint64_t now)
{
	if (m->start == 0) {
		m->start = now > 0 ? now : 1;
		m->cur = now / 1000;
	}
	meter_advance(m, now / 1000);
	m->slot[m->cur % METER_SLOTS] += n;
	m->total += n;
}

uint64_t meter_speed(const struct meter *m, uint64_t now)
{
	uint64_t sec = now / 1000, oldest = sec >= METER_SLOTS ? sec - (METER_SLOTS - 1) : 0, from, s, sum = 0;

	if (m->start == 0 || now < m->start)
		return 0;
	from = oldest * 1000 > m->start ? oldest * 1000 : m->start;
	for (s = oldest; s <= m->cur; s++)
		if (s + METER_SLOTS > m->cur)
			sum += m->slot[s % METER_SLOTS];
	return sum * 1000 / (now - from > METER_MIN_MS ? now - from : METER_MIN_MS);
}
