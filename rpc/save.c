/* SPDX-License-Identifier: MIT
 * Waiting for a session file.
 */
#include "rpc/save.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/str.h"

struct save {
	bool done, dropped;
	struct fail result;
	void (*cb)(void *arg, int err, const struct fail *f);
	void *arg;
};

struct save *save_new(void)
{
	return xcalloc(1, sizeof(struct save));
}

void save_free(struct save *s)
{
	free(s);
}

void save_done(void *arg, int err, const struct fail *f)
{
	struct save *s = arg;

	if (s->dropped) {
		free(s);
		return;
	}
	s->done = true;
	if (err != 0 && f != NULL)
		s->result = *f;
	s->result.code = err;
	if (s->cb != NULL)
		s->cb(s->arg, err, &s->result);
}

void save_wait(struct save *s, void (*cb)(void *arg, int err, const struct fail *f), void *arg)
{
	s->cb = cb;
	s->arg = arg;
	if (s->done)
		cb(arg, s->result.code, &s->result);
}

void save_drop(struct save *s)
{
	if (s == NULL)
		return;
	if (s->done) {
		free(s);
		return;
	}
	s->dropped = true;
	s->cb = NULL;
}
