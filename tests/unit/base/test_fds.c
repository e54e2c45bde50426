/* SPDX-License-Identifier: MIT
 * Tests of descriptors: closed standard ones are filled, and few left are noticed.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/fds.h"
#include "base/log.h"

/* In a child: its own standard descriptors are closed. */
static int gaps_filled(const int *closed, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(closed[i]);
	if (fds_hold_standard() != 0)
		return 1;
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			return 2;
	return open("/dev/null", O_RDONLY) < 3 ? 3 : 0;
}

static void standard_descriptors_are_filled(void **state)
{
	static const struct {
		int fds[3];
		size_t n;
	} rows[] = {{{0}, 0}, {{0}, 1}, {{1}, 1}, {{2}, 1}, {{0, 2}, 2}, {{0, 1, 2}, 3}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int status = -1;
		pid_t pid = fork();

		if (pid == 0)
			_exit(gaps_filled(rows[i].fds, rows[i].n));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

static void scarcity_is_noticed_and_ends(void **state)
{
	struct rlimit old, few;
	int fd[64];
	size_t n = 0;
	bool full;

	(void)state;
	log_setup(LOG_LVL_ERROR, true, NULL, LOG_LVL_ERROR);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(fds_max(), 64);
	assert_false(fds_scarce());
	while (n < 64 && (fd[n] = dup(0)) >= 0 && fd[n] < 48)
		n++;
	full = fds_scarce();
	while (n > 0)
		close(fd[--n]);
	close(48);
	assert_true(full);
	assert_false(fds_scarce());
	setrlimit(RLIMIT_NOFILE, &old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(standard_descriptors_are_filled),
		cmocka_unit_test(scarcity_is_noticed_and_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
