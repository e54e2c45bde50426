/* SPDX-License-Identifier: MIT
 * Results: jobs that have ended. They are kept, here and in the store, in order of ending, at most max-download-result
 * of them. Those that are pushed out and belong into the session file are kept for it, if the option
 * keep-unfinished-download-result says so: as in aria2 nothing else shows them.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "core/engine_internal.h"
#include "disk/fs.h"
#include "disk/journal.h"
#include "ev/mounts.h"
#include "ev/work.h"

#define KEPT_MAX 10000

char *journal_path(const struct engine *e, uint64_t gid)
{
	char text[17];

	str_from_gid(gid, text);
	return str_path(e->progress_dir, text);
}

static void remove_run(void *path)
{
	journal_remove(&fs_real, path);
}

static void remove_done(void *path, int status)
{
	(void)status; /* of a job that is no more: the next start removes it, too */
	free(path);
}

static void engine_remove_journal(struct engine *e, uint64_t gid)
{
	char *path = journal_path(e, gid);

	work_submit(e->loop, mounts_dev(e->loop, path), WORK_DISK, remove_run, remove_done, path);
}

void engine_forget_traces(struct engine *e, uint64_t gid, bool journal)
{
	placer_forget(e->placer, gid);
	if (journal)
		engine_remove_journal(e, gid);
}

void result_leave(struct engine *e, struct job *j)
{
	part_unclaim(e, j);
	otree_remove(&e->stopped, &j->in_list);
}

void result_drop(struct engine *e, struct job *j)
{
	part_leave(e, j);
	engine_unindex(e, j);
	otree_remove(&e->stopped, &j->in_list);
	store_del(e->store, j->rec.gid);
	e->changes++;
	if (j->rec.state != JOB_COMPLETE) /* else the event does it when the outcome is durable, or has done so */
		engine_forget_traces(e, j->rec.gid, job_may_have_journal(j));
	job_free(j);
}

/* ---- kept for the session file ---- */

static void kept_insert(struct engine *e, struct job *j)
{
	otree_insert(&e->kept_gid, &j->by_gid, j->rec.gid);
	while (!otree_insert(&e->kept, &j->in_list, j->rec.ord))
		j->rec.ord = ++e->end_seq;
}

static void kept_forget(struct engine *e, struct job *j)
{
	otree_remove(&e->kept_gid, &j->by_gid);
	otree_remove(&e->kept, &j->in_list);
	store_del(e->store, j->rec.gid);
	e->changes++;
	job_free(j);
}

static void kept_trim(struct engine *e, size_t max)
{
	while (otree_count(&e->kept) > max)
		kept_forget(e, otree_entry(otree_at(&e->kept, 0), struct job, in_list));
}

struct job *result_kept(const struct engine *e, uint64_t gid)
{
	struct onode *n = otree_find(&e->kept_gid, gid);

	return n != NULL ? otree_entry(n, struct job, by_gid) : NULL;
}

void result_free_gid(struct engine *e, uint64_t gid)
{
	struct job *j = result_kept(e, gid);

	if (j != NULL)
		kept_forget(e, j);
}

/* A failed or removed one, as result_drop leaves it, but for the session file. */
static void keep(struct engine *e, struct job *j)
{
	part_leave(e, j);
	engine_unindex(e, j);
	otree_remove(&e->stopped, &j->in_list);
	engine_forget_traces(e, j->rec.gid, job_may_have_journal(j));
	job_forget_file(j);
	j->rec.flags |= JOB_KEPT;
	kept_insert(e, j);
	engine_save(e, j);
	kept_trim(e, KEPT_MAX);
}

static void push_out(struct engine *e, struct job *j)
{
	bool unfinished = j->rec.state != JOB_COMPLETE && session_wants(j);

	if (unfinished && opts_bool(e->global, OPT_KEEP_UNFINISHED_DOWNLOAD_RESULT))
		keep(e, j);
	else
		result_drop(e, j);
}

/* ---- in and out ---- */

void result_add(struct engine *e, struct job *j)
{
	size_t max = (size_t)opts_num(e->global, OPT_MAX_DOWNLOAD_RESULT);

	j->rec.ord = ++e->end_seq;
	otree_insert(&e->stopped, &j->in_list, j->rec.ord);
	part_claim(e, j);
	engine_save(e, j);
	e->stopped_total++;
	while (otree_count(&e->stopped) > max)
		push_out(e, otree_entry(otree_at(&e->stopped, 0), struct job, in_list));
}

void result_load(struct engine *e, struct job *j)
{
	if (j->rec.ord > e->end_seq)
		e->end_seq = j->rec.ord;
	if (j->rec.flags & JOB_KEPT) {
		engine_unindex(e, j);
		kept_insert(e, j);
		return;
	}
	if (!otree_insert(&e->stopped, &j->in_list, j->rec.ord)) {
		j->rec.ord = ++e->end_seq;
		otree_insert(&e->stopped, &j->in_list, j->rec.ord);
	}
	if (j->rec.state == JOB_REMOVED)
		j->rec.err = ERR_REMOVED;
	part_claim(e, j);
	e->stopped_total++;
}

int engine_remove_result(struct engine *e, uint64_t gid, struct fail *f)
{
	struct job *j = engine_get(e, gid, f);

	if (j == NULL)
		return ERR_NOT_HERE;
	if (!job_is_ended(j))
		return fail_set(f, ERR_WRONG_STATE, "Could not remove download result of GID#" GID_FMT, GID_ARG(gid));
	result_drop(e, j);
	return 0;
}

void engine_purge_results(struct engine *e)
{
	struct onode *n;

	while ((n = otree_at(&e->stopped, 0)) != NULL)
		result_drop(e, otree_entry(n, struct job, in_list));
	kept_trim(e, 0); /* unlike aria2: nothing else could ever take them out of the session file */
}
