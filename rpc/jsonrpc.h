/* SPDX-License-Identifier: MIT
 * JSON-RPC 2.0 as aria2 speaks it: from the text of a request (one call or a batch; POST body, GET query or WebSocket
 * message) to the text of its answer. Knows no connection. Loop thread.
 */
#ifndef HAUL_RPC_JSONRPC_H
#define HAUL_RPC_JSONRPC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "rpc/call.h"

#define JSONRPC_TOO_LARGE "The answer is too large: ask for fewer entries or keys."
#define JSONRPC_BUSY	  "Too many large answers are under way: ask again, or for fewer entries or keys."
#define JSONRPC_ANSWER_MAX (64u << 20) /* bytes of one answer; above it an error asks for fewer entries */
#define JSONRPC_SUM_MAX	   (128u << 20) /* bytes of all answers under way (rpc_env.answers), but for ... */
#define JSONRPC_FREE	   (64u << 10) /* ... so many of each: small ones get through beside those who read slowly */

/* An answer and what must happen before it may leave. */
struct reply {
	struct buf out;
	struct rpc_env *env; /* whose `answers` has `counted` bytes of out in it; NULL: nothing was counted */
	size_t counted;
	size_t max;      /* JSONRPC_ANSWER_MAX; tests have less of it */
	int status;      /* HTTP status: 200, 400, 500 */
	bool single;     /* not a batch */
	bool changed;    /* wait until the engine's changes are durable */
	unsigned bad;    /* unauthorized calls in it: hold it back for a while */
	bool good;       /* a right token was shown (or none is needed) */
	struct rest *rest; /* entries of a long list that jsonrpc_more has still to write; owned, NULL: none */
	struct save *save; /* wait until this session file is written; owned, NULL: none */
	bool xml;        /* out is to be turned into XML-RPC before it leaves (xmlrpc.h) */
	bool multicall;  /* for xmlrpc.h: out is the answer to a system.multicall */
	char *callback;  /* JSONP function name, or NULL; owned */
	json_t *ids;     /* ids of the calls for jsonrpc_all_failed: an array (batch) or one value */
};

void reply_init(struct reply *r);
void reply_free(struct reply *r);

/* Answers the n bytes at text, read as leniently as lenient.h does; leaves a whole answer in r (initialised), or the beginning
 * of one with a long list, which jsonrpc_more completes. */
void jsonrpc_text(const struct caller *who, const char *text, size_t n, struct reply *r);
/* The same for a request that is parsed already; v stays the caller's. */
void jsonrpc_value(const struct caller *who, json_t *v, struct reply *r);
/* The same for the query of a GET ("method=...&id=...", without '?'; may be NULL). JSONP needs the option
 * rpc-allow-jsonp and a plain callback name. */
void jsonrpc_query(const struct caller *who, const char *query, struct reply *r);
/* Some more of a long list: true when the answer is whole. */
bool jsonrpc_more(struct reply *r, struct engine *e);
/* The answer to something that is no request at all: -32600, id null. */
void jsonrpc_invalid(struct reply *r);
/* Replaces a finished answer: every call of it failed after all, for this reason. */
void jsonrpc_all_failed(struct reply *r, const char *why);

#endif
