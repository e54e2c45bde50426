/* SPDX-License-Identifier: MIT
 * Tests of the records of origins: limits found out, back-off for all, careful beginnings, waiting in turn, and that the
 * memory is bounded. Time is a number here.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/origin.h"

#define KEEP 4

static struct origins *all;

static int setup(void **state)
{
	(void)state;
	all = origins_new(KEEP, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	origins_free(all); /* dies when somebody is left */
	return 0;
}

static struct origin *get(const char *text)
{
	struct origin *o;
	struct uri u;

	assert_int_equal(uri_parse(text, strlen(text), &u, NULL), 0);
	o = origin_get(all, &u);
	uri_free(&u);
	return o;
}

static unsigned room(struct origin *o, uint64_t now)
{
	uint64_t wait;

	return origin_room(o, now, &wait);
}

static struct fail because(const char *text)
{
	struct fail f;

	fail_set(&f, ERR_BUSY, "%s", text);
	return f;
}

static void one_record_an_origin(void **state)
{
	struct origin *a = get("http://h/x"), *same = get("http://h:80/other?q"), *tls = get("https://h/x"), *port = get("http://h:8080/"),
		      *user = get("http://joe@h/");

	(void)state;
	assert_ptr_equal(a, same);
	assert_ptr_not_equal(a, tls);
	assert_ptr_not_equal(a, port);
	assert_ptr_not_equal(a, user);
	assert_int_equal(room(a, 0), UINT_MAX);
	origin_put(a);
	origin_put(same);
	origin_put(tls);
	origin_put(port);
	origin_put(user);
}

/* Three are served, the fourth is turned away: three it is, for everybody; one more is tried after a while. */
static void a_limit_is_found_out(void **state)
{
	struct origin_use use[4] = {{0}};
	struct origin *o = get("http://h/");
	uint64_t wait;

	(void)state;
	for (int i = 0; i < 4; i++)
		origin_use_begin(&use[i], o);
	origin_use_end(&use[3]);
	origin_found_limit(o, 1000);
	assert_int_equal(origin_limit(o), 3);
	assert_int_equal(origin_room(o, 1000, &wait), 0);
	assert_true(wait == UINT64_MAX);
	origin_use_end(&use[0]);
	origin_use_end(&use[0]);
	assert_int_equal(room(o, 1000), 1);
	assert_int_equal(room(o, 30999), 1);
	assert_int_equal(room(o, 31000), 2);
	for (int i = 0; i < 4; i++)
		origin_use_clear(&use[i]);
	origin_put(o);
}

static void trouble_is_everybodys(void **state)
{
	struct fail why = because("status=429");
	struct origin *o = get("http://example.org/");
	struct fail text;
	uint64_t wait;

	(void)state;
	wait = origin_back_off(o, 1000, 0, 60000, 41000, &why);
	assert_in_range(wait, 41000, 41000 + 41000 / 4);
	assert_int_equal(origin_room(o, 2000, &wait), 0);
	assert_in_range(wait, 40000, 51000);
	origin_explain(o, 1000, &text);
	assert_memory_equal(text.text, "waiting ", 8);
	assert_non_null(strstr(text.text, " s for example.org: status=429"));
	origin_explain(o, 60000, &text);
	assert_string_equal(text.text, "");
	origin_put(o);
}

/* The wait doubles with each failure that comes after one, up to the most; many at once count as one. */
static void waits_grow(void **state)
{
	struct fail why = because("refused");
	struct origin *o = get("http://h/");
	uint64_t now = 0, least = 500;

	(void)state;
	for (int i = 0; i < 12; i++) {
		uint64_t ms = origin_back_off(o, now, 0, 8000, -1, &why);
		uint64_t base = least < 8000 ? least : 8000;

		assert_in_range(ms, base, base + base / 4);
		assert_int_equal(origin_back_off(o, now, 0, 8000, -1, &why), ms);
		now += ms;
		least *= 2;
	}
	assert_in_range(origin_back_off(o, now, 20000, 8000, -1, &why), 20000, 25000); /* retry-wait is the least */
	origin_put(o);
}

