/* SPDX-License-Identifier: MIT
 * Tests of work items and their threads: every item completes once, in which order, what of the threads a file system and hashing
 * may have, cancelling, fewer threads than wanted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>
#include <uv.h>

#include "base/err.h"
#include "base/thread.h"
#include "ev/loop.h"
#include "ev/work.h"

/* What the system gives, and what was asked of it. */
static struct {
	unsigned threads; /* given so far */
	unsigned most;
	unsigned posts;
	atomic_uint writes;
	atomic_bool hold; /* the next write waits until it is false again */
} sys;

static int limited_start(pthread_t *t, size_t stack, void *(*fn)(void *), void *arg)
{
	if (sys.threads >= sys.most)
		return EAGAIN;
	sys.threads++;
	return thread_start(t, stack, fn, arg);
}

static int counted_post(sem_t *s)
{
	sys.posts++;
	return sem_post(s);
}

static ssize_t counted_write(int fd, const void *p, size_t n)
{
	bool first = sys.writes++ == 0;

	while (first && sys.hold)
		usleep(100);
	return write(fd, p, n);
}

#define thread_start limited_start
#define sem_post     counted_post
#define write	     counted_write
#include "ev/pool.c"
#undef thread_start
#undef sem_post
#undef write

/* Items that note how many of them run, and wait while the gate is shut. */
struct group {
	pthread_mutex_t lock;
	pthread_cond_t open;
	bool shut;
	atomic_int now, most, ran;
	int done, canceled;
};

static struct loop loop;

static void group_init(struct group *g, bool shut)
{
	*g = (struct group){.lock = PTHREAD_MUTEX_INITIALIZER, .open = PTHREAD_COND_INITIALIZER, .shut = shut};
}

static void open_gate(struct group *g)
{
	pthread_mutex_lock(&g->lock);
	g->shut = false;
	pthread_cond_broadcast(&g->open);
	pthread_mutex_unlock(&g->lock);
}

static void item(void *arg)
{
	struct group *g = arg;
	int n = ++g->now, most = g->most;

	while (n > most && !atomic_compare_exchange_weak(&g->most, &most, n))
		;
	pthread_mutex_lock(&g->lock);
	while (g->shut)
		pthread_cond_wait(&g->open, &g->lock);
	pthread_mutex_unlock(&g->lock);
	g->ran++;
	g->now--;
}

static void on_done(void *arg, int status)
{
	struct group *g = arg;

	g->done++;
	if (status == ERR_CANCELED)
		g->canceled++;
	else
		assert_int_equal(status, 0);
}

static void submit(struct group *g, uint64_t dev, enum work_class cls, int n)
{
	for (int i = 0; i < n; i++)
		work_submit(&loop, dev, cls, item, on_done, g);
}

/* Runs the loop until so many are done. */
static void run_until(const int *done, int n)
{
	while (*done < n)
		uv_run(&loop.uv, UV_RUN_ONCE);
}

/* Until so many are on threads. */
static void await(const atomic_int *now, int n)
{
	while (*now < n)
		usleep(100);
	assert_int_equal(*now, n);
}

static uint64_t fake_now;

static uint64_t fake_clock(void *arg)
{
	(void)arg;
	return fake_now;
}

static int setup_with(unsigned threads)
{
	memset(&sys, 0, sizeof(sys));
	sys.most = threads;
	if (loop_init(&loop, 0) != 0)
		return -1;
	fake_now = 1000;
	loop.clock_ms = fake_clock;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_with(1000);
}

static int setup_one(void **state)
{
	(void)state;
	return setup_with(1);
}

static int setup_four(void **state)
{
	(void)state;
	return setup_with(4);
}

static int teardown(void **state)
{
	(void)state;
	return loop_close(&loop);
}

static void test_all_complete(void **state)
{
	struct group g;

	(void)state;
	group_init(&g, false);
	for (int i = 0; i < 100; i++)
		work_submit(&loop, (uint64_t)i % 3, i % 2 != 0 ? WORK_HASH : WORK_DISK, item, on_done, &g);
	loop_run(&loop);
	assert_int_equal(g.done, 100);
	assert_int_equal(g.ran, 100);
	assert_int_equal(g.canceled, 0);
	assert_int_equal(sys.posts, 100);
	assert_in_range(sys.writes, 0, 100);
}

/* An item alone wakes one thread, and the loop once; the next one gets the same thread. */
static void test_one_after_the_other(void **state)
{
	struct group g;

	(void)state;
	group_init(&g, false);
	for (int i = 0; i < 20; i++) {
		submit(&g, 1, WORK_DISK, 1);
		run_until(&g.done, i + 1);
	}
	assert_int_equal(sys.threads, 1);
	assert_int_equal(sys.posts, 20);
	assert_in_range(sys.writes, 0, 20);
}

