/* SPDX-License-Identifier: MIT
 * struct cidr: a block of addresses, "10.0.0.0/8", "fc00::/7", "192.0.2.1". IPv4 is held as v4-mapped IPv6 (RFC 4291 2.5.5.2), so
 * that there is one kind of address. Pure; any thread.
 */
#ifndef HAUL_BASE_CIDR_H
#define HAUL_BASE_CIDR_H

#include <stdbool.h>
#include <stddef.h>

#define CIDR_TEXT_MAX 64

struct cidr {
	unsigned char a[16];
	unsigned bits; /* 0..128, of a */
};

/* n bytes of text: an address, with "/BITS" or without. 0 or ERR_INVAL. */
int cidr_parse(const char *text, size_t n, struct cidr *ret);
bool cidr_has(const struct cidr *c, const unsigned char a[16]);

#endif
