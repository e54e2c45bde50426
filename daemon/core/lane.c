/* SPDX-License-Identifier: MIT
 * Lanes: run one fetch after the other and receive bodies into blocks.
 */
#include <stdlib.h>
#include <string.h>

#include "base/fds.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/reach.h"
#include "core/xfer_int.h"
#include "ev/work.h"

#define GRANT_MAX (64 * 1024) /* bytes taken from a limited rate at a time, so that lanes share it evenly */
#define THROTTLE_TICK_MS 20
#define BEHIND_TICK_MS 100
#define PIPE_MS 50 /* no pipe is filled for longer */
#define QUICK 4096 /* bytes per ms from which on a lane is worth a pipe */

void lane_set_state(struct lane *l, enum lane_state to)
{
	static const unsigned next[] = {
#define TO(id) (1u << LANE_##id)
#define X(id, next) next,
		LANE_STATES(X)
#undef X
#undef TO
	};

	if ((next[l->state] & (1u << to)) == 0)
		obj_die("move between lane states", __FILE__, __LINE__);
	l->state = to;
}

static void throttle_tick(void *arg)
{
	struct xfer *x = arg;
	struct lane *l;

	timer_stop(&x->throttle);
	TAILQ_FOREACH(l, &x->lanes, link) lane_resume(l);
}

static void ask_again(struct xfer *x, uint64_t ms)
{
	if (!timer_running(&x->throttle))
		timer_start(x->loop, &x->throttle, ms, 0, throttle_tick, x);
}

/* Bytes the limits let this lane take now; 0 arms the timer that asks again. */
static size_t grant(struct xfer *x, uint64_t now)
{
	int64_t n = rate_avail(&x->rate, now);
	int64_t all = x->global_rate ? rate_avail(x->global_rate, now) : INT64_MAX;

	if (all < n)
		n = all;
	if (n == INT64_MAX)
		return SIZE_MAX;
	if (n > GRANT_MAX)
		n = GRANT_MAX;
	if (n > 0)
		return (size_t)n;
	ask_again(x, THROTTLE_TICK_MS);
	return 0;
}

void lanes_wait_for_disk(struct xfer *x)
{
	ask_again(x, BEHIND_TICK_MS);
}

static bool disk_is_behind(struct xfer *x)
{
	if (work_load(x->loop, dfile_dev(x->file), LOAD_QUEUED) < segment_disk_quota(x))
		return false;
	lanes_wait_for_disk(x);
	return true;
}

static bool too_much_queued(struct xfer *x, const struct segment *s)
{
	size_t used, total;

	if (s->racing || !s->ws)
		return false;
	if (wstream_queued(s->ws) >= LANE_QUEUE_MAX)
		return true;
	block_stats(x->loop->blocks, &used, &total);
	if (used < total / 4) /* what is queued is in blocks */
		return false;
	return segment_queued(x) >= segment_quota(x) || disk_is_behind(x);
}

/* Room in the current block. The first block of a segment ends at a multiple of the block size, so that all later ones are
 * aligned extents of the file. That of a race is the only one. */
static size_t block_room(const struct lane *l)
{
	const struct block *b = l->cur;
	size_t cap = l->seg->racing ? BLOCK_SIZE : BLOCK_SIZE - (size_t)(b->off % BLOCK_SIZE);

	return (b->mem ? cap : BLOCK_PIPE) - b->len;
}

static void begin_block(struct lane *l, struct block *b)
{
	l->cur = b;
	l->cur_since = loop_now(l->x->loop);
	b->off = l->seg->next;
	block_count(l->x->loop->blocks, b, xfer_dev(l->x), LOAD_FILLING);
}

static bool need_block(struct lane *l)
{
	struct block *b = l->cur ? l->cur : block_get_for(l->x->loop->blocks, xfer_dev(l->x));

	if (!b)
		block_wait(l->x->loop->blocks, &l->waiter, xfer_dev(l->x));
	else if (!l->cur)
		begin_block(l, b);
	return b != NULL;
}

/* It brings so much that the bytes had better not pass through memory. A pipe that fills slowly would only keep the budget from
 * others. */
static bool wants_pipe(const struct lane *l)
{
	const struct segment *s = l->seg;

	if (!s || !s->ws || s->racing || !l->quick || l->no_pipe || !wstream_likes_pipes(s->ws))
		return false;
	return s->end < 0 || s->end - s->next >= BLOCK_SIZE;
}

