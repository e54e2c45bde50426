/* SPDX-License-Identifier: MIT
 * Tests of which addresses may be asked: kinds, wrapped IPv4, names that are numbers, rules, own ports.
 */
#include "net_test.h"

#include <arpa/inet.h>

#include "net/net_internal.h"
#include "net/zone.h"
#include "net/resolve.h"

static struct sockaddr_storage addr(const char *text, uint16_t port)
{
	struct sockaddr_storage ss = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;

	ss.ss_family = AF_INET;
	if (inet_pton(AF_INET, text, &in->sin_addr) != 1) {
		ss.ss_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
	}
	in->sin_port = htons(port);
	return ss;
}

static const struct {
	const char *text;
	enum zone want;
} kinds[] = {
	{"127.0.0.1", ZONE_LOCAL}, {"127.255.255.254", ZONE_LOCAL}, {"0.0.0.0", ZONE_LOCAL}, {"0.1.2.3", ZONE_LOCAL},
	{"::1", ZONE_LOCAL}, {"::", ZONE_LOCAL}, {"::ffff:127.0.0.1", ZONE_LOCAL}, {"::127.0.0.1", ZONE_LOCAL},
	{"64:ff9b::7f00:1", ZONE_LOCAL}, {"2002:7f00:1::", ZONE_LOCAL}, {"::ffff:0.0.0.0", ZONE_LOCAL},
	{"10.0.0.1", ZONE_PRIVATE}, {"10.255.255.255", ZONE_PRIVATE}, {"172.16.0.1", ZONE_PRIVATE},
	{"172.31.255.255", ZONE_PRIVATE}, {"192.168.1.1", ZONE_PRIVATE}, {"100.64.0.1", ZONE_PRIVATE},
	{"100.127.255.255", ZONE_PRIVATE}, {"192.0.0.8", ZONE_PRIVATE}, {"198.19.0.1", ZONE_PRIVATE},
	{"fc00::1", ZONE_PRIVATE}, {"fdff::1", ZONE_PRIVATE}, {"fec0::1", ZONE_PRIVATE}, {"64:ff9b:1::1", ZONE_PRIVATE},
	{"::ffff:192.168.1.1", ZONE_PRIVATE}, {"64:ff9b::10.1.1.1", ZONE_PRIVATE}, {"2002:c0a8:101::1", ZONE_PRIVATE},
	{"169.254.169.254", ZONE_NEVER}, {"::ffff:169.254.169.254", ZONE_NEVER}, {"64:ff9b::a9fe:a9fe", ZONE_NEVER},
	{"2002:a9fe:a9fe::", ZONE_NEVER}, {"fe80::1", ZONE_NEVER}, {"febf::1", ZONE_NEVER}, {"224.0.0.1", ZONE_NEVER},
	{"240.0.0.1", ZONE_NEVER}, {"255.255.255.255", ZONE_NEVER}, {"ff02::1", ZONE_NEVER},
	{"1.1.1.1", ZONE_PUBLIC}, {"9.255.255.255", ZONE_PUBLIC}, {"11.0.0.0", ZONE_PUBLIC}, {"172.15.0.1", ZONE_PUBLIC},
	{"172.32.0.1", ZONE_PUBLIC}, {"192.167.0.1", ZONE_PUBLIC}, {"100.63.0.1", ZONE_PUBLIC}, {"100.128.0.1", ZONE_PUBLIC},
	{"169.253.0.1", ZONE_PUBLIC}, {"223.255.255.255", ZONE_PUBLIC}, {"2606:4700::1111", ZONE_PUBLIC},
	{"64:ff9b::1.1.1.1", ZONE_PUBLIC}, {"2002:101:101::1", ZONE_PUBLIC}, {"::ffff:8.8.8.8", ZONE_PUBLIC}};

static void test_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct sockaddr_storage ss = addr(kinds[i].text, 80);

		if (zone_of((struct sockaddr *)&ss) != kinds[i].want)
			fail_msg("%s", kinds[i].text);
	}
}

