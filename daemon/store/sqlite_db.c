/* SPDX-License-Identifier: MIT
 * Opening queue.db: mode, WAL, whose file it is, migrations.
 */
#include "store/sqlite_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable.h"
#include "base/log.h"
#include "base/str.h"
#include "store/schema.h"
#include "store/sqlite_row.h"

#define BUSY_MS 5000 /* an operator's sqlite3 shell may hold the lock for a moment */

bool sqlite_is_damage(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
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

/* A later daemon's change of the tables is not undone by an earlier one: the file is kept as it was, for the way back. */
static void keep_copy(sqlite3 *db, const char *path, int version)
{
	char *copy = xasprintf("%s.v%d", path, version), *sql = sqlite3_mprintf("VACUUM INTO %Q", copy);
	int fd;

	unlink(copy);
	fd = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	/* SQLite does not sync such a copy, but the change that it is kept for. */
	if (fd < 0 || exec(db, sql) != SQLITE_OK || durable_file(copy) < 0) {
		log_warn(STORE, "no copy of %s can be kept as %s", path, copy);
		unlink(copy);
	} else {
		log_notice(STORE, "%s is of an older hauld (format %d): it is brought to format %d, a copy is kept as %s", path,
			version, SCHEMA_VERSION, copy);
	}
	sqlite3_free(sql);
	free(copy);
}

static int migrate(sqlite3 *db, const char *path, int from)
{
	int rc = SQLITE_OK;

	if (from > 0 && from < SCHEMA_VERSION)
		keep_copy(db, path, from);
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
	if (rc == SQLITE_OK)
		rc = migrate(db, path, version);
	return (rc & 0xff) == SQLITE_ERROR ? SQLITE_CORRUPT : rc; /* the tables are not those of its version */
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
	/* NOMUTEX: one thread at a time, the starting one, then the store's. */
	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_extended_result_codes(db, 1);
		sqlite3_busy_timeout(db, BUSY_MS);
		rc = sqlite_row_functions(db);
	}
	if (rc == SQLITE_OK) {
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
