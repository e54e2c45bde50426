/* SPDX-License-Identifier: MIT
 * What the files of the engine share. Private to core/engine*.c, sched.c.
 *
 *   engine.c         making, loading, starting and stopping; small getters
 *   engine_add.c     a new job
 *   engine_startup.c downloads named on the command line and in input files
 *   engine_ctl.c     pause, unpause, remove, retry, move
 *   engine_opts.c    options of a job and of the daemon
 *   engine_flush.c   what is durable: answers, adds taken back, events
 *   engine_run.c     the running side: transfers begin, report and end
 *   engine_result.c  ended jobs: kept, dropped
 *   engine_room.c    jobs that wait until their disk has room
 *   engine_part.c    the unfinished files of jobs that don't run any more
 *   engine_view.c    looking
 *   engine_session.c the session file
 *   sched.c          who gets a slot
 *
 * Rules
 *   - Every change of what is persisted goes through engine_save or another engine_save_* in the same call.
 *   - A state that was asked of an active job (pause, remove) is stored at once, though the job becomes so only when
 * its transfer has stopped: what was acknowledged survives a crash in between.
 *   - A job whose add is not yet durable does not run, so taking it back leaves nothing behind.
 */
#ifndef HAUL_CORE_ENGINE_INTERNAL_H
#define HAUL_CORE_ENGINE_INTERNAL_H

#include <uthash.h>

#include "base/buf.h"
#include "base/obj.h"
#include "core/engine.h"
#include "core/origin.h"
#include "core/queue.h"
#include "core/rate.h"
#include "core/volume.h"
#include "core/xfer.h"
#include "disk/place.h"
#include "ev/loop.h"
#include "ev/timer.h"

/* An unfinished file that a newcomer with the same path may adopt. */
struct claim {
	char *path;	 /* key */
	struct job *job; /* that speaks for it: a result, or one that is GONE */
	UT_hash_handle hh;
};

/* An event on its way to the subscribers. */
struct event_wait {
	struct event ev;
	bool traces;  /* EV_COMPLETE: what proved the naming of its file has done its work once the event is told */
	bool journal; /* there may be one among them */
	bool stale;   /* its GID is another job's by now: only those are told who can tell the two apart */
	STAILQ_ENTRY(event_wait) link;
	char path[]; /* of ev */
};

/* A GID whose job has left the engine before all of its events were told. */
struct late_gid {
	uint64_t gid;  /* key */
	uint64_t upto; /* number of the last of them */
	UT_hash_handle hh;
};

/* A caller of engine_flush that waits. */
struct flush {
	struct engine *engine;
	uint64_t adds; /* engine.add_seq at the call: it speaks for these adds */
	void (*cb)(void *arg, int err, const struct fail *f);
	void *arg;
	TAILQ_ENTRY(flush) link;
};

struct session_save;

struct engine {
	OBJ(ENGINE);
	struct loop *loop;
	struct net *net;
	struct store *store;
	struct opts *global;
	struct opts_memo *memo; /* of the jobs' options */
	char *progress_dir; /* of the transfers' journals */
	char *start_dir;    /* option dir of the start */
	char session_id[41];

	struct otree jobs;    /* all but the kept ones, by GID; in and out by engine_index */
	struct job *found;    /* in `jobs`: the one that engine_job found last, or NULL */
	struct otree active;  /* by order of start */
	struct queue queue;   /* waiting and paused */
	struct otree stopped; /* results, by rec.ord = order of ending */
	struct otree left;    /* jobs that are GONE, likewise; in no other list and not in `jobs` */
	/* Failed results that were pushed out of `stopped` (JOB_KEPT): nobody but the session file knows them. */
	struct otree kept;     /* by rec.ord */
	struct otree kept_gid; /* by GID */
	uint64_t start_seq, end_seq, pause_seq;
	size_t stopped_total;
	int last_err;
	struct claim *claims;	 /* by path */
	struct earlier *earlier; /* engine_startup.c; until engine_start */
	bool earlier_loaded;
	struct rate rate; /* max-overall-download-limit */
	struct origins *origins;
	struct volumes *volumes;
	struct placer *placer;

	bool begun; /* a stored job has run before */
	bool running, stopping;
	bool told_files; /* the log says that there are fewer slots than asked for */
	bool stop_flush; /* nothing runs any more; waiting for the store */
	struct deferred stop_turn;
	void (*stop_cb)(void *arg);
	void *stop_arg;
	void (*shutdown_cb)(void *arg, bool force);
	void *shutdown_arg;

	struct timer slots_timer;
	uint64_t scout_from; /* key in queue.ready from which on the next scout is looked for (sched.c) */
	struct timer starts_timer; /* runs while a job is start_unsaved */
	struct deferred turn;	       /* end of the turn: sched_run, then events_flush */
	uint64_t add_seq;	       /* number of the newest add */
	TAILQ_HEAD(job_list, job) not_durable; /* adds not known to be durable, oldest first */
	TAILQ_HEAD(flush_list, flush) flushes;
	STAILQ_HEAD(event_list, event_wait) events;
	size_t n_events; /* in the list */
	uint64_t event_seq, events_told; /* numbers of the newest event and of the last one that was told */
	struct late_gid *late_gids;
	uint64_t events_looked_at; /* test seam: for GIDs that are used again */
	size_t flushing; /* events that the flush under way speaks for */
	uint64_t flushing_adds;
	bool turn_flush;    /* such a flush is under way */
	struct timer retry; /* after a failed one */
	TAILQ_HEAD(sub_list, event_sub) subs;
	struct event_sub *next_sub; /* while delivering: who comes next, so that anybody may unsubscribe */

