/* SPDX-License-Identifier: MIT
 * Hooks: which program is run for which event, and with what arguments.
 */
#include <sys/stat.h>

#include "engine_env.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_event_has_its_program, env_setup, env_teardown),
		cmocka_unit_test_setup_teardown(a_program_that_is_not_there_is_no_harm, env_setup, env_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
