/* SPDX-License-Identifier: MIT
 * Tests of syncing by name: what can be synced, and what the caller is told otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/durable.h"

static void test_synced(void **state)
{
	char dir[] = "/tmp/haul-durable-XXXXXX", path[64];
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	assert_int_equal(durable_file(path), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(durable_folder_of(path), 0); /* a file was removed from it, say */
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(durable_file(path), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(durable_file(path), -1); /* not what was written */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(durable_folder_of(path), -1);
	assert_int_equal(errno, ENOENT);
}

static void test_places(void **state)
{
	(void)state;
	assert_int_equal(durable_folder_of("name"), 0);
	assert_int_equal(durable_folder_of("/name"), 0);
	assert_int_equal(durable_folder_of("/proc/self/name"), 0); /* a file system that can't */
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_synced), cmocka_unit_test(test_places)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
