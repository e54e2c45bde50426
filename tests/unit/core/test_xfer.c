/* SPDX-License-Identifier: MIT
 * The transfer engine against servers without sockets: splitting, failures, versions, restarts; and F10: a simulation with random
 * servers, faults and stops from fixed seeds, in which no wrong file may ever be called complete.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "core/origin.h"
#include "core/xfer.h"
#include "disk/place.h"
#include "ev/block.h"
#include "ev/mounts.h"
#include "xfer_world.h"
#include "unit/disk/make_control.h"

static bool final_exists(const struct world *w)
{
	struct stat st;
	char path[280];

	snprintf(path, sizeof(path), "%s/f", w->dir);
	return stat(path, &st) == 0;
}

static void loop_stop_cb(void *arg)
{
	loop_stop(arg);
}

/* ---- cases ---- */

static void test_plain(void **state)
{
	static const int64_t sizes[] = {0, 1, 1000, 262144, 262145, 5 * MIB + 17};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct fake_server o = {.size = sizes[i], .version = 1};
		struct world w;

		open_world(&w, &o, 1, i);
		run(&w, one_uri);
		expect_right(&w, sizes[i]);
		assert_int_equal(w.end.flags & JOB_UNPROVEN, 0);
		close_world(&w);
	}
}

/* Quick connections fill pipes, which are full at odd moments, break off anywhere, and come back; where little memory is left
 * nobody gets one. */
static void test_bodies_through_pipes(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 6; seed++) {
		struct fake_server o = {.size = 9 * MIB + 4321, .version = 1, .fault_percent = seed % 3};
		struct block *b[64];
		struct world w;
		int n = 0;

		open_world(&w, &o, 1, seed);
		set(&w, OPT_SPLIT, seed % 2 ? "1" : "3");
		while (seed == 6 && n < 46)
			b[n++] = block_get(w.loop.blocks);
		run(&w, one_uri);
		expect_right(&w, o.size);
		if (seed == 6)
			assert_int_equal(fake.poured, 0);
		else
			assert_true(fake.poured > 100);
		while (n > 0)
			block_put(w.loop.blocks, b[--n]);
		close_world(&w);
	}
}

/* Is a small file placed while so much memory waits for dev? */
static bool is_placed(struct world *w, uint64_t dev, enum work_load load, size_t n)
{
	static char *const names[] = {"a", "b", "c", "d", "e"};
	static unsigned nth;
	uint64_t own = mounts_dev(&w->loop, w->dir);
	const char *name = names[nth++ % 5];
	char path[300];

	forget_all(w);
	set(w, OPT_OUT, name);
	work_load_add(&w->loop, dev, load, n);
	run(w, one_uri);
	work_load_sub(&w->loop, dev, load, n);
	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	replace(&w->mem.path, path); /* of what is placed the end tells it */
	expect_right(w, 100000);
	assert_int_equal(work_load(&w->loop, own, LOAD_FILLING) + work_load(&w->loop, own, LOAD_QUEUED), 0);
	return w->end.placed;
}

/* Small files are not received into memory for a disk that has its half of it. */
static void test_no_small_file_for_a_disk_that_is_behind(void **state)
{
	struct fake_server o = {.size = 100000, .version = 1};
	char ledger[300];
	struct world w;
	uint64_t dev;

	(void)state;
	open_world(&w, &o, 1, 1);
	snprintf(ledger, sizeof(ledger), "%s/ledger", w.dir);
	w.placer = placer_new(&w.loop, NULL, ledger);
	dev = mounts_dev(&w.loop, w.dir);
	assert_true(is_placed(&w, dev, LOAD_FILLING, 8 * MIB - BLOCK_SIZE));
	assert_false(is_placed(&w, dev, LOAD_FILLING, 8 * MIB));
	assert_false(is_placed(&w, dev, LOAD_QUEUED, 8 * MIB));
	assert_true(is_placed(&w, dev + 1, LOAD_QUEUED, 16 * MIB));
	placer_free(w.placer);
	close_world(&w);
}

static void test_splits_up_to_the_limit(void **state)
{
	struct fake_server o = {.size = 8 * MIB, .version = 1};
	struct world w;

	(void)state;
	open_world(&w, &o, 1, 1);
	run(&w, one_uri);
	expect_right(&w, o.size);
	assert_in_range(o.requests, 4, 8);
	close_world(&w);
}

static void test_no_ranges(void **state)
{
	struct fake_server o = {.size = 5 * MIB, .version = 1, .no_ranges = true, .fault_percent = 1};
	struct world w;

	(void)state;
	open_world(&w, &o, 1, 5);
	set(&w, OPT_MAX_TRIES, "0");
	run(&w, one_uri);
	expect_right(&w, o.size);
	close_world(&w);
}

static void test_unknown_length(void **state)
{
	(void)state;
	for (int chunked = 0; chunked < 2; chunked++) {
		struct fake_server o = {.size = 3 * MIB, .version = 1, .no_length = true, .chunked = chunked};
		struct world w;

		open_world(&w, &o, 1, 2);
		run(&w, one_uri);
		expect_right(&w, o.size);
		assert_int_equal(w.end.flags & JOB_UNPROVEN, chunked ? 0 : JOB_UNPROVEN);
		close_world(&w);
	}
}

/* What a connection brings before it breaks is of no use where the next one has to begin at 0: no reason to ask without end. */
static void test_beginning_anew_takes_its_time(void **state)
{
	(void)state;
	for (int chunked = 0; chunked < 2; chunked++) {
		struct fake_server o = {.size = 3 * MIB, .version = 1, .no_ranges = true, .no_length = chunked, .chunked = chunked,
			.cut_at = MIB};
		struct world w;

		open_world(&w, &o, 1, 2);
		set(&w, OPT_MAX_TRIES, "0");
		set(&w, OPT_MAX_RETRY_WAIT, "60");
		timer_start(&w.loop, &w.stop_at, 120000, 0, stop_now, &w);
		run(&w, one_uri);
		assert_int_equal(w.end.result, XFER_STOPPED);
		assert_in_range(o.requests, 6, 16);
		close_world(&w);
	}
}

/* Each of those is a try: max-tries of them, and three requests more where it has to be found out that there are no ranges, with
 * If-Range, without, and once more. */
static void test_beginning_anew_is_a_try(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		bool sized = i & 1;
		unsigned tries = 1 + i / 2;
		struct fake_server o = {.size = 3 * MIB, .version = 1, .no_ranges = true, .no_length = !sized, .chunked = true,
			.cut_at = MIB};
		struct world w;
		char text[8];

		open_world(&w, &o, 1, i);
		set(&w, OPT_SPLIT, "1");
		snprintf(text, sizeof(text), "%u", tries);
		set(&w, OPT_MAX_TRIES, text);
		run(&w, one_uri);
		assert_int_equal(w.end.result, XFER_FAILED);
		assert_int_equal(o.requests, tries + (sized && tries > 1 ? 3 : 0));
		close_world(&w);
	}
}

static void test_a_server_that_allows_two(void **state)
{
	struct fake_server o = {.size = 8 * MIB, .version = 1, .busy_above = 2};
	struct world w;

	(void)state;
	open_world(&w, &o, 1, 3);
	set(&w, OPT_MAX_TRIES, "2");
	run(&w, one_uri);
	expect_right(&w, o.size);
	close_world(&w);
}

static void test_mirrors(void **state)
{
	struct fake_server o[3] = {{.gone = true}, {.size = 6 * MIB, .version = 1}, {.size = 6 * MIB + 1, .version = 2}};
	char *uris[] = {"fake://h0/f", "fake://h1/f", "fake://h2/f", NULL};
	struct world w;

	(void)state;
	open_world(&w, o, 3, 4);
	run(&w, uris);
	expect_right(&w, o[1].size);
	close_world(&w);
}

/* Links expire all the time, which costs no try as long as each brings something. */
static void test_links_that_expire(void **state)
{
	static const char *const lanes[] = {"1", "4"};

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		struct fake_server o[2] = {{.leads_to = 2},
			{.size = 8 * MIB, .version = 1, .link_uses = 1 + (unsigned)i % 4, .cut_at = 3 * MIB, .cut_first = 1}};
		struct world w;

		open_world(&w, o, 2, i);
		set(&w, OPT_SPLIT, lanes[i % 2]);
		set(&w, OPT_MAX_TRIES, "2");
		run(&w, one_uri);
		expect_right(&w, o[1].size);
		assert_true(o[1].sent < 9 * MIB);
		assert_true(o[0].links >= 2 || o[1].link_uses > 1);
		close_world(&w);
	}
}

/* Where redirects led does not answer any more: the first URI may lead elsewhere. */
static void test_links_to_a_place_that_is_down(void **state)
{
	struct fake_server o[2] = {{.leads_to = 2},
		{.size = 2 * MIB, .version = 1, .link_uses = 1, .links_hang_up = true, .cut_at = MIB, .cut_first = 1}};
	struct world w;

	(void)state;
	open_world(&w, o, 2, 7);
	set(&w, OPT_SPLIT, "1");
	set(&w, OPT_MAX_TRIES, "3");
	run(&w, one_uri);
	expect_right(&w, o[1].size);
	assert_int_equal(o[0].links, 2);
	close_world(&w);
}

