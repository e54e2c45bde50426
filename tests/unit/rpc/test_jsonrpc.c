/* SPDX-License-Identifier: MIT
 * Tests of envelope, batches, GET, tokens, parameters and the methods over a fake engine.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "rpc/auth.h"
#include "unit/rpc/caller_env.h"

static void secret(struct fixture *x)
{
	assert_int_equal(opts_set(x->opts, OPT_RPC_SECRET, "s", NULL), 0);
}

static const char *ask_n(struct fixture *x, const char *text, size_t n)
{
	char *copy = xstrndup("", 0);

	copy = xrealloc(copy, n + 1);
	memcpy(copy, text, n);
	copy[n] = '\0';
	jsonrpc_text(&x->who, copy, n, fresh_reply(x));
	free(copy);
	return x->r.out.data;
}

static const char *ask(struct fixture *x, const char *text)
{
	return ask_n(x, text, strlen(text));
}

static const char *get(struct fixture *x, const char *query)
{
	jsonrpc_query(&x->who, query, fresh_reply(x));
	return x->r.out.data;
}

#define LIST_OK	    "{\"id\":\"1\",\"jsonrpc\":\"2.0\",\"result\":[\"aria2.onDownloadStart\","
#define PARSE_ERROR "{\"id\":null,\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,\"message\":\"Parse error.\"}}"
#define INVALID	    "{\"id\":null,\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"Invalid Request.\"}}"
#define NOTIF	    "\"method\":\"system.listNotifications\""

static void starts(const char *got, const char *want)
{
	if (strncmp(got, want, strlen(want)) != 0)
		fail_msg("want %s, got %s", want, got);
}

static void leniency_of_the_parser(void **state)
{
	struct fixture *x = *state;
	static const char *const good[] = {"{\"id\":\"1\"," NOTIF "} trailing", "{\"id\":\"1\"," NOTIF ",}",
		"{\"id\":\"1\"," NOTIF " , }", "{\"jsonrpc\":\"1.0\",\"id\":\"1\"," NOTIF "}",
		"{\"id\":\"1\"," NOTIF ",\"x\":\",}\\\"\"}",
		"{\"id\":\"1\"," NOTIF ",\"params\":[\"a\nb\x01\",\"\\x\",007]}"};
	static const char *const bad[] = {"", " ", "42", "-1.5", "{\"id\":", "{\"id\":\"1\"," NOTIF ",\"params\":[1,]}",
		"{\"id\":\"\xff\"}", "{\"id\":\"\\u0000\"}", "{'id':1}", "{\"id\":99999999999999999999}", "nul",
		"\"\\"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		starts(ask(x, good[i]), LIST_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_string_equal(ask(x, bad[i]), PARSE_ERROR);
		assert_int_equal(x->r.status, 500);
	}
	starts(ask(x, "{\"id\":\"a\nb\\x\"," NOTIF "}"), "{\"id\":\"a\\nbx\",");
	starts(ask(x, "{\"id\":007," NOTIF "}"), "{\"id\":7,");
	assert_string_equal(ask_n(x, "{\"id\":\"\0\"," NOTIF "}", 11 + strlen(NOTIF)), PARSE_ERROR);
	assert_string_equal(ask_n(x, "{\0}", 3), PARSE_ERROR);
	assert_string_equal(ask(x, "null"), INVALID);
	assert_string_equal(ask(x, "\"x\""), INVALID);
	assert_int_equal(x->r.status, 400);
}

static void depth_is_limited(void **state)
{
	struct fixture *x = *state;
	size_t n = 1000000;
	char *deep = malloc(2 * n);

	memset(deep, '[', n);
	memset(deep + n, ']', n);
	assert_string_equal(ask_n(x, deep, 2 * n), PARSE_ERROR);
	assert_string_equal(ask_n(x, deep + n - 51, 102), PARSE_ERROR);
	assert_string_equal(ask_n(x, deep + n - 50, 100), "[]");
	free(deep);
}

static void envelope(void **state)
{
	struct fixture *x = *state;

	starts(ask(x, "{\"id\":7.9," NOTIF "}"), "{\"id\":7,\"jsonrpc\"");
	starts(ask(x, "{\"id\":null," NOTIF "}"), "{\"id\":null,\"jsonrpc\"");
	starts(ask(x, "{\"id\":{\"b\":1,\"a\":[1,true,null]}," NOTIF "}"),
		"{\"id\":{\"a\":[1,true,null],\"b\":1},\"jsonrpc\"");
	assert_string_equal(ask(x, "{" NOTIF "}"), INVALID);
	assert_string_equal(ask(x, "{\"id\":\"1\",\"method\":5}"),
		"{\"id\":\"1\",\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"Invalid Request.\"}}");
	assert_string_equal(ask(x, "{\"id\":\"1\",\"method\":\"aria2.getVersion\",\"params\":{}}"),
		"{\"id\":\"1\",\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32602,\"message\":\"Invalid params.\"}}");
	assert_int_equal(x->r.status, 500);
	assert_string_equal(ask(x, "{\"id\":\"1\",\"method\":\"aria2.x\"}"),
		"{\"id\":\"1\",\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":\"No such method: aria2.x\"}}");
	assert_int_equal(x->r.status, 400);
}

static void batches(void **state)
{
	struct fixture *x = *state;

	assert_string_equal(ask(x, "[]"), "[]");
	assert_string_equal(ask(x, "[1,\"x\",[]]"), "[]");
	assert_string_equal(
		ask(x, "[{\"id\":\"a\",\"method\":\"aria2.x\"},{},{\"id\":\"b\",\"method\":\"aria2.tellActive\"}]"),
		"[{\"id\":\"a\",\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":\"No such method: "
		"aria2.x\"}}," INVALID ",{\"id\":\"b\",\"jsonrpc\":\"2.0\",\"result\":[]}]");
	assert_int_equal(x->r.status, 200);
	assert_false(x->r.single);
}

#define ADD_OF(uri) "{\"id\":1,\"method\":\"aria2.addUri\",\"params\":[[\"http://h/" uri "\"]]}"

/* Whether its calls are read one by one or all at once (an escape in one of them), a batch that is broken at its end runs none,
 * and one that is not runs all, in their order. */
