/* SPDX-License-Identifier: MIT
 * Token, Basic, Host and Origin.
 */
#include "rpc/auth.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/str.h"
#include "rpc/http.h"

#define NAME_CHARS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_."

bool auth_needs_token(const struct opts *o)
{
	const char *secret = opts_str(o, OPT_RPC_SECRET);

	return secret != NULL && *secret != '\0';
}

bool auth_token(const struct opts *o, const char *text)
{
	const char *secret = opts_str(o, OPT_RPC_SECRET);

	if (!auth_needs_token(o))
		return true;
	if (text == NULL || strncmp(text, "token:", 6) != 0)
		return false;
	return str_equal_ct(text + 6, strlen(text + 6), secret, strlen(secret));
}

bool auth_needs_basic(const struct opts *o)
{
	const char *user = opts_str(o, OPT_RPC_USER);

	return user != NULL && *user != '\0';
}

bool auth_basic(const struct opts *o, const char *field)
{
	const char *passwd = opts_str(o, OPT_RPC_PASSWD);
	char *want, *got;
	size_t n;
	bool ok;

	if (!auth_needs_basic(o))
		return true;
	if (field == NULL || strncmp(field, "Basic ", 6) != 0)
		return false;
	got = str_unbase64(field + 6, strlen(field + 6), &n);
	if (got == NULL)
		return false;
	want = xasprintf("%s:%s", opts_str(o, OPT_RPC_USER), passwd == NULL ? "" : passwd);
	ok = str_equal_ct(got, n, want, strlen(want));
	free(want);
	free(got);
	return ok;
}

static bool is_literal(const char *name)
{
	unsigned char addr[16];

	return inet_pton(AF_INET, name, addr) == 1 || inet_pton(AF_INET6, name, addr) == 1;
}

/* The name in "name", "name:port", "[v6]" or "[v6]:port"; false when it is none of these. */
static bool host_name(const char *host, char *name, size_t size)
{
	const char *from = host, *end;
	size_t n;

	if (*host == '[') {
		from = host + 1;
		end = strchr(from, ']');
		if (end == NULL)
			return false;
		n = (size_t)(end - from);
		end++;
	} else {
		n = strspn(host, NAME_CHARS);
		end = host + n;
	}
	if (n == 0 || n >= size || (*end == ':' ? strspn(end + 1, "0123456789") != strlen(end + 1) : *end != '\0'))
		return false;
	memcpy(name, from, n);
	name[n] = '\0';
	if (n > 1 && name[n - 1] == '.')
		name[n - 1] = '\0';
	return true;
}

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), m = strlen(tail);

	return n > m && strcasecmp(s + n - m, tail) == 0;
}

/* The name that the system has, alone, in full, or with the suffix of multicast DNS. */
static bool is_own_name(const char *name)
{
	char own[256], first[256];

	if (gethostname(own, sizeof(own)) != 0)
		return false;
	own[sizeof(own) - 1] = '\0';
	memcpy(first, own, sizeof(first));
	first[strcspn(first, ".")] = '\0';
	if (first[0] == '\0')
		return false;
	if (strcasecmp(name, own) == 0 || strcasecmp(name, first) == 0)
		return true;
	return ends_with(name, ".local") && strncasecmp(name, first, strlen(first)) == 0 &&
		strcasecmp(name + strlen(first), ".local") == 0;
}

/* Nobody can register such a name for a page on the internet: a single label, what RFC 6762 and RFC 8375 set apart, the
 * domain reserved for private use, and the one that routers use though it never was. */
static bool is_local_name(const char *name)
{
	static const char *const tails[] = {".local", ".home.arpa", ".internal", ".lan"};

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++)
		if (ends_with(name, tails[i]))
			return true;
	return strchr(name, '.') == NULL;
}

bool auth_host(const struct opts *o, const char *host)
{
	const char *listen = opts_str(o, OPT_RPC_LISTEN_ADDRESS), *allowed = opts_str(o, OPT_RPC_ALLOWED_HOST);
	char name[256];

	if (host == NULL || !host_name(host, name, sizeof(name)))
		return false;
	if (is_literal(name) || strcasecmp(name, "localhost") == 0 || ends_with(name, ".localhost"))
		return true;
	if ((listen != NULL && strcasecmp(name, listen) == 0) || is_own_name(name) || http_has_word(allowed, name))
		return true;
	return (auth_needs_token(o) || auth_needs_basic(o)) &&
		(is_local_name(name) || opts_bool(o, OPT_RPC_ALLOW_ORIGIN_ALL));
}

/* The origin can belong to a page that a stranger wrote. */
static bool is_page(const char *origin)
{
	static const char *const extension[] = {"chrome-extension://", "moz-extension://", "safari-web-extension://"};

	for (size_t i = 0; i < sizeof(extension) / sizeof(extension[0]); i++)
		if (strncasecmp(origin, extension[i], strlen(extension[i])) == 0)
			return false;
	return true;
}

static bool same_origin(const char *origin, const char *host)
{
	const char *at = strstr(origin, "://");

	return at != NULL && host != NULL && strcasecmp(at + 3, host) == 0;
}

/* Where a browser says what site a request comes from though it is not over TLS: W3C Secure Contexts, 3.1. */
static bool is_loopback(const char *host)
{
	unsigned char addr[16];
	char name[256];

	if (!host_name(host, name, sizeof(name)))
		return false;
	if (inet_pton(AF_INET, name, addr) == 1)
		return addr[0] == 127;
	if (inet_pton(AF_INET6, name, addr) == 1)
		return IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)addr);
	return strcasecmp(name, "localhost") == 0 || ends_with(name, ".localhost");
}

bool auth_page(const struct opts *o, const struct auth_page *p)
{
	if (opts_bool(o, OPT_RPC_ALLOW_ORIGIN_ALL) || (p->jsonp && opts_bool(o, OPT_RPC_ALLOW_JSONP)))
		return true;
	if (p->origin != NULL)
		return !is_page(p->origin) || same_origin(p->origin, p->host);
	if (p->site != NULL)
		return strcasecmp(p->site, "cross-site") != 0 && strcasecmp(p->site, "same-site") != 0;
	return !p->get || p->host == NULL || auth_needs_token(o) || opts_bool(o, OPT_RPC_SECURE) || is_loopback(p->host);
}
