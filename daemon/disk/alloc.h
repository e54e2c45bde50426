/* SPDX-License-Identifier: MIT
 * Preallocation in bounded steps, so that it can be given up between two, and no pool thread is held for minutes. Pool
 * threads.
 */
#ifndef HAUL_DISK_ALLOC_H
#define HAUL_DISK_ALLOC_H

#include <sys/stat.h>

#include "disk/file.h"

struct alloc {
	const struct fs_ops *fs;
	int fd;
	const char *path; /* for messages; borrowed */
	enum alloc_mode mode;
	bool by_writing; /* the file system has no fallocate: zeros are written */
	int64_t at, to;	 /* bytes still to be allocated */
	char *zeros;
};

/* Prepares to bring the open file to n bytes; never cuts. 0 or ERR_IO. alloc_end in any case. */
int alloc_begin(struct alloc *a, const struct fs_ops *fs, int fd, const char *path, enum alloc_mode mode, int64_t n,
	struct fail *f);
/* One step: 1 when there is more to do, 0 when all is done, ERR_NO_SPACE or ERR_IO. */
int alloc_step(struct alloc *a, struct fail *f);
void alloc_end(struct alloc *a); /* zeroed is fine */

/* Is there room for `need` more bytes in the file system of fd, leaving `reserve` free? 0; ERR_NO_SPACE; ERR_TOO_LARGE
 * when there would not be if it were empty; when the file system doesn't say, 0. */
int alloc_check_room(const struct fs_ops *fs, int fd, const char *dir, uint64_t need, uint64_t reserve, struct fail *f);
/* Bytes that an open file of st will still take when it grows to n. */
uint64_t alloc_missing(const struct stat *st, int64_t n);

#endif
