/* SPDX-License-Identifier: MIT
 * Choosing a proxy by the options.
 */
#include "proto/proxy.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/opt.h"
#include "base/str.h"
#include "proto/http_auth.h"

#define BLANKS " \t"

/* The options of one proxy. */
struct row {
	const char *scheme;
	enum opt uri, user, passwd;
};

static const struct row rows[] = {
	{"http", OPT_HTTP_PROXY, OPT_HTTP_PROXY_USER, OPT_HTTP_PROXY_PASSWD},
	{"https", OPT_HTTPS_PROXY, OPT_HTTPS_PROXY_USER, OPT_HTTPS_PROXY_PASSWD},
};

static const struct row all = {"", OPT_ALL_PROXY, OPT_ALL_PROXY_USER, OPT_ALL_PROXY_PASSWD};

/* ---- no-proxy ---- */

/* A literal address in network order; family 0: s is none. */
struct address {
	int family;
	size_t len;
	unsigned char bytes[16];
};

static struct address read_address(const char *s)
{
	struct address a = {0};

	if (inet_pton(AF_INET, s, a.bytes) == 1) {
		a.family = AF_INET;
		a.len = 4;
	} else if (inet_pton(AF_INET6, s, a.bytes) == 1) {
		a.family = AF_INET6;
		a.len = 16;
	}
	return a;
}

static bool same_bits(const struct address *a, const struct address *b, size_t bits)
{
	size_t whole = bits / 8, rest = bits % 8;

	if (memcmp(a->bytes, b->bytes, whole) != 0)
		return false;
	return rest == 0 || ((a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest)) == 0;
}

/* item: "address" or "address/bits", IPv6 with or without brackets. */
static bool covers(const char *item, const struct address *host)
{
	char text[INET6_ADDRSTRLEN];
	const char *s = *item == '[' ? item + 1 : item;
	size_t n = strcspn(s, "]/");
	struct address net;
	uint64_t bits;

	if (n >= sizeof(text))
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	net = read_address(text);
	if (net.family != host->family)
		return false;
	bits = net.len * 8;
	s += n + (s[n] == ']');
	if (*s == '/' && (str_to_u64(s + 1, strlen(s + 1), &bits) != 0 || bits > net.len * 8))
		return false;
	return same_bits(&net, host, bits);
}

static bool name_fits(const char *item, const char *host)
{
	size_t n = strlen(host), k = strlen(item);

	if (n > 0 && host[n - 1] == '.')
		n--;
	if (strncmp(item, "*.", 2) == 0) {
		item++;
		k--;
	}
	if (*item != '.')
		return k == n && strncasecmp(item, host, n) == 0;
	return n > k && strncasecmp(item, host + n - k, k) == 0;
}

/* item: "...:port" is cut to what is in front, and holds for that port only. */
static bool port_fits(char *item, uint16_t port)
{
	char *end = strchr(item, *item == '[' ? ']' : ':');
	uint64_t n;

	if (end != NULL && *end == ']')
		end++;
	if (end == NULL || *end != ':' || str_to_u64(end + 1, strlen(end + 1), &n) != 0)
		return true;
	*end = '\0';
	return n == port;
}

static bool item_fits(char *item, const char *host, const struct address *addr, uint16_t port)
{
	if (strcmp(item, "*") == 0)
		return true;
	if (!port_fits(item, port))
		return false;
	return addr->family != 0 ? covers(item, addr) : name_fits(item, host);
}

bool proxy_is_exempt(const char *no_proxy, const char *host, uint16_t port)
{
	const struct address addr = read_address(host);
	const char *s = no_proxy;
	bool fits = false;

	while (s != NULL && *s != '\0' && !fits) {
		size_t n;
		char *item;

		s += strspn(s, "," BLANKS);
		n = strcspn(s, "," BLANKS);
		item = xstrndup(s, n);
		fits = n > 0 && item_fits(item, host, &addr, port);
		free(item);
		s += n;
	}
	return fits;
}

/* ---- choosing ---- */

static const struct row *row_for(const struct uri *uri, const struct opts *o)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].scheme, uri->scheme) == 0 && opts_defined(o, rows[i].uri))
			return &rows[i];
	}
	return &all;
}

static enum proxy_kind kind_of(const struct uri *proxy, const struct uri *uri, const struct opts *o)
{
	if (strcmp(proxy->scheme, "socks5") == 0)
		return PROXY_SOCKS5;
	if (strcmp(proxy->scheme, "socks5h") == 0)
		return PROXY_SOCKS5H;
	if (strcmp(uri->scheme, "https") == 0 || strcmp(opts_str(o, OPT_PROXY_METHOD), "tunnel") == 0)
		return PROXY_CONNECT;
	return PROXY_FORWARD;
}

/* The option goes before the URI; an empty text is none. */
static char *pick(const struct opts *o, enum opt id, const char *from_uri)
{
	const char *s = opts_str(o, id);

	if (s == NULL)
		s = from_uri;
	return s != NULL && *s != '\0' ? xstrdup(s) : NULL;
}

static int check_login(const struct proxy *p, struct fail *f)
{
	bool socks = p->kind == PROXY_SOCKS5 || p->kind == PROXY_SOCKS5H;

	if (p->user == NULL || !socks)
		return 0;
	if (strlen(p->user) > PROXY_LOGIN_MAX || (p->passwd != NULL && strlen(p->passwd) > PROXY_LOGIN_MAX))
		return fail_set(f, ERR_INVAL, "User name and password of a SOCKS proxy can't be longer than %d bytes",
			PROXY_LOGIN_MAX);
	return 0;
}

int proxy_choose(const struct uri *uri, const struct opts *o, struct proxy *ret, struct fail *f)
{
	const struct row *row = row_for(uri, o);
	const char *text = opts_str(o, row->uri);
	struct uri at;
	int r;

	*ret = (struct proxy){0};
	if (text == NULL || *text == '\0' || proxy_is_exempt(opts_str(o, OPT_NO_PROXY), uri->host, uri->port))
		return 0;
	if (uri_parse(text, strlen(text), &at, NULL) != 0)
		return fail_set(f, ERR_INVAL, "The proxy's host is not usable");
	ret->kind = kind_of(&at, uri, o);
	ret->host = xstrdup(at.host);
	ret->port = at.port != 0 ? at.port : PROXY_SOCKS_PORT;
	ret->user = pick(o, row->user, at.user);
	ret->passwd = pick(o, row->passwd, at.passwd);
	if (ret->user != NULL && ret->kind <= PROXY_CONNECT)
		ret->authorization = http_auth_basic(ret->user, ret->passwd);
	r = check_login(ret, f);
	if (r < 0)
		proxy_free(ret);
	uri_free(&at);
	return r;
}

void proxy_free(struct proxy *p)
{
	http_auth_free(p->user);
	http_auth_free(p->passwd);
	http_auth_free(p->authorization);
	free(p->host);
	*p = (struct proxy){0};
}

bool proxy_tunnels(const struct proxy *p)
{
	return p->kind > PROXY_FORWARD;
}
