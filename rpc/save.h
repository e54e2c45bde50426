/* SPDX-License-Identifier: MIT
 * struct save: a session file on its way to the disk, and the answer that waits for it. It outlives whoever stops
 * waiting.
 */
#ifndef HAUL_RPC_SAVE_H
#define HAUL_RPC_SAVE_H

#include "base/err.h"

struct save;

struct save *save_new(void);
/* The callback for engine_save_session; arg is the struct save. */
void save_done(void *arg, int err, const struct fail *f);
/* cb once when it is done; at once, before this returns, if it is already. */
void save_wait(struct save *s, void (*cb)(void *arg, int err, const struct fail *f), void *arg);
/* No longer of interest: cb is not called any more, the memory goes when it is done. NULL is fine. May be called from
 * cb. */
void save_drop(struct save *s);
void save_free(struct save *s); /* one that was never handed to engine_save_session */

#endif
