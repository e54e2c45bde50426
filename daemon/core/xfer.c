/* SPDX-License-Identifier: MIT
 * Transfers: states, work for the lanes, the view from outside. See xfer_int.h for the other files.
 */
#include "core/xfer.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/fds.h"
#include "base/http_date.h"
#include "base/log.h"
#include "base/str.h"
#include "core/xfer_int.h"

#define TAIL_LOOKS	   16   /* in the time that the rest will take, */
#define TAIL_LOOK_LEAST_MS 25
#define TAIL_LOOK_MOST_MS  1000 /* where the look of each second is enough */

void xfer_set_state(struct xfer *x, enum xstate to)
{
	static const struct {
		const char *name;
		unsigned next;
	} states[] = {
#define TO(id) (1u << XS_##id)
#define X(id, text, next) {text, next},
		XSTATES(X)
#undef X
#undef TO
	};

	if ((states[x->state].next & (1u << to)) == 0)
		obj_die("move between transfer states", __FILE__, __LINE__);
	if (x->state != to)
		log_debug(XFER, "%016llx: %s -> %s", (unsigned long long)x->gid, states[x->state].name, states[to].name);
	x->state = to;
}

void xfer_dirty(struct xfer *x)
{
	if (!x->ending)
		defer(x->loop, &x->fill);
}

bool xfer_provable(const char *etag, const char *last_modified, bool weak_date)
{
	return (last_modified && !weak_date) || (etag && strncmp(etag, "W/", 2) != 0);
}

void xfer_report_known(struct xfer *x)
{
	struct xfer_known k = {
		.path = x->path,
		.total = x->total,
		.etag = x->etag,
		.etag_origin = x->etag_origin,
		.last_modified = x->last_modified,
		.weak_date = x->weak_date,
		.part_id = x->part_id,
		.digest = x->digest,
		.have = &x->durable,
		.unproven = x->unproven,
		.replaces = x->replaces,
		.stale_journal = x->stale_journal,
		.user_part = x->user_part,
	};

	x->ops->known(x->owner, &k);
}

void xfer_forget_version(struct xfer *x)
{
	free(x->etag);
	free(x->etag_origin);
	free(x->last_modified);
	free(x->digest);
	x->etag = x->etag_origin = x->last_modified = x->digest = NULL;
	tags_clear(&x->tags);
	x->total = -1;
	x->unproven = x->weak_date = false;
}

/* ---- beginning anew ---- */

static void forgotten(void *arg)
{
	struct xfer *x = arg;

	x->pending--;
	if (x->ending) {
		xfer_wind_down(x);
		return;
	}
	x->pinned = x->replaces = x->by_head = false;
	xfer_forget_version(x);
	free(x->part_id);
	x->part_id = NULL;
	xfer_set_state(x, XS_PROBE);
	xfer_dirty(x);
}

static void part_removed(void *arg, int err, const struct fail *f)
{
	struct xfer *x = arg;

	(void)err; /* what could not be removed makes the next open fail or take another name */
	(void)f;
	x->pending--;
	if (x->ending) {
		xfer_wind_down(x);
		return;
	}
	x->pending++;
	x->ops->forget(x->owner);
	x->ops->durable(x->owner, forgotten, x);
}

/* Called again whenever a segment or a sync ends, until nothing is under way. */
static void reset_step(struct xfer *x)
{
	struct dfile *file = x->file;

	if (!TAILQ_EMPTY(&x->segs) || x->pending > 0)
		return;
	x->pending++;
	x->file = NULL;
	x->dirty = 0;
	ranges_free(&x->written);
	ranges_free(&x->taken);
	ranges_free(&x->durable);
	xfer_drop_body(x);
	if (file)
		dfile_close(file, DFILE_UNLINK, part_removed, x);
	else
		part_removed(x, 0, NULL);
}

void xfer_reset(struct xfer *x)
{
	struct lane *l;

	xfer_set_state(x, XS_RESET);
	hasher_close(x->hasher);
	x->hasher = NULL;
	TAILQ_FOREACH(l, &x->lanes, link) lane_stop(l);
	reset_step(x);
}

