/* SPDX-License-Identifier: MIT
 * Basic authentication.
 */
#include "proto/http_auth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/opt.h"
#include "base/str.h"

static char *basic(const char *user, const char *passwd)
{
	char *plain = xasprintf("%s:%s", user, passwd != NULL ? passwd : "");
	char *coded = str_base64(plain, strlen(plain));
	char *value = xasprintf("Basic %s", coded);

	http_auth_free(plain);
	http_auth_free(coded);
	return value;
}

char *http_auth(const struct uri *uri, bool own_origin, const struct opts *o, bool *ret_ask_first)
{
	const char *user = opts_str(o, OPT_HTTP_USER);

	*ret_ask_first = false;
	if (uri->user != NULL)
		return basic(uri->user, uri->passwd);
	if (!own_origin || user == NULL || *user == '\0')
		return NULL;
	*ret_ask_first = opts_bool(o, OPT_HTTP_AUTH_CHALLENGE);
	return basic(user, opts_str(o, OPT_HTTP_PASSWD));
}

void http_auth_free(char *secret)
{
	if (secret == NULL)
		return;
	explicit_bzero(secret, strlen(secret));
	free(secret);
}

bool http_auth_asks_basic(const char *www_authenticate)
{
	for (const char *s = www_authenticate; s != NULL; s = strchr(s, ',')) {
		s += strspn(s, ", \t");
		if (strncasecmp(s, "Basic", 5) == 0 && strchr(" \t,", s[5]) != NULL)
			return true;
		if (*s == '\0')
			break;
	}
	return false;
}
