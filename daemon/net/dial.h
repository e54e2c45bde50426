/* SPDX-License-Identifier: MIT
 * Connecting by name: all addresses in turn, families alternating, a new attempt every 250 ms or as soon as one fails; the
 * first that connects wins (Happy Eyeballs, RFC 8305 sections 4 and 5). Loop thread.
 */
#ifndef HAUL_NET_DIAL_H
#define HAUL_NET_DIAL_H

#include <stdint.h>

#include <stdbool.h>

#include "base/err.h"
#include "net/zone.h"

struct net;
struct dial;
struct sock;

/* err 0: k is connected and now the callee's. The dial is gone. */
typedef void (*dial_cb)(void *arg, int err, const struct fail *f, struct sock *k);

/* Only the addresses are tried that zone_check lets pass for `from`; ERR_DENIED when there is none. cb is called once, never
 * before this returns. No deadline here: the caller has one and cancels. */
struct dial *dial_start(struct net *n, const char *host, uint16_t port, enum zone from, dial_cb cb, void *arg);
bool dial_resolving(const struct dial *d); /* no address is known yet */
void dial_cancel(struct dial *d); /* cb is not called; NULL is fine */

#endif
