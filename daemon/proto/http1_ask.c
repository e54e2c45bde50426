/* SPDX-License-Identifier: MIT
 * What an HTTP/1.1 fetch asks for: its requests, and which kept connections may carry them.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/hash.h"
#include "base/opt.h"
#include "base/str.h"
#include "net/net.h"
#include "proto/http1_int.h"
#include "proto/http_auth.h"
#include "proto/http_req.h"
#include "proto/http_state.h"

/* A mark of a secret, so that it need not stand in the key itself. Without memory for a digest it fits no other. */
static void add_mark(struct buf *key, const char *secret)
{
	unsigned char digest[HASH_MAX] = {0};
	struct hash *h;

	if (secret == NULL)
		return;
	h = hash_new("sha-256");
	if (h != NULL) {
		hash_update(h, secret, strlen(secret));
		hash_final(h, digest);
	} else if (getrandom(digest, 16, 0) != 16) {
		memcpy(digest, &key, sizeof(key));
	}
	hash_free(h);
	for (int i = 0; i < 16; i++)
		buf_addf(key, "%02x", digest[i]);
}

/* The same of the user's own header fields. */
static void add_identity_mark(struct buf *key, const struct http_req *r)
{
	struct buf lines;
	char *text;

	buf_init(&lines, HTTP_REQ_MAX);
	http_req_identity(r, &lines);
	text = lines.len > 0 ? buf_take(&lines) : NULL;
	add_mark(key, text);
	http_auth_free(text);
	buf_free(&lines);
}

/* Requests with different credentials never share a connection, be they a login, a token or a cookie that the user gives:
 * some servers authenticate connections, not requests. Cookies of the jar are the daemon's, the same for all who ask. Nor do
 * those that go different ways, or that others than the user led here: the connection may be to where these may not go. */
static char *make_key(const struct http1 *f, const struct http_req *r, const char *authorization)
{
	const struct proxy *p = &f->proxy;
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_adds(&b, f->uri.scheme);
	buf_adds(&b, "|");
	buf_adds(&b, f->uri.host);
	buf_adds(&b, "|");
	buf_add_int(&b, f->uri.port);
	buf_adds(&b, f->check_certificate ? "|checked|" : "|unchecked|");
	buf_add_int(&b, (int64_t)f->from);
	buf_adds(&b, "|");
	add_mark(&b, authorization);
	buf_adds(&b, "|");
	add_identity_mark(&b, r);
	if (p->kind != PROXY_NONE) {
		buf_addf(&b, "|%d|%s|%u|", (int)p->kind, p->host, p->port);
		add_mark(&b, p->user);
		buf_adds(&b, "|");
		add_mark(&b, p->passwd);
	}
	return buf_take(&b);
}

/* The URI that the user gave: most often the one that is asked, else *other (to be freed), which is zero when it is no URI. */
static const struct uri *named_uri(const struct fetch_req *req, const struct uri *asked, struct uri *other)
{
	*other = (struct uri){0};
	if (req->cred_uri == NULL || strcmp(req->cred_uri, req->uri) == 0)
		return asked;
	(void)uri_parse(req->cred_uri, strlen(req->cred_uri), other, NULL);
	return other;
}

/* The request, and the one to repeat it with after a challenge. */
static int build_both(struct http1 *f, struct http_req *r, const char *secret, bool ask_first, struct fail *why)
{
	int e;

	r->authorization = ask_first ? NULL : secret;
	e = http_req_build(r, &f->request, &f->asked.codings, why);
	r->authorization = secret;
	if (e == 0 && ask_first && secret != NULL)
		e = http_req_build(r, &f->auth_request, &f->asked.codings, why);
	return e;
}

static int build_requests(struct http1 *f, const struct fetch_req *req, struct fail *why)
{
	const struct http_state *shared = net_http(f->net);
	struct uri other;
	const struct uri *named = named_uri(req, &f->uri, &other);
	bool own = named->host != NULL && uri_same_origin(named, &f->uri), ask_first;
	const struct http_auth_req auth = {.uri = &f->uri, .named = named, .own_origin = own, .opts = req->opts,
		.netrc = shared != NULL ? shared->netrc : NULL};
	char *secret = http_auth(&auth, &ask_first);
	char *cookie = shared != NULL ? cookie_jar_header(shared->jar, &f->uri, (int64_t)time(NULL)) : NULL;
	struct http_req r = {.fetch = req, .uri = &f->uri, .own_origin = own, .cookie = cookie};
	int e;

	r.to_proxy = f->proxy.kind == PROXY_FORWARD;
	r.proxy_authorization = f->proxy.authorization;
	f->key = make_key(f, &r, secret);
	e = build_both(f, &r, secret, ask_first, why);
	http_auth_free(secret);
	cookie_wipe(cookie);
	uri_free(&other);
	return e;
}

static void read_opts(struct http1 *f, const struct opts *o)
{
	f->keep_alive = opts_bool(o, OPT_ENABLE_HTTP_KEEP_ALIVE);
	f->check_certificate = opts_bool(o, OPT_CHECK_CERTIFICATE);
	f->user_agent = xstrdup(opts_str(o, OPT_USER_AGENT));
	f->connect_timeout_ms = (uint64_t)opts_num(o, OPT_CONNECT_TIMEOUT) * 1000;
	f->timeout_ms = (uint64_t)opts_num(o, OPT_TIMEOUT) * 1000;
}

int http1_ask(struct http1 *f, const struct fetch_req *req, struct fail *why)
{
	int r = uri_parse(req->uri, strlen(req->uri), &f->uri, why);

	if (r == 0)
		r = proxy_choose(&f->uri, req->opts, &f->proxy, why);
	if (r == 0 && f->proxy.kind != PROXY_NONE)
		r = zone_check_name(f->net, f->uri.host, f->uri.port, req->from, why);
	if (r < 0)
		return r;
	read_opts(f, req->opts);
	f->from = req->from;
	f->beside = f->keep_alive && f->proxy.kind == PROXY_NONE ? req->beside : 0;
	f->asked.head_only = req->head_only;
	f->asked.utf8_names = opts_bool(req->opts, OPT_CONTENT_DISPOSITION_DEFAULT_UTF8);
	return build_requests(f, req, why);
}
