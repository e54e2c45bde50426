/* SPDX-License-Identifier: MIT
 * Following downloads to their end.
 */
#include "client/follow.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/str.h"
#include "client/cli.h"

#define STOP_LOOK_MS 1000 /* between two looks whether stop_pid is there */
#define SWEEP	     64 /* downloads looked at in one round beside the active ones and the notified ones, */
#define SWEEP_BLIND  1024 /* without notifications, */
#define SWEEP_UNSURE 4096 /* and when some were missed */
#define ROUND_MIN_MS 20 /* between two rounds, however many notifications come, */
#define MANY	     256 /* and while so many are open, */
#define ROUND_MANY_MS 100 /* when a round is dear, and hurries nobody. */
#define NAP_MS	     10	 /* Then notifications come by the hundred: one look for all of this time, not one for each */
/* So many that have ended are asked for at once: a daemon forgets the oldest of a thousand results. */
#define DUE_MANY 250
#define LOST_TRIES   20
#define LOST_WAIT_MS 500
#define GONE_MS	     5000 /* a notification may wait for so long until its end is durable */

struct track {
	char gid[17];
	struct dl d;
	uint64_t place;		 /* in the order they were given */
	int64_t since;		 /* when it was added, or seen running after it had to wait */
	uint64_t had;		 /* bytes that were there before */
	bool checked;		 /* as in struct ended */
	bool dry;		 /* likewise */
	bool seen;		 /* running */
	bool queued;		 /* it had to wait */
	char *told;		 /* the last reason to wait that was told, or NULL */
	const char *outcome;	 /* the status that a notification spoke of, or NULL */
	bool is_due;		 /* a notification spoke of it */
	int64_t gone_since;	 /* when the daemon was asked first and did not know it; 0: it knew it when it was asked last */
	TAILQ_ENTRY(track) due;
	TAILQ_ENTRY(track) open;
	UT_hash_handle hh;
};

struct follow {
	struct follow_conf conf;
	struct track *by_gid;		/* those that have not ended; the same as open */
	TAILQ_HEAD(tracks, track) open; /* the next ones to look at are in front */
	struct tracks due;		/* to be asked for, in the order of the notifications */
	size_t nopen, ndue, count;	/* count: of all, also the ended ones */
	size_t unsure;			/* so many in front may have ended without a notification */
	bool notified;			/* there were notifications, so there shall be */
	bool missed;			/* some may have been lost */
	bool own; /* the last answer had our own keys: it is hauld, where nothing follows a download */
	int64_t next_full; /* round that also looks at those of which nothing was heard */
	uint64_t ended_bytes;		/* of those that have ended */
	int64_t end;			/* stop then; 0: never */
	int64_t next_pid_look;
	bool partial;
	int code;
};

struct follow *follow_new(const struct follow_conf *conf)
{
	struct follow *fo = xcalloc(1, sizeof(*fo));
	fo->conf = *conf;
	fo->end = conf->stop_s ? term_now() + conf->stop_s * 1000 : 0;
	fo->notified = rpc_fd(conf->rpc) >= 0;
	TAILQ_INIT(&fo->open);
	TAILQ_INIT(&fo->due);
	return fo;
}

static void clear_due(struct follow *fo, struct track *t)
{
	if (!t->is_due)
		return;
	TAILQ_REMOVE(&fo->due, t, due);
	t->is_due = false;
	fo->ndue--;
}

static void set_due(struct follow *fo, struct track *t)
{
	clear_due(fo, t);
	TAILQ_INSERT_TAIL(&fo->due, t, due);
	t->is_due = true;
	fo->ndue++;
}

static void track_free(struct follow *fo, struct track *t)
{
	clear_due(fo, t);
	HASH_DEL(fo->by_gid, t);
	TAILQ_REMOVE(&fo->open, t, open);
	fo->nopen--;
	dl_clear(&t->d);
	free(t->told);
	free(t);
}

void follow_free(struct follow *fo)
{
	if (!fo)
		return;
	struct track *t;
	while ((t = TAILQ_FIRST(&fo->open)))
		track_free(fo, t);
	free(fo);
}

static struct track *find(const struct follow *fo, const char *gid)
{
	struct track *t = NULL;
	HASH_FIND_STR(fo->by_gid, gid, t);
	return t;
}