/* Whatever form of a number getaddrinfo takes, and the names of the loopback. */
static void test_names(void **state)
{
	static const char *const local[] = {"localhost", "LOCALHOST", "localhost.", "a.localhost", "a.b.localhost.", "127.1",
		"2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "0", "127.0.0.1.", "::1", "::ffff:127.0.0.1"};
	static const char *const public[] = {"example.org", "localhost.example.org", "notlocalhost", "8.8.8.8", "134744072", ""};

	(void)state;
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if (zone_of_name(local[i]) != ZONE_LOCAL)
			fail_msg("%s", local[i]);
	for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++)
		if (zone_of_name(public[i]) != ZONE_PUBLIC)
			fail_msg("%s", public[i]);
	assert_int_equal(zone_of_name("3232235777"), ZONE_PRIVATE);
	assert_int_equal(zone_of_name("0xa9fea9fe"), ZONE_NEVER);
}

static int check(struct fixture *x, const char *text, uint16_t port, enum zone from)
{
	struct sockaddr_storage ss = addr(text, port);
	struct fail f = {0};
	int err = zone_check(x->n, "host.example", (struct sockaddr *)&ss, from, &f);

	assert_int_equal(f.code, err);
	if (err != 0)
		assert_non_null(strstr(f.text, "host.example at "));
	return err;
}

static void test_only_outward(void **state)
{
	static const char *const at[] = {"127.0.0.1", "10.0.0.1", "8.8.8.8"};
	struct fixture *x = *state;

	for (int from = ZONE_LOCAL; from <= ZONE_PUBLIC; from++)
		for (int to = ZONE_LOCAL; to <= ZONE_PUBLIC; to++)
			assert_int_equal(check(x, at[to], 80, (enum zone)from), to >= from ? 0 : ERR_DENIED);
	assert_int_equal(check(x, "169.254.169.254", 80, ZONE_LOCAL), ERR_DENIED);
	assert_int_equal(check(x, "fe80::1", 80, ZONE_LOCAL), ERR_DENIED);
}

/* What was named by its address is told once. */
static void test_an_address_is_told_once(void **state)
{
	static const struct {
		const char *host, *shown;
	} rows[] = {{"169.254.1.2", "169.254.1.2:80 is"}, {"fe80::1", "[fe80::1]:80 is"}, {"fe80::0:1", "fe80::0:1 at [fe80::1]:80 is"}};
	struct fixture *x = *state;
	struct fail f;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sockaddr_storage ss = addr(rows[i].host, 80);

		assert_int_equal(zone_check(x->n, rows[i].host, (struct sockaddr *)&ss, ZONE_LOCAL, &f), ERR_DENIED);
		assert_memory_equal(f.text, rows[i].shown, strlen(rows[i].shown));
	}
}

static void set_rules(struct fixture *x, const char *allow, const char *deny)
{
	free(x->n->conf.allow_address);
	free(x->n->conf.deny_address);
	x->n->conf.allow_address = xstrdup(allow);
	x->n->conf.deny_address = xstrdup(deny);
	zone_rules_free(x->n->zones);
	x->n->zones = zone_rules_new(&x->n->conf);
}

static void test_rules(void **state)
{
	struct fixture *x = *state;

	set_rules(x, "10.1.0.0/16,169.254.7.7\nfd00::/8", "8.8.8.0/24,10.0.0.0/8\n2001:db8::/32");
	assert_int_equal(check(x, "10.1.2.3", 80, ZONE_PUBLIC), 0);
	assert_int_equal(check(x, "::ffff:10.1.2.3", 80, ZONE_PUBLIC), 0);
	assert_int_equal(check(x, "10.2.2.3", 80, ZONE_LOCAL), ERR_DENIED);
	assert_int_equal(check(x, "169.254.7.7", 80, ZONE_PUBLIC), 0);
	assert_int_equal(check(x, "169.254.7.8", 80, ZONE_LOCAL), ERR_DENIED);
	assert_int_equal(check(x, "fd12::1", 80, ZONE_PUBLIC), 0);
	assert_int_equal(check(x, "8.8.8.8", 80, ZONE_LOCAL), ERR_DENIED);
	assert_int_equal(check(x, "64:ff9b::8.8.8.8", 80, ZONE_LOCAL), ERR_DENIED);
	assert_int_equal(check(x, "8.8.9.8", 80, ZONE_LOCAL), 0);
	assert_int_equal(check(x, "2001:db8::1", 80, ZONE_LOCAL), ERR_DENIED);
	set_rules(x, "0.0.0.0/0,::/0", "");
	assert_int_equal(check(x, "127.0.0.1", 80, ZONE_PUBLIC), 0);
	assert_int_equal(check(x, "fe80::1", 80, ZONE_PUBLIC), 0);
}

