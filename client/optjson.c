/* SPDX-License-Identifier: MIT
 * Option sets as the objects that RPC takes.
 */
#include "client/optjson.h"

#include <string.h>

#include "base/str.h"

/* Elements each followed by a line end. */
static json_t *list_json(const char *text)
{
	json_t *list = json_array();
	while (*text) {
		size_t n = strcspn(text, "\n");
		json_array_append_new(list, json_stringn(text, n));
		text += n + (text[n] == '\n');
	}
	return list;
}

json_t *optjson(const struct opts *o, unsigned flags)
{
	json_t *obj = json_object();
	for (size_t i = 0; i < opts_own(o); i++) {
		enum opt id = opts_own_at(o, i);
		const struct opt_def *d = opt_def(id);
		if (flags && !(d->flags & flags))
			continue;
		const char *val = opts_str(o, id);
		if (val)
			json_object_set_new(obj, d->name, d->type == OT_LIST ? list_json(val) : json_string(val));
	}
	return obj;
}

/* Where an option can be changed that can't be changed here. */
static const char *elsewhere(unsigned flags)
{
	if (flags & OF_GLOBAL)
		return "the daemon's: give --global in the place of the GID";
	if (flags & (OF_LIVE | OF_RESTART))
		return "a single download's: give its GID";
	return "only looked at when hauld starts, or a download is added";
}

int optjson_assign(struct opts *o, const char *text, unsigned may, struct fail *f)
{
	char name[80];
	struct fail why = {0};
	size_t n = strcspn(text, "=");
	str_safe(text, n, name, sizeof(name));
	if (text[n] != '=')
		return fail_set(f, ERR_USAGE, "'%s' is not of the form NAME=VALUE", name);
	enum opt id = opt_find(text, n);
	if (id == OPT_COUNT)
		return fail_set(f, ERR_USAGE, "no option is named '%s'; 'hauld --help=#all' lists them", name);
	if (!(opt_def(id)->flags & may))
		return fail_set(f, ERR_USAGE, "%s can't be changed here, it is %s", name, elsewhere(opt_def(id)->flags));
	if (opts_set(o, id, text + n + 1, &why) < 0)
		return fail_set(f, ERR_USAGE, "%s: %s", name, why.text);
	return 0;
}
