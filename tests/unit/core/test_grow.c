/* SPDX-License-Identifier: MIT
 * How many connections a transfer finds out to be worth it, against servers without sockets, in quick time.
 */
#include "base/log.h"

#include "xfer_world.h"

/* Nobody says how many connections. */
static void open_free(struct world *w, struct fake_server *o, size_t n, uint64_t seed)
{
	open_world(w, o, n, seed);
	opts_unset(w->opts, OPT_SPLIT);
	opts_unset(w->opts, OPT_MAX_CONNECTION_PER_SERVER);
	opts_unset(w->opts, OPT_MIN_SPLIT_SIZE);
	set(w, OPT_MAX_RETRY_WAIT, "4");
}

/* Ms of its world that it takes. */
static uint64_t run_ms(struct world *w)
{
	uint64_t began = loop_now(&w->loop);

	run(w, one_uri);
	return loop_now(&w->loop) - began;
}

/* A limit for each connection: as many as may be are used, soon. */
static void test_grows_while_it_helps(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 3; seed++) {
		struct fake_server o = {.size = 48 * MIB, .version = 1, .rate = 400000};
		struct world w;

		open_free(&w, &o, 1, seed);
		assert_in_range(run_ms(&w), 7800, 15000); /* 125 s over one connection, 7.9 s over 16 */
		expect_right(&w, o.size);
		assert_int_equal(o.most_open, 16);
		close_world(&w);
	}
}

/* One connection gets all there is: a second one is tried now and then, and closed again. */
static void test_stays_small_where_it_does_not_help(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 3; seed++) {
		struct fake_server o = {.size = 32 * MIB, .version = 1, .rate_of_all = 1000000};
		struct world w;

		open_free(&w, &o, 1, seed);
		assert_in_range(run_ms(&w), 33000, 36000);
		expect_right(&w, o.size);
		assert_in_range(o.most_open, 1, 4);
		assert_in_range(o.requests, 2, 12);
		close_world(&w);
	}
}

/* What would be over in two seconds is left alone, however slow it began. */
static void test_a_small_file_has_one_connection(void **state)
{
	struct fake_server o = {.size = 4 * MIB, .version = 1, .rate = 2000000};
	struct world w;

	(void)state;
	open_free(&w, &o, 1, 1);
	run_ms(&w);
	expect_right(&w, o.size);
	assert_int_equal(o.requests, 1);
	close_world(&w);
}

/* Four connections get all there is: not many more are tried. */
static void test_stops_at_the_knee(void **state)
{
	struct fake_server o = {.size = 64 * MIB, .version = 1, .rate = 500000, .rate_of_all = 2000000};
	struct world w;

	(void)state;
	open_free(&w, &o, 1, 2);
	assert_in_range(run_ms(&w), 33000, 37000);
	expect_right(&w, o.size);
	assert_in_range(o.most_open, 4, 12);
	close_world(&w);
}

/* A server that takes three and answers 503 to more: the file is whole, and it is not asked for more all the time. */
static void test_backs_off_from_a_server_that_refuses(void **state)
{
	struct fake_server o = {.size = 32 * MIB, .version = 1, .rate = 200000, .busy_above = 3};
	struct world w;

	(void)state;
	open_free(&w, &o, 1, 3);
	assert_in_range(run_ms(&w), 52000, 75000);
	expect_right(&w, o.size);
	assert_in_range(o.requests, 4, 40);
	close_world(&w);
}

/* A mirror that is not there keeps nobody from using the other one as much as it is worth. */
static void test_a_dead_mirror_is_no_reason_for_less(void **state)
{
	struct fake_server o[2] = {{.size = 24 * MIB, .version = 1, .rate = 400000}, {.gone = true}};
	char *uris[] = {"fake://h0/f", "fake://h1/f", NULL};
	struct world w;
	uint64_t began;

	(void)state;
	open_free(&w, o, 2, 6);
	began = loop_now(&w.loop);
	run(&w, uris);
	expect_right(&w, o[0].size);
	assert_in_range(loop_now(&w.loop) - began, 3900, 10000); /* 63 s over one connection */
	assert_int_equal(o[0].most_open, 16);
	close_world(&w);
}

