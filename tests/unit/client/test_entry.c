/* SPDX-License-Identifier: MIT
 * Tests of entries: mirrors, one by one, input files, folders, and the names that let a command find its work again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <unistd.h>

#include "client/entry.c"
#include "client/optjson.c"

/* A command line with these words and options. */
static struct cli line(struct opts *o, char **words, size_t n)
{
	static const struct cmd get = {.name = "get"};
	return (struct cli){.cmd = &get, .opts = o, .words = words, .nwords = n};
}

static char *a = (char *)(uintptr_t) "http://a/f", *b = (char *)(uintptr_t) "http://b/f";

static void several_uris_are_mirrors(void **state)
{
	char *words[] = {a, b, NULL};
	struct opts *o = opts_new(NULL);
	struct cli cli = line(o, words, 2);
	struct entries es;
	struct fail f;
	(void)state;
	assert_int_equal(entries_read(&cli, &es, &f), 0);
	assert_int_equal(es.n, 1);
	assert_int_equal(es.v[0].n, 2);
	entries_free(&es);
	opts_set(o, OPT_FORCE_SEQUENTIAL, "true", NULL);
	assert_int_equal(entries_read(&cli, &es, &f), 0);
	assert_int_equal(es.n, 2);
	assert_int_equal(es.v[1].n, 1);
	assert_string_equal(es.v[1].uris[0], b);
	entries_free(&es);
	opts_unref(o);
}

static void a_word_can_stand_for_several(void **state)
{
	char *words[] = {(char *)(uintptr_t) "http://{a,b}/f[1-2]", a, NULL};
	struct opts *o = opts_new(NULL);
	struct cli cli = line(o, words, 2);
	struct entries es;
	struct fail f;
	(void)state;
	opts_set(o, OPT_PARAMETERIZED_URI, "true", NULL);
	assert_int_equal(entries_read(&cli, &es, &f), 0);
	assert_int_equal(es.n, 1);
	assert_int_equal(es.v[0].n, 5);
	assert_string_equal(es.v[0].uris[3], "http://b/f2");
	/* what is expanded already must not be expanded again by the daemon */
	assert_false(opts_bool(es.v[0].opts, OPT_PARAMETERIZED_URI));
	entries_free(&es);
	opts_set(o, OPT_FORCE_SEQUENTIAL, "true", NULL);
	assert_int_equal(entries_read(&cli, &es, &f), 0);
	assert_int_equal(es.n, 5);
	assert_string_equal(es.v[4].uris[0], a);
	entries_free(&es);
	words[0] = (char *)(uintptr_t) "http://a/[1-";
	assert_int_equal(entries_read(&cli, &es, &f), ERR_BAD_URI);
	entries_free(&es);
	opts_unref(o);
}

static void what_is_no_uri_is_refused(void **state)
{
	static const struct {
		const char *word, *why;
	} bad[] = {{"file.iso", "begins with http://"}, {"magnet:?xt=urn:btih:0", "magnet links are not"},
		{"-", "begins with http://"}, {"/etc/passwd", "is a file"}, {"http://h:99999/x", "its host or port"},
		{"http:///x", "its host or port"}};
	struct opts *o = opts_new(NULL);
	struct fail f;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *words[] = {(char *)(uintptr_t)bad[i].word, NULL};
		struct cli cli = line(o, words, 1);
		struct entries es;
		assert_int_equal(entries_read(&cli, &es, &f), ERR_BAD_URI);
		assert_non_null(strstr(f.text, bad[i].why));
		entries_free(&es);
	}
	struct cli none = line(o, NULL, 0);
	struct entries es;
	assert_int_equal(entries_read(&none, &es, &f), ERR_BAD_URI);
	entries_free(&es);
	opts_unref(o);
}

/* Reads text as an input file with o as the command line's options. */
static int try_input(const char *text, struct opts *o, struct entries *ret, struct fail *f)
{
	char path[] = "/tmp/haul-entry-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	opts_set(o, OPT_INPUT_FILE, path, NULL);
	struct cli cli = line(o, NULL, 0);
	int rc = entries_read(&cli, ret, f);
	unlink(path);
	return rc;
}

