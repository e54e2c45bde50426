/* SPDX-License-Identifier: MIT
 * The engine's calls in every state of a job: what is done, what is refused in which words, which events come in which
 * order.
 */
#include "engine_env.h"

#define G     0xabc1230000000001ull
#define OTHER 0x0ull /* a GID that nobody has */

static void make_active(struct env *v)
{
	add(v, G, false);
	settle(v);
}

static void make_waiting(struct env *v)
{
	add(v, 1, false);
	settle(v);
	add(v, G, false);
	settle(v);
}

static void make_paused(struct env *v)
{
	add(v, G, true);
	settle(v);
}

static void make_complete(struct env *v)
{
	make_active(v);
	fake_complete(fake_find(G), "/d/x", 1000);
	settle(v);
}

static void make_error(struct env *v)
{
	make_active(v);
	fake_end(fake_find(G), XFER_FAILED, ERR_NOT_FOUND, "Resource not found");
	settle(v);
}

static void make_removed(struct env *v)
{
	make_active(v);
	assert_int_equal(engine_remove(v->e, G, false, NULL), 0);
	settle(v);
}

static void (*const make[JOB_GONE])(struct env *v) = {
	[JOB_WAITING] = make_waiting,
	[JOB_ACTIVE] = make_active,
	[JOB_PAUSED] = make_paused,
	[JOB_COMPLETE] = make_complete,
	[JOB_ERROR] = make_error,
	[JOB_REMOVED] = make_removed,
};

/* ---- the table of calls by state ---- */

static int call_pause(struct env *v, uint64_t gid, struct fail *f)
{
	return engine_pause(v->e, gid, false, f);
}

static int call_force_pause(struct env *v, uint64_t gid, struct fail *f)
{
	return engine_pause(v->e, gid, true, f);
}

static int call_unpause(struct env *v, uint64_t gid, struct fail *f)
{
	return engine_unpause(v->e, gid, f);
}

static int call_remove(struct env *v, uint64_t gid, struct fail *f)
{
	return engine_remove(v->e, gid, false, f);
}

static int call_force_remove(struct env *v, uint64_t gid, struct fail *f)
{
	return engine_remove(v->e, gid, true, f);
}

static int call_remove_result(struct env *v, uint64_t gid, struct fail *f)
{
	return engine_remove_result(v->e, gid, f);
}

static int call_retry(struct env *v, uint64_t gid, struct fail *f)
{
	return engine_retry(v->e, gid, NULL, f);
}

static int call_move(struct env *v, uint64_t gid, struct fail *f)
{
	int64_t pos;

	return engine_move(v->e, gid, 0, POS_SET, &pos, f);
}

static int call_change_option(struct env *v, uint64_t gid, struct fail *f)
{
	struct opts *o = opts_new(NULL);
	int err;

	set_opt(o, "split", "3");
	err = engine_change_options(v->e, gid, o, f);
	opts_unref(o);
	return err;
}

static int call_change_uri(struct env *v, uint64_t gid, struct fail *f)
{
	char add_uri[] = "http://h/y", *uris[] = {add_uri};
	size_t ndel, nadd;
	int err = engine_change_uris(v->e, gid, NULL, 0, uris, 1, -1, &ndel, &nadd, f);

	if (err == 0) {
		assert_int_equal(ndel, 0);
		assert_int_equal(nadd, 1);
	}
	return err;
}

#define W (1 << JOB_WAITING)
#define A (1 << JOB_ACTIVE)
#define P (1 << JOB_PAUSED)

static const struct row {
	const char *name;
	int (*call)(struct env *v, uint64_t gid, struct fail *f);
	unsigned ok;		    /* states in which it is done */
	const char *before, *after; /* the refusal in the others: before, GID, after */
} table[] = {
	{"pause", call_pause, A | W, "GID#", " cannot be paused now"},
	{"forcePause", call_force_pause, A | W, "GID#", " cannot be paused now"},
	{"unpause", call_unpause, P, "GID#", " cannot be unpaused now"},
	{"remove", call_remove, A | W | P, "Active Download not found for GID#", ""},
	{"forceRemove", call_force_remove, A | W | P, "Active Download not found for GID#", ""},
	{"removeDownloadResult", call_remove_result, 1 << JOB_COMPLETE | 1 << JOB_ERROR | 1 << JOB_REMOVED,
		"Could not remove download result of GID#", ""},
	{"retry", call_retry, 1 << JOB_ERROR | 1 << JOB_REMOVED, "GID#", " cannot be retried now"},
	{"changePosition", call_move, W | P, "GID#", " not found in the waiting queue."},
	{"changeOption", call_change_option, A | W | P, "Cannot change option for GID#", ""},
	{"changeUri", call_change_uri, A | W | P, "Cannot remove URIs from GID#", ""},
};

static void check_cell(const struct row *r, int state)
{
	struct fail f = {0};
	char want[100];
	void *env;
	int err;

	env_setup(&env);
	make[state](env);
	assert_int_equal(state_of(env, G), state);
	err = r->call(env, G, &f);
	snprintf(want, sizeof(want), "%s%016llx%s", r->before, (unsigned long long)G, r->after);
	if ((r->ok & (1u << state)) != 0 ? err != 0 : err != ERR_WRONG_STATE || strcmp(f.text, want) != 0)
		fail_msg("%s in state %s: %d \"%s\"", r->name, job_state_name((enum job_state)state), err, f.text);
	env_teardown(&env);
}

static void calls_by_state(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (int s = 0; s < JOB_GONE; s++) /* nobody can name those that are GONE */
			check_cell(&table[i], s);
}

static void calls_on_unknown_gid(void **state)
{
	struct env *v = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct fail f = {0};

		assert_int_equal(table[i].call(v, OTHER, &f), ERR_NOT_HERE);
		assert_string_equal(f.text, "GID 0000000000000000 is not found");
	}
}

/* ---- finding ---- */

static void find_by_prefix(void **state)
{
	struct env *v = *state;
	struct fail f = {0};
	uint64_t gid;

	add(v, 0xabc1230000000001ull, true);
	add(v, 0xabc1240000000002ull, true);
	assert_int_equal(engine_find(v->e, "abc123", &gid, &f), 0);
	assert_int_equal(gid, 0xabc1230000000001ull);
	assert_int_equal(engine_find(v->e, "ABC1240000000002", &gid, &f), 0);
	assert_int_equal(gid, 0xabc1240000000002ull);
	assert_int_equal(engine_find(v->e, "abc12", &gid, &f), ERR_INVAL);
	assert_string_equal(f.text, "GID abc12 is not unique");
	assert_int_equal(engine_find(v->e, "abc125", &gid, &f), ERR_NOT_HERE);
	assert_string_equal(f.text, "GID abc125 is not found");
	assert_int_equal(engine_find(v->e, "ffffffffffffffff", &gid, &f), ERR_NOT_HERE);
}

