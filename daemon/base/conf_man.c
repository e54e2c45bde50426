/* SPDX-License-Identifier: MIT
 * The manual page hauld(1), in the macros of man(7), from the option table and the error table.
 */
#include "base/conf_text.h"

#include <string.h>

#include "base/err.h"

/* Text in which nothing is taken for roff: backslashes, leading dots and quotes; '-' as the sign that can be typed. */
static void put(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else
			fputc(*text, out);
	}
}

static void put_option(FILE *out, const struct opt_def *d)
{
	char text[CONF_TEXT_MAX];

	fputs(".TP\n.B ", out);
	if (d->ch)
		fprintf(out, "\\-%c, ", d->ch);
	put(out, conf_flag_text(d, text));
	fputc('\n', out);
	put(out, d->help);
	if (*conf_range_text(d, text)) {
		fputs("\nValues: ", out);
		put(out, text);
		fputc('.', out);
	}
	if (*conf_default_text(d, text)) {
		fputs("\n(default: ", out);
		put(out, text);
		fputc(')', out);
	}
	if (*conf_why_text(d)) {
		fputs("\nUnlike aria2: ", out);
		put(out, conf_why_text(d));
	}
	fputc('\n', out);
}

static void put_options(FILE *out)
{
	for (const struct conf_group *g = conf_groups; g->name; g++) {
		fprintf(out, ".SS %s\n", g->title);
		for (int id = 0; id < OPT_COUNT; id++) {
			const struct opt_def *d = opt_def((enum opt)id);

			if (strcmp(d->group, g->name) == 0 && !(d->flags & OF_IGNORED))
				put_option(out, d);
		}
		fprintf(out, ".PP\nAccepted, without effect in hauld:");
		for (int id = 0, n = 0; id < OPT_COUNT; id++) {
			const struct opt_def *d = opt_def((enum opt)id);

			if (strcmp(d->group, g->name) != 0 || !(d->flags & OF_IGNORED))
				continue;
			fputs(n++ > 0 ? ",\n\\-\\-" : "\n\\-\\-", out);
			put(out, d->name);
		}
		fputs(".\n", out);
	}
}

/* Errors by exit code, those with the same code in one entry. */
static void put_exit_codes(FILE *out)
{
	fputs(".TP\n.B 0\nAll went well, or a stop was asked for.\n", out);
	for (int code = 1; code < 256; code++) {
		int n = 0;

		for (int i = 0; i < ERR_COUNT; i++) {
			if (err_exit_code(-1 - i) != code)
				continue;
			if (n++ == 0)
				fprintf(out, ".TP\n.B %d\n", code);
			else
				fputs(";\n", out);
			put(out, err_text(-1 - i));
		}
		if (n > 0)
			fputc('\n', out);
	}
}

void conf_print_man(FILE *out)
{
	static const char head[] =
		".SH NAME\nhauld \\- download daemon with an aria2\\-compatible JSON\\-RPC\n"
		".SH SYNOPSIS\n.B hauld\n[\\fIOPTION\\fR]... [\\fIURI\\fR]...\n"
		".SH DESCRIPTION\n"
		"hauld keeps a durable queue of downloads, fetches them over HTTP and HTTPS with several connections "
		"each, and is told\n"
		"what to do by JSON\\-RPC over HTTP and WebSocket, as aria2 clients speak it, or by\n.BR haul (1).\n"
		"URIs on the command line are mirrors of one file (see \\-\\-force\\-sequential) that is added at "
		"start.\n.PP\n"
		"It runs in the foreground. What a call changed is on disk before the call is answered; after a crash "
		"or a power cut\n"
		"every download goes on where it was.\n"
		".SH OPTIONS\n"
		"Options are taken from, each over those before it: the defaults, the configuration file, the "
		"environment, the command\n"
		"line, the input file or RPC call. Long names may be abbreviated. A boolean option alone means true.\n"
		"Sizes and speeds are bytes; K and M after the number are powers of 1024, G and T too for options that aria2 "
		"does not have.\n";
	static const char files[] =
		".SH ENVIRONMENT\n.TP\n.B http_proxy, https_proxy, ftp_proxy, all_proxy, no_proxy\nSet the options of "
		"these names.\n"
		".TP\n.B STATE_DIRECTORY, XDG_STATE_HOME, XDG_CONFIG_HOME, HOME\nSay where the files below are.\n"
		".SH FILES\n.TP\n.I $HOME/.aria2/aria2.conf\n.TQ\n.I $XDG_CONFIG_HOME/haul/hauld.conf\n.TQ\n"
		".I $XDG_CONFIG_HOME/aria2/aria2.conf\nConfiguration; the first one that is there is read. Lines of "
		"the form name=value,\n"
		"with the names of the options; lines beginning with # are passed over. ${HOME} is replaced in paths.\n"
		".TP\n.I $XDG_STATE_HOME/haul\nThe state directory: the queue, and the progress of unfinished "
		"downloads.\n"
		".TP\n.I NAME.part\nAn unfinished download. It gets its name when it is complete and verified.\n"
		".SH SEE ALSO\n.BR haul (1),\n.BR curl (1),\n.BR systemd.service (5)\n";

	fprintf(out, ".\\\" Printed by hauld --print=man.\n.TH HAULD 1 \"\" \"hauld %s\" \"haul manual\"\n%s",
		HAUL_VERSION, head);
	put_options(out);
	fputs(".SH EXIT STATUS\nThat of the last download that failed, or the reason why hauld did not start:\n", out);
	put_exit_codes(out);
	fputs(files, out);
}
