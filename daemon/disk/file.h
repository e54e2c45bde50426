/* SPDX-License-Identifier: MIT
 * struct dfile: the file of one transfer while it is incomplete: DIR/NAME.part, opened once, written at offsets, synced, and at
 * the end renamed to DIR/NAME. What aria2 began (NAME with a control file NAME.aria2 beside it) is taken over: see dfile_take.
 * All disk calls run on the pool; callbacks come on the loop thread, exactly once, never before the call returned. The existence
 * of NAME.part (created with O_EXCL, or renamed without replacing) is what keeps two jobs off the same file.
 */
#ifndef HAUL_DISK_FILE_H
#define HAUL_DISK_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ranges.h"

struct fs_ops;
struct file_id;
struct loop;
struct dfile;
struct dfile_opening;

enum alloc_mode { ALLOC_NONE, ALLOC_TRUNC, ALLOC_FALLOC, ALLOC_PREALLOC };

/* What to do about things that are there already. */
enum open_how {
	OPEN_NEW,      /* NAME and NAME.part must not exist; else next name (rename) or ERR_EXISTS */
	OPEN_RESUME,   /* NAME.part is ours (path as returned earlier): open it as it is; missing: ERR_NOT_FOUND */
	OPEN_CONTINUE, /* like NEW, but an existing NAME (a regular file of at most total bytes, not a link) is taken as the
	                  beginning (ret->begun); longer than total: as NEW */
	OPEN_OVERWRITE, /* NAME may exist: it stays until the final rename replaces it; an old NAME.part is truncated */
};

struct dfile_req {
	const char *dir;   /* made with parents when missing */
	const char *root;  /* dir, or a beginning of it that ends with a component: links lead only so far as they stay below it.
	                      NULL: dir */
	const char *name;  /* relative to dir, may have folders ("sub/o.bin"), never leaves dir: no "..", no symlink out */
	enum open_how how;
	bool rename;       /* auto-file-renaming: NAME.1.EXT .. NAME.9999.EXT */
	bool check_whole;  /* also with NEW and OVERWRITE: a NAME of exactly total bytes gives exists_whole */
	bool dry;          /* with NEW, CONTINUE, OVERWRITE: nothing is made, locked or changed, only looked at: the outcome tells
	                      which name would have been taken, and what lies at NAME; file is NULL */
	bool adopting;     /* with RESUME: the part is of another job that is gone. A NAME beside it that has appeared since is
	                      ERR_EXISTS before anything is touched */
	bool remove_control; /* remove-control-file: NAME.aria2 is removed rather than believed */
	int64_t total;     /* -1 unknown */
	enum alloc_mode alloc; /* falloc on a file system without it falls back to trunc (a note in the log) */
	int64_t alloc_min; /* smaller files are not preallocated (no-file-allocation-limit) */
	uint64_t reserve;  /* bytes of the file system to leave free; too little room: ERR_NO_SPACE before anything is written */
	const char *part_id; /* OPEN_RESUME: dfile_part_id of the part; another one there counts as none. NULL: any */
	const char *journal; /* path of the progress journal (disk/journal.h): OPEN_RESUME continues it, else it starts anew;
	                        NULL: none */
	bool stale_journal;  /* what lies there speaks of a file that is another's by now: it is removed before anything else;
	                        if it can't be there is no journal */
	const struct file_id *named; /* not RESUME: the file that an earlier life was about to give its name (disk/ledger.h);
	                        NULL: none is known. Copied */
	const struct fs_ops *fs; /* test seam (disk/fs.h); NULL: the real system calls */
};

struct dfile_opened {
	struct dfile *file;  /* the caller's from now on */
	const char *path;    /* final path, dir + "/" + name; lives as long as file */
	struct ranges *journal; /* OPEN_RESUME: what the journal proves to be written (same boot, same file); may be empty;
	                           valid in the callback */
	bool finished;       /* RESUME: NAME.part is gone and NAME is the file that the journal belongs to: it was renamed by
	                        dfile_finish in an earlier life; also with NEW, when that life had told nobody its name;
	                        file is NULL, path valid in the callback only */
	bool placed;         /* dfile_place: all of the body is in NAME, synced; file is NULL, path valid in the callback only */
	bool exists_whole;   /* OPEN_CONTINUE, check_whole: the existing NAME has exactly total bytes: nothing was renamed,
	                        nothing opened for writing; file is NULL, path valid in the callback only */
	int64_t found_size;  /* OPEN_RESUME: size of NAME.part before anything was allocated: nothing beyond it can be there.
	                        dry, exists_whole: size of NAME; -1: no regular file lies there */
	int64_t found_mtime; /* the same of its time, epoch */
	bool unfinished;     /* dry: beside NAME lies what an unfinished download has: NAME.part, or aria2's control file */
	int whole_fd;        /* dry, exists_whole: NAME opened for reading, closed behind the callback; -1: that failed, or
	                        there is none */
	const struct ranges *begun; /* another program began NAME (OPEN_CONTINUE, or a control file of aria2's), and these bytes
	                        of it are there, and synced (may be none). NAME is open and locked, but otherwise as it was
	                        found: dfile_take comes next. NULL: not so. Valid in the callback */
};

