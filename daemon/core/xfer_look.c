/* SPDX-License-Identifier: MIT
 * Transfers: what a file that is there already means before anything is fetched: conditional-get and hash-check-only. The file
 * is looked at on the pool; nothing is made or changed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "core/xfer_int.h"

bool xfer_only_looks(const struct xfer *x)
{
	return opts_bool(x->opts, OPT_DRY_RUN) || opts_bool(x->opts, OPT_HASH_CHECK_ONLY);
}

static void start_look(struct xfer *x, const char *name, dfile_open_cb cb)
{
	struct dfile_req req = {.dir = x->dir, .root = x->root, .name = name, .how = OPEN_OVERWRITE, .rename = true, .total = -1,
		.dry = true};

	x->pending++;
	x->opening = dfile_open(x->loop, &req, cb, x);
}

/* True: the transfer is ending, and goes on to do so. */
static bool look_over(struct xfer *x)
{
	x->pending--;
	x->opening = NULL;
	if (x->ending)
		xfer_wind_down(x);
	return x->ending;
}

/* ---- conditional-get ---- */

/* Only the first answer of a new file may be that nothing has changed. */
static bool may_be_unmodified(const struct xfer *x)
{
	return opts_bool(x->opts, OPT_CONDITIONAL_GET) && !opts_bool(x->opts, OPT_HASH_CHECK_ONLY) && x->state == XS_PROBE &&
	       !x->pinned && !x->unconditional && x->restarts == 0;
}

/* What can't be looked at is as good as absent: opening it will tell. An unfinished file has a newer time than it deserves. */
static void looked(void *arg, int err, const struct fail *f, const struct dfile_opened *o)
{
	struct xfer *x = arg;
	struct lane *l = x->looking;

	(void)f;
	free(x->cond_name);
	x->cond_name = x->look_name;
	x->look_name = NULL;
	x->cond_mtime = !err && o->found_size >= 0 && !o->unfinished ? o->found_mtime : -1;
	x->looking = NULL;
	if (!look_over(x) && l)
		lane_ask(l);
}

bool xfer_look_first(struct lane *l)
{
	struct xfer *x = l->x;
	char *name;

	if (!may_be_unmodified(x))
		return false;
	name = xfer_choose_name(x, NULL, lane_naming_uri(l));
	if (!x->look_name && x->cond_name && strcmp(name, x->cond_name) == 0) {
		free(name);
		return false;
	}
	x->looking = l;
	lane_set_state(l, LANE_WAIT);
	if (x->look_name) { /* one is under way for a lane that was stopped: this one asks again behind it */
		free(name);
		return true;
	}
	x->look_name = name;
	start_look(x, name, looked);
	return true;
}

int64_t xfer_condition(const struct xfer *x)
{
	return may_be_unmodified(x) ? x->cond_mtime : -1;
}

static void unmodified(void *arg, int err, const struct fail *f, const struct dfile_opened *o)
{
	struct xfer *x = arg;

	(void)f;
	if (look_over(x))
		return;
	if (!err && o->found_size >= 0) {
		xfer_found_whole(x, o->path, o->whole_fd, o->found_size);
		return;
	}
	x->unconditional = true; /* it was removed meanwhile */
	xfer_set_state(x, XS_PROBE);
	xfer_dirty(x);
}

void xfer_not_modified(struct xfer *x)
{
	struct lane *l;

	TAILQ_FOREACH(l, &x->lanes, link) lane_stop(l);
	xfer_set_state(x, XS_OPEN);
	start_look(x, x->cond_name, unmodified);
}

/* ---- hash-check-only ---- */

static void checked(void *arg, int err, const struct fail *f, const struct dfile_opened *o)
{
	struct xfer *x = arg;
	char text[sizeof(f->text)], name[200];

	if (look_over(x))
		return;
	if (err) {
		xfer_fail(x, err, f->text);
	} else if (o->found_size < 0) {
		snprintf(text, sizeof(text), "hash-check-only: there is no file %s to check",
			str_safe(x->want_name, strlen(x->want_name), name, sizeof(name)));
		xfer_fail(x, ERR_UNCHECKED, text);
	} else if (!xfer_want_sum(x)) {
		xfer_fail(x, ERR_UNCHECKED, "hash-check-only: no checksum was given, and the server sent none");
	} else {
		xfer_found_whole(x, o->path, o->whole_fd, o->found_size);
	}
}

void xfer_check_only(struct xfer *x)
{
	start_look(x, x->want_name, checked);
}