static void batches_are_whole(void **state)
{
	struct fixture *x = *state;
	static const char *const broken[] = {"[" ADD_OF("a") "," ADD_OF("b") ",{]", "[" ADD_OF("a") "," ADD_OF("b"), "[" ADD_OF("a") "," ADD_OF("b") "]]]]x[",
		"[" ADD_OF("\\u0061") "," ADD_OF("b") ",{]", "[" ADD_OF("a") ",x]"};
	static const char *const whole[] = {"[" ADD_OF("a") "," ADD_OF("b") "]", " [ " ADD_OF("a") " ,\n" ADD_OF("b") " ] ",
		"[" ADD_OF("\\u0061") "," ADD_OF("b") "]", "[7," ADD_OF("a") ",[],{}," ADD_OF("b") "]"};

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		bool lenient = i == 2; /* what stands behind a value is not looked at */

		ask(x, broken[i]);
		assert_int_equal(x->e.n, lenient ? 2 : 0);
		fake_clear(&x->e);
	}
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		ask(x, whole[i]);
		assert_int_equal(x->e.n, 2);
		assert_string_equal(x->e.jobs[0].uris[0], "http://h/a");
		assert_string_equal(x->e.jobs[1].uris[0], "http://h/b");
		assert_true(x->r.changed);
		fake_clear(&x->e);
	}
}

#define UNAUTHORIZED "\"error\":{\"code\":1,\"message\":\"Unauthorized\"}"

static void tokens(void **state)
{
	struct fixture *x = *state;

	secret(x);
	assert_non_null(strstr(ask(x, "{\"id\":1,\"method\":\"aria2.tellActive\"}"), UNAUTHORIZED));
	assert_int_equal(x->r.bad, 1);
	assert_non_null(strstr(ask(x, "{\"id\":1,\"method\":\"aria2.no\",\"params\":[\"token:x\"]}"), UNAUTHORIZED));
	assert_non_null(
		strstr(ask(x, "{\"id\":1,\"method\":\"aria2.tellActive\",\"params\":[[],\"token:s\"]}"), UNAUTHORIZED));
	assert_false(x->r.good);
	assert_non_null(
		strstr(ask(x, "{\"id\":1,\"method\":\"aria2.tellActive\",\"params\":[\"token:s\"]}"), "\"result\":[]"));
	assert_true(x->r.good);
	assert_int_equal(x->r.bad, 0);
	starts(ask(x, "{\"id\":\"1\"," NOTIF ",\"params\":[\"token:wrong\"]}"), LIST_OK);
	assert_int_equal(x->r.bad, 0);
	assert_false(x->r.good);
}

