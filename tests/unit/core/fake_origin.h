/* SPDX-License-Identifier: MIT
 * A protocol and its servers without sockets, for tests of the transfer engine: struct fake_server says how the server of each URI
 * behaves, faults come from a seeded generator. Defines proto_find, so include it once, in the test program.
 */
#ifndef HAUL_TEST_FAKE_ORIGIN_H
#define HAUL_TEST_FAKE_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "core/origin.h"
#include "ev/loop.h"
#include "ev/timer.h"
#include "proto/proto.h"

#define FAKE_TIMEOUT_MS 60000

enum tag_kind { TAG_STRONG, TAG_WEAK, TAG_NONE, TAG_UNSTABLE };

/* One server; URI "fake://h<index>/name". */
struct fake_server {
	int64_t size;
	bool no_ranges;        /* answers ranges with all of it */
	bool no_length;        /* does not say how much will come, ... */
	bool chunked;          /* ... but where it ends */
	bool ignores_if_range; /* sends the range of another version all the same */
	bool drops_on_if_range; /* sends all of it whenever If-Range is there */
	enum tag_kind tag;
	unsigned tags_from;    /* added to the number in its ETags: another server makes others */
	bool dated;            /* Last-Modified, another one for each version */
	unsigned version;      /* which bytes it serves */
	unsigned flip_after;   /* another version from the n-th request on; 0: never */
	unsigned busy_above;   /* 503 when so many are under way; 0: no limit */
	bool hangs_up;         /* ... or the end of the connection, instead of 503 */
	unsigned fail_first;   /* 503 for the first n requests */
	unsigned fault_percent; /* of steps that break the connection */
	bool gone;             /* 404 */
	unsigned gone_after;   /* 404 from the n-th request on; 0: never */
	int64_t cut_at;        /* the connection ends at that offset; 0: never */
	unsigned cut_first;    /* ... of the first n requests only; 0: of all */
	bool bare_ranges;      /* no Last-Modified with a range */
	const char *digest;    /* told with every answer; NULL: none */
	bool lies_about_range; /* says another start than asked */
	bool refuses_head;     /* 405 for HEAD */
	bool head_lies;        /* HEAD tells half the size and another ETag */
	int64_t mtime;         /* 304 for an If-Modified-Since from then on; 0: never */
	unsigned rate;         /* bytes/s of each connection; 0: as fast as it goes */
	bool even;             /* ... every 50 ms, rather than in stretches of any length */
	unsigned rate_of_all;  /* bytes/s that the connections share; 0: no limit */
	unsigned rtt_ms;       /* told with each answer */
	unsigned latency_ms;   /* until an answer comes */
	unsigned stuck_number; /* the n-th request gets stuck_rate; 0: none */
	unsigned stuck_every;  /* every n-th connection gets stuck_rate; 0: none */
	unsigned stuck_rate;
	unsigned most_open;    /* of the requests, at a time */
	size_t low_now, low_most; /* low water asked for */
	unsigned mute_first;   /* the first n requests are never answered */
	unsigned stall_percent; /* of steps after which a connection is silent for good */
	int64_t stall_at;      /* the first connection that gets there is silent from then on; 0: none */
	bool no_total;         /* a 206 without being asked, of a file of unknown size */
	unsigned silent_first, silent_last; /* no answer to these requests, counted from 1; 0: to each an answer */
	unsigned leads_to;     /* redirects to a new link at server leads_to - 1; 0: no */
	unsigned leads_on_to;  /* ... all but the first link at this one; 0: as leads_to */
	unsigned link_uses;    /* a link takes so many requests, then 403; 0: any number */
	bool links_hang_up;    /* ... then the connection ends without an answer */
	unsigned links_dead_after; /* 403 for each link from the n-th request on; 0: never */
	unsigned links;        /* given out */
	unsigned used[256];    /* of each link here: requests */
	unsigned refused;      /* answers with 403 */
	unsigned requests, open;
	unsigned heads, conditional; /* requests that were so */
	struct range asked[64];      /* of the first requests */
	unsigned beside[64];         /* and how many were to follow each */
	int64_t sent;          /* bytes of bodies */
	unsigned stretches, in_vain; /* of bodies that were taken, and that found no room */
};

struct fake_net {
	struct loop *loop;
	struct fake_server *origins;
	size_t n;
	uint64_t seed;
	unsigned poured;         /* stretches that went into a pipe */
	struct origins *records; /* told of each sign of life; NULL: nobody */
};

static struct fake_net fake; /* proto_find and net_loop have no argument to find it by */

static uint32_t fake_random(uint32_t below)
{
	fake.seed = fake.seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(fake.seed >> 33) % below;
}

