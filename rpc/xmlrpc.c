/* SPDX-License-Identifier: MIT
 * XML-RPC: reading calls.
 */
#include "rpc/xmlrpc.h"

#include <errno.h>
#include <expat.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define DEPTH_MAX 256 /* elements in each other; an array or struct in another takes three or four */

/* X(id, name, elements that it may stand in) */
#define ELEMENTS(X) \
	X(CALL, "methodCall", IN(ROOT)) \
	X(METHOD, "methodName", IN(CALL)) \
	X(PARAMS, "params", IN(CALL)) \
	X(PARAM, "param", IN(PARAMS)) \
	X(VALUE, "value", IN(PARAM) | IN(DATA) | IN(MEMBER)) \
	X(ARRAY, "array", IN(VALUE)) \
	X(DATA, "data", IN(ARRAY)) \
	X(STRUCT, "struct", IN(VALUE)) \
	X(MEMBER, "member", IN(STRUCT)) \
	X(NAME, "name", IN(MEMBER)) \
	X(STRING, "string", IN(VALUE)) \
	X(INT, "int", IN(VALUE)) \
	X(I4, "i4", IN(VALUE)) \
	X(I8, "i8", IN(VALUE)) \
	X(BOOLEAN, "boolean", IN(VALUE)) \
	X(DOUBLE, "double", IN(VALUE)) \
	X(BASE64, "base64", IN(VALUE)) \
	X(DATE, "dateTime.iso8601", IN(VALUE)) \
	X(NIL, "nil", IN(VALUE))
#define IN(id) (1u << EL_##id)
enum element {
	EL_ROOT,
#define X(id, name, in) EL_##id,
	ELEMENTS(X)
#undef X
	EL_COUNT
};

/* An open element and what its children have given it. */
struct open {
	enum element el;
	json_t *val; /* owned */
	char *name;  /* of the method, or of a member; owned */
};

struct reader {
	XML_Parser parser;
	bool wrong;
	size_t depth;
	struct buf text; /* since the last tag */
	struct open stack[DEPTH_MAX];
};

static void give_up(struct reader *r)
{
	r->wrong = true;
	XML_StopParser(r->parser, XML_FALSE);
}

static enum element find(const char *name, enum element in)
{
	static const struct {
		const char *name;
		unsigned in;
	} rows[EL_COUNT] = {
#define X(id, name, in) [EL_##id] = {name, in},
		ELEMENTS(X)
#undef X
	};

	for (int i = EL_ROOT + 1; i < EL_COUNT; i++)
		if (strcmp(rows[i].name, name) == 0 && (rows[i].in & (1u << in)) != 0)
			return (enum element)i;
	return EL_COUNT;
}

static void on_start(void *arg, const XML_Char *name, const XML_Char **attrs)
{
	struct reader *r = arg;
	struct open *top = &r->stack[r->depth];
	enum element el = find(name, top->el);

	(void)attrs;
	buf_reset(&r->text);
	if (el == EL_COUNT || r->depth + 1 == DEPTH_MAX || (el == EL_CALL && top->val != NULL)) {
		give_up(r);
		return;
	}
	r->depth++;
	r->stack[r->depth] = (struct open){.el = el};
	if (el == EL_PARAMS || el == EL_DATA)
		r->stack[r->depth].val = json_array();
	else if (el == EL_CALL || el == EL_STRUCT)
		r->stack[r->depth].val = json_object();
}

static void on_text(void *arg, const XML_Char *s, int n)
{
	buf_add(&((struct reader *)arg)->text, s, (size_t)n);
}

static void on_doctype(void *arg, const XML_Char *name, const XML_Char *sys, const XML_Char *pub, int internal)
{
	(void)name;
	(void)sys;
	(void)pub;
	(void)internal;
	give_up(arg);
}

/* The text without blanks around it. */
static const char *trimmed(struct reader *r)
{
	char *s = r->text.len > 0 ? r->text.data + strspn(r->text.data, " \t\r\n") : "";
	size_t n = strlen(s);

	while (n > 0 && strchr(" \t\r\n", s[n - 1]) != NULL)
		s[--n] = '\0';
	return s;
}

static json_t *whole_text(const struct reader *r)
{
	return r->text.len > 0 ? json_stringn(r->text.data, r->text.len) : json_string("");
}

static json_t *integer(const char *s)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(s, &end, 10);
	return end != s && *end == '\0' && errno == 0 ? json_integer(v) : NULL;
}

static json_t *real(const char *s)
{
	char *end;
	double v = strtod(s, &end);

	return end != s && *end == '\0' && isfinite(v) ? json_real(v) : NULL;
}

/* The text in base64, which may be broken into lines. Bytes that are no text stay encoded: only addTorrent and
 * addMetalink are given such. */
