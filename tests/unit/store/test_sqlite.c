/* SPDX-License-Identifier: MIT
 * Tests of the SQLite backend's promises: what was acknowledged survives kill -9, damaged files are rescued, foreign
 * and newer ones refused, files are private, a full disk loses nothing, and 100,000 jobs load quickly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <sqlite3.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/str.h"
#include "ev/loop.h"
#include "store/store_backend.h"

struct sq_test {
	struct loop loop;
	char dir[64];
	char db[96];
	struct store *s;
	size_t n;		  /* rows loaded */
	unsigned char seen[8192]; /* by gid, for small ones */
	uint64_t last_ord;
	struct fail fail;
	bool done;
	int err;
};

static int setup(void **state)
{
	struct sq_test *t = calloc(1, sizeof(*t));

	*state = t;
	snprintf(t->dir, sizeof(t->dir), "/tmp/haul-sqlite-XXXXXX");
	if (!mkdtemp(t->dir))
		return -1;
	snprintf(t->db, sizeof(t->db), "%s/queue.db", t->dir);
	return loop_init(&t->loop, 1 << 20);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	struct sq_test *t = *state;
	int r;

	if (t->s)
		store_close(t->s);
	r = loop_close(&t->loop);
	nftw(t->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(t);
	return r;
}

static int open_it(struct sq_test *t)
{
	int err = store_open(&t->loop, STORE_SQLITE, t->dir, &t->s, &t->fail);

	if (err)
		print_message("%s\n", t->fail.text);
	return err;
}

static void close_it(struct sq_test *t)
{
	store_close(t->s);
	t->s = NULL;
}

static void on_row(void *arg, struct job_rec *r)
{
	struct sq_test *t = arg;

	t->n++;
	if (r->gid < sizeof(t->seen))
		t->seen[r->gid] = 1;
	if (r->state < STORE_ENDED) { /* the ended ones follow, in an order of their own */
		assert_true(r->ord >= t->last_ord);
		t->last_ord = r->ord;
	}
}

static size_t load(struct sq_test *t)
{
	t->n = 0;
	t->last_ord = 0;
	memset(t->seen, 0, sizeof(t->seen));
	assert_int_equal(store_load(t->s, on_row, t, &t->fail), 0);
	return t->n;
}

static void put(struct store *s, uint64_t gid, uint64_t ord)
{
	struct job_rec copy, r = {.gid = gid,
		.ord = ord,
		.total = -1,
		.owner = (char *)"root",
		.dir = (char *)"/downloads",
		.uris = (char *)"http://example.org/some/folder/with/a/file-of-some-length.bin\n",
		.opts = (char *)"split=5\nmax-connection-per-server=4\n"};

	job_rec_copy(&copy, &r);
	store_put(s, &copy);
}

static void on_flush(void *arg, int err, const struct fail *f)
{
	struct sq_test *t = arg;

	t->done = true;
	t->err = err;
	t->fail = *f;
}

static int flush(struct sq_test *t)
{
	t->done = false;
	store_flush(t->s, on_flush, t);
	while (!t->done)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	return t->err;
}

/* n jobs of gid 1.., in a file without a WAL. */
static void fill(struct sq_test *t, uint64_t n)
{
	assert_int_equal(open_it(t), 0);
	for (uint64_t i = 1; i <= n; i++)
		put(t->s, i, i);
	store_meta(t->s, "name", "value");
	close_it(t);
}

static size_t count_files(struct sq_test *t, const char *prefix)
{
	DIR *d = opendir(t->dir);
	struct dirent *e;
	size_t n = 0;

	while ((e = readdir(d)))
		n += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
	closedir(d);
	return n;
}

static void write_at(const char *path, off_t off, const void *p, size_t n)
{
	int fd = open(path, O_RDWR);

	assert_int_equal(pwrite(fd, p, n, off), n);
	close(fd);
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : -1;
}

/* ---- files ---- */

static void assert_mode(struct sq_test *t, const char *name, mode_t mode)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", t->dir, name);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, mode);
}

static void test_private(void **state)
{
	struct sq_test *t = *state;
	mode_t old = umask(0);

	rmdir(t->dir);
	strcat(t->dir, "/a/b"); /* folders are made */
	assert_int_equal(open_it(t), 0);
	put(t->s, 1, 1);
	assert_int_equal(flush(t), 0);
	assert_mode(t, ".", 0700);
	assert_mode(t, "..", 0700);
	assert_mode(t, "queue.db", 0600);
	assert_mode(t, "queue.db-wal", 0600);
	assert_mode(t, "lock", 0600);
	umask(old);
	close_it(t);
	t->dir[strlen(t->dir) - 4] = '\0';
}

