/* SPDX-License-Identifier: MIT
 * Tests of timers: restarts, repeats, and an owner that dies early.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "ev/loop.h"
#include "ev/timer.h"

struct probe {
	struct loop *l;
	struct timer t;
	int runs, limit;
};

static int setup(void **state)
{
	struct loop *l = malloc(sizeof(*l));

	*state = l;
	return l == NULL ? -1 : loop_init(l, 0);
}

static int teardown(void **state)
{
	int r = loop_close(*state);

	free(*state);
	return r;
}

static void stop_at_limit(void *arg)
{
	struct probe *p = arg;

	if (++p->runs == p->limit)
		timer_stop(&p->t);
}

static void restart(void *arg)
{
	struct probe *p = arg;

	assert_false(timer_running(&p->t));
	if (++p->runs < p->limit)
		timer_start(p->l, &p->t, 1, 0, restart, p);
}

static void free_owner(void *arg)
{
	free(arg);
}

static void test_one_shot(void **state)
{
	struct probe p = {.l = *state};

	assert_false(timer_running(&p.t));
	timer_start(p.l, &p.t, 1, 0, stop_at_limit, &p);
	assert_true(timer_running(&p.t));
	loop_run(p.l);
	assert_int_equal(p.runs, 1);
	assert_false(timer_running(&p.t));
}

static void test_repeat_until_stopped_inside(void **state)
{
	struct probe p = {.l = *state, .limit = 3};

	timer_start(p.l, &p.t, 0, 1, stop_at_limit, &p);
	loop_run(p.l);
	assert_int_equal(p.runs, 3);
}

static void test_restart_inside(void **state)
{
	struct probe p = {.l = *state, .limit = 4};

	timer_start(p.l, &p.t, 1, 0, restart, &p);
	loop_run(p.l);
	assert_int_equal(p.runs, 4);
}

static void test_start_again_moves_it(void **state)
{
	struct probe p = {.l = *state, .limit = 1};

	timer_start(p.l, &p.t, 3600000, 0, restart, &p);
	timer_start(p.l, &p.t, 1, 0, restart, &p);
	loop_run(p.l);
	assert_int_equal(p.runs, 1);
}

static void test_owner_freed_after_stop_and_in_callback(void **state)
{
	struct probe *p = calloc(1, sizeof(*p));
	struct probe *q = calloc(1, sizeof(*q));

	timer_start(*state, &p->t, 1, 1, stop_at_limit, p);
	timer_stop(&p->t);
	timer_stop(&p->t);
	free(p);
	timer_start(*state, &q->t, 1, 0, free_owner, q);
	loop_run(*state);
}

static void test_unref_does_not_hold_the_loop(void **state)
{
	struct probe p = {.l = *state};

	timer_start(p.l, &p.t, 3600000, 0, stop_at_limit, &p);
	timer_unref(&p.t);
	loop_run(p.l);
	assert_int_equal(p.runs, 0);
	timer_stop(&p.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_shot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_repeat_until_stopped_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restart_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_start_again_moves_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_owner_freed_after_stop_and_in_callback, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unref_does_not_hold_the_loop, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
