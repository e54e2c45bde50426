/* SPDX-License-Identifier: MIT
 * struct job: one download as the queue knows it. Glossary:
 *   job        what a user added: URIs of one file, options, state; persisted (struct job_rec in it)
 *   transfer   struct xfer: the running side of an active job; memory only
 *   fetch      one request of a transfer to one URI for one range
 *   lane       the place in a transfer that runs one fetch after the other over (mostly) one connection
 *   segment    the run of bytes given to one lane
 *   source     one URI of a job with its statistics
 *   result     a job that has ended (complete, error, removed) and is still remembered
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
#define JOB_STATES(X) X(WAITING, "waiting") X(ACTIVE, "active") X(PAUSED, "paused") X(COMPLETE, "complete") \
	X(ERROR, "error") X(REMOVED, "removed")
enum job_state {
#define X(id, name) JOB_##id,
	JOB_STATES(X)
#undef X
	JOB_STATE_COUNT
};

enum job_flag {
	JOB_UNPROVEN = 1 << 0,   /* complete, but nothing proves that all bytes are of one version */
	JOB_STARTED = 1 << 1,    /* has run at least once */
	JOB_FROM_INPUT = 1 << 2, /* came from an input file */
};

struct xfer;

struct job {
	OBJ(JOB);
	struct job_rec rec;   /* what is persisted; uris and opts texts are kept in `uris` and `opts` instead while in memory (NULL here) */
	char **uris;          /* NULL-terminated, owned; order of preference */
	struct opts *opts;    /* own options; parent: the global set at the time of adding */
	struct xfer *xfer;    /* while ACTIVE (also while it stops); owned by the engine */
	struct onode by_gid;  /* in engine's tree of all jobs */
	struct onode in_list; /* in one of engine's lists: active, queue (waiting and paused) or stopped */
	bool want_pause, want_remove, want_restart; /* asked of an active job that is still stopping its transfer */
	uint64_t spent;       /* adds of this job not yet durable: see engine.c */
};

const char *job_state_name(enum job_state s);
bool job_is_ended(const struct job *j);
struct job *job_new(uint64_t gid);
void job_free(struct job *j);
/* A job from its stored record (strings are moved out of r); parent: current global options. 0 or ERR_INVAL (row set aside by the caller). */
int job_from_rec(struct job_rec *r, struct opts *parent, struct job **ret, struct fail *f);
/* A record fit for store_put: borrows nothing, freed by job_rec_free. */
void job_to_rec(const struct job *j, struct job_rec *ret);

#endif
