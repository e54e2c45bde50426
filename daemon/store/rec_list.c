/* SPDX-License-Identifier: MIT
 * Records on their way from a backend to the caller, in the order that store_load promises.
 */
#include "store/rec_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "store/store_backend.h"

struct job_rec *rec_list_add(struct rec_list *l)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->v = xrealloc(l->v, l->cap * sizeof(*l->v));
	}
	memset(&l->v[l->n], 0, sizeof(*l->v));
	return &l->v[l->n++];
}

/* What a record is sorted by: of a million the records themselves are too large to be moved about. */
struct place {
	uint64_t ord;
	const struct job_rec *r;
};

static int by_order(const void *pa, const void *pb)
{
	const struct place *a = pa, *b = pb;
	bool ended_a = a->r->state >= STORE_ENDED, ended_b = b->r->state >= STORE_ENDED;

	if (ended_a != ended_b)
		return ended_a ? 1 : -1;
	if (a->ord != b->ord)
		return a->ord < b->ord ? -1 : 1;
	return (a->r->gid > b->r->gid) - (a->r->gid < b->r->gid);
}

void rec_list_free(struct rec_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		job_rec_free(&l->v[i]);
	free(l->v);
	memset(l, 0, sizeof(*l));
}

void rec_list_give(struct rec_list *l, void (*cb)(void *arg, struct job_rec *r), void *arg)
{
	struct place *v = xmalloc((l->n + 1) * sizeof(*v));

	for (size_t i = 0; i < l->n; i++)
		v[i] = (struct place){.ord = l->v[i].ord, .r = &l->v[i]};
	qsort(v, l->n, sizeof(*v), by_order);
	for (size_t i = 0; i < l->n; i++)
		cb(arg, &l->v[v[i].r - l->v]);
	free(v);
	rec_list_free(l);
}
