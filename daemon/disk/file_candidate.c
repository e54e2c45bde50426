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

/* Of a way to make the part: this file system does not know it. */
#define NO_SUCH_WAY 31

/* The final path is dir and name joined as text, as clients of aria2 expect it. */
void cand_set_names(struct dfile_opening *o, const char *leaf, unsigned n)
{
	struct dfile *f = o->f;
	const char *dir = *o->req.dir ? o->req.dir : ".";

	free(f->leaf);
	free(f->part);
	free(f->path);
	o->renamed = n;
	f->leaf = name_numbered(leaf, n);
	f->part = xasprintf("%s" NAME_SUFFIX, f->leaf);
	f->path = xasprintf(
		"%s/%.*s%s", strcmp(dir, "/") == 0 ? "" : dir, (int)(leaf - o->req.name), o->req.name, f->leaf);
}

int cand_look(struct dfile_opening *o, const char *name, struct stat *st)
{
	if (o->f->fs->fstatat(o->f->dirfd, name, st, AT_SYMLINK_NOFOLLOW) == 0)
		return LOOK_THERE;
	if (errno == ENOENT)
		return LOOK_FREE;
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
 * the process is killed or the power fails. NO_SUCH_WAY: not here. */
static int create_unnamed(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	char self[40];
	int cause;

	f->fd = f->fs->openat(f->dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	if (f->fd < 0)
		return NO_SUCH_WAY; /* or no descriptor is left: the other way will tell */
	lock(o, f->fd);
	dfile_start_journal(f, &(struct ranges){0});
	journal_sync(f->journal);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", f->fd);
	if (f->fs->linkat(AT_FDCWD, self, f->dirfd, f->part, AT_SYMLINK_FOLLOW) == 0) {
		o->made_part = true;
		return GOT_IT;
	}
	cause = errno;
	cand_let_go(f);
	return cause == EEXIST ? NAME_TAKEN : NO_SUCH_WAY;
}

static int create_named(struct dfile_opening *o)
{
	struct dfile *f = o->f;

	f->fd = f->fs->openat(f->dirfd, f->part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (f->fd < 0)
		return errno == EEXIST ? NAME_TAKEN
				       : fs_fail(&o->fail, ERR_CREATE, "Failed to create the file", f->path, errno);
	o->made_part = true;
	return lock(o, f->fd);
}

static int create_part(struct dfile_opening *o)
{
	struct stat st;
	int err = check_room(o, NULL);

	if (err)
		return err;
	err = cand_look(o, o->f->part, &st); /* before a journal is begun: an old one may say that it is ours */
	if (err != LOOK_FREE)
		return err < 0 ? err : NAME_TAKEN;
	err = create_unnamed(o);
	return err == NO_SUCH_WAY ? create_named(o) : err;
}

/* A regular file, opened for writing: 0 with f->fd and *st; NAME_TAKEN for anything else that lies there. */
static int open_unlocked(struct dfile_opening *o, const char *name, struct stat *st)
{
	struct dfile *f = o->f;

	/* O_NONBLOCK: the open of a FIFO must not wait for its other end. */
	f->fd = f->fs->openat(f->dirfd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	if (f->fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
		return NAME_TAKEN;
	if (f->fd < 0)
		return fs_fail(&o->fail, errno == ENOENT ? ERR_NOT_FOUND : ERR_OPEN, "Failed to open the file", f->path,
			errno);
	if (f->fs->fstat(f->fd, st) < 0)
		return fs_fail(&o->fail, ERR_OPEN, "Failed to open the file", f->path, errno);
	if (!S_ISREG(st->st_mode)) {
		cand_let_go(f);
		return NAME_TAKEN;
	}
	return 0;
}

static int lock_opened(struct dfile_opening *o, const char *name)
{
	struct dfile *f = o->f;
	int err = lock(o, f->fd), same;

	if (err)
		return err;
	same = fs_same(f->fs, f->fd, f->dirfd, name);
	if (same < 0)
		return fs_fail(&o->fail, ERR_OPEN, "Failed to look at the file", f->path, errno);
	if (!same) /* finished or removed before the lock was ours */
		return fail_set(&o->fail, ERR_SAME_FILE, "The file is being changed by somebody else: %s", f->path);
	return 0;
}

static int open_existing(struct dfile_opening *o, const char *name, struct stat *st)
{
	int err = open_unlocked(o, name, st);

	return err ? err : lock_opened(o, name);
}

/* The part is empty again, so it is as if made just now. The journal that names it is replaced and never missing: it may be the
 * only thing that says whose part that is. */
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

/* A descriptor that only names what lies there, whatever it is and whoever may read it: LOOK_THERE and *ret_fd, LOOK_FREE, or an
 * error. */
static int name_what_lies(struct dfile_opening *o, const char *name, int *ret_fd)
{
	*ret_fd = o->f->fs->openat(o->f->dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	if (*ret_fd >= 0)
		return LOOK_THERE;
	return errno == ENOENT ? LOOK_FREE : fs_fail(&o->fail, ERR_OPEN, "Failed to open the file", o->f->path, errno);
}

/* What the journal says (journal_is_of, journal_is_finished) as a judgement of the name: GOT_IT, NAME_TAKEN, or an error. */
static int judge(struct dfile_opening *o, int says)
{
	if (says < 0)
		return fs_fail(&o->fail, ERR_OPEN, "Failed to read the progress journal of", o->f->path, errno);
	return says ? GOT_IT : NAME_TAKEN;
}

/* Our own journal names NAME.part: GOT_IT (it is only looked at), NAME_TAKEN, or an error. */
static int own_part(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	int fd, r = f->journal_path ? name_what_lies(o, f->part, &fd) : LOOK_FREE;

	if (r != LOOK_THERE)
		return r < 0 ? r : NAME_TAKEN;
	r = judge(o, journal_is_of(f->fs, f->journal_path, fd));
	close(fd);
	return r;
}

/* Open our own part, empty. */
static int empty_part(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	struct stat st;
	int err = open_existing(o, f->part, &st);

	if (!err) /* since we looked another file may have been put there */
		err = judge(o, journal_is_of(f->fs, f->journal_path, f->fd));
	if (!err)
		err = check_room(o, NULL);
	if (!err && f->fs->ftruncate(f->fd, 0) < 0)
		err = fs_fail(&o->fail, ERR_OPEN, "Failed to set the size of", f->path, errno);
	return err;
}

/* NAME.part is there. When our own journal names it, an earlier life of this job made it and ended before that was durably known:
 * it is taken again, from the beginning, since nobody knows which version its bytes are of. One that is not ours is never locked:
 * another job may just have made it, and be about to. */
static int take_own_part(struct dfile_opening *o)
{
	int err = own_part(o);

	if (!err)
		err = empty_part(o);
	if (!err)
		begin_anew(o);
	if (err == ERR_NOT_FOUND || err == ERR_SAME_FILE)
		err = NAME_TAKEN;
	if (err == NAME_TAKEN)
		cand_let_go(o->f);
	return err;
}

/* Between the look at NAME and the making of NAME.part another job may have finished as NAME, which frees its part's name. Now
 * that the part is ours nobody can do so any more. */
static int name_still_free(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	struct stat st;
	int found = cand_look(o, f->leaf, &st);

	if (found != LOOK_THERE)
		return found < 0 ? found : GOT_IT;
	f->fs->unlinkat(f->dirfd, f->part, 0);
	cand_let_go(f);
	o->made_part = false;
	return NAME_TAKEN;
}

/* The ledger (dfile_place) or the journal (dfile_finish) says that it is the file that got its name: 1 or 0; -1 and errno. */
static int is_ours(struct dfile_opening *o, int fd)
{
	struct dfile *f = o->f;
	struct file_id id;

	if (o->req.named && ledger_identify(f->fs, fd, &id) == 0 && file_id_same(&id, o->req.named))
		return 1;
	return f->journal_path ? journal_is_finished(f->fs, f->journal_path, fd) : 0;
}

static bool has_size(const struct dfile_opening *o, int fd)
{
	struct stat st;

	return o->f->fs->fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (o->req.total < 0 || st.st_size == o->req.total);
}

/* NAME is there: did our own earlier life finish it, and end before that was known? GOT_IT, NAME_TAKEN, or an error. */
static int look_finished(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	int fd, r = name_what_lies(o, f->leaf, &fd);

	if (r != LOOK_THERE)
		return r < 0 ? r : NAME_TAKEN;
	r = judge(o, has_size(o, fd) ? is_ours(o, fd) : 0);
	close(fd);
	o->finished = r == GOT_IT;
	if (o->finished)
		control_remove(f->fs, f->dirfd, f->leaf, f->path);
	return r;
}

int cand_new(struct dfile_opening *o)
{
	struct stat st;
	int err = cand_look(o, o->f->leaf, &st);

	if (err != LOOK_FREE)
		return err < 0 ? err : look_finished(o);
	err = create_part(o);
	if (err == NAME_TAKEN)
		return take_own_part(o);
	return err ? err : name_still_free(o);
}

int cand_open_begun(struct dfile_opening *o, struct stat *st)
{
	struct stat part;
	int err = cand_look(o, o->f->part, &part);

	if (err != LOOK_FREE)
		return err < 0 ? err : NAME_TAKEN;
	err = check_room(o, st);
	if (!err)
		err = open_existing(o, o->f->leaf, st);
	if (!err && st->st_nlink > 1) /* under another name it is a file that nobody spoke of */
		err = NAME_TAKEN;
	if (err == ERR_SAME_FILE || err == ERR_NOT_FOUND)
		err = NAME_TAKEN;
	if (err == NAME_TAKEN)
		cand_let_go(o->f);
	return err;
}

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

	if (err != LOOK_THERE)
		return err < 0 ? err : create_part(o);
	if (!S_ISREG(st.st_mode) || o->req.total < 0 || st.st_size > o->req.total)
		return NAME_TAKEN;
	err = cand_open_begun(o, &st);
	if (!err && st.st_size > o->req.total)
		err = NAME_TAKEN;
	if (!err)
		err = cand_claim(o, &(struct ranges){.v = &(struct range){0, st.st_size}, .n = st.st_size > 0}, st.st_size);
	if (err == NAME_TAKEN)
		cand_let_go(f);
	return err;
}

int cand_overwrite(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	struct stat st;
	int err = cand_look(o, f->leaf, &st);

	if (err < 0 || (err == LOOK_THERE && !S_ISREG(st.st_mode)))
		return err < 0 ? err : NAME_TAKEN;
	err = create_part(o);
	if (err != NAME_TAKEN)
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
	struct file_id id;

	f->part_id[0] = '\0';
	if (fs_identify(f->fs, f->fd, &id) == 0)
		snprintf(f->part_id, sizeof(f->part_id), "%llu-%lld.%u", (unsigned long long)id.ino, (long long)id.birth_sec,
			id.birth_nsec);
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

	if (o->req.adopting && cand_look(o, o->f->leaf, &st) == LOOK_THERE)
		return fail_set(&o->fail, ERR_EXISTS, "The file %s exists beside an unfinished one", o->f->path);
	err = open_existing(o, o->f->part, &st);
	o->found_size = err ? 0 : st.st_size;
	if (!err && another_part(o)) {
		cand_let_go(o->f);
		err = ERR_NOT_FOUND;
	}
	if (err == ERR_NOT_FOUND) {
		err = look_finished(o);
		return err == NAME_TAKEN ? ERR_NOT_FOUND : err;
	}
	if (err == NAME_TAKEN)
		return fail_set(
			&o->fail, ERR_OPEN, "Failed to open the file %s.part, cause: no regular file", o->f->path);
	return err ? err : check_room(o, &st);
}
