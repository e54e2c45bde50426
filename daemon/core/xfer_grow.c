/* SPDX-License-Identifier: MIT
 * How many connections a transfer has. What the user says is used at once. Where nobody said how many one server may get, the
 * number is found out: more are opened, two or four times as many, as long as their sum brings more than before; those that
 * brought nothing are closed again, and later some more are tried. Goodput is compared between windows of time in
 * which all connections received. Those to one origin are shared with other transfers that find it out (share.h): this one gives
 * some up when it has more than its share and another one wants them, and grows again when there is room. One that was told a
 * number gives some up only for a transfer that would have none.
 */
#include <limits.h>

#include "base/fds.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/xfer_int.h"

#define AUTO_MOST     SHARE_MOST
#define AUTO_START    5    /* most to begin with, one for each source; aria2's split */
#define AUTO_LEAST    (1024 * 1024) /* of a file that is split without a word of the user's about min-split-size */
/* Where a round trip takes so long, a young connection brings what its round trips let it, and others bring as much again: */
#define FAR_MS	      50
#define FAR_START     4    /* are begun with, before anything was measured, */
#define FAR_LEAST     (4 * 1024 * 1024) /* if so much is left for each */
#define LOOK_MS	      50   /* while new connections are awaited, */
#define REST_MS	      1000 /* and while there is nothing to find out */
#define WINDOW_MS     400  /* of a measurement, ... */
#define WINDOW_GAPS   5    /* ... and so many times the longest silence within it, for servers that send in bursts, ... */
#define WINDOW_MOST_MS 2500 /* ... but not more than this */
#define SETTLE_MOST_MS 2000 /* new connections are waited for, until they receive */
#define WORTH_MS      2000 /* what would be over sooner is left alone */
#define HOLD_MS	      10000 /* until more are tried again after a step that brought too little, twice as long each time */
#define HOLD_MOST_MS  320000
#define TROUBLE_HOLD_MS 30000 /* the same after a server that refused, or a connection that broke */
#define WANT_MS	      5000 /* others are asked for connections so long at most, where nothing can be measured */
#define SHARE_HOLD_MS 2000 /* but so long after one that refused because others have more than their share of what it takes */
#define LEAVE_MS      1000 /* a connection that is not wanted any more ends its segment if that takes less */

/* In percent of what a step would bring if each connection were as good as those before it. */
#define GAIN_FULL 70 /* the next step is to four times as many, */
#define GAIN_GOOD 50 /* or to twice as many */
#define GAIN_SOME 10 /* the new ones stay; below that they are closed */

/* ---- what is allowed ---- */

bool xfer_is_automatic(const struct xfer *x)
{
	return !opts_given(x->opts, OPT_MAX_CONNECTION_PER_SERVER);
}

int64_t xfer_per_host(const struct xfer *x)
{
	return xfer_is_automatic(x) ? AUTO_MOST : opts_num(x->opts, OPT_MAX_CONNECTION_PER_SERVER);
}

/* Whatever was found out. */
static int64_t most_of_all(const struct xfer *x)
{
	int64_t per_host = xfer_per_host(x);

	if (opts_given(x->opts, OPT_SPLIT))
		return opts_num(x->opts, OPT_SPLIT);
	return per_host > AUTO_MOST ? per_host : AUTO_MOST;
}

static int64_t at_first(const struct xfer *x)
{
	int64_t n = x->nsources < AUTO_START ? (int64_t)x->nsources : AUTO_START;

	return n < most_of_all(x) ? n : most_of_all(x);
}

int64_t xfer_lanes_most(const struct xfer *x)
{
	int64_t most = most_of_all(x), found = x->grow.lanes > at_first(x) ? x->grow.lanes : at_first(x);

	return xfer_is_automatic(x) && found < most ? found : most;
}

int64_t xfer_split_least(const struct xfer *x)
{
	if (xfer_is_automatic(x) && !opts_given(x->opts, OPT_MIN_SPLIT_SIZE))
		return AUTO_LEAST;
	return opts_num(x->opts, OPT_MIN_SPLIT_SIZE);
}

