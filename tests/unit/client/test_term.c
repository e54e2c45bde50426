/* SPDX-License-Identifier: MIT
 * Tests of text in columns and of bars.
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

#include "client/term.c"

static void short_text_stays(void **state)
{
	char buf[64];
	(void)state;
	assert_string_equal(term_fit("name.iso", 8, true, buf, sizeof(buf)), "name.iso");
	assert_string_equal(term_fit("name.iso", -1, true, buf, sizeof(buf)), "name.iso");
	assert_string_equal(term_fit("", 5, true, buf, sizeof(buf)), "");
}

static void long_text_loses_its_middle(void **state)
{
	char buf[64];
	(void)state;
	assert_string_equal(term_fit("model.ckpt.data-00000-of-00001", 11, true, buf, sizeof(buf)), "model…00001");
	assert_string_equal(term_fit("model.ckpt.data-00000-of-00001", 13, false, buf, sizeof(buf)), "model...00001");
	assert_string_equal(term_fit("abcdef", 2, true, buf, sizeof(buf)), "ab");
	assert_string_equal(term_fit("abcdef", 0, true, buf, sizeof(buf)), "");
}

static void wide_characters_take_two_columns(void **state)
{
	char buf[64];
	(void)state;
	assert_int_equal(term_width("日本", true), 4);
	for (int cols = 0; cols < 12; cols++)
		assert_true(term_width(term_fit("日本語のファイル", cols, true, buf, sizeof(buf)), true) <= cols);
}

static void colours_take_no_columns(void **state)
{
	(void)state;
	assert_int_equal(term_width("\033[36mab\033[0;2mc\033[0m", true), 3);
}

static void nothing_dangerous_passes(void **state)
{
	char buf[256];
	(void)state;
	term_fit("a\033[2Jb\r\nc\xff", -1, true, buf, sizeof(buf));
	for (const char *s = buf; *s; s++)
		assert_true((unsigned char)*s >= 0x20 && (unsigned char)*s != 0x7f && (unsigned char)*s != 0xff);
	assert_string_equal(term_fit("Ä日", -1, false, buf, sizeof(buf)), "??");
}

static void bar_is_as_wide_as_asked(void **state)
{
	static const double parts[] = {-1, 0, 0.01, 0.33, 0.5, 0.999, 1, 7};
	char buf[1024];
	(void)state;
	for (int color = 0; color < 2; color++) {
		for (int utf8 = 0; utf8 < 2; utf8++) {
			struct term t = {.utf8 = utf8, .color = color};
			for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
				assert_int_equal(term_width(term_bar(&t, parts[i], 20, buf, sizeof(buf)), utf8), 20);
		}
	}
}

static void bar_fills_up(void **state)
{
	struct term t = {.utf8 = false};
	char buf[64];
	(void)state;
	assert_string_equal(term_bar(&t, 0, 4, buf, sizeof(buf)), "    ");
	assert_string_equal(term_bar(&t, 0.5, 4, buf, sizeof(buf)), "==  ");
	assert_string_equal(term_bar(&t, 0.65, 4, buf, sizeof(buf)), "==> ");
	assert_string_equal(term_bar(&t, 1, 4, buf, sizeof(buf)), "====");
	t.utf8 = true;
	assert_string_equal(term_bar(&t, 0.65, 4, buf, sizeof(buf)), "━━╸─");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_text_stays),
		cmocka_unit_test(long_text_loses_its_middle),
		cmocka_unit_test(wide_characters_take_two_columns),
		cmocka_unit_test(colours_take_no_columns),
		cmocka_unit_test(nothing_dangerous_passes),
		cmocka_unit_test(bar_is_as_wide_as_asked),
		cmocka_unit_test(bar_fills_up),
	};
	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
