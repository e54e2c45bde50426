/* SPDX-License-Identifier: MIT
 * Reading a damaged file: from both ends of a key range as far as the tree can be walked, then the middle is halved, so
 * that a broken page costs its own rows only. When no row can be reached so, the first page of a new file is put in its
 * place in a copy: the tables always have the same root pages. When that does not help either, every page of that copy
 * that looks like a leaf of a table is made the root of the jobs' table in turn, and read.
 */
#include "store/sqlite_rescue.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/durable.h"
#include "base/log.h"
#include "base/str.h"
#include "store/row_map.h"
#include "store/sqlite_db.h"
#include "store/sqlite_row.h"

#ifndef MAX_PARTS /* fuzzing has less time */
#define MAX_PARTS  4096 /* key ranges looked at: bounds the time spent on a very broken file */
#endif
#define PAGE_MAX   65536
#define TABLE_LEAF 0x0d /* first byte of a table's leaf page */
#define ALL_ROWS   "WHERE rowid BETWEEN ?1 AND ?2 ORDER BY rowid"

struct rescue {
	sqlite3 *from, *to;
	sqlite3_stmt *put;
	struct row_map map; /* of the new file */
	size_t rows;   /* saved: jobs */
	bool holes;    /* something could not be read */
	bool readable; /* some page of the table could be read, even if it holds no row */
	int write_rc;  /* the new file can't be written */
	struct {
		int64_t lo, hi;
	} todo[MAX_PARTS];
	size_t head, tail;
};

/* ---- reading ---- */

/* A job that is found twice, in a page that was freed too, has one row. */
static int64_t new_row(struct rescue *r, uint64_t gid)
{
	int64_t *row = row_map_find(&r->map, gid), n = (int64_t)r->map.n + 1;

	if (row != NULL)
		return *row;
	row_map_put(&r->map, gid, n);
	return n;
}

static void write_row(struct rescue *r, const struct job_rec *rec)
{
	int rc;

	sqlite_bind_job(r->put, rec, new_row(r, rec->gid));
	rc = sqlite3_step(r->put);
	if (rc != SQLITE_DONE)
		r->write_rc = rc;
	sqlite3_reset(r->put);
	r->rows = r->map.n;
}

/* One that is whole takes the place of a damaged one of the same job, never the other way round. */
static void save_row(struct rescue *r, sqlite3_stmt *row)
{
	struct job_rec rec = {0};
	enum row_state state = sqlite_read_job(row, &rec);

	if (state == ROW_SENSELESS)
		r->holes = true;
	else if (state == ROW_OK || row_map_find(&r->map, rec.gid) == NULL)
		write_row(r, &rec);
	job_rec_free(&rec);
}

/* Rows of [lo, hi] in one direction until the end or a page that can't be read: true when the end was reached. *last:
 * the key of the last row that could be read; unchanged when there was none. */
static bool walk(struct rescue *r, const char *which, int64_t lo, int64_t hi, int64_t *last)
{
	char *sql = sqlite_jobs_sql(r->from, which);
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(r->from, sql, -1, &st, NULL);

	free(sql);
	if (rc == SQLITE_OK) {
		sqlite3_bind_int64(st, 1, lo);
		sqlite3_bind_int64(st, 2, hi);
		while ((rc = sqlite3_step(st)) == SQLITE_ROW && !r->write_rc) {
			*last = sqlite_row_id(st);
			save_row(r, st);
		}
	}
	sqlite3_finalize(st);
	if (rc == SQLITE_DONE || rc == SQLITE_ROW)
		r->readable = true;
	else
		r->holes = true;
	return rc == SQLITE_DONE;
}

static void add_part(struct rescue *r, int64_t lo, int64_t hi)
{
	if (lo <= hi && r->tail < MAX_PARTS) {
		r->todo[r->tail].lo = lo;
		r->todo[r->tail++].hi = hi;
	}
}

