/* SPDX-License-Identifier: MIT
 * Notifications: encoded once, sent to everybody.
 */
#include "rpc/notify.h"

#include "core/event.h"
#include "rpc/conn.h"
#include "rpc/ws.h"

#define TEXT_MAX 256

/* In the order of aria2's list. */
enum { N_START, N_PAUSE, N_STOP, N_COMPLETE, N_ERROR, N_BT_COMPLETE, N_END };

const char *const notify_names[] = {
	[N_START] = "aria2.onDownloadStart",
	[N_PAUSE] = "aria2.onDownloadPause",
	[N_STOP] = "aria2.onDownloadStop",
	[N_COMPLETE] = "aria2.onDownloadComplete",
	[N_ERROR] = "aria2.onDownloadError",
	[N_BT_COMPLETE] = "aria2.onBtDownloadComplete",
	[N_END] = NULL,
};

static const char *name_of(enum event_type t)
{
	static const unsigned char row[EV_COUNT] = {[EV_START] = N_START, [EV_PAUSE] = N_PAUSE, [EV_STOP] = N_STOP,
		[EV_COMPLETE] = N_COMPLETE, [EV_ERROR] = N_ERROR};

	return notify_names[row[t]];
}

static void encode(const struct event *ev, struct buf *out)
{
	struct jw w = {.out = out};

	jw_open(&w, '{');
	jw_pair(&w, "jsonrpc", "2.0");
	jw_pair(&w, "method", name_of(ev->type));
	jw_key(&w, "params");
	jw_open(&w, '[');
	jw_open(&w, '{');
	jw_key(&w, "gid");
	jw_gid(&w, ev->gid);
	jw_close(&w, '}');
	jw_close(&w, ']');
	jw_close(&w, '}');
}

void notify_event(void *arg, const struct event *ev)
{
	struct rpc *r = arg;
	struct conn *c, *next;
	struct buf text;

	OBJ_CHECK(r, RPC);
	buf_init(&text, TEXT_MAX);
	buf_room(&text, TEXT_MAX / 2); /* enough */
	encode(ev, &text);
	for (c = TAILQ_FIRST(&r->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->ws != NULL)
			ws_notify(c, text.data, text.len);
	}
	buf_free(&text);
}
