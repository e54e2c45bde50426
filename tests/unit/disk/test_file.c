/* SPDX-License-Identifier: MIT
 * Tests of dfile: names, what is there already, links, room, allocation, finishing, closing, and every system call
 * failing once.
 */
#include "disk_test.h"

#include "disk/file_open_priv.h"
#include "disk/verify.h"

/* ---- names ---- */

static void test_new(void **state)
{
	struct disk_test *t = *state;
	struct stat st;

	assert_int_equal(open_name(t, "a.bin", OPEN_NEW), 0);
	assert_string_equal(t->path, at(t, "a.bin"));
	assert_string_equal(dfile_path(t->file), t->path);
	assert_true(is_there(t, "a.bin.part"));
	assert_false(is_there(t, "a.bin"));
	assert_int_equal(stat(at(t, "a.bin.part"), &st), 0);
	assert_true(S_ISREG(st.st_mode) && !(st.st_mode & 0111));
	do_close(t, t->file, false);
	assert_true(is_there(t, "a.bin.part"));
}

static void test_folders(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "s/u/b.bin", OPEN_NEW);
	char deep[128];

	snprintf(deep, sizeof(deep), "%s/x/y/z", t->dir);
	req.dir = deep;
	assert_int_equal(do_open(t, &req), 0);
	assert_string_equal(t->path, at(t, "x/y/z/s/u/b.bin"));
	assert_true(is_there(t, "x/y/z/s/u/b.bin.part"));
	do_close(t, t->file, true);
	assert_false(is_there(t, "x/y/z/s/u/b.bin.part"));
}

static void test_bad_names(void **state)
{
	static const char *const bad[] = {
		"", "..", ".", "/", "/../x", "../x", "a/../x", "a/..", "a//b", "a/", "./a", "a/./b"};
	struct disk_test *t = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(open_name(t, bad[i], OPEN_NEW), ERR_INVAL);
	assert_false(is_there(t, "a"));
}

static void test_mkdir_fails(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "a", OPEN_NEW);
	char dir[128];

	put_file(t, "plain", "x");
	snprintf(dir, sizeof(dir), "%s/plain/sub", t->dir);
	req.dir = dir;
	assert_int_equal(do_open(t, &req), ERR_MKDIR);
	assert_non_null(strstr(t->fail.text, "Not a directory"));
	assert_int_equal(open_name(t, "plain/x", OPEN_NEW), ERR_MKDIR);
}

static void test_too_long(void **state)
{
	struct disk_test *t = *state;
	char name[300];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(open_name(t, name, OPEN_NEW), ERR_CREATE);
	name[253] = '\0'; /* fits, but not with .part */
	assert_int_equal(open_name(t, name, OPEN_NEW), ERR_CREATE);
}

static void test_renaming(void **state)
{
	static const char *const cases[][3] = {
		{"a.tar.gz", "a.tar.1.gz", "a.tar.2.gz"},
		{"plain", "plain.1", "plain.2"},
		{".bashrc", ".bashrc.1", ".bashrc.2"},
		{"d.d/x", "d.d/x.1", "d.d/x.2"},
		{"end.", "end.1.", "end.2."},
	};
	struct disk_test *t = *state;

	assert_int_equal(mkdir(at(t, "d.d"), 0755), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_file(t, cases[i][0], "old");
		for (int n = 1; n <= 2; n++) {
			assert_int_equal(open_name(t, cases[i][0], OPEN_NEW), 0);
			assert_string_equal(t->path, at(t, cases[i][n]));
			do_close(t, t->file, false); /* its .part keeps the name taken */
		}
		assert_file(t, cases[i][0], "old");
	}
}

/* Another job finishes as x.bin between our look at that name and the making of our part. */
static int racing_linkat(int from, const char *name, int dirfd, const char *path, int flags)
{
	if (strcmp(path, "x.bin.part") == 0)
		close(openat(dirfd, "x.bin", O_CREAT | O_EXCL | O_WRONLY, 0600));
	return fs_real.linkat(from, name, dirfd, path, flags);
}

static void test_name_taken_meanwhile(void **state)
{
	struct disk_test *t = *state;
	struct fs_ops racing = fs_real;
	struct dfile_req req = req_of(t, "x.bin", OPEN_NEW);

	racing.linkat = racing_linkat;
	req.fs = &racing;
	assert_int_equal(do_open(t, &req), 0);
	assert_string_equal(t->path, at(t, "x.1.bin"));
	assert_false(is_there(t, "x.bin.part"));
	do_close(t, t->file, true);
}

static void test_no_renaming(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "x.bin", OPEN_NEW);
	char want[512];

	req.rename = false;
	put_file(t, "x.bin", "mine");
	assert_int_equal(do_open(t, &req), ERR_EXISTS);
	snprintf(want, sizeof(want),
		"File %s/x.bin exists, and auto-file-renaming is off, so nothing was changed. Delete the file, or set "
		"another out, auto-file-renaming, continue or allow-overwrite.",
		t->dir);
	assert_string_equal(t->fail.text, want);
	assert_file(t, "x.bin", "mine");
	req.name = "y.bin";
	put_file(t, "y.bin.part", "theirs");
	assert_int_equal(do_open(t, &req), ERR_EXISTS);
	snprintf(want, sizeof(want), "File %s/y.bin exists unfinished, as y.bin.part, ", t->dir);
	assert_memory_equal(t->fail.text, want, strlen(want));
	assert_file(t, "y.bin.part", "theirs");
}

