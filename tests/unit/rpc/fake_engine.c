/* SPDX-License-Identifier: MIT
 * An engine for tests of rpc/: keeps up to FAKE_JOBS downloads in arrays, commits when the test says so. Included by
 * the test.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "core/engine.h"
#include "ev/loop.h"

#define FAKE_JOBS 4096

struct fake_job {
	uint64_t gid;
	enum job_state state;
	struct opts *opts;
	char **uris;
	size_t n;
	struct ranges have;
	int64_t total, done;
	int err;
};

#define FAKE_WAITERS 512

struct engine {
	struct loop *loop;
	struct opts *global;
	struct fake_job jobs[FAKE_JOBS];
	size_t n;
	bool hold; /* flushes wait for fake_commit */
	void (*waiter[FAKE_WAITERS])(void *arg, int err, const struct fail *f);
	void *waiter_arg[FAKE_WAITERS];
	size_t waiters;
	void (*save_cb)(void *arg, int err, const struct fail *f);
	void *save_arg;
	struct event_sub *sub;
	int shutdowns;
	unsigned changes; /* calls that changed something */
};

static void fake_init(struct engine *e, struct loop *l)
{
	memset(e, 0, sizeof(*e));
	e->loop = l;
	e->global = opts_new(NULL);
}

/* All downloads go away. */
static void fake_clear(struct engine *e)
{
	for (size_t i = 0; i < e->n; i++) {
		for (size_t k = 0; k < e->jobs[i].n; k++)
			free(e->jobs[i].uris[k]);
		free(e->jobs[i].uris);
		opts_unref(e->jobs[i].opts);
		ranges_free(&e->jobs[i].have);
	}
	e->n = 0;
}

static void fake_free(struct engine *e)
{
	fake_clear(e);
	opts_unref(e->global);
}

/* The store answers everybody who waits; who begins to wait meanwhile waits for the next commit. */
__attribute__((unused)) static void fake_commit(struct engine *e, int err, const char *why)
{
	struct fail f = {.code = err};
	void (*waiter[FAKE_WAITERS])(void *arg, int err, const struct fail *cause);
	void *arg[FAKE_WAITERS];
	size_t n = e->waiters;

	memcpy(waiter, e->waiter, sizeof(waiter));
	memcpy(arg, e->waiter_arg, sizeof(arg));
	if (why != NULL)
		fail_set(&f, err, "%s", why);
	e->waiters = 0;
	for (size_t i = 0; i < n; i++)
		waiter[i](arg[i], err, &f);
}

static struct fake_job *fake_job(const struct engine *e, uint64_t gid)
{
	for (size_t i = 0; i < e->n; i++)
		if (e->jobs[i].gid == gid)
			return (struct fake_job *)(uintptr_t)&e->jobs[i];
	return NULL;
}

int engine_add(struct engine *e, const struct add_spec *s, uint64_t *ret_gid, struct fail *f)
{
	struct fake_job *j = &e->jobs[e->n];
	const char *gid = opts_str(s->opts, OPT_GID);

	if (e->n == FAKE_JOBS || strstr(s->uris[0], "://") == NULL)
		return fail_set(f, ERR_INVAL, "No URI to download.");
	e->n++;
	e->changes++;
	j->gid = 0x1000 + e->n;
	if (gid != NULL)
		str_hex_to_u64(gid, strlen(gid), &j->gid);
	j->state = opts_bool(s->opts, OPT_PAUSE) ? JOB_PAUSED : JOB_WAITING;
	j->opts = opts_clone(s->opts);
	j->uris = xcalloc(s->n, sizeof(*j->uris));
	for (j->n = 0; j->n < s->n; j->n++)
		j->uris[j->n] = xstrdup(s->uris[j->n]);
	ranges_init(&j->have);
	*ret_gid = j->gid;
	return 0;
}

int engine_find(const struct engine *e, const char *text, uint64_t *ret, struct fail *f)
{
	if (str_hex_to_u64(text, strlen(text), ret) != 0)
		return fail_set(f, ERR_INVAL, "Invalid GID %s", text);
	return fake_job(e, *ret) != NULL ? 0 : fail_set(f, ERR_NOT_HERE, "GID %s is not found", text);
}

bool engine_view(const struct engine *e, uint64_t gid, struct job_view *ret)
{
	struct fake_job *j = fake_job(e, gid);

	if (j == NULL)
		return false;
	*ret = (struct job_view){.gid = gid,
		.state = j->state,
		.total = j->total,
		.done = j->done,
		.verified = -1,
		.piece_len = 1 << 20,
		.dir = "/d",
		.path = "",
		.err = j->err,
		.err_text = j->err != 0 ? err_text(j->err) : "",
		.have = &j->have,
		.opts = j->opts,
		.owner = "me"};
	return true;
}

static bool in_list(const struct fake_job *j, enum engine_list l)
{
	if (l == LIST_ACTIVE)
		return j->state == JOB_ACTIVE;
	return (j->state == JOB_WAITING || j->state == JOB_PAUSED) == (l == LIST_QUEUE) && j->state != JOB_ACTIVE;
}

size_t engine_count(const struct engine *e, enum engine_list l)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n; i++)
		n += in_list(&e->jobs[i], l);
	return n;
}

