/* SPDX-License-Identifier: MIT
 * Methods about the server itself, and system.*.
 */
#include "rpc/method.h"
#include "rpc/notify.h"
#include "rpc/save.h"

#define MULTICALL_MAX     20000 /* calls in one; see BATCH_MAX */
#define SHUTDOWN_DELAY_MS 300   /* the answer leaves first */

int m_get_version(struct call *c)
{
	static const char *const features[] = {"Async DNS", "GZip", "HTTPS", "Message Digest"};

	jw_open(c->w, '{');
	jw_key(c->w, "enabledFeatures");
	jw_open(c->w, '[');
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		jw_str(c->w, features[i]);
	jw_close(c->w, ']');
	jw_pair(c->w, "version", HAUL_VERSION);
	jw_close(c->w, '}');
	return 0;
}

int m_get_session_info(struct call *c)
{
	jw_open(c->w, '{');
	jw_pair(c->w, "sessionId", engine_session_id(c->engine));
	jw_close(c->w, '}');
	return 0;
}

int m_get_global_stat(struct call *c)
{
	struct engine_stat s;

	engine_stat(c->engine, &s);
	const struct {
		const char *name;
		uint64_t val;
	} row[] = {{"downloadSpeed", s.speed}, {"numActive", s.active}, {"numStopped", s.stopped},
		{"numStoppedTotal", s.stopped_total}, {"numWaiting", s.queued}, {"uploadSpeed", 0}};

	jw_open(c->w, '{');
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		jw_key(c->w, row[i].name);
		jw_intstr(c->w, (int64_t)row[i].val);
	}
	jw_close(c->w, '}');
	return 0;
}

static void shutdown_now(void *arg)
{
	struct rpc_env *env = arg;

	engine_shutdown(env->engine, env->force);
}

static int end_soon(struct call *c, bool force)
{
	struct rpc_env *env = c->run->env;

	env->force = env->force || force;
	if (!timer_running(&env->shutdown))
		timer_start(engine_loop(c->engine), &env->shutdown, SHUTDOWN_DELAY_MS, 0, shutdown_now, env);
	jw_str(c->w, "OK");
	return 0;
}

int m_shutdown(struct call *c)
{
	return end_soon(c, false);
}

int m_force_shutdown(struct call *c)
{
	return end_soon(c, true);
}

int m_save_session(struct call *c)
{
	int err = 0;

	if (c->run->save == NULL) { /* one file for all of one request */
		struct save *s = save_new();

		err = engine_save_session(c->engine, save_done, s, c->f);
		if (err != 0)
			save_free(s);
		else
			c->run->save = s;
	}
	if (err == 0)
		jw_str(c->w, "OK");
	return err;
}

static int multicall_one(struct call *c, const json_t *entry, struct fail *f)
{
	const json_t *params = json_object_get(entry, "params");
	const char *name = json_string_value(json_object_get(entry, "methodName"));
	int err;

	if (!json_is_object(entry))
		return fail_set(f, ERR_INVAL, "system.multicall expected struct.");
	if (name == NULL)
		return fail_set(f, ERR_INVAL, "Missing methodName.");
	jw_open(c->w, '[');
	err = call_run(c->run, name, json_is_array(params) ? params : NULL, true, c->w, f);
	if (err == 0)
		jw_close(c->w, ']');
	return err;
}

int m_multicall(struct call *c)
{
	const json_t *calls;
	int err = param_list(c, 0, true, &calls);

	if (err != 0)
		return err;
	if (json_array_size(calls) > MULTICALL_MAX)
		return fail_set(c->f, ERR_INVAL, "Too many calls at once: at most %d are taken.", MULTICALL_MAX);
	c->run->may_rest = false;
	jw_open(c->w, '[');
	for (size_t i = 0; i < json_array_size(calls); i++) {
		size_t mark = c->w->out->len;
		bool comma = c->w->comma;
		struct fail f = {0};

		if (multicall_one(c, json_array_get(calls, i), &f) != 0) {
			jw_rewind(c->w, mark, comma);
			jw_error_object(c->w, 1, f.text);
		}
	}
	jw_close(c->w, ']');
	return 0;
}

int m_list_methods(struct call *c)
{
	jw_open(c->w, '[');
	for (const struct method *m = method_table; m->name != NULL; m++)
		if ((m->flags & MF_OWN) == 0)
			jw_str(c->w, m->name);
	jw_close(c->w, ']');
	return 0;
}

int m_list_notifications(struct call *c)
{
	jw_open(c->w, '[');
	for (size_t i = 0; notify_names[i] != NULL; i++)
		jw_str(c->w, notify_names[i]);
	jw_close(c->w, ']');
	return 0;
}
