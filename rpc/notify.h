/* SPDX-License-Identifier: MIT
 * Events of the engine as notifications on WebSockets.
 */
#ifndef HAUL_RPC_NOTIFY_H
#define HAUL_RPC_NOTIFY_H

struct event;
struct rpc;

extern const char *const notify_names[]; /* as system.listNotifications gives them; NULL-terminated */

/* Callback for engine_subscribe; arg is the struct rpc. */
void notify_event(void *arg, const struct event *ev);

#endif
