/* SPDX-License-Identifier: MIT
 * struct cookie_jar: the cookies of the process (RFC 6265), bounded in number and size. Cookies only come in where their
 * sender may set them (public suffixes are refused) and only go out where they belong: host, path, https, not expired.
 * Values are secrets: never logged. Loop thread.
 */
#ifndef HAUL_PROTO_COOKIE_H
#define HAUL_PROTO_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uri.h"

#define COOKIE_BYTES_MAX  4096		/* of name and value together */
#define COOKIE_PATH_MAX	  1024
#define COOKIE_HOST_MAX	  50		/* cookies of one host or domain; the one not used for longest goes */
#define COOKIE_ALL_MAX	  3000		/* in all, likewise */
#define COOKIE_HEADER_MAX (16 * 1024)	/* bytes of a Cookie field; what does not fit is left out */

/* Texts are owned by whoever made it. */
struct cookie {
	char *name, *value;
	char *domain;	 /* lower case, no dot in front */
	char *path;	 /* begins with '/' */
	int64_t expires; /* epoch; -1: at the end of the session */
	bool host_only;	 /* for exactly this host; else for names below it too */
	bool secure;	 /* for https only */
	bool http_only;	 /* kept for cookie files; we run no scripts */
};

struct cookie_jar;

struct cookie_jar *cookie_jar_new(void);
void cookie_jar_free(struct cookie_jar *j); /* wipes; NULL is fine */
size_t cookie_jar_count(const struct cookie_jar *j);

/* A Set-Cookie value of an answer to a request for `from`; now: epoch. What may not be set is passed over. */
void cookie_jar_receive(struct cookie_jar *j, const struct uri *from, const char *set_cookie, int64_t now);

/* A cookie from a file; copied. It takes the place of one with the same name, domain and path; an expired one only
 * removes that. 0, or ERR_INVAL: not usable (too large, control characters, for a public suffix ...). */
int cookie_jar_put(struct cookie_jar *j, const struct cookie *c, int64_t now);

/* Value of the Cookie field for a request to `to`, malloc'd, NULL: none. To be freed by cookie_wipe. */
char *cookie_jar_header(struct cookie_jar *j, const struct uri *to, int64_t now);
void cookie_wipe(char *text); /* NULL is fine */

/* All cookies, the one not used for longest first: the first one (prev NULL), or the one after prev; NULL at the end. */
const struct cookie *cookie_jar_next(const struct cookie_jar *j, const struct cookie *prev);

#endif