static void test_bad_dirs(void **state)
{
	struct sq_test *t = *state;
	FILE *f;

	assert_int_equal(store_open(&t->loop, STORE_SQLITE, "/dev/null/x", &t->s, &t->fail), ERR_STATE_DIR);
	assert_non_null(strstr(t->fail.text, "/dev/null/x"));
	assert_int_equal(store_open(&t->loop, STORE_SQLITE, "/dev/null", &t->s, &t->fail), ERR_STATE_DIR);
	assert_int_equal(mkdir(t->db, 0700), 0);
	assert_int_equal(open_it(t), ERR_STORE);
	rmdir(t->db);
	assert_int_equal(symlink("/tmp/haul-elsewhere", t->db), 0);
	assert_int_equal(open_it(t), ERR_STORE);
	assert_int_equal(access("/tmp/haul-elsewhere", F_OK), -1);
	unlink(t->db);
	f = fopen(t->db, "w");
	fclose(f); /* empty: a new one */
	assert_int_equal(open_it(t), 0);
}

static void test_locked(void **state)
{
	struct sq_test *t = *state;
	struct store *second = NULL;
	char pid[32];

	assert_int_equal(open_it(t), 0);
	assert_int_equal(store_open(&t->loop, STORE_SQLITE, t->dir, &second, &t->fail), ERR_LOCKED);
	snprintf(pid, sizeof(pid), "process %d)", (int)getpid());
	assert_non_null(strstr(t->fail.text, pid));
	close_it(t);
	assert_int_equal(open_it(t), 0);
}

/* Who removes the lock file lets nobody in. */
static void test_locked_without_the_file(void **state)
{
	struct sq_test *t = *state;
	struct store *second = NULL;
	char *lock = xasprintf("%s/lock", t->dir);

	assert_int_equal(open_it(t), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(unlink(lock), 0);
		assert_int_equal(store_open(&t->loop, STORE_SQLITE, t->dir, &second, &t->fail), ERR_LOCKED);
		assert_non_null(strstr(t->fail.text, "Another hauld"));
	}
	close_it(t);
	assert_int_equal(open_it(t), 0);
	free(lock);
}

