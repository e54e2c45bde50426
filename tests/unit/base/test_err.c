/* SPDX-License-Identifier: MIT
 * Tests of the error table and of struct fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/str.h"

static void table_is_sound(void **state)
{
	int i, code;

	(void)state;
	for (i = 0; i < ERR_COUNT; i++) {
		code = -1 - i;
		assert_int_equal(strncmp(err_name(code), "ERR_", 4), 0);
		assert_true(err_text(code)[0] != '\0');
		assert_in_range(err_exit_code(code), 1, 125);
		assert_in_range(err_retry(code), RETRY_FATAL, RETRY_ORIGIN);
	}
}

static void codes_of_aria2(void **state)
{
	(void)state;
	assert_string_equal(err_name(ERR_TIMEOUT), "ERR_TIMEOUT");
	assert_string_equal(err_text(ERR_TIMEOUT), "Timeout.");
	assert_int_equal(err_exit_code(ERR_TIMEOUT), 2);
	assert_int_equal(err_retry(ERR_TIMEOUT), RETRY_SAME);
	assert_int_equal(err_exit_code(ERR_NO_SPACE), 9);
	assert_int_equal(err_exit_code(ERR_CHECKSUM), 32);
	assert_int_equal(err_exit_code(ERR_INVAL), 28);
	assert_int_equal(err_retry(ERR_BUSY), RETRY_SAME);
	assert_int_equal(err_retry(ERR_TOO_MANY), RETRY_ORIGIN);
	assert_int_equal(err_retry(ERR_NO_RANGE), RETRY_FEWER);
}

static void any_int_is_taken(void **state)
{
	static const int odd[] = {1, 4711, -1 - ERR_COUNT, -100000, INT32_MIN, INT32_MAX};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_string_equal(err_name(odd[i]), "ERR_UNKNOWN");
	assert_string_equal(err_name(0), "ERR_OK");
	assert_string_equal(err_text(0), "");
	assert_int_equal(err_exit_code(0), 0);
	assert_int_equal(err_retry(0), RETRY_FATAL);
}

static void fail_says_what_was_given(void **state)
{
	struct fail f;

	(void)state;
	assert_int_equal(fail_set(&f, ERR_OPEN, "%s: %d", "x", 7), ERR_OPEN);
	assert_int_equal(f.code, ERR_OPEN);
	assert_string_equal(f.text, "x: 7");
	assert_int_equal(fail_set(&f, ERR_TIMEOUT, NULL), ERR_TIMEOUT);
	assert_string_equal(f.text, "Timeout.");
	assert_int_equal(fail_set(NULL, ERR_IO, "%s", "nobody listens"), ERR_IO);
}

static void fail_is_safe_to_print(void **state)
{
	struct fail f;

	(void)state;
	fail_set(&f, ERR_OPEN, "a\nb\x1b[2J\xff%s", "\xe2\x80\xae");
	assert_string_equal(f.text, "a\\x0Ab\\x1B[2J\\xFF\\xE2\\x80\\xAE");
}

static void fail_is_cut_at_a_character(void **state)
{
	char text[2000];
	struct fail f;
	size_t i, n;

	(void)state;
	for (n = 100; n + 3 < sizeof(text); n++) {
		for (i = 0; i < n; i += 2)
			memcpy(text + i, "\xc3\xa9", 3);
		/* Moves the characters by one byte against the end of the buffer. */
		fail_set(&f, ERR_OPEN, "%s%s", n % 4 < 2 ? "x" : "", text);
		assert_true(strlen(f.text) < sizeof(f.text));
		assert_true(str_is_utf8(f.text, strlen(f.text)));
		assert_null(strstr(f.text, "\\x"));
		if (n >= sizeof(f.text))
			assert_string_equal(f.text + strlen(f.text) - 3, "...");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_sound),
		cmocka_unit_test(codes_of_aria2),
		cmocka_unit_test(any_int_is_taken),
		cmocka_unit_test(fail_says_what_was_given),
		cmocka_unit_test(fail_is_safe_to_print),
		cmocka_unit_test(fail_is_cut_at_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
