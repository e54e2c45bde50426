/* SPDX-License-Identifier: MIT
 * Values of options: one function for each type that checks a text and gives its normal form, and the further looks
 * that rows of the table ask for.
 */
#include "base/opt_value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cidr.h"
#include "base/hash.h"
#include "base/name.h"
#include "base/str.h"

#define DIGITS "0123456789"
#define BLANKS " \t\n\v\f\r" /* around numbers they are passed over, as strtoll does before them */

/* ---- pieces that several types have ---- */

const char *opt_home(void)
{
	const char *home = getenv("HOME");
	const struct passwd *pw;

	if (home && *home)
		return home;
	pw = getpwuid(getuid());
	return pw ? pw->pw_dir : NULL;
}

const char *opt_size_text(int64_t n, char buf[24])
{
	const char *units = "TGMK";
	int shift = 40;

	for (; *units; units++, shift -= 10) {
		if (n > 0 && n % ((int64_t)1 << shift) == 0) {
			snprintf(buf, 24, "%" PRId64 "%c", n >> shift, *units);
			return buf;
		}
	}
	snprintf(buf, 24, "%" PRId64, n);
	return buf;
}

/* What holds for every text: it ends up in JSON, in logs and in requests. */
static int check_text(const char *val, struct fail *f)
{
	size_t n = strnlen(val, OPT_VALUE_MAX + 1);

	if (n > OPT_VALUE_MAX)
		return fail_set(f, ERR_INVAL, "must not be longer than %d bytes", OPT_VALUE_MAX);
	if (str_has_ctl(val, n))
		return fail_set(f, ERR_INVAL, "must not hold control characters or line ends");
	if (!str_is_utf8(val, n))
		return fail_set(f, ERR_INVAL, "must be valid UTF-8");
	return 0;
}

/* n bytes without the blanks at both ends; the length. */
static size_t trim(const char **s, size_t n)
{
	while (n > 0 && strchr(BLANKS, **s) != NULL) {
		++*s;
		n--;
	}
	while (n > 0 && strchr(BLANKS, (*s)[n - 1]) != NULL)
		n--;
	return n;
}

/* Digits and one of the units (of "KMGT"), n bytes; after the unit "B" or "iB" may stand. aria2 takes any text there, and
 * so "1Kxyz" for 1K; who writes that means something else. 0 or ERR_INVAL. */
static int parse_size(const char *s, size_t n, const char *units, int64_t *ret)
{
	size_t digits;
	const char *unit;
	uint64_t v;

	n = trim(&s, n);
	if (n > 0 && *s == '+') {
		s++;
		n--;
	}
	digits = strspn(s, DIGITS);
	if (digits > n || str_to_u64(s, digits, &v) != 0)
		return ERR_INVAL;
	s += digits;
	n -= digits;
	n = trim(&s, n);
	if (n > 0) {
		unit = memchr(units, *s & ~0x20, strlen(units));
		if (!unit || (n > 1 && !(n == 2 && strncasecmp(s + 1, "B", 1) == 0) &&
				     !(n == 3 && strncasecmp(s + 1, "iB", 2) == 0)))
			return ERR_INVAL;
		if (__builtin_mul_overflow(v, (uint64_t)1 << (10 * (unit - units + 1)), &v))
			return ERR_INVAL;
	}
	if (v > INT64_MAX)
		return ERR_INVAL;
	*ret = (int64_t)v;
	return 0;
}

/* Digits with or without a fraction, n bytes. */
static bool is_fraction(const char *s, size_t n)
{
	size_t whole = strspn(s, DIGITS);
	size_t frac = s[whole] == '.' ? strspn(s + whole + 1, DIGITS) : 0;

	return whole + frac > 0 && whole <= 15 && n <= 32 && n == whole + (s[whole] == '.' ? 1 + frac : 0);
}

/* A port of n digits, 1 to 65535. */
static bool is_port(const char *s, size_t n)
{
	uint64_t v;

	return str_to_u64(s, n, &v) == 0 && v >= 1 && v <= 65535;
}

static bool is_hex(const char *s, size_t n)
{
	return strlen(s) == n && strspn(s, DIGITS "abcdefABCDEF") == n;
}

/* ---- types ---- */

