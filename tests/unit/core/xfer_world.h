/* SPDX-License-Identifier: MIT
 * A transfer with an owner and servers without sockets, in quick time: what the tests of core/xfer.h share. Include it once, in
 * the test program.
 */
#ifndef HAUL_TEST_XFER_WORLD_H
#define HAUL_TEST_XFER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/origin.h"
#include "core/xfer.h"

#include "fake_origin.h"
#include "quick_time.h"

#define MIB (1 << 20)

/* What the engine would remember of a job between two runs of its transfer. */
struct job_memory {
	char *path, *etag, *etag_origin, *last_modified, *part_id, *digest;
	int64_t total;
	struct ranges have;
	bool unproven, replaces, user_part;
};

struct world {
	struct loop loop;
	struct loop *at;         /* it, or that of the world whose guest this is */
	char dir[256], journal[280];
	struct opts *opts;
	struct xfer *x;
	struct job_memory mem;
	struct xfer_end end;
	char end_text[200], end_uri[64];
	bool ended;
	uint64_t ended_at;       /* ms */
	struct timer stop_at;
	enum { STOP_NEVER, STOP_WHEN_NAMED, STOP_WHEN_REPLACING } stop_when; /* once */
	unsigned most_conns;
	struct origins *origins;
	struct placer *placer;   /* the test's; NULL: none */
	struct deferred settled; /* answers to durable() */
	struct deferred stopping;
	bool stops_when_asked;   /* the transfer is stopped before that answer */
	struct deferred at_progress; /* once, when progress is told; cb NULL: nothing */
};

static void stop_now(void *arg);

static void replace(char **to, const char *from)
{
	char *old = *to;

	*to = xstrdup(from);
	free(old);
}

static void on_known(void *owner, const struct xfer_known *k)
{
	struct world *w = owner;

	replace(&w->mem.path, k->path);
	replace(&w->mem.etag, k->etag);
	replace(&w->mem.etag_origin, k->etag_origin);
	replace(&w->mem.last_modified, k->last_modified);
	replace(&w->mem.part_id, k->part_id);
	replace(&w->mem.digest, k->digest);
	w->mem.total = k->total;
	w->mem.unproven |= k->unproven;
	w->mem.replaces |= k->replaces;
	w->mem.user_part |= k->user_part;
	if (k->have)
		ranges_copy(&w->mem.have, k->have);
	if (w->stop_when == STOP_WHEN_NAMED || (w->stop_when == STOP_WHEN_REPLACING && k->replaces)) {
		w->stop_when = STOP_NEVER;
		timer_start(w->at, &w->stop_at, 0, 0, stop_now, w);
	}
}

static void on_progress(void *owner, const struct ranges *have)
{
	struct world *w = owner;

	ranges_copy(&w->mem.have, have);
	if (w->at_progress.cb)
		defer(w->at, &w->at_progress);
}

static void forget_all(struct world *w)
{
	replace(&w->mem.path, NULL);
	replace(&w->mem.etag, NULL);
	replace(&w->mem.etag_origin, NULL);
	replace(&w->mem.last_modified, NULL);
	replace(&w->mem.part_id, NULL);
	replace(&w->mem.digest, NULL);
	w->mem.total = -1;
	w->mem.unproven = w->mem.replaces = w->mem.user_part = false;
	ranges_free(&w->mem.have);
}

static void on_forget(void *owner)
{
	forget_all(owner);
}

static void stop_now(void *arg)
{
	struct world *w = arg;

	if (w->x)
		xfer_stop(w->x, fake_random(2) == 0, false);
}

static void on_durable(void *owner, void (*cb)(void *arg), void *arg)
{
	struct world *w = owner;

	w->stopping = (struct deferred){.cb = stop_now, .arg = w};
	w->settled = (struct deferred){.cb = cb, .arg = arg};
	if (w->stops_when_asked)
		defer(w->at, &w->stopping);
	defer(w->at, &w->settled);
}

static void on_end(void *owner, const struct xfer_end *e)
{
	struct world *w = owner;

	w->end = *e;
	snprintf(w->end_text, sizeof(w->end_text), "%s", e->err_text ? e->err_text : "");
	snprintf(w->end_uri, sizeof(w->end_uri), "%s", e->uri ? e->uri : "");
	w->ended = true;
	if (e->result == XFER_COMPLETE) {
		struct job_view v = {0};

		xfer_view(w->x, &v);
		assert_null(v.wait); /* a whole file waits for nobody */
	}
	w->x = NULL;
	w->ended_at = loop_now(w->at);
	loop_stop(w->at);
}

