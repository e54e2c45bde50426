/* SPDX-License-Identifier: MIT
 * Operations on an open dfile: size, sync, take, finish, close. Each is a work item that holds the file until its callback is
 * through.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "disk/alloc.h"
#include "disk/aria2_control.h"
#include "disk/file_priv.h"
#include "disk/fs.h"
#include "disk/journal.h"
#include "disk/verify.h"
#include "ev/loop.h"
#include "ev/work.h"

/* One operation. run() is called on the pool until it returns other than 1. */
struct dop {
	struct dfile *f;
	int (*run)(struct dop *op);
	dfile_cb cb;
	void *arg;
	int err;
	struct fail fail;
	int64_t size; /* take */
	enum alloc_mode mode;
	bool begun;
	struct alloc alloc;
	struct ranges have;	 /* take */
	struct dfile_finish how; /* finish */
};

struct dfile *dfile_new(struct loop *l, const struct fs_ops *fs)
{
	struct dfile *f = xcalloc(1, sizeof(*f));

	OBJ_INIT(f, DFILE);
	f->loop = l;
	f->fs = fs;
	f->fd = -1;
	f->dirfd = -1;
	f->taken = -1;
	TAILQ_INIT(&f->turns);
	return f;
}

void dfile_shut(struct dfile *f, bool unlink_journal)
{
	journal_close(f->journal, unlink_journal);
	f->journal = NULL;
	if (f->fd >= 0) {
		/* Said aloud, since a copy of the descriptor (a hasher's, or one in a child before its exec) may live
		 * on. */
		f->fs->flock(f->fd, LOCK_UN);
		close(f->fd);
	}
	if (f->dirfd >= 0)
		close(f->dirfd);
	f->fd = f->dirfd = -1;
}

void dfile_return_name(struct dfile *f)
{
	if (f->at_name)
		return;
	journal_unlink(f->journal); /* under its old name another job may take the file, whose part is not to be ours then */
	if (f->fs->ftruncate(f->fd, f->taken) < 0 || fs_rename_new(f->fs, f->dirfd, f->part, f->leaf) < 0)
		log_warn(DISK, "%s stays renamed to %s: errno %d", f->path, f->part, errno);
}

/* What is wrong now would be found right once the next write of ours was noted. */
static int foreign(struct dfile *f)
{
	atomic_store(&f->foreign, true);
	journal_unlink(f->journal);
	return ERR_FOREIGN;
}

int dfile_guard(struct dfile *f, struct fail *fail)
{
	int err;

	if (atomic_load(&f->foreign))
		return fail_set(fail, ERR_FOREIGN, NULL);
	err = guard_check(&f->guard, f->fs, f->fd, f->path, fail);
	return err == ERR_FOREIGN ? foreign(f) : err;
}

void dfile_start_journal(struct dfile *f, const struct ranges *have)
{
	struct ranges ignored;

	if (!f->journal_path)
		return;
	ranges_init(&ignored);
	f->fs->unlinkat(AT_FDCWD, f->journal_path, 0);
	if (journal_open(f->fs, f->journal_path, f->fd, &ignored, &f->journal) < 0)
		log_warn(DISK, "%s can't be written (errno %d): after a crash more will be fetched again", f->journal_path,
			errno);
	ranges_free(&ignored);
	for (size_t i = 0; i < have->n; i++)
		journal_slot_move(f->journal, journal_slot_get(f->journal), have->v[i].start, have->v[i].end);
}

void dfile_free(struct dfile *f)
{
	free(f->path);
	free(f->leaf);
	free(f->part);
	free(f->journal_path);
	OBJ_FREE(f);
}

/* ---- the life of an operation ---- */

static void dop_run(void *arg)
{
	struct dop *op = arg;

	op->err = op->run(op);
}

