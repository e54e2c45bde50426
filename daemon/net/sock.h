/* SPDX-License-Identifier: MIT
 * struct sock: a libuv TCP or pipe handle on the heap, apart from its user, so that the user may die first. Also the words for
 * what the system says went wrong with a connection. Loop thread.
 */
#ifndef HAUL_NET_SOCK_H
#define HAUL_NET_SOCK_H

#include <sys/socket.h>
#include <uv.h>

#include "base/err.h"
#include "net/zone.h"

struct net;

#define SOCK_NAME_MAX 80 /* "[address%scope]:port" */

struct sock {
	union {
		uv_handle_t handle; /* handle.data is the user's */
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	};
	void (*closed)(void *arg);
	void *arg;
};

/* A TCP socket with the options of n (buffer, DSCP, congestion control, local address), not connected. 0 or a libuv error. */
int sock_new(struct net *n, int family, struct sock **ret);
/* One of the names in the list of `interface` is an address, or an interface of this machine: 0, else ERR_INTERFACE. Others
 * are warned of in the log. */
int sock_check_interfaces(const char *list, struct fail *f);
/* Takes a connected descriptor (closed on error) of a TCP or Unix socket. 0 or a libuv error. */
int sock_adopt(struct net *n, int fd, struct sock **ret);
/* Closes; frees it in libuv's callback, after closed(arg) if that is not NULL. */
void sock_close(struct sock *k, void (*closed)(void *arg), void *arg);
int sock_fd(const struct sock *k); /* -1 when closed */

/* "1.2.3.4:80", "[::1]:80" or "unix"; "" for anything else. */
void sock_addr_text(const struct sockaddr *sa, char ret[SOCK_NAME_MAX]);
enum zone sock_peer_zone(const struct sock *k); /* PUBLIC when it has none, or no IP address */
void sock_peer_text(const struct sock *k, char ret[SOCK_NAME_MAX]);

/* Fill f for a libuv error while connecting, or on a connected stream; returns the code. */
int sock_fail_connect(struct fail *f, int uv_err);
int sock_fail_io(struct fail *f, int uv_err);

#endif