static void test_all_names_taken(void **state)
{
	struct disk_test *t = *state;

	fail_at("openat", 2, EEXIST); /* the first one opens the folder */
	fault.lasting = true;
	assert_int_equal(open_name(t, "x", OPEN_NEW), ERR_RENAME);
	assert_int_equal(fault.count, 1 + 2 * 10000); /* without a name first, then with it */
}

/* ---- what lies there ---- */

static void test_links_not_followed(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "l", OPEN_NEW);

	put_file(t, "target", "precious");
	assert_int_equal(symlink("target", at(t, "l")), 0);
	assert_int_equal(symlink("/tmp", at(t, "out")), 0);
	assert_int_equal(symlink("target", at(t, "p.part")), 0);
	assert_int_equal(symlink("nowhere", at(t, "dangling")), 0);
	req.rename = false;
	for (enum open_how how = OPEN_NEW; how <= OPEN_OVERWRITE; how++) {
		req.how = how;
		req.total = 100;
		req.name = "l";
		assert_int_equal(do_open(t, &req), how == OPEN_RESUME ? ERR_NOT_FOUND : ERR_EXISTS);
		req.name = "dangling";
		assert_int_equal(do_open(t, &req), how == OPEN_RESUME ? ERR_NOT_FOUND : ERR_EXISTS);
		req.name = "p";
		assert_int_equal(do_open(t, &req), how == OPEN_RESUME ? ERR_OPEN : ERR_EXISTS);
		req.name = "out/x";
		assert_int_equal(do_open(t, &req), ERR_CREATE);
	}
	assert_file(t, "target", "precious");
	assert_false(is_there(t, "nowhere"));
}

static void test_odd_files(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "o", OPEN_NEW);

	assert_int_equal(mkfifo(at(t, "fifo"), 0600), 0);
	assert_int_equal(mkfifo(at(t, "f.part"), 0600), 0);
	assert_int_equal(mkdir(at(t, "folder"), 0700), 0);
	assert_int_equal(mkdir(at(t, "g.part"), 0700), 0);
	req.rename = false;
	req.total = 10;
	for (enum open_how how = OPEN_NEW; how <= OPEN_OVERWRITE; how++) {
		static const char *const names[] = {"fifo", "f", "folder", "g"};
		for (size_t i = 0; i < 4; i++) {
			req.how = how;
			req.name = names[i];
			assert_int_equal(do_open(t, &req), how != OPEN_RESUME	  ? ERR_EXISTS
							   : strlen(names[i]) > 1 ? ERR_NOT_FOUND
										  : ERR_OPEN);
		}
	}
}

static void test_continue(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "c", OPEN_CONTINUE);

	put_file(t, "c", "12345");
	req.total = 10;
	req.journal = t->journal;
	assert_int_equal(do_open(t, &req), 0);
	assert_true(t->taken_over && ranges_has(&t->begun, 0, 5));
	assert_int_equal(ranges_total(&t->begun), 5);
	assert_file(t, "c", "12345"); /* until somebody knows whose it is */
	assert_int_equal(do_take(t, t->file, req.total, ALLOC_NONE), 0);
	assert_false(is_there(t, "c"));
	assert_file(t, "c.part", "12345");
	do_close(t, t->file, false);
	req.how = OPEN_RESUME; /* what was taken over is in the journal */
	assert_int_equal(do_open(t, &req), 0);
	assert_true(ranges_has(&t->proof, 0, 5));
	assert_int_equal(ranges_total(&t->proof), 5);
	do_close(t, t->file, true);
}

static void test_continue_others(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "w", OPEN_CONTINUE);

	req.total = 3;
	put_file(t, "w", "abc");
	assert_int_equal(do_open(t, &req), 0);
	assert_true(t->exists_whole);
	assert_null(t->file);
	assert_string_equal(t->path, at(t, "w"));
	assert_false(is_there(t, "w.part"));
	put_file(t, "w", "longer"); /* as NEW */
	assert_int_equal(do_open(t, &req), 0);
	assert_false(t->exists_whole);
	assert_string_equal(t->path, at(t, "w.1"));
	assert_false(t->taken_over);
	do_close(t, t->file, true);
	put_file(t, "v", "a");
	put_file(t, "v.part", "b");
	req.name = "v";
	assert_int_equal(do_open(t, &req), 0);
	assert_string_equal(t->path, at(t, "v.1"));
	do_close(t, t->file, true);
	assert_file(t, "v", "a");
	assert_file(t, "v.part", "b");
	req.total = -1; /* never resumed */
	req.name = "u";
	put_file(t, "u", "a");
	assert_int_equal(do_open(t, &req), 0);
	assert_string_equal(t->path, at(t, "u.1"));
	do_close(t, t->file, true);
}

static void test_overwrite(void **state)
{
	struct disk_test *t = *state;
	struct dfile *f;

	put_file(t, "o", "old");
	put_file(t, "o.part", "rest of an old part");
	assert_int_equal(open_name(t, "o", OPEN_OVERWRITE), 0);
	f = t->file;
	assert_file(t, "o", "old");
	assert_file(t, "o.part", "");
	our_bytes(f, "new");
	assert_int_equal(do_finish(t, f, 3, false), ERR_EXISTS);
	assert_file(t, "o", "old");
	assert_int_equal(do_finish(t, f, 3, true), 0);
	assert_file(t, "o", "new");
	assert_false(is_there(t, "o.part"));
	do_close(t, f, true); /* unlink has no meaning any more */
	assert_file(t, "o", "new");
}

