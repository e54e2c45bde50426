/* SPDX-License-Identifier: MIT
 * Transfers: checkpoints, verification, finish, and the orderly end. Everything here waits for disk callbacks; x->pending
 * counts them, and the transfer is not freed before it is 0.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/str.h"
#include "core/xfer_int.h"

/* ---- checkpoints ---- */

static void synced(void *arg, int err, const struct fail *f)
{
	struct xfer *x = arg;

	x->pending--;
	x->sync_running = false;
	if (err) {
		x->lost = true;
		xfer_fail(x, err, f->text);
		return;
	}
	ranges_copy(&x->durable, &x->syncing);
	x->ops->progress(x->owner, &x->durable);
	if (x->ending)
		xfer_wind_down(x);
	else
		xfer_check_done(x);
}

void xfer_sync(struct xfer *x)
{
	if (x->sync_running || !x->file)
		return;
	ranges_copy(&x->syncing, &x->written);
	x->dirty = 0;
	x->synced_at = loop_now(x->loop);
	x->sync_running = true;
	x->pending++;
	dfile_sync(x->file, synced, x);
}

void xfer_hash_advance(struct xfer *x)
{
	if (x->hasher)
		hasher_advance(x->hasher, ranges_prefix(&x->written));
}

/* Nothing proves that all bytes are of one version: no checksum was checked, and an answer was taken that could not be compared
 * with the others, or the end was only told by the end of the connection. */
unsigned xfer_proof_flags(const struct xfer *x)
{
	return !x->hash_checked && (x->close_delimited || x->unproven) ? JOB_UNPROVEN : 0;
}

/* ---- the end of every transfer ---- */

static void stop_work(struct xfer *x)
{
	struct lane *l;

	timer_stop(&x->tick);
	timer_stop(&x->grow.timer);
	timer_stop(&x->throttle);
	timer_stop(&x->wake);
	timer_stop(&x->gathering);
	defer_cancel(x->loop, &x->fill);
	hasher_close(x->hasher);
	x->hasher = NULL;
	TAILQ_FOREACH(l, &x->lanes, link) lane_stop(l);
	source_wait_no_more(x);
	if (x->opening)
		dfile_open_cancel(x->opening);
}

static bool sync_wanted(const struct xfer *x)
{
	return x->file && x->dirty > 0 && !x->force && !x->discard && !x->final_synced && x->result.result != XFER_COMPLETE &&
	       x->result.err != ERR_IO && x->result.err != ERR_FOREIGN;
}

static void closed(void *arg, int err, const struct fail *f)
{
	struct xfer *x = arg;

	(void)err;
	(void)f;
	x->pending--;
	xfer_wind_down(x);
}

/* It failed, and nothing of the part could be gone on with: it would only be in the way of another try. Bytes with a wrong
 * checksum are left for the user to look at. */
static bool is_useless(const struct xfer *x)
{
	return x->result.result == XFER_FAILED && x->result.err != ERR_CHECKSUM && x->result.err != ERR_FOREIGN &&
	       !x->user_part && !x->took_over &&
	       (x->total < 0 || x->written.n == 0);
}

/* The disk is full: what is there is kept, the rest is left to others. */
static bool trim_wanted(const struct xfer *x)
{
	return x->file && !x->trimmed && !x->discard && x->result.result == XFER_FAILED && x->result.err == ERR_NO_SPACE;
}

static void trim(struct xfer *x)
{
	x->trimmed = true;
	if (x->lost)
		ranges_copy(&x->written, &x->durable);
	x->pending++;
	dfile_trim(x->file, &x->written, closed, x);
}

/* A file of the user's that could not be gone on with at all is left as it was found. */
static enum dfile_fate file_fate(const struct xfer *x)
{
	if (x->discard || is_useless(x))
		return DFILE_UNLINK;
	if (x->result.result == XFER_FAILED && (x->result.err == ERR_CHECKSUM || x->result.err == ERR_FOREIGN))
		return DFILE_DOUBT;
	if (x->result.result == XFER_FAILED && ranges_total(&x->written) == x->user_len)
		return DFILE_RETURN;
	return DFILE_KEEP;
}

static enum xfer_left left_by(const struct xfer *x, enum dfile_fate fate)
{
	if (fate == DFILE_UNLINK)
		return XFER_LEFT_NOTHING;
	return fate == DFILE_RETURN && x->took_over ? XFER_LEFT_FILE : XFER_LEFT_PART;
}

