/* SPDX-License-Identifier: MIT
 * What the files of the opening share: file_open.c (folders, choice of the name, loop thread), file_candidate.c (one name),
 * file_takeover.c (what aria2 left there), file_look.c (looking without touching). All calls on the pool thread that opens.
 */
#ifndef HAUL_DISK_FILE_OPEN_PRIV_H
#define HAUL_DISK_FILE_OPEN_PRIV_H

#include <sys/stat.h>

#include "base/name.h"
#include "disk/alloc.h"
#include "disk/aria2_control.h"
#include "disk/file_priv.h"
#include "disk/fs.h"
#include "disk/ledger.h"

/* What the steps of an opening say when it is no error (those are negative). No two share a value. */

/* What a look found. */
enum look {
	LOOK_FREE = 1, /* nothing has that name */
	LOOK_THERE,
};

/* What became of one name. */
enum candidate {
	GOT_IT = 0,
	NAME_TAKEN = 11, /* somebody else has it */
	NOT_WHOLE,	 /* of a look at NAME alone: it is not there whole, the rules decide */
};

struct dfile_opening {
	struct dfile_req req; /* strings are copies */
	dfile_open_cb cb;
	void *arg;
	struct dfile *f; /* being made */
	char *folder;	 /* of the name as it was asked for */
	struct work *work; /* the first item, while it may not have begun; NULL: none */
	uint64_t dev;	   /* st_dev of what was opened; 0: nothing */
	atomic_bool cancel;
	bool started;
	bool made_part;	  /* NAME.part was made here, or emptied as our own: nothing is lost when it goes */
	unsigned renamed; /* N of the name that is tried, 0: as asked */
	struct ranges begun; /* f->at_name: finished bytes of NAME */
	bool exists_whole, finished;
	int whole_fd; /* -1 */
	int64_t found_size, found_mtime;
	bool unfinished;
	struct file_id named; /* of req.named */
	struct ranges proof;
	struct alloc alloc;
	int err;
	struct fail fail;
};

/* file_open.c. Loop thread. As dfile_open, in two steps; what was not started may be freed. */
struct dfile_opening *opening_new(struct loop *l, const struct dfile_req *req, dfile_open_cb cb, void *arg);
void opening_start(struct dfile_opening *o);
void opening_free(struct dfile_opening *o);

/* file_candidate.c. The names are those of cand_set_names. */
void cand_set_names(struct dfile_opening *o, const char *leaf, unsigned n); /* the n-th name after leaf; 0: leaf itself */
/* A name in the folder: an enum look, with LOOK_THERE its *st; or an error. */
int cand_look(struct dfile_opening *o, const char *name, struct stat *st);
/* All of these: GOT_IT, NAME_TAKEN, or an error with o->fail. What this process or this machine lacks at the moment (descriptors,
 * memory) never makes a name taken: another job's claim, a lock, or what lies there does. */
int cand_new(struct dfile_opening *o);
int cand_continue(struct dfile_opening *o);
int cand_overwrite(struct dfile_opening *o);
int cand_resume(struct dfile_opening *o);
/* NAME (st), which another program began, is there: open it. NAME_TAKEN: NAME.part is there as well, or another job was
 * faster. */
int cand_open_begun(struct dfile_opening *o, struct stat *st);
/* These bytes of NAME, which has `size`, are there. They count from when they are on the disk. Nothing is changed here. */
int cand_claim(struct dfile_opening *o, const struct ranges *have, int64_t size);
void cand_let_go(struct dfile *f);
void cand_read_part_id(struct dfile *f); /* identity of f->fd into f->part_id */

/* file_takeover.c */
/* The control file speaks of the NAME that is there, and of as many bytes as the server has: 0, or why not. */
int takeover_fits(struct dfile_opening *o, enum control_kind kind, const struct control *c, int64_t size);
/* NAME (st) and its control file are there: open NAME and see what is finished. Neither is changed here. */
int takeover_try(struct dfile_opening *o, enum control_kind kind, struct control *c, struct stat *st);

/* file_look.c */
int look_whole(struct dfile_opening *o); /* is NAME there whole: GOT_IT, NOT_WHOLE, or an error */
int look_dry(struct dfile_opening *o);	 /* what opening would do, without doing it: GOT_IT, NAME_TAKEN, or an error */
int look_dry_new(struct dfile_opening *o);

#endif
