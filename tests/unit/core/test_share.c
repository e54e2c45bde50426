/* SPDX-License-Identifier: MIT
 * How downloads from one origin share the connections that nobody asked for: the sums alone, then transfers against servers
 * without sockets, in quick time.
 */
#include <time.h>

#include "base/log.h"
#include "core/share.h"
#include "core/xfer_int.h"

#include "xfer_world.h"

#define RATE	   400000 /* bytes/s of each connection */
#define GUESTS	   3
#define PART_MS	   (MIB / (RATE / 1000) + 1000) /* the last part of a file is of a MiB, over one connection */
#define IN_FLIGHT  (1 * MIB) /* a connection that is closed early may cost so much */

/* ---- the sums ---- */

static unsigned told[SHARE_MOST + 4]; /* how often each one was told of the crowd */

static void on_crowd(void *arg)
{
	(*(unsigned *)arg)++;
}

static void join(struct shares *s, struct sharer **p, unsigned i, unsigned n)
{
	p[i] = share_join(s, false, on_crowd, &told[i]);
	while (n-- > 0)
		share_begin(p[i]);
}

/* One that was told a number. */
static void join_told(struct shares *s, struct sharer **p, unsigned i, unsigned n)
{
	p[i] = share_join(s, true, on_crowd, &told[i]);
	s->others += n;
	while (n-- > 0)
		share_begin(p[i]);
}

static void end_some(struct sharer *p, unsigned n, bool leaving)
{
	while (n-- > 0)
		share_end(p, leaving);
}

static void test_one_may_have_all(void **state)
{
	struct sharer *p[1];
	struct shares s = {0};

	(void)state;
	shares_init(&s);
	join(&s, p, 0, 3);
	assert_int_equal(share_fair(p[0]), SHARE_MOST);
	assert_int_equal(share_most(p[0]), SHARE_MOST);
	s.others = 6; /* which were told a number */
	assert_int_equal(share_most(p[0]), SHARE_MOST - 6);
	s.others = 40;
	assert_int_equal(share_most(p[0]), 3); /* nobody who shares wants any: it keeps what it has */
	assert_true(share_is_full(p[0]));
	end_some(p[0], 3, false);
	assert_int_equal(s.n, 0);
}

static void test_just_what_is_wanted(void **state)
{
	struct sharer *p[2];
	struct shares s = {0};

	(void)state;
	shares_init(&s);
	memset(told, 0, sizeof(told));
	join(&s, p, 0, 16);
	join(&s, p, 1, 1);
	assert_int_equal(share_most(p[0]), 16); /* a newcomer that is content takes nothing from anybody */
	share_want(p[1], 2);
	assert_int_equal(told[0], 1);
	assert_int_equal(share_most(p[0]), 14);
	share_want(p[1], 16);
	assert_int_equal(share_most(p[0]), 8); /* not below its share, whatever is wanted */
	assert_int_equal(share_most(p[1]), 8);
	for (int i = 0; i < 8; i++)
		share_leave(p[0]);
	assert_int_equal(share_keeps(p[0]), 8);
	assert_int_equal(share_most(p[0]), 8);
	end_some(p[0], 8, true);
	assert_int_equal(s.leaving, 0);
	assert_int_equal(told[1], 0);
	end_some(p[0], 8, false);
	assert_int_equal(share_most(p[1]), 16);
	end_some(p[1], 1, false);
}

static void test_the_largest_come_down_to_one_height(void **state)
{
	struct sharer *p[3];
	struct shares s = {0};

	(void)state;
	shares_init(&s);
	memset(told, 0, sizeof(told));
	join(&s, p, 0, 9);
	join(&s, p, 1, 6);
	join(&s, p, 2, 1);
	share_want(p[2], 3);
	assert_int_equal(share_most(p[0]), 7);
	assert_int_equal(share_most(p[1]), 6); /* it has less, and what becomes free is for another one */
	assert_int_equal(told[0], 1);
	assert_int_equal(told[1], 0);
	share_want(p[2], 16);
	assert_int_equal(share_most(p[0]), 5);
	assert_int_equal(share_most(p[1]), 5);
	end_some(p[0], 9, false);
	end_some(p[1], 6, false);
	end_some(p[2], 1, false);
}

