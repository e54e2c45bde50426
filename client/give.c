/* SPDX-License-Identifier: MIT
 * Giving downloads to a daemon.
 */
#include "client/give.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/uri.h"
#include "client/dl.h"
#include "client/optjson.h"

/* "haul: URI: why", the URI without what may be secret in it. */
static void tell_refused(const struct entry *e, const struct fail *why)
{
	char shown[160];
	fprintf(stderr, "haul: %s: %s\n", uri_show_short(e->uris[0], shown, sizeof(shown)), why->text);
}

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

static bool has_ended(const json_t *status)
{
	return is_failed(status) || strcmp(json_text(status, "status"), "complete") == 0;
}

/* A list of aria2.tellStatus has it, as it was given or as hauld normalises it. */
static bool lists_uri(const json_t *uris, const char *uri)
{
	char *plain = uri_normalise(uri);
	bool found = false;
	size_t i;
	const json_t *one;
	json_array_foreach((json_t *)uris, i, one)
	{
		const char *text = json_text(one, "uri");
		found |= strcmp(text, uri) == 0 || (plain && strcmp(text, plain) == 0);
	}
	free(plain);
	return found;
}

/* A GID of the user's own says nothing of what is downloaded: one that goes on must be of these URIs. NULL: it is. */
static const char *other_uri(const struct entry *e, const json_t *status)
{
	const json_t *uris = json_object_get(json_array_get(json_object_get(status, "files"), 0), "uris");
	if (!opts_has(e->opts, OPT_GID) || !status || has_ended(status))
		return NULL;
	for (size_t i = 0; i < e->n; i++)
		if (!lists_uri(uris, e->uris[i]))
			return e->uris[i];
	return NULL;
}

static bool is_refused(const struct entry *e, const char *gid, const json_t *status)
{
	const char *uri = other_uri(e, status);
	char shown[160];
	if (uri)
		fprintf(stderr, "haul: %s: the download with GID %s is of another URI, and has not ended\n",
			uri_show_short(uri, shown, sizeof(shown)), gid);
	return uri != NULL;
}

/* What the daemon knows of this entry from an earlier run: goes on with it, also after a failure. What a running
 * daemon has completed is wanted once more; a private one remembers it because the command has other parts. Adds the
 * calls that this takes; the last one tells whether all went well, and a new GID when it is addUri. */
static void plan_entry(struct give *g, json_t *batch, const struct entry *e, const char *gid, const json_t *status,
	const json_t *options)
{
	const char *state = json_text(status, "status");
	bool failed = is_failed(status), pause = opts_bool(e->opts, OPT_PAUSE);
	if (failed && g->retries && !opts_has(e->opts, OPT_GID)) { /* an own GID may mean other URLs than last time */
		rpc_add(g->rpc, batch, "haul.retry", json_pack("[s,o]", gid, optjson(e->opts, OF_INITIAL)));
		if (pause)
			rpc_add(g->rpc, batch, "aria2.pause", json_pack("[s]", gid));
		return;
	}
	if (failed)
		rpc_add(g->rpc, batch, "aria2.removeDownloadResult", json_pack("[s]", gid));
	if (state[0] == '\0' || failed) {
		rpc_add(g->rpc, batch, "aria2.addUri", entry_params(e, gid));
		return;
	}
	if (strcmp(state, "complete") == 0) {
		if (g->again)
			rpc_add(g->rpc, batch, "aria2.addUri", entry_params(e, NULL));
		return;
	}
	json_t *changes = changed_options(e, options);
	if (json_object_size(changes) > 0)
		rpc_add(g->rpc, batch, "aria2.changeOption", json_pack("[s,O]", gid, changes));
	json_decref(changes);
	if (strcmp(state, "paused") == 0 && !pause)
		rpc_add(g->rpc, batch, "aria2.unpause", json_pack("[s]", gid));
}

/* What is to be done with an entry. */
struct plan {
	size_t calls;
	bool refused;
};

/* Answers of plan_entry's calls from *at on: 0 or the exit code; *at moves behind them. */
static int take_planned(struct give *g, const json_t *answers, size_t *at, const struct plan *plan, const struct entry *e,
	const char *gid, uint64_t had)
{
	struct fail why = {0};
	size_t calls = plan->calls;
	const json_t *last = calls ? rpc_result(answers, *at + calls - 1, &why) : NULL;
	const char *given = json_string_value(last);
	bool is_new = given && strlen(given) == 16 && strcmp(given, gid) != 0;
	*at += calls;
	if (plan->refused)
		return EXIT_OTHER;
	if (last || calls == 0) {
		g->given(g->arg, e, is_new ? given : gid, is_new ? 0 : had);
		return 0;
	}
	tell_refused(e, &why);
	return EXIT_OTHER;
}

/* Two answers for each entry: status and options, or errors when the daemon has not heard of it. */
static json_t *ask_known(struct give *g, const struct entries *es, char (*gids)[17], struct fail *f)
{
	json_t *batch = json_array(), *known = NULL;
	for (size_t i = 0; i < es->n; i++) {
		entry_gid(&es->v[i], es->first + i, gids[i]);
		rpc_add(g->rpc, batch, "aria2.tellStatus",
			json_pack("[s,[s,s,s,s*]]", gids[i], "gid", "status", "completedLength",
				opts_has(es->v[i].opts, OPT_GID) ? "files" : NULL));
		rpc_add(g->rpc, batch, "aria2.getOption", json_pack("[s]", gids[i]));
	}
	return rpc_run(g->rpc, batch, &known, f) < 0 ? NULL : known;
}

/* aria2 has no haul.retry: there, what failed is forgotten and added again. A call without parameters tells. */
static bool has_retry(struct give *g, const json_t *known, size_t n)
{
	static const char unknown[] = "No such method";
	struct fail f = {0};
	bool any = false;
	for (size_t i = 0; i < n; i++)
		any |= is_failed(rpc_result(known, 2 * i, NULL));
	if (!any)
		return false;
	json_decref(rpc_call(g->rpc, "haul.retry", json_array(), &f));
	return strncmp(f.text, unknown, sizeof(unknown) - 1) != 0;
}

int give_entries(struct give *g, const struct entries *es)
{
	struct fail f = {0};
	size_t n = es->n, at = 0;
	char(*gids)[17] = xcalloc(n + 1, sizeof(*gids));
	struct plan *plans = xcalloc(n + 1, sizeof(*plans));
	json_t *batch = json_array(), *answers = NULL, *known = ask_known(g, es, gids, &f);
	int code = 0;
	g->retries = known && has_retry(g, known, n);
	for (size_t i = 0; known && i < n; i++) {
		size_t before = json_array_size(batch);
		const json_t *status = rpc_result(known, 2 * i, NULL);
		plans[i].refused = is_refused(&es->v[i], gids[i], status);
		if (!plans[i].refused)
			plan_entry(g, batch, &es->v[i], gids[i], status, rpc_result(known, 2 * i + 1, NULL));
		plans[i].calls = json_array_size(batch) - before;
	}
	if (!known) {
		json_decref(batch);
		code = cli_fail(&f);
	} else if (rpc_run(g->rpc, batch, &answers, &f) < 0) {
		code = cli_fail(&f);
	}
	for (size_t i = 0; answers && i < n; i++) {
		uint64_t had = json_num(rpc_result(known, 2 * i, NULL), "completedLength");
		int one = take_planned(g, answers, &at, &plans[i], &es->v[i], gids[i], had);
		code = one ? one : code;
	}
	json_decref(answers);
	json_decref(known);
	free(plans);
	free(gids);
	return code;
}
