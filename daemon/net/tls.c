/* SPDX-License-Identifier: MIT
 * One TLS connection on a window BIO: OpenSSL reads its records out of memory that it is handed, nothing is queued
 * between the socket's buffer and the owner's block.
 */
#include "net/tls.h"

#include <arpa/inet.h>
#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/str.h"
#include "net/tls_internal.h"
#include "net/tls_words.h"

#define NAME_MAX_DNS 253

static int bio_read(BIO *b, char *p, int n)
{
	struct tls *t = BIO_get_data(b);
	size_t len = n > 0 ? (size_t)n : 0;

	BIO_clear_retry_flags(b);
	if (t->in_len == 0) {
		BIO_set_retry_read(b);
		return -1;
	}
	if (len > t->in_len)
		len = t->in_len;
	memcpy(p, t->in, len);
	t->in += len;
	t->in_len -= len;
	if (t->in_len == 0) {
		free(t->rest);
		t->rest = NULL;
	}
	return (int)len;
}

static int bio_write(BIO *b, const char *p, int n)
{
	struct tls *t = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (n > 0)
		tls_out_add(t->ctx, p, (size_t)n);
	return n;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

static int bio_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

void tls_bio_setup(BIO_METHOD *m)
{
	BIO_meth_set_read(m, bio_read);
	BIO_meth_set_write(m, bio_write);
	BIO_meth_set_ctrl(m, bio_ctrl);
	BIO_meth_set_create(m, bio_create);
}

static enum tls_phase phase_of(const struct tls *t)
{
	OSSL_HANDSHAKE_STATE state = SSL_get_state(t->ssl);

	if (t->opened)
		return TLS_OPEN;
	return state == TLS_ST_BEFORE || state == TLS_ST_CW_CLNT_HELLO ? TLS_HELLO : TLS_BEGUN;
}

static int fail_tls(struct tls *t, struct fail *f)
{
	bool checked = t->session_key != NULL && SSL_get_verify_mode(t->ssl) != SSL_VERIFY_NONE;
	long v = checked ? SSL_get_verify_result(t->ssl) : X509_V_OK;
	unsigned long err = ERR_peek_error();
	const char *damage = tls_damage(v, err, phase_of(t));

	ERR_clear_error();
	if (damage != NULL)
		return fail_set(f, ERR_TLS_BROKEN, "TLS: %s (%s)", damage, t->name);
	return fail_set(f, ERR_TLS, "TLS: %s (%s)", tls_words(v, err), t->name);
}

/* What a call that did not succeed means: 0 wants input, TLS_END, ERR_TLS or ERR_TLS_BROKEN. Output never blocks. */
static int result(struct tls *t, int r, struct fail *f)
{
	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_END;
	default:
		return fail_tls(t, f);
	}
}

static struct tls *tls_new(struct tls_ctx *c, SSL_CTX *ctx, const char *name)
{
	struct tls *t = xcalloc(1, sizeof(*t));
	BIO *b = BIO_new(c->bio);

	t->ctx = c;
	t->ssl = SSL_new(ctx);
	if (t->ssl == NULL || b == NULL) {
		SSL_free(t->ssl);
		BIO_free(b);
		free(t);
		return NULL;
	}
	t->name = xstrdup(name);
	BIO_set_data(b, t);
	SSL_set_bio(t->ssl, b, b);
	SSL_set_app_data(t->ssl, t);
	return t;
}

static bool is_address(const char *host)
{
	struct in6_addr a;

	return inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1;
}

/* SNI carries names only (RFC 6066 section 3); a certificate names an address in its own kind of field (RFC
 * 9110 4.3.5). */
static int set_peer_name(SSL *ssl, const char *host, bool check)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	bool address = is_address(host);

	if (!address && SSL_set_tlsext_host_name(ssl, host) != 1)
		return -1;
	if (!check)
		return 0;
	SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	if (address)
		return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1 ? 0 : -1;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 ? 0 : -1;
}

static int set_alpn(SSL *ssl, const char *alpn)
{
	unsigned char wire[64];
	size_t n = alpn != NULL ? strlen(alpn) : 0;

	if (n == 0)
		return 0;
	if (n >= sizeof(wire))
		return -1;
	wire[0] = (unsigned char)n;
	memcpy(wire + 1, alpn, n);
	return SSL_set_alpn_protos(ssl, wire, (unsigned)n + 1); /* 0 is success here */
}

/* The name without the root's dot, the address without its zone. */
static char *plain_host(const char *host)
{
	size_t n = strcspn(host, "%");

	if (n > 1 && host[n - 1] == '.')
		n--;
	return xstrndup(host, n);
}

