/* SPDX-License-Identifier: MIT
 * Tests of TLS streams: what is verified, how it ends, sessions, pausing in the middle of a window.
 */
#include "net_test.h"

#include "net/stream_internal.h"
#include "net/tls_ctx.c"

struct tls_fixture {
	struct fixture base; /* first: the shared setup knows only this */
	char dir[32];
	struct cert ca, server;
	struct listener *l;
	struct end client, peer;
};

static char *path_in(const struct tls_fixture *t, const char *name)
{
	return xasprintf("%s/%s", t->dir, name);
}

static void listen_tls(struct tls_fixture *t, const char *name)
{
	char *cert = xasprintf("%s/%s.crt", t->dir, name), *key = xasprintf("%s/%s.key", t->dir, name);
	struct listen_req req = {.address = "127.0.0.1", .fd = -1, .cert = cert, .key = key};
	struct fail f;

	t->peer.x = &t->base;
	if (listener_open(t->base.n, &req, end_accept, &t->peer, &t->l, &f) != 0)
		fail_msg("%s", f.text);
	free(cert);
	free(key);
}

/* A net that trusts the test's authority, and a server certificate for localhost and 127.0.0.1. */
static int setup(void **state)
{
	struct tls_fixture *t = calloc(1, sizeof(*t));
	struct fail f;

	*state = t;
	memcpy(t->dir, "/tmp/haul-test-XXXXXX", sizeof("/tmp/haul-test-XXXXXX"));
	if (mkdtemp(t->dir) == NULL || loop_init(&t->base.l, 0) != 0 || net_new(&t->base.l, NULL, &t->base.n, &f) != 0)
		return -1;
	t->ca = cert_make(NULL, NULL, 30);
	t->server = cert_make("DNS:localhost,IP:127.0.0.1", &t->ca, 30);
	cert_write(&t->ca, t->dir, "ca");
	cert_write(&t->server, t->dir, "server");
	t->base.n->conf.ca_file = path_in(t, "ca.crt");
	timer_start(&t->base.l, &t->base.guard, TEST_MS, 0, on_guard, NULL);
	timer_unref(&t->base.guard);
	return 0;
}

static int teardown(void **state)
{
	struct tls_fixture *t = *state;
	char *rm = xasprintf("rm -r '%s'", t->dir);

	end_close(&t->client);
	end_close(&t->peer);
	listener_close(t->l);
	cert_free(&t->ca);
	cert_free(&t->server);
	if (system(rm) != 0)
		fprintf(stderr, "%s failed\n", rm);
	free(rm);
	return fixture_teardown(state);
}

static void dial(struct tls_fixture *t, const char *host)
{
	end_dial(&t->base, &t->client, host, listener_port(t->l), true);
}

static void dial_and_wait(struct tls_fixture *t, const char *host)
{
	t->client.opened = 0;
	dial(t, host);
	WAIT_FOR(&t->base, t->client.opened);
}

static void assert_refused(struct tls_fixture *t, const char *text)
{
	assert_int_equal(t->client.err, ERR_TLS);
	assert_string_equal(t->client.fail.text, text);
}

static void test_hello(void **state)
{
	struct tls_fixture *t = *state;

	listen_tls(t, "server");
	dial_and_wait(t, "127.0.0.1");
	assert_int_equal(t->client.err, 0);
	stream_write(t->client.s, "hello", 5);
	assert_int_equal(t->client.drained, 0);
	WAIT_FOR(&t->base, t->peer.got == 5 && t->client.drained == 1);
	assert_string_equal(t->peer.first, "hello");
	stream_write(t->peer.s, "and back", 8);
	WAIT_FOR(&t->base, t->client.got == 8);
	assert_string_equal(t->client.first, "and back");
	end_close(&t->client);
	WAIT_FOR(&t->base, t->peer.ended);
	assert_int_equal(t->peer.end_err, 0); /* close_notify */
}

static void test_name(void **state)
{
	struct tls_fixture *t = *state;

	listen_tls(t, "server");
	dial_and_wait(t, "localhost");
	assert_int_equal(t->client.err, 0);
	assert_string_equal(SSL_get_servername(t->client.s->tls->ssl, TLSEXT_NAMETYPE_host_name), "localhost");
}

