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
	bool retries; /* inside */
};

/* 0, or an exit code when some or all were refused, each told of on stderr. */
int give_entries(struct give *g, const struct entries *es);

#endif
