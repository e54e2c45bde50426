/* SPDX-License-Identifier: MIT
 * Answers as gzip (RFC 1952).
 */
#ifndef HAUL_RPC_GZIP_H
#define HAUL_RPC_GZIP_H

#include <stdbool.h>

#include "base/buf.h"

#define GZIP_MAX (512u << 10) /* larger texts are left alone: packing them would hold up the loop */

/* Replaces the bytes of b (max stays) by packed ones; false and b as it was when it is too large. */
bool gzip_buf(struct buf *b);

#endif
