/* SPDX-License-Identifier: MIT
 * Resolver: getaddrinfo (net/lookup.h) with a cache in front. getaddrinfo tells no TTL, so good answers are kept for a minute and
 * bad ones for two seconds, enough to make the connections of one job ask once.
 */
#include "net/resolve.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>

#include "base/obj.h"
#include "base/str.h"
#include "ev/loop.h"
#include "net/lookup.h"
#include "net/net_internal.h"
#include "net/zone.h"

#define CACHE_MAX 512
#define GOOD_MS	  60000
#define BAD_MS	  2000

TAILQ_HEAD(resolve_list, resolve);

struct entry {
	char *host; /* lower case */
	struct resolver *resolver;
	struct lookup *lookup; /* under way, or NULL: then the rest is the answer */
	int err;
	struct fail fail;
	struct addrs addrs; /* ports 0 */
	uint64_t expires;
	struct resolve_list waiting;
	UT_hash_handle hh;
};

struct override {
	char *host;
	uint16_t port; /* 0: any */
	struct sockaddr_storage addr;
};

struct resolver {
	OBJ(RESOLVE);
	struct net *net;
	struct lookups *lookups;
	struct entry *cache;
	struct override *overrides;
	size_t n_overrides;
};

struct resolve {
	OBJ(RESOLVE);
	struct resolver *resolver;
	struct entry *entry; /* in whose waiting list it is, or NULL: the answer is here, told at the end of the turn */
	TAILQ_ENTRY(resolve) link;
	struct deferred tell;
	resolve_cb cb;
	void *arg;
	uint16_t port;
	int err;
	struct fail fail;
	struct addrs addrs;
};

static const struct {
	int status;
	const char *text;
} causes[] = {
	{EAI_NONAME, "Name or service not known"},
	{EAI_NODATA, "The name has no address"},
	{EAI_AGAIN, "Temporary failure in name resolution"},
	{EAI_FAIL, "The name server failed"},
};

static const char *cause_text(int status)
{
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (causes[i].status == status)
			return causes[i].text;
	return gai_strerror(status);
}

static int fail_resolve(struct fail *f, int err, const char *host, const char *cause)
{
	return fail_set(f, err, "Name resolution for %.100s failed: %s", host, cause);
}

static void add_addr(struct addrs *a, const struct sockaddr *sa)
{
	size_t len = sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

	if (a->n < RESOLVE_MAX && (sa->sa_family == AF_INET || sa->sa_family == AF_INET6))
		memcpy(&a->a[a->n++], sa, len);
}

static void set_port(struct sockaddr_storage *ss, uint16_t port)
{
	if (ss->ss_family == AF_INET6)
		((struct sockaddr_in6 *)ss)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)ss)->sin_port = htons(port);
}

static int parse_literal(const char *text, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (uv_ip4_addr(text, 0, (struct sockaddr_in *)ret) == 0)
		return 0;
	return uv_ip6_addr(text, 0, (struct sockaddr_in6 *)ret) == 0 ? 0 : ERR_INVAL;
}

/* The request is freed before the callback: the handle is gone then, and the callback may do what it likes. */
static void answer(struct resolve *q, int err, const struct fail *f, struct addrs *a)
{
	resolve_cb cb = q->cb;
	void *arg = q->arg;

	for (unsigned i = 0; i < a->n; i++)
		set_port(&a->a[i], q->port);
	defer_cancel(q->resolver->net->loop, &q->tell);
	OBJ_FREE(q);
	cb(arg, err, f, a);
}

static void on_tell(void *arg)
{
	struct resolve *q = arg;
	struct addrs a;
	struct fail f;

	OBJ_CHECK(q, RESOLVE);
	a = q->addrs;
	f = q->fail;
	answer(q, q->err, &f, &a);
}

static void tell_later(struct resolve *q, int err, const struct fail *f, const struct addrs *a)
{
	q->err = err;
	if (f != NULL)
		q->fail = *f;
	if (a != NULL)
		q->addrs = *a;
	defer(q->resolver->net->loop, &q->tell);
}

static void entry_free(struct resolver *r, struct entry *e)
{
	if (e->lookup != NULL)
		lookup_drop(e->lookup);
	HASH_DEL(r->cache, e);
	free(e->host);
	free(e);
}

static void store_answer(struct entry *e, int status, const struct addrinfo *ai)
{
	e->addrs.n = 0;
	for (const struct addrinfo *i = status == 0 ? ai : NULL; i != NULL; i = i->ai_next)
		add_addr(&e->addrs, i->ai_addr);
	if (status == 0 && e->addrs.n == 0)
		status = EAI_NODATA;
	if (status == 0)
		e->err = 0;
	else
		e->err = fail_resolve(&e->fail, status == EAI_AGAIN ? ERR_NO_NAMES : ERR_RESOLVE, e->host, cause_text(status));
	e->expires = loop_now(e->resolver->net->loop) + (e->err == 0 ? GOOD_MS : BAD_MS);
}

static void on_lookup(void *arg, int status, const struct addrinfo *ai)
{
	struct entry *e = arg;
	struct resolve *q;

	e->lookup = NULL;
	store_answer(e, status, ai);
	/* told later, each on its own: a callback may cancel the others or free the entry */
	while ((q = TAILQ_FIRST(&e->waiting)) != NULL) {
		TAILQ_REMOVE(&e->waiting, q, link);
		q->entry = NULL;
		tell_later(q, e->err, &e->fail, &e->addrs);
	}
}

static void start_lookup(struct entry *e)
{
	struct resolver *r = e->resolver;
	const char *host = zone_is_localhost(e->host) ? "localhost" : e->host;

	e->lookup = lookup_start(r->lookups, host, r->net->conf.no_ipv6 ? AF_INET : AF_UNSPEC, on_lookup, e);
}

