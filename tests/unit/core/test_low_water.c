/* SPDX-License-Identifier: MIT
 * How many bytes at a time a slow connection is read, against servers without sockets, in quick time.
 */
#include "base/log.h"
#include "ev/mounts.h"
#include "ev/work.h"

#include "xfer_world.h"

struct looker {
	struct world *w;
	struct fake_server *o;
	struct timer timer;
	size_t seen[64]; /* low water, each second */
	unsigned n;
};

static void look(void *arg)
{
	struct looker *k = arg;

	if (k->n < 64)
		k->seen[k->n++] = k->o->low_now;
}

static void run_looking(struct looker *k)
{
	timer_start(&k->w->loop, &k->timer, 1500, 1000, look, k);
	run(k->w, one_uri);
	timer_stop(&k->timer);
}

/* Two reads a second or more where that saves some: at most 64 KiB at a time, and as it comes what is very slow or fast. */
static void test_by_rate(void **state)
{
	static const struct {
		unsigned rate;
		int64_t size;
		size_t least, most;
	} rows[] = {{2000, 20000, 0, 0}, {12000, 120000, 4096, 8192}, {30000, 300000, 8192, 32768}, {100000, 1000000, 32768, 65536},
		{900000, 9000000, 65536, 65536}, {4000000, 24000000, 0, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake_server o = {.size = rows[i].size, .version = 1, .rate = rows[i].rate};
		struct world w;
		struct looker k = {.w = &w, .o = &o};

		open_world(&w, &o, 1, i);
		set(&w, OPT_SPLIT, "1");
		run_looking(&k);
		expect_right(&w, o.size);
		assert_true(k.n >= 4);
		assert_in_range(k.seen[3], rows[i].least, rows[i].most);
		close_world(&w);
	}
}

/* A connection that falls silent is read as it comes from the next second on, and the silence is seen in time. */
static void test_silence(void **state)
{
	struct fake_server o = {.size = 3000000, .version = 1, .rate = 100000, .stall_at = 600000};
	struct world w;
	struct looker k = {.w = &w, .o = &o};
	unsigned i = 0;

	(void)state;
	open_world(&w, &o, 1, 3);
	set(&w, OPT_SPLIT, "1");
	run_looking(&k);
	expect_right(&w, o.size);
	assert_true(o.low_most >= 32768);
	assert_int_equal(o.requests, 2);
	while (i < k.n && k.seen[i] > 0)
		i++;
	assert_in_range(i, 4, 8); /* six seconds of bytes */
	assert_true(i < k.n && k.seen[i] == 0);
	close_world(&w);
}

/* What is left of a segment is never waited for, however it shrinks: the fake server sees to that. */
static void test_many_segments(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 5; seed++) {
		struct fake_server o = {.size = 8 * MIB, .version = 1, .rate = 200000, .stuck_every = 3, .stuck_rate = 20000};
		struct world w;

		open_world(&w, &o, 1, seed);
		run(&w, one_uri);
		expect_right(&w, o.size);
		assert_true(o.low_most > 0);
		close_world(&w);
	}
}

/* With far more connections than memory has blocks most of them wait. They are not all begun to be read for each block that is
 * written, which costs calls for each. */
static void test_more_connections_than_blocks(void **state)
{
	struct fake_server o = {.size = 256 * MIB, .version = 1};
	struct world w;

	(void)state;
	open_world(&w, &o, 1, 1);
	set(&w, OPT_SPLIT, "250");
	set(&w, OPT_MAX_CONNECTION_PER_SERVER, "250");
	set(&w, OPT_MIN_SPLIT_SIZE, "1M");
	run(&w, one_uri);
	expect_right(&w, o.size);
	assert_true(o.in_vain < 5 * o.stretches);
	close_world(&w);
}

struct busy_disk {
	struct world *w;
	uint64_t dev;
};

static void stop_with_busy_disk(void *arg)
{
	struct busy_disk *b = arg;

	b->dev = mounts_dev(b->w->at, b->w->dir);
	work_load_add(&b->w->loop, b->dev, LOAD_QUEUED, 7 * MIB);
	xfer_stop(b->w->x, false, false);
}

/* Stopped while its disk is far behind with what others write: what it writes afterwards sets nothing going. close_world finds a
 * timer that is left. */
static void test_stopped_while_the_disk_is_behind(void **state)
{
	struct fake_server o = {.size = 16 * MIB, .version = 1, .rate = 1000000};
	struct world w;
	struct busy_disk b = {.w = &w};

	(void)state;
	open_world(&w, &o, 1, 1);
	timer_start(&w.loop, &w.stop_at, 1000, 0, stop_with_busy_disk, &b);
	run(&w, one_uri);
	assert_true(w.mem.have.n > 0);
	work_load_sub(&w.loop, b.dev, LOAD_QUEUED, 7 * MIB);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_rate),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_many_segments),
		cmocka_unit_test(test_more_connections_than_blocks),
		cmocka_unit_test(test_stopped_while_the_disk_is_behind),
	};

	log_setup(getenv("XFER_LOG") ? LOG_LVL_DEBUG : LOG_LVL_ERROR, false, NULL, LOG_LVL_ERROR);
	cmocka_set_test_filter(getenv("XFER_TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