/* More of them than connections: one for each, and the sums are not made over all of them. */
static void test_more_than_there_are_connections(void **state)
{
	struct sharer *p[SHARE_MOST + 4];
	struct shares s = {0};

	(void)state;
	shares_init(&s);
	memset(told, 0, sizeof(told));
	for (unsigned i = 0; i < SHARE_MOST + 4; i++)
		join(&s, p, i, i == 0 ? 5 : 1);
	share_want(p[1], 16);
	assert_int_equal(share_fair(p[1]), 1);
	assert_int_equal(share_most(p[1]), 1);
	assert_int_equal(share_most(p[0]), 5);
	assert_int_equal(told[0], 0);
	for (unsigned i = 0; i < SHARE_MOST + 4; i++)
		end_some(p[i], p[i]->active, false);
	assert_int_equal(s.active, 0);
}

/* All begin what they may have, one after the other, in turns. */
static void begin_all(struct sharer **p, unsigned n)
{
	bool any = true;

	while (any) {
		any = false;
		for (unsigned i = 0; i < n; i++) {
			if (p[i]->wants <= p[i]->active || share_is_full(p[i]))
				continue;
			share_begin(p[i]);
			any = true;
		}
	}
}

/* A download that was told 16 leaves none for those who share: they share what the first one had. */
static void test_what_is_there_is_shared(void **state)
{
	struct sharer *p[2];
	struct shares s = {0};

	(void)state;
	shares_init(&s);
	memset(told, 0, sizeof(told));
	s.others = 16;
	join(&s, p, 0, 16);
	join(&s, p, 1, 1);
	share_want(p[1], 16);
	assert_int_equal(told[0], 1);
	assert_int_equal(share_most(p[0]), 8);
	end_some(p[0], 8, false);
	share_want(p[0], 16);
	begin_all(p, 2);
	assert_int_equal(p[0]->active, 8);
	assert_int_equal(p[1]->active, 8);
	share_want(p[0], 0);
	share_want(p[1], 0);
	end_some(p[0], 8, false);
	assert_true(share_is_full(p[1])); /* what ended is nobody's, where those with a number have all */
	end_some(p[1], 8, false);
}

/* Fewer than two for each: nobody keeps more than two while others want a second one, and it comes to rest. */
static void test_an_uneven_rest(void **state)
{
	enum { N = 10 };
	struct sharer *p[N];
	struct shares s = {0};

	(void)state;
	shares_init(&s);
	memset(told, 0, sizeof(told));
	for (unsigned i = 0; i < N; i++)
		join(&s, p, i, i == 0 ? 16 : 1);
	for (unsigned i = 1; i < N; i++)
		share_want(p[i], 4);
	assert_true(told[0] > 0);
	assert_int_equal(share_most(p[0]), 2);
	end_some(p[0], 14, false);
	share_want(p[0], 16);
	begin_all(p, N);
	assert_int_equal(s.active, SHARE_MOST);
	for (unsigned i = 0; i < N; i++) {
		assert_in_range(p[i]->active, 1, 2);
		assert_true(share_most(p[i]) >= p[i]->active);
	}
	for (unsigned i = 0; i < N; i++)
		end_some(p[i], p[i]->active, false);
	assert_int_equal(s.wanting, 0);
}

/* Who has no connection lacks one, of whatever server; who has only one keeps it. */
static void test_newcomers_lack_one(void **state)
{
	struct sharer *p[2];
	struct shares s = {0};

	(void)state;
	shares_init(&s);
	memset(told, 0, sizeof(told));
	s.limit = 4;
	join(&s, p, 0, 3);
	join(&s, p, 1, 1);
	share_newcomer(&s);
	assert_int_equal(told[0], 1);
	assert_int_equal(told[1], 0);
	assert_int_equal(share_most(p[0]), 2);
	assert_int_equal(share_most(p[1]), 1);
	for (unsigned i = 0; i < 2000; i++)
		share_newcomer(&s);
	assert_int_equal(share_most(p[0]), 1);
	assert_int_equal(share_most(p[1]), 1);
	assert_int_equal(told[1], 0);
	for (unsigned i = 0; i < 2001; i++)
		share_newcomer_gone(&s);
	assert_int_equal(share_most(p[0]), 3);
	end_some(p[0], 3, false);
	end_some(p[1], 1, false);
}

