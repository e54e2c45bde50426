/* SPDX-License-Identifier: MIT
 * F01: an answer through llhttp, the HTTP protocol and the lane that judges and takes it, in one piece and in random cuts:
 * a byte goes where the answer says it belongs, inside of the segment and of the answer's range, and the verdict does not
 * depend on the cuts. Input: options, seed, where the segment begins, its length, what follows it in the file, then the bytes
 * of the server.
 */
#include "fuzz.h"

#include "core/xfer_int.h"
#include "proto/http1.h"

#include "fuzz_wire.h"

#define FILE_KEPT   (1 << 13)	       /* bytes from the segment's beginning on that are compared */
#define FIRST_START (BLOCK_SIZE - 120) /* so that a block is full in the middle of small segments */

#define ASKED_MOST 3

enum option { NEW = 1, STRONG = 2, DATED = 4, NO_END = 8, LATE_FILE = 16, HAD_RANGES = 32, RESET = 64, CHECKSUM = 128 };

struct run {
	unsigned options;
	struct wire w;
	struct xfer x;
	struct source *src;
	struct origins *origins;
	struct lane *l;
	int64_t start, end;	  /* of the segment; end -1: not known at first */
	bool named;		  /* the file's name is known, it waits to be opened */
	/* between the lane and the protocol */
	const struct fetch_ops *lane_ops;
	struct fetch_head head;	  /* of the fetch under way; numbers only */
	int64_t told;		  /* where its next byte belongs */
	size_t span;
	/* the disk */
	struct block block;
	bool block_out, refused;
	int64_t pushed;		  /* everything from start to here was written */
	unsigned char file[FILE_KEPT], body[FILE_KEPT];
};

static struct run *now;
static char lane_memory[BLOCK_SIZE];

/* ---- the protocol, watched ---- */

static void on_head(void *owner, const struct fetch_head *h)
{
	now->head = *h;
	now->told = h->has_range ? h->range.start : 0;
	now->lane_ops->head(owner, h);
}

static void on_space(void *owner, struct span *ret)
{
	const struct segment *s = now->l->seg;
	int64_t skip = now->l->skip; /* of an answer with all of the file, what is there already */
	size_t room;

	now->lane_ops->space(owner, ret);
	now->span = ret->len;
	if (ret->len == 0)
		return;
	room = (size_t)(now->block.mem + BLOCK_SIZE - ret->base);
	CHECK(now->block_out && ret->base >= now->block.mem && ret->len <= room);
	CHECK(now->head.status == 200 || now->head.status == 206);
	CHECK(now->told + skip == s->next && (skip == 0 || (!now->head.has_range && ret->len <= (uint64_t)skip)));
	CHECK(s->end < 0 || skip > 0 || ret->len <= (uint64_t)(s->end - s->next));
	CHECK(!now->head.has_range || ret->len <= (uint64_t)(now->head.range.end - now->told));
}

static void on_data(void *owner, size_t n)
{
	CHECK(n > 0 && n <= now->span);
	now->span = 0;
	for (size_t i = 0; now->l->skip == 0 && i < n; i++)
		if (now->told - now->start + (int64_t)i < FILE_KEPT)
			now->body[now->told - now->start + (int64_t)i] =
				(unsigned char)now->block.mem[now->block.len + i];
	now->told += (int64_t)n;
	now->lane_ops->data(owner, n);
}

static void on_done(void *owner, int err, const struct fail *f)
{
	now->lane_ops->done(owner, err, f);
}

static int start(struct net *n, const struct fetch_req *req, const struct fetch_ops *ops, void *owner, void **ret, struct fail *f)
{
	static const struct fetch_ops watched = {.head = on_head, .space = on_space, .data = on_data, .done = on_done};

	now->lane_ops = ops;
	return http1_proto.start(n, req, &watched, owner, ret, f);
}

const struct proto *proto_find(const char *scheme)
{
	static struct proto p;

	p = http1_proto;
	p.start = start;
	return strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0 ? &p : NULL;
}

/* ---- blocks and the disk: at once, but for a block that is refused now and then ---- */

