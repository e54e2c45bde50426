/* SPDX-License-Identifier: MIT
 * Digests of the whole representation that an answer carries: Repr-Digest and Content-Digest (RFC 9530), Digest (RFC
 * 3230), Content-MD5. No state; any thread.
 */
#ifndef HAUL_PROTO_HTTP_DIGEST_H
#define HAUL_PROTO_HTTP_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/http_parse.h"

/* The strongest known one as "sha-256=HEX" into ret (at least 160 bytes), or false. whole: the body is the whole
 * representation, so fields about the body count as well. */
bool http_digest(const struct http_parser *p, bool whole, char *ret, size_t size);

#endif