/* Those who were told a number give up what the sharers can't, the one with most first. */
static void test_newcomers_beside_numbers(void **state)
{
	struct sharer *p[3];
	struct shares s = {0};

	(void)state;
	shares_init(&s);
	memset(told, 0, sizeof(told));
	s.limit = 8;
	join_told(&s, p, 0, 4);
	join_told(&s, p, 1, 2);
	join(&s, p, 2, 2);
	share_newcomer(&s);
	assert_int_equal(told[2], 1);
	assert_int_equal(told[0], 0);
	assert_int_equal(share_most(p[2]), 1);
	assert_int_equal(share_most(p[0]), 4);
	share_newcomer(&s);
	assert_int_equal(told[0], 1);
	assert_int_equal(share_most(p[0]), 3);
	assert_int_equal(share_most(p[1]), 2);
	share_leave(p[0]); /* it is on its way */
	assert_int_equal(share_most(p[0]), 3);
	share_newcomer_gone(&s);
	share_newcomer_gone(&s);
	assert_int_equal(s.leaving, 0);
	end_some(p[0], 1, true);
	end_some(p[0], 3, false);
	end_some(p[1], 2, false);
	end_some(p[2], 2, false);
	assert_int_equal(s.n + s.n_told + s.active, 0);
}

/* A thousand that were told a number, and as many that begin to wait in one turn of the loop. */
static void test_many_newcomers_beside_many_numbers(void **state)
{
	enum { N = 1000, MOST_S = 2 }; /* it is of 0.01 s where a sum over all for each one of all takes 7 s */
	struct sharer *p[N];
	struct shares s = {0};
	unsigned crowd = 0;
	clock_t began;

	(void)state;
	shares_init(&s);
	s.limit = s.others = 4 * N;
	for (unsigned i = 0; i < N; i++) {
		p[i] = share_join(&s, true, on_crowd, &crowd);
		for (unsigned n = 0; n < 4; n++)
			share_begin(p[i]);
	}
	began = clock();
	for (unsigned i = 0; i < N; i++)
		share_newcomer(&s);
	assert_in_range(clock() - began, 0, MOST_S * CLOCKS_PER_SEC);
	assert_int_equal(crowd, N * N); /* each time somebody has to give one up they all have the same */
	assert_int_equal(share_most(p[0]), 3);
	for (unsigned i = 0; i < N; i++) {
		share_newcomer_gone(&s);
		end_some(p[i], 4, false);
	}
	assert_int_equal(s.n_told, 0);
}

/* ---- an origin's ---- */

static struct origin_use use[8];

static void begin_uses(struct origin *o, unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++) {
		origin_use_begin(&use[i], o);
		origin_use_share(&use[i], i > from ? &use[from] : NULL, false, on_crowd, &told[from]);
	}
}

static void clear_uses(void)
{
	for (unsigned i = 0; i < 8; i++)
		origin_use_clear(&use[i]);
}

static struct origin *open_origin(struct origins *all)
{
	static const char text[] = "http://h/f";
	struct origin *o;
	struct uri u;

	assert_int_equal(uri_parse(text, strlen(text), &u, NULL), 0);
	o = origin_get(all, &u);
	uri_free(&u);
	memset(told, 0, sizeof(told));
	return o;
}

/* Of so many as the server takes; our own caution is nobody's share. */
static void test_a_limit_that_was_found(void **state)
{
	struct origins *all = origins_new(1, 1);
	struct origin *o = open_origin(all);
	struct fail why = {.code = ERR_TOO_MANY};

	(void)state;
	begin_uses(o, 0, 7);
	begin_uses(o, 7, 1);
	origin_use_want(&use[7], 8);
	assert_int_equal(told[0], 0);
	origin_found_limit(o, 1000);
	origin_use_want(&use[7], 8);
	assert_int_equal(told[0], 1);
	assert_int_equal(share_most(use[0].sharer), 4);
	assert_int_equal(share_most(use[7].sharer), 4);
	origin_back_off(o, 1000, 0, 1000, -1, &why);
	assert_false(origin_takes_more(o, 1000));
	assert_int_equal(share_most(use[0].sharer), 8);
	clear_uses();
	origin_put(o);
	origins_free(all);
}

/* One that is turned away while as many are served as ever were has not been tried; with fewer it has. */
static void test_who_is_turned_away(void **state)
{
	struct origins *all = origins_new(1, 1);
	struct origin *o = open_origin(all);

	(void)state;
	assert_false(origin_is_taken(o, 1000)); /* nobody is served */
	begin_uses(o, 0, 4);
	for (unsigned i = 0; i < 4; i++)
		origin_use_served(&use[i]);
	assert_true(origin_is_taken(o, 1000));
	assert_int_equal(origin_limit(o), 4);
	origin_use_end(&use[3]);
	assert_false(origin_is_taken(o, 1000));
	assert_true(origin_is_taken(o, 1000));
	clear_uses();
	origin_put(o);
	origins_free(all);
}