/* Redirects lead the second connection to a server that turns it away at once, while the first one is served by another. */
static void test_links_to_another_place_that_refuses(void **state)
{
	(void)state;
	for (int hangs_up = 0; hangs_up < 2; hangs_up++) {
		struct fake_server o[3] = {{.leads_to = 2, .leads_on_to = 3}, {.size = 6 * MIB, .version = 1, .link_uses = 1, .rate = 100000},
			{.link_uses = 0, .links_dead_after = hangs_up ? 0 : 1, .links_hang_up = hangs_up}};
		struct world w;

		o[2].requests = 1; /* from the first on */
		open_world(&w, o, 3, 7);
		set(&w, OPT_SPLIT, "2");
		run(&w, one_uri);
		expect_right(&w, o[1].size);
		assert_in_range(o[2].requests, 2, 12); /* it takes a minute */
		close_world(&w);
	}
}

/* A new link leads to another server, which makes ETags of its own: with the same date it has the same file, also when the first
 * link was had by an earlier run; without one, or with another, nothing is taken from it. */
static void test_links_to_a_server_with_etags_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		bool dated = i & 1, resumed = i & 2, other = i & 4;
		struct fake_server o[3] = {{.leads_to = 2, .leads_on_to = 3},
			{.size = 8 * MIB, .version = 1, .rate = 1000000, .dated = dated, .link_uses = 1, .cut_at = resumed ? 0 : 3 * MIB},
			{.size = 8 * MIB, .version = other ? 2 : 1, .rate = 1000000, .dated = dated, .tags_from = 50, .cut_at = 6 * MIB,
				.cut_first = 1}};
		struct world w;

		open_world(&w, o, 3, (uint64_t)i);
		set(&w, OPT_SPLIT, i & 1 ? "2" : "1");
		if (resumed) {
			timer_start(&w.loop, &w.stop_at, 2000, 0, stop_now, &w);
			run(&w, one_uri);
			assert_int_equal(w.end.result, XFER_STOPPED);
		}
		run(&w, one_uri);
		if (dated && !other) {
			expect_right(&w, o[1].size);
			assert_int_equal(w.end.flags & JOB_UNPROVEN, 0);
			assert_true(o[1].sent > 0 && o[2].sent > 0 && o[1].sent + o[2].sent < 9 * MIB);
		} else {
			assert_int_equal(w.end.err, ERR_CHANGED);
			assert_int_equal(o[2].sent, 0);
		}
		close_world(&w);
	}
}

/* One server, the same date, and yet another ETag: it is another version, also for a later run. */
static void test_another_etag_of_the_same_server(void **state)
{
	struct fake_server o = {.size = 8 * MIB, .version = 1, .rate = 1000000, .dated = true};
	struct world w;

	(void)state;
	open_world(&w, &o, 1, 3);
	timer_start(&w.loop, &w.stop_at, 2000, 0, stop_now, &w);
	run(&w, one_uri);
	assert_int_equal(w.end.result, XFER_STOPPED);
	o.tags_from = 50;
	run(&w, one_uri);
	assert_int_equal(w.end.err, ERR_CHANGED);
	close_world(&w);
}

/* Nobody is heard for far more tries than are allowed: they don't count, where life had been; a first download has none. */
static void test_the_network_is_gone(void **state)
{
	(void)state;
	for (unsigned first = 1; first <= 2; first++) {
		struct fake_server o = {
			.size = 2 * MIB, .version = 1, .cut_at = MIB, .cut_first = 1, .silent_first = first, .silent_last = 9};
		struct world w;

		open_world(&w, &o, 1, first);
		fake.records = w.origins;
		w.loop.speedup = 100;
		set(&w, OPT_SPLIT, "1");
		set(&w, OPT_MAX_TRIES, "3");
		run(&w, one_uri);
		if (first == 1) {
			assert_int_equal(w.end.result, XFER_FAILED);
			assert_int_equal(w.end.err, ERR_TIMEOUT);
			assert_int_equal(o.requests, 3);
		} else {
			expect_right(&w, o.size);
			assert_int_equal(o.requests, 10);
		}
		close_world(&w);
	}
}

/* No link works any more: as many tries as are allowed, then the job fails with what it was told; none at all when it never did. */
static void test_links_that_stay_dead(void **state)
{
	(void)state;
	for (unsigned after = 0; after < 2; after++) {
		struct fake_server o[2] = {{.leads_to = 2},
			{.size = 8 * MIB, .version = 1, .links_dead_after = after, .link_uses = after ? 0 : 1, .cut_at = 1 * MIB}};
		struct world w;

		open_world(&w, o, 2, after);
		o[1].used[1] = after == 0;
		set(&w, OPT_SPLIT, "1");
		set(&w, OPT_MAX_TRIES, "3");
		run(&w, one_uri);
		assert_int_equal(w.end.result, XFER_FAILED);
		assert_int_equal(err_exit_code(w.end.err), 22);
		assert_non_null(strstr(w.end_text, "403"));
		assert_in_range(o[1].refused, after == 0 ? 1 : 3, after == 0 ? 1 : 4);
		close_world(&w);
	}
}

static void test_changed_file_fails_or_begins_anew(void **state)
{
	(void)state;
	for (int anew = 0; anew < 2; anew++) {
		struct fake_server o = {.size = 4 * MIB, .version = 1, .flip_after = 2, .fault_percent = 3};
		struct world w;

		open_world(&w, &o, 1, 11);
		set(&w, OPT_ALWAYS_RESUME, anew ? "false" : "true");
		run(&w, one_uri);
		if (anew) {
			assert_int_equal(w.end.result, XFER_COMPLETE);
			assert_int_equal(version_of(&w, o.size), 2);
		} else {
			assert_int_equal(w.end.result, XFER_FAILED);
			assert_int_equal(w.end.err, ERR_CHANGED);
			assert_false(final_exists(&w));
		}
		close_world(&w);
	}
}

static void test_wrong_range_is_refused(void **state)
{
	struct fake_server o = {.size = 4 * MIB, .version = 1, .lies_about_range = true};
	struct world w;

	(void)state;
	open_world(&w, &o, 1, 6);
	run(&w, one_uri);
	/* The first answer is whole, so it can be had all the same. */
	if (w.end.result == XFER_COMPLETE)
		expect_right(&w, o.size);
	else
		assert_false(final_exists(&w));
	close_world(&w);
}

static void test_if_range_dropped(void **state)
{
	struct fake_server o = {.size = 8 * MIB, .version = 1, .drops_on_if_range = true};
	struct world w;

	(void)state;
	open_world(&w, &o, 1, 8);
	run(&w, one_uri);
	expect_right(&w, o.size);
	close_world(&w);
}

static void test_resume_after_stop(void **state)
{
	struct fake_server o = {.size = 6 * MIB, .version = 1};
	struct world w;

	(void)state;
	open_world(&w, &o, 1, 9);
	for (int i = 0; i < 5; i++) {
		timer_start(&w.loop, &w.stop_at, 2, 0, stop_now, &w);
		run(&w, one_uri);
		if (w.end.result != XFER_STOPPED)
			break;
	}
	if (w.end.result == XFER_STOPPED)
		run(&w, one_uri);
	expect_right(&w, o.size);
	close_world(&w);
}

static void test_wrong_checksum(void **state)
{
	struct fake_server o = {.size = MIB, .version = 1};
	struct world w;

	(void)state;
	open_world(&w, &o, 1, 10);
	set(&w, OPT_CHECKSUM, "md5=00000000000000000000000000000000");
	run(&w, one_uri);
	assert_int_equal(w.end.result, XFER_FAILED);
	assert_int_equal(w.end.err, ERR_CHECKSUM);
	assert_int_equal(w.mem.have.n, 0);
	assert_false(final_exists(&w));
	close_world(&w);
}

static bool is_there(const struct world *w, const char *name);

#define EMPTY_MD5 "md5=d41d8cd98f00b204e9800998ecf8427e"

/* Told at first, and not again; or only after the restart. */
static void test_a_digest_counts_after_a_restart(void **state)
{
	(void)state;
	for (int late = 0; late < 2; late++) {
		struct fake_server o = {.size = 3 * MIB, .version = 1, .digest = late ? NULL : EMPTY_MD5};
		struct world w;

		open_world(&w, &o, 1, 30);
		set(&w, OPT_MAX_DOWNLOAD_LIMIT, "2M");
		uv_update_time(&w.loop.uv); /* preparing took a while */
		timer_start(&w.loop, &w.stop_at, 200, 0, stop_now, &w);
		run(&w, one_uri);
		assert_int_equal(w.end.result, XFER_STOPPED);
		set(&w, OPT_MAX_DOWNLOAD_LIMIT, "0");
		o.digest = late ? EMPTY_MD5 : NULL;
		run(&w, one_uri);
		assert_int_equal(w.end.err, ERR_CHECKSUM);
		assert_int_equal(w.end.left, XFER_LEFT_PART);
		assert_true(!is_there(&w, "f") && is_there(&w, "f.part"));
		unlink(w.journal); /* as the engine does: it still proves that the wrong bytes were written */
		o.digest = NULL; /* the file was put in order: the digest is not that of the bytes now */
		o.version = 2;
		run(&w, one_uri);
		assert_int_equal(w.end.result, XFER_COMPLETE);
		assert_int_equal(version_of(&w, o.size), 2);
		close_world(&w);
	}
}

static void test_ranges_that_tell_less(void **state)
{
	(void)state;
	for (int bare = 0; bare < 2; bare++) {
		struct fake_server o = {.size = 5 * MIB, .version = 1, .dated = true, .bare_ranges = bare};
		struct world w;

		open_world(&w, &o, 1, 31);
		run(&w, one_uri);
		expect_right(&w, o.size);
		assert_int_equal(w.end.flags & JOB_UNPROVEN, bare ? JOB_UNPROVEN : 0);
		close_world(&w);
	}
}