/* Another fetch of x, than l's, at the same origin that shares its connections; NULL: there is none. */
static const struct origin_use *find_mate(const struct xfer *x, const struct origin *o, const struct lane *l)
{
	const struct lane *other;

	TAILQ_FOREACH(other, &x->lanes, link)
	{
		if (other != l && other->use.on && other->use.o == o && other->use.sharer != NULL)
			return &other->use;
	}
	return NULL;
}

bool xfer_crowds(const struct xfer *x, const struct source *s)
{
	const struct origin_use *one = find_mate(x, s->origin, NULL);

	if (!xfer_is_automatic(x))
		return false;
	return one ? share_is_full(one->sharer) : origin_active(s->origin) >= AUTO_MOST;
}

/* At all origins where it has connections. */
static int64_t fair_share(const struct xfer *x)
{
	const struct lane *l, *first;
	int64_t n = 0;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l->use.sharer == NULL)
			continue;
		for (first = TAILQ_FIRST(&x->lanes); first->use.sharer != l->use.sharer; first = TAILQ_NEXT(first, link))
			;
		n += first == l ? share_fair(l->use.sharer) : 0;
	}
	return n;
}

/* Another one where p has some could begin, if it may have a connection. */
static bool can_have_more(const struct xfer *x, const struct sharer *p)
{
	uint64_t now = loop_now(x->loop);
	const struct lane *l;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l->use.sharer == p && source_takes_more(x, l->src, now) && origin_takes_more(l->use.o, now))
			return true;
	}
	return false;
}

/* It wants so many more than it has. What could not begin is not asked for: others would close theirs for nothing. */
static void want(struct xfer *x, int64_t more)
{
	int64_t work = more > 0 && !mem_short() && !fds_scarce() ? segment_parts(x) : 0, n = more < work ? more : work;
	struct lane *l;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		struct sharer *p = l->use.sharer;

		if (p)
			origin_use_want(&l->use, n > 0 && can_have_more(x, p) ? share_keeps(p) + (unsigned)n : 0);
	}
}

/* ---- what is found out ---- */

enum phase {
	PHASE_HOLD,    /* nothing is tried */
	PHASE_SETTLE,  /* the connections of a step are awaited, until they receive */
	PHASE_MEASURE, /* a window is open */
};

static enum phase phase_of(const struct growth *g, uint64_t now)
{
	if (now < g->hold_until)
		return PHASE_HOLD;
	return g->begun == 0 ? PHASE_SETTLE : PHASE_MEASURE;
}

static bool receives(const struct lane *l)
{
	return l->state == LANE_BODY && l->got > 0;
}

static int64_t receiving(const struct xfer *x)
{
	const struct lane *l;
	int64_t n = 0;

	TAILQ_FOREACH(l, &x->lanes, link) n += receives(l);
	return n;
}

static void begin_window(struct growth *g, uint64_t now)
{
	g->begun = g->heard = now;
	g->bytes = 0;
	g->gap = 0;
	g->ours = false;
}

static void hold(struct xfer *x, uint64_t now)
{
	struct growth *g = &x->grow;

	want(x, 0);
	g->crowded = false;
	g->hold_ms = g->hold_ms == 0 ? HOLD_MS : g->hold_ms * 2;
	if (g->hold_ms > HOLD_MOST_MS)
		g->hold_ms = HOLD_MOST_MS;
	g->hold_until = now + g->hold_ms;
	g->before = 0;
	g->begun = 0;
}

static void look(void *arg);

static void look_in(struct xfer *x, uint64_t ms)
{
	timer_start(x->loop, &x->grow.timer, ms, 0, look, x);
}

/* Others have all that may be. */
static bool is_crowded(const struct xfer *x)
{
	for (size_t i = 0; i < x->nsources; i++)
		if (!x->sources[i]->dead && xfer_crowds(x, x->sources[i]))
			return true;
	return false;
}

static bool is_far(const struct xfer *x)
{
	return x->rtt_ms >= FAR_MS;
}

static void wait_for_room(struct xfer *x)
{
	for (size_t i = 0; i < x->nsources; i++)
		if (!x->sources[i]->dead)
			origin_wait_crowd(x->sources[i]->origin, &x->sources[i]->crowd);
}

