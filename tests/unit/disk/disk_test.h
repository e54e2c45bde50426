/* SPDX-License-Identifier: MIT
 * What the tests of disk/ share: a loop, a scratch folder, calls that wait for their callback, and system calls that
 * fail when told.
 */
#ifndef HAUL_TESTS_DISK_TEST_H
#define HAUL_TESTS_DISK_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdatomic.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/str.h"
#include "disk/file_priv.h"
#include "disk/journal.h"
#include "disk/fs.h"
#include "disk/guard.h"
#include "ev/loop.h"

struct disk_test {
	struct loop loop;
	char dir[64];	  /* scratch folder */
	char journal[96]; /* a path in it */
	bool done;
	int err;
	struct fail fail;
	struct dfile *file;
	char path[512];
	bool exists_whole, finished, unfinished;
	int64_t found_size, found_mtime;
	char found[64]; /* the beginning of whole_fd's content */
	bool taken_over; /* another program began it */
	struct ranges proof, begun;
};

/* The at-th call of `call` (NULL: of any) fails with `cause`; at 0: none. `count` tells how many came. limit: most
 * bytes that a write writes. */
static struct {
	const char *call;
	int at, cause;
	_Atomic int count;
	bool lasting; /* all from the at-th on */
	size_t limit;
	uint64_t room; /* bytes free, 0: the truth */
	const char *boot;
	uint64_t disk; /* disk_seq, 0: the truth */
	bool no_links; /* st_nlink is 0 */
	unsigned long magic; /* of the file system, 0: the truth */
	uint64_t moved; /* added to inode numbers of statx */
	atomic_int writing; /* pwritev calls under way */
	atomic_bool overlap; /* there were two at a time */
	const char *_Atomic appears; /* a path that somebody makes at the next linkat */
} fault;

/* From now on the n-th one of `call` fails with `cause`. */
__attribute__((unused)) static void fail_at(const char *call, int n, int cause)
{
	memset(&fault, 0, sizeof(fault));
	fault.call = call;
	fault.at = n;
	fault.cause = cause;
}

static bool hit(const char *call)
{
	if (fault.call && strcmp(call, fault.call) != 0)
		return false;
	fault.count++;
	if (fault.at == 0 || (fault.lasting ? fault.count < fault.at : fault.count != fault.at))
		return false;
	errno = fault.cause;
	return true;
}

