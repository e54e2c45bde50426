/* SPDX-License-Identifier: MIT
 * Accepting connections. Over uv_poll and accept4 rather than uv_listen: accepting has to stop at max_conns, and must
 * not spin when descriptors run out.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "net/net_internal.h"
#include "net/stream_internal.h"
#include "net/tls.h"

#define BACKLOG	     128
#define ACCEPT_BURST 64	   /* per turn, so that a flood does not hold up the rest */
#define SHORT_CONNS  16	   /* while memory is short: enough to ask, and to end the daemon */
#define RETRY_MS     100   /* after an error that is not the connection's */
#define HANDSHAKE_MS 10000 /* for the peer's part of a TLS handshake */

struct listener {
	OBJ(LISTENER);
	struct net *net;
	uv_poll_t poll;
	int fd;
	int reserve; /* a descriptor to give up when there are no more; -1: lost */
	accept_cb cb;
	void *owner;
	struct ssl_ctx_st *tls;
	unsigned conns, max_conns;
	bool closing, poll_closed;
	bool warned;	       /* of errors, since the last connection that was taken */
	struct deferred again; /* a place became free */
	struct timer retry;
	struct own_port own;   /* in the net's list until it is closed */
	char *path; /* own Unix socket, removed at the end while it is still this one */
	struct stat made;
};

/* Connections of the listener may outlive it; they tell it when they go. */
static void maybe_free(struct listener *l)
{
	if (!l->closing || !l->poll_closed || l->conns > 0)
		return;
	tls_server_ctx_free(l->tls);
	net_unref(l->net);
	free(l->path);
	OBJ_FREE(l);
}

static void on_conn_gone(void *arg)
{
	struct listener *l = arg;

	OBJ_CHECK(l, LISTENER);
	l->conns--;
	if (l->closing)
		maybe_free(l);
	else
		defer(l->net->loop, &l->again);
}

static void on_handshake_timeout(void *arg)
{
	struct stream *s = arg;
	struct fail f;

	stream_hold(s);
	fail_set(&f, ERR_TIMEOUT, NULL);
	stream_tell_end(s, &f);
	stream_release(s);
}

/* The owner has it now, or has closed it already. */
static void begin(struct stream *s)
{
	if (s->state == ST_HANDSHAKE) {
		timer_start(s->net->loop, &s->timer, HANDSHAKE_MS, 0, on_handshake_timeout, s);
		stream_tls_start(s);
	} else {
		stream_start_reading(s);
	}
}

static void take(struct listener *l, int fd)
{
	struct stream *s;
	struct sock *k;

	if (sock_adopt(l->net, fd, &k) != 0)
		return;
	s = stream_new(l->net, NULL, NULL);
	stream_attach(s, k);
	s->state = ST_OPEN;
	s->gone = on_conn_gone;
	s->gone_arg = l;
	l->conns++;
	l->warned = false;
	stream_hold(s);
	if (l->tls != NULL) {
		s->state = ST_HANDSHAKE;
		s->tls = tls_server_new(l->net->tls, l->tls, s->peer);
	}
	if (l->tls == NULL || s->tls != NULL)
		l->cb(l->owner, s);
	if (s->ops == NULL && s->state != ST_SOON)
		stream_close(s);
	else
		begin(s);
	stream_release(s);
}

/* Out of descriptors: give up the reserve to accept and close one, so that its client is not left hanging. */
static bool drop_one(struct listener *l)
{
	int fd;

	if (l->reserve < 0)
		return false;
	close(l->reserve);
	fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd >= 0;
}

static void on_readable(uv_poll_t *h, int status, int events);

static void start_polling(void *arg)
{
	struct listener *l = arg;

	OBJ_CHECK(l, LISTENER);
	if (l->reserve < 0)
		l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (!l->closing && !timer_running(&l->retry) && (l->max_conns == 0 || l->conns < l->max_conns))
		uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

static void pause_accepting(struct listener *l)
{
	uv_poll_stop(&l->poll);
	timer_start(l->net->loop, &l->retry, RETRY_MS, 0, start_polling, l);
}

static bool accept_failed(struct listener *l, int err)
{
	if (err == EINTR || err == ECONNABORTED)
		return true;
	if (err == EAGAIN || err == EWOULDBLOCK)
		return false;
	if (!l->warned)
		log_warn(NET, "accepting connections: %s", strerror(err));
	l->warned = true;
	if ((err == EMFILE || err == ENFILE) && drop_one(l))
		return true;
	pause_accepting(l);
	return false;
}

static void on_readable(uv_poll_t *h, int status, int events)
{
	struct listener *l = h->data;
	int fd;

	(void)status;
	(void)events;
	OBJ_CHECK(l, LISTENER);
	for (int i = 0; i < ACCEPT_BURST && !l->closing; i++) {
		if (l->max_conns > 0 && l->conns >= l->max_conns) {
			uv_poll_stop(&l->poll);
			return;
		}
		if (l->conns >= SHORT_CONNS && mem_short()) { /* further ones wait in the backlog */
			pause_accepting(l);
			return;
		}
		fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			take(l, fd);
		else if (!accept_failed(l, errno))
			return;
	}
}

static void on_poll_closed(uv_handle_t *h)
{
	struct listener *l = h->data;

	OBJ_CHECK(l, LISTENER);
	close(l->fd);
	if (l->reserve >= 0)
		close(l->reserve);
	l->poll_closed = true;
	maybe_free(l);
}

/* ---- opening ---- */

static int open_tcp(const struct net *n, const struct listen_req *req, struct fail *f)
{
	struct sockaddr_storage ss = {0};
	int fd, one = 1, e;

	if (uv_ip4_addr(req->address, req->port, (struct sockaddr_in *)&ss) != 0 &&
		uv_ip6_addr(req->address, req->port, (struct sockaddr_in6 *)&ss) != 0)
		return fail_set(f, ERR_PORT, "%s is not an IP address to listen on", req->address);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		goto fail;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ss.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (n->conf.rcvbuf > 0) /* accepted sockets inherit it */
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &n->conf.rcvbuf, sizeof(n->conf.rcvbuf));
	if (bind(fd, (struct sockaddr *)&ss,
		    ss.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)) == 0 &&
		listen(fd, BACKLOG) == 0)
		return fd;
