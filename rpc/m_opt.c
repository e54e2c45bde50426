/* SPDX-License-Identifier: MIT
 * Methods around options.
 */
#include "rpc/method.h"
#include "rpc/optmap.h"

int m_get_option(struct call *c)
{
	struct job_view v;
	uint64_t gid;
	int err = param_gid(c, 0, &gid);

	if (err != 0)
		return err;
	if (!engine_view(c->engine, gid, &v))
		return call_fail_gid(c, ERR_NOT_HERE, "GID ", gid, " is not found");
	optmap_write(v.opts, OF_INITIAL, c->w);
	return 0;
}

int m_get_global_option(struct call *c)
{
	optmap_write(engine_global(c->engine), OF_START | OF_INITIAL | OF_RESTART | OF_LIVE | OF_GLOBAL, c->w);
	return 0;
}

/* Looked at before the options are: as in aria2, a wrong one is not spoken of then. */
static int check_changeable(struct call *c, uint64_t gid)
{
	struct job_view v;

	if (engine_view(c->engine, gid, &v) && job_state_ended(v.state))
		return call_fail_gid(c, ERR_WRONG_STATE, "Cannot change option for GID#", gid, "");
	return 0;
}

int m_change_option(struct call *c)
{
	const json_t *dict;
	struct opts *changes;
	const char *text;
	uint64_t gid;
	int err = param_str(c, 0, &text);

	if (err == 0)
		err = param_dict(c, 1, true, &dict);
	if (err == 0)
		err = engine_find(c->engine, text, &gid, c->f);
	if (err == 0)
		err = check_changeable(c, gid);
	if (err != 0)
		return err;
	changes = opts_new(NULL);
	err = optmap_read(c, changes, dict, OF_RESTART | OF_LIVE);
	if (err == 0)
		err = engine_change_options(c->engine, gid, changes, c->f);
	opts_unref(changes);
	if (err == 0)
		jw_str(c->w, "OK");
	return err;
}

int m_change_global_option(struct call *c)
{
	const json_t *dict;
	struct opts *changes;
	int err = param_dict(c, 0, true, &dict);

	if (err != 0)
		return err;
	changes = opts_new(NULL);
	err = optmap_read(c, changes, dict, OF_GLOBAL);
	if (err == 0)
		err = engine_change_global(c->engine, changes, c->f);
	opts_unref(changes);
	if (err == 0)
		jw_str(c->w, "OK");
	return err;
}