static void read_part(struct rescue *r, int64_t lo, int64_t hi)
{
	int64_t a = lo - (lo > INT64_MIN), b = hi + (hi < INT64_MAX), mid;

	if (walk(r, ALL_ROWS, lo, hi, &a))
		return;
	if (walk(r, ALL_ROWS " DESC", a < hi ? a + 1 : hi, hi, &b))
		return;
	if (a >= hi || b <= lo || b - 1 < a + 1)
		return;
	mid = (a + 1) / 2 + (b - 1) / 2;
	add_part(r, a + 1, mid);
	add_part(r, mid + 1, b - 1);
}

static void read_meta(struct rescue *r)
{
	sqlite3_stmt *st = NULL, *put = NULL;
	int rc;

	sqlite3_prepare_v2(r->to, "INSERT OR REPLACE INTO meta VALUES (?, ?)", -1, &put, NULL);
	rc = sqlite3_prepare_v2(r->from, "SELECT name, value FROM meta", -1, &st, NULL);
	while (rc == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW) {
		sqlite3_bind_value(put, 1, sqlite3_column_value(st, 0));
		sqlite3_bind_value(put, 2, sqlite3_column_value(st, 1));
		sqlite3_step(put);
		sqlite3_reset(put);
	}
	sqlite3_finalize(st);
	sqlite3_finalize(put);
}

static void read_all(struct rescue *r, const char *path)
{
	if (sqlite3_open_v2(path, &r->from, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
		sqlite_row_functions(r->from);
		sqlite3_db_config(
			r->from, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL); /* what is set aside stays as it was */
		sqlite3_exec(r->from, "PRAGMA trusted_schema=OFF; PRAGMA query_only=ON", NULL, NULL, NULL);
		add_part(r, INT64_MIN, INT64_MAX);
		for (; r->head < r->tail && !r->write_rc; r->head++)
			read_part(r, r->todo[r->head].lo, r->todo[r->head].hi);
		read_meta(r);
	}
	sqlite3_close(r->from);
	r->from = NULL;
	r->head = r->tail = 0;
}

static void unlink_db(const char *path)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};

	for (size_t i = 0; i < 3; i++) {
		char *p = xasprintf("%s%s", path, suffixes[i]);
		unlink(p);
		free(p);
	}
}

/* ---- broken upper pages ---- */

/* The rows of one page, as if it were the whole table. */
static void read_leaf(struct rescue *r, const char *path, int page)
{
	char *sql =
		xasprintf("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET rootpage=%d WHERE name='job';", page);
	sqlite3 *db = NULL;
	int64_t last = 0;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
		sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK) {
		sqlite3_close(db); /* the next connection reads the new description */
		db = NULL;
		if (sqlite3_open_v2(path, &r->from, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
			sqlite_row_functions(r->from) == SQLITE_OK)
			walk(r, ALL_ROWS, INT64_MIN, INT64_MAX, &last);
		sqlite3_close(r->from);
		r->from = NULL;
	}
	sqlite3_close(db);
	free(sql);
}

static bool copy_file(int from, int to)
{
	char buf[PAGE_MAX];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, (size_t)n) != n)
			return false;
	return n == 0;
}

static int page_size(const unsigned char *header)
{
	int size = header[16] << 8 | header[17];

	return size == 1 ? PAGE_MAX : size;
}

static void put_be32(unsigned char *p, uint32_t v)
{
	p[0] = (unsigned char)(v >> 24);
	p[1] = (unsigned char)(v >> 16);
	p[2] = (unsigned char)(v >> 8);
	p[3] = (unsigned char)v;
}

/* The first page of the new file, with the damaged one's length and without a list of free pages, over that of the
 * copy. See https://www.sqlite.org/fileformat2.html#the_database_header */
static bool graft(int fresh, int copy)
{
	unsigned char page[PAGE_MAX];
	struct stat st;
	size_t size;

	if (pread(fresh, page, sizeof(page), 0) < 512 || fstat(copy, &st) < 0)
		return false;
	size = (size_t)page_size(page);
	put_be32(page + 28, (uint32_t)(st.st_size / (off_t)size)); /* size in pages */
	put_be32(page + 32, 0);					   /* first free page */
	put_be32(page + 36, 0);					   /* number of free pages */
	memcpy(page + 92, page + 24, 4);			   /* the size is valid for this change counter */
	page[18] = page[19] = 2; /* with its WAL, which knows by itself what in it is whole */
	return pwrite(copy, page, size, 0) == (ssize_t)size;
}

