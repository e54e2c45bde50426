/* SPDX-License-Identifier: MIT
 * Sources: the URIs of a job, which one a lane uses next, and what a failure means for them.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "core/backoff.h"
#include "core/xfer_int.h"

#define BACKOFF_FIRST_MS 500
#define ASIDE_FIRST_MS	 10000  /* what is put aside is tried again after so long, then twice as long, */
#define ASIDE_MOST_MS	 300000 /* and so on up to this, */
#define TRIAL_BYTES	 (1024 * 1024) /* with so much, */
#define TRIAL_SECONDS	 10     /* or what it would bring in that time */
#define SLOW_FACTOR	 8      /* so much less than the best one's goodput is far less; */
#define GOOD_FACTOR	 4      /* and this is not any more */
#define SAMPLES_LEAST	 3      /* that it takes to judge */
#define NOTE_LEAST_MS	 200    /* a sample is of so much time, */
#define NOTE_LEAST_BYTES (1024 * 1024) /* or of so many bytes */
#define PAYS_BYTES	 65536  /* an answer that brings less than it was asked for, and less than this, */
#define PAYS_MS		 10     /* has cost so many times as much as it is short of it, */
#define MEAGRE_MOST_MS	 30000  /* at most so much; there is a wait up to that, which begins here: */
#define MEAGRE_FIRST_MS	 50
#define NO_CONN_MOST_MS	 15000 /* an origin that can't be reached is asked at least so often: it may be back any time */

static void on_origin_room(void *arg)
{
	xfer_dirty(arg);
}

/* One of the connections that are shared is free, maybe. */
static void on_less_crowd(void *arg)
{
	xfer_grow_room(arg);
}

static struct source *source_new(struct xfer *x, const char *uri)
{
	struct source *s = xcalloc(1, sizeof(*s));
	struct fail f = {0};

