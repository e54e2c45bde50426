/* SPDX-License-Identifier: MIT
 * Reading Set-Cookie by the algorithms of RFC 6265 5, which say what to do about every text.
 */
#include "proto/cookie_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/str.h"

#define DIGITS "0123456789"

/* ---- dates, 5.1.1 ---- */

struct date {
	bool has_time, has_day, has_month, has_year;
	int hour, min, sec, day, month, year;
};

static bool is_delimiter(char c)
{
	unsigned char u = (unsigned char)c;

	return u == 0x09 || (u >= 0x20 && u <= 0x2f) || (u >= 0x3b && u <= 0x40) || (u >= 0x5b && u <= 0x60) ||
	       (u >= 0x7b && u <= 0x7e);
}

/* A number of least to most digits at *s, which goes behind it; -1: there is none. */
static int take_number(const char **s, size_t least, size_t most)
{
	size_t n = strspn(*s, DIGITS);
	int v = 0;

	if (n < least || n > most)
		return -1;
	for (; n > 0; n--, (*s)++)
		v = v * 10 + (**s - '0');
	return v;
}

static bool take_time(struct date *d, const char *s)
{
	d->hour = take_number(&s, 1, 2);
	if (d->hour < 0 || *s++ != ':')
		return false;
	d->min = take_number(&s, 1, 2);
	if (d->min < 0 || *s++ != ':')
		return false;
	d->sec = take_number(&s, 1, 2);
	return d->sec >= 0;
}

static bool take_month(struct date *d, const char *s)
{
	static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";

	for (int i = 0; i < 12; i++) {
		if (strncasecmp(s, months + 3 * i, 3) == 0) {
			d->month = i;
			return true;
		}
	}
	return false;
}

/* Each token is the first thing it can be that was not there yet. */
static void take_token(struct date *d, const char *s)
{
	const char *p = s;

	if (!d->has_time && take_time(d, s)) {
		d->has_time = true;
	} else if (!d->has_day && (d->day = take_number(&p, 1, 2)) >= 0) {
		d->has_day = true;
	} else if (!d->has_month && take_month(d, s)) {
		d->has_month = true;
	} else if (!d->has_year && (p = s, d->year = take_number(&p, 2, 4)) >= 0) {
		d->has_year = true;
		if (d->year >= 70 && d->year <= 99)
			d->year += 1900;
		else if (d->year <= 69)
			d->year += 2000;
	}
}

bool cookie_date(const char *s, int64_t *ret)
{
	struct date d = {0};
	struct tm tm = {0};
	char token[32];

	while (*s != '\0') {
		size_t n = 0;

		for (; *s != '\0' && !is_delimiter(*s); s++) {
			if (n < sizeof(token) - 1)
				token[n++] = *s;
		}
		token[n] = '\0';
		if (n > 0)
			take_token(&d, token);
		while (*s != '\0' && is_delimiter(*s))
			s++;
	}
	if (!d.has_time || !d.has_day || !d.has_month || !d.has_year || d.day < 1 || d.day > 31 || d.year < 1601 ||
		d.hour > 23 || d.min > 59 || d.sec > 59)
		return false;
	tm = (struct tm){.tm_year = d.year - 1900, .tm_mon = d.month, .tm_mday = d.day, .tm_hour = d.hour,
		.tm_min = d.min, .tm_sec = d.sec};
	*ret = timegm(&tm);
	if (*ret < 0)
		*ret = 0;
	return tm.tm_mday == d.day; /* timegm turns 31 February into a day of March */
}

/* ---- attributes ---- */

/* A stretch of the text without blanks at its ends. */
static struct span trimmed(const char *s, size_t n)
{
	while (n > 0 && (*s == ' ' || *s == '\t')) {
		s++;
		n--;
	}
	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	return (struct span){(char *)s, n};
}

struct attrs {
	bool has_max_age, has_expires;
	int64_t max_age, expires;
};

static void set_expires(struct cookie *c, struct attrs *a, struct span v)
{
	char *s = xstrndup(v.base, v.len);

	(void)c;
	if (cookie_date(s, &a->expires))
		a->has_expires = true;
	free(s);
}

