/* SPDX-License-Identifier: MIT
 * Tests of the digests: known answers, in pieces, and the checksum option's text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/hash.h"

/* Digests of "abc": FIPS 180, RFC 1321, RFC 1950. */
static const char *const known[][2] = {
	{"md5", "900150983cd24fb0d6963f7d28e17f72"},
	{"sha-1", "a9993e364706816aba3e25717850c26c9cd0d89d"},
	{"sha-224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
	{"sha-256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"sha-384", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
	{"sha-512", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
	{"adler32", "024d0127"},
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

static void known_answers(void **state)
{
	unsigned char got[HASH_MAX], want[HASH_MAX];
	char text[200], type[8];
	size_t i, n;

	(void)state;
	for (i = 0; i < KNOWN; i++) {
		struct hash *h = hash_new(known[i][0]);

		assert_non_null(h);
		snprintf(text, sizeof(text), "%s=%s", known[i][0], known[i][1]);
		assert_int_equal(hash_parse(text, type, want, &n), 0);
		assert_string_equal(type, known[i][0]);
		assert_int_equal(n, hash_len(known[i][0]));
		for (int again = 0; again < 2; again++) {
			hash_update(h, "a", 1);
			hash_update(h, "", 0);
			hash_update(h, "bc", 2);
			assert_int_equal(hash_final(h, got), n);
			assert_memory_equal(got, want, n);
		}
		hash_free(h);
	}
}

static void nothing_hashed(void **state)
{
	unsigned char got[HASH_MAX];
	struct hash *h = hash_new("adler32");

	(void)state;
	assert_int_equal(hash_final(h, got), 4);
	assert_memory_equal(got, "\0\0\0\1", 4);
	hash_free(h);
	hash_free(NULL);
}

static void names(void **state)
{
	(void)state;
	assert_int_equal(hash_len("SHA-256"), 32);
	assert_int_equal(hash_len("sha-25"), 0);
	assert_int_equal(hash_len("sha-2566"), 0);
	assert_int_equal(hash_len(""), 0);
	assert_null(hash_new("crc32"));
}

static void texts(void **state)
{
	static const char *const bad[] = {"", "=", "md5", "md5=", "md5=900150983cd24fb0d6963f7d28e17f7",
		"md5=900150983cd24fb0d6963f7d28e17f723", "md5=900150983cd24fb0d6963f7d28e17f7g",
		"md6=900150983cd24fb0d6963f7d28e17f72", " md5=900150983cd24fb0d6963f7d28e17f72",
		"md5=0x0150983cd24fb0d6963f7d28e17f72ab"};
	unsigned char sum[HASH_MAX];
	char type[8];
	size_t i, n;

	(void)state;
	assert_int_equal(hash_parse("Adler32=024D0127", type, sum, &n), 0);
	assert_string_equal(type, "adler32");
	assert_int_equal(n, 4);
	assert_memory_equal(sum, "\x02\x4d\x01\x27", 4);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(hash_parse(bad[i], type, sum, &n), ERR_INVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(nothing_hashed),
		cmocka_unit_test(names),
		cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
