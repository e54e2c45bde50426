/* SPDX-License-Identifier: MIT
 * Parameters of calls, with aria2's messages for wrong ones.
 */
#include "rpc/call.h"

#include <stdlib.h>

#include "base/str.h"

static int wrong_type(struct call *c, size_t i)
{
	return fail_set(c->f, ERR_INVAL, "The parameter at %zu has wrong type.", i);
}

static int get(struct call *c, size_t i, bool required, const json_t **ret)
{
	*ret = json_array_get(c->params, c->first + i);
	if (*ret == NULL && required)
		return fail_set(c->f, ERR_INVAL, "The parameter at %zu is required but missing.", i);
	return 0;
}

int param_str(struct call *c, size_t i, const char **ret)
{
	const json_t *v;
	int err = get(c, i, true, &v);

	if (err != 0)
		return err;
	if (!json_is_string(v))
		return wrong_type(c, i);
	*ret = json_string_value(v);
	return 0;
}

int param_list(struct call *c, size_t i, bool required, const json_t **ret)
{
	int err = get(c, i, required, ret);

	return err == 0 && *ret != NULL && !json_is_array(*ret) ? wrong_type(c, i) : err;
}

int param_dict(struct call *c, size_t i, bool required, const json_t **ret)
{
	int err = get(c, i, required, ret);

	return err == 0 && *ret != NULL && !json_is_object(*ret) ? wrong_type(c, i) : err;
}

int param_int(struct call *c, size_t i, bool required, int64_t *ret)
{
	const json_t *v;
	int err = get(c, i, required, &v);

	if (err != 0 || v == NULL)
		return err;
	if (!json_is_number(v))
		return wrong_type(c, i);
	if (json_is_integer(v))
		*ret = json_integer_value(v);
	else if (json_real_value(v) >= 9.2e18)
		*ret = INT64_MAX;
	else if (json_real_value(v) <= -9.2e18)
		*ret = INT64_MIN;
	else
		*ret = (int64_t)json_real_value(v);
	return 0;
}

int param_int_min(struct call *c, size_t i, int64_t min, int64_t *ret)
{
	int err = param_int(c, i, true, ret);

	if (err == 0 && *ret < min)
		return fail_set(c->f, ERR_INVAL,
			"The integer parameter at %zu has invalid value: "
			"the value must be greater than or equal to %lld.",
			i, (long long)min);
	return err;
}

int param_position(struct call *c, size_t i, int64_t *ret)
{
	const json_t *v;
	int err;

	*ret = POSITION_NONE;
	get(c, i, false, &v);
	if (v == NULL)
		return 0;
	err = param_int(c, i, false, ret);
	if (err == 0 && *ret < 0)
		*ret = POSITION_BAD;
	return err;
}

int param_position_check(struct call *c, int64_t pos)
{
	return pos == POSITION_BAD ? fail_set(c->f, ERR_INVAL, "Position must be greater than or equal to 0.") : 0;
}

int param_gid(struct call *c, size_t i, uint64_t *ret)
{
	const char *text;
	int err = param_str(c, i, &text);

	return err != 0 ? err : engine_find(c->engine, text, ret, c->f);
}

size_t param_strings(const json_t *list, char ***ret)
{
	size_t n = json_array_size(list), got = 0;
	char **v = xmalloc((n + 1) * sizeof(*v));

	for (size_t i = 0; i < n; i++) {
		const json_t *s = json_array_get(list, i);

		if (json_is_string(s))
			v[got++] = (char *)(uintptr_t)json_string_value(s);
	}
	v[got] = NULL;
	*ret = v;
	return got;
}

int call_fail_gid(struct call *c, int code, const char *before, uint64_t gid, const char *after)
{
	char text[17];

	str_from_gid(gid, text);
	return fail_set(c->f, code, "%s%s%s", before, text, after);
}