static void find_refuses_what_is_no_gid(void **state)
{
	static const char *const bad[] = {"", "xyz", "abc1230000000001f", "-1", "0x12"};
	struct env *v = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fail f = {0};
		char want[64];
		uint64_t gid;

		assert_int_equal(engine_find(v->e, bad[i], &gid, &f), ERR_INVAL);
		snprintf(want, sizeof(want), "Invalid GID %s", bad[i]);
		assert_string_equal(f.text, want);
	}
}

/* ---- adding ---- */

static void add_gives_random_gids(void **state)
{
	struct env *v = *state;
	uint64_t a = add_at(v, "pause=true\n", -1), b = add_at(v, "pause=true\n", -1);

	assert_true(a != 0 && b != 0 && a != b);
}

static void add_refuses_a_taken_gid(void **state)
{
	struct env *v = *state;
	struct fail f = {0};
	uint64_t gid;

	add(v, G, true);
	assert_int_equal(try_add(v, "gid=abc1230000000001\n", -1, &gid, &f), ERR_INVAL);
	assert_string_equal(f.text, "No URI to download.");
	assert_int_equal(engine_count(v->e, LIST_QUEUE), 1);
}

static void add_at_positions(void **state)
{
	struct env *v = *state;

	add(v, 1, true);
	add(v, 2, true);
	add_at(v, "gid=0000000000000003\npause=true\n", 0);
	add_at(v, "gid=0000000000000004\npause=true\n", 1);
	add_at(v, "gid=0000000000000005\npause=true\n", 999);
	assert_string_equal(list(v, LIST_QUEUE), "3 4 1 2 5 ");
}

static int add_uris(struct env *v, char **uris, size_t n, const char *opts, uint64_t *gid, struct fail *f)
{
	struct opts *o = opts_new(engine_global(v->e));
	struct add_spec s = {.uris = uris, .n = n, .opts = o, .pos = -1, .uid = 1000, .owner = "eve"};
	int err;

	assert_int_equal(opts_decode(o, opts, f), 0);
	err = engine_add(v->e, &s, gid, f);
	opts_unref(o);
	return err;
}

static void add_drops_unusable_uris(void **state)
{
	char bad[] = "foo", path[] = "/etc/hosts", file[] = "file:///etc/hosts", good[] = "http://h/a b";
	char *uris[] = {bad, path, file, good};
	struct env *v = *state;
	struct uri_view u[4];
	struct fail f = {0};
	uint64_t gid;

	assert_int_equal(add_uris(v, uris, 3, "", &gid, &f), ERR_BAD_URI);
	assert_string_equal(f.text, "No URI to download.");
	assert_int_equal(add_uris(v, uris, 4, "pause=true\n", &gid, &f), 0);
	assert_int_equal(engine_uris(v->e, gid, u, 4), 1);
	assert_string_equal(u[0].uri, "http://h/a%20b");
}

static void add_expands_parameters(void **state)
{
	char two[] = "http://h/[1-2]", open_one[] = "http://h/[1-2", *uris[] = {two}, *wrong[] = {open_one};
	struct env *v = *state;
	struct uri_view u[4];
	struct fail f = {0};
	uint64_t gid;

	assert_int_equal(add_uris(v, uris, 1, "pause=true\nparameterized-uri=true\n", &gid, &f), 0);
	assert_int_equal(engine_uris(v->e, gid, u, 4), 2);
	assert_string_equal(u[1].uri, "http://h/2");
	assert_true(add_uris(v, wrong, 1, "parameterized-uri=true\n", &gid, &f) < 0);
	assert_string_equal(f.text, "Missing ']' in the parameterized string.");
}

static void add_keeps_what_was_given(void **state)
{
	struct env *v = *state;
	char uri[] = "http://h/x", *uris[] = {uri};
	struct fail f = {0};
	struct job_view w;
	uint64_t gid;

	assert_int_equal(
		add_uris(v, uris, 1, "pause=true\ngid=00000000ABCDEF01\nout=sub/o.bin\nsplit=7\n", &gid, &f), 0);
	assert_int_equal(gid, 0xabcdef01);
	assert_true(engine_view(v->e, gid, &w));
	assert_int_equal(w.state, JOB_PAUSED);
	assert_string_equal(w.dir, "/d");
	assert_string_equal(w.path, "/d/sub/o.bin");
	assert_int_equal(w.total, 0);
	assert_int_equal(w.verified, -1);
	assert_int_equal(opts_num(w.opts, OPT_SPLIT), 7);
	assert_false(opts_has(w.opts, OPT_GID)); /* consumed */
	assert_false(opts_has(w.opts, OPT_PAUSE));
	assert_int_equal(w.uid, 1000);
	assert_string_equal(w.owner, "eve");
	assert_string_equal(events(v), "");
}

static void uris_are_repeated_for_show(void **state)
{
	char a[] = "http://h/a", b[] = "http://h/b", *uris[] = {a, b};
	struct env *v = *state;
	struct uri_view u[8];
	struct fail f = {0};
	uint64_t gid;

	assert_int_equal(add_uris(v, uris, 2, "pause=true\nsplit=5\nmax-connection-per-server=3\n", &gid, &f), 0);
	assert_int_equal(engine_uris(v->e, gid, u, 8), 5);
	assert_string_equal(u[4].uri, "http://h/a");
	assert_int_equal(engine_uris(v->e, gid, u, 2), 5); /* at most 2 are written */
	assert_int_equal(add_uris(v, uris, 2, "pause=true\nsplit=5\nmax-connection-per-server=1\n", &gid, &f), 0);
	assert_int_equal(engine_uris(v->e, gid, u, 8), 2);
	assert_int_equal(add_uris(v, uris, 2, "pause=true\nsplit=1\nmax-connection-per-server=4\n", &gid, &f), 0);
	assert_int_equal(engine_uris(v->e, gid, u, 8), 2);
}

/* ---- slots ---- */

static void slots_are_filled_from_the_front(void **state)
{
	struct env *v = *state;

	add(v, 1, true);
	add(v, 2, false);
	add(v, 3, false);
	settle(v);
	assert_string_equal(list(v, LIST_ACTIVE), "2 ");
	assert_string_equal(list(v, LIST_QUEUE), "1 3 ");
	fake_complete(fake_find(2), "/d/x", 10);
	assert_string_equal(events(v), "start:2 complete:2 start:3 ");
	assert_int_equal(engine_unpause(v->e, 1, NULL), 0);
	settle(v);
	assert_string_equal(list(v, LIST_QUEUE), "1 ");
}

