/* SPDX-License-Identifier: MIT
 * struct net: reads the options once and holds what connections share.
 */
#include "net/net.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include <openssl/ssl.h>

#include "base/log.h"
#include "base/opt.h"
#include "base/str.h"
#include "ev/loop.h"
#include "net/net_internal.h"
#include "net/zone.h"
#include "net/resolve.h"
#include "net/sock.h"
#include "net/stream.h"
#include "net/tls.h"

#define DSCP_MAX 63 /* six bits, RFC 2474 */

/* So much is received in a round, divided evenly among as many as received in one lately. A round is a turn of the loop, unless
 * that takes longer than TURN_NS: then those who came too late have their share in the next, and nobody has a second one before.
 * So who asks something by RPC waits for little longer than TURN_NS, whatever the kernel does within a call: the first bytes of a
 * connection cost several times as much as later ones. */
#define TURN_NS	   (1000u * 1000)
#define TURN_BYTES (2u * 1024 * 1024)
#define SHARE_MIN  (64u * 1024)
#define SHARE_MAX  (1024u * 1024)
#define CROWD	   16
#define CROWD_PART 32 /* such a part of a crowd receives in each turn, however long that takes: asking the others costs as much */

static const struct {
	const char *name;
	int version;
} tls_versions[] = {
	{"TLSv1.1", TLS1_1_VERSION},
	{"TLSv1.2", TLS1_2_VERSION},
	{"TLSv1.3", TLS1_3_VERSION},
};

static int tls_version(const char *name)
{
	for (size_t i = 0; i < sizeof(tls_versions) / sizeof(tls_versions[0]); i++)
		if (name != NULL && strcmp(tls_versions[i].name, name) == 0)
			return tls_versions[i].version;
	return TLS1_2_VERSION;
}

static char *text_of(const struct opts *o, enum opt id)
{
	const char *s = opts_str(o, id);

	return s != NULL && s[0] != '\0' ? xstrdup(s) : NULL;
}

static void read_options(struct net_conf *c, const struct opts *o)
{
	int64_t dscp = opts_num(o, OPT_DSCP);

	c->ca_file = text_of(o, OPT_CA_CERTIFICATE);
	c->cert_file = text_of(o, OPT_CERTIFICATE);
	c->key_file = text_of(o, OPT_PRIVATE_KEY);
	c->interface = text_of(o, OPT_INTERFACE);
	if (c->interface == NULL)
		c->interface = text_of(o, OPT_MULTIPLE_INTERFACE);
	c->allow_address = text_of(o, OPT_ALLOW_ADDRESS);
	c->deny_address = text_of(o, OPT_DENY_ADDRESS);
	c->overrides = text_of(o, OPT_RESOLVE);
	c->check_certificate = opts_bool(o, OPT_CHECK_CERTIFICATE);
	c->no_ipv6 = opts_bool(o, OPT_DISABLE_IPV6);
	c->min_tls = tls_version(opts_str(o, OPT_MIN_TLS_VERSION));
	c->congestion = text_of(o, OPT_CONGESTION);
	c->rcvbuf = (int)opts_num(o, OPT_SOCKET_RECV_BUFFER_SIZE);
	c->dscp = dscp > DSCP_MAX ? DSCP_MAX : (int)dscp;
}

char *net_window(struct net *n)
{
	if (n->window == NULL)
		n->window = xmalloc(NET_WINDOW);
	return n->window;
}

size_t net_chop(const struct net *n, size_t len)
{
	return n->chop > 0 && n->chop < len ? n->chop : len;
}

struct net *net_ref(struct net *n)
{
	n->refs++;
	return n;
}

void net_unref(struct net *n)
{
	if (--n->refs > 0)
		return;
	tls_ctx_free(n->tls);
	zone_rules_free(n->zones);
	free(n->window);
	free(n->conf.ca_file);
	free(n->conf.cert_file);
	free(n->conf.key_file);
	free(n->conf.interface);
	free(n->conf.allow_address);
	free(n->conf.deny_address);
	free(n->conf.overrides);
	free(n->conf.congestion);
	free(n);
}