/* A server that says 0 again and again is not asked again and again at once; one that says more is left alone for longer. */
static void what_a_server_says_is_the_least(void **state)
{
	struct fail why = because("busy");
	struct origin *o = get("http://h/");
	uint64_t now = 0, least = 500, wait;

	(void)state;
	for (int i = 0; i < 6; i++) {
		uint64_t ms = origin_back_off(o, now, 0, 8000, 0, &why);
		uint64_t base = least < 8000 ? least : 8000;

		assert_in_range(ms, base, base + base / 4);
		assert_int_equal(origin_back_off(o, now, 0, 8000, 0, &why), ms); /* many at once count as one */
		now += ms;
		least *= 2;
	}
	wait = origin_back_off(o, now, 30000, 8000, 1000, &why);
	assert_in_range(wait, 30000, 37500); /* retry-wait holds, too */
	assert_in_range(origin_back_off(o, now, 30000, 8000, 50000, &why), 50000, 62500); /* another answer knows better */
	origin_put(o);
}

static void after_trouble_it_begins_carefully(void **state)
{
	struct fail why = because("busy");
	struct origin_use use[130] = {{0}};
	struct origin *o = get("http://h/");
	uint64_t ms = origin_back_off(o, 0, 0, 1000, -1, &why);
	unsigned n = 0;

	(void)state;
	for (unsigned limit = 1; limit <= 64; limit *= 2) {
		assert_int_equal(origin_limit(o), limit);
		while (room(o, ms) > 0)
			origin_use_begin(&use[n++], o);
		assert_int_equal(n, limit);
		origin_use_served(&use[n - 1]);
		origin_use_served(&use[n - 1]);
	}
	assert_int_equal(origin_limit(o), UINT_MAX);
	/* The answers also ended the row of failures. */
	assert_in_range(origin_back_off(o, ms, 0, 60000, -1, &why), 500, 625);
	for (unsigned i = 0; i < n; i++)
		origin_use_clear(&use[i]);
	origin_put(o);
}

/* A good answer that was the last one for now: no failure, and nobody is kept from asking for long. */
static void a_server_may_ask_for_a_rest(void **state)
{
	struct fail why = because("busy");
	struct origin_use use = {0};
	struct origin *o = get("http://h/");
	struct fail text;
	uint64_t wait;

	(void)state;
	origin_use_begin(&use, o);
	origin_use_served(&use);
	origin_hold(o, 1000, 8000);
	assert_int_equal(origin_room(o, 1000, &wait), 0);
	assert_in_range(wait, 8000, 10000);
	origin_explain(o, 1000, &text);
	assert_non_null(strstr(text.text, "takes no more requests"));
	assert_true(room(o, 11000) > 1);
	origin_hold(o, 20000, 3600000);
	assert_int_equal(origin_room(o, 20000, &wait), 0);
	assert_in_range(wait, 60000, 75000);
	origin_hold(o, 20000, 1);
	assert_int_equal(room(o, 79999), 0);
	assert_in_range(origin_back_off(o, 100000, 0, 60000, -1, &why), 500, 625); /* the first failure */
	origin_use_clear(&use);
	origin_put(o);
}

/* The network goes and comes: nobody's fault, looked for ever less often by one fetch, and all are back within seconds. */
static void without_a_network_all_wait(void **state)
{
	struct origin_use use[2] = {{0}};
	struct origin *o[2] = {get("http://a/"), get("http://b/")};
	struct fail text, why = because("refused");
	uint64_t now = 10000, wait, longest = 0;

	(void)state;
	origins_alive(all, now);
	for (int i = 0; i < 2; i++) {
		origin_use_begin(&use[i], o[i]);
		origin_use_served(&use[i]);
		origin_use_end(&use[i]);
		assert_true(origin_lost(o[i], now, now, true));
	}
	for (int i = 0; i < 10; i++) {
		assert_int_equal(origin_room(o[0], now, &wait), 0);
		assert_true(wait >= longest || wait >= 30000);
		assert_true(wait <= 37500);
		longest = wait > longest ? wait : longest;
		now += wait;
		assert_int_equal(room(o[0], now), 1);
		assert_true(origin_lost(o[0], now, now - 1, false));
		assert_true(origin_lost(o[0], now, now - 1, false)); /* together they count as one */
	}
	origin_explain(o[0], now, &text);
	assert_non_null(strstr(text.text, " s for a: no answer from the network since "));
	now += 37500;
	origin_use_begin(&use[0], o[0]);
	origin_explain(o[0], now, &text); /* while one fetch tries the others have the same reason */
	assert_memory_equal(text.text, "waiting for a: no answer from the network since ", 48);
	origin_use_end(&use[0]);
	origins_alive(all, now);
	for (int i = 0; i < 2; i++) {
		origin_room(o[i], now, &wait);
		assert_true(wait < 3000 || wait == UINT64_MAX);
		assert_int_equal(room(o[i], now + 3000), 1);
	}
	assert_in_range(origin_back_off(o[0], now + 3000, 0, 60000, -1, &why), 500, 625); /* its first failure */
	for (int i = 0; i < 2; i++) {
		origin_use_clear(&use[i]);
		origin_put(o[i]);
	}
}

