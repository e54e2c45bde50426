/* SPDX-License-Identifier: MIT
 * struct http_parser: llhttp's answer parser with our limits: heads and the chunked coding. It gives fields and body
 * bytes and interprets nothing beyond framing (see http_head.h for that). Embedded; http_parser_free. Loop thread.
 */
#ifndef HAUL_PROTO_HTTP_PARSE_H
#define HAUL_PROTO_HTTP_PARSE_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"

#define HTTP_HEAD_MAX 65536 /* bytes of all heads of one answer, 1xx included; trailers and chunk extensions as well   \
			     */
#define HTTP_FIELDS_MAX	 256
#define HTTP_INTERIM_MAX 32 /* 1xx answers */

/* Offsets into `text` of NUL-terminated strings. Values have no blanks at their ends, no CR, LF or NUL, and other
 * control characters than the tab are replaced by '?'. */
struct http_field {
	uint32_t name, value;
};

struct http_parser {
	llhttp_t ll;
	struct buf text;
	struct http_field fields[HTTP_FIELDS_MAX];
	unsigned n_fields;
	int status, minor; /* valid when the head is there; status 200..599, HTTP/1.minor */
	/* private */
	bool in_value, head_done;
	unsigned n_interim;
	size_t head_bytes;
	struct fail fail;	/* why a callback stopped llhttp */
	char *out;		/* chunked: where the next body bytes go */
	const char *mark;	/* chunked: end of the last body bytes in the input */
	uint64_t gap;		/* chunked: framing bytes since the last body byte */
	uint64_t framing, body; /* chunked: totals */
};

void http_parser_init(struct http_parser *p);
void http_parser_free(struct http_parser *p);

/* The next n bytes of the connection, while the head is not there. 1: the head of the final answer is there, *ret_used
 * of the n bytes belonged to it; 0: more bytes are needed; ERR_PROTO, ERR_LIMIT. */
int http_parse_head(struct http_parser *p, const char *data, size_t n, size_t *ret_used, struct fail *f);

/* The next n bytes of a chunked body, decoded in place: *ret_body body bytes are at the beginning of data then. 1: the
 * body and its trailers are at their end, *ret_used of the n bytes belonged to it; 0: all used, more to come;
 * ERR_PROTO, ERR_LIMIT: the body bytes before what is wrong are there all the same. */
int http_parse_chunked(struct http_parser *p, char *data, size_t n, size_t *ret_body, size_t *ret_used, struct fail *f);

/* Field i is named so (any case). Inline: a head is asked for many names, and most differ in their length. */
static inline bool http_field_is(const struct http_parser *p, unsigned i, const char *name)
{
	const struct http_field *f = &p->fields[i];

	return f->value - f->name == strlen(name) + 1 && strcasecmp(p->text.data + f->name, name) == 0;
}

const char *http_field_value(const struct http_parser *p, unsigned i);
/* Value of the first field of that name (any case), NULL: none. */
const char *http_field(const struct http_parser *p, const char *name);

#endif