static void test_resume(void **state)
{
	struct disk_test *t = *state;

	assert_int_equal(open_name(t, "r", OPEN_RESUME), ERR_NOT_FOUND);
	put_file(t, "r.part", "12345");
	put_file(t, "r", "other"); /* does not matter until the end */
	assert_int_equal(open_name(t, "r", OPEN_RESUME), 0);
	assert_int_equal(dfile_size(t->file), 5);
	assert_string_equal(t->path, at(t, "r"));
	assert_file(t, "r.part", "12345");
	do_close(t, t->file, false);
}

/* FAT makes up inode numbers: the part that was paused yesterday has another one today, and is ours all the same. Elsewhere it is
 * another file. */
static void test_made_up_inodes(void **state)
{
	static const unsigned long magics[] = {0x4d44, 0x2011bab0, 0xef53}; /* FAT, exFAT, ext4 */
	struct disk_test *t = *state;

	for (size_t i = 0; i < 3; i++) {
		struct dfile_req req = req_of(t, "fat", OPEN_OVERWRITE);
		char id[64];

		memset(&fault, 0, sizeof(fault));
		fault.magic = magics[i];
		req.journal = t->journal;
		assert_int_equal(do_open(t, &req), 0);
		our_bytes(t->file, "bytes");
		journal_slot_move(t->file->journal, journal_slot_get(t->file->journal), 0, 5);
		snprintf(id, sizeof(id), "%s", dfile_part_id(t->file));
		do_close(t, t->file, false);
		fault.moved = 1000;
		req.how = OPEN_RESUME;
		req.part_id = id;
		assert_int_equal(do_open(t, &req), i < 2 ? 0 : ERR_NOT_FOUND);
		if (i < 2) {
			assert_int_equal(ranges_total(&t->proof), 5);
			do_close(t, t->file, false);
		}
	}
}

/* The part, its journal and the ledger's entry tell files apart by the same rule. */
static void test_made_up_inodes_in_the_ledger(void **state)
{
	static const unsigned long magics[] = {0x4d44, 0x2011bab0, 0xef53};
	struct disk_test *t = *state;
	struct file_id before, after;
	int fd;

	put_file(t, "fat", "x");
	fd = open(at(t, "fat"), O_RDONLY);
	for (size_t i = 0; i < 3; i++) {
		fault.magic = magics[i];
		fault.moved = 0;
		assert_int_equal(ledger_identify(&fs_faulty, fd, &before), 0);
		fault.moved = 1000;
		assert_int_equal(ledger_identify(&fs_faulty, fd, &after), 0);
		assert_int_equal(file_id_same(&before, &after), i < 2);
	}
	close(fd);
}

static void test_one_owner(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "s", OPEN_RESUME);
	struct dfile *first;
	int copy;

	assert_int_equal(open_name(t, "s", OPEN_NEW), 0);
	first = t->file;
	assert_int_equal(do_open(t, &req), ERR_SAME_FILE);
	req.how = OPEN_OVERWRITE;
	assert_int_equal(do_open(t, &req), ERR_SAME_FILE);
	copy = dup(dfile_fd(first)); /* as a hasher's: must not keep the lock */
	do_close(t, first, false);
	req.how = OPEN_RESUME;
	assert_int_equal(do_open(t, &req), 0);
	do_close(t, t->file, false);
	close(copy);
}

/* ---- room ---- */

static void test_no_space(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "big", OPEN_NEW);

	fault.room = 10 << 20;
	req.alloc = ALLOC_FALLOC;
	req.total = 11 << 20;
	assert_int_equal(do_open(t, &req), ERR_NO_SPACE);
	assert_non_null(strstr(t->fail.text, "Not enough disk space: 11MiB needed, 10MiB free in "));
	assert_false(is_there(t, "big.part"));
	req.total = INT64_MAX; /* not even if it were empty */
	assert_int_equal(do_open(t, &req), ERR_TOO_LARGE);
	assert_non_null(strstr(t->fail.text, "holds only "));
	req.total = 9 << 20;
	req.reserve = 2 << 20;
	assert_int_equal(do_open(t, &req), ERR_NO_SPACE);
	req.total = -1;
	req.reserve = 11 << 20;
	assert_int_equal(do_open(t, &req), ERR_NO_SPACE);
	req.reserve = UINT64_MAX;
	assert_int_equal(do_open(t, &req), ERR_TOO_LARGE);
	req.how = OPEN_CONTINUE;
	req.reserve = 0;
	req.total = 11 << 20;
	put_file(t, "big", "abc");
	assert_int_equal(do_open(t, &req), ERR_NO_SPACE);
	assert_file(t, "big", "abc");
	req.reserve = 1 << 20;
	req.total = 9 << 20;
	req.how = OPEN_NEW;
	assert_int_equal(do_open(t, &req), 0); /* as big.1: fits */
	do_close(t, t->file, true);
}

/* Killed between the rename and the moment when the name was known elsewhere: the same job opens it as new. */
static void test_new_finds_what_it_finished(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "quick", OPEN_NEW);

	req.journal = t->journal;
	req.total = 3;
	assert_int_equal(do_open(t, &req), 0);
	our_bytes(t->file, "abc");
	assert_int_equal(do_finish(t, t->file, 3, false), 0);
	do_close(t, t->file, false);
	assert_int_equal(do_open(t, &req), 0);
	assert_true(t->finished);
	assert_null(t->file);
	assert_string_equal(t->path, at(t, "quick"));
	assert_false(is_there(t, "quick.1.part"));
	req.total = 4; /* another file */
	assert_int_equal(do_open(t, &req), 0);
	assert_string_equal(t->path, at(t, "quick.1"));
	do_close(t, t->file, true);
}

