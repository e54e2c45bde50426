/* SPDX-License-Identifier: MIT
 * Small string helpers.
 */
#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/err.h"

/* -1 for anything that is no hex digit. */
static int hex_val(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Writes the printable form of the n bytes of one character, or of one byte that is no character; returns its length.
 */
static size_t safe_token(const char *s, size_t n, bool plain, char out[17])
{
	static const char digits[] = "0123456789ABCDEF";
	size_t i;

	if (plain) {
		memcpy(out, s, n);
		return n;
	}
	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		out[i * 4] = '\\';
		out[i * 4 + 1] = 'x';
		out[i * 4 + 2] = digits[c >> 4];
		out[i * 4 + 3] = digits[c & 15];
	}
	return n * 4;
}

/* A base64 text: only the alphabet, whole groups, at most two '=' and those at the end. *ret_pad gets their number. */
static bool base64_is_valid(const char *s, size_t n, size_t *ret_pad)
{
	size_t i, pad = 0;

	if (n % 4 != 0 || n > INT_MAX)
		return false;
	while (pad < 2 && pad < n && s[n - 1 - pad] == '=')
		pad++;
	for (i = 0; i < n - pad; i++) {
		char c = s[i];
		bool ok = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
			  c == '/';

		if (!ok)
			return false;
	}
	*ret_pad = pad;
	return true;
}