#define FAULTY(ret, name, params, args)                                                                                \
	static ret faulty_##name params                                                                                \
	{                                                                                                              \
		return hit(#name) ? -1 : fs_real.name args;                                                            \
	}
FAULTY(int, openat, (int d, const char *p, int f, mode_t m), (d, p, f, m))
FAULTY(int, open_beneath, (int d, const char *p, int f), (d, p, f))
FAULTY(int, mkdirat, (int d, const char *p, mode_t m), (d, p, m))
FAULTY(int, fstatat, (int d, const char *p, struct stat *s, int f), (d, p, s, f))
FAULTY(int, flock, (int d, int o), (d, o))
FAULTY(ssize_t, pread, (int d, void *p, size_t n, off_t o), (d, p, n, o))
FAULTY(ssize_t, read, (int d, void *p, size_t n), (d, p, n))
FAULTY(int, fallocate, (int d, int m, off_t o, off_t n), (d, m, o, n))
FAULTY(int, ftruncate, (int d, off_t n), (d, n))
FAULTY(int, sync_file_range, (int d, off_t o, off_t n, unsigned f), (d, o, n, f))
FAULTY(int, fdatasync, (int d), (d))
FAULTY(int, fsync, (int d), (d))
FAULTY(int, futimens, (int d, const struct timespec t[2]), (d, t))
FAULTY(int, renameat2, (int d, const char *a, int e, const char *b, unsigned f), (d, a, e, b, f))
FAULTY(int, unlinkat, (int d, const char *p, int f), (d, p, f))
FAULTY(off_t, lseek, (int d, off_t o, int w), (d, o, w))
FAULTY(int, set_lease, (int d, int k), (d, k))

static int faulty_linkat(int d, const char *a, int e, const char *b, int f)
{
	if (fault.appears)
		close(open(fault.appears, O_WRONLY | O_CREAT | O_EXCL, 0600));
	fault.appears = NULL;
	return hit("linkat") ? -1 : fs_real.linkat(d, a, e, b, f);
}

static ssize_t faulty_pwrite(int d, const void *p, size_t n, off_t o)
{
	return hit("pwrite") ? -1 : fs_real.pwrite(d, p, fault.limit && n > fault.limit ? fault.limit : n, o);
}

static ssize_t faulty_pwritev(int d, const struct iovec *v, int n, off_t o)
{
	ssize_t r;

	if (hit("pwritev"))
		return -1;
	if (atomic_fetch_add(&fault.writing, 1) > 0)
		fault.overlap = true;
	if (fault.limit && v[0].iov_len > fault.limit)
		r = fs_real.pwrite(d, v[0].iov_base, fault.limit, o);
	else
		r = fs_real.pwritev(d, v, n, o);
	atomic_fetch_sub(&fault.writing, 1);
	return r;
}

static ssize_t faulty_splice(int pipe, int d, off_t *o, size_t n)
{
	if (hit("splice"))
		return -1;
	return fs_real.splice(pipe, d, o, fault.limit && n > fault.limit ? fault.limit : n);
}

static int faulty_statx(int d, const char *p, int f, unsigned m, struct statx *s)
{
	int r = hit("statx") ? -1 : fs_real.statx(d, p, f, m, s);

	if (r == 0)
		s->stx_ino += fault.moved;
	return r;
}

static int faulty_fs_magic(int d, unsigned long *m)
{
	int r = hit("fs_magic") ? -1 : fs_real.fs_magic(d, m);

	if (r == 0 && fault.magic)
		*m = fault.magic;
	return r;
}

static int faulty_fstat(int d, struct stat *s)
{
	int r = hit("fstat") ? -1 : fs_real.fstat(d, s);

	if (r == 0 && fault.no_links)
		s->st_nlink = 0;
	return r;
}

static int faulty_fstatvfs(int d, struct statvfs *v)
{
	int r = hit("fstatvfs") ? -1 : fs_real.fstatvfs(d, v);

	if (r == 0 && fault.room)
		v->f_bavail = fault.room / v->f_frsize;
	return r;
}

static int faulty_boot_id(char ret[FS_BOOT_ID_LEN])
{
	if (hit("boot_id"))
		return -1;
	if (!fault.boot)
		return fs_real.boot_id(ret);
	snprintf(ret, FS_BOOT_ID_LEN, "%s", fault.boot);
	return 0;
}

static uint64_t faulty_disk_seq(unsigned major, unsigned minor)
{
	return fault.disk ? fault.disk : fs_real.disk_seq(major, minor);
}

static ssize_t faulty_readlinkat(int dirfd, const char *path, char *ret, size_t size)
{
	return hit("readlinkat") ? -1 : fs_real.readlinkat(dirfd, path, ret, size);
}

static const struct fs_ops fs_faulty = {
	.openat = faulty_openat,
	.open_beneath = faulty_open_beneath,
	.readlinkat = faulty_readlinkat,
	.mkdirat = faulty_mkdirat,
	.fstat = faulty_fstat,
	.fstatat = faulty_fstatat,
	.statx = faulty_statx,
	.fstatvfs = faulty_fstatvfs,
	.fs_magic = faulty_fs_magic,
	.flock = faulty_flock,
	.pread = faulty_pread,
	.pwrite = faulty_pwrite,
	.pwritev = faulty_pwritev,
	.splice = faulty_splice,
	.read = faulty_read,
	.fallocate = faulty_fallocate,
	.ftruncate = faulty_ftruncate,
	.sync_file_range = faulty_sync_file_range,
	.fdatasync = faulty_fdatasync,
	.fsync = faulty_fsync,
	.futimens = faulty_futimens,
	.renameat2 = faulty_renameat2,
	.linkat = faulty_linkat,
	.unlinkat = faulty_unlinkat,
	.lseek = faulty_lseek,
	.set_lease = faulty_set_lease,
	.boot_id = faulty_boot_id,
	.disk_seq = faulty_disk_seq,
};

static int setup(void **state)
{
	struct disk_test *t = calloc(1, sizeof(*t));

	*state = t;
	memset(&fault, 0, sizeof(fault));
	snprintf(t->dir, sizeof(t->dir), "/tmp/haul-disk-XXXXXX");
	if (!t || !mkdtemp(t->dir))
		return -1;
	snprintf(t->journal, sizeof(t->journal), "%s/.state/j", t->dir);
	ranges_init(&t->proof);
	ranges_init(&t->begun);
	return loop_init(&t->loop, 64 << 20);
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
	struct disk_test *t = *state;
	int r = loop_close(&t->loop);

	ranges_free(&t->proof);
	ranges_free(&t->begun);
	nftw(t->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(t);
	return r;
}

static void wait_done(struct disk_test *t)
{
	while (!t->done)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
}

static void on_op(void *arg, int err, const struct fail *f)
{
	struct disk_test *t = arg;

	assert_false(t->done);
	assert_int_equal(f->code, err);
	t->done = true;
	t->err = err;
	t->fail = *f;
}

static void on_open(void *arg, int err, const struct fail *f, const struct dfile_opened *o)
{
	struct disk_test *t = arg;

	assert_int_equal(o != NULL, err == 0);
	if (o) {
		t->file = o->file;
		t->exists_whole = o->exists_whole;
		t->finished = o->finished;
		t->unfinished = o->unfinished;
		t->found_size = o->found_size;
		t->found_mtime = o->found_mtime;
		memset(t->found, 0, sizeof(t->found));
		if (o->whole_fd >= 0)
			assert_true(pread(o->whole_fd, t->found, sizeof(t->found) - 1, 0) >= 0);
		snprintf(t->path, sizeof(t->path), "%s", o->path);
		ranges_copy(&t->proof, o->journal);
		t->taken_over = o->begun != NULL;
		if (o->begun)
			ranges_copy(&t->begun, o->begun);
	}
	on_op(t, err, f);
}

static struct dfile_req req_of(struct disk_test *t, const char *name, enum open_how how)
{
	return (struct dfile_req){
		.dir = t->dir, .name = name, .how = how, .rename = true, .total = -1, .fs = &fs_faulty};
}

static int do_open(struct disk_test *t, const struct dfile_req *req)
{
	t->done = false;
	t->file = NULL;
	t->path[0] = '\0';
	dfile_open(&t->loop, req, on_open, t);
	assert_false(t->done);
	wait_done(t);
	return t->err;
}

__attribute__((unused)) static int open_name(struct disk_test *t, const char *name, enum open_how how)
{
	struct dfile_req req = req_of(t, name, how);

	return do_open(t, &req);
}

/* Bytes of ours, without a wstream. */
__attribute__((unused)) static void our_bytes(struct dfile *f, const char *text)
{
	assert_int_equal(pwrite(f->fd, text, strlen(text), 0), strlen(text));
	guard_note(&f->guard, &fs_real, f->fd);
}

__attribute__((unused)) static int do_sync(struct disk_test *t, struct dfile *f)
{
	t->done = false;
	dfile_sync(f, on_op, t);
	wait_done(t);
	return t->err;
}

__attribute__((unused)) static int do_set_size(struct disk_test *t, struct dfile *f, int64_t n, enum alloc_mode mode)
{
	const struct ranges none = {0};

	t->done = false;
	dfile_take(f, n, mode, &none, on_op, t); /* it has its part: only the size is left to do */
	wait_done(t);
	return t->err;
}

__attribute__((unused)) static int do_finish(struct disk_test *t, struct dfile *f, int64_t size, bool replace)
{
	struct dfile_finish how = {.size = size, .mtime = 1000000000, .replace = replace};

	t->done = false;
	dfile_finish(f, &how, on_op, t);
	wait_done(t);
	return t->err;
}

__attribute__((unused)) static void do_close(struct disk_test *t, struct dfile *f, bool unlink)
{
	t->done = false;
	dfile_close(f, unlink ? DFILE_UNLINK : DFILE_KEEP, on_op, t);
	wait_done(t);
	assert_int_equal(t->err, 0);
}

__attribute__((unused)) static int do_take(struct disk_test *t, struct dfile *f, int64_t total, enum alloc_mode mode)
{
	t->done = false;
	dfile_take(f, total, mode, &t->begun, on_op, t);
	wait_done(t);
	return t->err;
}

__attribute__((unused)) static void do_return(struct disk_test *t, struct dfile *f)
{
	t->done = false;
	dfile_close(f, DFILE_RETURN, on_op, t);
	wait_done(t);
}

/* Path of a name in the scratch folder; valid until the fourth next call. */
__attribute__((unused)) static const char *at(struct disk_test *t, const char *name)
{
	static char buf[4][256];
	static int n;

	n = (n + 1) % 4;
	snprintf(buf[n], sizeof(buf[n]), "%s/%s", t->dir, name);
	return buf[n];
}

__attribute__((unused)) static void put_file(struct disk_test *t, const char *name, const char *text)
{
	FILE *f = fopen(at(t, name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

__attribute__((unused)) static void assert_file(struct disk_test *t, const char *name, const char *text)
{
	char buf[256] = "";
	FILE *f = fopen(at(t, name), "r");

	assert_non_null(f);
	buf[fread(buf, 1, sizeof(buf) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(buf, text);
}

__attribute__((unused)) static bool is_there(struct disk_test *t, const char *name)
{
	struct stat st;

	return lstat(at(t, name), &st) == 0;
}

#endif
