/* SPDX-License-Identifier: MIT
 * The life of a stream, its reading and its writing. libuv's handle is a heap object of its own (sock.h); the stream is
 * freed when that is closed and no call on the stack holds the stream any more.
 */
#include "net/stream.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

#include "base/str.h"
#include "net/dial.h"
#include "net/net_internal.h"
#include "net/peer.h"
#include "ev/block.h"
#include "net/stream_internal.h"
#include "net/tls.h"

#define SOON_MS	  5000 /* stream_close_soon: for sending */
#define LINGER_MS 1000 /* then: for the peer to close, so that no reset overtakes what was sent */
#define TLS_PRICE     2 /* bytes through TLS cost so much more, and */
#define PIPE_DISCOUNT 4 /* bytes that go into a pipe cost so much less than those that go into memory */
#define LINGER_MAX (64 * 1024) /* and for so many bytes that nobody wants any more */
#define CLIENT_SHARE (64 * 1024) /* bytes that are received in a turn from one who connected to us */

struct write_req {
	uv_write_t req;
	struct stream *s;
	size_t n;
	char data[];
};

static void maybe_free(struct stream *s)
{
	if (s->state != ST_CLOSED || s->holds > 0 || s->sock != NULL || s->sock_closing)
		return;
	tls_free(s->tls);
	net_unref(s->net);
	OBJ_FREE(s);
}

static void on_sock_closed(void *arg)
{
	struct stream *s = arg;

	OBJ_CHECK(s, STREAM);
	s->sock_closing = false;
	maybe_free(s);
}

static void close_sock(struct stream *s)
{
	struct sock *k = s->sock;

	if (k == NULL)
		return;
	s->sock = NULL;
	s->sock_closing = true;
	s->reading = false;
	sock_close(k, on_sock_closed, s);
}

void stream_hold(struct stream *s)
{
	OBJ_CHECK(s, STREAM);
	s->holds++;
}

void stream_release(struct stream *s)
{
	OBJ_CHECK(s, STREAM);
	s->holds--;
	maybe_free(s);
}

/* ---- reading ---- */

void stream_space(struct stream *s, struct span *ret)
{
	*ret = (struct span){0};
	if (s->ops == NULL)
		return;
	s->ops->space(s->owner, ret);
	ret->len = net_chop(s->net, ret->len);
}

void stream_data(struct stream *s, size_t n)
{
	if (s->ops != NULL)
		s->ops->data(s->owner, n);
}

void stream_tell_end(struct stream *s, const struct fail *f)
{
	const struct stream_ops *ops = s->ops;

	if (s->ended || ops == NULL)
		return;
	s->ended = true;
	timer_stop(&s->timer);
	stream_stop_reading(s);
	if (s->dialled && s->state != ST_OPEN)
		ops->open(s->owner, f->code, f);
	else
		ops->end(s->owner, f->code, f);
}

void stream_break_later(struct stream *s, const struct fail *f)
{
	if (s->broken.code != 0 || s->state == ST_CLOSED)
		return;
	s->broken = *f;
	defer(s->net->loop, &s->kick);
}

/* What it may receive in this turn is used up, or the turn has lasted long enough: libuv comes again in the next. */
static bool had_enough(struct stream *s)
{
	if (s->dialled && s->left > 0 && net_turn_over(s->net))
		s->left = 0;
	return s->left == 0;
}

/* Clients of our own wait for an answer: they neither stand in the row of the bodies nor shorten their shares. */
static void give_share(struct stream *s)
{
	s->turn = net_turn(s->net);
	s->left = s->dialled ? net_share(s->net, &s->round) : CLIENT_SHARE;
	s->put_off = false;
}

static bool had_its_share(struct stream *s)
{
	if (s->turn != net_turn(s->net)) {
		give_share(s);
	} else if (had_enough(s) && s->put_off) {
		net_next_turn(s->net);
		give_share(s);
	}
	s->put_off = s->left == 0;
	return s->put_off;
}

static size_t at_most(size_t n, size_t max)
{
	return n < max ? n : max;
}

/* What is decrypted counts several times. */
static size_t window_share(const struct stream *s)
{
	return s->tls != NULL ? s->left / TLS_PRICE + 1 : s->left;
}

static void use_share(struct stream *s, size_t n)
{
	size_t used = s->pipe >= 0 ? n / PIPE_DISCOUNT + 1 : s->tls != NULL ? n * TLS_PRICE : n;

	s->left -= at_most(used, s->left);
}

static void ask_pipe(struct stream *s)
{
	s->pipe = s->ops != NULL && s->ops->pipe != NULL && !s->no_splice ? s->ops->pipe(s->owner, &s->pipe_len) : -1;
	if (s->pipe >= 0)
		s->pipe_len = at_most(net_chop(s->net, s->pipe_len), s->left * PIPE_DISCOUNT);
}

