/* SPDX-License-Identifier: MIT
 * What there is to be seen of the downloads that a command follows.
 */
#ifndef HAUL_CLIENT_VIEW_H
#define HAUL_CLIENT_VIEW_H

#include "client/dl.h"

/* What runs, and the sums over everything that is followed. */
struct view {
	const struct dl **active; /* nactive, in the order they were given */
	size_t nactive;
	size_t count, ended, waiting, paused; /* downloads */
	uint64_t done, total;		      /* bytes of those whose length is known */
	uint64_t speed;
};

/* A download at its end, or at the command's. */
struct ended {
	const struct dl *d;
	int64_t took;  /* ms that it ran while we looked */
	uint64_t got;  /* bytes received in that time */
	bool checked;  /* a checksum was given */
	bool dry;      /* dry-run: it was looked at, and no byte of it fetched */
};

/* Bytes a second. */
uint64_t ended_speed(const struct ended *e);

#endif
