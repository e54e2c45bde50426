/* SPDX-License-Identifier: MIT
 * URIs: what was parsed and printed parses to the same; references resolve to URIs of the same kind; nothing printed
 * holds a blank, a control character or a password. Input: a base URI, then lines of references.
 */
#include "fuzz.h"

#include "base/str.h"
#include "base/uri.h"

static bool same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check_parts(const struct uri *u)
{
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

static void check_resolve(const struct uri *base, const char *ref)
{
	struct uri u, v;
	char *text;

	if (uri_resolve(base, ref, strlen(ref), &u, NULL) != 0)
		return;
	check_round_trip(&u);
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
	if (uri_parse(text, strlen(text), &u, NULL) == 0) {
		check_round_trip(&u);
		for (int i = 0; i < 8 && in.n > 0; i++) {
			char *ref = input_line(&in);

			check_resolve(&u, ref);
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
