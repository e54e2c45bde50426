/* SPDX-License-Identifier: MIT
 * Tests of streams whose owner takes bytes into a pipe: all arrive in order whatever the kernel refuses, cuts short or puts
 * off on the way. And of the share that each stream may receive in a turn.
 */
#include "net_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "net/net_internal.h"
#include "net/stream_internal.h"

#define TOTAL (700 * 1024)
#define ROOM  (100 * 1024)

/* What the scripted splice does. */
static struct {
	int calls;
	int at, cause;	/* the at-th call fails so; 0: none */
	bool lasting;	/* and all later ones */
	bool moved;	/* the last call did */
	unsigned stumbles; /* != 0: short, put off and interrupted at random; the state of that */
} script;

/* Of what a client sends. */
static struct {
	uint64_t turn;
	size_t got, in_turn, most;
} heard;

static unsigned rnd(void)
{
	script.stumbles = script.stumbles * 1664525u + 1013904223u;
	return script.stumbles >> 8;
}

static ssize_t scripted(int from, int to, size_t n)
{
	script.calls++;
	if (script.at > 0 && (script.lasting ? script.calls >= script.at : script.calls == script.at)) {
		errno = script.cause;
		return -1;
	}
	if (script.stumbles != 0 && rnd() % 4 == 0) {
		errno = rnd() % 2 && script.moved ? EAGAIN : EINTR;
		script.moved = false;
		return -1;
	}
	script.moved = true;
	if (script.stumbles != 0)
		n = 1 + rnd() % (n < 3000 ? n : 3000);
	return splice(from, NULL, to, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

static char byte_at(size_t off)
{
	return (char)(off * 31 / 7 % 251);
}

/* An owner that checks what comes, in whatever way. */
struct sink {
	struct fixture *x;
	struct stream *s;
	int fd[2];
	char mem[16 * 1024];
	bool to_pipe, mixes, ended, opened, paused;
	size_t in_pipe, got, by_pipe;
	size_t full;   /* times that the pipe took no more */
	int end_err;
	const char *close_in; /* callback to close in; NULL: none */
	uint64_t turn;
	size_t in_turn, most_in_turn;
	unsigned busy; /* others that receive as well, as the net is told */
	const struct sink *other; /* who must not have received in the same turn; NULL: nobody */
};

static void check(struct sink *k, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(p[i], byte_at(k->got + i));
	k->got += n;
}

static void empty_pipe(struct sink *k)
{
	char buf[8192];

	while (k->in_pipe > 0) {
		ssize_t n = read(k->fd[0], buf, sizeof(buf));

		assert_true(n > 0);
		check(k, buf, (size_t)n);
		k->by_pipe += (size_t)n;
		k->in_pipe -= (size_t)n;
	}
	assert_int_equal(read(k->fd[0], buf, 1), -1); /* never more than was told */
}

static void close_sink(struct sink *k)
{
	stream_close(k->s);
	k->s = NULL;
}

static bool closes_in(struct sink *k, const char *where)
{
	assert_non_null(k->s);
	if (k->close_in == NULL || strcmp(k->close_in, where) != 0)
		return false;
	close_sink(k);
	return true;
}

static void on_open(void *owner, int err, const struct fail *f)
{
	struct sink *k = owner;

	(void)f;
	assert_int_equal(err, 0);
	k->opened = true;
}

static int on_pipe(void *owner, size_t *ret_len)
{
	struct sink *k = owner;

	if (closes_in(k, "pipe") || k->paused)
		return -1;
	if (k->mixes) {
		empty_pipe(k);
		k->to_pipe = !k->to_pipe;
	}
	*ret_len = ROOM;
	return k->to_pipe ? k->fd[1] : -1;
}

static void on_space(void *owner, struct span *ret)
{
	struct sink *k = owner;

	if (k->paused)
		return;
	empty_pipe(k);
	*ret = (struct span){k->mem, sizeof(k->mem)};
	k->to_pipe = false;
}

static void note_turn(struct sink *k, size_t n)
{
	if (k->turn != k->x->l.turn) {
		k->turn = k->x->l.turn;
		k->in_turn = 0;
		k->x->n->readers += k->busy;
	}
	if (k->other != NULL)
		assert_int_not_equal(k->turn, k->other->turn);
	k->in_turn += n;
	if (k->in_turn > k->most_in_turn)
		k->most_in_turn = k->in_turn;
}

static void on_data(void *owner, size_t n)
{
	struct sink *k = owner;

	if (closes_in(k, "data"))
		return;
	note_turn(k, n);
	if (!k->to_pipe) {
		assert_true(n > 0);
		check(k, k->mem, n);
		return;
	}
	k->in_pipe += n;
	k->full += n == 0;
	if (n == 0) {
		assert_true(k->in_pipe > 0);
		empty_pipe(k);
	}
}

static void on_end(void *owner, int err, const struct fail *f)
{
	struct sink *k = owner;

	(void)f;
	empty_pipe(k);
	k->ended = true;
	k->end_err = err;
}

static const struct stream_ops sink_ops = {.open = on_open, .space = on_space, .pipe = on_pipe, .data = on_data, .end = on_end};

struct lane {
	struct sink k;
	struct end server;
	struct listener *l;
	size_t sent;
};

static void feed(struct lane *p)
{
	char buf[32 * 1024];

	while (p->sent < TOTAL && stream_unsent(p->server.s) == 0) {
		size_t n = TOTAL - p->sent < sizeof(buf) ? TOTAL - p->sent : sizeof(buf);

		for (size_t i = 0; i < n; i++)
			buf[i] = byte_at(p->sent + i);
		stream_write(p->server.s, buf, n);
		p->sent += n;
	}
}

static void begin(struct fixture *x, struct lane *p)
{
	struct dial_req req = {.host = "127.0.0.1", .connect_timeout_ms = 5000};

	memset(&script, 0, sizeof(script));
	net_set_splice(x->n, scripted);
	p->k.x = x;
	p->server.x = x;
	p->l = listen_on(x, "127.0.0.1", end_accept, &p->server);
	req.port = listener_port(p->l);
	assert_int_equal(pipe2(p->k.fd, O_NONBLOCK | O_CLOEXEC), 0);
	fcntl(p->k.fd[1], F_SETPIPE_SZ, 4096);
	p->k.to_pipe = true;
	p->k.s = stream_dial(x->n, &req, &sink_ops, &p->k);
	WAIT_FOR(x, p->k.opened && p->server.s != NULL);
}

static void finish(struct lane *p)
{
	close_sink(&p->k);
	end_close(&p->server);
	listener_close(p->l);
	close(p->k.fd[0]);
	close(p->k.fd[1]);
	memset(p, 0, sizeof(*p));
}

/* Everything is sent and then the end; it must arrive. */
static void run(struct fixture *x, struct lane *p)
{
	while (p->sent < TOTAL) {
		feed(p);
		uv_run(&x->l.uv, UV_RUN_ONCE);
	}
	stream_close_soon(p->server.s);
	p->server.s = NULL;
	WAIT_FOR(x, p->k.ended);
	assert_int_equal(p->k.end_err, 0);
	assert_int_equal(p->k.got, TOTAL);
}

/* The pipe is the smallest that there is: it is full all the time. */
static void test_all_arrives(void **state)
{
	struct lane p = {0};

	begin(*state, &p);
	run(*state, &p);
	assert_int_equal(p.k.by_pipe, TOTAL);
	assert_true(p.k.full > 3);
	finish(&p);
}

static void test_pipe_and_memory_in_turn(void **state)
{
	struct lane p = {0};

	begin(*state, &p);
	p.k.mixes = true;
	run(*state, &p);
	assert_in_range(p.k.by_pipe, 1, TOTAL - 1);
	finish(&p);
}

static void test_short_put_off_interrupted(void **state)
{
	for (unsigned seed = 1; seed <= 5; seed++) {
		struct lane p = {0};

		begin(*state, &p);
		script.stumbles = seed;
		p.k.mixes = seed % 2;
		run(*state, &p);
		assert_true(p.k.by_pipe > 0);
		finish(&p);
	}
}

/* The rest comes by way of memory, and nobody asks again. */
static void test_refusal_in_the_middle(void **state)
{
	static const int causes[] = {EINVAL, ENOSYS, EOPNOTSUPP, EPERM, EACCES, ENOMEM};

	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		for (int at = 1; at <= 4; at += 3) {
			struct lane p = {0};

			begin(*state, &p);
			script.at = at;
			script.cause = causes[i];
			run(*state, &p);
			assert_int_equal(script.calls, at);
			assert_true(p.k.by_pipe < TOTAL);
			assert_int_equal(p.k.by_pipe > 0, at > 1);
			finish(&p);
		}
	}
}

static void test_broken_connection(void **state)
{
	struct linger hard = {.l_onoff = 1};
	struct fixture *x = *state;
	struct lane p = {0};

	begin(x, &p);
	script.at = 3;
	script.cause = ECONNRESET;
	while (!p.k.ended) {
		feed(&p);
		uv_run(&x->l.uv, UV_RUN_ONCE);
	}
	assert_int_equal(p.k.end_err, ERR_RESET);
	finish(&p);
	begin(x, &p);
	setsockopt(stream_fd(p.server.s), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	end_close(&p.server);
	WAIT_FOR(x, p.k.ended);
	assert_int_equal(p.k.end_err, ERR_RESET);
	finish(&p);
}

#define AROUND 1000 /* bytes before the urgent one, and behind it */

static void send_urgent(const struct lane *p)
{
	char buf[2 * AROUND];

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = byte_at(i);
	assert_int_equal(send(stream_fd(p->server.s), buf, AROUND, 0), AROUND);
	assert_int_equal(send(stream_fd(p->server.s), "!", 1, MSG_OOB), 1);
	assert_int_equal(send(stream_fd(p->server.s), buf + AROUND, AROUND, 0), AROUND);
}

/* splice stops before it for good, though the socket is ready to be read. */
static void test_urgent_data(void **state)
{
	struct fixture *x = *state;
	struct lane p = {0};

	begin(x, &p);
	send_urgent(&p);
	WAIT_FOR(x, p.k.got + p.k.in_pipe == 2 * AROUND);
	end_close(&p.server);
	WAIT_FOR(x, p.k.ended);
	assert_int_equal(p.k.got, 2 * AROUND);
	finish(&p);
}

/* The end is there as well before anything is read: splice, which does not pass the mark, says that nothing follows. */
static void test_urgent_data_and_the_end(void **state)
{
	struct fixture *x = *state;
	struct lane p = {0};

	begin(x, &p);
	send_urgent(&p);
	assert_int_equal(shutdown(stream_fd(p.server.s), SHUT_WR), 0);
	WAIT_FOR(x, p.k.ended);
	assert_int_equal(p.k.end_err, 0);
	assert_int_equal(p.k.got, 2 * AROUND);
	finish(&p);
}

static void test_pause_and_resume(void **state)
{
	struct fixture *x = *state;
	struct lane p = {0};

	begin(x, &p);
	p.k.paused = true;
	feed(&p);
	for (int i = 0; i < 5; i++)
		uv_run(&x->l.uv, UV_RUN_NOWAIT);
	assert_int_equal(p.k.got + p.k.in_pipe, 0);
	assert_int_equal(script.calls, 0);
	p.k.paused = false;
	stream_resume(p.k.s);
	run(x, &p);
	finish(&p);
}

static void test_close_inside_callbacks(void **state)
{
	static const char *const where[] = {"pipe", "data"};
	struct fixture *x = *state;

	for (size_t i = 0; i < 2; i++) {
		struct lane p = {0};

		begin(x, &p);
		p.k.close_in = where[i];
		feed(&p);
		WAIT_FOR(x, p.k.s == NULL);
		for (int k = 0; k < 5; k++)
			uv_run(&x->l.uv, UV_RUN_NOWAIT);
		finish(&p);
	}
}

/* Of what is there, each receives so much in a turn that all of them together take no longer than one alone. */
static void share_of(struct fixture *x, bool to_pipe, size_t most)
{
	struct lane p = {0};

	begin(x, &p);
	p.k.to_pipe = to_pipe;
	p.k.mixes = false;
	p.k.busy = 1000;
	p.k.paused = true;
	feed(&p);
	for (int i = 0; i < 10; i++) { /* what the kernel takes */
		uv_run(&x->l.uv, UV_RUN_NOWAIT);
		feed(&p);
	}
	p.k.paused = false;
	note_turn(&p.k, 0);
	stream_resume(p.k.s);
	run(x, &p);
	assert_in_range(p.k.most_in_turn, 1, most);
	finish(&p);
}

static void test_share_of_a_turn(void **state)
{
	share_of(*state, false, 64 * 1024);
	share_of(*state, true, 4 * 64 * 1024);
}

static void test_shares(void **state)
{
	struct fixture *x = *state;
	static const struct {
		unsigned readers;
		size_t share;
	} rows[] = {{0, 1 << 20}, {1, 1 << 20}, {2, 1 << 20}, {4, 1 << 19}, {16, 1 << 17}, {32, 1 << 16}, {5000, 1 << 16}};

	uint64_t round[2] = {0};

	x->n->turn_ns = UINT64_MAX / 2;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		x->l.turn++;
		x->n->readers = rows[i].readers;
		x->n->crowd = 0;
		assert_int_equal(net_share(x->n, &round[0]), rows[i].share);
		assert_int_equal(net_share(x->n, &round[1]), rows[i].share);
		assert_int_equal(net_share(x->n, &round[0]), 0);
		assert_int_equal(x->n->readers, 2);
	}
	x->l.turn++;
	assert_int_equal(net_share(x->n, &round[0]), 1 << 16); /* most of the crowd may be back */
	for (int i = 0; i < 100; i++) {
		x->l.turn++;
		net_share(x->n, &round[0]);
	}
	assert_int_equal(net_share(x->n, &round[1]), (2 << 20) / 7);
}

/* When there is no time for all, nobody has a second share before each has had one. */
static void test_turns_that_are_short(void **state)
{
	struct fixture *x = *state;
	static const unsigned served[] = {0, 1, 2, 0, 1, 2};
	uint64_t round[3] = {0};

	x->n->turn_ns = 0;
	for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++) {
		x->l.turn++;
		for (unsigned k = 0; k < 3; k++)
			assert_int_equal(net_share(x->n, &round[k]) > 0, k == served[i]);
	}
	x->l.turn++;
	assert_true(net_share(x->n, &round[0]) > 0);
	assert_int_equal(net_share(x->n, &round[1]), 0);
	x->l.turn++; /* the others are gone */
	assert_int_equal(net_share(x->n, &round[0]), 0);
	x->l.turn++;
	assert_true(net_share(x->n, &round[0]) > 0);
	assert_int_equal(x->n->readers, 1);
}

