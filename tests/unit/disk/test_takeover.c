/* SPDX-License-Identifier: MIT
 * Tests of dfile with what aria2 left: a file and its control file beside it. What is taken, what is not, and that neither a
 * failing call nor a crash at any place loses or invents a byte.
 */
#include "disk_test.h"

#include <sys/file.h>

#include "disk/aria2_control.h"
#include "make_control.h"

#define PIECE 32768 /* two blocks */
#define TOTAL 100000
#define HAVE  "0-32768,65536-81920" /* of put_begun: piece 0, and the first block of piece 2 */

/* A control file of `total` bytes beside `name`. */
static void put_control(struct disk_test *t, const char *name, uint64_t total, unsigned char flags)
{
	static const unsigned char block0 = 0x80, bits = 0x80;
	uint64_t rest = total - 2 * PIECE;
	struct made_piece started = {2, rest < PIECE ? (uint32_t)rest : PIECE, &block0, 1};
	struct made_control m = {.version = 1, .flags = flags, .piece = PIECE, .total = total, .bits = &bits, .n_bits = 1,
		.started = &started, .n_started = 1};
	unsigned char buf[200];
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s" CONTROL_SUFFIX, at(t, name));
	f = fopen(path, "wb");
	assert_non_null(f);
	fwrite(buf, 1, make_control(buf, &m), f);
	fclose(f);
}

static char content(int64_t off)
{
	return (char)('a' + off % 23);
}

/* `size` bytes of content. */
static void put_data(struct disk_test *t, const char *name, int64_t size)
{
	FILE *f = fopen(at(t, name), "wb");

	assert_non_null(f);
	for (int64_t i = 0; i < size; i++)
		fputc(content(i), f);
	fclose(f);
}

static void put_begun(struct disk_test *t, const char *name)
{
	put_data(t, name, TOTAL);
	put_control(t, name, TOTAL, 0);
}

static bool has_control(struct disk_test *t, const char *name)
{
	char file[100];

	snprintf(file, sizeof(file), "%s" CONTROL_SUFFIX, name);
	return is_there(t, file);
}

/* NAME has its first `size` bytes and no more. */
static void assert_data(struct disk_test *t, const char *name, int64_t size)
{
	FILE *f = fopen(at(t, name), "rb");

	assert_non_null(f);
	for (int64_t i = 0; i < size; i++)
		assert_int_equal(fgetc(f), content(i));
	assert_int_equal(fgetc(f), EOF);
	fclose(f);
}

static void assert_ranges(const struct ranges *r, const char *want)
{
	char *text = ranges_encode(r);

	assert_string_equal(text, want);
	free(text);
}

static struct dfile_req begun_req(struct disk_test *t, const char *name, enum open_how how)
{
	struct dfile_req req = req_of(t, name, how);

	req.total = TOTAL;
	req.journal = t->journal;
	return req;
}

/* Whatever `how` says, NAME and its control file come first. */
static void test_taken_over(void **state)
{
	static const enum open_how hows[] = {OPEN_NEW, OPEN_CONTINUE, OPEN_OVERWRITE};
	struct disk_test *t = *state;

	for (size_t i = 0; i < 3; i++) {
		struct dfile_req req = begun_req(t, "a.bin", hows[i]);
		struct dfile *f;

		put_begun(t, "a.bin");
		unlink(t->journal);
		assert_int_equal(do_open(t, &req), 0);
		f = t->file;
		assert_true(t->taken_over);
		assert_ranges(&t->begun, HAVE);
		assert_string_equal(t->path, at(t, "a.bin"));
		assert_true(dfile_part_id(f)[0] != '\0');
		assert_data(t, "a.bin", TOTAL); /* nothing has happened to it yet */
		assert_false(is_there(t, "a.bin.part") || is_there(t, ".state/j"));
		assert_int_equal(do_take(t, f, TOTAL, ALLOC_NONE), 0);
		assert_false(is_there(t, "a.bin"));
		assert_data(t, "a.bin.part", TOTAL);
		assert_true(has_control(t, "a.bin") && is_there(t, ".state/j"));
		assert_int_equal(do_finish(t, f, TOTAL, false), 0);
		assert_data(t, "a.bin", TOTAL);
		assert_false(has_control(t, "a.bin") || is_there(t, "a.bin.part"));
		do_close(t, f, false);
	}
}

