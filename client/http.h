/* SPDX-License-Identifier: MIT
 * The little HTTP/1.1 that a client of the daemon needs: one POST and its answer, and the WebSocket upgrade.
 */
#ifndef HAUL_CLIENT_HTTP_H
#define HAUL_CLIENT_HTTP_H

#include "base/buf.h"
#include "client/conn.h"

#define HTTP_BODY_MAX (256u << 20) /* bytes of an answer's body; longer ones are refused */

struct http_answer {
	int status;
	bool keep; /* the connection can be used for the next request */
	bool any; /* at least one byte of an answer came: false after an error means that a kept connection was stale */
	struct buf body;
};

/* A POST of a JSON body. 0 with *a filled for any status, or a negative error. Free a->body in any case. */
int http_post(
	struct conn *c, const struct endpoint *ep, const char *body, size_t n, struct http_answer *a, struct fail *f);

/* GET with Upgrade: websocket (RFC 6455 4.1), checking Sec-WebSocket-Accept. Bytes that came after the answer's head
 * are put into rest. 0, or ERR_PROTO when the other side does not speak WebSocket. */
int http_upgrade(struct conn *c, const struct endpoint *ep, struct buf *rest, struct fail *f);

#endif
