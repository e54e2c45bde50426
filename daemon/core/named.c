/* SPDX-License-Identifier: MIT
 * Downloads named at the start: from words and input file to engine_add_startup.
 */
#include "core/named.h"

#include "base/log.h"
#include "base/opt.h"
#include "base/puri.h"
#include "base/uri.h"
#include "core/engine.h"
#include "base/input.h"

static int add(struct named *n, char *const *uris, size_t count, struct opts *o, struct fail *f)
{
	struct add_spec s = {.uris = uris, .n = count, .opts = o, .pos = -1, .flags = JOB_FROM_INPUT};
	uint64_t gid;
	int err;

	if (!n->keep_paused)
		opts_unset(o, OPT_PAUSE);
	err = engine_add_startup(n->engine, &s, &gid, f);
	if (err < 0)
		n->err = err;
	else
		n->added++;
	return err;
}

/* An input_fn: what it returns is logged with the line. */
static int on_entry(void *arg, char **uris, size_t count, struct opts *o, struct fail *f)
{
	struct named *n = arg;

	if (o != NULL)
		return add(n, uris, count, o, f);
	n->err = f->code;
	return f->code;
}

/* Options of the command line that are for one download are not inherited: they go over to it here. */
static struct opts *word_opts(struct opts *global)
{
	struct opts *o = opts_new(global);

	for (unsigned i = 0; i < OPT_COUNT; i++) {
		enum opt id = (enum opt)i;

		if ((opt_def(id)->flags & OF_ONCE) != 0 && (opt_def(id)->flags & OF_INITIAL) != 0 &&
			opts_has(global, id))
			opts_set(o, id, opts_str(global, id), NULL); /* it has been accepted once */
	}
	return o;
}

static void add_words(struct named *n, char *const *words, size_t count)
{
	struct opts *o = word_opts(engine_global(n->engine));
	struct fail f = {0};
	char shown[160];

	if (add(n, words, count, o, &f) < 0)
		log_error(MAIN, "%s: %s", uri_show_short(words[0], shown, sizeof(shown)), f.text);
	opts_unref(o);
}

/* A puri_fn. */
static int on_expanded(void *arg, const char *text)
{
	char *word = (char *)(uintptr_t)text; /* add_spec does not write to it */

	add_words(arg, &word, 1);
	return 0;
}

static void add_each(struct named *n, bool expand)
{
	for (char *const *w = n->words; *w != NULL; w++) {
		struct fail f = {0};

		if (!expand) {
			add_words(n, w, 1);
		} else if (puri_expand(*w, on_expanded, n, &f) < 0) {
			log_error(MAIN, "%s", f.text);
			n->err = f.code;
		}
	}
}

int named_add(struct named *n, struct fail *f)
{
	struct opts *global = engine_global(n->engine);
	const char *file = opts_str(global, OPT_INPUT_FILE);
	size_t count = 0;

	while (n->words != NULL && n->words[count] != NULL)
		count++;
	if (count > 0 && opts_bool(global, OPT_FORCE_SEQUENTIAL))
		add_each(n, opts_bool(global, OPT_PARAMETERIZED_URI));
	else if (count > 0)
		add_words(n, n->words, count);
	return file != NULL && *file != '\0' ? input_read(file, on_entry, n, global, f) : 0;
}