struct block *block_get(struct block_pool *p)
{
	(void)p;
	CHECK(!now->block_out);
	now->refused = now->w.random != 0 && fuzz_random(&now->w.random) % 8 == 0;
	if (now->refused)
		return NULL;
	now->block_out = true;
	now->block = (struct block){.mem = lane_memory};
	return &now->block;
}

struct block *block_get_for(struct block_pool *p, uint64_t dev)
{
	(void)dev;
	return block_get(p);
}

struct block *block_get_pipe(struct block_pool *p)
{
	(void)p;
	return NULL;
}

void block_count(struct block_pool *p, struct block *b, uint64_t dev, enum work_load load)
{
	(void)p, (void)b, (void)dev, (void)load;
}

void block_put(struct block_pool *p, struct block *b)
{
	(void)p;
	CHECK(b == &now->block && now->block_out);
	now->block_out = false;
}

void block_wait(struct block_pool *p, struct block_waiter *w, uint64_t dev)
{
	(void)p, (void)dev;
	w->waiting = true;
}

void block_wait_cancel(struct block_pool *p, struct block_waiter *w)
{
	(void)p;
	w->waiting = false;
}

bool block_pressure(const struct block_pool *p)
{
	(void)p;
	return now->w.random != 0 && fuzz_random(&now->w.random) % 4 == 0;
}

void block_stats(const struct block_pool *p, size_t *ret_used, size_t *ret_total)
{
	(void)p;
	if (ret_used != NULL)
		*ret_used = 0;
	*ret_total = 64;
}

struct wstream {
	const struct wstream_ops *ops;
	void *owner;
};

struct wstream *wstream_new(struct dfile *f, int64_t off, const struct wstream_ops *o, void *owner)
{
	struct wstream *w = xcalloc(1, sizeof(*w));

	(void)f;
	CHECK(off == now->pushed);
	w->ops = o;
	w->owner = owner;
	return w;
}

void wstream_push(struct wstream *w, struct block *b)
{
	const struct segment *s = w->owner;
	int64_t from = b->off, to = b->off + b->len;

	CHECK(b == &now->block && now->block_out && b->len > 0 && from == now->pushed);
	CHECK(from >= s->start && to <= s->next && (s->end < 0 || to <= s->end));
	for (int64_t i = from; i < to && i - now->start < FILE_KEPT; i++)
		now->file[i - now->start] = (unsigned char)b->mem[i - from];
	now->pushed = to;
	now->block_out = false;
	w->ops->written(w->owner, from, to);
}

/* The wire has none. */
bool wstream_likes_pipes(const struct wstream *w)
{
	(void)w;
	return false;
}

size_t wstream_queued(const struct wstream *w)
{
	(void)w;
	return 0;
}

bool wstream_busy(const struct wstream *w)
{
	(void)w;
	return false;
}

void wstream_close(struct wstream *w)
{
	free(w);
}

/* ---- the rest of the transfer ---- */

void xfer_dirty(struct xfer *x)
{
	CHECK(x == &now->x);
}

void xfer_check_done(struct xfer *x)
{
	CHECK(x == &now->x);
}

void xfer_report_known(struct xfer *x)
{
	CHECK(x == &now->x);
}

void xfer_hash_advance(struct xfer *x)
{
	CHECK(x == &now->x);
}

void xfer_start_hashing(struct xfer *x)
{
	CHECK(x == &now->x);
}

void xfer_fail(struct xfer *x, int err, const char *text)
{
	(void)x, (void)err, (void)text;
	CHECK(false); /* the disk works */
}

void xfer_not_modified(struct xfer *x)
{
	(void)x;
	CHECK(false); /* nobody asked */
}

bool xfer_look_first(struct lane *l)
{
	(void)l;
	return false;
}

bool xfer_only_looks(const struct xfer *x)
{
	(void)x;
	return false;
}

int64_t xfer_condition(const struct xfer *x)
{
	(void)x;
	return -1;
}

uint64_t xfer_dev(const struct xfer *x)
{
	(void)x;
	return 0;
}

bool xfer_gather(struct lane *l, const char *server_name, const char *uri)
{
	(void)l, (void)server_name, (void)uri;
	return false; /* nobody places small files */
}

