/* SPDX-License-Identifier: MIT
 * Happy Eyeballs over libuv's connect. Each attempt is an object of its own, freed in its connect callback, which libuv
 * calls for closed handles too.
 */
#include "net/dial.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "ev/loop.h"
#include "ev/timer.h"
#include "net/net_internal.h"
#include "net/resolve.h"
#include "net/sock.h"

#define STAGGER_MS 250 /* RFC 8305 section 5: Connection Attempt Delay */
#define SLOW_MS	   600000 /* how long a family that was overtaken stands behind the other one */

struct attempt {
	uv_connect_t req;
	struct dial *dial; /* NULL: given up, the socket is closing */
	struct sock *sock;
	int family;
	LIST_ENTRY(attempt) link;
};

struct dial {
	OBJ(DIAL);
	struct net *net;
	struct resolve *resolve;
	struct addrs addrs; /* in the order of attempts */
	unsigned next;
	LIST_HEAD(attempt_list, attempt) attempts;
	struct timer stagger;
	char *host;
	enum zone from;
	struct fail fail; /* the first failure that says more than "unreachable" */
	dial_cb cb;
	void *arg;
};

/* The first address left of the family, or else the first one left; there is one. */
static unsigned pick_next(const struct addrs *in, const bool *taken, int family)
{
	unsigned first = 0;

	for (unsigned i = 0; i < in->n; i++)
		if (!taken[i] && in->a[i].ss_family == family)
			return i;
	while (first + 1 < in->n && taken[first])
		first++;
	return first;
}

static uint64_t *slow_until(struct net *n, int family)
{
	return family == AF_INET6 ? &n->v6_slow_until : &n->v4_slow_until;
}

static bool is_slow(struct net *n, int family)
{
	return loop_now(n->loop) < *slow_until(n, family);
}

/* The one the system prefers, but for a family without a way out, which would cost each connection its delay (RFC 8305
 * section 4: history counts). */
static int first_family(struct net *n, const struct addrs *in)
{
	int family = in->a[0].ss_family, other = family == AF_INET6 ? AF_INET : AF_INET6;

	return is_slow(n, family) && !is_slow(n, other) ? other : family;
}

/* RFC 8305 section 4: alternate the families, beginning with `family`. */
static void interleave(const struct addrs *in, int family, struct addrs *out)
{
	bool taken[RESOLVE_MAX] = {false};

	for (out->n = 0; out->n < in->n; out->n++) {
		unsigned pick = pick_next(in, taken, family);

		taken[pick] = true;
		out->a[out->n] = in->a[pick];
		family = in->a[pick].ss_family == AF_INET6 ? AF_INET : AF_INET6;
	}
}

static void drop_attempts(struct dial *d)
{
	struct attempt *a;

	while ((a = LIST_FIRST(&d->attempts)) != NULL) {
		LIST_REMOVE(a, link);
		a->dial = NULL;
		sock_close(a->sock, NULL, NULL);
	}
}

static void dial_free(struct dial *d)
{
	resolve_cancel(d->resolve);
	timer_stop(&d->stagger);
	drop_attempts(d);
	free(d->host);
	OBJ_FREE(d);
}

static void finish(struct dial *d, int err, struct sock *k)
{
	dial_cb cb = d->cb;
	void *arg = d->arg;
	struct fail f = d->fail;

	dial_free(d);
	cb(arg, err, &f, k);
}

static void note_failure(struct dial *d, const struct sockaddr_storage *ss, int uv_err)
{
	char name[SOCK_NAME_MAX];
	struct fail f;

	sock_fail_connect(&f, uv_err);
	if (d->fail.code == 0 || (d->fail.code == ERR_NET_DOWN && f.code != ERR_NET_DOWN))
		d->fail = f;
	if (ss != NULL && log_on(LOG_LVL_DEBUG)) {
		sock_addr_text((const struct sockaddr *)ss, name);
		log_debug(NET, "connecting to %s: %s", name, f.text);
	}
}

