/* SPDX-License-Identifier: MIT
 * Requests: fields and their order, what replaces them, what goes to which origin, and that no line can be smuggled in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/opt.h"
#include "base/str.h"
#include "proto/http_auth.h"
#include "proto/http_req.h"
#include "proto/netrc.h"

static struct opts *opts;
static struct fetch_req fetch;
static bool own_origin, codings;
static const char *authorization;
static char *text;
static const char *named_as;
static struct netrc *netrc;
static const char *cookie, *proxy_authorization;
static bool to_proxy;

static int setup(void **state)
{
	(void)state;
	opts = opts_new(NULL);
	assert_int_equal(opts_set(opts, OPT_USER_AGENT, "test/1", NULL), 0);
	fetch = (struct fetch_req){
		.uri = "http://h.example:8080/p/x?q=1", .want = {0, -1}, .if_modified_since = -1, .opts = opts};
	own_origin = true;
	authorization = cookie = proxy_authorization = named_as = NULL;
	to_proxy = false;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	opts_unref(opts);
	free(text);
	text = NULL;
	return 0;
}

static void set(enum opt id, const char *value)
{
	assert_int_equal(opts_set(opts, id, value, NULL), 0);
}

static int build(void)
{
	struct uri uri;
	struct http_req r = {.fetch = &fetch, .uri = &uri, .own_origin = own_origin, .authorization = authorization,
		.cookie = cookie, .to_proxy = to_proxy, .proxy_authorization = proxy_authorization};
	struct buf b;
	int e;

	assert_int_equal(uri_parse(fetch.uri, strlen(fetch.uri), &uri, NULL), 0);
	buf_init(&b, HTTP_REQ_MAX);
	e = http_req_build(&r, &b, &codings, NULL);
	free(text);
	text = buf_take(&b);
	uri_free(&uri);
	return e;
}

static void test_plain(void **state)
{
	(void)state;
	assert_int_equal(build(), 0);
	assert_string_equal(text,
		"GET /p/x?q=1 HTTP/1.1\r\nUser-Agent: test/1\r\nAccept: */*\r\nHost: h.example:8080\r\n"
		"Want-Digest: SHA-512;q=1, SHA-256;q=1, SHA;q=0.1\r\n\r\n");
	assert_false(codings);
	fetch.uri = "https://u:p@[::1]";
	fetch.head_only = true;
	assert_int_equal(build(), 0);
	assert_non_null(strstr(text, "HEAD / HTTP/1.1\r\n"));
	assert_non_null(strstr(text, "\r\nHost: [::1]\r\n"));
	assert_null(strstr(text, "Authorization"));
	assert_non_null(strstr(text, "Want-Digest"));
	set(OPT_NO_WANT_DIGEST_HEADER, "true");
	assert_int_equal(build(), 0);
	assert_null(strstr(text, "Want-Digest"));
}

