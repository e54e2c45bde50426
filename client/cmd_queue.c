/* SPDX-License-Identifier: MIT
 * Commands that change the queue: pause, resume, rm, mv, purge, shutdown.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "client/cmd.h"
#include "client/dl.h"
#include "client/term.h"

#define STOP_MS 5000 /* longest wait for downloads to stop, */
#define END_S	15   /* and for a daemon to end: hauld takes 9 s at most, aria2 4 s */

/* One call for each GID of the command line, in one batch. Failures are told one by one; the others still count. */
static int call_each(struct rpc *r, const char *method, char *const *gids, size_t n)
{
	json_t *batch = json_array(), *answers;
	struct fail f = {0};
	int code = 0;
	for (size_t i = 0; i < n; i++)
		rpc_add(r, batch, method, json_pack("[s]", gids[i]));
	if (rpc_run(r, batch, &answers, &f) < 0)
		return cli_fail(&f);
	for (size_t i = 0; i < n; i++) {
		if (!rpc_result(answers, i, &f)) {
			cli_fail(&f);
			code = EXIT_OTHER;
		}
	}
	json_decref(answers);
	return code;
}

static int call_one(struct rpc *r, const char *method)
{
	struct fail f = {0};
	json_t *result = rpc_call(r, method, NULL, &f);
	json_decref(result);
	return result ? 0 : cli_fail(&f);
}

