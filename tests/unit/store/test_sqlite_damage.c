/* SPDX-License-Identifier: MIT
 * Damage of every kind at places of fixed seeds: the queue's files cut, overwritten with zeros or anything, or with one bit
 * turned over. A job that is loaded as one that runs is as it was; what is not, was noticed, and the old file kept.
 * HAUL_LONG=1 takes 10,000 of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/str.h"
#include "store/store_backend.h"

#define JOBS	 60
#define FILE_MAX (1 << 20)

static char folder[64];
static const char *const names[] = {"queue.db", "queue.db-wal", "queue.commits"};
static struct {
	unsigned char *p;
	size_t n;
} whole[3]; /* of each file, as kill -9 left it */

static char *in_folder(const char *name)
{
	return xasprintf("%s/%s", folder, name);
}

static struct job_rec original(uint64_t gid)
{
	return (struct job_rec){.gid = gid,
		.ord = gid,
		.state = gid % 3 == 0 ? STORE_ENDED : STORE_WAITING,
		.ended_at = gid % 3 == 0 ? 1000 : 0,
		.total = 1000000,
		.uris = xasprintf("http://host.test/some/longer/path/file%llu.bin\n", (unsigned long long)gid),
		.opts = xasprintf("out=file%llu.bin\nsplit=4\n", (unsigned long long)gid),
		.dir = xstrdup("/downloads"),
		.path = xasprintf("/downloads/file%llu.bin", (unsigned long long)gid),
		.etag = xstrdup("\"abc\""),
		.part_id = xstrdup("1234-5678.9"),
		.have = xasprintf("0-%llu,500000-600000", (unsigned long long)gid * 1000),
		.done = 100000 + (int64_t)gid * 1000};
}

static void commit_one(void *b, enum sop_kind kind, uint64_t gid)
{
	struct store_op op = {.kind = kind, .rec = original(gid)};
	struct fail f;

	assert_int_equal(store_sqlite.commit(b, &op, 1, kind != SOP_PROGRESS, &f), 0);
	job_rec_free(&op.rec);
}

static void empty_folder(void)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
}

static size_t set_aside(void)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	size_t n = 0;

	while ((e = readdir(d)) != NULL)
		n += strncmp(e->d_name, "queue.db.damaged", 16) == 0;
	closedir(d);
	return n;
}

static void read_whole(size_t i)
{
	char *path = in_folder(names[i]);
	FILE *f = fopen(path, "rb");

	assert_non_null(f);
	whole[i].p = malloc(FILE_MAX);
	whole[i].n = fread(whole[i].p, 1, FILE_MAX, f);
	assert_true(whole[i].n > 0 && whole[i].n < FILE_MAX);
	fclose(f);
	free(path);
}

static void write_file(size_t i, const unsigned char *p, size_t n)
{
	char *path = in_folder(names[i]);
	FILE *f = fopen(path, "wb");

	assert_int_equal(fwrite(p, 1, n, f), n);
	fclose(f);
	free(path);
}

/* Half of the jobs are in the database, half in the WAL. */
static int group_setup(void **state)
{
	struct fail f;
	void *b;

	(void)state;
	log_setup(LOG_LVL_ERROR, true, NULL, LOG_LVL_ERROR);
	snprintf(folder, sizeof(folder), "%s/haul-damage-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(store_sqlite.open(folder, &b, &f), 0);
	for (uint64_t gid = 1; gid <= JOBS / 2; gid++)
		commit_one(b, SOP_PUT, gid);
	store_sqlite.close(b);
	assert_int_equal(store_sqlite.open(folder, &b, &f), 0);
	for (uint64_t gid = JOBS / 2 + 1; gid <= JOBS; gid++)
		commit_one(b, SOP_PUT, gid);
	for (uint64_t gid = 1; gid <= JOBS; gid += 7)
		commit_one(b, SOP_PROGRESS, gid);
	for (size_t i = 0; i < 3; i++)
		read_whole(i);
	store_sqlite.close(b);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	empty_folder();
	rmdir(folder);
	for (size_t i = 0; i < 3; i++)
		free(whole[i].p);
	return 0;
}

/* Returns the new length. */
static size_t damage(unsigned char *p, size_t n, unsigned kind, unsigned *seed)
{
	size_t at = (size_t)rand_r(seed) % n, len = 1 + (size_t)rand_r(seed) % 600;

	switch (kind) {
	case 0:
		return at;
	case 1:
		p[at] ^= (unsigned char)(1 << rand_r(seed) % 8);
		return n;
	default:
		for (size_t i = at; i < n && i < at + len; i++)
			p[i] = kind == 2 ? 0 : (unsigned char)rand_r(seed);
		return n;
	}
}

struct found {
	size_t n, failed, forgotten;
	bool wrong;
};

static bool same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void on_row(void *arg, struct job_rec *r)
{
	struct found *f = arg;
	struct job_rec o = original(r->gid);

	f->n++;
	if (r->err == ERR_RECORD) {
		f->failed++;
	} else {
		f->wrong |= !same(r->uris, o.uris) || !same(r->opts, o.opts) || !same(r->dir, o.dir) || !same(r->path, o.path) ||
			    !same(r->etag, o.etag) || !same(r->part_id, o.part_id) || r->total != o.total || r->state != o.state;
		if (r->have == NULL)
			f->forgotten++;
		else
			f->wrong |= !same(r->have, o.have);
	}
	job_rec_free(&o);
}

static void one_variant(unsigned round)
{
	static unsigned char copy[FILE_MAX];
	unsigned seed = 5000 + round;
	size_t which = round % 8 < 5 ? 0 : round % 8 < 7 ? 1 : 2;
	struct found found = {0};
	struct fail f;
	void *b = NULL;
	int err;

	empty_folder();
	for (size_t i = 0; i < 3; i++) {
		memcpy(copy, whole[i].p, whole[i].n);
		write_file(i, copy, i == which ? damage(copy, whole[i].n, (unsigned)rand_r(&seed) % 4, &seed) : whole[i].n);
	}
	err = store_sqlite.open(folder, &b, &f);
	if (err != 0) {
		assert_true(f.text[0] != '\0');
		return;
	}
	assert_int_equal(store_sqlite.load(b, on_row, &found, &f), 0);
	store_sqlite.close(b);
	if (found.wrong || ((found.n != JOBS || found.failed > 0 || found.forgotten > 0) && set_aside() == 0))
		fail_msg("round %u, %s: %zu jobs, %zu of them failed, %zu without progress, %s, %zu files set aside", round,
			names[which], found.n, found.failed, found.forgotten, found.wrong ? "WRONG" : "right", set_aside());
}

static void nothing_wrong_is_believed(void **state)
{
	unsigned rounds = getenv("HAUL_LONG") != NULL && *getenv("HAUL_LONG") != '\0' ? 10000 : 200;

	(void)state;
	for (unsigned i = 0; i < rounds; i++)
		one_variant(i);
}

static void undamaged_it_is_all_there(void **state)
{
	struct found found = {0};
	struct fail f;
	void *b;

	(void)state;
	empty_folder();
	for (size_t i = 0; i < 3; i++)
		write_file(i, whole[i].p, whole[i].n);
	assert_int_equal(store_sqlite.open(folder, &b, &f), 0);
	assert_int_equal(store_sqlite.load(b, on_row, &found, &f), 0);
	store_sqlite.close(b);
	assert_int_equal(found.n, JOBS);
	assert_false(found.wrong);
	assert_int_equal(found.failed + found.forgotten + set_aside(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(undamaged_it_is_all_there), cmocka_unit_test(nothing_wrong_is_believed)};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
