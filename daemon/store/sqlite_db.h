/* SPDX-License-Identifier: MIT
 * What the SQLite backend and its rescue of damaged files share: opening.
 */
#ifndef HAUL_STORE_SQLITE_DB_H
#define HAUL_STORE_SQLITE_DB_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/err.h"

/* Opens path (made with mode 0600 when missing), sets it up (WAL, application id) and brings its tables to the newest
 * version. 0; or a negative enum err with *ret NULL, and *ret_damaged when the content is the reason. */
int sqlite_db_open(const char *path, sqlite3 **ret, bool *ret_damaged, struct fail *f);

/* The result code says that the file's content is broken, rather than the disk or the rights. */
bool sqlite_is_damage(int rc);

#endif
