/* SPDX-License-Identifier: MIT
 * Message digests by name.
 */
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <zlib.h>

#include "base/err.h"
#include "base/str.h"

struct hash_def {
	const char *name;
	const EVP_MD *(*evp)(void); /* NULL: adler32 */
	size_t len;
};

struct hash {
	const struct hash_def *def;
	EVP_MD_CTX *ctx;
	uLong adler;
};

static const struct hash_def defs[] = {
	{"md5", EVP_md5, 16},
	{"sha-1", EVP_sha1, 20},
	{"sha-224", EVP_sha224, 28},
	{"sha-256", EVP_sha256, 32},
	{"sha-384", EVP_sha384, 48},
	{"sha-512", EVP_sha512, 64},
	{"adler32", NULL, 4},
};

static const struct hash_def *find(const char *type, size_t n)
{
	size_t i;

	for (i = 0; i < sizeof(defs) / sizeof(defs[0]); i++)
		if (strlen(defs[i].name) == n && strncasecmp(defs[i].name, type, n) == 0)
			return &defs[i];
	return NULL;
}

size_t hash_len(const char *type)
{
	const struct hash_def *def = find(type, strlen(type));

	return def != NULL ? def->len : 0;
}

struct hash *hash_new(const char *type)
{
	const struct hash_def *def = find(type, strlen(type));
	struct hash *h;

	if (def == NULL)
		return NULL;
	h = xcalloc(1, sizeof(*h));
	h->def = def;
	h->adler = adler32_z(0, NULL, 0);
	if (def->evp == NULL)
		return h;
	h->ctx = EVP_MD_CTX_new();
	/* Initialisation fails for a type that the system's crypto policy forbids: the same as not having it. */
	if (h->ctx == NULL || EVP_DigestInit_ex(h->ctx, def->evp(), NULL) != 1) {
		hash_free(h);
		return NULL;
	}
	return h;
}

void hash_update(struct hash *h, const void *p, size_t n)
{
	if (h->ctx != NULL)
		EVP_DigestUpdate(h->ctx, p, n);
	else if (n > 0)
		h->adler = adler32_z(h->adler, p, n);
}

size_t hash_final(struct hash *h, unsigned char ret[HASH_MAX])
{
	size_t i;

	if (h->ctx != NULL) {
		EVP_DigestFinal_ex(h->ctx, ret, NULL);
		EVP_DigestInit_ex(h->ctx, NULL, NULL); /* as it is: looking it up costs more than a short text */
		return h->def->len;
	}
	for (i = 0; i < h->def->len; i++)
		ret[i] = (unsigned char)(h->adler >> (24 - 8 * i));
	h->adler = adler32_z(0, NULL, 0);
	return h->def->len;
}

void hash_free(struct hash *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

int hash_parse(const char *text, char ret_type[8], unsigned char ret[HASH_MAX], size_t *ret_len)
{
	const char *eq = strchr(text, '=');
	const struct hash_def *def = eq != NULL ? find(text, (size_t)(eq - text)) : NULL;
	uint64_t byte;
	size_t i;

	if (def == NULL || strlen(eq + 1) != def->len * 2)
		return ERR_INVAL;
	for (i = 0; i < def->len; i++) {
		if (str_hex_to_u64(eq + 1 + i * 2, 2, &byte) != 0)
			return ERR_INVAL;
		ret[i] = (unsigned char)byte;
	}
	memcpy(ret_type, def->name, strlen(def->name) + 1);
	*ret_len = def->len;
	return 0;
}
