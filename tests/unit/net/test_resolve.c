/* SPDX-License-Identifier: MIT
 * Tests of the resolver, with a getaddrinfo that answers when the test says so.
 */
#include "net_test.h"

#include "net/lookup.h"

static struct lookup *fake_start(struct lookups *s, const char *host, int family, lookup_cb cb, void *arg);
static bool fake_waits(const struct lookup *lk);
static void fake_drop(struct lookup *lk);
#include "net/sock.h"
#define lookup_start fake_start
#define lookup_waits fake_waits
#define lookup_drop  fake_drop
#include "net/resolve.c"

/* The lookups so far. The seam of the macros has no argument for a test's own state. */
static struct {
	lookup_cb cb[CACHE_MAX + 8];
	void *arg[CACHE_MAX + 8];
	char last[64];
	int last_family, n, dropped;
	bool waits; /* they don't begin */
	uint64_t now;
} dns;

static struct lookup *fake_start(struct lookups *s, const char *host, int family, lookup_cb cb, void *arg)
{
	(void)s;
	snprintf(dns.last, sizeof(dns.last), "%s", host);
	dns.last_family = family;
	dns.arg[dns.n] = arg;
	dns.cb[dns.n++] = cb;
	return (struct lookup *)&dns;
}

static bool fake_waits(const struct lookup *lk)
{
	(void)lk;
	return dns.waits;
}

static void fake_drop(struct lookup *lk)
{
	(void)lk;
	dns.dropped++;
}

/* Lookup i is done. */
static void reply(int i, int status, const char *addr)
{
	struct sockaddr_in a = {0};
	struct addrinfo other = {
		.ai_family = AF_UNIX, .ai_addr = (struct sockaddr *)&(struct sockaddr){.sa_family = AF_UNIX}};
	struct addrinfo ai = {.ai_family = AF_INET, .ai_addr = (struct sockaddr *)&a, .ai_next = &other};

	if (addr != NULL)
		uv_ip4_addr(addr, 0, &a);
	dns.cb[i](dns.arg[i], status, status == 0 ? &ai : NULL);
}

struct result {
	int called, err;
	struct fail fail;
	char addr[SOCK_NAME_MAX];
	unsigned n;
	struct resolve *cancel;
};

static void on_result(void *arg, int err, const struct fail *f, const struct addrs *a)
{
	struct result *r = arg;

	r->called++;
	r->err = err;
	r->fail = *f;
	r->n = a->n;
	if (a->n > 0)
		sock_addr_text((const struct sockaddr *)&a->a[0], r->addr);
	resolve_cancel(r->cancel);
}

static uint64_t fake_clock(void *arg)
{
	(void)arg;
	return dns.now;
}

static int setup(void **state)
{
	struct fixture *x;

	memset(&dns, 0, sizeof(dns));
	if (fixture_setup(state) != 0)
		return -1;
	x = *state;
	x->l.clock_ms = fake_clock;
	return 0;
}

static void turn(struct fixture *x)
{
	uv_run(&x->l.uv, UV_RUN_NOWAIT);
}

static struct resolve *ask_for(struct fixture *x, const char *host, struct result *r)
{
	*r = (struct result){0};
	return resolve_start(x->n->resolver, host, 80, on_result, r);
}

static void test_literals(void **state)
{
	struct fixture *x = *state;
	struct result r;

	ask_for(x, "192.0.2.1", &r);
	assert_int_equal(r.called, 0);
	turn(x);
	assert_string_equal(r.addr, "192.0.2.1:80");
	ask_for(x, "2001:db8::1", &r);
	turn(x);
	assert_string_equal(r.addr, "[2001:db8::1]:80");
	x->n->conf.no_ipv6 = true;
	ask_for(x, "2001:db8::1", &r);
	turn(x);
	assert_int_equal(r.err, ERR_RESOLVE);
	assert_string_equal(r.fail.text, "Name resolution for 2001:db8::1 failed: IPv6 is disabled");
	assert_int_equal(dns.n, 0);
}

static void test_equal_lookups_are_one(void **state)
{
	struct fixture *x = *state;
	struct result a, b, c;

	ask_for(x, "example.org", &a);
	ask_for(x, "EXAMPLE.org", &b);
	ask_for(x, "example.com", &c);
	turn(x);
	assert_int_equal(dns.n, 2);
	reply(0, 0, "192.0.2.7");
	turn(x);
	assert_int_equal(a.called, 1);
	assert_int_equal(b.called, 1);
	assert_int_equal(c.called, 0);
	assert_string_equal(b.addr, "192.0.2.7:80");
	assert_int_equal(b.n, 1);
	reply(1, EAI_NONAME, NULL);
	turn(x);
	assert_int_equal(c.err, ERR_RESOLVE);
	assert_string_equal(c.fail.text, "Name resolution for example.com failed: Name or service not known");
}

