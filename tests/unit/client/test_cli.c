/* SPDX-License-Identifier: MIT
 * Tests of the command line: aria2's flags, words, errors; and of what becomes of them as RPC options.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "client/cli.c"
#include "client/optjson.c"

/* The commands themselves are not under test. */
#define CMD(name, fn, ...)                                                                                             \
	int fn(struct cli *cli)                                                                                        \
	{                                                                                                              \
		(void)cli;                                                                                             \
		return 0;                                                                                              \
	}
#include "client/cmd_table.h"
#undef CMD

#define MAX_ARGS 32

/* Parses a line of words separated by blanks; argv lives in static memory until the next call. */
static int parse(const char *line, struct cli *cli, struct fail *f)
{
	static char text[1024], *argv[MAX_ARGS + 1];
	int argc = 0;
	memset(f, 0, sizeof(*f));
	snprintf(text, sizeof(text), "%s", line);
	for (char *save = NULL, *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	return cli_parse(argc, argv, cli, f);
}

static void refused(const char *line, const char *says)
{
	struct cli cli;
	struct fail f;
	assert_int_equal(parse(line, &cli, &f), ERR_USAGE);
	if (!strstr(f.text, says))
		fail_msg("'%s' is said about '%s'", f.text, line);
	cli_free(&cli);
}

static void aria2_line_is_understood(void **state)
{
	struct cli cli;
	struct fail f;
	(void)state;
	assert_int_equal(parse("haul get -x 16 -s16 --continue=true -k 1M --dir D --out=F -c --header A:1 --header B:2 "
			       "http://h/f",
				 &cli, &f),
		0);
	json_t *o = optjson(cli.opts, OF_INITIAL);
	json_t *want = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:[s,s]}", "max-connection-per-server", "16", "split", "16",
		"continue", "true", "min-split-size", "1048576", "dir", "D", "out", "F", "header", "A:1", "B:2");
	assert_true(json_equal(o, want));
	json_decref(o);
	json_decref(want);
	assert_int_equal(cli.nwords, 1);
	assert_string_equal(cli.words[0], "http://h/f");
	cli_free(&cli);
}

static void every_download_option_is_taken(void **state)
{
	(void)state;
	for (int i = 0; i < OPT_COUNT; i++) {
		const struct opt_def *d = opt_def((enum opt)i);
		if (!(d->flags & OF_INITIAL) || d->type != OT_BOOL)
			continue;
		struct cli cli;
		struct fail f;
		char line[120];
		snprintf(line, sizeof(line), "haul get --%s=false http://h/", d->name);
		assert_int_equal(parse(line, &cli, &f), 0);
		assert_true(opts_has(cli.opts, (enum opt)i));
		assert_false(opts_bool(cli.opts, (enum opt)i));
		cli_free(&cli);
	}
}

static void short_booleans(void **state)
{
	struct cli cli;
	struct fail f;
	(void)state;
	assert_int_equal(parse("haul get -c false", &cli, &f), 0);
	assert_true(opts_bool(cli.opts, OPT_CONTINUE));
	assert_int_equal(cli.nwords, 1);
	assert_string_equal(cli.words[0], "false");
	cli_free(&cli);
	assert_int_equal(parse("haul get -cfalse -Rtrue -qx7", &cli, &f), 0);
	assert_false(opts_bool(cli.opts, OPT_CONTINUE));
	assert_true(opts_bool(cli.opts, OPT_REMOTE_TIME));
	assert_true(opts_bool(cli.opts, OPT_QUIET));
	assert_int_equal(opts_num(cli.opts, OPT_MAX_CONNECTION_PER_SERVER), 7);
	cli_free(&cli);
}

/* Of everything that can follow `haul get` only what our own daemons have is refused. */
static void every_option_of_aria2_is_taken(void **state)
{
	(void)state;
	for (int i = 0; i < OPT_COUNT; i++) {
		const struct opt_def *d = opt_def((enum opt)i);
		struct cli cli;
		struct fail f;
		char line[200];
		bool ours = (d->flags & OF_OWN) && !(d->flags & OF_CLIENT);
		if (!d->def || i == OPT_HELP || i == OPT_VERSION)
			continue;
		snprintf(line, sizeof(line), "haul get --%s=%s http://h/", d->name, d->def);
		int rc = parse(line, &cli, &f);
		if (rc != (ours ? ERR_USAGE : 0))
			fail_msg("%s: %s", line, f.text);
		cli_free(&cli);
	}
}

/* haul's own flags and options don't make an abbreviation of aria2's ambiguous. */
static void abbreviations(void **state)
{
	struct cli cli;
	struct fail f;
	(void)state;
	assert_int_equal(parse("haul get --max-conn=3 --spl 4 --priva=/dev/null --jso --sec=s http://h/", &cli, &f), 0);
	assert_int_equal(opts_num(cli.opts, OPT_MAX_CONNECTION_PER_SERVER), 3);
	assert_int_equal(opts_num(cli.opts, OPT_SPLIT), 4);
	assert_string_equal(opts_str(cli.opts, OPT_PRIVATE_KEY), "/dev/null");
	assert_non_null(cli.flag[FLAG_JSON]);
	assert_null(cli.flag[FLAG_PRIVATE]);
	assert_string_equal(cli.flag[FLAG_SECRET_FILE], "s");
	cli_free(&cli);
	assert_int_equal(parse("haul get --private -- --json -x", &cli, &f), 0);
	assert_non_null(cli.flag[FLAG_PRIVATE]);
	assert_int_equal(cli.nwords, 2);
	assert_string_equal(cli.words[0], "--json");
	cli_free(&cli);
	refused("haul get --max-con=3", "ambiguous");
	refused("haul get --al http://h/", "--all-proxy");
	refused("haul get --certificate=/nonexistent http://h/", "no such file");
}

