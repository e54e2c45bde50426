/* SPDX-License-Identifier: MIT
 * A byte stream to the daemon. The socket does not block; every wait is a poll with a deadline.
 */
#include "client/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"
#include "base/uri.h"
#include "client/term.h"

#define CONNECT_MS     10000
#define INTERRUPTED_MS 2000 /* what a running exchange may still take after Ctrl-C */
#define DEFAULT_PORT   6800

struct conn {
	int fd;
	int intr_fd;
	enum endpoint_kind kind;
	SSL_CTX *ctx;
	SSL *ssl;
	short want;		/* POLLIN or POLLOUT: what the last try waits for */
	int64_t interrupted_at; /* 0: not */
};

/* ---- endpoint ---- */

static int endpoint_unix(const char *path, struct endpoint *ret, struct fail *f)
{
	if (strncmp(path, "//", 2) == 0)
		path += 2;
	if (path[0] == '\0' || strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return fail_set(f, ERR_USAGE, "the daemon's socket path is empty or longer than 107 bytes");
	char safe[160];
	ret->kind = EP_UNIX;
	ret->path = xstrdup(path);
	ret->target = xstrdup("/jsonrpc");
	ret->hostport = xstrdup("localhost");
	ret->show = xasprintf("unix:%s", str_safe(path, strlen(path), safe, sizeof(safe)));
	return 0;
}

static char *endpoint_basic(const struct uri *u)
{
	if (!u->user)
		return NULL;
	char *plain = xasprintf("%s:%s", u->user, u->passwd ? u->passwd : "");
	char *code = str_base64(plain, strlen(plain));
	OPENSSL_cleanse(plain, strlen(plain));
	free(plain);
	return code;
}

/* Whether "scheme://authority" names a port itself: then it ends in ":digits". */
static bool has_port(const char *text)
{
	const char *auth = strstr(text, "://");
	auth = auth ? auth + 3 : text;
	size_t n = strcspn(auth, "/?#");
	while (n > 0 && auth[n - 1] >= '0' && auth[n - 1] <= '9')
		n--;
	return n > 0 && auth[n - 1] == ':';
}

static int endpoint_http(const char *text, struct endpoint *ret, struct fail *f)
{
	struct uri u;
	struct fail why = {0};
	if (uri_parse(text, strlen(text), &u, &why) < 0)
		return fail_set(f, ERR_USAGE, "the daemon's URL can't be used: %s", why.text);
	bool tls = strcmp(u.scheme, "https") == 0;
	if (!tls && strcmp(u.scheme, "http") != 0) {
		uri_free(&u);
		return fail_set(f, ERR_USAGE, "the daemon's URL must begin with http://, https:// or unix:");
	}
	if (!tls && !has_port(text))
		u.port = DEFAULT_PORT;
	if (strcmp(u.path, "/") == 0) {
		free(u.path);
		u.path = xstrdup("/jsonrpc");
	}
	char safe[160];
	char *shown = uri_text(&u);
	ret->kind = tls ? EP_TLS : EP_TCP;
	ret->host = xstrdup(u.host);
	ret->port = u.port;
	ret->target = uri_target(&u);
	ret->hostport = uri_hostport(&u);
	ret->basic = endpoint_basic(&u);
	ret->show = xstrdup(uri_show_short(shown, safe, sizeof(safe)));
	free(shown);
	uri_free(&u);
	return 0;
}

int endpoint_parse(const char *text, struct endpoint *ret, struct fail *f)
{
	memset(ret, 0, sizeof(*ret));
	if (strncmp(text, "unix:", 5) == 0)
		return endpoint_unix(text + 5, ret, f);
	return endpoint_http(text, ret, f);
}

void endpoint_free(struct endpoint *ep)
{
	free(ep->host);
	free(ep->path);
	free(ep->target);
	free(ep->hostport);
	if (ep->basic)
		OPENSSL_cleanse(ep->basic, strlen(ep->basic));
	free(ep->basic);
	free(ep->show);
	memset(ep, 0, sizeof(*ep));
}

/* ---- waiting ---- */

static int wait_until(struct conn *c, int64_t deadline, struct fail *f)
{
	for (;;) {
		int64_t now = term_now();
		if (c->interrupted_at && c->interrupted_at + INTERRUPTED_MS < deadline)
			deadline = c->interrupted_at + INTERRUPTED_MS;
		int left = deadline > now ? (int)(deadline - now) : 0;
		struct pollfd p[2] = {{.fd = c->fd, .events = c->want}, {.fd = c->intr_fd, .events = POLLIN}};
		nfds_t n = c->intr_fd >= 0 && !c->interrupted_at ? 2 : 1;
		int r = poll(p, n, left);
		if (r < 0 && errno != EINTR)
			return fail_set(f, ERR_IO, "poll: %s", strerror(errno));
		if (r > 0 && p[0].revents)
			return 0;
		if (r > 0)
			c->interrupted_at = now;
		else if (r == 0)
			return c->interrupted_at ? fail_set(f, ERR_CANCELED, "interrupted")
						 : fail_set(f, ERR_TIMEOUT, "the daemon does not answer");
	}
}

int conn_wait(struct conn *c, struct fail *f)
{
	return wait_until(c, term_now() + CONN_IDLE_MS, f);
}

/* ---- connecting ---- */

static int fail_connect(struct fail *f, int sys_errno)
{
	const char *why = strerror(sys_errno);
	if (sys_errno == ECONNREFUSED)
		why = "connection refused";
	else if (sys_errno == ENOENT)
		why = "no such socket";
	else if (sys_errno == EACCES)
		why = "permission denied";
	return fail_set(f, ERR_CONNECT, "%s", why);
}

/* One address: 0 or an error; the descriptor is in c->fd on success only. */
static int connect_addr(struct conn *c, int family, const struct sockaddr *sa, socklen_t len, struct fail *f)
{
	c->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return fail_connect(f, errno);
	int err = connect(c->fd, sa, len) == 0 ? 0 : errno;
	int rc = 0;
	if (err == EINPROGRESS) {
		socklen_t n = sizeof(err);
		c->want = POLLOUT;
		rc = wait_until(c, term_now() + CONNECT_MS, f);
		if (rc == 0 && getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0)
			err = errno;
	}
	if (rc == 0 && err != 0)
		rc = fail_connect(f, err);
	if (rc == 0)
		return 0;
	close(c->fd);
	c->fd = -1;
	return rc;
}

static int connect_unix(struct conn *c, const struct endpoint *ep, struct fail *f)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", ep->path);
	return connect_addr(c, AF_UNIX, (struct sockaddr *)&un, sizeof(un), f);
}

