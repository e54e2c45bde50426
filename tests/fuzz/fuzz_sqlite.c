/* SPDX-License-Identifier: MIT
 * F08: a damaged queue file: it opens, is rescued or is refused with a reason, and what is acknowledged afterwards is kept.
 * What was found stays in the folder, set aside as it was, unless it opened as it is.
 * Input: a byte that says how, then the bytes of the file itself, or changes (offset, offset, byte) to a right one of 40
 * jobs, of which each third is a cut of its length.
 */
#include "fuzz.h"

#include <dirent.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "store/store_backend.h"

#define MAX_PARTS 200
#include "store/sqlite_rescue.c"

#define JOBS	 40
#define NEW_GID	 0xabcdef
#define FILE_MAX (1 << 18)

static char folder[64];
static char path[80];
static uint8_t right[FILE_MAX];
static size_t right_size;

static void empty_folder(void)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char *p = xasprintf("%s/%s", folder, e->d_name);

		if (e->d_name[0] != '.')
			unlink(p);
		free(p);
	}
	if (d != NULL)
		closedir(d);
}

static void clean_up(void)
{
	empty_folder();
	rmdir(folder);
}

static int put_jobs(void *b, uint64_t first, size_t n)
{
	struct fail f;
	int err = 0;

	for (size_t i = 0; i < n && err == 0; i++) {
		struct store_op op = {.kind = SOP_PUT};

		op.rec = (struct job_rec){.gid = first + i, .ord = first + i, .total = -1};
		op.rec.uris = xasprintf("http://host.test/some/longer/path/file%zu.bin\n", i);
		op.rec.opts = xasprintf("out=file%zu.bin\nsplit=4\n", i);
		op.rec.dir = xstrdup("/tmp");
		op.rec.have = xstrdup("0-100,200-300");
		err = store_sqlite.commit(b, &op, 1, true, &f);
		job_rec_free(&op.rec);
	}
	return err;
}

static void set_up(void)
{
	struct fail f;
	void *b = NULL;
	FILE *in;

	if (right_size > 0)
		return;
	log_setup(LOG_LVL_ERROR, true, NULL, LOG_LVL_ERROR);
	/* in memory where that can be had: syncing thousands of small files takes all the time otherwise */
	snprintf(folder, sizeof(folder), "%s/haul-fuzz-sqlite-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	CHECK(mkdtemp(folder) != NULL);
	atexit(clean_up);
	snprintf(path, sizeof(path), "%s/queue.db", folder);
	CHECK(store_sqlite.open(folder, &b, &f) == 0);
	CHECK(put_jobs(b, 1, JOBS) == 0);
	store_sqlite.close(b);
	in = fopen(path, "rb");
	CHECK(in != NULL);
	right_size = fread(right, 1, sizeof(right), in);
	fclose(in);
	CHECK(right_size > 8192 && right_size < sizeof(right));
}

/* What the file was before the store saw it. */
static uint8_t before[FILE_MAX];
static size_t before_size;

static void write_file(const uint8_t *p, size_t n)
{
	FILE *f;

	memcpy(before, p, n);
	before_size = n;
	empty_folder();
	f = fopen(path, "wb");
	CHECK(f != NULL && fwrite(p, 1, n, f) == n);
	fclose(f);
}

static bool write_changed(struct input *in)
{
	static uint8_t copy[FILE_MAX];
	size_t n = right_size;
	bool changed = in->n >= 3;

	memcpy(copy, right, right_size);
	for (unsigned i = 0; in->n >= 3 && i < 64; i++) {
		size_t at = (size_t)input_byte(in) << 8;
		unsigned value;

		at = (at | input_byte(in)) % right_size;
		value = input_byte(in);
		if (value == 255 && i % 3 == 2)
			n = at;
		else
			copy[at] = (uint8_t)value;
	}
	write_file(copy, n);
	return changed;
}

static bool is_as_before(const char *name)
{
	static uint8_t now[FILE_MAX + 1];
	char *p = xasprintf("%s/%s", folder, name);
	FILE *f = fopen(p, "rb");
	size_t n;

	free(p);
	if (f == NULL)
		return false;
	n = fread(now, 1, sizeof(now), f);
	fclose(f);
	return n == before_size && memcmp(now, before, n) == 0;
}

static bool is_set_aside(const char *name)
{
	return strncmp(name, "queue.db.damaged-", 17) == 0 && strchr(name, 'w') == NULL && strstr(name, "-shm") == NULL;
}

/* Files that were set aside; each is as it was. */
static unsigned check_set_aside(void)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	unsigned n = 0;

	CHECK(d != NULL);
	while ((e = readdir(d)) != NULL)
		if (is_set_aside(e->d_name)) {
			CHECK(is_as_before(e->d_name));
			n++;
		}
	closedir(d);
	CHECK(n <= 1);
	return n;
}

struct seen {
	size_t n;
	bool new_one;
};

static void on_job(void *arg, struct job_rec *r)
{
	struct seen *seen = arg;

	CHECK(r->gid != 0);
	seen->n++;
	seen->new_one |= r->gid == NEW_GID;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	bool changed = true;
	struct seen seen = {0}, again = {0};
	struct fail f = {0};
	void *b = NULL;

	set_up();
	if (input_byte(&in) & 1)
		write_file(in.p, in.n < FILE_MAX ? in.n : FILE_MAX);
	else
		changed = write_changed(&in);
	if (store_sqlite.open(folder, &b, &f) != 0) {
		CHECK(changed && f.text[0] != '\0');
		CHECK(check_set_aside() == 1 || is_as_before("queue.db"));
		return 0;
	}
	CHECK(store_sqlite.load(b, on_job, &seen, &f) == 0 || f.text[0] != '\0');
	CHECK(changed || seen.n == JOBS);
	check_set_aside();
	if (put_jobs(b, NEW_GID, 1) == 0) {
		store_sqlite.close(b);
		CHECK(store_sqlite.open(folder, &b, &f) == 0);
		CHECK(store_sqlite.load(b, on_job, &again, &f) == 0 && again.new_one);
	}
	store_sqlite.close(b);
	return 0;
}
