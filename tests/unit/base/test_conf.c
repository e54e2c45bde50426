/* SPDX-License-Identifier: MIT
 * Options from the command line, from files and from the environment; help and what is printed from the table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/conf_text.h"
#include "base/log.h"
#include "base/str.h"

#define WORDS_MAX 16

struct place {
	char dir[64]; /* a fresh directory, also HOME */
};

/* A command line of its own memory, as the kernel gives it. */
struct line {
	int argc;
	char *argv[WORDS_MAX + 1];
	char **words;
	struct opts *o;
	struct fail f;
	int err;
};

static void line_init(struct line *l, const char *const *args)
{
	memset(l, 0, sizeof(*l));
	l->argv[l->argc++] = xstrdup("hauld");
	for (; *args; args++) {
		assert_true(l->argc < WORDS_MAX);
		l->argv[l->argc++] = xstrdup(*args);
	}
}

static void line_free(struct line *l)
{
	for (int i = 0; i < l->argc; i++)
		free(l->argv[i]);
	free(l->words);
	opts_unref(l->o);
}

static void parse_line(struct line *l, const char *const *args)
{
	line_init(l, args);
	l->o = opts_new(NULL);
	l->err = conf_args(l->o, l->argc, l->argv, &l->words, &l->f);
}

static void load_line(struct line *l, const char *const *args)
{
	line_init(l, args);
	l->err = conf_load(l->argc, l->argv, &l->o, &l->words, &l->f);
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static int make_place(void **state)
{
	static const char *const vars[] = {"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy",
		"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
		"XDG_CONFIG_HOME", "XDG_STATE_HOME", "STATE_DIRECTORY"};
	struct place *p = xcalloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/haul-test-conf-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	setenv("HOME", p->dir, 1);
	for (size_t i = 0; i < sizeof(vars) / sizeof(vars[0]); i++)
		unsetenv(vars[i]);
	*state = p;
	return 0;
}

static int drop_place(void **state)
{
	struct place *p = *state;
	char *cmd = xasprintf("rm -rf '%s'", p->dir);
	int rc = system(cmd);

	free(cmd);
	free(p);
	return rc;
}

/* A file under the place, its folder made; returns its path, to be freed. */
static char *write_file(const struct place *p, const char *name, const char *text, size_t n)
{
	char *path = xasprintf("%s/%s", p->dir, name);
	FILE *out;

	for (char *at = strchr(path + strlen(p->dir) + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		mkdir(path, 0700);
		*at = '/';
	}
	out = fopen(path, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, n, out), n);
	assert_int_equal(fclose(out), 0);
	return path;
}

static char *read_file(const char *path)
{
	struct buf b;
	char part[4096];
	size_t n;
	FILE *in = fopen(path, "r");

	assert_non_null(in);
	buf_init(&b, 1 << 20);
	while ((n = fread(part, 1, sizeof(part), in)) > 0)
		assert_int_equal(buf_add(&b, part, n), 0);
	fclose(in);
	return buf_take(&b);
}

/* ---- command line ---- */

static void args_take_all_forms(void **state)
{
	struct line l;

	(void)state;
	parse_line(&l, ARGS("--split=7", "http://a/", "--dir", "/d", "-x16", "-o", "name", "-c", "false", "-qV",
			       "--daemon=false", "-", "--", "--split=9"));
	assert_string_equal(l.f.text, "");
	assert_int_equal(l.err, 0);
	assert_int_equal(opts_num(l.o, OPT_SPLIT), 7);
	assert_string_equal(opts_str(l.o, OPT_DIR), "/d");
	assert_int_equal(opts_num(l.o, OPT_MAX_CONNECTION_PER_SERVER), 16);
	assert_string_equal(opts_str(l.o, OPT_OUT), "name");
	assert_true(opts_bool(l.o, OPT_CONTINUE));
	assert_true(opts_bool(l.o, OPT_QUIET));
	assert_true(opts_bool(l.o, OPT_CHECK_INTEGRITY));
	assert_true(opts_has(l.o, OPT_DAEMON));
	assert_false(opts_bool(l.o, OPT_DAEMON));
	assert_string_equal(l.words[0], "http://a/");
	assert_string_equal(l.words[1], "false");
	assert_string_equal(l.words[2], "-");
	assert_string_equal(l.words[3], "--split=9");
	assert_null(l.words[4]);
	line_free(&l);
}

static void args_of_more_kinds(void **state)
{
	struct line l;

	(void)state;
	parse_line(&l, ARGS("-cx4", "-ctrue", "-nfalse", "--conti", "-i", "-", "--header=A: 1", "--header", "B: 2",
			       "-h#http", "--split=2", "--split=3"));
	assert_string_equal(l.f.text, "");
	assert_int_equal(opts_num(l.o, OPT_MAX_CONNECTION_PER_SERVER), 4);
	assert_true(opts_has(l.o, OPT_NO_NETRC));
	assert_false(opts_bool(l.o, OPT_NO_NETRC));
	assert_true(opts_bool(l.o, OPT_CONTINUE));
	assert_string_equal(opts_str(l.o, OPT_INPUT_FILE), "-");
	assert_string_equal(opts_str(l.o, OPT_HEADER), "A: 1\nB: 2\n");
	assert_string_equal(opts_str(l.o, OPT_HELP), "#http");
	assert_int_equal(opts_num(l.o, OPT_SPLIT), 3);
	assert_null(l.words[0]);
	line_free(&l);
	parse_line(&l, ARGS("--help", "word", "-v"));
	assert_int_equal(l.err, 0);
	assert_true(opts_has(l.o, OPT_HELP) && opts_has(l.o, OPT_VERSION));
	assert_string_equal(opts_str(l.o, OPT_HELP), "");
	assert_string_equal(l.words[0], "word");
	line_free(&l);
}

static void args_abbreviate(void **state)
{
	struct line l;

	(void)state;
	/* max-retry-wait is ours: what is unambiguous in aria2 stays so. */
	parse_line(&l, ARGS("--max-conc=3", "--max-re=1", "--max-retry=9", "--log=x"));
	assert_string_equal(l.f.text, "");
	assert_int_equal(opts_num(l.o, OPT_MAX_CONCURRENT_DOWNLOADS), 3);
	assert_int_equal(opts_num(l.o, OPT_MAX_RESUME_FAILURE_TRIES), 1);
	assert_int_equal(opts_num(l.o, OPT_MAX_RETRY_WAIT), 9);
	assert_string_equal(opts_str(l.o, OPT_LOG), "x");
	line_free(&l);
}

static void args_fail_with_one_line(void **state)
{
	static const struct {
		const char *arg, *text;
	} cases[] = {
		{"--spilt=3", "unknown option --spilt; did you mean --split?"},
		{"--max-concurent-downloads",
			"unknown option --max-concurent-downloads; did you mean --max-concurrent-downloads?"},
		{"--zzzzzzzzzzz=secret", "unknown option --zzzzzzzzzzz; --help=#all lists all"},
		{"--=3", "unknown option --; --help=#all lists all"},
		{"-y", "unknown option -y; --help=#all lists all"},
		{"-cy", "unknown option -y; --help=#all lists all"},
		{"--file-a", "--file-allocation needs a value (METHOD)"},
		{"-d", "--dir needs a value (DIR)"},
		{"--show-console-readout", "--show-console-readout needs a value (true|false)"},
		{"--split=0", "--split: must be between 1 and 2147483647"},
		{"-s0", "--split: must be between 1 and 2147483647"},
		{"--continue=1", "--continue: must be true or false"},
		{"--on-", "--on- is ambiguous: --on-bt-download-complete, --on-download-complete, --on-download-error, "
			  "--on-download-pause, ..."},
		{"--stat", "--state-dir needs a value (DIR)"},
		{"--header=secret", "--header: must be \"Name: value\""},
		{"--\x1b[0m", "unknown option --\\x1B[0m; --help=#all lists all"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct line l;

		parse_line(&l, ARGS(cases[i].arg));
		assert_int_equal(l.err, ERR_USAGE);
		assert_int_equal(l.f.code, ERR_USAGE);
		assert_string_equal(l.f.text, cases[i].text);
		assert_null(l.words);
		line_free(&l);
	}
}

static void args_wipe_secrets(void **state)
{
	struct line l;

	(void)state;
	parse_line(&l, ARGS("--rpc-secret=geheim", "--http-passwd", "geheim", "--all-proxy=u:geheim@h",
			       "--header=Cookie: geheim", "--dir=d", "--ftp-passwd=geheim\n"));
	assert_int_equal(l.err, ERR_USAGE);
	assert_null(strstr(l.f.text, "geheim"));
	assert_string_equal(opts_str(l.o, OPT_RPC_SECRET), "geheim");
	assert_string_equal(opts_str(l.o, OPT_HTTP_PASSWD), "geheim");
	assert_string_equal(l.argv[1], "--rpc-secret=******");
	assert_string_equal(l.argv[3], "******");
	assert_string_equal(l.argv[6], "--dir=d");
	for (int i = 0; i < l.argc; i++)
		assert_null(strstr(l.argv[i], "geheim"));
	line_free(&l);
}

/* ---- files ---- */

static int load_text(const struct place *p, const char *text, size_t n, struct opts **ret, struct fail *f)
{
	char *path = write_file(p, "t.conf", text, n);
	int err;

	*ret = opts_new(NULL);
	memset(f, 0, sizeof(*f));
	err = conf_file(*ret, path, f);
	free(path);
	return err;
}

static void file_is_aria2s(void **state)
{
	static const char text[] =
		"\xef\xbb\xbf# comment\r\n\nsplit = 3\r\n\tdir\t=\t${HOME}/x y \nheader=A: 1\nheader=B: 2=3\n=4\n"
		"continue\nno-netrc=\n  user-agent=a # b\nsplit=4\nreferer=x";
	struct opts *o;
	struct fail f;
	char *dir = xasprintf("%s/x y", ((struct place *)*state)->dir);

	assert_int_equal(load_text(*state, text, sizeof(text) - 1, &o, &f), 0);
	assert_int_equal(opts_num(o, OPT_SPLIT), 4);
	assert_string_equal(opts_str(o, OPT_DIR), dir);
	assert_string_equal(opts_str(o, OPT_HEADER), "A: 1\nB: 2=3\n");
	assert_true(opts_bool(o, OPT_CONTINUE));
	assert_true(opts_bool(o, OPT_NO_NETRC));
	assert_string_equal(opts_str(o, OPT_USER_AGENT), "a # b");
	assert_string_equal(opts_str(o, OPT_REFERER), "x");
	opts_unref(o);
	free(dir);
}

static void file_warns_of_unknown_names(void **state)
{
	const struct place *p = *state;
	char *log = xasprintf("%s/log", p->dir), *said;
	struct opts *o;
	struct fail f;

	assert_int_equal(log_setup(LOG_LVL_ERROR, true, log, LOG_LVL_WARN), 0);
	assert_int_equal(load_text(p, "split=3\nno-such=geheim\n # x=1\ntimeout=5\n", 40, &o, &f), 0);
	log_close();
	assert_int_equal(opts_num(o, OPT_SPLIT), 3);
	assert_int_equal(opts_num(o, OPT_TIMEOUT), 5);
	said = read_file(log);
	assert_non_null(strstr(said, "t.conf:2: unknown option no-such is passed over\n"));
	assert_non_null(strstr(said, "t.conf:3: unknown option # x is passed over\n"));
	assert_null(strstr(said, "geheim"));
	opts_unref(o);
	free(said);
	free(log);
}

static void file_errors_name_the_line(void **state)
{
	const struct place *p = *state;
	struct opts *o;
	struct fail f;
	char *path = xasprintf("%s/t.conf:2: --split: must be between 1 and 2147483647", p->dir);

	assert_int_equal(load_text(p, "# a\nsplit=0\n", 12, &o, &f), ERR_USAGE);
	assert_string_equal(f.text, path);
	opts_unref(o);
	assert_int_equal(load_text(p, "split=3\nrpc-secret=\n", 20, &o, &f), ERR_USAGE);
	opts_unref(o);
	assert_int_equal(load_text(p, "split=3\nab\0c\n", 13, &o, &f), ERR_USAGE);
	assert_non_null(strstr(f.text, "t.conf:2: holds a NUL byte"));
	opts_unref(o);
	o = opts_new(NULL);
	assert_int_equal(conf_file(o, p->dir, &f), ERR_CONF);
	assert_non_null(strstr(f.text, "Is a directory"));
	assert_int_equal(conf_file(o, "/nonexistent/x", &f), ERR_CONF);
	assert_string_equal(f.text, "can't read /nonexistent/x: No such file or directory");
	opts_unref(o);
	free(path);
}

static void default_path_has_an_order(void **state)
{
	const struct place *p = *state;
	char *xdg = xasprintf("%s/xdg", p->dir), *path, *want;

	setenv("XDG_CONFIG_HOME", xdg, 1);
	assert_null(conf_default_path());
	static const char *const names[] = {"xdg/aria2/aria2.conf", "xdg/haul/hauld.conf", ".aria2/aria2.conf"};
	for (size_t i = 0; i < 3; i++) {
		want = write_file(p, names[i], "", 0);
		path = conf_default_path();
		assert_non_null(path);
		assert_string_equal(path, want);
		free(path);
		free(want);
	}
	free(xdg);
}

/* ---- surroundings, and all together ---- */

static void env_sets_proxies(void **state)
{
	struct opts *o = opts_new(NULL);

	(void)state;
	assert_int_equal(log_setup(LOG_LVL_ERROR, true, NULL, LOG_LVL_ERROR), 0);
	setenv("http_proxy", "::::", 1);
	setenv("https_proxy", "http://u:p@h:3128", 1);
	setenv("no_proxy", "localhost,.example.org", 1);
	conf_env(o);
	assert_false(opts_has(o, OPT_HTTP_PROXY));
	assert_string_equal(opts_str(o, OPT_HTTPS_PROXY), "http://u:p@h:3128/");
	assert_string_equal(opts_str(o, OPT_NO_PROXY), "localhost,.localhost,.example.org,example.org");
	opts_unref(o);
}

/* As curl does: capitals too, except where a CGI server lets strangers set them. */
static void env_in_capitals(void **state)
{
	struct opts *o = opts_new(NULL);

	(void)state;
	setenv("HTTP_PROXY", "http://evil:1", 1);
	setenv("HTTPS_PROXY", "http://capitals:2", 1);
	setenv("ALL_PROXY", "http://capitals:3", 1);
	setenv("NO_PROXY", "a.example", 1);
	setenv("all_proxy", "http://small:3", 1);
	conf_env(o);
	assert_false(opts_has(o, OPT_HTTP_PROXY));
	assert_string_equal(opts_str(o, OPT_HTTPS_PROXY), "http://capitals:2/");
	assert_string_equal(opts_str(o, OPT_ALL_PROXY), "http://small:3/");
	assert_string_equal(opts_str(o, OPT_NO_PROXY), "a.example,.a.example");
	opts_unref(o);
}

/* A name is meant with all below it, as other programs read that list; addresses and patterns stay as they are. */
static void names_of_the_environment(void **state)
{
	static const char *const rows[][2] = {{"", ""}, {"*", "*"}, {" ,a, .b:81 c:80", "a,.a,.b:81,b:81,c:80,.c:80"},
		{"10.0.0.0/8,127.0.0.1:80,::1,[::1]:80,*.x", "10.0.0.0/8,127.0.0.1:80,::1,[::1]:80,*.x"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct opts *o = opts_new(NULL);

		setenv("no_proxy", rows[i][0], 1);
		conf_env(o);
		assert_string_equal(opts_str(o, OPT_NO_PROXY), rows[i][1]);
		opts_unref(o);
	}
}

static void defaults_know_the_place(void **state)
{
	const struct place *p = *state;
	char *want = xasprintf("%s/.local/state/haul", p->dir), cwd[4096];
	struct opts *o = opts_new(NULL);

	conf_defaults(o);
	assert_string_equal(opts_str(o, OPT_STATE_DIR), want);
	assert_string_equal(opts_str(o, OPT_DIR), getcwd(cwd, sizeof(cwd)));
	assert_non_null(strstr(opts_str(o, OPT_NETRC_PATH), "/.netrc"));
	setenv("XDG_STATE_HOME", "relative", 1);
	conf_defaults(o);
	assert_string_equal(opts_str(o, OPT_STATE_DIR), want);
	setenv("XDG_STATE_HOME", "/s", 1);
	conf_defaults(o);
	assert_string_equal(opts_str(o, OPT_STATE_DIR), "/s/haul");
	setenv("STATE_DIRECTORY", "/var/lib/haul:/var/lib/other", 1);
	conf_defaults(o);
	assert_string_equal(opts_str(o, OPT_STATE_DIR), "/var/lib/haul");
	opts_unref(o);
	free(want);
}

static void load_goes_from_low_to_high(void **state)
{
	const struct place *p = *state;
	static const char text[] = "split=3\ntimeout=7\nheader=A: 1\nall-proxy=file\nno-proxy=file\nhttp-proxy=file\n";
	char *path = write_file(p, ".aria2/aria2.conf", text, sizeof(text) - 1);
	struct line l;

	setenv("all_proxy", "env", 1);
	setenv("no_proxy", "env", 1);
	load_line(&l, ARGS("--split=4", "--header=B: 2", "--no-proxy=line", "--rpc-secret=geheim", "http://x/"));
	assert_string_equal(l.f.text, "");
	assert_int_equal(l.err, 0);
	assert_int_equal(opts_num(l.o, OPT_SPLIT), 4);
	assert_int_equal(opts_num(l.o, OPT_TIMEOUT), 7);
	assert_string_equal(opts_str(l.o, OPT_HEADER), "A: 1\nB: 2\n");
	assert_string_equal(opts_str(l.o, OPT_ALL_PROXY), "http://env/");
	assert_string_equal(opts_str(l.o, OPT_NO_PROXY), "line");
	assert_string_equal(opts_str(l.o, OPT_HTTP_PROXY), "http://file/");
	assert_string_equal(opts_str(l.o, OPT_CONF_PATH), path);
	assert_string_equal(opts_str(l.o, OPT_RPC_SECRET), "geheim");
	assert_string_equal(l.argv[4], "--rpc-secret=******");
	assert_string_equal(l.words[0], "http://x/");
	line_free(&l);
	free(path);
}

static void load_takes_the_file_asked_for(void **state)
{
	const struct place *p = *state;
	char *bad = write_file(p, ".aria2/aria2.conf", "split=x\n", 8);
	char *good = write_file(p, "good.conf", "split=8\n", 8), *arg = xasprintf("--conf-path=%s", good);
	struct line l;

	load_line(&l, ARGS(arg));
	assert_int_equal(l.err, 0);
	assert_int_equal(opts_num(l.o, OPT_SPLIT), 8);
	line_free(&l);
	load_line(&l, ARGS("--no-conf"));
	assert_int_equal(l.err, 0);
	assert_int_equal(opts_num(l.o, OPT_SPLIT), 5);
	line_free(&l);
	load_line(&l, ARGS("--timeout=5"));
	assert_int_equal(l.err, ERR_USAGE);
	assert_null(l.o);
	assert_non_null(strstr(l.f.text, "aria2.conf:1: --split: must be a whole number"));
	line_free(&l);
	load_line(&l, ARGS("--conf-path=/nonexistent/x"));
	assert_int_equal(l.err, ERR_CONF);
	line_free(&l);
	/* A broken file must not stand in the way of help. */
	load_line(&l, ARGS("--help"));
	assert_int_equal(l.err, 0);
	line_free(&l);
	free(bad);
	free(good);
	free(arg);
}

static void ignored_options_are_told_once(void **state)
{
	const struct place *p = *state;
	char *log = xasprintf("%s/log", p->dir), *said;
	struct opts *o = opts_new(NULL), *job = opts_new(o);

	assert_int_equal(log_setup(LOG_LVL_ERROR, true, log, LOG_LVL_NOTICE), 0);
	conf_tell_ignored(o);
	assert_int_equal(opts_set(o, OPT_FTP_PASSWD, "geheim", NULL), 0);
	assert_int_equal(opts_set(o, OPT_SPLIT, "3", NULL), 0);
	assert_int_equal(opts_set(job, OPT_SEED_TIME, "0", NULL), 0);
	conf_tell_ignored(job);
	log_close();
	said = read_file(log);
	assert_non_null(strstr(said, "without effect in hauld: --ftp-passwd, --seed-time\n"));
	assert_null(strstr(said, "geheim"));
	assert_ptr_equal(strchr(said, '\n'), strrchr(said, '\n'));
	opts_unref(job);
	opts_unref(o);
	free(said);
	free(log);
}

/* ---- what is printed ---- */

static char *print_to_text(int (*print)(FILE *, const char *, unsigned), const char *what, unsigned flags, int want)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	assert_int_equal(print(out, what, flags), want);
	fclose(out);
	return text;
}

static int print_form(FILE *out, const char *form, unsigned flags)
{
	(void)flags;
	return conf_print(out, form);
}

static void check_all_named(const char *text, const char *fmt, unsigned flags)
{
	for (int id = 0; id < OPT_COUNT; id++) {
		char *want = xstrdup(fmt), *at = strchr(want, '@'), *full;

		*at = '\0';
		full = xasprintf("%s%s%s", want, opt_def((enum opt)id)->name, at + 1);
		if ((flags == 0 || (opt_def((enum opt)id)->flags & flags)) != (strstr(text, full) != NULL))
			fail_msg("%s", full);
		free(full);
		free(want);
	}
}

static void help_lists_and_explains(void **state)
{
	static const char *const whats[] = {"#all", "#http", "max-con", "--dir", NULL};
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(whats) / sizeof(whats[0]); i++) {
		text = print_to_text(conf_help, whats[i], 0, 0);
		for (const char *at = text; *at; at += strcspn(at, "\n") + 1) {
			if (strcspn(at, "\n") > 80)
				fail_msg("too wide: %.100s", at);
			assert_true(strcspn(at, "\n") == 0 || at[strcspn(at, "\n") - 1] != ' ');
		}
		free(text);
	}
	text = print_to_text(conf_help, "#all", 0, 0);
	check_all_named(text, "--@", 0);
	free(text);
	text = print_to_text(conf_help, "", 0, 0);
	assert_non_null(strstr(text, " -s, --split=N"));
	assert_null(strstr(text, "--bt-"));
	free(text);
	text = print_to_text(conf_help, "#basic", OF_CLIENT, 0);
	assert_null(strstr(text, "--state-dir"));
	free(text);
	text = print_to_text(conf_help, "max-conn", 0, 0);
	assert_non_null(strstr(text, " -x, --max-connection-per-server=N\n"));
	assert_non_null(strstr(text, "1 to 1024"));
	assert_null(strstr(text, "--split"));
	free(text);
	text = print_to_text(conf_help, "split", 0, 0); /* what holds, not the number that the RPC shows */
	assert_non_null(strstr(text, "1M while the number of connections is found out\n"));
	assert_null(strstr(text, "Default:    5\n"));
	free(text);
	free(print_to_text(conf_help, "#nope", 0, ERR_INVAL));
	free(print_to_text(conf_help, "nope", 0, ERR_INVAL));
	free(print_to_text(conf_help, "--", 0, ERR_INVAL));
}

static void md_and_man_have_all(void **state)
{
	char *text = print_to_text(print_form, "md", 0, 0);

	(void)state;
	check_all_named(text, "\n### @\n", 0);
	free(text);
	text = print_to_text(print_form, "man", 0, 0);
	assert_non_null(strstr(text, ".B \\-s, \\-\\-split=N\n"));
	assert_non_null(strstr(text, ".TP\n.B 44\n"));
	assert_null(strstr(text, "\n\n"));
	free(text);
	free(print_to_text(print_form, "nope", 0, ERR_INVAL));
}

static int times(const char *text, const char *part)
{
	int n = 0;

	while ((text = strstr(text, part)) != NULL) {
		text++;
		n++;
	}
	return n;
}

/* Every option of aria2 once, its own once, each in a table. */
static void aria2_has_all(void **state)
{
	char *text = print_to_text(print_form, "aria2", 0, 0);

	(void)state;
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct opt_def *d = opt_def((enum opt)id);
		char *row = d->aria2 == AS_NONE ? xasprintf("\n| [%s](options.md#%s) |", d->name, d->name)
						: xasprintf("\n| %s | %s | %s |\n", d->name, conf_verdict_text(d), conf_why_text(d));

		if (times(text, row) != 1)
			fail_msg("%s", row);
		free(row);
	}
	free(text);
}

