/* SPDX-License-Identifier: MIT
 * Which way a request goes: straight, or through the proxy that the options name for its URI. No state; loop thread.
 */
#ifndef HAUL_PROTO_PROXY_H
#define HAUL_PROTO_PROXY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/uri.h"

struct opts;

enum proxy_kind {
	PROXY_NONE,
	PROXY_FORWARD, /* an HTTP proxy that is asked for the whole URI (RFC 9112 3.2.2) */
	PROXY_CONNECT, /* an HTTP proxy that makes a tunnel (RFC 9110 9.3.6) */
	PROXY_SOCKS5,  /* RFC 1928, names are looked up here */
	PROXY_SOCKS5H, /* the same, names are looked up by the proxy */
};

#define PROXY_SOCKS_PORT 1080
#define PROXY_LOGIN_MAX	 255 /* bytes of a user name and of a password for SOCKS (RFC 1929 section 2) */

/* Owned texts; zeroed is no proxy. proxy_free. */
struct proxy {
	enum proxy_kind kind;
	char *host; /* name or literal address, without brackets */
	uint16_t port;
	char *user, *passwd; /* NULL: no login */
	char *authorization; /* HTTP proxies: value of Proxy-Authorization, or NULL */
};

/* The proxy for uri: that of its scheme's option, else all-proxy; an empty option, or a host of no-proxy, means none.
 * User and password options go before those in the proxy's URI. 0; ERR_INVAL: a login that can't be sent. */
int proxy_choose(const struct uri *uri, const struct opts *o, struct proxy *ret, struct fail *f);
void proxy_free(struct proxy *p); /* wipes the secrets */

bool proxy_tunnels(const struct proxy *p); /* the way is a tunnel: see tunnel.h */

/* The host (of a struct uri) is in the list of no-proxy: "name", ".suffix" or "*.suffix" (of names, not the name itself), an
 * address, "address/bits" (for literal addresses only: names are not looked up), each maybe with ":port", or "*". */
bool proxy_is_exempt(const char *no_proxy, const char *host, uint16_t port);

#endif
