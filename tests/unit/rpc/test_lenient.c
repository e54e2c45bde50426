/* SPDX-License-Identifier: MIT
 * Tests of lenient JSON: what aria2 reads, made strict; what stays wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "rpc/lenient.h"

static void becomes_n(const char *text, size_t n, const char *want, size_t want_n)
{
	struct buf b;

	assert_true(lenient_json(text, n, &b));
	if (b.len != want_n || memcmp(b.data, want, want_n) != 0)
		fail_msg("%s: want %s, got %s", text, want, b.data);
	buf_free(&b);
}

static void becomes(const char *text, const char *want)
{
	becomes_n(text, strlen(text), want, strlen(want));
}

static void strict_text_stays(void **state)
{
	static const char *const same[] = {"{\"a\":[1,-2,0,-0,0.5,10,1e05,1E-07,true,false,null],\"b\":{}}", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"",
		" [ \"a,}\" , 1 ]", "\"\xc3\xa4\x7f\"", "0", "-1.5", "\"\\u12\"", "nul", "'a'"};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		becomes(same[i], same[i]);
}

static void what_aria2_reads(void **state)
{
	(void)state;
	becomes("{\"a\":1 , }x", "{\"a\":1   }");
	becomes("[[1]]]]", "[[1]]");
	becomes("\"a\nb\tc\r\b\f\x01\x1f\"", "\"a\\nb\\tc\\r\\b\\f\\u0001\\u001f\"");
	becomes("\"\\x\\q\\'\\\xc3\xa4\"", "\"xq'\xc3\xa4\"");
	becomes("\"\\\n\\\\\n\"", "\"\\n\\\\\\n\"");
	becomes("[00,01,-01,-00,007.50,100,1e01,0]", "[0,1,-1,-0,7.50,100,1e01,0]");
	becomes("{\n\"a\" :\t1\r}", "{\n\"a\" :\t1\r}"); /* outside of strings they are blanks */
}

static void what_stays_wrong(void **state)
{
	static const char *const same[] = {"[1,]", "[1 2]", "-", "--05", "-x", "+1", ".5", "\"", "\"\\", "\"a\\", "1\x01"};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		becomes(same[i], same[i]);
	becomes_n("\"\0\"", 3, "\"\0\"", 3);
	becomes_n("\"\\\0\"", 4, "\"\0\"", 3);
	becomes_n("[\0", 2, "[\0", 2);
}

static void bounds(void **state)
{
	char text[4000];
	struct buf b;

	(void)state;
	memset(text, '[', sizeof(text));
	assert_true(lenient_json(text, 50, &b));
	buf_free(&b);
	assert_false(lenient_json(text, 51, &b));
	buf_free(&b);
	memset(text, '\n', sizeof(text)); /* each becomes two bytes */
	text[0] = '"';
	assert_true(lenient_json(text, sizeof(text), &b));
	assert_int_equal(b.len, 2 * sizeof(text) - 1);
	buf_free(&b);
	memset(text + 1, '\x01', sizeof(text) - 1); /* each six */
	for (size_t n = 1; n <= sizeof(text); n += n < 20 ? 1 : 995) {
		assert_true(lenient_json(text, n, &b));
		assert_int_equal(b.len, 1 + LENIENT_GROWTH * (n - 1));
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict_text_stays),
		cmocka_unit_test(what_aria2_reads),
		cmocka_unit_test(what_stays_wrong),
		cmocka_unit_test(bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
