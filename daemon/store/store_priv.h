/* SPDX-License-Identifier: MIT
 * The door for tests: a store over any backend.
 */
#ifndef HAUL_STORE_STORE_PRIV_H
#define HAUL_STORE_STORE_PRIV_H

#include "store/store_backend.h"

/* As store_open. dir NULL: nothing is locked. */
int store_open_backend(
	struct loop *l, const struct store_backend *be, const char *dir, struct store **ret, struct fail *f);

#endif
