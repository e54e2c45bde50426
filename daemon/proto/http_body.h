/* SPDX-License-Identifier: MIT
 * struct http_body: from bytes of the connection to bytes of the file: counts, undoes the chunked coding and content
 * codings, and holds what was received but has no place yet. It calls nobody: the protocol feeds and takes. Embedded.
 * Loop thread.
 *
 * Two ways
 *   direct    length known or until close, no coding: the stream receives into its owner's memory, the body only counts
 *   buffered  everything else, and what came together with the head: the stream receives into the body's buffer, from
 * where http_body_take decodes or copies, any number of bytes at a time
 */
#ifndef HAUL_PROTO_HTTP_BODY_H
#define HAUL_PROTO_HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "proto/http_head.h"

#define HTTP_BUF_HEAD (20 * 1024) /* the buffer while heads come: with a small file often in one read, ... */
#define HTTP_BUF_BODY (64 * 1024) /* ... and for coded bodies */

struct http_body {
	enum http_framing framing;
	int64_t length;		    /* FRAMING_LENGTH: all of it */
	int64_t got;		    /* body bytes received, before content decoding */
	bool ended;		    /* no more will come */
	bool junk;		    /* bytes behind the end have been seen: the connection is spoiled */
	struct http_parser *parser; /* for the chunked coding; not owned */
	struct http_coding *coding; /* owned; NULL: none */
	/* private: buf[pos..len) are body bytes to be taken */
	char *buf;
	size_t cap, pos, len;
};

void http_body_init(struct http_body *b, struct http_parser *parser); /* ready to receive a head */
/* A buffer of HTTP_BUF_HEAD bytes for one that has none yet; and that of one that ends, NULL: it has no such. */
void http_body_lend(struct http_body *b, char *buf);
char *http_body_reclaim(struct http_body *b);
void http_body_free(struct http_body *b);
/* As new, for another answer on another connection; the buffer is kept. */
void http_body_reset(struct http_body *b);

/* Where the stream should put its next bytes. Only when nothing is to be taken. */
void http_body_space(struct http_body *b, struct span *ret);

/* n bytes of a head arrived: the span of what is there. */
struct span http_body_head(struct http_body *b, size_t n);
/* The head is read: the first `used` bytes of that span were its; the rest are of the body described by a. decode: undo
 * the content coding. As http_body_feed. */
int http_body_begin(struct http_body *b, const struct http_answer *a, size_t used, bool decode, struct fail *f);

/* n bytes arrived in http_body_space's span. 0; ERR_PROTO, ERR_LIMIT: the bytes before what is wrong are ready to be taken
 * all the same, so that it does not matter what came together with them. */
int http_body_feed(struct http_body *b, size_t n, struct fail *f);
/* The stream may receive straight into the owner's memory now, at most http_body_left bytes; http_body_count says how
 * many came. */
bool http_body_direct(const struct http_body *b);
int64_t http_body_left(const struct http_body *b); /* INT64_MAX when unknown */
void http_body_count(struct http_body *b, size_t n);

bool http_body_ready(const struct http_body *b); /* http_body_take may give bytes */
/* Up to *n bytes into out; *n becomes how many, which may be 0. 0, ERR_CODING, ERR_LIMIT. */
int http_body_take(struct http_body *b, char *out, size_t *n, struct fail *f);
/* Throw away what is ready. */
void http_body_skip(struct http_body *b);

/* The connection was closed in an orderly way (orderly) or broke. 0: that was the end of the body; else ERR_EOF. */
int http_body_eof(struct http_body *b, bool orderly, struct fail *f);
/* All is received and taken: 0 when the content coding is whole too, else ERR_CODING. */
int http_body_end(const struct http_body *b, struct fail *f);

#endif