/* Newcomers are woken first, and others make room for them as long as they wait. */
static void test_newcomers_wait_first(void **state)
{
	struct origins *all = origins_new(1, 1);
	struct origin *o = open_origin(all);
	unsigned woken[3] = {0};
	struct origin_waiter w[3] = {{.cb = on_crowd, .arg = &woken[0]}, {.cb = on_crowd, .arg = &woken[1]}, {.cb = on_crowd, .arg = &woken[2]}};

	(void)state;
	begin_uses(o, 0, 3);
	origin_found_limit(o, 1000);
	origin_wait_for(o, &w[0]);
	origin_wait_first(o, &w[1]);
	origin_wait_first(o, &w[2]);
	assert_true(told[0] > 0);
	assert_int_equal(share_most(use[0].sharer), 1);
	origin_wait_cancel(&w[2]);
	assert_int_equal(share_most(use[0].sharer), 2);
	origin_use_end(&use[2]);
	assert_int_equal(woken[1], 1);
	assert_int_equal(woken[0], 0);
	origin_use_end(&use[1]);
	assert_int_equal(woken[0], 1);
	clear_uses();
	origin_put(o);
	origins_free(all);
}

/* All who wait hear of it: not each of them has a use for it. */
static void test_all_of_the_crowd_look(void **state)
{
	struct origins *all = origins_new(1, 1);
	struct origin *o = open_origin(all);
	unsigned woken = 0;
	struct origin_waiter w[2] = {{.cb = on_crowd, .arg = &woken}, {.cb = on_crowd, .arg = &woken}};

	(void)state;
	begin_uses(o, 0, 7);
	begin_uses(o, 7, 1);
	origin_use_want(&use[7], 8);
	for (unsigned i = 0; i < 2; i++)
		origin_wait_crowd(o, &w[i]);
	origin_use_want(&use[7], 9);
	assert_int_equal(woken, 0);
	origin_use_want(&use[7], 0); /* what was kept for it is free */
	assert_int_equal(woken, 2);
	for (unsigned i = 0; i < 2; i++)
		origin_wait_crowd(o, &w[i]);
	origin_use_end(&use[6]);
	assert_int_equal(woken, 4);
	clear_uses();
	origin_put(o);
	origins_free(all);
}

/* ---- transfers ---- */

#define MANY 40 /* at most */

static struct world host, guest[MANY];

static void open_all(struct fake_server *o, unsigned guests, uint64_t seed)
{
	open_world(&host, o, 1, seed);
	opts_unset(host.opts, OPT_SPLIT);
	opts_unset(host.opts, OPT_MAX_CONNECTION_PER_SERVER);
	opts_unset(host.opts, OPT_MIN_SPLIT_SIZE);
	set(&host, OPT_MAX_RETRY_WAIT, "4");
	for (unsigned i = 0; i < guests; i++)
		open_guest(&guest[i], &host);
}

static void close_all(unsigned guests)
{
	for (unsigned i = 0; i < guests; i++)
		close_guest(&guest[i]);
	close_world(&host);
}

static void over(void *arg)
{
	*(bool *)arg = true;
	loop_stop(host.at);
}

static void run_for(uint64_t ms)
{
	struct timer t = {0};
	bool is_over = false;

	timer_start(host.at, &t, ms, 0, over, &is_over);
	while (!is_over)
		loop_run(host.at);
	timer_stop(&t);
}

static void finish(struct world *w, int64_t size)
{
	while (!w->ended)
		loop_run(host.at);
	expect_right(w, size);
}

static unsigned conns(const struct world *w)
{
	struct job_view v = {0};

	if (w->x == NULL)
		return 0;
	xfer_view(w->x, &v);
	return v.conns;
}

static void test_two_end_together(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 2; seed++) {
		struct fake_server o = {.size = 32 * MIB, .version = 1, .rate = RATE, .even = true};

		open_all(&o, 1, seed);
		start(&host, one_uri);
		start(&guest[0], one_uri);
		run_for(4000);
		assert_int_equal(conns(&host), 8);
		assert_int_equal(conns(&guest[0]), 8);
		finish(&host, o.size);
		finish(&guest[0], o.size);
		assert_in_range(guest[0].ended_at - host.ended_at + PART_MS, 0, 2 * PART_MS);
		assert_in_range(o.most_open, 16, 17);
		assert_in_range(o.sent, 2 * o.size, 2 * o.size + 2 * IN_FLIGHT);
		close_all(1);
	}
}