typedef void (*dfile_open_cb)(void *arg, int err, const struct fail *f, const struct dfile_opened *o);
typedef void (*dfile_cb)(void *arg, int err, const struct fail *f);

/* Before the rules of `how` a control file NAME.aria2 is looked at (that is aria2's order), unless `how` is OPEN_RESUME:
 *   it is of a torrent: NAME is taken by somebody else;
 *   there is no NAME, or remove_control: it is removed, and the rules hold as if it had not been there;
 *   NAME is a regular file, and total > 0: NAME is taken over (`begun`). ERR_CONTROL when the control file is damaged or of
 *   another total, or NAME is longer than that; a candidate NAME.1 that does not fit is passed over.
 * err: ERR_EXISTS, ERR_RENAME, ERR_MKDIR, ERR_CREATE, ERR_OPEN, ERR_NOT_FOUND, ERR_NO_SPACE, ERR_TOO_LARGE,
 * ERR_IO, ERR_INVAL (name leaves dir), ERR_SAME_FILE (NAME.part is in use by somebody else, or another program writes to NAME),
 * ERR_CONTROL, ERR_CANCELED.
 * After an error everything is as it was before, but for folders, and a control file without NAME. f is never NULL; its code
 * is err. o is NULL after an error. Strings of req are copied. The returned handle lives until cb is called; most callers
 * ignore it. */
struct dfile_opening *dfile_open(struct loop *l, const struct dfile_req *req, dfile_open_cb cb, void *arg);
/* Give up a long allocation soon: cb still comes, with ERR_CANCELED unless it was too late. */
void dfile_open_cancel(struct dfile_opening *o);

/* After an open that gave `begun`, before anything is written: NAME becomes NAME.part, `have` goes to the journal, and space
 * for n bytes is allocated (a longer file is cut, after its journal has forgotten what lay beyond). By then it must be durable
 * elsewhere that dfile_part_id and `have` are this transfer's. A NAME.aria2 stays until dfile_finish, for NAME may still get its
 * name back (DFILE_RETURN).
 * ERR_RENAME, ERR_EXISTS (somebody made NAME.part meanwhile), ERR_NO_SPACE, ERR_IO, ERR_CANCELED. `have` is copied. */
void dfile_take(struct dfile *f, int64_t n, enum alloc_mode alloc, const struct ranges *have, dfile_cb cb, void *arg);
/* Nothing is going to be written for a while: room that holds none of `have` (copied) is given back, as far as the file
 * system can; the file ends behind the last of them. No wstream is open. Always 0. */
void dfile_trim(struct dfile *f, const struct ranges *have, dfile_cb cb, void *arg);
/* fdatasync: what was written before the call is durable when cb comes with 0. After a failure nothing of this dfile is ever
 * called durable again (the kernel may have dropped the pages), and the journal is removed. */
void dfile_sync(struct dfile *f, dfile_cb cb, void *arg);

struct dfile_finish {
	int64_t size;   /* the file is cut to this if it is longer; checked otherwise: ERR_IO when shorter */
	int64_t mtime;  /* epoch, -1: leave */
	bool replace;   /* allow-overwrite: an existing NAME is replaced; else ERR_EXISTS (and NAME.part stays) */
	bool dense;     /* all of it was written by us, in this run or an earlier one */
};
/* ERR_FOREIGN when another program has changed the file since we did, moved NAME.part away, or (dense) made a hole in it. Else
 * sync, set the time, rename to the final name (RENAME_NOREPLACE), remove a left-over NAME.aria2, sync the folder. The journal
 * stays (it proves the rename to OPEN_RESUME) until the caller removes it, once it is durably known elsewhere that the file
 * is complete. The dfile stays open for reading; the caller closes it. */
void dfile_finish(struct dfile *f, const struct dfile_finish *how, dfile_cb cb, void *arg);

enum dfile_fate {
	DFILE_KEEP,   /* NAME.part and journal stay */
	DFILE_UNLINK, /* both are removed, unless the file was finished */
	DFILE_DOUBT,  /* NAME.part stays, but the journal, which would prove its bytes, goes */
	DFILE_RETURN, /* a NAME that dfile_take took is cut to what it was and gets its name back; else as KEEP */
};

/* Give it back: pending operations and wstreams complete first (an allocation is abandoned with ERR_CANCELED), then everything
 * is closed. cb (may be NULL) when that is done. f is gone for the caller at once. */
void dfile_close(struct dfile *f, enum dfile_fate fate, dfile_cb cb, void *arg);

/* Text that tells this NAME.part from any other file that ever lies there: inode and time of birth. "" when unknown. */
const char *dfile_part_id(const struct dfile *f);
const char *dfile_path(const struct dfile *f); /* final path */
int64_t dfile_size(const struct dfile *f);     /* st_size as last known to us */
uint64_t dfile_dev(const struct dfile *f);     /* for work items that touch it (ev/work.h) */
size_t dfile_queued(const struct dfile *f);    /* bytes that its wstreams have not written yet */

#endif