/* After kill -9 the part is found by its identity, and the journal knows what was taken over. */
static void test_resumed(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);
	char id[64];

	put_begun(t, "a");
	assert_int_equal(do_open(t, &req), 0);
	snprintf(id, sizeof(id), "%s", dfile_part_id(t->file));
	assert_int_equal(do_take(t, t->file, TOTAL, ALLOC_NONE), 0);
	do_close(t, t->file, false);
	req.how = OPEN_RESUME;
	req.part_id = id;
	assert_int_equal(do_open(t, &req), 0);
	assert_ranges(&t->proof, HAVE);
	assert_string_equal(dfile_part_id(t->file), id);
	do_close(t, t->file, false);
}

/* aria2 syncs nothing. */
static void test_synced_before_it_is_claimed(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);

	put_begun(t, "a");
	fail_at("fdatasync", 1, EIO);
	assert_int_equal(do_open(t, &req), ERR_IO);
	assert_data(t, "a", TOTAL);
	fail_at("fsync", 0, 0);
	assert_int_equal(do_open(t, &req), 0);
	assert_int_equal(fault.count, 2); /* the control file, and the folder */
	assert_int_equal(do_take(t, t->file, TOTAL, ALLOC_NONE), 0);
	assert_int_equal(fault.count, 3);
	do_close(t, t->file, false);
}

static void test_allocates_behind_the_data(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);

	put_data(t, "a", 70000);
	put_control(t, "a", TOTAL, 0);
	assert_int_equal(do_open(t, &req), 0);
	assert_ranges(&t->begun, "0-32768,65536-70000"); /* not what lies behind the end of the file */
	assert_data(t, "a", 70000);
	assert_int_equal(do_take(t, t->file, TOTAL, ALLOC_FALLOC), 0);
	assert_int_equal(dfile_size(t->file), TOTAL);
	do_return(t, t->file); /* as it was found */
	assert_data(t, "a", 70000);
	assert_true(has_control(t, "a"));
	assert_false(is_there(t, "a.part") || is_there(t, ".state/j"));
}

/* Whoever stops in between leaves things as they were. */
static void test_not_taken_after_all(void **state)
{
	static const enum dfile_fate fates[] = {DFILE_KEEP, DFILE_UNLINK, DFILE_RETURN};
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);

	put_begun(t, "a");
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(do_open(t, &req), 0);
		t->done = false;
		dfile_close(t->file, fates[i], on_op, t);
		wait_done(t);
		assert_data(t, "a", TOTAL);
		assert_true(has_control(t, "a"));
		assert_false(is_there(t, "a.part") || is_there(t, ".state/j"));
	}
}

static void test_part_appears(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);

	put_begun(t, "a");
	assert_int_equal(do_open(t, &req), 0);
	put_file(t, "a.part", "theirs");
	assert_int_equal(do_take(t, t->file, TOTAL, ALLOC_FALLOC), ERR_EXISTS);
	do_return(t, t->file);
	assert_file(t, "a.part", "theirs");
	assert_data(t, "a", TOTAL);
	assert_true(has_control(t, "a"));
}

static void test_name_is_replaced(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);

	put_begun(t, "a");
	assert_int_equal(do_open(t, &req), 0);
	put_file(t, "b", "theirs");
	assert_int_equal(rename(at(t, "b"), at(t, "a")), 0);
	assert_int_equal(do_take(t, t->file, TOTAL, ALLOC_NONE), ERR_RENAME);
	do_return(t, t->file);
	assert_file(t, "a", "theirs");
	assert_false(is_there(t, "a.part"));
}

/* ---- what is not taken ---- */

static void test_does_not_fit(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);

	for (int i = 0; i < 4; i++) {
		static const char *const texts[] = {"is damaged: it is too short", "is damaged: its version is not known",
			"is of a file of 90000 bytes, but the server has 100000", "is longer than"};

		put_data(t, "a", i == 3 ? TOTAL + 1 : TOTAL);
		if (i < 2)
			put_file(t, "a.aria2", i ? "diary" : "");
		else
			put_control(t, "a", i == 2 ? 90000 : TOTAL, 0);
		for (enum open_how how = OPEN_NEW; how <= OPEN_OVERWRITE; how++) {
			req.how = how;
			if (how == OPEN_RESUME)
				continue;
			assert_int_equal(do_open(t, &req), ERR_CONTROL);
			if (!strstr(t->fail.text, texts[i]))
				fail_msg("%s", t->fail.text);
			assert_data(t, "a", i == 3 ? TOTAL + 1 : TOTAL);
			assert_true(has_control(t, "a"));
			assert_false(is_there(t, "a.part") || is_there(t, "a.1.part"));
		}
	}
}

