/* SPDX-License-Identifier: MIT
 * Tests of aria2's console: the readout's text, and what is printed at ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "client/console.c"
#include "client/dl.c"
#include "client/show.c"
#include "client/term.c"

#define KIB 1024
#define MIB (1024 * 1024)

static struct dl example(void)
{
	return (struct dl){.gid = "2089b05ecca3d829",
		.status = "active",
		.total = 33 * MIB,
		.done = 400 * KIB,
		.speed = 115 * KIB,
		.conns = 1,
		.error = (char *)(uintptr_t) "",
		.path = (char *)(uintptr_t) "/dir/file",
		.uri = (char *)(uintptr_t) "http://u:p@h/file"};
}

static void eta_is_as_short_as_it_can_be(void **state)
{
	static const struct {
		int64_t sec;
		const char *text;
	} cases[] = {{-1, ""}, {0, "0s"}, {59, "59s"}, {60, "1m"}, {291, "4m51s"}, {3600, "1h"}, {3723, "1h2m3s"}, {7205, "2h5s"}};
	char buf[24];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(console_eta(cases[i].sec, buf), cases[i].text);
}

static void one_download(void **state)
{
	struct dl d = example();
	const struct dl *active[] = {&d};
	struct view v = {.active = active, .nactive = 1};
	char buf[TEXT_MAX];
	(void)state;
	assert_string_equal(console_line(&v, false, buf, sizeof(buf)), "[#2089b0 400KiB/33MiB(1%) CN:1 DL:115KiB ETA:4m51s]");
	assert_string_equal(console_line(&v, true, buf, sizeof(buf)), "[#2089b0 409600B/34603008B(1%) CN:1 DL:117760B ETA:4m51s]");
	d.total = 0;
	d.speed = 0;
	assert_string_equal(console_line(&v, false, buf, sizeof(buf)), "[#2089b0 400KiB/0B CN:1]");
	d.total = d.done;
	d.conns = 0;
	d.verified = 100 * KIB;
	assert_string_equal(console_line(&v, false, buf, sizeof(buf)),
		"[#2089b0 400KiB/400KiB(100%) CN:0] [Checksum:#2089b0 100KiB/400KiB(25%)]");
}

static void several_downloads(void **state)
{
	struct dl d = example();
	const struct dl *active[] = {&d, &d, &d, &d, &d, &d, &d};
	struct view v = {.active = active, .nactive = 2, .speed = 10 * MIB};
	char buf[TEXT_MAX];
	(void)state;
	assert_string_equal(console_line(&v, false, buf, sizeof(buf)), "[DL:10MiB][#2089b0 400KiB/33MiB(1%)][#2089b0 400KiB/33MiB(1%)]");
	v.nactive = 7;
	console_line(&v, false, buf, sizeof(buf));
	assert_string_equal(buf + strlen(buf) - 5, "](+2)");
}

/* What fn prints to standard output. */
static char *printed(void (*fn)(struct console *c), struct console *c)
{
	static char text[TEXT_MAX];
	char path[] = "/tmp/haul-console-XXXXXX";
	int fd = mkstemp(path), old = dup(STDOUT_FILENO);
	assert_true(fd >= 0 && old >= 0);
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	fn(c);
	fflush(stdout);
	dup2(old, STDOUT_FILENO);
	close(old);
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
	unlink(path);
	return text;
}

static void end_three(struct console *c)
{
	struct dl d = example();
	struct ended e = {.d = &d, .took = 2000, .got = 400 * KIB};
	strcpy(d.status, "complete");
	d.done = d.total;
	console_end(c, &e);
	strcpy(d.status, "error");
	d.path = (char *)(uintptr_t) "";
	d.done = 8 * MIB;
	d.code = 3;
	e.took = 0;
	console_end(c, &e);
	strcpy(d.status, "active");
	console_unfinished(c, &e);
	strcpy(d.status, "waiting");
	d.done = 0;
	console_unfinished(c, &e);
	console_results(c);
}

static void fail_secretly(struct console *c)
{
	struct dl d = example();
	struct ended e = {.d = &d};
	strcpy(d.status, "error");
	d.path = (char *)(uintptr_t) "";
	d.uri = (char *)(uintptr_t) "http://us:pw@h/dir/?sig=secret";
	console_end(c, &e);
	console_results(c);
}

