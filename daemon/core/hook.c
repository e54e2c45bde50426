/* SPDX-License-Identifier: MIT
 * Hooks: a subscriber of the engine's events that starts programs with uv_spawn. Some run at a time, the others wait in the order
 * of their events; a few are started in a turn, so that a thousand small files that are complete at once hold up nobody.
 */
#include "core/hook.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "core/engine.h"
#include "ev/loop.h"
#include "ev/timer.h"

#define A_TURN	 4     /* programs started in a turn: each costs a fork */
#define RETRY_MS 1000  /* after the system had no process or descriptor */
#define SLOW_MS	 60000 /* so long nothing could be started: somebody should know */

#define PROGRAM_SHOWN 200 /* bytes of a program's path in a message */
#define GID_FMT	      "%016llx"

/* A program to be started: what its arguments are was copied at the time of the event. */
struct hook_call {
	STAILQ_ENTRY(hook_call) link;
	struct event ev; /* its path is in text */
	size_t size;	 /* bytes it takes */
	char text[];	 /* the program, NUL, path, NUL */
};

/* A program that runs. In the list until its handle is being closed, which frees it. */
struct hook_run {
	uv_process_t proc;
	struct hooks *hooks;
	struct event ev; /* without path */
	LIST_ENTRY(hook_run) link;
};

struct hooks {
	struct engine *engine;
	struct loop *loop;
	struct event_sub sub;
	LIST_HEAD(hook_run_list, hook_run) runs;
	unsigned n_runs;
	STAILQ_HEAD(hook_call_list, hook_call) waiting;
	size_t n_waiting, waiting_bytes;
	struct deferred turn;
	struct timer retry, slow;
	bool short_of; /* the system gave no process: said once, until it gives one */
	void (*idle_cb)(void *arg);
	void *idle_arg;
};

/* Which option an event asks for, and which one when that is not set. */
static const struct {
	enum opt first, second;
} hook_table[EV_COUNT] = {
	[EV_START] = {OPT_ON_DOWNLOAD_START, OPT_COUNT},
	[EV_PAUSE] = {OPT_ON_DOWNLOAD_PAUSE, OPT_COUNT},
	[EV_STOP] = {OPT_ON_DOWNLOAD_STOP, OPT_COUNT},
	[EV_COMPLETE] = {OPT_ON_DOWNLOAD_COMPLETE, OPT_ON_DOWNLOAD_STOP},
	[EV_ERROR] = {OPT_ON_DOWNLOAD_ERROR, OPT_ON_DOWNLOAD_STOP},
};

static const char *option_text(struct engine *e, enum opt id)
{
	const char *text = id != OPT_COUNT ? opts_str(engine_global(e), id) : NULL;

	return text != NULL && *text != '\0' ? text : NULL;
}

/* ---- those that run ---- */

static void on_close(uv_handle_t *h)
{
	free(h->data);
}

static void run_close(struct hook_run *r)
{
	LIST_REMOVE(r, link);
	r->hooks->n_runs--;
	uv_close((uv_handle_t *)&r->proc, on_close);
}

static void on_exit_status(uv_process_t *p, int64_t status, int sig)
{
	struct hook_run *r = p->data;
	struct hooks *h = r->hooks;

	if (status != 0 || sig != 0)
		log_warn(CORE, "the hook for \"%s\" of GID#" GID_FMT " ended with status %lld, signal %d", event_name(r->ev.type),
			(unsigned long long)r->ev.gid, (long long)status, sig);
	run_close(r);
	if (h->n_waiting > 0)
		defer(h->loop, &h->turn);
}

/* 0, or libuv's error. */
static int spawn(struct hooks *h, struct hook_call *c)
{
	struct hook_run *r = xcalloc(1, sizeof(*r));
	char gid[17], files[] = "1", *argv[] = {c->text, gid, files, (char *)c->ev.path, NULL};
	/* What it says goes to standard output: standard error is the log's, which other programs may read. */
	uv_stdio_container_t io[3] = {
		{.flags = UV_IGNORE}, {.flags = UV_INHERIT_FD, .data.fd = 1}, {.flags = UV_INHERIT_FD, .data.fd = 1}};
	uv_process_options_t o = {.exit_cb = on_exit_status,
		.file = c->text,
		.args = argv,
		.stdio = io,
		.stdio_count = 3,
		.flags = UV_PROCESS_DETACHED};
	int err;

	str_from_gid(c->ev.gid, gid);
	r->proc.data = r;
	r->hooks = h;
	r->ev = (struct event){.type = c->ev.type, .gid = c->ev.gid};
	LIST_INSERT_HEAD(&h->runs, r, link);
	h->n_runs++;
	err = uv_spawn(&h->loop->uv, &r->proc, &o);
	if (err != 0)
		run_close(r);
	return err;
}

/* ---- those that wait ---- */

static const char *program_shown(const struct hook_call *c, char buf[PROGRAM_SHOWN])
{
	return str_safe(c->text, strlen(c->text), buf, PROGRAM_SHOWN);
}

/* Nobody else will say that this event had its hook no more. */
static void tell_lost(const struct hook_call *c, const char *why)
{
	char shown[PROGRAM_SHOWN];

	log_error(CORE, "the hook for \"%s\" of GID#" GID_FMT ", %s, is not run: %s", event_name(c->ev.type),
		(unsigned long long)c->ev.gid, program_shown(c, shown), why);
}

