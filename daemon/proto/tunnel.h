/* SPDX-License-Identifier: MIT
 * struct tunnel: a connection to an origin made by a proxy: HTTP CONNECT (RFC 9110 9.3.6) or SOCKS5 (RFC 1928, 1929). The
 * proxy learns the origin's host and port and its own login, nothing else of the request. Loop thread.
 */
#ifndef HAUL_PROTO_TUNNEL_H
#define HAUL_PROTO_TUNNEL_H

#include "base/err.h"
#include "net/zone.h"
#include "proto/proxy.h"

struct net;
struct stream;
struct tunnel;

struct tunnel_req {
	const struct proxy *proxy; /* one that proxy_tunnels; not copied: must outlive the tunnel, as must target */
	const struct uri *target;
	const char *user_agent; /* copied; NULL or "": none */
	enum zone from; /* of addresses that are looked up here (SOCKS5) only those are asked for that zone_check lets pass */
	uint64_t timeout_ms;	/* to connect and to be answered; 0: no limit */
};

/* err 0: s is an open plain stream to the target, without an owner: the callee takes it (stream_set_owner,
 * stream_start_tls). Else f says why. The tunnel is gone. Not called before tunnel_start returns. */
typedef void (*tunnel_cb)(void *arg, int err, const struct fail *f, struct stream *s);

/* ERR_AUTH: the proxy asks for a login or refuses it; ERR_STATUS, ERR_STATUS_5XX: it will not; ERR_PROTO, ERR_LIMIT: its
 * answer is wrong, or bytes come behind it; ERR_DENIED; ERR_CONNECT: it could not; or what connecting failed with. */
struct tunnel *tunnel_start(struct net *n, const struct tunnel_req *req, tunnel_cb cb, void *arg);
void tunnel_cancel(struct tunnel *t); /* cb is not called; NULL is fine */

#endif
