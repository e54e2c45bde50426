/* SPDX-License-Identifier: MIT
 * struct job: making, freeing, states, and the way to and from its stored record.
 */
#include "core/job.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/str.h"
#include "store/store_backend.h"

#define REC_TEXT_MAX (64u << 20) /* far above what a request may carry */

const char *job_state_name(enum job_state s)
{
	static const char *const names[JOB_STATE_COUNT] = {
#define X(id, name) [JOB_##id] = name,
		JOB_STATES(X)
#undef X
	};

	return (unsigned)s < JOB_STATE_COUNT ? names[s] : "?";
}

bool job_state_ended(enum job_state s)
{
	return s == JOB_COMPLETE || s == JOB_ERROR || s == JOB_REMOVED;
}

bool job_is_ended(const struct job *j)
{
	return job_state_ended((enum job_state)j->rec.state);
}

bool job_may_have_journal(const struct job *j)
{
	return (j->rec.flags & JOB_STALE_JOURNAL) != 0 || ((j->rec.flags & JOB_STARTED) != 0 && (j->rec.flags & JOB_PLACED) == 0);
}

uint64_t job_mark(const struct job *j)
{
	uLong crc = crc32(0, NULL, 0);

	for (char *const *u = j->uris; u != NULL && *u != NULL; u++)
		crc = crc32_z(crc, (const Bytef *)*u, strlen(*u) + 1);
	return (uint64_t)crc << 32 | (uint32_t)j->rec.added_at;
}

void job_set_state(struct job *j, enum job_state to)
{
	static const unsigned moves[JOB_STATE_COUNT] = {
#define TO(s)			(1u << JOB_##s)
#define JOB_MOVE(id, next, why) [JOB_##id] = (next),
#include "core/state_table.h"
#undef JOB_MOVE
#undef TO
	};

	if ((moves[j->rec.state] & (1u << to)) == 0)
		obj_die("move between job states", __FILE__, __LINE__);
	j->rec.state = (int)to;
}

_Static_assert(JOB_WAITING == STORE_WAITING && JOB_COMPLETE == STORE_ENDED && JOB_ERROR == STORE_FAILED && JOB_GONE == STORE_GONE,
	"the store knows these");

bool job_moves(const struct job *j, const char *dir, const char *out)
{
	return !str_same(dir, j->rec.dir) || !str_same(out, opts_str(j->opts, OPT_OUT));
}

void job_forget_file(struct job *j)
{
	free(j->rec.path);
	free(j->rec.etag);
	free(j->rec.etag_origin);
	free(j->rec.last_modified);
	free(j->rec.part_id);
	free(j->rec.digest);
	free(j->rec.have);
	j->rec.path = j->rec.etag = j->rec.etag_origin = NULL;
	j->rec.last_modified = j->rec.part_id = j->rec.digest = j->rec.have = NULL;
	j->rec.total = -1;
	j->rec.done = 0;
	j->rec.flags &= ~(uint32_t)(JOB_PART | JOB_UNPROVEN | JOB_REPLACES | JOB_USER_PART | JOB_WEAK_DATE);
}

struct job *job_new(uint64_t gid)
{
	struct job *j = xcalloc(1, sizeof(*j));

	OBJ_INIT(j, JOB);
	j->rec.gid = gid;
	j->rec.total = -1;
	return j;
}

void job_free(struct job *j)
{
	if (j == NULL)
		return;
	OBJ_CHECK(j, JOB);
	for (char **u = j->uris; u != NULL && *u != NULL; u++)
		free(*u);
	free(j->uris);
	opts_unref(j->opts);
	job_rec_free(&j->rec);
	OBJ_FREE(j);
}

/* One URI a line into a NULL-terminated list. */
static char **split_lines(const char *text)
{
	size_t n = 0, lines = 1;
	char **list;

	for (const char *p = text; p != NULL && *p != '\0'; p++)
		lines += *p == '\n';
	list = xcalloc(lines + 1, sizeof(*list));
	while (text != NULL && *text != '\0') {
		size_t len = strcspn(text, "\n");

		if (len > 0)
			list[n++] = xstrndup(text, len);
		text += len + (text[len] == '\n');
	}
	return list;
}

static char *join_lines(char *const *list)
{
	struct buf b;

	buf_init(&b, REC_TEXT_MAX);
	for (; list != NULL && *list != NULL; list++) {
		buf_adds(&b, *list);
		buf_add(&b, "\n", 1);
	}
	return buf_take(&b);
}

int job_from_rec(struct job_rec *r, struct opts *parent, struct opts_memo *memo, struct job **ret, struct fail *f)
{
	struct opts *own = opts_new(parent);
	struct job *j;
	int err;

	if (r->gid == 0 || r->state < 0 || r->state >= JOB_STATE_COUNT) {
		err = fail_set(f, ERR_INVAL, "job %016llx has unknown state %d", (unsigned long long)r->gid, r->state);
		goto fail;
	}
	err = r->opts != NULL ? opts_decode_shared(own, r->opts, memo, f) : 0;
	if (err < 0)
		goto fail;
	j = job_new(r->gid);
	j->uris = split_lines(r->uris);
	j->opts = own;
	free(r->uris);
	free(r->opts);
	r->uris = r->opts = NULL;
	j->rec = *r;
	memset(r, 0, sizeof(*r));
	*ret = j;
	return 0;
fail:
	opts_unref(own);
	return err;
}

void job_to_rec(const struct job *j, struct job_rec *ret)
{
	struct buf b;

	job_rec_copy(ret, &j->rec);
	ret->uris = join_lines(j->uris);
	buf_init(&b, REC_TEXT_MAX);
	opts_encode(j->opts, 0, &b);
	ret->opts = buf_take(&b);
}
