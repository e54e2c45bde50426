/* SPDX-License-Identifier: MIT
 * WebSockets (RFC 6455, frames by wslay): a message is a request or a batch. Answers leave in order, but for
 * unauthorized ones, which are held back alone. Notifications go to those that have shown the token.
 */
#ifndef HAUL_RPC_WS_H
#define HAUL_RPC_WS_H

#include <stdbool.h>
#include <stddef.h>

struct conn;

/* Answers the handshake and turns the connection into a WebSocket. key: Sec-WebSocket-Key. false: there
 * is no memory for it, and nothing has been answered. */
bool ws_start(struct conn *c, const char *key);
void ws_free(struct conn *c); /* of a connection that closes; nothing for HTTP ones */
/* Takes frames and answers messages. True: call again. */
bool ws_work(struct conn *c);
/* Sends a notification, if the client may have it; a client that does not read is dropped. */
void ws_notify(struct conn *c, const char *text, size_t n);
/* The server ends: close 1001, then the end once all is sent. */
void ws_end(struct conn *c);

#endif
