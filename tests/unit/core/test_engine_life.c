/* SPDX-License-Identifier: MIT
 * The engine and its store: what survives a crash, what happens when a commit fails, the order of answers and events,
 * the end, and how long 100,000 jobs take.
 */
#include <malloc.h>
#include <time.h>

#include "base/uri.h"
#include "core/engine_internal.h"

#include "engine_env.h"

#define T(f) cmocka_unit_test_setup_teardown(f, env_setup, env_teardown)

/* ---- after a crash ---- */

static void the_queue_survives(void **state)
{
	struct env *v = *state;
	struct job_view w;
	int64_t pos;

	for (uint64_t i = 1; i <= 4; i++)
		add(v, i, i == 3);
	add_at(v, "gid=0000000000000005\nsplit=7\nheader=A: 1\nout=o\n", 2);
	assert_int_equal(engine_move(v->e, 4, 0, POS_SET, &pos, NULL), 0);
	assert_int_equal(flush(v), 0);
	crash(v);
	assert_string_equal(list(v, LIST_QUEUE), "4 1 2 5 3 ");
	assert_int_equal(state_of(v, 3), JOB_PAUSED);
	assert_int_equal(state_of(v, 4), JOB_WAITING);
	assert_true(engine_view(v->e, 5, &w));
	assert_int_equal(opts_num(w.opts, OPT_SPLIT), 7);
	assert_string_equal(opts_str(w.opts, OPT_HEADER), "A: 1\n");
	assert_string_equal(w.path, "/d/o");
}

static void active_ones_go_on_first(void **state)
{
	struct xfer_known k = {.path = "/d/x", .total = 100, .etag = "\"1\""};
	struct env *v = *state;
	struct ranges have;
	int64_t pos;

	add(v, 1, false);
	settle(v);
	add(v, 2, false);
	add_at(v, "gid=0000000000000003\n", 0);
	assert_int_equal(engine_move(v->e, 2, 0, POS_SET, &pos, NULL), 0);
	fake_find(1)->ops->known(fake_find(1)->owner, &k);
	ranges_init(&have);
	ranges_add(&have, 10, 60);
	fake_find(1)->ops->progress(fake_find(1)->owner, &have);
	ranges_free(&have);
	assert_int_equal(flush(v), 0);
	crash(v);
	assert_string_equal(list(v, LIST_QUEUE), "1 2 3 ");
	engine_start(v->e);
	assert_string_equal(events(v), "start:1 ");
	assert_string_equal(fake_find(1)->path, "/d/x");
	assert_string_equal(fake_find(1)->etag, "\"1\"");
	assert_int_equal(fake_find(1)->total, 100);
	assert_true(ranges_has(&fake_find(1)->have, 10, 60));
}

/* Acknowledged, but the transfer had not stopped yet when the process died. */
static void a_pause_in_the_gap_survives(void **state)
{
	struct env *v = *state;

	add(v, 1, false);
	settle(v);
	fake_hold_stop = true;
	assert_int_equal(engine_pause(v->e, 1, false, NULL), 0);
	assert_int_equal(flush(v), 0);
	crash(v);
	engine_start(v->e);
	settle(v);
	assert_int_equal(state_of(v, 1), JOB_PAUSED);
	assert_int_equal(fake_count(), 0);
}

static void a_remove_in_the_gap_survives(void **state)
{
	struct xfer_known k = {.path = "/d/x", .total = 100};
	struct env *v = *state;
	struct job_view w;

	add(v, 1, false);
	settle(v);
	fake_hold_stop = true;
	assert_int_equal(engine_remove(v->e, 1, false, NULL), 0);
	fake_find(1)->ops->known(fake_find(1)->owner, &k); /* does not undo it */
	assert_int_equal(flush(v), 0);
	crash(v);
	engine_start(v->e);
	settle(v);
	assert_true(engine_view(v->e, 1, &w));
	assert_int_equal(w.state, JOB_REMOVED);
	assert_int_equal(err_exit_code(w.err), 31);
	assert_int_equal(engine_count(v->e, LIST_QUEUE), 0);
}

