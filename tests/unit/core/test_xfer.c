/* SPDX-License-Identifier: MIT
 * The transfer engine against servers without sockets: splitting, failures, versions, restarts; and a simulation with random
 * servers, faults and stops from fixed seeds, in which no wrong file may ever be called complete.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "core/origin.h"
#include "core/xfer.h"

#include "fake_origin.h"

#define MIB (1 << 20)

/* What the engine would remember of a job between two runs of its transfer. */
struct job_memory {
	char *path, *etag, *last_modified;
	int64_t total;
	struct ranges have;
	bool unproven;
};

struct world {
	struct loop loop;
	char dir[256], journal[280];
	struct opts *opts;
	struct xfer *x;
	struct job_memory mem;
	struct xfer_end end;
	char end_text[200];
	bool ended;
	struct timer stop_at;
	unsigned most_conns;
	struct origins *origins;
};

static void replace(char **to, const char *from)
{
	char *old = *to;

	*to = xstrdup(from);
	free(old);
}

static void on_known(void *owner, const struct xfer_known *k)
{
	struct world *w = owner;

	replace(&w->mem.path, k->path);
	replace(&w->mem.etag, k->etag);
	replace(&w->mem.last_modified, k->last_modified);
	w->mem.total = k->total;
	w->mem.unproven |= k->unproven;
	if (k->have)
		ranges_copy(&w->mem.have, k->have);
}

static void on_progress(void *owner, const struct ranges *have)
{
	struct world *w = owner;

	ranges_copy(&w->mem.have, have);
}

static void forget_all(struct world *w)
{
	replace(&w->mem.path, NULL);
	replace(&w->mem.etag, NULL);
	replace(&w->mem.last_modified, NULL);
	w->mem.total = -1;
	w->mem.unproven = false;
	ranges_free(&w->mem.have);
}

static void on_forget(void *owner, void (*cb)(void *arg), void *arg)
{
	forget_all(owner);
	cb(arg);
}

static void on_end(void *owner, const struct xfer_end *e)
{
	struct world *w = owner;

	w->end = *e;
	snprintf(w->end_text, sizeof(w->end_text), "%s", e->err_text ? e->err_text : "");
	w->ended = true;
	w->x = NULL;
	loop_stop(&w->loop);
}

static const struct xfer_ops ops = {.known = on_known, .progress = on_progress, .forget = on_forget, .end = on_end};

static void set(struct world *w, enum opt id, const char *value)
{
	struct fail f = {0};

	if (opts_set(w->opts, id, value, &f) != 0)
		fail_msg("%s", f.text);
}

static void open_world(struct world *w, struct fake_server *origins, size_t n, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->origins = origins_new(8, seed);
	assert_int_equal(loop_init(&w->loop, 16 * MIB), 0);
	fake = (struct fake_net){.loop = &w->loop, .origins = origins, .n = n, .seed = seed};
	snprintf(w->dir, sizeof(w->dir), "%s/xfer-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->journal, sizeof(w->journal), "%s/journal", w->dir);
	w->mem.total = -1;
	w->opts = opts_new(NULL);
	set(w, OPT_SPLIT, "4");
	set(w, OPT_MAX_CONNECTION_PER_SERVER, "4");
	set(w, OPT_MIN_SPLIT_SIZE, "1M");
	set(w, OPT_MAX_RETRY_WAIT, "0");
	set(w, OPT_RESERVE_SPACE, "0");
	set(w, OPT_FILE_ALLOCATION, "none");
}

static void close_world(struct world *w)
{
	char *cmd[] = {"rm", "-rf", w->dir, NULL};
	pid_t pid;

	forget_all(w);
	origins_free(w->origins);
	opts_unref(w->opts);
	timer_stop(&w->stop_at);
	assert_int_equal(loop_close(&w->loop), 0);
	pid = fork();
	if (pid == 0) {
		execvp(cmd[0], cmd);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

static void start(struct world *w, char *const *uris)
{
	struct xfer_req req = {.origins = w->origins, .loop = &w->loop, .gid = 0x1234, .uris = uris, .opts = w->opts, .dir = w->dir, .journal = w->journal,
		.known = {.path = w->mem.path, .total = w->mem.total, .etag = w->mem.etag, .last_modified = w->mem.last_modified,
			.have = &w->mem.have, .unproven = w->mem.unproven}};

	w->ended = false;
	w->x = xfer_start(&req, &ops, w);
}

static void run(struct world *w, char *const *uris)
{
	start(w, uris);
	while (!w->ended)
		loop_run(&w->loop);
}

static void stop_now(void *arg)
{
	struct world *w = arg;

	if (w->x)
		xfer_stop(w->x, fake_random(2) == 0, false);
}

/* Which version the file at the final path is, wholly; -1: none of them. */
static int version_of(const struct world *w, int64_t size)
{
	FILE *in = fopen(w->mem.path, "rb");
	char *text = xmalloc((size_t)size + 1);
	int found = -1;

	assert_non_null(in);
	if (fread(text, 1, (size_t)size + 1, in) == (size_t)size)
		for (unsigned v = 1; v <= 2 && found < 0; v++) {
			int64_t i = 0;

			while (i < size && (unsigned char)text[i] == content_at(v, i))
				i++;
			if (i == size)
				found = (int)v;
		}
	fclose(in);
	free(text);
	return found;
}

static bool final_exists(const struct world *w)
{
	struct stat st;
	char path[280];

	snprintf(path, sizeof(path), "%s/f", w->dir);
	return stat(path, &st) == 0;
}

static char *one_uri[] = {"fake://h0/f", NULL};

static void expect_right(struct world *w, int64_t size)
{
	if (w->end.result != XFER_COMPLETE)
		fail_msg("failed: %s", w->end_text);
	assert_int_equal(w->end.done, size);
	assert_int_equal(version_of(w, size), 1);
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
	struct fake_server o = {.size = 3 * MIB, .version = 1, .no_length = true};
	struct world w;

	(void)state;
	open_world(&w, &o, 1, 2);
	run(&w, one_uri);
	expect_right(&w, o.size);
	assert_true(w.end.flags & JOB_UNPROVEN);
	close_world(&w);
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
	print_message("size %lld no_ranges %d no_length %d ignores %d drops %d tag %d dated %d flip %u busy %u first %u faults %u gone %d lies %d\n",
		(long long)o->size, o->no_ranges, o->no_length, o->ignores_if_range, o->drops_on_if_range, (int)o->tag, o->dated,
		o->flip_after, o->busy_above, o->fail_first, o->fault_percent, o->gone, o->lies_about_range);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_splits_up_to_the_limit),
		cmocka_unit_test(test_no_ranges),
		cmocka_unit_test(test_unknown_length),
		cmocka_unit_test(test_a_server_that_allows_two),
		cmocka_unit_test(test_mirrors),
		cmocka_unit_test(test_changed_file_fails_or_begins_anew),
		cmocka_unit_test(test_wrong_range_is_refused),
		cmocka_unit_test(test_if_range_dropped),
		cmocka_unit_test(test_resume_after_stop),
		cmocka_unit_test(test_wrong_checksum),
		cmocka_unit_test(test_simulation),
	};

	log_setup(getenv("XFER_LOG") ? LOG_LVL_DEBUG : LOG_LVL_ERROR, false, NULL, LOG_LVL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
