/* SPDX-License-Identifier: MIT
 * The SQLite backend: STATE_DIR/queue.db in WAL mode. With synchronous=FULL each commit syncs the WAL, so it survives a
 * power cut; with NORMAL it survives the process. Each synced commit is counted, in the database and beside it
 * (commit_count.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/str.h"
#include "store/commit_count.h"
#include "store/rec_list.h"
#include "store/row_map.h"
#include "store/sqlite_db.h"
#include "store/sqlite_rescue.h"
#include "store/sqlite_row.h"
#include "store/store_backend.h"

#define COMMITS "commits" /* name of the count in meta */

/* One statement per sop_kind. */
static const char *const op_sql[] = {
	[SOP_PUT] = NULL, /* sqlite_prepare_put */
	[SOP_DEL] = "DELETE FROM job WHERE id=?",
	[SOP_STATE] = "UPDATE job SET state=?2, ord=?3, sum_place=row_sum(gid, ?2, ?3) WHERE id=?1",
	/* The state is not ours to vouch for. */
	[SOP_ORD] = "UPDATE job SET ord=?2, sum_place=CASE WHEN sum_place IS row_sum(gid, state, ord)"
		    " THEN row_sum(gid, state, ?2) ELSE sum_place END WHERE id=?1",
	[SOP_PROGRESS] = "UPDATE job SET have=?2, done=?3, sum_have=row_sum(gid, ?2, ?3) WHERE id=?1",
	[SOP_META] = "INSERT OR REPLACE INTO meta VALUES (?, ?)",
};

#define OP_COUNT (sizeof(op_sql) / sizeof(op_sql[0]))

struct sqlite {
	sqlite3 *db;
	sqlite3_stmt *op[OP_COUNT];
	sqlite3_stmt *begin, *end;
	sqlite3_stmt *has; /* is there such a row? */
	struct row_map map; /* of all jobs in the file, and of those that the open transaction deletes */
	int64_t last_row;   /* the highest number below ROW_NEW_MAX that was ever given */
	struct rec_list rows; /* read at the opening, until load takes them */
	struct rec_list mended; /* copies of those that were damaged */
	bool full;	      /* synchronous is FULL now */
	struct commit_count count;
	uint64_t commits; /* synced ones so far */
};

/* SQLite's own look at the structure: a page that is torn or of another time can hide rows without an error. */
static int check_pages(struct sqlite *s)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &st, NULL);
	const char *text;

	if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		text = (const char *)sqlite3_column_text(st, 0);
		rc = text != NULL && strcmp(text, "ok") == 0 ? SQLITE_OK : SQLITE_CORRUPT;
	}
	sqlite3_finalize(st);
	return rc;
}

/* Files of an older format have GIDs for numbers, all over the range: new rows are numbered below most of them. */
#define ROW_NEW_MAX (INT64_C(1) << 48)

static enum row_state read_row(struct sqlite *s, sqlite3_stmt *st, struct job_rec *r)
{
	enum row_state state = sqlite_read_job(st, r);
	int64_t row = sqlite_row_id(st);

	if (row > s->last_row && row < ROW_NEW_MAX)
		s->last_row = row;
	if (state == ROW_SENSELESS || row_map_find(&s->map, r->gid) != NULL)
		return ROW_SENSELESS;
	row_map_put(&s->map, r->gid, row);
	return state;
}

static void take_row(struct sqlite *s, sqlite3_stmt *st)
{
	struct job_rec *r = rec_list_add(&s->rows);

	switch (read_row(s, st, r)) {
	case ROW_OK:
		break;
	case ROW_MENDED:
		job_rec_copy(rec_list_add(&s->mended), r);
		break;
	case ROW_SENSELESS:
		log_error(STORE, "a row of the queue makes no sense and is passed over (gid %016llx)",
			(unsigned long long)r->gid);
		job_rec_free(r);
		s->rows.n--;
	}
}

/* Every row, which also shows whether every page of the table can be read. */
static int read_rows(struct sqlite *s)
{
	char *sql = sqlite_jobs_sql(s->db, "");
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);

	free(sql);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW)
			take_row(s, st);
	}
	sqlite3_finalize(st);
	return rc;
}

