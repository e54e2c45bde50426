/* SPDX-License-Identifier: MIT
 * Methods that show downloads.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "rpc/method.h"

#define LIST_MAX   (1 << 20) /* entries of one list answer */
#define SERVER_MAX 1024

/* One download object being written. */
struct show {
	struct call *c;
	const struct job_view *v;
	const char *key; /* the member's name, for writers of several members */
};

enum key_flag {
	KF_ASKED = 1 << 0,  /* an extension: only when it is named */
	KF_ALWAYS = 1 << 1, /* also when it is not named (aria2 does so) */
	KF_STALE = 1 << 2,  /* its writer asks the engine, after which the view is stale */
};

struct key {
	const char *name;
	void (*write)(const struct show *s);
	unsigned flags;
};

static void put_num(const struct show *s, int64_t n)
{
	jw_key(s->c->w, s->key);
	jw_intstr(s->c->w, n);
}

static void put_text(const struct show *s, const char *text)
{
	jw_pair(s->c->w, s->key, text);
}

static int64_t num_pieces(const struct job_view *v)
{
	return v->total > 0 && v->piece_len > 0 ? v->total / v->piece_len + (v->total % v->piece_len != 0) : 0;
}

/* What is there of the file, also for those whose ranges are not kept any more. */
static void have_of(const struct job_view *v, struct ranges *ret)
{
	ranges_init(ret);
	if (v->total > 0 && v->done == v->total)
		ranges_add(ret, 0, v->total);
	else if (v->have != NULL)
		ranges_copy(ret, v->have);
}

static void k_bitfield(const struct show *s)
{
	struct ranges have;
	char *hex;

	if (num_pieces(s->v) == 0)
		return;
	have_of(s->v, &have);
	hex = ranges_bitfield(&have, s->v->total, s->v->piece_len);
	put_text(s, hex);
	free(hex);
	ranges_free(&have);
}

static void k_done(const struct show *s)
{
	put_num(s, s->v->done);
}

static void k_conns(const struct show *s)
{
	put_num(s, s->v->state == JOB_ACTIVE ? s->v->conns : 0);
}

static void k_dir(const struct show *s)
{
	put_text(s, s->v->dir);
}

static void k_speed(const struct show *s)
{
	put_num(s, (int64_t)s->v->speed);
}

static void k_error_code(const struct show *s)
{
	if (job_state_ended(s->v->state))
		put_num(s, s->v->state == JOB_REMOVED ? err_exit_code(ERR_REMOVED) : err_exit_code(s->v->err));
}

static void k_error_message(const struct show *s)
{
	if (job_state_ended(s->v->state))
		put_text(s, s->v->state == JOB_ERROR ? s->v->err_text : "");
}

static void put_uri(struct jw *w, const struct uri_view *u)
{
	jw_open(w, '{');
	if (u->why != NULL)
		jw_pair(w, "haul.givenUp", u->why);
	jw_pair(w, "status", u->used ? "used" : "waiting");
	jw_pair(w, "uri", u->uri);
	jw_close(w, '}');
}

/* One URI is mostly given once for each connection: then its text is made once. */
static bool same_uri(const struct uri_view *a, const struct uri_view *b)
{
	return a->uri == b->uri && a->used == b->used && a->why == b->why;
}

static void put_uris(struct call *c, uint64_t gid)
{
	size_t n = engine_uris(c->engine, gid, NULL, 0);
	struct uri_view *u = xmalloc((n + 1) * sizeof(*u));
	size_t got = engine_uris(c->engine, gid, u, n), last = 0;

	jw_open(c->w, '[');
	for (size_t i = 0; i < got && i < n; i++) {
		size_t at = c->w->out->len + c->w->comma;

		if (i > 0 && same_uri(&u[i], &u[i - 1]))
			jw_again(c->w, last);
		else
			put_uri(c->w, &u[i]);
		last = at;
	}
	jw_close(c->w, ']');
	free(u);
}

