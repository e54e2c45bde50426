/* SPDX-License-Identifier: MIT
 * Tests of peer_uid: whose process is at the other end of a TCP connection.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "net/peer.h"

#define OTHER 65534

struct address {
	struct sockaddr_storage ss;
	socklen_t n;
};

static int listen_on(const char *text, struct address *a)
{
	struct sockaddr_in *four = (struct sockaddr_in *)&a->ss;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&a->ss;
	int fd;

	memset(a, 0, sizeof(*a));
	a->n = sizeof(*four);
	a->ss.ss_family = AF_INET;
	if (inet_pton(AF_INET, text, &four->sin_addr) != 1) {
		a->n = sizeof(*six);
		a->ss.ss_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, text, &six->sin6_addr), 1);
	}
	fd = socket(a->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a->ss, a->n) != 0) {
		close(fd);
		return -1;
	}
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a->ss, &a->n), 0);
	return fd;
}

static int connect_to(const struct address *a)
{
	int fd = socket(a->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&a->ss, a->n), 0);
	return fd;
}

static void own_uid(const char *text)
{
	struct address a;
	int l = listen_on(text, &a), c, s;
	uint32_t uid = 12345;

	if (l < 0)
		return; /* no IPv6 here */
	c = connect_to(&a);
	s = accept(l, NULL, NULL);
	assert_int_equal(peer_uid(s, &uid), 0);
	assert_int_equal(uid, geteuid());
	uid = 12345;
	assert_int_equal(peer_uid(c, &uid), 0);
	assert_int_equal(uid, geteuid());
	close(s);
	close(c);
	close(l);
}

static void test_own_uid(void **state)
{
	(void)state;
	own_uid("127.0.0.1");
	own_uid("::1");
}

/* The kernel says uid 0 of a socket that its process has closed: nobody must pass for root by that. */
static void test_closed_peer_is_nobody(void **state)
{
	struct pollfd p = {.events = POLLIN};
	struct address a;
	int l = listen_on("127.0.0.1", &a), c = connect_to(&a), s = accept(l, NULL, NULL);
	uint32_t uid = 12345;

	(void)state;
	close(c);
	p.fd = s;
	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_true(peer_uid(s, &uid) < 0);
	assert_int_equal(uid, 12345);
	close(s);
	close(l);
}

static void test_half_closed_peer_is_known(void **state)
{
	struct pollfd p = {.events = POLLIN};
	struct address a;
	int l = listen_on("127.0.0.1", &a), c = connect_to(&a), s = accept(l, NULL, NULL);
	uint32_t uid = 12345;

	(void)state;
	shutdown(c, SHUT_WR);
	p.fd = s;
	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_int_equal(peer_uid(s, &uid), 0);
	assert_int_equal(uid, geteuid());
	close(c);
	close(s);
	close(l);
}

static void test_other_kinds(void **state)
{
	struct address a;
	uint32_t uid;
	int pair[2], l = listen_on("127.0.0.1", &a);

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_true(peer_uid(pair[0], &uid) < 0);
	assert_true(peer_uid(l, &uid) < 0); /* not connected */
	assert_true(peer_uid(-1, &uid) < 0);
	close(pair[0]);
	close(pair[1]);
	close(l);
}

/* Connects as somebody else and waits to be told to end. */
static pid_t stranger(const struct address *a)
{
	pid_t pid = fork();
	char ch;
	int fd;

	if (pid != 0)
		return pid;
	if (setgid(OTHER) != 0 || setuid(OTHER) != 0)
		_exit(2);
	fd = socket(a->ss.ss_family, SOCK_STREAM, 0);
	if (connect(fd, (const struct sockaddr *)&a->ss, a->n) != 0)
		_exit(3);
	_exit(read(fd, &ch, 1) == 1 ? 0 : 4);
}

static void test_another_user(void **state)
{
	struct address a;
	int l, s, status;
	uint32_t uid = 0;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can be two users */
	l = listen_on("127.0.0.1", &a);
	pid = stranger(&a);
	s = accept(l, NULL, NULL);
	assert_int_equal(peer_uid(s, &uid), 0);
	assert_int_equal(uid, OTHER);
	assert_int_equal(write(s, "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(s);
	close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_uid),
		cmocka_unit_test(test_closed_peer_is_nobody),
		cmocka_unit_test(test_half_closed_peer_is_known),
		cmocka_unit_test(test_other_kinds),
		cmocka_unit_test(test_another_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
