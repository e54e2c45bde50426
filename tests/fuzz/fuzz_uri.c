/* SPDX-License-Identifier: MIT
 * F04: URIs: what was parsed and printed parses to the same; references resolve to URIs of the same kind; nothing printed
 * holds a blank, a control character or a password; no host is a number that the resolver would read as another address
 * than we do; the place of a place is itself; and where libcurl is there and takes a text or a redirect too, it goes to the
 * same scheme, host and port.
 * Input: a base URI, then lines of references.
 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <strings.h>
#ifdef FUZZ_CURL
#include <curl/curl.h>
#endif

#include "base/str.h"
#include "base/uri.h"
#include "base/uri_place.h"

static bool same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* getaddrinfo takes what inet_aton takes ("127.1", "0x7f000001") for an address: such a host passes only as the plain form
 * that every check of an address can read. */
static void check_address(const struct uri *u)
{
	struct in_addr loose, strict;
	char host[256];
	size_t n = strlen(u->host);

	snprintf(host, sizeof(host), "%.*s", (int)(n > 0 && u->host[n - 1] == '.' ? n - 1 : n), u->host);
	if (u->ipv6 || inet_aton(host, &loose) == 0)
		return;
	CHECK(inet_pton(AF_INET, u->host, &strict) == 1 && strict.s_addr == loose.s_addr);
}

#ifdef FUZZ_CURL
#define CURL_SET (CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE)

/* A part of curl's, NULL when it has none; without brackets. To be freed by curl_free. */
static char *curl_part(CURLU *h, CURLUPart part, unsigned flags)
{
	char *s = NULL;
	size_t n;

	if (curl_url_get(h, part, &s, flags) != CURLUE_OK)
		return NULL;
	n = strlen(s);
	if (part == CURLUPART_HOST && s[0] == '[' && s[n - 1] == ']') {
		memmove(s, s + 1, n - 2);
		s[n - 2] = '\0';
	}
	return s;
}

static bool is_fetched(const struct uri *u)
{
	return strcmp(u->scheme, "http") == 0 || strcmp(u->scheme, "https") == 0;
}

static bool is_ascii(const char *s)
{
	while (*s > 0)
		s++;
	return *s == '\0';
}

/* Would curl ask another server than we do? International names are left out: curl 7.88 loses memory over them, and leaves
 * them to the same library as we do. It also takes ".x:" for a scheme, which has to begin with a letter (RFC 3986 3.1), and
 * knows none of more than 40 letters. */
