/* SPDX-License-Identifier: MIT
 * Tests of the block pool: the budget holds, waiters come in order, unused memory goes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

static bool small_pipes; /* the user has used up what the system gives him */

static int pipe_fcntl(int fd, int cmd, int n)
{
	if (cmd == F_SETPIPE_SZ && small_pipes) {
		errno = EPERM;
		return -1;
	}
	return fcntl(fd, cmd, n);
}

#define fcntl pipe_fcntl
#include "ev/block.c"
#undef fcntl

struct waiter {
	struct block_pool *p;
	struct block_waiter w;
	struct block *got;
	int calls, id, *order, *n_order;
};

static int setup(void **state)
{
	struct loop *l = malloc(sizeof(*l));

	*state = l;
	return l == NULL ? -1 : loop_init(l, 8 * BLOCK_SIZE);
}

static int teardown(void **state)
{
	int r = loop_close(*state);

	free(*state);
	return r;
}

static void take(void *arg)
{
	struct waiter *w = arg;

	w->calls++;
	w->order[(*w->n_order)++] = w->id;
	w->got = block_get(w->p);
	if (w->got == NULL)
		block_wait(w->p, &w->w, 0);
}

static void test_budget(void **state)
{
	struct block_pool *p = ((struct loop *)*state)->blocks;
	struct block *b[8];
	size_t used, total;

	for (int i = 0; i < 8; i++) {
		assert_int_equal(block_pressure(p), i >= 7);
		b[i] = block_get(p);
		assert_non_null(b[i]);
		assert_int_equal(b[i]->len, 0);
		assert_int_equal((uintptr_t)b[i]->mem % (uintptr_t)sysconf(_SC_PAGESIZE), 0);
		memset(b[i]->mem, i, BLOCK_SIZE);
	}
	assert_null(block_get(p));
	block_stats(p, &used, &total);
	assert_int_equal(used, 8);
	assert_int_equal(total, 8);
	for (int i = 0; i < 8; i++)
		block_put(p, b[i]);
	assert_int_equal(p->free.n, 8);
}

/* What a block takes counts for one file system at a time, as it was said last, until it is put. */
static void test_counted_for_a_file_system(void **state)
{
	struct loop *l = *state;
	struct block *b[2] = {block_get(l->blocks), block_get(l->blocks)};

	assert_int_equal(work_load(l, 5, LOAD_FILLING), 0);
	block_count(l->blocks, b[0], 5, LOAD_FILLING);
	block_count(l->blocks, b[1], 5, LOAD_FILLING);
	assert_int_equal(work_load(l, 5, LOAD_FILLING), 2 * BLOCK_SIZE);
	block_count(l->blocks, b[0], 5, LOAD_QUEUED);
	assert_int_equal(work_load(l, 5, LOAD_FILLING), BLOCK_SIZE);
	assert_int_equal(work_load(l, 5, LOAD_QUEUED), BLOCK_SIZE);
	block_count(l->blocks, b[1], 6, LOAD_QUEUED);
	assert_int_equal(work_load(l, 5, LOAD_FILLING), 0);
	assert_int_equal(work_load(l, 6, LOAD_QUEUED), BLOCK_SIZE);
	block_put(l->blocks, b[0]);
	block_put(l->blocks, b[1]);
	assert_int_equal(work_load(l, 5, LOAD_QUEUED) + work_load(l, 6, LOAD_QUEUED), 0);
	b[0] = block_get(l->blocks); /* counts for nobody, being a new one */
	block_put(l->blocks, b[0]);
	assert_int_equal(work_load(l, 5, LOAD_QUEUED), 0);
	assert_int_equal(work_load(l, 5, LOAD_FILLING), 0);
}

/* The last eighth is not for a file system that has all the rest. Who waits for it is passed over, until something of it is put. */
static void test_one_file_system_never_has_all(void **state)
{
	struct loop *l = *state;
	struct block *b[7];
	struct waiter w[2];
	int order[16], n = 0;

	for (int i = 0; i < 7; i++) {
		b[i] = block_get_for(l->blocks, 5);
		assert_non_null(b[i]);
		block_count(l->blocks, b[i], 5, i % 2 ? LOAD_QUEUED : LOAD_FILLING);
	}
	assert_null(block_get_for(l->blocks, 5));
	for (int i = 0; i < 2; i++) {
		w[i] = (struct waiter){.p = l->blocks, .w = {.cb = take, .arg = &w[i]}, .id = i, .order = order};
		w[i].n_order = &n;
		block_wait(l->blocks, &w[i].w, 5 + (uint64_t)i);
	}
	loop_run(l);
	assert_int_equal(n, 1);
	assert_int_equal(order[0], 1);
	block_put(l->blocks, w[1].got);
	loop_run(l);
	assert_int_equal(n, 1);
	block_put(l->blocks, b[0]);
	loop_run(l);
	assert_int_equal(n, 2);
	assert_non_null(w[0].got);
	block_put(l->blocks, w[0].got);
	for (int i = 1; i < 7; i++)
		block_put(l->blocks, b[i]);
}

