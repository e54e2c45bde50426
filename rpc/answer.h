/* SPDX-License-Identifier: MIT
 * struct answer: a reply on its way out. It leaves when the long list in it is whole, when what it tells of is durable, when a
 * session file it promises is written, and, if a call in it was unauthorized, after a second or two. Whoever made it (a
 * connection) may go away meanwhile. Loop thread.
 */
#ifndef HAUL_RPC_ANSWER_H
#define HAUL_RPC_ANSWER_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/obj.h"
#include "ev/loop.h"
#include "rpc/jsonrpc.h"

#define ANSWER_DELAY_MS 1000 /* of an unauthorized answer, at least; as aria2 */

struct answer {
	OBJ(ANSWER);
	struct reply r;       /* filled by the maker before answer_go */
	TAILQ_ENTRY(answer) link; /* the maker's */
	bool done, out_of_turn;   /* the maker's */
	/* private */
	struct engine *engine;
	struct timer delay;
	struct deferred more; /* the next piece of a long list */
	void (*ready)(void *owner, struct answer *a);
	void *owner;
	bool dropped;
	bool waiting; /* a flush will call back */
};

TAILQ_HEAD(answer_list, answer);

struct answer *answer_new(struct engine *e, void (*ready)(void *owner, struct answer *a), void *owner);
/* Calls ready once, maybe before this returns; the owner then takes what it needs and calls answer_free. */
void answer_go(struct answer *a);
void answer_free(struct answer *a);
/* The owner goes away before `ready`. NULL is fine. */
void answer_drop(struct answer *a);

#endif
