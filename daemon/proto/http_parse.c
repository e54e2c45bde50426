/* SPDX-License-Identifier: MIT
 * Answer heads and chunked bodies through llhttp, strict (no lenient flag is set).
 */
#include "proto/http_parse.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Lawful chunked framing takes at most 6 bytes for a body byte; more than this in the long run is a flood. */
#define FRAMING_PER_BYTE 16
#define HEAD_USUAL 500 /* bytes that most heads have less than */

static void stop_with(struct http_parser *p, int code, const char *text)
{
	if (p->fail.code == 0)
		fail_set(&p->fail, code, "%s", text);
}

static int add_text(struct http_parser *p, const char *s, size_t n)
{
	if (buf_add(&p->text, s, n) == 0)
		return 0;
	stop_with(p, ERR_LIMIT, "The head of the server's answer is too large");
	return -1;
}

/* The value that was being read is whole: its trailing blanks go. */
static int end_value(struct http_parser *p)
{
	const struct http_field *last = &p->fields[p->n_fields - 1];

	while (p->text.len > last->value && strchr(" \t", p->text.data[p->text.len - 1]) != NULL)
		p->text.len--;
	p->in_value = false;
	return add_text(p, "", 1);
}

static int on_field(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parser *p = ll->data;

	if (p->head_done) /* trailers are passed over */
		return 0;
	if (p->in_value && end_value(p) < 0)
		return -1;
	if (p->n_fields == 0 || p->fields[p->n_fields - 1].value != 0) {
		if (p->n_fields == HTTP_FIELDS_MAX) {
			stop_with(p, ERR_LIMIT, "The server's answer has too many header lines");
			return -1;
		}
		p->fields[p->n_fields++] = (struct http_field){.name = (uint32_t)p->text.len};
	}
	return add_text(p, at, n);
}

static int on_field_end(llhttp_t *ll)
{
	struct http_parser *p = ll->data;

	if (p->head_done)
		return 0;
	if (p->n_fields == 0 || p->fields[p->n_fields - 1].value != 0 ||
		p->fields[p->n_fields - 1].name == p->text.len) {
		stop_with(p, ERR_PROTO, "The server's answer has a header line without a name");
		return -1;
	}
	if (add_text(p, "", 1) < 0)
		return -1;
	p->fields[p->n_fields - 1].value = (uint32_t)p->text.len;
	p->in_value = true;
	return 0;
}

static int on_value(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parser *p = ll->data;

	if (p->head_done)
		return 0;
	if (!p->in_value || memchr(at, '\0', n) != NULL || memchr(at, '\r', n) != NULL || memchr(at, '\n', n) != NULL) {
		stop_with(p, ERR_PROTO, "The server's answer has a broken header line");
		return -1;
	}
	return add_text(p, at, n);
}

static int on_pause(llhttp_t *ll)
{
	(void)ll;
	return HPE_PAUSED;
}

static int on_chunk_header(llhttp_t *ll)
{
	struct http_parser *p = ll->data;

	if (ll->content_length <= INT64_MAX)
		return 0;
	stop_with(p, ERR_PROTO, "The server sent a chunk of an impossible size");
	return -1;
}

/* Body bytes move to the front of the input. They only ever move towards bytes that llhttp is done with. */
static int on_body(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parser *p = ll->data;

	memmove(p->out, at, n);
	p->out += n;
	p->gap = 0;
	p->mark = at + n;
	return 0;
}

static const llhttp_settings_t settings = {
	.on_header_field = on_field,
	.on_header_field_complete = on_field_end,
	.on_header_value = on_value,
	.on_headers_complete = on_pause,
	.on_message_complete = on_pause,
	.on_chunk_header = on_chunk_header,
	.on_body = on_body,
};

static void begin_head(struct http_parser *p)
{
	llhttp_init(&p->ll, HTTP_RESPONSE, &settings);
	p->ll.data = p;
	buf_reset(&p->text);
	buf_room(&p->text, HEAD_USUAL);
	buf_add(&p->text, "", 1); /* so that no offset is 0 */
	p->n_fields = 0;
	p->in_value = false;
}

/* llhttp's reasons are fixed texts, safe to show. */
static int parse_failed(const struct http_parser *p, struct fail *f)
{
	const char *why = llhttp_get_error_reason(&p->ll);

	if (p->fail.code != 0)
		return fail_set(f, p->fail.code, "%s", p->fail.text);
	return fail_set(f, ERR_PROTO, "The server's answer is not valid HTTP: %s",
		why != NULL && *why != '\0' ? why : "unknown error");
}

