/* SPDX-License-Identifier: MIT
 * HTTP dates (RFC 9110 5.6.7): the three forms in, IMF-fixdate out. Independent of the locale. No state; any thread.
 */
#ifndef HAUL_BASE_HTTP_DATE_H
#define HAUL_BASE_HTTP_DATE_H

#include <stdint.h>

#define HTTP_DATE_SIZE 40 /* bytes for http_date_format, NUL included */

/* Seconds since 1970, or -1 when it is no date, or one before 1970. */
int64_t http_date_parse(const char *s);

/* "Sun, 06 Nov 1994 08:49:37 GMT" into ret; returns ret. Years above 9999 give "". */
const char *http_date_format(int64_t t, char ret[HTTP_DATE_SIZE]);

#endif