void xfer_wind_down(struct xfer *x)
{
	struct dfile *file = x->file;
	enum dfile_fate fate = file_fate(x);

	if (!x->ending) {
		x->ending = true;
		xfer_set_state(x, XS_STOP);
		stop_work(x);
	}
	if (!TAILQ_EMPTY(&x->segs) || x->pending > 0)
		return;
	xfer_drop_body(x);
	if (sync_wanted(x)) {
		x->final_synced = true;
		xfer_sync(x);
		return;
	}
	if (trim_wanted(x)) {
		trim(x);
		return;
	}
	if (file) {
		x->file = NULL;
		x->pending++;
		x->result.left = left_by(x, fate);
		dfile_close(file, fate, closed, x);
		return;
	}
	defer(x->loop, &x->finale);
}

void xfer_complete(struct xfer *x)
{
	if (x->ending)
		return;
	x->result.result = XFER_COMPLETE;
	xfer_wind_down(x);
}

/* The bytes are wrong: none of them may count when the job is tried again, neither here nor in the journal (file_fate). */
static void forget_bytes(struct xfer *x)
{
	ranges_free(&x->written);
	ranges_free(&x->durable);
	ranges_free(&x->syncing); /* a sync may be under way */
	x->dirty = 0;
	x->ops->progress(x->owner, &x->durable);
}

void xfer_fail(struct xfer *x, int err, const char *text)
{
	if (x->file && (err == ERR_FOREIGN || err == ERR_CHECKSUM))
		forget_bytes(x);
	if (x->ending) {
		log_info(XFER, "%016llx: while stopping: %s", (unsigned long long)x->gid, text);
		xfer_wind_down(x);
		return;
	}
	x->result.result = XFER_FAILED;
	x->result.err = err;
	snprintf(x->result_text, sizeof(x->result_text), "%s", text);
	x->result.err_text = x->result_text;
	x->result.left = x->part_id ? XFER_LEFT_PART : XFER_LEFT_NOTHING; /* if it can't be opened; else closing it tells */
	xfer_wind_down(x);
}

void xfer_fail_sources(struct xfer *x, int err)
{
	const struct source *s = source_last_failed(x);

	if (s && !x->ending) {
		x->result.uri = x->result_uri = xstrdup(s->uri);
		x->result.status = s->status;
	}
	if (s)
		xfer_fail(x, s->fail.code, s->fail.text);
	else
		xfer_fail(x, err, err_text(err));
}

/* ---- verify and finish ---- */

static void finished(void *arg, int err, const struct fail *f)
{
	struct xfer *x = arg;

	x->pending--;
	if (err) {
		xfer_fail(x, err, f->text);
		return;
	}
	/* A stop that came while the file got its name came too late. */
	x->result = (struct xfer_end){.result = XFER_COMPLETE, .flags = xfer_proof_flags(x)};
	xfer_wind_down(x);
}

static void finish(struct xfer *x)
{
	struct dfile_finish how = {.size = x->total, .mtime = -1};

	xfer_set_state(x, XS_FINISH);
	if (opts_bool(x->opts, OPT_REMOTE_TIME))
		how.mtime = x->mtime;
	how.dense = !x->user_part;
	how.replace = opts_bool(x->opts, OPT_ALLOW_OVERWRITE) || x->replaces;
	x->pending++;
	dfile_finish(x->file, &how, finished, x);
}

static void hashed(void *arg, int err, const unsigned char *digest, size_t len)
{
	struct xfer *x = arg;

	hasher_close(x->hasher);
	x->hasher = NULL;
	if (err) {
		xfer_fail(x, err, "Reading the file back for its checksum failed");
		return;
	}
	if (len != x->hash_len || memcmp(digest, x->hash_want, len) != 0) {
		xfer_fail(x, ERR_CHECKSUM, "The checksum is wrong: the file was not given its name");
		return;
	}
	x->hash_checked = true;
	finish(x);
}

void xfer_verify(struct xfer *x)
{
	struct lane *l;

	xfer_set_state(x, XS_VERIFY);
	TAILQ_FOREACH(l, &x->lanes, link) lane_stop(l);
	source_wait_no_more(x);
	timer_stop(&x->tick);
	timer_stop(&x->grow.timer);
	x->wait.text[0] = '\0';
	timer_stop(&x->wake);
	if (x->hasher)
		hasher_finish(x->hasher, x->total, hashed, x);
	else
		finish(x);
}
