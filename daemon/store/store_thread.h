/* SPDX-License-Identifier: MIT
 * The store's own thread: takes one batch at a time, commits it through the backend, says so on the loop thread.
 */
#ifndef HAUL_STORE_STORE_THREAD_H
#define HAUL_STORE_STORE_THREAD_H

#include "store/batch.h"

struct loop;
struct store_thread;

/* done(arg) comes on the loop thread when the batch handed over is through; ask store_thread_result then. be and b (the
 * backend's own struct) are used by the thread alone while a batch is with it. 0 or ERR_STORE. */
int store_thread_start(struct loop *l, const struct store_backend *be, void *b, void (*done)(void *arg), void *arg,
	struct store_thread **ret, struct fail *f);
/* The batch is the thread's until store_thread_result gives it back; one at a time. Keeps loop_run going meanwhile. */
void store_thread_commit(struct store_thread *t, struct batch *batch, bool durable);
/* The batch that is through, and how it went in *f (code 0: committed); NULL when it is still under way. wait: block
 * for it. */
struct batch *store_thread_result(struct store_thread *t, bool wait, struct fail *f);
/* No batch may be under way. Blocks until the thread has ended; the memory goes when the loop has closed the handle. */
void store_thread_stop(struct store_thread *t);

#endif
