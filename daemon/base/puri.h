/* SPDX-License-Identifier: MIT
 * Parameterized URIs (option parameterized-uri): {a,b} and [1-10:2] stand for several texts. Any thread.
 */
#ifndef HAUL_BASE_PURI_H
#define HAUL_BASE_PURI_H

#include <stddef.h>

#include "err.h"

#define PURI_MAX       100000	   /* most results of one text */
#define PURI_BYTES_MAX (64u << 20) /* most bytes of all of them together */

/* Gets one result, which lives until it returns; 0, or an error that ends the expansion. */
typedef int (*puri_fn)(void *arg, const char *text);

/*
 * {a,b,c}            each word; blanks around words are cut, empty words dropped
 * [1-10] [01-10:3]   numbers up to 65535, with a step; both ends of one width: that width is kept
 * [a-z] [AA-AZ]      base-26 letters of one case
 * All combinations go to each(), the first bracket varies slowest. A range that runs backwards or an empty list leaves
 * nothing in its place. The bracket of an IPv6 host stays. 0, ERR_BAD_URI in aria2's words, also for more than PURI_MAX
 * results (then each() was not called), or what each() returned.
 */
int puri_expand(const char *text, puri_fn each, void *arg, struct fail *f);

#endif
