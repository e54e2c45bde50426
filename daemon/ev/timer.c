/* SPDX-License-Identifier: MIT
 * Timers over uv_timer_t, whose memory lives until its close callback, independent of the owner's.
 */
#include "ev/timer.h"

#include "base/obj.h"
#include "base/str.h"
#include "ev/loop.h"

struct timer_handle {
	OBJ(TIMER);
	uv_timer_t uv;
	struct timer *owner; /* valid until timer_stop or the last firing */
	timer_cb cb;
	void *arg;
};

static void on_close(uv_handle_t *uv)
{
	struct timer_handle *h = uv->data;

	OBJ_CHECK(h, TIMER);
	OBJ_FREE(h);
}

/* A timer that fired for the last time is a stopped one before its callback runs: the owner may die in there. */
static void on_timer(uv_timer_t *uv)
{
	struct timer_handle *h = uv->data;

	OBJ_CHECK(h, TIMER);
	if (uv_timer_get_repeat(uv) == 0)
		timer_stop(h->owner);
	h->cb(h->arg);
}

/* In the loop's own milliseconds, rounded up. */
static uint64_t real_ms(const struct loop *l, uint64_t ms)
{
	return l->speedup > 0 ? ms / l->speedup + (ms % l->speedup != 0) : ms;
}

void timer_start(struct loop *l, struct timer *t, uint64_t ms, uint64_t repeat, timer_cb cb, void *arg)
{
	if (t->h == NULL) {
		t->h = xcalloc(1, sizeof(*t->h));
		OBJ_INIT(t->h, TIMER);
		t->h->owner = t;
		uv_timer_init(&l->uv, &t->h->uv);
		t->h->uv.data = t->h;
	}
	OBJ_CHECK(t->h, TIMER);
	t->h->cb = cb;
	t->h->arg = arg;
	uv_ref((uv_handle_t *)&t->h->uv);
	uv_timer_start(&t->h->uv, on_timer, real_ms(l, ms), real_ms(l, repeat));
}

void timer_stop(struct timer *t)
{
	struct timer_handle *h = t->h;

	if (h == NULL)
		return;
	OBJ_CHECK(h, TIMER);
	t->h = NULL;
	h->owner = NULL;
	uv_close((uv_handle_t *)&h->uv, on_close);
}

void timer_unref(struct timer *t)
{
	if (t->h != NULL)
		uv_unref((uv_handle_t *)&t->h->uv);
}

bool timer_running(const struct timer *t)
{
	return t->h != NULL;
}
