/* SPDX-License-Identifier: MIT
 * Tests of the map from GIDs to rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <cmocka.h>

#include "store/row_map.h"

#define KEYS 5000

/* Keys of several kinds: neighbours, as users choose them, and far apart. */
static uint64_t key(unsigned i)
{
	return i % 2 == 0 ? i + 1 : (uint64_t)i << 40;
}

static void what_is_put_is_found(void **state)
{
	struct row_map m = {0};

	(void)state;
	assert_null(row_map_find(&m, 7));
	row_map_del(&m, 7);
	for (unsigned i = 0; i < KEYS; i++)
		row_map_put(&m, key(i), (int64_t)i - 100);
	row_map_put(&m, key(3), 77);
	assert_int_equal(m.n, KEYS);
	for (unsigned i = 0; i < KEYS; i++)
		assert_int_equal(*row_map_find(&m, key(i)), i == 3 ? 77 : (int64_t)i - 100);
	assert_null(row_map_find(&m, UINT64_MAX));
	row_map_free(&m);
}

/* Deletions in an order that has nothing to do with the places; all others must be found all the time. */
static void a_deletion_hides_nobody(void **state)
{
	static bool gone[KEYS];
	struct row_map m = {0};
	unsigned x = 1;

	(void)state;
	for (unsigned i = 0; i < KEYS; i++)
		row_map_put(&m, key(i), i);
	for (unsigned round = 0; round < KEYS; round++) {
		x = x * 1103515245 + 12345;
		gone[x / 8 % KEYS] = true;
		row_map_del(&m, key(x / 8 % KEYS));
		if (round % 100 != 0)
			continue;
		for (unsigned i = 0; i < KEYS; i++) {
			const int64_t *row = row_map_find(&m, key(i));

			assert_true((row == NULL) == gone[i]);
			assert_true(row == NULL || *row == i);
		}
	}
	for (unsigned i = 0; i < KEYS; i++)
		row_map_del(&m, key(i));
	assert_int_equal(m.n, 0);
	for (size_t i = 0; i < m.cap; i++)
		assert_int_equal(m.slots[i].gid, 0);
	row_map_free(&m);
}

static void it_stays_small(void **state)
{
	struct row_map m = {0};

	(void)state;
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < KEYS; i++)
			row_map_put(&m, key(i) + round, i);
		for (unsigned i = 0; i < KEYS; i++)
			row_map_del(&m, key(i) + round);
	}
	assert_in_range(m.cap, 1, KEYS * 4);
	row_map_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_found),
		cmocka_unit_test(a_deletion_hides_nobody),
		cmocka_unit_test(it_stays_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
