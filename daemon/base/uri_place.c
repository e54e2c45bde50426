/* SPDX-License-Identifier: MIT
 * Where a file is from. A query may choose the file ("get?f=2") or just prove that it may be had ("?Expires=..&Signature=.."):
 * the second kind is new with each link, and is known by its names.
 */
#include "base/uri_place.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/uri.h"

#define PLACE	    "place="
#define PLACE_BYTES 16

/* How links are signed. A query that has what one of them needs is signed so: then what only signs goes, and stays elsewhere,
 * where "sp" may be a page. Names that choose the file somewhere ("token", "key", "md5") are not here: a part of a link signed so
 * is not gone on with, which costs time, while two files taken for one cost both. Nor are those that change what is sent
 * ("versionId", "response-content-type", "x-oss-process"). */
static const struct scheme {
	const char *needs[3]; /* NULL behind the last one, here and below; compared without case */
	const char *names[24];
} schemes[] = {
	/* Amazon S3, version 4, and those that speak like it */
	{{"X-Amz-Signature", "X-Amz-Date"},
		{"X-Amz-Algorithm", "X-Amz-Content-Sha256", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
			"X-Amz-Security-Token", "X-Amz-Signature", "X-Amz-SignedHeaders"}},
	/* Google Cloud Storage, version 4 */
	{{"X-Goog-Signature", "X-Goog-Date"},
		{"X-Goog-Algorithm", "X-Goog-Credential", "X-Goog-Date", "X-Goog-Expires", "X-Goog-Signature",
			"X-Goog-SignedHeaders"}},
	/* Alibaba OSS, version 4 */
	{{"x-oss-signature", "x-oss-date"},
		{"x-oss-credential", "x-oss-date", "x-oss-expires", "x-oss-security-token", "x-oss-signature",
			"x-oss-signature-version"}},
	/* Tencent COS */
	{{"q-signature", "q-ak"},
		{"q-ak", "q-header-list", "q-key-time", "q-sign-algorithm", "q-sign-time", "q-signature", "q-url-param-list",
			"x-cos-security-token"}},
	/* the older versions of S3, Google and OSS; Google's CDN; CloudFront with a canned policy */
	{{"Signature", "Expires"},
		{"AWSAccessKeyId", "Expires", "GoogleAccessId", "Hash-Algorithm", "Key-Pair-Id", "KeyName", "OSSAccessKeyId",
			"Signature", "URLPrefix", "X-Amz-Security-Token"}},
	/* CloudFront with a policy of its own */
	{{"Signature", "Policy", "Key-Pair-Id"}, {"Hash-Algorithm", "Key-Pair-Id", "Policy", "Signature"}},
	/* Azure */
	{{"sig", "sv"},
		{"saoid", "scid", "sdd", "se", "ses", "si", "sig", "sip", "ske", "skoid", "sks", "skt", "sktid", "skv", "sp",
			"spr", "sr", "srt", "ss", "st", "suoid", "sv"}},
	/* Akamai */
	{{"__gda__"}, {"__gda__"}},
	{{"__token__"}, {"__token__"}},
	{{"hdnea"}, {"hdnea"}},
	{{"hdntl"}, {"hdntl"}},
	{{"hdnts"}, {"hdnts"}},
};

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define N_SCHEMES  LEN(schemes)

/* A parameter of a query: "NAME=VALUE", or just NAME. */
struct param {
	const char *text;
	size_t len, name_len;
};

/* The one at *at, which moves on behind it; false: there is none. */
static bool next_param(const char **at, struct param *ret)
{
	if (**at == '\0')
		return false;
	ret->text = *at;
	ret->len = strcspn(*at, "&");
	ret->name_len = strcspn(*at, "&=");
	*at += ret->len;
	*at += **at == '&';
	return true;
}

static bool is_named(const struct param *p, const char *name)
{
	return strlen(name) == p->name_len && strncasecmp(name, p->text, p->name_len) == 0;
}

static bool has_param(const char *query, const char *name)
{
	struct param p;

	while (next_param(&query, &p))
		if (is_named(&p, name))
			return true;
	return false;
}

static bool is_signed(const char *query, const struct scheme *s)
{
	for (size_t i = 0; i < LEN(s->needs) && s->needs[i] != NULL; i++)
		if (!has_param(query, s->needs[i]))
			return false;
	return true;
}

static bool only_signs(const struct param *p, const struct scheme *s)
{
	for (size_t i = 0; i < LEN(s->names) && s->names[i] != NULL; i++)
		if (is_named(p, s->names[i]))
			return true;
	return false;
}

static bool is_wanted(const struct param *p, const bool used[N_SCHEMES])
{
	for (size_t i = 0; i < N_SCHEMES; i++)
		if (used[i] && only_signs(p, &schemes[i]))
			return false;
	return p->len > 0;
}

/* malloc'd: the query without its signature, "" when nothing is left. */
static char *unsigned_query(const char *query)
{
	bool used[N_SCHEMES];
	struct param p;
	struct buf b;

	for (size_t i = 0; i < N_SCHEMES; i++)
		used[i] = is_signed(query, &schemes[i]);
	buf_init(&b, URI_MAX);
	while (next_param(&query, &p)) {
		if (!is_wanted(&p, used))
			continue;
		buf_adds(&b, b.len > 0 ? "&" : "");
		buf_add(&b, p.text, p.len);
	}
	return buf_take(&b);
}

/* malloc'd; NULL: there is no such digest here. */
static char *place_query(const char *rest)
{
	unsigned char digest[HASH_MAX];
	struct hash *h = hash_new("sha-256");
	struct buf b;

	if (h == NULL)
		return NULL;
	hash_update(h, rest, strlen(rest));
	hash_final(h, digest);
	hash_free(h);
	buf_init(&b, URI_MAX);
	buf_adds(&b, PLACE);
	for (size_t i = 0; i < PLACE_BYTES; i++)
		buf_addf(&b, "%02x", digest[i]);
	return buf_take(&b);
}

static bool is_place_query(const char *query)
{
	size_t n = strlen(PLACE);

	return strncmp(query, PLACE, n) == 0 && strlen(query + n) == 2 * (size_t)PLACE_BYTES &&
	       strspn(query + n, "0123456789abcdef") == 2 * (size_t)PLACE_BYTES;
}

/* What stands for it comes in place of *query, malloc'd or NULL; false: nothing can. */
static bool fold(char **query)
{
	char *rest;
	bool any;

	if (*query == NULL || is_place_query(*query))
		return true;
	rest = unsigned_query(*query);
	any = *rest != '\0';
	free(*query);
	*query = any ? place_query(rest) : NULL;
	free(rest);
	return !any || *query != NULL;
}

char *uri_place(const char *uri)
{
	char *text = NULL;
	struct uri u;

	if (uri_parse(uri, strlen(uri), &u, NULL) < 0)
		return NULL;
	if (fold(&u.query))
		text = uri_text(&u);
	uri_free(&u);
	return text;
}
