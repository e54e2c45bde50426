/* SPDX-License-Identifier: MIT
 * The jar: one table of domains, each with its cookies; every cookie also stands in one list for all, the one not used
 * for longest first.
 */
#include "proto/cookie.h"

#include <arpa/inet.h>
#include <libpsl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include <uthash.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "proto/cookie_parse.h"

#define DOMAIN_MAX  255
#define CHOSEN_MAX  150 /* cookies of one request */

struct site;

struct entry {
	struct cookie c; /* first: cookie_jar_next gives it out */
	uint64_t made;	 /* order of creation, 5.4 step 2 */
	struct site *site;
	TAILQ_ENTRY(entry) in_site, in_all;
};

TAILQ_HEAD(entries, entry);

struct site {
	char *domain;
	unsigned n;
	struct entries cookies; /* the one not used for longest first */
	UT_hash_handle hh;
};

struct cookie_jar {
	psl_ctx_t *psl;
	bool own_psl;
	struct site *sites;
	struct entries all;
	size_t n;
	uint64_t made;
};

/* ---- entries ---- */

static void drop(struct cookie_jar *j, struct entry *e)
{
	struct site *s = e->site;

	TAILQ_REMOVE(&j->all, e, in_all);
	TAILQ_REMOVE(&s->cookies, e, in_site);
	j->n--;
	cookie_clear(&e->c);
	free(e);
	if (--s->n > 0)
		return;
	HASH_DEL(j->sites, s);
	free(s->domain);
	free(s);
}

static void touch(struct cookie_jar *j, struct entry *e)
{
	TAILQ_REMOVE(&j->all, e, in_all);
	TAILQ_INSERT_TAIL(&j->all, e, in_all);
	TAILQ_REMOVE(&e->site->cookies, e, in_site);
	TAILQ_INSERT_TAIL(&e->site->cookies, e, in_site);
}

static struct site *find_site(const struct cookie_jar *j, const char *domain)
{
	struct site *s;

	HASH_FIND_STR(j->sites, domain, s);
	return s;
}

static struct site *make_site(struct cookie_jar *j, const char *domain)
{
	struct site *s = find_site(j, domain);

	if (s != NULL)
		return s;
	s = xcalloc(1, sizeof(*s));
	s->domain = xstrdup(domain);
	TAILQ_INIT(&s->cookies);
	HASH_ADD_KEYPTR(hh, j->sites, s->domain, strlen(s->domain), s);
	return s;
}

static struct entry *find(const struct cookie_jar *j, const struct cookie *c)
{
	const struct site *s = find_site(j, c->domain);
	struct entry *e = NULL;

	if (s == NULL)
		return NULL;
	TAILQ_FOREACH(e, &s->cookies, in_site)
	{
		if (strcmp(e->c.name, c->name) == 0 && strcmp(e->c.path, c->path) == 0)
			break;
	}
	return e;
}

static bool is_expired(const struct cookie *c, int64_t now)
{
	return c->expires >= 0 && c->expires <= now;
}

/* Expired ones first, then the one that was not used for longest. */
static struct entry *first_to_go(const struct site *s, int64_t now)
{
	struct entry *e = TAILQ_FIRST(&s->cookies);

	while (e != NULL && !is_expired(&e->c, now))
		e = TAILQ_NEXT(e, in_site);
	return e != NULL ? e : TAILQ_FIRST(&s->cookies);
}

static void make_room(struct cookie_jar *j, struct site *s, int64_t now)
{
	struct entry *e, *next;

	if (s != NULL && s->n >= COOKIE_HOST_MAX)
		drop(j, first_to_go(s, now));
	if (j->n < COOKIE_ALL_MAX)
		return;
	for (e = TAILQ_FIRST(&j->all); e != NULL; e = next) {
		next = TAILQ_NEXT(e, in_all);
		if (is_expired(&e->c, now))
			drop(j, e);
	}
	if (j->n >= COOKIE_ALL_MAX)
		drop(j, TAILQ_FIRST(&j->all));
}

