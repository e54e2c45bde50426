/* SPDX-License-Identifier: MIT
 * The memory backend: for tests of those who use a store. Nothing survives its close.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "store/rec_list.h"
#include "store/store_backend.h"

#include <uthash.h>

struct mem_job {
	struct job_rec rec;
	UT_hash_handle hh;
};

struct mem_meta {
	char *value;
	UT_hash_handle hh;
	char name[];
};

struct mem {
	struct mem_job *jobs;
	struct mem_meta *meta;
};

static int mem_open(const char *dir, void **ret, struct fail *f)
{
	(void)dir;
	(void)f;
	*ret = xcalloc(1, sizeof(struct mem));
	return 0;
}

static struct mem_job *find(struct mem *m, uint64_t gid)
{
	struct mem_job *j;

	HASH_FIND(hh, m->jobs, &gid, sizeof(gid), j);
	return j;
}

static int mem_load(void *b, void (*cb)(void *arg, struct job_rec *r), void *arg, struct fail *f)
{
	struct mem *m = b;
	struct rec_list list = {0};
	struct mem_job *j;

	(void)f;
	for (j = m->jobs; j; j = j->hh.next)
		job_rec_copy(rec_list_add(&list), &j->rec);
	rec_list_give(&list, cb, arg);
	return 0;
}

static char *mem_meta_get(void *b, const char *name)
{
	struct mem_meta *v;

	HASH_FIND_STR(((struct mem *)b)->meta, name, v);
	return v ? xstrdup(v->value) : NULL;
}

static void set_text(char **at, const char *text)
{
	free(*at);
	*at = xstrdup(text);
}

static void put(struct mem *m, const struct job_rec *r)
{
	struct mem_job *j = find(m, r->gid);

	if (j) {
		job_rec_free(&j->rec);
	} else {
		j = xcalloc(1, sizeof(*j));
		j->rec.gid = r->gid;
		HASH_ADD(hh, m->jobs, rec.gid, sizeof(j->rec.gid), j);
	}
	job_rec_copy(&j->rec, r);
}

static void del(struct mem *m, struct mem_job *j)
{
	HASH_DEL(m->jobs, j);
	job_rec_free(&j->rec);
	free(j);
}

static void set_meta(struct mem *m, const char *name, const char *value)
{
	struct mem_meta *v;

	HASH_FIND_STR(m->meta, name, v);
	if (!v) {
		v = xcalloc(1, sizeof(*v) + strlen(name) + 1);
		memcpy(v->name, name, strlen(name) + 1);
		HASH_ADD_STR(m->meta, name, v);
	}
	set_text(&v->value, value);
}

static void apply_to(struct mem *m, struct mem_job *j, const struct store_op *op)
{
	switch (op->kind) {
	case SOP_DEL:
		del(m, j);
		break;
	case SOP_STATE:
		j->rec.state = op->rec.state;
		j->rec.ord = op->rec.ord;
		break;
	case SOP_ORD:
		j->rec.ord = op->rec.ord;
		break;
	case SOP_PROGRESS:
		set_text(&j->rec.have, op->rec.have);
		j->rec.done = op->rec.done;
		break;
	case SOP_PUT:
	case SOP_META:
		break;
	}
}

static int mem_commit(void *b, const struct store_op *ops, size_t n, bool durable, struct fail *f)
{
	struct mem *m = b;

	(void)durable;
	(void)f;
	for (size_t i = 0; i < n; i++) {
		struct mem_job *j = ops[i].kind == SOP_META ? NULL : find(m, ops[i].rec.gid);
		if (ops[i].kind == SOP_META)
			set_meta(m, ops[i].name, ops[i].value);
		else if (ops[i].kind == SOP_PUT)
			put(m, &ops[i].rec);
		else if (j)
			apply_to(m, j, &ops[i]);
	}
	return 0;
}

static void mem_close(void *b)
{
	struct mem *m = b;
	struct mem_meta *v;

	while (m->jobs)
		del(m, m->jobs);
	while ((v = m->meta)) {
		HASH_DEL(m->meta, v);
		free(v->value);
		free(v);
	}
	free(m);
}

const struct store_backend store_mem = {
	.name = "memory",
	.open = mem_open,
	.load = mem_load,
	.meta_get = mem_meta_get,
	.commit = mem_commit,
	.close = mem_close,
};
