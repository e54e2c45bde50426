/* SPDX-License-Identifier: MIT
 * Options that change: those of a job, and those of the daemon. A set is never changed under its users: a changed copy
 * takes its place, and whoever holds the old one (older jobs their parent set, a transfer its options until it is told)
 * keeps it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "core/engine_internal.h"

static int take_option(struct opts *to, enum opt id, const struct opts *changes, struct fail *f)
{
	int err = opt_def(id)->type == OT_LIST ? opts_set(to, id, "", f) : 0; /* replaced, not added to */
	const char *val = opts_str(changes, id);

	return err < 0 || val == NULL ? err : opts_set(to, id, val, f);
}

/* A copy of base with those changes that have one of the flags; ret_flags: the flags of the options taken. NULL: error
 * in f. */
static struct opts *changed_copy(
	const struct opts *base, const struct opts *changes, unsigned flags, unsigned *ret_flags, struct fail *f)
{
	struct opts *o = opts_clone(base);

	*ret_flags = 0;
	for (unsigned i = 0; i < OPT_COUNT; i++) {
		enum opt id = (enum opt)i;

		if (!opts_has(changes, id) || (opt_def(id)->flags & flags) == 0)
			continue;
		*ret_flags |= opt_def(id)->flags;
		if (take_option(o, id, changes, f) < 0) {
			opts_unref(o);
			return NULL;
		}
	}
	return o;
}

void engine_take_options(struct job *j, struct opts *o)
{
	const char *dir = opts_str(o, OPT_DIR);

	if (job_moves(j, dir, opts_str(o, OPT_OUT))) {
		part_leave(j->engine, j);
		job_forget_file(j);
		if (job_may_have_journal(j))
			j->rec.flags |= JOB_STALE_JOURNAL; /* back at this path it would take what may be another's by then */
		j->new_path = j->rec.state == JOB_ACTIVE;
	}
	if (j->rec.dir == NULL || dir == NULL || strcmp(j->rec.dir, dir) != 0)
		j->rec.flags &= ~(uint32_t)JOB_ANY_DIR; /* who asks for another one is not known here */
	free(j->rec.dir);
	j->rec.dir = xstrdup(dir != NULL ? dir : "");
	opts_unref(j->opts);
	j->opts = o;
	opts_share(o, j->engine->memo);
}

int engine_change_options(struct engine *e, uint64_t gid, const struct opts *changes, struct fail *f)
{
	struct job *j = engine_get(e, gid, f);
	unsigned taken;
	struct opts *o;

	if (j == NULL)
		return ERR_NOT_HERE;
	if (job_is_ended(j))
		return fail_set(f, ERR_WRONG_STATE, "Cannot change option for GID#" GID_FMT, GID_ARG(gid));
	o = changed_copy(j->opts, changes, OF_RESTART | OF_LIVE, &taken, f);
	if (o == NULL)
		return ERR_INVAL;
	if (taken == 0) {
		opts_unref(o);
		return 0;
	}
	engine_take_options(j, o);
	if ((taken & OF_RESTART) != 0 && j->rec.state == JOB_ACTIVE)
		j->want_restart = true;
	engine_save(e, j);
	room_look_anew(j);
	if (j->want_restart)
		run_stop(e, j, false);
	else if (j->xfer != NULL)
		xfer_set_opts(j->xfer, j->opts);
	return 0;
}

int engine_log_setup(const struct opts *o, struct fail *f)
{
	/* The enumeration counts from debug up, the log from error down. */
	enum log_level console = LOG_LVL_DEBUG - (enum log_level)opts_num(o, OPT_CONSOLE_LOG_LEVEL);
	enum log_level file = LOG_LVL_DEBUG - (enum log_level)opts_num(o, OPT_LOG_LEVEL);
	const char *path = opts_str(o, OPT_LOG);

	if (log_setup(console, opts_bool(o, OPT_QUIET), path != NULL && *path != '\0' ? path : NULL, file) < 0)
		return fail_set(f, ERR_OPEN, "log file %s can't be opened: %s", path, strerror(errno));
	return 0;
}

static void apply_limit(struct engine *e)
{
	rate_set(&e->rate, (uint64_t)opts_num(e->global, OPT_MAX_OVERALL_DOWNLOAD_LIMIT), loop_now(e->loop));
}

int engine_change_global(struct engine *e, const struct opts *changes, struct fail *f)
{
	struct opts *old, *o;
	struct fail lf;
	unsigned taken;

	OBJ_CHECK(e, ENGINE);
	old = e->global;
	o = changed_copy(old, changes, OF_GLOBAL, &taken, f);
	if (o == NULL)
		return ERR_INVAL;
	if ((opts_has(changes, OPT_LOG) || opts_has(changes, OPT_LOG_LEVEL)) && engine_log_setup(o, &lf) < 0) {
		engine_log_setup(old, NULL);
		opts_unref(o);
		return fail_set(f, ERR_OPEN, "%s", lf.text);
	}
	e->global = o;
	opts_unref(old);
	if (opts_has(changes, OPT_MAX_OVERALL_DOWNLOAD_LIMIT))
		apply_limit(e);
	sched_dirty(e); /* maybe more slots */
	return 0;
}
