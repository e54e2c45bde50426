/* SPDX-License-Identifier: MIT
 * Commands that bring downloads: add, get.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/str.h"
#include "client/cmd.h"
#include "client/dl.h"
#include "client/follow.h"
#include "client/give.h"
#include "client/private.h"

#define EXIT_UNFINISHED 7  /* aria2's code */
#define GIVE_TRIES	3
#define DEFERRED_PART	32 /* entries of a deferred input file that are read at once */

struct get {
	struct cli *cli;
	struct opts *file; /* configuration file */
	struct opts *all;  /* over file: the command line */
	struct opts *env;  /* proxies of the environment */
	struct entries entries;
	const char *dir; /* for entries without one; NULL: the daemon's */
	bool give_env;	 /* the daemon does not see our environment */
	struct sigs sigs;
	struct rpc *rpc;
	struct private *priv; /* NULL: a running daemon */
	struct progress *prog;
	struct follow *follow;
	struct give give;
	size_t given; /* entries that the daemon was told of */
	int code; /* of what could not be given */
};

/* ---- options that the daemon at hand can't take ---- */

static void warn_daemon_options(const struct cli *cli)
{
	for (int i = 0; i < OPT_COUNT; i++) {
		enum opt id = (enum opt)i;
		const struct opt_def *d = opt_def(id);
		if (opts_has(cli->opts, id) && private_only(id))
			fprintf(stderr,
				"haul: warning: --%s belongs to the running daemon and has no effect here; %s or get "
				"--private\n",
				d->name, d->flags & OF_GLOBAL ? "use 'haul set --global'" : "give it to hauld");
	}
}

/* aria2c serves RPC itself; here hauld does, which haul only talks to. */
static void warn_rpc_options(const struct cli *cli)
{
	for (int i = 0; i < OPT_COUNT; i++) {
		const struct opt_def *d = opt_def((enum opt)i);
		bool off = d->type == OT_BOOL && !opts_bool(cli->opts, (enum opt)i);
		if (opts_has(cli->opts, (enum opt)i) && strcmp(d->group, "rpc") == 0 && i != OPT_RPC_SECRET && !off)
			fprintf(stderr, "haul: warning: --%s has no effect here: hauld serves the RPC\n", d->name);
	}
}

/* ---- add ---- */

static void print_gid(void *arg, const struct entry *e, const char *gid, uint64_t had)
{
	const struct cli *cli = arg;
	char safe[64];
	(void)had;
	if (cli->flag[FLAG_JSON])
		cmd_print_json(dl_added(gid, e->uris[0]));
	else if (!opts_bool(cli->opts, OPT_QUIET))
		puts(str_safe(gid, strlen(gid), safe, sizeof(safe)));
}

static int add_to_running(struct cli *cli, struct entries *es)
{
	struct fail f = {0};
	int code = 0, more;
	size_t at;
	struct rpc *r = cmd_connect(cli, &code);
	if (!r)
		return code;
	struct give g = {.rpc = r, .again = true, .given = print_gid, .arg = cli};
	char *cwd = getcwd(NULL, 0);
	warn_rpc_options(cli);
	warn_daemon_options(cli);
	do {
		entries_set_dir(es, cwd ? cwd : "/", NULL);
		for (at = 0; give_next(&g, es, &at, &code, &f) > 0;)
			continue;
		more = entries_next(es, DEFERRED_PART, &f);
		if (more < 0)
			code = cli_fail(&f);
	} while (more > 0 || more == ERR_USAGE);
	free(cwd);
	rpc_end(r);
	return code;
}

int cmd_add(struct cli *cli)
{
	struct fail f = {0};
	struct entries es;
	int code = entries_read(cli, &es, &f) < 0 ? cli_fail(&f) : add_to_running(cli, &es);
	entries_free(&es);
	return code;
}

/* ---- get: options ---- */

/* Those of the configuration file and of the command line. */
static int read_options(struct get *g, struct fail *f)
{
	const struct opts *given = g->cli->opts;
	const char *named = opts_str(given, OPT_CONF_PATH);
	char *path = opts_bool(given, OPT_NO_CONF) ? NULL : named ? xstrdup(named) : conf_default_path();
	g->file = opts_new(NULL);
	int rc = path ? conf_file(g->file, path, f) : 0;
	free(path);
	g->all = opts_new(g->file);
	for (int i = 0; i < OPT_COUNT; i++) {
		if (opts_has(given, (enum opt)i))
			(void)opts_set(g->all, (enum opt)i, opts_str(given, (enum opt)i), NULL); /* accepted once */
	}
	g->env = opts_new(NULL);
	conf_env(g->env);
	return rc;
}

