/* SPDX-License-Identifier: MIT
 * F02: Content-Range, Content-Length, Retry-After, RateLimit and dates against slow and simple readings of the same grammar.
 * Input: one value.
 */
#include "fuzz.h"

#include <ctype.h>
#include <strings.h>
#include <time.h>

#include "base/http_date.h"
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

static int ref_month(const char *s)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 12; i++)
		if (strncmp(s, months + 3 * i, 3) == 0)
			return i;
	return -1;
}

#define NO_FORM -1 /* not a date of this form */
#define NO_DATE -2 /* a form with a day or time that does not exist */

static int64_t ref_time(int year, const char *month, int day, const char *clock)
{
	int h = two(clock), m = two(clock + 3), s = two(clock + 6);
	int64_t days;

	if (ref_month(month) < 0 || year < 0 || day < 0 || h < 0 || m < 0 || s < 0 || clock[2] != ':' || clock[5] != ':')
		return NO_FORM;
	days = year < 1970 || day < 1 ? -1 : ref_days(year, ref_month(month), day);
	if (days < 0 || h > 23 || m > 59 || s > 60)
		return NO_DATE;
	return days * 86400 + h * 3600 + m * 60 + (s == 60 ? 59 : s);
}

static bool letters(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalpha((unsigned char)s[i]))
			return false;
	return true;
}

