/* SPDX-License-Identifier: MIT
 * The floor under every downloader: receives a file of known size over N connections and writes it, and nothing else. No resume, no
 * checks but of the status line, one thread; what it costs is what the kernel, OpenSSL and pwrite cost.
 *
 *   floor http|https|splice PORT PATH SIZE CONNECTIONS FILE     splice: http, from the socket to the file through a pipe
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#define BUF (1 << 20)

struct conn {
	int fd;
	SSL *ssl;
	int64_t next, end;
	bool body;
	size_t len; /* bytes of buf in use */
	char *buf;
	int pipe[2]; /* -1: none */
	size_t piped;
};

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static void send_all(struct conn *c, const char *text)
{
	int n = (int)strlen(text);

	if ((c->ssl != NULL ? SSL_write(c->ssl, text, n) : (int)write(c->fd, text, (size_t)n)) != n)
		die("request");
}

static void open_pipe(struct conn *c)
{
	if (pipe2(c->pipe, O_NONBLOCK) != 0 || fcntl(c->pipe[1], F_SETPIPE_SZ, BUF) < 0)
		die("pipe");
}

static void open_conn(struct conn *c, SSL_CTX *ctx, const char *port, const char *path)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char request[512];

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die("connect");
	if (ctx != NULL) {
		c->ssl = SSL_new(ctx);
		if (SSL_set_fd(c->ssl, c->fd) != 1 || SSL_connect(c->ssl) != 1)
			die("TLS");
	}
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\nRange: bytes=%lld-%lld\r\n\r\n", path, (long long)c->next,
		(long long)c->end - 1);
	send_all(c, request);
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0)
		die("fcntl");
	c->buf = malloc(BUF);
}

static void put(struct conn *c, int file)
{
	if (pwrite(file, c->buf, c->len, c->next) != (ssize_t)c->len)
		die("pwrite");
	c->next += (int64_t)c->len;
	c->len = 0;
}

/* The head is dropped; what came with it stays in front. */
static void end_of_head(struct conn *c)
{
	char *end = memmem(c->buf, c->len, "\r\n\r\n", 4);

	if (end == NULL)
		return;
	if (strncmp(c->buf, "HTTP/1.1 206", 12) != 0)
		die("status");
	end += 4;
	c->len -= (size_t)(end - c->buf);
	memmove(c->buf, end, c->len);
	c->body = true;
}

static void empty_pipe(struct conn *c, int file)
{
	while (c->piped > 0) {
		loff_t off = c->next;
		ssize_t n = splice(c->pipe[0], NULL, file, &off, c->piped, SPLICE_F_MOVE);

		if (n <= 0)
			die("splice");
		c->piped -= (size_t)n;
		c->next += n;
	}
}

/* As receive, when the head and what came with it are gone. */
static bool receive_by_pipe(struct conn *c, int file)
{
	for (;;) {
		ssize_t n = splice(c->fd, NULL, c->pipe[1], NULL, BUF, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (n > 0)
			c->piped += (size_t)n;
		if (n <= 0 && c->piped < BUF / 4)
			return false;
		if (n <= 0 || c->piped >= BUF / 2 || c->next + (int64_t)c->piped == c->end)
			empty_pipe(c, file);
		if (c->next == c->end)
			return true;
	}
}

/* Until the socket is empty; true: all of it is there. */
static bool receive(struct conn *c, int file)
{
	if (c->body && c->pipe[0] >= 0) {
		if (c->len > 0)
			put(c, file);
		return receive_by_pipe(c, file);
	}
	for (;;) {
		int room = (int)(BUF - c->len);
		int n = c->ssl != NULL ? SSL_read(c->ssl, c->buf + c->len, room) : (int)recv(c->fd, c->buf + c->len, (size_t)room, 0);

		if (n <= 0)
			return false;
		c->len += (size_t)n;
		if (!c->body)
			end_of_head(c);
		if (c->body && (c->len == BUF || c->next + (int64_t)c->len == c->end))
			put(c, file);
		if (c->next == c->end)
			return true;
	}
}

int main(int argc, char **argv)
{
	SSL_CTX *ctx = NULL;
	struct conn *conns;
	int64_t size;
	int n, left, ep, file;

	if (argc != 7)
		return 2;
	if (strcmp(argv[1], "https") == 0)
		ctx = SSL_CTX_new(TLS_client_method());
	size = atoll(argv[4]);
	n = left = atoi(argv[5]);
	file = open(argv[6], O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ep = epoll_create1(0);
	conns = calloc((size_t)n, sizeof(*conns));
	if (file < 0 || ep < 0 || conns == NULL)
		die(argv[6]);
	for (int i = 0; i < n; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &conns[i]};

		conns[i].next = size / n * i;
		conns[i].end = i + 1 < n ? size / n * (i + 1) : size;
		conns[i].pipe[0] = -1;
		if (strcmp(argv[1], "splice") == 0)
			open_pipe(&conns[i]);
		open_conn(&conns[i], ctx, argv[2], argv[3]);
		epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &ev);
	}
	while (left > 0) {
		struct epoll_event ev[64];
		int got = epoll_wait(ep, ev, 64, 60000);

		if (got <= 0)
			die("epoll");
		for (int i = 0; i < got; i++) {
			struct conn *c = ev[i].data.ptr;

			if (receive(c, file)) {
				epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL);
				left--;
			}
		}
	}
	return close(file) != 0;
}