static void results_survive_in_order(void **state)
{
	struct env *v = *state;
	struct engine_stat st;
	struct job_view w;

	for (uint64_t i = 1; i <= 3; i++) {
		add(v, 4 - i, false);
		settle(v);
		if (i == 2)
			fake_end(fake_find(4 - i), XFER_FAILED, ERR_NOT_FOUND, "Resource not found");
		else
			fake_complete(fake_find(4 - i), "/d/x", 10);
	}
	assert_int_equal(engine_remove_result(v->e, 3, NULL), 0);
	assert_int_equal(flush(v), 0);
	crash(v);
	assert_string_equal(list(v, LIST_STOPPED), "2 1 ");
	assert_true(engine_view(v->e, 2, &w));
	assert_int_equal(w.err, ERR_NOT_FOUND);
	assert_string_equal(w.err_text, "Resource not found (http://h/x; nothing is kept)");
	engine_stat(v->e, &st);
	assert_int_equal(st.stopped_total, 2);
	engine_start(v->e);
	add(v, 9, false);
	settle(v);
	fake_complete(fake_find(9), "/d/x", 10);
	assert_string_equal(list(v, LIST_STOPPED), "2 1 9 ");
}

static void a_part_can_be_adopted_after_a_crash(void **state)
{
	struct xfer_known k = {.path = "/d/x", .total = 100}, got;
	struct env *v = *state;

	add(v, 1, false);
	settle(v);
	fake_find(1)->ops->known(fake_find(1)->owner, &k);
	fake_end(fake_find(1), XFER_FAILED, ERR_RESET, "gone");
	flush(v);
	crash(v);
	engine_start(v->e);
	add(v, 2, false);
	settle(v);
	assert_true(fake_find(2)->ops->adopt(fake_find(2)->owner, "/d/x", true, &got));
	flush(v);
	crash(v); /* 2 is the owner now */
	engine_start(v->e);
	settle(v);
	assert_false(fake_find(2)->ops->adopt(fake_find(2)->owner, "/d/x", true, &got));
}

/* gid has 40 of 100 bytes of path. */
static void receive_some(struct env *v, uint64_t gid, const char *path)
{
	struct xfer_known k = {.path = path, .total = 100, .etag = "\"1\""};
	struct ranges have;

	add(v, gid, false);
	settle(v);
	ranges_init(&have);
	ranges_add(&have, 0, 40);
	fake_find(gid)->ops->known(fake_find(gid)->owner, &k);
	fake_find(gid)->ops->progress(fake_find(gid)->owner, &have);
	ranges_free(&have);
}

static void leave_paused_and_removed(struct env *v, uint64_t gid)
{
	assert_int_equal(engine_pause(v->e, gid, false, NULL), 0);
	fake_end(fake_find(gid), XFER_STOPPED, 0, NULL);
	settle(v);
	assert_int_equal(engine_remove(v->e, gid, false, NULL), 0);
}

static void leave_failed_and_purged(struct env *v, uint64_t gid)
{
	fake_end(fake_find(gid), XFER_FAILED, ERR_RESET, "gone");
	settle(v);
	engine_purge_results(v->e);
}

static void leave_for_another_name(struct env *v, uint64_t gid)
{
	struct opts *o = opts_new(NULL);

	assert_int_equal(engine_pause(v->e, gid, false, NULL), 0);
	fake_end(fake_find(gid), XFER_STOPPED, 0, NULL);
	settle(v);
	set_opt(o, "out", "other");
	assert_int_equal(engine_change_options(v->e, gid, o, NULL), 0);
	opts_unref(o);
}

static void assert_adoptable_once(struct env *v, uint64_t newcomer, const char *path)
{
	struct xfer_known got;
	void *owner = fake_find(newcomer)->owner;

	assert_true(fake_find(newcomer)->ops->adopt(owner, path, false, &got));
	assert_int_equal(got.total, 100);
	assert_string_equal(got.etag, "\"1\"");
	assert_true(ranges_has(got.have, 0, 40));
	assert_true(fake_find(newcomer)->ops->adopt(owner, path, true, &got));
	assert_false(fake_find(newcomer)->ops->adopt(owner, path, true, &got));
	(void)v;
}

