/* SPDX-License-Identifier: MIT
 * The RPC server: aria2-compatible JSON-RPC over HTTP and WebSocket on one port. Loop thread.
 */
#ifndef HAUL_RPC_RPC_H
#define HAUL_RPC_RPC_H

#include <stdint.h>

#include "base/err.h"

struct engine;
struct opts;
struct rpc;

struct rpc_conf {
	struct engine *engine; /* outlives the server */
	struct opts *opts;     /* the rpc-* options; a reference is taken */
	int inherited_fd;      /* a listening socket from socket activation, or -1 */
};

/* Listens on 127.0.0.1 and ::1 (rpc-listen-address, rpc-listen-all, rpc-socket say otherwise). 0; or ERR_PORT with a
 * text naming port and address; or ERR_USAGE when other machines could call without a secret. Only IPv6 being
 * impossible is no error. */
int rpc_new(const struct rpc_conf *c, struct rpc **ret, struct fail *f);
uint16_t rpc_port(const struct rpc *r); /* TCP port listened on; 0 for an inherited Unix socket */
/* The process is about to end. Accepts no more, closes what is idle, and sends what is being answered (each connection closes
 * itself then). A connection over which the end was asked for stays open until the process is gone, so that its peer can wait for
 * that. Idempotent. */
void rpc_close(struct rpc *r);
void rpc_free(struct rpc *r); /* NULL is fine; drops what rpc_close left */

#endif
