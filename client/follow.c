/* SPDX-License-Identifier: MIT
 * Following downloads to their end.
 */
#include "client/follow.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/str.h"

#define SWEEP	     64 /* downloads looked at in one round beside the active ones and the notified ones */
#define ROUND_MIN_MS 20 /* between two rounds, however many notifications come */
#define LOST_TRIES   20
#define LOST_WAIT_MS 500

struct track {
	char gid[17];
	struct dl d;
	int64_t since;		 /* when it was added, or seen running after it had to wait */
	uint64_t had;		 /* bytes that were there before */
	bool seen;		 /* running */
	bool queued;		 /* it had to wait */
	bool due;		 /* a notification spoke of it */
	TAILQ_ENTRY(track) open; /* while it has not ended */
	UT_hash_handle hh;
};

struct follow {
	struct rpc *rpc;
	struct progress *prog;
	const struct sigs *sigs;
	bool (*alive)(void *arg);
	void *arg;
	struct track *all;		/* by GID */
	TAILQ_HEAD(tracks, track) open; /* the next ones to look at are in front */
	size_t nopen;
	uint64_t ended_bytes; /* of those that have ended */
	bool partial;
	int code;
};

struct follow *follow_new(struct rpc *r, struct progress *p, const struct sigs *s, bool (*alive)(void *arg), void *arg)
{
	struct follow *fo = xcalloc(1, sizeof(*fo));
	fo->rpc = r;
	fo->prog = p;
	fo->sigs = s;
	fo->alive = alive;
	fo->arg = arg;
	TAILQ_INIT(&fo->open);
	return fo;
}

void follow_free(struct follow *fo)
{
	if (!fo)
		return;
	struct track *t, *next;
	HASH_ITER(hh, fo->all, t, next)
	{
		HASH_DEL(fo->all, t);
		dl_clear(&t->d);
		free(t);
	}
	free(fo);
}

static struct track *find(const struct follow *fo, const char *gid)
{
	struct track *t = NULL;
	HASH_FIND_STR(fo->all, gid, t);
	return t;
}

void follow_add(struct follow *fo, const char *gid, const char *uri, uint64_t had)
{
	if (strspn(gid, "0123456789abcdef") != 16 || gid[16] != '\0' || find(fo, gid))
		return;
	struct track *t = xcalloc(1, sizeof(*t));
	snprintf(t->gid, sizeof(t->gid), "%s", gid);
	json_t *nothing = json_pack("{s:s,s:[{s:[{s:s}]}]}", "gid", gid, "files", "uris", "uri", uri);
	dl_read(nothing, &t->d);
	json_decref(nothing);
	t->since = term_now();
	t->had = had;
	HASH_ADD_STR(fo->all, gid, t);
	TAILQ_INSERT_TAIL(&fo->open, t, open);
	fo->nopen++;
	progress_added(fo->prog, gid, uri);
}

/* ---- one round of looking ---- */

static void track_ended(struct follow *fo, struct track *t)
{
	uint64_t got = t->d.done > t->had ? t->d.done - t->had : 0;
	TAILQ_REMOVE(&fo->open, t, open);
	fo->nopen--;
	if (strcmp(t->d.status, "error") == 0) {
		fo->code = t->d.code ? t->d.code : 1;
		fo->partial = fo->partial || t->d.done > 0;
	}
	if (strcmp(t->d.status, "complete") == 0)
		fo->ended_bytes += t->d.done;
	progress_end(fo->prog, &t->d, term_now() - t->since, got);
}

/* What the daemon made out of this download (files of a metalink) belongs to it. */
static void follow_children(struct follow *fo, const json_t *answer)
{
	json_t *gid;
	size_t i;
	json_array_foreach(json_object_get(answer, "followedBy"), i, gid)
	{
		if (json_is_string(gid))
			follow_add(fo, json_string_value(gid), "", 0);
	}
}

static void track_update(struct follow *fo, struct track *t, const json_t *answer)
{
	dl_read(answer, &t->d);
	t->due = false;
	t->queued = t->queued || strcmp(t->d.status, "waiting") == 0 || strcmp(t->d.status, "paused") == 0;
	if (!t->seen && strcmp(t->d.status, "active") == 0) {
		t->seen = true;
		if (t->queued)
			t->since = term_now();
	}
	if (dl_is_ended(&t->d)) {
		follow_children(fo, answer);
		track_ended(fo, t);
	}
}

static void vanished(struct follow *fo, struct track *t)
{
	snprintf(t->d.status, sizeof(t->d.status), "removed");
	track_ended(fo, t);
}

/* Ask for t, and put it behind all others. */
static void ask_for(struct follow *fo, json_t *batch, struct track *t)
{
	rpc_add(fo->rpc, batch, "aria2.tellStatus", json_pack("[s,o]", t->gid, dl_keys()));
	TAILQ_REMOVE(&fo->open, t, open);
	TAILQ_INSERT_TAIL(&fo->open, t, open);
}

/* The calls of one round; ret_asked: which download each call but the first is for. */
static json_t *round_calls(struct follow *fo, struct track **asked, size_t *ret_n)
{
	json_t *batch = json_array();
	size_t n = 0, sweep = fo->nopen < SWEEP ? fo->nopen : SWEEP;
	struct track *t, *next;
	rpc_add(fo->rpc, batch, "aria2.tellActive", json_pack("[o]", dl_keys()));
	for (t = TAILQ_FIRST(&fo->open); t; t = next) {
		next = TAILQ_NEXT(t, open);
		if (t->due)
			asked[n++] = t;
	}
	for (t = TAILQ_FIRST(&fo->open); t && sweep > 0; t = TAILQ_NEXT(t, open), sweep--) {
		if (!t->due)
			asked[n++] = t;
	}
	for (size_t i = 0; i < n; i++)
		ask_for(fo, batch, asked[i]);
	*ret_n = n;
	return batch;
}

