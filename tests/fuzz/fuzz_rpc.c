/* SPDX-License-Identifier: MIT
 * The RPC port: bytes of a client, in random cuts, through HTTP, JSON and the methods on an engine in memory. Every
 * answer is a whole HTTP response, and its body valid JSON (JSONP and compressed bodies aside). Input: options, seed of
 * the cuts, then the bytes of the client.
 */
#include "fuzz.h"

#define assert_int_equal(a, b) CHECK((a) == (b))
#define assert_true(a)	       CHECK(a)
#include "unit/rpc/fake_stream.c"

enum option { SECRET = 1, SAVE = 2, HOLD = 4, LATE_END = 8 };

/* Text up to and without end, moved behind it; NULL: there is none. */
static const char *upto(const char **p, const char *limit, const char *end, size_t *ret_n)
{
	const char *start = *p, *at = memmem(start, (size_t)(limit - start), end, strlen(end));

	if (at == NULL)
		return NULL;
	*ret_n = (size_t)(at - start);
	*p = at + strlen(end);
	return start;
}

static void check_json(const char *body, size_t n)
{
	json_error_t e;
	json_t *j = json_loadb(body, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);

	CHECK(str_is_utf8(body, n));
	CHECK(j != NULL);
	json_decref(j);
}

/* One response at *p; -1: what follows is no HTTP any more (a WebSocket). */
static int check_response(const char **p, const char *limit)
{
	size_t n, length;
	const char *head = upto(p, limit, "\r\n\r\n", &n), *field, *type;
	char *copy;

	CHECK(head != NULL && n > 12 && strncmp(head, "HTTP/1.1 ", 9) == 0);
	CHECK(str_is_utf8(head, n));
	if (strncmp(head + 9, "101", 3) == 0)
		return -1;
	if (strncmp(head + 9, "100", 3) == 0)
		return 0;
	copy = xstrndup(head, n);
	field = strstr(copy, "\r\nContent-Length: ");
	CHECK(field != NULL);
	length = strtoul(field + 18, NULL, 10);
	CHECK(length <= (size_t)(limit - *p));
	type = strstr(copy, "\r\nContent-Type: application/json");
	if (type != NULL && strstr(copy, "Content-Encoding") == NULL && length > 0)
		check_json(*p, length);
	*p += length;
	free(copy);
	return 0;
}

static void check_sent(const struct stream *s)
{
	const char *p = s->sent.data, *limit = s->sent.len > 0 ? p + s->sent.len : p;

	while (p < limit)
		if (check_response(&p, limit) < 0)
			break;
}

static void start(struct fixture *x, unsigned options)
{
	if (options & SECRET)
		opts_set(x->opts, OPT_RPC_SECRET, "s", NULL);
	if (options & SAVE)
		opts_set(x->e.global, OPT_SAVE_SESSION, "/nowhere", NULL);
	x->e.hold = (options & HOLD) != 0;
}

static void settle(struct fixture *x)
{
	struct fail none = {0};

	for (int i = 0; i < 20 && (x->e.waiters > 0 || x->e.save_cb != NULL); i++) {
		void (*cb)(void *arg, int err, const struct fail *f) = x->e.save_cb;

		x->e.save_cb = NULL;
		if (cb != NULL)
			cb(x->e.save_arg, 0, &none);
		fake_commit(&x->e, 0, NULL);
		deliver(&x->s);
		uv_run(&x->loop.uv, UV_RUN_NOWAIT);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	unsigned options = input_byte(&in);
	uint32_t random = 1 + input_byte(&in);
	struct fixture *x;
	void *state = NULL;

	setup(&state);
	x = state;
	start(x, options);
	while (in.n > 0 && !x->s.closed) {
		size_t n = 1 + fuzz_random(&random) % (random % 4 == 0 ? 30 : 2000);

		n = n < in.n ? n : in.n;
		feed_n(&x->s, in.p, n);
		in.p += n;
		in.n -= n;
		uv_run(&x->loop.uv, UV_RUN_NOWAIT);
	}
	settle(x);
	if (!x->s.closed && (options & LATE_END))
		x->s.ops->end(x->s.owner, 0, &(struct fail){0});
	check_sent(&x->s);
	teardown(&state);
	return 0;
}
