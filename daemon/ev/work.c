/* SPDX-License-Identifier: MIT
 * Work items over uv_queue_work. libuv knows no classes, so hash items above their share wait in a list of the loop.
 */
#include "ev/work.h"

#include <stdbool.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/str.h"
#include "ev/loop.h"

#define POOL_ENV	"UV_THREADPOOL_SIZE"
#define POOL_MIN	4
#define POOL_MAX	64
#define UV_POOL_DEFAULT 4

struct work {
	OBJ(WORK);
	uv_work_t req;
	struct loop *loop;
	enum work_class cls;
	work_fn fn;
	work_done done;
	void *arg;
	bool waiting;		  /* in loop->hash_waiting */
	struct deferred canceled; /* completion of an item that libuv never saw */
	TAILQ_ENTRY(work) link;
};

static unsigned hash_limit(void)
{
	const char *v = getenv(POOL_ENV);
	unsigned long n = v != NULL ? strtoul(v, NULL, 10) : UV_POOL_DEFAULT;

	return n >= 8 ? (unsigned)(n / 4) : 1;
}

static void finish(struct work *w, int status)
{
	work_done done = w->done;
	void *arg = w->arg;

	OBJ_FREE(w);
	done(arg, status);
}

static void on_canceled(void *arg)
{
	OBJ_CHECK((struct work *)arg, WORK);
	finish(arg, ERR_CANCELED);
}

static void on_work(uv_work_t *req)
{
	struct work *w = req->data;

	w->fn(w->arg);
}

static void start(struct work *w);

static void on_after(uv_work_t *req, int status)
{
	struct work *w = req->data;
	struct work *next;
	struct loop *l;

	OBJ_CHECK(w, WORK);
	l = w->loop;
	if (w->cls == WORK_HASH) {
		l->hash_running--;
		next = TAILQ_FIRST(&l->hash_waiting);
		if (next != NULL) {
			TAILQ_REMOVE(&l->hash_waiting, next, link);
			next->waiting = false;
			start(next);
		}
	}
	finish(w, status == UV_ECANCELED ? ERR_CANCELED : 0);
}

static void start(struct work *w)
{
	if (w->cls == WORK_HASH)
		w->loop->hash_running++;
	w->req.data = w;
	uv_queue_work(&w->loop->uv, &w->req, on_work, on_after); /* fails only without a function */
}

void work_pool_size(unsigned threads)
{
	char text[16];

	threads = threads < POOL_MIN ? POOL_MIN : threads > POOL_MAX ? POOL_MAX : threads;
	snprintf(text, sizeof(text), "%u", threads);
	setenv(POOL_ENV, text, 0);
}

struct work *work_submit(struct loop *l, enum work_class cls, work_fn fn, work_done done, void *arg)
{
	struct work *w = xcalloc(1, sizeof(*w));

	OBJ_INIT(w, WORK);
	w->loop = l;
	w->cls = cls;
	w->fn = fn;
	w->done = done;
	w->arg = arg;
	w->canceled.cb = on_canceled;
	w->canceled.arg = w;
	if (cls == WORK_HASH && l->hash_running >= hash_limit()) {
		w->waiting = true;
		TAILQ_INSERT_TAIL(&l->hash_waiting, w, link);
	} else {
		start(w);
	}
	return w;
}

void work_cancel(struct work *w)
{
	OBJ_CHECK(w, WORK);
	if (w->waiting) {
		w->waiting = false;
		TAILQ_REMOVE(&w->loop->hash_waiting, w, link);
		defer(w->loop, &w->canceled);
	} else if (!w->canceled.armed) {
		uv_cancel((uv_req_t *)&w->req);
	}
}
