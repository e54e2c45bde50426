/* SPDX-License-Identifier: MIT
 * What the engine's tests share: an engine over the memory store (which here survives a restart of the engine, and
 * fails to commit when told to) and transfers that do what the test says. Include once, in the test program.
 */
#ifndef HAUL_TEST_ENGINE_ENV_H
#define HAUL_TEST_ENGINE_ENV_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/str.h"
#include "core/engine.h"
#include "ev/loop.h"
#include "ev/timer.h"
#include "store/store_priv.h"

#include "fake_xfer.c"

#define DEADLINE_MS 10000

struct env {
	struct loop loop;
	struct store *store;
	struct engine *e;
	struct opts *global;
	char dir[32];
	struct event_sub sub;
	char events[512]; /* "start:a1 pause:a1 ": type and the GID's hex digits without zeros in front */
	bool late;
};

static void *test_mem; /* the backend's content, from one store to the next */
static atomic_bool test_commit_fails;
static atomic_uint test_commits;
static pthread_mutex_t test_disk = PTHREAD_MUTEX_INITIALIZER; /* a test that holds it has a disk that does not answer */

static int be_open(const char *dir, void **ret, struct fail *f)
{
	int err = test_mem == NULL ? store_mem.open(dir, &test_mem, f) : 0;

	*ret = test_mem;
	return err;
}

static int be_load(void *b, void (*cb)(void *arg, struct job_rec *r), void *arg, struct fail *f)
{
	return store_mem.load(b, cb, arg, f);
}

static char *be_meta_get(void *b, const char *name)
{
	return store_mem.meta_get(b, name);
}

static int be_commit(void *b, const struct store_op *ops, size_t n, bool durable, struct fail *f)
{
	test_commits++;
	pthread_mutex_lock(&test_disk);
	pthread_mutex_unlock(&test_disk);
	if (test_commit_fails)
		return fail_set(f, ERR_COMMIT, "no space left");
	return store_mem.commit(b, ops, n, durable, f);
}

static void be_close(void *b)
{
	(void)b;
}

static const struct store_backend test_backend = {.name = "test",
	.open = be_open,
	.load = be_load,
	.meta_get = be_meta_get,
	.commit = be_commit,
	.close = be_close};

static void set_late(void *arg)
{
	*(bool *)arg = true;
}

/* Run the loop until *flag; the test fails when that takes too long. */
static void run_until(struct env *v, const bool *flag)
{
	struct timer t = {0};

	v->late = false;
	timer_start(&v->loop, &t, DEADLINE_MS, 0, set_late, &v->late);
	while (!*flag && !v->late)
		uv_run(&v->loop.uv, UV_RUN_ONCE);
	timer_stop(&t);
	assert_true(*flag);
}

struct flushed {
	bool done;
	int err;
	struct fail f;
};

static void on_flushed(void *arg, int err, const struct fail *f)
{
	struct flushed *r = arg;

	r->done = true;
	r->err = err;
	if (f != NULL)
		r->f = *f;
}

/* Until all changes so far are durable, or are told not to be: the error. */
static int flush(struct env *v)
{
	struct flushed r = {0};

	engine_flush(v->e, on_flushed, &r);
	run_until(v, &r.done);
	return r.err;
}

static void turn_over(void *arg)
{
	*(bool *)arg = true;
}

/* Some turns, with everything durable in between: stops have ended, slots are filled, events are delivered. */
static void settle(struct env *v)
{
	for (int i = 0; i < 6; i++) {
		bool done = false;
		struct deferred d = {.cb = turn_over, .arg = &done};

		flush(v);
		defer(&v->loop, &d);
		run_until(v, &done);
	}
}

static void on_test_event(void *arg, const struct event *ev)
{
	struct env *v = arg;
	size_t n = strlen(v->events);

	snprintf(v->events + n, sizeof(v->events) - n, "%s:%llx ", event_name(ev->type), (unsigned long long)ev->gid);
}

/* What came since the last time. */
static inline const char *events(struct env *v)
{
	static char text[sizeof(v->events)];

	settle(v);
	memcpy(text, v->events, sizeof(text));
	v->events[0] = '\0';
	return text;
}