/* A torrent's: as if the name were taken, whether or not there is a file. */
static void test_torrent(void **state)
{
	struct disk_test *t = *state;

	for (int with_data = 0; with_data < 2; with_data++) {
		for (enum open_how how = OPEN_NEW; how <= OPEN_OVERWRITE; how++) {
			struct dfile_req req = begun_req(t, "a", how);

			if (how == OPEN_RESUME)
				continue;
			put_control(t, "a", TOTAL, 1);
			if (with_data)
				put_data(t, "a", TOTAL);
			req.remove_control = how == OPEN_OVERWRITE;
			assert_int_equal(do_open(t, &req), 0);
			assert_false(t->taken_over);
			assert_string_equal(t->path, at(t, "a.1"));
			do_close(t, t->file, true);
			assert_true(has_control(t, "a"));
		}
	}
}

/* A part of a hauld lies there: it keeps its name, and what aria2 has is left to aria2. */
static void test_somebodys_part(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);

	put_begun(t, "a");
	put_file(t, "a.part", "theirs");
	assert_int_equal(do_open(t, &req), 0);
	assert_string_equal(t->path, at(t, "a.1"));
	do_close(t, t->file, true);
	assert_data(t, "a", TOTAL);
	assert_true(has_control(t, "a"));
	assert_file(t, "a.part", "theirs");
}

/* Its control file waits for the end, or for the file to get its name back: it is not left over. */
static void test_control_file_of_a_part(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);
	struct dfile *first;

	put_begun(t, "a");
	assert_int_equal(do_open(t, &req), 0);
	first = t->file;
	assert_int_equal(do_take(t, first, TOTAL, ALLOC_NONE), 0);
	req.journal = NULL;
	for (int i = 0; i < 2; i++) {
		req.remove_control = i == 1;
		assert_int_equal(do_open(t, &req), 0);
		assert_string_equal(t->path, at(t, "a.1"));
		do_close(t, t->file, true);
		assert_true(has_control(t, "a"));
	}
	do_close(t, first, false);
}

/* Another job has opened NAME and is about to take it. */
static void test_two_at_once(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);
	struct dfile *first;

	put_begun(t, "a");
	assert_int_equal(do_open(t, &req), 0);
	first = t->file;
	req.journal = NULL;
	assert_int_equal(do_open(t, &req), 0);
	assert_false(t->taken_over);
	assert_string_equal(t->path, at(t, "a.1"));
	do_close(t, t->file, true);
	assert_int_equal(do_take(t, first, TOTAL, ALLOC_NONE), 0);
	do_close(t, first, true);
}

/* An aria2 that still runs has NAME open for writing; somebody who only reads it does no harm. */
static void test_being_written(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);
	int fd;

	put_begun(t, "a");
	fd = open(at(t, "a"), O_RDONLY);
	if (fs_real.set_lease(fd, F_RDLCK) < 0) {
		close(fd);
		skip(); /* no leases on this file system */
	}
	close(fd);
	fd = open(at(t, "a"), O_WRONLY);
	assert_int_equal(do_open(t, &req), ERR_SAME_FILE);
	assert_non_null(strstr(t->fail.text, "is being written by another program"));
	close(fd);
	fd = open(at(t, "a"), O_RDONLY);
	assert_int_equal(do_open(t, &req), 0);
	assert_true(t->taken_over);
	do_close(t, t->file, false);
	close(fd);
	fail_at("set_lease", 1, EINVAL); /* a file system that can't tell */
	fd = open(at(t, "a"), O_WRONLY);
	assert_int_equal(do_open(t, &req), 0);
	do_close(t, t->file, false);
	close(fd);
	assert_data(t, "a", TOTAL);
}

/* Where everybody may make files, those of others are not taken unasked. */
static void test_others_files(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);

	if (geteuid() != 0)
		skip();
	put_begun(t, "a");
	assert_int_equal(chmod(t->dir, 01777), 0);
	assert_int_equal(chown(at(t, "a.aria2"), 1234, 1234), 0);
	assert_int_equal(do_open(t, &req), 0);
	assert_false(t->taken_over);
	assert_string_equal(t->path, at(t, "a.1"));
	do_close(t, t->file, true);
	assert_int_equal(chown(at(t, "a"), 1234, 1234), 0);
	assert_int_equal(chown(at(t, "a.aria2"), 0, 0), 0);
	assert_int_equal(do_open(t, &req), 0);
	assert_false(t->taken_over);
	do_close(t, t->file, true);
	req.how = OPEN_CONTINUE; /* asked for */
	assert_int_equal(do_open(t, &req), 0);
	assert_true(t->taken_over);
	do_close(t, t->file, false);
	req.how = OPEN_NEW;
	assert_int_equal(chmod(t->dir, 0755), 0);
	assert_int_equal(do_open(t, &req), 0);
	assert_true(t->taken_over);
	do_close(t, t->file, false);
}

