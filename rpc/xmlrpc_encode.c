/* SPDX-License-Identifier: MIT
 * XML-RPC: writing answers, in aria2's form.
 */
#include <jansson.h>
#include <string.h>

#include "rpc/xmlrpc.h"

#define JSON_MAX (16u << 20) /* of the answer as JSON; above it an error asks for fewer entries */

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* U+FFFE or U+FFFF at s. */
static bool is_noncharacter(const char *s, size_t n)
{
	return n >= 3 && (memcmp(s, "\xef\xbf\xbe", 3) == 0 || memcmp(s, "\xef\xbf\xbf", 3) == 0);
}

/* XML 1.0 2.2: most control characters and two others can't be written at all. */
static void put_text(struct buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char ch = (unsigned char)s[i];

		if (is_noncharacter(s + i, n - i)) {
			buf_adds(b, REPLACEMENT);
			i += 2;
		} else if (ch == '<')
			buf_adds(b, "&lt;");
		else if (ch == '>')
			buf_adds(b, "&gt;");
		else if (ch == '&')
			buf_adds(b, "&amp;");
		else if (ch == '\r')
			buf_adds(b, "&#13;");
		else if (ch < ' ' && ch != '\t' && ch != '\n')
			buf_adds(b, REPLACEMENT);
		else
			buf_add(b, &s[i], 1);
	}
}

static void put_value(struct buf *b, const json_t *v);

static void put_struct(struct buf *b, const json_t *v)
{
	const char *key;
	json_t *val;

	buf_adds(b, "<struct>");
	json_object_foreach((json_t *)(uintptr_t)v, key, val) {
		buf_adds(b, "<member><name>");
		put_text(b, key, strlen(key));
		buf_adds(b, "</name>");
		put_value(b, val);
		buf_adds(b, "</member>");
	}
	buf_adds(b, "</struct>");
}

/* As deep as the answers of our own methods are: no further than JSON_PARSER_MAX_DEPTH of jansson. */
static void put_value(struct buf *b, const json_t *v)
{
	buf_adds(b, "<value>");
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		put_struct(b, v);
		break;
	case JSON_ARRAY:
		buf_adds(b, "<array><data>");
		for (size_t i = 0; i < json_array_size(v); i++)
			put_value(b, json_array_get(v, i));
		buf_adds(b, "</data></array>");
		break;
	case JSON_INTEGER:
		buf_addf(b, "<int>%lld</int>", (long long)json_integer_value(v));
		break;
	default:
		buf_adds(b, "<string>");
		put_text(b, json_string_value(v) != NULL ? json_string_value(v) : "", json_string_length(v));
		buf_adds(b, "</string>");
	}
	buf_adds(b, "</value>");
}

/* {"code":C,"message":M} under XML-RPC's names. */
static json_t *fault_of(const json_t *error)
{
	return json_pack("{s:O,s:O}", "faultCode", json_object_get(error, "code"), "faultString",
		json_object_get(error, "message"));
}

/* Results of a multicall are in lists of one; what is no list is an error. */
static void name_faults(json_t *results)
{
	for (size_t i = 0; i < json_array_size(results); i++)
		if (json_is_object(json_array_get(results, i)))
			json_array_set_new(results, i, fault_of(json_array_get(results, i)));
}

static void put_response(struct buf *b, const json_t *result, const json_t *error)
{
	json_t *fault = error != NULL ? fault_of(error) : NULL;

	buf_adds(b, "<?xml version=\"1.0\"?><methodResponse>");
	if (fault != NULL) {
		buf_adds(b, "<fault>");
		put_value(b, fault);
		buf_adds(b, "</fault>");
	} else {
		buf_adds(b, "<params><param>");
		put_value(b, result);
		buf_adds(b, "</param></params>");
	}
	buf_adds(b, "</methodResponse>");
	json_decref(fault);
}

void xmlrpc_encode(struct reply *r)
{
	json_t *v = r->out.len <= JSON_MAX ? json_loadb(r->out.data, r->out.len, JSON_ALLOW_NUL, NULL) : NULL;
	json_t *result = json_object_get(v, "result"), *error = json_object_get(v, "error"), *too_large = NULL;
	struct buf xml;

	if (result == NULL && error == NULL)
		error = too_large = json_pack("{s:i,s:s}", "code", 1, "message", JSONRPC_TOO_LARGE);
	if (r->multicall && result != NULL)
		name_faults(result);
	buf_init_foreign(&xml, JSONRPC_ANSWER_MAX * 4);
	put_response(&xml, result, error);
	if (xml.err != 0) {
		json_decref(too_large);
		too_large = json_pack("{s:i,s:s}", "code", 1, "message", JSONRPC_TOO_LARGE);
		buf_free(&xml);
		put_response(&xml, NULL, too_large);
	}
	buf_free(&r->out);
	r->out = xml;
	r->status = 200;
	json_decref(too_large);
	json_decref(v);
}
