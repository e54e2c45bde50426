/* SPDX-License-Identifier: MIT
 * Linear probing; a deletion moves back what stands behind the gap, so there are no marks to be swept.
 */
#include "store/row_map.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define FIRST_CAP 64

/* Users choose GIDs: neighbours must not stand side by side. The finaliser of splitmix64. */
static size_t home_of(const struct row_map *m, uint64_t gid)
{
	gid = (gid ^ gid >> 30) * 0xbf58476d1ce4e5b9u;
	gid = (gid ^ gid >> 27) * 0x94d049bb133111ebu;
	return (size_t)(gid ^ gid >> 31) & (m->cap - 1);
}

/* Where gid stands, or the free slot where it would. */
static struct row_slot *slot_of(const struct row_map *m, uint64_t gid)
{
	size_t i = home_of(m, gid);

	while (m->slots[i].gid != 0 && m->slots[i].gid != gid)
		i = (i + 1) & (m->cap - 1);
	return &m->slots[i];
}

static void grow(struct row_map *m)
{
	struct row_map old = *m;

	m->cap = old.cap > 0 ? old.cap * 2 : FIRST_CAP;
	m->slots = xcalloc(m->cap, sizeof(*m->slots));
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].gid != 0)
			*slot_of(m, old.slots[i].gid) = old.slots[i];
	free(old.slots);
}

int64_t *row_map_find(const struct row_map *m, uint64_t gid)
{
	struct row_slot *s = m->cap > 0 ? slot_of(m, gid) : NULL;

	return s != NULL && s->gid != 0 ? &s->row : NULL;
}

void row_map_put(struct row_map *m, uint64_t gid, int64_t row)
{
	struct row_slot *s;

	if (m->n >= m->cap / 4 * 3)
		grow(m);
	s = slot_of(m, gid);
	m->n += s->gid == 0;
	*s = (struct row_slot){.gid = gid, .row = row};
}

void row_map_del(struct row_map *m, uint64_t gid)
{
	size_t gap, i, mask = m->cap - 1;

	if (row_map_find(m, gid) == NULL)
		return;
	gap = (size_t)(slot_of(m, gid) - m->slots);
	for (i = (gap + 1) & mask; m->slots[i].gid != 0; i = (i + 1) & mask) {
		if (((i - home_of(m, m->slots[i].gid)) & mask) < ((i - gap) & mask))
			continue; /* its own place lies behind the gap */
		m->slots[gap] = m->slots[i];
		gap = i;
	}
	m->slots[gap] = (struct row_slot){0};
	m->n--;
}

void row_map_free(struct row_map *m)
{
	free(m->slots);
	memset(m, 0, sizeof(*m));
}