static bool need_pipe(struct lane *l)
{
	struct block *b;

	if (l->cur)
		return l->cur->mem == NULL;
	b = wants_pipe(l) ? block_get_pipe(l->x->loop->blocks) : NULL;
	if (b)
		begin_block(l, b);
	return b != NULL;
}

void lane_flush(struct lane *l)
{
	struct block *b = l->cur;

	if (!b || l->seg->racing || !l->seg->ws)
		return;
	l->cur = NULL;
	l->aged = false;
	if (b->len == 0) {
		block_put(l->x->loop->blocks, b);
		return;
	}
	l->quick = b->len / QUICK >= loop_now(l->x->loop) - l->cur_since;
	wstream_push(l->seg->ws, b);
}

static void drop_fetch(struct lane *l)
{
	void *f = l->fetch;

	l->fetch = NULL;
	if (f)
		l->proto->cancel(f);
	origin_use_end(&l->use);
	block_wait_cancel(l->x->loop->blocks, &l->waiter);
}

/* Nothing more comes for the segment: what there is, is on its way. */
static void leave_segment(struct lane *l)
{
	source_note(l, loop_now(l->x->loop));
	race_settle(l);
	if (l->seg->ws || l->seg->racing)
		lane_flush(l);
	else
		xfer_keep_body(l);
	segment_leave(l->seg);
}

/* The segment has all its bytes. */
static void segment_full(struct lane *l)
{
	leave_segment(l);
	lane_set_state(l, LANE_IDLE);
	l->replaced = 0;
	xfer_dirty(l->x);
}

static void on_done(void *owner, int err, const struct fail *f);

static bool is_full(const struct segment *s)
{
	return s->end >= 0 && s->next >= s->end;
}

static bool may_receive(const struct lane *l)
{
	const struct segment *s = l->seg;

	if (l->state != LANE_BODY || !s)
		return false;
	return l->x->state == XS_GATHER || (l->x->state == XS_RUN && (s->ws || s->racing));
}

/* A server sends more than was asked for, or than its Content-Range says. True: the fetch was ended, the lane may be gone. */
static bool end_overlong(struct lane *l)
{
	const struct segment *s = l->seg;

	if (is_full(s)) {
		drop_fetch(l);
		segment_full(l);
		return true;
	}
	if (l->answer_end >= 0 && s->next >= l->answer_end) {
		drop_fetch(l);
		on_done(l, 0, NULL);
		return true;
	}
	return false;
}

/* How many bytes the limits let it receive now, into whichever block. */
static size_t allowance(const struct lane *l)
{
	struct xfer *x = l->x;
	size_t n = too_much_queued(x, l->seg) ? 0 : grant(x, loop_now(x->loop));

	x->grow.ours |= n == 0;
	return n;
}

/* n cut to what fits into the block and still belongs to the segment and the answer. */
static size_t fit(const struct lane *l, size_t n)
{
	const struct segment *s = l->seg;

	if (n > block_room(l))
		n = block_room(l);
	if (s->end >= 0 && (int64_t)n > s->end - s->next)
		n = (size_t)(s->end - s->next);
	if (l->answer_end >= 0 && (int64_t)n > l->answer_end - s->next)
		n = (size_t)(l->answer_end - s->next);
	return n;
}

static void on_space(void *owner, struct span *ret)
{
	struct lane *l = owner;
	bool was_held = l->held;
	size_t n;

	ret->base = NULL;
	ret->len = 0;
	l->paused = l->held = true;
	if (!may_receive(l) || end_overlong(l))
		return;
	n = allowance(l);
	if (n == 0)
		return;
	if (l->cur && !l->cur->mem)
		lane_flush(l);
	if (!need_block(l)) {
		l->x->grow.ours = true;
		return;
	}
	l->paused = false;
	l->held = was_held;
	ret->base = l->cur->mem + l->cur->len;
	ret->len = fit(l, n);
	if (l->skip > 0 && (int64_t)ret->len > l->skip)
		ret->len = (size_t)l->skip;
}

