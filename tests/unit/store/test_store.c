/* SPDX-License-Identifier: MIT
 * Tests of the store over each backend: what is handed over comes back, in order; callbacks come after the commit;
 * failed commits are kept and tried again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/str.h"
#include "ev/loop.h"
#include "store/store_priv.h"

#define MAX_ROWS 4096

/* A backend around another one: notes what is committed, and fails when told. */
static struct {
	const struct store_backend *be;
	_Atomic int fail;	   /* this many commits fail */
	_Atomic int commits, soft; /* tried; those of them without durable */
	_Atomic size_t ops;
} wrap;

static int wrap_open(const char *dir, void **ret, struct fail *f)
{
	return wrap.be->open(dir, ret, f);
}

static int wrap_load(void *b, void (*cb)(void *arg, struct job_rec *r), void *arg, struct fail *f)
{
	return wrap.be->load(b, cb, arg, f);
}

static char *wrap_meta_get(void *b, const char *name)
{
	return wrap.be->meta_get(b, name);
}

static int wrap_commit(void *b, const struct store_op *ops, size_t n, bool durable, struct fail *f)
{
	wrap.commits++;
	wrap.soft += !durable;
	wrap.ops += n;
	if (wrap.fail > 0) {
		wrap.fail--;
		return fail_set(f, ERR_NO_SPACE, "disk full, says the test");
	}
	return wrap.be->commit(b, ops, n, durable, f);
}

static void wrap_close(void *b)
{
	wrap.be->close(b);
}

static const struct store_backend wrapped = {"wrapped", wrap_open, wrap_load, wrap_meta_get, wrap_commit, wrap_close};

struct store_test {
	struct loop loop;
	char dir[64];
	struct store *s;
	struct job_rec rows[MAX_ROWS];
	size_t n;
	int calls, errs; /* of on_flush */
	char order[64];	 /* letters of those called */
	struct fail fail;
};

static const struct store_backend *current;

static void open_it(struct store_test *t)
{
	struct fail f = {0};

	wrap.be = current;
	assert_int_equal(
		store_open_backend(&t->loop, &wrapped, current == &store_sqlite ? t->dir : NULL, &t->s, &f), 0);
}

static int setup(void **state)
{
	struct store_test *t = calloc(1, sizeof(*t));

	*state = t;
	memset(&wrap, 0, sizeof(wrap));
	snprintf(t->dir, sizeof(t->dir), "/tmp/haul-store-XXXXXX");
	if (!mkdtemp(t->dir) || loop_init(&t->loop, 1 << 20) < 0)
		return -1;
	open_it(t);
	return 0;
}

