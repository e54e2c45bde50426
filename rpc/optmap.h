/* SPDX-License-Identifier: MIT
 * Options as JSON objects: from a client into a set, and from a set to a client.
 */
#ifndef HAUL_RPC_OPTMAP_H
#define HAUL_RPC_OPTMAP_H

#include <jansson.h>

#include "base/err.h"
#include "base/opt.h"
#include "rpc/call.h"

/* Sets the members of dict (NULL: none) in o, in byte order of their names, as the caller of c may. As in aria2, unknown
 * names, names without any of the flags in `allowed`, and values that are no strings (for lists: no strings or arrays of
 * them) are passed over; the log says so. Refused are folders outside of the caller's (base/dirs.h), OF_HOOK options, and
 * where `allowed` has OF_GLOBAL, all OF_NORPC ones (unless they have that value already: some clients send back all that
 * they were shown). List elements are added to what o inherits where `allowed` has OF_INITIAL, else they replace it. 0,
 * or ERR_INVAL naming the first bad one; o is then half filled and to be thrown away. */
int optmap_read(struct call *c, struct opts *o, const json_t *dict, unsigned allowed);

/* Writes the defined options that have one of the flags in `shown` as one object; OF_HIDDEN ones are left out. */
void optmap_write(const struct opts *o, unsigned shown, struct jw *w);

#endif