static void sql(struct sq_test *t, const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(t->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* A file of the first schema is brought to the newest one with its jobs in it. */
static void test_older(void **state)
{
	struct sq_test *t = *state;

	fill(t, 10);
	sql(t, "ALTER TABLE job DROP COLUMN part_id; ALTER TABLE job DROP COLUMN digest; ALTER TABLE job DROP COLUMN etag_origin;"
	       "ALTER TABLE job DROP COLUMN sum_job; ALTER TABLE job DROP COLUMN sum_place;"
	       "ALTER TABLE job DROP COLUMN sum_have; UPDATE job SET id=id+100; UPDATE job SET id=gid; ALTER TABLE job DROP COLUMN gid;"
	       "ALTER TABLE job RENAME COLUMN id TO gid; PRAGMA user_version=1");
	assert_int_equal(open_it(t), 0);
	assert_int_equal(load(t), 10);
	assert_mode(t, "queue.db.v1", 0600); /* as it was */
	assert_int_equal(count_files(t, "queue.db.damaged"), 0);
	close_it(t);
	assert_int_equal(open_it(t), 0); /* with its checksums */
	assert_int_equal(load(t), 10);
	assert_int_equal(count_files(t, "queue.db.damaged"), 0);
}

static void test_newer(void **state)
{
	struct sq_test *t = *state;

	fill(t, 10);
	sql(t, "PRAGMA user_version=1000");
	assert_int_equal(open_it(t), ERR_STORE_NEWER);
	assert_int_equal(count_files(t, "queue.db.damaged"), 0);
	sql(t, "PRAGMA user_version=6");
	assert_int_equal(open_it(t), 0);
	assert_int_equal(load(t), 10);
}

static int header_byte(const struct sq_test *t, off_t at)
{
	int fd = open(t->db, O_RDONLY | O_CLOEXEC);
	unsigned char byte = 0xff;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	close(fd);
	return byte;
}

static void test_foreign(void **state)
{
	struct sq_test *t = *state;

	sql(t, "CREATE TABLE recipes (x); INSERT INTO recipes VALUES (1)");
	assert_int_equal(open_it(t), ERR_STORE);
	assert_non_null(strstr(t->fail.text, "not a queue file"));
	assert_int_equal(header_byte(t, 18), 1); /* left alone: not even made one with a write-ahead log */
	sql(t, "INSERT INTO recipes VALUES (2)");
	unlink(t->db);
	sql(t, "PRAGMA application_id=77");
	assert_int_equal(open_it(t), ERR_STORE);
}

static void test_senseless_row(void **state)
{
	struct sq_test *t = *state;

	fill(t, 3);
	sql(t, "INSERT INTO job (gid,state,ord,uid,total,done,added_at,ended_at,flags) VALUES (0,0,0,0,0,0,0,0,0);"
	       "INSERT INTO job (gid,state,ord,uid,total,done,added_at,ended_at,flags) VALUES (9,-1,0,0,0,0,0,0,0);"
	       "INSERT INTO job (gid,state,ord,uid,total,done,added_at,ended_at,flags,err) VALUES "
	       "(8,4,100,0,0,0,0,0,0,'ERR_FROM_MARS')");
	assert_int_equal(open_it(t), 0);
	assert_int_equal(load(t), 5); /* without a checksum they are damaged: failed downloads */
	assert_true(count_files(t, "queue.db.damaged") >= 1);
}

static int number(const struct sq_test *t, const char *text)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db;
	int n;

	assert_int_equal(sqlite3_open(t->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

/* Rows are numbered as jobs come, wherever their GIDs lie: a thousand of them fill some pages one after the other, instead of
 * touching a page each. */
static void test_rows_in_order(void **state)
{
	struct sq_test *t = *state;

	assert_int_equal(open_it(t), 0);
	for (uint64_t i = 1; i <= 100; i++)
		put(t->s, i * UINT64_C(0x9e3779b97f4a7c15), i);
	assert_int_equal(flush(t), 0);
	close_it(t);
	assert_int_equal(number(t, "SELECT count(*) FROM job WHERE id=ord AND id BETWEEN 1 AND 100"), 100);
	assert_int_equal(open_it(t), 0); /* goes on behind them */
	put(t->s, 5, 101);
	assert_int_equal(flush(t), 0);
	close_it(t);
	assert_int_equal(number(t, "SELECT id FROM job WHERE gid=5"), 101);
}

/* A job has one row, whatever happens to it within a batch or over several. */
static void test_deleted_and_put_again(void **state)
{
	struct sq_test *t = *state;

	fill(t, 3);
	assert_int_equal(open_it(t), 0);
	store_del(t->s, 2);
	put(t->s, 2, 50);
	store_del(t->s, 3);
	put(t->s, 3, 60);
	store_del(t->s, 3);
	store_set_state(t->s, 3, 2, 61); /* of a job that is not there */
	assert_int_equal(flush(t), 0);
	store_set_ord(t->s, 2, 51);
	store_del(t->s, 1);
	assert_int_equal(flush(t), 0);
	put(t->s, 1, 70);
	store_set_state(t->s, 1, 2, 71);
	assert_int_equal(flush(t), 0);
	close_it(t);
	assert_int_equal(number(t, "SELECT count(*) FROM job"), 2);
	assert_int_equal(number(t, "SELECT ord FROM job WHERE gid=2"), 51);
	assert_int_equal(number(t, "SELECT ord FROM job WHERE gid=1"), 71);
	assert_int_equal(open_it(t), 0);
	assert_int_equal(load(t), 2);
}

/* A deletion whose commit failed is tried again with the next one, and must still find its row. */
static void test_deletion_after_a_failure(void **state)
{
	struct sq_test *t = *state;
	sqlite3 *db;

	fill(t, 3);
	assert_int_equal(open_it(t), 0);
	assert_int_equal(sqlite3_open(t->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TRIGGER no BEFORE INSERT ON job BEGIN SELECT RAISE(ABORT, 'not now'); END", NULL, NULL,
		NULL), SQLITE_OK);
	store_del(t->s, 2);
	put(t->s, 9, 90);
	assert_int_equal(flush(t), ERR_COMMIT);
	assert_int_equal(number(t, "SELECT count(*) FROM job WHERE gid=2"), 1);
	assert_int_equal(sqlite3_exec(db, "DROP TRIGGER no", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	put(t->s, 10, 100);
	assert_int_equal(flush(t), 0);
	close_it(t);
	assert_int_equal(number(t, "SELECT count(*) FROM job WHERE gid=2"), 0);
	assert_int_equal(number(t, "SELECT count(*) FROM job WHERE gid IN (1, 3, 9, 10)"), 4);
}

/* Version 5 had the GID for the row's number. */
static void make_version_5(struct sq_test *t)
{
	sql(t, "UPDATE job SET id=-1-id; UPDATE job SET id=gid; ALTER TABLE job DROP COLUMN gid;"
	       "ALTER TABLE job RENAME COLUMN id TO gid; PRAGMA user_version=5");
}

/* GIDs lie anywhere in the range; what comes later is numbered from the beginning. */
static void test_version_5(void **state)
{
	struct sq_test *t = *state;

	assert_int_equal(open_it(t), 0);
	put(t->s, UINT64_MAX, 1);
	put(t->s, INT64_MAX, 2);
	assert_int_equal(flush(t), 0);
	close_it(t);
	make_version_5(t);
	assert_int_equal(open_it(t), 0);
	assert_int_equal(load(t), 2);
	store_set_ord(t->s, UINT64_MAX, 10);
	store_del(t->s, INT64_MAX);
	put(t->s, 77, 3);
	assert_int_equal(flush(t), 0);
	close_it(t);
	assert_int_equal(number(t, "SELECT id FROM job WHERE gid=77"), 1);
	assert_int_equal(number(t, "SELECT ord FROM job WHERE gid=-1"), 10);
	assert_int_equal(number(t, "SELECT count(*) FROM job"), 2);
	assert_int_equal(count_files(t, "queue.db.damaged"), 0);
}

/* Numbers that a damaged file has are never given twice, be they as high as they may. */
static void test_numbers_at_the_end(void **state)
{
	struct sq_test *t = *state;

	fill(t, 3);
	sql(t, "UPDATE job SET id=281474976710655 WHERE gid=1; UPDATE job SET id=281474976710656 WHERE gid=2");
	for (uint64_t gid = 11; gid <= 13; gid++) {
		assert_int_equal(open_it(t), 0);
		put(t->s, gid, gid);
		assert_int_equal(flush(t), 0);
		close_it(t);
	}
	assert_int_equal(number(t, "SELECT count(*) FROM job"), 6);
}

/* A second row of a job, which only another program can have made, is passed over. */
static void test_twice(void **state)
{
	struct sq_test *t = *state;

	fill(t, 3);
	sql(t, "CREATE TEMP TABLE c AS SELECT * FROM job WHERE gid=2; UPDATE c SET id=99; INSERT INTO job SELECT * FROM c");
	assert_int_equal(open_it(t), 0);
	assert_int_equal(load(t), 3);
}

static void on_checked_row(void *arg, struct job_rec *r)
{
	struct job_rec *want = arg;

	if (r->gid != want->gid)
		return;
	job_rec_free(want);
	*want = *r;
	memset(r, 0, sizeof(*r));
}

/* The row of gid 2 after a change behind the daemon's back. */
static struct job_rec damaged_by(struct sq_test *t, const char *change)
{
	struct job_rec r = {.gid = 2};
	struct fail f;
	size_t kept;

	nftw(t->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	assert_int_equal(mkdir(t->dir, 0700), 0);
	fill(t, 3);
	sql(t, change);
	assert_int_equal(open_it(t), 0);
	assert_int_equal(store_load(t->s, on_checked_row, &r, &f), 0);
	close_it(t);
	kept = count_files(t, "queue.db.damaged");
	assert_true(kept >= 1);
	assert_int_equal(open_it(t), 0); /* mended for good */
	close_it(t);
	assert_int_equal(count_files(t, "queue.db.damaged"), kept);
	return r;
}

static void test_damaged_values(void **state)
{
	struct sq_test *t = *state;
	struct job_rec r = damaged_by(t, "UPDATE job SET have='0-99999', done=99999 WHERE gid=2");

	assert_null(r.have);
	assert_int_equal(r.done, 0);
	assert_int_equal(r.state, 0);
	assert_non_null(strstr(r.uris, "example.org"));
	job_rec_free(&r);
	r = damaged_by(t, "UPDATE job SET state=3 WHERE gid=2");
	assert_int_equal(r.state, STORE_WAITING);
	assert_non_null(strstr(r.opts, "split=5"));
	job_rec_free(&r);
	r = damaged_by(t, "UPDATE job SET uris='http://example.com/other' WHERE gid=2");
	assert_int_equal(r.state, STORE_FAILED);
	assert_int_equal(r.err, ERR_RECORD);
	assert_string_equal(r.uris, "http://example.com/other");
	assert_null(r.opts);
	job_rec_free(&r);
	r = damaged_by(t, "UPDATE job SET uris=CAST(x'687474703aff' AS TEXT) WHERE gid=2");
	assert_int_equal(r.state, STORE_FAILED);
	assert_null(r.uris);
	job_rec_free(&r);
	r = damaged_by(t, "UPDATE job SET sum_job=NULL, sum_have=NULL, sum_place=NULL WHERE gid=2");
	assert_int_equal(r.state, STORE_FAILED);
	job_rec_free(&r);
}

/* Changes through every door keep the sums right. */
static void test_sums_follow(void **state)
{
	struct sq_test *t = *state;

	fill(t, 3);
	assert_int_equal(open_it(t), 0);
	store_set_state(t->s, 1, 2, 10);
	store_set_ord(t->s, 2, 11);
	store_progress(t->s, 3, "0-100", 100);
	store_progress(t->s, 1, NULL, 0);
	close_it(t);
	assert_int_equal(open_it(t), 0);
	assert_int_equal(load(t), 3);
	assert_int_equal(count_files(t, "queue.db.damaged"), 0);
}

/* ---- losses ---- */

static void copy(const char *from, const char *to)
{
	char cmd[1000];

	snprintf(cmd, sizeof(cmd), "cp %s %s", from, to);
	assert_int_equal(system(cmd), 0);
}

/* Three commits; the state as kill -9 would leave it is copied away after each, and put back by restore(). */
static void three_commits(struct sq_test *t)
{
	static const char *const names[] = {"queue.db", "queue.db-wal", "queue.commits"};
	char from[400], to[400];

	assert_int_equal(open_it(t), 0);
	for (uint64_t i = 1; i <= 3; i++) {
		put(t->s, i, i);
		assert_int_equal(flush(t), 0);
		for (size_t k = 0; k < 3; k++) {
			snprintf(from, sizeof(from), "%s/%s", t->dir, names[k]);
			snprintf(to, sizeof(to), "%s/keep%llu-%s", t->dir, (unsigned long long)i, names[k]);
			copy(from, to);
		}
	}
	close_it(t);
}

static void restore(struct sq_test *t, const char *name, int n)
{
	char from[400], to[400];

	snprintf(from, sizeof(from), "%s/keep%d-%s", t->dir, n, name);
	snprintf(to, sizeof(to), "%s/%s", t->dir, name);
	copy(from, to);
}

static void test_damaged_wal(void **state)
{
	struct sq_test *t = *state;
	char wal[200];
	char junk[64];

	three_commits(t);
	snprintf(wal, sizeof(wal), "%s/queue.db-wal", t->dir);
	memset(junk, 0x5a, sizeof(junk));
	restore(t, "queue.db", 3);
	restore(t, "queue.db-wal", 3);
	restore(t, "queue.commits", 3);
	assert_int_equal(open_it(t), 0); /* as after kill -9: all is there */
	assert_int_equal(load(t), 3);
	close_it(t);
	assert_int_equal(count_files(t, "queue.db.damaged"), 0);
	restore(t, "queue.db", 3);
	restore(t, "queue.db-wal", 3);
	write_at(wal, size_of(wal) - 2000, junk, sizeof(junk)); /* the last commit's frames */
	assert_int_equal(open_it(t), 0);
	assert_int_equal(load(t), 2);
	assert_int_equal(count_files(t, "queue.db.damaged"), 2); /* with its -wal */
	put(t->s, 4, 4);
	close_it(t);
	assert_int_equal(open_it(t), 0); /* said once */
	assert_int_equal(load(t), 3);
	assert_int_equal(count_files(t, "queue.db.damaged"), 2);
}

/* In a process of its own: at each byte from `in` it opens the queue, counts the jobs and closes it, as an operator's sqlite3
 * does. */
static _Noreturn void look_in(const char *db_path, int in, int out)
{
	sqlite3_stmt *st;
	sqlite3 *db;
	int n;

	for (char c; read(in, &c, 1) == 1;) {
		n = -1;
		sqlite3_open(db_path, &db);
		sqlite3_prepare_v2(db, "SELECT count(*) FROM job", -1, &st, NULL);
		if (sqlite3_step(st) == SQLITE_ROW)
			n = sqlite3_column_int(st, 0);
		sqlite3_finalize(st);
		sqlite3_close(db);
		if (write(out, &n, sizeof(n)) != sizeof(n))
			_exit(1);
	}
	_exit(0);
}

static int ask_other(int out, int in)
{
	int n;

	assert_int_equal(write(out, "", 1), 1);
	assert_int_equal(read(in, &n, sizeof(n)), sizeof(n));
	return n;
}

/* Copying the file aside must not take away its locks: whoever closes it next would remove the WAL of a running daemon. */
static void test_locked_after_copy(void **state)
{
	struct sq_test *t = *state;
	int to[2], from[2], status;
	pid_t pid;

	three_commits(t);
	restore(t, "queue.db", 3);
	restore(t, "queue.db-wal", 2);
	assert_int_equal(pipe2(to, O_CLOEXEC) + pipe2(from, O_CLOEXEC), 0);
	pid = fork(); /* before SQLite knows of the file here */
	if (pid == 0) {
		close(to[1]);
		look_in(t->db, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	assert_int_equal(open_it(t), 0);
	assert_int_equal(count_files(t, "queue.db.damaged"), 2);
	assert_int_equal(load(t), 2);
	put(t->s, 4, 4);
	assert_int_equal(flush(t), 0);
	assert_int_equal(ask_other(to[1], from[0]), 3);
	put(t->s, 5, 5);
	assert_int_equal(flush(t), 0);
	assert_int_equal(ask_other(to[1], from[0]), 4);
	close(to[1]);
	close(from[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* What was said once is not said again, also when nothing was changed in between. */
static void test_loss_said_once(void **state)
{
	struct sq_test *t = *state;

	three_commits(t);
	restore(t, "queue.db", 3);
	restore(t, "queue.db-wal", 2);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(open_it(t), 0);
		assert_int_equal(load(t), 2);
		close_it(t);
	}
	assert_int_equal(count_files(t, "queue.db.damaged"), 2); /* with its -wal */
}

/* A power cut may leave an older count, or none. */
static void test_older_count(void **state)
{
	struct sq_test *t = *state;
	char path[200];

	three_commits(t);
	restore(t, "queue.commits", 1);
	assert_int_equal(open_it(t), 0);
	assert_int_equal(load(t), 3);
	close_it(t);
	snprintf(path, sizeof(path), "%s/queue.commits", t->dir);
	assert_int_equal(truncate(path, 11), 0);
	assert_int_equal(open_it(t), 0);
	assert_int_equal(load(t), 3);
	assert_int_equal(count_files(t, "queue.db.damaged"), 0);
	assert_mode(t, "queue.commits", 0600);
}

static void test_gone(void **state)
{
	struct sq_test *t = *state;
	char path[200];

	fill(t, 3);
	snprintf(path, sizeof(path), "%s/queue.commits", t->dir);
	assert_int_equal(truncate(t->db, 0), 0);
	assert_int_equal(open_it(t), ERR_STORE);
	assert_non_null(strstr(t->fail.text, "is gone"));
	assert_int_equal(unlink(t->db), 0);
	assert_int_equal(open_it(t), ERR_STORE);
	assert_int_equal(size_of(t->db), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(open_it(t), 0);
	assert_int_equal(load(t), 0);
}

static unsigned count_syncs; /* of queue.commits */

/* Takes the place of the C library's. */
int fdatasync(int fd)
{
	char link[40], path[300] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) > 0 && strstr(path, "/queue.commits"))
		count_syncs++;
	return (int)syscall(SYS_fdatasync, fd);
}

/* It was said that nothing can be read, so the next start may begin anew: also after a power cut. */
static void test_count_begins_anew(void **state)
{
	struct sq_test *t = *state;
	FILE *f;

	fill(t, 3);
	f = fopen(t->db, "r+b");
	assert_non_null(f);
	for (int i = 0; i < 20000; i++)
		fputs("garbage ", f);
	fclose(f);
	count_syncs = 0;
	assert_int_equal(open_it(t), ERR_STORE);
	assert_non_null(strstr(t->fail.text, "nothing in it can be read"));
	assert_int_equal(count_syncs, 1);
	assert_int_equal(open_it(t), 0);
	assert_int_equal(load(t), 0);
}

/* ---- kill -9 ---- */

struct child {
	struct store *s;
	int out;
	uint64_t next;
	int waiting;
};

struct told {
	struct child *c;
	uint64_t upto;
};

static void tell(void *arg, int err, const struct fail *f)
{
	struct told *told = arg;

	(void)f;
	if (err || write(told->c->out, &told->upto, sizeof(told->upto)) != sizeof(told->upto))
		_exit(4);
	told->c->waiting--;
	free(told);
}

/* Adds jobs for ever, several a turn, and tells each that is acknowledged. */
static void add_some(uv_idle_t *h)
{
	struct child *c = h->data;
	struct told *told;

	if (c->waiting == 4)
		return;
	c->waiting++;
	for (int i = 0; i < 3; i++, c->next++)
		put(c->s, c->next, c->next);
	store_progress(c->s, c->next - 1, "0-5", 5);
	told = malloc(sizeof(*told));
	*told = (struct told){c, c->next - 1};
	store_flush(c->s, tell, told);
}

static _Noreturn void run_child(const char *dir, int out, uint64_t next)
{
	struct loop l;
	struct child c = {.out = out, .next = next};
	struct fail f;
	uv_idle_t idle;

	if (loop_init(&l, 1 << 20) < 0 || store_open(&l, STORE_SQLITE, dir, &c.s, &f) < 0)
		_exit(1);
	uv_idle_init(&l.uv, &idle);
	idle.data = &c;
	uv_idle_start(&idle, add_some);
	loop_run(&l);
	_exit(2);
}

/* Returns the last acknowledged gid. */
static uint64_t run_and_kill(struct sq_test *t, unsigned acks, unsigned delay_us, uint64_t next)
{
	uint64_t upto, last = next - 1;
	int p[2], status;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(p[0]);
		run_child(t->dir, p[1], next);
	}
	close(p[1]);
	for (unsigned i = 0; read(p[0], &upto, sizeof(upto)) == sizeof(upto); i++) {
		last = upto;
		if (i == acks) {
			struct timespec d = {.tv_nsec = delay_us * 1000};
			nanosleep(&d, NULL); /* to hit any place within a commit */
			kill(pid, SIGKILL);
		}
	}
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return last;
}

static void test_kill(void **state)
{
	struct sq_test *t = *state;
	unsigned seed = 2026;
	uint64_t last = 0, next = 1;

	for (int round = 0; round < 30; round++) {
		last = run_and_kill(t, (unsigned)rand_r(&seed) % 8, (unsigned)rand_r(&seed) % 1500, next);
		assert_int_equal(open_it(t), 0);
		load(t);
		assert_true(t->n >= last);
		for (uint64_t g = 1; g <= last && g < sizeof(t->seen); g++)
			assert_true(t->seen[g]);
		assert_int_equal(t->n % 3, 0); /* a batch comes as a whole */
		next = t->n + 1;
		close_it(t);
	}
	assert_true(last > 100);
	assert_int_equal(count_files(t, "queue.db.damaged"), 0);
}

/* ---- damage ---- */

static void expect_rescue(struct sq_test *t, size_t at_least, size_t at_most)
{
	assert_int_equal(open_it(t), 0);
	load(t);
	assert_true(t->n >= at_least);
	assert_true(t->n <= at_most);
	assert_true(count_files(t, "queue.db.damaged") >= 1);
	assert_int_equal(count_files(t, "queue.db.rescued") + count_files(t, "queue.db.tmp"), 0);
	assert_mode(t, "queue.db", 0600);
	put(t->s, 7000, 7000); /* and it works */
	assert_int_equal(flush(t), 0);
	close_it(t);
	assert_int_equal(open_it(t), 0);
	assert_true(load(t) >= at_least + 1);
	close_it(t);
}

static void test_one_bad_page(void **state)
{
	struct sq_test *t = *state;
	char junk[4096];
	char *v;

	fill(t, 5000);
	assert_true(size_of(t->db) > 100 * 4096);
	memset(junk, 0xa5, sizeof(junk));
	write_at(t->db, 50 * 4096, junk, sizeof(junk));
	write_at(t->db, 90 * 4096, junk, sizeof(junk));
	expect_rescue(t, 5000 - 2 * 60, 5000 - 2);
	assert_int_equal(open_it(t), 0);
	v = store_meta_get(t->s, "name");
	assert_string_equal(v, "value");
	free(v);
}

static void test_bad_first_page(void **state)
{
	struct sq_test *t = *state;
	char junk[4096];

	fill(t, 3000);
	memset(junk, 0, sizeof(junk));
	for (size_t n = 16; n <= 4096; n += 4080) {
		write_at(t->db, 0, junk, n);
		expect_rescue(t, 3000, 3001);
	}
}

/* The same of a file whose rows have no column for the GID: their numbers are the GIDs. */
static void test_bad_first_page_of_version_5(void **state)
{
	struct sq_test *t = *state;
	struct job_rec r = {.gid = 2000};
	char junk[4096] = {0};
	struct fail f;

	fill(t, 3000);
	make_version_5(t);
	write_at(t->db, 0, junk, sizeof(junk));
	assert_int_equal(open_it(t), 0);
	assert_int_equal(store_load(t->s, on_checked_row, &r, &f), 0);
	assert_int_equal(r.state, 0);
	assert_non_null(r.uris);
	job_rec_free(&r);
	close_it(t);
	assert_int_equal(open_it(t), 0);
	assert_int_equal(load(t), 3000);
}

static void test_bad_root(void **state)
{
	struct sq_test *t = *state;
	char junk[4096];

	fill(t, 3000);
	memset(junk, 0xff, sizeof(junk));
	write_at(t->db, 4096, junk, sizeof(junk)); /* the table's root, page 2 */
	expect_rescue(t, 2900, 3000);
}

/* Two rows of one job, as pages that were freed may hold: the one that is whole counts, whichever comes first. */
static void test_bad_root_with_a_row_twice(void **state)
{
	static const char *const places[] = {"-5", "9000"};
	struct sq_test *t = *state;
	char junk[4096];

	memset(junk, 0xff, sizeof(junk));
	for (size_t i = 0; i < 2; i++) {
		struct job_rec r = {.gid = 1500};
		char text[300];
		struct fail f;

		nftw(t->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
		assert_int_equal(mkdir(t->dir, 0700), 0);
		fill(t, 3000);
		snprintf(text, sizeof(text),
			"CREATE TEMP TABLE c AS SELECT * FROM job WHERE gid=1500; UPDATE c SET id=%s, uris='http://other/';"
			"INSERT INTO job SELECT * FROM c",
			places[i]);
		sql(t, text);
		write_at(t->db, 4096, junk, sizeof(junk));
		assert_int_equal(open_it(t), 0);
		assert_int_equal(store_load(t->s, on_checked_row, &r, &f), 0);
		assert_int_equal(r.err, 0);
		assert_null(strstr(r.uris, "other"));
		job_rec_free(&r);
		close_it(t);
	}
}

static void test_cut_off(void **state)
{
	struct sq_test *t = *state;

	fill(t, 5000);
	assert_int_equal(truncate(t->db, size_of(t->db) / 8192 * 4096), 0);
	expect_rescue(t, 1500, 4999);
}

static void test_nothing_to_save(void **state)
{
	struct sq_test *t = *state;
	FILE *f = fopen(t->db, "w");

	for (int i = 0; i < 5000; i++)
		fputs("this is no database", f);
	fclose(f);
	assert_int_equal(open_it(t), ERR_STORE);
	assert_non_null(strstr(t->fail.text, "queue.db.damaged-"));
	assert_int_equal(count_files(t, "queue.db.damaged-"), 1);
	assert_int_equal(open_it(t), 0); /* said once; now it may begin */
	assert_int_equal(load(t), 0);
}

/* Random bytes anywhere: it opens or says why, and rows of undamaged pages are there. */
static void test_random_damage(void **state)
{
	struct sq_test *t = *state;
	unsigned seed = 99;

	for (int round = 0; round < 16; round++) {
		off_t size;
		nftw(t->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
		assert_int_equal(mkdir(t->dir, 0700), 0);
		fill(t, 600);
		size = size_of(t->db);
		for (int i = 0; i < 1 + round / 2; i++) {
			unsigned char junk[8];
			for (size_t k = 0; k < sizeof(junk); k++)
				junk[k] = (unsigned char)rand_r(&seed);
			write_at(t->db, rand_r(&seed) % (size - 8), junk, sizeof(junk));
		}
		if (open_it(t) == 0) {
			t->n = 0;
			memset(t->seen, 0, sizeof(t->seen));
			t->last_ord = 0;
			store_load(t->s, on_row, t, &t->fail);
			assert_true(t->n > 200);
			close_it(t);
		} else {
			assert_true(t->fail.text[0]);
		}
	}
}

/* Killed between the two renames of setting aside: the damaged one's WAL is still there. */
static void test_rescue_beside_old_wal(void **state)
{
	struct sq_test *t = *state;
	char rescued[128];

	three_commits(t);
	snprintf(rescued, sizeof(rescued), "%s.rescued", t->db);
	assert_int_equal(rename(t->db, rescued), 0);
	restore(t, "queue.db-wal", 1);
	assert_int_equal(open_it(t), 0);
	assert_int_equal(load(t), 3);
	assert_int_equal(count_files(t, "queue.db.damaged"), 1);
}

static void test_interrupted_rescue(void **state)
{
	struct sq_test *t = *state;
	char rescued[128], aside[128];

	fill(t, 5);
	snprintf(rescued, sizeof(rescued), "%s.rescued", t->db);
	snprintf(aside, sizeof(aside), "%s.damaged-x", t->db);
	assert_int_equal(rename(t->db, rescued), 0);
	assert_int_equal(open_it(t), 0);
	assert_int_equal(load(t), 5);
	close_it(t);
	assert_int_equal(rename(t->db, aside), 0); /* only the bad one: nothing is made of it, and not begun over it */
	assert_int_equal(open_it(t), ERR_STORE);
}

/* ---- a full disk, by a shim over the system's VFS ---- */

static _Atomic bool disk_full;
static const sqlite3_io_methods *real_methods[2]; /* of the main file; of WAL and journal */
static sqlite3_io_methods full_methods[2];
static sqlite3_vfs full_vfs;

static const sqlite3_io_methods *real_of(sqlite3_file *f)
{
	return real_methods[f->pMethods - full_methods];
}

static int full_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 off)
{
	return disk_full ? SQLITE_FULL : real_of(f)->xWrite(f, p, n, off);
}

static int full_sync(sqlite3_file *f, int flags)
{
	return disk_full ? SQLITE_IOERR_FSYNC : real_of(f)->xSync(f, flags);
}

static int full_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
	sqlite3_vfs *real = v->pAppData;
	int rc = real->xOpen(real, name, f, flags, out), i = flags & SQLITE_OPEN_MAIN_DB ? 0 : 1;

	if (rc == SQLITE_OK && f->pMethods) {
		real_methods[i] = f->pMethods;
		full_methods[i] = *f->pMethods;
		full_methods[i].xWrite = full_write;
		full_methods[i].xSync = full_sync;
		f->pMethods = &full_methods[i];
	}
	return rc;
}

static void test_disk_full(void **state)
{
	struct sq_test *t = *state;
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);

	full_vfs = *real;
	full_vfs.zName = "full";
	full_vfs.pAppData = real;
	full_vfs.xOpen = full_open;
	sqlite3_vfs_register(&full_vfs, 1);
	assert_int_equal(open_it(t), 0);
	put(t->s, 1, 1);
	assert_int_equal(flush(t), 0);
	disk_full = true;
	put(t->s, 2, 2);
	assert_int_equal(flush(t), ERR_COMMIT);
	assert_non_null(strstr(t->fail.text, "full"));
	put(t->s, 3, 3);
	assert_int_equal(flush(t), ERR_COMMIT);
	disk_full = false;
	assert_int_equal(flush(t), 0);
	close_it(t);
	sqlite3_vfs_register(real, 1);
	sqlite3_vfs_unregister(&full_vfs);
	assert_int_equal(open_it(t), 0);
	assert_int_equal(load(t), 3);
}

/* ---- size ---- */

static double since(const struct timespec *a)
{
	struct timespec b;

	clock_gettime(CLOCK_MONOTONIC, &b);
	return (double)(b.tv_sec - a->tv_sec) + (double)(b.tv_nsec - a->tv_nsec) / 1e9;
}

static void test_100k(void **state)
{
	struct sq_test *t = *state;
	struct timespec a;

	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(open_it(t), 0);
	for (uint64_t i = 1; i <= 100000; i++)
		put(t->s, i * 0x9e3779b97f4a7c15, i);
	assert_int_equal(flush(t), 0);
	close_it(t);
	printf("100000 jobs written in %.3f s\n", since(&a));
	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(open_it(t), 0);
	assert_int_equal(load(t), 100000);
	printf("100000 jobs loaded in %.3f s\n", since(&a));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_private),
		T(test_bad_dirs),
		T(test_locked),
		T(test_locked_without_the_file),
		T(test_older),
		T(test_newer),
		T(test_foreign),
		T(test_senseless_row),
		T(test_rows_in_order),
		T(test_deleted_and_put_again),
		T(test_deletion_after_a_failure),
		T(test_version_5),
		T(test_twice),
		T(test_numbers_at_the_end),
		T(test_damaged_values),
		T(test_sums_follow),
		T(test_damaged_wal),
		T(test_locked_after_copy),
		T(test_loss_said_once),
		T(test_older_count),
		T(test_gone),
		T(test_count_begins_anew),
		T(test_kill),
		T(test_one_bad_page),
		T(test_bad_first_page),
		T(test_bad_first_page_of_version_5),
		T(test_bad_root),
		T(test_bad_root_with_a_row_twice),
		T(test_cut_off),
		T(test_nothing_to_save),
		T(test_random_damage),
		T(test_interrupted_rescue),
		T(test_rescue_beside_old_wal),
		T(test_disk_full),
		T(test_100k),
	};

	log_setup(LOG_LVL_ERROR, true, NULL, LOG_LVL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