/* What can't be gone on with would only take the name from the next try. */
static void test_a_useless_part_goes(void **state)
{
	static const struct {
		struct fake_server o;
		enum xfer_left left;
	} rows[] = {
		{{.size = 3 * MIB, .version = 1, .no_length = true, .cut_at = MIB}, XFER_LEFT_NOTHING},
		{{.size = 3 * MIB, .version = 1, .no_ranges = true, .cut_at = MIB}, XFER_LEFT_PART},
		{{.size = 3 * MIB, .version = 1, .cut_at = MIB, .gone_after = 1}, XFER_LEFT_PART},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake_server o = rows[i].o;
		struct world w;

		open_world(&w, &o, 1, 32);
		set(&w, OPT_MAX_TRIES, "1");
		run(&w, one_uri);
		assert_int_equal(w.end.result, XFER_FAILED);
		assert_int_equal(w.end.left, rows[i].left);
		assert_int_equal(is_there(&w, "f.part"), rows[i].left == XFER_LEFT_PART);
		close_world(&w);
	}
}

static void stop_hard(void *arg)
{
	struct world *w = arg;

	xfer_stop(w->x, true, false);
}

/* Killed before a sync, then refused: what the journal proves is another's to go on with, too. */
static void test_what_was_written_is_claimed_at_the_end(void **state)
{
	struct fake_server o = {.size = 6 * MIB, .version = 1};
	struct world w;
	int64_t had;

	(void)state;
	open_world(&w, &o, 1, 33);
	set(&w, OPT_MAX_DOWNLOAD_LIMIT, "4M");
	uv_update_time(&w.loop.uv); /* preparing took a while */
	timer_start(&w.loop, &w.stop_at, 400, 0, stop_hard, &w);
	run(&w, one_uri);
	assert_int_equal(w.end.result, XFER_STOPPED);
	had = w.end.done;
	assert_true(had > ranges_total(&w.mem.have));
	o.gone = true;
	run(&w, one_uri);
	assert_int_equal(w.end.err, ERR_NOT_FOUND);
	assert_int_equal(ranges_total(&w.mem.have), had);
	close_world(&w);
}

/* ---- the order of the parts ---- */

static void fetch_by(struct fake_server *o, const char *selector)
{
	struct world w;

	*o = (struct fake_server){.size = 24 * MIB, .version = 1};
	open_world(&w, o, 1, 12);
	set(&w, OPT_STREAM_PIECE_SELECTOR, selector);
	run(&w, one_uri);
	expect_right(&w, o->size);
	close_world(&w);
}

/* Requests from the second on that do not begin behind the one before them. */
static unsigned steps_back(const struct fake_server *o)
{
	unsigned n = 0;

	for (unsigned i = 2; i < o->requests && i < 64; i++)
		n += o->asked[i].start < o->asked[i - 1].start;
	return n;
}

static void test_parts_in_order(void **state)
{
	struct fake_server o;

	(void)state;
	fetch_by(&o, "inorder");
	assert_int_equal(steps_back(&o), 0);
	assert_in_range(o.requests, 20, 24);
	for (unsigned i = 1; i < o.requests; i++)
		assert_in_range(o.asked[i].end < 0 ? o.size - o.asked[i].start : o.asked[i].end - o.asked[i].start, MIB, 2 * MIB);
}

static void test_parts_grow(void **state)
{
	struct fake_server o;

	(void)state;
	fetch_by(&o, "geom");
	assert_int_equal(o.asked[1].start, MIB);
	assert_int_equal(o.asked[1].end, 2 * MIB);
	assert_int_equal(o.asked[2].start, 2 * MIB);
	assert_int_equal(o.asked[2].end, 4 * MIB);
	assert_int_equal(o.asked[3].start, 4 * MIB);
	assert_int_equal(o.asked[3].end, 8 * MIB);
	assert_in_range(o.requests, 5, 20);
}

static void test_parts_by_default(void **state)
{
	struct fake_server o;

	(void)state;
	fetch_by(&o, "default");
	assert_in_range(steps_back(&o), 1, 10);
	assert_in_range(o.requests, 4, 12);
	fetch_by(&o, "random");
	assert_in_range(o.requests, 4, 12);
}

/* ---- a file that is there already ---- */

/* The file "f" with `size` bytes of that version, and mtime. */
static void put_local(struct world *w, unsigned version, int64_t size, int64_t mtime)
{
	struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};
	char path[280];
	FILE *out;

	snprintf(path, sizeof(path), "%s/f", w->dir);
	out = fopen(path, "wb");
	assert_non_null(out);
	for (int64_t i = 0; i < size; i++)
		fputc(content_at(version, i), out);
	fclose(out);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* What lies at "f": its version, its time still that of put_local. -1: it was touched. */
static int local_version(const struct world *w, int64_t size, int64_t mtime)
{
	struct stat st;
	char path[280];

	snprintf(path, sizeof(path), "%s/f", w->dir);
	assert_int_equal(stat(path, &st), 0);
	if (st.st_mtime != mtime || st.st_size != size)
		return -1;
	for (int v = 1; v <= 3; v++) {
		FILE *in = fopen(path, "rb");
		int64_t i = 0;

		assert_non_null(in);
		while (i < size && fgetc(in) == content_at((unsigned)v, i))
			i++;
		fclose(in);
		if (i == size)
			return v;
	}
	return 0;
}

static void set_sum(struct world *w, unsigned version, int64_t size)
{
	struct hash *h = hash_new("md5");
	unsigned char digest[HASH_MAX];
	char text[2 * HASH_MAX + 8] = "md5=";
	size_t n;

	for (int64_t i = 0; i < size; i++) {
		unsigned char c = content_at(version, i);

		hash_update(h, &c, 1);
	}
	n = hash_final(h, digest);
	hash_free(h);
	for (size_t i = 0; i < n; i++)
		snprintf(&text[4 + 2 * i], 3, "%02x", digest[i]);
	set(w, OPT_CHECKSUM, text);
}

#define OLD 1000000000 /* mtimes */
#define NEW 1500000000

static void test_conditional_get(void **state)
{
	struct fake_server o = {.size = 3 * MIB, .version = 1, .mtime = OLD + 1};
	struct world w;

	(void)state;
	for (int64_t mtime = OLD; mtime <= NEW; mtime += NEW - OLD) {
		open_world(&w, &o, 1, 20);
		o.requests = o.conditional = 0;
		set(&w, OPT_CONDITIONAL_GET, "true");
		set(&w, OPT_ALLOW_OVERWRITE, "true");
		put_local(&w, 2, 1000, mtime);
		run(&w, one_uri);
		assert_int_equal(w.end.result, XFER_COMPLETE);
		assert_int_equal(o.conditional, 1);
		if (mtime == NEW) {
			assert_int_equal(o.requests, 1);
			assert_int_equal(w.end.total, 1000);
			assert_int_equal(w.end.done, 1000);
			assert_true(w.end.flags & JOB_UNPROVEN);
			assert_int_equal(local_version(&w, 1000, NEW), 2);
		} else {
			expect_right(&w, o.size);
		}
		close_world(&w);
	}
}

/* A file that is not there, or is unfinished, is no reason to ask for news only. */
static void test_condition_needs_a_whole_file(void **state)
{
	static const char *const beside[] = {NULL, "f.part", "f.aria2"};
	struct fake_server o = {.size = MIB, .version = 1, .mtime = 1};

	(void)state;
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		char path[280];
		struct world w;

		open_world(&w, &o, 1, 21);
		set(&w, OPT_CONDITIONAL_GET, "true");
		set(&w, OPT_REMOVE_CONTROL_FILE, "true"); /* an empty one would be an error */
		snprintf(path, sizeof(path), "%s/%s", w.dir, beside[i] ? beside[i] : "other");
		fclose(fopen(path, "w"));
		if (beside[i])
			put_local(&w, 2, 1000, NEW);
		run(&w, one_uri);
		expect_right(&w, o.size);
		close_world(&w);
	}
	assert_int_equal(o.conditional, 0);
}

static void test_not_modified_is_verified(void **state)
{
	struct fake_server o = {.size = MIB, .version = 1, .mtime = OLD};

	(void)state;
	for (unsigned local = 1; local <= 2; local++) {
		struct world w;

		open_world(&w, &o, 1, 22);
		set(&w, OPT_CONDITIONAL_GET, "true");
		set_sum(&w, 1, MIB);
		put_local(&w, local, MIB, NEW);
		run(&w, one_uri);
		assert_int_equal(w.end.result, local == 1 ? XFER_COMPLETE : XFER_FAILED);
		assert_int_equal(w.end.err, local == 1 ? 0 : ERR_CHECKSUM);
		assert_int_equal(w.end.flags & JOB_UNPROVEN, 0);
		assert_int_equal(local_version(&w, MIB, NEW), (int)local);
		close_world(&w);
	}
}

