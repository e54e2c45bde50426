/* SPDX-License-Identifier: MIT
 * Tests of otree: against a sorted array, and its balance with many nodes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/otree.h"

#define KEYS 600
#define MANY 100000

struct item {
	int before;
	struct onode node;
};

static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Links, order and counts of a subtree; returns its depth. */
static unsigned check_node(const struct onode *n, const struct onode *parent, uint64_t lo, uint64_t hi)
{
	unsigned l, r;

	if (n == NULL)
		return 0;
	assert_ptr_equal(n->parent, parent);
	assert_true(n->key >= lo && n->key <= hi);
	assert_true(parent == NULL || n->prio <= parent->prio);
	assert_int_equal(n->count, 1 + (n->left ? n->left->count : 0) + (n->right ? n->right->count : 0));
	l = n->left ? check_node(n->left, n, lo, n->key - 1) : 0;
	r = n->right ? check_node(n->right, n, n->key + 1, hi) : 0;
	return 1 + (l > r ? l : r);
}

/* Every look-up, against the flags of the model. */
static void compare(const struct otree *t, struct item *items, const bool *in, uint64_t key)
{
	size_t pos = 0, total = 0, k;
	struct onode *lower = NULL, *prev = NULL, *next = NULL;

	for (k = 0; k < KEYS; k++) {
		if (!in[k])
			continue;
		total++;
		if (k < key) {
			pos++;
			prev = &items[k].node;
		}
		if (k >= key && lower == NULL)
			lower = &items[k].node;
		if (k > key && next == NULL)
			next = &items[k].node;
	}
	assert_int_equal(otree_count(t), total);
	assert_ptr_equal(otree_lower(t, key), lower);
	assert_ptr_equal(otree_find(t, key), in[key] ? &items[key].node : NULL);
	assert_ptr_equal(otree_at(t, pos), lower);
	assert_null(otree_at(t, total));
	assert_int_equal(onode_linked(&items[key].node), in[key]);
	if (in[key]) {
		assert_int_equal(otree_pos(&items[key].node), pos);
		assert_ptr_equal(otree_next(&items[key].node), next);
		assert_ptr_equal(otree_prev(&items[key].node), prev);
	}
}

static void random_run_against_model(void **state)
{
	struct item *items = calloc(KEYS, sizeof(*items));
	bool in[KEYS] = {false};
	uint64_t seed = 0x51c3e7u;
	struct otree t;
	int step;

	(void)state;
	otree_init(&t);
	for (step = 0; step < 100000; step++) {
		uint64_t key = rnd(&seed) % KEYS;
		bool add = rnd(&seed) % 100 < 52;

		if (add) {
			struct item other = {0};

			if (in[key])
				assert_false(otree_insert(&t, &other.node, key));
			else
				assert_true(otree_insert(&t, &items[key].node, key));
			assert_false(onode_linked(&other.node));
			in[key] = true;
		} else if (in[key]) {
			otree_remove(&t, &items[key].node);
			assert_int_equal(items[key].node.count, 0);
			in[key] = false;
		}
		if (step % 4 == 0)
			compare(&t, items, in, rnd(&seed) % KEYS);
		if (step % 256 == 0)
			check_node(t.root, NULL, 0, UINT64_MAX);
	}
	free(items);
}

static void many_stay_balanced(void **state)
{
	struct item *items = calloc(MANY, sizeof(*items));
	uint64_t seed = 0x7777u;
	struct onode *n;
	struct otree t;
	size_t i;

	(void)state;
	otree_init(&t);
	/* Ascending keys, as queue positions are. */
	for (i = 0; i < MANY; i++)
		assert_true(otree_insert(&t, &items[i].node, i << 20));
	assert_in_range(check_node(t.root, NULL, 0, UINT64_MAX), 17, 60);
	for (i = 0; i < MANY; i += 997) {
		assert_ptr_equal(otree_at(&t, i), &items[i].node);
		assert_int_equal(otree_pos(&items[i].node), i);
	}
	for (n = otree_at(&t, 0), i = 0; n != NULL; n = otree_next(n))
		assert_ptr_equal(n, &items[i++].node);
	assert_int_equal(i, MANY);
	for (i = 0; i < MANY; i++)
		otree_remove(&t, &items[i].node);
	assert_null(t.root);
	/* Random ones, as GIDs are. */
	for (i = 0; i < MANY; i++)
		while (!otree_insert(&t, &items[i].node, rnd(&seed)))
			;
	assert_in_range(check_node(t.root, NULL, 0, UINT64_MAX), 17, 60);
	free(items);
}

static void entry_is_the_struct_around(void **state)
{
	struct item a = {.before = 5};
	struct otree t;

	(void)state;
	otree_init(&t);
	assert_int_equal(otree_count(&t), 0);
	assert_null(otree_at(&t, 0));
	assert_null(otree_lower(&t, 0));
	assert_true(otree_insert(&t, &a.node, UINT64_MAX));
	assert_ptr_equal(otree_entry(otree_find(&t, UINT64_MAX), struct item, node), &a);
	assert_null(otree_next(&a.node));
	assert_null(otree_prev(&a.node));
	otree_remove(&t, &a.node);
	assert_int_equal(otree_count(&t), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_is_the_struct_around),
		cmocka_unit_test(random_run_against_model),
		cmocka_unit_test(many_stay_balanced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
