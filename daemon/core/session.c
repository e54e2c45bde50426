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

#include <uthash.h>
#include <zlib.h>

#include "base/durable.h"
#include "base/opt.h"
#include "base/str.h"

#define TEMP_SUFFIX "__temp" /* aria2's */

struct session_file {
	char *path, *temp;
	int fd;	   /* of temp; -1: not open */
	gzFile gz; /* writes to a copy of fd */
	int error; /* errno of the first failure, or 0 */
};

/* A URI of the entry being printed. */
struct seen {
	const char *uri;
	UT_hash_handle hh;
};

/* Each once, as aria2 does; a list may have thousands. */
static void print_uris(struct buf *b, char *const *uris, size_t n)
{
	struct seen *table = NULL, *v = xcalloc(n, sizeof(*v)), *old;

	for (size_t i = 0; i < n; i++) {
		HASH_FIND_STR(table, uris[i], old);
		if (old != NULL)
			continue;
		v[i].uri = uris[i];
		HASH_ADD_KEYPTR(hh, table, v[i].uri, strlen(v[i].uri), &v[i]);
		buf_adds(b, uris[i]);
		buf_add(b, "\t", 1);
	}
	HASH_CLEAR(hh, table);
	free(v);
}

/* A line of opts_encode's that the file does not have: what stands in front already, and empty lists. */
static bool left_out(const char *line, size_t n)
{
	size_t len = strcspn(line, "=\n");
	enum opt id = opt_find(line, len);

	if (n == 0 || id == OPT_GID || id == OPT_PAUSE)
		return true;
	return id != OPT_COUNT && opt_def(id)->type == OT_LIST && n == len + 1;
}

static void print_opts(struct buf *b, const char *opts)
{
	while (*opts != '\0') {
		size_t n = strcspn(opts, "\n");

		if (!left_out(opts, n)) {
			buf_add(b, " ", 1);
			buf_add(b, opts, n);
			buf_add(b, "\n", 1);
		}
		opts += n + (opts[n] != '\0');
	}
}

void session_print(struct buf *b, const struct session_entry *e)
{
	char gid[17];

	if (e->n_uris == 0)
		return;
	print_uris(b, e->uris, e->n_uris);
	str_from_gid(e->gid, gid);
	buf_addf(b, "\n gid=%s\n%s", gid, e->paused ? " pause=true\n" : "");
	if (e->opts != NULL)
		print_opts(b, e->opts);
}

static bool wants_gzip(const char *path)
{
	size_t n = strlen(path);

	return n > 3 && strcmp(path + n - 3, ".gz") == 0;
}

struct session_file *session_new(const char *path)
{
	struct session_file *s = xcalloc(1, sizeof(*s));

	s->path = xstrdup(path);
	s->temp = xasprintf("%s%s", path, TEMP_SUFFIX);
	s->fd = -1;
	return s;
}

static void note_error(struct session_file *s)
{
	if (s->error == 0)
		s->error = errno;
}

static void open_temp(struct session_file *s)
{
	int copy;

	/* What a crash left there is ours; what somebody else made there meanwhile, O_EXCL refuses. */
	unlink(s->temp);
	s->fd = open(s->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	copy = s->fd < 0 ? -1 : fcntl(s->fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0) {
		note_error(s);
		return;
	}
	s->gz = gzdopen(copy, wants_gzip(s->path) ? "wb" : "wbT"); /* T: nothing is compressed, only buffered */
	if (s->gz == NULL) {
		close(copy);
		s->error = ENOMEM;
	}
}

void session_append(struct session_file *s, const char *text, size_t n)
{
	if (s->fd < 0 && s->error == 0)
		open_temp(s);
	/* gzwrite takes an unsigned, gzfwrite does not; a partial item counts as none. */
	if (s->error == 0 && n > 0 && gzfwrite(text, n, 1, s->gz) != 1)
		note_error(s);
}

/* What is buffered into the file, the file to the disk. */
static void finish_temp(struct session_file *s)
{
	if (s->gz != NULL && gzclose_w(s->gz) != Z_OK)
		note_error(s);
	if (s->error == 0 && fsync(s->fd) < 0)
		note_error(s);
	if (s->fd >= 0 && close(s->fd) < 0)
		note_error(s);
}

static void file_free(struct session_file *s)
{
	free(s->path);
	free(s->temp);
	free(s);
}

int session_commit(struct session_file *s, struct fail *f)
{
	int err;

	session_append(s, "", 0); /* an empty queue is a file, too */
	finish_temp(s);
	if (s->error == 0 && rename(s->temp, s->path) < 0)
		note_error(s);
	if (s->error != 0)
		unlink(s->temp);
	else if (durable_folder_of(s->path) < 0)
		note_error(s);
	err = s->error == 0 ? 0 : ERR_IO;
	if (err != 0)
		fail_set(f, err, "Failed to serialize session to '%s'. %s", s->path, strerror(s->error));
	file_free(s);
	return err;
}

void session_discard(struct session_file *s)
{
	bool made = s->fd >= 0;

	s->error = ECANCELED; /* no sync */
	finish_temp(s);
	if (made)
		unlink(s->temp);
	file_free(s);
}
