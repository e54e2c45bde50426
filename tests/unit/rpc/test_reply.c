/* SPDX-License-Identifier: MIT
 * Tests of the encoder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/err.h"
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

static void slow_escape(const unsigned char *s, size_t n, struct buf *b)
{
	for (size_t i = 0; i < n; i++) {
		const char *p = memchr("\b\f\n\r\t", s[i], 5);

		if (s[i] == '"' || s[i] == '/' || s[i] == '\\')
			buf_addf(b, "\\%c", s[i]);
		else if (p != NULL)
			buf_addf(b, "\\%c", "bfnrt"[p - strchr("\b\f\n\r\t", '\b')]);
		else if (s[i] < 0x20)
			buf_addf(b, "\\u%04X", s[i]);
		else
			buf_add(b, &s[i], 1);
	}
}

/* Eight bytes are looked at at a time, and 4,096 written: each byte at each place among others, also around those borders. */
static void every_byte_at_every_place(void **state)
{
	static const size_t lengths[] = {1, 7, 8, 9, 16, 23, 4095, 4096, 4097, 4104};
	char text[4200];
	struct buf got, want;
	struct jw w = {.out = &got};

	(void)state;
	buf_init(&got, 1 << 20);
	buf_init(&want, 1 << 20);
	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
		for (int c = 1; c < 0x80; c++) {
			size_t n = lengths[l], from = n > 40 ? n - 20 : 0;

			for (size_t at = from; at < n; at++) {
				memset(text, 'x', n);
				text[n] = '\0';
				text[at] = (char)c;
				buf_reset(&got);
				buf_reset(&want);
				w.comma = false;
				jw_str(&w, text);
				buf_adds(&want, "\"");
				slow_escape((const unsigned char *)text, n, &want);
				buf_adds(&want, "\"");
				assert_string_equal(got.data, want.data);
			}
		}
	}
	buf_free(&got);
	buf_free(&want);
}

/* A character of several bytes is not torn where a piece ends. */
static void long_texts_keep_their_characters(void **state)
{
	char text[4106], want[4110];
	struct buf got;
	struct jw w = {.out = &got};

	(void)state;
	buf_init(&got, 1 << 20);
	for (size_t at = 4090; at < 4098; at++) {
		memset(text, 'x', sizeof(text));
		memcpy(text + at, "\xf0\x9f\x98\x80", 4);
		text[4105] = '\0';
		snprintf(want, sizeof(want), "\"%s\"", text);
		buf_reset(&got);
		w.comma = false;
		jw_str(&w, text);
		assert_string_equal(got.data, want);
	}
	buf_free(&got);
}

static void a_value_is_given_again(void **state)
{
	struct buf b;
	struct jw w = {.out = &b};

	(void)state;
	buf_init(&b, 20);
	jw_open(&w, '[');
	jw_str(&w, "a/b");
	jw_again(&w, 1);
	assert_int_equal(b.len, 14);
	jw_again(&w, 8); /* does not fit */
	jw_close(&w, ']');
	assert_string_equal(b.data, "[\"a\\/b\",\"a\\/b\"");
	assert_int_equal(b.len, 14);
	assert_int_equal(b.err, ERR_LIMIT);
	buf_free(&b);
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
		cmocka_unit_test(every_byte_at_every_place),
		cmocka_unit_test(long_texts_keep_their_characters),
		cmocka_unit_test(a_value_is_given_again),
		cmocka_unit_test(numbers_are_cut),
		cmocka_unit_test(broken_utf8_never_leaves),
		cmocka_unit_test(envelope_and_rewind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