size_t str_utf8_next(const char *s, size_t n, uint32_t *ret)
{
	/* Table 3-7 of the Unicode standard: the second byte's range excludes overlong forms, surrogates and >
	 * U+10FFFF. */
	static const struct {
		unsigned char first, last, lo, hi, len;
	} rows[] = {
		{0x00, 0x7f, 0x00, 0x00, 1},
		{0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	const unsigned char *p = (const unsigned char *)s;
	size_t row, i;
	uint32_t cp;

	if (n == 0)
		return 0;
	for (row = 0; row < sizeof(rows) / sizeof(rows[0]); row++)
		if (p[0] >= rows[row].first && p[0] <= rows[row].last)
			break;
	if (row == sizeof(rows) / sizeof(rows[0]) || rows[row].len > n)
		return 0;
	if (rows[row].len == 1) {
		*ret = p[0];
		return 1;
	}
	if (p[1] < rows[row].lo || p[1] > rows[row].hi)
		return 0;
	cp = p[0] & (0xffu >> (rows[row].len + 1));
	for (i = 1; i < rows[row].len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	*ret = cp;
	return rows[row].len;
}

bool str_is_hidden(uint32_t cp)
{
	static const uint32_t rows[][2] = {
		{0x00, 0x1f},
		{0x7f, 0x9f},
		{0x61c, 0x61c},
		{0x200e, 0x200f},
		{0x2028, 0x202e},
		{0x2066, 0x2069},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (cp >= rows[i][0] && cp <= rows[i][1])
			return true;
	return false;
}

const char *str_safe(const char *s, size_t n, char *buf, size_t size)
{
	char token[17];
	size_t in = 0, out = 0, cut = 0, len, add;
	uint32_t cp;

	if (size == 0)
		return buf;
	while (in < n) {
		len = str_utf8_next(s + in, n - in, &cp);
		add = safe_token(s + in, len > 0 ? len : 1, len > 0 && !str_is_hidden(cp), token);
		if (out + add >= size)
			break;
		memcpy(buf + out, token, add);
		out += add;
		in += len > 0 ? len : 1;
		if (out + 3 < size)
			cut = out;
	}
	if (in < n) {
		out = cut;
		while (out < size - 1 && out < cut + 3)
			buf[out++] = '.';
	}
	buf[out] = '\0';
	return buf;
}

bool str_is_utf8(const char *s, size_t n)
{
	uint32_t cp;
	size_t i, len;

	for (i = 0; i < n; i += len) {
		len = (unsigned char)s[i] < 0x80 ? 1 : str_utf8_next(s + i, n - i, &cp);
		if (len == 0)
			return false;
	}
	return true;
}

bool str_has_ctl(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return true;
	return false;
}

int str_to_u64(const char *s, size_t n, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i;

	if (n == 0)
		return ERR_INVAL;
	for (i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return ERR_INVAL;
		if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
			return ERR_INVAL;
	}
	*ret = v;
	return 0;
}

int str_hex_to_u64(const char *s, size_t n, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i;

	if (n == 0 || n > 16)
		return ERR_INVAL;
	for (i = 0; i < n; i++) {
		int d = hex_val(s[i]);

		if (d < 0)
			return ERR_INVAL;
		v = v << 4 | (uint64_t)d;
	}
	*ret = v;
	return 0;
}

char *str_path(const char *dir, const char *name)
{
	size_t n = strlen(dir), len = strlen(name) + 1;
	char *path = xmalloc(n + 1 + len);

	memcpy(path, dir, n);
	path[n] = '/';
	memcpy(path + n + 1, name, len);
	return path;
}

void str_from_gid(uint64_t gid, char ret[17])
{
	int i;

	for (i = 15; i >= 0; i--) {
		ret[i] = "0123456789abcdef"[gid & 15];
		gid >>= 4;
	}
	ret[16] = '\0';
}

size_t str_pct_decode(const char *s, size_t n, char *out)
{
	size_t i, len = 0;

	for (i = 0; i < n; i++) {
		int hi = -1, lo = -1;

		if (s[i] == '%' && n - i > 2) {
			hi = hex_val(s[i + 1]);
			lo = hex_val(s[i + 2]);
		}
		if (hi >= 0 && lo >= 0) {
			out[len++] = (char)(hi << 4 | lo);
			i += 2;
		} else {
			out[len++] = s[i];
		}
	}
	out[len] = '\0';
	return len;
}

char *str_base64(const void *p, size_t n)
{
	const size_t step = 3u << 20; /* whole groups, well inside EVP_EncodeBlock's int */
	const unsigned char *in = p;
	unsigned char *text;
	size_t pos, out = 0;

	text = xmalloc(n > SIZE_MAX / 2 ? SIZE_MAX : n / 3 * 4 + 5); /* SIZE_MAX: there is never so much */
	text[0] = '\0';
	for (pos = 0; pos < n; pos += step)
		out += (size_t)EVP_EncodeBlock(text + out, in + pos, (int)(n - pos < step ? n - pos : step));
	return (char *)text;
}

void *str_unbase64(const char *s, size_t n, size_t *ret_len)
{
	unsigned char *out;
	size_t pad;
	int len;

	if (!base64_is_valid(s, n, &pad))
		return NULL;
	out = mem_malloc(n / 4 * 3 + 1);
	if (out == NULL)
		return NULL;
	len = EVP_DecodeBlock(out, (const unsigned char *)s, (int)n);
	if (len < (int)pad) {
		free(out);
		return NULL;
	}
	*ret_len = (size_t)len - pad;
	out[*ret_len] = '\0';
	return out;
}

bool str_same(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

bool str_equal_ct(const char *a, size_t alen, const char *b, size_t blen)
{
	return alen == blen && CRYPTO_memcmp(a, b, alen) == 0;
}

const char *str_bytes(uint64_t n, char buf[16])
{
	static const char units[] = "KMGTPE";
	unsigned shift = 10, whole, tenths;

	if (n < 1024) {
		snprintf(buf, 16, "%uB", (unsigned)n);
		return buf;
	}
	while (shift < 60 && n >> shift >= 1024)
		shift += 10;
	/* Cut, not rounded: never shows more than there is. The rest is below 2^60, so ten times as much fits. */
	whole = (unsigned)(n >> shift);
	tenths = (unsigned)((n & (((uint64_t)1 << shift) - 1)) * 10 >> shift);
	if (whole < 10)
		snprintf(buf, 16, "%u.%u%ciB", whole, tenths, units[shift / 10 - 1]);
	else
		snprintf(buf, 16, "%u%ciB", whole, units[shift / 10 - 1]);
	return buf;
}

const char *str_wait(uint64_t ms, char buf[32])
{
	uint64_t sec = ms / 1000 + (ms % 1000 != 0);

	if (sec < 600)
		snprintf(buf, 32, "%llu s", (unsigned long long)sec);
	else
		snprintf(buf, 32, "%llu min", (unsigned long long)((sec + 59) / 60));
	return buf;
}
