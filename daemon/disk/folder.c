/* SPDX-License-Identifier: MIT
 * Folders by descriptor.
 */
#include "disk/folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "disk/fs.h"

#define FLAGS (O_DIRECTORY | O_CLOEXEC)

typedef int (*open_fn)(const struct fs_ops *fs, int at, const char *path, int flags);

static int open_any(const struct fs_ops *fs, int at, const char *path, int flags)
{
	return fs->openat(at, path, flags, 0);
}

/* Opens one component; what is a link is told as such. */
static int open_step(const struct fs_ops *fs, int at, const char *name, int flags)
{
	int fd = fs->openat(at, name, flags | O_NOFOLLOW, 0), cause = errno;
	struct stat st;

	if (fd < 0 && cause == ENOTDIR && fs->fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		cause = ELOOP;
	errno = cause;
	return fd;
}

/* Component by component, no link followed: safe without openat2. */
static int open_steps(const struct fs_ops *fs, int at, const char *path, int flags)
{
	int fd = fs->openat(at, ".", O_PATH | FLAGS, 0);

	while (fd >= 0 && *path) {
		size_t n = strcspn(path, "/"), to_next = n + strspn(path + n, "/");
		char *name = xstrndup(path, n);
		int next = open_step(fs, fd, name, path[to_next] ? O_PATH | FLAGS : flags), cause = errno;

		free(name);
		close(fd);
		errno = cause;
		fd = next;
		path += to_next;
	}
	return fd;
}

/* EPERM: what filters of system calls that are older than this one say to it. */
static int open_beneath(const struct fs_ops *fs, int at, const char *path, int flags)
{
	int fd = fs->open_beneath(at, path, flags);

	return fd < 0 && (errno == ENOSYS || errno == EPERM) ? open_steps(fs, at, path, flags) : fd;
}

/* A folder may be used without the right to list it. */
static int open_with(open_fn open, const struct fs_ops *fs, int at, const char *path, int more)
{
	int fd = open(fs, at, path, O_RDONLY | FLAGS | more);

	return fd < 0 && errno == EACCES ? open(fs, at, path, O_PATH | FLAGS | more) : fd;
}

/* Length of path without its last component; *ret_last: that. */
static size_t parent_len(const char *path, size_t n, size_t *ret_last)
{
	while (n > 0 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	*ret_last = n;
	while (n > 1 && path[n - 1] == '/')
		n--;
	return n;
}

/* The folder of the first n bytes of path, made when its parent is there, from the parent's descriptor: a name without a slash
 * can't lead anywhere. Errors show when it is opened. */
static void make_one(open_fn open, const struct fs_ops *fs, int at, const char *path, size_t n)
{
	size_t last, up = parent_len(path, n, &last);
	char *parent = up > 0 ? xstrndup(path, up) : xstrdup("."), *name = xstrndup(path + last, n - last);
	int fd = open_with(open, fs, at, parent, O_PATH);

	if (fd >= 0) {
		fs->mkdirat(fd, name, 0777);
		close(fd);
	}
	free(parent);
	free(name);
}

/* -1 and errno. */
static int open_made(open_fn open, const struct fs_ops *fs, int at, const char *path, bool make)
{
	int fd = open_with(open, fs, at, path, 0), made = 0;

	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	for (const char *s = path; *s; ) {
		s += strspn(s, "/");
		s += strcspn(s, "/");
		errno = 0;
		make_one(open, fs, at, path, (size_t)(s - path));
		made = errno && errno != EEXIST ? errno : made;
		if (s[strspn(s, "/")] == '\0')
			break;
	}
	fd = open_with(open, fs, at, path, 0);
	if (fd < 0 && errno == ENOENT && made) /* it says why */
		errno = made;
	return fd;
}

static int fail_open(struct fail *f, const struct folder_req *req, const char *root, int cause)
{
	if (cause == ENOENT && !req->make)
		return ERR_NOT_FOUND;
	if (cause != EXDEV && cause != ELOOP)
		return fs_fail(f, ERR_MKDIR, "Failed to make the directory", req->dir, cause);
	return fail_set(f, ERR_CREATE,
		"%s leads out of %s by a symbolic link, which is not followed. Choose the folder that it leads to as dir, or let "
		"whoever runs hauld add this one to allowed-dirs",
		req->dir, root);
}

int folder_open(const struct fs_ops *fs, const struct folder_req *req, int *ret_fd, struct fail *f)
{
	const char *root = req->root ? req->root : req->dir;
	const char *below = req->dir + strlen(root);
	int fd = open_made(open_any, fs, AT_FDCWD, root, req->make), cause = errno, top;

	below += strspn(below, "/");
	if (fd >= 0 && *below) {
		top = fd;
		fd = open_made(open_beneath, fs, top, below, req->make);
		cause = errno;
		close(top);
	}
	if (fd < 0)
		return fail_open(f, req, root, cause);
	*ret_fd = fd;
	return 0;
}

int folder_step(const struct fs_ops *fs, int dirfd, const char *name, bool make, int *ret_fd, struct fail *f)
{
	int cause = 0, fd;
	struct stat st;

	if (make && fs->mkdirat(dirfd, name, 0777) < 0 && errno != EEXIST)
		cause = errno; /* it may be there all the same */
	fd = open_with(open_any, fs, dirfd, name, O_NOFOLLOW);
	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	if (errno == ENOENT && !make)
		return ERR_NOT_FOUND;
	cause = cause ? cause : errno;
	if (fs->fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return fail_set(f, ERR_CREATE, "%s, a folder of the name, is a symbolic link: not followed", name);
	return fs_fail(f, ERR_MKDIR, "Failed to make the directory", name, cause);
}