static int norm_bool(const struct opt_def *d, const char *val, char **ret, struct fail *f)
{
	if (!*val && (d->flags & OF_OPTARG))
		val = "true";
	if (strcmp(val, "true") != 0 && strcmp(val, "false") != 0)
		return fail_set(f, ERR_INVAL, "must be true or false");
	*ret = xstrdup(val);
	return 0;
}

static int norm_int(const struct opt_def *d, const char *val, char **ret, struct fail *f)
{
	const char *digits = val + strspn(val, BLANKS);
	char *end;
	long long v;

	digits += *digits == '+' || *digits == '-';
	errno = 0;
	v = strtoll(val, &end, 10);
	if (!strchr(DIGITS, *digits) || !*digits || end[strspn(end, BLANKS)])
		return fail_set(f, ERR_INVAL, "must be a whole number");
	if (errno == ERANGE || v < d->min || v > d->max)
		return fail_set(f, ERR_INVAL, "must be between %" PRId64 " and %" PRId64, d->min, d->max);
	*ret = xasprintf("%lld", v);
	return 0;
}

static int norm_size(const struct opt_def *d, const char *val, char **ret, struct fail *f)
{
	/* What aria2 refuses, aria2's options refuse here too. */
	bool own = d->flags & OF_OWN;
	char min[24], max[24];
	int64_t v;

	if (parse_size(val, strlen(val), own ? "KMGT" : "KM", &v) != 0)
		return fail_set(f, ERR_INVAL, "must be a number of bytes, or one with %s, such as 500K or 20M",
			own ? "K, M, G or T" : "K or M");
	if (v < d->min && d->max == INT64_MAX)
		return fail_set(f, ERR_INVAL, "must be %s or more", opt_size_text(d->min, min));
	if (v < d->min || v > d->max)
		return fail_set(f, ERR_INVAL, "must be between %s and %s", opt_size_text(d->min, min),
			opt_size_text(d->max, max));
	*ret = xasprintf("%" PRId64, v);
	return 0;
}

/* Empty stays empty, as in aria2. */
static int norm_float(const struct opt_def *d, const char *val, char **ret, struct fail *f)
{
	size_t n = trim(&val, strlen(val));

	(void)d;
	if (n > 0 && !is_fraction(val, n))
		return fail_set(f, ERR_INVAL, "must be a number such as 1.5");
	*ret = xstrndup(val, n);
	return 0;
}

/* Index of a word in "a|b|c", or -1. */
static int enum_index(const char *values, const char *val)
{
	size_t n = strlen(val);
	const char *at = values;
	int i = 0;

	for (; n > 0 && at; i++) {
		size_t len = strcspn(at, "|");

		if (len == n && strncmp(at, val, n) == 0)
			return i;
		at = at[len] ? at + len + 1 : NULL;
	}
	return -1;
}

static int norm_enum(const struct opt_def *d, const char *val, char **ret, struct fail *f)
{
	char list[120];
	size_t n = 0;

	if (enum_index(d->values, val) >= 0) {
		*ret = xstrdup(val);
		return 0;
	}
	for (const char *p = d->values; *p && n + 3 < sizeof(list); p++) {
		list[n++] = *p == '|' ? ',' : *p;
		if (*p == '|')
			list[n++] = ' ';
	}
	list[n] = '\0';
	return fail_set(f, ERR_INVAL, "must be one of %s", list);
}

static int norm_text(const struct opt_def *d, const char *val, char **ret, struct fail *f)
{
	int err = check_text(val, f);

	(void)d;
	if (err == 0)
		*ret = xstrdup(val);
	return err;
}

static int norm_path(const struct opt_def *d, const char *val, char **ret, struct fail *f)
{
	static const char var[] = "${HOME}";
	const char *home, *at;
	char *text, *next;
	int err = check_text(val, f);

	(void)d;
	if (err != 0)
		return err;
	text = xstrdup(val);
	home = strstr(text, var) ? opt_home() : NULL;
	/* Each round goes on behind what was put in, so a HOME that holds the text "${HOME}" does no harm. */
	for (size_t from = 0; home && (at = strstr(text + from, var)) != NULL;) {
		size_t before = (size_t)(at - text);

		next = xasprintf("%.*s%s%s", (int)before, text, home, at + sizeof(var) - 1);
		free(text);
		text = next;
		from = before + strlen(home);
	}
	err = home ? check_text(text, f) : 0;
	if (err != 0)
		free(text);
	else
		*ret = text;
	return err;
}