static void uris_are_shown_without_secrets(void **state)
{
	struct term t = {.fd = 1};
	struct console_style s = {.talk = CONSOLE_NOTICES, .results = RESULTS_PLAIN, .results_max = 1};
	struct console *c = console_new(&s, &t);
	const char *text = printed(fail_secretly, c);
	(void)state;
	assert_non_null(strstr(text, "[ERROR] Download aborted. URI=http://h/dir/?...\n"));
	assert_non_null(strstr(text, "|http://h/dir/?...\n"));
	assert_null(strstr(text, "pw"));
	assert_null(strstr(text, "secret"));
	console_free(c);
}

static void results(void **state)
{
	struct term t = {.fd = 1};
	struct console_style s = {.results = RESULTS_FULL, .results_max = 10};
	struct console *c = console_new(&s, &t);
	(void)state;
	assert_string_equal(printed(end_three, c), "\nDownload Results:\n"
						   "gid   |stat|avg speed  |  %|path/URI\n"
						   "======+====+===========+===+===================================================\n"
						   "2089b0|OK  |   200KiB/s|100|/dir/file\n"
						   "2089b0|ERR |        n/a| 24|http://h/file\n"
						   "2089b0|INPR|        n/a| 24|http://h/file\n\n"
						   "Status Legend:\n"
						   "(OK):download completed.(ERR):error occurred.(INPR):download in-progress.\n\n"
						   "haul will resume download if the transfer is restarted.\n");
	console_free(c);
}

static void only_the_last_rows_are_kept(void **state)
{
	struct term t = {.fd = 1};
	struct console_style s = {.results = RESULTS_PLAIN, .results_max = 1};
	struct console *c = console_new(&s, &t);
	(void)state;
	assert_non_null(strstr(printed(end_three, c), "=======\n2089b0|INPR|"));
	assert_int_equal(c->nrows, 1);
	console_free(c);
}

static void wait_twice(struct console *c)
{
	struct dl d = example();
	char server[] = "waiting 73 min for h: busy", disk[] = "no room on /d: needs 3.0MiB";
	d.wait = server;
	assert_string_equal(dl_wait_reason(&d), "for h: busy"); /* the same while the time passes */
	console_wait(c, &d);
	d.wait = disk;
	assert_string_equal(dl_wait_reason(&d), disk);
	console_wait(c, &d);
}

static void a_wait_is_a_sentence(void **state)
{
	struct term t = {.fd = 1};
	struct console_style s = {.talk = CONSOLE_NOTICES};
	struct console *c = console_new(&s, &t);
	const char *text = printed(wait_twice, c);
	(void)state;
	assert_non_null(strstr(text, "] Download GID#2089b05ecca3d829 is waiting 73 min for h: busy\n"));
	assert_non_null(strstr(text, "] Download GID#2089b05ecca3d829 waits: no room on /d: needs 3.0MiB\n"));
	console_free(c);
}

static void levels(void **state)
{
	struct term t = {.fd = 1};
	(void)state;
	for (enum console_talk talk = CONSOLE_SILENT; talk <= CONSOLE_NOTICES; talk++) {
		struct console_style s = {.talk = talk, .results_max = 1};
		struct console *c = console_new(&s, &t);
		const char *text = printed(end_three, c);
		assert_int_equal(strstr(text, "[NOTICE] Download complete: /dir/file\n") != NULL, talk >= CONSOLE_NOTICES);
		assert_int_equal(
			strstr(text, "[NOTICE] Download GID#2089b05ecca3d829 not complete: \n") != NULL, talk >= CONSOLE_NOTICES);
		assert_int_equal(strstr(text, "[ERROR] Download aborted. URI=http://h/file\n  -> errorCode=3 ") != NULL,
			talk >= CONSOLE_ERRORS);
		console_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eta_is_as_short_as_it_can_be),
		cmocka_unit_test(one_download),
		cmocka_unit_test(several_downloads),
		cmocka_unit_test(uris_are_shown_without_secrets),
		cmocka_unit_test(results),
		cmocka_unit_test(only_the_last_rows_are_kept),
		cmocka_unit_test(a_wait_is_a_sentence),
		cmocka_unit_test(levels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
