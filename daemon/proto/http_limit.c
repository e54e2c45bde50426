/* SPDX-License-Identifier: MIT
 * Reading limits. A field that can't be understood says nothing: these fields are hints, and many servers have forms of
 * their own.
 */
#include "proto/http_limit.h"

#include <stdbool.h>
#include <string.h>

#include "base/http_date.h"
#include "base/str.h"

#define WAIT_MAX_S 86400
#define EPOCH_FROM 1000000000   /* a time in seconds from here on is a date, */
#define MILLIS_FROM 1000000000000 /* and from here on one in milliseconds */

static const struct pair {
	const char *remaining, *reset;
} pairs[] = {
	{"RateLimit-Remaining", "RateLimit-Reset"},
	{"X-RateLimit-Remaining", "X-RateLimit-Reset"},
	{"X-Rate-Limit-Remaining", "X-Rate-Limit-Reset"},
};

/* Digits, maybe with a fraction, which counts as one more. *s goes behind them. */
static bool read_seconds(const char **s, int64_t *ret)
{
	size_t n = strspn(*s, "0123456789"), frac = 0;
	uint64_t v;

	if (n == 0 || str_to_u64(*s, n, &v) != 0 || v >= INT64_MAX)
		return false;
	*s += n;
	if (**s == '.') {
		frac = strspn(*s + 1, "0123456789");
		v += frac > strspn(*s + 1, "0");
		*s += 1 + frac;
	}
	*ret = (int64_t)v;
	return true;
}

static int64_t bounded(int64_t seconds)
{
	return seconds < WAIT_MAX_S ? seconds : WAIT_MAX_S;
}

/* Behind a string or token, up to what ends it. */
static const char *skip_word(const char *s)
{
	if (*s != '"')
		return s + strcspn(s, ";,");
	for (s++; *s != '\0' && *s != '"'; s++)
		if (*s == '\\' && s[1] != '\0')
			s++;
	return *s == '"' ? s + 1 : s;
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* One item with its parameters (RFC 9651 3.1); *s goes behind it. -1: r is not 0, or t is missing. */
static int64_t read_policy(const char **s)
{
	int64_t left = -1, seconds = -1;
	const char *c = skip_blanks(skip_word(*s));

	while (*c == ';') {
		int64_t *to;

		c = skip_blanks(c + 1);
		to = strncmp(c, "r=", 2) == 0 ? &left : strncmp(c, "t=", 2) == 0 ? &seconds : NULL;
		if (to != NULL) {
			c += 2;
			if (!read_seconds(&c, to))
				*to = -1;
		}
		c += strcspn(c, "=;,");
		c = skip_blanks(*c == '=' ? skip_word(c + 1) : c);
	}
	*s = c;
	return left == 0 ? seconds : -1;
}

int64_t http_limit_field(const char *value)
{
	const char *s = skip_blanks(value);
	int64_t longest = -1;

	while (*s != '\0') {
		int64_t seconds = read_policy(&s);

		if (seconds > longest)
			longest = seconds;
		s += strcspn(s, ",");
		s = skip_blanks(*s == ',' ? s + 1 : s);
	}
	return bounded(longest);
}

static bool number_field(const struct http_parser *p, const char *name, int64_t *ret)
{
	const char *s = http_field(p, name);

	return s != NULL && read_seconds(&s, ret) && *s == '\0';
}

int64_t http_clock(const struct http_parser *p, int64_t now)
{
	const char *date = http_field(p, "Date");
	int64_t t = date != NULL ? http_date_parse(date) : -1;

	return t >= 0 ? t : now;
}

/* A reset is a number of seconds, or a date, in seconds or milliseconds. */
static int64_t until(const struct http_parser *p, int64_t reset, int64_t now)
{
	if (reset >= MILLIS_FROM)
		reset = reset / 1000 + 1;
	return reset >= EPOCH_FROM ? reset - http_clock(p, now) : reset;
}

static int64_t of_pairs(const struct http_parser *p, int64_t now)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		int64_t left, reset;

		if (number_field(p, pairs[i].remaining, &left) && left == 0 && number_field(p, pairs[i].reset, &reset))
			return until(p, reset, now);
	}
	return -1;
}

int64_t http_limit_wait(const struct http_parser *p, int64_t now)
{
	const char *s = http_field(p, "RateLimit");
	int64_t seconds = s != NULL ? http_limit_field(s) : -1;

	if (seconds < 0)
		seconds = bounded(of_pairs(p, now));
	return seconds > 0 ? seconds * 1000 : -1; /* "in 0 s" beside a refusal is of no help */
}
