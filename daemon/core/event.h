/* SPDX-License-Identifier: MIT
 * Events of the engine for whoever shows them (RPC notifications, hooks, console). Delivered on the loop thread, in
 * order, after the change they tell of is durable.
 */
#ifndef HAUL_CORE_EVENT_H
#define HAUL_CORE_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum event_type { EV_START, EV_PAUSE, EV_STOP, EV_COMPLETE, EV_ERROR, EV_COUNT };

struct event {
	enum event_type type;
	uint64_t gid;
	const char *path; /* final path of its file, as far as it was known at the event, else ""; valid in the callback */
};

/* Embedded in the listener; it sets cb, arg and of_earlier, and unsubscribes before it dies. */
struct event_sub {
	void (*cb)(void *arg, const struct event *ev);
	void *arg;
	bool of_earlier; /* it is also told of a job whose GID is another one's by now */
	TAILQ_ENTRY(event_sub) link;
};

const char *event_name(enum event_type t); /* "start", "pause", "stop", "complete", "error" */

#endif