static void read_input(const char *text, struct opts *o, struct entries *ret)
{
	struct fail f = {0};
	assert_int_equal(try_input(text, o, ret, &f), 0);
}

static void input_entries_have_their_own_options(void **state)
{
	struct opts *o = opts_new(NULL);
	struct entries es;
	(void)state;
	opts_set(o, OPT_SPLIT, "4", NULL);
	opts_set(o, OPT_OUT, "not-inherited", NULL);
	read_input("# list\nhttp://a/1\thttp://b/1\n out=one\n split=9\n\nhttp://a/2\n", o, &es);
	assert_int_equal(es.n, 2);
	assert_int_equal(es.v[0].n, 2);
	json_t *first = entry_params(&es.v[0], NULL), *second = entry_params(&es.v[1], "00000000000000ff");
	assert_string_equal(json_string_value(json_object_get(json_array_get(first, 1), "out")), "one");
	assert_string_equal(json_string_value(json_object_get(json_array_get(first, 1), "split")), "9");
	assert_string_equal(json_string_value(json_object_get(json_array_get(second, 1), "split")), "4");
	assert_null(json_object_get(json_array_get(second, 1), "out"));
	assert_null(json_object_get(json_array_get(second, 1), "input-file"));
	assert_string_equal(json_string_value(json_object_get(json_array_get(second, 1), "gid")), "00000000000000ff");
	json_decref(first);
	json_decref(second);
	entries_free(&es);
	opts_unref(o);
}

/* Bytes that are no UTF-8, of a word or a list, reach the daemon: not one URI is lost. */
static void uris_of_any_bytes_are_sent(void **state)
{
	struct opts *o = opts_new(NULL);
	struct entries es;
	(void)state;
	read_input("http://a/caf\xe9 x?q=\xe9\thttp://b/caf\xc3\xa9\thttp://\xe9/x\n", o, &es);
	json_t *params = entry_params(&es.v[0], NULL), *uris = json_array_get(params, 0);
	assert_int_equal(json_array_size(uris), 2); /* the third has a host that is no name */
	assert_string_equal(json_string_value(json_array_get(uris, 0)), "http://a/caf%E9%20x?q=%E9");
	assert_string_equal(json_string_value(json_array_get(uris, 1)), "http://b/caf\xc3\xa9");
	json_decref(params);
	entries_free(&es);
	opts_unref(o);
}

/* Unlike in the daemon, where a session must start as far as it can. */
static void a_spoilt_entry_is_an_error_of_the_list(void **state)
{
	struct opts *o = opts_new(NULL);
	struct entries es;
	struct fail f = {0};
	(void)state;
	assert_int_equal(try_input("http://a/\n gid=1\nhttp://b/\n gid=2\n", o, &es, &f), ERR_USAGE);
	assert_int_equal(f.code, ERR_USAGE);
	assert_non_null(strstr(f.text, ":2: gid: "));
	entries_free(&es);
	opts_unref(o);
}

static void pause_holds_for_the_whole_list(void **state)
{
	struct opts *o = opts_new(NULL);
	struct entries es;
	(void)state;
	opts_set(o, OPT_PAUSE, "true", NULL);
	read_input("http://a/\nhttp://b/\n pause=false\n", o, &es);
	assert_true(opts_bool(es.v[0].opts, OPT_PAUSE));
	assert_false(opts_bool(es.v[1].opts, OPT_PAUSE));
	entries_free(&es);
	opts_unref(o);
}

