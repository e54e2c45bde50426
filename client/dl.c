/* SPDX-License-Identifier: MIT
 * A download as the daemon reports it.
 */
#include "client/dl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/uri.h"

#define ETA_MAX (99 * 86400LL) /* seconds; beyond it a guess says nothing, and would take more columns */

uint64_t json_num(const json_t *obj, const char *key)
{
	const json_t *v = json_object_get(obj, key);
	uint64_t n = 0;
	if (json_is_integer(v))
		return json_integer_value(v) > 0 ? (uint64_t)json_integer_value(v) : 0;
	if (!json_is_string(v) || str_to_u64(json_string_value(v), json_string_length(v), &n) < 0)
		return 0;
	return n;
}

const char *json_text(const json_t *obj, const char *key)
{
	const char *s = json_string_value(json_object_get(obj, key));
	return s ? s : "";
}

json_t *dl_keys(enum dl_keys which, bool own)
{
	static const struct {
		const char *name;
		bool in[DL_KEYS_COUNT];
	} keys[] = {{"gid", {true, true, true}}, {"status", {true, true, true}}, {"totalLength", {true, true, true}},
		{"completedLength", {true, true, true}}, {"errorCode", {true, true, true}},
		{"followedBy", {true, true, true}}, {"haul.path", {true, true, true}}, {"errorMessage", {true, true}},
		{"dir", {true, true}}, {"haul.uri", {true}}, {"haul.wait", {true}}, {"downloadSpeed", {true}},
		{"connections", {true}}, {"verifiedLength", {true}}};
	json_t *list = json_array();
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i].in[which])
			json_array_append_new(list, json_string(keys[i].name));
	}
	if (!own && which != DL_BRIEF)
		json_array_append_new(list, json_string("files"));
	return list;
}

/* Our own key has it, or `files`. */
static const char *first_of(const json_t *answer, const char *own, const json_t *in, const char *name)
{
	const char *text = json_text(answer, own);
	return text[0] ? text : json_text(in, name);
}

/* Never more of the text than these parts: what stands around them may be secret. */
static char *name_of_uri(const char *text, const char *gid)
{
	struct uri u;
	if (uri_parse(text, strlen(text), &u, NULL) < 0)
		return xstrdup(gid);
	const char *last = strrchr(u.path, '/') + 1;
	char *name = last[0] ? xmalloc(strlen(last) + 1) : uri_hostport(&u);
	if (last[0])
		str_pct_decode(last, strlen(last), name);
	uri_free(&u);
	return name;
}

static char *name_of(const char *dir, const char *path, const char *uri, const char *gid)
{
	size_t n = strlen(dir);
	while (n > 1 && dir[n - 1] == '/')
		n--;
	if (path[0] == '\0')
		return name_of_uri(uri, gid);
	if (n > 0 && strncmp(path, dir, n) == 0 && path[n] == '/' && path[n + 1] != '\0')
		return xstrdup(path + n + 1);
	return xstrdup(path);
}

/* A GID goes to the terminal as it is: hex digits only. */
static void read_gid(const char *text, char ret[17])
{
	size_t n = strspn(text, "0123456789abcdefABCDEF");
	snprintf(ret, 17, "%.*s", n > 16 ? 16 : (int)n, text);
}

void dl_clear(struct dl *d)
{
	free(d->wait);
	free(d->error);
	free(d->path);
	free(d->uri);
	free(d->name);
	memset(d, 0, sizeof(*d));
}

void dl_init(struct dl *ret, const char *gid, const char *uri)
{
	read_gid(gid, ret->gid);
	ret->wait = xstrdup("");
	ret->error = xstrdup("");
	ret->path = xstrdup("");
	ret->uri = xstrdup(uri);
	ret->name = name_of_uri(uri, ret->gid);
}

void dl_read(const json_t *a, struct dl *ret)
{
	const json_t *file = json_array_get(json_object_get(a, "files"), 0);
	const char *path = first_of(a, "haul.path", file, "path");
	const char *uri = first_of(a, "haul.uri", json_array_get(json_object_get(file, "uris"), 0), "uri");
	char *known = uri[0] || !ret->uri ? xstrdup(uri) : xstrdup(ret->uri);
	bool relative = ret->relative;
	dl_clear(ret);
	ret->relative = relative;
	read_gid(json_text(a, "gid"), ret->gid);
	snprintf(ret->status, sizeof(ret->status), "%s", json_text(a, "status"));
	ret->total = json_num(a, "totalLength");
	ret->done = json_num(a, "completedLength");
	ret->speed = json_num(a, "downloadSpeed");
	ret->verified = json_num(a, "verifiedLength");
	ret->conns = (unsigned)json_num(a, "connections");
	ret->code = (int)json_num(a, "errorCode");
	ret->wait = xstrdup(json_text(a, "haul.wait"));
	ret->error = xstrdup(json_text(a, "errorMessage"));
	ret->path = xstrdup(path);
	ret->uri = known;
	ret->name = name_of(json_text(a, "dir"), ret->path, ret->uri, ret->gid);
}

const char *dl_wait_reason(const struct dl *d)
{
	static const char begin[] = "waiting ";
	static const char *const units[] = {" s ", " min "};
	const char *s = d->wait, *unit;
	if (strncmp(s, begin, strlen(begin)) != 0)
		return s;
	s += strlen(begin);
	unit = s + strspn(s, "0123456789");
	for (size_t i = 0; unit > s && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strncmp(unit, units[i], strlen(units[i])) == 0)
			return unit + strlen(units[i]);
	}
	return s;
}

json_t *dl_added(const char *gid, const char *uri)
{
	char *shown = uri_without_login(uri);
	json_t *event = json_pack("{s:s,s:s,s:s}", "event", "added", "gid", gid, "uri", shown);
	free(shown);
	return event;
}

bool dl_is_ended(const struct dl *d)
{
	return strcmp(d->status, "complete") == 0 || strcmp(d->status, "error") == 0 ||
	       strcmp(d->status, "removed") == 0;
}

double dl_part(const struct dl *d)
{
	if (strcmp(d->status, "complete") == 0)
		return 1;
	return d->total ? (double)d->done / (double)d->total : 0;
}

int64_t dl_eta(uint64_t left, uint64_t speed)
{
	if (speed == 0 || left / speed > ETA_MAX)
		return -1;
	return (int64_t)((left + speed - 1) / speed);
}
