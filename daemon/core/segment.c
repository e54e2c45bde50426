/* SPDX-License-Identifier: MIT
 * Segments: which bytes each lane gets, and the bookkeeping of what is in the file. See xfer_int.h.
 */
#include <stdlib.h>

#include "base/str.h"
#include "ev/work.h"
#include "core/xfer_int.h"

#define NEW_TRIPS  12 /* round trips until a new connection is as quick as those there are, */
#define KEPT_TRIPS 3  /* and one that was used before */
#define SPLIT_GRAIN (64 * 1024) /* whole pages, so that no two lanes write to one */

/* Any lane may have stopped for want of room, not only that of the segment that was written. For a little of it none is worth
 * starting: all of them would, and all but a few stop again. */
static void use_room(struct xfer *x)
{
	if (x->state != XS_RUN || !x->file || segment_queued(x) > segment_quota(x) / 4 * 3)
		return;
	if (work_load(x->loop, dfile_dev(x->file), LOAD_QUEUED) > segment_disk_quota(x) / 4 * 3)
		lanes_wait_for_disk(x);
	else
		defer(x->loop, &x->room);
}

static void on_written(void *owner, int64_t from, int64_t to)
{
	struct segment *s = owner;
	struct xfer *x = s->x;

	ranges_add(&x->written, from, to);
	x->dirty += (uint64_t)(to - from);
	xfer_hash_advance(x);
	use_room(x);
}

static void on_write_error(void *owner, int err, const struct fail *f)
{
	struct segment *s = owner;

	xfer_fail(s->x, err, f->text);
}

static void on_idle(void *owner)
{
	struct segment *s = owner;
	struct xfer *x = s->x;

	if (!s->lane)
		segment_free(s);
	xfer_check_done(x);
}

static const struct wstream_ops writer_ops = {.written = on_written, .error = on_write_error, .idle = on_idle};

struct segment *segment_bare(struct lane *l, int64_t start, int64_t end)
{
	struct segment *s = xcalloc(1, sizeof(*s));

	s->x = l->x;
	s->lane = l;
	s->start = s->next = start;
	s->end = end;
	TAILQ_INSERT_TAIL(&l->x->segs, s, link);
	l->seg = s;
	return s;
}

struct segment *segment_new(struct lane *l, int64_t start, int64_t end)
{
	struct segment *s = segment_bare(l, start, end);
	struct xfer *x = l->x;

	if (x->file)
		s->ws = wstream_new(x->file, start, &writer_ops, s);
	if (end >= 0)
		ranges_add(&x->taken, start, end);
	return s;
}

void segment_free(struct segment *s)
{
	TAILQ_REMOVE(&s->x->segs, s, link);
	if (s->ws)
		wstream_close(s->ws);
	free(s);
}

/* The probe's segment exists before the file does. */
void segment_attach_file(struct segment *s)
{
	if (!s->ws)
		s->ws = wstream_new(s->x->file, s->start, &writer_ops, s);
}

void segment_of_body(struct xfer *x, struct block *b)
{
	struct segment *s = xcalloc(1, sizeof(*s));

	s->x = x;
	s->next = s->end = b->len;
	TAILQ_INSERT_TAIL(&x->segs, s, link);
	segment_attach_file(s);
	wstream_push(s->ws, b);
}

void segment_leave(struct segment *s)
{
	struct xfer *x = s->x;

	s->lane->seg = NULL;
	s->lane = NULL;
	if (s->end >= 0)
		ranges_remove(&x->taken, s->next, s->end);
	s->end = s->next;
	if (!s->ws || !wstream_busy(s->ws))
		segment_free(s);
}

/* ---- stream-piece-selector: how much of a gap that begins at `at` a lane takes at a time ---- */

static int64_t take_all(const struct xfer *x, int64_t at)
{
	(void)at;
	return x->total;
}

/* The beginning of the file first: each lane the next small part. */
static int64_t take_least(const struct xfer *x, int64_t at)
{
	(void)at;
	return opts_num(x->opts, OPT_MIN_SPLIT_SIZE);
}

/* The same with few requests: parts as long as all that lies before them. */
static int64_t take_as_much_as_before(const struct xfer *x, int64_t at)
{
	int64_t least = opts_num(x->opts, OPT_MIN_SPLIT_SIZE);

	return at > least ? at : least;
}

/* In the order of the option's values. Parts at random places would only make more of them: as default. */
static int64_t (*const selectors[])(const struct xfer *x, int64_t at) = {
	take_all, take_least, take_all, take_as_much_as_before};

static int64_t piece_end(const struct xfer *x, int64_t at)
{
	int64_t piece = opts_num(x->opts, OPT_PIECE_LENGTH);

	return at + (piece - at % piece) % piece;
}

/* Where the part that begins at `at` and could go on to `end` is to stop: at a piece boundary, unless less than min-split-size
 * would be left. */
static int64_t portion_end(const struct xfer *x, int64_t at, int64_t end)
{
	int64_t least = opts_num(x->opts, OPT_MIN_SPLIT_SIZE);
	int64_t portion = selectors[opts_num(x->opts, OPT_STREAM_PIECE_SELECTOR)](x, at);
	int64_t stop;

	if (portion >= end - at)
		return end;
	stop = piece_end(x, at + portion);
	return end - stop < least ? end : stop;
}

