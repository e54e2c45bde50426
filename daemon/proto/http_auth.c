/* SPDX-License-Identifier: MIT
 * Basic authentication.
 */
#include "proto/http_auth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/opt.h"
#include "base/str.h"
#include "proto/netrc.h"

#define HTTPS_PORT 443

char *http_auth_basic(const char *user, const char *passwd)
{
	char *plain = xasprintf("%s:%s", user, passwd != NULL ? passwd : "");
	char *coded = str_base64(plain, strlen(plain));
	char *value = xasprintf("Basic %s", coded);

	http_auth_free(plain);
	http_auth_free(coded);
	return value;
}

/* An entry names a host. Where a redirect leads, that is the host's own https: who runs something on another port of it may be
 * somebody else. */
static bool may_have_login(const struct http_auth_req *r)
{
	return r->own_origin || (strcmp(r->uri->scheme, "https") == 0 && r->uri->port == HTTPS_PORT);
}

static char *from_netrc(const struct http_auth_req *r)
{
	const struct netrc_login *l = NULL;

	if (!opts_bool(r->opts, OPT_NO_NETRC) && may_have_login(r))
		l = netrc_find(r->netrc, r->uri->host);
	return l != NULL ? http_auth_basic(l->user, l->passwd) : NULL;
}

char *http_auth(const struct http_auth_req *r, bool *ret_ask_first)
{
	const char *user = opts_str(r->opts, OPT_HTTP_USER);

	*ret_ask_first = false;
	if (r->uri->user != NULL)
		return http_auth_basic(r->uri->user, r->uri->passwd);
	if (r->own_origin && r->named != NULL && r->named->user != NULL)
		return http_auth_basic(r->named->user, r->named->passwd);
	*ret_ask_first = opts_bool(r->opts, OPT_HTTP_AUTH_CHALLENGE);
	if (r->own_origin && user != NULL && *user != '\0')
		return http_auth_basic(user, opts_str(r->opts, OPT_HTTP_PASSWD));
	return from_netrc(r);
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
