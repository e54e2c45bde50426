/* SPDX-License-Identifier: MIT
 * Programs that the configuration wants to be run when a download starts, pauses, stops, completes or fails
 * (on-download-*). They are started directly, never through a shell, with three arguments: GID, number of files, path
 * of the first file (empty while unknown). Nobody waits for them; several may run at once. Loop thread.
 */
#ifndef HAUL_CORE_HOOK_H
#define HAUL_CORE_HOOK_H

struct engine;
struct hooks;

/* Listens to the engine's events from now on. */
struct hooks *hooks_new(struct engine *e);
/* Before engine_free. Programs that run go on; their handles close when they end, or now. NULL is fine. */
void hooks_free(struct hooks *h);

#endif
