/* SPDX-License-Identifier: MIT
 * Tests of folders by descriptor: what is made, which links are followed, and a link that comes and goes meanwhile; each with
 * openat2 and on a kernel without it.
 */
#include "disk_test.h"

#include <sys/stat.h>
#include <uv.h>

#include "disk/folder.h"

static const int kernels[] = {0, ENOSYS, EPERM};

/* From now on open_beneath fails with `cause`; 0: works. */
static void kernel(int cause)
{
	fail_at("open_beneath", cause ? 1 : 0, cause);
	fault.lasting = true;
}

/* Opens t->dir/PATH below t->dir/root; makes it. The descriptor, or the error. */
static int open_in(struct disk_test *t, const char *path, bool make, struct fail *f)
{
	char root[128], dir[256];
	int fd = -1, err;

	snprintf(root, sizeof(root), "%s/root", t->dir);
	snprintf(dir, sizeof(dir), "%s/root%s", t->dir, path);
	err = folder_open(&fs_faulty, &(struct folder_req){.root = root, .dir = dir, .make = make}, &fd, f);
	return err ? err : fd;
}

/* The descriptor is of t->dir/WANT. */
static void assert_is(struct disk_test *t, int fd, const char *want)
{
	struct stat a, b;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(stat(at(t, want), &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	close(fd);
}

static void test_made(void **state)
{
	struct disk_test *t = *state;
	struct fail f;

	for (size_t i = 0; i < 3; i++) {
		char path[32], want[64];

		kernel(kernels[i]);
		snprintf(path, sizeof(path), "/a%zu//b/./c/", i);
		snprintf(want, sizeof(want), "root/a%zu/b/c", i);
		assert_int_equal(open_in(t, path, false, &f), ERR_NOT_FOUND);
		assert_is(t, open_in(t, path, true, &f), want);
		assert_is(t, open_in(t, path, true, &f), want);
		assert_is(t, open_in(t, "", true, &f), "root");
		assert_is(t, open_in(t, "/", true, &f), "root");
	}
}

static void test_root_is_its_owners(void **state)
{
	struct disk_test *t = *state;
	struct fail f;

	assert_int_equal(mkdir(at(t, "real"), 0755), 0);
	assert_int_equal(symlink("real", at(t, "root")), 0);
	for (size_t i = 0; i < 3; i++) {
		kernel(kernels[i]);
		assert_is(t, open_in(t, "/x", true, &f), "real/x");
	}
}

static void test_links_lead_nowhere_else(void **state)
{
	static const char *const out[] = {"/abs", "/up", "/abs/x", "/up/x/y", "/sub/up2/x", "/chain"};
	struct disk_test *t = *state;
	struct fail f;

	for (const char *const *d = (const char *const[]){"outside", "root", "root/sub", NULL}; *d; d++)
		assert_int_equal(mkdir(at(t, *d), 0755), 0);
	assert_int_equal(symlink(at(t, "outside"), at(t, "root/abs")), 0);
	assert_int_equal(symlink("../outside", at(t, "root/up")), 0);
	assert_int_equal(symlink("../../outside", at(t, "root/sub/up2")), 0);
	assert_int_equal(symlink("sub/up2", at(t, "root/chain")), 0);
	for (size_t k = 0; k < 3; k++) {
		kernel(kernels[k]);
		for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++) {
			assert_int_equal(open_in(t, out[i], true, &f), ERR_CREATE);
			assert_non_null(strstr(f.text, "allowed-dirs"));
		}
		assert_int_equal(rmdir(at(t, "outside")), 0); /* nothing was made in it */
		assert_int_equal(mkdir(at(t, "outside"), 0755), 0);
	}
}

static void test_links_within(void **state)
{
	struct disk_test *t = *state;
	struct fail f;

	assert_int_equal(mkdir(at(t, "root"), 0755), 0);
	assert_int_equal(mkdir(at(t, "root/sub"), 0755), 0);
	assert_int_equal(mkdir(at(t, "root/sub/deep"), 0755), 0);
	assert_int_equal(mkdir(at(t, "root/other"), 0755), 0);
	assert_int_equal(symlink("sub", at(t, "root/in")), 0);
	assert_int_equal(symlink("../..//./other/../other", at(t, "root/sub/deep/over")), 0);
	assert_int_equal(symlink("../in/deep/over/", at(t, "root/sub/chain")), 0);
	assert_int_equal(symlink("./in/./../.", at(t, "root/top")), 0); /* what lies behind a link counts */
	assert_int_equal(symlink("round", at(t, "root/round")), 0);
	for (size_t i = 0; i < 3; i++) {
		kernel(kernels[i]);
		assert_is(t, open_in(t, "/in/x", true, &f), "root/sub/x");
		assert_is(t, open_in(t, "/in", true, &f), "root/sub");
		assert_is(t, open_in(t, "/in/deep/over/y", true, &f), "root/other/y");
		assert_is(t, open_in(t, "/in/chain", false, &f), "root/other");
		assert_is(t, open_in(t, "/top", false, &f), "root");
		assert_is(t, open_in(t, "/top/in/deep", false, &f), "root/sub/deep");
		assert_int_equal(open_in(t, "/round/x", true, &f), ERR_MKDIR);
		assert_non_null(strstr(f.text, "levels of symbolic links"));
	}
}

static void test_not_a_folder(void **state)
{
	struct disk_test *t = *state;
	struct fail f;

	assert_int_equal(mkdir(at(t, "root"), 0755), 0);
	put_file(t, "root/plain", "x");
	for (size_t i = 0; i < 3; i++) {
		kernel(kernels[i]);
		assert_int_equal(open_in(t, "/plain", true, &f), ERR_MKDIR);
		assert_int_equal(open_in(t, "/plain/x", true, &f), ERR_MKDIR);
	}
	assert_file(t, "root/plain", "x");
}

/* ---- somebody swaps a folder of the way for a link all the time ---- */

struct swapper {
	struct disk_test *t;
	atomic_bool stop;
	long swaps;
};

static void swap(void *arg)
{
	struct swapper *s = arg;
	char dir[256], link[256];

	snprintf(dir, sizeof(dir), "%s/root/d", s->t->dir);
	snprintf(link, sizeof(link), "%s/root/l", s->t->dir);
	while (!atomic_load(&s->stop)) {
		renameat2(AT_FDCWD, dir, AT_FDCWD, link, RENAME_EXCHANGE);
		s->swaps++;
	}
}

static void test_swapped_meanwhile(void **state)
{
	struct disk_test *t = *state;
	struct swapper s = {.t = t};
	uv_thread_t thread;
	struct fail f;
	struct stat st, outside;

	for (const char *const *d = (const char *const[]){"outside", "root", "root/d", NULL}; *d; d++)
		assert_int_equal(mkdir(at(t, *d), 0755), 0);
	assert_int_equal(symlink("../outside", at(t, "root/l")), 0);
	assert_int_equal(stat(at(t, "outside"), &outside), 0);
	assert_int_equal(uv_thread_create(&thread, swap, &s), 0);
	for (size_t i = 0; i < 6000; i++) {
		char path[64];
		int fd;

		kernel(kernels[i % 3]);
		snprintf(path, sizeof(path), i % 2 ? "/d" : "/d/x%zu/y", i);
		fd = open_in(t, path, true, &f);
		if (fd < 0)
			continue;
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_not_equal(st.st_ino, outside.st_ino);
		close(fd);
	}
	atomic_store(&s.stop, true);
	uv_thread_join(&thread);
	assert_true(s.swaps > 1000);
	assert_int_equal(rmdir(at(t, "outside")), 0); /* nothing was made in it */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_made), TEST(test_root_is_its_owners), TEST(test_links_lead_nowhere_else),
		TEST(test_links_within), TEST(test_not_a_folder), TEST(test_swapped_meanwhile)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
