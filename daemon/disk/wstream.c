/* SPDX-License-Identifier: MIT
 * Write-behind: at most one batch of blocks of a file is on the pool; what is pushed meanwhile makes up the next ones.
 * Several writes at once would gain nothing, since a file system lets one at a time into an inode, and cost a lot: the
 * others spin for its lock, and small batches are dearer than large ones. So the segments of a file take turns.
 */
#include "disk/wstream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "disk/file_priv.h"
#include "disk/fs.h"
#include "disk/journal.h"
#include "base/str.h"
#include "ev/loop.h"
#include "ev/work.h"

#define BATCH	     16	       /* blocks a write */
#define WRITE_OUT    (8 << 20) /* bytes between two starts of write-out */
#define COPY	     (16 * 1024) /* bytes read from a pipe at a time where they cannot be spliced */
#define SLOT_UNASKED (-2)

struct wstream {
	OBJ(WSTREAM);
	struct dfile *f;
	const struct wstream_ops *ops;
	void *owner;
	struct block_list queue; /* not yet handed to the pool */
	size_t queued;		 /* bytes pushed and not yet written */
	int64_t off;		 /* where the first block began */
	int64_t next;		 /* where the next block must begin */
	int64_t written;	 /* all below is in the file */
	bool busy;		 /* a batch waits for its turn or is on the pool, or callbacks are under way */
	TAILQ_ENTRY(wstream) turn; /* in the file's list while it waits */
	bool failed, closing;
	struct deferred late; /* idle for what was pushed after a failure */
	/* The batch: the pool thread's from submit to completion. */
	struct block *batch[BATCH];
	int n;
	int64_t from, to;
	int64_t started; /* write-out was started below this */
	int slot;
	int cause; /* errno, 0 */
	struct fail foreign; /* of dfile_guard; code 0: none */
};

static void wstream_free(struct wstream *w)
{
	struct dfile *f = w->f;

	defer_cancel(f->loop, &w->late);
	OBJ_FREE(w);
	dfile_release(f);
}

/* ---- pool thread ---- */

static int write_memory(struct wstream *w, struct block *const *b, int n)
{
	struct iovec iov[BATCH];
	int first = 0;

	for (int i = 0; i < n; i++)
		iov[i] = (struct iovec){.iov_base = b[i]->mem, .iov_len = b[i]->len};
	while (first < n) {
		ssize_t r = w->f->fs->pwritev(w->f->fd, iov + first, n - first, w->to);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? errno : EIO;
		w->to += r;
		size_t left = (size_t)r;
		while (first < n && left >= iov[first].iov_len)
			left -= iov[first++].iov_len;
		if (left > 0) {
			iov[first].iov_base = (char *)iov[first].iov_base + left;
			iov[first].iov_len -= left;
		}
	}
	return 0;
}

/* What splice would not move, by way of memory. What was read from the pipe is only there, so it is all written, or lost. */
static int copy_pipe(struct wstream *w, struct block *b)
{
	char mem[COPY];

	while (b->taken < b->len) {
		size_t want = b->len - b->taken < COPY ? b->len - b->taken : COPY;
		ssize_t r = w->f->fs->read(b->pipe[0], mem, want);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? errno : EIO;
		b->taken += (uint32_t)r;
		if (fs_pwrite_all(w->f->fs, w->f->fd, mem, (size_t)r, w->to) < 0)
			return errno;
		w->to += r;
	}
	return 0;
}

static int write_pipe(struct wstream *w, struct block *b)
{
	while (b->taken < b->len) {
		off_t off = w->to;
		ssize_t r = atomic_load(&w->f->no_splice) ? 0 : w->f->fs->splice(b->pipe[0], w->f->fd, &off, b->len - b->taken);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && !block_splice_refused(errno))
			return errno;
		if (r <= 0) {
			atomic_store(&w->f->no_splice, true);
			return copy_pipe(w, b);
		}
		b->taken += (uint32_t)r;
		w->to += r;
	}
	return 0;
}

static void write_batch(struct wstream *w)
{
	int i = 0, n;

	while (i < w->n && w->cause == 0) {
		for (n = 0; i + n < w->n && w->batch[i + n]->mem != NULL; n++)
			;
		w->cause = n > 0 ? write_memory(w, w->batch + i, n) : write_pipe(w, w->batch[i]);
		i += n > 0 ? n : 1;
	}
}

static void on_pool(void *arg)
{
	struct wstream *w = arg;
	struct dfile *f = w->f;

	if (dfile_guard(f, &w->foreign) < 0)
		return;
	if (w->slot == SLOT_UNASKED)
		w->slot = journal_slot_get(f->journal);
	write_batch(w);
	guard_note(&f->guard, f->fs, f->fd);
	if (w->to == w->from)
		return;
	journal_slot_move(f->journal, w->slot, w->off, w->to);
	if (w->to - w->started >= WRITE_OUT) {
		/* Only a hint to the kernel: errors show at the next sync. */
		f->fs->sync_file_range(f->fd, w->started, w->to - w->started, SYNC_FILE_RANGE_WRITE);
		w->started = w->to;
	}
}

