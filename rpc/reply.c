/* SPDX-License-Identifier: MIT
 * JSON text in aria2's form.
 */
#include "rpc/reply.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static void sep(struct jw *w)
{
	if (w->comma)
		buf_add(w->out, ",", 1);
	w->comma = true;
}

/* Length of the well-formed UTF-8 sequence at s (n bytes left), 0 when there is none. */
static size_t utf8_seq(const unsigned char *s, size_t n)
{
	size_t len = *s < 0x80 ? 1 : *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : 2;

	return len <= n && str_is_utf8((const char *)s, len) ? len : 0;
}

static void escape(struct buf *b, unsigned char c)
{
	static const char from[] = "\"\\/\b\f\n\r\t", to[] = "\"\\/bfnrt";
	const char *p = memchr(from, c, sizeof(from) - 1);

	if (p != NULL) {
		char pair[2] = {'\\', to[p - from]};
		buf_add(b, pair, sizeof(pair));
	} else {
		buf_addf(b, "\\u%04X", c);
	}
}

/* What can stand in a JSON string as it is. */
static const bool plain[256] = {
	[0x20 ... '"' - 1] = true,
	['"' + 1 ... '/' - 1] = true,
	['/' + 1 ... '\\' - 1] = true,
	['\\' + 1 ... 0x7f] = true,
};

static void put_text(struct buf *b, const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t i = 0;

	buf_add(b, "\"", 1);
	while (i < n) {
		size_t run = 0;

		while (i + run < n && plain[s[i + run]])
			run++;
		if (run > 0) {
			buf_add(b, s + i, run);
			i += run;
		} else if (s[i] < 0x80) {
			escape(b, s[i++]);
		} else {
			size_t len = utf8_seq(s + i, n - i);

			buf_add(b, len > 0 ? (const char *)(s + i) : "\xef\xbf\xbd", len > 0 ? len : 3);
			i += len > 0 ? len : 1;
		}
	}
	buf_add(b, "\"", 1);
}

void jw_open(struct jw *w, char bracket)
{
	sep(w);
	buf_add(w->out, &bracket, 1);
	w->comma = false;
}

void jw_close(struct jw *w, char bracket)
{
	buf_add(w->out, &bracket, 1);
	w->comma = true;
}

void jw_key(struct jw *w, const char *name)
{
	sep(w);
	put_text(w->out, name, strlen(name));
	buf_add(w->out, ":", 1);
	w->comma = false;
}

void jw_str(struct jw *w, const char *s)
{
	sep(w);
	put_text(w->out, s == NULL ? "" : s, s == NULL ? 0 : strlen(s));
}

void jw_bool(struct jw *w, bool v)
{
	jw_str(w, v ? "true" : "false");
}

void jw_intstr(struct jw *w, int64_t v)
{
	sep(w);
	buf_add(w->out, "\"", 1);
	buf_add_int(w->out, v);
	buf_add(w->out, "\"", 1);
}

void jw_int(struct jw *w, int64_t v)
{
	sep(w);
	buf_add_int(w->out, v);
}

void jw_gid(struct jw *w, uint64_t gid)
{
	char text[17];

	str_from_gid(gid, text);
	jw_str(w, text);
}

void jw_pair(struct jw *w, const char *name, const char *s)
{
	jw_key(w, name);
	jw_str(w, s);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_object(struct jw *w, const json_t *v)
{
	size_t n = json_object_size(v), i = 0;
	const char **names = xmalloc((n + 1) * sizeof(*names));
	const char *key;
	json_t *val;

	json_object_foreach((json_t *)(uintptr_t)v, key, val)
		names[i++] = key;
	qsort(names, n, sizeof(*names), by_name);
	jw_open(w, '{');
	for (i = 0; i < n; i++) {
		jw_key(w, names[i]);
		jw_json(w, json_object_get(v, names[i]));
	}
	jw_close(w, '}');
	free(names);
}

static void put_word(struct jw *w, const char *word)
{
	sep(w);
	buf_adds(w->out, word);
}

static void put_real(struct jw *w, double d)
{
	sep(w);
	buf_addf(w->out, "%.0f", d > -1 && d < 1 ? 0.0 : __builtin_trunc(d));
}

void jw_json(struct jw *w, const json_t *v)
{
	size_t i;

	switch (v == NULL ? JSON_NULL : json_typeof(v)) {
	case JSON_OBJECT:
		put_object(w, v);
		break;
	case JSON_ARRAY:
		jw_open(w, '[');
		for (i = 0; i < json_array_size(v); i++)
			jw_json(w, json_array_get(v, i));
		jw_close(w, ']');
		break;
	case JSON_STRING:
		sep(w);
		put_text(w->out, json_string_value(v), json_string_length(v));
		break;
	case JSON_INTEGER:
		jw_int(w, json_integer_value(v));
		break;
	case JSON_REAL:
		put_real(w, json_real_value(v));
		break;
	case JSON_TRUE:
		put_word(w, "true");
		break;
	case JSON_FALSE:
		put_word(w, "false");
		break;
	default:
		put_word(w, "null");
	}
}

void jw_rewind(struct jw *w, size_t mark, bool comma)
{
	if (w->out->len > mark) {
		w->out->len = mark;
		w->out->data[mark] = '\0';
	}
	w->comma = comma;
}

void jw_head(struct jw *w, const json_t *id)
{
	jw_open(w, '{');
	jw_key(w, "id");
	jw_json(w, id);
	jw_pair(w, "jsonrpc", "2.0");
}

void jw_error_object(struct jw *w, int code, const char *message)
{
	jw_open(w, '{');
	jw_key(w, "code");
	jw_int(w, code);
	jw_pair(w, "message", message);
	jw_close(w, '}');
}

void jw_error(struct jw *w, const json_t *id, int code, const char *message)
{
	jw_head(w, id);
	jw_key(w, "error");
	jw_error_object(w, code, message);
	jw_close(w, '}');
}
