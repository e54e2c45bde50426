/* SPDX-License-Identifier: MIT
 * What the user wants downloaded.
 */
#include "client/entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "base/hash.h"
#include "base/input.h"
#include "base/puri.h"
#include "base/str.h"
#include "base/uri.h"
#include "client/optjson.h"

/* Takes over the reference on opts. */
static void add_entry(struct entries *es, char *const *uris, size_t n, struct opts *opts)
{
	if (es->n == es->cap) {
		es->cap = es->cap ? es->cap * 2 : 16;
		es->v = xrealloc(es->v, es->cap * sizeof(*es->v));
	}
	struct entry *e = &es->v[es->n++];
	*e = (struct entry){.uris = xcalloc(n + 1, sizeof(char *)), .n = n, .opts = opts};
	for (size_t i = 0; i < n; i++)
		e->uris[i] = xstrdup(uris[i]);
}

static int check_uri(const char *text, struct fail *f)
{
	char shown[120];
	char *normal = uri_normalise(text);
	free(normal);
	if (normal)
		return 0;
	uri_show_short(text, shown, sizeof(shown));
	if (strncmp(text, "magnet:", 7) == 0)
		return fail_set(f, ERR_BAD_URI, "magnet links are not supported: %s", shown);
	if (access(text, R_OK) == 0)
		return fail_set(f, ERR_BAD_URI,
			"'%s' is a file: torrent and metalink files are not supported; -i reads a list of URIs", shown);
	if (strstr(text, "://") != NULL)
		return fail_set(f, ERR_BAD_URI, "'%s' is not a usable URI: its host or port is wrong", shown);
	return fail_set(f, ERR_BAD_URI, "'%s' is not a URI: a URI begins with http:// or https://", shown);
}

/* input_read has expanded what there was to expand. */
static int take_entry(void *arg, char **uris, size_t n, struct opts *opts, struct fail *f)
{
	struct entries *es = arg;
	if (!opts) {
		if (es->late.code == 0)
			es->late = *f;
		return 0;
	}
	struct opts *own = opts_flatten(opts);
	if (opts_bool(own, OPT_FORCE_SEQUENTIAL))
		opts_unset(own, OPT_PARAMETERIZED_URI);
	add_entry(es, uris, n, own);
	return 0;
}

/* Who wrote the list is there to mend it, so one entry that can't be used is an error of the whole. */
static int read_listing(const char *file, struct entries *ret, struct fail *f)
{
	int rc = input_read(file, take_entry, ret, ret->parent, f);
	if (rc < 0 || ret->late.code == 0)
		return rc;
	*f = ret->late;
	return f->code;
}

/* URIs of the command line. */
struct words {
	char **v; /* owned copies */
	size_t n, cap;
	struct fail *f;
};

static int take_uri(void *arg, const char *text)
{
	struct words *w = arg;
	int rc = check_uri(text, w->f);
	if (rc < 0)
		return rc;
	if (w->n == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 16;
		w->v = xrealloc(w->v, w->cap * sizeof(*w->v));
	}
	w->v[w->n++] = xstrdup(text);
	return 0;
}

static int read_words(const struct cli *cli, struct words *ret)
{
	bool expand = opts_bool(cli->opts, OPT_PARAMETERIZED_URI);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < cli->nwords; i++)
		rc = expand ? puri_expand(cli->words[i], take_uri, ret, ret->f) : take_uri(ret, cli->words[i]);
	if (rc < 0)
		ret->f->code = ERR_BAD_URI;
	return rc < 0 ? ERR_BAD_URI : 0;
}

static int take_words(const struct cli *cli, struct entries *es, struct fail *f)
{
	struct words w = {.f = f};
	int rc = read_words(cli, &w);
	size_t each = opts_bool(cli->opts, OPT_FORCE_SEQUENTIAL) ? 1 : w.n;
	for (size_t i = 0; rc == 0 && i < w.n; i += each) {
		struct opts *own = opts_clone(cli->opts);
		opts_unset(own, OPT_PARAMETERIZED_URI); /* done above */
		if (each < w.n)
			opts_unset(own, OPT_OUT); /* one name is not for several files */
		add_entry(es, &w.v[i], each, own);
	}
	for (size_t i = 0; i < w.n; i++)
		free(w.v[i]);
	free(w.v);
	return rc;
}

