/* SPDX-License-Identifier: MIT
 * struct call: one method call on its way through a function of m_*.c: its parameters, the engine, and where the
 * result goes. Methods are listed in method_table.h. Loop thread.
 */
#ifndef HAUL_RPC_CALL_H
#define HAUL_RPC_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/engine.h"
#include "ev/timer.h"
#include "rpc/reply.h"

/* What methods work on. One per RPC server (tests make their own); zeroed but for engine, opts, uid and owner. */
struct rpc_env {
	struct engine *engine;
	const struct opts *opts; /* the daemon's own options: rpc-*, save-session */
	uint32_t uid;            /* owner of what is added */
	const char *owner;
	struct timer shutdown;   /* an asked-for end, held back until its answer is out */
	bool force;
	size_t answers;		 /* bytes of answers that are being written or not yet sent, all callers' together */
};

struct save;
struct rest;

/* Who asks. */
struct caller {
	struct rpc_env *env;
	bool is_user; /* a program of the daemon's own user, and no web page: may name any folder */
};

/* One request text (a call, a batch, or a multicall in it) while its calls run. */
struct run {
	struct rpc_env *env;
	bool is_user;  /* struct caller */
	unsigned bad;  /* wrong or missing tokens so far */
	bool good;     /* a right token was shown */
	bool changed;  /* a call may have changed something: the answer waits until that is durable */
	struct save *save; /* a session file being written, or NULL: the answer waits for it */
	bool may_rest;     /* the call is the only one: of a long list it may leave the rest for later turns, see `rest` */
	struct rest *rest; /* what was left, or NULL; owned by whoever runs the call */
};

struct call {
	struct run *run;
	struct engine *engine;
	const json_t *params; /* array or NULL; a leading token counts as not there, see `first` */
	size_t first;         /* index of parameter 0 in params */
	struct jw *w;         /* the result is written here; on failure what was written is taken back */
	struct fail *f;       /* message of a failure */
};

/* 0, or a negative enum err with its text in c->f. */
typedef int (*method_fn)(struct call *c);

enum method_flag {
	MF_TOKEN = 1 << 0,  /* needs the secret */
	MF_CHANGE = 1 << 1, /* may change the queue or options: the answer waits until that is durable */
	MF_RAW = 1 << 2,    /* a leading token is not taken off the parameters */
	MF_OWN = 1 << 3,    /* not aria2's: listMethods, which shows what aria2 shows, leaves it out */
};

struct method {
	const char *name;
	method_fn fn;
	unsigned flags;
};

/* The table in the order of aria2's listMethods; ends with a NULL name. */
extern const struct method method_table[];

/* The entries of a long list that a method has begun to write, as the last of its result: a turn of the loop must not last as
 * long as the list is. */
#define REST_ENTRIES 256 /* written at a time: well under a millisecond */
#define REST_TEXT    ((size_t)256 << 10) /* or so many bytes */
/* Writes the next ones behind what is in out, and, after the last one, the end of the list: true when that is done. Downloads
 * that are gone meanwhile are left out. */
bool rest_write(struct rest *x, struct engine *e, struct buf *out);
void rest_free(struct rest *x); /* NULL is fine */

/* Runs one call; nested: from a multicall. The result is written to w on success only. */
int call_run(struct run *run, const char *method, const json_t *params, bool nested, struct jw *w, struct fail *f);

/* ---- parameters ----
 * i counts without the token. A missing optional one gives 0 and NULL (or leaves *ret alone); a
 * missing required one and a wrong type give ERR_INVAL in aria2's words. */
int param_str(struct call *c, size_t i, const char **ret);
int param_list(struct call *c, size_t i, bool required, const json_t **ret);
int param_dict(struct call *c, size_t i, bool required, const json_t **ret);
int param_int(struct call *c, size_t i, bool required, int64_t *ret); /* fractions are cut */
int param_int_min(struct call *c, size_t i, int64_t min, int64_t *ret);
/* Optional place in a queue. A negative one is of the right type, and is refused only when what comes before it in the
 * call has been looked at, as aria2 does. */
#define POSITION_NONE (-1)
#define POSITION_BAD  (-2)
int param_position(struct call *c, size_t i, int64_t *ret);
int param_position_check(struct call *c, int64_t pos);
/* Parameter i as the GID of a download that exists. */
int param_gid(struct call *c, size_t i, uint64_t *ret);
/* The strings in a list; others are passed over. *ret is malloc'd (the strings stay the list's). */
size_t param_strings(const json_t *list, char ***ret);

/* A failure about one download: the text with its GID in the middle. */
int call_fail_gid(struct call *c, int code, const char *before, uint64_t gid, const char *after);

#endif
