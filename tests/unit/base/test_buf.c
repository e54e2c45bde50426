/* SPDX-License-Identifier: MIT
 * Tests of struct buf: bounds, the sticky error, the NUL behind the text.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"

static void grows_to_its_maximum(void **state)
{
	struct buf b;
	size_t i;

	(void)state;
	buf_init(&b, 1000);
	assert_null(b.data);
	for (i = 0; i < 1000; i++) {
		assert_int_equal(buf_add(&b, "x", 1), 0);
		assert_int_equal(b.len, i + 1);
		assert_int_equal(b.data[b.len], '\0');
	}
	assert_int_equal(buf_add(&b, "x", 1), ERR_LIMIT);
	assert_int_equal(b.len, 1000);
	assert_int_equal(b.err, ERR_LIMIT);
	buf_free(&b);
}

static void nothing_is_added_after_an_error(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	assert_int_equal(buf_adds(&b, "abc"), 0);
	assert_int_equal(buf_adds(&b, "def"), ERR_LIMIT);
	assert_int_equal(buf_adds(&b, "d"), ERR_LIMIT);
	assert_int_equal(buf_addf(&b, "%d", 1), ERR_LIMIT);
	assert_string_equal(b.data, "abc");
	buf_reset(&b);
	assert_int_equal(buf_addf(&b, "%05d", 42), 0);
	assert_string_equal(b.data, "00042");
	assert_int_equal(buf_addf(&b, "%d", 1), ERR_LIMIT);
	assert_string_equal(b.data, "00042");
	buf_free(&b);
	assert_int_equal(b.err, 0);
	assert_int_equal(buf_adds(&b, "again"), 0);
	buf_free(&b);
}

static void integers_in_decimal(void **state)
{
	static const int64_t v[] = {0, 7, -7, 10, 1234567890, INT64_MAX, INT64_MIN};
	char want[32];
	struct buf b;

	(void)state;
	buf_init(&b, 64);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		buf_reset(&b);
		snprintf(want, sizeof(want), "%" PRId64, v[i]);
		assert_int_equal(buf_add_int(&b, v[i]), 0);
		assert_string_equal(b.data, want);
	}
	buf_free(&b);
}

static void sizes_do_not_wrap(void **state)
{
	struct buf b;

	(void)state;
	volatile size_t huge = SIZE_MAX - 1; /* the compiler need not know */

	buf_init(&b, SIZE_MAX);
	assert_int_equal(buf_adds(&b, "x"), 0);
	assert_int_equal(buf_add(&b, "x", huge), ERR_LIMIT);
	assert_int_equal(b.len, 1);
	buf_free(&b);
	buf_init(&b, 0);
	assert_int_equal(buf_add(&b, "", 0), 0);
	assert_int_equal(buf_add(&b, "x", 1), ERR_LIMIT);
	buf_free(&b);
}

static void drops_from_the_front(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_drop(&b, 3);
	buf_adds(&b, "abcdef");
	buf_drop(&b, 0);
	buf_drop(&b, 2);
	assert_string_equal(b.data, "cdef");
	buf_drop(&b, 100);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.data, "");
	buf_free(&b);
}

static void gives_its_text_away(void **state)
{
	struct buf b;
	char *s;

	(void)state;
	buf_init(&b, 100);
	s = buf_take(&b);
	assert_string_equal(s, "");
	free(s);
	buf_addf(&b, "%s-%d", "a", 1);
	s = buf_take(&b);
	assert_string_equal(s, "a-1");
	free(s);
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.max, 100);
	buf_free(&b);
}

/* More room than fits may be asked for; what is then written must fit. */
static void room_is_filled_by_the_caller(void **state)
{
	struct buf b;
	char *p;

	(void)state;
	buf_init(&b, 10);
	buf_adds(&b, "abc");
	p = buf_room(&b, 100);
	assert_non_null(p);
	memcpy(p, "defg", 4);
	assert_int_equal(buf_grew(&b, p + 4), 0);
	assert_string_equal(b.data, "abcdefg");
	p = buf_room(&b, 100);
	memcpy(p, "hijk", 4);
	assert_int_equal(buf_grew(&b, p + 4), ERR_LIMIT);
	assert_int_equal(b.len, 7);
	assert_null(buf_room(&b, 1));
	buf_reset(&b);
	assert_null(buf_room(&b, SIZE_MAX - 1));
	assert_int_equal(b.err, ERR_LIMIT);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_to_its_maximum),
		cmocka_unit_test(nothing_is_added_after_an_error),
		cmocka_unit_test(integers_in_decimal),
		cmocka_unit_test(sizes_do_not_wrap),
		cmocka_unit_test(integers_in_decimal),
		cmocka_unit_test(drops_from_the_front),
		cmocka_unit_test(gives_its_text_away),
		cmocka_unit_test(room_is_filled_by_the_caller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
