/* SPDX-License-Identifier: MIT
 * TLS without sockets: ciphertext goes in by reference (the window), plaintext is decrypted straight into the caller's memory,
 * what is to be sent is gathered in one buffer per net, to be taken out before the next callback. Loop thread.
 *
 * Glossary
 *   window   ciphertext of the last read, in memory that all connections share
 *   rest     what remained of a window when reading stopped: the connection's own memory until it is decrypted
 */
#ifndef HAUL_NET_TLS_H
#define HAUL_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct net_conf;
struct ssl_ctx_st;
struct tls;
struct tls_ctx;

/* ---- shared by all connections of a net (tls_ctx.c) ---- */

/* With CA file or client certificate given, they are read now: 0 or ERR_TLS. conf must live as long. */
int tls_ctx_new(const struct net_conf *conf, struct tls_ctx **ret, struct fail *f);
void tls_ctx_free(struct tls_ctx *c); /* NULL is fine */
/* Context of a listener with its certificate chain and key (PEM); freed by tls_server_ctx_free. NULL: f says why. */
struct ssl_ctx_st *tls_server_ctx_new(const struct tls_ctx *c, const char *cert, const char *key, struct fail *f);
void tls_server_ctx_free(struct ssl_ctx_st *ctx);

/* What the connections have to send since the last tls_output_done. Valid until the next call on any struct tls. */
const char *tls_output(const struct tls_ctx *c, size_t *ret_len);
void tls_output_done(struct tls_ctx *c);

/* ---- one connection (tls.c) ---- */

#define TLS_END (-10000) /* of tls_read: the peer ended in order (close_notify) */

struct tls_peer {
	const char *host; /* name or literal address: SNI, name check, session key */
	uint16_t port;
	const char *alpn; /* NULL: none */
	bool check;	  /* verify chain and name */
};

struct tls *tls_client_new(struct tls_ctx *c, const struct tls_peer *p, struct fail *f); /* NULL: f says why */
struct tls *tls_server_new(struct tls_ctx *c, struct ssl_ctx_st *ctx, const char *peer);
void tls_free(struct tls *t); /* NULL is fine */

void tls_input(struct tls *t, const char *p, size_t n); /* the next window; the last one must be used up */
void tls_keep(struct tls *t);			       /* what is unread of the window becomes the rest */
bool tls_has_input(const struct tls *t);	       /* unread ciphertext or decrypted bytes */

int tls_handshake(struct tls *t, struct fail *f);		  /* 1 done, 0 more input needed, ERR_TLS, _BROKEN */
/* Bytes, 0 more input needed, TLS_END, ERR_TLS, ERR_TLS_BROKEN. */
ssize_t tls_read(struct tls *t, char *p, size_t n, struct fail *f);
int tls_write(struct tls *t, const char *p, size_t n, struct fail *f);	  /* takes all, keeping what can't be sent yet */
int tls_retry(struct tls *t, struct fail *f);				  /* after reading: send what was kept */
size_t tls_kept(const struct tls *t);					  /* bytes that tls_write keeps */
void tls_shutdown(struct tls *t);					  /* close_notify goes to the output */
bool tls_resumed(const struct tls *t);					  /* the handshake used an earlier session */

#endif
