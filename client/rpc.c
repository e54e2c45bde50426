/* SPDX-License-Identifier: MIT
 * JSON-RPC calls to the daemon.
 */
#include "client/rpc.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "client/http.h"
#include "client/jtext.h"
#include "client/ws.h"
#include "rpc/plain_json.h"

#define CALL_USUAL 400 /* bytes that most calls need less than */
#define PART_MAX   (1u << 20) /* bytes of one request; aria2 and hauld take 2 MiB unless told otherwise */
#define EVENTS_MAX 100000     /* kept notifications */
#define CALL_ID	   "{\"id\":"  /* a call's text begins so, and goes on with the number */

/* A notification that was not taken yet. */
struct event {
	char what[32], gid[17];
};

struct rpc {
	struct endpoint ep;
	char *secret;
	bool home_only; /* the secret is for a daemon of this user */
	int intr_fd;
	struct conn *conn; /* HTTP; NULL: not connected, or ws has it */
	bool used;	   /* conn carried a request already, so the other side may have closed it meanwhile */
	struct ws *ws;
	json_int_t last_id;
	struct event *events; /* oldest first */
	size_t nevents, next_event, events_cap;
	bool missed; /* as rpc_missed */
};

struct rpc *rpc_begin(struct endpoint *ep, char *secret, int intr_fd)
{
	struct rpc *r = xcalloc(1, sizeof(*r));
	r->ep = *ep;
	memset(ep, 0, sizeof(*ep));
	r->secret = secret;
	r->intr_fd = intr_fd;
	return r;
}

void rpc_disconnect(struct rpc *r)
{
	conn_hang_up(r->conn);
	ws_close(r->ws);
	r->missed = r->missed || r->ws;
	r->conn = NULL;
	r->ws = NULL;
	r->used = false;
}

int rpc_wait_end(struct rpc *r, int ms, struct fail *f)
{
	return r->conn ? conn_wait_end(r->conn, ms, f) : 0;
}

static void forget_secret(struct rpc *r)
{
	if (r->secret)
		OPENSSL_cleanse(r->secret, strlen(r->secret));
	free(r->secret);
	r->secret = NULL;
	r->home_only = false;
}

void rpc_end(struct rpc *r)
{
	if (!r)
		return;
	rpc_disconnect(r);
	endpoint_free(&r->ep);
	forget_secret(r);
	free(r->events);
	free(r);
}

const struct endpoint *rpc_endpoint(const struct rpc *r)
{
	return &r->ep;
}

void rpc_keep_secret_home(struct rpc *r)
{
	r->home_only = true;
}

/* Calls that were made ready hold the secret already. */
static int check_home(struct rpc *r, struct fail *f)
{
	if (!r->home_only || conn_is_same_user(r->conn))
		return 0;
	if (r->last_id == 0) {
		forget_secret(r);
		return 0;
	}
	rpc_disconnect(r);
	return fail_set(f, ERR_AUTH, "what answers at %s now runs as another user", r->ep.show);
}

int rpc_connect(struct rpc *r, struct fail *f)
{
	if (r->conn || r->ws)
		return 0;
	struct fail why = {0};
	int rc = conn_open(&r->ep, r->intr_fd, &r->conn, &why);
	r->used = false;
	return rc < 0 ? fail_set(f, rc, "no daemon answers at %s: %s", r->ep.show, why.text) : check_home(r, f);
}

bool rpc_is_same_user(const struct rpc *r)
{
	return r->conn && conn_is_same_user(r->conn);
}

int rpc_use_ws(struct rpc *r, struct fail *f)
{
	if (r->ws)
		return 0;
	int rc = rpc_connect(r, f);
	if (rc == 0 && r->used) {
		rpc_disconnect(r);
		rc = rpc_connect(r, f);
	}
	if (rc < 0)
		return rc;
	rc = ws_open(r->conn, &r->ep, &r->ws, f);
	if (rc < 0)
		conn_hang_up(r->conn);
	r->conn = NULL;
	return rc;
}

