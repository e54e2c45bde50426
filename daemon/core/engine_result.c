/* SPDX-License-Identifier: MIT
 * Results: jobs that have ended. They are kept, here and in the store, in order of ending, at most max-download-result
 * of them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "core/engine_internal.h"

char *journal_path(const struct engine *e, uint64_t gid)
{
	char text[17];

	str_from_gid(gid, text);
	return xasprintf("%s/%s", e->progress_dir, text);
}

static void on_unlinked(uv_fs_t *req)
{
	uv_fs_req_cleanup(req);
	free(req);
}

void engine_remove_journal(struct engine *e, uint64_t gid)
{
	uv_fs_t *req = xcalloc(1, sizeof(*req));
	char *path = journal_path(e, gid);

	if (uv_fs_unlink(&e->loop->uv, req, path, on_unlinked) != 0)
		on_unlinked(req);
	free(path);
}

void result_leave(struct engine *e, struct job *j)
{
	part_unclaim(e, j);
	otree_remove(&e->stopped, &j->in_list);
}

void result_drop(struct engine *e, struct job *j)
{
	part_leave(e, j);
	otree_remove(&e->jobs, &j->by_gid);
	otree_remove(&e->stopped, &j->in_list);
	store_del(e->store, j->rec.gid);
	e->changes++;
	if (j->rec.flags & JOB_PART)
		engine_remove_journal(e, j->rec.gid);
	job_free(j);
}

void result_add(struct engine *e, struct job *j)
{
	size_t max = (size_t)opts_num(e->global, OPT_MAX_DOWNLOAD_RESULT);

	j->rec.ord = ++e->end_seq;
	otree_insert(&e->stopped, &j->in_list, j->rec.ord);
	part_claim(e, j);
	engine_save(e, j);
	e->stopped_total++;
	while (otree_count(&e->stopped) > max)
		result_drop(e, otree_entry(otree_at(&e->stopped, 0), struct job, in_list));
}

void result_load(struct engine *e, struct job *j)
{
	if (j->rec.ord > e->end_seq)
		e->end_seq = j->rec.ord;
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
}
