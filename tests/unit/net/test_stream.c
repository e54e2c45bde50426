/* SPDX-License-Identifier: MIT
 * Tests of plain streams: opening and its failures, ends, back-pressure, closing from inside of every callback.
 */
#include "net_test.h"

#include "net/net_internal.h"
#include "net/stream_internal.h"

/* A client and an accepted server end that are connected. */
struct pair {
	struct end client, server;
	struct listener *l;
};

static void pair_open(struct fixture *x, struct pair *p)
{
	p->server.x = x;
	p->l = listen_on(x, "127.0.0.1", end_accept, &p->server);
	end_dial(x, &p->client, "127.0.0.1", listener_port(p->l), false);
	WAIT_FOR(x, p->client.opened && p->server.s != NULL);
	assert_int_equal(p->client.err, 0);
}

static void pair_close(struct pair *p)
{
	end_close(&p->client);
	end_close(&p->server);
	listener_close(p->l);
}

static void test_hello(void **state)
{
	struct fixture *x = *state;
	struct pair p = {0};
	char name[32];

	pair_open(x, &p);
	snprintf(name, sizeof(name), "127.0.0.1:%u", listener_port(p.l));
	assert_string_equal(stream_peer(p.client.s), name);
	assert_true(stream_fd(p.client.s) >= 0);
	assert_true(stream_peer_uid(p.client.s, &(uint32_t){0})); /* see test_peer.c */
	assert_false(stream_is_unix(p.client.s));
	stream_write(p.client.s, "hello", 5);
	assert_int_equal(p.client.drained, 0);
	WAIT_FOR(x, p.server.got == 5 && p.client.drained == 1);
	assert_string_equal(p.server.first, "hello");
	end_close(&p.client);
	WAIT_FOR(x, p.server.ended);
	assert_int_equal(p.server.end_err, 0);
	pair_close(&p);
}

static void test_refused(void **state)
{
	struct fixture *x = *state;
	struct end e = {0};
	int fd;

	end_dial(x, &e, "127.0.0.1", refused_port(&fd), false);
	assert_int_equal(e.opened, 0);
	WAIT_FOR(x, e.opened);
	assert_int_equal(e.err, ERR_CONNECT);
	assert_string_equal(e.fail.text, "Failed to establish connection, cause: Connection refused");
	end_close(&e);
	close(fd);
}

/* A listener whose queue is full: connecting to it gets no answer. */
struct deaf {
	struct end fill[3];
	int fd;
	uint16_t port;
};

static void deaf_open(struct fixture *x, struct deaf *d)
{
	d->fd = raw_listen(0, &d->port);
	for (int i = 0; i < 3; i++)
		end_dial(x, &d->fill[i], "127.0.0.1", d->port, false);
	WAIT_FOR(x, d->fill[0].opened);
}

static void deaf_close(struct deaf *d)
{
	for (int i = 0; i < 3; i++)
		end_close(&d->fill[i]);
	close(d->fd);
}

static void test_connect_timeout(void **state)
{
	struct fixture *x = *state;
	struct dial_req req = {.host = "127.0.0.1", .connect_timeout_ms = 60};
	struct end e = {.x = x};
	struct deaf d = {0};

	deaf_open(x, &d);
	req.port = d.port;
	e.s = stream_dial(x->n, &req, &end_ops, &e);
	WAIT_FOR(x, e.opened);
	assert_int_equal(e.err, ERR_TIMEOUT);
	assert_string_equal(e.fail.text, "Timeout.");
	end_close(&e);
	deaf_close(&d);
}

static void test_unresolvable(void **state)
{
	struct fixture *x = *state;
	struct end e = {0};

	end_dial(x, &e, "no\tsuch..name", 80, false);
	WAIT_FOR(x, e.opened);
	assert_int_equal(e.err, ERR_RESOLVE);
	assert_non_null(strstr(e.fail.text, "Name resolution for no"));
	assert_null(strchr(e.fail.text, '\t'));
	end_close(&e);
}

