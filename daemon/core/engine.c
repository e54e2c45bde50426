/* SPDX-License-Identifier: MIT
 * The engine as a whole: it is made with the stored jobs in it, begins to run them, stops, ends.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "core/engine_internal.h"
#include "disk/fs.h"
#include "net/net.h"

#define ORIGINS_KEPT 1024
#define VIEW_PATH_MAX (1u << 20) /* far above what options may be */

void engine_job_changed(void *arg, struct job *j)
{
	struct engine *e = arg;

	store_set_ord(e->store, j->rec.gid, j->rec.ord);
	e->changes++;
}

/* ---- loading ---- */

struct job_vec {
	struct job **v;
	size_t n, cap;
};

struct loading {
	struct engine *e;
	struct job_vec queued; /* in the queue already: not yet in engine.jobs */
	struct job_vec later;  /* need a new place, which can only be stored when all are loaded */
	size_t bad;
};

static void vec_add(struct job_vec *l, struct job *j)
{
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 16 : l->cap * 2;
		l->v = xrealloc(l->v, l->cap * sizeof(struct job *));
	}
	l->v[l->n++] = j;
}

static void on_load(void *arg, struct job_rec *r)
{
	struct loading *l = arg;
	struct engine *e = l->e;
	struct fail f = {0};
	struct job *j;

	if (job_from_rec(r, e->global, e->memo, &j, &f) < 0) {
		log_warn(CORE, "a stored download is passed over: %s", f.text);
		l->bad++;
		return;
	}
	j->engine = e;
	e->begun = e->begun || (j->rec.state != JOB_GONE && (j->rec.flags & (JOB_STARTED | JOB_KEPT)) == JOB_STARTED);
	if (j->rec.state == JOB_GONE) {
		part_load(e, j);
	} else if (job_is_ended(j)) {
		engine_index(e, j);
		result_load(e, j);
	} else {
		vec_add(&l->queued, j);
		if (j->rec.state == JOB_ACTIVE || !queue_restore(&e->queue, j))
			vec_add(&l->later, j);
		else
			queue_set_ready(&e->queue, j, j->rec.state == JOB_WAITING);
	}
}

static int by_gid(const void *pa, const void *pb)
{
	const struct job *a = *(const struct job *const *)pa, *b = *(const struct job *const *)pb;

	return (a->rec.gid > b->rec.gid) - (a->rec.gid < b->rec.gid);
}

/* In order: each goes to where the one before has just been, so that a tree of a million is not walked a million times through
 * memory that no cache holds. */
static void index_queued(struct loading *l)
{
	if (l->queued.n > 1)
		qsort(l->queued.v, l->queued.n, sizeof(struct job *), by_gid);
	for (size_t i = 0; i < l->queued.n; i++)
		engine_index(l->e, l->queued.v[i]);
}

/* Those that were active go to the front in their order; others whose number is taken, before the one that has it. */
static void place_later(struct loading *l)
{
	struct engine *e = l->e;

	while (l->later.n > 0) {
		struct job *j = l->later.v[--l->later.n];
		struct onode *same = otree_find(&e->queue.all, j->rec.ord);
		bool front = j->rec.state == JOB_ACTIVE || same == NULL;

		if (j->rec.state == JOB_ACTIVE)
			j->rec.state = JOB_WAITING; /* the process that ran it is gone */
		queue_insert(&e->queue, j, front ? 0 : otree_pos(same));
		queue_set_ready(&e->queue, j, j->rec.state == JOB_WAITING);
		engine_save_state(e, j);
	}
}

static bool keeps_journal(const struct job *j)
{
	if (!job_is_ended(j))
		return true;
	/* Of wrong bytes nobody needs to know that they were written. */
	return j->rec.state != JOB_COMPLETE && j->rec.err != ERR_CHECKSUM && (j->rec.flags & JOB_PART) != 0;
}

/* Journals that nobody needs: a crash came between the end of their job and their removal. Start-up only, blocks. */
static void sweep_journals(struct engine *e)
{
	DIR *d = opendir(e->progress_dir);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		struct onode *n;
		uint64_t gid;

		if (str_hex_to_u64(de->d_name, strlen(de->d_name), &gid) < 0)
			continue;
		n = otree_find(&e->jobs, gid);
		if (!n || !keeps_journal(otree_entry(n, struct job, by_gid)))
			unlinkat(dirfd(d), de->d_name, 0);
	}
	if (d)
		closedir(d);
}

static bool is_unfinished(void *arg, uint64_t gid)
{
	const struct job *j = engine_job(arg, gid);

	return j != NULL && j->rec.state != JOB_COMPLETE;
}

static int load(struct engine *e, struct fail *f)
{
	struct loading l = {.e = e};
	int err = store_load(e->store, on_load, &l, f);

	index_queued(&l);
	if (err == 0) {
		place_later(&l);
		sweep_journals(e);
		placer_sift(e->placer, is_unfinished, e);
	}
	free(l.queued.v);
	free(l.later.v);
	return err;
}

/* ---- life ---- */

static int make_progress_dir(struct engine *e, const char *state_dir, struct fail *f)
{
	e->progress_dir = xasprintf("%s/progress", state_dir);
	if (mkdir(e->progress_dir, 0700) < 0 && errno != EEXIST)
		return fail_set(f, ERR_STATE_DIR, "%s can't be made: %s", e->progress_dir, strerror(errno));
	return 0;
}

static void open_ledger(struct engine *e)
{
	char *path = xasprintf("%s/ledger", e->progress_dir);

	e->placer = placer_new(e->loop, NULL, path);
	free(path);
}

