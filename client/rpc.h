/* SPDX-License-Identifier: MIT
 * JSON-RPC calls to the daemon, over HTTP or, after rpc_use_ws, over one WebSocket that also brings notifications.
 * Every exchange is a batch, so there is one way for one call and for ten thousand. JSON values are jansson's; "steals"
 * means that the reference is taken, also on error.
 */
#ifndef HAUL_CLIENT_RPC_H
#define HAUL_CLIENT_RPC_H

#include <jansson.h>

#include "client/conn.h"

struct rpc;

/* Takes over ep's strings and secret (malloc'd, NULL: none; wiped at the end). Does not connect yet. */
struct rpc *rpc_begin(struct endpoint *ep, char *secret, int intr_fd);
void rpc_end(struct rpc *r); /* NULL is fine */
/* The secret was not given for this URL but found: it is only for a daemon of this user on this machine. One of another
 * user, if it answers first, is talked to without it; later it gets nothing. */
void rpc_keep_secret_home(struct rpc *r);
const struct endpoint *rpc_endpoint(const struct rpc *r);

/* Connect now, to learn whether somebody answers: 0 or as conn_open, the text naming the URL. */
int rpc_connect(struct rpc *r, struct fail *f);
bool rpc_is_same_user(const struct rpc *r); /* as conn_is_same_user; false when not connected */
/* Switch to a WebSocket. On error calls still go over HTTP. */
int rpc_use_ws(struct rpc *r, struct fail *f);
void rpc_disconnect(struct rpc *r); /* the next call connects again, over HTTP */
/* As conn_wait_end, after an answer over HTTP; 0 when its connection was not kept. */
int rpc_wait_end(struct rpc *r, int ms, struct fail *f);

/* A batch: json_array() filled by rpc_add with the texts of calls (steals params, NULL: none; the secret is put in front where
 * the method wants it). */
void rpc_add(struct rpc *r, json_t *batch, const char *method, json_t *params);
/* Run the batch (stolen): 0 and one answer object for each call in its order in *ret; or a negative error of the
 * exchange. A large batch is sent in parts below the daemon's usual request size limit. */
int rpc_run(struct rpc *r, json_t *batch, json_t **ret, struct fail *f);
/* Result of answer i (borrowed), or NULL with the daemon's message in *f. */
json_t *rpc_result(const json_t *answers, size_t i, struct fail *f);
/* One call (steals params): the result as a new reference, or NULL. */
json_t *rpc_call(struct rpc *r, const char *method, json_t *params, struct fail *f);

/* Notifications. rpc_fd: to poll for reading, -1 without WebSocket. rpc_pump: take in what came. rpc_event: next one:
 * its method without "aria2." and its GID, or false. */
int rpc_fd(const struct rpc *r);
int rpc_pump(struct rpc *r, struct fail *f);
bool rpc_event(struct rpc *r, char ret_what[32], char ret_gid[17]);
/* Once after each time that notifications may have been lost: the WebSocket was, or too many were not taken. */
bool rpc_missed(struct rpc *r);

#endif
