/* SPDX-License-Identifier: MIT
 * WebSocket frames: bytes of a client behind a right handshake. What is held for it stays bounded; what is sent back is
 * whole, unmasked frames with valid text. Input: seed of the cuts, then the bytes of the client.
 */
#include "fuzz.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	uint32_t random = 1 + input_byte(&in);
	struct fixture *x;
	void *state = NULL;
	size_t at = 0;

	setup(&state);
	x = state;
	opts_set(x->opts, OPT_RPC_MAX_REQUEST_SIZE, "4096", NULL);
	feed(&x->s, HANDSHAKE);
	CHECK(strncmp(x->s.sent.data, "HTTP/1.1 101 ", 13) == 0);
	buf_reset(&x->s.sent);
	while (in.n > 0 && !x->s.closed) {
		size_t n = 1 + fuzz_random(&random) % (random % 4 == 0 ? 30 : 2000);

		n = n < in.n ? n : in.n;
		feed_n(&x->s, in.p, n);
		in.p += n;
		in.n -= n;
		uv_run(&x->loop.uv, UV_RUN_NOWAIT);
	}
	while (at < x->s.sent.len)
		at += check_frame((unsigned char *)x->s.sent.data + at, x->s.sent.len - at);
	teardown(&state);
	return 0;
}
