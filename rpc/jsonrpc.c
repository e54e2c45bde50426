/* SPDX-License-Identifier: MIT
 * Requests, batches, GET queries: text in, text out.
 */
#include "rpc/jsonrpc.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "rpc/auth.h"
#include "rpc/lenient.h"
#include "rpc/plain_json.h"
#include "rpc/save.h"

#define BATCH_MAX      20000     /* calls in one batch: bounds what a request without a token can make us write */
#define CALLBACK_MAX   64

#define CODE_PARSE   (-32700)
#define CODE_REQUEST (-32600)
#define CODE_PARAMS  (-32602)
#define CODE_METHOD  1           /* everything that a method refuses */

void reply_init(struct reply *r)
{
	memset(r, 0, sizeof(*r));
	r->max = JSONRPC_ANSWER_MAX;
	buf_init_foreign(&r->out, r->max);
	r->status = 200;
}

static void count(struct reply *r, size_t len)
{
	if (r->env == NULL)
		return;
	r->env->answers += len - r->counted;
	r->counted = len;
}

void reply_free(struct reply *r)
{
	count(r, 0);
	r->env = NULL;
	buf_free(&r->out);
	save_drop(r->save);
	r->save = NULL;
	rest_free(r->rest);
	r->rest = NULL;
	free(r->callback);
	r->callback = NULL;
	json_decref(r->ids);
	r->ids = NULL;
}

/* How long the text may become, as things are. */
static void bound(struct reply *r)
{
	size_t others = r->env->answers - r->counted, most = others < JSONRPC_SUM_MAX ? JSONRPC_SUM_MAX - others : 0;

	if (most < JSONRPC_FREE)
		most = JSONRPC_FREE;
	r->out.max = most < r->max ? most : r->max;
}

/* Starts the text anew, inside the callback if there is one. */
static struct jw begin(struct reply *r)
{
	buf_reset(&r->out);
	if (r->callback != NULL) {
		buf_adds(&r->out, r->callback);
		buf_adds(&r->out, "(");
	}
	return (struct jw){.out = &r->out};
}

static void only_error(struct reply *r, const json_t *id, int code, const char *message, int status)
{
	struct jw w = begin(r);

	r->single = true;
	r->status = status;
	jw_error(&w, id, code, message);
	if (r->callback != NULL)
		buf_adds(&r->out, ")");
}

static void finish(struct reply *r)
{
	if (r->callback != NULL)
		buf_adds(&r->out, ")");
	if (r->out.err != 0) {
		buf_free(&r->out);
		only_error(r, r->single ? r->ids : NULL, CODE_METHOD,
			r->out.max < r->max ? JSONRPC_BUSY : JSONRPC_TOO_LARGE, 400);
	}
}

/* Runs one request object, writes its answer and returns the status that it has on its own. */
static int run_one(struct run *run, const json_t *req, struct jw *w)
{
	const json_t *id = json_object_get(req, "id");
	const char *method = json_string_value(json_object_get(req, "method"));
	const json_t *params = json_object_get(req, "params");
	size_t mark = w->out->len;
	bool comma = w->comma;
	struct fail f = {0};

	if (id == NULL || method == NULL) {
		jw_error(w, id, CODE_REQUEST, "Invalid Request.");
		return 400;
	}
	if (params != NULL && !json_is_array(params)) {
		jw_error(w, id, CODE_PARAMS, "Invalid params.");
		return 500;
	}
	jw_head(w, id);
	jw_key(w, "result");
	if (call_run(run, method, params, false, w, &f) != 0) {
		jw_rewind(w, mark, comma);
		jw_error(w, id, CODE_METHOD, f.text);
		return 400;
	}
	if (run->rest == NULL) /* else jsonrpc_more does */
		jw_close(w, '}');
	return 200;
}

/* A request: one call, or a batch, which is parsed already or read while it runs. */
struct request {
	json_t *value; /* NULL: plain has it, or it is none */
	struct plain_array plain;
};

static size_t calls_in(const struct request *q)
{
	return q->value != NULL ? json_array_size(q->value) : q->plain.left;
}

/* Call i of a batch, as a new reference; those of plain in their order. */
static json_t *call_at(struct request *q, size_t i)
{
	return q->value != NULL ? json_incref(json_array_get(q->value, i)) : plain_array_next(&q->plain);
}

static void run_batch(struct run *run, struct request *q, struct reply *r)
{
	struct jw w = begin(r);
	size_t n = calls_in(q);

	r->ids = json_array();
	jw_open(&w, '[');
	for (size_t i = 0; i < n && r->out.err == 0; i++) {
		json_t *call = call_at(q, i), *id = json_object_get(call, "id");

		if (call == NULL || json_is_object(call)) { /* what there is no memory for is answered as no request */
			json_array_append_new(r->ids, id != NULL ? json_incref(id) : json_null());
			run_one(run, call, &w);
		}
		json_decref(call);
	}
	jw_close(&w, ']');
}

static void run_single(struct run *run, const json_t *call, struct reply *r)
{
	struct jw w = begin(r);

	r->single = true;
	r->ids = json_incref(json_object_get(call, "id"));
	run->may_rest = true;
	r->status = run_one(run, call, &w);
}