static ssize_t splice_to_pipe(int from, int to, size_t n)
{
	return splice(from, NULL, to, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

int net_new(struct loop *l, const struct opts *o, struct net **ret, struct fail *f)
{
	struct net *n = xcalloc(1, sizeof(*n));
	int r;

	signal(SIGPIPE, SIG_IGN); /* libuv writes without MSG_NOSIGNAL */
	if (!resolver_prepare()) {
		free(n);
		return fail_set(f, ERR_NOMEM, NULL);
	}
	n->loop = l;
	n->refs = 1;
	n->splice = splice_to_pipe;
	n->crowd = CROWD; /* until more is known */
	n->turn_ns = TURN_NS;
	LIST_INIT(&n->lingering);
	LIST_INIT(&n->own_ports);
	n->conf.check_certificate = true;
	n->conf.min_tls = TLS1_2_VERSION;
	if (o != NULL)
		read_options(&n->conf, o);
	if (!n->conf.check_certificate)
		log_warn(TLS, "check-certificate=false: anybody on the way may read and change what comes over https");
	n->zones = zone_rules_new(&n->conf);
	n->resolver = resolver_new(n);
	n->cpool = cpool_new(n);
	r = n->conf.interface != NULL ? sock_check_interfaces(n->conf.interface, f) : 0;
	if (r == 0)
		r = tls_ctx_new(&n->conf, &n->tls, f);
	if (r != 0) {
		net_free(n);
		return r;
	}
	*ret = n;
	return 0;
}

void net_free(struct net *n)
{
	struct stream *s;

	if (n == NULL)
		return;
	while ((s = LIST_FIRST(&n->lingering)) != NULL)
		stream_close(s);
	cpool_free(n->cpool);
	resolver_free(n->resolver);
	net_unref(n);
}

struct loop *net_loop(struct net *n)
{
	return n->loop;
}

void net_on_life(struct net *n, void (*cb)(void *arg), void *arg)
{
	n->life_cb = cb;
	n->life_arg = arg;
}

void net_note_life(const struct net *n)
{
	if (n->life_cb != NULL)
		n->life_cb(n->life_arg);
}

void net_set_chop(struct net *n, size_t max)
{
	n->chop = max;
}

void net_set_splice(struct net *n, ssize_t (*splice)(int from, int to, size_t n))
{
	n->splice = splice != NULL ? splice : splice_to_pipe;
}

uint64_t net_turn(const struct net *n)
{
	return n->loop->turn + n->more;
}

void net_next_turn(struct net *n)
{
	n->more++;
}

static void begin_round(struct net *n)
{
	n->round++;
	n->crowd -= n->crowd / 8;
	n->crowd = n->readers > n->crowd ? n->readers : n->crowd;
	n->share = n->crowd > 0 ? TURN_BYTES / n->crowd : SHARE_MAX;
	n->share = n->share < SHARE_MIN ? SHARE_MIN : n->share > SHARE_MAX ? SHARE_MAX : n->share;
	n->readers = 0;
}

/* Who was left out may have gone meanwhile: then nobody is in this turn, and a round begins with the next. */
static void begin_turn(struct net *n)
{
	n->turn_seen = net_turn(n);
	n->turn_end = uv_hrtime() + n->turn_ns;
	if (!n->left_out)
		begin_round(n);
	n->left_out = false;
	n->in_turn = 0;
}

bool net_turn_over(const struct net *n)
{
	return uv_hrtime() >= n->turn_end;
}

size_t net_share(struct net *n, uint64_t *round)
{
	if (n->turn_seen != net_turn(n))
		begin_turn(n);
	if (*round == n->round)
		return 0;
	if (n->in_turn > n->crowd / CROWD_PART && net_turn_over(n)) {
		n->left_out = true;
		return 0;
	}
	*round = n->round;
	n->in_turn++;
	n->readers++;
	return n->share;
}

struct resolver *net_resolver(struct net *n)
{
	return n->resolver;
}

void net_set_http(struct net *n, struct http_state *h)
{
	n->http = h;
}

struct http_state *net_http(const struct net *n)
{
	return n->http;
}
