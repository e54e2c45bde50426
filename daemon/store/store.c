/* SPDX-License-Identifier: MIT
 * The store as the loop thread sees it: an open batch that gathers, one batch with the store thread, and those who
 * wait.
 */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "ev/loop.h"
#include "ev/timer.h"
#include "store/batch.h"
#include "store/state_dir.h"
#include "store/store_priv.h"
#include "store/store_thread.h"

#define RETRY_MS 2000

struct store {
	OBJ(STORE);
	struct loop *loop;
	const struct store_backend *be;
	void *b;
	struct state_lock lock;
	struct store_thread *thread;
	struct batch *open;    /* gathers; also keeps what could not be committed */
	struct batch *flying;  /* with the thread, or NULL */
	struct batch *nothing; /* never filled: holds those who wait for nothing */
	struct deferred turn;  /* end of the turn: hand over, tell those who wait for nothing */
	struct timer retry;
	bool failing; /* the last commit failed: wait for something new, or the timer */
	bool hurry;   /* somebody waits for the open batch who can't wait for others */
	uint64_t handed_at; /* ms: the last hand-over; 0: none */
	struct timer gather; /* runs while the open batch waits for more */
};

/* ---- batches ---- */

static void on_gathered(void *arg);

/* Where a sync takes no time, each change would have a commit of its own, which costs more than the change. */
static bool gathers(struct store *s)
{
	uint64_t now = loop_now(s->loop), until = s->handed_at + STORE_GATHER_MS;

	if (s->hurry || s->handed_at == 0 || now >= until)
		return false;
	if (!timer_running(&s->gather))
		timer_start(s->loop, &s->gather, until - now, 0, on_gathered, s);
	return true;
}

static void hand_over(struct store *s)
{
	if (s->flying || s->open->n == 0 || s->failing || gathers(s))
		return;
	timer_stop(&s->retry);
	timer_stop(&s->gather);
	s->hurry = false;
	s->handed_at = loop_now(s->loop);
	s->flying = s->open;
	s->open = batch_new();
	store_thread_commit(s->thread, s->flying, s->flying->firm || !STAILQ_EMPTY(&s->flying->waiters));
}

static void on_gathered(void *arg)
{
	struct store *s = arg;

	OBJ_CHECK(s, STORE);
	s->hurry = true;
	hand_over(s);
}

static void on_retry(void *arg)
{
	struct store *s = arg;

	OBJ_CHECK(s, STORE);
	s->failing = false;
	hand_over(s);
}

/* Keep the changes, before those that came meanwhile, whose waiters wait for both now. Returns what holds the waiters
 * of the failed ones, to be told and freed. */
static struct batch *keep_failed(struct store *s, struct batch *failed)
{
	struct batch *newer = s->open;
	struct store_waiters told;

	s->failing = newer->n == 0;
	batch_append(failed, newer);
	s->open = failed;
	/* newer becomes the shell of the waiters that are told now. */
	STAILQ_INIT(&told);
	STAILQ_CONCAT(&told, &failed->waiters);
	STAILQ_CONCAT(&failed->waiters, &newer->waiters);
	STAILQ_CONCAT(&newer->waiters, &told);
	if (s->failing)
		timer_start(s->loop, &s->retry, RETRY_MS, 0, on_retry, s);
	return newer;
}

/* The flying batch came back. */
static void land(struct store *s, struct batch *batch, const struct fail *result)
{
	struct fail f = *result;
	size_t n = batch->n;

	s->flying = NULL;
	if (f.code) {
		f.code = ERR_COMMIT;
		log_error(STORE, "%zu changes of the queue could not be written, they will be tried again: %s", n,
			f.text);
		batch = keep_failed(s, batch);
	}
	/* The disk works while the callers are told; but what failed must not succeed before they know of the failure, since
	 * they take it back. */
	if (!f.code)
		hand_over(s);
	batch_tell(batch, f.code, &f);
	batch_free(batch);
	if (f.code)
		hand_over(s);
}

static void on_result(void *arg)
{
	struct store *s = arg;
	struct fail f;
	struct batch *batch;

	OBJ_CHECK(s, STORE);
	batch = store_thread_result(s->thread, false, &f);
	if (batch)
		land(s, batch, &f);
}

static void on_turn(void *arg)
{
	struct store *s = arg;
	struct batch *idle;
	struct fail ok = {0};

	OBJ_CHECK(s, STORE);
	idle = s->nothing;
	hand_over(s);
	if (STAILQ_EMPTY(&idle->waiters))
		return;
	s->nothing = batch_new();
	batch_tell(idle, 0, &ok); /* one of them may close s */
	batch_free(idle);
}

static void wake(struct store *s)
{
	s->failing = false;
	defer(s->loop, &s->turn);
}

/* ---- open and close ---- */

