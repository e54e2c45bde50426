/* SPDX-License-Identifier: MIT
 * The error table made into look-ups, and failures with a text.
 */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* Room for a text before cutting: longer than struct fail's, so that str_safe sees where the cut is. */
#define FAIL_RAW 512

struct err_row {
	const char *name;
	const char *text;
	int exit_code;
	enum retry_class retry;
};

static const struct err_row rows[ERR_COUNT] = {
#define ERR(name_, code_, retry_, text_) [name_##_ORD] = {#name_, text_, code_, RETRY_##retry_},
#include "base/err_table.h"
#undef ERR
};

static const struct err_row row_ok = {"ERR_OK", "", 0, RETRY_FATAL};

static const struct err_row *row_of(int code)
{
	if (code == 0)
		return &row_ok;
	if (code > 0 || code < -(int)ERR_COUNT)
		code = ERR_UNKNOWN;
	return &rows[-1 - code];
}

const char *err_name(int code)
{
	return row_of(code)->name;
}

const char *err_text(int code)
{
	return row_of(code)->text;
}

int err_exit_code(int code)
{
	return row_of(code)->exit_code;
}

enum retry_class err_retry(int code)
{
	return row_of(code)->retry;
}

int fail_vset(struct fail *f, int code, const char *fmt, va_list ap)
{
	char raw[FAIL_RAW];
	int n;

	if (f == NULL)
		return code;
	f->code = code;
	if (fmt == NULL) {
		snprintf(f->text, sizeof(f->text), "%s", err_text(code));
		return code;
	}
	n = vsnprintf(raw, sizeof(raw), fmt, ap);
	if (n < 0)
		n = snprintf(raw, sizeof(raw), "%s", err_text(code));
	/* vsnprintf may have cut inside a character; the last three bytes are beyond what fits anyway. */
	if ((size_t)n >= sizeof(raw))
		n = (int)sizeof(raw) - 4;
	str_safe(raw, (size_t)n, f->text, sizeof(f->text));
	return code;
}

int fail_set(struct fail *f, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_vset(f, code, fmt, ap);
	va_end(ap);
	return code;
}
