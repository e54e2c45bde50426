/* SPDX-License-Identifier: MIT
 * What servers say of how many requests they still take: the RateLimit field of draft-ietf-httpapi-ratelimit-headers, the pair
 * RateLimit-Remaining and RateLimit-Reset of its first drafts, and the X- fields that they were made from. No state; any thread.
 */
#ifndef HAUL_PROTO_HTTP_LIMIT_H
#define HAUL_PROTO_HTTP_LIMIT_H

#include <stdint.h>

#include "proto/http_parse.h"

/* `"default";r=0;t=30, "day";r=12;t=900`: seconds until all of its policies have a request left; -1: they have, or nothing is
 * said that can be used. At most one day. */
int64_t http_limit_field(const char *value);

/* Milliseconds until the server takes requests again, by the first of those fields that says that none is left; -1: none does. At
 * most one day. Times of day are taken from the answer's Date, or from `now` (epoch). */
int64_t http_limit_wait(const struct http_parser *p, int64_t now);

/* What time it is for the server: its Date, or `now` (epoch) where it sent none. Its dates mean nothing beside another clock. */
int64_t http_clock(const struct http_parser *p, int64_t now);

#endif
