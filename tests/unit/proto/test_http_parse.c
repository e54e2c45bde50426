/* SPDX-License-Identifier: MIT
 * Heads and chunked bodies as they come from hostile servers, whole and in single bytes: the verdict must not depend on
 * the cuts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "proto/http_parse.h"

#define S(text) text, sizeof(text) - 1

/* Feeds a head in steps; returns the verdict and how many bytes the head took. Each piece is a copy of exact size. */
static int feed_head(struct http_parser *p, const char *data, size_t n, size_t step, size_t *ret_used)
{
	struct fail f = {0};
	size_t used;
	int r = 0;

	*ret_used = 0;
	for (size_t at = 0; r == 0 && at < n; at += step) {
		size_t k = n - at < step ? n - at : step;
		char *piece = xmalloc(k);

		memcpy(piece, data + at, k);
		used = 0;
		r = http_parse_head(p, piece, k, &used, &f);
		free(piece);
		*ret_used += used;
		assert_int_equal(r < 0 ? r : 0, f.code);
	}
	return r;
}

static int verdict(const char *data, size_t n)
{
	static const size_t steps[] = {1, 2, 7, 100000};
	int first = 0;

	for (size_t i = 0; i < 4; i++) {
		struct http_parser p;
		size_t used;
		int r;

		http_parser_init(&p);
		r = feed_head(&p, data, n, steps[i], &used);
		http_parser_free(&p);
		if (i == 0)
			first = r;
		assert_int_equal(r, first);
	}
	return first;
}

static void test_fields(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nA: one  \r\nB:\r\nb2:\t two\r\n  folded \r\nC: "
				   "\x1b[2J\x07\x7f\r\nA: again\r\nD: \xff\xfe\r\n\r\nbody";

	(void)state;
	for (size_t step = 1; step < sizeof(head); step++) {
		struct http_parser p;
		size_t used;

		http_parser_init(&p);
		assert_int_equal(feed_head(&p, head, sizeof(head) - 1, step, &used), 1);
		assert_int_equal(used, sizeof(head) - 1 - 4);
		assert_int_equal(p.status, 200);
		assert_int_equal(p.minor, 1);
		assert_int_equal(p.n_fields, 6);
		assert_string_equal(http_field(&p, "a"), "one");
		assert_string_equal(http_field(&p, "b"), "");
		assert_string_equal(http_field(&p, "B2"), "two  folded");
		assert_string_equal(http_field(&p, "c"), "?[2J??");
		assert_true(http_field_is(&p, 4, "A") && http_field_is(&p, 4, "a"));
		assert_false(http_field_is(&p, 4, "") || http_field_is(&p, 4, "AB") || http_field_is(&p, 4, "B"));
		assert_string_equal(http_field_value(&p, 4), "again");
		assert_string_equal(http_field(&p, "d"), "\xff\xfe");
		assert_null(http_field(&p, "e"));
		http_parser_free(&p);
	}
}

static void test_accepted(void **state)
{
	(void)state;
	assert_int_equal(verdict(S("HTTP/1.0 404\r\n\r\n")), 1);
	assert_int_equal(verdict(S("HTTP/1.1 206 Partial Content\r\nContent-Length: 9223372036854775807\r\n\r\n")), 1);
	assert_int_equal(verdict(S("HTTP/1.1 599 x\x1by\r\n\r\n")), 1);
	assert_int_equal(verdict(S("HTTP/1.1 200 OK\r\nA: b")), 0);
	assert_int_equal(verdict(S("HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 "
				   "OK\r\n\r\n")),
		1);
}

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(verdict(S("<html>")), ERR_PROTO);
	assert_int_equal(verdict(S("\x80\x81\x00\x01")), ERR_PROTO);
	assert_int_equal(verdict(S("ICY 200 OK\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/2.0 200 OK\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.2 200 OK\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 999 X\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 600 X\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 099 X\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 20 X\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 2000 X\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 -20 X\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 200 OK\r\nX-Odd: a\0b\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 200 OK\r\nX-Odd: a\rX-Evil: 1\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 200 OK\r\nno colon here\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 200 OK\r\n: x\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 200 OK\r\nA\x01: x\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 200 OK\r\n A: x\r\n\r\n")), ERR_PROTO);
	assert_int_equal(
		verdict(S("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 200 OK\r\nContent-Length: 5 7\r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n")), ERR_PROTO);
	assert_int_equal(verdict(S("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551621\r\n\r\n")), ERR_PROTO);
}

static int flood(const char *front, const char *unit, size_t units, const char *back)
{
	size_t n = strlen(unit), len = strlen(front);
	char *s = xmalloc(len + n * units + strlen(back) + 1);
	int r;

	strcpy(s, front);
	for (size_t i = 0; i < units; i++, len += n)
		memcpy(s + len, unit, n);
	strcpy(s + len, back);
	r = verdict(s, len + strlen(back));
	free(s);
	return r;
}

