/* SPDX-License-Identifier: MIT
 * Options from and to JSON.
 */
#include "rpc/optmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/dirs.h"
#include "base/log.h"
#include "base/str.h"

#define WRONG_OPTION "We encountered a problem while processing the option '--%s'."

struct member {
	const char *name;
	const json_t *val;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

static void passed_over(const char *name, const char *why)
{
	char shown[80];

	log_info(RPC, "option %s passed over: %s", str_safe(name, strlen(name), shown, sizeof(shown)), why);
}

static int set_text(struct opts *o, enum opt id, const char *val, struct fail *f)
{
	struct fail cause = {0};
	int err = opts_set(o, id, val, &cause);

	if (err == 0)
		return 0;
	log_info(RPC, "option %s refused: %s", opt_def(id)->name, cause.text);
	if (id == OPT_GID)
		return fail_set(f, ERR_INVAL, "No URI to download.");
	return fail_set(f, ERR_INVAL, WRONG_OPTION, opt_def(id)->name);
}

/* Other values say nothing, as in aria2: some clients send all options that they know, those they may not set as JSON's
 * true and false. */
static bool is_value(enum opt id, const json_t *val)
{
	return json_is_string(val) || (json_is_array(val) && opt_def(id)->type == OT_LIST);
}

/* An element of a list. An empty one stands for no element: where lists are replaced it can leave the list empty, where
 * they add up it adds nothing. */
static int set_element(struct opts *o, enum opt id, const char *val, unsigned allowed, struct fail *f)
{
	bool adds_up = (allowed & OF_INITIAL) != 0;

	return *val == '\0' && (adds_up || opts_has(o, id)) ? 0 : set_text(o, id, val, f);
}

static int set_member(struct opts *o, enum opt id, const json_t *val, unsigned allowed, struct fail *f)
{
	bool list = opt_def(id)->type == OT_LIST;
	int err = 0;

	if (json_is_string(val))
		return list ? set_element(o, id, json_string_value(val), allowed, f)
			    : set_text(o, id, json_string_value(val), f);
	for (size_t i = 0; i < json_array_size(val) && err == 0; i++)
		if (json_is_string(json_array_get(val, i)))
			err = set_element(o, id, json_string_value(json_array_get(val, i)), allowed, f);
	return err;
}

/* Clients send back what getGlobalOption has shown. What it does not show is compared with nothing but "not set": the
 * answer must not tell whether a guess is right. */
static bool is_as_before(const struct opts *now, enum opt id, const json_t *val)
{
	const char *old = opts_str(now, id), *text = json_string_value(val);

	if (text == NULL || ((opt_def(id)->flags & OF_HIDDEN) != 0 && *text != '\0'))
		return false;
	return strcmp(text, old != NULL ? old : "") == 0;
}

/* An option that no call may set. aria2's changeGlobalOption sets some of these, so silence would be taken for consent;
 * elsewhere it sets none, and only who wants a program run must hear that it won't be. */
static int not_over_rpc(struct call *c, enum opt id, const json_t *val, unsigned allowed)
{
	bool global = (allowed & OF_GLOBAL) != 0;

	if (is_as_before(engine_global(c->engine), id, val))
		return 0;
	if (!global && (opt_def(id)->flags & OF_HOOK) == 0) {
		passed_over(opt_def(id)->name, "it can't be set by this call");
		return 0;
	}
	log_notice(RPC, "option %s refused: it can't be set over RPC", opt_def(id)->name);
	return fail_set(c->f, ERR_INVAL, WRONG_OPTION " It can't be set over RPC, only when hauld is started.",
		opt_def(id)->name);
}

static int check_dir(struct call *c, const struct opts *o)
{
	if (c->run->is_user || dirs_allow(c->run->env->opts, opts_str(o, OPT_DIR)))
		return 0;
	return fail_set(c->f, ERR_INVAL, WRONG_OPTION " It is outside of the folders of hauld's dir and allowed-dirs.", "dir");
}

static int read_one(struct call *c, struct opts *o, const struct member *m, unsigned allowed)
{
	enum opt id = opt_find(m->name, strlen(m->name));
	int err;

	if (id == OPT_COUNT) {
		passed_over(m->name, "there is no such option");
		return 0;
	}
	if (!is_value(id, m->val)) {
		passed_over(m->name, "the value is no string");
		return 0;
	}
	if ((opt_def(id)->flags & OF_NORPC) != 0)
		return not_over_rpc(c, id, m->val, allowed);
	if ((opt_def(id)->flags & allowed) == 0) {
		passed_over(m->name, "it can't be set by this call");
		return 0;
	}
	err = set_member(o, id, m->val, allowed, c->f);
	return err == 0 && id == OPT_DIR && opts_has(o, id) ? check_dir(c, o) : err;
}

int optmap_read(struct call *c, struct opts *o, const json_t *dict, unsigned allowed)
{
	size_t n = json_object_size(dict), i = 0;
	struct member *m = xmalloc((n + 1) * sizeof(*m));
	const char *key;
	json_t *val;
	int err = 0;

	json_object_foreach((json_t *)(uintptr_t)dict, key, val)
		m[i++] = (struct member){key, val};
	qsort(m, n, sizeof(*m), by_name);
	for (i = 0; i < n && err == 0; i++)
		err = read_one(c, o, &m[i], allowed);
	free(m);
	return err;
}

void optmap_write(const struct opts *o, unsigned shown, struct jw *w)
{
	jw_open(w, '{');
	for (enum opt id = 0; id < OPT_COUNT; id++) { /* the table is sorted by name */
		unsigned flags = opt_def(id)->flags;

		if ((flags & shown) != 0 && (flags & OF_HIDDEN) == 0 && opts_defined(o, id))
			jw_pair(w, opt_def(id)->name, opts_str(o, id));
	}
	jw_close(w, '}');
}
