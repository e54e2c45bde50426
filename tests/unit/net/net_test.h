/* SPDX-License-Identifier: MIT
 * What the tests of net/ share: a loop with a net, a scripted end of a connection, certificates made on the spot. For
 * one .c file per program, hence static inline.
 */
#ifndef HAUL_TESTS_NET_TEST_H
#define HAUL_TESTS_NET_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <netinet/in.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/str.h"
#include "ev/loop.h"
#include "ev/timer.h"
#include "net/net.h"
#include "net/stream.h"

#define TEST_MS 20000 /* nothing here takes that long: the loop stops and the test fails */

struct fixture {
	struct loop l;
	struct net *n;
	struct timer guard;
};

static inline void on_guard(void *arg)
{
	(void)arg;
	fprintf(stderr, "the test took too long\n");
	_exit(1);
}

static inline int fixture_setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	struct fail f;

	*state = x;
	if (x == NULL || loop_init(&x->l, 4 * 1024 * 1024) != 0 || net_new(&x->l, NULL, &x->n, &f) != 0)
		return -1;
	timer_start(&x->l, &x->guard, TEST_MS, 0, on_guard, NULL);
	timer_unref(&x->guard);
	return 0;
}

/* Every test ends with everything closed. */
static inline int fixture_teardown(void **state)
{
	struct fixture *x = *state;
	int r;

	net_free(x->n);
	timer_stop(&x->guard);
	r = loop_close(&x->l);
	if (r != 0)
		fprintf(stderr, "loop_close: %s\n", uv_strerror(r));
	free(x);
	return r;
}

#define WAIT_FOR(x, cond)                                                                                              \
	do {                                                                                                           \
		while (!(cond))                                                                                        \
			uv_run(&(x)->l.uv, UV_RUN_ONCE);                                                               \
	} while (0)

/* One end of a connection as the tests see it; zeroed, then end_dial or accepted. */
struct end {
	struct fixture *x;
	struct stream *s;
	int opened, err, ended, end_err, drained;
	struct fail fail;
	char buf[4096];
	size_t room;					/* what `space` offers; 0: pauses */
	size_t got;					/* bytes received */
	char first[256];				/* the beginning of what was received */
	void (*hook)(struct end *e, const char *where); /* called in every callback, may close */
};

static inline void end_hook(struct end *e, const char *where)
{
	if (e->hook != NULL)
		e->hook(e, where);
}

static inline void end_open(void *owner, int err, const struct fail *f)
{
	struct end *e = owner;

	e->opened++;
	e->err = err;
	e->fail = *f;
	end_hook(e, "open");
}

static inline void end_space(void *owner, struct span *ret)
{
	struct end *e = owner;

	*ret = (struct span){e->buf, e->room};
	end_hook(e, "space");
}

static inline void end_data(void *owner, size_t n)
{
	struct end *e = owner;

	if (e->got < sizeof(e->first) - 1)
		memcpy(e->first + e->got, e->buf,
			n < sizeof(e->first) - 1 - e->got ? n : sizeof(e->first) - 1 - e->got);
	e->got += n;
	end_hook(e, "data");
}

static inline void end_end(void *owner, int err, const struct fail *f)
{
	struct end *e = owner;

	e->ended++;
	e->end_err = err;
	e->fail = *f;
	end_hook(e, "end");
}

static inline void end_drained(void *owner)
{
	struct end *e = owner;

	e->drained++;
	end_hook(e, "drained");
}

static const struct stream_ops end_ops = {
	.open = end_open, .space = end_space, .data = end_data, .end = end_end, .drained = end_drained};

static inline void end_dial(struct fixture *x, struct end *e, const char *host, uint16_t port, bool tls)
{
	struct dial_req req = {.host = host, .port = port, .tls = tls, .alpn = "http/1.1", .connect_timeout_ms = 5000};

	req.check_certificate = true;
	e->x = x;
	if (e->room == 0)
		e->room = sizeof(e->buf);
	e->s = stream_dial(x->n, &req, &end_ops, e);
}

static inline void end_accept(void *owner, struct stream *s)
{
	struct end *e = owner;

	e->s = s;
	if (e->room == 0)
		e->room = sizeof(e->buf);
	stream_set_owner(s, &end_ops, e);
}

static inline void end_close(struct end *e)
{
	stream_close(e->s);
	e->s = NULL;
}

static inline struct listener *listen_on(struct fixture *x, const char *address, accept_cb cb, void *owner)
{
	struct listen_req req = {.address = address, .fd = -1};
	struct listener *l = NULL;
	struct fail f = {0};

	if (listener_open(x->n, &req, cb, owner, &l, &f) != 0)
		fail_msg("%s", f.text);
	return l;
}

/* A port of 127.0.0.1 that is bound but refuses: kept by *ret_fd until that is closed. */
static inline uint16_t refused_port(int *ret_fd)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	*ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(*ret_fd, (struct sockaddr *)&a, sizeof(a)), 0);
	getsockname(*ret_fd, (struct sockaddr *)&a, &len);
	return ntohs(a.sin_port);
}

/* A plain blocking listening socket on 127.0.0.1. */
static inline int raw_listen(int backlog, uint16_t *ret_port)
{
	int fd;

	*ret_port = refused_port(&fd);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

/* ---- certificates ---- */

struct cert {
	EVP_PKEY *key;
	X509 *x;
};

static inline void cert_free(struct cert *c)
{
	EVP_PKEY_free(c->key);
	X509_free(c->x);
	*c = (struct cert){0};
}

static inline void cert_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

/* san: "DNS:example.org,IP:127.0.0.1", or NULL for an authority; issuer NULL: self-signed; days: end of validity from
 * now */
static inline struct cert cert_make(const char *san, const struct cert *issuer, int days)
{
	struct cert c = {EVP_EC_gen("P-256"), X509_new()};
	X509_NAME *name = X509_get_subject_name(c.x);

	X509_set_version(c.x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(c.x), issuer != NULL ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(c.x), -86400L * 30);
	X509_gmtime_adj(X509_getm_notAfter(c.x), 86400L * days);
	X509_set_pubkey(c.x, c.key);
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const unsigned char *)(san != NULL ? "server" : "test CA"), -1, -1, 0);
	X509_set_issuer_name(c.x, issuer != NULL ? X509_get_subject_name(issuer->x) : name);
	cert_ext(c.x, issuer != NULL ? issuer->x : c.x, NID_basic_constraints,
		san != NULL ? "CA:FALSE" : "critical,CA:TRUE");
	if (san != NULL)
		cert_ext(c.x, issuer != NULL ? issuer->x : c.x, NID_subject_alt_name, san);
	assert_true(X509_sign(c.x, issuer != NULL ? issuer->key : c.key, EVP_sha256()) > 0);
	return c;
}

/* Writes DIR/NAME.crt and DIR/NAME.key. */
static inline void cert_write(const struct cert *c, const char *dir, const char *name)
{
	char path[256];
	FILE *fp;

	snprintf(path, sizeof(path), "%s/%s.crt", dir, name);
	fp = fopen(path, "w");
	assert_non_null(fp);
	PEM_write_X509(fp, c->x);
	fclose(fp);
	snprintf(path, sizeof(path), "%s/%s.key", dir, name);
	fp = fopen(path, "w");
	assert_non_null(fp);
	PEM_write_PrivateKey(fp, c->key, NULL, NULL, 0, NULL, NULL);
	fclose(fp);
}

#endif
