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

int state_dir_lock(const char *dir, int *ret_fd, struct fail *f)
{
	char pid[24], *path;
	int fd, cause, err = make_dir(dir, f);

	if (err)
		return err;
	path = xasprintf("%s/lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	cause = errno;
	free(path);
	if (fd < 0)
		return fail_set(
			f, ERR_STATE_DIR, "The state directory %s can't be used: lock: %s", dir, strerror(cause));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		err = errno == EWOULDBLOCK ? say_locked(fd, dir, f)
					   : fail_set(f, ERR_STATE_DIR, "The state directory %s can't be locked: %s",
						     dir, strerror(errno));
		close(fd);
		return err;
	}
	snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, strlen(pid), 0) < 0) {
		err = fail_set(f, ERR_STATE_DIR, "The state directory %s can't be written: %s", dir, strerror(errno));
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}