static void assert_sni(struct tls_fixture *t, const char *host, const char *want)
{
	struct tls_peer p = {.host = host, .port = 443, .check = true};
	struct tls *one = tls_client_new(t->base.n->tls, &p, &(struct fail){0});
	const char *sni;

	assert_non_null(one);
	sni = SSL_get_servername(one->ssl, TLSEXT_NAMETYPE_host_name);
	if (want == NULL)
		assert_null(sni);
	else
		assert_string_equal(sni, want);
	tls_free(one);
}

static void test_sni_is_for_names(void **state)
{
	assert_sni(*state, "example.org", "example.org");
	assert_sni(*state, "example.org.", "example.org");
	assert_sni(*state, "192.0.2.1", NULL);
	assert_sni(*state, "2001:db8::1", NULL);
	assert_sni(*state, "fe80::1%eth0", NULL);
}

static void with_cert(struct tls_fixture *t, const char *san, const struct cert *issuer, int days)
{
	struct cert c = cert_make(san, issuer, days);

	cert_write(&c, t->dir, "other");
	cert_free(&c);
	listen_tls(t, "other");
	dial_and_wait(t, "127.0.0.1");
}

static void test_wrong_address(void **state)
{
	struct tls_fixture *t = *state;

	with_cert(t, "DNS:localhost,IP:127.0.0.2", &t->ca, 30);
	assert_refused(t, "TLS: the certificate is not of this address: use the host's name (127.0.0.1)");
	assert_int_equal(t->peer.got, 0);
}

static void test_wrong_name(void **state)
{
	struct tls_fixture *t = *state;
	struct cert c = cert_make("DNS:example.org,DNS:*.localhost", &t->ca, 30);

	cert_write(&c, t->dir, "other");
	cert_free(&c);
	listen_tls(t, "other");
	dial_and_wait(t, "localhost");
	assert_refused(t, "TLS: the certificate is of another host name (localhost)");
}

static void test_expired(void **state)
{
	struct tls_fixture *t = *state;

	with_cert(t, "IP:127.0.0.1", &t->ca, -1);
	assert_refused(t, "TLS: the certificate has expired (127.0.0.1)");
}

static void test_self_signed(void **state)
{
	struct tls_fixture *t = *state;

	with_cert(t, "IP:127.0.0.1", NULL, 30);
	assert_refused(t, "TLS: the certificate is self-signed: no authority vouches for it; "
			  "if it is yours, name it with ca-certificate (127.0.0.1)");
}

static void test_unknown_issuer(void **state)
{
	struct tls_fixture *t = *state;
	struct cert other = cert_make(NULL, NULL, 30);

	X509_NAME_add_entry_by_txt(
		X509_get_subject_name(other.x), "O", MBSTRING_ASC, (const unsigned char *)"other", -1, -1, 0);
	with_cert(t, "IP:127.0.0.1", &other, 30);
	cert_free(&other);
	assert_refused(t, "TLS: the certificate was issued by an authority that is not trusted here, or the server leaves out the "
			  "certificates between; ca-certificate names a file with more authorities (127.0.0.1)");
}

/* Unchecked by wish; a session made that way is not used by a connection that checks. */
static void test_no_check(void **state)
{
	struct tls_fixture *t = *state;
	struct dial_req req = {.host = "127.0.0.1", .tls = true, .connect_timeout_ms = 5000};
	struct cert c = cert_make("DNS:nobody", NULL, 30);

	cert_write(&c, t->dir, "other");
	cert_free(&c);
	listen_tls(t, "other");
	req.port = listener_port(t->l);
	t->client.room = 10;
	t->client.s = stream_dial(t->base.n, &req, &end_ops, &t->client);
	WAIT_FOR(&t->base, t->client.opened && t->peer.s != NULL);
	assert_int_equal(t->client.err, 0);
	stream_write(t->peer.s, "x", 1);
	WAIT_FOR(&t->base, t->client.got == 1);
	end_close(&t->client);
	end_close(&t->peer);
	dial_and_wait(t, "127.0.0.1");
	assert_refused(t, "TLS: the certificate is self-signed: no authority vouches for it; "
			  "if it is yours, name it with ca-certificate (127.0.0.1)");
}

static void test_resumption(void **state)
{
	struct tls_fixture *t = *state;

	listen_tls(t, "server");
	for (int i = 0; i < 3; i++) {
		t->client.got = 0;
		dial_and_wait(t, "127.0.0.1");
		assert_int_equal(t->client.err, 0);
		assert_int_equal(tls_resumed(t->client.s->tls), i > 0);
		stream_write(t->peer.s, "x", 1);
		WAIT_FOR(&t->base, t->client.got == 1);
		end_close(&t->client);
		end_close(&t->peer);
	}
	dial_and_wait(t, "localhost");
	assert_false(tls_resumed(t->client.s->tls));
}

