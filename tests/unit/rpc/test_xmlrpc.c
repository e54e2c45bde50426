/* SPDX-License-Identifier: MIT
 * Tests of XML-RPC over a fake engine: calls, types, faults, broken and hostile texts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "rpc/xmlrpc.h"
#include "unit/rpc/caller_env.h"

#define HEAD "<?xml version=\"1.0\"?><methodResponse>"
#define FAULT(text) \
	HEAD "<fault><value><struct><member><name>faultCode</name><value><int>1</int></value></member>" \
	"<member><name>faultString</name><value><string>" text "</string></value></member></struct></value></fault>" \
	"</methodResponse>"
#define CALL(method, params) "<?xml version='1.0'?>\n<methodCall> <methodName> " method " </methodName>" params "</methodCall>"
#define FFFD "\xef\xbf\xbd"
#define PARAM(value) "<params><param><value>" value "</value></param></params>"

/* The answer, or NULL when the text is no call. */
static const char *ask(struct fixture *x, const char *text)
{
	if (!xmlrpc_text(&x->who, text, strlen(text), fresh_reply(x)))
		return NULL;
	assert_true(x->r.xml);
	xmlrpc_encode(&x->r);
	assert_int_equal(x->r.status, 200);
	return x->r.out.data;
}

static void is(struct fixture *x, const char *text, const char *want)
{
	const char *got = ask(x, text);

	assert_non_null(got);
	assert_string_equal(got, want);
}

static void has(struct fixture *x, const char *text, const char *part)
{
	const char *got = ask(x, text);

	assert_non_null(got);
	if (strstr(got, part) == NULL)
		fail_msg("%s is not in %s", part, got);
}

static void refused(struct fixture *x, const char *text)
{
	if (ask(x, text) != NULL)
		fail_msg("taken: %s", text);
	assert_int_equal(x->r.out.len, 0);
}

static void results(void **state)
{
	struct fixture *x = *state;

	has(x, CALL("aria2.getVersion", ""), "<member><name>version</name><value><string>" HAUL_VERSION "</string>");
	has(x, CALL("aria2.getVersion", "<params></params>"), HEAD "<params><param><value><struct><member>"
		"<name>enabledFeatures</name><value><array><data><value><string>Async DNS</string></value>");
	has(x, CALL("system.listMethods", "<params/>"), "<value><string>aria2.addUri</string></value>");
}

static void faults(void **state)
{
	struct fixture *x = *state;

	is(x, CALL("no.such", ""), FAULT("No such method: no.such"));
	is(x, CALL("aria2.tellStatus", PARAM("<string>zz</string>")), FAULT("Invalid GID zz"));
	is(x, CALL("aria2.tellStatus", PARAM("&lt;&amp;")), FAULT("Invalid GID &lt;&amp;"));
	opts_set(x->opts, OPT_RPC_SECRET, "s", NULL);
	is(x, CALL("aria2.getVersion", ""), FAULT("Unauthorized"));
	assert_int_equal(x->r.bad, 1);
	has(x, CALL("aria2.getVersion", PARAM("token:s")), "version");
	assert_int_equal(x->r.bad, 0);
	assert_true(x->r.good);
}

static void one_type(struct fixture *x, const char *value, const char *want)
{
	char *text = xasprintf(CALL("aria2.tellStatus", "<params><param><value>%s</value></param></params>"), value);

	is(x, text, want);
	free(text);
}

/* The wrong types of parameters show which type a value has become. */
static void types(void **state)
{
	struct fixture *x = *state;
	static const char *const no_text[] = {"<int>1</int>", "<i4> -7\n</i4>", "<i8>9223372036854775807</i8>", "<boolean>1</boolean>",
		"<double>1.5</double>", "<nil/>", "<array><data/></array>", "<struct/>",
		"<array><data><value><struct><member><name>a</name><value>b</value></member></struct></value></data></array>"};
	static const char *const text[] = {"zz", "<string>zz</string>", "<base64> zz </base64>", "<base64>eno=</base64>", "<base64>\n e\r\nno=\n</base64>",
		"<dateTime.iso8601>zz</dateTime.iso8601>", "<string><![CDATA[zz]]></string>", "&#122;z"};

	for (size_t i = 0; i < sizeof(no_text) / sizeof(no_text[0]); i++)
		one_type(x, no_text[i], FAULT("The parameter at 0 has wrong type."));
	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		one_type(x, text[i], FAULT("Invalid GID zz"));
	one_type(x, "", FAULT("Invalid GID "));
	one_type(x, "<string> </string>", FAULT("Invalid GID  "));
	one_type(x, "<base64/>", FAULT("Invalid GID "));
	one_type(x, "<base64>AHo=</base64>", FAULT("Invalid GID AHo=")); /* a NUL: no text */
	one_type(x, "<base64>//79</base64>", FAULT("Invalid GID //79"));
	has(x, CALL("aria2.tellWaiting", "<params><param><value><int>0</int></value></param><param><value><i4>5</i4></value>"
		"</param></params>"), "<array><data></data></array>");
}

static void multicall(void **state)
{
	struct fixture *x = *state;
	const char *text = CALL("system.multicall", PARAM("<array><data><value><struct>"
		"<member><name>methodName</name><value>aria2.getVersion</value></member>"
		"<member><name>params</name><value><array><data/></array></value></member></struct></value>"
		"<value><struct><member><name>methodName</name><value>no.such</value></member></struct></value></data></array>"));

	has(x, text, "<params><param><value><array><data><value><array><data><value><struct><member><name>enabledFeatures");
	has(x, text, "</data></array></value><value><struct><member><name>faultCode</name><value><int>1</int></value></member>"
		"<member><name>faultString</name><value><string>No such method: no.such</string>");
}