/* What the user says is the limit, and is used at once; split alone is a limit for what is found out. */
static void test_numbers_of_the_user(void **state)
{
	static const struct {
		const char *split, *per_server;
		unsigned most;
	} rows[] = {{NULL, "1", 1}, {NULL, "4", 4}, {"3", NULL, 3}, {"1", NULL, 1}, {"2", "4", 2}, {"8", "4", 4}, {NULL, "24", 24}, {"24", NULL, 16}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake_server o = {.size = 40 * MIB, .version = 1, .rate = 400000};
		struct world w;

		open_free(&w, &o, 1, i);
		set(&w, OPT_MIN_SPLIT_SIZE, "1M");
		if (rows[i].split)
			set(&w, OPT_SPLIT, rows[i].split);
		if (rows[i].per_server)
			set(&w, OPT_MAX_CONNECTION_PER_SERVER, rows[i].per_server);
		run_ms(&w);
		expect_right(&w, o.size);
		assert_int_equal(o.most_open, rows[i].most);
		close_world(&w);
	}
}

/* A limit of ours is no reason to open more. */
static void test_our_own_limit(void **state)
{
	struct fake_server o = {.size = 8 * MIB, .version = 1, .rate = 4000000};
	struct world w;

	(void)state;
	open_free(&w, &o, 1, 4);
	set(&w, OPT_MAX_DOWNLOAD_LIMIT, "1M");
	run_ms(&w);
	expect_right(&w, o.size);
	assert_int_equal(o.requests, 1);
	close_world(&w);
}

/* One in eight connections gets next to nothing: the others do its work in the end, in little more than the time that it takes
 * them at best. */
static void test_stuck_connections(void **state)
{
	static const struct {
		const char *lanes;
		uint64_t ideal_ms, percent; /* parts of a MiB are larger beside 3 MiB than beside 6 */
	} rows[] = {{"8", 48 * MIB / 1003, 110}, {"16", 48 * MIB / 2007, 120}};

	(void)state;
	for (unsigned seed = 1; seed <= 3; seed++)
		for (size_t i = 0; i < 2; i++) {
			struct fake_server o = {.size = 48 * MIB, .version = 1, .rate = 1000000 / 7, .stuck_every = 8, .stuck_rate = 1000};
			struct world w;

			open_free(&w, &o, 1, seed);
			set(&w, OPT_SPLIT, rows[i].lanes);
			set(&w, OPT_MAX_CONNECTION_PER_SERVER, rows[i].lanes);
			set(&w, OPT_MIN_SPLIT_SIZE, "1M");
			assert_in_range(run_ms(&w), rows[i].ideal_ms * 9 / 10, rows[i].ideal_ms * rows[i].percent / 100);
			expect_right(&w, o.size);
			assert_in_range(o.sent, o.size, o.size + 4 * MIB);
			close_world(&w);
		}
}

/* What nobody asked for is at most 16 connections at an origin, of all downloads together; each has one all the same. */
static void test_an_origin_is_not_crowded(void **state)
{
	struct fake_server o = {.size = 24 * MIB, .version = 1, .rate = 400000};
	struct origin_use others[14] = {{0}};
	struct world w;
	struct uri u;
	struct origin *at;

	(void)state;
	open_free(&w, &o, 1, 5);
	assert_int_equal(uri_parse(one_uri[0], strlen(one_uri[0]), &u, NULL), 0);
	at = origin_get(w.origins, &u);
	uri_free(&u);
	for (size_t i = 0; i < 14; i++)
		origin_use_begin(&others[i], at);
	run_ms(&w);
	expect_right(&w, o.size);
	assert_int_equal(o.most_open, 2);
	for (size_t i = 0; i < 14; i++)
		origin_use_clear(&others[i]);
	origin_put(at);
	close_world(&w);
}

static void pause_loop(void *arg)
{
	struct world *w = arg;

	loop_stop(&w->loop);
}

