/* SPDX-License-Identifier: MIT
 * HTTP/1.1 (RFC 9112) over TCP and TLS as a protocol for transfers: schemes http and https.
 */
#ifndef HAUL_PROTO_HTTP1_H
#define HAUL_PROTO_HTTP1_H

#include "proto/proto.h"

extern const struct proto http1_proto;

#endif