static void compare_curl(CURLU *h, const struct uri *u)
{
	char *scheme = curl_part(h, CURLUPART_SCHEME, 0), *host = curl_part(h, CURLUPART_HOST, 0);
	char *port = curl_part(h, CURLUPART_PORT, CURLU_DEFAULT_PORT);

	if (is_fetched(u) && host != NULL && is_ascii(host) && scheme != NULL && isalpha((unsigned char)scheme[0])) {
		CHECK(strcasecmp(scheme, u->scheme) == 0);
		CHECK(strcasecmp(host, u->host) == 0);
		CHECK(port == NULL || u->port == 0 || atoi(port) == u->port);
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
}

static void check_curl(const char *text, const struct uri *u, const char *ref, const struct uri *to)
{
	CURLU *h = curl_url();

	if (curl_url_set(h, CURLUPART_URL, text, CURL_SET) == CURLUE_OK) {
		compare_curl(h, u);
		if (ref != NULL && curl_url_set(h, CURLUPART_URL, ref, CURL_SET) == CURLUE_OK)
			compare_curl(h, to);
	}
	curl_url_cleanup(h);
}
#else
static void check_curl(const char *text, const struct uri *u, const char *ref, const struct uri *to)
{
	(void)text, (void)u, (void)ref, (void)to;
}
#endif

static void check_parts(const struct uri *u)
{
	check_address(u);
	CHECK(u->scheme != NULL && u->scheme[0] != '\0' && u->host != NULL && u->host[0] != '\0');
	CHECK(u->path != NULL && u->path[0] == '/');
	CHECK(u->passwd == NULL || u->user != NULL);
	for (const char *p = u->host; *p != '\0'; p++)
		CHECK((unsigned char)*p > ' ' && (unsigned char)*p < 0x7f && strchr("/?#@[]\\%", *p) == NULL);
}

static void check_printed(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		CHECK((unsigned char)text[i] > ' ' && (unsigned char)text[i] < 0x7f);
}

/* parse(print(x)) == x, but for what print leaves out. */
static void check_round_trip(const struct uri *u)
{
	char *text = uri_text(u), *again, *target = uri_target(u), *hostport = uri_hostport(u);
	struct uri v;

	check_parts(u);
	check_printed(text, strlen(text));
	check_printed(target, strlen(target));
	check_printed(hostport, strlen(hostport));
	CHECK(target[0] == '/' && strchr(target, '#') == NULL);
	if (strlen(text) <= URI_MAX) {
		CHECK(uri_parse(text, strlen(text), &v, NULL) == 0);
		CHECK(same(u->scheme, v.scheme) && same(u->host, v.host) && same(u->path, v.path) && same(u->query, v.query));
		CHECK(u->port == v.port && u->ipv6 == v.ipv6 && v.user == NULL && v.fragment == NULL);
		CHECK(uri_same_origin(u, &v));
		again = uri_text(&v);
		CHECK(same(text, again));
		free(again);
		uri_free(&v);
	}
	free(text);
	free(target);
	free(hostport);
}

/* The place of a place is itself, and no more of a query is in it than a digest. */
static void check_place(const char *text)
{
	char *place = uri_place(text), *again, *query;
	size_t most = strlen("?place=") + 32;

	if (place == NULL)
		return;
	check_printed(place, strlen(place));
	query = strchr(place, '?');
	CHECK(strchr(place, '#') == NULL && (query == NULL || strlen(query) == most));
	if (strlen(place) <= URI_MAX) {
		again = uri_place(place);
		CHECK(same(place, again));
		free(again);
	}
	free(place);
}

static void check_normalise(const char *text)
{
	char *n = uri_normalise(text), *again, shown[400];
	struct uri a, b;

	uri_show_short(text, shown, sizeof(shown));
	CHECK(str_is_utf8(shown, strlen(shown)) && !str_has_ctl(shown, strlen(shown)));
	if (n == NULL)
		return;
	check_printed(n, strlen(n));
	CHECK(uri_parse(text, strlen(text), &a, NULL) == 0 && uri_parse(n, strlen(n), &b, NULL) == 0);
	CHECK(same(a.scheme, b.scheme) && same(a.host, b.host) && a.port == b.port && same(a.path, b.path));
	CHECK(same(a.query, b.query) && same(a.fragment, b.fragment) && same(a.user, b.user) && same(a.passwd, b.passwd));
	again = uri_normalise(n);
	CHECK(same(n, again));
	free(again);
	free(n);
	uri_free(&a);
	uri_free(&b);
}

static void check_resolve(const char *base_text, const struct uri *base, const char *ref)
{
	struct uri u, v;
	char *text;

	if (uri_resolve(base, ref, strlen(ref), &u, NULL) != 0)
		return;
	check_round_trip(&u);
	check_curl(base_text, base, ref, &u);
	CHECK(strstr(u.path, "/../") == NULL && strstr(u.path, "/./") == NULL);
	text = uri_text(&u);
	if (strlen(text) <= URI_MAX) { /* an absolute one does not depend on the base */
		CHECK(uri_resolve(base, text, strlen(text), &v, NULL) == 0);
		CHECK(same(u.path, v.path) && same(u.query, v.query) && uri_same_origin(&u, &v));
		uri_free(&v);
	}
	free(text);
	uri_free(&u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size < 40000 ? size : 40000};
	char *text = input_line(&in);
	struct uri u;

	check_normalise(text);
	check_place(text);
	if (uri_parse(text, strlen(text), &u, NULL) == 0) {
		check_round_trip(&u);
		check_curl(text, &u, NULL, NULL);
		for (int i = 0; i < 8 && in.n > 0; i++) {
			char *ref = input_line(&in);

			check_resolve(text, &u, ref);
			free(ref);
		}
		uri_free(&u);
	}
	free(text);
	if (uri_parse((const char *)data, size, &u, NULL) == 0) { /* with NUL bytes in it */
		check_round_trip(&u);
		uri_free(&u);
	}
	return 0;
}
