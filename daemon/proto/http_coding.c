/* SPDX-License-Identifier: MIT
 * Content codings, over zlib.
 */
#include "proto/http_coding.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/str.h"

#define RATIO_MAX  1000			 /* output bytes for one input byte ... */
#define RATIO_FROM (64ull * 1024 * 1024) /* ... counted from this much output on */
#define BITS_GZIP  (MAX_WBITS + 16)
#define BITS_ZLIB  MAX_WBITS
#define BITS_RAW   (-MAX_WBITS)

struct http_coding {
	z_stream z;
	enum http_coding_kind kind;
	bool open;	       /* z is initialised */
	bool ended;	       /* at the end of a stream (of a member for gzip) */
	bool full;	       /* the last output room was used up: there may be more */
	uint64_t in, out;      /* totals */
	unsigned char head[2]; /* deflate: the bytes by which zlib's wrapper is told from raw deflate */
	unsigned n_head, head_used;
};

struct http_coding *http_coding_new(enum http_coding_kind kind)
{
	struct http_coding *c = xcalloc(1, sizeof(*c));

	c->kind = kind;
	return c;
}

void http_coding_free(struct http_coding *c)
{
	if (c == NULL)
		return;
	if (c->open)
		inflateEnd(&c->z);
	free(c);
}

static int open_bits(struct http_coding *c, int bits, struct fail *f)
{
	if (inflateInit2(&c->z, bits) != Z_OK)
		return fail_set(f, ERR_NOMEM, NULL);
	c->open = true;
	return 0;
}

/* "deflate" should be the zlib format, but some servers send raw deflate: the first two bytes tell (RFC 1950 2.2).
 * Returns 1 while they are not there. */
static int open_deflate(struct http_coding *c, const char **in, size_t *in_len, struct fail *f)
{
	while (c->n_head < 2 && *in_len > 0) {
		c->head[c->n_head++] = (unsigned char)**in;
		(*in)++;
		(*in_len)--;
		c->in++;
	}
	if (c->n_head < 2)
		return 1;
	bool zlib = (c->head[0] & 0x0f) == Z_DEFLATED && (c->head[0] << 8 | c->head[1]) % 31 == 0;

	return open_bits(c, zlib ? BITS_ZLIB : BITS_RAW, f);
}

/* Behind the end of a stream only another gzip member may follow (RFC 1952 2.2). */
static int next_member(struct http_coding *c, unsigned char first, struct fail *f)
{
	if (c->kind != CODING_GZIP || first != 0x1f)
		return fail_set(f, ERR_CODING, "There are bytes behind the end of the content coding");
	if (inflateReset(&c->z) != Z_OK)
		return fail_set(f, ERR_CODING, NULL);
	c->ended = false;
	return 0;
}

/* One inflate call; *in and *out_left are moved. 1: no progress is possible with what is there. */
static int inflate_some(
	struct http_coding *c, const char **in, size_t *in_len, char **out, size_t *out_left, struct fail *f)
{
	uInt room = *out_left > UINT_MAX ? UINT_MAX : (uInt)*out_left;
	uInt given = *in_len > UINT_MAX ? UINT_MAX : (uInt)*in_len;
	int r;

	c->z.next_in = (z_const Bytef *)*in;
	c->z.avail_in = given;
	c->z.next_out = (Bytef *)*out;
	c->z.avail_out = room;
	r = inflate(&c->z, Z_NO_FLUSH);
	*in += given - c->z.avail_in;
	*in_len -= given - c->z.avail_in;
	*out += room - c->z.avail_out;
	*out_left -= room - c->z.avail_out;
	c->out += room - c->z.avail_out;
	c->full = c->z.avail_out == 0 && r != Z_STREAM_END;
	if (r == Z_STREAM_END)
		c->ended = true;
	if (r == Z_BUF_ERROR) {
		c->full = false;
		return 1;
	}
	return r == Z_OK || r == Z_STREAM_END ? 0 : fail_set(f, ERR_CODING, NULL);
}

static int check_ratio(const struct http_coding *c, struct fail *f)
{
	if (c->out <= RATIO_FROM || c->out / RATIO_MAX <= c->in)
		return 0;
	return fail_set(f, ERR_LIMIT, "The compressed answer grows more than %d times: refused", RATIO_MAX);
}

/* One step with the held-back first bytes or the caller's input. 1: stop. */
static int step(struct http_coding *c, const char **in, size_t *in_len, char **out, size_t *out_left, struct fail *f)
{
	size_t before = *in_len, held = c->n_head - c->head_used;
	const char *head = (const char *)c->head + c->head_used;
	int r;

	if (held > 0) {
		r = inflate_some(c, &head, &held, out, out_left, f);
		c->head_used = c->n_head - (unsigned)held;
		return r;
	}
	if (c->ended) {
		if (*in_len == 0)
			return 1;
		r = next_member(c, (unsigned char)**in, f);
		if (r < 0)
			return r;
	}
	r = inflate_some(c, in, in_len, out, out_left, f);
	c->in += before - *in_len;
	return r;
}

int http_coding_run(struct http_coding *c, const char **in, size_t *in_len, char *out, size_t *out_len, struct fail *f)
{
	size_t left = *out_len;
	int r = 0;

	if (!c->open)
		r = c->kind == CODING_GZIP ? open_bits(c, BITS_GZIP, f) : open_deflate(c, in, in_len, f);
	while (r == 0 && left > 0 && (*in_len > 0 || c->full || c->head_used < c->n_head)) {
		r = step(c, in, in_len, &out, &left, f);
		if (r == 0)
			r = check_ratio(c, f);
	}
	*out_len -= left;
	return r < 0 ? r : 0;
}

bool http_coding_pending(const struct http_coding *c)
{
	return c->full || (c->open && c->head_used < c->n_head);
}

int http_coding_end(const struct http_coding *c, struct fail *f)
{
	if (c->ended || (c->in == 0 && c->n_head == 0))
		return 0;
	return fail_set(f, ERR_CODING, "The compressed answer ends too early");
}