static void run_request(const struct caller *who, struct request *q, struct reply *r)
{
	struct run run = {.env = who->env, .is_user = who->is_user};

	r->env = who->env;
	bound(r);
	if ((q->value == NULL || json_is_array(q->value)) && calls_in(q) <= BATCH_MAX) {
		run_batch(&run, q, r);
	} else if (json_is_object(q->value)) {
		run_single(&run, q->value, r);
	} else {
		only_error(r, NULL, CODE_REQUEST, "Invalid Request.", 400);
		return;
	}
	r->changed = run.changed;
	r->save = run.save;
	r->rest = run.rest;
	r->bad = run.bad;
	r->good = run.good || !auth_needs_token(who->env->opts);
	if (r->rest == NULL)
		finish(r);
	count(r, r->out.len);
}

void jsonrpc_value(const struct caller *who, json_t *v, struct reply *r)
{
	run_request(who, &(struct request){.value = v}, r);
}

bool jsonrpc_more(struct reply *r, struct engine *e)
{
	bool done;

	bound(r);
	done = rest_write(r->rest, e, &r->out);
	if (done) {
		buf_add(&r->out, "}", 1);
		rest_free(r->rest);
		r->rest = NULL;
		finish(r);
	}
	count(r, r->out.len);
	return done;
}

static json_t *parse_any(const char *text, size_t n)
{
	struct buf strict;
	json_t *v = NULL;

	if (lenient_json(text, n, &strict))
		v = json_loadb(strict.data, strict.len, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, NULL);
	buf_free(&strict);
	return v;
}

/* NULL when it is no JSON; numbers alone are none here. */
static json_t *parse(const char *text, size_t n)
{
	json_t *v;

	if (n == 0)
		return NULL;
	v = plain_json(text, n);
	if (v == NULL)
		v = parse_any(text, n);
	if (json_is_number(v)) {
		json_decref(v);
		return NULL;
	}
	return v;
}

void jsonrpc_text(const struct caller *who, const char *text, size_t n, struct reply *r)
{
	struct request q = {0};

	if (!plain_array_begin(text, n, &q.plain))
		q.value = parse(text, n);
	if (q.value == NULL && q.plain.at == NULL)
		only_error(r, NULL, CODE_PARSE, "Parse error.", 500);
	else
		run_request(who, &q, r);
	json_decref(q.value);
}

void jsonrpc_invalid(struct reply *r)
{
	only_error(r, NULL, CODE_REQUEST, "Invalid Request.", 400);
}

void jsonrpc_all_failed(struct reply *r, const char *why)
{
	struct jw w;

	if (r->single) {
		only_error(r, r->ids, CODE_METHOD, why, 400);
		return;
	}
	w = begin(r);
	jw_open(&w, '[');
	for (size_t i = 0; i < json_array_size(r->ids); i++)
		jw_error(&w, json_array_get(r->ids, i), CODE_METHOD, why);
	jw_close(&w, ']');
	finish(r);
}

/* ---- GET ---- */

/* Value of a member of the query as it stands, malloc'd; NULL when absent or empty. */
static char *query_value(const char *q, const char *name)
{
	size_t len = strlen(name);

	while (q != NULL && *q != '\0') {
		size_t n = strcspn(q, "&");

		if (n > len + 1 && strncmp(q, name, len) == 0 && q[len] == '=')
			return xstrndup(q + len + 1, n - len - 1);
		q += n + (q[n] == '&');
	}
	return NULL;
}

/* Percent-encoded base64 of JSON; NULL when it is not. */
static json_t *query_params(const char *text)
{
	char *plain = xmalloc(strlen(text) + 1);
	size_t n = str_pct_decode(text, strlen(text), plain);
	char *json = str_unbase64(plain, n, &n);
	json_t *v = json != NULL ? parse(json, n) : NULL;

	free(json);
	free(plain);
	return v;
}

/* The request object or batch that a query stands for; NULL when it is none. */
static json_t *query_request(const char *query)
{
	char *method = query_value(query, "method"), *id = query_value(query, "id");
	char *text = query_value(query, "params");
	json_t *params = text != NULL ? query_params(text) : NULL, *req = NULL;
	bool whole = method == NULL && id == NULL;

	if (whole) {
		req = json_incref(params);
	} else if (method != NULL && id != NULL && (text == NULL || params != NULL)) {
		req = json_object();
		json_object_set_new(req, "method", json_string(method));
		json_object_set_new(req, "id", json_string(id));
		if (params != NULL)
			json_object_set(req, "params", params);
	}
	json_decref(params);
	free(text);
	free(id);
	free(method);
	return req;
}

static bool is_callback(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.$");

	return n > 0 && n <= CALLBACK_MAX && s[n] == '\0';
}

void jsonrpc_query(const struct caller *who, const char *query, struct reply *r)
{
	char *callback = query_value(query, "jsoncallback");
	json_t *req;

	if (callback != NULL && !opts_bool(who->env->opts, OPT_RPC_ALLOW_JSONP)) {
		only_error(r, NULL, CODE_METHOD, "JSONP is off: set rpc-allow-jsonp.", 400);
		goto out;
	}
	if (callback != NULL && !is_callback(callback)) {
		jsonrpc_invalid(r);
		goto out;
	}
	r->callback = callback;
	callback = NULL;
	req = query_request(query);
	if (req == NULL)
		jsonrpc_invalid(r);
	else
		jsonrpc_value(who, req, r);
	json_decref(req);
out:
	free(callback);
}