void xfer_restart(struct xfer *x)
{
	int64_t max_tries = opts_num(x->opts, OPT_MAX_TRIES);

	if (x->user_part) {
		xfer_fail(x, ERR_NO_RANGE, err_text(ERR_NO_RANGE));
		return;
	}
	x->in_vain += x->brought;
	x->brought = false;
	if (max_tries > 0 && (x->in_vain >= max_tries || x->restarts >= max_tries)) {
		xfer_fail_sources(x, ERR_NO_RANGE);
		return;
	}
	if (x->restarts > 0) /* bytes came each time, so that no source was told to wait */
		source_hold_off(x, x->restarts - 1);
	x->restarts++;
	x->again_total = x->total;
	x->again_told = x->etag || x->last_modified;
	xfer_reset(x);
}

static bool all_written(const struct xfer *x)
{
	return x->total == 0 || (x->total > 0 && ranges_has(&x->written, 0, x->total));
}

void xfer_check_done(struct xfer *x)
{
	if (x->ending)
		xfer_wind_down(x);
	else if (x->state == XS_RESET)
		reset_step(x);
	else if (x->state == XS_RUN && all_written(x) && !x->sync_running)
		xfer_verify(x);
}

/* ---- work for the lanes ---- */

static unsigned lanes_busy(const struct xfer *x)
{
	const struct lane *l;
	unsigned n = 0;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l->state != LANE_IDLE)
			n++;
	}
	return n;
}

static struct lane *idle_lane(struct xfer *x)
{
	struct lane *l;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l->state == LANE_IDLE)
			return l;
	}
	return lane_new(x);
}

static void on_wake(void *arg)
{
	xfer_dirty(arg);
}

/* Rather than fail for want of a way to go on, begin anew with the sources that could not: with always-resume=false, or when
 * nothing is lost because only a HEAD said otherwise. */
static bool begin_anew(struct xfer *x)
{
	bool misled = x->by_head && x->written.n == 0, any = false;

	if (opts_bool(x->opts, OPT_ALWAYS_RESUME) && !misled)
		return false;
	for (size_t i = 0; i < x->nsources; i++) {
		struct source *s = x->sources[i];

		if (err_exit_code(s->fail.code) != err_exit_code(ERR_CHANGED))
			continue;
		s->dead = s->cant_resume = false;
		any = true;
	}
	if (!any)
		return false;
	xfer_restart(x);
	x->again_total = -1; /* any version will do */
	x->again_told = false;
	return true;
}

static void no_source_left(struct xfer *x)
{
	if (!begin_anew(x))
		xfer_fail_sources(x, ERR_BAD_URI);
}

/* A source may be asked in so many ms; UINT64_MAX: it is not known when. */
static void wake_in(struct xfer *x, uint64_t wait)
{
	if (wait != UINT64_MAX)
		timer_start(x->loop, &x->wake, wait, 0, on_wake, x);
}

/* Nobody works: is there hope? */
static void when_idle(struct xfer *x, uint64_t wait)
{
	if (!source_any_alive(x))
		no_source_left(x);
	else
		wake_in(x, wait);
}

/* May one lane more ask for the beginning? conditional-get looks at files for one at a time. */
static bool probe_has_room(const struct xfer *x)
{
	return lanes_busy(x) < (opts_bool(x->opts, OPT_CONDITIONAL_GET) ? 1 : opts_num(x->opts, OPT_SPLIT));
}

/* Every lane of the probe is silent: whether another one might help. Where there is no room for it one of them is given up. */
static bool probe_needs_another(struct xfer *x, uint64_t now)
{
	struct lane *l;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l->state != LANE_IDLE && !lane_is_silent(l, now))
			return false;
	}
	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l->state != LANE_IDLE)
			source_put_aside(l->src, now);
	}
	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l->state != LANE_IDLE && !probe_has_room(x) && source_other_ready(x, l->src, 0, now))
			lane_drop(l, ERR_TIMEOUT);
	}
	return probe_has_room(x);
}

/* One lane asks; where the server doesn't answer for stall-timeout, another one is asked beside it. The first to tell what the
 * file is goes on. */
static void fill_probe(struct xfer *x)
{
	uint64_t wait, now = loop_now(x->loop);
	struct source *src;
	struct lane *l;

	if (lanes_busy(x) > 0 && !probe_needs_another(x, now))
		return;
	src = source_pick(x, now, &wait);
	if (!src) {
		if (lanes_busy(x) == 0)
			when_idle(x, wait);
		return;
	}
	if (source_lanes(x, src, false) > 0)
		return;
	l = idle_lane(x);
	segment_new(l, 0, -1);
	lane_begin(l, src);
}

