/* SPDX-License-Identifier: MIT
 * Which folders a caller may have files written to who is not known to be the daemon's own user. Pure; any thread.
 */
#ifndef HAUL_RPC_DIRS_H
#define HAUL_RPC_DIRS_H

#include <stdbool.h>

#include "base/opt.h"

/* dir (NULL: false) is the folder that hauld was started with (option dir of `start`), one of allowed-dirs, or below one
 * of these. Names are compared, not what they stand for: no file system is asked, and a name with ".." is refused. */
bool dirs_allow(const struct opts *start, const char *dir);

#endif