/* ---- waking the loop ---- */

static void wait_for_flag(void *owner)
{
	const atomic_bool *go = owner;

	while (!*go)
		usleep(100);
}

static unsigned ended;

static void count_ended(void *owner)
{
	(void)owner;
	ended++;
}

/* A thread that stops just before it wakes the loop does not hold up what others end meanwhile. */
static void test_waker_loses_its_core(void **state)
{
	atomic_bool go[2] = {false, false};
	struct pool_job jobs[2] = {{.run = wait_for_flag, .owner = &go[0]}, {.run = wait_for_flag, .owner = &go[1]}};
	struct pollfd woken;
	struct pool *p;

	(void)state;
	ended = 0;
	assert_int_equal(pool_new(&loop, 2, count_ended, &p), 0);
	assert_true(pool_run(p, &jobs[0]));
	assert_true(pool_run(p, &jobs[1]));
	assert_true(pool_may_wait(p));
	sys.hold = true;
	go[0] = true;
	while (sys.writes == 0)
		usleep(100);
	go[1] = true;
	woken = (struct pollfd){.fd = p->fd, .events = POLLIN};
	assert_int_equal(poll(&woken, 1, 10000), 1);
	pool_collect(p);
	assert_int_equal(ended, 2);
	sys.hold = false;
	assert_true(pool_end(p));
	assert_int_equal(sys.writes, 2);
}

/* ---- order ---- */

static struct {
	int begun[100];
	atomic_int n;
} order;

static void note_order(void *arg)
{
	order.begun[order.n++] = *(int *)arg;
}

static void nothing_done(void *arg, int status)
{
	(void)arg;
	assert_int_equal(status, 0);
}