/* ---- one exchange ---- */

static int fail_status(const struct rpc *r, int status, struct fail *f)
{
	if (status == 401)
		return fail_set(
			f, ERR_AUTH, "the daemon at %s wants a user and a password: put them into the URL", r->ep.show);
	return fail_set(f, ERR_PROTO, "what answers at %s is not a download daemon (HTTP %d)", r->ep.show, status);
}

/* Most of what daemons send is plain. NULL: it is no JSON, or a bare value, which no daemon sends. */
static json_t *load(const char *text, size_t n)
{
	json_t *v = n > 0 ? plain_json(text, n) : NULL;
	if (json_is_array(v) || json_is_object(v))
		return v;
	json_decref(v);
	return n > 0 ? json_loadb(text, n, JSON_ALLOW_NUL, NULL) : NULL;
}

/* A POST; a kept connection that turns out closed before a byte of the answer came is replaced once. */
static int exchange_http(struct rpc *r, const char *text, size_t n, json_t **ret, struct fail *f)
{
	struct http_answer a;
	int rc = rpc_connect(r, f);
	if (rc < 0)
		return rc;
	rc = http_post(r->conn, &r->ep, text, n, &a, f);
	if (rc < 0 && r->used && !a.any && rc != ERR_TIMEOUT && rc != ERR_CANCELED) {
		buf_free(&a.body);
		rpc_disconnect(r);
		if ((rc = rpc_connect(r, f)) < 0)
			return rc;
		rc = http_post(r->conn, &r->ep, text, n, &a, f);
	}
	r->used = true;
	if (rc == 0) {
		*ret = load(a.body.data, a.body.len);
		rc = *ret ? 0 : fail_status(r, a.status, f);
	}
	if (rc < 0 || !a.keep)
		rpc_disconnect(r);
	buf_free(&a.body);
	return rc;
}

static void keep_event(struct rpc *r, const struct event *ev)
{
	if (r->nevents == EVENTS_MAX) {
		r->missed = true;
		return;
	}
	if (r->nevents == r->events_cap) {
		r->events_cap = r->events_cap ? r->events_cap * 2 : 256;
		r->events = xrealloc(r->events, r->events_cap * sizeof(*r->events));
	}
	r->events[r->nevents++] = *ev;
}

/* *at moves behind `want`, if that is there. */
static bool skip(const char **at, const char *want)
{
	size_t n = strlen(want);
	bool is = strncmp(*at, want, n) == 0;
	*at += is ? n : 0;
	return is;
}

/* Up to the next quote, not longer than fits, without escapes. */
static bool take_plain(const char **at, char *ret, size_t size)
{
	size_t n = strcspn(*at, "\"\\");
	if (n >= size || (*at)[n] != '"')
		return false;
	memcpy(ret, *at, n);
	ret[n] = '\0';
	*at += n + 1;
	return true;
}

/* The text of a notification as every known daemon writes it: they come by the thousand. */
static bool scan_event(const char *text, struct event *ret)
{
	return skip(&text, "{\"jsonrpc\":\"2.0\",\"method\":\"aria2.") && take_plain(&text, ret->what, sizeof(ret->what)) &&
	       skip(&text, ",\"params\":[{\"gid\":\"") && take_plain(&text, ret->gid, sizeof(ret->gid)) &&
	       skip(&text, "}]}") && *text == '\0' && strlen(ret->gid) == 16;
}

/* A notification in any other form; false: it speaks of no download. */
static bool read_event(const json_t *msg, struct event *ret)
{
	const char *method = json_string_value(json_object_get(msg, "method"));
	const char *gid =
		json_string_value(json_object_get(json_array_get(json_object_get(msg, "params"), 0), "gid"));
	if (!method || strncmp(method, "aria2.", 6) != 0 || !gid || strlen(gid) != 16)
		return false;
	snprintf(ret->what, sizeof(ret->what), "%s", method + 6);
	snprintf(ret->gid, sizeof(ret->gid), "%s", gid);
	return true;
}