static bool is_deferred(const struct opts *o)
{
	return opts_bool(o, OPT_DEFERRED_INPUT) && !opts_has(o, OPT_SAVE_SESSION) &&
	       strcmp(opts_str(o, OPT_INPUT_FILE), "-") != 0;
}

/* What aria2c would do something else for than download URIs: better said than left undone without a word. */
static int check_kind(const struct opts *o, struct fail *f)
{
	static const enum opt kinds[] = {OPT_TORRENT_FILE, OPT_METALINK_FILE, OPT_SHOW_FILES};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		bool off = opt_def(kinds[i])->type == OT_BOOL && !opts_bool(o, kinds[i]);
		if (opts_has(o, kinds[i]) && !off)
			return fail_set(f, ERR_BAD_URI, "--%s: torrent and metalink files are not supported",
				opt_def(kinds[i])->name);
	}
	return 0;
}

int entries_read(const struct cli *cli, struct entries *ret, struct fail *f)
{
	const char *file = opts_str(cli->opts, OPT_INPUT_FILE);
	*ret = (struct entries){.parent = cli->opts};
	int rc = check_kind(cli->opts, f);
	if (rc == 0)
		rc = take_words(cli, ret, f);
	if (rc < 0)
		return rc;
	if (file && file[0])
		return is_deferred(cli->opts) ? input_open(file, cli->opts, &ret->rest, f) : read_listing(file, ret, f);
	return ret->n ? 0
		      : fail_set(f, ERR_BAD_URI, "say what to download: a URL, or -i FILE; see 'haul help %s'",
				cli->cmd->name);
}

static void drop_all(struct entries *es)
{
	for (size_t i = 0; i < es->n; i++) {
		for (size_t k = 0; k < es->v[i].n; k++)
			free(es->v[i].uris[k]);
		free(es->v[i].uris);
		opts_unref(es->v[i].opts);
	}
	es->n = 0;
}

int entries_next(struct entries *es, size_t max, struct fail *f)
{
	int got = 1;
	drop_all(es);
	while (es->rest && es->late.code == 0 && es->n < max && got > 0)
		got = input_next(es->rest, take_entry, es, &es->late);
	if (got == 0 || es->late.code == ERR_INPUT) {
		input_close(es->rest);
		es->rest = NULL;
	}
	if (es->n > 0 || es->late.code == 0)
		return es->n > 0;
	*f = es->late;
	es->late = (struct fail){0};
	return f->code;
}

bool entries_has_more(const struct entries *es)
{
	return es->rest || es->late.code != 0;
}

/* Bytes that JSON can't carry are sent percent-encoded, as the daemon would store them. NULL: it is no URI at all, and the daemon
 * would pass it over. */
static json_t *uri_json(const char *text)
{
	json_t *v = json_string(text);
	if (v)
		return v;
	char *normal = uri_normalise(text);
	v = json_string(normal);
	free(normal);
	return v;
}

json_t *entry_params(const struct entry *e, const char *gid)
{
	json_t *uris = json_array(), *opts = optjson(e->opts, OF_INITIAL);
	for (size_t i = 0; i < e->n; i++)
		json_array_append_new(uris, uri_json(e->uris[i]));
	if (gid && !json_object_get(opts, "gid"))
		json_object_set_new(opts, "gid", json_string(gid));
	return json_pack("[o,o]", uris, opts);
}

/* Length-prefixed parts, so that no two lists look alike. */
static void hash_text(struct hash *h, const char *s)
{
	uint64_t n = s ? strlen(s) + 1 : 0;
	hash_update(h, &n, sizeof(n));
	if (s)
		hash_update(h, s, (size_t)n);
}

static void hash_entry(struct hash *h, const struct entry *e)
{
	hash_text(h, opts_str(e->opts, OPT_DIR));
	hash_text(h, opts_str(e->opts, OPT_OUT));
	for (size_t i = 0; i < e->n; i++)
		hash_text(h, e->uris[i]);
}