	uint64_t changes; /* counts changes of what a session file would show */
	uint64_t saved;	  /* value of changes at the last save */
	struct timer session_timer;
	STAILQ_HEAD(save_list, session_save) saves; /* the first one is being written */

	/* Backing of the last engine_view. */
	struct ranges view_have;
	struct buf view_path;
	struct fail view_wait;
};

#define GID_FMT	     "%016llx"
#define GID_ARG(gid) ((unsigned long long)(gid))

void engine_index(struct engine *e, struct job *j);   /* into engine.jobs */
void engine_unindex(struct engine *e, struct job *j); /* and out */
struct job *engine_job(const struct engine *e, uint64_t gid);		      /* or NULL */
struct job *engine_get(const struct engine *e, uint64_t gid, struct fail *f); /* or NULL, f "GID x is not found" */
uint64_t engine_new_gid(const struct engine *e);
void engine_job_changed(void *arg, struct job *j); /* queue's moved() */

/* engine_add.c: the URIs of a job to be */
struct uri_list {
	char **v; /* NULL-terminated once n > 0 */
	size_t n, cap;
};
int uri_list_collect(
	const struct add_spec *s, struct uri_list *l, struct fail *f); /* into an empty one; expanded, normalised */
void uri_list_free(struct uri_list *l);

/* engine_opts.c: o, which is the job's now, takes the place of its options. When dir or out are others, what is known of the
 * file is left behind (engine_part.c). */
void engine_take_options(struct job *j, struct opts *o);

/* engine_view.c: the final path of its file, "" while unknown; valid until the next call */
const char *engine_path_of(struct engine *e, const struct job *j);

/* engine_flush.c: store what changed */
void engine_save(struct engine *e, const struct job *j);       /* all of it */
void engine_save_state(struct engine *e, const struct job *j); /* state and place */
void engine_wait_durable(struct engine *e, struct job *j);     /* j was just added */
/* Take j out of everything, store included, and free it. */
void engine_vanish(struct engine *e, struct job *j);
void event_push(struct job *j, enum event_type t); /* before the job leaves the engine */
void events_job_leaves(struct engine *e, const struct job *j); /* its GID can be given to another from now on */
void events_flush(struct engine *e);
/* A new job gets this GID: what is still to be told of one that has just ended, and what tells of its file, must tell nothing of
 * the new one. */
void events_reuse_gid(struct engine *e, uint64_t gid);
void engine_turn(void *arg); /* of engine.turn */
void flush_free_all(struct engine *e);

/* sched.c */
void sched_dirty(struct engine *e); /* slots, jobs or limits changed: look again at the end of the turn */
void sched_run(struct engine *e);
bool sched_has_slot(struct engine *e); /* fewer jobs are active than may be */

/* engine_run.c */
void run_start(struct engine *e, struct job *j);	    /* a job of the queue gets a slot */
void run_stop(struct engine *e, struct job *j, bool force); /* what for is set in j->want_* or engine.stopping */
void run_yield(struct job *j);				    /* an active job goes back to its place in the queue; idempotent */
void run_stopped_check(struct engine *e);		    /* engine.stopping: call back when nothing runs any more */

/* engine_result.c */
void result_add(struct engine *e, struct job *j);  /* j has just ended and is in no list; may free it */
void result_load(struct engine *e, struct job *j); /* stored earlier */
void result_drop(struct engine *e, struct job *j); /* forget it, here and in the store */
/* j is no result any more, and in no list; it keeps its unfinished file. */
void result_leave(struct engine *e, struct job *j);
/* That GID is wanted for a new job: a kept result with it is forgotten. */
void result_free_gid(struct engine *e, uint64_t gid);
struct job *result_kept(const struct engine *e, uint64_t gid); /* a kept result, or NULL */
/* What helps to find out, after a crash, which file is the job's: its journal, if it may have one, and the ledger's entry. */
void engine_forget_traces(struct engine *e, uint64_t gid, bool journal);
char *journal_path(const struct engine *e, uint64_t gid); /* malloc'd */

/* engine_room.c */
/* Its transfer ended for want of room, and it is to wait for it. */
bool room_may_come(const struct job *j, const struct xfer_end *end);
void room_wait(struct job *j, const struct xfer_end *end);	     /* such a job, in the queue and not ready, does so */
void room_leave(struct job *j);	    /* it wants no room any more, or has what it wanted; idempotent */
void room_look_anew(struct job *j); /* if it waits: it may try at once */
bool room_is_awaited(const struct job *j);
const char *room_explain(struct engine *e, const struct job *j); /* why it waits, valid until the next call; or NULL */

/* engine_part.c */
void part_claim(struct engine *e, struct job *j);	  /* j is a result now: it speaks for its file, if it has one */
void part_unclaim(struct engine *e, const struct job *j); /* not any more */
void part_leave(struct engine *e, const struct job *j);	  /* j goes away, or to another path: its file is remembered */
void part_load(struct engine *e, struct job *l);	  /* GONE, from the store; owned by the engine now */
struct job *part_claimant(const struct engine *e, const char *path); /* who speaks for it, or NULL */
void part_adopted(struct engine *e, struct job *claimant); /* somebody else has the file now; claimant may be freed */
void parts_free(struct engine *e);

/* engine_startup.c */
void earlier_free(struct engine *e);

/* engine_session.c */
void session_timer_start(struct engine *e);
void session_free(struct engine *e);
/* Does the session file show j? aria2's rules. */
bool session_wants(const struct job *j);

#endif
