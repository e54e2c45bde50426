/* SPDX-License-Identifier: MIT
 * The inside of struct dfile, for the files of disk/.
 */
#ifndef HAUL_DISK_FILE_PRIV_H
#define HAUL_DISK_FILE_PRIV_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "base/obj.h"
#include "disk/file.h"
#include "disk/guard.h"

struct journal;
struct wstream;

/* Pool threads read what is marked const after open, and the atomics; all else belongs to the loop thread. */
struct dfile {
	OBJ(DFILE);
	struct loop *loop;
	uint64_t dev;		 /* of ev/mounts.h: what work items say */
	const struct fs_ops *fs; /* const after open, as the next six */
	int fd;			 /* -1: not open */
	int dirfd;		 /* the folder that NAME lies in */
	char *path;		 /* final path */
	char *leaf;		 /* NAME and NAME.part, relative to dirfd */
	char *part;
	char *journal_path;	 /* NULL: none */
	char part_id[64];	 /* const after open */
	struct journal *journal; /* const after open; NULL: none */
	uint64_t reserve;
	struct guard guard; /* pool threads, one after the other: opening, then batches, then dfile_finish */
	_Atomic int64_t size;
	atomic_bool cancel; /* long work is to be given up */
	atomic_bool folder_synced;
	atomic_bool sync_failed; /* sticky, see dfile_sync */
	atomic_bool foreign;	 /* sticky: another program changed it */
	atomic_bool finished;	 /* has its final name */
	atomic_bool no_splice;	 /* the file system does not take bytes from a pipe */
	unsigned pending;	 /* operations and wstreams that need it */
	TAILQ_HEAD(turn_list, wstream) turns; /* with something to write, in the order in which they do */
	size_t queued;			      /* bytes in them that are not written yet */
	bool writing;			      /* one of them is on the pool */
	int64_t taken;		 /* size of the NAME that is taken (dfile_take); -1: none. Const after open */
	bool at_name;		 /* dfile_take is still to come: the file is called NAME. Pool threads, one after the other */
	bool closing;
	enum dfile_fate fate;
	dfile_cb close_cb;
	void *close_arg;
};

struct dfile *dfile_new(struct loop *l, const struct fs_ops *fs);
/* Pool thread, or loop thread when nothing was opened: descriptors and journal are closed. */
void dfile_shut(struct dfile *f, bool unlink_journal);
void dfile_free(struct dfile *f);
/* Pool thread: the NAME that was taken gets its size and name back; the journal is removed first. */
void dfile_return_name(struct dfile *f);
/* Pool thread: a journal that knows nothing but `have`, in place of any other. A failure is logged. */
void dfile_start_journal(struct dfile *f, const struct ranges *have);

/* Pool thread, nothing else of ours changing the file meanwhile: guard_check; after ERR_FOREIGN it stays so, and the journal is
 * removed. */
int dfile_guard(struct dfile *f, struct fail *fail);

/* Whoever needs the file beyond the present call holds it; a closed file goes with the last release. Loop thread. */
void dfile_hold(struct dfile *f);
void dfile_release(struct dfile *f);

#endif