static void ignore_accept(void *owner, struct stream *s)
{
	(void)owner;
	stream_close(s);
}

/* allow-address does not open them. */
static void test_own_ports(void **state)
{
	struct fixture *x = *state;
	struct listen_req req = {.address = "127.0.0.1", .fd = -1, .max_conns = 4, .own = true};
	struct listener *l;
	struct fail f;
	uint16_t port;

	set_rules(x, "0.0.0.0/0,::/0", NULL);
	assert_int_equal(listener_open(x->n, &req, ignore_accept, NULL, &l, &f), 0);
	port = listener_port(l);
	for (const char *const *a = (const char *const[]){"127.0.0.1", "0.0.0.0", "::1", "::ffff:127.0.0.1", "127.9.9.9", NULL}; *a; a++)
		assert_int_equal(check(x, *a, port, ZONE_LOCAL), ERR_DENIED);
	assert_int_equal(check(x, "127.0.0.1", (uint16_t)(port + 1), ZONE_LOCAL), 0);
	assert_int_equal(check(x, "8.8.8.8", port, ZONE_LOCAL), 0);
	assert_int_equal(zone_check_name(x->n, "localhost.", port, ZONE_LOCAL, &f), ERR_DENIED);
	assert_int_equal(zone_check_name(x->n, "2130706433", port, ZONE_LOCAL, &f), ERR_DENIED);
	assert_int_equal(zone_check_name(x->n, "example.org", port, ZONE_PUBLIC, &f), 0);
	listener_close(l);
	assert_int_equal(check(x, "127.0.0.1", port, ZONE_LOCAL), 0);
	req.address = "0.0.0.0";
	assert_int_equal(listener_open(x->n, &req, ignore_accept, NULL, &l, &f), 0);
	assert_int_equal(check(x, "127.0.0.1", listener_port(l), ZONE_LOCAL), ERR_DENIED);
	assert_int_equal(check(x, "8.8.8.8", listener_port(l), ZONE_LOCAL), 0);
	listener_close(l);
}

/* A name that has both kinds: the outer ones are left. */
static void test_filter(void **state)
{
	struct fixture *x = *state;
	struct addrs a = {.n = 3};
	struct fail f = {0};

	a.a[0] = addr("127.0.0.1", 80);
	a.a[1] = addr("8.8.8.8", 80);
	a.a[2] = addr("10.0.0.1", 80);
	assert_int_equal(zone_filter(x->n, "both", &a, ZONE_LOCAL, &f), 0);
	assert_int_equal(a.n, 3);
	assert_int_equal(zone_filter(x->n, "both", &a, ZONE_PUBLIC, &f), 0);
	assert_int_equal(a.n, 1);
	assert_int_equal(zone_of((struct sockaddr *)&a.a[0]), ZONE_PUBLIC);
	a.a[0] = addr("127.0.0.1", 80);
	assert_int_equal(zone_filter(x->n, "both", &a, ZONE_PRIVATE, &f), ERR_DENIED);
	assert_non_null(strstr(f.text, "allow-address"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds), cmocka_unit_test(test_names), TEST(test_only_outward),
		TEST(test_an_address_is_told_once), TEST(test_rules), TEST(test_own_ports), TEST(test_filter)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
