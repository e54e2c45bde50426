/* SPDX-License-Identifier: MIT
 * Opening the file of a transfer: its folders, the choice of a free name, the lock, the journal, room and allocation.
 * All on the pool. `dir` is opened beneath the allowed folder (folder.h); below it every component is opened from its
 * parent's descriptor without following links, so no name leaves it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "disk/file_open_priv.h"
#include "disk/folder.h"
#include "disk/journal.h"
#include "ev/loop.h"
#include "ev/mounts.h"
#include "ev/work.h"

#define RENAME_MAX  9999

/* What became of the folders: else a negative error. */
enum {
	FOLDER_OPEN = 0,
	NO_FOLDER = 21, /* of a dry request: nothing can lie at the name */
};

/* Both begin as aria2's text does: clients look for that. */
#define EXISTS_TEXT                                                                                                    \
	"File %s exists, and auto-file-renaming is off, so nothing was changed. Delete the file, or set another out, " \
	"auto-file-renaming, continue or allow-overwrite."
#define PART_EXISTS_TEXT                                                                                               \
	"File %s exists unfinished, as %s, and auto-file-renaming is off, so nothing was changed. Delete that if no "  \
	"download needs it any more, or set another out or auto-file-renaming."

/* ---- folders ---- */

static int open_dir(struct dfile_opening *o)
{
	const struct folder_req req = {.root = o->req.root, .dir = *o->req.dir ? o->req.dir : ".", .make = !o->req.dry};
	int err = folder_open(o->f->fs, &req, &o->f->dirfd, &o->fail);

	return err == ERR_NOT_FOUND ? NO_FOLDER : err;
}