/* HOST[:PORT] of n bytes, IPv6 addresses in brackets; *ret_host: length without the port. */
static bool is_host_port(const char *s, size_t n, size_t *ret_host)
{
	const char *end = s + n, *port;
	char addr[INET6_ADDRSTRLEN] = "";
	struct in6_addr in6;

	if (n > 0 && *s == '[') {
		const char *close = memchr(s, ']', n);

		if (!close || (size_t)(close - s - 1) >= sizeof(addr))
			return false;
		memcpy(addr, s + 1, (size_t)(close - s - 1));
		if (inet_pton(AF_INET6, addr, &in6) != 1)
			return false;
		port = close + 1;
	} else {
		port = memchr(s, ':', n);
		if (!port)
			port = end;
		for (const char *p = s; p < port; p++) {
			if ((unsigned char)*p <= ' ' || strchr("/?#@[]\\\"<>^`{|}%", *p))
				return false;
		}
	}
	*ret_host = (size_t)(port - s);
	return port > s && (port == end || (*port == ':' && is_port(port + 1, (size_t)(end - port - 1))));
}

/* [SCHEME://][USER[:PASSWORD]@]HOST[:PORT][/...]: aria2 takes http, https and ftp and makes http of each. Who
 * writes https:// wants TLS on the way to the proxy; without it the login would go there in clear. */
static int norm_proxy(const struct opt_def *d, const char *val, char **ret, struct fail *f)
{
	static const struct {
		const char *given, *scheme;
	} schemes[] = {
		{"http://", "http"},
		{"ftp://", "http"},
		{"socks5://", "socks5"},
		{"socks5h://", "socks5h"},
	};
	const char *scheme = "http";
	const char *s = val, *at;
	size_t n, user = 0, host;
	int err = check_text(val, f);

	(void)d;
	if (err != 0)
		return err;
	if (!*val) {
		*ret = xstrdup("");
		return 0;
	}
	if (strncasecmp(val, "https://", 8) == 0)
		return fail_set(f, ERR_INVAL,
			"must not begin with https://: proxies are not asked over TLS, a login would go there in clear");
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strncasecmp(val, schemes[i].given, strlen(schemes[i].given)) == 0) {
			s = val + strlen(schemes[i].given);
			scheme = schemes[i].scheme;
		}
	}
	n = strcspn(s, "/?#");
	at = memrchr(s, '@', n);
	if (at)
		user = (size_t)(at - s) + 1;
	if (!is_host_port(s + user, n - user, &host) || memchr(s, ' ', n))
		return fail_set(f, ERR_INVAL, "must be [http://|socks5://|socks5h://][USER:PASSWORD@]HOST[:PORT]");
	if (*scheme == 'h' && n - user - host == 3 && strncmp(s + user + host, ":80", 3) == 0)
		n = user + host;
	*ret = xasprintf("%s://%.*s/", scheme, (int)n, s);
	return 0;
}

static int norm_checksum(const struct opt_def *d, const char *val, char **ret, struct fail *f)
{
	unsigned char digest[HASH_MAX];
	char type[8];
	size_t len;

	(void)d;
	if (hash_parse(val, type, digest, &len) != 0)
		return fail_set(f, ERR_INVAL,
			"must be TYPE=HEX of the right length; types: sha-1, sha-224, sha-256, sha-384, "
			"sha-512, md5, adler32");
	*ret = xstrdup(val);
	return 0;
}

/* true, false, or A:B. */
static int norm_slots(const struct opt_def *d, const char *val, char **ret, struct fail *f)
{
	const char *colon = strchr(val, ':');
	bool ok;

	(void)d;
	if (!*val || strcmp(val, "5:25") == 0) { /* what true stands for; aria2 shows it so */
		*ret = xstrdup("true");
		return 0;
	}
	if (colon)
		ok = is_fraction(val, (size_t)(colon - val)) && is_fraction(colon + 1, strlen(colon + 1));
	else
		ok = strcmp(val, "true") == 0 || strcmp(val, "false") == 0;
	if (!ok)
		return fail_set(f, ERR_INVAL, "must be true, false or A:B with two numbers");
	*ret = xstrdup(val);
	return 0;
}

