/* SPDX-License-Identifier: MIT
 * The queue against a plain array as its model: positions, order numbers, the tree of ready jobs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/job.h"
#include "core/queue.c"

#define MAX 8192

struct model {
	struct queue q;
	struct job *v[MAX]; /* in order */
	size_t n;
	size_t moved; /* calls of moved() */
	uint32_t seed;
};

static void on_moved(void *arg, struct job *j)
{
	struct model *m = arg;

	assert_int_equal(j->in_list.key, j->rec.ord);
	m->moved++;
}

static uint32_t next_random(struct model *m)
{
	m->seed = m->seed * 1664525u + 1013904223u;
	return m->seed >> 8;
}

static int setup(void **state)
{
	struct model *m = calloc(1, sizeof(*m));

	m->seed = 7;
	queue_init(&m->q, on_moved, m);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct model *m = *state;

	for (size_t i = 0; i < m->n; i++)
		job_free(m->v[i]);
	free(m);
	return 0;
}

static struct job *insert(struct model *m, size_t pos)
{
	struct job *j = job_new(m->n + 1);
	size_t at = pos < m->n ? pos : m->n;

	queue_insert(&m->q, j, pos);
	memmove(&m->v[at + 1], &m->v[at], (m->n - at) * sizeof(m->v[0]));
	m->v[at] = j;
	m->n++;
	return j;
}

static void check(struct model *m)
{
	assert_int_equal(queue_count(&m->q), m->n);
	for (size_t i = 0; i < m->n; i++) {
		assert_ptr_equal(queue_at(&m->q, i), m->v[i]);
		assert_int_equal(queue_pos(m->v[i]), i);
		assert_ptr_equal(queue_next(m->v[i]), i + 1 < m->n ? m->v[i + 1] : NULL);
		assert_int_equal(m->v[i]->in_list.key, m->v[i]->rec.ord);
		if (i > 0)
			assert_true(m->v[i - 1]->rec.ord < m->v[i]->rec.ord);
	}
	assert_null(queue_at(&m->q, m->n));
}

static void inserts_at_positions(void **state)
{
	struct model *m = *state;

	insert(m, SIZE_MAX);
	insert(m, 0);
	insert(m, 1);
	insert(m, 99);
	check(m);
	assert_int_equal(m->moved, 0);
}

static void ends_never_renumber(void **state)
{
	struct model *m = *state;

	for (int i = 0; i < 3000; i++)
		insert(m, i % 2 == 0 ? 0 : SIZE_MAX);
	check(m);
	assert_int_equal(m->moved, 0);
}

/* Every insert between the same two neighbours halves the gap: numbers must be spread, but only near by. */
static void same_place_again_and_again(void **state)
{
	struct model *m = *state;

	for (int i = 0; i < 2000; i++)
		insert(m, SIZE_MAX);
	for (int i = 0; i < 4000; i++)
		insert(m, 1000);
	check(m);
	assert_true(m->moved > 0);
	assert_true(m->moved < 4000 * 40);
}

static void behind_the_first(void **state)
{
	struct model *m = *state;

	for (int i = 0; i < 2000; i++)
		insert(m, SIZE_MAX);
	m->moved = 0;
	for (int i = 0; i < 100; i++)
		insert(m, 1);
	check(m);
	assert_true(m->moved < 1000);
}

static void numbers_used_up_at_an_end(void **state)
{
	struct model *m = *state;
	struct job *a = job_new(1), *b = job_new(2);

	a->rec.ord = 5;
	b->rec.ord = UINT64_MAX - 5;
	assert_true(queue_restore(&m->q, a));
	assert_true(queue_restore(&m->q, b));
	m->v[0] = a;
	m->v[1] = b;
	m->n = 2;
	insert(m, 0);
	check(m);
	insert(m, SIZE_MAX);
	check(m);
}

static void restore_refuses_a_taken_number(void **state)
{
	struct model *m = *state;
	struct job *j = job_new(77);

	j->rec.ord = insert(m, 0)->rec.ord;
	assert_false(queue_restore(&m->q, j));
	check(m);
	job_free(j);
}

static void move_one(struct model *m, size_t from, size_t to)
{
	struct job *j = m->v[from];
	size_t at = to < m->n - 1 ? to : m->n - 1;

	queue_move(&m->q, j, to);
	memmove(&m->v[from], &m->v[from + 1], (m->n - from - 1) * sizeof(m->v[0]));
	memmove(&m->v[at + 1], &m->v[at], (m->n - 1 - at) * sizeof(m->v[0]));
	m->v[at] = j;
}

static void moves(void **state)
{
	struct model *m = *state;

	for (int i = 0; i < 50; i++)
		insert(m, SIZE_MAX);
	for (int i = 0; i < 2000; i++)
		move_one(m, next_random(m) % 50, next_random(m) % 60);
	check(m);
}

static void move_to_own_place_is_nothing(void **state)
{
	struct model *m = *state;

	insert(m, 0);
	insert(m, 1);
	queue_move(&m->q, m->v[0], 0);
	queue_move(&m->q, m->v[1], 1);
	queue_move(&m->q, m->v[1], 50);
	assert_int_equal(m->moved, 0);
	check(m);
}

/* The ready tree holds exactly those that were set ready, in the same order, whatever is moved or numbered anew. */
static void ready_follows(void **state)
{
	struct model *m = *state;
	struct onode *r;

	for (int i = 0; i < 100; i++)
		queue_set_ready(&m->q, insert(m, SIZE_MAX), i % 3 == 0);
	for (int i = 0; i < 3000; i++)
		queue_set_ready(&m->q, insert(m, 50), i % 2 == 0);
	for (int i = 0; i < 300; i++)
		move_one(m, next_random(m) % m->n, next_random(m) % m->n);
	check(m);
	r = otree_at(&m->q.ready, 0);
	assert_ptr_equal(queue_first_ready(&m->q), otree_entry(r, struct job, in_ready));
	for (size_t i = 0; i < m->n; i++) {
		if (!onode_linked(&m->v[i]->in_ready))
			continue;
		assert_ptr_equal(otree_entry(r, struct job, in_ready), m->v[i]);
		r = otree_next(r);
	}
	assert_null(r);
}

static void remove_takes_ready_away(void **state)
{
	struct model *m = *state;
	struct job *j = insert(m, 0);

	queue_set_ready(&m->q, j, true);
	queue_set_ready(&m->q, j, true);
	assert_ptr_equal(queue_first_ready(&m->q), j);
	queue_remove(&m->q, j);
	assert_null(queue_first_ready(&m->q));
	assert_int_equal(queue_count(&m->q), 0);
	assert_false(onode_linked(&j->in_list));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(inserts_at_positions, setup, teardown),
		cmocka_unit_test_setup_teardown(ends_never_renumber, setup, teardown),
		cmocka_unit_test_setup_teardown(same_place_again_and_again, setup, teardown),
		cmocka_unit_test_setup_teardown(behind_the_first, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers_used_up_at_an_end, setup, teardown),
		cmocka_unit_test_setup_teardown(restore_refuses_a_taken_number, setup, teardown),
		cmocka_unit_test_setup_teardown(moves, setup, teardown),
		cmocka_unit_test_setup_teardown(move_to_own_place_is_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(ready_follows, setup, teardown),
		cmocka_unit_test_setup_teardown(remove_takes_ready_away, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
