/* SPDX-License-Identifier: MIT
 * URIs (RFC 3986). A text is first cut into its five parts (appendix B), which never fails, then each part is checked.
 */
#include "base/uri.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/str.h"

#define HOST_MAX  253 /* bytes of a name without its last dot, RFC 1035 2.3.4 */
#define LABEL_MAX 63

/* A stretch of the text that is being looked at; base NULL: the part is not there (an empty one has a base). */
struct cut {
	const char *base;
	size_t len;
};

struct cuts {
	struct cut scheme, authority, path, query, fragment;
};

struct authority {
	struct cut userinfo, host, port;
	bool bracketed;
};

static const struct {
	const char *scheme;
	uint16_t port;
} default_ports[] = {{"http", 80}, {"https", 443}, {"ftp", 21}};

static uint16_t default_port(const char *scheme)
{
	size_t i;

	for (i = 0; i < sizeof(default_ports) / sizeof(default_ports[0]); i++)
		if (strcmp(default_ports[i].scheme, scheme) == 0)
			return default_ports[i].port;
	return 0;
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_one_of(char c, const char *set)
{
	while (*set != '\0' && *set != c)
		set++;
	return *set != '\0';
}

/* Bytes from the beginning of c that may stand in a URI as they are: reserved, unreserved, and '%' (a lone one stays, as aria2
 * and browsers have it). */
static size_t plain_run(struct cut c)
{
	size_t n = 0;

	while (n < c.len && (is_alpha(c.base[n]) || is_digit(c.base[n]) || is_one_of(c.base[n], "/.-_~:?=&%+,;@#[]!$'()*")))
		n++;
	return n;
}

static bool is_ascii(struct cut c)
{
	size_t i;

	for (i = 0; i < c.len; i++)
		if ((unsigned char)c.base[i] >= 0x80)
			return false;
	return true;
}

static size_t scheme_len(const char *s, size_t n)
{
	size_t i;

	if (n == 0 || !is_alpha(s[0]))
		return 0;
	for (i = 1; i < n; i++)
		if (!is_alpha(s[i]) && !is_digit(s[i]) && s[i] != '+' && s[i] != '-' && s[i] != '.')
			break;
	return i < n && s[i] == ':' ? i : 0;
}

/* Takes the bytes from *pos up to one of `stops`, or the end. */
static struct cut take_until(const char *s, size_t n, size_t *pos, const char *stops)
{
	struct cut c = {s + *pos, 0};

	while (*pos < n && !is_one_of(s[*pos], stops)) {
		(*pos)++;
		c.len++;
	}
	return c;
}

static struct cuts cut_uri(const char *s, size_t n)
{
	struct cuts c = {0};
	size_t pos = 0, len = scheme_len(s, n);

	if (len > 0) {
		c.scheme = (struct cut){s, len};
		pos = len + 1;
	}
	if (n - pos >= 2 && s[pos] == '/' && s[pos + 1] == '/') {
		pos += 2;
		c.authority = take_until(s, n, &pos, "/?#");
	}
	c.path = take_until(s, n, &pos, "?#");
	if (pos < n && s[pos] == '?') {
		pos++;
		c.query = take_until(s, n, &pos, "#");
	}
	if (pos < n) {
		pos++;
		c.fragment = (struct cut){s + pos, n - pos};
	}
	return c;
}

/* The last '@' ends the userinfo, as in browsers: a password may hold an '@' that nobody encoded. */
static struct authority cut_authority(struct cut a)
{
	struct authority ret = {0};
	const char *at = a.len > 0 ? memrchr(a.base, '@', a.len) : NULL;
	const char *host = a.base, *end = a.base + a.len, *colon;

	if (at != NULL) {
		ret.userinfo = (struct cut){a.base, (size_t)(at - a.base)};
		host = at + 1;
	}
	if (host < end && *host == '[') {
		const char *close = memchr(host, ']', (size_t)(end - host));

		ret.bracketed = close != NULL;
		colon = close == NULL || close + 1 == end ? NULL : close + 1;
	} else {
		colon = memchr(host, ':', (size_t)(end - host));
	}
	ret.host = (struct cut){host, (size_t)((colon != NULL ? colon : end) - host)};
	if (colon != NULL)
		ret.port = (struct cut){colon, (size_t)(end - colon)};
	return ret;
}

/* With unsafe bytes encoded. */
static void put_encoded(struct buf *b, struct cut c)
{
	while (c.len > 0) {
		size_t n = plain_run(c);

		buf_add(b, c.base, n);
		if (n < c.len)
			buf_addf(b, "%%%02X", (unsigned char)c.base[n++]);
		c.base += n;
		c.len -= n;
	}
}

/* What is in b, malloc'd, NULL when that was longer than b may be. */
static char *take_whole(struct buf *b)
{
	if (b->err == 0)
		return buf_take(b);
	buf_free(b);
	return NULL;
}

/* malloc'd with unsafe bytes encoded, NULL when that is longer than URI_MAX. */
static char *encode(struct cut c, const char *prefix)
{
	struct buf b;

	buf_init(&b, URI_MAX);
	buf_adds(&b, prefix);
	put_encoded(&b, c);
	return take_whole(&b);
}

static char *lower(struct cut c)
{
	char *s = xmalloc(c.len + 1);
	size_t i;

	for (i = 0; i < c.len; i++)
		s[i] = (char)(c.base[i] >= 'A' && c.base[i] <= 'Z' ? c.base[i] + ('a' - 'A') : c.base[i]);
	s[c.len] = '\0';
	return s;
}

static int fail_long(struct fail *f)
{
	return fail_set(f, ERR_BAD_URI, "The URI is longer than %d bytes.", URI_MAX);
}

static int fail_host(struct fail *f, const char *why, struct cut host)
{
	char safe[80];

	return fail_set(f, ERR_BAD_URI, "%s: %s", why, str_safe(host.base, host.len, safe, sizeof(safe)));
}

/* Percent-decoded; NULL for control characters, which no authentication scheme can carry (RFC 7617 2). */
static char *decode_user(struct cut c)
{
	char *s = xmalloc(c.len + 1);
	size_t n = str_pct_decode(c.base, c.len, s);

	if (!str_has_ctl(s, n))
		return s;
	free(s);
	return NULL;
}

static int parse_userinfo(struct cut c, struct uri *u, struct fail *f)
{
	const char *colon;

	if (c.base == NULL)
		return 0;
	colon = memchr(c.base, ':', c.len);
	u->user = decode_user((struct cut){c.base, colon != NULL ? (size_t)(colon - c.base) : c.len});
	if (u->user == NULL)
		return fail_set(f, ERR_BAD_URI, "The URI's user name holds control characters.");
	if (colon == NULL)
		return 0;
	u->passwd = decode_user((struct cut){colon + 1, (size_t)(c.base + c.len - colon - 1)});
	if (u->passwd == NULL)
		return fail_set(f, ERR_BAD_URI, "The URI's password holds control characters.");
	return 0;
}

/* The last label decides whether getaddrinfo would take the host for a number ("127.1", "0x7f000001", "2130706433").
 * Such hosts must be plain dotted quads, or every check of an address by its text could be walked around. */
static bool is_numeric_host(const char *host)
{
	size_t n = strlen(host), start;
	const char *label;

	if (n > 0 && host[n - 1] == '.')
		n--;
	for (start = n; start > 0 && host[start - 1] != '.'; start--)
		;
	label = host + start;
	n -= start;
	if (n > 1 && label[0] == '0' && label[1] == 'x')
		return strspn(label + 2, "0123456789abcdef") >= n - 2;
	return n > 0 && strspn(label, "0123456789") >= n;
}

/* An ASCII lower case name: letters, digits, '-', '_', in labels of 1 to 63, at most one dot at the end. */
static bool is_host_name(const char *host)
{
	size_t n = strlen(host), label = 0, i;

	if (n > 0 && host[n - 1] == '.')
		n--;
	if (n == 0 || n > HOST_MAX)
		return false;
	for (i = 0; i <= n; i++) {
		if (i == n || host[i] == '.') {
			if (label == 0 || label > LABEL_MAX)
				return false;
			label = 0;
			continue;
		}
		if (!(host[i] >= 'a' && host[i] <= 'z') && !is_digit(host[i]) && host[i] != '-' && host[i] != '_')
			return false;
		label++;
	}
	return true;
}

/* malloc'd xn-- form of a name that is not all ASCII (RFC 5891, UTS 46 non-transitional); NULL when it has none. */
static char *idn_to_ascii(const char *name)
{
	uint8_t *ascii = NULL;
	char *ret;

	if (idn2_lookup_u8((const uint8_t *)name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return NULL;
	ret = lower((struct cut){(char *)ascii, strlen((char *)ascii)});
	idn2_free(ascii);
	return ret;
}

static int parse_name(struct cut c, struct uri *u, struct fail *f)
{
	struct in_addr addr;

	if (c.len == 0)
		return fail_set(f, ERR_BAD_URI, "The URI names no host.");
	/* 4 bytes a character of a full-length name; NUL would end the text that libidn2 sees. */
	if (c.len > 4 * HOST_MAX || memchr(c.base, '\0', c.len) != NULL)
		return fail_host(f, "The URI's host is no host name", c);
	u->host = lower(c);
	if (!is_ascii(c)) {
		char *ascii = idn_to_ascii(u->host);

		if (ascii == NULL)
			return fail_host(f, "The URI's host is no international name", c);
		free(u->host);
		u->host = ascii;
	}
	if (!is_host_name(u->host))
		return fail_host(f, "The URI's host is no host name", c);
	if (is_numeric_host(u->host) && inet_pton(AF_INET, u->host, &addr) != 1)
		return fail_host(f, "The URI's host is no IPv4 address", c);
	return 0;
}

/* The canonical text of the address, so that equal ones compare equal. */
static int parse_ipv6(struct cut c, struct uri *u, struct fail *f)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr addr;

	if (c.len - 2 >= sizeof(text))
		return fail_host(f, "The URI's host is no IPv6 address", c);
	memcpy(text, c.base + 1, c.len - 2);
	text[c.len - 2] = '\0';
	if (strlen(text) != c.len - 2 || inet_pton(AF_INET6, text, &addr) != 1)
		return fail_host(f, "The URI's host is no IPv6 address", c);
	inet_ntop(AF_INET6, &addr, text, sizeof(text));
	u->host = xstrdup(text);
	u->ipv6 = true;
	return 0;
}

/* c: from the ':' on. Nothing behind it means the default (RFC 3986 3.2.3). */
static int parse_port(struct cut c, struct uri *u, struct fail *f)
{
	uint64_t port;

	u->port = default_port(u->scheme);
	if (c.base == NULL || (c.len == 1 && c.base[0] == ':'))
		return 0;
	if (c.base[0] != ':' || str_to_u64(c.base + 1, c.len - 1, &port) != 0 || port < 1 || port > 65535)
		return fail_host(f, "The URI's port is no number from 1 to 65535", c);
	u->port = (uint16_t)port;
	return 0;
}

static int parse_authority(struct cut c, struct uri *u, struct fail *f)
{
	struct authority a = cut_authority(c);
	int err = parse_userinfo(a.userinfo, u, f);

	if (err == 0)
		err = a.bracketed ? parse_ipv6(a.host, u, f) : parse_name(a.host, u, f);
	if (err == 0)
		err = parse_port(a.port, u, f);
	return err;
}

static int set_query_fragment(const struct cuts *c, struct uri *u)
{
	if (c->query.base != NULL) {
		u->query = encode(c->query, "");
		if (u->query == NULL)
			return ERR_BAD_URI;
	}
	if (c->fragment.base != NULL) {
		u->fragment = encode(c->fragment, "");
		if (u->fragment == NULL)
			return ERR_BAD_URI;
	}
	return 0;
}

/* RFC 3986 5.2.4 in place; path begins with '/'. A segment of "%2e" counts as "." as in browsers: servers decode it. */
static void remove_dots(char *path)
{
	char *in = path, *out = path;

	while (*in != '\0') {
		size_t n = strcspn(in + 1, "/"); /* the segment behind the slash */
		char plain[8] = "";
		bool last = in[1 + n] == '\0';

		if (n <= 6)
			str_pct_decode(in + 1, n, plain);
		if (strcmp(plain, "..") == 0) {
			while (out > path && *--out != '/')
				;
		}
		if (strcmp(plain, ".") == 0 || strcmp(plain, "..") == 0) {
			if (last)
				*out++ = '/';
		} else {
			memmove(out, in, n + 1);
			out += n + 1;
		}
		in += n + 1;
	}
	*out = '\0';
}

/* Path of a reference without scheme and authority, 5.2.2 and 5.2.3; malloc'd, NULL when too long. */
static char *merge_path(const struct uri *base, struct cut ref)
{
	char *dir, *path;

	if (ref.len == 0)
		return xstrdup(base->path);
	if (ref.base[0] == '/')
		return encode(ref, "");
	dir = xstrndup(base->path, (size_t)(strrchr(base->path, '/') - base->path) + 1);
	path = encode(ref, dir);
	free(dir);
	return path;
}

static int resolve_relative(const struct uri *base, const struct cuts *c, struct uri *u)
{
	u->path = merge_path(base, c->path);
	if (u->path == NULL || set_query_fragment(c, u) != 0)
		return ERR_BAD_URI;
	if (c->path.len == 0 && c->query.base == NULL)
		u->query = xstrdup(base->query);
	u->scheme = xstrdup(base->scheme);
	u->user = xstrdup(base->user);
	u->passwd = xstrdup(base->passwd);
	u->host = xstrdup(base->host);
	u->ipv6 = base->ipv6;
	u->port = base->port;
	return 0;
}

/* *u is zero before; on an error the caller frees what it got. */
static int parse_absolute(const char *text, size_t n, struct uri *u, struct fail *f)
{
	struct cuts c = cut_uri(text, n);
	int err;

	if (c.scheme.base == NULL || c.authority.base == NULL)
		return fail_set(f, ERR_BAD_URI, "This is no URI: it does not begin with a scheme and \"://\".");
	u->scheme = lower(c.scheme);
	if (strcmp(u->scheme, "file") == 0)
		return fail_set(f, ERR_BAD_URI, "file: URIs are not taken.");
	err = parse_authority(c.authority, u, f);
	if (err != 0)
		return err;
	u->path = encode(c.path, c.path.len == 0 ? "/" : "");
	if (u->path == NULL || set_query_fragment(&c, u) != 0)
		return fail_long(f);
	return 0;
}

int uri_parse(const char *text, size_t n, struct uri *ret, struct fail *f)
{
	struct uri u = {0};
	int err;

	if (n > URI_MAX)
		return fail_long(f);
	err = parse_absolute(text, n, &u, f);
	if (err != 0)
		uri_free(&u);
	else
		*ret = u;
	return err;
}

void uri_free(struct uri *u)
{
	free(u->scheme);
	free(u->user);
	free(u->passwd);
	free(u->host);
	free(u->path);
	free(u->query);
	free(u->fragment);
	memset(u, 0, sizeof(*u));
}

char *uri_normalise(const char *text)
{
	size_t n = strlen(text);
	struct cut host, head, rest;
	struct buf b;
	struct uri u;

	if (uri_parse(text, n, &u, NULL) != 0)
		return NULL;
	host = cut_authority(cut_uri(text, n).authority).host;
	head = (struct cut){text, (size_t)(host.base - text)};
	rest = (struct cut){host.base + host.len, n - head.len - host.len};
	buf_init(&b, URI_MAX);
	put_encoded(&b, head);
	if (is_ascii(host))
		buf_add(&b, host.base, host.len);
	else /* it would be no host any more after percent-encoding */
		buf_adds(&b, u.host);
	put_encoded(&b, rest);
	uri_free(&u);
	return take_whole(&b);
}

int uri_resolve(const struct uri *base, const char *text, size_t n, struct uri *ret, struct fail *f)
{
	struct uri u = {0};
	struct cuts c = cut_uri(text, n);
	struct buf b;
	int err;

	if (n > URI_MAX)
		return fail_long(f);
	if (c.scheme.base != NULL) {
		err = parse_absolute(text, n, &u, f);
	} else if (c.authority.base != NULL) {
		buf_init(&b, SIZE_MAX);
		buf_addf(&b, "%s:", base->scheme);
		buf_add(&b, text, n);
		err = parse_absolute(b.data, b.len, &u, f);
		buf_free(&b);
	} else {
		err = resolve_relative(base, &c, &u);
		if (err != 0)
			fail_long(f);
	}
	if (err != 0) {
		uri_free(&u);
		return err;
	}
	remove_dots(u.path);
	*ret = u;
	return 0;
}

void uri_put_hostport(const struct uri *u, struct buf *out)
{
	if (u->ipv6)
		buf_adds(out, "[");
	buf_adds(out, u->host);
	if (u->ipv6)
		buf_adds(out, "]");
	if (u->port == default_port(u->scheme))
		return;
	buf_adds(out, ":");
	buf_add_int(out, u->port);
}

char *uri_hostport(const struct uri *u)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	uri_put_hostport(u, &b);
	return buf_take(&b);
}

void uri_put_target(const struct uri *u, struct buf *out)
{
	buf_adds(out, u->path);
	if (u->query == NULL)
		return;
	buf_adds(out, "?");
	buf_adds(out, u->query);
}

char *uri_target(const struct uri *u)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	uri_put_target(u, &b);
	return buf_take(&b);
}

