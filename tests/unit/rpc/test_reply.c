/* SPDX-License-Identifier: MIT
 * Tests of the encoder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "rpc/reply.h"

static char *encode(const char *json)
{
	json_t *v = json_loads(json, JSON_DECODE_ANY, NULL);
	struct buf b;
	struct jw w = {.out = &b};

	assert_non_null(v);
	buf_init(&b, 4096);
	jw_json(&w, v);
	json_decref(v);
	return buf_take(&b);
}

static void expect(const char *json, const char *want)
{
	char *got = encode(json);

	assert_string_equal(got, want);
	free(got);
}

static void keys_are_sorted(void **state)
{
	(void)state;
	expect("{\"b\":1,\"a\":{\"z\":[],\"Z\":{}},\"aa\":null}", "{\"a\":{\"Z\":{},\"z\":[]},\"aa\":null,\"b\":1}");
	expect("[1, true, false, \"x\"]", "[1,true,false,\"x\"]");
}

static void strings_are_escaped(void **state)
{
	(void)state;
	expect("\"a/b\\\"\\\\\\u0001\\u001f\\b\\f\\n\\r\\t\\u007f\\u00e9\\ud83d\\ude00\"",
		"\"a\\/b\\\"\\\\\\u0001\\u001F\\b\\f\\n\\r\\t\x7f\xc3\xa9\xf0\x9f\x98\x80\"");
}

static void numbers_are_cut(void **state)
{
	(void)state;
	expect("7.9", "7");
	expect("-7.9", "-7");
	expect("-0.5", "0");
	expect("1e2", "100");
	expect("9223372036854775807", "9223372036854775807");
}

static void broken_utf8_never_leaves(void **state)
{
	struct buf b;
	struct jw w = {.out = &b};

	(void)state;
	buf_init(&b, 100);
	jw_str(&w, "a\xff\xc3(\xed\xa0\x80");
	assert_string_equal(b.data, "\"a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	buf_free(&b);
}

static void envelope_and_rewind(void **state)
{
	struct buf b;
	struct jw w = {.out = &b};
	size_t mark;

	(void)state;
	buf_init(&b, 1000);
	jw_open(&w, '[');
	jw_int(&w, 1);
	mark = b.len;
	jw_open(&w, '{');
	jw_key(&w, "x");
	jw_rewind(&w, mark, true);
	jw_error(&w, NULL, -32600, "Invalid Request.");
	jw_close(&w, ']');
	assert_string_equal(b.data,
		"[1,{\"id\":null,\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"Invalid Request.\"}}]");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_sorted),
		cmocka_unit_test(strings_are_escaped),
		cmocka_unit_test(numbers_are_cut),
		cmocka_unit_test(broken_utf8_never_leaves),
		cmocka_unit_test(envelope_and_rewind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
