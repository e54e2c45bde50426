/* SPDX-License-Identifier: MIT
 * The engine and full disks: who waits instead of failing, who gets the slot, and what ends the waiting.
 */
#include "core/engine_internal.h"

#include "engine_env.h"

#define T(f) cmocka_unit_test_setup_teardown(f, env_setup, env_teardown)

static void no_room(uint64_t gid, int64_t total, int err)
{
	struct xfer *x = fake_find(gid);

	assert_non_null(x);
	x->total = total;
	fake_end(x, XFER_FAILED, err, "Not enough disk space");
}

static bool waits(struct env *v, uint64_t gid)
{
	struct job_view w;

	assert_true(engine_view(v->e, gid, &w));
	return w.state == JOB_WAITING && w.wait != NULL && strncmp(w.wait, "no room", 7) == 0;
}

static void the_slot_goes_to_the_next(void **state)
{
	struct env *v = *state;

	add(v, 1, false);
	add(v, 2, false);
	settle(v);
	no_room(1, 1000, ERR_NO_SPACE);
	assert_string_equal(events(v), "start:1 start:2 ");
	assert_true(waits(v, 1));
	assert_string_equal(list(v, LIST_QUEUE), "1 ");
	fake_complete(fake_find(2), "/d/2", 5);
	settle(v);
	assert_int_equal(fake_count(), 0);
	assert_true(engine_busy(v->e));
}

static void they_keep_their_order(void **state)
{
	struct env *v = *state;

	set_opt(engine_global(v->e), "max-concurrent-downloads", "3");
	for (uint64_t i = 1; i <= 4; i++)
		add(v, i, false);
	settle(v);
	for (uint64_t i = 1; i <= 3; i++)
		no_room(i, 1000, ERR_NO_SPACE);
	assert_string_equal(list(v, LIST_QUEUE), "1 2 3 4 ");
}

static void wait_for_count(struct env *v, size_t n)
{
	struct timer t = {0};

	v->late = false;
	timer_start(&v->loop, &t, DEADLINE_MS, 0, set_late, &v->late);
	while (fake_count() != n && !v->late)
		uv_run(&v->loop.uv, UV_RUN_ONCE);
	timer_stop(&t);
	assert_int_equal(fake_count(), n);
}

/* The first look comes after 2 s: the disk of the test has room. */
static void it_goes_on_by_itself(void **state)
{
	struct env *v = *state;

	add(v, 1, false);
	settle(v);
	no_room(1, 1000, ERR_NO_SPACE);
	wait_for_count(v, 1);
	assert_int_equal(state_of(v, 1), JOB_ACTIVE);
	assert_string_equal(events(v), "start:1 "); /* once */
	assert_int_equal(engine_pause(v->e, 1, false, NULL), 0);
	settle(v);
	assert_int_equal(engine_unpause(v->e, 1, NULL), 0);
	settle(v);
	assert_string_equal(events(v), "pause:1 start:1 ");
}

/* Paused while it waited it is started anew, as any that was paused. */
static void a_pause_meanwhile_makes_it_a_start(void **state)
{
	struct env *v = *state;

	add(v, 1, false);
	settle(v);
	no_room(1, 1000, ERR_NO_SPACE);
	assert_int_equal(engine_pause(v->e, 1, false, NULL), 0);
	assert_int_equal(engine_unpause(v->e, 1, NULL), 0);
	settle(v);
	assert_string_equal(events(v), "start:1 start:1 ");
}

static void not_everything_waits(void **state)
{
	struct env *v = *state;

	add_at(v, "gid=0000000000000001\ndisk-full=error\n", -1);
	add(v, 2, false);
	add(v, 3, false);
	settle(v);
	no_room(1, 1000, ERR_NO_SPACE);
	assert_int_equal(state_of(v, 1), JOB_ERROR);
	settle(v);
	no_room(2, 1000, ERR_TOO_LARGE);
	assert_int_equal(state_of(v, 2), JOB_ERROR);
	settle(v);
	no_room(3, -1, ERR_NO_SPACE); /* nothing says how much it needs */
	assert_int_equal(state_of(v, 3), JOB_ERROR);
	assert_int_equal(engine_last_err(v->e), ERR_NO_SPACE);
}

