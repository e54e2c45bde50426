/* SPDX-License-Identifier: MIT
 * The record of a full file system lives as long as somebody waits there, or was let in and has not left.
 */
#include "core/volume.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "disk/room.h"
#include "ev/loop.h"
#include "ev/mounts.h"
#include "ev/timer.h"
#include "ev/work.h"

#define LOOK_FIRST_MS 2000
#define LOOK_MOST_MS  60000

TAILQ_HEAD(waiter_list, volume_waiter);

struct volume {
	OBJ(VOLUME);
	struct volumes *all;
	struct room room;	 /* as it was last seen */
	struct waiter_list waiting, in;
	struct volume_look *look; /* under way, or NULL */
	struct timer timer;	  /* to the next one; runs while somebody waits */
	uint64_t every;		  /* ms */
	uint64_t looked_at;
	TAILQ_ENTRY(volume) link;
};

struct volumes {
	struct loop *loop;
	const struct fs_ops *fs;
	TAILQ_HEAD(volume_list, volume) list;
	unsigned waiting;
};

/* One look on the pool, for a newcomer or for a record; neither: nobody wants it any more. */
struct volume_look {
	const struct fs_ops *fs;
	char *dir;
	struct room room;
	struct volume_waiter *w;
	struct volume *v;
};

/* ---- looking ---- */

static void look_run(void *arg)
{
	struct volume_look *k = arg;

	room_look(k->fs, k->dir, &k->room);
}

static void look_done(void *arg, int status);

static struct volume_look *look_start(struct volumes *s, const char *dir)
{
	struct volume_look *k = xcalloc(1, sizeof(*k));

	k->fs = s->fs;
	k->dir = xstrdup(dir);
	work_submit(s->loop, mounts_dev(s->loop, dir), WORK_DISK, look_run, look_done, k);
	return k;
}

static void on_timer(void *arg)
{
	struct volume *v = arg;
	const struct volume_waiter *first = TAILQ_FIRST(&v->waiting);

	OBJ_CHECK(v, VOLUME);
	if (first == NULL || v->look != NULL)
		return;
	v->look = look_start(v->all, first->dir);
	v->look->v = v;
}

static void look_again(struct volume *v)
{
	if (!TAILQ_EMPTY(&v->waiting) && v->look == NULL && !timer_running(&v->timer))
		timer_start(v->all->loop, &v->timer, v->every, 0, on_timer, v);
}

/* ---- records ---- */

static struct volume *volume_get(struct volumes *s, const struct room *room)
{
	struct volume *v;

	TAILQ_FOREACH(v, &s->list, link)
	{
		if (v->room.dev == room->dev)
			return v;
	}
	v = xcalloc(1, sizeof(*v));
	OBJ_INIT(v, VOLUME);
	v->all = s;
	v->room = *room;
	v->every = LOOK_FIRST_MS;
	TAILQ_INIT(&v->waiting);
	TAILQ_INIT(&v->in);
	TAILQ_INSERT_TAIL(&s->list, v, link);
	log_warn(CORE, "no room on %s: downloads there wait, and go on by themselves when there is", room->where);
	return v;
}

static void volume_drop_unused(struct volume *v)
{
	if (!TAILQ_EMPTY(&v->waiting) || !TAILQ_EMPTY(&v->in))
		return;
	TAILQ_REMOVE(&v->all->list, v, link);
	timer_stop(&v->timer);
	if (v->look != NULL)
		v->look->v = NULL;
	OBJ_FREE(v);
}

/* What those who were let in will still take. */
static uint64_t promised(const struct volume *v)
{
	const struct volume_waiter *w;
	uint64_t sum = 0;

	TAILQ_FOREACH(w, &v->in, link)
	{
		if (w->look == NULL && __builtin_add_overflow(sum, w->owes(w->arg, w->need), &sum))
			return UINT64_MAX;
	}
	return sum;
}

static bool fits(const struct volume_waiter *w, const struct room *room, uint64_t promised)
{
	uint64_t want;

	return room->files && !__builtin_add_overflow(w->need, w->reserve, &want) &&
	       !__builtin_add_overflow(want, promised, &want) && want <= room->free;
}

/* ---- waiting ---- */

static void unlink_waiter(struct volume_waiter *w)
{
	struct volume *v = w->v;

	if (v == NULL)
		return;
	TAILQ_REMOVE(w->in ? &v->in : &v->waiting, w, link);
	w->v = NULL;
	w->in = false;
	volume_drop_unused(v);
}

