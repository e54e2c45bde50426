/* SPDX-License-Identifier: MIT
 * Errors. Functions return 0 or a negative `enum err`; the table err_table.h says what each code means to users and to the
 * retry logic. Details for people travel beside the code in a `struct fail`.
 * To add a cause: add a row to err_table.h, deciding its exit code and retry class there, not at the call.
 */
#ifndef HAUL_BASE_ERR_H
#define HAUL_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

enum err_ord {
#define ERR(name, code, retry, text) name##_ORD,
#include "err_table.h"
#undef ERR
	ERR_COUNT
};

enum err {
	ERR_OK = 0,
#define ERR(name, code, retry, text) name = -1 - (int)name##_ORD,
#include "err_table.h"
#undef ERR
};

enum retry_class { RETRY_FATAL, RETRY_SAME, RETRY_NEXT, RETRY_FEWER, RETRY_ORIGIN };

/* A failure for people: code is 0 or a negative enum err, text one line without a line end, safe to print (control
 * characters and invalid UTF-8 are escaped by fail_set), never holding a secret. Plain value, may be copied. */
struct fail {
	int code;
	char text[400];
};

/* Name of a code as in the table ("ERR_TIMEOUT"), its default text, exit code (aria2's errorCode) and retry class. Any int is
 * taken; an unknown one is treated as ERR_UNKNOWN, 0 gives "ERR_OK", "", 0, RETRY_FATAL. */
const char *err_name(int code);
const char *err_text(int code);
int err_exit_code(int code);
enum retry_class err_retry(int code);

/* Fill *f (if not NULL) with code and a printf-formatted text (fmt NULL: the table's text); returns code, so that
 * `return fail_set(f, ERR_OPEN, "%s: %s", path, strerror(errno));` works. Cut to fit at a character boundary. */
int fail_set(struct fail *f, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int fail_vset(struct fail *f, int code, const char *fmt, va_list ap);

#endif