static unsigned char content_at(unsigned version, int64_t off)
{
	uint64_t x = ((uint64_t)off >> 3) * 0x9e3779b97f4a7c15u + (uint64_t)version * 0xd1342543de82ef95u;

	x ^= x >> 29;
	return (unsigned char)(x >> (8 * (off & 7) % 56));
}

struct fake_fetch {
	struct fake_server *o;
	const struct fetch_ops *ops;
	void *owner;
	struct timer timer;
	struct range want;
	bool head, unmodified, cut, silent;
	bool if_range, head_sent, paused, in_call, gone;
	char if_range_text[64];
	unsigned version, number;
	size_t last; /* bytes of the last stretch */
	unsigned link; /* the number in its URI, 0: none */
	int64_t at, end;
};

static void fake_step(void *arg);

static void fake_free(struct fake_fetch *f)
{
	timer_stop(&f->timer);
	f->o->open--;
	free(f);
}

static void fake_done(struct fake_fetch *f, int err)
{
	struct fail why = {0};
	const struct fetch_ops *ops = f->ops;
	void *owner = f->owner;

	if (err)
		fail_set(&why, err, NULL);
	fake_free(f);
	ops->done(owner, err, &why);
}

static void fake_life(void)
{
	if (fake.records)
		origins_alive(fake.records, loop_now(fake.loop));
}

static void fake_again(struct fake_fetch *f)
{
	timer_start(fake.loop, &f->timer, fake_random(4) == 0 ? 1 : 0, 0, fake_step, f);
}

/* Bytes/s that it gets now; 0: as fast as it goes. */
static unsigned fake_rate(const struct fake_fetch *f)
{
	unsigned share = f->o->rate_of_all / (f->o->open > 0 ? f->o->open : 1);

	if (f->number == f->o->stuck_number)
		return f->o->stuck_rate;
	if (f->o->stuck_every > 0 && f->number % f->o->stuck_every == 0)
		return f->o->stuck_rate;
	return share > 0 && (f->o->rate == 0 || share < f->o->rate) ? share : f->o->rate;
}

/* The next stretch after n bytes, as the server's rate has it. */
static void fake_go_on(struct fake_fetch *f, size_t n)
{
	if (fake_rate(f) > 0)
		timer_start(fake.loop, &f->timer, n * 1000 / fake_rate(f), 0, fake_step, f);
	else
		fake_again(f);
}

/* From now on nothing comes. */
static bool fake_stalls(struct fake_fetch *f)
{
	struct fake_server *o = f->o;

	if (!f->head_sent && f->number <= o->mute_first)
		return true;
	if (fake_random(100) < o->stall_percent)
		return true;
	if (o->stall_at == 0 || !f->head_sent || f->at < o->stall_at)
		return false;
	o->stall_at = 0;
	return true;
}

static void fake_etag(const struct fake_fetch *f, char *buf, size_t n)
{
	unsigned v = f->o->tag == TAG_UNSTABLE ? 1000 * (unsigned)(1 + f->o - fake.origins) + f->o->requests : f->version + (f->head && f->o->head_lies ? 100 : 0);

	snprintf(buf, n, "%s\"v%u\"", f->o->tag == TAG_WEAK ? "W/" : "", f->o->tag == TAG_WEAK ? 0 : v + f->o->tags_from);
}

static void fake_date(const struct fake_fetch *f, char *buf, size_t n)
{
	snprintf(buf, n, "Tue, 14 Nov 2023 22:13:%02u GMT", f->version % 60);
}

/* Does the If-Range of the request fit the version that is served now? */
static bool fake_condition_holds(const struct fake_fetch *f)
{
	char tag[32], date[64];

	if (!f->if_range)
		return true;
	if (f->o->drops_on_if_range)
		return false;
	if (f->o->ignores_if_range)
		return true;
	fake_etag(f, tag, sizeof(tag));
	fake_date(f, date, sizeof(date));
	return strcmp(f->if_range_text, tag) == 0 || strcmp(f->if_range_text, date) == 0;
}

static int fake_status(const struct fake_fetch *f)
{
	const struct fake_server *o = f->o;

	if (o->gone || (o->gone_after && o->requests > o->gone_after))
		return 404;
	if (o->leads_to)
		return 302;
	if (f->link && o->link_uses && o->used[f->link % 256] > o->link_uses)
		return 403;
	if (f->link && o->links_dead_after && o->requests > o->links_dead_after)
		return 403;
	if (f->head && o->refuses_head)
		return 405;
	if (f->unmodified)
		return 304;
	if (o->requests <= o->fail_first || (o->busy_above && o->open > o->busy_above))
		return 503;
	if ((f->want.start == 0 && f->want.end < 0) || o->no_ranges || o->no_length || !fake_condition_holds(f))
		return 200;
	return f->want.start >= o->size ? 416 : 206;
}