static int connect_tcp(struct conn *c, const struct endpoint *ep, struct fail *f)
{
	char port[8];
	snprintf(port, sizeof(port), "%u", ep->port);
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	int gai = getaddrinfo(ep->host, port, &hints, &list);
	if (gai != 0)
		return fail_set(f, ERR_RESOLVE, "%s", gai_strerror(gai));
	int rc = ERR_CONNECT;
	for (struct addrinfo *a = list; a; a = a->ai_next) {
		rc = connect_addr(c, a->ai_family, a->ai_addr, a->ai_addrlen, f);
		if (rc == 0 || rc == ERR_CANCELED)
			break;
	}
	freeaddrinfo(list);
	int on = 1;
	if (rc == 0)
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return rc;
}

/* ---- TLS ---- */

static int fail_tls(struct conn *c, struct fail *f)
{
	long v = c->ssl ? SSL_get_verify_result(c->ssl) : X509_V_OK;
	unsigned long e = ERR_get_error();
	const char *why = e ? ERR_reason_error_string(e) : NULL;
	if (v != X509_V_OK)
		why = X509_verify_cert_error_string(v);
	return fail_set(
		f, ERR_TLS, "TLS failed: %s (SSL_CERT_FILE names other authorities)", why ? why : "connection closed");
}

