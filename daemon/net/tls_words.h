/* SPDX-License-Identifier: MIT
 * Why a TLS connection failed, in words that its user can act on. Pure; any thread.
 */
#ifndef HAUL_NET_TLS_WORDS_H
#define HAUL_NET_TLS_WORDS_H

/* verify: what checking the certificate gave (X509_V_OK: nothing wrong, or not checked); err: OpenSSL's first error, 0: none.
 * Never NULL. Constant text, or OpenSSL's own. */
const char *tls_words(long verify, unsigned long err);

#endif