/* ---- loop thread ---- */

static void give_back(struct wstream *w, struct block *b)
{
	w->queued -= b->len;
	w->f->queued -= b->len;
	block_put(w->f->loop->blocks, b);
}

static void drop_queue(struct wstream *w)
{
	struct block *b;

	while ((b = STAILQ_FIRST(&w->queue))) {
		STAILQ_REMOVE_HEAD(&w->queue, link);
		give_back(w, b);
	}
}

static void on_done(void *arg, int status);

static void write_next(struct dfile *f)
{
	struct wstream *w = TAILQ_FIRST(&f->turns);
	struct block *b;

	if (w == NULL || f->writing)
		return;
	TAILQ_REMOVE(&f->turns, w, turn);
	f->writing = true;
	for (w->n = 0; w->n < BATCH && (b = STAILQ_FIRST(&w->queue)); w->n++) {
		STAILQ_REMOVE_HEAD(&w->queue, link);
		w->batch[w->n] = b;
	}
	w->from = w->to = w->written;
	work_submit(f->loop, f->dev, WORK_DISK, on_pool, on_done, w);
}

static void submit(struct wstream *w)
{
	w->busy = true;
	TAILQ_INSERT_TAIL(&w->f->turns, w, turn);
	write_next(w->f);
}

static void go_on(struct wstream *w)
{
	if (!STAILQ_EMPTY(&w->queue)) {
		submit(w);
		return;
	}
	w->busy = false;
	if (w->closing)
		wstream_free(w);
	else
		w->ops->idle(w->owner); /* may free w */
}

static void tell_error(struct wstream *w, int status)
{
	struct fail f;

	w->failed = true;
	drop_queue(w);
	if (status)
		fail_set(&f, status, NULL);
	else if (w->foreign.code)
		f = w->foreign;
	else
		fs_fail(&f, ERR_IO, "Failed to write into the file", w->f->path, w->cause);
	if (!w->closing)
		w->ops->error(w->owner, f.code, &f);
}

static void on_done(void *arg, int status)
{
	struct wstream *w = arg;
	struct dfile *f;
	int64_t from;

	OBJ_CHECK(w, WSTREAM);
	f = w->f;
	from = w->from;
	f->writing = false;
	dfile_hold(f); /* w may be the last that needs it */
	write_next(f);
	for (int i = 0; i < w->n; i++)
		give_back(w, w->batch[i]);
	w->written = w->to;
	if (w->to > atomic_load(&w->f->size))
		atomic_store(&w->f->size, w->to);
	if (w->to > from && !w->closing)
		w->ops->written(w->owner, from, w->to);
	if (status || w->cause || w->foreign.code)
		tell_error(w, status);
	go_on(w);
	dfile_release(f);
}

static void on_late(void *arg)
{
	struct wstream *w = arg;

	w->busy = false;
	w->ops->idle(w->owner);
}

struct wstream *wstream_new(struct dfile *f, int64_t off, const struct wstream_ops *ops, void *owner)
{
	struct wstream *w = xcalloc(1, sizeof(*w));

	OBJ_INIT(w, WSTREAM);
	dfile_hold(f);
	w->f = f;
	w->ops = ops;
	w->owner = owner;
	w->off = w->next = w->written = w->started = off;
	w->slot = SLOT_UNASKED;
	w->late.cb = on_late;
	w->late.arg = w;
	STAILQ_INIT(&w->queue);
	return w;
}

void wstream_push(struct wstream *w, struct block *b)
{
	OBJ_CHECK(w, WSTREAM);
	if (b->off != w->next || b->len == 0) /* it would land at a wrong place, or never complete */
		obj_die("block of this wstream", __FILE__, __LINE__);
	w->next += b->len;
	if (w->failed) {
		block_put(w->f->loop->blocks, b);
		if (!w->busy) {
			w->busy = true;
			defer(w->f->loop, &w->late);
		}
		return;
	}
	STAILQ_INSERT_TAIL(&w->queue, b, link);
	w->queued += b->len;
	w->f->queued += b->len;
	block_count(w->f->loop->blocks, b, w->f->dev, LOAD_QUEUED);
	if (!w->busy)
		submit(w);
}

bool wstream_likes_pipes(const struct wstream *w)
{
	return !atomic_load(&w->f->no_splice);
}

size_t wstream_queued(const struct wstream *w)
{
	return w->queued;
}

bool wstream_busy(const struct wstream *w)
{
	return w->busy;
}

void wstream_close(struct wstream *w)
{
	OBJ_CHECK(w, WSTREAM);
	if (w->late.armed) {
		defer_cancel(w->f->loop, &w->late);
		w->busy = false;
	}
	w->closing = true;
	if (!w->busy)
		wstream_free(w);
}
