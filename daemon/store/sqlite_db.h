/* SPDX-License-Identifier: MIT
 * What the SQLite backend and its rescue of damaged files share: opening, and rows in and out.
 */
#ifndef HAUL_STORE_SQLITE_DB_H
#define HAUL_STORE_SQLITE_DB_H

#include <sqlite3.h>
#include <stdbool.h>

#include "store/rec_list.h"

#define JOB_COLUMNS                                                                                                    \
	"gid, state, ord, uid, owner, uris, opts, dir, path, total, etag, last_modified, have, done, err, err_text, "  \
	"added_at,"                                                                                                    \
	" ended_at, flags, part_id, digest"

/* Opens path (made with mode 0600 when missing), sets it up (WAL, application id) and brings its tables to the newest
 * version. 0; or a negative enum err with *ret NULL, and *ret_damaged when the content is the reason. */
int sqlite_db_open(const char *path, sqlite3 **ret, bool *ret_damaged, struct fail *f);

/* SQLITE_ROW's columns, as JOB_COLUMNS has them, into r (zeroed): false when the row makes no sense. */
bool sqlite_read_job(sqlite3_stmt *st, struct job_rec *r);
void sqlite_bind_job(sqlite3_stmt *st, const struct job_rec *r); /* parameters 1.. in the order of JOB_COLUMNS */
sqlite3_stmt *sqlite_prepare_put(sqlite3 *db); /* INSERT OR REPLACE of a job; NULL: see sqlite3_errmsg */

/* The result code says that the file's content is broken, rather than the disk or the rights. */
bool sqlite_is_damage(int rc);

#endif