static void test_check_integrity(void **state)
{
	static const struct {
		unsigned local;
		int64_t size;
		const char *option; /* besides check-integrity */
		unsigned requests;
		bool untouched;
	} rows[] = {
		{1, MIB, NULL, 1, true},
		{1, MIB, "allow-overwrite=true", 1, true},
		{1, MIB, "continue=true", 1, true},
		{2, MIB, NULL, 2, false},
		{2, MIB, "continue=true", 2, false},
		{2, MIB, "auto-file-renaming=false", 2, false},
		{1, MIB / 2, "continue=true", 2, false},
		{2, MIB / 2, "allow-overwrite=true", 1, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake_server o = {.size = MIB, .version = 1};
		struct world w;

		open_world(&w, &o, 1, 23 + i);
		set(&w, OPT_CHECK_INTEGRITY, "true");
		set_sum(&w, 1, MIB);
		if (rows[i].option)
			assert_int_equal(opts_decode(w.opts, rows[i].option, NULL), 0);
		put_local(&w, rows[i].local, rows[i].size, OLD);
		run(&w, one_uri);
		expect_right(&w, o.size);
		assert_int_equal(w.end.flags & JOB_UNPROVEN, 0);
		assert_int_equal(o.requests, rows[i].requests);
		assert_string_equal(strrchr(w.mem.path, '/'), "/f");
		assert_int_equal(local_version(&w, MIB, OLD) == 1, rows[i].untouched);
		close_world(&w);
	}
}

/* The wrong file stays until the right one is there: when the transfer fails, and when it is stopped and goes on. */
static void test_a_wrong_file_stays_until_replaced(void **state)
{
	struct fake_server o = {.size = 4 * MIB, .version = 1};
	struct world w;

	(void)state;
	open_world(&w, &o, 1, 30);
	set(&w, OPT_CHECK_INTEGRITY, "true");
	set(&w, OPT_CHECKSUM, "md5=00000000000000000000000000000000");
	put_local(&w, 2, o.size, OLD);
	run(&w, one_uri);
	assert_int_equal(w.end.err, ERR_CHECKSUM);
	assert_int_equal(local_version(&w, o.size, OLD), 2);
	close_world(&w);

	open_world(&w, &o, 1, 31);
	set(&w, OPT_CHECK_INTEGRITY, "true");
	set(&w, OPT_MAX_DOWNLOAD_LIMIT, "20M");
	set_sum(&w, 1, o.size);
	put_local(&w, 2, o.size, OLD);
	w.stop_when = STOP_WHEN_REPLACING;
	run(&w, one_uri);
	assert_int_equal(w.end.result, XFER_STOPPED);
	assert_int_equal(local_version(&w, o.size, OLD), 2);
	set(&w, OPT_MAX_DOWNLOAD_LIMIT, "0");
	run(&w, one_uri);
	expect_right(&w, o.size);
	assert_string_equal(strrchr(w.mem.path, '/'), "/f");
	close_world(&w);
}

/* A server without ranges breaks while the wrong file is fetched again: the transfer begins anew, and still takes its place. */
static void test_a_wrong_file_is_replaced_after_a_restart(void **state)
{
	struct fake_server o = {.size = 2 * MIB, .version = 1, .no_ranges = true, .cut_at = MIB, .cut_first = 2};
	struct world w;

	(void)state;
	open_world(&w, &o, 1, 34);
	set(&w, OPT_CHECK_INTEGRITY, "true");
	set(&w, OPT_SPLIT, "1");
	set_sum(&w, 1, o.size);
	put_local(&w, 2, o.size, OLD);
	run(&w, one_uri);
	expect_right(&w, o.size);
	assert_string_equal(strrchr(w.mem.path, '/'), "/f");
	assert_in_range(o.requests, 4, 6);
	close_world(&w);
}

static void test_hash_check_only(void **state)
{
	static const struct {
		unsigned local; /* 0: no file */
		bool sum;
		int err;
	} rows[] = {{1, true, 0}, {2, true, ERR_CHECKSUM}, {0, true, ERR_UNCHECKED}, {1, false, ERR_UNCHECKED}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake_server o = {.size = MIB, .version = 1, .refuses_head = i % 2};
		struct world w;

		open_world(&w, &o, 1, 32 + i);
		set(&w, OPT_HASH_CHECK_ONLY, "true");
		set(&w, OPT_CHECK_INTEGRITY, "true");
		if (rows[i].sum)
			set_sum(&w, 1, MIB);
		if (rows[i].local)
			put_local(&w, rows[i].local, MIB, OLD);
		run(&w, one_uri);
		assert_int_equal(w.end.err, rows[i].err);
		assert_int_equal(w.end.result, rows[i].err ? XFER_FAILED : XFER_COMPLETE);
		assert_int_equal(o.heads, 1);
		assert_int_equal(o.requests, o.refuses_head ? 2 : 1);
		if (rows[i].local)
			assert_int_equal(local_version(&w, MIB, OLD), (int)rows[i].local);
		else
			assert_false(final_exists(&w));
		close_world(&w);
	}
}

/* An unfinished download is not gone on with. */
static void test_hash_check_only_of_a_part(void **state)
{
	struct fake_server o = {.size = 4 * MIB, .version = 1};
	struct world w;

	(void)state;
	open_world(&w, &o, 1, 40);
	set(&w, OPT_MAX_DOWNLOAD_LIMIT, "20M");
	w.stop_when = STOP_WHEN_NAMED;
	run(&w, one_uri);
	assert_int_equal(w.end.result, XFER_STOPPED);
	o.requests = 0;
	set(&w, OPT_HASH_CHECK_ONLY, "true");
	run(&w, one_uri);
	assert_int_equal(w.end.err, ERR_UNCHECKED);
	assert_int_equal(o.requests, 0);
	set(&w, OPT_HASH_CHECK_ONLY, "false");
	set(&w, OPT_MAX_DOWNLOAD_LIMIT, "0");
	run(&w, one_uri);
	expect_right(&w, o.size);
	close_world(&w);
}

static void test_dry_run(void **state)
{
	struct fake_server o[2] = {{.gone = true}, {.size = MIB, .version = 1}};
	char *uris[] = {"fake://h0/f", "fake://h1/f", NULL};
	struct world w;

	(void)state;
	for (int refuses = 0; refuses < 2; refuses++) {
		open_world(&w, o, 2, 41);
		o[1].refuses_head = refuses;
		o[1].requests = 0;
		set(&w, OPT_DRY_RUN, "true");
		run(&w, uris);
		assert_int_equal(w.end.result, XFER_COMPLETE);
		assert_int_equal(w.end.total, MIB);
		assert_int_equal(w.end.done, MIB);
		assert_int_equal(o[1].requests, 1 + refuses);
		assert_false(final_exists(&w));
		close_world(&w);
	}
	open_world(&w, o, 1, 42);
	set(&w, OPT_DRY_RUN, "true");
	run(&w, one_uri);
	assert_int_equal(w.end.err, ERR_NOT_FOUND);
	close_world(&w);
	o[1].no_length = true;
	open_world(&w, &o[1], 1, 43);
	set(&w, OPT_DRY_RUN, "true");
	run(&w, one_uri);
	assert_int_equal(w.end.result, XFER_COMPLETE);
	assert_int_equal(w.end.total, -1);
	assert_int_equal(w.end.done, 0);
	close_world(&w);
}

static void test_use_head(void **state)
{
	static const struct {
		bool refuses, lies, no_length;
	} rows[] = {{0}, {.refuses = true}, {.lies = true}, {.no_length = true}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int conns = 1; conns <= 4; conns += 3) {
			struct fake_server o = {.size = 5 * MIB, .version = 1, .refuses_head = rows[i].refuses,
				.head_lies = rows[i].lies, .no_length = rows[i].no_length};
			struct world w;

			open_world(&w, &o, 1, 44 + i);
			set(&w, OPT_USE_HEAD, "true");
			set(&w, OPT_SPLIT, conns == 1 ? "1" : "4");
			run(&w, one_uri);
			expect_right(&w, o.size);
			assert_int_equal(o.heads, 1);
			close_world(&w);
		}
	}
}

/* The first mirror goes away in the middle, the others have another version: after so many of them it begins anew. */
static void test_max_resume_failure_tries(void **state)
{
	(void)state;
	for (int most = 0; most <= 2; most++) {
		struct fake_server o[3] = {{.size = 4 * MIB, .version = 1, .cut_at = 2 * MIB, .gone_after = 1},
			{.size = 4 * MIB, .version = 2}, {.size = 4 * MIB, .version = 2}};
		char *uris[] = {"fake://h0/f", "fake://h1/f", "fake://h2/f", NULL};
		char text[2] = {(char)('0' + most), '\0'};
		struct world w;

		open_world(&w, o, 3, 50);
		set(&w, OPT_SPLIT, "1");
		set(&w, OPT_ALWAYS_RESUME, "false");
		set(&w, OPT_MAX_RESUME_FAILURE_TRIES, text);
		run(&w, uris);
		assert_int_equal(w.end.result, XFER_COMPLETE);
		assert_int_equal(version_of(&w, o[1].size), 2);
		assert_int_equal(o[2].requests, most == 1 ? 0 : 1);
		close_world(&w);
	}
}

/* ---- a download that aria2 began ---- */

#define BEGUN_SIZE (6 * MIB + 1000)
#define BEGUN_HAVE (2 * MIB + 16384) /* pieces 0 and 2, and a block of piece 3 */

static const char *in_dir(const struct world *w, const char *name)
{
	static char path[280];

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	return path;
}

static bool is_there(const struct world *w, const char *name)
{
	return access(in_dir(w, name), F_OK) == 0;
}