static void change_global(struct env *v, const char *name, const char *val)
{
	struct opts *o = opts_new(NULL);
	struct fail f = {0};

	set_opt(o, name, val);
	assert_int_equal(engine_change_global(v->e, o, &f), 0);
	opts_unref(o);
}

static void more_slots_start_fewer_stop_nothing(void **state)
{
	struct env *v = *state;

	for (uint64_t i = 1; i <= 3; i++)
		add(v, i, false);
	settle(v);
	assert_int_equal(engine_count(v->e, LIST_ACTIVE), 1);
	change_global(v, "max-concurrent-downloads", "3");
	settle(v);
	assert_string_equal(list(v, LIST_ACTIVE), "1 2 3 ");
	change_global(v, "max-concurrent-downloads", "1");
	settle(v);
	assert_int_equal(engine_count(v->e, LIST_ACTIVE), 3);
	fake_complete(fake_find(2), "/d/x", 10);
	add(v, 4, false);
	settle(v);
	assert_string_equal(list(v, LIST_ACTIVE), "1 3 ");
}

/* ---- pause, unpause, remove ---- */

static void pause_of_active_goes_to_the_front(void **state)
{
	struct env *v = *state;

	make_waiting(v); /* 1 runs, G waits */
	add(v, 2, true);
	events(v);
	fake_hold_stop = true;
	assert_int_equal(engine_pause(v->e, 1, false, NULL), 0);
	settle(v);
	assert_int_equal(state_of(v, 1), JOB_ACTIVE);	 /* until its transfer has stopped */
	assert_string_equal(list(v, LIST_ACTIVE), "1 "); /* and keeps its slot */
	fake_end(fake_find(1), XFER_STOPPED, 0, NULL);
	assert_string_equal(events(v), "pause:1 start:abc1230000000001 ");
	assert_string_equal(list(v, LIST_QUEUE), "1 2 ");
	assert_int_equal(state_of(v, 1), JOB_PAUSED);
}

static void pause_of_waiting_tells_nothing(void **state)
{
	struct env *v = *state;

	make_waiting(v);
	events(v);
	assert_int_equal(engine_pause(v->e, G, false, NULL), 0);
	assert_int_equal(state_of(v, G), JOB_PAUSED);
	assert_int_equal(engine_unpause(v->e, G, NULL), 0);
	assert_int_equal(state_of(v, G), JOB_WAITING);
	assert_string_equal(events(v), "");
}

static void unpause_tells_a_start(void **state)
{
	struct env *v = *state;

	make_active(v);
	assert_int_equal(engine_pause(v->e, G, false, NULL), 0);
	settle(v);
	events(v);
	assert_int_equal(engine_unpause(v->e, G, NULL), 0);
	assert_string_equal(events(v), "start:abc1230000000001 ");
	assert_int_equal(state_of(v, G), JOB_ACTIVE);
}

/* Between the call and the end of the transfer: section 5 of aria2's rules. */
static void gap_after_pause(void **state)
{
	struct env *v = *state;

	make_active(v);
	fake_hold_stop = true;
	assert_int_equal(engine_pause(v->e, G, false, NULL), 0);
	assert_false(fake_find(G)->force);
	assert_int_equal(engine_pause(v->e, G, false, NULL), ERR_WRONG_STATE);
	assert_int_equal(engine_unpause(v->e, G, NULL), ERR_WRONG_STATE);
	assert_int_equal(engine_pause(v->e, G, true, NULL), 0);
	assert_true(fake_find(G)->force);
	assert_int_equal(engine_pause(v->e, G, true, NULL), ERR_WRONG_STATE);
	assert_int_equal(engine_remove(v->e, G, false, NULL), 0);
	events(v);
	fake_end(fake_find(G), XFER_STOPPED, 0, NULL);
	assert_string_equal(events(v), "stop:abc1230000000001 ");
	assert_int_equal(state_of(v, G), JOB_REMOVED);
}

static void gap_after_remove(void **state)
{
	struct env *v = *state;

	make_active(v);
	fake_hold_stop = true;
	assert_int_equal(engine_remove(v->e, G, false, NULL), 0);
	assert_int_equal(state_of(v, G), JOB_ACTIVE);
	assert_int_equal(engine_pause(v->e, G, false, NULL), ERR_WRONG_STATE);
	assert_int_equal(engine_pause(v->e, G, true, NULL), ERR_WRONG_STATE);
	assert_int_equal(engine_unpause(v->e, G, NULL), ERR_WRONG_STATE);
	assert_int_equal(engine_remove(v->e, G, true, NULL), 0);
	fake_end(fake_find(G), XFER_STOPPED, 0, NULL);
	assert_int_equal(state_of(v, G), JOB_REMOVED);
}

static void a_complete_file_wins_over_a_wish(void **state)
{
	struct env *v = *state;

	make_active(v);
	fake_hold_stop = true;
	assert_int_equal(engine_remove(v->e, G, false, NULL), 0);
	fake_complete(fake_find(G), "/d/x", 5);
	assert_int_equal(state_of(v, G), JOB_COMPLETE);
	assert_string_equal(events(v), "start:abc1230000000001 complete:abc1230000000001 ");
}

static void pause_wins_over_a_failure(void **state)
{
	struct env *v = *state;

	make_active(v);
	fake_hold_stop = true;
	assert_int_equal(engine_pause(v->e, G, false, NULL), 0);
	fake_end(fake_find(G), XFER_FAILED, ERR_TIMEOUT, "Timeout.");
	assert_int_equal(state_of(v, G), JOB_PAUSED);
	assert_int_equal(engine_last_err(v->e), 0);
}

static void removed_is_a_result(void **state)
{
	struct env *v = *state;
	struct job_view w;

	make_removed(v);
	assert_string_equal(events(v), "start:abc1230000000001 stop:abc1230000000001 ");
	assert_true(engine_view(v->e, G, &w));
	assert_int_equal(err_exit_code(w.err), 31);
	assert_string_equal(w.err_text, "");
	assert_string_equal(list(v, LIST_STOPPED), "abc1230000000001 ");
}

static void removed_from_the_queue_vanishes(void **state)
{
	struct env *v = *state;
	struct engine_stat st;
	struct job_view w;

	make_waiting(v);
	add(v, 2, true);
	events(v);
	assert_int_equal(engine_remove(v->e, G, false, NULL), 0);
	assert_int_equal(engine_remove(v->e, 2, false, NULL), 0);
	assert_false(engine_view(v->e, G, &w));
	assert_string_equal(events(v), "");
	engine_stat(v->e, &st);
	assert_int_equal(st.stopped, 0);
	assert_int_equal(st.stopped_total, 0);
}

