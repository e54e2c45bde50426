/* SPDX-License-Identifier: MIT
 * The RPC server: its listeners, its beginning and end.
 */
#include "rpc/rpc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "rpc/auth.h"
#include "rpc/conn.h"
#include "rpc/notify.h"
#include "rpc/ws.h"

#define LISTEN_MAX  (sizeof(((struct rpc *)NULL)->listen) / sizeof(struct listener *))
#define ACCEPT_MAX  (CONN_MAX * 2) /* the server makes room itself before accepting pauses */

static int open_one(struct rpc *r, const struct listen_req *at, struct fail *f)
{
	struct listen_req q = *at;
	struct listener **slot = r->listen;
	bool secure = opts_bool(r->opts, OPT_RPC_SECURE) && at->path == NULL; /* a Unix socket needs no TLS */

	while (*slot != NULL)
		slot++;
	q.cert = secure ? opts_str(r->opts, OPT_RPC_CERTIFICATE) : NULL;
	q.key = secure ? opts_str(r->opts, OPT_RPC_PRIVATE_KEY) : NULL;
	q.max_conns = ACCEPT_MAX;
	q.own = true;
	return listener_open(engine_net(r->env.engine), &q, conn_accept, r, slot, f);
}

static int open_address(struct rpc *r, const char *address, struct fail *f)
{
	uint16_t port = (uint16_t)opts_num(r->opts, OPT_RPC_LISTEN_PORT);
	struct fail cause = {0};

	if (open_one(r, &(struct listen_req){.address = address, .port = port, .fd = -1}, &cause) == 0)
		return 0;
	if (strstr(cause.text, strerror(EADDRINUSE)) == NULL)
		return fail_set(f, ERR_PORT, "%s", cause.text);
	return fail_set(f, ERR_PORT, "port %u on %s is in use: stop the program that has it, or choose another rpc-listen-port",
		port, address);
}

static bool is_loopback(const struct sockaddr_storage *a)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)a;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;

	if (a->ss_family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return a->ss_family == AF_UNIX || (a->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr));
}

/* The address, as text or of an inherited socket (fd >= 0), is reached from this machine only. */
static bool is_private(const char *text, int fd)
{
	struct sockaddr_storage a = {0};
	socklen_t n = sizeof(a);

	if (fd >= 0)
		return getsockname(fd, (struct sockaddr *)&a, &n) == 0 && is_loopback(&a);
	a.ss_family = AF_INET;
	if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&a)->sin_addr) == 1)
		return is_loopback(&a);
	a.ss_family = AF_INET6;
	return inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&a)->sin6_addr) == 1 && is_loopback(&a);
}

/* What other machines can reach needs a secret; of what foreign pages can reach the user is told. */
static int check_secret(const struct rpc *r, int fd, struct fail *f)
{
	const char *own = opts_str(r->opts, OPT_RPC_LISTEN_ADDRESS);
	bool named = own != NULL && *own != '\0', all = opts_bool(r->opts, OPT_RPC_LISTEN_ALL);

	if (auth_needs_token(r->opts) || auth_needs_basic(r->opts))
		return 0;
	if (opts_bool(r->opts, OPT_RPC_ALLOW_ORIGIN_ALL) || opts_bool(r->opts, OPT_RPC_ALLOW_JSONP))
		log_warn(RPC, "every web page that is opened on this machine can use the RPC: set rpc-secret");
	if (fd >= 0 ? is_private(NULL, fd) : named ? is_private(own, -1) : !all)
		return 0;
	return fail_set(f, ERR_USAGE,
		"other machines could use the RPC: set rpc-secret, or leave rpc-listen-all and rpc-listen-address out");
}

/* The loopback or every address, as asked for. IPv4 must work; IPv6 may be missing on a machine. */
static int open_tcp(struct rpc *r, struct fail *f)
{
	const char *own = opts_str(r->opts, OPT_RPC_LISTEN_ADDRESS);
	bool all = opts_bool(r->opts, OPT_RPC_LISTEN_ALL);
	struct fail six = {0};
	int err;

	if (own != NULL && *own != '\0')
		return open_address(r, own, f);
	err = open_address(r, all ? "0.0.0.0" : "127.0.0.1", f);
	if (err != 0 || opts_bool(r->opts, OPT_DISABLE_IPV6))
		return err;
	if (open_address(r, all ? "::" : "::1", &six) != 0)
		log_info(RPC, "IPv4 only: %s", six.text);
	return 0;
}

static int open_all(struct rpc *r, int inherited_fd, struct fail *f)
{
	const char *path = opts_str(r->opts, OPT_RPC_SOCKET);
	int err;

	if (opts_bool(r->opts, OPT_RPC_SECURE) && opts_str(r->opts, OPT_RPC_CERTIFICATE) == NULL)
		return fail_set(f, ERR_PORT, "rpc-secure needs rpc-certificate");
	err = check_secret(r, inherited_fd, f);
	if (err != 0)
		return err;
	if (inherited_fd >= 0)
		err = open_one(r, &(struct listen_req){.fd = inherited_fd}, f);
	else
		err = open_tcp(r, f);
	if (err == 0 && path != NULL && *path != '\0')
		err = open_one(r, &(struct listen_req){.path = path, .fd = -1}, f);
	return err;
}

/* Whoever reaches the port acts as the user that the daemon runs as. */
static void set_owner(struct rpc *r)
{
	const struct passwd *pw = getpwuid(geteuid());

	r->env.uid = geteuid();
	if (pw != NULL)
		snprintf(r->owner, sizeof(r->owner), "%s", pw->pw_name);
	else
		snprintf(r->owner, sizeof(r->owner), "%u", geteuid());
	r->env.owner = r->owner;
}

int rpc_new(const struct rpc_conf *conf, struct rpc **ret, struct fail *f)
{
	struct rpc *r = xcalloc(1, sizeof(*r));
	int err;

	OBJ_INIT(r, RPC);
	r->opts = opts_ref(conf->opts);
	r->env.engine = conf->engine;
	r->env.opts = r->opts;
	r->loop = engine_loop(conf->engine);
	r->patience = CONN_PATIENCE;
	r->events = (struct event_sub){.cb = notify_event, .arg = r};
	TAILQ_INIT(&r->conns);
	set_owner(r);
	engine_subscribe(conf->engine, &r->events);
	err = open_all(r, conf->inherited_fd, f);
	if (err != 0) {
		rpc_free(r);
		return err;
	}
	*ret = r;
	return 0;
}

uint16_t rpc_port(const struct rpc *r)
{
	OBJ_CHECK(r, RPC);
	return r->listen[0] != NULL ? listener_port(r->listen[0]) : 0;
}

static void close_listeners(struct rpc *r)
{
	for (size_t i = 0; i < LISTEN_MAX; i++) {
		listener_close(r->listen[i]);
		r->listen[i] = NULL;
	}
}

void rpc_close(struct rpc *r)
{
	struct conn *c, *next;

	OBJ_CHECK(r, RPC);
	if (r->closing)
		return;
	r->closing = true;
	close_listeners(r);
	engine_unsubscribe(r->env.engine, &r->events);
	for (c = TAILQ_FIRST(&r->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->ws != NULL)
			ws_end(c);
		else
			conn_farewell(c); /* an answer that is still under way goes first */
	}
}

void rpc_free(struct rpc *r)
{
	struct conn *c;

	if (r == NULL)
		return;
	rpc_close(r);
	while ((c = TAILQ_FIRST(&r->conns)) != NULL)
		conn_close(c);
	timer_stop(&r->env.shutdown);
	opts_unref(r->opts);
	OBJ_FREE(r);
}
