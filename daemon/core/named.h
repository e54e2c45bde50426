/* SPDX-License-Identifier: MIT
 * Downloads that are named at the start: words of the command line, and the input file. Start-up only, between
 * engine_new and engine_start.
 */
#ifndef HAUL_CORE_NAMED_H
#define HAUL_CORE_NAMED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct engine;

struct named {
	struct engine *engine;
	char *const *words; /* URIs of the command line, NULL-terminated, or NULL; mirrors of one file unless
			       force-sequential */
	bool keep_paused;   /* the option pause counts (somebody will be able to unpause) */
	/* results */
	size_t added; /* downloads that are in the queue for it now, also those that were there already */
	int err;      /* of the last one that could not be added (each is logged), 0: none */
};

/* Adds them all: the words, with the options of the command line that are for one download (out, checksum, gid, pause),
 * then the file of option input-file. 0, or why the file can't be used at all (then words may have been added). */
int named_add(struct named *n, struct fail *f);

#endif
