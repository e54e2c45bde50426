/* SPDX-License-Identifier: MIT
 * F08: a job's stored record: a bad one is refused, a good one comes out of a job as it would go in again. Input: state, flags,
 * then a line each for opts (lines end with \x01 there), ranges, path, validators; the rest are URIs.
 */
#include "fuzz.h"

#include "base/ranges.h"
#include "base/str.h"
#include "core/job.h"

static char *input_lines(struct input *in)
{
	char *s = input_line(in);

	for (char *p = s; *p != '\0'; p++)
		if (*p == '\x01')
			*p = '\n';
	return s;
}

static void check_ranges(const char *text)
{
	struct ranges r, again;
	char *out;

	ranges_init(&r);
	ranges_init(&again);
	if (ranges_decode(&r, text) == 0) {
		for (size_t i = 0; i < r.n; i++) {
			CHECK(r.v[i].start >= 0 && r.v[i].start < r.v[i].end);
			CHECK(i == 0 || r.v[i - 1].end < r.v[i].start);
		}
		out = ranges_encode(&r);
		CHECK(ranges_decode(&again, out) == 0 && again.n == r.n);
		CHECK(r.n == 0 || memcmp(r.v, again.v, r.n * sizeof(*r.v)) == 0);
		free(out);
		if (r.n > 0 && r.v[r.n - 1].end < 1 << 20)
			free(ranges_bitfield(&r, r.v[r.n - 1].end, 1000));
	} else {
		CHECK(r.n == 0);
	}
	ranges_free(&r);
	ranges_free(&again);
}

static bool same(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static void check_job(struct job_rec *rec, struct opts *parent)
{
	struct job_rec first = {0}, copy, second = {0};
	struct job *j = NULL, *k = NULL;
	struct fail f = {0};
	int err = job_from_rec(rec, parent, NULL, &j, &f);

	if (err != 0) {
		CHECK(err < 0 && f.text[0] != '\0');
		return;
	}
	job_to_rec(j, &first);
	job_rec_copy(&copy, &first);
	CHECK(job_from_rec(&copy, parent, NULL, &k, &f) == 0);
	job_to_rec(k, &second);
	CHECK(first.gid == second.gid && first.state == second.state && first.flags == second.flags);
	CHECK(same(first.uris, second.uris) && same(first.opts, second.opts) && same(first.have, second.have));
	CHECK(same(first.path, second.path) && same(first.etag, second.etag));
	job_rec_free(&first);
	job_rec_free(&second);
	job_rec_free(&copy);
	job_free(j);
	job_free(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct job_rec rec = {.gid = 1 + input_byte(&in) % 8 - 1, .total = -1};
	struct opts *parent = opts_new(NULL);
	char *all;

	rec.state = (int)(int8_t)input_byte(&in);
	rec.flags = input_byte(&in);
	rec.opts = input_lines(&in);
	rec.have = input_line(&in);
	rec.path = input_line(&in);
	rec.etag = input_line(&in);
	rec.last_modified = input_line(&in);
	all = input_text(in.p, in.n);
	rec.uris = all;
	check_ranges(rec.have);
	check_job(&rec, parent);
	job_rec_free(&rec);
	opts_unref(parent);
	return 0;
}
