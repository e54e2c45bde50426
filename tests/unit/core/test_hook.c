/* SPDX-License-Identifier: MIT
 * Hooks: which program is run for which event, with what arguments, how many at a time, and what becomes of those that wait.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include "engine_env.h"

#include "core/hook.h"

#undef HOOKS_BYTES
#define HOOKS_BYTES ((size_t)16 << 10)

#include "core/hook.c"

#define G 0xabc1230000000001ull

/* A program that appends its name and arguments to a file. */
static void set_hook(struct env *v, const char *option, const char *name)
{
	char path[80];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", v->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\necho %s \"$1\" \"$2\" \"$3\" >>%s/out.tmp && mv %s/out.tmp %s/out\n", name, v->dir, v->dir, v->dir);
	fclose(f);
	assert_int_equal(chmod(path, 0700), 0);
	set_opt(v->global, option, path);
}

/* What the one hook that was run has said; the file is taken away. */
static const char *said(struct env *v)
{
	static char text[200];
	char path[80];
	FILE *f = NULL;

	snprintf(path, sizeof(path), "%s/out", v->dir);
	for (int i = 0; f == NULL && i < 500; i++) {
		uv_run(&v->loop.uv, UV_RUN_NOWAIT);
		f = fopen(path, "r");
		if (f == NULL)
			usleep(10000);
	}
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	unlink(path);
	return text;
}

static void each_event_has_its_program(void **state)
{
	struct env *v = *state;
	struct hooks *h = hooks_new(v->e);

	set_hook(v, "on-download-start", "start");
	set_hook(v, "on-download-pause", "pause");
	set_hook(v, "on-download-stop", "stop");
	set_hook(v, "on-download-complete", "complete");
	add(v, G, false);
	settle(v);
	assert_string_equal(said(v), "start abc1230000000001 1 \n");
	engine_pause(v->e, G, false, NULL);
	settle(v);
	assert_string_equal(said(v), "pause abc1230000000001 1 \n");
	engine_unpause(v->e, G, NULL);
	settle(v);
	said(v);
	fake_complete(fake_find(G), "/d/a b;c", 1);
	settle(v);
	assert_string_equal(said(v), "complete abc1230000000001 1 /d/a b;c\n");
	add(v, 2, false);
	settle(v);
	said(v);
	fake_end(fake_find(2), XFER_FAILED, ERR_RESET, "gone"); /* no on-download-error: stop takes its place */
	settle(v);
	assert_string_equal(said(v), "stop 0000000000000002 1 \n");
	hooks_free(h);
}

static void a_program_that_is_not_there_is_no_harm(void **state)
{
	struct env *v = *state;
	struct hooks *h = hooks_new(v->e);

	set_opt(v->global, "on-download-start", "/nowhere/prog");
	add(v, G, false);
	settle(v);
	assert_int_equal(state_of(v, G), JOB_ACTIVE);
	hooks_free(h);
}

/* ---- many ---- */

/* A program that waits until `go` is there, then notes its arguments. */
static void set_patient_hook(struct env *v)
{
	char path[80];
	FILE *f;

	snprintf(path, sizeof(path), "%s/patient", v->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\ncd %s || exit\nwhile [ -e patient ] && [ ! -e go ]; do sleep 0.05; done\necho \"$1 $3\" >>ran\n", v->dir);
	fclose(f);
	assert_int_equal(chmod(path, 0700), 0);
	set_opt(v->global, "on-download-start", path);
	set_opt(v->global, "on-download-error", path);
}

static void go(struct env *v)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/go", v->dir);
	fclose(fopen(path, "w"));
}

/* How many lines of a file in the folder have the text. */
static int lines_with(struct env *v, const char *name, const char *text)
{
	char path[80], line[400];
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", v->dir, name);
	f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, text) != NULL;
	if (f != NULL)
		fclose(f);
	return n;
}

static void log_here(struct env *v)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/log", v->dir);
	assert_int_equal(log_setup(LOG_LVL_ERROR, true, path, LOG_LVL_WARN), 0);
}

static void raise_events(struct hooks *h, enum event_type t, int n)
{
	for (int i = 1; i <= n; i++)
		on_event(h, &(struct event){.type = t, .gid = (uint64_t)i, .path = ""});
}