/* 0, or an error and *ret_damaged. */
static int try_open(struct sqlite *s, const char *path, bool *ret_damaged, struct fail *f)
{
	int rc, err = sqlite_db_open(path, &s->db, ret_damaged, f);

	if (err)
		return err;
	rc = check_pages(s);
	if (rc == SQLITE_OK)
		rc = read_rows(s);
	if (rc == SQLITE_DONE)
		return 0;
	*ret_damaged = sqlite_is_damage(rc) || (rc & 0xff) == SQLITE_ERROR; /* the tables' description is wrong */
	err = fail_set(f, ERR_STORE, "The queue file %s can't be read: %s", path, sqlite3_errstr(rc));
	rec_list_free(&s->rows);
	rec_list_free(&s->mended);
	row_map_free(&s->map);
	s->last_row = 0;
	if (*ret_damaged)
		sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(s->db);
	s->db = NULL;
	return err;
}

static int prepare(struct sqlite *s, struct fail *f)
{
	s->op[SOP_PUT] = sqlite_prepare_put(s->db);
	for (size_t i = 0; i < OP_COUNT; i++)
		if (op_sql[i])
			sqlite3_prepare_v3(s->db, op_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->op[i], NULL);
	sqlite3_prepare_v3(s->db, "SELECT 1 FROM job WHERE id=?", -1, SQLITE_PREPARE_PERSISTENT, &s->has, NULL);
	sqlite3_prepare_v3(s->db, "BEGIN IMMEDIATE", -1, SQLITE_PREPARE_PERSISTENT, &s->begin, NULL);
	sqlite3_prepare_v3(s->db, "COMMIT", -1, SQLITE_PREPARE_PERSISTENT, &s->end, NULL);
	for (size_t i = 0; i < OP_COUNT; i++)
		if (!s->op[i] || !s->has || !s->begin || !s->end)
			return fail_set(f, ERR_STORE, "The queue file has wrong tables: %s", sqlite3_errmsg(s->db));
	return 0;
}

/* ---- commit ---- */

static void bind_op(sqlite3_stmt *st, const struct store_op *op, int64_t row)
{
	if (op->kind == SOP_PUT) {
		sqlite_bind_job(st, &op->rec, row);
		return;
	}
	if (op->kind == SOP_META) {
		sqlite3_bind_text(st, 1, op->name, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 2, op->value, -1, SQLITE_STATIC);
		return;
	}
	sqlite3_bind_int64(st, 1, row);
	if (op->kind == SOP_STATE) {
		sqlite3_bind_int(st, 2, op->rec.state);
		sqlite3_bind_int64(st, 3, (sqlite3_int64)op->rec.ord);
	} else if (op->kind == SOP_ORD) {
		sqlite3_bind_int64(st, 2, (sqlite3_int64)op->rec.ord);
	} else if (op->kind == SOP_PROGRESS) {
		sqlite3_bind_text(st, 2, op->rec.have, -1, SQLITE_STATIC);
		sqlite3_bind_int64(st, 3, op->rec.done);
	}
}

/* SQLITE_ROW: there is such a row, SQLITE_DONE: there is none, else the error. */
static int look_for_row(struct sqlite *s, int64_t row)
{
	int rc;

	sqlite3_bind_int64(s->has, 1, row);
	rc = sqlite3_step(s->has);
	sqlite3_reset(s->has);
	return rc;
}