fail:
	e = errno;
	if (fd >= 0)
		close(fd);
	return fail_set(f, ERR_PORT, "can't listen on %s port %u: %s", req->address, req->port, strerror(e));
}

/* true: it was a socket that nobody serves any more, and is gone now. */
static bool remove_stale(const char *path, const struct sockaddr_un *un)
{
	struct stat st;
	bool stale;
	int fd;

	if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	stale = connect(fd, (const struct sockaddr *)un, sizeof(*un)) != 0 && errno == ECONNREFUSED;
	close(fd);
	return stale && unlink(path) == 0;
}

/* The socket's own mode becomes that of its name (unix(7)): set before bind, it is never open to others, and the umask,
 * which all threads share, is left alone. */
static int bind_unix(int fd, const char *path, const struct sockaddr_un *un)
{
	int r;

	if (fchmod(fd, S_IRUSR | S_IWUSR) != 0)
		return -1;
	r = bind(fd, (const struct sockaddr *)un, sizeof(*un));
	if (r != 0 && errno == EADDRINUSE) {
		if (remove_stale(path, un))
			r = bind(fd, (const struct sockaddr *)un, sizeof(*un));
		else
			errno = EADDRINUSE;
	}
	return r;
}

static int open_unix(const struct listen_req *req, struct fail *f)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t n = strlen(req->path);
	int fd, e;

	if (n == 0 || n >= sizeof(un.sun_path))
		return fail_set(f, ERR_PORT, "the socket path is empty or longer than %zu bytes: %s",
			sizeof(un.sun_path) - 1, req->path);
	memcpy(un.sun_path, req->path, n);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind_unix(fd, req->path, &un) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	e = errno;
	if (fd >= 0)
		close(fd);
	return fail_set(f, ERR_PORT, "can't listen on %s: %s", req->path, strerror(e));
}

static int open_inherited(int fd, struct fail *f)
{
	int listening = 0;
	socklen_t len = sizeof(listening);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0 || !listening)
		return fail_set(f, ERR_PORT, "descriptor %d is not a listening socket", fd);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

static int open_fd(const struct net *n, const struct listen_req *req, struct fail *f)
{
	if (req->fd >= 0)
		return open_inherited(req->fd, f);
	return req->path != NULL ? open_unix(req, f) : open_tcp(n, req, f);
}

static void note_port(struct listener *l, bool own)
{
	socklen_t len = sizeof(l->own.at);

	if (!own || getsockname(l->fd, (struct sockaddr *)&l->own.at, &len) != 0)
		l->own.at.ss_family = AF_UNSPEC;
	LIST_INSERT_HEAD(&l->net->own_ports, &l->own, link);
}

int listener_open(
	struct net *n, const struct listen_req *req, accept_cb cb, void *owner, struct listener **ret, struct fail *f)
{
	struct ssl_ctx_st *tls = NULL;
	struct listener *l;
	int fd, err;

	if (req->cert != NULL) {
		tls = tls_server_ctx_new(n->tls, req->cert, req->key != NULL ? req->key : req->cert, f);
		if (tls == NULL)
			return ERR_TLS;
	}
	fd = open_fd(n, req, f);
	if (fd < 0) {
		tls_server_ctx_free(tls);
		return fd;
	}
	l = xcalloc(1, sizeof(*l));
	err = uv_poll_init(&n->loop->uv, &l->poll, fd);
	if (err != 0) {
		close(fd);
		free(l);
		tls_server_ctx_free(tls);
		return fail_set(f, ERR_PORT, "can't listen: %s", uv_strerror(err));
	}
	OBJ_INIT(l, LISTENER);
	l->net = net_ref(n);
	l->fd = fd;
	l->reserve = -1;
	l->cb = cb;
	l->owner = owner;
	l->tls = tls;
	l->max_conns = req->max_conns;
	l->again.cb = start_polling;
	l->again.arg = l;
	if (req->fd < 0 && req->path != NULL && lstat(req->path, &l->made) == 0)
		l->path = xstrdup(req->path);
	note_port(l, req->own);
	l->poll.data = l;
	start_polling(l);
	*ret = l;
	return 0;
}

uint16_t listener_port(const struct listener *l)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);

	if (getsockname(l->fd, (struct sockaddr *)&ss, &len) != 0)
		return 0;
	if (ss.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&ss)->sin_port);
	return ss.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&ss)->sin6_port) : 0;
}

void listener_close(struct listener *l)
{
	struct stat st;

	if (l == NULL)
		return;
	OBJ_CHECK(l, LISTENER);
	l->closing = true;
	LIST_REMOVE(&l->own, link);
	defer_cancel(l->net->loop, &l->again);
	timer_stop(&l->retry);
	if (l->path != NULL && lstat(l->path, &st) == 0 && st.st_dev == l->made.st_dev && st.st_ino == l->made.st_ino)
		unlink(l->path);
	uv_close((uv_handle_t *)&l->poll, on_poll_closed);
}
