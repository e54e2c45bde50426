/* SPDX-License-Identifier: MIT
 * From a method's name to its function: token first, then the table.
 */
#include <string.h>

#include "base/str.h"
#include "rpc/auth.h"
#include "rpc/call.h"
#include "rpc/method.h"

const struct method method_table[] = {
#define METHOD(name, fn, flags) {name, fn, flags},
#include "rpc/method_table.h"
#undef METHOD
	{NULL, NULL, 0},
};

static const struct method *find(const char *name)
{
	const struct method *m = method_table;

	while (m->name != NULL && strcmp(m->name, name) != 0)
		m++;
	return m->name != NULL ? m : NULL;
}

static const char *token_of(const json_t *params)
{
	const char *s = json_string_value(json_array_get(params, 0));

	return s != NULL && strncmp(s, "token:", 6) == 0 ? s : NULL;
}

static bool authorized(struct run *run, const char *token)
{
	if (run->bad >= AUTH_GUESSES || !auth_token(run->env->opts, token)) {
		run->bad++;
		return false;
	}
	run->good = true;
	return true;
}

int call_run(struct run *run, const char *name, const json_t *params, bool nested, struct jw *w, struct fail *f)
{
	const struct method *m = find(name);
	const char *token = token_of(params);
	struct call c = {.run = run, .engine = run->env->engine, .params = params, .w = w, .f = f};
	size_t mark = w->out->len;
	bool comma = w->comma;
	char shown[128];
	int err;

	if ((m == NULL || (m->flags & MF_TOKEN) != 0) && !authorized(run, token))
		return fail_set(f, ERR_AUTH, "Unauthorized");
	if (m == NULL)
		return fail_set(f, ERR_INVAL, "No such method: %s", str_safe(name, strlen(name), shown, sizeof(shown)));
	if (nested && (m->flags & MF_RAW) != 0)
		return fail_set(f, ERR_INVAL, "Recursive system.multicall forbidden.");
	if ((m->flags & MF_CHANGE) != 0)
		run->changed = true;
	c.first = token != NULL && (m->flags & MF_RAW) == 0 ? 1 : 0;
	err = m->fn(&c);
	if (err != 0)
		jw_rewind(w, mark, comma);
	return err;
}