/* Leaves that nothing leads to. Among them may be pages freed long ago: a job that was deleted since can come back,
 * which is better than losing those that were not. */
static void read_leaves(struct rescue *r, const char *path, int fd)
{
	unsigned char header[32], type;
	struct stat st;

	if (pread(fd, header, sizeof(header), 0) != sizeof(header) || fstat(fd, &st) < 0)
		return;
	for (off_t page = 2; page <= st.st_size / page_size(header); page++)
		if (pread(fd, &type, 1, (page - 1) * page_size(header)) == 1 && type == TABLE_LEAF)
			read_leaf(r, path, (int)page);
}

/* A copy of the file at path, -1 when there is none. */
static int copy_to(const char *path, const char *to)
{
	int from = open(path, O_RDONLY | O_CLOEXEC);
	int fd = from < 0 ? -1 : open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd >= 0 && !copy_file(from, fd)) {
		close(fd);
		fd = -1;
	}
	if (from >= 0)
		close(from);
	return fd;
}

static void read_grafted(struct rescue *r, const char *path, const char *fresh_path)
{
	char *copy_path = xasprintf("%s.copy", fresh_path), *copy_wal = xasprintf("%s-wal", copy_path);
	char *wal = xasprintf("%s-wal", path);
	int fresh = open(fresh_path, O_RDONLY | O_CLOEXEC);
	int copy = copy_to(path, copy_path), copied_wal = copy_to(wal, copy_wal);

	if (copied_wal >= 0)
		close(copied_wal);
	if (fresh >= 0 && copy >= 0 && graft(fresh, copy)) {
		read_all(r, copy_path);
		if (r->rows == 0 && r->holes)
			read_leaves(r, copy_path, copy);
	}
	if (fresh >= 0)
		close(fresh);
	if (copy >= 0)
		close(copy);
	unlink_db(copy_path);
	free(copy_path);
	free(copy_wal);
	free(wal);
}

/* ---- files ---- */

static char *aside_name(const char *path)
{
	time_t now = time(NULL);
	struct tm tm;
	char date[32];
	struct stat st;
	char *name;

	localtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &tm);
	name = xasprintf("%s.damaged-%s", path, date);
	for (int i = 2; lstat(name, &st) == 0 && i < 1000; i++) { /* a second one in this second */
		free(name);
		name = xasprintf("%s.damaged-%s.%d", path, date, i);
	}
	return name;
}

static void set_wal_aside(const char *path, const char *aside)
{
	static const char *const suffixes[] = {"-wal", "-shm"};

	for (size_t i = 0; i < 2; i++) {
		char *from = xasprintf("%s%s", path, suffixes[i]);
		char *to = xasprintf("%s%s", aside, suffixes[i]);
		rename(from, to); /* may not be there */
		free(from);
		free(to);
	}
}

/* The database first: whatever comes in between, it never lies there without its WAL, to be taken for all there is. */
static int set_aside(const char *path, const char *aside)
{
	if (rename(path, aside) < 0)
		return -1;
	set_wal_aside(path, aside);
	return 0;
}

/* The open database through SQLite's own descriptor: closing another one of the same file would drop the locks of this process
 * (fcntl(2)), and the next program that looks into the queue would take away the WAL that is written to. */
static bool copy_open(sqlite3 *db, int to)
{
	sqlite3_file *file = NULL;
	sqlite3_int64 size = 0;
	char buf[PAGE_MAX];

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
		file->pMethods->xFileSize(file, &size) != SQLITE_OK)
		return false;
	for (sqlite3_int64 at = 0, n; at < size; at += n) {
		n = size - at < PAGE_MAX ? size - at : PAGE_MAX;
		if (file->pMethods->xRead(file, buf, (int)n, at) != SQLITE_OK || write(to, buf, (size_t)n) != n)
			return false;
	}
	return true;
}