static void pause_all_and_unpause_all(void **state)
{
	struct env *v = *state;

	change_global(v, "max-concurrent-downloads", "2");
	for (uint64_t i = 1; i <= 4; i++)
		add(v, i, false);
	events(v);
	engine_pause_all(v->e, false);
	assert_string_equal(events(v), "pause:1 pause:2 ");
	assert_string_equal(list(v, LIST_QUEUE), "2 1 3 4 ");
	for (uint64_t i = 1; i <= 4; i++)
		assert_int_equal(state_of(v, i), JOB_PAUSED);
	engine_unpause_all(v->e);
	assert_string_equal(events(v), "start:2 start:1 ");
	assert_string_equal(list(v, LIST_QUEUE), "3 4 ");
}

/* However long each takes to stop, the order in the queue is that of the asking. */
static void paused_ones_stand_as_they_were_asked(void **state)
{
	static const uint64_t stop_order[3] = {2, 3, 1};
	struct env *v = *state;

	change_global(v, "max-concurrent-downloads", "3");
	for (uint64_t i = 1; i <= 4; i++)
		add(v, i, false);
	settle(v);
	fake_hold_stop = true;
	engine_pause_all(v->e, false);
	for (int i = 0; i < 3; i++)
		fake_end(fake_find(stop_order[i]), XFER_STOPPED, 0, NULL);
	assert_string_equal(list(v, LIST_QUEUE), "3 2 1 4 ");
}

/* ---- positions ---- */

static void positions(void **state)
{
	static const struct {
		int64_t pos;
		enum pos_how how;
		int64_t want;
		const char *order;
	} cases[] = {
		{2, POS_SET, 2, "1 2 3 4 5 "},
		{0, POS_SET, 0, "3 1 2 4 5 "},
		{99, POS_SET, 4, "1 2 4 5 3 "},
		{-1, POS_SET, 0, "3 1 2 4 5 "},
		{1, POS_CUR, 3, "1 2 4 3 5 "},
		{-1, POS_CUR, 1, "1 3 2 4 5 "},
		{0, POS_END, 4, "1 2 4 5 3 "},
		{-1, POS_END, 3, "1 2 4 3 5 "},
		{-99, POS_END, 0, "3 1 2 4 5 "},
		{INT64_MAX, POS_CUR, 4, "1 2 4 5 3 "},
		{INT64_MIN, POS_CUR, 0, "3 1 2 4 5 "},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		void *env;
		int64_t pos;

		env_setup(&env);
		for (uint64_t k = 1; k <= 5; k++)
			add(env, k, true);
		assert_int_equal(engine_move(((struct env *)env)->e, 3, cases[i].pos, cases[i].how, &pos, NULL), 0);
		assert_int_equal(pos, cases[i].want);
		assert_string_equal(list(env, LIST_QUEUE), cases[i].order);
		env_teardown(&env);
	}
	(void)state;
}

static void lists_by_position(void **state)
{
	struct env *v = *state;
	uint64_t g[8];

	for (uint64_t k = 1; k <= 5; k++)
		add(v, k, true);
	assert_int_equal(engine_list(v->e, LIST_QUEUE, 3, 8, g), 2);
	assert_int_equal(g[0], 4);
	assert_int_equal(engine_list(v->e, LIST_QUEUE, 1, 2, g), 2);
	assert_int_equal(g[1], 3);
	assert_int_equal(engine_list(v->e, LIST_QUEUE, 5, 8, g), 0);
	assert_int_equal(engine_list(v->e, LIST_STOPPED, 0, 8, g), 0);
}

/* ---- URIs ---- */

static void change_uris(void **state)
{
	char a[] = "http://h/a", b[] = "http://h/b", bad[] = "foo", x[] = "http://h/x";
	char *del[] = {x, bad}, *fresh[] = {bad, a, b};
	struct env *v = *state;
	struct uri_view u[4];
	struct fail f = {0};
	size_t nd, na;

	add(v, G, true);
	assert_int_equal(engine_change_uris(v->e, G, NULL, 0, fresh, 3, 0, &nd, &na, &f), 0);
	assert_int_equal(na, 2);
	assert_int_equal(engine_uris(v->e, G, u, 4), 3);
	assert_string_equal(u[0].uri, a);
	assert_string_equal(u[2].uri, x);
	assert_int_equal(engine_change_uris(v->e, G, del, 2, NULL, 0, -1, &nd, &na, &f), 0);
	assert_int_equal(nd, 1);
	assert_int_equal(na, 0);
	assert_int_equal(engine_uris(v->e, G, u, 4), 2);
	assert_string_equal(u[1].uri, b);
}

static void change_uris_of_active_reaches_the_transfer(void **state)
{
	struct env *v = *state;
	struct fail f = {0};

	make_active(v);
	assert_int_equal(call_change_uri(v, G, &f), 0);
	assert_int_equal(fake_find(G)->n_uris, 2);
}

/* ---- options ---- */

static int change(struct env *v, uint64_t gid, const char *lines, struct fail *f)
{
	struct opts *o = opts_new(NULL);
	int err;

	assert_int_equal(opts_decode(o, lines, f), 0);
	err = engine_change_options(v->e, gid, o, f);
	opts_unref(o);
	return err;
}

static void options_of_waiting_apply_at_once(void **state)
{
	struct env *v = *state;
	struct fail f = {0};
	struct job_view w;

	add(v, G, true);
	assert_int_equal(change(v, G, "split=3\ndry-run=true\npiece-length=2M\ndir=/e\nout=n.bin\n", &f), 0);
	assert_true(engine_view(v->e, G, &w));
	assert_int_equal(opts_num(w.opts, OPT_SPLIT), 3);
	assert_false(opts_bool(w.opts, OPT_DRY_RUN)); /* not changeable: passed over */
	assert_int_equal(w.piece_len, 1048576);
	assert_string_equal(w.dir, "/e");
	assert_string_equal(w.path, "/e/n.bin");
}

static void header_is_replaced(void **state)
{
	struct env *v = *state;
	struct fail f = {0};
	struct job_view w;

	add_at(v, "gid=abc1230000000001\npause=true\nheader=A: 1\n", -1);
	assert_int_equal(change(v, G, "header=B: 2\nheader=C: 3\n", &f), 0);
	assert_true(engine_view(v->e, G, &w));
	assert_string_equal(opts_str(w.opts, OPT_HEADER), "B: 2\nC: 3\n");
}

