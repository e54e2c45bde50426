/* SPDX-License-Identifier: MIT
 * The tables of queue.db as numbered migrations: entry i brings a file of user_version i to i + 1, in one transaction.
 * Never change an entry that was released: add one. Columns are those of struct job_rec, after `id`, the number of the row
 * (row_map.h; the GID until version 5); `err` is the name of the code,
 * since the numbers of enum err are not fixed. sum_* are checksums over groups of columns that change together (row_sum()
 * of sqlite_row.h, which is registered on each connection): SQLite itself does not notice a bit that turned over in a value.
 */
#ifndef HAUL_STORE_SCHEMA_H
#define HAUL_STORE_SCHEMA_H

#define SCHEMA_APP_ID 0x6861756c /* "haul" */

static const char *const schema_migrations[] = {
	"CREATE TABLE job (gid INTEGER PRIMARY KEY, state INTEGER NOT NULL, ord INTEGER NOT NULL, uid INTEGER NOT NULL,"
	" owner TEXT, uris TEXT, opts TEXT, dir TEXT, path TEXT, total INTEGER NOT NULL, etag TEXT, last_modified TEXT,"
	" have TEXT, done INTEGER NOT NULL, err TEXT, err_text TEXT, added_at INTEGER NOT NULL,"
	" ended_at INTEGER NOT NULL, flags INTEGER NOT NULL);"
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;",
	"ALTER TABLE job ADD COLUMN part_id TEXT;",
	"ALTER TABLE job ADD COLUMN sum_job INTEGER; ALTER TABLE job ADD COLUMN sum_place INTEGER;"
	"ALTER TABLE job ADD COLUMN sum_have INTEGER;"
	"UPDATE job SET sum_job=row_sum(gid, uid, owner, uris, opts, dir, path, total, etag, last_modified, err, err_text,"
	" added_at, ended_at, flags, part_id), sum_place=row_sum(gid, state, ord), sum_have=row_sum(gid, have, done);",
	"ALTER TABLE job ADD COLUMN digest TEXT;"
	"UPDATE job SET sum_job=row_sum(gid, uid, owner, uris, opts, dir, path, total, etag, last_modified, err, err_text,"
	" added_at, ended_at, flags, part_id, digest) WHERE sum_job IS row_sum(gid, uid, owner, uris, opts, dir, path, total,"
	" etag, last_modified, err, err_text, added_at, ended_at, flags, part_id);",
	"ALTER TABLE job ADD COLUMN etag_origin TEXT;"
	"UPDATE job SET sum_job=row_sum(gid, uid, owner, uris, opts, dir, path, total, etag, last_modified, err, err_text,"
	" added_at, ended_at, flags, part_id, digest, etag_origin) WHERE sum_job IS row_sum(gid, uid, owner, uris, opts, dir,"
	" path, total, etag, last_modified, err, err_text, added_at, ended_at, flags, part_id, digest);",
	/* In place: the table's root page stays what it is (sqlite_rescue.c). */
	"ALTER TABLE job RENAME COLUMN gid TO id; ALTER TABLE job ADD COLUMN gid INTEGER; UPDATE job SET gid=id;",
};

#define SCHEMA_VERSION ((int)(sizeof(schema_migrations) / sizeof(schema_migrations[0])))

#endif
