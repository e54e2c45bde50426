/* SPDX-License-Identifier: MIT
 * The state directory: made for its owner only, and locked for one process.
 */
#ifndef HAUL_STORE_STATE_DIR_H
#define HAUL_STORE_STATE_DIR_H

#include "base/err.h"

/* Descriptors that hold the locks, -1: none. */
struct state_lock {
	int file, dir;
};

#define STATE_UNLOCKED ((struct state_lock){.file = -1, .dir = -1})

/* Makes dir (0700, with parents) when missing, and locks it: DIR/lock, which tells who it is, and the folder itself, which holds
 * when that file is removed. ERR_STATE_DIR, or ERR_LOCKED naming the holder's process id; *ret holds nothing then. Start-up
 * only. */
int state_dir_lock(const char *dir, struct state_lock *ret, struct fail *f);
void state_dir_unlock(struct state_lock *l); /* idempotent */

#endif
