/* SPDX-License-Identifier: MIT
 * What is durable. Changes go to the store as they are made; whoever has to tell somebody about them waits here:
 * callers of engine_flush, and the events, which are flushed once at the end of a turn and so come after the answers of
 * that turn.
 *
 * An add whose batch failed is taken back before its caller hears of it (the store tries the batch again later, with
 * the deletion behind it). Other changes stay: memory is ahead of the disk until the disk lets the store catch up.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/str.h"
#include "core/engine_internal.h"

#define RETRY_MS 2000 /* as the store itself tries again */

void engine_save(struct engine *e, const struct job *j)
{
	struct job_rec r;

	job_to_rec(j, &r);
	if (r.state == JOB_ACTIVE && j->want_remove) {
		r.state = JOB_REMOVED;
		r.ord = ++e->end_seq;
		r.err = ERR_REMOVED;
		r.ended_at = time(NULL);
	} else if (r.state == JOB_ACTIVE && j->want_pause) {
		r.state = JOB_PAUSED;
	}
	store_put(e->store, &r);
	e->changes++;
}

void engine_save_state(struct engine *e, const struct job *j)
{
	store_set_state(e->store, j->rec.gid, j->rec.state, j->rec.ord);
	e->changes++;
}

void engine_wait_durable(struct engine *e, struct job *j)
{
	j->add_seq = ++e->add_seq;
	TAILQ_INSERT_TAIL(&e->not_durable, j, not_durable);
	defer(e->loop, &e->turn);
}

void engine_vanish(struct engine *e, struct job *j)
{
	if (j->add_seq != 0)
		TAILQ_REMOVE(&e->not_durable, j, not_durable);
	part_leave(e, j);
	engine_unindex(e, j);
	queue_remove(&e->queue, j);
	room_leave(j);
	store_del(e->store, j->rec.gid);
	e->changes++;
	engine_forget_traces(e, j->rec.gid, job_may_have_journal(j));
	job_free(j);
}

/* The adds up to number `upto` are durable, or are not going to be. */
static void adds_settle(struct engine *e, uint64_t upto, int err)
{
	struct job *j;

	while ((j = TAILQ_FIRST(&e->not_durable)) != NULL && j->add_seq <= upto) {
		if (err != 0) {
			log_warn(CORE, "GID#" GID_FMT " is dropped: its add could not be made durable",
				GID_ARG(j->rec.gid));
			engine_vanish(e, j);
			continue;
		}
		TAILQ_REMOVE(&e->not_durable, j, not_durable);
		j->add_seq = 0;
		queue_set_ready(&e->queue, j, j->rec.state == JOB_WAITING);
		sched_dirty(e);
	}
}

static void on_flush(void *arg, int err, const struct fail *f)
{
	struct flush *w = arg;
	struct engine *e = w->engine;

	adds_settle(e, w->adds, err);
	TAILQ_REMOVE(&e->flushes, w, link);
	w->cb(w->arg, err, f);
	free(w);
}

void engine_flush(struct engine *e, void (*cb)(void *arg, int err, const struct fail *f), void *arg)
{
	struct flush *w;

	OBJ_CHECK(e, ENGINE);
	if (!store_pending(e->store)) {
		adds_settle(e, e->add_seq, 0);
		cb(arg, 0, NULL);
		return;
	}
	w = xcalloc(1, sizeof(*w));
	w->engine = e;
	w->adds = e->add_seq;
	w->cb = cb;
	w->arg = arg;
	TAILQ_INSERT_TAIL(&e->flushes, w, link);
	store_flush(e->store, on_flush, w);
}

static void event_forget_traces(struct engine *e, struct event_wait *w)
{
	if (w->traces)
		engine_forget_traces(e, w->ev.gid, w->journal);
	w->traces = false;
}

static void event_deliver(struct engine *e, struct event_wait *w)
{
	struct event_sub *s;

	event_forget_traces(e, w);
	for (s = TAILQ_FIRST(&e->subs); s != NULL; s = e->next_sub) {
		e->next_sub = TAILQ_NEXT(s, link);
		if (!w->stale || s->of_earlier)
			s->cb(s->arg, &w->ev);
	}
	e->next_sub = NULL;
}

/* Those whose last event has been told are as good as unknown. Looked at once for each flush that they wait for, two at most. */
static void late_gids_sift(struct engine *e, uint64_t told)
{
	struct late_gid *l = NULL, *next = NULL;

	HASH_ITER(hh, e->late_gids, l, next)
	{
		if (l->upto > told)
			continue;
		HASH_DEL(e->late_gids, l);
		free(l);
	}
}

