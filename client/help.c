/* SPDX-License-Identifier: MIT
 * Help and the manual page, from the tables.
 */
#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/str.h"
#include "client/cmd.h"

#define WIDTH 79

/* Text wrapped at WIDTH with an indent; line ends in it begin new paragraphs' lines. */
static void put_wrapped(const char *text, int indent)
{
	int col = 0;
	while (*text) {
		size_t n = strcspn(text, " \n");
		if (col > 0 && col + 1 + (int)n > WIDTH) {
			putchar('\n');
			col = 0;
		}
		if (col == 0)
			printf("%*s", indent, "");
		else
			putchar(' ');
		printf("%.*s", (int)n, text);
		col = (col == 0 ? indent : col + 1) + (int)n;
		text += n;
		if (*text == '\n') {
			putchar('\n');
			col = 0;
		}
		text += *text != '\0';
	}
	if (col > 0)
		putchar('\n');
}

/* "--name", "--name=VALUE", "--name[=VALUE]" */
static void flag_text(const struct conf_flag *d, char ret[100])
{
	const char *arg = d->arg ? d->arg : "";
	bool optional = arg[0] == '[';
	snprintf(ret, 100, "--%s%s%s%s", d->name, optional ? "[" : "", arg[0] ? "=" : "", arg + optional);
}

static void put_flag(const struct conf_flag *d)
{
	char left[128], text[100];
	flag_text(d, text);
	snprintf(left, sizeof(left), "%s%s%s%s", d->ch ? "-" : "", d->ch ? (char[]){d->ch, '\0'} : "", d->ch ? ", " : "",
		text);
	printf("  %s\n", left);
	put_wrapped(d->help, 6);
}

static void put_flags(unsigned flags)
{
	for (int i = 0; i < FLAG_COUNT; i++) {
		if (flags & (1u << i))
			put_flag(&flag_defs[i]);
	}
}

void help_all(void)
{
	size_t n;
	const struct cmd *cmds = cli_commands(&n);
	puts("haul downloads files and controls hauld, the download daemon.\n\nUsage: haul COMMAND [FLAG...] "
	     "[ARGUMENT...]\n\nCommands:");
	for (size_t i = 0; i < n; i++)
		printf("  %-9s %s\n", cmds[i].name, cmds[i].help);
	puts("\nA GID names a download: 16 hex digits, of which the first few are enough.\n\nFlags of every command:");
	put_flags(FLAGS_COMMON);
	puts("\nExamples:\n"
	     "  haul get https://example.org/disk.iso          into the current folder\n"
	     "  haul get -d /data -o a.iso URL                 elsewhere, under another name\n"
	     "  haul add URL && haul watch                     leave it to the daemon\n\n"
	     "'haul help COMMAND' explains a command.");
}

/* All about a command. */
static void put_command(const struct cmd *c)
{
	printf("Usage: haul %s%s%s\n\n", c->name, c->usage[0] ? " " : "", c->usage);
	put_wrapped(c->help, 0);
	if (c->more[0]) {
		putchar('\n');
		put_wrapped(c->more, 0);
	}
	puts("\nFlags:");
	put_flags(c->flags | FLAGS_COMMON);
	if (!(c->bits & C_OPTIONS))
		return;
	printf("\nThe most common options; 'haul %s --help=#all' lists all of them.\n", c->name);
	(void)conf_help(stdout, "#basic", OF_CLIENT);
}

int help_command(const struct cmd *c, const char *what)
{
	if (!(c->bits & C_OPTIONS) || what[0] == '\0') {
		put_command(c);
		return 0;
	}
	if (conf_help(stdout, what, OF_CLIENT) == 0)
		return 0;
	fprintf(stderr, "haul: there is no help for that; try 'haul %s --help=#all'\n", c->name);
	return EXIT_USAGE;
}

int cmd_help(struct cli *cli)
{
	if (cli->nwords == 0) {
		help_all();
		return 0;
	}
	const char *name = cli->words[0];
	const struct cmd *c = cli_command(name);
	char shown[64];
	if (!c) {
		fprintf(stderr, "haul: no command '%s'; see 'haul help'\n", str_safe(name, strlen(name), shown, sizeof(shown)));
		return EXIT_USAGE;
	}
	return help_command(c, cli->nwords > 1 ? cli->words[1] : "");
}

/* ---- the manual page ---- */

/* Text for roff: '-' and '\' escaped, no line begins with a control character. */
static void put_roff_text(const char *s)
{
	for (bool begin = true; *s; s++) {
		if (begin && (*s == '.' || *s == '\''))
			fputs("\\&", stdout);
		if (*s == '\\')
			fputs("\\e", stdout);
		else if (*s == '-')
			fputs("\\-", stdout);
		else if (*s == '\n')
			fputs("\n.br", stdout);
		if (*s != '\\' && *s != '-')
			putchar(*s);
		begin = *s == '\n';
	}
}

static void put_roff(const char *s)
{
	put_roff_text(s);
	putchar('\n');
}

static void man_flags(unsigned flags)
{
	char text[100];
	for (int i = 0; i < FLAG_COUNT; i++) {
		const struct conf_flag *d = &flag_defs[i];
		if (!(flags & (1u << i)))
			continue;
		fputs(".TP\n.B ", stdout);
		if (d->ch)
			printf("\\-%c, ", d->ch);
		flag_text(d, text);
		put_roff(text);
		put_roff(d->help);
	}
}

static void man_commands(void)
{
	size_t n;
	const struct cmd *cmds = cli_commands(&n);
	for (size_t i = 0; i < n; i++) {
		printf(".TP\n.B %s ", cmds[i].name);
		put_roff(cmds[i].usage);
		put_roff(cmds[i].help);
		if (cmds[i].more[0]) {
			puts(".br");
			put_roff(cmds[i].more);
		}
		if (cmds[i].flags) {
			puts(".RS");
			man_flags(cmds[i].flags);
			puts(".RE");
		}
	}
}

void help_man(void)
{
	puts(".TH HAUL 1 \"\" \"haul " HAUL_VERSION
	     "\" \"User Commands\"\n.SH NAME\nhaul \\- download files; control the download daemon "
	     "hauld\n.SH SYNOPSIS\n.B haul\n.I COMMAND\n[FLAG...] [ARGUMENT...]\n.SH COMMANDS");
	man_commands();
	puts(".SH FLAGS OF EVERY COMMAND");
	man_flags(FLAGS_COMMON | F(PRINT));
	puts(".SH DOWNLOAD OPTIONS\nhaul get and haul add take every option of aria2c, with its names and short flags; "
	     "hauld(1) explains them, as does haul get \\-\\-help=#all.\n"
	     ".SH ENVIRONMENT\n.TP\n.B HAUL_URL\nWhere the daemon is, as \\-\\-url.\n.TP\n.B HAUL_SECRET_FILE\nFile "
	     "with its RPC secret, "
	     "as \\-\\-secret\\-file.\n.TP\n.B NO_COLOR\nNo colours.\n.TP\n.B SSL_CERT_FILE\nCertificate authorities "
	     "for a daemon behind "
	     "https.\n.TP\n.B XDG_STATE_HOME\nBelow it, in haul/get, private daemons keep the progress of unfinished "
	     "downloads.\n"
	     ".SH EXIT STATUS\nget: aria2's errorCode of the download that failed last, 31 if it was removed "
	     "from the daemon, 0 if all are complete, 7 after an interruption. "
	     "All commands: 0 on success, 28 for wrong usage, 1 for any other failure.\n.SH SEE ALSO\nhauld(1), aria2c(1)");
}
