/* SPDX-License-Identifier: MIT
 * What to do about a damaged queue file: save what can be read, keep the rest for people. Start-up only.
 */
#ifndef HAUL_STORE_SQLITE_RESCUE_H
#define HAUL_STORE_SQLITE_RESCUE_H

#include <stdbool.h>

#include "base/err.h"

struct sqlite3;

/* Reads what it can of the damaged file at path into a new one, sets the old one aside as PATH.damaged-YYYYMMDD-HHMMSS
 * (with its -wal and -shm) and puts the new one in its place; says so in the log. 0; ERR_STORE when nothing could be
 * read (then the file is set aside and there is none at path), or the new file can't be written (then all is as it
 * was). */
int sqlite_rescue(const char *path, struct fail *f);
/* Copies the file at path, which is open as db, with its WAL to PATH.damaged-...; says so in the log. False: it could not. */
bool sqlite_copy_aside(struct sqlite3 *db, const char *path);
/* A rescue that was interrupted between setting aside and putting in place is brought to its end. */
void sqlite_rescue_resume(const char *path);

#endif
