/* SPDX-License-Identifier: MIT
 * Time that passes only when there is nothing to do: the monotonic clock of this program stands still, and when the loop would
 * sleep until its next timer, with no work on the pool, the clock jumps there. So a test of minutes takes milliseconds, and takes
 * the same course however busy the machine is. Include it once, in the test program: it takes the place of the C library's calls.
 */
#ifndef HAUL_TEST_QUICK_TIME_H
#define HAUL_TEST_QUICK_TIME_H

#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ev/loop.h"
#include "ev/work.h"

#define QUICK_PATIENCE_MS 100 /* of the world's: how long to wait at a time for work on the pool */

static struct {
	const struct loop *loop; /* whose time it is; NULL: the world's own */
	int64_t ns;
} quick;

int clock_gettime(clockid_t id, struct timespec *ts);

int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (quick.loop == NULL || (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE))
		return (int)syscall(SYS_clock_gettime, id, ts);
	ts->tv_sec = quick.ns / 1000000000;
	ts->tv_nsec = quick.ns % 1000000000;
	return 0;
}

static int real_wait(int fd, struct epoll_event *events, int max, int timeout, const sigset_t *mask)
{
	return (int)syscall(SYS_epoll_pwait, fd, events, max, timeout, mask, (size_t)8);
}

int epoll_pwait(int fd, struct epoll_event *events, int max, int timeout, const sigset_t *mask)
{
	int n;

	if (quick.loop == NULL || timeout <= 0)
		return real_wait(fd, events, max, timeout, mask);
	n = real_wait(fd, events, max, work_pending(quick.loop) ? QUICK_PATIENCE_MS : 0, mask);
	if (n == 0 && !work_pending(quick.loop))
		quick.ns += (int64_t)timeout * 1000000;
	return n;
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
	return epoll_pwait(fd, events, max, timeout, NULL);
}

/* Before loop_init of l, and until the end of the program or the next one. */
static void quick_time(const struct loop *l)
{
	struct timespec ts;

	if (quick.loop == NULL) {
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
		quick.ns = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	}
	quick.loop = l;
}

#endif
