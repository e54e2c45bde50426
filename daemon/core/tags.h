/* SPDX-License-Identifier: MIT
 * The ETags by which origins know the version of a file that is being fetched: each may have its own (RFC 9110 8.8.3). The first
 * that an origin showed counts. Embedded in its owner, zeroed: none. Loop thread.
 */
#ifndef HAUL_CORE_TAGS_H
#define HAUL_CORE_TAGS_H

#include <stddef.h>

#define TAGS_MOST 32 /* origins that are remembered; more make the oldest go, which then count as new ones */

struct tags {
	struct tag *v;
	size_t n;
};

const char *tags_of(const struct tags *t, const char *origin); /* NULL: it has shown none */
void tags_add(struct tags *t, const char *origin, const char *etag); /* both are copied; origin must not be there */
void tags_clear(struct tags *t);

#endif
