/* SPDX-License-Identifier: MIT
 * Judging the head of an answer: is this a piece of the one version of the file that is being fetched (RFC 9110 13, 14, 15)?
 * Nothing of a body is taken before its head passed here.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "core/xfer_int.h"

#define ODD_TAGS_MOST 16 /* answers in a row with another ETag than the one known, and the same date */

static void refuse(struct lane *l, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void refuse(struct lane *l, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	l->verdict = fail_vset(&l->fail, err, fmt, ap);
	va_end(ap);
}

/* ---- redirects ---- */

/* What comes from there may have been changed on the way, though the user asked for it over https. Once for each download. */
static void warn_of_plain(struct lane *l, const struct uri *from, const struct uri *to)
{
	char shown[100];

	if (l->x->told_plain || strcmp(from->scheme, "https") != 0 || strcmp(to->scheme, "https") == 0)
		return;
	l->x->told_plain = true;
	log_warn(XFER, "%016llx: a redirect leads from https to plain %s: what comes may have been changed on the way (%s)",
		(unsigned long long)l->x->gid, to->scheme, uri_show_short(l->redirect_to, shown, sizeof(shown)));
}

static void judge_redirect(struct lane *l, const struct fetch_head *h)
{
	struct uri base, to;
	struct fail f = {0};
	char shown[100];

	if (h->zone > l->from)
		l->from = h->zone;
	if (!h->location || !*h->location) {
		refuse(l, ERR_STATUS, "Got %d status, but no location header provided.", h->status);
		return;
	}
	if (l->redirects >= REDIRECTS_MAX) {
		refuse(l, ERR_REDIRECTS, "Too many redirects: count=%d", REDIRECTS_MAX);
		return;
	}
	if (uri_parse(l->uri, strlen(l->uri), &base, &f) < 0) {
		refuse(l, ERR_BAD_URI, "The URI is not usable");
		return;
	}
	if (uri_resolve(&base, h->location, strlen(h->location), &to, &f) < 0 || !proto_find(to.scheme)) {
		refuse(l, ERR_STATUS, "Redirected to a URI that is not supported: %s",
			uri_show_short(h->location, shown, sizeof(shown)));
	} else {
		l->redirect_to = uri_text(&to); /* without userinfo: a server can't make us log in elsewhere */
		if (!l->redirect_to)
			refuse(l, ERR_STATUS, "Redirected to a URI that is not supported");
		else
			warn_of_plain(l, &base, &to);
	}
	if (!f.code)
		uri_free(&to);
	uri_free(&base);
}

/* ---- statuses ---- */

static void judge_not_found(struct lane *l)
{
	int64_t max = opts_num(l->x->opts, OPT_MAX_FILE_NOT_FOUND);

	l->src->not_found++;
	if (max == 0)
		refuse(l, ERR_NOT_FOUND, NULL);
	else if (l->src->not_found >= max)
		refuse(l, ERR_NOT_FOUND_MAX, "Reached max-file-not-found count=%lld", (long long)max);
	else
		refuse(l, ERR_STATUS_5XX, "Resource not found"); /* to be tried again */
}

/* The first row that fits. The status is put behind a text that ends in '=' or a blank; NULL: the error's own text. */
static const struct status_row {
	int first, last, err;
	const char *text;
} status_rows[] = {
	{304, 304, ERR_STATUS, "Got 304 without If-Modified-Since or If-None-Match"},
	{401, 401, ERR_AUTH, NULL},
	{408, 408, ERR_STATUS_5XX, "The response status is not successful. status="},
	{429, 429, ERR_TOO_MANY, "The response status is not successful. status="},
	{502, 504, ERR_BUSY, "The response status is not successful. status="},
	{500, 599, ERR_STATUS_5XX, "The response status is not successful. status="},
	{400, 499, ERR_STATUS, "The response status is not successful. status="},
	{INT_MIN, INT_MAX, ERR_STATUS, "Unexpected status "},
};

/* A server may refuse HEAD alone: 405 and 501 say so, and signed URIs are signed for one method. */
static bool refuses_head(const struct lane *l, const struct fetch_head *h)
{
	return l->head && (h->status == 403 || h->status == 405 || h->status == 501);
}

/* How long the server wants to be left alone, ms; -1: it doesn't say. */
static int64_t asks_to_wait(const struct fetch_head *h)
{
	return h->retry_after_ms >= 0 ? h->retry_after_ms : h->limit_ms;
}

static void judge_failure(struct lane *l, const struct fetch_head *h)
{
	const struct status_row *r = status_rows;

	if (refuses_head(l, h)) {
		l->src->no_head = true;
		refuse(l, ERR_AGAIN, "The server refuses HEAD; asking by GET");
		return;
	}
	if (h->status == 404) {
		judge_not_found(l);
		return;
	}
	l->retry_after = asks_to_wait(h);
	if (h->status == 403 && l->retry_after >= 0) { /* it means 429 */
		refuse(l, ERR_TOO_MANY, "The response status is not successful. status=%d", h->status);
		return;
	}
	while (h->status < r->first || h->status > r->last)
		r++;
	if (!r->text)
		refuse(l, r->err, NULL);
	else if (strchr("= ", r->text[strlen(r->text) - 1]))
		refuse(l, r->err, "%s%d", r->text, h->status);
	else
		refuse(l, r->err, "%s", r->text);
}

/* ---- one version of the file ---- */

/* However they write it (RFC 9110 5.6.7). */
static bool same_date(const struct xfer *x, const struct fetch_head *h)
{
	if (!x->last_modified || !h->last_modified)
		return false;
	return str_same(x->last_modified, h->last_modified) || (x->mtime >= 0 && x->mtime == h->mtime);
}

const char *lane_tag(const struct lane *l, bool *ret_own)
{
	const struct xfer *x = l->x;
	const char *origin = origin_key(l->use.o), *tag = tags_of(&x->tags, origin);

	*ret_own = tag || !x->etag_origin || str_same(x->etag_origin, origin);
	return tag ? tag : x->etag;
}

/* An answer to l with that ETag (NULL: none) is of the version. */
static void note_tag(struct lane *l, const char *etag)
{
	struct xfer *x = l->x;
	bool own;

	if (etag && (!lane_tag(l, &own) || !own))
		tags_add(&x->tags, origin_key(l->use.o), etag);
}

/* What is compared of an ETag: without W/, which says how surely (RFC 9110 8.8.3.2), and without what Apache puts behind that of
 * a file which it may compress. */
static size_t tag_core(const char **tag)
{
	static const char suffix[] = "-gzip\"";
	size_t n;

	if (strncmp(*tag, "W/", 2) == 0)
		*tag += 2;
	n = strlen(*tag);
	if (n >= sizeof(suffix) - 1 && strcmp(*tag + n - (sizeof(suffix) - 1), suffix) == 0)
		return n - (sizeof(suffix) - 1);
	return n > 0 && (*tag)[n - 1] == '"' ? n - 1 : n;
}

static bool tags_agree(const char *a, const char *b)
{
	size_t n = tag_core(&a), m = tag_core(&b);

	return n == m && memcmp(a, b, n) == 0;
}

/* Different servers may make different ETags of the same file (RFC 9110 8.8.3): between origins the date counts for more. That
 * holds for mirrors as well as for the places where the redirects of one URI lead. */
static bool same_tag(const struct lane *l, const struct fetch_head *h)
{
	bool own;
	const char *tag = lane_tag(l, &own);

	return !tag || !h->etag || tags_agree(tag, h->etag) || (!own && !l->x->weak_date && same_date(l->x, h));
}

static const char *who_differs(const struct xfer *x)
{
	return x->nsources > 1 ? "This mirror has another version of the file" : "The file changed on the server";
}

static bool same_size(const struct xfer *x, const struct fetch_head *h, struct fail *f)
{
	if (h->total < 0 || x->total < 0 || h->total == x->total || h->coded)
		return true;
	fail_set(f, ERR_CHANGED, "%s: %lld bytes instead of %lld", who_differs(x), (long long)h->total, (long long)x->total);
	return false;
}

/* Does the answer belong to the version that was pinned? Validators that one of the two lacks prove nothing. */
static bool same_version(const struct lane *l, const struct fetch_head *h, struct fail *f)
{
	const struct xfer *x = l->x;

	if (!same_size(x, h, f))
		return false;
	if (!same_tag(l, h)) {
		fail_set(f, ERR_CHANGED, "%s: another ETag", who_differs(x));
		return false;
	}
	if (x->last_modified && h->last_modified && !same_date(x, h)) {
		fail_set(f, ERR_CHANGED, "%s: another Last-Modified", who_differs(x));
		return false;
	}
	return true;
}

/* Can the two be told apart at all? A weak ETag alone says nothing about bytes (RFC 9110 8.8.1), nor does a weak date, nor the
 * ETag of another origin, unless they agree. */
static bool comparable(const struct xfer *x, const struct fetch_head *h)
{
	if (x->last_modified && h->last_modified && !x->weak_date)
		return true;
	return x->etag && h->etag && strncmp(x->etag, "W/", 2) != 0 && str_same(x->etag, h->etag);
}

/* A validator that the first answer of this origin had is missing: who sends the wrong bytes by mistake often does so in another
 * way than the right ones. */
static bool tells_less(const struct lane *l, const struct fetch_head *h)
{
	bool own;
	const char *tag = lane_tag(l, &own);

	return own && tag && (!h->etag || (l->x->last_modified && !h->last_modified));
}

/* Not every answer tells it. */
static void note_digest(struct xfer *x, const struct fetch_head *h)
{
	if (x->digest || !h->digest || x->state != XS_RUN)
		return;
	x->digest = xstrdup(h->digest);
	xfer_report_known(x);
	xfer_start_hashing(x);
}

/* The answer is about to be taken beside others. */
static void note_proof(struct lane *l, const struct fetch_head *h)
{
	struct xfer *x = l->x;

	note_tag(l, h->etag);
	if (x->unproven || (comparable(x, h) && !tells_less(l, h)))
		return;
	x->unproven = true;
	xfer_report_known(x);
}

/* A server that sent validators and now sends none can't be checked any more. */
static bool validators_lost(const struct lane *l, const struct fetch_head *h)
{
	bool own;

	return !h->etag && !h->last_modified && (l->x->last_modified || lane_tag(l, &own));
}

/* Size and a strong date are right, and only the ETag is not: a name may stand for servers that make one each. One of them
 * may be heard again, so that is waited for rather than guessed. A source that was never right is not worth it. */
static bool may_be_another_node(const struct lane *l, const struct fetch_head *h)
{
	const struct xfer *x = l->x;

	if (!l->src->tagged && x->nsources > 1)
		return false;
	return !same_tag(l, h) && same_date(x, h) && !x->weak_date && h->total >= 0 && h->total == x->total && !h->coded;
}

/* False, and refused: the answer is not of the version. */
static bool accept_version(struct lane *l, const struct fetch_head *h)
{
	struct source *s = l->src;
	struct fail f = {0};

	if (same_version(l, h, &f)) {
		s->tagged |= h->etag != NULL;
		s->odd_tags = 0;
		return true;
	}
	if (may_be_another_node(l, h) && ++s->odd_tags < ODD_TAGS_MOST)
		refuse(l, ERR_AGAIN, "%s: asking again for the one that agrees", f.text);
	else
		refuse(l, f.code, "%s", f.text);
	return false;
}

static void refuse_untold(struct lane *l)
{
	refuse(l, ERR_CHANGED, "The server no longer tells which version of the file it sends");
}

/* The checksum will tell at the end, where somebody gave one. */
static bool tells_no_version(const struct lane *l, const struct fetch_head *h)
{
	return validators_lost(l, h) && !opts_str(l->x->opts, OPT_CHECKSUM);
}

/* All of the file, where bytes of it are known: false, and refused, unless it is of the same version. A page that somebody else
 * sends in its place seldom has a length, and never the right one. */
static bool accept_whole(struct lane *l, const struct fetch_head *h)
{
	struct xfer *x = l->x;

	if (!accept_version(l, h))
		return false;
	if (tells_no_version(l, h)) {
		refuse_untold(l);
	} else if (x->total >= 0 && h->total < 0) {
		refuse(l, ERR_CHANGED, "%s: %lld bytes before, and now it does not tell how many", who_differs(x),
			(long long)x->total);
	}
	return !l->verdict;
}

/* The server has no ranges, as it seems. It is asked once more: a name may stand for many servers. */
static void refuse_no_range(struct lane *l)
{
	struct source *s = l->src;

	if (s->ranged) {
		/* to be tried again */
		refuse(l, ERR_STATUS_5XX, "The server refused a range (status %d) where it sent ranges before", l->status);
	} else if (s->refused++ == 0 && source_lanes(l->x, s, true) == 0) {
		refuse(l, ERR_AGAIN, "The server refused a range (status %d); asking once more", l->status);
	} else {
		s->no_ranges = true;
		refuse(l, ERR_NO_RANGE, NULL);
	}
}

/* Where it tells the size of what it has, that need not be the file which is being fetched. */
static void judge_unsatisfied(struct lane *l, const struct fetch_head *h)
{
	struct fail f = {0};

	if (!same_size(l->x, h, &f))
		refuse(l, f.code, "%s", f.text);
	else
		refuse_no_range(l);
}

/* 200 where a range was asked for. */
static void judge_whole_for_range(struct lane *l, const struct fetch_head *h)
{
	struct xfer *x = l->x;

	if (!accept_whole(l, h))
		return;
	if (l->if_range) {
		/* The same version, and yet no range: it mishandles If-Range, or has no ranges at all. Ask once without. */
		l->src->skip_if_range = true;
		refuse(l, ERR_AGAIN, "The server ignores If-Range; asking again without it");
		return;
	}
	if (!l->src->ranged && l->seg->next == 0 && !l->src->no_ranges && source_lanes(x, l->src, false) <= 1) {
		l->answer_end = x->total; /* usable as it is */
		l->src->no_ranges = true;
		note_proof(l, h);
		return;
	}
	refuse_no_range(l);
}

static void judge_range(struct lane *l, const struct fetch_head *h)
{
	struct xfer *x = l->x;

	if (!h->has_range) {
		refuse(l, ERR_BAD_RANGE, "The server sent a part of the file without saying which");
	} else if (h->range.start != l->asked.start) {
		refuse(l, ERR_BAD_RANGE, "The server sent bytes from %lld on where %lld was asked for", (long long)h->range.start,
			(long long)l->asked.start);
	} else if (h->coded) {
		refuse(l, ERR_CODING, "The server sent a part of a coded file");
	} else if (!accept_version(l, h)) {
		return;
	} else if (tells_no_version(l, h)) {
		refuse_untold(l);
	} else if (h->total < 0 && !comparable(x, h)) {
		refuse(l, ERR_BAD_RANGE, "The server sent a range without the file's size or a validator");
	} else {
		l->src->ranged |= !l->whole;
		l->src->refused = 0;
		l->answer_end = h->range.end;
		note_proof(l, h);
	}
}

/* ---- the first answer ---- */

const char *lane_naming_uri(const struct lane *l)
{
	const struct xfer *x = l->x;
	size_t i = 0;

	while (i + 1 < x->nsources && x->sources[i]->dead)
		i++;
	return l->src == x->sources[i] || x->sources[i]->dead ? l->uri : x->sources[i]->uri;
}

static char *copy_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void pin(struct lane *l, const struct fetch_head *h)
{
	struct xfer *x = l->x;

	free(x->etag);
	free(x->etag_origin);
	free(x->last_modified);
	tags_clear(&x->tags);
	x->etag = copy_or_null(h->etag);
	l->src->tagged = h->etag != NULL;
	x->etag_origin = h->etag ? xstrdup(origin_key(l->use.o)) : NULL;
	x->last_modified = copy_or_null(h->last_modified);
	x->weak_date = h->weak_date;
	x->mtime = h->mtime;
	x->total = h->coded ? -1 : h->total;
	x->pinned = true;
	x->by_head = l->head;
	x->head_told |= l->head;
	x->close_delimited = h->until_close;
	free(x->digest);
	x->digest = copy_or_null(h->digest);
	if (h->refuses_ranges || x->total < 0)
		l->src->no_ranges = true;
}

/* Those that were asked because this one was silent for long. */
static void stop_others(struct lane *l)
{
	struct lane *other;

	TAILQ_FOREACH(other, &l->x->lanes, link)
	{
		if (other != l)
			lane_stop(other);
	}
}

/* The answer to the first request of a new file: it decides name, size and version. */
static void judge_probe(struct lane *l, const struct fetch_head *h)
{
	struct xfer *x = l->x;
	struct segment *s = l->seg;

	if (h->status == 206 && (!h->has_range || h->range.start != 0 || h->coded)) {
		refuse(l, ERR_BAD_RANGE, "The server sent a part of the file that was not asked for");
		return;
	}
	if (l->head && h->total < 0 && !xfer_only_looks(x)) { /* use-head: nothing to go by */
		x->head_told = true;
		return;
	}
	if (h->status == 206 && h->total < 0) {
		refuse(l, ERR_BAD_RANGE, "The server sent a part of the file without telling its size");
		return;
	}
	if (x->again_total >= 0 && h->total != x->again_total) {
		refuse(l, ERR_CHANGED, "%s: it had %lld bytes before", who_differs(x), (long long)x->again_total);
		return;
	}
	if (x->again_told && !h->etag && !h->last_modified && !opts_str(x->opts, OPT_CHECKSUM)) {
		refuse_untold(l);
		return;
	}
	pin(l, h);
	stop_others(l);
	s->end = x->total;
	l->answer_end = h->has_range ? h->range.end : x->total;
	if (s->end >= 0)
		ranges_add(&x->taken, 0, s->end);
	if (!xfer_gather(l, h->name, lane_naming_uri(l)))
		xfer_open_new(x, h->name, lane_naming_uri(l));
}

/* Not a byte of the file is there, so that another version may be taken. */
static bool nothing_yet(const struct lane *l)
{
	const struct xfer *x = l->x;

	return x->written.n == 0 && l->seg->next == 0 && TAILQ_FIRST(&x->segs) == l->seg && !TAILQ_NEXT(l->seg, link);
}

static void pin_anew(struct lane *l, const struct fetch_head *h)
{
	struct xfer *x = l->x;

	pin(l, h);
	l->answer_end = h->has_range ? h->range.end : x->total;
	x->unproven = false;
	hasher_close(x->hasher); /* the digest may be another one, too */
	x->hasher = NULL;
	xfer_start_hashing(x);
	ranges_free(&x->taken);
	l->seg->end = x->total;
	if (x->total >= 0)
		ranges_add(&x->taken, 0, x->total);
	xfer_report_known(x);
	xfer_dirty(x); /* others can have work now */
}

/* Who told the version by another GET sends something that tells none: that is not another version, but no file at all. */
static bool forgets_version(const struct lane *l, const struct fetch_head *h)
{
	const struct xfer *x = l->x;
	bool own;

	if (!x->pinned || x->by_head || !tells_no_version(l, h))
		return false;
	return lane_tag(l, &own) ? own : x->nsources == 1;
}

/* The whole file was asked for, as by a probe, but there is a file for it already. */
static void judge_anew(struct lane *l, const struct fetch_head *h)
{
	if (h->status == 206 && (!h->has_range || h->range.start != 0 || h->total < 0 || h->coded))
		refuse(l, ERR_BAD_RANGE, "The server sent a part of the file that was not asked for");
	else if (forgets_version(l, h))
		refuse_untold(l);
	else
		pin_anew(l, h);
}

static void judge_body(struct lane *l, const struct fetch_head *h)
{
	struct xfer *x = l->x;

	if (x->state == XS_PROBE && !x->pinned)
		judge_probe(l, h);
	else if (l->whole && nothing_yet(l))
		judge_anew(l, h);
	else if (h->status == 206)
		judge_range(l, h);
	else if (!l->whole)
		judge_whole_for_range(l, h);
	else if (accept_whole(l, h)) {
		l->answer_end = x->total;
		note_proof(l, h);
	}
}

static void remember_place(struct lane *l)
{
	struct source *s = l->src;

	if (l->redirects == 0 || strcmp(l->uri, s->uri) == 0)
		return;
	source_set_place(l->x, s, l->uri, l->from);
	s->linked = s->link_fresh = true;
}

void lane_judge(struct lane *l, const struct fetch_head *h)
{
	l->answer_end = -1;
	l->retry_after = -1;
	l->status = h->status;
	l->x->rtt_ms = h->rtt_ms;
	switch (h->status) {
	case 200:
	case 206:
		judge_body(l, h);
		if (!l->verdict) {
			remember_place(l);
			note_digest(l->x, h);
		}
		break;
	case 300:
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		judge_redirect(l, h);
		break;
	case 304:
		if (l->conditional)
			xfer_not_modified(l->x);
		else
			judge_failure(l, h);
		break;
	case 416:
		if (!l->whole) {
			judge_unsatisfied(l, h);
			break;
		}
		/* fallthrough */
	default:
		judge_failure(l, h);
	}
}