static bool is_given(const struct get *g, enum opt id)
{
	return opts_has(g->all, id) || opts_has(g->file, id);
}

/* The option's values begin with debug. */
static enum log_level level_of(const struct opts *o)
{
	return LOG_LVL_DEBUG - (unsigned)opts_num(o, OPT_CONSOLE_LOG_LEVEL);
}

/* Bars are for people who look on; who asks for aria2's readout, or for none, gets its console. */
static enum progress_kind kind_of(const struct get *g)
{
	if (g->cli->flag[FLAG_JSON])
		return PROGRESS_JSON;
	if (opts_bool(g->all, OPT_QUIET))
		return PROGRESS_QUIET;
	if (!progress_has_terminal() || is_given(g, OPT_SHOW_CONSOLE_READOUT) ||
		is_given(g, OPT_TRUNCATE_CONSOLE_READOUT))
		return PROGRESS_CONSOLE;
	return PROGRESS_BAR;
}

/* With bars there are summaries and the table of results for those who ask for them. */
static void open_progress(struct get *g)
{
	const struct opts *o = g->all;
	static const enum console_results results[] = {RESULTS_PLAIN, RESULTS_FULL, RESULTS_NONE}; /* as in the row */
	bool calm = level_of(o) < LOG_LVL_NOTICE;
	struct progress_style style = {.kind = kind_of(g), .color = opts_bool(o, OPT_ENABLE_COLOR)};
	bool bar = style.kind == PROGRESS_BAR;
	style.console = (struct console_style){.talk = bar ? CONSOLE_SILENT : calm ? CONSOLE_ERRORS : CONSOLE_NOTICES,
		.results = results[opts_num(o, OPT_DOWNLOAD_RESULT)],
		.results_max = (size_t)opts_num(o, OPT_MAX_DOWNLOAD_RESULT),
		.summary_ms = opts_num(o, OPT_SUMMARY_INTERVAL) * 1000,
		.readout = !bar && opts_bool(o, OPT_SHOW_CONSOLE_READOUT),
		.truncate = opts_bool(o, OPT_TRUNCATE_CONSOLE_READOUT),
		.bytes = !opts_bool(o, OPT_HUMAN_READABLE)};
	style.hide_complete = style.console.results == RESULTS_NONE;
	if (bar && !is_given(g, OPT_DOWNLOAD_RESULT))
		style.console.results = RESULTS_NONE;
	if (bar && !is_given(g, OPT_SUMMARY_INTERVAL))
		style.console.summary_ms = 0;
	g->prog = progress_new(&style);
}

/* -D: the rest happens in a process without a terminal; this one ends. In the child: 0. */
static int detach(struct fail *f)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid > 0)
		_exit(0);
	int null = pid == 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
	if (null < 0)
		return fail_set(f, ERR_UNKNOWN, "can't go into the background: %s", strerror(errno));
	setsid();
	for (int fd = 0; fd < 3; fd++)
		(void)dup2(null, fd);
	if (null > 2)
		close(null);
	return 0;
}

/* ---- get: which daemon ---- */

/* Entries as this daemon shall have them. Nobody could let a paused one go on: the command would wait for ever. */
static void prepare_entries(struct get *g)
{
	static const enum opt proxies[] = {OPT_HTTP_PROXY, OPT_HTTPS_PROXY, OPT_FTP_PROXY, OPT_ALL_PROXY, OPT_NO_PROXY};
	char *cwd = getcwd(NULL, 0);
	entries_set_dir(&g->entries, cwd ? cwd : "/", g->dir);
	free(cwd);
	for (size_t i = 0; i < g->entries.n; i++) {
		struct opts *o = g->entries.v[i].opts;
		opts_unset(o, OPT_PAUSE);
		for (size_t k = 0; g->give_env && k < sizeof(proxies) / sizeof(proxies[0]); k++) {
			if (opts_has(g->env, proxies[k]) && !opts_has(o, proxies[k]))
				(void)opts_set(o, proxies[k], opts_str(g->env, proxies[k]), NULL);
		}
	}
}

/* Where files without a dir go when the daemon can write as this user. */
static const char *own_dir(const struct get *g)
{
	return opts_has(g->file, OPT_DIR) ? opts_str(g->file, OPT_DIR) : ".";
}

static int start_private(struct get *g, struct fail *f)
{
	struct opts *conf = private_conf(g->file, g->cli->opts);
	int out = g->cli->flag[FLAG_JSON] ? STDERR_FILENO : STDOUT_FILENO;
	char key[17];
	g->dir = own_dir(g);
	prepare_entries(g);
	entries_key(&g->entries, key);
	int rc = private_start(key, conf, out, g->sigs.stop, &g->priv, &g->rpc, f);
	opts_unref(conf);
	return rc;
}