static void live_options_do_not_restart(void **state)
{
	struct env *v = *state;
	struct fail f = {0};

	make_active(v);
	events(v);
	assert_int_equal(change(v, G, "max-download-limit=50K\n", &f), 0);
	assert_int_equal(fake_find(G)->set_opts, 1);
	assert_int_equal(opts_num(fake_find(G)->opts, OPT_MAX_DOWNLOAD_LIMIT), 51200);
	assert_int_equal(fake_find(G)->stops, 0);
	assert_string_equal(events(v), "");
}

static void other_options_restart_in_the_slot(void **state)
{
	struct env *v = *state;
	struct fail f = {0};

	make_waiting(v); /* 1 runs */
	events(v);
	fake_hold_stop = true;
	assert_int_equal(change(v, 1, "split=2\n", &f), 0);
	settle(v);
	assert_int_equal(state_of(v, 1), JOB_ACTIVE);
	fake_end(fake_find(1), XFER_STOPPED, 0, NULL);
	assert_string_equal(events(v), "start:1 ");
	assert_int_equal(opts_num(fake_find(1)->opts, OPT_SPLIT), 2);
	assert_int_equal(state_of(v, G), JOB_WAITING);
}

static void a_restart_waits_where_there_are_fewer_slots(void **state)
{
	struct env *v = *state;
	struct fail f = {0};

	change_global(v, "max-concurrent-downloads", "2");
	for (uint64_t i = 1; i <= 3; i++)
		add(v, i, false);
	settle(v);
	events(v);
	change_global(v, "max-concurrent-downloads", "1");
	fake_hold_stop = true;
	assert_int_equal(change(v, 1, "split=2\n", &f), 0);
	fake_end(fake_find(1), XFER_STOPPED, 0, NULL);
	settle(v);
	assert_string_equal(events(v), "");
	assert_int_equal(state_of(v, 1), JOB_WAITING);
	assert_string_equal(list(v, LIST_QUEUE), "1 3 ");
	fake_complete(fake_find(2), "/d/2", 1);
	settle(v);
	assert_string_equal(events(v), "complete:2 start:1 ");
}

/* Pages send back all that they were shown: a dir and an out that are the same as before say nothing about the file. */
static void the_same_path_again_keeps_the_file(void **state)
{
	struct xfer_known k = {.path = "/d/x", .total = 100, .etag = "\"1\""};
	struct env *v = *state;
	struct fail f = {0};
	struct job_view w;
	struct ranges have;

	make_active(v);
	ranges_init(&have);
	ranges_add(&have, 0, 40);
	fake_find(G)->ops->known(fake_find(G)->owner, &k);
	fake_find(G)->ops->progress(fake_find(G)->owner, &have);
	ranges_free(&have);
	assert_int_equal(engine_pause(v->e, G, false, NULL), 0);
	settle(v);
	assert_true(engine_view(v->e, G, &w));
	assert_int_equal(w.state, JOB_PAUSED);
	{
		char *same = xasprintf("out=\ndir=%s\nsplit=7\n", w.dir);

		assert_int_equal(change(v, G, same, &f), 0);
		free(same);
	}
	assert_true(engine_view(v->e, G, &w));
	assert_true(ranges_has(w.have, 0, 40));
	assert_string_equal(w.path, "/d/x");
	assert_int_equal(opts_num(w.opts, OPT_SPLIT), 7);
	assert_int_equal(engine_unpause(v->e, G, NULL), 0);
	settle(v);
	assert_string_equal(fake_find(G)->path, "/d/x");
}

static void pause_takes_the_place_of_a_restart(void **state)
{
	struct env *v = *state;
	struct fail f = {0};

	make_active(v);
	events(v);
	fake_hold_stop = true;
	assert_int_equal(change(v, G, "split=2\n", &f), 0);
	assert_int_equal(engine_pause(v->e, G, false, &f), 0);
	fake_end(fake_find(G), XFER_STOPPED, 0, NULL);
	assert_string_equal(events(v), "pause:abc1230000000001 ");
	assert_int_equal(engine_unpause(v->e, G, NULL), 0);
	assert_string_equal(events(v), "start:abc1230000000001 ");
}

static const struct xfer_known known_x = {.path = "/d/x", .total = 100, .etag = "\"1\""};

/* An active job whose transfer knows /d/x is told another name, and has not stopped yet. */
static void rename_while_active(struct env *v)
{
	struct fail f = {0};

	make_active(v);
	fake_find(G)->ops->known(fake_find(G)->owner, &known_x);
	fake_hold_stop = true;
	assert_int_equal(change(v, G, "out=y\n", &f), 0);
}

/* A new place for the file: the transfer begins there from nothing, whatever the old one still reports. */
static void new_path_forgets_the_old_file(void **state)
{
	struct env *v = *state;
	struct ranges have;

	rename_while_active(v);
	ranges_init(&have);
	ranges_add(&have, 0, 50);
	fake_find(G)->ops->known(fake_find(G)->owner, &known_x);
	fake_find(G)->ops->progress(fake_find(G)->owner, &have);
	ranges_free(&have);
	fake_end(fake_find(G), XFER_STOPPED, 0, NULL);
	assert_null(fake_find(G)->path);
	assert_null(fake_find(G)->etag);
	assert_int_equal(fake_find(G)->total, -1);
	assert_int_equal(fake_find(G)->have.n, 0);
}

/* ... unless it was just getting its name: then the new one comes too late. */
static void new_path_too_late_for_a_finished_file(void **state)
{
	struct env *v = *state;
	struct xfer_known k;
	struct job_view w;

	rename_while_active(v);
	fake_complete(fake_find(G), "/d/x", 100);
	assert_true(engine_view(v->e, G, &w));
	assert_int_equal(w.state, JOB_COMPLETE);
	assert_string_equal(w.path, "/d/x");
	assert_int_equal(w.total, 100);
	add(v, 2, false);
	settle(v);
	assert_false(fake_find(2)->ops->adopt(fake_find(2)->owner, "/d/x", false, &k));
}

static void global_options_are_for_later_adds(void **state)
{
	struct env *v = *state;
	struct job_view w;

	add(v, 1, true);
	change_global(v, "split", "9");
	change_global(v, "dir", "/new");
	add(v, 2, true);
	assert_true(engine_view(v->e, 1, &w));
	assert_int_equal(opts_num(w.opts, OPT_SPLIT), 5);
	assert_string_equal(w.dir, "/d");
	assert_true(engine_view(v->e, 2, &w));
	assert_int_equal(opts_num(w.opts, OPT_SPLIT), 9);
	assert_string_equal(w.dir, "/new");
	assert_int_equal(opts_num(engine_global(v->e), OPT_SPLIT), 9);
}