/* What aria2 leaves: the file in its full size with the finished bytes of `version`, and the control file. */
static void put_begun(const struct world *w, unsigned version)
{
	static const unsigned char bits = 0xa0, block0[8] = {0x80};
	struct made_piece started = {3, MIB, block0, sizeof(block0)};
	struct made_control m = {.version = 1, .piece = MIB, .total = BEGUN_SIZE, .bits = &bits, .n_bits = 1, .started = &started, .n_started = 1};
	static const struct range have[] = {{0, MIB}, {2 * MIB, 3 * MIB + 16384}};
	unsigned char buf[100];
	FILE *f = fopen(in_dir(w, "f.aria2"), "wb");

	fwrite(buf, 1, make_control(buf, &m), f);
	fclose(f);
	f = fopen(in_dir(w, "f"), "wb");
	for (size_t i = 0; i < 2; i++) {
		fseek(f, have[i].start, SEEK_SET);
		for (int64_t at = have[i].start; at < have[i].end; at++)
			fputc(content_at(version, at), f);
	}
	fclose(f);
	assert_int_equal(truncate(in_dir(w, "f"), BEGUN_SIZE), 0);
}

/* As checksum option, of version 1. */
static const char *begun_sum(void)
{
	static char text[80] = "sha-1=";
	struct hash *h = hash_new("sha-1");
	unsigned char digest[HASH_MAX];
	size_t n;

	for (int64_t i = 0; i < BEGUN_SIZE; i++)
		hash_update(h, (unsigned char[]){content_at(1, i)}, 1);
	n = hash_final(h, digest);
	hash_free(h);
	for (size_t i = 0; i < n; i++)
		snprintf(text + 6 + 2 * i, 3, "%02x", digest[i]);
	return text;
}

static void test_goes_on_where_aria2_stopped(void **state)
{
	(void)state;
	for (int with_sum = 0; with_sum < 2; with_sum++) {
		struct fake_server o = {.size = BEGUN_SIZE, .version = 1};
		struct world w;

		open_world(&w, &o, 1, 20);
		put_begun(&w, 1);
		if (with_sum)
			set(&w, OPT_CHECKSUM, begun_sum());
		run(&w, one_uri);
		expect_right(&w, o.size);
		assert_in_range(o.sent, o.size - BEGUN_HAVE, o.size - BEGUN_HAVE + 4 * 100000); /* what was under way when lanes ended */
		assert_int_equal(w.end.flags & JOB_UNPROVEN, with_sum ? 0 : JOB_UNPROVEN);
		assert_true(w.mem.user_part);
		assert_false(is_there(&w, "f.aria2") || is_there(&w, "f.part") || is_there(&w, "f.1"));
		close_world(&w);
	}
}

/* Nothing in a control file says which version it is of: only a checksum can tell. */
static void test_aria2_had_another_version(void **state)
{
	(void)state;
	for (int with_sum = 0; with_sum < 2; with_sum++) {
		struct fake_server o = {.size = BEGUN_SIZE, .version = 1};
		struct world w;

		open_world(&w, &o, 1, 21);
		put_begun(&w, 2);
		if (with_sum)
			set(&w, OPT_CHECKSUM, begun_sum());
		run(&w, one_uri);
		if (with_sum) {
			assert_int_equal(w.end.result, XFER_FAILED);
			assert_int_equal(w.end.err, ERR_CHECKSUM);
			assert_int_equal(w.mem.have.n, 0);
			assert_false(is_there(&w, "f"));
		} else {
			assert_int_equal(w.end.result, XFER_COMPLETE);
			assert_true(w.end.flags & JOB_UNPROVEN);
		}
		close_world(&w);
	}
}

/* The server can only send all of it: what aria2 has is left as it was. */
static void test_begun_by_aria2_but_no_ranges(void **state)
{
	struct fake_server o = {.size = BEGUN_SIZE, .version = 1, .no_ranges = true};
	struct stat st;
	struct world w;

	(void)state;
	open_world(&w, &o, 1, 22);
	set(&w, OPT_FILE_ALLOCATION, "falloc");
	put_begun(&w, 1);
	assert_int_equal(truncate(in_dir(&w, "f"), 5 * MIB), 0);
	run(&w, one_uri);
	assert_int_equal(w.end.result, XFER_FAILED);
	assert_int_equal(w.end.err, ERR_NO_RANGE);
	assert_true(is_there(&w, "f") && is_there(&w, "f.aria2"));
	assert_false(is_there(&w, "f.part"));
	assert_int_equal(stat(in_dir(&w, "f"), &st), 0);
	assert_int_equal(st.st_size, 5 * MIB);
	close_world(&w);
}

/* In the middle, however long the claim took. */
static void stop_when_claimed(void *arg)
{
	struct world *w = arg;

	if (is_there(w, "f.part"))
		stop_now(w);
}

/* Not even in a later run, of which the server has lost its ranges. */
static void test_users_bytes_are_never_thrown_away(void **state)
{
	struct fake_server o = {.size = BEGUN_SIZE, .version = 1};
	struct world w;

	(void)state;
	open_world(&w, &o, 1, 23);
	set(&w, OPT_ALWAYS_RESUME, "false");
	set(&w, OPT_MAX_DOWNLOAD_LIMIT, "2M");
	put_begun(&w, 1);
	timer_start(&w.loop, &w.stop_at, 20, 20, stop_when_claimed, &w);
	run(&w, one_uri);
	timer_stop(&w.stop_at);
	assert_int_equal(w.end.result, XFER_STOPPED);
	assert_true(is_there(&w, "f.part"));
	o.no_ranges = true;
	run(&w, one_uri);
	assert_int_equal(w.end.result, XFER_FAILED);
	assert_int_equal(w.end.err, ERR_NO_RANGE);
	assert_true(is_there(&w, "f.part"));
	o.no_ranges = false;
	set(&w, OPT_MAX_DOWNLOAD_LIMIT, "0");
	run(&w, one_uri);
	expect_right(&w, o.size);
	assert_true(w.end.flags & JOB_UNPROVEN);
	close_world(&w);
}

/* Stopped while its owner has not yet said that the claim is durable: nothing was renamed. */
static void test_stopped_before_the_claim_is_durable(void **state)
{
	struct fake_server o = {.size = BEGUN_SIZE, .version = 1};
	struct world w;

	(void)state;
	open_world(&w, &o, 1, 24);
	w.stops_when_asked = true;
	put_begun(&w, 1);
	run(&w, one_uri);
	assert_int_equal(w.end.result, XFER_STOPPED);
	assert_true(is_there(&w, "f") && is_there(&w, "f.aria2"));
	assert_false(is_there(&w, "f.part") || is_there(&w, "journal"));
	assert_int_equal(ranges_total(&w.mem.have), BEGUN_HAVE);
	w.stops_when_asked = false;
	run(&w, one_uri); /* which finds no part, and the file as aria2 left it */
	expect_right(&w, o.size);
	assert_true(o.sent <= o.size - BEGUN_HAVE + 10 * 100000);
	assert_false(is_there(&w, "f.aria2") || is_there(&w, "f.1"));
	close_world(&w);
}

static void test_of_another_size_than_aria2_had(void **state)
{
	struct fake_server o = {.size = BEGUN_SIZE + 1, .version = 1};
	struct world w;

	(void)state;
	open_world(&w, &o, 1, 25);
	put_begun(&w, 1);
	run(&w, one_uri);
	assert_int_equal(w.end.result, XFER_FAILED);
	assert_int_equal(w.end.err, ERR_CONTROL);
	assert_true(is_there(&w, "f") && is_there(&w, "f.aria2"));
	assert_false(is_there(&w, "f.part") || is_there(&w, "f.1"));
	set(&w, OPT_REMOVE_CONTROL_FILE, "true");
	run(&w, one_uri);
	assert_int_equal(w.end.result, XFER_COMPLETE);
	assert_true(is_there(&w, "f.1") && !is_there(&w, "f.aria2"));
	close_world(&w);
}

/* ---- several sources ---- */

static void open_mirrors(struct world *w, struct fake_server *origins, size_t n, uint64_t seed)
{
	open_world(w, origins, n, seed);
	set(w, OPT_MAX_RETRY_WAIT, "4");
}

/* Runs to the end; returns the seconds of its world that it took. */
static uint64_t run_for(struct world *w, char *const *uris)
{
	uint64_t began = loop_now(&w->loop);

	run(w, uris);
	return (loop_now(&w->loop) - began) / 1000;
}

static int64_t sent_by(const struct fake_server *o, size_t n)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += o[i].sent;
	return sum;
}

static char *two_uris[] = {"fake://h0/f", "fake://h1/f", NULL};

static void test_mirrors_share_the_work(void **state)
{
	struct fake_server o[2] = {{.size = 16 * MIB, .version = 1, .rate = 1000000}, {.size = 16 * MIB, .version = 1, .rate = 1000000}};
	struct world w;

	(void)state;
	open_mirrors(&w, o, 2, 60);
	run(&w, two_uris);
	expect_right(&w, o[0].size);
	assert_true(o[0].sent > o[0].size / 4 && o[1].sent > o[0].size / 4);
	assert_in_range(sent_by(o, 2), o[0].size, o[0].size + MIB);
	close_world(&w);
}