static void help_may_have_a_value(void **state)
{
	struct cli cli;
	struct fail f;
	(void)state;
	assert_int_equal(parse("haul get --help=#http", &cli, &f), 0);
	assert_string_equal(cli.flag[FLAG_HELP], "#http");
	cli_free(&cli);
	assert_int_equal(parse("haul get -h split", &cli, &f), 0);
	assert_string_equal(cli.flag[FLAG_HELP], "");
	assert_int_equal(cli.nwords, 1);
	cli_free(&cli);
}

static void flags_stand_before_or_behind_the_command(void **state)
{
	struct cli cli;
	struct fail f;
	(void)state;
	assert_int_equal(parse("haul --url http://a/ ls --json active", &cli, &f), 0);
	assert_string_equal(cli.flag[FLAG_URL], "http://a/");
	assert_non_null(cli.flag[FLAG_JSON]);
	assert_string_equal(cli.words[0], "active");
	assert_string_equal(cli.cmd->name, "ls");
	cli_free(&cli);
}

static void negative_numbers_are_words_of_mv(void **state)
{
	struct cli cli;
	struct fail f;
	(void)state;
	assert_int_equal(parse("haul mv abc -12", &cli, &f), 0);
	assert_int_equal(cli.nwords, 2);
	assert_string_equal(cli.words[1], "-12");
	cli_free(&cli);
}

static void a_secret_leaves_argv(void **state)
{
	char name[] = "haul", cmd[] = "get", secret[] = "--rpc-secret=geheim", uri[] = "http://h/";
	char *argv[] = {name, cmd, secret, uri, NULL};
	struct cli cli;
	struct fail f = {0};
	(void)state;
	assert_int_equal(cli_parse(4, argv, &cli, &f), 0);
	assert_string_equal(secret, "--rpc-secret=******");
	assert_string_equal(opts_str(cli.opts, OPT_RPC_SECRET), "geheim");
	cli_free(&cli);
}

static void mistakes_are_named(void **state)
{
	(void)state;
	refused("haul frobnicate", "no command 'frobnicate'");
	refused("haul get --frobnicate http://h/", "--frobnicate");
	refused("haul get --split=x http://h/", "--split: ");
	refused("haul get --split=0 http://h/", "--split: ");
	refused("haul get --out", "--out needs a value");
	refused("haul get -o", "--out needs a value");
	refused("haul ls --url", "--url needs a value");
	refused("haul http://h/", "haul get");
	refused("haul ls --all", "--all");
	refused("haul ls --json=5", "--json takes no value");
	refused("haul ls -x 3", "-x");
	refused("haul get --allowed-dirs=/x http://h/", "option of the daemon");
	refused("haul --nope ls", "--nope");
}

static void assignments(void **state)
{
	struct opts *o = opts_new(NULL);
	struct fail f;
	(void)state;
	assert_int_equal(optjson_assign(o, "max-download-limit=2M", OF_LIVE | OF_RESTART, &f), 0);
	assert_string_equal(opts_str(o, OPT_MAX_DOWNLOAD_LIMIT), "2097152");
	assert_int_equal(optjson_assign(o, "gid=0123456789abcdef", OF_LIVE | OF_RESTART, &f), ERR_USAGE);
	assert_int_equal(optjson_assign(o, "nosuch=1", OF_LIVE, &f), ERR_USAGE);
	assert_int_equal(optjson_assign(o, "split", OF_RESTART, &f), ERR_USAGE);
	assert_int_equal(optjson_assign(o, "split=none", OF_RESTART, &f), ERR_USAGE);
	opts_unref(o);
}

static void commands_have_names_and_help(void **state)
{
	size_t n;
	const struct cmd *c = cli_commands(&n);
	(void)state;
	assert_true(n >= 15);
	for (size_t i = 0; i < n; i++) {
		assert_ptr_equal(cli_command(c[i].name), &c[i]);
		assert_true(strlen(c[i].help) > 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aria2_line_is_understood),
		cmocka_unit_test(every_download_option_is_taken),
		cmocka_unit_test(short_booleans),
		cmocka_unit_test(every_option_of_aria2_is_taken),
		cmocka_unit_test(abbreviations),
		cmocka_unit_test(help_may_have_a_value),
		cmocka_unit_test(flags_stand_before_or_behind_the_command),
		cmocka_unit_test(negative_numbers_are_words_of_mv),
		cmocka_unit_test(a_secret_leaves_argv),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(assignments),
		cmocka_unit_test(commands_have_names_and_help),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
