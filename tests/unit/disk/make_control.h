/* SPDX-License-Identifier: MIT
 * Control files as aria2 writes them, for tests.
 */
#ifndef HAUL_TESTS_MAKE_CONTROL_H
#define HAUL_TESTS_MAKE_CONTROL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A started piece. */
struct made_piece {
	uint32_t index, length;
	const unsigned char *bits;
	uint32_t n_bits; /* bytes */
};

struct made_control {
	unsigned version;	   /* 1; 0: host byte order */
	unsigned char flags;	   /* the last byte of that field */
	uint32_t hash_len;	   /* that many bytes of an info hash */
	uint32_t piece;
	uint64_t total;
	const unsigned char *bits; /* n_bits bytes */
	uint32_t n_bits;
	const struct made_piece *started;
	uint32_t n_started;
};

static inline size_t put_number(unsigned char *at, const struct made_control *m, uint64_t v, size_t n)
{
	uint16_t v2 = (uint16_t)v;
	uint32_t v4 = (uint32_t)v;

	if (m->version == 0)
		memcpy(at, n == 2 ? (void *)&v2 : n == 4 ? (void *)&v4 : (void *)&v, n);
	else
		for (size_t i = 0; i < n; i++)
			at[i] = (unsigned char)(v >> 8 * (n - 1 - i));
	return n;
}

static inline size_t put_bytes(unsigned char *at, const void *p, size_t n)
{
	if (n > 0)
		memcpy(at, p, n);
	return n;
}

/* Into buf, which has room for it: the length. */
static inline size_t make_control(unsigned char *buf, const struct made_control *m)
{
	static const unsigned char hash[255];
	size_t n = 0;

	buf[n++] = 0;
	buf[n++] = (unsigned char)m->version;
	n += put_bytes(buf + n, (unsigned char[]){0, 0, 0, m->flags}, 4);
	n += put_number(buf + n, m, m->hash_len, 4);
	n += put_bytes(buf + n, hash, m->hash_len);
	n += put_number(buf + n, m, m->piece, 4);
	n += put_number(buf + n, m, m->total, 8);
	n += put_number(buf + n, m, 0, 8);
	n += put_number(buf + n, m, m->n_bits, 4);
	n += put_bytes(buf + n, m->bits, m->n_bits);
	n += put_number(buf + n, m, m->n_started, 4);
	for (uint32_t i = 0; i < m->n_started; i++) {
		n += put_number(buf + n, m, m->started[i].index, 4);
		n += put_number(buf + n, m, m->started[i].length, 4);
		n += put_number(buf + n, m, m->started[i].n_bits, 4);
		n += put_bytes(buf + n, m->started[i].bits, m->started[i].n_bits);
	}
	return n;
}

#endif
