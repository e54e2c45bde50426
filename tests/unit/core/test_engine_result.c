/* SPDX-License-Identifier: MIT
 * Results that max-download-result pushes out: which of them the session file still shows, and for how long.
 */
#include "engine_env.h"

#include "core/engine_internal.h"

#define T(f) cmocka_unit_test_setup_teardown(f, env_setup, env_teardown)

static void change(struct env *v, const char *name, const char *value)
{
	struct opts *o = opts_new(NULL);
	struct fail f = {0};

	set_opt(o, name, value);
	assert_int_equal(engine_change_global(v->e, o, &f), 0);
	opts_unref(o);
}

/* The GIDs of the session file in its order, "2 3 ". */
static const char *session(struct env *v)
{
	static char gids[1 << 17];
	struct flushed r = {0};
	char path[64], line[512];
	struct fail f = {0};
	FILE *file;

	snprintf(path, sizeof(path), "%s/session", v->dir);
	change(v, "save-session", path);
	assert_int_equal(engine_save_session(v->e, on_flushed, &r, &f), 0);
	run_until(v, &r.done);
	assert_int_equal(r.err, 0);
	file = fopen(path, "r");
	assert_non_null(file);
	gids[0] = '\0';
	while (fgets(line, sizeof(line), file)) {
		size_t n = strlen(gids);

		if (strncmp(line, " gid=", 5) == 0)
			snprintf(gids + n, sizeof(gids) - n, "%llx ", strtoull(line + 5, NULL, 16));
	}
	fclose(file);
	return gids;
}

static int session_entries(struct env *v)
{
	int n = 0;

	for (const char *s = session(v); (s = strchr(s, ' ')) != NULL; s++)
		n++;
	return n;
}

/* A download with these options that ends so. */
static void ended(struct env *v, uint64_t gid, const char *opts, int err)
{
	char text[128];

	snprintf(text, sizeof(text), "gid=%016llx\n%s", (unsigned long long)gid, opts);
	add_at(v, text, -1);
	settle(v);
	if (err == ERR_REMOVED)
		assert_int_equal(engine_remove(v->e, gid, false, NULL), 0);
	else if (err)
		fake_end(fake_find(gid), XFER_FAILED, err, "why");
	else
		fake_complete(fake_find(gid), "/d/x", 1);
	settle(v);
}

static void all_kinds(struct env *v)
{
	ended(v, 1, "", 0);
	ended(v, 2, "force-save=true\n", 0);
	ended(v, 3, "", ERR_NOT_FOUND);
	ended(v, 4, "save-not-found=false\n", ERR_NOT_FOUND);
	ended(v, 5, "save-not-found=false\n", ERR_NOT_FOUND_MAX);
	ended(v, 6, "save-not-found=false\n", ERR_STATUS);
	ended(v, 7, "", ERR_REMOVED);
	ended(v, 8, "force-save=true\n", ERR_REMOVED);
}

static void what_is_shown(void **state)
{
	struct env *v = *state;

	all_kinds(v);
	add(v, 9, true);
	assert_string_equal(session(v), "2 3 6 8 9 ");
}

/* A complete one is not kept even with force-save, as in aria2. */
static void what_is_kept(void **state)
{
	struct env *v = *state;

	change(v, "max-download-result", "1");
	all_kinds(v);
	ended(v, 9, "", ERR_STATUS);
	assert_string_equal(list(v, LIST_STOPPED), "9 ");
	assert_string_equal(session(v), "3 6 8 9 ");
}

static void nothing_is_kept_without_the_option(void **state)
{
	struct env *v = *state;

	change(v, "max-download-result", "0");
	change(v, "keep-unfinished-download-result", "false");
	all_kinds(v);
	assert_string_equal(session(v), "");
}

static void kept_ones_are_seen_by_nobody_else(void **state)
{
	struct env *v = *state;
	struct engine_stat st;
	struct job_view w;
	struct fail f = {0};
	uint64_t gid;

	change(v, "max-download-result", "0");
	ended(v, 3, "", ERR_STATUS);
	assert_false(engine_view(v->e, 3, &w));
	assert_int_equal(engine_find(v->e, "0000000000000003", &gid, &f), ERR_NOT_HERE);
	assert_int_equal(engine_remove_result(v->e, 3, &f), ERR_NOT_HERE);
	assert_int_equal(engine_retry(v->e, 3, NULL, &f), ERR_NOT_HERE);
	engine_stat(v->e, &st);
	assert_int_equal(st.stopped, 0);
	assert_string_equal(session(v), "3 ");
}