static void test_reset(void **state)
{
	struct fixture *x = *state;
	struct linger hard = {.l_onoff = 1};
	struct pair p = {0};

	pair_open(x, &p);
	setsockopt(stream_fd(p.server.s), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	end_close(&p.server);
	WAIT_FOR(x, p.client.ended);
	assert_int_equal(p.client.end_err, ERR_RESET);
	pair_close(&p);
}

/* The last words of a server that closes early are read although writing to it fails. */
static void test_write_to_closed_peer_still_reads(void **state)
{
	struct fixture *x = *state;
	struct pair p = {0};
	char big[65536] = {0};

	pair_open(x, &p);
	stream_write(p.server.s, "go away", 7);
	end_close(&p.server);
	for (int i = 0; i < 64; i++)
		stream_write(p.client.s, big, sizeof(big));
	WAIT_FOR(x, p.client.ended);
	assert_string_equal(p.client.first, "go away");
	assert_int_equal(p.client.ended, 1);
	pair_close(&p);
}

static void no_room(struct end *e, const char *where)
{
	if (strcmp(where, "data") == 0)
		e->room = 0;
}

static void test_pause_and_resume(void **state)
{
	struct fixture *x = *state;
	struct pair p = {.server = {.room = 3, .hook = no_room}};

	pair_open(x, &p);
	stream_write(p.client.s, "abcdefgh", 8);
	WAIT_FOR(x, p.server.s->paused);
	assert_int_equal(p.server.got, 3);
	assert_false(p.server.s->reading);
	for (size_t want = 5; want <= 7; want += 2) {
		p.server.room = 2;
		stream_resume(p.server.s);
		stream_resume(p.server.s);
		assert_int_equal(p.server.got, want - 2);
		WAIT_FOR(x, p.server.got == want);
	}
	/* a new owner starts with room */
	struct end other = {.x = x, .s = p.server.s, .room = 100};
	stream_set_owner(p.server.s, &end_ops, &other);
	WAIT_FOR(x, other.got == 1);
	assert_string_equal(other.first, "h");
	assert_int_equal(p.server.got, 7);
	pair_close(&p);
}

static void test_chop(void **state)
{
	struct fixture *x = *state;
	struct pair p = {0};

	net_set_chop(x->n, 3);
	pair_open(x, &p);
	stream_write(p.client.s, "abcdefgh", 8);
	WAIT_FOR(x, p.server.got >= 3);
	assert_in_range(p.server.got, 3, 8);
	WAIT_FOR(x, p.server.got == 8);
	assert_string_equal(p.server.first, "abcdefgh");
	pair_close(&p);
}

/* ---- closing from inside ---- */

static const char *close_where;
static int closed_times, later_calls;

static void close_here(struct end *e, const char *where)
{
	if (e->s == NULL) {
		later_calls++;
	} else if (strcmp(where, close_where) == 0) {
		end_close(e);
		closed_times++;
	}
}

static void close_in(struct fixture *x, const char *where, bool server)
{
	struct pair p = {.client.hook = server ? NULL : close_here, .server.hook = server ? close_here : NULL};

	close_where = where;
	closed_times = later_calls = 0;
	pair_open(x, &p);
	if (p.client.s != NULL)
		stream_write(p.client.s, "x", 1);
	stream_write(p.server.s, "y", 1);
	stream_write(p.server.s, "z", 1);
	if (strcmp(where, "end") == 0)
		end_close(server ? &p.client : &p.server);
	WAIT_FOR(x, closed_times > 0);
	for (int i = 0; i < 5; i++)
		uv_run(&x->l.uv, UV_RUN_NOWAIT);
	assert_int_equal(closed_times, 1);
	assert_int_equal(later_calls, 0);
	pair_close(&p);
}

static void test_close_inside_callbacks(void **state)
{
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

static void soon_in_space(struct end *e, const char *where)
{
	if (strcmp(where, "space") == 0 && e->s != NULL) {
		stream_write(e->s, "bye", 3);
		stream_close_soon(e->s);
		e->s = NULL;
	}
}

static void test_close_soon_inside_space(void **state)
{
	struct fixture *x = *state;
	struct pair p = {.server.hook = soon_in_space};

	pair_open(x, &p);
	stream_write(p.client.s, "x", 1);
	WAIT_FOR(x, p.client.ended);
	assert_string_equal(p.client.first, "bye");
	pair_close(&p);
}

static void test_close_while_dialling(void **state)
{
	struct fixture *x = *state;
	struct deaf d = {0};
	struct end e = {0};

	end_dial(x, &e, "localhost", 9, false);
	end_close(&e);
	deaf_open(x, &d);
	end_dial(x, &e, "127.0.0.1", d.port, false);
	for (int i = 0; i < 5; i++)
		uv_run(&x->l.uv, UV_RUN_NOWAIT);
	end_close(&e);
	deaf_close(&d);
	loop_run(&x->l);
	assert_int_equal(e.opened, 0);
}

/* ---- stream_close_soon ---- */

/* All of it arrives although the sender has forgotten it, and although the receiver had sent something that nobody
 * read. */
static void test_close_soon_sends_all(void **state)
{
	struct fixture *x = *state;
	struct pair p = {0};
	size_t n = 8 * 1024 * 1024;
	char *big = calloc(1, n);

	pair_open(x, &p);
	stream_write(p.client.s, "unread", 6);
	stream_write(p.server.s, big, n);
	assert_true(stream_unsent(p.server.s) > 0);
	stream_close_soon(p.server.s);
	p.server.s = NULL;
	WAIT_FOR(x, p.client.ended);
	assert_int_equal(p.client.end_err, 0);
	assert_int_equal(p.client.got, n);
	free(big);
	pair_close(&p);
	loop_run(&x->l);
}

static void test_lingering_ends_with_net(void **state)
{
	struct fixture *x = *state;
	struct pair p = {.client.hook = no_room};
	size_t n = 32 * 1024 * 1024;
	char *big = calloc(1, n);

	pair_open(x, &p);
	stream_write(p.server.s, big, n);
	stream_close_soon(p.server.s);
	p.server.s = NULL;
	free(big);
	pair_close(&p);
	assert_false(LIST_EMPTY(&x->n->lingering));
}

static void test_half_close_then_answer(void **state)
{
	struct fixture *x = *state;
	struct pair p = {0};

	pair_open(x, &p);
	shutdown(stream_fd(p.client.s), SHUT_WR);
	WAIT_FOR(x, p.server.ended);
	stream_write(p.server.s, "answer", 6);
	stream_close_soon(p.server.s);
	p.server.s = NULL;
	WAIT_FOR(x, p.client.ended);
	assert_string_equal(p.client.first, "answer");
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hello, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_refused, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_connect_timeout, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_unresolvable, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_reset, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_write_to_closed_peer_still_reads, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_pause_and_resume, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_chop, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_close_inside_callbacks, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_close_soon_inside_space, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_close_while_dialling, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_close_soon_sends_all, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_lingering_ends_with_net, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_half_close_then_answer, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
