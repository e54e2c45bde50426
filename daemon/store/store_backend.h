/* SPDX-License-Identifier: MIT
 * What a storage backend is: blocking functions, called from the store thread only (open and load: from the starting thread
 * before the store thread exists). Every backend passes the same tests (tests/unit/store).
 */
#ifndef HAUL_STORE_STORE_BACKEND_H
#define HAUL_STORE_STORE_BACKEND_H

#include "store/store.h"

/* Of enum job_state (core/job.h), whose numbers never change. */
#define STORE_WAITING 0
#define STORE_ENDED   3 /* states from this number on are those of ended jobs; complete */
#define STORE_FAILED  4
#define STORE_GONE    6

enum sop_kind { SOP_PUT, SOP_DEL, SOP_STATE, SOP_ORD, SOP_PROGRESS, SOP_META };

/* One change. Which members count follows from kind. Owned by the batch. */
struct store_op {
	enum sop_kind kind;
	struct job_rec rec;  /* PUT: all; others: gid, state, ord, have, done as needed */
	char *name, *value;  /* META */
};

struct store_backend {
	const char *name;
	int (*open)(const char *dir, void **ret, struct fail *f);
	int (*load)(void *b, void (*cb)(void *arg, struct job_rec *r), void *arg, struct fail *f);
	char *(*meta_get)(void *b, const char *name);
	/* All of them or none. durable: the batch must be on stable storage when it returns (else it may be lost in a power
	 * cut, never torn). */
	int (*commit)(void *b, const struct store_op *ops, size_t n, bool durable, struct fail *f);
	void (*close)(void *b);
};

extern const struct store_backend store_sqlite;
extern const struct store_backend store_mem;

#endif
