/* SPDX-License-Identifier: MIT
 * Tests of places: which links are of one file, and what of them may be stored.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/str.h"
#include "base/uri.h"
#include "base/uri_place.h"

static bool same_place(const char *a, const char *b)
{
	char *pa = uri_place(a), *pb = uri_place(b);
	bool same;

	assert_non_null(pa);
	assert_non_null(pb);
	same = strcmp(pa, pb) == 0;
	free(pa);
	free(pb);
	return same;
}

static void expect(const char *const (*rows)[2], size_t n, bool same)
{
	for (size_t i = 0; i < n; i++)
		if (same_place(rows[i][0], rows[i][1]) != same)
			fail_msg("%s\n%s", rows[i][0], rows[i][1]);
}

#define ROWS(rows) (rows), sizeof(rows) / sizeof((rows)[0])

static void one_file(void **state)
{
	static const char *const rows[][2] = {
		{"http://h/f", "HTTP://H:80/f#part"},
		{"http://h/f", "http://joe:secret@h/f"},
		{"http://h/f", "http://h/f?"},
		{"http://h/f?n=1", "http://h/f?n=1"},
		{"http://h/f?n=1", "http://h/f?n=1&"},
		{"http://h/f?n=a b", "http://h/f?n=a%20b"},
		{"https://s3/f?X-Amz-Date=1&X-Amz-Signature=2", "https://s3/f"},
		{"https://s3/f?X-Amz-Algorithm=A&X-Amz-Credential=c&X-Amz-Date=1&X-Amz-Expires=9&X-Amz-SignedHeaders=host&X-Amz-Signature=2",
			"https://s3/f?x-amz-date=7&x-amz-signature=8&x-amz-security-token=t&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"},
		{"https://s3/f?versionId=5&X-Amz-Date=1&X-Amz-Signature=2", "https://s3/f?X-Amz-Date=3&versionId=5&X-Amz-Signature=4"},
		{"https://g/f?X-Goog-Date=1&X-Goog-Signature=2&X-Goog-Expires=3", "https://g/f?X-Goog-Date=4&X-Goog-Signature=5"},
		{"https://o/f?x-oss-date=1&x-oss-signature=2", "https://o/f?x-oss-date=3&x-oss-expires=6&x-oss-signature=4"},
		{"https://q/f?q-ak=1&q-sign-time=5;6&q-signature=2", "https://q/f?q-ak=1&q-sign-time=7;8&q-signature=3"},
		{"https://c/f?Expires=1&Signature=2&Key-Pair-Id=3", "https://c/f?Expires=4&Signature=5&Key-Pair-Id=3"},
		{"https://c/f?Policy=1&Signature=2&Key-Pair-Id=3", "https://c/f?Policy=4&Signature=5&Key-Pair-Id=6"},
		{"https://s3/f?AWSAccessKeyId=1&Expires=2&Signature=3%3D", "https://s3/f?AWSAccessKeyId=1&Expires=3&Signature=4%3D"},
		{"https://a/f?sv=2020&st=1&se=2&sr=b&sp=r&sig=3", "https://a/f?sv=2022&se=4&sr=b&sp=r&spr=https&sig=5"},
		{"https://k/f?hdnts=exp=1~hmac=2", "https://k/f?hdnts=exp=3~hmac=4"},
		{"http://h/f?&&n=1", "http://h/f?n=1"},
	};

	(void)state;
	expect(ROWS(rows), true);
}

static void other_files(void **state)
{
	static const char *const rows[][2] = {
		{"http://h/f", "http://h/g"},
		{"http://h/f", "https://h/f"},
		{"http://h/f", "http://h:81/f"},
		{"http://h/f", "http://i/f"},
		{"http://h/get?f=1", "http://h/get?f=2"},
		{"http://h/get?f=1", "http://h/get"},
		{"http://h/get?1", "http://h/get?2"},
		{"http://h/get?f=1&g=2", "http://h/get?g=2&f=1"},
		{"http://h/get?f=a", "http://h/get?f=A"},
		{"http://h/get?a&b", "http://h/get?a=&b"},
		{"http://h/get?token=1", "http://h/get?token=2"},
		{"http://h/get?md5=1&expires=5", "http://h/get?md5=2&expires=5"},
		/* the same names where nothing is signed so */
		{"http://h/get?sp=1", "http://h/get?sp=2"},
		{"http://h/get?sp=1&sig=5", "http://h/get?sp=2&sig=5"},
		{"http://h/get?sv=1&st=5", "http://h/get?sv=1&st=6"},
		{"http://h/get?Expires=1", "http://h/get?Expires=2"},
		{"http://h/get?Signature=1", "http://h/get?Signature=2"},
		{"http://h/get?policy=1&signature=2", "http://h/get?policy=3&signature=2"},
		{"http://h/get?X-Amz-Date=1", "http://h/get?X-Amz-Date=2"},
		{"http://h/get?q-ak=1", "http://h/get?q-ak=2"},
		/* the rest of a signed link */
		{"https://s3/f?versionId=5&X-Amz-Date=1&X-Amz-Signature=2", "https://s3/f?versionId=6&X-Amz-Date=1&X-Amz-Signature=2"},
		{"https://s3/f?partNumber=1&X-Amz-Date=1&X-Amz-Signature=2", "https://s3/f?X-Amz-Date=1&X-Amz-Signature=2"},
		{"https://o/f?x-oss-process=a&x-oss-date=1&x-oss-signature=2", "https://o/f?x-oss-process=b&x-oss-date=1&x-oss-signature=2"},
		{"https://a/f?snapshot=1&sv=1&sig=2", "https://a/f?snapshot=2&sv=1&sig=2"},
		{"https://c/get?f=1&Expires=1&Signature=2", "https://c/get?f=2&Expires=1&Signature=2"},
		{"https://s3/f?XX-Amz-Date=1&X-Amz-Date=1&X-Amz-Signature=2", "https://s3/f?X-Amz-Date=1&X-Amz-Signature=2"},
		{"https://s3/f?X-Amz-Dat=1&X-Amz-Date=1&X-Amz-Signature=2", "https://s3/f?X-Amz-Date=1&X-Amz-Signature=2"},
	};

	(void)state;
	expect(ROWS(rows), false);
}

