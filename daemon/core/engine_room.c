/* SPDX-License-Identifier: MIT
 * Jobs whose disk is full. Such a job gives its slot back and waits in the queue, not ready, until its file system has room
 * (core/volume.h); then it is ready like any other. Nothing of this is stored: after a restart it runs, and finds out.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "core/engine_internal.h"

enum { DISK_FULL_WAIT, DISK_FULL_ERROR }; /* in the order of the option's values */

/* With a job only while it waits for room or was let in. */
struct room_wait {
	struct volume_waiter w;
	struct job *job;
};

static void on_room(void *arg)
{
	struct job *j = ((struct room_wait *)arg)->job;

	OBJ_CHECK(j, JOB);
	log_info(CORE, "GID#" GID_FMT ": there is room now", GID_ARG(j->rec.gid));
	queue_set_ready(&j->engine->queue, j, true);
	sched_dirty(j->engine);
}

static uint64_t owes(void *arg, uint64_t need)
{
	const struct job *j = ((const struct room_wait *)arg)->job;

	return j->xfer != NULL ? xfer_owes(j->xfer, need) : need;
}

bool room_is_awaited(const struct job *j)
{
	return j->room != NULL && volume_is_waiting(&j->room->w);
}

bool room_may_come(const struct job *j, const struct xfer_end *end)
{
	return end->result == XFER_FAILED && end->err == ERR_NO_SPACE && end->total > 0 &&
	       opts_num(j->opts, OPT_DISK_FULL) == DISK_FULL_WAIT;
}

/* The folder that the file lies in, or is to. */
static char *folder_of(const struct job *j)
{
	const char *path = j->rec.path, *slash = path != NULL ? strrchr(path, '/') : NULL;

	if (slash == NULL)
		return xstrdup(j->rec.dir != NULL ? j->rec.dir : "");
	return xstrndup(path, slash > path ? (size_t)(slash - path) : 1);
}

void room_wait(struct job *j, const struct xfer_end *end)
{
	char *dir = folder_of(j);

	if (j->room == NULL) {
		j->room = xcalloc(1, sizeof(*j->room));
		j->room->job = j;
		j->room->w.cb = on_room;
		j->room->w.owes = owes;
		j->room->w.arg = j->room;
	}
	volume_wait(j->engine->volumes, &j->room->w, dir, (uint64_t)(end->total - end->done),
		(uint64_t)opts_num(j->opts, OPT_RESERVE_SPACE), end->err_text);
	free(dir);
}

void room_leave(struct job *j)
{
	if (j->room == NULL)
		return;
	volume_leave(&j->room->w);
	free(j->room);
	j->room = NULL;
}

void room_look_anew(struct job *j)
{
	if (!room_is_awaited(j))
		return;
	room_leave(j);
	queue_set_ready(&j->engine->queue, j, j->rec.state == JOB_WAITING);
	sched_dirty(j->engine);
}

const char *room_explain(struct engine *e, const struct job *j)
{
	if (!room_is_awaited(j))
		return NULL;
	volume_explain(&j->room->w, &e->view_wait);
	return e->view_wait.text;
}
