/* SPDX-License-Identifier: MIT
 * What TLS connections share: contexts with the trusted authorities and certificates, remembered sessions, the output
 * buffer.
 */
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <uthash.h>

#include "base/log.h"
#include "base/str.h"
#include "net/net_internal.h"
#include "net/tls_internal.h"
#include "net/tls_words.h"

#define SESSIONS_MAX 256
#define OUT_KEEP     (256 * 1024) /* an output buffer above this is given back after use */

struct session {
	char *key;
	SSL_SESSION *s;
	UT_hash_handle hh;
};

/* Where the systems that are not OpenSSL's own idea of itself keep their bundle. */
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/ca-bundle.pem",
	"/var/lib/ca-certificates/ca-bundle.pem",
	"/etc/pki/tls/cacert.pem",
	"/etc/ssl/cert.pem",
	"/usr/local/share/certs/ca-root-nss.crt",
};

static const unsigned char http11[] = "\x08http/1.1";

const char *tls_reason(void)
{
	const char *text = tls_words(X509_V_OK, ERR_peek_error());

	ERR_clear_error();
	return text;
}

/* OpenSSL would ask the terminal. */
static int no_password(char *buf, int size, int rw, void *arg)
{
	(void)buf;
	(void)size;
	(void)rw;
	(void)arg;
	return -1;
}

static void session_drop(struct tls_ctx *c, struct session *e)
{
	HASH_DEL(c->sessions, e);
	SSL_SESSION_free(e->s);
	free(e->key);
	free(e);
}

/* Called by OpenSSL with each ticket; the newest one of a peer is kept. */
static int on_session(SSL *ssl, SSL_SESSION *s)
{
	struct tls *t = SSL_get_app_data(ssl);
	struct tls_ctx *c = t->ctx;
	struct session *e;

	HASH_FIND_STR(c->sessions, t->session_key, e);
	if (e != NULL)
		session_drop(c, e);
	else if (HASH_COUNT(c->sessions) >= SESSIONS_MAX)
		session_drop(c, c->sessions);
	e = xcalloc(1, sizeof(*e));
	e->key = xstrdup(t->session_key);
	e->s = s;
	HASH_ADD_KEYPTR(hh, c->sessions, e->key, strlen(e->key), e);
	return 1;
}

void tls_session_use(struct tls_ctx *c, struct tls *t)
{
	struct session *e;

	HASH_FIND_STR(c->sessions, t->session_key, e);
	if (e == NULL)
		return;
	if (SSL_SESSION_is_resumable(e->s))
		SSL_set_session(t->ssl, e->s);
	else
		session_drop(c, e);
}

void tls_out_add(struct tls_ctx *c, const char *p, size_t n)
{
	if (c->out_len + n > c->out_cap) {
		c->out_cap = (c->out_len + n) * 2;
		c->out = xrealloc(c->out, c->out_cap);
	}
	memcpy(c->out + c->out_len, p, n);
	c->out_len += n;
}

const char *tls_output(const struct tls_ctx *c, size_t *ret_len)
{
	*ret_len = c->out_len;
	return c->out;
}

void tls_output_done(struct tls_ctx *c)
{
	c->out_len = 0;
	if (c->out_cap > OUT_KEEP) {
		free(c->out);
		c->out = NULL;
		c->out_cap = 0;
	}
}