/* A head is at its end. 1: it is the final one; 0: an interim one, the next begins. */
static int end_head(struct http_parser *p, struct fail *f)
{
	if (p->in_value && end_value(p) < 0)
		return parse_failed(p, f);
	p->status = p->ll.status_code;
	p->minor = p->ll.http_minor;
	if (p->ll.http_major != 1 || p->status < 100 || p->status > 599)
		return fail_set(f, ERR_PROTO, "The server's answer has an odd status line (HTTP/%d, status %d)",
			p->ll.http_major, p->status);
	if (p->status == 101)
		return fail_set(f, ERR_PROTO, "The server switched protocols without being asked");
	if (p->status >= 200) {
		p->head_done = true;
		return 1;
	}
	if (++p->n_interim > HTTP_INTERIM_MAX)
		return fail_set(f, ERR_PROTO, "The server sends interim answers without end");
	begin_head(p);
	return 0;
}

static bool is_odd_ctl(unsigned char c)
{
	return (c < 0x20 && c != '\t' && c != '\r' && c != '\n' && c != '\0') || c == 0x7f;
}

/* llhttp refuses every control character. RFC 9110 5.5 allows to be kinder to those that can't change the framing: they
 * are replaced, one at a time. Returns how many bytes *s has then. */
static size_t safe_run(const char **s, size_t n)
{
	size_t k = 0;

	while (k < n && !is_odd_ctl((unsigned char)(*s)[k]))
		k++;
	if (k > 0)
		return k;
	*s = "?";
	return 1;
}

void http_parser_init(struct http_parser *p)
{
	memset(p, 0, sizeof(*p));
	buf_init(&p->text, HTTP_HEAD_MAX + 1);
	begin_head(p);
}

void http_parser_free(struct http_parser *p)
{
	buf_free(&p->text);
}

int http_parse_head(struct http_parser *p, const char *data, size_t n, size_t *ret_used, struct fail *f)
{
	size_t used = 0;
	int r = 0;

	while (used < n && r == 0) {
		const char *s = data + used;
		size_t run = safe_run(&s, n - used);
		llhttp_errno_t e = llhttp_execute(&p->ll, s, run);
		size_t step = e == HPE_OK ? run : (size_t)(llhttp_get_error_pos(&p->ll) - s);

		if (e != HPE_OK && e != HPE_PAUSED)
			return parse_failed(p, f);
		used += step;
		p->head_bytes += step;
		if (p->head_bytes > HTTP_HEAD_MAX)
			return fail_set(f, ERR_LIMIT, "The head of the server's answer is larger than %d KiB",
				HTTP_HEAD_MAX / 1024);
		if (e == HPE_PAUSED)
			r = end_head(p, f);
	}
	*ret_used = used;
	return r;
}

int http_parse_chunked(struct http_parser *p, char *data, size_t n, size_t *ret_body, size_t *ret_used, struct fail *f)
{
	llhttp_errno_t e;

	if (llhttp_get_errno(&p->ll) == HPE_PAUSED) /* at the end of the head */
		llhttp_resume(&p->ll);
	p->out = data;
	p->mark = data;
	e = llhttp_execute(&p->ll, data, n);
	*ret_body = (size_t)(p->out - data);
	*ret_used = e == HPE_OK ? n : (size_t)(llhttp_get_error_pos(&p->ll) - data);
	if (e != HPE_OK && e != HPE_PAUSED)
		return parse_failed(p, f);
	p->gap += (uint64_t)(data + *ret_used - p->mark);
	p->body += *ret_body;
	p->framing += *ret_used - *ret_body;
	if (p->gap > HTTP_HEAD_MAX || p->framing / FRAMING_PER_BYTE > HTTP_HEAD_MAX / FRAMING_PER_BYTE + p->body)
		return fail_set(f, ERR_LIMIT, "The server's chunk extensions or trailers are larger than %d KiB",
			HTTP_HEAD_MAX / 1024);
	return e == HPE_PAUSED;
}

const char *http_field_value(const struct http_parser *p, unsigned i)
{
	return p->text.data + p->fields[i].value;
}

const char *http_field(const struct http_parser *p, const char *name)
{
	for (unsigned i = 0; i < p->n_fields; i++) {
		if (http_field_is(p, i, name))
			return http_field_value(p, i);
	}
	return NULL;
}