/* Within seconds, and the others have the rest; when one ends those that are left grow. */
static void test_each_newcomer_gets_its_share(void **state)
{
	struct fake_server o = {.size = 64 * MIB, .version = 1, .rate = RATE, .even = true};

	(void)state;
	open_all(&o, 2, 1);
	start(&host, one_uri);
	run_for(3000);
	assert_int_equal(conns(&host), 16);
	start(&guest[0], one_uri);
	run_for(3000);
	assert_int_equal(conns(&host), 8);
	assert_int_equal(conns(&guest[0]), 8);
	start(&guest[1], one_uri);
	run_for(5000);
	assert_in_range(conns(&host), 5, 6);
	assert_in_range(conns(&guest[0]), 5, 6);
	assert_in_range(conns(&guest[1]), 5, 6);
	assert_in_range(conns(&host) + conns(&guest[0]) + conns(&guest[1]), 15, 16);
	xfer_stop(guest[1].x, true, true);
	run_for(3000);
	assert_int_equal(conns(&host), 8);
	assert_int_equal(conns(&guest[0]), 8);
	xfer_stop(host.x, true, true);
	run_for(2000);
	assert_int_equal(conns(&guest[0]), 16);
	finish(&guest[0], o.size);
	assert_in_range(o.most_open, 16, 18); /* a newcomer's first one is there before there is room */
	close_all(2);
}

/* One whom one connection gives all it can use takes nothing from the others. */
static void test_who_is_content_takes_nothing(void **state)
{
	struct fake_server o = {.size = 64 * MIB, .version = 1, .rate = RATE, .even = true};

	(void)state;
	open_all(&o, 1, 1);
	start(&host, one_uri);
	run_for(4000);
	set(&guest[0], OPT_MAX_DOWNLOAD_LIMIT, "100K");
	start(&guest[0], one_uri);
	run_for(3000);
	assert_in_range(conns(&host), 15, 16); /* 16 together, as soon as one of them has ended its part */
	assert_int_equal(conns(&guest[0]), 1);
	finish(&host, o.size);
	xfer_stop(guest[0].x, true, true);
	run_for(1000);
	close_all(1);
}

/* Nor does one that has nothing to split. */
static void test_who_has_no_work_takes_nothing(void **state)
{
	struct fake_server o = {.size = 64 * MIB, .version = 1, .rate = RATE, .even = true};

	(void)state;
	open_all(&o, 1, 1);
	start(&host, one_uri);
	run_for(4000);
	set(&guest[0], OPT_MIN_SPLIT_SIZE, "64M");
	start(&guest[0], one_uri);
	for (unsigned i = 0; i < 10; i++) {
		run_for(300);
		assert_in_range(conns(&host), 15, 16);
		assert_int_equal(conns(&guest[0]), 1);
	}
	finish(&host, o.size);
	xfer_stop(guest[0].x, true, true);
	run_for(1000);
	close_all(1);
}

/* Where a number leaves none, what is there is shared. */
static void test_two_beside_one_that_has_all(void **state)
{
	struct fake_server o = {.size = 64 * MIB, .version = 1, .rate = RATE, .even = true};

	(void)state;
	open_all(&o, 2, 1);
	set(&guest[0], OPT_MAX_CONNECTION_PER_SERVER, "16");
	set(&guest[0], OPT_SPLIT, "16");
	set(&guest[0], OPT_MIN_SPLIT_SIZE, "1M");
	start(&host, one_uri);
	run_for(3000);
	start(&guest[0], one_uri);
	start(&guest[1], one_uri);
	run_for(3000);
	assert_int_equal(conns(&guest[0]), 16);
	assert_int_equal(conns(&guest[1]), 8);
	assert_int_equal(conns(&host), 8);
	finish(&guest[0], o.size);
	finish(&host, o.size);
	finish(&guest[1], o.size);
	close_all(2);
}

/* Of a server that takes fewer than may be each gets its part: nobody is left with one while the other has all the rest. */
static void test_shares_of_a_limit(void **state)
{
	struct fake_server o = {.size = 48 * MIB, .version = 1, .rate = RATE, .even = true, .busy_above = 9};

	(void)state;
	open_all(&o, 1, 1);
	set(&host, OPT_MAX_TRIES, "0");
	start(&host, one_uri);
	run_for(600);
	start(&guest[0], one_uri);
	run_for(4000);
	assert_in_range(conns(&host), 4, 5);
	assert_in_range(conns(&guest[0]), 4, 5);
	assert_int_equal(o.open, 9);
	finish(&host, o.size);
	finish(&guest[0], o.size);
	close_all(1);
}

