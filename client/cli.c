/* SPDX-License-Identifier: MIT
 * The command line of haul.
 */
#include "client/cli.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "client/cmd.h"

const struct flag_def flag_defs[FLAG_COUNT] = {
#define FLAG(id, name_, ch_, arg_, help_) [FLAG_##id] = {name_, ch_, arg_, help_},
#include "client/flag_table.h"
#undef FLAG
};

static const struct cmd commands[] = {
#define CMD(name_, fn_, usage_, help_, flags_, bits_, more_) {name_, fn_, usage_, help_, flags_, bits_, more_},
#include "client/cmd_table.h"
#undef CMD
};

/* getopt's view of the tables. Codes: 0 to FLAG_COUNT - 1 are flags, from there on options; both shifted by CODE_BASE.
 */
#define CODE_BASE 256
struct spec {
	struct option longs[FLAG_COUNT + OPT_COUNT + 1];
	char shorts[3 * (FLAG_COUNT + OPT_COUNT) + 3];
	int code_of[256]; /* of a short flag, 0: none */
	size_t nlong, nshort;
};

const struct cmd *cli_commands(size_t *ret_n)
{
	*ret_n = sizeof(commands) / sizeof(commands[0]);
	return commands;
}

const struct cmd *cli_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

/* ---- tables for getopt ---- */

static void spec_add(struct spec *s, const char *name, char ch, int has_arg, int code)
{
	s->longs[s->nlong++] = (struct option){.name = name, .has_arg = has_arg, .val = CODE_BASE + code};
	if (ch == 0 || s->code_of[(unsigned char)ch])
		return;
	s->code_of[(unsigned char)ch] = CODE_BASE + code;
	s->shorts[s->nshort++] = ch;
	/* A short boolean never takes a value, as in aria2: -c false means the word "false". */
	if (has_arg == required_argument)
		s->shorts[s->nshort++] = ':';
	s->shorts[s->nshort] = '\0';
}

static bool is_flag_name(const char *name)
{
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		if (strcmp(flag_defs[i].name, name) == 0)
			return true;
	}
	return false;
}

/* stop_at_word: the flags before the command. */
static void spec_build(struct spec *s, unsigned flags, bool options, bool stop_at_word)
{
	memset(s, 0, sizeof(*s));
	if (stop_at_word)
		s->shorts[s->nshort++] = '+';
	s->shorts[s->nshort++] = ':';
	for (int i = 0; i < FLAG_COUNT; i++) {
		if (flags & (1u << i))
			spec_add(s, flag_defs[i].name, flag_defs[i].ch,
				flag_defs[i].arg ? required_argument : no_argument, i);
	}
	for (int i = 0; options && i < OPT_COUNT; i++) {
		const struct opt_def *d = opt_def((enum opt)i);
		if (!is_flag_name(d->name))
			spec_add(s, d->name, d->ch, d->flags & OF_OPTARG ? optional_argument : required_argument,
				FLAG_COUNT + i);
	}
}

/* ---- taking what getopt found ---- */

static int take_option(struct cli *cli, enum opt id, char *arg, struct fail *f)
{
	const struct opt_def *d = opt_def(id);
	struct fail why = {0};
	if (!(d->flags & (OF_CLIENT | OF_IGNORED)))
		return fail_set(f, ERR_USAGE, "--%s is an option of the daemon: give it to hauld", d->name);
	int rc = opts_set(cli->opts, id, arg ? arg : d->type == OT_BOOL ? "true" : "", &why);
	if (arg && (d->flags & OF_SECRET))
		memset(arg, '*', strlen(arg));
	return rc < 0 ? fail_set(f, ERR_USAGE, "--%s: %s", d->name, why.text) : 0;
}

static int fail_flag(const struct cli *cli, int c, char *const *argv, struct fail *f)
{
	char shown[80], letter[3] = {'-', (char)optopt, '\0'};
	bool is_short = optopt > 0 && optopt < CODE_BASE;
	const char *what = is_short ? letter : argv[optind - 1];
	str_safe(what, strcspn(what, "="), shown, sizeof(shown));
	const char *name = cli->cmd ? cli->cmd->name : "";
	if (c == ':')
		return fail_set(f, ERR_USAGE, "%s wants a value; see 'haul help %s'", shown, name);
	if (optopt >= CODE_BASE)
		return fail_set(f, ERR_USAGE, "%s takes no value; see 'haul help %s'", shown, name);
	return fail_set(
		f, ERR_USAGE, "unknown or ambiguous flag %s; see 'haul help%s%s'", shown, name[0] ? " " : "", name);
}

