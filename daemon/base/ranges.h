/* SPDX-License-Identifier: MIT
 * struct ranges: a set of byte offsets as sorted, disjoint, non-touching half-open ranges. It holds which bytes of a file are
 * there; the number of ranges stays near the number of connections, whatever the file's size. Embedded; any thread, one at a
 * time. Offsets are 0 <= start <= end <= INT64_MAX.
 */
#ifndef HAUL_BASE_RANGES_H
#define HAUL_BASE_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
	int64_t start;
	int64_t end; /* first byte not in it */
};

struct ranges {
	struct range *v; /* sorted by start */
	size_t n;
	size_t cap;
};

void ranges_init(struct ranges *r);
void ranges_free(struct ranges *r);
void ranges_copy(struct ranges *to, const struct ranges *from); /* to is initialised; old content is replaced */
void ranges_add(struct ranges *r, int64_t start, int64_t end);  /* empty ones are no-ops; merges with neighbours */
void ranges_remove(struct ranges *r, int64_t start, int64_t end);
bool ranges_has(const struct ranges *r, int64_t start, int64_t end); /* wholly inside */
int64_t ranges_total(const struct ranges *r);
/* First gap at or after `from`, inside [from, limit): true and *ret. */
bool ranges_gap(const struct ranges *r, int64_t from, int64_t limit, struct range *ret);
/* How far the bytes from 0 on are there without a hole. */
int64_t ranges_prefix(const struct ranges *r);
/* Bitfield as RPC clients want it: bit 0x80 of byte 0 is piece 0, set when all bytes of the piece are there; total > 0,
 * piece > 0. Lower case hex, malloc'd; "" for more than RANGES_BITFIELD_MAX pieces (a server may claim any length). */
#define RANGES_BITFIELD_MAX (1 << 26)
char *ranges_bitfield(const struct ranges *r, int64_t total, int64_t piece);
/* Persistent form "0-1048576,2097152-3000000" (end exclusive), malloc'd, and back: 0 or ERR_INVAL with r empty. */
char *ranges_encode(const struct ranges *r);
int ranges_decode(struct ranges *r, const char *text);

#endif
