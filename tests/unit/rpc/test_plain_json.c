/* SPDX-License-Identifier: MIT
 * Tests of plain JSON: it takes what clients send, and never says anything else than the parser that takes all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/lenient.h"
#include "rpc/plain_json.h"

static json_t *other(const char *text, size_t n)
{
	struct buf strict;
	json_t *v = NULL;

	if (lenient_json(text, n, &strict))
		v = json_loadb(strict.data, strict.len, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, NULL);
	buf_free(&strict);
	return v;
}

/* Read one by one, the elements are those of the whole; NULL: it is no plain array. */
static json_t *by_elements(const char *text, size_t n)
{
	struct plain_array a;
	json_t *list;

	if (!plain_array_begin(text, n, &a))
		return NULL;
	list = json_array();
	for (size_t left = a.left; left > 0; left--) {
		assert_int_equal(a.left, left);
		assert_int_equal(json_array_append_new(list, plain_array_next(&a)), 0);
	}
	assert_int_equal(a.left, 0);
	return list;
}

/* True: it was taken. */
static bool compare(const char *text, size_t n)
{
	char *copy = malloc(n + 1); /* so that a byte too far is noticed */
	json_t *plain, *full, *list;
	bool taken;

	memcpy(copy, text, n);
	plain = plain_json(n ? copy : "", n);
	taken = plain != NULL;
	full = other(text, n);
	if (taken && !json_equal(plain, full))
		fail_msg("differs: %.*s", (int)n, text);
	list = by_elements(n ? copy : "", n);
	if (json_is_array(plain) ? !json_equal(list, plain) : list != NULL)
		fail_msg("differs by its elements: %.*s", (int)n, text);
	json_decref(list);
	json_decref(plain);
	json_decref(full);
	free(copy);
	return taken;
}

static void test_takes_what_clients_send(void **state)
{
	static const char *const good[] = {
		"{\"jsonrpc\":\"2.0\",\"id\":30066,\"method\":\"aria2.addUri\",\"params\":[[\"http://h/a?b=c\"],{\"dir\":\"/tmp\"}]}",
		"[{\"id\":\"\",\"method\":\"m\"} , { \"id\" : null , \"params\" : [ true , false , [ ] , { } ] }]\r\n",
		"{\"a\":-12,\"b\":0,\"a\":999999999999999999}", "\"text\"", "true", " null "};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!compare(good[i], strlen(good[i])))
			fail_msg("not taken: %s", good[i]);
	}
}

static void test_leaves_what_wants_care(void **state)
{
	static const char *const left[] = {"", " ", "\"a\\nb\"", "\"\xc3\xa4\"", "\"a\tb\"", "1.5", "1e3", "-0", "012", "-",
		"1234567890123456789", "9999999999999999999", "-9999999999999999999", "[1,]", "{\"a\":1,}", "[1", "[1]]", "[1] x", "{a:1}", "{\"a\" 1}", "{\"a\":}", "truex", "nul",
		"\"", "\"\\", "[", "{", "{\"", "[1 2]", "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]"};

	(void)state;
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		if (compare(left[i], strlen(left[i])))
			fail_msg("taken: %s", left[i]);
	}
	assert_false(compare("\"a\0b\"", 5));
	assert_false(compare("1\0", 2));
}

/* Texts put together of pieces, then changed here and there. */
static void test_never_differs(void **state)
{
	static const char *const pieces[] = {"{", "}", "[", "]", ",", ":", "\"a\"", "\"bc\"", "1", "-7", "0", "null", "true", "false", " ",
		"\"x\":", "[]", "{\"y\":[1,\"z\"]}", "\\", "\"", ".", "e", "\x80", "\n", "{\"a\":1,\"a\":", "[1,"};
	uint32_t seed = 7;
	unsigned taken = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		char text[128];
		size_t n = 0;

		for (unsigned k = 1 + (seed >> 20) % 8; k > 0; k--) {
			seed = seed * 1103515245u + 12345u;
			const char *piece = pieces[(seed >> 16) % (sizeof(pieces) / sizeof(pieces[0]))];

			memcpy(text + n, piece, strlen(piece));
			n += strlen(piece);
		}
		taken += compare(text, n);
	}
	assert_true(taken > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_takes_what_clients_send),
		cmocka_unit_test(test_leaves_what_wants_care),
		cmocka_unit_test(test_never_differs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
