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
	s->limit = UINT_MAX;
}

struct sharer *share_join(struct shares *s, void (*crowd)(void *arg), void *arg)
{
	struct sharer *p = xcalloc(1, sizeof(*p));

	p->all = s;
	p->crowd = crowd;
	p->arg = arg;
	s->n++;
	TAILQ_INSERT_TAIL(&s->list, p, link);
	return p;
}

void share_begin(struct sharer *p)
{
	p->active++;
	p->all->active++;
}

void share_leave(struct sharer *p)
{
	p->leaving++;
	p->all->leaving++;
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
	s->active--;
	p->leaving -= leaving;
	s->leaving -= leaving;
	if (p->active > 0)
		return;
	set_wants(p, 0);
	TAILQ_REMOVE(&s->list, p, link);
	s->n--;
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

/* All that the sharers may have together: what those with a number leave them. Where that is hardly one for each, those they have
 * are shared: one that was there before would keep all of its own. */
static unsigned pool_of(const struct shares *s)
{
	unsigned most = smaller(s->limit, SHARE_MOST), pool = s->others < most ? most - s->others : 0;

	return pool >= 2 * s->n ? pool : larger(pool, smaller(larger(all_kept(s), s->passing), most));
}

static unsigned free_of(const struct shares *s)
{
	unsigned pool = pool_of(s), kept = all_kept(s);

	return pool > kept ? pool - kept : 0;
}

static unsigned least_share(const struct shares *s)
{
	return larger(pool_of(s) / s->n, 1);
}

/* Where the pool can't be divided evenly some have one more than others; nobody gives up one for that. */
static unsigned largest_share(const struct shares *s)
{
	return (pool_of(s) + s->n - 1) / s->n;
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
	unsigned n = 0;

	if (p->all->wanting == 0 || p->all->n >= SHARE_MOST) /* with so many a share is one connection, and everybody has that */
		return 0;
	TAILQ_FOREACH(other, &p->all->list, link) n += other != p ? lacks(other, share) : 0;
	return n;
}

/* The most that anybody may keep so that `missing` connections become free: the largest ones come down to one height. */
static unsigned height(const struct shares *s, unsigned missing, unsigned least)
{
	unsigned n = SHARE_MOST, freed = 0;

	while (n > least && freed < missing) {
		const struct sharer *p;

		n--;
		freed = 0;
		TAILQ_FOREACH(p, &s->list, link) freed += share_keeps(p) > n ? share_keeps(p) - n : 0;
	}
	return n;
}

/* It has `keeps`, more than `share`, and others lack `need` up to that: what it may keep. */
static unsigned most_above(const struct sharer *p, unsigned share, unsigned need)
{
	const struct shares *s = p->all;
	unsigned keeps = share_keeps(p), pool = pool_of(s), wanted = all_kept(s) + need;

	return keeps > share && need > 0 && wanted > pool ? smaller(keeps, height(s, wanted - pool, share)) : keeps;
}

unsigned share_most(const struct sharer *p)
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
	return p->all->n - 1;
}

void share_want(struct sharer *p, unsigned n)
{
	struct shares *s = p->all;
	struct sharer *other;

	set_wants(p, n);
	if (n > 0)
		s->passing = pool_of(s);
	if (s->n >= SHARE_MOST || lacks(p, largest_share(s)) == 0)
		return;
	TAILQ_FOREACH(other, &s->list, link)
	{
		if (share_keeps(other) > share_most(other))
			other->crowd(other->arg);
	}
}