static const struct store_backend *backend(enum store_kind kind)
{
	static const struct store_backend *const all[] = {[STORE_SQLITE] = &store_sqlite, [STORE_MEMORY] = &store_mem};

	return all[kind];
}

int store_open_backend(
	struct loop *l, const struct store_backend *be, const char *dir, struct store **ret, struct fail *f)
{
	struct store *s = xcalloc(1, sizeof(*s));
	int err;

	OBJ_INIT(s, STORE);
	s->loop = l;
	s->be = be;
	s->lock = STATE_UNLOCKED;
	s->turn.cb = on_turn;
	s->turn.arg = s;
	err = dir ? state_dir_lock(dir, &s->lock, f) : 0;
	if (err)
		goto fail;
	err = be->open(dir, &s->b, f);
	if (err)
		goto fail_lock;
	err = store_thread_start(l, be, s->b, on_result, s, &s->thread, f);
	if (err)
		goto fail_backend;
	s->open = batch_new();
	s->nothing = batch_new();
	*ret = s;
	return 0;
fail_backend:
	be->close(s->b);
fail_lock:
	state_dir_unlock(&s->lock);
fail:
	OBJ_FREE(s);
	return err;
}

int store_open(struct loop *l, enum store_kind kind, const char *dir, struct store **ret, struct fail *f)
{
	return store_open_backend(l, backend(kind), kind == STORE_MEMORY ? NULL : dir, ret, f);
}

int store_load(struct store *s, void (*cb)(void *arg, struct job_rec *r), void *arg, struct fail *f)
{
	OBJ_CHECK(s, STORE);
	return s->be->load(s->b, cb, arg, f);
}

char *store_meta_get(struct store *s, const char *name)
{
	OBJ_CHECK(s, STORE);
	return s->be->meta_get(s->b, name);
}

/* Until all is committed, or nothing new came since the last failure. */
static void drain(struct store *s)
{
	struct batch *batch;
	struct fail f;

	s->failing = false;
	s->hurry = true;
	hand_over(s);
	while (s->flying) {
		batch = store_thread_result(s->thread, true, &f);
		land(s, batch, &f);
		s->hurry = true;
		hand_over(s);
	}
}

void store_close(struct store *s)
{
	struct fail ok = {0};

	OBJ_CHECK(s, STORE);
	defer_cancel(s->loop, &s->turn);
	batch_tell(s->nothing, 0, &ok);
	drain(s);
	if (s->open->n > 0)
		log_error(STORE, "%zu changes of the queue are lost", s->open->n);
	timer_stop(&s->retry);
	timer_stop(&s->gather);
	defer_cancel(s->loop, &s->turn);
	store_thread_stop(s->thread);
	s->be->close(s->b);
	batch_free(s->open);
	batch_free(s->nothing);
	state_dir_unlock(&s->lock);
	OBJ_FREE(s);
}

/* ---- changes ---- */

static void push(struct store *s, struct store_op *op)
{
	OBJ_CHECK(s, STORE);
	batch_push(s->open, op);
	wake(s);
}

void store_put(struct store *s, struct job_rec *r)
{
	struct store_op op = {.kind = SOP_PUT, .rec = *r};

	memset(r, 0, sizeof(*r));
	push(s, &op);
}

void store_del(struct store *s, uint64_t gid)
{
	push(s, &(struct store_op){.kind = SOP_DEL, .rec.gid = gid});
}

void store_set_state(struct store *s, uint64_t gid, int state, uint64_t ord)
{
	push(s, &(struct store_op){.kind = SOP_STATE, .rec = {.gid = gid, .state = state, .ord = ord}});
}

void store_set_ord(struct store *s, uint64_t gid, uint64_t ord)
{
	push(s, &(struct store_op){.kind = SOP_ORD, .rec = {.gid = gid, .ord = ord}});
}

void store_progress(struct store *s, uint64_t gid, const char *have, int64_t done)
{
	push(s, &(struct store_op){.kind = SOP_PROGRESS, .rec = {.gid = gid, .have = xstrdup(have), .done = done}});
}

void store_meta(struct store *s, const char *name, const char *value)
{
	push(s, &(struct store_op){.kind = SOP_META, .name = xstrdup(name), .value = xstrdup(value)});
}

void store_flush_soon(struct store *s, store_cb cb, void *arg)
{
	struct batch *b;

	OBJ_CHECK(s, STORE);
	b = s->nothing;
	if (s->open->n > 0)
		b = s->open;
	else if (s->flying)
		b = s->flying;
	batch_wait(b, cb, arg);
	wake(s);
}

void store_flush(struct store *s, store_cb cb, void *arg)
{
	store_flush_soon(s, cb, arg);
	s->hurry |= s->open->n > 0;
}

bool store_pending(const struct store *s)
{
	return s->open->n > 0 || s->flying;
}
