/* SPDX-License-Identifier: MIT
 * Tests of file names: what aria2's users see, and what hostile servers try.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/name.h"
#include "base/str.h"

static void from_uri_is(const char *uri, const char *want)
{
	char *got = name_from_uri(uri);

	assert_string_equal(got, want);
	free(got);
}

static void clean_is(const char *name, const char *want)
{
	char *got = name_clean(name, true);

	assert_string_equal(got, want);
	free(got);
}

static void names_of_uris(void **state)
{
	(void)state;
	from_uri_is("http://h/bin/10/a%20b%2Fc%C3%A9.bin?q=1", "a b%2Fc\xc3\xa9.bin");
	from_uri_is("http://h/bin/10/", "index.html");
	from_uri_is("http://h", "index.html");
	from_uri_is("http://h/?x/y.bin", "index.html");
	from_uri_is("http://h/%FF.bin", "%FF.bin");
	from_uri_is("http://h/%ff%20a.bin", "%ff%20a.bin");
	from_uri_is("http://h/a%00b", "a%00b");
	from_uri_is("http://h/%1b%5b2J", "%1B[2J");
	from_uri_is("http://h/x%7F", "x%7F");
	from_uri_is("http://h/..%2f..%2fevil", "..%2F..%2Fevil");
	from_uri_is("http://h/%2e%2e", "..");
	from_uri_is("http://h/a%5Cb", "a\\b");
	from_uri_is("http://h/caf\xc3\xa9#x/y", "caf\xc3\xa9");
	from_uri_is("http://h/100%", "100%");
	from_uri_is("no uri/x", "index.html");
	from_uri_is("", "index.html");
}

static void clean_names_stay(void **state)
{
	static const char *const good[] = {"a", "a.tar.gz", "na\xc3\xafve.txt", "a b%2Fc.bin", "$(touch x);`id`.bin",
		"CON", "file.", "x.part1", "part", "aria2", "a-b", "%FF.bin", "\xf0\x9f\x98\x80.png",
		"\xe2\x80\x8d\xe2\x80\x8c.png"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		clean_is(good[i], good[i]);
}

static void hostile_names(void **state)
{
	static const char *const rows[][2] = {{"../../evil", "_.._evil"}, {"/tmp/evil", "_tmp_evil"},
		{"..\\..\\evil", "_.._evil"}, {"a\nb\r.bin", "a_b_.bin"}, {"\x1b[31mred", "_[31mred"},
		{".", "index.html"}, {"..", "index.html"}, {"...", "index.html"}, {"", "index.html"},
		{"   ", "index.html"}, {"-rf", "rf"}, {"--", "index.html"}, {".bashrc", "bashrc"}, {". -.x", "x"},
		{"other.bin.aria2", "other.bin.aria2_"}, {"x.part", "x.part_"}, {"x.PART", "x.PART_"},
		{"x.aria2__temp", "x.aria2__temp_"}, {".part", "part"},
		{"invoice\xe2\x80\xae"
		 "fdp.exe",
			"invoice_fdp.exe"},
		{"\xff\xfe\x80.bin", "___.bin"}, {"\xc0\xae\xc0\xae\xc0\xaf", "______"}, {" a b \t", "a b _"},
		{"a \xe3\x80\x80\xc2\xa0", "a"}, {"\xe2\x80\x8b.x", "x"},
		{"a\x7f"
		 "b\xc2\x85",
			"a_b_"},
		{"a.part ", "a.part_"}, {"a.exe\xe2\x80\x8b", "a.exe"}, {"\xef\xbb\xbf.x", "x"}, {"x.par\xc2\xadt", "x.part_"},
		{"a\xe2\x81\xa0.p\xe2\x80\x8b\xc2\xad\xef\xbb\xbf\xf3\xa0\x81\xa1\xf3\xa0\x81\xbf.bin", "a.p.bin"},
		{"\xe2\x80\x8b", "index.html"}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		clean_is(rows[i][0], rows[i][1]);
}

static void users_may_use_reserved_endings(void **state)
{
	char *got = name_clean("x.part", false);

	(void)state;
	assert_string_equal(got, "x.part");
	free(got);
}

static void long_names_are_cut(void **state)
{
	char text[6000], *got;
	size_t lead, n;

	(void)state;
	for (lead = 0; lead < 4; lead++) {
		memset(text, 'x', lead);
		for (n = lead; n < 5000; n += 3)
			memcpy(text + n, "\xe2\x82\xac", 3);
		strcpy(text + n, ".tar.gz");
		got = name_clean(text, true);
		assert_in_range(strlen(got), NAME_FILE_MAX - 4, NAME_FILE_MAX);
		assert_true(str_is_utf8(got, strlen(got)));
		assert_string_equal(got + strlen(got) - 3, ".gz");
		free(got);
	}
	memset(text, 'n', 5000);
	strcpy(text + 5000, ".part");
	got = name_clean(text, true);
	assert_in_range(strlen(got), 200, NAME_FILE_MAX);
	assert_string_equal(got + strlen(got) - 6, ".part_");
	free(got);
	memset(text, 'n', 5000);
	text[10] = '.'; /* no extension, only a dot far in front */
	text[5000] = '\0';
	got = name_clean(text, true);
	assert_int_equal(strlen(got), NAME_FILE_MAX);
	free(got);
	memset(text, 'n', 5000);
	memset(text + 240, ' ', 4000);
	strcpy(text + 5000, ".x");
	got = name_clean(text, true);
	assert_int_equal(strlen(got), 242);
	free(got);
}