/* From the moment it lies there, a part is locked and its journal says whose it is. */
static void test_a_part_is_never_without_its_journal(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "tmp", OPEN_NEW);

	req.journal = t->journal;
	req.total = 3;
	fail_at("linkat", 1, EIO); /* as where links are not known: the other way */
	assert_int_equal(do_open(t, &req), 0);
	assert_true(is_there(t, "tmp.part"));
	do_close(t, t->file, true);
	fail_at("openat", 0, 0);
	assert_int_equal(do_open(t, &req), 0);
	assert_true(is_there(t, "tmp.part"));
	do_close(t, t->file, false); /* as if killed: nobody was told of it */
	assert_int_equal(do_open(t, &req), 0);
	assert_string_equal(t->path, at(t, "tmp"));
	do_close(t, t->file, true);
	assert_false(is_there(t, "tmp.part"));
}

/* ---- the part of an earlier life that had told nobody of it ---- */

/* A part that is left as by a kill right after it was made. */
static void leave_part(struct disk_test *t, struct dfile_req *req)
{
	*req = req_of(t, "own", OPEN_NEW);
	req->journal = t->journal;
	req->total = 1 << 20;
	req->rename = false;
	fail_at("", 0, 0);
	assert_int_equal(do_open(t, req), 0);
	do_close(t, t->file, false);
}

static void assert_own_name(struct disk_test *t, struct dfile_req *req)
{
	fail_at("", 0, 0);
	req->fs = &fs_faulty;
	assert_int_equal(do_open(t, req), 0);
	assert_string_equal(t->path, at(t, "own"));
	do_close(t, t->file, true);
}

/* Taking it again is broken off: the next start must find it gone, or find what says whose it is. */
static void test_own_part_after_a_broken_off_open(void **state)
{
	static const struct {
		const char *call;
		int cause, err;
		bool stays;
	} cases[] = {
		{"fallocate", ENOSPC, ERR_NO_SPACE, false},
		{"fallocate", EIO, ERR_IO, false},
		{"ftruncate", EIO, ERR_OPEN, true},
	};
	struct disk_test *t = *state;
	struct dfile_req req;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		leave_part(t, &req);
		fail_at(cases[i].call, 1, cases[i].cause);
		req.alloc = ALLOC_FALLOC;
		assert_int_equal(do_open(t, &req), cases[i].err);
		assert_int_equal(is_there(t, "own.part"), cases[i].stays);
		assert_int_equal(is_there(t, ".state/j"), cases[i].stays);
		assert_own_name(t, &req);
	}
}

static struct {
	struct disk_test *test;
	bool orphaned; /* the part was seen without the journal that names it */
	bool no_unlink;
	struct dfile_opening *cancel; /* at the next allocation */
} watch;

static void look_for_orphan(void)
{
	watch.orphaned |= is_there(watch.test, "own.part") && !is_there(watch.test, ".state/j");
}

static int watching_unlinkat(int dirfd, const char *path, int flags)
{
	int r = -1;

	if (watch.no_unlink && strcmp(path, "own.part") == 0)
		errno = EACCES;
	else
		r = fs_real.unlinkat(dirfd, path, flags);
	look_for_orphan();
	return r;
}

static int watching_fallocate(int fd, int mode, off_t off, off_t len)
{
	look_for_orphan();
	if (watch.cancel)
		dfile_open_cancel(watch.cancel);
	if (watch.cancel)
		return fs_real.fallocate(fd, mode, off, len);
	errno = ENOSPC;
	return -1;
}

/* The process may be killed and the power may fail at any call. */
static void test_own_part_is_never_without_its_journal(void **state)
{
	struct disk_test *t = *state;
	struct fs_ops watching = fs_real;
	struct dfile_req req;

	watching.unlinkat = watching_unlinkat;
	watching.fallocate = watching_fallocate;
	for (int no_unlink = 0; no_unlink < 2; no_unlink++) {
		leave_part(t, &req);
		memset(&watch, 0, sizeof(watch));
		watch.test = t;
		watch.no_unlink = no_unlink;
		req.fs = &watching;
		req.alloc = ALLOC_FALLOC;
		assert_int_equal(do_open(t, &req), ERR_NO_SPACE);
		assert_false(watch.orphaned);
		assert_int_equal(is_there(t, "own.part"), no_unlink);
		assert_own_name(t, &req);
	}
}

/* Paused, or the daemon told to end, between two steps of its allocation. */
static void test_own_part_canceled(void **state)
{
	struct disk_test *t = *state;
	struct fs_ops watching = fs_real;
	struct dfile_req req;

	leave_part(t, &req);
	memset(&watch, 0, sizeof(watch));
	watch.test = t;
	watching.unlinkat = watching_unlinkat;
	watching.fallocate = watching_fallocate;
	req.fs = &watching;
	req.alloc = ALLOC_FALLOC;
	t->done = false;
	watch.cancel = opening_new(&t->loop, &req, on_open, t);
	opening_start(watch.cancel);
	wait_done(t);
	assert_int_equal(t->err, ERR_CANCELED);
	assert_false(watch.orphaned);
	assert_false(is_there(t, "own.part"));
	assert_own_name(t, &req);
}

