/* SPDX-License-Identifier: MIT
 * Streams that are dialled: resolve, connect, handshake, under one deadline.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "net/dial.h"
#include "net/net_internal.h"
#include "net/stream_internal.h"
#include "net/tls.h"

/* One allocation with its strings behind it. */
static struct dial_req *copy_req(const struct dial_req *req)
{
	size_t host = strlen(req->host) + 1, alpn = req->alpn != NULL ? strlen(req->alpn) + 1 : 0;
	struct dial_req *r = xmalloc(sizeof(*r) + host + alpn);
	char *text = (char *)(r + 1);

	*r = *req;
	r->host = memcpy(text, req->host, host);
	if (alpn > 0)
		r->alpn = memcpy(text + host, req->alpn, alpn);
	return r;
}

static void begin_tls(struct stream *s)
{
	const struct dial_req *req = s->req;
	struct tls_peer p = {.host = req->host, .port = req->port, .alpn = req->alpn};
	struct fail f = {0};

	p.check = req->check_certificate && s->net->conf.check_certificate;
	s->tls = tls_client_new(s->net->tls, &p, &f);
	if (s->tls == NULL)
		stream_tell_end(s, &f);
	else
		stream_tls_start(s);
}

/* By the kernel's clock, of the handshake alone: later ones have to do with how soon the peer's program answers. */
static unsigned round_trip(const struct sock *k)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (getsockopt(sock_fd(k), IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return 0;
	return info.tcpi_rtt / 1000;
}

static void on_dialled(void *arg, int err, const struct fail *f, struct sock *k)
{
	struct stream *s = arg;

	OBJ_CHECK(s, STREAM);
	s->dial = NULL;
	stream_hold(s);
	if (err != 0) {
		stream_tell_end(s, f);
	} else {
		stream_attach(s, k);
		s->rtt = round_trip(k);
		log_debug(NET, "connected to %s", s->peer);
		if (s->req->tls) {
			begin_tls(s);
		} else {
			stream_opened(s);
			stream_start_reading(s);
		}
	}
	stream_release(s);
}

static void on_timeout(void *arg)
{
	struct stream *s = arg;
	struct fail f;

	OBJ_CHECK(s, STREAM);
	stream_hold(s);
	if (s->dial != NULL && dial_resolving(s->dial))
		fail_set(&f, ERR_NO_NAMES, "Name resolution for %.100s failed: no name server answered in time", s->req->host);
	else
		fail_set(&f, ERR_TIMEOUT, NULL);
	dial_cancel(s->dial);
	s->dial = NULL;
	stream_tell_end(s, &f);
	stream_release(s);
}

void stream_start_tls(struct stream *s, const struct dial_req *to)
{
	OBJ_CHECK(s, STREAM);
	if (s->state != ST_OPEN || s->ended || s->tls != NULL)
		return;
	stream_hold(s);
	free(s->req);
	s->req = copy_req(to);
	s->state = ST_HANDSHAKE;
	if (to->connect_timeout_ms > 0)
		timer_start(s->net->loop, &s->timer, to->connect_timeout_ms, 0, on_timeout, s);
	begin_tls(s);
	stream_release(s);
}

struct stream *stream_dial(struct net *n, const struct dial_req *req, const struct stream_ops *ops, void *owner)
{
	struct stream *s = stream_new(n, ops, owner);

	s->state = ST_DIAL;
	s->dialled = true;
	s->round = n->round; /* new ones could go on for ever to come before those who have had their share */
	s->req = copy_req(req);
	if (req->connect_timeout_ms > 0)
		timer_start(n->loop, &s->timer, req->connect_timeout_ms, 0, on_timeout, s);
	s->dial = dial_start(n, req->host, req->port, req->from, on_dialled, s);
	return s;
}
