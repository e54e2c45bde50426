/* SPDX-License-Identifier: MIT
 * The running side: a job gets a slot and a transfer, the transfer reports, and when it has ended the job goes where it
 * was asked to go or where the outcome puts it. The struct xfer is the transfer's own; job.xfer is valid until its
 * end().
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/dirs.h"
#include "base/log.h"
#include "base/name.h"
#include "base/str.h"
#include "base/uri.h"
#include "core/engine_internal.h"

#define SETTLE_RETRY_MS 2000
#define START_SAVED_MS	1000

static void set_text(char **where, const char *text)
{
	char *copy = text != NULL && *text != '\0' ? xstrdup(text) : NULL;

	free(*where); /* text may be *where itself */
	*where = copy;
}

static void set_have(struct job *j, const struct ranges *have)
{
	free(j->rec.have);
	j->rec.have = have->n > 0 ? ranges_encode(have) : NULL;
	j->rec.done = ranges_total(have);
}

static bool same_part(const struct job *a, const struct job *b)
{
	return a->rec.part_id != NULL && b->rec.part_id != NULL && strcmp(a->rec.part_id, b->rec.part_id) == 0 &&
	       a->rec.path != NULL && b->rec.path != NULL && strcmp(a->rec.path, b->rec.path) == 0;
}

/* A file that was taken under its own name is j's. A job that had begun to take it and then crashed, or that gave it back,
 * knows it by the same identity and must not go on with it. One that runs holds the lock of its file: it is left alone. */
static void forget_elsewhere(struct job *j)
{
	struct engine *e = j->engine;
	struct job *left = part_claimant(e, j->rec.path);

	if (left != NULL && left->rec.state == JOB_GONE)
		part_adopted(e, left);
	for (struct onode *n = otree_at(&e->jobs, 0); n != NULL; n = otree_next(n)) {
		struct job *other = otree_entry(n, struct job, by_gid);

		if (other == j || other->xfer != NULL || !same_part(other, j))
			continue;
		if (job_is_ended(other))
			part_unclaim(e, other);
		job_forget_file(other);
		other->rec.flags |= JOB_STALE_JOURNAL;
		engine_save(e, other);
	}
}

/* It is known of j already that this file of the user's is its own. Asking all jobs again would say nothing new. */
static bool claimed_before(const struct job *j, const struct xfer_known *k)
{
	return (j->rec.flags & JOB_USER_PART) != 0 && j->rec.part_id != NULL && k->part_id != NULL && j->rec.path != NULL &&
	       k->path != NULL && strcmp(j->rec.part_id, k->part_id) == 0 && strcmp(j->rec.path, k->path) == 0;
}

static void on_known(void *owner, const struct xfer_known *k)
{
	struct job *j = owner;
	bool claims;

	OBJ_CHECK(j, JOB);
	if (j->new_path)
		return;
	claims = k->user_part && !claimed_before(j, k);
	set_text(&j->rec.path, k->path);
	set_text(&j->rec.etag, k->etag);
	set_text(&j->rec.etag_origin, k->etag_origin);
	set_text(&j->rec.last_modified, k->last_modified);
	set_text(&j->rec.part_id, k->part_id);
	set_text(&j->rec.digest, k->digest);
	j->rec.total = k->total;
	if (j->rec.path != NULL)
		j->rec.flags |= JOB_PART;
	j->rec.flags &= ~(uint32_t)(JOB_UNPROVEN | JOB_REPLACES | JOB_WEAK_DATE);
	if (k->weak_date)
		j->rec.flags |= JOB_WEAK_DATE;
	if (k->unproven)
		j->rec.flags |= JOB_UNPROVEN;
	if (k->replaces)
		j->rec.flags |= JOB_REPLACES;
	if (k->user_part)
		j->rec.flags |= JOB_USER_PART;
	if (!k->stale_journal)
		j->rec.flags &= ~(uint32_t)JOB_STALE_JOURNAL;
	if (claims)
		forget_elsewhere(j);
	if (k->have != NULL)
		set_have(j, k->have);
	j->start_unsaved = false;
	engine_save(j->engine, j);
}

static void on_progress(void *owner, const struct ranges *have)
{
	struct job *j = owner;

	OBJ_CHECK(j, JOB);
	if (j->new_path)
		return;
	set_have(j, have);
	store_progress(j->engine->store, j->rec.gid, j->rec.have, j->rec.done);
}

