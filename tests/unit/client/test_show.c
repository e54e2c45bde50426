/* SPDX-License-Identifier: MIT
 * Tests of numbers, list rows and downloads taken out of answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <locale.h>

#include "client/dl.c"
#include "client/show.c"
#include "client/term.c"

static void eta_in_two_units(void **state)
{
	char b[16];
	(void)state;
	assert_string_equal(show_eta(-1, b), "-");
	assert_string_equal(show_eta(0, b), "0s");
	assert_string_equal(show_eta(59, b), "59s");
	assert_string_equal(show_eta(67, b), "1m07s");
	assert_string_equal(show_eta(7500, b), "2h05m");
	assert_string_equal(show_eta(3 * 86400 + 4 * 3600, b), "3d04h");
	assert_true(strlen(show_eta(INT64_MAX, b)) < 16);
}

static void eta_is_rounded_up_and_may_be_unknown(void **state)
{
	(void)state;
	assert_int_equal(dl_eta(0, 5), 0);
	assert_int_equal(dl_eta(11, 5), 3);
	assert_int_equal(dl_eta(1, 0), -1);
	assert_int_equal(dl_eta(UINT64_MAX, 1), -1);
}

static void time_taken(void **state)
{
	char b[16];
	(void)state;
	assert_string_equal(show_took(-5, b), "0ms");
	assert_string_equal(show_took(999, b), "999ms");
	assert_string_equal(show_took(12340, b), "12.3s");
	assert_string_equal(show_took(59949, b), "59.9s");
	assert_string_equal(show_took(59950, b), "1m00s");
}

static void hundred_percent_means_all(void **state)
{
	char b[8];
	(void)state;
	assert_string_equal(show_percent(&(struct dl){.total = 1000, .done = 999}, b), "99%");
	assert_string_equal(show_percent(&(struct dl){.total = 1000, .done = 1000}, b), "100%");
	assert_string_equal(show_percent(&(struct dl){.total = 10, .done = 50}, b), "100%");
	assert_string_equal(show_percent(&(struct dl){.done = 50}, b), "-");
	assert_string_equal(show_percent(&(struct dl){.status = "complete"}, b), "100%");
}

static void digits_tell_gids_apart(void **state)
{
	char gids[4][17] = {"aaaaaaaa00000000", "bbbbbbbb00000000", "aaaaaaab00000000", "aaaaaaaa00000001"};
	(void)state;
	assert_int_equal(show_gid_digits(gids, 4, 6), 16);
	assert_int_equal(show_gid_digits(gids, 1, 6), 6);
	char two[2][17] = {"aaaaaaaa00000000", "aaaaaaab00000000"};
	assert_int_equal(show_gid_digits(two, 2, 6), 8);
}

static void an_answer_becomes_a_download(void **state)
{
	struct dl d = {0};
	(void)state;
	json_t *a = json_loads("{\"gid\":\"0123456789abcdef\",\"status\":\"active\",\"totalLength\":\"100\","
			       "\"completedLength\":\"40\","
			       "\"downloadSpeed\":\"7\",\"connections\":\"3\",\"dir\":\"/data/"
			       "\",\"files\":[{\"path\":\"/data/a/b.iso\","
			       "\"uris\":[{\"uri\":\"http://h/x\"}]}]}",
		0, NULL);
	dl_read(a, &d);
	assert_string_equal(d.gid, "0123456789abcdef");
	assert_string_equal(d.name, "a/b.iso");
	assert_int_equal(d.total, 100);
	assert_int_equal(d.conns, 3);
	assert_int_equal((int)(dl_part(&d) * 100), 40);
	assert_false(dl_is_ended(&d));
	json_decref(a);
	dl_clear(&d);
}

static void name_of_a_uri(void **state)
{
	static const struct {
		const char *uri, *name;
	} t[] = {{"http://h/a%20b.iso?sig=secret", "a b.iso"}, {"http://h/", "h"}, {"", "GID"}, {"http://h/x#y", "x"},
		{"http://us:pw@h:81/", "h:81"}, {"http://us:pw@h", "h"}, {"https://h/?sig=secret", "h"},
		{"https://h?sig=se/cret", "h"}, {"https://h/dir/?token=secret", "h"}, {"http://us:p?w@h/x", "GID"},
		{"http://us:p/w@h/", "GID"}, {"us:pw@h/x", "GID"}};
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char *name = name_of("/d", "", t[i].uri, "GID");
		assert_string_equal(name, t[i].name);
		free(name);
	}
}

static void senseless_answers_are_survived(void **state)
{
	static const char *const texts[] = {"{}", "[]",
		"{\"gid\":5,\"files\":{},\"totalLength\":\"-5\",\"completedLength\":null}",
		"{\"gid\":\"0123456789abcdef0123456789abcdef\",\"status\":\"aaaaaaaaaaaaaaaaaaaaaaaaaa\",\"files\":[5]"
		"}"};
	struct dl d = {0};
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *a = json_loads(texts[i], 0, NULL);
		assert_non_null(a);
		dl_read(a, &d);
		assert_int_equal(d.total, 0);
		assert_non_null(d.name);
		assert_true(strlen(d.gid) <= 16);
		json_decref(a);
	}
	dl_clear(&d);
}

static void rows_never_overflow_the_line(void **state)
{
	struct term t = {.utf8 = true};
	struct dl d = {.gid = "0123456789abcdef",
		.status = "active",
		.total = 1u << 30,
		.done = 1u << 29,
		.speed = 123456789,
		.name = (char *)(uintptr_t) "ein sehr langer Name mit Umläuten und noch mehr davon.tar.gz"};
	char buf[4608];
	(void)state;
	for (int cols = 0; cols < 140; cols++)
		assert_true(term_width(show_row(&t, cols, 8, &d, buf, sizeof(buf)), true) <= cols);
	assert_string_equal(show_row(&t, 70, 6, &d, buf, sizeof(buf)),
		"012345  active     50%    1.0GiB    117MiB/s      5s  ein sehr….tar.gz");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eta_in_two_units),
		cmocka_unit_test(eta_is_rounded_up_and_may_be_unknown),
		cmocka_unit_test(time_taken),
		cmocka_unit_test(hundred_percent_means_all),
		cmocka_unit_test(digits_tell_gids_apart),
		cmocka_unit_test(an_answer_becomes_a_download),
		cmocka_unit_test(name_of_a_uri),
		cmocka_unit_test(senseless_answers_are_survived),
		cmocka_unit_test(rows_never_overflow_the_line),
	};
	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