/* After a few wrong tokens no guess in the same request is looked at. */
static void guesses_in_a_batch(void **state)
{
	struct fixture *x = *state;
	static const char call[] = "{\"id\":1,\"method\":\"aria2.tellActive\",\"params\":[\"token:%s\"]}";
	struct buf b;

	secret(x);
	buf_init(&b, 1 << 20);
	buf_adds(&b, "[");
	for (int i = 0; i < AUTH_GUESSES; i++) {
		buf_addf(&b, call, "guess");
		buf_adds(&b, ",");
	}
	buf_addf(&b, call, "s");
	buf_adds(&b, "]");
	assert_null(strstr(ask(x, b.data), "result"));
	assert_int_equal(x->r.bad, AUTH_GUESSES + 1);
	buf_free(&b);
}

static void multicall(void **state)
{
	struct fixture *x = *state;

	assert_string_equal(ask(x, "{\"id\":\"1\",\"method\":\"system.multicall\",\"params\":[[5,{\"params\":[]},{"
				   "\"methodName\":5},"
				   "{\"methodName\":\"aria2.tellActive\",\"params\":{}},{\"methodName\":\"system."
				   "multicall\",\"params\":[[]]},"
				   "{\"methodName\":\"aria2.x\"}]]}"),
		"{\"id\":\"1\",\"jsonrpc\":\"2.0\",\"result\":[{\"code\":1,\"message\":\"system.multicall expected "
		"struct.\"},"
		"{\"code\":1,\"message\":\"Missing methodName.\"},{\"code\":1,\"message\":\"Missing "
		"methodName.\"},[[]],"
		"{\"code\":1,\"message\":\"Recursive system.multicall forbidden.\"},{\"code\":1,\"message\":\"No such "
		"method: aria2.x\"}]}");
	assert_int_equal(x->r.status, 200);
	assert_non_null(strstr(ask(x, "{\"id\":1,\"method\":\"system.multicall\",\"params\":[\"token:s\",[]]}"),
		"The parameter at 0 has wrong type."));
}

#define NOT_OVER_RPC " It can't be set over RPC, only when hauld is started."

static const char *call(struct fixture *x, const char *method, const char *params)
{
	char *text = xasprintf("{\"id\":1,\"method\":\"aria2.%s\",\"params\":%s}", method, params);
	const char *ret = ask(x, text);

	free(text);
	return ret;
}

static void fails(struct fixture *x, const char *method, const char *params, const char *message)
{
	const char *got = call(x, method, params);
	char *want = xasprintf("{\"id\":1,\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":\"%s\"}}", message);

	assert_string_equal(got, want);
	assert_int_equal(x->r.status, 400);
	free(want);
}

static void gives(struct fixture *x, const char *method, const char *params, const char *result)
{
	const char *got = call(x, method, params);
	char *want = xasprintf("{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":%s}", result);

	assert_string_equal(got, want);
	free(want);
}

static void parameters(void **state)
{
	struct fixture *x = *state;

	fails(x, "addUri", "[]", "The parameter at 0 is required but missing.");
	fails(x, "addUri", "[\"http:\"]", "The parameter at 0 has wrong type.");
	fails(x, "addUri", "[[1,null]]", "URI is not provided.");
	fails(x, "addUri", "[[\"http://h/\"],[]]", "The parameter at 1 has wrong type.");
	fails(x, "addUri", "[[\"http://h/\"],null]", "The parameter at 1 has wrong type.");
	fails(x, "addUri", "[[\"http://h/\"],{},\"0\"]", "The parameter at 2 has wrong type.");
	fails(x, "addUri", "[[\"http://h/\"],{},-1]", "Position must be greater than or equal to 0.");
	fails(x, "tellWaiting", "[0,-1]",
		"The integer parameter at 1 has invalid value: the value must be greater than or equal to 0.");
	fails(x, "tellStatus", "[5]", "The parameter at 0 has wrong type.");
	fails(x, "tellStatus", "[\"xyz\"]", "Invalid GID xyz");
	fails(x, "changePosition", "[\"1\",0]", "The parameter at 2 is required but missing.");
	fails(x, "changeUri", "[\"1\",0,[],[]]",
		"The integer parameter at 1 has invalid value: the value must be greater than or equal to 1.");
	fails(x, "addTorrent", "[]", "The parameter at 0 is required but missing.");
	fails(x, "addTorrent", "[\"aGVsbG8=\"]", "BitTorrent is not supported by this server.");
	assert_int_equal(x->e.changes, 0);
}