static bool is_any_active(struct rpc *r, char *const *gids, size_t n)
{
	json_t *batch = json_array(), *answers = NULL;
	bool any = false;
	for (size_t i = 0; i < n; i++)
		rpc_add(r, batch, "aria2.tellStatus", json_pack("[s,[s]]", gids[i], "status"));
	if (n == 0)
		rpc_add(r, batch, "aria2.tellActive", json_pack("[[s]]", "gid"));
	if (rpc_run(r, batch, &answers, NULL) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		any = any || strcmp(json_text(rpc_result(answers, i, NULL), "status"), "active") == 0;
	any = any || (n == 0 && json_array_size(rpc_result(answers, 0, NULL)) > 0);
	json_decref(answers);
	return any;
}

void cmd_wait_stopped(struct rpc *r, char *const *gids, size_t n)
{
	int64_t end = term_now() + STOP_MS;
	while (is_any_active(r, gids, n) && term_now() < end)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

/* "GID... or --all" for two methods. stops: they stop downloads. */
static int each_or_all(struct cli *cli, const char *each, const char *all, bool stops)
{
	int code;
	bool everything = cli->flag[FLAG_ALL] != NULL;
	if (everything == (cli->nwords > 0))
		return cli_usage(cli, everything ? "give either --all or GIDs" : "say which download, or --all");
	struct rpc *r = cmd_connect(cli, &code);
	if (!r)
		return code;
	code = everything ? call_one(r, all) : call_each(r, each, cli->words, cli->nwords);
	if (stops)
		cmd_wait_stopped(r, cli->words, cli->nwords);
	rpc_end(r);
	return code;
}

int cmd_pause(struct cli *cli)
{
	if (cli->flag[FLAG_FORCE])
		return each_or_all(cli, "aria2.forcePause", "aria2.forcePauseAll", true);
	return each_or_all(cli, "aria2.pause", "aria2.pauseAll", true);
}

int cmd_resume(struct cli *cli)
{
	return each_or_all(cli, "aria2.unpause", "aria2.unpauseAll", false);
}

/* Queued downloads are removed, ended ones forgotten: which it is, is asked first. */
static int remove_each(struct rpc *r, bool force, char *const *gids, size_t n)
{
	json_t *batch = json_array(), *states, *answers;
	struct fail f = {0};
	int code = 0;
	for (size_t i = 0; i < n; i++)
		rpc_add(r, batch, "aria2.tellStatus", json_pack("[s,[s,s]]", gids[i], "gid", "status"));
	if (rpc_run(r, batch, &states, &f) < 0)
		return cli_fail(&f);
	batch = json_array();
	for (size_t i = 0; i < n; i++) {
		struct dl d = {0};
		json_t *state = rpc_result(states, i, &f);
		if (!state) {
			code = cli_fail(&f);
			continue;
		}
		dl_read(state, &d);
		const char *queued = force ? "aria2.forceRemove" : "aria2.remove";
		rpc_add(r, batch, dl_is_ended(&d) ? "aria2.removeDownloadResult" : queued, json_pack("[s]", d.gid));
		dl_clear(&d);
	}
	json_decref(states);
	size_t calls = json_array_size(batch);
	if (rpc_run(r, batch, &answers, &f) < 0)
		return cli_fail(&f);
	for (size_t i = 0; i < calls; i++)
		code = rpc_result(answers, i, &f) ? code : cli_fail(&f);
	json_decref(answers);
	return code;
}

int cmd_rm(struct cli *cli)
{
	int code;
	if (cli->nwords == 0)
		return cli_usage(cli, "say which download");
	struct rpc *r = cmd_connect(cli, &code);
	if (!r)
		return code;
	code = remove_each(r, cli->flag[FLAG_FORCE] != NULL, cli->words, cli->nwords);
	cmd_wait_stopped(r, cli->words, cli->nwords);
	rpc_end(r);
	return code;
}

/* first, last, N (from 1), +N, -N as changePosition's position and way. */
static bool parse_place(const char *text, json_int_t *ret_pos, const char **ret_how)
{
	uint64_t n;
	bool relative = text[0] == '+' || text[0] == '-';
	const char *digits = text + relative;
	*ret_how = "POS_SET";
	*ret_pos = 0;
	if (strcmp(text, "first") == 0)
		return true;
	if (strcmp(text, "last") == 0) {
		*ret_how = "POS_END";
		return true;
	}
	if (str_to_u64(digits, strlen(digits), &n) < 0 || n > INT32_MAX || (!relative && n == 0))
		return false;
	if (relative)
		*ret_how = "POS_CUR";
	*ret_pos = text[0] == '-' ? -(json_int_t)n : relative ? (json_int_t)n : (json_int_t)n - 1;
	return true;
}

int cmd_mv(struct cli *cli)
{
	json_int_t pos;
	const char *how;
	int code;
	struct fail f = {0};
	if (cli->nwords != 2)
		return cli_usage(cli, "give one download and its new place");
	if (!parse_place(cli->words[1], &pos, &how))
		return cli_usage(cli, "'%s' is not a place: first, last, N, +N or -N", cli->words[1]);
	struct rpc *r = cmd_connect(cli, &code);
	if (!r)
		return code;
	json_t *result = rpc_call(r, "aria2.changePosition", json_pack("[s,I,s]", cli->words[0], pos, how), &f);
	if (result)
		printf("%lld\n", (long long)json_integer_value(result) + 1);
	code = result ? 0 : cli_fail(&f);
	json_decref(result);
	rpc_end(r);
	return code;
}

/* A command that is one call; then(r): what is still to be done when that went well, gives the exit code; NULL: nothing. */
static int simple(struct cli *cli, const char *method, int (*then)(struct rpc *r))
{
	int code;
	if (cli->nwords > 0)
		return cli_usage(cli, "unexpected argument '%s'", cli->words[0]);
	struct rpc *r = cmd_connect(cli, &code);
	if (!r)
		return code;
	code = call_one(r, method);
	if (code == 0 && then)
		code = then(r);
	rpc_end(r);
	return code;
}

int cmd_purge(struct cli *cli)
{
	return simple(cli, "aria2.purgeDownloadResult", NULL);
}

/* The connection ends with the process: port and state directory are free then. */
static int wait_ended(struct rpc *r)
{
	struct fail f = {0};
	int rc = rpc_wait_end(r, END_S * 1000, &f);
	if (rc == ERR_TIMEOUT)
		fail_set(&f, rc, "the daemon was told to end, but has not ended within %d s", END_S);
	return rc < 0 ? cli_fail(&f) : 0;
}

int cmd_shutdown(struct cli *cli)
{
	return simple(cli, cli->flag[FLAG_FORCE] ? "aria2.forceShutdown" : "aria2.shutdown", wait_ended);
}
