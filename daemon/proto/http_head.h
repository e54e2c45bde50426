/* SPDX-License-Identifier: MIT
 * What an answer's head means: framing of the body, and the struct fetch_head that protocols give to transfers. No
 * state; loop thread.
 */
#ifndef HAUL_PROTO_HTTP_HEAD_H
#define HAUL_PROTO_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/http_coding.h"
#include "proto/http_parse.h"
#include "proto/proto.h"

#define HTTP_LOCATION_MAX 16384

enum http_framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

/* What of the request the answer depends on. */
struct http_asked {
	bool head_only;
	bool codings;    /* Accept-Encoding was sent: a coding is undone; else only one of an answer without a length */
	bool utf8_names; /* not of the request: a plain filename= is UTF-8 or nothing */
};

/* Owned; http_answer_free. The strings of h live as long as this and the parser. */
struct http_answer {
	struct fetch_head h;
	enum http_framing framing;
	int64_t length;	 /* FRAMING_LENGTH: bytes on the wire */
	bool keep_alive; /* the connection may be used again after the body */
	bool asks_basic; /* a 401 that wants Basic authentication */
	enum http_coding_kind coding;
	char *name; /* h.name */
	char content_type[128];
	char digest[160];
};

/* p: its head is complete. 0; ERR_PROTO (framing that can't be trusted), ERR_LIMIT (Location), ERR_BAD_RANGE (a 206
 * whose length and Content-Range disagree), ERR_CODING (codings on top of each other). ret is to be freed in any case.
 */
int http_head_read(
	const struct http_parser *p, const struct http_asked *asked, struct http_answer *ret, struct fail *f);
void http_answer_free(struct http_answer *a);

/* "bytes 0-99/200", strictly; a star may stand for the total (then -1) or for the range. 1: a range, 0: only the total,
 * -1: malformed, then it is as for nothing known: empty range, total -1. */
int http_content_range(const char *value, struct range *ret, int64_t *ret_total);

/* Seconds or a date (RFC 9110 10.2.3), in milliseconds from `now` (epoch, by the clock of who said it), at most one day;
 * -1: malformed. */
int64_t http_retry_after(const char *value, int64_t now);

#endif