static const struct xfer_ops ops = {.known = on_known, .progress = on_progress, .forget = on_forget, .durable = on_durable, .end = on_end};

static void set(struct world *w, enum opt id, const char *value)
{
	struct fail f = {0};

	if (opts_set(w->opts, id, value, &f) != 0)
		fail_msg("%s", f.text);
}

static void open_folder(struct world *w)
{
	snprintf(w->dir, sizeof(w->dir), "%s/xfer-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->journal, sizeof(w->journal), "%s/journal", w->dir);
	w->mem.total = -1;
}

static void open_world(struct world *w, struct fake_server *origins, size_t n, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->at = &w->loop;
	quick_time(&w->loop);
	w->origins = origins_new(8, seed);
	assert_int_equal(loop_init(&w->loop, 16 * MIB), 0);
	fake = (struct fake_net){.loop = &w->loop, .origins = origins, .n = n, .seed = seed};
	open_folder(w);
	w->opts = opts_new(NULL);
	set(w, OPT_SPLIT, "4");
	set(w, OPT_MAX_CONNECTION_PER_SERVER, "4");
	set(w, OPT_MIN_SPLIT_SIZE, "1M");
	set(w, OPT_MAX_RETRY_WAIT, "0");
	set(w, OPT_RESERVE_SPACE, "0");
	set(w, OPT_FILE_ALLOCATION, "none");
}

/* Another download of the same daemon. */
static inline void open_guest(struct world *w, struct world *host)
{
	memset(w, 0, sizeof(*w));
	w->at = host->at;
	w->origins = host->origins;
	w->opts = opts_new(host->opts);
	open_folder(w);
}

static void close_folder(struct world *w)
{
	char *cmd[] = {"rm", "-rf", w->dir, NULL};
	pid_t pid;

	forget_all(w);
	opts_unref(w->opts);
	timer_stop(&w->stop_at);
	pid = fork();
	if (pid == 0) {
		execvp(cmd[0], cmd);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

/* Before its host. */
static inline void close_guest(struct world *w)
{
	close_folder(w);
}

static void close_world(struct world *w)
{
	origins_free(w->origins);
	close_folder(w);
	assert_int_equal(loop_close(&w->loop), 0);
}

static void start(struct world *w, char *const *uris)
{
	struct xfer_req req = {.origins = w->origins, .loop = w->at, .gid = 0x1234, .uris = uris, .opts = w->opts, .dir = w->dir, .journal = w->journal,
		.placer = w->placer,
		.known = {.path = w->mem.path, .total = w->mem.total, .etag = w->mem.etag, .last_modified = w->mem.last_modified, .digest = w->mem.digest,
			.etag_origin = w->mem.etag_origin, .part_id = w->mem.part_id, .have = &w->mem.have, .unproven = w->mem.unproven,
			.user_part = w->mem.user_part, .replaces = w->mem.replaces}};

	w->ended = false;
	w->x = xfer_start(&req, &ops, w);
}

static inline void run(struct world *w, char *const *uris)
{
	start(w, uris);
	while (!w->ended)
		loop_run(&w->loop);
}

/* Which version the file at the final path is, wholly; -1: none of them. */
static int version_of(const struct world *w, int64_t size)
{
	FILE *in = fopen(w->mem.path, "rb");
	char *text = xmalloc((size_t)size + 1);
	int found = -1;

	assert_non_null(in);
	if (fread(text, 1, (size_t)size + 1, in) == (size_t)size)
		for (unsigned v = 1; v <= 2 && found < 0; v++) {
			int64_t i = 0;

			while (i < size && (unsigned char)text[i] == content_at(v, i))
				i++;
			if (i == size)
				found = (int)v;
		}
	fclose(in);
	free(text);
	return found;
}

static char *one_uri[] = {"fake://h0/f", NULL};

static void expect_right(struct world *w, int64_t size)
{
	if (w->end.result != XFER_COMPLETE)
		fail_msg("failed: %s", w->end_text);
	assert_int_equal(w->end.done, size);
	assert_int_equal(version_of(w, size), 1);
}

#endif