/* What of several wrong things is spoken of: the same as in aria2. */
static void order_of_the_checks(void **state)
{
	struct fixture *x = *state;

	fails(x, "addUri", "[[],{},-1]", "URI is not provided.");
	fails(x, "addUri", "[[\"http://h/\"],{\"split\":\"0\"},-1]",
		"We encountered a problem while processing the option '--split'.");
	fails(x, "addUri", "[[\"http://h/\"],{\"split\":\"0\"},\"x\"]", "The parameter at 2 has wrong type.");
	assert_int_equal(x->e.changes, 0);
	fails(x, "changeUri", "[\"ffff\",1,[],[],-1]", "GID ffff is not found");
	fails(x, "changeUri", "[\"zz\",1,[],[],-1]", "Invalid GID zz");
	fails(x, "changeUri", "[\"zz\",1,[],[],\"x\"]", "The parameter at 4 has wrong type.");
	call(x, "addUri", "[[\"http://h/\"],{\"gid\":\"00000000000000aa\"}]");
	fails(x, "changeUri", "[\"aa\",2,[],[],-1]", "Position must be greater than or equal to 0.");
	fails(x, "changeUri", "[\"aa\",2,[],[],0]", "fileIndex is out of range");
	fake_job(&x->e, 0xaa)->state = JOB_ERROR;
	fails(x, "changeUri", "[\"aa\",1,[],[],-1]", "Position must be greater than or equal to 0.");
	fails(x, "changeUri", "[\"aa\",2,[],[]]", "Cannot remove URIs from GID#00000000000000aa");
	fails(x, "changeOption", "[\"aa\",{\"split\":\"0\"}]", "Cannot change option for GID#00000000000000aa");
	fails(x, "changeOption", "[\"aa\",{\"on-download-start\":\"x\"}]",
		"Cannot change option for GID#00000000000000aa");
}

#define ADD "[[\"http://h/a\"],%s]"

static void add_fails(struct fixture *x, const char *options, const char *name, const char *cause)
{
	char *params = xasprintf(ADD, options);
	char *text = xasprintf("We encountered a problem while processing the option '--%s'.%s", name, cause);

	fails(x, "addUri", params, text);
	free(text);
	free(params);
}

static void options_in(void **state)
{
	struct fixture *x = *state;

	add_fails(x, "{\"split\":\"0\"}", "split", "");
	add_fails(x, "{\"split\":\"0\",\"continue\":\"yes\"}", "continue", ""); /* first in byte order */
	add_fails(x, "{\"header\":[\"A: 1\",\"no colon\"]}", "header", "");
	fails(x, "addUri", "[[\"http://h/a\"],{\"gid\":\"123\"}]", "No URI to download.");
	assert_int_equal(x->e.changes, 0);
	assert_int_equal(opts_set(x->e.global, OPT_HEADER, "X-Global: 1", NULL), 0);
	gives(x, "addUri",
		"[[\"http://h/a\"],{\"gid\":\"00000000ABCDEF01\",\"pause\":\"true\",\"split\":7,\"timeout\":null,"
		"\"no-such\":\"1\",\"max-concurrent-downloads\":\"zzz\",\"max-download-limit\":\"1M\","
		"\"header\":[1,\"A: 1\",{}],\"out\":\"n\"}]",
		"\"00000000abcdef01\"");
	call(x, "getOption", "[\"abcdef01\"]");
	assert_non_null(strstr(x->r.out.data, "\"header\":\"X-Global: 1\\nA: 1\\n\""));
	assert_non_null(strstr(x->r.out.data, "\"max-download-limit\":\"1048576\""));
	assert_non_null(strstr(x->r.out.data, "\"split\":\"5\""));
	assert_null(strstr(x->r.out.data, "\"gid\""));
	assert_null(strstr(x->r.out.data, "\"pause\""));
	gives(x, "changeOption", "[\"abcdef01\",{\"header\":[\"X: 1\",\"Y: 2\"]}]", "\"OK\"");
	call(x, "getOption", "[\"abcdef01\"]");
	assert_non_null(strstr(x->r.out.data, "\"header\":\"X: 1\\nY: 2\\n\""));
}

static void header_is(struct fixture *x, const char *gid, const char *want)
{
	char *params = xasprintf("[\"%s\"]", gid), *member = xasprintf("\"header\":\"%s\"", want);

	call(x, "getOption", params);
	assert_non_null(strstr(x->r.out.data, member));
	free(member);
	free(params);
}

