/* SPDX-License-Identifier: MIT
 * struct buf: bytes that grow up to a stated maximum. The text is always NUL-terminated when not empty. Embedded; the owner
 * calls buf_free. Any thread, one at a time.
 */
#ifndef HAUL_BASE_BUF_H
#define HAUL_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
	char *data; /* NULL until the first byte */
	size_t len;
	size_t cap; /* private */
	size_t max; /* most bytes it may hold */
	int err;    /* sticky after the first add that did not fit (ERR_LIMIT, ERR_NOMEM): check once at the end */
	bool foreign; /* private: a peer decides its size */
};

void buf_init(struct buf *b, size_t max);
void buf_init_foreign(struct buf *b, size_t max); /* for what a peer sends or asks for: when large, an add may give ERR_NOMEM */
void buf_free(struct buf *b);  /* frees the memory, ready for use again */
void buf_reset(struct buf *b); /* len and err to 0, memory kept */
void buf_wipe(struct buf *b); /* as buf_free, and what it holds is overwritten: for secrets */
int buf_add_slow(struct buf *b, const void *p, size_t n); /* buf_add where memory has to grow */
int buf_add_int(struct buf *b, int64_t v);		 /* in decimal */
int buf_adds(struct buf *b, const char *s);
int buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes, to be written by the caller, who then tells their end (at most n behind the beginning) by buf_grew,
 * before anything else is done with b: that takes all of them, or none when they are more than fit. NULL: see err. */
char *buf_room(struct buf *b, size_t n);
int buf_refuse(struct buf *b); /* an add that does not fit: ERR_LIMIT, sticky */
void buf_drop(struct buf *b, size_t n); /* the first n bytes go */
char *buf_take(struct buf *b);          /* gives the malloc'd text to the caller ("" when empty), b is empty then */

/* 0, or the error, then nothing was added. Inline, since answers are made of thousands of small pieces. */
static inline int buf_add(struct buf *b, const void *p, size_t n)
{
	if (b->err != 0 || b->cap - b->len <= n || n > b->max - b->len)
		return buf_add_slow(b, p, n);
	memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
	return 0;
}

static inline int buf_grew(struct buf *b, const char *end)
{
	size_t len = (size_t)(end - b->data);

	if (len > b->max)
		return buf_refuse(b);
	b->len = len;
	b->data[len] = '\0';
	return 0;
}

#endif