static bool on_adopt(void *owner, const char *path, bool take, struct xfer_known *ret)
{
	struct job *j = owner, *old;
	struct engine *e = j->engine;

	old = part_claimant(e, path);
	if (old == NULL)
		return false;
	if (take) {
		log_info(CORE, "GID#" GID_FMT " takes over the unfinished file that is there", GID_ARG(j->rec.gid));
		part_adopted(e, old);
		return true;
	}
	if (old->rec.have == NULL || ranges_decode(&e->view_have, old->rec.have) < 0)
		ranges_remove(&e->view_have, 0, INT64_MAX);
	*ret = (struct xfer_known){.path = old->rec.path,
		.total = old->rec.total,
		.etag = old->rec.etag,
		.etag_origin = old->rec.etag_origin,
		.last_modified = old->rec.last_modified,
		.weak_date = old->rec.flags & JOB_WEAK_DATE,
		.part_id = old->rec.part_id,
		.digest = old->rec.digest,
		.have = &e->view_have,
		.unproven = old->rec.flags & JOB_UNPROVEN,
		.replaces = old->rec.flags & JOB_REPLACES,
		.user_part = old->rec.flags & JOB_USER_PART,
		.uris = old->uris};
	return true;
}

static void on_forget(void *owner)
{
	struct job *j = owner;

	OBJ_CHECK(j, JOB);
	job_forget_file(j);
	engine_save(j->engine, j);
}

/* A transfer waits until what it told is durable. */
struct settle {
	struct engine *engine;
	uint64_t gid;
	uint64_t run; /* key in the list of active jobs, so that an answer for an earlier transfer is dropped */
	struct timer again;
	void (*cb)(void *arg);
	void *arg;
};

static void on_settled(void *arg, int err, const struct fail *f);

static void settle(void *arg)
{
	struct settle *w = arg;

	store_flush(w->engine->store, on_settled, w);
}

static void on_settled(void *arg, int err, const struct fail *f)
{
	struct settle *w = arg;
	struct job *j = engine_job(w->engine, w->gid);

	(void)f;
	if (err != 0 && j != NULL && j->xfer != NULL && !w->engine->stopping) {
		timer_start(w->engine->loop, &w->again, SETTLE_RETRY_MS, 0, settle, w);
		return;
	}
	/* After a failure it is stopping, and writes nothing. */
	if (j != NULL && j->xfer != NULL && j->in_list.key == w->run)
		w->cb(w->arg);
	free(w);
}

static void on_durable(void *owner, void (*cb)(void *arg), void *arg)
{
	struct job *j = owner;
	struct settle *w = xcalloc(1, sizeof(*w));

	OBJ_CHECK(j, JOB);
	*w = (struct settle){.engine = j->engine, .gid = j->rec.gid, .run = j->in_list.key, .cb = cb, .arg = arg};
	settle(w);
}

static char *kept_text(const struct job *j, enum xfer_left left)
{
	const char *path = j->rec.path;
	char safe[1024], of[32] = "";

	if (path == NULL)
		return xstrdup("nothing is kept");
	str_safe(path, strlen(path), safe, sizeof(safe));
	if (j->rec.total >= 0)
		snprintf(of, sizeof(of), " of %lld", (long long)j->rec.total);
	switch (left) {
	case XFER_LEFT_PART:
		/* of a wrong checksum, or changed by another program */
		return j->rec.done == 0 ? xasprintf("nothing of %s" NAME_SUFFIX " counts", safe)
					: xasprintf("kept: %lld bytes%s in %s" NAME_SUFFIX, (long long)j->rec.done, of, safe);
	case XFER_LEFT_FILE:
		return xasprintf("kept: %s as it was", safe);
	case XFER_LEFT_NOTHING:
		break;
	}
	return xstrdup("nothing is kept");
}

/* How much of the cause to tell beside the URI: one of a connection ends in " (HOST)", which matters only where that is another
 * host, of a redirect or a proxy. */
static int told_length(const char *cause, const char *text)
{
	size_t n = strlen(cause), end;
	struct uri u;
	char *host;

	if (uri_parse(text, strlen(text), &u, NULL) < 0)
		return (int)n;
	host = xasprintf(" (%s)", u.host);
	end = strlen(host);
	if (n > end && strcmp(cause + n - end, host) == 0)
		n -= end;
	free(host);
	uri_free(&u);
	return (int)n;
}

/* malloc'd: one line for people: the cause, first and in aria2's words where it has any, the URI without what may be secret, the
 * status of its answer unless the cause names it, and what is left on disk. */
