/* SPDX-License-Identifier: MIT
 * sock_diag over netlink: one exact question, answered by the kernel before send returns.
 */
#include "net/peer.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"

struct question {
	struct nlmsghdr head;
	struct inet_diag_req_v2 req;
};

/* The other end's socket: what is remote here is local there. False for other families. */
static bool fill_id(int fd, struct question *q)
{
	struct sockaddr_storage here, there;
	socklen_t n = sizeof(here), m = sizeof(there);
	struct inet_diag_sockid *id = &q->req.id;

	if (getsockname(fd, (struct sockaddr *)&here, &n) != 0 || getpeername(fd, (struct sockaddr *)&there, &m) != 0)
		return false;
	if (here.ss_family == AF_INET && there.ss_family == AF_INET) {
		const struct sockaddr_in *us = (const struct sockaddr_in *)&here;
		const struct sockaddr_in *them = (const struct sockaddr_in *)&there;

		id->idiag_sport = them->sin_port;
		id->idiag_dport = us->sin_port;
		id->idiag_src[0] = them->sin_addr.s_addr;
		id->idiag_dst[0] = us->sin_addr.s_addr;
	} else if (here.ss_family == AF_INET6 && there.ss_family == AF_INET6) {
		const struct sockaddr_in6 *us = (const struct sockaddr_in6 *)&here;
		const struct sockaddr_in6 *them = (const struct sockaddr_in6 *)&there;

		id->idiag_sport = them->sin6_port;
		id->idiag_dport = us->sin6_port;
		memcpy(id->idiag_src, &them->sin6_addr, sizeof(id->idiag_src));
		memcpy(id->idiag_dst, &us->sin6_addr, sizeof(id->idiag_dst));
		id->idiag_if = them->sin6_scope_id;
	} else {
		return false;
	}
	id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	q->req.sdiag_family = (uint8_t)here.ss_family;
	q->req.sdiag_protocol = IPPROTO_TCP;
	q->req.idiag_states = ~0u;
	return true;
}

/* Reads the answer. Without a match the kernel may name a listener on that port, and a socket that its process has
 * closed has uid 0 and no inode: neither is a peer. A half-closed one is. */
static bool read_answer(const char *data, size_t len, uint32_t *ret)
{
	const struct nlmsghdr *head = (const void *)data;
	struct inet_diag_msg m;

	if (len < NLMSG_LENGTH(sizeof(m)) || head->nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return false;
	memcpy(&m, data + NLMSG_HDRLEN, sizeof(m));
	if (m.idiag_inode == 0 || (m.idiag_state != TCP_ESTABLISHED && m.idiag_state != TCP_FIN_WAIT1 &&
		m.idiag_state != TCP_FIN_WAIT2))
		return false;
	*ret = m.idiag_uid;
	return true;
}

int peer_uid(int fd, uint32_t *ret)
{
	struct question q = {.head = {.nlmsg_len = sizeof(q), .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		.nlmsg_flags = NLM_F_REQUEST}};
	_Alignas(struct nlmsghdr) char data[4096];
	ssize_t n = -1;
	int nl;

	if (!fill_id(fd, &q))
		return ERR_NOT_HERE;
	nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (nl < 0)
		return ERR_NOT_HERE;
	if (send(nl, &q, sizeof(q), 0) == (ssize_t)sizeof(q))
		n = recv(nl, data, sizeof(data), MSG_DONTWAIT);
	close(nl);
	return n > 0 && read_answer(data, (size_t)n, ret) ? 0 : ERR_NOT_HERE;
}
