/* SPDX-License-Identifier: MIT
 * struct http: the HTTP/1.1 side of a connection (RFC 9112, by llhttp): collects one request at a time within limits;
 * serve.h answers it. Requests that come behind it wait in the input window.
 */
#ifndef HAUL_RPC_HTTP_H
#define HAUL_RPC_HTTP_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define HTTP_HEAD_MAX 16384 /* bytes of request line, fields and trailers */
#define HTTP_NAME_MAX 40    /* longer field names are of no interest */

/* X(id, name in lower case): the fields that are looked at. */
#define HTTP_FIELDS(X) X(HOST, "host") X(ORIGIN, "origin") X(AS_USER, "haul-as-user") X(FETCH_SITE, "sec-fetch-site") \
	X(AUTHORIZATION, "authorization") X(EXPECT, "expect") X(ACCEPT_ENCODING, "accept-encoding") X(CONNECTION, "connection") \
	X(UPGRADE, "upgrade") X(WS_KEY, "sec-websocket-key") X(WS_VERSION, "sec-websocket-version") \
	X(CORS_METHOD, "access-control-request-method") X(CORS_HEADERS, "access-control-request-headers") \
	X(CORS_PRIVATE, "access-control-request-private-network")
enum http_field {
#define X(id, name) HTTP_##id,
	HTTP_FIELDS(X)
#undef X
	HTTP_FIELD_COUNT
};

/* Why a request is refused while it still comes. */
enum http_refusal { HTTP_OK, HTTP_DROP, HTTP_BAD, HTTP_BIG_HEAD, HTTP_NO_JSON };

struct http {
	llhttp_t parser;
	char name[HTTP_NAME_MAX + 1]; /* of the field being read */
	size_t name_len;
	int field;                    /* enum http_field being read, or -1 */
	bool in_value;
	size_t value;                 /* in_value: where in head the one being read begins */
	bool head_done;
	bool whole;                   /* a request is complete */
	bool keep;                    /* the connection may serve another one */
	bool twice;                   /* a Host field came twice */
	size_t head_bytes;
	size_t counted;               /* of body, in rpc->body_sum */
	enum http_refusal refusal;
	struct buf url;
	struct buf head;                  /* values of the fields, each ended by NUL */
	size_t val[HTTP_FIELD_COUNT];     /* 1 + offset in head; 0: not there, or not whole yet */
	struct buf body;
};

struct conn;

void http_init(struct conn *c);
void http_free(struct conn *c);
/* Takes what has come until a request is whole and answers it. True: call again. */
bool http_work(struct conn *c);
/* Ready for the next request. */
void http_reset(struct conn *c);
/* Value of a field of the request, NULL when absent. */
const char *http_value(const struct conn *c, enum http_field f);
/* The value is a comma-separated list with this word (any case, alone without parameters). */
bool http_has_word(const char *value, const char *word);

#endif
