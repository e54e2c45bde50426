/* SPDX-License-Identifier: MIT
 * The protocols there are. A new one is a row here.
 */
#include <string.h>

#include "proto/http1.h"
#include "proto/proto.h"

static const struct proto *const protocols[] = {
	&http1_proto,
};

const struct proto *proto_find(const char *scheme)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		for (const char *const *s = protocols[i]->schemes; *s != NULL; s++) {
			if (strcmp(*s, scheme) == 0)
				return protocols[i];
		}
	}
	return NULL;
}