static void test_odd_files(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "l", OPEN_NEW);

	put_data(t, "target", TOTAL);
	assert_int_equal(symlink("target", at(t, "l")), 0);
	assert_int_equal(mkfifo(at(t, "fifo"), 0600), 0);
	assert_int_equal(mkdir(at(t, "folder"), 0700), 0);
	req.rename = false;
	for (int i = 0; i < 3; i++) {
		req.name = i == 0 ? "l" : i == 1 ? "fifo" : "folder";
		put_control(t, req.name, TOTAL, 0);
		assert_int_equal(do_open(t, &req), ERR_EXISTS);
		assert_true(has_control(t, req.name));
	}
	assert_data(t, "target", TOTAL);
}

/* Without a size there is nothing to compare with. */
static void test_unknown_total(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);

	put_begun(t, "a");
	for (int64_t total = -1; total <= 0; total++) {
		req.total = total;
		assert_int_equal(do_open(t, &req), 0);
		assert_string_equal(t->path, at(t, "a.1"));
		do_close(t, t->file, true);
	}
	assert_data(t, "a", TOTAL);
	assert_true(has_control(t, "a"));
}

static void test_no_room(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);

	put_data(t, "a", 100);
	put_control(t, "a", TOTAL, 0);
	fault.room = 50000;
	assert_int_equal(do_open(t, &req), ERR_NO_SPACE);
	assert_data(t, "a", 100);
	assert_true(has_control(t, "a"));
}

/* ---- other names, no file, no control file wanted ---- */

/* A candidate with a control file is free, as with aria2, if it fits. */
static void test_candidates(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a.bin", OPEN_NEW);

	put_file(t, "a.bin", "mine");
	put_data(t, "a.1.bin", 10);
	put_control(t, "a.1.bin", TOTAL + 1, 0);
	put_data(t, "a.2.bin", 10);
	put_file(t, "a.2.bin.aria2", "diary");
	put_data(t, "a.3.bin", TOTAL + 1);
	put_control(t, "a.3.bin", TOTAL, 0);
	put_begun(t, "a.4.bin");
	assert_int_equal(do_open(t, &req), 0);
	assert_true(t->taken_over);
	assert_string_equal(t->path, at(t, "a.4.bin"));
	assert_int_equal(do_take(t, t->file, TOTAL, ALLOC_NONE), 0);
	do_close(t, t->file, false);
	assert_file(t, "a.bin", "mine");
	assert_data(t, "a.1.bin", 10);
}

static void test_no_file(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);

	for (int i = 0; i < 3; i++) {
		put_control(t, "a", TOTAL + (uint64_t)i, 0);
		if (i == 2)
			put_file(t, "a.aria2", "");
		assert_int_equal(do_open(t, &req), 0);
		assert_false(t->taken_over || has_control(t, "a"));
		assert_string_equal(t->path, at(t, "a"));
		do_close(t, t->file, true);
	}
	put_file(t, "a.aria2", "diary"); /* not aria2's: none of our business */
	assert_int_equal(do_open(t, &req), 0);
	assert_file(t, "a.aria2", "diary");
	assert_int_equal(do_finish(t, t->file, 0, false), 0);
	do_close(t, t->file, false);
	assert_file(t, "a.aria2", "diary");
}

static void test_remove_control(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);

	req.remove_control = true;
	put_begun(t, "a");
	assert_int_equal(do_open(t, &req), 0);
	assert_string_equal(t->path, at(t, "a.1"));
	assert_false(t->taken_over || has_control(t, "a"));
	do_close(t, t->file, true);
	put_data(t, "a", 500);
	put_control(t, "a", TOTAL + 1, 0); /* fits nothing, which does not matter */
	req.how = OPEN_CONTINUE;
	assert_int_equal(do_open(t, &req), 0);
	assert_false(has_control(t, "a"));
	assert_true(t->taken_over);
	assert_ranges(&t->begun, "0-500"); /* all of it, as of any file */
	do_close(t, t->file, false);
	put_begun(t, "a");
	req.how = OPEN_OVERWRITE;
	assert_int_equal(do_open(t, &req), 0);
	assert_string_equal(t->path, at(t, "a"));
	assert_false(t->taken_over || has_control(t, "a"));
	do_close(t, t->file, true);
	assert_data(t, "a", TOTAL);
}