static void texts(void **state)
{
	/* sha256sum of "f=1" */
	static const struct {
		const char *uri, *place;
	} rows[] = {
		{"http://joe:secret@H:80/a%20b?#x", "http://h/a%20b"},
		{"http://h/get?f=1", "http://h/get?place=8a686a32e700e91d93371fa9d2a7778a"},
		{"http://h/get?f=1&Signature=s3cret&Expires=5", "http://h/get?place=8a686a32e700e91d93371fa9d2a7778a"},
		{"ftp://[2001:DB8::0:1]/x?Signature=s3cret&Expires=5", "ftp://[2001:db8::1]/x"},
		{"/no/uri", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *place = uri_place(rows[i].uri), *again;

		if (!str_same(place, rows[i].place))
			fail_msg("%s: %s", rows[i].uri, place);
		again = place != NULL ? uri_place(place) : NULL; /* as it is read from the store */
		assert_true(str_same(again, place));
		free(place);
		free(again);
	}
}

/* Only what is exactly a place is taken for one. */
static void nearly_places(void **state)
{
	static const char *const uris[] = {"http://h/?place=", "http://h/?place=8a686a32e700e91d93371fa9d2a7778",
		"http://h/?place=8a686a32e700e91d93371fa9d2a7778a0", "http://h/?place=8A686A32E700E91D93371FA9D2A7778A",
		"http://h/?place=8a686a32e700e91d93371fa9d2a7778a&f=1", "http://h/?Place=8a686a32e700e91d93371fa9d2a7778a",
		"http://h/?f=1&place=8a686a32e700e91d93371fa9d2a7778a"};

	(void)state;
	for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
		char *place = uri_place(uris[i]);

		if (strcmp(place, uris[i]) == 0 || strlen(place) != strlen("http://h/?place=") + 32)
			fail_msg("%s: %s", uris[i], place);
		free(place);
	}
}

/* As long as they come: nothing is cut. */
static void long_queries(void **state)
{
	enum { LONG = URI_MAX - 100 };
	char *a = xasprintf("http://h/?%*s", LONG, ""), *b;

	(void)state;
	for (char *p = a; *p != '\0'; p++)
		*p = *p == ' ' ? '&' : *p;
	b = uri_place(a);
	assert_string_equal(b, "http://h/");
	free(b);
	memset(strchr(a, '?') + 1, 'x', LONG);
	b = xstrdup(a);
	b[strlen(b) - 1] = 'y';
	assert_false(same_place(a, b));
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_file),
		cmocka_unit_test(other_files),
		cmocka_unit_test(texts),
		cmocka_unit_test(nearly_places),
		cmocka_unit_test(long_queries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
