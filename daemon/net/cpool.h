/* SPDX-License-Identifier: MIT
 * cpool: idle connections kept for the next request to the same endpoint. Bounded in number (64) and age (15 s idle). An end
 * that arrives on an idle connection closes it. A byte tells that the peer sends more than its answers: from then on none of its
 * connections is used twice; and until one was seen to stay quiet for a moment (20 ms), none is either. Spares are connections
 * that were dialled before anybody asked for them; each is there for a second. Loop thread.
 */
#ifndef HAUL_NET_CPOOL_H
#define HAUL_NET_CPOOL_H

#include "net/stream.h"

/* key: everything that must be equal for two requests to share a connection: scheme, host, port, proxy, TLS checks, client
 * certificate. Text made by the protocol; compared exactly. */
void cpool_put(struct net *n, const char *key, struct stream *s);  /* takes the stream */
/* Something came behind an answer under that key: none of its connections is kept. */
void cpool_noisy(struct net *n, const char *key);
/* One that was used, the youngest first, else a spare, which may not be open yet (stream_is_open); NULL: none. The caller sets
 * the owner. */
struct stream *cpool_take(struct net *n, const char *key);
/* cpool_take finds none only because those that are there were not quiet for long enough yet: ms until one may be. 0: it is not
 * so, or a new connection is there as soon. */
unsigned cpool_soon(const struct net *n, const char *key);
/* n spares to `to` are dialled. None where spares under that key turned out to be of no use before. */
void cpool_dial(struct net *n, const char *key, const struct dial_req *to, unsigned count);
/* Who wanted them has no use for those that are left. */
void cpool_drop_spares(struct net *n, const char *key);

#endif
