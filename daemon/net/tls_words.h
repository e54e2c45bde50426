/* SPDX-License-Identifier: MIT
 * Why a TLS connection failed, in words that its user can act on. Pure; any thread.
 */
#ifndef HAUL_NET_TLS_WORDS_H
#define HAUL_NET_TLS_WORDS_H

/* verify: what checking the certificate gave (X509_V_OK: nothing wrong, or not checked); err: OpenSSL's first error, 0: none.
 * Never NULL. Constant text, or OpenSSL's own. */
const char *tls_words(long verify, unsigned long err);

/* How far a connection has come. */
enum tls_phase {
	TLS_HELLO, /* nothing was heard that is TLS */
	TLS_BEGUN, /* the peer speaks TLS, the handshake is not over */
	TLS_OPEN,
	TLS_NEVER, /* (none has come so far) */
};

/* In words, when it speaks of this connection only: something was damaged on the way, or the peer had trouble of the moment,
 * and a new connection may do. NULL: that is how the server is. */
const char *tls_damage(long verify, unsigned long err, enum tls_phase phase);

#endif
