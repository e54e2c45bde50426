/* SPDX-License-Identifier: MIT
 * --print: what is made from the option table for other programs and for the documentation.
 */
#include "base/conf.h"

#include <string.h>

#include "base/conf_text.h"

/* ---- json ---- */

/* Table texts are ASCII without control characters. */
static void json_text(FILE *out, const char *key, const char *text)
{
	if (!text)
		return;
	fprintf(out, ", \"%s\": \"", key);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void json_flags(FILE *out, unsigned flags)
{
	static const struct {
		unsigned flag;
		const char *name;
	} names[] = {
		{OF_START, "start"},
		{OF_INITIAL, "initial"},
		{OF_RESTART, "restart"},
		{OF_LIVE, "live"},
		{OF_GLOBAL, "global"},
		{OF_SECRET, "secret"},
		{OF_IGNORED, "ignored"},
		{OF_OPTARG, "optarg"},
		{OF_HIDDEN, "hidden"},
		{OF_OWN, "own"},
		{OF_ONCE, "once"},
		{OF_CLIENT, "client"},
		{OF_BASIC, "basic"},
		{OF_NORPC, "norpc"},
	};
	const char *sep = "";

	fputs(", \"flags\": [", out);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (flags & names[i].flag) {
			fprintf(out, "%s\"%s\"", sep, names[i].name);
			sep = ", ";
		}
	}
	fputc(']', out);
}

static void json_option(FILE *out, const struct opt_def *d)
{
	const char ch[2] = {d->ch, '\0'};

	fprintf(out, "{\"name\": \"%s\"", d->name);
	json_text(out, "short", d->ch ? ch : NULL);
	json_text(out, "type", opt_type_name(d->type));
	json_text(out, "default", d->def);
	if (d->max != 0)
		fprintf(out, ", \"min\": %lld, \"max\": %lld", (long long)d->min, (long long)d->max);
	json_text(out, "values", d->values);
	json_flags(out, d->flags);
	json_text(out, "group", d->group);
	json_text(out, "arg", d->arg);
	json_text(out, "help", d->help);
	json_text(out, "aria2", d->aria2 != AS_NONE ? conf_verdict_text(d) : NULL);
	json_text(out, "why", *conf_why_text(d) ? conf_why_text(d) : NULL);
	fputc('}', out);
}

static void print_json(FILE *out)
{
	fputs("[\n", out);
	for (int id = 0; id < OPT_COUNT; id++) {
		json_option(out, opt_def((enum opt)id));
		fputs(id + 1 < OPT_COUNT ? ",\n" : "\n]\n", out);
	}
}

/* ---- bash ---- */

/* A variable with the options that have this flag; "=" behind those that need a value. */
static void bash_options(FILE *out, const char *var, unsigned flag)
{
	fprintf(out, "%s='", var);
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct opt_def *d = opt_def((enum opt)id);

		if (d->flags & flag)
			fprintf(out, " --%s%s", d->name, d->flags & OF_OPTARG ? "" : "=");
	}
	fputs(" '\n", out);
}

static void bash_words(FILE *out, const struct opt_def *d)
{
	fprintf(out, "\t--%s) COMPREPLY=($(compgen -W '", d->name);
	for (const char *p = d->values; *p; p++)
		fputc(*p == '|' ? ' ' : *p, out);
	fputs("' -- \"$2\")) ;;\n", out);
}

/* What can stand behind each option's "=". */
static void bash_values(FILE *out)
{
	fputs("_haul_value()\n{\n\tcase $1 in\n\t--dir|--state-dir) compopt -o filenames; COMPREPLY=($(compgen -d -- "
	      "\"$2\")) ;;\n",
		out);
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct opt_def *d = opt_def((enum opt)id);

		if (d->type == OT_ENUM)
			bash_words(out, d);
		else if (d->type == OT_BOOL)
			fprintf(out, "\t--%s) COMPREPLY=($(compgen -W 'true false' -- \"$2\")) ;;\n", d->name);
		else if (d->type == OT_PATH && id != OPT_DIR && id != OPT_STATE_DIR)
			fprintf(out, "\t--%s) compopt -o filenames; COMPREPLY=($(compgen -f -- \"$2\")) ;;\n", d->name);
	}
	fputs("\tesac\n}\n", out);
}

static void print_bash(FILE *out)
{
	static const char body[] =
		"# $1: the options; $2: words that may stand first\n"
		"_haul_complete()\n{\n"
		"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
		"\tCOMPREPLY=()\n"
		"\tif [[ $cur == '=' ]]; then\n\t\t_haul_value \"$prev\" ''\n"
		"\telif [[ $prev == '=' ]]; then\n\t\t_haul_value \"${COMP_WORDS[COMP_CWORD-2]}\" \"$cur\"\n"
		"\telif [[ $cur != -* && $1 == *\" $prev= \"* ]]; then\n\t\t_haul_value \"$prev\" \"$cur\"\n"
		"\telif [[ $cur == -* ]]; then\n"
		"\t\tCOMPREPLY=($(compgen -W \"$1\" -- \"$cur\"))\n"
		"\t\t[[ ${COMPREPLY-} == *= ]] && compopt -o nospace\n"
		"\telif [[ $2 && $COMP_CWORD -eq 1 ]]; then\n"
		"\t\tCOMPREPLY=($(compgen -W \"$2\" -- \"$cur\"))\n"
		"\tfi\n\treturn 0\n}\n"
		"_hauld() { _haul_complete \"$_haul_daemon\" ''; }\n"
		"_haul() { _haul_complete \"$_haul_client\" \"$_haul_commands\"; }\n"
		"complete -F _hauld hauld\ncomplete -F _haul haul\n";

	fputs("# bash completion for hauld and haul, printed by hauld --print=bash\n"
	      "_haul_commands='add get ls show watch pause resume rm mv set limit stat purge shutdown'\n",
		out);
	bash_options(out, "_haul_daemon", OF_START);
	bash_options(out, "_haul_client", OF_CLIENT);
	bash_values(out);
	fputs(body, out);
}

int conf_print(FILE *out, const char *form)
{
	static const struct {
		const char *form;
		void (*print)(FILE *out);
	} forms[] = {
		{"md", conf_print_md},
		{"aria2", conf_print_aria2},
		{"man", conf_print_man},
		{"json", print_json},
		{"bash", print_bash},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (strcmp(forms[i].form, form) == 0) {
			forms[i].print(out);
			return 0;
		}
	}
	return ERR_INVAL;
}
