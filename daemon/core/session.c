/* SPDX-License-Identifier: MIT
 * The session file.
 */
#include "core/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "base/str.h"

#define TEMP_SUFFIX "__temp" /* aria2's */

static int put(gzFile gz, const char *s, size_t n)
{
	/* gzwrite takes an unsigned, gzfwrite does not; a partial item counts as none. */
	return n == 0 || gzfwrite(s, n, 1, gz) == 1 ? 0 : ERR_IO;
}

static bool line_is(const char *line, size_t n, const char *name)
{
	size_t len = strlen(name);

	return n > len && line[len] == '=' && memcmp(line, name, len) == 0;
}

static int put_opts(gzFile gz, const char *opts)
{
	int err = 0;

	while (err == 0 && *opts != '\0') {
		size_t n = strcspn(opts, "\n");

		if (n > 0 && !line_is(opts, n, "gid") && !line_is(opts, n, "pause")) {
			err = put(gz, " ", 1);
			if (err == 0)
				err = put(gz, opts, n);
			if (err == 0)
				err = put(gz, "\n", 1);
		}
		opts += n + (opts[n] != '\0');
	}
	return err;
}

static int put_entry(gzFile gz, const struct session_entry *e)
{
	char gid[17];
	char *head;
	size_t i;
	int err = 0;

	if (e->n_uris == 0)
		return 0;
	for (i = 0; err == 0 && i < e->n_uris; i++) {
		err = put(gz, e->uris[i], strlen(e->uris[i]));
		if (err == 0)
			err = put(gz, "\t", 1);
	}
	if (err != 0)
		return err;
	str_from_gid(e->gid, gid);
	head = xasprintf("\n gid=%s\n%s", gid, e->paused ? " pause=true\n" : "");
	err = put(gz, head, strlen(head));
	free(head);
	return err == 0 && e->opts != NULL ? put_opts(gz, e->opts) : err;
}

static bool wants_gzip(const char *path)
{
	size_t n = strlen(path);

	return n > 3 && strcmp(path + n - 3, ".gz") == 0;
}

/* Everything into fd, which stays open; 0 or ERR_IO with errno. */
static int write_all(int fd, bool gzip, const struct session_entry *v, size_t n)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3), err = 0, saved;
	gzFile gz;
	size_t i;

	if (copy < 0)
		return ERR_IO;
	gz = gzdopen(copy, gzip ? "wb" : "wbT"); /* T: nothing is compressed, only buffered */
	if (gz == NULL) {
		close(copy);
		errno = ENOMEM;
		return ERR_IO;
	}
	for (i = 0; err == 0 && i < n; i++)
		err = put_entry(gz, &v[i]);
	saved = errno;
	if (gzclose_w(gz) != Z_OK && err == 0)
		return ERR_IO;
	errno = saved;
	return err;
}

/* So that the rename survives a power cut; some file systems can't sync a folder. */
static int sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? xstrdup(".") : xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0, saved;

	free(dir);
	if (fd < 0)
		return ERR_IO;
	if (fsync(fd) < 0 && errno != EINVAL)
		err = ERR_IO;
	saved = errno;
	close(fd);
	errno = saved;
	return err;
}

static int write_temp(const char *temp, bool gzip, const struct session_entry *v, size_t n)
{
	int fd, err, saved;

	/* What a crash left there is ours; what somebody else made there meanwhile, O_EXCL refuses. */
	unlink(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ERR_IO;
	err = write_all(fd, gzip, v, n);
	if (err == 0 && fsync(fd) < 0)
		err = ERR_IO;
	saved = errno;
	if (close(fd) < 0 && err == 0)
		return ERR_IO;
	errno = saved;
	return err;
}

int session_write(const char *path, const struct session_entry *v, size_t n, struct fail *f)
{
	char *temp = xasprintf("%s%s", path, TEMP_SUFFIX);
	int err, saved;

	err = write_temp(temp, wants_gzip(path), v, n);
	if (err == 0 && rename(temp, path) < 0)
		err = ERR_IO;
	if (err != 0) {
		saved = errno;
		unlink(temp);
		errno = saved;
	} else {
		err = sync_folder(path);
	}
	saved = errno;
	free(temp);
	if (err != 0)
		fail_set(f, err, "Failed to serialize session to '%s'. %s", path, strerror(saved));
	return err;
}
