/* SPDX-License-Identifier: MIT
 * WebSockets.
 */
#include "rpc/ws.h"

#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "rpc/auth.h"
#include "rpc/conn.h"

#define WS_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define DELAYED_MAX   16  /* unauthorized answers held back at a time; then nothing more is read */
#define UNDER_WAY_MAX 256 /* calls that wait for the disk at a time; so many can share a commit */
#define OVERLONG      8   /* a message of this many times the limit ends the connection (1009); smaller are dropped */

/* A message that has come and waits for its turn: text, or what is no request at all. */
struct msg {
	STAILQ_ENTRY(msg) link;
	bool invalid; /* an answer with -32600 is due, whatever it was */
	struct buf text;
};

STAILQ_HEAD(msg_list, msg);

struct ws {
	OBJ(WS);
	wslay_event_context_ptr in;  /* frames in; control frames out */
	wslay_frame_context_ptr out; /* text frames out, uncopied */
	bool control;                /* the frame being read is a control frame */
	bool too_long;               /* the message being read is over the limit */
	uint64_t total;              /* its bytes so far */
	struct buf text;             /* of the message being read */
	struct msg_list waiting;
	struct answer_list under_way; /* in the order of their requests; `done` ones wait for those before them */
	unsigned n_under_way;
	size_t held;                 /* bytes of the done ones */
	struct answer_list delayed;  /* unauthorized ones */
	unsigned n_delayed;
	bool ending;                 /* ws_end, once all that is under way is out */
	bool trusted;                /* has shown the token, or none is needed */
};

static uint64_t text_max(const struct conn *c)
{
	return (uint64_t)opts_num(c->rpc->opts, OPT_RPC_MAX_REQUEST_SIZE);
}

/* The newest answer is a long list that is still being written: one at a time, for each may become large. */
static bool writes_list(const struct ws *w)
{
	const struct answer *a = TAILQ_LAST(&w->under_way, answer_list);

	return a != NULL && a->r.rest != NULL;
}

static bool busy(const struct conn *c)
{
	const struct ws *w = c->ws;

	return w->ending || writes_list(w) || w->n_under_way >= UNDER_WAY_MAX || w->held > CONN_OUT_HIGH ||
	       w->n_delayed >= DELAYED_MAX || conn_clogged(c);
}

/* ---- frames out ---- */

static ssize_t on_frame_send(const uint8_t *data, size_t len, int flags, void *arg)
{
	(void)flags;
	conn_write(arg, data, len);
	return (ssize_t)len;
}

static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags, void *arg)
{
	(void)ctx;
	return on_frame_send(data, len, flags, arg);
}

static void send_text(struct conn *c, const char *text, size_t n)
{
	struct wslay_frame_iocb f = {.fin = 1, .opcode = WSLAY_TEXT_FRAME, .payload_length = n,
		.data = (const uint8_t *)text, .data_length = n};

	if (!wslay_event_get_close_sent(c->ws->in))
		wslay_frame_send(c->ws->out, &f);
}

/* Pongs and close frames that are due; after the last frame of a connection it ends. */
static void send_control(struct conn *c)
{
	wslay_event_context_ptr in = c->ws->in;

	while (wslay_event_want_write(in) && wslay_event_send(in) == 0)
		continue;
	if (!wslay_event_want_read(in) && !wslay_event_want_write(in))
		conn_finish(c);
}

/* ---- frames in ---- */

static ssize_t on_recv(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, int flags, void *arg)
{
	struct conn *c = arg;
	size_t n = c->in_len - c->in_pos < len ? c->in_len - c->in_pos : len;

	(void)flags;
	if (n == 0 || !STAILQ_EMPTY(&c->ws->waiting)) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	memcpy(buf, c->in + c->in_pos, n);
	c->in_pos += n;
	return (ssize_t)n;
}

static void on_frame_start(wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_start_arg *a, void *arg)
{
	(void)ctx;
	((struct conn *)arg)->ws->control = wslay_is_ctrl_frame(a->opcode);
}