/* Flags of argv[1] and on into cli; optind is at the first word afterwards. */
static int take_flags(struct cli *cli, const struct spec *s, int argc, char **argv, struct fail *f)
{
	int c;
	optind = 0; /* a fresh start (glibc) */
	opterr = 0;
	while ((c = getopt_long(argc, argv, s->shorts, s->longs, NULL)) != -1) {
		if (c == '?' || c == ':')
			return fail_flag(cli, c, argv, f);
		int code = (c < CODE_BASE ? s->code_of[c] : c) - CODE_BASE;
		int rc = 0;
		if (code < FLAG_COUNT)
			cli->flag[code] = optarg ? optarg : "";
		else
			rc = take_option(cli, (enum opt)(code - FLAG_COUNT), optarg, f);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool is_negative_number(const char *s)
{
	return s[0] == '-' && s[1] != '\0' && strspn(s + 1, "0123456789") == strlen(s + 1);
}

/* The words after the flags, then the numbers that were taken out before getopt saw them. */
static void take_words(struct cli *cli, int argc, char **argv, char **numbers, size_t n)
{
	cli->words = xcalloc((size_t)argc + n + 1, sizeof(char *));
	for (int i = optind; i < argc; i++)
		cli->words[cli->nwords++] = argv[i];
	for (size_t i = 0; i < n; i++)
		cli->words[cli->nwords++] = numbers[i];
}

/* argv[0] is the command's name. */
static int parse_command(struct cli *cli, int argc, char **argv, struct fail *f)
{
	struct spec *s = xmalloc(sizeof(*s));
	char **rest = xcalloc((size_t)argc + 1, sizeof(char *)), **numbers = xcalloc((size_t)argc + 1, sizeof(char *));
	int n = 0;
	size_t nnum = 0;
	for (int i = 0; i < argc; i++) {
		if (i > 0 && (cli->cmd->bits & C_NUMBERS) && is_negative_number(argv[i]))
			numbers[nnum++] = argv[i];
		else
			rest[n++] = argv[i];
	}
	spec_build(s, FLAGS_COMMON | cli->cmd->flags, cli->cmd->bits & C_OPTIONS, false);
	int rc = take_flags(cli, s, n, rest, f);
	if (rc == 0)
		take_words(cli, n, rest, numbers, nnum);
	free(rest);
	free(numbers);
	free(s);
	return rc;
}

int cli_parse(int argc, char **argv, struct cli *ret, struct fail *f)
{
	struct spec *s = xmalloc(sizeof(*s));
	*ret = (struct cli){.opts = opts_new(NULL)};
	spec_build(s, FLAGS_COMMON | F(PRINT), false, true);
	int rc = take_flags(ret, s, argc, argv, f);
	free(s);
	int at = optind;
	if (rc < 0 || at >= argc)
		return rc;
	char shown[80];
	ret->cmd = cli_command(argv[at]);
	if (!ret->cmd)
		return fail_set(f, ERR_USAGE, "no command '%s'; see 'haul help'",
			str_safe(argv[at], strlen(argv[at]), shown, sizeof(shown)));
	return parse_command(ret, argc - at, argv + at, f);
}

void cli_free(struct cli *cli)
{
	opts_unref(cli->opts);
	free(cli->words);
}

int cli_fail(const struct fail *f)
{
	fprintf(stderr, "haul: %s\n", f->text);
	return f->code == ERR_USAGE || f->code == ERR_INVAL ? EXIT_USAGE : EXIT_OTHER;
}

int cli_usage(const struct cli *cli, const char *fmt, ...)
{
	struct fail f = {0};
	va_list ap;
	va_start(ap, fmt);
	fail_vset(&f, ERR_USAGE, fmt, ap);
	va_end(ap);
	fprintf(stderr, "haul: %s; usage: haul %s %s\n", f.text, cli->cmd->name, cli->cmd->usage);
	return EXIT_USAGE;
}
