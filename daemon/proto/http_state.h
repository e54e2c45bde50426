/* SPDX-License-Identifier: MIT
 * struct http_state: what all HTTP requests of the process share: the cookie jar and the .netrc. One per net
 * (net_set_http). Loop thread; files are read and written on the thread that calls.
 */
#ifndef HAUL_PROTO_HTTP_STATE_H
#define HAUL_PROTO_HTTP_STATE_H

#include "proto/cookie.h"
#include "proto/netrc.h"

#define HTTP_SPARE_BUFS 16

struct opts;

struct http_state {
	struct cookie_jar *jar;
	struct netrc *netrc; /* NULL: none */
	/* private */
	char *bufs[HTTP_SPARE_BUFS]; /* of ended requests, for the next ones: getting and freeing such pieces is dear */
	unsigned n_bufs;
	char *netrc_path, *save_path; /* NULL: none */
};

/* Options read: netrc-path, no-netrc, load-cookies, save-cookies. Files that can't be used are warned about. */
struct http_state *http_state_new(const struct opts *o);
/* The .netrc anew: one that can't be used (a warning says why) leaves what was read before, one that is gone leaves nothing. */
void http_state_reload(struct http_state *s);
void http_state_save(struct http_state *s);   /* the cookies, when save-cookies names a file */
/* A buffer of HTTP_BUF_HEAD bytes of an earlier request, for one to have and give back; s may be NULL. */
char *http_state_take_buf(struct http_state *s); /* NULL: there is none */
void http_state_give_buf(struct http_state *s, char *buf);
/* NULL is fine. No request may be running. */
void http_state_free(struct http_state *s);

#endif