/* All that the server takes is in use, in parts that would take hours: a newcomer has a connection at once, and its share soon.
 * How it is refused makes no difference, nor does it cost a try. */
static void test_a_newcomer_where_all_is_taken(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct fake_server o = {.size = 32 * MIB, .version = 1, .rate = RATE / 100, .even = true, .busy_above = 4,
			.hangs_up = i > 0};

		open_all(&o, 2, 1);
		set(&host, OPT_MAX_TRIES, "1");
		start(&host, one_uri);
		run_for(60000);
		assert_int_equal(conns(&host), 4);
		start(&guest[0], one_uri);
		run_for(1000);
		assert_in_range(conns(&guest[0]), 1, 2);
		run_for(9000);
		assert_int_equal(conns(&guest[0]), 2);
		assert_int_equal(conns(&host), 2);
		start(&guest[1], one_uri);
		run_for(1000);
		assert_int_equal(conns(&guest[1]), 1);
		run_for(30000);
		assert_int_equal(conns(&host) + conns(&guest[0]) + conns(&guest[1]), 4);
		assert_false(host.ended || guest[0].ended || guest[1].ended);
		xfer_stop(host.x, true, true);
		xfer_stop(guest[0].x, true, true);
		xfer_stop(guest[1].x, true, true);
		run_for(1000);
		close_all(2);
	}
}

/* Those who were told a number have it, but the last connection that a server gives is a newcomer's. */
static void test_a_newcomer_beside_numbers(void **state)
{
	struct fake_server o = {.size = 32 * MIB, .version = 1, .rate = RATE / 100, .even = true, .busy_above = 4};

	(void)state;
	open_all(&o, GUESTS, 1);
	set(&host, OPT_MAX_CONNECTION_PER_SERVER, "16");
	set(&host, OPT_MIN_SPLIT_SIZE, "1M");
	set(&host, OPT_MAX_TRIES, "1");
	start(&host, one_uri);
	run_for(5000);
	assert_int_equal(conns(&host), 4);
	for (unsigned i = 0; i < GUESTS; i++) {
		start(&guest[i], one_uri);
		run_for(2000);
		assert_int_equal(conns(&guest[i]), 1);
		assert_int_equal(conns(&host), 3 - i);
	}
	run_for(60000);
	for (unsigned i = 0; i < GUESTS; i++) {
		assert_int_equal(conns(&guest[i]), 1);
		xfer_stop(guest[i].x, true, true);
	}
	run_for(1000);
	assert_int_equal(conns(&host), 4);
	xfer_stop(host.x, true, true);
	run_for(1000);
	close_all(GUESTS);
}

/* All that the server of the URI takes is used by somebody who is no transfer. */
static struct origin *take_all(const char *uri)
{
	struct origin *o;
	struct uri u;

	assert_int_equal(uri_parse(uri, strlen(uri), &u, NULL), 0);
	o = origin_get(host.origins, &u);
	uri_free(&u);
	begin_uses(o, 0, 1);
	origin_found_limit(o, loop_now(host.at));
	return o;
}

static unsigned newcomers(void)
{
	return use[0].sharer->all->newcomers;
}

static void end_waiting(struct origin *o)
{
	run_for(1000);
	assert_int_equal(newcomers(), 0);
	clear_uses();
	origin_put(o);
	close_all(0);
}

/* The server is tried with one more after a while, and nobody calls who waits: who gets that connection waits no more. */
static void test_a_newcomer_that_was_not_called(void **state)
{
	struct fake_server o = {.size = 32 * MIB, .version = 1, .rate = RATE / 100, .even = true};
	struct origin *full;

	(void)state;
	open_all(&o, 0, 1);
	full = take_all("fake://h0/f");
	start(&host, one_uri);
	run_for(2000);
	assert_int_equal(newcomers(), 1);
	assert_int_equal(conns(&host), 0);
	run_for(ORIGIN_MORE_MS);
	assert_int_equal(conns(&host), 1);
	assert_int_equal(newcomers(), 0);
	xfer_stop(host.x, true, true);
	end_waiting(full);
}

