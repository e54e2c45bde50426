/* SPDX-License-Identifier: MIT
 * Placing small files: the one step to their name, all the ways in which it is not taken, and what a killed process leaves.
 */
#include "disk_test.h"

#include <pthread.h>
#include <sys/stat.h>

#include "disk/ledger.h"
#include "disk/place.h"

#define TEXT "0123456789"
#define GID  7
#define MARK 7

/* One file that is being placed; `t` has what came of the last one. */
struct one {
	struct disk_test t;
	bool placed;
};

static struct placer *open_placer(struct disk_test *t)
{
	mkdir(at(t, ".state"), 0700);
	return placer_new(&t->loop, &fs_faulty, at(t, ".state/ledger"));
}

static void on_placed(void *arg, int err, const struct fail *f, const struct dfile_opened *o)
{
	struct one *x = arg;

	x->placed = o && o->placed;
	x->t.file = o ? o->file : NULL;
	x->t.finished = o && o->finished;
	if (o)
		snprintf(x->t.path, sizeof(x->t.path), "%s", o->path);
	x->t.done = true;
	x->t.err = err;
	x->t.fail = *f;
}

static struct dfile_req small_req(struct disk_test *t, const char *name)
{
	struct dfile_req req = req_of(t, name, OPEN_NEW);

	req.total = (int64_t)strlen(TEXT);
	req.journal = t->journal;
	return req;
}

static const struct ledger_job the_job = {GID, MARK};
static const struct dfile_body body = {.mem = TEXT, .len = sizeof(TEXT) - 1, .mtime = 1000000000, .job = {GID, MARK}};

/* *x is what came of it. */
static void place(struct disk_test *t, struct placer *p, const struct dfile_req *req, struct one *x)
{
	memset(x, 0, sizeof(*x));
	dfile_place(p, req, &body, on_placed, x);
	assert_false(x->t.done);
	while (!x->t.done)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
}

static void end_file(struct disk_test *t, struct one *x)
{
	if (x->t.file)
		do_close(t, x->t.file, true);
}

static void test_placed(void **state)
{
	struct disk_test *t = *state;
	struct placer *p = open_placer(t);
	struct dfile_req req = small_req(t, "f.bin");
	struct file_id id;
	struct stat st;
	struct one x;

	assert_false(placer_named(p, &the_job, &id));
	place(t, p, &req, &x);
	assert_int_equal(x.t.err, 0);
	assert_true(x.placed);
	assert_null(x.t.file);
	assert_string_equal(x.t.path, at(t, "f.bin"));
	assert_file(t, "f.bin", TEXT);
	assert_int_equal(stat(at(t, "f.bin"), &st), 0);
	assert_int_equal(st.st_mtime, 1000000000);
	assert_false(is_there(t, "f.bin.part"));
	assert_int_not_equal(access(t->journal, F_OK), 0);
	assert_true(placer_named(p, &the_job, &id));
	placer_forget(p, GID);
	assert_false(placer_named(p, &the_job, &id));
	placer_free(p);
}

/* Whatever has the name, or is about to have it, the rules decide, and nothing is replaced. */
static void test_taken_names(void **state)
{
	static const char *const there[] = {"n", "n.part", "n.aria2"};
	struct disk_test *t = *state;
	struct placer *p = open_placer(t);
	struct dfile_req req = small_req(t, "n");
	struct one x;

	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
		put_file(t, there[i], "theirs");
		place(t, p, &req, &x);
		assert_false(x.placed);
		assert_int_equal(x.t.err, 0);
		assert_string_equal(x.t.path, at(t, i == 2 ? "n" : "n.1"));
		end_file(t, &x);
		if (i < 2)
			assert_file(t, there[i], "theirs");
		unlink(at(t, there[i]));
	}
	req.rename = false;
	put_file(t, "n", "theirs");
	place(t, p, &req, &x);
	assert_int_equal(x.t.err, ERR_EXISTS);
	assert_file(t, "n", "theirs");
	placer_free(p);
}

/* Names that are no plain ones go the usual way, with its rules. */
static void test_odd_names(void **state)
{
	struct disk_test *t = *state;
	struct placer *p = open_placer(t);
	struct dfile_req req = small_req(t, "sub/n");
	struct one x;

	place(t, p, &req, &x);
	assert_int_equal(x.t.err, 0);
	assert_false(x.placed);
	assert_true(is_there(t, "sub/n.part"));
	end_file(t, &x);
	req.name = "..";
	place(t, p, &req, &x);
	assert_int_equal(x.t.err, ERR_INVAL);
	placer_free(p);
}

