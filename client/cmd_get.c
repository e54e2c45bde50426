/* SPDX-License-Identifier: MIT
 * Commands that bring downloads: add, get.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "base/uri.h"
#include "client/cmd.h"
#include "client/entry.h"
#include "client/follow.h"
#include "client/optjson.h"
#include "client/private.h"

#define EXIT_UNFINISHED 7 /* aria2's code */

struct get {
	struct cli *cli;
	struct entries entries;
	struct sigs sigs;
	struct rpc *rpc;
	struct private *priv; /* NULL: a running daemon */
	struct progress *prog;
	struct follow *follow;
	bool retries; /* the daemon has haul.retry */
};

/* ---- options that the daemon at hand can't take ---- */

static void warn_daemon_options(const struct cli *cli)
{
	for (int i = 0; i < OPT_COUNT; i++) {
		enum opt id = (enum opt)i;
		const struct opt_def *d = opt_def(id);
		bool ours = id == OPT_INPUT_FILE || id == OPT_FORCE_SEQUENTIAL || id == OPT_RPC_SECRET ||
			    strcmp(d->group, "ui") == 0;
		if (!opts_has(cli->opts, id) || ours || (d->flags & (OF_INITIAL | OF_IGNORED)))
			continue;
		fprintf(stderr,
			"haul: warning: --%s belongs to the running daemon and has no effect here; %s or get "
			"--private\n",
			d->name, d->flags & OF_GLOBAL ? "use 'haul set --global'" : "give it to hauld");
	}
}

/* ---- adding ---- */

static void print_gid(const struct cli *cli, const char *gid, const char *uri)
{
	char safe[64];
	if (cli->flag[FLAG_JSON])
		cmd_print_json(json_pack("{s:s,s:s,s:s}", "event", "added", "gid", gid, "uri", uri));
	else if (!opts_bool(cli->opts, OPT_QUIET))
		puts(str_safe(gid, strlen(gid), safe, sizeof(safe)));
}

/* "haul: URI: why", the URI without what may be secret in it. */
static void tell_refused(const struct entry *e, const struct fail *why)
{
	char shown[160];
	fprintf(stderr, "haul: %s: %s\n", uri_show_short(e->uris[0], shown, sizeof(shown)), why->text);
}

static int add_all(const struct cli *cli, struct rpc *r, const struct entries *es)
{
	struct fail f = {0};
	json_t *batch = json_array(), *answers;
	int code = 0;
	for (size_t i = 0; i < es->n; i++)
		rpc_add(r, batch, "aria2.addUri", entry_params(&es->v[i], NULL));
	if (rpc_run(r, batch, &answers, &f) < 0)
		return cli_fail(&f);
	for (size_t i = 0; i < es->n; i++) {
		const char *gid = json_string_value(rpc_result(answers, i, &f));
		if (gid) {
			print_gid(cli, gid, es->v[i].uris[0]);
			continue;
		}
		tell_refused(&es->v[i], &f);
		code = EXIT_OTHER;
	}
	json_decref(answers);
	return code;
}

