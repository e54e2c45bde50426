/* SPDX-License-Identifier: MIT
 * The functions behind method_table.h, as m_*.c define them.
 */
#ifndef HAUL_RPC_METHOD_H
#define HAUL_RPC_METHOD_H

#include "rpc/call.h"

#define METHOD(name, fn, flags) int fn(struct call *c);
#include "rpc/method_table.h"
#undef METHOD

#endif
