/* SPDX-License-Identifier: MIT
 * Looking: jobs by GID, lists by position, and what is shown of a job. An active one is asked, others are shown from
 * their record.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "core/engine_internal.h"

void engine_index(struct engine *e, struct job *j)
{
	otree_insert(&e->jobs, &j->by_gid, j->rec.gid);
}

void engine_unindex(struct engine *e, struct job *j)
{
	otree_remove(&e->jobs, &j->by_gid);
	events_job_leaves(e, j);
	if (e->found == j)
		e->found = NULL;
}

/* Who shows a list asks for each of its jobs in turn, several times. */
static struct job *near_found(const struct engine *e, uint64_t gid)
{
	const struct onode *at = &e->found->in_list, *n;

	if (e->found->rec.gid == gid)
		return e->found;
	n = otree_next(at);
	if (n == NULL || otree_entry(n, struct job, in_list)->rec.gid != gid)
		n = otree_prev(at);
	if (n == NULL || otree_entry(n, struct job, in_list)->rec.gid != gid)
		return NULL;
	return otree_entry(n, struct job, in_list);
}

struct job *engine_job(const struct engine *ce, uint64_t gid)
{
	struct engine *e = (struct engine *)ce; /* what was found is not part of its state */
	struct job *j;
	struct onode *n;

	OBJ_CHECK(e, ENGINE);
	j = e->found != NULL ? near_found(e, gid) : NULL;
	if (j == NULL) {
		n = otree_find(&e->jobs, gid);
		j = n != NULL ? otree_entry(n, struct job, by_gid) : NULL;
	}
	if (j != NULL)
		e->found = j;
	return j;
}

struct job *engine_get(const struct engine *e, uint64_t gid, struct fail *f)
{
	struct job *j = engine_job(e, gid);

	if (j == NULL)
		fail_set(f, ERR_NOT_HERE, "GID " GID_FMT " is not found", GID_ARG(gid));
	return j;
}

int engine_find(const struct engine *e, const char *text, uint64_t *ret_gid, struct fail *f)
{
	size_t len = strlen(text);
	const struct onode *n, *more;
	uint64_t low, high;
	unsigned shift;

	OBJ_CHECK(e, ENGINE);
	if (len == 0 || len > 16 || str_hex_to_u64(text, len, &low) < 0)
		return fail_set(f, ERR_INVAL, "Invalid GID %s", text);
	shift = (unsigned)(16 - len) * 4;
	low <<= shift;
	high = shift == 0 ? low : low | ((1ull << shift) - 1);
	n = otree_lower(&e->jobs, low);
	if (n == NULL || n->key > high)
		return fail_set(f, ERR_NOT_HERE, "GID %s is not found", text);
	more = otree_next(n);
	if (more != NULL && more->key <= high)
		return fail_set(f, ERR_INVAL, "GID %s is not unique", text);
	*ret_gid = n->key;
	return 0;
}

/* The final path as far as it is known: before the transfer has chosen it, dir + "/" + out, by aria2's rules for "" and "/". */
const char *engine_path_of(struct engine *e, const struct job *j)
{
	const char *out = opts_str(j->opts, OPT_OUT), *dir = j->rec.dir != NULL ? j->rec.dir : "";
	struct buf *b = &e->view_path;

	if (j->rec.path != NULL)
		return j->rec.path;
	if (out == NULL || *out == '\0')
		return "";
	buf_reset(b);
	buf_adds(b, *dir == '\0' ? "." : strcmp(dir, "/") == 0 ? "" : dir);
	buf_add(b, "/", 1);
	buf_adds(b, out);
	return b->data;
}

static const struct ranges *have_of(struct engine *e, const struct job *j)
{
	ranges_remove(&e->view_have, 0, INT64_MAX);
	if (j->rec.state == JOB_COMPLETE && j->rec.total > 0)
		ranges_add(&e->view_have, 0, j->rec.total);
	else if (j->rec.have != NULL)
		ranges_decode(&e->view_have, j->rec.have); /* unreadable: shown as nothing */
	return &e->view_have;
}

