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
#define MORE_AGAIN_MS 30000 /* after so long a server is asked again for more connections than it was found to allow */

static struct source *source_new(const char *uri)
{
	struct source *s = xcalloc(1, sizeof(*s));
	struct fail f = {0};

	OBJ_INIT(s, SOURCE);
	s->uri = xstrdup(uri);
	s->max_lanes = UINT_MAX;
	if (uri_parse(uri, strlen(uri), &s->u, &f) < 0 || !proto_find(s->u.scheme)) {
		s->dead = true;
		s->fail = f;
		if (!f.code)
			fail_set(&s->fail, ERR_SCHEME, "The scheme %s: is not supported", s->u.scheme);
	}
	return s;
}

static void source_free(struct source *s)
{
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
		x->sources[x->nsources++] = source_new(*uris);
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

const struct fail *source_last_fail(const struct xfer *x)
{
	const struct fail *best = NULL;

	/* What the server said tells more than that it can't resume. */
	for (size_t i = 0; i < x->nsources; i++) {
		const struct source *s = x->sources[i];

		if (s->gone || !s->fail.code)
			continue;
		if (!best || best->code == ERR_NO_RANGE || s->fail.code != ERR_NO_RANGE)
			best = &s->fail;
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

static unsigned lane_limit(struct source *s, uint64_t now)
{
	if (s->no_ranges)
		return 1;
	if (s->max_lanes != UINT_MAX && now >= s->more_at) {
		s->max_lanes++;
		s->more_at = now + MORE_AGAIN_MS;
	}
	return s->max_lanes;
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
		if (n >= lane_limit(s, now))
			continue;
		if (s->ready_at > now) {
			if (s->ready_at - now < *ret_wait)
				*ret_wait = s->ready_at - now;
			continue;
		}
		if (n < best_lanes) {
			best = s;
			best_lanes = n;
		}
	}
	return best;
}

static uint64_t backoff_ms(const struct xfer *x, unsigned tries)
{
	uint64_t most = (uint64_t)opts_num(x->opts, OPT_MAX_RETRY_WAIT) * 1000;
	uint64_t least = (uint64_t)opts_num(x->opts, OPT_RETRY_WAIT) * 1000;
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
	if (n == 0)
		return false;
	s->max_lanes = n;
	s->more_at = now + MORE_AGAIN_MS;
	return true;
}

bool source_failed(struct xfer *x, struct lane *l, int err, const struct fail *f, uint64_t *ret_ms)
{
	struct source *s = l->src;
	uint64_t now = loop_now(x->loop);
	int64_t max_tries = opts_num(x->opts, OPT_MAX_TRIES);
	enum retry_class cls = err_retry(err);

	*ret_ms = 0;
	if (s->dead) /* what made it so is what counts */
		return false;
	s->fail = *f;
	s->fail.code = err;
	if (l->got > 0) /* tries that brought bytes are no failures of the source */
		s->tries = 0;
	else
		s->cant_resume |= err_exit_code(err) == err_exit_code(ERR_NO_RANGE);
	if (cls == RETRY_FEWER) /* whether that ends the job is seen when work is handed out */
		return false;
	if (l->got == 0 && err != ERR_CHANGED && allows_fewer(x, l, now))
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
	*ret_ms = l->got > 0 ? 0 : backoff_ms(x, s->tries);
	if (l->retry_after >= 0)
		*ret_ms = (uint64_t)l->retry_after;
	if (cls == RETRY_BUSY)
		s->ready_at = now + *ret_ms;
	return true;
}
