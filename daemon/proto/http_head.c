/* SPDX-License-Identifier: MIT
 * Interpreting heads (RFC 9110, RFC 9112 6). Framing is read strictly: an answer whose end is in doubt is refused.
 */
#include "proto/http_head.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/str.h"
#include "proto/http_auth.h"
#include "proto/http_date.h"
#include "proto/http_digest.h"
#include "proto/http_limit.h"
#include "proto/http_name.h"

#define VALIDATOR_MAX	  1024
#define RETRY_AFTER_MAX_S 86400

static bool is_token(const char *s, size_t n, const char *token)
{
	return n == strlen(token) && strncasecmp(s, token, n) == 0;
}

/* Some field of that name has the token in its comma-separated list. */
static bool list_has(const struct http_parser *p, const char *name, const char *token)
{
	for (unsigned i = 0; i < p->n_fields; i++) {
		if (!http_field_is(p, i, name))
			continue;
		for (const char *s = http_field_value(p, i); *s != '\0';) {
			size_t n = strcspn(s, ", \t");

			if (is_token(s, n, token))
				return true;
			s += n;
			s += strspn(s, ", \t");
		}
	}
	return false;
}

/* A number of 63 bits, digits only; s goes behind it. */
static bool read_number(const char **s, int64_t *ret)
{
	size_t n = strspn(*s, "0123456789");
	uint64_t v;

	if (n == 0 || str_to_u64(*s, n, &v) != 0 || v > INT64_MAX)
		return false;
	*ret = (int64_t)v;
	*s += n;
	return true;
}

/* All Content-Length fields, which must be equal. -1: none. */
static int read_length(const struct http_parser *p, int64_t *ret, struct fail *f)
{
	*ret = -1;
	for (unsigned i = 0; i < p->n_fields; i++) {
		const char *s = http_field_value(p, i);
		int64_t n;

		if (!http_field_is(p, i, "Content-Length"))
			continue;
		if (!read_number(&s, &n) || *s != '\0' || (*ret >= 0 && *ret != n))
			return fail_set(f, ERR_PROTO, "The server's Content-Length is not a usable number");
		*ret = n;
	}
	return 0;
}

/* All Transfer-Encoding fields together must be "chunked" once: 1; 0 without any. */
static int read_transfer_coding(const struct http_parser *p, struct fail *f)
{
	int n = 0;

	for (unsigned i = 0; i < p->n_fields; i++) {
		const char *s = http_field_value(p, i);

		if (!http_field_is(p, i, "Transfer-Encoding"))
			continue;
		if (++n > 1 || strcasecmp(s, "chunked") != 0)
			return fail_set(f, ERR_PROTO, "The server uses a transfer coding that is not understood");
	}
	return n;
}

/* RFC 9112 6.3, and whether the connection lives on (9.3). */
static int read_framing(
	const struct http_parser *p, const struct http_asked *asked, struct http_answer *a, struct fail *f)
{
	int64_t length;
	int chunked, r;

	chunked = read_transfer_coding(p, f);
	r = read_length(p, &length, f);
	if (chunked < 0 || r < 0)
		return chunked < 0 ? chunked : r;
	a->keep_alive = p->minor >= 1 || list_has(p, "Connection", "keep-alive");
	if (list_has(p, "Connection", "close") || (chunked && (length >= 0 || p->minor == 0)))
		a->keep_alive = false;
	a->length = length;
	if (asked->head_only || p->status == 204 || p->status == 304)
		a->framing = FRAMING_NONE;
	else if (chunked)
		a->framing = FRAMING_CHUNKED;
	else
		a->framing = length >= 0 ? FRAMING_LENGTH : FRAMING_CLOSE;
	if (a->framing == FRAMING_CLOSE)
		a->keep_alive = false;
	return 0;
}

/* The file itself is a gzip file. */
static bool is_gzip_file(const struct http_answer *a)
{
	return strcmp(a->content_type, "application/gzip") == 0 || strcmp(a->content_type, "application/x-gzip") == 0;
}

/* Many servers label a stored .tar.gz with a coding that nobody asked for; that is part of the file. But what is coded while it
 * is sent, so that its length isn't known, is not the file, nor a part of it. */