/* Bytes in whole pieces. */
static int64_t whole_pieces(const struct job_view *v)
{
	struct ranges have;
	int64_t sum = 0;

	if (num_pieces(v) == 0)
		return 0;
	have_of(v, &have);
	for (size_t i = 0; i < have.n; i++) {
		const struct range *r = &have.v[i];
		int64_t first = r->start / v->piece_len + (r->start % v->piece_len != 0);
		int64_t end = r->end >= v->total ? v->total : r->end / v->piece_len * v->piece_len;

		if (end > first * v->piece_len)
			sum += end - first * v->piece_len;
	}
	ranges_free(&have);
	return sum;
}

/* The final path, or what `out` says it is going to be. */
static void put_path(struct jw *w, const char *key, const struct job_view *v)
{
	const char *out = opts_str(v->opts, OPT_OUT);
	char *path;

	if ((v->path != NULL && *v->path != '\0') || out == NULL || *out == '\0') {
		jw_pair(w, key, v->path);
		return;
	}
	path = xasprintf("%s/%s", v->dir, out);
	jw_pair(w, key, path);
	free(path);
}

/* The view is written out before the engine is asked for the URIs: its pointers last until then. */
static void put_files(struct call *c, const struct job_view *v)
{
	uint64_t gid = v->gid;

	jw_open(c->w, '[');
	jw_open(c->w, '{');
	jw_key(c->w, "completedLength");
	jw_intstr(c->w, whole_pieces(v));
	jw_pair(c->w, "index", "1");
	jw_key(c->w, "length");
	jw_intstr(c->w, v->total);
	put_path(c->w, "path", v);
	jw_pair(c->w, "selected", "true");
	jw_key(c->w, "uris");
	put_uris(c, gid);
	jw_close(c->w, '}');
	jw_close(c->w, ']');
}

static void k_files(const struct show *s)
{
	jw_key(s->c->w, s->key);
	put_files(s->c, s->v);
}

static void k_gid(const struct show *s)
{
	jw_key(s->c->w, s->key);
	jw_gid(s->c->w, s->v->gid);
}

static void k_added(const struct show *s)
{
	put_num(s, s->v->added_at);
}

static void k_ended(const struct show *s)
{
	if (job_state_ended(s->v->state))
		put_num(s, s->v->ended_at);
}

static void k_owner(const struct show *s)
{
	put_text(s, s->v->owner);
}

static void k_path(const struct show *s)
{
	put_path(s->c->w, s->key, s->v);
}

static void k_unchecked(const struct show *s)
{
	jw_key(s->c->w, s->key);
	jw_bool(s->c->w, !opts_bool(s->v->opts, OPT_CHECK_CERTIFICATE));
}

static void k_unproven(const struct show *s)
{
	jw_key(s->c->w, s->key);
	jw_bool(s->c->w, (s->v->flags & JOB_UNPROVEN) != 0);
}

static void k_sharing(const struct show *s)
{
	if (s->v->state == JOB_ACTIVE && s->v->sharing > 0)
		put_num(s, s->v->sharing);
}

static void k_uri(const struct show *s)
{
	struct uri_view u;

	if (engine_uris(s->c->engine, s->v->gid, &u, 1) > 0)
		put_text(s, u.uri);
}

static void k_wait(const struct show *s)
{
	if (s->v->wait != NULL)
		put_text(s, s->v->wait);
}

static void k_num_pieces(const struct show *s)
{
	put_num(s, num_pieces(s->v));
}

static void k_piece_length(const struct show *s)
{
	put_num(s, s->v->piece_len);
}

static void k_status(const struct show *s)
{
	put_text(s, job_state_name(s->v->state));
}

static void k_total(const struct show *s)
{
	put_num(s, s->v->total);
}

static void k_zero(const struct show *s)
{
	put_num(s, 0);
}

static void k_verified(const struct show *s)
{
	if (s->v->verified >= 0)
		put_num(s, s->v->verified);
}

static void k_verify_queued(const struct show *s)
{
	if (s->v->verify_queued)
		put_text(s, "true");
}

static const struct key key_table[] = {
#define KEY(name, write, flags) {name, write, flags},
#include "rpc/key_table.h"
#undef KEY
};
#define KEY_COUNT (sizeof(key_table) / sizeof(key_table[0]))

