/* SPDX-License-Identifier: MIT
 * Tests of listeners: addresses, Unix sockets, inherited descriptors, limits of connections and descriptors.
 */
#include "net_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "net/net_internal.h"
#include "net/stream_internal.h"

/* Accepted streams, in order. */
struct hall {
	struct fixture *x;
	struct listener *l;
	struct end ends[100];
	int n;
};

static void on_accept(void *owner, struct stream *s)
{
	struct hall *h = owner;

	assert_true(h->n < 100);
	end_accept(&h->ends[h->n++], s);
}

static void hall_close(struct hall *h)
{
	for (int i = 0; i < h->n; i++)
		end_close(&h->ends[i]);
	listener_close(h->l);
}

static int raw_connect(uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static int raw_connect_unix(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(un.sun_path, path, strlen(path));
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

static bool has_ipv6(void)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static void test_both_families_on_one_port(void **state)
{
	struct fixture *x = *state;
	struct listen_req req = {.address = "::", .fd = -1};
	struct hall h = {.x = x};
	struct listener *six = NULL;
	struct end e = {0};

	if (!has_ipv6())
		skip();
	h.l = listen_on(x, "0.0.0.0", on_accept, &h);
	req.port = listener_port(h.l);
	assert_int_equal(listener_open(x->n, &req, on_accept, &h, &six, &(struct fail){0}), 0);
	end_dial(x, &e, "::1", req.port, false);
	WAIT_FOR(x, e.opened && h.n == 1);
	assert_int_equal(strncmp(stream_peer(e.s), "[::1]:", 6), 0);
	end_close(&e);
	hall_close(&h);
	listener_close(six);
}

static void test_port_taken(void **state)
{
	struct fixture *x = *state;
	struct listen_req req = {.address = "127.0.0.1", .fd = -1};
	struct hall h = {.x = x};
	struct listener *other;
	struct fail f;
	char want[100];

	h.l = listen_on(x, "127.0.0.1", on_accept, &h);
	req.port = listener_port(h.l);
	assert_int_equal(listener_open(x->n, &req, on_accept, &h, &other, &f), ERR_PORT);
	snprintf(want, sizeof(want), "can't listen on 127.0.0.1 port %u: Address already in use", req.port);
	assert_string_equal(f.text, want);
	req.address = "localhost";
	assert_int_equal(listener_open(x->n, &req, on_accept, &h, &other, &f), ERR_PORT);
	hall_close(&h);
}

static void test_unix_socket(void **state)
{
	struct fixture *x = *state;
	char dir[] = "/tmp/haul-test-XXXXXX", path[64];
	struct listen_req req = {.path = path, .fd = -1};
	struct hall h = {.x = x}, second = {.x = x};
	struct stat st;
	struct fail f;
	uint32_t uid = 12345;
	int fd;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/rpc.sock", dir);
	assert_int_equal(listener_open(x->n, &req, on_accept, &h, &h.l, &f), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	fd = raw_connect_unix(path);
	WAIT_FOR(x, h.n == 1);
	assert_string_equal(stream_peer(h.ends[0].s), "unix");
	assert_true(stream_peer_uid(h.ends[0].s, &uid));
	assert_int_equal(uid, getuid());
	assert_true(stream_is_unix(h.ends[0].s));
	assert_int_equal(write(fd, "hello", 5), 5);
	WAIT_FOR(x, h.ends[0].got == 5);
	/* one that is served is not replaced */
	assert_int_equal(listener_open(x->n, &req, on_accept, &second, &second.l, &f), ERR_PORT);
	close(fd);
	hall_close(&h);
	assert_int_equal(stat(path, &st), -1);
	rmdir(dir);
}

static void test_unix_stale_and_foreign(void **state)
{
	struct fixture *x = *state;
	char dir[] = "/tmp/haul-test-XXXXXX", path[64];
	struct listen_req req = {.path = path, .fd = -1};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct hall h = {.x = x};
	struct fail f;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/rpc.sock", dir);
	memcpy(un.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	close(fd);
	assert_int_equal(listener_open(x->n, &req, on_accept, &h, &h.l, &f), 0);
	close(raw_connect_unix(path));
	hall_close(&h);
	/* a file that is no socket stays */
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(listener_open(x->n, &req, on_accept, &h, &h.l, &f), ERR_PORT);
	close(fd);
	assert_int_equal(unlink(path), 0);
	rmdir(dir);
}

static void test_inherited(void **state)
{
	struct fixture *x = *state;
	struct listen_req req = {0};
	struct hall h = {.x = x};
	uint16_t port;
	int fd;

	req.fd = raw_listen(5, &port);
	assert_int_equal(listener_open(x->n, &req, on_accept, &h, &h.l, &(struct fail){0}), 0);
	assert_int_equal(listener_port(h.l), port);
	fd = raw_connect(port);
	WAIT_FOR(x, h.n == 1);
	close(fd);
	hall_close(&h);
	req.fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(listener_open(x->n, &req, on_accept, &h, &h.l, &(struct fail){0}), ERR_PORT);
	close(req.fd);
}

static void test_max_conns(void **state)
{
	struct fixture *x = *state;
	struct listen_req req = {.address = "127.0.0.1", .fd = -1, .max_conns = 2};
	struct hall h = {.x = x};
	int fd[4];

	assert_int_equal(listener_open(x->n, &req, on_accept, &h, &h.l, &(struct fail){0}), 0);
	for (int i = 0; i < 4; i++)
		fd[i] = raw_connect(listener_port(h.l));
	WAIT_FOR(x, h.n == 2);
	for (int i = 0; i < 10; i++)
		uv_run(&x->l.uv, UV_RUN_NOWAIT);
	assert_int_equal(h.n, 2);
	end_close(&h.ends[0]);
	WAIT_FOR(x, h.n == 3);
	stream_close_soon(h.ends[1].s);
	h.ends[1].s = NULL;
	close(fd[1]);
	WAIT_FOR(x, h.n == 4);
	for (int i = 0; i < 4; i++)
		if (i != 1)
			close(fd[i]);
	hall_close(&h);
}

static void refuse(void *owner, struct stream *s)
{
	struct hall *h = owner;

	h->n++;
	if (h->n == 1)
		stream_close(s); /* the second one is left without an owner, which is as good */
	if (h->n == 3) {
		listener_close(h->l);
		h->l = NULL;
	}
}

static void test_close_in_accept(void **state)
{
	struct fixture *x = *state;
	struct hall h = {.x = x};
	int fd[3];
	char c;

	h.l = listen_on(x, "127.0.0.1", refuse, &h);
	for (int i = 0; i < 3; i++)
		fd[i] = raw_connect(listener_port(h.l));
	WAIT_FOR(x, h.l == NULL);
	loop_run(&x->l);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(read(fd[i], &c, 1), 0);
		close(fd[i]);
	}
}

/* Without descriptors the connections that wait are turned away, and the loop does not spin over the rest. */
static void test_out_of_descriptors(void **state)
{
	struct fixture *x = *state;
	struct hall h = {.x = x};
	struct rlimit was, now;
	int fd[5], probe;
	char c;

	h.l = listen_on(x, "127.0.0.1", on_accept, &h);
	for (int i = 0; i < 5; i++)
		fd[i] = raw_connect(listener_port(h.l));
	probe = dup(0);
	getrlimit(RLIMIT_NOFILE, &was);
	now = was;
	now.rlim_cur = (rlim_t)probe;
	close(probe);
	setrlimit(RLIMIT_NOFILE, &now);
	for (int i = 0; i < 5; i++)
		uv_run(&x->l.uv, UV_RUN_NOWAIT);
	setrlimit(RLIMIT_NOFILE, &was);
	assert_int_equal(h.n, 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(read(fd[i], &c, 1), 0);
		close(fd[i]);
	}
	fd[0] = raw_connect(listener_port(h.l));
	WAIT_FOR(x, h.n == 1);
	close(fd[0]);
	hall_close(&h);
}

#define NET_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(test_both_families_on_one_port),
		NET_TEST(test_port_taken),
		NET_TEST(test_unix_socket),
		NET_TEST(test_unix_stale_and_foreign),
		NET_TEST(test_inherited),
		NET_TEST(test_max_conns),
		NET_TEST(test_close_in_accept),
		NET_TEST(test_out_of_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
