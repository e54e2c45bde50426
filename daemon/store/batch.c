/* SPDX-License-Identifier: MIT
 * Batches: a growing array of changes that stays small while the disk is slow or full, since newer replaces older.
 */
#include "store/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static void op_free(struct store_op *op)
{
	job_rec_free(&op->rec);
	free(op->name);
	free(op->value);
}

struct batch *batch_new(void)
{
	struct batch *b = xcalloc(1, sizeof(*b));

	STAILQ_INIT(&b->waiters);
	return b;
}

void batch_free(struct batch *b)
{
	if (!b)
		return;
	row_map_free(&b->last);
	for (size_t i = 0; i < b->n; i++)
		op_free(&b->ops[i]);
	free(b->ops);
	free(b);
}

static void append(struct batch *b, struct store_op *op)
{
	if (b->n == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 16;
		b->ops = xrealloc(b->ops, b->cap * sizeof(*b->ops));
	}
	b->ops[b->n++] = *op;
}

/* The place of an older value of the same name. Names are few, and seldom set. */
static struct store_op *find_meta(struct batch *b, const char *name)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->ops[i].kind == SOP_META && strcmp(b->ops[i].name, name) == 0)
			return &b->ops[i];
	return NULL;
}

static void push_meta(struct batch *b, struct store_op *op)
{
	struct store_op *old = find_meta(b, op->name);

	if (!old) {
		append(b, op);
		return;
	}
	op_free(old);
	*old = *op;
}

static void push_job(struct batch *b, struct store_op *op)
{
	int64_t *at = row_map_find(&b->last, op->rec.gid);

	if (at && b->ops[*at].kind == op->kind) {
		op_free(&b->ops[*at]);
		b->ops[*at] = *op;
		return;
	}
	if (at)
		*at = (int64_t)b->n;
	else
		row_map_put(&b->last, op->rec.gid, (int64_t)b->n);
	append(b, op);
}

void batch_push(struct batch *b, struct store_op *op)
{
	if (op->kind != SOP_PROGRESS)
		b->firm = true;
	if (op->kind == SOP_META)
		push_meta(b, op);
	else
		push_job(b, op);
	memset(op, 0, sizeof(*op));
}

void batch_append(struct batch *b, struct batch *newer)
{
	for (size_t i = 0; i < newer->n; i++)
		batch_push(b, &newer->ops[i]);
	newer->n = 0;
	newer->firm = false;
	row_map_free(&newer->last);
}

void batch_wait(struct batch *b, store_cb cb, void *arg)
{
	struct store_waiter *w = xmalloc(sizeof(*w));

	w->cb = cb;
	w->arg = arg;
	STAILQ_INSERT_TAIL(&b->waiters, w, link);
}

void batch_tell(struct batch *b, int err, const struct fail *f)
{
	struct store_waiter *w;

	while ((w = STAILQ_FIRST(&b->waiters))) {
		STAILQ_REMOVE_HEAD(&b->waiters, link);
		w->cb(w->arg, err, f);
		free(w);
	}
}
