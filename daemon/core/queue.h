/* SPDX-License-Identifier: MIT
 * struct queue: the jobs that wait for a slot or are paused, in the users' order. The order is the number rec.ord of
 * each job, which is also what the store keeps: an insert takes a number between its neighbours' and touches no other
 * job, until a gap is used up; then a neighbourhood just large enough is numbered anew. All calls O(log n) (an insert
 * amortised). Loop thread.
 */
#ifndef HAUL_CORE_QUEUE_H
#define HAUL_CORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/otree.h"

struct job;

#define QUEUE_GAP (1ull << 20) /* distance to the neighbour at the ends and after numbering anew */

struct queue {
	struct otree all;   /* job.in_list, by rec.ord */
	struct otree ready; /* job.in_ready: those of them that may start; same keys */
	/* rec.ord of a job that was in the queue already has changed: store it. */
	void (*moved)(void *arg, struct job *j);
	void *arg;
};

void queue_init(struct queue *q, void (*moved)(void *arg, struct job *j), void *arg);
size_t queue_count(const struct queue *q);

/* Puts j (in no list) at position pos, clamped to the end, and sets its rec.ord. */
void queue_insert(struct queue *q, struct job *j, size_t pos);
/* Puts j in at its rec.ord; false and nothing done when another job has that number. */
bool queue_restore(struct queue *q, struct job *j);
void queue_remove(struct queue *q, struct job *j); /* also no longer ready */
/* To position pos, clamped to the end. */
void queue_move(struct queue *q, struct job *j, size_t pos);

size_t queue_pos(const struct job *j);			       /* of a job in a queue */
struct job *queue_at(const struct queue *q, size_t pos);       /* or NULL */
struct job *queue_next(const struct job *j);		       /* or NULL */
void queue_set_ready(struct queue *q, struct job *j, bool on); /* idempotent; a job of this queue */
struct job *queue_first_ready(const struct queue *q);	       /* or NULL */

#endif
