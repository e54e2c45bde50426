/* SPDX-License-Identifier: MIT
 * The text of a Set-Cookie field (RFC 6265 5.1, 5.2). No state; any thread.
 */
#ifndef HAUL_PROTO_COOKIE_PARSE_H
#define HAUL_PROTO_COOKIE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/cookie.h"

/* c->domain is that of the Domain attribute, or NULL; c->path never NULL (the default path of `from` unless the Path
 * attribute says another); host_only is not set. false: to be ignored, nothing was allocated. */
bool cookie_parse(const char *text, const struct uri *from, int64_t now, struct cookie *c);
void cookie_clear(struct cookie *c); /* wipes and frees the texts */

/* Section 5.1.1, which takes far more than HTTP's dates; years before 1970 give 0. false: no date. */
bool cookie_date(const char *s, int64_t *ret);
/* Section 5.1.4: malloc'd. */
char *cookie_default_path(const char *uri_path);

#endif