/* Digits with a '-' in front, else it does not count. Numbers too large to add are "for ever". */
static void set_max_age(struct cookie *c, struct attrs *a, struct span v)
{
	bool minus = v.len > 0 && v.base[0] == '-';
	uint64_t n;

	(void)c;
	if (v.len == minus || strspn(v.base + minus, DIGITS) < v.len - minus)
		return;
	if (str_to_u64(v.base + minus, v.len - minus, &n) != 0 || n > UINT32_MAX)
		n = UINT32_MAX;
	a->has_max_age = true;
	a->max_age = minus ? 0 : (int64_t)n;
}

static void set_domain(struct cookie *c, struct attrs *a, struct span v)
{
	(void)a;
	if (v.len > 0 && v.base[0] == '.') {
		v.base++;
		v.len--;
	}
	if (v.len == 0)
		return;
	free(c->domain);
	c->domain = xstrndup(v.base, v.len);
	for (char *p = c->domain; *p != '\0'; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + ('a' - 'A'));
	}
}

static void set_path(struct cookie *c, struct attrs *a, struct span v)
{
	(void)a;
	free(c->path);
	c->path = v.len > 0 && v.base[0] == '/' ? xstrndup(v.base, v.len) : NULL;
}

static void set_secure(struct cookie *c, struct attrs *a, struct span v)
{
	(void)a;
	(void)v;
	c->secure = true;
}

static void set_http_only(struct cookie *c, struct attrs *a, struct span v)
{
	(void)a;
	(void)v;
	c->http_only = true;
}

static const struct {
	const char *name;
	void (*set)(struct cookie *c, struct attrs *a, struct span v);
} attributes[] = {
	{"Expires", set_expires},
	{"Max-Age", set_max_age},
	{"Domain", set_domain},
	{"Path", set_path},
	{"Secure", set_secure},
	{"HttpOnly", set_http_only},
};

static void read_attribute(struct cookie *c, struct attrs *a, const char *s, size_t n)
{
	const char *eq = memchr(s, '=', n);
	struct span name = trimmed(s, eq != NULL ? (size_t)(eq - s) : n);
	struct span value = {"", 0};

	if (eq != NULL)
		value = trimmed(eq + 1, n - (size_t)(eq + 1 - s));
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (name.len == strlen(attributes[i].name) && strncasecmp(name.base, attributes[i].name, name.len) == 0)
			attributes[i].set(c, a, value);
	}
}

/* name=value, 5.2 steps 1 to 5. */
static bool read_pair(struct cookie *c, const char *s, size_t n)
{
	const char *eq = memchr(s, '=', n);
	struct span name, value;

	if (eq == NULL)
		return false;
	name = trimmed(s, (size_t)(eq - s));
	value = trimmed(eq + 1, n - (size_t)(eq + 1 - s));
	if (name.len == 0 || name.len + value.len > COOKIE_BYTES_MAX)
		return false;
	c->name = xstrndup(name.base, name.len);
	c->value = xstrndup(value.base, value.len);
	return true;
}

char *cookie_default_path(const char *uri_path)
{
	const char *last = uri_path != NULL && *uri_path == '/' ? strrchr(uri_path, '/') : NULL;

	return last == NULL || last == uri_path ? xstrdup("/") : xstrndup(uri_path, (size_t)(last - uri_path));
}

bool cookie_parse(const char *text, const struct uri *from, int64_t now, struct cookie *c)
{
	struct attrs a = {0};
	size_t n = strcspn(text, ";");

	*c = (struct cookie){.expires = -1};
	if (!read_pair(c, text, n))
		return false;
	for (text += n; *text == ';'; text += n) {
		text++;
		n = strcspn(text, ";");
		read_attribute(c, &a, text, n);
	}
	if (a.has_max_age)
		c->expires = a.max_age > 0 ? now + a.max_age : 0;
	else if (a.has_expires)
		c->expires = a.expires;
	if (c->path == NULL)
		c->path = cookie_default_path(from->path);
	return true;
}

void cookie_clear(struct cookie *c)
{
	cookie_wipe(c->value);
	free(c->name);
	free(c->domain);
	free(c->path);
	*c = (struct cookie){0};
}
