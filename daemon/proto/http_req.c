/* SPDX-License-Identifier: MIT
 * Building requests. The fields that hauld sends by itself are one table; a line of the `header` option with the name
 * of a row takes its place.
 */
#include "proto/http_req.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/opt.h"
#include "base/str.h"
#include "proto/http_date.h"

#define REQ_USUAL 500 /* bytes that most requests need less than */
#define TOKEN "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* One line of the `header` option, cut in place. */
struct line {
	const char *name, *value;
	size_t name_len, value_len;
};

/* Header lines of the user may not touch what says where this request and its answer end, nor which bytes are asked
 * for: a transfer is split by these. */
static const char *const reserved[] = {"Content-Length", "Transfer-Encoding", "Range", "If-Range", "Upgrade", "Expect"};

/* They say nothing of who asks. */
static const char *const impersonal[] = {"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Cache-Control",
	"Connection", "DNT", "Origin", "Pragma", "Referer", "User-Agent", "Want-Digest"};

static bool name_is(const struct line *l, const char *name)
{
	return l->name_len == strlen(name) && strncasecmp(l->name, name, l->name_len) == 0;
}

static bool is_listed(const struct line *l, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (name_is(l, names[i]))
			return true;
	}
	return false;
}

static bool is_reserved(const struct line *l)
{
	return is_listed(l, reserved, sizeof(reserved) / sizeof(reserved[0]));
}

/* The next line of the list at *s; false at its end. A line without a name has name_len 0. */
static bool next_line(const char **s, struct line *ret)
{
	const char *end, *colon;

	if (*s == NULL || **s == '\0')
		return false;
	end = *s + strcspn(*s, "\n");
	colon = memchr(*s, ':', (size_t)(end - *s));
	*ret = (struct line){.name = *s};
	if (colon != NULL) {
		ret->name_len = (size_t)(colon - *s);
		ret->value = colon + 1 + strspn(colon + 1, " \t");
		ret->value_len = ret->value < end ? (size_t)(end - ret->value) : 0;
	}
	*s = *end == '\n' ? end + 1 : end;
	return true;
}

static bool user_has(const struct http_req *r, const char *name)
{
	const char *s = r->own_origin ? opts_str(r->fetch->opts, OPT_HEADER) : NULL;
	struct line l;

	while (next_line(&s, &l)) {
		if (name_is(&l, name))
			return true;
	}
	return false;
}

static bool set_opt(const struct http_req *r, enum opt id, struct buf *out)
{
	const char *s = opts_str(r->fetch->opts, id);

	if (s == NULL || *s == '\0')
		return false;
	buf_adds(out, s);
	return true;
}

/* ---- values of the table: each appends its value and returns true, or returns false: the field is not sent ---- */

static bool put_user_agent(const struct http_req *r, struct buf *out)
{
	return set_opt(r, OPT_USER_AGENT, out);
}

static bool put_accept(const struct http_req *r, struct buf *out)
{
	(void)r;
	buf_adds(out, "*/*");
	return true;
}

/* Offsets of a part are those of the coded bytes, so a part is never asked for in a coding. */
static bool put_accept_encoding(const struct http_req *r, struct buf *out)
{
	if (http_req_ranged(r->fetch) || !opts_bool(r->fetch->opts, OPT_HTTP_ACCEPT_GZIP))
		return false;
	buf_adds(out, "deflate, gzip");
	return true;
}

static bool put_host(const struct http_req *r, struct buf *out)
{
	uri_put_hostport(r->uri, out);
	return true;
}

static bool put_no_cache(const struct http_req *r, struct buf *out)
{
	if (!opts_bool(r->fetch->opts, OPT_HTTP_NO_CACHE))
		return false;
	buf_adds(out, "no-cache");
	return true;
}

static bool put_connection(const struct http_req *r, struct buf *out)
{
	if (opts_bool(r->fetch->opts, OPT_ENABLE_HTTP_KEEP_ALIVE))
		return false;
	buf_adds(out, "close");
	return true;
}

static bool put_range(const struct http_req *r, struct buf *out)
{
	const struct range *w = &r->fetch->want;

	if (!http_req_ranged(r->fetch))
		return false;
	if (w->end < 0)
		buf_addf(out, "bytes=%" PRId64 "-", w->start);
	else
		buf_addf(out, "bytes=%" PRId64 "-%" PRId64, w->start, w->end - 1);
	return true;
}

static bool put_if_range(const struct http_req *r, struct buf *out)
{
	if (!http_req_ranged(r->fetch) || r->fetch->if_range == NULL)
		return false;
	buf_adds(out, r->fetch->if_range);
	return true;
}

static bool put_authorization(const struct http_req *r, struct buf *out)
{
	if (r->authorization == NULL)
		return false;
	buf_adds(out, r->authorization);
	return true;
}

static bool put_proxy_authorization(const struct http_req *r, struct buf *out)
{
	if (!r->to_proxy || r->proxy_authorization == NULL)
		return false;
	buf_adds(out, r->proxy_authorization);
	return true;
}

static bool put_cookie(const struct http_req *r, struct buf *out)
{
	if (r->cookie == NULL)
		return false;
	buf_adds(out, r->cookie);
	return true;
}

/* "*" is the URI itself, without userinfo. */
static bool put_referer(const struct http_req *r, struct buf *out)
{
	const char *s = opts_str(r->fetch->opts, OPT_REFERER);
	char *self;

	if (s == NULL || strcmp(s, "*") != 0)
		return set_opt(r, OPT_REFERER, out);
	self = uri_text(r->uri);
	buf_adds(out, self);
	free(self);
	return true;
}

