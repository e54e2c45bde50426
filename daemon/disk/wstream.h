/* SPDX-License-Identifier: MIT
 * struct wstream: write-behind for one segment. Blocks pushed are contiguous and are written in order, several with one
 * pwritev when they have piled up; at most one write per file is under way, so `written` is a plain offset and everything
 * below it is in the file. After each write the journal slot of this wstream is moved on, on the same pool thread. Write-out
 * to the device is started every 8 MiB (sync_file_range). Loop thread.
 */
#ifndef HAUL_DISK_WSTREAM_H
#define HAUL_DISK_WSTREAM_H

#include <stddef.h>

#include "disk/file.h"
#include "ev/block.h"

struct wstream;

struct wstream_ops {
	/* Bytes [from, to) are in the file (not yet synced). */
	void (*written)(void *owner, int64_t from, int64_t to);
	/* A write failed (ERR_NO_SPACE, ERR_IO), or was not tried because another program has changed the file (ERR_FOREIGN);
	 * the rest of the queue was dropped, `idle` still follows. */
	void (*error)(void *owner, int err, const struct fail *f);
	/* Nothing is queued or under way any more. Not called from inside wstream_push. */
	void (*idle)(void *owner);
};

/* The file must outlive it. off: where the first block will begin. */
struct wstream *wstream_new(struct dfile *f, int64_t off, const struct wstream_ops *ops, void *owner);
/* Takes the block (len > 0); it must begin where the last one ended. */
void wstream_push(struct wstream *w, struct block *b);
/* Blocks in pipes pay: their bytes can go to the file without passing through memory of ours. */
bool wstream_likes_pipes(const struct wstream *w);
size_t wstream_queued(const struct wstream *w); /* bytes not yet written */
bool wstream_busy(const struct wstream *w);
/* The owner is called no more; what was pushed is still written (and journaled), then the memory is freed. */
void wstream_close(struct wstream *w);

#endif