/* However a job goes, whoever wants its path next goes on with its unfinished file; with a kill in between, too. */
static void what_a_job_left_behind_is_adopted(void **state)
{
	void (*const ways[])(struct env *v, uint64_t gid) = {
		leave_paused_and_removed, leave_failed_and_purged, leave_for_another_name};
	struct env *v = *state;
	uint64_t gid = 1;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		for (int killed = 0; killed < 2; killed++) {
			size_t shown = engine_count(v->e, LIST_STOPPED);

			receive_some(v, gid, "/d/x");
			ways[i](v, gid);
			flush(v);
			if (killed) {
				crash(v);
				engine_start(v->e);
			}
			assert_int_equal(engine_count(v->e, LIST_STOPPED), shown);
			add(v, gid + 1, false);
			settle(v);
			assert_adoptable_once(v, gid + 1, "/d/x");
			fake_complete(fake_find(gid + 1), "/d/x", 100);
			settle(v);
			engine_purge_results(v->e);
			gid += 2;
		}
}

/* The memory of what was left is bounded: the oldest is forgotten. */
static void the_oldest_leftover_is_forgotten(void **state)
{
	enum { N = 1001 };
	struct xfer_known got;
	struct env *v = *state;
	char path[32];

	for (int i = 0; i < N; i++) {
		snprintf(path, sizeof(path), "/d/%d", i);
		receive_some(v, (uint64_t)i + 1, path);
		leave_failed_and_purged(v, (uint64_t)i + 1);
	}
	add(v, N + 1, false);
	settle(v);
	assert_false(fake_find(N + 1)->ops->adopt(fake_find(N + 1)->owner, "/d/0", false, &got));
	assert_adoptable_once(v, N + 1, "/d/1");
	assert_adoptable_once(v, N + 1, path);
}

static void vanished_and_purged_stay_away(void **state)
{
	struct env *v = *state;

	add(v, 1, true);
	add(v, 2, false);
	settle(v);
	fake_complete(fake_find(2), "/d/x", 10);
	assert_int_equal(engine_remove(v->e, 1, false, NULL), 0);
	engine_purge_results(v->e);
	flush(v);
	crash(v);
	assert_int_equal(engine_count(v->e, LIST_QUEUE) + engine_count(v->e, LIST_STOPPED), 0);
}

/* Two rows with one number cannot come from us, but a file may be old or edited: nothing is lost. */
static void equal_order_numbers_are_mended(void **state)
{
	struct env *v = *state;

	add(v, 1, true);
	add(v, 2, true);
	flush(v);
	store_set_ord(v->store, 2, 5);
	store_set_ord(v->store, 1, 5);
	flush(v);
	crash(v);
	assert_int_equal(engine_count(v->e, LIST_QUEUE), 2);
	flush(v);
	crash(v);
	assert_int_equal(engine_count(v->e, LIST_QUEUE), 2);
}

/* ---- commits that fail ---- */

static void a_failed_add_is_taken_back(void **state)
{
	struct env *v = *state;
	struct job_view w;

	add(v, 1, true);
	assert_int_equal(flush(v), 0);
	test_commit_fails = true;
	add(v, 2, false);
	assert_int_equal(engine_pause(v->e, 2, false, NULL), 0);
	add(v, 3, false);
	assert_int_equal(flush(v), ERR_COMMIT);
	assert_false(engine_view(v->e, 2, &w));
	assert_false(engine_view(v->e, 3, &w));
	assert_string_equal(list(v, LIST_QUEUE), "1 ");
	assert_int_equal(fake_count(), 0); /* it had not begun */
	test_commit_fails = false;
	assert_int_equal(engine_unpause(v->e, 1, NULL), 0);
	assert_int_equal(flush(v), 0);
	crash(v);
	assert_string_equal(list(v, LIST_QUEUE), "1 ");
	assert_int_equal(state_of(v, 1), JOB_WAITING);
}

static void a_job_does_not_run_before_it_is_durable(void **state)
{
	struct env *v = *state;
	bool turned = false;
	struct deferred d = {.cb = turn_over, .arg = &turned};

	pthread_mutex_lock(&test_disk);
	add(v, 1, false);
	defer(&v->loop, &d);
	run_until(v, &turned);
	assert_int_equal(fake_count(), 0);
	pthread_mutex_unlock(&test_disk);
	flush(v);
	settle(v);
	assert_int_equal(fake_count(), 1);
}

static void other_changes_wait_for_the_disk(void **state)
{
	struct env *v = *state;

	add(v, 1, true);
	flush(v);
	test_commit_fails = true;
	assert_int_equal(engine_unpause(v->e, 1, NULL), 0);
	assert_int_equal(flush(v), ERR_COMMIT);
	assert_int_equal(state_of(v, 1), JOB_ACTIVE); /* memory is ahead */
	assert_string_equal(v->events, "");	      /* nobody is told */
	test_commit_fails = false;
	while (v->events[0] == '\0')
		uv_run(&v->loop.uv, UV_RUN_ONCE);
	assert_string_equal(v->events, "start:1 ");
	crash(v);
	assert_int_equal(state_of(v, 1), JOB_WAITING);
}