/* Nobody is without work, but a lane goes on farther than its portion: what lies behind that is free again. */
static bool give_back_far_end(struct xfer *x)
{
	struct segment *s;

	TAILQ_FOREACH(s, &x->segs, link) {
		int64_t stop = s->lane && s->end >= 0 ? portion_end(x, s->next, s->end) : s->end;

		if (stop == s->end)
			continue;
		segment_cut(s, stop);
		return true;
	}
	return false;
}

bool segment_extend(struct segment *s, int64_t limit)
{
	struct xfer *x = s->x;
	struct range gap;

	if (limit < 0 || limit > x->total)
		limit = x->total;
	if (limit <= s->end || !ranges_gap(&x->taken, s->end, limit, &gap) || gap.start != s->end)
		return false;
	gap.end = portion_end(x, gap.start, gap.end);
	ranges_add(&x->taken, gap.start, gap.end);
	s->end = gap.end;
	return true;
}

size_t segment_queued(const struct xfer *x)
{
	return x->file ? dfile_queued(x->file) : 0;
}

size_t segment_quota(const struct xfer *x)
{
	size_t total;

	block_stats(x->loop->blocks, NULL, &total);
	return total * BLOCK_SIZE / 4;
}

size_t segment_disk_quota(const struct xfer *x)
{
	return segment_quota(x) * 2;
}

void segment_cut(struct segment *s, int64_t at)
{
	ranges_remove(&s->x->taken, at, s->end);
	s->end = at;
}

/* The attached segment with most left; it can be split so that both halves keep min-split-size. */
static struct segment *largest_divisible(struct xfer *x)
{
	int64_t least = xfer_split_least(x);
	struct segment *s, *best = NULL;

	TAILQ_FOREACH(s, &x->segs, link) {
		if (!s->lane || s->end < 0 || s->end - s->next < 2 * least)
			continue;
		if (!best || s->end - s->next > best->end - best->next)
			best = s;
	}
	return best;
}

int64_t segment_fair_share(const struct xfer *x)
{
	int64_t left = 0, n = 1;
	const struct segment *s;

	TAILQ_FOREACH(s, &x->segs, link)
	{
		if (!s->lane || s->end < 0 || s->racing)
			continue;
		left += s->end - s->next;
		n++;
	}
	return left / n;
}

/* Where to cut s when `lanes` more lanes want work: the last of so many equal parts, each at least min-split-size; less when that
 * is more than is left for each of those at work, who will want work soon, too. Equal to a few pages: with whole pieces the lanes
 * of a file of 15.3 of them each would have 15, 16 and 17, and it is done when the longest is. */
static int64_t split_point(const struct xfer *x, const struct segment *s, unsigned lanes)
{
	int64_t least = xfer_split_least(x);
	int64_t left = s->end - s->next;
	int64_t parts = (int64_t)lanes + 1;
	int64_t fair = segment_fair_share(x), n, at;

	if (parts > left / least)
		parts = left / least;
	n = left / parts < fair ? left / parts : fair;
	at = s->end - (n > least ? n : least);
	return at - at % SPLIT_GRAIN > s->next ? at - at % SPLIT_GRAIN : at;
}

int64_t segment_parts(const struct xfer *x)
{
	int64_t least = xfer_split_least(x), n;
	const struct segment *s;

	if (x->total < 0)
		return 0;
	n = (x->total - ranges_total(&x->taken) + least - 1) / least;
	TAILQ_FOREACH(s, &x->segs, link)
	{
		if (s->lane && s->end >= 0 && s->end - s->next >= 2 * least)
			n += (s->end - s->next) / least - 1;
	}
	return n;
}

/* Its lane would not have ended it before another one, of src, is at work. Lanes that are slower than others are met in
 * rescue.c instead. */
static bool is_worth_splitting(const struct segment *s, const struct source *src)
{
	const struct xfer *x = s->x;
	uint64_t pace = lane_pace(s->lane, loop_now(x->loop));
	uint64_t trips = src->kept > 0 ? KEPT_TRIPS : NEW_TRIPS;

	if (pace < s->lane->src->speed)
		pace = s->lane->src->speed;
	return pace == 0 || (uint64_t)(s->end - s->next) * 1000 / pace >= trips * x->rtt_ms;
}

bool segment_pick(struct xfer *x, const struct source *src, unsigned lanes, struct range *ret)
{
	int64_t most = source_portion(src);
	struct segment *s;

	if (x->total < 0)
		return false;
	if (ranges_gap(&x->taken, 0, x->total, ret) ||
		(give_back_far_end(x) && ranges_gap(&x->taken, 0, x->total, ret))) {
		ret->end = portion_end(x, ret->start, ret->end);
		if (ret->end - ret->start > most)
			ret->end = ret->start + most;
		return true;
	}
	if (rescue_pick(x, src, loop_now(x->loop), ret))
		return true;
	s = largest_divisible(x);
	if (!s || !is_worth_splitting(s, src))
		return false;
	ret->start = split_point(x, s, lanes);
	ret->end = s->end;
	if (ret->end - ret->start > most)
		ret->start = ret->end - most;
	segment_cut(s, ret->start);
	return true;
}
