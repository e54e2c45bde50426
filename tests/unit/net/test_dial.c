/* SPDX-License-Identifier: MIT
 * Tests of dialling: the order of addresses, several attempts at once, the options of sockets.
 */
#include "net_test.h"

#include "net/dial.c"

#include <netinet/ip.h>
#include <netinet/tcp.h>

struct result {
	int called, err;
	struct fail fail;
	struct sock *k;
};

static void on_dial(void *arg, int err, const struct fail *f, struct sock *k)
{
	struct result *r = arg;

	r->called++;
	r->err = err;
	r->fail = *f;
	r->k = k;
}

/* A net in which the name "host" has these addresses (comma-separated) for the port. */
static void net_with(struct fixture *x, const char *addrs, uint16_t port)
{
	char *list = xstrdup(addrs), *save = NULL, *text = NULL;

	for (char *a = strtok_r(list, ",", &save); a != NULL; a = strtok_r(NULL, ",", &save)) {
		char *more = xasprintf("%shost:%u:%s\n", text != NULL ? text : "", port, a);

		free(text);
		text = more;
	}
	free(list);
	free(x->n->conf.overrides);
	x->n->conf.overrides = text;
	resolver_free(x->n->resolver);
	x->n->resolver = resolver_new(x->n);
}

static void dial_host(struct fixture *x, struct result *r, uint16_t port)
{
	dial_start(x->n, "host", port, ZONE_LOCAL, on_dial, r);
	assert_int_equal(r->called, 0);
	WAIT_FOR(x, r->called);
	assert_int_equal(r->called, 1);
}

static uint16_t listen_at(const char *addr, uint16_t port, int backlog, int *ret_fd)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int one = 1;

	uv_ip4_addr(addr, port, &a);
	*ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(*ret_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(*ret_fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(*ret_fd, backlog), 0);
	getsockname(*ret_fd, (struct sockaddr *)&a, &len);
	return ntohs(a.sin_port);
}

static void assert_order(const char *families, const char *want)
{
	struct addrs in = {0}, out;
	char got[RESOLVE_MAX * 2 + 1] = "";

	for (const char *c = families; *c != '\0'; c++) {
		in.a[in.n].ss_family = *c == '6' ? AF_INET6 : AF_INET;
		((struct sockaddr_in *)&in.a[in.n])->sin_port = (in_port_t)in.n;
		in.n++;
	}
	interleave(&in, in.a[0].ss_family, &out);
	assert_int_equal(out.n, in.n);
	for (unsigned i = 0; i < out.n; i++) {
		got[2 * i] = out.a[i].ss_family == AF_INET6 ? '6' : '4';
		got[2 * i + 1] = (char)('a' + ((struct sockaddr_in *)&out.a[i])->sin_port);
	}
	assert_string_equal(got, want);
}

static void test_families_alternate(void **state)
{
	(void)state;
	assert_order("4", "4a");
	assert_order("666", "6a6b6c");
	assert_order("66644", "6a4d6b4e6c");
	assert_order("4466", "4a6c4b6d");
	assert_order("6446", "6a4b6d4c");
	assert_order("4666666666666666", "4a6b6c6d6e6f6g6h6i6j6k6l6m6n6o6p");
}

static void test_next_address_when_refused(void **state)
{
	struct fixture *x = *state;
	struct result r = {0};
	char peer[SOCK_NAME_MAX], want[SOCK_NAME_MAX];
	uint64_t began;
	int fd;
	uint16_t port = listen_at("127.0.0.3", 0, 5, &fd);

	net_with(x, "127.0.0.1,127.0.0.2,127.0.0.3", port);
	uv_update_time(&x->l.uv);
	began = loop_now(&x->l);
	dial_host(x, &r, port);
	assert_int_equal(r.err, 0);
	assert_true(loop_now(&x->l) - began < STAGGER_MS); /* a failure starts the next attempt, not the timer */
	sock_peer_text(r.k, peer);
	snprintf(want, sizeof(want), "127.0.0.3:%u", port);
	assert_string_equal(peer, want);
	sock_close(r.k, NULL, NULL);
	close(fd);
}