static char *failure_text(const struct job *j, const struct xfer_end *end)
{
	const char *uri = end->uri != NULL ? end->uri : j->uris[0] != NULL ? j->uris[0] : "";
	const char *cause = end->err_text != NULL && *end->err_text ? end->err_text : err_text(end->err);
	char shown[256], status[32] = "", *kept = kept_text(j, end->left), *text;

	if (end->status != 0 && strstr(cause, "status=") == NULL)
		snprintf(status, sizeof(status), ", status %d", end->status);
	text = xasprintf("%.*s (%s%s; %s)", told_length(cause, uri), cause, uri_show_short(uri, shown, sizeof(shown)), status,
		kept);
	free(kept);
	return text;
}

static void log_outcome(const struct job *j)
{
	if (!log_on(LOG_LVL_NOTICE))
		return;
	if (j->rec.state == JOB_COMPLETE) {
		char path[1024];

		log_notice(CORE, "GID#" GID_FMT ": download complete: %s", GID_ARG(j->rec.gid),
			str_safe(j->rec.path != NULL ? j->rec.path : "", j->rec.path != NULL ? strlen(j->rec.path) : 0,
				path, sizeof(path)));
	} else if (j->rec.state == JOB_ERROR) {
		log_notice(CORE, "GID#" GID_FMT ": download failed: errorCode=%d %s", GID_ARG(j->rec.gid),
			err_exit_code(j->rec.err), j->rec.err_text != NULL ? j->rec.err_text : err_text(j->rec.err));
	} else {
		log_info(CORE, "GID#" GID_FMT " is %s", GID_ARG(j->rec.gid),
			job_state_name((enum job_state)j->rec.state));
	}
}

/* The job (in no list now) becomes a result; it may be gone afterwards. */
static void become_result(struct job *j, enum job_state to, int err, const char *text)
{
	static const enum event_type events[JOB_STATE_COUNT] = {
		[JOB_COMPLETE] = EV_COMPLETE,
		[JOB_ERROR] = EV_ERROR,
		[JOB_REMOVED] = EV_STOP,
	};
	struct engine *e = j->engine;

	job_set_state(j, to);
	j->rec.err = err;
	set_text(&j->rec.err_text, text);
	j->rec.ended_at = time(NULL);
	if (to == JOB_ERROR)
		e->last_err = err;
	if (to == JOB_COMPLETE) {
		j->rec.flags &= ~(uint32_t)(JOB_PART | JOB_REPLACES);
		set_text(&j->rec.have, NULL);
	}
	log_outcome(j);
	event_push(j, events[to]);
	result_add(e, j);
}

/* The front of the queue, but behind those that were asked to pause later and had stopped earlier: the order is that of the
 * asking, not of the stopping. */
static size_t place_of_paused(const struct engine *e, const struct job *j)
{
	const struct job *other;
	size_t pos = 0;

	for (other = queue_at(&e->queue, 0); other != NULL && other->pause_seq > j->pause_seq; other = queue_next(other))
		pos++;
	return pos;
}

static void become_paused(struct job *j)
{
	struct engine *e = j->engine;

	job_set_state(j, JOB_PAUSED);
	j->want_pause = j->want_restart = j->forced = false;
	queue_insert(&e->queue, j, place_of_paused(e, j));
	engine_save(e, j);
	log_info(CORE, "GID#" GID_FMT " is paused", GID_ARG(j->rec.gid));
	event_push(j, EV_PAUSE);
}

/* It was to begin again, but max-concurrent-downloads has been lowered since: it is the next to get a slot. */
static void become_waiting(struct job *j)
{
	struct engine *e = j->engine;

	job_set_state(j, JOB_WAITING);
	j->want_restart = j->forced = false;
	queue_insert(&e->queue, j, 0);
	queue_set_ready(&e->queue, j, true);
	engine_save(e, j);
}

/* Another is tried in its stead (sched.c). Its number in the queue may have been given away meanwhile. */
static void become_relieved(struct job *j)
{
	struct engine *e = j->engine;

	job_set_state(j, JOB_WAITING);
	j->forced = false;
	j->goes_on = true;
	if (!queue_restore(&e->queue, j))
		queue_insert(&e->queue, j, 0);
	queue_set_ready(&e->queue, j, true);
	engine_save(e, j);
}

