/* SPDX-License-Identifier: MIT
 * What the files of a transfer share: struct xfer and its parts. Private to core/xfer*.c, lane.c, segment.c, source.c.
 *
 * Who calls whom: xfer.c drives the states; xfer_open.c chooses the name and opens the file; xfer_look.c only looks at a file
 * that is there; lane.c runs fetches and receives;
 * lane_head.c judges answers; segment.c hands out bytes and takes written ones; rescue.c takes them over from lanes that are too
 * slow; source.c picks URIs and keeps their record; xfer_grow.c finds out how many connections bring most;
 * xfer_pace.c looks after them each second; xfer_end.c verifies, finishes,
 * stops. See docs/types/xfer.md.
 */
#ifndef HAUL_CORE_XFER_INT_H
#define HAUL_CORE_XFER_INT_H

#include <uthash.h>

#include "base/hash.h"
#include "base/obj.h"
#include "base/uri.h"
#include "core/origin.h"
#include "core/rate.h"
#include "core/tags.h"
#include "core/xfer.h"
#include "disk/file.h"
#include "disk/place.h"
#include "disk/verify.h"
#include "disk/wstream.h"
#include "ev/block.h"
#include "ev/loop.h"
#include "ev/timer.h"
#include "proto/proto.h"

#define LANE_QUEUE_MAX (4 * 1024 * 1024) /* bytes a lane may have received but not written */
#define REDIRECTS_MAX 20

/* X(id, text for logs, the states that may follow). What ends each: OPEN a disk callback; PROBE, RUN the protocol's timeouts and
 * max-tries; VERIFY, FINISH, STOP disk callbacks; GATHER a timer; RESET the store's commit, as OPEN when another program's file
 * is taken over. VERIFY -> OPEN, PROBE: what was verified was there before, is wrong, and is fetched instead. */
#define XSTATES(X) \
	X(PROBE, "probe", TO(GATHER) | TO(OPEN) | TO(RESET) | TO(STOP)) \
	X(GATHER, "gather", TO(OPEN) | TO(STOP)) \
	X(OPEN, "open", TO(OPEN) | TO(RUN) | TO(VERIFY) | TO(RESET) | TO(PROBE) | TO(STOP)) \
	X(RUN, "run", TO(RESET) | TO(VERIFY) | TO(STOP)) \
	X(RESET, "reset", TO(PROBE) | TO(STOP)) \
	X(VERIFY, "verify", TO(FINISH) | TO(OPEN) | TO(PROBE) | TO(STOP)) \
	X(FINISH, "finish", TO(STOP)) \
	X(STOP, "stop", 0)
enum xstate {
#define X(id, text, next) XS_##id,
	XSTATES(X)
#undef X
	XSTATE_COUNT
};

/* One URI of the job with its record. Owned by the xfer; lanes point to it, so those are stopped before it is freed. */
struct source {
	OBJ(SOURCE);
	char *uri;          /* as the user gave it; credentials belong to its origin */
	struct uri u;       /* parsed */
	char *final_uri;    /* where redirects led the last time, tried first by later fetches; NULL */
	enum zone final_from; /* ... and the outermost that led there */
	bool linked;        /* redirects led to a good answer before: the next one may be a link that expired */
	bool link_fresh;    /* final_uri has not brought a byte yet */
	bool dead;          /* given up: counts no more, but see may_return */
	bool may_return;    /* dead of what may pass (no answer, too slow): asked again now and then while others work */
	bool ranged;        /* has sent a range as asked before: one refusal does not mean that it has none */
	bool no_ranges;     /* answers ranges with the whole file */
	bool tagged;        /* an answer had the ETag that is known of its origin */
	unsigned odd_tags;  /* answers in a row that only the ETag told from the version being fetched */
	unsigned refused;   /* ranges in a row, before it has sent one */
	bool skip_if_range; /* mishandles If-Range: ask without, compare the validators */
	unsigned kept;      /* connections that answered to the end, which the next requests will find open, it is believed */
	bool no_head;       /* refused a HEAD: a GET tells the truth */
	bool cant_resume;   /* could not go on where the file ends: max-resume-failure-tries counts these */
	unsigned tries;     /* failures in a row without a byte of progress */
	unsigned meagre;    /* answers in a row that brought hardly anything (source_was_meagre) */
	unsigned not_found; /* 404s so far */
	uint64_t ready_at;  /* ms: not asked before, after a try that brought nothing */
	unsigned lanes_max; /* at a time, until more_at (ms): one more was led to a place that turned it away */
	uint64_t more_at;
	/* goodput, bytes/s of one connection */
	uint64_t speed;     /* smoothed over its connections; 0: not measured yet */
	uint64_t request_ms; /* from a request to the first byte of the body, smoothed; 0: not measured yet */
	uint64_t best;      /* of its best connection lately; fades */
	unsigned samples;   /* that went into speed */
	/* far slower than others, silent, or dead: others come first until aside_until, then one small segment shows what it is
	 * worth */
	uint64_t aside_until; /* ms */
	uint64_t aside_ms;    /* how long it was put aside for the last time, doubles; 0: in good standing */
	struct origin *origin; /* of the place that is asked first: final_uri, else uri; NULL: dead from the start */
	struct origin_waiter waiter;
	struct origin_waiter crowd; /* for one of the connections that are shared there */
	struct fail fail;   /* last failure ... */
	int status;         /* ... and the status of the answer it was about; 0: there was none */
	UT_hash_handle hh;  /* by uri, while the list is being set */
};