static void call_drop(struct hooks *h, struct hook_call *c)
{
	STAILQ_REMOVE_HEAD(&h->waiting, link);
	h->n_waiting--;
	h->waiting_bytes -= c->size;
	free(c);
}

static void on_slow(void *arg)
{
	struct hooks *h = arg;

	log_warn(CORE, "%zu hooks wait: %u of them run, and none has ended for %d s", h->n_waiting, h->n_runs, SLOW_MS / 1000);
}

static void on_retry(void *arg)
{
	struct hooks *h = arg;

	defer(h->loop, &h->turn);
}

/* It passes: a process or a descriptor that is given back is enough. */
static bool passes(int err)
{
	return err == UV_EAGAIN || err == UV_EMFILE || err == UV_ENFILE || err == UV_ENOMEM;
}

static void wait_for_system(struct hooks *h, int err)
{
	if (!h->short_of)
		log_warn(CORE, "hooks wait, %zu of them: no program can be started: %s", h->n_waiting, uv_strerror(err));
	h->short_of = true;
	timer_start(h->loop, &h->retry, RETRY_MS, 0, on_retry, h);
}

/* The one that waits longest: false when it has to wait on. */
static bool start_next(struct hooks *h)
{
	struct hook_call *c = STAILQ_FIRST(&h->waiting);
	char shown[PROGRAM_SHOWN];
	int err = spawn(h, c);

	if (passes(err)) {
		wait_for_system(h, err);
		return false;
	}
	h->short_of = false;
	if (err != 0)
		log_error(CORE, "the hook for \"%s\" of GID#" GID_FMT ", %s, can't be started: %s", event_name(c->ev.type),
			(unsigned long long)c->ev.gid, program_shown(c, shown), uv_strerror(err));
	call_drop(h, c);
	return true;
}

static void on_turn(void *arg)
{
	struct hooks *h = arg;
	int n = 0;

	timer_stop(&h->slow);
	while (n < A_TURN && h->n_waiting > 0 && h->n_runs < HOOKS_AT_A_TIME && start_next(h))
		n++;
	if (h->n_waiting == 0) {
		if (h->idle_cb != NULL)
			h->idle_cb(h->idle_arg);
		return;
	}
	if (n == A_TURN && h->n_runs < HOOKS_AT_A_TIME)
		defer(h->loop, &h->turn);
	else
		timer_start(h->loop, &h->slow, SLOW_MS, SLOW_MS, on_slow, h);
}

static struct hook_call *call_new(const char *program, const struct event *ev)
{
	size_t np = strlen(program) + 1, n = strlen(ev->path) + 1;
	struct hook_call *c = xcalloc(1, sizeof(*c) + np + n);

	c->ev = *ev;
	c->size = sizeof(*c) + np + n;
	c->ev.path = c->text + np;
	memcpy(c->text, program, np);
	memcpy(c->text + np, ev->path, n);
	return c;
}

static void call_add(struct hooks *h, const char *program, const struct event *ev)
{
	struct hook_call *c = call_new(program, ev);

	if (h->waiting_bytes + c->size > HOOKS_BYTES) {
		tell_lost(c, "too many wait already");
		free(c);
		return;
	}
	STAILQ_INSERT_TAIL(&h->waiting, c, link);
	h->n_waiting++;
	h->waiting_bytes += c->size;
	if (h->n_runs < HOOKS_AT_A_TIME && !timer_running(&h->retry))
		defer(h->loop, &h->turn);
}

static void on_event(void *arg, const struct event *ev)
{
	struct hooks *h = arg;
	const char *program = option_text(h->engine, hook_table[ev->type].first);

	if (program == NULL)
		program = option_text(h->engine, hook_table[ev->type].second);
	if (program != NULL)
		call_add(h, program, ev);
}

/* ---- for the daemon ---- */

size_t hooks_waiting(const struct hooks *h)
{
	return h->n_waiting;
}

void hooks_on_idle(struct hooks *h, void (*cb)(void *arg), void *arg)
{
	h->idle_cb = cb;
	h->idle_arg = arg;
}

struct hooks *hooks_new(struct engine *e)
{
	struct hooks *h = xcalloc(1, sizeof(*h));

	h->engine = e;
	h->loop = engine_loop(e);
	h->sub.cb = on_event;
	h->sub.arg = h;
	h->sub.of_earlier = true; /* the program is told whose file it is */
	h->turn = (struct deferred){.cb = on_turn, .arg = h};
	LIST_INIT(&h->runs);
	STAILQ_INIT(&h->waiting);
	engine_subscribe(e, &h->sub);
	return h;
}

void hooks_free(struct hooks *h)
{
	struct hook_call *c;
	struct hook_run *r;

	if (h == NULL)
		return;
	engine_unsubscribe(h->engine, &h->sub);
	defer_cancel(h->loop, &h->turn);
	timer_stop(&h->retry);
	timer_stop(&h->slow);
	while ((c = STAILQ_FIRST(&h->waiting)) != NULL) {
		tell_lost(c, "hauld ends");
		call_drop(h, c);
	}
	while ((r = LIST_FIRST(&h->runs)) != NULL)
		run_close(r);
	free(h);
}
