/* SPDX-License-Identifier: MIT
 * Transfers: choosing the file's name and opening it.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/name.h"
#include "base/str.h"
#include "base/uri_place.h"
#include "core/xfer_int.h"
#include "ev/mounts.h"

static enum alloc_mode alloc_mode(const struct xfer *x)
{
	static const enum alloc_mode modes[] = {ALLOC_NONE, ALLOC_PREALLOC, ALLOC_TRUNC, ALLOC_FALLOC};
	const char *s = opts_str(x->opts, OPT_FILE_ALLOCATION);
	static const char *const names[] = {"none", "prealloc", "trunc", "falloc"};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (s && strcmp(s, names[i]) == 0)
			return modes[i];
	return ALLOC_NONE;
}

uint64_t xfer_owes(const struct xfer *x, uint64_t need)
{
	bool allocates = alloc_mode(x) == ALLOC_FALLOC || alloc_mode(x) == ALLOC_PREALLOC;

	if (!x->file || x->state == XS_OPEN)
		return need;
	if (x->total < 0 || (allocates && x->total >= opts_num(x->opts, OPT_NO_FILE_ALLOCATION_LIMIT)))
		return 0;
	return (uint64_t)(x->total - ranges_total(&x->written));
}

static void fill_req(const struct xfer *x, const char *name, const struct file_id *named, struct dfile_req *req)
{
	memset(req, 0, sizeof(*req));
	req->dir = x->dir;
	req->root = x->root;
	req->name = name;
	req->rename = opts_bool(x->opts, OPT_AUTO_FILE_RENAMING);
	req->remove_control = opts_bool(x->opts, OPT_REMOVE_CONTROL_FILE);
	req->total = x->total;
	req->alloc = alloc_mode(x);
	req->alloc_min = opts_num(x->opts, OPT_NO_FILE_ALLOCATION_LIMIT);
	req->reserve = (uint64_t)opts_num(x->opts, OPT_RESERVE_SPACE);
	req->journal = x->journal;
	req->stale_journal = x->stale_journal;
	req->named = named;
}

/* The name that path, made of dir and name, has below dir ("" was taken as "."). */
static const char *name_below(const char *dir, const char *path)
{
	size_t n = *dir ? strlen(dir) : 1;

	if (strncmp(*dir ? dir : ".", path, n) == 0)
		path += n;
	while (*path == '/')
		path++;
	return path;
}

bool xfer_want_sum(struct xfer *x)
{
	const char *sum = opts_str(x->opts, OPT_CHECKSUM);

	if (!sum)
		sum = x->digest;
	return sum && hash_parse(sum, x->hash_type, x->hash_want, &x->hash_len) >= 0;
}

void xfer_start_hashing(struct xfer *x)
{
	if (x->hasher || !x->file || !xfer_want_sum(x))
		return;
	x->hasher = hasher_new(x->loop, dfile_fd(x->file), dfile_dev(x->file), x->hash_type);
	xfer_hash_advance(x);
}

static void run(struct xfer *x)
{
	struct segment *s;
	struct lane *l;

	xfer_set_state(x, XS_RUN);
	xfer_start_hashing(x);
	TAILQ_FOREACH(s, &x->segs, link) segment_attach_file(s);
	xfer_write_body(x);
	TAILQ_FOREACH(l, &x->lanes, link) lane_resume(l);
	xfer_grow_start(x);
	xfer_dirty(x);
	xfer_check_done(x);
}

/* Nothing is fetched: the file is there under its name, or it is a dry run. */
static void whole_already(struct xfer *x, const char *path, unsigned flags)
{
	char *copy = xstrdup(path); /* path may be x's own */

	free(x->path);
	x->path = copy;
	x->result.flags = flags;
	if (x->total > 0)
		ranges_add(&x->written, 0, x->total);
	xfer_report_known(x);
	xfer_complete(x);
}

