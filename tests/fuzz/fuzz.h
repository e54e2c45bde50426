/* SPDX-License-Identifier: MIT
 * For all fuzz targets: the check that makes a finding, and reading the input piece by piece. A target is one file
 * fuzz_NAME.c with LLVMFuzzerTestOneInput; its kept inputs are in corpus/NAME/.
 */
#ifndef HAUL_FUZZ_H
#define HAUL_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for every input. */
#define CHECK(cond) ((cond) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #cond))

static inline void fuzz_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

struct input {
	const uint8_t *p;
	size_t n;
};

static inline unsigned input_byte(struct input *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++;
}

/* malloc'd text of exactly its length, so that every read behind its end is seen; NUL bytes in it become blanks. */
static inline char *input_text(const uint8_t *p, size_t n)
{
	char *s = malloc(n + 1);

	for (size_t i = 0; i < n; i++)
		s[i] = p[i] == '\0' ? ' ' : (char)p[i];
	s[n] = '\0';
	return s;
}

/* The same of the next line of the input, without its end. */
static inline char *input_line(struct input *in)
{
	const uint8_t *end = in->n > 0 ? memchr(in->p, '\n', in->n) : NULL;
	size_t n = end != NULL ? (size_t)(end - in->p) : in->n;
	char *s = input_text(in->p, n);

	n += end != NULL;
	in->p += n;
	in->n -= n;
	return s;
}

/* A small reproducible random number (xorshift). *state is not 0. */
static inline unsigned fuzz_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

#endif
