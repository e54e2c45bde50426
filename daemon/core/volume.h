/* SPDX-License-Identifier: MIT
 * The file systems that are full, as the whole daemon knows them: who waits for room on which, and for how much. Each one
 * is looked at while somebody waits for it, first after 2 s, then twice as late each time up to 60 s. When there is room,
 * those who fit are let in in the order of their waiting, and what they were let in for is kept for them until they have
 * taken it, so that two never start into the same room. Loop thread; the disk is looked at on the pool.
 */
#ifndef HAUL_CORE_VOLUME_H
#define HAUL_CORE_VOLUME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/err.h"

struct fs_ops;
struct loop;
struct volume;
struct volume_look;
struct volumes; /* all of them; belongs to the engine */

struct volumes *volumes_new(struct loop *l, const struct fs_ops *fs);
void volumes_free(struct volumes *s); /* NULL is fine; nobody may wait any more */
unsigned volumes_waiting(const struct volumes *s); /* how many wait for room */

/* Somebody who wants room. Embedded in its owner, who sets the first three and zeroes the rest. */
struct volume_waiter {
	/* There may be room now; called once for each volume_wait. It is let in: volume_leave when it has what it wanted,
	 * or wants it no more. */
	void (*cb)(void *arg);
	/* Since it was let in: how many of `need` bytes it has not taken yet. */
	uint64_t (*owes)(void *arg, uint64_t need);
	void *arg;
	/* private */
	struct volumes *all; /* NULL: neither waits nor is let in */
	struct volume *v;    /* NULL: not known yet */
	struct volume_look *look;
	bool in; /* was let in */
	char *dir;
	uint64_t need, reserve;
	struct fail why;
	TAILQ_ENTRY(volume_waiter) link;
};

/* From now on w waits for `need` bytes, and `reserve` more that stay free, in the file system of dir (copied); why: what it
 * met. One that had been let in waits anew. */
void volume_wait(struct volumes *s, struct volume_waiter *w, const char *dir, uint64_t need, uint64_t reserve, const char *why);
void volume_leave(struct volume_waiter *w); /* idempotent; cb does not come any more */
bool volume_is_waiting(const struct volume_waiter *w);
/* For people: "no room on /data: needs 3.2GiB, 1.1GiB free"; an empty text when it does not wait. */
void volume_explain(const struct volume_waiter *w, struct fail *ret);

#endif
