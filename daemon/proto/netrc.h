/* SPDX-License-Identifier: MIT
 * Names and passwords of servers out of a .netrc file. Read as a whole on the thread that asks for it; then loop thread.
 */
#ifndef HAUL_PROTO_NETRC_H
#define HAUL_PROTO_NETRC_H

#include <stddef.h>

#include "base/err.h"

#define NETRC_FILE_MAX (1024 * 1024)

struct netrc;

/* Borrowed from the struct netrc. */
struct netrc_login {
	const char *user;
	const char *passwd; /* "" when the file has none */
};

/* 0; ERR_NOT_FOUND: there is no such file; ERR_OPEN: it can't be read, is no plain file, belongs to somebody else, is too
 * large, or group or others have any right to it. */
int netrc_load(const char *path, struct netrc **ret, struct fail *f);
/* The same of a text. Broken parts are passed over. */
struct netrc *netrc_parse(const char *text, size_t n);
void netrc_free(struct netrc *n); /* wipes; NULL is fine */

/* The first entry of exactly this host (as in a struct uri, case does not matter), NULL: none. `default` is not looked at.
 * n may be NULL. */
const struct netrc_login *netrc_find(const struct netrc *n, const char *host);

#endif