static void opened_new(void *arg, int err, const struct fail *f, const struct dfile_opened *o);

/* What was found at x->path is wrong, and may be replaced. It stays until there is something right. */
static void fetch_instead(struct xfer *x)
{
	struct dfile_req req;
	char shown[300];

	log_notice(XFER, "the checksum of %s is wrong: it is fetched again",
		str_safe(x->path, strlen(x->path), shown, sizeof(shown)));
	if (!x->pinned) { /* a server said that nothing has changed: ask it for the file all the same */
		free(x->path);
		x->path = NULL;
		x->total = -1;
		x->unconditional = true;
		xfer_set_state(x, XS_PROBE);
		xfer_dirty(x);
		return;
	}
	x->replaces = true;
	xfer_set_state(x, XS_OPEN);
	fill_req(x, name_below(x->dir, x->path), NULL, &req);
	req.how = OPEN_OVERWRITE;
	x->pending++;
	x->opening = dfile_open(x->loop, &req, opened_new, x);
}

static bool may_replace(const struct xfer *x)
{
	return opts_bool(x->opts, OPT_CHECK_INTEGRITY) || opts_bool(x->opts, OPT_ALLOW_OVERWRITE);
}

static void whole_wrong(struct xfer *x)
{
	if (opts_bool(x->opts, OPT_HASH_CHECK_ONLY))
		xfer_fail(x, ERR_CHECKSUM, "The checksum of the file is wrong; it was only checked (hash-check-only)");
	else if (may_replace(x))
		fetch_instead(x);
	else
		xfer_fail(x, ERR_CHECKSUM, "The file is there, but its checksum is wrong; it was left alone");
}

static void whole_hashed(void *arg, int err, const unsigned char *digest, size_t len)
{
	struct xfer *x = arg;

	hasher_close(x->hasher);
	x->hasher = NULL;
	if (err)
		xfer_fail(x, err, "Reading the file that is there for its checksum failed");
	else if (len == x->hash_len && memcmp(digest, x->hash_want, len) == 0)
		whole_already(x, x->path, 0);
	else
		whole_wrong(x);
}

void xfer_found_whole(struct xfer *x, const char *path, int fd, int64_t size)
{
	struct lane *l;

	TAILQ_FOREACH(l, &x->lanes, link) lane_stop(l);
	xfer_drop_body(x);
	x->total = size;
	if (!xfer_want_sum(x)) {
		whole_already(x, path, JOB_UNPROVEN);
		return;
	}
	free(x->path);
	x->path = xstrdup(path);
	xfer_set_state(x, XS_VERIFY);
	x->hasher = hasher_new(x->loop, fd, mounts_dev(x->loop, path), x->hash_type);
	hasher_finish(x->hasher, x->total, whole_hashed, x);
}

static void note_part(struct xfer *x)
{
	free(x->part_id);
	x->part_id = xstrdup(dfile_part_id(x->file));
}

/* ---- what another program began ---- */

static void take_ranges(struct xfer *x, const struct ranges *r)
{
	for (size_t i = 0; i < r->n; i++) {
		ranges_add(&x->written, r->v[i].start, r->v[i].end);
		ranges_add(&x->taken, r->v[i].start, r->v[i].end);
	}
}

static void took(void *arg, int err, const struct fail *f)
{
	struct xfer *x = arg;

	x->pending--;
	if (x->ending)
		xfer_wind_down(x);
	else if (err)
		xfer_fail(x, err, f->text);
	else
		run(x);
}

/* After a crash the ranges will be found by the part's identity, so the file may become our part. */
static void claimed(void *arg)
{
	struct xfer *x = arg;
	bool small = x->total < opts_num(x->opts, OPT_NO_FILE_ALLOCATION_LIMIT);

	x->pending--;
	if (x->ending) {
		xfer_wind_down(x);
		return;
	}
	x->pending++;
	dfile_take(x->file, x->total, small ? ALLOC_NONE : alloc_mode(x), &x->written, took, x);
}