static void empty_elements_of_lists(void **state)
{
	static const struct {
		const char *val, *added, *changed;
	} t[] = {{"\"\"", "G: 1\\n", ""}, {"[\"\"]", "G: 1\\n", ""}, {"[]", "G: 1\\n", "G: 1\\nQ: 1\\n"},
		{"[\"X: 1\",\"\"]", "G: 1\\nX: 1\\n", "X: 1\\n"}, {"[\"\",\"X: 1\"]", "G: 1\\nX: 1\\n", "X: 1\\n"}};
	struct fixture *x = *state;

	assert_int_equal(opts_set(x->e.global, OPT_HEADER, "G: 1", NULL), 0);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char *add = xasprintf("[[\"http://h/\"],{\"gid\":\"%016zx\",\"header\":%s}]", 0xaaa0 + i, t[i].val);
		char *with = xasprintf("[[\"http://h/\"],{\"gid\":\"%016zx\",\"header\":\"Q: 1\"}]", 0xbbb0 + i);
		char *change = xasprintf("[\"%zx\",{\"header\":%s}]", 0xbbb0 + i, t[i].val), gid[8];

		call(x, "addUri", add);
		snprintf(gid, sizeof(gid), "%zx", 0xaaa0 + i);
		header_is(x, gid, t[i].added);
		call(x, "addUri", with);
		gives(x, "changeOption", change, "\"OK\"");
		snprintf(gid, sizeof(gid), "%zx", 0xbbb0 + i);
		header_is(x, gid, t[i].changed);
		free(change);
		free(with);
		free(add);
	}
}

/* What no call sets: refused where aria2 would set the like of it, or where a program was to run; else passed over. */
static void options_that_rpc_never_sets(void **state)
{
	struct fixture *x = *state;

	for (enum opt id = 0; id < OPT_COUNT; id++) {
		const struct opt_def *d = opt_def(id);
		char *o = xasprintf("{\"%s\":\"x\"}", d->name), *global = xasprintf("[%s]", o);
		char *text = xasprintf("We encountered a problem while processing the option '--%s'." NOT_OVER_RPC, d->name);

		if (d->flags & OF_NORPC)
			fails(x, "changeGlobalOption", global, text);
		if (d->flags & OF_HOOK) {
			add_fails(x, o, d->name, NOT_OVER_RPC);
		} else if (d->flags & OF_NORPC) {
			char *params = xasprintf(ADD, o), *change;
			unsigned before = x->e.changes;

			call(x, "addUri", params);
			assert_int_equal(x->e.changes, before + 1);
			change = xasprintf("[\"%" PRIx64 "\",%s]", x->e.jobs[x->e.n - 1].gid, o);
			gives(x, "changeOption", change, "\"OK\"");
			assert_false(opts_has(x->e.jobs[x->e.n - 1].opts, id));
			free(change);
			free(params);
		}
		free(text);
		free(global);
		free(o);
	}
}

static void options_as_they_are(void **state)
{
	struct fixture *x = *state;
	const char *wrong = "We encountered a problem while processing the option '--rpc-secret'." NOT_OVER_RPC;

	gives(x, "changeGlobalOption", "[{\"rpc-user\":\"\",\"rpc-passwd\":\"\",\"rpc-secret\":\"\",\"log\":\"\"}]", "\"OK\"");
	assert_int_equal(opts_set(x->e.global, OPT_RPC_USER, "me", NULL), 0);
	gives(x, "changeGlobalOption", "[{\"rpc-user\":\"me\"}]", "\"OK\""); /* getGlobalOption shows it */
	fails(x, "changeGlobalOption", "[{\"rpc-user\":\"\"}]",
		"We encountered a problem while processing the option '--rpc-user'." NOT_OVER_RPC);
	assert_int_equal(opts_set(x->e.global, OPT_RPC_SECRET, "s", NULL), 0);
	fails(x, "changeGlobalOption", "[{\"rpc-secret\":\"\"}]", wrong);
	fails(x, "changeGlobalOption", "[{\"rpc-secret\":\"s\"}]", wrong); /* no telling whether a guess is right */
	fails(x, "changeGlobalOption", "[{\"rpc-secret\":\"t\"}]", wrong);
}

/* Every defined option appears in byte order, none of the daemon's secrets does. */
static void options_out(void **state)
{
	struct fixture *x = *state;
	const char *key, *last = "";
	json_t *root, *val;
	size_t n = 0;

	assert_int_equal(opts_set(x->e.global, OPT_RPC_SECRET, "hidden-s3cret", NULL), 0);
	call(x, "getGlobalOption", "[]");
	assert_null(strstr(x->r.out.data, "s3cret"));
	root = json_loads(x->r.out.data, 0, NULL);
	assert_non_null(root);
	json_object_foreach(json_object_get(root, "result"), key, val)
	{ /* in the order of the text */
		assert_true(strcmp(last, key) < 0);
		assert_true(json_is_string(val));
		last = key;
		n++;
	}
	assert_true(n > 100);
	json_decref(root);
}

