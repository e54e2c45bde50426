/* SPDX-License-Identifier: MIT
 * Tests of looking at a file system's room.
 */
#include "disk_test.h"

#include "disk/room.h"

static void tells_what_statvfs_tells(void **state)
{
	struct disk_test *t = *state;
	struct statvfs v;
	struct stat st;
	struct room r;

	fault.room = 10 << 20;
	assert_int_equal(statvfs(t->dir, &v), 0);
	assert_int_equal(stat(t->dir, &st), 0);
	room_look(&fs_faulty, t->dir, &r);
	assert_int_equal(r.free, 10 << 20);
	assert_int_equal(r.size, (uint64_t)v.f_blocks * v.f_frsize);
	assert_int_equal(r.dev, st.st_dev);
	assert_true(r.files);
	assert_int_equal(strncmp(r.where, t->dir, strlen(r.where)), 0); /* a folder above it, or it */
	assert_int_equal(stat(r.where, &st), 0);
	assert_int_equal(r.dev, st.st_dev);
}

static void a_folder_to_be_made_counts_as_its_parent(void **state)
{
	struct disk_test *t = *state;
	struct room r, want;

	room_look(&fs_faulty, t->dir, &want);
	room_look(&fs_faulty, at(t, "not/there/yet"), &r);
	assert_int_equal(r.dev, want.dev);
	assert_string_equal(r.where, want.where);
	put_file(t, "file", "");
	room_look(&fs_faulty, at(t, "file/below"), &r);
	assert_int_equal(r.dev, want.dev);
}

static void what_cannot_be_looked_at_has_no_number(void **state)
{
	struct disk_test *t = *state;
	struct room r;

	fail_at("openat", 1, EACCES);
	room_look(&fs_faulty, t->dir, &r);
	assert_int_equal(r.dev, 0);
	assert_true(r.free == UINT64_MAX);
	fail_at("fstatvfs", 1, EIO);
	room_look(&fs_faulty, t->dir, &r);
	assert_int_not_equal(r.dev, 0);
	assert_true(r.free == UINT64_MAX && r.size == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(tells_what_statvfs_tells), T(a_folder_to_be_made_counts_as_its_parent), T(what_cannot_be_looked_at_has_no_number)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
