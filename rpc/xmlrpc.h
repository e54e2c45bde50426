/* SPDX-License-Identifier: MIT
 * XML-RPC (http://xmlrpc.com/spec.md) over the same methods: a call becomes a JSON-RPC request, its answer becomes XML
 * again. Parsed by expat; no document type, so no entities but XML's own. Loop thread.
 */
#ifndef HAUL_RPC_XMLRPC_H
#define HAUL_RPC_XMLRPC_H

#include <stdbool.h>
#include <stddef.h>

#include "rpc/jsonrpc.h"

/* Answers the methodCall of n bytes at text into r (initialised), in JSON so far; r->xml is set. False, and r untouched,
 * when it is none. */
bool xmlrpc_text(const struct caller *who, const char *text, size_t n, struct reply *r);
/* Turns the finished r->out into a methodResponse; the status becomes 200, also for faults. */
void xmlrpc_encode(struct reply *r);

#endif
