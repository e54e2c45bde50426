/* SPDX-License-Identifier: MIT
 * What slow lanes would hold up is taken over by others. A lane without work takes from a far slower one all but the share that
 * this one can bring meanwhile, however little that is. What is left in the end, a block at most, is fetched a second time beside
 * it: a race, whose loser's bytes are thrown away before they are written. Never in a race for nothing: the other lane's source
 * must be known to be several times faster, so where all are slow nobody takes anything from anybody. See struct segment.
 */
#include <string.h>

#include "base/str.h"
#include "core/xfer_int.h"

#define JUDGED_AFTER	  5    /* times what a request takes there to bring a byte, before a lane counts as slow, */
#define JUDGED_LEAST_MS	  100
#define JUDGED_MOST_MS	  1000
#define SILENT_MS	  3000 /* and of silence, before it counts as one that brings nothing */
#define RESCUE_FACTOR	  4    /* so many times longer than the other one it must need, */
#define RESCUE_LEAST_MS	  1000 /* and so long */
#define RESCUE_UNKNOWN_MS 10000 /* the same where nothing is known of the other one's source */
#define RESCUE_GRAIN	  (64 * 1024)
#define RESCUE_TRIAL	  (1024 * 1024) /* what such a source gets */
#define RACE_FACTOR	  2
#define RACE_LEAST_MS	  300
#define RACE_UNKNOWN_MS	  5000
#define RACES_MOST	  3
#define REQUEST_MS	  500 /* until a new request brings bytes, where that is not known yet */
#define FAR_MS		  50 /* round trips from which on it takes so long until a new connection is as quick as others, */
#define YOUNG_BYTES	  (512 * 1024) /* which is so when it has brought this, */
#define YOUNG_FIRST	  (16 * 1024) /* and this in the first round trip, twice as much in the next, and so on; */
#define YOUNG_FACTOR	  2 /* one that was used before helps when it needs so many times less, */
#define YOUNG_TRIPS	  3 /* and the young one so long */
#define NEVER_MS	  (UINT64_MAX / 16)

static uint64_t ms_for(int64_t bytes, uint64_t speed)
{
	return speed > 0 ? (uint64_t)bytes / speed * 1000 + (uint64_t)bytes % speed * 1000 / speed : NEVER_MS;
}

uint64_t lane_pace(const struct lane *l, uint64_t now)
{
	if (l->state != LANE_BODY || now - l->last_data >= SILENT_MS)
		return 0;
	return l->speed > 0 || now == l->since ? l->speed : (uint64_t)l->got * 1000 / (now - l->since);
}

/* Until a lane of src that begins now would have brought n bytes. */
static uint64_t ms_anew(const struct source *src, int64_t n)
{
	return ms_for(n, src->speed) + (src->request_ms > 0 ? src->request_ms : REQUEST_MS);
}

static uint64_t judged_after(const struct source *src)
{
	uint64_t ms = src->request_ms * JUDGED_AFTER;

	if (ms == 0 || ms > JUDGED_MOST_MS)
		return JUDGED_MOST_MS;
	return ms > JUDGED_LEAST_MS ? ms : JUDGED_LEAST_MS;
}

/* What it brings is little because its connection is new, while there is one that is not and has nothing to do. */
static bool is_young(const struct lane *l, uint64_t now)
{
	if (!l->fresh || l->src->kept == 0 || l->x->rtt_ms < FAR_MS)
		return false;
	return l->got < YOUNG_BYTES && now - l->since < judged_after(l->src);
}

/* Until that one will have n bytes more. */
static uint64_t ms_growing(const struct lane *l, int64_t n)
{
	int64_t step = l->got > YOUNG_FIRST ? l->got : YOUNG_FIRST;
	uint64_t trips = l->state == LANE_HEAD ? 2 : 0;

	for (; n > 0 && step < YOUNG_BYTES; step *= 2, trips++)
		n -= step;
	return trips * l->x->rtt_ms;
}

/* It was given time, and it was not us who kept it waiting. */
static bool can_be_judged(const struct lane *l, uint64_t now)
{
	if ((l->state != LANE_HEAD && l->state != LANE_BODY) || l->held)
		return false;
	return is_young(l, now) || now - l->since >= judged_after(l->src);
}

/* Until it will have n bytes more. It may be silent for as long again as it has been. */
static uint64_t ms_still(const struct lane *l, int64_t n, uint64_t now)
{
	if (is_young(l, now))
		return ms_growing(l, n);
	return ms_for(n, lane_pace(l, now)) + (now - l->last_data);
}

static int64_t left_of(const struct segment *s)
{
	return s->end - s->next;
}

/* Of the segments with least..most bytes left the one whose lane will need longest; *ret_ms: how long. */
static struct segment *last_to_end(struct xfer *x, int64_t least, int64_t most, uint64_t now, uint64_t *ret_ms)
{
	struct segment *s, *found = NULL;

