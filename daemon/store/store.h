/* SPDX-License-Identifier: MIT
 * The durable queue: what must survive kill -9 and a power cut. The loop thread hands over changes (store_put ...), which join
 * the open batch; a thread of its own commits batch after batch (group commit); when a batch is durable, those who waited for
 * it are called on the loop thread. Backends (sqlite, memory for tests) are a struct of blocking functions, called only on
 * the store thread: store_backend.h.
 *
 * What is persisted and what is not is visible in the type: struct job_rec is exactly what the store keeps.
 */
#ifndef HAUL_STORE_STORE_H
#define HAUL_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct loop;
struct store;

/* A job as it is kept. Strings are malloc'd and owned by the record, NULL for empty. */
struct job_rec {
	uint64_t gid;     /* primary key, never 0 */
	int state;        /* enum job_state (core/job.h) */
	uint64_t ord;     /* order in the queue; for ended jobs order of ending; unique among jobs of the same kind */
	uint32_t uid;     /* owner */
	char *owner;      /* name of the owner */
	char *uris;       /* one a line, in order of preference */
	char *opts;       /* "name=value" lines of the job's own options */
	char *dir;        /* resolved target folder, fixed when added */
	char *path;       /* final path once known; NULL before */
	int64_t total;    /* -1 unknown */
	char *etag;       /* validators pinned at the first answer */
	char *last_modified;
	char *etag_origin; /* the origin that showed etag (core/origin.h); NULL: not known */
	char *part_id;    /* which file on disk `have` speaks of (disk/file.h) */
	char *digest;     /* that the server told of the whole file, "sha-256=HEX" */
	char *have;       /* ranges that are durable on disk, text form of base/ranges.h */
	int64_t done;     /* bytes of `have` (shown for ended jobs) */
	int err;          /* enum err of a failed job */
	char *err_text;
	int64_t added_at, ended_at; /* epoch seconds; 0 */
	uint32_t flags;   /* enum job_flag (core/job.h) */
};

void job_rec_free(struct job_rec *r); /* frees the strings and clears; not r itself */
void job_rec_copy(struct job_rec *to, const struct job_rec *from);

enum store_kind { STORE_SQLITE, STORE_MEMORY };

/* Opens (creating, migrating) and starts the thread; blocks: start-up only. dir: the state directory, locked for this process
 * (ERR_LOCKED); STORE_MEMORY takes NULL. ERR_STATE_DIR, ERR_STORE, ERR_STORE_NEWER. A damaged queue file is set aside as
 * NAME.damaged-DATE; the rows that can be read go on in a new one, with an error in the log; when nothing at all can be
 * read: ERR_STORE with a message, never silently started empty. */
int store_open(struct loop *l, enum store_kind kind, const char *dir, struct store **ret, struct fail *f);
/* Every kept job, in order of state group and ord, to cb on the calling thread (start-up only, before the first put). The
 * record is the callee's to take (move the strings out) or leave. */
int store_load(struct store *s, void (*cb)(void *arg, struct job_rec *r), void *arg, struct fail *f);

/* Changes; each joins the open batch, with copies of the texts it is given. Never block, never fail: failure comes with the
 * batch. */
/* Insert or replace the whole row. Takes the strings of r, which is cleared. */
void store_put(struct store *s, struct job_rec *r);
void store_del(struct store *s, uint64_t gid);
/* Hot small changes of existing rows. */
void store_set_state(struct store *s, uint64_t gid, int state, uint64_t ord);
void store_set_ord(struct store *s, uint64_t gid, uint64_t ord);
/* Progress: joins a batch without asking for a sync of its own (a batch of nothing else is committed with
 * synchronous=NORMAL). Newer progress of the same gid in the same batch replaces older. */
void store_progress(struct store *s, uint64_t gid, const char *have, int64_t done);
/* Small named values (schema version, counters, node id). */
void store_meta(struct store *s, const char *name, const char *value);
char *store_meta_get(struct store *s, const char *name); /* start-up only; malloc'd or NULL */

/* Call cb (on the loop thread, never before this returns) once everything handed over so far is durable (err 0), or could
 * not be made so (ERR_COMMIT with the cause, e.g. disk full). When nothing is pending, cb is called at the end of this
 * turn. The store keeps a failed batch and tries it again with the next one (and every 2 s), so that memory and disk agree
 * again as soon as the disk lets it; `lost` callbacks have then been told the truth at their time. Progress that was
 * committed alone, with nobody waiting for it, counts as durable here (it survives kill -9; a power cut may take it, and
 * it is fetched again). */
typedef void (*store_cb)(void *arg, int err, const struct fail *f);
void store_flush(struct store *s, store_cb cb, void *arg);
/* The same for whom a moment makes no difference: when the batch before was handed over less than STORE_GATHER_MS ago, more
 * changes may come to share the sync with these. */
void store_flush_soon(struct store *s, store_cb cb, void *arg);
#define STORE_GATHER_MS 2
bool store_pending(const struct store *s); /* something is not durable yet */

/* Commits what is left, calls all who wait, stops the thread, closes. Blocks; the last call. */
void store_close(struct store *s);

#endif
