/* SPDX-License-Identifier: MIT
 * From lenient to strict JSON. The parser behind this decides what the text means; here only string or not matters, and
 * both see the same ends of strings.
 */
#include "rpc/lenient.h"

#include <stdint.h>
#include <string.h>

struct pass {
	const char *at, *end;
	struct buf *out;
	size_t depth;
	size_t comma; /* where in out the last token is, if it is a comma; else SIZE_MAX */
	bool number;  /* the last byte was of a number */
};

static bool is_one_of(char ch, const char *set)
{
	return ch != '\0' && strchr(set, ch) != NULL;
}

static void put(struct pass *p, char ch)
{
	buf_add(p->out, &ch, 1);
}

static void put_control(struct pass *p, char ch)
{
	static const char *const shorts[0x20] = {
		['\b'] = "\\b", ['\f'] = "\\f", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t"};

	if (shorts[(unsigned char)ch] != NULL)
		buf_adds(p->out, shorts[(unsigned char)ch]);
	else
		buf_addf(p->out, "\\u%04x", (unsigned char)ch);
}

/* The byte of an escape, or a control character. NUL stays, and stays wrong. */
static void put_special(struct pass *p, char ch, bool escaped)
{
	if (ch != '\0' && (unsigned char)ch < 0x20) {
		put_control(p, ch);
		return;
	}
	if (escaped && is_one_of(ch, "\"\\/bfnrtu"))
		put(p, '\\');
	put(p, ch);
}

/* The rest of a string; at stands behind its opening quote. */
static void string(struct pass *p)
{
	char ch = '\0';

	while (p->at < p->end && ch != '"') {
		const char *from = p->at;
		bool escaped;

		while (p->at < p->end && (unsigned char)*p->at >= 0x20 && *p->at != '"' && *p->at != '\\')
			p->at++;
		buf_add(p->out, from, (size_t)(p->at - from));
		if (p->at == p->end)
			return;
		ch = *p->at++;
		escaped = ch == '\\' && p->at < p->end;
		put_special(p, escaped ? *p->at++ : ch, escaped);
	}
}

/* ch begins a number: its sign goes out, zeros before other digits don't. */
static void number(struct pass *p, char ch)
{
	if (ch == '-') {
		put(p, ch);
		if (p->at == p->end)
			return;
		ch = *p->at++;
	}
	while (ch == '0' && p->at < p->end && is_one_of(*p->at, "0123456789"))
		ch = *p->at++;
	p->at--; /* it may be anything behind a sign */
	p->number = true;
	if (is_one_of(ch, "0123456789"))
		put(p, *p->at++);
}

/* Outside of strings. False: the value is over, or too deep (depth tells). */
static bool token(struct pass *p, char ch)
{
	if (is_one_of(ch, " \t\r\n")) {
		p->number = false;
		put(p, ch);
		return true;
	}
	if (ch == '}' && p->comma != SIZE_MAX)
		p->out->data[p->comma] = ' ';
	p->comma = ch == ',' ? p->out->len : SIZE_MAX;
	if (!p->number && is_one_of(ch, "-0123456789")) {
		number(p, ch);
		return true;
	}
	p->number = p->number && is_one_of(ch, "0123456789.eE+-");
	put(p, ch);
	if (ch == '"')
		string(p);
	if (ch == '{' || ch == '[')
		return ++p->depth <= LENIENT_DEPTH_MAX;
	return !is_one_of(ch, "}]") || (p->depth > 0 && --p->depth > 0);
}

bool lenient_json(const char *text, size_t n, struct buf *out)
{
	struct pass p = {.at = text, .end = text + n, .out = out, .comma = SIZE_MAX};
	bool more = true;

	buf_init(out, LENIENT_GROWTH * n);
	while (more && p.at < p.end && out->err == 0) {
		char ch = *p.at++;

		more = token(&p, ch);
	}
	return p.depth <= LENIENT_DEPTH_MAX && out->err == 0;
}
