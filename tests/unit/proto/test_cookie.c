/* SPDX-License-Identifier: MIT
 * Cookies: the examples and algorithms of RFC 6265, who may set what, where it is sent, and the bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/err.h"
#include "proto/cookie.h"
#include "proto/cookie_parse.h"

#define NOW 1700000000

static struct cookie_jar *jar;

static int setup(void **state)
{
	(void)state;
	jar = cookie_jar_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cookie_jar_free(jar);
	return 0;
}

static void receive_at(const char *from, const char *text, int64_t now)
{
	struct uri u;

	assert_int_equal(uri_parse(from, strlen(from), &u, NULL), 0);
	cookie_jar_receive(jar, &u, text, now);
	uri_free(&u);
}

static void receive(const char *from, const char *text)
{
	receive_at(from, text, NOW);
}

static void check_at(const char *to, const char *want, int64_t now)
{
	struct uri u;
	char *got;

	assert_int_equal(uri_parse(to, strlen(to), &u, NULL), 0);
	got = cookie_jar_header(jar, &u, now);
	uri_free(&u);
	if (want == NULL && got != NULL)
		fail_msg("%s gets %s", to, got);
	if (want != NULL && (got == NULL || strcmp(got, want) != 0))
		fail_msg("%s gets %s", to, got != NULL ? got : "nothing");
	cookie_wipe(got);
}

static void check(const char *to, const char *want)
{
	check_at(to, want, NOW);
}

/* Section 3.1 */
static void test_rfc_examples(void **state)
{
	(void)state;
	receive("https://example.com/", "SID=31d4d96e407aad42");
	check("https://example.com/x", "SID=31d4d96e407aad42");
	check("https://www.example.com/", NULL);
	receive("https://www.example.com/", "SID=31d4d96e407aad42; Path=/; Domain=example.com");
	check("https://example.com/", "SID=31d4d96e407aad42");
	check("https://www.example.com/", "SID=31d4d96e407aad42");
	receive("https://www.example.com/", "SID=31d4d96e407aad42; Path=/; Secure; HttpOnly; Domain=example.com");
	receive("https://www.example.com/", "lang=en-US; Path=/; Domain=example.com");
	check("https://www.example.com/", "SID=31d4d96e407aad42; lang=en-US");
	check("http://www.example.com/", "lang=en-US");
	receive("https://www.example.com/", "lang=en-US; Expires=Wed, 09 Jun 2121 10:18:14 GMT; Domain=example.com");
	check("https://www.example.com/", "SID=31d4d96e407aad42; lang=en-US");
	receive("https://www.example.com/", "lang=; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Domain=example.com");
	check("https://www.example.com/", "SID=31d4d96e407aad42");
}

static void test_domains(void **state)
{
	(void)state;
	receive("http://www.example.com/", "a=1; Domain=.EXAMPLE.com");
	receive("http://www.example.com/", "b=1; Domain=other.com");
	receive("http://www.example.com/", "c=1; Domain=sub.www.example.com");
	receive("http://www.example.com/", "d=1; Domain=ample.com");
	receive("http://www.example.com/", "e=1; Domain=com");
	receive("http://www.example.com/", "f=1; Domain=example.com.");
	receive("http://www.example.co.uk/", "g=1; Domain=co.uk");
	receive("http://127.0.0.1/", "h=1; Domain=0.0.1");
	receive("http://127.0.0.1/", "i=1; Domain=127.0.0.1");
	receive("http://x.local/", "j=1; Domain=local");
	receive("http://localhost/", "k=1; Domain=localhost");
	receive("http://x.github.io/", "l=1; Domain=github.io");
	receive("http://x.github.io/", "m=1; Domain=x.github.io");
	assert_int_equal(cookie_jar_count(jar), 4);
	check("http://example.com/", "a=1");
	check("http://deep.www.example.com/", "a=1");
	check("http://notexample.com/", NULL);
	check("http://127.0.0.1:8080/", "i=1");
	check("http://1.127.0.0.1.example/", NULL);
	check("http://localhost/", "k=1");
	check("http://www.localhost/", NULL);
	check("http://y.x.github.io/", "m=1");
	check("http://y.github.io/", NULL);
}

