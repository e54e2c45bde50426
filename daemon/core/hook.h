/* SPDX-License-Identifier: MIT
 * Programs that the configuration wants to be run when a download starts, pauses, stops, completes or fails
 * (on-download-*). They are started directly, never through a shell, with three arguments: GID, number of files, path
 * of the first file (empty while unknown), all as they were at the event. So many run at a time; the others wait, in the
 * order of the events, and hold up no download. One that the system can't start for want of a process or a descriptor waits
 * as well. What is not run at all is in the log, each with its GID. Loop thread.
 */
#ifndef HAUL_CORE_HOOK_H
#define HAUL_CORE_HOOK_H

#include <stddef.h>

struct engine;
struct hooks;

#define HOOKS_AT_A_TIME 32
#define HOOKS_BYTES	((size_t)32 << 20) /* of memory for those that wait: 200,000 with paths of a usual length */

/* Listens to the engine's events from now on. */
struct hooks *hooks_new(struct engine *e);
/* How many have not been started. */
size_t hooks_waiting(const struct hooks *h);
/* cb whenever the last one that waited was started, or found impossible to start. It must not free h. */
void hooks_on_idle(struct hooks *h, void (*cb)(void *arg), void *arg);
/* Before engine_free. Programs that run go on; their handles close when they end, or now. Those that wait are lost, and the log
 * says which. NULL is fine. */
void hooks_free(struct hooks *h);

#endif
