/* SPDX-License-Identifier: MIT
 * Tests of the pool of idle connections.
 */
#include "net_test.h"

#include "net/cpool.c"

struct server {
	struct fixture *x;
	struct listener *l;
	struct end ends[CPOOL_MAX + 8];
	int n;
};

static void on_accept(void *owner, struct stream *s)
{
	struct server *v = owner;

	end_accept(&v->ends[v->n++], s);
}

static void server_open(struct fixture *x, struct server *v)
{
	v->x = x;
	v->l = listen_on(x, "127.0.0.1", on_accept, v);
}

static void server_close(struct server *v)
{
	for (int i = 0; i < v->n; i++)
		end_close(&v->ends[i]);
	listener_close(v->l);
}

/* A new connection to the server that is already in the pool. */
static struct stream *put_new(struct server *v, const char *key)
{
	struct end *e = calloc(1, sizeof(*e));
	struct stream *s;
	int n = v->n;

	end_dial(v->x, e, "127.0.0.1", listener_port(v->l), false);
	WAIT_FOR(v->x, e->opened && v->n == n + 1);
	assert_int_equal(e->err, 0);
	s = e->s;
	cpool_put(v->x->n, key, s);
	free(e);
	return s;
}

static bool is(struct fixture *x, const char *key, int want)
{
	const struct peer *p = find_peer(x->n->cpool, key);

	return p != NULL && (int)p->is == want;
}

/* A peer is new until one of its connections stayed quiet; a noisy one's are never kept again. */
static void test_quiet_and_noisy(void **state)
{
	struct fixture *x = *state;
	struct server v = {0};
	struct stream *s;

	server_open(x, &v);
	s = put_new(&v, "q");
	assert_null(cpool_take(x->n, "q"));
	WAIT_FOR(x, is(x, "q", PEER_QUIET));
	assert_ptr_equal(cpool_take(x->n, "q"), s);
	cpool_put(x->n, "q", s); /* known: at once from now on */
	assert_ptr_equal(cpool_take(x->n, "q"), s);
	cpool_put(x->n, "q", s);
	put_new(&v, "q");
	stream_write(v.ends[1].s, "unasked", 7);
	WAIT_FOR(x, is(x, "q", PEER_NOISY));
	assert_int_equal(x->n->cpool->n, 0);
	put_new(&v, "q");
	assert_int_equal(x->n->cpool->n, 0);
	put_new(&v, "other");
	cpool_noisy(x->n, "r");
	put_new(&v, "r");
	assert_int_equal(x->n->cpool->n, 1);
	server_close(&v);
}

static void test_peers_are_bounded(void **state)
{
	struct fixture *x = *state;
	char key[16];

	for (int i = 0; i < 3 * PEERS_MAX; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		cpool_noisy(x->n, key);
		cpool_noisy(x->n, "k0");
	}
	assert_int_equal(x->n->cpool->n_peers, PEERS_MAX);
	assert_true(is(x, "k0", PEER_NOISY)); /* the latest used stay */
	assert_null(find_peer(x->n->cpool, "k1"));
}

static void test_youngest_of_key(void **state)
{
	struct fixture *x = *state;
	struct server v = {0};
	struct stream *a1, *a2, *b;
	struct end e = {.x = x, .room = 10};

	server_open(x, &v);
	a1 = put_new(&v, "http a 80");
	a2 = put_new(&v, "http a 80");
	b = put_new(&v, "http b 80");
	WAIT_FOR(x, is(x, "http a 80", PEER_QUIET) && is(x, "http b 80", PEER_QUIET));
	assert_null(cpool_take(x->n, "http a"));
	e.s = cpool_take(x->n, "http a 80");
	assert_ptr_equal(e.s, a2);
	stream_set_owner(e.s, &end_ops, &e);
	stream_write(v.ends[1].s, "data", 4);
	WAIT_FOR(x, e.got == 4);
	assert_ptr_equal(cpool_take(x->n, "http b 80"), b);
	stream_close(b);
	assert_ptr_equal(cpool_take(x->n, "http a 80"), a1);
	stream_close(a1);
	assert_null(cpool_take(x->n, "http a 80"));
	assert_int_equal(x->n->cpool->n, 0);
	end_close(&e);
	server_close(&v);
}

