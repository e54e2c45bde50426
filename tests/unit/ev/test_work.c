/* SPDX-License-Identifier: MIT
 * Tests of work items: every item completes once, hashes never take the whole pool, cancelling.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <cmocka.h>
#include <uv.h>

#include "base/err.h"
#include "ev/loop.h"
#include "ev/work.h"

struct shared {
	struct loop l;
	uv_mutex_t gate; /* held by the test: items that take it wait */
	atomic_int now, most, ran;
	int done, canceled;
};

static int setup(void **state)
{
	struct shared *s = calloc(1, sizeof(*s));

	*state = s;
	uv_mutex_init(&s->gate);
	return loop_init(&s->l, 0);
}

static int teardown(void **state)
{
	struct shared *s = *state;
	int r = loop_close(&s->l);

	uv_mutex_destroy(&s->gate);
	free(s);
	return r;
}

static void job(void *arg)
{
	struct shared *s = arg;
	int n = ++s->now, most = s->most;

	while (n > most && !atomic_compare_exchange_weak(&s->most, &most, n))
		;
	uv_mutex_lock(&s->gate);
	uv_mutex_unlock(&s->gate);
	s->ran++;
	s->now--;
}

static void on_done(void *arg, int status)
{
	struct shared *s = arg;

	s->done++;
	if (status == ERR_CANCELED)
		s->canceled++;
	else
		assert_int_equal(status, 0);
}

static void test_all_complete(void **state)
{
	struct shared *s = *state;

	for (int i = 0; i < 100; i++)
		work_submit(&s->l, i % 2 != 0 ? WORK_HASH : WORK_DISK, job, on_done, s);
	loop_run(&s->l);
	assert_int_equal(s->done, 100);
	assert_int_equal(s->ran, 100);
	assert_int_equal(s->canceled, 0);
	assert_int_equal(s->l.hash_running, 0);
}

/* The pool has 8 threads here, so two hashes may run: a disk item gets through while both are held up. */
static void test_hashes_leave_room(void **state)
{
	struct shared *s = *state, disk = {0};

	uv_mutex_init(&disk.gate);
	uv_mutex_lock(&s->gate);
	for (int i = 0; i < 20; i++)
		work_submit(&s->l, WORK_HASH, job, on_done, s);
	work_submit(&s->l, WORK_DISK, job, on_done, &disk);
	while (disk.done == 0)
		uv_run(&s->l.uv, UV_RUN_ONCE);
	assert_int_equal(s->done, 0);
	uv_mutex_unlock(&s->gate);
	loop_run(&s->l);
	assert_int_equal(s->done, 20);
	assert_in_range(s->most, 1, 2);
	uv_mutex_destroy(&disk.gate);
}

static void test_cancel(void **state)
{
	struct shared *s = *state;
	struct work *w[40];

	uv_mutex_lock(&s->gate);
	for (int i = 0; i < 40; i++)
		w[i] = work_submit(&s->l, i < 20 ? WORK_HASH : WORK_DISK, job, on_done, s);
	for (int i = 0; i < 40; i++) {
		work_cancel(w[i]);
		work_cancel(w[i]);
	}
	assert_int_equal(s->done, 0);
	uv_mutex_unlock(&s->gate);
	loop_run(&s->l);
	assert_int_equal(s->done, 40);
	assert_int_equal(s->ran + s->canceled, 40);
	assert_true(s->canceled >= 18);
}

static void test_close_waits_for_running(void **state)
{
	struct shared *s = *state;

	for (int i = 0; i < 10; i++)
		work_submit(&s->l, WORK_HASH, job, on_done, s);
}

static void note_nice(void *arg)
{
	atomic_int *v = arg;
	int now = getpriority(PRIO_PROCESS, 0);

	atomic_fetch_or(v, 1 << now);
}

static void nothing_done(void *arg, int status)
{
	(void)arg;
	assert_int_equal(status, 0);
}

/* However often a thread has worked it is that much nicer than the loop, which stays what it is. */
static void test_threads_step_back(void **state)
{
	struct shared *s = *state;
	int own = getpriority(PRIO_PROCESS, 0), want = own + WORK_NICE < 19 ? own + WORK_NICE : 19;
	atomic_int seen = 0;

	if (own < 0)
		skip(); /* a bit for each value from 0 on */
	for (int i = 0; i < 100; i++)
		work_submit(&s->l, WORK_DISK, note_nice, nothing_done, &seen);
	loop_run(&s->l);
	assert_int_equal(seen, 1 << want);
	assert_int_equal(getpriority(PRIO_PROCESS, 0), own);
}

/* libuv would end the process; here it is an error, before it has begun. */
static void test_pool_without_threads(void **state)
{
	struct shared *s = *state;
	struct rlimit old, none;

#ifdef __SANITIZE_ADDRESS__
	skip(); /* it needs address space of its own for each thread */
#endif
	if (getenv("HAUL_VALGRIND") != NULL)
		skip();
	setenv("UV_THREADPOOL_SIZE", "64", 1);
	assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
	none = old;
	none.rlim_cur = 1 << 20;
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	assert_int_equal(work_pool_start(&s->l, 8), ERR_THREADS);
	assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
	assert_int_equal(work_pool_start(&s->l, 8), 0);
	assert_string_equal(getenv("UV_THREADPOOL_SIZE"), "64");
	setenv("UV_THREADPOOL_SIZE", "8", 1);
	loop_run(&s->l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_complete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hashes_leave_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_waits_for_running, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads_step_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pool_without_threads, setup, teardown),
	};

	setenv("UV_THREADPOOL_SIZE", "8", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
