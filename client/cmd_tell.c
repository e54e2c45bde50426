/* SPDX-License-Identifier: MIT
 * Commands that look: ls, show, stat.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/uri.h"
#include "client/cmd.h"
#include "client/dl.h"
#include "client/show.h"

#define PAGE	1000 /* downloads asked for at once, */
#define OVERLAP 100  /* of which so many again: so many may leave a list between two calls, and the rest moves up */

/* ---- JSON ---- */

/* A program that reads it has use for a URI's query, to know which it is, but not for user and password. */
static void hide_logins(json_t *value)
{
	static const char *const uris[] = {"uri", "haul.uri", "currentUri"};
	const char *name;
	json_t *inner;
	size_t i;
	json_array_foreach(value, i, inner)
	{
		hide_logins(inner);
	}
	json_object_foreach(value, name, inner)
	{
		hide_logins(inner);
	}
	for (i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
		json_t *text = json_object_get(value, uris[i]);
		if (!json_is_string(text))
			continue;
		char *plain = uri_without_login(json_string_value(text));
		json_string_set(text, plain);
		free(plain);
	}
}

/* ---- ls ---- */

/* Downloads of several answers, between which they go from list to list: each once, as it was first told. */
struct listing {
	json_t *list, *seen; /* seen: their GIDs */
};

static void take_page(struct listing *l, const json_t *page)
{
	json_t *item;
	size_t i;
	json_array_foreach((json_t *)(uintptr_t)page, i, item)
	{
		const char *gid = json_text(item, "gid");
		if (json_object_get(l->seen, gid))
			continue;
		json_object_set_new(l->seen, gid, json_true());
		json_array_append(l->list, item);
	}
}

static json_t *page_params(size_t at)
{
	return json_pack("[I,i,o]", (json_int_t)at, PAGE, dl_keys(DL_ALL, false));
}

/* The pages of tellWaiting or tellStopped behind the first n. */
static int fetch_pages(struct rpc *r, const char *method, size_t n, struct listing *l, struct fail *f)
{
	for (size_t at = n, got = PAGE; got == PAGE; at += PAGE - OVERLAP) {
		at = at > OVERLAP ? at : OVERLAP;
		json_t *page = rpc_call(r, method, page_params(at - OVERLAP), f);
		if (!page)
			return f->code;
		got = json_array_size(page);
		take_page(l, page);
		json_decref(page);
	}
	return 0;
}

/* What the first pages did not have. Downloads go from waiting to active to stopped, so the lists are read in this order. */
static int fetch_more(struct rpc *r, size_t waiting, size_t stopped, struct listing *l, struct fail *f)
{
	int rc = waiting == PAGE ? fetch_pages(r, "aria2.tellWaiting", waiting, l, f) : 0;
	if (rc < 0 || (waiting < PAGE && stopped < PAGE))
		return rc;
	json_t *active = rpc_call(r, "aria2.tellActive", json_pack("[o]", dl_keys(DL_ALL, false)), f);
	if (!active)
		return f->code;
	take_page(l, active);
	json_decref(active);
	return fetch_pages(r, "aria2.tellStopped", stopped, l, f);
}

/* The first pages come in one batch, which the daemon answers in one turn. */
static int fetch_lists(struct rpc *r, struct listing *l, struct fail *f)
{
	json_t *batch = json_array(), *answers = NULL, *page[3];
	rpc_add(r, batch, "aria2.tellActive", json_pack("[o]", dl_keys(DL_ALL, false)));
	rpc_add(r, batch, "aria2.tellWaiting", page_params(0));
	rpc_add(r, batch, "aria2.tellStopped", page_params(0));
	int rc = rpc_run(r, batch, &answers, f);
	for (size_t i = 0; rc == 0 && i < 3; i++) {
		page[i] = rpc_result(answers, i, f);
		rc = page[i] ? 0 : f->code;
		take_page(l, page[i]);
	}
	if (rc == 0)
		rc = fetch_more(r, json_array_size(page[1]), json_array_size(page[2]), l, f);
	json_decref(answers);
	return rc;
}

static int fetch_all(struct rpc *r, json_t **ret, struct fail *f)
{
	struct listing l = {json_array(), json_object()};
	int rc = fetch_lists(r, &l, f);
	json_decref(l.seen);
	if (rc < 0)
		json_decref(l.list);
	else
		*ret = l.list;
	return rc;
}

static bool is_wanted(const struct cli *cli, const json_t *item)
{
	for (size_t i = 0; i < cli->nwords; i++) {
		if (strcmp(cli->words[i], json_text(item, "status")) == 0)
			return true;
	}
	return cli->nwords == 0;
}

