/* SPDX-License-Identifier: MIT
 * One name that the file of a transfer might get: is it free, may what lies there be gone on with, and who holds it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "disk/file_open_priv.h"
#include "disk/journal.h"

#define TAKEN_MEANWHILE 2

static char *candidate(const char *leaf, unsigned n)
{
	const char *dot = strrchr(leaf, '.');

	if (n == 0)
		return xstrdup(leaf);
	if (!dot || dot == leaf)
		return xasprintf("%s.%u", leaf, n);
	return xasprintf("%.*s.%u%s", (int)(dot - leaf), leaf, n, dot);
}

/* The final path is dir and name joined as text, as clients of aria2 expect it. */
void cand_set_names(struct dfile_opening *o, const char *leaf, unsigned n)
{
	struct dfile *f = o->f;
	const char *dir = *o->req.dir ? o->req.dir : ".";

	free(f->leaf);
	free(f->part);
	free(f->path);
	o->renamed = n;
	f->leaf = candidate(leaf, n);
	f->part = xasprintf("%s" NAME_SUFFIX, f->leaf);
	f->path = xasprintf(
		"%s/%.*s%s", strcmp(dir, "/") == 0 ? "" : dir, (int)(leaf - o->req.name), o->req.name, f->leaf);
}

/* 0 and *st, TAKEN when nothing is there (so that callers read naturally: no file), or an error. */
int cand_look(struct dfile_opening *o, const char *name, struct stat *st)
{
	if (o->f->fs->fstatat(o->f->dirfd, name, st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (errno == ENOENT)
		return TAKEN;
	return fs_fail(
		&o->fail, errno == ENAMETOOLONG ? ERR_CREATE : ERR_OPEN, "Failed to open the file", o->f->path, errno);
}

/* Only one process, and one job in it, may hold the part. File systems without locks go without. */
static int lock(struct dfile_opening *o, int fd)
{
	if (o->f->fs->flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return fail_set(
			&o->fail, ERR_SAME_FILE, "The file is being downloaded by somebody else: %s", o->f->path);
	return 0;
}

static int check_room(struct dfile_opening *o, const struct stat *st)
{
	static const struct stat nothing;

	return alloc_check_room(o->f->fs, o->f->dirfd, *o->req.dir ? o->req.dir : ".",
		alloc_missing(st ? st : &nothing, o->req.total), o->req.reserve, &o->fail);
}

void cand_let_go(struct dfile *f)
{
	journal_close(f->journal, true); /* of a part that is not to be */
	f->journal = NULL;
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

/* A file without a name first: NAME.part never lies there without our lock and without the journal that names it, whenever
 * the process is killed or the power fails. 1: not here. */
static int create_unnamed(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	char self[40];
	int cause;

	f->fd = f->fs->openat(f->dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	if (f->fd < 0)
		return 1;
	lock(o, f->fd);
	dfile_start_journal(f, &(struct ranges){0});
	journal_sync(f->journal);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", f->fd);
	if (f->fs->linkat(AT_FDCWD, self, f->dirfd, f->part, AT_SYMLINK_FOLLOW) == 0) {
		o->made_part = true;
		return 0;
	}
	cause = errno;
	cand_let_go(f);
	return cause == EEXIST ? TAKEN_MEANWHILE : 1;
}

static int create_named(struct dfile_opening *o)
{
	struct dfile *f = o->f;

	f->fd = f->fs->openat(f->dirfd, f->part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (f->fd < 0)
		return errno == EEXIST ? TAKEN
				       : fs_fail(&o->fail, ERR_CREATE, "Failed to create the file", f->path, errno);
	o->made_part = true;
	return lock(o, f->fd);
}

static int create_part(struct dfile_opening *o)
{
	struct stat st;
	int err = check_room(o, NULL);

	if (!err)
		err = cand_look(o, o->f->part, &st); /* before a journal is begun: an old one may say that it is ours */
	if (err != TAKEN)
		return err < 0 ? err : TAKEN;
	err = create_unnamed(o);
	if (err == TAKEN_MEANWHILE)
		return TAKEN;
	return err ? create_named(o) : 0;
}

/* A regular file, opened for writing: 0 with f->fd and *st; TAKEN for anything else that lies there. */
static int open_unlocked(struct dfile_opening *o, const char *name, struct stat *st)
{
	struct dfile *f = o->f;

	/* O_NONBLOCK: the open of a FIFO must not wait for its other end. */
	f->fd = f->fs->openat(f->dirfd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	if (f->fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
		return TAKEN;
	if (f->fd < 0)
		return fs_fail(&o->fail, errno == ENOENT ? ERR_NOT_FOUND : ERR_OPEN, "Failed to open the file", f->path,
			errno);
	if (f->fs->fstat(f->fd, st) < 0)
		return fs_fail(&o->fail, ERR_OPEN, "Failed to open the file", f->path, errno);
	if (!S_ISREG(st->st_mode)) {
		cand_let_go(f);
		return TAKEN;
	}
	return 0;
}

static int lock_opened(struct dfile_opening *o, const char *name)
{
	struct dfile *f = o->f;
	int err = lock(o, f->fd);

	if (!err && !fs_is_same(f->fs, f->fd, f->dirfd, name)) /* finished or removed before the lock was ours */
		err = fail_set(&o->fail, ERR_SAME_FILE, "The file is being changed by somebody else: %s", f->path);
	return err;
}

static int open_existing(struct dfile_opening *o, const char *name, struct stat *st)
{
	int err = open_unlocked(o, name, st);

	return err ? err : lock_opened(o, name);
}

/* The part is empty again, so it is as if made just now. The journal that names it is replaced and never missing: it may be the only
 * thing that says whose part that is. */
static void begin_anew(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	struct ranges none;

	o->made_part = true;
	ranges_init(&none);
	if (journal_open(f->fs, f->journal_path, f->fd, &none, &f->journal) < 0)
		log_warn(DISK, "%s can't be written (errno %d): after a crash more will be fetched again", f->journal_path,
			errno);
	journal_sync(f->journal);
	ranges_free(&none);
}

/* NAME.part is there. When our own journal names it, an earlier life of this job made it and ended before that was durably known:
 * it is taken again, from the beginning, since nobody knows which version its bytes are of. One that is not ours is never locked:
 * another job may just have made it, and be about to. */
static int take_own_part(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	struct stat st;
	int err = f->journal_path ? open_unlocked(o, f->part, &st) : TAKEN;

	if (!err && !journal_is_of(f->fs, f->journal_path, f->fd))
		err = TAKEN;
	if (!err)
		err = lock_opened(o, f->part);
	if (err == ERR_NOT_FOUND || err == ERR_SAME_FILE || err == ERR_OPEN)
		err = TAKEN;
	if (!err)
		err = check_room(o, NULL);
	if (!err && f->fs->ftruncate(f->fd, 0) < 0)
		err = fs_fail(&o->fail, ERR_OPEN, "Failed to set the size of", f->path, errno);
	if (!err)
		begin_anew(o);
	if (err == TAKEN)
		cand_let_go(f);
	return err;
}

/* Between the look at NAME and the making of NAME.part another job may have finished as NAME, which frees its part's name. Now
 * that the part is ours nobody can do so any more. */
static int name_still_free(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	struct stat st;
	int err = cand_look(o, f->leaf, &st);

	if (err == TAKEN) /* nothing there */
		return 0;
	if (err < 0)
		return err;
	f->fs->unlinkat(f->dirfd, f->part, 0);
	cand_let_go(f);
	o->made_part = false;
	return TAKEN;
}

/* The ledger (dfile_place) or the journal (dfile_finish) says that it is the file that got its name. */
static bool is_ours(struct dfile_opening *o, int fd)
{
	struct dfile *f = o->f;
	struct ledger_id id;

	if (o->req.named && ledger_identify(f->fs, fd, &id) == 0 && ledger_same(&id, o->req.named))
		return true;
	return f->journal_path && journal_is_finished(f->fs, f->journal_path, fd);
}

/* NAME is there: did our own earlier life finish it, and end before that was known? */
static bool is_finished(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	struct stat st;
	int fd = f->fs->openat(f->dirfd, f->leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);

	if (fd >= 0) {
		o->finished = f->fs->fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
			      (o->req.total < 0 || st.st_size == o->req.total) && is_ours(o, fd);
		close(fd);
	}
	if (o->finished)
		control_remove(f->fs, f->dirfd, f->leaf, f->path);
	return o->finished;
}

int cand_new(struct dfile_opening *o)
{
	struct stat st;
	int err = cand_look(o, o->f->leaf, &st);

	if (err < 0)
		return err;
	if (err == 0)
		return is_finished(o) ? 0 : TAKEN;
	err = create_part(o);
	if (err == TAKEN)
		return take_own_part(o);
	return err ? err : name_still_free(o);
}

/* NAME (st), which another program began, is there: open it. TAKEN: NAME.part is there as well, or another job was faster. */
int cand_open_begun(struct dfile_opening *o, struct stat *st)
{
	struct stat part;
	int err = cand_look(o, o->f->part, &part);

	if (err != TAKEN)
		return err < 0 ? err : TAKEN;
	err = check_room(o, st);
	if (!err)
		err = open_existing(o, o->f->leaf, st);
	if (!err && st->st_nlink > 1) /* under another name it is a file that nobody spoke of */
		err = ERR_SAME_FILE;
	if (err != ERR_SAME_FILE && err != ERR_NOT_FOUND)
		return err;
	cand_let_go(o->f);
	return TAKEN;
}

/* These bytes of NAME, which has `size`, are there. They count from when they are on the disk. Nothing is changed here. */
int cand_claim(struct dfile_opening *o, const struct ranges *have, int64_t size)
{
	struct dfile *f = o->f;

	if (f->fs->fdatasync(f->fd) < 0)
		return fs_fail(&o->fail, ERR_IO, "Failed to write to the disk:", f->path, errno);
	ranges_copy(&o->begun, have);
	f->taken = size;
	f->at_name = true;
	return 0;
}

int cand_continue(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	struct stat st;
	int err = cand_look(o, f->leaf, &st);

	if (err == TAKEN)
		return create_part(o);
	if (err < 0)
		return err;
	if (!S_ISREG(st.st_mode) || o->req.total < 0 || st.st_size > o->req.total)
		return TAKEN;
	err = cand_open_begun(o, &st);
	if (!err && st.st_size > o->req.total)
		err = TAKEN;
	if (!err)
		err = cand_claim(o, &(struct ranges){.v = &(struct range){0, st.st_size}, .n = st.st_size > 0}, st.st_size);
	if (err == TAKEN)
		cand_let_go(f);
	return err;
}

int cand_overwrite(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	struct stat st;
	int err = cand_look(o, f->leaf, &st);

	if (err < 0 || (err == 0 && !S_ISREG(st.st_mode)))
		return err < 0 ? err : TAKEN;
	err = create_part(o);
	if (err != TAKEN)
		return err;
	/* Not emptied but replaced: a job that may still own the old one must find that it is gone. */
	err = open_existing(o, f->part, &st);
	if (err)
		return err;
	cand_let_go(f);
	if (f->fs->unlinkat(f->dirfd, f->part, 0) < 0)
		return fs_fail(&o->fail, ERR_OPEN, "Failed to remove the old part of", f->path, errno);
	return create_part(o);
}

void cand_read_part_id(struct dfile *f)
{
	struct statx st;

	f->part_id[0] = '\0';
	if (f->fs->statx(f->fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st) < 0)
		return;
	if (!(st.stx_mask & STATX_BTIME))
		st.stx_btime.tv_sec = 0, st.stx_btime.tv_nsec = 0;
	snprintf(f->part_id, sizeof(f->part_id), "%llu-%lld.%u", (unsigned long long)fs_lasting_ino(f->fs, f->fd, &st),
		(long long)st.stx_btime.tv_sec, st.stx_btime.tv_nsec);
}

/* Somebody removed our part, and another file has its name now. */
static bool another_part(struct dfile_opening *o)
{
	cand_read_part_id(o->f);
	return o->req.part_id && *o->req.part_id && o->f->part_id[0] && strcmp(o->req.part_id, o->f->part_id) != 0;
}

int cand_resume(struct dfile_opening *o)
{
	struct stat st;
	int err;

	if (o->req.adopting && cand_look(o, o->f->leaf, &st) == 0)
		return fail_set(&o->fail, ERR_EXISTS, "The file %s exists beside an unfinished one", o->f->path);
	err = open_existing(o, o->f->part, &st);
	o->found_size = err ? 0 : st.st_size;
	if (!err && another_part(o)) {
		cand_let_go(o->f);
		err = ERR_NOT_FOUND;
	}
	if (err == ERR_NOT_FOUND)
		return is_finished(o) ? 0 : ERR_NOT_FOUND;
	if (err == TAKEN)
		return fail_set(
			&o->fail, ERR_OPEN, "Failed to open the file %s.part, cause: no regular file", o->f->path);
	return err ? err : check_room(o, &st);
}
