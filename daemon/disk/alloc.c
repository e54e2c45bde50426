/* SPDX-License-Identifier: MIT
 * Preallocation: fallocate where the file system has it, else the size alone (trunc) or written zeros (prealloc).
 */
#include "disk/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "disk/fs.h"
#include "disk/room.h"

#define FALLOC_STEP ((int64_t)1 << 30)
#define ZEROS	    ((int64_t)1 << 20) /* bytes a write */
#define ZERO_STEP   (32 * ZEROS)

int alloc_begin(struct alloc *a, const struct fs_ops *fs, int fd, const char *path, enum alloc_mode mode, int64_t n,
	struct fail *f)
{
	struct stat st;

	memset(a, 0, sizeof(*a));
	a->fs = fs;
	a->fd = fd;
	a->path = path;
	a->mode = mode;
	if (mode == ALLOC_NONE || n <= 0)
		return 0;
	if (fs->fstat(fd, &st) < 0)
		return fs_fail(f, ERR_IO, "Failed to look at the file", path, errno);
	/* Blocks may be missing anywhere below the size: fallocate goes over all of it, it leaves data alone. */
	if (mode != ALLOC_TRUNC || st.st_size < n)
		a->to = n;
	return 0;
}

void alloc_end(struct alloc *a)
{
	free(a->zeros);
	a->zeros = NULL;
}

static int set_size(struct alloc *a, struct fail *f)
{
	struct stat st;

	if (a->fs->fstat(a->fd, &st) < 0 || (st.st_size < a->to && a->fs->ftruncate(a->fd, a->to) < 0))
		return fs_fail(f, ERR_IO, "Failed to set the size of", a->path, errno);
	a->at = a->to;
	return 0;
}

/* No fallocate here: what to do instead. */
static int fall_back(struct alloc *a, struct fail *f)
{
	struct stat st;

	if (a->mode == ALLOC_FALLOC) {
		log_notice(DISK, "%s: the file system can't preallocate, only the size is set", a->path);
		a->mode = ALLOC_TRUNC;
		return 1;
	}
	if (a->fs->fstat(a->fd, &st) < 0)
		return fs_fail(f, ERR_IO, "Failed to look at the file", a->path, errno);
	a->by_writing = true;
	a->at = st.st_size < a->to ? st.st_size : a->to; /* what lies below may be data */
	a->zeros = xcalloc(1, (size_t)ZEROS);
	return 1;
}

static int falloc_step(struct alloc *a, struct fail *f)
{
	int64_t n = a->to - a->at < FALLOC_STEP ? a->to - a->at : FALLOC_STEP;

	if (a->fs->fallocate(a->fd, 0, a->at, n) < 0) {
		if (errno == EINTR)
			return 1;
		if (errno == EOPNOTSUPP || errno == ENOSYS)
			return fall_back(a, f);
		return fs_fail(f, ERR_IO, "Failed to allocate room for", a->path, errno);
	}
	a->at += n;
	return 1;
}

static int zero_step(struct alloc *a, struct fail *f)
{
	int64_t stop = a->to - a->at < ZERO_STEP ? a->to : a->at + ZERO_STEP;

	while (a->at < stop) {
		int64_t n = stop - a->at < ZEROS ? stop - a->at : ZEROS;
		if (fs_pwrite_all(a->fs, a->fd, a->zeros, (size_t)n, a->at) < 0)
			return fs_fail(f, ERR_IO, "Failed to write into the file", a->path, errno);
		a->at += n;
	}
	return 1;
}

int alloc_step(struct alloc *a, struct fail *f)
{
	if (a->at >= a->to)
		return 0;
	if (a->mode == ALLOC_TRUNC)
		return set_size(a, f);
	return a->by_writing ? zero_step(a, f) : falloc_step(a, f);
}

/* " (64MiB to be left)", or nothing. */
static const char *kept_text(uint64_t reserve, char buf[40])
{
	char n[16];

	buf[0] = '\0';
	if (reserve > 0)
		snprintf(buf, 40, " (%s to be left)", str_bytes(reserve, n));
	return buf;
}

int alloc_check_room(const struct fs_ops *fs, int fd, const char *dir, uint64_t need, uint64_t reserve, struct fail *f)
{
	char need_text[16], have_text[16], kept[40];
	struct room room;
	uint64_t want;

	room_of(fs, fd, &room);
	if (__builtin_add_overflow(need, reserve, &want))
		want = UINT64_MAX;
	if (room.free == UINT64_MAX || want <= room.free) /* when it does not say, the writes will tell */
		return 0;
	str_bytes(need, need_text);
	kept_text(reserve, kept);
	if (room.size > 0 && want > room.size)
		return fail_set(f, ERR_TOO_LARGE, "Not enough disk space: %s needed, but the disk of %s holds only %s%s",
			need_text, dir, str_bytes(room.size, have_text), kept);
	return fail_set(f, ERR_NO_SPACE, "Not enough disk space: %s needed, %s free%s in %s", need_text,
		str_bytes(room.free, have_text), kept, dir);
}

uint64_t alloc_missing(const struct stat *st, int64_t n)
{
	uint64_t taken = (uint64_t)st->st_blocks * 512;

	return n > 0 && (uint64_t)n > taken ? (uint64_t)n - taken : 0;
}