/* What came before there was a file is given up here; the bytes of the next answer are another run's. */
void xfer_keep_body(struct lane *l)
{
	if (l->cur)
		block_put(l->x->loop->blocks, l->cur);
	l->cur = NULL;
}

static void open_file(struct run *r)
{
	r->named = false;
	r->x.state = XS_RUN;
	if (r->l->seg == NULL)
		return;
	segment_attach_file(r->l->seg);
	lane_resume(r->l);
}

void xfer_open_new(struct xfer *x, const char *server_name, const char *uri)
{
	(void)server_name, (void)uri;
	CHECK(x->state == XS_PROBE && now->start == 0);
	x->state = XS_OPEN;
	now->named = true;
	if (!(now->options & LATE_FILE))
		open_file(now);
}

bool net_offline(void)
{
	return false;
}

/* ---- driving ---- */

static void set_up(struct run *r, struct opts *o, int64_t length, int64_t behind)
{
	static char *uris[] = {(char *)"http://host.test/file", NULL};
	struct xfer *x = &r->x;

	x->loop = &the_loop;
	x->origins = r->origins = origins_new(4, 1);
	x->opts = o;
	x->total = -1;
	x->mtime = -1;
	x->room.cb = (void (*)(void *))xfer_dirty;
	x->room.arg = x;
	x->state = (r->options & NEW) ? XS_PROBE : XS_RUN;
	TAILQ_INIT(&x->lanes);
	TAILQ_INIT(&x->segs);
	CHECK(source_list_set(x, uris) == 0 || x->nsources == 1);
	r->src = x->sources[0];
	r->src->ranged = (r->options & HAD_RANGES) != 0;
	r->l = lane_new(x);
	if (r->options & NEW) {
		r->start = r->pushed = 0;
		r->end = -1;
		segment_new(r->l, 0, -1);
		return;
	}
	x->pinned = true;
	x->etag = (r->options & STRONG) ? xstrdup("\"e\"") : NULL;
	x->last_modified = (r->options & DATED) ? xstrdup("Sun, 06 Nov 1994 08:49:37 GMT") : NULL;
	x->total = (r->options & NO_END) ? -1 : r->start + length + behind;
	r->end = (r->options & NO_END) ? -1 : r->start + length;
	segment_new(r->l, r->start, r->end);
	segment_attach_file(r->l->seg);
}

static void wake_waiter(struct block_waiter *w)
{
	w->waiting = false;
	w->cb(w->arg);
}

static int64_t rest_end(const struct run *r)
{
	return r->end < r->x.total ? r->end : r->x.total;
}

/* As the transfer does, for what is still free of a segment that was asked for. */
static bool asks_again(const struct run *r)
{
	return r->l->state == LANE_IDLE && !r->src->dead && r->x.state == XS_RUN && r->pushed < rest_end(r);
}

static bool ask_again(struct run *r)
{
	segment_new(r->l, r->pushed, rest_end(r));
	segment_attach_file(r->l->seg);
	lane_begin(r->l, r->src);
	return true;
}

static void check_segment(const struct run *r)
{
	const struct segment *s = r->l->seg;

	if (s == NULL)
		return;
	CHECK(s->start <= s->next && (s->end < 0 || s->next <= s->end));
	CHECK(s->end < 0 || r->x.total < 0 || s->end <= r->x.total);
	CHECK(r->pushed + (r->block_out ? r->block.len : 0) == s->next);
}

static void run_lane(struct run *r, struct opts *o, int64_t length, int64_t behind)
{
	now = r;
	wire = &r->w;
	r->w.reset = (r->options & RESET) != 0;
	r->w.dials_max = (ASKED_MOST + 1) * (REDIRECTS_MAX + 1);
	r->w.shared = http_state_new(o);
	r->pushed = r->start;
	set_up(r, o, length, behind);
	lane_begin(r->l, r->src);
	for (unsigned idle = 0, again = 0; idle < 3;) {
		bool moved = wire_step(&r->w);

		check_segment(r);
		if (!moved && r->named)
			open_file(r);
		else if (!moved && r->l->waiter.waiting)
			wake_waiter(&r->l->waiter);
		else if (!moved && asks_again(r) && again++ < ASKED_MOST)
			moved = ask_again(r);
		else if (!moved)
			lane_resume(r->l);
		idle = moved ? 0 : idle + 1;
	}
	CHECK(r->l->fetch == NULL && r->l->state == LANE_IDLE);
}

