/* SPDX-License-Identifier: MIT
 * The engine: the only door to the queue and its transfers. RPC, command line, signals, web page and tests use these
 * calls and no others. Calls act at once in memory and hand the change to the store; a caller that must answer somebody
 * waits with engine_flush until it is durable. Errors are 0 or negative enum err with a text in aria2's words where
 * clients know one. Loop thread.
 */
#ifndef HAUL_CORE_ENGINE_H
#define HAUL_CORE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/ranges.h"
#include "core/event.h"
#include "core/job.h"

struct engine;
struct loop;
struct net;
struct store;

/* global: the options of command line, file and environment, in one set; the engine takes a reference. Loads the queue.
 */
struct engine_conf {
	struct loop *loop;
	struct net *net;
	struct store *store;
	struct opts *global;
	const char *state_dir;
};
int engine_new(const struct engine_conf *c, struct engine **ret, struct fail *f);
void engine_start(struct engine *e); /* from now on jobs run */
/* Stop all transfers in an orderly way (progress synced and committed), then cb, never before this returns, and
 * behind all events, unless the store fails. force: don't wait for slow ones; may be called a second time to force (cb of the
 * first call counts). Jobs keep their place and state. */
void engine_stop(struct engine *e, bool force, void (*cb)(void *arg), void *arg);
/* After engine_stop has called back and the store is closed (so that no answer of it is under way). */
void engine_free(struct engine *e);

/* ---- changing ---- */

struct add_spec {
	char *const *uris; /* n texts as given; unusable ones are dropped; copied */
	size_t n;
	struct opts *opts; /* own options, parent = engine_global(e); the engine takes its own reference */
	int64_t pos;	   /* place in the queue, -1: at the end */
	uint32_t uid;	   /* owner */
	const char *owner;
	unsigned flags; /* enum job_flag: JOB_FROM_INPUT, JOB_ANY_DIR */
};
/* ERR_BAD_URI or (gid taken) ERR_INVAL "No URI to download.", or puri_expand's error. gid and pause options are
 * honoured. */
int engine_add(struct engine *e, const struct add_spec *s, uint64_t *ret_gid, struct fail *f);

/* The same for what the command line or an input file names, before engine_start. A download that an earlier run added
 * and did not finish is not added again, so that the same start after a crash goes on where it was: one with the given
 * gid, or, when no gid is given, one with the same URIs, dir and out that came the same way. *ret_gid is that one's
 * then. */
int engine_add_startup(struct engine *e, const struct add_spec *s, uint64_t *ret_gid, struct fail *f);

int engine_pause(struct engine *e, uint64_t gid, bool force, struct fail *f);
int engine_unpause(struct engine *e, uint64_t gid, struct fail *f);
int engine_remove(struct engine *e, uint64_t gid, bool force, struct fail *f);
/* A failed or removed download waits again, at the end of the queue. It keeps its GID and what it knows of its file, so
 * it goes on where it was; after a wrong checksum none of its bytes count. o: its own options from now on (as in
 * add_spec, gid and pause passed over; dir or out that differ make it begin anew there), NULL: as they were. An active one
 * that waits for a server (engine_view: wait) is tried at once, when no options are given. ERR_WRONG_STATE in other states. */
int engine_retry(struct engine *e, uint64_t gid, const struct opts *o, struct fail *f);
void engine_pause_all(struct engine *e, bool force);
void engine_unpause_all(struct engine *e);
int engine_remove_result(struct engine *e, uint64_t gid, struct fail *f);
void engine_purge_results(struct engine *e);
enum pos_how { POS_SET, POS_CUR, POS_END };
int engine_move(struct engine *e, uint64_t gid, int64_t pos, enum pos_how how, int64_t *ret_pos, struct fail *f);
/* Deletes (first match each), then adds at pos (-1: end); unusable URIs are passed over. */
int engine_change_uris(struct engine *e, uint64_t gid, char *const *del, size_t ndel, char *const *add, size_t nadd,
	int64_t pos, size_t *ret_del, size_t *ret_add, struct fail *f);
/* changes: a set of options already checked; those that a job in its state may not change are passed over. All or
 * nothing. */
int engine_change_options(struct engine *e, uint64_t gid, const struct opts *changes, struct fail *f);
int engine_change_global(struct engine *e, const struct opts *changes, struct fail *f);