void follow_add(struct follow *fo, const struct follow_item *item)
{
	if (strspn(item->gid, "0123456789abcdef") != 16 || item->gid[16] != '\0' || find(fo, item->gid))
		return;
	struct track *t = xcalloc(1, sizeof(*t));
	snprintf(t->gid, sizeof(t->gid), "%s", item->gid);
	dl_init(&t->d, item->gid, item->uri);
	t->place = fo->count++;
	t->since = term_now();
	t->had = item->had;
	t->d.relative = item->relative;
	t->checked = item->checked;
	t->dry = item->dry;
	HASH_ADD_STR(fo->by_gid, gid, t);
	TAILQ_INSERT_TAIL(&fo->open, t, open);
	fo->nopen++;
	progress_added(fo->conf.prog, item->gid, item->uri);
}

/* ---- one round of looking ---- */

static struct ended ended_of(const struct track *t)
{
	return (struct ended){.d = &t->d,
		.took = term_now() - t->since,
		.got = t->d.done > t->had && !t->dry ? t->d.done - t->had : 0,
		.checked = t->checked,
		.dry = t->dry};
}

/* t is gone afterwards. */
static void track_ended(struct follow *fo, struct track *t)
{
	struct ended e = ended_of(t);
	if (strcmp(t->d.status, "error") == 0) {
		fo->code = t->d.code ? t->d.code : 1;
		fo->partial = fo->partial || t->d.total > 0;
	}
	if (strcmp(t->d.status, "removed") == 0 && fo->conf.removed)
		fo->code = fo->conf.removed;
	if (strcmp(t->d.status, "complete") == 0)
		fo->ended_bytes += t->d.done;
	progress_end(fo->conf.prog, &e);
	track_free(fo, t);
}

/* What the daemon made out of this download (files of a metalink) belongs to it. */
static void follow_children(struct follow *fo, const json_t *answer)
{
	json_t *gid;
	size_t i;
	json_array_foreach(json_object_get(answer, "followedBy"), i, gid)
	{
		struct follow_item item = {.gid = json_string_value(gid), .uri = ""};
		if (item.gid)
			follow_add(fo, &item);
	}
}

/* Each reason once, however long it lasts, and not while other connections of the download receive. */
static void tell_wait(struct follow *fo, struct track *t)
{
	const char *why = dl_wait_reason(&t->d);
	if (why[0] == '\0' || t->d.speed > 0 || (t->told && strcmp(t->told, why) == 0))
		return;
	free(t->told);
	t->told = xstrdup(why);
	progress_wait(fo->conf.prog, &t->d);
}

/* t may be gone afterwards. */
static void track_update(struct follow *fo, struct track *t, const json_t *answer)
{
	dl_read(answer, &t->d);
	t->gone_since = 0;
	fo->own = json_object_get(answer, "haul.path") != NULL;
	t->queued = t->queued || strcmp(t->d.status, "waiting") == 0 || strcmp(t->d.status, "paused") == 0;
	if (!t->seen && strcmp(t->d.status, "active") == 0) {
		t->seen = true;
		if (t->queued)
			t->since = term_now();
	}
	tell_wait(fo, t);
	if (dl_is_ended(&t->d)) {
		follow_children(fo, answer);
		track_ended(fo, t);
	}
}

static void end_as(struct follow *fo, struct track *t, const char *status)
{
	snprintf(t->d.status, sizeof(t->d.status), "%s", status);
	track_ended(fo, t);
}

/* The end of one of which no notification came: only one that waits is removed without any. Where some were lost it may have
 * been any end, and nobody can say that there is a file. */
static const char *unheard_end(const struct follow *fo)
{
	return rpc_fd(fo->conf.rpc) >= 0 && !fo->missed ? "removed" : "error";
}

/* The daemon does not know t any more: somebody removed it, or others have pushed its result out. Then the notification,
 * which waits until that is durable, may still be on its way. */
static void vanished(struct follow *fo, struct track *t)
{
	int64_t now = term_now();
	t->gone_since = t->gone_since ? t->gone_since : now;
	if (!t->outcome && now - t->gone_since < GONE_MS && rpc_fd(fo->conf.rpc) >= 0) {
		set_due(fo, t);
		return;
	}
	const char *end = t->outcome ? t->outcome : unheard_end(fo);
	free(t->d.error);
	t->d.error = xstrdup(t->outcome ? "the daemon has forgotten why"
					: "the daemon has forgotten it, and how it ended is not known");
	t->d.code = strcmp(end, "removed") == 0 ? err_exit_code(ERR_REMOVED) : EXIT_OTHER;
	end_as(fo, t, end);
}

/* The status of a download that a notification with this name ended; NULL: it did not. */
static const char *outcome_of(const char *what)
{
	static const char *const ends[][2] = {
		{"onDownloadComplete", "complete"}, {"onDownloadError", "error"}, {"onDownloadStop", "removed"}};
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (strcmp(what, ends[i][0]) == 0)
			return ends[i][1];
	}
	return NULL;
}