static void tear_down(struct run *r)
{
	lane_free(r->l);
	CHECK(!r->block_out && TAILQ_EMPTY(&r->x.segs));
	wire_done(&r->w);
	free(r->x.etag);
	free(r->x.etag_origin);
	tags_clear(&r->x.tags);
	free(r->x.last_modified);
	free(r->x.digest);
	ranges_free(&r->x.taken);
	source_list_free(&r->x);
	origins_free(r->origins);
	http_state_free(r->w.shared);
}

static bool same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check_run(const struct run *r)
{
	const struct xfer *x = &r->x;
	size_t n = (size_t)(r->pushed - r->start);

	if (getenv("FUZZ_PRINT") != NULL)
		fprintf(stderr, "options %u: %s, wrote %lld-%lld of %lld, %u dials, now at %s\n", r->options,
			r->src->fail.code != 0 ? r->src->fail.text : "no failure", (long long)r->start, (long long)r->pushed,
			(long long)x->total, r->w.dials, r->l->uri);
	CHECK(r->start <= r->pushed && (x->total < 0 || r->pushed <= x->total));
	CHECK(ranges_total(&x->written) == r->pushed - r->start && x->written.n <= 1);
	CHECK(memcmp(r->file, r->body, n < FILE_KEPT ? n : FILE_KEPT) == 0);
}

static void compare(const struct run *a, const struct run *b)
{
	const struct source *s = a->src, *t = b->src;

	check_run(a);
	check_run(b);
	CHECK(s->fail.code == t->fail.code && strcmp(s->fail.text, t->fail.text) == 0);
	CHECK(s->dead == t->dead && s->tries == t->tries && s->not_found == t->not_found && s->ready_at == t->ready_at);
	CHECK(a->pushed == b->pushed && memcmp(a->file, b->file, FILE_KEPT) == 0);
	CHECK(a->x.total == b->x.total && a->x.state == b->x.state && a->x.unproven == b->x.unproven);
	CHECK(same(a->x.etag, b->x.etag) && same(a->x.last_modified, b->x.last_modified) && same(a->x.digest, b->x.digest));
	CHECK(same(a->l->uri, b->l->uri) && same(s->final_uri, t->final_uri));
	CHECK(s->no_ranges == t->no_ranges && s->ranged == t->ranged && s->no_head == t->no_head);
	CHECK(s->skip_if_range == t->skip_if_range && a->w.dials == b->w.dials && a->l->state == b->l->state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run whole, cut;
	struct input in = {data, size};
	unsigned options = input_byte(&in), seed = input_byte(&in);
	unsigned at = input_byte(&in);
	int64_t length = (int64_t)input_byte(&in), behind = (int64_t)input_byte(&in);
	int64_t start_at = (options & NEW) || at == 0 ? 0 : at < 128 ? at : FIRST_START + at - 128;
	struct opts *o = opts_new(NULL);

	whole = (struct run){.options = options, .start = start_at, .w = {.p = in.p, .n = in.n}};
	cut = (struct run){.options = options, .start = start_at, .w = {.p = in.p, .n = in.n, .random = 1 + seed}};
	opts_set(o, OPT_NO_NETRC, "true", NULL);
	opts_set(o, OPT_MIN_SPLIT_SIZE, "1M", NULL);
	if (options & CHECKSUM)
		opts_set(o, OPT_CHECKSUM, "md5=d41d8cd98f00b204e9800998ecf8427e", NULL);
	run_lane(&whole, o, length, behind);
	run_lane(&cut, o, length, behind);
	compare(&whole, &cut);
	now = &whole;
	wire = &whole.w;
	tear_down(&whole);
	now = &cut;
	wire = &cut.w;
	tear_down(&cut);
	ranges_free(&whole.x.written);
	ranges_free(&cut.x.written);
	opts_unref(o);
	return 0;
}