/* One in a pipe counts as what it may take. */
static void test_counted_pipe(void **state)
{
	struct loop *l = *state;
	struct block *b = block_get_pipe(l->blocks);

	assert_non_null(b);
	block_count(l->blocks, b, 5, LOAD_FILLING);
	assert_int_equal(work_load(l, 5, LOAD_FILLING), BLOCK_PIPE);
	block_put(l->blocks, b);
	assert_int_equal(work_load(l, 5, LOAD_FILLING), 0);
}

static void test_smallest_budget(void **state)
{
	struct block_pool *p = block_pool_new(*state, 1);
	size_t total;

	block_stats(p, NULL, &total);
	assert_int_equal(total, 4);
	block_pool_free(p);
}

static void test_waiters_in_order(void **state)
{
	struct loop *l = *state;
	struct block *b[8];
	struct waiter w[4];
	int order[16], n = 0;

	for (int i = 0; i < 8; i++)
		b[i] = block_get(l->blocks);
	for (int i = 0; i < 4; i++) {
		w[i] = (struct waiter){.p = l->blocks, .w = {.cb = take, .arg = &w[i]}, .id = i, .order = order};
		w[i].n_order = &n;
		block_wait(l->blocks, &w[i].w, 0);
		block_wait(l->blocks, &w[i].w, 0);
	}
	block_wait_cancel(l->blocks, &w[1].w);
	loop_run(l);
	assert_int_equal(n, 0);
	block_put(l->blocks, b[0]);
	block_put(l->blocks, b[1]);
	assert_int_equal(n, 0);
	loop_run(l);
	assert_int_equal(n, 2);
	assert_int_equal(order[0], 0);
	assert_int_equal(order[1], 2);
	assert_null(w[3].got);
	block_put(l->blocks, w[0].got);
	loop_run(l);
	assert_non_null(w[3].got);
	block_put(l->blocks, w[2].got);
	block_put(l->blocks, w[3].got);
	for (int i = 2; i < 8; i++)
		block_put(l->blocks, b[i]);
}

static void test_pipes_draw_on_the_budget(void **state)
{
	struct block_pool *p = ((struct loop *)*state)->blocks;
	struct block *b = block_get_pipe(p), *more[4];
	size_t used;

	assert_non_null(b);
	assert_null(b->mem);
	block_stats(p, &used, NULL);
	assert_int_equal(used, BLOCK_PIPE / BLOCK_SIZE);
	assert_int_equal(fcntl(b->pipe[0], F_GETPIPE_SZ), BLOCK_PIPE);
	assert_true(fcntl(b->pipe[0], F_GETFD) & FD_CLOEXEC);
	assert_null(block_get_pipe(p)); /* the last quarter is not for pipes */
	for (int i = 0; i < 4; i++)
		assert_non_null(more[i] = block_get(p));
	assert_null(block_get(p));
	block_put(p, b);
	assert_null(block_get_pipe(p)); /* half is not enough for one and the last quarter */
	for (int i = 0; i < 4; i++)
		block_put(p, more[i]);
}

/* Only a pipe that is empty comes back. */
static void test_pipes_are_empty(void **state)
{
	struct block_pool *p = ((struct loop *)*state)->blocks;
	struct block *b = block_get_pipe(p), *again;
	char c;

	assert_int_equal(write(b->pipe[1], "rest", 4), 4);
	b->len = 4;
	assert_int_equal(read(b->pipe[0], &c, 1), 1);
	b->taken = 1;
	block_put(p, b);
	assert_int_equal(p->n_pipes, 0);
	b = block_get_pipe(p);
	assert_int_equal(read(b->pipe[0], &c, 1), -1);
	assert_int_equal(write(b->pipe[1], "x", 1), 1);
	assert_int_equal(read(b->pipe[0], &c, 1), 1);
	b->len = b->taken = 1;
	block_put(p, b);
	again = block_get_pipe(p);
	assert_ptr_equal(again, b);
	assert_int_equal(again->len + again->taken, 0);
	block_put(p, again);
	assert_int_equal(p->n_pipes, 1);
}