/* Digits over all downloads, shown or not, so that what is printed can be used as it stands. */
static size_t digits_for(const json_t *list)
{
	size_t n = json_array_size(list), i;
	json_t *item;
	char(*gids)[17] = xcalloc(n + 1, sizeof(*gids));
	json_array_foreach(list, i, item)
	{
		snprintf(gids[i], sizeof(gids[i]), "%s", json_text(item, "gid"));
	}
	size_t digits = show_gid_digits(gids, n, 6);
	free(gids);
	return digits;
}

static void print_list(const struct cli *cli, const json_t *list)
{
	struct term t;
	struct dl d = {0};
	size_t i, digits = digits_for(list), shown = 0;
	json_t *item;
	term_init(&t, 1);
	json_array_foreach(list, i, item)
	{
		if (!is_wanted(cli, item))
			continue;
		if (shown++ == 0)
			show_heading(stdout, &t, digits);
		dl_read(item, &d);
		show_line(stdout, &t, digits, &d);
	}
	dl_clear(&d);
	if (shown == 0 && t.tty)
		puts(cli->nwords ? "Nothing in that state." : "No downloads.");
}

static bool is_state(const char *s)
{
	static const char *const states[] = {"active", "waiting", "paused", "complete", "error", "removed"};
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcmp(states[i], s) == 0)
			return true;
	}
	return false;
}

int cmd_ls(struct cli *cli)
{
	struct fail f = {0};
	json_t *list, *item;
	size_t i;
	int code = 0;
	for (i = 0; i < cli->nwords; i++) {
		if (!is_state(cli->words[i]))
			return cli_usage(cli, "'%s' is not a state (active, waiting, paused, complete, error, removed)",
				cli->words[i]);
	}
	struct rpc *r = cmd_connect(cli, &code);
	if (!r)
		return code;
	if (fetch_all(r, &list, &f) < 0) {
		rpc_end(r);
		return cli_fail(&f);
	}
	if (!cli->flag[FLAG_JSON])
		print_list(cli, list);
	json_array_foreach(list, i, item)
	{
		if (!cli->flag[FLAG_JSON] || !is_wanted(cli, item))
			continue;
		hide_logins(item);
		cmd_print_json(json_incref(item));
	}
	json_decref(list);
	rpc_end(r);
	return 0;
}

/* ---- show ---- */

static void print_progress(const struct dl *d)
{
	char a[16], b[16], pct[8], speed[24], eta[16];
	char *line = xasprintf("%s of %s (%s)", str_bytes(d->done, a),
		d->total ? str_bytes(d->total, b) : "unknown size", show_percent(d, pct));
	show_field(stdout, "Progress", line);
	free(line);
	if (strcmp(d->status, "active") != 0)
		return;
	uint64_t left = d->total > d->done ? d->total - d->done : 0;
	line = xasprintf("%s over %u connection%s, ETA %s", show_speed(d->speed, speed), d->conns,
		d->conns == 1 ? "" : "s", show_eta(d->total ? dl_eta(left, d->speed) : -1, eta));
	show_field(stdout, "Speed", line);
	free(line);
}

#define URI_SHOWN 4096

/* Each URI once; the daemon repeats them, one entry a connection. What a terminal shows is copied into reports: no password,
 * and no query, which may be signed. */
static void print_uris(const json_t *status)
{
	json_t *seen = json_object(), *u;
	const json_t *uris = json_object_get(json_array_get(json_object_get(status, "files"), 0), "uris");
	char text[URI_SHOWN];
	size_t i;
	json_array_foreach(uris, i, u)
	{
		const char *uri = json_text(u, "uri");
		if (json_object_get(seen, uri))
			continue;
		json_object_set_new(seen, uri, json_true());
		const char *why = json_text(u, "haul.givenUp");
		uri_show_short(uri, text, sizeof(text));
		char *line = why[0] ? xasprintf("%s (given up: %s)", text, why) : xstrdup(text);
		show_field(stdout, json_object_size(seen) == 1 ? "URIs" : "", line);
		free(line);
	}
	json_decref(seen);
}

/* "scheme://host:port" of a URI. */
static size_t origin_len(const char *uri)
{
	const char *host = strstr(uri, "://");
	return host ? (size_t)(host + 3 - uri) + strcspn(host + 3, "/?#") : strlen(uri);
}

