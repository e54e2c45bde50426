/* SPDX-License-Identifier: MIT
 * The mapping between rows and struct job_rec. The order of columns is that of JOB_COLUMNS everywhere; the groups of the three
 * checksums are those of schema.h.
 */
#include "store/sqlite_row.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/log.h"
#include "base/str.h"
#include "store/store_backend.h"

#define JOB_COLUMNS                                                                                                    \
	"state, ord, uid, owner, uris, opts, dir, path, total, etag, last_modified, have, done, err, err_text, "  \
	"added_at, ended_at, flags, part_id"
#define JOB_LATER ", digest, etag_origin" /* since version 4, 5 */
/* A row that was written before version 6, and never migrated since its file was damaged, has its GID for a number only. */
#define GID "ifnull(gid, rowid)"
#define JOB_OK                                                                                                         \
	"sum_job IS row_sum(" GID ", uid, owner, uris, opts, dir, path, total, etag, last_modified, err, err_text, "       \
	"added_at, ended_at, flags, part_id, digest, etag_origin), sum_place IS row_sum(" GID ", state, ord), "         \
	"sum_have IS row_sum(" GID ", have, done)"
#define COLUMNS 22 /* the GID, JOB_COLUMNS and JOB_LATER; the three of JOB_OK and the rowid follow */

/* ---- checksums ---- */

static uLong add_value(uLong sum, sqlite3_value *v)
{
	unsigned char head[5] = {(unsigned char)sqlite3_value_type(v)};
	sqlite3_int64 number;
	int n;

	if (head[0] == SQLITE_NULL)
		return crc32(sum, head, 1);
	if (head[0] == SQLITE_INTEGER) { /* before sqlite3_value_bytes, which would make a text of it */
		number = sqlite3_value_int64(v);
		return crc32(crc32(sum, head, 1), (const Bytef *)&number, sizeof(number));
	}
	n = sqlite3_value_bytes(v);
	memcpy(head + 1, &n, sizeof(n));
	return crc32(crc32(sum, head, sizeof(head)), sqlite3_value_blob(v), (uInt)n);
}

static void row_sum(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	uLong sum = crc32(0, NULL, 0);

	for (int i = 0; i < n; i++)
		sum = add_value(sum, v[i]);
	sqlite3_result_int64(ctx, (sqlite3_int64)sum);
}

int sqlite_row_functions(sqlite3 *db)
{
	return sqlite3_create_function(db, "row_sum", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, row_sum, NULL, NULL);
}

/* ---- out ---- */

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

static void read_columns(sqlite3_stmt *st, struct job_rec *r)
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
	r->digest = text(st, 20);
	r->etag_origin = text(st, 21);
}

static void forget(char **text)
{
	free(*text);
	*text = NULL;
}

static void forget_have(struct job_rec *r)
{
	forget(&r->have);
	r->done = 0;
}

/* URIs that somebody may look at: anything odd in them, and they are left to the copy of the file. */
static void keep_clean_uris(struct job_rec *r)
{
	for (const char *s = r->uris; s != NULL && *s != '\0'; s++) {
		if (*s != '\n' && (*s < 0x20 || *s == 0x7f)) { /* what is not ASCII counts as negative, or is none */
			forget(&r->uris);
			return;
		}
	}
}

static void fail_job(struct job_rec *r)
{
	forget(&r->owner);
	forget(&r->opts);
	forget(&r->dir);
	forget(&r->path);
	forget(&r->etag);
	forget(&r->etag_origin);
	forget(&r->last_modified);
	forget(&r->part_id);
	forget(&r->digest);
	forget(&r->err_text);
	forget_have(r);
	keep_clean_uris(r);
	r->state = STORE_FAILED;
	r->err = ERR_RECORD;
	r->err_text = xstrdup("The record of this download in the queue file was damaged; a copy of the file was kept. "
			      "Look at its URI before you try it again");
	r->uid = 0;
	r->flags = 0;
	r->total = -1;
	r->added_at = r->ended_at = 0;
}

static int guess_state(const struct job_rec *r)
{
	if (r->ended_at != 0)
		return r->err != 0 ? STORE_FAILED : STORE_ENDED;
	return r->uris != NULL ? STORE_WAITING : STORE_GONE;
}

enum row_state sqlite_read_job(sqlite3_stmt *st, struct job_rec *r)
{
	bool job = sqlite3_column_int(st, COLUMNS), place = sqlite3_column_int(st, COLUMNS + 1);
	bool have = sqlite3_column_int(st, COLUMNS + 2);

	read_columns(st, r);
	if (r->gid == 0)
		return ROW_SENSELESS;
	if (job && place && have)
		return r->state >= 0 && r->total >= -1 && r->done >= 0 ? ROW_OK : ROW_SENSELESS;
	log_error(STORE, "the record of download %016llx is damaged: %s", (unsigned long long)r->gid,
		!job ? "it counts as failed" : !place ? "its state is guessed" : "its progress is forgotten");
	if (!job)
		fail_job(r);
	else if (!place)
		r->state = guess_state(r);
	if (!have)
		forget_have(r);
	return ROW_MENDED;
}

int64_t sqlite_row_id(sqlite3_stmt *st)
{
	return sqlite3_column_int64(st, COLUMNS + 3);
}

/* The table of an older file has no checksums, or others. */
char *sqlite_jobs_sql(sqlite3 *db, const char *rest)
{
	sqlite3_stmt *st = NULL;
	bool newest = sqlite3_prepare_v2(db, "SELECT etag_origin, sum_job FROM job", -1, &st, NULL) == SQLITE_OK;

	sqlite3_finalize(st);
	return xasprintf("SELECT " GID ", " JOB_COLUMNS "%s, rowid FROM job %s",
		newest ? JOB_LATER ", " JOB_OK : ", NULL, NULL, 1, 1, 1", rest);
}

/* ---- in ---- */

static void bind_text(sqlite3_stmt *st, int n, const char *s)
{
	sqlite3_bind_text(st, n, s, -1, SQLITE_STATIC); /* NULL binds NULL */
}

void sqlite_bind_job(sqlite3_stmt *st, const struct job_rec *r, int64_t row)
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
	bind_text(st, 21, r->digest);
	bind_text(st, 22, r->etag_origin);
	sqlite3_bind_int64(st, 23, row);
}

sqlite3_stmt *sqlite_prepare_put(sqlite3 *db)
{
	sqlite3_stmt *st = NULL;

	sqlite3_prepare_v3(db,
		"INSERT OR REPLACE INTO job (gid, " JOB_COLUMNS JOB_LATER ", sum_job, sum_place, sum_have, id)"
		" VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,"
		" row_sum(?1,?4,?5,?6,?7,?8,?9,?10,?11,?12,?15,?16,?17,?18,?19,?20,?21,?22),"
		" row_sum(?1,?2,?3), row_sum(?1,?13,?14), ?23)",
		-1, SQLITE_PREPARE_PERSISTENT, &st, NULL);
	return st;
}
