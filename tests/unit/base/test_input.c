/* SPDX-License-Identifier: MIT
 * Tests of the input file: aria2's format, and that nothing is added when anything in it is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/input.h"

struct fixture {
	char path[64];
	struct opts *parent;
	char got[4000]; /* one line an entry: URIs joined by ' ', then its own options joined by ',' */
	size_t n, refuse;
};

static int setup(void **state)
{
	struct fixture *t = calloc(1, sizeof(*t));
	int fd;

	log_setup(LOG_LVL_ERROR, true, NULL, LOG_LVL_ERROR);
	strcpy(t->path, "/tmp/haul-input-XXXXXX");
	fd = mkstemp(t->path);
	if (fd < 0)
		return -1;
	close(fd);
	t->parent = opts_new(NULL);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *t = *state;

	unlink(t->path);
	opts_unref(t->parent);
	free(t);
	return 0;
}

static void put_bytes(const struct fixture *t, const char *text, size_t n, bool gzip)
{
	gzFile gz = gzopen(t->path, gzip ? "wb" : "wbT");

	assert_non_null(gz);
	assert_true(n == 0 || gzwrite(gz, text, (unsigned)n) == (int)n);
	assert_int_equal(gzclose(gz), Z_OK);
}

static int take(void *arg, char **uris, size_t n, struct opts *opts, struct fail *f)
{
	struct fixture *t = arg;
	struct buf b;
	size_t i;
	char *p;

	if (opts == NULL) {
		assert_null(uris);
		assert_int_equal(n, 0);
		assert_int_equal(f->code, ERR_USAGE);
		snprintf(t->got + strlen(t->got), sizeof(t->got) - strlen(t->got), "spoilt%s\n", strchr(f->text, ':'));
		return f->code;
	}
	assert_true(n > 0);
	for (i = 0; i < n; i++)
		snprintf(t->got + strlen(t->got), sizeof(t->got) - strlen(t->got), "%s%s", i > 0 ? " " : "", uris[i]);
	buf_init(&b, 2000);
	opts_encode(opts, 0, &b);
	for (p = b.data; p != NULL && *p != '\0'; p++)
		if (*p == '\n')
			*p = ',';
	snprintf(t->got + strlen(t->got), sizeof(t->got) - strlen(t->got), " ;%s\n", b.len > 0 ? b.data : "");
	buf_free(&b);
	return ++t->n == t->refuse ? fail_set(f, ERR_BAD_URI, "No URI to download.") : 0;
}

static int read_text(struct fixture *t, const char *text, struct fail *f)
{
	put_bytes(t, text, strlen(text), false);
	t->got[0] = '\0';
	t->n = 0;
	return input_read(t->path, take, t, t->parent, f);
}

static void gives(void **state, const char *text, const char *want)
{
	struct fixture *t = *state;
	struct fail f = {0};

	assert_int_equal(read_text(t, text, &f), 0);
	assert_string_equal(t->got, want);
}

static void lines(void **state)
{
	gives(state, "", "");
	gives(state, "http://a/", "http://a/ ;\n");
	gives(state, "http://a/\thttp://b/\t\nhttp://c/\n", "http://a/ http://b/ ;\nhttp://c/ ;\n");
	gives(state, "# x\n\n   \n\t\nhttp://a/ \r\n\n out = b.bin \n#c\n dir=/d\r\n\nhttp://c/\n",
		"http://a/ ;dir=/d,out=b.bin,\nhttp://c/ ;\n");
	gives(state, "\xef\xbb\xbfhttp://a/\n\tsplit=3\n", "http://a/ ;split=3,\n");
	gives(state, "\xef\xbb\xbf# c\n\t\thttp://no/\n", "");
	gives(state, " \thttp://a/\n", "");
}

static void options(void **state)
{
	gives(state, "http://a/\n split=3\n split=4\n", "http://a/ ;split=4,\n");
	gives(state, "http://a/\n gid=2089b05ecca3d829\n pause=true\n",
		"http://a/ ;gid=2089b05ecca3d829,pause=true,\n");
	gives(state, "http://a/\n rpc-listen-port=1\n unknown-thing=1\n # comment\n =x\n noequal\n", "http://a/ ;\n");
	gives(state, "http://a/\n header=A: 1\n header=B: 2\n", "http://a/ ;header=A: 1,header=B: 2,\n");
	gives(state, "http://a/\n out=a=b\n", "http://a/ ;out=a=b,\n");
	gives(state, " out=x\nhttp://a/\n", "http://a/ ;\n");
	gives(state, "http://a/\n continue\n =split\n", "http://a/ ;continue=true,\n");
}