static void ask_once(struct fixture *x, int lookups, int err)
{
	struct result r;

	ask_for(x, "example.org", &r);
	assert_int_equal(r.called, 0);
	turn(x);
	assert_int_equal(dns.n, lookups);
	if (!r.called) {
		reply(lookups - 1, err, "192.0.2.1");
		turn(x);
	}
	assert_int_equal(r.called, 1);
	assert_int_equal(r.err != 0, err != 0);
}

static void test_cache_times(void **state)
{
	struct fixture *x = *state;

	dns.now = 1000;
	ask_once(x, 1, 0);
	dns.now += 59999;
	ask_once(x, 1, 0);
	dns.now += 1;
	ask_once(x, 2, EAI_AGAIN);
	dns.now += 1999;
	ask_once(x, 2, EAI_AGAIN);
	dns.now += 1;
	ask_once(x, 3, 0);
	ask_once(x, 3, 0);
}

static void test_cache_is_bounded(void **state)
{
	struct fixture *x = *state;
	struct result r;
	char name[16];

	for (int i = 0; i < CACHE_MAX + 5; i++) {
		snprintf(name, sizeof(name), "h%d", i);
		ask_for(x, name, &r);
		reply(i, 0, "192.0.2.1");
		turn(x);
	}
	assert_int_equal(HASH_COUNT(x->n->resolver->cache), CACHE_MAX);
	dns.n = 0;
	ask_for(x, "h0", &r);
	assert_int_equal(dns.n, 1);
	reply(0, 0, "192.0.2.1");
	turn(x);
}

static void test_cancel(void **state)
{
	struct fixture *x = *state;
	struct result a, b, c;

	resolve_cancel(ask_for(x, "example.org", &a));
	ask_for(x, "example.org", &b);
	b.cancel = ask_for(x, "example.org", &c); /* gone when b is told */
	reply(0, 0, "192.0.2.1");
	turn(x);
	assert_int_equal(a.called, 0);
	assert_int_equal(b.called, 1);
	assert_int_equal(c.called, 0);
	resolve_cancel(ask_for(x, "192.0.2.9", &a));
	turn(x);
	assert_int_equal(a.called, 0);
}

static void test_overrides(void **state)
{
	struct fixture *x = *state;
	struct result r;

	resolver_free(x->n->resolver);
	x->n->conf.overrides =
		xstrdup("cdn.test:80:192.0.2.5\ncdn.test:80:[2001:db8::5]\nCDN.test:443:192.0.2.6\nbad\n");
	x->n->resolver = resolver_new(x->n);
	ask_for(x, "Cdn.Test", &r);
	turn(x);
	assert_string_equal(r.addr, "192.0.2.5:80");
	assert_int_equal(r.n, 2);
	resolve_start(x->n->resolver, "cdn.test", 443, on_result, &r);
	turn(x);
	assert_string_equal(r.addr, "192.0.2.6:443");
	assert_int_equal(dns.n, 0);
	r.called = 0;
	resolve_start(x->n->resolver, "cdn.test", 8080, on_result, &r);
	assert_int_equal(dns.n, 1);
	reply(0, EAI_NONAME, NULL);
	turn(x);
	assert_int_equal(r.called, 1);
}

static void test_ipv4_only(void **state)
{
	struct fixture *x = *state;
	struct result r;

	x->n->conf.no_ipv6 = true;
	ask_for(x, "example.org", &r);
	assert_int_equal(dns.last_family, AF_INET);
	reply(0, 0, "192.0.2.1");
	turn(x);
	assert_int_equal(r.called, 1);
}

/* A lookup under way is kept for the next one who asks; one that has not begun is not worth it. */
static void test_nobody_waits_any_more(void **state)
{
	struct fixture *x = *state;
	struct result r;

	resolve_cancel(ask_for(x, "example.org", &r));
	assert_int_equal(dns.dropped, 0);
	ask_for(x, "example.org", &r);
	assert_int_equal(dns.n, 1);
	reply(0, EAI_AGAIN, NULL);
	turn(x);
	assert_int_equal(r.err, ERR_NO_NAMES);
	dns.waits = true;
	resolve_cancel(ask_for(x, "example.com", &r));
	assert_int_equal(dns.dropped, 1);
	ask_for(x, "example.com", &r);
	assert_int_equal(dns.n, 3);
	reply(2, 0, "192.0.2.1");
	turn(x);
	assert_int_equal(r.err, 0);
}

static void test_free_while_looking_up(void **state)
{
	struct fixture *x = *state;
	struct result r;

	resolve_cancel(ask_for(x, "example.org", &r));
	resolver_free(x->n->resolver);
	assert_int_equal(dns.dropped, 1);
	x->n->resolver = resolver_new(x->n);
}

#define NET_TEST(f) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(test_literals),
		NET_TEST(test_equal_lookups_are_one),
		NET_TEST(test_cache_times),
		NET_TEST(test_cache_is_bounded),
		NET_TEST(test_cancel),
		NET_TEST(test_overrides),
		NET_TEST(test_ipv4_only),
		NET_TEST(test_nobody_waits_any_more),
		NET_TEST(test_free_while_looking_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
