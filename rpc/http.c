/* SPDX-License-Identifier: MIT
 * Requests over HTTP/1.1: from bytes to a whole request.
 */
#include "rpc/http.h"

#include <string.h>
#include <strings.h>

#include "rpc/conn.h"
#include "rpc/serve.h"

#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define REFUSED (-1) /* from a callback: parsing ends */

static int refuse(struct http *h, enum http_refusal why)
{
	h->refusal = why;
	return REFUSED;
}

/* Counts bytes of the head. */
static int count_head(struct http *h, size_t n)
{
	h->head_bytes += n;
	return h->head_bytes > HTTP_HEAD_MAX ? refuse(h, HTTP_BIG_HEAD) : 0;
}

static int on_begin(llhttp_t *p)
{
	struct conn *c = p->data;

	conn_expect(c); /* from its first byte on, a request has its own time, however slowly it drips */
	return 0;
}

static int on_url(llhttp_t *p, const char *at, size_t n)
{
	struct conn *c = p->data;

	buf_add(&c->http.url, at, n);
	return count_head(&c->http, n);
}

static int on_field(llhttp_t *p, const char *at, size_t n)
{
	struct http *h = &((struct conn *)p->data)->http;

	for (size_t i = 0; i < n; i++)
		if (h->name_len < HTTP_NAME_MAX)
			h->name[h->name_len++] = at[i];
		else
			h->name[0] = '\0';
	return count_head(h, n);
}

static int on_field_end(llhttp_t *p)
{
	static const char *const names[] = {
#define X(id, name) name,
		HTTP_FIELDS(X)
#undef X
	};
	struct http *h = &((struct conn *)p->data)->http;

	h->name[h->name_len] = '\0';
	h->name_len = 0;
	h->field = -1;
	if (h->head_done)
		return 0; /* a trailer */
	for (int i = 0; i < HTTP_FIELD_COUNT; i++)
		if (strcasecmp(h->name, names[i]) == 0)
			h->field = i;
	if (h->field == HTTP_HOST && h->val[HTTP_HOST] != 0)
		h->twice = true;
	if (h->field >= 0 && h->val[h->field] != 0)
		h->field = -1; /* the first one counts */
	return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t n)
{
	struct http *h = &((struct conn *)p->data)->http;

	if (h->field >= 0) {
		if (!h->in_value)
			h->value = h->head.len;
		h->in_value = true;
		buf_add(&h->head, at, n);
	}
	return count_head(h, n);
}

static int on_value_end(llhttp_t *p)
{
	struct http *h = &((struct conn *)p->data)->http;

	if (h->field >= 0) {
		h->val[h->field] = 1 + (h->in_value ? h->value : h->head.len);
		buf_add(&h->head, "", 1);
	}
	h->in_value = false;
	h->field = -1;
	return 0;
}

static uint64_t body_max(const struct conn *c)
{
	return (uint64_t)opts_num(c->rpc->opts, OPT_RPC_MAX_REQUEST_SIZE);
}

static int on_head_end(llhttp_t *p)
{
	struct conn *c = p->data;

	c->http.head_done = true;
	if (p->content_length > body_max(c))
		return refuse(&c->http, HTTP_DROP);
	if (http_has_word(http_value(c, HTTP_EXPECT), "100-continue") && llhttp_get_http_minor(p) > 0)
		conn_write(c, CONTINUE, sizeof(CONTINUE) - 1); /* RFC 9110 10.1.1: curl would wait a second for it */
	return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t n)
{
	struct conn *c = p->data;
	struct http *h = &c->http;
	size_t len = h->body.len + n, more = (len > BODY_FREE ? len - BODY_FREE : 0) - h->counted;

	if (len > body_max(c) || c->rpc->body_sum + more > BODY_SUM_MAX)
		return refuse(h, HTTP_DROP);
	if (buf_add(&h->body, at, n) != 0)
		return refuse(h, HTTP_DROP);
	h->counted += more;
	c->rpc->body_sum += more;
	return 0;
}

static int on_whole(llhttp_t *p)
{
	struct http *h = &((struct conn *)p->data)->http;

	h->whole = true;
	h->keep = llhttp_should_keep_alive(p) != 0;
	return HPE_PAUSED;
}

void http_init(struct conn *c)
{
	static const llhttp_settings_t settings = {.on_message_begin = on_begin, .on_url = on_url,
		.on_header_field = on_field, .on_header_field_complete = on_field_end, .on_header_value = on_value,
		.on_header_value_complete = on_value_end, .on_headers_complete = on_head_end, .on_body = on_body,
		.on_message_complete = on_whole};
	struct http *h = &c->http;

	llhttp_init(&h->parser, HTTP_REQUEST, &settings);
	h->parser.data = c;
	h->field = -1;
	buf_init(&h->url, HTTP_HEAD_MAX * 2);
	buf_init(&h->head, HTTP_HEAD_MAX * 2);
	buf_init_foreign(&h->body, SIZE_MAX / 4);
}

void http_reset(struct conn *c)
{
	struct http *h = &c->http;

	h->name_len = 0;
	h->field = -1;
	h->in_value = h->head_done = h->whole = h->twice = false;
	h->head_bytes = 0;
	memset(h->val, 0, sizeof(h->val));
	buf_reset(&h->url);
	buf_reset(&h->head);
	buf_free(&h->body);
	c->rpc->body_sum -= h->counted;
	h->counted = 0;
}

void http_free(struct conn *c)
{
	http_reset(c);
	buf_free(&c->http.url);
	buf_free(&c->http.head);
}

const char *http_value(const struct conn *c, enum http_field f)
{
	return c->http.val[f] != 0 ? c->http.head.data + c->http.val[f] - 1 : NULL;
}

bool http_has_word(const char *value, const char *word)
{
	size_t len = strlen(word);

	while (value != NULL && *value != '\0') {
		size_t n;

		value += strspn(value, ", \t");
		n = strcspn(value, ",");
		while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'))
			n--;
		if (n == len && strncasecmp(value, word, n) == 0)
			return true;
		value += strcspn(value, ",");
	}
	return false;
}

/* A body in chunks that is none counts as no JSON, as in aria2, which does not know chunks at all. */
static enum http_refusal refusal_of(const struct http *h, llhttp_errno_t err)
{
	if (h->refusal != HTTP_OK)
		return h->refusal;
	if (err == HPE_INVALID_CHUNK_SIZE)
		return HTTP_NO_JSON;
	return err == HPE_INVALID_CONTENT_LENGTH ? HTTP_DROP : HTTP_BAD;
}

bool http_work(struct conn *c)
{
	struct http *h = &c->http;
	const char *from = c->in + c->in_pos;
	llhttp_errno_t err;

	if (c->in_pos == c->in_len)
		return false;
	err = llhttp_execute(&h->parser, from, c->in_len - c->in_pos);
	if (err == HPE_OK) {
		c->in_pos = c->in_len = 0;
		return false;
	}
	if (err != HPE_PAUSED && err != HPE_PAUSED_UPGRADE) {
		serve_refusal(c, refusal_of(h, err));
		return false;
	}
	c->in_pos = (size_t)(llhttp_get_error_pos(&h->parser) - c->in);
	if (err == HPE_PAUSED)
		llhttp_resume(&h->parser);
	else
		llhttp_resume_after_upgrade(&h->parser);
	if (h->whole)
		serve(c);
	return true;
}
