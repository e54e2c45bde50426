/* SPDX-License-Identifier: MIT
 * What is looked at each second: goodput, connections that hold their transfer up, why nothing comes, checkpoints.
 */
#include "core/xfer_int.h"

#define TICK_MS 1000
#define ASLEEP_MS 3000                /* a look that comes so long after the last one: the process was stopped meanwhile */
#define SYNC_BYTES (8u * 1024 * 1024) /* a checkpoint is made when so much is unsynced, */
#define SYNC_MS 5000                  /* or anything for so long */
#define LAGGARD_AFTER_MS 5000         /* a connection may be given up as a laggard from then on, */
#define LAGGARD_FACTOR 16             /* when it is so much slower than another would be, */
#define LAGGARD_LEFT_S 10             /* would need so long for what it still has to fetch, */
#define LAGGARD_MOST 3                /* and was not replaced so often already */
#define LOW_WATER_MS 750              /* a slow connection is read when it has what it brings in this time, */
#define LOW_WATER_LEAST 4096          /* if that is so much, */
#define LOW_WATER_MOST (64 * 1024)    /* or when it has this much */
#define LOW_WATER_SPEED (1024 * 1024) /* faster ones are read as they come: there it saves nothing */
#define SLOW_AFTER_MS 10000           /* lowest-speed-limit counts from then on */

/* What a slow connection brings is to be seen, and safe from a kill, after two seconds at most. */
static void flush_aged_block(struct lane *l)
{
	if (l->cur && l->cur->len > 0 && l->aged)
		lane_flush(l);
	l->aged = l->cur != NULL;
}

/* What a slow connection brings is read in few pieces. When it falls silent it is read as it comes, so that what came is taken,
 * and the silence is one of the server. */
static void choose_low_water(struct lane *l)
{
	int64_t n = l->got - l->ticked_got;
	size_t low = LOW_WATER_MOST;

	l->ticked_got = l->got;
	l->per_tick = n == 0 || l->per_tick == 0 ? n : (l->per_tick * 3 + n) / 4;
	while ((int64_t)low > l->per_tick * LOW_WATER_MS / TICK_MS)
		low /= 2;
	if (low < LOW_WATER_LEAST || l->per_tick > LOW_WATER_SPEED || l->paused || l->state != LANE_BODY)
		low = 0;
	lane_low_water(l, low);
}

static bool too_slow(const struct lane *l, uint64_t now)
{
	int64_t least = opts_num(l->x->opts, OPT_LOWEST_SPEED_LIMIT);

	return least > 0 && l->state == LANE_BODY && now - l->since >= SLOW_AFTER_MS &&
	       meter_speed(&l->meter, now) < (uint64_t)least;
}

bool lane_is_silent(const struct lane *l, uint64_t now)
{
	uint64_t limit = (uint64_t)opts_num(l->x->opts, OPT_STALL_TIMEOUT) * 1000;

	return limit > 0 && !l->paused && (l->state == LANE_HEAD || l->state == LANE_BODY) && now - l->last_data >= limit;
}

/* Another lane, of src only unless that is NULL, got bytes not long ago. */
static bool others_receive(const struct lane *l, const struct source *src, uint64_t now)
{
	uint64_t limit = (uint64_t)opts_num(l->x->opts, OPT_STALL_TIMEOUT) * 1000;
	const struct lane *other;

	TAILQ_FOREACH(other, &l->x->lanes, link)
	{
		if (other != l && other->state == LANE_BODY && now - other->last_data < limit / 2 && (!src || other->src == src))
			return true;
	}
	return false;
}

/* A new connection, or another source, is likely to do better. */
static bool stalled(const struct lane *l, uint64_t now)
{
	struct xfer *x = l->x;

	if (!lane_is_silent(l, now))
		return false;
	return others_receive(l, NULL, now) || (x->state == XS_RUN && source_other_ready(x, l->src, 0, now));
}

/* Far slower than another connection would be, with a long way to go. */
static bool laggard(const struct lane *l, uint64_t now)
{
	uint64_t speed = meter_speed(&l->meter, now);

	if (l->state != LANE_BODY || l->paused || !l->seg || l->seg->end < 0 || l->src->no_ranges || l->replaced >= LAGGARD_MOST)
		return false;
	if (now - l->since < LAGGARD_AFTER_MS || (uint64_t)(l->seg->end - l->seg->next) <= speed * LAGGARD_LEFT_S)
		return false;
	return speed < l->src->best / LAGGARD_FACTOR || source_other_ready(l->x, l->src, speed * LAGGARD_FACTOR + 1, now);
}

static void check_pace(struct lane *l, uint64_t now)
{
	if (too_slow(l, now)) {
		lane_drop(l, ERR_TOO_SLOW);
	} else if (laggard(l, now)) {
		l->replaced++;
		lane_drop(l, ERR_AGAIN);
	} else if (stalled(l, now)) {
		if (!others_receive(l, l->src, now))
			source_put_aside(l->src, now);
		lane_drop(l, ERR_TIMEOUT);
	} else if (l->seg && l->seg->racing && block_pressure(l->x->loop->blocks)) {
		lane_stop(l); /* others need the block that it holds */
	}
}

/* A page that failed is asked again later, though its origin has nothing against other requests. */
static void explain_retry(struct xfer *x, const struct source *s, uint64_t now)
{
	char wait[32];

	if (s->ready_at > now && s->fail.code)
		fail_set(&x->wait, s->fail.code, "waiting %s for %.60s: %s", str_wait(s->ready_at - now, wait), s->u.host,
			s->fail.text);
}

static void explain_wait(struct xfer *x, uint64_t now)
{
	x->wait.text[0] = '\0';
	for (size_t i = 0; i < x->nsources; i++) {
		const struct source *s = x->sources[i];

		if (s->dead || source_lanes(x, s, true) > 0)
			continue;
		origin_explain(s->origin, now, &x->wait);
		if (!x->wait.text[0])
			explain_retry(x, s, now);
		if (x->wait.text[0])
			return;
	}
}

/* Nobody was slow, or silent, while we did not look. */
static void forgive_sleep(struct xfer *x, uint64_t now)
{
	struct lane *l;

	TAILQ_FOREACH(l, &x->lanes, link) l->since = l->last_data = now;
}

static void on_tick(void *arg)
{
	struct xfer *x = arg;
	uint64_t now = loop_now(x->loop);
	struct lane *l;

	if (now - x->ticked_at >= ASLEEP_MS)
		forgive_sleep(x, now);
	x->ticked_at = now;
	TAILQ_FOREACH(l, &x->lanes, link) source_note(l, now);
	source_fade(x);
	TAILQ_FOREACH(l, &x->lanes, link)
	{
		flush_aged_block(l);
		choose_low_water(l);
		check_pace(l, now);
	}
	explain_wait(x, now);
	if (x->dirty >= SYNC_BYTES || (x->dirty > 0 && now - x->synced_at >= SYNC_MS))
		xfer_sync(x);
	xfer_dirty(x);
}

void xfer_pace_start(struct xfer *x)
{
	x->ticked_at = loop_now(x->loop);
	timer_start(x->loop, &x->tick, TICK_MS, TICK_MS, on_tick, x);
}