static void a_user_breaks_a_wait(void **state)
{
	struct fail text, why = because("busy");
	struct origin *o = get("http://h/");
	struct origin_use use = {0};

	(void)state;
	assert_in_range(origin_back_off(o, 1000, 0, 60000, 3600000, &why), 3600000, 3660000);
	assert_int_equal(room(o, 2000), 0);
	origin_explain(o, 1000, &text);
	assert_memory_equal(text.text, "waiting 6", 9); /* 60 min, or 61 */
	assert_non_null(strstr(text.text, " min for h: busy"));
	origin_hurry(o);
	assert_int_equal(room(o, 2000), 1); /* politeness stays */
	origin_use_begin(&use, o);
	origin_explain(o, 2000, &text);
	assert_string_equal(text.text, "waiting for h: busy");
	origin_use_clear(&use);
	origin_put(o);
}

struct told {
	struct origin_waiter w;
	int times;
};

static void on_room(void *arg)
{
	struct told *t = arg;

	t->times++;
}

static void those_who_wait_are_told_in_turn(void **state)
{
	struct told t[3] = {{{.cb = on_room}, 0}, {{.cb = on_room}, 0}, {{.cb = on_room}, 0}};
	struct origin_use use[2] = {{0}};
	struct origin *o = get("http://h/");

	(void)state;
	origin_use_begin(&use[0], o);
	origin_use_begin(&use[1], o);
	origin_use_end(&use[1]);
	origin_found_limit(o, 0);
	for (int i = 0; i < 3; i++) {
		t[i].w.arg = &t[i];
		origin_wait_for(o, &t[i].w);
		origin_wait_for(o, &t[i].w);
	}
	origin_wait_cancel(&t[0].w);
	origin_use_end(&use[0]);
	assert_int_equal(t[0].times + t[2].times, 0);
	assert_int_equal(t[1].times, 1);
	origin_use_begin(&use[0], o);
	origin_use_end(&use[0]);
	assert_int_equal(t[1].times, 1);
	assert_int_equal(t[2].times, 1);
	for (int i = 0; i < 2; i++)
		origin_use_clear(&use[i]);
	origin_put(o);
}

static void few_are_remembered(void **state)
{
	struct fail why = because("busy");
	char text[40];

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct origin *o;

		snprintf(text, sizeof(text), "http://h%d/", i);
		o = get(text);
		origin_back_off(o, 0, 0, 1000, 5000, &why);
		origin_put(o);
	}
	for (int i = 0; i < KEEP; i++) {
		struct origin *o;

		snprintf(text, sizeof(text), "http://h%d/", 99 - i);
		o = get(text);
		assert_int_equal(room(o, 1), 0);
		origin_put(o);
	}
	{
		struct origin *o = get("http://h50/");

		assert_int_equal(room(o, 1), UINT_MAX);
		origin_put(o);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(one_record_an_origin),
		T(a_limit_is_found_out),
		T(trouble_is_everybodys),
		T(waits_grow),
		T(what_a_server_says_is_the_least),
		T(after_trouble_it_begins_carefully),
		T(a_server_may_ask_for_a_rest),
		T(without_a_network_all_wait),
		T(a_user_breaks_a_wait),
		T(those_who_wait_are_told_in_turn),
		T(few_are_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