/* With one thread: as they came, whatever their class. */
static void test_order(void **state)
{
	int nr[100];
	struct group g;

	(void)state;
	order.n = 0;
	group_init(&g, true);
	submit(&g, 1, WORK_DISK, 1);
	for (int i = 0; i < 100; i++) {
		nr[i] = i;
		work_submit(&loop, 1, i % 3 == 0 ? WORK_HASH : WORK_DISK, note_order, nothing_done, &nr[i]);
	}
	open_gate(&g);
	loop_run(&loop);
	assert_int_equal(order.n, 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(order.begun[i], i);
	assert_int_equal(sys.threads, 1);
}

/* ---- shares ---- */

static void test_hashes_leave_room(void **state)
{
	struct group hashes, disk;

	(void)state;
	group_init(&hashes, true);
	group_init(&disk, false);
	submit(&hashes, 1, WORK_HASH, 40);
	submit(&disk, 1, WORK_DISK, 20);
	run_until(&disk.done, 20);
	await(&hashes.now, WORK_AT_ONCE / 4);
	assert_int_equal(hashes.done, 0);
	open_gate(&hashes);
	loop_run(&loop);
	assert_int_equal(hashes.done, 40);
	assert_int_equal(hashes.most, WORK_AT_ONCE / 4);
}

/* What hangs on one file system, writes and hashes, leaves all others alone. */
static void test_one_that_hangs(void **state)
{
	struct group hung, disk;

	(void)state;
	group_init(&hung, true);
	group_init(&disk, false);
	submit(&hung, 1, WORK_DISK, 100);
	submit(&hung, 1, WORK_HASH, 100);
	submit(&disk, 2, WORK_HASH, 50);
	submit(&disk, 2, WORK_DISK, 50);
	submit(&disk, 0, WORK_DISK, 50);
	run_until(&disk.done, 150);
	await(&hung.now, WORK_AT_ONCE);
	assert_int_equal(hung.done, 0);
	open_gate(&hung);
	loop_run(&loop);
	assert_int_equal(hung.done, 200);
	assert_int_equal(hung.most, WORK_AT_ONCE);
}

/* The more hang the less the next one may have. */
static void test_many_that_hang(void **state)
{
	static const int share[] = {16, 16, 16, 8, 4, 2, 1};
	struct group hung[7], disk;
	int n = 0;

	(void)state;
	for (unsigned i = 0; i < 7; i++) {
		group_init(&hung[i], true);
		submit(&hung[i], 1 + i, WORK_DISK, 40);
		await(&hung[i].now, share[i]);
		n += share[i];
	}
	assert_int_equal(sys.threads, n);
	group_init(&disk, false);
	submit(&disk, 9, WORK_DISK, 40);
	submit(&disk, 9, WORK_HASH, 40);
	run_until(&disk.done, 80);
	assert_int_equal(disk.most, 1);
	for (int i = 0; i < 7; i++)
		open_gate(&hung[i]);
	loop_run(&loop);
	for (int i = 0; i < 7; i++)
		assert_int_equal(hung[i].done, 40);
	assert_in_range(sys.threads, n, WORK_THREADS);
}

static void test_load(void **state)
{
	(void)state;
	assert_int_equal(work_load(&loop, 3, LOAD_QUEUED), 0);
	work_load_add(&loop, 3, LOAD_QUEUED, 100);
	work_load_add(&loop, 4, LOAD_QUEUED, 1);
	work_load_add(&loop, 3, LOAD_QUEUED, 50);
	assert_int_equal(work_load(&loop, 3, LOAD_QUEUED), 150);
	work_load_sub(&loop, 3, LOAD_QUEUED, 150);
	assert_int_equal(work_load(&loop, 3, LOAD_QUEUED), 0);
	assert_int_equal(work_load(&loop, 4, LOAD_QUEUED), 1);
	work_load_sub(&loop, 4, LOAD_QUEUED, 1);
}

/* ---- cancelling ---- */

/* Those that wait complete at once, though all threads of their file system hang. */
static void test_cancel(void **state)
{
	struct work *w[80];
	struct group g;

	(void)state;
	group_init(&g, true);
	for (int i = 0; i < 80; i++)
		w[i] = work_submit(&loop, 1, i >= 40 ? WORK_HASH : WORK_DISK, item, on_done, &g);
	await(&g.now, WORK_AT_ONCE);
	for (int i = 0; i < 80; i++) {
		work_cancel(w[i]);
		work_cancel(w[i]);
	}
	assert_int_equal(g.done, 0);
	run_until(&g.done, 80 - WORK_AT_ONCE);
	assert_int_equal(g.canceled, 80 - WORK_AT_ONCE);
	open_gate(&g);
	loop_run(&loop);
	assert_int_equal(g.done, 80);
	assert_int_equal(g.ran, WORK_AT_ONCE);
}

/* ---- many ---- */

#define ITEMS 20000

static struct {
	unsigned seed;
	int submitted, done;
	atomic_uchar ran[ITEMS];
	unsigned char completed[ITEMS];
	struct work *last;
} stress;

static unsigned rnd(void)
{
	stress.seed = stress.seed * 1103515245 + 12345;
	return stress.seed >> 16;
}

static void stress_item(void *arg)
{
	for (volatile unsigned i = 0; i < (unsigned)(uintptr_t)arg % 512; i++)
		;
	stress.ran[(uintptr_t)arg]++;
}

static void stress_submit(void);

static void stress_done(void *arg, int status)
{
	size_t i = (uintptr_t)arg;

	stress.completed[i]++;
	stress.done++;
	assert_int_equal(stress.ran[i], status == 0);
	if (stress.last != NULL && i == (size_t)stress.submitted - 1)
		stress.last = NULL;
	for (unsigned n = rnd() % 3; n > 0; n--)
		stress_submit();
}

static void stress_submit(void)
{
	if (stress.submitted == ITEMS)
		return;
	stress.last = work_submit(&loop, rnd() % 5, rnd() % 4 == 0 ? WORK_HASH : WORK_DISK, stress_item, stress_done,
		(void *)(uintptr_t)stress.submitted++);
	if (rnd() % 8 == 0)
		work_cancel(stress.last);
}

static void test_many(void **state)
{
	(void)state;
	memset(&stress, 0, sizeof(stress));
	stress.seed = 7;
	while (stress.submitted < ITEMS) {
		for (unsigned n = rnd() % 200; n > 0; n--)
			stress_submit();
		uv_run(&loop.uv, rnd() % 2 != 0 ? UV_RUN_ONCE : UV_RUN_NOWAIT);
	}
	loop_run(&loop);
	assert_int_equal(stress.done, ITEMS);
	for (int i = 0; i < ITEMS; i++)
		assert_int_equal(stress.completed[i], 1);
	assert_in_range(sys.posts, ITEMS / 2, ITEMS);
	assert_in_range(sys.writes, 0, sys.posts);
	assert_in_range(sys.threads, 1, WORK_THREADS);
}

static void test_close_waits_for_running(void **state)
{
	static struct group g;

	(void)state;
	group_init(&g, false);
	submit(&g, 1, WORK_HASH, 10); /* teardown closes the loop */
}

/* ---- threads ---- */

static void note_nice(void *arg)
{
	atomic_int *v = arg;
	int now = getpriority(PRIO_PROCESS, 0);

	atomic_fetch_or(v, 1 << now);
}

/* However often a thread has worked it is that much nicer than the loop, which stays what it is. */
static void test_threads_step_back(void **state)
{
	int own = getpriority(PRIO_PROCESS, 0), want = own + WORK_NICE < 19 ? own + WORK_NICE : 19;
	atomic_int seen = 0;

	(void)state;
	if (own < 0)
		skip(); /* a bit for each value from 0 on */
	for (int i = 0; i < 100; i++)
		work_submit(&loop, 1, WORK_DISK, note_nice, nothing_done, &seen);
	loop_run(&loop);
	assert_int_equal(seen, 1 << want);
	assert_int_equal(getpriority(PRIO_PROCESS, 0), own);
}

/* Four threads: half of them for one file system, and one of these two for hashes. */
static void test_fewer_threads(void **state)
{
	struct group hung, hashes, disk;

	(void)state;
	group_init(&hung, true);
	submit(&hung, 1, WORK_DISK, 40);
	await(&hung.now, 4); /* the first refusal comes when a fifth one is wanted */
	open_gate(&hung);
	run_until(&hung.done, 40);
	group_init(&hung, true);
	group_init(&hashes, true);
	group_init(&disk, false);
	submit(&hashes, 1, WORK_HASH, 5);
	submit(&hung, 1, WORK_DISK, 40);
	await(&hashes.now, 1);
	await(&hung.now, 1);
	submit(&disk, 2, WORK_DISK, 40);
	run_until(&disk.done, 40);
	assert_int_equal(hashes.now, 1);
	assert_int_equal(hung.now, 1);
	open_gate(&hung);
	open_gate(&hashes);
	loop_run(&loop);
	assert_int_equal(hung.done, 40);
	assert_int_equal(hashes.done, 5);
	assert_int_equal(sys.threads, 4);
}

/* After a while it is asked again. */
static void test_threads_come_back(void **state)
{
	struct group g;

	(void)state;
	group_init(&g, true);
	submit(&g, 1, WORK_DISK, 40);
	await(&g.now, 4);
	sys.most = 1000;
	submit(&g, 2, WORK_DISK, 1);
	assert_int_equal(sys.threads, 4);
	fake_now += POOL_REFUSED_MS + 1;
	submit(&g, 3, WORK_DISK, 1);
	await(&g.now, WORK_AT_ONCE + 2);
	open_gate(&g);
	loop_run(&loop);
	assert_int_equal(g.done, 42);
}

/* What waited for a thread that was refused, all others hanging, gets one with the next item of its file system. */
static void test_refused_and_asked_again(void **state)
{
	struct group hung, disk;

	(void)state;
	group_init(&hung, true);
	group_init(&disk, false);
	submit(&hung, 1, WORK_DISK, 4);
	submit(&disk, 2, WORK_DISK, 3);
	await(&hung.now, 4);
	sys.most = 1000;
	fake_now += POOL_REFUSED_MS + 1;
	submit(&disk, 2, WORK_DISK, 1);
	run_until(&disk.done, 4);
	assert_int_equal(hung.done, 0);
	open_gate(&hung);
	loop_run(&loop);
	assert_int_equal(hung.done, 4);
}

static void too_late(uv_timer_t *t)
{
	(void)t;
	fail_msg("nobody was woken");
}

/* The same, but nothing more is submitted: it is looked after once a thread may be had. */
static void test_refused_and_left_alone(void **state)
{
	struct group hung, disk;
	uv_timer_t guard;

	(void)state;
	loop.clock_ms = NULL;
	loop.speedup = 1000;
	uv_timer_init(&loop.uv, &guard);
	uv_timer_start(&guard, too_late, 10000, 0);
	group_init(&hung, true);
	group_init(&disk, false);
	submit(&hung, 1, WORK_DISK, 4);
	submit(&disk, 2, WORK_DISK, 3);
	await(&hung.now, 4);
	for (int i = 0; i < 30; i++) { /* refused again */
		usleep(1000);
		uv_run(&loop.uv, UV_RUN_NOWAIT);
	}
	assert_int_equal(disk.done, 0);
	sys.most = 1000;
	run_until(&disk.done, 3);
	assert_int_equal(hung.done, 0);
	uv_close((uv_handle_t *)&guard, NULL);
	open_gate(&hung);
	loop_run(&loop);
	assert_int_equal(hung.done, 4);
}

static void test_no_thread(void **state)
{
	struct loop none;

	(void)state;
	sys.most = sys.threads;
	assert_int_equal(loop_init(&none, 0), ERR_THREADS);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_all_complete),
		T(test_one_after_the_other),
		T(test_waker_loses_its_core),
		cmocka_unit_test_setup_teardown(test_order, setup_one, teardown),
		T(test_hashes_leave_room),
		T(test_one_that_hangs),
		T(test_many_that_hang),
		T(test_load),
		T(test_cancel),
		T(test_many),
		T(test_close_waits_for_running),
		T(test_threads_step_back),
		cmocka_unit_test_setup_teardown(test_fewer_threads, setup_four, teardown),
		cmocka_unit_test_setup_teardown(test_threads_come_back, setup_four, teardown),
		cmocka_unit_test_setup_teardown(test_refused_and_asked_again, setup_four, teardown),
		cmocka_unit_test_setup_teardown(test_refused_and_left_alone, setup_four, teardown),
		T(test_no_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
