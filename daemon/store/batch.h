/* SPDX-License-Identifier: MIT
 * struct batch: changes that are committed together, in order, and who waits for them. The loop thread fills it; while
 * it is being committed the store thread reads `ops`, and nobody touches it otherwise but for the waiters (loop
 * thread).
 */
#ifndef HAUL_STORE_BATCH_H
#define HAUL_STORE_BATCH_H

#include <sys/queue.h>

#include "store/row_map.h"
#include "store/store_backend.h"

struct store_waiter {
	store_cb cb;
	void *arg;
	STAILQ_ENTRY(store_waiter) link;
};
STAILQ_HEAD(store_waiters, store_waiter);

struct batch {
	struct store_op *ops;
	size_t n, cap;
	bool firm;		 /* holds something else than progress: must be synced */
	struct row_map last;	 /* where each job's newest op stands: only that one may be replaced by a newer of its kind */
	struct store_waiters waiters;
};

struct batch *batch_new(void);
void batch_free(struct batch *b); /* no waiters may be left; NULL is fine */
/* Takes what op owns. A newer change of the same kind to the same job, with no other in between, replaces the older. */
void batch_push(struct batch *b, struct store_op *op);
/* The ops of `newer` behind those of b; its waiters stay where they are. newer is empty afterwards. */
void batch_append(struct batch *b, struct batch *newer);
void batch_wait(struct batch *b, store_cb cb, void *arg);
/* Call and forget everybody who waits. They may use the store, and close it. */
void batch_tell(struct batch *b, int err, const struct fail *f);

#endif