/* Beside a fast mirror a crawling one costs little, whether it comes first or last, however large min-split-size is. */
static void test_a_crawling_mirror_costs_little(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		struct fake_server o[2] = {{.size = 8 * MIB, .version = 1, .rate = 1000000}, {.size = 8 * MIB, .version = 1, .rate = 1000000}};
		struct world w;

		o[i & 1].rate = 10000; /* alone: 840 s */
		open_mirrors(&w, o, 2, 61);
		set(&w, OPT_MAX_CONNECTION_PER_SERVER, i & 2 ? "4" : "1");
		set(&w, OPT_MIN_SPLIT_SIZE, i & 4 ? "20M" : "1M");
		assert_in_range(run_for(&w, two_uris), 1, 60);
		expect_right(&w, o[0].size);
		assert_true(o[i & 1].sent < MIB);
		assert_in_range(sent_by(o, 2), o[0].size, o[0].size + MIB);
		close_world(&w);
	}
}

/* One that is far slower than the best gets no work that the best could do. */
static void test_a_slow_mirror_comes_last(void **state)
{
	struct fake_server o[2] = {{.size = 64 * MIB, .version = 1, .rate = 100000}, {.size = 64 * MIB, .version = 1, .rate = 2000000}};
	struct world w;

	(void)state;
	open_mirrors(&w, o, 2, 62);
	assert_in_range(run_for(&w, two_uris), 1, 60);
	expect_right(&w, o[0].size);
	assert_true(o[0].sent < 5 * MIB);
	assert_in_range(o[0].requests, 1, 6);
	close_world(&w);
}

/* The first one takes the connection and says nothing, as long as timeout: the second is asked after stall-timeout. */
static void test_a_silent_first_mirror(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		struct fake_server o[3] = {{.mute_first = 99}, {.size = 4 * MIB, .version = 1, .mute_first = i & 1 ? 99 : 0},
			{.size = 4 * MIB, .version = 1}};
		char *uris[] = {"fake://h0/f", "fake://h1/f", "fake://h2/f", NULL};
		struct world w;

		open_mirrors(&w, o, 3, 63);
		set(&w, OPT_CONDITIONAL_GET, i & 2 ? "true" : "false");
		set(&w, OPT_SPLIT, i & 4 ? "1" : "4");
		assert_in_range(run_for(&w, uris), 14, i & 1 ? 50 : 25);
		expect_right(&w, 4 * MIB);
		close_world(&w);
	}
}

/* The file's name is that of the first mirror, whoever answers first; where that one was led when it does. */
static void test_the_first_mirror_names_the_file(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct fake_server o[3] = {{.size = 2 * MIB, .version = 1, .mute_first = i == 0 ? 99 : 0, .leads_to = i == 2 ? 3 : 0},
			{.size = 2 * MIB, .version = 1}, {.size = 2 * MIB, .version = 1}};
		char *uris[] = {"fake://h0/one", "fake://h1/two", NULL};
		struct world w;

		open_mirrors(&w, o, 3, 64);
		run(&w, uris);
		expect_right(&w, 2 * MIB);
		assert_string_equal(strrchr(w.mem.path, '/'), i == 2 ? "/f" : "/one");
		close_world(&w);
	}
}

/* ... and in the middle of the file. */
static void test_a_mirror_falls_silent(void **state)
{
	(void)state;
	for (int conns = 1; conns <= 4; conns += 3) {
		struct fake_server o[2] = {{.size = 4 * MIB, .version = 1, .stall_percent = 20}, {.size = 4 * MIB, .version = 1, .rate = 500000}};
		struct world w;

		open_mirrors(&w, o, 2, 64);
		set(&w, OPT_SPLIT, conns == 1 ? "1" : "4");
		set(&w, OPT_MIN_SPLIT_SIZE, "20M");
		assert_in_range(run_for(&w, two_uris), 1, 100);
		expect_right(&w, o[0].size);
		assert_in_range(sent_by(o, 2), o[0].size, o[0].size + MIB);
		close_world(&w);
	}
}

/* Its tries are used up at the beginning, and later it works. */
static void test_a_dead_mirror_returns(void **state)
{
	struct fake_server o[2] = {{.size = 64 * MIB, .version = 1, .rate = 200000}, {.size = 64 * MIB, .version = 1, .rate = 2000000, .fail_first = 2}};
	struct world w;

	(void)state;
	open_mirrors(&w, o, 2, 65);
	set(&w, OPT_MAX_TRIES, "2");
	set(&w, OPT_STREAM_PIECE_SELECTOR, "inorder");
	run(&w, two_uris);
	expect_right(&w, o[0].size);
	assert_true(o[1].sent > o[0].size / 3);
	close_world(&w);
}

/* What says that the file is another one is not asked again, nor can it be the last hope. */
static void test_a_lying_mirror_is_dropped(void **state)
{
	static const unsigned tags[] = {TAG_STRONG, TAG_NONE};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fake_server o[2] = {{.size = 64 * MIB, .version = 1, .rate = 1000000, .tag = (enum tag_kind)tags[i]},
			{.size = 64 * MIB + (int64_t)i, .version = 2, .rate = 1000000, .tag = (enum tag_kind)tags[i]}};
		struct uri_view shown[4];
		struct world w;
		size_t n;

		open_mirrors(&w, o, 2, 66);
		timer_start(&w.loop, &w.stop_at, 10000, 0, loop_stop_cb, &w.loop);
		start(&w, two_uris);
		loop_run(&w.loop);
		n = xfer_uris(w.x, shown, 4);
		for (size_t k = 0; k < n && k < 4; k++)
			if (strcmp(shown[k].uri, two_uris[1]) == 0)
				assert_non_null(strstr(shown[k].why, i == 0 ? "ETag" : "size"));
			else
				assert_null(shown[k].why);
		while (!w.ended)
			loop_run(&w.loop);
		expect_right(&w, o[0].size);
		assert_in_range(o[1].requests, 1, 2); /* at the same time */
		assert_int_equal(o[1].sent, 0);
		close_world(&w);
	}
}

/* Servers make ETags of their own. With the same date they are mirrors all the same, and each has to stay with its ETag; without
 * one nothing tells that they have the same file. */
static void test_mirrors_with_etags_of_their_own(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		bool dated = i & 1, resumed = i & 2, changes = i & 4;
		struct fake_server o[2] = {{.size = 16 * MIB, .version = 1, .rate = 1000000, .dated = dated},
			{.size = 16 * MIB, .version = 1, .rate = 1000000, .dated = dated, .tags_from = 50, .flip_after = changes ? 4 : 0}};
		struct world w;

		open_mirrors(&w, o, 2, 80 + (uint64_t)i);
		set(&w, OPT_STREAM_PIECE_SELECTOR, "inorder");
		if (resumed) {
			timer_start(&w.loop, &w.stop_at, 2000, 0, stop_now, &w);
			run(&w, two_uris);
			assert_int_equal(w.end.result, XFER_STOPPED);
		}
		run(&w, two_uris);
		expect_right(&w, o[0].size);
		assert_int_equal(w.end.flags & JOB_UNPROVEN, 0);
		if (!dated)
			assert_int_equal(o[1].sent, 0);
		else
			assert_true(o[1].sent > (changes ? MIB / 2 : o[1].size / 4));
		close_world(&w);
	}
}

/* The last bytes of one connection don't come: another one fetches them, and no byte is written twice. */
static void test_the_tail_is_raced(void **state)
{
	static const int64_t before_end[] = {1, 1000, 65536, 262144};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct fake_server o = {.size = 6 * MIB, .version = 1, .stall_at = 6 * MIB - before_end[i]};
		struct world w;

		open_mirrors(&w, &o, 1, 67 + i);
		assert_in_range(run_for(&w, one_uri), 0, 14);
		expect_right(&w, o.size);
		assert_in_range(o.sent, o.size, o.size + 262144);
		close_world(&w);
	}
}

static void test_uris_in_order(void **state)
{
	struct fake_server o[2] = {{.size = 16 * MIB, .version = 1, .rate = 500000}, {.size = 16 * MIB, .version = 1, .rate = 1000000}};
	struct world w;

	(void)state;
	open_mirrors(&w, o, 2, 70);
	set(&w, OPT_URI_SELECTOR, "inorder");
	run(&w, two_uris);
	expect_right(&w, o[0].size);
	assert_int_equal(o[1].requests, 0);
	close_world(&w);
	o[0].requests = 0;
	open_mirrors(&w, o, 2, 71);
	set(&w, OPT_URI_SELECTOR, "inorder");
	set(&w, OPT_MAX_CONNECTION_PER_SERVER, "2");
	run(&w, two_uris);
	assert_true(o[0].requests > 0 && o[1].requests > 0);
	close_world(&w);
}

/* A part of a file of unknown size is no beginning, whoever is asked next. */
static void test_a_part_without_a_total(void **state)
{
	struct fake_server o[2] = {{.size = MIB, .version = 1, .no_total = true}, {.size = 4 * MIB, .version = 1}};
	struct world w;

	(void)state;
	open_mirrors(&w, o, 2, 72);
	run(&w, two_uris);
	expect_right(&w, o[1].size);
	close_world(&w);
}

/* The list changes again and again while it runs; what is taken off is not used any more. */
struct changing {
	struct world *w;
	struct timer timer;
	unsigned n;
};

static void change_list(void *arg)
{
	struct changing *c = arg;
	char buf[64];
	char *uris[] = {"fake://h0/f", buf, NULL};

	snprintf(buf, sizeof(buf), "fake://h1/f?%u", c->n++);
	if (c->w->x)
		xfer_set_uris(c->w->x, c->n % 3 ? uris : uris + 1);
}

