/* SPDX-License-Identifier: MIT
 * aria2's reading of JSON, made into JSON that a strict parser takes: clients are written by trying, and some paste
 * lines into strings. Pure.
 */
#ifndef HAUL_RPC_LENIENT_H
#define HAUL_RPC_LENIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define LENIENT_DEPTH_MAX 50 /* as aria2 */
#define LENIENT_GROWTH	  6  /* bytes that one may become at most: a control character */

/* The first JSON value in n bytes of text, into out, which is initialised here and the caller's to free: a comma before
 * '}' is left out, control characters in strings are escaped (but for NUL), the backslash of an escape that does not
 * exist is left out ("\x" is "x"), and so are zeros before a number. What follows the value is dropped. What is no JSON
 * otherwise stays wrong. The result has at most LENIENT_GROWTH * n bytes. False: nested deeper than LENIENT_DEPTH_MAX. */
bool lenient_json(const char *text, size_t n, struct buf *out);

#endif
