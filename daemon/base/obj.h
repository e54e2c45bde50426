/* SPDX-License-Identifier: MIT
 * Live-struct checks: a heap struct begins with OBJ(NAME), is marked by OBJ_INIT, checked with OBJ_CHECK wherever a void *
 * comes back in, and unmarked by OBJ_FREE. A use after free or a wrong pointer dies at the first line, with file and line.
 */
#ifndef HAUL_BASE_OBJ_H
#define HAUL_BASE_OBJ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define OBJ_MAGICS(X) X(LOOP) X(STREAM) X(LISTENER) X(TIMER) X(WORK) X(BLOCK) X(DIAL) X(RESOLVE) X(DFILE) X(WSTREAM) X(HASHER) \
	X(STORE) X(FETCH) X(HTTP1) X(JOB) X(XFER) X(LANE) X(ENGINE) X(OPTS) X(RPC) X(CONN) X(WS) X(SOURCE) X(ORIGIN) X(ANSWER) \
	X(TUNNEL) X(VOLUME)
enum obj_magic {
	OBJ_DEAD = 0x0dead0b1,
#define X(n) OBJ_##n##_ORD,
	OBJ_MAGICS(X)
#undef X
};

#define OBJ(n) uint32_t magic_
#define OBJ_INIT(p, n) ((p)->magic_ = 0x68610000u + (uint32_t)OBJ_##n##_ORD)
#define OBJ_OK(p, n) ((p) != NULL && (p)->magic_ == 0x68610000u + (uint32_t)OBJ_##n##_ORD)
#define OBJ_CHECK(p, n) ((void)(OBJ_OK(p, n) || (obj_die(#n, __FILE__, __LINE__), 0)))
/* Unmark and free; the pointer is set to NULL. */
#define OBJ_FREE(p) do { (p)->magic_ = OBJ_DEAD; free(p); (p) = NULL; } while (0)

static inline _Noreturn void obj_die(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not a live %s\n", file, line, what);
	abort();
}

#endif