static void run_until_running(struct env *v, const struct hooks *h, unsigned n)
{
	while (h->n_runs != n)
		uv_run(&v->loop.uv, UV_RUN_ONCE);
}

static void run_until_ended(struct env *v, const struct hooks *h)
{
	while (hooks_waiting(h) > 0 || h->n_runs > 0)
		uv_run(&v->loop.uv, UV_RUN_ONCE);
}

static void so_many_run_at_a_time(void **state)
{
	enum { MANY = 100 };
	struct env *v = *state;
	struct hooks *h = hooks_new(v->e);
	char gid[20];

	set_patient_hook(v);
	raise_events(h, EV_START, MANY);
	assert_int_equal(h->n_runs, 0); /* not in the event's turn */
	run_until_running(v, h, HOOKS_AT_A_TIME);
	settle(v);
	assert_int_equal(h->n_runs, HOOKS_AT_A_TIME);
	assert_int_equal(hooks_waiting(h), MANY - HOOKS_AT_A_TIME);
	for (struct hook_run *r = LIST_FIRST(&h->runs); r != NULL; r = LIST_NEXT(r, link))
		assert_true(r->ev.gid <= HOOKS_AT_A_TIME); /* in order */
	go(v);
	run_until_ended(v, h);
	assert_int_equal(hooks_waiting(h), 0);
	assert_int_equal(h->waiting_bytes, 0);
	assert_int_equal(lines_with(v, "ran", ""), MANY);
	for (int i = 1; i <= MANY; i++) {
		snprintf(gid, sizeof(gid), "%016x ", i);
		assert_int_equal(lines_with(v, "ran", gid), 1);
	}
	hooks_free(h);
}

/* A few in a turn: forks are dear. */
static void a_turn_starts_a_few(void **state)
{
	struct env *v = *state;
	struct hooks *h = hooks_new(v->e);

	set_patient_hook(v);
	raise_events(h, EV_START, 20);
	uv_run(&v->loop.uv, UV_RUN_NOWAIT);
	assert_in_range(h->n_runs, 1, 2 * A_TURN); /* deferred work is looked at twice in a turn */
	go(v);
	run_until_ended(v, h);
	hooks_free(h);
}

/* What is told is what was so at the event: the result may be forgotten before the program is started. */
static void arguments_are_of_the_event(void **state)
{
	struct env *v = *state;
	struct hooks *h = hooks_new(v->e);

	set_patient_hook(v);
	set_opt(v->global, "on-download-complete", opts_str(v->global, OPT_ON_DOWNLOAD_START));
	raise_events(h, EV_ERROR, HOOKS_AT_A_TIME);
	run_until_running(v, h, HOOKS_AT_A_TIME);
	set_opt(v->global, "on-download-start", "");
	add(v, G, false);
	settle(v);
	fake_complete(fake_find(G), "/d/its path", 1);
	settle(v);
	assert_int_equal(engine_remove_result(v->e, G, NULL), 0);
	settle(v);
	assert_int_equal(hooks_waiting(h), 1);
	go(v);
	run_until_ended(v, h);
	assert_int_equal(lines_with(v, "ran", "abc1230000000001 /d/its path"), 1);
	hooks_free(h);
}

/* Also when the download is forgotten before its end is durable, and told, even if another one has its GID by then. */
static void who_is_gone_has_its_hook(void **state)
{
	struct env *v = *state;
	struct hooks *h = hooks_new(v->e);

	set_hook(v, "on-download-complete", "complete");
	set_opt(v->global, "max-download-result", "0");
	add(v, G, false);
	settle(v);
	fake_complete(fake_find(G), "/d/gone", 1);
	settle(v);
	assert_string_equal(said(v), "complete abc1230000000001 1 /d/gone\n");
	add(v, G, false);
	settle(v);
	v->events[0] = '\0';
	pthread_mutex_lock(&test_disk);
	fake_complete(fake_find(G), "/d/earlier", 1);
	add(v, G, true); /* another one has the GID before that is durable */
	pthread_mutex_unlock(&test_disk);
	settle(v);
	assert_string_equal(said(v), "complete abc1230000000001 1 /d/earlier\n");
	assert_string_equal(events(v), ""); /* clients would take it for the new one's */
	hooks_free(h);
}