/* Of a crowd a part is served in any case. */
static void test_a_part_of_a_crowd(void **state)
{
	struct fixture *x = *state;
	uint64_t round[6] = {0};

	x->n->turn_ns = 0;
	x->n->crowd = 80;
	for (unsigned served = 0; served < 6; served += 3) {
		x->l.turn++;
		for (unsigned k = 0; k < 6; k++)
			assert_int_equal(net_share(x->n, &round[k]) > 0, k >= served && k < served + 3);
	}
}

/* Two bodies for which there is never any time left: they take turns, a piece each, and all arrives. */
static void time_is_up(struct fixture *x, bool to_pipe)
{
	struct lane p = {0}, q = {0};

	x->n->turn_ns = 0;
	begin(x, &p);
	begin(x, &q);
	p.k.to_pipe = q.k.to_pipe = to_pipe;
	p.k.other = &q.k;
	q.k.other = &p.k;
	while (q.sent < TOTAL) {
		feed(&p);
		feed(&q);
		uv_run(&x->l.uv, UV_RUN_ONCE);
	}
	run(x, &p);
	run(x, &q);
	assert_in_range(p.k.most_in_turn, 1, sizeof(p.k.mem));
	assert_in_range(q.k.most_in_turn, 1, sizeof(q.k.mem));
	finish(&p);
	finish(&q);
}

