/* SPDX-License-Identifier: MIT
 * A growing array of job records on their way from a backend to store_load's caller.
 */
#ifndef HAUL_STORE_REC_LIST_H
#define HAUL_STORE_REC_LIST_H

#include "store/store.h"

struct rec_list {
	struct job_rec *v; /* zeroed is an empty list */
	size_t n, cap;
};

struct job_rec *rec_list_add(struct rec_list *l); /* zeroed; valid until the next add */
/* Sorts (queue first, then the ended ones; by ord), hands over each record, and frees the list. */
void rec_list_give(struct rec_list *l, void (*cb)(void *arg, struct job_rec *r), void *arg);
void rec_list_free(struct rec_list *l);

#endif