/* What has been told is due; who runs is learned with the active ones. Ends nobody. Did any come? */
static bool note_events(struct follow *fo)
{
	char what[32], gid[17];
	bool any = false;
	while (rpc_event(fo->conf.rpc, what, gid)) {
		struct track *t = find(fo, gid);
		const char *outcome = outcome_of(what);
		if (!t)
			continue;
		any = true;
		if (strcmp(what, "onDownloadStart") == 0) {
			t->outcome = NULL; /* what was told before was of an earlier one with this GID */
			continue;
		}
		t->outcome = outcome ? outcome : t->outcome;
		set_due(fo, t);
	}
	return any;
}

/* Where nothing is shown of a complete one, that it is complete is all; of aria2's others may follow. */
static bool needs_no_look(const struct follow *fo, const struct track *t)
{
	return fo->own && !progress_tells(fo->conf.prog) && t->outcome && strcmp(t->outcome, "complete") == 0;
}

/* The calls of one round. */
struct round {
	bool full;	      /* the first one is for all that are active */
	struct track **asked; /* which download each of the others is for */
	size_t n;
	json_t *keys[DL_KEYS_COUNT], *batch;
};

/* Ask for t, and put it behind all others. */
static void ask_for(struct follow *fo, struct round *r, struct track *t, enum dl_keys keys)
{
	rpc_add(fo->conf.rpc, r->batch, "aria2.tellStatus", json_pack("[s,O]", t->gid, r->keys[keys]));
	r->asked[r->n++] = t;
	TAILQ_REMOVE(&fo->open, t, open);
	TAILQ_INSERT_TAIL(&fo->open, t, open);
}

/* How many are looked at of which nothing was heard. */
static size_t sweep_of(struct follow *fo, bool full)
{
	size_t most = rpc_fd(fo->conf.rpc) < 0 ? SWEEP_BLIND : SWEEP;
	if (rpc_missed(fo->conf.rpc)) {
		fo->missed = true;
		fo->unsure = fo->nopen;
	}
	if (fo->unsure > 0)
		most = fo->own ? SWEEP_UNSURE : most; /* each URI comes many times where it comes in `files` */
	else if (!full)
		return 0;
	most = most < fo->nopen ? most : fo->nopen;
	fo->unsure -= fo->unsure < most ? fo->unsure : most;
	return most;
}

/* Those that were spoken of come in the order of that, so that the last one to fail is known as such. */
static void round_calls(struct follow *fo, struct round *r)
{
	bool brief = !progress_tells(fo->conf.prog);
	size_t sweep = sweep_of(fo, r->full);
	struct track *t;
	for (int i = 0; i < DL_KEYS_COUNT; i++)
		r->keys[i] = dl_keys((enum dl_keys)i, fo->own);
	r->batch = json_array();
	r->asked = xcalloc(fo->ndue + sweep + 1, sizeof(struct track *));
	if (r->full)
		rpc_add(fo->conf.rpc, r->batch, "aria2.tellActive", json_pack("[O]", r->keys[brief ? DL_BRIEF : DL_ALL]));
	while ((t = TAILQ_FIRST(&fo->due))) {
		clear_due(fo, t); /* what comes while the round is under way counts for the next */
		ask_for(fo, r, t, brief ? DL_BRIEF : DL_ENDED);
	}
	for (size_t due = r->n; (t = TAILQ_FIRST(&fo->open)) && r->n - due < sweep && t != r->asked[0];)
		ask_for(fo, r, t, brief ? DL_BRIEF : DL_ALL);
}

static void round_clear(struct round *r)
{
	for (int i = 0; i < DL_KEYS_COUNT; i++)
		json_decref(r->keys[i]);
	free(r->asked);
}

static int take_round(struct follow *fo, const json_t *answers, const struct round *r, struct fail *f)
{
	json_t *item;
	size_t i;
	const json_t *active = r->full ? rpc_result(answers, 0, f) : NULL;
	if (r->full && !active)
		return f->code;
	for (i = 0; i < r->n; i++) {
		struct fail why = {0};
		const json_t *status = rpc_result(answers, i + r->full, &why);
		if (!status && why.code != ERR_UNKNOWN) {
			*f = why;
			return f->code;
		}
		if (status)
			track_update(fo, r->asked[i], status);
		else
			vanished(fo, r->asked[i]);
	}
	json_array_foreach(active, i, item)
	{
		struct track *t = find(fo, json_text(item, "gid"));
		if (t)
			track_update(fo, t, item);
	}
	return 0;
}

