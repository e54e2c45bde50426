/* SPDX-License-Identifier: MIT
 * Sources: the URIs of a job, which one a lane uses next, and what a failure means for them.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "core/xfer_int.h"

#define BACKOFF_FIRST_MS 500
#define NO_CONN_MOST_MS	 15000 /* an origin that can't be reached is asked at least so often: it may be back any time */

static void on_origin_room(void *arg)
{
	xfer_dirty(arg);
}

static struct source *source_new(struct xfer *x, const char *uri)
{
	struct source *s = xcalloc(1, sizeof(*s));
	struct fail f = {0};

	OBJ_INIT(s, SOURCE);
	s->uri = xstrdup(uri);
	s->waiter.cb = on_origin_room;
	s->waiter.arg = x;
	if (uri_parse(uri, strlen(uri), &s->u, &f) < 0 || !proto_find(s->u.scheme)) {
		s->dead = true;
		s->fail = f;
		if (!f.code)
			fail_set(&s->fail, ERR_SCHEME, "The scheme %s: is not supported", s->u.scheme);
	} else {
		s->origin = origin_get(x->origins, &s->u);
	}
	return s;
}

static void source_free(struct source *s)
{
	origin_wait_cancel(&s->waiter);
	origin_put(s->origin);
	uri_free(&s->u);
	free(s->uri);
	free(s->final_uri);
	OBJ_FREE(s);
}

void source_list_free(struct xfer *x)
{
	for (size_t i = 0; i < x->nsources; i++)
		source_free(x->sources[i]);
	free(x->sources);
	x->sources = NULL;
	x->nsources = 0;
}

static struct source *find(struct xfer *x, const char *uri)
{
	for (size_t i = 0; i < x->nsources; i++)
		if (!x->sources[i]->gone && strcmp(x->sources[i]->uri, uri) == 0)
			return x->sources[i];
	return NULL;
}

static bool listed(char *const *uris, const char *uri)
{
	for (; *uris; uris++)
		if (strcmp(*uris, uri) == 0)
			return true;
	return false;
}

int source_list_set(struct xfer *x, char *const *uris)
{
	for (size_t i = 0; i < x->nsources; i++)
		if (!listed(uris, x->sources[i]->uri))
			x->sources[i]->dead = x->sources[i]->gone = true;
	for (; *uris; uris++) {
		if (find(x, *uris))
			continue;
		x->sources = xrealloc(x->sources, (x->nsources + 2) * sizeof(*x->sources));
		x->sources[x->nsources++] = source_new(x, *uris);
		x->sources[x->nsources] = NULL;
	}
	return source_any_alive(x) ? 0 : ERR_BAD_URI;
}

bool source_any_alive(const struct xfer *x)
{
	for (size_t i = 0; i < x->nsources; i++)
		if (!x->sources[i]->dead)
			return true;
	return false;
}

const struct source *source_last_failed(const struct xfer *x)
{
	const struct source *best = NULL;

	/* What the server said tells more than that it can't resume. */
	for (size_t i = 0; i < x->nsources; i++) {
		const struct source *s = x->sources[i];

		if (s->gone || !s->fail.code)
			continue;
		if (!best || best->fail.code == ERR_NO_RANGE || s->fail.code != ERR_NO_RANGE)
			best = s;
	}
	return best;
}

unsigned source_lanes(const struct xfer *x, const struct source *s, bool receiving)
{
	const struct lane *l;
	unsigned n = 0;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l->src == s && l->state != LANE_IDLE && (!receiving || (l->state == LANE_BODY && l->got > 0)))
			n++;
	}
	return n;
}

/* Lanes to the host of s, whichever URI they use: max-connection-per-server counts hosts. */
static unsigned host_lanes(const struct xfer *x, const struct source *s)
{
	const struct lane *l;
	unsigned n = 0;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l->src && l->state != LANE_IDLE && strcmp(l->src->u.host, s->u.host) == 0)
			n++;
	}
	return n;
}

/* A server without ranges can only send the whole file, so it is a last resort, and alone. */
static bool usable_alone(const struct xfer *x, const struct source *s)
{
	const struct lane *l;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l->state != LANE_IDLE)
			return false;
	}
	for (size_t i = 0; i < x->nsources; i++)
		if (x->sources[i] != s && !x->sources[i]->dead && !x->sources[i]->no_ranges)
			return false;
	return true;
}

/* Its origin has room; if not, *ret_wait is lowered to when to ask again. */
static bool has_room(struct source *s, uint64_t now, uint64_t *ret_wait)
{
	uint64_t wait;

	if (origin_room(s->origin, now, &wait) > 0)
		return true;
	if (wait == UINT64_MAX)
		origin_wait_for(s->origin, &s->waiter);
	else if (wait < *ret_wait)
		*ret_wait = wait;
	return false;
}