static void test_paths(void **state)
{
	static const struct {
		const char *uri_path, *want;
	} rows[] = {{"", "/"}, {"x", "/"}, {"/", "/"}, {"/x", "/"}, {"/a/b", "/a"}, {"/a/b/", "/a/b"}, {NULL, "/"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *s = cookie_default_path(rows[i].uri_path);

		assert_string_equal(s, rows[i].want);
		free(s);
	}
	receive("http://h.example/a/b", "deep=1");
	receive("http://h.example/a/b", "top=1; Path=/");
	receive("http://h.example/a/b", "other=1; Path=/c/");
	receive("http://h.example/a/b", "odd=1; Path=a");
	check("http://h.example/a/x", "deep=1; odd=1; top=1");
	check("http://h.example/a", "deep=1; odd=1; top=1");
	check("http://h.example/ab", "top=1");
	check("http://h.example/c", "top=1");
	check("http://h.example/c/", "other=1; top=1");
}

static void test_expiry(void **state)
{
	(void)state;
	receive("http://h.example/", "a=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
	receive("http://h.example/", "b=1; Max-Age=99999999999999999999");
	receive("http://h.example/", "c=1; Max-Age=-1");
	receive("http://h.example/", "d=1; Max-Age=0");
	receive("http://h.example/", "e=1; Max-Age=x1");
	receive("http://h.example/", "f=1; Expires=nonsense");
	receive("http://h.example/", "g=1; Max-Age=");
	check("http://h.example/", "a=1; b=1; e=1; f=1; g=1");
	check_at("http://h.example/", "b=1; e=1; f=1; g=1", NOW + 10);
	assert_int_equal(cookie_jar_count(jar), 4);
	receive("http://h.example/", "b=; Max-Age=0");
	check("http://h.example/", "e=1; f=1; g=1");
}

static void test_text(void **state)
{
	(void)state;
	receive("http://h.example/", "novalue");
	receive("http://h.example/", "=x");
	receive("http://h.example/", "");
	receive("http://h.example/", ";");
	receive("http://h.example/", " =; a=1");
	assert_int_equal(cookie_jar_count(jar), 0);
	receive("http://h.example/", "  a = \"x y\" ;;;  ; Path = / ; unknown=z");
	receive("http://h.example/", "b=c=d");
	receive("http://h.example/", "e=");
	receive("http://h.example/", "t=a\tb");
	receive("http://h.example/", "l=a\nb");
	check("http://h.example/", "a=\"x y\"; b=c=d; e=");
	receive("http://h.example/", "b=new");
	check("http://h.example/", "a=\"x y\"; b=new; e=");
}

/* RFC 6265bis: what only https may do. */
static void test_secure(void **state)
{
	(void)state;
	receive("http://h.example/", "a=1; Secure");
	assert_int_equal(cookie_jar_count(jar), 0);
	receive("https://h.example/", "a=1; Secure; Path=/");
	receive("http://h.example/", "a=evil");
	check("https://h.example/", "a=1");
	check("http://h.example/", NULL);
	receive("https://h.example/", "__Host-a=1; Secure; Path=/; Domain=h.example");
	receive("https://h.example/x/y", "__Host-b=1; Secure");
	receive("https://h.example/", "__Host-c=1; Path=/");
	receive("https://h.example/", "__secure-d=1");
	assert_int_equal(cookie_jar_count(jar), 1);
	receive("https://h.example/", "__Host-e=1; Secure; Path=/");
	receive("https://h.example/", "__Secure-f=1; Secure; Domain=h.example");
	assert_int_equal(cookie_jar_count(jar), 3);
}

static void test_dates(void **state)
{
	static const struct {
		const char *text;
		int64_t want; /* -1: none */
	} rows[] = {
		{"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
		{"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
		{"Sun Nov  6 08:49:37 1994", 784111777},
		{"1994 nov 6 8:49:37", 784111777},
		{"Thu, 01-Jan-1970 00:00:00 GMT", 0},
		{"Mon, 01 Jan 1601 00:00:00 GMT", 0},
		{"Mon, 01 Jan 1600 00:00:00 GMT", -1},
		{"1 Jan 69 00:00:00", 3124224000},
		{"1 Jan 70 00:00:00", 0},
		{"Sun, 06 Nov 1994 24:00:00 GMT", -1},
		{"Sun, 31 Feb 2094 08:49:37 GMT", -1},
		{"Sun, 06 Nov 1994", -1},
		{"08:49:37 Nov 1994", -1},
		{"", -1},
		{"06 Nov 1994 08:49", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t got = -1;

		if (cookie_date(rows[i].text, &got) != (rows[i].want >= 0) || (rows[i].want >= 0 && got != rows[i].want))
			fail_msg("%s: %lld", rows[i].text, (long long)got);
	}
}

static void test_bounds(void **state)
{
	char text[COOKIE_BYTES_MAX + 100], host[64];
	struct uri u;
	char *got;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		snprintf(text, sizeof(text), "n%d=%0100d", i, i);
		receive("http://flood.example/", text);
	}
	assert_int_equal(cookie_jar_count(jar), COOKIE_HOST_MAX);
	snprintf(text, sizeof(text), "big=%0*d", COOKIE_BYTES_MAX - 3, 1);
	receive("http://big.example/", text);
	assert_int_equal(cookie_jar_count(jar), COOKIE_HOST_MAX + 1);
	snprintf(text, sizeof(text), "big2=%0*d", COOKIE_BYTES_MAX - 3, 1);
	receive("http://big.example/", text);
	assert_int_equal(cookie_jar_count(jar), COOKIE_HOST_MAX + 1);
	for (int i = 0; i < 2 * COOKIE_ALL_MAX; i++) {
		snprintf(host, sizeof(host), "http://h%d.example/", i);
		receive(host, "a=1");
	}
	assert_int_equal(cookie_jar_count(jar), COOKIE_ALL_MAX);
	for (int i = 0; i < COOKIE_HOST_MAX; i++) {
		snprintf(text, sizeof(text), "f%d=%04000d", i, i);
		receive("http://fat.example/", text);
	}
	assert_int_equal(uri_parse("http://fat.example/", 19, &u, NULL), 0);
	got = cookie_jar_header(jar, &u, NOW);
	assert_in_range(strlen(got), COOKIE_HEADER_MAX / 2, COOKIE_HEADER_MAX);
	cookie_wipe(got);
	uri_free(&u);
}

/* What is used stays, what is not goes. */
static void test_eviction(void **state)
{
	char text[32];

	(void)state;
	receive("http://h.example/", "keep=1; Path=/keep");
	for (int i = 0; i < 3 * COOKIE_HOST_MAX; i++) {
		check("http://h.example/keep", i == 0 ? "keep=1" : "keep=1; x=1");
		receive("http://h.example/", "x=1; Path=/");
		snprintf(text, sizeof(text), "n%d=1; Path=/n", i);
		receive("http://h.example/", text);
	}
	assert_int_equal(cookie_jar_count(jar), COOKIE_HOST_MAX);
	check("http://h.example/keep", "keep=1; x=1");
}

static void test_put(void **state)
{
	struct cookie c = {.name = "a", .value = "1", .domain = "example.com", .path = "/", .expires = -1};

	(void)state;
	assert_int_equal(cookie_jar_put(jar, &c, NOW), 0);
	check("http://www.example.com/", "a=1");
	c.domain = "com";
	assert_int_equal(cookie_jar_put(jar, &c, NOW), ERR_INVAL);
	c.domain = "127.0.0.1";
	assert_int_equal(cookie_jar_put(jar, &c, NOW), ERR_INVAL);
	c.host_only = true;
	assert_int_equal(cookie_jar_put(jar, &c, NOW), 0);
	c.value = "x;y";
	assert_int_equal(cookie_jar_put(jar, &c, NOW), ERR_INVAL);
	c.value = "x\r\nEvil: 1";
	assert_int_equal(cookie_jar_put(jar, &c, NOW), ERR_INVAL);
	c.value = "";
	c.path = "";
	assert_int_equal(cookie_jar_put(jar, &c, NOW), ERR_INVAL);
	c.path = "/";
	c.name = "";
	assert_int_equal(cookie_jar_put(jar, &c, NOW), ERR_INVAL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_rfc_examples),
		T(test_domains),
		T(test_paths),
		T(test_expiry),
		T(test_text),
		T(test_secure),
		T(test_dates),
		T(test_bounds),
		T(test_eviction),
		T(test_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
