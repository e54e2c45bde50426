/* SPDX-License-Identifier: MIT
 * F01: a whole answer, head and body, through the HTTP/1.1 protocol over a stream in memory, in one piece and in random cuts:
 * the verdict and the bytes must not depend on the cuts. Input: options, seed of the cuts (and which proxy), then the bytes of
 * the server; those of a proxy that makes a tunnel in turns (fuzz_wire.h).
 */
#include "fuzz.h"

#include "base/buf.h"
#include "base/opt.h"
#include "proto/http1.h"

#include "fuzz_wire.h"

#define DIALS_MAX 4
#define BODY_KEPT (1 << 16)

enum option { ASK_RANGE = 1, ASK_HEAD = 2, ASK_GZIP = 4, RESET = 8, PAUSES = 16, CREDENTIALS = 32, CANCELS = 64, PROXY = 128 };

/* One run of the fetch and what came of it. */
struct run {
	unsigned options;
	struct wire w;
	const char *uri;
	void *fetch; /* NULL once it is over */
	/* result */
	unsigned heads, dones;
	int err, status;
	int64_t total, body_len;
	struct range range;
	uint64_t got;
	struct buf head, body;
	struct span span;
	bool cancelled;
};

/* ---- the owner of the fetch ---- */

static void check_text(const char *s, size_t max)
{
	if (s == NULL)
		return;
	CHECK(strlen(s) <= max);
	for (; *s != '\0'; s++)
		CHECK(((unsigned char)*s >= 0x20 || *s == '\t') && *s != 0x7f);
}

static void note(struct run *r, const char *s)
{
	buf_adds(&r->head, s != NULL ? s : "-");
	buf_adds(&r->head, "\n");
}

static void on_head(void *owner, const struct fetch_head *h)
{
	struct run *r = owner;

	CHECK(++r->heads == 1 && r->dones == 0);
	CHECK(h->status >= 200 && h->status <= 599);
	CHECK(h->total >= -1 && h->body_len >= -1 && h->retry_after_ms >= -1 && h->retry_after_ms <= 86400000);
	CHECK(h->limit_ms >= -1 && h->limit_ms != 0 && h->limit_ms <= 86400000);
	CHECK(h->range.start >= 0 && h->range.start <= h->range.end);
	CHECK(!h->has_range || (h->status == 206 && h->range.start < h->range.end));
	CHECK(!h->has_range || h->total == -1 || h->range.end <= h->total);
	CHECK(h->name == NULL || (h->name[0] != '\0' && strchr(h->name, '/') == NULL && str_is_utf8(h->name, strlen(h->name))));
	check_text(h->etag, 1024);
	check_text(h->last_modified, 1024);
	check_text(h->location, 16384);
	check_text(h->content_type, 127);
	check_text(h->digest, 159);
	check_text(h->name, 65536);
	note(r, h->etag);
	note(r, h->last_modified);
	note(r, h->location);
	note(r, h->name);
	note(r, h->digest);
	r->status = h->status;
	r->total = h->total;
	r->body_len = h->body_len;
	r->range = h->range;
}

static void on_space(void *owner, struct span *ret)
{
	struct run *r = owner;

	CHECK(r->heads == 1 && r->dones == 0 && (r->status == 200 || r->status == 206));
	free(r->span.base);
	r->span = (struct span){NULL, 0};
	if (r->w.random == 0)
		r->span.len = 4096;
	else if (!(r->options & PAUSES) || fuzz_random(&r->w.random) % 4 != 0)
		r->span.len = 1 + fuzz_random(&r->w.random) % 700;
	r->span.base = r->span.len > 0 ? xmalloc(r->span.len) : NULL;
	*ret = r->span;
}

static void on_data(void *owner, size_t n)
{
	struct run *r = owner;

	CHECK(n > 0 && n <= r->span.len && r->dones == 0);
	r->got += n;
	buf_add(&r->body, r->span.base, n < BODY_KEPT - r->body.len ? n : BODY_KEPT - r->body.len);
	r->span.len = 0;
	if ((r->options & CANCELS) && r->w.random != 0 && fuzz_random(&r->w.random) % 8 == 0) {
		http1_proto.cancel(r->fetch);
		r->fetch = NULL;
		r->cancelled = true;
	}
}

static void on_done(void *owner, int err, const struct fail *f)
{
	struct run *r = owner;

	CHECK(++r->dones == 1);
	CHECK(err <= 0 && (err == 0 || (f->code == err && f->text[0] != '\0')));
	CHECK(err != 0 || r->heads == 1);
	r->err = err;
	r->fetch = NULL;
}

static const struct fetch_ops ops = {.head = on_head, .space = on_space, .data = on_data, .done = on_done};

/* ---- driving ---- */

