/* SPDX-License-Identifier: MIT
 * otree: treap with parent links and subtree counts. No recursion, so a badly shaped tree costs time, never the stack.
 */
#include "base/otree.h"

#include <string.h>

/* splitmix64's finaliser: neighbouring keys get unrelated priorities. */
static uint32_t prio_of(uint64_t key)
{
	key += 0x9e3779b97f4a7c15u;
	key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9u;
	key = (key ^ key >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)((key ^ key >> 31) >> 32);
}

static uint32_t count_of(const struct onode *n)
{
	return n != NULL ? n->count : 0;
}

/* The pointer in the tree that points to n. */
static struct onode **link_of(struct otree *t, struct onode *n)
{
	if (n->parent == NULL)
		return &t->root;
	return n->parent->left == n ? &n->parent->left : &n->parent->right;
}

/* n goes up over its parent; order is kept. */
static void rotate_up(struct otree *t, struct onode *n)
{
	struct onode *p = n->parent, *child;
	struct onode **link = link_of(t, p);

	if (p->left == n) {
		child = n->right;
		p->left = child;
		n->right = p;
	} else {
		child = n->left;
		p->right = child;
		n->left = p;
	}
	if (child != NULL)
		child->parent = p;
	n->parent = p->parent;
	p->parent = n;
	*link = n;
	n->count = p->count;
	p->count = count_of(p->left) + count_of(p->right) + 1;
}

static struct onode *leftmost(struct onode *n)
{
	while (n != NULL && n->left != NULL)
		n = n->left;
	return n;
}

static struct onode *rightmost(struct onode *n)
{
	while (n != NULL && n->right != NULL)
		n = n->right;
	return n;
}

void otree_init(struct otree *t)
{
	t->root = NULL;
}

size_t otree_count(const struct otree *t)
{
	return count_of(t->root);
}

bool otree_insert(struct otree *t, struct onode *n, uint64_t key)
{
	struct onode **link = &t->root, *parent = NULL, *p;

	while (*link != NULL) {
		parent = *link;
		if (key == parent->key)
			return false;
		link = key < parent->key ? &parent->left : &parent->right;
	}
	*n = (struct onode){.parent = parent, .key = key, .prio = prio_of(key), .count = 1};
	*link = n;
	for (p = parent; p != NULL; p = p->parent)
		p->count++;
	while (n->parent != NULL && n->prio > n->parent->prio)
		rotate_up(t, n);
	return true;
}

void otree_remove(struct otree *t, struct onode *n)
{
	struct onode *child, *p;

	while (n->left != NULL && n->right != NULL)
		rotate_up(t, n->left->prio > n->right->prio ? n->left : n->right);
	child = n->left != NULL ? n->left : n->right;
	*link_of(t, n) = child;
	if (child != NULL)
		child->parent = n->parent;
	for (p = n->parent; p != NULL; p = p->parent)
		p->count--;
	memset(n, 0, sizeof(*n));
}

bool onode_linked(const struct onode *n)
{
	return n->count > 0;
}

struct onode *otree_find(const struct otree *t, uint64_t key)
{
	struct onode *n = otree_lower(t, key);

	return n != NULL && n->key == key ? n : NULL;
}

struct onode *otree_lower(const struct otree *t, uint64_t key)
{
	struct onode *n = t->root, *best = NULL;

	while (n != NULL) {
		if (n->key < key) {
			n = n->right;
		} else {
			best = n;
			n = n->left;
		}
	}
	return best;
}

struct onode *otree_at(const struct otree *t, size_t pos)
{
	struct onode *n = t->root;

	while (n != NULL) {
		size_t before = count_of(n->left);

		if (pos == before)
			return n;
		if (pos < before) {
			n = n->left;
		} else {
			pos -= before + 1;
			n = n->right;
		}
	}
	return NULL;
}

size_t otree_pos(const struct onode *n)
{
	size_t pos = count_of(n->left);

	for (; n->parent != NULL; n = n->parent)
		if (n->parent->right == n)
			pos += count_of(n->parent->left) + 1;
	return pos;
}

struct onode *otree_next(const struct onode *n)
{
	if (n->right != NULL)
		return leftmost(n->right);
	while (n->parent != NULL && n->parent->right == n)
		n = n->parent;
	return n->parent;
}

struct onode *otree_prev(const struct onode *n)
{
	if (n->left != NULL)
		return rightmost(n->left);
	while (n->parent != NULL && n->parent->left == n)
		n = n->parent;
	return n->parent;
}
