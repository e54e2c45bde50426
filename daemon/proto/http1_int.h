/* SPDX-License-Identifier: MIT
 * What the files of an HTTP/1.1 fetch share: struct http1. Private to http1.c (which runs it) and http1_ask.c (what it asks for).
 */
#ifndef HAUL_PROTO_HTTP1_INT_H
#define HAUL_PROTO_HTTP1_INT_H

#include "base/buf.h"
#include "base/obj.h"
#include "base/uri.h"
#include "ev/loop.h"
#include "ev/timer.h"
#include "proto/http_body.h"
#include "proto/http_head.h"
#include "proto/http_parse.h"
#include "proto/proto.h"
#include "proto/proxy.h"

enum fetch_state { FETCH_DIAL, FETCH_HEAD, FETCH_BODY, FETCH_DRAIN, FETCH_TAIL };

struct http1 {
	OBJ(HTTP1);
	struct net *net;
	struct loop *loop;
	const struct fetch_ops *ops;
	void *owner;
	/* fixed at the start */
	struct uri uri;
	struct proxy proxy;	 /* the way to it */
	char *user_agent;	 /* for the proxy */
	struct buf request;	 /* what is sent ... */
	struct buf auth_request; /* ... and instead of it after a 401; empty: nothing to add */
	char *key;		 /* of the connection pool */
	struct http_asked asked;
	bool keep_alive;
	bool check_certificate;
	unsigned beside;  /* connections to dial once this one is there */
	bool has_spares;  /* that was done */
	enum zone from;	  /* of the request */
	uint64_t connect_timeout_ms, timeout_ms;
	/* running */
	enum fetch_state state;
	struct tunnel *tunnel; /* DIAL: a proxy is making it */
	struct stream *s;
	struct http_parser parser;
	struct http_body body;
	struct timer timer;
	struct deferred turn; /* resume, and the end of TAIL */
	uint64_t since;	      /* the last sign of life that counts for the deadline */
	size_t low;	      /* low water of the connection; 0: as they come */
	bool reused;	      /* the connection had served another request before */
	bool answered;	      /* a byte of the answer has come */
	bool keep;	      /* the connection can go to the pool */
	bool paused;	      /* the owner had no space */
	bool direct;	      /* the last span was the owner's memory */
	bool pumping;
	bool lost; /* the body breaks off, `why` says how; the bytes before that are handed out first */
	bool gone;
	unsigned holds;
	struct fail why;
	char junk;
};

/* Fills what is fixed at the start: the URI, the way to it, the requests, the key of the connection. 0 or ERR_*. */
int http1_ask(struct http1 *f, const struct fetch_req *req, struct fail *why);

#endif
