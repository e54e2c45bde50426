/* SPDX-License-Identifier: MIT
 * HTTP dates. strptime and strftime would read and write names of the current locale, so the names are here.
 */
#include "base/http_date.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char days[] = "SunMonTueWedThuFriSat";

struct date {
	int year, day, hour, min, sec;
	char month[4];
};

static int month_number(const char *name)
{
	for (int i = 0; i < 12; i++) {
		if (strncmp(name, months + 3 * i, 3) == 0)
			return i;
	}
	return -1;
}

static int two_digits(const char *s)
{
	return (s[0] - '0') * 10 + (s[1] - '0');
}

/* As nearly all servers write it: "Sun, 06 Nov 1994 08:49:37 GMT", to the letter. */
static bool scan_plain(const char *s, struct date *d)
{
	static const char form[] = "aaa, 00 aaa 0000 00:00:00 GMT";

	for (size_t i = 0; i < sizeof(form); i++) {
		bool letter = (s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'z', digit = s[i] >= '0' && s[i] <= '9';

		if (form[i] == 'a' ? !letter : form[i] == '0' ? !digit : s[i] != form[i])
			return false;
	}
	d->day = two_digits(s + 5);
	memcpy(d->month, s + 8, 3);
	d->year = two_digits(s + 12) * 100 + two_digits(s + 14);
	d->hour = two_digits(s + 17);
	d->min = two_digits(s + 20);
	d->sec = two_digits(s + 23);
	return true;
}

/* The same with the blanks and numbers that sscanf takes for it. */
static bool scan_imf(const char *s, struct date *d)
{
	int end = 0;

	return sscanf(s, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &d->day, d->month, &d->year, &d->hour,
		       &d->min, &d->sec, &end) == 6 &&
	       end > 0 && s[end] == '\0';
}

/* "Sunday, 06-Nov-94 08:49:37 GMT": two digits of the year, 70 and above are of the last century. */
static bool scan_rfc850(const char *s, struct date *d)
{
	int end = 0;

	if (sscanf(s, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", &d->day, d->month, &d->year, &d->hour,
		    &d->min, &d->sec, &end) != 6 ||
		end == 0 || s[end] != '\0')
		return false;
	d->year += d->year < 70 ? 2000 : 1900;
	return true;
}

/* "Sun Nov  6 08:49:37 1994" */
static bool scan_asctime(const char *s, struct date *d)
{
	int end = 0;

	return sscanf(s, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", d->month, &d->day, &d->hour, &d->min, &d->sec,
		       &d->year, &end) == 6 &&
	       end > 0 && s[end] == '\0';
}

int64_t http_date_parse(const char *s)
{
	struct date d = {0};
	struct tm tm = {0};
	time_t t;

	if (strnlen(s, HTTP_DATE_SIZE) >= HTTP_DATE_SIZE)
		return -1;
	if (!scan_plain(s, &d) && !scan_imf(s, &d) && !scan_rfc850(s, &d) && !scan_asctime(s, &d))
		return -1;
	tm.tm_mon = month_number(d.month);
	if (tm.tm_mon < 0 || d.year < 1970 || d.day < 1 || d.day > 31 || d.hour < 0 || d.hour > 23 || d.min < 0 ||
		d.min > 59 || d.sec < 0 || d.sec > 60)
		return -1;
	tm.tm_year = d.year - 1900;
	tm.tm_mday = d.day;
	tm.tm_hour = d.hour;
	tm.tm_min = d.min;
	tm.tm_sec = d.sec == 60 ? 59 : d.sec; /* a leap second has no number of its own */
	t = timegm(&tm);
	return tm.tm_mday == d.day ? (int64_t)t : -1; /* timegm turned 31 February into a day of March */
}

const char *http_date_format(int64_t t, char ret[HTTP_DATE_SIZE])
{
	time_t tt = (time_t)t;
	struct tm tm;

	ret[0] = '\0';
	if (gmtime_r(&tt, &tm) == NULL || tm.tm_year > 9999 - 1900)
		return ret;
	snprintf(ret, HTTP_DATE_SIZE, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday, tm.tm_mday,
		months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return ret;
}