/* Which members to write: bit i for key_table[i]. */
static uint32_t wanted(const json_t *keys)
{
	bool all = json_array_size(keys) == 0;
	uint32_t set = 0;

	_Static_assert(KEY_COUNT <= 32, "one bit a key");
	for (unsigned k = 0; k < KEY_COUNT; k++) {
		bool on = (all && (key_table[k].flags & KF_ASKED) == 0) || (key_table[k].flags & KF_ALWAYS) != 0;

		for (size_t i = 0; i < json_array_size(keys) && !on; i++) {
			const char *name = json_string_value(json_array_get(keys, i));

			on = name != NULL && strcmp(name, key_table[k].name) == 0;
		}
		if (on)
			set |= UINT32_C(1) << k;
	}
	return set;
}

static bool put_download(struct call *c, uint64_t gid, uint32_t set)
{
	struct job_view v;
	struct show s = {.c = c, .v = &v};

	if (!engine_view(c->engine, gid, &v))
		return false;
	jw_open(c->w, '{');
	for (unsigned k = 0; k < KEY_COUNT; k++) {
		if ((set & (UINT32_C(1) << k)) == 0)
			continue;
		s.key = key_table[k].name;
		key_table[k].write(&s);
		if ((key_table[k].flags & KF_STALE) != 0 && !engine_view(c->engine, gid, &v))
			break;
	}
	jw_close(c->w, '}');
	return true;
}

static int not_found(struct call *c, uint64_t gid)
{
	return call_fail_gid(c, ERR_NOT_HERE, "GID ", gid, " is not found");
}

int m_tell_status(struct call *c)
{
	const json_t *keys;
	const char *text;
	uint64_t gid;
	int err = param_str(c, 0, &text);

	if (err == 0)
		err = param_list(c, 1, false, &keys);
	if (err == 0)
		err = engine_find(c->engine, text, &gid, c->f);
	if (err != 0)
		return err;
	return put_download(c, gid, wanted(keys)) ? 0 : not_found(c, gid);
}

/* ---- lists ---- */

struct rest {
	uint64_t *gid; /* owned; in the order of the list */
	size_t n, at;
	bool newest; /* the last one first */
	bool comma;
	uint32_t set;
};

/* Takes gid. */
static struct rest *rest_new(uint64_t *gid, size_t n, bool newest, uint32_t set)
{
	struct rest *x = xcalloc(1, sizeof(*x));

	*x = (struct rest){.gid = gid, .n = n, .newest = newest, .set = set};
	return x;
}

void rest_free(struct rest *x)
{
	if (x != NULL)
		free(x->gid);
	free(x);
}

bool rest_write(struct rest *x, struct engine *e, struct buf *out)
{
	struct jw w = {.out = out, .comma = x->comma};
	struct call c = {.engine = e, .w = &w};
	size_t end = out->len + REST_TEXT;

	for (unsigned i = 0; i < REST_ENTRIES && x->at < x->n && out->len < end && out->err == 0; i++, x->at++)
		put_download(&c, x->gid[x->newest ? x->n - 1 - x->at : x->at], x->set);
	x->comma = w.comma;
	if (x->at < x->n && out->err == 0)
		return false;
	jw_close(&w, ']');
	return true;
}

/* The n entries at `from` of a list, in order or, with `newest`, the last one first. */
static void put_list(struct call *c, enum engine_list l, size_t from, size_t n, bool newest, const json_t *keys)
{
	uint64_t *gid = xmalloc((n + 1) * sizeof(*gid));
	size_t got = engine_list(c->engine, l, from, n, gid);
	uint32_t set = wanted(keys);

	jw_open(c->w, '[');
	if (got > REST_ENTRIES && c->run->may_rest) {
		c->run->rest = rest_new(gid, got, newest, set);
		return;
	}
	for (size_t i = 0; i < got && c->w->out->err == 0; i++)
		put_download(c, gid[newest ? got - 1 - i : i], set);
	jw_close(c->w, ']');
	free(gid);
}