static void set_common(SSL_CTX *ctx, const struct net_conf *conf)
{
	SSL_CTX_set_min_proto_version(ctx, conf->min_tls);
	if (conf->min_tls < TLS1_2_VERSION)
		SSL_CTX_set_cipher_list(ctx, "DEFAULT:@SECLEVEL=0"); /* TLS 1.1 signs with SHA-1 */
	SSL_CTX_set_mode(
		ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
}

/* PKCS #12 (RFC 7292) holds certificate, chain and key in one file; NULL: it is not of that form. */
static PKCS12 *read_pkcs12(const char *path)
{
	BIO *in = BIO_new_file(path, "rb");
	PKCS12 *p = in != NULL ? d2i_PKCS12_bio(in, NULL) : NULL;

	BIO_free(in);
	ERR_clear_error();
	return p;
}

/* Takes p. Only files without a password, as in aria2. */
static int load_pkcs12(SSL_CTX *ctx, PKCS12 *p, const char *path, struct fail *f)
{
	STACK_OF(X509) *chain = NULL;
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	bool ok = PKCS12_parse(p, "", &key, &cert, &chain) == 1 && key != NULL && cert != NULL &&
		  SSL_CTX_use_cert_and_key(ctx, cert, key, chain, 1) == 1;

	PKCS12_free(p);
	EVP_PKEY_free(key);
	X509_free(cert);
	sk_X509_pop_free(chain, X509_free);
	if (!ok)
		return fail_set(f, ERR_TLS, "can't use %s (PKCS #12; it must have key and certificate, and no password): %s",
			path, tls_reason());
	return 0;
}

static int load_chain(SSL_CTX *ctx, const char *cert, const char *key, struct fail *f)
{
	PKCS12 *both = read_pkcs12(cert);

	if (both != NULL)
		return load_pkcs12(ctx, both, cert, f);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		return fail_set(f, ERR_TLS, "can't use the certificate %s: %s", cert, tls_reason());
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		return fail_set(f, ERR_TLS, "can't use the private key %s: %s", key, tls_reason());
	if (SSL_CTX_check_private_key(ctx) != 1)
		return fail_set(f, ERR_TLS, "the key %s does not belong to the certificate %s", key, cert);
	return 0;
}

static bool default_file_readable(void)
{
	const char *file = getenv(X509_get_default_cert_file_env());

	if (file != NULL || getenv(X509_get_default_cert_dir_env()) != NULL)
		return true;
	return access(X509_get_default_cert_file(), R_OK) == 0;
}

static void load_default_ca(SSL_CTX *ctx)
{
	SSL_CTX_set_default_verify_paths(ctx);
	if (default_file_readable())
		return;
	for (size_t i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++)
		if (SSL_CTX_load_verify_file(ctx, bundles[i]) == 1)
			return;
	ERR_clear_error();
	log_warn(TLS,
		"no certificate authorities found: https servers can't be verified; name a file with ca-certificate");
}

static int load_trust(SSL_CTX *ctx, const struct net_conf *conf, struct fail *f)
{
	if (conf->ca_file == NULL)
		load_default_ca(ctx);
	else if (SSL_CTX_load_verify_file(ctx, conf->ca_file) != 1)
		return fail_set(
			f, ERR_TLS, "can't read the certificate authorities in %s: %s", conf->ca_file, tls_reason());
	return 0;
}

SSL_CTX *tls_client_ctx(struct tls_ctx *c, struct fail *f)
{
	const struct net_conf *conf = c->conf;
	SSL_CTX *ctx;

	if (c->client != NULL)
		return c->client;
	ctx = SSL_CTX_new(TLS_client_method());
	if (ctx == NULL) {
		fail_set(f, ERR_TLS, "TLS: %s", tls_reason());
		return NULL;
	}
	set_common(ctx, conf);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	SSL_CTX_set_post_handshake_auth(ctx, conf->cert_file != NULL);
	if (load_trust(ctx, conf, f) != 0)
		goto fail;
	if (conf->cert_file != NULL &&
		load_chain(ctx, conf->cert_file, conf->key_file != NULL ? conf->key_file : conf->cert_file, f) != 0)
		goto fail;
	c->client = ctx;
	return ctx;
fail:
	SSL_CTX_free(ctx);
	return NULL;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
	unsigned in_len, void *arg)
{
	unsigned char *sel;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&sel, out_len, http11, sizeof(http11) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = sel;
	return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *tls_server_ctx_new(const struct tls_ctx *c, const char *cert, const char *key, struct fail *f)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL) {
		fail_set(f, ERR_TLS, "TLS: %s", tls_reason());
		return NULL;
	}
	set_common(ctx, c->conf);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_id_context(ctx, http11, sizeof(http11) - 1);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	if (load_chain(ctx, cert, key, f) != 0) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

void tls_server_ctx_free(SSL_CTX *ctx)
{
	SSL_CTX_free(ctx);
}

int tls_ctx_new(const struct net_conf *conf, struct tls_ctx **ret, struct fail *f)
{
	struct tls_ctx *c = xcalloc(1, sizeof(*c));

	c->conf = conf;
	c->bio = BIO_meth_new(BIO_TYPE_MEM, "window");
	if (c->bio == NULL) {
		free(c);
		return fail_set(f, ERR_NOMEM, NULL);
	}
	tls_bio_setup(c->bio);
	if ((conf->ca_file != NULL || conf->cert_file != NULL) && tls_client_ctx(c, f) == NULL) {
		tls_ctx_free(c);
		return ERR_TLS;
	}
	*ret = c;
	return 0;
}

void tls_ctx_free(struct tls_ctx *c)
{
	if (c == NULL)
		return;
	while (c->sessions != NULL)
		session_drop(c, c->sessions);
	SSL_CTX_free(c->client);
	BIO_meth_free(c->bio);
	free(c->out);
	free(c);
}
