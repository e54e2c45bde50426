/* SPDX-License-Identifier: MIT
 * Following downloads to their end: looks at them a few times a second and whenever the daemon sends a notification.
 */
#ifndef HAUL_CLIENT_FOLLOW_H
#define HAUL_CLIENT_FOLLOW_H

#include "client/progress.h"
#include "client/rpc.h"

struct follow;

/* All borrowed. */
struct follow_conf {
	struct rpc *rpc;
	struct progress *prog;
	const struct sigs *sigs;
	bool (*alive)(void *arg); /* false: the daemon is gone for good, don't try to reach it again; NULL: unknown */
	void *alive_arg;
	/* Gives some more downloads (follow_add) when few are left: 1, or 0 when these were the last, or a negative code: the
	 * daemon was lost, and when it is back it is to be called again; NULL: none ever. */
	int (*more)(void *arg, struct fail *f);
	void *more_arg;
	size_t few;	/* this many or less are few; SIZE_MAX: all are given at once */
	int64_t stop_s; /* the command ends after so many seconds; 0: never */
	int stop_pid;	/* and when this process is gone; 0: none */
	int removed;	/* what follow_code is for one that somebody removed; 0: that is no failure */
};

struct follow *follow_new(const struct follow_conf *conf);
void follow_free(struct follow *fo); /* NULL is fine */

/* A download to follow. */
struct follow_item {
	const char *gid; /* 16 digits; twice is once */
	const char *uri; /* what to call it until its name is known */
	uint64_t had;	 /* bytes that were there before, not to be counted as received */
	bool relative; /* as in struct dl */
	bool checked;  /* as in struct ended */
	bool dry;      /* likewise */
};
void follow_add(struct follow *fo, const struct follow_item *item);

/* Until all have ended: 0; the user or stop_* want to stop: ERR_CANCELED; the daemon is lost: another error. */
int follow_run(struct follow *fo, struct fail *f);
/* What has not ended is told to the progress. */
void follow_tell_unfinished(struct follow *fo);

int follow_code(const struct follow *fo);	  /* of the one that failed last, 1 where its end is unknown; 0: none failed */
bool follow_has_partial(const struct follow *fo); /* something is unfinished and has a file: its size is known */
/* A GID of each that has not ended, as an array of texts. New reference. */
json_t *follow_open_gids(const struct follow *fo);

#endif