static void test_resumption_tls12(void **state)
{
	struct tls_fixture *t = *state;

	listen_tls(t, "server");
	assert_non_null(tls_client_ctx(t->base.n->tls, &(struct fail){0}));
	SSL_CTX_set_max_proto_version(t->base.n->tls->client, TLS1_2_VERSION);
	for (int i = 0; i < 2; i++) {
		dial_and_wait(t, "127.0.0.1");
		assert_int_equal(t->client.err, 0);
		assert_int_equal(tls_resumed(t->client.s->tls), i > 0);
		end_close(&t->client);
		end_close(&t->peer);
	}
}

static void test_version_too_low(void **state)
{
	struct tls_fixture *t = *state;

	listen_tls(t, "server");
	t->base.n->conf.min_tls = TLS1_2_VERSION;
	assert_non_null(tls_client_ctx(t->base.n->tls, &(struct fail){0}));
	SSL_CTX_set_min_proto_version(t->base.n->tls->client, TLS1_1_VERSION);
	SSL_CTX_set_max_proto_version(t->base.n->tls->client, TLS1_1_VERSION);
	SSL_CTX_set_cipher_list(t->base.n->tls->client, "DEFAULT:@SECLEVEL=0");
	dial_and_wait(t, "127.0.0.1");
	assert_refused(t, "TLS: the server only speaks versions of TLS that are too old (min-tls-version) (127.0.0.1)");
}

static void test_sessions_are_bounded(void **state)
{
	struct tls_fixture *t = *state;
	struct tls_ctx *c = t->base.n->tls;
	struct tls_peer p = {.host = "h"};
	struct tls *one;

	for (unsigned i = 0; i < 300; i++) {
		p.port = (uint16_t)(i + 1);
		one = tls_client_new(c, &p, &(struct fail){0});
		assert_non_null(one);
		SSL_CTX_sess_get_new_cb(c->client)(one->ssl, SSL_SESSION_new());
		tls_free(one);
	}
	assert_int_equal(HASH_COUNT(c->sessions), 256);
}

/* The server's socket is cut without close_notify: what came is not known to be all. */
static void test_truncated(void **state)
{
	struct tls_fixture *t = *state;

	listen_tls(t, "server");
	dial_and_wait(t, "127.0.0.1");
	WAIT_FOR(&t->base, t->peer.s != NULL && t->peer.s->state == ST_OPEN);
	stream_write(t->peer.s, "part", 4);
	shutdown(stream_fd(t->peer.s), SHUT_WR);
	WAIT_FOR(&t->base, t->client.ended);
	assert_string_equal(t->client.first, "part");
	assert_int_equal(t->client.end_err, ERR_EOF);
}

static void test_no_tls_at_all(void **state)
{
	struct tls_fixture *t = *state;
	uint16_t port;
	int fd = raw_listen(5, &port), c;

	end_dial(&t->base, &t->client, "127.0.0.1", port, true);
	WAIT_FOR(&t->base, t->client.s->state == ST_HANDSHAKE);
	c = accept(fd, NULL, NULL);
	assert_int_equal(write(c, "HTTP/1.1 400 No\r\n\r\n", 19), 19);
	WAIT_FOR(&t->base, t->client.opened);
	assert_refused(t, "TLS: the server does not speak TLS on this port; maybe it is for http:// (127.0.0.1)");
	close(c);
	end_close(&t->client);

	t->client.opened = 0;
	end_dial(&t->base, &t->client, "127.0.0.1", port, true);
	WAIT_FOR(&t->base, t->client.s->state == ST_HANDSHAKE);
	c = accept(fd, NULL, NULL);
	shutdown(c, SHUT_WR);
	WAIT_FOR(&t->base, t->client.opened);
	assert_int_equal(t->client.err, ERR_EOF);
	close(c);
	close(fd);
}

static void test_handshake_timeout(void **state)
{
	struct tls_fixture *t = *state;
	struct dial_req req = {.host = "127.0.0.1", .tls = true, .connect_timeout_ms = 50};
	int fd = raw_listen(5, &req.port);

	t->client.s = stream_dial(t->base.n, &req, &end_ops, &t->client);
	WAIT_FOR(&t->base, t->client.opened);
	assert_int_equal(t->client.err, ERR_TIMEOUT);
	close(fd);
}