static void what_was_asked_for_wins(void **state)
{
	struct env *v = *state;

	fake_hold_stop = true;
	set_opt(engine_global(v->e), "max-concurrent-downloads", "2");
	add(v, 1, false);
	add(v, 2, false);
	settle(v);
	assert_int_equal(engine_pause(v->e, 1, false, NULL), 0);
	assert_int_equal(engine_remove(v->e, 2, false, NULL), 0);
	no_room(1, 1000, ERR_NO_SPACE);
	no_room(2, 1000, ERR_NO_SPACE);
	assert_int_equal(state_of(v, 1), JOB_PAUSED);
	assert_int_equal(state_of(v, 2), JOB_REMOVED);
}

/* It was let in, its disk is full again, and while it winds down it is asked to go: what was kept free for it is free. */
static void one_who_goes_wants_no_room_any_more(void **state)
{
	struct env *v = *state;

	for (int removed = 0; removed < 2; removed++) {
		uint64_t gid = removed ? 2 : 1;

		fake_hold_stop = true;
		add(v, gid, false);
		settle(v);
		no_room(gid, 1000, ERR_NO_SPACE);
		wait_for_count(v, 1);
		if (removed)
			assert_int_equal(engine_remove(v->e, gid, false, NULL), 0);
		else
			assert_int_equal(engine_pause(v->e, gid, false, NULL), 0);
		no_room(gid, 1000, ERR_NO_SPACE);
		assert_int_equal(state_of(v, gid), removed ? JOB_REMOVED : JOB_PAUSED);
		assert_null(engine_job(v->e, gid)->room);
	}
}

static void one_who_waits_can_be_paused_changed_and_removed(void **state)
{
	struct env *v = *state;
	struct opts *o = opts_new(engine_global(v->e));
	struct job_view w;

	add(v, 1, false);
	settle(v);
	no_room(1, 1000, ERR_NO_SPACE);
	assert_int_equal(engine_pause(v->e, 1, false, NULL), 0);
	assert_true(engine_view(v->e, 1, &w));
	assert_null(w.wait);
	assert_false(engine_busy(v->e));
	assert_int_equal(engine_unpause(v->e, 1, NULL), 0);
	settle(v);
	no_room(1, 1000, ERR_NO_SPACE); /* it tried at once */
	assert_true(waits(v, 1));
	set_opt(o, "dir", "/elsewhere");
	assert_int_equal(engine_change_options(v->e, 1, o, NULL), 0);
	opts_unref(o);
	settle(v);
	no_room(1, 1000, ERR_NO_SPACE);
	assert_true(waits(v, 1));
	assert_int_equal(engine_remove(v->e, 1, false, NULL), 0);
	assert_false(engine_busy(v->e));
}

static void one_who_waits_can_be_hurried(void **state)
{
	struct env *v = *state;
	struct fail f;

	add(v, 1, false);
	settle(v);
	for (int i = 0; i < 3; i++) {
		no_room(1, 1000, ERR_NO_SPACE);
		assert_true(waits(v, 1));
		if (i < 2)
			assert_int_equal(i == 0 ? engine_unpause(v->e, 1, NULL) : engine_retry(v->e, 1, NULL, NULL), 0);
		else
			engine_unpause_all(v->e);
		settle(v);
		assert_int_equal(state_of(v, 1), JOB_ACTIVE);
	}
	add(v, 2, false);
	assert_int_equal(engine_unpause(v->e, 2, &f), ERR_WRONG_STATE); /* it only has no slot */
}

static void after_a_crash_it_runs_and_finds_out(void **state)
{
	struct env *v = *state;

	add(v, 1, false);
	settle(v);
	no_room(1, 1000, ERR_NO_SPACE);
	flush(v);
	crash(v);
	engine_start(v->e);
	settle(v);
	assert_int_equal(state_of(v, 1), JOB_ACTIVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {T(the_slot_goes_to_the_next), T(they_keep_their_order), T(it_goes_on_by_itself),
		T(a_pause_meanwhile_makes_it_a_start),
		T(not_everything_waits), T(what_was_asked_for_wins),
		T(one_who_goes_wants_no_room_any_more), T(one_who_waits_can_be_paused_changed_and_removed),
		T(one_who_waits_can_be_hurried), T(after_a_crash_it_runs_and_finds_out)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