static void dop_done(void *arg, int status)
{
	struct dop *op = arg;
	struct dfile *f = op->f;

	OBJ_CHECK(f, DFILE);
	if (status == 0 && op->err > 0) {
		work_submit(f->loop, f->dev, WORK_DISK, dop_run, dop_done, op);
		return;
	}
	if (status)
		op->err = fail_set(&op->fail, status, NULL);
	op->fail.code = op->err;
	alloc_end(&op->alloc);
	ranges_free(&op->have);
	if (op->cb)
		op->cb(op->arg, op->err, &op->fail);
	free(op);
	dfile_release(f);
}

static struct dop *dop_new(struct dfile *f, int (*run)(struct dop *op), dfile_cb cb, void *arg)
{
	struct dop *op = xcalloc(1, sizeof(*op));

	OBJ_CHECK(f, DFILE);
	op->f = f;
	op->run = run;
	op->cb = cb;
	op->arg = arg;
	ranges_init(&op->have);
	dfile_hold(f);
	return op;
}

static void dop_start(struct dop *op)
{
	work_submit(op->f->loop, op->f->dev, WORK_DISK, dop_run, dop_done, op);
}

/* ---- size ---- */

static int note_size(struct dop *op)
{
	struct stat st;

	if (op->f->fs->fstat(op->f->fd, &st) == 0)
		atomic_store(&op->f->size, st.st_size);
	guard_note(&op->f->guard, op->f->fs, op->f->fd);
	return 0;
}

static int size_begin(struct dop *op)
{
	struct dfile *f = op->f;
	struct stat st;
	int err;

	op->begun = true;
	if (f->fs->fstat(f->fd, &st) < 0)
		return fs_fail(&op->fail, ERR_IO, "Failed to look at the file", f->path, errno);
	if (op->size < st.st_size) {
		journal_cut(f->journal, op->size);
		if (f->fs->ftruncate(f->fd, op->size) < 0)
			return fs_fail(&op->fail, ERR_IO, "Failed to set the size of", f->path, errno);
		return note_size(op);
	}
	err = alloc_check_room(f->fs, f->fd, f->path, alloc_missing(&st, op->size), f->reserve, &op->fail);
	if (!err)
		err = alloc_begin(&op->alloc, f->fs, f->fd, f->path, op->mode, op->size, &op->fail);
	return err ? err : 1;
}

static int size_run(struct dop *op)
{
	int err;

	if (atomic_load(&op->f->cancel))
		return fail_set(&op->fail, ERR_CANCELED, NULL);
	if (!op->begun)
		return size_begin(op);
	err = alloc_step(&op->alloc, &op->fail);
	return err == 0 ? note_size(op) : err;
}

/* ---- sync ---- */

/* What a failed write-back lost is not in the page cache any more, but the journal would still claim it. */
static int sync_failed(struct dop *op, int cause)
{
	atomic_store(&op->f->sync_failed, true);
	journal_unlink(op->f->journal);
	return fs_fail(&op->fail, ERR_IO, "Failed to write to the disk:", op->f->path, cause);
}

/* Folders on some file systems, or without the right to read them, can't be synced. */
static int sync_folder(struct dop *op)
{
	if (op->f->fs->fsync(op->f->dirfd) < 0 && errno != EINVAL && errno != EBADF && errno != EROFS &&
		errno != ENOTSUP)
		return fs_fail(&op->fail, ERR_IO, "Failed to sync the folder of", op->f->path, errno);
	atomic_store(&op->f->folder_synced, true);
	return 0;
}

static int sync_run(struct dop *op)
{
	struct dfile *f = op->f;

	if (atomic_load(&f->sync_failed))
		return fail_set(&op->fail, ERR_IO, "An earlier write to the disk failed: %s", f->path);
	if (f->fs->fdatasync(f->fd) < 0)
		return sync_failed(op, errno);
	/* The entry of a new file in its folder is not the file's data: once. */
	return atomic_load(&f->folder_synced) ? 0 : sync_folder(op);
}

void dfile_sync(struct dfile *f, dfile_cb cb, void *arg)
{
	dop_start(dop_new(f, sync_run, cb, arg));
}

/* ---- giving room back ---- */

/* Only a hole, whatever the file system makes of it: what is not punched stays allocated, no more. */
static void punch(struct dfile *f, int64_t from, int64_t to)
{
	if (from < to)
		f->fs->fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, to - from);
}