static void test_the_list_changes(void **state)
{
	struct fake_server o[2] = {{.size = 16 * MIB, .version = 1, .rate = 300000}, {.size = 16 * MIB, .version = 1, .rate = 300000}};
	struct uri_view shown[2];
	struct changing c = {0};
	struct world w;

	(void)state;
	open_mirrors(&w, o, 2, 73);
	c.w = &w;
	timer_start(&w.loop, &c.timer, 500, 500, change_list, &c);
	timer_start(&w.loop, &w.stop_at, 5000, 0, loop_stop_cb, &w.loop);
	start(&w, one_uri);
	loop_run(&w.loop);
	assert_in_range(xfer_uris(w.x, shown, 2), 1, 6); /* four connections at most, and the list */
	while (!w.ended)
		loop_run(&w.loop);
	timer_stop(&c.timer);
	expect_right(&w, o[0].size);
	assert_true(c.n > 10);
	close_world(&w);
}

/* The failure is that of a URI which is taken off the list while the file is closed. */
static void test_the_list_changes_at_the_end(void **state)
{
	struct fake_server o[2] = {{.size = 4 * MIB, .version = 1, .cut_at = 2 * MIB, .gone_after = 1}, {.size = 4 * MIB, .version = 1}};
	struct changing c = {.n = 2};
	struct world w;

	(void)state;
	open_world(&w, o, 2, 75);
	set(&w, OPT_SPLIT, "1");
	c.w = &w;
	w.at_progress = (struct deferred){.cb = change_list, .arg = &c};
	run(&w, one_uri);
	assert_int_equal(c.n, 3);
	assert_int_equal(w.end.result, XFER_FAILED);
	assert_string_equal(w.end_uri, one_uri[0]);
	close_world(&w);
}

struct hurrying {
	struct world *w;
	struct timer timer;
	struct origin *o;
	unsigned turn;
	bool hurried;
	unsigned room;
};

/* Every three seconds: its origin holds off, the user hurries, its origin holds off again, and what it says then counts. */
static void hurry_step(void *arg)
{
	struct hurrying *h = arg;
	uint64_t now = loop_now(&h->w->loop), wait;
	struct fail why;

	fail_set(&why, ERR_TOO_MANY, NULL);
	switch (h->turn++) {
	case 0:
	case 2:
		origin_back_off(h->o, now, 100000, 100000, -1, &why);
		break;
	case 1:
		h->hurried = xfer_hurry(h->w->x);
		break;
	case 3:
		h->room = origin_room(h->o, now, &wait);
		break;
	}
}

/* The one that is hurried for gets no lane: its origin is asked for once, not again each second while others are served. */
static void test_hurry_is_once(void **state)
{
	struct fake_server o[2] = {{.size = 4 * MIB, .version = 1, .rate = 100000}, {.size = 4 * MIB, .version = 1}};
	char *uris[] = {"fake://h0/f", "fake://h1/f", NULL};
	struct hurrying h = {.room = 99};
	struct world w;
	struct uri u;

	(void)state;
	open_mirrors(&w, o, 2, 76);
	set(&w, OPT_SPLIT, "1");
	assert_int_equal(uri_parse(uris[1], strlen(uris[1]), &u, NULL), 0);
	h.w = &w;
	h.o = origin_get(w.origins, &u);
	uri_free(&u);
	timer_start(&w.loop, &h.timer, 3000, 3000, hurry_step, &h);
	run(&w, uris);
	timer_stop(&h.timer);
	origin_put(h.o);
	expect_right(&w, o[0].size);
	assert_true(h.hurried);
	assert_int_equal(h.room, 0);
	close_world(&w);
}

/* The other mirror is being waited for until the end: while the file is verified that is of no interest any more. */
static void test_a_whole_file_waits_for_nobody(void **state)
{
	struct fake_server o[2] = {{.size = 4 * MIB, .version = 1, .rate = 1000000}, {.size = 4 * MIB, .version = 1}};
	char *uris[] = {"fake://h0/f", "fake://h1/f", NULL};
	struct world w;
	struct uri u;
	struct origin *busy;
	struct fail why;

	(void)state;
	open_mirrors(&w, o, 2, 77);
	assert_int_equal(uri_parse(uris[1], strlen(uris[1]), &u, NULL), 0);
	busy = origin_get(w.origins, &u);
	uri_free(&u);
	fail_set(&why, ERR_TOO_MANY, NULL);
	origin_back_off(busy, loop_now(&w.loop), 100000, 100000, 100000, &why);
	run(&w, uris);
	origin_put(busy);
	expect_right(&w, o[0].size);
	close_world(&w);
}

/* A list that is as long as one may be is looked through without delay. */
static void test_a_long_list(void **state)
{
	struct fake_server o = {.size = 4 * MIB, .version = 1};
	char **uris = xcalloc(100001, sizeof(*uris));
	struct world w;

	(void)state;
	for (size_t i = 0; i < 100000; i++)
		uris[i] = xasprintf("fake://h0/f?%zu", i);
	open_mirrors(&w, &o, 1, 74);
	run(&w, uris); /* which takes minutes where each is compared with each */
	expect_right(&w, o.size);
	close_world(&w);
	for (size_t i = 0; i < 100000; i++)
		free(uris[i]);
	free(uris);
}

/* ---- simulation ---- */

static void random_origin(struct fake_server *o, int64_t size)
{
	*o = (struct fake_server){
		.size = size,
		.version = 1,
		.no_ranges = fake_random(8) == 0,
		.no_length = fake_random(12) == 0,
		.ignores_if_range = fake_random(4) == 0,
		.drops_on_if_range = fake_random(6) == 0,
		.tag = fake_random(3) ? TAG_STRONG : (enum tag_kind)fake_random(4),
		.dated = fake_random(2) == 0,
		.flip_after = fake_random(3) == 0 ? 1 + fake_random(6) : 0,
		.busy_above = fake_random(5) == 0 ? 1 + fake_random(3) : 0,
		.fail_first = fake_random(6) == 0 ? fake_random(3) : 0,
		.fault_percent = fake_random(3) == 0 ? fake_random(8) : 0,
		.gone = fake_random(10) == 0,
		.lies_about_range = fake_random(10) == 0,
		.refuses_head = fake_random(4) == 0,
		.head_lies = fake_random(4) == 0,
	};
}

/* Versions can be told apart when nothing else could hide the change. */
static bool can_be_seen(const struct fake_server *o, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (o[i].flip_after && (o[i].tag == TAG_NONE || o[i].tag == TAG_WEAK) && !o[i].dated)
			return false;
	return n == 1 || !(o[0].flip_after || o[1].flip_after) || (o[0].tag == TAG_STRONG && o[1].tag == TAG_STRONG);
}

static void describe(const struct fake_server *o)
{
	print_message("size %lld no_ranges %d no_length %d ignores %d drops %d tag %d dated %d flip %u busy %u first %u faults %u gone %d lies %d head %d %d\n",
		(long long)o->size, o->no_ranges, o->no_length, o->ignores_if_range, o->drops_on_if_range, (int)o->tag, o->dated,
		o->flip_after, o->busy_above, o->fail_first, o->fault_percent, o->gone, o->lies_about_range,
		o->refuses_head, o->head_lies);
}

static void simulate(uint64_t seed)
{
	char *uris[] = {"fake://h0/f", "fake://h1/f", NULL};
	struct fake_server o[2];
	struct world w;
	size_t n;
	bool seen;
	int64_t size;

	open_world(&w, o, 2, seed * 7919 + 1);
	n = 1 + fake_random(2);
	size = fake_random(5) == 0 ? fake_random(3000) : (int64_t)fake_random(7 * MIB);
	random_origin(&o[0], size);
	random_origin(&o[1], size);
	if (n == 1)
		uris[1] = NULL;
	seen = can_be_seen(o, n);
	if (getenv("XFER_LOG")) {
		describe(&o[0]);
		describe(&o[1]);
	}
	set(&w, OPT_MAX_TRIES, "4");
	if (fake_random(3) == 0)
		set(&w, OPT_ALWAYS_RESUME, "false");
	if (fake_random(3) == 0)
		set(&w, OPT_MAX_RESUME_FAILURE_TRIES, "1");
	if (fake_random(3) == 0)
		set(&w, OPT_USE_HEAD, "true");
	if (fake_random(3) == 0)
		set(&w, OPT_STREAM_PIECE_SELECTOR, fake_random(2) ? "inorder" : "geom");
	for (unsigned stops = fake_random(4);; stops--) {
		if (stops > 0)
			timer_start(&w.loop, &w.stop_at, fake_random(30), 0, stop_now, &w);
		run(&w, uris);
		timer_stop(&w.stop_at);
		if (w.end.result != XFER_STOPPED)
			break;
		stops += stops == 0;
	}
	if (w.end.result == XFER_COMPLETE) {
		if (version_of(&w, size) < 0 && (seen || !(w.end.flags & JOB_UNPROVEN)))
			fail_msg("seed %llu: a mixed file was called complete", (unsigned long long)seed);
	} else if (final_exists(&w)) {
		fail_msg("seed %llu: failed (%s), and yet there is a file", (unsigned long long)seed, w.end_text);
	}
	close_world(&w);
}

