/* SPDX-License-Identifier: MIT
 * Cookie files. A line of the text form: domain, also for names below it (TRUE, FALSE), path, https only (TRUE, FALSE),
 * expiry (epoch, 0: session), name, value; TABs between them. "#HttpOnly_" in front is part of the cookie, other lines
 * with '#' are comments.
 */
#include "proto/cookie_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"

#define LINE_MAX_BYTES	 8192
#define N_FIELDS	 7
#define HTTP_ONLY	 "#HttpOnly_"
#define BUSY_MS		 1000
#define MS_FROM		 INT64_C(100000000000) /* an expiry above this is in milliseconds: newer Firefox */
#define WINDOWS_TO_UNIX	 INT64_C(11644473600)  /* seconds from 1601 to 1970: Chromium */

static char *plain_domain(const char *s)
{
	char *d = xstrdup(*s == '.' ? s + 1 : s);

	for (char *p = d; *p != '\0'; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + ('a' - 'A'));
	}
	return d;
}

/* c: domain as in the file. */
static void put(struct cookie_jar *j, struct cookie *c, int64_t now, unsigned *ret_passed)
{
	c->domain = plain_domain(c->domain);
	/* No name begins so, and saved it would come back as a comment, or as another name. */
	if (strchr("#.", c->domain[0]) != NULL || cookie_jar_put(j, c, now) < 0)
		(*ret_passed)++;
	free(c->domain);
}

/* ---- text ---- */

/* Cuts the line in place; the value may hold more TABs than the form has, or be missing. */
static size_t cut(char *line, char *field[N_FIELDS])
{
	size_t n = 0;

	for (char *s = line; s != NULL && n < N_FIELDS; n++) {
		char *tab = n < N_FIELDS - 1 ? strchr(s, '\t') : NULL;

		field[n] = s;
		if (tab != NULL)
			*tab++ = '\0';
		s = tab;
	}
	return n;
}

/* Whole seconds of "0", "1700000000", "1700000000.5". */
static bool read_expiry(const char *s, int64_t *ret)
{
	size_t n = strspn(s, "0123456789");
	uint64_t v;

	if (n == 0 || (s[n] != '\0' && s[n] != '.') || str_to_u64(s, n, &v) != 0 || v > INT64_MAX)
		return false;
	*ret = v == 0 ? -1 : (int64_t)v;
	return true;
}

static void take_line(struct cookie_jar *j, char *line, int64_t now, unsigned *ret_passed)
{
	char *field[N_FIELDS] = {0};
	struct cookie c = {0};

	line[strcspn(line, "\r\n")] = '\0';
	if (strncmp(line, HTTP_ONLY, sizeof(HTTP_ONLY) - 1) == 0) {
		c.http_only = true;
		line += sizeof(HTTP_ONLY) - 1;
	}
	if (*line == '\0' || *line == '#')
		return;
	if (cut(line, field) < N_FIELDS - 1 || !read_expiry(field[4], &c.expires)) {
		(*ret_passed)++;
		return;
	}
	c.domain = field[0];
	c.host_only = strcasecmp(field[1], "TRUE") != 0;
	c.path = field[2];
	c.secure = strcasecmp(field[3], "TRUE") == 0;
	c.name = field[5];
	c.value = field[6] != NULL ? field[6] : "";
	put(j, &c, now, ret_passed);
}

static void load_text(struct cookie_jar *j, FILE *in, int64_t now, unsigned *ret_passed)
{
	char line[LINE_MAX_BYTES];
	bool behind = false; /* the rest of a line that was too long */

	while (fgets(line, sizeof(line), in) != NULL) {
		bool whole = strchr(line, '\n') != NULL || feof(in);

		if (!behind && whole)
			take_line(j, line, now, ret_passed);
		else if (!behind)
			(*ret_passed)++;
		behind = !whole;
	}
	explicit_bzero(line, sizeof(line));
}

/* ---- databases ---- */

/* Columns: domain, path, secure, httponly, expiry, name, value, bytes that the browser encrypted. The first one that the
 * file understands. */
static const struct query {
	const char *sql;
	bool chromium;
} queries[] = {
	{"SELECT host, path, isSecure, isHttpOnly, expiry, name, value, 0 FROM moz_cookies "
	 "WHERE originAttributes = '' ORDER BY lastAccessed", false},
	{"SELECT host, path, isSecure, isHttpOnly, expiry, name, value, 0 FROM moz_cookies ORDER BY lastAccessed", false},
	{"SELECT host_key, path, is_secure, is_httponly, expires_utc, name, value, length(encrypted_value) FROM cookies "
	 "ORDER BY last_access_utc", true},
	{"SELECT host_key, path, secure, httponly, expires_utc, name, value, length(encrypted_value) FROM cookies "
	 "ORDER BY last_access_utc", true},
};

static char *column(sqlite3_stmt *st, int i)
{
	const unsigned char *s = sqlite3_column_text(st, i);

	return s != NULL ? (char *)s : "";
}

static int64_t expiry_of(int64_t v, bool chromium)
{
	if (v <= 0)
		return -1;
	if (chromium)
		return v / 1000000 > WINDOWS_TO_UNIX ? v / 1000000 - WINDOWS_TO_UNIX : 0;
	return v > MS_FROM ? v / 1000 : v;
}

static void take_row(struct cookie_jar *j, sqlite3_stmt *st, bool chromium, int64_t now, unsigned *ret_passed)
{
	struct cookie c = {
		.domain = column(st, 0),
		.path = column(st, 1),
		.secure = sqlite3_column_int(st, 2) != 0,
		.http_only = sqlite3_column_int(st, 3) != 0,
		.expires = expiry_of(sqlite3_column_int64(st, 4), chromium),
		.name = column(st, 5),
		.value = column(st, 6),
	};

	c.host_only = *c.domain != '.';
	if (*c.value == '\0' && sqlite3_column_int(st, 7) > 0)
		(*ret_passed)++;
	else
		put(j, &c, now, ret_passed);
}