/* Where round trips are long some are begun with, of a file that is worth it, before a window of measurement is over. */
static void test_a_far_server_is_asked_by_some_at_first(void **state)
{
	static const struct {
		unsigned rtt_ms;
		int64_t size;
		unsigned open;
	} rows[] = {{0, 48 * MIB, 1}, {20, 48 * MIB, 1}, {100, 48 * MIB, 4}, {100, 12 * MIB, 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake_server o = {.size = rows[i].size, .version = 1, .rate = 400000, .rtt_ms = rows[i].rtt_ms};
		struct world w;

		open_free(&w, &o, 1, 9);
		timer_start(&w.loop, &w.stop_at, 300, 0, pause_loop, &w);
		start(&w, one_uri);
		loop_run(&w.loop);
		assert_int_equal(o.open, rows[i].open);
		loop_run(&w.loop);
		assert_true(w.ended);
		expect_right(&w, o.size);
		assert_in_range(o.most_open, o.size > 12 * MIB ? 16 : 8, 16);
		close_world(&w);
	}
}

/* ... and where they bring nothing they stay, with a trial of more now and then. */
static void test_far_and_of_no_use(void **state)
{
	struct fake_server o = {.size = 32 * MIB, .version = 1, .rate_of_all = 1000000, .rtt_ms = 100};
	struct world w;

	(void)state;
	open_free(&w, &o, 1, 10);
	timer_start(&w.loop, &w.stop_at, 5000, 0, pause_loop, &w);
	start(&w, one_uri);
	loop_run(&w.loop);
	assert_int_equal(o.open, 4);
	loop_run(&w.loop);
	expect_right(&w, o.size);
	assert_in_range(o.requests, 16, 60);
	close_world(&w);
}

/* The first request of a new file tells how many will follow, if somebody said it. */
static void test_how_many_follow(void **state)
{
	static const struct {
		const char *split, *per_server;
		unsigned beside;
	} rows[] = {{NULL, NULL, 0}, {"8", NULL, 0}, {NULL, "1", 0}, {"8", "4", 3}, {"4", "16", 3}, {NULL, "24", 23}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake_server o = {.size = 4 * MIB, .version = 1};
		struct world w;

		open_free(&w, &o, 1, i);
		set(&w, OPT_MIN_SPLIT_SIZE, "1M");
		if (rows[i].split)
			set(&w, OPT_SPLIT, rows[i].split);
		if (rows[i].per_server)
			set(&w, OPT_MAX_CONNECTION_PER_SERVER, rows[i].per_server);
		run_ms(&w);
		expect_right(&w, o.size);
		assert_int_equal(o.beside[0], rows[i].beside);
		for (unsigned n = 1; n < o.requests && n < 64; n++)
			assert_int_equal(o.beside[n], 0);
		close_world(&w);
	}
}

static void ask_for(struct world *w, const char *lanes)
{
	set(w, OPT_SPLIT, lanes);
	set(w, OPT_MAX_CONNECTION_PER_SERVER, lanes);
	set(w, OPT_MIN_SPLIT_SIZE, "1M");
}

/* What a lane will have before an answer could come is not taken from it. */
static void test_what_ends_soon_is_not_split(void **state)
{
	static const struct {
		unsigned rtt_ms, least, most;
	} rows[] = {{0, 5, 40}, {1000, 4, 4}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake_server o = {.size = 20 * MIB, .version = 1, .rate = 2000000, .stuck_number = 4, .stuck_rate = 1000000,
			.rtt_ms = rows[i].rtt_ms};
		struct world w;

		open_free(&w, &o, 1, 11);
		ask_for(&w, "4");
		run_ms(&w);
		expect_right(&w, o.size);
		assert_in_range(o.requests, rows[i].least, rows[i].most);
		close_world(&w);
	}
}

/* One breaks, and a new connection, slow as those are at first, goes on shortly before the others are done: far away they don't
 * wait to see what will become of it. */
static uint64_t ms_with_a_late_connection(unsigned rtt_ms)
{
	struct fake_server o = {.size = 12 * MIB, .version = 1, .rate = 2000000, .even = true, .cut_at = 23 * MIB / 2, .cut_first = 3,
		.stuck_number = 4, .stuck_rate = 20000, .latency_ms = 300, .rtt_ms = rtt_ms};
	struct world w;
	uint64_t ms;

	open_free(&w, &o, 1, 12);
	ask_for(&w, "3");
	set(&w, OPT_RETRY_WAIT, "0");
	ms = run_ms(&w);
	expect_right(&w, o.size);
	close_world(&w);
	return ms;
}

static void test_a_new_connection_is_relieved_by_a_used_one(void **state)
{
	uint64_t near_ms = ms_with_a_late_connection(0), far_ms = ms_with_a_late_connection(300);

	(void)state;
	assert_in_range(far_ms, 2000, near_ms - 200);
}

static void falls_silent(void *arg)
{
	struct fake_server *o = arg;

	o->stall_percent = 100;
}

/* While nothing comes nobody looks twenty times a second whether something does. */
static void test_silence_costs_little(void **state)
{
	struct fake_server o = {.size = 4 * MIB, .version = 1, .rate = 2000000};
	struct timer silence = {0};
	struct world w;
	uint64_t turns;

	(void)state;
	open_free(&w, &o, 1, 8);
	set(&w, OPT_STALL_TIMEOUT, "600");
	timer_start(&w.loop, &silence, 500, 0, falls_silent, &o);
	timer_start(&w.loop, &w.stop_at, 2000, 0, pause_loop, &w);
	start(&w, one_uri);
	loop_run(&w.loop);
	turns = w.loop.turn;
	timer_start(&w.loop, &w.stop_at, 60000, 0, stop_now, &w);
	loop_run(&w.loop);
	assert_true(w.ended);
	assert_in_range(w.loop.turn - turns, 60, 500); /* a look each second, and some for each window of measurement */
	timer_stop(&silence);
	close_world(&w);
}

static struct origin_use crowd[15];

static void crowd_leaves(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < 15; i++)
		origin_use_clear(&crowd[i]);
}