static void download_object(void **state)
{
	struct fixture *x = *state;
	struct fake_job *j;

	call(x, "addUri", "[[\"http://h/p.bin\"],{\"pause\":\"true\"}]");
	assert_true(x->r.changed);
	gives(x, "tellStatus", "[\"1001\"]",
		"{\"completedLength\":\"0\",\"connections\":\"0\",\"dir\":\"\\/d\",\"downloadSpeed\":\"0\","
		"\"files\":[{\"completedLength\":\"0\",\"index\":\"1\",\"length\":\"0\",\"path\":\"\",\"selected\":"
		"\"true\","
		"\"uris\":[{\"status\":\"waiting\",\"uri\":\"http:\\/\\/h\\/p.bin\"}]}],\"gid\":\"0000000000001001\","
		"\"numPieces\":\"0\",\"pieceLength\":\"1048576\",\"status\":\"paused\",\"totalLength\":\"0\","
		"\"uploadLength\":\"0\","
		"\"uploadSpeed\":\"0\"}");
	assert_false(x->r.changed);
	gives(x, "tellStatus", "[\"1001\",[\"status\",\"nope\",5,\"errorCode\"]]", "{\"status\":\"paused\"}");
	gives(x, "tellStatus", "[\"1001\",[\"nope\"]]", "{}");
	gives(x, "tellStatus", "[\"1001\",[\"haul.owner\",\"haul.unproven\"]]",
		"{\"haul.owner\":\"me\",\"haul.unproven\":\"false\"}");
	j = &x->e.jobs[0];
	j->state = JOB_ERROR;
	j->err = ERR_NOT_FOUND;
	j->total = (5 << 20) + 1;
	ranges_add(&j->have, 100, (2 << 20) + 5);
	ranges_add(&j->have, 5 << 20, (5 << 20) + 1);
	j->done = ranges_total(&j->have);
	gives(x, "tellStatus", "[\"1001\",[\"bitfield\",\"errorCode\",\"errorMessage\",\"numPieces\"]]",
		"{\"bitfield\":\"44\",\"errorCode\":\"3\",\"errorMessage\":\"Resource not "
		"found\",\"numPieces\":\"6\"}");
	assert_non_null(strstr(call(x, "getFiles", "[\"1001\"]"), "{\"completedLength\":\"1048577\","));
	fails(x, "getUris", "[\"1001\"]", "No URI data is available for GID#0000000000001001");
	fails(x, "changeUri", "[\"1001\",2,[],[]]", "Cannot remove URIs from GID#0000000000001001");
	j->state = JOB_PAUSED;
	fails(x, "changeUri", "[\"1001\",2,[],[]]", "fileIndex is out of range");
	fails(x, "getServers", "[\"1001\"]", "No active download for GID#0000000000001001");
}

static void windows(void **state)
{
	struct fixture *x = *state;
	static const struct {
		const char *params, *gids;
	} rows[] = {{"0,2", "12"}, {"3,100", "45"}, {"5,1", ""}, {"-1,1", "5"}, {"-1,3", "543"}, {"-2,2", "43"},
		{"-5,3", "1"}, {"-6,1", ""}, {"0,0", ""}, {"-9223372036854775807,9", ""},
		{"9223372036854775807,9223372036854775807", ""}};

	for (int i = 0; i < 5; i++)
		call(x, "addUri", "[[\"http://h/a\"]]");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *params = xasprintf("[%s,[\"gid\"]]", rows[i].params);
		struct buf want;

		buf_init(&want, 1000);
		buf_adds(&want, "[");
		for (const char *g = rows[i].gids; *g != '\0'; g++)
			buf_addf(&want, "%s{\"gid\":\"000000000000100%c\"}", want.len > 1 ? "," : "", *g);
		buf_adds(&want, "]");
		gives(x, "tellWaiting", params, want.data);
		buf_free(&want);
		free(params);
	}
}

