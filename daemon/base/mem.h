/* SPDX-License-Identifier: MIT
 * Memory that can be counted on. Small allocations (a job's record, a list's entry) have no way to fail that anybody could use:
 * they draw on a reserve when the system gives nothing, and whoever takes on new work asks mem_short() first, so that the reserve
 * lasts for what is under way. When that too is used up the process ends with a message; what was acknowledged is on the disk.
 * Large sizes come from peers: they may fail, and do not touch the reserve.
 */
#ifndef HAUL_BASE_MEM_H
#define HAUL_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#define MEM_LARGE (64 * 1024) /* from this size on mem_* leave the reserve alone */

/* Sets the reserve aside: address space only, until it is needed. Before the first thread; without it there is none. */
void mem_init(void);

/* The reserve is in use and can't be had back yet: take on nothing new. Says so in the log when that changes. Loop thread. */
bool mem_short(void);

/* As malloc, calloc and realloc, with the reserve for small sizes: NULL when there is nothing. Any thread. For libraries, and
 * for sizes that a peer decides. */
void *mem_malloc(size_t n);
void *mem_calloc(size_t n, size_t size);
void *mem_realloc(void *p, size_t n);

/* They never return NULL: any size draws on the reserve. Any thread. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s); /* NULL gives NULL */
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
