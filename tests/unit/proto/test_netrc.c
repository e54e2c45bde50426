/* SPDX-License-Identifier: MIT
 * .netrc: words, comments, macros, the exact host, and files that others can read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "proto/netrc.h"

static void check(const struct netrc *n, const char *host, const char *user, const char *passwd)
{
	const struct netrc_login *l = netrc_find(n, host);

	if (user == NULL) {
		assert_null(l);
		return;
	}
	assert_non_null(l);
	assert_string_equal(l->user, user);
	assert_string_equal(l->passwd, passwd);
}

static struct netrc *parse(const char *text)
{
	return netrc_parse(text, strlen(text));
}

static void test_words(void **state)
{
	struct netrc *n = parse("# machine no login no\n"
				"machine a.example login joe password s3cret # comment machine x\n"
				"machine B.Example\n\tpassword p#w\n\tlogin ann account acc\n"
				"machine a.example login second password second\n"
				"machine nologin password x\nmachine nopasswd login only\n"
				"macdef init\nmachine macro login m password m\ncd /x\n\n"
				"machine after login z password z\n"
				".example.org machine\n"
				"default login all password all");

	(void)state;
	check(n, "a.example", "joe", "s3cret");
	check(n, "b.example", "ann", "p#w");
	check(n, "nologin", NULL, NULL);
	check(n, "nopasswd", "only", "");
	check(n, "macro", NULL, NULL);
	check(n, "no", NULL, NULL);
	check(n, "x", NULL, NULL);
	check(n, "after", "z", "z");
	check(n, "sub.a.example", NULL, NULL);
	check(n, "example", NULL, NULL);
	check(n, "", NULL, NULL);
	check(NULL, "a.example", NULL, NULL);
	netrc_free(n);
}

static void test_broken(void **state)
{
	static const char *const texts[] = {"", "machine", "login x password y", "machine a login", "macdef", "macdef x",
		"default", "machine a password", "#", "machine a login u machine", "\n\n\n", "macdef x\n\nmachine"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct netrc *n = parse(texts[i]);

		check(n, "h", NULL, NULL);
		netrc_free(n);
	}
}

/* A suffix entry of aria2's is for no host. */
static void test_exact_only(void **state)
{
	struct netrc *n = parse("machine .example.org login u password p");

	(void)state;
	check(n, "www.example.org", NULL, NULL);
	check(n, "example.org", NULL, NULL);
	netrc_free(n);
}

static int load(const char *path, mode_t mode, struct netrc **ret)
{
	struct fail f = {0};
	int r;

	assert_int_equal(chmod(path, mode), 0);
	r = netrc_load(path, ret, &f);
	if (r < 0)
		assert_null(strstr(f.text, "s3cret"));
	return r;
}

static void test_file(void **state)
{
	const char *dir = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
	char *path = xasprintf("%s/netrc.%d", dir, (int)getpid());
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct netrc *n = NULL;
	struct fail f;

	(void)state;
	assert_true(fd >= 0 && write(fd, "machine h login u password s3cret\n", 34) == 34);
	assert_int_equal(load(path, 0600, &n), 0);
	check(n, "h", "u", "s3cret");
	netrc_free(n);
	n = NULL;
	assert_int_equal(load(path, 0640, &n), ERR_OPEN);
	assert_int_equal(load(path, 0602, &n), ERR_OPEN);
	assert_int_equal(ftruncate(fd, NETRC_FILE_MAX + 1), 0);
	assert_int_equal(load(path, 0600, &n), ERR_OPEN);
	assert_null(n);
	close(fd);
	unlink(path);
	assert_int_equal(netrc_load(path, &n, &f), ERR_NOT_FOUND);
	assert_int_equal(netrc_load(dir, &n, &f), ERR_OPEN);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_exact_only),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