static void join(struct volume_waiter *w, const struct room *room)
{
	struct volume *v = volume_get(w->all, room); /* before an old place is left: it may be the same record */

	if (w->in) {
		TAILQ_REMOVE(&w->v->in, w, link);
		if (w->v != v)
			volume_drop_unused(w->v);
		w->in = false;
	}
	w->v = v;
	TAILQ_INSERT_TAIL(&v->waiting, w, link);
	v->room = *room;
	if (loop_now(w->all->loop) - v->looked_at > LOOK_MOST_MS) /* an earlier want of room is over */
		v->every = LOOK_FIRST_MS;
	look_again(v);
}

static void let_in(struct volume_waiter *w)
{
	struct volume *v = w->v;

	TAILQ_REMOVE(&v->waiting, w, link);
	TAILQ_INSERT_TAIL(&v->in, w, link);
	w->in = true;
	w->all->waiting--;
	w->cb(w->arg);
}

/* The waiters' callbacks only note that they may go on; none leaves from there. */
static void let_in_who_fits(struct volume *v, const struct room *room)
{
	struct volume_waiter *w = TAILQ_FIRST(&v->waiting), *next;

	if (w != NULL && room->dev != v->room.dev) { /* something else is mounted there: it will see, and the next one soon */
		v->every = LOOK_FIRST_MS;
		let_in(w);
		return;
	}
	v->room = *room;
	for (; w != NULL; w = next) {
		next = TAILQ_NEXT(w, link);
		if (fits(w, room, promised(v)))
			let_in(w);
	}
}

static void looked(struct volume *v, const struct room *room)
{
	v->look = NULL;
	v->looked_at = loop_now(v->all->loop);
	v->every = v->every * 2 < LOOK_MOST_MS ? v->every * 2 : LOOK_MOST_MS;
	let_in_who_fits(v, room);
	look_again(v);
}

static void look_done(void *arg, int status)
{
	struct volume_look *k = arg;

	if (status != 0)
		k->room = (struct room){.free = UINT64_MAX, .files = true};
	if (k->w != NULL) {
		k->w->look = NULL;
		join(k->w, &k->room);
	} else if (k->v != NULL) {
		looked(k->v, &k->room);
	}
	free(k->dir);
	free(k);
}

/* ---- public ---- */

struct volumes *volumes_new(struct loop *l, const struct fs_ops *fs)
{
	struct volumes *s = xcalloc(1, sizeof(*s));

	s->loop = l;
	s->fs = fs;
	TAILQ_INIT(&s->list);
	return s;
}

void volumes_free(struct volumes *s)
{
	if (s == NULL)
		return;
	if (!TAILQ_EMPTY(&s->list) || s->waiting > 0)
		obj_die("end of all waiting for room", __FILE__, __LINE__);
	free(s);
}

unsigned volumes_waiting(const struct volumes *s)
{
	return s->waiting;
}

bool volume_is_waiting(const struct volume_waiter *w)
{
	return w->all != NULL && (!w->in || w->look != NULL);
}

static void forget_look(struct volume_waiter *w)
{
	if (w->look != NULL)
		w->look->w = NULL;
	w->look = NULL;
}

void volume_wait(struct volumes *s, struct volume_waiter *w, const char *dir, uint64_t need, uint64_t reserve, const char *why)
{
	if (!w->in)
		volume_leave(w);
	if (!volume_is_waiting(w))
		s->waiting++;
	forget_look(w);
	free(w->dir);
	w->all = s;
	w->dir = xstrdup(dir);
	w->need = need;
	w->reserve = reserve;
	fail_set(&w->why, ERR_NO_SPACE, "%s", why);
	w->look = look_start(s, dir);
	w->look->w = w;
}

void volume_leave(struct volume_waiter *w)
{
	if (w->all == NULL)
		return;
	if (volume_is_waiting(w))
		w->all->waiting--;
	forget_look(w);
	unlink_waiter(w);
	free(w->dir);
	w->dir = NULL;
	w->all = NULL;
}

void volume_explain(const struct volume_waiter *w, struct fail *ret)
{
	char need[16], have[16], keep[16], kept[40] = "", others[40] = "";
	const struct volume *v = w->v;
	uint64_t due;

	ret->text[0] = '\0';
	if (!volume_is_waiting(w))
		return;
	due = v != NULL ? promised(v) : 0;
	if (v == NULL || w->in || fits(w, &v->room, due)) {
		fail_set(ret, ERR_NO_SPACE, "no room: %s", w->why.text);
		return;
	}
	if (w->reserve > 0)
		snprintf(kept, sizeof(kept), ", %s to be left", str_bytes(w->reserve, keep));
	if (due > 0)
		snprintf(others, sizeof(others), ", %s for others", str_bytes(due, keep));
	fail_set(ret, ERR_NO_SPACE, "no room on %s: needs %s, %s free%s%s", v->room.where, str_bytes(w->need, need),
		v->room.files ? str_bytes(v->room.free, have) : "no new file is", kept, others);
}
