/* SPDX-License-Identifier: MIT
 * Rows of queue.db in and out, and their checksums: SQLite does not notice a bit that turned over in a value, and a wrong URI,
 * or wrong ranges, would make a wrong file.
 */
#ifndef HAUL_STORE_SQLITE_ROW_H
#define HAUL_STORE_SQLITE_ROW_H

#include <sqlite3.h>
#include <stdbool.h>

#include "store/store.h"

/* Registers row_sum(value, ...) on a connection: a checksum over types and values. An SQLite code. */
int sqlite_row_functions(sqlite3 *db);

enum row_state {
	ROW_OK,
	ROW_MENDED,    /* something in it was damaged: what is sure of it is left, see below */
	ROW_SENSELESS, /* passed over */
};

/* The statement that reads jobs: "SELECT columns FROM job" and `rest`; malloc'd. One for tables without checksums, which older
 * files have, takes all rows for right. */
char *sqlite_jobs_sql(sqlite3 *db, const char *rest);
/* SQLITE_ROW of such a statement into r (zeroed). Of a damaged one
 *   its progress is forgotten, when only that is wrong: the job goes on with what its journal proves;
 *   its state is guessed, when only that is: it waits, or has ended as the rest of it says;
 *   it becomes a failed job with what can be read of its URIs, else: nothing is fetched that nobody asked for.
 * What was done is logged. */
enum row_state sqlite_read_job(sqlite3_stmt *st, struct job_rec *r);
int64_t sqlite_row_id(sqlite3_stmt *st); /* the number of such a row; in a file before version 6 the GID */
void sqlite_bind_job(sqlite3_stmt *st, const struct job_rec *r, int64_t row); /* all parameters of sqlite_prepare_put */
sqlite3_stmt *sqlite_prepare_put(sqlite3 *db); /* INSERT OR REPLACE of a job; NULL: see sqlite3_errmsg */

#endif
