/* SPDX-License-Identifier: MIT
 * Parameterized URIs: the text is cut into units, each a list of words, and the product of the lists is written out.
 */
#include "base/puri.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"

#define LOOP_MAX  65535
#define UNITS_MAX 1024 /* more brackets than this can only be meant badly */

struct unit {
	char **words;
	size_t n, cap;
	size_t longest;
};

struct units {
	struct unit *v;
	size_t n;
};

/* One end of a loop: `len` bytes. */
struct word {
	const char *base;
	size_t len;
};

static bool all_between(struct word w, char lo, char hi)
{
	size_t i;

	for (i = 0; i < w.len; i++)
		if (w.base[i] < lo || w.base[i] > hi)
			return false;
	return true;
}

/* Takes the text over. */
static void unit_add(struct unit *u, char *text)
{
	size_t len = strlen(text);

	if (u->n == u->cap) {
		u->cap = u->cap * 2 + 4;
		u->words = xrealloc(u->words, u->cap * sizeof(*u->words));
	}
	u->words[u->n++] = text;
	if (len > u->longest)
		u->longest = len;
}

static struct unit *units_new(struct units *us)
{
	us->v = xrealloc(us->v, (us->n + 1) * sizeof(*us->v));
	us->v[us->n] = (struct unit){0};
	return &us->v[us->n++];
}

static void units_free(struct units *us)
{
	size_t i, j;

	for (i = 0; i < us->n; i++) {
		for (j = 0; j < us->v[i].n; j++)
			free(us->v[i].words[j]);
		free(us->v[i].words);
	}
	free(us->v);
}

/* p points to '['. Neither colons nor dots can stand twice in a loop, and no '-' in an address. */
static bool is_ipv6(const char *p)
{
	size_t n = strspn(p + 1, "0123456789abcdefABCDEF:."), i, colons = 0;

	for (i = 1; i <= n; i++)
		colons += p[i] == ':';
	return colons >= 2 && p[n + 1] == ']';
}

/* *ret gets the value of the digits in the base, zero being the digit 0. */
static int parse_number(struct word w, char zero, unsigned base, unsigned *ret)
{
	unsigned v = 0;
	size_t i;

	for (i = 0; i < w.len; i++) {
		v = v * base + (unsigned)(w.base[i] - zero);
		if (v > LOOP_MAX)
			return ERR_INVAL;
	}
	*ret = v;
	return 0;
}

/* Digits of v, at least `width` of them (at most 32). */
static char *format_number(unsigned v, char zero, unsigned base, size_t width)
{
	char digits[40];
	size_t pos = sizeof(digits) - 1;

	digits[pos] = '\0';
	do {
		digits[--pos] = (char)((unsigned)zero + v % base);
		v /= base;
	} while (v > 0 || (sizeof(digits) - 1 - pos < width && pos > 0));
	return xstrdup(digits + pos);
}

static int parse_step(struct word w, unsigned *ret, struct fail *f)
{
	*ret = 1;
	if (w.base == NULL)
		return 0;
	if (w.len == 0 || !all_between(w, '0', '9'))
		return fail_set(f, ERR_BAD_URI, "A step count must be a positive number.");
	if (parse_number(w, '0', 10, ret) != 0)
		return fail_set(f, ERR_BAD_URI, "Loop step overflow.");
	if (*ret == 0)
		return fail_set(f, ERR_BAD_URI, "A step count must be a positive number.");
	return 0;
}

static int add_loop(struct unit *u, struct word from, struct word to, unsigned step, struct fail *f)
{
	static const struct {
		char zero, last;
		unsigned base;
	} kinds[] = {{'0', '9', 10}, {'a', 'z', 26}, {'A', 'Z', 26}};
	unsigned start, end, v;
	size_t i, width = from.len == to.len && from.len < 32 ? from.len : 0;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (all_between(from, kinds[i].zero, kinds[i].last) && all_between(to, kinds[i].zero, kinds[i].last))
			break;
	if (i == sizeof(kinds) / sizeof(kinds[0]))
		return fail_set(f, ERR_BAD_URI, "Invalid loop range.");
	if (parse_number(from, kinds[i].zero, kinds[i].base, &start) != 0 ||
		parse_number(to, kinds[i].zero, kinds[i].base, &end) != 0)
		return fail_set(f, ERR_BAD_URI, "Loop range overflow.");
	for (v = start; v <= end; v += step)
		unit_add(u, format_number(v, kinds[i].zero, kinds[i].base, width));
	return 0;
}

