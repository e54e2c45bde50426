/* SPDX-License-Identifier: MIT
 * Bodies.
 */
#include "proto/http_body.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void http_body_init(struct http_body *b, struct http_parser *parser)
{
	memset(b, 0, sizeof(*b));
	b->parser = parser;
}

void http_body_lend(struct http_body *b, char *buf)
{
	b->buf = buf;
	b->cap = HTTP_BUF_HEAD;
}

char *http_body_reclaim(struct http_body *b)
{
	char *buf = b->cap == HTTP_BUF_HEAD ? b->buf : NULL;

	if (buf) {
		b->buf = NULL;
		b->cap = b->pos = b->len = 0;
	}
	return buf;
}

void http_body_free(struct http_body *b)
{
	http_coding_free(b->coding);
	free(b->buf);
	http_body_init(b, b->parser);
}

void http_body_reset(struct http_body *b)
{
	struct http_body old = *b;

	http_coding_free(b->coding);
	http_body_init(b, old.parser);
	b->buf = old.buf;
	b->cap = old.cap;
}

void http_body_space(struct http_body *b, struct span *ret)
{
	size_t cap = b->framing == FRAMING_CHUNKED || b->coding != NULL ? HTTP_BUF_BODY : HTTP_BUF_HEAD;

	if (b->cap < cap) {
		free(b->buf);
		b->buf = xmalloc(cap);
		b->cap = cap;
	}
	b->pos = b->len = 0;
	*ret = (struct span){b->buf, b->cap};
}

struct span http_body_head(struct http_body *b, size_t n)
{
	b->pos = 0;
	b->len = n;
	return (struct span){b->buf, n};
}

int http_body_begin(struct http_body *b, const struct http_answer *a, size_t used, bool decode, struct fail *f)
{
	size_t rest = b->len - used;

	b->framing = a->framing;
	b->length = a->length;
	b->ended = a->framing == FRAMING_NONE || (a->framing == FRAMING_LENGTH && a->length == 0);
	if (decode && a->coding != CODING_NONE)
		b->coding = http_coding_new(a->coding);
	b->pos = b->len = used;
	return http_body_feed(b, rest, f);
}

static int feed_chunked(struct http_body *b, size_t n, struct fail *f)
{
	size_t body, used;
	int r = http_parse_chunked(b->parser, b->buf + b->len, n, &body, &used, f);

	b->len += body;
	b->got += (int64_t)body;
	if (r < 0)
		return r;
	b->ended = r == 1;
	b->junk = used < n;
	return 0;
}

int http_body_feed(struct http_body *b, size_t n, struct fail *f)
{
	if (n == 0)
		return 0;
	if (b->ended) {
		b->junk = true;
		return 0;
	}
	if (b->framing == FRAMING_CHUNKED)
		return feed_chunked(b, n, f);
	if ((int64_t)n > http_body_left(b)) {
		b->junk = true;
		n = (size_t)http_body_left(b);
	}
	b->len += n;
	http_body_count(b, n);
	return 0;
}

bool http_body_direct(const struct http_body *b)
{
	return !b->ended && b->coding == NULL && b->pos == b->len &&
	       (b->framing == FRAMING_LENGTH || b->framing == FRAMING_CLOSE);
}

int64_t http_body_left(const struct http_body *b)
{
	return b->framing == FRAMING_LENGTH ? b->length - b->got : INT64_MAX;
}

void http_body_count(struct http_body *b, size_t n)
{
	b->got += (int64_t)n;
	if (b->framing == FRAMING_LENGTH && b->got >= b->length)
		b->ended = true;
}

bool http_body_ready(const struct http_body *b)
{
	return b->pos < b->len || (b->coding != NULL && http_coding_pending(b->coding));
}

int http_body_take(struct http_body *b, char *out, size_t *n, struct fail *f)
{
	size_t left = b->len - b->pos;
	const char *in = b->buf + b->pos;
	int r;

	if (b->coding == NULL) {
		*n = *n < left ? *n : left;
		memcpy(out, in, *n);
		b->pos += *n;
		return 0;
	}
	r = http_coding_run(b->coding, &in, &left, out, n, f);
	b->pos = b->len - left;
	return r;
}

void http_body_skip(struct http_body *b)
{
	b->pos = b->len;
}

int http_body_eof(struct http_body *b, bool orderly, struct fail *f)
{
	if (b->ended)
		return 0;
	if (b->framing == FRAMING_CLOSE && orderly) {
		b->ended = true;
		return 0;
	}
	if (b->framing == FRAMING_LENGTH)
		return fail_set(f, ERR_EOF, "The server closed the connection after %" PRId64 " of %" PRId64 " bytes",
			b->got, b->length);
	if (b->framing == FRAMING_CLOSE)
		return fail_set(
			f, ERR_EOF, "The connection broke after %" PRId64 " bytes: the end is not proven", b->got);
	return fail_set(f, ERR_EOF, "The server closed the connection within a chunked answer, after %" PRId64 " bytes",
		b->got);
}

int http_body_end(const struct http_body *b, struct fail *f)
{
	return b->coding != NULL ? http_coding_end(b->coding, f) : 0;
}
