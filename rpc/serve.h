/* SPDX-License-Identifier: MIT
 * What a whole HTTP request gets: who may ask at all, which path and method, and the answer with its fields, as in
 * aria2.
 */
#ifndef HAUL_RPC_SERVE_H
#define HAUL_RPC_SERVE_H

#include "rpc/http.h"

struct conn;

void serve(struct conn *c);
/* The request can't be served and its end can't be found: an answer where there is one, and the connection ends. */
void serve_refusal(struct conn *c, enum http_refusal why);

#endif
