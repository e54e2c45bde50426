/* SPDX-License-Identifier: MIT
 * The folders that downloads may lie in: the dir that hauld was started with, and allowed-dirs. Names are compared, not what they
 * stand for: no file system is asked. Pure; any thread.
 */
#ifndef HAUL_BASE_DIRS_H
#define HAUL_BASE_DIRS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/opt.h"

/* The longest of `own` (dir of the start), and the lines of `more` (the option allowed-dirs), that is dir or above it: its length
 * as a beginning of dir, without slashes at its end but for "/" itself. 0: there is none; so also for a dir with "..". NULL is
 * fine for each. */
size_t dirs_root(const char *own, const char *more, const char *dir);

/* A caller who is not known to be the daemon's own user may have files written to dir (NULL: false). */
bool dirs_allow(const struct opts *start, const char *dir);

#endif
