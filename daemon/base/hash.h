/* SPDX-License-Identifier: MIT
 * Message digests by name, over OpenSSL's EVP: md5, sha-1, sha-224, sha-256, sha-384, sha-512; adler32 over zlib. Names in
 * any case.
 */
#ifndef HAUL_BASE_HASH_H
#define HAUL_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>

#define HASH_MAX 64 /* bytes of the longest digest */

struct hash; /* running digest; opaque */

/* Digest length in bytes of a type name, 0 when unknown. */
size_t hash_len(const char *type);
struct hash *hash_new(const char *type); /* NULL: unknown type */
void hash_update(struct hash *h, const void *p, size_t n);
size_t hash_final(struct hash *h, unsigned char ret[HASH_MAX]); /* returns the length; h is as new afterwards */
void hash_free(struct hash *h);                                 /* NULL is fine */

/* "TYPE=HEX" as the checksum option has it: 0 and type (lower case, at most 8 bytes with NUL) and digest, or ERR_INVAL. */
int hash_parse(const char *text, char ret_type[8], unsigned char ret[HASH_MAX], size_t *ret_len);

#endif