/* A NAME that was finished, and lost its process before the control file was gone. */
static void test_finished_in_an_earlier_life(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);

	put_begun(t, "a");
	assert_int_equal(do_open(t, &req), 0);
	assert_int_equal(do_take(t, t->file, TOTAL, ALLOC_NONE), 0);
	assert_int_equal(do_finish(t, t->file, TOTAL, false), 0);
	do_close(t, t->file, false);
	put_control(t, "a", TOTAL, 0);
	req.how = OPEN_RESUME;
	assert_int_equal(do_open(t, &req), 0);
	assert_true(t->finished);
	assert_false(has_control(t, "a"));
}

/* ---- failing calls and crashes ---- */

/* From opening to having NAME.part, telling `known` of what has to be durable in between. */
static int open_and_take(struct disk_test *t, struct dfile_req *req, char known[64])
{
	int err = do_open(t, req);

	known[0] = '\0';
	if (err)
		return err;
	assert_true(t->taken_over);
	snprintf(known, 64, "%s", dfile_part_id(t->file));
	return do_take(t, t->file, TOTAL, ALLOC_PREALLOC);
}

static void clean(struct disk_test *t)
{
	unlink(at(t, "a"));
	unlink(at(t, "a.part"));
	unlink(at(t, "a.aria2"));
	unlink(t->journal);
	unlink(at(t, ".state/j.new"));
	put_data(t, "a", 90000);
	put_control(t, "a", TOTAL, 0);
}

static void test_nth_call_fails(void **state)
{
	static const int causes[] = {EIO, ENOSPC, EACCES, EINVAL};
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);
	char known[64];

	for (size_t c = 0; c < 4; c++) {
		int n = 0;

		do {
			clean(t);
			req.rename = false;
			fail_at(NULL, ++n, causes[c]);
			if (open_and_take(t, &req, known) == 0) {
				for (size_t i = 0; i < t->begun.n; i++)
					assert_true(t->begun.v[i].end <= 90000);
				do_close(t, t->file, false);
				assert_true(is_there(t, "a.part"));
				assert_true(has_control(t, "a"));
				continue;
			}
			fault.at = 0; /* giving it back does not fail too */
			if (t->file)
				do_return(t, t->file);
			assert_data(t, "a", 90000);
			assert_true(has_control(t, "a"));
			assert_false(is_there(t, "a.part"));
		} while (fault.count >= n);
		assert_true(n > 20);
	}
}

/* The process dies at the n-th call: none of its later ones takes effect. The next one finds everything, under either name. */
static void test_crash_at_the_nth_call(void **state)
{
	struct disk_test *t = *state;
	struct dfile_req req = begun_req(t, "a", OPEN_NEW);
	bool was_part = false, was_name = false;
	char known[64];
	int n = 0, calls;

	do {
		clean(t);
		fail_at(NULL, ++n, EIO);
		fault.lasting = true;
		open_and_take(t, &req, known);
		if (t->file)
			do_return(t, t->file); /* as far as that can be done by a dead process */
		calls = fault.count;
		memset(&fault, 0, sizeof(fault));
		req.how = OPEN_RESUME;
		req.part_id = known;
		if (known[0] && do_open(t, &req) == 0) {
			assert_true(is_there(t, "a.part") && !is_there(t, "a"));
			was_part = true;
		} else {
			assert_true(!known[0] || t->err == ERR_NOT_FOUND);
			req.how = OPEN_NEW;
			assert_int_equal(do_open(t, &req), 0);
			assert_true(t->taken_over);
			assert_ranges(&t->begun, HAVE);
			assert_string_equal(t->path, at(t, "a"));
			assert_data(t, "a", 90000);
			was_name = true;
		}
		assert_true(has_control(t, "a"));
		do_close(t, t->file, false);
		req.how = OPEN_NEW;
	} while (calls >= n);
	assert_true(was_part && was_name);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_taken_over),
		T(test_resumed),
		T(test_synced_before_it_is_claimed),
		T(test_allocates_behind_the_data),
		T(test_not_taken_after_all),
		T(test_part_appears),
		T(test_name_is_replaced),
		T(test_does_not_fit),
		T(test_torrent),
		T(test_somebodys_part),
		T(test_control_file_of_a_part),
		T(test_two_at_once),
		T(test_being_written),
		T(test_others_files),
		T(test_odd_files),
		T(test_unknown_total),
		T(test_no_room),
		T(test_candidates),
		T(test_no_file),
		T(test_remove_control),
		T(test_finished_in_an_earlier_life),
		T(test_nth_call_fails),
		T(test_crash_at_the_nth_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