static int norm_gid(const struct opt_def *d, const char *val, char **ret, struct fail *f)
{
	uint64_t gid;
	char text[17];

	(void)d;
	if (strlen(val) != 16 || str_hex_to_u64(val, 16, &gid) != 0 || gid == 0)
		return fail_set(f, ERR_INVAL, "must be 16 hex digits, not all zero");
	str_from_gid(gid, text);
	*ret = xstrdup(text);
	return 0;
}

/* ---- further looks ---- */

/* RFC 9110 5.1: the name is a token. What follows was checked for control characters already. */
int opt_check_header(const struct opt_def *d, const char *val, struct fail *f)
{
	size_t n = strspn(val, DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&'*+-.^_`|~");

	(void)d;
	if (n == 0 || val[n] != ':')
		return fail_set(f, ERR_INVAL, "must be \"Name: value\"");
	return 0;
}

int opt_check_index_path(const struct opt_def *d, const char *val, struct fail *f)
{
	size_t n = strspn(val, DIGITS);

	(void)d;
	if (n == 0 || n > 9 || val[n] != '=' || !val[n + 1])
		return fail_set(f, ERR_INVAL, "must be INDEX=PATH");
	return 0;
}

int opt_check_resolve(const struct opt_def *d, const char *val, struct fail *f)
{
	const char *port = *val == '[' ? strstr(val, "]:") : strchr(val, ':');
	const char *addr = NULL;
	char text[INET6_ADDRSTRLEN + 2] = "";
	struct in6_addr in;
	size_t n;

	(void)d;
	if (port && port > val) {
		port += *port == ']' ? 2 : 1;
		addr = strchr(port, ':');
	}
	if (addr && is_port(port, (size_t)(addr - port))) {
		addr++;
		n = strlen(addr);
		if (n > 2 && addr[0] == '[' && addr[n - 1] == ']') {
			addr++;
			n -= 2;
		}
		if (n < sizeof(text))
			memcpy(text, addr, n);
		if (inet_pton(AF_INET, text, &in) == 1 || inet_pton(AF_INET6, text, &in) == 1)
			return 0;
	}
	return fail_set(f, ERR_INVAL, "must be HOST:PORT:ADDRESS");
}

int opt_check_host_port(const struct opt_def *d, const char *val, struct fail *f)
{
	size_t n = strlen(val), host;

	(void)d;
	if (!is_host_port(val, n, &host) || host == n)
		return fail_set(f, ERR_INVAL, "must be HOST:PORT");
	return 0;
}

#define CONGESTION_MAX 15 /* TCP_CA_NAME_MAX of the kernel, less the zero */

int opt_check_congestion(const struct opt_def *d, const char *val, struct fail *f)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	(void)d;
	if (strlen(val) > CONGESTION_MAX || val[strspn(val, letters)] != '\0')
		return fail_set(f, ERR_INVAL, "must be the name of a congestion control: 15 letters and digits at most");
	return 0;
}

int opt_check_cidrs(const struct opt_def *d, const char *val, struct fail *f)
{
	struct cidr c;

	(void)d;
	for (size_t n; *val; val += n + (val[n] != '\0')) {
		n = strcspn(val, ",");
		if (cidr_parse(val, n, &c) < 0)
			return fail_set(f, ERR_INVAL, "must be addresses such as 192.0.2.1,10.0.0.0/8,fd00::/8");
	}
	return 0;
}

int opt_check_hosts(const struct opt_def *d, const char *val, struct fail *f)
{
	static const char name[] = DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.";

	(void)d;
	for (const char *p = val; *p;) {
		size_t n = strspn(p, " "), m = strspn(p + n, name), end = n + m + strspn(p + n + m, " ");

		if (m == 0 || (p[end] != ',' && p[end] != '\0') || (p[end] == ',' && p[end + 1] == '\0'))
			return fail_set(f, ERR_INVAL, "must be names such as nas.example.org,files, without scheme and port");
		p += end + (p[end] == ',');
	}
	return 0;
}

