/* SPDX-License-Identifier: MIT
 * The record of an origin. One that nobody uses is remembered as long as it has something to say, the least recently used
 * go first.
 */
#include "core/origin.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uthash.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "core/backoff.h"
#include "core/reach.h"
#include "net/net.h"

#define BACKOFF_FIRST_MS 500
#define ASKED_MOST_MS	 3600000 /* a server that wants to be left alone for longer is asked again after that, by one fetch */
#define HOLD_MOST_MS	 60000 /* what a good answer says of the requests to come is believed for so long */
#define JITTER_MOST_MS 60000
#define CAREFUL_MOST	 64    /* above this a careful beginning is over */
#define LOST_FIRST_MS	 1000  /* without a network it is looked for so soon, */
#define LOST_MOST_MS	 30000 /* at least so often, */
#define LOST_TOLD	 2     /* after so many silences in a row the log says so: one alone may be a server that stopped */
#define BACK_MS		 3000  /* and when it is back, all are asked within so long */

struct origin {
	OBJ(ORIGIN);
	struct origins *all;
	char *key;
	char *host; /* for people */
	unsigned refs;
	unsigned active; /* fetches under way */
	unsigned served; /* of them: answered */
	unsigned bore;	 /* so many were served at a time; forgotten when it turned one away with fewer */
	unsigned max;	 /* at a time; UINT_MAX: not found out */
	bool careful;	 /* max is not the origin's but our caution after trouble: doubles with each answer */
	uint64_t more_at;
	uint64_t ready_at;
	unsigned failures; /* in a row */
	unsigned lost;	   /* silences in a row that were the network's */
	uint64_t lost_at;  /* of the last one; 0: none */
	bool answered;	   /* ever */
	struct fail why; /* of the last trouble */
	struct waiter_list newcomers; /* they come before the other waiters */
	struct waiter_list waiters;
	struct waiter_list crowd; /* for one of the connections that are shared */
	struct shares shares;
	TAILQ_ENTRY(origin) idle; /* while refs == 0 */
	UT_hash_handle hh;
};

struct origins {
	struct origin *table;
	TAILQ_HEAD(origin_list, origin) idle; /* nobody's, the oldest first */
	unsigned n_idle, keep;
	uint64_t seed;
	struct reach reach;
	bool told; /* the log has it that the network is gone */
};

struct origins *origins_new(unsigned keep, uint64_t seed)
{
	struct origins *s = xcalloc(1, sizeof(*s));

	TAILQ_INIT(&s->idle);
	s->keep = keep;
	s->seed = seed;
	s->reach.offline = net_offline;
	return s;
}

static void idle_remove(struct origin *o)
{
	TAILQ_REMOVE(&o->all->idle, o, idle);
	o->all->n_idle--;
}

static void drop(struct origin *o)
{
	idle_remove(o);
	HASH_DEL(o->all->table, o);
	free(o->key);
	free(o->host);
	OBJ_FREE(o);
}

void origins_free(struct origins *s)
{
	struct origin *o;

	if (s == NULL)
		return;
	while ((o = TAILQ_FIRST(&s->idle)) != NULL)
		drop(o);
	if (s->table != NULL)
		obj_die("end of all uses of an origin", __FILE__, __LINE__);
	free(s);
}

static char *key_of(const struct uri *u)
{
	struct buf key;

	buf_init(&key, SIZE_MAX);
	buf_adds(&key, u->scheme);
	buf_adds(&key, "://");
	buf_adds(&key, u->host);
	buf_adds(&key, ":");
	buf_add_int(&key, u->port);
	if (u->user != NULL) {
		buf_adds(&key, " ");
		buf_adds(&key, u->user);
	}
	return buf_take(&key);
}

struct origin *origin_ref(struct origin *o)
{
	OBJ_CHECK(o, ORIGIN);
	if (o->refs++ == 0)
		idle_remove(o);
	return o;
}

static struct origin *origin_new(struct origins *s, char *key, const char *host)
{
	struct origin *o = xcalloc(1, sizeof(*o));

