/* SPDX-License-Identifier: MIT
 * Tests of the session file: its text, that it reads back, and that a failure leaves the old one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

#include "base/input.h"
#include "core/session.h"

static char *const uris_a[] = {"http://a/x", "http://b/x"};
static char *const uris_b[] = {"http://c/y"};
static char *const uris_twice[] = {"http://a/x", "http://b/x", "http://a/x", "http://a/x", "http://b/"};
static const struct session_entry entries[] = {
	{.uris = uris_a,
		.n_uris = 2,
		.gid = 0x123456789abcdefu,
		.paused = true,
		.opts = "dir=/d\ngid=ffffffffffffffff\nheader=A: 1\nheader=B: 2\npause=true\npause-metadata=false\n"},
	{.uris = uris_a, .n_uris = 0, .gid = 7},
	{.uris = uris_b, .n_uris = 1, .gid = 2},
};
#define ENTRIES (sizeof(entries) / sizeof(entries[0]))

static const char text[] =
	"http://a/x\thttp://b/x\t\n gid=0123456789abcdef\n pause=true\n dir=/d\n header=A: 1\n header=B: 2\n"
	" pause-metadata=false\nhttp://c/y\t\n gid=0000000000000002\n";

/* As the engine does it: a slice an entry. */
static int write_session(const char *path, const struct session_entry *v, size_t n, struct fail *f)
{
	struct session_file *s = session_new(path);

	for (size_t i = 0; i < n; i++) {
		struct buf b;

		buf_init(&b, 4000);
		session_print(&b, &v[i]);
		session_append(s, b.data, b.len);
		buf_free(&b);
	}
	return session_commit(s, f);
}

struct fixture {
	char dir[40], path[80], temp[90];
	char got[4000];
	size_t n;
};

static int setup(void **state)
{
	struct fixture *t = calloc(1, sizeof(*t));

	strcpy(t->dir, "/tmp/haul-session-XXXXXX");
	if (mkdtemp(t->dir) == NULL)
		return -1;
	snprintf(t->path, sizeof(t->path), "%s/s", t->dir);
	snprintf(t->temp, sizeof(t->temp), "%s__temp", t->path);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *t = *state;

	unlink(t->temp);
	rmdir(t->temp);
	unlink(t->path);
	if (rmdir(t->dir) < 0)
		return -1;
	free(t);
	return 0;
}

/* Reads without gzip's help when raw. */
static void load(struct fixture *t, bool raw)
{
	int n;

	if (raw) {
		FILE *fp = fopen(t->path, "rb");

		assert_non_null(fp);
		n = (int)fread(t->got, 1, sizeof(t->got) - 1, fp);
		fclose(fp);
	} else {
		gzFile gz = gzopen(t->path, "rb");

		assert_non_null(gz);
		n = gzread(gz, t->got, sizeof(t->got) - 1);
		gzclose(gz);
	}
	assert_true(n >= 0);
	t->got[n] = '\0';
}

static void format_of_aria2(void **state)
{
	struct fixture *t = *state;
	struct stat st;

	assert_int_equal(write_session(t->path, entries, ENTRIES, NULL), 0);
	load(t, true);
	assert_string_equal(t->got, text);
	assert_int_equal(stat(t->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_not_equal(access(t->temp, F_OK), 0);
	assert_int_equal(write_session(t->path, NULL, 0, NULL), 0);
	load(t, true);
	assert_string_equal(t->got, "");
}

static void nothing_twice_and_no_empty_list(void **state)
{
	static const struct session_entry e = {.uris = uris_twice, .n_uris = 5, .gid = 1,
		.opts = "header=\nindex-out=\nreferer=\nheaderless=\n"};
	struct fixture *t = *state;

	assert_int_equal(write_session(t->path, &e, 1, NULL), 0);
	load(t, true);
	assert_string_equal(t->got, "http://a/x\thttp://b/x\thttp://b/\t\n gid=0000000000000001\n referer=\n"
				    " headerless=\n");
}

static void gzip_by_name(void **state)
{
	struct fixture *t = *state;

	strcat(t->path, ".gz");
	assert_int_equal(write_session(t->path, entries, ENTRIES, NULL), 0);
	load(t, true);
	assert_memory_equal(t->got, "\x1f\x8b", 2);
	load(t, false);
	assert_string_equal(t->got, text);
}

static void left_over_of_a_crash(void **state)
{
	struct fixture *t = *state;
	FILE *fp = fopen(t->temp, "w");

	assert_non_null(fp);
	fputs("old and longer than nothing", fp);
	fclose(fp);
	assert_int_equal(chmod(t->temp, 0666), 0);
	assert_int_equal(write_session(t->path, entries + 2, 1, NULL), 0);
	load(t, true);
	assert_string_equal(t->got, "http://c/y\t\n gid=0000000000000002\n");
}

static void failure_leaves_the_old_file(void **state)
{
	struct fixture *t = *state;
	struct fail f;

	assert_int_equal(write_session(t->path, entries, ENTRIES, &f), 0);
	assert_int_equal(mkdir(t->temp, 0700), 0);
	assert_int_equal(write_session(t->path, entries, 1, &f), ERR_IO);
	assert_int_equal(strncmp(f.text, "Failed to serialize session to '/tmp/", 37), 0);
	load(t, true);
	assert_string_equal(t->got, text);
	assert_int_equal(write_session("/nonexistent/folder/s", entries, 1, &f), ERR_IO);
	assert_non_null(strstr(f.text, "No such file"));
}

/* A file size limit makes the last write fail after the earlier ones went well. */
static void full_disk(void **state)
{
	struct fixture *t = *state;
	struct rlimit old, low;
	struct fail f;
	int err;

	assert_int_equal(write_session(t->path, entries + 2, 1, &f), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low = old;
	low.rlim_cur = 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	err = write_session(t->path, entries, ENTRIES, &f);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(err, ERR_IO);
	assert_non_null(strstr(f.text, "File too large"));
	assert_int_not_equal(access(t->temp, F_OK), 0);
	load(t, true);
	assert_string_equal(t->got, "http://c/y\t\n gid=0000000000000002\n");
}

static int take(void *arg, char **uris, size_t n, struct opts *opts, struct fail *f)
{
	struct fixture *t = arg;

	(void)f;
	t->n++;
	if (t->n == 1) {
		assert_int_equal(n, 2);
		assert_string_equal(uris[1], "http://b/x");
		assert_string_equal(opts_str(opts, OPT_GID), "0123456789abcdef");
		assert_true(opts_bool(opts, OPT_PAUSE));
		assert_string_equal(opts_str(opts, OPT_HEADER), "A: 1\nB: 2\n");
		assert_string_equal(opts_str(opts, OPT_DIR), "/d");
	} else {
		assert_int_equal(n, 1);
		assert_string_equal(opts_str(opts, OPT_GID), "0000000000000002");
		assert_false(opts_bool(opts, OPT_PAUSE));
	}
	return 0;
}

static void reads_back(void **state)
{
	struct fixture *t = *state;
	struct opts *parent = opts_new(NULL);

	strcat(t->path, ".gz");
	assert_int_equal(write_session(t->path, entries, ENTRIES, NULL), 0);
	assert_int_equal(input_read(t->path, take, t, parent, NULL), 0);
	assert_int_equal(t->n, 2);
	opts_unref(parent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(format_of_aria2),
		T(nothing_twice_and_no_empty_list),
		T(gzip_by_name),
		T(left_over_of_a_crash),
		T(failure_leaves_the_old_file),
		T(full_disk),
		T(reads_back),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