/* c was checked. It keeps its age when it replaces one. */
static void store(struct cookie_jar *j, const struct cookie *c, int64_t now)
{
	struct entry *old = find(j, c), *e;
	uint64_t made = old != NULL ? old->made : j->made++;

	if (old != NULL)
		drop(j, old);
	if (is_expired(c, now))
		return;
	make_room(j, find_site(j, c->domain), now);
	e = xcalloc(1, sizeof(*e));
	e->c = *c;
	e->c.name = xstrdup(c->name);
	e->c.value = xstrdup(c->value);
	e->c.domain = xstrdup(c->domain);
	e->c.path = xstrdup(c->path);
	e->made = made;
	e->site = make_site(j, c->domain);
	e->site->n++;
	j->n++;
	TAILQ_INSERT_TAIL(&e->site->cookies, e, in_site);
	TAILQ_INSERT_TAIL(&j->all, e, in_all);
}

/* ---- what may be set ---- */

static bool is_address(const char *host)
{
	struct in6_addr a;

	return inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1;
}

/* Section 5.1.3 */
static bool domain_matches(const char *host, const char *domain)
{
	size_t n = strlen(host), k = strlen(domain);

	if (strcmp(host, domain) == 0)
		return true;
	return n > k && host[n - k - 1] == '.' && strcmp(host + n - k, domain) == 0 && !is_address(host);
}

/* A whole top-level domain or the like, which belongs to many. Without the list: a name without a dot. */
static bool is_public(const struct cookie_jar *j, const char *domain)
{
	if (is_address(domain))
		return false;
	return j->psl != NULL ? psl_is_public_suffix(j->psl, domain) != 0 : strchr(domain, '.') == NULL;
}

/* No byte that could end a cookie or a line. */
static bool is_plain(const char *s, size_t max)
{
	size_t n = strnlen(s, max + 1);

	return n <= max && !str_has_ctl(s, n) && memchr(s, ';', n) == NULL;
}

static bool is_sound(const struct cookie *c)
{
	size_t dot = strlen(c->domain);

	return *c->name != '\0' && strchr(c->name, '=') == NULL && is_plain(c->name, COOKIE_BYTES_MAX) &&
	       is_plain(c->value, COOKIE_BYTES_MAX) && strlen(c->name) + strlen(c->value) <= COOKIE_BYTES_MAX &&
	       dot > 0 && c->domain[dot - 1] != '.' && is_plain(c->domain, DOMAIN_MAX) && c->path[0] == '/' &&
	       is_plain(c->path, COOKIE_PATH_MAX);
}

/* Section 5.3 steps 4 to 6. Takes c->domain from the host when there is none. */
static bool settle_domain(const struct cookie_jar *j, struct cookie *c, const char *host)
{
	c->host_only = c->domain == NULL || strcmp(c->domain, host) == 0;
	if (c->domain == NULL)
		c->domain = xstrdup(host);
	else if (!is_public(j, c->domain) && !is_address(host))
		c->host_only = false;
	return c->host_only || (!is_public(j, c->domain) && domain_matches(host, c->domain));
}

/* The prefixes, and secure cookies that only https may set and replace: RFC 6265bis 4.1.3, 5.7. */
static bool may_set(const struct cookie_jar *j, const struct cookie *c, bool https, bool named_domain)
{
	const struct entry *old = find(j, c);

	if ((c->secure || (old != NULL && old->c.secure)) && !https)
		return false;
	if (strncasecmp(c->name, "__Secure-", 9) == 0)
		return c->secure;
	if (strncasecmp(c->name, "__Host-", 7) == 0)
		return c->secure && !named_domain && strcmp(c->path, "/") == 0;
	return true;
}

void cookie_jar_receive(struct cookie_jar *j, const struct uri *from, const char *set_cookie, int64_t now)
{
	struct cookie c;
	bool named;

	if (!cookie_parse(set_cookie, from, now, &c))
		return;
	named = c.domain != NULL;
	if (settle_domain(j, &c, from->host) && is_sound(&c) && may_set(j, &c, strcmp(from->scheme, "https") == 0, named))
		store(j, &c, now);
	cookie_clear(&c);
}

