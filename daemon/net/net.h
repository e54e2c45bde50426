/* SPDX-License-Identifier: MIT
 * struct net: what all connections share: resolver cache, TLS settings and sessions, pool of idle connections, fixed names.
 * One per loop. Loop thread.
 */
#ifndef HAUL_NET_NET_H
#define HAUL_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct loop;
struct net;
struct opts;

/* Options read: ca-certificate, certificate, private-key, check-certificate, min-tls-version, disable-ipv6, interface,
 * socket-recv-buffer-size, dscp, resolve. 0, or the reason (a CA file that can't be read is an error, a missing default
 * bundle a warning until the first https URI). */
int net_new(struct loop *l, const struct opts *o, struct net **ret, struct fail *f);
void net_free(struct net *n); /* closes the idle connections; all streams must have been closed by their owners */
struct loop *net_loop(struct net *n);

#endif
