/* SPDX-License-Identifier: MIT
 * What the files of a transfer share: struct xfer and its parts. Private to core/xfer*.c, lane.c, segment.c, source.c.
 *
 * Who calls whom: xfer.c drives the states; xfer_open.c chooses the name and opens the file; xfer_look.c only looks at a file
 * that is there; lane.c runs fetches and receives;
 * lane_head.c judges answers; segment.c hands out bytes and takes written ones; source.c picks URIs and keeps their record;
 * xfer_end.c verifies, finishes, stops. See docs/types/xfer.md.
 */
#ifndef HAUL_CORE_XFER_INT_H
#define HAUL_CORE_XFER_INT_H

#include "base/hash.h"
#include "base/obj.h"
#include "base/uri.h"
#include "core/origin.h"
#include "core/rate.h"
#include "core/xfer.h"
#include "disk/file.h"
#include "disk/verify.h"
#include "disk/wstream.h"
#include "ev/block.h"
#include "ev/loop.h"
#include "ev/timer.h"
#include "proto/proto.h"

#define LANE_QUEUE_MAX (4 * 1024 * 1024) /* bytes a lane may have received but not written */
#define REDIRECTS_MAX 20

/* X(id, text for logs). What ends each state: OPEN a disk callback; PROBE, RUN the protocol's timeouts and max-tries; VERIFY,
 * FINISH, STOP disk callbacks; RESET the store's commit, as OPEN when another program's file is taken over. */
#define XSTATES(X) X(PROBE, "probe") X(OPEN, "open") X(RUN, "run") X(RESET, "reset") X(VERIFY, "verify") X(FINISH, "finish") \
	X(STOP, "stop")
enum xstate {
#define X(id, text) XS_##id,
	XSTATES(X)
#undef X
	XSTATE_COUNT
};

/* One URI of the job with its record. Owned by the xfer; lanes point to it, so it is only freed with the xfer. */
struct source {
	OBJ(SOURCE);
	char *uri;          /* as the user gave it; credentials belong to its origin */
	struct uri u;       /* parsed */
	char *final_uri;    /* where redirects led the last time, tried first by later fetches; NULL */
	bool dead;          /* given up, or taken off the list by changeUri */
	bool gone;          /* taken off the list: not shown any more */
	bool ranged;        /* has sent a range as asked before: one refusal does not mean that it has none */
	bool no_ranges;     /* answers ranges with the whole file */
	bool skip_if_range; /* mishandles If-Range: ask without, compare the validators */
	bool no_head;       /* refused a HEAD: a GET tells the truth */
	bool cant_resume;   /* could not go on where the file ends: max-resume-failure-tries counts these */
	unsigned tries;     /* failures in a row without a byte of progress */
	unsigned not_found; /* 404s so far */
	struct origin *origin; /* of the place that is asked first: final_uri, else uri; NULL: dead from the start */
	struct origin_waiter waiter;
	struct fail fail;   /* last failure ... */
	int status;         /* ... and the status of the answer it was about; 0: there was none */
};

/* Bytes [start, end) given to a lane, with their writer. Lives until the lane has left it and all its bytes are written.
 * Owned by the xfer (segs). Invariant: start <= next <= end (end -1: unknown); [start, next) is received. */
struct segment {
	struct xfer *x;
	struct wstream *ws;
	struct lane *lane; /* NULL: being written out */
	int64_t start, next, end;
	TAILQ_ENTRY(segment) link;
};

enum lane_state {
	LANE_IDLE,  /* nothing to do */
	LANE_WAIT,  /* before the next try (timer) */
	LANE_HEAD,  /* request sent, no answer yet */
	LANE_BODY,  /* receiving */
	LANE_DRAIN, /* the answer was not a body; its end is awaited */
};

/* A place that runs one fetch after the other. Owned by the xfer. */
struct lane {
	OBJ(LANE);
	struct xfer *x;
	unsigned id; /* from 0, for logs */
	enum lane_state state;
	struct source *src;
	struct segment *seg;
	const struct proto *proto;
	void *fetch;         /* protocol's handle, NULL: none */
	struct origin_use use; /* what the fetch takes of its origin */
	char *uri;           /* asked now (after redirects) */
	unsigned redirects;
	struct range asked;  /* range of the request under way; end -1: to the end */
	bool whole;          /* the request had no Range field */
	bool if_range;       /* ... and had If-Range */
	bool head;           /* the request was a HEAD */
	bool conditional;    /* the request had If-Modified-Since */
	int64_t answer_end;  /* offset at which the answer will end, -1 unknown */
	int64_t got;         /* body bytes of this fetch */
	int status;          /* of the answer; 0: none yet */
	int verdict;         /* what the head was judged to be (enum err), acted on when the fetch is done; 0 */
	char *redirect_to;   /* verdict's companion: where to go on */
	struct fail fail;
	int64_t retry_after; /* ms, -1 */
	struct block *cur;   /* being filled */
	bool aged;           /* cur was there at the last tick already */
	bool paused;         /* space() said 0 */
	struct block_waiter waiter;
	struct timer timer;  /* LANE_WAIT */
	uint64_t retry_at;   /* ms: when that ends */
	uint64_t since;      /* ms: start of the fetch */
	uint64_t last_data;  /* ms: last byte, or start of the fetch */
	unsigned replaced;   /* times its connection was given up as a laggard in this segment */
	struct meter meter;
	TAILQ_ENTRY(lane) link;
};