/* What lies in docs/ is what is printed; the tree is found from this source's place in it. */
static void documents_are_fresh(void **state)
{
	static const struct {
		const char *form, *path;
	} docs[] = {{"md", "../../../docs/options.md"}, {"aria2", "../../../docs/aria2.md"}};
	const char *slash = strrchr(__FILE__, '/');

	(void)state;
	for (size_t i = 0; i < sizeof(docs) / sizeof(docs[0]); i++) {
		char *path = xasprintf("%.*s%s", slash ? (int)(slash - __FILE__ + 1) : 0, __FILE__, docs[i].path);
		char *text = print_to_text(print_form, docs[i].form, 0, 0), *there = read_file(path);

		if (strcmp(text, there) != 0)
			fail_msg("%s is stale: make docs", path);
		free(there);
		free(text);
		free(path);
	}
}

static void json_is_json(void **state)
{
	char *text = print_to_text(print_form, "json", 0, 0);
	json_t *root = json_loads(text, 0, NULL), *row;
	size_t i;

	(void)state;
	assert_non_null(root);
	assert_int_equal(json_array_size(root), OPT_COUNT);
	json_array_foreach(root, i, row)
	{
		const struct opt_def *d = opt_def((enum opt)i);
		const char *def = json_string_value(json_object_get(row, "default"));

		assert_string_equal(json_string_value(json_object_get(row, "name")), d->name);
		assert_string_equal(json_string_value(json_object_get(row, "help")), d->help);
		assert_true(d->def ? strcmp(def, d->def) == 0 : def == NULL);
	}
	json_decref(root);
	free(text);
}

