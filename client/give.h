/* SPDX-License-Identifier: MIT
 * Giving downloads to a daemon. Their GIDs come from what is downloaded, so that what an earlier command gave is found
 * again: what failed or was removed is tried again with what it has (haul.retry), what has not ended goes on with the
 * options of now, what is complete is fetched once more. One with a GID of the user's own is refused where the daemon downloads
 * something else by that GID.
 */
#ifndef HAUL_CLIENT_GIVE_H
#define HAUL_CLIENT_GIVE_H

#include "client/entry.h"
#include "client/rpc.h"

struct give {
	struct rpc *rpc;
	bool again; /* what the daemon has completed is wanted once more */
	/* For each entry that the daemon has now, in their order; had: bytes that were there before. */
	void (*given)(void *arg, const struct entry *e, const char *gid, uint64_t had);
	void *arg;
	unsigned tries; /* a part over which the daemon is lost is given so often; 0 or 1: once */
	/* inside */
	bool retries, lost; /* lost: for good, and told of */
	unsigned failed;    /* so often in a row now */
};

/* Gives some entries, from *at (0 at first) on, which moves behind them: 1 while there are more, else 0. What is refused is told
 * of on stderr, and *code becomes an exit code, as when the daemon is lost for good, which ends it. Before that a negative code,
 * and its text in *f: nothing of this part was told; the next call, when the daemon is back, gives it again, which is safe, since
 * the daemon knows by its GID what it has. Parts are small: what was given runs while the next are made ready, and its ends can
 * be learned in between. */
int give_next(struct give *g, const struct entries *es, size_t *at, int *code, struct fail *f);

#endif