/* That others have all there may be says nothing of the server: when they are gone, their place is taken within seconds. */
static void test_the_place_of_others_is_taken_soon(void **state)
{
	struct fake_server o = {.size = 48 * MIB, .version = 1, .rate = 400000};
	struct world w;
	struct uri u;
	struct origin *at;

	(void)state;
	open_free(&w, &o, 1, 7);
	assert_int_equal(uri_parse(one_uri[0], strlen(one_uri[0]), &u, NULL), 0);
	at = origin_get(w.origins, &u);
	uri_free(&u);
	for (size_t i = 0; i < 15; i++)
		origin_use_begin(&crowd[i], at);
	origin_put(at);
	timer_start(&w.loop, &w.stop_at, 85000, 0, crowd_leaves, NULL);
	assert_in_range(run_ms(&w), 85000, 85000 + 10000 + 10000); /* 125 s over one connection */
	expect_right(&w, o.size);
	assert_in_range(o.most_open, 8, 16);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows_while_it_helps),
		cmocka_unit_test(test_stays_small_where_it_does_not_help),
		cmocka_unit_test(test_a_small_file_has_one_connection),
		cmocka_unit_test(test_stops_at_the_knee),
		cmocka_unit_test(test_backs_off_from_a_server_that_refuses),
		cmocka_unit_test(test_a_dead_mirror_is_no_reason_for_less),
		cmocka_unit_test(test_numbers_of_the_user),
		cmocka_unit_test(test_our_own_limit),
		cmocka_unit_test(test_stuck_connections),
		cmocka_unit_test(test_an_origin_is_not_crowded),
		cmocka_unit_test(test_silence_costs_little),
		cmocka_unit_test(test_the_place_of_others_is_taken_soon),
		cmocka_unit_test(test_a_far_server_is_asked_by_some_at_first),
		cmocka_unit_test(test_far_and_of_no_use),
		cmocka_unit_test(test_how_many_follow),
		cmocka_unit_test(test_what_ends_soon_is_not_split),
		cmocka_unit_test(test_a_new_connection_is_relieved_by_a_used_one),
	};

	log_setup(getenv("XFER_LOG") ? LOG_LVL_DEBUG : LOG_LVL_ERROR, false, NULL, LOG_LVL_ERROR);
	cmocka_set_test_filter(getenv("XFER_TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