/* Never 0. */
static uint64_t hash_end(struct hash *h)
{
	unsigned char md[HASH_MAX];
	uint64_t v = 0;
	hash_final(h, md);
	for (int i = 0; i < 8; i++)
		v = v << 8 | md[i];
	return v ? v : 1;
}

/* before: so many entries like this one. h: as new. */
static uint64_t gid_of(struct hash *h, const struct entry *e, uint64_t before)
{
	hash_update(h, &before, sizeof(before));
	hash_entry(h, e);
	return hash_end(h);
}

struct count {
	uint64_t key;
	uint64_t n;
	UT_hash_handle hh;
};

/* How often it was there before. */
static uint64_t count_up(struct count **set, uint64_t key)
{
	struct count *c = NULL;
	HASH_FIND(hh, *set, &key, sizeof(key), c);
	if (!c) {
		c = xcalloc(1, sizeof(*c));
		c->key = key;
		HASH_ADD(hh, *set, key, sizeof(key), c);
	}
	return c->n++;
}

static void drop_counts(struct count **set)
{
	struct count *c, *next;
	HASH_ITER(hh, *set, c, next)
	{
		HASH_DEL(*set, c);
		free(c);
	}
}

static void set_gid(struct entries *es, struct entry *e, struct hash *h)
{
	const char *own = opts_str(e->opts, OPT_GID);
	uint64_t gid, before;
	if (own && str_hex_to_u64(own, strlen(own), &gid) == 0) {
		e->twice = count_up(&es->own, gid) > 0;
	} else {
		gid = gid_of(h, e, 0);
		before = count_up(&es->same, gid);
		gid = before ? gid_of(h, e, before) : gid;
	}
	str_from_gid(gid, e->gid);
}

static void set_dir(struct entry *e, const char *cwd, const char *dir)
{
	struct opts *o = e->opts;
	const char *own = opts_has(o, OPT_DIR) ? opts_str(o, OPT_DIR) : dir;
	if (!own)
		return;
	e->relative = opts_has(o, OPT_DIR) && own[0] != '/';
	while (strncmp(own, "./", 2) == 0)
		own += 2;
	bool here = own[0] == '\0' || strcmp(own, ".") == 0;
	char *full = own[0] == '/' ? xstrdup(own) : here ? xstrdup(cwd) : xasprintf("%s/%s", cwd, own);
	(void)opts_set(o, OPT_DIR, full, NULL); /* refused only for control characters, which the daemon reports then */
	free(full);
}

void entries_set_dir(struct entries *es, const char *cwd, const char *dir)
{
	struct hash *h = hash_new("sha-256"); /* one for all: a new one costs as much as the digest of an entry */
	for (size_t i = 0; i < es->n; i++) {
		set_dir(&es->v[i], cwd, dir);
		set_gid(es, &es->v[i], h);
	}
	hash_free(h);
}

/* The bytes of a file; whatever can't be read now says so when it is read for good. */
static void hash_file(struct hash *h, const char *path)
{
	char part[65536];
	size_t n;
	FILE *in = fopen(path, "re");
	while (in && (n = fread(part, 1, sizeof(part), in)) > 0)
		hash_update(h, part, n);
	if (in)
		fclose(in);
}

void entries_key(const struct entries *es, char ret[17])
{
	struct hash *h = hash_new("sha-256");
	for (size_t i = 0; i < es->n; i++)
		hash_entry(h, &es->v[i]);
	if (es->rest) {
		char *cwd = getcwd(NULL, 0);
		hash_text(h, cwd);
		free(cwd);
		hash_text(h, opts_str(es->parent, OPT_DIR));
		hash_file(h, opts_str(es->parent, OPT_INPUT_FILE));
	}
	str_from_gid(hash_end(h), ret);
	hash_free(h);
}

void entries_free(struct entries *es)
{
	drop_all(es);
	input_close(es->rest);
	free(es->v);
	drop_counts(&es->same);
	drop_counts(&es->own);
	*es = (struct entries){0};
}
