/* SPDX-License-Identifier: MIT
 * Who we say we are to an origin: Basic authentication (RFC 7617). Loop thread.
 */
#ifndef HAUL_PROTO_HTTP_AUTH_H
#define HAUL_PROTO_HTTP_AUTH_H

#include <stdbool.h>

#include "base/uri.h"

struct netrc;
struct opts;

/* Whom a request goes to, and what is known about the user there. */
struct http_auth_req {
	const struct uri *uri;
	const struct uri *named; /* the URI that the user gave; its userinfo counts as uri's when own_origin; may be NULL */
	bool own_origin;	 /* uri is of the origin of `named` */
	const struct opts *opts;
	const struct netrc *netrc; /* NULL: none */
};

/* Value of the Authorization field, malloc'd (http_auth_free), or NULL: the URI's own userinfo first, then, only when
 * own_origin, http-user and http-passwd, then the .netrc entry of exactly this host: for another origin than the user
 * named over https at its own port only, so that no redirect gets it in clear, nor leads it to another server on that host.
 * *ret_ask_first: send it only after the server asked (http-auth-challenge; never for userinfo, as in aria2). */
char *http_auth(const struct http_auth_req *r, bool *ret_ask_first);

/* "Basic ..." (RFC 7617), malloc'd, http_auth_free; passwd may be NULL. */
char *http_auth_basic(const char *user, const char *passwd);

/* Wipes and frees; NULL is fine. */
void http_auth_free(char *secret);

/* One WWW-Authenticate value names the Basic scheme among its challenges. */
bool http_auth_asks_basic(const char *www_authenticate);

#endif