static void numbered_is(const char *name, unsigned number, const char *want)
{
	char *got = name_numbered(name, number);

	assert_string_equal(got, want);
	free(got);
}

static void numbers_fit_into_names(void **state)
{
	char name[NAME_FILE_MAX + 1], want[NAME_FILE_MAX + 1], *got;

	(void)state;
	numbered_is("a.b.bin", 0, "a.b.bin");
	numbered_is("a.b.bin", 2, "a.b.2.bin");
	numbered_is("a", 1, "a.1");
	numbered_is(".a", 1, ".a.1");
	memset(name, 'n', sizeof(name));
	strcpy(name + sizeof(name) - 5, ".bin");
	memset(want, 'n', sizeof(want));
	strcpy(want + sizeof(want) - 8, ".10.bin");
	numbered_is(name, 10, want);
	memset(name, 'n', sizeof(name) - 1);
	strcpy(name + sizeof(name) - 4, "\xe2\x82\xac"); /* cut at a character boundary */
	memset(want, 'n', sizeof(want));
	strcpy(want + sizeof(want) - 4, ".1");
	numbered_is(name, 1, want);
	memset(name, 'n', sizeof(name) - 1);
	name[1] = '.'; /* a dot far in front begins no extension that is worth keeping */
	name[sizeof(name) - 1] = '\0';
	got = name_numbered(name, 9999);
	assert_int_equal(strlen(got), NAME_FILE_MAX);
	assert_string_equal(got + NAME_FILE_MAX - 5, ".9999");
	free(got);
}

static void cleaning_twice_changes_nothing(void **state)
{
	static const char bytes[] = ". -/\\ax\xc3\xa9\xe2\x80\xae\n";
	uint64_t s = 0x77u;
	char text[600], *one, *two;
	int i, n, len;

	(void)state;
	for (i = 0; i < 20000; i++) {
		len = i % 500;
		for (n = 0; n < len; n++) {
			s = s * 6364136223846793005u + 1442695040888963407u;
			text[n] = bytes[(s >> 33) % (sizeof(bytes) - 1)];
		}
		text[len] = '\0';
		one = name_clean(text, true);
		two = name_clean(one, true);
		assert_string_equal(one, two);
		assert_in_range(strlen(one), 1, NAME_FILE_MAX);
		assert_true(str_is_utf8(one, strlen(one)));
		assert_null(strpbrk(one, "/\\\n"));
		assert_null(strchr(".- ", one[0]));
		free(one);
		free(two);
	}
}

static void out_option(void **state)
{
	static const char *const good[] = {"", "a", "a/b", "./a", "a/./b", "a//b", ".bashrc", "a..b",
		"..a", "a b", "na\xc3\xafve", "-x", "x.part"};
	static const char *const bad[] = {"..", "../x", "a/../x", "a/../../x", "/../x", "a/..", "a/", "/", "//", ".", "/abs.bin", "//x",
		"a/.", "a\nb", "\x1b[2J", "a\x7f", "\xff", "a/\xc0\xaf"};
	struct fail f;
	char text[5000];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(name_check_out(good[i], &f), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		f.text[0] = '\0';
		assert_int_equal(name_check_out(bad[i], &f), ERR_INVAL);
		assert_true(f.text[0] != '\0');
	}
	memset(text, 'a', sizeof(text));
	text[250] = '\0';
	assert_int_equal(name_check_out(text, &f), 0);
	text[250] = 'a';
	text[251] = '\0';
	assert_int_equal(name_check_out(text, &f), ERR_INVAL);
	strcpy(text + 251, "aaaa/b");
	assert_int_equal(name_check_out(text, &f), 0);
	strcpy(text + 251, "aaaaa/b");
	assert_int_equal(name_check_out(text, &f), ERR_INVAL);
	for (i = 0; i < 4990; i += 2)
		memcpy(text + i, "a/", 2);
	strcpy(text + i, "a");
	assert_int_equal(name_check_out(text, &f), ERR_INVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_uris),
		cmocka_unit_test(clean_names_stay),
		cmocka_unit_test(hostile_names),
		cmocka_unit_test(users_may_use_reserved_endings),
		cmocka_unit_test(long_names_are_cut),
		cmocka_unit_test(numbers_fit_into_names),
		cmocka_unit_test(cleaning_twice_changes_nothing),
		cmocka_unit_test(out_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
