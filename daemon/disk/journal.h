/* SPDX-License-Identifier: MIT
 * The progress journal: what a transfer has written, readable after kill -9. One small file per running transfer in the state
 * directory, an array of slots {start, end}; a wstream owns a slot and moves its `end` on with one small pwrite after each
 * data write, on the pool thread. No sync: the page cache survives the process. After a power cut it is not believed: its
 * header names the boot, the mount, the device and which disk that is, the inode and birth time of the data file, and if any of
 * them differs, only the ranges in the database (which were synced) count. See docs/types/journal.md.
 */
#ifndef HAUL_DISK_JOURNAL_H
#define HAUL_DISK_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ranges.h"

struct fs_ops;
struct journal;

#define JOURNAL_SLOTS 65536 /* most segments that one run of a transfer can journal */

/* All calls block on the disk: pool threads only. NULL for j is fine everywhere. */

/* Open or create for the data file data_fd; its folder is made (0700) when missing. ret_have: what it proves (added to), never
 * more than the data file is long. Anything unfitting in an existing one makes it start empty. What is proven is written
 * anew into the first slots. 0 or ERR_IO (the transfer goes on without a journal). fs: NULL for the real one. */
int journal_open(const struct fs_ops *fs, const char *path, int data_fd, struct ranges *ret_have, struct journal **ret);
void journal_close(struct journal *j, bool unlink);
/* Remove the file, but keep j usable; what is journaled from now on is lost. */
void journal_unlink(struct journal *j);
/* The file at path, which nobody has open, is gone: 0; or it stays, with a warning: -1. */
int journal_remove(const struct fs_ops *fs, const char *path);
/* From now on a power cut leaves what says of which file the journal is, so that an orphaned NAME.part is known again. Without
 * it (a failure is no error) that one costs its job another name. */
void journal_sync(struct journal *j);
/* The data file is whole and synced, and is about to get its final name: note that, durably. The next journal_open forgets it. */
void journal_set_finished(struct journal *j);
/* The journal at path says so of the file data_fd: 1, 0 (also when there is none, or it is not believed); -1 and errno: it can't
 * be read now. Holds on another boot too, since the data was synced before. data_fd may be of O_PATH, here and below. */
int journal_is_finished(const struct fs_ops *fs, const char *path, int data_fd);
/* The same of: the journal at path is of the file data_fd (on whatever boot, if the file system knows birth times). */
int journal_is_of(const struct fs_ops *fs, const char *path, int data_fd);
/* Bytes from n on are not there any more: forget them. Before the data file is cut; no slot may be in use meanwhile. */
void journal_cut(struct journal *j, int64_t n);

/* A slot for a new segment; -1 when there is none (then its progress is simply not journaled). */
int journal_slot_get(struct journal *j);
/* Bytes [start, end) are written; start is the same each time for a slot. One thread per slot at a time; slot -1 is a no-op. */
void journal_slot_move(struct journal *j, int slot, int64_t start, int64_t end);

#endif
