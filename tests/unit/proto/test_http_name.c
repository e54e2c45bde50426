/* SPDX-License-Identifier: MIT
 * File names of Content-Disposition: what RFC 6266 and real servers send, and what hostile ones do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/http_name.h"

static const struct {
	const char *value;
	const char *name; /* NULL: none */
} rows[] = {
	{"attachment; filename=\"a.bin\"", "a.bin"},
	{"attachment; filename=a.bin", "a.bin"},
	{"inline;filename = \"a b.bin\" ; x=y", "a b.bin"},
	{"ATTACHMENT; FILENAME=\"a.bin\"", "a.bin"},
	{"attachment; filename=two words.bin ; x=1", "two words.bin"},
	{"attachment; filename=\"q\\\"uo\\te.bin\"", "q\"uote.bin"},
	{"attachment; filename=\"semi;colon.bin\"", "semi;colon.bin"},
	{"attachment; filename=\"plain.bin\"; filename*=UTF-8''%e2%82%ac%20rates.bin", "\xe2\x82\xac rates.bin"},
	{"attachment; filename*=utf-8'en'x%2Dy.bin; filename=\"plain.bin\"", "x-y.bin"},
	{"attachment; filename*=ISO-8859-1''%e4.bin", "\xc3\xa4.bin"},
	{"attachment; filename*=KOI8-R''%e4.bin; filename=fall.bin", "fall.bin"},
	{"attachment; filename*=UTF-8''%ff%fe; filename=\"fall.bin\"", "fall.bin"},
	{"attachment; filename=\"\xe2\x82\xac.bin\"", "\xe2\x82\xac.bin"},
	{"attachment; filename=\"\xe4.bin\"", "\xc3\xa4.bin"},
	/* GBK, when it can be nothing else: two common characters at least, and only pairs */
	{"attachment; filename=\"\xd6\xd0\xce\xc4.bin\"", "\xe4\xb8\xad\xe6\x96\x87.bin"},
	{"attachment; filename=\"a\xa1\xbe\xb5\xe7\xd3\xb0\xa1\xbf.mkv\"", "a\xe3\x80\x90\xe7\x94\xb5\xe5\xbd\xb1\xe3\x80\x91.mkv"},
	{"attachment; filename=\"\xd6\xd0.bin\"", "\xc3\x96\xc3\x90.bin"},
	{"attachment; filename=\"Gr\xf6\xdf""e.bin\"", "Gr\xc3\xb6\xc3\x9f""e.bin"},
	{"attachment; filename=\"\xd6\xd0\xce\xc4\xd6.bin\"", "\xc3\x96\xc3\x90\xc3\x8e\xc3\x84\xc3\x96.bin"},
	{"attachment; filename=\"\xe9t\xe9 \xe0 la mer.bin\"", "\xc3\xa9t\xc3\xa9 \xc3\xa0 la mer.bin"},
	{"filename=\"no-type.bin\"", NULL},
	{"; filename=\"no-type.bin\"", "no-type.bin"},
	{"attachment;; filename=\"a.bin\";", "a.bin"},
	{"attachment", NULL},
	{"", NULL},
	{"attachment; filename", NULL},
	{"attachment; filename=", NULL},
	/* paths, and names that are none */
	{"attachment; filename=\"../../evil\"", NULL},
	{"attachment; filename=\"/tmp/evil\"", NULL},
	{"attachment; filename=\"..\\..\\evil\"", "....evil"},
	{"attachment; filename=\"..\\\\..\\\\evil\"", NULL},
	{"attachment; filename=..\\..\\evil", NULL},
	{"attachment; filename*=UTF-8''..%2F..%2Fevil", NULL},
	{"attachment; filename=\".\"", NULL},
	{"attachment; filename=\"..\"", NULL},
	{"attachment; filename=\"a/..\"", NULL},
	{"attachment; filename=\"a/\"", NULL},
	{"attachment; filename=\"\"", NULL},
	{"attachment; filename=\"unterminated", NULL},
	{"attachment; filename=\"a\" junk", NULL},
	{"attachment; filename=\"one.bin\"; filename=\"../two.bin\"", "one.bin"},
	/* control characters, of all ways in */
	{"attachment; filename*=UTF-8''a%0Ab%0D.bin", NULL},
	{"attachment; filename*=UTF-8''%1B%5B2J.bin", NULL},
	{"attachment; filename*=UTF-8''a%00b.bin", NULL},
	{"attachment; filename*=UTF-8''a%C2%9Bb.bin", NULL},
	{"attachment; filename=\"\xff\xfe\x80.bin\"", NULL},
	{"attachment; filename*=UTF-8''%c0%ae%c0%ae%c0%afevil", NULL},
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *name = http_name(rows[i].value, false);

		if (rows[i].name == NULL && name != NULL)
			fail_msg("%s: got %s", rows[i].value, name);
		if (rows[i].name != NULL && (name == NULL || strcmp(name, rows[i].name) != 0))
			fail_msg("%s: got %s", rows[i].value, name != NULL ? name : "nothing");
		free(name);
	}
}

/* With utf8_only a plain name in another coding is none, and filename* is as it was. */
static void test_utf8_only(void **state)
{
	static const struct {
		const char *value, *name;
	} only[] = {
		{"attachment; filename=\"\xe4.bin\"", NULL},
		{"attachment; filename=\"\xc3\xa4.bin\"", "\xc3\xa4.bin"},
		{"attachment; filename=\"a.bin\"", "a.bin"},
		{"attachment; filename=\"\xe4.bin\"; filename*=ISO-8859-1''%e4.bin", "\xc3\xa4.bin"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(only) / sizeof(only[0]); i++) {
		char *name = http_name(only[i].value, true);

		if (only[i].name == NULL)
			assert_null(name);
		else
			assert_string_equal(name, only[i].name);
		free(name);
	}
}

/* Many parameters end it, before any quadratic work. */
static void test_many_params(void **state)
{
	char value[4096] = "attachment";

	(void)state;
	for (int i = 0; i < 100; i++)
		strcat(value, "; a=b");
	strcat(value, "; filename=x.bin");
	assert_null(http_name(value, false));
}

/* Every prefix of a value is read without reading behind it (a sanitizer sees that). */
static void test_prefixes(void **state)
{
	static const char value[] = "attachment; filename=\"a\\\"b.bin\"; filename*=UTF-8'en'%41%4";

	(void)state;
	for (size_t n = 0; n < sizeof(value); n++) {
		char *cut = strndup(value, n);

		free(http_name(cut, false));
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_utf8_only),
		cmocka_unit_test(test_many_params),
		cmocka_unit_test(test_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