/* At all that a notification spoke of, and now and then, or with `full`, at more. */
static int look(struct follow *fo, bool full, struct fail *f)
{
	json_t *answers = NULL;
	int64_t now = term_now();
	if (fo->notified && rpc_fd(fo->conf.rpc) < 0)
		(void)rpc_use_ws(fo->conf.rpc, NULL);
	struct round r = {.full = full || now >= fo->next_full};
	if (r.full)
		fo->next_full = now + (fo->nopen >= MANY ? ROUND_MANY_MS : 0);
	round_calls(fo, &r);
	int rc = rpc_run(fo->conf.rpc, r.batch, &answers, f);
	(void)rpc_pump(fo->conf.rpc, NULL); /* what came with the answer wakes nobody later */
	(void)note_events(fo); /* of one whose result is forgotten we may just have heard */
	if (rc == 0)
		rc = take_round(fo, answers, &r, f);
	if (rc < 0)
		fo->unsure = fo->nopen;
	json_decref(answers);
	round_clear(&r);
	return rc;
}

static int by_place(const void *a, const void *b)
{
	const struct track *const *x = a, *const *y = b;
	return ((*x)->place > (*y)->place) - ((*x)->place < (*y)->place);
}

/* Those that run, in the order they were given. */
static struct track **running(const struct follow *fo, size_t *ret_n)
{
	struct track **list = xcalloc(fo->nopen + 1, sizeof(*list)), *t;
	size_t n = 0;
	TAILQ_FOREACH(t, &fo->open, open)
	{
		if (strcmp(t->d.status, "active") == 0)
			list[n++] = t;
	}
	qsort(list, n, sizeof(*list), by_place);
	*ret_n = n;
	return list;
}

static void show(struct follow *fo)
{
	struct view v = {.count = fo->count, .done = fo->ended_bytes, .total = fo->ended_bytes};
	struct track **active = running(fo, &v.nactive), *t;
	v.ended = v.count - fo->nopen;
	TAILQ_FOREACH(t, &fo->open, open)
	{
		v.done += t->d.done;
		v.total += t->d.total;
		v.waiting += strcmp(t->d.status, "waiting") == 0 || t->d.status[0] == '\0';
		v.paused += strcmp(t->d.status, "paused") == 0;
	}
	v.active = xcalloc(v.nactive + 1, sizeof(struct dl *));
	for (size_t i = 0; i < v.nactive; i++) {
		v.active[i] = &active[i]->d;
		v.speed += active[i]->d.speed;
	}
	progress_show(fo->conf.prog, &v);
	free(v.active);
	free(active);
}

/* ---- waiting ---- */

/* Did any come? */
static bool take_events(struct follow *fo)
{
	bool any = note_events(fo);
	struct track *t, *next;
	for (t = TAILQ_FIRST(&fo->due); t; t = next) {
		next = TAILQ_NEXT(t, due);
		if (needs_no_look(fo, t))
			end_as(fo, t, t->outcome);
	}
	return any;
}

/* The window has another size, or the user sets us aside for a while. */
static void take_screen(struct follow *fo)
{
	int sig;
	while ((sig = sigs_take(fo->conf.sigs->screen))) {
		if (sig != SIGTSTP)
			continue;
		progress_hide(fo->conf.prog);
		sigs_suspend();
	}
	progress_resize(fo->conf.prog);
	show(fo);
}

/* Is it time to end, by the clock or because the process that was named is gone? */
static bool wants_stop(struct follow *fo, int64_t now)
{
	if (fo->end && now >= fo->end)
		return true;
	if (fo->conf.stop_pid <= 0 || now < fo->next_pid_look)
		return false;
	fo->next_pid_look = now + STOP_LOOK_MS;
	return kill((pid_t)fo->conf.stop_pid, 0) < 0 && errno == ESRCH;
}

/* Waits for something to happen, at most so long, and takes it in: 0 or ERR_CANCELED. nap: notifications don't wake, and are
 * taken in afterwards. *ret_lost: the connection is. */
static int take_input(struct follow *fo, int ms, bool nap, bool *ret_lost)
{
	struct pollfd p[3] = {{.fd = fo->conf.sigs->stop, .events = POLLIN},
		{.fd = fo->conf.sigs->screen, .events = POLLIN},
		{.fd = nap ? -1 : rpc_fd(fo->conf.rpc), .events = POLLIN}};
	if (poll(p, 3, nap && ms > NAP_MS ? NAP_MS : ms) <= 0 && !nap)
		return 0;
	if (p[0].revents && sigs_take(fo->conf.sigs->stop))
		return ERR_CANCELED;
	if (p[1].revents)
		take_screen(fo);
	*ret_lost = (nap || p[2].revents) && rpc_pump(fo->conf.rpc, NULL) < 0;
	return 0;
}

