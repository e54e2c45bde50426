/* SPDX-License-Identifier: MIT
 * The option table, and option sets: a sorted array of the few values that a level sets, over a parent.
 */
#include "base/opt.h"

#include <stdlib.h>
#include <string.h>

#include "base/obj.h"
#include "base/opt_value.h"
#include "base/str.h"

#include <uthash.h>

static const struct opt_def defs[] = {
#define OPT(id_, ...) [OPT_##id_] = {__VA_ARGS__},
#include "base/opt_table.h"
#undef OPT
};

/* A value, shared by the sets that have it: never changed. */
struct otext {
	unsigned refs;
	char text[]; /* in normal form */
};

struct oval {
	struct otext *val; /* holds a reference */
	enum opt id;
};

struct opts {
	OBJ(OPTS);
	unsigned refs;
	uint16_t n, cap;
	uint64_t may;	     /* bit id % 64: one with such an id was set; most that are asked for are not */
	struct opts *parent; /* holds a reference, or NULL */
	struct oval *vals;   /* sorted by id */
};

_Static_assert(OPT_COUNT < UINT16_MAX, "struct opts counts its values in 16 bits");

#define MEMO_MAX 1024 /* values that a memo knows; each as long as MEMO_TEXT at most */
#define MEMO_TEXT 1024

struct memo_entry {
	UT_hash_handle hh;
	struct otext *val; /* holds a reference */
	char lines[];	   /* key: as opts_encode writes the option */
};

struct opts_memo {
	struct memo_entry *entries;
};

/* ---- the table ---- */

const struct opt_def *opt_def(enum opt id)
{
	return &defs[id];
}

enum opt opt_find(const char *name, size_t n)
{
	int low = 0, high = strnlen(name, n) == n ? OPT_COUNT : 0;

