/* SPDX-License-Identifier: MIT
 * struct dfile: the file of one transfer while it is incomplete: DIR/NAME.part, opened once, written at offsets, synced, and at
 * the end renamed to DIR/NAME. All disk calls run on the pool; callbacks come on the loop thread, exactly once, never before
 * the call returned. The existence of NAME.part (created with O_EXCL) is what keeps two jobs off the same file.
 */
#ifndef HAUL_DISK_FILE_H
#define HAUL_DISK_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ranges.h"

struct loop;
struct dfile;

enum alloc_mode { ALLOC_NONE, ALLOC_TRUNC, ALLOC_FALLOC, ALLOC_PREALLOC };

/* What to do about things that are there already. */
enum open_how {
	OPEN_NEW,      /* NAME and NAME.part must not exist; else next name (rename) or ERR_EXISTS */
	OPEN_RESUME,   /* NAME.part is ours (path as returned earlier): open it as it is; missing: ERR_NOT_FOUND */
	OPEN_CONTINUE, /* like NEW, but an existing NAME (a regular file of at most total bytes, not a link) is taken as the beginning: it is
	                  renamed to NAME.part, and its size goes to ret->have_len; longer than total: as NEW */
	OPEN_OVERWRITE, /* NAME may exist: it stays until the final rename replaces it; an old NAME.part is truncated */
};

struct dfile_req {
	const char *dir;   /* made with parents when missing */
	const char *name;  /* relative to dir, may have folders ("sub/o.bin"), never leaves dir: no "..", no symlink out */
	enum open_how how;
	bool rename;       /* auto-file-renaming: NAME.1.EXT .. NAME.9999.EXT */
	int64_t total;     /* -1 unknown */
	enum alloc_mode alloc; /* falloc on a file system without it falls back to trunc (a note in the log) */
	int64_t alloc_min; /* smaller files are not preallocated (no-file-allocation-limit) */
	uint64_t reserve;  /* bytes of the file system to leave free; too little room: ERR_NO_SPACE before anything is written */
	const char *journal; /* path of the progress journal (disk/journal.h), created or continued; NULL: none */
};

struct dfile_opened {
	struct dfile *file;  /* the caller's from now on */
	const char *path;    /* final path, dir + "/" + name; lives as long as file */
	int64_t have_len;    /* OPEN_CONTINUE: bytes taken over from the existing file; else 0 */
	struct ranges *journal; /* OPEN_RESUME: what the journal proves to be written (same boot, same file); may be empty; valid in the callback */
	bool exists_whole;   /* OPEN_CONTINUE: the existing NAME has exactly total bytes: nothing was renamed, nothing opened for writing;
	                        file is NULL, path valid in the callback only */
};

typedef void (*dfile_open_cb)(void *arg, int err, const struct fail *f, const struct dfile_opened *o);
typedef void (*dfile_cb)(void *arg, int err, const struct fail *f);

/* err: ERR_EXISTS, ERR_RENAME, ERR_MKDIR, ERR_CREATE, ERR_OPEN, ERR_NO_SPACE, ERR_IO, ERR_INVAL (name leaves dir). */
void dfile_open(struct loop *l, const struct dfile_req *req, dfile_open_cb cb, void *arg);

/* The size became known after the start, or turned out otherwise: allocate or cut to n. */
void dfile_set_size(struct dfile *f, int64_t n, enum alloc_mode alloc, dfile_cb cb, void *arg);
/* fdatasync: what was written before the call is durable when cb comes with 0. */
void dfile_sync(struct dfile *f, dfile_cb cb, void *arg);

struct dfile_finish {
	int64_t size;   /* the file is cut to this if it is longer; checked otherwise: ERR_IO when shorter */
	int64_t mtime;  /* epoch, -1: leave */
	bool replace;   /* allow-overwrite: an existing NAME is replaced; else ERR_EXISTS (and NAME.part stays) */
};
/* Sync, set the time, rename to the final name (RENAME_NOREPLACE), sync the folder, remove the journal. The dfile stays open for
 * reading; the caller closes it. */
void dfile_finish(struct dfile *f, const struct dfile_finish *how, dfile_cb cb, void *arg);

/* Give it back: pending operations complete first, then everything is closed; unlink: NAME.part and journal are removed.
 * cb (may be NULL) when that is done. f is gone for the caller at once. */
void dfile_close(struct dfile *f, bool unlink, dfile_cb cb, void *arg);

const char *dfile_path(const struct dfile *f); /* final path */
int64_t dfile_size(const struct dfile *f);     /* st_size as last known to us */

#endif
