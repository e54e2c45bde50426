/* SPDX-License-Identifier: MIT
 * What the user wants downloaded: the URIs of the command line or the entries of an input file, each with its options,
 * ready to be given to a daemon.
 */
#ifndef HAUL_CLIENT_ENTRY_H
#define HAUL_CLIENT_ENTRY_H

#include <jansson.h>

#include "client/cli.h"

struct entry {
	char **uris; /* n mirrors of one file, NULL-terminated, owned */
	size_t n;
	struct opts *opts; /* own reference; flat: the command line's options are in it */
};

struct entries {
	struct entry *v;
	size_t n, cap;
};

/* From words and --input-file: 0; ERR_USAGE (nothing given, not a URI), ERR_INPUT. entries_free in any case. */
int entries_read(const struct cli *cli, struct entries *ret, struct fail *f);
void entries_free(struct entries *es);

/* Relative dir options become absolute against cwd; entries without one get dir (NULL: stay without). */
void entries_set_dir(struct entries *es, const char *cwd, const char *dir);

/* Parameters of aria2.addUri. gid: NULL, or the GID to ask for unless the entry names its own. New reference. */
json_t *entry_params(const struct entry *e, const char *gid);

/* 16 hex digits, never all zero, that are the same whenever folder, URIs and output name of this entry (at place i of
 * the command) are the same: lets a repeated command find its downloads again. */
void entry_gid(const struct entry *e, size_t i, char ret[17]);
/* The same over all entries: names the state of the whole command. */
void entries_key(const struct entries *es, char ret[17]);

#endif
