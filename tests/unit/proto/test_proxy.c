/* SPDX-License-Identifier: MIT
 * Which proxy the options name for a URI, and who is exempt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/opt.h"
#include "base/str.h"
#include "proto/proxy.h"

static struct opts *opts;

static int setup(void **state)
{
	(void)state;
	opts = opts_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	opts_unref(opts);
	return 0;
}

static void set(enum opt id, const char *value)
{
	assert_int_equal(opts_set(opts, id, value, NULL), 0);
}

/* want: "KIND HOST:PORT USER PASSWD" or "none" */
static void check(const char *text, const char *want)
{
	static const char *const kinds[] = {"none", "forward", "connect", "socks5", "socks5h"};
	struct proxy p;
	struct uri u;
	char got[200];

	assert_int_equal(uri_parse(text, strlen(text), &u, NULL), 0);
	assert_int_equal(proxy_choose(&u, opts, &p, NULL), 0);
	if (p.kind == PROXY_NONE)
		snprintf(got, sizeof(got), "none");
	else
		snprintf(got, sizeof(got), "%s %s:%u %s %s", kinds[p.kind], p.host, p.port, p.user != NULL ? p.user : "-",
			p.passwd != NULL ? p.passwd : "-");
	assert_string_equal(got, want);
	assert_int_equal(proxy_tunnels(&p), p.kind != PROXY_NONE && p.kind != PROXY_FORWARD);
	assert_int_equal(p.authorization != NULL, p.user != NULL && p.kind <= PROXY_CONNECT);
	proxy_free(&p);
	proxy_free(&p);
	uri_free(&u);
}

static void test_choice(void **state)
{
	(void)state;
	check("http://h/", "none");
	set(OPT_ALL_PROXY, "http://u:p%40w@all.example:3128");
	check("http://h/", "forward all.example:3128 u p@w");
	check("https://h/", "connect all.example:3128 u p@w");
	set(OPT_HTTP_PROXY, "plain.example");
	check("http://h/", "forward plain.example:80 - -");
	check("https://h/", "connect all.example:3128 u p@w");
	set(OPT_PROXY_METHOD, "tunnel");
	check("http://h/", "connect plain.example:80 - -");
	set(OPT_HTTPS_PROXY, "[::1]:8080");
	check("https://h/", "connect ::1:8080 - -");
	set(OPT_HTTP_PROXY, ""); /* cleared: none, whatever all-proxy says */
	check("http://h/", "none");
}

static void test_login(void **state)
{
	(void)state;
	set(OPT_ALL_PROXY, "u:p@all.example");
	set(OPT_ALL_PROXY_USER, "me");
	check("http://h/", "forward all.example:80 me p");
	set(OPT_ALL_PROXY_PASSWD, "too");
	check("http://h/", "forward all.example:80 me too");
	set(OPT_HTTP_PROXY, "plain.example"); /* with a login of its own, that is none */
	check("http://h/", "forward plain.example:80 - -");
	set(OPT_HTTP_PROXY_USER, "x");
	check("http://h/", "forward plain.example:80 x -");
	set(OPT_ALL_PROXY_USER, "");
	check("https://h/", "connect all.example:80 - too");
}

static void test_socks(void **state)
{
	char longer[PROXY_LOGIN_MAX + 2];
	struct proxy p;
	struct uri u;

	(void)state;
	set(OPT_ALL_PROXY, "socks5://s.example");
	check("http://h/", "socks5 s.example:1080 - -");
	set(OPT_ALL_PROXY, "SOCKS5h://u:p@s.example:80");
	assert_string_equal(opts_str(opts, OPT_ALL_PROXY), "socks5h://u:p@s.example:80/");
	check("https://h/", "socks5h s.example:80 u p");
	assert_int_equal(opts_set(opts, OPT_ALL_PROXY, "socks4://h", NULL), ERR_INVAL);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	set(OPT_ALL_PROXY_PASSWD, longer);
	assert_int_equal(uri_parse("http://h/", 9, &u, NULL), 0);
	assert_int_equal(proxy_choose(&u, opts, &p, NULL), ERR_INVAL);
	assert_null(p.host);
	uri_free(&u);
}

static void test_exempt(void **state)
{
	static const struct {
		const char *list, *host;
		bool fits;
	} rows[] = {
		{"h.example", "h.example", true},
		{"H.Example", "h.example", true},
		{"h.example", "h.example.", true},
		{"h.example", "x.h.example", false},
		{".h.example", "x.h.example", true},
		{".h.example", "h.example", false},
		{".h.example", "xh.example", false},
		{"a, b ,\tc", "c", true},
		{"a,,b", "b", true},
		{"*", "anything", true},
		{"", "h", false},
		{",", "h", false},
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.1", "127.0.0.10", false},
		{"10.0.0.0/8", "10.255.1.2", true},
		{"10.0.0.0/8", "11.0.0.1", false},
		{"192.168.128.0/17", "192.168.200.1", true},
		{"192.168.128.0/17", "192.168.100.1", false},
		{"0.0.0.0/0", "8.8.8.8", true},
		{"0.0.0.0/0", "::1", false},
		{"10.0.0.0/33", "10.0.0.0", false},
		{"10.0.0.0/", "10.0.0.0", false},
		{"10.0.0.0/x", "10.0.0.0", false},
		{"fd00::/8", "fd12::1", true},
		{"[fd00::]/8", "fd12::1", true},
		{"[::1]", "::1", true},
		{"2001:db8::/33", "2001:db8:8000::", false},
		{"0:0::1", "::1", true},
		{".1", "10.0.0.1", false},
		{"10.0.0.0/8", "host10", false},
		{"*.h.example", "x.h.example", true},
		{"*.h.example", "h.example", false},
		{"*.h.example", "xh.example", false},
		{"h.example:81", "h.example", true}, /* (the port that is asked for) */
		{"h.example:8", "h.example", false},
		{".h.example:81", "x.h.example", true},
		{"*.h.example:80,b", "x.h.example", false},
		{"h.example:", "h.example", false},
		{"h.example:x", "h.example", false},
		{"10.0.0.0/8:81", "10.1.1.1", true},
		{"127.0.0.1:80", "127.0.0.1", false},
		{"[::1]:81", "::1", true},
		{"[::1]:80", "::1", false},
		{"::1:81", "::1", false},
		{"[", "::1", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (proxy_is_exempt(rows[i].list, rows[i].host, 81) != rows[i].fits)
			fail_msg("%s: %s", rows[i].list, rows[i].host);
	}
	assert_false(proxy_is_exempt(NULL, "h", 80));
	set(OPT_ALL_PROXY, "p.example");
	set(OPT_NO_PROXY, "localhost,.intern");
	check("http://localhost/", "none");
	check("https://x.intern/", "none");
	check("http://intern/", "forward p.example:80 - -");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {T(test_choice), T(test_login), T(test_socks), T(test_exempt)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
