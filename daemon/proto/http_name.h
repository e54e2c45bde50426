/* SPDX-License-Identifier: MIT
 * The file name that a server proposes: Content-Disposition (RFC 6266) with RFC 8187 parameters. No state; any thread.
 */
#ifndef HAUL_PROTO_HTTP_NAME_H
#define HAUL_PROTO_HTTP_NAME_H

#include <stdbool.h>

/* The name in the field's value: filename* before filename, the last path part of it, UTF-8 without control characters,
 * malloc'd. NULL when there is none, when it is empty, "." or "..", or when the value is malformed. Bytes of filename
 * that are no UTF-8 are read as GBK when they look like Chinese, else as ISO-8859-1; with utf8_only they are no name.
 * What a file system or a user may mind beyond that (leading dots, length, bidi controls) is for the caller to clean. */
char *http_name(const char *value, bool utf8_only);

#endif
