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

#define GIVE_PART 256 /* entries of one batch: the first ones run while the next are made ready */

/* "haul: URI: why", the URI without what may be secret in it. */
static void tell_refused(const char *uri, const struct fail *why)
{
	char shown[160];
	fprintf(stderr, "haul: %s: %s\n", uri_show_short(uri, shown, sizeof(shown)), why->text);
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

/* One entry on its way to the daemon. */
struct try {
	char gid[17]; /* asked for; once it is given: the one that it has */
	enum { OPEN, GIVEN, REFUSED } state;
	uint64_t had;
	const char *uri; /* what to call it when it is refused */
	struct fail why;
	size_t calls; /* of its plan */
};

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
		if (g->again && g->failed == 0) /* else it may be we who gave it, before the daemon was lost */
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

static void refuse(struct try *t, const char *uri)
{
	t->state = REFUSED;
	t->uri = uri;
}

/* Some entries in a row. */
struct part {
	const struct entry *e;
	struct try *t;
	size_t n;
};

/* Most are new to the daemon: each is added by the GID that is its own, which fails where the daemon knows that. */
static int add_all(struct give *g, struct part *p, struct fail *f)
{
	json_t *batch = json_array(), *answers = NULL;
	for (size_t i = 0; i < p->n; i++) {
		snprintf(p->t[i].gid, sizeof(p->t[i].gid), "%s", p->e[i].gid);
		rpc_add(g->rpc, batch, "aria2.addUri", entry_params(&p->e[i], p->t[i].gid));
	}
	int rc = rpc_run(g->rpc, batch, &answers, f);
	for (size_t i = 0; rc == 0 && i < p->n; i++) {
		struct try *t = &p->t[i];
		if (rpc_result(answers, i, &t->why))
			t->state = GIVEN;
		else if (t->why.code == ERR_AUTH)
			refuse(t, p->e[i].uris[0]);
	}
	json_decref(answers);
	return rc;
}

/* The next one from i on that was not added; p->n: there is none. */
static size_t next_open(const struct part *p, size_t i)
{
	while (i < p->n && p->t[i].state != OPEN)
		i++;
	return i;
}

/* Two answers for each that was not added: status and options, or errors when the daemon has not heard of it. */
static int ask_known(struct give *g, const struct part *p, json_t **ret, struct fail *f)
{
	json_t *batch = json_array();
	for (size_t i = next_open(p, 0); i < p->n; i = next_open(p, i + 1)) {
		rpc_add(g->rpc, batch, "aria2.tellStatus",
			json_pack("[s,[s,s,s,s*]]", p->t[i].gid, "gid", "status", "completedLength",
				opts_has(p->e[i].opts, OPT_GID) ? "files" : NULL));
		rpc_add(g->rpc, batch, "aria2.getOption", json_pack("[s]", p->t[i].gid));
	}
	return rpc_run(g->rpc, batch, ret, f);
}

/* aria2 has no haul.retry: there, what failed is forgotten and added again. A call without parameters tells. */
static bool has_retry(struct give *g, const json_t *known)
{
	static const char unknown[] = "No such method";
	struct fail f = {0};
	bool any = false;
	for (size_t i = 0; i < json_array_size(known); i += 2)
		any |= is_failed(rpc_result(known, i, NULL));
	if (!any)
		return false;
	json_decref(rpc_call(g->rpc, "haul.retry", json_array(), &f));
	return strncmp(f.text, unknown, sizeof(unknown) - 1) != 0;
}

/* What can't be given is refused, with what the daemon said of it or with what is wrong. One that was refused and isn't known
 * is tried once more: the daemon may have forgotten it in between. */
static void judge(struct part *p, size_t i, const json_t *status)
{
	struct try *t = &p->t[i];
	const char *other = other_uri(&p->e[i], status);
	if (p->e[i].twice) { /* the daemon knows it because of this very command */
		refuse(t, p->e[i].uris[0]);
	} else if (other) {
		t->why = (struct fail){0};
		fail_set(&t->why, ERR_INVAL, "the download with GID %s is of another URI, and has not ended", t->gid);
		refuse(t, other);
	}
}

/* The calls for those that were not added. */
static json_t *plan_known(struct give *g, struct part *p, const json_t *known)
{
	json_t *batch = json_array();
	size_t at = 0;
	for (size_t i = next_open(p, 0); i < p->n; i = next_open(p, i + 1), at += 2) {
		const json_t *status = rpc_result(known, at, NULL);
		size_t before = json_array_size(batch);
		judge(p, i, status);
		if (p->t[i].state == OPEN)
			plan_entry(g, batch, &p->e[i], p->t[i].gid, status, rpc_result(known, at + 1, NULL));
		p->t[i].calls = json_array_size(batch) - before;
		p->t[i].had = json_num(status, "completedLength");
	}
	return batch;
}

/* Answers of t's calls from *at on; *at moves behind them. */
static void take_planned(const json_t *answers, size_t *at, struct try *t, const struct entry *e)
{
	struct fail why = {0};
	const json_t *last = t->calls ? rpc_result(answers, *at + t->calls - 1, &why) : NULL;
	const char *given = json_string_value(last);
	bool is_new = given && strlen(given) == 16 && strcmp(given, t->gid) != 0;
	*at += t->calls;
	t->why = why;
	if (!last && t->calls) {
		refuse(t, e->uris[0]);
		return;
	}
	t->state = GIVEN;
	t->had = is_new ? 0 : t->had;
	if (is_new)
		snprintf(t->gid, sizeof(t->gid), "%s", given);
}

/* Goes on with those that the daemon knows from an earlier command. */
static int go_on(struct give *g, struct part *p, struct fail *f)
{
	json_t *known = NULL, *answers = NULL;
	size_t at = 0;
	int rc = ask_known(g, p, &known, f);
	if (rc < 0)
		return rc;
	g->retries = has_retry(g, known);
	rc = rpc_run(g->rpc, plan_known(g, p, known), &answers, f);
	for (size_t i = next_open(p, 0); rc == 0 && i < p->n; i = next_open(p, i + 1))
		take_planned(answers, &at, &p->t[i], &p->e[i]);
	json_decref(answers);
	json_decref(known);
	return rc;
}

/* In the order of the entries. */
static int tell_part(struct give *g, const struct part *p)
{
	int code = 0;
	for (size_t i = 0; i < p->n; i++) {
		const struct try *t = &p->t[i];
		if (t->state == GIVEN)
			g->given(g->arg, &p->e[i], t->gid, t->had);
		if (t->state != REFUSED)
			continue;
		tell_refused(t->uri, &t->why);
		code = EXIT_OTHER;
	}
	return code;
}

static int give_part(struct give *g, const struct entries *es, size_t from, size_t n, int *code, struct fail *f)
{
	struct part p = {.e = es->v + from, .t = xcalloc(n + 1, sizeof(struct try)), .n = n};
	int rc = add_all(g, &p, f);
	if (rc == 0 && next_open(&p, 0) < n)
		rc = go_on(g, &p, f);
	g->failed = rc < 0 ? g->failed + 1 : 0;
	g->lost = rc < 0 && (rc == ERR_AUTH || g->failed >= g->tries);
	if (rc == 0 || g->lost) {
		int told = tell_part(g, &p);
		*code = told ? told : *code;
	}
	if (g->lost)
		*code = cli_fail(f);
	free(p.t);
	return g->lost ? 0 : rc;
}

int give_next(struct give *g, const struct entries *es, size_t *at, int *code, struct fail *f)
{
	size_t left = es->n - *at, n = left < GIVE_PART ? left : GIVE_PART;
	int rc = n ? give_part(g, es, *at, n, code, f) : 0;
	if (rc < 0)
		return rc;
	*at += n;
	return !g->lost && *at < es->n;
}
