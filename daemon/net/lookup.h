/* SPDX-License-Identifier: MIT
 * getaddrinfo on threads of its own: a name server that doesn't answer holds one up for tens of seconds, which nothing can break
 * off, so that a pool shared with files would stand still for a few dead names. A thread gets a copy of the name and returns a
 * list; the rest is the loop thread's.
 */
#ifndef HAUL_NET_LOOKUP_H
#define HAUL_NET_LOOKUP_H

#include <netdb.h>
#include <stdbool.h>

struct loop;
struct lookups;
struct lookup;

#define LOOKUPS_MAX 64 /* that run at a time; others wait, and the newest is next: those that wait for long are given up soon */

struct lookups *lookups_new(struct loop *l);
void lookups_free(struct lookups *s); /* those under way end by themselves; their callbacks are not called */

/* status: 0 or EAI_*; ai is valid during the call. lk is gone. */
typedef void (*lookup_cb)(void *arg, int status, const struct addrinfo *ai);

/* family: AF_INET or AF_UNSPEC. cb is called once, never before this returns. */
struct lookup *lookup_start(struct lookups *s, const char *host, int family, lookup_cb cb, void *arg);
bool lookup_waits(const struct lookup *lk); /* it has not begun */
void lookup_drop(struct lookup *lk); /* cb is not called; if it has not begun, it never will */

#endif
