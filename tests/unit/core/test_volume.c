/* SPDX-License-Identifier: MIT
 * Tests of the records of full file systems: who is let in when, in which order, what is kept for whom, how often is
 * looked, what is said. File systems are numbers here; time is real, so waits are cut short by starting the timer anew.
 */
#include "core/volume.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <cmocka.h>

#include "disk/fs.h"

#define MIB (1 << 20)

static struct loop loop;
static struct volumes *all;
/* Two file systems: that of folders whose name has an 'a', and the other one. */
static _Atomic uint64_t free_mib[2];
static atomic_int looks;
static atomic_bool broken;
static char order[64]; /* letters of those that were let in */

static int fake_openat(int dir, const char *path, int flags, mode_t mode)
{
	(void)dir;
	(void)flags;
	(void)mode;
	looks++;
	errno = EIO;
	return broken ? -1 : fs_real.openat(AT_FDCWD, strchr(path, 'a') ? "/dev/null" : "/", O_PATH | O_CLOEXEC, 0);
}

static size_t which(int fd)
{
	struct stat st;

	return fs_real.fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

static int fake_fstat(int fd, struct stat *ret)
{
	*ret = (struct stat){.st_dev = 1 + which(fd)};
	return 0;
}

static int fake_fstatat(int dir, const char *path, struct stat *ret, int flags)
{
	(void)dir;
	(void)path;
	(void)flags;
	*ret = (struct stat){.st_dev = 99};
	return 0;
}

static int fake_fstatvfs(int fd, struct statvfs *ret)
{
	*ret = (struct statvfs){.f_frsize = MIB, .f_bavail = free_mib[which(fd)], .f_blocks = 1000, .f_files = 10, .f_favail = 5};
	return 0;
}

static const struct fs_ops fake_fs = {
	.openat = fake_openat, .fstat = fake_fstat, .fstatat = fake_fstatat, .fstatvfs = fake_fstatvfs};

struct man {
	struct volume_waiter w;
	char letter;
	uint64_t owes;
	unsigned ins;
};

static void on_in(void *arg)
{
	struct man *m = arg;
	size_t n = strlen(order);

	m->ins++;
	m->owes = m->w.need;
	order[n] = m->letter;
	order[n + 1] = '\0';
}

static uint64_t man_owes(void *arg, uint64_t need)
{
	(void)need;
	return ((struct man *)arg)->owes;
}

static struct man man(char letter)
{
	return (struct man){.w = {.cb = on_in, .owes = man_owes}, .letter = letter};
}

static int setup(void **state)
{
	(void)state;
	free_mib[0] = free_mib[1] = 0;
	looks = 0;
	broken = false;
	order[0] = '\0';
	all = NULL;
	if (loop_init(&loop, MIB) != 0)
		return -1;
	all = volumes_new(&loop, &fake_fs);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	volumes_free(all); /* dies when somebody is left */
	return loop_close(&loop);
}

static void wait_for(struct man *m, const char *dir, uint64_t mib, uint64_t reserve_mib)
{
	m->w.arg = m;
	volume_wait(all, &m->w, dir, mib * MIB, reserve_mib * MIB, "the disk is full");
	while (m->w.look != NULL)
		uv_run(&loop.uv, UV_RUN_ONCE);
}

/* The next look at the file system that m waits for, at once. */
static void look_now(struct man *m)
{
	struct volume *v = m->w.v;
	int before = looks;

	timer_start(&loop, &v->timer, 0, 0, on_timer, v);
	while (looks == before || v->look != NULL)
		uv_run(&loop.uv, UV_RUN_ONCE);
}

static const char *explain(const struct man *m)
{
	static struct fail f;

	volume_explain(&m->w, &f);
	return f.text;
}

static void waits_until_there_is_room(void **state)
{
	struct man m = man('m');

	(void)state;
	free_mib[0] = 9;
	assert_string_equal(explain(&m), "");
	wait_for(&m, "/a", 10, 2);
	assert_int_equal(volumes_waiting(all), 1);
	assert_string_equal(explain(&m), "no room on /a: needs 10MiB, 9.0MiB free, 2.0MiB to be left");
	look_now(&m);
	assert_int_equal(m.ins, 0);
	free_mib[0] = 11; /* the reserve counts */
	look_now(&m);
	assert_int_equal(m.ins, 0);
	free_mib[0] = 12;
	look_now(&m);
	assert_int_equal(m.ins, 1);
	assert_false(volume_is_waiting(&m.w));
	assert_string_equal(explain(&m), "");
	assert_int_equal(volumes_waiting(all), 0);
	volume_leave(&m.w);
	volume_leave(&m.w);
}

static void a_first_look_lets_nobody_in(void **state)
{
	struct man m = man('m');

	(void)state;
	free_mib[0] = 900; /* and yet it met ENOSPC: a quota, or somebody was faster */
	wait_for(&m, "/a", 10, 0);
	assert_int_equal(m.ins, 0);
	assert_string_equal(explain(&m), "no room: the disk is full");
	assert_int_equal(m.w.v->every, 2000);
	look_now(&m);
	assert_int_equal(m.ins, 1);
	wait_for(&m, "/a", 10, 0); /* the same again: it is not looked at as often any more */
	assert_int_equal(m.ins, 1);
	assert_int_equal(m.w.v->every, 4000);
	volume_leave(&m.w);
}

static void looks_grow_rare(void **state)
{
	struct man m = man('m');

	(void)state;
	wait_for(&m, "/a", 10, 0);
	for (int i = 0; i < 8; i++)
		look_now(&m);
	assert_int_equal(m.w.v->every, 60000);
	assert_true(timer_running(&m.w.v->timer));
	volume_leave(&m.w);
}

static void in_order_and_never_into_the_same_room(void **state)
{
	struct man a = man('1'), b = man('2'), c = man('3');

	(void)state;
	wait_for(&a, "/a", 10, 0);
	wait_for(&b, "/a", 10, 0);
	wait_for(&c, "/a", 4, 0);
	assert_int_equal(volumes_waiting(all), 3);
	free_mib[0] = 15;
	look_now(&a);
	assert_string_equal(order, "13"); /* the second does not fit beside the first, the third does */
	assert_string_equal(explain(&b), "no room on /a: needs 10MiB, 15MiB free, 14MiB for others");
	look_now(&b);
	assert_string_equal(order, "13"); /* still promised */
	a.owes = c.owes = 0;
	free_mib[0] = 1; /* it was taken */
	look_now(&b);
	assert_string_equal(explain(&b), "no room on /a: needs 10MiB, 1.0MiB free");
	volume_leave(&a.w);
	free_mib[0] = 10;
	look_now(&b);
	assert_string_equal(order, "132");
	volume_leave(&b.w);
	volume_leave(&c.w);
}

static void says_what_is_kept_for_others(void **state)
{
	struct man a = man('1'), b = man('2');

	(void)state;
	wait_for(&a, "/a", 10, 0);
	wait_for(&b, "/a", 12, 0);
	free_mib[0] = 11;
	look_now(&a);
	assert_string_equal(order, "1");
	assert_string_equal(explain(&b), "no room on /a: needs 12MiB, 11MiB free, 10MiB for others");
	volume_leave(&a.w);
	volume_leave(&b.w);
}

static void each_file_system_for_itself(void **state)
{
	struct man a = man('1'), b = man('2');

	(void)state;
	free_mib[1] = 100;
	wait_for(&a, "/a", 10, 0);
	wait_for(&b, "/b", 10, 0);
	assert_ptr_not_equal(a.w.v, b.w.v);
	look_now(&b);
	assert_string_equal(order, "2");
	volume_leave(&a.w);
	volume_leave(&b.w);
}

static void may_leave_at_any_time(void **state)
{
	struct man a = man('1'), b = man('2');

	(void)state;
	a.w.arg = &a;
	volume_wait(all, &a.w, "/a", MIB, 0, "full"); /* its look is under way */
	volume_leave(&a.w);
	wait_for(&b, "/a", 10, 0);
	timer_start(&loop, &b.w.v->timer, 0, 0, on_timer, b.w.v);
	while (b.w.v->look == NULL)
		uv_run(&loop.uv, UV_RUN_ONCE);
	volume_leave(&b.w); /* that of the record is */
	assert_int_equal(volumes_waiting(all), 0);
}

static void an_unmounted_disk_is_tried(void **state)
{
	struct man a = man('1'), b = man('2');

	(void)state;
	wait_for(&a, "/a", 10, 0);
	wait_for(&b, "/a", 10, 0);
	for (int i = 0; i < 8; i++)
		look_now(&a);
	broken = true;
	look_now(&a);
	assert_string_equal(order, "1");
	assert_int_equal(b.w.v->every, 2000); /* the next one need not wait for another minute */
	look_now(&b);
	assert_string_equal(order, "12");
	volume_leave(&a.w);
	volume_leave(&b.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(waits_until_there_is_room), T(a_first_look_lets_nobody_in), T(looks_grow_rare),
		T(in_order_and_never_into_the_same_room), T(says_what_is_kept_for_others), T(each_file_system_for_itself),
		T(may_leave_at_any_time), T(an_unmounted_disk_is_tried)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
