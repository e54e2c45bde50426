/* SPDX-License-Identifier: MIT
 * The state directory: made for its owner only, and locked for one process.
 */
#ifndef HAUL_STORE_STATE_DIR_H
#define HAUL_STORE_STATE_DIR_H

#include "base/err.h"

/* Makes dir (0700, with parents) when missing and takes DIR/lock. The lock lives as long as *ret_fd is open.
 * ERR_STATE_DIR, or ERR_LOCKED naming the holder's process id. Start-up only. */
int state_dir_lock(const char *dir, int *ret_fd, struct fail *f);

#endif
