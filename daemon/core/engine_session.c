/* SPDX-License-Identifier: MIT
 * The session file out of the jobs: what goes into it, and when. A save notes the GIDs, then prints the jobs slice by
 * slice, each slice being written on the pool before the next is printed: however long the queue, a turn of the loop
 * and the memory stay small. What is removed meanwhile is left out, what is added comes with the next save; saves that
 * are asked for meanwhile follow one after the other.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "core/engine_internal.h"
#include "core/session.h"
#include "ev/mounts.h"
#include "ev/work.h"

#define SLICE_JOBS 256		  /* under a millisecond of the loop */
#define SLICE_TEXT (256u << 10)	  /* a slice ends at this length */
#define ENTRY_MAX ((size_t)1 << 30) /* far above what a request may be: only against an endless growth */

/* One save: waits in the engine's list, then walks its GIDs. While a slice is on the pool, file and text belong to the
 * pool. Outlives the engine if need be. */
struct session_save {
	struct engine *engine; /* NULL: gone */
	char *path;
	uint64_t dev; /* its file system */
	struct session_file *file;
	uint64_t *gids;
	size_t n, at;
	struct buf text;  /* the slice */
	uint64_t changes; /* engine.changes when the GIDs were noted */
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

	buf_init(&b, ENTRY_MAX);
	opts_encode(flat, OF_INITIAL, &b);
	opts_unref(flat);
	return buf_take(&b);
}

static void print_job(struct session_save *s, const struct job *j)
{
	struct session_entry x = {.uris = j->uris, .gid = j->rec.gid, .paused = j->rec.state == JOB_PAUSED || j->want_pause};
	char *opts = own_and_global(j->opts);

	while (j->uris[x.n_uris] != NULL)
		x.n_uris++;
	x.opts = opts;
	session_print(&s->text, &x);
	free(opts);
}

static void print_slice(struct session_save *s)
{
	buf_reset(&s->text);
	for (int i = 0; i < SLICE_JOBS && s->at < s->n && s->text.len < SLICE_TEXT; i++) {
		uint64_t gid = s->gids[s->at++];
		const struct job *j = engine_job(s->engine, gid);

		if (j == NULL)
			j = result_kept(s->engine, gid);
		if (j != NULL && session_wants(j))
			print_job(s, j);
	}
}

static void note_gids(struct session_save *s)
{
	struct engine *e = s->engine;
	const struct otree *const lists[] = {&e->kept, &e->stopped, &e->active, &e->queue.all};

	s->gids = xmalloc((otree_count(&e->kept) + otree_count(&e->jobs) + 1) * sizeof(*s->gids));
	s->changes = e->changes;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (struct onode *n = otree_at(lists[i], 0); n != NULL; n = otree_next(n))
			s->gids[s->n++] = otree_entry(n, struct job, in_list)->rec.gid;
}

static void save_free(struct session_save *s)
{
	if (s->file != NULL)
		session_discard(s->file);
	buf_free(&s->text);
	free(s->gids);
	free(s->path);
	free(s);
}

static void append_on_pool(void *arg)
{
	struct session_save *s = arg;

	session_append(s->file, s->text.data, s->text.len);
}

static void commit_on_pool(void *arg)
{
	struct session_save *s = arg;

	s->err = session_commit(s->file, &s->fail);
	s->file = NULL;
}

static void save_next(struct engine *e);

static void on_committed(void *arg, int status)
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

static void on_appended(void *arg, int status)
{
	struct session_save *s = arg;

	if (s->engine == NULL || status < 0 || s->text.err != 0) {
		s->err = fail_set(&s->fail, status < 0 ? status : s->text.err, "Failed to serialize session to '%s'.", s->path);
		on_committed(s, 0);
		return;
	}
	if (s->at == s->n) {
		work_submit(s->engine->loop, s->dev, WORK_DISK, commit_on_pool, on_committed, s);
		return;
	}
	print_slice(s);
	work_submit(s->engine->loop, s->dev, WORK_DISK, append_on_pool, on_appended, s);
}

static void save_next(struct engine *e)
{
	struct session_save *s = STAILQ_FIRST(&e->saves);

	if (s == NULL)
		return;
	note_gids(s);
	s->file = session_new(s->path);
	on_appended(s, 0);
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
	s->dev = mounts_dev(e->loop, path);
	buf_init(&s->text, ENTRY_MAX);
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
