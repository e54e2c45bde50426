/* SPDX-License-Identifier: MIT
 * Tests of parameterized URIs: aria2's forms, its error texts, and the bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/puri.h"

struct got {
	char text[2000]; /* results joined by '|' */
	size_t n, stop_after;
};

static int take(void *arg, const char *text)
{
	struct got *g = arg;

	if (g->n < 50 && strlen(g->text) + strlen(text) + 2 < sizeof(g->text)) {
		if (g->n > 0)
			strcat(g->text, "|");
		strcat(g->text, text);
	}
	return ++g->n == g->stop_after ? ERR_CANCELED : 0;
}

static void expands_to(const char *text, const char *want)
{
	struct got g = {.text = ""};
	struct fail f = {0};

	assert_int_equal(puri_expand(text, take, &g, &f), 0);
	assert_string_equal(g.text, want);
}

static void fails_with(const char *text, const char *want)
{
	struct got g = {.text = ""};
	struct fail f = {0};

	assert_int_equal(puri_expand(text, take, &g, &f), ERR_BAD_URI);
	assert_string_equal(f.text, want);
	assert_int_equal(g.n, 0);
}

static void choices(void **state)
{
	(void)state;
	expands_to("http://{a,b,c}/x", "http://a/x|http://b/x|http://c/x");
	expands_to("x{ a , ,b,}y", "xay|xby");
	expands_to("x{}y", "xy");
	expands_to("x{,}y", "xy");
	expands_to("plain}]", "plain}]");
	expands_to("", "");
}

static void loops(void **state)
{
	(void)state;
	expands_to("a[1-3]", "a1|a2|a3");
	expands_to("a[8-12]", "a8|a9|a10|a11|a12");
	expands_to("a[08-12:2]", "a08|a10|a12");
	expands_to("a[001-3]", "a1|a2|a3");
	expands_to("a[5-5]b", "a5b");
	expands_to("a[5-1]b", "ab");
	expands_to("[0-65535:32767]", "0|32767|65534");
	expands_to("[a-c]", "a|b|c");
	expands_to("[x-z:2]", "x|z");
	expands_to("[AA-AC]", "AA|AB|AC");
	expands_to("[az-bb]", "az|ba|bb");
	expands_to("[Y-AB]", "");
}

static void products(void **state)
{
	(void)state;
	expands_to("a[1-3].{x,y}", "a1.x|a1.y|a2.x|a2.y|a3.x|a3.y");
	expands_to("{a,b}{}[1-2][9-8]", "a1|a2|b1|b2");
}

static void addresses_stay(void **state)
{
	(void)state;
	expands_to("http://[::1]:80/[1-2]", "http://[::1]:80/1|http://[::1]:80/2");
	expands_to("http://[2001:db8::1]/x", "http://[2001:db8::1]/x");
	expands_to("http://u@[::ffff:1.2.3.4]/{a}", "http://u@[::ffff:1.2.3.4]/a");
}

static void errors_of_aria2(void **state)
{
	(void)state;
	fails_with("a{b", "Missing '}' in the parameterized string.");
	fails_with("a[1-3", "Missing ']' in the parameterized string.");
	fails_with("a[]", "Loop range missing.");
	fails_with("a[1]", "Loop range missing.");
	fails_with("a[-1]", "Loop range missing.");
	fails_with("a[1-]", "Loop range missing.");
	fails_with("a[:2]", "Loop range missing.");
	fails_with("a[1-65536]", "Loop range overflow.");
	fails_with("a[99999999999999999999-1]", "Loop range overflow.");
	fails_with("a[a-zzzzz]", "Loop range overflow.");
	fails_with("a[1-2:65536]", "Loop step overflow.");
	fails_with("a[1-2:99999999999999999999]", "Loop step overflow.");
	fails_with("a[1-2:0]", "A step count must be a positive number.");
	fails_with("a[1-2:]", "A step count must be a positive number.");
	fails_with("a[1-2:-1]", "A step count must be a positive number.");
	fails_with("a[1-2:x]", "A step count must be a positive number.");
	fails_with("a[1-b]", "Invalid loop range.");
	fails_with("a[a-B]", "Invalid loop range.");
	fails_with("a[1-2-3]", "Invalid loop range.");
	fails_with("a[ 1-2]", "Invalid loop range.");
}

static void bounds(void **state)
{
	struct got g = {.text = ""};
	struct fail f = {0};
	char *text = malloc(3000);
	int i;

	(void)state;
	assert_int_equal(puri_expand("[1-100][1-1000]", take, &g, &f), 0);
	assert_int_equal(g.n, PURI_MAX);
	g = (struct got){.text = ""};
	assert_int_equal(puri_expand("[0-100][1-1000]", take, &g, &f), ERR_BAD_URI);
	assert_int_equal(puri_expand("[0-65535][0-65535][0-65535][0-65535][0-65535]", take, &g, &f), ERR_BAD_URI);
	memset(text, 'x', 2000);
	strcpy(text + 2000, "[1-65000]");
	assert_int_equal(puri_expand(text, take, &g, &f), ERR_BAD_URI);
	for (text[0] = '\0', i = 0; i < 600; i++)
		strcat(text, "{a}b");
	assert_int_equal(puri_expand(text, take, &g, &f), ERR_BAD_URI);
	assert_int_equal(g.n, 0);
	free(text);
}

static void stops_when_told(void **state)
{
	struct got g = {.text = "", .stop_after = 2};
	struct fail f = {0};

	(void)state;
	assert_int_equal(puri_expand("[1-9]", take, &g, &f), ERR_CANCELED);
	assert_string_equal(g.text, "1|2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choices),
		cmocka_unit_test(loops),
		cmocka_unit_test(products),
		cmocka_unit_test(addresses_stay),
		cmocka_unit_test(errors_of_aria2),
		cmocka_unit_test(bounds),
		cmocka_unit_test(stops_when_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