bool engine_view(const struct engine *ce, uint64_t gid, struct job_view *ret)
{
	struct engine *e = (struct engine *)ce; /* the backing of the view is not part of the engine's state */
	const struct job *j = engine_job(e, gid);

	if (j == NULL)
		return false;
	*ret = (struct job_view){.gid = gid,
		.state = (enum job_state)j->rec.state,
		.verified = -1,
		.uid = j->rec.uid,
		.piece_len = opts_num(j->opts, OPT_PIECE_LENGTH),
		.dir = j->rec.dir != NULL ? j->rec.dir : "",
		.err = j->rec.err,
		.err_text = j->rec.err_text != NULL ? j->rec.err_text : "",
		.flags = j->rec.flags,
		.opts = j->opts,
		.owner = j->rec.owner != NULL ? j->rec.owner : "",
		.added_at = j->rec.added_at,
		.ended_at = j->rec.ended_at};
	if (j->xfer != NULL) {
		xfer_view(j->xfer, ret);
	} else {
		ret->total = j->rec.total;
		ret->done = j->rec.done;
		ret->have = have_of(e, j);
		ret->wait = room_explain(e, j);
	}
	ret->total = ret->total > 0 ? ret->total : 0;
	if (ret->path == NULL || *ret->path == '\0')
		ret->path = engine_path_of(e, j);
	return true;
}

static const struct otree *list_of(const struct engine *e, enum engine_list l)
{
	const struct otree *const lists[] = {
		[LIST_ACTIVE] = &e->active, [LIST_QUEUE] = &e->queue.all, [LIST_STOPPED] = &e->stopped};

	OBJ_CHECK(e, ENGINE);
	return lists[l];
}

size_t engine_count(const struct engine *e, enum engine_list l)
{
	return otree_count(list_of(e, l));
}

size_t engine_list(const struct engine *e, enum engine_list l, size_t from, size_t n, uint64_t *ret)
{
	const struct onode *o = otree_at(list_of(e, l), from);
	size_t i;

	for (i = 0; i < n && o != NULL; i++, o = otree_next(o))
		ret[i] = otree_entry(o, struct job, in_list)->rec.gid;
	return i;
}

/* How many entries aria2 shows for n URIs that no connection has used: the list repeated, so that split connections
 * find one each, at most max-connection-per-server of each. */
static size_t uris_shown(const struct job *j, size_t n)
{
	size_t split = (size_t)opts_num(j->opts, OPT_SPLIT),
	       per_uri = (size_t)opts_num(j->opts, OPT_MAX_CONNECTION_PER_SERVER);

	if (n == 0 || n >= split || job_is_ended(j))
		return n;
	return split / n >= per_uri ? n * per_uri : split;
}

size_t engine_uris(const struct engine *e, uint64_t gid, struct uri_view *ret, size_t max)
{
	const struct job *j = engine_job(e, gid);
	size_t n = 0, shown;

	if (j == NULL)
		return 0;
	if (j->xfer != NULL)
		return xfer_uris(j->xfer, ret, max);
	while (j->uris[n] != NULL)
		n++;
	shown = uris_shown(j, n);
	for (size_t i = 0; i < shown && i < max; i++)
		ret[i] = (struct uri_view){.uri = j->uris[i % n], .used = job_is_ended(j)};
	return shown;
}

size_t engine_servers(const struct engine *e, uint64_t gid, struct server_view *ret, size_t max)
{
	const struct job *j = engine_job(e, gid);

	return j != NULL && j->xfer != NULL ? xfer_servers(j->xfer, ret, max) : 0;
}

void engine_stat(const struct engine *e, struct engine_stat *ret)
{
	OBJ_CHECK(e, ENGINE);
	*ret = (struct engine_stat){.active = otree_count(&e->active),
		.queued = queue_count(&e->queue),
		.stopped = otree_count(&e->stopped),
		.stopped_total = e->stopped_total};
	for (const struct onode *n = otree_at(&e->active, 0); n != NULL; n = otree_next(n)) {
		const struct job *j = otree_entry(n, struct job, in_list);
		struct job_view v = {0};

		if (j->xfer != NULL)
			xfer_view(j->xfer, &v);
		ret->speed += v.speed;
	}
}

bool engine_busy(const struct engine *e)
{
	OBJ_CHECK(e, ENGINE);
	return otree_count(&e->active) > 0 || otree_count(&e->queue.ready) > 0 ||
	       volumes_waiting(e->volumes) > 0 || !TAILQ_EMPTY(&e->not_durable);
}

int engine_last_err(const struct engine *e)
{
	OBJ_CHECK(e, ENGINE);
	return e->last_err;
}
