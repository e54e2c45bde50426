/* SPDX-License-Identifier: MIT
 * What a protocol is to the transfer engine: something that fetches a range of one URI and hands out head and bytes. It knows
 * no job. Implementations: http1 (HTTP/1.1 over TCP and TLS). Add one by a file with one `struct proto` and a row in registry.c.
 *
 * Order of callbacks of one fetch: head once (or not at all), then space/data in turn, then done exactly once. None comes
 * before start() returns, and none after cancel() returns. cancel() may be called from inside any callback, and from then on
 * the handle is gone; after done() it is gone too. Redirects, retries, credentials for another origin are the caller's matter.
 * Loop thread.
 */
#ifndef HAUL_PROTO_PROTO_H
#define HAUL_PROTO_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ranges.h"
#include "base/str.h"
#include "net/zone.h"

struct net;
struct opts;

struct fetch_req {
	const char *uri;       /* what to fetch now; may hold userinfo */
	const char *cred_uri;  /* the URI the user gave: options' credentials, cookies and headers go only to its origin */
	struct range want;     /* bytes [start, end); start 0 and end -1: everything, no Range field; end -1: to the end */
	const char *if_range;  /* strong ETag or date for If-Range; NULL: none */
	int64_t if_modified_since; /* epoch; -1: none */
	bool head_only;        /* HEAD */
	enum zone from;       /* the outermost of those that redirected here; LOCAL: nobody did */
	unsigned beside;      /* so many more requests to the same place will follow once the answer is there: where it is far
			       * the connections for them may be dialled meanwhile */
	const struct opts *opts; /* user-agent, header, referer, http-*, timeout, connect-timeout, ...; read by start() only */
};

/* The answer's head, valid during the callback; strings are checked: no control characters, bounded. */
struct fetch_head {
	int status;          /* 200, 206, 302, 404, 416 ... (final ones only, 1xx are swallowed, at most 32) */
	enum zone zone;    /* where the answer came from; behind a proxy PUBLIC, unless the host is a number */
	unsigned rtt_ms;     /* of the connection it came on; 0: below one, or not known */
	int64_t body_len;    /* bytes that will come, -1 unknown (chunked, close-delimited or coded) */
	int64_t total;       /* size of the whole representation, -1 unknown: Content-Range total, or Content-Length of a 200 */
	bool has_range;      /* a valid Content-Range with start and end */
	struct range range;  /* then: [start, end) of this body */
	bool accepts_ranges; /* Accept-Ranges: bytes, or 206 */
	bool refuses_ranges; /* Accept-Ranges: none */
	bool until_close;    /* nothing tells the end of the body but that of the connection */
	bool coded;          /* a content coding is being decoded: offsets are of the decoded bytes, ranges make no sense */
	const char *etag;          /* as sent, quotes and W/ included; NULL */
	const char *last_modified; /* as sent; NULL */
	int64_t mtime;             /* of last_modified, epoch; -1 */
	bool weak_date;            /* last_modified may be that of two versions: it was less than 1 s old (RFC 9110 8.8.2.2) */
	const char *location;      /* 3xx target as sent (at most 16 KiB); NULL */
	const char *name;          /* file name of Content-Disposition (RFC 6266/8187), UTF-8, one part; NULL */
	const char *content_type;  /* without parameters, lower case; NULL */
	int64_t retry_after_ms;    /* -1: none; at most one day */
	int64_t limit_ms;          /* the server says that it takes no request for so long; -1: it doesn't; at most one day */
	const char *digest;        /* "sha-256=HEX" from Digest / Repr-Digest / Content-MD5 of the whole representation; NULL */
};

struct fetch_ops {
	void (*head)(void *owner, const struct fetch_head *h);
	/* Where the next body bytes go; len 0 pauses until resume(). Asked only when bytes may come. */
	void (*space)(void *owner, struct span *ret);
	/* As space, for bytes that need not be seen: a pipe for at most *ret_len of them (see struct stream_ops), asked before
	 * space where the protocol could use it. -1: space is asked. May be NULL. */
	int (*pipe)(void *owner, size_t *ret_len);
	/* n bytes are at the beginning of the last span, or in the last pipe; 0: that takes no more. */
	void (*data)(void *owner, size_t n);
	/* err 0: the body is whole (as long as Content-Length says, chunked end seen, orderly close of a close-delimited
	 * one). Else ERR_*, f says why. */
	void (*done)(void *owner, int err, const struct fail *f);
};

struct proto {
	const char *name;
	const char *const *schemes; /* NULL-terminated */
	/* *ret is the handle for the other calls. 0, or ERR_* with nothing started and no callback to come. */
	int (*start)(struct net *n, const struct fetch_req *req, const struct fetch_ops *ops, void *owner, void **ret,
		struct fail *f);
	void (*resume)(void *fetch);
	void (*cancel)(void *fetch);
	/* While body bytes come slowly, n at a time are enough, and cheaper; 1: as they come. A hint, which holds until the
	 * next one; the end of the body never waits. May be NULL. */
	void (*low_water)(void *fetch, size_t n);
	/* For RPC and logs: peer address, or "". */
	const char *(*peer)(void *fetch);
};

/* The protocol for a scheme (lower case), or NULL. */
const struct proto *proto_find(const char *scheme);

#endif
