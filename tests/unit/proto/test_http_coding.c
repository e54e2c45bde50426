/* SPDX-License-Identifier: MIT
 * Content codings: gzip, both kinds of "deflate", in any cut, and what is broken or a bomb.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "proto/http_coding.h"

#define PLAIN 20000

struct bytes {
	char *p;
	size_t n;
};

static void fill(char *p, size_t n)
{
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1103515245 + 12345;
		p[i] = (char)("abcdefgh"[x >> 29]);
	}
}

static struct bytes compress_as(int bits, const char *plain, size_t n)
{
	z_stream z = {0};
	struct bytes b = {xmalloc(n + 1000), 0};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (z_const Bytef *)plain;
	z.avail_in = (uInt)n;
	z.next_out = (Bytef *)b.p;
	z.avail_out = (uInt)(n + 1000);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	b.n = z.total_out;
	deflateEnd(&z);
	return b;
}

/* Decodes with input in pieces of in_step and room of out_step; *ret_n output bytes, returns the first error or that of
 * the end. */
static int decode(
	enum http_coding_kind kind, struct bytes in, size_t in_step, size_t out_step, char *out, size_t *ret_n)
{
	struct http_coding *c = http_coding_new(kind);
	const char *p = in.p, *end = in.p + in.n;
	struct fail f;
	int r = 0;

	*ret_n = 0;
	while (r == 0 && p < end) {
		size_t given = (size_t)(end - p) < in_step ? (size_t)(end - p) : in_step, left = given;

		do {
			size_t n = out_step;

			r = http_coding_run(c, &p, &left, out + *ret_n, &n, &f);
			*ret_n += n;
		} while (r == 0 && (left > 0 || http_coding_pending(c)));
	}
	if (r == 0)
		r = http_coding_end(c, &f);
	http_coding_free(c);
	return r;
}

static void check_round(enum http_coding_kind kind, int bits)
{
	static const size_t steps[] = {1, 2, 3, 7, 1000, 1 << 20};
	char *plain = xmalloc(PLAIN), *out = xmalloc(PLAIN + (1 << 20));
	struct bytes b;
	size_t n;

	fill(plain, PLAIN);
	b = compress_as(bits, plain, PLAIN);
	for (size_t i = 0; i < 6; i++) {
		for (size_t k = 0; k < 6; k++) {
			assert_int_equal(decode(kind, b, steps[i], steps[k], out, &n), 0);
			assert_int_equal(n, PLAIN);
			assert_memory_equal(out, plain, PLAIN);
		}
	}
	free(b.p);
	free(plain);
	free(out);
}

static void test_gzip(void **state)
{
	(void)state;
	check_round(CODING_GZIP, MAX_WBITS + 16);
}

static void test_deflate_zlib(void **state)
{
	(void)state;
	check_round(CODING_DEFLATE, MAX_WBITS);
}

static void test_deflate_raw(void **state)
{
	(void)state;
	check_round(CODING_DEFLATE, -MAX_WBITS);
}

static void test_gzip_members(void **state)
{
	struct bytes a = compress_as(MAX_WBITS + 16, "one ", 4), b = compress_as(MAX_WBITS + 16, "two", 3);
	struct bytes both = {xmalloc(a.n + b.n), a.n + b.n};
	char out[100];
	size_t n;

	(void)state;
	memcpy(both.p, a.p, a.n);
	memcpy(both.p + a.n, b.p, b.n);
	for (size_t step = 1; step < 10; step++) {
		assert_int_equal(decode(CODING_GZIP, both, step, 3, out, &n), 0);
		assert_int_equal(n, 7);
		assert_memory_equal(out, "one two", 7);
	}
	free(a.p);
	free(b.p);
	free(both.p);
}

static void check_broken(enum http_coding_kind kind, int bits)
{
	char plain[1000], out[4000];
	struct bytes b;
	size_t n;

	fill(plain, sizeof(plain));
	b = compress_as(bits, plain, sizeof(plain));
	for (size_t cut = 1; cut < b.n; cut++)
		assert_int_equal(decode(kind, (struct bytes){b.p, cut}, 64, 100, out, &n), ERR_CODING);
	b.p[b.n] = 'x'; /* there is room behind it */
	assert_int_equal(decode(kind, (struct bytes){b.p, b.n + 1}, 1, 100, out, &n), ERR_CODING);
	assert_int_equal(decode(kind, (struct bytes){b.p, b.n + 1}, 4000, 100, out, &n), ERR_CODING);
	free(b.p);
}

static void test_broken(void **state)
{
	char out[100];
	size_t n;

	(void)state;
	check_broken(CODING_GZIP, MAX_WBITS + 16);
	check_broken(CODING_DEFLATE, MAX_WBITS);
	check_broken(CODING_DEFLATE, -MAX_WBITS);
	assert_int_equal(
		decode(CODING_GZIP, (struct bytes){(char[]){"no gzip at all"}, 14}, 14, 100, out, &n), ERR_CODING);
}

static void test_empty(void **state)
{
	char out[10];
	size_t n;

	(void)state;
	assert_int_equal(decode(CODING_GZIP, (struct bytes){out, 0}, 1, 1, out, &n), 0);
	assert_int_equal(decode(CODING_DEFLATE, (struct bytes){out, 0}, 1, 1, out, &n), 0);
}

/* Zeros grow 1030 times: fine while small, refused soon after 64 MiB. */
static void test_bomb(void **state)
{
	size_t len = 80u << 20, out_n = 0;
	char *plain = xcalloc(1, len), *out = xmalloc(1 << 20);
	struct bytes b = compress_as(MAX_WBITS + 16, plain, len);
	struct http_coding *c = http_coding_new(CODING_GZIP);
	const char *p = b.p;
	size_t left = b.n;
	struct fail f;
	int r = 0;

	(void)state;
	while (r == 0 && (left > 0 || http_coding_pending(c))) {
		size_t n = 1 << 20;

		r = http_coding_run(c, &p, &left, out, &n, &f);
		out_n += n;
	}
	assert_int_equal(r, ERR_LIMIT);
	assert_true(out_n >= 64u << 20 && out_n <= 66u << 20);
	http_coding_free(c);
	free(b.p);
	free(plain);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gzip),
		cmocka_unit_test(test_deflate_zlib),
		cmocka_unit_test(test_deflate_raw),
		cmocka_unit_test(test_gzip_members),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_bomb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
