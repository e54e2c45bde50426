/* SPDX-License-Identifier: MIT
 * Requests and answers.
 */
#include "rpc/serve.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/log.h"
#include "base/str.h"
#include "rpc/auth.h"
#include "rpc/conn.h"
#include "rpc/gzip.h"
#include "rpc/ws.h"
#include "rpc/xmlrpc.h"

#define TYPE_JSON "application/json-rpc"
#define TYPE_JSONP "text/javascript"
#define PATH_XML "/rpc"
#define TYPE_XML "text/xml"

/* The answer to somebody who is not the daemon's user while nothing but that could prove who may call. */
#define NO_SECRET "Unauthorized: hauld has no rpc-secret, so only programs of its own user may call. Set rpc-secret."
#define UNKNOWN_HOST \
	"Forbidden: hauld does not know the Host \"%s\". If that name is meant to lead to it, set rpc-allowed-host to it, " \
	"without the port."
#define FOREIGN_PAGE \
	"Forbidden: this may come from a web page of another origin. Set rpc-allow-origin-all and rpc-secret if such pages " \
	"may call; a program should POST."

/* One answer. */
struct response {
	int status;
	const char *type;  /* of the body, NULL without one */
	struct buf *body;  /* taken; NULL: empty */
	const char *extra; /* further fields, each with its line end, or NULL */
	bool close;
};