static int four(const char *s)
{
	return two(s) < 0 || two(s + 2) < 0 ? -1 : two(s) * 100 + two(s + 2);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static int64_t ref_imf(const char *s)
{
	if (strlen(s) != 29 || !letters(s, 3) || strncmp(s + 3, ", ", 2) != 0 || s[7] != ' ' || s[11] != ' ' || s[16] != ' ' ||
		strcmp(s + 25, " GMT") != 0)
		return NO_FORM;
	return ref_time(four(s + 12), s + 8, two(s + 5), s + 17);
}

/* "Sunday, 06-Nov-94 08:49:37 GMT" */
static int64_t ref_rfc850(const char *s)
{
	const char *comma = strchr(s, ',');
	size_t name = comma != NULL ? (size_t)(comma - s) : 0;
	int year;

	if (name < 6 || name > 9 || !letters(s, name) || strlen(s) != name + 24)
		return NO_FORM;
	s += name;
	if (s[1] != ' ' || s[4] != '-' || s[8] != '-' || s[11] != ' ' || strcmp(s + 20, " GMT") != 0)
		return NO_FORM;
	year = two(s + 9);
	return ref_time(year < 0 ? -1 : year < 70 ? 2000 + year : 1900 + year, s + 5, two(s + 2), s + 12);
}

/* "Sun Nov  6 08:49:37 1994" */
static int64_t ref_asctime(const char *s)
{
	int day;

	if (strlen(s) != 24 || !letters(s, 3) || s[3] != ' ' || s[7] != ' ' || s[10] != ' ' || s[19] != ' ')
		return NO_FORM;
	day = s[8] == ' ' && isdigit((unsigned char)s[9]) ? s[9] - '0' : two(s + 8);
	return ref_time(four(s + 20), s + 4, day, s + 11);
}

static void check_date(const char *s)
{
	int64_t (*const forms[])(const char *) = {ref_imf, ref_rfc850, ref_asctime};
	int64_t got = http_date_parse(s);
	char text[HTTP_DATE_SIZE];

	CHECK(got >= -1);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		int64_t want = forms[i](s);

		CHECK(want == NO_FORM || got == (want == NO_DATE ? -1 : want));
	}
	if (got < 0)
		return;
	http_date_format(got, text);
	CHECK(ref_imf(text) == got && http_date_parse(text) == got);
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

/* The next piece of *s up to `end`, without blanks around it; malloc'd, NULL: there is none. */
static char *piece(const char **s, char end)
{
	const char *stop = *s != NULL ? strchrnul(*s, end) : NULL, *from = *s, *to = stop;

	if (stop == NULL)
		return NULL;
	*s = *stop != '\0' ? stop + 1 : NULL;
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
		to--;
	return strndup(from, (size_t)(to - from));
}

#define NOT_PLAIN -3

/* Of "x;r=0;t=30", with names of letters and numbers of at most 15 digits: t when the last r is 0; NOT_PLAIN: of another form. */
static int64_t ref_policy(const char *text)
{
	const char *s = text;
	char *part = piece(&s, ';');
	unsigned __int128 left = 1, seconds = 0;
	bool plain = part[0] != '\0' && letters(part, strlen(part)), timed = false;

	free(part);
	while ((part = piece(&s, ';')) != NULL) {
		size_t i = 2;
		unsigned __int128 v = 0;
		bool number = strlen(part) <= 17 && strlen(part) > 2 && ref_number(part, &i, &v) && part[i] == '\0';

		plain &= number && (strncmp(part, "r=", 2) == 0 || strncmp(part, "t=", 2) == 0);
		timed |= plain && part[0] == 't';
		*(plain && part[0] == 'r' ? &left : &seconds) = v;
		free(part);
	}
	return !plain ? NOT_PLAIN : left == 0 && timed ? (int64_t)seconds : -1;
}

/* Whatever it looks like, the wait is in range, and there is none without the two letters that name one. */
static void check_limit(const char *value)
{
	const char *s = value;
	int64_t got = http_limit_field(value), want = -1;
	bool plain = true;
	char *part;

	CHECK(got >= -1 && got <= 86400);
	CHECK(got < 0 || (strstr(value, "r=") != NULL && strstr(value, "t=") != NULL));
	while ((part = piece(&s, ',')) != NULL) {
		int64_t one = ref_policy(part);

		plain &= one != NOT_PLAIN;
		want = one > want ? one : want;
		free(part);
	}
	CHECK(!plain || got == (want < 86400 ? want : 86400));
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

/* A whole head with these lines: its Content-Length, or the error. */
static int64_t read_head(const char *lines)
{
	struct http_parser p;
	struct http_asked asked = {0};
	struct http_answer a = {0};
	struct fail f;
	char *head = NULL;
	size_t used = 0;
	int len = asprintf(&head, "HTTP/1.1 200 OK\r\n%s\r\n", lines), r;
	int64_t ret;

	CHECK(len > 0);
	http_parser_init(&p);
	r = http_parse_head(&p, head, (size_t)len, &used, &f);
	if (r == 1)
		r = http_head_read(&p, &asked, &a, &f) == 0 ? 1 : f.code;
	CHECK(r == 1 || r < 0);
	CHECK(r < 0 || (used == (size_t)len && a.framing == FRAMING_LENGTH && a.h.total == a.length && a.length >= 0));
	ret = r < 0 ? r : a.length;
	http_answer_free(&a);
	http_parser_free(&p);
	free(head);
	return ret;
}

/* In a whole head, where the parser has a word in it too; and twice in one, which only equal ones may be. */
static void check_content_length(const char *value)
{
	const char *s = value;
	size_t n = trimmed(&s), i = 0;
	unsigned __int128 want;
	bool good = ref_number(s, &i, &want) && i == n && want <= (unsigned __int128)INT64_MAX;
	char *lines = NULL;
	int64_t got, twice, other;

	CHECK(asprintf(&lines, "Content-Length: %s\r\n", value) > 0);
	got = read_head(lines);
	free(lines);
	CHECK(good ? got == (int64_t)want || (got == ERR_PROTO && strchr(value, '\t') != NULL) : got < 0); /* llhttp minds tabs */
	CHECK(asprintf(&lines, "Content-Length: %s\r\nContent-Length: %s\r\n", value, value) > 0);
	twice = read_head(lines);
	free(lines);
	CHECK(twice == got || twice < 0);
	CHECK(asprintf(&lines, "Content-Length: 17\r\nContent-Length: %s\r\n", value) > 0);
	other = read_head(lines);
	free(lines);
	CHECK(got == 17 || other < 0);
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
