/* SPDX-License-Identifier: MIT
 * Who may speak: the token, HTTP Basic, and which web pages (Host against DNS rebinding, Origin against foreign
 * pages). Pure functions over the options; no state.
 */
#ifndef HAUL_RPC_AUTH_H
#define HAUL_RPC_AUTH_H

#include <stdbool.h>

#include "base/opt.h"

/* Wrong tokens of one request that are looked at; after that no token of it is right any more, so that a batch of
 * guesses is worth no more than a few requests. */
#define AUTH_GUESSES 3

/* A secret is set, so calls need a token. */
bool auth_needs_token(const struct opts *o);
/* text is "token:SECRET"; NULL is wrong. Constant time for equal lengths. True when no secret is set. */
bool auth_token(const struct opts *o, const char *text);

bool auth_needs_basic(const struct opts *o);
/* Value of the Authorization field ("Basic BASE64"), may be NULL. */
bool auth_basic(const struct opts *o, const char *field);

/* The Host field may be that of a caller, and not of a page that made its name point here (DNS rebinding), whose requests
 * are of the same origin to the browser: a literal address, localhost, the system's own name, rpc-listen-address, or one of
 * rpc-allowed-host. With a secret, which such a page does not know, also a name that is none of the internet's, and any at
 * all where rpc-allow-origin-all lets foreign pages ask in the open. NULL: false. */
bool auth_host(const struct opts *o, const char *host);

/* What a browser says about the page behind a request; each may be NULL. */
struct auth_page {
	const char *origin;    /* Origin */
	const char *site;      /* Sec-Fetch-Site */
	const char *host;      /* Host */
	bool get;              /* a GET over TCP that asks for no WebSocket: a browser may send it without Origin */
	bool jsonp;            /* a GET with a callback */
};
/* The request does not come from a page of another origin, or those are allowed. Extensions of the user's own browser
 * (origins that no page can have) are no pages. Without a secret and TLS a GET must be to an address of the loopback:
 * at other ones, 0.0.0.0 or the machine's name, browsers send no Sec-Fetch-Site, and a page's image looks like curl. */
bool auth_page(const struct opts *o, const struct auth_page *p);

#endif
