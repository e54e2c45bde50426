/* SPDX-License-Identifier: MIT
 * How much room a file system has. Pool threads.
 */
#ifndef HAUL_DISK_ROOM_H
#define HAUL_DISK_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#define ROOM_WHERE_MAX 128

struct fs_ops;

struct room {
	uint64_t dev;		    /* st_dev: which file system; 0: could not be looked at */
	uint64_t free;		    /* bytes that may be taken; UINT64_MAX: it does not say */
	uint64_t size;		    /* bytes of the whole file system; 0: it does not say */
	bool files;		    /* another file can be made */
	char where[ROOM_WHERE_MAX]; /* where it is mounted, safe to print; cut when longer */
};

/* The file system of the open fd; `where` is left alone. */
void room_of(const struct fs_ops *fs, int fd, struct room *ret);
/* The one that path lies in, or would if it were made. */
void room_look(const struct fs_ops *fs, const char *path, struct room *ret);

#endif
