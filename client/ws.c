/* SPDX-License-Identifier: MIT
 * WebSocket to the daemon.
 */
#include "client/ws.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <wslay/wslay.h>

#include "base/str.h"
#include "client/http.h"

struct msg {
	STAILQ_ENTRY(msg) link;
	char *text;
	size_t len;
};

struct ws {
	struct conn *conn;
	wslay_event_context_ptr ctx;
	struct buf early; /* bytes that came together with the upgrade's answer */
	STAILQ_HEAD(msgs, msg) in;
	bool ended;
};

static ssize_t on_recv(wslay_event_context_ptr ctx, uint8_t *p, size_t n, int flags, void *user)
{
	(void)flags;
	struct ws *w = user;
	if (w->early.len > 0) {
		size_t k = w->early.len < n ? w->early.len : n;
		memcpy(p, w->early.data, k);
		buf_drop(&w->early, k);
		return (ssize_t)k;
	}
	ssize_t r = conn_try_read(w->conn, p, n);
	if (r > 0)
		return r;
	w->ended = w->ended || r != CONN_AGAIN;
	wslay_event_set_error(ctx, r == CONN_AGAIN ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *p, size_t n, int flags, void *user)
{
	(void)flags;
	struct ws *w = user;
	ssize_t r = conn_try_write(w->conn, p, n);
	if (r > 0)
		return r;
	w->ended = w->ended || r != CONN_AGAIN;
	wslay_event_set_error(ctx, r == CONN_AGAIN ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static int on_mask(wslay_event_context_ptr ctx, uint8_t *p, size_t n, void *user)
{
	(void)ctx;
	(void)user;
	return RAND_bytes(p, (int)n) == 1 ? 0 : -1;
}

static void on_msg(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *a, void *user)
{
	(void)ctx;
	struct ws *w = user;
	if (wslay_is_ctrl_frame(a->opcode)) {
		w->ended = w->ended || a->opcode == WSLAY_CONNECTION_CLOSE;
		return;
	}
	struct msg *m = xcalloc(1, sizeof(*m));
	m->text = xmalloc(a->msg_length + 1);
	memcpy(m->text, a->msg, a->msg_length);
	m->text[a->msg_length] = '\0';
	m->len = a->msg_length;
	STAILQ_INSERT_TAIL(&w->in, m, link);
}

static int fail_ended(struct fail *f)
{
	return fail_set(f, ERR_EOF, "the daemon closed the connection");
}

static int flush(struct ws *w, struct fail *f)
{
	while (wslay_event_want_write(w->ctx)) {
		if (wslay_event_send(w->ctx) != 0 || w->ended)
			return fail_ended(f);
		if (!wslay_event_want_write(w->ctx))
			break;
		int rc = conn_wait(w->conn, f);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int ws_send(struct ws *w, const char *text, size_t n, struct fail *f)
{
	struct wslay_event_msg m = {.opcode = WSLAY_TEXT_FRAME, .msg = (const uint8_t *)text, .msg_length = n};
	if (w->ended || wslay_event_queue_msg(w->ctx, &m) != 0)
		return fail_ended(f);
	return flush(w, f);
}

int ws_pump(struct ws *w, struct fail *f)
{
	int rc = w->ended ? WSLAY_ERR_CALLBACK_FAILURE : wslay_event_recv(w->ctx);
	if (rc == 0)
		rc = flush(w, f); /* pongs */
	return rc != 0 || w->ended ? fail_ended(f) : 0;
}

int ws_wait(struct ws *w, struct fail *f)
{
	return conn_wait(w->conn, f);
}

char *ws_next(struct ws *w, size_t *ret_len)
{
	struct msg *m = STAILQ_FIRST(&w->in);
	if (!m)
		return NULL;
	STAILQ_REMOVE_HEAD(&w->in, link);
	char *text = m->text;
	*ret_len = m->len;
	free(m);
	return text;
}

int ws_fd(const struct ws *w)
{
	return conn_fd(w->conn);
}

static void ws_free(struct ws *w)
{
	size_t n;
	char *text;
	while ((text = ws_next(w, &n)))
		free(text);
	if (w->ctx)
		wslay_event_context_free(w->ctx);
	buf_free(&w->early);
	free(w);
}

void ws_close(struct ws *w)
{
	if (!w)
		return;
	if (!w->ended && wslay_event_queue_close(w->ctx, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0) == 0)
		(void)wslay_event_send(w->ctx);
	conn_hang_up(w->conn);
	ws_free(w);
}

int ws_open(struct conn *c, const struct endpoint *ep, struct ws **ret, struct fail *f)
{
	static const struct wslay_event_callbacks cb = {.recv_callback = on_recv,
		.send_callback = on_send,
		.genmask_callback = on_mask,
		.on_msg_recv_callback = on_msg};
	struct ws *w = xcalloc(1, sizeof(*w));
	w->conn = c;
	STAILQ_INIT(&w->in);
	buf_init(&w->early, 1u << 20);
	int rc = http_upgrade(c, ep, &w->early, f);
	if (rc == 0 && wslay_event_context_client_init(&w->ctx, &cb, w) != 0)
		rc = fail_set(f, ERR_NOMEM, NULL);
	if (rc < 0) {
		ws_free(w);
		return rc;
	}
	wslay_event_config_set_max_recv_msg_length(w->ctx, HTTP_BODY_MAX);
	*ret = w;
	return 0;
}