/* The part was ours once, and is another's now: its bytes stay, also when the journal that names it can't be removed. */
static void test_stale_journal(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req;

	for (int stays = 0; stays < 2; stays++) {
		leave_part(t, &req);
		put_file(t, "own.part", "another's");
		req.rename = true;
		req.stale_journal = true;
		fail_at("unlinkat", stays, EACCES);
		assert_int_equal(do_open(t, &req), 0);
		assert_string_equal(t->path, at(t, "own.1"));
		assert_int_equal(is_there(t, ".state/j"), true);
		assert_int_equal(t->file->journal == NULL, stays);
		assert_file(t, "own.part", "another's");
		do_close(t, t->file, true);
		req.how = OPEN_RESUME;
		put_file(t, "own.part", "another's");
		fail_at("unlinkat", stays, EACCES);
		assert_int_equal(do_open(t, &req), 0);
		assert_int_equal(t->proof.n, 0);
		do_close(t, t->file, true);
		unlink(t->journal);
	}
}

/* No descriptors, no memory: that says nothing of whose file it is, and must not give a download another name. */
static void test_want_takes_no_name(void **state)
{
	static const int causes[] = {EMFILE, ENFILE, ENOMEM, EACCES};
	static const char *const calls[] = {"openat", "fstatat", "fstat"};
	struct disk_test *t = *state;
	struct dfile_req req;

	for (size_t i = 0; i < 12; i++) {
		int n = 0, failed = 0, calls_made;
		do {
			leave_part(t, &req);
			req.rename = true;
			fail_at(calls[i % 3], ++n, causes[i / 3]);
			failed += do_open(t, &req) != 0;
			calls_made = fault.count;
			fail_at("", 0, 0);
			if (t->err == 0)
				assert_string_equal(t->path, at(t, "own"));
			if (t->err == 0)
				do_close(t, t->file, true);
			assert_false(is_there(t, "own.1.part"));
			assert_own_name(t, &req);
		} while (calls_made >= n);
		assert_true(n > 2 && failed > 0);
	}
}

static int openat_no_descriptors(int dirfd, const char *path, int flags, mode_t mode)
{
	if (dirfd == AT_FDCWD && strstr(path, "/.state/")) {
		errno = EMFILE;
		return -1;
	}
	return fs_real.openat(dirfd, path, flags, mode);
}

/* Nor must a file that is ours and whole be fetched a second time, for want of a descriptor to read its journal. */
static void test_want_hides_no_finished_file(void **state)
{
	struct disk_test *t = *state;
	struct fs_ops poor = fs_real;
	struct dfile_req req;

	leave_part(t, &req);
	req.total = 3;
	req.rename = true;
	assert_int_equal(do_open(t, &req), 0);
	our_bytes(t->file, "abc");
	assert_int_equal(do_finish(t, t->file, 3, false), 0);
	do_close(t, t->file, false);
	poor.openat = openat_no_descriptors;
	req.fs = &poor;
	assert_int_equal(do_open(t, &req), ERR_OPEN);
	assert_non_null(strstr(t->fail.text, strerror(EMFILE)));
	req.fs = &fs_faulty;
	assert_int_equal(do_open(t, &req), 0);
	assert_true(t->finished);
}

static int do_trim(struct disk_test *t, int64_t (*have)[2], size_t n)
{
	struct ranges r;

	ranges_init(&r);
	for (size_t i = 0; i < n; i++)
		ranges_add(&r, have[i][0], have[i][1]);
	t->done = false;
	dfile_trim(t->file, &r, on_op, t);
	ranges_free(&r);
	wait_done(t);
	return t->err;
}

/* What is allocated but not written is given back; what is there stays where it is. */
static void test_trim(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "trim", OPEN_NEW);
	int64_t have[][2] = {{1 << 20, (1 << 20) + 3}, {4 << 20, (4 << 20) + 3}};
	char buf[4] = "";
	struct stat st;

	req.total = 16 << 20;
	req.alloc = ALLOC_FALLOC;
	assert_int_equal(do_open(t, &req), 0);
	assert_int_equal(pwrite(dfile_fd(t->file), "abc", 3, 1 << 20), 3);
	assert_int_equal(pwrite(dfile_fd(t->file), "def", 3, 4 << 20), 3);
	assert_int_equal(do_trim(t, have, 2), 0);
	assert_int_equal(fstat(dfile_fd(t->file), &st), 0);
	assert_int_equal(st.st_size, (4 << 20) + 3);
	assert_int_equal(dfile_size(t->file), st.st_size);
	assert_true(st.st_blocks * 512 <= 256 << 10);
	assert_int_equal(pread(dfile_fd(t->file), buf, 3, 1 << 20), 3);
	assert_string_equal(buf, "abc");
	assert_int_equal(pread(dfile_fd(t->file), buf, 3, 4 << 20), 3);
	assert_string_equal(buf, "def");
	assert_int_equal(do_trim(t, NULL, 0), 0);
	assert_int_equal(dfile_size(t->file), 0);
	do_close(t, t->file, true);
}

/* What was the user's before is not cut off, whether it counts or not. */
static void test_trim_leaves_what_was_taken(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "mine", OPEN_CONTINUE);

	put_file(t, "mine", "abcdef");
	req.total = 4 << 20;
	assert_int_equal(do_open(t, &req), 0);
	assert_int_equal(do_trim(t, NULL, 0), 0); /* not taken yet: nothing is touched */
	assert_file(t, "mine", "abcdef");
	assert_int_equal(do_take(t, t->file, req.total, ALLOC_FALLOC), 0);
	assert_int_equal(do_trim(t, (int64_t[][2]){{0, 3}}, 1), 0);
	assert_file(t, "mine.part", "abcdef");
	do_return(t, t->file);
	assert_file(t, "mine", "abcdef");
}

