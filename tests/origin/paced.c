/* SPDX-License-Identifier: MIT
 * An origin that gives each connection an even rate of its own, without bursts, to hundreds of connections from one thread.
 *
 *   paced FOLDER RATE [SLOW EVERY [LIMIT]]
 *
 * RATE, SLOW: bytes a second; each EVERYth connection, the first one included, gets SLOW instead. LIMIT: of the answers with a file
 * at a time; what is asked beyond it gets 503, and its connection is closed.
 *
 * Prints its port. GET of files in FOLDER, single byte ranges, requests one after the other or sent ahead; GET / tells how many
 * bytes of files have been sent so far, and how many requests were refused. Ends with its input.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS 10000000LL
#define HEAD_MAX 8192

struct conn {
	struct conn *next;
	int fd, file; /* file: -1 between answers */
	bool gone;
	bool refused; /* nothing more is read, and the next tick closes it */
	int64_t at, end, rate;
	int64_t due; /* when all that has been sent may have been sent */
	size_t len;
	char in[HEAD_MAX];
};

struct server {
	const char *folder;
	int64_t rate, slow;
	int every, accepted;
	int limit, busy; /* limit 0: none; busy: answers under way */
	int ep;
	int64_t sent;
	int64_t refused;
	struct conn *conns;
};

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* A head is far smaller than a socket's buffer that is empty of all but what was paced. */
static void say(struct conn *c, const char *text)
{
	if (send(c->fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
		c->gone = true;
}

static void say_sent(const struct server *s, struct conn *c)
{
	char text[256], body[64];
	int n = snprintf(body, sizeof(body), "%lld %lld\n", (long long)s->sent, (long long)s->refused);

	snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, body);
	say(c, text);
}

static int open_file(const struct server *s, const char *head, struct stat *st)
{
	char name[256], path[4096];
	int fd;

	if (sscanf(head, "GET /%255[^ ?]", name) != 1 || strchr(name, '/') != NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/%s", s->folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, st) != 0)
		die(path);
	return fd;
}

/* As a server does that counts the connections of an address. */
static void refuse(struct server *s, struct conn *c)
{
	say(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	s->refused++;
	c->refused = true;
}

static void begin_answer(struct server *s, struct conn *c, const char *head)
{
	const char *range = strcasestr(head, "\r\nrange: bytes=");
	long long from = 0, to = 0;
	char text[512], extra[128] = "";
	struct stat st;

	if (strncmp(head, "GET / ", 6) == 0) {
		say_sent(s, c);
		return;
	}
	if (s->limit > 0 && s->busy >= s->limit) {
		refuse(s, c);
		return;
	}
	c->file = open_file(s, head, &st);
	s->busy += c->file >= 0;
	if (c->file < 0) {
		say(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
		return;
	}
	c->at = 0;
	c->end = st.st_size;
	if (range != NULL && sscanf(range + 15, "%lld-%lld", &from, &to) >= 1) {
		c->at = from < st.st_size ? from : st.st_size;
		c->end = to > 0 && to < st.st_size ? to + 1 : st.st_size;
		snprintf(extra, sizeof(extra), "Content-Range: bytes %lld-%lld/%lld\r\n", (long long)c->at, (long long)c->end - 1,
			(long long)st.st_size);
	}
	snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nContent-Length: %lld\r\nAccept-Ranges: bytes\r\nETag: \"%llx\"\r\n%s\r\n",
		range != NULL ? "206 Partial Content" : "200 OK", (long long)(c->end - c->at), (long long)st.st_size, extra);
	say(c, text);
	c->due = now_ns();
}

static void end_answer(struct server *s, struct conn *c)
{
	s->busy -= c->file >= 0;
	if (c->file >= 0)
		close(c->file);
	c->file = -1;
}

/* The next request that is there, when the last one has been answered. */
static void next_answer(struct server *s, struct conn *c)
{
	char *end;

	while (!c->gone && !c->refused && c->file < 0 && (end = memmem(c->in, c->len, "\r\n\r\n", 4)) != NULL) {
		size_t n = (size_t)(end + 4 - c->in);

		end[3] = '\0';
		begin_answer(s, c, c->in);
		c->len -= n;
		memmove(c->in, c->in + n, c->len);
	}
}

static void read_conn(struct server *s, struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->len, HEAD_MAX - c->len, MSG_DONTWAIT);

	if (n > 0)
		c->len += (size_t)n;
	else if (n == 0 || errno != EAGAIN)
		c->gone = true;
	next_answer(s, c);
}

/* What is due by now; a client that does not read is owed nothing for the time it did not. */
static void pace(struct server *s, struct conn *c, int64_t now)
{
	while (!c->gone && c->file >= 0 && c->due <= now) {
		int64_t left = c->end - c->at, n = c->rate * (now - c->due + TICK_NS) / 1000000000LL;
		ssize_t sent = sendfile(c->fd, c->file, &c->at, (size_t)(n < left ? n : left));

		if (sent < 0 && errno != EAGAIN)
			c->gone = true;
		if (sent < 0 && errno == EAGAIN)
			c->due = now + TICK_NS;
		if (sent > 0) {
			s->sent += sent;
			c->due += sent * 1000000000LL / c->rate;
		}
		if (c->at < c->end)
			continue;
		end_answer(s, c);
		next_answer(s, c);
	}
}

static void drop(struct server *s, struct conn *c)
{
	end_answer(s, c);
	close(c->fd);
	free(c);
}

static void take(struct server *s, int listener)
{
	struct conn *c;
	int one = 1, fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		c = calloc(1, sizeof(*c));
		if (c == NULL)
			die("accept");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		c->fd = fd;
		c->file = -1;
		c->rate = s->every > 0 && s->accepted++ % s->every == 0 ? s->slow : s->rate;
		c->next = s->conns;
		s->conns = c;
		epoll_ctl(s->ep, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = c});
	}
}

static int listen_any(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 4096) != 0 ||
		getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		die("listen");
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

/* One tick: requests that have come, then what is due on each connection. */
static void turn(struct server *s, int listener)
{
	struct epoll_event ev[256];
	int64_t start = now_ns();
	int n = epoll_wait(s->ep, ev, 256, 1);

	for (int i = 0; i < n; i++) {
		if (ev[i].data.ptr == &s->ep)
			take(s, listener);
		else if (ev[i].data.ptr == NULL)
			exit(0);
		else
			read_conn(s, ev[i].data.ptr);
	}
	for (struct conn **p = &s->conns; *p != NULL;) {
		struct conn *c = *p;

		pace(s, c, start);
		if (c->gone || c->refused) {
			*p = c->next;
			drop(s, c);
		} else {
			p = &c->next;
		}
	}
}

int main(int argc, char **argv)
{
	struct server s = {.ep = epoll_create1(EPOLL_CLOEXEC)};
	struct rlimit files;
	int listener;

	if (argc != 3 && argc != 5 && argc != 6)
		return 2;
	s.folder = argv[1];
	s.rate = atoll(argv[2]);
	s.slow = argc > 3 ? atoll(argv[3]) : 0;
	s.every = argc > 3 ? atoi(argv[4]) : 0;
	s.limit = argc > 5 ? atoi(argv[5]) : 0;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	listener = listen_any();
	epoll_ctl(s.ep, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &s.ep});
	epoll_ctl(s.ep, EPOLL_CTL_ADD, 0, &(struct epoll_event){.events = EPOLLIN});
	for (;;)
		turn(&s, listener);
}
