/* SPDX-License-Identifier: MIT
 * struct conn: one accepted connection of the RPC server: its input window, its queue of output, its deadline. It
 * speaks HTTP first (http.h) and may become a WebSocket (ws.h). One request is worked on at a time; meanwhile nothing
 * is read. Life: made in the accept callback; conn_close at any time; the memory goes when the last conn_release has
 * returned. Loop thread.
 */
#ifndef HAUL_RPC_CONN_H
#define HAUL_RPC_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/obj.h"
#include "base/opt.h"
#include "ev/loop.h"
#include "ev/timer.h"
#include "net/stream.h"
#include "rpc/answer.h"
#include "rpc/call.h"
#include "rpc/http.h"

#define CONN_IN        16384        /* input window */
#define CONN_OUT_HIGH  (1u << 20)   /* no further request is begun while this much is unsent */
#define CONN_OUT_MAX   (4u << 20)   /* a WebSocket that lets notifications pile up to this is dropped */
#define CONN_PATIENCE  30000        /* ms for a whole request to come, and for the peer to take some of an answer */
#define CONN_MAX       256
#define BODY_SUM_MAX   (64u << 20)  /* bytes of all request bodies that are being received, but for ... */
#define BODY_FREE      (64u << 10)  /* ... so many of each: small calls get through beside those who fill the rest */

struct rpc;
struct ws;
struct chunk;

TAILQ_HEAD(conn_list, conn);
TAILQ_HEAD(chunk_list, chunk);

struct conn {
	OBJ(CONN);
	struct rpc *rpc;
	struct stream *s;        /* NULL once closed */
	bool same_user;          /* the kernel says that the daemon's own user or root is at the other end */
	struct caller who;       /* of the current request, or of the WebSocket */
	TAILQ_ENTRY(conn) link;  /* in rpc->conns: those that wait longest for a request come first */
	struct http http;
	struct ws *ws;           /* NULL: still HTTP */
	struct answer *answer;   /* the HTTP request being answered */
	struct chunk_list out;
	size_t queued;           /* bytes in out, counted in rpc->env.answers */
	struct deferred flush;   /* what was queued while `corked` goes out at the end of the turn */
	bool corked;             /* little of what is written now goes out at once */
	struct timer deadline;
	bool last;               /* close once everything is sent */
	bool awaits_end;         /* it was answered after the process was asked to end */
	bool processing;         /* conn_process is on the stack */
	unsigned holds;
	size_t in_pos, in_len;   /* bytes of `in` not yet looked at: [in_pos, in_len) */
	char in[CONN_IN];
};

/* What the connections of one server share; members of struct rpc that they may use. */
struct rpc {
	OBJ(RPC);
	struct rpc_env env;
	struct opts *opts;
	struct loop *loop;
	struct listener *listen[3];
	struct conn_list conns;
	unsigned n_conns;
	size_t body_sum;        /* of http.body over all connections, beyond BODY_FREE each */
	uint64_t patience;      /* ms: CONN_PATIENCE; tests have less of it */
	struct event_sub events;
	bool closing;
	bool told;              /* the log says already why strangers are refused */
	bool told_host;         /* and that a Host is not known */
	char owner[64];
};

void conn_accept(void *owner, struct stream *s); /* accept_cb; owner is the struct rpc */
void conn_close(struct conn *c);                 /* at once; idempotent */
void conn_finish(struct conn *c);                /* sends what is queued, then closes */
/* The process is about to end: as conn_finish, but who asked for it sees the end of the connection when the process is gone. */
void conn_farewell(struct conn *c);
void conn_hold(struct conn *c);
void conn_release(struct conn *c);
bool conn_alive(const struct conn *c);

/* Works on what has come; to be called after whatever held it up is over. Does nothing when it is on the stack
 * already. */
void conn_process(struct conn *c);
/* A request begins to come, or the wait for one begins: the deadline starts anew. */
void conn_expect(struct conn *c);
/* Sets the deadline that fits the state: of output while some is queued, of the request while one is awaited, else
 * none. */
void conn_arm(struct conn *c);

void conn_write(struct conn *c, const void *p, size_t n); /* copied */
void conn_write_buf(struct conn *c, struct buf *b);       /* takes its bytes; b is empty afterwards */
/* Too much is unsent to begin another request. */
bool conn_clogged(const struct conn *c);

#endif
