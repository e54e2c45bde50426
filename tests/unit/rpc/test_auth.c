/* SPDX-License-Identifier: MIT
 * Tests of who may speak.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <unistd.h>

#include "rpc/auth.h"

static struct opts *opts_with(enum opt id, const char *val)
{
	struct opts *o = opts_new(NULL);

	assert_int_equal(opts_set(o, id, val, NULL), 0);
	return o;
}

static void token(void **state)
{
	struct opts *none = opts_new(NULL), *o = opts_with(OPT_RPC_SECRET, "s3cret");

	(void)state;
	assert_true(auth_token(none, NULL));
	assert_false(auth_needs_token(none));
	assert_true(auth_needs_token(o));
	assert_true(auth_token(o, "token:s3cret"));
	assert_false(auth_token(o, NULL));
	assert_false(auth_token(o, "s3cret"));
	assert_false(auth_token(o, "token:"));
	assert_false(auth_token(o, "token:s3cretx"));
	assert_false(auth_token(o, "token:S3cret"));
	opts_unref(o);
	opts_unref(none);
}

static void basic(void **state)
{
	struct opts *o = opts_with(OPT_RPC_USER, "joe");

	(void)state;
	assert_int_equal(opts_set(o, OPT_RPC_PASSWD, "pw", NULL), 0);
	assert_true(auth_basic(o, "Basic am9lOnB3"));
	assert_false(auth_basic(o, NULL));
	assert_false(auth_basic(o, "basic am9lOnB3"));
	assert_false(auth_basic(o, "Basic am9lOng="));
	assert_false(auth_basic(o, "Basic !"));
	opts_unref(o);
}

static void host(void **state)
{
	static const char *const good[] = {"127.0.0.1", "127.0.0.1:6800", "[::1]:6800", "[::1]", "localhost",
		"LocalHost:1", "localhost.", "x.localhost:6800", "192.168.1.7:6800"};
	static const char *const bad[] = {"", "evil.example", "evil.example:6800", "127.0.0.1.evil.example",
		"localhost:x", "[::1", "[::1]x", "localhostx", "127.0.0.1@evil.example", ":6800"};
	struct opts *o = opts_new(NULL);
	char own[256];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(auth_host(o, good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(auth_host(o, bad[i]));
	assert_false(auth_host(o, NULL));
	assert_int_equal(gethostname(own, sizeof(own)), 0);
	assert_true(auth_host(o, own));
	opts_unref(o);
}

/* A name that may be a page's is taken when the user has listed it, or when its page could do no more than any other. */
static void other_hosts(void **state)
{
	static const char *const local[] = {"nas", "aria2:6800", "NAS.local:6800", "nas.lan", "a.b.home.arpa", "x.internal:1", "nas."};
	static const char *const global[] = {"nas.example.org", "evil.example:6800", "local.example", "nas.box", "lan.", "a..lan.org"};
	struct opts *none = opts_new(NULL), *secret = opts_with(OPT_RPC_SECRET, "s"), *user = opts_with(OPT_RPC_USER, "u");
	struct opts *open = opts_with(OPT_RPC_ALLOW_ORIGIN_ALL, "true"), *listed;

	(void)state;
	listed = opts_with(OPT_RPC_ALLOWED_HOST, "nas.example.org, dl.example.net");
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
		assert_false(auth_host(none, local[i]));
		assert_false(auth_host(open, local[i]));
		assert_true(auth_host(secret, local[i]));
		assert_true(auth_host(user, local[i]));
	}
	assert_int_equal(opts_set(open, OPT_RPC_SECRET, "s", NULL), 0);
	for (size_t i = 0; i < sizeof(global) / sizeof(global[0]); i++) {
		assert_int_equal(auth_host(secret, global[i]), strcmp(global[i], "lan.") == 0); /* a single label */
		assert_true(auth_host(open, global[i]));
		assert_int_equal(auth_host(listed, global[i]), i == 0);
	}
	assert_true(auth_host(listed, "DL.example.net:443"));
	assert_true(auth_host(listed, "nas.example.org."));
	assert_false(auth_host(listed, "x.nas.example.org"));
	assert_false(auth_host(open, "a b"));
	assert_false(auth_host(open, ""));
	opts_unref(listed);
	opts_unref(open);
	opts_unref(user);
	opts_unref(secret);
	opts_unref(none);
}

static bool page(const struct opts *o, const char *origin, const char *site, bool jsonp)
{
	return auth_page(
		o, &(struct auth_page){.origin = origin, .site = site, .host = "127.0.0.1:6800", .jsonp = jsonp});
}

static void pages(void **state)
{
	struct opts *o = opts_new(NULL), *all = opts_with(OPT_RPC_ALLOW_ORIGIN_ALL, "true");
	struct opts *jsonp = opts_with(OPT_RPC_ALLOW_JSONP, "true");

	(void)state;
	assert_true(page(o, NULL, NULL, false));
	assert_true(page(o, "http://127.0.0.1:6800", "same-origin", false));
	assert_true(page(o, "moz-extension://1234", NULL, false));
	assert_true(page(o, NULL, "none", false));
	assert_false(page(o, "http://ui.example", NULL, false));
	assert_false(page(o, "null", NULL, false));
	assert_false(page(o, "http://127.0.0.1:6801", NULL, false));
	assert_false(page(o, NULL, "cross-site", false));
	assert_false(page(o, NULL, "cross-site", true));
	assert_true(page(jsonp, NULL, "cross-site", true));
	assert_false(page(jsonp, "http://ui.example", NULL, false));
	assert_true(page(all, "http://ui.example", "cross-site", false));
	opts_unref(jsonp);
	opts_unref(all);
	opts_unref(o);
}

static bool get(const struct opts *o, const char *site, const char *host)
{
	return auth_page(o, &(struct auth_page){.site = site, .host = host, .get = true});
}

/* At these a browser's GET may come without a word about the page. */
static void silent_gets(void **state)
{
	static const char *const good[] = {"127.0.0.1:6800", "127.9.9.9", "[::1]:6800", "localhost", "x.localhost:1"};
	static const char *const bad[] = {"0.0.0.0:6800", "[::]:6800", "[::ffff:127.0.0.1]:6800", "192.168.1.7:6800", "nas"};
	struct opts *o = opts_new(NULL), *secret = opts_with(OPT_RPC_SECRET, "s"), *tls = opts_with(OPT_RPC_SECURE, "true");

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(get(o, NULL, good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(get(o, NULL, bad[i]));
		assert_true(get(o, "same-origin", bad[i]));
		assert_true(get(secret, NULL, bad[i]));
		assert_true(get(tls, NULL, bad[i]));
		assert_true(auth_page(o, &(struct auth_page){.host = bad[i]}));
	}
	assert_true(get(o, NULL, NULL));
	opts_unref(tls);
	opts_unref(secret);
	opts_unref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(token),
		cmocka_unit_test(basic),
		cmocka_unit_test(host),
		cmocka_unit_test(other_hosts),
		cmocka_unit_test(pages),
		cmocka_unit_test(silent_gets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