static bool is_coded(const struct http_parser *p, const struct http_asked *asked, const struct http_answer *a)
{
	return (p->status == 200 || p->status == 206) && (asked->codings || (a->length < 0 && !is_gzip_file(a)));
}

/* Unknown codings are part of what is stored. */
static int read_coding(
	const struct http_parser *p, const struct http_asked *asked, struct http_answer *a, struct fail *f)
{
	const char *s = http_field(p, "Content-Encoding");

	a->coding = CODING_NONE;
	if (s == NULL || !is_coded(p, asked, a))
		return 0;
	if (strcasecmp(s, "gzip") == 0 || strcasecmp(s, "x-gzip") == 0)
		a->coding = CODING_GZIP;
	else if (strcasecmp(s, "deflate") == 0)
		a->coding = CODING_DEFLATE;
	else if (strchr(s, ',') != NULL)
		return fail_set(f, ERR_CODING, "The server put content codings on top of each other: not supported");
	a->h.coded = a->coding != CODING_NONE || (p->status == 206 && strcasecmp(s, "identity") != 0);
	/* the answer to a HEAD tells of a coding, but there is nothing to undo; and of a part nothing can be */
	if (a->framing == FRAMING_NONE || p->status == 206)
		a->coding = CODING_NONE;
	return 0;
}

/* Such a body has ranges with heads of their own in it (RFC 9110 14.6); a Content-Range beside that has no place. */
static bool is_multipart(const struct http_parser *p)
{
	static const char type[] = "multipart/byteranges";
	const char *s = http_field(p, "Content-Type");

	return s != NULL && strncasecmp(s, type, sizeof(type) - 1) == 0;
}

static int read_range(const struct http_parser *p, struct http_answer *a, struct fail *f)
{
	const char *s = http_field(p, "Content-Range");
	struct fetch_head *h = &a->h;
	bool has;

	h->accepts_ranges = p->status == 206 || list_has(p, "Accept-Ranges", "bytes");
	h->refuses_ranges = !h->accepts_ranges && list_has(p, "Accept-Ranges", "none");
	h->total = -1;
	if (p->status == 200 && !h->coded && a->framing != FRAMING_CHUNKED)
		h->total = a->length;
	if (s == NULL || (p->status != 206 && p->status != 416))
		return 0;
	has = http_content_range(s, &h->range, &h->total) == 1;
	h->has_range = has && p->status == 206 && !is_multipart(p);
	if (!h->has_range)
		h->range = (struct range){0, 0};
	if (h->has_range && a->framing == FRAMING_LENGTH && a->length != h->range.end - h->range.start)
		return fail_set(f, ERR_BAD_RANGE, "The server's Content-Range and Content-Length disagree");
	return 0;
}

/* A validator as sent, NULL when it can't be one. */
static const char *read_validator(const struct http_parser *p, const char *name)
{
	const char *s = http_field(p, name);

	return s != NULL && *s != '\0' && strlen(s) <= VALIDATOR_MAX && strchr(s, '\t') == NULL ? s : NULL;
}

static int read_location(const struct http_parser *p, struct fetch_head *h, struct fail *f)
{
	const char *s = http_field(p, "Location");

	if (s == NULL || *s == '\0' || p->status / 100 != 3)
		return 0;
	if (strlen(s) > HTTP_LOCATION_MAX)
		return fail_set(
			f, ERR_LIMIT, "The server redirects to a URI of more than %d KiB", HTTP_LOCATION_MAX / 1024);
	h->location = s;
	return 0;
}

static void read_content_type(const struct http_parser *p, struct http_answer *a)
{
	const char *s = http_field(p, "Content-Type");
	size_t n = s != NULL ? strcspn(s, "; \t,") : 0;

	if (n == 0 || n >= sizeof(a->content_type))
		return;
	for (size_t i = 0; i < n; i++)
		a->content_type[i] = (char)tolower((unsigned char)s[i]);
	a->content_type[n] = '\0';
	a->h.content_type = a->content_type;
}

static bool asks_basic(const struct http_parser *p)
{
	for (unsigned i = 0; i < p->n_fields; i++) {
		if (http_field_is(p, i, "WWW-Authenticate") &&
			http_auth_asks_basic(http_field_value(p, i)))
			return true;
	}
	return false;
}

