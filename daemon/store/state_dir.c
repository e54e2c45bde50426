/* SPDX-License-Identifier: MIT
 * The state directory and its lock file, which holds the process id for whoever finds it locked.
 */
#include "store/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

static int make_dir(const char *dir, struct fail *f)
{
	char *p = xstrdup(dir);
	struct stat st;
	int cause = 0;

	for (char *s = strchr(p + 1, '/'); s; s = strchr(s + 1, '/')) {
		*s = '\0';
		mkdir(p, 0700); /* the last step tells what is wrong */
		*s = '/';
	}
	free(p);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		cause = errno;
	if (stat(dir, &st) < 0)
		return fail_set(f, ERR_STATE_DIR, "The state directory %s can't be made: %s", dir,
			strerror(cause ? cause : errno));
	if (!S_ISDIR(st.st_mode))
		return fail_set(f, ERR_STATE_DIR, "The state directory %s is no directory", dir);
	return 0;
}

static int say_locked(int fd, const char *dir, struct fail *f)
{
	char pid[24] = "";
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	return fail_set(f, ERR_LOCKED,
		"Another hauld (process %s) uses the state directory %s; stop it or give --state-dir",
		*pid ? pid : "unknown", dir);
}

static int open_lock(const char *dir, int *ret_fd, struct fail *f)
{
	char *path = xasprintf("%s/lock", dir);
	int cause;

	*ret_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	cause = errno;
	free(path);
	if (*ret_fd < 0)
		return fail_set(
			f, ERR_STATE_DIR, "The state directory %s can't be used: lock: %s", dir, strerror(cause));
	return 0;
}

static int lock_file(int fd, const char *dir, struct fail *f)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return say_locked(fd, dir, f);
	return fail_set(f, ERR_STATE_DIR, "The state directory %s can't be locked: %s", dir, strerror(errno));
}

/* A lock file that somebody removed locks nobody out; the folder can't be removed from under its queue. Where folders can't
 * be locked (NFS) the file is all there is. */
static int lock_dir(struct state_lock *l, const char *dir, struct fail *f)
{
	l->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->dir >= 0 && flock(l->dir, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return say_locked(l->file, dir, f);
	return 0;
}

static int write_pid(int fd, const char *dir, struct fail *f)
{
	char pid[24];

	snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, strlen(pid), 0) < 0)
		return fail_set(f, ERR_STATE_DIR, "The state directory %s can't be written: %s", dir, strerror(errno));
	return 0;
}

int state_dir_lock(const char *dir, struct state_lock *ret, struct fail *f)
{
	int err = make_dir(dir, f);

	*ret = STATE_UNLOCKED;
	if (!err)
		err = open_lock(dir, &ret->file, f);
	if (!err)
		err = lock_file(ret->file, dir, f);
	if (!err)
		err = lock_dir(ret, dir, f);
	if (!err)
		err = write_pid(ret->file, dir, f);
	if (err)
		state_dir_unlock(ret);
	return err;
}

void state_dir_unlock(struct state_lock *l)
{
	if (l->file >= 0)
		close(l->file);
	if (l->dir >= 0)
		close(l->dir);
	*l = STATE_UNLOCKED;
}