static void forget(struct store_test *t)
{
	for (size_t i = 0; i < t->n; i++)
		job_rec_free(&t->rows[i]);
	t->n = 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	struct store_test *t = *state;
	int r;

	if (t->s)
		store_close(t->s);
	forget(t);
	r = loop_close(&t->loop);
	nftw(t->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(t);
	return r;
}

static void on_flush(void *arg, int err, const struct fail *f)
{
	struct store_test *t = arg;

	t->calls++;
	t->errs += err != 0;
	assert_int_equal(f->code, err);
	if (err) {
		assert_int_equal(err, ERR_COMMIT);
		t->fail = *f;
	}
}

static int flush(struct store_test *t)
{
	int before = t->calls, errs = t->errs;

	store_flush(t->s, on_flush, t);
	assert_int_equal(t->calls, before);
	while (t->calls == before)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	return t->errs - errs;
}

static void on_row(void *arg, struct job_rec *r)
{
	struct store_test *t = arg;

	assert_true(t->n < MAX_ROWS);
	t->rows[t->n++] = *r; /* taken */
	memset(r, 0, sizeof(*r));
}

/* What is in the backend now: the memory one shows it at any time, others after a close. */
static void reload(struct store_test *t)
{
	struct fail f = {0};

	forget(t);
	if (current == &store_sqlite) {
		store_close(t->s);
		open_it(t);
	} else {
		assert_int_equal(flush(t), 0);
	}
	assert_int_equal(store_load(t->s, on_row, t, &f), 0);
}

static struct job_rec rec(uint64_t gid, int state, uint64_t ord)
{
	return (struct job_rec){.gid = gid, .state = state, .ord = ord, .total = -1};
}

/* r keeps its strings. */
static void put_rec(struct store_test *t, const struct job_rec *r)
{
	struct job_rec copy;

	job_rec_copy(&copy, r);
	store_put(t->s, &copy);
	assert_null(copy.uris);
	assert_int_equal(copy.gid, 0);
}

static void put(struct store_test *t, uint64_t gid, int state, uint64_t ord)
{
	struct job_rec r = rec(gid, state, ord);

	put_rec(t, &r);
}

static void assert_same(const struct job_rec *a, const struct job_rec *b)
{
	assert_int_equal(a->gid, b->gid);
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->ord, b->ord);
	assert_int_equal(a->uid, b->uid);
	assert_string_equal(a->owner, b->owner);
	assert_string_equal(a->uris, b->uris);
	assert_string_equal(a->opts, b->opts);
	assert_string_equal(a->dir, b->dir);
	assert_string_equal(a->path, b->path);
	assert_int_equal(a->total, b->total);
	assert_string_equal(a->etag, b->etag);
	assert_string_equal(a->last_modified, b->last_modified);
	assert_string_equal(a->part_id, b->part_id);
	assert_string_equal(a->etag_origin, b->etag_origin);
	assert_string_equal(a->digest, b->digest);
	assert_string_equal(a->have, b->have);
	assert_int_equal(a->done, b->done);
	assert_int_equal(a->err, b->err);
	assert_string_equal(a->err_text, b->err_text);
	assert_int_equal(a->added_at, b->added_at);
	assert_int_equal(a->ended_at, b->ended_at);
	assert_int_equal(a->flags, b->flags);
}

static void test_every_member(void **state)
{
	struct store_test *t = *state;
	struct job_rec full = {.gid = 0xffeeddccbbaa9988,
		.state = 4,
		.ord = 0xfffffffffffffff0,
		.uid = 0xfffffffe,
		.owner = (char *)"anna",
		.uris = (char *)"http://a/x\nhttp://b/x",
		.opts = (char *)"split=5\nheader=A: \"'%\n",
		.dir = (char *)"/d \303\274/\377",
		.path = (char *)"/d/x",
		.total = INT64_MAX,
		.etag = (char *)"\"e\"",
		.last_modified = (char *)"Sat",
		.part_id = (char *)"7-1.0",
		.etag_origin = (char *)"https://h:443",
		.digest = (char *)"md5=00",
		.have = (char *)"0-10",
		.done = 10,
		.err = ERR_CHECKSUM,
		.err_text = (char *)"bad",
		.added_at = 1700000000,
		.ended_at = 1700000001,
		.flags = 0x80000001};
	struct job_rec bare = rec(1, 0, 5);

	put_rec(t, &full);
	put_rec(t, &bare);
	assert_int_equal(flush(t), 0);
	reload(t);
	assert_int_equal(t->n, 2);
	assert_same(&t->rows[1], &full);
	assert_int_equal(t->rows[0].gid, 1);
	assert_int_equal(t->rows[0].total, -1);
	assert_int_equal(t->rows[0].err, 0);
	assert_null(t->rows[0].uris);
	assert_null(t->rows[0].have);
	assert_null(t->rows[0].err_text);
	full.etag = NULL; /* a put replaces the whole row */
	full.total = 0;
	put_rec(t, &full);
	reload(t);
	assert_null(t->rows[1].etag);
	assert_int_equal(t->rows[1].total, 0);
}

static void test_error_names(void **state)
{
	struct store_test *t = *state;

	for (int i = 0; i < ERR_COUNT; i++) {
		struct job_rec r = rec((uint64_t)i + 1, 4, (uint64_t)i);
		r.err = -1 - i;
		put_rec(t, &r);
	}
	reload(t);
	assert_int_equal(t->n, ERR_COUNT);
	for (int i = 0; i < ERR_COUNT; i++)
		assert_int_equal(t->rows[i].err, -1 - i);
}