static void pause_after_data(struct end *e, const char *where)
{
	if (strcmp(where, "data") == 0)
		e->room = 0;
}

/* 100 KiB come in one window; the owner takes them in bits. Nothing is lost, and nothing is read while ciphertext is
 * left. */
static void test_pause_inside_window(void **state)
{
	struct tls_fixture *t = *state;
	char *big = malloc(100000);
	size_t was;

	for (size_t i = 0; i < 100000; i++)
		big[i] = (char)(i / 100);
	listen_tls(t, "server");
	dial_and_wait(t, "127.0.0.1");
	WAIT_FOR(&t->base, t->peer.s != NULL && t->peer.s->state == ST_OPEN);
	t->client.hook = pause_after_data;
	t->client.room = 100;
	stream_write(t->peer.s, big, 100000);
	WAIT_FOR(&t->base, t->client.got == 100 && t->client.s->paused);
	while (t->client.got < 100000) {
		assert_false(t->client.s->reading);
		was = t->client.got;
		t->client.room = 3000;
		stream_resume(t->client.s);
		assert_int_equal(t->client.got, was);
		WAIT_FOR(&t->base, t->client.got > was);
		assert_memory_equal(t->client.buf, big + was, t->client.got - was);
		WAIT_FOR(&t->base, t->client.s->paused || t->client.got == 100000);
	}
	free(big);
}

/* Renegotiation is refused by our server; key updates in both directions are answered by the stream itself. */
static void test_key_update(void **state)
{
	struct tls_fixture *t = *state;

	listen_tls(t, "server");
	dial_and_wait(t, "127.0.0.1");
	WAIT_FOR(&t->base, t->peer.s != NULL && t->peer.s->state == ST_OPEN);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(SSL_key_update(t->peer.s->tls->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		stream_write(t->peer.s, "a", 1);
		stream_write(t->client.s, "b", 1);
		WAIT_FOR(&t->base, t->client.got == (size_t)i + 1 && t->peer.got == (size_t)i + 1);
	}
	assert_int_equal(t->client.ended, 0);
}

/* ---- closing from inside ---- */

static const char *close_where;
static int closed_times;

static void close_here(struct end *e, const char *where)
{
	assert_non_null(e->s);
	if (strcmp(where, close_where) == 0) {
		end_close(e);
		closed_times++;
	}
}

static void close_in(struct tls_fixture *t, const char *where, bool server)
{
	t->client = (struct end){.hook = server ? NULL : close_here};
	t->peer = (struct end){.x = &t->base, .hook = server ? close_here : NULL};
	close_where = where;
	closed_times = 0;
	dial(t, "127.0.0.1");
	WAIT_FOR(&t->base, t->client.opened && t->peer.s != NULL);
	if (t->client.s != NULL)
		stream_write(t->client.s, "x", 1);
	if (t->peer.s != NULL)
		stream_write(t->peer.s, "y", 1);
	if (strcmp(where, "end") == 0)
		end_close(server ? &t->client : &t->peer);
	WAIT_FOR(&t->base, closed_times > 0);
	for (int i = 0; i < 5; i++)
		uv_run(&t->base.l.uv, UV_RUN_NOWAIT);
	assert_int_equal(closed_times, 1);
	end_close(&t->client);
	end_close(&t->peer);
}

static void test_close_inside_callbacks(void **state)
{
	listen_tls(*state, "server");
	close_in(*state, "open", false);
	close_in(*state, "space", false);
	close_in(*state, "space", true);
	close_in(*state, "data", false);
	close_in(*state, "data", true);
	close_in(*state, "drained", false);
	close_in(*state, "drained", true);
	close_in(*state, "end", false);
	close_in(*state, "end", true);
}

static void test_close_soon(void **state)
{
	struct tls_fixture *t = *state;
	size_t n = 4 * 1024 * 1024;
	char *big = calloc(1, n);

	listen_tls(t, "server");
	dial_and_wait(t, "127.0.0.1");
	WAIT_FOR(&t->base, t->peer.s != NULL && t->peer.s->state == ST_OPEN);
	stream_write(t->peer.s, big, n);
	stream_close_soon(t->peer.s);
	t->peer.s = NULL;
	free(big);
	WAIT_FOR(&t->base, t->client.ended);
	assert_int_equal(t->client.end_err, 0);
	assert_int_equal(t->client.got, n);
}

static void test_bad_files(void **state)
{
	struct tls_fixture *t = *state;
	struct net_conf conf = {.min_tls = TLS1_2_VERSION};
	struct tls_ctx *c;
	struct fail f = {0};
	char *ca = path_in(t, "server.key"), *crt = path_in(t, "server.crt"), *key = path_in(t, "ca.key");

	conf.ca_file = ca;
	assert_int_equal(tls_ctx_new(&conf, &c, &f), ERR_TLS);
	assert_non_null(strstr(f.text, "can't read the certificate authorities in"));
	assert_null(tls_server_ctx_new(t->base.n->tls, "/nonexistent.crt", "/nonexistent.key", &f));
	assert_string_equal(f.text, "can't use the certificate /nonexistent.crt: No such file or directory");
	assert_null(tls_server_ctx_new(t->base.n->tls, crt, key, &f));
	assert_non_null(strstr(f.text, "key"));
	free(ca);
	free(crt);
	free(key);
}

/* Without `private-key` the key is looked for beside the certificate, in the same file. */
static void test_client_certificate(void **state)
{
	struct tls_fixture *t = *state;
	struct net_conf conf = {.min_tls = TLS1_2_VERSION};
	struct tls_ctx *c;
	struct fail f = {0};

	conf.cert_file = path_in(t, "server.crt");
	assert_int_equal(tls_ctx_new(&conf, &c, &f), ERR_TLS);
	conf.key_file = path_in(t, "server.key");
	assert_int_equal(tls_ctx_new(&conf, &c, &f), 0);
	assert_int_equal(X509_cmp(SSL_CTX_get0_certificate(c->client), t->server.x), 0);
	tls_ctx_free(c);
	free(conf.cert_file);
	free(conf.key_file);
}

static char *write_pkcs12(const struct tls_fixture *t, const char *password)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	char *path = path_in(t, "server.p12");
	FILE *out = fopen(path, "w");
	PKCS12 *p;

	sk_X509_push(chain, t->ca.x);
	p = PKCS12_create(password, "server", t->server.key, t->server.x, chain, 0, 0, 0, 0, 0);
	assert_non_null(p);
	i2d_PKCS12_fp(out, p);
	fclose(out);
	PKCS12_free(p);
	sk_X509_free(chain);
	return path;
}