/* These bytes of the file are there, whatever they are: the lane that asked for all of it makes room for others. */
static void take_over(struct xfer *x, const struct ranges *have)
{
	struct lane *l;

	x->took_over = true;
	x->user_len = ranges_total(have);
	x->user_part = x->unproven = x->user_len > 0;
	log_notice(XFER, "%016llx: another program began this file: %lld of %lld bytes are there", (unsigned long long)x->gid,
		(long long)x->user_len, (long long)x->total);
	TAILQ_FOREACH(l, &x->lanes, link) lane_stop(l);
	xfer_drop_body(x);
	take_ranges(x, have);
	ranges_copy(&x->durable, have);
	xfer_report_known(x);
	x->pending++;
	x->ops->durable(x->owner, claimed, x);
}

/* ---- opened ---- */

/* A stop that came while the file got its name came too late. */
static void placed(struct xfer *x, const char *path)
{
	free(x->path);
	x->path = xstrdup(path);
	ranges_add(&x->written, 0, x->total);
	x->result = (struct xfer_end){.result = XFER_COMPLETE, .flags = xfer_proof_flags(x), .placed = true};
	xfer_wind_down(x);
}

static void opened_new(void *arg, int err, const struct fail *f, const struct dfile_opened *o)
{
	struct xfer *x = arg;

	x->pending--;
	x->opening = NULL;
	free(x->want_name);
	x->want_name = NULL;
	if (!err)
		x->file = o->file;
	if (!err && o->placed) {
		placed(x, o->path);
		return;
	}
	if (x->ending) {
		xfer_wind_down(x);
		return;
	}
	if (err) {
		xfer_fail(x, err, f->text);
		return;
	}
	if (opts_bool(x->opts, OPT_DRY_RUN)) {
		whole_already(x, o->path, 0); /* as aria2 shows it */
		return;
	}
	if (o->finished) { /* by an earlier life, which ended before its name was known */
		whole_already(x, o->path, opts_str(x->opts, OPT_CHECKSUM) ? 0 : JOB_UNPROVEN);
		return;
	}
	if (o->exists_whole) {
		xfer_found_whole(x, o->path, o->whole_fd, o->found_size);
		return;
	}
	free(x->path);
	x->path = xstrdup(o->path);
	x->stale_journal = false;
	note_part(x);
	if (o->begun) {
		take_over(x, o->begun);
		return;
	}
	xfer_report_known(x);
	run(x);
}

/* ---- the part of an earlier run ---- */

/* What somebody cut off is not there any more. */
static void cut_to_size(struct xfer *x, int64_t size)
{
	ranges_remove(&x->written, size, INT64_MAX);
	ranges_remove(&x->taken, size, INT64_MAX);
	ranges_remove(&x->durable, size, INT64_MAX);
}

static void forget_part(struct xfer *x)
{
	ranges_free(&x->written);
	ranges_free(&x->taken);
	ranges_free(&x->durable);
}

static void opened_known(void *arg, int err, const struct fail *f, const struct dfile_opened *o)
{
	struct xfer *x = arg;

	x->pending--;
	x->opening = NULL;
	if (!err)
		x->file = o->file;
	if (x->ending) {
		xfer_wind_down(x);
		return;
	}
	if (err == ERR_EXISTS && x->adopting) { /* the rules for a NAME that is there decide, as if there were no part */
		x->adopting = x->user_part = false;
		xfer_reset(x);
		return;
	}
	x->adopting = false;
	if (err == ERR_NOT_FOUND) {
		log_warn(XFER, "%016llx: the unfinished file is gone, starting again", (unsigned long long)x->gid);
		x->user_part = false;
		xfer_reset(x);
		return;
	}
	if (err) {
		xfer_fail(x, err, f->text);
		return;
	}
	if (o->finished) { /* renamed in an earlier life, which ended before it could say so */
		/* a checksum was right, or it would not have got its name */
		whole_already(x, o->path, x->unproven && !xfer_want_sum(x) ? JOB_UNPROVEN : 0);
		return;
	}
	cut_to_size(x, o->found_size);
	if (o->journal)
		take_ranges(x, o->journal);
	if (!x->part_id || x->stale_journal) {
		x->stale_journal = false;
		note_part(x);
		xfer_report_known(x);
	}
	if (x->total < 0)
		forget_part(x); /* without a size there is nothing to resume at */
	if (x->written.n == 0 && !x->user_part) /* whatever version the server has now will do: the first answer tells which */
		xfer_forget_version(x);
	x->dirty = (uint64_t)(ranges_total(&x->written) - ranges_total(&x->durable)); /* in the journal, maybe never synced */
	run(x);
}