	OBJ_INIT(o, ORIGIN);
	o->all = s;
	o->key = key;
	o->host = xstrdup(host);
	o->max = UINT_MAX;
	o->refs = 1;
	TAILQ_INIT(&o->newcomers);
	TAILQ_INIT(&o->waiters);
	TAILQ_INIT(&o->crowd);
	shares_init(&o->shares);
	HASH_ADD_KEYPTR(hh, s->table, o->key, strlen(o->key), o);
	return o;
}

static struct origin *find(const struct origins *s, const char *key)
{
	struct origin *o = NULL;

	HASH_FIND_STR(s->table, key, o);
	return o;
}

struct origin *origin_get(struct origins *s, const struct uri *u)
{
	char *key = key_of(u);
	struct origin *o = find(s, key);

	if (o == NULL)
		return origin_new(s, key, u->host);
	free(key);
	return origin_ref(o);
}

void origin_put(struct origin *o)
{
	struct origins *s;

	if (o == NULL)
		return;
	OBJ_CHECK(o, ORIGIN);
	if (--o->refs > 0)
		return;
	s = o->all;
	TAILQ_INSERT_TAIL(&s->idle, o, idle);
	s->n_idle++;
	if (s->n_idle > s->keep)
		drop(TAILQ_FIRST(&s->idle));
}

const char *origin_key(const struct origin *o)
{
	OBJ_CHECK(o, ORIGIN);
	return o->key;
}

/* ---- room ---- */

unsigned origin_active(const struct origin *o)
{
	return o->active;
}

unsigned origin_limit(const struct origin *o)
{
	return o->max;
}

/* Caution is no reason to close what is served. */
static void set_max(struct origin *o, unsigned max, bool careful)
{
	o->max = max;
	o->careful = careful;
	o->shares.limit = careful ? UINT_MAX : max;
}

bool origin_takes_more(const struct origin *o, uint64_t now)
{
	return o->ready_at <= now && o->active <= o->max;
}

unsigned origin_room(struct origin *o, uint64_t now, uint64_t *ret_wait)
{
	OBJ_CHECK(o, ORIGIN);
	*ret_wait = UINT64_MAX;
	if (o->ready_at > now) {
		*ret_wait = o->ready_at - now;
		return 0;
	}
	if (o->max != UINT_MAX && !o->careful && now >= o->more_at) {
		set_max(o, o->max + 1, false);
		o->more_at = now + ORIGIN_MORE_MS;
	}
	return o->active < o->max ? o->max - o->active : 0;
}

static void wait_in(struct waiter_list *list, struct origin_waiter *w)
{
	if (w->list == list)
		return;
	origin_wait_cancel(w);
	w->list = list;
	TAILQ_INSERT_TAIL(list, w, link);
}

void origin_wait_for(struct origin *o, struct origin_waiter *w)
{
	OBJ_CHECK(o, ORIGIN);
	wait_in(&o->waiters, w);
}

void origin_wait_first(struct origin *o, struct origin_waiter *w)
{
	OBJ_CHECK(o, ORIGIN);
	wait_in(&o->newcomers, w);
	if (w->newcomer != NULL)
		share_newcomer_gone(w->newcomer);
	w->newcomer = &o->shares;
	share_newcomer(w->newcomer);
}

void origin_wait_crowd(struct origin *o, struct origin_waiter *w)
{
	OBJ_CHECK(o, ORIGIN);
	wait_in(&o->crowd, w);
}

void origin_wait_cancel(struct origin_waiter *w)
{
	if (w->list == NULL)
		return;
	TAILQ_REMOVE(w->list, w, link);
	w->list = NULL;
	if (w->newcomer != NULL)
		share_newcomer_gone(w->newcomer);
	w->newcomer = NULL;
}

void origin_wait_arrived(struct origin_waiter *w)
{
	if (w->newcomer != NULL)
		origin_wait_cancel(w);
}

static void wake_first(struct waiter_list *list)
{
	struct origin_waiter *w = TAILQ_FIRST(list);

	origin_wait_cancel(w);
	w->cb(w->arg);
}

/* All that wait now, for not every one may have what is free, or has a use for it. They only look, after this turn. */
static void wake_crowd(struct origin *o)
{
	const struct origin_waiter *w;
	unsigned n = 0;

	if (o->active >= SHARE_MOST && shares_are_full(&o->shares))
		return;
	TAILQ_FOREACH(w, &o->crowd, link) n++;
	for (; n > 0 && !TAILQ_EMPTY(&o->crowd); n--)
		wake_first(&o->crowd);
}