static bool is_address(const char *host)
{
	unsigned char b[sizeof(struct in6_addr)];
	return inet_pton(AF_INET, host, b) == 1 || inet_pton(AF_INET6, host, b) == 1;
}

static int tls_prepare(struct conn *c, const char *host)
{
	c->ctx = SSL_CTX_new(TLS_client_method());
	if (!c->ctx || !SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION) ||
		!SSL_CTX_set_default_verify_paths(c->ctx))
		return ERR_TLS;
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(c->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	c->ssl = SSL_new(c->ctx);
	if (!c->ssl || !SSL_set_fd(c->ssl, c->fd))
		return ERR_TLS;
	if (is_address(host))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->ssl), host) ? 0 : ERR_TLS;
	return SSL_set1_host(c->ssl, host) && SSL_set_tlsext_host_name(c->ssl, host) ? 0 : ERR_TLS;
}

/* After an SSL call returned r: CONN_AGAIN with c->want set, 0 at the end of the stream, ERR_RESET. */
static ssize_t tls_outcome(struct conn *c, int r)
{
	switch (SSL_get_error(c->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		c->want = POLLIN;
		return CONN_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		c->want = POLLOUT;
		return CONN_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		return ERR_RESET;
	}
}

static int tls_handshake(struct conn *c, const struct endpoint *ep, struct fail *f)
{
	if (tls_prepare(c, ep->host) < 0)
		return fail_tls(c, f);
	for (;;) {
		ERR_clear_error();
		int r = SSL_connect(c->ssl);
		if (r == 1)
			return 0;
		if (tls_outcome(c, r) != CONN_AGAIN)
			return fail_tls(c, f);
		int rc = conn_wait(c, f);
		if (rc < 0)
			return rc;
	}
}

/* ---- who is there ---- */

/* The kernel's table of TCP sockets has the uid of each: look for the one whose local end is our peer. The addresses
 * are compared in the table's own spelling; most of a long table is passed over without being taken apart. */
static bool tcp_peer_uid(const char *table, const char *local, const char *remote, uid_t *ret)
{
	FILE *in = fopen(table, "re");
	if (!in)
		return false;
	char line[512], l[80], r[80];
	unsigned uid;
	bool found = false;
	while (!found && fgets(line, sizeof(line), in))
		found = strstr(line, local) && sscanf(line, " %*[0-9]: %79s %79s %*x %*s %*s %*s %u", l, r, &uid) == 3 &&
			strcmp(l, local) == 0 && strcmp(r, remote) == 0;
	fclose(in);
	if (found)
		*ret = (uid_t)uid;
	return found;
}

static void proc_net_address(const struct sockaddr_storage *ss, char ret[80])
{
	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)ss;
		snprintf(ret, 80, "%08X:%04X", in->sin_addr.s_addr, ntohs(in->sin_port));
		return;
	}
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;
	uint32_t w[4];
	memcpy(w, &in6->sin6_addr, sizeof(w));
	snprintf(ret, 80, "%08X%08X%08X%08X:%04X", w[0], w[1], w[2], w[3], ntohs(in6->sin6_port));
}

static bool is_loopback(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET)
		return (ntohl(((const struct sockaddr_in *)ss)->sin_addr.s_addr) >> 24) == 127;
	return ss->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)ss)->sin6_addr);
}

static bool tcp_is_same_user(const struct conn *c)
{
	struct sockaddr_storage me = {0}, peer = {0};
	socklen_t nme = sizeof(me), npeer = sizeof(peer);
	char local[80], remote[80];
	uid_t uid;
	if (getsockname(c->fd, (struct sockaddr *)&me, &nme) < 0 ||
		getpeername(c->fd, (struct sockaddr *)&peer, &npeer) < 0 || !is_loopback(&peer))
		return false;
	proc_net_address(&peer, local);
	proc_net_address(&me, remote);
	const char *table = peer.ss_family == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6";
	return tcp_peer_uid(table, local, remote, &uid) && uid == geteuid();
}