size_t engine_list(const struct engine *e, enum engine_list l, size_t from, size_t n, uint64_t *ret)
{
	size_t at = 0, got = 0;

	for (size_t i = 0; i < e->n && got < n; i++)
		if (in_list(&e->jobs[i], l) && at++ >= from)
			ret[got++] = e->jobs[i].gid;
	return got;
}

size_t engine_uris(const struct engine *e, uint64_t gid, struct uri_view *ret, size_t max)
{
	struct fake_job *j = fake_job(e, gid);

	for (size_t i = 0; i < j->n && i < max; i++)
		ret[i] = (struct uri_view){.uri = j->uris[i]};
	return j->n;
}

size_t engine_servers(const struct engine *e, uint64_t gid, struct server_view *ret, size_t max)
{
	(void)e, (void)gid, (void)ret, (void)max;
	return 0;
}

void engine_stat(const struct engine *e, struct engine_stat *ret)
{
	*ret = (struct engine_stat){.active = engine_count(e, LIST_ACTIVE), .queued = engine_count(e, LIST_QUEUE)};
}

int engine_retry(struct engine *e, uint64_t gid, const struct opts *o, struct fail *f)
{
	struct fake_job *j = fake_job(e, gid);

	(void)o;
	if (j == NULL || (j->state != JOB_ERROR && j->state != JOB_REMOVED))
		return fail_set(f, ERR_WRONG_STATE, "cannot be retried now");
	j->state = JOB_WAITING;
	e->changes++;
	return 0;
}

int engine_pause(struct engine *e, uint64_t gid, bool force, struct fail *f)
{
	struct fake_job *j = fake_job(e, gid);

	(void)force;
	if (j->state != JOB_WAITING)
		return fail_set(f, ERR_WRONG_STATE, "GID#%016llx cannot be paused now", (unsigned long long)gid);
	j->state = JOB_PAUSED;
	e->changes++;
	return 0;
}

int engine_unpause(struct engine *e, uint64_t gid, struct fail *f)
{
	(void)f;
	fake_job(e, gid)->state = JOB_WAITING;
	e->changes++;
	return 0;
}

int engine_remove(struct engine *e, uint64_t gid, bool force, struct fail *f)
{
	(void)force, (void)f;
	fake_job(e, gid)->state = JOB_REMOVED;
	e->changes++;
	return 0;
}

void engine_pause_all(struct engine *e, bool force)
{
	(void)force;
	e->changes++;
}

void engine_unpause_all(struct engine *e)
{
	e->changes++;
}

int engine_remove_result(struct engine *e, uint64_t gid, struct fail *f)
{
	(void)gid, (void)f;
	e->changes++;
	return 0;
}

void engine_purge_results(struct engine *e)
{
	e->changes++;
}

int engine_move(struct engine *e, uint64_t gid, int64_t pos, enum pos_how how, int64_t *ret_pos, struct fail *f)
{
	(void)gid, (void)how, (void)f;
	*ret_pos = pos;
	e->changes++;
	return 0;
}

int engine_change_uris(struct engine *e, uint64_t gid, char *const *del, size_t ndel, char *const *add, size_t nadd,
	int64_t pos, size_t *ret_del, size_t *ret_add, struct fail *f)
{
	(void)gid, (void)del, (void)add, (void)pos, (void)f;
	*ret_del = ndel;
	*ret_add = nadd;
	e->changes++;
	return 0;
}

static void fake_change(struct opts *to, const struct opts *changes)
{
	for (enum opt id = 0; id < OPT_COUNT; id++) {
		if (!opts_has(changes, id))
			continue;
		if (opt_def(id)->type == OT_LIST)
			opts_set(to, id, "", NULL);
		opts_set(to, id, opts_str(changes, id), NULL);
	}
}

int engine_change_options(struct engine *e, uint64_t gid, const struct opts *changes, struct fail *f)
{
	(void)f;
	fake_change(fake_job(e, gid)->opts, changes);
	e->changes++;
	return 0;
}

int engine_change_global(struct engine *e, const struct opts *changes, struct fail *f)
{
	(void)f;
	fake_change(e->global, changes);
	e->changes++;
	return 0;
}

void engine_flush(struct engine *e, void (*cb)(void *arg, int err, const struct fail *f), void *arg)
{
	if (!e->hold) {
		cb(arg, 0, NULL);
		return;
	}
	e->waiter[e->waiters] = cb;
	e->waiter_arg[e->waiters++] = arg;
}

int engine_save_session(
	struct engine *e, void (*cb)(void *arg, int err, const struct fail *f), void *arg, struct fail *f)
{
	if (opts_str(e->global, OPT_SAVE_SESSION) == NULL)
		return fail_set(f, ERR_INVAL, "Filename is not given.");
	e->save_cb = cb;
	e->save_arg = arg;
	return 0;
}

struct opts *engine_global(struct engine *e)
{
	return e->global;
}

struct loop *engine_loop(struct engine *e)
{
	return e->loop;
}

struct net *engine_net(struct engine *e)
{
	(void)e;
	return NULL;
}

const char *engine_session_id(const struct engine *e)
{
	(void)e;
	return "0123456789012345678901234567890123456789";
}

void engine_subscribe(struct engine *e, struct event_sub *s)
{
	e->sub = s;
}

void engine_unsubscribe(struct engine *e, struct event_sub *s)
{
	(void)s;
	e->sub = NULL;
}

void engine_shutdown(struct engine *e, bool force)
{
	(void)force;
	e->shutdowns++;
}
