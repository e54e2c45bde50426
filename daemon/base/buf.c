/* SPDX-License-Identifier: MIT
 * struct buf: bounded growth.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"

#define BUF_FIRST 64

int buf_refuse(struct buf *b)
{
	b->err = ERR_LIMIT;
	if (b->data != NULL)
		b->data[b->len] = '\0'; /* may have been written over */
	return ERR_LIMIT;
}

/* Memory for n more bytes and the NUL. */
static int reserve(struct buf *b, size_t n)
{
	size_t want, cap;
	char *data;

	if (n >= SIZE_MAX / 2 - b->len)
		return buf_refuse(b);
	want = b->len + n + 1;
	if (want <= b->cap)
		return 0;
	cap = b->cap > 0 ? b->cap : BUF_FIRST;
	while (cap < want)
		cap *= 2;
	data = b->foreign ? mem_realloc(b->data, cap) : xrealloc(b->data, cap);
	if (data == NULL) {
		b->err = ERR_NOMEM;
		return ERR_NOMEM;
	}
	b->data = data;
	b->cap = cap;
	return 0;
}

/* The same within max. */
static int buf_grow(struct buf *b, size_t n)
{
	return n > b->max - b->len ? buf_refuse(b) : reserve(b, n);
}

void buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

void buf_init_foreign(struct buf *b, size_t max)
{
	buf_init(b, max);
	b->foreign = true;
}

/* Its memory is somebody else's now, or free. */
static void forget(struct buf *b)
{
	b->data = NULL;
	b->len = 0;
	b->cap = 0;
	b->err = 0;
}

void buf_free(struct buf *b)
{
	free(b->data);
	forget(b);
}

void buf_wipe(struct buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->cap);
	buf_free(b);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

int buf_add_slow(struct buf *b, const void *p, size_t n)
{
	int err;

	if (n == 0)
		return b->err;
	err = b->err != 0 ? b->err : buf_grow(b, n);
	if (err != 0)
		return err;
	memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
	return 0;
}

char *buf_room(struct buf *b, size_t n)
{
	if (b->err != 0 || (b->cap - b->len <= n && reserve(b, n) != 0))
		return NULL;
	return b->data + b->len;
}

int buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_add_int(struct buf *b, int64_t v)
{
	uint64_t left = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	char text[20], *p = text + sizeof(text); /* a sign and 19 digits */

	do {
		*--p = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (v < 0)
		*--p = '-';
	return buf_add(b, p, (size_t)(text + sizeof(text) - p));
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	char brief[256]; /* most texts are short: printed once */
	va_list ap;
	int n, err;

	va_start(ap, fmt);
	n = vsnprintf(brief, sizeof(brief), fmt, ap);
	va_end(ap);
	if (n <= 0)
		return n == 0 ? b->err : (b->err = ERR_LIMIT);
	if ((size_t)n < sizeof(brief))
		return buf_add(b, brief, (size_t)n);
	err = b->err != 0 ? b->err : buf_grow(b, (size_t)n);
	if (err != 0)
		return err;
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

void buf_drop(struct buf *b, size_t n)
{
	if (n > b->len)
		n = b->len;
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n + 1);
	b->len -= n;
}

char *buf_take(struct buf *b)
{
	char *text = b->data != NULL ? b->data : xstrdup("");

	forget(b);
	return text;
}
