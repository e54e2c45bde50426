/* SPDX-License-Identifier: MIT
 * Tests of the bar line and of going back over lines that a narrower terminal has wrapped.
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

#include "client/console.c"
#include "client/dl.c"
#include "client/progress.c"
#include "client/show.c"
#include "client/term.c"

static struct dl example(void)
{
	return (struct dl){.gid = "0123456789abcdef",
		.status = "active",
		.total = 100 << 20,
		.done = 43 << 20,
		.speed = 5 << 20,
		.conns = 16,
		.name = (char *)(uintptr_t) "disk.iso"};
}

static void line_fits_every_width(void **state)
{
	struct dl d = example();
	char buf[4096];
	(void)state;
	for (int i = 0; i < 4; i++) {
		for (int cols = 12; cols < 200; cols++) {
			struct term t = {.utf8 = true, .color = i & 1, .cols = cols};
			struct bar_style style = {&t, name_max(cols), i & 2};
			d.total = UINT64_C(1023) << 30;
			assert_true(term_width(progress_bar_line(&style, &d, buf, sizeof(buf)), true) < cols);
		}
	}
}

static void line_tells_it_all(void **state)
{
	struct term t = {.utf8 = false, .cols = 80};
	struct dl d = example();
	char buf[4096];
	(void)state;
	progress_bar_line(&(struct bar_style){&t, 8, false}, &d, buf, sizeof(buf));
	assert_string_equal(buf, "disk.iso   43%  ========>                43MiB/100MiB    5.0MiB/s   16c     12s");
}

static struct view many(const struct dl **active, size_t n)
{
	return (struct view){.active = active,
		.nactive = n,
		.count = 123456,
		.ended = 123,
		.waiting = 98765,
		.paused = 4321,
		.done = UINT64_C(1022) << 30,
		.total = UINT64_C(1023) << 40,
		.speed = 1023 << 20};
}

static void sum_fits_every_width(void **state)
{
	char buf[4096];
	struct view v = many(NULL, 0);
	(void)state;
	for (int i = 0; i < 4; i++) {
		for (int cols = 12; cols < 200; cols++) {
			struct term t = {.utf8 = i & 1, .cols = cols};
			struct bar_style style = {&t, name_max(cols), i & 2};
			assert_true(term_width(progress_sum_line(&style, &v, buf, sizeof(buf)), i & 1) < cols);
		}
	}
}

static void sum_stands_below_the_bars(void **state)
{
	struct dl d = example();
	const struct dl *active[] = {&d};
	char bar[4096], sum[4096];
	struct view v = many(active, 1);
	(void)state;
	for (int cols = forms[0].brief; cols < 200; cols++) {
		struct term t = {.utf8 = true, .cols = cols};
		progress_bar_line(&(struct bar_style){&t, 12, false}, &d, bar, sizeof(bar));
		progress_sum_line(&(struct bar_style){&t, 12, false}, &v, sum, sizeof(sum));
		assert_int_equal(term_width(bar, true), term_width(sum, true));
	}
}

static void unknown_length_has_no_percent(void **state)
{
	struct term t = {.utf8 = false, .cols = 80};
	struct dl d = example();
	char buf[4096];
	(void)state;
	d.total = 0;
	progress_bar_line(&(struct bar_style){&t, 8, false}, &d, buf, sizeof(buf));
	assert_null(strchr(buf, '%'));
	assert_non_null(strstr(buf, " 43MiB "));
	assert_non_null(strstr(buf, "5.0MiB/s"));
}

static void a_check_shows_its_own_progress(void **state)
{
	struct term t = {.utf8 = false, .cols = 80};
	struct dl d = example();
	char buf[4096];
	(void)state;
	d.done = d.total;
	d.verified = d.total / 4;
	progress_bar_line(&(struct bar_style){&t, 8, false}, &d, buf, sizeof(buf));
	assert_non_null(strstr(buf, " 25% "));
	assert_non_null(strstr(buf, "checking"));
}

static void wrapped_lines_are_counted(void **state)
{
	(void)state;
	assert_int_equal(progress_rows(0, 80), 1);
	assert_int_equal(progress_rows(80, 80), 1);
	assert_int_equal(progress_rows(81, 80), 2);
	assert_int_equal(progress_rows(99, 33), 3);
	assert_int_equal(progress_rows(99, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_fits_every_width),
		cmocka_unit_test(line_tells_it_all),
		cmocka_unit_test(sum_fits_every_width),
		cmocka_unit_test(sum_stands_below_the_bars),
		cmocka_unit_test(unknown_length_has_no_percent),
		cmocka_unit_test(a_check_shows_its_own_progress),
		cmocka_unit_test(wrapped_lines_are_counted),
	};
	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