/* Bytes [start, end) given to a lane, with their writer. Lives until the lane has left it and all its bytes are written.
 * Owned by the xfer (segs). Invariant: start <= next <= end (end -1: unknown); [start, next) is received.
 *
 * A race (rescue.c): `racing` fetches at most a block's worth that is its rival's as well. What it receives stays in its lane's
 * block, so no byte is ever written twice; [from, end) of it is needed, which is nothing while the rival is at work. */
struct segment {
	struct xfer *x;
	struct wstream *ws;
	struct lane *lane; /* NULL: being written out */
	int64_t start, next, end;
	bool racing;
	struct segment *rival; /* the other one of a race, NULL: none */
	int64_t from;          /* racing: of what it is to write, end: nothing */
	unsigned races;        /* that were begun against it */
	TAILQ_ENTRY(segment) link;
};

/* X(id, the states that may follow): IDLE nothing to do; WAIT for a look at the file, before it asks; HEAD request sent, no
 * answer yet; BODY receiving; DRAIN the answer was not a body, its end is awaited. Who stops a lane need not know whether it
 * is idle. */
#define LANE_STATES(X) \
	X(IDLE, TO(IDLE) | TO(WAIT) | TO(HEAD)) \
	X(WAIT, TO(IDLE) | TO(WAIT) | TO(HEAD)) \
	X(HEAD, TO(IDLE) | TO(BODY) | TO(DRAIN)) \
	X(BODY, TO(IDLE)) \
	X(DRAIN, TO(IDLE) | TO(WAIT) | TO(HEAD))
enum lane_state {
#define X(id, next) LANE_##id,
	LANE_STATES(X)
#undef X
	LANE_STATE_COUNT
};

/* A place that runs one fetch after the other. Owned by the xfer. */
struct lane {
	OBJ(LANE);
	struct xfer *x;
	unsigned id; /* from 0, for logs */
	enum lane_state state; /* changed by lane_set_state only */
	struct source *src;
	struct segment *seg;
	const struct proto *proto;
	void *fetch;         /* protocol's handle, NULL: none */
	struct origin_use use; /* what the fetch takes of its origin */
	char *uri;           /* asked now (after redirects) */
	bool at_link;        /* it began at its source's final_uri */
	unsigned redirects;
	enum zone from;     /* the outermost of those that redirected there; LOCAL: the user named it */
	struct range asked;  /* range of the request under way; end -1: to the end */
	bool whole;          /* the request had no Range field */
	bool if_range;       /* ... and had If-Range */
	bool head;           /* the request was a HEAD */
	bool conditional;    /* the request had If-Modified-Since */
	int64_t answer_end;  /* offset at which the answer will end, -1 unknown */
	int64_t skip;        /* body bytes still to be thrown away: the file has them, and the source has no ranges */
	int64_t got;         /* body bytes of this fetch, without those */
	int status;          /* of the answer; 0: none yet */
	int verdict;         /* what the head was judged to be (enum err), acted on when the fetch is done; 0 */
	char *redirect_to;   /* verdict's companion: where to go on */
	struct fail fail;
	int64_t retry_after; /* ms, -1 */
	struct block *cur;   /* being filled */
	uint64_t cur_since;  /* ms: then cur was begun */
	bool quick;          /* the last one was filled so quickly that a pipe pays */
	bool no_pipe;        /* one was full before anything was in it */
	bool aged;           /* cur was there at the last tick already */
	bool paused;         /* space() said 0 */
	struct block_waiter waiter;
	uint64_t since;      /* ms: start of the fetch */
	uint64_t last_data;  /* ms: last byte, or start of the fetch */
	uint64_t noted_at;   /* ms: when its goodput was looked at last, and `got` then */
	int64_t noted_got;
	uint64_t speed;      /* bytes/s lately */
	bool fresh;          /* its connection was not used before, it is believed */
	bool on_trial;       /* its source was dead when it was asked */
	bool held;           /* since then it was us who did not take more */
	uint64_t leave_by;   /* ms: it is on its way out, and closed then at the latest; 0: it is not */
	unsigned replaced;   /* times its connection was given up as a laggard in this segment */
	int64_t ticked_got;  /* `got` at the last tick, ... */
	int64_t per_tick;    /* ... and what comes between two, smoothed */
	size_t low;          /* low water that its fetch was told; 0, 1: none */
	struct meter meter;
	TAILQ_ENTRY(lane) link;
};