static int on_pipe(void *owner, size_t *ret_len)
{
	struct lane *l = owner;
	size_t n;

	if (l->skip > 0 || (l->cur ? l->cur->mem != NULL : !wants_pipe(l)))
		return -1;
	if (!may_receive(l) || end_overlong(l))
		return -1;
	n = allowance(l);
	if (n == 0 || !need_pipe(l))
		return -1;
	*ret_len = fit(l, n);
	return l->cur->pipe[1];
}

/* n bytes came, of use or not. */
static void count_received(struct lane *l, size_t n, uint64_t now)
{
	struct xfer *x = l->x;

	l->last_data = now;
	meter_add(&l->meter, n, now);
	meter_add(&x->meter, n, now);
	rate_take(&x->rate, n);
	if (x->global_rate)
		rate_take(x->global_rate, n);
}

static void count(struct lane *l, size_t n)
{
	struct xfer *x = l->x;
	uint64_t now = loop_now(x->loop);

	if (l->got == 0)
		source_note_request(l, now);
	l->got += (int64_t)n;
	l->src->link_fresh = false;
	x->brought = true;
	source_brought(l);
	xfer_grow_count(x, n, now);
	count_received(l, n, now);
}

void lane_low_water(struct lane *l, size_t n)
{
	const struct segment *s = l->seg;

	if (s && s->end >= 0 && (int64_t)n > s->end - s->next)
		n = (size_t)(s->end - s->next);
	if (n == l->low || !l->fetch || !l->proto->low_water)
		return;
	l->low = n;
	l->proto->low_water(l->fetch, n);
}

/* A kill costs what is not in the file yet, and a pipe takes four times as much as memory. */
static bool is_stale(const struct lane *l)
{
	return l->cur->mem == NULL && loop_now(l->x->loop) - l->cur_since >= PIPE_MS;
}

/* Behind its segment's end. */
static bool may_go_on(const struct lane *l)
{
	return !l->seg->racing && !l->seg->rival && !l->leave_by;
}

/* An answer with all of the file goes on behind its full segment: the next gap is filled from it, too. False: there is none. */
static bool skip_to_gap(struct lane *l)
{
	struct xfer *x = l->x;
	int64_t at = l->seg->end;
	struct range gap;

	if (!l->src->no_ranges || !l->whole || !may_go_on(l) || !ranges_gap(&x->taken, at, x->total, &gap))
		return false;
	leave_segment(l);
	segment_new(l, gap.start, gap.end);
	l->skip = gap.start - at;
	return true;
}

static void on_data(void *owner, size_t n)
{
	struct lane *l = owner;
	struct segment *s = l->seg;

	if (l->skip > 0) {
		l->skip -= (int64_t)n;
		count_received(l, n, loop_now(l->x->loop));
		return;
	}
	if (n == 0) {
		l->no_pipe |= l->cur->len == 0;
		lane_flush(l);
		return;
	}
	l->cur->len += (uint32_t)n;
	s->next += (int64_t)n;
	count(l, n);
	lane_low_water(l, l->low);
	if (block_room(l) == 0 || s->next == s->end || is_stale(l) || block_pressure(l->x->loop->blocks))
		lane_flush(l);
	/* The answer goes on behind the segment (which was split meanwhile, or the server sends more than asked): the rest
	 * belongs to others. An answer that ends just here is left alone, so that its connection can be used again. */
	if (is_full(s) && l->answer_end != s->end && (!may_go_on(l) || !segment_extend(s, l->answer_end)) && !skip_to_gap(l)) {
		drop_fetch(l);
		segment_full(l);
	}
}

/* What a server says of a signed link that is over: 401, 403, 410, or 400 with the reason in the body. */
static bool means_expired(int err)
{
	return err == ERR_STATUS || err == ERR_AUTH;
}

/* It was where redirects had led an earlier fetch of its source, or was led on from there. */
static bool was_at_place(const struct lane *l)
{
	const struct source *s = l->src;

	return l->at_link && s->final_uri && (l->redirects > 0 || strcmp(l->uri, s->final_uri) == 0);
}

/* The place where redirects had led is of no use any more: the first URI is asked again, by this lane and all that begin from
 * now on; those that are being served go on. True: at once. A link that brought nothing since it was given out, be it asked
 * again or for the first time, counts as a try: *err says so. */
