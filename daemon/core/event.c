/* SPDX-License-Identifier: MIT
 * Names of the engine's events.
 */
#include "core/event.h"

const char *event_name(enum event_type t)
{
	static const char *const names[EV_COUNT] = {
		[EV_START] = "start",
		[EV_PAUSE] = "pause",
		[EV_STOP] = "stop",
		[EV_COMPLETE] = "complete",
		[EV_ERROR] = "error",
	};

	return (unsigned)t < EV_COUNT ? names[t] : "?";
}