static void global_passes_over_what_is_not_global(void **state)
{
	struct env *v = *state;
	struct opts *o = opts_new(NULL);
	struct fail f = {0};

	set_opt(o, "out", "x");
	set_opt(o, "rpc-secret", "x");
	assert_int_equal(engine_change_global(v->e, o, &f), 0);
	assert_false(opts_has(engine_global(v->e), OPT_OUT));
	assert_false(opts_has(engine_global(v->e), OPT_RPC_SECRET));
	opts_unref(o);
}

/* ---- results ---- */

static void results_are_trimmed_at_the_next_ending(void **state)
{
	struct env *v = *state;
	struct engine_stat st;

	for (uint64_t i = 1; i <= 4; i++)
		add(v, i, false);
	for (uint64_t i = 1; i <= 3; i++) {
		settle(v);
		fake_complete(fake_find(i), "/d/x", 10);
	}
	assert_string_equal(list(v, LIST_STOPPED), "1 2 3 ");
	change_global(v, "max-download-result", "2");
	assert_string_equal(list(v, LIST_STOPPED), "1 2 3 ");
	settle(v);
	fake_complete(fake_find(4), "/d/x", 10);
	assert_string_equal(list(v, LIST_STOPPED), "3 4 ");
	engine_stat(v->e, &st);
	assert_int_equal(st.stopped, 2);
	assert_int_equal(st.stopped_total, 4);
}

static void no_results_still_tell_the_end(void **state)
{
	struct env *v = *state;
	struct job_view w;

	change_global(v, "max-download-result", "0");
	make_active(v);
	fake_end(fake_find(G), XFER_FAILED, ERR_NOT_FOUND, "Resource not found");
	assert_string_equal(events(v), "start:abc1230000000001 error:abc1230000000001 ");
	assert_false(engine_view(v->e, G, &w));
	assert_int_equal(engine_last_err(v->e), ERR_NOT_FOUND);
}

static void purge_forgets_results_only(void **state)
{
	struct env *v = *state;
	struct engine_stat st;

	make_complete(v);
	add(v, 2, true);
	engine_purge_results(v->e);
	engine_stat(v->e, &st);
	assert_int_equal(st.stopped, 0);
	assert_int_equal(st.stopped_total, 1);
	assert_int_equal(st.queued, 1);
}

static void views_of_ended_jobs(void **state)
{
	struct env *v = *state;
	struct job_view w;

	make_complete(v);
	assert_true(engine_view(v->e, G, &w));
	assert_int_equal(w.total, 1000);
	assert_int_equal(w.done, 1000);
	assert_true(ranges_has(w.have, 0, 1000));
	assert_string_equal(w.path, "/d/x");
	assert_int_equal(w.err, 0);
	assert_int_equal(w.conns, 0);
	add(v, 2, false);
	settle(v);
	fake_end(fake_find(2), XFER_FAILED, ERR_SCHEME, "");
	assert_true(engine_view(v->e, 2, &w));
	assert_int_equal(err_exit_code(w.err), 1);
	assert_string_equal(w.err_text, "The URI's scheme is not supported (http://h/x; nothing is kept)");
}

/* G has 40 of 100 bytes of /d/x. */
static void receive_some(struct env *v)
{
	struct xfer_known k = {.path = "/d/x", .total = 100, .etag = "\"1\""};
	struct ranges have;

	make_active(v);
	ranges_init(&have);
	ranges_add(&have, 0, 40);
	fake_find(G)->ops->known(fake_find(G)->owner, &k);
	fake_find(G)->ops->progress(fake_find(G)->owner, &have);
	ranges_free(&have);
}

/* The cause, where, the status, and what is left on disk; no password, no query. */
static void a_failure_says_where_and_what_is_kept(void **state)
{
	static const struct {
		const char *cause, *uri;
		int status;
		enum xfer_left left;
		const char *want;
	} rows[] = {
		{"gone", NULL, 404, XFER_LEFT_NOTHING, "gone (http://h/x, status 404; nothing is kept)"},
		{"status=403", NULL, 403, XFER_LEFT_NOTHING, "status=403 (http://h/x; nothing is kept)"}, /* told once */
		{"gone", NULL, 0, XFER_LEFT_PART, "gone (http://h/x; kept: 40 bytes of 100 in /d/x.part)"},
		{"gone", "http://me:pw@b/f?sig=1", 206, XFER_LEFT_PART,
			"gone (http://b/f?..., status 206; kept: 40 bytes of 100 in /d/x.part)"},
		{"gone", NULL, 0, XFER_LEFT_FILE, "gone (http://h/x; kept: /d/x as it was)"},
	};
	struct env *v = *state;
	struct xfer_known got;
	struct job_view w;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (i > 0)
			assert_int_equal(engine_remove_result(v->e, G, NULL), 0);
		receive_some(v);
		ranges_add(&fake_find(G)->have, 0, 40);
		fake_ends = (struct xfer_end){.uri = rows[i].uri, .status = rows[i].status, .left = rows[i].left};
		fake_end(fake_find(G), XFER_FAILED, ERR_RESET, rows[i].cause);
		fake_ends = (struct xfer_end){.left = XFER_LEFT_PART};
		assert_true(engine_view(v->e, G, &w));
		assert_string_equal(w.err_text, rows[i].want);
		assert_int_equal(w.done, rows[i].left == XFER_LEFT_NOTHING ? 0 : 40);
		if (i > 0)
			continue;
		add(v, 2, false); /* nobody adopts what is not there */
		settle(v);
		assert_false(fake_find(2)->ops->adopt(fake_find(2)->owner, "/d/x", false, &got));
		fake_complete(fake_find(2), "/d/y", 10);
	}
}

/* A failed download leaves its part; the next one that wants the path takes it over, and only one can. */
static void a_newcomer_adopts_the_part(void **state)
{
	struct xfer_known k = {.path = "/d/x", .total = 100, .etag = "\"1\""}, got;
	struct env *v = *state;
	struct ranges have;

	make_active(v);
	ranges_init(&have);
	ranges_add(&have, 0, 40);
	fake_find(G)->ops->known(fake_find(G)->owner, &k);
	fake_find(G)->ops->progress(fake_find(G)->owner, &have);
	ranges_free(&have);
	fake_end(fake_find(G), XFER_FAILED, ERR_RESET, "gone");
	add(v, 2, false);
	settle(v);
	assert_false(fake_find(2)->ops->adopt(fake_find(2)->owner, "/d/other", true, &got));
	assert_true(fake_find(2)->ops->adopt(fake_find(2)->owner, "/d/x", false, &got));
	assert_int_equal(got.total, 100);
	assert_string_equal(got.etag, "\"1\"");
	assert_true(ranges_has(got.have, 0, 40));
	assert_true(fake_find(2)->ops->adopt(fake_find(2)->owner, "/d/x", true, &got)); /* only looked at so far */
	assert_false(fake_find(2)->ops->adopt(fake_find(2)->owner, "/d/x", false, &got));
}