/* A message over the limit is thrown away and answered as no JSON; one far over it is not listened to. */
static void on_frame_data(wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_chunk_arg *a, void *arg)
{
	struct conn *c = arg;
	struct ws *w = c->ws;

	if (w->control)
		return;
	w->total += a->data_length;
	if (w->too_long || w->total > text_max(c) || buf_add(&w->text, a->data, a->data_length) != 0) {
		w->too_long = true;
		buf_free(&w->text);
	}
	if (w->total / OVERLONG > text_max(c)) {
		wslay_event_queue_close(ctx, WSLAY_CODE_MESSAGE_TOO_BIG, NULL, 0);
		wslay_event_shutdown_read(ctx);
	}
}

/* Pings and pongs, too, are answered by aria2 with "Invalid Request"; clients that ping are used to it. */
static void on_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *a, void *arg)
{
	struct ws *w = ((struct conn *)arg)->ws;
	struct msg *m;

	(void)ctx;
	if (a->opcode == WSLAY_CONNECTION_CLOSE)
		return;
	m = xcalloc(1, sizeof(*m));
	m->invalid = wslay_is_ctrl_frame(a->opcode);
	if (!m->invalid) {
		m->text = w->text;
		buf_init_foreign(&w->text, w->text.max);
		w->too_long = false;
		w->total = 0;
	}
	STAILQ_INSERT_TAIL(&w->waiting, m, link);
}

/* ---- messages ---- */

static void send_answer(struct conn *c, struct answer *a)
{
	struct ws *w = c->ws;

	send_text(c, a->r.out.data, a->r.out.len);
	w->trusted = w->trusted || a->r.good; /* not before: what happened before the answer is no news to its reader */
	answer_free(a);
}

static void send_in_order(struct conn *c)
{
	struct ws *w = c->ws;
	struct answer *a;

	while ((a = TAILQ_FIRST(&w->under_way)) != NULL && a->done) {
		TAILQ_REMOVE(&w->under_way, a, link);
		w->n_under_way--;
		w->held -= a->r.out.len;
		send_answer(c, a);
	}
}

static void on_ready(void *owner, struct answer *a)
{
	struct conn *c = owner;
	struct ws *w;

	OBJ_CHECK(c, CONN);
	w = c->ws;
	conn_hold(c);
	if (a->out_of_turn) {
		TAILQ_REMOVE(&w->delayed, a, link);
		w->n_delayed--;
		send_answer(c, a);
	} else {
		a->done = true;
		w->held += a->r.out.len;
		send_in_order(c);
	}
	if (w->ending)
		ws_end(c);
	conn_process(c);
	conn_release(c);
}

static void answer_next(struct conn *c)
{
	struct ws *w = c->ws;
	struct msg *m = STAILQ_FIRST(&w->waiting);
	struct answer *a = answer_new(c->rpc->env.engine, on_ready, c);

	STAILQ_REMOVE_HEAD(&w->waiting, link);
	if (m->invalid)
		jsonrpc_invalid(&a->r);
	else
		jsonrpc_text(&c->who, m->text.data, m->text.len, &a->r);
	buf_free(&m->text);
	free(m);
	a->out_of_turn = a->r.bad > 0;
	if (a->out_of_turn) {
		TAILQ_INSERT_TAIL(&w->delayed, a, link);
		w->n_delayed++;
	} else {
		TAILQ_INSERT_TAIL(&w->under_way, a, link);
		w->n_under_way++;
	}
	answer_go(a);
}

bool ws_work(struct conn *c)
{
	struct ws *w = c->ws;

	OBJ_CHECK(w, WS);
	if (busy(c))
		return false;
	if (!STAILQ_EMPTY(&w->waiting)) {
		answer_next(c);
		return true;
	}
	if (c->in_pos == c->in_len)
		return false;
	if (wslay_event_recv(w->in) != 0) {
		log_debug(RPC, "%s: broken WebSocket frame", stream_peer(c->s));
		conn_close(c);
		return false;
	}
	send_control(c);
	return conn_alive(c);
}