static void test_order(void **state)
{
	struct store_test *t = *state;
	static const uint64_t want[] = {12, 11, 10, 13, 22, 20, 21};

	put(t, 20, 3, 7);
	put(t, 10, 0, UINT64_MAX - 1);
	put(t, 22, 5, 1);
	put(t, 11, 2, 3);
	put(t, 13, 0, UINT64_MAX);
	put(t, 21, 4, 9);
	put(t, 12, 1, 2);
	reload(t);
	assert_int_equal(t->n, 7);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(t->rows[i].gid, want[i]);
}

static void test_small_changes(void **state)
{
	struct store_test *t = *state;

	put(t, 1, 0, 1);
	put(t, 2, 0, 2);
	put(t, 3, 0, 3);
	store_set_state(t->s, 1, 1, 10);
	store_set_ord(t->s, 2, 20);
	store_progress(t->s, 2, "0-5", 5);
	store_progress(t->s, 2, "0-9", 9);
	store_del(t->s, 3);
	store_set_ord(t->s, 99, 1); /* not there: nothing */
	store_progress(t->s, 99, "0-1", 1);
	store_set_state(t->s, 98, 1, 1);
	store_del(t->s, 97);
	reload(t);
	assert_int_equal(t->n, 2);
	assert_int_equal(t->rows[0].gid, 1);
	assert_int_equal(t->rows[0].state, 1);
	assert_int_equal(t->rows[0].ord, 10);
	assert_int_equal(t->rows[1].ord, 20);
	assert_string_equal(t->rows[1].have, "0-9");
	assert_int_equal(t->rows[1].done, 9);
	assert_null(t->rows[0].have);
}

/* Newer replaces older only when nothing lies between. */
static void test_order_within_a_batch(void **state)
{
	struct store_test *t = *state;
	struct job_rec r = rec(1, 0, 1);

	r.have = (char *)"0-1";
	store_progress(t->s, 1, "0-2", 2);
	put_rec(t, &r);
	store_progress(t->s, 1, "0-3", 3);
	store_del(t->s, 2);
	put(t, 2, 0, 2);
	store_set_state(t->s, 2, 2, 4);
	store_set_ord(t->s, 2, 5);
	store_set_state(t->s, 2, 1, 6);
	put(t, 3, 0, 7);
	store_del(t->s, 3);
	reload(t);
	assert_int_equal(t->n, 2);
	assert_string_equal(t->rows[0].have, "0-3");
	assert_int_equal(t->rows[1].state, 1);
	assert_int_equal(t->rows[1].ord, 6);
}

static void test_meta(void **state)
{
	struct store_test *t = *state;
	char *v;

	assert_null(store_meta_get(t->s, "a"));
	store_meta(t->s, "a", "1");
	store_meta(t->s, "b", "2");
	store_meta(t->s, "a", "3");
	reload(t);
	v = store_meta_get(t->s, "a");
	assert_string_equal(v, "3");
	free(v);
	v = store_meta_get(t->s, "b");
	assert_string_equal(v, "2");
	free(v);
	assert_int_equal(t->n, 0);
}

static void test_progress_is_soft(void **state)
{
	struct store_test *t = *state;

	put(t, 1, 0, 1);
	assert_int_equal(flush(t), 0);
	assert_int_equal(wrap.soft, 0);
	for (int i = 0; i < 1000; i++)
		store_progress(t->s, 1, "0-5", i);
	assert_true(store_pending(t->s));
	while (store_pending(t->s))
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	assert_int_equal(wrap.soft, 1);
	assert_int_equal(wrap.ops, 2); /* the last one counts */
	store_progress(t->s, 1, "0-6", 6);
	assert_int_equal(flush(t), 0); /* somebody waits: synced */
	assert_int_equal(wrap.soft, 1);
	store_progress(t->s, 1, "0-7", 7);
	put(t, 2, 0, 2);
	assert_int_equal(flush(t), 0);
	assert_int_equal(wrap.soft, 1);
	reload(t);
	assert_int_equal(t->rows[0].done, 7);
}

