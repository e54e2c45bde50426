/* SPDX-License-Identifier: MIT
 * Digest fields.
 */
#include "proto/http_digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/str.h"

/* Names on the wire, ours, strongest first. */
static const struct {
	const char *wire, *type;
} algorithms[] = {
	{"sha-512", "sha-512"},
	{"sha-384", "sha-384"},
	{"sha-256", "sha-256"},
	{"sha", "sha-1"},
	{"sha-1", "sha-1"},
	{"md5", "md5"},
};
#define N_ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))

static size_t rank_of(const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < N_ALGORITHMS; i++) {
		if (strlen(algorithms[i].wire) == n && strncasecmp(algorithms[i].wire, name, n) == 0)
			break;
	}
	return i;
}

/* Base64 of n characters, with or without the colons of a structured field's byte sequence. */
static bool put_digest(size_t rank, const char *text, size_t n, char *ret, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	const char *type = algorithms[rank].type;
	unsigned char *raw;
	size_t len, at;

	if (n >= 2 && text[0] == ':' && text[n - 1] == ':') {
		text++;
		n -= 2;
	}
	raw = str_unbase64(text, n, &len);
	at = strlen(type) + 1;
	if (raw == NULL || len != hash_len(type) || at + 2 * len + 1 > size) {
		free(raw);
		return false;
	}
	snprintf(ret, size, "%s=", type);
	for (size_t i = 0; i < len; i++) {
		ret[at++] = hex[raw[i] >> 4];
		ret[at++] = hex[raw[i] & 15];
	}
	ret[at] = '\0';
	free(raw);
	return true;
}

/* "ALG=VALUE, ALG=VALUE": takes a stronger one than *best, which is an index of `algorithms`. */
static void read_list(const char *s, size_t *best, char *ret, size_t size)
{
	while (*s != '\0') {
		size_t name_len, value_len, rank;
		const char *value;

		s += strspn(s, ", \t");
		name_len = strcspn(s, "=,");
		if (s[name_len] != '=') {
			s += name_len;
			continue;
		}
		value = s + name_len + 1;
		s = value + strcspn(value, ",");
		value_len = strcspn(value, ", \t;");
		rank = rank_of(value - name_len - 1, name_len);
		if (rank < *best && put_digest(rank, value, value_len, ret, size))
			*best = rank;
	}
}

bool http_digest(const struct http_parser *p, bool whole, char *ret, size_t size)
{
	size_t best = N_ALGORITHMS, md5 = rank_of("md5", 3);

	for (unsigned i = 0; i < p->n_fields; i++) {
		const char *value = http_field_value(p, i);

		if (http_field_is(p, i, "Repr-Digest") || http_field_is(p, i, "Digest"))
			read_list(value, &best, ret, size);
		else if (whole && http_field_is(p, i, "Content-Digest"))
			read_list(value, &best, ret, size);
		else if (whole && http_field_is(p, i, "Content-MD5") && md5 < best &&
			 put_digest(md5, value, strlen(value), ret, size))
			best = md5;
	}
	return best < N_ALGORITHMS;
}