void xfer_open_known(struct xfer *x)
{
	struct dfile_req req;

	xfer_set_state(x, XS_OPEN);
	fill_req(x, name_below(x->dir, x->path), NULL, &req);
	req.how = OPEN_RESUME;
	req.adopting = x->adopting && !x->replaces && !opts_bool(x->opts, OPT_ALLOW_OVERWRITE);
	req.part_id = x->part_id;
	x->pending++;
	x->opening = dfile_open(x->loop, &req, opened_known, x);
}

/* ---- a new file ---- */

/* asked: the places of x's sources, each as soon as it is looked at. */
static bool is_asked_at(const struct xfer *x, const char *place, char **asked)
{
	for (size_t i = 0; i < x->nsources; i++) {
		if (!x->sources[i]->origin)
			continue;
		if (!asked[i])
			asked[i] = uri_place(x->sources[i]->uri);
		if (asked[i] && strcmp(asked[i], place) == 0)
			return true;
	}
	return false;
}

/* Some URI of the part is one of x, but for a signature. Servers make ETags of time and size alone, which many files share:
 * they say nothing of those of other resources (RFC 9110 8.8.3). */
static bool same_resource(const struct xfer *x, const struct xfer_known *k)
{
	char **asked = xcalloc(x->nsources + 1, sizeof(*asked));
	bool same = false;

	for (char *const *uri = k->uris; uri && *uri && !same; uri++) {
		char *place = uri_place(*uri);

		same = place && is_asked_at(x, place, asked);
		free(place);
	}
	for (size_t i = 0; i < x->nsources; i++)
		free(asked[i]);
	free(asked);
	return same;
}

static bool same_sum(const struct xfer *x, const struct xfer_known *k)
{
	const char *sum = opts_str(x->opts, OPT_CHECKSUM);

	if (!sum)
		sum = x->digest;
	return sum && k->digest && strcasecmp(sum, k->digest) == 0;
}

/* Of another version it may be when no byte of it counts (its checksum was wrong): it is begun anew. */
static bool fits(const struct xfer *x, const struct xfer_known *k)
{
	if (k->have->n == 0 && !k->user_part)
		return true;
	if (k->total != x->total || same_sum(x, k))
		return k->total == x->total;
	return xfer_provable(k->etag, k->last_modified, k->weak_date) && str_same(k->etag, x->etag) &&
	       str_same(k->last_modified, x->last_modified) && same_resource(x, k);
}

bool xfer_name_is_claimed(const struct xfer *x, const char *name)
{
	struct xfer_known k = {0};
	char *path = str_path(x->dir, name);
	bool yes = x->ops->adopt && x->ops->adopt(x->owner, path, false, &k);

	free(path);
	return yes;
}