/* A file that was taken is never cut below what it was. */
static int trim_run(struct dop *op)
{
	struct dfile *f = op->f;
	const struct ranges *have = &op->have;
	int64_t end = have->n > 0 ? have->v[have->n - 1].end : 0, at = f->taken > 0 ? f->taken : 0;
	struct stat st;

	if (f->at_name || f->fs->fstat(f->fd, &st) < 0)
		return 0;
	if (end < at)
		end = at;
	if (st.st_size > end && f->fs->ftruncate(f->fd, end) < 0)
		log_warn(DISK, "%s.part can't be cut: errno %d", f->path, errno);
	for (size_t i = 0; i < have->n; i++) {
		punch(f, at, have->v[i].start);
		at = at > have->v[i].end ? at : have->v[i].end;
	}
	return note_size(op);
}

void dfile_trim(struct dfile *f, const struct ranges *have, dfile_cb cb, void *arg)
{
	struct dop *op = dop_new(f, trim_run, cb, arg);

	ranges_copy(&op->have, have);
	dop_start(op);
}

/* ---- taking NAME ---- */

static int take_name(struct dop *op)
{
	struct dfile *f = op->f;

	if (!fs_is_same(f->fs, f->fd, f->dirfd, f->leaf))
		return fail_set(&op->fail, ERR_RENAME, "%s was moved or replaced by somebody else", f->path);
	if (fs_rename_new(f->fs, f->dirfd, f->leaf, f->part) < 0)
		return errno == EEXIST ? fail_set(&op->fail, ERR_EXISTS, "%s.part was made by somebody else meanwhile",
						 f->path)
				       : fs_fail(&op->fail, ERR_RENAME, "Failed to rename the file", f->path, errno);
	f->at_name = false;
	dfile_start_journal(f, &op->have);
	/* Before its size changes: under NAME the control file would be believed for what is only allocated. */
	return sync_folder(op);
}

static int take_run(struct dop *op)
{
	int err = op->f->at_name && !atomic_load(&op->f->cancel) ? take_name(op) : 0;

	return err ? err : size_run(op);
}

void dfile_take(struct dfile *f, int64_t n, enum alloc_mode alloc, const struct ranges *have, dfile_cb cb, void *arg)
{
	struct dop *op = dop_new(f, take_run, cb, arg);

	op->size = n;
	op->mode = alloc;
	ranges_copy(&op->have, have);
	dop_start(op);
}

/* ---- finish ---- */

static int finish_data(struct dop *op)
{
	struct dfile *f = op->f;
	struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = op->how.mtime}};
	struct stat st;
	int err;

	if (atomic_load(&f->sync_failed))
		return fail_set(&op->fail, ERR_IO, "An earlier write to the disk failed: %s", f->path);
	err = dfile_guard(f, &op->fail);
	if (err)
		return err;
	if (f->fs->fstat(f->fd, &st) < 0)
		return fs_fail(&op->fail, ERR_IO, "Failed to look at the file", f->path, errno);
	if (st.st_size < op->how.size)
		return fail_set(&op->fail, ERR_IO, "%s is shorter than it should be: %lld of %lld bytes", f->path,
			(long long)st.st_size, (long long)op->how.size);
	if (st.st_size > op->how.size && f->fs->ftruncate(f->fd, op->how.size) < 0)
		return fs_fail(&op->fail, ERR_IO, "Failed to set the size of", f->path, errno);
	atomic_store(&f->size, op->how.size);
	if (op->how.mtime >= 0 && f->fs->futimens(f->fd, t) < 0)
		log_warn(DISK, "%s: the time can't be set: errno %d", f->path, errno);
	guard_note(&f->guard, f->fs, f->fd); /* finishing may be tried again */
	if (f->fs->fsync(f->fd) < 0)
		return sync_failed(op, errno);
	err = op->how.dense ? guard_check_whole(&f->guard, f->fs, f->fd, op->how.size, f->path, &op->fail) : 0;
	return err ? foreign(f) : 0;
}