static void kept_ones_survive(void **state)
{
	struct env *v = *state;
	struct job_view w;

	set_opt(v->global, "max-download-result", "1");
	change(v, "max-download-result", "1");
	for (uint64_t i = 1; i <= 3; i++)
		ended(v, i, "", ERR_STATUS);
	assert_string_equal(session(v), "1 2 3 ");
	crash(v);
	assert_false(engine_view(v->e, 1, &w));
	assert_string_equal(list(v, LIST_STOPPED), "3 ");
	assert_string_equal(session(v), "1 2 3 ");
	engine_start(v->e);
	ended(v, 4, "", ERR_STATUS);
	assert_string_equal(list(v, LIST_STOPPED), "4 ");
	assert_string_equal(session(v), "1 2 3 4 ");
}

/* The session file is read back with its GIDs: the download that comes takes the kept one's place. */
static void a_gid_comes_back(void **state)
{
	struct env *v = *state;

	change(v, "max-download-result", "0");
	ended(v, 1, "", ERR_STATUS);
	ended(v, 2, "", ERR_STATUS);
	add(v, 1, true);
	assert_string_equal(session(v), "2 1 ");
	assert_int_equal(flush(v), 0);
	crash(v);
	assert_int_equal(state_of(v, 1), JOB_PAUSED);
	assert_string_equal(session(v), "2 1 ");
}

static void purging_forgets_them(void **state)
{
	struct env *v = *state;

	change(v, "max-download-result", "0");
	ended(v, 1, "", ERR_STATUS);
	engine_purge_results(v->e);
	assert_string_equal(session(v), "");
	assert_int_equal(flush(v), 0);
	crash(v);
	assert_string_equal(session(v), "");
}

/* Their unfinished files are left for whoever wants the path next. */
static void their_parts_are_adopted(void **state)
{
	struct xfer_known k = {.path = "/d/x", .total = 100, .replaces = true}, got;
	struct env *v = *state;

	change(v, "max-download-result", "0");
	add(v, 1, false);
	settle(v);
	fake_find(1)->ops->known(fake_find(1)->owner, &k);
	fake_end(fake_find(1), XFER_FAILED, ERR_RESET, "gone");
	settle(v);
	add(v, 2, false);
	settle(v);
	assert_true(fake_find(2)->ops->adopt(fake_find(2)->owner, "/d/x", false, &got));
	assert_true(got.replaces);
	assert_true(fake_find(2)->ops->adopt(fake_find(2)->owner, "/d/x", true, &got));
	assert_false(fake_find(2)->ops->adopt(fake_find(2)->owner, "/d/x", true, &got));
	assert_string_equal(session(v), "1 2 ");
}

static void on_placed(void *arg, int err, const struct fail *f, const struct dfile_opened *o)
{
	(void)f;
	assert_int_equal(err, 0);
	assert_true(o->placed);
	*(bool *)arg = true;
}

static void place_file(struct env *v, const struct ledger_job *job)
{
	struct dfile_req req = {.dir = v->dir, .name = "small", .total = 1, .how = OPEN_NEW};
	struct dfile_body body = {.mem = "x", .len = 1, .mtime = -1, .job = *job};
	bool done = false;

	dfile_place(v->e->placer, &req, &body, on_placed, &done);
	run_until(v, &done);
}

/* Until the outcome is durable the ledger must tell whose file it is, though nobody can ask for the result any more. */
static void a_placed_file_is_known_until_its_end_is_durable(void **state)
{
	struct env *v = *state;
	uint64_t gid = add(v, 5, false);
	struct ledger_job job = {.gid = gid};
	struct file_id id;
	char path[64];

	assert_int_equal(flush(v), 0);
	settle(v);
	job.mark = job_mark(engine_job(v->e, gid));
	place_file(v, &job);
	change(v, "max-download-result", "0");
	snprintf(path, sizeof(path), "%s/small", v->dir);
	pthread_mutex_lock(&test_disk);
	fake_complete(fake_find(gid), path, 1);
	assert_null(engine_job(v->e, gid));
	assert_true(placer_named(v->e->placer, &job, &id));
	pthread_mutex_unlock(&test_disk);
	assert_int_equal(flush(v), 0);
	settle(v);
	assert_false(placer_named(v->e->placer, &job, &id));
	unlink(path);
}

