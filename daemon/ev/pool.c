/* SPDX-License-Identifier: MIT
 * A thread sleeps on a semaphore of its own; the loop puts a job beside it and posts. An ended job is pushed onto a list that the
 * loop takes as a whole, in each of its turns. Only when the loop sleeps, or is about to, somebody has to wake it: it raises a
 * flag before it looks at the list for the last time, and whoever has pushed and then sees the flag writes to the eventfd. A
 * busy loop is not written to.
 *
 * No wake-up is lost: push and look at the flag, raise the flag and look at the list are in one order for all threads (seq_cst),
 * so that either the loop finds the job or the thread finds the flag. Only the loop lowers it, when it is awake and takes the
 * list later in the same turn, or raises the flag anew before it sleeps. So a thread that loses its core between flag and eventfd
 * keeps nobody but its own job from being heard of: the next one that ends its job sees the flag, too, and writes. A write that
 * comes late makes the loop turn once for nothing.
 */
#include "ev/pool.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "base/thread.h"
#include "ev/loop.h"
#include "ev/work.h"

struct pool_thread {
	struct pool *pool;
	pthread_t id;
	sem_t go;
	struct pool_job *job; /* the loop's until it posts, then the thread's until the job has ended; NULL: end */
	SLIST_ENTRY(pool_thread) idle;
};

struct pool {
	struct loop *loop;
	void (*ended)(void *owner);
	SLIST_HEAD(idle_threads, pool_thread) idle; /* who ended its job last is first */
	struct pool_thread **threads;
	unsigned n, busy, most;
	uint64_t refused_at; /* 0: never, or it was given since */
	uv_poll_t wake;	     /* freed with this struct in its close callback */
	int fd;		     /* the eventfd */
	_Atomic(struct pool_job *) done; /* ended, the last one first */
	atomic_bool asleep;		 /* the loop waits to be woken */
};

/* ---- a thread ---- */

/* A refusal (a filter of system calls) leaves it as it was. */
static void step_back(void)
{
	setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + WORK_NICE);
}