/* Connections of one origin are one line. */
static void print_servers(const json_t *servers)
{
	json_t *list = json_object_get(json_array_get(servers, 0), "servers"), *s, *other;
	size_t i, k, lines = 0, n = json_array_size(list);
	for (i = 0; i < n; i++) {
		s = json_array_get(list, i);
		const char *uri = json_text(s, "currentUri");
		size_t len = origin_len(uri), before = 0, count = 0;
		uint64_t sum = 0;
		json_array_foreach(list, k, other)
		{
			const char *its = json_text(other, "currentUri");
			if (origin_len(its) != len || strncmp(its, uri, len) != 0)
				continue;
			before += k < i;
			count++;
			sum += json_num(other, "downloadSpeed");
		}
		if (before)
			continue;
		char speed[24];
		char text[URI_SHOWN];
		uri_show_short(uri, text, sizeof(text));
		char *line = xasprintf("%zu to %.*s, %s", count, (int)origin_len(text), text, show_speed(sum, speed));
		show_field(stdout, lines++ == 0 ? "Connections" : "", line);
		free(line);
	}
}

/* Only what differs from the daemon's own options: the rest says nothing about this download. */
static void print_options(const json_t *own, const json_t *global)
{
	const char *name;
	json_t *val;
	bool first = true;
	json_object_foreach((json_t *)(uintptr_t)own, name, val)
	{
		enum opt id = opt_find(name, strlen(name));
		const char *text = json_string_value(val);
		if (!text || json_equal(val, json_object_get(global, name)))
			continue;
		bool secret = id != OPT_COUNT && (opt_def(id)->flags & OF_SECRET);
		char *line = secret ? xasprintf("%s=(secret)", name)
				    : xasprintf("%s=%.*s", name, (int)strcspn(text, "\n"), text);
		show_field(stdout, first ? "Options" : "", line);
		free(line);
		first = false;
	}
}

static void print_error(const struct dl *d)
{
	if (strcmp(d->status, "error") != 0)
		return;
	char *line = xasprintf("%s (code %d)", d->error[0] ? d->error : "no reason given", d->code);
	show_field(stdout, "Error", line);
	free(line);
	if (show_advice(d->code))
		show_field(stdout, "What to do", show_advice(d->code));
}

/* Why it is not receiving: the daemon tells it of a download that had its turn; any other one waits for it. */
static void print_wait(const struct dl *d, const json_t *wait, const json_t *global)
{
	const char *why = json_text(wait, "haul.wait"), *most = json_text(global, "max-concurrent-downloads");
	if (why[0])
		show_field(stdout, "Waits", why);
	if (why[0] || strcmp(d->status, "waiting") != 0)
		return;
	char *line = most[0] ? xasprintf("for its turn (max-concurrent-downloads is %s)", most) : xstrdup("for its turn");
	show_field(stdout, "Waits", line);
	free(line);
}

static void print_sharing(const json_t *more)
{
	uint64_t n = json_num(more, "haul.sharing");
	if (n == 0)
		return;
	char *line = xasprintf("the connections to its server with %llu other download%s", (unsigned long long)n,
		n == 1 ? "" : "s");
	show_field(stdout, "Shares", line);
	free(line);
}

static void print_unproven(const json_t *more)
{
	if (strcmp(json_text(more, "haul.unproven"), "true") == 0)
		show_field(stdout, "Unproven",
			"nothing proves that all bytes are of one version of the file: compare a checksum");
}

/* Calls of one download, and their answers from at on: status, options, servers, keys of hauld's own. */
#define SHOW_CALLS 4

/* global: the daemon's options. */
static int show_one(const json_t *answers, size_t at, const json_t *global)
{
	struct fail f = {0};
	struct dl d = {0};
	json_t *status = rpc_result(answers, at, &f);
	if (!status)
		return cli_fail(&f);
	dl_read(status, &d);
	show_field(stdout, "GID", d.gid);
	show_field(stdout, "Name", d.name);
	show_field(stdout, "State", d.status);
	print_progress(&d);
	print_sharing(rpc_result(answers, at + 3, NULL));
	print_wait(&d, rpc_result(answers, at + 3, NULL), global);
	print_unproven(rpc_result(answers, at + 3, NULL));
	print_error(&d);
	show_field(stdout, "File", d.path[0] ? d.path : "(not known yet)");
	print_uris(status);
	print_servers(rpc_result(answers, at + 2, NULL));
	print_options(rpc_result(answers, at + 1, NULL), global);
	dl_clear(&d);
	return 0;
}

/* The daemon shows secrets to whoever holds its token; terminals and logs of scripts are no place for them. */
static json_t *without_secrets(const json_t *options)
{
	json_t *out = json_copy((json_t *)(uintptr_t)options);
	for (int i = 0; i < OPT_COUNT; i++) {
		if (opt_def((enum opt)i)->flags & OF_SECRET)
			json_object_del(out, opt_def((enum opt)i)->name);
	}
	return out;
}

