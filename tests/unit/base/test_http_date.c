/* SPDX-License-Identifier: MIT
 * HTTP dates: the three forms of RFC 9110, and what is none of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/http_date.h"

static void test_forms(void **state)
{
	(void)state;
	assert_int_equal(http_date_parse("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
	assert_int_equal(http_date_parse("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
	assert_int_equal(http_date_parse("Sun Nov  6 08:49:37 1994"), 784111777);
	assert_int_equal(http_date_parse("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
	assert_int_equal(http_date_parse("Tue, 29 Feb 2000 23:59:60 GMT"), 951868799);
	assert_int_equal(http_date_parse("Friday, 01-Jan-21 00:00:00 GMT"), 1609459200);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"", "yesterday", "0", "Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nix 1994 08:49:37 GMT", "Sun, 06 Nov 1969 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:49:37 GMT x", "Sun, 06 Nov 1994 08:-9:37 GMT",
		"Sun, 06 Nov 1994 08:49:37 GMTxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(http_date_parse(bad[i]), -1);
}

static void test_format(void **state)
{
	char s[HTTP_DATE_SIZE];

	(void)state;
	assert_string_equal(http_date_format(784111777, s), "Sun, 06 Nov 1994 08:49:37 GMT");
	assert_string_equal(http_date_format(INT64_MAX, s), "");
	for (int64_t t = 0; t < 4000000000; t += 12345678)
		assert_int_equal(http_date_parse(http_date_format(t, s)), t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