/* Its disk is full. Behind those that wait for room already: they come first. */
static void become_roomless(struct job *j, const struct xfer_end *end)
{
	struct engine *e = j->engine;
	const struct job *other;
	size_t pos = 0;

	for (other = queue_at(&e->queue, 0); other != NULL && room_is_awaited(other); other = queue_next(other))
		pos++;
	job_set_state(j, JOB_WAITING);
	j->forced = false;
	j->goes_on = true;
	queue_insert(&e->queue, j, pos);
	room_wait(j, end);
	engine_save(e, j);
	log_info(CORE, "GID#" GID_FMT " waits for room: %s", GID_ARG(j->rec.gid), end->err_text);
}

static void stay_active(struct job *j)
{
	otree_insert(&j->engine->active, &j->in_list, ++j->engine->start_seq);
	engine_save(j->engine, j);
}

/* Another dir or out came too late for a file that has its name: nothing of it is left to adopt, and it stays where it is. */
static void complete_at_old_path(struct job *j, const char *path)
{
	struct job *left = path != NULL ? part_claimant(j->engine, path) : NULL;

	if (left != NULL && left->rec.state == JOB_GONE)
		part_adopted(j->engine, left);
	set_text(&j->rec.path, path);
}

static void take_end(struct job *j, const struct xfer_end *end)
{
	bool elsewhere = j->new_path;

	j->new_path = false;
	if (elsewhere && end->result != XFER_COMPLETE)
		return;
	if (elsewhere)
		complete_at_old_path(j, end->path);
	else if (end->placed)
		set_text(&j->rec.path, end->path);
	if (end->placed && !j->started_before)
		j->rec.flags |= JOB_PLACED;
	if (end->total >= 0)
		j->rec.total = end->total;
	j->rec.done = end->done;
	if (end->result == XFER_COMPLETE)
		j->rec.flags &= ~(uint32_t)JOB_UNPROVEN; /* the end says it finally */
	j->rec.flags |= end->flags;
	if (end->result == XFER_FAILED && end->left == XFER_LEFT_NOTHING) {
		j->rec.flags &= ~(uint32_t)(JOB_PART | JOB_UNPROVEN | JOB_REPLACES);
		j->rec.done = 0;
		set_text(&j->rec.have, NULL);
	}
}

static void become_failed(struct job *j, const struct xfer_end *end)
{
	char *text = failure_text(j, end);

	become_result(j, JOB_ERROR, end->err, text);
	free(text);
}

/* Other users may be able to plant links below an allowed folder. A dir that is below none was allowed once, or is the user's
 * own word. malloc'd. */
static char *root_of(const struct job *j)
{
	const struct engine *e = j->engine;
	const char *dir = j->rec.dir != NULL ? j->rec.dir : "";
	size_t n = dirs_root(e->start_dir, opts_str(e->global, OPT_ALLOWED_DIRS), dir);

	return n == 0 || (j->rec.flags & JOB_ANY_DIR) != 0 ? xstrdup(dir) : xstrndup(dir, n);
}

static void begin(struct job *j);

/* What was asked for wins over a failure, but not over a file that is complete. */
static void on_end(void *owner, const struct xfer_end *end)
{
	struct job *j = owner;
	struct engine *e;

	OBJ_CHECK(j, JOB);
	e = j->engine;
	j->xfer = NULL;
	otree_remove(&e->active, &j->in_list);
	take_end(j, end);
	if (!room_may_come(j, end) || j->want_remove || j->want_pause) /* nothing is kept free for one that does not go on */
		room_leave(j);
	if (end->result == XFER_COMPLETE)
		become_result(j, JOB_COMPLETE, 0, NULL);
	else if (j->want_remove)
		become_result(j, JOB_REMOVED, ERR_REMOVED, NULL);
	else if (j->want_pause)
		become_paused(j);
	else if (e->stopping && (end->result == XFER_STOPPED || j->want_restart))
		stay_active(j);
	else if (j->want_restart && !sched_has_slot(e))
		become_waiting(j);
	else if (j->want_restart)
		begin(j);
	else if (j->want_yield && end->result == XFER_STOPPED)
		become_relieved(j);
	else if (room_may_come(j, end))
		become_roomless(j, end);
	else if (end->result == XFER_FAILED)
		become_failed(j, end);
	else
		become_result(j, JOB_ERROR, ERR_CANCELED, NULL);
	sched_dirty(e);
	run_stopped_check(e);
}