static void test_bodies_when_time_is_up(void **state)
{
	time_is_up(*state, false);
	time_is_up(*state, true);
}

/* ---- more than libuv takes note of at a time ---- */

#define MANY 1100

struct one {
	struct stream *s;
	unsigned *opened, *got;
	char c;
};

static void one_open(void *owner, int err, const struct fail *f)
{
	struct one *o = owner;

	(void)f;
	assert_int_equal(err, 0);
	++*o->opened;
}

static void one_space(void *owner, struct span *ret)
{
	struct one *o = owner;

	*ret = (struct span){&o->c, 1};
}

static void one_data(void *owner, size_t n)
{
	struct one *o = owner;

	(void)n;
	++*o->got;
}

static void one_end(void *owner, int err, const struct fail *f)
{
	(void)owner, (void)err, (void)f;
}

static const struct stream_ops one_ops = {.open = one_open, .space = one_space, .data = one_data, .end = one_end};

static int listen_raw(uint16_t *ret_port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, MANY), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*ret_port = ntohs(a.sin_port);
	return fd;
}

/* It reports the same ones again and again in one turn of the loop, which must not pass without anybody receiving. */
static void test_more_than_are_noted(void **state)
{
	struct fixture *x = *state;
	struct dial_req req = {.host = "127.0.0.1", .connect_timeout_ms = 60000};
	struct rlimit files = {0};
	struct one *all = calloc(MANY, sizeof(*all));
	int *peer = calloc(MANY, sizeof(*peer));
	unsigned opened = 0, got = 0, n = 0;
	int fd = listen_raw(&req.port);

	assert_non_null(all);
	assert_non_null(peer);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	for (unsigned i = 0; i < MANY; i++) {
		all[i] = (struct one){.opened = &opened, .got = &got};
		all[i].s = stream_dial(x->n, &req, &one_ops, &all[i]);
	}
	while (opened < MANY || n < MANY) {
		int conn = n < MANY ? accept(fd, NULL, NULL) : -1;

		if (conn >= 0)
			peer[n++] = conn;
		else
			uv_run(&x->l.uv, UV_RUN_ONCE);
	}
	x->n->turn_ns = 0;
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(send(peer[i], "x", 1, 0), 1);
	uv_run(&x->l.uv, UV_RUN_NOWAIT);
	assert_in_range(got, 10, MANY);
	x->n->turn_ns = UINT64_MAX / 2;
	WAIT_FOR(x, got == MANY);
	for (unsigned i = 0; i < MANY; i++) {
		stream_close(all[i].s);
		close(peer[i]);
	}
	close(fd);
	free(all);
	free(peer);
}

