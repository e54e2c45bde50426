/* SPDX-License-Identifier: MIT
 * Sockets as libuv handles: making them with the user's options, taking accepted ones, naming their errors.
 */
#include "net/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "ev/loop.h"
#include "net/net_internal.h"

#define KEEPALIVE_S 60

static void on_closed(uv_handle_t *h)
{
	struct sock *k = (struct sock *)h;

	if (k->closed != NULL)
		k->closed(k->arg);
	free(k);
}

/* Said once: the next socket would be refused, too. */
static void set_congestion(struct net *n, int fd)
{
	const char *name = n->conf.congestion;

	if (name == NULL || setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) == 0 || n->told_congestion)
		return;
	n->told_congestion = true;
	log_warn(NET, "congestion=%s: %s; the system's congestion control is used", name,
		errno == ENOENT ? "the kernel does not have it" : strerror(errno));
}

static void set_options(const struct net *n, int fd, int family)
{
	int tos = n->conf.dscp << 2;

	if (n->conf.rcvbuf > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &n->conf.rcvbuf, sizeof(n->conf.rcvbuf));
	if (tos == 0)
		return;
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	else
		setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
}

/* The first address of the family that the interface has; global ones before link-local ones. */
static int interface_addr(const char *name, int family, struct sockaddr_storage *ret)
{
	struct ifaddrs *all, *i;
	int r = UV_EADDRNOTAVAIL;

	if (getifaddrs(&all) != 0)
		return uv_translate_sys_error(errno);
	for (i = all; i != NULL; i = i->ifa_next) {
		const struct sockaddr_in6 *v6 = (const void *)i->ifa_addr;
		bool local;

		if (i->ifa_addr == NULL || i->ifa_addr->sa_family != family || strcmp(i->ifa_name, name) != 0)
			continue;
		local = family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
		if (local && r == 0)
			continue;
		memcpy(ret, i->ifa_addr, family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
		r = 0;
		if (!local)
			break;
	}
	freeifaddrs(all);
	return r;
}

static bool leads_out(const struct ifaddrs *i)
{
	const struct sockaddr_in6 *v6 = (const void *)i->ifa_addr;
	const unsigned up = IFF_UP | IFF_RUNNING;

	if (i->ifa_addr == NULL || (i->ifa_flags & IFF_LOOPBACK) != 0 || (i->ifa_flags & up) != up)
		return false;
	return i->ifa_addr->sa_family == AF_INET ||
	       (i->ifa_addr->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr));
}

bool net_offline(void)
{
	struct ifaddrs *all, *i;
	bool out = false;

	if (getifaddrs(&all) != 0)
		return false;
	for (i = all; i != NULL && !out; i = i->ifa_next)
		out = leads_out(i);
	freeifaddrs(all);
	return !out;
}

static int bind_to(const char *name, struct sock *k, int fd, int family)
{
	struct sockaddr_storage ss = {0};
	int one = 1, r;

	if (uv_ip4_addr(name, 0, (struct sockaddr_in *)&ss) != 0 &&
		uv_ip6_addr(name, 0, (struct sockaddr_in6 *)&ss) != 0) {
		r = interface_addr(name, family, &ss);
		if (r != 0)
			return r;
	}
	if (ss.ss_family != family)
		return UV_EADDRNOTAVAIL;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	return uv_tcp_bind(&k->tcp, (const struct sockaddr *)&ss, 0);
}

/* The i-th of the names, counted round; copied to ret. */
static void nth_interface(const char *list, unsigned i, char ret[SOCK_NAME_MAX])
{
	const char *s = list;
	size_t n;

	for (; i > 0; i--) {
		s += strcspn(s, ",");
		s = *s == ',' ? s + 1 : list;
	}
	n = strcspn(s, ",");
	snprintf(ret, SOCK_NAME_MAX, "%.*s", (int)n, s);
}

/* Each socket begins with the next name of the list, and takes the first one that has an address of the family. */
static int bind_local(struct net *n, struct sock *k, int fd, int family)
{
	const char *list = n->conf.interface;
	char name[SOCK_NAME_MAX];
	unsigned count = 1;
	int r = UV_EADDRNOTAVAIL;

	for (const char *s = strchr(list, ','); s != NULL; s = strchr(s + 1, ','))
		count++;
	for (unsigned i = 0; i < count && r != 0; i++) {
		nth_interface(list, n->turn % count + i, name);
		r = bind_to(name, k, fd, family);
	}
	n->turn++;
	return r;
}

static bool is_local_name(const char *name)
{
	struct sockaddr_storage ss;

	return uv_ip4_addr(name, 0, (struct sockaddr_in *)&ss) == 0 || uv_ip6_addr(name, 0, (struct sockaddr_in6 *)&ss) == 0 ||
	       if_nametoindex(name) != 0;
}