int opt_check_not_empty(const struct opt_def *d, const char *val, struct fail *f)
{
	(void)d;
	return *val ? 0 : fail_set(f, ERR_INVAL, "must not be empty");
}

int opt_check_absolute(const struct opt_def *d, const char *val, struct fail *f)
{
	const char *up = strstr(val, "/..");

	(void)d;
	while (up && up[3] != '/' && up[3] != '\0')
		up = strstr(up + 1, "/..");
	return *val == '/' && !up ? 0 : fail_set(f, ERR_INVAL, "must be a path from / on, without ..");
}

int opt_check_ranges(const struct opt_def *d, const char *val, struct fail *f)
{
	const char *p = val;

	while (*p) {
		size_t n = strspn(p, DIGITS), m = n;
		uint64_t from, to;

		if (str_to_u64(p, n, &from) != 0)
			break;
		to = from;
		if (p[n] == '-') {
			m = n + 1 + strspn(p + n + 1, DIGITS);
			if (str_to_u64(p + n + 1, m - n - 1, &to) != 0)
				break;
		}
		if (from < (uint64_t)d->min || to > (uint64_t)d->max || from > to)
			return fail_set(
				f, ERR_INVAL, "must be numbers between %" PRId64 " and %" PRId64, d->min, d->max);
		p += m;
		if (!*p)
			return 0;
		if (*p++ != ',')
			break;
	}
	return *val ? fail_set(f, ERR_INVAL, "must be numbers and ranges such as 1,3-6") : 0;
}

int opt_check_key_digest(const struct opt_def *d, const char *val, struct fail *f)
{
	(void)d;
	if (*val && !(strncmp(val, "sha-1=", 6) == 0 && is_hex(val + 6, 40)) &&
		!(strncmp(val, "md5=", 4) == 0 && is_hex(val + 4, 32)))
		return fail_set(f, ERR_INVAL, "must be sha-1=HEX or md5=HEX of the right length");
	return 0;
}

int opt_check_head_tail(const struct opt_def *d, const char *val, struct fail *f)
{
	(void)d;
	for (const char *p = val; *p;) {
		size_t n = strcspn(p, ",");
		int64_t size;

		if ((strncmp(p, "head", 4) != 0 && strncmp(p, "tail", 4) != 0) ||
			(n > 4 && (p[4] != '=' || parse_size(p + 5, n - 5, "KM", &size) != 0)))
			return fail_set(f, ERR_INVAL, "must be head[=SIZE],tail[=SIZE]");
		p += n;
		if (*p == ',' && p[1])
			p++;
		else if (*p)
			return fail_set(f, ERR_INVAL, "must be head[=SIZE],tail[=SIZE]");
	}
	return 0;
}

int opt_check_out(const struct opt_def *d, const char *val, struct fail *f)
{
	(void)d;
	return name_check_out(val, f);
}

/* ---- all types ---- */

int opt_normalise(const struct opt_def *d, const char *val, char **ret, struct fail *f)
{
	static int (*const norm[])(const struct opt_def *, const char *, char **, struct fail *) = {
		[OT_BOOL] = norm_bool,
		[OT_INT] = norm_int,
		[OT_SIZE] = norm_size,
		[OT_FLOAT] = norm_float,
		[OT_ENUM] = norm_enum,
		[OT_STR] = norm_text,
		[OT_PATH] = norm_path,
		[OT_LIST] = norm_text,
		[OT_PROXY] = norm_proxy,
		[OT_CHECKSUM] = norm_checksum,
		[OT_GID] = norm_gid,
		[OT_SLOTS] = norm_slots,
	};
	char *text = NULL;
	int err = norm[d->type](d, val, &text, f);

	if (err == 0 && d->check)
		err = d->check(d, text, f);
	if (err != 0)
		free(text);
	else
		*ret = text;
	return err;
}

int64_t opt_number(const struct opt_def *d, const char *normal)
{
	switch (d->type) {
	case OT_BOOL:
		return normal[0] == 't';
	case OT_INT:
	case OT_SIZE:
	case OT_FLOAT:
		return strtoll(normal, NULL, 10);
	case OT_ENUM:
		return enum_index(d->values, normal);
	default:
		return 0;
	}
}
