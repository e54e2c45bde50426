/* SPDX-License-Identifier: MIT
 * The loop with its list of deferred calls. The list is run in a prepare callback (what timers and close callbacks
 * deferred) and in a check callback (what I/O deferred), so nothing that was deferred waits behind a blocking poll.
 */
#include "ev/loop.h"

#include "base/err.h"
#include "ev/block.h"
#include "ev/mounts.h"
#include "ev/work.h"

#define CLOSE_WAIT_MS 5000 /* bound on waiting for work items that are under way when the loop closes */

/* What is deferred while the list runs comes behind the mark and thus into the next run. */
static void run_deferred(struct loop *l)
{
	struct deferred mark = {.armed = true};
	struct deferred *d;

	if (TAILQ_EMPTY(&l->deferred))
		return;
	TAILQ_INSERT_TAIL(&l->deferred, &mark, link);
	while ((d = TAILQ_FIRST(&l->deferred)) != &mark) {
		TAILQ_REMOVE(&l->deferred, d, link);
		d->armed = false;
		d->cb(d->arg);
	}
	TAILQ_REMOVE(&l->deferred, &mark, link);
	if (TAILQ_EMPTY(&l->deferred))
		uv_idle_stop(&l->idle);
}

static void on_prepare(uv_prepare_t *h)
{
	struct loop *l = h->data;

	l->turn++;
	run_deferred(l);
	if (TAILQ_EMPTY(&l->deferred)) /* else it does not wait */
		works_before_wait(l->works);
}

static void on_check(uv_check_t *h)
{
	struct loop *l = h->data;

	works_after_wait(l->works);
	run_deferred(l);
}

static void on_idle(uv_idle_t *h)
{
	(void)h;
}

static void unref_open(uv_handle_t *h, void *arg)
{
	(void)arg;
	if (!uv_is_closing(h))
		uv_unref(h);
}

static void on_close_wait(uv_timer_t *t)
{
	uv_stop(t->loop);
}

/* Close callbacks and work items come to their end; handles that nobody closed are not waited for. */
static void run_to_end(struct loop *l)
{
	uv_timer_t guard;

	uv_run(&l->uv, UV_RUN_NOWAIT); /* also forgets a loop_stop that came after the last run */
	uv_timer_init(&l->uv, &guard);
	uv_timer_start(&guard, on_close_wait, CLOSE_WAIT_MS, 0);
	uv_walk(&l->uv, unref_open, NULL);
	uv_ref((uv_handle_t *)&l->idle);
	works_keep_alive(l->works);
	uv_run(&l->uv, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&guard, NULL);
	uv_run(&l->uv, UV_RUN_NOWAIT);
}

static void close_own(struct loop *l)
{
	uv_close((uv_handle_t *)&l->prepare, NULL);
	uv_close((uv_handle_t *)&l->check, NULL);
	uv_close((uv_handle_t *)&l->idle, NULL);
	uv_run(&l->uv, UV_RUN_NOWAIT);
}

static void init_own(struct loop *l)
{
	TAILQ_INIT(&l->deferred);
	uv_prepare_init(&l->uv, &l->prepare);
	uv_check_init(&l->uv, &l->check);
	uv_idle_init(&l->uv, &l->idle);
	l->prepare.data = l;
	l->check.data = l;
	uv_prepare_start(&l->prepare, on_prepare);
	uv_check_start(&l->check, on_check);
	uv_unref((uv_handle_t *)&l->prepare);
	uv_unref((uv_handle_t *)&l->check);
}

int loop_init(struct loop *l, size_t mem_budget)
{
	int err;

	*l = (struct loop){0};
	if (uv_loop_init(&l->uv) != 0)
		return ERR_NOMEM;
	init_own(l);
	err = works_new(l);
	if (err != 0) {
		close_own(l);
		uv_loop_close(&l->uv);
		return err;
	}
	l->mounts = mounts_new(l);
	l->blocks = block_pool_new(l, mem_budget);
	return 0;
}

void loop_run(struct loop *l)
{
	uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l)
{
	uv_stop(&l->uv);
}

int loop_close(struct loop *l)
{
	bool ended;
	size_t used;

	run_to_end(l);
	ended = works_end(l->works);
	mounts_free(l->mounts);
	block_stats(l->blocks, &used, NULL);
	block_pool_free(l->blocks);
	l->blocks = NULL;
	close_own(l);
	if (used > 0 || !ended)
		return UV_EBUSY;
	return uv_loop_close(&l->uv);
}

uint64_t loop_now(const struct loop *l)
{
	if (l->clock_ms != NULL)
		return l->clock_ms(l->clock_arg);
	return uv_now(&l->uv) * (l->speedup > 0 ? l->speedup : 1);
}

void defer(struct loop *l, struct deferred *d)
{
	if (d->armed)
		return;
	d->armed = true;
	TAILQ_INSERT_TAIL(&l->deferred, d, link);
	uv_idle_start(&l->idle, on_idle);
}

void defer_cancel(struct loop *l, struct deferred *d)
{
	if (!d->armed)
		return;
	d->armed = false;
	TAILQ_REMOVE(&l->deferred, d, link);
	if (TAILQ_EMPTY(&l->deferred))
		uv_idle_stop(&l->idle);
}