/* Another message than a notification, or NULL: then it was one, and is kept, or makes no sense. */
static json_t *take_message(struct rpc *r, const char *text, size_t n)
{
	struct event ev;
	if (scan_event(text, &ev)) {
		keep_event(r, &ev);
		return NULL;
	}
	json_t *msg = load(text, n);
	if (!msg || !json_object_get(msg, "method"))
		return msg;
	if (read_event(msg, &ev))
		keep_event(r, &ev);
	json_decref(msg);
	return NULL;
}

/* Sort what came: notifications are kept, the first other message goes to *ret. */
static void sort_messages(struct rpc *r, json_t **ret)
{
	size_t n;
	char *text;
	while (!*ret && (text = ws_next(r->ws, &n))) {
		*ret = take_message(r, text, n);
		free(text);
	}
}

static int exchange_ws(struct rpc *r, const char *text, size_t n, json_t **ret, struct fail *f)
{
	int rc = ws_send(r->ws, text, n, f);
	*ret = NULL;
	while (rc == 0) {
		sort_messages(r, ret);
		if (*ret)
			return 0;
		rc = ws_pump(r->ws, f);
		sort_messages(r, ret);
		if (*ret)
			return 0;
		if (rc == 0)
			rc = ws_wait(r->ws, f);
	}
	rpc_disconnect(r);
	return rc;
}

/* ---- batches ----
 * The text of each call is made as it is added: a tree of all of them would take thousands of pieces of memory at a time. */

static json_int_t call_id(const json_t *call)
{
	const char *text = json_string_value(call);
	return text ? strtoll(text + sizeof(CALL_ID) - 1, NULL, 10) : 0;
}

void rpc_add(struct rpc *r, json_t *batch, const char *method, json_t *params)
{
	if (!params)
		params = json_array();
	if (r->secret && strncmp(method, "system.", 7) != 0) {
		char *token = xasprintf("token:%s", r->secret);
		json_array_insert_new(params, 0, json_string(token));
		OPENSSL_cleanse(token, strlen(token));
		free(token);
	}
	struct buf text;
	buf_init(&text, HTTP_BODY_MAX);
	buf_room(&text, CALL_USUAL);
	buf_adds(&text, CALL_ID);
	buf_add_int(&text, ++r->last_id);
	buf_adds(&text, ",\"jsonrpc\":\"2.0\",\"method\":\"");
	buf_adds(&text, method);
	buf_adds(&text, "\",\"params\":");
	jtext_put(&text, params);
	buf_adds(&text, "}");
	/* too long a text is no text, and makes the whole batch too large */
	json_array_append_new(batch, text.err ? json_null() : json_stringn_nocheck(text.data, text.len));
	buf_wipe(&text);
	json_decref(params);
}

/* Answers come in the order of the requests from every known daemon, but the standard allows any: place them by id. */
static void place_answers(json_t *out, json_int_t first, size_t n, const json_t *got)
{
	size_t base = json_array_size(out), i;
	json_t *a;
	for (i = 0; i < n; i++)
		json_array_append_new(out, json_null());
	json_array_foreach(got, i, a)
	{
		json_int_t id = json_integer_value(json_object_get(a, "id"));
		if (id >= first && (size_t)(id - first) < n)
			json_array_set(out, base + (size_t)(id - first), a);
	}
}

/* text: a JSON array of n requests with ids from first on. */
static int run_part(struct rpc *r, const struct buf *text, json_int_t first, size_t n, json_t *out, struct fail *f)
{
	json_t *got = NULL;
	int rc = r->ws ? exchange_ws(r, text->data, text->len, &got, f)
		       : exchange_http(r, text->data, text->len, &got, f);
	if (rc < 0)
		return rc;
	if (json_is_array(got)) {
		place_answers(out, first, n, got);
	} else {
		const char *msg = json_string_value(json_object_get(json_object_get(got, "error"), "message"));
		rc = fail_set(f, ERR_PROTO, "the daemon refuses the call: %s", msg ? msg : "its answer makes no sense");
	}
	json_decref(got);
	return rc;
}