static void flush_answers_at_once_when_nothing_is_pending(void **state)
{
	struct env *v = *state;
	struct flushed r = {0};

	settle(v);
	engine_flush(v->e, on_flushed, &r);
	assert_true(r.done);
	assert_int_equal(r.err, 0);
}

/* ---- order ---- */

static void note_answer(void *arg, int err, const struct fail *f)
{
	struct env *v = arg;

	(void)f;
	assert_int_equal(err, 0);
	strcat(v->events, "answer ");
}

static void the_answer_comes_before_its_events(void **state)
{
	struct env *v = *state;

	for (uint64_t i = 1; i <= 5; i++) {
		add(v, i, false);
		engine_flush(v->e, note_answer, v);
		settle(v);
		assert_int_equal(engine_remove(v->e, i, false, NULL), 0);
		engine_flush(v->e, note_answer, v);
		assert_memory_equal(events(v), "answer start:", 13);
	}
	assert_int_equal(engine_count(v->e, LIST_STOPPED), 5);
}

/* A subscriber that leaves in its callback, and takes its neighbour with it. */
struct leaver {
	struct env *v;
	struct event_sub self, other;
	int called, other_called;
};

static void on_other(void *arg, const struct event *ev)
{
	(void)ev;
	((struct leaver *)arg)->other_called++;
}

static void on_leave(void *arg, const struct event *ev)
{
	struct leaver *l = arg;

	(void)ev;
	l->called++;
	engine_unsubscribe(l->v->e, &l->self);
	engine_unsubscribe(l->v->e, &l->other);
}

static void subscribers_may_leave_while_told(void **state)
{
	struct env *v = *state;
	struct leaver l = {.v = v, .self = {.cb = on_leave, .arg = &l}, .other = {.cb = on_other, .arg = &l}};

	engine_subscribe(v->e, &l.self);
	engine_subscribe(v->e, &l.other);
	add(v, 1, false);
	settle(v);
	fake_complete(fake_find(1), "/d/x", 1);
	settle(v);
	assert_int_equal(l.called, 1);
	assert_int_equal(l.other_called, 0);
}

static void note_result(void *arg, const struct event *ev)
{
	struct env *v = arg;

	if (ev->type == EV_COMPLETE)
		assert_int_equal(engine_count(v->e, LIST_STOPPED), 1);
}

static void the_result_is_there_when_its_event_comes(void **state)
{
	struct env *v = *state;
	struct event_sub s = {.cb = note_result, .arg = v};

	engine_subscribe(v->e, &s);
	add(v, 1, false);
	settle(v);
	fake_complete(fake_find(1), "/d/x", 1);
	assert_string_equal(events(v), "start:1 complete:1 ");
	engine_unsubscribe(v->e, &s);
}

/* ---- the end ---- */

static void stop_keeps_places_and_states(void **state)
{
	struct env *v = *state;
	bool done = false;

	for (uint64_t i = 1; i <= 3; i++)
		add(v, i, i == 3);
	settle(v);
	events(v);
	engine_stop(v->e, false, turn_over, &done);
	assert_false(done);
	run_until(v, &done);
	assert_int_equal(fake_count(), 0);
	assert_string_equal(v->events, "");
	assert_true(engine_busy(v->e));
	crash(v);
	assert_string_equal(list(v, LIST_QUEUE), "1 2 3 ");
	engine_start(v->e);
	assert_string_equal(events(v), "start:1 ");
}

static void stop_can_be_forced_later(void **state)
{
	struct env *v = *state;
	bool done = false;

	add(v, 1, false);
	settle(v);
	fake_hold_stop = true;
	engine_stop(v->e, false, turn_over, &done);
	settle(v);
	assert_false(done);
	fake_hold_stop = false;
	engine_stop(v->e, true, NULL, NULL);
	assert_true(fake_find(1)->force);
	run_until(v, &done);
}

static void stop_ends_although_the_disk_fails(void **state)
{
	struct env *v = *state;
	bool done = false;

	add(v, 1, false);
	settle(v);
	test_commit_fails = true;
	engine_stop(v->e, false, turn_over, &done);
	run_until(v, &done);
}