/* How many connections bring most (xfer_grow.c). Zeroed: nothing is known. */
struct growth {
	struct timer timer;
	int64_t lanes;       /* that were found to be worth it, or are being tried */
	int64_t before;      /* how many there were before the step under way; 0: there is none */
	uint64_t rate;       /* ... and their goodput, bytes/s */
	uint64_t stepped_at; /* ms */
	uint64_t hold_until, hold_ms; /* no step before that; no window is open then */
	bool crowded;        /* it is because others have what may be: until some of that is free */
	bool room;           /* ... which may be so now */
	/* the window of the measurement under way */
	uint64_t begun;      /* ms; 0: new connections are awaited */
	int64_t bytes;
	uint64_t heard, gap; /* ms: the last byte, and the longest silence */
	bool ours;           /* a limit of ours, or the disk, held a connection up */
};

struct xfer {
	OBJ(XFER);
	struct loop *loop;
	struct net *net;
	struct origins *origins;
	const struct xfer_ops *ops;
	void *owner;
	uint64_t gid, mark;
	struct opts *opts;
	char *dir, *root;
	char *journal;
	enum xstate state;
	struct source **sources; /* in the order of the list */
	size_t nsources;
	TAILQ_HEAD(lane_list, lane) lanes;
	unsigned lane_ids;
	TAILQ_HEAD(segment_list, segment) segs;
	/* the file */
	char *path;              /* final path, NULL until chosen */
	int64_t total;           /* -1 unknown */
	char *etag, *last_modified;
	bool weak_date;          /* last_modified proves nothing: two versions may have it */
	char *etag_origin;       /* who showed etag (origin_key); NULL: not known */
	struct tags tags;        /* by which other origins know the same version */
	char *part_id;           /* of the file that durable speaks of */
	int64_t mtime;
	char *digest;            /* of an answer's header, "sha-256=HEX" */
	struct dfile_opening *opening; /* while the file is being opened */
	struct dfile *file;
	unsigned rtt_ms;         /* of the last connection that was answered on; 0: below one, or not known */
	bool pinned;             /* total and validators are those of the version being fetched */
	int64_t user_len;        /* bytes of the user's that were taken in this run */
	bool user_part;          /* there are some in the file (continue, or left by aria2): never thrown away by us */
	bool took_over;          /* the file was begun by another program, under its own name */
	bool stale_journal;      /* until a file is opened: what lies at the journal's path is not of this transfer's file */
	bool adopting;           /* the part that is being opened is another job's, which is gone */
	bool replaces;           /* NAME was found to be wrong (check-integrity): the finished part takes its place */
	bool told_plain;         /* the log has it that a redirect led from https to plain http */
	unsigned restarts;       /* times it began anew */
	unsigned in_vain;        /* ... throwing away what had come: tries without progress */
	bool brought;            /* bytes came since it began, or began anew */
	int64_t again_total;     /* it began anew for the same file: its size, -1: not known, ... */
	bool again_told;         /* ... and it had an ETag or a date */
	bool unproven;           /* an answer was taken that could not be compared with those before it */
	bool close_delimited;    /* the end of the file was told by the end of the connection only */
	char *want_name;         /* name for the open under way, or after GATHER */
	/* a small file (xfer_gather.c) */
	struct placer *placer;   /* NULL: none */
	struct block *body;      /* its first bytes, while it has no file; NULL: none */
	struct timer gathering;  /* while GATHER */
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
	bool hurry;              /* until the next try is decided, or no lane is free for one: its origins are not waited for */
	struct growth grow;
	struct timer throttle;   /* runs while a lane waits for tokens, or for the disk that others write to */
	struct timer tick;       /* each second */
	uint64_t ticked_at;      /* ms: the last of them */
	struct timer wake;       /* a source may be asked again */
	struct deferred room;    /* something was written: paused lanes may read on */
	struct deferred fill;    /* give idle lanes work, once per turn */
	struct meter meter;
	/* the end */
	unsigned pending;        /* callbacks of disk and owner still to come */
	bool force, discard;
	bool final_synced, trimmed; /* while ending: this was done */
	bool lost;               /* a sync failed: only what was durable before is sure to be there */
	bool ending;             /* an end was decided; result holds which */
	struct xfer_end result;
	char result_text[sizeof(((struct fail *)0)->text)];
	char *result_uri;        /* sources may go before the end is told */
	struct deferred finale;  /* calls end() from a clean stack */
	struct fail wait;        /* its text: why nothing happens; "" */
};

