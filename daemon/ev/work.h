/* SPDX-License-Identifier: MIT
 * Work on threads of their own (pool.h). A work item holds copies, descriptors and blocks, never a struct of the loop thread that
 * may change meanwhile. Every item completes exactly once, on the loop thread. All calls on the loop thread.
 *
 * An item says which file system it is for, since calls to one may take for ever (a server that is gone, a disk that dies). Each
 * file system has a queue, in the order of submission, and a share of the threads: WORK_AT_ONCE at most, and never more than are
 * left for all others. So of WORK_THREADS seven file systems may hang, and an eighth one still has a thread.
 */
#ifndef HAUL_EV_WORK_H
#define HAUL_EV_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The threads are so much nicer than the loop: when there are fewer processors than threads that want one, whoever asks
 * something by RPC does not wait for a write of megabytes to end, and bodies come no slower (docs/performance.md). */
#define WORK_NICE 3

#define WORK_THREADS 64 /* altogether; started when they are needed */
#define WORK_AT_ONCE 16 /* of one file system; of these a quarter hashing, so that it never holds up writes */

struct loop;
struct work;
struct works;

enum work_class { WORK_DISK, WORK_HASH };
enum work_load {
	LOAD_FILLING, /* being received */
	LOAD_QUEUED,  /* with whoever writes it */
	LOADS
};

typedef void (*work_fn)(void *arg);               /* on a pool thread */
typedef void (*work_done)(void *arg, int status); /* on the loop thread; 0, or ERR_CANCELED when fn never ran */

/* dev: st_dev of the file system that fn calls upon (mounts.h tells); 0: not known, one queue for all of these. The handle is
 * valid until done is called; most callers ignore it. */
struct work *work_submit(struct loop *l, uint64_t dev, enum work_class cls, work_fn fn, work_done done, void *arg);
/* Don't run it any more: done comes at the end of the turn, with ERR_CANCELED, if fn had not begun; else when fn is through. */
void work_cancel(struct work *w);

/* Bytes of memory that wait for this file system: noted by whoever holds them (block_count), so that one that hangs does not keep
 * all of the memory from the others. */
void work_load_add(struct loop *l, uint64_t dev, enum work_load load, size_t n);
void work_load_sub(struct loop *l, uint64_t dev, enum work_load load, size_t n);
size_t work_load(const struct loop *l, uint64_t dev, enum work_load load);

/* Items are under way: their completion is still to come. */
bool work_pending(const struct loop *l);

/* For loop.c. 0, or ERR_THREADS when the system gives no thread at all, or ERR_NOMEM. */
int works_new(struct loop *l);
void works_before_wait(struct works *s);
void works_after_wait(struct works *s);
void works_keep_alive(struct works *s); /* items under way do, also when all handles were told not to */
/* False: an item is under way still, and its thread keeps what it needs. Else freed when the loop has run once more. */
bool works_end(struct works *s);

#endif