static void hold_while_crowded(struct xfer *x, uint64_t now)
{
	x->grow.hold_ms = 0;
	hold(x, now);
	x->grow.crowded = true;
	wait_for_room(x);
}

/* At each of its servers there are as many that share as there are connections to share, so that one is all it can have. */
static bool is_one_of_many(const struct xfer *x)
{
	for (size_t i = 0; i < x->nsources; i++) {
		const struct source *s = x->sources[i];
		const struct origin_use *one = s->dead ? NULL : find_mate(x, s->origin, NULL);

		if (!s->dead && (!one || share_others(one->sharer) + 1 < SHARE_MOST || !share_is_full(one->sharer)))
			return false;
	}
	return true;
}

/* After n. Up to its share it has a right to them; where others have as many as may be they found out that they pay, so that it
 * needs no smaller steps. */
static int64_t next_number(const struct xfer *x, int64_t n, int64_t percent)
{
	int64_t most = most_of_all(x), fair = fair_share(x), next = n + (n * percent + 99) / 100;

	if (n < fair && (next > fair || is_crowded(x)))
		next = fair;
	return next < most ? next : most;
}

/* So many more, in percent of those there are, if what is left is worth it. */
static void step(struct xfer *x, uint64_t rate, int64_t percent, uint64_t now)
{
	struct growth *g = &x->grow;
	int64_t n = receiving(x), most = most_of_all(x), left = x->total - ranges_total(&x->written);

	begin_window(g, now);
	g->before = 0;
	if (n == 0 || n >= most || (uint64_t)left < rate * WORTH_MS / 1000) {
		want(x, 0);
		return;
	}
	if (is_one_of_many(x)) {
		hold_while_crowded(x, now);
		return;
	}
	g->before = n;
	g->begun = 0;
	g->rate = rate;
	g->lanes = next_number(x, n, percent);
	want(x, g->lanes - g->before);
	g->stepped_at = now;
	xfer_dirty(x);
}

/* ---- fewer ---- */

static bool ends_soon(const struct lane *l, uint64_t now)
{
	const struct segment *s = l->seg;

	if (!receives(l) || !s || s->end < 0)
		return false;
	return (uint64_t)(s->end - s->next) <= lane_pace(l, now) * LEAVE_MS / 1000;
}

/* Whose end throws away least comes first: one that has received nothing yet, one that has all it is to fetch soon, one whose
 * connection holds little because it is slow. */
static uint64_t loss(const struct lane *l, uint64_t now)
{
	if (!receives(l))
		return 0;
	return ends_soon(l, now) ? 1 : 2 + lane_pace(l, now);
}

static bool is_too_many(const struct lane *l)
{
	const struct sharer *p = l->use.sharer;

	return p && share_keeps(p) > share_most(p);
}

/* One whose answer was no body is heard out: what it says may concern all. */
static struct lane *find_least_loss(const struct xfer *x, bool (*may_go)(const struct lane *l), uint64_t now)
{
	struct lane *l, *found = NULL;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l->state == LANE_IDLE || l->state == LANE_DRAIN || l->leave_by || !may_go(l))
			continue;
		if (!found || loss(l, now) <= loss(found, now))
			found = l;
	}
	return found;
}

static void let_go(struct lane *l, uint64_t now)
{
	if (!ends_soon(l, now)) {
		lane_stop(l);
		return;
	}
	l->leave_by = now + LEAVE_MS;
	origin_use_leave(&l->use);
}

static bool is_leaving(const struct lane *l)
{
	return l->leave_by && l->state != LANE_IDLE;
}

/* Some go until n that stay receive. */
static void shrink(struct xfer *x, int64_t n, uint64_t now)
{
	x->grow.lanes = n;
	for (int64_t more = receiving(x) - n; more > 0; more--) {
		struct lane *l = find_least_loss(x, receives, now);

		if (l)
			let_go(l, now);
	}
}

/* Others want what is more than its share. -> there was something to give */
static bool make_room(struct xfer *x, uint64_t now)
{
	struct lane *l;
	bool any = false;

	while ((l = find_least_loss(x, is_too_many, now))) {
		let_go(l, now);
		any = true;
	}
	return any;
}

