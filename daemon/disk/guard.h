/* SPDX-License-Identifier: MIT
 * struct guard: has anybody else removed, cut, grown or written the file that is being downloaded? Looked for before each
 * write of ours and at the end, against what the file was after our last change. What comes between that look and the write
 * itself, or within one tick of the file system's clock, shows at the end only if it left a hole. See docs/types/dfile.md.
 * Pool threads, one call at a time.
 */
#ifndef HAUL_DISK_GUARD_H
#define HAUL_DISK_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"

struct fs_ops;

struct guard {
	bool set;	       /* the rest was noted */
	bool times, holes;     /* what this file system can be asked */
	bool links;	       /* the same: there are file systems in user space that count none */
	int64_t size;	       /* after our last change */
	struct timespec mtime; /* the same, if `times` */
};

/* The file is as we want it: remember that. After each change of ours. */
void guard_note(struct guard *g, const struct fs_ops *fs, int fd);
/* 0, ERR_FOREIGN, or ERR_IO when the file can't be looked at. path is for the text. */
int guard_check(const struct guard *g, const struct fs_ops *fs, int fd, const char *path, struct fail *f);
/* Each of the first `size` bytes was written by us, and all is synced: then there is no hole. As guard_check. */
int guard_check_whole(
	const struct guard *g, const struct fs_ops *fs, int fd, int64_t size, const char *path, struct fail *f);

#endif