static void test_group_commit(void **state)
{
	struct store_test *t = *state;

	for (uint64_t i = 1; i <= 1000; i++) {
		put(t, i, 0, i);
		store_flush(t->s, on_flush, t);
	}
	while (t->calls < 1000)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	assert_int_equal(wrap.commits, 1); /* one turn, one batch */
	assert_false(store_pending(t->s));
	assert_int_equal(t->errs, 0);
	reload(t);
	assert_int_equal(t->n, 1000);
}

static uint64_t still(void *arg)
{
	(void)arg;
	return 1000;
}

static void put_soon(struct store_test *t, uint64_t gid)
{
	put(t, gid, 0, gid);
	store_flush_soon(t->s, on_flush, t);
	uv_run(&t->loop.uv, UV_RUN_NOWAIT);
}

/* The first change goes at once. Those behind it gather until somebody can't wait: then all go together, in that very turn. */
static void test_gathering(void **state)
{
	struct store_test *t = *state;

	t->loop.clock_ms = still;
	put_soon(t, 1);
	while (t->calls < 1)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	assert_int_equal(wrap.commits, 1);
	put_soon(t, 2);
	put_soon(t, 3);
	assert_true(wrap.commits <= 2); /* 2: the machine stood still for so long that the time was over */
	put(t, 4, 0, 4);
	store_flush(t->s, on_flush, t);
	uv_run(&t->loop.uv, UV_RUN_NOWAIT);
	uv_run(&t->loop.uv, UV_RUN_NOWAIT); /* a timer that was stopped is closed */
	assert_true(t->calls == 4 || uv_backend_timeout(&t->loop.uv) < 0); /* no timer is waited for */
	while (t->calls < 4)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	assert_true(wrap.commits <= 3);
	put_soon(t, 5); /* nobody else comes: the time is over some time */
	while (t->calls < 5)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	put_soon(t, 6);
	t->loop.clock_ms = NULL;
	reload(t); /* closing waits for nobody */
	assert_int_equal(t->n, 6);
	assert_true(t->calls >= 6);
	assert_int_equal(t->errs, 0);
}

/* Changes that go on and on are committed at most once in STORE_GATHER_MS, and each is told. */
static void test_gathered_commits_are_few(void **state)
{
	struct store_test *t = *state;
	uint64_t begin = loop_now(&t->loop), took;

	for (uint64_t i = 1; i <= 500; i++)
		put_soon(t, i);
	while (t->calls < 500)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	uv_update_time(&t->loop.uv);
	took = loop_now(&t->loop) - begin;
	assert_true((uint64_t)wrap.commits <= 2 + took / STORE_GATHER_MS);
	reload(t);
	assert_int_equal(t->n, 500);
}

struct letter {
	struct store_test *t;
	char c;
};

static void on_letter(void *arg, int err, const struct fail *f)
{
	struct letter *l = arg;

	(void)f;
	(void)err;
	l->t->order[strlen(l->t->order)] = l->c;
}

static void test_callbacks_in_order(void **state)
{
	struct store_test *t = *state;
	struct letter l[6];

	for (int i = 0; i < 6; i++) {
		l[i] = (struct letter){t, (char)('a' + i)};
		if (i % 2 == 0)
			put(t, (uint64_t)i + 1, 0, 1);
		store_flush(t->s, on_letter, &l[i]);
		if (i % 3 == 1)
			uv_run(&t->loop.uv, UV_RUN_NOWAIT); /* the batch goes to the thread: next ones join another */
	}
	while (strlen(t->order) < 6)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	assert_string_equal(t->order, "abcdef");
}

static void test_flush_of_nothing(void **state)
{
	struct store_test *t = *state;

	assert_false(store_pending(t->s));
	assert_int_equal(flush(t), 0);
	assert_int_equal(wrap.commits, 0);
}