/* As many as may begin. One that does not after all is followed by the next when its transfer looks again. */
static void wake(struct origin *o)
{
	unsigned n = o->active;

	for (; n < o->max && !TAILQ_EMPTY(&o->newcomers); n++)
		wake_first(&o->newcomers);
	for (; n < o->max && !TAILQ_EMPTY(&o->waiters); n++)
		wake_first(&o->waiters);
	wake_crowd(o);
}

/* ---- fetches ---- */

void origin_use_begin(struct origin_use *u, struct origin *o)
{
	OBJ_CHECK(o, ORIGIN);
	origin_ref(o);
	origin_use_clear(u);
	u->o = o;
	u->on = true;
	u->served = false;
	o->active++;
	o->shares.others++;
}

void origin_use_share(struct origin_use *u, const struct origin_use *mate, bool told, void (*crowd)(void *arg), void *arg)
{
	struct shares *s = &u->o->shares;

	u->sharer = mate != NULL ? mate->sharer : share_join(s, told, crowd, arg);
	u->leaving = false;
	share_begin(u->sharer);
	s->others -= !u->sharer->told;
}

void origin_use_want(struct origin_use *u, unsigned n)
{
	bool less = n < u->sharer->wants;

	share_want(u->sharer, n);
	if (less)
		wake_crowd(u->o);
}

void origin_use_leave(struct origin_use *u)
{
	if (u->sharer == NULL || u->leaving)
		return;
	u->leaving = true;
	share_leave(u->sharer);
}

static void grow(struct origin *o)
{
	if (!o->careful)
		return;
	set_max(o, o->max > CAREFUL_MOST / 2 ? UINT_MAX : o->max * 2, o->max <= CAREFUL_MOST / 2);
	wake(o);
}

void origin_use_served(struct origin_use *u)
{
	if (!u->on || u->served)
		return;
	u->served = u->o->answered = true;
	u->o->served++;
	if (u->o->served > u->o->bore)
		u->o->bore = u->o->served;
	u->o->failures = 0;
	grow(u->o);
}

void origin_use_end(struct origin_use *u)
{
	if (!u->on)
		return;
	u->on = false;
	u->o->active--;
	u->o->shares.others -= u->sharer == NULL || u->sharer->told;
	if (u->sharer != NULL)
		share_end(u->sharer, u->leaving);
	u->sharer = NULL;
	u->leaving = false;
	if (u->served)
		u->o->served--;
	u->served = false;
	wake(u->o);
}

void origin_use_clear(struct origin_use *u)
{
	origin_use_end(u);
	origin_put(u->o);
	u->o = NULL;
}

/* ---- trouble ---- */

void origin_found_limit(struct origin *o, uint64_t now)
{
	OBJ_CHECK(o, ORIGIN);
	set_max(o, o->active > 0 ? o->active : 1, false);
	o->more_at = now + ORIGIN_MORE_MS;
}

bool origin_is_taken(struct origin *o, uint64_t now)
{
	bool taken;

	OBJ_CHECK(o, ORIGIN);
	taken = o->served > 0 && o->served >= o->bore;
	o->bore = o->served;
	if (taken)
		origin_found_limit(o, now);
	return taken;
}

/* splitmix64 of Steele, Lea and Flood: well mixed bits of a counter. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* Up to a quarter more, a minute at most, so that those who were turned away together don't come back together. */
static uint64_t with_jitter(struct origin *o, uint64_t ms)
{
	uint64_t more = ms / 4 < JITTER_MOST_MS ? ms / 4 : JITTER_MOST_MS;

	return ms + mix(o->all->seed++) % (more + 1);
}

/* What the server asked for, in bounds; -1: nothing. */
static uint64_t asked_wait(int64_t asked)
{
	if (asked < 0)
		return 0;
	return asked < ASKED_MOST_MS ? (uint64_t)asked : ASKED_MOST_MS;
}

uint64_t origin_back_off(
	struct origin *o, uint64_t now, uint64_t least, uint64_t most, int64_t retry_after, const struct fail *why)
{
	uint64_t ms = asked_wait(retry_after), own;