static void make_session_id(struct engine *e)
{
	unsigned char id[20];

	if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id))
		memset(id, 0, sizeof(id)); /* cannot happen for so few bytes */
	for (size_t i = 0; i < sizeof(id); i++)
		snprintf(&e->session_id[2 * i], 3, "%02x", id[i]);
}

static uint64_t jitter_seed(void)
{
	uint64_t seed;

	return getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed) ? seed : 0;
}

static void free_jobs(struct otree *by_gid)
{
	struct onode *n;

	while ((n = otree_at(by_gid, 0)) != NULL) {
		struct job *j = otree_entry(n, struct job, by_gid);

		otree_remove(by_gid, n);
		room_leave(j);
		job_free(j);
	}
}

static void on_life(void *arg)
{
	struct engine *e = arg;

	origins_alive(e->origins, loop_now(e->loop));
}

static void on_stop_turn(void *arg)
{
	run_stopped_check(arg);
}

int engine_new(const struct engine_conf *c, struct engine **ret, struct fail *f)
{
	struct engine *e = xcalloc(1, sizeof(*e));
	int err;

	OBJ_INIT(e, ENGINE);
	e->loop = c->loop;
	e->net = c->net;
	e->store = c->store;
	e->global = opts_ref(c->global);
	e->memo = opts_memo_new();
	e->start_dir = xstrdup(opts_str(c->global, OPT_DIR));
	otree_init(&e->jobs);
	otree_init(&e->active);
	otree_init(&e->stopped);
	otree_init(&e->left);
	otree_init(&e->kept);
	otree_init(&e->kept_gid);
	queue_init(&e->queue, engine_job_changed, e);
	ranges_init(&e->view_have);
	buf_init(&e->view_path, VIEW_PATH_MAX);
	TAILQ_INIT(&e->not_durable);
	TAILQ_INIT(&e->flushes);
	TAILQ_INIT(&e->subs);
	STAILQ_INIT(&e->events);
	STAILQ_INIT(&e->saves);
	e->turn.cb = engine_turn;
	e->turn.arg = e;
	e->stop_turn.cb = on_stop_turn;
	e->stop_turn.arg = e;
	rate_init(&e->rate, (uint64_t)opts_num(e->global, OPT_MAX_OVERALL_DOWNLOAD_LIMIT), loop_now(e->loop));
	make_session_id(e);
	e->origins = origins_new(ORIGINS_KEPT, jitter_seed());
	if (e->net != NULL)
		net_on_life(e->net, on_life, e);
	e->volumes = volumes_new(e->loop, &fs_real);
	err = make_progress_dir(e, c->state_dir, f);
	if (err == 0)
		open_ledger(e);
	if (err == 0)
		err = load(e, f);
	if (err < 0)
		engine_free(e);
	else
		*ret = e;
	return err;
}

void engine_start(struct engine *e)
{
	OBJ_CHECK(e, ENGINE);
	earlier_free(e);
	if (e->begun)
		origins_expect_network(e->origins);
	e->running = true;
	session_timer_start(e);
	sched_dirty(e);
}

void engine_stop(struct engine *e, bool force, void (*cb)(void *arg), void *arg)
{
	struct onode *n;

	OBJ_CHECK(e, ENGINE);
	e->stopping = true;
	if (e->stop_cb == NULL) {
		e->stop_cb = cb;
		e->stop_arg = arg;
		e->stop_flush = false;
	}
	for (n = otree_at(&e->active, 0); n != NULL;) {
		uint64_t key = n->key;

		run_stop(e, otree_entry(n, struct job, in_list), force);
		n = otree_lower(&e->active, key + 1);
	}
	defer(e->loop, &e->stop_turn);
}

void engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	OBJ_CHECK(e, ENGINE);
	defer_cancel(e->loop, &e->turn);
	defer_cancel(e->loop, &e->stop_turn);
	timer_stop(&e->slots_timer);
	timer_stop(&e->starts_timer);
	earlier_free(e);
	session_free(e);
	flush_free_all(e);
	parts_free(e);
	e->found = NULL;
	free_jobs(&e->jobs);
	free_jobs(&e->kept_gid);
	if (e->net != NULL)
		net_on_life(e->net, NULL, NULL);
	origins_free(e->origins);
	volumes_free(e->volumes);
	placer_free(e->placer);
	ranges_free(&e->view_have);
	buf_free(&e->view_path);
	free(e->progress_dir);
	free(e->start_dir);
	opts_unref(e->global);
	opts_memo_free(e->memo);
	OBJ_FREE(e);
}

/* ---- getters ---- */

struct opts *engine_global(struct engine *e)
{
	OBJ_CHECK(e, ENGINE);
	return e->global;
}

struct loop *engine_loop(struct engine *e)
{
	OBJ_CHECK(e, ENGINE);
	return e->loop;
}

struct net *engine_net(struct engine *e)
{
	OBJ_CHECK(e, ENGINE);
	return e->net;
}

const char *engine_session_id(const struct engine *e)
{
	OBJ_CHECK(e, ENGINE);
	return e->session_id;
}

void engine_on_shutdown(struct engine *e, void (*cb)(void *arg, bool force), void *arg)
{
	OBJ_CHECK(e, ENGINE);
	e->shutdown_cb = cb;
	e->shutdown_arg = arg;
}

void engine_shutdown(struct engine *e, bool force)
{
	OBJ_CHECK(e, ENGINE);
	if (e->shutdown_cb != NULL)
		e->shutdown_cb(e->shutdown_arg, force);
}