static void test_failed_commit(void **state)
{
	struct store_test *t = *state;

	wrap.fail = 2;
	put(t, 1, 0, 1);
	assert_int_equal(flush(t), 1);
	assert_string_equal(t->fail.text, "disk full, says the test");
	assert_true(store_pending(t->s));
	assert_int_equal(wrap.commits, 1); /* no busy loop: it waits for something new */
	put(t, 2, 0, 2);
	assert_int_equal(flush(t), 1);
	store_set_ord(t->s, 1, 5);
	assert_int_equal(flush(t), 0); /* all three, in order */
	assert_false(store_pending(t->s));
	reload(t);
	assert_int_equal(t->n, 2);
	assert_int_equal(t->rows[0].gid, 2);
	assert_int_equal(t->rows[1].ord, 5);
}

static void test_failed_commit_is_retried(void **state)
{
	struct store_test *t = *state;
	uint64_t before;

	wrap.fail = 1;
	put(t, 1, 0, 1);
	assert_int_equal(flush(t), 1);
	uv_update_time(&t->loop.uv);
	before = uv_now(&t->loop.uv);
	store_flush(t->s, on_flush, t); /* asking tries at once */
	while (store_pending(t->s))
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	assert_true(uv_now(&t->loop.uv) - before < 1000);
	assert_int_equal(t->errs, 1);
	wrap.fail = 1;
	put(t, 2, 0, 2);
	assert_int_equal(flush(t), 1);
	while (store_pending(t->s)) /* nobody asks: the timer does */
		uv_run(&t->loop.uv, UV_RUN_NOWAIT);
	reload(t);
	assert_int_equal(t->n, 2);
}

/* While the disk is full, what is kept does not grow with time. */
static void test_failing_stays_small(void **state)
{
	struct store_test *t = *state;

	put(t, 1, 0, 1);
	assert_int_equal(flush(t), 0);
	wrap.fail = 50;
	for (int i = 0; i < 50; i++) {
		store_progress(t->s, 1, "0-9", i);
		store_meta(t->s, "n", "x");
		assert_int_equal(flush(t), 1);
	}
	wrap.ops = 0;
	assert_int_equal(flush(t), 0);
	assert_int_equal(wrap.ops, 2);
	reload(t);
	assert_int_equal(t->rows[0].done, 49);
}

/* What came while a commit was failing waits for both. */
static void test_failing_under_way(void **state)
{
	struct store_test *t = *state;

	wrap.fail = 1;
	put(t, 1, 0, 1);
	store_flush(t->s, on_flush, t);
	uv_run(&t->loop.uv, UV_RUN_NOWAIT); /* with the thread now */
	put(t, 2, 0, 2);
	store_flush(t->s, on_flush, t);
	while (t->calls < 2)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	assert_int_equal(t->errs, 1);
	assert_int_equal(wrap.commits, 2);
	reload(t);
	assert_int_equal(t->n, 2);
}

static void test_close_commits(void **state)
{
	struct store_test *t = *state;

	put(t, 1, 0, 1);
	store_flush(t->s, on_flush, t);
	uv_run(&t->loop.uv, UV_RUN_NOWAIT);
	put(t, 2, 0, 2);
	store_flush(t->s, on_flush, t);
	if (current == &store_sqlite) {
		reload(t);
		assert_int_equal(t->n, 2);
	} else {
		store_close(t->s);
		t->s = NULL;
	}
	assert_int_equal(t->calls, 2);
	assert_int_equal(t->errs, 0);
}

static void test_close_fails(void **state)
{
	struct store_test *t = *state;

	wrap.fail = 100;
	put(t, 1, 0, 1);
	store_flush(t->s, on_flush, t);
	store_close(t->s);
	t->s = NULL;
	assert_int_equal(t->calls, 1);
	assert_int_equal(t->errs, 1);
}

static void on_flush_close(void *arg, int err, const struct fail *f)
{
	struct store_test *t = arg;

	on_flush(t, err, f);
	if (t->s) {
		struct store *s = t->s;
		t->s = NULL;
		store_close(s);
	}
}