/* No memory for libuv to read into makes it call on_read with UV_ENOBUFS; it goes on watching the socket. */
static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct stream *s = h->data;
	struct span sp = {0};

	(void)suggested;
	OBJ_CHECK(s, STREAM);
	*buf = uv_buf_init(NULL, 0);
	s->pipe = -1;
	if (had_its_share(s))
		return;
	if (s->tls == NULL && s->state == ST_OPEN) {
		s->in_alloc = true;
		ask_pipe(s);
		if (s->pipe < 0)
			stream_space(s, &sp);
		s->in_alloc = false;
		*buf = uv_buf_init(sp.base, (unsigned)at_most(sp.len, s->left));
	}
	if (s->tls != NULL || s->state == ST_SOON)
		*buf = uv_buf_init(net_window(s->net), (unsigned)at_most(net_chop(s->net, NET_WINDOW), window_share(s)));
}

/* libuv takes a hang-up that arrives together with the last bytes for an orderly end; the socket still knows better. */
static int true_end(const struct stream *s)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(sock_fd(s->sock), SOL_SOCKET, SO_ERROR, &err, &len) != 0 || err == 0)
		return UV_EOF;
	return -err;
}

static void read_failed(struct stream *s, int uv_err)
{
	struct fail f = {0};

	if (s->dialled && (uv_err == UV_EOF || uv_err == UV_ECONNRESET))
		net_note_life(s->net);
	if (uv_err == UV_EOF)
		uv_err = true_end(s);

	stream_stop_reading(s);
	if (s->state == ST_SOON) {
		s->ended = true;
		if (uv_err != UV_EOF || s->shut)
			stream_close(s);
	} else if (uv_err != UV_EOF) {
		sock_fail_io(&f, uv_err);
		stream_tell_end(s, &f);
	} else if (s->tls != NULL) {
		stream_tls_eof(s);
	} else {
		stream_tell_end(s, &f);
	}
}

static void received(struct stream *s, const char *p, size_t n)
{
	if (s->state == ST_SOON) {
		s->unwanted += n;
		if (s->unwanted > LINGER_MAX)
			stream_close(s);
		return;
	}
	if (s->tls == NULL) {
		stream_data(s, n);
		return;
	}
	tls_input(s->tls, p, n);
	stream_tls_pump(s);
}

static bool is_full(int pipe)
{
	struct pollfd p = {.fd = pipe, .events = POLLOUT};

	return poll(&p, 1, 0) == 0;
}

/* Nothing could be moved: there is no room in the pipe, or nothing more to read. But the first time in a turn there is: then it
 * is something that splice does not pass, such as the mark of urgent data, and would never do. */
static void not_moved(struct stream *s, bool first)
{
	if (is_full(s->pipe))
		stream_data(s, 0);
	else
		s->no_splice |= first;
}

static void move_failed(struct stream *s, int cause, bool first)
{
	if (cause == EAGAIN)
		not_moved(s, first);
	else if (block_splice_refused(cause))
		s->no_splice = true;
	else
		read_failed(s, -cause);
}

/* From the socket into the pipe that was named, and on into the next ones. */
static void move(struct stream *s)
{
	bool first = true;
	ssize_t n;

	do {
		n = s->net->splice(sock_fd(s->sock), s->pipe, s->pipe_len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			move_failed(s, errno, first);
			return;
		}
		if (n == 0) { /* the end, or the mark of urgent data with the end behind it: reading tells */
			s->no_splice = true;
			return;
		}
		first = false;
		if (s->dialled)
			net_note_life(s->net);
		use_share(s, (size_t)n);
		stream_data(s, (size_t)n);
		if (!s->reading || s->state != ST_OPEN || had_enough(s))
			return;
		ask_pipe(s);
	} while (s->reading && s->state == ST_OPEN && s->pipe >= 0);
}

static void no_memory(struct stream *s)
{
	if (s->pipe >= 0) {
		move(s);
	} else if (s->left > 0) {
		s->paused = true;
		stream_stop_reading(s);
	}
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *buf)
{
	struct stream *s = h->data;

	OBJ_CHECK(s, STREAM);
	stream_hold(s);
	if (s->state == ST_CLOSED) { /* closed by `space` or `pipe` */
		close_sock(s);
	} else if (n == UV_ENOBUFS && buf->len == 0) {
		no_memory(s);
	} else if (n < 0) {
		read_failed(s, (int)n);
	} else if (n > 0) {
		if (s->dialled)
			net_note_life(s->net);
		use_share(s, (size_t)n);
		received(s, buf->base, (size_t)n);
	}
	stream_release(s);
}

