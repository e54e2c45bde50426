/* SPDX-License-Identifier: MIT
 * F06: WebSocket frames: bytes of a client behind a right handshake, some of them again and again. What is held for it stays
 * bounded, however much it sends or announces and whether or not it reads; what is sent back is whole, unmasked frames with
 * valid text. Input: seed of the cuts, options, then the bytes of the client.
 */
#include "fuzz.h"

#include "fuzz_heap.h"

#define assert_int_equal(a, b) CHECK((a) == (b))
#define assert_true(a)	       CHECK(a)
#include "unit/rpc/fake_stream.c"

#define HANDSHAKE                                                                                                      \
	"GET /jsonrpc HTTP/1.1\r\nHost: 127.0.0.1:6800\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                 \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

/* One frame at p; its size. */
static size_t check_frame(const unsigned char *p, size_t left)
{
	unsigned opcode = p[0] & 15;
	size_t head = 2, n;

	CHECK(left >= 2 && (p[0] & 0xf0) == 0x80 && (p[1] & 0x80) == 0); /* FIN, no reserved bits, unmasked */
	CHECK(opcode == 1 || opcode == 8 || opcode == 9 || opcode == 10);
	n = p[1];
	if (n == 126) {
		CHECK(left >= 4);
		n = (size_t)p[2] << 8 | p[3];
		head = 4;
	} else if (n == 127) {
		n = 0;
		CHECK(left >= 10);
		for (int i = 2; i < 10; i++)
			n = n << 8 | p[i];
		head = 10;
	}
	CHECK(n <= left - head);
	if (opcode == 1) {
		json_error_t e;
		json_t *j = json_loadb((const char *)p + head, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);

		CHECK(j != NULL && str_is_utf8((const char *)p + head, n));
		json_decref(j);
	}
	return head + n;
}

#define REQUEST_MAX "4096"
#define FED_MAX	    (512u << 10)
#define SENT_MAX    (512u << 10)
#define HELD_MAX    (256 * 1024) /* for a connection that is owed no answer */
#define PER_ANSWER  4		 /* bytes held for each byte of the answers being made: their buffers grow by doubling */
#define PER_JOB	    (16 * 1024)	 /* of a download that was added */

enum option { REPEAT = 15, STUCK = 16, SECRET = 32 };

/* The stream's own buffers, which are the test's: made once, with room for what may come, so that they do not count. */
static struct buf kept_in, kept_sent;

static void take_buffer(struct buf *b, struct buf *kept, size_t room)
{
	buf_free(b);
	if (kept->data == NULL) {
		char *zeros = calloc(1, room);

		buf_init(kept, b->max);
		CHECK(buf_add(kept, zeros, room) == 0);
		free(zeros);
	}
	buf_reset(kept);
	*b = *kept;
}

static void give_back(struct buf *b, struct buf *kept)
{
	*kept = *b;
	buf_init(b, b->max);
}

/* answers: bytes of them in one round, the most so far. */
static void check_held(const struct fixture *x, int64_t before, size_t answers)
{
	int64_t held = heap_peak() - before;
	size_t unread = x->s.stuck ? 2 * CONN_OUT_HIGH : 0; /* in buffers that grow by doubling */

	if (getenv("FUZZ_PRINT") != NULL)
		fprintf(stderr, "held %lld, sent %zu, %zu jobs\n", (long long)held, x->s.sent.len, (size_t)x->e.n);
	CHECK(held <= (int64_t)(HELD_MAX + unread + PER_ANSWER * answers + PER_JOB * x->e.n));
	CHECK(x->s.sent.len <= 2 * CONN_OUT_MAX);
}

static void feed_cuts(struct fixture *x, struct input in, uint32_t *random)
{
	while (in.n > 0 && !x->s.closed) {
		size_t n = 1 + fuzz_random(random) % (*random % 4 == 0 ? 30 : 2000);

		n = n < in.n ? n : in.n;
		feed_n(&x->s, in.p, n);
		in.p += n;
		in.n -= n;
		uv_run(&x->loop.uv, UV_RUN_NOWAIT);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	uint32_t random = 1 + input_byte(&in);
	unsigned options = input_byte(&in);
	size_t times = (size_t)1 << (options & REPEAT), at = 0;
	struct fixture *x;
	void *state = NULL;
	size_t answers = 0;
	int64_t before;

	setup(&state);
	x = state;
	opts_set(x->opts, OPT_RPC_MAX_REQUEST_SIZE, REQUEST_MAX, NULL);
	if (options & SECRET)
		opts_set(x->opts, OPT_RPC_SECRET, "s", NULL);
	feed(&x->s, HANDSHAKE);
	CHECK(strncmp(x->s.sent.data, "HTTP/1.1 101 ", 13) == 0);
	take_buffer(&x->s.in, &kept_in, FED_MAX);
	take_buffer(&x->s.sent, &kept_sent, 4 * SENT_MAX);
	x->s.stuck = (options & STUCK) != 0;
	before = heap_mark();
	for (size_t fed = 0; times > 0 && fed + in.n <= FED_MAX && x->s.sent.len < SENT_MAX && !x->s.closed; times--) {
		size_t sent = x->s.sent.len;

		feed_cuts(x, in, &random);
		fed += in.n > 0 ? in.n : FED_MAX;
		sent = x->s.sent.len - sent;
		answers = sent > answers ? sent : answers;
		check_held(x, before, answers);
	}
	for (int i = 0; i < 100 && x->s.stuck && !x->s.closed; i++) /* the client reads again: all that is owed comes */
		unstick(&x->s);
	while (at < x->s.sent.len && !(x->s.stuck && x->s.closed))
		at += check_frame((unsigned char *)x->s.sent.data + at, x->s.sent.len - at);
	give_back(&x->s.in, &kept_in);
	give_back(&x->s.sent, &kept_sent);
	teardown(&state);
	return 0;
}