/* A part that a failed or removed job left behind is continued when it is of the version that is being fetched. */
static bool adopt_part(struct xfer *x, const char *name)
{
	struct xfer_known k = {0};
	char *path;
	bool ok;

	if (!x->ops->adopt || x->total < 0)
		return false;
	path = str_path(x->dir, name);
	ok = x->ops->adopt(x->owner, path, false, &k) && fits(x, &k) && (!k.replaces || may_replace(x));
	if (ok) {
		struct lane *l;

		TAILQ_FOREACH(l, &x->lanes, link) lane_stop(l);
		xfer_drop_body(x);
		free(x->path);
		x->path = path;
		forget_part(x);
		take_ranges(x, k.have);
		free(x->part_id);
		x->part_id = xstrdup(k.part_id);
		if (!x->digest)
			x->digest = xstrdup(k.digest);
		x->ops->adopt(x->owner, path, true, &k);
		x->unproven = k.unproven;
		x->replaces = k.replaces;
		x->user_part = k.user_part;
		x->adopting = true;
		xfer_report_known(x);
		xfer_open_known(x);
		return true;
	}
	free(path);
	return false;
}

static enum open_how how_to_open(const struct xfer *x)
{
	if (x->total > 0 && opts_bool(x->opts, OPT_CONTINUE) && x->restarts == 0)
		return OPEN_CONTINUE;
	return opts_bool(x->opts, OPT_ALLOW_OVERWRITE) ? OPEN_OVERWRITE : OPEN_NEW;
}

uint64_t xfer_dev(const struct xfer *x)
{
	return x->file ? dfile_dev(x->file) : mounts_dev(x->loop, x->dir);
}

char *xfer_choose_name(const struct xfer *x, const char *server_name, const char *uri)
{
	const char *out = opts_str(x->opts, OPT_OUT);
	char *from_uri, *name;

	if (out && *out)
		return xstrdup(out);
	if (server_name)
		return name_clean(server_name, true);
	from_uri = name_from_uri(uri);
	name = name_clean(from_uri, true);
	free(from_uri);
	return name;
}

/* The whole file is in memory. */
static bool is_whole(const struct xfer *x)
{
	return x->body && x->total == (int64_t)x->body->len && x->placer && !opts_bool(x->opts, OPT_DRY_RUN);
}

static void place(struct xfer *x, const struct dfile_req *req)
{
	struct dfile_body body = {.mem = x->body->mem, .len = x->body->len, .mtime = -1, .job = {x->gid, x->mark}};

	if (opts_bool(x->opts, OPT_REMOTE_TIME))
		body.mtime = x->mtime;
	x->opening = dfile_place(x->placer, req, &body, opened_new, x);
}

void xfer_open_new(struct xfer *x, const char *server_name, const char *uri)
{
	free(x->want_name);
	x->want_name = x->path ? xstrdup(name_below(x->dir, x->path)) : xfer_choose_name(x, server_name, uri);
	xfer_open_wanted(x);
}

/* An earlier life was about to give that file its name: before anybody wanted a checksum, which would not have been placed. */
static bool is_named(struct xfer *x, struct file_id *ret)
{
	const struct ledger_job job = {x->gid, x->mark};

	return !xfer_want_sum(x) && placer_named(x->placer, &job, ret);
}

void xfer_open_wanted(struct xfer *x)
{
	struct file_id named;
	struct dfile_req req;

	xfer_set_state(x, XS_OPEN);
	if (opts_bool(x->opts, OPT_HASH_CHECK_ONLY)) {
		xfer_check_only(x);
		return;
	}
	if (!is_whole(x) && !opts_bool(x->opts, OPT_DRY_RUN) && adopt_part(x, x->want_name)) {
		free(x->want_name);
		x->want_name = NULL;
		return;
	}
	fill_req(x, x->want_name, is_named(x, &named) ? &named : NULL, &req);
	req.how = how_to_open(x);
	req.check_whole = opts_bool(x->opts, OPT_CHECK_INTEGRITY) && xfer_want_sum(x);
	req.dry = opts_bool(x->opts, OPT_DRY_RUN);
	x->pending++;
	if (is_whole(x))
		place(x, &req);
	else
		x->opening = dfile_open(x->loop, &req, opened_new, x);
}