static void set_opt(struct opts *o, const char *name, const char *val)
{
	struct fail f = {0};

	if (opts_set(o, opt_find(name, strlen(name)), val, &f) != 0)
		fail_msg("%s=%s: %s", name, val, f.text);
}

static void open_engine(struct env *v)
{
	struct engine_conf c = {.loop = &v->loop, .global = v->global, .state_dir = v->dir};
	struct fail f = {0};

	assert_int_equal(store_open_backend(&v->loop, &test_backend, NULL, &v->store, &f), 0);
	c.store = v->store;
	assert_int_equal(engine_new(&c, &v->e, &f), 0);
	v->sub = (struct event_sub){.cb = on_test_event, .arg = v};
	engine_subscribe(v->e, &v->sub);
}

static void close_engine(struct env *v)
{
	store_close(v->store);
	engine_free(v->e);
	v->e = NULL;
}

/* As after kill -9: transfers are gone without a word, what is in the store stays. */
static inline void crash(struct env *v)
{
	store_close(v->store);
	while (!LIST_EMPTY(&fake_xfers))
		fake_drop(LIST_FIRST(&fake_xfers));
	engine_free(v->e);
	v->events[0] = '\0';
	open_engine(v);
}

static inline int env_setup(void **state)
{
	struct env *v = calloc(1, sizeof(*v));

	assert_int_equal(loop_init(&v->loop, 4 << 20), 0);
	log_setup(LOG_LVL_ERROR, true, NULL, LOG_LVL_ERROR);
	strcpy(v->dir, "/tmp/haul-engine-XXXXXX");
	assert_non_null(mkdtemp(v->dir));
	v->global = opts_new(NULL);
	set_opt(v->global, "max-concurrent-downloads", "1");
	set_opt(v->global, "dir", "/d");
	fake_hold_stop = false;
	test_commit_fails = false;
	open_engine(v);
	engine_start(v->e);
	*state = v;
	return 0;
}

static void on_env_stopped(void *arg)
{
	*(bool *)arg = true;
}

static inline int env_teardown(void **state)
{
	struct env *v = *state;
	char cmd[64];
	bool done = false;

	fake_hold_stop = false;
	test_commit_fails = false;
	engine_stop(v->e, true, on_env_stopped, &done);
	run_until(v, &done);
	close_engine(v);
	assert_true(LIST_EMPTY(&fake_xfers));
	opts_unref(v->global);
	assert_int_equal(loop_close(&v->loop), 0);
	store_mem.close(test_mem);
	test_mem = NULL;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", v->dir);
	assert_int_equal(system(cmd), 0);
	free(v);
	return 0;
}

/* Adds http://h/x with options given as "name=value" lines. */
static int try_add(struct env *v, const char *opts, int64_t pos, uint64_t *ret, struct fail *f)
{
	char uri[] = "http://h/x", *uris[] = {uri};
	struct opts *o = opts_new(engine_global(v->e));
	struct add_spec s = {.uris = uris, .n = 1, .opts = o, .pos = pos};
	int err;

	assert_int_equal(opts_decode(o, opts, f), 0);
	err = engine_add(v->e, &s, ret, f);
	opts_unref(o);
	return err;
}

static inline uint64_t add_at(struct env *v, const char *opts, int64_t pos)
{
	struct fail f = {0};
	uint64_t gid;

	if (try_add(v, opts, pos, &gid, &f) != 0)
		fail_msg("add: %s", f.text);
	return gid;
}

/* With the given GID (as number) and state of waiting (or paused), at the end. */
static inline uint64_t add(struct env *v, uint64_t gid, bool paused)
{
	char opts[64];

	snprintf(opts, sizeof(opts), "gid=%016llx\npause=%s\n", (unsigned long long)gid, paused ? "true" : "false");
	return add_at(v, opts, -1);
}

static inline enum job_state state_of(struct env *v, uint64_t gid)
{
	struct job_view w;

	assert_true(engine_view(v->e, gid, &w));
	return w.state;
}

/* The GIDs of a list in hex, "a1 a2 ". */
static inline const char *list(struct env *v, enum engine_list l)
{
	static char text[1024];
	uint64_t gids[32];
	size_t n = engine_list(v->e, l, 0, 32, gids), at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%llx ", (unsigned long long)gids[i]);
	return text;
}

#endif