static void a_checksum_is_for_every_entry(void **state)
{
	struct fixture *t = *state;
	static const char one[] = "md5=00000000000000000000000000000000", two[] = "md5=11111111111111111111111111111111";
	char text[200], want[200];

	assert_int_equal(opts_set(t->parent, OPT_CHECKSUM, one, NULL), 0);
	assert_int_equal(opts_set(t->parent, OPT_OUT, "not-for-all", NULL), 0);
	snprintf(text, sizeof(text), "http://a/\nhttp://b/\n checksum=%s\n", two);
	snprintf(want, sizeof(want), "http://a/ ;checksum=%s,\nhttp://b/ ;checksum=%s,\n", one, two);
	gives(state, text, want);
}

static void own_list_replaces_the_inherited_one(void **state)
{
	struct fixture *t = *state;

	assert_int_equal(opts_set(t->parent, OPT_HEADER, "G: 0", NULL), 0);
	gives(state, "http://a/\n header=A: 1\nhttp://b/\n", "http://a/ ;header=A: 1,\nhttp://b/ ;\n");
}

static void fails_with(struct fixture *t, const char *text, int code, const char *part)
{
	struct fail f = {0};

	assert_int_equal(read_text(t, text, &f), code);
	assert_int_equal(f.code, code);
	if (strstr(f.text, part) == NULL || strstr(f.text, "haul-input-") == NULL)
		fail_msg("%s: not in: %s", part, f.text);
	assert_int_equal(t->n, 0);
}

static void bad_values_stop_everything(void **state)
{
	fails_with(*state, "http://a/\n\nhttp://b/\n split=x\n", ERR_USAGE, ":4: split: ");
	fails_with(*state, "http://a/\n split\n", ERR_USAGE, ":2: split: ");
	fails_with(*state, "http://a/\n checksum=md5=1\n", ERR_USAGE, ":2: checksum: ");
}

static void refused_entries_are_passed_over(void **state)
{
	struct fixture *t = *state;

	t->refuse = 1;
	gives(state, "bad\nhttp://b/\n", "bad ;\nhttp://b/ ;\n");
}

static void entry_by_entry(void **state)
{
	struct fixture *t = *state;
	static const char text[] = "# c\nhttp://a/\n split=3\nhttp://b/\n split=0\n out=x\n\nhttp://c/\n";
	struct input *in;
	struct fail f;

	put_bytes(t, text, sizeof(text) - 1, false);
	assert_int_equal(input_open(t->path, t->parent, &in, &f), 0);
	t->n = 0;
	assert_int_equal(input_next(in, take, t, &f), 1);
	assert_int_equal(t->n, 1);
	assert_int_equal(input_next(in, take, t, &f), ERR_USAGE);
	assert_non_null(strstr(f.text, ":5: split: "));
	assert_int_equal(t->n, 1);
	assert_int_equal(input_next(in, take, t, &f), 1);
	assert_int_equal(t->n, 2);
	assert_int_equal(input_next(in, take, t, &f), 0);
	assert_int_equal(input_next(in, take, t, &f), 0);
	input_close(in);
	assert_int_equal(input_open("/nonexistent/list", t->parent, &in, &f), ERR_INPUT);
}

/* A GID that is none, and what hauld does not take though aria2 writes it into a session file, costs one entry. */
static void spoilt_entries_are_told_of(void **state)
{
	struct fixture *t = *state;

	gives(state, "http://a/\n gid=1\n out=x\nhttp://b/\n split=2\n",
		"spoilt:2: gid: must be 16 hex digits, not all zero\nhttp://b/ ;split=2,\n");
	gives(state, "http://a/\thttp://b/\n gid=0000000000000000\n",
		"spoilt:2: gid: must be 16 hex digits, not all zero\n");
	gives(state, "http://a/\n header=nocolon\nhttp://b/\n",
		"spoilt:2: header: must be \"Name: value\"\nhttp://b/ ;\n");
	assert_int_equal(read_text(t, "http://a/\n out=/abs\nhttp://b/\n", &(struct fail){0}), 0);
	assert_non_null(strstr(t->got, "spoilt:2: out: "));
	assert_non_null(strstr(t->got, "http://b/ ;\n"));
	fails_with(t, "http://a/\n gid=1\n split=0\n", ERR_USAGE, ":3: split: ");
	/* one message an entry, however many URIs are downloads of their own */
	assert_int_equal(opts_set(t->parent, OPT_FORCE_SEQUENTIAL, "true", NULL), 0);
	gives(state, "http://a/\thttp://b/\n gid=0\n", "spoilt:2: gid: must be 16 hex digits, not all zero\n");
}

