/* SPDX-License-Identifier: MIT
 * Opening the file of a transfer: its folders, the choice of a free name, the lock, the journal, room and allocation.
 * All on the pool. Below `dir` every component is opened from its parent's descriptor without following links, so no
 * name leaves it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "disk/alloc.h"
#include "disk/file_priv.h"
#include "disk/fs.h"
#include "disk/journal.h"
#include "ev/loop.h"
#include "ev/work.h"

#define PART_SUFFIX ".part"
#define RENAME_MAX  9999
#define CONTROL_SUFFIX ".aria2"
#define TAKEN	    1 /* of a candidate: somebody else has this name */
#define NO_FOLDER   2 /* of a dry request: nothing can lie at the name */

/* Both begin as aria2's text does: clients look for that. */
#define EXISTS_TEXT                                                                                                    \
	"File %s exists, and auto-file-renaming is off, so nothing was changed. Delete the file, or set another out, " \
	"auto-file-renaming, continue or allow-overwrite."
#define PART_EXISTS_TEXT                                                                                               \
	"File %s exists as the unfinished %s of another download, and auto-file-renaming is off, so nothing was "      \
	"changed. Remove that download and its file, or set another out or auto-file-renaming."

struct dfile_opening {
	struct dfile_req req; /* strings are copies */
	dfile_open_cb cb;
	void *arg;
	struct dfile *f; /* being made */
	atomic_bool cancel;
	bool begun;
	bool made_part;	  /* NAME.part did not exist before */
	unsigned renamed; /* N of the name that was taken, 0: as asked */
	int64_t have_len;
	bool exists_whole, finished;
	int whole_fd; /* -1 */
	int64_t found_size, found_mtime;
	bool unfinished;
	struct ranges proof;
	struct alloc alloc;
	int err;
	struct fail fail;
};

/* ---- folders ---- */

static int open_folder(const struct fs_ops *fs, int at, const char *path, int more)
{
	int flags = O_DIRECTORY | O_CLOEXEC | more;
	int fd = fs->openat(at, path, O_RDONLY | flags, 0);

	/* A folder may be used without the right to list it. */
	return fd < 0 && errno == EACCES ? fs->openat(at, path, O_PATH | flags, 0) : fd;
}

static void make_parents(const struct fs_ops *fs, const char *dir)
{
	char *p = xstrdup(dir);

	for (char *s = strchr(p + 1, '/'); s; s = strchr(s + 1, '/')) {
		*s = '\0';
		fs->mkdirat(AT_FDCWD, p, 0777); /* the last step tells what is wrong */
		*s = '/';
	}
	free(p);
}

static int open_dir(struct dfile_opening *o)
{
	const char *dir = *o->req.dir ? o->req.dir : ".";
	const struct fs_ops *fs = o->f->fs;
	int made = 0;

	o->f->dirfd = open_folder(fs, AT_FDCWD, dir, 0);
	if (o->f->dirfd < 0 && errno == ENOENT && o->req.dry)
		return NO_FOLDER;
	if (o->f->dirfd < 0 && errno == ENOENT) {
		make_parents(fs, dir);
		made = fs->mkdirat(AT_FDCWD, dir, 0777) < 0 && errno != EEXIST ? errno : 0;
		o->f->dirfd = open_folder(fs, AT_FDCWD, dir, 0);
	}
	if (o->f->dirfd < 0)
		return fs_fail(&o->fail, ERR_MKDIR, "Failed to make the directory", dir, made ? made : errno);
	return 0;
}

