/* SPDX-License-Identifier: MIT
 * What the whole daemon knows of each origin (RFC 6454 scheme, host and port, and the user it is asked as): how many
 * fetches it takes at a time, and when it may be asked again. Every fetch of every transfer asks here before it dials and
 * says how it went, so that a server which turns one job away is left in peace by all. Times are ms of loop_now. Loop
 * thread.
 */
#ifndef HAUL_CORE_ORIGIN_H
#define HAUL_CORE_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/err.h"
#include "base/uri.h"
#include "core/share.h"

#define ORIGIN_MORE_MS 30000 /* after so long it is tried with one more than it was found to take */

struct origins; /* all of them; belongs to the engine */
struct origin;

/* At most `keep` origins that nobody uses are remembered. seed: for the jitter of back-offs. */
struct origins *origins_new(unsigned keep, uint64_t seed);
void origins_free(struct origins *s); /* NULL is fine; nobody may hold an origin any more */

struct origin *origin_get(struct origins *s, const struct uri *u); /* a reference */
struct origin *origin_ref(struct origin *o);
void origin_put(struct origin *o); /* NULL is fine */
/* Names it for as long as there are queue files: "https://host:443", and behind a blank the user it is asked as. */
const char *origin_key(const struct origin *o);

/* How many fetches may begin now. 0: *ret_wait says in how many ms to ask again, UINT64_MAX: when others have ended
 * (origin_wait_for). */
unsigned origin_room(struct origin *o, uint64_t now, uint64_t *ret_wait);
unsigned origin_active(const struct origin *o); /* fetches under way */
/* It may be asked now, and would take another fetch, at least in the place of one that ends. */
bool origin_takes_more(const struct origin *o, uint64_t now);
unsigned origin_limit(const struct origin *o); /* fetches at a time that it was found to take; UINT_MAX: not found out */

/* One fetch at an origin, embedded in its owner; zeroed: none. */
struct origin_use {
	struct origin *o; /* a reference, kept after the end until the next begin or origin_use_clear */
	bool on;	  /* under way */
	bool served;	  /* ... and its answer has come */
	struct sharer *sharer; /* while on: its transfer, from origin_use_share on; NULL */
	bool leaving;	  /* ... and will not have another one in its place */
};

void origin_use_begin(struct origin_use *u, struct origin *o);
/* It is one of a transfer that finds out how many connections pay, or was told a number: mate is another one of it at this
 * origin, NULL: there is none, and crowd(arg) is that of its struct sharer. */
void origin_use_share(struct origin_use *u, const struct origin_use *mate, bool told, void (*crowd)(void *arg), void *arg);
/* Its transfer, which shares, would have n connections there; 0: it is content (share_want). When it wants less than before,
 * those who wait for one look again. */
void origin_use_want(struct origin_use *u, unsigned n);
void origin_use_leave(struct origin_use *u);  /* it will end soon, for good; idempotent */
void origin_use_served(struct origin_use *u); /* a good answer: the origin takes so many, and isn't in trouble */
void origin_use_end(struct origin_use *u);    /* idempotent */
void origin_use_clear(struct origin_use *u);  /* ends it and drops the reference */

/* A fetch, ended now, was turned away while others of the same file go on: as many as go on is what it takes, until it is
 * tried with more. */
void origin_found_limit(struct origin *o, uint64_t now);
/* A fetch, ended now, was turned away, and none of the same file goes on. True: as many of other files are served as were at a
 * time lately, which is what the origin takes (origin_found_limit): it was no try of that file. */
bool origin_is_taken(struct origin *o, uint64_t now);

/* The origin as a whole is in trouble (429, 503, no connection): nobody asks for a while. The wait doubles from `least` up to
 * `most`, and is never shorter than what the server said (retry_after >= 0, else -1), an hour at most, with jitter: many say
 * 0, or a date that is over, for as long as they are busy. Failures that come while it is left alone count as one. Afterwards
 * one fetch tries, then two, four ... Returns ms from now. */
uint64_t origin_back_off(
	struct origin *o, uint64_t now, uint64_t least, uint64_t most, int64_t retry_after, const struct fail *why);

/* The server answered, and said that it takes no more requests for so long (ms): nobody asks until then, but after a minute one
 * fetch does all the same. It is no failure. */
void origin_hold(struct origin *o, uint64_t now, int64_t ms);

/* A fetch ended in silence (reach_is_silence) that began, or got its last byte, at `since`. True: the network is gone, not the
 * origin (core/reach.h): that was no try of it. Then nobody asks it for a while, longer each time, and one fetch at first. */
bool origin_lost(struct origin *o, uint64_t now, uint64_t since, bool got);
/* A sign of life of the network: those that waited for it may be asked within the next seconds, not all at once. */
void origins_alive(struct origins *s, uint64_t now);
bool origins_are_lost(const struct origins *s); /* the network is taken for gone: nobody was heard since */
/* When that one was tried in vain the last time since the last sign of life, ms; 0: it was not. */
uint64_t origins_silent_at(const struct origins *s, const struct uri *u);
/* An earlier process had downloads: that nothing can be reached is not their fault (core/reach.h). */
void origins_expect_network(struct origins *s);

/* The user wants to see it tried: nobody waits any more for what was said or found earlier. How many may ask at a time stays. */
void origin_hurry(struct origin *o);

/* For people: "waiting 41 s for HOST: REASON", or that it takes no more fetches than it has; an empty text when neither is so. */
void origin_explain(const struct origin *o, uint64_t now, struct fail *ret);

TAILQ_HEAD(waiter_list, origin_waiter);

/* Called once when another fetch may begin, in the order of asking. Embedded in its owner, who sets cb and arg. */
struct origin_waiter {
	void (*cb)(void *arg);
	void *arg;
	struct waiter_list *list; /* private; NULL: not waiting */
	struct shares *newcomer;  /* private; those it is a newcomer of, NULL: it is none */
	TAILQ_ENTRY(origin_waiter) link;
};

void origin_wait_for(struct origin *o, struct origin_waiter *w); /* idempotent for the same origin */
/* The same, of a transfer that has no connection at all: it comes before those that have one, and others make room for it where
 * the origin takes no more (core/share.h), now or when it is called again. */
void origin_wait_first(struct origin *o, struct origin_waiter *w);
void origin_wait_crowd(struct origin *o, struct origin_waiter *w); /* the same, for one of those that are shared (core/share.h) */
void origin_wait_cancel(struct origin_waiter *w);
void origin_wait_arrived(struct origin_waiter *w); /* its transfer has a connection: what it waits for as a newcomer is over */

#endif