struct stop_note {
	struct env *v;
	bool done;
	char events[512]; /* that had come before the stop was told */
};

static void note_stop(void *arg)
{
	struct stop_note *n = arg;

	snprintf(n->events, sizeof(n->events), "%s", n->v->events);
	n->done = true;
}

/* Three transfers are complete in the very turn in which all stop. */
static struct stop_note stop_with_ends(struct env *v, bool disk_fails)
{
	struct stop_note n = {.v = v};

	set_opt(v->global, "max-concurrent-downloads", "3");
	for (uint64_t i = 1; i <= 3; i++)
		add(v, i, false);
	settle(v);
	events(v);
	test_commit_fails = disk_fails;
	fake_hold_stop = true;
	engine_stop(v->e, false, note_stop, &n);
	for (uint64_t i = 1; i <= 3; i++)
		fake_complete(fake_find(i), "/d/x", 1);
	run_until(v, &n.done);
	return n;
}

/* The process may end then, and with it the programs that are run for events. */
static void a_stop_is_told_behind_all_events(void **state)
{
	struct stop_note n = stop_with_ends(*state, false);

	assert_string_equal(n.events, "complete:1 complete:2 complete:3 ");
}

/* What an event tells of is not durable, and may never be. */
static void a_stop_waits_for_no_event_that_can_not_be_told(void **state)
{
	struct stop_note n = stop_with_ends(*state, true);

	assert_string_equal(n.events, "");
}

/* ---- named at the start ---- */

static uint64_t add_startup(struct env *v, const char *opts)
{
	char uri[] = "http://h/x", *uris[] = {uri};
	struct opts *o = opts_new(engine_global(v->e));
	struct add_spec s = {.uris = uris, .n = 1, .opts = o, .pos = -1};
	struct fail f = {0};
	uint64_t gid;

	assert_int_equal(opts_decode(o, opts, &f), 0);
	assert_int_equal(engine_add_startup(v->e, &s, &gid, &f), 0);
	opts_unref(o);
	return gid;
}

static void the_same_start_adds_nothing_twice(void **state)
{
	struct env *v = *state;
	uint64_t a, b, c;

	crash(v);
	a = add_startup(v, "");
	b = add_startup(v, "out=other\n");
	c = add_startup(v, "gid=00000000000000c1\nout=third\n");
	assert_int_equal(engine_count(v->e, LIST_QUEUE), 3);
	flush(v);
	crash(v);
	assert_int_equal(add_startup(v, ""), a);
	assert_int_equal(add_startup(v, "out=other\n"), b);
	assert_int_equal(add_startup(v, "gid=00000000000000c1\nout=third\n"), c);
	assert_int_equal(engine_count(v->e, LIST_QUEUE), 3);
	engine_start(v->e);
	settle(v);
	fake_complete(fake_find(a), "/d/x", 1);
	flush(v);
	crash(v);
	assert_true(add_startup(v, "") != a); /* that one is done: the user wants it again */
}

static void the_same_line_twice_is_two(void **state)
{
	struct env *v = *state;

	crash(v);
	add_startup(v, "");
	add_startup(v, "");
	assert_int_equal(engine_count(v->e, LIST_QUEUE), 2);
	add(v, 7, true); /* by RPC: never taken for one of the start */
	flush(v);
	crash(v);
	add_startup(v, "");
	add_startup(v, "");
	assert_int_equal(engine_count(v->e, LIST_QUEUE), 3);
}

/* ---- session file ---- */

static char *read_file(const char *path)
{
	static char text[4096];
	FILE *file = fopen(path, "r");
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	return text;
}

