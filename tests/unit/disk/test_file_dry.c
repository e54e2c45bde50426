/* SPDX-License-Identifier: MIT
 * Tests of dfile_open that only looks: which name would be taken, what lies there already, and that nothing is made.
 */
#include "disk_test.h"

#include <dirent.h>
#include <sys/stat.h>

static struct dfile_req dry_of(struct disk_test *t, const char *name, enum open_how how)
{
	struct dfile_req req = req_of(t, name, how);

	req.dry = true;
	return req;
}

/* The outcome of a look at `name`. */
static int look(struct disk_test *t, const char *name, enum open_how how, int64_t total)
{
	struct dfile_req req = dry_of(t, name, how);
	int err;

	req.total = total;
	err = do_open(t, &req);
	assert_null(t->file);
	return err;
}

static void expect(struct disk_test *t, const char *name, int64_t size, const char *content)
{
	assert_string_equal(t->path, at(t, name));
	assert_int_equal(t->found_size, size);
	assert_string_equal(t->found, content);
}

static unsigned entries(const struct disk_test *t)
{
	DIR *d = opendir(t->dir);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void test_nothing_there(void **state)
{
	static const enum open_how hows[] = {OPEN_NEW, OPEN_CONTINUE, OPEN_OVERWRITE};
	struct disk_test *t = *state;

	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
		assert_int_equal(look(t, "a.bin", hows[i], 5), 0);
		expect(t, "a.bin", -1, "");
		assert_int_equal(look(t, "x/y/a.bin", hows[i], 5), 0);
		expect(t, "x/y/a.bin", -1, "");
		assert_false(t->unfinished);
	}
	assert_int_equal(entries(t), 2); /* . and .. */
}

static void test_no_dir(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = dry_of(t, "s/a.bin", OPEN_NEW);
	char deep[128];

	snprintf(deep, sizeof(deep), "%s/not/made", t->dir);
	req.dir = deep;
	assert_int_equal(do_open(t, &req), 0);
	assert_string_equal(t->path, at(t, "not/made/s/a.bin"));
	assert_int_equal(entries(t), 2);
	put_file(t, "plain", "x");
	snprintf(deep, sizeof(deep), "%s/plain/sub", t->dir);
	assert_int_equal(do_open(t, &req), ERR_MKDIR);
}

static void test_file_there(void **state)
{
	struct disk_test *t = *state;
	struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1234567890}};

	put_file(t, "a.bin", "old");
	assert_int_equal(utimensat(AT_FDCWD, at(t, "a.bin"), times, 0), 0);
	assert_int_equal(look(t, "a.bin", OPEN_NEW, 5), 0);
	expect(t, "a.1.bin", 3, "old");
	assert_int_equal(t->found_mtime, 1234567890);
	assert_int_equal(look(t, "a.bin", OPEN_CONTINUE, 5), 0);
	expect(t, "a.bin", 3, "old");
	assert_int_equal(look(t, "a.bin", OPEN_CONTINUE, 3), 0);
	expect(t, "a.bin", 3, "old");
	assert_int_equal(look(t, "a.bin", OPEN_CONTINUE, 2), 0);
	expect(t, "a.1.bin", 3, "old");
	assert_int_equal(look(t, "a.bin", OPEN_OVERWRITE, -1), 0);
	expect(t, "a.bin", 3, "old");
	put_file(t, "a.1.bin", "x");
	put_file(t, "a.2.bin.part", "x");
	assert_int_equal(look(t, "a.bin", OPEN_NEW, 5), 0);
	expect(t, "a.3.bin", 3, "old");
	assert_int_equal(entries(t), 5);
	assert_file(t, "a.bin", "old");
}

static void test_no_renaming(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = dry_of(t, "a.bin", OPEN_NEW);

	put_file(t, "a.bin", "old");
	req.rename = false;
	assert_int_equal(do_open(t, &req), ERR_EXISTS);
	req.how = OPEN_OVERWRITE;
	assert_int_equal(do_open(t, &req), 0);
	assert_string_equal(t->path, at(t, "a.bin"));
}

static void test_unfinished(void **state)
{
	struct disk_test *t = *state;

	put_file(t, "a.bin", "old");
	put_file(t, "a.bin.aria2", "");
	assert_int_equal(look(t, "a.bin", OPEN_OVERWRITE, -1), 0);
	assert_true(t->unfinished);
	put_file(t, "b.bin.part", "");
	assert_int_equal(look(t, "b.bin", OPEN_OVERWRITE, -1), 0);
	assert_true(t->unfinished);
	assert_int_equal(look(t, "b.bin", OPEN_NEW, -1), 0);
	assert_string_equal(t->path, at(t, "b.1.bin"));
}

/* What is no regular file is nobody's beginning, and is not opened. */
static void test_odd_things(void **state)
{
	struct disk_test *t = *state;

	assert_int_equal(mkdir(at(t, "d"), 0755), 0);
	assert_int_equal(mkfifo(at(t, "f"), 0644), 0);
	assert_int_equal(symlink("d", at(t, "l")), 0);
	for (const char *const *n = (const char *const[]){"d", "f", "l", NULL}; *n; n++) {
		char want[8];

		snprintf(want, sizeof(want), "%s.1", *n);
		assert_int_equal(look(t, *n, OPEN_OVERWRITE, -1), 0);
		expect(t, want, -1, "");
	}
	assert_int_equal(look(t, "l/x", OPEN_NEW, -1), ERR_CREATE);
}

/* check_whole reports a file of full size, whatever else would be done about it. */
static void test_check_whole(void **state)
{
	static const enum open_how hows[] = {OPEN_NEW, OPEN_CONTINUE, OPEN_OVERWRITE};
	struct disk_test *t = *state;

	put_file(t, "a.bin", "old");
	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
		struct dfile_req req = req_of(t, "a.bin", hows[i]);

		req.check_whole = true;
		req.total = 3;
		assert_int_equal(do_open(t, &req), 0);
		assert_null(t->file);
		assert_true(t->exists_whole);
		expect(t, "a.bin", 3, "old");
	}
	for (int64_t total = -1; total < 6; total += 3) { /* another size, or none */
		struct dfile_req req = req_of(t, "a.bin", OPEN_NEW);

		req.check_whole = true;
		req.total = total == 2 ? 4 : total;
		assert_int_equal(do_open(t, &req), 0);
		assert_false(t->exists_whole);
		assert_string_equal(t->path, at(t, "a.1.bin"));
		do_close(t, t->file, true);
	}
	assert_int_equal(entries(t), 3);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_nothing_there),
		T(test_no_dir),
		T(test_file_there),
		T(test_no_renaming),
		T(test_unfinished),
		T(test_odd_things),
		T(test_check_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