void stream_start_reading(struct stream *s)
{
	if (s->reading || s->paused || s->ended || s->sock == NULL || s->state == ST_CLOSED)
		return;
	s->reading = uv_read_start(&s->sock->stream, on_alloc, on_read) == 0;
}

void stream_stop_reading(struct stream *s)
{
	if (!s->reading || s->in_alloc)
		return;
	s->reading = false;
	uv_read_stop(&s->sock->stream);
}

/* ---- writing ---- */

/* A peer that is gone may have sent its last words before: while reading, the read finds them and then the end. */
static void write_failed(struct stream *s, int uv_err)
{
	struct fail f;

	s->write_dead = true;
	if (s->state != ST_SOON && s->reading && (uv_err == UV_EPIPE || uv_err == UV_ECONNRESET))
		return;
	sock_fail_io(&f, uv_err);
	stream_break_later(s, &f);
}

static void tell_drained(struct stream *s)
{
	if (!s->want_drained || s->write_dead || stream_unsent(s) > 0)
		return;
	s->want_drained = false;
	if (s->state == ST_OPEN && s->ops != NULL && s->ops->drained != NULL)
		s->ops->drained(s->owner);
}

static void on_written(uv_write_t *req, int status)
{
	struct write_req *w = (struct write_req *)req;
	struct stream *s = w->s;

	OBJ_CHECK(s, STREAM);
	s->unsent -= w->n;
	free(w);
	if (s->state == ST_CLOSED)
		return;
	if (s->unsent == 0)
		s->control = 0;
	stream_hold(s);
	if (status != 0)
		write_failed(s, status);
	else
		tell_drained(s);
	stream_release(s);
}

void stream_send(struct stream *s, const char *p, size_t n)
{
	uv_buf_t buf = uv_buf_init((char *)p, (unsigned)n);
	struct write_req *w;
	int r;

	if (s->write_dead || s->sock == NULL || n == 0)
		return;
	r = uv_try_write(&s->sock->stream, &buf, 1);
	if (r < 0 && r != UV_EAGAIN) {
		write_failed(s, r);
		return;
	}
	if (r > 0) {
		p += r;
		n -= (size_t)r;
	}
	if (n == 0)
		return;
	w = xmalloc(sizeof(*w) + n);
	w->s = s;
	w->n = n;
	memcpy(w->data, p, n);
	buf = uv_buf_init(w->data, (unsigned)n);
	s->unsent += n;
	r = uv_write(&w->req, &s->sock->stream, &buf, 1, on_written);
	if (r != 0) {
		s->unsent -= n;
		free(w);
		write_failed(s, r);
	}
}

void stream_write(struct stream *s, const void *p, size_t n)
{
	OBJ_CHECK(s, STREAM);
	if ((s->state != ST_OPEN && s->state != ST_HANDSHAKE) || s->write_dead || n == 0)
		return;
	s->want_drained = true;
	defer(s->net->loop, &s->kick);
	if (s->tls != NULL)
		stream_tls_write(s, p, n);
	else
		stream_send(s, p, n);
}

size_t stream_unsent(const struct stream *s)
{
	return s->unsent + (s->tls != NULL ? tls_kept(s->tls) : 0);
}

/* ---- life ---- */

/* What must not happen inside a call of the owner happens here, at the end of the turn. */
static void on_kick(void *arg)
{
	struct stream *s = arg;

	OBJ_CHECK(s, STREAM);
	stream_hold(s);
	if (s->broken.code != 0) {
		if (s->state == ST_SOON)
			stream_close(s);
		else
			stream_tell_end(s, &s->broken);
	}
	if (s->want_pump && s->state == ST_OPEN && !s->ended) {
		s->want_pump = false;
		stream_tls_pump(s);
		stream_start_reading(s);
	}
	tell_drained(s);
	stream_release(s);
}

struct stream *stream_new(struct net *n, const struct stream_ops *ops, void *owner)
{
	struct stream *s = xcalloc(1, sizeof(*s));

	OBJ_INIT(s, STREAM);
	s->net = net_ref(n);
	s->ops = ops;
	s->owner = owner;
	s->kick.cb = on_kick;
	s->kick.arg = s;
	return s;
}

void stream_attach(struct stream *s, struct sock *k)
{
	s->sock = k;
	k->handle.data = s;
	sock_peer_text(k, s->peer);
	s->zone = sock_peer_zone(k);
}

void stream_opened(struct stream *s)
{
	struct fail none = {0};

	s->state = ST_OPEN;
	timer_stop(&s->timer);
	if (s->dialled && s->ops != NULL)
		s->ops->open(s->owner, 0, &none);
}

