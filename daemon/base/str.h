/* SPDX-License-Identifier: MIT
 * Small string helpers that libc lacks. No state; any thread.
 */
#ifndef HAUL_BASE_STR_H
#define HAUL_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/mem.h"

/* A piece of memory that somebody else owns. */
struct span {
	char *base;
	size_t len;
};

/* s (n bytes) made safe to print into buf: control characters, DEL, C1, bidi controls and invalid UTF-8 become \xNN; cut at a
 * character boundary with "..." at its end. Always ends with NUL; returns buf. */
const char *str_safe(const char *s, size_t n, char *buf, size_t size);

bool str_is_utf8(const char *s, size_t n); /* well-formed, no surrogates, no overlong forms */
bool str_has_ctl(const char *s, size_t n); /* bytes below 0x20, or 0x7f */
/* Bytes of the well-formed UTF-8 character that s (n bytes) begins with, its code point in *ret; 0 when it is none. */
size_t str_utf8_next(const char *s, size_t n, uint32_t *ret);
/* Code points that change how a line is shown rather than being shown: C0, DEL, C1, bidi controls, line separators. */
bool str_is_hidden(uint32_t cp);

bool str_same(const char *a, const char *b); /* NULL is as empty */

/* Decimal digits only (no sign, no blank), n bytes, overflow checked: 0 or ERR_INVAL. */
int str_to_u64(const char *s, size_t n, uint64_t *ret);
int str_hex_to_u64(const char *s, size_t n, uint64_t *ret); /* 1 to 16 hex digits, any case */
char *str_path(const char *dir, const char *name); /* "dir/name", malloc'd */
void str_from_gid(uint64_t gid, char ret[17]);              /* 16 lower case hex digits */

/* Percent-decoding of n bytes into out (room for n+1); returns the length; bad escapes stay as they are. */
size_t str_pct_decode(const char *s, size_t n, char *out);

/* Base64 (RFC 4648). Encode: malloc'd text. Decode: malloc'd bytes and *ret_len, NULL when s is no base64. */
char *str_base64(const void *p, size_t n);
void *str_unbase64(const char *s, size_t n, size_t *ret_len);

/* Compare in constant time for equal lengths; length itself is not hidden. */
bool str_equal_ct(const char *a, size_t alen, const char *b, size_t blen);

/* "1.2GiB", "340KiB", "12B": base 1024, for people. */
const char *str_bytes(uint64_t n, char buf[16]);

/* "41 s", from ten minutes on "73 min": ms rounded up, for people. */
const char *str_wait(uint64_t ms, char buf[32]);

#endif
