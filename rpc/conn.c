/* SPDX-License-Identifier: MIT
 * Connections: input, output, deadlines.
 */
#include "rpc/conn.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "ev/loop.h"
#include "rpc/ws.h"

#define CHUNK_SMALL 65536      /* small writes are gathered up to this */
#define WRITE_PIECE (256 * 1024)

/* A piece of output. */
struct chunk {
	struct buf b;
	size_t pos; /* handed to the stream so far */
	TAILQ_ENTRY(chunk) link;
};

bool conn_alive(const struct conn *c)
{
	return c->s != NULL;
}

void conn_hold(struct conn *c)
{
	OBJ_CHECK(c, CONN);
	c->holds++;
}

void conn_release(struct conn *c)
{
	OBJ_CHECK(c, CONN);
	if (--c->holds == 0 && c->s == NULL)
		OBJ_FREE(c);
}

static void count_queued(struct conn *c, size_t queued)
{
	c->rpc->env.answers += queued - c->queued;
	c->queued = queued;
}

static void drop_output(struct conn *c)
{
	struct chunk *k;

	while ((k = TAILQ_FIRST(&c->out)) != NULL) {
		TAILQ_REMOVE(&c->out, k, link);
		buf_free(&k->b);
		free(k);
	}
	count_queued(c, 0);
}

/* Everything but the stream, which the caller has closed. */
static void detach(struct conn *c)
{
	c->s = NULL;
	defer_cancel(c->rpc->loop, &c->flush);
	timer_stop(&c->deadline);
	answer_drop(c->answer);
	c->answer = NULL;
	ws_free(c);
	http_free(c);
	drop_output(c);
	TAILQ_REMOVE(&c->rpc->conns, c, link);
	c->rpc->n_conns--;
	conn_hold(c);
	conn_release(c);
}

void conn_close(struct conn *c)
{
	OBJ_CHECK(c, CONN);
	if (c->s == NULL)
		return;
	stream_close(c->s);
	detach(c);
}

static void close_if_sent(struct conn *c)
{
	if (c->s == NULL || !c->last || c->queued > 0 || c->answer != NULL)
		return;
	stream_close_soon(c->s);
	detach(c);
}

void conn_finish(struct conn *c)
{
	OBJ_CHECK(c, CONN);
	c->last = true;
	close_if_sent(c);
}

/* The system closes the copy of the descriptor with the process. */
void conn_farewell(struct conn *c)
{
	OBJ_CHECK(c, CONN);
	if (c->awaits_end && c->answer == NULL && c->queued == 0 && fcntl(stream_fd(c->s), F_DUPFD_CLOEXEC, 0) >= 0)
		conn_close(c);
	else
		conn_finish(c);
}

static void on_deadline(void *arg)
{
	struct conn *c = arg;

	OBJ_CHECK(c, CONN);
	log_debug(RPC, "%s: %s for too long", stream_peer(c->s), c->queued > 0 ? "does not read" : "sends no request");
	conn_close(c);
}

/* While output is queued its own deadline runs; else, before a request is whole, the request's. */
void conn_arm(struct conn *c)
{
	if (c->queued > 0 || (c->ws == NULL && c->answer == NULL))
		timer_start(c->rpc->loop, &c->deadline, c->rpc->patience, 0, on_deadline, c);
	else
		timer_stop(&c->deadline);
}

void conn_expect(struct conn *c)
{
	TAILQ_REMOVE(&c->rpc->conns, c, link);
	TAILQ_INSERT_TAIL(&c->rpc->conns, c, link);
	conn_arm(c);
}

bool conn_clogged(const struct conn *c)
{
	return c->queued + (c->s != NULL ? stream_unsent(c->s) : 0) > CONN_OUT_HIGH;
}

/* ---- output ---- */

/* Hands the stream as much as it should hold. */
static void pump(struct conn *c)
{
	struct chunk *k;

	while (c->s != NULL && (k = TAILQ_FIRST(&c->out)) != NULL && stream_unsent(c->s) < WRITE_PIECE) {
		size_t n = k->b.len - k->pos < WRITE_PIECE ? k->b.len - k->pos : WRITE_PIECE;

		stream_write(c->s, k->b.data + k->pos, n);
		k->pos += n;
		count_queued(c, c->queued - n);
		if (k->pos == k->b.len) {
			TAILQ_REMOVE(&c->out, k, link);
			buf_free(&k->b);
			free(k);
		}
	}
}

static struct chunk *chunk_new(struct conn *c)
{
	struct chunk *k = xcalloc(1, sizeof(*k));

	buf_init(&k->b, SIZE_MAX / 4);
	TAILQ_INSERT_TAIL(&c->out, k, link);
	return k;
}

