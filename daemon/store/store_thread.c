/* SPDX-License-Identifier: MIT
 * One mutex, one condition for both directions: the thread waits for a batch or the end, store_close waits for a
 * result.
 */
#include "store/store_thread.h"

#include <string.h>
#include <stdlib.h>

#include "base/str.h"
#include "base/thread.h"
#include "ev/loop.h"

struct store_thread {
	const struct store_backend *be;
	void *b;
	void (*done)(void *arg);
	void *arg;
	uv_async_t async; /* freed with this struct in its close callback */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	/* Under the lock. */
	struct batch *todo;  /* handed over, or being committed */
	struct batch *ready; /* committed, or failed */
	struct fail result;
	bool durable, stop;
};

static void *run(void *arg)
{
	struct store_thread *t = arg;

	pthread_mutex_lock(&t->lock);
	for (;;) {
		while (!t->todo && !t->stop)
			pthread_cond_wait(&t->cond, &t->lock);
		if (!t->todo)
			break;
		struct batch *batch = t->todo;
		struct fail f = {0};
		bool durable = t->durable;
		pthread_mutex_unlock(&t->lock);
		f.code = t->be->commit(t->b, batch->ops, batch->n, durable, &f);
		pthread_mutex_lock(&t->lock);
		t->result = f;
		t->ready = batch;
		t->todo = NULL;
		pthread_cond_signal(&t->cond);
		uv_async_send(&t->async);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

static void on_async(uv_async_t *a)
{
	struct store_thread *t = a->data;

	t->done(t->arg);
}

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

int store_thread_start(struct loop *l, const struct store_backend *be, void *b, void (*done)(void *arg), void *arg,
	struct store_thread **ret, struct fail *f)
{
	struct store_thread *t = xcalloc(1, sizeof(*t));
	int err = uv_async_init(&l->uv, &t->async, on_async);

	if (err) {
		free(t);
		return fail_set(f, ERR_STORE, "The queue's thread can't be started: %s", uv_strerror(err));
	}
	uv_unref((uv_handle_t *)&t->async);
	t->async.data = t;
	t->be = be;
	t->b = b;
	t->done = done;
	t->arg = arg;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->cond, NULL);
	err = thread_start(&t->thread, 0, run, t);
	if (err) {
		uv_close((uv_handle_t *)&t->async, on_closed);
		return fail_set(f, ERR_STORE, "The queue's thread can't be started: %s", strerror(err));
	}
	*ret = t;
	return 0;
}

void store_thread_commit(struct store_thread *t, struct batch *batch, bool durable)
{
	uv_ref((uv_handle_t *)&t->async);
	pthread_mutex_lock(&t->lock);
	t->todo = batch;
	t->durable = durable;
	pthread_cond_signal(&t->cond);
	pthread_mutex_unlock(&t->lock);
}

struct batch *store_thread_result(struct store_thread *t, bool wait, struct fail *f)
{
	struct batch *batch;

	pthread_mutex_lock(&t->lock);
	while (wait && t->todo)
		pthread_cond_wait(&t->cond, &t->lock);
	batch = t->ready;
	t->ready = NULL;
	*f = t->result;
	pthread_mutex_unlock(&t->lock);
	if (batch)
		uv_unref((uv_handle_t *)&t->async);
	return batch;
}

void store_thread_stop(struct store_thread *t)
{
	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_signal(&t->cond);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	pthread_mutex_destroy(&t->lock);
	pthread_cond_destroy(&t->cond);
	uv_close((uv_handle_t *)&t->async, on_closed);
}