/* The file may have been changed once more in the second of its Last-Modified, after the answer was made. One without Date was
 * made when it came (RFC 9110 6.6.1). */
static bool is_weak_date(const struct http_parser *p, int64_t mtime)
{
	const char *s = http_field(p, "Date");
	int64_t date = s != NULL ? http_date_parse(s) : -1;

	return mtime >= (date >= 0 ? date : (int64_t)time(NULL));
}

/* What tells about the file, not about the connection. */
static void read_file(const struct http_parser *p, const struct http_asked *asked, struct http_answer *a)
{
	struct fetch_head *h = &a->h;
	const char *s;

	h->etag = read_validator(p, "ETag");
	h->last_modified = read_validator(p, "Last-Modified");
	h->mtime = h->last_modified != NULL ? http_date_parse(h->last_modified) : -1;
	h->weak_date = h->last_modified != NULL && (h->mtime < 0 || is_weak_date(p, h->mtime));
	s = http_field(p, "Content-Disposition");
	a->name = s != NULL ? http_name(s, asked->utf8_names) : NULL;
	h->name = a->name;
	/* A digest of coded bytes can't be compared with the decoded ones. */
	if ((p->status == 200 || p->status == 206) && !h->coded &&
		http_digest(p, p->status == 200, a->digest, sizeof(a->digest)))
		h->digest = a->digest;
}

int http_content_range(const char *value, struct range *ret, int64_t *ret_total)
{
	struct range r = {0, 0};
	const char *s = value;
	int64_t last, total = -1;
	bool has;

	*ret = r;
	*ret_total = -1;
	if (strncasecmp(s, "bytes ", 6) != 0)
		return -1;
	s += 6;
	has = *s != '*';
	if (has) {
		if (!read_number(&s, &r.start) || *s++ != '-' || !read_number(&s, &last) || last < r.start ||
			last == INT64_MAX)
			return -1;
		r.end = last + 1;
	} else {
		s++;
	}
	if (*s++ != '/')
		return -1;
	if (*s == '*' && has)
		s++;
	else if (!read_number(&s, &total) || total < r.end)
		return -1;
	if (*s != '\0')
		return -1;
	*ret = r;
	*ret_total = total;
	return has ? 1 : 0;
}

int64_t http_retry_after(const char *value, int64_t now)
{
	const char *s = value;
	int64_t wait;

	if (*s != '\0' && strspn(s, "0123456789") == strlen(s)) {
		if (!read_number(&s, &wait))
			wait = RETRY_AFTER_MAX_S;
	} else {
		wait = http_date_parse(value);
		if (wait < 0)
			return -1;
		wait = wait > now ? wait - now : 0;
	}
	return (wait < RETRY_AFTER_MAX_S ? wait : RETRY_AFTER_MAX_S) * 1000;
}

int http_head_read(const struct http_parser *p, const struct http_asked *asked, struct http_answer *ret, struct fail *f)
{
	struct fetch_head *h = &ret->h;
	const char *s;
	int r;

	memset(ret, 0, sizeof(*ret));
	*h = (struct fetch_head){.status = p->status, .body_len = -1, .total = -1, .mtime = -1, .retry_after_ms = -1,
		.limit_ms = -1};
	read_content_type(p, ret);
	r = read_framing(p, asked, ret, f);
	if (r == 0)
		r = read_coding(p, asked, ret, f);
	if (r == 0)
		r = read_range(p, ret, f);
	if (r == 0)
		r = read_location(p, h, f);
	if (r < 0)
		return r;
	h->until_close = ret->framing == FRAMING_CLOSE;
	if (ret->framing == FRAMING_NONE)
		h->body_len = 0;
	else if (ret->framing == FRAMING_LENGTH && !h->coded)
		h->body_len = ret->length;
	read_file(p, asked, ret);
	s = http_field(p, "Retry-After");
	h->retry_after_ms = s != NULL ? http_retry_after(s, http_clock(p, (int64_t)time(NULL))) : -1;
	h->limit_ms = http_limit_wait(p, (int64_t)time(NULL));
	ret->asks_basic = p->status == 401 && asks_basic(p);
	return 0;
}

void http_answer_free(struct http_answer *a)
{
	free(a->name);
	a->name = NULL;
	a->h.name = NULL;
}
