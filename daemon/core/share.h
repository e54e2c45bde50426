/* SPDX-License-Identifier: MIT
 * How the transfers that find out how many connections pay share those to one origin. These are SHARE_MOST, or as many as the
 * origin was found to take. Each may have those divided by their number, at least one, and what the others do not want. One that
 * has more gives some up when another one that has less than its share wants to grow: those with most first, and just as many as
 * are wanted. Connections of transfers that were told a number count, but are theirs; where they leave hardly one for each, those
 * are shared that the sharers have.
 *
 * A newcomer has no connection at all, and waits for one because the origin takes no more than it has. He lacks one as a sharer
 * with too few does; where the sharers have none to give, those who were told a number give one up, the one with most first, but
 * nobody his last. Part of struct origin; loop thread.
 */
#ifndef HAUL_CORE_SHARE_H
#define HAUL_CORE_SHARE_H

#include <stdbool.h>
#include <sys/queue.h>

#define SHARE_MOST 16 /* connections at one origin that nobody asked for, of all transfers together; each has one all the same */

/* One transfer at one origin. Lives as long as it has a connection there. */
struct sharer {
	struct shares *all;
	bool told;	       /* a number: it is no sharer, but may have to make room for a newcomer */
	unsigned active;       /* connections under way, */
	unsigned leaving;      /* of them: that are about to end for good */
	unsigned wants;        /* it would have so many, if they may be; 0: it is content */
	void (*crowd)(void *arg); /* it may have too many: to look at share_most, soon, not from within the call */
	void *arg;
	TAILQ_ENTRY(sharer) link;
};

TAILQ_HEAD(sharer_list, sharer);

struct shares {
	struct sharer_list list;
	struct sharer_list told; /* those who were told a number */
	unsigned n;      /* sharers */
	unsigned n_told;
	unsigned active; /* connections of the sharers, */
	unsigned leaving;
	unsigned others; /* and of those who do not share */
	unsigned newcomers; /* that wait */
	unsigned limit;  /* the origin was found to take so many of all; UINT_MAX: not found out */
	unsigned wanting; /* sharers that want some */
	unsigned passing; /* while there are such: the sharers had so many, which may be on their way from one to another; 0 */
};

void shares_init(struct shares *s);

/* told: a number, so that its connections are `others`, too. share_begin follows. */
struct sharer *share_join(struct shares *s, bool told, void (*crowd)(void *arg), void *arg);
void share_begin(struct sharer *p);             /* one connection more */
void share_leave(struct sharer *p);             /* ... of them is to end: others may count on it */
void share_end(struct sharer *p, bool leaving); /* one has ended, leaving: after share_leave; with the last one p is freed */

unsigned share_fair(const struct sharer *p); /* its share */
bool shares_are_full(const struct shares *s); /* they have all that they may have together */
bool share_is_full(const struct sharer *p);   /* it may not have another one now */
unsigned share_most(const struct sharer *p); /* connections it may have now; less than it has: it is to give some up */
unsigned share_keeps(const struct sharer *p); /* ... it has, without those that are leaving */
unsigned share_others(const struct sharer *p); /* transfers that it shares with */
/* It would have n connections; 0: it is content. Those who have to make room are told. */
void share_want(struct sharer *p, unsigned n);
void share_newcomer(struct shares *s); /* one more waits; those who have to make room are told */
void share_newcomer_gone(struct shares *s);

#endif
