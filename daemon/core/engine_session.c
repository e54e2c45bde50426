/* SPDX-License-Identifier: MIT
 * The session file out of the jobs: what goes into it, and when. A snapshot is taken on the loop and written on the
 * pool; saves that are asked for meanwhile follow one after the other.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "core/engine_internal.h"
#include "core/session.h"
#include "ev/work.h"

#define OPTS_TEXT_MAX (1u << 20)

/* One save: waits in the engine's list, then owns its snapshot while the pool writes it. Outlives the engine if need
 * be. */
struct session_save {
	struct engine *engine; /* NULL: gone */
	char *path;
	struct session_entry *entries; /* with everything in them */
	size_t n;
	uint64_t changes; /* engine.changes of the snapshot */
	int err;
	struct fail fail;
	void (*cb)(void *arg, int err, const struct fail *f);
	void *arg;
	STAILQ_ENTRY(session_save) link;
};

/* What is not done is kept; failures too, unless they would fail again for sure; the rest with force-save. */
bool session_wants(const struct job *j)
{
	if (j->rec.state == JOB_COMPLETE || j->rec.state == JOB_REMOVED)
		return opts_bool(j->opts, OPT_FORCE_SAVE);
	if (j->rec.state == JOB_ERROR && (j->rec.err == ERR_NOT_FOUND || j->rec.err == ERR_NOT_FOUND_MAX))
		return opts_bool(j->opts, OPT_SAVE_NOT_FOUND);
	return true;
}

static char *own_and_global(const struct opts *o)
{
	struct opts *flat = opts_flatten(o);
	struct buf b;

	buf_init(&b, OPTS_TEXT_MAX);
	opts_encode(flat, OF_INITIAL, &b);
	opts_unref(flat);
	return buf_take(&b);
}

static void snapshot_job(struct session_save *s, const struct job *j)
{
	struct session_entry *x = &s->entries[s->n];
	char **uris;
	size_t n = 0;

	if (!session_wants(j))
		return;
	while (j->uris[n] != NULL)
		n++;
	uris = xcalloc(n + 1, sizeof(*uris));
	for (size_t i = 0; i < n; i++)
		uris[i] = xstrdup(j->uris[i]);
	*x = (struct session_entry){.uris = uris,
		.n_uris = n,
		.gid = j->rec.gid,
		.paused = j->rec.state == JOB_PAUSED || j->want_pause,
		.opts = own_and_global(j->opts)};
	s->n++;
}

static void snapshot(struct session_save *s)
{
	struct engine *e = s->engine;
	const struct otree *const lists[] = {&e->kept, &e->stopped, &e->active, &e->queue.all};

	s->entries = xcalloc(otree_count(&e->kept) + otree_count(&e->jobs) + 1, sizeof(*s->entries));
	s->changes = e->changes;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (struct onode *n = otree_at(lists[i], 0); n != NULL; n = otree_next(n))
			snapshot_job(s, otree_entry(n, struct job, in_list));
}

static void save_free(struct session_save *s)
{
	for (size_t i = 0; i < s->n; i++) {
		char **uris = (char **)(uintptr_t)s->entries[i].uris; /* ours, const for the writer */

		for (size_t k = 0; k < s->entries[i].n_uris; k++)
			free(uris[k]);
		free(uris);
		free((char *)(uintptr_t)s->entries[i].opts);
	}
	free(s->entries);
	free(s->path);
	free(s);
}

static void write_on_pool(void *arg)
{
	struct session_save *s = arg;

	s->err = session_write(s->path, s->entries, s->n, &s->fail);
}

static void save_next(struct engine *e);

static void on_written(void *arg, int status)
{
	struct session_save *s = arg;
	struct engine *e = s->engine;

	if (status < 0)
		s->err = fail_set(&s->fail, status, NULL);
	if (e != NULL) {
		STAILQ_REMOVE_HEAD(&e->saves, link);
		if (s->err == 0)
			e->saved = s->changes;
		else
			log_error(CORE, "%s", s->fail.text);
		s->cb(s->arg, s->err, &s->fail);
		save_next(e);
	}
	save_free(s);
}

static void save_next(struct engine *e)
{
	struct session_save *s = STAILQ_FIRST(&e->saves);

	if (s == NULL)
		return;
	snapshot(s);
	work_submit(e->loop, WORK_DISK, write_on_pool, on_written, s);
}

int engine_save_session(
	struct engine *e, void (*cb)(void *arg, int err, const struct fail *f), void *arg, struct fail *f)
{
	struct session_save *s;
	const char *path;
	bool idle;

	OBJ_CHECK(e, ENGINE);
	path = opts_str(e->global, OPT_SAVE_SESSION);
	if (path == NULL || *path == '\0')
		return fail_set(f, ERR_INVAL, "Filename is not given.");
	idle = STAILQ_EMPTY(&e->saves);
	s = xcalloc(1, sizeof(*s));
	s->engine = e;
	s->path = xstrdup(path);
	s->cb = cb;
	s->arg = arg;
	STAILQ_INSERT_TAIL(&e->saves, s, link);
	if (idle)
		save_next(e);
	return 0;
}

static void on_timed_save(void *arg, int err, const struct fail *f)
{
	(void)arg; /* a failure has been logged */
	(void)err;
	(void)f;
}

static void on_interval(void *arg)
{
	struct engine *e = arg;

	if (e->changes != e->saved && STAILQ_EMPTY(&e->saves))
		engine_save_session(e, on_timed_save, NULL, NULL);
}

void session_timer_start(struct engine *e)
{
	uint64_t ms = (uint64_t)opts_num(e->global, OPT_SAVE_SESSION_INTERVAL) * 1000;

	if (ms > 0)
		timer_start(e->loop, &e->session_timer, ms, ms, on_interval, e);
}

void session_free(struct engine *e)
{
	struct session_save *s, *running = STAILQ_FIRST(&e->saves);

	timer_stop(&e->session_timer);
	while ((s = STAILQ_FIRST(&e->saves)) != NULL) {
		STAILQ_REMOVE_HEAD(&e->saves, link);
		s->engine = NULL;
		if (s != running) /* that one is on the pool and frees itself */
			save_free(s);
	}
}
