/* SPDX-License-Identifier: MIT
 * JSON values as text. Pure.
 */
#ifndef HAUL_CLIENT_JTEXT_H
#define HAUL_CLIENT_JTEXT_H

#include <jansson.h>

#include "base/buf.h"

/* v, which holds no loop, behind what is in out: as json_dumps with JSON_COMPACT writes it, at a quarter of the price, since that
 * looks for loops. out may refuse it (buf.err). */
void jtext_put(struct buf *out, const json_t *v);

#endif
