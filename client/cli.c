/* SPDX-License-Identifier: MIT
 * The command line of haul.
 */
#include "client/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/uri.h"
#include "client/cmd.h"

const struct conf_flag flag_defs[FLAG_COUNT] = {
#define FLAG(id, name_, ch_, arg_, help_) [FLAG_##id] = {name_, ch_, arg_, help_},
#include "client/flag_table.h"
#undef FLAG
};

static const struct cmd commands[] = {
#define CMD(name_, fn_, usage_, help_, flags_, bits_, more_) {name_, fn_, usage_, help_, flags_, bits_, more_},
#include "client/cmd_table.h"
#undef CMD
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

/* ---- parsing ---- */

/* As in aria2, a name that is wrong is a wrong value: nothing is started. */
static int check_file(const struct opts *o, enum opt id, struct fail *f)
{
	if (!opts_has(o, id) || access(opts_str(o, id), F_OK) == 0)
		return 0;
	return fail_set(f, ERR_USAGE, "--%s: there is no such file: %s", opt_def(id)->name, strerror(errno));
}

/* Options that only a lasting daemon of our own kind has are of no use here; all of aria2's are taken, so that its
 * command lines work as they are. */
static int check_options(const struct cli *cli, struct fail *f)
{
	for (int i = 0; i < OPT_COUNT; i++) {
		const struct opt_def *d = opt_def((enum opt)i);
		if (opts_has(cli->opts, (enum opt)i) && (d->flags & OF_OWN) && !(d->flags & OF_CLIENT))
			return fail_set(f, ERR_USAGE, "--%s is an option of the daemon: give it to hauld", d->name);
	}
	int rc = check_file(cli->opts, OPT_CERTIFICATE, f);
	return rc == 0 ? check_file(cli->opts, OPT_PRIVATE_KEY, f) : rc;
}

/* argv[0] is the command's name. */
static int parse_command(struct cli *cli, int argc, char **argv, struct fail *f)
{
	char hint[40];
	snprintf(hint, sizeof(hint), "see 'haul help %s'", cli->cmd->name);
	struct conf_line line = {.opts = cli->cmd->bits & C_OPTIONS ? cli->opts : NULL,
		.flags = flag_defs,
		.nflags = FLAG_COUNT,
		.mask = FLAGS_COMMON | cli->cmd->flags,
		.given = cli->flag,
		.numbers = cli->cmd->bits & C_NUMBERS,
		.hint = hint};
	int rc = conf_line_args(&line, argc, argv, &cli->words, f);
	while (rc == 0 && cli->words[cli->nwords])
		cli->nwords++;
	return rc == 0 ? check_options(cli, f) : rc;
}

int cli_parse(int argc, char **argv, struct cli *ret, struct fail *f)
{
	char **rest, shown[80];
	*ret = (struct cli){.opts = opts_new(NULL)};
	struct conf_line line = {.flags = flag_defs,
		.nflags = FLAG_COUNT,
		.mask = FLAGS_COMMON | F(PRINT),
		.given = ret->flag,
		.to_word = true,
		.hint = "see 'haul help'"};
	int rc = conf_line_args(&line, argc, argv, &rest, f);
	if (rc < 0)
		return rc;
	if (rest[0]) {
		ret->cmd = cli_command(rest[0]);
		const char *hint = strstr(rest[0], "://") ? "to download it: 'haul get'" : "see 'haul help'";
		int n = 0;
		while (rest[n])
			n++;
		rc = ret->cmd ? parse_command(ret, n, rest, f)
			      : fail_set(f, ERR_USAGE, "no command '%s'; %s",
					uri_show_short(rest[0], shown, sizeof(shown)), hint);
	}
	free(rest);
	return rc;
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
	fprintf(stderr, "haul: %s; usage: haul %s%s%s\n", f.text, cli->cmd->name, cli->cmd->usage[0] ? " " : "", cli->cmd->usage);
	return EXIT_USAGE;
}
