/* SPDX-License-Identifier: MIT
 * Tests of the token bucket and the meter, on a clock made of numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/rate.h"

/* Takes all there is every `step` ms for `ms`; returns the bytes. */
static uint64_t drain(struct rate *r, uint64_t *now, uint64_t ms, uint64_t step)
{
	uint64_t end = *now + ms, sum = 0;

	for (; *now < end; *now += step) {
		int64_t n = rate_avail(r, *now);

		rate_take(r, (size_t)n);
		sum += (uint64_t)n;
	}
	return sum;
}

static void no_limit(void **state)
{
	struct rate r;

	(void)state;
	rate_init(&r, 0, 5);
	assert_true(rate_avail(&r, 5) == INT64_MAX);
	rate_take(&r, SIZE_MAX);
	assert_true(rate_avail(&r, 5) == INT64_MAX);
	assert_int_equal(rate_wait(&r), 0);
}

static void flow_is_exact_at_any_step(void **state)
{
	static const uint64_t limits[] = {1, 3, 999, 1500, 20000, 1000000, 123456789, 12500000000u};
	static const uint64_t steps[] = {1, 3, 10, 16, 199};
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		for (j = 0; j < sizeof(steps) / sizeof(steps[0]); j++) {
			uint64_t now = 1000, want = limits[i] * 60, got;
			struct rate r;

			rate_init(&r, limits[i], now);
			got = drain(&r, &now, 60000, steps[j]);
			/* The bucket begins with 200 ms worth, and the last step is still open. */
			assert_in_range(got, want - limits[i] * steps[j] / 1000 - 1, want + limits[i] / 5 + 1);
		}
	}
}

static void bucket_is_shallow(void **state)
{
	struct rate r;

	(void)state;
	rate_init(&r, 1000000, 0);
	assert_int_equal(rate_avail(&r, 0), 200000);
	assert_int_equal(rate_avail(&r, 3600000), 200000);
	rate_init(&r, 1000, 0);
	assert_int_equal(rate_avail(&r, 0), 200);
	assert_int_equal(rate_avail(&r, 3600000), 16384);
	assert_int_equal(rate_avail(&r, 0), 16384); /* a clock that runs backwards */
}

static void debt_is_paid_back(void **state)
{
	struct rate r;

	(void)state;
	rate_init(&r, 100000, 0);
	rate_take(&r, 120000);
	assert_int_equal(rate_avail(&r, 0), 0);
	assert_int_equal(rate_wait(&r), 1020); /* the debt of 100000, and 20 ms worth */
	assert_int_equal(rate_avail(&r, 1000), 0);
	assert_int_equal(rate_avail(&r, 1020), 2000);
	assert_int_equal(rate_wait(&r), 0);
}

static void wait_ends_when_something_is_there(void **state)
{
	static const uint64_t limits[] = {1, 7, 1000, 333333, 1u << 30};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		uint64_t now = 10, wait;
		struct rate r;

		rate_init(&r, limits[i], now);
		rate_take(&r, 1000000);
		rate_avail(&r, now);
		wait = rate_wait(&r);
		assert_true(wait == 0 || rate_avail(&r, now + wait - 1) < (int64_t)(limits[i] / 50 + 1));
		assert_true(rate_avail(&r, now + wait) > 0);
	}
}

static void change_acts_within_a_second(void **state)
{
	uint64_t now = 0, got;
	struct rate r;

	(void)state;
	rate_init(&r, 100000000, now);
	drain(&r, &now, 5000, 10);
	rate_take(&r, 50000000);
	rate_set(&r, 10000, now);
	got = drain(&r, &now, 1000, 10);
	assert_in_range(got, 7000, 12000);
	rate_set(&r, 1000000, now);
	got = drain(&r, &now, 1000, 10);
	assert_in_range(got, 900000, 1200000);
	rate_set(&r, 0, now);
	assert_true(rate_avail(&r, now) == INT64_MAX);
	rate_set(&r, 1000, now);
	assert_in_range(rate_avail(&r, now), 0, 200);
}

static void extremes_do_not_overflow(void **state)
{
	struct rate r;

	(void)state;
	rate_init(&r, UINT64_MAX, 0);
	assert_true(rate_avail(&r, UINT64_MAX) > 0);
	rate_take(&r, SIZE_MAX);
	rate_take(&r, SIZE_MAX);
	assert_true(rate_avail(&r, UINT64_MAX) == 0);
	assert_true(rate_wait(&r) > 0);
	rate_set(&r, 1, UINT64_MAX);
	assert_true(rate_avail(&r, UINT64_MAX) == 0);
	assert_in_range(rate_wait(&r), 1, 2000);
}

static void meter_shows_a_steady_flow(void **state)
{
	struct meter m = {{0}, 0, 0, 0};
	uint64_t now;

	(void)state;
	assert_int_equal(meter_speed(&m, 100), 0);
	for (now = 5000; now < 65000; now += 10) {
		meter_add(&m, 1000, now);
		if (now > 6000)
			assert_in_range(meter_speed(&m, now), 99000, 101500);
	}
	assert_int_equal(m.total, 6000000);
}

static void meter_fades(void **state)
{
	struct meter m = {{0}, 0, 0, 0};
	uint64_t now, last = UINT64_MAX, speed;

	(void)state;
	for (now = 0; now < 20000; now += 100)
		meter_add(&m, 10000, now);
	for (; now < 31000; now += 500) {
		speed = meter_speed(&m, now);
		assert_true(speed <= last);
		last = speed;
	}
	assert_int_equal(last, 0);
	meter_add(&m, 5000, 1000000);
	assert_in_range(meter_speed(&m, 1000500), 500, 600);
}

static void meter_does_not_explode_at_the_start(void **state)
{
	struct meter m = {{0}, 0, 0, 0};

	(void)state;
	meter_add(&m, 100000, 7777);
	assert_int_equal(meter_speed(&m, 7777), 500000);
	assert_int_equal(meter_speed(&m, 7000), 0);
	assert_int_equal(meter_speed(&m, 8777), 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_limit),
		cmocka_unit_test(flow_is_exact_at_any_step),
		cmocka_unit_test(bucket_is_shallow),
		cmocka_unit_test(debt_is_paid_back),
		cmocka_unit_test(wait_ends_when_something_is_there),
		cmocka_unit_test(change_acts_within_a_second),
		cmocka_unit_test(extremes_do_not_overflow),
		cmocka_unit_test(meter_shows_a_steady_flow),
		cmocka_unit_test(meter_fades),
		cmocka_unit_test(meter_does_not_explode_at_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
