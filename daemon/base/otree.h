/* SPDX-License-Identifier: MIT
 * otree: a balanced tree of int64 keys that also knows positions (order statistics). Intrusive: the owner embeds a node, the
 * tree allocates nothing. All calls O(log n) unless said. The queue keeps its order in one, the engine its GIDs in another.
 * Treap with priorities hashed from the key, so its shape is reproducible.
 */
#ifndef HAUL_BASE_OTREE_H
#define HAUL_BASE_OTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct onode {
	struct onode *left, *right, *parent;
	uint64_t key; /* unique in its tree; set by otree_insert */
	uint32_t prio;
	uint32_t count; /* nodes in this subtree */
};

struct otree {
	struct onode *root;
};

void otree_init(struct otree *t);
size_t otree_count(const struct otree *t);
bool otree_insert(struct otree *t, struct onode *n, uint64_t key); /* false: the key is there already, nothing done */
void otree_remove(struct otree *t, struct onode *n);               /* n is in t; n->count is 0 afterwards */
bool onode_linked(const struct onode *n);                          /* zeroed nodes are not linked */
struct onode *otree_find(const struct otree *t, uint64_t key);     /* or NULL */
struct onode *otree_lower(const struct otree *t, uint64_t key);    /* first node with a key >= key, or NULL */
struct onode *otree_at(const struct otree *t, size_t pos);         /* 0-based, or NULL */
size_t otree_pos(const struct onode *n);                           /* 0-based position of a linked node */
struct onode *otree_next(const struct onode *n);                   /* or NULL */
struct onode *otree_prev(const struct onode *n);

/* The struct around a node. */
#define otree_entry(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#endif