/* One of `winner` is connected. When the first address was of the other family, that one has failed or is still silent after the
 * delay: for some minutes it comes second. */
static void note_families(struct dial *d, int winner)
{
	int first = d->addrs.a[0].ss_family;

	*slow_until(d->net, winner) = 0;
	if (first != winner)
		*slow_until(d->net, first) = loop_now(d->net->loop) + SLOW_MS;
}

static void try_next(struct dial *d);

static void on_connect(uv_connect_t *req, int status)
{
	struct attempt *a = req->data;
	struct dial *d = a->dial;
	struct sock *k = a->sock;

	int family = a->family;

	if (d != NULL)
		LIST_REMOVE(a, link);
	free(a);
	if (d == NULL)
		return;
	OBJ_CHECK(d, DIAL);
	if (status == 0 || status == UV_ECONNREFUSED || status == UV_ECONNRESET)
		net_note_life(d->net);
	if (status == 0) {
		note_families(d, family);
		finish(d, 0, k);
		return;
	}
	sock_close(k, NULL, NULL);
	note_failure(d, NULL, status);
	try_next(d);
}

static void on_stagger(void *arg)
{
	try_next(arg);
}

static int attempt_start(struct dial *d, const struct sockaddr_storage *ss)
{
	struct attempt *a = xcalloc(1, sizeof(*a));
	int r = sock_new(d->net, ss->ss_family, &a->sock);

	if (r == 0) {
		a->req.data = a;
		r = uv_tcp_connect(&a->req, &a->sock->tcp, (const struct sockaddr *)ss, on_connect);
		if (r != 0)
			sock_close(a->sock, NULL, NULL);
	}
	if (r != 0) {
		free(a);
		return r;
	}
	a->dial = d;
	a->family = ss->ss_family;
	LIST_INSERT_HEAD(&d->attempts, a, link);
	return 0;
}

static void try_next(struct dial *d)
{
	OBJ_CHECK(d, DIAL);
	while (d->next < d->addrs.n) {
		const struct sockaddr_storage *ss = &d->addrs.a[d->next++];
		int r = attempt_start(d, ss);

		if (r != 0) {
			note_failure(d, ss, r);
			continue;
		}
		if (d->next < d->addrs.n)
			timer_start(d->net->loop, &d->stagger, STAGGER_MS, 0, on_stagger, d);
		return;
	}
	if (LIST_EMPTY(&d->attempts))
		finish(d, d->fail.code, NULL);
}

static void on_resolved(void *arg, int err, const struct fail *f, const struct addrs *a)
{
	struct dial *d = arg;
	struct addrs may;

	OBJ_CHECK(d, DIAL);
	d->resolve = NULL;
	if (err != 0) {
		d->fail = *f;
		finish(d, err, NULL);
		return;
	}
	may = *a;
	err = zone_filter(d->net, d->host, &may, d->from, &d->fail);
	if (err != 0) {
		finish(d, err, NULL);
		return;
	}
	interleave(&may, first_family(d->net, &may), &d->addrs);
	try_next(d);
}

struct dial *dial_start(struct net *n, const char *host, uint16_t port, enum zone from, dial_cb cb, void *arg)
{
	struct dial *d = xcalloc(1, sizeof(*d));

	OBJ_INIT(d, DIAL);
	d->net = n;
	d->host = xstrdup(host);
	d->from = from;
	d->cb = cb;
	d->arg = arg;
	LIST_INIT(&d->attempts);
	d->resolve = resolve_start(n->resolver, host, port, on_resolved, d);
	return d;
}

bool dial_resolving(const struct dial *d)
{
	OBJ_CHECK(d, DIAL);
	return d->resolve != NULL;
}

void dial_cancel(struct dial *d)
{
	if (d == NULL)
		return;
	OBJ_CHECK(d, DIAL);
	dial_free(d);
}