static void give_way(struct xfer *x, uint64_t now)
{
	struct growth *g = &x->grow;
	struct lane *l;

	if (!make_room(x, now))
		return;
	g->lanes = g->before = 0;
	TAILQ_FOREACH(l, &x->lanes, link) g->lanes += l->state != LANE_IDLE && !l->leave_by;
	g->begun = g->hold_ms = 0;
	g->stepped_at = g->hold_until = now;
	want(x, 0);
	wait_for_room(x);
}

/* -> any is still there */
static bool see_off(struct xfer *x, uint64_t now)
{
	struct lane *l;
	bool any = false;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (is_leaving(l) && now >= l->leave_by)
			lane_stop(l);
		any |= is_leaving(l);
	}
	return any;
}

/* ---- what a step brought ---- */

/* Others have fewer, maybe by as many as it wants. */
static void use_room(struct xfer *x, uint64_t now)
{
	struct growth *g = &x->grow;

	g->room = false;
	xfer_dirty(x);
	if (!g->crowded)
		return;
	if (is_crowded(x)) {
		wait_for_room(x);
		return;
	}
	g->crowded = false;
	g->hold_until = now;
	g->hold_ms = 0;
}

/* `rate` is the goodput after it. */
static void judge_step(struct xfer *x, uint64_t rate, uint64_t now)
{
	struct growth *g = &x->grow;
	int64_t n = receiving(x), gain;

	if (n <= g->before) { /* there is no work for more, or no room for them */
		g->lanes = g->before;
		if (is_crowded(x)) /* which says nothing of the server, and may be over soon */
			hold_while_crowded(x, now);
		else
			hold(x, now);
		return;
	}
	gain = ((int64_t)rate - (int64_t)g->rate) * 100 / ((int64_t)g->rate * (n - g->before) / g->before + 1);
	log_debug(XFER, "%016llx: %lld connections bring %llu bytes/s, %lld brought %llu", (unsigned long long)x->gid,
		(long long)n, (unsigned long long)rate, (long long)g->before, (unsigned long long)g->rate);
	if (gain >= GAIN_GOOD) {
		g->hold_ms = 0;
		step(x, rate, gain >= GAIN_FULL ? 300 : 100, now);
		return;
	}
	if (gain < GAIN_SOME)
		shrink(x, g->before, now);
	hold(x, now);
}

static uint64_t window_ms(const struct growth *g, uint64_t now)
{
	uint64_t gap = now - g->heard > g->gap ? now - g->heard : g->gap;
	uint64_t ms = gap * WINDOW_GAPS > WINDOW_MS ? gap * WINDOW_GAPS : WINDOW_MS;

	return ms < WINDOW_MOST_MS ? ms : WINDOW_MOST_MS;
}

static void end_window(struct xfer *x, uint64_t now)
{
	struct growth *g = &x->grow;
	uint64_t rate = (uint64_t)g->bytes * 1000 / (now - g->begun);

	if (g->ours || rate == 0) { /* it says nothing of the server */
		begin_window(g, now);
		if (now - g->stepped_at > WANT_MS)
			want(x, 0);
	} else if (g->before > 0)
		judge_step(x, rate, now);
	else
		step(x, rate, g->hold_ms > 0 ? 50 : is_far(x) ? 300 : 100, now);
}

/* Ms until there is something to look at. */
static uint64_t next_look(const struct xfer *x, uint64_t now)
{
	const struct growth *g = &x->grow;
	uint64_t end = g->begun + window_ms(g, now);

	switch (phase_of(g, now)) {
	case PHASE_HOLD:
		return g->hold_until - now;
	case PHASE_SETTLE:
		return LOOK_MS;
	case PHASE_MEASURE:
		break;
	}
	if (g->before == 0 && receiving(x) >= most_of_all(x))
		return REST_MS;
	return end > now ? end - now : LOOK_MS; /* a window becomes longer, never shorter */
}

/* The first step, once an answer told how far it is. */
static void begin_far(struct xfer *x)
{
	struct growth *g = &x->grow;
	int64_t most = most_of_all(x);

	if (g->lanes > 0 || !is_far(x) || x->total - ranges_total(&x->written) < (int64_t)FAR_START * FAR_LEAST)
		return;
	if (is_crowded(x))
		return;
	g->lanes = FAR_START < most ? FAR_START : most;
	g->begun = 0;
	g->stepped_at = loop_now(x->loop);
	xfer_dirty(x);
}

