/* SPDX-License-Identifier: MIT
 * Option sets as the objects that RPC takes.
 */
#ifndef HAUL_CLIENT_OPTJSON_H
#define HAUL_CLIENT_OPTJSON_H

#include <jansson.h>

#include "base/opt.h"

/* The values that o itself sets, of rows with any of the flags (0: all): text, or an array of texts for lists. New
 * reference. */
json_t *optjson(const struct opts *o, unsigned flags);

/* "name=value" into o: 0, or ERR_USAGE naming the option. `may`: flags of which the row must have one, else "can't be
 * changed". */
int optjson_assign(struct opts *o, const char *text, unsigned may, struct fail *f);

#endif
