/* SPDX-License-Identifier: MIT
 * struct job: one download as the queue knows it. Glossary:
 *   job        what a user added: URIs of one file, options, state; persisted (struct job_rec in it)
 *   transfer   struct xfer: the running side of an active job; memory only
 *   fetch      one request of a transfer to one URI for one range
 *   lane       the place in a transfer that runs one fetch after the other over (mostly) one connection
 *   segment    the run of bytes given to one lane
 *   source     one URI of a job with its statistics
 *   result     a job that has ended (complete, error, removed) and is still remembered
 *   leftover   a job that is GONE: nobody is shown it, it only remembers an unfinished file (engine_part.c)
 * Loop thread.
 */
#ifndef HAUL_CORE_JOB_H
#define HAUL_CORE_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/opt.h"
#include "base/otree.h"
#include "store/store.h"

/* X(id, name as RPC shows it). The allowed moves are in state_table.h. The numbers are persisted: never reorder. */
/* clang-format off */
#define JOB_STATES(X) \
	X(WAITING, "waiting") \
	X(ACTIVE, "active") \
	X(PAUSED, "paused") \
	X(COMPLETE, "complete") \
	X(ERROR, "error") \
	X(REMOVED, "removed") \
	X(GONE, "gone")
enum job_state {
#define X(id, name) JOB_##id,
	JOB_STATES(X)
#undef X
	JOB_STATE_COUNT
};
/* clang-format on */

enum job_flag {
	JOB_UNPROVEN = 1 << 0,	 /* complete, but nothing proves that all bytes are of one version */
	JOB_STARTED = 1 << 1,	 /* has run at least once */
	JOB_FROM_INPUT = 1 << 2, /* came from an input file or the command line */
	JOB_PART = 1 << 3, /* its unfinished file lies at rec.path; of an ended job: may be adopted by a newcomer */
	JOB_REPLACES = 1 << 4, /* with JOB_PART: what lies at rec.path was found to be wrong, the finished file takes its place */
	JOB_KEPT = 1 << 5, /* a result that max-download-result pushed out: only for the session file */
	JOB_USER_PART = 1 << 6, /* that file was begun by somebody else (continue, or left by aria2): never thrown away */
	JOB_ANY_DIR = 1 << 7, /* rec.dir was named by the daemon's own user: links in it are followed wherever they lead */
	JOB_PLACED = 1 << 8, /* complete, and never had a journal: its file got its name with its last byte */
	JOB_STALE_JOURNAL = 1 << 9, /* its journal speaks of a file that another job has, or may get: removed at the next start */
	JOB_WEAK_DATE = 1 << 10, /* rec.last_modified may be that of two versions: it proves nothing */
};

struct engine;
struct room_wait;
struct xfer;

struct job {
	OBJ(JOB);
	struct job_rec rec;    /* what is persisted; uris and opts texts are kept in `uris` and `opts` instead while in
				  memory (NULL here) */
	char **uris;	       /* NULL-terminated, owned; order of preference */
	struct opts *opts;     /* own options; parent: the global set at the time of adding */
	struct xfer *xfer;     /* while ACTIVE (also while it stops); owned by the engine */
	struct onode by_gid;   /* in engine's tree of all jobs */
	struct onode in_list;  /* in one of engine's lists: active, queue (waiting and paused) or stopped */
	struct onode in_ready; /* in the queue's tree of those that may start: waiting, and known to be durable */
	bool started_before; /* its transfer is not the first one */
	bool start_unsaved; /* the store doesn't know yet that it is ACTIVE (engine_run.c) */
	bool goes_on; /* its next transfer is no start that anybody is told of: it was not asked to stop, but had to wait */
	bool hurry; /* its next transfer doesn't wait for what its origins were found to want */
	/* Asked of an active job whose transfer is still stopping. forced: don't wait for servers. new_path: dir or out
	 * changed, what the old transfer still reports about its file is not kept. */
	bool want_pause, want_remove, want_restart, forced, new_path;
	bool want_yield;	      /* the same: it goes back to where it was in the queue, for another to be tried */
	uint64_t began_at;	      /* ms: its transfer */
	uint64_t pause_seq;	      /* number of the asking to pause; 0: never asked in this life of the daemon */
	uint64_t add_seq;	      /* number of its add while that is not durable (engine_flush.c), else 0 */
	TAILQ_ENTRY(job) not_durable; /* while add_seq != 0 */
	uint64_t event_seq;	      /* number of its newest event (engine_flush.c); 0: none in this life of the daemon */
	struct room_wait *room;	      /* its disk is full, or was (engine_room.c); NULL: no */
	struct engine *engine;	      /* that owns it */
};

const char *job_state_name(enum job_state s);
bool job_state_ended(enum job_state s);
bool job_is_ended(const struct job *j);
bool job_may_have_journal(const struct job *j);
/* Tells it from other jobs that have had its GID, and from itself before its URIs were changed: made of them and of when it was
 * added. */
uint64_t job_mark(const struct job *j);
/* The only way to change rec.state of a job that is in the engine: dies on a move that state_table.h does not have. */
void job_set_state(struct job *j, enum job_state to);
/* dir and out (NULL: none) put its file elsewhere than it is. */
bool job_moves(const struct job *j, const char *dir, const char *out);
/* Forget what is known about its file: path, size, validators, progress. */
void job_forget_file(struct job *j);
struct job *job_new(uint64_t gid);
void job_free(struct job *j);
/* A job from its stored record (strings are moved out of r); parent: current global options; memo: of the values that jobs
 * have in common, or NULL. 0 or ERR_INVAL (row set aside by the caller). */
int job_from_rec(struct job_rec *r, struct opts *parent, struct opts_memo *memo, struct job **ret, struct fail *f);
/* A record fit for store_put: borrows nothing, freed by job_rec_free. */
void job_to_rec(const struct job *j, struct job_rec *ret);

#endif
