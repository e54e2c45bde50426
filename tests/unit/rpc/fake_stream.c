/* SPDX-License-Identifier: MIT
 * Streams and listeners in memory, and an RPC server on top of them and the fake engine. Included by the test.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "ev/loop.h"
#include "net/stream.h"
#include "rpc/conn.h"
#include "rpc/rpc.h"
#include "unit/rpc/fake_engine.c"

struct stream {
	const struct stream_ops *ops;
	void *owner;
	struct buf in, sent;
	bool closed; /* by either kind of close: the owner is not called any more */
	bool soon;   /* it was stream_close_soon */
	bool paused;
	bool stuck; /* the peer takes nothing */
	size_t unsent;
	size_t step; /* most bytes per read; 0: as many as fit */
	bool is_unix;
};

struct listener {
	int dummy;
};

static struct listener the_listener;
/* Of everybody who connects, -1: not known. The daemon's own before each test. */
static int64_t the_peer_uid;

int listener_open(
	struct net *n, const struct listen_req *req, accept_cb cb, void *owner, struct listener **ret, struct fail *f)
{
	(void)n, (void)req, (void)cb, (void)owner, (void)f;
	*ret = &the_listener;
	return 0;
}

uint16_t listener_port(const struct listener *l)
{
	(void)l;
	return 6800;
}

void listener_close(struct listener *l)
{
	(void)l;
}

int stream_fd(const struct stream *s)
{
	(void)s;
	return -1;
}

void stream_set_owner(struct stream *s, const struct stream_ops *ops, void *owner)
{
	s->ops = ops;
	s->owner = owner;
}

void stream_write(struct stream *s, const void *p, size_t n)
{
	buf_add(&s->sent, p, n);
	if (s->stuck)
		s->unsent += n;
}

size_t stream_unsent(const struct stream *s)
{
	return s->unsent;
}

void stream_resume(struct stream *s)
{
	s->paused = false;
}

void stream_close(struct stream *s)
{
	s->closed = true;
}

void stream_close_soon(struct stream *s)
{
	s->closed = s->soon = true;
}

const char *stream_peer(const struct stream *s)
{
	(void)s;
	return "peer";
}

bool stream_peer_uid(const struct stream *s, uint32_t *ret)
{
	(void)s;
	*ret = the_peer_uid >= 0 ? (uint32_t)the_peer_uid : 0;
	return the_peer_uid >= 0;
}

bool stream_is_unix(const struct stream *s)
{
	return s->is_unix;
}

struct fixture {
	struct loop loop;
	struct engine e;
	struct opts *opts;
	struct rpc *rpc;
	struct stream s; /* the usual client */
};

static void stream_init(struct stream *s)
{
	memset(s, 0, sizeof(*s));
	buf_init(&s->in, SIZE_MAX / 4);
	buf_init(&s->sent, SIZE_MAX / 4);
}

static void stream_done(struct stream *s)
{
	buf_free(&s->in);
	buf_free(&s->sent);
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	struct rpc_conf conf = {.inherited_fd = -1};

	the_peer_uid = geteuid();
	assert_int_equal(loop_init(&x->loop, 8 << 20), 0);
	fake_init(&x->e, &x->loop);
	x->opts = opts_new(NULL);
	conf.engine = &x->e;
	conf.opts = x->opts;
	assert_int_equal(rpc_new(&conf, &x->rpc, NULL), 0);
	stream_init(&x->s);
	conn_accept(x->rpc, &x->s);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	rpc_free(x->rpc);
	opts_unref(x->opts);
	fake_free(&x->e);
	stream_done(&x->s);
	assert_int_equal(loop_close(&x->loop), 0);
	free(x);
	return 0;
}

/* The peer's bytes go to the owner as far as it takes them. */
static void deliver(struct stream *s)
{
	while (!s->closed && !s->paused && s->in.len > 0) {
		struct span to = {0};
		size_t n;

		s->ops->space(s->owner, &to);
		if (to.len == 0) {
			s->paused = true;
			return;
		}
		n = to.len < s->in.len ? to.len : s->in.len;
		if (s->step > 0 && n > s->step)
			n = s->step;
		memcpy(to.base, s->in.data, n);
		buf_drop(&s->in, n);
		s->ops->data(s->owner, n);
	}
}

static void feed_n(struct stream *s, const void *p, size_t n)
{
	buf_add(&s->in, p, n);
	deliver(s);
}

static void feed(struct stream *s, const char *text)
{
	feed_n(s, text, strlen(text));
}

/* The peer has taken everything. */
__attribute__((unused)) static void unstick(struct stream *s)
{
	s->stuck = false;
	s->unsent = 0;
	if (!s->closed)
		s->ops->drained(s->owner);
	deliver(s);
}

static size_t count(const struct stream *s, const char *what)
{
	size_t n = 0;

	for (const char *p = s->sent.data; p != NULL && (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static bool sent(const struct stream *s, const char *what)
{
	return count(s, what) > 0;
}
