/* SPDX-License-Identifier: MIT
 * Opening queue.db: mode, WAL, whose file it is, migrations; and the mapping between rows and struct job_rec.
 */
#include "store/sqlite_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "store/schema.h"

#define BUSY_MS 5000 /* an operator's sqlite3 shell may hold the lock for a moment */

bool sqlite_is_damage(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

/* ---- rows ---- */

static int err_from_name(const char *name)
{
	static const struct {
		const char *name;
		int code;
	} all[] = {
#define ERR(name_, code_, retry_, text_) {#name_, name_},
#include "base/err_table.h"
#undef ERR
	};

	if (!name)
		return 0;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i].code;
	return ERR_UNKNOWN;
}

static char *text(sqlite3_stmt *st, int col)
{
	return xstrdup((const char *)sqlite3_column_text(st, col));
}

bool sqlite_read_job(sqlite3_stmt *st, struct job_rec *r)
{
	r->gid = (uint64_t)sqlite3_column_int64(st, 0);
	r->state = sqlite3_column_int(st, 1);
	r->ord = (uint64_t)sqlite3_column_int64(st, 2);
	r->uid = (uint32_t)sqlite3_column_int64(st, 3);
	r->owner = text(st, 4);
	r->uris = text(st, 5);
	r->opts = text(st, 6);
	r->dir = text(st, 7);
	r->path = text(st, 8);
	r->total = sqlite3_column_int64(st, 9);
	r->etag = text(st, 10);
	r->last_modified = text(st, 11);
	r->have = text(st, 12);
	r->done = sqlite3_column_int64(st, 13);
	r->err = err_from_name((const char *)sqlite3_column_text(st, 14));
	r->err_text = text(st, 15);
	r->added_at = sqlite3_column_int64(st, 16);
	r->ended_at = sqlite3_column_int64(st, 17);
	r->flags = (uint32_t)sqlite3_column_int64(st, 18);
	r->part_id = text(st, 19);
	return r->gid != 0 && r->state >= 0 && r->total >= -1 && r->done >= 0;
}

static void bind_text(sqlite3_stmt *st, int n, const char *s)
{
	sqlite3_bind_text(st, n, s, -1, SQLITE_STATIC); /* NULL binds NULL */
}

void sqlite_bind_job(sqlite3_stmt *st, const struct job_rec *r)
{
	sqlite3_bind_int64(st, 1, (sqlite3_int64)r->gid);
	sqlite3_bind_int(st, 2, r->state);
	sqlite3_bind_int64(st, 3, (sqlite3_int64)r->ord);
	sqlite3_bind_int64(st, 4, r->uid);
	bind_text(st, 5, r->owner);
	bind_text(st, 6, r->uris);
	bind_text(st, 7, r->opts);
	bind_text(st, 8, r->dir);
	bind_text(st, 9, r->path);
	sqlite3_bind_int64(st, 10, r->total);
	bind_text(st, 11, r->etag);
	bind_text(st, 12, r->last_modified);
	bind_text(st, 13, r->have);
	sqlite3_bind_int64(st, 14, r->done);
	bind_text(st, 15, r->err ? err_name(r->err) : NULL);
	bind_text(st, 16, r->err_text);
	sqlite3_bind_int64(st, 17, r->added_at);
	sqlite3_bind_int64(st, 18, r->ended_at);
	sqlite3_bind_int64(st, 19, r->flags);
	bind_text(st, 20, r->part_id);
}

sqlite3_stmt *sqlite_prepare_put(sqlite3 *db)
{
	sqlite3_stmt *st = NULL;

	sqlite3_prepare_v3(db,
		"INSERT OR REPLACE INTO job (" JOB_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", -1,
		SQLITE_PREPARE_PERSISTENT, &st, NULL);
	return st;
}

/* ---- opening ---- */

/* Its options hold passwords: for the owner only, whatever the umask. SQLite gives -wal and -shm the same mode. */
static int make_private(const char *path, struct fail *f)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct stat st;
	int cause = errno;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		((st.st_mode & 077) == 0 || fchmod(fd, 0600) == 0)) {
		close(fd);
		return 0;
	}
	if (fd >= 0) {
		cause = S_ISREG(st.st_mode) ? errno : EINVAL;
		close(fd);
	}
	return fail_set(f, ERR_STORE, "The queue file %s can't be opened: %s", path, strerror(cause));
}

static int exec(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* A PRAGMA's or SELECT's single value; *ret is only set with SQLITE_OK. */
static int get_int(sqlite3 *db, const char *sql, int *ret)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		*ret = sqlite3_column_int(st, 0);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? SQLITE_ERROR : rc;
}

static int migrate(sqlite3 *db, int from)
{
	int rc = SQLITE_OK;

	for (int v = from; v < SCHEMA_VERSION && rc == SQLITE_OK; v++) {
		char *sql = xasprintf("BEGIN IMMEDIATE; %s PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT;",
			schema_migrations[v], SCHEMA_APP_ID, v + 1);
		rc = exec(db, sql);
		free(sql);
		if (rc != SQLITE_OK)
			exec(db, "ROLLBACK");
	}
	return rc;
}

static int set_up(sqlite3 *db, const char *path, struct fail *f)
{
	int app = 0, version = 0, tables = 0;
	int rc = exec(db, "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY");

	if (rc == SQLITE_OK)
		rc = get_int(db, "PRAGMA application_id", &app);
	if (rc == SQLITE_OK)
		rc = get_int(db, "PRAGMA user_version", &version);
	if (rc == SQLITE_OK)
		rc = get_int(db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (rc != SQLITE_OK)
		return rc;
	if (app != SCHEMA_APP_ID && (app != 0 || version != 0 || tables != 0)) {
		fail_set(f, ERR_STORE, "%s is not a queue file of hauld (application id %#x); move it away", path,
			(unsigned)app);
		return SQLITE_AUTH;
	}
	if (version > SCHEMA_VERSION) {
		fail_set(f, ERR_STORE_NEWER,
			"%s was written by a newer hauld (format %d, this one knows %d); use that one", path, version,
			SCHEMA_VERSION);
		return SQLITE_AUTH;
	}
	/* Only now: this writes, and what is not ours stays as it is. */
	rc = exec(db, "PRAGMA journal_mode=WAL; PRAGMA journal_size_limit=67108864; PRAGMA synchronous=FULL");
	return rc == SQLITE_OK ? migrate(db, version) : rc;
}

int sqlite_db_open(const char *path, sqlite3 **ret, bool *ret_damaged, struct fail *f)
{
	sqlite3 *db = NULL;
	int rc, err = make_private(path, f);

	*ret = NULL;
	*ret_damaged = false;
	if (err)
		return err;
	err = 0;
	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_extended_result_codes(db, 1);
		sqlite3_busy_timeout(db, BUSY_MS);
		f->code = 0;
		rc = set_up(db, path, f);
		err = f->code;
	}
	if (rc == SQLITE_OK) {
		*ret = db;
		return 0;
	}
	*ret_damaged = sqlite_is_damage(rc);
	if (!err)
		err = fail_set(f, ERR_STORE, "The queue file %s can't be used: %s", path,
			db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
	sqlite3_close(db);
	return err;
}
