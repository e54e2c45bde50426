/* SPDX-License-Identifier: MIT
 * Which row of the database a job has: rows are numbered in the order in which jobs were added, so that what is added together
 * lies together in the file, while GIDs are random. An index in the database would be written to at random places again, and
 * each place costs a page. Open addressing, 16 bytes a slot, at most three quarters full. In another one a batch keeps where it
 * has changed a job. One thread at a time.
 */
#ifndef HAUL_STORE_ROW_MAP_H
#define HAUL_STORE_ROW_MAP_H

#include <stddef.h>
#include <stdint.h>

struct row_slot {
	uint64_t gid; /* 0: free */
	int64_t row;
};

struct row_map {
	struct row_slot *slots; /* zeroed is an empty map */
	size_t n, cap;
};

/* The row of gid (never 0), for the caller to read or change until the next call that changes the map; NULL: not there. */
int64_t *row_map_find(const struct row_map *m, uint64_t gid);
void row_map_put(struct row_map *m, uint64_t gid, int64_t row);
void row_map_del(struct row_map *m, uint64_t gid); /* nothing when it is not there */
void row_map_free(struct row_map *m);

#endif
