/* SPDX-License-Identifier: MIT
 * struct net: what all connections share: resolver cache, TLS settings and sessions, pool of idle connections, fixed names.
 * One per loop. Loop thread.
 */
#ifndef HAUL_NET_NET_H
#define HAUL_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct http_state;
struct loop;
struct net;
struct opts;
struct resolver;

/* Options read: ca-certificate, certificate, private-key, check-certificate, min-tls-version, disable-ipv6, interface,
 * multiple-interface, socket-recv-buffer-size, dscp, congestion, resolve, allow-address, deny-address. 0, or the reason (a CA
 * file that can't be read, or an interface that is not there, is an error, a missing default bundle is a warning in the log at
 * the first https URI). o NULL: all defaults. Makes the process ignore SIGPIPE. */
int net_new(struct loop *l, const struct opts *o, struct net **ret, struct fail *f);
void net_free(struct net *n); /* closes the idle connections; all streams must have been closed by their owners */
struct loop *net_loop(struct net *n);
struct resolver *net_resolver(struct net *n);

/* What the protocols share beside connections (proto/http_state.h); owned by whoever made it, NULL until it is set. */
void net_set_http(struct net *n, struct http_state *h);
struct http_state *net_http(const struct net *n);

/* cb is called at each sign of life of a server: bytes, an orderly end, a connection that was accepted, refused or reset; not at
 * what clients of our own listeners do. cb NULL: nobody. */
void net_on_life(struct net *n, void (*cb)(void *arg), void *arg);
/* The kernel has no address but loopback and link-local ones on interfaces that are up: there is no way out. Any thread. */
bool net_offline(void);

/* Test seam: in the place of splice(2) from a socket to a pipe; NULL: the real one. */
void net_set_splice(struct net *n, ssize_t (*splice)(int from, int to, size_t n));
/* Test seam: no read hands an owner more than max bytes at once (0: no limit), for tests of split input. */
void net_set_chop(struct net *n, size_t max);

#endif