struct tls *tls_client_new(struct tls_ctx *c, const struct tls_peer *p, struct fail *f)
{
	SSL_CTX *ctx = tls_client_ctx(c, f);
	struct tls *t;
	char *host;

	if (ctx == NULL)
		return NULL;
	host = plain_host(p->host);
	t = tls_new(c, ctx, host);
	if (t == NULL || strlen(host) > NAME_MAX_DNS || set_peer_name(t->ssl, host, p->check) != 0 ||
		set_alpn(t->ssl, p->alpn) != 0) {
		fail_set(f, ERR_TLS, "TLS: the host name %.80s can't be used", host);
		tls_free(t);
		free(host);
		return NULL;
	}
	t->session_key = xasprintf("%s %u %d", host, p->port, p->check);
	free(host);
	SSL_set_connect_state(t->ssl);
	tls_session_use(c, t);
	return t;
}

struct tls *tls_server_new(struct tls_ctx *c, SSL_CTX *ctx, const char *peer)
{
	struct tls *t = tls_new(c, ctx, peer);

	if (t != NULL)
		SSL_set_accept_state(t->ssl);
	return t;
}

void tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	/* without this OpenSSL takes the session for broken and forbids to resume it */
	if (!SSL_in_init(t->ssl))
		SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	if (t->kept != NULL)
		OPENSSL_cleanse(t->kept, t->kept_len);
	free(t->kept);
	free(t->rest);
	free(t->name);
	free(t->session_key);
	free(t);
}

void tls_input(struct tls *t, const char *p, size_t n)
{
	t->in = p;
	t->in_len = n;
}

void tls_keep(struct tls *t)
{
	if (t->in_len == 0 || t->rest != NULL)
		return;
	t->rest = xmalloc(t->in_len);
	memcpy(t->rest, t->in, t->in_len);
	t->in = t->rest;
}

bool tls_has_input(const struct tls *t)
{
	return t->in_len > 0 || SSL_pending(t->ssl) > 0;
}

int tls_handshake(struct tls *t, struct fail *f)
{
	int r;

	ERR_clear_error();
	r = SSL_do_handshake(t->ssl);
	if (r == 1) {
		t->opened = true;
		return 1;
	}
	r = result(t, r, f);
	return r == TLS_END ? fail_set(f, ERR_TLS_BROKEN, "TLS: the handshake was ended by the peer (%s)", t->name) : r;
}

ssize_t tls_read(struct tls *t, char *p, size_t n, struct fail *f)
{
	size_t got = 0;
	int r;

	ERR_clear_error();
	r = SSL_read_ex(t->ssl, p, n, &got);
	if (r == 1)
		return (ssize_t)got;
	return result(t, r, f);
}

/* Encrypts as much as OpenSSL takes; 0 with *used < n: it wants input first (handshake or renegotiation). */
static int encrypt(struct tls *t, const char *p, size_t n, size_t *used, struct fail *f)
{
	size_t done;
	int r;

	*used = 0;
	while (*used < n) {
		ERR_clear_error();
		r = SSL_write_ex(t->ssl, p + *used, n - *used, &done);
		if (r != 1) {
			r = result(t, r, f);
			return r == TLS_END ? fail_set(f, ERR_RESET, NULL) : r;
		}
		*used += done;
	}
	return 0;
}

int tls_write(struct tls *t, const char *p, size_t n, struct fail *f)
{
	size_t used = 0;
	int r = 0;

	if (t->kept_len == 0 && !SSL_in_init(t->ssl))
		r = encrypt(t, p, n, &used, f);
	if (r != 0 || used == n)
		return r;
	t->kept = xrealloc(t->kept, t->kept_len + (n - used));
	memcpy(t->kept + t->kept_len, p + used, n - used);
	t->kept_len += n - used;
	return 0;
}

int tls_retry(struct tls *t, struct fail *f)
{
	size_t used;
	int r;

	if (t->kept_len == 0)
		return 0;
	r = encrypt(t, t->kept, t->kept_len, &used, f);
	t->kept_len -= used;
	memmove(t->kept, t->kept + used, t->kept_len);
	if (t->kept_len == 0) {
		free(t->kept);
		t->kept = NULL;
	}
	return r;
}

size_t tls_kept(const struct tls *t)
{
	return t->kept_len;
}

void tls_shutdown(struct tls *t)
{
	if (SSL_in_init(t->ssl))
		return;
	ERR_clear_error();
	SSL_shutdown(t->ssl);
}

bool tls_resumed(const struct tls *t)
{
	return SSL_session_reused(t->ssl) == 1;
}