static void session_file(void **state)
{
	struct env *v = *state;
	struct flushed a = {0}, b = {0};
	struct opts *o = opts_new(NULL);
	struct fail f = {0};
	char path[64], *text;

	assert_int_equal(engine_save_session(v->e, on_flushed, &a, &f), ERR_INVAL);
	assert_string_equal(f.text, "Filename is not given.");
	snprintf(path, sizeof(path), "%s/session", v->dir);
	set_opt(o, "save-session", path);
	assert_int_equal(engine_change_global(v->e, o, &f), 0);
	opts_unref(o);
	add(v, 1, false);
	settle(v);
	fake_complete(fake_find(1), "/d/x", 1);
	add(v, 2, false);
	settle(v);
	fake_end(fake_find(2), XFER_FAILED, ERR_STATUS, "500");
	add(v, 3, false);
	settle(v);
	add(v, 4, true);
	assert_int_equal(engine_save_session(v->e, on_flushed, &a, &f), 0);
	assert_int_equal(engine_save_session(v->e, on_flushed, &b, &f), 0);
	assert_false(a.done);
	run_until(v, &b.done);
	assert_true(a.done);
	assert_int_equal(a.err, 0);
	text = read_file(path);
	assert_null(strstr(text, "gid=0000000000000001"));
	assert_true(strstr(text, "gid=0000000000000002") < strstr(text, "gid=0000000000000003"));
	assert_true(strstr(text, "gid=0000000000000003") < strstr(text, "gid=0000000000000004"));
	assert_true(strstr(text, "pause=true") > strstr(text, "gid=0000000000000004"));
	assert_non_null(strstr(text, " dir=/d\n"));
}

static void session_file_that_cannot_be_written(void **state)
{
	struct env *v = *state;
	struct opts *o = opts_new(NULL);
	struct flushed r = {0};
	struct fail f = {0};

	set_opt(o, "save-session", "/nowhere/at/all");
	assert_int_equal(engine_change_global(v->e, o, &f), 0);
	opts_unref(o);
	assert_int_equal(engine_save_session(v->e, on_flushed, &r, &f), 0);
	run_until(v, &r.done);
	assert_int_equal(r.err, ERR_IO);
	assert_memory_equal(r.f.text, "Failed to serialize session to '/nowhere/at/all'", 48);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void set_session(struct env *v, char *path, size_t size)
{
	struct opts *o = opts_new(NULL);

	snprintf(path, size, "%s/session", v->dir);
	set_opt(o, "save-session", path);
	assert_int_equal(engine_change_global(v->e, o, NULL), 0);
	opts_unref(o);
}

/* Jobs come and go while a long queue is being saved. */
static void the_queue_changes_during_a_save(void **state)
{
	enum { N = 2000 };
	struct env *v = *state;
	struct flushed r = {0}, again = {0};
	uint64_t last, other;
	char path[64];
	FILE *file;
	int lines = 0;

	set_session(v, path, sizeof(path));
	for (int i = 0; i < N; i++)
		add_at(v, "pause=true\n", -1);
	assert_int_equal(flush(v), 0);
	assert_int_equal(engine_list(v->e, LIST_QUEUE, N - 1, 1, &last), 1);
	assert_int_equal(engine_save_session(v->e, on_flushed, &r, NULL), 0);
	assert_int_equal(engine_remove(v->e, last, false, NULL), 0);
	assert_int_equal(engine_list(v->e, LIST_QUEUE, 5, 1, &other), 1);
	assert_int_equal(engine_move(v->e, other, 0, POS_END, &(int64_t){0}, NULL), 0);
	add_at(v, "pause=true\n", -1);
	run_until(v, &r.done);
	assert_int_equal(r.err, 0);
	file = fopen(path, "r");
	assert_non_null(file);
	for (int c; (c = fgetc(file)) != EOF;)
		lines += c == '\n';
	fclose(file);
	assert_int_equal(lines % (N - 1), 0); /* each the same number of lines: all but the removed one, none twice */
	assert_int_equal(engine_save_session(v->e, on_flushed, &again, NULL), 0);
	run_until(v, &again.done);
}

static void the_engine_goes_during_a_save(void **state)
{
	struct env *v = *state;
	struct flushed r = {0};
	char path[64], *temp;

	set_session(v, path, sizeof(path));
	for (int i = 0; i < 1000; i++)
		add_at(v, "pause=true\n", -1);
	assert_int_equal(flush(v), 0);
	assert_int_equal(engine_save_session(v->e, on_flushed, &r, NULL), 0);
	store_close(v->store);
	engine_free(v->e);
	open_engine(v); /* whose flush lets the pool and the loop run */
	assert_int_equal(flush(v), 0);
	settle(v);
	assert_false(r.done);
	assert_int_not_equal(access(path, F_OK), 0);
	temp = xasprintf("%s__temp", path);
	for (double end = seconds() + 20; access(temp, F_OK) == 0 && seconds() < end;)
		settle(v);
	assert_int_not_equal(access(temp, F_OK), 0);
	free(temp);
}

/* ---- many ---- */

static void many_jobs(void **state)
{
	enum { N = 100000 };
	struct env *v = *state;
	size_t before, bytes;
	double t0, t1, t2, t3;
	uint64_t gid;
	int64_t pos;

	t0 = seconds();
	for (int i = 0; i < N; i++)
		add_at(v, "pause=true\nsplit=3\n", i % 2 == 0 ? -1 : i / 2);
	t1 = seconds();
	assert_int_equal(flush(v), 0);
	store_close(v->store);
	engine_free(v->e);
	before = mallinfo2().uordblks;
	t2 = seconds();
	open_engine(v);
	t3 = seconds();
	bytes = (mallinfo2().uordblks - before) / N;
	printf("%d jobs: added in %.2f s, loaded in %.2f s, %zu bytes each\n", N, t1 - t0, t3 - t2, bytes);
	assert_int_equal(engine_count(v->e, LIST_QUEUE), N);
	assert_int_equal(engine_list(v->e, LIST_QUEUE, N / 2, 1, &gid), 1);
	assert_int_equal(engine_move(v->e, gid, 0, POS_SET, &pos, NULL), 0);
	assert_true(bytes <= 1536);
	assert_true(t3 - t2 < 5); /* generous: sanitizers, slow machines; see the line above for the number */
}

static void add_of(struct env *v, uint64_t gid, char *uri)
{
	char *uris[] = {uri}, text[40];
	struct opts *o = opts_new(engine_global(v->e));
	struct add_spec s = {.uris = uris, .n = 1, .opts = o, .pos = -1};
	uint64_t got;

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)gid);
	set_opt(o, "gid", text);
	assert_int_equal(engine_add(v->e, &s, &got, NULL), 0);
	opts_unref(o);
}

