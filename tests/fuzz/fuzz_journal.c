/* SPDX-License-Identifier: MIT
 * F08: the progress journal with any content: it never proves more than the file is long, and what was moved afterwards is
 * there the next time. Input: a byte of flags (1: a right header stands in front; 2: pairs of numbers follow, of which slots
 * with the right checksum are made, and just those are proven; 4: the numbers are cut to about the file's size), then the bytes
 * of the file or those pairs.
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "base/log.h"
#include "base/str.h"
#include "disk/fs.h"
#include "disk/journal.h"

#define DATA_SIZE 1000000
#define HEAD_SIZE 256
#define CRC_AT	  12 /* in the header: the checksum of what makes the data file the same one, which each slot has, too */

enum { WITH_HEAD = 1, SEALED = 2, IN_FILE = 4 };

static char folder[64];
static char path[80];

static void clean_up(void)
{
	unlink(path);
	rmdir(folder);
}

static void set_up(void)
{
	if (path[0] != '\0')
		return;
	log_setup(LOG_LVL_ERROR, true, NULL, LOG_LVL_ERROR);
	/* in memory where that can be had: syncing thousands of small files takes all the time otherwise */
	snprintf(folder, sizeof(folder), "%s/haul-fuzz-journal-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	CHECK(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/journal", folder);
	atexit(clean_up);
}

static void check_ranges(const struct ranges *r)
{
	for (size_t i = 0; i < r->n; i++) {
		CHECK(r->v[i].start >= 0 && r->v[i].start < r->v[i].end && r->v[i].end <= DATA_SIZE);
		CHECK(i == 0 || r->v[i - 1].end < r->v[i].start);
	}
}

static struct journal *open_it(int data, struct ranges *ret)
{
	struct journal *j = NULL;

	ranges_init(ret);
	CHECK(journal_open(&fs_real, path, data, ret, &j) == 0 && j != NULL);
	check_ranges(ret);
	return j;
}

/* A slot that counts, of the next pair of numbers; what it proves of the file goes to want. False: the input is at its end. */
static bool write_sealed(FILE *f, struct input *in, uint32_t id_crc, bool in_file, struct ranges *want)
{
	int64_t v[4] = {0};

	if (in->n < 2 * sizeof(v[0]))
		return false;
	memcpy(v, in->p, 2 * sizeof(v[0]));
	in->p += 2 * sizeof(v[0]);
	in->n -= 2 * sizeof(v[0]);
	for (int i = 0; in_file && i < 2; i++)
		v[i] %= DATA_SIZE + DATA_SIZE / 8;
	v[2] = (int64_t)((uint64_t)id_crc << 32 | crc32(0, (const Bytef *)v, 2 * sizeof(v[0])));
	CHECK(fwrite(v, sizeof(v), 1, f) == 1);
	if (v[0] >= 0 && v[0] < v[1] && v[0] < DATA_SIZE)
		ranges_add(want, v[0], v[1] < DATA_SIZE ? v[1] : DATA_SIZE);
	return true;
}

/* Behind the right header: slots that count, and what they prove is what is told. */
static void check_sealed(struct input *in, int data, bool in_file)
{
	FILE *f = fopen(path, "r+b");
	struct ranges want, have;
	uint32_t id_crc;

	ranges_init(&want);
	CHECK(f != NULL && fseek(f, CRC_AT, SEEK_SET) == 0 && fread(&id_crc, sizeof(id_crc), 1, f) == 1);
	CHECK(fseek(f, HEAD_SIZE, SEEK_SET) == 0);
	while (write_sealed(f, in, id_crc, in_file, &want))
		;
	fclose(f);
	journal_close(open_it(data, &have), false);
	CHECK(want.n == have.n && (want.n == 0 || memcmp(want.v, have.v, want.n * sizeof(*want.v)) == 0));
	ranges_free(&want);
	ranges_free(&have);
}

static void write_file(const struct input *in, bool with_head)
{
	FILE *f = fopen(path, with_head ? "r+b" : "wb");

	CHECK(f != NULL);
	if (with_head)
		fseek(f, HEAD_SIZE, SEEK_SET);
	CHECK(fwrite(in->p, 1, in->n, f) == in->n);
	fclose(f);
}

static void use_and_reopen(int data)
{
	struct ranges before, after;
	struct journal *j = open_it(data, &before);
	int slot = journal_slot_get(j);

	CHECK(slot >= 0);
	journal_slot_move(j, slot, 500, 600);
	journal_slot_move(j, slot, 500, 700);
	journal_close(j, false);
	ranges_add(&before, 500, 700);
	j = open_it(data, &after);
	CHECK(ranges_total(&before) == ranges_total(&after));
	CHECK(before.n == after.n && memcmp(before.v, after.v, after.n * sizeof(*after.v)) == 0);
	journal_set_finished(j);
	CHECK(journal_is_finished(&fs_real, path, data) == 1 && journal_is_of(&fs_real, path, data) == 1);
	journal_cut(j, 600);
	journal_close(j, false);
	ranges_free(&before);
	ranges_free(&after);
	j = open_it(data, &after);
	CHECK(!ranges_has(&after, 600, 601));
	journal_close(j, true);
	ranges_free(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	unsigned flags = input_byte(&in);
	bool sealed = flags & SEALED, with_head = sealed || (flags & WITH_HEAD);
	int fd = memfd_create("data", MFD_CLOEXEC);
	struct ranges none;

	set_up();
	CHECK(fd >= 0 && ftruncate(fd, DATA_SIZE) == 0);
	unlink(path);
	if (with_head) {
		journal_close(open_it(fd, &none), false);
		CHECK(none.n == 0);
		ranges_free(&none);
	}
	if (sealed)
		check_sealed(&in, fd, flags & IN_FILE);
	else
		write_file(&in, with_head);
	(void)journal_is_finished(&fs_real, path, fd);
	(void)journal_is_of(&fs_real, path, fd);
	use_and_reopen(fd);
	close(fd);
	return 0;
}