static void fake_head(struct fake_fetch *f)
{
	struct fetch_head h = {.status = fake_status(f), .body_len = -1, .total = -1, .mtime = -1, .retry_after_ms = -1,
		.limit_ms = -1, .rtt_ms = f->o->rtt_ms};
	char tag[32], date[64], link[64];
	int status = h.status;

	fake_etag(f, tag, sizeof(tag));
	fake_date(f, date, sizeof(date));
	snprintf(link, sizeof(link), "fake://h%u/link-%u/f",
		(f->o->links > 0 && f->o->leads_on_to ? f->o->leads_on_to : f->o->leads_to) - 1, f->o->links + 1);
	f->o->links++;
	h.location = status == 302 ? link : NULL;
	f->o->refused += status == 403;
	h.etag = f->o->tag == TAG_NONE ? NULL : tag;
	h.last_modified = f->o->dated ? date : NULL;
	f->at = 0;
	f->end = f->o->size;
	h.digest = f->o->digest;
	h.until_close = f->o->no_length && !f->o->chunked;
	if (status == 206) {
		h.last_modified = f->o->bare_ranges ? NULL : h.last_modified;
		f->at = f->want.start;
		f->end = f->want.end < 0 || f->want.end > f->o->size ? f->o->size : f->want.end;
		h.has_range = h.accepts_ranges = true;
		h.range = (struct range){f->at + (f->o->lies_about_range ? 100 : 0), f->end};
		h.total = f->o->size;
		h.body_len = f->end - f->at;
	} else if (status == 200 && !f->o->no_length) {
		h.total = h.body_len = f->head && f->o->head_lies ? f->o->size / 2 : f->o->size;
	}
	if (f->o->no_total) {
		h.status = 206;
		h.has_range = true;
		h.range = (struct range){0, f->o->size};
		h.total = -1;
	}
	if (f->head)
		f->at = f->end = h.body_len = 0;
	f->head_sent = true;
	fake_life();
	f->in_call = true;
	f->ops->head(f->owner, &h);
	f->in_call = false;
	if (f->gone)
		fake_free(f);
	else if (status == 200 || status == 206)
		fake_again(f);
	else
		fake_done(f, 0);
}

/* n bytes into the pipe, or 0: it is full, which a pipe may be at any time. */
static size_t fake_pour(struct fake_fetch *f, int fd, size_t n)
{
	char buf[5000];
	ssize_t r;

	if (fake_random(40) == 0)
		return 0;
	n = n < sizeof(buf) ? n : sizeof(buf);
	for (size_t i = 0; i < n; i++)
		buf[i] = (char)content_at(f->version, f->at + (int64_t)i);
	r = write(fd, buf, n);
	fake.poured += r > 0;
	return r < 0 ? 0 : (size_t)r;
}

/* One stretch of body. False: paused, done or gone. */
static bool fake_body(struct fake_fetch *f)
{
	struct span s = {0};
	int fd = -1;
	size_t n;

	f->in_call = true;
	fd = f->ops->pipe(f->owner, &s.len);
	if (fd < 0 && !f->gone)
		f->ops->space(f->owner, &s);
	f->in_call = false;
	if (f->gone) {
		fake_free(f);
		return false;
	}
	f->o->stretches += s.len > 0;
	f->o->in_vain += s.len == 0;
	if (s.len == 0) {
		f->paused = true;
		return false;
	}
	n = f->o->even ? fake_rate(f) / 20 : 1 + fake_random(fake_rate(f) > 0 ? fake_rate(f) / 5 + 1 : 100000);
	n = n > s.len ? s.len : n;
	n = (int64_t)n > f->end - f->at ? (size_t)(f->end - f->at) : n;
	if (fd >= 0)
		n = fake_pour(f, fd, n);
	for (size_t i = 0; i < n && fd < 0; i++)
		s.base[i] = (char)content_at(f->version, f->at + (int64_t)i);
	f->last = n;
	f->at += (int64_t)n;
	f->o->sent += (int64_t)n;
	fake_life();
	f->in_call = true;
	f->ops->data(f->owner, n);
	f->in_call = false;
	if (f->gone) {
		fake_free(f);
		return false;
	}
	return true;
}

static void fake_timeout(void *arg)
{
	fake_done(arg, ERR_TIMEOUT);
}

