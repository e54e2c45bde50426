/* SPDX-License-Identifier: MIT
 * JSON as programs mostly send it, read in one pass. What has anything in it that wants more care is left to the parser
 * behind lenient.h, whose result this one's always equals. Pure.
 */
#ifndef HAUL_RPC_PLAIN_JSON_H
#define HAUL_RPC_PLAIN_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The value that n bytes of text are, as a new reference; NULL when they hold an escape, a byte above 0x7f or a control
 * character inside of a string, a fraction, an exponent, -0, a zero in front or a number of more than 18 digits, are nested
 * deeper than PLAIN_DEPTH_MAX, or are no JSON: these are for the other parser to judge. */
json_t *plain_json(const char *text, size_t n);

#define PLAIN_DEPTH_MAX 16

/* An array in the same form, read one element at a time: of thousands of calls only the one that runs is in memory, in the
 * very bytes that the one before has just given back. */
struct plain_array {
	const char *at, *end; /* of the caller's text */
	size_t left;	      /* elements that were not read yet */
};

/* Whether n bytes of text are an array for which plain_json would not give NULL; text stays until the last element is read. *ret
 * is set only then. */
bool plain_array_begin(const char *text, size_t n, struct plain_array *ret);
/* The next element, of which there is one, as a new reference; NULL: out of memory. */
json_t *plain_array_next(struct plain_array *a);

#endif
