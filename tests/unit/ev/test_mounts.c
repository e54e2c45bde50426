/* SPDX-License-Identifier: MIT
 * Tests of telling file systems apart by their mount points.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "ev/mounts.c"

static struct loop loop;

static const char table[] =
	"22 27 0:21 / /proc rw,relatime - proc proc rw\n"
	"27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
	"30 27 8:1 / /mnt rw - ext4 /dev/sda1 rw\n"
	"31 30 0:50 / /mnt/nas rw - nfs4 nas:/vol rw,hard\n"
	"32 27 0:51 /sub /mnt/with\\040blank\\134x rw - btrfs /dev/sdb rw\n"
	"33 27 8:1 /home /home rw - ext4 /dev/sda1 rw\n"
	"34 30 0:60 / /mnt/nas rw - autofs systemd-1 rw\n"
	"35 30 0:61 / /mnt/nas rw - nfs4 other:/vol rw\n"
	"nonsense\n"
	"36 27 x:1 / /odd rw - ext4 none rw\n"
	"37 27 9:1\n";

static uint64_t standing_clock(void *arg)
{
	(void)arg;
	return 1;
}

static int setup(void **state)
{
	char *text = xstrdup(table);

	(void)state;
	loop = (struct loop){0};
	if (loop_init(&loop, 0) != 0)
		return -1;
	loop.clock_ms = standing_clock;
	mounts_dev(&loop, "/"); /* the real table, so that it is not read any more */
	read_text(loop.mounts, text);
	free(text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return loop_close(&loop);
}

static void check(const char *path, unsigned major, unsigned minor)
{
	uint64_t got = mounts_dev(&loop, path), want = makedev(major, minor);

	if (got != want)
		fail_msg("%s: %llx, not %llx", path, (unsigned long long)got, (unsigned long long)want);
}

static void test_longest(void **state)
{
	(void)state;
	check("/", 254, 0);
	check("/tmp/a", 254, 0);
	check("/mnt", 8, 1);
	check("/mnt/", 8, 1);
	check("/mnt/nasty", 8, 1);
	check("/mntx/a", 254, 0);
	check("/home/u/dl", 8, 1);
	check("/mnt/nas", 0, 61);
	check("/mnt/nas/a/b", 0, 61);
	check("//mnt/.//nas//a", 0, 61);
	check("/mnt/with blank\\x/y", 0, 51);
	check("/odd/y", 254, 0);
}

static void test_not_known(void **state)
{
	(void)state;
	assert_int_equal(mounts_dev(&loop, "/mnt/../tmp"), 0);
	assert_int_equal(mounts_dev(&loop, ".."), 0);
	check("/mnt/..x", 8, 1);
	forget_all(loop.mounts);
	loop.mounts->n = 0;
	close(loop.mounts->fd);
	loop.mounts->fd = -1; /* no /proc */
	assert_int_equal(mounts_dev(&loop, "/tmp"), 0);
	assert_int_equal(mounts_learn(&loop, "/tmp", 5), 0);
}

/* A folder behind a link counts as what was found there, and so does what lies below. */
static void test_learned(void **state)
{
	uint64_t nas = makedev(0, 61), root = makedev(254, 0);

	(void)state;
	assert_int_equal(mounts_learn(&loop, "/srv/link", nas), nas);
	check("/srv/link", 0, 61);
	check("/srv/link/a", 0, 61);
	check("/srv/linked", 254, 0);
	assert_int_equal(mounts_learn(&loop, "/srv/link/", root), root);
	check("/srv/link/a", 254, 0);
	/* a subvolume: nobody knows it by that number */
	assert_int_equal(mounts_learn(&loop, "/mnt/with blank\\x", 0x123456), makedev(0, 51));
	check("/mnt/with blank\\x/y", 0, 51);
	/* what is mounted below is nearer */
	assert_int_equal(mounts_learn(&loop, "/mnt", root), root);
	check("/mnt/x", 254, 0);
	check("/mnt/nas/x", 0, 61);
}

static void test_learned_are_bounded(void **state)
{
	uint64_t nas = makedev(0, 61);
	char path[32];

	(void)state;
	for (int i = 0; i < 3 * LEARNED; i++) {
		snprintf(path, sizeof(path), "/srv/%d", i);
		mounts_learn(&loop, path, nas);
	}
	check("/srv/0", 254, 0);
	check(path, 0, 61);
}

/* The kernel's own table: of what is here stat says the same. */
static void test_real(void **state)
{
	static const char *const paths[] = {"/", "/proc", "/proc/sys", "/dev/shm"};
	struct loop l = {0};
	struct stat st;

	(void)state;
	assert_int_equal(loop_init(&l, 0), 0);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (stat(paths[i], &st) < 0)
			continue;
		uint64_t as = mounts_dev(&l, paths[i]);
		if (is_mounted(l.mounts, st.st_dev)) /* else a subvolume */
			assert_int_equal(as, st.st_dev);
	}
	assert_int_equal(mounts_dev(&l, "some/folder"), mounts_dev(&l, "."));
	assert_int_equal(loop_close(&l), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_longest), T(test_not_known), T(test_learned), T(test_learned_are_bounded), T(test_real)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
