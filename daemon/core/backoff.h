/* SPDX-License-Identifier: MIT
 * How long to wait before the next try. Pure; any thread.
 */
#ifndef HAUL_CORE_BACKOFF_H
#define HAUL_CORE_BACKOFF_H

#include <stdint.h>

/* `first` doubled so many times, at most `most`, but never less than `least`. All of one unit. */
uint64_t backoff(uint64_t first, uint64_t least, uint64_t most, unsigned doublings);

#endif