/* Never one that is taken, whatever numbers an older or damaged file has. SQLITE_OK or an error. */
static int new_row(struct sqlite *s, int64_t *ret)
{
	int rc;

	do
		rc = look_for_row(s, ++s->last_row);
	while (rc == SQLITE_ROW);
	*ret = s->last_row;
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The row that op changes. One that is deleted stays in the map until that is committed, see forget_deleted; a job that is put
 * again meanwhile has its old number. SQLITE_OK; SQLITE_NOTFOUND: there is none, and nothing to do; or an error. */
static int row_for(struct sqlite *s, const struct store_op *op, int64_t *ret)
{
	const int64_t *row = row_map_find(&s->map, op->rec.gid);
	int rc;

	if (row != NULL) {
		*ret = *row;
		return SQLITE_OK;
	}
	if (op->kind != SOP_PUT)
		return SQLITE_NOTFOUND;
	rc = new_row(s, ret);
	if (rc == SQLITE_OK)
		row_map_put(&s->map, op->rec.gid, *ret);
	return rc;
}

static int run(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	sqlite3_reset(st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int apply(struct sqlite *s, const struct store_op *op)
{
	sqlite3_stmt *st = s->op[op->kind];
	int64_t row = 0;
	int rc = op->kind != SOP_META ? row_for(s, op, &row) : SQLITE_OK;

	if (rc != SQLITE_OK)
		return rc == SQLITE_NOTFOUND ? SQLITE_OK : rc;
	bind_op(st, op, row);
	rc = run(st);
	sqlite3_clear_bindings(st); /* they point into op */
	return rc;
}

static void forget_if_gone(struct sqlite *s, uint64_t gid)
{
	const int64_t *row = row_map_find(&s->map, gid);

	if (row != NULL && look_for_row(s, *row) == SQLITE_DONE)
		row_map_del(&s->map, gid);
}

/* The batch is committed. Of a batch that failed the rows are still there, and what was put stays in the map for the next try. */
static void forget_deleted(struct sqlite *s, const struct store_op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ops[i].kind == SOP_DEL)
			forget_if_gone(s, ops[i].rec.gid);
}

static int exec(struct sqlite *s, const char *sql)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL);
}

