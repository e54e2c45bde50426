/* SPDX-License-Identifier: MIT
 * Downloads named at the start, by the command line or an input file. The queue outlives the process, so the same start
 * after a crash finds most of them there already.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "core/engine_internal.h"

#define KEY_MAX (64u << 20)

/* An unfinished download of an earlier run. */
struct earlier {
	char *key;
	uint64_t gid;
	UT_hash_handle hh;
};

/* What makes two named downloads the same one. */
static char *make_key(char *const *uris, const char *dir, const char *out)
{
	struct buf b;

	buf_init(&b, KEY_MAX);
	buf_addf(&b, "%s\n%s\n", dir != NULL ? dir : "", out != NULL ? out : "");
	for (; uris != NULL && *uris != NULL; uris++)
		buf_addf(&b, "%s\n", *uris);
	return buf_take(&b);
}

static void earlier_load(struct engine *e)
{
	for (struct job *j = queue_at(&e->queue, 0); j != NULL; j = queue_next(j)) {
		struct earlier *x, *old;

		if ((j->rec.flags & JOB_FROM_INPUT) == 0 || j->add_seq != 0)
			continue;
		x = xcalloc(1, sizeof(*x));
		x->key = make_key(j->uris, j->rec.dir, opts_str(j->opts, OPT_OUT));
		x->gid = j->rec.gid;
		HASH_REPLACE_STR(e->earlier, key, x, old);
		if (old != NULL) {
			free(old->key);
			free(old);
		}
	}
}

void earlier_free(struct engine *e)
{
	struct earlier *x, *next;

	HASH_ITER(hh, e->earlier, x, next)
	{
		HASH_DEL(e->earlier, x);
		free(x->key);
		free(x);
	}
}

static bool find_by_gid(const struct engine *e, const char *text, uint64_t *ret)
{
	return str_hex_to_u64(text, strlen(text), ret) == 0 && engine_job(e, *ret) != NULL;
}

static bool find_by_content(const struct engine *e, const struct add_spec *s, uint64_t *ret)
{
	struct uri_list list = {0};
	struct earlier *x = NULL;
	char *key;

	if (uri_list_collect(s, &list, NULL) == 0) {
		key = make_key(list.v, opts_str(s->opts, OPT_DIR), opts_str(s->opts, OPT_OUT));
		HASH_FIND_STR(e->earlier, key, x);
		free(key);
	}
	uri_list_free(&list);
	if (x != NULL)
		*ret = x->gid;
	return x != NULL;
}

int engine_add_startup(struct engine *e, const struct add_spec *s, uint64_t *ret_gid, struct fail *f)
{
	struct add_spec marked = *s;
	const char *gid = opts_str(s->opts, OPT_GID);

	OBJ_CHECK(e, ENGINE);
	if (!e->earlier_loaded)
		earlier_load(e);
	e->earlier_loaded = true;
	if (gid != NULL ? find_by_gid(e, gid, ret_gid) : find_by_content(e, s, ret_gid))
		return 0;
	marked.flags |= JOB_FROM_INPUT;
	return engine_add(e, &marked, ret_gid, f);
}