static int finish_name(struct dop *op)
{
	struct dfile *f = op->f;
	int r;

	if (!fs_is_same(f->fs, f->fd, f->dirfd, f->part))
		return fail_set(&op->fail, foreign(f), "%s.part was moved, removed or replaced by another program", f->path);
	journal_set_finished(f->journal);
	if (op->how.replace)
		r = f->fs->renameat2(f->dirfd, f->part, f->dirfd, f->leaf, 0);
	else
		r = fs_rename_new(f->fs, f->dirfd, f->part, f->leaf);
	if (r < 0 && errno == EEXIST)
		return fail_set(&op->fail, ERR_EXISTS,
			"%s was made by somebody else meanwhile; the download stays in %s.part", f->path, f->path);
	if (r < 0)
		return fs_fail(&op->fail, ERR_RENAME, "Failed to give the file its name", f->path, errno);
	atomic_store(&f->finished, true);
	return 0;
}

static int finish_run(struct dop *op)
{
	int err;

	if (!atomic_load(&op->f->finished)) {
		err = finish_data(op);
		if (!err)
			err = finish_name(op);
		if (err)
			return err;
		/* There was no NAME, or it was replaced: a control file speaks of something that is not there any more. */
		control_remove(op->f->fs, op->f->dirfd, op->f->leaf, op->f->path);
	}
	return sync_folder(op);
}

void dfile_finish(struct dfile *f, const struct dfile_finish *how, dfile_cb cb, void *arg)
{
	struct dop *op = dop_new(f, finish_run, cb, arg);

	op->how = *how;
	dop_start(op);
}

/* ---- close ---- */

static void close_run(void *arg)
{
	struct dfile *f = arg;
	bool drop = f->fate == DFILE_UNLINK && !atomic_load(&f->finished);

	if (f->fate == DFILE_RETURN && f->taken >= 0 && !atomic_load(&f->finished))
		dfile_return_name(f);
	/* A part that is not ours any more (moved away, replaced) is left alone. */
	if (drop && fs_is_same(f->fs, f->fd, f->dirfd, f->part) && f->fs->unlinkat(f->dirfd, f->part, 0) < 0)
		log_warn(DISK, "%s.part can't be removed: errno %d", f->path, errno);
	dfile_shut(f, drop || f->fate == DFILE_DOUBT);
}

static void close_done(void *arg, int status)
{
	struct dfile *f = arg;
	struct fail none = {0};
	dfile_cb cb;
	void *cb_arg;

	OBJ_CHECK(f, DFILE);
	cb = f->close_cb;
	cb_arg = f->close_arg;
	if (status)
		close_run(f); /* the pool did not, and descriptors must not leak */
	dfile_free(f);
	if (cb)
		cb(cb_arg, 0, &none);
}

static void close_start(struct dfile *f)
{
	work_submit(f->loop, f->dev, WORK_DISK, close_run, close_done, f);
}

void dfile_close(struct dfile *f, enum dfile_fate fate, dfile_cb cb, void *arg)
{
	OBJ_CHECK(f, DFILE);
	f->closing = true;
	f->fate = fate;
	f->close_cb = cb;
	f->close_arg = arg;
	atomic_store(&f->cancel, true);
	if (f->pending == 0)
		close_start(f);
}

void dfile_hold(struct dfile *f)
{
	OBJ_CHECK(f, DFILE);
	f->pending++;
}

void dfile_release(struct dfile *f)
{
	OBJ_CHECK(f, DFILE);
	if (--f->pending == 0 && f->closing)
		close_start(f);
}

const char *dfile_part_id(const struct dfile *f)
{
	return f->part_id;
}

const char *dfile_path(const struct dfile *f)
{
	return f->path;
}

uint64_t dfile_dev(const struct dfile *f)
{
	return f->dev;
}

size_t dfile_queued(const struct dfile *f)
{
	return f->queued;
}

int64_t dfile_size(const struct dfile *f)
{
	return atomic_load(&f->size);
}

int dfile_fd(const struct dfile *f)
{
	return f->fd;
}
