/* SPDX-License-Identifier: MIT
 * Kinds of addresses, and who may lead to them.
 */
#include "net/zone.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cidr.h"
#include "base/str.h"
#include "net/net_internal.h"
#include "net/resolve.h"
#include "net/sock.h"

#define ADVICE "; whoever runs hauld can open it with allow-address"

struct cidr_list {
	struct cidr *v;
	size_t n;
};

struct zone_rules {
	struct cidr_list allow, deny;
};

/* The first row that has an address counts. IANA's special-purpose address registries. */
static const struct {
	const char *block;
	enum zone zone;
} kinds[] = {
	{"0.0.0.0/8", ZONE_LOCAL}, /* Linux connects to itself */
	{"127.0.0.0/8", ZONE_LOCAL},
	{"::/127", ZONE_LOCAL}, /* unspecified, loopback */
	{"10.0.0.0/8", ZONE_PRIVATE},
	{"172.16.0.0/12", ZONE_PRIVATE},
	{"192.168.0.0/16", ZONE_PRIVATE},
	{"100.64.0.0/10", ZONE_PRIVATE},
	{"192.0.0.0/24", ZONE_PRIVATE},
	{"198.18.0.0/15", ZONE_PRIVATE},
	{"fc00::/7", ZONE_PRIVATE},
	{"fec0::/10", ZONE_PRIVATE},
	{"64:ff9b:1::/48", ZONE_PRIVATE},
	{"169.254.0.0/16", ZONE_NEVER},
	{"224.0.0.0/3", ZONE_NEVER},
	{"fe80::/10", ZONE_NEVER},
	{"ff00::/8", ZONE_NEVER},
};

/* Blocks whose addresses carry an IPv4 one, at that byte. v4-mapped is what this file calculates with. */
static const struct {
	const char *block;
	unsigned at;
} carriers[] = {
	{"::/96", 12},
	{"64:ff9b::/96", 12},
	{"2002::/16", 2},
};

static const char *const words[] = {
	[ZONE_LOCAL] = "this machine's own",
	[ZONE_PRIVATE] = "of a private network",
	[ZONE_PUBLIC] = "public",
	[ZONE_NEVER] = "link-local, multicast or reserved",
};

static bool in_block(const char *block, const unsigned char a[16])
{
	struct cidr c;

	return cidr_parse(block, strlen(block), &c) == 0 && cidr_has(&c, a);
}

static void unwrap(unsigned char a[16])
{
	unsigned char v4[4];

	for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++) {
		if (!in_block(carriers[i].block, a) || in_block("::/127", a))
			continue;
		memcpy(v4, a + carriers[i].at, sizeof(v4));
		memset(a, 0, 10);
		memset(a + 10, 0xff, 2);
		memcpy(a + 12, v4, sizeof(v4));
		return;
	}
}

/* false: no IP address. */
static bool bytes_of(const struct sockaddr *sa, unsigned char ret[16])
{
	if (sa->sa_family == AF_INET6) {
		memcpy(ret, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
		unwrap(ret);
		return true;
	}
	memset(ret, 0, 10);
	memset(ret + 10, 0xff, 2);
	memcpy(ret + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	return sa->sa_family == AF_INET;
}

static enum zone zone_of_bytes(const unsigned char a[16])
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (in_block(kinds[i].block, a))
			return kinds[i].zone;
	return ZONE_PUBLIC;
}

enum zone zone_of(const struct sockaddr *sa)
{
	unsigned char a[16];

	return bytes_of(sa, a) ? zone_of_bytes(a) : ZONE_PUBLIC;
}

/* A number, in any form: no name server is asked. */
static bool literal(const char *host, struct sockaddr_storage *ret)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
	struct addrinfo *ai;
	size_t n = strlen(host);
	char *plain = xstrndup(host, n > 0 && host[n - 1] == '.' ? n - 1 : n);
	bool ok = getaddrinfo(plain, NULL, &hints, &ai) == 0;

	free(plain);
	if (!ok)
		return false;
	memcpy(ret, ai->ai_addr, ai->ai_addrlen);
	freeaddrinfo(ai);
	return true;
}

bool zone_is_localhost(const char *host)
{
	size_t n = strlen(host), len = strlen("localhost");

	if (n > 0 && host[n - 1] == '.')
		n--;
	return n >= len && strncasecmp(host + n - len, "localhost", len) == 0 && (n == len || host[n - len - 1] == '.');
}

enum zone zone_of_name(const char *host)
{
	struct sockaddr_storage ss;

	if (zone_is_localhost(host))
		return ZONE_LOCAL;
	return literal(host, &ss) ? zone_of((const struct sockaddr *)&ss) : ZONE_PUBLIC;
}

/* ---- this daemon's own ports ---- */

static uint16_t port_of(const struct sockaddr *sa)
{
	const struct sockaddr_in6 *in6 = (const void *)sa;
	const struct sockaddr_in *in = (const void *)sa;

	return ntohs(sa->sa_family == AF_INET6 ? in6->sin6_port : in->sin_port);
}

