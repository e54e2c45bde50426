/* SPDX-License-Identifier: MIT
 * cpool: idle connections kept for the next request to the same endpoint. Bounded in number (64) and age (15 s idle). A byte
 * or an end that arrives on an idle connection closes it. Loop thread.
 */
#ifndef HAUL_NET_CPOOL_H
#define HAUL_NET_CPOOL_H

#include "net/stream.h"

/* key: everything that must be equal for two requests to share a connection: scheme, host, port, proxy, TLS checks, client
 * certificate. Text made by the protocol; compared exactly. */
void cpool_put(struct net *n, const char *key, struct stream *s);  /* takes the stream */
struct stream *cpool_take(struct net *n, const char *key);         /* the youngest, or NULL; caller sets the owner */

#endif