/* Who has a connection at another server has no right to one here. */
static void test_a_newcomer_that_went_elsewhere(void **state)
{
	static char *two_uris[] = {"fake://h0/f", "fake://h1/f", NULL};
	struct fake_server o[2];
	struct origin *full;

	(void)state;
	o[0] = o[1] = (struct fake_server){.size = 32 * MIB, .version = 1, .rate = RATE / 100, .even = true};
	open_all(o, 0, 1);
	fake.n = 2;
	set(&host, OPT_SPLIT, "1");
	full = take_all(two_uris[0]);
	start(&host, two_uris);
	run_for(2000);
	assert_int_equal(conns(&host), 1);
	assert_int_equal(o[1].open, 1);
	assert_int_equal(newcomers(), 0);
	xfer_stop(host.x, true, true);
	end_waiting(full);
}

/* Before its end, which may take long. */
static void test_a_newcomer_that_is_stopped(void **state)
{
	struct fake_server o = {.size = 32 * MIB, .version = 1, .rate = RATE / 100, .even = true};
	struct origin *full;

	(void)state;
	open_all(&o, 0, 1);
	full = take_all("fake://h0/f");
	start(&host, one_uri);
	run_for(2000);
	assert_int_equal(newcomers(), 1);
	xfer_stop(host.x, false, false);
	assert_int_equal(newcomers(), 0);
	end_waiting(full);
}

static unsigned count_ended(unsigned guests)
{
	unsigned n = host.ended;

	for (unsigned i = 0; i < guests; i++)
		n += guest[i].ended;
	return n;
}

/* Far more of them than it takes: each has its turn, and nobody uses up his tries by waiting. */
static void test_more_than_a_server_takes(void **state)
{
	struct fake_server o = {.size = 3 * MIB, .version = 1, .rate = RATE, .even = true, .busy_above = 2};

	(void)state;
	open_all(&o, MANY, 1);
	set(&host, OPT_MAX_TRIES, "3");
	start(&host, one_uri);
	for (unsigned i = 0; i < MANY; i++)
		start(&guest[i], one_uri);
	while (count_ended(MANY) < 1 + MANY)
		loop_run(host.at);
	expect_right(&host, o.size);
	for (unsigned i = 0; i < MANY; i++)
		expect_right(&guest[i], o.size);
	assert_in_range(o.requests, 1 + MANY, 6 * (1 + MANY));
	close_all(MANY);
}

/* With as many as there are connections to share nobody tries for a second one, again and again; when some are done those that
 * are left do. */
static void test_nobody_tries_in_vain(void **state)
{
	enum { N = SHARE_MOST + 4 };
	struct fake_server o = {.size = 64 * MIB, .version = 1, .rate = RATE / 10, .even = true};
	unsigned tries = 0;

	(void)state;
	open_all(&o, N, 1);
	for (unsigned i = 0; i < N; i++)
		start(&guest[i], one_uri);
	for (unsigned ms = 0; ms < 30000; ms += 100) {
		run_for(100);
		for (unsigned i = 0; i < N; i++)
			tries += guest[i].x->grow.before > 0;
	}
	assert_int_equal(tries, 0);
	for (unsigned i = 2; i < N; i++)
		xfer_stop(guest[i].x, true, true);
	run_for(10000);
	assert_int_equal(conns(&guest[0]), SHARE_MOST / 2);
	assert_int_equal(conns(&guest[1]), SHARE_MOST / 2);
	xfer_stop(guest[0].x, true, true);
	xfer_stop(guest[1].x, true, true);
	run_for(1000);
	close_all(N);
}

/* What a user says is had at once, and kept; others don't give up theirs for it, nor does a newcomer get any of it. */
static void test_numbers_of_the_user_stay(void **state)
{
	struct fake_server o = {.size = 64 * MIB, .version = 1, .rate = RATE, .even = true};

	(void)state;
	open_all(&o, 2, 1);
	set(&guest[0], OPT_MAX_CONNECTION_PER_SERVER, "12");
	set(&guest[0], OPT_MIN_SPLIT_SIZE, "1M");
	start(&host, one_uri);
	run_for(4000);
	start(&guest[0], one_uri);
	run_for(1000);
	assert_int_equal(conns(&host), 16);
	assert_int_equal(conns(&guest[0]), 12);
	start(&guest[1], one_uri);
	run_for(4000);
	assert_int_equal(conns(&guest[0]), 12);
	assert_int_equal(conns(&guest[1]), 2); /* of the four that are left for those who share */
	assert_int_equal(conns(&host), 2);
	finish(&guest[0], o.size);
	finish(&host, o.size);
	finish(&guest[1], o.size);
	close_all(2);
}