static void go_on(struct xfer *x, uint64_t now)
{
	struct growth *g = &x->grow;

	switch (phase_of(g, now)) {
	case PHASE_HOLD:
		break;
	case PHASE_SETTLE:
		if (receiving(x) >= g->lanes || now - g->stepped_at >= SETTLE_MOST_MS)
			begin_window(g, now);
		break;
	case PHASE_MEASURE:
		if (now - g->begun >= window_ms(g, now))
			end_window(x, now);
		break;
	}
}

static void look(void *arg)
{
	struct xfer *x = arg;
	struct growth *g = &x->grow;
	uint64_t now = loop_now(x->loop);

	if (x->state != XS_RUN)
		return;
	if (!xfer_is_automatic(x)) {
		make_room(x, now);
		if (see_off(x, now))
			look_in(x, LOOK_MS);
		return;
	}
	begin_far(x);
	give_way(x, now);
	if (g->room)
		use_room(x, now);
	if (see_off(x, now)) {
		look_in(x, LOOK_MS);
		return;
	}
	go_on(x, now);
	look_in(x, next_look(x, now));
}

void xfer_grow_start(struct xfer *x)
{
	struct growth *g = &x->grow;
	struct lane *l;

	if (!xfer_is_automatic(x) || x->total - ranges_total(&x->written) < 2 * AUTO_LEAST)
		return;
	g->stepped_at = loop_now(x->loop);
	look_in(x, LOOK_MS);
	TAILQ_FOREACH(l, &x->lanes, link) xfer_grow_asked(l);
	begin_far(x);
}

/* It finds out how many connections pay. */
static bool is_growing(const struct xfer *x)
{
	return xfer_is_automatic(x) && timer_running(&x->grow.timer);
}

/* Connections change hands after all that happens in this turn: one that only goes on to its next segment keeps its own. */
static void look_soon(void *arg)
{
	struct xfer *x = arg;

	if (!xfer_is_automatic(x) || is_growing(x))
		look_in(x, 1);
}

void xfer_grow_asked(struct lane *l)
{
	struct xfer *x = l->x;
	bool told = !xfer_is_automatic(x);

	if ((told || is_growing(x)) && l->use.on && l->use.sharer == NULL)
		origin_use_share(&l->use, find_mate(x, l->use.o, l), told, look_soon, x);
}

void xfer_grow_room(struct xfer *x)
{
	x->grow.room = is_growing(x);
	if (x->grow.room)
		look_soon(x);
	else
		xfer_dirty(x);
}

void xfer_grow_count(struct xfer *x, size_t n, uint64_t now)
{
	struct growth *g = &x->grow;

	g->bytes += (int64_t)n;
	if (now - g->heard > g->gap)
		g->gap = now - g->heard;
	g->heard = now;
}

/* It was refused at l's origin, which was found to take only so many, because others have more of them than their share. */
static bool lacks_its_share(const struct xfer *x, const struct lane *l)
{
	const struct origin_use *one = find_mate(x, l->use.o, l);

	return l->got == 0 && one && one->sharer->all->limit != UINT_MAX && share_keeps(one->sharer) < share_fair(one->sharer);
}

/* A source that fails alone is none that has too many connections. */
void xfer_grow_trouble(struct lane *l)
{
	struct xfer *x = l->x;
	struct growth *g = &x->grow;
	uint64_t now = loop_now(x->loop);
	const struct lane *other;

	if (!is_growing(x) || source_lanes(x, l->src, true) == 0)
		return;
	g->lanes = 0;
	TAILQ_FOREACH(other, &x->lanes, link) g->lanes += other->state != LANE_IDLE;
	hold(x, now);
	if (lacks_its_share(x, l)) {
		g->hold_ms = 0;
		g->hold_until = now + SHARE_HOLD_MS;
	} else if (g->hold_until < now + TROUBLE_HOLD_MS)
		g->hold_until = now + TROUBLE_HOLD_MS;
}