/* cb when all changes so far are durable (0), or could not be made so (ERR_COMMIT; jobs added by them are gone again).
 * Called at once, before this returns, when nothing is pending. */
void engine_flush(struct engine *e, void (*cb)(void *arg, int err, const struct fail *f), void *arg);

/* Write the list of downloads to the file of save-session, in aria2's format, on the pool; cb exactly once, never
 * before this returns, unless it returns an error: ERR_INVAL "Filename is not given." cb gets ERR_IO "Failed to
 * serialize session to 'FILE'." */
int engine_save_session(
	struct engine *e, void (*cb)(void *arg, int err, const struct fail *f), void *arg, struct fail *f);

/* ---- looking ---- */

/* 1 to 16 hex digits, unique prefix: 0, or ERR_NOT_HERE / ERR_INVAL with aria2's text ("GID x is not found", "Invalid
 * GID x"). */
int engine_find(const struct engine *e, const char *text, uint64_t *ret_gid, struct fail *f);

/* What tellStatus and friends show; pointers live until the next call into the engine. */
struct job_view {
	uint64_t gid;
	enum job_state state;
	int64_t total;	  /* 0 while unknown */
	int64_t done;	  /* bytes in the file */
	int64_t verified;   /* bytes hashed while verifying, -1 otherwise */
	bool verify_queued; /* is to be verified, but others are first */
	uint64_t speed;	  /* bytes/s over the last seconds */
	unsigned conns;
	unsigned sharing;   /* other downloads that share the connections to a server with this one (core/share.h) */
	int64_t piece_len;
	const char *dir;
	const char *path; /* final path; "" while unknown */
	int err;	  /* enum err, for ended jobs */
	const char *err_text;
	/* Why an active job is not receiving ("waiting 41 s for example.org: 429"), or a waiting one would not get a slot ("no
	 * room on /data: needs 3.2GiB, 1.1GiB free"); or NULL. */
	const char *wait;
	unsigned flags;	  /* enum job_flag */
	const struct ranges *have;
	const struct opts *opts;
	uint32_t uid;
	const char *owner;
	int64_t added_at, ended_at;
};
bool engine_view(const struct engine *e, uint64_t gid, struct job_view *ret);

enum engine_list { LIST_ACTIVE, LIST_QUEUE, LIST_STOPPED };
size_t engine_count(const struct engine *e, enum engine_list l);
/* GIDs at positions [from, from + n) of a list (active: order of start; queue: queue order; stopped: order of ending)
 * into ret; returns how many. */
size_t engine_list(const struct engine *e, enum engine_list l, size_t from, size_t n, uint64_t *ret);

struct uri_view {
	const char *uri;
	bool used; /* a connection has been made with it */
	const char *why; /* it was given up for; NULL: it was not */
};
/* As getUris shows them (used first, one entry a connection, then the waiting ones); returns the number, writes at most
 * max. */
size_t engine_uris(const struct engine *e, uint64_t gid, struct uri_view *ret, size_t max);
struct server_view {
	const char *uri, *current; /* as given; after redirects */
	uint64_t speed;
};
/* Connections that have begun to receive. */
size_t engine_servers(const struct engine *e, uint64_t gid, struct server_view *ret, size_t max);

struct engine_stat {
	uint64_t speed;
	size_t active, queued, stopped, stopped_total;
};
void engine_stat(const struct engine *e, struct engine_stat *ret);
/* Something is active or waits for a slot or for room on its disk (paused ones do not count). */
bool engine_busy(const struct engine *e);
/* enum err of the download that failed last since the start, also when its result is no longer kept; 0: none failed. */
int engine_last_err(const struct engine *e);

struct opts *engine_global(struct engine *e); /* current global set; take a reference to keep it */
struct loop *engine_loop(struct engine *e);
struct net *engine_net(struct engine *e);
const char *engine_session_id(const struct engine *e); /* 40 hex digits, new at each start */

void engine_subscribe(struct engine *e, struct event_sub *s);
void engine_unsubscribe(struct engine *e, struct event_sub *s);

/* The process's log as the options say: log, log-level, console-log-level, quiet. 0 or ERR_OPEN. May be called again.
 */
int engine_log_setup(const struct opts *o, struct fail *f);

/* The process was asked to end (RPC shutdown); main.c sets what happens. */
void engine_on_shutdown(struct engine *e, void (*cb)(void *arg, bool force), void *arg);
void engine_shutdown(struct engine *e, bool force);

#endif