static void touch(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void run_until_gone(struct env *v, const char *path)
{
	struct timer t = {0};

	v->late = false;
	timer_start(&v->loop, &t, DEADLINE_MS, 0, set_late, &v->late);
	while (access(path, F_OK) == 0 && !v->late)
		uv_run(&v->loop.uv, UV_RUN_ONCE);
	timer_stop(&t);
	assert_false(v->late);
}

/* The old journal would call the old file the new job's; and the late event of the old job must not take the new journal. */
static void a_gid_used_again_before_its_end_is_durable(void **state)
{
	struct env *v = *state;
	char journal[96], path[64];

	add(v, 5, false);
	assert_int_equal(flush(v), 0);
	settle(v);
	snprintf(path, sizeof(path), "%s/file", v->dir);
	snprintf(journal, sizeof(journal), "%s/progress/%016x", v->dir, 5);
	touch(journal);
	pthread_mutex_lock(&test_disk);
	fake_complete(fake_find(5), path, 1);
	assert_int_equal(engine_remove_result(v->e, 5, NULL), 0);
	add(v, 5, true);
	run_until_gone(v, journal);
	touch(journal);
	pthread_mutex_unlock(&test_disk);
	assert_string_equal(events(v), "start:5 "); /* that it is complete would be told of the new one */
	assert_int_equal(access(journal, F_OK), 0);
}

/* However many events wait for a disk that does not answer, an add that names a new GID looks at none of them. */
static void new_gids_look_at_no_events(void **state)
{
	enum { MANY = 2000 };
	struct env *v = *state;

	change(v, "max-download-result", "0");
	change(v, "max-concurrent-downloads", "4000");
	for (uint64_t i = 1; i <= MANY; i++)
		add(v, i, false);
	assert_int_equal(flush(v), 0);
	settle(v);
	v->events[0] = '\0';
	pthread_mutex_lock(&test_disk);
	for (uint64_t i = 1; i <= MANY; i++)
		fake_end(fake_find(i), XFER_FAILED, ERR_STATUS, "gone");
	assert_int_equal(v->e->n_events, MANY);
	for (uint64_t i = 1; i <= MANY; i++)
		add(v, MANY + i, true);
	assert_int_equal(v->e->events_looked_at, 0);
	add(v, 7, true);
	assert_int_equal(v->e->events_looked_at, MANY);
	engine_remove(v->e, 7, false, NULL); /* it leaves no event, and its GID is nobody's again */
	add(v, 7, true);
	assert_int_equal(v->e->events_looked_at, MANY);
	pthread_mutex_unlock(&test_disk);
	assert_null(strstr(events(v), "error:7 "));
	assert_null(v->e->late_gids); /* all are told */
}

/* There is a bound: the oldest go. */
static void not_too_many_are_kept(void **state)
{
	struct env *v = *state;

	for (int i = 1; i <= 10000; i++) {
		struct job_rec r = {.gid = (uint64_t)i + 0x1000,
			.state = JOB_ERROR,
			.ord = (uint64_t)i,
			.uris = xstrdup("http://h/x\n"),
			.total = -1,
			.err = ERR_STATUS,
			.flags = JOB_KEPT};

		store_put(v->store, &r);
	}
	assert_int_equal(flush(v), 0);
	crash(v);
	change(v, "max-download-result", "0");
	engine_start(v->e);
	ended(v, 1, "", ERR_STATUS);
	assert_int_equal(session_entries(v), 10000);
	assert_null(strstr(session(v), "1001 "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_shown),
		T(what_is_kept),
		T(nothing_is_kept_without_the_option),
		T(kept_ones_are_seen_by_nobody_else),
		T(kept_ones_survive),
		T(a_gid_comes_back),
		T(purging_forgets_them),
		T(their_parts_are_adopted),
		T(a_placed_file_is_known_until_its_end_is_durable),
		T(a_gid_used_again_before_its_end_is_durable),
		T(new_gids_look_at_no_events),
		T(not_too_many_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
