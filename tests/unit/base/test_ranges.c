/* SPDX-License-Identifier: MIT
 * Tests of struct ranges: edges by hand, everything else against one flag a byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/ranges.h"

#define SPACE 400 /* bytes of the naive model */

static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void check_shape(const struct ranges *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		assert_true(r->v[i].start < r->v[i].end);
		assert_true(i == 0 || r->v[i - 1].end < r->v[i].start);
	}
}

static bool model_has(const bool *m, int64_t from, int64_t to)
{
	for (; from < to; from++)
		if (!m[from])
			return false;
	return true;
}

static bool model_gap(const bool *m, int64_t from, int64_t limit, struct range *ret)
{
	while (from < limit && m[from])
		from++;
	ret->start = from;
	while (from < limit && !m[from])
		from++;
	ret->end = from;
	return ret->start < ret->end;
}

static void check_bitfield(const struct ranges *r, const bool *m, int64_t total, int64_t piece)
{
	char *hex = ranges_bitfield(r, total, piece);
	int64_t pieces = (total + piece - 1) / piece, i;

	assert_int_equal(strlen(hex), (pieces + 7) / 8 * 2);
	for (i = 0; i < (pieces + 7) / 8 * 8; i++) {
		unsigned digit = (unsigned)strtoul((char[]){hex[i / 4], '\0'}, NULL, 16);
		int64_t end = (i + 1) * piece < total ? (i + 1) * piece : total;

		assert_int_equal((digit >> (3 - i % 4)) & 1, i < pieces && model_has(m, i * piece, end));
	}
	free(hex);
}

static void compare(struct ranges *r, const bool *m, uint64_t *seed)
{
	int64_t total = 0, i, from = (int64_t)(rnd(seed) % SPACE),
		to = from + (int64_t)(rnd(seed) % (uint64_t)(SPACE - from + 1));
	struct range got, want;
	bool gap;

	check_shape(r);
	for (i = 0; i < SPACE; i++)
		total += m[i];
	assert_int_equal(ranges_total(r), total);
	assert_int_equal(ranges_has(r, from, to), model_has(m, from, to));
	gap = model_gap(m, from, to, &want);
	assert_int_equal(ranges_gap(r, from, to, &got), gap);
	if (gap) {
		assert_int_equal(got.start, want.start);
		assert_int_equal(got.end, want.end);
	}
	for (i = 0; i < SPACE && m[i]; i++)
		;
	assert_int_equal(ranges_prefix(r), i);
}

static void compare_copies(const struct ranges *r, const bool *m, uint64_t *seed)
{
	struct ranges copy;
	char *text = ranges_encode(r);

	ranges_init(&copy);
	ranges_add(&copy, 7, 9);
	assert_int_equal(ranges_decode(&copy, text), 0);
	assert_int_equal(copy.n, r->n);
	assert_true(r->n == 0 || memcmp(copy.v, r->v, r->n * sizeof(*r->v)) == 0);
	ranges_add(&copy, 3, 300);
	ranges_copy(&copy, r);
	assert_int_equal(copy.n, r->n);
	assert_true(r->n == 0 || memcmp(copy.v, r->v, r->n * sizeof(*r->v)) == 0);
	check_bitfield(&copy, m, 1 + (int64_t)(rnd(seed) % SPACE), 1 + (int64_t)(rnd(seed) % 40));
	ranges_free(&copy);
	free(text);
}

static void random_run_against_model(void **state)
{
	uint64_t seed = 0x9d5f3c1u;
	bool m[SPACE] = {false};
	struct ranges r;
	int step;

	(void)state;
	ranges_init(&r);
	for (step = 0; step < 100000; step++) {
		int64_t from = (int64_t)(rnd(&seed) % SPACE);
		int64_t to = from + (int64_t)(rnd(&seed) % 24);
		bool add = rnd(&seed) % 100 < 55;

		to = to > SPACE ? SPACE : to;
		if (add)
			ranges_add(&r, from, to);
		else
			ranges_remove(&r, from, to);
		if (from < to)
			memset(m + from, add, (size_t)(to - from));
		compare(&r, m, &seed);
		if (step % 64 == 0)
			compare_copies(&r, m, &seed);
	}
	ranges_free(&r);
}