static void pause_of_the_start_holds_for_all(void **state)
{
	struct fixture *t = *state;

	assert_int_equal(opts_set(t->parent, OPT_PAUSE, "true", NULL), 0);
	gives(state, "http://a/\nhttp://b/\n pause=false\n", "http://a/ ;pause=true,\nhttp://b/ ;pause=false,\n");
	assert_int_equal(opts_set(t->parent, OPT_OUT, "x", NULL), 0); /* but not this: one file, one name */
	gives(state, "http://a/\n", "http://a/ ;pause=true,\n");
}

static void one_download_a_uri(void **state)
{
	struct fixture *t = *state;

	assert_int_equal(opts_set(t->parent, OPT_FORCE_SEQUENTIAL, "true", NULL), 0);
	gives(state, "http://a/\thttp://b/[1-2]\n split=2\n", "http://a/ ;split=2,\nhttp://b/[1-2] ;split=2,\n");
	assert_int_equal(opts_set(t->parent, OPT_PARAMETERIZED_URI, "true", NULL), 0);
	gives(state, "http://a/\thttp://b/[1-2]\nhttp://x/[\n", "http://a/ ;\nhttp://b/1 ;\nhttp://b/2 ;\n");
}

static void gzip_is_recognised(void **state)
{
	static const char text[] = "http://a/\n out=x\n";
	struct fixture *t = *state;
	struct fail f;

	put_bytes(t, text, strlen(text), true);
	assert_int_equal(input_read(t->path, take, t, t->parent, &f), 0);
	assert_string_equal(t->got, "http://a/ ;out=x,\n");
	assert_int_equal(truncate(t->path, 30), 0);
	t->n = 0;
	assert_int_equal(input_read(t->path, take, t, t->parent, &f), ERR_INPUT);
	assert_int_equal(t->n, 0);
}

static void unreadable_files(void **state)
{
	struct fixture *t = *state;
	struct fail f;

	assert_int_equal(input_read("/nonexistent/list", take, t, t->parent, &f), ERR_INPUT);
	assert_non_null(strstr(f.text, "/nonexistent/list"));
	assert_non_null(strstr(f.text, "No such file"));
	assert_int_equal(input_read("/tmp", take, t, t->parent, &f), ERR_INPUT);
	assert_int_equal(t->n, 0);
	put_bytes(t, "http://a/\0x\n", 12, false);
	assert_int_equal(input_read(t->path, take, t, t->parent, &f), ERR_INPUT);
	assert_non_null(strstr(f.text, ":1: a NUL byte"));
}

static void long_lines(void **state)
{
	struct fixture *t = *state;
	size_t n = INPUT_LINE_MAX + 3;
	char *text = malloc(n);
	struct fail f;

	memset(text, 'a', n);
	text[0] = '#';
	text[1] = '\n';
	text[INPUT_LINE_MAX + 2] = '\n';
	put_bytes(t, text, n, false);
	assert_int_equal(input_read(t->path, take, t, t->parent, &f), 0);
	assert_int_equal(t->n, 1);
	text[INPUT_LINE_MAX + 2] = 'a';
	put_bytes(t, text, n, false);
	assert_int_equal(input_read(t->path, take, t, t->parent, &f), ERR_INPUT);
	assert_non_null(strstr(f.text, ":2: "));
	assert_int_equal(t->n, 1);
	free(text);
}

static void standard_input(void **state)
{
	struct fixture *t = *state;
	struct fail f;

	put_bytes(t, "http://a/\n", 10, false);
	assert_non_null(freopen(t->path, "r", stdin));
	assert_int_equal(input_read("-", take, t, t->parent, &f), 0);
	assert_string_equal(t->got, "http://a/ ;\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(lines),
		T(options),
		T(own_list_replaces_the_inherited_one),
		T(a_checksum_is_for_every_entry),
		T(entry_by_entry),
		T(bad_values_stop_everything),
		T(refused_entries_are_passed_over),
		T(spoilt_entries_are_told_of),
		T(pause_of_the_start_holds_for_all),
		T(one_download_a_uri),
		T(gzip_is_recognised),
		T(unreadable_files),
		T(long_lines),
		T(standard_input),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
