/* SPDX-License-Identifier: MIT
 * The progress journal: what a transfer has written, readable after kill -9. One small file per running transfer in the state
 * directory, an array of slots {start, end}; a wstream owns a slot and moves its `end` on with one 8-byte pwrite after each
 * data write, on the pool thread. No sync: the page cache survives the process. After a power cut it is not believed: its
 * header names the boot, the mount, the device, the inode and birth time of the data file, and if any of them differs, only
 * the ranges in the database (which were synced) count. See docs/types/journal.md.
 */
#ifndef HAUL_DISK_JOURNAL_H
#define HAUL_DISK_JOURNAL_H

#include <stdint.h>

#include "base/err.h"
#include "base/ranges.h"

struct journal;

/* All calls block on the disk: pool threads only, except journal_slot_*, see there. */

/* Open or create for the data file data_fd. ret_have: what it proves (added to). Anything unfitting in an existing one makes it
 * start empty. 0 or ERR_IO (the transfer goes on without a journal). */
int journal_open(const char *path, int data_fd, struct ranges *ret_have, struct journal **ret);
void journal_close(struct journal *j, bool unlink); /* NULL is fine */

/* A slot for a new segment beginning at off; -1 when there is none (then its progress is simply not journaled). Any thread. */
int journal_slot_get(struct journal *j, int64_t off);
/* Bytes [start of slot, end) are written. Pool thread; one thread per slot at a time. */
void journal_slot_move(struct journal *j, int slot, int64_t end);

#endif