static void test_all(void **state)
{
	(void)state;
	set(OPT_HTTP_ACCEPT_GZIP, "true");
	set(OPT_HTTP_NO_CACHE, "true");
	set(OPT_ENABLE_HTTP_KEEP_ALIVE, "false");
	set(OPT_REFERER, "*");
	set(OPT_HEADER, "X-One: 1");
	set(OPT_HEADER, "X-Two:2");
	fetch.uri = "http://u:p@h/x?q#f";
	fetch.if_modified_since = 784111777;
	authorization = "Basic eA==";
	assert_int_equal(build(), 0);
	assert_string_equal(text,
		"GET /x?q HTTP/1.1\r\nUser-Agent: test/1\r\nAccept: */*\r\nAccept-Encoding: deflate, gzip\r\nHost: "
		"h\r\n"
		"Pragma: no-cache\r\nCache-Control: no-cache\r\nConnection: close\r\nAuthorization: Basic eA==\r\n"
		"Referer: http://h/x?q\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		"Want-Digest: SHA-512;q=1, SHA-256;q=1, SHA;q=0.1\r\nX-One: 1\r\nX-Two: 2\r\n\r\n");
	assert_true(codings);
}

/* No coding and no digest is asked for with a range. */
static void test_range(void **state)
{
	(void)state;
	set(OPT_HTTP_ACCEPT_GZIP, "true");
	fetch.want = (struct range){100, 200};
	fetch.if_range = "\"e\"";
	assert_int_equal(build(), 0);
	assert_string_equal(text,
		"GET /p/x?q=1 HTTP/1.1\r\nUser-Agent: test/1\r\nAccept: */*\r\nHost: h.example:8080\r\n"
		"Range: bytes=100-199\r\nIf-Range: \"e\"\r\n\r\n");
	assert_false(codings);
	fetch.want = (struct range){100, -1};
	assert_int_equal(build(), 0);
	assert_non_null(strstr(text, "Range: bytes=100-\r\n"));
	fetch.want = (struct range){0, 1};
	assert_int_equal(build(), 0);
	assert_non_null(strstr(text, "Range: bytes=0-0\r\n"));
	fetch.want = (struct range){0, -1};
	assert_int_equal(build(), 0);
	assert_null(strstr(text, "Range"));
}

static void test_user_replaces(void **state)
{
	(void)state;
	set(OPT_HTTP_ACCEPT_GZIP, "true");
	set(OPT_HEADER, "user-agent: mine");
	set(OPT_HEADER, "ACCEPT-ENCODING: br");
	set(OPT_HEADER, "Host: other");
	set(OPT_HEADER, "Range: bytes=5-6");
	set(OPT_HEADER, "content-length: 5");
	fetch.want = (struct range){1, 2};
	assert_int_equal(build(), 0);
	assert_string_equal(text, "GET /p/x?q=1 HTTP/1.1\r\nAccept: */*\r\nRange: bytes=1-1\r\nuser-agent: "
				  "mine\r\nACCEPT-ENCODING: br\r\n"
				  "Host: other\r\n\r\n");
	fetch.want = (struct range){0, -1};
	assert_int_equal(build(), 0);
	assert_false(codings);
}

static void test_other_origin(void **state)
{
	(void)state;
	set(OPT_HEADER, "Cookie: secret");
	set(OPT_HEADER, "User-Agent: mine");
	own_origin = false;
	assert_int_equal(build(), 0);
	assert_null(strstr(text, "secret"));
	assert_non_null(strstr(text, "User-Agent: test/1"));
}

/* The option check refuses most of this before; here is the last door. */
static void test_no_smuggling(void **state)
{
	(void)state;
	fetch.want = (struct range){1, 2};
	fetch.if_range = "\"e\"\r\nX-Injected: 1";
	assert_int_equal(build(), ERR_INVAL);
	fetch.if_range = NULL;
	authorization = "Basic x\nX-Injected: 1";
	assert_int_equal(build(), ERR_INVAL);
	authorization = NULL;
	fetch.uri = "http://h/a\r\nX-Injected: 1";
	assert_int_equal(build(), 0);
	assert_null(strstr(text, "\nX-Injected"));
	assert_non_null(strstr(text, "GET /a%0D%0AX-Injected:%201 HTTP/1.1\r\n"));
}

static void test_bad_header_line(void **state)
{
	static const char *const bad[] = {"no colon", ": value", "Bad Name: x",
		"B\xc3\xa4"
		"d: x"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		opts_unset(opts, OPT_HEADER);
		if (opts_set(opts, OPT_HEADER, bad[i], NULL) != 0)
			continue; /* refused even earlier */
		assert_int_equal(build(), ERR_INVAL);
	}
}

static char *auth_for(const char *text_uri, bool own, bool *ret_ask_first)
{
	struct http_auth_req req;
	struct uri uri, named = {0};
	char *s;

	assert_int_equal(uri_parse(text_uri, strlen(text_uri), &uri, NULL), 0);
	assert_int_equal(named_as == NULL ? 0 : uri_parse(named_as, strlen(named_as), &named, NULL), 0);
	req = (struct http_auth_req){
		.uri = &uri, .named = named_as != NULL ? &named : NULL, .own_origin = own, .opts = opts, .netrc = netrc};
	s = http_auth(&req, ret_ask_first);
	uri_free(&named);
	uri_free(&uri);
	return s;
}

static void check_auth(const char *text_uri, bool own, const char *want, bool want_ask)
{
	bool ask;
	char *s = auth_for(text_uri, own, &ask);

	if (want == NULL)
		assert_null(s);
	else
		assert_string_equal(s, want);
	assert_int_equal(ask, want_ask);
	http_auth_free(s);
}

static void test_auth(void **state)
{
	(void)state;
	check_auth("http://h/", true, NULL, false);
	check_auth("http://user:pass@h/", false, "Basic dXNlcjpwYXNz", false);
	check_auth("http://user@h/", true, "Basic dXNlcjo=", false);
	check_auth("http://us%3aer:p%40ss@h/", true, "Basic dXM6ZXI6cEBzcw==", false);
	set(OPT_HTTP_USER, "o");
	set(OPT_HTTP_PASSWD, "pt");
	check_auth("http://h/", true, "Basic bzpwdA==", false);
	check_auth("http://h/", false, NULL, false);
	check_auth("http://user:pass@h/", true, "Basic dXNlcjpwYXNz", false);
	set(OPT_HTTP_AUTH_CHALLENGE, "true");
	check_auth("http://h/", true, "Basic bzpwdA==", true);
	check_auth("http://user:pass@h/", true, "Basic dXNlcjpwYXNz", false);
}

/* The userinfo of the URI that the user gave holds at its origin, also where a redirect within it left it out. */
static void test_auth_named(void **state)
{
	(void)state;
	named_as = "http://user:pass@h/first";
	check_auth("http://h/second", true, "Basic dXNlcjpwYXNz", false);
	check_auth("http://other/second", false, NULL, false);
	check_auth("http://o:pt@h/second", true, "Basic bzpwdA==", false);
	named_as = NULL;
}

static void test_auth_netrc(void **state)
{
	static const char file[] = "machine h login user password pass machine h.example login o password pt\n"
				   "default login all password all";

	(void)state;
	netrc = netrc_parse(file, sizeof(file) - 1);
	check_auth("http://h/", true, "Basic dXNlcjpwYXNz", false);
	check_auth("http://h.example/", true, "Basic bzpwdA==", false);
	check_auth("http://x.h/", true, NULL, false);
	check_auth("http://h/", false, NULL, false); /* a redirect in clear */
	check_auth("https://h/", false, "Basic dXNlcjpwYXNz", false);
	check_auth("https://h:8443/", false, NULL, false); /* maybe of somebody else there */
	check_auth("https://h:8443/", true, "Basic dXNlcjpwYXNz", false);
	set(OPT_HTTP_AUTH_CHALLENGE, "true");
	check_auth("http://h/", true, "Basic dXNlcjpwYXNz", true);
	set(OPT_HTTP_USER, "o");
	set(OPT_HTTP_PASSWD, "pt");
	check_auth("http://h/", true, "Basic bzpwdA==", true);
	set(OPT_HTTP_USER, "");
	set(OPT_NO_NETRC, "true");
	check_auth("http://h/", true, NULL, true);
	netrc_free(netrc);
	netrc = NULL;
}

/* A proxy gets the whole URI, without userinfo; what is meant for it goes nowhere else. */
static void test_to_proxy(void **state)
{
	(void)state;
	proxy_authorization = "Basic cA==";
	fetch.uri = "http://u:p@h:81/x?q#f";
	assert_int_equal(build(), 0);
	assert_null(strstr(text, "Proxy-"));
	assert_non_null(strstr(text, "GET /x?q HTTP/1.1\r\n"));
	to_proxy = true;
	assert_int_equal(build(), 0);
	assert_non_null(strstr(text, "GET http://h:81/x?q HTTP/1.1\r\n"));
	assert_non_null(strstr(text, "\r\nHost: h:81\r\n"));
	assert_non_null(strstr(text, "\r\nProxy-Authorization: Basic cA==\r\n"));
	assert_null(strstr(text, "u:p"));
	set(OPT_HEADER, "proxy-authorization: mine");
	assert_int_equal(build(), 0);
	assert_null(strstr(text, "cA=="));
	assert_non_null(strstr(text, "\r\nproxy-authorization: mine\r\n"));
	to_proxy = false;
	assert_int_equal(build(), 0);
	assert_null(strstr(text, "mine"));
}

static void test_cookie(void **state)
{
	(void)state;
	cookie = "a=b; c=d";
	own_origin = false;
	assert_int_equal(build(), 0);
	assert_non_null(strstr(text, "\r\nCookie: a=b; c=d\r\n"));
	own_origin = true;
	set(OPT_HEADER, "cookie: mine=1");
	assert_int_equal(build(), 0);
	assert_null(strstr(text, "a=b"));
	assert_non_null(strstr(text, "\r\ncookie: mine=1\r\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_range, setup, teardown),
		cmocka_unit_test_setup_teardown(test_user_replaces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_origin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_smuggling, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_header_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_auth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_auth_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_auth_netrc, setup, teardown),
		cmocka_unit_test_setup_teardown(test_to_proxy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cookie, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
