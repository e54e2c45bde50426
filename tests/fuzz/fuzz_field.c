/* SPDX-License-Identifier: MIT
 * Content-Range, Content-Length, Retry-After, RateLimit and dates against slow and simple readings of the same grammar. Input: one
 * value.
 */
#include "fuzz.h"

#include <ctype.h>
#include <strings.h>
#include <time.h>

#include "proto/http_date.h"
#include "proto/http_head.h"
#include "proto/http_limit.h"

/* Digits from *i on as a number, saturating far above 63 bits; false: none. */
static bool ref_number(const char *s, size_t *i, unsigned __int128 *ret)
{
	size_t start = *i;

	*ret = 0;
	for (; s[*i] >= '0' && s[*i] <= '9'; (*i)++)
		if (*ret < ((unsigned __int128)1 << 80))
			*ret = *ret * 10 + (unsigned)(s[*i] - '0');
	return *i > start;
}

/* bytes FIRST-LAST/TOTAL, bytes FIRST-LAST/\*, bytes *\/TOTAL: every number below 2^63. */
static int ref_content_range(const char *s, struct range *r, int64_t *total)
{
	const unsigned __int128 max = INT64_MAX;
	unsigned __int128 a = 0, b = 0, t = 0;
	size_t i = 6;
	bool star, star_total;

	*r = (struct range){0, 0};
	*total = -1;
	if (strncasecmp(s, "bytes ", 6) != 0)
		return -1;
	star = s[i] == '*';
	if (star)
		i++;
	else if (!ref_number(s, &i, &a) || s[i++] != '-' || !ref_number(s, &i, &b))
		return -1;
	if (s[i++] != '/')
		return -1;
	star_total = s[i] == '*';
	if (star_total)
		i++;
	else if (!ref_number(s, &i, &t))
		return -1;
	if (s[i] != '\0' || (star && star_total) || a > b || a > max || b >= max || t > max)
		return -1;
	if (!star && !star_total && t <= b)
		return -1;
	if (!star)
		*r = (struct range){(int64_t)a, (int64_t)b + 1};
	if (!star_total)
		*total = (int64_t)t;
	return star ? 0 : 1;
}

static void check_content_range(const char *s)
{
	struct range got, want;
	int64_t got_total, want_total;
	int g = http_content_range(s, &got, &got_total), w = ref_content_range(s, &want, &want_total);

	CHECK(g == w);
	CHECK(got.start == want.start && got.end == want.end && got_total == want_total);
}

/* Days since 1970 by counting them. */
static int64_t ref_days(int year, int month, int day)
{
	static const int len[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t n = 0;
	bool leap;

	for (int y = 1970; y < year; y++)
		n += (y % 4 == 0 && y % 100 != 0) || y % 400 == 0 ? 366 : 365;
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	for (int m = 0; m < month; m++)
		n += len[m] + (m == 1 && leap);
	return day <= len[month] + (month == 1 && leap) ? n + day - 1 : -1;
}

static int two(const char *s)
{
	return isdigit((unsigned char)s[0]) && isdigit((unsigned char)s[1]) ? (s[0] - '0') * 10 + s[1] - '0' : -1;
}

/* An exact IMF-fixdate; -1: not one (it may still be a date of another form); -2: surely no date. */
static int64_t ref_imf(const char *s)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int d, y, h, m, sec, month = -1;
	int64_t days;

	if (strlen(s) != 29 || s[3] != ',' || s[4] != ' ' || s[7] != ' ' || s[11] != ' ' || s[16] != ' ' || s[19] != ':' ||
		s[22] != ':' || strcmp(s + 25, " GMT") != 0 || !isalpha((unsigned char)s[0]) ||
		!isalpha((unsigned char)s[1]) || !isalpha((unsigned char)s[2]))
		return -1;
	for (int i = 0; i < 12; i++)
		if (strncmp(s + 8, months + 3 * i, 3) == 0)
			month = i;
	d = two(s + 5);
	y = two(s + 12) < 0 || two(s + 14) < 0 ? -1 : two(s + 12) * 100 + two(s + 14);
	h = two(s + 17);
	m = two(s + 20);
	sec = two(s + 23);
	if (month < 0 || d < 1 || y < 0 || h < 0 || m < 0 || sec < 0)
		return -1;
	days = y < 1970 ? -1 : ref_days(y, month, d);
	if (days < 0 || h > 23 || m > 59 || sec > 60)
		return -2;
	return days * 86400 + h * 3600 + m * 60 + (sec == 60 ? 59 : sec);
}

static void check_date(const char *s)
{
	int64_t got = http_date_parse(s), want = ref_imf(s);
	char text[HTTP_DATE_SIZE];

	CHECK(got >= -1);
	CHECK(want == -1 || got == (want == -2 ? -1 : want));
	if (got >= 0)
		CHECK(http_date_parse(http_date_format(got, text)) == got);
}

static void check_retry_after(const char *s)
{
	const int64_t now = 1700000000, day = 86400;
	int64_t got = http_retry_after(s, now), date = http_date_parse(s), want;
	unsigned __int128 n;
	size_t i = 0;

	if (ref_number(s, &i, &n) && s[i] == '\0')
		want = n > (unsigned __int128)day ? day : (int64_t)n;
	else if (date < 0)
		want = -1;
	else
		want = date <= now ? 0 : date - now > day ? day : date - now;
	CHECK(got == (want < 0 ? -1 : want * 1000));
}

/* Whatever it looks like, its wait is in range, and there is none without the two letters that name one. */
static void check_limit(const char *s)
{
	int64_t got = http_limit_field(s);

	CHECK(got >= -1 && got <= 86400);
	CHECK(got < 0 || (strstr(s, "r=") != NULL && strstr(s, "t=") != NULL));
}

static size_t trimmed(const char **s)
{
	size_t n;

	*s += strspn(*s, " \t");
	n = strlen(*s);
	while (n > 0 && ((*s)[n - 1] == ' ' || (*s)[n - 1] == '\t'))
		n--;
	return n;
}

/* In a whole head, where the parser has a word in it too. */
static void check_content_length(const char *value)
{
	struct http_parser p;
	struct http_asked asked = {0};
	struct http_answer a = {0};
	struct fail f;
	char *head = NULL;
	const char *s = value;
	size_t used = 0, n = trimmed(&s), i = 0;
	unsigned __int128 want;
	bool good;
	int len = asprintf(&head, "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n", value), r;

	CHECK(len > 0);
	good = ref_number(s, &i, &want) && i == n && want <= (unsigned __int128)INT64_MAX;
	http_parser_init(&p);
	r = http_parse_head(&p, head, (size_t)len, &used, &f);
	if (r == 1)
		r = http_head_read(&p, &asked, &a, &f) == 0 ? 1 : f.code;
	CHECK(good ? r == 1 || (r == ERR_PROTO && strchr(value, '\t') != NULL) : r < 0); /* llhttp minds tabs */
	if (r == 1)
		CHECK(used == (size_t)len && a.framing == FRAMING_LENGTH && a.length == (int64_t)want && a.h.total == a.length);
	http_answer_free(&a);
	http_parser_free(&p);
	free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = input_text(data, size < 4096 ? size : 4096);

	check_content_range(s);
	check_date(s);
	check_retry_after(s);
	check_limit(s);
	if (strpbrk(s, "\r\n") == NULL)
		check_content_length(s);
	free(s);
	return 0;
}
