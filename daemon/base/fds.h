/* SPDX-License-Identifier: MIT
 * File descriptors of the process: those it is started with, and how many there are left.
 */
#ifndef HAUL_BASE_FDS_H
#define HAUL_BASE_FDS_H

#include <stdbool.h>
#include <stddef.h>

/* Opens /dev/null in the place of each of 0 to 2 that is closed, so that no file or socket gets its number and with it what is
 * meant for standard output. Before anything else is opened. 0, or -1 with errno. */
int fds_hold_standard(void);

size_t fds_max(void); /* how many may be open at a time: RLIMIT_NOFILE */

/* Three quarters are in use: what can do without another one should. Says so in the log when that changes. Loop thread. */
bool fds_scarce(void);

#endif