/* A daemon that runs as this user on this machine can write where the user is; another one gets no folder unless named.
 */
static void use_running(struct get *g)
{
	g->give_env = rpc_is_same_user(g->rpc);
	g->dir = g->give_env ? own_dir(g) : NULL;
	prepare_entries(g);
	warn_daemon_options(g->cli);
}

/* Does the command line say what only a daemon of its own can do? A daemon that was named is used all the same. */
static bool wants_private(const struct get *g)
{
	bool any = false;
	for (int i = 0; i < OPT_COUNT; i++)
		any = any || (opts_has(g->cli->opts, (enum opt)i) && private_only((enum opt)i));
	return g->cli->flag[FLAG_PRIVATE] || (any && !cmd_url(g->cli));
}

static int find_daemon(struct get *g, struct fail *f)
{
	if (wants_private(g))
		return start_private(g, f);
	int rc = cmd_rpc(g->cli, g->file, g->sigs.stop, &g->rpc, f);
	if (rc < 0)
		return rc;
	rc = rpc_connect(g->rpc, f);
	if (rc == 0) {
		use_running(g);
		return 0;
	}
	rpc_end(g->rpc);
	g->rpc = NULL;
	if (rc != ERR_CONNECT)
		return rc;
	if (!cmd_url(g->cli))
		return start_private(g, f);
	struct fail why = *f;
	return fail_set(f, rc, "%s; start hauld there, or give --private to do without", why.text);
}

/* ---- get: giving and following ---- */

static void follow_given(void *arg, const struct entry *e, const char *gid, uint64_t had)
{
	struct get *g = arg;
	struct follow_item item = {.gid = gid,
		.uri = e->uris[0],
		.had = had,
		.relative = e->relative,
		.checked = opts_has(e->opts, OPT_CHECKSUM),
		.dry = opts_bool(e->opts, OPT_DRY_RUN)};
	follow_add(g->follow, &item);
}

/* The next entries of a deferred input file take the place of those that were given. */
static bool read_more(struct get *g)
{
	struct fail f = {0};
	int got = entries_next(&g->entries, DEFERRED_PART, &f);
	if (got < 0)
		g->code = cli_fail(&f);
	g->given = 0;
	if (got > 0)
		prepare_entries(g);
	return got > 0 || got == ERR_USAGE;
}

/* Some more; of a deferred input file also those that were not read yet, or what was wrong behind the last ones. */
static int give_more(void *arg, struct fail *f)
{
	struct get *g = arg;
	if (g->given == g->entries.n && entries_has_more(&g->entries) && !read_more(g))
		return 0;
	int rc = give_next(&g->give, &g->entries, &g->given, &g->code, f);
	return rc == 0 && !g->give.lost ? entries_has_more(&g->entries) : rc;
}

static void open_follow(struct get *g)
{
	struct follow_conf conf = {.rpc = g->rpc,
		.prog = g->prog,
		.sigs = &g->sigs,
		.alive = g->priv ? private_alive : NULL,
		.alive_arg = g->priv,
		.more = give_more,
		.more_arg = g,
		.few = g->entries.rest ? (size_t)opts_num(g->all, OPT_MAX_CONCURRENT_DOWNLOADS) : SIZE_MAX,
		.removed = g->priv ? 0 : err_exit_code(ERR_REMOVED), /* as aria2c, where nobody else comes in */
		.stop_s = opts_num(g->cli->opts, OPT_STOP),
		.stop_pid = (int)opts_num(g->cli->opts, OPT_STOP_WITH_PROCESS)};
	g->follow = follow_new(&conf);
	g->give = (struct give){.rpc = g->rpc, .again = !g->priv, .tries = GIVE_TRIES, .given = follow_given, .arg = g};
}

/* ---- get: the end ---- */

/* The same command once more shall find them paused: one that is only about to be would not be told to go on. */
static void wait_paused(struct rpc *r, const json_t *gids)
{
	struct fail f = {0};
	json_t *active = rpc_call(r, "aria2.tellActive", json_pack("[[s]]", "gid"), &f), *ours = json_object(), *item;
	char **list = xcalloc(json_array_size(active) + 1, sizeof(*list));
	size_t i, n = 0;
	json_array_foreach((json_t *)(uintptr_t)gids, i, item)
	{
		json_object_set(ours, json_string_value(item), item);
	}
	json_array_foreach(active, i, item)
	{
		const char *gid = json_string_value(json_object_get(ours, json_text(item, "gid")));
		if (gid)
			list[n++] = (char *)(uintptr_t)gid;
	}
	if (n > 0)
		cmd_wait_stopped(r, list, n);
	free(list);
	json_decref(active);
	json_decref(ours);
}

