/* SPDX-License-Identifier: MIT
 * Unfinished files of jobs that don't run any more: who speaks for one, so that a newcomer with the same path can adopt
 * it. A result speaks for its own. When a job goes altogether (removed from the queue, purged, pushed out, turned to
 * another path), a record of its own is left in its place: what is known of the file, under a new GID that nobody is
 * shown, here and in the store. The oldest such records go first; their files stay where they are.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/uri_place.h"
#include "core/engine_internal.h"

#define LEFT_MAX 1000
#define LEFT_URIS 16 /* of each */

static struct claim *claim_of(const struct engine *e, const char *path)
{
	struct claim *c = NULL;

	HASH_FIND_STR(e->claims, path, c);
	return c;
}

static void claim_free(struct engine *e, struct claim *c)
{
	HASH_DEL(e->claims, c);
	free(c->path);
	free(c);
}

void part_unclaim(struct engine *e, const struct job *j)
{
	struct claim *c = j->rec.path != NULL ? claim_of(e, j->rec.path) : NULL;

	if (c != NULL && c->job == j)
		claim_free(e, c);
}

static void leftover_drop(struct engine *e, struct job *j)
{
	part_unclaim(e, j);
	otree_remove(&e->left, &j->in_list);
	store_del(e->store, j->rec.gid);
	job_free(j);
}

static bool has_part(const struct job *j)
{
	return (j->rec.flags & JOB_PART) != 0 && j->rec.path != NULL && j->rec.state != JOB_COMPLETE;
}

void part_claim(struct engine *e, struct job *j)
{
	struct claim *c;

	if (!has_part(j))
		return;
	c = claim_of(e, j->rec.path);
	if (c != NULL && c->job->rec.state == JOB_GONE)
		leftover_drop(e, c->job);
	else if (c != NULL)
		claim_free(e, c);
	c = xcalloc(1, sizeof(*c));
	c->path = xstrdup(j->rec.path);
	c->job = j;
	HASH_ADD_KEYPTR(hh, e->claims, c->path, strlen(c->path), c);
}

struct job *part_claimant(const struct engine *e, const char *path)
{
	struct claim *c = claim_of(e, path);

	return c != NULL ? c->job : NULL;
}

void part_adopted(struct engine *e, struct job *j)
{
	if (j->rec.state == JOB_GONE) {
		leftover_drop(e, j);
		return;
	}
	part_unclaim(e, j);
	j->rec.flags &= ~(uint32_t)JOB_PART;
	j->rec.flags |= JOB_STALE_JOURNAL; /* it names the file: a retry would take that for its own */
	engine_save(e, j);
}

/* Where the file is from, without what may be secret. An ETag speaks of one resource (RFC 9110 8.8.3): other files with the same
 * name, size and validators are not this one. */
static char **places_of(char *const *uris)
{
	char **list = xcalloc(LEFT_URIS + 1, sizeof(*list));
	size_t n = 0;

	for (; uris != NULL && *uris != NULL && n < LEFT_URIS; uris++) {
		list[n] = uri_place(*uris);
		n += list[n] != NULL;
	}
	return list;
}

/* What the store knows of the file of j, and nothing else of it. */
static struct job *leftover_new(struct engine *e, const struct job *j)
{
	struct job *l = job_new(engine_new_gid(e));

	l->engine = e;
	l->opts = opts_new(e->global);
	l->uris = places_of(j->uris);
	l->rec.state = JOB_GONE;
	l->rec.flags = j->rec.flags & (JOB_PART | JOB_UNPROVEN | JOB_REPLACES | JOB_USER_PART | JOB_WEAK_DATE);
	l->rec.path = xstrdup(j->rec.path);
	l->rec.etag = xstrdup(j->rec.etag);
	l->rec.etag_origin = xstrdup(j->rec.etag_origin);
	l->rec.last_modified = xstrdup(j->rec.last_modified);
	l->rec.part_id = xstrdup(j->rec.part_id);
	l->rec.digest = xstrdup(j->rec.digest);
	l->rec.have = xstrdup(j->rec.have);
	l->rec.done = j->rec.done;
	l->rec.total = j->rec.total;
	return l;
}

static void leftover_insert(struct engine *e, struct job *l)
{
	if (l->rec.ord == 0 || !otree_insert(&e->left, &l->in_list, l->rec.ord)) {
		l->rec.ord = ++e->end_seq;
		otree_insert(&e->left, &l->in_list, l->rec.ord);
	}
	part_claim(e, l);
}

void part_leave(struct engine *e, const struct job *j)
{
	struct job *l;

	part_unclaim(e, j);
	if (!has_part(j))
		return;
	l = leftover_new(e, j);
	leftover_insert(e, l);
	engine_save(e, l);
	if (otree_count(&e->left) > LEFT_MAX)
		leftover_drop(e, otree_entry(otree_at(&e->left, 0), struct job, in_list));
}

void part_load(struct engine *e, struct job *l)
{
	if (l->rec.ord > e->end_seq)
		e->end_seq = l->rec.ord;
	leftover_insert(e, l);
}

void parts_free(struct engine *e)
{
	struct onode *n;

	while (e->claims != NULL)
		claim_free(e, e->claims);
	while ((n = otree_at(&e->left, 0)) != NULL) {
		otree_remove(&e->left, n);
		job_free(otree_entry(n, struct job, in_list));
	}
}