	while (low < high) {
		int mid = low + (high - low) / 2;
		int cmp = strncmp(name, defs[mid].name, n);

		if (cmp == 0)
			cmp = defs[mid].name[n] == '\0' ? 0 : -1;
		if (cmp == 0)
			return (enum opt)mid;
		if (cmp < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return OPT_COUNT;
}

const char *opt_type_name(enum opt_type t)
{
	static const char *const names[] = {
		[OT_BOOL] = "true/false",
		[OT_INT] = "number",
		[OT_SIZE] = "size",
		[OT_FLOAT] = "fraction",
		[OT_ENUM] = "word",
		[OT_STR] = "text",
		[OT_PATH] = "path",
		[OT_LIST] = "list",
		[OT_PROXY] = "proxy",
		[OT_CHECKSUM] = "checksum",
		[OT_GID] = "GID",
		[OT_SLOTS] = "true/false, or two numbers",
	};

	return names[t];
}

/* ---- sets ---- */

/* Index of the first value with an id not below this one. */
static size_t find_slot(const struct opts *o, enum opt id)
{
	size_t low = 0, high = o->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (o->vals[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static const char *own_text(const struct opts *o, enum opt id)
{
	size_t i = (o->may >> id % 64 & 1) != 0 ? find_slot(o, id) : o->n;

	return i < o->n && o->vals[i].id == id ? o->vals[i].val->text : NULL;
}

/* The value set here or in a parent, or NULL. */
static const char *set_text(const struct opts *o, enum opt id)
{
	const char *text = NULL;

	for (; o && !text; o = defs[id].flags & OF_ONCE ? NULL : o->parent) {
		OBJ_CHECK(o, OPTS);
		text = own_text(o, id);
	}
	return text;
}

static struct otext *otext_new(const char *text)
{
	size_t n = strlen(text) + 1;
	struct otext *t = xmalloc(sizeof(*t) + n);

	t->refs = 1;
	memcpy(t->text, text, n);
	return t;
}

static struct otext *otext_ref(struct otext *t)
{
	t->refs++;
	return t;
}

static void otext_unref(struct otext *t, enum opt id)
{
	if (--t->refs > 0)
		return;
	if (defs[id].flags & OF_SECRET)
		explicit_bzero(t->text, strlen(t->text));
	free(t);
}

/* Takes the reference. */
static void put_val(struct opts *o, enum opt id, struct otext *val)
{
	size_t i = find_slot(o, id);

	o->may |= UINT64_C(1) << id % 64;
	if (i < o->n && o->vals[i].id == id) {
		otext_unref(o->vals[i].val, id);
		o->vals[i].val = val;
		return;
	}
	if (o->n == o->cap) {
		o->cap = (uint16_t)(o->cap + 4 + o->cap / 2);
		o->vals = xrealloc(o->vals, o->cap * sizeof(o->vals[0]));
	}
	memmove(&o->vals[i + 1], &o->vals[i], (o->n - i) * sizeof(o->vals[0]));
	o->vals[i] = (struct oval){.val = val, .id = id};
	o->n++;
}

/* Takes text. */
static void put_text(struct opts *o, enum opt id, char *text)
{
	put_val(o, id, otext_new(text));
	if (defs[id].flags & OF_SECRET)
		explicit_bzero(text, strlen(text));
	free(text);
}

/* No more room than values: sets of jobs are many, and seldom change. */
static void trim(struct opts *o)
{
	if (o->n == o->cap || o->n == 0)
		return;
	o->vals = xrealloc(o->vals, o->n * sizeof(o->vals[0]));
	o->cap = o->n;
}

struct opts *opts_new(struct opts *parent)
{
	struct opts *o = xcalloc(1, sizeof(*o));

	OBJ_INIT(o, OPTS);
	o->refs = 1;
	o->parent = parent ? opts_ref(parent) : NULL;
	return o;
}

struct opts *opts_ref(struct opts *o)
{
	OBJ_CHECK(o, OPTS);
	o->refs++;
	return o;
}

void opts_unref(struct opts *o)
{
	while (o) {
		struct opts *parent = o->parent;

		OBJ_CHECK(o, OPTS);
		if (--o->refs > 0)
			return;
		for (size_t i = 0; i < o->n; i++)
			otext_unref(o->vals[i].val, o->vals[i].id);
		free(o->vals);
		OBJ_FREE(o);
		o = parent;
	}
}

struct opts *opts_clone(const struct opts *o)
{
	struct opts *c;

	OBJ_CHECK(o, OPTS);
	c = opts_new(o->parent);
	if (o->n == 0)
		return c;
	c->n = c->cap = o->n;
	c->may = o->may;
	c->vals = xmalloc(o->n * sizeof(o->vals[0]));
	for (size_t i = 0; i < o->n; i++)
		c->vals[i] = (struct oval){.val = otext_ref(o->vals[i].val), .id = o->vals[i].id};
	return c;
}

struct opts *opts_flatten(const struct opts *o)
{
	struct opts *c = opts_new(NULL);

	for (const struct opts *from = o; from; from = from->parent) {
		for (size_t i = 0; i < from->n; i++) {
			enum opt id = from->vals[i].id;

			if ((from == o || !(defs[id].flags & OF_ONCE)) && !own_text(c, id))
				put_val(c, id, otext_ref(from->vals[i].val));
		}
	}
	return c;
}

/* ---- lists ---- */

/* true when the list text has this element of n bytes. */
static bool list_has(const char *list, const char *elem, size_t n)
{
	while (*list) {
		size_t len = strcspn(list, "\n");

		if (len == n && memcmp(list, elem, n) == 0)
			return true;
		list += len + 1;
	}
	return false;
}

/* list (elements ended by '\n') with the elements of val that it has not yet; malloc'd in *ret. */
static int list_join(const struct opt_def *d, const char *list, const char *val, char **ret, struct fail *f)
{
	struct buf text;
	int err = 0;

	buf_init(&text, OPT_VALUE_MAX);
	buf_adds(&text, list);
	for (const char *at = val; *at && err == 0;) {
		size_t n = strcspn(at, "\n");
		char *elem = xstrndup(at, n), *normal = NULL;

		err = n > 0 ? opt_normalise(d, elem, &normal, f) : 0;
		if (normal && !list_has(text.data ? text.data : "", normal, strlen(normal)))
			buf_addf(&text, "%s\n", normal);
		free(normal);
		free(elem);
		at += n + (at[n] != '\0');
	}
	if (err == 0 && text.err != 0)
		err = fail_set(f, ERR_INVAL, "must not be longer than %d bytes in all", OPT_VALUE_MAX);
	if (err == 0)
		*ret = buf_take(&text);
	buf_free(&text);
	return err;
}

int opt_check(enum opt id, const char *val, struct fail *f)
{
	const struct opt_def *d = &defs[id];
	char *text = NULL;
	int err = d->type == OT_LIST ? list_join(d, "", val, &text, f) : opt_normalise(d, val, &text, f);

	free(text);
	return err;
}

int opts_set(struct opts *o, enum opt id, const char *val, struct fail *f)
{
	const struct opt_def *d = &defs[id];
	const char *list = "";
	char *text;
	int err;

	OBJ_CHECK(o, OPTS);
	if (d->type == OT_LIST && *val)
		list = set_text(o, id);
	err = d->type == OT_LIST ? list_join(d, list ? list : "", val, &text, f) : opt_normalise(d, val, &text, f);
	if (err == 0)
		put_text(o, id, text);
	return err;
}

void opts_unset(struct opts *o, enum opt id)
{
	size_t i;

	OBJ_CHECK(o, OPTS);
	i = find_slot(o, id);
	if (i == o->n || o->vals[i].id != id)
		return;
	otext_unref(o->vals[i].val, id);
	o->n--;
	memmove(&o->vals[i], &o->vals[i + 1], (o->n - i) * sizeof(o->vals[0]));
}

bool opts_has(const struct opts *o, enum opt id)
{
	OBJ_CHECK(o, OPTS);
	return own_text(o, id) != NULL;
}

size_t opts_own(const struct opts *o)
{
	OBJ_CHECK(o, OPTS);
	return o->n;
}

enum opt opts_own_at(const struct opts *o, size_t i)
{
	return o->vals[i].id;
}

bool opts_given(const struct opts *o, enum opt id)
{
	return set_text(o, id) != NULL;
}

bool opts_defined(const struct opts *o, enum opt id)
{
	return opts_str(o, id) != NULL;
}

const char *opts_str(const struct opts *o, enum opt id)
{
	const char *text = set_text(o, id);

	return text ? text : defs[id].def;
}

int64_t opts_num(const struct opts *o, enum opt id)
{
	const char *text = opts_str(o, id);

	return text ? opt_number(&defs[id], text) : 0;
}

bool opts_bool(const struct opts *o, enum opt id)
{
	return opts_num(o, id) != 0;
}

/* ---- as text ---- */

/* Lines of d without the last line's end, which *at may have. */
static void encode_one(const struct opt_def *d, const char *at, struct buf *out)
{
	size_t len = strlen(d->name);

	do {
		size_t n = strcspn(at, "\n");

		buf_add(out, d->name, len);
		buf_add(out, "=", 1);
		buf_add(out, at, n);
		buf_add(out, "\n", 1);
		at += n + (at[n] != '\0');
	} while (*at);
}

void opts_encode(const struct opts *o, unsigned flags, struct buf *out)
{
	OBJ_CHECK(o, OPTS);
	for (size_t i = 0; i < o->n; i++) {
		const struct opt_def *d = &defs[o->vals[i].id];

		if (flags == 0 || (d->flags & flags) != 0)
			encode_one(d, o->vals[i].val->text, out);
	}
}

/* The first n bytes of text are all the lines of option id. Of a list they replace what was there. */
static int decode_lines(struct opts *o, enum opt id, const char *text, size_t n, struct fail *f)
{
	size_t skip = strlen(defs[id].name) + 1;
	int err = defs[id].type == OT_LIST ? opts_set(o, id, "", f) : 0;

	for (const char *end = text + n; text < end && err == 0;) {
		size_t len = strcspn(text, "\n");
		char *val = xstrndup(text + skip, len - skip);

		err = opts_set(o, id, val, f);
		free(val);
		text += len + (text[len] != '\0');
	}
	return err;
}

/* The option that the line names, OPT_COUNT: none that is known. *ret_n: bytes of its lines, which follow each other. */
static enum opt run_of_lines(const char *text, size_t *ret_n)
{
	size_t line = strcspn(text, "\n"), n = line + (text[line] != '\0');
	const char *eq = memchr(text, '=', line);
	size_t name = eq != NULL ? (size_t)(eq - text) + 1 : 0;
	enum opt id = eq != NULL ? opt_find(text, name - 1) : OPT_COUNT;

	while (id != OPT_COUNT && strncmp(text + n, text, name) == 0) {
		line = strcspn(text + n, "\n");
		n += line + (text[n + line] != '\0');
	}
	*ret_n = n;
	return id;
}

static struct memo_entry *memo_find(struct opts_memo *memo, const char *lines, size_t n)
{
	struct memo_entry *m = NULL;

	if (memo != NULL && n <= MEMO_TEXT)
		HASH_FIND(hh, memo->entries, lines, n, m);
	return m;
}

static void memo_clear(struct opts_memo *memo)
{
	struct memo_entry *m, *next;

	HASH_ITER(hh, memo->entries, m, next)
	{
		HASH_DEL(memo->entries, m);
		otext_unref(m->val, 0); /* none is secret */
		free(m);
	}
}

/* What belongs to one download only would fill the memo for nothing, and secrets live no longer than their set. */
static bool memo_takes(enum opt id)
{
	return (defs[id].flags & (OF_ONCE | OF_SECRET)) == 0;
}

/* A full memo begins anew: what is in use comes back soon. */
static void memo_add(struct opts_memo *memo, const char *lines, size_t n, const struct oval *v)
{
	struct memo_entry *m;

	if (memo == NULL || n > MEMO_TEXT || !memo_takes(v->id))
		return;
	if (HASH_COUNT(memo->entries) >= MEMO_MAX)
		memo_clear(memo);
	m = xmalloc(sizeof(*m) + n);
	m->val = otext_ref(v->val);
	memcpy(m->lines, lines, n);
	HASH_ADD(hh, memo->entries, lines, n, m);
}

struct opts_memo *opts_memo_new(void)
{
	return xcalloc(1, sizeof(struct opts_memo));
}

void opts_memo_free(struct opts_memo *memo)
{
	if (memo != NULL)
		memo_clear(memo);
	free(memo);
}

void opts_share(struct opts *o, struct opts_memo *memo)
{
	OBJ_CHECK(o, OPTS);
	for (size_t i = 0; i < o->n; i++) {
		struct oval *v = &o->vals[i];
		struct memo_entry *m;
		struct buf lines;

		if (!memo_takes(v->id))
			continue;
		buf_init(&lines, OPT_VALUE_MAX * 2);
		encode_one(&defs[v->id], v->val->text, &lines);
		m = memo_find(memo, lines.data, lines.len);
		if (m != NULL)
			put_val(o, v->id, otext_ref(m->val));
		else
			memo_add(memo, lines.data, lines.len, v);
		buf_free(&lines);
	}
	trim(o);
}

int opts_decode_shared(struct opts *o, const char *text, struct opts_memo *memo, struct fail *f)
{
	int err = 0;

	OBJ_CHECK(o, OPTS);
	for (size_t n; *text && err == 0; text += n) {
		enum opt id = run_of_lines(text, &n);
		struct memo_entry *m = id != OPT_COUNT ? memo_find(memo, text, n) : NULL;
		struct fail why = {0};

		if (id == OPT_COUNT)
			continue;
		if (m != NULL) {
			put_val(o, id, otext_ref(m->val));
			continue;
		}
		err = decode_lines(o, id, text, n, &why);
		if (err == 0)
			memo_add(memo, text, n, &o->vals[find_slot(o, id)]);
		else
			fail_set(f, err, "%s: %s", defs[id].name, why.text);
	}
	trim(o);
	return err;
}

int opts_decode(struct opts *o, const char *text, struct fail *f)
{
	return opts_decode_shared(o, text, NULL, f);
}