/* xfer.c */
void xfer_set_state(struct xfer *x, enum xstate to); /* dies on a move that XSTATES does not have */
void xfer_dirty(struct xfer *x);              /* lanes may have work: fill at the end of the turn */
void xfer_fail(struct xfer *x, int err, const char *text); /* the job failed: everything stops */
/* No source serves: the job failed for the reason of the one whose failure says most; err when none has failed. */
void xfer_fail_sources(struct xfer *x, int err);
void xfer_report_known(struct xfer *x);
/* Can bytes of two answers with these validators be of one version only? A weak ETag alone doesn't say so (RFC 9110 8.8.1), nor
 * does a weak date. */
bool xfer_provable(const char *etag, const char *last_modified, bool weak_date);
/* Size, validators and all that was said of the version being fetched count no more. */
void xfer_forget_version(struct xfer *x);
void xfer_check_done(struct xfer *x);         /* all bytes there? then verify */
void xfer_complete(struct xfer *x);           /* the result is COMPLETE: wind down */
void xfer_reset(struct xfer *x);              /* forget the file, throw away what is open of it, probe again (RESET) */
void xfer_restart(struct xfer *x);            /* the same, if it may be thrown away, and not too often; else the job fails */

/* xfer_open.c */
uint64_t xfer_dev(const struct xfer *x); /* of its file, or of the folder while there is none: for ev/work.h */
char *xfer_choose_name(const struct xfer *x, const char *server_name, const char *uri); /* server_name may be NULL; malloc'd */
/* The checksum that decides is parsed into x->hash_*: the user's, else that of a Digest field. False: there is none. */
bool xfer_want_sum(struct xfer *x);
void xfer_start_hashing(struct xfer *x); /* once there is such a checksum and a file; does nothing else */
/* The file is there under its name, `size` bytes at fd (copied): complete, once its checksum (if one is known) was verified. */
void xfer_found_whole(struct xfer *x, const char *path, int fd, int64_t size);
void xfer_open_known(struct xfer *x);                          /* OPEN: the part of an earlier run */
void xfer_open_new(struct xfer *x, const char *server_name, const char *uri); /* OPEN: choose a name, create */
void xfer_open_wanted(struct xfer *x); /* the same, want_name is set; a body that is there whole is placed */
/* Somebody else speaks for an unfinished file under that name, which might be gone on with. */
bool xfer_name_is_claimed(const struct xfer *x, const char *name);

/* xfer_gather.c */
/* l's answer is that of a small file, which is to be received before anything of it is on disk: GATHER instead of OPEN. False:
 * not of this one. The name is chosen as by xfer_open_new. */
bool xfer_gather(struct lane *l, const char *server_name, const char *uri);
/* No lane receives it any more: it is placed, or opened for what is there. */
void xfer_gathered(struct xfer *x);
/* What l has received before there was a file stays with the transfer. */
void xfer_keep_body(struct lane *l);
void xfer_drop_body(struct xfer *x);   /* it is of no use any more; idempotent */
void xfer_write_body(struct xfer *x);  /* RUN: it goes to the file that is open now */

