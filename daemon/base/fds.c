/* SPDX-License-Identifier: MIT
 * Standard descriptors, and the number in use.
 */
#include "base/fds.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"

/* Of the process, as the descriptors are. */
static struct {
	bool told; /* the log says that they are scarce */
} scarce;

int fds_hold_standard(void)
{
	/* open gives the lowest free number: from 0 upwards it fills the gaps. */
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return -1;
	return 0;
}

size_t fds_max(void)
{
	struct rlimit r;

	return getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur > INT32_MAX ? INT32_MAX : (size_t)r.rlim_cur;
}

/* The lowest free number is the number in use, or less by what was closed just now. */
static size_t in_use(size_t max)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return max;
	close(fd);
	return (size_t)fd;
}

bool fds_scarce(void)
{
	size_t max = fds_max();
	bool now = in_use(max) >= max - max / 4;

	if (now && !scarce.told)
		log_warn(MAIN, "of %zu open files three quarters are in use: each download gets one connection (rlimit-nofile)",
			max);
	else if (!now && scarce.told)
		log_info(MAIN, "there are open files to be had again");
	scarce.told = now;
	return now;
}