static void random_mirror(struct fake_server *o, int64_t size)
{
	static const unsigned rates[] = {50000, 100000, 1000000, 1000000, 5000000, 0};

	*o = (struct fake_server){
		.size = size,
		.version = 1,
		.rate = rates[fake_random(6)],
		.fault_percent = fake_random(3) == 0 ? fake_random(6) : 0,
		.stall_percent = fake_random(4) == 0 ? fake_random(12) : 0,
		.mute_first = fake_random(5) == 0 ? fake_random(4) : 0,
		.fail_first = fake_random(5) == 0 ? fake_random(4) : 0,
		.gone = fake_random(8) == 0,
		.gone_after = fake_random(8) == 0 ? 1 + fake_random(3) : 0,
		.busy_above = fake_random(6) == 0 ? 1 + fake_random(3) : 0,
		.stall_at = fake_random(4) == 0 && size > 1 ? 1 + (int64_t)fake_random((uint32_t)size - 1) : 0,
	};
	if (fake_random(8) == 0) { /* it lies */
		o->version = 2;
		o->size += fake_random(2);
	}
}

static void describe_mirror(const struct fake_server *o)
{
	print_message("size %lld version %u rate %u faults %u stalls %u silent %u first %u gone %d %u busy %u stall at %lld: requests %u sent %lld\n",
		(long long)o->size, o->version, o->rate, o->fault_percent, o->stall_percent, o->mute_first, o->fail_first, o->gone,
		o->gone_after, o->busy_above, (long long)o->stall_at, o->requests, (long long)o->sent);
}

/* Mirrors of different speed and mood, of which the first (in whatever place) is in order: it always ends, with the right file,
 * in bounded time, with few bytes that were fetched twice. */
static void simulate_mirrors(uint64_t seed)
{
	static const char *const selectors[] = {"inorder", "feedback", "adaptive"};
	char *uris[] = {"fake://h0/f", "fake://h1/f", "fake://h2/f", "fake://h3/f", NULL};
	struct fake_server o[4];
	struct world w;
	size_t n, good;
	int64_t size;
	uint64_t took;
	bool stopped = false, unlike = false;

	open_mirrors(&w, o, 4, seed * 7919 + 3);
	n = 2 + fake_random(3);
	good = fake_random((uint32_t)n);
	size = 1 + (int64_t)fake_random(4 * MIB);
	for (size_t i = 0; i < n; i++)
		random_mirror(&o[i], size);
	o[good] = (struct fake_server){.size = size, .version = 1, .rate = o[good].rate};
	uris[n] = NULL;
	for (size_t i = 0; i < n; i++)
		unlike |= o[i].version != 1;
	if (unlike) /* the first answer says what the file is: that of the good one */
		for (size_t i = 0; i < good; i++)
			o[i].gone = true;
	set(&w, OPT_URI_SELECTOR, selectors[fake_random(3)]);
	set(&w, OPT_SPLIT, fake_random(3) ? "4" : "1");
	set(&w, OPT_MAX_CONNECTION_PER_SERVER, fake_random(2) ? "4" : "1");
	set(&w, OPT_MIN_SPLIT_SIZE, fake_random(2) ? "1M" : "20M");
	for (unsigned stops = fake_random(3);; stops--) {
		if (stops > 0)
			timer_start(&w.loop, &w.stop_at, fake_random(10000), 0, stop_now, &w);
		took = run_for(&w, uris);
		timer_stop(&w.stop_at);
		if (w.end.result != XFER_STOPPED)
			break;
		stopped = true;
		stops += stops == 0;
	}
	if (getenv("XFER_LOG")) {
		print_message("seed %llu: %llu s, twice %lld\n", (unsigned long long)seed, (unsigned long long)took,
			(long long)(sent_by(o, n) - size));
		for (size_t i = 0; i < n; i++)
			describe_mirror(&o[i]);
	}
	if (w.end.result != XFER_COMPLETE)
		fail_msg("seed %llu: failed: %s", (unsigned long long)seed, w.end_text);
	if (version_of(&w, size) != 1)
		fail_msg("seed %llu: a wrong file", (unsigned long long)seed);
	if (!stopped && sent_by(o, n) > size + 4 * MIB)
		fail_msg("seed %llu: %lld bytes for %lld", (unsigned long long)seed, (long long)sent_by(o, n), (long long)size);
	for (size_t i = 0; i < n; i++)
		if (o[i].requests > 150)
			fail_msg("seed %llu: %u requests to one of them", (unsigned long long)seed, o[i].requests);
	if (took > 900)
		fail_msg("seed %llu: %llu s", (unsigned long long)seed, (unsigned long long)took);
	close_world(&w);
}

static void test_simulation(void **state)
{
	const char *only = getenv("XFER_SEED");
	const char *rounds = getenv("XFER_ROUNDS");
	uint64_t n = rounds ? strtoull(rounds, NULL, 10) : 300;

	(void)state;
	if (only)
		simulate(strtoull(only, NULL, 10));
	for (uint64_t seed = 0; seed < n && !only; seed++)
		simulate(seed);
}

static void test_simulation_of_mirrors(void **state)
{
	const char *only = getenv("XFER_SEED"), *from = getenv("XFER_FROM");
	const char *rounds = getenv("XFER_ROUNDS");
	uint64_t first = from ? strtoull(from, NULL, 10) : 0;
	uint64_t n = rounds ? strtoull(rounds, NULL, 10) : 20;

	(void)state;
	if (only)
		simulate_mirrors(strtoull(only, NULL, 10));
	for (uint64_t seed = first; seed < first + n && !only; seed++)
		simulate_mirrors(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_bodies_through_pipes),
		cmocka_unit_test(test_no_small_file_for_a_disk_that_is_behind),
		cmocka_unit_test(test_splits_up_to_the_limit),
		cmocka_unit_test(test_no_ranges),
		cmocka_unit_test(test_unknown_length),
		cmocka_unit_test(test_beginning_anew_takes_its_time),
		cmocka_unit_test(test_beginning_anew_is_a_try),
		cmocka_unit_test(test_a_server_that_allows_two),
		cmocka_unit_test(test_mirrors),
		cmocka_unit_test(test_links_that_expire),
		cmocka_unit_test(test_links_that_stay_dead),
		cmocka_unit_test(test_links_to_a_place_that_is_down),
		cmocka_unit_test(test_links_to_another_place_that_refuses),
		cmocka_unit_test(test_links_to_a_server_with_etags_of_its_own),
		cmocka_unit_test(test_another_etag_of_the_same_server),
		cmocka_unit_test(test_the_network_is_gone),
		cmocka_unit_test(test_changed_file_fails_or_begins_anew),
		cmocka_unit_test(test_wrong_range_is_refused),
		cmocka_unit_test(test_if_range_dropped),
		cmocka_unit_test(test_resume_after_stop),
		cmocka_unit_test(test_wrong_checksum),
		cmocka_unit_test(test_a_digest_counts_after_a_restart),
		cmocka_unit_test(test_ranges_that_tell_less),
		cmocka_unit_test(test_a_useless_part_goes),
		cmocka_unit_test(test_what_was_written_is_claimed_at_the_end),
		cmocka_unit_test(test_parts_in_order),
		cmocka_unit_test(test_parts_grow),
		cmocka_unit_test(test_parts_by_default),
		cmocka_unit_test(test_conditional_get),
		cmocka_unit_test(test_condition_needs_a_whole_file),
		cmocka_unit_test(test_not_modified_is_verified),
		cmocka_unit_test(test_check_integrity),
		cmocka_unit_test(test_a_wrong_file_stays_until_replaced),
		cmocka_unit_test(test_a_wrong_file_is_replaced_after_a_restart),
		cmocka_unit_test(test_hash_check_only),
		cmocka_unit_test(test_hash_check_only_of_a_part),
		cmocka_unit_test(test_dry_run),
		cmocka_unit_test(test_use_head),
		cmocka_unit_test(test_max_resume_failure_tries),
		cmocka_unit_test(test_goes_on_where_aria2_stopped),
		cmocka_unit_test(test_aria2_had_another_version),
		cmocka_unit_test(test_begun_by_aria2_but_no_ranges),
		cmocka_unit_test(test_users_bytes_are_never_thrown_away),
		cmocka_unit_test(test_stopped_before_the_claim_is_durable),
		cmocka_unit_test(test_of_another_size_than_aria2_had),
		cmocka_unit_test(test_mirrors_share_the_work),
		cmocka_unit_test(test_a_crawling_mirror_costs_little),
		cmocka_unit_test(test_a_slow_mirror_comes_last),
		cmocka_unit_test(test_a_silent_first_mirror),
		cmocka_unit_test(test_the_first_mirror_names_the_file),
		cmocka_unit_test(test_a_mirror_falls_silent),
		cmocka_unit_test(test_a_dead_mirror_returns),
		cmocka_unit_test(test_a_lying_mirror_is_dropped),
		cmocka_unit_test(test_mirrors_with_etags_of_their_own),
		cmocka_unit_test(test_the_tail_is_raced),
		cmocka_unit_test(test_uris_in_order),
		cmocka_unit_test(test_a_part_without_a_total),
		cmocka_unit_test(test_the_list_changes),
		cmocka_unit_test(test_the_list_changes_at_the_end),
		cmocka_unit_test(test_a_whole_file_waits_for_nobody),
		cmocka_unit_test(test_hurry_is_once),
		cmocka_unit_test(test_a_long_list),
		cmocka_unit_test(test_simulation),
		cmocka_unit_test(test_simulation_of_mirrors),
	};

	log_setup(getenv("XFER_LOG") ? LOG_LVL_DEBUG : LOG_LVL_ERROR, false, NULL, LOG_LVL_ERROR);
	cmocka_set_test_filter(getenv("XFER_TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
