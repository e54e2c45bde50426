/* SPDX-License-Identifier: MIT
 * fsync of files and folders that are not open.
 */
#include "base/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static int sync_path(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC), r, cause;

	if (fd < 0)
		return -1;
	r = fsync(fd);
	cause = errno;
	close(fd);
	errno = cause;
	return r;
}

int durable_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? xstrdup(".") : xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
	int r = sync_path(dir, O_RDONLY | O_DIRECTORY), cause = errno;

	free(dir);
	errno = cause;
	return r < 0 && cause == EINVAL ? 0 : r;
}

int durable_file(const char *path)
{
	return sync_path(path, O_RDONLY | O_NOFOLLOW) < 0 ? -1 : durable_folder_of(path);
}