/* Many at a time, of one name, and of others: each name once, all of them whole. */
static void test_many(void **state)
{
	enum { N = 100 };
	struct disk_test *t = *state;
	struct placer *p = open_placer(t);
	static struct one x[N];
	int placed = 0, done;

	memset(x, 0, sizeof(x));
	for (int i = 0; i < N; i++) {
		char name[16];
		struct dfile_req req;
		struct dfile_body b = body;

		snprintf(name, sizeof(name), "m%d", i / 2);
		req = small_req(t, name);
		req.journal = NULL;
		b.job.gid = 100 + (uint64_t)i;
		dfile_place(p, &req, &b, on_placed, &x[i]);
	}
	do {
		uv_run(&t->loop.uv, UV_RUN_ONCE);
		done = 0;
		for (int i = 0; i < N; i++)
			done += x[i].t.done;
	} while (done < N);
	for (int i = 0; i < N; i++) {
		assert_int_equal(x[i].t.err, 0);
		placed += x[i].placed;
		end_file(t, &x[i]);
	}
	assert_int_equal(placed, N / 2);
	for (int i = 0; i < N / 2; i++) {
		char name[16];

		snprintf(name, sizeof(name), "m%d", i);
		assert_file(t, name, TEXT);
	}
	placer_free(p);
}

static int names_in(struct disk_test *t)
{
	static const char *const all[] = {"v", "v.part", "v.1", "v.1.part"};
	int n = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		n += is_there(t, all[i]);
	return n;
}

/* After any call that fails: a whole file under its name, a part to write to, or an error that says why; and no name with
 * less than all bytes. */
static void test_nth_call_fails(void **state)
{
	static const int causes[] = {EIO, ENOSPC, EACCES, EINTR};
	struct disk_test *t = *state;
	struct placer *p = open_placer(t);
	struct dfile_req req = small_req(t, "v");
	struct one x;

	for (size_t c = 0; c < sizeof(causes) / sizeof(causes[0]); c++) {
		int n = 0;

		do {
			fail_at(NULL, ++n, causes[c]);
			place(t, p, &req, &x);
			fault.at = 0;
			if (is_there(t, "v"))
				assert_file(t, "v", TEXT);
			if (x.placed)
				assert_true(is_there(t, "v") && names_in(t) == 1);
			else if (x.t.err)
				assert_true(x.t.fail.text[0] && !x.t.file);
			else
				assert_true(x.t.file && !is_there(t, "v"));
			end_file(t, &x);
			unlink(at(t, "v"));
			assert_int_equal(names_in(t), 0);
			unlink(t->journal);
			placer_forget(p, GID);
		} while (fault.count >= n);
		assert_true(n > 10);
	}
	placer_free(p);
}

/* One call after the other fails, and each time the usual way is open. */
static void test_refused(void **state)
{
	static const struct {
		const char *call;
		int at;
	} calls[] = {{"pwrite", 1}, {"pwrite", 2}, {"fsync", 1}, {"fdatasync", 1}, {"linkat", 1}, {"statx", 1}};
	struct disk_test *t = *state;
	struct placer *p = open_placer(t);
	struct dfile_req req = small_req(t, "v");
	struct one x;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		fail_at(calls[i].call, calls[i].at, EIO);
		place(t, p, &req, &x);
		assert_int_equal(x.t.err, 0);
		assert_false(x.placed);
		assert_non_null(x.t.file);
		assert_false(is_there(t, "v"));
		assert_true(is_there(t, "v.part"));
		end_file(t, &x);
	}
	placer_free(p);
}

/* It has its name, but that the name lasts nobody can say: the job fails, and finds its own file when it is tried again. */
static void test_folder_sync_fails(void **state)
{
	struct disk_test *t = *state;
	struct placer *p = open_placer(t);
	struct dfile_req req = small_req(t, "v");
	struct file_id id;
	struct one x;

	fail_at("fsync", 2, EIO);
	place(t, p, &req, &x);
	assert_int_equal(x.t.err, ERR_IO);
	assert_non_null(strstr(x.t.fail.text, "folder"));
	assert_file(t, "v", TEXT);
	fail_at(NULL, 0, 0);
	assert_true(placer_named(p, &the_job, &id));
	req.named = &id;
	place(t, p, &req, &x);
	assert_int_equal(x.t.err, 0);
	assert_true(x.t.finished);
	assert_string_equal(x.t.path, at(t, "v"));
	assert_false(is_there(t, "v.1"));
	placer_free(p);
}

