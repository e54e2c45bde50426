/* SPDX-License-Identifier: MIT
 * The command line: words into an option set. Not getopt_long: its table would have to be built from ours at each
 * start, and it can't say which options an abbreviation fits, nor what the user may have meant.
 */
#include "base/conf.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define NAME_MAX_LEN 48 /* longer than every option's name; the test of the table sees to it */

struct args {
	struct opts *o;
	int argc, at; /* at: the next word to look at */
	char **argv;
	bool wipe;    /* overwrite secrets */
	char **words; /* what is no option, argc + 1 places */
	size_t nwords;
};

/* Levenshtein distance of a name (n bytes, at most NAME_MAX_LEN) to another. */
static size_t distance(const char *a, size_t n, const char *b)
{
	size_t row[NAME_MAX_LEN + 1];

	for (size_t i = 0; i <= n; i++)
		row[i] = i;
	for (size_t j = 1; *b; b++, j++) {
		size_t diagonal = row[0];

		row[0] = j;
		for (size_t i = 1; i <= n; i++) {
			size_t best = diagonal + (a[i - 1] != *b);

			diagonal = row[i];
			if (row[i] + 1 < best)
				best = row[i] + 1;
			if (row[i - 1] + 1 < best)
				best = row[i - 1] + 1;
			row[i] = best;
		}
	}
	return row[n];
}

static int unknown(const char *name, size_t n, struct fail *f)
{
	const char *nearest = NULL;
	size_t best = n < 4 ? 2 : n < 8 ? 3 : 4; /* nearer than that */

	for (int id = 0; n <= NAME_MAX_LEN && id < OPT_COUNT; id++) {
		size_t d = distance(name, n, opt_def((enum opt)id)->name);

		if (d < best) {
			best = d;
			nearest = opt_def((enum opt)id)->name;
		}
	}
	if (nearest)
		return fail_set(f, ERR_USAGE, "unknown option --%.*s; did you mean --%s?", (int)n, name, nearest);
	return fail_set(f, ERR_USAGE, "unknown option --%.*s; --help=#all lists all", n < 80 ? (int)n : 80, name);
}

static int ambiguous(const char *name, size_t n, struct fail *f)
{
	struct buf list;
	int err;

	buf_init(&list, 100);
	for (int id = 0; id < OPT_COUNT; id++) {
		if (strncmp(opt_def((enum opt)id)->name, name, n) == 0)
			buf_addf(&list, "%s--%s", list.len > 0 ? ", " : "", opt_def((enum opt)id)->name);
	}
	err = fail_set(f, ERR_USAGE, "--%.*s is ambiguous: %s%s", (int)n, name, list.data ? list.data : "",
		list.err != 0 ? ", ..." : "");
	buf_free(&list);
	return err;
}

/* An exact name or an abbreviation that fits one option. One of aria2's is preferred to our own ones, so that what is
 * unambiguous there is so here. */
static int find_long(const char *name, size_t n, enum opt *ret, struct fail *f)
{
	enum opt found = opt_find(name, n), own = OPT_COUNT;
	int nfound = 0, nown = 0;

	if (found != OPT_COUNT) {
		*ret = found;
		return 0;
	}
	for (int id = 0; n > 0 && id < OPT_COUNT; id++) {
		const struct opt_def *d = opt_def((enum opt)id);

		if (strncmp(d->name, name, n) != 0)
			continue;
		if (d->flags & OF_OWN) {
			own = (enum opt)id;
			nown++;
		} else {
			found = (enum opt)id;
			nfound++;
		}
	}
	if (nfound > 1 || (nfound == 0 && nown > 1))
		return ambiguous(name, n, f);
	*ret = nfound == 1 ? found : own;
	return nfound + nown > 0 ? 0 : unknown(name, n, f);
}