/* Its journal names the part, which is the newcomer's now. Until it has another file nothing may ask the journal, whenever the
 * process is killed. */
static void who_lost_a_part_does_not_ask_its_journal(void **state)
{
	struct xfer_known k = {.path = "/d/x", .total = 100, .stale_journal = true};
	struct env *v = *state;

	a_newcomer_adopts_the_part(state);
	set_opt(v->global, "max-concurrent-downloads", "2");
	assert_int_equal(engine_retry(v->e, G, NULL, NULL), 0);
	assert_int_equal(flush(v), 0);
	crash(v);
	engine_start(v->e);
	settle(v);
	assert_true(fake_find(G)->stale_journal);
	fake_find(G)->ops->known(fake_find(G)->owner, &k); /* adopts something, and has not opened it yet */
	assert_int_equal(flush(v), 0);
	crash(v);
	engine_start(v->e);
	settle(v);
	assert_true(fake_find(G)->stale_journal);
	k.stale_journal = false;
	fake_find(G)->ops->known(fake_find(G)->owner, &k);
	assert_int_equal(flush(v), 0);
	crash(v);
	engine_start(v->e);
	settle(v);
	assert_false(fake_find(G)->stale_journal);
}

static void put_as(struct env *v, uint64_t gid, const char *out)
{
	struct opts *o = opts_new(NULL);

	set_opt(o, "out", out);
	assert_int_equal(engine_change_options(v->e, gid, o, NULL), 0);
	opts_unref(o);
}

/* The same of one that goes to another path, paused or running: what it leaves is there for others. */
static void who_left_a_part_does_not_ask_its_journal(void **state)
{
	struct xfer_known k = {.path = "/d/x", .total = 100};
	struct env *v = *state;
	struct job_view w;

	make_active(v);
	fake_find(G)->ops->known(fake_find(G)->owner, &k);
	assert_int_equal(engine_pause(v->e, G, false, NULL), 0);
	settle(v);
	put_as(v, G, "y");
	assert_int_equal(engine_unpause(v->e, G, NULL), 0);
	settle(v);
	assert_true(fake_find(G)->stale_journal);
	fake_find(G)->ops->known(fake_find(G)->owner, &k); /* it has a file again */
	assert_true(engine_view(v->e, G, &w) && (w.flags & JOB_STALE_JOURNAL) == 0);
	fake_hold_stop = true;
	put_as(v, G, "z");
	fake_find(G)->ops->known(fake_find(G)->owner, &k); /* the one at the old path still */
	fake_end(fake_find(G), XFER_STOPPED, 0, NULL);
	settle(v);
	assert_true(fake_find(G)->stale_journal);
	add(v, 2, true);
	put_as(v, 2, "w");
	assert_true(engine_view(v->e, 2, &w) && (w.flags & JOB_STALE_JOURNAL) == 0); /* it never had one */
}

static void assert_waits_anew(struct env *v)
{
	struct job_view w;

	assert_true(engine_view(v->e, G, &w));
	assert_int_equal(w.state, JOB_WAITING);
	assert_int_equal(w.err, 0);
	assert_int_equal(w.ended_at, 0);
	assert_true(w.err_text == NULL || w.err_text[0] == '\0');
	assert_true(ranges_has(w.have, 0, 40));
	assert_string_equal(w.path, "/d/x");
	assert_string_equal(list(v, LIST_STOPPED), "");
}

/* At the end of the queue; durable; the part is its own again, for nobody else to adopt. */
static void a_retry_goes_on_with_its_part(void **state)
{
	struct env *v = *state;
	struct xfer_known got;

	receive_some(v);
	fake_end(fake_find(G), XFER_FAILED, ERR_RESET, "gone");
	add(v, 2, false);
	add(v, 3, true);
	settle(v);
	assert_int_equal(engine_retry(v->e, G, NULL, NULL), 0);
	assert_waits_anew(v);
	assert_string_equal(list(v, LIST_QUEUE), "3 abc1230000000001 ");
	assert_false(fake_find(2)->ops->adopt(fake_find(2)->owner, "/d/x", true, &got));
	fake_complete(fake_find(2), "/d/y", 10);
	flush(v);
	crash(v);
	engine_start(v->e);
	settle(v);
	assert_string_equal(fake_find(G)->path, "/d/x");
	assert_int_equal(fake_find(G)->total, 100);
}

/* By unpause, by retry, or by pause and unpause; the engine's other starts don't push. */
static void a_user_breaks_a_wait(void **state)
{
	struct env *v = *state;
	struct opts *o = opts_new(engine_global(v->e));

	receive_some(v);
	assert_false(fake_find(G)->hurry);
	assert_int_equal(engine_unpause(v->e, G, NULL), ERR_WRONG_STATE);
	fake_find(G)->waits = true;
	assert_int_equal(engine_unpause(v->e, G, NULL), 0);
	assert_int_equal(engine_retry(v->e, G, NULL, NULL), 0);
	assert_int_equal(fake_find(G)->hurries, 3);
	assert_int_equal(engine_retry(v->e, G, o, NULL), ERR_WRONG_STATE);
	opts_unref(o);
	assert_int_equal(state_of(v, G), JOB_ACTIVE);
	assert_int_equal(engine_pause(v->e, G, false, NULL), 0);
	settle(v);
	assert_int_equal(engine_unpause(v->e, G, NULL), 0);
	settle(v);
	assert_true(fake_find(G)->hurry);
	fake_end(fake_find(G), XFER_FAILED, ERR_RESET, "gone");
	settle(v);
	assert_int_equal(engine_retry(v->e, G, NULL, NULL), 0);
	settle(v);
	assert_true(fake_find(G)->hurry);
	crash(v);
	engine_start(v->e);
	settle(v);
	assert_false(fake_find(G)->hurry);
}