bool conn_is_same_user(const struct conn *c)
{
	if (c->kind != EP_UNIX)
		return tcp_is_same_user(c);
	struct ucred cred;
	socklen_t n = sizeof(cred);
	return getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0 && cred.uid == geteuid();
}

/* ---- bytes ---- */

static ssize_t plain_outcome(struct conn *c, ssize_t r, short want)
{
	if (r >= 0)
		return r;
	if (errno == EAGAIN || errno == EINTR) {
		c->want = want;
		return CONN_AGAIN;
	}
	return ERR_RESET;
}

ssize_t conn_try_read(struct conn *c, void *p, size_t n)
{
	if (!c->ssl)
		return plain_outcome(c, recv(c->fd, p, n, 0), POLLIN);
	size_t got = 0;
	ERR_clear_error();
	int r = SSL_read_ex(c->ssl, p, n, &got);
	return r == 1 ? (ssize_t)got : tls_outcome(c, r);
}

ssize_t conn_try_write(struct conn *c, const void *p, size_t n)
{
	if (!c->ssl)
		return plain_outcome(c, send(c->fd, p, n, MSG_NOSIGNAL), POLLOUT);
	size_t put = 0;
	ERR_clear_error();
	int r = SSL_write_ex(c->ssl, p, n, &put);
	return r == 1 ? (ssize_t)put : tls_outcome(c, r);
}

static int fail_bytes(struct fail *f)
{
	return fail_set(f, ERR_RESET, "the daemon closed the connection");
}

int conn_send(struct conn *c, const void *p, size_t n, struct fail *f)
{
	const char *at = p;
	while (n > 0) {
		ssize_t r = conn_try_write(c, at, n);
		if (r == CONN_AGAIN) {
			int rc = conn_wait(c, f);
			if (rc < 0)
				return rc;
			continue;
		}
		if (r <= 0)
			return fail_bytes(f);
		at += r;
		n -= (size_t)r;
	}
	return 0;
}

ssize_t conn_read(struct conn *c, void *p, size_t n, struct fail *f)
{
	for (;;) {
		ssize_t r = conn_try_read(c, p, n);
		if (r >= 0)
			return r;
		if (r != CONN_AGAIN)
			return fail_bytes(f);
		int rc = conn_wait(c, f);
		if (rc < 0)
			return rc;
	}
}

int conn_fd(const struct conn *c)
{
	return c->fd;
}

int conn_wait_end(struct conn *c, int ms, struct fail *f)
{
	int64_t deadline = term_now() + ms;
	char text[1024];
	for (;;) {
		ssize_t n = recv(c->fd, text, sizeof(text), 0); /* of TLS it is the end of the stream below that counts */
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return 0;
		c->want = POLLIN;
		int rc = n < 0 ? wait_until(c, deadline, f) : 0;
		if (rc < 0)
			return rc;
	}
}

void conn_hang_up(struct conn *c)
{
	if (!c)
		return;
	if (c->ssl)
		(void)SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

int conn_open(const struct endpoint *ep, int intr_fd, struct conn **ret, struct fail *f)
{
	struct conn *c = xcalloc(1, sizeof(*c));
	c->fd = -1;
	c->intr_fd = intr_fd;
	c->kind = ep->kind;
	int rc = ep->kind == EP_UNIX ? connect_unix(c, ep, f) : connect_tcp(c, ep, f);
	if (rc == 0 && ep->kind == EP_TLS)
		rc = tls_handshake(c, ep, f);
	if (rc < 0) {
		conn_hang_up(c);
		return rc;
	}
	*ret = c;
	return 0;
}