/* Another job makes its part just before our name is linked, and did not see it: we give way. */
static void test_part_appears(void **state)
{
	struct disk_test *t = *state;
	struct placer *p = open_placer(t);
	struct dfile_req req = small_req(t, "v");
	struct one x;

	fault.appears = at(t, "v.part");
	place(t, p, &req, &x);
	assert_int_equal(x.t.err, 0);
	assert_false(x.placed);
	assert_false(is_there(t, "v"));
	assert_file(t, "v.part", "");
	assert_string_equal(x.t.path, at(t, "v.1"));
	end_file(t, &x);
	placer_free(p);
}

static void test_name_appears(void **state)
{
	struct disk_test *t = *state;
	struct placer *p = open_placer(t);
	struct dfile_req req = small_req(t, "v");
	struct one x;

	fault.appears = at(t, "v");
	place(t, p, &req, &x);
	assert_int_equal(x.t.err, 0);
	assert_false(x.placed);
	assert_file(t, "v", "");
	assert_string_equal(x.t.path, at(t, "v.1"));
	end_file(t, &x);
	placer_free(p);
}

static void test_short_writes(void **state)
{
	struct disk_test *t = *state;
	struct placer *p = open_placer(t);
	struct dfile_req req = small_req(t, "v");
	struct file_id id;
	struct one x;

	fault.limit = 3;
	place(t, p, &req, &x);
	assert_true(x.placed);
	assert_file(t, "v", TEXT);
	placer_free(p);
	p = open_placer(t);
	assert_true(placer_named(p, &the_job, &id)); /* the entry is whole, too */
	placer_free(p);
}

static void test_no_room(void **state)
{
	struct disk_test *t = *state;
	struct placer *p = open_placer(t);
	struct dfile_req req = small_req(t, "v");
	struct one x;

	fault.room = 1;
	place(t, p, &req, &x);
	assert_true(x.t.err == ERR_NO_SPACE || x.t.err == ERR_TOO_LARGE);
	assert_int_equal(names_in(t), 0);
	fault.room = 0;
	placer_free(p);
}

/* Killed with its name given, and nobody told: the next life of the job knows its file, another one does not. */
static void test_named_in_an_earlier_life(void **state)
{
	struct disk_test *t = *state;
	struct placer *p = open_placer(t);
	struct dfile_req req = small_req(t, "v");
	struct file_id id;
	struct one x;

	place(t, p, &req, &x);
	assert_true(x.placed);
	placer_free(p); /* as if killed: nobody has said placer_forget */
	p = open_placer(t);
	assert_false(placer_named(p, &(struct ledger_job){GID + 1, MARK}, &id));
	assert_false(placer_named(p, &(struct ledger_job){GID, MARK + 1}, &id)); /* another one that got its GID */
	assert_true(placer_named(p, &the_job, &id));
	req.named = &id;
	place(t, p, &req, &x);
	assert_int_equal(x.t.err, 0);
	assert_true(x.t.finished && !x.placed && !x.t.file);
	assert_string_equal(x.t.path, at(t, "v"));
	unlink(at(t, "v")); /* somebody replaced it: not ours any more */
	put_file(t, "v", TEXT);
	place(t, p, &req, &x);
	assert_int_equal(x.t.err, 0);
	assert_false(x.t.finished);
	assert_string_equal(x.t.path, at(t, "v.1"));
	end_file(t, &x);
	placer_free(p);
}

static pthread_mutex_t disk_answers = PTHREAD_MUTEX_INITIALIZER;

static int stuck_fsync(int fd)
{
	pthread_mutex_lock(&disk_answers);
	pthread_mutex_unlock(&disk_answers);
	return fs_real.fsync(fd);
}

/* Two batches hang at a disk that does not answer: the files of others are not held up. */
static void test_stuck_disk(void **state)
{
	struct disk_test *t = *state;
	struct placer *p = open_placer(t);
	struct dfile_req req = small_req(t, "a"), other = small_req(t, "other");
	struct fs_ops stuck = fs_faulty;
	struct one a = {0}, b = {0}, x;

	stuck.fsync = stuck_fsync;
	req.fs = &stuck;
	pthread_mutex_lock(&disk_answers);
	dfile_place(p, &req, &body, on_placed, &a);
	uv_run(&t->loop.uv, UV_RUN_NOWAIT); /* one batch, and another one */
	req.name = "b";
	dfile_place(p, &req, &body, on_placed, &b);
	uv_run(&t->loop.uv, UV_RUN_NOWAIT);
	for (int i = 0; i < 2; i++) { /* it has to wait at first; the next one has not */
		other.name = i == 0 ? "other" : "another";
		place(t, p, &other, &x);
		assert_int_equal(x.t.err, 0);
		assert_true(!x.placed && x.t.file != NULL);
		end_file(t, &x);
	}
	assert_false(a.t.done || b.t.done);
	pthread_mutex_unlock(&disk_answers);
	while (!a.t.done || !b.t.done)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	assert_true(a.placed && b.placed);
	other.name = "c"; /* it answers again */
	place(t, p, &other, &x);
	assert_true(x.placed);
	placer_free(p);
}