static void on_starts(void *arg)
{
	struct engine *e = arg;

	timer_stop(&e->starts_timer);
	for (struct onode *n = otree_at(&e->active, 0); n != NULL; n = otree_next(n)) {
		struct job *j = otree_entry(n, struct job, in_list);

		if (j->start_unsaved)
			engine_save(e, j);
		j->start_unsaved = false;
	}
}

/* After a crash a waiting job begins as an active one does, and its place in the queue stays its own: most that end soon need
 * not be told to be ACTIVE at all. */
static void save_start_later(struct job *j)
{
	struct engine *e = j->engine;

	j->start_unsaved = true;
	if (!timer_running(&e->starts_timer))
		timer_start(e->loop, &e->starts_timer, START_SAVED_MS, 0, on_starts, e);
}

/* The job, in no list, gets a transfer. */
static void begin(struct job *j)
{
	static const struct xfer_ops ops = {
		.known = on_known, .progress = on_progress, .adopt = on_adopt, .forget = on_forget, .durable = on_durable,
		.end = on_end};
	struct engine *e = j->engine;
	struct ranges have;
	char *journal = journal_path(e, j->rec.gid), *root = root_of(j);
	struct xfer_req req = {.loop = e->loop,
		.net = e->net,
		.gid = j->rec.gid,
		.mark = job_mark(j),
		.uris = j->uris,
		.opts = j->opts,
		.dir = j->rec.dir != NULL ? j->rec.dir : "",
		.root = root,
		.journal = journal,
		.placer = e->placer,
		.global_rate = &e->rate,
		.origins = e->origins,
		.hurry = j->hurry,
		.known = {.path = j->rec.path,
			.total = j->rec.total,
			.etag = j->rec.etag,
			.etag_origin = j->rec.etag_origin,
			.last_modified = j->rec.last_modified,
			.weak_date = j->rec.flags & JOB_WEAK_DATE,
			.part_id = j->rec.part_id,
			.digest = j->rec.digest,
			.have = &have,
			.unproven = j->rec.flags & JOB_UNPROVEN,
			.replaces = j->rec.flags & JOB_REPLACES,
			.stale_journal = j->rec.flags & JOB_STALE_JOURNAL,
			.user_part = j->rec.flags & JOB_USER_PART}};

	ranges_init(&have);
	if (j->rec.have != NULL && ranges_decode(&have, j->rec.have) < 0)
		log_warn(CORE, "GID#" GID_FMT ": its stored progress can't be read; it starts anew",
			GID_ARG(j->rec.gid));
	job_set_state(j, JOB_ACTIVE);
	j->want_restart = j->want_yield = j->forced = j->hurry = false;
	j->began_at = loop_now(e->loop);
	j->started_before = (j->rec.flags & JOB_STARTED) != 0;
	j->rec.flags |= JOB_STARTED;
	j->rec.flags &= ~(uint32_t)JOB_PLACED;
	otree_insert(&e->active, &j->in_list, ++e->start_seq);
	save_start_later(j);
	if (!j->goes_on)
		event_push(j, EV_START);
	j->goes_on = false;
	j->xfer = xfer_start(&req, &ops, j);
	ranges_free(&have);
	free(journal);
	free(root);
}

void run_start(struct engine *e, struct job *j)
{
	queue_remove(&e->queue, j);
	begin(j);
}

void run_stop(struct engine *e, struct job *j, bool force)
{
	(void)e;
	if (j->xfer != NULL)
		xfer_stop(j->xfer, force, false);
}

void run_yield(struct job *j)
{
	if (j->want_yield || j->xfer == NULL)
		return;
	j->want_yield = true;
	xfer_stop(j->xfer, false, false);
}

static void on_stopped_flush(void *arg, int err, const struct fail *f)
{
	struct engine *e = arg;
	void (*cb)(void *arg);

	OBJ_CHECK(e, ENGINE);
	if (err != 0)
		log_error(CORE, "the last changes are not on disk: %s", f != NULL ? f->text : err_text(err));
	cb = e->stop_cb;
	e->stop_cb = NULL;
	cb(e->stop_arg);
}

void run_stopped_check(struct engine *e)
{
	struct onode *n;

	if (!e->stopping || e->stop_cb == NULL || e->stop_flush)
		return;
	if (e->n_events > 0 && !timer_running(&e->retry)) /* on_turn_flush comes back here */
		return;
	for (n = otree_at(&e->active, 0); n != NULL; n = otree_next(n)) {
		if (otree_entry(n, struct job, in_list)->xfer != NULL)
			return;
	}
	e->stop_flush = true;
	store_flush(e->store, on_stopped_flush, e);
}