/* From the push on the job is the loop's again, and so is thread->job. */
static void push_done(struct pool *p, struct pool_job *j)
{
	const uint64_t one = 1;

	j->next = atomic_load_explicit(&p->done, memory_order_relaxed);
	while (!atomic_compare_exchange_weak(&p->done, &j->next, j))
		;
	if (atomic_load(&p->asleep))
		while (write(p->fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
}

static void wait_for_job(struct pool_thread *t)
{
	while (sem_wait(&t->go) < 0)
		;
}

static void *thread_main(void *arg)
{
	struct pool_thread *t = arg;
	struct pool_job *j;

	step_back();
	for (wait_for_job(t); (j = t->job) != NULL; wait_for_job(t)) {
		j->run(j->owner);
		push_done(t->pool, j);
	}
	return NULL;
}

/* ---- the loop's side ---- */

static void note_refusal(struct pool *p)
{
	if (p->refused_at == 0 && p->n > 0)
		log_warn(MAIN, "the system gives no more threads: %u of %u for file work", p->n, p->most);
	p->refused_at = loop_now(p->loop) + 1;
}

static bool start_thread(struct pool *p)
{
	struct pool_thread *t = xcalloc(1, sizeof(*t));

	t->pool = p;
	if (sem_init(&t->go, 0, 0) < 0 || thread_start(&t->id, 0, thread_main, t) != 0) {
		free(t);
		note_refusal(p);
		return false;
	}
	p->refused_at = 0;
	p->threads[p->n++] = t;
	SLIST_INSERT_HEAD(&p->idle, t, idle);
	return true;
}

unsigned pool_size(struct pool *p)
{
	return p->refused_at > 0 && loop_now(p->loop) < p->refused_at + POOL_REFUSED_MS ? p->n : p->most;
}

unsigned pool_left(struct pool *p)
{
	return pool_size(p) - p->busy;
}

unsigned pool_busy(const struct pool *p)
{
	return p->busy;
}

/* The loop runs: what ends from now on is not worth a call, pool_collect or pool_may_wait is still to come. */
static void note_awake(struct pool *p)
{
	atomic_store_explicit(&p->asleep, false, memory_order_relaxed);
}

bool pool_run(struct pool *p, struct pool_job *j)
{
	struct pool_thread *t;

	if (SLIST_EMPTY(&p->idle) && (p->n >= pool_size(p) || !start_thread(p)))
		return false;
	t = SLIST_FIRST(&p->idle);
	SLIST_REMOVE_HEAD(&p->idle, idle);
	if (p->busy++ == 0)
		uv_ref((uv_handle_t *)&p->wake);
	note_awake(p);
	j->by = t;
	t->job = j;
	sem_post(&t->go);
	return true;
}

bool pool_may_wait(struct pool *p)
{
	if (p->busy == 0)
		return true;
	atomic_store(&p->asleep, true);
	if (atomic_load(&p->done) == NULL)
		return true;
	atomic_store(&p->asleep, false);
	return false;
}

/* All that have ended, the first one first. */
static struct pool_job *take_done(struct pool *p)
{
	struct pool_job *j = atomic_exchange(&p->done, NULL), *list = NULL, *next;

	for (; j != NULL; j = next) {
		next = j->next;
		j->next = list;
		list = j;
	}
	return list;
}

void pool_collect(struct pool *p)
{
	struct pool_job *j, *next;

	if (p->busy == 0)
		return;
	note_awake(p);
	if (atomic_load_explicit(&p->done, memory_order_relaxed) == NULL)
		return;
	for (j = take_done(p); j != NULL; j = next) {
		next = j->next;
		SLIST_INSERT_HEAD(&p->idle, j->by, idle);
		if (--p->busy == 0)
			uv_unref((uv_handle_t *)&p->wake);
		p->ended(j->owner);
	}
}

/* That the loop runs is nearly all: pool_collect follows. */
static void on_wake(uv_poll_t *h, int status, int events)
{
	struct pool *p = h->data;
	uint64_t n;

	(void)status;
	(void)events;
	note_awake(p);
	if (read(p->fd, &n, sizeof(n)) < 0 && errno != EAGAIN && errno != EINTR)
		log_debug(MAIN, "the pool's eventfd can't be read: errno %d", errno);
}

void pool_keep_alive(struct pool *p)
{
	if (p->busy > 0)
		uv_ref((uv_handle_t *)&p->wake);
}

static void on_closed(uv_handle_t *h)
{
	struct pool *p = h->data;

	close(p->fd);
	free(p->threads);
	free(p);
}

/* Idle threads have nothing to wait for. */
bool pool_end(struct pool *p)
{
	if (p->busy > 0)
		return false;
	for (unsigned i = 0; i < p->n; i++) {
		p->threads[i]->job = NULL;
		sem_post(&p->threads[i]->go);
	}
	for (unsigned i = 0; i < p->n; i++) {
		pthread_join(p->threads[i]->id, NULL);
		sem_destroy(&p->threads[i]->go);
		free(p->threads[i]);
	}
	uv_close((uv_handle_t *)&p->wake, on_closed);
	return true;
}

static bool make_waker(struct pool *p)
{
	p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->fd < 0)
		return false;
	if (uv_poll_init(&p->loop->uv, &p->wake, p->fd) != 0) {
		close(p->fd);
		return false;
	}
	p->wake.data = p;
	uv_poll_start(&p->wake, UV_READABLE, on_wake);
	uv_unref((uv_handle_t *)&p->wake);
	return true;
}

int pool_new(struct loop *l, unsigned most, void (*ended)(void *owner), struct pool **ret)
{
	struct pool *p = xcalloc(1, sizeof(*p));

	p->loop = l;
	p->ended = ended;
	p->most = most;
	SLIST_INIT(&p->idle);
	if (!make_waker(p)) {
		free(p);
		return ERR_NOMEM;
	}
	p->threads = xcalloc(most, sizeof(struct pool_thread *));
	if (!start_thread(p)) { /* one for sure: what waits goes on when a job ends */
		uv_close((uv_handle_t *)&p->wake, on_closed);
		return ERR_THREADS;
	}
	*ret = p;
	return 0;
}