	*ret_ms = 0;
	TAILQ_FOREACH(s, &x->segs, link)
	{
		uint64_t ms;

		if (!s->lane || s->end < 0 || s->racing || s->rival || left_of(s) < least || left_of(s) > most)
			continue;
		if (!can_be_judged(s->lane, now))
			continue;
		ms = ms_still(s->lane, left_of(s), now);
		if (!found || ms > *ret_ms) {
			found = s;
			*ret_ms = ms;
		}
	}
	return found;
}

/* ---- taking over ---- */

/* How much of s a lane of src, with its goodput, should take off the end. */
static int64_t share(const struct segment *s, const struct source *src, uint64_t now)
{
	uint64_t own = lane_pace(s->lane, now);
	int64_t left = left_of(s), keep, at;

	if (src->speed == 0)
		return left / 2 < RESCUE_TRIAL ? left / 2 : RESCUE_TRIAL;
	keep = (int64_t)((double)left * ((double)own / ((double)own + (double)src->speed)));
	at = s->next + keep + RESCUE_GRAIN;
	at -= at % RESCUE_GRAIN;
	return at < s->end ? s->end - at : 0;
}

/* l needs ms for n bytes, and it pays that one of src does most of that. */
static bool is_far_slower(const struct lane *l, const struct source *src, int64_t n, uint64_t ms,
	uint64_t now)
{
	if (src->speed == 0)
		return ms >= RESCUE_UNKNOWN_MS;
	if (is_young(l, now))
		return ms >= YOUNG_TRIPS * l->x->rtt_ms && ms / YOUNG_FACTOR >= ms_anew(src, n);
	return ms >= RESCUE_LEAST_MS && ms / RESCUE_FACTOR >= ms_anew(src, n);
}

bool rescue_pick(struct xfer *x, const struct source *src, uint64_t now, struct range *ret)
{
	int64_t n, most = source_portion(src), fair = segment_fair_share(x);
	struct segment *s;
	uint64_t ms;

	s = src->no_ranges ? NULL : last_to_end(x, BLOCK_SIZE + 1, INT64_MAX, now, &ms);
	if (!s || !is_far_slower(s->lane, src, left_of(s), ms, now))
		return false;
	n = share(s, src, now);
	if (n > fair && n > BLOCK_SIZE)
		n = fair > BLOCK_SIZE ? fair : BLOCK_SIZE;
	if (n > most)
		n = most;
	if (n <= 0)
		return false;
	ret->start = s->end - n;
	ret->end = s->end;
	segment_cut(s, ret->start);
	return true;
}

/* ---- races ---- */

struct segment *race_find(struct xfer *x, const struct source *src, uint64_t now)
{
	struct segment *s;
	uint64_t ms;

	if (src->no_ranges || block_pressure(x->loop->blocks))
		return NULL;
	s = last_to_end(x, 1, BLOCK_SIZE, now, &ms);
	/* From 0 on the whole file might be meant, and another version be acceptable: no matter for a race. */
	if (!s || s->next == 0 || s->races >= RACES_MOST)
		return NULL;
	if (src->speed == 0)
		return ms >= RACE_UNKNOWN_MS ? s : NULL;
	return ms >= RACE_LEAST_MS && ms / RACE_FACTOR >= ms_anew(src, left_of(s)) ? s : NULL;
}

void race_new(struct lane *l, struct segment *rival)
{
	struct segment *s = segment_bare(l, rival->next, rival->end);

	s->racing = true;
	s->from = s->end;
	s->rival = rival;
	rival->rival = s;
	rival->races++;
}

static void part(struct segment *s)
{
	s->rival->rival = NULL;
	s->rival = NULL;
}

/* What was received of [from, end) goes to the file; of the rest nothing was ever written by this lane. */
static void write_needed(struct lane *l)
{
	struct segment *s = l->seg;
	struct block *b = l->cur;
	size_t skip;

	l->cur = NULL;
	s->racing = false;
	if (b && s->from < s->next && l->x->file) {
		skip = (size_t)(s->from - b->off);
		memmove(b->mem, b->mem + skip, b->len - skip);
		b->off = s->from;
		b->len -= (uint32_t)skip;
		s->start = s->from;
		segment_attach_file(s);
		wstream_push(s->ws, b);
	} else if (b) {
		block_put(l->x->loop->blocks, b);
	}
	if (s->next < s->from)
		s->next = s->from;
}

/* The lane that was raced leaves. The one that races is stopped, or gets what is missing. */
static void rival_leaves(struct segment *s)
{
	struct segment *racer = s->rival;

	part(s);
	if (s->next == s->end) {
		lane_stop(racer->lane);
		return;
	}
	racer->from = s->next;
	s->end = s->next; /* the rest stays taken: it is the racer's */
}

void race_settle(struct lane *l)
{
	struct segment *s = l->seg;

	if (!s->racing) {
		if (s->rival)
			rival_leaves(s);
		return;
	}
	if (s->rival && s->next == s->end && s->rival->next < s->rival->end)
		lane_stop(s->rival->lane); /* won: what it has got is written by it, the rest falls to s */
	else if (s->rival)
		part(s);
	write_needed(l);
}