int cookie_jar_put(struct cookie_jar *j, const struct cookie *c, int64_t now)
{
	if (!is_sound(c) || (!c->host_only && (is_public(j, c->domain) || is_address(c->domain))))
		return ERR_INVAL;
	store(j, c, now);
	return 0;
}

/* ---- what is sent ---- */

/* Section 5.1.4 */
static bool path_matches(const char *request, const char *path)
{
	size_t n = strlen(path);

	if (strncmp(request, path, n) != 0)
		return false;
	return request[n] == '\0' || path[n - 1] == '/' || request[n] == '/';
}

struct chosen {
	struct entry *v[CHOSEN_MAX];
	size_t n;
};

static void choose(struct cookie_jar *j, struct site *s, const struct uri *to, int64_t now, struct chosen *ret)
{
	bool https = strcmp(to->scheme, "https") == 0, same = strcmp(s->domain, to->host) == 0;
	unsigned left = s->n;
	struct entry *e = TAILQ_FIRST(&s->cookies), *next;

	for (; left > 0; left--, e = next) { /* the last drop takes the site too */
		next = TAILQ_NEXT(e, in_site);
		if (is_expired(&e->c, now))
			drop(j, e);
		else if ((same || !e->c.host_only) && (https || !e->c.secure) && path_matches(to->path, e->c.path) &&
			 ret->n < CHOSEN_MAX)
			ret->v[ret->n++] = e;
	}
}

/* Longer paths first, then older ones. */
static int compare(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
	size_t n = strlen(x->c.path), k = strlen(y->c.path);

	if (n != k)
		return n > k ? -1 : 1;
	return x->made < y->made ? -1 : x->made > y->made;
}

static char *join(struct cookie_jar *j, const struct chosen *all)
{
	struct buf b;

	buf_init(&b, COOKIE_HEADER_MAX);
	for (size_t i = 0; i < all->n; i++) {
		struct entry *e = all->v[i];

		if (b.len + strlen(e->c.name) + strlen(e->c.value) + 3 > COOKIE_HEADER_MAX)
			continue;
		buf_addf(&b, "%s%s=%s", b.len > 0 ? "; " : "", e->c.name, e->c.value);
		touch(j, e);
	}
	return b.len > 0 ? buf_take(&b) : NULL;
}

char *cookie_jar_header(struct cookie_jar *j, const struct uri *to, int64_t now)
{
	bool address = is_address(to->host);
	struct chosen all = {.n = 0};

	for (const char *d = to->host; d != NULL && *d != '\0';) {
		struct site *s = find_site(j, d);

		if (s != NULL)
			choose(j, s, to, now, &all);
		d = address ? NULL : strchr(d, '.');
		if (d != NULL)
			d++;
	}
	qsort(all.v, all.n, sizeof(all.v[0]), compare);
	return join(j, &all);
}

void cookie_wipe(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

/* ---- the jar ---- */

struct cookie_jar *cookie_jar_new(void)
{
	struct cookie_jar *j = xcalloc(1, sizeof(*j));

	TAILQ_INIT(&j->all);
	j->psl = psl_latest(NULL);
	j->own_psl = j->psl != NULL;
	if (j->psl == NULL)
		j->psl = (psl_ctx_t *)psl_builtin();
	return j;
}

void cookie_jar_free(struct cookie_jar *j)
{
	struct entry *e;

	if (j == NULL)
		return;
	while ((e = TAILQ_FIRST(&j->all)) != NULL)
		drop(j, e);
	if (j->own_psl)
		psl_free(j->psl);
	free(j);
}

size_t cookie_jar_count(const struct cookie_jar *j)
{
	return j->n;
}

const struct cookie *cookie_jar_next(const struct cookie_jar *j, const struct cookie *prev)
{
	const struct entry *e = prev != NULL ? TAILQ_NEXT((const struct entry *)prev, in_all) : TAILQ_FIRST(&j->all);

	return e != NULL ? &e->c : NULL;
}
