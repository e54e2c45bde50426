/* SPDX-License-Identifier: MIT
 * The queue's order by numbers with gaps ("list labelling"). Numbers begin in the middle of the 64-bit range, so that
 * both ends have room for 2^43 inserts before an end is reached; then all are numbered anew from the middle.
 */
#include "core/queue.h"

#include "core/job.h"

#define ORD_MIDDLE   (1ull << 63)
#define WINDOW_FIRST 32 /* jobs numbered anew at least */

static struct job *of_list(const struct onode *n)
{
	return n != NULL ? otree_entry(n, struct job, in_list) : NULL;
}

/* Give n jobs from `first` on the numbers start, start + step, ... Their order stays, so the trees do too. */
static void renumber(struct queue *q, struct onode *first, size_t n, uint64_t start, uint64_t step)
{
	struct onode *run = NULL, *next;

	/* Out of the tree first, chained by `right`: old and new numbers overlap. */
	for (struct onode **tail = &run; n > 0; n--, first = next) {
		next = otree_next(first);
		otree_remove(&q->all, first);
		*tail = first;
		tail = &first->right;
		*tail = NULL;
	}
	for (; run != NULL; run = next, start += step) {
		struct job *j = of_list(run);
		bool ready = onode_linked(&j->in_ready);

		next = run->right;
		run->right = NULL;
		if (ready)
			otree_remove(&q->ready, &j->in_ready);
		j->rec.ord = start;
		otree_insert(&q->all, run, start);
		if (ready)
			otree_insert(&q->ready, &j->in_ready, start);
		q->moved(q->arg, j);
	}
}

/* The numbers outside jobs [from, to), exclusive: those of the neighbours, or, at an end, as far out as makes room
 * enough. false: the end of the number range is too near. */
static bool bounds(const struct queue *q, size_t from, size_t to, uint64_t *ret_lo, uint64_t *ret_hi)
{
	struct onode *first = otree_at(&q->all, from), *last = otree_at(&q->all, to - 1);
	struct onode *lo = otree_prev(first), *hi = otree_next(last);
	uint64_t far = (uint64_t)(to - from + 1) * QUEUE_GAP;

	if ((lo == NULL && first->key < far) || (hi == NULL && UINT64_MAX - last->key < far))
		return false;
	*ret_lo = lo != NULL ? lo->key : first->key - far;
	*ret_hi = hi != NULL ? hi->key : last->key + far;
	return true;
}

/* Make room for a number right before `at`: the smallest neighbourhood (growing by two) in which numbers would lie far
 * apart is spread evenly over the numbers it has. */
static void spread_around(struct queue *q, const struct onode *at)
{
	size_t count = otree_count(&q->all), pos = otree_pos(at);

	for (size_t w = WINDOW_FIRST; w / 2 < count; w *= 2) {
		size_t from = pos > w / 2 ? pos - w / 2 : 0;
		size_t to = pos + w / 2 < count ? pos + w / 2 : count;
		uint64_t lo, hi, room;

		if (!bounds(q, from, to, &lo, &hi))
			break;
		room = (hi - lo) / (to - from + 1);
		if (room >= QUEUE_GAP >> 4) {
			renumber(q, otree_at(&q->all, from), to - from, lo + room, room);
			return;
		}
	}
	renumber(q, otree_at(&q->all, 0), count, ORD_MIDDLE - (count / 2) * QUEUE_GAP, QUEUE_GAP);
}

/* A free number between a and b (either may be missing); false: no room. */
static bool ord_between(const struct onode *a, const struct onode *b, uint64_t *ret)
{
	if (a == NULL && b == NULL)
		*ret = ORD_MIDDLE;
	else if (a == NULL)
		*ret = b->key - QUEUE_GAP;
	else if (b == NULL)
		*ret = a->key + QUEUE_GAP;
	else
		*ret = a->key + (b->key - a->key) / 2;
	return (a == NULL || *ret > a->key) && (b == NULL || *ret < b->key);
}

void queue_init(struct queue *q, void (*moved)(void *arg, struct job *j), void *arg)
{
	otree_init(&q->all);
	otree_init(&q->ready);
	q->moved = moved;
	q->arg = arg;
}

size_t queue_count(const struct queue *q)
{
	return otree_count(&q->all);
}

void queue_insert(struct queue *q, struct job *j, size_t pos)
{
	struct onode *after = otree_at(&q->all, pos), *before;
	uint64_t ord;

	before = after != NULL ? otree_prev(after) : otree_at(&q->all, queue_count(q) - 1);
	if (!ord_between(before, after, &ord)) {
		spread_around(q, after != NULL ? after : before);
		ord_between(before, after, &ord);
	}
	j->rec.ord = ord;
	otree_insert(&q->all, &j->in_list, ord);
}

bool queue_restore(struct queue *q, struct job *j)
{
	return otree_insert(&q->all, &j->in_list, j->rec.ord);
}

void queue_remove(struct queue *q, struct job *j)
{
	queue_set_ready(q, j, false);
	otree_remove(&q->all, &j->in_list);
}

void queue_move(struct queue *q, struct job *j, size_t pos)
{
	bool ready = onode_linked(&j->in_ready);

	if (pos == queue_pos(j) || (pos >= queue_count(q) && otree_next(&j->in_list) == NULL))
		return;
	queue_remove(q, j);
	queue_insert(q, j, pos);
	queue_set_ready(q, j, ready);
	q->moved(q->arg, j);
}

size_t queue_pos(const struct job *j)
{
	return otree_pos(&j->in_list);
}

struct job *queue_at(const struct queue *q, size_t pos)
{
	return of_list(otree_at(&q->all, pos));
}

struct job *queue_next(const struct job *j)
{
	return of_list(otree_next(&j->in_list));
}

void queue_set_ready(struct queue *q, struct job *j, bool on)
{
	if (on == onode_linked(&j->in_ready))
		return;
	if (on)
		otree_insert(&q->ready, &j->in_ready, j->rec.ord);
	else
		otree_remove(&q->ready, &j->in_ready);
}

struct job *queue_first_ready(const struct queue *q)
{
	struct onode *n = otree_at(&q->ready, 0);

	return n != NULL ? otree_entry(n, struct job, in_ready) : NULL;
}
