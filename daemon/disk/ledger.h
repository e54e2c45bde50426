/* SPDX-License-Identifier: MIT
 * struct ledger: which file a job was about to give its final name, for files that get it with their last byte (disk/place.h) and
 * so have neither NAME.part nor journal. One file of slots for the whole daemon: an entry is written before the name is, so that
 * a job whose process ended before the store knew of the name finds out that NAME is its own file.
 */
#ifndef HAUL_DISK_LEDGER_H
#define HAUL_DISK_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "disk/fs.h"

struct ledger;

#define LEDGER_SLOTS 4096 /* jobs that may have an entry at a time */

/* Whose entry it is. A GID may be used again, and URIs may be changed: what was placed before is no outcome of the job then. */
struct ledger_job {
	uint64_t gid;
	uint64_t mark; /* of when the job was added and what it fetches (job_mark) */
};

/* ---- loop thread ---- */

/* The file at path, made when missing; entries of an earlier life are read. NULL, with a warning: it can't be had. Blocks. */
struct ledger *ledger_open(const struct fs_ops *fs, const char *path);
void ledger_close(struct ledger *l); /* NULL: nothing */
/* A slot for the job's entry, the same one until ledger_give; -1: all are in use. */
int ledger_take(struct ledger *l, uint64_t gid);
/* The job's outcome is durably known elsewhere, or nobody is going to ask: its slot is free. */
void ledger_give(struct ledger *l, uint64_t gid);
/* Entries of other jobs than these are given back. */
void ledger_sift(struct ledger *l, bool (*wanted)(void *arg, uint64_t gid), void *arg);
/* What the job's slot says: of an earlier life, or what ledger_know told. False: nothing, or it was told of another mark. */
bool ledger_find(const struct ledger *l, const struct ledger_job *job, struct file_id *ret);
void ledger_know(struct ledger *l, const struct ledger_job *job, const struct file_id *id);

/* ---- pool threads ---- */

/* fs_identify of an open file: 0, or -1 where files can't be told apart for good (no time of birth). */
int ledger_identify(const struct fs_ops *fs, int fd, struct file_id *ret);
/* The entry survives the process from now on. 0, or -1 and errno. Not for the same slot twice at a time. */
int ledger_write(const struct ledger *l, int slot, const struct ledger_job *job, const struct file_id *id);
/* What was written survives a power cut. 0, or -1 and errno. */
int ledger_sync(const struct ledger *l);

#endif