/* What the system refused is not asked for again before the next tick. */
static void test_no_pipes(void **state)
{
	struct block_pool *p = ((struct loop *)*state)->blocks;
	struct rlimit old, few;
	int fd[128], n = 0;
	struct block *b;

	getrlimit(RLIMIT_NOFILE, &old);
	few = old;
	few.rlim_cur = 128;
	setrlimit(RLIMIT_NOFILE, &few);
	while (n < 128 && (fd[n] = dup(0)) >= 0)
		n++;
	assert_null(block_get_pipe(p));
	while (n > 0)
		close(fd[--n]);
	assert_null(block_get_pipe(p));
	b = block_get(p);
	assert_non_null(b);
	block_put(p, b);
	assert_true(timer_running(&p->trim));
	on_tick(p);
	assert_false(timer_running(&p->trim));
	b = block_get_pipe(p);
	assert_non_null(b);
	block_put(p, b);
	on_tick(p);
	few.rlim_cur = 31; /* nor is one taken where few may be open at all */
	setrlimit(RLIMIT_NOFILE, &few);
	assert_null(block_get_pipe(p));
	setrlimit(RLIMIT_NOFILE, &old);
	assert_non_null(b = block_get_pipe(p));
	block_put(p, b);
}

static void test_no_large_pipes(void **state)
{
	struct block_pool *p = ((struct loop *)*state)->blocks;
	int free_fd = dup(0);
	size_t used;

	close(free_fd);
	small_pipes = true;
	assert_null(block_get_pipe(p));
	small_pipes = false;
	assert_null(block_get_pipe(p)); /* not before the tick */
	block_stats(p, &used, NULL);
	assert_int_equal(used + p->n_pipes, 0);
	assert_int_equal(dup(0), free_fd); /* none is left open */
	close(free_fd);
	on_tick(p);
	block_put(p, block_get_pipe(p));
	assert_int_equal(p->n_pipes, 1);
}

static void test_unused_pipes_are_closed(void **state)
{
	struct block_pool *p = ((struct loop *)*state)->blocks;
	struct block *b = block_get_pipe(p);
	int fd = b->pipe[0];

	block_put(p, b);
	assert_true(timer_running(&p->trim));
	assert_int_equal(p->n_pipes, 1);
	on_tick(p);
	assert_int_equal(p->n_pipes, 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_false(timer_running(&p->trim));
}

static void test_wait_with_free_blocks_is_called(void **state)
{
	struct loop *l = *state;
	int order[4], n = 0;
	struct waiter w = {.p = l->blocks, .w = {.cb = take, .arg = &w}, .order = order, .n_order = &n};

	block_wait(l->blocks, &w.w, 0);
	loop_run(l);
	assert_int_equal(w.calls, 1);
	block_put(l->blocks, w.got);
}

/* The first tick sees that the blocks were used since the last one, the second that they were not. */
static void test_unused_memory_goes_back(void **state)
{
	struct block_pool *p = ((struct loop *)*state)->blocks;
	struct block *b[8];

	for (int i = 0; i < 8; i++)
		b[i] = block_get(p);
	for (int i = 0; i < 8; i++)
		block_put(p, b[i]);
	assert_true(timer_running(&p->trim));
	on_tick(p);
	on_tick(p);
	assert_int_equal(p->free.n, RESERVE);
	assert_false(timer_running(&p->trim));
}

static void use_all(struct block_pool *p)
{
	struct block *b[8];

	for (int i = 0; i < 8; i++)
		b[i] = block_get(p);
	for (int i = 0; i < 8; i++)
		block_put(p, b[i]);
}

static void test_used_memory_stays(void **state)
{
	struct block_pool *p = ((struct loop *)*state)->blocks;

	use_all(p);
	for (int tick = 0; tick < 3; tick++) {
		use_all(p);
		on_tick(p);
		assert_int_equal(p->free.n, 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counted_for_a_file_system, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_file_system_never_has_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counted_pipe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_smallest_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waiters_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pipes_draw_on_the_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pipes_are_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_pipes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_large_pipes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unused_pipes_are_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait_with_free_blocks_is_called, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unused_memory_goes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_used_memory_stays, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