/* Fill text with "[...]" of requests from *at on, until it is large enough; *at moves on. */
static void fill_part(const json_t *batch, size_t *at, struct buf *text)
{
	buf_adds(text, "[");
	for (size_t first = *at; *at < json_array_size(batch); ++*at) {
		const json_t *call = json_array_get(batch, *at);
		size_t n = json_string_length(call);
		if (!json_is_string(call))
			text->err = ERR_LIMIT;
		if (*at > first && text->len + n + 2 > PART_MAX)
			break;
		if (*at > first)
			buf_add(text, ",", 1);
		buf_add(text, json_string_value(call), n);
	}
	buf_adds(text, "]");
}

int rpc_run(struct rpc *r, json_t *batch, json_t **ret, struct fail *f)
{
	json_t *out = json_array();
	int rc = 0;
	size_t at = 0;
	while (rc == 0 && at < json_array_size(batch)) {
		struct buf text;
		size_t from = at;
		json_int_t first = call_id(json_array_get(batch, from));
		buf_init(&text, HTTP_BODY_MAX);
		fill_part(batch, &at, &text);
		rc = text.err ? fail_set(f, ERR_LIMIT, "the request is too large")
			      : run_part(r, &text, first, at - from, out, f);
		buf_wipe(&text);
	}
	json_decref(batch);
	if (rc < 0)
		json_decref(out);
	else
		*ret = out;
	return rc;
}

json_t *rpc_result(const json_t *answers, size_t i, struct fail *f)
{
	json_t *a = json_array_get(answers, i);
	json_t *result = json_object_get(a, "result");
	if (result)
		return result;
	const char *msg = json_string_value(json_object_get(json_object_get(a, "error"), "message"));
	if (msg && strcmp(msg, "Unauthorized") == 0)
		fail_set(f, ERR_AUTH,
			"the daemon refuses the secret: name the file that holds it with --secret-file or "
			"HAUL_SECRET_FILE");
	else
		fail_set(f, msg ? ERR_UNKNOWN : ERR_PROTO, "%s", msg ? msg : "the daemon gave no answer to a call");
	return NULL;
}

json_t *rpc_call(struct rpc *r, const char *method, json_t *params, struct fail *f)
{
	json_t *batch = json_array(), *answers = NULL;
	rpc_add(r, batch, method, params);
	if (rpc_run(r, batch, &answers, f) < 0)
		return NULL;
	json_t *result = rpc_result(answers, 0, f);
	json_incref(result);
	json_decref(answers);
	return result;
}

/* ---- notifications ---- */

int rpc_fd(const struct rpc *r)
{
	return r->ws ? ws_fd(r->ws) : -1;
}

int rpc_pump(struct rpc *r, struct fail *f)
{
	if (!r->ws)
		return 0;
	int rc = ws_pump(r->ws, f);
	json_t *other;
	do {
		other = NULL;
		sort_messages(r, &other);
		json_decref(other); /* an answer that nobody waits for any more */
	} while (other);
	if (rc < 0)
		rpc_disconnect(r);
	return rc;
}

bool rpc_event(struct rpc *r, char ret_what[32], char ret_gid[17])
{
	if (r->next_event == r->nevents) {
		r->next_event = r->nevents = 0;
		return false;
	}
	const struct event *ev = &r->events[r->next_event++];
	memcpy(ret_what, ev->what, sizeof(ev->what));
	memcpy(ret_gid, ev->gid, sizeof(ev->gid));
	return true;
}

bool rpc_missed(struct rpc *r)
{
	bool missed = r->missed;
	r->missed = false;
	return missed;
}
