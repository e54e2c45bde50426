/* SPDX-License-Identifier: MIT
 * Tests of the threads that ask for names, with a getaddrinfo that answers when the test says so.
 */
#include "net_test.h"

#include <netdb.h>

static int fake_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret);
static void fake_freeaddrinfo(struct addrinfo *ai);
#define getaddrinfo  fake_getaddrinfo
#define freeaddrinfo fake_freeaddrinfo
#include "net/lookup.c"

/* Shared with the threads. The seam of the macros has no argument for a test's own state. */
static struct {
	uv_sem_t gate; /* each getaddrinfo of "slow..." takes one */
	uv_mutex_t lock;
	unsigned asked, freed;
	char last[16];
} names;

static int fake_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	(void)service;
	uv_mutex_lock(&names.lock);
	names.asked++;
	snprintf(names.last, sizeof(names.last), "%s", host);
	uv_mutex_unlock(&names.lock);
	if (strncmp(host, "slow", 4) == 0)
		uv_sem_wait(&names.gate);
	if (strcmp(host, "none") == 0)
		return EAI_NONAME;
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->ai_family = hints->ai_family;
	return 0;
}

static void fake_freeaddrinfo(struct addrinfo *ai)
{
	uv_mutex_lock(&names.lock);
	names.freed++;
	uv_mutex_unlock(&names.lock);
	free(ai);
}

static unsigned asked(void)
{
	unsigned n;

	uv_mutex_lock(&names.lock);
	n = names.asked;
	uv_mutex_unlock(&names.lock);
	return n;
}

static int setup(void **state)
{
	memset(&names, 0, sizeof(names));
	uv_sem_init(&names.gate, 0);
	uv_mutex_init(&names.lock);
	return fixture_setup(state);
}

struct answer {
	int called, status, family;
};

static void on_answer(void *arg, int status, const struct addrinfo *ai)
{
	struct answer *a = arg;

	a->called++;
	a->status = status;
	a->family = ai != NULL ? ai->ai_family : -1;
}

static void until_asked(unsigned n)
{
	while (asked() < n)
		uv_sleep(1);
}

static void test_answers(void **state)
{
	struct fixture *x = *state;
	struct lookups *s = lookups_new(&x->l);
	struct answer a = {0}, b = {0};

	lookup_start(s, "host", AF_INET, on_answer, &a);
	lookup_start(s, "none", AF_UNSPEC, on_answer, &b);
	assert_int_equal(a.called + b.called, 0);
	loop_run(&x->l); /* ends, as nothing is under way then */
	assert_int_equal(a.called, 1);
	assert_int_equal(a.family, AF_INET);
	assert_int_equal(b.called, 1);
	assert_int_equal(b.status, EAI_NONAME);
	assert_int_equal(names.freed, 1);
	lookups_free(s);
}

/* When all threads are held up, the newest is the next one, and what was dropped never begins. */
static void test_only_so_many_at_a_time(void **state)
{
	struct fixture *x = *state;
	struct lookups *s = lookups_new(&x->l);
	struct answer slow = {0}, old = {0}, dropped = {0}, fresh = {0};
	struct lookup *lk;

	for (int i = 0; i < LOOKUPS_MAX; i++)
		assert_false(lookup_waits(lookup_start(s, "slow", AF_INET, on_answer, &slow)));
	until_asked(LOOKUPS_MAX);
	lookup_start(s, "old", AF_INET, on_answer, &old);
	lk = lookup_start(s, "dropped", AF_INET, on_answer, &dropped);
	lookup_start(s, "fresh", AF_INET, on_answer, &fresh);
	assert_true(lookup_waits(lk));
	lookup_drop(lk);
	uv_sem_post(&names.gate);
	while (old.called == 0) {
		uv_run(&x->l.uv, UV_RUN_ONCE);
		assert_true(old.called == 0 || fresh.called == 1);
	}
	for (int i = 1; i < LOOKUPS_MAX; i++)
		uv_sem_post(&names.gate);
	loop_run(&x->l);
	assert_int_equal(slow.called, LOOKUPS_MAX);
	assert_int_equal(dropped.called, 0);
	assert_int_equal(asked(), LOOKUPS_MAX + 2);
	lookups_free(s);
}

/* A thread that is held up outlives all that it was for; nobody waits for it. */
static void test_free_while_running(void **state)
{
	struct fixture *x = *state;
	struct lookups *s = lookups_new(&x->l);
	struct answer a = {0}, waiting = {0};

	for (int i = 0; i < LOOKUPS_MAX; i++)
		lookup_start(s, "slow", AF_INET, on_answer, &a);
	lookup_start(s, "more", AF_INET, on_answer, &waiting);
	lookup_drop(lookup_start(s, "slow", AF_INET, on_answer, &a));
	until_asked(LOOKUPS_MAX);
	lookups_free(s);
	loop_run(&x->l);
	for (int i = 0; i < LOOKUPS_MAX; i++)
		uv_sem_post(&names.gate);
	for (unsigned n = 0; n < LOOKUPS_MAX;) {
		uv_sleep(1);
		uv_mutex_lock(&names.lock);
		n = names.freed;
		uv_mutex_unlock(&names.lock);
	}
	assert_int_equal(a.called + waiting.called, 0);
}

#define NET_TEST(f) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(test_answers),
		NET_TEST(test_only_so_many_at_a_time),
		NET_TEST(test_free_while_running),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