static const char *status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} rows[] = {{200, "OK"}, {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
		{426, "Upgrade Required"}, {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
		{503, "Service Unavailable"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return rows[i].text;
	return "";
}

static bool cors(const struct conn *c)
{
	return opts_bool(c->rpc->opts, OPT_RPC_ALLOW_ORIGIN_ALL);
}

static void put_head(struct conn *c, const struct response *r, size_t len, bool packed)
{
	struct buf h;
	char date[64];
	time_t now = time(NULL);
	struct tm tm;

	buf_init(&h, HTTP_HEAD_MAX * 2);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	buf_addf(&h, "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Length: %zu\r\nExpires: %s\r\nCache-Control: no-cache\r\n",
		r->status, status_text(r->status), date, len, date);
	if (r->type != NULL)
		buf_addf(&h, "Content-Type: %s\r\nX-Content-Type-Options: nosniff\r\n", r->type);
	if (cors(c))
		buf_adds(&h, "Access-Control-Allow-Origin: *\r\n");
	if (packed)
		buf_adds(&h, "Content-Encoding: gzip\r\n");
	if (r->extra != NULL)
		buf_adds(&h, r->extra);
	if (c->last)
		buf_adds(&h, "Connection: close\r\n");
	else if (llhttp_get_http_minor(&c->http.parser) == 0)
		buf_adds(&h, "Connection: keep-alive\r\n");
	buf_adds(&h, "\r\n");
	conn_write_buf(c, &h);
}

static void respond(struct conn *c, const struct response *r)
{
	bool gzip = http_has_word(http_value(c, HTTP_ACCEPT_ENCODING), "gzip");
	bool packed = gzip && (r->body == NULL || gzip_buf(r->body));

	if (r->close || !c->http.keep || c->rpc->closing)
		c->last = true;
	put_head(c, r, r->body != NULL ? r->body->len : 0, packed);
	if (r->body != NULL)
		conn_write_buf(c, r->body);
	http_reset(c);
	conn_expect(c);
}

static void respond_empty(struct conn *c, int status, bool close)
{
	respond(c, &(struct response){.status = status, .close = close});
}

static const char *type_of(const struct reply *r)
{
	return r->xml ? TYPE_XML : r->callback != NULL ? TYPE_JSONP : TYPE_JSON;
}

static void on_ready(void *owner, struct answer *a)
{
	struct conn *c = owner;
	struct reply *r = &a->r;

	OBJ_CHECK(c, CONN);
	conn_hold(c);
	c->answer = NULL;
	c->awaits_end = timer_running(&c->rpc->env.shutdown);
	if (r->xml)
		xmlrpc_encode(r);
	respond(c, &(struct response){.status = r->status, .type = type_of(r),
		.body = &r->out, .close = r->single && r->status != 200});
	answer_free(a);
	conn_process(c);
	conn_release(c);
}

static void begin_answer(struct conn *c, struct answer *a)
{
	c->answer = a;
	conn_arm(c);
	answer_go(a);
}

static void answer(struct conn *c, const char *query, enum http_refusal why)
{
	struct answer *a = answer_new(c->rpc->env.engine, on_ready, c);
	struct buf *body = &c->http.body;

	if (why == HTTP_NO_JSON)
		jsonrpc_text(&c->who, NULL, 0, &a->r);
	else if (llhttp_get_method(&c->http.parser) == HTTP_GET)
		jsonrpc_query(&c->who, query, &a->r);
	else
		jsonrpc_text(&c->who, body->data, body->len, &a->r);
	begin_answer(c, a);
}

static void answer_xml(struct conn *c)
{
	struct answer *a = answer_new(c->rpc->env.engine, on_ready, c);
	struct buf *body = &c->http.body;

	if (xmlrpc_text(&c->who, body->data, body->len, &a->r)) {
		begin_answer(c, a);
		return;
	}
	answer_free(a);
	respond_empty(c, 400, false);
}

/* An answer to OPTIONS; the lists that a browser asks about are given back as they are. */
static void preflight(struct conn *c)
{
	const char *wanted = http_value(c, HTTP_CORS_HEADERS);
	struct buf extra;

	buf_init(&extra, HTTP_HEAD_MAX * 2);
	if (cors(c) && http_value(c, HTTP_ORIGIN) != NULL && http_value(c, HTTP_CORS_METHOD) != NULL) {
		buf_adds(&extra, "Access-Control-Allow-Methods: POST, GET, OPTIONS\r\n"
				 "Access-Control-Max-Age: 1728000\r\n");
		if (wanted != NULL)
			buf_addf(&extra, "Access-Control-Allow-Headers: %s\r\n", wanted);
		if (http_has_word(http_value(c, HTTP_CORS_PRIVATE), "true")) /* Chrome: a public page asks for a local address */
			buf_adds(&extra, "Access-Control-Allow-Private-Network: true\r\n");
	}
	respond(c, &(struct response){.status = 200, .extra = extra.data});
	buf_free(&extra);
}

static void handshake(struct conn *c, bool get)
{
	const char *version = http_value(c, HTTP_WS_VERSION), *key = http_value(c, HTTP_WS_KEY);

	if (!get || key == NULL)
		respond_empty(c, 400, false);
	else if (version == NULL || strcmp(version, "13") != 0)
		respond(c, &(struct response){.status = 426, .extra = "Sec-WebSocket-Version: 13\r\n"});
	else if (!ws_start(c, key))
		respond_empty(c, 503, true);
}

static void forbid(struct conn *c, const char *why)
{
	struct buf text;
	struct jw w = {.out = &text};

	buf_init(&text, 1024);
	jw_error(&w, NULL, 1, why);
	respond(c, &(struct response){.status = 403, .type = TYPE_JSON, .body = &text, .close = true});
}

static void refuse_stranger(struct conn *c)
{
	if (!c->rpc->told)
		log_notice(RPC, "%s: refused: no rpc-secret is set, and another user is at the other end", stream_peer(c->s));
	c->rpc->told = true;
	forbid(c, NO_SECRET);
}

static void refuse_host(struct conn *c, const char *host)
{
	char shown[80], text[400];

	str_safe(host, strlen(host), shown, sizeof(shown));
	if (!c->rpc->told_host)
		log_notice(RPC, "%s: refused: Host is %s; see rpc-allowed-host", stream_peer(c->s), shown);
	c->rpc->told_host = true;
	snprintf(text, sizeof(text), UNKNOWN_HOST, shown);
	forbid(c, text);
}

/* Without a secret nothing but the kernel's word tells who calls; a Unix socket has its mode. */
static bool is_stranger(const struct conn *c)
{
	const struct opts *o = c->rpc->opts;

	return !c->same_user && !stream_is_unix(c->s) && !auth_needs_token(o) && !auth_needs_basic(o);
}

/* Refuses who may not ask at all; true when an answer has been given. */
static bool refused(struct conn *c, bool options)
{
	const char *host = http_value(c, HTTP_HOST);
	bool http10 = llhttp_get_http_major(&c->http.parser) == 1 && llhttp_get_http_minor(&c->http.parser) == 0;

	if (c->http.twice || (host == NULL && !http10)) {
		respond_empty(c, 400, true);
	} else if (host != NULL && !stream_is_unix(c->s) && !auth_host(c->rpc->opts, host)) {
		refuse_host(c, host);
	} else if (is_stranger(c)) {
		refuse_stranger(c);
	} else if (!options && !auth_basic(c->rpc->opts, http_value(c, HTTP_AUTHORIZATION))) {
		respond(c, &(struct response){.status = 401, .close = true,
			.extra = "WWW-Authenticate: Basic realm=\"aria2\"\r\n"});
	} else {
		return false;
	}
	return true;
}

/* query: of a GET that asks for no WebSocket, "" when it has none; else NULL. */
static bool foreign_page(struct conn *c, const char *query)
{
	struct auth_page p = {.origin = http_value(c, HTTP_ORIGIN), .site = http_value(c, HTTP_FETCH_SITE),
		.host = http_value(c, HTTP_HOST), .get = query != NULL && !stream_is_unix(c->s),
		.jsonp = query != NULL && strstr(query, "jsoncallback=") != NULL};

	return !auth_page(c->rpc->opts, &p);
}

/* A token may be in the hands of a page or of a program that acts for somebody else. haul says that it acts for the user
 * at the keyboard; without a secret, and on the Unix socket, there is nobody else. */
static bool acts_for_user(const struct conn *c)
{
	const struct opts *o = c->rpc->opts;

	if (!c->same_user || http_value(c, HTTP_ORIGIN) != NULL || http_value(c, HTTP_FETCH_SITE) != NULL)
		return false;
	return stream_is_unix(c->s) || (!auth_needs_token(o) && !auth_needs_basic(o)) ||
		http_value(c, HTTP_AS_USER) != NULL;
}

static bool is_path(const char *path, bool get)
{
	return strcmp(path, "/jsonrpc") == 0 || (strcmp(path, PATH_XML) == 0 && !get);
}

void serve(struct conn *c)
{
	unsigned method = llhttp_get_method(&c->http.parser);
	bool get = method == HTTP_GET, upgrade;
	char *url = c->http.url.data, *query;

	if (refused(c, method == HTTP_OPTIONS))
		return;
	if (method == HTTP_OPTIONS) {
		preflight(c);
		return;
	}
	upgrade = http_has_word(http_value(c, HTTP_UPGRADE), "websocket") &&
		http_has_word(http_value(c, HTTP_CONNECTION), "upgrade");
	url[strcspn(url, "#")] = '\0';
	query = strchr(url, '?');
	if (query != NULL)
		*query++ = '\0';
	c->who.is_user = acts_for_user(c);
	if (!is_path(url, get) || (upgrade && query != NULL) || (!upgrade && !get && method != HTTP_POST))
		respond_empty(c, 404, false);
	else if (foreign_page(c, get && !upgrade ? (query != NULL ? query : "") : NULL))
		forbid(c, FOREIGN_PAGE);
	else if (upgrade)
		handshake(c, get);
	else if (strcmp(url, PATH_XML) == 0)
		answer_xml(c);
	else
		answer(c, query, HTTP_OK);
}

void serve_refusal(struct conn *c, enum http_refusal why)
{
	c->in_pos = c->in_len = 0;
	c->last = true;
	if (why == HTTP_DROP)
		conn_close(c);
	else if (why == HTTP_NO_JSON && !refused(c, false) && !foreign_page(c, NULL))
		answer(c, NULL, HTTP_NO_JSON);
	else
		respond_empty(c, why == HTTP_BIG_HEAD ? 431 : 400, true);
}