int sock_check_interfaces(const char *list, struct fail *f)
{
	char name[SOCK_NAME_MAX];
	unsigned count = 1, good = 0;

	for (const char *s = strchr(list, ','); s != NULL; s = strchr(s + 1, ','))
		count++;
	for (unsigned i = 0; i < count; i++) {
		nth_interface(list, i, name);
		good += is_local_name(name);
	}
	if (good == 0)
		return fail_set(
			f, ERR_INTERFACE, "there is no interface or local address %.100s (interface); see `ip address`", list);
	for (unsigned i = 0; good < count && i < count; i++) {
		nth_interface(list, i, name);
		if (!is_local_name(name))
			log_warn(NET, "there is no interface or local address %s (interface): others are used meanwhile", name);
	}
	return 0;
}

int sock_new(struct net *n, int family, struct sock **ret)
{
	struct sock *k = xcalloc(1, sizeof(*k));
	int fd, r;

	r = uv_tcp_init_ex(&n->loop->uv, &k->tcp, (unsigned)family);
	if (r != 0) {
		free(k);
		return r;
	}
	fd = sock_fd(k);
	set_options(n, fd, family);
	set_congestion(n, fd);
	uv_tcp_nodelay(&k->tcp, 1);
	uv_tcp_keepalive(&k->tcp, 1, KEEPALIVE_S);
	if (n->conf.interface != NULL)
		r = bind_local(n, k, fd, family);
	if (r != 0) {
		sock_close(k, NULL, NULL);
		return r;
	}
	*ret = k;
	return 0;
}

int sock_adopt(struct net *n, int fd, struct sock **ret)
{
	struct sock *k = xcalloc(1, sizeof(*k));
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	int r;

	getsockname(fd, (struct sockaddr *)&ss, &len);
	if (ss.ss_family == AF_UNIX) {
		uv_pipe_init(&n->loop->uv, &k->pipe, 0);
		r = uv_pipe_open(&k->pipe, fd);
	} else {
		uv_tcp_init(&n->loop->uv, &k->tcp);
		r = uv_tcp_open(&k->tcp, fd);
		uv_tcp_nodelay(&k->tcp, 1);
		uv_tcp_keepalive(&k->tcp, 1, KEEPALIVE_S);
		set_options(n, fd, ss.ss_family);
	}
	if (r != 0) {
		close(fd);
		sock_close(k, NULL, NULL);
		return r;
	}
	*ret = k;
	return 0;
}

void sock_close(struct sock *k, void (*closed)(void *arg), void *arg)
{
	k->closed = closed;
	k->arg = arg;
	uv_close(&k->handle, on_closed);
}

int sock_fd(const struct sock *k)
{
	uv_os_fd_t fd;

	return k != NULL && uv_fileno(&k->handle, &fd) == 0 ? fd : -1;
}

void sock_addr_text(const struct sockaddr *sa, char ret[SOCK_NAME_MAX])
{
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 2], port[8];

	ret[0] = '\0';
	if (sa->sa_family == AF_UNIX) {
		memcpy(ret, "unix", sizeof("unix"));
		return;
	}
	if (sa->sa_family != AF_INET && sa->sa_family != AF_INET6)
		return;
	if (getnameinfo(sa, sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in), host,
		    sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return;
	snprintf(ret, SOCK_NAME_MAX, sa->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

void sock_peer_text(const struct sock *k, char ret[SOCK_NAME_MAX])
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);

	ret[0] = '\0';
	if (getpeername(sock_fd(k), (struct sockaddr *)&ss, &len) == 0)
		sock_addr_text((struct sockaddr *)&ss, ret);
}

enum zone sock_peer_zone(const struct sock *k)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);

	getpeername(sock_fd(k), (struct sockaddr *)&ss, &len);
	return zone_of((const struct sockaddr *)&ss);
}

static int is_net_down(int uv_err)
{
	return uv_err == UV_ENETUNREACH || uv_err == UV_EHOSTUNREACH || uv_err == UV_ENETDOWN || uv_err == UV_EHOSTDOWN;
}

int sock_fail_connect(struct fail *f, int uv_err)
{
	if (uv_err == UV_ETIMEDOUT)
		return fail_set(f, ERR_TIMEOUT, NULL);
	if (is_net_down(uv_err))
		return fail_set(f, ERR_NET_DOWN, "Failed to establish connection, cause: %s", strerror(-uv_err));
	return fail_set(f, ERR_CONNECT, "Failed to establish connection, cause: %s", strerror(-uv_err));
}

int sock_fail_io(struct fail *f, int uv_err)
{
	if (uv_err == UV_ETIMEDOUT)
		return fail_set(f, ERR_TIMEOUT, NULL);
	if (is_net_down(uv_err))
		return fail_set(f, ERR_NET_DOWN, NULL);
	if (uv_err == UV_ECONNRESET || uv_err == UV_EPIPE)
		return fail_set(f, ERR_RESET, NULL);
	return fail_set(f, ERR_RESET, "The connection broke: %s", strerror(-uv_err));
}
