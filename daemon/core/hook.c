/* SPDX-License-Identifier: MIT
 * Hooks: a subscriber of the engine's events that starts programs with uv_spawn.
 */
#include "core/hook.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "core/engine.h"
#include "ev/loop.h"

/* A program that runs. In the list until its handle is being closed, which frees it. */
struct hook_run {
	uv_process_t proc;
	LIST_ENTRY(hook_run) link;
};

struct hooks {
	struct engine *engine;
	struct event_sub sub;
	LIST_HEAD(hook_run_list, hook_run) runs;
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

static void on_close(uv_handle_t *h)
{
	free(h->data);
}

static void run_close(struct hook_run *r)
{
	LIST_REMOVE(r, link);
	uv_close((uv_handle_t *)&r->proc, on_close);
}

static void on_exit_status(uv_process_t *p, int64_t status, int sig)
{
	if (status != 0 || sig != 0)
		log_warn(CORE, "a hook ended with status %lld, signal %d", (long long)status, sig);
	run_close(p->data);
}

static void spawn(struct hooks *h, const char *program, const struct event *ev)
{
	struct hook_run *r = xcalloc(1, sizeof(*r));
	char gid[17], shown[200], files[] = "1", *file = xstrdup(program), *path;
	struct job_view v = {0};
	/* What it says goes to standard output: standard error is the log's, which other programs may read. */
	uv_stdio_container_t io[3] = {
		{.flags = UV_IGNORE}, {.flags = UV_INHERIT_FD, .data.fd = 1}, {.flags = UV_INHERIT_FD, .data.fd = 1}};
	uv_process_options_t o = {
		.exit_cb = on_exit_status, .file = file, .stdio = io, .stdio_count = 3, .flags = UV_PROCESS_DETACHED};
	int err;

	path = xstrdup(engine_view(h->engine, ev->gid, &v) ? v.path : "");
	str_from_gid(ev->gid, gid);
	o.args = (char *[]){file, gid, files, path, NULL};
	r->proc.data = r;
	LIST_INSERT_HEAD(&h->runs, r, link);
	err = uv_spawn(&engine_loop(h->engine)->uv, &r->proc, &o);
	if (err != 0) {
		log_error(CORE, "the hook for \"%s\", %s, can't be started: %s", event_name(ev->type),
			str_safe(program, strlen(program), shown, sizeof(shown)), uv_strerror(err));
		run_close(r);
	}
	free(path);
	free(file);
}

static void on_event(void *arg, const struct event *ev)
{
	struct hooks *h = arg;
	const char *program = option_text(h->engine, hook_table[ev->type].first);

	if (program == NULL)
		program = option_text(h->engine, hook_table[ev->type].second);
	if (program != NULL)
		spawn(h, program, ev);
}

struct hooks *hooks_new(struct engine *e)
{
	struct hooks *h = xcalloc(1, sizeof(*h));

	h->engine = e;
	h->sub.cb = on_event;
	h->sub.arg = h;
	LIST_INIT(&h->runs);
	engine_subscribe(e, &h->sub);
	return h;
}

void hooks_free(struct hooks *h)
{
	struct hook_run *r;

	if (h == NULL)
		return;
	engine_unsubscribe(h->engine, &h->sub);
	while ((r = LIST_FIRST(&h->runs)) != NULL)
		run_close(r);
	free(h);
}
