/* SPDX-License-Identifier: MIT
 * The option table, and option sets: a sorted array of the few values that a level sets, over a parent.
 */
#include "base/opt.h"

#include <stdlib.h>
#include <string.h>

#include "base/obj.h"
#include "base/opt_value.h"
#include "base/str.h"

static const struct opt_def defs[] = {
#define OPT(id_, ...) [OPT_##id_] = {__VA_ARGS__},
#include "base/opt_table.h"
#undef OPT
};

struct oval {
	char *text; /* in normal form, owned */
	enum opt id;
};

struct opts {
	OBJ(OPTS);
	unsigned refs;
	uint16_t n, cap;
	struct opts *parent; /* holds a reference, or NULL */
	struct oval *vals;   /* sorted by id */
};

_Static_assert(OPT_COUNT < UINT16_MAX, "struct opts counts its values in 16 bits");

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
	size_t i = find_slot(o, id);

	return i < o->n && o->vals[i].id == id ? o->vals[i].text : NULL;
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

/* Takes text. */
static void put_text(struct opts *o, enum opt id, char *text)
{
	size_t i = find_slot(o, id);

	if (i < o->n && o->vals[i].id == id) {
		free(o->vals[i].text);
		o->vals[i].text = text;
		return;
	}
	if (o->n == o->cap) {
		o->cap = (uint16_t)(o->cap + 4 + o->cap / 2);
		o->vals = xrealloc(o->vals, o->cap * sizeof(o->vals[0]));
	}
	memmove(&o->vals[i + 1], &o->vals[i], (o->n - i) * sizeof(o->vals[0]));
	o->vals[i] = (struct oval){.text = text, .id = id};
	o->n++;
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
		for (size_t i = 0; i < o->n; i++) {
			if (defs[o->vals[i].id].flags & OF_SECRET)
				explicit_bzero(o->vals[i].text, strlen(o->vals[i].text));
			free(o->vals[i].text);
		}
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
	for (size_t i = 0; i < o->n; i++)
		put_text(c, o->vals[i].id, xstrdup(o->vals[i].text));
	return c;
}

struct opts *opts_flatten(const struct opts *o)
{
	struct opts *c = opts_new(NULL);

	for (int id = 0; id < OPT_COUNT; id++) {
		const char *text = set_text(o, (enum opt)id);

		if (text)
			put_text(c, (enum opt)id, xstrdup(text));
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
	free(o->vals[i].text);
	o->n--;
	memmove(&o->vals[i], &o->vals[i + 1], (o->n - i) * sizeof(o->vals[0]));
}

bool opts_has(const struct opts *o, enum opt id)
{
	OBJ_CHECK(o, OPTS);
	return own_text(o, id) != NULL;
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

void opts_encode(const struct opts *o, unsigned flags, struct buf *out)
{
	OBJ_CHECK(o, OPTS);
	for (size_t i = 0; i < o->n; i++) {
		const struct opt_def *d = &defs[o->vals[i].id];
		const char *at = o->vals[i].text;

		if (flags != 0 && !(d->flags & flags))
			continue;
		do {
			size_t n = strcspn(at, "\n");

			buf_addf(out, "%s=%.*s\n", d->name, (int)n, at);
			at += n + (at[n] != '\0');
		} while (*at);
	}
}

/* One line of n bytes; seen: lists that were set already, so that the first line of each replaces what was there. */
static int decode_line(struct opts *o, const char *line, size_t n, bool *seen, struct fail *f)
{
	const char *eq = memchr(line, '=', n);
	enum opt id = eq ? opt_find(line, (size_t)(eq - line)) : OPT_COUNT;
	struct fail why = {0};
	char *val;
	int err = 0;

	if (id == OPT_COUNT)
		return 0;
	val = xstrndup(eq + 1, n - (size_t)(eq - line) - 1);
	if (defs[id].type == OT_LIST && !seen[id])
		err = opts_set(o, id, "", &why);
	seen[id] = true;
	if (err == 0)
		err = opts_set(o, id, val, &why);
	free(val);
	return err == 0 ? 0 : fail_set(f, err, "%s: %s", defs[id].name, why.text);
}

int opts_decode(struct opts *o, const char *text, struct fail *f)
{
	bool seen[OPT_COUNT] = {false};
	int err = 0;

	while (*text && err == 0) {
		size_t n = strcspn(text, "\n");

		err = decode_line(o, text, n, seen, f);
		text += n + (text[n] != '\0');
	}
	return err;
}
