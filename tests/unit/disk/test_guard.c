/* SPDX-License-Identifier: MIT
 * Tests of the guard: another program removes, cuts, grows, regrows or writes the file that is being downloaded.
 */
#include "disk_test.h"


static struct dfile *begin(struct disk_test *t, int64_t total)
{
	struct dfile_req req = req_of(t, "g", OPEN_NEW);

	req.total = total;
	req.alloc = ALLOC_FALLOC;
	req.journal = t->journal;
	assert_int_equal(do_open(t, &req), 0);
	return t->file;
}

static int check(struct dfile *f, struct fail *why)
{
	return guard_check(&f->guard, &fs_faulty, f->fd, f->path, why);
}

/* A tick of the file system's clock goes by: what is written then has another time. */
static void wait_tick(struct disk_test *t)
{
	struct stat a, b;

	put_file(t, "tick", "x");
	assert_int_equal(stat(at(t, "tick"), &a), 0);
	do {
		put_file(t, "tick", "x");
		assert_int_equal(stat(at(t, "tick"), &b), 0);
	} while (a.st_mtim.tv_nsec == b.st_mtim.tv_nsec && a.st_mtim.tv_sec == b.st_mtim.tv_sec);
}

static void test_ours(void **state)
{
	struct disk_test *t = *state;
	struct dfile *f = begin(t, 5);
	struct fail why;

	assert_int_equal(check(f, &why), 0);
	our_bytes(f, "bytes");
	wait_tick(t);
	assert_int_equal(do_sync(t, f), 0);
	assert_int_equal(chmod(at(t, "g.part"), 0600), 0); /* its owner's matter */
	assert_int_equal(link(at(t, "g.part"), at(t, "other")), 0);
	assert_int_equal(check(f, &why), 0);
	assert_int_equal(do_finish(t, f, 5, false), 0);
	do_close(t, f, false);
	assert_file(t, "g", "bytes");
}

struct change {
	const char *what;
	const char *text;
	bool times; /* only seen by its time */
};

static const struct change changes[] = {
	{"remove", "removed", false}, {"cut", "from 8192 to 10 bytes", false}, {"grow", "to 9000 bytes", false},
	{"regrow", "written", true}, {"write", "written", true}, {"move", "moved", false}};

static void do_change(struct disk_test *t, const char *what)
{
	const char *part = at(t, "g.part");
	FILE *f;

	if (strcmp(what, "remove") == 0) {
		assert_int_equal(unlink(part), 0);
	} else if (strcmp(what, "cut") == 0) {
		assert_int_equal(truncate(part, 10), 0);
	} else if (strcmp(what, "grow") == 0) {
		assert_int_equal(truncate(part, 9000), 0);
	} else if (strcmp(what, "regrow") == 0) {
		assert_int_equal(truncate(part, 10), 0);
		assert_int_equal(truncate(part, 8192), 0);
	} else if (strcmp(what, "write") == 0) {
		f = fopen(part, "r+");
		assert_non_null(f);
		fputs("theirs", f);
		fclose(f);
	} else {
		assert_int_equal(rename(part, at(t, "elsewhere")), 0);
	}
}

static void test_others(void **state)
{
	struct disk_test *t = *state;

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct dfile *f = begin(t, 8192);

		if (changes[i].times && !f->guard.times) {
			do_close(t, f, true);
			continue;
		}
		our_bytes(f, "bytes");
		wait_tick(t);
		do_change(t, changes[i].what);
		assert_int_equal(do_finish(t, f, 8192, false), ERR_FOREIGN);
		if (!strstr(t->fail.text, changes[i].text))
			fail_msg("%s: %s", changes[i].what, t->fail.text);
		assert_int_equal(do_finish(t, f, 8192, false), ERR_FOREIGN); /* it stays so */
		assert_false(is_there(t, ".state/j"));
		do_close(t, f, true);
		assert_false(is_there(t, "g"));
		unlink(at(t, "g.part"));
	}
}

/* Cut and grown again where the time does not tell: the hole does. */
static void test_hole(void **state)
{
	struct disk_test *t = *state;
	struct dfile_finish how = {.size = 1 << 20, .mtime = -1, .dense = true};
	char *page = calloc(1, 1 << 20);
	struct dfile *f = begin(t, 1 << 20);

	assert_int_equal(pwrite(f->fd, page, 1 << 20, 0), 1 << 20);
	assert_int_equal(truncate(at(t, "g.part"), 5000), 0);
	assert_int_equal(truncate(at(t, "g.part"), 1 << 20), 0);
	guard_note(&f->guard, &fs_real, f->fd);
	for (int again = 0; again < 2 && f->guard.holes; again++) {
		t->done = false;
		dfile_finish(f, &how, on_op, t);
		wait_done(t);
		assert_int_equal(t->err, ERR_FOREIGN);
	}
	do_close(t, f, true);
	f = begin(t, 1 << 20);
	assert_int_equal(pwrite(f->fd, page, 1 << 20, 0), 1 << 20); /* zeros are no hole */
	guard_note(&f->guard, &fs_real, f->fd);
	t->done = false;
	dfile_finish(f, &how, on_op, t);
	wait_done(t);
	assert_int_equal(t->err, 0);
	do_close(t, f, true);
	free(page);
}

/* Where nothing is known of the file system, times and holes say nothing. */
static void test_unknown_fs(void **state)
{
	struct disk_test *t = *state;
	struct dfile *f;
	struct fail why;

	fault.magic = 1;
	f = begin(t, 100);
	assert_false(f->guard.times || f->guard.holes);
	wait_tick(t);
	do_change(t, "write");
	assert_int_equal(check(f, &why), 0);
	do_change(t, "cut");
	assert_int_equal(check(f, &why), ERR_FOREIGN);
	do_close(t, f, true);
}

static void test_links_not_counted(void **state)
{
	struct disk_test *t = *state;
	struct dfile *f;
	struct fail why;

	fault.no_links = true;
	f = begin(t, 5);
	our_bytes(f, "bytes");
	assert_int_equal(check(f, &why), 0);
	assert_int_equal(do_finish(t, f, 5, false), 0);
	do_close(t, f, false);
	assert_file(t, "g", "bytes");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ours), TEST(test_others), TEST(test_hole), TEST(test_unknown_fs),
		TEST(test_links_not_counted)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