static bool of_this_machine(const unsigned char a[16])
{
	struct ifaddrs *all, *i;
	unsigned char own[16];
	bool found = false;

	if (zone_of_bytes(a) == ZONE_LOCAL || getifaddrs(&all) != 0)
		return zone_of_bytes(a) == ZONE_LOCAL;
	for (i = all; i != NULL && !found; i = i->ifa_next)
		found = i->ifa_addr != NULL && bytes_of(i->ifa_addr, own) && memcmp(own, a, sizeof(own)) == 0;
	freeifaddrs(all);
	return found;
}

static bool leads_to(const struct own_port *o, const unsigned char a[16])
{
	static const unsigned char any4[16] = {[10] = 0xff, [11] = 0xff}, any6[16];
	unsigned char b[16];

	if (!bytes_of((const struct sockaddr *)&o->at, b))
		return false;
	if (memcmp(b, any4, sizeof(b)) == 0 || memcmp(b, any6, sizeof(b)) == 0)
		return of_this_machine(a);
	return memcmp(a, b, sizeof(b)) == 0 || (zone_of_bytes(a) == ZONE_LOCAL && zone_of_bytes(b) == ZONE_LOCAL);
}

static bool is_own_port(const struct net *n, const unsigned char a[16], uint16_t port)
{
	const struct own_port *o;

	LIST_FOREACH(o, &n->own_ports, link)
		if (port_of((const struct sockaddr *)&o->at) == port && leads_to(o, a))
			return true;
	return false;
}

/* ---- rules ---- */

static bool listed(const struct cidr_list *l, const unsigned char a[16])
{
	for (size_t i = 0; i < l->n; i++)
		if (cidr_has(&l->v[i], a))
			return true;
	return false;
}

/* "mirror.example at 10.9.8.7:80", or the address alone where the URI named it. */
static void target_text(const char *host, const struct sockaddr *sa, char *buf, size_t size)
{
	char shown[128], name[SOCK_NAME_MAX];
	size_t len = strlen(host);

	str_safe(host, len, shown, sizeof(shown));
	sock_addr_text(sa, name);
	if (strncmp(name + (name[0] == '['), host, len) == 0)
		snprintf(buf, size, "%s", name);
	else
		snprintf(buf, size, "%s at %s", shown, name);
}

int zone_check(const struct net *n, const char *host, const struct sockaddr *sa, enum zone from, struct fail *f)
{
	char target[128 + SOCK_NAME_MAX + 4];
	unsigned char a[16];
	enum zone to;

	if (!bytes_of(sa, a))
		return 0;
	to = zone_of_bytes(a);
	target_text(host, sa, target, sizeof(target));
	if (is_own_port(n, a, port_of(sa)))
		return fail_set(f, ERR_DENIED, "%s, where hauld itself serves its RPC, is never asked", target);
	if (listed(&n->zones->allow, a))
		return 0;
	if (listed(&n->zones->deny, a))
		return fail_set(f, ERR_DENIED, "%s is forbidden by deny-address", target);
	if (to == ZONE_NEVER)
		return fail_set(f, ERR_DENIED, "%s is %s: not asked" ADVICE, target, words[to]);
	if (to < from)
		return fail_set(f, ERR_DENIED,
			"A redirect leads to %s, an address that is %s, from one that is %s: not followed" ADVICE, target,
			words[to], words[from]);
	return 0;
}

int zone_check_name(const struct net *n, const char *host, uint16_t port, enum zone from, struct fail *f)
{
	struct sockaddr_storage ss = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;

	if (zone_is_localhost(host)) {
		in->sin_family = AF_INET;
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	} else if (!literal(host, &ss)) {
		return 0;
	}
	in->sin_port = htons(port); /* at the same place in both families */
	return zone_check(n, host, (const struct sockaddr *)&ss, from, f);
}

int zone_filter(const struct net *n, const char *host, struct addrs *a, enum zone from, struct fail *f)
{
	struct fail why, first = {0};
	unsigned kept = 0;

	for (unsigned i = 0; i < a->n; i++) {
		if (zone_check(n, host, (const struct sockaddr *)&a->a[i], from, &why) == 0)
			a->a[kept++] = a->a[i];
		else if (first.code == 0)
			first = why;
	}
	a->n = kept;
	if (kept > 0)
		return 0;
	*f = first;
	return first.code;
}

/* Elements are parted by line ends or commas; the option table has checked them. */
static struct cidr_list parse_list(const char *text)
{
	struct cidr_list l = {0};

	for (size_t n; text != NULL && *text != '\0'; text += n + (text[n] != '\0')) {
		n = strcspn(text, "\n,");
		l.v = xrealloc(l.v, (l.n + 1) * sizeof(*l.v));
		if (cidr_parse(text, n, &l.v[l.n]) == 0)
			l.n++;
	}
	return l;
}

struct zone_rules *zone_rules_new(const struct net_conf *c)
{
	struct zone_rules *r = xcalloc(1, sizeof(*r));

	r->allow = parse_list(c->allow_address);
	r->deny = parse_list(c->deny_address);
	return r;
}

void zone_rules_free(struct zone_rules *r)
{
	free(r->allow.v);
	free(r->deny.v);
	free(r);
}