static int add_to_running(struct cli *cli, struct entries *es)
{
	int code;
	struct rpc *r = cmd_connect(cli, &code);
	if (!r)
		return code;
	char *cwd = getcwd(NULL, 0);
	entries_set_dir(es, cwd ? cwd : "/", NULL);
	free(cwd);
	warn_daemon_options(cli);
	code = add_all(cli, r, es);
	rpc_free(r);
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

/* ---- get: which daemon ---- */

static int start_private(struct get *g, struct fail *f)
{
	struct opts *conf;
	char key[17];
	int rc = private_conf(g->cli->opts, &conf, f);
	if (rc < 0)
		return rc;
	char *cwd = getcwd(NULL, 0);
	entries_set_dir(&g->entries, cwd ? cwd : "/", opts_has(conf, OPT_DIR) ? opts_str(conf, OPT_DIR) : ".");
	free(cwd);
	entries_key(&g->entries, key);
	rc = private_start(key, conf, g->sigs.stop, &g->priv, &g->rpc, f);
	opts_unref(conf);
	return rc;
}

/* A daemon that runs as this user on this machine can write where the user is; another one gets no folder unless named.
 */
static void use_running(struct get *g)
{
	char *cwd = getcwd(NULL, 0);
	entries_set_dir(&g->entries, cwd ? cwd : "/", rpc_is_same_user(g->rpc) ? "." : NULL);
	free(cwd);
	warn_daemon_options(g->cli);
}

static int find_daemon(struct get *g, struct fail *f)
{
	if (g->cli->flag[FLAG_PRIVATE])
		return start_private(g, f);
	int rc = cmd_rpc(g->cli, g->sigs.stop, &g->rpc, f);
	if (rc < 0)
		return rc;
	rc = rpc_connect(g->rpc, f);
	if (rc == 0) {
		use_running(g);
		return 0;
	}
	rpc_free(g->rpc);
	g->rpc = NULL;
	if (rc != ERR_CONNECT)
		return rc;
	if (!cmd_url(g->cli))
		return start_private(g, f);
	struct fail why = *f;
	return fail_set(f, rc, "%s; start hauld there, or give --private to do without", why.text);
}

/* ---- get: adding ---- */

/* The options of e that differ from what the daemon has: a change restarts a download's connections, so none without
 * need. */
static json_t *changed_options(const struct entry *e, const json_t *has)
{
	json_t *opts = optjson(e->opts, OF_LIVE | OF_RESTART), *val;
	const char *name;
	void *next;
	json_object_foreach_safe(opts, next, name, val)
	{
		enum opt id = opt_find(name, strlen(name));
		const char *old = json_string_value(json_object_get(has, name)), *now = opts_str(e->opts, id);
		if (old && now && strcmp(old, now) == 0)
			json_object_del(opts, name);
	}
	return opts;
}

static bool is_failed(const json_t *status)
{
	const char *state = json_text(status, "status");
	return strcmp(state, "error") == 0 || strcmp(state, "removed") == 0;
}

/* What the daemon knows of this entry from an earlier run: goes on with it, also after a failure. What a running
 * daemon has completed is wanted once more; a private one remembers it because the command has other parts. Adds the
 * calls that this takes; the last one tells whether all went well, and a new GID when it is addUri. */
static void plan_entry(struct get *g, json_t *batch, const struct entry *e, const char *gid, const json_t *status,
	const json_t *options)
{
	const char *state = json_text(status, "status");
	bool failed = is_failed(status);
	if (failed && g->retries && !opts_has(e->opts, OPT_GID)) { /* an own GID may mean other URLs than last time */
		rpc_add(g->rpc, batch, "haul.retry", json_pack("[s,o]", gid, optjson(e->opts, OF_INITIAL)));
		return;
	}
	if (failed)
		rpc_add(g->rpc, batch, "aria2.removeDownloadResult", json_pack("[s]", gid));
	if (state[0] == '\0' || failed) {
		rpc_add(g->rpc, batch, "aria2.addUri", entry_params(e, gid));
		return;
	}
	if (strcmp(state, "complete") == 0) {
		if (!g->priv)
			rpc_add(g->rpc, batch, "aria2.addUri", entry_params(e, NULL));
		return;
	}
	json_t *changes = changed_options(e, options);
	if (json_object_size(changes) > 0)
		rpc_add(g->rpc, batch, "aria2.changeOption", json_pack("[s,O]", gid, changes));
	json_decref(changes);
	if (strcmp(state, "paused") == 0)
		rpc_add(g->rpc, batch, "aria2.unpause", json_pack("[s]", gid));
}

/* Answers of plan_entry's calls from *at on: 0 or the exit code; *at moves behind them. */
static int take_planned(struct get *g, const json_t *answers, size_t *at, size_t calls, const struct entry *e,
	const char *gid, uint64_t had)
{
	struct fail why = {0};
	const json_t *last = calls ? rpc_result(answers, *at + calls - 1, &why) : NULL;
	const char *given = json_string_value(last);
	bool is_new = given && strlen(given) == 16 && strcmp(given, gid) != 0;
	*at += calls;
	if (last || calls == 0) {
		follow_add(g->follow, is_new ? given : gid, e->uris[0], is_new ? 0 : had);
		return 0;
	}
	tell_refused(e, &why);
	return EXIT_OTHER;
}

/* Two answers for each entry: status and options, or errors when the daemon has not heard of it. */
static json_t *ask_known(struct get *g, char (*gids)[17], struct fail *f)
{
	json_t *batch = json_array(), *known = NULL;
	for (size_t i = 0; i < g->entries.n; i++) {
		entry_gid(&g->entries.v[i], i, gids[i]);
		rpc_add(g->rpc, batch, "aria2.tellStatus",
			json_pack("[s,[s,s,s]]", gids[i], "gid", "status", "completedLength"));
		rpc_add(g->rpc, batch, "aria2.getOption", json_pack("[s]", gids[i]));
	}
	return rpc_run(g->rpc, batch, &known, f) < 0 ? NULL : known;
}

/* aria2 has no haul.retry: there, what failed is forgotten and added again. A call without parameters tells. */
static bool has_retry(struct get *g, const json_t *known)
{
	static const char unknown[] = "No such method";
	struct fail f = {0};
	bool any = false;
	for (size_t i = 0; i < g->entries.n; i++)
		any |= is_failed(rpc_result(known, 2 * i, NULL));
	if (!any)
		return false;
	json_decref(rpc_call(g->rpc, "haul.retry", json_array(), &f));
	return strncmp(f.text, unknown, sizeof(unknown) - 1) != 0;
}

/* GIDs come from what is downloaded, so that the same command finds its earlier work. */
static int add_or_continue(struct get *g)
{
	struct fail f = {0};
	size_t n = g->entries.n, at = 0;
	char(*gids)[17] = xcalloc(n, sizeof(*gids));
	size_t *calls = xcalloc(n, sizeof(*calls));
	json_t *batch = json_array(), *answers = NULL, *known = ask_known(g, gids, &f);
	int code = 0;
	g->retries = known && has_retry(g, known);
	for (size_t i = 0; known && i < n; i++) {
		size_t before = json_array_size(batch);
		plan_entry(g, batch, &g->entries.v[i], gids[i], rpc_result(known, 2 * i, NULL),
			rpc_result(known, 2 * i + 1, NULL));
		calls[i] = json_array_size(batch) - before;
	}
	if (!known || rpc_run(g->rpc, batch, &answers, &f) < 0)
		code = cli_fail(&f);
	for (size_t i = 0; answers && i < n; i++) {
		uint64_t had = json_num(rpc_result(known, 2 * i, NULL), "completedLength");
		int one = take_planned(g, answers, &at, calls[i], &g->entries.v[i], gids[i], had);
		code = one ? one : code;
	}
	json_decref(answers);
	json_decref(known);
	free(calls);
	free(gids);
	return code;
}

/* ---- get: the end ---- */

/* The user pressed Ctrl-C: what is unfinished waits. */
static int interrupted(struct get *g)
{
	while (sigs_take(g->sigs.stop))
		continue; /* the next one means: at once */
	if (g->priv) {
		progress_note(g->prog, "stopped; the same command again continues");
		return EXIT_UNFINISHED;
	}
	json_t *open = follow_open_gids(g->follow), *batch = json_array(), *answers = NULL, *gid;
	size_t i, n = json_array_size(open);
	struct fail f = {0};
	json_array_foreach(open, i, gid)
	{
		rpc_add(g->rpc, batch, "aria2.pause", json_pack("[O]", gid));
	}
	if (rpc_run(g->rpc, batch, &answers, &f) < 0)
		progress_note(g->prog, "the daemon goes on with it; %s", f.text);
	else if (n == 1)
		progress_note(g->prog, "paused; 'haul resume %.8s' or the same command again continues",
			json_string_value(json_array_get(open, 0)));
	else
		progress_note(
			g->prog, "%zu downloads paused; 'haul resume --all' or the same command again continues", n);
	json_decref(answers);
	json_decref(open);
	return EXIT_UNFINISHED;
}

static int follow_all(struct get *g)
{
	struct fail f = {0};
	int rc = follow_run(g->follow, &f);
	int code = follow_code(g->follow);
	if (rc == ERR_CANCELED) {
		int stop = interrupted(g);
		return code ? code : stop;
	}
	if (rc == 0)
		return code;
	if (g->priv)
		progress_note(g->prog, "the private daemon ended unexpectedly; the same command again continues");
	else
		progress_note(g->prog, "%s; what was added stays in the daemon's queue", f.text);
	return EXIT_OTHER;
}

static void open_progress(struct get *g)
{
	const struct opts *o = g->cli->opts;
	struct progress_style style = {.kind = PROGRESS_BAR,
		.color = opts_bool(o, OPT_ENABLE_COLOR),
		.bytes = !opts_bool(o, OPT_HUMAN_READABLE),
		.hide_complete = strcmp(opts_str(o, OPT_DOWNLOAD_RESULT), "hide") == 0,
		.lines_ms = PROGRESS_LINES_MS};
	if (g->cli->flag[FLAG_JSON])
		style.kind = PROGRESS_JSON;
	else if (opts_bool(o, OPT_QUIET))
		style.kind = PROGRESS_QUIET;
	else if (!opts_bool(o, OPT_SHOW_CONSOLE_READOUT))
		style.kind = PROGRESS_LINES;
	if (opts_has(o, OPT_SUMMARY_INTERVAL))
		style.lines_ms = opts_num(o, OPT_SUMMARY_INTERVAL) * 1000;
	if (opts_bool(o, OPT_STDERR))
		(void)dup2(STDERR_FILENO, STDOUT_FILENO);
	g->prog = progress_new(&style);
}

/* With the daemon found: everything until its end. */
static int get_all(struct get *g)
{
	(void)rpc_use_ws(g->rpc, NULL); /* only makes it quicker to notice ends */
	open_progress(g);
	g->follow = follow_new(g->rpc, g->prog, &g->sigs, g->priv ? private_alive : NULL, g->priv);
	int added = add_or_continue(g);
	int code = follow_all(g);
	bool keep = code == EXIT_UNFINISHED || follow_has_partial(g->follow);
	follow_free(g->follow);
	progress_free(g->prog);
	rpc_free(g->rpc);
	private_stop(g->priv, keep);
	return code ? code : added;
}

int cmd_get(struct cli *cli)
{
	struct get g = {.cli = cli};
	struct fail f = {0};
	int code;
	if (entries_read(cli, &g.entries, &f) < 0) {
		code = cli_fail(&f);
	} else if (sigs_open(&g.sigs) < 0) {
		fputs("haul: no signal descriptors left\n", stderr);
		code = EXIT_OTHER;
	} else {
		int rc = find_daemon(&g, &f);
		code = rc == 0 ? get_all(&g) : rc == ERR_CANCELED ? EXIT_UNFINISHED : cli_fail(&f);
		sigs_close(&g.sigs);
	}
	entries_free(&g.entries);
	return code;
}
