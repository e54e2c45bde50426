/* SPDX-License-Identifier: MIT
 * Methods that act on downloads: pause, unpause, remove, move, sources, results.
 */
#include <stdlib.h>
#include <string.h>

#include "rpc/method.h"

static int ok(struct call *c)
{
	jw_str(c->w, "OK");
	return 0;
}

static int ok_gid(struct call *c, int err, uint64_t gid)
{
	if (err == 0)
		jw_gid(c->w, gid);
	return err;
}

static int pause_one(struct call *c, bool force)
{
	uint64_t gid;
	int err = param_gid(c, 0, &gid);

	return err != 0 ? err : ok_gid(c, engine_pause(c->engine, gid, force, c->f), gid);
}

int m_pause(struct call *c)
{
	return pause_one(c, false);
}

int m_force_pause(struct call *c)
{
	return pause_one(c, true);
}

int m_pause_all(struct call *c)
{
	engine_pause_all(c->engine, false);
	return ok(c);
}

int m_force_pause_all(struct call *c)
{
	engine_pause_all(c->engine, true);
	return ok(c);
}

int m_unpause(struct call *c)
{
	uint64_t gid;
	int err = param_gid(c, 0, &gid);

	return err != 0 ? err : ok_gid(c, engine_unpause(c->engine, gid, c->f), gid);
}

int m_unpause_all(struct call *c)
{
	engine_unpause_all(c->engine);
	return ok(c);
}

static int remove_one(struct call *c, bool force)
{
	uint64_t gid;
	int err = param_gid(c, 0, &gid);

	return err != 0 ? err : ok_gid(c, engine_remove(c->engine, gid, force, c->f), gid);
}

int m_remove(struct call *c)
{
	return remove_one(c, false);
}

int m_force_remove(struct call *c)
{
	return remove_one(c, true);
}

int m_remove_result(struct call *c)
{
	uint64_t gid;
	int err = param_gid(c, 0, &gid);

	if (err == 0)
		err = engine_remove_result(c->engine, gid, c->f);
	return err != 0 ? err : ok(c);
}

int m_purge_results(struct call *c)
{
	engine_purge_results(c->engine);
	return ok(c);
}

/* "POS_SET" and so on; ERR_INVAL for anything else. */
static int how_of(struct call *c, const char *text, enum pos_how *ret)
{
	static const char *const names[] = {[POS_SET] = "POS_SET", [POS_CUR] = "POS_CUR", [POS_END] = "POS_END"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum pos_how)i;
			return 0;
		}
	}
	return fail_set(c->f, ERR_INVAL, "Illegal argument.");
}

int m_change_position(struct call *c)
{
	const char *text, *how_text;
	int64_t pos = 0, at;
	enum pos_how how = POS_SET;
	uint64_t gid = 0;
	int err = param_str(c, 0, &text);

	if (err == 0)
		err = param_int(c, 1, true, &pos);
	if (err == 0)
		err = param_str(c, 2, &how_text);
	if (err == 0)
		err = engine_find(c->engine, text, &gid, c->f);
	if (err == 0)
		err = how_of(c, how_text, &how);
	if (err == 0)
		err = engine_move(c->engine, gid, pos, how, &at, c->f);
	if (err == 0)
		jw_int(c->w, at);
	return err;
}

static int change_uris(struct call *c, uint64_t gid, const json_t *del, const json_t *add, int64_t pos)
{
	char **dels, **adds;
	size_t ndel = param_strings(del, &dels), nadd = param_strings(add, &adds), deleted, added;
	int err = engine_change_uris(c->engine, gid, dels, ndel, adds, nadd, pos, &deleted, &added, c->f);

	free(dels);
	free(adds);
	if (err != 0)
		return err;
	jw_open(c->w, '[');
	jw_int(c->w, (int64_t)deleted);
	jw_int(c->w, (int64_t)added);
	jw_close(c->w, ']');
	return 0;
}

int m_change_uri(struct call *c)
{
	const json_t *del, *add;
	const char *text;
	struct job_view v;
	int64_t index = 0, pos;
	uint64_t gid;
	int err = param_str(c, 0, &text);

	if (err == 0)
		err = param_int_min(c, 1, 1, &index);
	if (err == 0)
		err = param_list(c, 2, true, &del);
	if (err == 0)
		err = param_list(c, 3, true, &add);
	if (err == 0)
		err = param_position(c, 4, &pos);
	if (err == 0)
		err = engine_find(c->engine, text, &gid, c->f);
	if (err == 0)
		err = param_position_check(c, pos);
	if (err != 0)
		return err;
	if (!engine_view(c->engine, gid, &v) || job_state_ended(v.state))
		return call_fail_gid(c, ERR_WRONG_STATE, "Cannot remove URIs from GID#", gid, "");
	if (index > 1)
		return fail_set(c->f, ERR_INVAL, "fileIndex is out of range");
	return change_uris(c, gid, del, add, pos);
}