static void a_checksum_is_for_every_entry(void **state)
{
	struct opts *o = opts_new(NULL);
	struct entries es;
	(void)state;
	opts_set(o, OPT_CHECKSUM, "md5=00000000000000000000000000000000", NULL);
	read_input("http://a/1\n checksum=md5=11111111111111111111111111111111\nhttp://a/2\n", o, &es);
	assert_int_equal(es.n, 2);
	assert_string_equal(opts_str(es.v[0].opts, OPT_CHECKSUM), "md5=11111111111111111111111111111111");
	assert_string_equal(opts_str(es.v[1].opts, OPT_CHECKSUM), "md5=00000000000000000000000000000000");
	entries_free(&es);
	opts_unref(o);
}

static void one_name_is_not_for_several(void **state)
{
	char *words[] = {a, b, NULL};
	struct opts *o = opts_new(NULL);
	struct entries es;
	struct fail f;
	(void)state;
	opts_set(o, OPT_FORCE_SEQUENTIAL, "true", NULL);
	opts_set(o, OPT_OUT, "name", NULL);
	for (size_t n = 1; n <= 2; n++) {
		struct cli cli = line(o, words, n);
		assert_int_equal(entries_read(&cli, &es, &f), 0);
		assert_int_equal(opts_has(es.v[0].opts, OPT_OUT), n == 1);
		entries_free(&es);
	}
	opts_unref(o);
}

static void a_deferred_file_is_read_bit_by_bit(void **state)
{
	struct opts *o = opts_new(NULL);
	struct entries es;
	struct fail f = {0};
	char first[17];
	(void)state;
	opts_set(o, OPT_DEFERRED_INPUT, "true", NULL);
	read_input("http://a/1\nhttp://a/2\n split=5\nhttp://a/3\n split=0\nhttp://a/4\nhttp://a/1\n", o, &es);
	assert_int_equal(es.n, 0);
	assert_int_equal(entries_next(&es, 1, &f), 1);
	assert_string_equal(es.v[0].uris[0], "http://a/1");
	entries_set_dir(&es, "/d", NULL);
	strcpy(first, es.v[0].gid);
	assert_int_equal(entries_next(&es, 9, &f), 1);
	assert_int_equal(es.n, 1); /* the next one is wrong */
	assert_int_equal(opts_num(es.v[0].opts, OPT_SPLIT), 5);
	assert_int_equal(entries_next(&es, 9, &f), ERR_USAGE);
	assert_non_null(strstr(f.text, ":5: split"));
	assert_int_equal(entries_next(&es, 1, &f), 1);
	assert_string_equal(es.v[0].uris[0], "http://a/4");
	entries_set_dir(&es, "/d", NULL);
	assert_string_not_equal(es.v[0].gid, first);
	assert_int_equal(entries_next(&es, 9, &f), 1);
	entries_set_dir(&es, "/d", NULL);
	assert_string_equal(es.v[0].uris[0], "http://a/1");
	assert_string_not_equal(es.v[0].gid, first); /* the second of its kind */
	assert_int_equal(entries_next(&es, 9, &f), 0);
	assert_null(es.rest);
	entries_free(&es);
	opts_set(o, OPT_SAVE_SESSION, "/tmp/s", NULL); /* needs to know all */
	read_input("http://a/1\n", o, &es);
	assert_int_equal(es.n, 1);
	entries_free(&es);
	opts_unref(o);
}

static const char *dir_after(const char *own, const char *fallback, struct entries *es)
{
	struct opts *o = opts_new(NULL);
	if (own)
		opts_set(o, OPT_DIR, own, NULL);
	*es = (struct entries){0};
	add_entry(es, &a, 1, o);
	entries_set_dir(es, "/home/me", fallback);
	return opts_has(o, OPT_DIR) ? opts_str(o, OPT_DIR) : NULL;
}

static void folders_become_absolute(void **state)
{
	static const struct {
		const char *own, *fallback, *want;
	} t[] = {{"sub", NULL, "/home/me/sub"}, {"/abs", ".", "/abs"}, {"./x/y", NULL, "/home/me/x/y"},
		{".", NULL, "/home/me"}, {NULL, ".", "/home/me"}, {NULL, "/conf", "/conf"}, {NULL, NULL, NULL}};
	struct entries es;
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const char *got = dir_after(t[i].own, t[i].fallback, &es);
		if (t[i].want)
			assert_string_equal(got, t[i].want);
		else
			assert_null(got);
		entries_free(&es);
	}
}

