/* SPDX-License-Identifier: MIT
 * A byte stream to the daemon: TCP, TLS or Unix socket. Calls wait (poll) with a limit of CONN_IDLE_MS without a byte,
 * and give up soon after a signal of the caller's signal descriptor, so that Ctrl-C works while a daemon hangs. One
 * thread.
 */
#ifndef HAUL_CLIENT_CONN_H
#define HAUL_CLIENT_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define CONN_IDLE_MS 30000 /* no byte for so long: ERR_TIMEOUT */

enum endpoint_kind { EP_TCP, EP_TLS, EP_UNIX };

/* Where the daemon is; owned strings, endpoint_free. */
struct endpoint {
	enum endpoint_kind kind;
	char *host; /* EP_TCP, EP_TLS */
	uint16_t port;
	char *path;	/* EP_UNIX: the socket's file */
	char *target;	/* HTTP request target, "/jsonrpc" unless the URL names another */
	char *hostport; /* for the Host field */
	char *basic;	/* base64 of user:password from the URL, or NULL; secret */
	char *show;	/* for people: without credentials and query, safe to print */
};

/* http://HOST[:PORT][/PATH], https://..., unix:PATH: 0 or ERR_USAGE. The port defaults to 6800 for http as aria2 has
 * it. */
int endpoint_parse(const char *text, struct endpoint *ret, struct fail *f);
void endpoint_free(struct endpoint *ep);

struct conn;

/* Connect, shake hands. intr_fd: a descriptor that becomes readable when the user wants to stop, or -1; it is not read.
 * 0; ERR_CONNECT with the system's word for it ("connection refused"); ERR_RESOLVE; ERR_TLS; ERR_TIMEOUT. */
int conn_open(const struct endpoint *ep, int intr_fd, struct conn **ret, struct fail *f);
void conn_hang_up(struct conn *c); /* NULL is fine */
int conn_fd(const struct conn *c);
/* Loopback or Unix socket, and the process at the other end runs as this user (kernel's word for it). */
bool conn_is_same_user(const struct conn *c);

/* All n bytes, or a negative error. */
int conn_send(struct conn *c, const void *p, size_t n, struct fail *f);
/* At least one byte; 0 at the end of the stream; or a negative error. */
ssize_t conn_read(struct conn *c, void *p, size_t n, struct fail *f);
/* The same without waiting: CONN_AGAIN when nothing can be done now. */
#define CONN_AGAIN (-1000)
ssize_t conn_try_read(struct conn *c, void *p, size_t n);
ssize_t conn_try_write(struct conn *c, const void *p, size_t n);
/* Wait until the last try can go on: 0, ERR_TIMEOUT, ERR_CANCELED. */
int conn_wait(struct conn *c, struct fail *f);
/* Wait until the other side has closed the connection, ms at most; what still comes is thrown away: 0, ERR_TIMEOUT,
 * ERR_CANCELED. */
int conn_wait_end(struct conn *c, int ms, struct fail *f);

#endif