/* ---- start and end ---- */

static char *accept_key(const char *key)
{
	char *text = xasprintf("%s" WS_GUID, key), *ret;
	unsigned char sum[HASH_MAX];
	struct hash *h = hash_new("sha-1");

	hash_update(h, text, strlen(text));
	ret = str_base64(sum, hash_final(h, sum));
	hash_free(h);
	free(text);
	return ret;
}

/* false: out of memory; the library has no reserve. */
static bool make_contexts(struct conn *c)
{
	static const struct wslay_event_callbacks in = {.recv_callback = on_recv, .send_callback = on_send,
		.on_frame_recv_start_callback = on_frame_start, .on_frame_recv_chunk_callback = on_frame_data,
		.on_msg_recv_callback = on_message};
	static const struct wslay_frame_callbacks out = {.send_callback = on_frame_send};
	uint64_t max = text_max(c) < UINT32_MAX ? text_max(c) * OVERLONG : INT64_MAX;

	if (wslay_event_context_server_init(&c->ws->in, &in, c) != 0)
		return false;
	if (wslay_frame_context_init(&c->ws->out, &out, c) != 0) {
		wslay_event_context_free(c->ws->in);
		return false;
	}
	wslay_event_config_set_no_buffering(c->ws->in, 1);
	wslay_event_config_set_max_recv_msg_length(c->ws->in, max);
	return true;
}

static bool make_ws(struct conn *c)
{
	struct ws *w = xcalloc(1, sizeof(*w));

	c->ws = w;
	if (!make_contexts(c)) {
		c->ws = NULL;
		free(w);
		return false;
	}
	OBJ_INIT(w, WS);
	STAILQ_INIT(&w->waiting);
	TAILQ_INIT(&w->under_way);
	TAILQ_INIT(&w->delayed);
	buf_init_foreign(&w->text, SIZE_MAX / 4);
	w->trusted = !auth_needs_token(c->rpc->opts);
	return true;
}

bool ws_start(struct conn *c, const char *key)
{
	char *accepted;
	struct buf head;

	if (!make_ws(c))
		return false;
	accepted = accept_key(key);
	buf_init(&head, HTTP_HEAD_MAX);
	buf_addf(&head, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: %s\r\n\r\n", accepted);
	free(accepted);
	conn_write_buf(c, &head);
	http_reset(c);
	conn_arm(c);
	return true;
}

static void drop_answers(struct answer_list *l)
{
	struct answer *a;

	while ((a = TAILQ_FIRST(l)) != NULL) {
		TAILQ_REMOVE(l, a, link);
		answer_drop(a);
	}
}

void ws_free(struct conn *c)
{
	struct ws *w = c->ws;
	struct msg *m;

	if (w == NULL)
		return;
	OBJ_CHECK(w, WS);
	drop_answers(&w->under_way);
	drop_answers(&w->delayed);
	while ((m = STAILQ_FIRST(&w->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&w->waiting, link);
		buf_free(&m->text);
		free(m);
	}
	buf_free(&w->text);
	wslay_event_context_free(w->in);
	wslay_frame_context_free(w->out);
	OBJ_FREE(w);
	c->ws = NULL;
}

void ws_notify(struct conn *c, const char *text, size_t n)
{
	if (!c->ws->trusted || c->last)
		return;
	c->corked = true; /* they come in bursts, each of two pieces: one write takes them all */
	send_text(c, text, n);
	c->corked = false;
	if (c->queued > CONN_OUT_MAX) {
		log_info(RPC, "%s: dropped, it does not read its notifications", stream_peer(c->s));
		conn_close(c);
	}
}

void ws_end(struct conn *c)
{
	c->ws->ending = true;
	if (!TAILQ_EMPTY(&c->ws->under_way))
		return;
	wslay_event_queue_close(c->ws->in, WSLAY_CODE_GOING_AWAY, NULL, 0);
	wslay_event_shutdown_read(c->ws->in);
	send_control(c);
}