static void the_same_work_has_the_same_name(void **state)
{
	struct entries x, y, z;
	char gx[17], gy[17], gz[17];
	(void)state;
	dir_after("sub", NULL, &x);
	dir_after("./sub", NULL, &y);
	dir_after("other", NULL, &z);
	entries_key(&x, gx);
	entries_key(&y, gy);
	entries_key(&z, gz);
	assert_string_equal(gx, gy);
	assert_string_not_equal(gx, gz);
	assert_string_equal(x.v[0].gid, y.v[0].gid);
	assert_string_not_equal(x.v[0].gid, z.v[0].gid);
	assert_int_equal(strspn(x.v[0].gid, "0123456789abcdef"), 16);
	entries_free(&x);
	entries_free(&y);
	entries_free(&z);
}

/* GIDs of a list, "a b a": one letter for each. */
static void list_gids(const char *list, char ret[][17])
{
	struct opts *o = opts_new(NULL);
	struct entries es;
	char *text = xstrdup("");
	for (const char *s = list; *s; s++) {
		char *more = xasprintf("%shttp://h/%c\n", text, *s);
		free(text);
		text = more;
	}
	read_input(text, o, &es);
	entries_set_dir(&es, "/d", ".");
	for (size_t i = 0; i < es.n; i++)
		strcpy(ret[i], es.v[i].gid);
	entries_free(&es);
	opts_unref(o);
	free(text);
}

static void an_edited_list_keeps_its_gids(void **state)
{
	char whole[5][17], rest[5][17];
	(void)state;
	list_gids("abcab", whole);
	for (size_t i = 0; i < 5; i++) {
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(whole[i], whole[k]);
	}
	list_gids("bxcba", rest);
	assert_string_equal(rest[0], whole[1]);
	assert_string_equal(rest[2], whole[2]);
	assert_string_equal(rest[3], whole[4]); /* the second b */
	assert_string_equal(rest[4], whole[0]);
}

/* A command of a new haul finds the download of one before. */
static void gids_stay_as_they_are(void **state)
{
	char gid[1][17];
	(void)state;
	list_gids("a", gid);
	assert_string_equal(gid[0], "1dd6cd92db176ee5");
}

static void own_gids(void **state)
{
	struct opts *o = opts_new(NULL);
	struct entries es;
	(void)state;
	read_input("http://h/a\n gid=00000000000000aa\nhttp://h/a\nhttp://h/b\n gid=00000000000000bb\nhttp://h/c\n gid=00000000000000AA\n",
		o, &es);
	entries_set_dir(&es, "/d", NULL);
	assert_string_equal(es.v[0].gid, "00000000000000aa");
	assert_string_equal(es.v[3].gid, "00000000000000aa");
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(es.v[i].twice, i == 3);
	entries_free(&es);
	opts_unref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_uris_are_mirrors),
		cmocka_unit_test(a_word_can_stand_for_several),
		cmocka_unit_test(what_is_no_uri_is_refused),
		cmocka_unit_test(input_entries_have_their_own_options),
		cmocka_unit_test(uris_of_any_bytes_are_sent),
		cmocka_unit_test(a_checksum_is_for_every_entry),
		cmocka_unit_test(one_name_is_not_for_several),
		cmocka_unit_test(a_deferred_file_is_read_bit_by_bit),
		cmocka_unit_test(a_spoilt_entry_is_an_error_of_the_list),
		cmocka_unit_test(pause_holds_for_the_whole_list),
		cmocka_unit_test(folders_become_absolute),
		cmocka_unit_test(the_same_work_has_the_same_name),
		cmocka_unit_test(an_edited_list_keeps_its_gids),
		cmocka_unit_test(gids_stay_as_they_are),
		cmocka_unit_test(own_gids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
