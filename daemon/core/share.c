/* SPDX-License-Identifier: MIT
 * Shares of an origin's connections. See share.h.
 */
#include "core/share.h"

#include <limits.h>
#include <stdlib.h>

#include "base/str.h"

void shares_init(struct shares *s)
{
	TAILQ_INIT(&s->list);
	TAILQ_INIT(&s->told);
	s->limit = UINT_MAX;
}

static struct sharer_list *list_of(const struct sharer *p)
{
	return p->told ? &p->all->told : &p->all->list;
}

struct sharer *share_join(struct shares *s, bool told, void (*crowd)(void *arg), void *arg)
{
	struct sharer *p = xcalloc(1, sizeof(*p));

	p->all = s;
	p->told = told;
	p->crowd = crowd;
	p->arg = arg;
	s->n += !told;
	s->n_told += told;
	TAILQ_INSERT_TAIL(list_of(p), p, link);
	return p;
}

void share_begin(struct sharer *p)
{
	p->active++;
	p->all->active += !p->told;
}

void share_leave(struct sharer *p)
{
	p->leaving++;
	p->all->leaving += !p->told;
}

static void set_wants(struct sharer *p, unsigned n)
{
	struct shares *s = p->all;

	s->wanting -= p->wants > 0;
	s->wanting += n > 0;
	p->wants = n;
	if (s->wanting == 0)
		s->passing = 0;
}

void share_end(struct sharer *p, bool leaving)
{
	struct shares *s = p->all;

	p->active--;
	s->active -= !p->told;
	p->leaving -= leaving;
	s->leaving -= leaving && !p->told;
	if (p->active > 0)
		return;
	set_wants(p, 0);
	TAILQ_REMOVE(list_of(p), p, link);
	s->n -= !p->told;
	s->n_told -= p->told;
	s->passing = 0; /* what it had is nobody's, unless it is of those that may be */
	free(p);
}

unsigned share_keeps(const struct sharer *p)
{
	return p->active - p->leaving;
}

static unsigned all_kept(const struct shares *s)
{
	return s->active - s->leaving;
}

