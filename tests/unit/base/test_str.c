/* SPDX-License-Identifier: MIT
 * Tests of the string helpers.
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

static void safe_is(const char *in, size_t n, size_t size, const char *want)
{
	char buf[200];

	memset(buf, 'Z', sizeof(buf));
	assert_ptr_equal(str_safe(in, n, buf, size), buf);
	assert_string_equal(buf, want);
	assert_int_equal(buf[size], 'Z');
}

static void safe_escapes(void **state)
{
	(void)state;
	safe_is("plain \xc3\xa9", 8, 100, "plain \xc3\xa9");
	safe_is("a\0b", 3, 100, "a\\x00b");
	safe_is("\t\r\n\x1b\x7f", 5, 100, "\\x09\\x0D\\x0A\\x1B\\x7F");
	safe_is("\xc2\x9b"
		"31m",
		5, 100, "\\xC2\\x9B31m");
	safe_is("\xe2\x80\xae\xe2\x81\xa6\xd8\x9c", 8, 100, "\\xE2\\x80\\xAE\\xE2\\x81\\xA6\\xD8\\x9C");
	safe_is("\xff\xc0\xaf\xc3", 4, 100, "\\xFF\\xC0\\xAF\\xC3");
	safe_is("", 0, 100, "");
}

static void safe_cuts(void **state)
{
	(void)state;
	safe_is("abcdefgh", 8, 9, "abcdefgh");
	safe_is("abcdefgh", 8, 8, "abcd...");
	safe_is("abcd\xc3\xa9gh", 8, 9, "abcd\xc3\xa9gh");
	safe_is("abc\xc3\xa9ghi", 8, 8, "abc...");
	safe_is("abcd\x01g", 6, 8, "abcd...");
	safe_is("abcdefgh", 8, 4, "...");
	safe_is("abcdefgh", 8, 2, ".");
	safe_is("abcdefgh", 8, 1, "");
}

static void utf8(void **state)
{
	static const struct {
		const char *s;
		bool good;
	} rows[] = {
		{"", true},
		{"abc", true},
		{"\xc3\xa9", true},
		{"\xe2\x82\xac", true},
		{"\xf0\x9f\x98\x80", true},
		{"\xf4\x8f\xbf\xbf", true},
		{"\xed\x9f\xbf", true},
		{"\xc0\x80", false},
		{"\xc1\xbf", false},
		{"\xe0\x9f\xbf", false},
		{"\xed\xa0\x80", false},
		{"\xf0\x8f\xbf\xbf", false},
		{"\xf4\x90\x80\x80", false},
		{"\xf5\x80\x80\x80", false},
		{"\x80", false},
		{"\xc3", false},
		{"\xe2\x82", false},
		{"\xc3g", false},
		{"\xf0\x9f\x98", false},
		{"\xe2\x82g", false},
	};
	uint32_t cp;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(str_is_utf8(rows[i].s, strlen(rows[i].s)), rows[i].good);
	assert_int_equal(str_utf8_next("\xf0\x9f\x98\x80", 4, &cp), 4);
	assert_int_equal(cp, 0x1f600);
	assert_int_equal(str_utf8_next("\xe2\x82\xac", 3, &cp), 3);
	assert_int_equal(cp, 0x20ac);
	assert_int_equal(str_utf8_next("", 0, &cp), 0);
	assert_true(str_has_ctl("a\x1f", 2));
	assert_true(str_has_ctl("\x7f", 1));
	assert_false(str_has_ctl(" ~\xff", 3));
}

static void numbers(void **state)
{
	uint64_t v = 42;
	char gid[17];

	(void)state;
	assert_int_equal(str_to_u64("18446744073709551615", 20, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(str_to_u64("18446744073709551616", 20, &v), ERR_INVAL);
	assert_int_equal(str_to_u64("99999999999999999999", 20, &v), ERR_INVAL);
	assert_int_equal(str_to_u64("", 0, &v), ERR_INVAL);
	assert_int_equal(str_to_u64("-1", 2, &v), ERR_INVAL);
	assert_int_equal(str_to_u64("+1", 2, &v), ERR_INVAL);
	assert_int_equal(str_to_u64(" 1", 2, &v), ERR_INVAL);
	assert_int_equal(str_to_u64("0012x", 4, &v), 0);
	assert_true(v == 12);
	assert_int_equal(str_hex_to_u64("fFfFfFfFfFfFfFfF", 16, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(str_hex_to_u64("00000000000000001", 17, &v), ERR_INVAL);
	assert_int_equal(str_hex_to_u64("0x1", 3, &v), ERR_INVAL);
	assert_int_equal(str_hex_to_u64("", 0, &v), ERR_INVAL);
	str_from_gid(0x2089b05ecca3d829u, gid);
	assert_string_equal(gid, "2089b05ecca3d829");
	str_from_gid(1, gid);
	assert_string_equal(gid, "0000000000000001");
}

static void percent(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(str_pct_decode("a%20b%2Fc", 9, out), 5);
	assert_string_equal(out, "a b/c");
	assert_int_equal(str_pct_decode("%", 1, out), 1);
	assert_string_equal(out, "%");
	assert_int_equal(str_pct_decode("%4", 2, out), 2);
	assert_int_equal(str_pct_decode("%zz%4g%41", 9, out), 7);
	assert_string_equal(out, "%zz%4gA");
	assert_int_equal(str_pct_decode("%00x", 4, out), 2);
	assert_memory_equal(out, "\0x", 3);
}

static void base64(void **state)
{
	static const char *const rows[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
		{"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfd", "//79"}};
	static const char *const bad[] = {
		"Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zm9v\n", " Zm9v", "Zm=v", "Zm9*", "Zg==Zg=="};
	size_t i, n;
	char *s;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		s = str_base64(rows[i][0], strlen(rows[i][0]));
		assert_string_equal(s, rows[i][1]);
		free(s);
		s = str_unbase64(rows[i][1], strlen(rows[i][1]), &n);
		assert_non_null(s);
		assert_int_equal(n, strlen(rows[i][0]));
		assert_memory_equal(s, rows[i][0], n);
		free(s);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(str_unbase64(bad[i], strlen(bad[i]), &n));
}

static void base64_large(void **state)
{
	size_t n = (7u << 20) + 1, back, i;
	unsigned char *p = malloc(n);
	char *s;
	void *q;

	(void)state;
	for (i = 0; i < n; i++)
		p[i] = (unsigned char)(i * 7 + i / 256);
	s = str_base64(p, n);
	assert_int_equal(strlen(s), (n + 2) / 3 * 4);
	q = str_unbase64(s, strlen(s), &back);
	assert_int_equal(back, n);
	assert_memory_equal(p, q, n);
	free(p);
	free(q);
	free(s);
}

static void compare(void **state)
{
	(void)state;
	assert_true(str_equal_ct("abc", 3, "abc", 3));
	assert_false(str_equal_ct("abc", 3, "abd", 3));
	assert_false(str_equal_ct("abc", 3, "abcd", 4));
	assert_true(str_equal_ct("", 0, "", 0));
}

static void bytes(void **state)
{
	static const struct {
		uint64_t n;
		const char *want;
	} rows[] = {{0, "0B"}, {12, "12B"}, {1023, "1023B"}, {1024, "1.0KiB"}, {1535, "1.4KiB"}, {1536, "1.5KiB"},
		{10239, "9.9KiB"}, {10240, "10KiB"}, {348160, "340KiB"}, {1048575, "1023KiB"}, {1048576, "1.0MiB"},
		{1288490189, "1.2GiB"}, {UINT64_MAX, "15EiB"}};
	char buf[16];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(str_bytes(rows[i].n, buf), rows[i].want);
}

static void waits(void **state)
{
	static const struct {
		uint64_t ms;
		const char *want;
	} rows[] = {{0, "0 s"}, {1, "1 s"}, {41000, "41 s"}, {599000, "599 s"}, {599001, "10 min"}, {600000, "10 min"},
		{600001, "11 min"}, {3600000, "60 min"}, {UINT64_MAX, "307445734561826 min"}};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(str_wait(rows[i].ms, buf), rows[i].want);
}

static void copies(void **state)
{
	char *s;

	(void)state;
	assert_null(xstrdup(NULL));
	s = xstrndup("abcdef", 3);
	assert_string_equal(s, "abc");
	free(s);
	s = xstrndup("ab", 10);
	assert_string_equal(s, "ab");
	free(s);
	s = xasprintf("%d-%s", 5, "x");
	assert_string_equal(s, "5-x");
	free(s);
	free(xmalloc(0));
	free(xrealloc(xcalloc(0, 0), 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(safe_escapes),
		cmocka_unit_test(safe_cuts),
		cmocka_unit_test(utf8),
		cmocka_unit_test(numbers),
		cmocka_unit_test(percent),
		cmocka_unit_test(base64),
		cmocka_unit_test(base64_large),
		cmocka_unit_test(compare),
		cmocka_unit_test(bytes),
		cmocka_unit_test(waits),
		cmocka_unit_test(copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