/* The first address does not answer at all: after 250 ms the second one is tried beside it, and wins. */
static void test_stagger(void **state)
{
	struct fixture *x = *state;
	struct result fill[3] = {{0}}, r = {0};
	char peer[SOCK_NAME_MAX];
	uint64_t began;
	int deaf, fd;
	uint16_t port = listen_at("127.0.0.1", 0, 0, &deaf);
	struct dial *d[3];

	listen_at("127.0.0.2", port, 5, &fd);
	for (int i = 0; i < 3; i++)
		d[i] = dial_start(x->n, "127.0.0.1", port, ZONE_LOCAL, on_dial, &fill[i]);
	WAIT_FOR(x, fill[0].called);
	net_with(x, "127.0.0.1,127.0.0.2", port);
	uv_update_time(&x->l.uv);
	began = loop_now(&x->l);
	dial_host(x, &r, port);
	assert_int_equal(r.err, 0);
	assert_in_range(
		loop_now(&x->l) - began, STAGGER_MS, 900); /* the kernel's own second try comes after a second */
	sock_peer_text(r.k, peer);
	assert_int_equal(strncmp(peer, "127.0.0.2:", 10), 0);
	sock_close(r.k, NULL, NULL);
	for (int i = 0; i < 3; i++) {
		if (fill[i].called)
			sock_close(fill[i].k, NULL, NULL);
		else
			dial_cancel(d[i]);
	}
	close(deaf);
	close(fd);
}

static void test_all_refused(void **state)
{
	struct fixture *x = *state;
	struct result r = {0};
	int fd;
	uint16_t port = refused_port(&fd);

	net_with(x, "127.0.0.1,127.0.0.2,127.0.0.3", port);
	dial_host(x, &r, port);
	assert_int_equal(r.err, ERR_CONNECT);
	assert_null(r.k);
	close(fd);
}

/* 255.255.255.255 is refused by the kernel before anything is sent. */
static void test_unreachable(void **state)
{
	struct fixture *x = *state;
	struct result r = {0};
	struct fail f;

	net_with(x, "255.255.255.255", 80);
	dial_host(x, &r, 80);
	assert_int_equal(r.err, ERR_DENIED);
	x->n->conf.allow_address = xstrdup("255.255.255.255");
	zone_rules_free(x->n->zones);
	x->n->zones = zone_rules_new(&x->n->conf);
	r.called = 0;
	dial_host(x, &r, 80);
	assert_true(r.err == ERR_NET_DOWN || r.err == ERR_CONNECT);
	assert_int_equal(sock_fail_connect(&f, UV_ENETUNREACH), ERR_NET_DOWN);
	assert_int_equal(sock_fail_connect(&f, UV_EHOSTUNREACH), ERR_NET_DOWN);
	assert_int_equal(sock_fail_connect(&f, UV_ETIMEDOUT), ERR_TIMEOUT);
	assert_int_equal(sock_fail_connect(&f, UV_EACCES), ERR_CONNECT);
}

/* Only the addresses that the redirect may lead to are asked. */
static void test_inward(void **state)
{
	struct fixture *x = *state;
	struct result r = {0};
	int fd;
	uint16_t port = listen_at("127.0.0.1", 0, 5, &fd);

	net_with(x, "127.0.0.1", port);
	dial_start(x->n, "host", port, ZONE_PRIVATE, on_dial, &r);
	WAIT_FOR(x, r.called);
	assert_int_equal(r.err, ERR_DENIED);
	assert_non_null(strstr(r.fail.text, "redirect"));
	close(fd);
}

/* IPv6 that leads nowhere costs its delay once; when it works again it comes first again. */
static void test_slow_family(void **state)
{
	struct fixture *x = *state;
	struct addrs in = {.n = 2};
	struct result r = {0};
	int fd;
	uint16_t port = listen_at("127.0.0.1", 0, 5, &fd);

	in.a[0].ss_family = AF_INET6;
	in.a[1].ss_family = AF_INET;
	assert_int_equal(first_family(x->n, &in), AF_INET6);
	net_with(x, "::1,127.0.0.1", port); /* nobody listens at ::1 */
	dial_host(x, &r, port);
	assert_int_equal(r.err, 0);
	sock_close(r.k, NULL, NULL);
	assert_int_equal(first_family(x->n, &in), AF_INET);
	in.n = 1; /* there is nothing else */
	x->n->v4_slow_until = UINT64_MAX;
	assert_int_equal(first_family(x->n, &in), AF_INET6);
	x->n->v6_slow_until = 0;
	in.n = 2;
	assert_int_equal(first_family(x->n, &in), AF_INET6);
	net_with(x, "127.0.0.1", port);
	r.called = 0;
	dial_host(x, &r, port);
	assert_int_equal(x->n->v4_slow_until, 0);
	sock_close(r.k, NULL, NULL);
	close(fd);
}