static void fake_step(void *arg)
{
	static const int faults[] = {ERR_RESET, ERR_EOF, ERR_TIMEOUT};
	struct fake_fetch *f = arg;

	if (f->silent) {
		fake_done(f, ERR_TIMEOUT);
		return;
	}
	if (fake_stalls(f)) {
		timer_start(fake.loop, &f->timer, FAKE_TIMEOUT_MS, 0, fake_timeout, f);
		return;
	}
	if (fake_random(100) < f->o->fault_percent) {
		fake_done(f, faults[fake_random(3)]);
		return;
	}
	if (!f->head_sent && f->o->hangs_up && f->o->busy_above > 0 && f->o->open > f->o->busy_above) {
		fake_done(f, ERR_RESET);
		return;
	}
	if (!f->head_sent && f->o->links_hang_up && f->o->used[f->link % 256] > f->o->link_uses) {
		fake_done(f, ERR_RESET);
		return;
	}
	if (!f->head_sent) {
		fake_head(f);
		return;
	}
	if (f->at == f->end || (f->cut && f->at >= f->o->cut_at)) {
		fake_done(f, f->at == f->end ? 0 : ERR_EOF);
		return;
	}
	if (fake_body(f))
		fake_go_on(f, f->last);
}

#define FAKE_SILENCE_MS 1000 /* what the client takes for one */

static int fake_start(struct net *n, const struct fetch_req *req, const struct fetch_ops *ops, void *owner, void **ret,
	struct fail *fail)
{
	struct fake_fetch *f = xcalloc(1, sizeof(*f));
	size_t i = (size_t)strtoul(req->uri + strlen("fake://h"), NULL, 10);

	(void)n;
	(void)fail;
	f->o = &fake.origins[i < fake.n ? i : 0];
	f->ops = ops;
	f->owner = owner;
	f->want = req->want;
	f->if_range = req->if_range != NULL;
	snprintf(f->if_range_text, sizeof(f->if_range_text), "%s", req->if_range ? req->if_range : "");
	f->head = req->head_only;
	f->unmodified = f->o->mtime > 0 && req->if_modified_since >= f->o->mtime;
	if (f->o->requests < sizeof(f->o->asked) / sizeof(f->o->asked[0])) {
		f->o->asked[f->o->requests] = req->want;
		f->o->beside[f->o->requests] = req->beside;
	}
	f->o->requests++;
	f->number = f->o->requests;
	f->link = strstr(req->uri, "/link-") ? (unsigned)strtoul(strstr(req->uri, "/link-") + 6, NULL, 10) : 0;
	f->o->used[f->link % 256]++;
	f->silent = f->o->requests >= f->o->silent_first && f->o->requests <= f->o->silent_last;
	f->cut = f->o->cut_at > 0 && (f->o->cut_first == 0 || f->o->requests <= f->o->cut_first);
	f->o->heads += req->head_only;
	f->o->conditional += req->if_modified_since >= 0;
	f->o->open++;
	if (f->o->open > f->o->most_open)
		f->o->most_open = f->o->open;
	f->version = f->o->version + (f->o->flip_after && f->o->requests > f->o->flip_after ? 1 : 0);
	if (f->silent)
		timer_start(fake.loop, &f->timer, FAKE_SILENCE_MS, 0, fake_step, f);
	else if (f->o->latency_ms > 0)
		timer_start(fake.loop, &f->timer, f->o->latency_ms, 0, fake_step, f);
	else
		fake_again(f);
	*ret = f;
	return 0;
}

static void fake_resume(void *p)
{
	struct fake_fetch *f = p;

	if (f->paused && !f->in_call) {
		f->paused = false;
		fake_again(f);
	}
}

/* The kernel would wait for what never comes. */
static void fake_low_water(void *p, size_t n)
{
	struct fake_fetch *f = p;

	if ((int64_t)n > f->end - f->at) {
		fprintf(stderr, "low water above what is left\n");
		abort();
	}
	f->o->low_now = n;
	if (n > f->o->low_most)
		f->o->low_most = n;
}

static void fake_cancel(void *p)
{
	struct fake_fetch *f = p;

	if (f->in_call)
		f->gone = true; /* freed when the call is back */
	else
		fake_free(f);
}

static const char *fake_peer(void *p)
{
	(void)p;
	return "";
}

static const char *const fake_schemes[] = {"fake", NULL};
static const struct proto fake_proto = {.name = "fake", .schemes = fake_schemes, .start = fake_start, .resume = fake_resume,
	.cancel = fake_cancel, .low_water = fake_low_water, .peer = fake_peer};

const struct proto *proto_find(const char *scheme)
{
	return strcmp(scheme, "fake") == 0 ? &fake_proto : NULL;
}

#endif
