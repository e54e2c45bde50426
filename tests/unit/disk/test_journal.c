/* SPDX-License-Identifier: MIT
 * Tests of the progress journal: what it proves after a close and after kill -9, when it is not believed, and that it
 * never proves more.
 */
#include "disk_test.h"

#include <signal.h>
#include <sys/wait.h>

#include "disk/journal.h"

static int open_data(struct disk_test *t, off_t size)
{
	int fd = open(at(t, "data"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	return fd;
}

static struct journal *open_journal(struct disk_test *t, int fd)
{
	struct journal *j = NULL;

	ranges_free(&t->proof);
	ranges_init(&t->proof);
	assert_int_equal(journal_open(&fs_faulty, t->journal, fd, &t->proof, &j), 0);
	return j;
}

static void assert_proof(struct disk_test *t, const char *want)
{
	char *text = ranges_encode(&t->proof);

	assert_string_equal(text, want);
	free(text);
}

static void test_proves(void **state)
{
	struct disk_test *t = *state;
	int fd = open_data(t, 1000), a, b;
	struct journal *j = open_journal(t, fd);
	struct stat st;

	assert_proof(t, "");
	assert_int_equal(stat(t->journal, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(at(t, ".state"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	a = journal_slot_get(j);
	b = journal_slot_get(j);
	assert_true(a >= 0 && b >= 0 && a != b);
	journal_slot_move(j, a, 0, 10);
	journal_slot_move(j, b, 500, 600);
	journal_slot_move(j, a, 0, 100);
	journal_close(j, false);
	j = open_journal(t, fd);
	assert_proof(t, "0-100,500-600");
	journal_slot_move(j, journal_slot_get(j), 100, 500); /* behind what was taken over */
	journal_slot_get(j);				     /* never moved: proves nothing */
	journal_close(j, false);
	j = open_journal(t, fd);
	assert_proof(t, "0-600");
	journal_close(j, true);
	assert_int_equal(access(t->journal, F_OK), -1);
	journal_close(NULL, true);
	close(fd);
}

static void write_one(struct disk_test *t, int fd)
{
	struct journal *j = open_journal(t, fd);

	journal_slot_move(j, journal_slot_get(j), 0, 100);
	journal_close(j, false);
	journal_close(open_journal(t, fd), false);
	assert_proof(t, "0-100");
}

static void test_not_believed(void **state)
{
	struct disk_test *t = *state;
	int fd = open_data(t, 1000), other;

	write_one(t, fd);
	fault.boot = "another boot";
	journal_close(open_journal(t, fd), false);
	assert_proof(t, "");
	fault.boot = NULL;
	journal_close(open_journal(t, fd), false); /* and the other boot's opening made it forget */
	assert_proof(t, "");
	write_one(t, fd);
	fault.disk = UINT64_MAX; /* unplugged and back, with what had reached it */
	journal_close(open_journal(t, fd), false);
	assert_proof(t, "");
	fault.disk = 0;
	write_one(t, fd);
	other = open(at(t, "other"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(other, 1000), 0);
	journal_close(open_journal(t, other), false);
	assert_proof(t, "");
	close(other);
	close(fd);
}

static void test_damaged(void **state)
{
	struct disk_test *t = *state;
	int fd = open_data(t, 1000), file;
	char junk[512];

	/* Each byte of what makes it believable. */
	for (off_t off = 0; off < 16 + 88; off++) {
		unsigned char c;
		write_one(t, fd);
		file = open(t->journal, O_RDWR);
		assert_int_equal(pread(file, &c, 1, off), 1);
		c ^= 0x40;
		assert_int_equal(pwrite(file, &c, 1, off), 1);
		close(file);
		journal_close(open_journal(t, fd), false);
		assert_proof(t, "");
	}
	for (off_t size = 0; size < 256; size += 51) {
		write_one(t, fd);
		assert_int_equal(truncate(t->journal, size), 0);
		journal_close(open_journal(t, fd), false);
		assert_proof(t, "");
	}
	write_one(t, fd);
	memset(junk, 0xff, sizeof(junk));
	file = open(t->journal, O_RDWR);
	assert_int_equal(pwrite(file, junk, sizeof(junk), 256 + 32), sizeof(junk));
	close(file);
	journal_close(open_journal(t, fd), false);
	assert_proof(t, "0-100");
	close(fd);
}

/* Whatever bit of the file turns over, and wherever it is cut: a slot proves what was written into it, or nothing. */
static void test_damaged_slots(void **state)
{
	struct disk_test *t = *state;
	int fd = open_data(t, 1000), file;
	struct journal *j;

	for (off_t bit = 0; bit < (256 + 2 * 32) * 8; bit++) {
		unsigned char c;

		unlink(t->journal);
		j = open_journal(t, fd);
		journal_slot_move(j, journal_slot_get(j), 0, 100);
		journal_slot_move(j, journal_slot_get(j), 400, 500);
		journal_close(j, false);
		file = open(t->journal, O_RDWR);
		assert_int_equal(pread(file, &c, 1, bit / 8), 1);
		c ^= (unsigned char)(1 << bit % 8);
		assert_int_equal(pwrite(file, &c, 1, bit / 8), 1);
		assert_int_equal(journal_is_finished(&fs_faulty, t->journal, fd), 0);
		close(file);
		journal_close(open_journal(t, fd), false);
		if (bit >= 256 * 8)
			assert_proof(t, bit < (256 + 32) * 8 ? "400-500" : "0-100");
		else if (t->proof.n > 0) /* of the header only what is not used */
			assert_proof(t, "0-100,400-500");
	}
	for (off_t size = 0; size < 256 + 2 * 32; size += 7) {
		unlink(t->journal);
		j = open_journal(t, fd);
		journal_slot_move(j, journal_slot_get(j), 0, 100);
		journal_slot_move(j, journal_slot_get(j), 400, 500);
		journal_close(j, false);
		assert_int_equal(truncate(t->journal, size), 0);
		journal_close(open_journal(t, fd), false);
		assert_proof(t, size >= 256 + 32 ? "0-100" : "");
	}
	close(fd);
}

static void test_no_more_than_the_file(void **state)
{
	struct disk_test *t = *state;
	int fd = open_data(t, 1000);

	write_one(t, fd);
	assert_int_equal(ftruncate(fd, 60), 0);
	journal_close(open_journal(t, fd), false);
	assert_proof(t, "0-60");
	close(fd);
}

/* The slot has never been used, as far as one can see. */
static void assert_free(struct disk_test *t, int slot)
{
	static const char zero[32];
	int file = open(t->journal, O_RDONLY);
	char got[32];

	assert_int_equal(pread(file, got, sizeof(got), 256 + 32 * slot), sizeof(got));
	assert_memory_equal(got, zero, sizeof(got));
	close(file);
}

static void test_cut(void **state)
{
	struct disk_test *t = *state;
	int fd = open_data(t, 1000);
	struct journal *j = open_journal(t, fd);

	journal_slot_move(j, journal_slot_get(j), 0, 100);
	journal_slot_move(j, journal_slot_get(j), 400, 500);
	journal_slot_move(j, journal_slot_get(j), 700, 800);
	journal_slot_get(j); /* only begun: a cut must not make it say anything */
	journal_cut(j, 450);
	journal_close(j, false);
	assert_free(t, 2); /* not an empty claim, which would count as damage */
	j = open_journal(t, fd);
	assert_proof(t, "0-100,400-450");
	journal_cut(j, 0);
	journal_close(j, false);
	j = open_journal(t, fd);
	assert_proof(t, "");
	journal_close(j, false);
	close(fd);
}

static void test_slots_run_out(void **state)
{
	struct disk_test *t = *state;
	int fd = open_data(t, JOURNAL_SLOTS * 4);
	struct journal *j = open_journal(t, fd);

	for (int i = 0; i < JOURNAL_SLOTS; i++) {
		int slot = journal_slot_get(j);
		assert_int_equal(slot, i);
		journal_slot_move(j, slot, i * 3, i * 3 + 1);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(journal_slot_get(j), -1);
	journal_slot_move(j, -1, 0, 9);
	journal_close(j, false);
	j = open_journal(t, fd);
	assert_int_equal(t->proof.n, JOURNAL_SLOTS);
	assert_int_equal(journal_slot_get(j), JOURNAL_SLOTS / 2); /* room for new ones */
	journal_close(j, false);
	close(fd);
}

static void test_finished(void **state)
{
	struct disk_test *t = *state;
	int fd = open_data(t, 1000);
	struct journal *j = open_journal(t, fd);

	assert_int_equal(journal_is_finished(&fs_faulty, t->journal, fd), 0);
	journal_set_finished(j);
	assert_int_equal(journal_is_finished(&fs_faulty, t->journal, fd), 1);
	fault.boot = "another boot"; /* the data was synced before */
	assert_int_equal(journal_is_finished(&fs_faulty, t->journal, fd), 1);
	fault.boot = NULL;
	journal_close(j, false);
	journal_close(open_journal(t, fd), false);
	assert_int_equal(journal_is_finished(&fs_faulty, t->journal, fd), 0);
	close(fd);
}

/* A journal that can't be written again must not stay: it would not learn of later cuts. */
static void test_open_fails(void **state)
{
	struct disk_test *t = *state;
	int fd = open_data(t, 1000), n = 0;
	struct journal *j;

	do {
		struct ranges have;
		fault.at = 0;
		write_one(t, fd);
		j = NULL;
		ranges_init(&have);
		fail_at(NULL, ++n, ENOSPC);
		if (journal_open(&fs_faulty, t->journal, fd, &have, &j) == ERR_IO)
			assert_null(j);
		fault.at = 0;
		assert_true(have.n == 0 || ranges_total(&have) == 100);
		if (!j)
			assert_int_equal(access(t->journal, F_OK), -1);
		journal_close(j, true);
		assert_int_equal(access(at(t, ".state/j.new"), F_OK), -1);
		ranges_free(&have);
		fault.at = n;
	} while (fault.count >= n);
	assert_true(n > 5);
	close(fd);
}

/* ---- kill -9 ---- */

#define KILL_SIZE  (1 << 20)
#define KILL_SLOTS 8
#define PART	   (KILL_SIZE / KILL_SLOTS)

static char byte_at(int64_t off)
{
	return (char)(1 + off % 251);
}

/* Writes on at its slots for ever, and tells each offset that was journaled. */
static _Noreturn void writer(struct disk_test *t, int out)
{
	int fd = open(at(t, "data"), O_RDWR);
	struct ranges have;
	struct journal *j;
	int64_t from[KILL_SLOTS], pos[KILL_SLOTS], end;
	int slot[KILL_SLOTS];
	char buf[4000];

	ranges_init(&have);
	if (journal_open(NULL, t->journal, fd, &have, &j) < 0)
		_exit(1);
	for (int i = 0; i < KILL_SLOTS; i++) {
		pos[i] = (int64_t)i * PART;
		while (ranges_has(&have, pos[i], pos[i] + 1) && pos[i] < (int64_t)(i + 1) * PART)
			pos[i]++;
		from[i] = pos[i];
		slot[i] = journal_slot_get(j);
	}
	for (unsigned k = 0;; k++) {
		int i = (int)(k * 5 % KILL_SLOTS);
		int64_t n = 1 + k * 7919 % 4000;
		if (n > (int64_t)(i + 1) * PART - pos[i])
			n = (int64_t)(i + 1) * PART - pos[i];
		for (int64_t b = 0; b < n; b++)
			buf[b] = byte_at(pos[i] + b);
		if (n > 0 && pwrite(fd, buf, (size_t)n, pos[i]) != n)
			_exit(2);
		pos[i] += n;
		journal_slot_move(j, slot[i], from[i], pos[i]);
		end = pos[i];
		if (write(out, &end, sizeof(end)) != sizeof(end))
			_exit(3);
	}
}

/* Lets it run for `n` reports, kills it, and drains the rest: for each slot the last offset reported. */
static void run_and_kill(struct disk_test *t, int n, int64_t told[KILL_SLOTS])
{
	int p[2], status;
	int64_t end;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(p[0]);
		writer(t, p[1]);
	}
	close(p[1]);
	for (int i = 0; read(p[0], &end, sizeof(end)) == sizeof(end); i++) {
		int s = (int)((end - 1) / PART);
		if (end > 0 && end > told[s])
			told[s] = end;
		if (i == n)
			kill(pid, SIGKILL);
	}
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void check_bytes(struct disk_test *t, int fd)
{
	static char buf[KILL_SIZE];

	assert_int_equal(pread(fd, buf, sizeof(buf), 0), sizeof(buf));
	for (size_t i = 0; i < t->proof.n; i++)
		for (int64_t o = t->proof.v[i].start; o < t->proof.v[i].end; o++)
			assert_int_equal(buf[o], byte_at(o));
}

static void test_kill(void **state)
{
	struct disk_test *t = *state;
	int fd = open_data(t, KILL_SIZE);
	int64_t told[KILL_SLOTS] = {0};
	unsigned seed = 42;

	for (int round = 0; round < 30; round++) {
		run_and_kill(t, rand_r(&seed) % 60, told);
		journal_close(open_journal(t, fd), false);
		for (int i = 0; i < KILL_SLOTS; i++)
			if (told[i] > 0)
				assert_true(ranges_has(&t->proof, (int64_t)i * PART, told[i]));
		check_bytes(t, fd);
	}
	assert_true(ranges_total(&t->proof) > KILL_SIZE / 2);
	close(fd);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_proves),
		T(test_not_believed),
		T(test_damaged),
		T(test_damaged_slots),
		T(test_no_more_than_the_file),
		T(test_cut),
		T(test_slots_run_out),
		T(test_finished),
		T(test_open_fails),
		T(test_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