static bool put_if_modified_since(const struct http_req *r, struct buf *out)
{
	char date[HTTP_DATE_SIZE];

	if (r->fetch->if_modified_since < 0 || *http_date_format(r->fetch->if_modified_since, date) == '\0')
		return false;
	buf_adds(out, date);
	return true;
}

static bool put_want_digest(const struct http_req *r, struct buf *out)
{
	if (http_req_ranged(r->fetch) || opts_bool(r->fetch->opts, OPT_NO_WANT_DIGEST_HEADER))
		return false;
	buf_adds(out, "SHA-512;q=1, SHA-256;q=1, SHA;q=0.1");
	return true;
}

static const struct {
	const char *name;
	bool (*put)(const struct http_req *r, struct buf *out);
} builtin[] = {
	{"User-Agent", put_user_agent},
	{"Accept", put_accept},
	{"Accept-Encoding", put_accept_encoding},
	{"Host", put_host},
	{"Pragma", put_no_cache},
	{"Cache-Control", put_no_cache},
	{"Connection", put_connection},
	{"Range", put_range},
	{"If-Range", put_if_range},
	{"Proxy-Authorization", put_proxy_authorization},
	{"Authorization", put_authorization},
	{"Referer", put_referer},
	{"Cookie", put_cookie},
	{"If-Modified-Since", put_if_modified_since},
	{"Want-Digest", put_want_digest},
};

static bool is_replaced(const struct http_req *r, const char *name)
{
	struct line l = {.name = name, .name_len = strlen(name)};

	return user_has(r, name) && !is_reserved(&l);
}

/* The last check before the wire: whatever was appended since `from` has no control character, so nothing can begin a
 * line. */
static int check_tail(const struct buf *out, size_t from, const char *what, struct fail *f)
{
	if (out->err != 0)
		return fail_set(f, ERR_LIMIT, "The request would be larger than %d KiB", HTTP_REQ_MAX / 1024);
	for (size_t i = from; i < out->len; i++) {
		unsigned char c = (unsigned char)out->data[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return fail_set(f, ERR_INVAL, "A control character in the %s of a request was refused", what);
	}
	return 0;
}

static int add_builtin(const struct http_req *r, size_t i, struct buf *out, bool *ret_codings, struct fail *f)
{
	size_t from = out->len;
	int e;

	if (is_replaced(r, builtin[i].name))
		return 0;
	buf_adds(out, builtin[i].name);
	buf_adds(out, ": ");
	if (!builtin[i].put(r, out)) {
		if (out->err == 0)
			out->len = from;
		return 0;
	}
	if (builtin[i].put == put_accept_encoding)
		*ret_codings = true;
	e = check_tail(out, from, builtin[i].name, f);
	return e < 0 ? e : buf_adds(out, "\r\n");
}

/* What a proxy is to know is not for an origin. */
static bool is_misdirected(const struct http_req *r, const struct line *l)
{
	return !r->to_proxy && name_is(l, "Proxy-Authorization");
}

static int add_user_line(const struct http_req *r, const struct line *l, struct buf *out, struct fail *f)
{
	size_t from = out->len;
	char safe[64];
	int e;

	if (l->name_len == 0 || strspn(l->name, TOKEN) < l->name_len)
		return fail_set(f, ERR_INVAL, "The option header has a line that is not \"Name: value\"");
	if (is_misdirected(r, l))
		return 0;
	if (is_reserved(l)) {
		log_warn(HTTP, "header field %s is not sent: hauld sets it itself",
			str_safe(l->name, l->name_len, safe, sizeof(safe)));
		return 0;
	}
	buf_add(out, l->name, l->name_len);
	buf_adds(out, ": ");
	buf_add(out, l->value, l->value_len);
	e = check_tail(out, from, "header option", f);
	return e < 0 ? e : buf_adds(out, "\r\n");
}

static int add_user_lines(const struct http_req *r, struct buf *out, struct fail *f)
{
	const char *s = r->own_origin ? opts_str(r->fetch->opts, OPT_HEADER) : NULL;
	struct line l;
	int e = 0;

	while (e == 0 && next_line(&s, &l))
		e = add_user_line(r, &l, out, f);
	return e;
}

/* A proxy is told all of the URI (RFC 9112 3.2.2). */
static void put_target(const struct http_req *r, struct buf *out)
{
	char *text = r->to_proxy ? uri_text(r->uri) : NULL;

	if (text != NULL)
		buf_adds(out, text);
	else
		uri_put_target(r->uri, out);
	free(text);
}

bool http_req_ranged(const struct fetch_req *fetch)
{
	return fetch->want.start > 0 || fetch->want.end >= 0;
}

void http_req_identity(const struct http_req *r, struct buf *out)
{
	const char *s = r->own_origin ? opts_str(r->fetch->opts, OPT_HEADER) : NULL, *from = s;
	struct line l;

	for (; next_line(&s, &l); from = s) {
		if (!is_reserved(&l) && !is_listed(&l, impersonal, sizeof(impersonal) / sizeof(impersonal[0])))
			buf_add(out, from, (size_t)(s - from));
	}
}

int http_req_build(const struct http_req *r, struct buf *out, bool *ret_codings, struct fail *f)
{
	size_t from = out->len;
	int e;

	*ret_codings = false;
	buf_room(out, REQ_USUAL);
	buf_adds(out, r->fetch->head_only ? "HEAD " : "GET ");
	put_target(r, out);
	buf_adds(out, " HTTP/1.1");
	e = check_tail(out, from, "URI", f);
	buf_adds(out, "\r\n");
	for (size_t i = 0; e == 0 && i < sizeof(builtin) / sizeof(builtin[0]); i++)
		e = add_builtin(r, i, out, ret_codings, f);
	if (e == 0)
		e = add_user_lines(r, out, f);
	buf_adds(out, "\r\n");
	return e < 0 ? e : check_tail(out, out->len, "header", f);
}