static void run_fetch(struct run *r, const struct opts *o)
{
	const struct fetch_req req = {
		.uri = r->uri,
		.want = {(r->options & ASK_RANGE) ? 10 : 0, (r->options & ASK_RANGE) ? 100 : -1},
		.if_modified_since = -1,
		.head_only = (r->options & ASK_HEAD) != 0,
		.opts = o,
	};
	struct fail f;
	unsigned idle = 0;

	r->w.reset = (r->options & RESET) != 0;
	r->w.dials_max = DIALS_MAX;
	wire = &r->w;
	r->w.shared = http_state_new(o);
	buf_init(&r->head, 1 << 20);
	buf_init(&r->body, BODY_KEPT);
	CHECK(http1_proto.start(NULL, &req, &ops, r, &r->fetch, &f) == 0);
	while (r->fetch != NULL && idle < 3) {
		bool moved = wire_step(&r->w);

		if (r->fetch != NULL && !moved) {
			http1_proto.resume(r->fetch);
			moved = wire_deferred(&r->w);
		}
		idle = moved ? 0 : idle + 1;
	}
	CHECK(r->fetch == NULL);
	wire_done(&r->w);
	CHECK(r->dones == (r->cancelled ? 0 : 1));
}

static void end_run(struct run *r)
{
	http_state_free(r->w.shared);
	buf_free(&r->head);
	buf_free(&r->body);
	free(r->span.base);
}

static void print_run(const struct run *r)
{
	fprintf(stderr, "options %u cuts %d: err %s status %d dials %u got %llu total %lld body %lld range %lld-%lld\n", r->options,
		r->w.random != 0, err_name(r->err), r->status, r->w.dials, (unsigned long long)r->got, (long long)r->total,
		(long long)r->body_len, (long long)r->range.start, (long long)r->range.end);
}

static void compare(const struct run *a, const struct run *b)
{
	size_t n = a->body.len < b->body.len ? a->body.len : b->body.len;

	if (getenv("FUZZ_PRINT") != NULL) {
		print_run(a);
		print_run(b);
	}
	CHECK(n == 0 || memcmp(a->body.data, b->body.data, n) == 0);
	if (a->cancelled || b->cancelled)
		return;
	CHECK(cookie_jar_count(a->w.shared->jar) == cookie_jar_count(b->w.shared->jar));
	CHECK(a->err == b->err && a->heads == b->heads && a->status == b->status && a->w.dials == b->w.dials);
	CHECK(a->total == b->total && a->body_len == b->body_len);
	CHECK(a->range.start == b->range.start && a->range.end == b->range.end);
	CHECK(a->head.len == b->head.len && (a->head.len == 0 || memcmp(a->head.data, b->head.data, a->head.len) == 0));
	CHECK(a->got == b->got || (a->err != 0 && (a->options & ASK_GZIP)));
	CHECK(a->err != 0 || a->body_len < 0 || a->got == (uint64_t)a->body_len || (a->options & ASK_HEAD) ||
		(a->status != 200 && a->status != 206));
}

/* The way to the origin; false: a tunnel, which minds bytes that come too early, so that cuts do matter. */
static bool set_way(struct run *r, struct opts *o, unsigned which)
{
	static const char *const proxies[] = {"http://u:p@proxy.test:1", "http://proxy.test:1", "socks5h://proxy.test", "socks5h://u:p@proxy.test"};
	struct fail f;

	r->uri = (r->options & PROXY) && which % 2 == 1 ? "https://host.test/file" : "http://host.test/file";
	if (r->options & PROXY)
		CHECK(opts_set(o, OPT_ALL_PROXY, proxies[which], &f) == 0);
	return !(r->options & PROXY) || which == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	unsigned options = input_byte(&in), seed = input_byte(&in);
	struct run whole = {.options = options & ~(unsigned)(PAUSES | CANCELS)};
	struct run cut = {.options = options, .w.random = 1 + seed};
	struct opts *o = opts_new(NULL);
	bool same_way = set_way(&whole, o, seed % 4);

	set_way(&cut, o, seed % 4);
	opts_set(o, OPT_NO_NETRC, "true", NULL);
	opts_set(o, OPT_HTTP_ACCEPT_GZIP, (options & ASK_GZIP) ? "true" : "false", NULL);
	if (options & CREDENTIALS) {
		opts_set(o, OPT_HTTP_USER, "u", NULL);
		opts_set(o, OPT_HTTP_PASSWD, "p", NULL);
		opts_set(o, OPT_HTTP_AUTH_CHALLENGE, "true", NULL);
	}
	whole.w.turns = cut.w.turns = !same_way;
	whole.w.p = cut.w.p = in.p;
	whole.w.n = cut.w.n = in.n;
	run_fetch(&whole, o);
	run_fetch(&cut, o);
	if (same_way)
		compare(&whole, &cut);
	end_run(&whole);
	end_run(&cut);
	opts_unref(o);
	return 0;
}
