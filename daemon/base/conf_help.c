/* SPDX-License-Identifier: MIT
 * --help: lists of groups, and the full text of single options.
 */
#include "base/conf.h"

#include <string.h>

#include "base/conf_text.h"

#define HELP_COLUMN 34
#define HELP_WIDTH  80

/* What "--help=#tag" lists: options of a group, with a flag, or with a word in their name. */
static const struct help_tag {
	const char *tag, *group;
	unsigned flag;
	const char *word;
} tags[] = {
	{"basic", NULL, OF_BASIC, NULL},
	{"all", NULL, 0, ""},
	{"general", "general", 0, NULL},
	{"http", "http", 0, NULL},
	{"https", "http", 0, NULL},
	{"rpc", "rpc", 0, NULL},
	{"ui", "ui", 0, NULL},
	{"bt", "bt", 0, NULL},
	{"bittorrent", "bt", 0, NULL},
	{"ftp", "ftp", 0, NULL},
	{"metalink", "metalink", 0, NULL},
	{"own", NULL, OF_OWN, NULL},
	{"hook", NULL, 0, "on-download"},
	{"cookie", NULL, 0, "cookie"},
	{"checksum", NULL, 0, "checksum"},
	{"help", NULL, 0, "help"},
};

static bool has_tag(const struct opt_def *d, const struct help_tag *t)
{
	return (t->group && strcmp(d->group, t->group) == 0) || (d->flags & t->flag) ||
	       (t->word && strstr(d->name, t->word));
}

/* Words of text (n bytes) in lines, each begun at a column; the cursor is at column `at`. */
static void print_wrapped(FILE *out, const char *text, size_t n, int column, int at)
{
	const char *end = text + n;

	while (text < end) {
		size_t len = strcspn(text, " ");

		if (len > (size_t)(end - text))
			len = (size_t)(end - text);
		if (at > column && at + 1 + (int)len > HELP_WIDTH) {
			fputc('\n', out);
			at = 0;
		}
		if (at < column)
			at += fprintf(out, "%*s", column - at, "");
		else if (at > column)
			at += fprintf(out, " ");
		at += fprintf(out, "%.*s", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static int print_flag(FILE *out, const struct opt_def *d)
{
	char flag[CONF_TEXT_MAX];
	int at = d->ch ? fprintf(out, " -%c, ", d->ch) : fprintf(out, "     ");

	at += fprintf(out, "%s", conf_flag_text(d, flag));
	if (at < HELP_COLUMN - 1)
		return at;
	fputc('\n', out);
	return 0;
}

static void print_short(FILE *out, const struct opt_def *d)
{
	char text[CONF_TEXT_MAX], line[1000];
	size_t n = conf_first_sentence(d->help);
	bool said = strcmp(conf_default_text(d, text), "") != 0;

	snprintf(line, sizeof(line), "%.*s%s%s%s%s", (int)n, d->help,
		d->flags & OF_IGNORED ? " No effect in hauld." : "", said ? " (default: " : "", said ? text : "",
		said ? ")" : "");
	print_wrapped(out, line, strlen(line), HELP_COLUMN, print_flag(out, d));
}

static void print_fact(FILE *out, const char *label, const char *text)
{
	if (*text)
		print_wrapped(out, text, strlen(text), HELP_COLUMN / 2, fprintf(out, "     %s", label));
}

static void print_long(FILE *out, const struct opt_def *d)
{
	char flag[CONF_TEXT_MAX], text[CONF_TEXT_MAX];

	if (d->ch)
		fprintf(out, " -%c, ", d->ch);
	fprintf(out, "%s%s\n", d->ch ? "" : " ", conf_flag_text(d, flag));
	print_wrapped(out, d->help, strlen(d->help), 5, 0);
	print_fact(out, "Type:", opt_type_name(d->type));
	print_fact(out, "Values:", conf_range_text(d, text));
	print_fact(out, "Default:", conf_default_text(d, text));
	print_fact(out, "Set by:", conf_where_text(d, text));
	print_fact(out, "Unlike aria2:", conf_why_text(d));
	if (d->flags & OF_IGNORED)
		print_fact(out, "Note:", "accepted, without effect in hauld");
	fputc('\n', out);
}

static void print_tags(FILE *out)
{
	struct buf line;

	buf_init(&line, 1000);
	buf_adds(&line, "--help=#GROUP lists a group:");
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		buf_addf(&line, " #%s", tags[i].tag);
	buf_adds(&line, ". --help=WORD explains the options with WORD in their name.");
	fputc('\n', out);
	print_wrapped(out, line.data, line.len, 0, 0);
	buf_free(&line);
}

static int help_tag(FILE *out, const char *tag, unsigned flags)
{
	const struct help_tag *t = NULL;

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (strcmp(tags[i].tag, tag) == 0)
			t = &tags[i];
	}
	if (!t)
		return ERR_INVAL;
	fprintf(out, "Options of #%s:\n", tag);
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct opt_def *d = opt_def((enum opt)id);

		if (has_tag(d, t) && (flags == 0 || (d->flags & flags)))
			print_short(out, d);
	}
	print_tags(out);
	return 0;
}

static int help_word(FILE *out, const char *word, unsigned flags)
{
	int found = 0;

	word += strspn(word, "-");
	for (int id = 0; *word && id < OPT_COUNT; id++) {
		const struct opt_def *d = opt_def((enum opt)id);

		if (!strstr(d->name, word) || (flags != 0 && !(d->flags & flags)))
			continue;
		print_long(out, d);
		found++;
	}
	return found > 0 ? 0 : ERR_INVAL;
}

int conf_help(FILE *out, const char *what, unsigned flags)
{
	if (!what || !*what)
		what = "#basic";
	return *what == '#' ? help_tag(out, what + 1, flags) : help_word(out, what, flags);
}
