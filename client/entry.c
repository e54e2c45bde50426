/* SPDX-License-Identifier: MIT
 * What the user wants downloaded.
 */
#include "client/entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	str_safe(text, strlen(text), shown, sizeof(shown));
	if (strncmp(text, "magnet:", 7) == 0)
		return fail_set(f, ERR_USAGE, "magnet links are not supported: %s", shown);
	return fail_set(f, ERR_USAGE, "'%s' is no URI; one begins with http:// or https://", shown);
}

/* An input file being read. */
struct listing {
	struct entries *ret;
	struct fail bad; /* of the first entry that can't be used, code 0: none */
};

/* input_read has expanded what there was to expand. */
static int take_entry(void *arg, char **uris, size_t n, struct opts *opts, struct fail *f)
{
	struct listing *l = arg;
	if (!opts) {
		if (l->bad.code == 0)
			l->bad = *f;
		return 0;
	}
	struct opts *own = opts_flatten(opts);
	if (opts_bool(own, OPT_FORCE_SEQUENTIAL))
		opts_unset(own, OPT_PARAMETERIZED_URI);
	add_entry(l->ret, uris, n, own);
	return 0;
}

/* Who wrote the list is there to mend it, so one entry that can't be used is an error of the whole. */
static int read_listing(const char *file, const struct cli *cli, struct entries *ret, struct fail *f)
{
	struct listing l = {.ret = ret};
	int rc = input_read(file, take_entry, &l, cli->opts, f);
	if (rc < 0 || l.bad.code == 0)
		return rc;
	*f = l.bad;
	return l.bad.code;
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
		ret->f->code = ERR_USAGE; /* whatever is wrong, it was given on the command line */
	return rc < 0 ? ERR_USAGE : 0;
}

static int take_words(const struct cli *cli, struct entries *es, struct fail *f)
{
	struct words w = {.f = f};
	int rc = read_words(cli, &w);
	size_t each = opts_bool(cli->opts, OPT_FORCE_SEQUENTIAL) ? 1 : w.n;
	for (size_t i = 0; rc == 0 && i < w.n; i += each) {
		struct opts *own = opts_clone(cli->opts);
		opts_unset(own, OPT_PARAMETERIZED_URI); /* done above */
		add_entry(es, &w.v[i], each, own);
	}
	for (size_t i = 0; i < w.n; i++)
		free(w.v[i]);
	free(w.v);
	return rc;
}

int entries_read(const struct cli *cli, struct entries *ret, struct fail *f)
{
	const char *file = opts_str(cli->opts, OPT_INPUT_FILE);
	*ret = (struct entries){0};
	int rc = take_words(cli, ret, f);
	if (rc == 0 && file)
		rc = read_listing(file, cli, ret, f);
	if (rc == 0 && ret->n == 0)
		rc = file ? fail_set(f, ERR_INPUT, "the input file names no downloads")
			  : fail_set(f, ERR_USAGE, "say what to download: a URL, or -i FILE; see 'haul help %s'",
				    cli->cmd->name);
	return rc;
}

void entries_free(struct entries *es)
{
	for (size_t i = 0; i < es->n; i++) {
		for (size_t k = 0; k < es->v[i].n; k++)
			free(es->v[i].uris[k]);
		free(es->v[i].uris);
		opts_unref(es->v[i].opts);
	}
	free(es->v);
	*es = (struct entries){0};
}

void entries_set_dir(struct entries *es, const char *cwd, const char *dir)
{
	for (size_t i = 0; i < es->n; i++) {
		struct opts *o = es->v[i].opts;
		const char *own = opts_has(o, OPT_DIR) ? opts_str(o, OPT_DIR) : dir;
		if (!own)
			continue;
		while (strncmp(own, "./", 2) == 0)
			own += 2;
		bool here = own[0] == '\0' || strcmp(own, ".") == 0;
		char *full = own[0] == '/' ? xstrdup(own) : here ? xstrdup(cwd) : xasprintf("%s/%s", cwd, own);
		(void)opts_set(o, OPT_DIR, full,
			NULL); /* refused only for control characters, which the daemon reports then */
		free(full);
	}
}

json_t *entry_params(const struct entry *e, const char *gid)
{
	json_t *uris = json_array(), *opts = optjson(e->opts, OF_INITIAL);
	for (size_t i = 0; i < e->n; i++)
		json_array_append_new(uris, json_string(e->uris[i]));
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

static void hash_end(struct hash *h, char ret[17])
{
	unsigned char md[HASH_MAX];
	uint64_t v = 0;
	hash_final(h, md);
	hash_free(h);
	for (int i = 0; i < 8; i++)
		v = v << 8 | md[i];
	str_from_gid(v ? v : 1, ret);
}

void entry_gid(const struct entry *e, size_t i, char ret[17])
{
	const char *own = opts_str(e->opts, OPT_GID);
	if (own) {
		snprintf(ret, 17, "%s", own);
		return;
	}
	struct hash *h = hash_new("sha-256");
	uint64_t place = i;
	hash_update(h, &place, sizeof(place));
	hash_entry(h, e);
	hash_end(h, ret);
}

void entries_key(const struct entries *es, char ret[17])
{
	struct hash *h = hash_new("sha-256");
	for (size_t i = 0; i < es->n; i++)
		hash_entry(h, &es->v[i]);
	hash_end(h, ret);
}
