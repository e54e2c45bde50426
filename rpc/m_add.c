/* SPDX-License-Identifier: MIT
 * Methods that add downloads, or bring them back with options as an add has them.
 */
#include <stdlib.h>

#include "rpc/method.h"
#include "rpc/optmap.h"

static int own_options(struct call *c, const json_t *dict, struct opts **ret)
{
	struct opts *o = opts_new(engine_global(c->engine));
	int err = optmap_read(c, o, dict, OF_INITIAL);

	if (err != 0) {
		opts_unref(o);
		return err;
	}
	*ret = o;
	return 0;
}

static int add(struct call *c, const json_t *list, const json_t *dict, int64_t pos)
{
	struct add_spec s = {.pos = pos, .uid = c->run->env->uid, .owner = c->run->env->owner};
	char **uris;
	uint64_t gid;
	int err;

	s.n = param_strings(list, &uris);
	s.uris = uris;
	if (s.n == 0)
		err = fail_set(c->f, ERR_INVAL, "URI is not provided.");
	else
		err = own_options(c, dict, &s.opts);
	if (err == 0)
		err = param_position_check(c, pos);
	if (err == 0 && c->run->is_user && opts_has(s.opts, OPT_DIR))
		s.flags |= JOB_ANY_DIR;
	if (err == 0)
		err = engine_add(c->engine, &s, &gid, c->f);
	opts_unref(s.opts);
	free(uris);
	if (err == 0)
		jw_gid(c->w, gid);
	return err;
}

int m_add_uri(struct call *c)
{
	const json_t *uris = NULL, *dict = NULL;
	int64_t pos = POSITION_NONE;
	int err = param_list(c, 0, true, &uris);

	if (err == 0)
		err = param_dict(c, 1, false, &dict);
	if (err == 0)
		err = param_position(c, 2, &pos);
	return err != 0 ? err : add(c, uris, dict, pos);
}

int m_retry(struct call *c)
{
	const json_t *dict = NULL;
	struct opts *o = NULL;
	uint64_t gid = 0;
	int err = param_gid(c, 0, &gid);

	if (err == 0)
		err = param_dict(c, 1, false, &dict);
	if (err == 0 && dict != NULL)
		err = own_options(c, dict, &o);
	if (err == 0)
		err = engine_retry(c->engine, gid, o, c->f);
	opts_unref(o);
	if (err == 0)
		jw_gid(c->w, gid);
	return err;
}

/* The parameter is looked at first, as aria2 does, so that a wrong call says what is wrong with it. */
static int not_supported(struct call *c, const char *what)
{
	const char *data;
	int err = param_str(c, 0, &data);

	return err != 0 ? err : fail_set(c->f, ERR_INVAL, "%s is not supported by this server.", what);
}

int m_add_torrent(struct call *c)
{
	return not_supported(c, "BitTorrent");
}

int m_add_metalink(struct call *c)
{
	return not_supported(c, "Metalink");
}