/* Given up while it is being synced: it gets no name. */
static void test_canceled_before_it_has_its_name(void **state)
{
	struct disk_test *t = *state;
	struct placer *p = open_placer(t);
	struct dfile_req req = small_req(t, "gone");
	struct dfile_opening *o;
	struct fs_ops stuck = fs_faulty;
	struct one x = {0};

	stuck.fsync = stuck_fsync;
	req.fs = &stuck;
	pthread_mutex_lock(&disk_answers);
	o = dfile_place(p, &req, &body, on_placed, &x);
	uv_run(&t->loop.uv, UV_RUN_NOWAIT);
	dfile_open_cancel(o);
	pthread_mutex_unlock(&disk_answers);
	while (!x.t.done)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	assert_int_equal(x.t.err, ERR_CANCELED);
	assert_false(is_there(t, "gone") || is_there(t, "gone.part"));
	placer_free(p);
}

static bool only_gid(void *arg, uint64_t gid)
{
	(void)arg;
	return gid == GID;
}

static void test_ledger(void **state)
{
	struct disk_test *t = *state;
	const struct ledger_job five = {5, 0};
	struct file_id id = {.ino = 1, .birth_sec = 2, .birth_nsec = 3}, got;
	struct ledger *l;
	char path[256];
	FILE *f;

	mkdir(at(t, ".state"), 0700);
	snprintf(path, sizeof(path), "%s", at(t, ".state/ledger"));
	l = ledger_open(&fs_faulty, path);
	assert_int_equal(ledger_take(l, 5), 0);
	assert_int_equal(ledger_take(l, 5), 0);
	assert_int_equal(ledger_take(l, GID), 1);
	assert_int_equal(ledger_write(l, 0, &five, &id), 0);
	assert_int_equal(ledger_write(l, 1, &the_job, &id), 0);
	ledger_close(l);
	l = ledger_open(&fs_faulty, path);
	assert_true(ledger_find(l, &five, &got) && file_id_same(&got, &id));
	ledger_sift(l, only_gid, NULL);
	assert_false(ledger_find(l, &five, &got));
	assert_true(ledger_find(l, &the_job, &got));
	for (uint64_t gid = 100; gid < 100 + LEDGER_SLOTS - 1; gid++)
		assert_true(ledger_take(l, gid) >= 0);
	assert_int_equal(ledger_take(l, 99), -1);
	ledger_give(l, 100);
	assert_true(ledger_take(l, 99) >= 0);
	ledger_close(l);
	f = fopen(path, "r+"); /* a bit of the second entry turns over */
	assert_non_null(f);
	fseek(f, 64 + 20, SEEK_SET);
	fputc('x', f);
	fclose(f);
	l = ledger_open(&fs_faulty, path);
	assert_true(ledger_find(l, &five, &got));
	assert_false(ledger_find(l, &the_job, &got));
	ledger_close(l);
	fail_at("openat", 1, EACCES);
	assert_null(ledger_open(&fs_faulty, path));
}

/* Without a ledger nothing is placed, and all works as usual. */
static void test_no_ledger(void **state)
{
	struct disk_test *t = *state;
	struct placer *p = placer_new(&t->loop, &fs_faulty, at(t, "no/such/folder"));
	struct dfile_req req = small_req(t, "v");
	struct one x;

	place(t, p, &req, &x);
	assert_int_equal(x.t.err, 0);
	assert_false(x.placed);
	end_file(t, &x);
	placer_free(p);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_placed),
		T(test_taken_names),
		T(test_odd_names),
		T(test_many),
		T(test_nth_call_fails),
		T(test_refused),
		T(test_folder_sync_fails),
		T(test_part_appears),
		T(test_name_appears),
		T(test_short_writes),
		T(test_no_room),
		T(test_named_in_an_earlier_life),
		T(test_stuck_disk),
		T(test_canceled_before_it_has_its_name),
		T(test_ledger),
		T(test_no_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