static void test_floods(void **state)
{
	(void)state;
	assert_int_equal(flood("HTTP/1.1 200 OK\r\nA: ", "a", 60000, "\r\n\r\n"), 1);
	assert_int_equal(flood("HTTP/1.1 200 OK\r\nA: ", "a", 70000, ""), ERR_LIMIT);
	assert_int_equal(flood("HTTP/1.1 200 OK\r\n", "a", 70000, ""), ERR_LIMIT);
	assert_int_equal(flood("HTTP/1.1 200 ", "a", 70000, ""), ERR_LIMIT);
	assert_int_equal(flood("", "\r\n", 40000, ""), ERR_LIMIT);
	assert_int_equal(flood("HTTP/1.1 200 OK\r\n", "A: b\r\n", 256, "\r\n"), 1);
	assert_int_equal(flood("HTTP/1.1 200 OK\r\n", "A: b\r\n", 257, ""), ERR_LIMIT);
	assert_int_equal(flood("", "HTTP/1.1 103 Early Hints\r\n\r\n", 32, "HTTP/1.1 200 OK\r\n\r\n"), 1);
	assert_int_equal(flood("", "HTTP/1.1 103 Early Hints\r\n\r\n", 33, ""), ERR_PROTO);
}

/* A chunked body in steps; body bytes to out. */
static int dechunk(const char *data, size_t n, size_t step, char *out, size_t *ret_n, size_t *ret_used)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	struct http_parser p;
	struct fail f;
	size_t used;
	int r = 0;

	*ret_n = *ret_used = 0;
	http_parser_init(&p);
	assert_int_equal(http_parse_head(&p, head, sizeof(head) - 1, &used, &f), 1);
	for (size_t at = 0; r == 0 && at < n; at += step) {
		size_t k = n - at < step ? n - at : step, body = 0;
		char *piece = xmalloc(k);

		memcpy(piece, data + at, k);
		r = http_parse_chunked(&p, piece, k, &body, &used, &f);
		memcpy(out + *ret_n, piece, body);
		*ret_n += body;
		*ret_used += used;
		free(piece);
	}
	http_parser_free(&p);
	return r;
}

static void test_chunked(void **state)
{
	static const char data[] = "5;ext=\"v\"\r\nhello\r\n1\r\n \r\n00000006;a\r\nworld!\r\n0\r\nT: x\r\n\r\nJUNK";
	char out[100];
	size_t n, used;

	(void)state;
	for (size_t step = 1; step < sizeof(data); step++) {
		int r = dechunk(data, sizeof(data) - 1, step, out, &n, &used);

		assert_int_equal(r, 1);
		assert_int_equal(n, 12);
		assert_memory_equal(out, "hello world!", 12);
		assert_int_equal(used, sizeof(data) - 1 - 4);
	}
}

static int chunk_verdict(const char *data, size_t n)
{
	char *out = xmalloc(n), *whole = xmalloc(n);
	size_t got, got_whole, used;
	int r = dechunk(data, n, 1, out, &got, &used);

	assert_int_equal(dechunk(data, n, n, whole, &got_whole, &used), r);
	assert_int_equal(got, got_whole); /* what is wrong takes nothing from the bytes before it */
	assert_memory_equal(out, whole, got);
	free(out);
	free(whole);
	return r;
}

static void test_chunked_refused(void **state)
{
	(void)state;
	assert_int_equal(chunk_verdict(S("FFFFFFFFFFFFFFFF\r\na")), ERR_PROTO);
	assert_int_equal(chunk_verdict(S("8000000000000000\r\na")), ERR_PROTO);
	assert_int_equal(chunk_verdict(S("10000000000000005\r\na")), ERR_PROTO);
	assert_int_equal(chunk_verdict(S("-1\r\na")), ERR_PROTO);
	assert_int_equal(chunk_verdict(S("+1\r\na")), ERR_PROTO);
	assert_int_equal(chunk_verdict(S("zz\r\na")), ERR_PROTO);
	assert_int_equal(chunk_verdict(S("\r\na")), ERR_PROTO);
	assert_int_equal(chunk_verdict(S("3\r\nabc3\r\nabc\r\n0\r\n\r\n")), ERR_PROTO);
	assert_int_equal(chunk_verdict(S("3\r\nabcd\r\n0\r\n\r\n")), ERR_PROTO);
	assert_int_equal(chunk_verdict(S("3\r\nab")), 0);
}

static int chunk_flood(const char *front, const char *unit, size_t units)
{
	size_t n = strlen(unit), len = strlen(front);
	char *s = xmalloc(len + n * units), *out = xmalloc(len + n * units);
	size_t got, used;
	int r;

	memcpy(s, front, len);
	for (size_t i = 0; i < units; i++, len += n)
		memcpy(s + len, unit, n);
	r = dechunk(s, len, 4096, out, &got, &used);
	free(s);
	free(out);
	return r;
}

static void test_chunked_floods(void **state)
{
	(void)state;
	assert_int_equal(chunk_flood("", "1\r\na\r\n", 200000), 0);
	assert_int_equal(chunk_flood("1;x=", "a", 80000), ERR_LIMIT);
	assert_int_equal(chunk_flood("1\r\na\r\n0\r\n", "X-T: aaaaaaaaaa\r\n", 6000), ERR_LIMIT);
	assert_int_equal(chunk_flood("", "0", 80000), ERR_LIMIT);
	assert_int_equal(
		chunk_flood("", "1;x=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\na\r\n", 5000), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_floods),
		cmocka_unit_test(test_chunked),
		cmocka_unit_test(test_chunked_refused),
		cmocka_unit_test(test_chunked_floods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
