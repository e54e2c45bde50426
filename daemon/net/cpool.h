/* SPDX-License-Identifier: MIT
 * cpool: idle connections kept for the next request to the same endpoint. Bounded in number (64) and age (15 s idle). An end
 * that arrives on an idle connection closes it. A byte tells that the peer sends more than its answers: from then on none of its
 * connections is used twice; and until one was seen to stay quiet for a moment (20 ms), none is either. Loop thread.
 */
#ifndef HAUL_NET_CPOOL_H
#define HAUL_NET_CPOOL_H

#include "net/stream.h"

/* key: everything that must be equal for two requests to share a connection: scheme, host, port, proxy, TLS checks, client
 * certificate. Text made by the protocol; compared exactly. */
void cpool_put(struct net *n, const char *key, struct stream *s);  /* takes the stream */
/* Something came behind an answer under that key: none of its connections is kept. */
void cpool_noisy(struct net *n, const char *key);
struct stream *cpool_take(struct net *n, const char *key);         /* the youngest, or NULL; caller sets the owner */

#endif
