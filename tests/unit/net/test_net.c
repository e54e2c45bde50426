/* SPDX-License-Identifier: MIT
 * Tests of how options reach struct net.
 */
#include "net_test.h"

#include <openssl/ssl.h>

#include "base/opt.h"
#include "net/net_internal.h"

static struct opts *options(const char *const pairs[][2], size_t n)
{
	struct opts *o = opts_new(NULL);
	struct fail f;

	for (size_t i = 0; i < n; i++)
		if (opts_set(o, opt_find(pairs[i][0], strlen(pairs[i][0])), pairs[i][1], &f) != 0)
			fail_msg("%s: %s", pairs[i][0], f.text);
	return o;
}

static void test_defaults_are_the_table(void **state)
{
	struct fixture *x = *state;
	struct opts *o = opts_new(NULL);
	struct net *n;

	assert_int_equal(net_new(&x->l, o, &n, &(struct fail){0}), 0);
	assert_int_equal(n->conf.check_certificate, x->n->conf.check_certificate);
	assert_int_equal(n->conf.min_tls, x->n->conf.min_tls);
	assert_int_equal(n->conf.no_ipv6, x->n->conf.no_ipv6);
	assert_int_equal(n->conf.dscp, x->n->conf.dscp);
	assert_int_equal(n->conf.rcvbuf, x->n->conf.rcvbuf);
	assert_null(n->conf.interface);
	assert_null(n->conf.ca_file);
	net_free(n);
	opts_unref(o);
}

static void test_all_are_read(void **state)
{
	static const char *const pairs[][2] = {
		{"check-certificate", "false"},
		{"min-tls-version", "TLSv1.3"},
		{"disable-ipv6", "true"},
		{"interface", "127.0.0.1"},
		{"socket-recv-buffer-size", "64K"},
		{"dscp", "99"},
		{"congestion", "reno"},
		{"resolve", "a:1:192.0.2.1"},
		{"resolve", "b:2:192.0.2.2"},
	};
	struct fixture *x = *state;
	struct opts *o = options(pairs, sizeof(pairs) / sizeof(pairs[0]));
	struct net *n;

	assert_int_equal(net_new(&x->l, o, &n, &(struct fail){0}), 0);
	opts_unref(o);
	assert_false(n->conf.check_certificate);
	assert_int_equal(n->conf.min_tls, TLS1_3_VERSION);
	assert_true(n->conf.no_ipv6);
	assert_string_equal(n->conf.interface, "127.0.0.1");
	assert_int_equal(n->conf.rcvbuf, 65536);
	assert_int_equal(n->conf.dscp, 63);
	assert_string_equal(n->conf.congestion, "reno");
	assert_string_equal(n->conf.overrides, "a:1:192.0.2.1\nb:2:192.0.2.2\n");
	assert_ptr_equal(net_loop(n), &x->l);
	net_free(n);
}

static void test_missing_ca_file_is_an_error(void **state)
{
	static const char *const pairs[][2] = {{"ca-certificate", "/nonexistent/ca.pem"}};
	struct fixture *x = *state;
	struct opts *o = options(pairs, 1);
	struct fail f = {0};
	struct net *n;

	assert_int_equal(net_new(&x->l, o, &n, &f), ERR_TLS);
	assert_string_equal(
		f.text, "can't read the certificate authorities in /nonexistent/ca.pem: No such file or directory");
	opts_unref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults_are_the_table, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_all_are_read, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_missing_ca_file_is_an_error, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