static bool copy_open_to(sqlite3 *db, const char *to)
{
	int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && copy_open(db, fd) && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Nobody locks a WAL itself. There may be none. */
static bool copy_wal_to(const char *path, const char *aside)
{
	char *from = xasprintf("%s-wal", path), *to = xasprintf("%s-wal", aside);
	int fd = copy_to(from, to);
	bool ok = fd >= 0 ? fsync(fd) == 0 : errno == ENOENT;

	if (fd >= 0)
		close(fd);
	free(from);
	free(to);
	return ok;
}

bool sqlite_copy_aside(struct sqlite3 *db, const char *path)
{
	char *aside = aside_name(path);
	bool ok = copy_open_to(db, aside) && copy_wal_to(path, aside);

	if (ok)
		log_error(STORE, "the queue file as it was is kept as %s", aside);
	else
		log_error(STORE, "the queue file could not be copied to %s: %s", aside, strerror(errno));
	durable_folder_of(path);
	free(aside);
	return ok;
}

static char *rescued_name(const char *path)
{
	return xasprintf("%s.rescued", path);
}

void sqlite_rescue_resume(const char *path)
{
	char *rescued = rescued_name(path), *aside = aside_name(path);
	struct stat st;

	if (lstat(path, &st) < 0 && errno == ENOENT && lstat(rescued, &st) == 0) {
		set_wal_aside(path, aside); /* of the damaged one: it must not be played into the new one */
		if (rename(rescued, path) == 0)
			log_notice(STORE, "%s: an interrupted rescue was completed", path);
	}
	free(rescued);
	free(aside);
}

/* ---- the whole ---- */

static int write_new(struct rescue *r, const char *path, const char *tmp, struct fail *f)
{
	bool damaged;
	int err = sqlite_db_open(tmp, &r->to, &damaged, f);

	if (err)
		return err;
	r->put = sqlite_prepare_put(r->to);
	sqlite3_exec(r->to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL); /* one file, whole after its commit */
	sqlite3_exec(r->to, "BEGIN", NULL, NULL, NULL);
	read_all(r, path);
	if (!r->readable && r->rows == 0) {
		sqlite3_exec(r->to, "COMMIT; BEGIN", NULL, NULL, NULL);
		read_grafted(r, path, tmp);
	}
	if (!r->write_rc && sqlite3_exec(r->to, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		r->write_rc = sqlite3_errcode(r->to);
	sqlite3_finalize(r->put);
	sqlite3_close(r->to);
	if (r->write_rc)
		return fail_set(f, ERR_STORE, "The queue file %s is damaged, and what was saved can't be written: %s",
			path, sqlite3_errstr(r->write_rc));
	return 0;
}

static int put_in_place(const struct rescue *r, const char *path, const char *tmp, struct fail *f)
{
	char *rescued = rescued_name(path), *aside = aside_name(path);
	bool nothing = r->rows == 0 && !r->readable;
	int err = 0;

	if ((!nothing && rename(tmp, rescued) < 0) || set_aside(path, aside) < 0 ||
		(!nothing && rename(rescued, path) < 0))
		err = fail_set(
			f, ERR_STORE, "The queue file %s is damaged and can't be set aside: %s", path, strerror(errno));
	else if (nothing)
		err = fail_set(f, ERR_STORE,
			"The queue file was damaged and nothing in it can be read. It is kept as %s; the next start "
			"begins with an empty queue",
			aside);
	else
		log_error(STORE, "The queue file was damaged. %zu jobs were saved%s; the old file is kept as %s",
			r->rows, r->holes ? ", others may be missing" : "", aside);
	durable_folder_of(path);
	free(rescued);
	free(aside);
	return err;
}

int sqlite_rescue(const char *path, struct fail *f)
{
	struct rescue *r = xcalloc(1, sizeof(*r));
	char *tmp = xasprintf("%s.tmp", path);
	int err;

	unlink_db(tmp);
	err = write_new(r, path, tmp, f);
	if (!err)
		err = put_in_place(r, path, tmp, f);
	unlink_db(tmp);
	free(tmp);
	row_map_free(&r->map);
	free(r);
	return err;
}
