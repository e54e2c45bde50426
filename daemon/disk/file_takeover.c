/* SPDX-License-Identifier: MIT
 * Going on with what aria2 left: NAME, and the control file NAME.aria2 that says which bytes of it are finished.
 */
#include <errno.h>
#include <sys/file.h>
#include <unistd.h>

#include "disk/file_open_priv.h"

#define CONTROL_ADVICE "Nothing was changed. Remove it (or let remove-control-file do so), or choose another name"

/* The control file speaks of the NAME that is there, and of as many bytes as the server has: 0, or why not. */
int takeover_fits(struct dfile_opening *o, enum control_kind kind, const struct control *c, int64_t size)
{
	if (kind == CONTROL_DAMAGED)
		return fail_set(&o->fail, ERR_CONTROL, "The control file %s" CONTROL_SUFFIX " is damaged: %s. " CONTROL_ADVICE,
			o->f->path, c->damage);
	if (c->total != o->req.total)
		return fail_set(&o->fail, ERR_CONTROL,
			"The control file %s" CONTROL_SUFFIX
			" is of a file of %lld bytes, but the server has %lld. " CONTROL_ADVICE,
			o->f->path, (long long)c->total, (long long)o->req.total);
	if (size > c->total)
		return fail_set(&o->fail, ERR_CONTROL,
			"%s is longer than its control file " CONTROL_SUFFIX " says. " CONTROL_ADVICE, o->f->path);
	return 0;
}

/* Where everybody may make files, a file and a control file may have been laid out for us. continue=true is the word of the
 * user that NAME may be gone on with. */
static bool control_trusted(const struct dfile_opening *o, const struct control *c, const struct stat *st)
{
	struct stat folder;

	if (o->req.how == OPEN_CONTINUE)
		return true;
	if (o->f->fs->fstat(o->f->dirfd, &folder) < 0)
		return false;
	return !(folder.st_mode & S_IWOTH) || (st->st_uid == geteuid() && c->owner == geteuid());
}

/* An aria2 that is still running does not lock NAME, but keeps it open. NAME_TAKEN: it is another job's of a hauld. */
static int check_writers(struct dfile_opening *o)
{
	const struct fs_ops *fs = o->f->fs;
	int fd = fs->openat(o->f->dirfd, o->f->leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return 0; /* the open for writing will tell */
	if (fs->flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		err = NAME_TAKEN;
	else if (fs_has_writer(fs, fd))
		err = fail_set(&o->fail, ERR_SAME_FILE,
			"%s is being written by another program, maybe aria2: stop that first", o->f->path);
	close(fd);
	return err;
}

/* A power cut before NAME is ours must not leave it without its control file. Holes are only seen in what is on the disk. */
static int claim_finished(struct dfile_opening *o, struct control *c, int64_t size)
{
	int err = cand_claim(o, &c->have, size);

	if (err)
		return err;
	control_sync(o->f->fs, o->f->dirfd, o->f->leaf);
	control_believe(o->f->fs, o->f->fd, size, &o->begun);
	return 0;
}

/* NAME (st) and its control file are there: open NAME and see what is finished. Neither is changed here. */
int takeover_try(struct dfile_opening *o, enum control_kind kind, struct control *c, struct stat *st)
{
	int err = takeover_fits(o, kind, c, st->st_size);

	if (!err && !control_trusted(o, c, st))
		err = NAME_TAKEN;
	if (!err)
		err = check_writers(o);
	if (!err)
		err = cand_open_begun(o, st);
	if (!err)
		err = takeover_fits(o, kind, c, st->st_size);
	if (!err)
		err = claim_finished(o, c, st->st_size);
	if (o->renamed > 0 && (err == ERR_CONTROL || err == ERR_SAME_FILE)) /* it only has a name like ours */
		err = NAME_TAKEN;
	if (err == NAME_TAKEN)
		cand_let_go(o->f);
	return err;
}