/* An allocation that fails half-way leaves a part that is gone on with as it was. */
static void test_resume_gives_up_what_it_allocated(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "part", OPEN_NEW);
	struct stat st;

	req.total = 3ll << 30;
	assert_int_equal(do_open(t, &req), 0);
	assert_int_equal(pwrite(dfile_fd(t->file), "abc", 3, 0), 3);
	do_close(t, t->file, false);
	req.how = OPEN_RESUME;
	req.alloc = ALLOC_FALLOC;
	fail_at("fallocate", 2, ENOSPC);
	assert_int_equal(do_open(t, &req), ERR_NO_SPACE);
	assert_int_equal(stat(at(t, "part.part"), &st), 0);
	assert_int_equal(st.st_size, 3);
	assert_true(st.st_blocks * 512 <= 64 << 10);
}

static void test_resume_counts_blocks(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "half", OPEN_NEW);

	req.total = 8 << 20;
	req.alloc = ALLOC_FALLOC;
	assert_int_equal(do_open(t, &req), 0);
	assert_int_equal(dfile_size(t->file), 8 << 20);
	do_close(t, t->file, false);
	fault.room = 1 << 20;
	req.how = OPEN_RESUME;
	assert_int_equal(do_open(t, &req), 0); /* its blocks are its own already */
	assert_int_equal(do_set_size(t, t->file, 16 << 20, ALLOC_NONE), ERR_NO_SPACE);
	do_close(t, t->file, true);
}

static off_t blocks_of(struct disk_test *t, const char *name, off_t *size)
{
	struct stat st;

	assert_int_equal(stat(at(t, name), &st), 0);
	*size = st.st_size;
	return st.st_blocks * 512;
}

static void test_alloc_modes(void **state)
{
	static const struct {
		enum alloc_mode mode;
		int no_fallocate;
		off_t size, blocks;
	} cases[] = {
		{ALLOC_NONE, 0, 0, 0},
		{ALLOC_TRUNC, 0, 3 << 20, 0},
		{ALLOC_FALLOC, 0, 3 << 20, 3 << 20},
		{ALLOC_FALLOC, EOPNOTSUPP, 3 << 20, 0},
		{ALLOC_PREALLOC, 0, 3 << 20, 3 << 20},
		{ALLOC_PREALLOC, EOPNOTSUPP, 3 << 20, 3 << 20},
	};
	struct disk_test *t = *state;
	off_t size;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dfile_req req = req_of(t, "m", OPEN_NEW);
		fail_at("fallocate", cases[i].no_fallocate ? 1 : 0, cases[i].no_fallocate);
		fault.lasting = true;
		req.alloc = cases[i].mode;
		req.total = 3 << 20;
		assert_int_equal(do_open(t, &req), 0);
		assert_int_equal(dfile_size(t->file), cases[i].size);
		do_sync(t, t->file); /* so that delayed allocation is counted */
		assert_int_equal(blocks_of(t, "m.part", &size), cases[i].blocks);
		assert_int_equal(size, cases[i].size);
		do_close(t, t->file, true);
	}
}

static void test_alloc_keeps_data(void **state)
{
	struct disk_test *t = *state;
	char buf[4];

	for (int no = 0; no < 2; no++) {
		struct dfile_req req = req_of(t, "k", OPEN_RESUME);
		put_file(t, "k.part", "data");
		fail_at("fallocate", no, EOPNOTSUPP);
		req.alloc = ALLOC_PREALLOC;
		req.total = 1 << 20;
		assert_int_equal(do_open(t, &req), 0);
		assert_int_equal(dfile_size(t->file), 1 << 20);
		assert_int_equal(pread(dfile_fd(t->file), buf, 4, 0), 4);
		assert_memory_equal(buf, "data", 4);
		do_close(t, t->file, true);
	}
}

static void test_alloc_min(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "n", OPEN_NEW);

	req.alloc = ALLOC_TRUNC;
	req.total = 999;
	req.alloc_min = 1000;
	assert_int_equal(do_open(t, &req), 0);
	assert_int_equal(dfile_size(t->file), 0);
	assert_int_equal(do_set_size(t, t->file, 500, ALLOC_TRUNC), 0);
	assert_int_equal(dfile_size(t->file), 500);
	assert_int_equal(do_set_size(t, t->file, 100, ALLOC_NONE), 0);
	assert_int_equal(dfile_size(t->file), 100);
	do_close(t, t->file, true);
}

/* Another job has made the part and is about to lock it: nobody else may hold the lock then, however briefly. */
static void test_a_part_of_another_is_not_locked(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "f", OPEN_NEW);

	put_file(t, "f.part", "another's");
	req.journal = t->journal;
	fail_at("flock", 0, 0);
	assert_int_equal(do_open(t, &req), 0);
	assert_string_equal(t->path, at(t, "f.1"));
	assert_int_equal(fault.count, 1); /* of f.1.part */
	do_close(t, t->file, true);
	assert_file(t, "f.part", "another's");
}

/* A disk that is full in the middle of allocating leaves nothing behind; a file that was continued is itself again. */
static void test_alloc_fails(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "f", OPEN_NEW);

	req.alloc = ALLOC_FALLOC;
	req.total = (int64_t)2 << 30;
	req.journal = t->journal;
	fail_at("fallocate", 1, ENOSPC);
	assert_int_equal(do_open(t, &req), ERR_NO_SPACE);
	assert_false(is_there(t, "f.part"));
	assert_false(is_there(t, ".state/j"));
	put_file(t, "f", "begin");
	req.how = OPEN_CONTINUE;
	fault.count = 0;
	assert_int_equal(do_open(t, &req), 0);
	assert_int_equal(do_take(t, t->file, req.total, ALLOC_FALLOC), ERR_NO_SPACE);
	do_return(t, t->file);
	assert_file(t, "f", "begin");
	assert_false(is_there(t, "f.part"));
}

