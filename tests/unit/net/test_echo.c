/* SPDX-License-Identifier: MIT
 * 64 MiB there and back through an echo server, in spans of random size, with pauses on both sides: every byte in its
 * place, plain and through TLS.
 */
#include "net_test.h"

#include "net/net_internal.h"

#define TOTAL	   ((getenv("HAUL_VALGRIND") != NULL ? 4ull : 64ull) * 1024 * 1024)
#define HIGH_WATER (512 * 1024)

struct echo {
	struct fixture *x;
	struct stream *client, *server;
	struct listener *l;
	struct deferred again; /* resumes the client */
	char c_buf[70000], s_buf[70000];
	uint64_t sent, got;
	uint32_t seed;
	unsigned pauses, s_pauses;
	int opened, ended, held, s_held;
};

static uint32_t rnd(struct echo *e)
{
	e->seed = e->seed * 1664525 + 1013904223;
	return e->seed >> 8;
}

/* Position and value have no common period. */
static char byte_at(uint64_t off)
{
	return (char)(off % 251 ^ (off >> 13));
}

static void feed(struct echo *e)
{
	char part[16384];

	while (e->sent < TOTAL && stream_unsent(e->client) < HIGH_WATER) {
		size_t n = 1 + rnd(e) % sizeof(part);

		if (n > TOTAL - e->sent)
			n = TOTAL - e->sent;
		for (size_t i = 0; i < n; i++)
			part[i] = byte_at(e->sent + i);
		stream_write(e->client, part, n);
		e->sent += n;
	}
}

static void on_open(void *owner, int err, const struct fail *f)
{
	struct echo *e = owner;

	if (err != 0)
		fail_msg("%s", f->text);
	e->opened = 1;
	feed(e);
}

static void on_space(void *owner, struct span *ret)
{
	struct echo *e = owner;

	if (rnd(e) % 50 == 0) {
		e->pauses++;
		*ret = (struct span){NULL, 0};
		defer(&e->x->l, &e->again);
		return;
	}
	*ret = (struct span){e->c_buf, 1 + rnd(e) % (rnd(e) % 4 == 0 ? 100 : sizeof(e->c_buf))};
}

static void on_again(void *arg)
{
	struct echo *e = arg;

	stream_resume(e->client);
}

static void on_data(void *owner, size_t n)
{
	struct echo *e = owner;

	for (size_t i = 0; i < n; i++)
		if (e->c_buf[i] != byte_at(e->got + i))
			fail_msg("wrong byte at %llu", (unsigned long long)(e->got + i));
	e->got += n;
}

static void on_end(void *owner, int err, const struct fail *f)
{
	struct echo *e = owner;

	(void)f;
	assert_int_equal(err, 0);
	e->ended++;
}

static void on_drained(void *owner)
{
	feed(owner);
}

static const struct stream_ops client_ops = {
	.open = on_open, .space = on_space, .data = on_data, .end = on_end, .drained = on_drained};

static void server_space(void *owner, struct span *ret)
{
	struct echo *e = owner;

	e->s_held = stream_unsent(e->server) > HIGH_WATER;
	e->s_pauses += (unsigned)e->s_held;
	*ret = (struct span){e->s_buf, e->s_held ? 0 : 1 + rnd(e) % sizeof(e->s_buf)};
}

static void server_data(void *owner, size_t n)
{
	struct echo *e = owner;

	stream_write(e->server, e->s_buf, n);
}

static void server_drained(void *owner)
{
	struct echo *e = owner;

	if (e->s_held)
		stream_resume(e->server);
}

static const struct stream_ops server_ops = {
	.space = server_space, .data = server_data, .end = on_end, .drained = server_drained};

static void on_accept(void *owner, struct stream *s)
{
	struct echo *e = owner;

	e->server = s;
	stream_set_owner(s, &server_ops, e);
}

static void run(struct fixture *x, const char *cert, const char *key, size_t chop, uint32_t seed)
{
	struct echo *e = calloc(1, sizeof(*e));
	struct listen_req lr = {.address = "127.0.0.1", .fd = -1, .cert = cert, .key = key};
	struct dial_req dr = {.host = "127.0.0.1", .tls = cert != NULL, .connect_timeout_ms = 60000};

	e->x = x;
	e->seed = seed;
	e->again = (struct deferred){.cb = on_again, .arg = e};
	net_set_chop(x->n, chop);
	assert_int_equal(listener_open(x->n, &lr, on_accept, e, &e->l, &(struct fail){0}), 0);
	dr.port = listener_port(e->l);
	e->client = stream_dial(x->n, &dr, &client_ops, e);
	WAIT_FOR(x, e->got == TOTAL);
	assert_true(e->pauses > 0);
	stream_close_soon(e->server);
	WAIT_FOR(x, e->ended);
	defer_cancel(&x->l, &e->again);
	stream_close(e->client);
	listener_close(e->l);
	free(e);
}

static void test_plain(void **state)
{
	run(*state, NULL, NULL, 0, 1);
}

static void test_plain_chopped(void **state)
{
	run(*state, NULL, NULL, 5003, 2);
}

static void run_tls(struct fixture *x, size_t chop, uint32_t seed)
{
	char dir[] = "/tmp/haul-test-XXXXXX", crt[64], key[64];
	struct cert c = cert_make("IP:127.0.0.1", NULL, 30);

	assert_non_null(mkdtemp(dir));
	cert_write(&c, dir, "c");
	cert_free(&c);
	snprintf(crt, sizeof(crt), "%s/c.crt", dir);
	snprintf(key, sizeof(key), "%s/c.key", dir);
	run(x, crt, key, chop, seed);
	unlink(crt);
	unlink(key);
	rmdir(dir);
}

static void test_tls(void **state)
{
	run_tls(*state, 0, 3);
}

static void test_tls_chopped(void **state)
{
	run_tls(*state, 9001, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plain, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_plain_chopped, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_tls, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_tls_chopped, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