/* *p points behind '[' and is moved behind ']'. */
static int parse_loop(struct units *us, const char **p, struct fail *f)
{
	const char *close = strchr(*p, ']'), *colon, *dash, *end;
	struct word step_text = {NULL, 0};
	unsigned step;
	int err;

	if (close == NULL)
		return fail_set(f, ERR_BAD_URI, "Missing ']' in the parameterized string.");
	colon = memchr(*p, ':', (size_t)(close - *p));
	if (colon != NULL)
		step_text = (struct word){colon + 1, (size_t)(close - colon - 1)};
	err = parse_step(step_text, &step, f);
	if (err != 0)
		return err;
	end = colon != NULL ? colon : close;
	dash = memchr(*p, '-', (size_t)(end - *p));
	if (dash == NULL || dash == *p || dash + 1 == end)
		return fail_set(f, ERR_BAD_URI, "Loop range missing.");
	err = add_loop(units_new(us), (struct word){*p, (size_t)(dash - *p)},
		(struct word){dash + 1, (size_t)(end - dash - 1)}, step, f);
	*p = close + 1;
	return err;
}

/* *p points behind '{' and is moved behind '}'. */
static int parse_choice(struct units *us, const char **p, struct fail *f)
{
	const char *close = strchr(*p, '}'), *word = *p;
	struct unit *u;

	if (close == NULL)
		return fail_set(f, ERR_BAD_URI, "Missing '}' in the parameterized string.");
	u = units_new(us);
	while (word < close) {
		size_t n = strcspn(word, ",}"), from = strspn(word, " \t\r\n"), to = n;

		while (to > from && strchr(" \t\r\n", word[to - 1]) != NULL)
			to--;
		if (from < to)
			unit_add(u, xstrndup(word + from, to - from));
		word += n + 1;
	}
	*p = close + 1;
	return 0;
}

static void parse_const(struct units *us, const char **p)
{
	const char *end = *p + strcspn(*p, "[{");

	if (*end == '[' && is_ipv6(end)) {
		end = strchr(end, ']') + 1;
		end += strcspn(end, "[{");
	}
	unit_add(units_new(us), xstrndup(*p, (size_t)(end - *p)));
	*p = end;
}

static int parse(const char *text, struct units *us, struct fail *f)
{
	const char *p = text;
	int err = 0;

	while (err == 0 && *p != '\0') {
		if (us->n >= UNITS_MAX)
			return fail_set(f, ERR_BAD_URI, "More than %d parts in the parameterized string.", UNITS_MAX);
		if (*p == '{') {
			p++;
			err = parse_choice(us, &p, f);
		} else if (*p == '[' && !is_ipv6(p)) {
			p++;
			err = parse_loop(us, &p, f);
		} else {
			parse_const(us, &p);
		}
		/* An empty list would make the whole product empty: it is as if it were not there. */
		if (err == 0 && us->v[us->n - 1].n == 0)
			us->n--;
	}
	return err;
}

/* The number of combinations, checked against both bounds. */
static int count(const struct units *us, size_t *ret, struct fail *f)
{
	size_t n = 1, longest = 1, bytes, i;

	for (i = 0; i < us->n; i++) {
		longest += us->v[i].longest;
		if (__builtin_mul_overflow(n, us->v[i].n, &n) || n > PURI_MAX)
			return fail_set(
				f, ERR_BAD_URI, "The parameterized string stands for more than %d URIs.", PURI_MAX);
	}
	if (__builtin_mul_overflow(n, longest, &bytes) || bytes > PURI_BYTES_MAX)
		return fail_set(f, ERR_BAD_URI, "The parameterized string stands for more than %u bytes of URIs.",
			PURI_BYTES_MAX);
	*ret = n;
	return 0;
}

/* The k-th combination: k in the mixed base of the lists' lengths, the last unit being the lowest digit. */
static char *combine(const struct units *us, size_t k, size_t total)
{
	struct buf b;
	size_t i;

	buf_init(&b, PURI_BYTES_MAX);
	for (i = 0; i < us->n; i++) {
		total /= us->v[i].n;
		buf_adds(&b, us->v[i].words[k / total]);
		k %= total;
	}
	return buf_take(&b);
}

int puri_expand(const char *text, puri_fn each, void *arg, struct fail *f)
{
	struct units us = {0};
	size_t total = 0, i;
	int err;

	err = parse(text, &us, f);
	if (err == 0)
		err = count(&us, &total, f);
	for (i = 0; err == 0 && i < total; i++) {
		char *one = combine(&us, i, total);

		err = each(arg, one);
		free(one);
	}
	units_free(&us);
	return err;
}