static bool link_died(struct lane *l, int *err)
{
	struct source *s = l->src;

	if (err_retry(*err) != RETRY_NEXT || l->got > 0 || s->dead)
		return false;
	if (was_at_place(l))
		source_set_place(l->x, s, NULL, ZONE_LOCAL);
	if (l->at_link && !(s->link_fresh && means_expired(*err)))
		return true;
	if ((l->at_link || (s->linked && l->redirects > 0)) && means_expired(*err))
		*err = ERR_LINK;
	return false;
}

/* Nobody answers there, not for the first time: the next try may be led elsewhere. Not sooner, for it may be the first URI that
 * is good for one time only. */
static bool link_is_silent(const struct lane *l)
{
	return was_at_place(l) && l->status == 0 && l->got == 0 && l->src->tries > 1;
}

/* Nobody was heard, here or elsewhere: no try of this source. */
static bool network_lost(struct lane *l, int err)
{
	bool got = l->got > 0;

	return reach_is_silence(err) && l->use.o &&
	       origin_lost(l->use.o, loop_now(l->x->loop), got ? l->last_data : l->since, got);
}

/* The fetch ended without all of its bytes. */
static void failed(struct lane *l, int err, const struct fail *f)
{
	struct xfer *x = l->x;
	struct fail copy = *f;
	char show[256];
	uint64_t ms = 0;
	bool again;

	lane_set_state(l, LANE_IDLE);
	xfer_dirty(x);
	x->hurry &= err == ERR_AGAIN;
	if (err == ERR_AGAIN || link_died(l, &err))
		return;
	log_info(XFER, "%016llx lane %u: %s: %s", (unsigned long long)x->gid, l->id,
		uri_show_short(l->uri ? l->uri : l->src->uri, show, sizeof(show)), copy.text);
	again = !network_lost(l, err) && source_failed(x, l, err, &copy, &ms);
	xfer_grow_trouble(l);
	if (!again)
		return;
	if (!source_was_meagre(l, loop_now(x->loop)))
		l->src->ready_at = loop_now(x->loop) + ms;
	if (link_is_silent(l))
		source_set_place(x, l->src, NULL, ZONE_LOCAL);
}

/* A lane that fails before the name of the file is known has a segment without a writer. */
static void give_back(struct lane *l)
{
	if (l->seg)
		leave_segment(l);
}

static void follow(struct lane *l)
{
	free(l->uri);
	l->uri = l->redirect_to;
	l->redirect_to = NULL;
	l->redirects++;
	lane_ask(l);
}

/* An answer without a given length is whole: now the size is known. */
static void size_found(struct lane *l)
{
	struct xfer *x = l->x;

	x->total = l->seg->next;
	l->seg->end = x->total;
	ranges_add(&x->taken, 0, x->total);
	xfer_report_known(x);
}

/* A lawful answer may be shorter than asked; going on is only right when it brought something. */
static bool short_answer(struct lane *l, struct fail *f)
{
	if (l->got > 0) {
		source_was_meagre(l, loop_now(l->x->loop));
		return true;
	}
	fail_set(f, ERR_BAD_RANGE, "The server sent no byte of the range asked for");
	return false;
}

static void on_done(void *owner, int err, const struct fail *f)
{
	struct lane *l = owner;
	struct xfer *x = l->x;
	struct fail why = f ? *f : (struct fail){0};
	bool open_end = l->seg && l->seg->end < 0;

	l->fetch = NULL;
	origin_use_end(&l->use);
	block_wait_cancel(x->loop->blocks, &l->waiter);
	if (l->redirect_to) {
		follow(l);
		return;
	}
	if (l->verdict) { /* what the head said counts more than how its body ended */
		err = l->verdict;
		why = l->fail;
	} else if (err == 0 && open_end && !l->head) {
		size_found(l);
	}
	if (err == 0 && l->head) { /* what it told is taken */
		give_back(l);
		lane_set_state(l, LANE_IDLE);
		xfer_dirty(x);
		return;
	}
	if (err == 0 && l->seg && is_full(l->seg)) {
		l->src->kept++;
		segment_full(l);
		xfer_check_done(x);
		return;
	}
	give_back(l);
	if (err == 0) {
		if (short_answer(l, &why)) {
			lane_set_state(l, LANE_IDLE);
			xfer_dirty(x);
			return;
		}
		err = why.code;
	}
	failed(l, err, &why);
}