/* Insertion order is age: the first that can go is dead or the oldest. */
static void make_room(struct resolver *r)
{
	struct entry *e = r->cache;

	if (HASH_COUNT(r->cache) < CACHE_MAX)
		return;
	while (e != NULL && e->lookup != NULL)
		e = e->hh.next;
	if (e != NULL)
		entry_free(r, e);
}

static struct entry *find_entry(struct resolver *r, const char *host)
{
	struct entry *e;
	char *key = xstrdup(host);

	for (char *c = key; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	HASH_FIND_STR(r->cache, key, e);
	if (e != NULL) {
		free(key);
		return e;
	}
	make_room(r);
	e = xcalloc(1, sizeof(*e));
	e->host = key;
	e->resolver = r;
	TAILQ_INIT(&e->waiting);
	HASH_ADD_KEYPTR(hh, r->cache, e->host, strlen(e->host), e);
	return e;
}

static void ask(struct resolver *r, struct resolve *q, const char *host)
{
	struct entry *e = find_entry(r, host);

	if (e->lookup == NULL && e->expires <= loop_now(r->net->loop))
		start_lookup(e);
	if (e->lookup == NULL) {
		tell_later(q, e->err, &e->fail, &e->addrs);
		return;
	}
	q->entry = e;
	TAILQ_INSERT_TAIL(&e->waiting, q, link);
}

static bool find_override(const struct resolver *r, const char *host, uint16_t port, struct addrs *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < r->n_overrides; i++) {
		const struct override *o = &r->overrides[i];

		if ((o->port == 0 || o->port == port) && strcasecmp(o->host, host) == 0)
			add_addr(ret, (const struct sockaddr *)&o->addr);
	}
	return ret->n > 0;
}

/* One HOST:PORT:ADDR; the option table has checked the form, what is no address is passed over. */
static void add_override(struct resolver *r, char *line)
{
	char *port = strchr(line, ':'), *addr = port != NULL ? strchr(port + 1, ':') : NULL;
	struct override o = {0};
	uint64_t num = 0;
	size_t len;

	if (addr == NULL)
		return;
	*port++ = '\0';
	*addr++ = '\0';
	len = strlen(addr);
	if (addr[0] == '[' && addr[len - 1] == ']') {
		addr[len - 1] = '\0';
		addr++;
	}
	if (parse_literal(addr, &o.addr) != 0 || (str_to_u64(port, strlen(port), &num) != 0 && strcmp(port, "*") != 0))
		return;
	o.host = xstrdup(line);
	o.port = (uint16_t)num;
	r->overrides = xrealloc(r->overrides, (r->n_overrides + 1) * sizeof(o));
	r->overrides[r->n_overrides++] = o;
}

bool resolver_prepare(void)
{
	struct __res_state st = {0};
	bool ok = res_ninit(&st) == 0 || errno != ENOMEM;

	if (ok)
		res_nclose(&st);
	return ok;
}

struct resolver *resolver_new(struct net *n)
{
	struct resolver *r = xcalloc(1, sizeof(*r));
	char *text = xstrdup(n->conf.overrides), *save = NULL;

	OBJ_INIT(r, RESOLVE);
	r->net = n;
	r->lookups = lookups_new(n->loop);
	for (char *l = text != NULL ? strtok_r(text, "\n", &save) : NULL; l != NULL; l = strtok_r(NULL, "\n", &save))
		add_override(r, l);
	free(text);
	return r;
}

void resolver_free(struct resolver *r)
{
	OBJ_CHECK(r, RESOLVE);
	while (r->cache != NULL)
		entry_free(r, r->cache);
	lookups_free(r->lookups);
	for (size_t i = 0; i < r->n_overrides; i++)
		free(r->overrides[i].host);
	free(r->overrides);
	OBJ_FREE(r);
}

struct resolve *resolve_start(struct resolver *r, const char *host, uint16_t port, resolve_cb cb, void *arg)
{
	struct resolve *q = xcalloc(1, sizeof(*q));
	struct addrs a = {0};
	struct fail f;

	OBJ_CHECK(r, RESOLVE);
	OBJ_INIT(q, RESOLVE);
	q->resolver = r;
	q->port = port;
	q->cb = cb;
	q->arg = arg;
	q->tell.cb = on_tell;
	q->tell.arg = q;
	if (find_override(r, host, port, &a)) {
		tell_later(q, 0, NULL, &a);
	} else if (parse_literal(host, &a.a[0]) != 0) {
		ask(r, q, host);
	} else if (a.a[0].ss_family == AF_INET6 && r->net->conf.no_ipv6) {
		tell_later(q, fail_resolve(&f, ERR_RESOLVE, host, "IPv6 is disabled"), &f, NULL);
	} else {
		a.n = 1;
		tell_later(q, 0, NULL, &a);
	}
	return q;
}

/* What nobody waits for any more need not be asked; when it has been, the answer is kept for the next one. */
static void leave(struct resolve *q)
{
	struct entry *e = q->entry;

	TAILQ_REMOVE(&e->waiting, q, link);
	if (!TAILQ_EMPTY(&e->waiting) || !lookup_waits(e->lookup))
		return;
	lookup_drop(e->lookup);
	e->lookup = NULL;
}

void resolve_cancel(struct resolve *q)
{
	if (q == NULL)
		return;
	OBJ_CHECK(q, RESOLVE);
	if (q->entry != NULL)
		leave(q);
	defer_cancel(q->resolver->net->loop, &q->tell);
	OBJ_FREE(q);
}
