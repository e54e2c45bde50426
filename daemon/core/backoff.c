/* SPDX-License-Identifier: MIT
 * Exponential back-off.
 */
#include "core/backoff.h"

uint64_t backoff(uint64_t first, uint64_t least, uint64_t most, unsigned doublings)
{
	uint64_t wait = first;

	while (doublings-- > 0 && wait < most)
		wait = wait > UINT64_MAX / 2 ? UINT64_MAX : wait * 2;
	if (wait > most)
		wait = most;
	return wait > least ? wait : least;
}