/* xfer_look.c */
bool xfer_only_looks(const struct xfer *x);   /* dry-run, hash-check-only: nothing is fetched, and nothing changed */
/* conditional-get: the file must be looked at before l asks. True: l waits, lane_ask follows. */
bool xfer_look_first(struct lane *l);
int64_t xfer_condition(const struct xfer *x); /* If-Modified-Since of the next request, epoch; -1: none */
void xfer_not_modified(struct xfer *x);       /* the server said so */
void xfer_check_only(struct xfer *x);         /* OPEN, want_name is set: hash-check-only */

/* xfer_end.c */
void xfer_verify(struct xfer *x);
unsigned xfer_proof_flags(const struct xfer *x); /* of the result, once the file is complete */
void xfer_wind_down(struct xfer *x);          /* after the result is set: sync, close, end */
void xfer_sync(struct xfer *x);               /* checkpoint, unless one is running */
void xfer_hash_advance(struct xfer *x);

/* lane.c */
struct lane *lane_new(struct xfer *x);
void lane_free(struct lane *l);               /* stops it */
void lane_begin(struct lane *l, struct source *src); /* with its segment; failures are handled */
void lane_drop(struct lane *l, int err);      /* its fetch counts as failed with err */
void lane_ask(struct lane *l);                /* its uri for what its segment lacks; failures are handled */
void lane_set_state(struct lane *l, enum lane_state to); /* dies on a move that LANE_STATES does not have */
void lane_stop(struct lane *l);               /* cancel the fetch, give back what was not received; idle afterwards */
void lane_resume(struct lane *l);             /* space() may have room again */
/* All of x are resumed soon: what they wait for is written by others, who don't tell. */
void lanes_wait_for_disk(struct xfer *x);
/* Its fetch may bring n bytes at a time, or what its segment lacks when that is less; 0: as they come. */
void lane_low_water(struct lane *l, size_t n);
void lane_flush(struct lane *l);              /* hand a partly filled block to the writer */

/* lane_head.c: judge the head of an answer. Sets l->verdict, l->fail, l->redirect_to, l->retry_after. */
void lane_judge(struct lane *l, const struct fetch_head *h);
/* The URI that names the file unless somebody says more: where l was led, but of mirrors the first one's that was
 * not given up, whoever answers. */
const char *lane_naming_uri(const struct lane *l);
/* The ETag by which the origin that l asks knows the version being fetched; NULL: there is none. *ret_own false: that origin has
 * not shown any, and this is another's. */
const char *lane_tag(const struct lane *l, bool *ret_own);

/* segment.c */
struct segment *segment_new(struct lane *l, int64_t start, int64_t end);
struct segment *segment_bare(struct lane *l, int64_t start, int64_t end); /* without writer, and without taking its bytes */
void segment_attach_file(struct segment *s);   /* the file is open now */
void segment_of_body(struct xfer *x, struct block *b); /* b, the file's beginning, is taken already, and is written now */
void segment_leave(struct segment *s);        /* its lane goes; the rest [next, end) is free again */
void segment_cut(struct segment *s, int64_t at); /* [at, end) is free again; next <= at */
int64_t segment_fair_share(const struct xfer *x); /* of what is left, for each lane at work and one more */
int64_t segment_parts(const struct xfer *x); /* lanes that there would be work for, beside those that have some */
/* Bytes for a lane of src, `lanes` (>= 1) of which are without work: of the first gap what stream-piece-selector and
 * source_portion let it take, or what a slow lane is relieved of, or a share of the largest segment. */
bool segment_pick(struct xfer *x, const struct source *src, unsigned lanes, struct range *ret);
/* The answer goes on behind the segment's end (up to limit, -1: open) and nobody has those bytes: take them too. */
bool segment_extend(struct segment *s, int64_t limit);
size_t segment_queued(const struct xfer *x);  /* bytes waiting to be written, all segments and what these leave behind */
/* The most that may be: a quarter of the memory, so that a slow disk stops its own jobs only. */
size_t segment_quota(const struct xfer *x);
/* ... and of all jobs on one file system: a half, so that one that hangs stops its own jobs only. */
size_t segment_disk_quota(const struct xfer *x);
void segment_free(struct segment *s);

