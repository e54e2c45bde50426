/* SPDX-License-Identifier: MIT
 * Tests of client/jtext.c: it writes what jansson would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "client/jtext.c"

static unsigned seed = 5;

static unsigned any(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

static json_t *any_string(void)
{
	static const char *const pieces[] = {"a", "http://h/x?a=b", "\"", "\\", "/", "\x01", "\x1f", "\x7f", "\t", "\n", "\r", "\b", "\f",
		"\xc3\xa4", "\xf0\x9f\x98\x80", "\xe2\x80\xa8", ""};
	char text[128] = "";

	for (unsigned n = any(6); n > 0; n--)
		strcat(text, pieces[any(sizeof(pieces) / sizeof(pieces[0]))]);
	return json_stringn(text, strlen(text) + any(2)); /* sometimes with a NUL */
}

static json_t *any_value(unsigned depth)
{
	json_t *v;

	switch (any(depth > 0 ? 7 : 5)) {
	case 0:
		return json_integer((json_int_t)any(1000000) * (any(2) ? 1 : -1000000000000));
	case 1:
		return json_boolean(any(2));
	case 2:
		return json_null();
	case 3:
	case 4:
		return any_string();
	case 5:
		v = json_array();
		for (unsigned n = any(4); n > 0; n--)
			json_array_append_new(v, any_value(depth - 1));
		return v;
	default:
		v = json_object();
		for (unsigned n = any(4); n > 0; n--) {
			json_t *name = any_string();

			json_object_set_new(v, json_string_value(name), any_value(depth - 1));
			json_decref(name);
		}
		return v;
	}
}

static void as_jansson(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		json_t *v = any_value(4);
		char *want = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
		struct buf got;

		buf_init(&got, 1 << 20);
		jtext_put(&got, v);
		assert_string_equal(got.data, want);
		buf_free(&got);
		free(want);
		json_decref(v);
	}
}

static void reals(void **state)
{
	json_t *v = json_pack("[f,f]", 0.1, -2.5e300), *again;
	struct buf got;

	(void)state;
	buf_init(&got, 100);
	jtext_put(&got, v);
	again = json_loadb(got.data, got.len, 0, NULL);
	assert_true(json_equal(v, again));
	json_decref(again);
	json_decref(v);
	buf_free(&got);
}

static void bounded(void **state)
{
	json_t *v = json_pack("[s,s]", "0123456789", "0123456789");
	struct buf got;

	(void)state;
	buf_init(&got, 20);
	jtext_put(&got, v);
	assert_int_equal(got.err, ERR_LIMIT);
	assert_true(got.len <= 20);
	buf_free(&got);
	json_decref(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_jansson),
		cmocka_unit_test(reals),
		cmocka_unit_test(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
