/* SPDX-License-Identifier: MIT
 * Memory of struct job_rec: its strings, by a table, so that a new member is freed and copied by one new row.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "store/store.h"

static const size_t strings[] = {
	offsetof(struct job_rec, owner),
	offsetof(struct job_rec, uris),
	offsetof(struct job_rec, opts),
	offsetof(struct job_rec, dir),
	offsetof(struct job_rec, path),
	offsetof(struct job_rec, etag),
	offsetof(struct job_rec, last_modified),
	offsetof(struct job_rec, etag_origin),
	offsetof(struct job_rec, part_id),
	offsetof(struct job_rec, digest),
	offsetof(struct job_rec, have),
	offsetof(struct job_rec, err_text),
};

#define STRING_COUNT (sizeof(strings) / sizeof(strings[0]))

static char **string_at(struct job_rec *r, size_t i)
{
	return (char **)(void *)((char *)r + strings[i]);
}

void job_rec_free(struct job_rec *r)
{
	for (size_t i = 0; i < STRING_COUNT; i++)
		free(*string_at(r, i));
	memset(r, 0, sizeof(*r));
}

void job_rec_copy(struct job_rec *to, const struct job_rec *from)
{
	*to = *from;
	for (size_t i = 0; i < STRING_COUNT; i++)
		*string_at(to, i) = xstrdup(*string_at(to, i));
}
