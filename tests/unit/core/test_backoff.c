/* SPDX-License-Identifier: MIT
 * Tests of the growing waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/backoff.h"

static void it_doubles_between_its_bounds(void **state)
{
	(void)state;
	assert_int_equal(backoff(500, 0, 60000, 0), 500);
	assert_int_equal(backoff(500, 0, 60000, 1), 1000);
	assert_int_equal(backoff(500, 0, 60000, 6), 32000);
	assert_int_equal(backoff(500, 0, 60000, 7), 60000);
	assert_int_equal(backoff(500, 0, 0, 3), 0);
	assert_int_equal(backoff(500, 3000, 60000, 1), 3000);
	assert_int_equal(backoff(500, 3000, 0, 1), 3000);
	assert_true(backoff(500, 0, UINT64_MAX, UINT32_MAX) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(it_doubles_between_its_bounds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
