/* SPDX-License-Identifier: MIT
 * Which addresses may be asked: what a server outside says (a redirect) must not make hauld ask for it what only machines within
 * the network, or this machine, can reach. Decided on the address that is connected to, so that a name that changes its mind
 * between two lookups gains nothing. Loop thread.
 */
#ifndef HAUL_NET_ZONE_H
#define HAUL_NET_ZONE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

struct net;
struct net_conf;
struct addrs;
struct zone_rules;

/* From inside to outside. A redirect may lead outward, or to its own kind. */
enum zone {
	ZONE_LOCAL,   /* this machine: loopback, unspecified */
	ZONE_PRIVATE, /* RFC 1918, RFC 6598 (CGNAT), RFC 4193 (ULA), benchmarks, local NAT64 */
	ZONE_PUBLIC,
	ZONE_NEVER, /* link-local (clouds give out credentials there), multicast, reserved: only allow-address opens it */
};

/* Addresses that carry an IPv4 one (v4-mapped, v4-compatible, NAT64, 6to4) are what that one is. */
enum zone zone_of(const struct sockaddr *sa);
/* Of the host of a URI that a proxy looks up: a number in any form that getaddrinfo takes, or a name of the loopback; else
 * PUBLIC. */
enum zone zone_of_name(const char *host);

/* localhost and what lies below it, with or without the root's dot: never a name server's matter (RFC 6761 6.3). */
bool zone_is_localhost(const char *host);

/* May sa (with its port) be asked for `host`? from: the outermost that has had a say, LOCAL: only the user. In this order: the
 * listeners of this net that are its own (listen_req) never; allow-address always; deny-address and NEVER not; else when it is
 * not further in than `from`. 0 or ERR_DENIED. */
int zone_check(const struct net *n, const char *host, const struct sockaddr *sa, enum zone from, struct fail *f);
/* The same through a proxy, which looks up the name: only numbers and names of the loopback can be told. */
int zone_check_name(const struct net *n, const char *host, uint16_t port, enum zone from, struct fail *f);
/* Takes from a what may not be asked. 0, or ERR_DENIED when nothing is left: why the first one is not. */
int zone_filter(const struct net *n, const char *host, struct addrs *a, enum zone from, struct fail *f);

struct zone_rules *zone_rules_new(const struct net_conf *c);
void zone_rules_free(struct zone_rules *r);

#endif