/* Until the time is over, a notification came, or the user did something: 0 or ERR_CANCELED. */
static int wait_round(struct follow *fo, unsigned ms)
{
	int64_t begin = term_now(), end = begin + ms;
	int64_t least = begin + (fo->nopen >= MANY ? ROUND_MANY_MS : ROUND_MIN_MS);
	bool any = fo->unsure > 0, many = fo->nopen >= MANY, lost = false;
	if (fo->end && end > fo->end)
		end = fo->end;
	for (;;) {
		any = take_events(fo) || any;
		int64_t now = term_now(), until = any && least < end ? least : end;
		if (wants_stop(fo, now))
			return ERR_CANCELED;
		if (now >= until || lost || fo->nopen == 0 || fo->ndue >= DUE_MANY)
			return 0; /* the next round finds out why it was lost */
		if (take_input(fo, (int)(until - now), any && many, &lost) < 0)
			return ERR_CANCELED;
	}
}

/* For all of LOST_WAIT_MS, whatever is due: 0 or ERR_CANCELED. */
static int wait_for_daemon(struct follow *fo)
{
	int64_t end = term_now() + LOST_WAIT_MS, now;
	bool lost;
	while ((now = term_now()) < end) {
		if (wants_stop(fo, now) || take_input(fo, (int)(end - now), false, &lost) < 0)
			return ERR_CANCELED;
	}
	return 0;
}

/* The daemon did not answer: try for a while, it may be starting again. */
static int look_again(struct follow *fo, struct fail *f)
{
	int rc = f->code;
	for (int i = 0; i < LOST_TRIES && rc < 0 && rc != ERR_AUTH; i++) {
		if (rc == ERR_CANCELED || (fo->conf.alive && !fo->conf.alive(fo->conf.alive_arg)))
			return rc;
		rpc_disconnect(fo->conf.rpc);
		if (wait_for_daemon(fo) < 0)
			return fail_set(f, ERR_CANCELED, NULL);
		rc = look(fo, true, f);
	}
	return rc;
}

static bool wants_more(const struct follow *fo)
{
	return fo->conf.more && fo->nopen <= fo->conf.few;
}

/* As many as are wanted, but what has ended meanwhile is not left for long: 0, ERR_CANCELED, or the daemon is lost. */
static int give_some(struct follow *fo, struct fail *f)
{
	bool lost = false;
	while (wants_more(fo) && fo->ndue < DUE_MANY) {
		int rc = fo->conf.more(fo->conf.more_arg, f);
		if (rc < 0)
			return rc;
		if (rc == 0)
			fo->conf.more = NULL;
		if (take_input(fo, 0, false, &lost) < 0)
			return ERR_CANCELED;
		(void)take_events(fo);
	}
	return 0;
}

static int canceled(struct follow *fo, struct fail *f)
{
	(void)look(fo, true, f); /* so that what is told at the end is of now */
	return fail_set(f, ERR_CANCELED, NULL);
}

int follow_run(struct follow *fo, struct fail *f)
{
	for (;;) {
		int rc = give_some(fo, f);
		if (rc == ERR_CANCELED)
			return canceled(fo, f);
		if (rc == 0 && fo->nopen == 0)
			return 0;
		if (rc == 0)
			rc = look(fo, false, f);
		if (rc < 0)
			rc = look_again(fo, f);
		if (rc < 0)
			return rc;
		if (fo->nopen == 0 || wants_more(fo))
			continue;
		show(fo);
		if (wait_round(fo, progress_interval(fo->conf.prog)) < 0)
			return canceled(fo, f);
	}
}

void follow_tell_unfinished(struct follow *fo)
{
	struct track **list = xcalloc(fo->nopen + 1, sizeof(*list)), *t;
	size_t n = 0;
	TAILQ_FOREACH(t, &fo->open, open)
		list[n++] = t;
	qsort(list, n, sizeof(*list), by_place);
	for (size_t i = 0; i < n; i++) {
		struct ended e = ended_of(list[i]);
		progress_unfinished(fo->conf.prog, &e);
	}
	free(list);
}

int follow_code(const struct follow *fo)
{
	return fo->code;
}

bool follow_has_partial(const struct follow *fo)
{
	for (const struct track *t = TAILQ_FIRST(&fo->open); t; t = TAILQ_NEXT(t, open)) {
		if (t->d.total > 0)
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