static void a_removed_one_runs_to_its_end_after_a_retry(void **state)
{
	struct env *v = *state;

	receive_some(v);
	assert_int_equal(engine_remove(v->e, G, false, NULL), 0);
	settle(v);
	assert_int_equal(engine_retry(v->e, G, NULL, NULL), 0);
	assert_waits_anew(v);
	settle(v);
	assert_string_equal(fake_find(G)->path, "/d/x");
	fake_end(fake_find(G), XFER_FAILED, ERR_RESET, "gone");
	settle(v);
	assert_int_equal(state_of(v, G), JOB_ERROR);
}

static void a_retry_may_bring_options(void **state)
{
	struct env *v = *state;
	struct job_view w;
	struct opts *o;

	receive_some(v);
	fake_end(fake_find(G), XFER_FAILED, ERR_RESET, "gone");
	settle(v);
	o = opts_new(engine_global(v->e));
	set_opt(o, "split", "3");
	set_opt(o, "gid", "00000000000000aa");
	assert_true(engine_view(v->e, G, &w));
	set_opt(o, "dir", w.dir);
	assert_int_equal(engine_retry(v->e, G, o, NULL), 0);
	assert_waits_anew(v);
	assert_true(engine_view(v->e, G, &w));
	assert_int_equal(opts_num(w.opts, OPT_SPLIT), 3);
	assert_false(opts_has(w.opts, OPT_GID));
	settle(v);
	fake_end(fake_find(G), XFER_FAILED, ERR_RESET, "gone");
	set_opt(o, "dir", "/elsewhere");
	assert_int_equal(engine_retry(v->e, G, o, NULL), 0);
	opts_unref(o);
	settle(v);
	assert_null(fake_find(G)->path);
	assert_string_equal(fake_find(G)->dir, "/elsewhere");
}

/* A file that was taken under its own name has one owner: not those who meant to take it, or gave it back. */
static void a_file_that_was_taken_is_forgotten_by_others(void **state)
{
	struct xfer_known k = {.path = "/d/x", .total = 100, .part_id = "7-1.0"};
	struct env *v = *state;

	make_active(v); /* has another part of that name, made earlier */
	k.part_id = "6-1.0";
	fake_find(G)->ops->known(fake_find(G)->owner, &k);
	assert_int_equal(engine_pause(v->e, G, false, NULL), 0);
	settle(v);
	k.part_id = "7-1.0";
	add(v, 1, false);
	settle(v);
	fake_find(1)->ops->known(fake_find(1)->owner, &k);
	assert_int_equal(engine_pause(v->e, 1, false, NULL), 0);
	settle(v);
	add(v, 2, false);
	settle(v);
	fake_find(2)->ops->known(fake_find(2)->owner, &k);
	fake_end(fake_find(2), XFER_FAILED, ERR_NO_RANGE, "given back");
	add(v, 3, false);
	settle(v);
	k.user_part = true;
	fake_find(3)->ops->known(fake_find(3)->owner, &k);
	flush(v);
	crash(v);
	engine_start(v->e);
	settle(v);
	assert_string_equal(fake_find(3)->path, "/d/x");
	assert_true(fake_find(3)->user_part);
	fake_end(fake_find(3), XFER_FAILED, ERR_RESET, "gone");
	assert_int_equal(engine_unpause(v->e, 1, NULL), 0);
	settle(v);
	assert_null(fake_find(1)->path);
	fake_complete(fake_find(1), "/d/y", 1);
	assert_int_equal(engine_retry(v->e, 2, NULL, NULL), 0);
	settle(v);
	assert_null(fake_find(2)->path);
	fake_complete(fake_find(2), "/d/z", 1);
	assert_int_equal(engine_unpause(v->e, G, NULL), 0);
	settle(v);
	assert_string_equal(fake_find(G)->path, "/d/x");
	assert_false(fake_find(G)->user_part);
}

static void what_was_told_is_durable_when_it_says_so(void **state)
{
	struct xfer_known k = {.path = "/d/x", .total = 100};
	struct env *v = *state;
	bool done = false;

	make_active(v);
	fake_find(G)->ops->known(fake_find(G)->owner, &k);
	fake_find(G)->ops->forget(fake_find(G)->owner);
	fake_find(G)->ops->durable(fake_find(G)->owner, turn_over, &done);
	assert_false(done);
	run_until(v, &done);
	crash(v);
	engine_start(v->e);
	settle(v);
	assert_null(fake_find(G)->path);
	assert_int_equal(fake_find(G)->total, -1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, env_setup, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_by_state),
		T(calls_on_unknown_gid),
		T(find_by_prefix),
		T(find_refuses_what_is_no_gid),
		T(add_gives_random_gids),
		T(add_refuses_a_taken_gid),
		T(add_at_positions),
		T(add_drops_unusable_uris),
		T(add_expands_parameters),
		T(add_keeps_what_was_given),
		T(uris_are_repeated_for_show),
		T(slots_are_filled_from_the_front),
		T(more_slots_start_fewer_stop_nothing),
		T(pause_of_active_goes_to_the_front),
		T(pause_of_waiting_tells_nothing),
		T(unpause_tells_a_start),
		T(gap_after_pause),
		T(gap_after_remove),
		T(a_complete_file_wins_over_a_wish),
		T(pause_wins_over_a_failure),
		T(removed_is_a_result),
		T(removed_from_the_queue_vanishes),
		T(pause_all_and_unpause_all),
		T(paused_ones_stand_as_they_were_asked),
		cmocka_unit_test(positions),
		T(lists_by_position),
		T(change_uris),
		T(change_uris_of_active_reaches_the_transfer),
		T(options_of_waiting_apply_at_once),
		T(header_is_replaced),
		T(live_options_do_not_restart),
		T(other_options_restart_in_the_slot),
		T(a_restart_waits_where_there_are_fewer_slots),
		T(the_same_path_again_keeps_the_file),
		T(pause_takes_the_place_of_a_restart),
		T(new_path_forgets_the_old_file),
		T(new_path_too_late_for_a_finished_file),
		T(global_options_are_for_later_adds),
		T(global_passes_over_what_is_not_global),
		T(results_are_trimmed_at_the_next_ending),
		T(no_results_still_tell_the_end),
		T(purge_forgets_results_only),
		T(views_of_ended_jobs),
		T(a_newcomer_adopts_the_part),
		T(who_lost_a_part_does_not_ask_its_journal),
		T(who_left_a_part_does_not_ask_its_journal),
		T(a_failure_says_where_and_what_is_kept),
		T(a_retry_goes_on_with_its_part),
		T(a_removed_one_runs_to_its_end_after_a_retry),
		T(a_user_breaks_a_wait),
		T(a_retry_may_bring_options),
		T(a_file_that_was_taken_is_forgotten_by_others),
		T(what_was_told_is_durable_when_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
