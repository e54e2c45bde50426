/* SPDX-License-Identifier: MIT
 * JSON text in aria2's form.
 */
#include "rpc/reply.h"

#include <endian.h>
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

#define ESCAPED_MAX 6
#define PIECE	    4096 /* bytes of a text for which room is made at once: six times as much */

/* Writes what stands for the byte c below 0x80 that can't stand as it is; at most ESCAPED_MAX bytes. Returns their end. */
static char *put_escaped(char *to, unsigned char c)
{
	static const char from[] = "\"\\/\b\f\n\r\t", pair[] = "\"\\/bfnrt", hex[] = "0123456789ABCDEF";
	const char *p = memchr(from, c, sizeof(from) - 1);

	*to++ = '\\';
	if (p != NULL) {
		*to++ = pair[p - from];
		return to;
	}
	memcpy(to, "u00", 3);
	to[3] = hex[c >> 4];
	to[4] = hex[c & 15];
	return to + 5;
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The high bit of the first byte of w that is less than `limit` (at most 0x80); what is set behind it says nothing. */
#define LESS(w, limit) (((w) - EACH(limit)) & ~(w) & EACH(0x80))

/* How many of the eight bytes, from the first on, can stand in a JSON string as they are. */
static size_t plain_of_eight(const char *s)
{
	uint64_t w, odd;

	memcpy(&w, s, sizeof(w));
	w = le64toh(w);
	odd = (w & EACH(0x80)) | LESS(w, 0x20);
	odd |= LESS(w ^ EACH('"'), 1) | LESS(w ^ EACH('/'), 1) | LESS(w ^ EACH('\\'), 1);
	return odd == 0 ? sizeof(w) : (size_t)__builtin_ctzll(odd) / 8;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '/' && c != '\\';
}

/* The text in s, of which up to `end` are taken at the least; a character may reach beyond. Returns the end of what was written;
 * *ps: of what was taken. */
static char *put_piece(char *to, const char **ps, const char *end, const char *text_end)
{
	const char *s = *ps;

	while (s < end) {
		size_t n;

		while (text_end - s >= 8) {
			memcpy(to, s, 8);
			n = plain_of_eight(s);
			to += n;
			s += n;
			if (n < 8 || s >= end)
				break;
		}
		while (s < end && is_plain((unsigned char)*s))
			*to++ = *s++;
		if (s >= end)
			break;
		if (*s == '/') { /* by far the most of them */
			memcpy(to, "\\/", 2);
			to += 2;
			s++;
			continue;
		}
		if ((unsigned char)*s < 0x80) {
			to = put_escaped(to, (unsigned char)*s++);
			continue;
		}
		n = utf8_seq((const unsigned char *)s, (size_t)(text_end - s));
		memcpy(to, n > 0 ? s : "\xef\xbf\xbd", n > 0 ? n : 3);
		to += n > 0 ? n : 3;
		s += n > 0 ? n : 1;
	}
	*ps = s;
	return to;
}

static void put_text(struct buf *b, const char *text, size_t n)
{
	const char *s = text, *text_end = text + n;

	buf_add(b, "\"", 1);
	while (s < text_end) {
		const char *end = text_end - s > PIECE ? s + PIECE : text_end;
		char *room = buf_room(b, (size_t)(end - s) * ESCAPED_MAX + 8);

		if (room == NULL)
			return;
		buf_grew(b, put_piece(room, &s, end, text_end));
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
	size_t n = strlen(name);
	char *p = buf_room(w->out, n + 4);

	if (p == NULL)
		return;
	if (w->comma)
		*p++ = ',';
	*p++ = '"';
	memcpy(p, name, n);
	memcpy(p + n, "\":", 2);
	buf_grew(w->out, p + n + 2);
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
		sep(w);
		put_text(w->out, names[i], strlen(names[i]));
		buf_add(w->out, ":", 1);
		w->comma = false;
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

void jw_again(struct jw *w, size_t mark)
{
	size_t n = w->out->len > mark ? w->out->len - mark : 0; /* less: the buffer is full */
	char *p = buf_room(w->out, n + 1);

	if (p == NULL)
		return;
	*p = ',';
	memcpy(p + 1, w->out->data + mark, n);
	buf_grew(w->out, p + n + 1);
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