static int read_rows(struct cookie_jar *j, sqlite3 *db, int64_t now, unsigned *ret_passed)
{
	sqlite3_stmt *st = NULL;
	size_t i = 0;
	int r = SQLITE_ERROR;

	for (; i < sizeof(queries) / sizeof(queries[0]) && r == SQLITE_ERROR; i++)
		r = sqlite3_prepare_v2(db, queries[i].sql, -1, &st, NULL);
	while (r == SQLITE_OK || r == SQLITE_ROW) {
		r = sqlite3_step(st);
		if (r == SQLITE_ROW)
			take_row(j, st, queries[i - 1].chromium, now, ret_passed);
	}
	sqlite3_finalize(st);
	return r;
}

/* "file:" with everything but plain bytes encoded, as sqlite3_open_v2 wants it. */
static char *file_uri(const char *path, const char *query)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_adds(&b, "file:");
	for (; *path != '\0'; path++) {
		if (strchr("%?#", *path) != NULL)
			buf_addf(&b, "%%%02X", (unsigned char)*path);
		else
			buf_add(&b, path, 1);
	}
	buf_adds(&b, query);
	return buf_take(&b);
}

static int read_db(struct cookie_jar *j, const char *uri, int64_t now, unsigned *ret_passed)
{
	sqlite3 *db = NULL;
	int r = sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);

	if (r == SQLITE_OK) {
		sqlite3_busy_timeout(db, BUSY_MS);
		sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
		r = read_rows(j, db, now, ret_passed);
	}
	sqlite3_close(db);
	return r;
}

/* A running browser holds a lock on its database; then it is read as it stands on the disk. */
static int load_db(struct cookie_jar *j, const char *path, int64_t now, unsigned *ret_passed, struct fail *f)
{
	static const char *const ways[] = {"?mode=ro", "?mode=ro&immutable=1"};
	int r = SQLITE_ERROR;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && r != SQLITE_DONE; i++) {
		char *uri = file_uri(path, ways[i]);

		*ret_passed = 0;
		r = read_db(j, uri, now, ret_passed);
		free(uri);
	}
	return r == SQLITE_DONE ? 0 : fail_set(f, ERR_OPEN, "%s: %s", path, sqlite3_errstr(r));
}

/* ---- public ---- */

static bool is_db(FILE *in)
{
	static const char magic[16] = "SQLite format 3";
	char head[sizeof(magic)] = "";
	bool is = fread(head, 1, sizeof(head), in) == sizeof(head) && memcmp(head, magic, sizeof(magic)) == 0;

	rewind(in);
	return is;
}

static int check_file(FILE *in, const char *path, struct fail *f)
{
	struct stat st;

	if (fstat(fileno(in), &st) < 0)
		return fail_set(f, ERR_OPEN, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail_set(f, ERR_OPEN, "%s: not a plain file", path);
	if (st.st_size > COOKIE_FILE_MAX)
		return fail_set(f, ERR_OPEN, "%s: larger than %d MiB", path, COOKIE_FILE_MAX >> 20);
	return 0;
}

int cookie_file_load(struct cookie_jar *j, const char *path, int64_t now, unsigned *ret_passed, struct fail *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err;
	FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;

	*ret_passed = 0;
	if (in == NULL) {
		err = fail_set(f, ERR_OPEN, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return err;
	}
	err = check_file(in, path, f);
	if (err == 0 && is_db(in))
		err = load_db(j, path, now, ret_passed, f);
	else if (err == 0)
		load_text(j, in, now, ret_passed);
	fclose(in);
	return err;
}

static void write_cookie(FILE *out, const struct cookie *c)
{
	fprintf(out, "%s%s%s\t%s\t%s\t%s\t%" PRId64 "\t%s\t%s\n", c->http_only ? HTTP_ONLY : "", c->host_only ? "" : ".",
		c->domain, c->host_only ? "FALSE" : "TRUE", c->path, c->secure ? "TRUE" : "FALSE",
		c->expires < 0 ? 0 : c->expires, c->name, c->value);
}

static bool write_all(const struct cookie_jar *j, FILE *out, int64_t now)
{
	fputs("# Netscape HTTP Cookie File\n", out);
	for (const struct cookie *c = cookie_jar_next(j, NULL); c != NULL; c = cookie_jar_next(j, c)) {
		if (c->expires < 0 || c->expires > now)
			write_cookie(out, c);
	}
	return fflush(out) == 0 && fsync(fileno(out)) == 0;
}

int cookie_file_save(const struct cookie_jar *j, const char *path, int64_t now, struct fail *f)
{
	char *tmp = xasprintf("%s.XXXXXX", path);
	int fd = mkostemp(tmp, O_CLOEXEC), err = 0; /* mode 0600 */
	FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (out == NULL) {
		err = fail_set(f, ERR_CREATE, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
	} else {
		if (!write_all(j, out, now))
			err = fail_set(f, ERR_IO, "%s: %s", path, strerror(errno));
		if (fclose(out) != 0 && err == 0)
			err = fail_set(f, ERR_IO, "%s: %s", path, strerror(errno));
	}
	if (err == 0 && rename(tmp, path) != 0)
		err = fail_set(f, ERR_IO, "%s: %s", path, strerror(errno));
	if (err < 0 && fd >= 0)
		unlink(tmp);
	free(tmp);
	return err;
}