/* One folder of the name, made when missing; dirfd moves down into it. */
static int descend(struct dfile_opening *o, const char *folder)
{
	struct dfile *f = o->f;
	struct stat st;
	int fd, cause = 0;

	if (!o->req.dry && f->fs->mkdirat(f->dirfd, folder, 0777) < 0 && errno != EEXIST)
		cause = errno; /* it may be there all the same */
	fd = open_folder(f->fs, f->dirfd, folder, O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT && o->req.dry)
		return NO_FOLDER;
	if (fd < 0) {
		cause = cause ? cause : errno;
		if (f->fs->fstatat(f->dirfd, folder, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
			return fail_set(&o->fail, ERR_INVAL, "%s is a symbolic link in the name %s: not followed",
				folder, o->req.name);
		return fs_fail(&o->fail, ERR_MKDIR, "Failed to make the directory", folder, cause);
	}
	close(f->dirfd);
	f->dirfd = fd;
	return 0;
}

static bool component_ok(const char *s, size_t n)
{
	return n > 0 && !(n == 1 && s[0] == '.') && !(n == 2 && s[0] == '.' && s[1] == '.');
}

/* Down the folders of the name; what is left is its last component. */
static int open_below(struct dfile_opening *o, const char **ret_leaf)
{
	const char *at = o->req.name + strspn(o->req.name, "/"); /* below dir all the same */
	size_t n = strcspn(at, "/");
	int err = 0;

	for (const char *s = at;; s += strcspn(s, "/") + 1) {
		if (!component_ok(s, strcspn(s, "/")))
			return fail_set(&o->fail, ERR_INVAL, "The file name is not allowed: \"%s\"", o->req.name);
		if (s[strcspn(s, "/")] == '\0')
			break;
	}
	for (; at[n] == '/' && !err; n = strcspn(at, "/")) {
		char *folder = xstrndup(at, n);
		err = descend(o, folder);
		free(folder);
		at += n + 1;
	}
	*ret_leaf = at;
	return err;
}

/* ---- one candidate ---- */

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
static void set_names(struct dfile_opening *o, const char *leaf, unsigned n)
{
	struct dfile *f = o->f;
	const char *dir = *o->req.dir ? o->req.dir : ".";

	free(f->leaf);
	free(f->part);
	free(f->path);
	f->leaf = candidate(leaf, n);
	f->part = xasprintf("%s" PART_SUFFIX, f->leaf);
	f->path = xasprintf(
		"%s/%.*s%s", strcmp(dir, "/") == 0 ? "" : dir, (int)(leaf - o->req.name), o->req.name, f->leaf);
}

/* 0 and *st, TAKEN when nothing is there (so that callers read naturally: no file), or an error. */
static int look(struct dfile_opening *o, const char *name, struct stat *st)
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

static int create_part(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	int err = check_room(o, NULL);

	if (err)
		return err;
	f->fd = f->fs->openat(f->dirfd, f->part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (f->fd < 0)
		return errno == EEXIST ? TAKEN
				       : fs_fail(&o->fail, ERR_CREATE, "Failed to create the file", f->path, errno);
	o->made_part = true;
	return lock(o, f->fd);
}

/* A regular file, opened for writing and locked: 0 with f->fd and *st; TAKEN for anything else that lies there. */
static int open_existing(struct dfile_opening *o, const char *name, struct stat *st)
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
		close(f->fd);
		f->fd = -1;
		return TAKEN;
	}
	int err = lock(o, f->fd);
	if (!err && !fs_is_same(f->fs, f->fd, f->dirfd, name)) /* finished or removed before the lock was ours */
		err = fail_set(&o->fail, ERR_SAME_FILE, "The file is being changed by somebody else: %s", f->path);
	return err;
}

/* NAME.part is there. When our own journal names it, an earlier life of this job made it and ended before that was durably known:
 * it is taken again, from the beginning, since nobody knows which version its bytes are of. */
static int take_own_part(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	struct stat st;
	int err = f->journal_path ? open_existing(o, f->part, &st) : TAKEN;

	if (err == ERR_NOT_FOUND || err == ERR_SAME_FILE || err == ERR_OPEN)
		err = TAKEN;
	if (!err && !journal_is_of(f->fs, f->journal_path, f->fd))
		err = TAKEN;
	if (!err)
		err = check_room(o, NULL);
	if (!err && f->fs->ftruncate(f->fd, 0) < 0)
		err = fs_fail(&o->fail, ERR_OPEN, "Failed to set the size of", f->path, errno);
	if (err == TAKEN && f->fd >= 0) {
		close(f->fd);
		f->fd = -1;
	}
	return err;
}

/* Between the look at NAME and the making of NAME.part another job may have finished as NAME, which frees its part's name. Now
 * that the part is ours nobody can do so any more. */
static int name_still_free(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	struct stat st;
	int err = look(o, f->leaf, &st);

	if (err == TAKEN) /* nothing there */
		return 0;
	if (err < 0)
		return err;
	f->fs->unlinkat(f->dirfd, f->part, 0);
	close(f->fd);
	f->fd = -1;
	o->made_part = false;
	return TAKEN;
}

static int try_new(struct dfile_opening *o)
{
	struct stat st;
	int err = look(o, o->f->leaf, &st);

	if (err < 0)
		return err;
	if (err == 0)
		return TAKEN;
	err = create_part(o);
	if (err == TAKEN)
		return take_own_part(o);
	return err ? err : name_still_free(o);
}

static int try_continue(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	struct stat st;
	int err = look(o, f->leaf, &st);

	if (err == TAKEN)
		return create_part(o);
	if (err < 0)
		return err;
	if (!S_ISREG(st.st_mode) || o->req.total < 0 || st.st_size > o->req.total)
		return TAKEN;
	err = check_room(o, &st);
	if (!err)
		err = open_existing(o, f->leaf, &st);
	if (err)
		return err;
	if (fs_rename_new(f->fs, f->dirfd, f->leaf, f->part) < 0) {
		err = errno == EEXIST ? TAKEN
				      : fs_fail(&o->fail, ERR_RENAME, "Failed to rename the file", f->path, errno);
		close(f->fd);
		f->fd = -1;
		return err;
	}
	f->taken = st.st_size;
	o->have_len = st.st_size;
	return 0;
}

static int try_overwrite(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	struct stat st;
	int err = look(o, f->leaf, &st);

	if (err < 0 || (err == 0 && !S_ISREG(st.st_mode)))
		return err < 0 ? err : TAKEN;
	err = create_part(o);
	if (err != TAKEN)
		return err;
	/* Not emptied but replaced: a job that may still own the old one must find that it is gone. */
	err = open_existing(o, f->part, &st);
	if (err)
		return err;
	close(f->fd);
	f->fd = -1;
	if (f->fs->unlinkat(f->dirfd, f->part, 0) < 0)
		return fs_fail(&o->fail, ERR_OPEN, "Failed to remove the old part of", f->path, errno);
	return create_part(o);
}

/* NAME.part is gone: was it renamed by dfile_finish? */
static int look_finished(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	struct stat st;
	int fd;

	fd = f->fs->openat(f->dirfd, f->leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	if (fd >= 0) {
		o->finished = f->journal_path && f->fs->fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
			      (o->req.total < 0 || st.st_size == o->req.total) &&
			      journal_is_finished(f->fs, f->journal_path, fd);
		close(fd);
	}
	return o->finished ? 0 : ERR_NOT_FOUND;
}

static void read_part_id(struct dfile *f)
{
	struct statx st;

	f->part_id[0] = '\0';
	if (f->fs->statx(f->fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st) < 0)
		return;
	if (!(st.stx_mask & STATX_BTIME))
		st.stx_btime.tv_sec = 0, st.stx_btime.tv_nsec = 0;
	snprintf(f->part_id, sizeof(f->part_id), "%llu-%lld.%u", (unsigned long long)st.stx_ino,
		(long long)st.stx_btime.tv_sec, st.stx_btime.tv_nsec);
}

/* Somebody removed our part, and another file has its name now. */
static bool another_part(struct dfile_opening *o)
{
	read_part_id(o->f);
	return o->req.part_id && *o->req.part_id && o->f->part_id[0] && strcmp(o->req.part_id, o->f->part_id) != 0;
}

static int try_resume(struct dfile_opening *o)
{
	struct stat st;
	int err = open_existing(o, o->f->part, &st);

	o->found_size = err ? 0 : st.st_size;
	if (!err && another_part(o)) {
		close(o->f->fd);
		o->f->fd = -1;
		err = ERR_NOT_FOUND;
	}
	if (err == ERR_NOT_FOUND)
		return look_finished(o);
	if (err == TAKEN)
		return fail_set(
			&o->fail, ERR_OPEN, "Failed to open the file %s.part, cause: no regular file", o->f->path);
	return err ? err : check_room(o, &st);
}

/* ---- what is there already ---- */

/* The regular file of that stat at NAME, for its size, its time and its content. */
static void note_found(struct dfile_opening *o, const struct stat *st)
{
	struct dfile *f = o->f;

	o->found_size = st->st_size;
	o->found_mtime = st->st_mtim.tv_sec;
	o->whole_fd = f->fs->openat(f->dirfd, f->leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
}

/* NAME may be there whole: 1 when it was looked at and isn't. */
static int try_whole(struct dfile_opening *o)
{
	struct stat st;
	int err;

	if (o->req.how != OPEN_CONTINUE && (!o->req.check_whole || o->req.how == OPEN_RESUME))
		return 1;
	err = look(o, o->f->leaf, &st);
	if (err != 0 || !S_ISREG(st.st_mode) || st.st_size != o->req.total)
		return err < 0 ? err : 1;
	note_found(o, &st);
	if (o->whole_fd < 0)
		return fs_fail(&o->fail, ERR_OPEN, "Failed to open the file", o->f->path, errno);
	o->exists_whole = true;
	return 0;
}

static bool lies_there(struct dfile_opening *o, const char *name)
{
	struct stat st;

	return o->f->fs->fstatat(o->f->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What try_new, try_continue and try_overwrite would do, without doing it. */
static int try_dry_as(struct dfile_opening *o, enum open_how how)
{
	struct dfile *f = o->f;
	struct stat st;
	int err = look(o, f->leaf, &st);

	if (err < 0)
		return err;
	if (err == TAKEN) /* nothing there */
		return how != OPEN_OVERWRITE && lies_there(o, f->part) ? TAKEN : 0;
	if (!S_ISREG(st.st_mode))
		return TAKEN;
	return how == OPEN_OVERWRITE || (how == OPEN_CONTINUE && st.st_size <= o->req.total) ? 0 : TAKEN;
}

static int try_dry_new(struct dfile_opening *o)
{
	return try_dry_as(o, OPEN_NEW);
}

static int try_dry(struct dfile_opening *o)
{
	char *control = xasprintf("%s" CONTROL_SUFFIX, o->f->leaf);
	struct stat st;

	if (look(o, o->f->leaf, &st) == 0 && S_ISREG(st.st_mode))
		note_found(o, &st);
	o->unfinished = lies_there(o, o->f->part) || lies_there(o, control);
	free(control);
	if (o->req.check_whole && o->found_size == o->req.total)
		return 0;
	return try_dry_as(o, o->req.how);
}

/* ---- the choice ---- */

typedef int (*try_fn)(struct dfile_opening *o);

static int fail_taken(struct dfile_opening *o)
{
	struct stat st;

	if (look(o, o->f->leaf, &st) == TAKEN) /* nothing there */
		return fail_set(&o->fail, ERR_EXISTS, PART_EXISTS_TEXT, o->f->path, o->f->part);
	return fail_set(&o->fail, ERR_EXISTS, EXISTS_TEXT, o->f->path);
}

static int choose_name(struct dfile_opening *o, const char *leaf)
{
	static const try_fn real[] = {
		[OPEN_NEW] = try_new,
		[OPEN_RESUME] = try_resume,
		[OPEN_CONTINUE] = try_continue,
		[OPEN_OVERWRITE] = try_overwrite,
	};
	try_fn first = o->req.dry ? try_dry : real[o->req.how], other = o->req.dry ? try_dry_new : try_new;
	unsigned n = 0;
	int err;

	set_names(o, leaf, 0);
	err = o->req.dry ? 1 : try_whole(o);
	if (err <= 0)
		return err;
	err = first(o);
	if (err == TAKEN && !o->req.rename)
		return fail_taken(o);
	while (err == TAKEN && n < RENAME_MAX && !atomic_load(&o->cancel)) {
		set_names(o, leaf, ++n);
		err = other(o);
	}
	o->renamed = n;
	if (err == TAKEN)
		return fail_set(
			&o->fail, ERR_RENAME, "No free name: %s and %d others are taken", o->f->path, RENAME_MAX - 1);
	return err;
}

static void start_journal(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	bool resume = o->req.how == OPEN_RESUME;
	struct ranges ignored;

	if (!f->journal_path)
		return;
	ranges_init(&ignored);
	if (!resume)
		f->fs->unlinkat(AT_FDCWD, f->journal_path, 0);
	if (journal_open(f->fs, f->journal_path, f->fd, resume ? &o->proof : &ignored, &f->journal) < 0)
		log_warn(DISK, "%s can't be written (errno %d): after a crash more will be fetched again",
			f->journal_path, errno);
	if (o->have_len > 0)
		journal_slot_move(f->journal, journal_slot_get(f->journal, 0), o->have_len);
	ranges_free(&ignored);
}

/* A dry request found no folder: the name is free. */
static int nothing_there(struct dfile_opening *o)
{
	const char *slash = strrchr(o->req.name, '/');

	set_names(o, slash ? slash + 1 : o->req.name, 0);
	return 0;
}

static int open_all(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	enum alloc_mode mode = o->req.total < o->req.alloc_min ? ALLOC_NONE : o->req.alloc;
	const char *leaf = NULL;
	int err = open_dir(o);

	o->begun = true;
	if (!err)
		err = open_below(o, &leaf);
	if (err == NO_FOLDER)
		return nothing_there(o);
	if (!err)
		err = choose_name(o, leaf);
	if (err || o->req.dry || o->exists_whole || o->finished)
		return err;
	start_journal(o);
	err = alloc_begin(&o->alloc, f->fs, f->fd, f->path, mode, o->req.total, &o->fail);
	return err ? err : 1;
}

static int note_size(struct dfile_opening *o)
{
	struct stat st;

	if (o->f->fs->fstat(o->f->fd, &st) < 0)
		return fs_fail(&o->fail, ERR_OPEN, "Failed to look at the file", o->f->path, errno);
	atomic_store(&o->f->size, st.st_size);
	read_part_id(o->f);
	return 0;
}

/* Leave things as they were found. */
static void undo(struct dfile_opening *o)
{
	struct dfile *f = o->f;

	if (f->taken >= 0) {
		dfile_return_name(f);
	} else if (o->made_part) {
		f->fs->unlinkat(f->dirfd, f->part, 0);
	}
	dfile_shut(f, o->req.how != OPEN_RESUME);
}

static void open_run(void *arg)
{
	struct dfile_opening *o = arg;
	int err;

	if (atomic_load(&o->cancel))
		err = fail_set(&o->fail, ERR_CANCELED, NULL);
	else if (!o->begun)
		err = open_all(o);
	else
		err = alloc_step(&o->alloc, &o->fail);
	if (err == 0 && o->f->fd >= 0)
		err = note_size(o);
	if (err < 0)
		undo(o);
	else if (err == 0 && o->f->fd < 0)
		dfile_shut(o->f, false);
	o->err = err;
}

/* ---- loop thread ---- */

static void opening_free(struct dfile_opening *o)
{
	alloc_end(&o->alloc);
	ranges_free(&o->proof);
	free((char *)o->req.dir);
	free((char *)o->req.name);
	free((char *)o->req.part_id);
	if (o->whole_fd >= 0)
		close(o->whole_fd);
	if (o->f)
		dfile_free(o->f);
	free(o);
}

static void open_done(void *arg, int status)
{
	struct dfile_opening *o = arg;
	struct dfile *f = o->f;
	struct dfile_opened r = {.path = f->path,
		.have_len = o->have_len,
		.journal = &o->proof,
		.finished = o->finished,
		.exists_whole = o->exists_whole,
		.found_size = o->found_size,
		.found_mtime = o->found_mtime,
		.unfinished = o->unfinished,
		.whole_fd = o->whole_fd};

	if (status == 0 && o->err > 0) {
		work_submit(f->loop, WORK_DISK, open_run, open_done, o);
		return;
	}
	if (status) {
		o->err = fail_set(&o->fail, status, NULL);
		undo(o);
	}
	if (o->err == ERR_NOT_FOUND)
		fail_set(&o->fail, ERR_NOT_FOUND, "The unfinished file is gone: %s" PART_SUFFIX, f->path);
	if (o->err == 0 && f->fd >= 0) {
		r.file = f;
		o->f = NULL;
		if (o->renamed)
			log_notice(DISK, "File already exists. Renamed to %s.", f->path);
	}
	o->fail.code = o->err; /* tries that failed on the way may have left theirs */
	o->cb(o->arg, o->err, &o->fail, o->err ? NULL : &r);
	opening_free(o);
}

struct dfile_opening *dfile_open(struct loop *l, const struct dfile_req *req, dfile_open_cb cb, void *arg)
{
	struct dfile_opening *o = xcalloc(1, sizeof(*o));

	o->req = *req;
	o->req.dir = xstrdup(req->dir);
	o->req.name = xstrdup(req->name);
	o->req.part_id = xstrdup(req->part_id);
	o->cb = cb;
	o->arg = arg;
	o->whole_fd = -1;
	o->found_size = -1;
	ranges_init(&o->proof);
	o->f = dfile_new(l, req->fs ? req->fs : &fs_real);
	o->f->journal_path = xstrdup(req->journal);
	o->f->reserve = req->reserve;
	work_submit(l, WORK_DISK, open_run, open_done, o);
	return o;
}

void dfile_open_cancel(struct dfile_opening *o)
{
	atomic_store(&o->cancel, true);
}
