/* SPDX-License-Identifier: MIT
 * Looking at what is there, without making, locking or changing anything.
 */
#include <errno.h>
#include <stdlib.h>

#include "disk/file_open_priv.h"

/* The regular file of that stat at NAME, for its size, its time and its content. */
static void note_found(struct dfile_opening *o, const struct stat *st)
{
	struct dfile *f = o->f;

	o->found_size = st->st_size;
	o->found_mtime = st->st_mtim.tv_sec;
	o->whole_fd = f->fs->openat(f->dirfd, f->leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
}

int look_whole(struct dfile_opening *o)
{
	struct stat st;
	int found;

	if (o->renamed > 0 || (o->req.how != OPEN_CONTINUE && !o->req.check_whole))
		return NOT_WHOLE;
	found = cand_look(o, o->f->leaf, &st);
	if (found != LOOK_THERE || !S_ISREG(st.st_mode) || st.st_size != o->req.total)
		return found < 0 ? found : NOT_WHOLE;
	note_found(o, &st);
	if (o->whole_fd < 0)
		return fs_fail(&o->fail, ERR_OPEN, "Failed to open the file", o->f->path, errno);
	o->exists_whole = true;
	return GOT_IT;
}

static bool lies_there(struct dfile_opening *o, const char *name)
{
	struct stat st;

	return o->f->fs->fstatat(o->f->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What cand_new, cand_continue and cand_overwrite would do, without doing it. */
static int try_dry_as(struct dfile_opening *o, enum open_how how)
{
	struct dfile *f = o->f;
	struct stat st;
	int found = cand_look(o, f->leaf, &st);

	if (found < 0)
		return found;
	if (found == LOOK_FREE)
		return how != OPEN_OVERWRITE && lies_there(o, f->part) ? NAME_TAKEN : GOT_IT;
	if (!S_ISREG(st.st_mode))
		return NAME_TAKEN;
	return how == OPEN_OVERWRITE || (how == OPEN_CONTINUE && st.st_size <= o->req.total) ? GOT_IT : NAME_TAKEN;
}

int look_dry_new(struct dfile_opening *o)
{
	return try_dry_as(o, OPEN_NEW);
}

int look_dry(struct dfile_opening *o)
{
	struct stat st;
	struct control c;
	enum control_kind kind = control_read(o->f->fs, o->f->dirfd, o->f->leaf, &c);
	int err;

	if (cand_look(o, o->f->leaf, &st) == LOOK_THERE && S_ISREG(st.st_mode))
		note_found(o, &st);
	o->unfinished = lies_there(o, o->f->part) || kind != CONTROL_NONE;
	if (kind == CONTROL_TORRENT)
		err = NAME_TAKEN;
	else if (kind != CONTROL_NONE && !o->req.remove_control && o->found_size >= 0 && o->req.total > 0)
		err = takeover_fits(o, kind, &c, o->found_size);
	else if (o->req.check_whole && o->found_size == o->req.total)
		err = GOT_IT;
	else
		err = try_dry_as(o, o->req.how);
	ranges_free(&c.have);
	return err;
}
