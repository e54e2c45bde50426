/* SPDX-License-Identifier: MIT
 * The encoder of answers in aria2's exact form: no blanks; '"', '\', '/' and control characters escaped (\u00XX in
 * upper case), other UTF-8 and 0x7f raw. It writes straight into the answer's buffer, so a large list exists once.
 * Callers write object members in the byte order of their names; jw_json sorts by itself. Bytes that are no UTF-8
 * become U+FFFD.
 */
#ifndef HAUL_RPC_REPLY_H
#define HAUL_RPC_REPLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct jw {
	struct buf *out; /* borrowed; its sticky error is looked at by whoever finishes the answer */
	bool comma;      /* the next value or key needs one in front */
};

void jw_open(struct jw *w, char bracket); /* '{' or '[' */
void jw_close(struct jw *w, char bracket); /* '}' or ']' */
void jw_key(struct jw *w, const char *name); /* one of ours: nothing in it needs escaping */
void jw_str(struct jw *w, const char *s); /* NULL: "" */
void jw_bool(struct jw *w, bool v);       /* "true" or "false" in quotes, as everywhere in this protocol */
void jw_intstr(struct jw *w, int64_t v);  /* decimal in quotes */
void jw_int(struct jw *w, int64_t v);
void jw_gid(struct jw *w, uint64_t gid);
void jw_json(struct jw *w, const json_t *v); /* NULL: null; numbers lose their fraction */

/* key and string value in one */
void jw_pair(struct jw *w, const char *name, const char *s);

/* The value that was written last, whose text begins at `mark` of the buffer, once more. */
void jw_again(struct jw *w, size_t mark);

/* Take back everything written since `mark` (a value of out->len) was taken with comma state `comma`. */
void jw_rewind(struct jw *w, size_t mark, bool comma);

/* "id":ID,"jsonrpc":"2.0", and then: the result still to be written (the caller closes with jw_close) or a whole
 * error. */
void jw_head(struct jw *w, const json_t *id);
void jw_error(struct jw *w, const json_t *id, int code, const char *message);
/* {"code":C,"message":M} */
void jw_error_object(struct jw *w, int code, const char *message);

#endif