/* How many more lanes could be given work by options, at most. */
static unsigned lanes_wanted(const struct xfer *x)
{
	int64_t split = xfer_lanes_most(x), per_host = xfer_per_host(x);
	uint64_t now = loop_now(x->loop);
	int64_t possible = 0;
	unsigned busy = lanes_busy(x);

	if (busy > 0 && (mem_short() || fds_scarce()))
		return 0;
	for (size_t i = 0; i < x->nsources && possible < split; i++) {
		const struct source *s = x->sources[i];

		if (source_may_return(x, s, now))
			possible++;
		else if (!s->dead)
			possible += s->no_ranges ? 1 : per_host < origin_limit(s->origin) ? per_host : origin_limit(s->origin);
	}
	if (possible > split)
		possible = split;
	return possible > (int64_t)busy ? (unsigned)(possible - busy) : 0;
}

/* A source without ranges can't give just these bytes. All of the file may be received once more, and what is there already
 * thrown away, but only where it is sure that both are of one version: else it is better to have it from a single answer. */
static bool unobtainable(const struct xfer *x, const struct source *src, const struct range *r)
{
	if (!src->no_ranges || (r->start == 0 && r->end == x->total))
		return false;
	return x->user_part || !xfer_provable(x->etag, x->last_modified, x->weak_date);
}

/* max-resume-failure-tries: so many sources could not go on where the file ends, and nothing is coming. */
static bool gives_up_resuming(const struct xfer *x)
{
	int64_t most = opts_num(x->opts, OPT_MAX_RESUME_FAILURE_TRIES), n = 0;
	const struct lane *l;

	if (most == 0 || opts_bool(x->opts, OPT_ALWAYS_RESUME) || (x->written.n == 0 && segment_queued(x) == 0))
		return false;
	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l->state == LANE_BODY)
			return false;
	}
	for (size_t i = 0; i < x->nsources; i++)
		n += x->sources[i]->cant_resume;
	return n >= most;
}

/* Something for one more lane, of src; `lanes` could be used. False: nothing is left to do for it. */
static bool give_work(struct xfer *x, struct source *src, unsigned lanes)
{
	struct segment *rival = NULL;
	struct range r;
	struct lane *l;

	if (!segment_pick(x, src, lanes, &r)) {
		rival = race_find(x, src, loop_now(x->loop));
		if (!rival)
			return false;
	} else if (unobtainable(x, src, &r)) {
		xfer_restart(x);
		return false;
	}
	l = idle_lane(x);
	if (rival)
		race_new(l, rival);
	else
		segment_new(l, r.start, r.end);
	lane_begin(l, src);
	return true;
}

/* A lane has nothing to do while others work: when one of them turns out to be slow, it helps. The end is awaited the more
 * closely the nearer it is. */
static void watch_tail(struct xfer *x)
{
	uint64_t left = (uint64_t)(x->total - ranges_total(&x->written));
	uint64_t ms = left * 1000 / TAIL_LOOKS / (meter_speed(&x->meter, loop_now(x->loop)) + 1);

	if (ms < TAIL_LOOK_MOST_MS)
		timer_start(x->loop, &x->wake, ms > TAIL_LOOK_LEAST_MS ? ms : TAIL_LOOK_LEAST_MS, 0, on_wake, x);
}

static void fill_run(struct xfer *x)
{
	uint64_t wait = UINT64_MAX;
	unsigned wanted;

	if (gives_up_resuming(x) && begin_anew(x))
		return;
	for (wanted = lanes_wanted(x); wanted > 0 && x->state == XS_RUN; wanted--) {
		struct source *src = source_pick(x, loop_now(x->loop), &wait);

		if (!src || !give_work(x, src, wanted))
			break;
	}
	if (x->state == XS_RUN && wanted > 0 && lanes_busy(x) > 0 && x->total > 0)
		watch_tail(x);
	if (x->state != XS_RUN || lanes_busy(x) > 0)
		return;
	if (!TAILQ_EMPTY(&x->segs))
		wake_in(x, wait);
	else if (x->total < 0 && source_any_alive(x))
		xfer_restart(x); /* without a size there is nothing to go on from */
	else if (!all_written(x))
		when_idle(x, wait);
}

