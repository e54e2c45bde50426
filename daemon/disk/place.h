/* SPDX-License-Identifier: MIT
 * Small files whose body has arrived whole before anything of theirs is on disk: written to a file without a name, synced, and
 * linked as NAME, so that there never is a NAME.part, nor a journal. All that have come meanwhile go in one work item: their
 * writes first, then their syncs, the ledger's, their names, and one sync for each folder.
 *
 * A NAME that is not plainly free, a full disk, a file system without such files, any failure: dfile_open's rules decide, and
 * what it gives is written as usual.
 */
#ifndef HAUL_DISK_PLACE_H
#define HAUL_DISK_PLACE_H

#include "disk/file.h"
#include "disk/ledger.h"

struct placer;

/* What a file that is placed consists of. mem belongs to the caller and stays until the callback. */
struct dfile_body {
	const char *mem;
	size_t len;    /* > 0, and the total of the request */
	int64_t mtime; /* epoch, -1: leave */
	struct ledger_job job;
};

/* Loop thread, all of it. ledger: its path (disk/ledger.h); fs NULL: the real system calls. */
struct placer *placer_new(struct loop *l, const struct fs_ops *fs, const char *ledger);
void placer_free(struct placer *p); /* nothing is under way; NULL: nothing */

/* As dfile_open, but the outcome may be `placed`. Never of OPEN_RESUME, never dry. dfile_open_cancel: what has its name by then
 * is placed all the same. */
struct dfile_opening *dfile_place(
	struct placer *p, const struct dfile_req *req, const struct dfile_body *body, dfile_open_cb cb, void *arg);

/* The file that an earlier life of the job was about to give its name, for dfile_req.named. */
bool placer_named(const struct placer *p, const struct ledger_job *job, struct file_id *ret);
/* The job is durably known to be complete, or gone. */
void placer_forget(struct placer *p, uint64_t gid);
/* The same of all jobs but these. */
void placer_sift(struct placer *p, bool (*wanted)(void *arg, uint64_t gid), void *arg);

#endif
