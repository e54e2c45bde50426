/* SPDX-License-Identifier: MIT
 * Blocks of addresses.
 */
#include "base/cidr.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

int cidr_parse(const char *text, size_t n, struct cidr *ret)
{
	const char *slash = memchr(text, '/', n);
	size_t len = slash != NULL ? (size_t)(slash - text) : n;
	char addr[CIDR_TEXT_MAX];
	uint64_t bits;
	unsigned max = 128;

	if (len >= sizeof(addr))
		return ERR_INVAL;
	memcpy(addr, text, len);
	addr[len] = '\0';
	if (inet_pton(AF_INET6, addr, ret->a) != 1) {
		memcpy(ret->a, mapped, sizeof(mapped));
		max = 32;
		if (inet_pton(AF_INET, addr, ret->a + sizeof(mapped)) != 1)
			return ERR_INVAL;
	}
	bits = max;
	if (slash != NULL && (str_to_u64(slash + 1, n - len - 1, &bits) != 0 || bits > max))
		return ERR_INVAL;
	ret->bits = (unsigned)bits + (128 - max);
	return 0;
}

bool cidr_has(const struct cidr *c, const unsigned char a[16])
{
	unsigned whole = c->bits / 8, rest = c->bits % 8;

	if (memcmp(c->a, a, whole) != 0)
		return false;
	return rest == 0 || (c->a[whole] ^ a[whole]) >> (8 - rest) == 0;
}