static void test_cancel_open(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "c", OPEN_NEW);

	fail_at("fallocate", 1, EOPNOTSUPP); /* zeros would be written for a long time */
	req.alloc = ALLOC_PREALLOC;
	req.total = (int64_t)20 << 30;
	t->done = false;
	dfile_open_cancel(dfile_open(&t->loop, &req, on_open, t));
	wait_done(t);
	assert_int_equal(t->err, ERR_CANCELED);
	assert_false(is_there(t, "c.part"));
}

static void ignore_op(void *arg, int err, const struct fail *f)
{
	(void)f;
	*(int *)arg = err;
}

static void test_close_abandons_alloc(void **state)
{
	struct disk_test *t = *state;
	const struct ranges none = {0};
	struct dfile *f;
	int err = 1;

	assert_int_equal(open_name(t, "z", OPEN_NEW), 0);
	f = t->file;
	fail_at("fallocate", 1, EOPNOTSUPP);
	dfile_take(f, (int64_t)20 << 30, ALLOC_PREALLOC, &none, ignore_op, &err);
	do_close(t, f, true);
	assert_int_equal(err, ERR_CANCELED);
	assert_false(is_there(t, "z.part"));
}

/* ---- finish ---- */

static void test_finish(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "sub/f", OPEN_NEW);
	struct dfile *f;
	struct stat st;

	req.journal = t->journal;
	assert_int_equal(do_open(t, &req), 0);
	f = t->file;
	our_bytes(f, "0123456789");
	assert_int_equal(do_finish(t, f, 11, false), ERR_IO);
	assert_true(is_there(t, "sub/f.part"));
	assert_int_equal(do_finish(t, f, 8, false), 0);
	assert_file(t, "sub/f", "01234567");
	assert_false(is_there(t, "sub/f.part"));
	assert_int_equal(stat(at(t, "sub/f"), &st), 0);
	assert_int_equal(st.st_mtime, 1000000000);
	assert_int_equal(do_finish(t, f, 8, false), 0); /* again is fine */
	do_close(t, f, true);
	assert_file(t, "sub/f", "01234567");
	assert_true(is_there(t, ".state/j"));
	req.how = OPEN_RESUME; /* killed before the end was noted anywhere */
	req.total = 8;
	assert_int_equal(do_open(t, &req), 0);
	assert_true(t->finished);
	assert_null(t->file);
	assert_string_equal(t->path, at(t, "sub/f"));
	req.total = 9;
	assert_int_equal(do_open(t, &req), ERR_NOT_FOUND);
	put_file(t, "new", "01234567");
	assert_int_equal(rename(at(t, "new"), at(t, "sub/f")), 0);
	req.total = 8;
	assert_int_equal(do_open(t, &req), ERR_NOT_FOUND); /* another file */
}

static void test_moved_part_is_not_finished(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "f", OPEN_NEW);

	req.journal = t->journal;
	req.total = 5;
	req.alloc = ALLOC_TRUNC;
	assert_int_equal(do_open(t, &req), 0);
	do_close(t, t->file, false);
	assert_int_equal(rename(at(t, "f.part"), at(t, "f")), 0); /* by somebody who thinks it is whole */
	req.how = OPEN_RESUME;
	assert_int_equal(do_open(t, &req), ERR_NOT_FOUND);
}

static void test_finish_name_appeared(void **state)
{
	static const int unsupported[] = {0, EINVAL, ENOSYS};
	struct disk_test *t = *state;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(open_name(t, "n", OPEN_NEW), 0);
		put_file(t, "n", "theirs");
		fail_at("renameat2", unsupported[i] ? 1 : 0, unsupported[i]);
		assert_int_equal(do_finish(t, t->file, 0, false), ERR_EXISTS);
		assert_file(t, "n", "theirs");
		assert_true(is_there(t, "n.part"));
		unlink(at(t, "n"));
		fault.count = 0;
		assert_int_equal(do_finish(t, t->file, 0, false), 0);
		assert_true(is_there(t, "n"));
		assert_false(is_there(t, "n.part"));
		unlink(at(t, "n"));
		do_close(t, t->file, false);
	}
}

static void test_part_replaced(void **state)
{
	struct disk_test *t = *state;

	assert_int_equal(open_name(t, "p", OPEN_NEW), 0);
	unlink(at(t, "p.part"));
	put_file(t, "p.part", "another's");
	assert_int_equal(do_finish(t, t->file, 0, false), ERR_FOREIGN);
	do_close(t, t->file, true);
	assert_file(t, "p.part", "another's");
}

static void test_sync_failure_is_sticky(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "s", OPEN_NEW);

	req.journal = t->journal;
	assert_int_equal(do_open(t, &req), 0);
	assert_true(is_there(t, ".state/j"));
	fail_at("fdatasync", 1, EIO);
	assert_int_equal(do_sync(t, t->file), ERR_IO);
	assert_non_null(strstr(t->fail.text, "Input/output error"));
	assert_int_equal(do_sync(t, t->file), ERR_IO);
	assert_int_equal(do_finish(t, t->file, 0, false), ERR_IO);
	assert_false(is_there(t, ".state/j"));
	do_close(t, t->file, true);
	req.journal = NULL;
	fail_at("fdatasync", 1, EDQUOT);
	assert_int_equal(do_open(t, &req), 0);
	assert_int_equal(do_sync(t, t->file), ERR_NO_SPACE);
	do_close(t, t->file, true);
}