struct source *source_pick(struct xfer *x, uint64_t now, uint64_t *ret_wait)
{
	int64_t per_host = opts_num(x->opts, OPT_MAX_CONNECTION_PER_SERVER);
	struct source *best = NULL;
	unsigned best_lanes = UINT_MAX;

	*ret_wait = UINT64_MAX;
	for (size_t i = 0; i < x->nsources; i++) {
		struct source *s = x->sources[i];
		unsigned n;

		if (s->dead || host_lanes(x, s) >= per_host || (s->no_ranges && !usable_alone(x, s)))
			continue;
		n = source_lanes(x, s, false);
		if ((s->no_ranges && n > 0) || n >= best_lanes || !has_room(s, now, ret_wait))
			continue;
		best = s;
		best_lanes = n;
	}
	return best;
}

void source_set_place(struct xfer *x, struct source *s, const char *uri)
{
	struct uri u;
	char *copy = xstrdup(uri);

	free(s->final_uri);
	s->final_uri = copy;
	origin_wait_cancel(&s->waiter);
	origin_put(s->origin);
	if (uri == NULL || uri_parse(uri, strlen(uri), &u, NULL) < 0) {
		s->origin = origin_get(x->origins, &s->u);
		return;
	}
	s->origin = origin_get(x->origins, &u);
	uri_free(&u);
}

static uint64_t backoff_ms(uint64_t least, uint64_t most, unsigned tries)
{
	uint64_t ms = BACKOFF_FIRST_MS;

	for (unsigned i = 1; i < tries && ms < most; i++)
		ms *= 2;
	if (ms > most)
		ms = most;
	return ms > least ? ms : least;
}

static void give_up(struct source *s)
{
	char show[256];

	s->dead = true;
	log_info(XFER, "%s given up: %s", uri_show_short(s->uri, show, sizeof(show)), s->fail.text);
}

/* Others of this transfer are being served while this lane was turned away: the server allows no more than they are. When all of
 * them are turned away, the last one to be so counts as a failure of the source. */
static bool allows_fewer(struct xfer *x, const struct lane *failed, uint64_t now)
{
	struct source *s = failed->src;
	const struct lane *l;
	unsigned n = 0;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l != failed && l->src == s && (l->state == LANE_HEAD || l->state == LANE_BODY))
			n++;
	}
	if (n > 0 && failed->use.o)
		origin_found_limit(failed->use.o, now);
	return n > 0;
}

/* ms until the source may be tried again after a try that brought nothing. What concerns the origin as a whole, and what it
 * asked for itself, holds for everybody; a page that fails may be the only one. */
static uint64_t wait_after(struct xfer *x, const struct lane *l, enum retry_class cls, const struct fail *f)
{
	uint64_t most = (uint64_t)opts_num(x->opts, OPT_MAX_RETRY_WAIT) * 1000;
	uint64_t least = (uint64_t)opts_num(x->opts, OPT_RETRY_WAIT) * 1000;

	if (cls == RETRY_ORIGIN && f->code != ERR_TOO_MANY && most > NO_CONN_MOST_MS)
		most = NO_CONN_MOST_MS;
	if ((cls == RETRY_ORIGIN || l->retry_after >= 0) && l->use.o)
		return origin_back_off(l->use.o, loop_now(x->loop), least, most, l->retry_after, f);
	return backoff_ms(least, most, l->src->tries);
}

bool source_failed(struct xfer *x, struct lane *l, int err, const struct fail *f, uint64_t *ret_ms)
{
	struct source *s = l->src;
	int64_t max_tries = opts_num(x->opts, OPT_MAX_TRIES);
	enum retry_class cls = err_retry(err);

	*ret_ms = 0;
	if (s->dead) /* what made it so is what counts */
		return false;
	s->fail = *f;
	s->fail.code = err;
	s->status = l->status;
	if (l->got > 0) /* tries that brought bytes are no failures of the source */
		s->tries = 0;
	else
		s->cant_resume |= err_exit_code(err) == err_exit_code(ERR_NO_RANGE);
	if (cls == RETRY_FEWER) /* whether that ends the job is seen when work is handed out */
		return false;
	if (l->got == 0 && err != ERR_CHANGED && allows_fewer(x, l, loop_now(x->loop)))
		return false;
	if (cls == RETRY_NEXT || cls == RETRY_FATAL) {
		give_up(s);
		return false;
	}
	s->tries++;
	if (max_tries > 0 && s->tries >= max_tries) {
		give_up(s);
		return false;
	}
	if (l->got == 0)
		*ret_ms = wait_after(x, l, cls, &s->fail);
	return true;
}
