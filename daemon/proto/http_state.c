/* SPDX-License-Identifier: MIT
 * Reading and writing what the requests of a process share.
 */
#include "proto/http_state.h"

#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/opt.h"
#include "base/str.h"
#include "proto/cookie_file.h"

static char *path_of(const struct opts *o, enum opt id)
{
	const char *s = opts_str(o, id);

	return s != NULL && *s != '\0' ? xstrdup(s) : NULL;
}

static void load_cookies(struct http_state *s, const char *path)
{
	struct fail f;
	unsigned passed;

	if (cookie_file_load(s->jar, path, (int64_t)time(NULL), &passed, &f) < 0) {
		log_warn(HTTP, "no cookies were loaded: %s", f.text);
		return;
	}
	log_info(HTTP, "%zu cookies from %s", cookie_jar_count(s->jar), path);
	if (passed > 0)
		log_warn(HTTP, "%s: %u cookies can't be used (malformed, for a whole top-level domain, or encrypted)", path,
			passed);
}

void http_state_reload(struct http_state *s)
{
	struct netrc *fresh = NULL;
	struct fail f;
	int err;

	if (s->netrc_path == NULL)
		return;
	err = netrc_load(s->netrc_path, &fresh, &f);
	if (err < 0 && err != ERR_NOT_FOUND) {
		log_warn(HTTP, "%s%s", f.text, s->netrc != NULL ? "; what it said before is kept" : "");
		return;
	}
	netrc_free(s->netrc);
	s->netrc = fresh;
}

struct http_state *http_state_new(const struct opts *o)
{
	struct http_state *s = xcalloc(1, sizeof(*s));
	char *load = path_of(o, OPT_LOAD_COOKIES);

	s->jar = cookie_jar_new();
	s->netrc_path = opts_bool(o, OPT_NO_NETRC) ? NULL : path_of(o, OPT_NETRC_PATH);
	s->save_path = path_of(o, OPT_SAVE_COOKIES);
	if (load != NULL)
		load_cookies(s, load);
	free(load);
	http_state_reload(s);
	return s;
}

void http_state_save(struct http_state *s)
{
	struct fail f;

	if (s->save_path != NULL && cookie_file_save(s->jar, s->save_path, (int64_t)time(NULL), &f) < 0)
		log_error(HTTP, "the cookies were not saved: %s", f.text);
}

char *http_state_take_buf(struct http_state *s)
{
	return s != NULL && s->n_bufs > 0 ? s->bufs[--s->n_bufs] : NULL;
}

void http_state_give_buf(struct http_state *s, char *buf)
{
	if (s != NULL && s->n_bufs < HTTP_SPARE_BUFS)
		s->bufs[s->n_bufs++] = buf;
	else
		free(buf);
}

void http_state_free(struct http_state *s)
{
	if (s == NULL)
		return;
	cookie_jar_free(s->jar);
	netrc_free(s->netrc);
	free(s->netrc_path);
	free(s->save_path);
	while (s->n_bufs > 0)
		free(s->bufs[--s->n_bufs]);
	free(s);
}