/* The line up to its end as bash would complete it; newline-separated, to be freed. */
static char *complete(const struct place *p, const char *program, const char *words, int at)
{
	char *cmd = xasprintf(
		"bash -c '. %s/c; compopt() { :; }; COMP_WORDS=(%s %s); COMP_CWORD=%d; _%s; printf \"%%s\\n\" "
		"\"${COMPREPLY[@]}\"' > %s/said 2>&1",
		p->dir, program, words, at, program, p->dir);
	char *path = xasprintf("%s/said", p->dir), *said;

	assert_int_equal(system(cmd), 0);
	said = read_file(path);
	free(path);
	free(cmd);
	return said;
}

static void bash_completes(void **state)
{
	static const struct {
		const char *program, *words;
		int at;
		const char *said;
	} cases[] = {
		{"hauld", "--spl", 1, "--split=\n"},
		{"hauld", "--contin", 1, "--continue\n"},
		{"hauld", "--file-allocation = tr", 3, "trunc\n"},
		{"hauld", "--file-allocation = ", 2, "none\nprealloc\ntrunc\nfalloc\n"},
		{"hauld", "--file-allocation fa", 2, "falloc\n"},
		{"hauld", "--daemon t", 2, "\n"},
		{"haul", "ad", 1, "add\n"},
		{"haul", "get --state-d", 2, "\n"},
		{"haul", "get --spl", 2, "--split=\n"},
	};
	char *text = print_to_text(print_form, "bash", 0, 0), *path = write_file(*state, "c", text, strlen(text)),
	     *said;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		said = complete(*state, cases[i].program, cases[i].words, cases[i].at);
		assert_string_equal(said, cases[i].said);
		free(said);
	}
	free(path);
	free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_place, drop_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(args_take_all_forms),
		TEST(args_of_more_kinds),
		TEST(args_abbreviate),
		TEST(args_fail_with_one_line),
		TEST(args_wipe_secrets),
		TEST(file_is_aria2s),
		TEST(file_warns_of_unknown_names),
		TEST(file_errors_name_the_line),
		TEST(default_path_has_an_order),
		TEST(env_sets_proxies),
		TEST(env_in_capitals),
		TEST(names_of_the_environment),
		TEST(defaults_know_the_place),
		TEST(load_goes_from_low_to_high),
		TEST(load_takes_the_file_asked_for),
		TEST(ignored_options_are_told_once),
		TEST(help_lists_and_explains),
		TEST(md_and_man_have_all),
		TEST(aria2_has_all),
		TEST(documents_are_fresh),
		TEST(json_is_json),
		TEST(bash_completes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
