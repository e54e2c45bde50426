/* SPDX-License-Identifier: MIT
 * Room of a file system. A path that is not there yet counts as its nearest folder that is.
 */
#include "disk/room.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "disk/fs.h"

static uint64_t bytes(uint64_t blocks, uint64_t size)
{
	uint64_t n;

	return __builtin_mul_overflow(blocks, size, &n) ? UINT64_MAX : n;
}

void room_of(const struct fs_ops *fs, int fd, struct room *ret)
{
	struct statvfs v;
	struct stat st;

	ret->dev = fs->fstat(fd, &st) == 0 ? (uint64_t)st.st_dev : 0;
	ret->free = UINT64_MAX;
	ret->size = 0;
	ret->files = true;
	if (fs->fstatvfs(fd, &v) < 0)
		return;
	ret->free = bytes(v.f_bavail, v.f_frsize);
	ret->size = bytes(v.f_blocks, v.f_frsize);
	ret->files = v.f_files == 0 || v.f_favail > 0;
}

/* One folder up: "/a/b" to "/a", "/a" to "/". False at the end. */
static bool go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash == NULL || path[1] == '\0')
		return false;
	slash[slash == path] = '\0';
	return true;
}

static int open_path(const struct fs_ops *fs, const char *path)
{
	return fs->openat(AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);
}

/* The highest folder above path that still lies in the file system dev. */
static void find_mount(const struct fs_ops *fs, const char *path, uint64_t dev, struct room *ret)
{
	char *real = realpath(path, NULL), *at = xstrdup(real != NULL ? real : path);
	struct stat st;

	free(real);
	str_safe(at, strlen(at), ret->where, sizeof(ret->where));
	while (go_up(at) && fs->fstatat(AT_FDCWD, at, &st, 0) == 0 && (uint64_t)st.st_dev == dev)
		str_safe(at, strlen(at), ret->where, sizeof(ret->where));
	free(at);
}

void room_look(const struct fs_ops *fs, const char *path, struct room *ret)
{
	char *at = xstrdup(*path != '\0' ? path : ".");
	int fd = open_path(fs, at);

	while (fd < 0 && (errno == ENOENT || errno == ENOTDIR) && go_up(at))
		fd = open_path(fs, at);
	*ret = (struct room){.free = UINT64_MAX, .files = true};
	if (fd >= 0) {
		room_of(fs, fd, ret);
		close(fd);
	}
	find_mount(fs, at, ret->dev, ret);
	free(at);
}