static void on_heard(struct end *e, const char *where)
{
	if (strcmp(where, "data") != 0)
		return;
	if (heard.turn != e->x->l.turn)
		heard.in_turn = 0;
	heard.turn = e->x->l.turn;
	heard.in_turn += e->got - heard.got;
	heard.got = e->got;
	if (heard.in_turn > heard.most)
		heard.most = heard.in_turn;
}

/* Who connected to us is heard all the same, within bounds of his own. */
static void test_client_when_time_is_up(void **state)
{
	struct fixture *x = *state;
	struct lane p = {0};
	char *text = calloc(1, TOTAL);

	memset(&heard, 0, sizeof(heard));
	x->n->turn_ns = 0;
	begin(x, &p);
	p.server.hook = on_heard;
	assert_non_null(text);
	stream_write(p.k.s, text, TOTAL);
	WAIT_FOR(x, p.server.got == TOTAL);
	assert_in_range(heard.most, 2 * sizeof(p.server.buf), 64 * 1024);
	free(text);
	finish(&p);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(test_all_arrives),
		T(test_pipe_and_memory_in_turn),
		T(test_short_put_off_interrupted),
		T(test_refusal_in_the_middle),
		T(test_broken_connection),
		T(test_urgent_data),
		T(test_urgent_data_and_the_end),
		T(test_pause_and_resume),
		T(test_close_inside_callbacks),
		T(test_share_of_a_turn),
		T(test_shares),
		T(test_turns_that_are_short),
		T(test_a_part_of_a_crowd),
		T(test_bodies_when_time_is_up),
		T(test_client_when_time_is_up),
		T(test_more_than_are_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
