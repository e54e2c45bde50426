/* SPDX-License-Identifier: MIT
 * The ETags of origins: a short list, the oldest first.
 */
#include "core/tags.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

struct tag {
	char *origin, *etag;
};

const char *tags_of(const struct tags *t, const char *origin)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->v[i].origin, origin) == 0)
			return t->v[i].etag;
	return NULL;
}

static void tag_free(struct tag *t)
{
	free(t->origin);
	free(t->etag);
}

void tags_add(struct tags *t, const char *origin, const char *etag)
{
	if (!t->v)
		t->v = xcalloc(TAGS_MOST, sizeof(*t->v));
	if (t->n == TAGS_MOST) {
		tag_free(&t->v[0]);
		memmove(t->v, t->v + 1, --t->n * sizeof(*t->v));
	}
	t->v[t->n++] = (struct tag){.origin = xstrdup(origin), .etag = xstrdup(etag)};
}

void tags_clear(struct tags *t)
{
	for (size_t i = 0; i < t->n; i++)
		tag_free(&t->v[i]);
	free(t->v);
	*t = (struct tags){0};
}