static int take_round(struct follow *fo, const json_t *answers, struct track **asked, size_t n, struct fail *f)
{
	json_t *item;
	size_t i;
	const json_t *active = rpc_result(answers, 0, f);
	if (!active)
		return f->code;
	for (i = 0; i < n; i++) {
		struct fail why = {0};
		const json_t *status = rpc_result(answers, i + 1, &why);
		if (status)
			track_update(fo, asked[i], status);
		else
			vanished(fo, asked[i]);
	}
	json_array_foreach(active, i, item)
	{
		struct track *t = find(fo, json_text(item, "gid"));
		if (t && !dl_is_ended(&t->d))
			track_update(fo, t, item);
	}
	return 0;
}

static int look(struct follow *fo, struct fail *f)
{
	struct track **asked = xcalloc(fo->nopen + 1, sizeof(struct track *));
	json_t *answers = NULL;
	size_t n;
	json_t *batch = round_calls(fo, asked, &n);
	int rc = rpc_run(fo->rpc, batch, &answers, f);
	if (rc == 0)
		rc = take_round(fo, answers, asked, n, f);
	json_decref(answers);
	free(asked);
	return rc;
}

static void show(struct follow *fo)
{
	struct progress_view v = {.count = HASH_COUNT(fo->all), .done = fo->ended_bytes, .total = fo->ended_bytes};
	struct track *t;
	v.ended = v.count - fo->nopen;
	v.active = xcalloc(fo->nopen + 1, sizeof(struct dl *));
	for (t = fo->all; t; t = t->hh.next) {
		if (dl_is_ended(&t->d))
			continue;
		v.done += t->d.done;
		v.total += t->d.total;
		v.waiting += strcmp(t->d.status, "waiting") == 0 || t->d.status[0] == '\0';
		v.paused += strcmp(t->d.status, "paused") == 0;
		if (strcmp(t->d.status, "active") != 0)
			continue;
		v.active[v.nactive++] = &t->d;
		v.speed += t->d.speed;
	}
	progress_show(fo->prog, &v);
	free(v.active);
}

/* ---- waiting ---- */

static void take_events(struct follow *fo, bool *ret_any)
{
	char what[32], gid[17];
	while (rpc_event(fo->rpc, what, gid)) {
		struct track *t = find(fo, gid);
		if (t && !dl_is_ended(&t->d))
			t->due = *ret_any = true;
	}
}

/* The window has another size, or the user sets us aside for a while. */
static void take_screen(struct follow *fo)
{
	int sig;
	while ((sig = sigs_take(fo->sigs->screen))) {
		if (sig != SIGTSTP)
			continue;
		progress_hide(fo->prog);
		sigs_suspend();
	}
	progress_resize(fo->prog);
	show(fo);
}

/* Until the time is over, a notification came, or the user did something: 0 or ERR_CANCELED. */
static int wait_round(struct follow *fo, unsigned ms)
{
	int64_t begin = term_now(), end = begin + ms;
	bool any = false;
	take_events(fo, &any);
	for (;;) {
		int64_t now = term_now(), until = any ? begin + ROUND_MIN_MS : end;
		if (now >= until)
			return 0;
		struct pollfd p[3] = {{.fd = fo->sigs->stop, .events = POLLIN},
			{.fd = fo->sigs->screen, .events = POLLIN}, {.fd = rpc_fd(fo->rpc), .events = POLLIN}};
		if (poll(p, 3, (int)(until - now)) <= 0)
			continue;
		if (p[0].revents && sigs_take(fo->sigs->stop))
			return ERR_CANCELED;
		if (p[1].revents)
			take_screen(fo);
		if (p[2].revents && rpc_pump(fo->rpc, NULL) < 0)
			return 0; /* the next round finds out why */
		take_events(fo, &any);
	}
}

/* The daemon did not answer: try for a while, it may be starting again. */
static int look_again(struct follow *fo, struct fail *f)
{
	int rc = f->code;
	for (int i = 0; i < LOST_TRIES && rc < 0 && rc != ERR_AUTH; i++) {
		if (rc == ERR_CANCELED || (fo->alive && !fo->alive(fo->arg)))
			return rc;
		if (wait_round(fo, LOST_WAIT_MS) == ERR_CANCELED)
			return fail_set(f, ERR_CANCELED, NULL);
		rpc_disconnect(fo->rpc);
		(void)rpc_use_ws(fo->rpc, NULL);
		rc = look(fo, f);
	}
	return rc;
}

int follow_run(struct follow *fo, struct fail *f)
{
	while (fo->nopen > 0) {
		int rc = look(fo, f);
		if (rc < 0)
			rc = look_again(fo, f);
		if (rc < 0)
			return rc;
		if (fo->nopen == 0)
			break;
		show(fo);
		if (wait_round(fo, progress_interval(fo->prog)) < 0)
			return fail_set(f, ERR_CANCELED, NULL);
	}
	return 0;
}

int follow_code(const struct follow *fo)
{
	return fo->code;
}

bool follow_has_partial(const struct follow *fo)
{
	for (const struct track *t = TAILQ_FIRST(&fo->open); t; t = TAILQ_NEXT(t, open)) {
		if (t->d.done > 0)
			return true;
	}
	return fo->partial;
}

json_t *follow_open_gids(const struct follow *fo)
{
	json_t *list = json_array();
	for (const struct track *t = TAILQ_FIRST(&fo->open); t; t = TAILQ_NEXT(t, open))
		json_array_append_new(list, json_string(t->gid));
	return list;
}
