/* SPDX-License-Identifier: MIT
 * How many changes were committed, kept in a small file beside the database, which has the number too. SQLite stops reading a
 * damaged WAL at the first bad frame and takes what lies before for all there is: when the database knows of fewer commits
 * than this file, some are gone. After a power cut the file may be older than the database, never newer, since it is written
 * after each commit that was synced. Store thread; open: start-up.
 */
#ifndef HAUL_STORE_COMMIT_COUNT_H
#define HAUL_STORE_COMMIT_COUNT_H

#include <stdint.h>

struct commit_count {
	int fd;	    /* -1: there is none, and nothing is counted */
	uint64_t n; /* as the file has it; 0: it says nothing */
};

/* Reads dir/queue.commits, made with mode 0600 when missing. A failure is logged: the queue does without. */
void commit_count_open(struct commit_count *c, const char *dir);
void commit_count_write(struct commit_count *c, uint64_t n);
/* Nothing is counted any more: 0 is written, and synced, since what it stood for is not looked for again. */
void commit_count_reset(struct commit_count *c);
void commit_count_close(struct commit_count *c);

#endif
