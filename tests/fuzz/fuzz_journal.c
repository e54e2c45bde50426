/* SPDX-License-Identifier: MIT
 * F08: the progress journal with any content: it never proves more than the file is long, and what was moved afterwards is
 * there the next time. Input: a byte that says whether a right header stands in front, then the bytes of the file.
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "disk/fs.h"
#include "disk/journal.h"

#define DATA_SIZE 1000000
#define HEAD_SIZE 256

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
	CHECK(journal_is_finished(&fs_real, path, data) && journal_is_of(&fs_real, path, data));
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
	bool with_head = input_byte(&in) & 1;
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
	write_file(&in, with_head);
	(void)journal_is_finished(&fs_real, path, fd);
	(void)journal_is_of(&fs_real, path, fd);
	use_and_reopen(fd);
	close(fd);
	return 0;
}
