/* SPDX-License-Identifier: MIT
 * A new job: its URIs are expanded and normalised, its folder is pinned, its options are taken over without those that
 * only say how to add it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/puri.h"
#include "base/str.h"
#include "base/uri.h"
#include "core/engine_internal.h"

#define NO_URI "No URI to download."

uint64_t engine_new_gid(const struct engine *e)
{
	uint64_t gid = 0;

	do {
		if (getrandom(&gid, sizeof(gid), 0) != (ssize_t)sizeof(gid))
			gid = 0; /* interrupted before the generator was ready */
	} while (gid == 0 || otree_find(&e->jobs, gid) != NULL);
	return gid;
}

/* aria2's rule: a GID that can't be had makes the add fail as if there were no URI. */
static int choose_gid(struct engine *e, const struct opts *o, uint64_t *ret, struct fail *f)
{
	const char *text = opts_str(o, OPT_GID);

	if (text == NULL) {
		*ret = engine_new_gid(e);
		return 0;
	}
	if (str_hex_to_u64(text, strlen(text), ret) < 0 || *ret == 0 || otree_find(&e->jobs, *ret) != NULL)
		return fail_set(f, ERR_INVAL, NO_URI);
	events_reuse_gid(e, *ret);
	return 0;
}

/* Texts that may be in a job's list; file: and what is no scheme://host at all may not. */
static char *usable_uri(const char *text)
{
	return strncasecmp(text, "file:", 5) != 0 ? uri_normalise(text) : NULL;
}

/* A puri_fn. */
static int list_add(void *arg, const char *text)
{
	struct uri_list *l = arg;
	char *uri = usable_uri(text);

	if (uri == NULL)
		return 0;
	if (l->n == PURI_MAX) {
		free(uri);
		return ERR_LIMIT;
	}
	if (l->n + 2 > l->cap) {
		l->cap = l->cap == 0 ? 2 : l->cap * 2;
		l->v = xrealloc(l->v, l->cap * sizeof(*l->v));
	}
	l->v[l->n++] = uri;
	l->v[l->n] = NULL;
	return 0;
}

void uri_list_free(struct uri_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

/* Pages and browsers hand over magnet links like any other: aria2's words alone would leave their user in the dark. */
static int no_uri(const struct add_spec *s, struct fail *f)
{
	bool magnet = s->n > 0 && strncasecmp(s->uris[0], "magnet:", 7) == 0;

	return fail_set(f, ERR_BAD_URI, "%s%s", NO_URI, magnet ? " BitTorrent is not supported." : "");
}

int uri_list_collect(const struct add_spec *s, struct uri_list *l, struct fail *f)
{
	bool expand = opts_bool(s->opts, OPT_PARAMETERIZED_URI);
	int err = 0;

	for (size_t i = 0; err == 0 && i < s->n; i++)
		err = expand ? puri_expand(s->uris[i], list_add, l, f) : list_add(l, s->uris[i]);
	if (err == ERR_LIMIT)
		fail_set(f, err, "More than %d URIs for one download.", PURI_MAX);
	if (err == 0 && l->n == 0)
		err = no_uri(s, f);
	return err;
}

static struct job *make_job(struct engine *e, const struct add_spec *s, uint64_t gid, char **uris)
{
	struct job *j = job_new(gid);
	const char *dir = opts_str(s->opts, OPT_DIR);

	j->engine = e;
	j->uris = uris;
	j->opts = opts_clone(s->opts);
	opts_unset(j->opts, OPT_GID);
	opts_unset(j->opts, OPT_PAUSE);
	opts_share(j->opts, e->memo);
	j->rec.state = opts_bool(s->opts, OPT_PAUSE) ? JOB_PAUSED : JOB_WAITING;
	j->rec.dir = xstrdup(dir != NULL ? dir : "");
	j->rec.uid = s->uid;
	j->rec.owner = s->owner != NULL && *s->owner != '\0' ? xstrdup(s->owner) : NULL;
	j->rec.flags = s->flags;
	j->rec.added_at = time(NULL);
	return j;
}

int engine_add(struct engine *e, const struct add_spec *s, uint64_t *ret_gid, struct fail *f)
{
	struct uri_list list = {0};
	struct job *j;
	uint64_t gid;
	int err;

	OBJ_CHECK(e, ENGINE);
	if (mem_short())
		return fail_set(f, ERR_NOMEM, "Out of memory: nothing is added until there is more.");
	err = uri_list_collect(s, &list, f);
	if (err == 0)
		err = choose_gid(e, s->opts, &gid, f);
	if (err < 0)
		goto fail;
	result_free_gid(e, gid);
	j = make_job(e, s, gid, list.v);
	engine_index(e, j);
	queue_insert(&e->queue, j, s->pos < 0 ? SIZE_MAX : (size_t)s->pos);
	engine_save(e, j);
	engine_wait_durable(e, j);
	*ret_gid = gid;
	return 0;
fail:
	uri_list_free(&list);
	return err;
}

/* ---- changeUri: here, because it shares what a usable URI is ---- */

static size_t list_len(char *const *list)
{
	size_t n = 0;

	while (list[n] != NULL)
		n++;
	return n;
}

/* The first entry that is `text`, as given or normalised, goes. */
static bool list_delete(char **list, const char *text)
{
	char *norm = usable_uri(text);
	size_t n = list_len(list), i = 0;

	while (i < n && strcmp(list[i], text) != 0 && (norm == NULL || strcmp(list[i], norm) != 0))
		i++;
	free(norm);
	if (i == n)
		return false;
	free(list[i]);
	memmove(&list[i], &list[i + 1], (n - i) * sizeof(*list));
	return true;
}

int engine_change_uris(struct engine *e, uint64_t gid, char *const *del, size_t ndel, char *const *add, size_t nadd,
	int64_t pos, size_t *ret_del, size_t *ret_add, struct fail *f)
{
	struct job *j = engine_get(e, gid, f);
	struct uri_list fresh = {0};
	size_t n, at;

	if (j == NULL)
		return ERR_NOT_HERE;
	if (job_is_ended(j))
		return fail_set(f, ERR_WRONG_STATE, "Cannot remove URIs from GID#" GID_FMT, GID_ARG(gid));
	*ret_del = 0;
	for (size_t i = 0; i < ndel; i++)
		*ret_del += list_delete(j->uris, del[i]);
	for (size_t i = 0; i < nadd && list_add(&fresh, add[i]) == 0; i++)
		;
	*ret_add = fresh.n;
	n = list_len(j->uris);
	at = pos < 0 || (uint64_t)pos > n ? n : (size_t)pos;
	j->uris = xrealloc(j->uris, (n + fresh.n + 1) * sizeof(*j->uris));
	memmove(&j->uris[at + fresh.n], &j->uris[at], (n - at + 1) * sizeof(*j->uris));
	if (fresh.n > 0)
		memcpy(&j->uris[at], fresh.v, fresh.n * sizeof(*fresh.v));
	free(fresh.v);
	if (*ret_del + *ret_add == 0)
		return 0;
	engine_save(e, j);
	if (j->xfer != NULL)
		xfer_set_uris(j->xfer, j->uris);
	return 0;
}