	OBJ_INIT(s, SOURCE);
	s->uri = xstrdup(uri);
	s->waiter.cb = on_origin_room;
	s->waiter.arg = x;
	s->crowd.cb = on_less_crowd;
	s->crowd.arg = x;
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

static void wait_no_more(struct source *s)
{
	origin_wait_cancel(&s->waiter);
	origin_wait_cancel(&s->crowd);
}

static void leave_origin(struct source *s)
{
	wait_no_more(s);
	origin_put(s->origin);
}

static void source_free(struct source *s)
{
	leave_origin(s);
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

static size_t count_uris(char *const *uris)
{
	size_t n = 0;

	while (uris[n])
		n++;
	return n;
}

/* The record of uri out of `old`, or a new one; NULL: the list has it already. */
static struct source *take_record(struct xfer *x, struct source **old, struct source *listed, const char *uri)
{
	struct source *s = NULL;

	HASH_FIND_STR(listed, uri, s);
	if (s)
		return NULL;
	HASH_FIND_STR(*old, uri, s);
	if (s)
		HASH_DEL(*old, s);
	return s ? s : source_new(x, uri);
}

int source_list_set(struct xfer *x, char *const *uris)
{
	struct source **list = xcalloc(count_uris(uris) + 1, sizeof(struct source *));
	struct source *old = NULL, *listed = NULL, *s, *tmp;
	size_t n = 0;

	for (size_t i = 0; i < x->nsources; i++)
		HASH_ADD_KEYPTR(hh, old, x->sources[i]->uri, strlen(x->sources[i]->uri), x->sources[i]);
	for (; *uris; uris++) {
		s = take_record(x, &old, listed, *uris);
		if (!s)
			continue;
		HASH_ADD_KEYPTR(hh, listed, s->uri, strlen(s->uri), s);
		list[n++] = s;
	}
	HASH_CLEAR(hh, listed);
	HASH_ITER(hh, old, s, tmp)
	{
		HASH_DEL(old, s);
		source_free(s);
	}
	free(x->sources);
	x->sources = list;
	x->nsources = n;
	return source_any_alive(x) ? 0 : ERR_BAD_URI;
}

void source_arrived(struct xfer *x)
{
	for (size_t i = 0; i < x->nsources; i++)
		origin_wait_arrived(&x->sources[i]->waiter);
}

void source_wait_no_more(struct xfer *x)
{
	for (size_t i = 0; i < x->nsources; i++)
		wait_no_more(x->sources[i]);
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

		if (!s->fail.code)
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

static bool any_busy(const struct xfer *x)
{
	const struct lane *l;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l->state != LANE_IDLE)
			return true;
	}
	return false;
}

/* A server without ranges can only send the whole file, so it is a last resort, and alone. */
static bool usable_alone(const struct xfer *x, const struct source *s)
{
	if (any_busy(x))
		return false;
	for (size_t i = 0; i < x->nsources; i++)
		if (x->sources[i] != s && !x->sources[i]->dead && !x->sources[i]->no_ranges)
			return false;
	return true;
}

/* Its origin has room; if not, *ret_wait is lowered to when to ask again. first: its transfer has no connection. */
static bool has_room(struct source *s, uint64_t now, bool first, uint64_t *ret_wait)
{
	uint64_t wait;

	if (origin_room(s->origin, now, &wait) > 0) {
		origin_wait_cancel(&s->waiter); /* it came without a call */
		return true;
	}
	if (wait == UINT64_MAX && first)
		origin_wait_first(s->origin, &s->waiter);
	else if (wait == UINT64_MAX)
		origin_wait_for(s->origin, &s->waiter);
	else if (wait < *ret_wait)
		*ret_wait = wait;
	return false;
}

/* ---- which one comes first ---- */

/* The selectors of uri-selector say what one more lane is worth at s, which has n of them; 0: nothing. best: the highest
 * goodput of all. */
typedef uint64_t (*worth_fn)(const struct xfer *x, size_t index, unsigned n, uint64_t best);

#define WORTH_UNIT 1048576 /* of a source of which nothing is known, while that is so of all */

/* In the order of the list. */
static uint64_t worth_inorder(const struct xfer *x, size_t index, unsigned n, uint64_t best)
{
	(void)n;
	(void)best;
	return x->nsources - index;
}

/* Lanes in proportion to goodput, as seats are to votes (d'Hondt). One that has not shown yet what it can do waits for that. */
static uint64_t worth_by_goodput(const struct xfer *x, size_t index, unsigned n, uint64_t best)
{
	const struct source *s = x->sources[index];
	uint64_t speed = s->speed;

	if (speed == 0)
		speed = best > 0 ? best / SLOW_FACTOR : WORTH_UNIT;
	return 1 + speed / (n + 1) / (s->tries + 1);
}

/* In the order of the option's values. What one transfer learns is all there is to adapt to. */
static const struct {
	worth_fn worth;
	bool tries_all; /* those that were never asked come first, with one lane each, beside one that is known to work */
} selectors[] = {{worth_inorder, false}, {worth_by_goodput, true}, {worth_by_goodput, true}};

static uint64_t best_speed(const struct xfer *x)
{
	uint64_t best = 0;

	for (size_t i = 0; i < x->nsources; i++)
		if (!x->sources[i]->dead && x->sources[i]->speed > best)
			best = x->sources[i]->speed;
	return best;
}

bool source_may_return(const struct xfer *x, const struct source *s, uint64_t now)
{
	return s->dead && s->may_return && !s->no_ranges && x->state == XS_RUN && now >= s->aside_until && source_any_alive(x);
}

/* Higher goes before lower, whatever they are worth. */
enum rank { RANK_NEVER, RANK_ASIDE, RANK_GOOD, RANK_TO_TRY };

static enum rank rank_of(const struct xfer *x, const struct source *s, unsigned n, uint64_t now, bool tries_all)
{
	if (s->dead)
		return n == 0 && source_may_return(x, s, now) ? RANK_TO_TRY : RANK_NEVER;
	if (s->aside_ms > 0)
		return n == 0 && now >= s->aside_until ? RANK_TO_TRY : RANK_ASIDE;
	if (tries_all && n == 0 && s->speed == 0 && s->tries == 0)
		return RANK_TO_TRY;
	return RANK_GOOD;
}

/* It may be asked now; if it will be later, *ret_wait is lowered to when. first: as has_room. */
static bool is_ready(struct source *s, uint64_t now, bool first, uint64_t *ret_wait)
{
	if (s->ready_at <= now)
		return has_room(s, now, first, ret_wait);
	if (s->ready_at - now < *ret_wait)
		*ret_wait = s->ready_at - now;
	return false;
}

/* As many as may be are there; if so, x is told when there are fewer. */
static bool is_crowded(struct xfer *x, struct source *s)
{
	bool crowded = xfer_crowds(x, s);

	if (crowded)
		origin_wait_crowd(s->origin, &s->crowd);
	return crowded;
}

bool source_takes_more(const struct xfer *x, const struct source *s, uint64_t now)
{
	if (s->dead || s->no_ranges || s->ready_at > now)
		return false;
	return origin_takes_more(s->origin, now) && (now >= s->more_at || source_lanes(x, s, false) < s->lanes_max);
}

struct source *source_pick(struct xfer *x, uint64_t now, uint64_t *ret_wait)
{
	int64_t per_host = xfer_per_host(x);
	int64_t how = opts_num(x->opts, OPT_URI_SELECTOR);
	uint64_t best = best_speed(x), most = 0;
	bool any = any_busy(x), tries_all = selectors[how].tries_all && (best == 0 || any);
	enum rank highest = RANK_NEVER;
	struct source *found = NULL;

