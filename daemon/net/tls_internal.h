/* SPDX-License-Identifier: MIT
 * Shared by tls.c and tls_ctx.c only.
 */
#ifndef HAUL_NET_TLS_INTERNAL_H
#define HAUL_NET_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "net/tls.h"

struct session; /* one remembered client session */

struct tls_ctx {
	const struct net_conf *conf;
	SSL_CTX *client;	 /* NULL until the first https connection */
	BIO_METHOD *bio;	 /* the window BIO; its data is the struct tls */
	struct session *sessions; /* uthash, oldest first */
	char *out;
	size_t out_len, out_cap;
};

struct tls {
	struct tls_ctx *ctx;
	SSL *ssl;
	bool opened; /* the handshake is over */
	const char *in; /* unread ciphertext: in the window or in rest */
	size_t in_len;
	char *rest; /* own memory of `in`, or NULL */
	char *kept; /* plaintext that could not be encrypted yet */
	size_t kept_len;
	char *name; /* of the peer, for messages */
	char *session_key; /* clients: host, port and checks; NULL on servers */
};

/* tls.c */
void tls_bio_setup(BIO_METHOD *m);

/* tls_ctx.c */
SSL_CTX *tls_client_ctx(struct tls_ctx *c, struct fail *f); /* made on first use */
void tls_session_use(struct tls_ctx *c, struct tls *t);	    /* offer a remembered session */
void tls_out_add(struct tls_ctx *c, const char *p, size_t n);
const char *tls_reason(void); /* text of the first OpenSSL error, the cause of the others; empties the queue */

#endif