static void test_dead_ones_go(void **state)
{
	struct fixture *x = *state;
	struct server v = {0};

	server_open(x, &v);
	put_new(&v, "k");
	end_close(&v.ends[0]);
	WAIT_FOR(x, x->n->cpool->n == 0);
	put_new(&v, "k");
	stream_write(v.ends[1].s, "unasked", 7);
	WAIT_FOR(x, x->n->cpool->n == 0);
	/* found dead when taken, before the loop saw it */
	put_new(&v, "l");
	WAIT_FOR(x, is(x, "l", PEER_QUIET));
	shutdown(stream_fd(v.ends[2].s), SHUT_WR);
	assert_null(cpool_take(x->n, "l"));
	assert_true(is(x, "l", PEER_QUIET));
	put_new(&v, "l");
	stream_write(v.ends[3].s, "unasked", 7);
	assert_null(cpool_take(x->n, "l"));
	assert_true(is(x, "l", PEER_NOISY));
	server_close(&v);
}

static void test_bound(void **state)
{
	struct fixture *x = *state;
	struct server v = {0};
	char key[16];

	server_open(x, &v);
	for (int i = 0; i < CPOOL_MAX + 2; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		put_new(&v, key);
	}
	assert_int_equal(x->n->cpool->n, CPOOL_MAX);
	assert_null(cpool_take(x->n, "k0"));
	assert_null(cpool_take(x->n, "k1"));
	WAIT_FOR(x, is(x, "k2", PEER_QUIET));
	stream_close(cpool_take(x->n, "k2"));
	server_close(&v);
}

static void test_age(void **state)
{
	struct fixture *x = *state;
	struct server v = {0};
	struct idle *i;

	server_open(x, &v);
	put_new(&v, "k");
	i = TAILQ_FIRST(&x->n->cpool->idle);
	assert_true(timer_running(&i->timer));
	timer_start(&x->l, &i->timer, 1, 0, drop, i);
	WAIT_FOR(x, x->n->cpool->n == 0);
	WAIT_FOR(x, v.ends[0].ended);
	server_close(&v);
}

static void test_busy_ones_are_not_kept(void **state)
{
	struct fixture *x = *state;
	struct server v = {0};
	struct end e = {0};

	server_open(x, &v);
	end_dial(x, &e, "127.0.0.1", listener_port(v.l), false);
	WAIT_FOR(x, e.opened && v.n == 1);
	shutdown(stream_fd(v.ends[0].s), SHUT_WR);
	WAIT_FOR(x, e.ended);
	cpool_put(x->n, "k", e.s);
	assert_int_equal(x->n->cpool->n, 0);
	server_close(&v);
}

static void put_in_data(struct end *e, const char *where)
{
	if (strcmp(where, "data") != 0)
		return;
	cpool_put(e->x->n, "k", e->s);
	e->s = NULL;
}

static void test_put_inside_data(void **state)
{
	struct fixture *x = *state;
	struct server v = {0};
	struct end e = {.hook = put_in_data};

	server_open(x, &v);
	end_dial(x, &e, "127.0.0.1", listener_port(v.l), false);
	WAIT_FOR(x, e.opened && v.n == 1);
	stream_write(v.ends[0].s, "answer", 6);
	WAIT_FOR(x, e.got == 6);
	assert_int_equal(x->n->cpool->n, 1);
	server_close(&v);
}

static struct dial_req to_server(const struct server *v)
{
	return (struct dial_req){.host = "127.0.0.1", .port = listener_port(v->l), .connect_timeout_ms = 20000};
}

