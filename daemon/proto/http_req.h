/* SPDX-License-Identifier: MIT
 * The text of a request: request line and header fields, in aria2's order. No state; loop thread.
 */
#ifndef HAUL_PROTO_HTTP_REQ_H
#define HAUL_PROTO_HTTP_REQ_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/uri.h"
#include "proto/proto.h"

#define HTTP_REQ_MAX (256 * 1024) /* bytes of a whole request */

struct http_req {
	const struct fetch_req *fetch;
	const struct uri *uri;	   /* of fetch->uri */
	bool own_origin;	   /* uri is of the origin the user named: his header fields may go there */
	const char *authorization; /* value, or NULL */
	const char *cookie;	   /* value, or NULL */
	bool to_proxy;		   /* a proxy gets this request: the target is the whole URI (RFC 9112 3.2.2) */
	const char *proxy_authorization; /* value, or NULL; only with to_proxy */
};

/* Appends the request to out (a struct buf of at most HTTP_REQ_MAX). *ret_codings: content codings were asked for. 0;
 * ERR_INVAL: a value that may not be sent (control characters, a broken `header` line); ERR_LIMIT. */
int http_req_build(const struct http_req *r, struct buf *out, bool *ret_codings, struct fail *f);

/* Appends what of the user's own header fields may say who asks: all but those known to be harmless. */
void http_req_identity(const struct http_req *r, struct buf *out);

/* The request is for a part of the body. */
bool http_req_ranged(const struct fetch_req *fetch);

#endif
