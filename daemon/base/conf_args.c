/* SPDX-License-Identifier: MIT
 * The command line: words into an option set. Not getopt_long: its table would have to be built from ours at each
 * start, and it can't say which options an abbreviation fits, nor what the user may have meant.
 */
#include "base/conf.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define NAME_MAX_LEN 48 /* longer than every option's name; the test of the table sees to it */

#define OWN_FLAGS_MAX 32 /* bits of conf_line.mask */

struct args {
	const struct conf_line *line;
	int argc, at; /* at: the next word to look at */
	char **argv;
	bool wipe;    /* overwrite secrets */
	char **words; /* what is no option, argc + 1 places */
	size_t nwords;
};

/* What a name or a letter stands for: one of the program's own flags or an option of the table. */
struct found {
	const struct conf_flag *flag; /* NULL: an option */
	enum opt id;
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

/* The program's own flags, then the options: place i of all that can be named, or false behind the last one. */
static bool nth(const struct conf_line *l, size_t i, struct found *ret)
{
	*ret = (struct found){.id = OPT_COUNT};
	if (i < l->nflags) {
		ret->flag = &l->flags[i];
		return true;
	}
	if (!l->opts || i - l->nflags >= OPT_COUNT)
		return false;
	ret->id = (enum opt)(i - l->nflags);
	return true;
}

static bool is_known(const struct conf_line *l, const struct conf_flag *flag)
{
	return l->mask & (1u << (flag - l->flags));
}

/* NULL for a flag that is not known here, and for an option that one hides. */
static const char *name_of(const struct conf_line *l, const struct found *c)
{
	const char *name = c->flag ? c->flag->name : opt_def(c->id)->name;

	if (c->flag)
		return is_known(l, c->flag) ? name : NULL;
	for (size_t i = 0; i < l->nflags; i++) {
		if (is_known(l, &l->flags[i]) && strcmp(l->flags[i].name, name) == 0)
			return NULL;
	}
	return name;
}

static int unknown(const struct conf_line *l, const char *name, size_t n, struct fail *f)
{
	const char *nearest = NULL, *other;
	size_t best = n < 4 ? 2 : n < 8 ? 3 : 4; /* nearer than that */
	char shown[80];
	struct found c;

	str_safe(name, n, shown, sizeof(shown));
	for (size_t i = 0; n <= NAME_MAX_LEN && nth(l, i, &c); i++) {
		size_t d = (other = name_of(l, &c)) ? distance(name, n, other) : best;

		if (d < best) {
			best = d;
			nearest = other;
		}
	}
	if (nearest)
		return fail_set(f, ERR_USAGE, "unknown option --%s; did you mean --%s?", shown, nearest);
	return fail_set(f, ERR_USAGE, "unknown option --%s; %s", shown, l->hint);
}

static int ambiguous(const struct conf_line *l, const char *name, size_t n, struct fail *f)
{
	struct found c;
	struct buf list;
	int err;

	buf_init(&list, 100);
	for (size_t i = 0; nth(l, i, &c); i++) {
		const char *other = name_of(l, &c);

		if (other && strncmp(other, name, n) == 0)
			buf_addf(&list, "%s--%s", list.len > 0 ? ", " : "", other);
	}
	err = fail_set(f, ERR_USAGE, "--%.*s is ambiguous: %s%s", (int)n, name, list.data ? list.data : "",
		list.err != 0 ? ", ..." : "");
	buf_free(&list);
	return err;
}

/* An exact name or an abbreviation that fits one of them. One of aria2's is preferred to our own ones, so that what is
 * unambiguous there is so here. */
static int find_long(const struct conf_line *l, const char *name, size_t n, struct found *ret, struct fail *f)
{
	struct found c, own = {.id = OPT_COUNT};
	int nfound = 0, nown = 0;

	for (size_t i = 0; n > 0 && nth(l, i, &c); i++) {
		const char *other = name_of(l, &c);

		if (!other || strncmp(other, name, n) != 0)
			continue;
		if (other[n] == '\0') {
			*ret = c;
			return 0;
		}
		if (c.flag || (opt_def(c.id)->flags & OF_OWN)) {
			own = c;
			nown++;
		} else {
			*ret = c;
			nfound++;
		}
	}
	if (nfound > 1 || (nfound == 0 && nown > 1))
		return ambiguous(l, name, n, f);
	if (nfound == 0)
		*ret = own;
	return nfound + nown > 0 ? 0 : unknown(l, name, n, f);
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
	err = opts_set(a->line->opts, id, val ? val : "", &why);
	if (val && a->wipe && (d->flags & OF_SECRET))
		memset(val, '*', strlen(val));
	return err == 0 ? 0 : fail_set(f, ERR_USAGE, "--%s: %s", d->name, why.text);
}

/* As set_value for a flag of the program's own. */
static int set_flag(struct args *a, const struct conf_flag *d, char *val, struct fail *f)
{
	bool may = d->arg != NULL, must = may && d->arg[0] != '[';

	if (val && !may)
		return fail_set(f, ERR_USAGE, "--%s takes no value", d->name);
	if (!val && must && a->at == a->argc)
		return fail_set(f, ERR_USAGE, "--%s needs a value (%s)", d->name, d->arg);
	if (!val && must)
		val = a->argv[a->at++];
	a->line->given[d - a->line->flags] = val ? val : "";
	return 0;
}

static int parse_long(struct args *a, char *word, struct fail *f)
{
	char *name = word + 2, *val;
	size_t n = strcspn(name, "=");
	struct found c = {.id = OPT_COUNT};
	int err = find_long(a->line, name, n, &c, f);

	if (err != 0)
		return err;
	val = name[n] == '=' ? name + n + 1 : NULL;
	return c.flag ? set_flag(a, c.flag, val, f) : set_value(a, c.id, val, f);
}

static bool find_short(const struct conf_line *l, char ch, struct found *ret)
{
	for (size_t i = 0; nth(l, i, ret); i++) {
		if (name_of(l, ret) && (ret->flag ? ret->flag->ch : opt_def(ret->id)->ch) == ch)
			return true;
	}
	return false;
}

/* Does a value follow the letter in the same word? Of a boolean's only true and false can: other letters are flags of
 * their own. */
static bool has_value(const struct found *c, const char *rest)
{
	if (c->flag)
		return c->flag->arg && c->flag->arg[0] != '[';
	return opt_def(c->id)->type != OT_BOOL || strcmp(rest, "true") == 0 || strcmp(rest, "false") == 0;
}

/* A cluster "-cx16". */
static int parse_short(struct args *a, char *word, struct fail *f)
{
	for (char *p = word + 1; *p;) {
		struct found c;
		bool value;
		char *val;
		int err;

		if (!find_short(a->line, *p, &c))
			return fail_set(f, ERR_USAGE, "unknown option -%c; %s", *p > ' ' && *p < 127 ? *p : '?', a->line->hint);
		p++;
		value = has_value(&c, p);
		val = value && *p ? p : NULL;
		err = c.flag ? set_flag(a, c.flag, val, f) : set_value(a, c.id, val, f);
		if (err != 0)
			return err;
		if (value)
			return 0;
	}
	return 0;
}

static bool is_negative_number(const char *s)
{
	return s[0] == '-' && s[1] != '\0' && strspn(s + 1, "0123456789") == strlen(s + 1);
}

static bool is_word(const struct conf_line *l, const char *s)
{
	return s[0] != '-' || s[1] == '\0' || (l->numbers && is_negative_number(s));
}

static int parse(struct args *a, struct fail *f)
{
	bool only_words = false;
	int err = 0;

	while (a->at < a->argc && err == 0) {
		char *word = a->argv[a->at++];

		if (only_words || is_word(a->line, word)) {
			a->words[a->nwords++] = word;
			only_words = only_words || a->line->to_word;
		} else if (strcmp(word, "--") == 0) {
			only_words = true;
		} else if (word[1] == '-') {
			err = parse_long(a, word, f);
		} else {
			err = parse_short(a, word, f);
		}
	}
	return err;
}

static int parse_args(
	const struct conf_line *l, int argc, char **argv, bool wipe, char ***ret_words, struct fail *f)
{
	struct args a = {.line = l, .argc = argc, .at = 1, .argv = argv, .wipe = wipe};
	int err;

	a.words = xcalloc((size_t)argc + 1, sizeof(a.words[0]));
	err = l->nflags <= OWN_FLAGS_MAX ? parse(&a, f) : ERR_INVAL;
	if (err == 0 && ret_words)
		*ret_words = a.words;
	else
		free(a.words);
	return err;
}

int conf_line_args(const struct conf_line *l, int argc, char **argv, char ***ret_words, struct fail *f)
{
	return parse_args(l, argc, argv, true, ret_words, f);
}

/* The command line of hauld: options and URIs. */
#define HAULD_LINE(o) (&(struct conf_line){.opts = (o), .hint = "--help=#all lists all"})

int conf_args(struct opts *o, int argc, char **argv, char ***ret_words, struct fail *f)
{
	return parse_args(HAULD_LINE(o), argc, argv, true, ret_words, f);
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
	int err = parse_args(HAULD_LINE(args), argc, argv, false, NULL, f);

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