static void add(void **state)
{
	struct fixture *x = *state;

	has(x, CALL("aria2.addUri", "<params><param><value><array><data><value>http://h/a&amp;b</value></data></array></value>"
		"</param><param><value><struct><member><name>out</name><value>x.bin</value></member></struct></value></param>"
		"</params>"), "<params><param><value><string>");
	assert_true(x->r.changed);
	jsonrpc_all_failed(&x->r, "disk full");
	xmlrpc_encode(&x->r);
	assert_string_equal(x->r.out.data, FAULT("disk full"));
}

static void no_calls(void **state)
{
	struct fixture *x = *state;
	static const char *const bad[] = {"", " ", "x", "{}", "<a/>", "<methodCall/>", "<methodCall></methodCall>",
		"<methodCall><params/></methodCall>", "<methodCall><methodName>a</methodName>", "<methodName>a</methodName>",
		CALL("a", "<params>") , CALL("a", "<param/>"), CALL("a", "<params><value/></params>"),
		CALL("a", "<params><param/></params>"), CALL("a", PARAM("<int>x</int>")), CALL("a", PARAM("<int></int>")),
		CALL("a", PARAM("<int>99999999999999999999</int>")), CALL("a", PARAM("<boolean>true</boolean>")),
		CALL("a", PARAM("<double>1.x</double>")), CALL("a", PARAM("<double>inf</double>")), CALL("a", PARAM("<foo>1</foo>")),
		CALL("a", PARAM("<int>1</int><int>2</int>")), CALL("a", PARAM("<array/>")),
		CALL("a", PARAM("<struct><member><value>1</value></member></struct>")),
		CALL("a", PARAM("<struct><member><name>a</name></member></struct>")),
		CALL("a", PARAM("<struct><member><name>a</name><name>b</name><value/></member></struct>")),
		CALL("a", PARAM("\xff")), CALL("a", PARAM("&undefined;")), "<methodCall><methodCall/></methodCall>",
		CALL("a", "") "<x/>", CALL("a", "") "x"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(x, bad[i]);
}

static void entities_are_refused(void **state)
{
	struct fixture *x = *state;

	refused(x, "<!DOCTYPE methodCall [<!ENTITY a 'b'>]><methodCall><methodName>&a;</methodName></methodCall>");
	refused(x, "<!DOCTYPE methodCall SYSTEM 'file:///etc/passwd'><methodCall><methodName>a</methodName></methodCall>");
	refused(x, "<!DOCTYPE methodCall><methodCall><methodName>aria2.getVersion</methodName></methodCall>");
}

static void depth_is_bounded(void **state)
{
	struct fixture *x = *state;
	struct buf b;

	for (int n = 20; n <= 200000; n *= 10) {
		buf_init(&b, 1 << 24);
		buf_adds(&b, "<methodCall><methodName>aria2.tellStatus</methodName><params><param><value>");
		for (int i = 0; i < n; i++)
			buf_adds(&b, "<array><data><value>");
		for (int i = 0; i < n; i++)
			buf_adds(&b, "</value></data></array>");
		buf_adds(&b, "</value></param></params></methodCall>");
		if (n == 20)
			is(x, b.data, FAULT("The parameter at 0 has wrong type."));
		else
			refused(x, b.data);
		buf_free(&b);
	}
}

/* What an option or an error may hold and XML can't say, however it is written, is replaced: every reader takes the answer. */
static void unsayable_characters(void **state)
{
	static const struct {
		const char *json, *xml;
	} rows[] = {{"\\u0001\\u0000\\u001f", FFFD FFFD FFFD}, {"a\\uffffb\\ufffe", "a" FFFD "b" FFFD}, {"\xef\xbf\xbf", FFFD},
		{"\\ufffd\\uff00\xef\xbb\xbf", FFFD "\xef\xbc\x80\xef\xbb\xbf"}, {"\\t\\r<&>", "\t&#13;&lt;&amp;&gt;"}};
	struct fixture *x = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reply *r = fresh_reply(x);

		buf_addf(&r->out, "{\"id\":\"1\",\"result\":\"%s\"}", rows[i].json);
		xmlrpc_encode(r);
		assert_non_null(strstr(r->out.data, "<string>"));
		assert_int_equal(strncmp(strstr(r->out.data, "<string>") + 8, rows[i].xml, strlen(rows[i].xml)), 0);
		assert_int_equal(strncmp(strstr(r->out.data, "<string>") + 8 + strlen(rows[i].xml), "</string>", 9), 0);
	}
}

/* Cut anywhere, a call is none, and nothing is leaked or read behind its end (under ASan). */
static void cut_calls(void **state)
{
	struct fixture *x = *state;
	const char *text = CALL("aria2.tellStatus", PARAM("<struct><member><name>a</name><value><array><data><value><int>1</int>"
		"</value></data></array></value></member></struct>"));

	for (size_t n = 0; n < strlen(text); n++) {
		char *part = xstrndup(text, n);

		refused(x, part);
		free(part);
	}
	has(x, text, "wrong type");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {T(results), T(faults), T(types), T(multicall), T(add), T(no_calls),
		T(entities_are_refused), T(depth_is_bounded), T(unsayable_characters), T(cut_calls)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
