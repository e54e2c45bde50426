/* SPDX-License-Identifier: MIT
 * Tests of the record of the network's life: which silences are the network's. Time is a number here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/err.h"
#include "core/reach.h"

static bool no_way_out;

static bool offline(void)
{
	return no_way_out;
}

static struct reach fresh(void)
{
	no_way_out = false;
	return (struct reach){.offline = offline};
}

static bool lost(struct reach *r, uint64_t since, bool got, bool known)
{
	const struct reach_try t = {.since = since, .got = got, .known = known};

	return reach_lost(r, &t);
}

static void only_some_errors_are_silence(void **state)
{
	(void)state;
	assert_true(reach_is_silence(ERR_TIMEOUT) && reach_is_silence(ERR_NET_DOWN) && reach_is_silence(ERR_NO_NAMES));
	assert_false(reach_is_silence(ERR_CONNECT) || reach_is_silence(ERR_RESET) || reach_is_silence(ERR_RESOLVE) ||
		     reach_is_silence(ERR_EOF) || reach_is_silence(0));
}

/* A first download from a dead host fails as it is, even where the machine has no way out. */
static void a_fresh_process_knows_nothing(void **state)
{
	struct reach r = fresh();

	(void)state;
	assert_false(lost(&r, 1000, false, false));
	no_way_out = true;
	assert_false(lost(&r, 1000, false, false));
	assert_false(r.gone);
}

static void silence_after_life_is_the_networks(void **state)
{
	struct reach r = fresh();

	(void)state;
	assert_false(reach_alive(&r, 5000));
	assert_true(lost(&r, 5000, true, true)); /* its own byte was the last one of all */
	assert_true(r.gone);
	assert_true(lost(&r, 900000, false, false)); /* from now on anybody's, however late */
	assert_true(reach_alive(&r, 950000));
	assert_false(r.gone);
	assert_false(reach_alive(&r, 950000));
}

static void somebody_else_was_heard(void **state)
{
	struct reach r = fresh();

	(void)state;
	reach_alive(&r, 5000);
	assert_false(lost(&r, 4000, true, true));
	assert_false(lost(&r, 4000, false, true));
	assert_false(lost(&r, 5000, false, true)); /* its own connection was accepted at once */
	assert_true(lost(&r, 5001, false, true));
}

/* A host that never answered proves nothing, nor does one that is silent long after. */
static void a_dead_host_is_not_the_network(void **state)
{
	struct reach r = fresh();

	(void)state;
	reach_alive(&r, 5000);
	assert_false(lost(&r, 6000, false, false));
	assert_true(lost(&r, 125000, false, true));
	r = fresh();
	reach_alive(&r, 5000);
	assert_false(lost(&r, 125001, false, true));
}

static void the_kernel_may_know(void **state)
{
	struct reach r = fresh();

	(void)state;
	no_way_out = true;
	r.before = true;
	assert_true(lost(&r, 1000, false, false));
	r = fresh();
	reach_alive(&r, 1000);
	no_way_out = true;
	assert_true(lost(&r, 90000000, false, false));
}

static void it_says_since_when(void **state)
{
	struct reach r = fresh();
	char buf[80];

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	assert_string_equal(reach_text(&r, 9000, 1700000000, buf, sizeof(buf)), "no answer from the network so far");
	reach_alive(&r, 1000);
	assert_string_equal(reach_text(&r, 601000, 1700000000, buf, sizeof(buf)), "no answer from the network since 22:03");
	assert_string_equal(reach_text(&r, 86401000, 1700000000, buf, sizeof(buf)),
		"no answer from the network since 2023-11-13 22:13");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_some_errors_are_silence),
		cmocka_unit_test(a_fresh_process_knows_nothing),
		cmocka_unit_test(silence_after_life_is_the_networks),
		cmocka_unit_test(somebody_else_was_heard),
		cmocka_unit_test(a_dead_host_is_not_the_network),
		cmocka_unit_test(the_kernel_may_know),
		cmocka_unit_test(it_says_since_when),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