	*ret_wait = UINT64_MAX;
	for (size_t i = 0; i < x->nsources; i++) {
		struct source *s = x->sources[i];
		unsigned n = source_lanes(x, s, false);
		enum rank rank = rank_of(x, s, n, now, tries_all);
		uint64_t worth = selectors[how].worth(x, i, n, best);

		if (rank == RANK_NEVER || rank < highest || (rank == highest && worth <= most))
			continue;
		if ((s->no_ranges && (n > 0 || !usable_alone(x, s))) || (now < s->more_at && n >= s->lanes_max))
			continue;
		if (host_lanes(x, s) >= per_host || (any && is_crowded(x, s)) || !is_ready(s, now, !any, ret_wait))
			continue;
		found = s;
		highest = rank;
		most = worth;
	}
	return found;
}

int64_t source_portion(const struct source *s)
{
	int64_t n;

	if (s->aside_ms == 0)
		return INT64_MAX;
	if (s->speed > INT64_MAX / TRIAL_SECONDS)
		return INT64_MAX;
	n = (int64_t)s->speed * TRIAL_SECONDS;
	return n > TRIAL_BYTES ? n : TRIAL_BYTES;
}

bool source_other_ready(struct xfer *x, const struct source *s, uint64_t least, uint64_t now)
{
	int64_t per_host = xfer_per_host(x);

	for (size_t i = 0; i < x->nsources; i++) {
		struct source *o = x->sources[i];
		uint64_t wait = UINT64_MAX;

		if (o == s || o->dead || o->no_ranges || o->speed < least || (o->aside_ms > 0 && now < o->aside_until))
			continue;
		/* The lane that would go there leaves its place at the same host. */
		if (host_lanes(x, o) >= per_host && strcmp(o->u.host, s->u.host) != 0)
			continue;
		if (is_ready(o, now, false, &wait))
			return true;
	}
	return false;
}

/* ---- goodput ---- */

void source_put_aside(struct source *s, uint64_t now)
{
	char show[256];

	if (s->aside_ms > 0 && now < s->aside_until)
		return;
	s->aside_ms = s->aside_ms == 0 ? ASIDE_FIRST_MS : s->aside_ms * 2;
	if (s->aside_ms > ASIDE_MOST_MS)
		s->aside_ms = ASIDE_MOST_MS;
	s->aside_until = now + s->aside_ms;
	log_debug(XFER, "%s: others come first for %llu s", uri_show_short(s->uri, show, sizeof(show)),
		(unsigned long long)(s->aside_ms / 1000));
}

static void add_sample(struct source *s, uint64_t speed, bool held, uint64_t now)
{
	bool on_trial = s->aside_ms > 0 && now >= s->aside_until;

	if (held && speed < s->speed) /* it could have sent more */
		return;
	if (s->samples == 0 || on_trial)
		s->speed = speed;
	else
		s->speed = (s->speed * 3 + speed) / 4;
	if (s->speed == 0)
		s->speed = 1; /* measured */
	if (s->speed > s->best)
		s->best = s->speed;
	s->samples++;
}

static void judge(const struct xfer *x, struct source *s, uint64_t now)
{
	bool on_trial = s->aside_ms > 0 && now >= s->aside_until;
	uint64_t best = best_speed(x);

	if (s->dead)
		return;
	if (s->aside_ms > 0 && s->speed >= best / GOOD_FACTOR)
		s->aside_ms = 0;
	else if (s->speed < best / SLOW_FACTOR && (on_trial || s->samples >= SAMPLES_LEAST))
		source_put_aside(s, now);
}

void source_note(struct lane *l, uint64_t now)
{
	uint64_t ms = now - l->noted_at, n = (uint64_t)(l->got - l->noted_got), speed;
	bool first = l->noted_got == 0 && l->speed == 0;

	if (l->state != LANE_BODY || (ms < NOTE_LEAST_MS && n < NOTE_LEAST_BYTES))
		return;
	speed = n * 1000 / (ms > 0 ? ms : 1);
	l->speed = first || (l->held && speed > l->speed) ? speed : (l->speed + speed) / 2;
	add_sample(l->src, speed, l->held, now);
	judge(l->x, l->src, now);
	l->held = l->paused;
	l->noted_at = now;
	l->noted_got = l->got;
}

void source_note_request(struct lane *l, uint64_t now)
{
	struct source *s = l->src;
	uint64_t ms = now - l->since + 1;

	s->request_ms = s->request_ms == 0 ? ms : (s->request_ms * 3 + ms) / 4;
}

void source_fade(struct xfer *x)
{
	for (size_t i = 0; i < x->nsources; i++)
		x->sources[i]->best -= x->sources[i]->best / 8;
}

void source_brought(struct lane *l)
{
	struct source *s = l->src;

	s->tries = 0;
	if (l->got >= PAYS_BYTES)
		s->meagre = 0;
	if (!l->on_trial || !s->dead || !s->may_return)
		return;
	s->dead = false;
	log_info(XFER, "%s: answers again", s->u.host);
}

/* The second in a row is the first that waits: any connection may break. */
bool source_was_meagre(struct lane *l, uint64_t now)
{
	struct source *s = l->src;
	uint64_t most, wait, took = now - l->since;

	if (l->got == 0 || l->got >= PAYS_BYTES)
		return false;
	if (s->ready_at > now || s->meagre++ == 0)
		return true;
	most = PAYS_BYTES * PAYS_MS / (uint64_t)l->got;
	wait = backoff(MEAGRE_FIRST_MS, 0, most < MEAGRE_MOST_MS ? most : MEAGRE_MOST_MS, s->meagre - 2);
	if (wait > took)
		s->ready_at = now + wait - took;
	fail_set(&s->fail, ERR_EOF, "The server sent only %lld bytes for a request", (long long)l->got);
	return true;
}

/* ---- where it is asked, and what for ---- */

void source_set_place(struct xfer *x, struct source *s, const char *uri, enum zone from)
{
	struct uri u;
	char *copy = xstrdup(uri);

	free(s->final_uri);
	s->final_uri = copy;
	s->final_from = from;
	leave_origin(s);
	if (uri == NULL || uri_parse(uri, strlen(uri), &u, NULL) < 0) {
		s->origin = origin_get(x->origins, &s->u);
		return;
	}
	s->origin = origin_get(x->origins, &u);
	uri_free(&u);
}

/* passing: the next time it may be otherwise. */
static void give_up(struct source *s, bool passing, uint64_t now)
{
	char show[256];

	s->dead = true;
	s->may_return = passing;
	if (passing)
		source_put_aside(s, now);
	log_info(XFER, "%s given up: %s", uri_show_short(s->uri, show, sizeof(show)), s->fail.text);
}

/* Others of this transfer are being served while this lane was turned away: the server allows no more than they are. When all of
 * them are turned away, the last one to be so counts as a failure of the source. Where redirects led this one elsewhere than
 * them, that place says nothing of how many those there may be: it is what the source gives for now. */
static bool allows_fewer(struct xfer *x, const struct lane *failed, uint64_t now)
{
	struct source *s = failed->src;
	const struct lane *l;
	unsigned n = 0, same = 0;

	TAILQ_FOREACH(l, &x->lanes, link)
	{
		if (l == failed || l->src != s || (l->state != LANE_HEAD && l->state != LANE_BODY))
			continue;
		n++;
		same += l->use.o == failed->use.o;
	}
	if (n == 0)
		return false;
	if (same > 0 && failed->use.o) {
		origin_found_limit(failed->use.o, now);
	} else {
		s->lanes_max = n;
		s->more_at = now + ORIGIN_MORE_MS;
	}
	return true;
}

/* Nobody answered, or the answer was that there is no room: not by a page that may be broken alone. */
static bool is_refusal(const struct lane *l, int err)
{
	if (l->got > 0 || l->retry_after >= 0)
		return false;
	if (l->status != 0)
		return err == ERR_BUSY || err == ERR_TOO_MANY;
	return err == ERR_CONNECT || err == ERR_TIMEOUT || err == ERR_RESET || err == ERR_EOF;
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
	return backoff(BACKOFF_FIRST_MS, least, most, l->src->tries - 1);
}

void source_hold_off(struct xfer *x, unsigned times)
{
	uint64_t most = (uint64_t)opts_num(x->opts, OPT_MAX_RETRY_WAIT) * 1000;
	uint64_t least = (uint64_t)opts_num(x->opts, OPT_RETRY_WAIT) * 1000;
	uint64_t at = loop_now(x->loop) + backoff(BACKOFF_FIRST_MS, least, most, times);

	for (size_t i = 0; i < x->nsources; i++)
		if (x->sources[i]->ready_at < at)
			x->sources[i]->ready_at = at;
}

bool source_failed(struct xfer *x, struct lane *l, int err, const struct fail *f, uint64_t *ret_ms)
{
	struct source *s = l->src;
	int64_t max_tries = opts_num(x->opts, OPT_MAX_TRIES);
	enum retry_class cls = err_retry(err);

	*ret_ms = 0;
	if (s->dead) { /* what made it so is what counts */
		source_put_aside(s, loop_now(x->loop));
		return false;
	}
	s->fail = *f;
	s->fail.code = err;
	s->status = l->status;
	if (l->got > 0) /* this one begins a new row of failures */
		s->tries = 0;
	else
		s->cant_resume |= err_exit_code(err) == err_exit_code(ERR_NO_RANGE);
	if (cls == RETRY_FEWER) /* whether that ends the job is seen when work is handed out */
		return false;
	if (l->got == 0 && err != ERR_CHANGED && allows_fewer(x, l, loop_now(x->loop)))
		return false;
	if (is_refusal(l, err) && l->use.o && origin_is_taken(l->use.o, loop_now(x->loop)))
		return false;
	if (cls == RETRY_NEXT || cls == RETRY_FATAL) {
		give_up(s, err == ERR_TOO_SLOW, loop_now(x->loop));
		return false;
	}
	s->tries++;
	if (max_tries > 0 && s->tries >= max_tries) {
		give_up(s, true, loop_now(x->loop));
		return false;
	}
	if (l->got == 0) {
		source_put_aside(s, loop_now(x->loop));
		*ret_ms = wait_after(x, l, cls, &s->fail);
	}
	return true;
}
