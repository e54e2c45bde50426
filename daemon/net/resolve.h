/* SPDX-License-Identifier: MIT
 * Names to addresses: literals, the `resolve` option, and getaddrinfo on threads of its own with a small cache. Equal lookups
 * at the same time are one. Loop thread.
 */
#ifndef HAUL_NET_RESOLVE_H
#define HAUL_NET_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

struct net;
struct resolver;
struct resolve;

#define RESOLVE_MAX 16 /* addresses of one name that are used */

struct addrs {
	unsigned n;
	struct sockaddr_storage a[RESOLVE_MAX]; /* with the port, in the order of the system's preference (RFC 6724) */
};

/* err 0: a holds at least one address. a and f are valid during the call only. */
typedef void (*resolve_cb)(void *arg, int err, const struct fail *f, const struct addrs *a);

/* Lets glibc read its configuration while the process has one thread: a lookup that can't get memory for that, on the pool,
 * leaves glibc 2.36 locked for ever. false: no memory. */
bool resolver_prepare(void);

struct resolver *resolver_new(struct net *n);
void resolver_free(struct resolver *r); /* no request may be open; lookups under way end by themselves */

/* host: name or literal address without brackets. cb is called once, never before this returns; the handle is valid until
 * then. */
struct resolve *resolve_start(struct resolver *r, const char *host, uint16_t port, resolve_cb cb, void *arg);
void resolve_cancel(struct resolve *q); /* cb is not called; NULL is fine */

#endif