static void without_descriptors_they_wait(void **state)
{
	struct env *v = *state;
	struct hooks *h = hooks_new(v->e);
	struct rlimit old, none;
	int free_fd;

	set_patient_hook(v);
	log_here(v);
	go(v);
	settle(v);
	free_fd = dup(0);
	close(free_fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = (rlim_t)free_fd;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	raise_events(h, EV_START, 3);
	while (!h->short_of)
		uv_run(&v->loop.uv, UV_RUN_ONCE);
	on_turn(h); /* again in vain */
	assert_int_equal(hooks_waiting(h), 3);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	run_until_ended(v, h);
	assert_int_equal(lines_with(v, "ran", ""), 3);
	assert_int_equal(lines_with(v, "log", "hooks wait, 3 of them: no program can be started: too many open files"), 1);
	hooks_free(h);
}

/* Beyond the bound, and at the end, the log says what was not run. */
static void what_is_not_run_is_told(void **state)
{
	struct env *v = *state;
	struct hooks *h = hooks_new(v->e);
	int lost, waiting;

	set_patient_hook(v);
	log_here(v);
	raise_events(h, EV_START, 400);
	assert_true(h->waiting_bytes <= HOOKS_BYTES);
	waiting = (int)hooks_waiting(h);
	lost = lines_with(v, "log", ", is not run: too many wait already");
	assert_in_range(waiting, 50, 399);
	assert_int_equal(lost + waiting, 400);
	assert_int_equal(lines_with(v, "log", "ERROR core: the hook for \"start\" of GID#0000000000000190, "), 1); /* 400 */
	run_until_running(v, h, HOOKS_AT_A_TIME);
	hooks_free(h);
	assert_int_equal(lines_with(v, "log", ", is not run: hauld ends"), waiting - HOOKS_AT_A_TIME);
	go(v); /* those that run are left to themselves */
	while (lines_with(v, "ran", "") < HOOKS_AT_A_TIME)
		usleep(10000);
}

static void a_status_names_its_download(void **state)
{
	struct env *v = *state;
	struct hooks *h = hooks_new(v->e);

	log_here(v);
	set_opt(v->global, "on-download-error", "/bin/false");
	on_event(h, &(struct event){.type = EV_ERROR, .gid = G, .path = ""});
	run_until_ended(v, h);
	assert_int_equal(
		lines_with(v, "log", "the hook for \"error\" of GID#abc1230000000001 ended with status 1, signal 0"), 1);
	hooks_free(h);
}

static void count_call(void *arg)
{
	++*(int *)arg;
}

static void idle_is_told(void **state)
{
	struct env *v = *state;
	struct hooks *h = hooks_new(v->e);
	int idle = 0;

	hooks_on_idle(h, count_call, &idle);
	set_opt(v->global, "on-download-start", "/nowhere/prog");
	set_opt(v->global, "on-download-error", "/bin/true");
	raise_events(h, EV_START, 3);
	on_event(h, &(struct event){.type = EV_ERROR, .gid = 1, .path = ""});
	while (idle == 0)
		uv_run(&v->loop.uv, UV_RUN_ONCE);
	assert_int_equal(hooks_waiting(h), 0);
	run_until_ended(v, h);
	hooks_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_event_has_its_program, env_setup, env_teardown),
		cmocka_unit_test_setup_teardown(a_program_that_is_not_there_is_no_harm, env_setup, env_teardown),
		cmocka_unit_test_setup_teardown(so_many_run_at_a_time, env_setup, env_teardown),
		cmocka_unit_test_setup_teardown(a_turn_starts_a_few, env_setup, env_teardown),
		cmocka_unit_test_setup_teardown(arguments_are_of_the_event, env_setup, env_teardown),
		cmocka_unit_test_setup_teardown(who_is_gone_has_its_hook, env_setup, env_teardown),
		cmocka_unit_test_setup_teardown(without_descriptors_they_wait, env_setup, env_teardown),
		cmocka_unit_test_setup_teardown(what_is_not_run_is_told, env_setup, env_teardown),
		cmocka_unit_test_setup_teardown(a_status_names_its_download, env_setup, env_teardown),
		cmocka_unit_test_setup_teardown(idle_is_told, env_setup, env_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
