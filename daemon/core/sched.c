/* SPDX-License-Identifier: MIT
 * Who gets a slot: from the front of the queue, as long as there are fewer active jobs than slots. Jobs whose transfer
 * is still stopping keep their slot until it has.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fds.h"
#include "base/log.h"
#include "core/engine_internal.h"

/* What each job needs: its file, journal and folder, a connection, and one in passing. What the daemon needs for itself. */
#define JOB_FILES 5
#define OWN_FILES 32

#define SLOTS_MS 1000 /* how often slots that follow the speed are looked at again while jobs wait */

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

static size_t slots(struct engine *e, bool *ret_by_speed)
{
	size_t max = (size_t)opts_num(e->global, OPT_MAX_CONCURRENT_DOWNLOADS);
	struct engine_stat stat;
	double a, b, n;

	*ret_by_speed = slots_rule(e->global, &a, &b);
	if (!*ret_by_speed)
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
	bool by_speed;

	return otree_count(&e->active) < slots(e, &by_speed);
}

void sched_run(struct engine *e)
{
	bool by_speed;
	struct job *j;
	size_t n;

	if (!e->running || e->stopping)
		return;
	n = slots(e, &by_speed);
	while ((j = queue_first_ready(&e->queue)) != NULL && otree_count(&e->active) < n)
		run_start(e, j);
	if (by_speed && j != NULL && !timer_running(&e->slots_timer))
		timer_start(e->loop, &e->slots_timer, SLOTS_MS, 0, on_slots, e);
}