struct xfer {
	OBJ(XFER);
	struct loop *loop;
	struct net *net;
	struct origins *origins;
	const struct xfer_ops *ops;
	void *owner;
	uint64_t gid;
	struct opts *opts;
	char *dir;
	char *journal;
	enum xstate state;
	struct source **sources; /* NULL-terminated */
	size_t nsources;
	TAILQ_HEAD(lane_list, lane) lanes;
	unsigned lane_ids;
	TAILQ_HEAD(segment_list, segment) segs;
	/* the file */
	char *path;              /* final path, NULL until chosen */
	int64_t total;           /* -1 unknown */
	char *etag, *last_modified;
	char *part_id;           /* of the file that durable speaks of */
	int64_t mtime;
	char *digest;            /* of an answer's header, "sha-256=HEX" */
	struct dfile_opening *opening; /* while the file is being opened */
	struct dfile *file;
	bool pinned;             /* total and validators are those of the version being fetched */
	int64_t user_len;        /* bytes of the user's that were taken in this run */
	bool user_part;          /* there are some in the file (continue, or left by aria2): never thrown away by us */
	bool took_over;          /* the file was begun by another program, under its own name */
	bool adopting;           /* the part that is being opened is another job's, which is gone */
	bool replaces;           /* NAME was found to be wrong (check-integrity): the finished part takes its place */
	unsigned restarts;       /* times it began anew */
	bool unproven;           /* an answer was taken that could not be compared with those before it */
	bool close_delimited;    /* the end of the file was told by the end of the connection only */
	char *want_name;         /* name for the open under way */
	/* before the first byte (xfer_look.c) */
	bool by_head;            /* what is pinned was told by a HEAD, which a GET may belie */
	bool head_told;          /* use-head: what a HEAD tells is known, or of no use: ask by GET */
	struct lane *looking;    /* waits for a look at the file before it asks; NULL: none */
	char *look_name;         /* of the look under way; NULL: none */
	char *cond_name;         /* conditional-get: the name that was looked at, NULL: none yet */
	int64_t cond_mtime;      /* ... and its time, epoch; -1: no condition */
	bool unconditional;      /* conditional-get: that nothing changed was of no use */
	struct ranges written;   /* in the file */
	struct ranges taken;     /* written, or some segment's */
	struct ranges durable;   /* synced and reported by progress */
	struct ranges syncing;   /* what the sync under way will make durable */
	bool sync_running;
	uint64_t dirty;          /* bytes written since the last sync began */
	uint64_t synced_at;      /* ms */
	struct hasher *hasher;
	char hash_type[8];
	unsigned char hash_want[HASH_MAX];
	size_t hash_len;
	bool hash_checked;
	/* limits */
	struct rate rate;
	struct rate *global_rate;
	struct timer throttle;   /* runs while a lane waits for tokens */
	struct timer tick;       /* each second */
	struct timer wake;       /* a source may be asked again */
	struct deferred room;    /* something was written: paused lanes may read on */
	struct deferred fill;    /* give idle lanes work, once per turn */
	struct meter meter;
	uint64_t best_speed;     /* bytes/s of the best lane lately; fades */
	/* the end */
	unsigned pending;        /* callbacks of disk and owner still to come */
	bool force, discard;
	bool final_synced;
	bool ending;             /* an end was decided; result holds which */
	struct xfer_end result;
	char result_text[sizeof(((struct fail *)0)->text)];
	struct deferred finale;  /* calls end() from a clean stack */
	struct fail wait;        /* its text: why nothing happens; "" */
};

/* xfer.c */
void xfer_set_state(struct xfer *x, enum xstate s);
void xfer_dirty(struct xfer *x);              /* lanes may have work: fill at the end of the turn */
void xfer_fail(struct xfer *x, int err, const char *text); /* the job failed: everything stops */
/* No source serves: the job failed for the reason of the one whose failure says most; err when none has failed. */
void xfer_fail_sources(struct xfer *x, int err);
void xfer_report_known(struct xfer *x);
/* Can bytes of two answers with these validators be of one version only? A weak ETag alone doesn't say so (RFC 9110 8.8.1). */
bool xfer_provable(const char *etag, const char *last_modified);
void xfer_check_done(struct xfer *x);         /* all bytes there? then verify */
void xfer_complete(struct xfer *x);           /* the result is COMPLETE: wind down */
void xfer_reset(struct xfer *x);              /* forget the file, throw away what is open of it, probe again (RESET) */
void xfer_restart(struct xfer *x);            /* the same, if it may be thrown away, and not too often; else the job fails */