/* The user pressed Ctrl-C: what is unfinished waits. */
static void interrupted(struct get *g)
{
	while (sigs_take(g->sigs.stop))
		continue; /* the next one means: at once */
	if (g->priv) {
		progress_note(g->prog, "stopped; the same command again continues");
		return;
	}
	json_t *open = follow_open_gids(g->follow), *batch = json_array(), *answers = NULL, *gid;
	size_t i, n = json_array_size(open);
	struct fail f = {0};
	json_array_foreach(open, i, gid)
	{
		rpc_add(g->rpc, batch, "aria2.pause", json_pack("[O]", gid));
	}
	if (rpc_run(g->rpc, batch, &answers, &f) < 0)
		progress_note(g->prog, "the daemon continues the download; %s", f.text);
	else if (n == 1)
		progress_note(g->prog, "paused; 'haul resume %.8s' or the same command again continues",
			json_string_value(json_array_get(open, 0)));
	else
		progress_note(
			g->prog, "%zu downloads paused; 'haul resume --all' or the same command again continues", n);
	wait_paused(g->rpc, open);
	json_decref(answers);
	json_decref(open);
}

static int follow_all(struct get *g)
{
	struct fail f = {0};
	int rc = follow_run(g->follow, &f);
	int code = follow_code(g->follow);
	if (rc == 0)
		return code ? code : g->code;
	follow_tell_unfinished(g->follow);
	if (rc == ERR_CANCELED) {
		interrupted(g);
		return code ? code : EXIT_UNFINISHED;
	}
	progress_hide(g->prog);
	if (g->priv)
		fputs("haul: the private daemon ended unexpectedly; the same command again continues\n", stderr);
	else
		fprintf(stderr, "haul: %s; what was added stays in the daemon's queue\n", f.text);
	return EXIT_OTHER;
}

/* With the daemon found: everything until its end. */
static int get_all(struct get *g)
{
	(void)rpc_use_ws(g->rpc, NULL); /* only makes it quicker to notice ends */
	open_progress(g);
	open_follow(g);
	progress_begin(g->prog, g->entries.n);
	int code = follow_all(g);
	bool keep = code == EXIT_UNFINISHED || follow_has_partial(g->follow);
	progress_finish(g->prog);
	follow_free(g->follow);
	progress_free(g->prog);
	rpc_end(g->rpc);
	private_stop(g->priv, keep);
	return code;
}

static int find_and_get(struct get *g)
{
	struct fail f = {0};
	/* The configuration file may say so of a lasting daemon. */
	if (opts_bool(g->cli->opts, OPT_DAEMON) && detach(&f) < 0)
		return cli_fail(&f);
	if (sigs_open(&g->sigs) < 0) {
		fputs("haul: no signal descriptors left\n", stderr);
		return EXIT_OTHER;
	}
	int rc = find_daemon(g, &f);
	int code = rc == 0 ? get_all(g) : rc == ERR_CANCELED ? EXIT_UNFINISHED : cli_fail(&f);
	sigs_close(&g->sigs);
	return code;
}

static bool has_entries(const struct get *g)
{
	if (g->entries.n > 0 || g->entries.rest)
		return true;
	if (!opts_bool(g->all, OPT_QUIET) && !g->cli->flag[FLAG_JSON])
		puts("No files to download.");
	return false;
}

/* What is wrong with input and configuration files is told as on aria2's console. */
static void open_log(const struct opts *o)
{
	enum log_level level = level_of(o);
	(void)log_setup(level, opts_bool(o, OPT_QUIET), NULL, level);
}

int cmd_get(struct cli *cli)
{
	struct get g = {.cli = cli};
	struct fail f = {0};
	open_log(cli->opts);
	int rc = entries_read(cli, &g.entries, &f), code = 0;
	if (rc == 0)
		rc = read_options(&g, &f);
	if (rc == 0 && opts_bool(g.all, OPT_STDERR))
		(void)dup2(STDERR_FILENO, STDOUT_FILENO);
	if (rc == 0)
		warn_rpc_options(cli);
	if (rc < 0)
		code = cli_fail(&f);
	else if (has_entries(&g))
		code = find_and_get(&g);
	opts_unref(g.env);
	opts_unref(g.all);
	opts_unref(g.file);
	entries_free(&g.entries);
	return code;
}