static void on_retry(void *arg)
{
	events_flush(arg);
}

static void on_turn_flush(void *arg, int err, const struct fail *f)
{
	struct engine *e = arg;
	struct event_wait *w;

	(void)f;
	OBJ_CHECK(e, ENGINE);
	adds_settle(e, e->flushing_adds, err);
	if (err != 0) { /* the events still have to wait for the change that they tell of */
		e->turn_flush = false;
		timer_start(e->loop, &e->retry, RETRY_MS, 0, on_retry, e);
		run_stopped_check(e);
		return;
	}
	for (; e->flushing > 0; e->flushing--, e->n_events--) {
		w = STAILQ_FIRST(&e->events);
		STAILQ_REMOVE_HEAD(&e->events, link);
		e->events_told++;
		event_deliver(e, w);
		free(w);
	}
	late_gids_sift(e, e->events_told);
	e->turn_flush = false;
	events_flush(e);
	run_stopped_check(e);
}

void event_push(struct job *j, enum event_type t)
{
	struct engine *e = j->engine;
	const char *path = engine_path_of(e, j);
	size_t n = strlen(path) + 1;
	struct event_wait *w = xcalloc(1, sizeof(*w) + n);

	memcpy(w->path, path, n);
	w->ev = (struct event){.type = t, .gid = j->rec.gid, .path = w->path};
	w->traces = t == EV_COMPLETE;
	w->journal = t == EV_COMPLETE && job_may_have_journal(j);
	j->event_seq = ++e->event_seq;
	STAILQ_INSERT_TAIL(&e->events, w, link);
	e->n_events++;
	defer(e->loop, &e->turn);
}

void events_job_leaves(struct engine *e, const struct job *j)
{
	struct late_gid *l = NULL;

	if (j->event_seq <= e->events_told)
		return;
	HASH_FIND(hh, e->late_gids, &j->rec.gid, sizeof(j->rec.gid), l);
	if (l == NULL) {
		l = xcalloc(1, sizeof(*l));
		l->gid = j->rec.gid;
		HASH_ADD(hh, e->late_gids, gid, sizeof(l->gid), l);
	}
	l->upto = j->event_seq;
}

void events_reuse_gid(struct engine *e, uint64_t gid)
{
	struct late_gid *l = NULL;
	struct event_wait *w;

	HASH_FIND(hh, e->late_gids, &gid, sizeof(gid), l);
	if (l == NULL)
		return;
	HASH_DEL(e->late_gids, l);
	free(l);
	STAILQ_FOREACH(w, &e->events, link)
	{
		e->events_looked_at++;
		if (w->ev.gid != gid)
			continue;
		event_forget_traces(e, w);
		w->stale = true;
	}
}

/* One flush at a time; what comes meanwhile goes with the next one. */
void events_flush(struct engine *e)
{
	if (e->turn_flush || timer_running(&e->retry) || (e->n_events == 0 && TAILQ_EMPTY(&e->not_durable)))
		return;
	e->turn_flush = true;
	e->flushing = e->n_events;
	e->flushing_adds = e->add_seq;
	store_flush_soon(e->store, on_turn_flush, e);
}

void engine_turn(void *arg)
{
	struct engine *e = arg;

	OBJ_CHECK(e, ENGINE);
	sched_run(e);
	events_flush(e);
}

void flush_free_all(struct engine *e)
{
	struct event_wait *ev;
	struct flush *w;

	timer_stop(&e->retry);
	while ((w = TAILQ_FIRST(&e->flushes)) != NULL) {
		TAILQ_REMOVE(&e->flushes, w, link);
		free(w);
	}
	while ((ev = STAILQ_FIRST(&e->events)) != NULL) {
		STAILQ_REMOVE_HEAD(&e->events, link);
		free(ev);
	}
	late_gids_sift(e, UINT64_MAX);
}

void engine_subscribe(struct engine *e, struct event_sub *s)
{
	TAILQ_INSERT_TAIL(&e->subs, s, link);
}

void engine_unsubscribe(struct engine *e, struct event_sub *s)
{
	if (e->next_sub == s)
		e->next_sub = TAILQ_NEXT(s, link);
	TAILQ_REMOVE(&e->subs, s, link);
}
