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
	bool relative;	   /* its dir was given relative to the working directory */
	char gid[17];	   /* to ask for: its own, or one made of what it is; see entries_set_dir */
	bool twice;	   /* an earlier entry has the same GID of the user's */
};

struct count;

struct entries {
	struct entry *v;
	size_t n, cap;
	struct input *rest;  /* deferred-input: the file has more; NULL: v is all */
	struct opts *parent; /* of rest: the command line's options, borrowed */
	struct fail late;    /* of entries_next: what is wrong with the entry behind v; code 0: nothing */
	struct count *same, *own; /* inside: of all entries of the command, how often each was there; GIDs of the user's */
};

/* From words and --input-file: 0, n is 0 when the file is empty; ERR_BAD_URI (nothing given, not a URI), ERR_INPUT,
 * ERR_USAGE. With deferred-input a file is only begun, its entries come by entries_next: not of standard input, and
 * not with save-session, which must know all. entries_free in any case. */
int entries_read(const struct cli *cli, struct entries *ret, struct fail *f);
/* The next ones, at most max and a line's, take the place of those before: 1, 0 at the end, or (v is empty) ERR_USAGE for
 * one that has a bad value, behind which the next call goes on, ERR_INPUT. */
int entries_next(struct entries *es, size_t max, struct fail *f);
bool entries_has_more(const struct entries *es); /* entries_next has something to say: entries, or what is wrong */
void entries_free(struct entries *es);

/* Relative dir options become absolute against cwd; entries without one get dir (NULL: stay without). Then each gets its
 * GID: 16 hex digits, never all zero, that are the same whenever folder, URIs and output name are, so that a repeated command
 * finds its downloads again, also when lines of its list have come, gone or moved; where several are the same, the second one
 * has another GID than the first, and so on. Once for each filling of v. */
void entries_set_dir(struct entries *es, const char *cwd, const char *dir);

/* Parameters of aria2.addUri. gid: NULL, or the GID to ask for unless the entry names its own. New reference. */
json_t *entry_params(const struct entry *e, const char *gid);

/* 16 hex digits over all entries, their order too: names the state of the whole command. Of a deferred file its bytes count. */
void entries_key(const struct entries *es, char ret[17]);

#endif