/* Spares are taken before and after they are open, behind those that were used; where some were left there are no more. */
static void test_spares(void **state)
{
	struct fixture *x = *state;
	struct server v = {0};
	struct end early = {.x = x, .room = 10};
	struct stream *used, *late;
	struct dial_req to;

	server_open(x, &v);
	to = to_server(&v);
	used = put_new(&v, "k");
	WAIT_FOR(x, is(x, "k", PEER_QUIET));
	cpool_dial(x->n, "k", &to, 3);
	assert_int_equal(x->n->cpool->n, 4);
	assert_ptr_equal(cpool_take(x->n, "k"), used);
	early.s = cpool_take(x->n, "k");
	assert_false(stream_is_open(early.s));
	stream_set_owner(early.s, &end_ops, &early);
	WAIT_FOR(x, early.opened && v.n == 4);
	assert_int_equal(early.err, 0);
	WAIT_FOR(x, stream_is_open(TAILQ_FIRST(&x->n->cpool->idle)->s));
	late = cpool_take(x->n, "k");
	assert_true(stream_is_open(late));
	assert_null(cpool_take(x->n, "other"));
	cpool_drop_spares(x->n, "other");
	assert_int_equal(x->n->cpool->n, 1);
	cpool_drop_spares(x->n, "k");
	assert_int_equal(x->n->cpool->n, 0);
	cpool_dial(x->n, "k", &to, 3);
	assert_int_equal(x->n->cpool->n, 0);
	stream_close(used);
	stream_close(late);
	end_close(&early);
	server_close(&v);
}

/* One that was never used tells nothing of what comes behind answers, and needs no proof of it. */
static void test_spares_of_new_and_noisy_peers(void **state)
{
	struct fixture *x = *state;
	struct server v = {0};
	struct dial_req to;

	server_open(x, &v);
	to = to_server(&v);
	cpool_dial(x->n, "new", &to, 1);
	stream_close(cpool_take(x->n, "new"));
	cpool_noisy(x->n, "noisy");
	cpool_dial(x->n, "noisy", &to, 1);
	assert_int_equal(x->n->cpool->n, 0);
	server_close(&v);
}

static void test_spares_age(void **state)
{
	struct fixture *x = *state;
	struct server v = {0};
	struct idle *i;
	struct dial_req to;

	server_open(x, &v);
	to = to_server(&v);
	cpool_dial(x->n, "k", &to, 1);
	i = TAILQ_FIRST(&x->n->cpool->idle);
	assert_true(timer_running(&i->timer));
	timer_start(&x->l, &i->timer, 1, 0, drop, i);
	WAIT_FOR(x, x->n->cpool->n == 0);
	assert_true(find_peer(x->n->cpool, "k")->spares_in_vain);
	server_close(&v);
}

static void test_spares_that_fail(void **state)
{
	struct fixture *x = *state;
	struct server v = {0};
	struct dial_req to;

	server_open(x, &v);
	to = to_server(&v);
	server_close(&v);
	cpool_dial(x->n, "k", &to, CPOOL_MAX + 10);
	assert_int_equal(x->n->cpool->n, CPOOL_MAX);
	WAIT_FOR(x, x->n->cpool->n == 0);
	cpool_dial(x->n, "k", &to, 1);
	assert_int_equal(x->n->cpool->n, 0);
}

#define NET_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(test_quiet_and_noisy),
		NET_TEST(test_peers_are_bounded),
		NET_TEST(test_youngest_of_key),
		NET_TEST(test_dead_ones_go),
		NET_TEST(test_bound),
		NET_TEST(test_age),
		NET_TEST(test_busy_ones_are_not_kept),
		NET_TEST(test_put_inside_data),
		NET_TEST(test_spares),
		NET_TEST(test_spares_of_new_and_noisy_peers),
		NET_TEST(test_spares_age),
		NET_TEST(test_spares_that_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
