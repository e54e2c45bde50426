/* SPDX-License-Identifier: MIT
 * struct http_coding: undoes the content codings gzip and deflate (RFC 9110 8.4.1) as the bytes come. Bounded: a body
 * that grows more than a thousandfold is refused once it is large. Loop thread (no shared state).
 */
#ifndef HAUL_PROTO_HTTP_CODING_H
#define HAUL_PROTO_HTTP_CODING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum http_coding_kind { CODING_NONE, CODING_GZIP, CODING_DEFLATE };

struct http_coding;

struct http_coding *http_coding_new(enum http_coding_kind kind); /* not CODING_NONE */
void http_coding_free(struct http_coding *c);			 /* NULL is fine */

/* Decode from *in (*in_len bytes; both are moved past what was used) into out (room for *out_len; then the bytes made).
 * Stops when the input is used up or the room is full. 0; ERR_CODING: broken, or bytes behind its end; ERR_LIMIT: a
 * bomb. */
int http_coding_run(struct http_coding *c, const char **in, size_t *in_len, char *out, size_t *out_len, struct fail *f);

/* More output may come without more input. */
bool http_coding_pending(const struct http_coding *c);

/* No more input will come: 0 when the coding is at its end (or nothing came at all), else ERR_CODING. */
int http_coding_end(const struct http_coding *c, struct fail *f);

#endif