/* Certificate, chain and key in one file, for the client and for the server. */
static void test_pkcs12(void **state)
{
	struct tls_fixture *t = *state;
	struct net_conf conf = {.min_tls = TLS1_2_VERSION};
	struct tls_ctx *c;
	struct fail f = {0};
	SSL_CTX *server;
	STACK_OF(X509) *chain = NULL;

	conf.cert_file = write_pkcs12(t, "");
	assert_int_equal(tls_ctx_new(&conf, &c, &f), 0);
	assert_int_equal(X509_cmp(SSL_CTX_get0_certificate(c->client), t->server.x), 0);
	server = tls_server_ctx_new(c, conf.cert_file, conf.cert_file, &f);
	assert_non_null(server);
	assert_int_equal(SSL_CTX_check_private_key(server), 1);
	SSL_CTX_get0_chain_certs(server, &chain);
	assert_int_equal(sk_X509_num(chain), 1);
	tls_server_ctx_free(server);
	tls_ctx_free(c);
	free(conf.cert_file);
	conf.cert_file = write_pkcs12(t, "locked");
	assert_int_equal(tls_ctx_new(&conf, &c, &f), ERR_TLS);
	assert_non_null(strstr(f.text, "no password"));
	free(conf.cert_file);
}

#define TLS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_TEST(test_hello),
		TLS_TEST(test_name),
		TLS_TEST(test_sni_is_for_names),
		TLS_TEST(test_wrong_address),
		TLS_TEST(test_wrong_name),
		TLS_TEST(test_expired),
		TLS_TEST(test_self_signed),
		TLS_TEST(test_unknown_issuer),
		TLS_TEST(test_no_check),
		TLS_TEST(test_resumption),
		TLS_TEST(test_resumption_tls12),
		TLS_TEST(test_version_too_low),
		TLS_TEST(test_sessions_are_bounded),
		TLS_TEST(test_truncated),
		TLS_TEST(test_no_tls_at_all),
		TLS_TEST(test_handshake_timeout),
		TLS_TEST(test_pause_inside_window),
		TLS_TEST(test_key_update),
		TLS_TEST(test_close_inside_callbacks),
		TLS_TEST(test_close_soon),
		TLS_TEST(test_bad_files),
		TLS_TEST(test_client_certificate),
		TLS_TEST(test_pkcs12),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
