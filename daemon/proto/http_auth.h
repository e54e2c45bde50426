/* SPDX-License-Identifier: MIT
 * Who we say we are to an origin: Basic authentication (RFC 7617). Loop thread.
 */
#ifndef HAUL_PROTO_HTTP_AUTH_H
#define HAUL_PROTO_HTTP_AUTH_H

#include <stdbool.h>

#include "base/uri.h"

struct opts;

/* Value of the Authorization field for a request to uri, malloc'd (http_auth_free), or NULL: the URI's own userinfo
 * first, then, only when own_origin, http-user and http-passwd. *ret_ask_first: send it only after the server asked
 * (http-auth-challenge; never for userinfo, as in aria2). */
char *http_auth(const struct uri *uri, bool own_origin, const struct opts *o, bool *ret_ask_first);

/* Wipes and frees; NULL is fine. */
void http_auth_free(char *secret);

/* One WWW-Authenticate value names the Basic scheme among its challenges. */
bool http_auth_asks_basic(const char *www_authenticate);

#endif
