/* SPDX-License-Identifier: MIT
 * Tests of the folder of a private daemon: other commands remove it at the worst moments.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the command before does while ours opens and locks the folder. */
static struct {
	char dir[64];
	int at_open, at_lock; /* so often it removes the folder before the one and before the other */
} before;

static void remove_if(int *times)
{
	if (*times > 0 && --*times >= 0)
		assert_int_equal(rmdir(before.dir), 0);
}

static int slow_open(const char *path, int flags)
{
	remove_if(&before.at_open);
	return open(path, flags);
}

static int slow_flock(int fd, int how)
{
	remove_if(&before.at_lock);
	return flock(fd, how);
}

#define open(path, flags) slow_open(path, flags)
#define flock(fd, how)	  slow_flock(fd, how)
#include "client/private.c"
#undef open
#undef flock

/* What is not needed for a folder. */
struct rpc *rpc_begin(struct endpoint *ep, char *secret, int intr_fd)
{
	(void)ep;
	(void)secret;
	(void)intr_fd;
	return NULL;
}

void rpc_end(struct rpc *r)
{
	(void)r;
}

void rpc_disconnect(struct rpc *r)
{
	(void)r;
}

json_t *rpc_call(struct rpc *r, const char *method, json_t *params, struct fail *f)
{
	(void)r;
	(void)method;
	(void)params;
	(void)f;
	return NULL;
}

int endpoint_parse(const char *text, struct endpoint *ret, struct fail *f)
{
	(void)text;
	(void)ret;
	return fail_set(f, ERR_USAGE, NULL);
}

int64_t term_now(void)
{
	static int64_t now;
	return now += 10; /* waiting takes no time */
}

static int try_open(int at_open, int at_lock, struct private *p, struct fail *f)
{
	before.at_open = at_open;
	before.at_lock = at_lock;
	*p = (struct private){.dir = before.dir, .fd = -1};
	return open_dir(p, f);
}

static void a_removed_folder_is_made_again(void **state)
{
	static const int removed[][2] = {{0, 0}, {1, 0}, {0, 1}, {2, 3}};
	struct private p;
	struct fail f = {0};
	struct stat held, named;
	(void)state;
	for (size_t i = 0; i < sizeof(removed) / sizeof(removed[0]); i++) {
		for (int old = 0; old < 2; old++) {
			assert_int_equal(old ? mkdir(before.dir, 0700) : 0, 0);
			assert_int_equal(try_open(removed[i][0], removed[i][1], &p, &f), 0);
			assert_int_equal(before.at_open + before.at_lock, 0);
			assert_int_equal(fstat(p.fd, &held), 0);
			assert_int_equal(stat(before.dir, &named), 0);
			assert_int_equal(held.st_ino, named.st_ino);
			assert_int_equal(p.fresh, !old || i > 0);
			close(p.fd);
			rmdir(before.dir);
		}
	}
}

static void it_is_not_tried_for_ever(void **state)
{
	struct private p;
	struct fail f = {0};
	(void)state;
	assert_int_equal(try_open(0, 1000000, &p, &f), ERR_STATE_DIR);
	assert_int_equal(p.fd, -1);
	assert_false(p.fresh);
	assert_non_null(strstr(f.text, "again and again"));
}

static void a_locked_folder_is_left_alone(void **state)
{
	struct private p, other;
	struct fail f = {0};
	(void)state;
	assert_int_equal(try_open(0, 0, &other, &f), 0);
	assert_int_equal(try_open(0, 0, &p, &f), ERR_LOCKED);
	assert_false(p.fresh);
	close(p.fd);
	close(other.fd);
	rmdir(before.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_removed_folder_is_made_again),
		cmocka_unit_test(it_is_not_tried_for_ever),
		cmocka_unit_test(a_locked_folder_is_left_alone),
	};
	char dir[] = "/tmp/haul-private-XXXXXX";
	if (!mkdtemp(dir))
		return 1;
	snprintf(before.dir, sizeof(before.dir), "%s/key", dir);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(before.dir);
	rmdir(dir);
	return failed;
}
