/* SPDX-License-Identifier: MIT
 * Transfers that fetch nothing. Included by the tests that need them, in place of core/xfer.c.
 */
#include "fake_xfer.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

struct xfer_list fake_xfers = LIST_HEAD_INITIALIZER(fake_xfers);
bool fake_hold_stop;
struct xfer_end fake_ends = {.left = XFER_LEFT_PART};

struct xfer *fake_find(uint64_t gid)
{
	struct xfer *x;

	LIST_FOREACH(x, &fake_xfers, link)
	if (x->gid == gid)
		break;
	return x;
}

size_t fake_count(void)
{
	struct xfer *x;
	size_t n = 0;

	LIST_FOREACH(x, &fake_xfers, link)
	n++;
	return n;
}

void fake_drop(struct xfer *x)
{
	defer_cancel(x->loop, &x->end);
	LIST_REMOVE(x, link);
	ranges_free(&x->have);
	opts_unref(x->opts);
	free(x->dir);
	free(x->journal);
	free(x->path);
	free(x->etag);
	free(x);
}

void fake_end(struct xfer *x, enum xfer_result result, int err, const char *text)
{
	struct xfer_end e = {.result = result,
		.err = err,
		.err_text = text,
		.uri = fake_ends.uri,
		.status = fake_ends.status,
		.left = fake_ends.left,
		.total = x->total,
		.done = ranges_total(&x->have),
		.path = x->path};

	x->ops->end(x->owner, &e);
	fake_drop(x);
}

void fake_complete(struct xfer *x, const char *path, int64_t size)
{
	struct xfer_known k = {.path = path, .total = size};

	x->total = size;
	ranges_add(&x->have, 0, size);
	x->ops->known(x->owner, &k);
	free(x->path);
	x->path = xstrdup(path);
	fake_end(x, XFER_COMPLETE, 0, NULL);
}

static void stopped(void *arg)
{
	fake_end(arg, XFER_STOPPED, 0, NULL);
}

struct xfer *xfer_start(const struct xfer_req *req, const struct xfer_ops *ops, void *owner)
{
	struct xfer *x = xcalloc(1, sizeof(*x));

	x->loop = req->loop;
	x->ops = ops;
	x->owner = owner;
	x->gid = req->gid;
	x->opts = opts_ref(req->opts);
	x->dir = xstrdup(req->dir);
	x->journal = xstrdup(req->journal);
	x->path = xstrdup(req->known.path);
	x->etag = xstrdup(req->known.etag);
	x->total = req->known.total;
	x->user_part = req->known.user_part;
	x->stale_journal = req->known.stale_journal;
	x->hurry = req->hurry;
	ranges_init(&x->have);
	ranges_copy(&x->have, req->known.have);
	xfer_set_uris(x, req->uris);
	x->end = (struct deferred){.cb = stopped, .arg = x};
	LIST_INSERT_HEAD(&fake_xfers, x, link);
	return x;
}

void xfer_stop(struct xfer *x, bool force, bool discard)
{
	(void)discard;
	x->stops++;
	x->force = force;
	if (!fake_hold_stop)
		defer(x->loop, &x->end);
}

bool xfer_hurry(struct xfer *x)
{
	x->hurries++;
	return x->waits;
}

void xfer_set_opts(struct xfer *x, struct opts *o)
{
	opts_unref(x->opts);
	x->opts = opts_ref(o);
	x->set_opts++;
}

void xfer_set_uris(struct xfer *x, char *const *uris)
{
	for (x->n_uris = 0; uris[x->n_uris] != NULL; x->n_uris++)
		;
}

void xfer_view(const struct xfer *x, struct job_view *v)
{
	v->total = x->total > 0 ? x->total : 0;
	v->done = ranges_total(&x->have);
	v->have = &x->have;
	v->verified = -1;
	v->speed = 1000;
	v->conns = 1;
	v->path = x->path != NULL ? x->path : "";
	v->wait = NULL;
}

uint64_t xfer_owes(const struct xfer *x, uint64_t need)
{
	(void)x;
	return need;
}

size_t xfer_uris(const struct xfer *x, struct uri_view *ret, size_t max)
{
	for (size_t i = 0; i < x->n_uris && i < max; i++)
		ret[i] = (struct uri_view){.uri = "http://fake/", .used = true};
	return x->n_uris;
}

size_t xfer_servers(const struct xfer *x, struct server_view *ret, size_t max)
{
	(void)x;
	if (max > 0)
		ret[0] = (struct server_view){.uri = "http://fake/", .current = "http://fake/", .speed = 1000};
	return 1;
}