/* A long list comes in pieces, which together are what a multicall gives at once. */
static void a_long_list_in_pieces(void **state)
{
	static const char *const lists[] = {"0,700,[\"gid\"]", "-1,700", "100,513,[\"gid\",\"files\"]", "0,256,[]"};
	struct fixture *x = *state;
	char text[200], *want;
	size_t pieces;

	for (int i = 0; i < 700; i++)
		call(x, "addUri", "[[\"http://h/a\"]]");
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct buf whole;

		snprintf(text, sizeof(text), "{\"id\":1,\"method\":\"system.multicall\",\"params\":[[{\"methodName\":"
			"\"aria2.tellWaiting\",\"params\":[%s]}]]}", lists[i]);
		want = strstr(ask(x, text), "[[") + 2;
		buf_init(&whole, 1 << 24);
		buf_addf(&whole, "{\"id\":7,\"jsonrpc\":\"2.0\",\"result\":%.*s}", (int)strlen(want) - 3, want);
		snprintf(text, sizeof(text), "{\"id\":7,\"method\":\"aria2.tellWaiting\",\"params\":[%s]}", lists[i]);
		jsonrpc_text(&x->who, text, strlen(text), fresh_reply(x));
		for (pieces = 0; x->r.rest != NULL; pieces++)
			jsonrpc_more(&x->r, &x->e);
		assert_string_equal(x->r.out.data, whole.data);
		assert_int_equal(pieces, i == 3 ? 0 : 3);
		buf_free(&whole);
	}
}

/* Downloads that go away between two pieces are left out, and an answer that nobody waits for any more is freed. */
static void a_long_list_that_changes(void **state)
{
	struct fixture *x = *state;
	char text[] = "{\"id\":7,\"method\":\"aria2.tellWaiting\",\"params\":[0,1000,[\"gid\"]]}";
	size_t n = 0;

	for (int i = 0; i < 600; i++)
		call(x, "addUri", "[[\"http://h/a\"]]");
	jsonrpc_text(&x->who, text, strlen(text), fresh_reply(x));
	assert_false(jsonrpc_more(&x->r, &x->e));
	fake_clear(&x->e);
	while (!jsonrpc_more(&x->r, &x->e))
		;
	for (const char *p = x->r.out.data; (p = strstr(p, "\"gid\"")) != NULL; p++)
		n++;
	assert_int_equal(n, REST_ENTRIES);
	assert_string_equal(x->r.out.data + x->r.out.len - 3, "}]}");
	for (int i = 0; i < 600; i++)
		call(x, "addUri", "[[\"http://h/a\"]]");
	jsonrpc_text(&x->who, text, strlen(text), fresh_reply(x));
	assert_false(jsonrpc_more(&x->r, &x->e));
}

static void a_long_list_is_bounded(void **state)
{
	struct fixture *x = *state;
	char text[] = "{\"id\":7,\"method\":\"aria2.tellWaiting\",\"params\":[0,1000]}";

	for (int i = 0; i < 600; i++)
		call(x, "addUri", "[[\"http://h/a\"]]");
	fresh_reply(x);
	x->r.max = 4096;
	jsonrpc_text(&x->who, text, strlen(text), &x->r);
	while (!jsonrpc_more(&x->r, &x->e))
		;
	assert_string_equal(x->r.out.data, "{\"id\":7,\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":"
					   "\"The answer is too large: ask for fewer entries or keys.\"}}");
}

static void too_large_an_answer(void **state)
{
	struct fixture *x = *state;

	call(x, "addUri", "[[\"http://h/a\"]]");
	reply_free(&x->r);
	reply_init(&x->r);
	x->r.max = 300;
	char text[] = "{\"id\":5,\"method\":\"aria2.getGlobalOption\"}";
	jsonrpc_text(&x->who, text, strlen(text), &x->r);
	assert_string_equal(x->r.out.data, "{\"id\":5,\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":"
					   "\"The answer is too large: ask for fewer entries or keys.\"}}");
}

static const char *tell_all(struct fixture *x)
{
	char text[] = "{\"id\":7,\"method\":\"aria2.tellWaiting\",\"params\":[0,1000]}";

	jsonrpc_text(&x->who, text, strlen(text), fresh_reply(x));
	while (x->r.rest != NULL && !jsonrpc_more(&x->r, &x->e))
		;
	return x->r.out.data;
}

