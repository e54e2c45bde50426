/* SPDX-License-Identifier: MIT
 * Plain JSON.
 */
#include "rpc/plain_json.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define DIGITS_MAX 18 /* any such number fits into 64 bits */

struct scan {
	const char *at, *end;
	unsigned depth;
	bool dry; /* only looks: every value stands for itself as json_true() */
};

static json_t *value(struct scan *s);

/* The next byte behind white space, not taken; NUL at the end. */
static char next(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
		s->at++;
	return s->at < s->end ? *s->at : '\0';
}

static bool take(struct scan *s, char ch)
{
	if (next(s) != ch || s->at == s->end)
		return false;
	s->at++;
	return true;
}

/* What is between two quotes and stands for itself. */
static bool take_text(struct scan *s, const char **ret, size_t *ret_n)
{
	const char *p;

	if (!take(s, '"'))
		return false;
	for (p = s->at; p < s->end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\'; p++)
		;
	if (p == s->end || *p != '"')
		return false;
	*ret = s->at;
	*ret_n = (size_t)(p - s->at);
	s->at = p + 1;
	return true;
}

static json_t *string(struct scan *s)
{
	const char *text;
	size_t n;

	if (!take_text(s, &text, &n))
		return NULL;
	return s->dry ? json_true() : json_stringn_nocheck(text, n);
}

static bool is_digit(const struct scan *s, const char *p)
{
	return p < s->end && *p >= '0' && *p <= '9';
}

/* No sign before a zero and no zero before other digits, which the other parser has its own views of. */
static json_t *number(struct scan *s)
{
	bool below = *s->at == '-';
	const char *first = s->at + below, *p = first;
	json_int_t v = 0;

	for (; is_digit(s, p) && p - first < DIGITS_MAX; p++)
		v = v * 10 + (*p - '0');
	if (p == first || is_digit(s, p) || (*first == '0' && (below || p - first > 1)))
		return NULL;
	if (p < s->end && *p != '\0' && strchr(".eE+-", *p))
		return NULL;
	s->at = p;
	return s->dry ? json_true() : json_integer(below ? -v : v);
}

static json_t *word(struct scan *s)
{
	static const struct {
		const char *name;
		size_t n;
	} words[] = {{"true", 4}, {"false", 5}, {"null", 4}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *end = s->at + words[i].n;

		if ((size_t)(s->end - s->at) < words[i].n || memcmp(s->at, words[i].name, words[i].n) != 0)
			continue;
		if (end < s->end && ((*end | 0x20) >= 'a' && (*end | 0x20) <= 'z'))
			return NULL;
		s->at = end;
		return i == 2 ? json_null() : json_boolean(i == 0);
	}
	return NULL;
}

/* The member at s; false: it is not plain. */
static bool take_member(struct scan *s, json_t *object)
{
	const char *name;
	size_t n;

	if (!take_text(s, &name, &n) || !take(s, ':'))
		return false;
	return s->dry ? value(s) != NULL : json_object_setn_new_nocheck(object, name, n, value(s)) == 0;
}

static bool take_element(struct scan *s, json_t *array)
{
	return s->dry ? value(s) != NULL : json_array_append_new(array, value(s)) == 0;
}

/* Behind the opening bracket of `v`, up to its closing one. */
static json_t *rest(struct scan *s, json_t *v, char close, bool (*take_one)(struct scan *s, json_t *v))
{
	bool good = ++s->depth <= PLAIN_DEPTH_MAX;

	s->at++;
	if (good && !take(s, close)) {
		do {
			good = take_one(s, v);
		} while (good && take(s, ','));
		good = good && take(s, close);
	}
	s->depth--;
	if (good)
		return v;
	json_decref(v);
	return NULL;
}

static json_t *value(struct scan *s)
{
	switch (next(s)) {
	case '{':
		return rest(s, s->dry ? json_true() : json_object(), '}', take_member);
	case '[':
		return rest(s, s->dry ? json_true() : json_array(), ']', take_element);
	case '"':
		return string(s);
	case '-':
	case '0' ... '9':
		return number(s);
	default:
		return word(s);
	}
}

json_t *plain_json(const char *text, size_t n)
{
	struct scan s = {.at = text, .end = text + n};
	json_t *v = value(&s);

	if (v == NULL || (next(&s), s.at == s.end))
		return v;
	json_decref(v);
	return NULL;
}

bool plain_array_begin(const char *text, size_t n, struct plain_array *ret)
{
	struct scan s = {.at = text, .end = text + n, .depth = 1, .dry = true};
	struct plain_array a = {.end = s.end};
	bool good = take(&s, '[');

	a.at = s.at;
	if (good && !take(&s, ']')) {
		do {
			a.left++;
			good = value(&s) != NULL;
		} while (good && take(&s, ','));
		good = good && take(&s, ']');
	}
	good = good && (next(&s), s.at == s.end);
	if (good)
		*ret = a;
	return good;
}

json_t *plain_array_next(struct plain_array *a)
{
	struct scan s = {.at = a->at, .end = a->end, .depth = 1};
	json_t *v = value(&s);

	(void)take(&s, ',');
	a->at = s.at;
	a->left--;
	return v;
}