static void test_close_in_callback(void **state)
{
	struct store_test *t = *state;

	put(t, 1, 0, 1);
	store_flush(t->s, on_flush_close, t);
	store_flush(t->s, on_flush, t);
	while (t->calls < 2)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	open_it(t);
	t->calls = 0;
	store_flush(t->s, on_flush_close, t); /* nothing pending */
	while (t->calls < 1)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	assert_null(t->s);
}

static void put_again(void *arg, int err, const struct fail *f)
{
	struct store_test *t = arg;

	on_flush(t, err, f);
	put(t, 50, 0, 50);
	store_flush(t->s, on_flush, t);
}

static void test_use_in_callback(void **state)
{
	struct store_test *t = *state;

	put(t, 1, 0, 1);
	store_flush(t->s, put_again, t);
	while (t->calls < 2)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	store_flush(t->s, put_again, t);
	while (t->calls < 4)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	reload(t);
	assert_int_equal(t->n, 2);
}

/* The loop runs on while somebody waits, and ends when nobody does. */
static void test_keeps_the_loop(void **state)
{
	struct store_test *t = *state;

	loop_run(&t->loop);
	put(t, 1, 0, 1);
	store_flush(t->s, on_flush, t);
	loop_run(&t->loop);
	assert_int_equal(t->calls, 1);
}

/* The same random changes to a store and to a plain array. */
static void test_like_a_table(void **state)
{
	struct store_test *t = *state;
	struct job_rec want[20] = {{0}};
	unsigned seed = 11;
	size_t n = 0;

	for (int i = 0; i < 3000; i++) {
		unsigned k = (unsigned)rand_r(&seed) % 20, what = (unsigned)rand_r(&seed) % 8;
		uint64_t gid = k + 1;
		if (what < 2) {
			want[k] = rec(gid, (int)what, (uint64_t)i);
			put_rec(t, &want[k]);
		} else if (what == 2) {
			want[k].gid = 0;
			store_del(t->s, gid);
		} else if (what < 5) {
			want[k].state = (int)what;
			want[k].ord = (uint64_t)i;
			store_set_state(t->s, gid, want[k].state, want[k].ord);
		} else if (what == 5) {
			want[k].ord = (uint64_t)i;
			store_set_ord(t->s, gid, want[k].ord);
		} else {
			want[k].done = i;
			store_progress(t->s, gid, "0-1", i);
		}
		if (i % 7 == 0)
			uv_run(&t->loop.uv, UV_RUN_NOWAIT);
		if (i % 100 == 0)
			wrap.fail = (int)((unsigned)rand_r(&seed) % 3);
	}
	wrap.fail = 0;
	assert_int_equal(flush(t), 0);
	reload(t);
	for (size_t k = 0; k < 20; k++)
		n += want[k].gid != 0;
	assert_int_equal(t->n, n);
	for (size_t i = 0; i < t->n; i++) {
		const struct job_rec *w = &want[t->rows[i].gid - 1], *r = &t->rows[i];
		assert_int_equal(r->gid, w->gid);
		assert_int_equal(r->state, w->state);
		assert_int_equal(r->ord, w->ord);
		assert_int_equal(r->done, w->done);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_every_member),
		T(test_error_names),
		T(test_order),
		T(test_small_changes),
		T(test_order_within_a_batch),
		T(test_meta),
		T(test_progress_is_soft),
		T(test_group_commit),
		T(test_gathering),
		T(test_gathered_commits_are_few),
		T(test_callbacks_in_order),
		T(test_flush_of_nothing),
		T(test_failed_commit),
		T(test_failed_commit_is_retried),
		T(test_failing_stays_small),
		T(test_failing_under_way),
		T(test_close_commits),
		T(test_close_fails),
		T(test_close_in_callback),
		T(test_use_in_callback),
		T(test_keeps_the_loop),
		T(test_like_a_table),
	};
	int failed;

	current = &store_mem;
	failed = cmocka_run_group_tests_name("store over memory", tests, NULL, NULL);
	current = &store_sqlite;
	return failed + cmocka_run_group_tests_name("store over sqlite", tests, NULL, NULL);
}
