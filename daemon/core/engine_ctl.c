/* SPDX-License-Identifier: MIT
 * Pause, unpause, remove, retry, move. What a call does in which state is aria2's table; refusals have aria2's texts.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "core/engine_internal.h"

static int refuse(const struct job *j, const char *what, struct fail *f)
{
	return fail_set(f, ERR_WRONG_STATE, "GID#" GID_FMT " cannot be %s now", GID_ARG(j->rec.gid), what);
}

/* An active job: its transfer stops, the rest follows when it has. A pending restart gives way to the pause. */
static bool pause_active(struct engine *e, struct job *j, bool force)
{
	if (j->want_remove || j->forced || (j->want_pause && !force))
		return false;
	if (!j->want_pause)
		j->pause_seq = ++e->pause_seq;
	j->want_pause = true;
	j->forced = force;
	engine_save(e, j);
	run_stop(e, j, force);
	return true;
}

static bool pause_job(struct engine *e, struct job *j, bool force)
{
	if (j->rec.state == JOB_ACTIVE)
		return pause_active(e, j, force);
	if (j->rec.state != JOB_WAITING)
		return false;
	room_leave(j);
	j->goes_on = false;
	job_set_state(j, JOB_PAUSED);
	queue_set_ready(&e->queue, j, false);
	engine_save_state(e, j);
	return true;
}

/* A job that only waits, for a server or for room, is tried at once. */
static bool hurry_job(struct job *j)
{
	if (room_is_awaited(j)) {
		room_look_anew(j);
		return true;
	}
	return j->rec.state == JOB_ACTIVE && j->xfer != NULL && xfer_hurry(j->xfer);
}

static bool unpause_job(struct engine *e, struct job *j)
{
	if (j->rec.state != JOB_PAUSED)
		return hurry_job(j);
	job_set_state(j, JOB_WAITING);
	j->hurry = true;
	queue_set_ready(&e->queue, j, j->add_seq == 0);
	engine_save_state(e, j);
	sched_dirty(e);
	return true;
}

int engine_pause(struct engine *e, uint64_t gid, bool force, struct fail *f)
{
	struct job *j = engine_get(e, gid, f);

	if (j == NULL)
		return ERR_NOT_HERE;
	return pause_job(e, j, force) ? 0 : refuse(j, "paused", f);
}

int engine_unpause(struct engine *e, uint64_t gid, struct fail *f)
{
	struct job *j = engine_get(e, gid, f);

	if (j == NULL)
		return ERR_NOT_HERE;
	return unpause_job(e, j) ? 0 : refuse(j, "unpaused", f);
}

/* Stopping a transfer may end it at once and so change the list that is being walked: the next one is looked up by its
 * key. */
static void pause_all_active(struct engine *e, bool force)
{
	struct onode *n = otree_at(&e->active, 0);

	while (n != NULL) {
		uint64_t key = n->key;

		pause_active(e, otree_entry(n, struct job, in_list), force);
		n = otree_lower(&e->active, key + 1);
	}
}

void engine_pause_all(struct engine *e, bool force)
{
	OBJ_CHECK(e, ENGINE);
	pause_all_active(e, force);
	for (struct job *j = queue_at(&e->queue, 0); j != NULL; j = queue_next(j))
		pause_job(e, j, force);
}

void engine_unpause_all(struct engine *e)
{
	OBJ_CHECK(e, ENGINE);
	for (struct job *j = queue_at(&e->queue, 0); j != NULL; j = queue_next(j))
		unpause_job(e, j);
}

int engine_remove(struct engine *e, uint64_t gid, bool force, struct fail *f)
{
	struct job *j = engine_get(e, gid, f);

	if (j == NULL)
		return ERR_NOT_HERE;
	if (job_is_ended(j))
		return fail_set(f, ERR_WRONG_STATE, "Active Download not found for GID#" GID_FMT, GID_ARG(gid));
	if (j->rec.state != JOB_ACTIVE) {
		engine_vanish(e, j);
		return 0;
	}
	j->want_remove = true;
	engine_save(e, j);
	run_stop(e, j, force);
	return 0;
}

/* j is in no list. */
static void retry_job(struct engine *e, struct job *j)
{
	if ((j->rec.flags & JOB_PART) == 0) /* none, or another job has adopted it: what is still shown of it is history */
		job_forget_file(j);
	job_set_state(j, JOB_WAITING);
	j->hurry = true;
	j->want_pause = j->want_remove = j->want_restart = j->forced = j->new_path = j->goes_on = false;
	free(j->rec.err_text);
	j->rec.err_text = NULL;
	j->rec.err = 0;
	j->rec.ended_at = 0;
	queue_insert(&e->queue, j, SIZE_MAX);
	queue_set_ready(&e->queue, j, true);
	engine_save(e, j);
	sched_dirty(e);
}

int engine_retry(struct engine *e, uint64_t gid, const struct opts *o, struct fail *f)
{
	struct job *j = engine_get(e, gid, f);

	if (j == NULL)
		return ERR_NOT_HERE;
	if (o == NULL && hurry_job(j))
		return 0;
	if (j->rec.state != JOB_ERROR && j->rec.state != JOB_REMOVED)
		return refuse(j, "retried", f);
	result_leave(e, j); /* first: its claim is found by the path that it has now */
	if (o != NULL) {
		struct opts *own = opts_clone(o);

		opts_unset(own, OPT_GID);
		opts_unset(own, OPT_PAUSE);
		engine_take_options(j, own);
	}
	retry_job(e, j);
	return 0;
}

int engine_move(struct engine *e, uint64_t gid, int64_t pos, enum pos_how how, int64_t *ret_pos, struct fail *f)
{
	struct job *j = engine_get(e, gid, f);
	int64_t last, to, base[] = {[POS_SET] = 0, [POS_CUR] = 0, [POS_END] = 0};

	if (j == NULL)
		return ERR_NOT_HERE;
	if (j->rec.state != JOB_WAITING && j->rec.state != JOB_PAUSED)
		return fail_set(f, ERR_WRONG_STATE, "GID#" GID_FMT " not found in the waiting queue.", GID_ARG(gid));
	last = (int64_t)queue_count(&e->queue) - 1;
	base[POS_CUR] = (int64_t)queue_pos(j);
	base[POS_END] = last;
	if (__builtin_add_overflow(base[how], pos, &to))
		to = pos > 0 ? last : 0;
	to = to < 0 ? 0 : to > last ? last : to;
	queue_move(&e->queue, j, (size_t)to);
	*ret_pos = to;
	return 0;
}
