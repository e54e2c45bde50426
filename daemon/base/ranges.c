/* SPDX-License-Identifier: MIT
 * struct ranges: sorted array with binary search. Changes move the tail, which is short: see ranges.h.
 */
#include "base/ranges.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Index of the first range with an end >= off (off itself may touch it), or n. */
static size_t first_ending_from(const struct ranges *r, int64_t off)
{
	size_t lo = 0, hi = r->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->v[mid].end < off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Index of the first range with a start > off, or n. */
static size_t first_starting_after(const struct ranges *r, int64_t off)
{
	size_t lo = 0, hi = r->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->v[mid].start <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int64_t min_i64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t max_i64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Replaces v[from, to) by the n_new given ones. */
static void splice(struct ranges *r, size_t from, size_t to, const struct range *v, size_t n_new)
{
	size_t n = r->n - (to - from) + n_new;

	if (n > r->cap) {
		r->cap = n + n / 2 + 4;
		r->v = xrealloc(r->v, r->cap * sizeof(*r->v));
	}
	if (to < r->n)
		memmove(r->v + from + n_new, r->v + to, (r->n - to) * sizeof(*r->v));
	if (n_new > 0)
		memcpy(r->v + from, v, n_new * sizeof(*v));
	r->n = n;
}

/* One "start-end" of n bytes. */
static int parse_range(const char *s, size_t n, struct range *ret)
{
	const char *dash = memchr(s, '-', n);
	uint64_t start, end;

	if (dash == NULL || str_to_u64(s, (size_t)(dash - s), &start) != 0)
		return ERR_INVAL;
	if (str_to_u64(dash + 1, n - (size_t)(dash - s) - 1, &end) != 0)
		return ERR_INVAL;
	if (start >= end || end > INT64_MAX)
		return ERR_INVAL;
	ret->start = (int64_t)start;
	ret->end = (int64_t)end;
	return 0;
}

static void set_bits(unsigned char *bits, int64_t from, int64_t to)
{
	while (from < to && from % 8 != 0) {
		bits[from / 8] |= (unsigned char)(0x80 >> from % 8);
		from++;
	}
	if (to - from >= 8) {
		memset(bits + from / 8, 0xff, (size_t)((to - from) / 8));
		from += (to - from) / 8 * 8;
	}
	for (; from < to; from++)
		bits[from / 8] |= (unsigned char)(0x80 >> from % 8);
}

void ranges_init(struct ranges *r)
{
	memset(r, 0, sizeof(*r));
}

void ranges_free(struct ranges *r)
{
	free(r->v);
	ranges_init(r);
}

void ranges_copy(struct ranges *to, const struct ranges *from)
{
	if (to != from)
		splice(to, 0, to->n, from->v, from->n);
}

void ranges_add(struct ranges *r, int64_t start, int64_t end)
{
	struct range merged = {start, end};
	size_t from, to;

	if (start >= end)
		return;
	from = first_ending_from(r, start);
	to = first_starting_after(r, end);
	if (from < to) {
		merged.start = min_i64(start, r->v[from].start);
		merged.end = max_i64(end, r->v[to - 1].end);
	}
	splice(r, from, to, &merged, 1);
}

void ranges_remove(struct ranges *r, int64_t start, int64_t end)
{
	struct range rest[2];
	size_t from, to, n = 0;

	if (start >= end)
		return;
	/* start < end <= INT64_MAX, so start + 1 does not overflow; touching is not enough here. */
	from = first_ending_from(r, start + 1);
	to = first_starting_after(r, end - 1);
	if (from >= to)
		return;
	if (r->v[from].start < start)
		rest[n++] = (struct range){r->v[from].start, start};
	if (r->v[to - 1].end > end)
		rest[n++] = (struct range){end, r->v[to - 1].end};
	splice(r, from, to, rest, n);
}

bool ranges_has(const struct ranges *r, int64_t start, int64_t end)
{
	size_t i;

	if (start >= end)
		return true;
	i = first_ending_from(r, end);
	return i < r->n && r->v[i].start <= start;
}

int64_t ranges_total(const struct ranges *r)
{
	int64_t sum = 0;
	size_t i;

	for (i = 0; i < r->n; i++)
		sum += r->v[i].end - r->v[i].start;
	return sum;
}

bool ranges_gap(const struct ranges *r, int64_t from, int64_t limit, struct range *ret)
{
	size_t i;

	if (from >= limit)
		return false;
	i = first_ending_from(r, from + 1);
	if (i < r->n && r->v[i].start <= from)
		from = r->v[i++].end;
	if (from >= limit)
		return false;
	ret->start = from;
	ret->end = i < r->n ? min_i64(limit, r->v[i].start) : limit;
	return true;
}

int64_t ranges_prefix(const struct ranges *r)
{
	return r->n > 0 && r->v[0].start == 0 ? r->v[0].end : 0;
}

char *ranges_bitfield(const struct ranges *r, int64_t total, int64_t piece)
{
	int64_t pieces = total / piece + (total % piece != 0);
	unsigned char *bits;
	char *hex;
	size_t i, n;

	if (pieces > RANGES_BITFIELD_MAX)
		return xstrdup("");
	n = (size_t)(pieces + 7) / 8;
	bits = xcalloc(n, 1);
	for (i = 0; i < r->n && r->v[i].start < total; i++) {
		int64_t first = r->v[i].start / piece + (r->v[i].start % piece != 0);
		int64_t last = r->v[i].end >= total ? pieces : r->v[i].end / piece;

		set_bits(bits, first, last);
	}
	hex = xmalloc(n * 2 + 1);
	for (i = 0; i < n; i++) {
		hex[i * 2] = "0123456789abcdef"[bits[i] >> 4];
		hex[i * 2 + 1] = "0123456789abcdef"[bits[i] & 15];
	}
	hex[n * 2] = '\0';
	free(bits);
	return hex;
}

char *ranges_encode(const struct ranges *r)
{
	struct buf b;
	size_t i;

	buf_init(&b, SIZE_MAX);
	for (i = 0; i < r->n; i++)
		buf_addf(&b, "%s%lld-%lld", i > 0 ? "," : "", (long long)r->v[i].start, (long long)r->v[i].end);
	return buf_take(&b);
}

int ranges_decode(struct ranges *r, const char *text)
{
	struct range one;
	const char *p;

	r->n = 0;
	for (p = text; *p != '\0';) {
		size_t n = strcspn(p, ",");

		/* Ascending only: what we write is, and it keeps a damaged text from costing a move each. */
		if (parse_range(p, n, &one) != 0 || (r->n > 0 && one.start < r->v[r->n - 1].end))
			goto bad;
		ranges_add(r, one.start, one.end);
		p += n;
		if (*p == ',' && *++p == '\0')
			goto bad;
	}
	return 0;
bad:
	r->n = 0;
	return ERR_INVAL;
}