/* A split that was given is the ceiling, and what it leaves is the others'. */
static void test_what_one_may_not_use_is_the_others(void **state)
{
	struct fake_server o = {.size = 64 * MIB, .version = 1, .rate = RATE, .even = true};

	(void)state;
	open_all(&o, 1, 2);
	set(&guest[0], OPT_SPLIT, "3");
	start(&host, one_uri);
	start(&guest[0], one_uri);
	run_for(7000);
	assert_int_equal(conns(&guest[0]), 3);
	assert_int_equal(conns(&host), 13);
	finish(&host, o.size);
	finish(&guest[0], o.size);
	close_all(1);
}

static void all_fall_silent(void *arg)
{
	struct fake_server *o = arg;

	o->stall_percent = 100;
}

/* Connections that are on their way out, and fall silent, keep nobody from theirs. */
static void test_silence_of_those_that_leave(void **state)
{
	(void)state;
	for (unsigned ms = 0; ms < 2000; ms += 500) {
		struct fake_server o = {.size = 24 * MIB, .version = 1, .rate = RATE, .even = true};
		struct timer silence = {0};

		open_all(&o, 1, 3);
		start(&host, one_uri);
		run_for(3000);
		start(&guest[0], one_uri);
		timer_start(host.at, &silence, ms, 0, all_fall_silent, &o);
		run_for(ms + 2000);
		o.stall_percent = 0;
		finish(&host, o.size);
		finish(&guest[0], o.size);
		timer_stop(&silence);
		close_all(1);
	}
}

/* Servers that take only so many, and break connections: each byte is right, and nobody is left without. */
static void test_with_refusals_and_faults(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 6; seed++) {
		struct fake_server o = {.size = 12 * MIB, .version = 1, .rate = RATE, .even = true, .busy_above = seed % 3 == 0 ? 6 : 0,
			.fault_percent = seed % 2};

		open_all(&o, GUESTS, seed);
		set(&host, OPT_MAX_TRIES, "0");
		start(&host, one_uri);
		for (unsigned i = 0; i < GUESTS; i++) {
			run_for(1500);
			start(&guest[i], one_uri);
		}
		finish(&host, o.size);
		for (unsigned i = 0; i < GUESTS; i++)
			finish(&guest[i], o.size);
		assert_in_range(o.most_open, o.busy_above ? 4 : 12, 16 + GUESTS);
		close_all(GUESTS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_may_have_all),
		cmocka_unit_test(test_just_what_is_wanted),
		cmocka_unit_test(test_the_largest_come_down_to_one_height),
		cmocka_unit_test(test_more_than_there_are_connections),
		cmocka_unit_test(test_what_is_there_is_shared),
		cmocka_unit_test(test_an_uneven_rest),
		cmocka_unit_test(test_newcomers_lack_one),
		cmocka_unit_test(test_newcomers_beside_numbers),
		cmocka_unit_test(test_many_newcomers_beside_many_numbers),
		cmocka_unit_test(test_a_limit_that_was_found),
		cmocka_unit_test(test_who_is_turned_away),
		cmocka_unit_test(test_newcomers_wait_first),
		cmocka_unit_test(test_all_of_the_crowd_look),
		cmocka_unit_test(test_two_end_together),
		cmocka_unit_test(test_each_newcomer_gets_its_share),
		cmocka_unit_test(test_who_is_content_takes_nothing),
		cmocka_unit_test(test_who_has_no_work_takes_nothing),
		cmocka_unit_test(test_two_beside_one_that_has_all),
		cmocka_unit_test(test_shares_of_a_limit),
		cmocka_unit_test(test_a_newcomer_where_all_is_taken),
		cmocka_unit_test(test_a_newcomer_beside_numbers),
		cmocka_unit_test(test_a_newcomer_that_was_not_called),
		cmocka_unit_test(test_a_newcomer_that_went_elsewhere),
		cmocka_unit_test(test_a_newcomer_that_is_stopped),
		cmocka_unit_test(test_more_than_a_server_takes),
		cmocka_unit_test(test_nobody_tries_in_vain),
		cmocka_unit_test(test_numbers_of_the_user_stay),
		cmocka_unit_test(test_what_one_may_not_use_is_the_others),
		cmocka_unit_test(test_silence_of_those_that_leave),
		cmocka_unit_test(test_with_refusals_and_faults),
	};

	log_setup(getenv("XFER_LOG") ? LOG_LVL_DEBUG : LOG_LVL_ERROR, false, NULL, LOG_LVL_ERROR);
	cmocka_set_test_filter(getenv("XFER_TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
