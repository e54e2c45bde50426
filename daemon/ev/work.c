/* SPDX-License-Identifier: MIT
 * Work items over uv_queue_work. libuv knows no classes, so hash items above their share wait in a list of the loop.
 */
#include "ev/work.h"

#include <stdbool.h>
#include <sys/resource.h>

#include "base/err.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "ev/loop.h"

#define POOL_ENV	"UV_THREADPOOL_SIZE"
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

/* Once for each thread. A refusal (a filter of system calls) leaves it as it was. */
static void step_back(void)
{
	static _Thread_local bool done;

	if (!done)
		setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + WORK_NICE);
	done = true;
}

static void on_work(uv_work_t *req)
{
	struct work *w = req->data;

	step_back();
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

/* ---- the pool ---- */

static void hold_thread(void *arg)
{
	uv_sem_wait(arg);
}

/* How many of `want` threads the system gives at the same time. libuv ends the process when it gets fewer than it asks for. */
static unsigned threads_given(unsigned want)
{
	uv_thread_t t[POOL_MAX];
	unsigned n = 0;
	uv_sem_t gate;

	if (uv_sem_init(&gate, 0) != 0)
		return 0;
	while (n < want && uv_thread_create(&t[n], hold_thread, &gate) == 0)
		n++;
	for (unsigned i = 0; i < n; i++)
		uv_sem_post(&gate);
	for (unsigned i = 0; i < n; i++)
		uv_thread_join(&t[i]);
	uv_sem_destroy(&gate);
	return n;
}

static void nothing(void *arg)
{
	(void)arg;
}

static void nothing_done(void *arg, int err)
{
	(void)arg;
	(void)err;
}

int work_pool_start(struct loop *l, unsigned threads)
{
	const char *set = getenv(POOL_ENV);
	unsigned long want = set != NULL ? strtoul(set, NULL, 10) : threads;
	char text[16];

	want = want < 1 ? 1 : want > POOL_MAX ? POOL_MAX : want;
	threads = threads_given((unsigned)want);
	if (threads == 0)
		return ERR_THREADS;
	if (threads < want)
		log_warn(MAIN, "the system gives %u of %lu threads", threads, want);
	snprintf(text, sizeof(text), "%u", threads);
	setenv(POOL_ENV, text, 1);
	work_submit(l, WORK_DISK, nothing, nothing_done, NULL); /* libuv starts its threads with the first item */
	return 0;
}
