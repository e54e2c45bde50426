/* SPDX-License-Identifier: MIT
 * A stand-in for core/xfer.c: transfers that fetch nothing and do what the test says. struct xfer is visible here.
 */
#ifndef HAUL_TEST_FAKE_XFER_H
#define HAUL_TEST_FAKE_XFER_H

#include <stdbool.h>
#include <sys/queue.h>

#include "core/xfer.h"
#include "ev/loop.h"

struct xfer {
	struct loop *loop;
	const struct xfer_ops *ops;
	void *owner;
	uint64_t gid;
	struct opts *opts;
	char *dir, *journal, *path, *etag; /* path, etag, total, have, user_part: what it was told that is known */
	int64_t total;
	bool user_part, stale_journal;
	struct ranges have;
	size_t n_uris;	     /* of the last list */
	bool hurry;	     /* it was to begin so */
	bool waits;	     /* xfer_hurry has something to do; */
	unsigned hurries;    /* calls of it */
	unsigned stops;	     /* calls of xfer_stop */
	bool force;	     /* the last one was forced */
	unsigned set_opts;   /* calls of xfer_set_opts */
	struct deferred end; /* the end after xfer_stop */
	LIST_ENTRY(xfer) link;
};

LIST_HEAD(xfer_list, xfer);

/* Those that run now, newest first. */
extern struct xfer_list fake_xfers;
/* xfer_stop only notes the wish; the test calls fake_end. */
extern bool fake_hold_stop;

/* What fake_end says besides; XFER_LEFT_PART unless a test sets it. */
extern struct xfer_end fake_ends;

struct xfer *fake_find(uint64_t gid); /* or NULL */
size_t fake_count(void);
void fake_drop(struct xfer *x); /* without a word to its owner */
void fake_end(struct xfer *x, enum xfer_result result, int err, const char *text);
void fake_complete(struct xfer *x, const char *path, int64_t size);

#endif
