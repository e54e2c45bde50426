/* SPDX-License-Identifier: MIT
 * Tests of the deferred list and of closing the loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/err.h"
#include "ev/block.h"
#include "ev/loop.h"
#include "ev/timer.h"

struct probe {
	struct loop *l;
	struct deferred d, other;
	struct timer t;
	int runs, limit;
};

static void count(void *arg)
{
	struct probe *p = arg;

	p->runs++;
}

static void count_again(void *arg)
{
	struct probe *p = arg;

	if (++p->runs < p->limit)
		defer(p->l, &p->d);
}

static void cancel_other(void *arg)
{
	struct probe *p = arg;

	defer_cancel(p->l, &p->other);
}

static void defer_it(void *arg)
{
	struct probe *p = arg;

	defer(p->l, &p->d);
	defer(p->l, &p->d);
}

static int setup(void **state)
{
	struct loop *l = malloc(sizeof(*l));

	*state = l;
	return l == NULL ? -1 : loop_init(l, 1024 * 1024);
}

static int teardown(void **state)
{
	int r = loop_close(*state);

	free(*state);
	return r;
}

static void test_runs_once_per_turn(void **state)
{
	struct probe p = {.l = *state, .d = {.cb = count, .arg = &p}};

	defer_it(&p);
	loop_run(p.l);
	assert_int_equal(p.runs, 1);
	assert_false(p.d.armed);
}

static void test_runs_after_timer_before_blocking(void **state)
{
	struct probe p = {.l = *state, .d = {.cb = count, .arg = &p}};
	struct timer guard = {0};
	uint64_t began;

	uv_update_time(&p.l->uv);
	began = loop_now(p.l);
	timer_start(p.l, &p.t, 1, 0, defer_it, &p);
	timer_start(p.l, &guard, 60000, 0, count, &p);
	timer_unref(&guard);
	loop_run(p.l);
	assert_int_equal(p.runs, 1);
	assert_true(loop_now(p.l) - began < 30000);
	timer_stop(&guard);
}

static void test_again_is_next_turn(void **state)
{
	struct probe p = {.l = *state, .d = {.cb = count_again, .arg = &p}, .limit = 5};

	defer(p.l, &p.d);
	uv_run(&p.l->uv, UV_RUN_NOWAIT); /* a turn runs the list twice: in prepare and in check */
	assert_in_range(p.runs, 1, 2);
	loop_run(p.l);
	assert_int_equal(p.runs, 5);
}

static void test_cancel_inside_run(void **state)
{
	struct probe p = {.l = *state, .d = {.cb = cancel_other, .arg = &p}, .other = {.cb = count, .arg = &p}};

	defer(p.l, &p.d);
	defer(p.l, &p.other);
	loop_run(p.l);
	assert_int_equal(p.runs, 0);
}

static void test_cancel_lets_the_loop_rest(void **state)
{
	struct probe p = {.l = *state, .d = {.cb = count, .arg = &p}};

	defer(p.l, &p.d);
	defer_cancel(p.l, &p.d);
	assert_false(uv_loop_alive(&p.l->uv));
	loop_run(p.l);
	assert_int_equal(p.runs, 0);
}

static uint64_t fake_clock(void *arg)
{
	return *(uint64_t *)arg;
}

static void test_clock_seam(void **state)
{
	struct loop *l = *state;
	uint64_t now = 77;

	l->clock_ms = fake_clock;
	l->clock_arg = &now;
	assert_int_equal(loop_now(l), 77);
}

static void test_close_runs_what_is_deferred(void **state)
{
	struct probe p = {.d = {.cb = count, .arg = &p}};
	struct loop l;

	(void)state;
	assert_int_equal(loop_init(&l, 0), 0);
	p.l = &l;
	defer(&l, &p.d);
	loop_stop(&l);
	assert_int_equal(loop_close(&l), 0);
	assert_int_equal(p.runs, 1);
}

static void test_close_reports_leaks(void **state)
{
	struct loop l;
	uv_timer_t leaked;
	struct block *b;

	(void)state;
	assert_int_equal(loop_init(&l, 0), 0);
	uv_timer_init(&l.uv, &leaked);
	uv_timer_start(&leaked, NULL, 60000, 0);
	assert_int_equal(loop_close(&l), UV_EBUSY);
	uv_close((uv_handle_t *)&leaked, NULL);
	uv_run(&l.uv, UV_RUN_NOWAIT);
	assert_int_equal(uv_loop_close(&l.uv), 0);

	assert_int_equal(loop_init(&l, 0), 0);
	b = block_get(l.blocks);
	block_put(l.blocks, b);
	assert_int_equal(loop_close(&l), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_runs_once_per_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_runs_after_timer_before_blocking, setup, teardown),
		cmocka_unit_test_setup_teardown(test_again_is_next_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel_inside_run, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel_lets_the_loop_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clock_seam, setup, teardown),
		cmocka_unit_test(test_close_runs_what_is_deferred),
		cmocka_unit_test(test_close_reports_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
