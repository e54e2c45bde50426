/* SPDX-License-Identifier: MIT
 * struct xfer: the running side of an active job: probes, opens the file, splits it into segments, runs the lanes, checks,
 * finishes. It knows fetches, blocks and files, but neither the queue nor the store: it tells its owner (the engine) what
 * happened. Loop thread.
 */
#ifndef HAUL_CORE_XFER_H
#define HAUL_CORE_XFER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/ranges.h"
#include "core/engine.h"

struct xfer;
struct loop;
struct net;

/* What a transfer knows about its file from earlier runs, and what it tells about it. Strings are copied by those who keep
 * them. */
struct xfer_known {
	const char *path;          /* final path, or NULL: not chosen yet */
	int64_t total;             /* -1 unknown */
	const char *etag;
	const char *etag_origin;   /* which origin showed it (origin_key); NULL: not known */
	const char *last_modified;
	bool weak_date;            /* ... proves nothing (struct fetch_head) */
	const char *part_id;       /* which file `have` speaks of (dfile_part_id); NULL: not known */
	const char *digest;        /* that an answer told of the whole file, "sha-256=HEX", or NULL */
	const struct ranges *have; /* durable on disk */
	bool unproven;             /* bytes of answers that could not be compared with each other are in the file */
	bool replaces;             /* what lies at path was found to be wrong: the finished file takes its place */
	bool stale_journal;        /* the journal speaks of a file that is another job's by now, and is to be removed before a
	                              file is opened; told as false once that was done */
	bool user_part;            /* bytes of the file were there before us (continue, or left by aria2): never thrown away */
	char *const *uris;         /* of a part to be adopted: where it is from, NULL-terminated; NULL: not known */
};

enum xfer_result { XFER_STOPPED, XFER_COMPLETE, XFER_FAILED };

/* What a transfer leaves on disk: nothing, NAME.part, or NAME as it found it. */
enum xfer_left { XFER_LEFT_NOTHING, XFER_LEFT_PART, XFER_LEFT_FILE };

struct xfer_end {
	enum xfer_result result;
	int err;                /* FAILED: enum err */
	const char *err_text;
	const char *uri;        /* FAILED: which of the URIs it speaks of; NULL: none more than others */
	int status;             /* of the last answer from there, e.g. 404; 0: none */
	enum xfer_left left;    /* FAILED */
	unsigned flags;         /* JOB_UNPROVEN */
	bool placed;            /* COMPLETE: the file got its name with its last byte; `known` was never called */
	int64_t total, done;    /* last known */
	const char *path;       /* final path; NULL: not chosen. Valid during the call */
};

struct xfer_ops {
	/* Name, size or validators became known or changed. */
	void (*known)(void *owner, const struct xfer_known *k);
	/* `have` is durable on disk now. */
	void (*progress)(void *owner, const struct ranges *have);
	/* A result job that owns this final path (an unfinished .part lies there)? If so its knowledge is handed over for
	 * adoption: true and *ret (valid until the next call into the engine). take: the result loses it. */
	bool (*adopt)(void *owner, const char *path, bool take, struct xfer_known *ret);
	/* All that was known of the file (path, size, validators, `have`) is void: the transfer begins anew, maybe with another
	 * version. */
	void (*forget)(void *owner);
	/* Call cb(arg), never from here, once all that was told so far (known, progress, forget) is durable, however long that
	 * takes; until then the transfer does nothing that only this makes safe. */
	void (*durable)(void *owner, void (*cb)(void *arg), void *arg);
	/* The last call: everything is closed, the memory goes after it returns. */
	void (*end)(void *owner, const struct xfer_end *e);
};

struct origins;
struct placer;
struct rate;

struct xfer_req {
	struct loop *loop;
	struct net *net;
	uint64_t gid, mark;       /* of the job, see job_mark */
	char *const *uris;        /* copied */
	struct opts *opts;        /* a reference is taken */
	const char *dir;
	const char *root;         /* beginning of dir that links in it may not leave (disk/file.h) */
	struct xfer_known known;
	const char *journal;      /* path for the progress journal */
	struct placer *placer;    /* for small files; outlives the transfer. NULL: none */
	struct rate *global_rate; /* overall limit, shared; outlives the transfer */
	struct origins *origins;  /* the daemon's records, likewise */
	bool hurry;               /* the user wants it tried now: whatever its origins wait for counts no more */
};

/* Never calls back before it returns. */
struct xfer *xfer_start(const struct xfer_req *req, const struct xfer_ops *ops, void *owner);
/* Ask it to stop: fetches end, written bytes are synced (force: not), then end(XFER_STOPPED). Idempotent. discard: NAME.part and
 * journal are removed. */
void xfer_stop(struct xfer *x, bool force, bool discard);
/* Options that apply at once (max-download-limit, ...): the set was replaced. */
void xfer_set_opts(struct xfer *x, struct opts *o);
/* The user wants it tried now. False: it waits for nothing that this could end. */
bool xfer_hurry(struct xfer *x);
/* The list of URIs changed: connections of those that are gone are dropped, new ones are used. */
void xfer_set_uris(struct xfer *x, char *const *uris);

/* Fills total, done, verified, speed, conns, sharing, wait, have, path of v (the rest is left alone). */
void xfer_view(const struct xfer *x, struct job_view *v);
/* Of `need` bytes of room that it was to have when it began: how many it has not taken yet. */
uint64_t xfer_owes(const struct xfer *x, uint64_t need);
size_t xfer_uris(const struct xfer *x, struct uri_view *ret, size_t max);
size_t xfer_servers(const struct xfer *x, struct server_view *ret, size_t max);

#endif