int m_tell_active(struct call *c)
{
	const json_t *keys;
	int err = param_list(c, 0, false, &keys);

	if (err == 0)
		put_list(c, LIST_ACTIVE, 0, engine_count(c->engine, LIST_ACTIVE), false, keys);
	return err;
}

/* aria2's window: offset >= 0 counts from the front; below, it names an element from the end, from which num elements
 * are given towards the front. */
static void put_window(struct call *c, enum engine_list l, int64_t offset, int64_t num, const json_t *keys)
{
	int64_t size = (int64_t)engine_count(c->engine, l), from, n;

	num = num < LIST_MAX ? num : LIST_MAX;
	if (offset >= 0) {
		from = offset < size ? offset : size;
		n = num < size - from ? num : size - from;
	} else if (offset < -size) {
		from = n = 0;
	} else {
		int64_t last = size + offset;

		n = num < last + 1 ? num : last + 1;
		from = last + 1 - n;
	}
	put_list(c, l, (size_t)from, (size_t)n, offset < 0, keys);
}

static int tell_window(struct call *c, enum engine_list l)
{
	const json_t *keys;
	int64_t offset = 0, num = 0;
	int err = param_int(c, 0, true, &offset);

	if (err == 0)
		err = param_int_min(c, 1, 0, &num);
	if (err == 0)
		err = param_list(c, 2, false, &keys);
	if (err == 0)
		put_window(c, l, offset, num, keys);
	return err;
}

int m_tell_waiting(struct call *c)
{
	return tell_window(c, LIST_QUEUE);
}

int m_tell_stopped(struct call *c)
{
	return tell_window(c, LIST_STOPPED);
}

/* Parameter 0 as a download that exists. */
static int view_of(struct call *c, struct job_view *v)
{
	uint64_t gid;
	int err = param_gid(c, 0, &gid);

	if (err == 0 && !engine_view(c->engine, gid, v))
		err = not_found(c, gid);
	return err;
}

int m_get_uris(struct call *c)
{
	struct job_view v;
	int err = view_of(c, &v);

	if (err != 0)
		return err;
	if (job_state_ended(v.state))
		return call_fail_gid(c, ERR_WRONG_STATE, "No URI data is available for GID#", v.gid, "");
	put_uris(c, v.gid);
	return 0;
}

int m_get_files(struct call *c)
{
	struct job_view v;
	int err = view_of(c, &v);

	if (err == 0)
		put_files(c, &v);
	return err;
}

int m_get_servers(struct call *c)
{
	struct server_view *s;
	struct job_view v;
	size_t n;
	int err = view_of(c, &v);

	if (err != 0)
		return err;
	if (v.state != JOB_ACTIVE)
		return call_fail_gid(c, ERR_WRONG_STATE, "No active download for GID#", v.gid, "");
	s = xmalloc(SERVER_MAX * sizeof(*s));
	n = engine_servers(c->engine, v.gid, s, SERVER_MAX);
	jw_open(c->w, '[');
	jw_open(c->w, '{');
	jw_pair(c->w, "index", "1");
	jw_key(c->w, "servers");
	jw_open(c->w, '[');
	for (size_t i = 0; i < n && i < SERVER_MAX; i++) {
		jw_open(c->w, '{');
		jw_pair(c->w, "currentUri", s[i].current);
		jw_key(c->w, "downloadSpeed");
		jw_intstr(c->w, (int64_t)s[i].speed);
		jw_pair(c->w, "uri", s[i].uri);
		jw_close(c->w, '}');
	}
	jw_close(c->w, ']');
	jw_close(c->w, '}');
	jw_close(c->w, ']');
	free(s);
	return 0;
}

int m_get_peers(struct call *c)
{
	struct job_view v;
	int err = view_of(c, &v);

	if (err != 0)
		return err;
	if (job_state_ended(v.state))
		return call_fail_gid(c, ERR_WRONG_STATE, "No peer data is available for GID#", v.gid, "");
	jw_open(c->w, '[');
	jw_close(c->w, ']');
	return 0;
}