static void test_close_waits(void **state)
{
	struct disk_test *t = *state;
	int err[2] = {1, 1};

	assert_int_equal(open_name(t, "w", OPEN_NEW), 0);
	dfile_sync(t->file, ignore_op, &err[0]);
	dfile_sync(t->file, ignore_op, &err[1]);
	do_close(t, t->file, true);
	assert_int_equal(err[0], 0);
	assert_int_equal(err[1], 0);
}

static void close_in_cb(void *arg, int err, const struct fail *f)
{
	struct disk_test *t = arg;

	(void)f;
	assert_int_equal(err, 0);
	dfile_close(t->file, DFILE_UNLINK, on_op, t);
}

static void test_close_in_callback(void **state)
{
	struct disk_test *t = *state;

	assert_int_equal(open_name(t, "w", OPEN_NEW), 0);
	t->done = false;
	dfile_sync(t->file, close_in_cb, t);
	wait_done(t);
	assert_false(is_there(t, "w.part"));
}

/* ---- each system call fails once ---- */

/* What lies in the scratch folder must be right at any time: NAME is whole or not there, and the other file is
 * untouched. */
static void check_folder(struct disk_test *t, bool may_be_there)
{
	assert_file(t, "other", "other");
	if (!may_be_there)
		assert_false(is_there(t, "v.1"));
	else if (is_there(t, "v.1"))
		assert_file(t, "v.1", "bytes");
	assert_file(t, "v", "old");
}

static void whole_life(struct disk_test *t, enum open_how how)
{
	struct dfile_req req = req_of(t, "v", how);
	struct dfile *f;

	req.total = 5;
	req.alloc = ALLOC_PREALLOC;
	req.journal = t->journal;
	if (do_open(t, &req) != 0) {
		assert_true(t->fail.text[0]);
		check_folder(t, false);
		return;
	}
	f = t->file;
	if (t->finished || t->exists_whole)
		return;
	our_bytes(f, "bytes");
	if (do_sync(t, f) == 0 && do_finish(t, f, 5, false) == 0)
		assert_true(is_there(t, "v.1") || how != OPEN_NEW);
	check_folder(t, true);
	do_close(t, f, true);
	check_folder(t, true);
}

static void test_nth_call_fails(void **state)
{
	static const int causes[] = {EIO, ENOSPC, EACCES, EINTR};
	struct disk_test *t = *state;

	put_file(t, "other", "other");
	for (size_t c = 0; c < sizeof(causes) / sizeof(causes[0]); c++) {
		int n = 0;
		do { /* until there are fewer than n calls */
			put_file(t, "v", "old");
			fail_at(NULL, ++n, causes[c]);
			whole_life(t, OPEN_NEW);
			unlink(at(t, "v.1"));
			unlink(at(t, "v.1.part"));
			unlink(t->journal);
		} while (fault.count >= n);
		assert_true(n > 20);
	}
}

static void test_continue_nth_call_fails(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = req_of(t, "c", OPEN_CONTINUE);
	int n = 0;

	req.total = 10;
	req.alloc = ALLOC_FALLOC;
	do {
		put_file(t, "c", "begin");
		fail_at(NULL, ++n, EIO);
		if (do_open(t, &req) != 0) {
			assert_file(t, "c", "begin"); /* as it was */
			assert_false(is_there(t, "c.part"));
		} else if (!t->taken_over) { /* it looked as if somebody else were at it */
			assert_string_equal(t->path, at(t, "c.1"));
			assert_file(t, "c", "begin");
			do_close(t, t->file, true);
		} else {
			assert_true(ranges_has(&t->begun, 0, 5));
			if (do_take(t, t->file, req.total, ALLOC_FALLOC) != 0) {
				fault.at = 0;
				do_return(t, t->file);
				assert_file(t, "c", "begin");
				assert_false(is_there(t, "c.part"));
			} else {
				do_close(t, t->file, false);
			}
		}
		unlink(at(t, "c"));
		unlink(at(t, "c.part"));
	} while (fault.count >= n);
	assert_true(n > 8);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_new),
		T(test_folders),
		T(test_bad_names),
		T(test_mkdir_fails),
		T(test_too_long),
		T(test_renaming),
		T(test_name_taken_meanwhile),
		T(test_no_renaming),
		T(test_all_names_taken),
		T(test_links_not_followed),
		T(test_odd_files),
		T(test_continue),
		T(test_continue_others),
		T(test_overwrite),
		T(test_resume),
		T(test_one_owner),
		T(test_no_space),
		T(test_new_finds_what_it_finished),
		T(test_a_part_is_never_without_its_journal),
		T(test_own_part_after_a_broken_off_open),
		T(test_own_part_is_never_without_its_journal),
		T(test_own_part_canceled),
		T(test_stale_journal),
		T(test_want_takes_no_name),
		T(test_want_hides_no_finished_file),
		T(test_trim),
		T(test_trim_leaves_what_was_taken),
		T(test_resume_gives_up_what_it_allocated),
		T(test_resume_counts_blocks),
		T(test_alloc_modes),
		T(test_alloc_keeps_data),
		T(test_alloc_min),
		T(test_a_part_of_another_is_not_locked),
		T(test_alloc_fails),
		T(test_cancel_open),
		T(test_close_abandons_alloc),
		T(test_finish),
		T(test_moved_part_is_not_finished),
		T(test_finish_name_appeared),
		T(test_part_replaced),
		T(test_made_up_inodes),
		T(test_made_up_inodes_in_the_ledger),
		T(test_sync_failure_is_sticky),
		T(test_close_waits),
		T(test_close_in_callback),
		T(test_nth_call_fails),
		T(test_continue_nth_call_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