static void seconds_pass(struct env *v, unsigned n)
{
	struct timer t = {0};

	v->late = false;
	timer_start(&v->loop, &t, n * 1000 + 200, 0, set_late, &v->late);
	while (!v->late)
		uv_run(&v->loop.uv, UV_RUN_ONCE);
	timer_stop(&t);
}

/* The only server that is asked falls silent: one more job, of another one, finds out whether it is the network. */
static void a_silent_server_does_not_keep_the_queue(void **state)
{
	struct env *v = *state;
	char dead[] = "http://dead/x", other[] = "http://other/x";
	uint64_t now = loop_now(&v->loop);
	struct origin_use use = {0};
	struct origin *o;
	struct uri u;

	assert_int_equal(uri_parse(dead, strlen(dead), &u, NULL), 0);
	o = origin_get(v->e->origins, &u);
	uri_free(&u);
	origins_alive(v->e->origins, now);
	origins_expect_network(v->e->origins);
	for (uint64_t gid = 1; gid <= 3; gid++)
		add_of(v, gid, dead);
	add_of(v, 4, other);
	add_of(v, 5, other);
	seconds_pass(v, 1);
	assert_int_equal(fake_count(), 1); /* nothing is amiss */
	origin_use_begin(&use, o);
	origin_use_served(&use); /* it is known to be a server */
	origin_use_clear(&use);
	assert_true(origin_lost(o, now + 1, now + 1, false));
	seconds_pass(v, 2);
	assert_int_equal(fake_count(), 2);
	assert_non_null(fake_find(4));
	origins_alive(v->e->origins, loop_now(&v->loop));
	fake_complete(fake_find(4), "/d/4", 5);
	seconds_pass(v, 1);
	assert_int_equal(fake_count(), 1); /* it is there */
	origin_put(o);
}

static struct origin *origin_of(struct env *v, const char *uri)
{
	struct origin *o;
	struct uri u;

	assert_int_equal(uri_parse(uri, strlen(uri), &u, NULL), 0);
	o = origin_get(v->e->origins, &u);
	uri_free(&u);
	return o;
}

/* The queue is looked at now, not only at the next second. */
static void until_runs(struct env *v, uint64_t gid)
{
	struct timer t = {0};

	v->late = false;
	timer_start(&v->loop, &t, 20000, 0, set_late, &v->late);
	sched_dirty(v->e);
	while (fake_find(gid) == NULL && !v->late)
		uv_run(&v->loop.uv, UV_RUN_ONCE);
	timer_stop(&t);
	assert_non_null(fake_find(gid));
}

/* Many servers are dead: each is asked in its turn, the downloads that did so stay where they are in the queue, and in the end
 * the one is asked again that was asked the longest ago. */