/* rescue.c */
uint64_t lane_pace(const struct lane *l, uint64_t now); /* bytes/s lately; 0 after a silence */
/* Where a lane of src would help: *ret, cut off the segment of a lane that would need far longer for it. False: nowhere. */
bool rescue_pick(struct xfer *x, const struct source *src, uint64_t now, struct range *ret);
/* A segment with little left whose lane would need far longer for it than one of src; NULL: none. */
struct segment *race_find(struct xfer *x, const struct source *src, uint64_t now);
void race_new(struct lane *l, struct segment *rival); /* l, idle, gets the segment that races it */
/* l is about to leave its segment, or has all of it: what it holds that is needed is on its way to the file afterwards, and the
 * race, if there is one, is over for it. The rival's lane may be stopped. */
void race_settle(struct lane *l);

/* xfer_grow.c */
int64_t xfer_lanes_most(const struct xfer *x); /* connections that it may have now */
int64_t xfer_per_host(const struct xfer *x);   /* ... to one server */
int64_t xfer_split_least(const struct xfer *x); /* bytes of each part of what is split */
bool xfer_is_automatic(const struct xfer *x);  /* nobody said how many: it is found out */
/* x finds it out, and may have no more connections to the origin of s: others have them, or a right to them. */
bool xfer_crowds(const struct xfer *x, const struct source *s);
void xfer_grow_asked(struct lane *l);          /* its use of an origin has begun */
void xfer_grow_room(struct xfer *x);           /* others have fewer connections */
void xfer_grow_start(struct xfer *x);          /* from RUN on, where there is something to find out */
void xfer_grow_count(struct xfer *x, size_t n, uint64_t now); /* n bytes were received */
void xfer_grow_trouble(struct lane *l);        /* its connection was refused, or broke: it is idle, and source_failed */

/* xfer_pace.c */
void xfer_pace_start(struct xfer *x);         /* from now on each second */
bool lane_is_silent(const struct lane *l, uint64_t now); /* it waits for the server, and got no byte for stall-timeout */

/* source.c */
/* The list is these now. Records of those that stay are kept; no lane may use one that goes. */
int source_list_set(struct xfer *x, char *const *uris);
void source_list_free(struct xfer *x);
struct source *source_pick(struct xfer *x, uint64_t now, uint64_t *ret_wait); /* for one more lane; NULL: none; *ret_wait ms */
/* It would take another lane, if that may have a connection. */
bool source_takes_more(const struct xfer *x, const struct source *s, uint64_t now);
/* Bytes that the next segment for it may have at most. */
int64_t source_portion(const struct source *s);
bool source_may_return(const struct xfer *x, const struct source *s, uint64_t now); /* dead, and due to be asked again */
/* Is there another one in good standing than s, of at least that goodput, and could it be asked now? */
bool source_other_ready(struct xfer *x, const struct source *s, uint64_t least, uint64_t now);
/* Others come first for a while, longer each time. */
void source_put_aside(struct source *s, uint64_t now);
/* Goodput: what the lane got since the last time counts for its source. At each tick, and at the end of its fetch. */
void source_note(struct lane *l, uint64_t now);
void source_note_request(struct lane *l, uint64_t now); /* its first byte came */
void source_fade(struct xfer *x);     /* at each tick: best speeds of the past count less */
void source_brought(struct lane *l);  /* bytes came: it is in order */
/* The fetch of l ended before its time: true if it brought some bytes, but hardly worth a request. Then the source waits, longer
 * each time, up to what so few bytes are worth: a byte for each request is progress, but must not make a storm of them. */
bool source_was_meagre(struct lane *l, uint64_t now);
/* What came was of no use, for the times-th time (from 0): none is asked for a while, longer each time. */
void source_hold_off(struct xfer *x, unsigned times);
unsigned source_lanes(const struct xfer *x, const struct source *s, bool receiving);
/* Where redirects led, and the outermost of them: asked first from now on. NULL, LOCAL: the URI itself. */
void source_set_place(struct xfer *x, struct source *s, const char *uri, enum zone from);
void source_arrived(struct xfer *x);      /* it has a connection: nowhere is it a newcomer any more */
void source_wait_no_more(struct xfer *x); /* it asks nobody any more: others need not make room for it */
bool source_any_alive(const struct xfer *x);
const struct source *source_last_failed(const struct xfer *x); /* whose failure says most; NULL: none */
/* What to do after a failed fetch: true: try the source again after *ret_ms; false: it was given up, or is used with fewer
 * connections; the lane is to look for other work. */
bool source_failed(struct xfer *x, struct lane *l, int err, const struct fail *f, uint64_t *ret_ms);

#endif