static void on_head(void *owner, const struct fetch_head *h)
{
	struct lane *l = owner;

	lane_judge(l, h);
	l->x->hurry &= l->redirect_to != NULL;
	if (!l->fetch) /* stopped meanwhile: the file was found to be begun already */
		return;
	if (err_retry(l->verdict) != RETRY_ORIGIN && l->verdict != ERR_BUSY && l->retry_after < 0)
		origin_use_served(&l->use);
	if (!l->verdict && h->limit_ms >= 0 && l->use.o)
		origin_hold(l->use.o, loop_now(l->x->loop), h->limit_ms);
	lane_set_state(l, l->verdict || l->redirect_to ? LANE_DRAIN : LANE_BODY);
	l->noted_at = loop_now(l->x->loop);
	if (l->verdict && (h->status == 200 || h->status == 206)) {
		/* Not a byte of this body may be taken. */
		drop_fetch(l);
		on_done(l, l->verdict, &l->fail);
	}
}

static const struct fetch_ops lane_ops = {.head = on_head, .space = on_space, .pipe = on_pipe, .data = on_data, .done = on_done};

static void block_free_again(void *arg)
{
	lane_resume(arg);
}

void lane_resume(struct lane *l)
{
	/* One that has to wait on is left as it is: a socket costs two calls each time it is begun to be read for nothing. */
	if (!l->fetch || !l->paused || l->waiter.waiting || (may_receive(l) && too_much_queued(l->x, l->seg)))
		return;
	l->paused = false;
	l->proto->resume(l->fetch);
}

/* For the origin that l is about to ask. If-Range needs a strong validator (RFC 9110 13.1.5); a date only counts when there is no
 * ETag. */
static const char *if_range_of(const struct lane *l)
{
	const struct xfer *x = l->x;
	const char *tag;
	bool own;

	if (l->src->skip_if_range || !x->pinned)
		return NULL;
	tag = lane_tag(l, &own);
	if (tag && (own || !x->last_modified))
		return strncmp(tag, "W/", 2) == 0 ? NULL : tag;
	return x->weak_date ? NULL : x->last_modified;
}

/* The protocol of the lane's URI, and its origin, to be put; NULL: it is no URI. */
static struct origin *look_up(struct lane *l)
{
	const struct source *s = l->src;
	struct origin *o;
	struct uri u;

	if (strcmp(l->uri, s->uri) == 0 && s->origin) { /* nobody led elsewhere: it is parsed already */
		l->proto = proto_find(s->u.scheme);
		return s->final_uri ? origin_get(l->x->origins, &s->u) : origin_ref(s->origin);
	}
	if (uri_parse(l->uri, strlen(l->uri), &u, NULL) < 0)
		return NULL;
	l->proto = proto_find(u.scheme);
	o = origin_get(l->x->origins, &u);
	uri_free(&u);
	return o;
}

/* Leave of the origin of the lane's URI to ask. Where a redirect leads to an origin that has no room now, that is where the
 * source goes on, once there is. */
static int admit(struct lane *l)
{
	struct xfer *x = l->x;
	struct origin *o = look_up(l);
	uint64_t wait;
	int err = 0;

	if (!o)
		return fail_set(&l->fail, ERR_STATUS, "Redirected to a URI that is not supported");
	if (x->hurry)
		origin_hurry(o);
	if (!l->proto) {
		err = fail_set(&l->fail, ERR_STATUS, "Redirected to a URI that is not supported");
	} else if (origin_room(o, loop_now(x->loop), &wait) == 0) {
		if (l->redirects > 0) {
			source_set_place(x, l->src, l->uri, l->from);
			l->src->link_fresh = true;
		}
		err = fail_set(&l->fail, ERR_AGAIN, NULL);
	} else {
		origin_use_begin(&l->use, o);
		source_arrived(x);
		xfer_grow_asked(l);
	}
	origin_put(o);
	return err;
}

/* Only the beginning of a new file is asked for so. */
static bool asks_head(const struct lane *l)
{
	const struct xfer *x = l->x;

	if (x->state != XS_PROBE || l->src->no_head)
		return false;
	return xfer_only_looks(x) || (opts_bool(x->opts, OPT_USE_HEAD) && !x->head_told);
}

/* Where somebody said how many connections there are to be, the first request tells how many will follow it. Not where others are
 * at that origin already: what they do there is no reason to believe that this file is a large one. */