static void send_queued(struct conn *c, bool idle)
{
	pump(c);
	if (idle && c->queued > 0)
		conn_arm(c);
}

static void on_flush(void *arg)
{
	struct conn *c = arg;

	OBJ_CHECK(c, CONN);
	send_queued(c, !timer_running(&c->deadline)); /* of a WebSocket: nothing was queued before */
}

static void wrote(struct conn *c, size_t n)
{
	bool idle = c->queued == 0;

	count_queued(c, c->queued + n);
	if (c->corked && c->queued < WRITE_PIECE)
		defer(c->rpc->loop, &c->flush);
	else
		send_queued(c, idle);
}

void conn_write(struct conn *c, const void *p, size_t n)
{
	struct chunk *k = TAILQ_LAST(&c->out, chunk_list);

	if (c->s == NULL || n == 0)
		return;
	if (k == NULL || k->b.len > CHUNK_SMALL)
		k = chunk_new(c);
	buf_add(&k->b, p, n);
	wrote(c, n);
}

void conn_write_buf(struct conn *c, struct buf *b)
{
	size_t n = b->len;
	struct chunk *k;

	if (c->s == NULL || n == 0) {
		buf_free(b);
		return;
	}
	k = chunk_new(c);
	k->b = *b;
	buf_init(b, k->b.max);
	wrote(c, n);
}

/* ---- input ---- */

static bool wants_input(const struct conn *c)
{
	return c->s != NULL && !c->last && c->answer == NULL && !conn_clogged(c);
}

void conn_process(struct conn *c)
{
	OBJ_CHECK(c, CONN);
	if (c->processing || c->s == NULL)
		return;
	conn_hold(c);
	c->processing = true;
	while (wants_input(c) && (c->ws != NULL ? ws_work(c) : http_work(c)))
		continue;
	c->processing = false;
	close_if_sent(c);
	if (wants_input(c))
		stream_resume(c->s);
	conn_release(c);
}

static void on_space(void *owner, struct span *ret)
{
	struct conn *c = owner;

	OBJ_CHECK(c, CONN);
	if (c->in_pos == c->in_len)
		c->in_pos = c->in_len = 0;
	ret->base = c->in + c->in_len;
	ret->len = wants_input(c) ? sizeof(c->in) - c->in_len : 0;
}

static void on_data(void *owner, size_t n)
{
	struct conn *c = owner;

	OBJ_CHECK(c, CONN);
	c->in_len += n;
	conn_process(c);
}

static void on_end(void *owner, int err, const struct fail *f)
{
	struct conn *c = owner;

	(void)f;
	OBJ_CHECK(c, CONN);
	/* A peer that has only closed its own direction still gets the answer that is on its way. */
	if (err == 0 && (c->answer != NULL || c->queued > 0 || stream_unsent(c->s) > 0)) {
		c->last = true;
		return;
	}
	conn_close(c);
}

static void on_drained(void *owner)
{
	struct conn *c = owner;

	OBJ_CHECK(c, CONN);
	conn_hold(c);
	pump(c);
	if (c->queued > 0 || c->ws != NULL)
		conn_arm(c);
	close_if_sent(c);
	conn_process(c);
	conn_release(c);
}

/* Room for a newcomer: the one that has waited longest without sending a request goes. */
static bool make_room(struct rpc *r)
{
	struct conn *c;

	if (r->n_conns < CONN_MAX)
		return true;
	for (c = TAILQ_FIRST(&r->conns); c != NULL; c = TAILQ_NEXT(c, link)) {
		if (c->ws == NULL && c->answer == NULL && c->queued == 0) {
			conn_close(c);
			return true;
		}
	}
	return false;
}

static bool is_same_user(const struct stream *s)
{
	uint32_t uid;

	return stream_peer_uid(s, &uid) && (uid == geteuid() || uid == 0);
}

void conn_accept(void *owner, struct stream *s)
{
	static const struct stream_ops ops = {
		.space = on_space, .data = on_data, .end = on_end, .drained = on_drained};
	struct rpc *r = owner;
	struct conn *c;

	OBJ_CHECK(r, RPC);
	if (r->closing || !make_room(r)) {
		stream_close(s);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->flush = (struct deferred){.cb = on_flush, .arg = c};
	OBJ_INIT(c, CONN);
	c->rpc = r;
	c->s = s;
	c->same_user = is_same_user(s);
	c->who.env = &r->env;
	TAILQ_INIT(&c->out);
	TAILQ_INSERT_TAIL(&r->conns, c, link);
	r->n_conns++;
	http_init(c);
	stream_set_owner(s, &ops, c);
	conn_arm(c);
}