static int set_durable(struct sqlite *s, bool durable)
{
	int rc = SQLITE_OK;

	if (durable != s->full)
		rc = exec(s, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
	if (rc == SQLITE_OK)
		s->full = durable;
	return rc;
}

/* The count goes with the changes that it counts. */
static int count_commit(struct sqlite *s)
{
	char text[24];
	struct store_op op = {.kind = SOP_META, .name = (char *)COMMITS, .value = text};

	snprintf(text, sizeof(text), "%llu", (unsigned long long)s->commits + 1);
	return apply(s, &op);
}

static int commit(struct sqlite *s, const struct store_op *ops, size_t n, bool durable, struct fail *f)
{
	int rc;

	rc = set_durable(s, durable);
	if (rc == SQLITE_OK)
		rc = run(s->begin);
	for (size_t i = 0; i < n && rc == SQLITE_OK; i++)
		rc = apply(s, &ops[i]);
	if (rc == SQLITE_OK && durable)
		rc = count_commit(s);
	if (rc == SQLITE_OK)
		rc = run(s->end);
	if (rc == SQLITE_OK) {
		if (durable)
			commit_count_write(&s->count, ++s->commits);
		forget_deleted(s, ops, n);
		return 0;
	}
	fail_set(f, (rc & 0xff) == SQLITE_FULL ? ERR_NO_SPACE : ERR_STORE, "%s", sqlite3_errmsg(s->db));
	if (!sqlite3_get_autocommit(s->db))
		exec(s, "ROLLBACK");
	return f->code;
}

static int sq_commit(void *b, const struct store_op *ops, size_t n, bool durable, struct fail *f)
{
	struct sqlite *s = b;

	rec_list_free(&s->rows); /* nobody loads any more */
	return commit(s, ops, n, durable, f);
}

/* ---- open and close ---- */

static char *sq_meta_get(void *b, const char *name)
{
	struct sqlite *s = b;
	sqlite3_stmt *st = NULL;
	char *value = NULL;

	if (sqlite3_prepare_v2(s->db, "SELECT value FROM meta WHERE name=?", -1, &st, NULL) == SQLITE_OK) {
		sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
		if (sqlite3_step(st) == SQLITE_ROW)
			value = xstrdup((const char *)sqlite3_column_text(st, 0));
	}
	sqlite3_finalize(st);
	return value;
}

static void sq_close(void *b)
{
	struct sqlite *s = b;

	for (size_t i = 0; i < OP_COUNT; i++)
		sqlite3_finalize(s->op[i]);
	sqlite3_finalize(s->has);
	sqlite3_finalize(s->begin);
	sqlite3_finalize(s->end);
	if (s->db)
		sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	sqlite3_close(s->db);
	commit_count_close(&s->count);
	rec_list_free(&s->rows);
	rec_list_free(&s->mended);
	row_map_free(&s->map);
	free(s);
}

static bool is_gone(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 ? errno == ENOENT : S_ISREG(st.st_mode) && st.st_size == 0;
}

/* An old queue is never taken for a new one. */
static int refuse_gone(const struct sqlite *s, const char *path, const char *dir, struct fail *f)
{
	if (s->count.n == 0 || !is_gone(path))
		return 0;
	return fail_set(f, ERR_STORE,
		"The queue file %s is gone, in which %llu changes were kept. Put it back; or remove %s/queue.commits too, to "
		"begin with an empty queue",
		path, (unsigned long long)s->count.n, dir);
}

static int open_or_rescue(struct sqlite *s, const char *path, struct fail *f)
{
	bool damaged;
	int err = try_open(s, path, &damaged, f);

	if (!err || !damaged)
		return err;
	log_error(STORE, "%s", f->text);
	err = sqlite_rescue(path, f);
	if (err && is_gone(path)) /* it was said that nothing can be read: the next start may begin anew */
		commit_count_reset(&s->count);
	return err ? err : try_open(s, path, &damaged, f);
}

/* The database knows of fewer commits than there were: true, and it was said. */
static bool look_for_loss(struct sqlite *s, const char *path)
{
	char *text = sq_meta_get(s, COMMITS);

	if (text == NULL || str_to_u64(text, strlen(text), &s->commits) < 0)
		s->commits = 0;
	free(text);
	if (s->commits >= s->count.n)
		return false;
	log_error(STORE, "The queue file lost its last %llu changes: it is an older copy, or %s-wal was damaged",
		(unsigned long long)(s->count.n - s->commits), path);
	s->commits = s->count.n;
	return true;
}

/* What was mended stands in the file from now on, and so does the count, so that each is said once; but first the file as it was
 * is kept. */
static void keep_mended(struct sqlite *s, const char *path, bool lost)
{
	struct store_op *ops;
	struct fail f;

	if (s->mended.n == 0 && !lost)
		return;
	ops = xcalloc(s->mended.n, sizeof(*ops));
	for (size_t i = 0; i < s->mended.n; i++)
		ops[i] = (struct store_op){.kind = SOP_PUT, .rec = s->mended.v[i]}; /* borrowed */
	if (sqlite_copy_aside(s->db, path) && commit(s, ops, s->mended.n, true, &f) != 0)
		log_error(STORE, "what was damaged in the queue can't be written anew: %s", f.text);
	free(ops);
	rec_list_free(&s->mended);
}

static int sq_open(const char *dir, void **ret, struct fail *f)
{
	struct sqlite *s = xcalloc(1, sizeof(*s));
	char *path = xasprintf("%s/queue.db", dir);
	int err;

	sqlite_rescue_resume(path);
	s->full = true;
	commit_count_open(&s->count, dir);
	err = refuse_gone(s, path, dir, f);
	if (!err)
		err = open_or_rescue(s, path, f);
	if (!err)
		err = prepare(s, f);
	if (!err)
		keep_mended(s, path, look_for_loss(s, path));
	free(path);
	if (err)
		sq_close(s);
	else
		*ret = s;
	return err;
}

static int sq_load(void *b, void (*cb)(void *arg, struct job_rec *r), void *arg, struct fail *f)
{
	struct sqlite *s = b;

	(void)f;
	rec_list_give(&s->rows, cb, arg);
	return 0;
}

const struct store_backend store_sqlite = {
	.name = "sqlite",
	.open = sq_open,
	.load = sq_load,
	.meta_get = sq_meta_get,
	.commit = sq_commit,
	.close = sq_close,
};