void stream_resume(struct stream *s)
{
	OBJ_CHECK(s, STREAM);
	if (!s->paused || s->ended || s->state != ST_OPEN)
		return;
	s->paused = false;
	if (s->tls != NULL && tls_has_input(s->tls)) {
		s->want_pump = true;
		defer(s->net->loop, &s->kick);
	} else {
		stream_start_reading(s);
	}
}

void stream_set_owner(struct stream *s, const struct stream_ops *ops, void *owner)
{
	OBJ_CHECK(s, STREAM);
	s->ops = ops;
	s->owner = owner;
	s->want_drained = false;
	if (ops != NULL)
		stream_resume(s);
}

bool stream_is_quiet(const struct stream *s)
{
	return s->state == ST_OPEN && !s->ended && !s->write_dead && s->broken.code == 0 && stream_unsent(s) == 0 &&
	       (s->tls == NULL || !tls_has_input(s->tls));
}

static void forget_owner(struct stream *s)
{
	s->ops = NULL;
	s->owner = NULL;
	s->want_pump = false;
	s->want_drained = false;
	s->broken.code = 0;
	timer_stop(&s->timer);
	defer_cancel(s->net->loop, &s->kick);
}

void stream_close(struct stream *s)
{
	if (s == NULL)
		return;
	OBJ_CHECK(s, STREAM);
	if (s->state == ST_CLOSED)
		return;
	forget_owner(s);
	dial_cancel(s->dial);
	s->dial = NULL;
	free(s->req);
	s->req = NULL;
	if (s->state == ST_OPEN && s->tls != NULL && s->unsent == 0 && !s->write_dead)
		stream_tls_shutdown(s);
	if (s->state == ST_SOON)
		LIST_REMOVE(s, lingering);
	defer_cancel(s->net->loop, &s->kick); /* the shutdown's write may have failed */
	s->state = ST_CLOSED;
	if (s->gone != NULL)
		s->gone(s->gone_arg);
	if (!s->in_alloc)
		close_sock(s);
	maybe_free(s);
}

static void on_soon_timeout(void *arg)
{
	stream_close(arg);
}

static void on_shut(uv_shutdown_t *req, int status)
{
	struct stream *s = req->data;

	OBJ_CHECK(s, STREAM);
	if (s->state != ST_SOON)
		return;
	s->shut = true;
	if (status != 0 || s->ended)
		stream_close(s);
	else
		timer_start(s->net->loop, &s->timer, LINGER_MS, 0, on_soon_timeout, s);
}

void stream_close_soon(struct stream *s)
{
	OBJ_CHECK(s, STREAM);
	if (s->state != ST_OPEN || s->write_dead || s->broken.code != 0) {
		stream_close(s);
		return;
	}
	forget_owner(s);
	if (s->tls != NULL)
		stream_tls_shutdown(s);
	s->state = ST_SOON;
	LIST_INSERT_HEAD(&s->net->lingering, s, lingering);
	s->paused = false;
	s->shutdown.data = s;
	timer_start(s->net->loop, &s->timer, SOON_MS, 0, on_soon_timeout, s);
	if (uv_shutdown(&s->shutdown, &s->sock->stream, on_shut) != 0)
		stream_close(s);
	else
		stream_start_reading(s);
}

enum zone stream_zone(const struct stream *s)
{
	OBJ_CHECK(s, STREAM);
	return s->zone;
}

bool stream_is_open(const struct stream *s)
{
	OBJ_CHECK(s, STREAM);
	return s->state == ST_OPEN;
}

unsigned stream_rtt(const struct stream *s)
{
	OBJ_CHECK(s, STREAM);
	return s->rtt;
}

const char *stream_peer(const struct stream *s)
{
	return s->peer;
}

bool stream_is_unix(const struct stream *s)
{
	return s->sock != NULL && s->sock->handle.type == UV_NAMED_PIPE;
}

bool stream_peer_uid(const struct stream *s, uint32_t *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (s->sock == NULL)
		return false;
	if (!stream_is_unix(s))
		return peer_uid(sock_fd(s->sock), ret) == 0;
	if (getsockopt(sock_fd(s->sock), SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return false;
	*ret = cred.uid;
	return true;
}

void stream_low_water(struct stream *s, size_t n)
{
	int low = n < INT_MAX / 4 ? (int)n : INT_MAX / 4; /* the kernel doubles it */

	OBJ_CHECK(s, STREAM);
	if (s->sock == NULL || s->tls != NULL || s->sock->handle.type != UV_TCP)
		return;
	setsockopt(sock_fd(s->sock), SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low));
}

int stream_fd(const struct stream *s)
{
	return sock_fd(s->sock);
}