static void dead_servers_are_asked_in_turn(void **state)
{
	struct env *v = *state;
	static char *const hosts[] = {"http://a/x", "http://b/x", "http://c/x", "http://d/x"};
	struct origin_use use = {0};
	struct origin *o[4];
	uint64_t gids[4], now = loop_now(&v->loop);

	origins_alive(v->e->origins, now);
	origins_expect_network(v->e->origins);
	for (size_t i = 0; i < 4; i++) {
		o[i] = origin_of(v, hosts[i]);
		add_of(v, i + 1, hosts[i]);
	}
	origin_use_begin(&use, o[0]);
	origin_use_served(&use);
	origin_use_clear(&use);
	assert_true(origin_lost(o[0], now + 1, now + 1, false));
	for (uint64_t gid = 2; gid <= 4; gid++) {
		until_runs(v, gid);
		assert_int_equal(fake_count(), 2);
		assert_true(origin_lost(o[gid - 1], loop_now(&v->loop) + 1, loop_now(&v->loop) + 1, false));
	}
	sched_dirty(v->e);
	assert_string_equal(events(v), "start:1 start:2 start:3 start:4 ");
	assert_non_null(fake_find(4)); /* all were asked just now */
	assert_int_equal(engine_list(v->e, LIST_QUEUE, 0, 4, gids), 2);
	assert_true(gids[0] == 2 && gids[1] == 3);
	assert_true(origin_lost(o[1], loop_now(&v->loop) - 40000, loop_now(&v->loop) + 1, false));
	assert_true(origin_lost(o[2], loop_now(&v->loop) - 50000, loop_now(&v->loop) + 1, false));
	until_runs(v, 3);
	assert_int_equal(fake_count(), 2);
	assert_string_equal(events(v), ""); /* it is no new start */
	for (size_t i = 0; i < 4; i++)
		origin_put(o[i]);
}

/* A long row of one dead server's hides nobody for good. */
static void a_living_server_far_back_is_found(void **state)
{
	struct env *v = *state;
	struct origin_use use = {0};
	struct origin *o = origin_of(v, "http://a/x");
	uint64_t now = loop_now(&v->loop);

	origins_alive(v->e->origins, now);
	for (uint64_t gid = 1; gid <= 2500; gid++)
		add_of(v, gid, "http://a/x");
	add_of(v, 3000, "http://b/x");
	while (otree_count(&v->e->queue.ready) < 2500) /* all are durable, and one runs */
		uv_run(&v->loop.uv, UV_RUN_ONCE);
	origin_use_begin(&use, o);
	origin_use_served(&use);
	origin_use_clear(&use);
	assert_true(origin_lost(o, now + 1, now + 1, false));
	for (int turn = 0; turn < 20 && fake_find(3000) == NULL; turn++) {
		sched_dirty(v->e);
		uv_run(&v->loop.uv, UV_RUN_NOWAIT);
	}
	assert_non_null(fake_find(3000));
	origin_put(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_queue_survives),
		T(active_ones_go_on_first),
		T(a_pause_in_the_gap_survives),
		T(a_remove_in_the_gap_survives),
		T(results_survive_in_order),
		T(a_part_can_be_adopted_after_a_crash),
		T(what_a_job_left_behind_is_adopted),
		T(the_oldest_leftover_is_forgotten),
		T(vanished_and_purged_stay_away),
		T(equal_order_numbers_are_mended),
		T(a_failed_add_is_taken_back),
		T(a_job_does_not_run_before_it_is_durable),
		T(other_changes_wait_for_the_disk),
		T(flush_answers_at_once_when_nothing_is_pending),
		T(the_answer_comes_before_its_events),
		T(subscribers_may_leave_while_told),
		T(the_result_is_there_when_its_event_comes),
		T(stop_keeps_places_and_states),
		T(stop_can_be_forced_later),
		T(stop_ends_although_the_disk_fails),
		T(a_stop_is_told_behind_all_events),
		T(a_stop_waits_for_no_event_that_can_not_be_told),
		T(the_same_start_adds_nothing_twice),
		T(the_same_line_twice_is_two),
		T(session_file),
		T(session_file_that_cannot_be_written),
		T(the_queue_changes_during_a_save),
		T(the_engine_goes_during_a_save),
		T(a_silent_server_does_not_keep_the_queue),
		T(dead_servers_are_asked_in_turn),
		T(a_living_server_far_back_is_found),
		T(many_jobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