static json_t *encoded(struct reader *r)
{
	size_t n = 0, len = 0;
	json_t *v = NULL;
	char *plain;

	for (size_t i = 0; i < r->text.len; i++)
		if (strchr(" \t\r\n", r->text.data[i]) == NULL)
			r->text.data[n++] = r->text.data[i];
	if (n == 0)
		return json_string("");
	plain = str_unbase64(r->text.data, n, &len);
	if (plain != NULL && memchr(plain, '\0', len) == NULL)
		v = json_stringn(plain, len); /* NULL: no UTF-8 */
	free(plain);
	return v != NULL ? v : json_stringn(r->text.data, n);
}

/* What an element with text stands for; NULL: not such a text. */
static json_t *scalar(struct reader *r, enum element el)
{
	switch (el) {
	case EL_INT:
	case EL_I4:
	case EL_I8:
		return integer(trimmed(r));
	case EL_BOOLEAN:
		return strcmp(trimmed(r), "1") == 0 ? json_true() : strcmp(trimmed(r), "0") == 0 ? json_false() : NULL;
	case EL_DOUBLE:
		return real(trimmed(r));
	case EL_NIL:
		return json_null();
	case EL_BASE64:
		return encoded(r);
	default:
		return whole_text(r);
	}
}

/* A child's value goes to the element around it. */
static bool give(struct open *to, const struct open *from, json_t *val)
{
	switch (to->el) {
	case EL_PARAMS:
	case EL_DATA:
		return json_array_append_new(to->val, val) == 0;
	case EL_STRUCT:
		if (from->name != NULL)
			return json_object_set_new(to->val, from->name, val) == 0;
		break;
	case EL_CALL:
		return json_object_set_new(to->val, "params", val) == 0;
	default:
		if (to->val == NULL) {
			to->val = val;
			return true;
		}
	}
	json_decref(val);
	return false;
}

/* A name goes to the element around it. */
static bool give_name(struct reader *r, struct open *to, enum element el)
{
	if (el == EL_METHOD)
		return json_object_set_new(to->val, "method", json_string(trimmed(r))) == 0;
	if (to->name != NULL)
		return false;
	to->name = xstrdup(r->text.len > 0 ? r->text.data : "");
	return true;
}

static void on_end(void *arg, const XML_Char *name)
{
	struct reader *r = arg;
	struct open *top = &r->stack[r->depth], *out = top - 1;
	json_t *val = top->val;
	bool ok;

	(void)name;
	if (r->wrong)
		return;
	top->val = NULL;
	if (top->el == EL_METHOD || top->el == EL_NAME) {
		ok = give_name(r, out, top->el);
	} else {
		if (val == NULL && (top->el == EL_VALUE || top->el >= EL_STRING))
			val = scalar(r, top->el);
		ok = val != NULL && give(out, top, val);
	}
	free(top->name);
	top->name = NULL;
	r->depth--;
	buf_reset(&r->text);
	if (!ok)
		give_up(r);
}

/* {"method": ..., "params": [...]}, or NULL. */
static json_t *read_call(const char *text, size_t n)
{
	static const XML_Memory_Handling_Suite memory = {mem_malloc, mem_realloc, free};
	struct reader *r = xcalloc(1, sizeof(*r));
	json_t *ret = NULL;

	r->parser = XML_ParserCreate_MM(NULL, &memory, NULL);
	if (r->parser == NULL) {
		free(r);
		return NULL;
	}
	buf_init(&r->text, SIZE_MAX / 4);
	XML_SetUserData(r->parser, r);
	XML_SetElementHandler(r->parser, on_start, on_end);
	XML_SetCharacterDataHandler(r->parser, on_text);
	XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
	if (n <= INT32_MAX && XML_Parse(r->parser, text, (int)n, 1) == XML_STATUS_OK && !r->wrong)
		ret = json_incref(r->stack[0].val);
	for (size_t i = 0; i <= r->depth; i++) {
		json_decref(r->stack[i].val);
		free(r->stack[i].name);
	}
	buf_free(&r->text);
	XML_ParserFree(r->parser);
	free(r);
	return ret;
}

bool xmlrpc_text(const struct caller *who, const char *text, size_t n, struct reply *r)
{
	json_t *call = n > 0 ? read_call(text, n) : NULL;
	const char *method = json_string_value(json_object_get(call, "method"));

	if (method == NULL) {
		json_decref(call);
		return false;
	}
	json_object_set_new(call, "id", json_null());
	r->xml = true;
	r->multicall = strcmp(method, "system.multicall") == 0;
	jsonrpc_value(who, call, r);
	json_decref(call);
	return true;
}
