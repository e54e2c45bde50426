/* SPDX-License-Identifier: MIT
 * Who gets a slot: from the front of the queue, as long as there are fewer active jobs than slots. Jobs whose transfer
 * is still stopping keep their slot until it has. While the network seems to be gone one more looks whether it is, each in
 * its turn.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fds.h"
#include "base/log.h"
#include "base/uri.h"
#include "core/engine_internal.h"

/* What each job needs: its file, journal and folder, a connection, and one in passing. What the daemon needs for itself. */
#define JOB_FILES 5
#define OWN_FILES 32

#define SLOTS_MS    1000 /* how often slots are looked at again while jobs wait: for the speed, and for the network's silence */
#define SCOUTS_SEEN 1000 /* jobs that are looked at a time for one that may hear somebody */
#define SCOUT_AGAIN_MS 30000 /* whose servers were not tried for so long */

/* The rule of optimize-concurrent-downloads, "true" or "A:B" (checked when it was set); false: off. */
static bool slots_rule(const struct opts *o, double *ret_a, double *ret_b)
{
	const char *text = opts_str(o, OPT_OPTIMIZE_CONCURRENT_DOWNLOADS), *colon;

	if (text == NULL || strcmp(text, "false") == 0)
		return false;
	*ret_a = 5; /* aria2's numbers for "true" */
	*ret_b = 25;
	colon = strchr(text, ':');
	if (colon != NULL) {
		*ret_a = strtod(text, NULL);
		*ret_b = strtod(colon + 1, NULL);
	}
	return true;
}

static size_t capped_by_files(struct engine *e, size_t n)
{
	size_t max = fds_max(), most = max > OWN_FILES + JOB_FILES ? (max - OWN_FILES) / JOB_FILES : 1;

	if (n <= most)
		return n;
	if (!e->told_files)
		log_warn(CORE, "%zu downloads at a time instead of %zu: there may be %zu open files only (rlimit-nofile)",
			most, n, max);
	e->told_files = true;
	return most;
}

static size_t slots(struct engine *e)
{
	size_t max = (size_t)opts_num(e->global, OPT_MAX_CONCURRENT_DOWNLOADS);
	struct engine_stat stat;
	double a, b, n;

	if (!slots_rule(e->global, &a, &b))
		return capped_by_files(e, max);
	engine_stat(e, &stat);
	n = stat.speed > 0 ? ceil(a + b * log10((double)stat.speed * 8 / 1e6)) : 1;
	return n <= 1 ? 1 : capped_by_files(e, n >= (double)max ? max : (size_t)n);
}

static void on_slots(void *arg)
{
	sched_dirty(arg);
}

void sched_dirty(struct engine *e)
{
	defer(e->loop, &e->turn);
}

bool sched_has_slot(struct engine *e)
{
	return otree_count(&e->active) < slots(e);
}

/* When all its servers had been tried in vain, ms; 0: one was not, since somebody was heard. */
static uint64_t silent_at(const struct engine *e, const struct job *j)
{
	uint64_t first = UINT64_MAX;

	for (char *const *text = j->uris; *text != NULL && first > 0; text++) {
		uint64_t at;
		struct uri u;

		if (uri_parse(*text, strlen(*text), &u, NULL) < 0)
			continue;
		at = origins_silent_at(e->origins, &u);
		first = at < first ? at : first;
		uri_free(&u);
	}
	return first;
}

/* A server that is dead and a network that is gone look the same as long as nobody else is asked: jobs that wait for the one must
 * not keep the queue from ever finding out. The first whose servers have not been tried, else the one for whom that is longest
 * ago. Of a long queue a stretch is looked at, and the next one the next time, unless somebody in this has still to be tried.
 * NULL: there is no need, or nobody. */
static struct job *find_scout(struct engine *e)
{
	struct onode *n = origins_are_lost(e->origins) ? otree_lower(&e->queue.ready, e->scout_from) : NULL;
	uint64_t now = loop_now(e->loop), oldest = now > SCOUT_AGAIN_MS ? now - SCOUT_AGAIN_MS : 1;
	struct job *found = NULL;

	for (unsigned seen = 0; n != NULL && oldest > 0 && seen < SCOUTS_SEEN; seen++, n = otree_next(n)) {
		struct job *j = otree_entry(n, struct job, in_ready);
		uint64_t at = silent_at(e, j);

		if (at >= oldest)
			continue;
		found = j;
		oldest = at;
	}
	if (oldest > 0)
		e->scout_from = n != NULL ? n->key : 0;
	return found;
}

/* The one beyond the slots has heard nobody: it makes room for the next. */
static void relieve_scout(struct engine *e)
{
	struct job *j = otree_entry(otree_at(&e->active, otree_count(&e->active) - 1), struct job, in_list);
	uint64_t at = silent_at(e, j);

	if (at >= j->began_at && at != UINT64_MAX && at != 0 && find_scout(e) != NULL)
		run_yield(j);
}

void sched_run(struct engine *e)
{
	struct job *j, *scout;
	size_t n;

	if (!e->running || e->stopping)
		return;
	n = slots(e);
	while ((j = queue_first_ready(&e->queue)) != NULL && otree_count(&e->active) < n)
		run_start(e, j);
	scout = j != NULL && otree_count(&e->active) == n ? find_scout(e) : NULL;
	if (scout != NULL)
		run_start(e, scout);
	else if (j != NULL && otree_count(&e->active) > n)
		relieve_scout(e);
	if (queue_first_ready(&e->queue) != NULL && !timer_running(&e->slots_timer))
		timer_start(e->loop, &e->slots_timer, SLOTS_MS, 0, on_slots, e);
}