/* xfer_open.c */
char *xfer_choose_name(const struct xfer *x, const char *server_name, const char *uri); /* server_name may be NULL; malloc'd */
/* The checksum that decides is parsed into x->hash_*: the user's, else that of a Digest field. False: there is none. */
bool xfer_want_sum(struct xfer *x);
void xfer_start_hashing(struct xfer *x); /* once there is such a checksum and a file; does nothing else */
/* The file is there under its name, `size` bytes at fd (copied): complete, once its checksum (if one is known) was verified. */
void xfer_found_whole(struct xfer *x, const char *path, int fd, int64_t size);
void xfer_open_known(struct xfer *x);                          /* OPEN: the part of an earlier run */
void xfer_open_new(struct xfer *x, const char *server_name, const char *uri); /* OPEN: choose a name, create */

/* xfer_look.c */
bool xfer_only_looks(const struct xfer *x);   /* dry-run, hash-check-only: nothing is fetched, and nothing changed */
/* conditional-get: the file must be looked at before l asks. True: l waits, lane_ask follows. */
bool xfer_look_first(struct lane *l);
int64_t xfer_condition(const struct xfer *x); /* If-Modified-Since of the next request, epoch; -1: none */
void xfer_not_modified(struct xfer *x);       /* the server said so */
void xfer_check_only(struct xfer *x);         /* OPEN, want_name is set: hash-check-only */

/* xfer_end.c */
void xfer_verify(struct xfer *x);
void xfer_wind_down(struct xfer *x);          /* after the result is set: sync, close, end */
void xfer_sync(struct xfer *x);               /* checkpoint, unless one is running */
void xfer_hash_advance(struct xfer *x);

/* lane.c */
struct lane *lane_new(struct xfer *x);
void lane_free(struct lane *l);               /* stops it */
void lane_begin(struct lane *l, struct source *src); /* with its segment; failures are handled */
void lane_drop(struct lane *l, int err);      /* its fetch counts as failed with err */
void lane_ask(struct lane *l);                /* its uri for what its segment lacks; failures are handled */
void lane_stop(struct lane *l);               /* cancel the fetch, give back what was not received; idle afterwards */
void lane_resume(struct lane *l);             /* space() may have room again */
void lane_flush(struct lane *l);              /* hand a partly filled block to the writer */
void lane_retry_in(struct lane *l, uint64_t ms);

/* lane_head.c: judge the head of an answer. Sets l->verdict, l->fail, l->redirect_to, l->retry_after. */
void lane_judge(struct lane *l, const struct fetch_head *h);

/* segment.c */
struct segment *segment_new(struct lane *l, int64_t start, int64_t end);
void segment_attach_file(struct segment *s);   /* the file is open now */
void segment_leave(struct segment *s);        /* its lane goes; the rest [next, end) is free again */
/* Bytes for a lane without work, `lanes` (>= 1) of which there are: of the first gap what stream-piece-selector lets it take, or
 * a share of the largest segment. */
bool segment_pick(struct xfer *x, unsigned lanes, struct range *ret);
/* The answer goes on behind the segment's end (up to limit, -1: open) and nobody has those bytes: take them too. */
bool segment_extend(struct segment *s, int64_t limit);
size_t segment_queued(const struct xfer *x);  /* bytes waiting to be written, all segments */
void segment_free(struct segment *s);

/* source.c */
int source_list_set(struct xfer *x, char *const *uris); /* add new ones, mark missing ones gone */
void source_list_free(struct xfer *x);
struct source *source_pick(struct xfer *x, uint64_t now, uint64_t *ret_wait); /* for one more lane; NULL: none; *ret_wait ms */
unsigned source_lanes(const struct xfer *x, const struct source *s, bool receiving);
/* Where redirects led: asked first from now on. NULL: the URI itself. */
void source_set_place(struct xfer *x, struct source *s, const char *uri);
bool source_any_alive(const struct xfer *x);
const struct source *source_last_failed(const struct xfer *x); /* whose failure says most; NULL: none */
/* What to do after a failed fetch: true: try the source again after *ret_ms; false: it was given up, or is used with fewer
 * connections; the lane is to look for other work. */
bool source_failed(struct xfer *x, struct lane *l, int err, const struct fail *f, uint64_t *ret_ms);

#endif
