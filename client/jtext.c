/* SPDX-License-Identifier: MIT
 * JSON text.
 */
#include "client/jtext.h"

#include <string.h>

static void put_escaped(struct buf *out, unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *p = strchr(from, c);

	if (p != NULL && c != '\0')
		buf_addf(out, "\\%c", to[p - from]);
	else
		buf_addf(out, "\\u%04X", c);
}

/* Bytes from s on, n at most, that stand for themselves. */
static size_t plain_run(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && (unsigned char)s[i] >= 0x20 && s[i] != '"' && s[i] != '\\')
		i++;
	return i;
}

static void put_string(struct buf *out, const char *s, size_t n)
{
	buf_add(out, "\"", 1);
	while (n > 0) {
		size_t k = plain_run(s, n);

		buf_add(out, s, k);
		if (k < n)
			put_escaped(out, (unsigned char)s[k++]);
		s += k;
		n -= k;
	}
	buf_add(out, "\"", 1);
}

static void put_array(struct buf *out, const json_t *v)
{
	buf_add(out, "[", 1);
	for (size_t i = 0; i < json_array_size(v); i++) {
		if (i > 0)
			buf_add(out, ",", 1);
		jtext_put(out, json_array_get(v, i));
	}
	buf_add(out, "]", 1);
}

static void put_object(struct buf *out, const json_t *v)
{
	const char *name;
	json_t *val;
	bool any = false;

	buf_add(out, "{", 1);
	json_object_foreach((json_t *)(uintptr_t)v, name, val)
	{
		if (any)
			buf_add(out, ",", 1);
		any = true;
		put_string(out, name, strlen(name));
		buf_add(out, ":", 1);
		jtext_put(out, val);
	}
	buf_add(out, "}", 1);
}

void jtext_put(struct buf *out, const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		put_object(out, v);
		break;
	case JSON_ARRAY:
		put_array(out, v);
		break;
	case JSON_STRING:
		put_string(out, json_string_value(v), json_string_length(v));
		break;
	case JSON_INTEGER:
		buf_add_int(out, json_integer_value(v));
		break;
	case JSON_REAL:
		buf_addf(out, "%.17g", json_real_value(v));
		break;
	default:
		buf_adds(out, json_is_true(v) ? "true" : json_is_false(v) ? "false" : "null");
	}
}