static unsigned to_follow(const struct lane *l)
{
	struct xfer *x = l->x;
	int64_t most = xfer_lanes_most(x), per_host = xfer_per_host(x);
	uint64_t wait;
	unsigned n, room;

	if (x->state != XS_PROBE || xfer_is_automatic(x) || x->nsources > 1 || l->head || origin_active(l->use.o) > 1)
		return 0;
	if (mem_short() || fds_scarce())
		return 0;
	n = (unsigned)(most < per_host ? most : per_host) - 1;
	room = origin_room(l->use.o, loop_now(x->loop), &wait);
	return n < room ? n : room;
}

/* Ask for what its segment lacks. 0 or the error. */
static int fetch(struct lane *l)
{
	struct xfer *x = l->x;
	struct segment *s = l->seg;
	struct fetch_req req = {.uri = l->uri, .cred_uri = l->src->uri, .opts = x->opts, .if_modified_since = xfer_condition(x)};
	int err;

	req.want.start = s->next;
	req.want.end = s->end >= 0 && s->end != x->total ? s->end : -1;
	l->whole = s->next == 0 && req.want.end < 0;
	if (!l->whole && req.want.end < 0 && x->total >= 0)
		req.want.end = x->total;
	l->skip = 0;
	if (l->src->no_ranges) {
		l->skip = s->next;
		l->whole = true;
		req.want = (struct range){0, -1};
	}
	req.head_only = asks_head(l);
	req.from = l->from;
	l->asked = req.want;
	l->head = req.head_only;
	l->conditional = req.if_modified_since >= 0;
	l->got = 0;
	l->status = l->verdict = 0;
	l->retry_after = -1;
	l->paused = false;
	l->since = l->last_data = loop_now(x->loop);
	l->noted_got = l->ticked_got = 0;
	l->speed = 0;
	l->per_tick = 0;
	l->low = 0;
	l->leave_by = 0;
	l->held = false;
	memset(&l->meter, 0, sizeof(l->meter));
	err = admit(l);
	if (err)
		return err;
	req.if_range = l->whole ? NULL : if_range_of(l);
	req.beside = to_follow(l);
	l->if_range = req.if_range != NULL;
	lane_set_state(l, LANE_HEAD);
	err = l->proto->start(x->net, &req, &lane_ops, l, &l->fetch, &l->fail);
	if (err) {
		lane_set_state(l, LANE_IDLE);
		origin_use_end(&l->use);
	}
	return err;
}

void lane_ask(struct lane *l)
{
	int err = xfer_look_first(l) ? 0 : fetch(l);

	if (!err)
		return;
	give_back(l);
	failed(l, err, &l->fail);
}

void lane_begin(struct lane *l, struct source *src)
{
	l->src = src;
	l->fresh = src->kept == 0;
	src->kept -= src->kept > 0;
	l->at_link = src->final_uri != NULL;
	l->redirects = 0;
	l->from = src->final_uri ? src->final_from : ZONE_LOCAL;
	l->on_trial = src->dead;
	free(l->uri);
	l->uri = xstrdup(src->final_uri ? src->final_uri : src->uri);
	lane_ask(l);
}

void lane_drop(struct lane *l, int err)
{
	struct fail f;

	fail_set(&f, err, NULL);
	drop_fetch(l);
	give_back(l);
	failed(l, err, &f);
}

void lane_stop(struct lane *l)
{
	drop_fetch(l);
	if (l->x->looking == l)
		l->x->looking = NULL;
	give_back(l);
	free(l->redirect_to);
	l->redirect_to = NULL;
	lane_set_state(l, LANE_IDLE);
}

struct lane *lane_new(struct xfer *x)
{
	struct lane *l = xcalloc(1, sizeof(*l));

	OBJ_INIT(l, LANE);
	l->x = x;
	l->id = x->lane_ids++;
	l->waiter.cb = block_free_again;
	l->waiter.arg = l;
	l->retry_after = -1;
	TAILQ_INSERT_TAIL(&x->lanes, l, link);
	return l;
}

void lane_free(struct lane *l)
{
	lane_stop(l);
	origin_use_clear(&l->use);
	TAILQ_REMOVE(&l->x->lanes, l, link);
	free(l->uri);
	OBJ_FREE(l);
}
