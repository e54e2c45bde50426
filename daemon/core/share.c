/* SPDX-License-Identifier: MIT
 * Shares of an origin's connections. See share.h.
 */
#include "core/share.h"

#include <stdlib.h>

#include "base/str.h"

void shares_init(struct shares *s)
{
	TAILQ_INIT(&s->list);
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

void share_end(struct sharer *p, bool leaving)
{
	struct shares *s = p->all;

	p->active--;
	s->active--;
	p->leaving -= leaving;
	s->leaving -= leaving;
	if (p->active > 0)
		return;
	TAILQ_REMOVE(&s->list, p, link);
	s->n--;
	free(p);
}

unsigned share_keeps(const struct sharer *p)
{
	return p->active - p->leaving;
}

/* All that the sharers may have together. */
static unsigned pool_of(const struct shares *s)
{
	return s->others < SHARE_MOST ? SHARE_MOST - s->others : 0;
}

unsigned share_fair(const struct sharer *p)
{
	unsigned n = pool_of(p->all) / p->all->n;

	return n > 0 ? n : 1;
}

/* It wants so many more, up to its share. */
static unsigned lacks(const struct sharer *p)
{
	unsigned fair = share_fair(p), n = p->wants < fair ? p->wants : fair;

	return n > share_keeps(p) ? n - share_keeps(p) : 0;
}

static unsigned lacking_beside(const struct sharer *p)
{
	const struct sharer *other;
	unsigned n = 0;

	if (p->all->n >= SHARE_MOST) /* a share is one connection, and everybody has that */
		return 0;
	TAILQ_FOREACH(other, &p->all->list, link) n += other != p ? lacks(other) : 0;
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

unsigned share_most(const struct sharer *p)
{
	const struct shares *s = p->all;
	unsigned fair = share_fair(p), keeps = share_keeps(p), pool = pool_of(s), need = lacking_beside(p);
	unsigned kept = s->active - s->leaving, most;

	if (kept + need <= pool)
		most = keeps + (pool - kept - need);
	else if (need == 0)
		most = keeps;
	else
		most = height(s, kept + need - pool, fair);
	return most > fair ? most : fair;
}

unsigned share_others(const struct sharer *p)
{
	return p->all->n - 1;
}

void share_want(struct sharer *p, unsigned n)
{
	struct sharer *other;

	p->wants = n;
	if (lacks(p) == 0)
		return;
	TAILQ_FOREACH(other, &p->all->list, link)
	{
		if (share_keeps(other) > share_most(other))
			other->crowd(other->arg);
	}
}