/* Nobody is about to ask: no lane is free for it. The hurry is over then, or it would go on to lift what the origins tell all
 * other jobs. */
static bool all_receive(const struct xfer *x)
{
	const struct lane *l;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l->state != LANE_IDLE && l->state != LANE_BODY)
			return false;
	}
	return lanes_busy(x) > 0;
}

static void fill(void *arg)
{
	struct xfer *x = arg;

	for (size_t i = 0; x->hurry && i < x->nsources; i++)
		if (x->sources[i]->origin)
			origin_hurry(x->sources[i]->origin);
	if (x->state == XS_PROBE)
		fill_probe(x);
	else if (x->state == XS_RUN)
		fill_run(x);
	else if (x->state == XS_GATHER && lanes_busy(x) == 0)
		xfer_gathered(x);
	x->hurry &= !all_receive(x);
}

static void on_room(void *arg)
{
	struct xfer *x = arg;
	struct lane *l;

	TAILQ_FOREACH(l, &x->lanes, link) lane_resume(l);
}

/* ---- birth and death ---- */

static void xfer_free(struct xfer *x)
{
	struct lane *l;

	while ((l = TAILQ_FIRST(&x->lanes)))
		lane_free(l);
	source_list_free(x);
	ranges_free(&x->written);
	ranges_free(&x->taken);
	ranges_free(&x->durable);
	ranges_free(&x->syncing);
	opts_unref(x->opts);
	free(x->dir);
	free(x->root);
	free(x->journal);
	xfer_forget_version(x);
	free(x->path);
	free(x->part_id);
	free(x->want_name);
	free(x->look_name);
	free(x->cond_name);
	free(x->result_uri);
	defer_cancel(x->loop, &x->finale);
	defer_cancel(x->loop, &x->room);
	OBJ_FREE(x);
}

static void finale(void *arg)
{
	struct xfer *x = arg;

	x->result.total = x->total;
	x->result.done = ranges_total(&x->written);
	x->result.path = x->path;
	x->ops->end(x->owner, &x->result);
	xfer_free(x);
}

static void take_known(struct xfer *x, const struct xfer_known *k)
{
	bool any = k->path && !opts_bool(x->opts, OPT_DRY_RUN);

	x->total = any ? k->total : -1;
	x->stale_journal = k->stale_journal; /* also where nothing else is known */
	if (!any)
		return;
	x->path = xstrdup(k->path);
	x->etag = xstrdup(k->etag);
	x->etag_origin = xstrdup(k->etag_origin);
	x->last_modified = xstrdup(k->last_modified);
	x->weak_date = k->weak_date;
	x->mtime = k->last_modified ? http_date_parse(k->last_modified) : -1;
	x->part_id = xstrdup(k->part_id);
	x->digest = xstrdup(k->digest);
	x->pinned = true;
	x->unproven = k->unproven;
	x->replaces = k->replaces;
	x->user_part = k->user_part;
	if (!k->have || k->total < 0)
		return;
	ranges_copy(&x->written, k->have);
	ranges_copy(&x->taken, k->have);
	ranges_copy(&x->durable, k->have);
}

struct xfer *xfer_start(const struct xfer_req *req, const struct xfer_ops *ops, void *owner)
{
	struct xfer *x = xcalloc(1, sizeof(*x));
	uint64_t now = loop_now(req->loop);

	OBJ_INIT(x, XFER);
	x->loop = req->loop;
	x->net = req->net;
	x->origins = req->origins;
	x->ops = ops;
	x->owner = owner;
	x->gid = req->gid;
	x->mark = req->mark;
	x->opts = opts_ref(req->opts);
	x->dir = xstrdup(req->dir);
	x->root = xstrdup(req->root);
	x->journal = xstrdup(req->journal);
	x->mtime = x->cond_mtime = x->again_total = -1;
	x->placer = req->placer;
	x->global_rate = req->global_rate;
	x->hurry = req->hurry;
	x->synced_at = now;
	TAILQ_INIT(&x->lanes);
	TAILQ_INIT(&x->segs);
	x->fill = (struct deferred){.cb = fill, .arg = x};
	x->room = (struct deferred){.cb = on_room, .arg = x};
	x->finale = (struct deferred){.cb = finale, .arg = x};
	rate_init(&x->rate, (uint64_t)opts_num(x->opts, OPT_MAX_DOWNLOAD_LIMIT), now);
	source_list_set(x, req->uris);
	take_known(x, &req->known);
	xfer_pace_start(x);
	if (!x->path)
		xfer_dirty(x);
	else if (opts_bool(x->opts, OPT_HASH_CHECK_ONLY))
		xfer_fail(x, ERR_UNCHECKED, "hash-check-only: the download is not finished, there is no whole file to check");
	else
		xfer_open_known(x);
	return x;
}

