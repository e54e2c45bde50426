/* SPDX-License-Identifier: MIT
 * Tests of the folders that callers may name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/dirs.h"

static void below_the_roots(void **state)
{
	static const char *const good[] = {"/dl", "/dl/", "/dl/a", "/dl//a/b", "/dl/..a", "/dl/a..", "/mnt/x", "/mnt/x/y", "/srv"};
	static const char *const bad[] = {"", "/", "dl", "/d", "/dl2", "/dlx/a", "/dl/..", "/dl/../etc", "/dl/a/../../etc", "..",
		"../dl", "/mnt", "/mnt/xy", "/srvx", "//dl", "/./dl"};
	struct opts *o = opts_new(NULL);

	(void)state;
	assert_int_equal(opts_set(o, OPT_DIR, "/dl", NULL), 0);
	assert_int_equal(opts_set(o, OPT_ALLOWED_DIRS, "/mnt/x/", NULL), 0);
	assert_int_equal(opts_set(o, OPT_ALLOWED_DIRS, "/srv", NULL), 0);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!dirs_allow(o, good[i]))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (dirs_allow(o, bad[i]))
			fail_msg("allowed: %s", bad[i]);
	assert_false(dirs_allow(o, NULL));
	opts_unref(o);
}

static void everything(void **state)
{
	struct opts *o = opts_new(NULL);

	(void)state;
	assert_int_equal(opts_set(o, OPT_DIR, "/dl", NULL), 0);
	assert_int_equal(opts_set(o, OPT_ALLOWED_DIRS, "/", NULL), 0);
	assert_true(dirs_allow(o, "/"));
	assert_true(dirs_allow(o, "/etc"));
	assert_false(dirs_allow(o, "etc"));
	assert_false(dirs_allow(o, "/dl/../etc"));
	opts_unref(o);
}

static void roots_are_whole_paths(void **state)
{
	static const char *const bad[] = {"x", "./x", "/a/..", "/a/../b", ".."};
	struct opts *o = opts_new(NULL);
	struct fail f;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(opts_set(o, OPT_ALLOWED_DIRS, bad[i], &f), ERR_INVAL);
	opts_unref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(below_the_roots), cmocka_unit_test(everything),
		cmocka_unit_test(roots_are_whole_paths)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