static int show_json(const json_t *answers, size_t at)
{
	struct fail f = {0};
	json_t *status = rpc_result(answers, at, &f), *options = rpc_result(answers, at + 1, NULL);
	json_t *servers = rpc_result(answers, at + 2, NULL);
	if (!status)
		return cli_fail(&f);
	json_t *out = json_copy(status), *more = rpc_result(answers, at + 3, NULL);
	if (more)
		json_object_update(out, more);
	if (options)
		json_object_set_new(out, "options", without_secrets(options));
	if (servers)
		json_object_set(out, "servers", servers);
	hide_logins(out);
	cmd_print_json(out);
	return 0;
}

int cmd_show(struct cli *cli)
{
	struct fail f = {0};
	json_t *batch = json_array(), *answers;
	int code = 0;
	struct rpc *r = cli->nwords ? cmd_connect(cli, &code) : NULL;
	if (!r) {
		json_decref(batch);
		return cli->nwords ? code : cli_usage(cli, "say which download");
	}
	rpc_add(r, batch, "aria2.getGlobalOption", NULL);
	for (size_t i = 0; i < cli->nwords; i++) {
		rpc_add(r, batch, "aria2.tellStatus", json_pack("[s]", cli->words[i]));
		rpc_add(r, batch, "aria2.getOption", json_pack("[s]", cli->words[i]));
		rpc_add(r, batch, "aria2.getServers", json_pack("[s]", cli->words[i]));
		rpc_add(r, batch, "aria2.tellStatus", json_pack("[s,[s,s,s]]", cli->words[i], "haul.wait", "haul.unproven",
			"haul.sharing"));
	}
	if (rpc_run(r, batch, &answers, &f) < 0) {
		rpc_end(r);
		return cli_fail(&f);
	}
	for (size_t i = 0; i < cli->nwords; i++) {
		if (i > 0 && !cli->flag[FLAG_JSON])
			putchar('\n');
		int one = cli->flag[FLAG_JSON]
				  ? show_json(answers, 1 + SHOW_CALLS * i)
				  : show_one(answers, 1 + SHOW_CALLS * i, rpc_result(answers, 0, NULL));
		code = one ? one : code;
	}
	json_decref(answers);
	rpc_end(r);
	return code;
}

/* ---- stat ---- */

static void print_stat(const struct rpc *r, const json_t *version, const json_t *stat, const json_t *options)
{
	char speed[24], limit[24];
	uint64_t max = json_num(options, "max-overall-download-limit");
	char *line = xasprintf("%s at %s", json_text(version, "version"), rpc_endpoint(r)->show);
	show_field(stdout, "Daemon", line);
	free(line);
	line = xasprintf("%s (limit: %s)", show_speed(json_num(stat, "downloadSpeed"), speed),
		max ? show_speed(max, limit) : "none");
	show_field(stdout, "Speed", line);
	free(line);
	line = xasprintf("%llu active (at most %s), %llu waiting, %llu ended",
		(unsigned long long)json_num(stat, "numActive"), json_text(options, "max-concurrent-downloads"),
		(unsigned long long)json_num(stat, "numWaiting"), (unsigned long long)json_num(stat, "numStopped"));
	show_field(stdout, "Downloads", line);
	free(line);
	show_field(stdout, "Folder", json_text(options, "dir"));
}

int cmd_stat(struct cli *cli)
{
	struct fail f = {0};
	json_t *batch = json_array(), *answers = NULL;
	int code = 0;
	struct rpc *r = cli->nwords ? NULL : cmd_connect(cli, &code);
	if (!r) {
		json_decref(batch);
		return cli->nwords ? cli_usage(cli, "unexpected argument '%s'", cli->words[0]) : code;
	}
	rpc_add(r, batch, "aria2.getVersion", NULL);
	rpc_add(r, batch, "aria2.getGlobalStat", NULL);
	rpc_add(r, batch, "aria2.getGlobalOption", NULL);
	int rc = rpc_run(r, batch, &answers, &f);
	const json_t *version = rc < 0 ? NULL : rpc_result(answers, 0, &f),
		     *stat = rc < 0 ? NULL : rpc_result(answers, 1, &f);
	const json_t *options = rc < 0 ? NULL : rpc_result(answers, 2, &f);
	if (!version || !stat || !options)
		code = cli_fail(&f);
	else if (cli->flag[FLAG_JSON])
		cmd_print_json(json_pack("{s:O,s:O}", "version", json_object_get(version, "version"), "stat", stat));
	else
		print_stat(r, version, stat, options);
	json_decref(answers);
	rpc_end(r);
	return code;
}
