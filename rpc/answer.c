/* SPDX-License-Identifier: MIT
 * What an answer waits for: durable, saved, delayed.
 */
#include "rpc/answer.h"

#include <stdlib.h>

#include "base/str.h"
#include "rpc/save.h"

#define DELAY_STEP_MS 250 /* more for each further wrong token in the same request */
#define DELAY_STEPS   4

static void on_more(void *arg);

struct answer *answer_new(struct engine *e, void (*ready)(void *owner, struct answer *a), void *owner)
{
	struct answer *a = xcalloc(1, sizeof(*a));

	OBJ_INIT(a, ANSWER);
	reply_init(&a->r);
	a->engine = e;
	a->more = (struct deferred){.cb = on_more, .arg = a};
	a->ready = ready;
	a->owner = owner;
	return a;
}

void answer_free(struct answer *a)
{
	OBJ_CHECK(a, ANSWER);
	timer_stop(&a->delay);
	defer_cancel(engine_loop(a->engine), &a->more);
	reply_free(&a->r);
	OBJ_FREE(a);
}

void answer_drop(struct answer *a)
{
	if (a == NULL)
		return;
	OBJ_CHECK(a, ANSWER);
	a->dropped = true;
	if (a->waiting)
		reply_free(&a->r); /* whose rpc_env may go before the flush calls back */
	else
		answer_free(a);
}

static void on_delay(void *arg)
{
	struct answer *a = arg;

	OBJ_CHECK(a, ANSWER);
	a->ready(a->owner, a);
}

static void hold_back(struct answer *a)
{
	unsigned more = a->r.bad > DELAY_STEPS ? DELAY_STEPS : a->r.bad - (a->r.bad > 0);

	if (a->r.bad == 0)
		a->ready(a->owner, a);
	else
		timer_start(engine_loop(a->engine), &a->delay, ANSWER_DELAY_MS + more * DELAY_STEP_MS, 0, on_delay, a);
}

static void on_saved(void *arg, int err, const struct fail *f)
{
	struct answer *a = arg;

	OBJ_CHECK(a, ANSWER);
	if (err != 0)
		jsonrpc_all_failed(&a->r, f->text);
	hold_back(a);
}

static void wait_saved(struct answer *a)
{
	if (a->r.save != NULL)
		save_wait(a->r.save, on_saved, a);
	else
		hold_back(a);
}

static void on_flush(void *arg, int err, const struct fail *f)
{
	struct answer *a = arg;

	OBJ_CHECK(a, ANSWER);
	a->waiting = false;
	if (a->dropped) {
		answer_free(a);
		return;
	}
	if (err != 0) {
		char *why = xasprintf("The change could not be made durable: %s", f != NULL ? f->text : err_text(err));

		jsonrpc_all_failed(&a->r, why);
		free(why);
	}
	wait_saved(a);
}

/* Others have their turn between two pieces of a long list. */
static void on_more(void *arg)
{
	struct answer *a = arg;

	OBJ_CHECK(a, ANSWER);
	if (jsonrpc_more(&a->r, a->engine))
		answer_go(a);
	else
		defer(engine_loop(a->engine), &a->more);
}

void answer_go(struct answer *a)
{
	OBJ_CHECK(a, ANSWER);
	if (a->r.rest != NULL) {
		defer(engine_loop(a->engine), &a->more);
		return;
	}
	if (!a->r.changed) {
		wait_saved(a);
		return;
	}
	a->waiting = true;
	engine_flush(a->engine, on_flush, a);
}