/* One folder of the name, made when missing; dirfd moves down into it. */
static int descend(struct dfile_opening *o, const char *folder)
{
	struct dfile *f = o->f;
	int fd, err = folder_step(f->fs, f->dirfd, folder, !o->req.dry, &fd, &o->fail);

	if (err)
		return err == ERR_NOT_FOUND ? NO_FOLDER : err;
	close(f->dirfd);
	f->dirfd = fd;
	return FOLDER_OPEN;
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

typedef int (*try_fn)(struct dfile_opening *o);

/* NAME as it is, whole, or what the rules say. */
static int try_rules(struct dfile_opening *o, try_fn rules)
{
	int err = look_whole(o);

	return err == NOT_WHOLE ? rules(o) : err;
}

/* The candidate has a control file, but not of a torrent. */
static int try_with_control(struct dfile_opening *o, enum control_kind kind, struct control *c, try_fn rules)
{
	struct dfile *f = o->f;
	struct stat st;
	int there = cand_look(o, f->leaf, &st);
	int err;

	if (there < 0)
		return there;
	if (there == LOOK_THERE && !o->req.remove_control && S_ISREG(st.st_mode) && o->req.total > 0)
		return takeover_try(o, kind, c, &st);
	err = try_rules(o, rules);
	/* Without NAME only once NAME.part is made: else it may belong to a part that was taken over. */
	if (there == LOOK_THERE ? o->req.remove_control && err >= 0 : err == GOT_IT)
		control_remove(f->fs, f->dirfd, f->leaf, f->path);
	return err;
}

/* A control file comes before all other rules, as with aria2. */
static int try_candidate(struct dfile_opening *o, try_fn rules)
{
	struct control c;
	enum control_kind kind = control_read(o->f->fs, o->f->dirfd, o->f->leaf, &c);
	int err;

	if (kind == CONTROL_NONE)
		err = try_rules(o, rules);
	else if (kind == CONTROL_TORRENT)
		err = NAME_TAKEN;
	else
		err = try_with_control(o, kind, &c, rules);
	ranges_free(&c.have);
	return err;
}

/* ---- the choice ---- */

static int fail_taken(struct dfile_opening *o)
{
	struct stat st;

	if (cand_look(o, o->f->leaf, &st) == LOOK_FREE)
		return fail_set(&o->fail, ERR_EXISTS, PART_EXISTS_TEXT, o->f->path, o->f->part);
	return fail_set(&o->fail, ERR_EXISTS, EXISTS_TEXT, o->f->path);
}

static int choose_name(struct dfile_opening *o, const char *leaf)
{
	static const try_fn rules[] = {
		[OPEN_NEW] = cand_new,
		[OPEN_CONTINUE] = cand_continue,
		[OPEN_OVERWRITE] = cand_overwrite,
	};
	unsigned n = 0;
	int err;

	cand_set_names(o, leaf, 0);
	if (o->req.dry)
		err = look_dry(o);
	else if (o->req.how == OPEN_RESUME)
		err = cand_resume(o);
	else
		err = try_candidate(o, rules[o->req.how]);
	if (err == NAME_TAKEN && !o->req.rename)
		return fail_taken(o);
	while (err == NAME_TAKEN && n < RENAME_MAX && !atomic_load(&o->cancel)) {
		cand_set_names(o, leaf, ++n);
		err = o->req.dry ? look_dry_new(o) : try_candidate(o, cand_new);
	}
	if (err == NAME_TAKEN)
		return fail_set(
			&o->fail, ERR_RENAME, "No free name: %s and %d others are taken", o->f->path, RENAME_MAX - 1);
	return err;
}

static void start_journal(struct dfile_opening *o)
{
	struct dfile *f = o->f;

	if (f->journal) /* begun with the part */
		return;
	if (o->req.how != OPEN_RESUME)
		dfile_start_journal(f, &(struct ranges){0});
	else if (f->journal_path && journal_open(f->fs, f->journal_path, f->fd, &o->proof, &f->journal) < 0)
		log_warn(DISK, "%s can't be written (errno %d): after a crash more will be fetched again",
			f->journal_path, errno);
}

/* A dry request found no folder: the name is free. */
static int nothing_there(struct dfile_opening *o)
{
	const char *slash = strrchr(o->req.name, '/');

	cand_set_names(o, slash ? slash + 1 : o->req.name, 0);
	return 0;
}

/* Believed, it would hand us a file that another job has by now. */
static void drop_stale_journal(struct dfile *f)
{
	if (!f->journal_path || journal_remove(f->fs, f->journal_path) == 0)
		return;
	free(f->journal_path);
	f->journal_path = NULL;
}

static int open_all(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	enum alloc_mode mode = o->req.total < o->req.alloc_min ? ALLOC_NONE : o->req.alloc;
	const char *leaf = NULL;
	int err = open_dir(o);

	o->started = true;
	if (o->req.stale_journal && !o->req.dry)
		drop_stale_journal(f);
	if (!err)
		err = open_below(o, &leaf);
	if (err == NO_FOLDER)
		return nothing_there(o);
	if (!err)
		err = choose_name(o, leaf);
	if (err || o->req.dry || o->exists_whole || o->finished || f->at_name)
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
	o->dev = (uint64_t)st.st_dev;
	guard_note(&o->f->guard, o->f->fs, o->f->fd);
	cand_read_part_id(o->f);
	return 0;
}

/* The part that was made is gone, also after a power cut. While it is there its journal must be, which says whose it is. */
static bool remove_part(const struct dfile *f)
{
	int ours = fs_same(f->fs, f->fd, f->dirfd, f->part);

	if (ours < 0 || (ours && f->fs->unlinkat(f->dirfd, f->part, 0) < 0)) {
		log_warn(DISK, "%s can't be removed: errno %d", f->part, errno);
		return false;
	}
	f->fs->fsync(f->dirfd); /* folders that can't be synced are as safe as they get */
	return true;
}

/* Leave things as they were found. */
static void undo(struct dfile_opening *o)
{
	struct dfile *f = o->f;
	bool drop_journal = o->req.how != OPEN_RESUME;

	if (f->taken >= 0) {
		dfile_return_name(f);
	} else if (o->made_part) {
		drop_journal = remove_part(f) && drop_journal;
	} else if (f->fd >= 0 && o->alloc.at > 0) { /* OPEN_RESUME: room that was taken for nothing */
		f->fs->ftruncate(f->fd, o->found_size > 0 ? o->found_size : 0);
	}
	dfile_shut(f, drop_journal);
}

static void open_run(void *arg)
{
	struct dfile_opening *o = arg;
	int err;

	if (atomic_load(&o->cancel))
		err = fail_set(&o->fail, ERR_CANCELED, NULL);
	else if (!o->started)
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

void opening_free(struct dfile_opening *o)
{
	alloc_end(&o->alloc);
	ranges_free(&o->proof);
	ranges_free(&o->begun);
	free(o->folder);
	free((char *)o->req.root);
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
		.journal = &o->proof,
		.finished = o->finished,
		.exists_whole = o->exists_whole,
		.begun = f->at_name ? &o->begun : NULL,
		.found_size = o->found_size,
		.found_mtime = o->found_mtime,
		.unfinished = o->unfinished,
		.whole_fd = o->whole_fd};

	o->work = NULL;
	if (status == 0 && o->err > 0) {
		work_submit(f->loop, f->dev, WORK_DISK, open_run, open_done, o);
		return;
	}
	if (status) {
		o->err = fail_set(&o->fail, status, NULL);
		undo(o);
	}
	if (o->err == ERR_NOT_FOUND)
		fail_set(&o->fail, ERR_NOT_FOUND, "The unfinished file is gone: %s" NAME_SUFFIX, f->path);
	if (o->err == 0 && f->fd >= 0) {
		r.file = f;
		o->f = NULL;
		f->dev = mounts_learn(f->loop, o->folder, o->dev);
		if (o->renamed)
			log_notice(DISK, "File already exists. Renamed to %s.", f->path);
	}
	o->fail.code = o->err; /* tries that failed on the way may have left theirs */
	o->cb(o->arg, o->err, &o->fail, o->err ? NULL : &r);
	opening_free(o);
}

static char *folder_of(const struct dfile_req *req)
{
	const char *dir = *req->dir ? req->dir : ".", *slash = strrchr(req->name, '/');

	return slash ? xasprintf("%s/%.*s", dir, (int)(slash - req->name), req->name) : xstrdup(dir);
}

struct dfile_opening *opening_new(struct loop *l, const struct dfile_req *req, dfile_open_cb cb, void *arg)
{
	struct dfile_opening *o = xcalloc(1, sizeof(*o));

	o->req = *req;
	o->req.root = xstrdup(req->root);
	o->req.dir = xstrdup(req->dir);
	o->req.name = xstrdup(req->name);
	o->req.part_id = xstrdup(req->part_id);
	if (req->named) {
		o->named = *req->named;
		o->req.named = &o->named;
	}
	o->cb = cb;
	o->arg = arg;
	o->whole_fd = -1;
	o->found_size = -1;
	ranges_init(&o->proof);
	ranges_init(&o->begun);
	o->f = dfile_new(l, req->fs ? req->fs : &fs_real);
	o->f->journal_path = xstrdup(req->journal);
	o->f->reserve = req->reserve;
	o->folder = folder_of(req);
	o->f->dev = mounts_dev(l, o->folder);
	return o;
}

void opening_start(struct dfile_opening *o)
{
	o->work = work_submit(o->f->loop, o->f->dev, WORK_DISK, open_run, open_done, o);
	if (atomic_load(&o->cancel))
		work_cancel(o->work);
}

struct dfile_opening *dfile_open(struct loop *l, const struct dfile_req *req, dfile_open_cb cb, void *arg)
{
	struct dfile_opening *o = opening_new(l, req, cb, arg);

	opening_start(o);
	return o;
}

void dfile_open_cancel(struct dfile_opening *o)
{
	atomic_store(&o->cancel, true);
	if (o->work)
		work_cancel(o->work);
}
