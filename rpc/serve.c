/* SPDX-License-Identifier: MIT
 * Requests and answers.
 */
#include "rpc/serve.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/log.h"
#include "base/str.h"
#include "rpc/auth.h"
#include "rpc/conn.h"
#include "rpc/gzip.h"
#include "rpc/ws.h"

#define TYPE_JSON "application/json-rpc"
#define TYPE_JSONP "text/javascript"

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
		{426, "Upgrade Required"}, {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}};

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

static void on_ready(void *owner, struct answer *a)
{
	struct conn *c = owner;
	struct reply *r = &a->r;

	OBJ_CHECK(c, CONN);
	conn_hold(c);
	c->answer = NULL;
	respond(c, &(struct response){.status = r->status, .type = r->callback != NULL ? TYPE_JSONP : TYPE_JSON,
		.body = &r->out, .close = r->single && r->status != 200});
	answer_free(a);
	conn_process(c);
	conn_release(c);
}

static void answer(struct conn *c, const char *query, enum http_refusal why)
{
	struct answer *a = answer_new(c->rpc->env.engine, on_ready, c);
	struct buf *body = &c->http.body;

	if (why == HTTP_NO_JSON)
		jsonrpc_text(&c->rpc->env, NULL, 0, &a->r);
	else if (llhttp_get_method(&c->http.parser) == HTTP_GET)
		jsonrpc_query(&c->rpc->env, query, &a->r);
	else
		jsonrpc_text(&c->rpc->env, body->data, body->len, &a->r);
	c->answer = a;
	conn_arm(c);
	answer_go(a);
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
	else
		ws_start(c, key);
}

static bool from_this_machine(const struct conn *c)
{
	uint32_t uid;

	return stream_peer_uid(c->s, &uid); /* a Unix socket: no browser can be behind it */
}

/* Refuses who may not ask at all; true when an answer has been given. */
static bool refused(struct conn *c, bool options)
{
	const char *host = http_value(c, HTTP_HOST);
	bool http10 = llhttp_get_http_major(&c->http.parser) == 1 && llhttp_get_http_minor(&c->http.parser) == 0;

	if (c->http.twice || (host == NULL && !http10)) {
		respond_empty(c, 400, true);
	} else if (host != NULL && !from_this_machine(c) && !auth_host(c->rpc->opts, host)) {
		char shown[80];

		str_safe(host, strlen(host), shown, sizeof(shown));
		log_info(RPC, "%s: refused, Host is %s", stream_peer(c->s), shown);
		respond_empty(c, 403, true);
	} else if (!options && !auth_basic(c->rpc->opts, http_value(c, HTTP_AUTHORIZATION))) {
		respond(c, &(struct response){.status = 401, .close = true,
			.extra = "WWW-Authenticate: Basic realm=\"aria2\"\r\n"});
	} else {
		return false;
	}
	return true;
}

static bool foreign_page(struct conn *c, const char *query)
{
	struct auth_page p = {.origin = http_value(c, HTTP_ORIGIN), .site = http_value(c, HTTP_FETCH_SITE),
		.host = http_value(c, HTTP_HOST), .jsonp = query != NULL && strstr(query, "jsoncallback=") != NULL};

	return !auth_page(c->rpc->opts, &p);
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
	if (strcmp(url, "/jsonrpc") != 0 || (upgrade && query != NULL) || (!upgrade && !get && method != HTTP_POST))
		respond_empty(c, 404, false);
	else if (foreign_page(c, get ? query : NULL))
		respond_empty(c, 403, true);
	else if (upgrade)
		handshake(c, get);
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
