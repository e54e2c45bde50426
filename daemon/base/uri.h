/* SPDX-License-Identifier: MIT
 * URIs (RFC 3986) as a downloader needs them: parse, normalise, resolve a redirect, compare origins, find the file name.
 */
#ifndef HAUL_BASE_URI_H
#define HAUL_BASE_URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct buf;

#define URI_MAX 16384 /* bytes; longer ones are refused */

/* Owned parts, each malloc'd or NULL; uri_free. */
struct uri {
	char *scheme;   /* lower case */
	char *user;     /* percent-decoded userinfo before ':', or NULL */
	char *passwd;   /* percent-decoded, or NULL */
	char *host;     /* lower case; IDN as xn--; IPv6 without brackets; one trailing dot kept */
	bool ipv6;      /* host is a literal IPv6 address */
	uint16_t port;  /* explicit or the scheme's (http 80, https 443, ftp 21; 0 for unknown schemes) */
	char *path;     /* begins with '/', unsafe bytes percent-encoded, never NULL */
	char *query;    /* without '?', or NULL */
	char *fragment; /* without '#', or NULL; never sent */
};

/* Bytes outside the URI set (blank, quotes, <>\^`{|}, non-ASCII, control) are percent-encoded; existing %XX and [ ] stay.
 * 0 or ERR_BAD_URI; *ret is written on success only. Needs "scheme://host". */
int uri_parse(const char *text, size_t n, struct uri *ret, struct fail *f);
void uri_free(struct uri *u);

/* What addUri stores for a given text: the same text with unsafe bytes percent-encoded, malloc'd; NULL when it is no URI. */
char *uri_normalise(const char *text);

/* text (absolute, "//host/x", "/x", "x", "?q") relative to base: 0 or ERR_BAD_URI. RFC 3986 5.2, dot segments removed. */
int uri_resolve(const struct uri *base, const char *text, size_t n, struct uri *ret, struct fail *f);

/* malloc'd text; userinfo and fragment left out, so it may be shown and logged. Signed queries are still in it: use
 * uri_show_short for logs. */
char *uri_text(const struct uri *u);
/* For programs, malloc'd: the text as it is, but without userinfo; of one that is no URI, what stands behind its last '@'. */
char *uri_without_login(const char *text);
/* For people and logs: the same with the query cut to "?...", and without fragment. Of a text that is no URI and has a '?' or '#'
 * before its last '@' only "?..." is shown. Safe to print. Returns buf. */
const char *uri_show_short(const char *text, char *buf, size_t size);
/* malloc'd "path?query": the request target of RFC 9112 3.2.1; and the same behind what is in out. */
char *uri_target(const struct uri *u);
void uri_put_target(const struct uri *u, struct buf *out);
/* malloc'd "host" or "host:port" for the Host field: the port left out when it is the scheme's own, IPv6 in brackets. */
char *uri_hostport(const struct uri *u);
void uri_put_hostport(const struct uri *u, struct buf *out);
bool uri_same_origin(const struct uri *a, const struct uri *b); /* scheme, host, port */

#endif