/* Slow readers have all the memory that answers may take: small ones are written all the same. */
static void all_answers_are_bounded(void **state)
{
	struct fixture *x = *state;
	size_t whole;

	for (int i = 0; i < 600; i++)
		call(x, "addUri", "[[\"http://h/a\"]]");
	starts(tell_all(x), "{\"id\":7,\"jsonrpc\":\"2.0\",\"result\":[{");
	whole = x->r.out.len;
	assert_true(whole > JSONRPC_FREE);
	assert_int_equal(x->env.answers, whole);
	x->env.answers += JSONRPC_SUM_MAX; /* what others have */
	assert_string_equal(tell_all(x), "{\"id\":7,\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":"
					 "\"Too many large answers are under way: ask again, or for fewer entries or keys.\"}}");
	starts(call(x, "getVersion", "[]"), "{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":{");
	x->env.answers -= JSONRPC_SUM_MAX;
	starts(tell_all(x), "{\"id\":7,\"jsonrpc\":\"2.0\",\"result\":[{");
	fresh_reply(x);
	assert_int_equal(x->env.answers, 0);
}

static void get_queries(void **state)
{
	struct fixture *x = *state;

	starts(get(x, "method=system.listNotifications&id=1"), LIST_OK);
	starts(get(x, "id=a%20b&method=system.listNotifications&x=y"), "{\"id\":\"a%20b\",");
	assert_string_equal(get(x, NULL), INVALID);
	assert_string_equal(get(x, "method=aria2.tellActive&params=W10="), INVALID);
	assert_string_equal(get(x, "id=1&params=W10="), INVALID);
	assert_string_equal(get(x, "method=aria2.tellActive&id=1&params=%5B%5D"), INVALID);
	assert_int_equal(x->r.status, 400);
	assert_string_equal(get(x, "method=aria2.tellActive&id=1&params=W10%3D"),
		"{\"id\":\"1\",\"jsonrpc\":\"2.0\",\"result\":[]}");
	assert_string_equal(get(x, "params=W10="), "[]");
	assert_string_equal(get(x, "method=aria2.tellActive&id=1&params=e30="),
		"{\"id\":\"1\",\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32602,\"message\":\"Invalid params.\"}}");
}

static void jsonp(void **state)
{
	struct fixture *x = *state;

	assert_non_null(strstr(get(x, "method=aria2.tellActive&id=1&jsoncallback=cb"), "JSONP is off"));
	assert_null(x->r.callback);
	assert_int_equal(opts_set(x->opts, OPT_RPC_ALLOW_JSONP, "true", NULL), 0);
	assert_string_equal(get(x, "method=aria2.tellActive&id=1&jsoncallback=a.b_$1"),
		"a.b_$1({\"id\":\"1\",\"jsonrpc\":\"2.0\",\"result\":[]})");
	assert_string_equal(
		get(x, "method=aria2.x&id=1&jsoncallback=cb"), "cb({\"id\":\"1\",\"jsonrpc\":\"2.0\",\"error\":{"
							       "\"code\":1,\"message\":\"No such method: aria2.x\"}})");
	assert_int_equal(x->r.status, 400);
	assert_string_equal(get(x, "method=aria2.tellActive&id=1&jsoncallback=alert(1)//"), INVALID);
	assert_null(x->r.callback);
}

static void failed_commit_replaces_the_answer(void **state)
{
	struct fixture *x = *state;

	call(x, "addUri", "[[\"http://h/a\"]]");
	jsonrpc_all_failed(&x->r, "disk \"full\"");
	assert_string_equal(x->r.out.data,
		"{\"id\":1,\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":\"disk \\\"full\\\"\"}}");
	assert_int_equal(x->r.status, 400);
	ask(x, "[{\"id\":\"a\",\"method\":\"aria2.pauseAll\"},7,{\"method\":\"x\"}]");
	jsonrpc_all_failed(&x->r, "no");
	assert_string_equal(x->r.out.data,
		"[{\"id\":\"a\",\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":\"no\"}},"
		"{\"id\":null,\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":\"no\"}}]");
	assert_int_equal(x->r.status, 200);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(leniency_of_the_parser),
		T(depth_is_limited),
		T(envelope),
		T(batches),
		T(batches_are_whole),
		T(tokens),
		T(guesses_in_a_batch),
		T(multicall),
		T(parameters),
		T(order_of_the_checks),
		T(options_in),
		T(empty_elements_of_lists),
		T(options_that_rpc_never_sets),
		T(options_as_they_are),
		T(options_out),
		T(download_object),
		T(windows),
		T(a_long_list_in_pieces),
		T(a_long_list_that_changes),
		T(a_long_list_is_bounded),
		T(too_large_an_answer),
		T(all_answers_are_bounded),
		T(get_queries),
		T(jsonp),
		T(failed_commit_replaces_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