static unsigned larger(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Who may have some of the pool. */
static unsigned claims(const struct shares *s)
{
	return larger(s->n + s->newcomers, 1);
}

/* All that the sharers may have together: what those with a number leave them. Where that is hardly one for each, those they have
 * are shared: one that was there before would keep all of its own. */
static unsigned pool_of(const struct shares *s)
{
	unsigned most = smaller(s->limit, SHARE_MOST), pool = s->others < most ? most - s->others : 0;

	return pool >= 2 * claims(s) ? pool : larger(pool, smaller(larger(all_kept(s), s->passing), most));
}

static unsigned free_of(const struct shares *s)
{
	unsigned pool = pool_of(s), kept = all_kept(s);

	return pool > kept ? pool - kept : 0;
}

static unsigned least_share(const struct shares *s)
{
	return larger(pool_of(s) / claims(s), 1);
}

/* Where the pool can't be divided evenly some have one more than others; nobody gives up one for that. */
static unsigned largest_share(const struct shares *s)
{
	return (pool_of(s) + claims(s) - 1) / claims(s);
}

unsigned share_fair(const struct sharer *p)
{
	return least_share(p->all);
}

/* It wants so many more, up to `share`. */
static unsigned lacks(const struct sharer *p, unsigned share)
{
	unsigned n = smaller(p->wants, share);

	return n > share_keeps(p) ? n - share_keeps(p) : 0;
}

static unsigned lacking_beside(const struct sharer *p, unsigned share)
{
	const struct sharer *other;
	unsigned n = p->all->newcomers;

	if (p->all->wanting == 0 || p->all->n >= SHARE_MOST) /* with so many a share is one, and all sharers have that */
		return n;
	TAILQ_FOREACH(other, &p->all->list, link) n += other != p ? lacks(other, share) : 0;
	return n;
}

/* So many would be free if nobody kept more than n. */
static unsigned freed_above(const struct sharer_list *list, unsigned n)
{
	const struct sharer *p;
	unsigned freed = 0;

	TAILQ_FOREACH(p, list, link) freed += share_keeps(p) > n ? share_keeps(p) - n : 0;
	return freed;
}

/* The most that anybody may keep so that `missing` connections become free: the largest ones, of `most`, come down to one
 * height. */
static unsigned height(const struct sharer_list *list, unsigned missing, unsigned least, unsigned most)
{
	unsigned n = most;

	while (n > least && freed_above(list, n) < missing)
		n--;
	return n;
}

/* It has `keeps`, more than `share`, and others lack `need` up to that: what it may keep. */
static unsigned most_above(const struct sharer *p, unsigned share, unsigned need)
{
	const struct shares *s = p->all;
	unsigned keeps = share_keeps(p), pool = pool_of(s), wanted = all_kept(s) + need;

	if (keeps <= share || need == 0 || wanted <= pool)
		return keeps;
	return smaller(keeps, height(&s->list, wanted - pool, share, SHARE_MOST));
}

static unsigned leaving_of_told(const struct shares *s)
{
	const struct sharer *p;
	unsigned n = 0;

	TAILQ_FOREACH(p, &s->told, link) n += p->leaving;
	return n;
}

/* The most that any of those who were told a number may keep, at least 1: newcomers lack the rest after the sharers gave what is
 * above their shares. */
static unsigned told_most(const struct shares *s)
{
	unsigned given, largest = 1;
	const struct sharer *p;

	if (s->newcomers == 0)
		return UINT_MAX;
	given = freed_above(&s->list, least_share(s)) + leaving_of_told(s) + s->leaving;
	if (given >= s->newcomers)
		return UINT_MAX;
	TAILQ_FOREACH(p, &s->told, link) largest = larger(largest, share_keeps(p));
	return height(&s->told, s->newcomers - given, larger(s->limit / (claims(s) + s->n_told), 1), largest);
}

static unsigned sharer_most(const struct sharer *p)
{
	const struct shares *s = p->all;
	unsigned least = least_share(s), largest = largest_share(s), keeps = share_keeps(p), free = free_of(s);
	unsigned need = lacking_beside(p, least), need_largest = lacking_beside(p, largest);

	if (keeps < least && need_largest >= free)
		return least;
	if (keeps < largest && need < free && need_largest >= free)
		return keeps + 1;
	if (need_largest < free)
		return larger(keeps + (free - need_largest), least);
	return smaller(most_above(p, least, need), most_above(p, largest, need_largest));
}

unsigned share_most(const struct sharer *p)
{
	return p->told ? smaller(share_keeps(p), told_most(p->all)) : sharer_most(p);
}

bool shares_are_full(const struct shares *s)
{
	return s->active >= pool_of(s);
}

bool share_is_full(const struct sharer *p)
{
	return shares_are_full(p->all) || p->active >= share_most(p);
}

unsigned share_others(const struct sharer *p)
{
	return p->told ? 0 : p->all->n - 1;
}

/* One who has one connection keeps that. */
static void tell_sharers(const struct shares *s)
{
	const struct sharer *p;

	TAILQ_FOREACH(p, &s->list, link)
	{
		if (share_keeps(p) > 1 && share_keeps(p) > sharer_most(p))
			p->crowd(p->arg);
	}
}

static void tell_told(const struct shares *s)
{
	unsigned most = told_most(s); /* of all of them: they may be many, and so may the newcomers */
	const struct sharer *p;

	TAILQ_FOREACH(p, &s->told, link)
	{
		if (share_keeps(p) > most)
			p->crowd(p->arg);
	}
}

void share_want(struct sharer *p, unsigned n)
{
	struct shares *s = p->all;

	set_wants(p, n);
	if (n > 0)
		s->passing = pool_of(s);
	if (s->n < SHARE_MOST && lacks(p, largest_share(s)) > 0)
		tell_sharers(s);
}

void share_newcomer(struct shares *s)
{
	s->newcomers++;
	tell_sharers(s);
	tell_told(s);
}

void share_newcomer_gone(struct shares *s)
{
	s->newcomers--;
}
