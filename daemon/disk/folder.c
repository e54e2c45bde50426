/* SPDX-License-Identifier: MIT
 * Folders by descriptor.
 */
#include "disk/folder.h"

#include <errno.h>
#include <limits.h>
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

/* ---- without openat2 ---- */

#define LINKS_MAX 40   /* as many as the kernel follows */
#define AGAIN	  (-2) /* the path was changed: it is walked from its beginning */

struct way {
	const struct fs_ops *fs;
	int flags; /* of the last component */
	int links; /* followed so far */
	char *path;
};

static int change_path(struct way *w, char *path)
{
	free(w->path);
	w->path = path;
	return AGAIN;
}

/* The n bytes at start, a link in fd, give way to its target. */
static int follow(struct way *w, int fd, const char *name, size_t start, size_t n)
{
	char target[PATH_MAX];
	ssize_t len = w->fs->readlinkat(fd, name, target, sizeof(target) - 1);

	if (len < 0)
		errno = errno == EINVAL ? ENOTDIR : errno; /* something else that is no folder */
	else if (w->links++ >= LINKS_MAX)
		errno = ELOOP;
	else if (target[0] == '/')
		errno = EXDEV;
	else
		return change_path(
			w, xasprintf("%.*s%.*s%s", (int)start, w->path, (int)len, target, w->path + start + n));
	return -1;
}

/* The ".." at start and what lies before it, a folder and no link, go away together. */
static int go_back(struct way *w, size_t start)
{
	size_t last, rest = start + 2;

	if (start == 0) {
		errno = EXDEV;
		return -1;
	}
	parent_len(w->path, start, &last);
	if (strncmp(w->path + last, "./", 2) == 0)
		rest = start;
	rest += strspn(w->path + rest, "/");
	return change_path(w, last == 0 && w->path[rest] == '\0' ? xstrdup(".")
								  : xasprintf("%.*s%s", (int)last, w->path, w->path + rest));
}

/* The component at start, n bytes, in fd. -1 and errno, or AGAIN. */
static int step(struct way *w, int fd, size_t start, size_t n, bool last)
{
	char *name = xstrndup(w->path + start, n);
	int next;

	if (strcmp(name, "..") == 0) {
		next = go_back(w, start);
	} else {
		next = w->fs->openat(fd, name, (last ? w->flags : O_PATH | FLAGS) | O_NOFOLLOW, 0);
		if (next < 0 && errno == ENOTDIR)
			next = follow(w, fd, name, start, n);
	}
	free(name);
	return next;
}

static int walk(struct way *w, int at)
{
	int fd = w->fs->openat(at, ".", O_PATH | FLAGS, 0);

	for (size_t start = 0, n; fd >= 0 && w->path[start] != '\0'; start = n) {
		size_t len = strcspn(w->path + start, "/");
		int next, cause;

		n = start + len + strspn(w->path + start + len, "/");
		next = step(w, fd, start, len, w->path[n] == '\0');
		cause = errno;
		close(fd);
		errno = cause;
		fd = next;
	}
	return fd;
}

/* What openat2 does, a component at a time. The kernel is never asked to follow a link or to go up, so that nothing leads out,
 * whatever is renamed meanwhile. */
static int open_steps(const struct fs_ops *fs, int at, const char *path, int flags)
{
	struct way w = {.fs = fs, .flags = flags, .path = xstrdup(path)};
	int fd, cause;

	do
		fd = walk(&w, at);
	while (fd == AGAIN);
	cause = errno;
	free(w.path);
	errno = cause;
	return fd;
}

/* ---- either way ---- */

/* EPERM: what filters of system calls that are older than this one say to it. ENOSYS: also that of systemd's RestrictSUIDSGID. */
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
	if (cause != EXDEV)
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
