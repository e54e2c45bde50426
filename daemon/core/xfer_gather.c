/* SPDX-License-Identifier: MIT
 * Transfers: small files. Their body is awaited in a block of memory for a moment; when it is whole by then, the file is made,
 * synced and named at once (disk/place.h). What is slow, fails or is stopped meanwhile gets a file in the usual way, and what
 * has come is written to it. So at most a block is fetched again after a crash.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "core/xfer_int.h"
#include "ev/work.h"

#define GATHER_MS 300 /* from its first byte on; then it gets a file */

static void open_instead(struct xfer *x)
{
	timer_stop(&x->gathering);
	xfer_open_wanted(x);
}

static void on_time(void *arg)
{
	open_instead(arg);
}

/* What the file will be is known, and nothing speaks for a file that is there already. */
static bool is_simple(const struct xfer *x)
{
	return !xfer_only_looks(x) && !x->path && !x->replaces && !x->user_part && x->restarts == 0 && x->written.n == 0 &&
	       !xfer_name_is_claimed(x, x->want_name);
}

/* Its disk has its half of the memory, the bodies of other small files included. */
static bool disk_has_enough(const struct xfer *x)
{
	uint64_t dev = xfer_dev(x);
	size_t total;

	block_stats(x->loop->blocks, NULL, &total);
	return work_load(x->loop, dev, LOAD_FILLING) + work_load(x->loop, dev, LOAD_QUEUED) >= total * BLOCK_SIZE / 2;
}

bool xfer_gather(struct lane *l, const char *server_name, const char *uri)
{
	struct xfer *x = l->x;

	if (!x->placer || l->head || x->total <= 0 || x->total > BLOCK_SIZE || l->answer_end != x->total || x->hasher ||
		xfer_want_sum(x) || block_pressure(x->loop->blocks) || disk_has_enough(x))
		return false;
	free(x->want_name);
	x->want_name = xfer_choose_name(x, server_name, uri);
	if (!is_simple(x))
		return false;
	xfer_set_state(x, XS_GATHER);
	timer_start(x->loop, &x->gathering, GATHER_MS, 0, on_time, x);
	return true;
}

void xfer_gathered(struct xfer *x)
{
	open_instead(x);
}

void xfer_keep_body(struct lane *l)
{
	struct xfer *x = l->x;
	struct block *b = l->cur;

	l->cur = NULL;
	if (!b)
		return;
	if (b->len > 0)
		x->body = b;
	else
		block_put(x->loop->blocks, b);
}

void xfer_drop_body(struct xfer *x)
{
	struct block *b = x->body;

	x->body = NULL;
	if (!b)
		return;
	ranges_remove(&x->taken, 0, b->len);
	block_put(x->loop->blocks, b);
}

void xfer_write_body(struct xfer *x)
{
	struct block *b = x->body;

	x->body = NULL;
	if (b)
		segment_of_body(x, b);
}