char *uri_text(const struct uri *u)
{
	char *hostport = uri_hostport(u), *target = uri_target(u);
	char *text = xasprintf("%s://%s%s", u->scheme, hostport, target);

	free(hostport);
	free(target);
	return text;
}

/* The text without [*ret_front, *ret_from) holds neither user nor password. */
static void find_login(const char *text, size_t *ret_front, size_t *ret_from)
{
	size_t n = strlen(text);
	struct uri u;
	const char *at;

	if (uri_parse(text, n, &u, NULL) == 0) {
		struct cut a = cut_uri(text, n).authority;

		*ret_front = (size_t)(a.base - text);
		*ret_from = (size_t)(cut_authority(a).host.base - text);
		uri_free(&u);
	} else {
		/* In a text that is no URI a password may stand anywhere before an '@'. */
		at = memrchr(text, '@', n);
		*ret_front = 0;
		*ret_from = at != NULL ? (size_t)(at - text) + 1 : 0;
	}
}

char *uri_without_login(const char *text)
{
	size_t front, from;

	find_login(text, &front, &from);
	return xasprintf("%.*s%s", (int)front, text, text + from);
}

const char *uri_show_short(const char *text, char *buf, size_t size)
{
	size_t front, from, end = strcspn(text, "?#");
	char *s;

	find_login(text, &front, &from);
	if (end < from) /* no URI, and that '@' may be of a query: neither side of it can be shown */
		s = xstrdup("?...");
	else
		s = xasprintf("%.*s%.*s%s", (int)front, text, (int)(end - from), text + from, text[end] == '?' ? "?..." : "");
	str_safe(s, strlen(s), buf, size);
	free(s);
	return buf;
}

bool uri_same_origin(const struct uri *a, const struct uri *b)
{
	return a->port == b->port && strcmp(a->scheme, b->scheme) == 0 && strcmp(a->host, b->host) == 0;
}
