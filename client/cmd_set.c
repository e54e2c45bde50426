/* SPDX-License-Identifier: MIT
 * Commands that change options: set, limit.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "client/cmd.h"
#include "client/optjson.h"

/* Give the set to the daemon itself (no GIDs) or to each download; failures are told one by one. */
static int apply(const struct cli *cli, const struct opts *o, char *const *gids, size_t n)
{
	struct fail f = {0};
	int code = 0;
	json_t *batch = json_array(), *answers, *obj = optjson(o, 0);
	struct rpc *r = cmd_connect(cli, &code);
	if (!r) {
		json_decref(batch);
		json_decref(obj);
		return code;
	}
	for (size_t i = 0; i < n; i++)
		rpc_add(r, batch, "aria2.changeOption", json_pack("[s,O]", gids[i], obj));
	if (n == 0)
		rpc_add(r, batch, "aria2.changeGlobalOption", json_pack("[O]", obj));
	json_decref(obj);
	size_t calls = json_array_size(batch);
	if (rpc_run(r, batch, &answers, &f) < 0) {
		rpc_end(r);
		return cli_fail(&f);
	}
	for (size_t i = 0; i < calls; i++)
		code = rpc_result(answers, i, &f) ? code : cli_fail(&f);
	json_decref(answers);
	rpc_end(r);
	return code;
}

/* Words with '=' are assignments, those before them GIDs. */
int cmd_set(struct cli *cli)
{
	bool global = cli->flag[FLAG_GLOBAL] != NULL;
	struct fail f = {0};
	size_t gids = 0;
	while (gids < cli->nwords && !strchr(cli->words[gids], '='))
		gids++;
	if (gids == cli->nwords)
		return cli_usage(cli, "no NAME=VALUE given");
	if (global != (gids == 0))
		return cli_usage(cli, global ? "give either --global or GIDs" : "say which download, or --global");
	struct opts *o = opts_new(NULL);
	int rc = 0;
	for (size_t i = gids; rc == 0 && i < cli->nwords; i++)
		rc = optjson_assign(o, cli->words[i], global ? OF_GLOBAL : OF_LIVE | OF_RESTART, &f);
	int code = rc < 0 ? cli_fail(&f) : apply(cli, o, cli->words, gids);
	opts_unref(o);
	return code;
}

int cmd_limit(struct cli *cli)
{
	struct fail why = {0};
	if (cli->nwords == 0)
		return cli_usage(cli, "no speed given");
	size_t gids = cli->nwords - 1;
	const char *speed = cli->words[gids];
	if (strcmp(speed, "none") == 0)
		speed = "0";
	struct opts *o = opts_new(NULL);
	enum opt id = gids ? OPT_MAX_DOWNLOAD_LIMIT : OPT_MAX_OVERALL_DOWNLOAD_LIMIT;
	int code = opts_set(o, id, speed, &why) < 0 ? cli_usage(cli, "the speed '%s': %s", speed, why.text)
						    : apply(cli, o, cli->words, gids);
	opts_unref(o);
	return code;
}