void xfer_stop(struct xfer *x, bool force, bool discard)
{
	OBJ_CHECK(x, XFER);
	x->force |= force;
	x->discard |= discard;
	if (x->ending)
		return;
	x->result.result = XFER_STOPPED;
	xfer_wind_down(x);
}

bool xfer_hurry(struct xfer *x)
{
	if (x->ending || !x->wait.text[0])
		return false;
	x->hurry = true;
	x->wait.text[0] = '\0';
	for (size_t i = 0; i < x->nsources; i++)
		x->sources[i]->ready_at = 0;
	xfer_dirty(x);
	return true;
}

void xfer_set_opts(struct xfer *x, struct opts *o)
{
	opts_ref(o);
	opts_unref(x->opts);
	x->opts = o;
	rate_set(&x->rate, (uint64_t)opts_num(o, OPT_MAX_DOWNLOAD_LIMIT), loop_now(x->loop));
}

static bool is_listed(char *const *uris, const char *uri)
{
	for (; *uris; uris++)
		if (strcmp(*uris, uri) == 0)
			return true;
	return false;
}

void xfer_set_uris(struct xfer *x, char *const *uris)
{
	struct lane *l;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (!l->src || is_listed(uris, l->src->uri))
			continue;
		lane_stop(l);
		l->src = NULL;
	}
	source_list_set(x, uris);
	xfer_dirty(x);
}

/* ---- the view from outside ---- */

static bool connected(const struct lane *l)
{
	return l->state == LANE_HEAD || l->state == LANE_BODY || l->state == LANE_DRAIN;
}

void xfer_view(const struct xfer *x, struct job_view *v)
{
	const struct lane *l;

	v->total = x->total > 0 ? x->total : 0;
	v->done = ranges_total(&x->written);
	v->have = &x->written;
	v->verify_queued = x->state == XS_VERIFY && x->hasher && hasher_queued(x->hasher);
	v->verified = x->state == XS_VERIFY && x->hasher && !v->verify_queued ? hasher_done(x->hasher) : -1;
	v->speed = meter_speed(&x->meter, loop_now(x->loop));
	v->conns = 0;
	v->sharing = 0;
	TAILQ_FOREACH(l, &x->lanes, link)
	{
		v->conns += connected(l);
		if (l->use.sharer && share_others(l->use.sharer) > v->sharing)
			v->sharing = share_others(l->use.sharer);
	}
	v->path = x->path ? x->path : "";
	v->wait = x->wait.text[0] ? x->wait.text : NULL;
}

static const char *given_up_for(const struct source *s)
{
	return s->dead ? s->fail.text : NULL;
}

size_t xfer_uris(const struct xfer *x, struct uri_view *ret, size_t max)
{
	const struct lane *l;
	size_t n = 0;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l->src && connected(l) && n++ < max)
			ret[n - 1] = (struct uri_view){.uri = l->src->uri, .used = true, .why = given_up_for(l->src)};
	}
	for (size_t i = 0; i < x->nsources; i++)
		if (n++ < max)
			ret[n - 1] = (struct uri_view){.uri = x->sources[i]->uri, .why = given_up_for(x->sources[i])};
	return n;
}

size_t xfer_servers(const struct xfer *x, struct server_view *ret, size_t max)
{
	const struct lane *l;
	size_t n = 0;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l->state != LANE_BODY || l->got == 0)
			continue;
		if (n++ < max)
			ret[n - 1] = (struct server_view){
				.uri = l->src->uri, .current = l->uri, .speed = meter_speed(&l->meter, loop_now(x->loop))};
	}
	return n;
}