	OBJ_CHECK(o, ORIGIN);
	if (o->ready_at <= now) {
		own = backoff(BACKOFF_FIRST_MS, least, most, o->failures++);
		ms = ms > own ? ms : own;
	}
	if (now + ms > o->ready_at)
		o->ready_at = now + with_jitter(o, ms);
	set_max(o, o->served + 1, true);
	o->why = *why;
	return o->ready_at > now ? o->ready_at - now : 0;
}

void origin_hold(struct origin *o, uint64_t now, int64_t ms)
{
	uint64_t wait;

	OBJ_CHECK(o, ORIGIN);
	wait = with_jitter(o, ms < HOLD_MOST_MS ? (uint64_t)ms : HOLD_MOST_MS);
	if (now + wait <= o->ready_at)
		return;
	o->ready_at = now + wait;
	fail_set(&o->why, ERR_TOO_MANY, "The server takes no more requests for now");
}

/* ---- the network ---- */

/* Once for each time that it is gone. */
static void tell_lost(struct origins *s, uint64_t now)
{
	char buf[80];

	if (!s->told)
		log_warn(CORE, "%s: downloads wait, and go on by themselves when there is one",
			reach_text(&s->reach, now, time(NULL), buf, sizeof(buf)));
	s->told = true;
}

bool origin_lost(struct origin *o, uint64_t now, uint64_t since, bool got)
{
	struct reach_try t = {.since = since, .got = got};

	OBJ_CHECK(o, ORIGIN);
	t.known = o->answered;
	if (!reach_lost(&o->all->reach, &t))
		return false;
	if (o->ready_at <= now)
		o->ready_at = now + with_jitter(o, backoff(LOST_FIRST_MS, 0, LOST_MOST_MS, o->lost++));
	o->lost_at = now;
	set_max(o, 1, true);
	o->why.text[0] = '\0';
	if (o->lost >= LOST_TOLD)
		tell_lost(o->all, now);
	return true;
}

void origins_alive(struct origins *s, uint64_t now)
{
	if (!reach_alive(&s->reach, now))
		return;
	if (s->told)
		log_notice(CORE, "the network answers again");
	s->told = false;
	for (struct origin *o = s->table; o != NULL; o = o->hh.next) {
		if (o->lost > 0)
			o->ready_at = now + mix(s->seed++) % BACK_MS;
		o->lost = 0;
		o->lost_at = 0;
	}
}

bool origins_are_lost(const struct origins *s)
{
	return s->reach.gone;
}

uint64_t origins_silent_at(const struct origins *s, const struct uri *u)
{
	char *key = key_of(u);
	const struct origin *o = find(s, key);

	free(key);
	return o != NULL ? o->lost_at : 0;
}

void origins_expect_network(struct origins *s)
{
	s->reach.before = true;
}

void origin_hurry(struct origin *o)
{
	OBJ_CHECK(o, ORIGIN);
	o->ready_at = 0;
}

/* ---- for people ---- */

static const char *reason(const struct origin *o, uint64_t now, char *buf, size_t size)
{
	return o->lost > 0 ? reach_text(&o->all->reach, now, time(NULL), buf, size) : o->why.text;
}

/* While it is asked with caution, others wait for what made us cautious. */
static void explain_full(const struct origin *o, uint64_t now, struct fail *ret)
{
	char buf[80];
	const char *why = o->careful ? reason(o, now, buf, sizeof(buf)) : "";

	if (why[0] != '\0')
		fail_set(ret, o->why.code, "waiting for %.60s: %s", o->host, why);
	else
		fail_set(ret, 0, "waiting for %.60s: it takes %u connection%s at a time", o->host, o->max,
			o->max == 1 ? "" : "s");
}

void origin_explain(const struct origin *o, uint64_t now, struct fail *ret)
{
	char buf[80], wait[32];

	ret->text[0] = '\0';
	if (o->ready_at > now)
		fail_set(ret, o->why.code, "waiting %s for %.60s: %s", str_wait(o->ready_at - now, wait), o->host,
			reason(o, now, buf, sizeof(buf)));
	else if (o->active >= o->max)
		explain_full(o, now, ret);
}