/* val may be NULL: then it is the next word, or missing. */
static int set_value(struct args *a, enum opt id, char *val, struct fail *f)
{
	const struct opt_def *d = opt_def(id);
	struct fail why = {0};
	int err;

	if (!val && !(d->flags & OF_OPTARG)) {
		if (a->at == a->argc)
			return fail_set(f, ERR_USAGE, "--%s needs a value (%s)", d->name, d->arg ? d->arg : "?");
		val = a->argv[a->at++];
	}
	err = opts_set(a->o, id, val ? val : "", &why);
	if (val && a->wipe && (d->flags & OF_SECRET))
		memset(val, '*', strlen(val));
	return err == 0 ? 0 : fail_set(f, ERR_USAGE, "--%s: %s", d->name, why.text);
}

static int parse_long(struct args *a, char *word, struct fail *f)
{
	char *name = word + 2;
	size_t n = strcspn(name, "=");
	enum opt id = OPT_COUNT;
	int err = find_long(name, n, &id, f);

	return err != 0 ? err : set_value(a, id, name[n] == '=' ? name + n + 1 : NULL, f);
}

/* A cluster "-cx16". Of an optional argument only true and false can follow a boolean's letter at once; other letters
 * are flags of their own. */
static int parse_short(struct args *a, char *word, struct fail *f)
{
	for (char *p = word + 1; *p;) {
		const struct opt_def *d = NULL;
		int id, err;
		bool flag;

		for (id = 0; id < OPT_COUNT; id++) {
			d = opt_def((enum opt)id);
			if (d->ch == *p)
				break;
		}
		if (id == OPT_COUNT)
			return fail_set(f, ERR_USAGE, "unknown option -%c; --help lists the options", *p);
		p++;
		flag = d->type == OT_BOOL && strcmp(p, "true") != 0 && strcmp(p, "false") != 0;
		err = set_value(a, (enum opt)id, flag || !*p ? NULL : p, f);
		if (err != 0)
			return err;
		if (!flag)
			return 0;
	}
	return 0;
}

static int parse(struct args *a, struct fail *f)
{
	bool only_words = false;
	int err = 0;

	while (a->at < a->argc && err == 0) {
		char *word = a->argv[a->at++];

		if (only_words || word[0] != '-' || word[1] == '\0')
			a->words[a->nwords++] = word;
		else if (strcmp(word, "--") == 0)
			only_words = true;
		else if (word[1] == '-')
			err = parse_long(a, word, f);
		else
			err = parse_short(a, word, f);
	}
	return err;
}

static int parse_args(struct opts *o, int argc, char **argv, bool wipe, char ***ret_words, struct fail *f)
{
	struct args a = {.o = o, .argc = argc, .at = 1, .argv = argv, .wipe = wipe};
	int err;

	a.words = xcalloc((size_t)argc + 1, sizeof(a.words[0]));
	err = parse(&a, f);
	if (err == 0 && ret_words)
		*ret_words = a.words;
	else
		free(a.words);
	return err;
}

int conf_args(struct opts *o, int argc, char **argv, char ***ret_words, struct fail *f)
{
	return parse_args(o, argc, argv, true, ret_words, f);
}

/* The configuration file that args ask for, into o. */
static int load_file(struct opts *o, const struct opts *args, struct fail *f)
{
	const char *given = opts_str(args, OPT_CONF_PATH);
	char *path = given ? xstrdup(given) : conf_default_path();
	int err = 0;

	if (path) {
		opts_set(o, OPT_CONF_PATH, path, NULL);
		err = conf_file(o, path, f);
	}
	free(path);
	return err;
}

int conf_load(int argc, char **argv, struct opts **ret, char ***ret_words, struct fail *f)
{
	struct opts *o = opts_new(NULL), *args = opts_new(NULL);
	/* The command line goes over the file, but says which file: so it is read twice, the second time for good. */
	int err = parse_args(args, argc, argv, false, NULL, f);

	conf_defaults(o);
	if (err == 0 && !opts_bool(args, OPT_NO_CONF) && !opts_has(args, OPT_HELP) && !opts_has(args, OPT_VERSION) &&
		!opts_has(args, OPT_PRINT))
		err = load_file(o, args, f);
	if (err == 0) {
		conf_env(o);
		err = conf_args(o, argc, argv, ret_words, f);
	}
	opts_unref(args);
	if (err == 0)
		*ret = o;
	else
		opts_unref(o);
	return err;
}