static void edges(void **state)
{
	struct range gap;
	struct ranges r;

	(void)state;
	ranges_init(&r);
	assert_int_equal(ranges_total(&r), 0);
	assert_int_equal(ranges_prefix(&r), 0);
	assert_true(ranges_has(&r, 5, 5));
	assert_false(ranges_has(&r, 0, 1));
	assert_false(ranges_gap(&r, 5, 5, &gap));
	assert_true(ranges_gap(&r, 0, INT64_MAX, &gap));
	assert_true(gap.start == 0 && gap.end == INT64_MAX);
	ranges_remove(&r, 0, INT64_MAX);
	ranges_add(&r, 5, 5);
	ranges_add(&r, 6, 5);
	assert_int_equal(r.n, 0);
	ranges_add(&r, INT64_MAX - 1, INT64_MAX);
	assert_true(ranges_has(&r, INT64_MAX - 1, INT64_MAX));
	assert_false(ranges_gap(&r, INT64_MAX - 1, INT64_MAX, &gap));
	ranges_add(&r, 0, INT64_MAX);
	assert_int_equal(r.n, 1);
	assert_true(ranges_total(&r) == INT64_MAX);
	ranges_remove(&r, INT64_MAX - 1, INT64_MAX);
	assert_true(ranges_prefix(&r) == INT64_MAX - 1);
	ranges_remove(&r, 10, 20);
	assert_int_equal(r.n, 2);
	ranges_free(&r);
}

static void bitfields_of_aria2(void **state)
{
	struct ranges r;
	char *hex;

	(void)state;
	ranges_init(&r);
	ranges_add(&r, 0, 1048576);
	hex = ranges_bitfield(&r, 3000000, 1048576);
	assert_string_equal(hex, "80");
	free(hex);
	ranges_add(&r, 0, 3000000);
	hex = ranges_bitfield(&r, 3000000, 1048576);
	assert_string_equal(hex, "e0");
	free(hex);
	/* More there than the file is long, by a length that shrank. */
	hex = ranges_bitfield(&r, 10, 1);
	assert_string_equal(hex, "ffc0");
	free(hex);
	hex = ranges_bitfield(&r, INT64_MAX, 1);
	assert_string_equal(hex, "");
	free(hex);
	hex = ranges_bitfield(&r, INT64_MAX, INT64_MAX);
	assert_string_equal(hex, "00");
	free(hex);
	ranges_free(&r);
}

static void text_form(void **state)
{
	static const char *const bad[] = {"x", "1", "1-", "-1", "5-5", "5-4", "0-1,", ",0-1", "0-1,,2-3", "0-5,4-9",
		"4-9,0-2", "0-1 ", "0-9223372036854775808", "0-18446744073709551616", "0x1-2", "1-2-3"};
	struct ranges r;
	char *text;
	size_t i;

	(void)state;
	ranges_init(&r);
	text = ranges_encode(&r);
	assert_string_equal(text, "");
	free(text);
	assert_int_equal(ranges_decode(&r, "0-1048576,2097152-3000000"), 0);
	assert_int_equal(r.n, 2);
	text = ranges_encode(&r);
	assert_string_equal(text, "0-1048576,2097152-3000000");
	free(text);
	assert_int_equal(ranges_decode(&r, "0-5,5-9"), 0);
	assert_int_equal(r.n, 1);
	assert_int_equal(ranges_decode(&r, "0-9223372036854775807"), 0);
	assert_true(ranges_prefix(&r) == INT64_MAX);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ranges_add(&r, 100, 200);
		assert_int_equal(ranges_decode(&r, bad[i]), ERR_INVAL);
		assert_int_equal(r.n, 0);
	}
	assert_int_equal(ranges_decode(&r, ""), 0);
	assert_int_equal(r.n, 0);
	ranges_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges),
		cmocka_unit_test(bitfields_of_aria2),
		cmocka_unit_test(text_form),
		cmocka_unit_test(random_run_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