static void test_socket_options(void **state)
{
	struct fixture *x = *state;
	struct result r = {0};
	struct sockaddr_in a;
	socklen_t len = sizeof(a), ilen = sizeof(int);
	int fd, v = 0;
	uint16_t port = listen_at("127.0.0.1", 0, 5, &fd);

	x->n->conf.dscp = 10;
	x->n->conf.rcvbuf = 65536;
	x->n->conf.interface = xstrdup("127.0.0.9");
	net_with(x, "127.0.0.1", port);
	dial_host(x, &r, port);
	assert_int_equal(r.err, 0);
	assert_int_equal(getsockopt(sock_fd(r.k), IPPROTO_IP, IP_TOS, &v, &ilen), 0);
	assert_int_equal(v, 10 << 2);
	getsockopt(sock_fd(r.k), SOL_SOCKET, SO_RCVBUF, &v, &ilen);
	assert_int_equal(v, 2 * 65536); /* socket(7): the kernel doubles it */
	getsockname(sock_fd(r.k), (struct sockaddr *)&a, &len);
	assert_int_equal(a.sin_addr.s_addr, htonl(0x7f000009));
	sock_close(r.k, NULL, NULL);
	close(fd);
}

/* reno is in every kernel; what the kernel does not have leaves the socket as the system makes it. */
static void test_congestion(void **state)
{
	static const char *const rows[][2] = {{"reno", "reno"}, {"no_such", NULL}};
	struct fixture *x = *state;
	char usual[16] = "", got[16];
	socklen_t len = sizeof(usual);
	int fd, plain = socket(AF_INET, SOCK_STREAM, 0);
	uint16_t port = listen_at("127.0.0.1", 0, 5, &fd);

	assert_int_equal(getsockopt(plain, IPPROTO_TCP, TCP_CONGESTION, usual, &len), 0);
	close(plain);
	net_with(x, "127.0.0.1", port);
	for (int i = 0; i < 2; i++) {
		struct result r = {0};

		free(x->n->conf.congestion);
		x->n->conf.congestion = xstrdup(rows[i][0]);
		dial_host(x, &r, port);
		assert_int_equal(r.err, 0);
		memset(got, 0, sizeof(got));
		len = sizeof(got);
		assert_int_equal(getsockopt(sock_fd(r.k), IPPROTO_TCP, TCP_CONGESTION, got, &len), 0);
		assert_string_equal(got, rows[i][1] ? rows[i][1] : usual);
		assert_int_equal(x->n->told_congestion, i == 1);
		sock_close(r.k, NULL, NULL);
	}
	close(fd);
}

static void test_interface_by_name(void **state)
{
	struct fixture *x = *state;
	struct result r = {0};
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int fd;
	uint16_t port = listen_at("127.0.0.1", 0, 5, &fd);

	x->n->conf.interface = xstrdup("lo");
	net_with(x, "127.0.0.1", port);
	dial_host(x, &r, port);
	assert_int_equal(r.err, 0);
	getsockname(sock_fd(r.k), (struct sockaddr *)&a, &len);
	assert_int_equal(a.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	sock_close(r.k, NULL, NULL);
	free(x->n->conf.interface);
	x->n->conf.interface = xstrdup("nosuchif0");
	r = (struct result){0};
	dial_host(x, &r, port);
	assert_int_equal(r.err, ERR_CONNECT);
	close(fd);
}

#define NET_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_families_alternate),
		NET_TEST(test_next_address_when_refused),
		NET_TEST(test_stagger),
		NET_TEST(test_all_refused),
		NET_TEST(test_unreachable),
		NET_TEST(test_inward),
		NET_TEST(test_slow_family),
		NET_TEST(test_socket_options),
		NET_TEST(test_congestion),
		NET_TEST(test_interface_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
