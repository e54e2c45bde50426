/* SPDX-License-Identifier: MIT
 * F05: the RPC port: bytes of a client, in random cuts, through HTTP, JSON or XML and the methods on an engine in memory.
 * Every answer is a whole HTTP response; its body, unpacked where it is packed, is valid UTF-8 and valid JSON, one call of a
 * function around JSON (JSONP), or well-formed XML. Input: options, seed of the cuts, then the bytes of the client.
 */
#include "fuzz.h"

#include <ctype.h>
#include <expat.h>
#include <zlib.h>

#include "base/log.h"

#define assert_int_equal(a, b) CHECK((a) == (b))
#define assert_true(a)	       CHECK(a)
#include "unit/rpc/fake_stream.c"

#define UNPACKED_MAX (8u << 20)

enum option { SECRET = 1, SAVE = 2, HOLD = 4, LATE_END = 8, JSONP = 16, STRANGER = 32, STUCK = 64, NO_DISK = 128 };

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

	CHECK(j != NULL);
	json_decref(j);
}

/* NAME(JSON) */
static void check_jsonp(const char *body, size_t n)
{
	const char *open = memchr(body, '(', n);

	CHECK(open != NULL && open > body && body[n - 1] == ')');
	for (const char *s = body; s < open; s++)
		CHECK(isalnum((unsigned char)*s) || strchr("_.$", *s) != NULL);
	check_json(open + 1, (size_t)(body + n - 1 - (open + 1)));
}

static void check_xml(const char *body, size_t n)
{
	XML_Parser p = XML_ParserCreate(NULL);

	CHECK(XML_Parse(p, body, (int)n, 1) == XML_STATUS_OK);
	XML_ParserFree(p);
}

/* malloc'd */
static char *unpack(const char *body, size_t *n)
{
	z_stream z = {.next_in = (unsigned char *)(uintptr_t)body, .avail_in = (unsigned)*n};
	char *out = xmalloc(UNPACKED_MAX);

	CHECK(inflateInit2(&z, MAX_WBITS + 16) == Z_OK);
	z.next_out = (unsigned char *)out;
	z.avail_out = UNPACKED_MAX;
	CHECK(inflate(&z, Z_FINISH) == Z_STREAM_END && z.avail_in == 0);
	*n = z.total_out;
	inflateEnd(&z);
	return out;
}

/* head: of the response, its fields each in a line. */
static void check_body(const char *head, const char *body, size_t n)
{
	static const struct {
		const char *type;
		void (*check)(const char *body, size_t n);
	} kinds[] = {{"application/json", check_json}, {"text/javascript", check_jsonp}, {"text/xml", check_xml}};
	const char *type = strstr(head, "\r\nContent-Type: ");
	char *unpacked = n > 0 && strstr(head, "\r\nContent-Encoding: gzip") != NULL ? unpack(body, &n) : NULL;

	body = unpacked != NULL ? unpacked : body;
	CHECK(n == 0 || (type != NULL && str_is_utf8(body, n)));
	for (size_t i = 0; n > 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(type + 16, kinds[i].type, strlen(kinds[i].type)) == 0)
			kinds[i].check(body, n);
	free(unpacked);
}

/* One response at *p; -1: what follows is no HTTP any more (a WebSocket). */
static int check_response(const char **p, const char *limit)
{
	size_t n, length;
	const char *head = upto(p, limit, "\r\n\r\n", &n), *field;
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
	check_body(copy, *p, length);
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

/* The client is another one, of whom nothing is known. */
static void reconnect(struct fixture *x)
{
	x->s.ops->end(x->s.owner, 0, &(struct fail){0});
	stream_done(&x->s);
	stream_init(&x->s);
	the_peer_uid = -1;
	conn_accept(x->rpc, &x->s);
}

static void start(struct fixture *x, unsigned options)
{
	if (options & SECRET)
		opts_set(x->opts, OPT_RPC_SECRET, "s", NULL);
	opts_set(x->opts, OPT_RPC_ALLOW_JSONP, (options & JSONP) ? "true" : "false", NULL);
	if (options & SAVE)
		opts_set(x->e.global, OPT_SAVE_SESSION, "/nowhere", NULL);
	x->e.hold = (options & (HOLD | NO_DISK)) != 0;
	x->s.stuck = (options & STUCK) != 0;
}

static void settle(struct fixture *x, unsigned options)
{
	int err = (options & NO_DISK) ? ERR_STORE : 0;
	struct fail none = {0};

	for (int i = 0; i < 20 && (x->e.waiters > 0 || x->e.save_cb != NULL); i++) {
		void (*cb)(void *arg, int err, const struct fail *f) = x->e.save_cb;

		x->e.save_cb = NULL;
		if (cb != NULL)
			cb(x->e.save_arg, 0, &none);
		fake_commit(&x->e, err, err != 0 ? "no room" : NULL);
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

	log_setup(LOG_LVL_ERROR, true, NULL, LOG_LVL_ERROR);
	setup(&state);
	x = state;
	if (options & STRANGER)
		reconnect(x);
	start(x, options);
	while (in.n > 0 && !x->s.closed) {
		size_t n = 1 + fuzz_random(&random) % (random % 4 == 0 ? 30 : 2000);

		n = n < in.n ? n : in.n;
		feed_n(&x->s, in.p, n);
		in.p += n;
		in.n -= n;
		uv_run(&x->loop.uv, UV_RUN_NOWAIT);
	}
	for (int i = 0; i < 100 && (options & STUCK) && !x->s.closed; i++)
		unstick(&x->s);
	settle(x, options);
	if (!x->s.closed && (options & LATE_END))
		x->s.ops->end(x->s.owner, 0, &(struct fail){0});
	check_sent(&x->s);
	teardown(&state);
	return 0;
}
