/* SPDX-License-Identifier: MIT
 * WebSocket to the daemon (RFC 6455, frames by wslay): text messages out and in.
 */
#ifndef HAUL_CLIENT_WS_H
#define HAUL_CLIENT_WS_H

#include "client/conn.h"

struct ws;

/* Upgrade an open connection. On success ws owns c; on error the caller still does. */
int ws_open(struct conn *c, const struct endpoint *ep, struct ws **ret, struct fail *f);
void ws_close(struct ws *w); /* says goodbye, closes the connection; NULL is fine */
int ws_fd(const struct ws *w);
int ws_send(struct ws *w, const char *text, size_t n, struct fail *f);
/* Read what is there without waiting: 0, or an error when the connection ended. */
int ws_pump(struct ws *w, struct fail *f);
/* Wait until something can be read, as conn_wait. */
int ws_wait(struct ws *w, struct fail *f);
/* The next message, malloc'd and NUL-terminated, or NULL. */
char *ws_next(struct ws *w, size_t *ret_len);

#endif
